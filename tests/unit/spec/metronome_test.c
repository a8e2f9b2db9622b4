/* Metronome's job specs: every default, what is refused and with which path and text, and the task that comes of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "spec/metronome.h"

static const struct gate_zone *zone_of(void *ctx, const char *name)
{
	(void)ctx;
	return strcmp(name, "UTC") == 0 || strcmp(name, "Europe/Berlin") == 0 ? gate_zone_utc() : NULL;
}

static const struct gate_job_host host = { .hostname = "node1", .attributes = "rack:r1", .zone = zone_of };

/* The answer's body ("" when it was accepted), and the definition. */
static char *read_job(const char *json, const char *id, struct gate_job **ret)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_buf out = GATE_BUF_INIT;
	const struct gate_doc *doc = NULL;
	struct gate_job *job = NULL;
	struct gate_faults f;

	gate_faults_init(&f, &arena);
	if (gate_doc_read(&arena, json, strlen(json), &doc, &err) < 0)
		fail_msg("%s: %s", json, err.text);
	if (gate_job_read(doc, id, &host, &f, &job, &err) < 0) {
		assert_int_equal(err.code, GATE_E_INVALID);
		assert_true(f.n > 0 && job == NULL);
		gate_faults_write(&f, &out);
	} else {
		assert_int_equal(f.n, 0);
		gate_buf_puts(&out, "");
	}
	gate_faults_done(&f);
	gate_arena_done(&arena); /* nothing of the definition may point into the document */
	if (ret != NULL)
		*ret = job;
	else
		gate_job_free(job);
	return gate_buf_take(&out);
}

static struct gate_job *must(const char *json)
{
	struct gate_job *job = NULL;
	char *body = read_job(json, NULL, &job);

	if (job == NULL)
		fail_msg("%s: %s", json, body);
	free(body);
	return job;
}

static char *show(const struct gate_job *job)
{
	struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_job_write(job, &j);
	return gate_buf_take(&out);
}

#define RUN(more) "{\"id\":\"a.b\",\"run\":{\"cpus\":0.1,\"mem\":32,\"disk\":0" more "}}"
#define CMD       ",\"cmd\":\"true\""

static void everything_has_metronomes_default(void **state)
{
	struct gate_job *job = must(RUN(CMD)), *again = NULL;
	char *text = show(job), *second;

	(void)state;
	assert_string_equal(
	    text, "{\"id\": \"a.b\", \"dependencies\": [], \"labels\": {}, \"run\": {\"cpus\": 0.1, \"mem\": 32, \"disk\": 0, "
	          "\"gpus\": 0, \"cmd\": \"true\", \"env\": {}, \"placement\": {\"constraints\": []}, \"artifacts\": [], "
	          "\"maxLaunchDelay\": 3600, \"volumes\": [], \"restart\": {\"policy\": \"NEVER\"}, \"networks\": []}, "
	          "\"schedules\": []}");
	assert_int_equal(gate_job_load(text, strlen(text), &host, &again, NULL), 0);
	second = show(again);
	assert_string_equal(text, second);
	free(text);
	free(second);
	gate_job_free(job);
	gate_job_free(again);
}

static void whatever_was_said_is_shown_again(void **state)
{
	static const char all[] =
	    "{\"id\": \"prod.example.app\", \"description\": \"d\", \"dependencies\": [], \"labels\": {\"owner\": \"zeus\"}, "
	    "\"run\": {\"cpus\": 1.5, \"mem\": 64, \"disk\": 128, \"gpus\": 0, \"args\": [\"a\", \"b\"], \"user\": \"nobody\", "
	    "\"env\": {\"MON\": \"test\"}, \"placement\": {\"constraints\": [{\"attribute\": \"@hostname\", \"operator\": \"LIKE\", "
	    "\"value\": \"node.*\"}]}, \"artifacts\": [], \"maxLaunchDelay\": 60, \"ucr\": {\"image\": {\"id\": \"busybox\", "
	    "\"kind\": \"docker\", \"forcePull\": false}, \"privileged\": false}, \"volumes\": [{\"containerPath\": \"/mnt\", "
	    "\"hostPath\": \"/srv\", \"mode\": \"RO\"}], \"restart\": {\"policy\": \"ON_FAILURE\", \"activeDeadlineSeconds\": 120}, "
	    "\"taskKillGracePeriodSeconds\": 5, \"networks\": [{\"name\": \"none\", \"mode\": \"container\"}], \"linuxInfo\": "
	    "{\"seccomp\": {\"profileName\": \"web.json\", \"unconfined\": false}}}, \"schedules\": [{\"id\": \"nightly\", \"cron\": "
	    "\"20 0 * * *\", \"timezone\": \"Europe/Berlin\", \"startingDeadlineSeconds\": 60, \"concurrencyPolicy\": \"FORBID\", "
	    "\"enabled\": false}]}";
	struct gate_job *job = must(all);
	char *text = show(job);

	(void)state;
	assert_string_equal(text, all);
	free(text);
	gate_job_free(job);
}

