/* The check of plans: a good one, and many that differ from it in one thing, each with its sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>

#include "../../launch/plan_build.h"
#include "../random.h"

static struct build b;
static const uint32_t groups[] = { 1, 2, 3 };

/* A plan with a row of every kind. */
static void good(void)
{
	memset(&b, 0, sizeof(b));
	b.flags = GATE_PLAN_TERMINAL | GATE_PLAN_STDIN;
	b.argv[0] = "sh";
	b.argv[1] = "-c";
	b.envp[0] = "PATH=/bin";
	FILTER_WITH(&b, build_two_calls);
	ADD(&b, SESSION, .fd = 11);
	ADD(&b, JOIN, .fd = 12, .a = CLONE_NEWUSER);
	ADD(&b, CLONE, .fd = 13, .a = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET);
	ADD(&b, SIGNALS);
	ADD(&b, HIDE);
	ADD(&b, PARENT, .a = 9);
	ADD(&b, NORMAL);
	ADD(&b, CGROUP, .fd = 14);
	ADD(&b, OOM, .fd = 11, .a = (uint64_t)-500);
	ADD(&b, RLIMIT, .flags = 7, .a = 1, .b = 2);
	ADD(&b, UNSHARE, .a = CLONE_NEWCGROUP);
	ADD(&b, LOOPBACK);
	ADD(&b, HOSTNAME, .text = { "name" });
	ADD(&b, KEYRING);
	ADD(&b, PRIVATE);
	ADD(&b, ROOT, .fd = 15, .text = { "/run/x" });
	ADD(&b, ATTACH, .fd = 16, .text = { "/data" }, .flags = GATE_ROW_DIRECTORY);
	ADD(&b, BIND, .text = { "/etc/hosts", "/etc/hosts" }, .flags = GATE_ROW_FILE);
	ADD(&b, FILESYSTEM, .text = { "tmpfs", "/tmp", "mode=01777" });
	ADD(&b, LINK, .text = { "pts/ptmx", "/dev/ptmx" });
	ADD(&b, COVER, .text = { "/proc/kcore" });
	ADD(&b, READONLY, .text = { "/proc/sys" });
	ADD(&b, SYSCTL, .text = { "net/ipv4/ip_forward", "0" });
	ADD(&b, PIVOT);
	ADD(&b, SESSION_LEADER);
	ADD(&b, TERMINAL, .a = 24 << 16 | 80);
	ADD(&b, STDIO, .a = 2, .fd = GATE_PLAN_FD_ERR);
	ADD(&b, INIT);
	ADD(&b, HELPER);
	ADD(&b, DIRECTORY, .text = { "/" });
	ADD(&b, BOUNDING, .a = 5);
	ADD(&b, IDS, .a = 1, .b = 2, .flags = 3, .groups = groups);
	ADD(&b, CAPABILITIES, .a = 5, .b = 1);
	ADD(&b, NO_NEW_PRIVS);
	ADD(&b, PROGRAM, .text = { "/bin:/usr/bin" });
	ADD(&b, CLOSE);
	ADD(&b, UNBLOCK);
	ADD(&b, FILTER, .flags = GATE_LOAD_HELPER, .a = 2);
	ADD(&b, EXECVE);
}

static struct build_row *row(enum gate_step step)
{
	for (unsigned i = 0; i < b.n_rows; i++)
		if (b.rows[i].step == step)
			return &b.rows[i];
	fail();
	return &b.rows[0];
}

static void drop(enum gate_step step)
{
	struct build_row *r = row(step);

	memmove(r, r + 1, (size_t)(&b.rows[--b.n_rows] - r) * sizeof(*r));
}

static void insert_before(enum gate_step step, struct build_row what)
{
	struct build_row *r = row(step);

	memmove(r + 1, r, (size_t)(&b.rows[b.n_rows++] - r) * sizeof(*r));
	*r = what;
}

static const char *verdict(void)
{
	return build_lay(&b);
}

static const char *again(void)
{
	return gate_plan_check(b.bytes, b.len, b.n_fds);
}

static void a_good_plan(void **state)
{
	(void)state;
	good();
	assert_null(verdict());
	gate_plan_relocate(&b.plan);
	const char **argv = (const char **)(void *)(b.bytes + b.plan.argv);
	assert_string_equal(argv[0], "sh");
	assert_string_equal(argv[1], "-c");
	assert_null(argv[2]);
	const char **envp = (const char **)(void *)(b.bytes + b.plan.envp);
	assert_string_equal(envp[0], "PATH=/bin");
	assert_null(envp[1]);
}

