/* What tasks get of the config directory: Mesos' decisions and texts, the operator's policy, nested containers. The agent around it is
 * a handful of functions here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <callgate/bpf.h>
#include <callgate/call.h>
#include <callgate/facts.h>

#include "agent/profiles.h"

/* --- the agent --- */
static struct {
	struct gate_db *db;
	struct gate_config config;
	struct gate_world world;
	struct gate_agent_task *tasks;
	char dir[64];
	struct gate_setting settings[1];
	struct gate_profiles *p;
} agent;

struct gate_db *gate_agent_db(struct gate_agent *a)
{
	(void)a;
	return agent.db;
}

const struct gate_config *gate_agent_config(const struct gate_agent *a)
{
	(void)a;
	return &agent.config;
}

const struct gate_world *gate_agent_world(const struct gate_agent *a)
{
	(void)a;
	return &agent.world;
}

struct gate_agent_task *gate_tasks_first(struct gate_agent *a)
{
	(void)a;
	return agent.tasks;
}

bool gate_state_ended(enum gate_state s)
{
	return s == GATE_STATE_FINISHED || s == GATE_STATE_FAILED || s == GATE_STATE_KILLED;
}

void gate_http_say(struct gate_http_answer *a, int status, const char *format, ...)
{
	va_list ap;

	a->status = status;
	va_start(ap, format);
	gate_buf_vprintf(&a->body, format, ap);
	va_end(ap);
}

static int open_file(void *ctx, enum gate_ipc_open what, const void *bytes, size_t len, int *fd, struct gate_err *err)
{
	char path[400];

	(void)ctx;
	(void)snprintf(path, sizeof(path), "%s/%.*s", agent.dir, (int)len, (const char *)bytes);
	*fd = open(path, O_RDONLY | O_CLOEXEC | (what == GATE_OPEN_PROFILES ? O_DIRECTORY : 0));
	return *fd >= 0 ? 0 : GATE_FAIL(err, GATE_E_NOTFOUND, "nothing there");
}

