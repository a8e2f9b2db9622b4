/* The operator API over a pretend world: every call, its shapes and codes. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fake.h"
#include "keeper/log.h"
#include "mesos/mesos.h"

static unsigned loads; /* how often memory was made from the database */

static int count_load(void *self, struct gate_agent *a, struct gate_err *err)
{
	(void)self;
	(void)a;
	(void)err;
	loads++;
	return 0;
}

static int count_open(struct gate_agent *a, struct gate_err *err)
{
	static const struct gate_scheduler counter = { .name = "count", .load = count_load };

	return gate_agent_add(a, &counter, err);
}

static gate_scheduler_open_fn *const schedulers[] = { gate_mesos_open, count_open, NULL };

static struct fake *f;

static int set_up(void **state)
{
	(void)state;
	f = fake_open(schedulers, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fake_close(f);
	return 0;
}

static void call(const char *body, struct fake_answer *a)
{
	fake_call(f, "POST", "/api/v1", body, a);
}

/* The writer's blanks between tokens taken out. */
static const char *compact(struct fake_answer *a)
{
	char *to = a->body;
	bool quoted = false;

	for (const char *s = a->body; s != NULL && *s != '\0'; s++) {
		quoted ^= *s == '"' && (s == a->body || s[-1] != '\\');
		if (*s != ' ' || quoted || s == a->body || (s[-1] != ':' && s[-1] != ','))
			*to++ = *s;
	}
	if (to != NULL)
		*to = '\0';
	return a->body != NULL ? a->body : "";
}

static void expect(const char *body, int status, const char *text)
{
	struct fake_answer a;

	call(body, &a);
	if (a.status != status || (text != NULL && strstr(a.status == 200 ? compact(&a) : a.body != NULL ? a.body : "", text) == NULL))
		fail_msg("%s\n%d: %s", body, a.status, a.body);
	fake_answer_done(&a);
}

#define LAUNCH(id) "{\"type\":\"LAUNCH_CONTAINER\",\"launch_container\":{\"container_id\":{\"value\":\"" id "\"},\"command\":{\"value\":\"sleep 9\"}}}"
#define WITH(type, key, rest) "{\"type\":\"" type "\",\"" key "\":{\"container_id\":{\"value\":\"c1\"}" rest "}}"

/* Launched and running. */
static void launch(const char *body, const char *container)
{
	struct fake_answer a;

	call(body, &a);
	if (!a.waiting)
		fail_msg("%d: %s", a.status, a.body);
	fake_starts(f, container);
	assert_false(a.waiting);
	assert_int_equal(a.status, 200);
	fake_answer_done(&a);
}

static const struct gate_doc *json(struct gate_arena *arena, const struct fake_answer *a)
{
	const struct gate_doc *d = NULL;
	struct gate_err err = GATE_ERR_INIT;

	if (a->status != 200 || gate_doc_read(arena, a->body, strlen(a->body), &d, &err) < 0)
		fail_msg("%d: %s: %s", a->status, err.text, a->body);
	return d;
}

/* "a/b/0/c" */
static const struct gate_doc *at(const struct gate_doc *d, const char *path)
{
	char word[64];

	for (const char *s = path; d != NULL && *s != '\0'; s += *s == '/') {
		size_t n = strcspn(s, "/");

		memcpy(word, s, n);
		word[n] = '\0';
		if (d->kind == GATE_DOC_ARRAY)
			d = (size_t)atoi(word) < d->n_items ? &d->items[atoi(word)] : NULL;
		else
			d = gate_doc_member(d, word);
		s += n;
	}
	return d;
}

static void has(const struct gate_doc *d, const char *path, const char *text)
{
	const struct gate_doc *m = at(d, path);

	if (m == NULL || m->text == NULL)
		fail_msg("%s is missing", path);
	assert_string_equal(m->text, text);
}

static void a_launch_is_answered_when_the_program_runs(void **state)
{
	struct fake_answer a;

	(void)state;
	call(LAUNCH("c1"), &a);
	assert_true(a.waiting);
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, "c1"), 1);
	fake_starts(f, "c1");
	assert_int_equal(a.status, 200);
	fake_answer_done(&a);
	/* The same again is the same container. */
	expect(LAUNCH("c1"), 202, NULL);
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, "c1"), 1);
}