/* Every change of the rows that is refused, with the words for it. */
#define REFUSED(sentence, ...)                                                                                         \
	do {                                                                                                           \
		good();                                                                                                \
		__VA_ARGS__;                                                                                           \
		const char *got_ = verdict();                                                                          \
		if (got_ == NULL || strcmp(got_, sentence) != 0)                                                       \
			fail_msg("line %d: '%s' instead of '%s'", __LINE__, got_ != NULL ? got_ : "good", sentence);   \
	} while (0)
#define ROW(name, ...) (struct build_row){ .step = GATE_STEP_##name, ##__VA_ARGS__ }
#define LATE           "a step comes after one that it must precede"
#define TWICE          "a step that happens once is there twice"

static void the_order_of_rows(void **state)
{
	(void)state;
	REFUSED("no process is made", drop(GATE_STEP_CLONE); b.rows[2] = ROW(CGROUP, .fd = 14); b.n_rows = 3);
	REFUSED("a step of the process comes before there is one", drop(GATE_STEP_CLONE));
	REFUSED(TWICE, insert_before(GATE_STEP_SIGNALS, ROW(CLONE)));
	REFUSED(LATE, insert_before(GATE_STEP_HIDE, ROW(JOIN, .fd = 12, .a = CLONE_NEWNET)));
	REFUSED("no program is executed", drop(GATE_STEP_EXECVE));
	REFUSED(LATE, ADD(&b, SIGNALS); drop(GATE_STEP_SIGNALS));
	REFUSED(TWICE, ADD(&b, EXECVE));
	REFUSED(LATE, insert_before(GATE_STEP_EXECVE, ROW(STDIO)));
	REFUSED(LATE, insert_before(GATE_STEP_EXECVE, ROW(RLIMIT)));
	REFUSED(LATE, drop(GATE_STEP_IDS); insert_before(GATE_STEP_PROGRAM, ROW(IDS, .a = 1)));
	REFUSED(LATE, drop(GATE_STEP_BOUNDING); insert_before(GATE_STEP_CAPABILITIES, ROW(BOUNDING)));
	REFUSED(LATE, drop(GATE_STEP_NO_NEW_PRIVS); insert_before(GATE_STEP_EXECVE, ROW(NO_NEW_PRIVS)));
	REFUSED(LATE, drop(GATE_STEP_HELPER); insert_before(GATE_STEP_CAPABILITIES, ROW(HELPER)));
	REFUSED(LATE, insert_before(GATE_STEP_IDS, ROW(COVER, .text = { "/x" })));
	REFUSED(LATE, drop(GATE_STEP_UNBLOCK); insert_before(GATE_STEP_EXECVE, ROW(UNBLOCK)));
	REFUSED(LATE, drop(GATE_STEP_DIRECTORY); insert_before(GATE_STEP_UNBLOCK, ROW(DIRECTORY, .fd = 14)));
	REFUSED("a mount is changed before the mounts are private", drop(GATE_STEP_PRIVATE));
	REFUSED("a mount is changed before the mounts are private", insert_before(GATE_STEP_PRIVATE, ROW(COVER, .text = { "/x" })));
	REFUSED("a mount is changed after the root is in place", insert_before(GATE_STEP_SESSION_LEADER, ROW(COVER, .text = { "/x" })));
	REFUSED("there is no root to become the root directory", drop(GATE_STEP_ROOT));
	REFUSED("the task's root would not become its root directory", drop(GATE_STEP_PIVOT));
	REFUSED("the program would start with the keeper's signals", drop(GATE_STEP_SIGNALS));
	REFUSED("the program would start with the keeper's signals", drop(GATE_STEP_UNBLOCK));
	REFUSED("the program would start with the keeper's descriptors", drop(GATE_STEP_CLOSE));
	REFUSED("a terminal is given to no session", drop(GATE_STEP_SESSION_LEADER));
	REFUSED("a row has an unknown step", row(GATE_STEP_HIDE)->step = GATE_STEP_MAX);
	REFUSED("a row has an unknown step", row(GATE_STEP_HIDE)->step = GATE_STEP_NONE);
}

