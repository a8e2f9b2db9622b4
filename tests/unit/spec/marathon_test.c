/* Marathon's definitions: what is refused, with Marathon's paths and texts; every default; the JSON that GET shows; the task. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "spec/marathon.h"

static const struct gate_app_host host = { "node1.example", "rack:r1; cores: 8.50;odd;zone:a:b" };

/* The answer's body ("" when it was accepted); the definition into *ret. */
static char *read_app(const char *json, const struct gate_app *old, struct gate_app **ret)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_buf out = GATE_BUF_INIT;
	const struct gate_doc *doc = NULL;
	struct gate_app *app = NULL;
	struct gate_faults f;

	gate_faults_init(&f, &arena);
	if (gate_doc_read(&arena, json, strlen(json), &doc, &err) < 0)
		fail_msg("%s: %s", json, err.text);
	if ((old != NULL ? gate_app_patch(old, doc, &host, &f, &app, &err) : gate_app_read(doc, NULL, &host, &f, &app, &err)) < 0) {
		assert_int_equal(err.code, GATE_E_INVALID);
		assert_true(f.n > 0 && app == NULL);
		gate_faults_write(&f, &out);
	} else {
		assert_int_equal(f.n, 0);
		gate_buf_puts(&out, "");
	}
	gate_faults_done(&f);
	gate_arena_done(&arena); /* nothing of the definition may point into the document */
	if (ret != NULL)
		*ret = app;
	else
		gate_app_free(app);
	return gate_buf_take(&out);
}

static char *show(const struct gate_app *app)
{
	struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_app_write(app, &j);
	gate_json_end(&j, '}');
	return gate_buf_take(&out);
}

static struct gate_app *must(const char *json)
{
	struct gate_app *app = NULL;
	char *body = read_app(json, NULL, &app);

	if (app == NULL)
		fail_msg("%s: %s", json, body);
	free(body);
	return app;
}

#define APP(more) "{\"id\":\"/a\",\"cmd\":\"sleep 1\"," more "}"
#define BOX(more) APP("\"container\":{\"type\":\"MESOS\"," more "}")
#define HC(more)  APP("\"healthChecks\":[{" more "}]")
#define ONE(p, t) "{\"path\": \"" p "\", \"errors\": [\"" t "\"]}"