static void a_program_that_ends_at_once_was_launched(void **state)
{
	struct fake_answer a;

	(void)state;
	call(LAUNCH("c1"), &a);
	fake_ends(f, "c1", 0);
	assert_int_equal(a.status, 200);
	fake_answer_done(&a);
}

static void a_launch_that_fails_says_why(void **state)
{
	struct fake_answer a;

	(void)state;
	call(LAUNCH("c1"), &a);
	fake_not_started(f, "c1", "cannot mount '/x': it is not there");
	assert_int_equal(a.status, 400);
	assert_non_null(strstr(a.body, "cannot mount '/x'"));
	fake_answer_done(&a);
	expect(LAUNCH("c1"), 400, "cannot mount '/x'");
	expect(WITH("REMOVE_CONTAINER", "remove_container", ""), 200, NULL);
}

static void a_profile_that_is_refused_refuses_the_launch(void **state)
{
	(void)state;
	launch(LAUNCH("c0"), "c0");
	fake_forget(f);
	const unsigned before = loads;

	f->profile_error = (struct gate_err){ .code = GATE_E_INVALID, .text = "Missing Seccomp profile name" };
	expect(LAUNCH("c1"), 400, "Missing Seccomp profile name");
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, NULL), 0);
	f->profile_error = (struct gate_err){ .code = GATE_E_DENIED, .text = "nobody may run unconfined here" };
	expect(LAUNCH("c1"), 403, "nobody may run unconfined here");
	expect(WITH("WAIT_CONTAINER", "wait_container", ""), 404, "Container c1 cannot be found");
	f->profile_error = (struct gate_err){ .code = GATE_OK };
	assert_int_equal(loads, before); /* nothing has changed, so nothing is read again */
	launch(LAUNCH("c1"), "c1");
}

static void seccomp_reaches_the_decision_as_it_was_said(void **state)
{
	struct gate_wire_profile p = { 0 };
	struct gate_task t;

	(void)state;
	launch(WITH("LAUNCH_CONTAINER", "launch_container",
	            ",\"command\":{\"value\":\"x\"},\"container\":{\"type\":\"MESOS\",\"linux_info\":{\"seccomp\":{\"unconfined\":true}}}"),
	       "c1");
	gate_task_init(&t);
	fake_task(f, "c1", &t, &p);
	assert_true(p.unconfined);
	assert_string_equal(t.args.at[2], "x");
	gate_task_done(&t);
}