static void filters_and_flags(void **state)
{
	(void)state;
	REFUSED("there is a filter that is not loaded, or none to load", drop(GATE_STEP_FILTER));
	REFUSED("there is a filter that is not loaded, or none to load", b.filter_len = 0);
	REFUSED("only 'unconfined' runs without a filter", drop(GATE_STEP_FILTER); drop(GATE_STEP_HELPER); b.filter_len = 0);
	REFUSED("only 'unconfined' runs without a filter", b.flags |= GATE_PLAN_UNCONFINED);
	REFUSED("nobody would load the filter", row(GATE_STEP_FILTER)->flags = GATE_LOAD_NOTHING);
	REFUSED("nobody would load the filter", row(GATE_STEP_FILTER)->flags = GATE_LOAD_HELPER + 1);
	REFUSED("the filter has unknown flags", row(GATE_STEP_FILTER)->a = 1);
	REFUSED("the filter has unknown flags", row(GATE_STEP_FILTER)->a = 8);
	REFUSED("calls would wait for a listener that there is not", row(GATE_STEP_FILTER)->a = 1 << 5);
	REFUSED("the thread that loads the filter is missing, or there for nothing", drop(GATE_STEP_HELPER));
	REFUSED("the thread that loads the filter is missing, or there for nothing", row(GATE_STEP_FILTER)->flags = GATE_LOAD_LATE);
	REFUSED("a listener and an init cannot be had together", b.flags |= GATE_PLAN_LISTENER);
	REFUSED("a listener needs a filter", b.flags |= GATE_PLAN_LISTENER | GATE_PLAN_UNCONFINED; drop(GATE_STEP_FILTER);
	        drop(GATE_STEP_INIT); b.filter_len = 0);
	REFUSED("there is a terminal that nobody holds, or none", b.flags &= ~(uint32_t)GATE_PLAN_TERMINAL);
	REFUSED("there is a terminal that nobody holds, or none", drop(GATE_STEP_TERMINAL));
	REFUSED("it has unknown flags", b.flags |= 1U << 30);
	REFUSED("a row has flags that its step does not know", row(GATE_STEP_HIDE)->flags = GATE_ROW_CREATE);
	REFUSED("a row has flags that its step does not know", row(GATE_STEP_ROOT)->flags = GATE_ROW_FILE);
	REFUSED("standard input is a pipe that nobody fills", row(GATE_STEP_STDIO)->fd = GATE_PLAN_FD_IN; b.flags &= ~(uint32_t)GATE_PLAN_STDIN);
}

static void numbers_of_rows(void **state)
{
	(void)state;
	REFUSED("a namespace to join has no type", row(GATE_STEP_JOIN)->a = 0);
	REFUSED("a namespace to join has no type", row(GATE_STEP_JOIN)->a = CLONE_NEWNS | CLONE_NEWUTS);
	REFUSED("a namespace to join has no type", row(GATE_STEP_JOIN)->a = CLONE_VM);
	REFUSED("a user namespace is to be joined: in a new one nobody would write the maps", row(GATE_STEP_CLONE)->a |= CLONE_NEWUSER);
	REFUSED("the new process has flags that are no namespaces", row(GATE_STEP_CLONE)->a |= CLONE_THREAD);
	REFUSED("the new process has flags that are no namespaces", row(GATE_STEP_CLONE)->a |= 1ULL << 40);
	REFUSED("the signal of the keeper's death is none", row(GATE_STEP_PARENT)->a = 0);
	REFUSED("the signal of the keeper's death is none", row(GATE_STEP_PARENT)->a = 65);
	REFUSED("a limit is for no resource", row(GATE_STEP_RLIMIT)->flags = 16);
	REFUSED("a soft limit is above its hard limit", row(GATE_STEP_RLIMIT)->a = 3);
	REFUSED("oom_score_adj is not between -1000 and 1000", row(GATE_STEP_OOM)->a = 1001);
	REFUSED("oom_score_adj is not between -1000 and 1000", row(GATE_STEP_OOM)->a = (uint64_t)-1001);
	REFUSED("only a cgroup namespace may be made late", row(GATE_STEP_UNSHARE)->a = CLONE_NEWNS);
	REFUSED("the loopback interface is the host's", row(GATE_STEP_CLONE)->a &= ~(uint64_t)CLONE_NEWNET);
	REFUSED("the host name is the host's", row(GATE_STEP_CLONE)->a &= ~(uint64_t)CLONE_NEWUTS);
	REFUSED("the mounts are the host's", row(GATE_STEP_CLONE)->a &= ~(uint64_t)CLONE_NEWNS);
	REFUSED("a kernel parameter is the host's", drop(GATE_STEP_LOOPBACK); drop(GATE_STEP_HOSTNAME); row(GATE_STEP_CLONE)->a = CLONE_NEWNS);
	REFUSED("a stream is none of the three", row(GATE_STEP_STDIO)->a = 3);
	REFUSED("a terminal of the host is given to a task with a root of its own", row(GATE_STEP_TERMINAL)->flags = GATE_ROW_ON_HOST);
	REFUSED("the working directory is neither a path nor a descriptor, or both", row(GATE_STEP_DIRECTORY)->text[0] = NULL);
	REFUSED("the working directory is neither a path nor a descriptor, or both", row(GATE_STEP_DIRECTORY)->fd = 12);
	REFUSED("a user or group id is none", row(GATE_STEP_IDS)->a = UINT32_MAX);
	REFUSED("a user or group id is none", row(GATE_STEP_IDS)->b = 1ULL << 32);
	REFUSED("a capability would be ambient that is not permitted", row(GATE_STEP_CAPABILITIES)->b = 2);
	REFUSED("a row's text is missing", row(GATE_STEP_HOSTNAME)->text[0] = NULL);
	REFUSED("a row's text is missing", row(GATE_STEP_BIND)->text[1] = NULL);
	REFUSED("a row has a text that its step does not know", row(GATE_STEP_HIDE)->text[0] = "x");
	REFUSED("a row has a text that its step does not know", row(GATE_STEP_COVER)->text[1] = "x");
	REFUSED("a row has a descriptor too many or too few", row(GATE_STEP_CGROUP)->fd = 0);
	REFUSED("a row has a descriptor too many or too few", row(GATE_STEP_HIDE)->fd = 12);
	REFUSED("a row's descriptor is none of its own", row(GATE_STEP_CGROUP)->fd = GATE_PLAN_FD_OUT);
	REFUSED("a row's descriptor is none of its own", row(GATE_STEP_STDIO)->fd = -5);
	REFUSED("the arguments are none, or not in it", b.argv[0] = NULL);
}