/* What is refused: one path and one text of the answer. */
static void what_is_wrong_is_named_with_its_path(void **state)
{
#define ID_TEXT                                                                                                        \
	"does not match pattern '^([a-z0-9]+(\\\\-+[a-z0-9]+)*)(\\\\.([a-z0-9]+(\\\\-+[a-z0-9]+)*))*$'."
#define SCHEDULE(s) "{\"id\":\"a\",\"run\":{\"cpus\":1,\"mem\":32,\"disk\":0,\"cmd\":\"x\"},\"schedules\":[" s "]}"
	static const struct {
		const char *json, *path, *text;
	} rows[] = {
		{ "{}", "/", "Property id missing." },
		{ "{}", "/", "Property run missing." },
		{ "[]", "/", "Wrong type. Expected object, was array." },
		{ "{\"id\":\"a\",\"run\":{}}", "/run", "Property cpus missing." },
		{ "{\"id\":\"a\",\"run\":{}}", "/run", "Property mem missing." },
		{ "{\"id\":\"a\",\"run\":{}}", "/run", "Property disk missing." },
		{ "{\"id\":\"A\",\"run\":{}}", "/id", "'A' " ID_TEXT },
		{ "{\"id\":\"a..b\",\"run\":{}}", "/id", "'a..b' " ID_TEXT },
		{ "{\"id\":\"-a\",\"run\":{}}", "/id", "'-a' " ID_TEXT },
		{ "{\"id\":\"a-\",\"run\":{}}", "/id", "'a-' " ID_TEXT },
		{ "{\"id\":\"\",\"run\":{}}", "/id", "'' " ID_TEXT },
		{ RUN(CMD ",\"what\":1"), "/run", "Additional properties are not allowed but found 'what'." },
		{ RUN(CMD ",\"usr\":1"), "/run", "Additional properties are not allowed but found 'usr' (did you mean 'user'?)." },
		{ "{\"id\":\"a\",\"run\":{},\"x\":1}", "/", "Additional properties are not allowed but found 'x' (did you mean 'id'?)." },
		{ RUN(""), "/run", "Cmd, Docker or UCR image must be specified" },
		{ RUN(",\"args\":[\"x\"]"), "/run", "Cmd, Docker or UCR image must be specified" },
		{ RUN(",\"docker\":{\"image\":\"x\"},\"ucr\":{\"image\":{\"id\":\"x\"}}"), "/run",
		  "Either Docker or UCR should be provided, but not both" },
		{ RUN(CMD ",\"args\":[\"x\"]"), "/run",
		  "Either `cmd` or `args` must be supplied. It is invalid to supply both `cmd` and `args` in the same job." },
		{ RUN(",\"cmd\":\"\""), "/run/cmd", "'' violates min length of 1." },
		{ RUN(",\"cmd\":5"), "/run/cmd", "Wrong type. Expected string, was number." },
		{ "{\"id\":\"a\",\"run\":{\"cpus\":0.001,\"mem\":32,\"disk\":0}}", "/run/cpus",
		  "0.001 is smaller than required minimum value of 0.01." },
		{ "{\"id\":\"a\",\"run\":{\"cpus\":1,\"mem\":31.9,\"disk\":0}}", "/run/mem",
		  "31.9 is smaller than required minimum value of 32." },
		{ "{\"id\":\"a\",\"run\":{\"cpus\":1,\"mem\":32,\"disk\":-1}}", "/run/disk",
		  "-1 is smaller than required minimum value of 0." },
		{ "{\"id\":\"a\",\"run\":{\"cpus\":\"1\",\"mem\":32,\"disk\":0}}", "/run/cpus",
		  "Wrong type. Expected number, was string." },
		{ RUN(CMD ",\"maxLaunchDelay\":0"), "/run/maxLaunchDelay", "0 is smaller than required minimum value of 1." },
		{ RUN(CMD ",\"maxLaunchDelay\":1.5"), "/run/maxLaunchDelay", "Wrong type. Expected integer, was number." },
		{ RUN(CMD ",\"restart\":{}"), "/run/restart", "Property policy missing." },
		{ RUN(CMD ",\"restart\":{\"policy\":\"ALWAYS\"}"), "/run/restart/policy", "Instance is invalid enum value." },
		{ RUN(CMD ",\"user\":\"a b:\""), "/run/user", "" },
		/* seccomp: Marathon's texts */
		{ RUN(CMD ",\"linuxInfo\":{\"seccomp\":{\"profileName\":\"x\",\"unconfined\":true}}"), "/run/linuxInfo/seccomp",
		  "Seccomp unconfined can NOT be true when Profile is defined" },
		{ RUN(CMD ",\"linuxInfo\":{\"seccomp\":{}}"), "/run/linuxInfo/seccomp",
		  "Seccomp unconfined must be true when Profile is NOT defined" },
		{ RUN(CMD ",\"linuxInfo\":{\"seccomp\":{\"unconfined\":false}}"), "/run/linuxInfo/seccomp",
		  "Seccomp unconfined must be true when Profile is NOT defined" },
		{ RUN(",\"docker\":{\"image\":\"x\"},\"linuxInfo\":{\"seccomp\":{\"unconfined\":true}}"), "/run/linuxInfo/seccomp",
		  "docker would hand the task to the Docker engine, which does not look at linuxInfo, and the setting would be lost "
		  "without a word; use ucr, which honours it" },
		{ RUN(CMD ",\"linuxInfo\":{\"ipcInfo\":{}}"), "/run/linuxInfo",
		  "Additional properties are not allowed but found 'ipcInfo'." },
		/* what one host has not */
		{ RUN(CMD ",\"secrets\":{\"s\":{\"source\":\"/x\"}}"), "/run/secrets", "there is no secret store on this host" },
		{ RUN(CMD ",\"env\":{\"A\":{\"secret\":\"s\"}}"), "/run/env",
		  "use of secret-references in the environment requires the secrets feature to be enabled" },
		{ RUN(CMD ",\"artifacts\":[{\"uri\":\"http://x\"}]"), "/run/artifacts",
		  "nothing is fetched for a task here: put files into its image, or mount them as volumes" },
		{ RUN(CMD ",\"artifacts\":[{}]"), "/run/artifacts(0)", "Property uri missing." },
		{ RUN(CMD ",\"gpus\":1"), "/run/gpus", "GPUs are not given to tasks here" },
		{ RUN(",\"docker\":{\"image\":\"x\"},\"gpus\":1"), "/run/gpus", "GPUs are not supported with Docker" },
		{ RUN(",\"docker\":{\"image\":\"x\",\"parameters\":[{\"key\":\"a\",\"value\":\"b\"}]}"), "/run/docker/parameters",
		  "there is no docker command line here that could take them" },
		{ RUN(",\"docker\":{\"image\":\"x\",\"forcePullImage\":true}"), "/run/docker/forcePullImage",
		  "a launch does not look again for an image that is kept: 'callgate image pull' does" },
		{ RUN(",\"ucr\":{\"image\":{\"id\":\"x\",\"kind\":\"appc\"}}"), "/run/ucr/image/kind",
		  "appc images are not run here: docker ones are" },
		{ RUN(CMD ",\"placement\":{\"constraints\":[{\"attribute\":\"row\",\"operator\":\"EQ\",\"value\":\"r2\"}]}"),
		  "/run/placement/constraints(0)", "no host satisfies it: this one has no attribute 'row'" },
		{ RUN(CMD ",\"placement\":{\"constraints\":[{\"attribute\":\"rack\",\"operator\":\"EQ\",\"value\":\"r2\"}]}"),
		  "/run/placement/constraints(0)", "this one host has 'r1' for 'rack', which it excludes" },
		{ RUN(CMD ",\"placement\":{\"constraints\":[{\"attribute\":\"hostname\",\"operator\":\"IS\",\"value\":\"other\"}]}"),
		  "/run/placement/constraints(0)", "the only host is 'node1', which it excludes" },
		{ RUN(CMD ",\"placement\":{\"constraints\":[{\"attribute\":\"hostname\",\"operator\":\"UNLIKE\",\"value\":\"n.*\"}]}"),
		  "/run/placement/constraints(0)", "the only host is 'node1', which it excludes" },
		{ RUN(CMD ",\"placement\":{\"constraints\":[{\"attribute\":\"hostname\",\"operator\":\"GROUP_BY\"}]}"),
		  "/run/placement/constraints(0)/operator", "Instance is invalid enum value." },
		/* volumes and networks */
		{ RUN(CMD ",\"volumes\":[{\"containerPath\":\"/x\"}]"), "/run/volumes(0)",
		  "expected HostVolume or SecretVolume object: containerPath with hostPath and mode, or with secret" },
		{ RUN(CMD ",\"volumes\":[{\"containerPath\":\"/x\",\"secret\":\"s\"}]"), "/run/volumes(0)",
		  "there is no secret store on this host" },
		{ RUN(CMD ",\"volumes\":[{\"containerPath\":\"/x/../y\",\"hostPath\":\"/y\",\"mode\":\"RW\"}]"), "/run/volumes(0)",
		  "containerPath must be an absolute path without '..', and not '/'" },
		{ RUN(CMD ",\"volumes\":[{\"containerPath\":\"/x\",\"hostPath\":\"y\",\"mode\":\"RW\"}]"), "/run/volumes(0)",
		  "hostPath must be an absolute path without '..'" },
		{ RUN(CMD ",\"networks\":[{\"mode\":\"container/bridge\"}]"), "/run/networks",
		  "Only containers may join container or bridge networks" },
		{ RUN(",\"ucr\":{\"image\":{\"id\":\"x\"}},\"networks\":[{\"mode\":\"container\",\"name\":\"calico\"}]"),
		  "/run/networks(0)", "there is no network 'calico' on this host: host, or container with the name 'none'" },
		{ RUN(",\"ucr\":{\"image\":{\"id\":\"x\"}},\"networks\":[{\"mode\":\"container\"}]"), "/run/networks(0)",
		  "name must not be empty for container networks" },
		{ RUN(CMD ",\"networks\":[{\"mode\":\"host\"},{\"mode\":\"host\"}]"), "/run/networks",
		  "Only one host or container/bridge network modes are allowed" },
		{ RUN(CMD ",\"networks\":[{\"mode\":\"host\"},{\"mode\":\"container\",\"name\":\"none\"}]"), "/run/networks",
		  "You may not mix host, container, or container/bridge networking. Only define one kind of network." },
		/* schedules and dependencies */
		{ SCHEDULE("{\"id\":\"s\"}"), "/schedules(0)", "Property cron missing." },
		{ SCHEDULE("{\"id\":\"s\",\"cron\":\"* *\"}"), "/schedules(0)/cron",
		  "Can not read cron expression \\\"* *\\\": it has 2 fields; minute, hour, day of month, month and day of week are needed" },
		{ SCHEDULE("{\"id\":\"s.x\",\"cron\":\"* * * * *\"}"), "/schedules(0)/id",
		  "'s.x' does not match pattern '^([a-z0-9][a-z0-9\\\\-]*[a-z0-9]+)$'." },
		{ SCHEDULE("{\"id\":\"s\",\"cron\":\"* * * * *\",\"timezone\":\"Mars/Base\"}"), "/schedules(0)/timezone",
		  "No time zone found with this id: \\\"Mars/Base\\\"" },
		{ SCHEDULE("{\"id\":\"s\",\"cron\":\"* * * * *\",\"timezone\":\"../UTC\"}"), "/schedules(0)/timezone",
		  "No time zone found with this id: \\\"../UTC\\\"" },
		{ SCHEDULE("{\"id\":\"s\",\"cron\":\"* * * * *\",\"startingDeadlineSeconds\":30}"),
		  "/schedules(0)/startingDeadlineSeconds", "got 30 seconds, expected 1 minute or more" },
		{ SCHEDULE("{\"id\":\"s\",\"cron\":\"* * * * *\",\"concurrencyPolicy\":\"REPLACE\"}"),
		  "/schedules(0)/concurrencyPolicy", "Instance is invalid enum value." },
		{ SCHEDULE("{\"id\":\"s\",\"cron\":\"* * * * *\"},{\"id\":\"t\",\"cron\":\"* * * * *\"}"), "/schedules",
		  "has size 2, expected 1 or less" },
		{ "{\"id\":\"a\",\"run\":{\"cpus\":1,\"mem\":32,\"disk\":0,\"cmd\":\"x\"},\"dependencies\":[{\"id\":\"b\"},{\"id\":\"b\"}]}",
		  "/dependencies", "has double entries" },
		{ "{\"id\":\"a\",\"run\":{\"cpus\":1,\"mem\":32,\"disk\":0,\"cmd\":\"x\"},\"dependencies\":[{\"id\":\"b\"}],\"schedules\":"
		  "[{\"id\":\"s\",\"cron\":\"* * * * *\"}]}",
		  "/", "Jobs may not have both dependencies and schedules specified" },
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		char *body = read_job(rows[i].json, NULL, NULL), path[128];

		(void)snprintf(path, sizeof(path), "{\"path\": \"%s\", \"errors\": [", rows[i].path);
		if (strstr(body, "{\"message\": \"Object is not valid\", \"details\": [") != body || strstr(body, path) == NULL ||
		    strstr(body, rows[i].text) == NULL)
			fail_msg("row %zu: %s\n  gives %s\n  not %s %s", i, rows[i].json, body, rows[i].path, rows[i].text);
		free(body);
	}
}

