/* What a task may do: capabilities, profile, no_new_privs, sysctls. */
#include <callgate/abi.h>

#include "spec/parts.h"
#include "spec/words.h"

#define BAD(...) GATE_FAIL(err, GATE_E_INVALID, __VA_ARGS__)

/* "ALL", "CAP_NET_ADMIN", "net_admin", in any case; several with commas, as podman has it. */
static int take_caps(struct gate_spec *s, const char *value, uint64_t *set, struct gate_err *err)
{
	uint64_t more = 0;

	for (const char *p = value;; p++) {
		size_t len = strcspn(p, ",");
		char word[64] = "CAP_";
		bool prefix = len > 4 && strncasecmp(p, "CAP_", 4) == 0;

		if (len == 0)
			return BAD("'--%s' takes a capability such as NET_ADMIN, or ALL, not '%s'", s->flag, value);
		for (size_t i = 0, at = prefix ? 0 : 4; i < len && at < sizeof(word) - 1; i++, at++)
			word[at] = (char)(p[i] >= 'a' && p[i] <= 'z' ? p[i] - 'a' + 'A' : p[i]);
		int cap = gate_cap_find(word, strlen(word));

		if (len == 3 && strncasecmp(p, "ALL", 3) == 0) {
			more |= GATE_CAPS_ALL;
		} else if (cap >= 0) {
			more |= UINT64_C(1) << cap;
		} else {
			const char *near = gate_cap_suggest(word, strlen(word));

			return BAD("unknown capability '%.*s'%s%s%s", (int)(len < 64 ? len : 64), p,
			           near != NULL ? " (did you mean '" : "", near != NULL ? near : "",
			           near != NULL ? "'?)" : "");
		}
		p += len;
		if (*p == '\0')
			break;
	}
	*set |= more;
	return 0;
}

int gate_take_cap_add(struct gate_spec *s, const char *value, struct gate_err *err)
{
	return take_caps(s, value, &s->task->cap_add, err);
}

int gate_take_cap_drop(struct gate_spec *s, const char *value, struct gate_err *err)
{
	return take_caps(s, value, &s->task->cap_drop, err);
}

int gate_take_profile(struct gate_spec *s, const char *value, struct gate_err *err)
{
	/* docker's word for the profile that it has built in */
	const char *word = strcmp(value, "builtin") == 0 ? "default" : value;

	if (word[0] == '\0')
		return BAD("'--%s' names no profile; to run without a filter, say 'unconfined'", s->flag);
	if (s->task->profile != NULL && strcmp(s->task->profile, word) != 0)
		return BAD("two profiles for one task: '%s' and '%s'", s->task->profile, word);
	return gate_spec_copy(s, word, strlen(word), &s->task->profile, err);
}

int gate_take_no_new_privs(struct gate_spec *s, const char *value, struct gate_err *err)
{
	if (gate_word_bool(value, strlen(value), &s->task->no_new_privs) < 0)
		return BAD("'no-new-privileges' is true or false, not '%s'", value);
	return 0;
}

/* docker's keys for other security modules, and those whose value must be the one that says "nothing". */
static const struct {
	const char *key, *nothing, *why;
} modules[] = {
	{ "apparmor", "unconfined", "AppArmor profiles are not set here" },
	{ "label", "disable", "SELinux labels are not set here" },
	{ "systempaths", NULL, "the masked paths stay masked; --privileged opens them" },
	{ "unmask", NULL, "the masked paths stay masked; --privileged opens them" },
	{ "mask", NULL, "a path is covered by --tmpfs" },
	{ "proc-opts", NULL, "/proc is mounted as it is" },
	{ "credentialspec", NULL, "it is for Windows" },
};

