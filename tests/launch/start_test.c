#include "harness.h"

#include <linux/audit.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void two_calls_are_enough_unprivileged(void **state)
{
	struct build b;

	(void)state;
	begin(&b, 0);
	FILTER_WITH(&b, build_two_calls);
	ADD(&b, NO_NEW_PRIVS);
	finish(&b, GATE_LOAD_LOWERED);
	assert_int_equal(start(&b), 0);
	assert_int_equal(end(), 42);
}

static void two_calls_are_enough_each_way(void **state)
{
	(void)state;
	needs_root();
	for (int i = 0; i < 2 * 3; i++) {
		const enum gate_load load = GATE_LOAD_LOWERED + i / 2;
		const bool nnp = i % 2 != 0;
		struct build b;

		if (load == GATE_LOAD_LOWERED && !nnp)
			continue; /* nobody may */
		begin(&b, ALL_NAMESPACES);
		ADD(&b, HOSTNAME, .text = { "tested" });
		ADD(&b, LOOPBACK);
		ADD(&b, NORMAL);
		ADD(&b, RLIMIT, .flags = 7, .a = 64, .b = 128);
		ADD(&b, SESSION_LEADER);
		if (load == GATE_LOAD_HELPER)
			ADD(&b, HELPER);
		become(&b, 65534, 0, load == GATE_LOAD_LATE ? 1ULL << CAP_SYS_ADMIN : 0, nnp);
		FILTER_WITH(&b, build_two_calls);
		finish(&b, load);
		assert_int_equal(start(&b), 0);
		assert_int_equal(end(), 42);
	}
}

/* --- what /proc says of a task --- */

static const char *proc_file(pid_t pid, const char *name)
{
	static char text[8192];
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	FILE *f = fopen(path, "re");
	assert_non_null(f);
	text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
	fclose(f);
	return text;
}

static const char *field(pid_t pid, const char *name)
{
	static char value[4096];
	char key[32];

	snprintf(key, sizeof(key), "\n%s:\t", name);
	const char *at = strstr(proc_file(pid, "status"), key);
	assert_non_null(at);
	at += strlen(key);
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\n"), at);
	while (value[0] != '\0' && value[strlen(value) - 1] == ' ')
		value[strlen(value) - 1] = '\0';
	return value;
}

static void stop(void)
{
	assert_int_equal(kill(got.pid, SIGKILL), 0);
	assert_int_equal(end(), -SIGKILL);
}

static void sleeper(struct build *b)
{
	b->argv[0] = "sleep";
	b->argv[1] = "1000";
}

static void it_is_who_it_should_be(void **state)
{
	static const struct {
		uint64_t caps, permitted;
		bool nnp;
		enum gate_load load;
		const char *eff;
	} cases[] = {
		{ 0, 0, true, GATE_LOAD_LOWERED, "0000000000000000" },
		{ 0, 0, false, GATE_LOAD_HELPER, "0000000000000000" },
		{ 1ULL << CAP_NET_RAW, 1ULL << CAP_NET_RAW, false, GATE_LOAD_HELPER, "0000000000000000" },
		{ 1ULL << CAP_NET_RAW, 1ULL << CAP_SYS_ADMIN | 1ULL << CAP_NET_RAW, false, GATE_LOAD_LATE, "0000000000000000" },
	};

	(void)state;
	needs_root();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct build b;
		char bounding[32];

		begin(&b, ALL_NAMESPACES);
		sleeper(&b);
		ADD(&b, RLIMIT, .flags = 7, .a = 64, .b = 128);
		ADD(&b, HOSTNAME, .text = { "tested" });
		if (cases[i].load == GATE_LOAD_HELPER)
			ADD(&b, HELPER);
		become(&b, 65534, cases[i].caps, cases[i].permitted, cases[i].nnp);
		FILTER_WITH(&b, build_allow);
		finish(&b, cases[i].load);
		assert_int_equal(start(&b), 0);
		snprintf(bounding, sizeof(bounding), "%016llx", (unsigned long long)cases[i].caps);
		assert_string_equal(field(got.pid, "Uid"), "65534\t65534\t65534\t65534");
		assert_string_equal(field(got.pid, "Gid"), "65534\t65534\t65534\t65534");
		assert_string_equal(field(got.pid, "Groups"), "4711 65534 100000");
		assert_string_equal(field(got.pid, "CapInh"), "0000000000000000");
		assert_string_equal(field(got.pid, "CapPrm"), "0000000000000000");
		assert_string_equal(field(got.pid, "CapEff"), cases[i].eff);
		assert_string_equal(field(got.pid, "CapBnd"), bounding);
		assert_string_equal(field(got.pid, "CapAmb"), "0000000000000000");
		assert_string_equal(field(got.pid, "NoNewPrivs"), cases[i].nnp ? "1" : "0");
		assert_string_equal(field(got.pid, "Seccomp"), "2");
		assert_string_equal(field(got.pid, "Seccomp_filters"), "1");
		assert_string_equal(field(got.pid, "Threads"), "1");
		assert_non_null(strstr(field(got.pid, "NSpid"), "\t1"));
		assert_non_null(strstr(proc_file(got.pid, "limits"), "Max open files            64                   128"));
		stop();
	}
}

