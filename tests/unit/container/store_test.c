/* The state directory: names, ids, ownership, and what hostile or broken content does to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* after those */
#include <cmocka.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "temp.h"

static void refused(const char *dir, const char *why)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_store *s = NULL;

	assert_int_equal(gate_store_open(dir, &s, &err), -1);
	assert_null(s);
	if (strstr(err.text, why) == NULL)
		fail_msg("'%s' lacks '%s'", err.text, why);
}

/* --- opening --- */
static void what_is_missing_is_made_for_the_owner_alone(void **state)
{
	static const char *const names[] = { "", "/containers", "/names" };
	struct temp *t = *state;
	char path[128];
	struct stat st;

	assert_int_equal(gate_store_open(t->state, &t->s, NULL), 0);
	assert_string_equal(gate_store_path(t->s), t->state);
	for (size_t i = 0; i < GATE_ARRAY_LEN(names); i++) {
		(void)snprintf(path, sizeof(path), "%s%s", t->state, names[i]);
		assert_int_equal(lstat(path, &st), 0);
		assert_int_equal(st.st_mode, S_IFDIR | 0700);
	}
	(void)snprintf(path, sizeof(path), "%s/lock", t->state);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
}

static void a_symbolic_link_is_no_state_directory(void **state)
{
	struct temp *t = *state;
	char real[96];

	(void)snprintf(real, sizeof(real), "%s/real", t->path);
	assert_int_equal(mkdir(real, 0700), 0);
	assert_int_equal(symlink(real, t->state), 0);
	refused(t->state, "not a symbolic link");
	assert_int_equal(unlink(t->state), 0);
	assert_int_equal(mkdir(t->state, 0700), 0);
	(void)snprintf(real, sizeof(real), "%s/state/containers", t->path);
	assert_int_equal(symlink("/", real), 0);
	refused(t->state, "not a symbolic link");
}

static void modes_that_let_others_in_are_refused(void **state)
{
	static const mode_t modes[] = { 0755, 0701, 0770, 01777 };
	struct temp *t = *state;

	assert_int_equal(mkdir(t->state, 0700), 0);
	for (size_t i = 0; i < GATE_ARRAY_LEN(modes); i++) {
		assert_int_equal(chmod(t->state, modes[i]), 0);
		refused(t->state, "chmod 700");
	}
}

/* So that the agent's socket can lie there. What is below stays ours alone. */
static void a_way_through_is_no_way_in(void **state)
{
	struct gate_err err = GATE_ERR_INIT;
	struct temp *t = *state;
	struct gate_store *s = NULL;
	char below[200];

	assert_int_equal(mkdir(t->state, 0711), 0);
	assert_int_equal(chmod(t->state, 0711), 0);
	assert_int_equal(gate_store_open(t->state, &s, &err), 0);
	gate_store_close(s);
	(void)snprintf(below, sizeof(below), "%s/containers", t->state);
	assert_int_equal(chmod(below, 0711), 0);
	refused(t->state, "chmod 700");
}

static void another_owner_is_refused(void **state)
{
	struct temp *t = *state;

	if (geteuid() != 0) {
		print_message("skipped: giving a directory away needs root\n");
		skip();
	}
	assert_int_equal(mkdir(t->state, 0700), 0);
	assert_int_equal(chown(t->state, 1234, 1234), 0);
	refused(t->state, "belongs to user 1234");
}

static void a_way_that_others_may_change_is_refused(void **state)
{
	struct temp *t = *state;

	assert_int_equal(chmod(t->path, 0777), 0);
	refused(t->state, "others may change");
	assert_int_equal(chmod(t->path, 01777), 0); /* as /tmp */
	assert_int_equal(gate_store_open(t->state, &t->s, NULL), 0);
}

static void names_that_cannot_be_a_directory_are_refused(void **state)
{
	struct temp *t = *state;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/..", t->path);
	refused(path, "must end with a name");
	refused("/", "must end with a name");
	refused("", "must end with a name");
	(void)snprintf(path, sizeof(path), "%s/missing/state", t->path);
	refused(path, "cannot find the directory");
	(void)snprintf(path, sizeof(path), "%s/state///", t->path);
	assert_int_equal(gate_store_open(path, &t->s, NULL), 0);
	assert_string_equal(gate_store_path(t->s), t->state);
}

