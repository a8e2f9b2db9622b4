/* What a keeper needs a host, and mostly root, for: audit records, control groups, a full disk, a listener; and what it is
 * itself: its size, its memory, what it has given up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keep.h"
#include "kernel/audit.h"

#define MS 20000

static int make(void **state)
{
	struct keep *k = calloc(1, sizeof(*k));

	keep_init(k, NULL);
	*state = k;
	return 0;
}

static int drop(void **state)
{
	keep_done(*state);
	free(*state);
	return 0;
}

static void shell(struct keep *k, const char *script)
{
	k->argv[0] = "/bin/sh";
	k->argv[1] = "-c";
	k->argv[2] = script;
}

static bool started(struct keep *k, struct gate_record *ret)
{
	static char bytes[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;

	if (keep_receive(k->socket, MS, &head, bytes, NULL) != GATE_FRAME_STARTED)
		return false;
	memcpy(ret, bytes, sizeof(*ret));
	return true;
}

static void pause_ms(long ms)
{
	const struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&t, NULL);
}

static void need_root(const char *what)
{
	if (geteuid() == 0)
		return;
	print_message("skipped: %s needs root\n", what);
	skip();
}

/* --- refused calls --- */
#define ARCH_AT offsetof(struct seccomp_data, arch)
#define NR_AT   offsetof(struct seccomp_data, nr)
/* One call gets `action`, all others pass. Of the native architecture only, which is what the shell uses. */
#define ON(call, action)                                                                                               \
	{                                                                                                              \
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NR_AT), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (call), 0, 1),          \
		    BPF_STMT(BPF_RET | BPF_K, (action)), BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)                  \
	}
static const struct sock_filter kill_chroot[] = ON(SYS_chroot, SECCOMP_RET_KILL_PROCESS);
static const struct sock_filter deny_chroot[] = ON(SYS_chroot, SECCOMP_RET_ERRNO | EACCES);
static const struct sock_filter ask_chroot[] = ON(SYS_chroot, SECCOMP_RET_USER_NOTIF);

static void with(struct keep *k, const struct sock_filter *filter)
{
	k->filter = filter;
	k->filter_len = 4;
}

static void need_audit(struct keep *k)
{
	struct gate_audit a = GATE_AUDIT_INIT;
	int fd = open("/proc/self/loginuid", O_WRONLY | O_CLOEXEC);

	k->audit = k->session = true;
	if (fd >= 0 && gate_audit_open(&a, false, NULL) == 0) {
		(void)close(fd);
		gate_audit_close(&a);
		return;
	}
	print_message("skipped: no audit here\n");
	skip();
}

/* The kernel tells nobody in another pid namespace how many records it lost (audit_netlink_ok, Linux 6.18). */
static bool lost_are_counted(void)
{
	const ino_t initial = 0xEFFFFFFC; /* PROC_PID_INIT_INO */
	struct stat st;

	return stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == initial;
}

static void a_call_that_killed_it_has_a_name(void **state)
{
	struct keep *k = *state;
	struct gate_record r = { 0 };

	need_audit(k);
	with(k, kill_chroot);
	k->argv[0] = "/usr/sbin/chroot";
	k->argv[1] = "/";
	keep_start(k);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.outcome, GATE_OUTCOME_KILLED);
	assert_int_equal(r.signal, SIGSYS);
	assert_true(r.session != UINT32_MAX);
	assert_int_equal(r.n_denials, 1);
	assert_int_equal(r.denials[0].nr, SYS_chroot);
	assert_int_equal(r.denials[0].action, SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(r.denials[0].sig, SIGSYS);
	assert_int_equal(r.denials[0].count, 1);
	assert_string_equal(r.denials[0].comm, "chroot");
	/* Without LOG it knows of kills only, and says so; of these it knows all. */
	assert_int_equal(r.gaps, GATE_GAP_ONLY_KILLS);
}