static void ambient_capabilities_reach_a_user(void **state)
{
	const uint64_t bind = 1ULL << CAP_NET_BIND_SERVICE;
	struct build b;

	(void)state;
	needs_root();
	begin(&b, 0);
	sleeper(&b);
	ADD(&b, BOUNDING, .a = bind);
	ADD(&b, IDS, .a = 1000, .b = 1001);
	ADD(&b, CAPABILITIES, .a = bind, .b = bind);
	finish(&b, GATE_LOAD_NOTHING);
	assert_int_equal(start(&b), 0);
	assert_string_equal(field(got.pid, "CapEff"), "0000000000000400");
	assert_string_equal(field(got.pid, "CapAmb"), "0000000000000400");
	assert_string_equal(field(got.pid, "Groups"), "");
	assert_string_equal(field(got.pid, "Seccomp"), "0");
	stop();
}

/* --- descriptors --- */

static unsigned count_fds(pid_t pid)
{
	char path[64];
	unsigned n = 0;

	for (int fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		if (faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			n++;
	}
	return n;
}

static void no_descriptor_but_three(void **state)
{
	int junk[200], own = -1;

	(void)state;
	for (int i = 0; i < 200; i++)
		junk[i] = open("/dev/null", O_RDONLY); /* not close-on-exec: inherited from somebody careless */
	own = (int)count_fds(getpid());
	for (int way = 0; way < 3; way++) { /* in our memory; with an init; with a listener */
		struct build b;

		begin(&b, 0);
		sleeper(&b);
		for (unsigned fd = 0; fd < 3; fd++)
			ADD(&b, STDIO, .a = fd);
		if (way == 1)
			ADD(&b, INIT);
		if (way == 2) {
			b.flags |= GATE_PLAN_LISTENER;
			ADD(&b, HELPER);
		}
		ADD(&b, NO_NEW_PRIVS);
		FILTER_WITH(&b, build_allow);
		finish(&b, way == 2 ? GATE_LOAD_HELPER : GATE_LOAD_LOWERED);
		assert_int_equal(start(&b), 0);
		const unsigned wanted = way == 1 ? 0 : 3; /* the init has none */
		for (int i = 0; count_fds(got.pid) != wanted && i < 500; i++)
			usleep(2000); /* the program's loader opens some for a moment */
		assert_int_equal(count_fds(got.pid), wanted);
		if (way != 1)
			stop();
		else
			assert_int_equal(kill(got.pid, SIGTERM), 0); /* reaches the program */
		if (way == 1)
			assert_int_equal(end(), 128 + SIGTERM);
		if (way == 2)
			assert_int_equal(close(got.listener), 0);
		assert_int_equal(count_fds(getpid()), own);
	}
	for (int i = 0; i < 200; i++)
		assert_int_equal(close(junk[i]), 0);
}

/* --- a caller in disorder --- */

static void from_a_disturbed_caller(void **state)
{
	struct build b;
	sigset_t some, old;
	cpu_set_t one, all;

	(void)state;
	begin(&b, 0);
	ADD(&b, NORMAL);
	sleeper(&b);
	finish(&b, GATE_LOAD_NOTHING);
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGUSR1, SIG_IGN);
	sigfillset(&some);
	sigprocmask(SIG_BLOCK, &some, &old);
	mode_t mask = umask(0);
	int persona = personality(ADDR_NO_RANDOMIZE);
	prctl(PR_SET_TIMERSLACK, 1);

	int r = start(&b);

	prctl(PR_SET_TIMERSLACK, 0);
	personality((unsigned)persona);
	umask(mask);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGUSR1, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(r, 0);
	assert_string_equal(field(got.pid, "SigBlk"), "0000000000000000");
	assert_string_equal(field(got.pid, "SigIgn"), "0000000000000000");
	assert_string_equal(field(got.pid, "Umask"), "0022");
	assert_string_equal(proc_file(got.pid, "personality"), "00000000\n");
	cpu_set_t its;
	assert_int_equal(sched_getaffinity(got.pid, sizeof(its), &its), 0);
	assert_true(CPU_COUNT(&its) >= CPU_COUNT(&all));
	assert_true(CPU_COUNT(&its) > 1 || CPU_COUNT(&all) == 1);
	if (geteuid() == 0)
		assert_string_equal(proc_file(got.pid, "timerslack_ns"), "50000\n");
	stop();
}