/* --- making and finding --- */
static void found_as(struct temp *t, const char *word, const char *id)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_entry e;

	if (gate_store_find(t->s, word, &e, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(e.id, id);
}

static void not_found(struct temp *t, const char *word, enum gate_errc code, const char *why)
{
	struct gate_err err = GATE_ERR_INIT;
	struct gate_entry e;

	assert_int_equal(gate_store_find(t->s, word, &e, &err), -1);
	assert_int_equal(err.code, code);
	if (strstr(err.text, why) == NULL)
		fail_msg("'%s' lacks '%s'", err.text, why);
}

static void a_task_is_found_by_id_prefix_and_name(void **state)
{
	struct temp *t = *state;
	char id[65], prefix[13];

	temp_task(t, "web.1", NULL, id);
	assert_true(gate_store_is_id(id));
	found_as(t, id, id);
	(void)snprintf(prefix, sizeof(prefix), "%.12s", id);
	found_as(t, prefix, id);
	prefix[1] = '\0';
	found_as(t, prefix, id);
	found_as(t, "web.1", id);
	not_found(t, "web", GATE_E_NOTFOUND, "no such container: 'web'");
	not_found(t, "web.12", GATE_E_NOTFOUND, "no such container");
	not_found(t, "0000000000000000000000000000000000000000000000000000000000000000", GATE_E_NOTFOUND, "no such");
	not_found(t, "ffff0123456789abcdefffff0123456789abcdefffff0123456789abcdef01234567", GATE_E_NOTFOUND, "no such");
}

static void words_that_are_paths_are_refused(void **state)
{
	static const char *const words[] = { "",      ".",        "..",     "../x",        "a/b", "/",
		                             ".lock", "../names", "a\nb", "names/../../x", "\xff" };
	struct temp *t = *state;
	struct gate_err err;
	char id[65], longest[200];
	int dir = -1, lock = -1;

	for (size_t i = 0; i < GATE_ARRAY_LEN(words); i++) {
		not_found(t, words[i], GATE_E_INVALID, "neither an id nor a name");
		err = (struct gate_err)GATE_ERR_INIT;
		assert_int_equal(gate_store_create(t->s, words[i], id, &dir, &lock, &err), -1);
		assert_int_equal(err.code, GATE_E_INVALID);
	}
	memset(longest, 'a', sizeof(longest));
	longest[129] = '\0';
	not_found(t, longest, GATE_E_INVALID, "neither");
	longest[128] = '\0';
	temp_task(t, longest, NULL, id);
	found_as(t, longest, id);
	assert_int_equal(dir, -1);
}

static void make_with_id(struct temp *t, const char *id)
{
	assert_int_equal(mkdirat(t->s->containers, id, 0700), 0);
}

static void an_ambiguous_prefix_says_so(void **state)
{
	static const char a[] = "abc0000000000000000000000000000000000000000000000000000000000000";
	static const char b[] = "abc0000000000000000000000000000000000000000000000000000000000001";
	struct temp *t = *state;

	make_with_id(t, a);
	make_with_id(t, b);
	not_found(t, "abc", GATE_E_INVALID, "'abc' could be 2 containers, 'abc000000000'");
	not_found(t, "a", GATE_E_INVALID, "could be 2 containers");
	found_as(t, a, a);
	not_found(t, "abcd", GATE_E_NOTFOUND, "no such container");
}

static void a_name_goes_before_a_prefix(void **state)
{
	struct temp *t = *state;
	char first[65], second[65], word[4];

	temp_task(t, NULL, NULL, first);
	(void)snprintf(word, sizeof(word), "%.3s", first);
	temp_task(t, word, NULL, second);
	found_as(t, word, second);
}

static void a_taken_name_is_a_conflict_and_a_free_one_is_not(void **state)
{
	struct temp *t = *state;
	struct gate_err err = GATE_ERR_INIT;
	char id[65], other[65] = "";
	int dir, lock;

	temp_task(t, "web", NULL, id);
	assert_int_equal(gate_store_create(t->s, "web", other, &dir, &lock, &err), -1);
	assert_int_equal(err.code, GATE_E_CONFLICT);
	assert_non_null(strstr(err.text, "the name 'web' is taken by container"));
	assert_string_equal(other, "");
	assert_int_equal(gate_store_remove(t->s, id, NULL), 0);
	temp_task(t, "web", NULL, other);
	found_as(t, "web", other);
	/* A link whose task is gone (its keeper was killed half-way through --rm) holds nobody up. */
	assert_int_equal(gate_store_hide(t->s, other), 0);
	not_found(t, "web", GATE_E_NOTFOUND, "no such container");
	temp_task(t, "web", NULL, id);
	found_as(t, "web", id);
}

static void of_eight_processes_one_gets_the_name(void **state)
{
	struct temp *t = *state;
	int go[2], won = 0, lost = 0;

	assert_int_equal(pipe(go), 0);
	for (int i = 0; i < 8; i++)
		if (fork() == 0) {
			struct gate_err err = GATE_ERR_INIT;
			struct gate_store *s;
			char id[65], c;
			int dir, lock;

			(void)close(go[1]);
			if (read(go[0], &c, 1) != 0 || gate_store_open(t->state, &s, NULL) < 0)
				_exit(9);
			_exit(gate_store_create(s, "one", id, &dir, &lock, &err) == 0 ? 0
			      : err.code == GATE_E_CONFLICT                            ? 1
			                                                               : 9);
		}
	(void)close(go[0]);
	(void)close(go[1]);
	for (int i = 0, status; i < 8; i++) {
		assert_true(wait(&status) > 0);
		won += WIFEXITED(status) && WEXITSTATUS(status) == 0;
		lost += WIFEXITED(status) && WEXITSTATUS(status) == 1;
	}
	assert_int_equal(won, 1);
	assert_int_equal(lost, 7);
	struct gate_entry *list;
	size_t n;

	assert_int_equal(gate_store_list(t->s, &list, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_string_equal(list[0].name, "one");
	free(list);
}

/* --- states --- */
static struct gate_entry only(struct temp *t)
{
	struct gate_entry *list, e;
	size_t n;

	assert_int_equal(gate_store_list(t->s, &list, &n, NULL), 0);
	assert_int_equal(n, 1);
	e = list[0];
	free(list);
	return e;
}

static void the_lock_tells_running_from_lost(void **state)
{
	struct gate_record r = temp_record(GATE_TASK_RUNNING);
	struct temp *t = *state;
	int dir, lock;
	char id[65];

	assert_int_equal(gate_store_create(t->s, NULL, id, &dir, &lock, NULL), 0);
	assert_int_equal(only(t).state, GATE_TASK_CREATED);
	temp_write(dir, "record", &r, sizeof(r));
	assert_int_equal(only(t).state, GATE_TASK_RUNNING);
	int keeper = dup(lock); /* as a keeper has it */

	(void)close(lock);
	assert_int_equal(only(t).state, GATE_TASK_RUNNING);
	(void)close(keeper);
	assert_int_equal(only(t).state, GATE_TASK_LOST);
	r.state = GATE_TASK_ENDED;
	r.outcome = GATE_OUTCOME_EXITED;
	temp_write(dir, "record", &r, sizeof(r));
	assert_int_equal(only(t).state, GATE_TASK_ENDED);
	(void)close(dir);
}

static void broken_records_are_lost_tasks_not_crashes(void **state)
{
	struct gate_record r = temp_record(GATE_TASK_ENDED);
	struct temp *t = *state;
	char id[65];
	int dir;

	temp_task(t, "broken", &r, id);
	assert_int_equal(only(t).state, GATE_TASK_ENDED);
	assert_int_equal(gate_store_dir(t->s, id, &dir, NULL), 0);
	for (size_t len = 0; len < sizeof(r); len += 61) {
		temp_write(dir, "record", &r, len);
		assert_int_equal(only(t).state, GATE_TASK_LOST);
		assert_true(only(t).broken);
	}
	r.n_denials = GATE_RECORD_DENIALS + 1;
	temp_write(dir, "record", &r, sizeof(r));
	assert_true(only(t).broken);
	r = temp_record(77);
	temp_write(dir, "record", &r, sizeof(r));
	assert_true(only(t).broken);
	/* A link and a fifo: neither followed nor waited for. */
	assert_int_equal(unlinkat(dir, "record", 0), 0);
	assert_int_equal(symlinkat("/dev/zero", dir, "record"), 0);
	assert_true(only(t).broken);
	assert_int_equal(unlinkat(dir, "record", 0), 0);
	assert_int_equal(mkfifoat(dir, "record", 0600), 0);
	assert_true(only(t).broken);
	(void)close(dir);
	assert_int_equal(gate_store_remove(t->s, id, NULL), 0);
}

static void configurations_are_read_whole_or_not(void **state)
{
	struct temp *t = *state;
	struct gate_err err = GATE_ERR_INIT;
	char id[65], *text = NULL;
	size_t len = 0;
	int dir;

	temp_task(t, NULL, NULL, id);
	assert_int_equal(gate_store_config(t->s, id, &text, &len, &err), -1);
	assert_int_equal(err.code, GATE_E_NOTFOUND);
	assert_int_equal(gate_store_dir(t->s, id, &dir, NULL), 0);
	temp_write(dir, "config.json", "{}\n", 3);
	assert_int_equal(gate_store_config(t->s, id, &text, &len, NULL), 0);
	assert_string_equal(text, "{}\n");
	assert_int_equal(len, 3);
	free(text);
	assert_int_equal(unlinkat(dir, "config.json", 0), 0);
	assert_int_equal(symlinkat("/etc/passwd", dir, "config.json"), 0);
	assert_int_equal(gate_store_config(t->s, id, &text, &len, NULL), -1);
	(void)close(dir);
}

static void strangers_in_the_directory_are_no_tasks(void **state)
{
	struct temp *t = *state;
	struct gate_entry *list;
	char id[65];
	size_t n;

	temp_write(t->s->containers, "0000000000000000000000000000000000000000000000000000000000000000", "", 0);
	assert_int_equal(symlinkat("/", t->s->containers,
	                           "1111111111111111111111111111111111111111111111111111111111111111"),
	                 0);
	assert_int_equal(mkdirat(t->s->containers, "not-an-id", 0700), 0);
	assert_int_equal(symlinkat("../../../etc", t->s->names, "up"), 0);
	assert_int_equal(gate_store_list(t->s, &list, &n, NULL), 0);
	assert_int_equal(n, 0);
	free(list);
	not_found(t, "up", GATE_E_NOTFOUND, "no such container");
	struct gate_err err = GATE_ERR_INIT;
	int dir;

	assert_int_equal(
	    gate_store_dir(t->s, "1111111111111111111111111111111111111111111111111111111111111111", &dir, &err), -1);
	assert_int_equal(gate_store_sweep(t->s, NULL), 0);
	assert_int_equal(gate_store_create(t->s, "up", id, &dir, &(int){ -1 }, NULL), 0);
	found_as(t, "up", id);
	(void)close(dir);
}

/* --- removing --- */
static void what_runs_is_not_removed(void **state)
{
	struct gate_record r = temp_record(GATE_TASK_RUNNING);
	struct temp *t = *state;
	struct gate_err err = GATE_ERR_INIT;
	int dir, lock;
	char id[65];

	assert_int_equal(gate_store_create(t->s, "busy", id, &dir, &lock, NULL), 0);
	assert_int_equal(gate_store_remove(t->s, id, &err), -1);
	assert_int_equal(err.code, GATE_E_CONFLICT);
	temp_write(dir, "record", &r, sizeof(r));
	assert_int_equal(gate_store_remove(t->s, id, NULL), -1);
	found_as(t, "busy", id);
	(void)close(dir);
	(void)close(lock);
	assert_int_equal(gate_store_remove(t->s, id, NULL), 0);
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(gate_store_remove(t->s, id, &err), -1);
	assert_int_equal(err.code, GATE_E_NOTFOUND);
}

static void removing_follows_nothing_and_knows_no_depth(void **state)
{
	struct temp *t = *state;
	char id[65], outside[96];
	int dir, at;

	(void)snprintf(outside, sizeof(outside), "%s/outside", t->path);
	assert_int_equal(mkdir(outside, 0700), 0);
	int out = open(outside, O_RDONLY | O_DIRECTORY);

	temp_write(out, "kept", "x", 1);
	temp_task(t, NULL, NULL, id);
	assert_int_equal(gate_store_dir(t->s, id, &dir, NULL), 0);
	assert_int_equal(symlinkat(outside, dir, "link"), 0);
	at = dup(dir);
	for (int depth = 0; depth < 6000; depth++) { /* deeper than a path can say */
		assert_int_equal(mkdirat(at, "d", 0700), 0);
		int next = openat(at, "d", O_RDONLY | O_DIRECTORY);

		if (depth % 500 == 0) {
			temp_write(next, "file", "x", 1);
			assert_int_equal(symlinkat(outside, next, "link"), 0);
			assert_int_equal(mkdirat(next, ".gone-0", 0), 0);
		}
		(void)close(at);
		at = next;
	}
	(void)close(at);
	(void)close(dir);
	assert_int_equal(gate_store_remove(t->s, id, NULL), 0);
	not_found(t, id, GATE_E_NOTFOUND, "no such");
	assert_int_equal(faccessat(out, "kept", F_OK, 0), 0);
	(void)close(out);
}

static void a_mount_that_was_left_behind_is_not_emptied(void **state)
{
	struct temp *t = *state;
	char id[65], outside[96], inside[256];

	if (geteuid() != 0) {
		print_message("skipped: mounting needs root\n");
		skip();
	}
	(void)snprintf(outside, sizeof(outside), "%s/outside", t->path);
	assert_int_equal(mkdir(outside, 0700), 0);
	int out = open(outside, O_RDONLY | O_DIRECTORY);

	temp_write(out, "kept", "x", 1);
	temp_task(t, NULL, NULL, id);
	(void)snprintf(inside, sizeof(inside), "%s/containers/%s/work", t->state, id);
	assert_int_equal(mkdir(inside, 0700), 0);
	(void)strcat(inside, "/mnt");
	assert_int_equal(mkdir(inside, 0700), 0);
	if (mount(outside, inside, NULL, MS_BIND, NULL) < 0) {
		print_message("skipped: no mounting here\n");
		(void)close(out);
		skip();
	}
	struct gate_err err = GATE_ERR_INIT;
	int result = gate_store_remove(t->s, id, &err);

	(void)snprintf(inside, sizeof(inside), "%s/containers/.%s/work/mnt", t->state, id);
	int undone = umount2(inside, MNT_DETACH);

	assert_int_equal(result, -1);
	assert_int_equal(undone, 0);
	assert_int_equal(faccessat(out, "kept", F_OK, 0), 0);
	(void)close(out);
	/* What is left is deleted by the next sweep. */
	assert_int_equal(gate_store_sweep(t->s, NULL), 0);
	assert_int_equal(access(inside, F_OK), -1);
}

/* --- sweeping --- */
static void fill_boot(struct gate_record *r)
{
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "r");
	size_t n = 0;

	assert_non_null(f);
	for (int c; n < 32 && (c = fgetc(f)) != EOF;) {
		if (c == '-' || c == '\n')
			continue;
		unsigned v = (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);

		r->boot_id[n / 2] = (uint8_t)(r->boot_id[n / 2] << 4 | v);
		n++;
	}
	(void)fclose(f);
}

static uint64_t start_time(pid_t pid)
{
	char path[40], text[1024];
	unsigned long long start = 0;
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	(void)fclose(f);
	assert_int_equal(sscanf(strrchr(text, ')') + 1,
	                        " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &start),
	                 1);
	return start;
}

static pid_t sleeper(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)alarm(30);
		for (;;)
			(void)pause();
	}
	return pid;
}

static bool lives(pid_t pid)
{
	int status;

	return waitpid(pid, &status, WNOHANG) == 0;
}

/* Makes a task that is lost, of which `pid` is said to be the first process, and sweeps. */
static void sweep_with(struct temp *t, pid_t pid, uint64_t start, bool boot)
{
	struct gate_record r = temp_record(GATE_TASK_RUNNING);
	char id[65], path[256];
	struct gate_entry e;

	r.pid = (uint32_t)pid;
	r.pid_start = start;
	if (boot)
		fill_boot(&r);
	temp_task(t, NULL, &r, id);
	assert_int_equal(gate_store_sweep(t->s, NULL), 0);
	assert_int_equal(gate_store_find(t->s, id, &e, NULL), 0);
	assert_int_equal(e.state, GATE_TASK_LOST);
	(void)snprintf(path, sizeof(path), "%s/containers/%s/lock", t->state, id);
	assert_int_equal(access(path, F_OK), -1); /* once is enough */
}

static void a_process_that_a_keeper_left_is_killed(void **state)
{
	pid_t pid = sleeper();
	int status;

	sweep_with(*state, pid, start_time(pid), true);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void a_number_that_was_used_again_is_not_touched(void **state)
{
	pid_t pid = sleeper();
	bool other_start, other_boot;
	int status;

	sweep_with(*state, pid, start_time(pid) + 1, true);
	other_start = lives(pid);
	sweep_with(*state, pid, start_time(pid), false);
	other_boot = lives(pid);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, &status, 0);
	assert_true(other_start);
	assert_true(other_boot);
}

static void tasks_of_rm_vanish_with_their_keeper(void **state)
{
	struct gate_plan plan = { .magic = GATE_PLAN_MAGIC, .version = GATE_PLAN_VERSION, .flags = GATE_PLAN_REMOVE };
	struct temp *t = *state;
	struct gate_entry *list;
	int dir, lock;
	char id[65];
	size_t n;

	assert_int_equal(gate_store_create(t->s, "brief", id, &dir, &lock, NULL), 0);
	temp_write(dir, "plan", &plan, sizeof(plan));
	assert_int_equal(gate_store_sweep(t->s, NULL), 0);
	found_as(t, "brief", id); /* its keeper lives */
	(void)close(lock);
	(void)close(dir);
	assert_int_equal(gate_store_sweep(t->s, NULL), 0);
	assert_int_equal(gate_store_list(t->s, &list, &n, NULL), 0);
	assert_int_equal(n, 0);
	free(list);
	assert_int_equal(faccessat(t->s->names, "brief", F_OK, AT_SYMLINK_NOFOLLOW), -1);
}

/* --- frames --- */
static void frames_arrive_whole_with_their_descriptor(void **state)
{
	char bytes[GATE_FRAME_BYTES_MAX], got[GATE_FRAME_BYTES_MAX];
	struct gate_frame head;
	int pair[2], passed;

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(gate_frame_send(pair[0], GATE_FRAME_INPUT, 7, 9, bytes, sizeof(bytes)), 0);
	assert_int_equal(gate_frame_send(pair[0], GATE_FRAME_INPUT_END, 0, 0, NULL, 0), 0);
	assert_int_equal(gate_frame_send(pair[0], GATE_FRAME_INPUT, 0, 0, bytes, sizeof(bytes) + 1), -1);
	assert_int_equal(errno, EMSGSIZE);
	assert_int_equal(gate_frame_receive(pair[1], &head, got, sizeof(got), &passed), 1);
	assert_int_equal(head.type, GATE_FRAME_INPUT);
	assert_int_equal(head.a, 7);
	assert_int_equal(head.b, 9);
	assert_int_equal(head.len, sizeof(bytes));
	assert_memory_equal(got, bytes, sizeof(bytes));
	assert_int_equal(passed, -1);
	/* One that does not fit the buffer is no frame. */
	assert_int_equal(gate_frame_send(pair[0], GATE_FRAME_INPUT, 0, 0, bytes, 100), 0);
	assert_int_equal(gate_frame_receive(pair[1], &head, got, sizeof(got), &passed), 1);
	assert_int_equal(gate_frame_receive(pair[1], &head, got, 99, &passed), -1);
	assert_int_equal(errno, EPROTO);
	/* A head that lies about its length. */
	head = (struct gate_frame){ .type = GATE_FRAME_DONE, .len = 5 };
	assert_int_equal(send(pair[0], &head, sizeof(head), 0), sizeof(head));
	assert_int_equal(gate_frame_receive(pair[1], &head, got, sizeof(got), &passed), -1);
	assert_int_equal(send(pair[0], &head, 3, 0), 3);
	assert_int_equal(gate_frame_receive(pair[1], &head, got, sizeof(got), &passed), -1);
	/* What a peer said before it went is read although it had unread frames. */
	assert_int_equal(gate_frame_send(pair[1], GATE_FRAME_STATUS, 0, 0, NULL, 0), 0);
	assert_int_equal(gate_frame_send(pair[0], GATE_FRAME_DONE, 0, 0, NULL, 0), 0);
	(void)close(pair[0]);
	assert_int_equal(gate_frame_receive(pair[1], &head, got, sizeof(got), &passed), 1);
	assert_int_equal(head.type, GATE_FRAME_DONE);
	assert_int_equal(gate_frame_receive(pair[1], &head, got, sizeof(got), &passed), 0);
	assert_int_equal(gate_frame_send(pair[1], GATE_FRAME_STATUS, 0, 0, NULL, 0), -1);
	assert_int_equal(errno, EPIPE);
	(void)close(pair[1]);
}

static void only_one_descriptor_of_a_frame_is_kept(void **state)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct gate_frame head = { .type = GATE_FRAME_RECORD };
	struct iovec part = { &head, sizeof(head) };
	struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control) };
	int pair[2], passed = -1, before = dup(0);

	(void)state;
	(void)close(before);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), pair, 2 * sizeof(int));
	assert_int_equal(sendmsg(pair[0], &m, 0), sizeof(head));
	assert_int_equal(gate_frame_receive(pair[1], &head, NULL, 0, &passed), 1);
	assert_true(passed >= 0);
	assert_int_equal(fcntl(passed, F_GETFD), FD_CLOEXEC);
	(void)close(passed);
	(void)close(pair[0]);
	(void)close(pair[1]);
	int after = dup(0);

	(void)close(after);
	assert_int_equal(after, before); /* no descriptor stayed */
}