static void put(const char *name, const char *text)
{
	char path[200];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", agent.dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

#define MESOS_KEYS "\"args\":[],\"includes\":{},\"excludes\":{}"
#define ARCHES                                                                                                         \
	"\"archMap\":[{\"architecture\":\"SCMP_ARCH_X86_64\",\"subArchitectures\":[\"SCMP_ARCH_X86\",\"SCMP_ARCH_X32\"]}]"
#define ALLOW_BUT(names)                                                                                               \
	"{\"defaultAction\":\"SCMP_ACT_ALLOW\"," ARCHES ",\"syscalls\":[\n{\"names\":[" names                          \
	"],\"action\":\"SCMP_ACT_ERRNO\"," MESOS_KEYS "}]}"
#define U ALLOW_BUT("\"uname\"")

static int set_up(void **state)
{
	static const char *const schema[] = {
		"CREATE TABLE tasks (text_digest TEXT, meaning_digest TEXT) STRICT;"
		"CREATE TABLE profile_texts (digest TEXT PRIMARY KEY, text BLOB NOT NULL) STRICT;"
		"CREATE TABLE profile_programs (meaning TEXT PRIMARY KEY, flags INTEGER NOT NULL, program BLOB NOT NULL) STRICT;"
	};
	const struct gate_db_schema s = { schema, 1 };
	char sub[100];

	(void)state;
	memset(&agent, 0, sizeof(agent));
	strcpy(agent.dir, "/tmp/callgate-profiles-XXXXXX");
	assert_non_null(mkdtemp(agent.dir));
	(void)snprintf(sub, sizeof(sub), "%s/sub", agent.dir);
	assert_int_equal(mkdir(sub, 0755), 0);
	agent.settings[0] = (struct gate_setting){ "seccomp_config_dir", agent.dir };
	agent.config = (struct gate_config){ .isolation = GATE_ISOLATE_ALL,
		                             .profile_name = "default.json",
		                             .caps = UINT64_C(0x1ffffffffff),
		                             .settings = agent.settings,
		                             .n_settings = 1 };
	agent.world.open = open_file;
	assert_int_equal(gate_db_open(":memory:", &s, &agent.db, NULL), 0);
	put("default.json", ALLOW_BUT("\"ptrace\",\"swapon\""));
	put("u.json", U);
	put("sub/strict.json", ALLOW_BUT("\"ptrace\",\"swapon\",\"uname\""));
	put("broken.json", "{}");
	put("kill.json", "{\"defaultAction\":\"SCMP_ACT_ALLOW\"," ARCHES ",\n \"syscalls\":[\n  {\"names\":[\"swapon\"],\"action\":"
	                 "\"SCMP_ACT_KILL\"," MESOS_KEYS "}]}");
	put("notify.json", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"swapon\"],\"action\":\"SCMP_ACT_NOTIFY\"}]}");
	put("modern.json", "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"swapon\"],\"action\":\"SCMP_ACT_ERRNO\"}]}");
	assert_int_equal(gate_profiles_open(NULL, &agent.p, NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const files[] = { "default.json", "u.json", "sub/strict.json", "broken.json", "kill.json", "notify.json",
		                             "modern.json", "caps.json", "new.json", "sub", "" };
	char path[200];

	(void)state;
	gate_profiles_close(agent.p);
	gate_db_close(agent.db);
	for (size_t i = 0; i < GATE_ARRAY_LEN(files); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", agent.dir, files[i]);
		(void)remove(path);
	}
	return 0;
}

/* --- asking --- */
struct asked {
	struct gate_task task;
	struct gate_arena arena;
	struct gate_profile_decision d;
	struct gate_err err;
	int rc;
};

static void decide_for(struct asked *q, struct gate_seccomp_choice choice, const char *path, uint32_t rights,
                       const struct gate_agent_task *parent)
{
	struct gate_profile_request r = { .seccomp = choice, .task = &q->task, .app_path = path, .rights = rights, .parent = parent };

	q->err = (struct gate_err)GATE_ERR_INIT;
	q->rc = gate_profiles_decide(agent.p, &r, &q->arena, &q->d, &q->err);
}

static void begin(struct asked *q)
{
	memset(q, 0, sizeof(*q));
	gate_task_init(&q->task);
	q->task.isolation = GATE_ISOLATE_ALL;
}

static void done(struct asked *q)
{
	gate_task_done(&q->task);
	gate_arena_done(&q->arena);
}

static const struct gate_seccomp_choice absent = { .present = false }, unconfined = { .present = true, .unconfined = true };

static struct gate_seccomp_choice named(const char *name)
{
	return (struct gate_seccomp_choice){ .present = true, .profile_name = name };
}

/* The action of a call without arguments on x86_64 by the filter that came out. */
static uint32_t verdict(const struct asked *q, const char *call)
{
	struct gate_facts f = { 0 };
	struct gate_data data;
	struct gate_call c;

	if (q->d.profile.insns == NULL)
		return GATE_RET_ALLOW;
	assert_int_equal(gate_facts_host(&f, NULL), 0);
	assert_int_equal(gate_call_parse(call, f.arch, &c, NULL), 0);
	gate_call_data(&c, &data);
	return gate_bpf_run(q->d.profile.insns, q->d.profile.len, gate_arch_info(f.arch)->big_endian, &data, NULL, NULL, NULL);
}

static void refused(const struct asked *q, enum gate_errc code, const char *text)
{
	if (q->rc == 0 || strstr(q->err.text, text) == NULL || q->err.code != code)
		fail_msg("rc %d code %d: '%s' lacks '%s'", q->rc, q->err.code, q->err.text, text);
}

static void named_profile(const struct asked *q, const char *name)
{
	if (q->rc != 0)
		fail_msg("%s", q->err.text);
	assert_string_equal(q->d.name, name);
}

/* mesos.md section 4, row by row */
static void mesos_table_with_its_texts(void **state)
{
	struct gate_seccomp_choice both = { .present = true, .profile_name = "u.json", .unconfined = true };
	struct gate_seccomp_choice both_empty = { .present = true, .profile_name = "", .unconfined = true };
	struct gate_seccomp_choice neither = { .present = true };
	struct asked q;

	(void)state;
	begin(&q);
	decide_for(&q, absent, "/a", GATE_RIGHT_ALL, NULL);
	named_profile(&q, "default.json");
	assert_false(q.d.profile.unconfined);
	decide_for(&q, both, "/a", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_INVALID, "Invalid Seccomp configuration: 'profile_name' given even though 'unconfined' Seccomp setting is enabled");
	decide_for(&q, both_empty, "/a", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_INVALID, "Invalid Seccomp configuration: 'profile_name' given");
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	named_profile(&q, "u.json");
	decide_for(&q, unconfined, "/a", GATE_RIGHT_ALL, NULL);
	named_profile(&q, "");
	assert_true(q.d.profile.unconfined);
	assert_null(q.d.profile.insns);
	decide_for(&q, neither, "/a", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_INVALID, "Missing Seccomp profile name");
	decide_for(&q, named(""), "/a", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_INVALID, "Failed to read Seccomp profile file '");
	decide_for(&q, named("absent"), "/a", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_INVALID, "/absent': No such file or directory");
	decide_for(&q, named("broken.json"), "/a", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_INVALID, "Failed to parse Seccomp profile '/tmp/");
	done(&q);
}

static void without_a_default_there_is_no_filter(void **state)
{
	struct asked q;

	(void)state;
	agent.config.profile_name = NULL;
	begin(&q);
	decide_for(&q, absent, "/a", 0, NULL);
	named_profile(&q, "");
	assert_true(q.d.profile.unconfined);
	done(&q);
}

static void with_the_isolator_off_a_named_profile_is_refused(void **state)
{
	struct gate_seccomp_choice both = { .present = true, .profile_name = "u.json", .unconfined = true };
	struct asked q;

	(void)state;
	agent.config.isolation = 1 << GATE_ISOLATE_PID;
	agent.config.profile_name = NULL;
	begin(&q);
	decide_for(&q, named("u.json"), "/a", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_INVALID, "names the seccomp profile 'u.json', but linux/seccomp is not in --isolation");
	decide_for(&q, both, "/a", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_INVALID, "Invalid Seccomp configuration");
	decide_for(&q, absent, "/a", 0, NULL);
	named_profile(&q, "");
	done(&q);
}

/* mesos.md section 10, I2 to I8; I1 is a check of the configuration. */
static void acceptance_cases_of_mesos(void **state)
{
	static const struct {
		const char *filter;
		uint64_t cap;
		bool refused;
	} rows[] = {
		{ "\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]},\"excludes\":{}", 1 << 21, true },
		{ "\"includes\":{\"caps\":[\"CAP_SYS_ADMIN\"]},\"excludes\":{}", 1 << 0, false },
		{ "\"includes\":{},\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}", 1 << 21, false },
		{ "\"includes\":{},\"excludes\":{\"caps\":[\"CAP_SYS_ADMIN\"]}", 1 << 0, true },
	};
	char text[600];
	struct asked q;

	(void)state;
	begin(&q);
	agent.config.profile_name = "u.json";
	decide_for(&q, absent, "/a", 0, NULL);
	assert_int_equal(GATE_RET_ACTION(verdict(&q, "uname")), GATE_RET_ERRNO); /* I4 */
	decide_for(&q, unconfined, "/a", GATE_RIGHT_ALL, NULL);
	assert_int_equal(verdict(&q, "uname"), GATE_RET_ALLOW); /* I5 */
	agent.config.profile_name = "default.json";
	decide_for(&q, absent, "/a", 0, NULL);
	assert_int_equal(verdict(&q, "uname"), GATE_RET_ALLOW); /* I3 */
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	assert_int_equal(GATE_RET_ACTION(verdict(&q, "uname")), GATE_RET_ERRNO); /* I6 */
	decide_for(&q, named("absent"), "/a", 0, NULL);
	refused(&q, GATE_E_INVALID, "No such file or directory"); /* I7 */
	for (int mesos = 0; mesos < 2; mesos++) {
		agent.config.mesos_dialect = mesos;
		for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) { /* I8 */
			(void)snprintf(text, sizeof(text),
			               "{\"defaultAction\":\"SCMP_ACT_ALLOW\"," ARCHES
			               ",\"syscalls\":[{\"names\":[\"uname\"],\"action\":\"SCMP_ACT_ERRNO\",\"args\":[],%s}]}",
			               rows[i].filter);
			put("caps.json", text);
			q.task.cap_drop = UINT64_MAX;
			q.task.cap_add = rows[i].cap;
			decide_for(&q, named("caps.json"), "/a", 0, NULL);
			named_profile(&q, "caps.json");
			assert_int_equal(GATE_RET_ACTION(verdict(&q, "uname")), rows[i].refused ? GATE_RET_ERRNO : GATE_RET_ALLOW);
		}
	}
	done(&q);
}

static void mesos_dialect_refuses_what_mesos_refuses(void **state)
{
	struct asked q;

	(void)state;
	begin(&q);
	decide_for(&q, named("modern.json"), "/a", 0, NULL);
	named_profile(&q, "modern.json");
	agent.config.mesos_dialect = true;
	gate_profiles_close(agent.p);
	assert_int_equal(gate_profiles_open(NULL, &agent.p, NULL), 0);
	decide_for(&q, named("modern.json"), "/a", 0, NULL);
	refused(&q, GATE_E_INVALID, "Failed to parse Seccomp profile");
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	named_profile(&q, "u.json");
	done(&q);
}

static void what_is_answered_with_an_error_is_logged_on_request(void **state)
{
	struct gate_agent_task parent;
	struct asked q, n;

	(void)state;
	begin(&q);
	begin(&n);
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	assert_int_equal(q.d.profile.flags & 2, 0);
	agent.config.log = true;
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	assert_int_equal(q.d.profile.flags & 2, 2);
	parent = (struct gate_agent_task){ .container = (char *)"p", .profile = (char *)"u.json",
		                           .text_digest = (char *)q.d.profile.text_digest,
		                           .meaning_digest = (char *)q.d.profile.meaning_digest };
	decide_for(&n, absent, "p.c", 0, &parent);
	named_profile(&n, "u.json");
	assert_int_equal(n.d.profile.flags & 2, 2);
	done(&n);
	done(&q);
}

static void names_stay_below_the_directory(void **state)
{
	static const char *const bad[] = { "..", "../u.json", "sub/../u.json", "/etc/passwd", "./u.json", "sub//strict.json", "sub/", "a\nb" };
	struct asked q;

	(void)state;
	begin(&q);
	for (size_t i = 0; i < GATE_ARRAY_LEN(bad); i++) {
		decide_for(&q, named(bad[i]), "/a", GATE_RIGHT_ALL, NULL);
		refused(&q, GATE_E_INVALID, "Failed to read Seccomp profile file");
		assert_null(strstr(q.err.text, "No such file"));
	}
	decide_for(&q, named("sub/strict.json"), "/a", 0, NULL);
	named_profile(&q, "sub/strict.json");
	decide_for(&q, named("..u.json"), "/a", 0, NULL);
	refused(&q, GATE_E_INVALID, "No such file or directory");
	done(&q);
}

static void a_supervisor_that_is_not_there_is_refused(void **state)
{
	struct asked q;

	(void)state;
	begin(&q);
	decide_for(&q, named("notify.json"), "/a", 0, NULL);
	refused(&q, GATE_E_UNSUPPORTED, "tasks of the agent have none");
	done(&q);
}

static void an_edited_file_is_used_at_once(void **state)
{
	char before[80];
	struct asked q;

	(void)state;
	begin(&q);
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	named_profile(&q, "u.json");
	(void)snprintf(before, sizeof(before), "%s", q.d.profile.text_digest);
	assert_int_equal(strncmp(before, "sha256:", 7), 0);
	put("u.json", ALLOW_BUT("\"sethostname\""));
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	named_profile(&q, "u.json");
	assert_string_not_equal(q.d.profile.text_digest, before);
	assert_int_equal(verdict(&q, "uname"), GATE_RET_ALLOW);
	put("new.json", U);
	decide_for(&q, named("new.json"), "/a", 0, NULL);
	named_profile(&q, "new.json");
	assert_string_equal(q.d.profile.text_digest, before);
	done(&q);
}

static void who_may_be_unconfined_is_the_operators(void **state)
{
	static const struct gate_may may[] = { { .user = "root", .path = "/system/*" }, { .label = "team=sec*" } };
	static const struct gate_pair label = { "team", "security" };
	struct asked q;

	(void)state;
	begin(&q);
	decide_for(&q, unconfined, "/a", GATE_RIGHT_ALL & ~GATE_RIGHT_UNCONFINED, NULL);
	refused(&q, GATE_E_DENIED, "running unconfined is a right of its own");
	agent.config.unconfined = may;
	agent.config.n_unconfined = 2;
	agent.config.unconfined_limited = true;
	decide_for(&q, unconfined, "/system/dns", GATE_RIGHT_ALL, NULL);
	named_profile(&q, "");
	q.task.user = "www:www";
	decide_for(&q, unconfined, "/system/dns", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_DENIED, "no entry of 'unconfined' in the agent's configuration matches user 'www:www', path '/system/dns'");
	q.task.labels.at = (struct gate_pair *)&label;
	q.task.labels.n = 1;
	decide_for(&q, unconfined, "/web", GATE_RIGHT_ALL, NULL);
	named_profile(&q, "");
	q.task.labels.n = 0;
	q.task.labels.at = NULL;
	agent.config.n_unconfined = 0;
	decide_for(&q, unconfined, "/system/dns", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_DENIED, "nobody may run unconfined here");
	/* Leaving the profile out is no way around it. */
	agent.config.profile_name = NULL;
	decide_for(&q, absent, "/system/dns", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_DENIED, "there is no default profile: name one");
	done(&q);
}

static void allowed_names_are_globs(void **state)
{
	static const char *const allowed[] = { "sub/*", NULL };
	struct asked q;

	(void)state;
	begin(&q);
	agent.config.allowed = allowed;
	decide_for(&q, named("u.json"), "/a", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_DENIED, "profile 'u.json' is not among those that tasks may have");
	decide_for(&q, named("sub/strict.json"), "/a", 0, NULL);
	named_profile(&q, "sub/strict.json");
	decide_for(&q, absent, "/a", 0, NULL);
	named_profile(&q, "default.json");
	done(&q);
}

static void a_floor_is_decided_exactly_and_refused_with_a_call(void **state)
{
	struct asked q;

	(void)state;
	begin(&q);
	agent.config.floor = "default.json";
	decide_for(&q, named("sub/strict.json"), "/a", 0, NULL);
	named_profile(&q, "sub/strict.json");
	decide_for(&q, named("sub/strict.json"), "/a", 0, NULL); /* by what was learned */
	named_profile(&q, "sub/strict.json");
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	refused(&q, GATE_E_DENIED, "profile 'u.json' is not a subset of the floor 'default.json': ");
	assert_non_null(strstr(q.err.text, " is allow by the one and errno by the other"));
	assert_true(strstr(q.err.text, "ptrace") != NULL || strstr(q.err.text, "swapon") != NULL);
	decide_for(&q, unconfined, "/a", GATE_RIGHT_ALL, NULL);
	refused(&q, GATE_E_DENIED, "a task without a profile is not a subset of the floor 'default.json'");
	put("default.json", "{");
	decide_for(&q, named("sub/strict.json"), "/a", 0, NULL);
	refused(&q, GATE_E_INVALID, "the floor of the agent's configuration: Failed to parse");
	done(&q);
}

/* A running task as the decision made it. */
static struct gate_agent_task running(const struct asked *q, const char *id)
{
	return (struct gate_agent_task){ .id = (char *)id,
		                         .container = (char *)id,
		                         .state = GATE_STATE_RUNNING,
		                         .profile = (char *)q->d.name,
		                         .unconfined = q->d.profile.unconfined,
		                         .text_digest = (char *)q->d.profile.text_digest,
		                         .meaning_digest = (char *)q->d.profile.meaning_digest };
}

static void a_nested_container_has_its_parents_filter_and_may_only_tighten(void **state)
{
	struct gate_agent_task parent;
	struct asked q, n;

	(void)state;
	begin(&q);
	begin(&n);
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	named_profile(&q, "u.json");
	parent = running(&q, "p");
	/* The file is another one by now: the parent's filter is what counts. */
	put("u.json", ALLOW_BUT("\"sethostname\""));
	decide_for(&n, absent, "p.c", 0, &parent);
	named_profile(&n, "u.json");
	assert_int_equal(GATE_RET_ACTION(verdict(&n, "uname")), GATE_RET_ERRNO);
	assert_string_equal(n.d.profile.meaning_digest, q.d.profile.meaning_digest);
	assert_int_equal(n.d.profile.len, q.d.profile.len);
	assert_memory_equal(n.d.profile.insns, q.d.profile.insns, 8 * q.d.profile.len);
	decide_for(&n, named("sub/strict.json"), "p.c", 0, &parent);
	named_profile(&n, "sub/strict.json");
	decide_for(&n, named("default.json"), "p.c", 0, &parent);
	refused(&n, GATE_E_DENIED,
	        "a nested container may only tighten: profile 'default.json' is not a subset of the profile 'u.json' that its "
	        "parent 'p' runs under: ");
	assert_non_null(strstr(n.err.text, "uname is allow by the one and errno by the other"));
	decide_for(&n, unconfined, "p.c", GATE_RIGHT_ALL, &parent);
	refused(&n, GATE_E_DENIED, "a nested container may only tighten: a task without a profile is not a subset of");
	done(&n);
	done(&q);
}

static void below_an_unconfined_parent_anything_is_tighter(void **state)
{
	struct gate_agent_task parent;
	struct asked q, n;

	(void)state;
	begin(&q);
	begin(&n);
	decide_for(&q, unconfined, "/a", GATE_RIGHT_ALL, NULL);
	parent = running(&q, "p");
	/* The right of who made the parent is not lent. */
	decide_for(&n, absent, "p.c", GATE_RIGHT_ALL & ~GATE_RIGHT_UNCONFINED, &parent);
	refused(&n, GATE_E_DENIED,
	        "container 'p' has no filter that a nested one could have: running unconfined is a right of its own");
	decide_for(&n, absent, "p.c", GATE_RIGHT_UNCONFINED, &parent);
	named_profile(&n, "");
	assert_true(n.d.profile.unconfined);
	decide_for(&n, named("u.json"), "p.c", 0, &parent);
	named_profile(&n, "u.json");
	done(&n);
	done(&q);
}

/* A row is bytes from a file: a program that the kernel would take, but of another meaning, is not the parent's filter. */
static void a_parents_filter_that_was_changed_refuses(void **state)
{
	static const struct gate_insn all = { .code = 6, .k = GATE_RET_ALLOW };
	struct gate_agent_task parent;
	struct asked q, n;

	(void)state;
	begin(&q);
	begin(&n);
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	named_profile(&q, "u.json");
	parent = running(&q, "p");
	gate_db_run(agent.db, "UPDATE profile_programs SET flags = 4", ""); /* another profile of this meaning came first */
	decide_for(&n, absent, "p.c", GATE_RIGHT_ALL, &parent);
	named_profile(&n, "u.json");
	assert_int_equal(n.d.profile.flags & 4, 0);
	gate_db_run(agent.db, "UPDATE profile_programs SET program = ?", "b", &all, sizeof(all));
	decide_for(&n, absent, "p.c", GATE_RIGHT_ALL, &parent);
	refused(&n, GATE_E_NOTFOUND, "the filter that the parent runs under is not known any more");
	done(&n);
	done(&q);
}

static void a_parents_filter_that_is_lost_refuses(void **state)
{
	struct gate_agent_task parent = { .id = (char *)"p", .container = (char *)"p", .profile = (char *)"u.json", .text_digest = (char *)"sha256:x", .meaning_digest = (char *)"sha256:y" };
	struct asked q;

	(void)state;
	begin(&q);
	decide_for(&q, absent, "p.c", GATE_RIGHT_ALL, &parent);
	refused(&q, GATE_E_NOTFOUND, "the filter that the parent runs under is not known any more");
	done(&q);
}

static void ask(const char *path, const char *tail, struct gate_http_answer *a)
{
	struct gate_http_request r = { .method = "GET", .path = path, .tail = tail, .body = "" };

	memset(a, 0, sizeof(*a));
	for (const struct gate_http_route *t = gate_profiles_routes; t->method != NULL; t++)
		if ((strchr(t->pattern, '*') != NULL) == (tail[0] != '\0')) {
			t->fn(agent.p, &r, a);
			return;
		}
}

static const struct gate_doc *profile_of(const struct gate_doc *d, const char *name)
{
	const struct gate_doc *list = gate_doc_member(d, "profiles");

	for (size_t i = 0; i < list->n_items; i++)
		if (strcmp(gate_doc_member(&list->items[i], "name")->text, name) == 0)
			return &list->items[i];
	return NULL;
}

static void the_list_shows_digests_findings_and_who_runs_under_what(void **state)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *d = NULL, *u, *m;
	struct gate_http_answer answer;
	struct gate_agent_task t;
	struct asked q;

	(void)state;
	begin(&q);
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	t = running(&q, "web.1");
	agent.tasks = &t;
	put("u.json", ALLOW_BUT("\"sethostname\""));
	ask("/api/v1/profiles", "", &answer);
	assert_int_equal(answer.status, 200);
	assert_int_equal(gate_doc_read(&arena, answer.body.data, answer.body.len, &d, NULL), 0);
	u = profile_of(d, "u.json");
	assert_non_null(u);
	assert_string_equal(gate_doc_member(u, "usedBy")->items[0].text, "web.1");
	assert_string_equal(gate_doc_member(u, "olderTasks")->items[0].text, "web.1");
	m = profile_of(d, "default.json");
	assert_string_equal(gate_doc_member(m, "default")->text, "true");
	assert_int_equal(gate_doc_member(m, "usedBy")->n_items, 0);
	assert_int_equal(strncmp(gate_doc_member(m, "meaningDigest")->text, "sha256:", 7), 0);
	assert_non_null(gate_doc_member(m, "findings"));
	m = profile_of(d, "broken.json");
	assert_int_equal(gate_doc_member(m, "meaningDigest")->kind, GATE_DOC_NULL);
	assert_non_null(strstr(gate_doc_member(m, "error")->text, "Failed to parse"));
	assert_non_null(profile_of(d, "sub/strict.json"));
	gate_buf_done(&answer.body);

	ask("/api/v1/profiles/u.json", "u.json", &answer);
	assert_int_equal(answer.status, 200);
	assert_int_equal(gate_doc_read(&arena, answer.body.data, answer.body.len, &d, NULL), 0);
	assert_string_equal(gate_doc_member(d, "text")->text, ALLOW_BUT("\"sethostname\""));
	assert_int_equal(gate_doc_member(d, "findingList")->kind, GATE_DOC_ARRAY);
	gate_buf_done(&answer.body);
	ask("/api/v1/profiles/nope", "nope", &answer);
	assert_int_equal(answer.status, 404);
	gate_buf_done(&answer.body);
	gate_arena_done(&arena);
	done(&q);
}

struct seen {
	char text[1000];
};

static void see(void *ctx, const char *name, const struct gate_profile_counts *n)
{
	struct seen *s = ctx;
	size_t len = strlen(s->text);

	(void)snprintf(s->text + len, sizeof(s->text) - len, "%s:%d ", name, n->errors > 0);
}

static void findings_are_counted_and_follow_the_files(void **state)
{
	struct seen before = { "" }, after = { "" };
	char path[200];

	(void)state;
	put("new.json", "{");
	gate_profiles_findings(agent.p, see, &before);
	assert_non_null(strstr(before.text, "default.json:0 "));
	assert_non_null(strstr(before.text, "broken.json:1 "));
	assert_non_null(strstr(before.text, "new.json:1 "));
	put("new.json", ALLOW_BUT("\"sethostname\""));
	gate_profiles_findings(agent.p, see, &after);
	assert_non_null(strstr(after.text, "new.json:0 "));
	(void)snprintf(path, sizeof(path), "%s/new.json", agent.dir);
	assert_int_equal(unlink(path), 0);
	after.text[0] = '\0';
	gate_profiles_findings(agent.p, see, &after);
	assert_null(strstr(after.text, "new.json"));
}

static void a_refused_call_has_its_line_of_the_text_that_the_task_was_started_with(void **state)
{
	struct gate_record_denial d = { .action = GATE_RET_KILL_THREAD };
	struct gate_agent_task t;
	struct gate_facts f = { 0 };
	struct gate_call c;
	char text[200];
	struct asked q;

	(void)state;
	begin(&q);
	decide_for(&q, named("kill.json"), "/a", 0, NULL);
	named_profile(&q, "kill.json");
	t = running(&q, "t");
	put("kill.json", "{}");
	assert_int_equal(gate_facts_host(&f, NULL), 0);
	assert_int_equal(gate_call_parse("swapon", f.arch, &c, NULL), 0);
	d.arch = gate_arch_info(f.arch)->audit;
	d.nr = c.nr;
	d.action = GATE_RET_ACTION(verdict(&q, "swapon"));
	assert_true(gate_profiles_place(agent.p, &t, &d, text, sizeof(text)));
	assert_int_equal(strncmp(text, "kill.json:3:", 12), 0);
	t.text_digest = (char *)"sha256:other";
	assert_false(gate_profiles_place(agent.p, &t, &d, text, sizeof(text)));
	done(&q);
}

static void what_no_row_names_is_forgotten_at_the_next_start(void **state)
{
	struct gate_agent_task parent;
	struct asked q;

	(void)state;
	begin(&q);
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	parent = running(&q, "p");
	gate_profiles_close(agent.p);
	assert_int_equal(gate_profiles_open(NULL, &agent.p, NULL), 0);
	decide_for(&q, absent, "p.c", 0, &parent);
	refused(&q, GATE_E_NOTFOUND, "is not known any more");
	decide_for(&q, named("u.json"), "/a", 0, NULL);
	gate_db_run(agent.db, "INSERT INTO tasks VALUES (?, ?)", "tt", parent.text_digest, parent.meaning_digest);
	gate_profiles_close(agent.p);
	assert_int_equal(gate_profiles_open(NULL, &agent.p, NULL), 0);
	decide_for(&q, absent, "p.c", 0, &parent);
	named_profile(&q, "u.json");
	done(&q);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(mesos_table_with_its_texts),
		TEST(without_a_default_there_is_no_filter),
		TEST(with_the_isolator_off_a_named_profile_is_refused),
		TEST(acceptance_cases_of_mesos),
		TEST(mesos_dialect_refuses_what_mesos_refuses),
		TEST(what_is_answered_with_an_error_is_logged_on_request),
		TEST(names_stay_below_the_directory),
		TEST(a_supervisor_that_is_not_there_is_refused),
		TEST(an_edited_file_is_used_at_once),
		TEST(who_may_be_unconfined_is_the_operators),
		TEST(allowed_names_are_globs),
		TEST(a_floor_is_decided_exactly_and_refused_with_a_call),
		TEST(a_nested_container_has_its_parents_filter_and_may_only_tighten),
		TEST(below_an_unconfined_parent_anything_is_tighter),
		TEST(a_parents_filter_that_is_lost_refuses),
		TEST(a_parents_filter_that_was_changed_refuses),
		TEST(the_list_shows_digests_findings_and_who_runs_under_what),
		TEST(findings_are_counted_and_follow_the_files),
		TEST(a_refused_call_has_its_line_of_the_text_that_the_task_was_started_with),
		TEST(what_no_row_names_is_forgotten_at_the_next_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