/* --- somebody of the same user who watches --- */

/* Stops a launch in the middle: a control group's file that is a full pipe. */
static int full_pipe(int ends[2])
{
	static const char bytes[4096];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	while (write(ends[1], bytes, sizeof(bytes)) > 0)
		;
	return fcntl(ends[1], F_SETFL, 0);
}

static pid_t child_of(pid_t pid)
{
	char path[64];
	int child = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	for (int i = 0; child == 0 && i < 2500; i++) {
		FILE *f = fopen(path, "re");
		if (f == NULL || fscanf(f, "%d", &child) != 1)
			usleep(2000);
		if (f != NULL)
			fclose(f);
	}
	return child;
}

static void nobody_may_attach_while_it_starts(void **state)
{
	int ends[2];
	struct build b;
	struct stat st;
	char path[64];
	bool hidden = false;

	(void)state;
	needs_root();
	assert_int_equal(full_pipe(ends), 0);
	begin(&b, 0);
	sleeper(&b);
	ADD(&b, CGROUP, .fd = ends[1] + 1);
	finish(&b, GATE_LOAD_NOTHING);
	pid_t launcher = fork();
	if (launcher == 0) {
		/* As anybody's: only then does the kernel show in /proc whom it lets attach (proc_pid(5)). */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || setresuid(65533, 65533, 65533) < 0 || prctl(PR_SET_DUMPABLE, 1) < 0)
			_exit(99);
		_exit(start(&b) == 0 ? 0 : 98);
	}
	pid_t child = child_of(launcher);
	snprintf(path, sizeof(path), "/proc/%d/status", child);
	for (int i = 0; child != 0 && !hidden && i < 500; i++) {
		hidden = stat(path, &st) == 0 && st.st_uid == 0;
		if (!hidden)
			usleep(2000);
	}
	kill(child, SIGKILL);
	kill(launcher, SIGKILL);
	waitpid(launcher, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	assert_int_not_equal(child, 0);
	assert_true(hidden);
}

/* --- init --- */