static void waiting_ends_with_mesos_numbers(void **state)
{
	static const struct {
		int status;
		const char *exit, *state, *message;
	} rows[] = {
		{ 1 << 8, "256", "TASK_FAILED", "Command exited with status 1" },
		{ 0, "0", "TASK_FINISHED", "Command exited with status 0" },
		{ SIGSYS, "31", "TASK_FAILED", "Command terminated with signal Bad system call" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_arena arena = GATE_ARENA_INIT;
		const struct gate_doc *d;
		struct fake_answer a;

		launch(LAUNCH("c1"), "c1");
		call(WITH("WAIT_CONTAINER", "wait_container", ""), &a);
		assert_true(a.waiting);
		if (rows[i].status == SIGSYS)
			fake_ends_denied(f, "c1", SIGSYS, 101);
		else
			fake_ends(f, "c1", rows[i].status);
		assert_false(a.waiting);
		d = json(&arena, &a);
		has(d, "type", "WAIT_CONTAINER");
		has(d, "wait_container/exit_status", rows[i].exit);
		has(d, "wait_container/state", rows[i].state);
		if (strncmp(at(d, "wait_container/message")->text, rows[i].message, strlen(rows[i].message)) != 0)
			fail_msg("%s", at(d, "wait_container/message")->text);
		has(d, "wait_container/seccomp/profile_name", "default.json");
		if (rows[i].status == SIGSYS) {
			has(d, "wait_container/seccomp/denials/0/syscall", "ptrace");
			assert_non_null(strstr(at(d, "wait_container/message")->text, "ptrace (101, x86_64)"));
		}
		fake_answer_done(&a);
		/* Said again once it has ended, in the older spelling too. */
		expect(WITH("WAIT_CONTAINER", "wait_container", ""), 200, rows[i].exit);
		expect(WITH("WAIT_NESTED_CONTAINER", "wait_nested_container", ""), 200, "\"wait_nested_container\":{\"exit_status\"");
		gate_arena_done(&arena);
		fake_close(f);
		f = fake_open(schedulers, NULL);
	}
}

static void killing_and_removing(void **state)
{
	(void)state;
	expect(WITH("KILL_CONTAINER", "kill_container", ""), 404, "Container 'c1' cannot be found (or is already killed)");
	expect(WITH("REMOVE_CONTAINER", "remove_container", ""), 200, NULL);
	launch(LAUNCH("c1"), "c1");
	expect(WITH("REMOVE_CONTAINER", "remove_container", ""), 500, "Container has not terminated yet");
	expect(WITH("KILL_CONTAINER", "kill_container", ",\"signal\":12"), 400, "only signals that end a container");
	expect(WITH("KILL_CONTAINER", "kill_container", ",\"signal\":15"), 200, NULL);
	assert_int_equal(fake_message(f, GATE_IPC_KILL, "c1")->a, SIGTERM);
	expect(WITH("KILL_CONTAINER", "kill_container", ""), 200, NULL);
	assert_int_equal(fake_message(f, GATE_IPC_KILL, "c1")->a, SIGKILL);
	fake_ends(f, "c1", SIGKILL);
	expect(WITH("KILL_CONTAINER", "kill_container", ""), 404, "already killed");
	expect(WITH("WAIT_CONTAINER", "wait_container", ""), 200, "\"state\":\"TASK_KILLED\"");
	expect(WITH("REMOVE_CONTAINER", "remove_container", ""), 200, NULL);
	assert_int_equal(fake_sent(f, GATE_IPC_REMOVE, "c1"), 1);
}

#define NESTED                                                                                                         \
	"{\"type\":\"LAUNCH_CONTAINER\",\"launch_container\":{\"container_id\":{\"value\":\"n\",\"parent\":{\"value\":\"c1\"}}," \
	"\"command\":{\"value\":\"sleep 9\"}}}"

static void nested_containers_live_in_their_parent(void **state)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_wire_profile p = { 0 };
	struct fake_answer a;
	const struct gate_doc *d;
	struct gate_task t;

	(void)state;
	expect(NESTED, 400, "Parent container c1 does not exist");
	launch(LAUNCH("c1"), "c1");
	launch(NESTED, "c1.n");
	gate_task_init(&t);
	fake_task(f, "c1.n", &t, &p);
	assert_int_equal(t.network.mode, GATE_NS_OF);
	assert_string_equal(t.network.of, "c1");
	gate_task_done(&t);
	call("{\"type\":\"GET_CONTAINERS\",\"get_containers\":{\"show_nested\":true}}", &a);
	d = json(&arena, &a);
	assert_int_equal(at(d, "get_containers/containers")->n_items, 1);
	has(d, "get_containers/containers/0/container_id/value", "n");
	has(d, "get_containers/containers/0/container_id/parent/value", "c1");
	fake_answer_done(&a);
	/* It does not outlive its parent. */
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "c1.n"), 0);
	fake_ends(f, "c1", 0);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "c1.n"), 1);
	assert_int_equal(fake_message(f, GATE_IPC_KILL, "c1.n")->a, SIGKILL);
	fake_ends(f, "c1.n", SIGKILL);
	expect(NESTED, 202, NULL);
	expect("{\"type\":\"LAUNCH_NESTED_CONTAINER\",\"launch_nested_container\":{\"container_id\":{\"value\":\"x\"},\"command\":{\"value\":"
	       "\"y\"}}}",
	       400, "container_id.parent");
	expect(WITH("REMOVE_CONTAINER", "remove_container", ""), 200, NULL);
	assert_int_equal(fake_sent(f, GATE_IPC_REMOVE, "c1.n"), 1);
	gate_arena_done(&arena);
}