static void who_does_not_run_cannot_be_connected_to(void **state)
{
	struct temp *t = *state;
	struct gate_err err = GATE_ERR_INIT;
	char id[65];
	int fd;

	temp_task(t, NULL, NULL, id);
	assert_int_equal(gate_container_connect(t->s, id, &fd, &err), -1);
	assert_int_equal(err.code, GATE_E_NOTFOUND);
	assert_non_null(strstr(err.text, "is not running"));
}

#define OPENING(f) cmocka_unit_test_setup_teardown(f, temp_setup, temp_teardown)
#define STORE(f)   cmocka_unit_test_setup_teardown(f, temp_setup_store, temp_teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		OPENING(what_is_missing_is_made_for_the_owner_alone),
		OPENING(a_symbolic_link_is_no_state_directory),
		OPENING(modes_that_let_others_in_are_refused),
		OPENING(a_way_through_is_no_way_in),
		OPENING(another_owner_is_refused),
		OPENING(a_way_that_others_may_change_is_refused),
		OPENING(names_that_cannot_be_a_directory_are_refused),
		STORE(a_task_is_found_by_id_prefix_and_name),
		STORE(words_that_are_paths_are_refused),
		STORE(an_ambiguous_prefix_says_so),
		STORE(a_name_goes_before_a_prefix),
		STORE(a_taken_name_is_a_conflict_and_a_free_one_is_not),
		STORE(of_eight_processes_one_gets_the_name),
		STORE(the_lock_tells_running_from_lost),
		STORE(broken_records_are_lost_tasks_not_crashes),
		STORE(configurations_are_read_whole_or_not),
		STORE(strangers_in_the_directory_are_no_tasks),
		STORE(what_runs_is_not_removed),
		STORE(removing_follows_nothing_and_knows_no_depth),
		STORE(a_mount_that_was_left_behind_is_not_emptied),
		STORE(a_process_that_a_keeper_left_is_killed),
		STORE(a_number_that_was_used_again_is_not_touched),
		STORE(tasks_of_rm_vanish_with_their_keeper),
		cmocka_unit_test(frames_arrive_whole_with_their_descriptor),
		cmocka_unit_test(only_one_descriptor_of_a_frame_is_kept),
		STORE(who_does_not_run_cannot_be_connected_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