static void an_init_reaps_and_passes_on(void **state)
{
	struct build b;

	(void)state;
	needs_root();
	begin(&b, CLONE_NEWPID);
	b.argv[0] = "sh";
	b.argv[1] = "-c";
	b.argv[2] = "(sleep 0.01 &) ; exit 7";
	ADD(&b, SESSION_LEADER);
	ADD(&b, INIT);
	become(&b, 65534, 0, 0, true);
	FILTER_WITH(&b, build_allow);
	finish(&b, GATE_LOAD_LOWERED);
	assert_int_equal(start(&b), 0);
	assert_int_equal(end(), 7);
	assert_int_equal(report->init_done, 1);
	assert_int_equal(report->init_ended, 7 << 8);

	/* A program of another user is reached by signals, and its end by one is told. */
	b.argv[2] = "kill -9 $$";
	assert_int_equal(start(&b), 0);
	assert_int_equal(end(), 128 + SIGKILL);
	assert_int_equal(report->init_ended, SIGKILL);
	b.argv[2] = "exec sleep 1000";
	assert_int_equal(start(&b), 0);
	assert_string_equal(field(got.pid, "CapEff"), "0000000000000020"); /* CAP_KILL */
	assert_string_equal(field(got.pid, "Seccomp"), "2");
	assert_string_equal(field(got.pid, "NoNewPrivs"), "1");
	assert_int_equal(kill(got.pid, SIGTERM), 0);
	assert_int_equal(end(), 128 + SIGTERM);
}

/* --- terminal --- */

static void read_until(int fd, const char *want)
{
	char text[1024];
	size_t len = 0;

	for (;;) {
		struct pollfd p = { fd, POLLIN, 0 };

		assert_int_equal(poll(&p, 1, 5000), 1);
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
		text[len] = '\0';
		if (strstr(text, want) != NULL)
			return;
	}
}

static void a_terminal_of_its_own(void **state)
{
	(void)state;
	needs_root();
	for (int way = 0; way < 3; way++) { /* own devpts; the host's; behind an init */
		struct build b;
		struct winsize w;

		begin(&b, CLONE_NEWNS | (way == 2 ? CLONE_NEWPID : 0));
		b.flags |= GATE_PLAN_TERMINAL;
		b.argv[0] = "sh";
		b.argv[1] = "-c";
		b.argv[2] = "test -t 2 && tty && stty size && stat -c %u $(tty) && : >/dev/tty && echo good; read x; exit 3";
		if (way != 1) {
			ADD(&b, PRIVATE);
			ADD(&b, FILESYSTEM, .text = { "devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620" });
		}
		ADD(&b, SESSION_LEADER);
		ADD(&b, TERMINAL, .a = 33 << 16 | 44, .flags = way == 1 ? GATE_ROW_ON_HOST : 0);
		if (way == 2)
			ADD(&b, INIT);
		become(&b, 65534, 0, 0, true);
		FILTER_WITH(&b, build_allow);
		finish(&b, GATE_LOAD_LOWERED);
		assert_int_equal(start(&b), 0);
		assert_true(got.terminal > 2);
		assert_int_equal(ioctl(got.terminal, TIOCGWINSZ, &w), 0);
		assert_int_equal(w.ws_row, 33);
		assert_int_equal(w.ws_col, 44);
		assert_int_equal(fcntl(got.terminal, F_GETFD), FD_CLOEXEC);
		read_until(got.terminal, way == 1 ? "33 44\r\n65534\r\ngood" : "/dev/pts/0\r\n33 44\r\n65534\r\ngood");
		if (way == 0) /* a key signals whoever is in the foreground */
			assert_int_equal(write(got.terminal, "\n", 1), 1);
		else
			assert_int_equal(write(got.terminal, "\003", 1), 1);
		assert_int_equal(end(), way == 0 ? 3 : way == 1 ? -SIGINT : 128 + SIGINT);
		assert_int_equal(close(got.terminal), 0);
	}
}