int gate_take_security(struct gate_spec *s, const char *value, struct gate_err *err)
{
	size_t key = strcspn(value, "=:");
	const char *arg = value[key] != '\0' ? value + key + 1 : "";
	char near[GATE_NEAR_MAX];

	if (key == 7 && memcmp(value, "seccomp", 7) == 0)
		return gate_take_profile(s, arg, err);
	if (key == 17 && memcmp(value, "no-new-privileges", 17) == 0)
		return gate_take_no_new_privs(s, value[key] != '\0' ? arg : "true", err);
	for (size_t i = 0; i < GATE_ARRAY_LEN(modules); i++) {
		if (strlen(modules[i].key) != key || memcmp(modules[i].key, value, key) != 0)
			continue;
		if (modules[i].nothing != NULL && strcmp(modules[i].nothing, arg) == 0)
			return 0;
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "'--security-opt %s' is not for callgate run: %s", value,
		                 modules[i].why);
	}
	return BAD("'--security-opt' takes seccomp=SOURCE or no-new-privileges, not '%s'%s", value,
	           gate_word_near(value, key, "seccomp|no-new-privileges|apparmor|label", near));
}

/* --- sysctls --- */
/* The namespaced ones: ipc_namespaces(7), ipc/ipc_sysctl.c, ipc/mq_sysctl.c. */
static const char *const ipc_keys[] = {
	"kernel.msgmax",
	"kernel.msgmnb",
	"kernel.msgmni",
	"kernel.sem",
	"kernel.shmall",
	"kernel.shmmax",
	"kernel.shmmni",
	"kernel.shm_rmid_forced",
	"fs.mqueue.queues_max",
	"fs.mqueue.msg_max",
	"fs.mqueue.msgsize_max",
	"fs.mqueue.msg_default",
	"fs.mqueue.msgsize_default",
};

static bool key_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

enum gate_isolator gate_sysctl_space(const char *key, size_t len)
{
	bool part = false;

	for (size_t i = 0; i < GATE_ARRAY_LEN(ipc_keys); i++)
		if (strlen(ipc_keys[i]) == len && memcmp(ipc_keys[i], key, len) == 0)
			return GATE_ISOLATE_IPC;
	if (len < 5 || len > 128 || memcmp(key, "net.", 4) != 0)
		return GATE_ISOLATE_COUNT;
	/* It becomes a path: parts of plain letters between single dots. */
	for (size_t i = 0; i < len; i++) {
		if (key[i] == '.' ? !part : !key_byte(key[i]))
			return GATE_ISOLATE_COUNT;
		part = key[i] != '.';
	}
	return part ? GATE_ISOLATE_NETWORK : GATE_ISOLATE_COUNT;
}

int gate_take_sysctl(struct gate_spec *s, const char *value, struct gate_err *err)
{
	size_t key = strcspn(value, "=");
	const char *text = value + key + 1;
	struct gate_pair pair;

	if (key == 0 || value[key] == '\0')
		return BAD("'--sysctl' takes KEY=VALUE, not '%s'", value);
	if (gate_sysctl_space(value, key) == GATE_ISOLATE_COUNT)
		return BAD(
		    "the sysctl '%.*s' is not one of a namespace: kernel.shm…, kernel.msg…, kernel.sem, fs.mqueue.… and net.…",
		    (int)(key < 128 ? key : 128), value);
	/* One value and nothing that could be taken for another line. */
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:,/+ \t");

	if (len == 0 || text[len] != '\0' || len > 256)
		return BAD("the value of sysctl '%.*s' may have letters, digits, blanks and -._:,/+, not '%s'",
		           (int)key, value, text);
	if (gate_spec_copy(s, value, key, &pair.key, err) < 0 || gate_spec_copy(s, text, len, &pair.value, err) < 0)
		return -1;
	for (size_t i = 0; i < s->task->sysctls.n; i++)
		if (strcmp(s->task->sysctls.at[i].key, pair.key) == 0) {
			s->task->sysctls.at[i] = pair;
			return 0;
		}
	return GATE_SPEC_ADD(s->task->sysctls, err, pair);
}