static void what_one_host_satisfies_is_accepted(void **state)
{
	static const char *const rows[] = {
		RUN(CMD ",\"secrets\":{}"),
		RUN(CMD ",\"artifacts\":[]"),
		RUN(CMD ",\"gpus\":0"),
		RUN(CMD ",\"networks\":[{\"mode\":\"host\"}]"),
		RUN(CMD ",\"placement\":{\"constraints\":[{\"attribute\":\"row\",\"operator\":\"UNLIKE\",\"value\":\"r.*\"}]}"),
		RUN(CMD ",\"placement\":{\"constraints\":[{\"attribute\":\"rack\",\"operator\":\"LIKE\",\"value\":\"r.*\"}]}"),
		RUN(CMD ",\"placement\":{\"constraints\":[{\"attribute\":\"hostname\",\"operator\":\"EQ\",\"value\":\"node1\"}]}"),
		RUN(CMD ",\"linuxInfo\":{\"seccomp\":{\"profileName\":\"\"}}"),
		RUN(CMD ",\"linuxInfo\":{\"seccomp\":{\"unconfined\":true}}"),
		RUN(CMD ",\"linuxInfo\":{}"),
		RUN(",\"docker\":{\"image\":\"x\",\"privileged\":true}"),
		SCHEDULE("{\"id\":\"s\",\"cron\":\"* * * * *\",\"nextRunAt\":\"2016-07-26T08:25:00.000+0000\"}"),
	};

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++)
		gate_job_free(must(rows[i]));
}

