/* Mesos' messages as tasks: what is honoured, what is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "spec/mesos.h"

struct made {
	struct gate_arena arena;
	struct gate_task t;
	struct gate_mesos_launch l;
	struct gate_err err;
	int rc;
};

static void make_with(struct made *m, uint32_t isolation, bool cfs, const char *text)
{
	const struct gate_mesos_facts f = { isolation, cfs, "host1" };
	const struct gate_doc *d = NULL;

	memset(m, 0, sizeof(*m));
	gate_task_init(&m->t);
	if (gate_doc_read(&m->arena, text, strlen(text), &d, &m->err) < 0)
		fail_msg("%s", m->err.text);
	m->rc = gate_mesos_launch_read(d, &f, &m->t, &m->l, &m->err);
}

static void make(struct made *m, const char *text)
{
	make_with(m, GATE_ISOLATE_ALL, false, text);
}

static void done(struct made *m)
{
	gate_task_done(&m->t);
	gate_arena_done(&m->arena);
}

static bool has_env(const struct gate_task *t, const char *pair)
{
	bool found = false;

	for (size_t i = 0; i < t->env.n; i++)
		found |= strcmp(t->env.at[i], pair) == 0;
	return found;
}

#define ID "\"container_id\":{\"value\":\"c1\"}"

static void no_new_privileges_is_for_every_task_where_its_isolator_is(void **state)
{
	struct made m;

	(void)state;
	for (int nnp = 0; nnp < 2; nnp++) {
		make_with(&m, nnp ? GATE_ISOLATE_ALL : GATE_ISOLATE_ALL & ~(1U << GATE_ISOLATE_NNP), false,
		          "{" ID ",\"command\":{\"value\":\"true\"}}");
		assert_int_equal(m.rc, 0);
		assert_int_equal(m.t.no_new_privs, nnp);
		done(&m);
	}
}

static void the_specification_example_becomes_a_task(void **state)
{
	struct made m;

	(void)state;
	make(&m, "{\"container_id\":{\"value\":\"id\"},\"command\":{\"value\":\"sleep 1\",\"shell\":true,\"arguments\":[],"
	         "\"environment\":{\"variables\":[{\"name\":\"N\",\"value\":\"V\"}]},\"user\":\"nobody\",\"uris\":[]},"
	         "\"resources\":[{\"name\":\"cpus\",\"type\":\"SCALAR\",\"scalar\":{\"value\":0.1}},{\"name\":\"mem\",\"scalar\":{\"value\":64}}],"
	         "\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"seccomp\":{\"profile_name\":\"x.json\"}}},\"limits\":{}}");
	if (m.rc != 0)
		fail_msg("%s", m.err.text);
	assert_string_equal(m.l.id.name, "id");
	assert_string_equal(m.l.id.parent, "");
	assert_true(m.l.seccomp);
	assert_false(m.l.unconfined);
	assert_string_equal(gate_task_of_host(&m.t), "to see the host's files (a task without an image)");
	assert_string_equal(m.l.profile_name, "x.json");
	assert_int_equal(m.t.args.n, 3);
	assert_string_equal(m.t.args.at[0], "/bin/sh");
	assert_string_equal(m.t.args.at[2], "sleep 1");
	assert_string_equal(m.t.user, "nobody");
	assert_true(has_env(&m.t, "N=V"));
	assert_true(has_env(&m.t, "MESOS_CONTAINER_ID=id"));
	assert_int_equal(m.t.cpu_shares, 102);
	assert_int_equal(m.t.cpu_quota_us, 0);
	assert_int_equal(m.t.memory, 64 << 20);
	assert_int_equal(m.t.network.mode, GATE_NS_HOST);
	assert_int_equal(m.t.pid.mode, GATE_NS_OWN);
	assert_null(m.t.profile);
	done(&m);
}

static void what_a_client_says_wins_over_what_is_given(void **state)
{
	struct made m;

	(void)state;
	make(&m, "{" ID ",\"command\":{\"value\":\"x\",\"environment\":{\"variables\":[{\"name\":\"PATH\",\"value\":\"/b\"}]}}}");
	assert_int_equal(m.rc, 0);
	assert_string_equal(m.t.env.at[m.t.env.n - 1], "PATH=/b");
	done(&m);
}

static void a_nested_container_joins_its_parent(void **state)
{
	struct made m;

	(void)state;
	make(&m, "{\"container_id\":{\"value\":\"c\",\"parent\":{\"value\":\"b\",\"parent\":{\"value\":\"a\"}}},\"command\":{\"value\":\"x\"}}");
	assert_int_equal(m.rc, 0);
	assert_string_equal(m.l.id.name, "a.b.c");
	assert_string_equal(m.l.id.parent, "a.b");
	assert_int_equal(m.t.network.mode, GATE_NS_OF);
	assert_string_equal(m.t.network.of, "a.b");
	assert_int_equal(m.t.uts.mode, GATE_NS_OF);
	assert_int_equal(m.t.ipc.mode, GATE_NS_OF);
	assert_int_equal(m.t.pid.mode, GATE_NS_OWN);
	done(&m);
	make(&m, "{\"container_id\":{\"value\":\"c\",\"parent\":{\"value\":\"b\"}},\"command\":{\"value\":\"x\"},"
	         "\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"share_pid_namespace\":true,\"ipc_mode\":\"PRIVATE\"}}}");
	assert_int_equal(m.rc, 0);
	assert_int_equal(m.t.pid.mode, GATE_NS_OF);
	assert_int_equal(m.t.ipc.mode, GATE_NS_OWN);
	done(&m);
#define NESTED_WITH(cgroups)                                                                                           \
	"{\"container_id\":{\"value\":\"c\",\"parent\":{\"value\":\"b\"}},\"command\":{\"value\":\"x\"},\"resources\":[{\"name\":\"mem\"," \
	"\"scalar\":{\"value\":64}}],\"container\":{\"type\":\"MESOS\",\"linux_info\":{" cgroups "}}}"
	make(&m, NESTED_WITH(""));
	assert_int_equal(m.rc, 0);
	assert_string_equal(m.t.cgroup_of, "b");
	assert_int_equal(m.t.memory, 0);
	done(&m);
	make(&m, NESTED_WITH("\"share_cgroups\":false"));
	assert_int_equal(m.rc, 0);
	assert_string_equal(m.t.cgroup_of, "b");
	assert_int_equal(m.t.memory, 64 << 20);
	done(&m);
	make(&m, "{" ID ",\"command\":{\"value\":\"x\"},\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"share_pid_namespace\":true}}}");
	assert_int_equal(m.rc, 0);
	assert_int_equal(m.t.pid.mode, GATE_NS_HOST);
	done(&m);
}

#define IMAGE "\"type\":\"MESOS\",\"mesos\":{\"image\":{\"type\":\"DOCKER\",\"docker\":{\"name\":\"busybox\"}}}"

/* An image in namespaces of its own is nobody else's business. */
static void what_is_of_the_host_is_told(void **state)
{
	static const struct {
		const char *container, *what;
	} rows[] = {
		{ IMAGE, NULL },
		{ IMAGE ",\"linux_info\":{\"effective_capabilities\":{\"capabilities\":[\"CHOWN\"]}}", NULL },
		{ IMAGE ",\"linux_info\":{\"effective_capabilities\":{\"capabilities\":[\"CHOWN\",\"SYS_ADMIN\"]}}",
		  "a capability that is none of docker's default ones" },
		{ IMAGE ",\"linux_info\":{\"share_pid_namespace\":true}", "to share the host's processes" },
		{ IMAGE ",\"linux_info\":{\"ipc_mode\":\"SHARE_PARENT\"}", "to share the host's IPC" },
		{ IMAGE ",\"volumes\":[{\"mode\":\"RO\",\"container_path\":\"/d\",\"host_path\":\"/srv\"}]", "a volume of the host" },
		{ "\"type\":\"MESOS\"", "to see the host's files (a task without an image)" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		char text[700];
		struct made m;

		(void)snprintf(text, sizeof(text), "{" ID ",\"command\":{\"value\":\"x\"},\"container\":{%s}}", rows[i].container);
		make(&m, text);
		if (m.rc != 0)
			fail_msg("row %zu: %s", i, m.err.text);
		const char *what = gate_task_of_host(&m.t);

		if (strcmp(what != NULL ? what : "", rows[i].what != NULL ? rows[i].what : "") != 0)
			fail_msg("row %zu: %s", i, what != NULL ? what : "nothing");
		done(&m);
	}
}

static void linux_info_volumes_and_limits_are_honoured(void **state)
{
	struct made m;

	(void)state;
	make_with(&m, GATE_ISOLATE_ALL, true,
	          "{" ID ",\"command\":{\"shell\":false,\"value\":\"/bin/sleep\",\"arguments\":[\"sleep\",\"10\"]},"
	          "\"container\":{\"type\":\"MESOS\",\"mesos\":{\"image\":{\"type\":\"DOCKER\",\"docker\":{\"name\":\"busybox\"}}},"
	          "\"hostname\":\"h\",\"volumes\":[{\"mode\":\"RO\",\"container_path\":\"/d\",\"host_path\":\"/srv\"},"
	          "{\"mode\":\"RW\",\"container_path\":\"/e\",\"source\":{\"type\":\"HOST_PATH\",\"host_path\":{\"path\":\"/tmp\"}}}],"
	          "\"rlimit_info\":{\"rlimits\":[{\"type\":\"RLMT_NOFILE\",\"hard\":20,\"soft\":10},{\"type\":\"RLMT_CORE\"}]},"
	          "\"linux_info\":{\"effective_capabilities\":{\"capabilities\":[\"CHOWN\"]},\"bounding_capabilities\":{\"capabilities\":"
	          "[\"CHOWN\"]},\"shm_size\":4,\"seccomp\":{\"unconfined\":true}}},"
	          "\"resources\":[{\"name\":\"cpus\",\"scalar\":{\"value\":2}},{\"name\":\"mem\",\"scalar\":{\"value\":8}},{\"name\":\"ports\","
	          "\"type\":\"RANGES\",\"role\":\"*\",\"ranges\":{\"range\":[{\"begin\":31000,\"end\":31002}]}}],"
	          "\"limits\":{\"mem\":{\"value\":100}}}");
	if (m.rc != 0)
		fail_msg("%s", m.err.text);
	assert_int_equal(m.t.args.n, 2);
	assert_string_equal(m.t.args.at[0], "/bin/sleep");
	assert_string_equal(m.t.args.at[1], "10");
	assert_string_equal(m.t.image, "busybox");
	assert_string_equal(m.t.hostname, "h");
	assert_int_equal(m.t.uts.mode, GATE_NS_OWN);
	assert_int_equal(m.t.volumes.n, 2);
	assert_true(m.t.volumes.at[0].read_only);
	assert_string_equal(m.t.volumes.at[1].source, "/tmp");
	assert_int_equal(m.t.limits.at[0].resource, RLIMIT_NOFILE);
	assert_int_equal(m.t.limits.at[0].soft, 10);
	assert_true(m.t.limits.at[1].hard == UINT64_MAX);
	assert_int_equal(gate_task_caps(&m.t, UINT64_MAX), 1);
	assert_int_equal(m.t.shm_size, 4 << 20);
	assert_int_equal(m.t.cpu_quota_us, 200000);
	assert_int_equal(m.t.memory, 100 << 20);
	assert_string_equal(m.l.resources.ports, "31000,31001,31002");
	assert_true(m.l.unconfined);
	assert_null(m.l.profile_name);
	done(&m);
}

static void a_limit_may_be_infinite(void **state)
{
	struct made m;

	(void)state;
	make(&m, "{" ID ",\"command\":{\"value\":\"x\"},\"resources\":[{\"name\":\"mem\",\"scalar\":{\"value\":64}}],\"limits\":{\"mem\":{\"value\":"
	         "\"Infinity\"},\"cpus\":{\"value\":1.5}}}");
	assert_int_equal(m.rc, 0);
	assert_int_equal(m.t.memory, 0);
	assert_int_equal(m.t.cpu_quota_us, 150000);
	done(&m);
}

static void seccomp_is_told_as_it_was_said(void **state)
{
	struct made m;

	(void)state;
	make(&m, "{" ID ",\"command\":{\"value\":\"x\"},\"container\":{\"type\":\"MESOS\",\"linux_info\":{}}}");
	assert_int_equal(m.rc, 0);
	assert_false(m.l.seccomp);
	done(&m);
	make(&m, "{" ID ",\"command\":{\"value\":\"x\"},\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"seccomp\":{}}}}");
	assert_true(m.l.seccomp && !m.l.unconfined && m.l.profile_name == NULL);
	done(&m);
	make(&m, "{" ID ",\"command\":{\"value\":\"x\"},\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"seccomp\":{\"profile_name\":\"\","
	         "\"unconfined\":true}}}}");
	assert_true(m.l.seccomp && m.l.unconfined);
	assert_string_equal(m.l.profile_name, "");
	done(&m);
}

static void what_cannot_be_is_refused_by_name(void **state)
{
#define CMD "\"command\":{\"value\":\"x\"}"
	static const struct {
		const char *text, *why;
	} rows[] = {
		{ "{" CMD "}", "Expecting 'container_id.value' to be present" },
		{ "{\"container_id\":{\"value\":\"\"}," CMD "}", "'ContainerID.value' must be non-empty" },
		{ "{\"container_id\":{\"value\":\"a/b\"}," CMD "}", "'ContainerID.value' contains invalid characters" },
		{ "{\"container_id\":{\"value\":\"a.b\"}," CMD "}", "'ContainerID.value' contains invalid characters" },
		{ "{\"container_id\":{\"value\":\"a b\"}," CMD "}", "'ContainerID.value' contains invalid characters" },
		{ "{\"container_id\":{\"value\":\"a:b\"}," CMD "}", "'ContainerID.value' is a name here" },
		{ "{" ID "}", "/command: a container without an image needs a command" },
		{ "{" ID ",\"command\":{}}", "/command: with shell a value is needed" },
		{ "{" ID ",\"command\":{\"value\":\"x\",\"arguments\":[\"y\"]}}", "/command: arguments mean nothing with shell" },
		{ "{" ID ",\"command\":{\"shell\":false,\"value\":\"/bin/x\",\"arguments\":[\"y\"]}}", "'y' is not that of '/bin/x'" },
		{ "{" ID ",\"command\":{\"value\":\"x\",\"uris\":[{\"value\":\"http://x\"}]}}", "/command/uris: not supported here: nothing is fetched" },
		{ "{" ID ",\"command\":{\"value\":1}}", "/command/value: expecting a string, found a number" },
		{ "{" ID ",\"command\":{\"value\":\"x\",\"user\":\"a b:\"}}", "/command/user: " },
		{ "{" ID ",\"command\":{\"value\":\"x\",\"environment\":{\"variables\":[{\"name\":\"S\",\"type\":\"SECRET\",\"secret\":{\"a\":1}}]}}}",
		  "/command/environment/variables(0)/secret: not supported here: there is no store of secrets" },
		{ "{" ID "," CMD ",\"containr\":{}}", "/containr: unknown field" },
		{ "{" ID "," CMD ",\"container\":{\"type\":\"DOCKER\"}}", "The provided ContainerInfo is not supported" },
		{ "{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"network_infos\":[{\"name\":\"dcos\"}]}}", "/container/network_infos: not supported" },
		{ "{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"tty_info\":{\"x\":1}}}", "/container/tty_info: not supported" },
		{ "{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"seccomp\":{\"profile\":\"x\"}}}}",
		  "/container/linux_info/seccomp/profile: unknown field" },
		{ "{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"seccomp\":{\"unconfined\":\"true\"}}}}",
		  "/container/linux_info/seccomp/unconfined: expecting a boolean, found a string" },
		{ "{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"effective_capabilities\":{\"capabilities\":[\"FLY\"]}}}}",
		  "'FLY' is not a capability" },
		{ "{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"effective_capabilities\":{\"capabilities\":[\"CHOWN\"]},"
		  "\"bounding_capabilities\":{\"capabilities\":[\"KILL\"]}}}}",
		  "Bounding capabilities do not contain effective capabilities" },
		{ "{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":\"a\",\"host_path\":\"/\"}]}}",
		  "/container/volumes(0): container_path must be an absolute path" },
		{ "{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":\"/a/..\",\"host_path\":\"/\"}]}}",
		  "/container/volumes(0): container_path must be an absolute path" },
		{ "{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":\"/a\",\"source\":{\"type\":"
		  "\"SANDBOX_PATH\",\"sandbox_path\":{\"path\":\"x\"}}}]}}",
		  "/container/volumes(0)/sandbox_path: not supported here" },
		{ "{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"rlimit_info\":{\"rlimits\":[{\"type\":\"RLMT_NOFILE\",\"hard\":1,\"soft\":2}]}}}",
		  "the soft limit is above the hard one" },
		{ "{" ID "," CMD ",\"resources\":[{\"name\":\"gpus\",\"scalar\":{\"value\":1}}]}", "/resources(0): there is no 'gpus' here" },
		{ "{" ID "," CMD ",\"resources\":[{\"name\":\"cpus\",\"scalar\":{\"value\":-1}}]}", "/resources(0): out of range" },
		{ "{" ID "," CMD ",\"resources\":[{\"name\":\"cpus\",\"role\":\"web\",\"scalar\":{\"value\":1}}]}", "no roles" },
		{ "[]", "Expecting 'container_id.value'" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct made m;

		make(&m, rows[i].text);
		if (m.rc == 0 || strstr(m.err.text, rows[i].why) == NULL)
			fail_msg("row %zu: '%s'", i, m.err.text);
		done(&m);
	}
}

static void what_needs_an_isolator_says_so(void **state)
{
	static const char *const texts[] = {
		"{" ID ",\"container\":{\"type\":\"MESOS\",\"mesos\":{\"image\":{\"docker\":{\"name\":\"x\"}}}}}",
		"{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"hostname\":\"h\"}}",
		"{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"shm_size\":1}}}",
		"{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"capability_info\":{\"capabilities\":[]}}}}",
		"{" ID "," CMD ",\"container\":{\"type\":\"MESOS\",\"rlimit_info\":{\"rlimits\":[{\"type\":\"RLMT_CORE\"}]}}}",
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(texts); i++) {
		struct made m;

		make_with(&m, 1 << GATE_ISOLATE_SECCOMP, false, texts[i]);
		assert_int_equal(m.rc, -1);
		assert_non_null(strstr(m.err.text, ", which the agent runs without"));
		done(&m);
	}
}

static void ids_have_a_bound_with_their_parents(void **state)
{
	char value[140], text[400];
	struct made m;

	(void)state;
	memset(value, 'a', sizeof(value));
	value[127] = '\0';
	(void)snprintf(text, sizeof(text), "{\"container_id\":{\"value\":\"%s\"}," CMD "}", value);
	make(&m, text);
	assert_int_equal(m.rc, 0);
	assert_true(gate_task_name_ok(m.l.id.name));
	done(&m);
	(void)snprintf(text, sizeof(text), "{\"container_id\":{\"value\":\"b\",\"parent\":{\"value\":\"%s\"}}," CMD "}", value);
	make(&m, text);
	assert_int_equal(m.rc, -1);
	assert_int_equal(m.err.code, GATE_E_LIMIT);
	done(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_specification_example_becomes_a_task),
		cmocka_unit_test(no_new_privileges_is_for_every_task_where_its_isolator_is),
		cmocka_unit_test(what_a_client_says_wins_over_what_is_given),
		cmocka_unit_test(a_nested_container_joins_its_parent),
		cmocka_unit_test(what_is_of_the_host_is_told),
		cmocka_unit_test(linux_info_volumes_and_limits_are_honoured),
		cmocka_unit_test(a_limit_may_be_infinite),
		cmocka_unit_test(seccomp_is_told_as_it_was_said),
		cmocka_unit_test(what_cannot_be_is_refused_by_name),
		cmocka_unit_test(what_needs_an_isolator_says_so),
		cmocka_unit_test(ids_have_a_bound_with_their_parents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