static void containers_are_shown_with_what_mesos_lacks(void **state)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct fake_answer a;
	const struct gate_doc *d;

	(void)state;
	launch(LAUNCH("c1"), "c1");
	expect("{\"type\":\"GET_CONTAINERS\"}", 200, "\"containers\":[]");
	call("{\"type\":\"GET_CONTAINERS\",\"get_containers\":{\"show_standalone\":true}}", &a);
	d = json(&arena, &a);
	has(d, "type", "GET_CONTAINERS");
	has(d, "get_containers/containers/0/container_id/value", "c1");
	has(d, "get_containers/containers/0/container_status/seccomp/profile_name", "default.json");
	assert_int_equal(strncmp(at(d, "get_containers/containers/0/container_status/seccomp/meaning_digest")->text, "sha256:", 7), 0);
	has(d, "get_containers/containers/0/resource_statistics/mem_limit_bytes", "33554432");
	fake_answer_done(&a);
	fake_call(f, "GET", "/containers?container_id=c1", NULL, &a);
	d = json(&arena, &a);
	has(d, "0/container_id", "c1");
	has(d, "0/container_status/seccomp/profile_name", "default.json");
	assert_non_null(at(d, "0/statistics/timestamp"));
	fake_answer_done(&a);
	fake_call(f, "GET", "/containers?container_id=other", NULL, &a);
	assert_int_equal(json(&arena, &a)->n_items, 0);
	fake_answer_done(&a);
	gate_arena_done(&arena);
}

static void state_has_every_task_with_message_and_reason(void **state)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct fake_answer a;
	const struct gate_doc *d;

	(void)state;
	launch(WITH("LAUNCH_CONTAINER", "launch_container",
	            ",\"command\":{\"value\":\"x\"},\"resources\":[{\"name\":\"cpus\",\"scalar\":{\"value\":0.5}},{\"name\":\"ports\",\"ranges\":{"
	            "\"range\":[{\"begin\":31000,\"end\":31001}]}}]"),
	       "c1");
	call(LAUNCH("c2"), &a);
	fake_not_started(f, "c2", "no such image");
	fake_answer_done(&a);
	call("{\"type\":\"GET_STATE\"}", &a);
	d = json(&arena, &a);
	has(d, "get_state/get_tasks/launched_tasks/0/task_id/value", "c1");
	has(d, "get_state/get_tasks/launched_tasks/0/state", "TASK_RUNNING");
	has(d, "get_state/get_tasks/launched_tasks/0/resources/0/scalar/value", "0.5");
	has(d, "get_state/get_tasks/launched_tasks/0/statuses/0/container_status/seccomp/profile_name", "default.json");
	has(d, "get_state/get_tasks/completed_tasks/0/statuses/0/reason", "REASON_CONTAINER_LAUNCH_FAILED");
	assert_non_null(strstr(at(d, "get_state/get_tasks/completed_tasks/0/statuses/0/message")->text, "no such image"));
	has(d, "get_state/get_frameworks/frameworks/0/framework_info/id/value", "callgate");
	assert_int_equal(at(d, "get_state/get_executors/executors")->n_items, 1);
	fake_answer_done(&a);
	expect("{\"type\":\"GET_TASKS\"}", 200, "\"get_tasks\":{\"pending_tasks\":[]");
	expect("{\"type\":\"GET_FRAMEWORKS\"}", 200, "\"get_frameworks\":{\"frameworks\":[{");
	expect("{\"type\":\"GET_EXECUTORS\"}", 200, "\"get_executors\":{\"executors\":[{");

	fake_call(f, "GET", "/state", NULL, &a);
	d = json(&arena, &a);
	has(d, "frameworks/0/id", "callgate");
	has(d, "frameworks/0/executors/0/container", "c1");
	has(d, "frameworks/0/executors/0/directory", "/containers/c1");
	has(d, "frameworks/0/executors/0/tasks/0/state", "TASK_RUNNING");
	has(d, "frameworks/0/executors/0/tasks/0/resources/ports", "[31000-31000, 31001-31001]");
	has(d, "frameworks/0/completed_executors/0/completed_tasks/0/statuses/0/reason", "REASON_CONTAINER_LAUNCH_FAILED");
	assert_non_null(at(d, "flags"));
	assert_non_null(at(d, "resources/cpus"));
	fake_answer_done(&a);
	gate_arena_done(&arena);
}

