/* What people and images say about tasks: flags, files of lines, users. The first byte chooses the reader; what is taken must
 * hold what its header promises. */
#include "fuzz.h"
#include "spec/passwd.h"
#include "spec/spec.h"

static const char *const flags[] = {
	"volume",  "mount",     "tmpfs",   "ulimit",     "memory",      "cpus",         "env",      "label",
	"user",    "sysctl",    "cap-add", "network",    "stop-signal", "timeout",      "hostname", "cgroup-parent",
	"log-opt", "isolation", "rootfs",  "entrypoint", "name",        "security-opt", "workdir",  "group-add",
};
enum { ENV_FILE = GATE_ARRAY_LEN(flags), LABEL_FILE, PASSWD, KINDS };

static void inside(const char *path)
{
	FUZZ_CHECK(path[0] == '/' && strlen(path) < 4096);
	for (const char *p = path; *p != '\0'; p++)
		FUZZ_CHECK(strncmp(p, "/../", 4) != 0 && strcmp(p, "/..") != 0 && strncmp(p, "//", 2) != 0);
}

static void check_task(const struct gate_task *t)
{
	FUZZ_CHECK(t->name == NULL || gate_task_name_ok(t->name));
	FUZZ_CHECK(t->network.of == NULL || gate_task_name_ok(t->network.of));
	FUZZ_CHECK(t->cpu_quota_us == 0 || t->cpu_quota_us >= 1000);
	FUZZ_CHECK(t->stop_signal >= 0 && t->stop_signal <= 64);
	FUZZ_CHECK(t->log_files >= 1 && t->log_files <= 100);
	FUZZ_CHECK((t->isolation & ~GATE_ISOLATE_ALL) == 0 && t->isolation != 0);
	FUZZ_CHECK(t->hostname == NULL || strlen(t->hostname) <= 64);
	FUZZ_CHECK(t->workdir == NULL || t->workdir[0] == '/');
	FUZZ_CHECK(t->rootfs == NULL || t->rootfs[0] == '/');
	FUZZ_CHECK(t->cgroup_parent == NULL || strstr(t->cgroup_parent, "..") != t->cgroup_parent);
	for (size_t i = 0; i < t->volumes.n; i++) {
		const struct gate_volume *v = &t->volumes.at[i];

		inside(v->target);
		FUZZ_CHECK((v->kind == GATE_VOLUME_BIND) == (v->source != NULL));
		FUZZ_CHECK(v->source == NULL || v->source[0] == '/');
		FUZZ_CHECK(v->mode <= 07777);
	}
	for (size_t i = 0; i < t->limits.n; i++)
		FUZZ_CHECK(t->limits.at[i].soft <= t->limits.at[i].hard && t->limits.at[i].resource >= 0);
	for (size_t i = 0; i < t->env.n; i++)
		FUZZ_CHECK(strchr(t->env.at[i], '=') != NULL && t->env.at[i][0] != '=');
	for (size_t i = 0; i < t->sysctls.n; i++)
		FUZZ_CHECK(strpbrk(t->sysctls.at[i].key, "/\n") == NULL &&
		           strchr(t->sysctls.at[i].value, '\n') == NULL);
}

static void spec(unsigned kind, const char *text, size_t len)
{
	static const char *const environ_[] = { "HOME=/root", "A=", NULL };
	static const struct gate_spec_caller caller = { "/here", environ_ };
	struct gate_err err = GATE_ERR_INIT;
	struct gate_task t;
	struct gate_spec s;
	int done;

	gate_task_init(&t);
	t.arena.limit = 64u << 20;
	gate_spec_init(&s, &t, &caller);
	if (kind >= ENV_FILE)
		done = gate_spec_lines(&s, kind == ENV_FILE ? "env-file" : "label-file", "file", text, len, &err);
	else
		done = gate_spec_flag(&s, flags[kind], text, &err);
	FUZZ_CHECK((done == 0) == (err.code == GATE_OK) && (done == 0) == (err.text[0] == '\0'));
	if (done == 0)
		check_task(&t);
	gate_task_done(&t);
}

/* "USER\0passwd\0group" */
static void users(const char *text, size_t len)
{
	size_t user = strlen(text);
	const char *passwd = text + (user < len ? user + 1 : user);
	size_t rest = len - (size_t)(passwd - text), first = strnlen(passwd, rest);
	struct gate_passwd files = { passwd, passwd + first, first, rest - first, (len & 1) != 0 };
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_identity id;

	if (gate_identity_find(&files, text, NULL, 0, &arena, &id, &err) < 0) {
		FUZZ_CHECK(err.text[0] != '\0');
	} else {
		FUZZ_CHECK(id.uid <= GATE_ID_MAX && id.gid <= GATE_ID_MAX && id.home[0] == '/');
		FUZZ_CHECK(id.n_groups >= 1 && id.n_groups <= GATE_GROUPS_MAX);
		for (size_t i = 1; i < id.n_groups; i++)
			FUZZ_CHECK(id.groups[i - 1] < id.groups[i]);
		/* Digits are the number that they say. */
		if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0')
			FUZZ_CHECK(strtoull(text, NULL, 10) == id.uid);
	}
	gate_arena_done(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned kind = size > 0 ? data[0] % KINDS : 0;
	size_t len = size > 0 ? size - 1 : 0;
	char *text = malloc(len + 1);

	if (text == NULL)
		return 0;
	if (len > 0)
		memcpy(text, data + 1, len);
	text[len] = '\0';
	if (kind == PASSWD)
		users(text, len);
	else
		spec(kind, text, len);
	free(text);
	return 0;
}