static void no_terminal_from_an_impostor(void **state)
{
	(void)state;
	needs_root();
	for (int way = 0; way < 2; way++) { /* a link to what is no devpts; to one that is another */
		struct build b;

		begin(&b, CLONE_NEWNS);
		b.flags |= GATE_PLAN_TERMINAL;
		ADD(&b, PRIVATE);
		ADD(&b, FILESYSTEM, .text = { "tmpfs", "/dev/pts" });
		if (way == 1)
			ADD(&b, FILESYSTEM, .text = { "devpts", "/dev/pts/other", "newinstance,ptmxmode=0666" }, .flags = GATE_ROW_DIRECTORY);
		ADD(&b, LINK, .text = { way == 0 ? "/dev/null" : "other/ptmx", "/dev/pts/ptmx" });
		ADD(&b, SESSION_LEADER);
		ADD(&b, TERMINAL);
		finish(&b, GATE_LOAD_NOTHING);
		assert_int_equal(start(&b), -1);
		assert_int_equal(b.rows[report->row].step, GATE_STEP_TERMINAL);
		/* Opened for looking only, without following: the link itself is no devpts. */
		assert_int_equal(report->sys, ENXIO);
	}
}

/* --- listener --- */

static const struct sock_filter asks[] = {
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	BUILD_ALLOW(execve),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
};

static void a_listener_lands_here(void **state)
{
	(void)state;
	needs_root();
	for (int i = 0; i < 4; i++) {
		struct seccomp_notif call = { 0 };
		struct seccomp_notif_resp answer = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
		const bool nnp = i % 2 != 0;
		unsigned own = count_fds(getpid());
		struct build b;

		begin(&b, i < 2 ? ALL_NAMESPACES : 0);
		b.flags |= GATE_PLAN_LISTENER;
		for (unsigned fd = 0; fd < 3; fd++)
			ADD(&b, STDIO, .a = fd);
		ADD(&b, HELPER);
		become(&b, 65534, 0, 0, nnp);
		FILTER_WITH(&b, asks);
		finish(&b, GATE_LOAD_HELPER);
		assert_int_equal(start(&b), 0);
		assert_true(got.listener > 2);
		assert_int_equal(count_fds(getpid()), own + 2); /* with the pidfd */
		assert_int_equal(fcntl(got.listener, F_GETFD), FD_CLOEXEC);
		assert_int_equal(ioctl(got.listener, SECCOMP_IOCTL_NOTIF_RECV, &call), 0);
		assert_int_equal(call.data.nr, SYS_exit_group);
		answer.id = call.id;
		assert_int_equal(ioctl(got.listener, SECCOMP_IOCTL_NOTIF_SEND, &answer), 0);
		assert_int_equal(end(), 42);
		assert_int_equal(close(got.listener), 0);
	}
}

/* --- other namespaces --- */

static pid_t others(int flags)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid_t pid = fork();
	if (pid == 0) {
		/* Not longer than a test that fails. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || unshare(flags) < 0 || ((flags & CLONE_NEWPID) != 0 && fork() < 0) || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]); /* so that its failure is an end, and no wait for ever */
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return pid;
}

static int open_ns(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd > 2);
	return fd;
}

static void in(int ns, const char *name)
{
	struct stat a, b;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", got.pid, name);
	assert_int_equal(fstat(ns, &a), 0);
	assert_int_equal(stat(path, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
}

static void it_joins_namespaces(void **state)
{
	(void)state;
	needs_root();
	for (int way = 0; way < 3; way++) { /* in our memory; with an init; with a listener */
		pid_t other = others(CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS);
		int uts = open_ns(other, "uts"), net = open_ns(other, "net"), mnt = open_ns(other, "mnt");
		struct build b;

		memset(&b, 0, sizeof(b));
		sleeper(&b);
		ADD(&b, JOIN, .fd = uts + 1, .a = CLONE_NEWUTS);
		ADD(&b, JOIN, .fd = net + 1, .a = CLONE_NEWNET);
		ADD(&b, JOIN, .fd = mnt + 1, .a = CLONE_NEWNS);
		ADD(&b, CLONE, .a = CLONE_NEWPID);
		ADD(&b, SIGNALS);
		ADD(&b, HIDE);
		ADD(&b, PARENT, .a = SIGKILL);
		if (way == 1)
			ADD(&b, INIT);
		if (way == 2) {
			b.flags |= GATE_PLAN_LISTENER;
			ADD(&b, HELPER);
		}
		become(&b, 65534, 0, 0, true);
		FILTER_WITH(&b, build_allow);
		finish(&b, way == 2 ? GATE_LOAD_HELPER : GATE_LOAD_LOWERED);
		assert_int_equal(start(&b), 0);
		in(uts, "uts");
		in(net, "net");
		in(mnt, "mnt");
		assert_int_equal(atoi(field(got.pid, "PPid")), getpid());
		stop();
		if (way == 2)
			close(got.listener);
		close(uts);
		close(net);
		close(mnt);
		kill(other, SIGKILL);
		waitpid(other, NULL, 0);
	}
}

static void write_map(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "0 100000 65536", 14), 14);
	close(fd);
}