static void refused_calls_of_all_its_processes_are_counted(void **state)
{
	struct keep *k = *state, other;
	struct gate_record r, s;

	need_audit(k);
	keep_init(&other, NULL);
	other.audit = other.session = true;
	with(k, deny_chroot);
	with(&other, deny_chroot);
	k->filter_flags = other.filter_flags = SECCOMP_FILTER_FLAG_LOG;
	/* In the background and gone when the record is read; beside another task with refused calls of its own. */
	shell(k, "chroot / & chroot / & wait; (chroot / & ) ; sleep 0.2; chroot /; exit 0");
	shell(&other, "chroot /; chroot /; sleep 0.3; exit 0");
	keep_start(&other);
	keep_start(k);
	bool good = keep_end(k->socket, MS, &r, NULL, NULL) && keep_end(other.socket, MS, &s, NULL, NULL);
	keep_done(&other);
	assert_true(good);
	assert_true(r.session != s.session);
	assert_int_equal(r.n_denials, 1);
	assert_int_equal(r.denials[0].nr, SYS_chroot);
	assert_int_equal(r.denials[0].count, 4);
	assert_int_equal(r.denials[0].main, 0);
	assert_int_equal(r.gaps, lost_are_counted() ? 0 : GATE_GAP_UNCOUNTED);
	assert_int_equal(s.n_denials, 1);
	assert_int_equal(s.denials[0].count, 2);
}

static void without_a_session_nothing_is_guessed(void **state)
{
	struct keep *k = *state;
	struct gate_record r = { 0 };

	need_audit(k);
	k->session = false;
	with(k, kill_chroot);
	k->argv[0] = "/usr/sbin/chroot";
	k->argv[1] = "/";
	keep_start(k);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.signal, SIGSYS);
	assert_int_equal(r.n_denials, 0);
	assert_int_equal(r.gaps, GATE_GAP_ONLY_KILLS | GATE_GAP_UNATTRIBUTED);
}

static void without_the_audit_log_it_says_so(void **state)
{
	struct keep *k = *state;
	struct gate_record r = { 0 };

	with(k, deny_chroot);
	shell(k, "exit 0");
	keep_start(k);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.gaps, GATE_GAP_ONLY_KILLS | GATE_GAP_NOT_HEARD);
}

static void without_a_fence_it_says_so(void **state)
{
	struct keep *k = *state;
	struct gate_record r = { 0 };

	need_audit(k);
	k->no_ask = true;
	with(k, deny_chroot);
	k->filter_flags = SECCOMP_FILTER_FLAG_LOG;
	shell(k, "chroot /; exit 0");
	keep_start(k);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.n_denials, 1);
	assert_int_equal(r.gaps, GATE_GAP_NO_FENCE | GATE_GAP_UNCOUNTED);
}

/* kernel.seccomp.actions_logged is the host's, and words in it are part of others. */
static void what_the_host_does_not_write_down_it_says(void **state)
{
	static const char all[] = "kill_process kill_thread trap errno user_notif trace log\n";
	static const struct {
		const char *logged;
		uint32_t flags;
		bool gap;
	} rows[] = {
		{ all, SECCOMP_FILTER_FLAG_LOG, false },
		{ "kill_process kill_thread\n", SECCOMP_FILTER_FLAG_LOG, true },
		{ "kill_process kill_thread\n", 0, false },
		{ "kill_thread errno\n", SECCOMP_FILTER_FLAG_LOG, true },
		{ "kill_process errno log", 0, true },
		{ "kill_process kill_thread errno_too\n", SECCOMP_FILTER_FLAG_LOG, true },
		{ "", 0, true },
	};
	struct keep *k = *state;

	need_audit(k);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gate_record r = { 0 };

		if (i > 0) {
			keep_done(k);
			memset(k, 0, sizeof(*k));
			keep_init(k, NULL);
			k->audit = k->session = true;
		}
		with(k, deny_chroot);
		k->filter_flags = rows[i].flags;
		k->logged = rows[i].logged;
		shell(k, "exit 0");
		keep_start(k);
		assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
		if (((r.gaps & GATE_GAP_ACTIONS) != 0) != rows[i].gap)
			fail_msg("with '%s' the gaps are %#x", rows[i].logged, r.gaps);
	}
}

static void what_is_unconfined_is_refused_nothing(void **state)
{
	struct keep *k = *state;
	struct gate_record r = { 0 };

	k->audit = true;
	shell(k, "exit 0");
	keep_start(k);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.gaps, 0);
	assert_int_equal(r.n_denials, 0);
}