/* Each is refused with exactly these details. */
static const struct {
	const char *json, *message, *details;
} bad[] = {
	/* types and bounds: Marathon's "Invalid JSON" */
	{ "[]", "Invalid JSON", ONE("/", "error.expected.jsobject") },
	{ "{\"cmd\":\"x y\"}", "Invalid JSON", ONE("/id", "error.path.missing") },
	{ "{\"id\":\"/a\",\"cmd\":1}", "Invalid JSON", ONE("/cmd", "error.expected.jsstring") },
	{ "{\"id\":\"/a\",\"cmd\":\"\"}", "Invalid JSON", ONE("/cmd", "error.minLength") },
	{ APP("\"cpus\":\"1\""), "Invalid JSON", ONE("/cpus", "error.expected.jsnumber") },
	{ APP("\"cpus\":0"), "Invalid JSON", ONE("/cpus", "error.min") },
	{ APP("\"mem\":-1"), "Invalid JSON", ONE("/mem", "error.min") },
	{ APP("\"disk\":-0.5"), "Invalid JSON", ONE("/disk", "error.min") },
	{ APP("\"instances\":-1"), "Invalid JSON", ONE("/instances", "error.min") },
	{ APP("\"instances\":1.5"), "Invalid JSON", ONE("/instances", "error.expected.int") },
	{ APP("\"instances\":2147483648"), "Invalid JSON", ONE("/instances", "error.max") },
	{ APP("\"backoffFactor\":0.9"), "Invalid JSON", ONE("/backoffFactor", "error.min") },
	{ APP("\"killSelection\":\"RANDOM\""), "Invalid JSON", ONE("/killSelection", "error.unknown.enum.literal") },
	{ APP("\"env\":{\"A\":1}"), "Invalid JSON", ONE("/env/A", "error.expected.jsstring") },
	{ APP("\"args\":\"a\""), "Invalid JSON", ONE("/args", "error.expected.jsarray") },
	{ APP("\"args\":[\"a\",2]"), "Invalid JSON", ONE("/args(1)", "error.expected.jsstring") },
	{ APP("\"requirePorts\":1"), "Invalid JSON", ONE("/requirePorts", "error.expected.jsboolean") },
	{ APP("\"networks\":[{\"mode\":\"bridge\"}]"), "Invalid JSON", ONE("/networks(0)/mode", "error.unknown.enum.literal") },
	{ APP("\"portDefinitions\":[{\"port\":65536}]"), "Invalid JSON", ONE("/portDefinitions(0)/port", "error.max") },
	{ APP("\"portDefinitions\":[{\"name\":\"A\"}]"), "Invalid JSON", ONE("/portDefinitions(0)/name", "error.pattern") },
	{ APP("\"upgradeStrategy\":{\"maximumOverCapacity\":1.5,\"minimumHealthCapacity\":1}"), "Invalid JSON",
	  ONE("/upgradeStrategy/maximumOverCapacity", "error.max") },
	{ APP("\"upgradeStrategy\":{\"maximumOverCapacity\":0}"), "Invalid JSON",
	  ONE("/upgradeStrategy/minimumHealthCapacity", "error.path.missing") },
	{ BOX("\"docker\":{\"image\":\"\"}"), "Invalid JSON", ONE("/container/docker/image", "error.minLength") },
	{ BOX("\"linuxInfo\":{\"seccomp\":{\"unconfined\":\"true\"}}"), "Invalid JSON",
	  ONE("/container/linuxInfo/seccomp/unconfined", "error.expected.jsboolean") },
	{ BOX("\"linuxInfo\":{\"ipcInfo\":{}}"), "Invalid JSON", ONE("/container/linuxInfo/ipcInfo/mode", "error.path.missing") },
	{ APP("\"cpus\":0,\"mem\":[]"), "Invalid JSON",
	  ONE("/cpus", "error.min") ", " ONE("/mem", "error.expected.jsnumber") },
	/* what nobody knows */
	{ APP("\"instnces\":2"), "Object is not valid", ONE("/instnces", "unknown field; did you mean 'instances'?") },
	{ BOX("\"linuxInfo\":{\"seccomp\":{\"unconfined\":true,\"profile\":\"x\"}}"), "Object is not valid",
	  ONE("/container/linuxInfo/seccomp/profile", "unknown field") },
	/* id */
	{ "{\"id\":\"/\",\"cmd\":\"x y\"}", "Object is not valid",
	  ONE("/id", "Path must contain at least one path element") ", " ONE("/", "must not be root") },
	{ "{\"id\":\"/A\",\"cmd\":\"x y\"}", "Object is not valid",
	  ONE("/id", "must fully match regular expression "
	             "'^(([a-z0-9]|[a-z0-9][a-z0-9\\\\-]*[a-z0-9])\\\\.)*([a-z0-9]|[a-z0-9][a-z0-9\\\\-]*[a-z0-9])|(\\\\.|\\\\.\\\\.)$'") },
	{ "{\"id\":\"/a/tasks\",\"cmd\":\"x y\"}", "Object is not valid",
	  ONE("/id", "must not end with any of the following reserved keywords: restart, tasks, versions, ., ..") },
	{ "{\"id\":\"/a/../b\",\"cmd\":\"x y\"}", "Object is not valid",
	  ONE("/id", "must not end with any of the following reserved keywords: restart, tasks, versions, ., ..") },
	/* command */
	{ "{\"id\":\"/a\"}", "Object is not valid",
	  ONE("/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.") },
	{ APP("\"args\":[\"a\"]"), "Object is not valid",
	  ONE("/", "AppDefinition must either contain one of 'cmd' or 'args', and/or a 'container'.") },
	{ "{\"id\":\"/a\",\"cmd\":\"x\"}", "Object is not valid", ONE("/", "must not be an empty string") },
	{ "{\"id\":\"/a\",\"container\":{\"type\":\"MESOS\"}}", "Object is not valid",
	  ONE("/", "a container without an image has no command of its own: 'cmd' or 'args' is needed") },
	/* seccomp: the acceptance cases of mesos.md, section 12 */
	{ BOX("\"linuxInfo\":{\"seccomp\":{\"profileName\":\"foo\",\"unconfined\":true}}"), "Object is not valid",
	  ONE("/container/linuxInfo/seccomp", "Seccomp unconfined can NOT be true when Profile is defined") },
	{ BOX("\"linuxInfo\":{\"seccomp\":{\"unconfined\":false}}"), "Object is not valid",
	  ONE("/container/linuxInfo/seccomp", "Seccomp unconfined must be true when Profile is NOT defined") },
	{ BOX("\"linuxInfo\":{\"seccomp\":{}}"), "Object is not valid",
	  ONE("/container/linuxInfo/seccomp", "Seccomp unconfined must be true when Profile is NOT defined") },
	{ APP("\"container\":{\"type\":\"DOCKER\",\"docker\":{\"image\":\"busybox\"},\"linuxInfo\":{\"seccomp\":{\"profileName\":"
	      "\"foo\"}}}"),
	  "Object is not valid",
	  ONE("/container/linuxInfo/seccomp",
	      "type DOCKER would hand the container to the Docker engine, which does not look at linuxInfo: Marathon drops this "
	      "setting without a word; use type MESOS, which honours it") },
	{ APP("\"container\":{}"), "Object is not valid",
	  "{\"path\": \"/container/docker\", \"errors\": [\"not defined\", \"illegal container specification\"]}" },
	{ BOX("\"linuxInfo\":{\"ipcInfo\":{\"mode\":\"SHARE_PARENT\",\"shmSize\":1}}"), "Object is not valid",
	  ONE("/container/linuxInfo/ipcInfo", "ipcInfo shmSize can NOT be set when mode is SHARE_PARENT") },
	/* container */
	{ BOX("\"docker\":{\"image\":\"b\",\"parameters\":[{\"key\":\"a\",\"value\":\"b\"}]}"), "Object is not valid",
	  ONE("/container/docker/parameters", "must be empty") },
	{ BOX("\"docker\":{\"image\":\"b\",\"privileged\":true}"), "Object is not valid",
	  ONE("/container/docker/privileged", "the Mesos containerizer has no privileged containers") },
	{ BOX("\"docker\":{\"image\":\"b\",\"credential\":{\"principal\":\"p\"}}"), "Object is not valid",
	  ONE("/container/docker/credential", "must be empty") },
	{ BOX("\"docker\":{\"image\":\"b\",\"pullConfig\":{\"secret\":\"s\"}}"), "Object is not valid",
	  ONE("/container/docker/pullConfig", "Feature secrets is not enabled. Enable with --enable_features secrets)") },
	{ BOX("\"docker\":{\"image\":\"b\",\"forcePullImage\":true}"), "Object is not valid",
	  ONE("/container/docker/forcePullImage", "a launch does not look again for an image that is kept: 'callgate image pull' does") },
	{ BOX("\"docker\":{\"image\":\"b\",\"network\":\"BRIDGE\"}"), "Object is not valid",
	  ONE("/container/docker/network", "only HOST: container networks are not built here") },
	{ BOX("\"portMappings\":[{\"containerPort\":80}]"), "Object is not valid",
	  ONE("/", "portMappings are not allowed with host-networking") },
	{ BOX("\"volumes\":[{\"containerPath\":\"/d\",\"mode\":\"RW\",\"external\":{\"name\":\"n\"}}]"), "Object is not valid",
	  ONE("/container/volumes(0)", "Feature external_volumes is not enabled. Enable with --enable_features external_volumes)") },
	{ BOX("\"volumes\":[{\"containerPath\":\"/d\",\"secret\":\"n\"}]"), "Object is not valid",
	  ONE("/container/volumes(0)", "Feature secrets is not enabled. Enable with --enable_features secrets)") },
	{ BOX("\"volumes\":[{\"containerPath\":\"d\",\"mode\":\"RW\",\"persistent\":{\"size\":1}}]"), "Object is not valid",
	  ONE("/container/volumes(0)", "persistent volumes are not kept here; use a hostPath") },
	{ BOX("\"volumes\":[{\"containerPath\":\"/d\",\"mode\":\"RW\"}]"), "Object is not valid",
	  ONE("/container/volumes(0)", "Unknown app volume type") },
	{ BOX("\"volumes\":[{\"containerPath\":\"/d\",\"hostPath\":\"/h/../x\",\"mode\":\"RW\"}]"), "Object is not valid",
	  ONE("/container/volumes(0)", "hostPath must be without '.', '..' and empty parts") },
	{ BOX("\"volumes\":[{\"containerPath\":\"/d/../../e\",\"hostPath\":\"/h\",\"mode\":\"RW\"}]"), "Object is not valid",
	  ONE("/container/volumes(0)", "containerPath must be without '.', '..' and empty parts, and not '/'") },
	{ BOX("\"volumes\":[{\"containerPath\":\"d\",\"hostPath\":\"/h\",\"mode\":\"RW\"}]"), "Object is not valid",
	  ONE("/container/volumes(0)", "containerPath must be absolute: volumes of the sandbox are not built here") },
	/* networks and ports */
	{ APP("\"networks\":[{\"mode\":\"host\",\"name\":\"x\"}]"), "Object is not valid",
	  ONE("/networks", "Host networks may not have names or labels") },
	{ APP("\"networks\":[{\"mode\":\"container/bridge\"}]"), "Object is not valid",
	  ONE("/networks", "only the mode 'host' is built here: there are no container networks") },
	{ APP("\"networks\":[{\"mode\":\"host\"},{\"mode\":\"host\"}]"), "Object is not valid",
	  ONE("/networks", "May specify a single host network, single bridge network, or else 1-to-n container networks") },
	{ APP("\"networks\":[{\"mode\":\"host\"}],\"container\":{\"docker\":{\"image\":\"b\",\"network\":\"HOST\"}}"),
	  "Object is not valid", ONE("/", "must not specify both container.docker.network and networks") },
	{ APP("\"portDefinitions\":[{\"port\":1},{\"port\":1}]"), "Object is not valid",
	  ONE("/portDefinitions", "Ports must be unique.") },
	{ APP("\"portDefinitions\":[{\"name\":\"a\"},{\"name\":\"a\"}]"), "Object is not valid",
	  ONE("/portDefinitions", "Port names must be unique.") },
	{ APP("\"ports\":[1],\"portDefinitions\":[]"), "Object is not valid",
	  ONE("/", "cannot specify both ports and port definitions") },
	{ APP("\"ports\":[7,7]"), "Object is not valid",
	  ONE("/", "ports must be unique") ", " ONE("/portDefinitions", "Ports must be unique.") },
	{ APP("\"ipAddress\":{\"groups\":[\"a\"]}"), "Object is not valid",
	  ONE("/ipAddress", "there are no container networks here; the host's is the default") },
	/* health */
	{ HC("\"portIndex\":1"), "Object is not valid",
	  ONE("/healthChecks(0)",
	      "Health check port indices must address an element of the ports array or container port mappings.") },
	{ APP("\"portDefinitions\":[],\"healthChecks\":[{}]"), "Object is not valid",
	  ONE("/healthChecks(0)",
	      "Health check port indices must address an element of the ports array or container port mappings.") },
	{ APP("\"healthChecks\":[{\"protocol\":\"MESOS_TCP\"},{\"protocol\":\"MESOS_HTTP\"}]"), "Object is not valid",
	  ONE("/", "AppDefinition can contain at most one Mesos health check") },
	{ HC("\"ipProtocol\":\"IPv6\""), "Object is not valid",
	  ONE("/healthChecks(0)", "IPv6 can only be used for container type DOCKER and Mesos http/https/tcp health checks") },
	{ HC("\"protocol\":\"HTTPS\""), "Object is not valid",
	  ONE("/healthChecks(0)", "the agent has no TLS client: use COMMAND with a program of the task's, or HTTP") },
	{ HC("\"protocol\":\"COMMAND\""), "Object is not valid", ONE("/healthChecks(0)", "a check by COMMAND needs a 'command'") },
	{ HC("\"path\":\"/a b\""), "Object is not valid", ONE("/healthChecks(0)", "a path has no blanks and at most 1024 bytes") },
	{ HC("\"intervalSeconds\":0"), "Object is not valid", ONE("/healthChecks(0)", "intervalSeconds must be at least 1") },
	{ APP("\"readinessChecks\":[{}]"), "Object is not valid",
	  ONE("/readinessChecks(0)/portName", "No port definition reference for portName http-api") },
	{ APP("\"portDefinitions\":[{\"name\":\"http-api\"}],\"readinessChecks\":[{\"timeoutSeconds\":30}]"),
	  "Object is not valid", ONE("/readinessChecks(0)/timeoutSeconds", "got 30, expected less than 30") },
	{ APP("\"check\":{\"exec\":{}}"), "Object is not valid",
	  ONE("/check", "checks that only report are not built; a check of healthChecks reports too") },
	/* labels */
	{ APP("\"instances\":2,\"labels\":{\"MARATHON_SINGLE_INSTANCE_APP\":\"true\"}"), "Object is not valid",
	  ONE("/", "Single instance app may only have one instance") },
	{ APP("\"labels\":{\"MARATHON_SINGLE_INSTANCE_APP\":\"true\"},\"upgradeStrategy\":{\"minimumHealthCapacity\":0.5,"
	      "\"maximumOverCapacity\":0}"),
	  "Object is not valid", ONE("/upgradeStrategy/minimumHealthCapacity", "got 0.5, expected 0.0") },
	{ APP("\"labels\":{\"DCOS_MIGRATION_API_VERSION\":\"v1\"}"), "Object is not valid",
	  ONE("/", "DCOS_PACKAGE_FRAMEWORK_NAME and DCOS_MIGRATION_API_PATH must be defined when using "
	           "DCOS_MIGRATION_API_VERSION") },
	/* constraints */
	{ APP("\"constraints\":[[\"hostname\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "Each constraint must have either 2 or 3 fields") },
	{ APP("\"constraints\":[[\"hostname\",\"NEAR\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, UNLIKE or IS") },
	{ APP("\"constraints\":[[\"\",\"UNIQUE\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "illegal constraint specification") },
	{ APP("\"constraints\":[[\"hostname\",\"UNIQUE\",\"x\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "UNIQUE does not accept a value") },
	{ APP("\"instances\":2,\"constraints\":[[\"hostname\",\"unique\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "UNIQUE on 'hostname' allows 1 instance on this one host, and there are to be 2") },
	{ APP("\"instances\":4,\"constraints\":[[\"hostname\",\"MAX_PER\",\"3\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "MAX_PER on 'hostname' allows 3 instances on this one host, and there are to be 4") },
	{ APP("\"constraints\":[[\"hostname\",\"MAX_PER\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "MAX_PER requires an integer value") },
	{ APP("\"constraints\":[[\"hostname\",\"GROUP_BY\",\"x\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "GROUP BY must define an integer value or else no value at all") },
	{ APP("\"constraints\":[[\"row\",\"CLUSTER\",\"r1\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "no host satisfies it: this one has no attribute 'row'") },
	{ APP("\"constraints\":[[\"odd\",\"CLUSTER\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "no host satisfies it: this one has no attribute 'odd'") },
	{ APP("\"constraints\":[[\"rack\",\"CLUSTER\",\"r2\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "this one host has 'r1' for 'rack', not 'r2'") },
	{ APP("\"constraints\":[[\"cores\",\"IS\",\"8\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "this one host has '8.50' for 'cores', not '8'") },
	{ APP("\"constraints\":[[\"rack\",\"UNLIKE\",\"r[0-9]\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "what this one host has for it, 'r1', matches 'r[0-9]'") },
	{ APP("\"instances\":2,\"constraints\":[[\"rack\",\"UNIQUE\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "UNIQUE on 'rack' allows 1 instance on this one host, and there are to be 2") },
	{ APP("\"constraints\":[[\"hostname\",\"CLUSTER\",\"node2\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "the only host is 'node1.example', not 'node2'") },
	{ APP("\"constraints\":[[\"hostname\",\"LIKE\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "LIKE and UNLIKE require a non-empty, regular expression value") },
	{ APP("\"constraints\":[[\"hostname\",\"LIKE\",\"node2.*\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "the only host, 'node1.example', does not match 'node2.*'") },
	{ APP("\"constraints\":[[\"hostname\",\"UNLIKE\",\"n.*e\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "the only host, 'node1.example', matches 'n.*e'") },
	{ APP("\"constraints\":[[\"hostname\",\"LIKE\",\"(a)\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "this regular expression is not judged here: literals, '.', '[…]', each with '*', '+' or '?', "
	                         "and '|' outermost are") },
	{ APP("\"constraints\":[[\"hostname\",\"IS\",\"a b\"]]"), "Object is not valid",
	  ONE("/constraints(0)", "IS only supports Mesos text and float values (see "
	                         "http://mesos.apache.org/documentation/latest/attributes-resources/)") },
	/* the rest of a cluster */
	{ APP("\"acceptedResourceRoles\":[\"slave_public\"]"), "Object is not valid",
	  ONE("/acceptedResourceRoles", "acceptedResourceRoles can only contain *") },
	{ APP("\"acceptedResourceRoles\":[]"), "Object is not valid", ONE("/acceptedResourceRoles", "must not be empty") },
	{ APP("\"role\":\"dev\""), "Object is not valid", ONE("/role", "got dev, expected one of: *") },
	{ APP("\"gpus\":1"), "Object is not valid",
	  ONE("/", "Feature gpu_resources is not enabled. Enable with --enable_features gpu_resources)") },
	{ APP("\"executor\":\"/my/executor\""), "Object is not valid",
	  ONE("/executor", "there are no executors here but the agent itself: '' or '//cmd'") },
	{ APP("\"fetch\":[{\"uri\":\"http://x/y\"}]"), "Object is not valid",
	  ONE("/fetch", "nothing is fetched here: put the files into the image, or mount them from a hostPath") },
	{ APP("\"secrets\":{\"s\":{\"source\":\"x\"}}"), "Object is not valid",
	  ONE("/secrets", "Feature secrets is not enabled. Enable with --enable_features secrets)") },
	{ APP("\"env\":{\"A\":{\"secret\":\"s\"}}"), "Object is not valid",
	  ONE("/env", "use of secret-references in the environment requires the secrets feature to be enabled") },
	{ APP("\"unreachableStrategy\":{\"inactiveAfterSeconds\":5,\"expungeAfterSeconds\":2}"), "Object is not valid",
	  ONE("/unreachableStrategy/inactiveAfterSeconds",
	      "inactiveAfterSeconds (5) must be less or equal to expungeAfterSeconds, which is 2") },
	{ APP("\"resourceLimits\":{\"cpus\":\"many\"}"), "Object is not valid",
	  ONE("/resourceLimits/cpus", "'many' is an invalid resource limit. It must be 'unlimited' or a number") },
	{ APP("\"mem\":64,\"resourceLimits\":{\"mem\":32}"), "Object is not valid",
	  ONE("/resourceLimits/mem", "resource limit must be greater than or equal to requested resource (64)") },
};

static void what_marathon_refuses_is_refused_with_its_words(void **state)
{
	char want[2048];

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(bad); i++) {
		char *body = read_app(bad[i].json, NULL, NULL);

		(void)snprintf(want, sizeof(want), "{\"message\": \"%s\", \"details\": [%s]}", bad[i].message, bad[i].details);
		if (strcmp(body, want) != 0)
			fail_msg("%s\n is: %s\n not: %s", bad[i].json, body, want);
		free(body);
	}
}

static const char *const good[] = {
	BOX("\"linuxInfo\":{\"seccomp\":{\"profileName\":\"foo\",\"unconfined\":false}}"),
	BOX("\"linuxInfo\":{\"seccomp\":{\"profileName\":\"foo\"}}"),
	BOX("\"linuxInfo\":{\"seccomp\":{\"unconfined\":true}}"),
	BOX("\"linuxInfo\":{}"),
	"{\"id\":\"/a\",\"container\":{\"type\":\"MESOS\",\"docker\":{\"image\":\"busybox\"}}}",
	"{\"id\":\"/a\",\"container\":{\"docker\":{\"image\":\"busybox\",\"network\":\"HOST\"}}}",
	"{\"id\":\"/a.b/c-d/0\",\"args\":[\"sleep\",\"1\"]}",
	APP("\"constraints\":[[\"hostname\",\"UNIQUE\"]]"),
	APP("\"instances\":5,\"constraints\":[[\"hostname\",\"CLUSTER\",\"node1.example\"],[\"hostname\",\"GROUP_BY\"],[\"@hostname\","
	    "\"LIKE\",\"node[0-9]+\\\\.example|x\"],[\"rack\",\"UNLIKE\",\"r2\"],[\"row\",\"UNLIKE\",\"r1\"],[\"hostname\",\"IS\",\"node1.example\"],[\"hostname\","
	    "\"MAX_PER\",\"5\"]]"),
	APP("\"instances\":2,\"constraints\":[[\"rack\",\"CLUSTER\",\"r1\"],[\"rack\",\"LIKE\",\"r.\"],[\"rack\",\"GROUP_BY\"],"
	    "[\"rack\",\"MAX_PER\",\"2\"],[\"cores\",\"IS\",\"8.5\"],[\"zone\",\"CLUSTER\",\"a:b\"],[\"odd\",\"UNLIKE\",\".*\"]]"),
	APP("\"acceptedResourceRoles\":[\"*\"],\"role\":\"*\",\"dependencies\":[\"/db\",\"../x\"],\"residency\":{},\"executor\":"
	    "\"//cmd\",\"executorResources\":{\"cpus\":0.2}"),
	APP("\"fetch\":[],\"uris\":[],\"secrets\":{},\"gpus\":0,\"args\":null"),
	APP("\"unreachableStrategy\":\"disabled\",\"resourceLimits\":{\"cpus\":\"unlimited\",\"mem\":256}"),
	APP("\"tasksRunning\":1,\"tasks\":[{}],\"deployments\":[],\"versionInfo\":{},\"version\":\"2020-01-01T00:00:00.000Z\""),
	HC("\"protocol\":\"TCP\""),
	HC("\"protocol\":\"MESOS_HTTP\",\"port\":80,\"path\":\"/x\""),
	HC("\"protocol\":\"COMMAND\",\"command\":{\"value\":\"true\"}"),
};

static void what_one_host_can_do_is_accepted(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(good); i++) {
		gate_app_free(must(good[i]));
	}
}

static void every_default_is_marathons(void **state)
{
	struct gate_app *app = must("{\"id\":\"a//b/\",\"cmd\":\"sleep 1\",\"user\":null,\"healthChecks\":[{}]}");
	char *text = show(app);

	(void)state;
	assert_string_equal(
	    text, "{\"id\": \"/a/b\", \"backoffFactor\": 1.15, \"backoffSeconds\": 1, \"cmd\": \"sleep 1\", \"cpus\": 1, "
	          "\"disk\": 0, \"executor\": \"\", \"gpus\": 0, \"healthChecks\": [{\"delaySeconds\": 15, "
	          "\"gracePeriodSeconds\": 300, \"intervalSeconds\": 60, \"ipProtocol\": \"IPv4\", "
	          "\"maxConsecutiveFailures\": 3, \"portIndex\": 0, \"protocol\": \"HTTP\", \"timeoutSeconds\": 20}], "
	          "\"instances\": 1, \"killSelection\": \"YOUNGEST_FIRST\", \"labels\": {}, \"maxLaunchDelaySeconds\": 300, "
	          "\"mem\": 128, \"networks\": [{\"mode\": \"host\"}], \"portDefinitions\": [{\"port\": 0, \"protocol\": "
	          "\"tcp\"}], \"requirePorts\": false, \"role\": \"*\", \"upgradeStrategy\": {\"maximumOverCapacity\": 1, "
	          "\"minimumHealthCapacity\": 1}, \"unreachableStrategy\": {\"inactiveAfterSeconds\": 0, "
	          "\"expungeAfterSeconds\": 0}}");
	free(text);
	gate_app_free(app);
}

/* What GET shows can be read again, and shows the same. */
static void the_canonical_form_is_stable(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(good); i++) {
		struct gate_app *app, *again = NULL, *loaded = NULL;
		struct gate_err err = GATE_ERR_INIT;
		char *one, *two, *three;

		app = must(good[i]);
		app->version_ms = 1468587779735;
		app->scaled_ms = 1468587779734;
		app->config_ms = 1468587779000;
		one = show(app);
		again = must(one);
		assert_int_equal(gate_app_load(one, strlen(one), &loaded, &err), 0);
		assert_int_equal(loaded->version_ms, app->version_ms);
		assert_int_equal(loaded->scaled_ms, app->scaled_ms);
		assert_int_equal(loaded->config_ms, app->config_ms);
		again->version_ms = app->version_ms;
		again->scaled_ms = app->scaled_ms;
		again->config_ms = app->config_ms;
		two = show(again);
		three = show(loaded);
		assert_string_equal(one, two);
		assert_string_equal(one, three);
		assert_false(gate_app_differs(app, loaded));
		free(one);
		free(two);
		free(three);
		gate_app_free(app);
		gate_app_free(again);
		gate_app_free(loaded);
	}
}

static void a_patch_changes_what_it_says(void **state)
{
	struct gate_app *old = must(APP("\"env\":{\"A\":\"1\",\"B\":\"2\"},\"mem\":64,\"instances\":3,\"ports\":[8080]"));
	struct gate_app *app = NULL;
	char *body = read_app("{\"env\":{\"C\":\"3\"},\"cpus\":0.5,\"cmd\":null}", old, &app);

	(void)state;
	assert_string_equal(body, "");
	free(body);
	assert_int_equal(app->env.n, 1);
	assert_string_equal(app->env.at[0].key, "C");
	assert_true(app->mem == 64 && app->cpus == 0.5);
	assert_string_equal(app->cmd, "sleep 1");
	assert_int_equal(app->instances, 3);
	assert_int_equal(gate_app_ports(app)[0].port, 8080);
	assert_true(gate_app_differs(old, app));
	gate_app_free(app);

	body = read_app("{\"instances\":7}", old, &app);
	free(body);
	assert_false(gate_app_differs(old, app));
	gate_app_free(app);
	body = read_app("{\"ports\":[1,2]}", old, &app);
	free(body);
	assert_int_equal(app->ports.n, 2);
	gate_app_free(app);
	body = read_app("{\"args\":[\"x\"]}", old, NULL);
	assert_non_null(strstr(body, "AppDefinition must either contain one of 'cmd' or 'args'"));
	free(body);
	body = read_app("{\"container\":{\"type\":\"MESOS\",\"linuxInfo\":{\"seccomp\":{}}}}", old, NULL);
	assert_non_null(strstr(body, "must be true when Profile is NOT defined"));
	free(body);
	gate_app_free(old);
}

static bool has_env(const struct gate_task *t, const char *pair)
{
	for (size_t i = 0; i < t->env.n; i++)
		if (strcmp(t->env.at[i], pair) == 0)
			return true;
	return false;
}

static void an_instance_is_a_task(void **state)
{
	static const char *const pairs[] = { "MARATHON_APP_ID=/a",
		                             "MESOS_TASK_ID=a.instance-u._app.1",
		                             "MARATHON_APP_VERSION=2016-07-15T13:02:59.735Z",
		                             "MARATHON_APP_RESOURCE_CPUS=0.5",
		                             "MARATHON_APP_RESOURCE_MEM=64",
		                             "MARATHON_APP_LABELS=MY_LABEL",
		                             "MARATHON_APP_LABEL_MY_LABEL=v",
		                             "HOST=h",
		                             "PORT0=31001",
		                             "PORT1=31002",
		                             "PORT_8080=31001",
		                             "PORT_31002=31002",
		                             "PORT_WEB=31001",
		                             "PORT=31001",
		                             "PORTS=31001,31002",
		                             "A=1",
		                             "HOST=mine" };
	static const uint16_t ports[] = { 31001, 31002 };
	static const struct gate_app_instance instance = { "a.instance-u._app.1", "h", GATE_ISOLATE_ALL, true, ports, 2 };
	struct gate_app *app = must(
	    APP("\"cpus\":0.5,\"mem\":64,\"user\":\"nobody\",\"labels\":{\"my-label\":\"v\"},\"env\":{\"A\":\"1\",\"HOST\":\"mine\"},"
	        "\"taskKillGracePeriodSeconds\":7,\"portDefinitions\":[{\"port\":8080,\"name\":\"web\"},{\"port\":0}],"
	        "\"container\":{\"type\":\"MESOS\",\"volumes\":[{\"containerPath\":\"/c\",\"hostPath\":\"/h\",\"mode\":\"RO\"}],"
	        "\"linuxInfo\":{\"ipcInfo\":{\"mode\":\"PRIVATE\",\"shmSize\":8},\"seccomp\":{\"profileName\":\"p.json\"}}}"));
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;

	(void)state;
	app->version_ms = 1468587779735;
	gate_task_init(&t);
	assert_int_equal(gate_app_task(app, &instance, &t, &err), 0);
	assert_int_equal(t.args.n, 3);
	assert_string_equal(t.args.at[0], "/bin/sh");
	assert_string_equal(t.args.at[1], "-c");
	assert_string_equal(t.args.at[2], "sleep 1");
	assert_int_equal(t.cpu_shares, 512);
	assert_int_equal(t.cpu_quota_us, 50000);
	assert_int_equal(t.cpu_period_us, 100000);
	assert_int_equal(t.memory, 64 << 20);
	assert_int_equal(t.shm_size, 8 << 20);
	assert_string_equal(t.user, "nobody");
	assert_int_equal(t.stop_ms, 7000);
	assert_int_equal(t.network.mode, GATE_NS_HOST);
	assert_int_equal(t.uts.mode, GATE_NS_HOST);
	assert_int_equal(t.pid.mode, GATE_NS_OWN);
	assert_int_equal(t.ipc.mode, GATE_NS_OWN);
	assert_int_equal(t.volumes.n, 1);
	assert_string_equal(t.volumes.at[0].source, "/h");
	assert_string_equal(t.volumes.at[0].target, "/c");
	assert_true(t.volumes.at[0].read_only);
	for (size_t i = 0; i < GATE_ARRAY_LEN(pairs); i++)
		if (!has_env(&t, pairs[i]))
			fail_msg("%s is missing", pairs[i]);
	assert_string_equal(t.env.at[t.env.n - 1], "HOST=mine"); /* what the app says wins */
	assert_null(t.profile);
	assert_string_equal(gate_app_choice(app).profile_name, "p.json");
	assert_true(gate_app_choice(app).present && !gate_app_choice(app).unconfined);
	assert_string_equal(gate_task_of_host(&t), "a volume of the host");
	gate_task_done(&t);
	gate_app_free(app);
}

/* As in Mesos: what has no isolator has no limit; what would change what the task sees is refused. */
static void isolators_that_are_off_set_no_limits(void **state)
{
	static const uint16_t port = 31000;
	struct gate_app_instance i = { "t", "h", 0, true, &port, 1 };
	struct gate_app *app = must(APP("\"mem\":8")), *image = must("{\"id\":\"/a\",\"container\":{\"docker\":{\"image\":\"b\"}}}");
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;

	(void)state;
	gate_task_init(&t);
	assert_int_equal(gate_app_task(app, &i, &t, &err), 0);
	assert_true(t.cpu_shares == 0 && t.cpu_quota_us == 0 && t.memory == 0);
	assert_true(t.pid.mode == GATE_NS_HOST && t.ipc.mode == GATE_NS_HOST);
	gate_task_done(&t);
	i.isolation = 1 << GATE_ISOLATE_MEM;
	gate_task_init(&t);
	assert_int_equal(gate_app_task(app, &i, &t, &err), 0);
	assert_int_equal(t.memory, 32 << 20); /* Mesos' least */
	assert_false(t.no_new_privs);
	gate_task_done(&t);
	i.isolation |= 1U << GATE_ISOLATE_NNP;
	gate_task_init(&t);
	assert_int_equal(gate_app_task(app, &i, &t, &err), 0);
	assert_true(t.no_new_privs);
	gate_task_done(&t);
	gate_task_init(&t);
	assert_int_equal(gate_app_task(image, &i, &t, &err), -1);
	assert_string_equal(err.text, "an image needs the isolator 'filesystem/linux', which the agent runs without");
	gate_task_done(&t);
	gate_app_free(app);
	gate_app_free(image);
}

static void an_image_runs_with_its_own_command_or_ours(void **state)
{
	static const uint16_t port = 31000;
	static const struct gate_app_instance i = { "t", "h", GATE_ISOLATE_ALL, false, &port, 1 };
	struct gate_app *app = must("{\"id\":\"/a\",\"args\":[\"-v\"],\"container\":{\"type\":\"MESOS\",\"docker\":{\"image\":\"b\"}}}");
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;

	(void)state;
	gate_task_init(&t);
	assert_int_equal(gate_app_task(app, &i, &t, &err), 0);
	assert_string_equal(t.image, "b");
	assert_false(t.has_entrypoint);
	assert_int_equal(t.args.n, 1);
	assert_true(has_env(&t, "MARATHON_APP_DOCKER_IMAGE=b"));
	gate_task_done(&t);
	gate_app_free(app);
	app = must(BOX("\"docker\":{\"image\":\"b\"}"));
	gate_task_init(&t);
	assert_int_equal(gate_app_task(app, &i, &t, &err), 0);
	assert_true(t.has_entrypoint && t.entrypoint.n == 0 && t.args.n == 3);
	gate_task_done(&t);
	gate_app_free(app);
}

static void labels_are_selected(void **state)
{
	static const struct {
		const char *selector;
		int match; /* -1: no selector */
	} rows[] = { { "", 1 },           { "a", 1 },           { "c", 0 },          { "a==1", 1 },      { "a == 2", 0 },
		     { "a!=2", 1 },       { "c!=2", 0 },        { "a in (1, 2)", 1 }, { "a notin (1,2)", 0 },
		     { "a,b==x y", -1 },  { "a,b", 1 },         { "b==x\\ y", 1 },   { "a in (1,2),c", 0 },
		     { "a,", -1 },        { "a in 1", -1 },     { "a=1", -1 },        { "(", -1 } };
	struct gate_app *app = must(APP("\"labels\":{\"a\":\"1\",\"b\":\"x y\"}"));

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		struct gate_err err = GATE_ERR_INIT;
		bool match = false;
		int done = gate_app_label_match(rows[i].selector, app, &match, &err);

		if ((done < 0 ? -1 : match) != rows[i].match)
			fail_msg("%s: %d %s", rows[i].selector, done < 0 ? -1 : match, err.text);
	}
	gate_app_free(app);
}

static void times_and_paths_have_one_form(void **state)
{
	char text[32], path[GATE_APP_ID_MAX + 2];
	int64_t ms = 0;

	(void)state;
	gate_app_time(1468587779735, text);
	assert_string_equal(text, "2016-07-15T13:02:59.735Z");
	assert_true(gate_app_time_parse(text, &ms));
	assert_int_equal(ms, 1468587779735);
	assert_true(gate_app_time_parse("2016-07-15T13:02:59Z", &ms));
	assert_int_equal(ms, 1468587779000);
	assert_false(gate_app_time_parse("2016-07-15 13:02:59Z", &ms));
	assert_false(gate_app_time_parse("latest", &ms));
	assert_true(gate_app_path("//a/b//", path));
	assert_string_equal(path, "/a/b");
	assert_true(gate_app_path("", path));
	assert_string_equal(path, "/");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_marathon_refuses_is_refused_with_its_words),
		cmocka_unit_test(what_one_host_can_do_is_accepted),
		cmocka_unit_test(every_default_is_marathons),
		cmocka_unit_test(the_canonical_form_is_stable),
		cmocka_unit_test(a_patch_changes_what_it_says),
		cmocka_unit_test(an_instance_is_a_task),
		cmocka_unit_test(isolators_that_are_off_set_no_limits),
		cmocka_unit_test(an_image_runs_with_its_own_command_or_ours),
		cmocka_unit_test(labels_are_selected),
		cmocka_unit_test(times_and_paths_have_one_form),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