/* As our writer wrote them, and as damage might leave them: what is shown can be read in every case. */
static void labels_become_pairs(void **state)
{
	static const struct {
		const char *labels;
		size_t n;
	} rows[] = {
		{ "{}", 0 },
		{ "{\"a\": \"b\", \"say \\\"hi\\\", {you}: \": \"back\\\\\", \"n\": null, \"\": \"\"}", 4 },
		{ "{\"a\": \"b\", \"c", 1 },
		{ "{\"a\": \"b\\", 0 },
		{ "{\"a\": 1}", 0 },
		{ "[\"a\"]", 0 },
		{ "", 0 },
	};
	struct gate_arena arena = GATE_ARENA_INIT;

	(void)state;
	launch(LAUNCH("c1"), "c1");
	struct gate_agent_task *t = gate_tasks_container(f->agent, "c1");

	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct fake_answer a;
		const struct gate_doc *d;

		free(t->labels);
		t->labels = strdup(rows[i].labels);
		fake_call(f, "GET", "/state", NULL, &a);
		d = at(json(&arena, &a), "frameworks/0/executors/0/tasks/0/labels");
		assert_non_null(d);
		assert_int_equal(d->n_items, rows[i].n);
		if (d->n_items == 4) {
			has(d, "0/key", "a");
			has(d, "0/value", "b");
			has(d, "1/key", "say \"hi\", {you}: ");
			has(d, "1/value", "back\\");
			assert_int_equal(at(d, "2/value")->kind, GATE_DOC_NULL);
			has(d, "3/key", "");
		}
		fake_answer_done(&a);
		expect("{\"type\":\"GET_TASKS\"}", 200, "\"labels\":{\"labels\":[");
	}
	gate_arena_done(&arena);
}

static void what_the_agent_is(void **state)
{
	static const struct gate_setting settings[] = { { "isolation", "linux/seccomp" }, { "strict", "true" } };
	struct gate_arena arena = GATE_ARENA_INIT;
	struct fake_answer a;
	const struct gate_doc *d;
	char id[80];

	(void)state;
	f->config.settings = settings;
	f->config.n_settings = 2;
	f->config.attributes = "rack:r1;zone:west";
	expect("{\"type\":\"GET_HEALTH\"}", 200, "{\"type\":\"GET_HEALTH\",\"get_health\":{\"healthy\":true}}");
	expect("{\"type\":\"GET_FLAGS\"}", 200, "\"get_flags\":{\"flags\":[{\"name\":\"isolation\",\"value\":\"linux/seccomp\"}");
	expect("{\"type\":\"GET_VERSION\",\"get_version\":null}", 200, "\"version_info\":{\"version\":");
	expect("{\"type\":\"GET_METRICS\",\"get_metrics\":{\"timeout\":{\"nanoseconds\":5000000000}}}", 200, "{\"name\":\"slave/uptime_secs\",\"value\":");
	expect("{\"type\":\"GET_LOGGING_LEVEL\"}", 200, "{\"level\":0}");
	expect("{\"type\":\"GET_OPERATIONS\"}", 200, "{\"operations\":[]}");
	expect("{\"type\":\"GET_RESOURCE_PROVIDERS\"}", 200, "{\"resource_providers\":[]}");
	call("{\"type\":\"GET_AGENT\"}", &a);
	d = json(&arena, &a);
	has(d, "get_agent/agent_info/attributes/1/text/value", "west");
	(void)snprintf(id, sizeof(id), "%s", at(d, "get_agent/agent_info/id/value")->text);
	assert_non_null(strstr(id, "-S0"));
	fake_answer_done(&a);
	fake_call(f, "GET", "/flags", NULL, &a);
	has(json(&arena, &a), "flags/strict", "true");
	fake_answer_done(&a);
	fake_call(f, "GET", "/health", NULL, &a);
	assert_int_equal(a.status, 200);
	fake_answer_done(&a);
	fake_call(f, "GET", "/metrics/snapshot?timeout=5secs", NULL, &a);
	assert_non_null(gate_doc_member(json(&arena, &a), "slave/tasks_running"));
	fake_answer_done(&a);
	gate_arena_done(&arena);
}