static void a_listener_is_given_away_once(void **state)
{
	struct keep *k = *state;
	struct gate_record r = { 0 };
	struct gate_frame head;
	static char bytes[GATE_FRAME_BYTES_MAX];
	int listener = -1;
	union {
		struct seccomp_notif n;
		char room[256];
	} notif;
	union {
		struct seccomp_notif_resp r;
		char room[256];
	} answer;

	need_root("chroot");
	with(k, ask_chroot);
	k->flags |= GATE_PLAN_LISTENER;
	shell(k, "chroot / /bin/true; exit $?");
	keep_start(k);
	assert_true(started(k, &r));
	int c = keep_connect(k);
	assert_true(keep_ask(c, GATE_FRAME_LISTENER, 0, 0, NULL, 0));
	assert_int_equal(keep_receive(c, MS, &head, bytes, &listener), GATE_FRAME_DONE);
	assert_true(listener >= 0);
	assert_true(keep_ask(c, GATE_FRAME_LISTENER, 0, 0, NULL, 0));
	assert_int_equal(keep_receive(c, MS, &head, bytes, NULL), GATE_FRAME_REFUSED);
	assert_int_equal(head.a, ENOENT);
	memset(&notif, 0, sizeof(notif));
	assert_int_equal(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notif), 0);
	assert_int_equal(notif.n.data.nr, SYS_chroot);
	memset(&answer, 0, sizeof(answer));
	answer.r.id = notif.n.id;
	answer.r.error = -EPERM;
	assert_int_equal(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer), 0);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.status, 125);
	(void)close(listener);
	(void)close(c);
}

/* --- control groups and pid namespaces --- */
static void make_groups(struct keep *k, struct gate_cgroups *groups, const struct gate_cgroup_limits *limits)
{
	struct gate_err err = GATE_ERR_INIT;

	need_root("a control group");
	if (gate_cgroups_make(k->id, NULL, limits, false, NULL, groups, &err) < 0) {
		print_message("skipped: %s\n", err.text);
		skip();
	}
	k->groups = groups;
}

/* Gone, or a corpse that nobody has buried yet. */
static bool dead(pid_t pid)
{
	char path[64], text[256] = "";

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return true;
	bool corpse = fgets(text, sizeof(text), f) != NULL && strstr(text, ") Z ") != NULL;
	(void)fclose(f);
	return corpse;
}

static size_t groups_left(const struct keep *k)
{
	struct gate_cgroups found;

	assert_int_equal(gate_cgroups_find(k->id, &found, NULL), 0);
	size_t n = found.n;
	gate_cgroups_done(&found);
	return n;
}

static void running_out_of_memory_is_told(void **state)
{
	struct keep *k = *state;
	struct gate_cgroups groups;
	const struct gate_cgroup_limits limits = { .memory = 16 << 20, .memory_swap = 16 << 20, .want = GATE_CGROUP_FREEZER };
	struct gate_record r = { 0 };

	make_groups(k, &groups, &limits);
	shell(k, "x=$(head -c 100000000 /dev/zero | tr '\\0' x); echo ${#x}");
	keep_start(k);
	gate_cgroups_done(&groups);
	assert_true(keep_end(k->socket, 60000, &r, NULL, NULL));
	assert_int_equal(r.signal, SIGKILL);
	assert_true(r.oom_kills > 0);
	assert_int_equal(r.by_stop, 0);
	assert_true(r.memory_peak > 0);
	assert_int_equal(keep_wait(k, MS), 0);
	assert_int_equal(groups_left(k), 0);
}

static void what_is_left_in_its_groups_is_killed(void **state)
{
	struct keep *k = *state;
	struct gate_cgroups groups;
	const struct gate_cgroup_limits limits = { .want = GATE_CGROUP_FREEZER };
	struct gate_record r = { 0 };
	char out[64];
	size_t n = sizeof(out);

	make_groups(k, &groups, &limits);
	shell(k, "setsid sleep 1000 & echo $!; exit 3");
	keep_start(k);
	gate_cgroups_done(&groups);
	assert_true(keep_end(k->socket, MS, &r, out, &n));
	assert_int_equal(r.status, 3);
	assert_true(n > 1 && n < sizeof(out));
	out[n - 1] = '\0';
	assert_true(dead(atoi(out)));
	assert_int_equal(keep_wait(k, MS), 0);
	assert_int_equal(groups_left(k), 0);
}

static void a_launch_that_fails_leaves_no_groups(void **state)
{
	struct keep *k = *state;
	struct gate_cgroups groups;
	const struct gate_cgroup_limits limits = { .want = GATE_CGROUP_FREEZER };
	struct gate_record r = { 0 };

	make_groups(k, &groups, &limits);
	k->argv[0] = "/nowhere/nothing";
	keep_start(k);
	gate_cgroups_done(&groups);
	assert_true(keep_end(k->socket, MS, &r, NULL, NULL));
	assert_int_equal(r.outcome, GATE_OUTCOME_NOT_EXECUTED);
	assert_int_equal(keep_wait(k, MS), 0);
	assert_int_equal(groups_left(k), 0);
}