static void the_path_says_the_id(void **state)
{
	struct gate_job *job = NULL;
	char *body = read_job(RUN(CMD), "other.id", &job);

	(void)state;
	assert_non_null(job);
	assert_string_equal(job->id, "other.id");
	free(body);
	gate_job_free(job);
}

static const char *env_of(const struct gate_task *t, const char *key)
{
	const char *last = NULL;

	for (size_t i = 0; i < t->env.n; i++)
		if (strncmp(t->env.at[i], key, strlen(key)) == 0 && t->env.at[i][strlen(key)] == '=')
			last = t->env.at[i] + strlen(key) + 1;
	return last;
}

static void a_command_becomes_a_task(void **state)
{
	struct gate_job *job = must(RUN(CMD ",\"env\":{\"A\":\"1\",\"MESOS_TASK_ID\":\"mine\"},\"user\":\"nobody\",\"volumes\":[{"
	                                    "\"containerPath\":\"/c\",\"hostPath\":\"/h\",\"mode\":\"RO\"}]"));
	const struct gate_job_launch launch = { "task", "run", GATE_ISOLATE_ALL, true };
	struct gate_task t;

	(void)state;
	gate_task_init(&t);
	assert_int_equal(gate_job_task(job, &launch, &t, NULL), 0);
	assert_int_equal(t.args.n, 3);
	assert_string_equal(t.args.at[0], "/bin/sh");
	assert_string_equal(t.args.at[2], "true");
	assert_string_equal(env_of(&t, "A"), "1");
	assert_string_equal(env_of(&t, "METRONOME_RUN_ID"), "run");
	assert_string_equal(env_of(&t, "MESOS_TASK_ID"), "mine");
	assert_non_null(env_of(&t, "PATH"));
	assert_string_equal(t.user, "nobody");
	assert_int_equal(t.memory, 32 << 20);
	assert_int_equal(t.cpu_shares, 102);
	assert_int_equal(t.cpu_quota_us, 10000);
	assert_int_equal(t.network.mode, GATE_NS_HOST);
	assert_int_equal(t.pid.mode, GATE_NS_OWN);
	assert_int_equal(t.volumes.n, 1);
	assert_true(t.volumes.at[0].read_only);
	assert_int_equal(t.stop_ms, 3000);
	assert_null(t.profile);
	assert_string_equal(gate_task_of_host(&t), "a volume of the host");
	gate_task_done(&t);
	gate_job_free(job);
}

