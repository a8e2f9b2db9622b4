/* words.c - the fixed vocabulary of profiles: engines, operators, actions, flags. */
#include <stdio.h>
#include <strings.h>

#include "profile/words.h"

static const char *const engines[GATE_ENGINE_MAX] = {
	[GATE_ENGINE_NATIVE] = "native",         [GATE_ENGINE_DOCKER] = "docker", [GATE_ENGINE_PODMAN] = "podman",
	[GATE_ENGINE_CONTAINERD] = "containerd", [GATE_ENGINE_CRIO] = "cri-o",    [GATE_ENGINE_CRUN] = "crun",
	[GATE_ENGINE_MESOS] = "mesos",
};

static const struct {
	const char *scmp, *sign;
} ops[GATE_OP_MAX] = {
	[GATE_OP_NE] = { "SCMP_CMP_NE", "!=" },
	[GATE_OP_LT] = { "SCMP_CMP_LT", "<" },
	[GATE_OP_LE] = { "SCMP_CMP_LE", "<=" },
	[GATE_OP_EQ] = { "SCMP_CMP_EQ", "==" },
	[GATE_OP_GE] = { "SCMP_CMP_GE", ">=" },
	[GATE_OP_GT] = { "SCMP_CMP_GT", ">" },
	[GATE_OP_MASKED_EQ] = { "SCMP_CMP_MASKED_EQ", "&" },
};