static void a_pid_namespace_ends_as_a_whole(void **state)
{
	struct keep *k = *state;
	struct gate_record r = { 0 };
	char out[64];
	size_t n = sizeof(out);

	need_root("a pid namespace");
	k->namespaces = CLONE_NEWPID;
	shell(k, "setsid sleep 1000 & echo $$; exit 3");
	keep_start(k);
	/* Were the sleeper alive, it would hold the pipe and the number of the namespace. */
	assert_true(keep_end(k->socket, MS, &r, out, &n));
	assert_int_equal(r.status, 3);
	assert_int_equal(n, 2);
	assert_memory_equal(out, "1\n", 2);
}

/* --- a full disk --- */
static void a_full_disk_costs_output_only(void **state)
{
	struct keep *k = *state, full;
	char where[] = "/tmp/callgate-full-XXXXXX";
	struct gate_record r = { 0 };

	need_root("a small file system");
	(void)k;
	assert_non_null(mkdtemp(where));
	if (mount("full", where, "tmpfs", MS_NOSUID | MS_NODEV, "size=128k") < 0) {
		(void)rmdir(where);
		print_message("skipped: no tmpfs can be mounted\n");
		skip();
	}
	keep_init(&full, where);
	/* All that is left is taken before the end has to be written down. */
	shell(&full, "head -c 500000 /dev/zero >&2; echo still here; exit 4");
	keep_start(&full);
	bool ended = keep_end(full.socket, MS, &r, NULL, NULL), recorded = keep_record(&full, &r);
	keep_done(&full);
	assert_int_equal(umount2(where, MNT_DETACH), 0);
	assert_int_equal(rmdir(where), 0);
	assert_true(ended);
	assert_true(recorded);
	assert_int_equal(r.state, GATE_TASK_ENDED);
	assert_int_equal(r.status, 4);
	assert_true(r.log_dropped > 300000);
}

/* --- the keeper itself --- */
static bool status_has(pid_t pid, const char *line)
{
	char path[64], text[8192];

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	FILE *f = fopen(path, "re");
	size_t n = f != NULL ? fread(text, 1, sizeof(text) - 1, f) : 0;
	if (f != NULL)
		(void)fclose(f);
	text[n] = '\0';
	return strstr(text, line) != NULL;
}

static long rollup_kib(pid_t pid)
{
	char path[64], line[256];
	long sum = 0, value;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "Private_Clean: %ld", &value) == 1 || sscanf(line, "Private_Dirty: %ld", &value) == 1)
			sum += value;
	if (f != NULL)
		(void)fclose(f);
	return sum;
}

static void it_is_small_and_has_given_up_what_it_does_not_need(void **state)
{
	struct keep *k = *state;
	struct gate_record r = { 0 };
	struct stat st;

	assert_int_equal(stat(k->program, &st), 0);
	print_message("%ld bytes\n", (long)st.st_size);
	assert_true(st.st_size <= 100 * 1024);
	shell(k, "exec sleep 1000");
	keep_start(k);
	assert_true(started(k, &r));
	for (int i = 0; i < 100 && !status_has(k->keeper, "Seccomp:\t2"); i++)
		pause_ms(10);
	assert_true(status_has(k->keeper, "Seccomp:\t2"));
	assert_true(status_has(k->keeper, "NoNewPrivs:\t1"));
	assert_true(status_has(k->keeper, "CapInh:\t0000000000000000"));
	assert_true(status_has(k->keeper, geteuid() == 0 ? "CapPrm:\t0000000000000020" : "CapPrm:\t0000000000000000"));
	assert_true(status_has(k->keeper, "CapAmb:\t0000000000000000"));
	assert_true(status_has(k->keeper, "Threads:\t1"));
	long kib = rollup_kib(k->keeper);
	if (geteuid() == 0) { /* it hides its memory from others */
		print_message("%ld KiB private\n", kib);
		assert_true(kib > 0 && kib <= 1024);
	}
	/* The task is under the filter that it was given and no other. */
	assert_true(status_has((pid_t)r.pid, "Seccomp:\t0"));
}