static void the_agents_id_is_kept(void **state)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct fake_answer a, b;

	(void)state;
	call("{\"type\":\"GET_AGENT\"}", &a);
	fake_restart(f);
	call("{\"type\":\"GET_AGENT\"}", &b);
	has(json(&arena, &b), "get_agent/agent_info/id/value", at(json(&arena, &a), "get_agent/agent_info/id/value")->text);
	fake_answer_done(&a);
	fake_answer_done(&b);
	gate_arena_done(&arena);
}

static void what_is_wrong_is_said(void **state)
{
	static const struct {
		const char *body;
		int status;
		const char *text;
	} rows[] = {
		{ "{", 400, "Failed to parse body into JSON: 1:" },
		{ "[]", 400, "Expecting 'type' to be present" },
		{ "{\"type\":\"FLY\"}", 400, "unknown type 'FLY'" },
		{ "{\"type\":\"LAUNCH_CONTAINER\"}", 400, "Failed to validate agent::Call: Expecting 'launch_container' to be present" },
		{ "{\"type\":\"WAIT_CONTAINER\",\"wait_container\":{}}", 400, "Expecting 'container_id.value' to be present" },
		{ "{\"type\":\"GET_HEALTH\",\"get_state\":{}}", 400, "'get_state' does not belong to GET_HEALTH" },
		{ "{\"type\":\"LAUNCH_NESTED_CONTAINER_SESSION\"}", 501, "is not implemented: use callgate exec" },
		{ "{\"type\":\"ATTACH_CONTAINER_OUTPUT\"}", 501, "is not implemented" },
		{ "{\"type\":\"PRUNE_IMAGES\"}", 501, "is not implemented" },
		{ WITH("LAUNCH_CONTAINER", "launch_container", ",\"command\":{\"value\":\"x\"},\"container\":{\"type\":\"DOCKER\"}"), 400,
		  "The provided ContainerInfo is not supported" },
		{ WITH("LAUNCH_CONTAINER", "launch_container", ",\"command\":{\"value\":\"x\"},\"task\":{}"), 400, "/task: unknown field" },
		{ "{\"type\":\"READ_FILE\",\"read_file\":{}}", 400, "read_file.path" },
		{ "{\"type\":\"READ_FILE\",\"read_file\":{\"path\":\"/etc/passwd\"}}", 404, "'/etc/passwd' is no file" },
		{ "{\"type\":\"LIST_FILES\",\"list_files\":{\"path\":\"/etc\"}}", 404, "'/etc' is no directory" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++)
		expect(rows[i].body, rows[i].status, rows[i].text);
}

static void rights_are_asked_for_each_call(void **state)
{
	(void)state;
	f->rights = GATE_RIGHT_READ;
	expect(LAUNCH("c1"), 403, "may not launch");
	expect(WITH("KILL_CONTAINER", "kill_container", ""), 403, "may not kill");
	expect("{\"type\":\"GET_HEALTH\"}", 200, NULL);
	f->rights = GATE_RIGHT_READ | GATE_RIGHT_LAUNCH;
	expect(WITH("LAUNCH_CONTAINER", "launch_container",
	            ",\"command\":{\"value\":\"x\"},\"container\":{\"type\":\"MESOS\",\"volumes\":[{\"mode\":\"RW\",\"container_path\":\"/a\",\"host_path\":"
	            "\"/\"}]}"),
	       403, "a volume of the host needs the right 'host'");
	expect(LAUNCH("c1"), 403, "to see the host's files (a task without an image) needs the right 'host'");
	launch(WITH("LAUNCH_CONTAINER", "launch_container",
	            ",\"command\":{\"value\":\"x\"},\"container\":{\"type\":\"MESOS\",\"mesos\":{\"image\":{\"type\":\"DOCKER\","
	            "\"docker\":{\"name\":\"busybox\"}}}}"), "c1");
}

/* Two log files: "out.1" is the older one. */
static int open_log(enum gate_ipc_open what, const void *bytes, size_t len, int *fd, struct gate_err *err)
{
	static const struct {
		const char *name;
		struct gate_log_head head;
		const char *text;
	} entries[] = {
		{ "out.1", { 1000000000, GATE_LOG_STDOUT, 4 }, "old\n" },
		{ "out", { 2000000000, GATE_LOG_STDERR, 4 }, "bad\n" },
		{ "out", { 3000000000, GATE_LOG_STDOUT, 4 }, "new\n" },
	};
	const char *name = (const char *)bytes + strlen(bytes) + 1;
	size_t n = len - strlen(bytes) - 1;
	bool found = false;

	if (what != GATE_OPEN_LOG || strcmp(bytes, "c1") != 0)
		return GATE_FAIL(err, GATE_E_NOTFOUND, "nothing");
	*fd = memfd_create("log", MFD_CLOEXEC);
	for (size_t i = 0; i < GATE_ARRAY_LEN(entries); i++) {
		if (strlen(entries[i].name) != n || memcmp(entries[i].name, name, n) != 0)
			continue;
		found = true;
		assert_int_equal(write(*fd, &entries[i].head, sizeof(entries[i].head)), sizeof(entries[i].head));
		assert_int_equal(write(*fd, entries[i].text, 4), 4);
	}
	if (!found) {
		close(*fd);
		return GATE_FAIL(err, GATE_E_NOTFOUND, "nothing");
	}
	(void)lseek(*fd, 0, SEEK_SET);
	return 0;
}

static void output_is_two_files_in_the_containers_directory(void **state)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct fake_answer a;
	const struct gate_doc *d;

	(void)state;
	f->open = open_log;
	launch(LAUNCH("c1"), "c1");
	call("{\"type\":\"LIST_FILES\",\"list_files\":{\"path\":\"/containers\"}}", &a);
	has(json(&arena, &a), "list_files/file_infos/0/path", "/containers/c1");
	fake_answer_done(&a);
	call("{\"type\":\"LIST_FILES\",\"list_files\":{\"path\":\"/containers/c1/\"}}", &a);
	d = json(&arena, &a);
	has(d, "list_files/file_infos/0/path", "/containers/c1/stdout");
	has(d, "list_files/file_infos/0/size", "8");
	has(d, "list_files/file_infos/0/mtime/nanoseconds", "3000000000");
	has(d, "list_files/file_infos/1/size", "4");
	fake_answer_done(&a);
	expect("{\"type\":\"READ_FILE\",\"read_file\":{\"path\":\"/containers/c1/stdout\",\"offset\":0}}", 200,
	       "\"read_file\":{\"size\":8,\"data\":\"b2xkCm5ldwo=\"}");
	expect("{\"type\":\"READ_FILE\",\"read_file\":{\"path\":\"/containers/c1/stdout\",\"offset\":2,\"length\":4}}", 200, "\"data\":\"ZApuZQ==\"");
	expect("{\"type\":\"READ_FILE\",\"read_file\":{\"path\":\"/containers/c1/stdout\",\"offset\":99}}", 200, "{\"size\":8,\"data\":\"\"}");
	fake_call(f, "GET", "/files/read?path=/containers/c1/stderr&offset=0", NULL, &a);
	assert_string_equal(compact(&a), "{\"data\":\"bad\\n\",\"offset\":0}");
	fake_answer_done(&a);
	fake_call(f, "GET", "/files/read?path=/containers/c1/stdout&offset=-1", NULL, &a);
	assert_string_equal(compact(&a), "{\"data\":\"\",\"offset\":8}");
	fake_answer_done(&a);
	fake_call(f, "GET", "/files/download?path=/containers/c1/stdout", NULL, &a);
	assert_string_equal(a.body, "old\nnew\n");
	fake_answer_done(&a);
	fake_call(f, "GET", "/files/browse?path=/containers/c1", NULL, &a);
	has(json(&arena, &a), "0/mode", "-rw-r--r--");
	fake_answer_done(&a);
	fake_call(f, "GET", "/files/browse", NULL, &a);
	assert_int_equal(a.status, 400);
	assert_string_equal(a.body, "Expecting 'path=value' in query.");
	fake_answer_done(&a);
	fake_call(f, "GET", "/files/read?path=/containers/other/stdout", NULL, &a);
	assert_int_equal(a.status, 404);
	fake_answer_done(&a);
	gate_arena_done(&arena);
}