/* Changes of the bytes of a plan that was good. */
#define SPOILED(sentence, ...)                                                                                         \
	do {                                                                                                           \
		good();                                                                                                \
		assert_null(verdict());                                                                                \
		__VA_ARGS__;                                                                                           \
		const char *got_ = again();                                                                            \
		if (got_ == NULL || strcmp(got_, sentence) != 0)                                                       \
			fail_msg("line %d: '%s' instead of '%s'", __LINE__, got_ != NULL ? got_ : "good", sentence);   \
	} while (0)
#define ROWS  ((struct gate_row *)(void *)(b.bytes + b.plan.rows))
#define WORDS(offset) ((uint64_t *)(void *)(b.bytes + (offset)))
#define END   ((uint32_t)b.len)

static void bytes_that_lie(void **state)
{
	(void)state;
	SPOILED("it is no plan", b.plan.magic++);
	SPOILED("it is of another version", b.plan.version++);
	SPOILED("its size is not what it says", b.plan.size--);
	SPOILED("its last text does not end", b.bytes[b.len - 1] = 'x');
	SPOILED("its descriptors have not all come with it", b.plan.n_fds++);
	SPOILED("it has no rows, or too many", b.plan.n_rows = 0);
	SPOILED("it has no rows, or too many", b.plan.n_rows = GATE_PLAN_ROWS_MAX + 1);
	SPOILED("the rows do not lie in it", b.plan.rows += 4);
	SPOILED("the rows do not lie in it", b.plan.rows = 8);
	SPOILED("the rows do not lie in it", b.plan.rows = END / 8 * 8);
	SPOILED("the rows do not lie in it", b.plan.rows = UINT32_MAX - 7);
	SPOILED("the arguments do not lie in it", b.plan.argc = UINT32_MAX);
	SPOILED("the arguments do not lie in it", b.plan.argv = 0);
	SPOILED("the environment does not lie in it", b.plan.envc = 1U << 29);
	SPOILED("the filter does not lie in it", b.plan.filter = END / 8 * 8);
	SPOILED("the filter does not lie in it", b.plan.filter += 1);
	SPOILED("the filter is longer than the kernel takes", b.plan.filter_len = 4097);
	SPOILED("a filter of no instructions has a place", b.plan.filter_len = 0);
	SPOILED("two of its arrays overlap", b.plan.argv = b.plan.envp);
	SPOILED("two of its arrays overlap", b.plan.filter = b.plan.rows);
	SPOILED("two of its arrays overlap", b.plan.argv = b.plan.rows + 8);
	SPOILED("the arguments are none, or not in it", b.plan.argc--);
	SPOILED("the arguments are none, or not in it", WORDS(b.plan.argv)[0] = 0);
	SPOILED("the arguments are none, or not in it", WORDS(b.plan.argv)[1] = END);
	SPOILED("the arguments are none, or not in it", WORDS(b.plan.argv)[1] = b.plan.rows);
	SPOILED("the arguments are none, or not in it", WORDS(b.plan.argv)[1] = 1ULL << 32 | b.plan.id);
	SPOILED("the environment's strings are not in it", WORDS(b.plan.envp)[1] = b.plan.id);
	SPOILED("a row's text does not lie in it", ROWS[12].text[0] = END);
	SPOILED("a row's text does not lie in it", ROWS[12].text[0] = 8);
	SPOILED("a row has something where nothing may be", ROWS[3].zero = 1);
	SPOILED("a row's descriptor is none of its own", ROWS[1].fd = (int32_t)b.n_fds);
	SPOILED("a row's descriptor is none of its own", ROWS[1].fd = INT32_MIN);
	SPOILED("the list of groups does not lie in it", ROWS[31].flags = 60000);
	SPOILED("the list of groups does not lie in it", ROWS[31].flags = 1; ROWS[31].text[0]++);
	SPOILED("the list of groups does not lie in it", ROWS[31].text[0] = 0);
}