static void an_image_keeps_its_entrypoint_for_args_alone(void **state)
{
	struct gate_job *job = must(RUN(",\"ucr\":{\"image\":{\"id\":\"busybox\"}},\"args\":[\"a\"],\"networks\":[{\"mode\":"
	                                "\"container\",\"name\":\"none\"}],\"taskKillGracePeriodSeconds\":0.5"));
	struct gate_job_launch launch = { "task", "run", GATE_ISOLATE_ALL, false };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;

	(void)state;
	gate_task_init(&t);
	assert_int_equal(gate_job_task(job, &launch, &t, NULL), 0);
	assert_false(t.has_entrypoint);
	assert_string_equal(t.image, "busybox");
	assert_string_equal(t.args.at[0], "a");
	assert_null(env_of(&t, "PATH"));
	assert_int_equal(t.network.mode, GATE_NS_OWN);
	assert_int_equal(t.cpu_quota_us, 0);
	assert_int_equal(t.stop_ms, 500);
	assert_int_equal(t.no_new_privs, (launch.isolation >> GATE_ISOLATE_NNP & 1) != 0);
	assert_null(gate_task_of_host(&t));
	gate_task_done(&t);

	launch.isolation &= ~(1U << GATE_ISOLATE_FILESYSTEM);
	gate_task_init(&t);
	assert_int_equal(gate_job_task(job, &launch, &t, &err), -1);
	assert_string_equal(err.text, "an image needs the isolator 'filesystem/linux', which the agent runs without");
	gate_task_done(&t);
	gate_job_free(job);
}

