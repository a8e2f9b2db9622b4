/* words.c - the fixed vocabulary of profiles: engines, operators, actions, flags. */
#include <strings.h>

#include "profile/words.h"

static const char *const engines[GATE_ENGINE_MAX] = {
	[GATE_ENGINE_NATIVE] = "native", [GATE_ENGINE_DOCKER] = "docker",         [GATE_ENGINE_PODMAN] = "podman",
	[GATE_ENGINE_CONTAINERD] = "containerd", [GATE_ENGINE_CRIO] = "cri-o",    [GATE_ENGINE_CRUN] = "crun",
	[GATE_ENGINE_MESOS] = "mesos",
};

static const struct {
	const char *scmp, *sign;
} ops[GATE_OP_MAX] = {
	[GATE_OP_NE] = { "SCMP_CMP_NE", "!=" }, [GATE_OP_LT] = { "SCMP_CMP_LT", "<" },
	[GATE_OP_LE] = { "SCMP_CMP_LE", "<=" }, [GATE_OP_EQ] = { "SCMP_CMP_EQ", "==" },
	[GATE_OP_GE] = { "SCMP_CMP_GE", ">=" }, [GATE_OP_GT] = { "SCMP_CMP_GT", ">" },
	[GATE_OP_MASKED_EQ] = { "SCMP_CMP_MASKED_EQ", "&" },
};

/* The first row of a value is the word to write; KILL is the older word for KILL_THREAD (libseccomp 2.4). */
static const struct {
	const char *word;
	uint32_t ret;
} actions[] = {
	{ "SCMP_ACT_KILL_PROCESS", GATE_RET_KILL_PROCESS }, { "SCMP_ACT_KILL_THREAD", GATE_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL", GATE_RET_KILL_THREAD },          { "SCMP_ACT_TRAP", GATE_RET_TRAP },
	{ "SCMP_ACT_ERRNO", GATE_RET_ERRNO },               { "SCMP_ACT_NOTIFY", GATE_RET_NOTIFY },
	{ "SCMP_ACT_TRACE", GATE_RET_TRACE },               { "SCMP_ACT_LOG", GATE_RET_LOG },
	{ "SCMP_ACT_ALLOW", GATE_RET_ALLOW },
};

/* include/uapi/linux/seccomp.h; NEW_LISTENER and TSYNC_ESRCH are the launcher's business and never in a file. */
static const struct {
	const char *word;
	uint32_t bit;
} flags[] = {
	{ "SECCOMP_FILTER_FLAG_TSYNC", 1u << 0 },
	{ "SECCOMP_FILTER_FLAG_LOG", 1u << 1 },
	{ "SECCOMP_FILTER_FLAG_SPEC_ALLOW", 1u << 2 },
	{ "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", 1u << 5 },
};

static bool same(const char *word, const char *s, size_t len)
{
	return strlen(word) == len && memcmp(word, s, len) == 0;
}

const char *gate_engine_name(enum gate_engine e)
{
	return e > 0 && e < GATE_ENGINE_MAX ? engines[e] : "unknown";
}

enum gate_engine gate_engine_by_name(const char *s, size_t len)
{
	for (int e = 1; e < GATE_ENGINE_MAX; e++)
		if (same(engines[e], s, len))
			return (enum gate_engine)e;
	return 0;
}

const char *gate_op_scmp(enum gate_op op)
{
	return op > 0 && op < GATE_OP_MAX ? ops[op].scmp : "unknown";
}

const char *gate_op_sign(enum gate_op op)
{
	return op > 0 && op < GATE_OP_MAX ? ops[op].sign : "?";
}

enum gate_op gate_op_by_scmp(const char *s, size_t len)
{
	for (int op = 1; op < GATE_OP_MAX; op++)
		if (same(ops[op].scmp, s, len))
			return (enum gate_op)op;
	return 0;
}

int gate_action_by_scmp(const char *s, size_t len, uint32_t *ret)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(actions); i++) {
		if (same(actions[i].word, s, len)) {
			*ret = actions[i].ret;
			return 0;
		}
	}
	return -1;
}

const char *gate_action_scmp(uint32_t ret)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(actions); i++)
		if (actions[i].ret == GATE_RET_ACTION(ret))
			return actions[i].word;
	return "SCMP_ACT_KILL_PROCESS";
}

uint32_t gate_flag_by_word(const char *s, size_t len)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(flags); i++)
		if (same(flags[i].word, s, len))
			return flags[i].bit;
	return 0;
}

/* The nearest word of a table, read through `at`; people also leave the prefix off ("ALLOW", "eq"). */
static const char *nearest(const char *(*at)(size_t), size_t n, const char *prefix, const char *s, size_t len)
{
	const char *best = NULL;
	unsigned least = 4; /* three slips in a word of twenty letters */

	for (size_t i = 0; i < n; i++) {
		const char *word = at(i), *bare = word + strlen(prefix);
		unsigned d = gate_distance(word, strlen(word), s, len, 3);

		if (strlen(bare) == len && strncasecmp(bare, s, len) == 0)
			return word;
		if (d < least) {
			least = d;
			best = word;
		}
	}
	return best;
}

static const char *action_at(size_t i)
{
	return actions[i].word;
}

static const char *op_at(size_t i)
{
	return ops[i + 1].scmp;
}

static const char *flag_at(size_t i)
{
	return flags[i].word;
}

const char *gate_word_suggest(enum gate_word_kind kind, const char *s, size_t len)
{
	switch (kind) {
	case GATE_WORD_ACTION:
		return nearest(action_at, GATE_ARRAY_LEN(actions), "SCMP_ACT_", s, len);
	case GATE_WORD_OPERATOR:
		return nearest(op_at, GATE_OP_MAX - 1, "SCMP_CMP_", s, len);
	case GATE_WORD_FLAG:
		return nearest(flag_at, GATE_ARRAY_LEN(flags), "SECCOMP_FILTER_FLAG_", s, len);
	case GATE_WORD_KIND_MAX:
	default:
		return NULL;
	}
}

struct gate_shown gate_show(const char *s, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	struct gate_shown out = { { 0 } };
	size_t n = 0, i = 0;

	for (; i < len && n < 72; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < 0x20 || c == 0x7f) {
			out.s[n++] = '\\';
			out.s[n++] = 'x';
			out.s[n++] = hex[c >> 4];
			out.s[n++] = hex[c & 15];
		} else {
			out.s[n++] = (char)c;
		}
	}
	if (i < len) { /* never leave half a character in front of the dots */
		while (n > 0 && ((unsigned char)out.s[n - 1] & 0xc0) == 0x80)
			n--;
		if (n > 0 && (unsigned char)out.s[n - 1] >= 0xc0)
			n--;
		memcpy(out.s + n, "...", 4);
	}
	return out;
}