static void headers_that_lie(void **state)
{
	(void)state;
	SPOILED("a descriptor of the task is none of its own", b.plan.proc = (int32_t)b.n_fds);
	SPOILED("a descriptor of the task is none of its own", b.plan.lock = -2);
	SPOILED("a second process of a task has a directory", b.plan.dir = 0);
	SPOILED("the task has no directory", b.plan.flags &= ~(uint32_t)GATE_PLAN_EXEC);
	SPOILED("the task's directory is to be removed from nowhere", b.plan.flags |= GATE_PLAN_REMOVE);
	SPOILED("the task's id is none", b.plan.id = 0);
	SPOILED("the task's id is none", b.plan.id += 5);
	SPOILED("the task's id is none", b.bytes[b.plan.id] = 'A');
	SPOILED("the task's id is none", b.bytes[b.plan.id + 3] = '/');
	SPOILED("the stop signal is none", b.plan.stop_signal = 0);
	SPOILED("the stop signal is none", b.plan.stop_signal = 65);
	SPOILED("it logs to no file, or to too many", b.plan.log_bytes = 1);
	SPOILED("it has too many control groups", b.plan.n_cgroups = GATE_PLAN_CGROUPS_MAX + 1);
	SPOILED("a control group's descriptor is none of its own", b.plan.n_cgroups = 1; b.plan.cgroups[0].dir = -1);
	SPOILED("a control group's name does not lie in it", b.plan.n_cgroups = 1);
	SPOILED("a control group has unknown bits", b.plan.n_cgroups = 1; b.plan.cgroups[0].what = 1U << 20);
	SPOILED("a control group's name is no file name", b.plan.n_cgroups = 1; b.plan.cgroups[0].name = ROWS[15].text[0]);
	SPOILED("a control group's name is no file name", b.plan.n_cgroups = 1; b.plan.cgroups[0].name = END - 1);
	good();
	assert_null(verdict());
	assert_string_equal(gate_plan_check(b.bytes, sizeof(struct gate_plan), b.n_fds), "its size is none of a plan");
	assert_string_equal(gate_plan_check(b.bytes, 0, b.n_fds), "its size is none of a plan");
	assert_string_equal(gate_plan_check(b.bytes, GATE_PLAN_BYTES_MAX + 1, b.n_fds), "its size is none of a plan");
	assert_string_equal(gate_plan_check(b.bytes + 4, b.len - 4, b.n_fds), "it is not aligned");
}

/* Whatever a byte says, nothing outside is read (with sanitizers), and what passes can be relocated. */
static void every_byte_may_be_anything(void **state)
{
	static union {
		struct gate_plan plan;
		char bytes[sizeof(b.bytes)];
	} copy;
	struct test_random r = { 42 };
	unsigned passed = 0;

	(void)state;
	good();
	assert_null(verdict());
	for (size_t i = 0; i < b.len; i++) {
		memcpy(copy.bytes, b.bytes, b.len);
		copy.bytes[i] = (char)(copy.bytes[i] ^ (1 + test_below(&r, 255)));
		if (gate_plan_check(copy.bytes, b.len, b.n_fds) != NULL)
			continue;
		gate_plan_relocate(&copy.plan);
		passed++;
	}
	assert_true(passed > 0 && passed < b.len);
}

static void steps_have_names(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < GATE_STEP_MAX; i++) {
		assert_non_null(gate_step_name(i));
		assert_non_null(gate_step_what(i));
	}
	assert_string_equal(gate_step_name(GATE_STEP_MAX), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_plan),
		cmocka_unit_test(the_order_of_rows),
		cmocka_unit_test(filters_and_flags),
		cmocka_unit_test(numbers_of_rows),
		cmocka_unit_test(bytes_that_lie),
		cmocka_unit_test(headers_that_lie),
		cmocka_unit_test(every_byte_may_be_anything),
		cmocka_unit_test(steps_have_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