static void schedules_come_and_go(void **state)
{
	static const char one[] = "{\"id\":\"s\",\"cron\":\"*/1 2 * * *\"}";
	struct gate_job *job = must(RUN(CMD)), *with = NULL, *without = NULL;
	struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *doc = NULL;
	struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;
	struct gate_faults f;

	(void)state;
	gate_faults_init(&f, &arena);
	assert_int_equal(gate_doc_read(&arena, one, strlen(one), &doc, NULL), 0);
	assert_int_equal(gate_job_with_schedule(job, doc, "forced", &host, &f, &with, NULL), 0);
	assert_int_equal(with->schedules.n, 1);
	gate_json_init(&j, &out, 0);
	gate_job_schedule_write(gate_job_schedule_of(with), 1468587779, &j); /* 2016-07-15T13:02:59 */
	assert_string_equal(out.data, "{\"id\": \"forced\", \"cron\": \"* 2 * * *\", \"timezone\": \"UTC\", \"startingDeadlineSeconds\": "
	                              "900, \"concurrencyPolicy\": \"ALLOW\", \"enabled\": true, \"nextRunAt\": "
	                              "\"2016-07-16T02:00:00.000+0000\"}");
	assert_int_equal(gate_job_with_schedules_of(with, NULL, &host, &without, NULL), 0);
	assert_int_equal(without->schedules.n, 0);
	gate_buf_done(&out);
	gate_faults_done(&f);
	gate_arena_done(&arena);
	gate_job_free(job);
	gate_job_free(with);
	gate_job_free(without);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_has_metronomes_default),
		cmocka_unit_test(whatever_was_said_is_shown_again),
		cmocka_unit_test(what_is_wrong_is_named_with_its_path),
		cmocka_unit_test(what_one_host_satisfies_is_accepted),
		cmocka_unit_test(the_path_says_the_id),
		cmocka_unit_test(a_command_becomes_a_task),
		cmocka_unit_test(an_image_keeps_its_entrypoint_for_args_alone),
		cmocka_unit_test(schedules_come_and_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