static void its_descriptors_are_those_that_it_needs(void **state)
{
	struct keep *k = *state;
	struct gate_record r = { 0 };
	char path[64], name[96], link[256];
	unsigned n = 0;

	need_root("looking into the keeper");
	/* What its starter had open is not there. */
	for (int i = 0; i < 200; i++)
		(void)fcntl(0, F_DUPFD, 300);
	shell(k, "exec sleep 1000");
	keep_start(k);
	assert_int_equal(close_range(300, ~0U, 0), 0);
	assert_true(started(k, &r));
	for (int i = 0; i < 100 && !status_has(k->keeper, "Seccomp:\t2"); i++)
		pause_ms(10);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)k->keeper);
	for (int fd = 0; fd < 1000; fd++) {
		(void)snprintf(name, sizeof(name), "%s/%d", path, fd);
		ssize_t len = readlink(name, link, sizeof(link) - 1);
		if (len < 0)
			continue;
		link[len] = '\0';
		n++;
		assert_true(fd < 30);
	}
	/* 0 1 2, start socket, signals, lock, directory, /proc, control, pidfd, two pipes */
	assert_int_equal(n, 12);
}

static void one_more_process_of_a_task_writes_nothing_down(void **state)
{
	struct keep *k = *state;
	struct gate_record r = { 0 };
	char out[16];
	size_t n = sizeof(out);

	shell(k, "echo x; exit 5");
	k->flags |= GATE_PLAN_EXEC;
	keep_start(k);
	assert_true(keep_end(k->socket, MS, &r, out, &n));
	assert_int_equal(r.status, 5);
	assert_int_equal(n, 2);
	assert_int_equal(keep_wait(k, MS), 0);
	assert_int_equal(faccessat(k->dir, "record", F_OK, 0), -1);
	assert_int_equal(faccessat(k->dir, "out", F_OK, 0), -1);
}

#define MANY 100

static void a_hundred_at_once(void **state)
{
	static struct keep many[MANY];
	struct gate_record r = { 0 };
	int good = 0;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		keep_init(&many[i], NULL);
		shell(&many[i], "echo here; exit 42");
		keep_start(&many[i]);
	}
	for (int i = 0; i < MANY; i++) {
		char out[8];
		size_t n = sizeof(out);

		good += keep_end(many[i].socket, 3 * MS, &r, out, &n) && r.status == 42 && n == 5 &&
		        keep_wait(&many[i], MS) == 0;
		keep_done(&many[i]);
	}
	assert_int_equal(good, MANY);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_call_that_killed_it_has_a_name, make, drop),
		cmocka_unit_test_setup_teardown(refused_calls_of_all_its_processes_are_counted, make, drop),
		cmocka_unit_test_setup_teardown(without_a_session_nothing_is_guessed, make, drop),
		cmocka_unit_test_setup_teardown(without_the_audit_log_it_says_so, make, drop),
		cmocka_unit_test_setup_teardown(without_a_fence_it_says_so, make, drop),
		cmocka_unit_test_setup_teardown(what_the_host_does_not_write_down_it_says, make, drop),
		cmocka_unit_test_setup_teardown(what_is_unconfined_is_refused_nothing, make, drop),
		cmocka_unit_test_setup_teardown(a_listener_is_given_away_once, make, drop),
		cmocka_unit_test_setup_teardown(running_out_of_memory_is_told, make, drop),
		cmocka_unit_test_setup_teardown(what_is_left_in_its_groups_is_killed, make, drop),
		cmocka_unit_test_setup_teardown(a_launch_that_fails_leaves_no_groups, make, drop),
		cmocka_unit_test_setup_teardown(a_pid_namespace_ends_as_a_whole, make, drop),
		cmocka_unit_test_setup_teardown(a_full_disk_costs_output_only, make, drop),
		cmocka_unit_test_setup_teardown(it_is_small_and_has_given_up_what_it_does_not_need, make, drop),
		cmocka_unit_test_setup_teardown(its_descriptors_are_those_that_it_needs, make, drop),
		cmocka_unit_test_setup_teardown(one_more_process_of_a_task_writes_nothing_down, make, drop),
		cmocka_unit_test_setup_teardown(a_hundred_at_once, make, drop),
	};

	if (argc > 2)
		cmocka_set_test_filter(argv[2]);
	if (argc > 1)
		(void)setenv("KEEPER", argv[1], 1);
	return cmocka_run_group_tests_name("keeper-host", tests, NULL, NULL);
}