static void a_restart_forgets_no_container(void **state)
{
	struct fake_answer a;

	(void)state;
	launch(LAUNCH("c1"), "c1");
	fake_restart(f);
	call(WITH("WAIT_CONTAINER", "wait_container", ""), &a);
	assert_true(a.waiting);
	fake_ends(f, "c1", 3 << 8);
	assert_int_equal(a.status, 200);
	assert_non_null(strstr(compact(&a), "\"exit_status\":768"));
	fake_answer_done(&a);
}

static void another_offer_with_running_tasks_is_refused(void **state)
{
	struct gate_err err = GATE_ERR_INIT;
	double cpus = f->config.cpus;

	(void)state;
	launch(LAUNCH("c1"), "c1");
	fake_crash(f);
	f->config.cpus = cpus + 1;
	assert_int_equal(fake_try_boot(f, &err), -1);
	assert_non_null(strstr(err.text, "Incompatible agent info detected: resources was"));
	assert_int_equal(err.code, GATE_E_INVALID); /* trying again would not help */
	fake_crash(f);
	f->config.measured = true; /* nobody said them */
	fake_boot(f);
	fake_crash(f);
	f->config.cpus = cpus;
	fake_boot(f);
	fake_crash(f);
	f->config.measured = false;
	f->config.cpus = cpus + 1;
	assert_int_equal(fake_try_boot(f, &err), -1);
	fake_crash(f);
	f->config.additive = true;
	fake_boot(f);
	fake_crash(f);
	f->config.cpus = cpus; /* less than before */
	err = (struct gate_err)GATE_ERR_INIT;
	assert_int_equal(fake_try_boot(f, &err), -1);
	fake_crash(f);
	f->config.cpus = cpus + 1;
	fake_boot(f);
	fake_ends(f, "c1", 0);
	fake_crash(f);
	f->config.cpus = cpus; /* nothing runs */
	fake_boot(f);
}