/* The first row of a value is the word to write; KILL is the older word for KILL_THREAD (libseccomp 2.4). */
static const struct {
	const char *word;
	uint32_t ret;
} actions[] = {
	{ "SCMP_ACT_KILL_PROCESS", GATE_RET_KILL_PROCESS },
	{ "SCMP_ACT_KILL_THREAD", GATE_RET_KILL_THREAD },
	{ "SCMP_ACT_KILL", GATE_RET_KILL_THREAD },
	{ "SCMP_ACT_TRAP", GATE_RET_TRAP },
	{ "SCMP_ACT_ERRNO", GATE_RET_ERRNO },
	{ "SCMP_ACT_NOTIFY", GATE_RET_NOTIFY },
	{ "SCMP_ACT_TRACE", GATE_RET_TRACE },
	{ "SCMP_ACT_LOG", GATE_RET_LOG },
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

/* What people write for a word, without its prefix. Nothing here may suggest more than was asked for. */
static const struct {
	enum gate_word_kind kind;
	const char *written, *meant;
} aliases[] = {
	{ GATE_WORD_ACTION, "DENY", "SCMP_ACT_ERRNO" },
	{ GATE_WORD_ACTION, "BLOCK", "SCMP_ACT_ERRNO" },
	{ GATE_WORD_ACTION, "REJECT", "SCMP_ACT_ERRNO" },
	{ GATE_WORD_ACTION, "EPERM", "SCMP_ACT_ERRNO" },
	{ GATE_WORD_ACTION, "ENOSYS", "SCMP_ACT_ERRNO" },
	{ GATE_WORD_ACTION, "ERROR", "SCMP_ACT_ERRNO" },
	{ GATE_WORD_ACTION, "ERR", "SCMP_ACT_ERRNO" },
	{ GATE_WORD_ACTION, "EROR", "SCMP_ACT_ERRNO" },
	{ GATE_WORD_ACTION, "PERMIT", "SCMP_ACT_ALLOW" },
	{ GATE_WORD_ACTION, "ACCEPT", "SCMP_ACT_ALLOW" },
	{ GATE_WORD_ACTION, "AUDIT", "SCMP_ACT_LOG" },
	{ GATE_WORD_ACTION, "USER_NOTIF", "SCMP_ACT_NOTIFY" },
	{ GATE_WORD_ACTION, "KILL_ALL", "SCMP_ACT_KILL_PROCESS" },
	{ GATE_WORD_OPERATOR, "==", "SCMP_CMP_EQ" },
	{ GATE_WORD_OPERATOR, "EQUAL", "SCMP_CMP_EQ" },
	{ GATE_WORD_OPERATOR, "!=", "SCMP_CMP_NE" },
	{ GATE_WORD_OPERATOR, "NEQ", "SCMP_CMP_NE" },
	{ GATE_WORD_OPERATOR, "<", "SCMP_CMP_LT" },
	{ GATE_WORD_OPERATOR, "<=", "SCMP_CMP_LE" },
	{ GATE_WORD_OPERATOR, "LTE", "SCMP_CMP_LE" },
	{ GATE_WORD_OPERATOR, ">", "SCMP_CMP_GT" },
	{ GATE_WORD_OPERATOR, ">=", "SCMP_CMP_GE" },
	{ GATE_WORD_OPERATOR, "GTE", "SCMP_CMP_GE" },
	{ GATE_WORD_OPERATOR, "&", "SCMP_CMP_MASKED_EQ" },
	{ GATE_WORD_OPERATOR, "MASKED", "SCMP_CMP_MASKED_EQ" },
	{ GATE_WORD_OPERATOR, "MASK", "SCMP_CMP_MASKED_EQ" },
};

static bool same_fold(const char *word, const char *s, size_t len)
{
	return strlen(word) == len && strncasecmp(word, s, len) == 0;
}

/* Without its prefix; the kernel's SECCOMP_RET_ words for actions, too. */
static void strip(const char *prefix, const char **s, size_t *len)
{
	const char *const prefixes[] = { prefix, "SECCOMP_RET_" };

	for (size_t i = 0; i < GATE_ARRAY_LEN(prefixes); i++) {
		size_t n = strlen(prefixes[i]);

		if (*len > n && strncasecmp(prefixes[i], *s, n) == 0) {
			*s += n;
			*len -= n;
			return;
		}
	}
}

/* The nearest word of a table, read through `at`. What follows the prefix is compared: "SCMP_ACT_BLOCK" is nothing
 * like SCMP_ACT_LOG. People also leave the prefix off ("ALLOW", "eq"), or the end ("WAIT_KILLABLE"). */
static const char *nearest(enum gate_word_kind kind, const char *(*at)(size_t), size_t n, const char *prefix,
                           const char *s, size_t len)
{
	const char *best = NULL;
	unsigned least;

	strip(prefix, &s, &len);
	least = len <= 3 ? 2 : len <= 6 ? 3 : 4;
	for (size_t i = 0; i < GATE_ARRAY_LEN(aliases); i++)
		if (aliases[i].kind == kind && same_fold(aliases[i].written, s, len))
			return aliases[i].meant;
	for (size_t i = 0; i < n; i++) {
		const char *word = at(i), *bare = word + strlen(prefix);
		unsigned d = gate_distance(bare, strlen(bare), s, len, least);

		if (len >= 8 && strlen(bare) > len && strncasecmp(bare, s, len) == 0)
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
		return nearest(kind, action_at, GATE_ARRAY_LEN(actions), "SCMP_ACT_", s, len);
	case GATE_WORD_OPERATOR:
		return nearest(kind, op_at, GATE_OP_MAX - 1, "SCMP_CMP_", s, len);
	case GATE_WORD_FLAG:
		return nearest(kind, flag_at, GATE_ARRAY_LEN(flags), "SECCOMP_FILTER_FLAG_", s, len);
	case GATE_WORD_KIND_MAX:
	default:
		return NULL;
	}
}

/* The code point at s, and its length; text from a document is UTF-8. */
static uint32_t decode(const char *s, size_t len, size_t *used)
{
	unsigned char c = (unsigned char)s[0];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	uint32_t cp = n == 1 ? c : c & (0x7fu >> n);

	*used = n <= len ? n : len;
	for (size_t i = 1; i < *used; i++)
		cp = cp << 6 | ((unsigned char)s[i] & 0x3f);
	return cp;
}

/* No word of a profile has anything but ASCII: a letter of another alphabet that looks like one, a mark without width,
 * or one that turns the line around must show. */
struct gate_shown gate_show(const char *s, size_t len)
{
	struct gate_shown out = { { 0 } };
	size_t n = 0, i = 0, used;

	while (i < len && n < 72) {
		uint32_t cp = decode(s + i, len - i, &used);

		if (cp >= 0x20 && cp < 0x7f)
			out.s[n++] = (char)cp;
		else
			n += (size_t)snprintf(out.s + n, sizeof(out.s) - n, cp < 0x80 ? "\\x%02x" : "\\u%04x", cp);
		i += used;
	}
	if (i < len)
		memcpy(out.s + n, "...", 4);
	return out;
}