static void root_of_a_user_namespace(void **state)
{
	struct build b;

	(void)state;
	needs_root();
	needs_user_namespaces();
	pid_t other = others(CLONE_NEWUSER);
	write_map(other, "uid_map");
	write_map(other, "gid_map");
	int user = open_ns(other, "user"), proc = open("/proc", O_PATH | O_CLOEXEC);

	memset(&b, 0, sizeof(b));
	sleeper(&b);
	ADD(&b, SESSION, .fd = proc + 1, .flags = GATE_ROW_OPTIONAL);
	ADD(&b, OOM, .fd = proc + 1, .a = 500);
	ADD(&b, JOIN, .fd = user + 1, .a = CLONE_NEWUSER);
	ADD(&b, CLONE, .a = ALL_NAMESPACES);
	ADD(&b, SIGNALS);
	ADD(&b, HIDE);
	ADD(&b, PARENT, .a = SIGKILL);
	ADD(&b, HOSTNAME, .text = { "inside" });
	ADD(&b, LOOPBACK);
	ADD(&b, HELPER);
	ADD(&b, BOUNDING, .a = 1ULL << CAP_CHOWN);
	ADD(&b, IDS, .a = 7, .b = 8, .flags = 1, .groups = (const uint32_t[]){ 9 });
	ADD(&b, CAPABILITIES);
	FILTER_WITH(&b, build_allow);
	finish(&b, GATE_LOAD_HELPER);
	assert_int_equal(start(&b), 0);
	assert_string_equal(field(got.pid, "Uid"), "100007\t100007\t100007\t100007");
	assert_string_equal(field(got.pid, "Gid"), "100008\t100008\t100008\t100008");
	assert_string_equal(field(got.pid, "Groups"), "100009");
	assert_string_equal(proc_file(got.pid, "oom_score_adj"), "500\n");
	if (report->session != UINT32_MAX)
		assert_int_equal((uint32_t)strtoul(proc_file(got.pid, "sessionid"), NULL, 10), report->session);
	in(user, "user");
	stop();
	close(user);
	close(proc);
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	/* Our own was not touched. */
	assert_string_not_equal(proc_file(getpid(), "oom_score_adj"), "500\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_calls_are_enough_unprivileged),
		cmocka_unit_test(two_calls_are_enough_each_way),
		cmocka_unit_test(it_is_who_it_should_be),
		cmocka_unit_test(ambient_capabilities_reach_a_user),
		cmocka_unit_test(no_descriptor_but_three),
		cmocka_unit_test(from_a_disturbed_caller),
		cmocka_unit_test(nobody_may_attach_while_it_starts),
		cmocka_unit_test(an_init_reaps_and_passes_on),
		cmocka_unit_test(a_terminal_of_its_own),
		cmocka_unit_test(no_terminal_from_an_impostor),
		cmocka_unit_test(a_listener_lands_here),
		cmocka_unit_test(it_joins_namespaces),
		cmocka_unit_test(root_of_a_user_namespace),
	};
	return cmocka_run_group_tests(tests, before, NULL);
}