static void a_full_disk_refuses_launches_and_not_kills(void **state)
{
	(void)state;
	launch(LAUNCH("c1"), "c1");
	fake_full(f, true);
	expect(LAUNCH("c2"), 507, NULL);
	assert_int_equal(fake_sent(f, GATE_IPC_LAUNCH, "c2"), 0);
	expect(WITH("KILL_CONTAINER", "kill_container", ""), 507, NULL);
	assert_int_equal(fake_sent(f, GATE_IPC_KILL, "c1"), 1);
	fake_full(f, false);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_launch_is_answered_when_the_program_runs),
		TEST(a_program_that_ends_at_once_was_launched),
		TEST(a_launch_that_fails_says_why),
		TEST(a_profile_that_is_refused_refuses_the_launch),
		TEST(seccomp_reaches_the_decision_as_it_was_said),
		TEST(waiting_ends_with_mesos_numbers),
		TEST(killing_and_removing),
		TEST(nested_containers_live_in_their_parent),
		TEST(containers_are_shown_with_what_mesos_lacks),
		TEST(state_has_every_task_with_message_and_reason),
		TEST(labels_become_pairs),
		TEST(what_the_agent_is),
		TEST(the_agents_id_is_kept),
		TEST(what_is_wrong_is_said),
		TEST(rights_are_asked_for_each_call),
		TEST(output_is_two_files_in_the_containers_directory),
		TEST(a_restart_forgets_no_container),
		TEST(another_offer_with_running_tasks_is_refused),
		TEST(a_full_disk_refuses_launches_and_not_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
