/* rules.h - a profile resolved for a host: for every number of every token an ordered list of cases, the first that
 * matches decides. Whatever an engine's way of ordering rules is, it ends here; everything downstream (diagram,
 * compiler, explain) works on this and knows no engine. */
#ifndef GATE_PROFILE_RULES_H
#define GATE_PROFILE_RULES_H

#include <callgate/facts.h>

#include "profile/model.h"

enum gate_why {
	GATE_WHY_RULE = 1,  /* a rule of the file: `entry`, `at` */
	GATE_WHY_DEFAULT,   /* the default action; `at` is its place */
	GATE_WHY_ENOSYS,    /* younger than the profile, or no table knows the number */
	GATE_WHY_UNCOVERED, /* an architecture that the profile does not cover */
	GATE_WHY_MAX
};
const char *gate_why_word(enum gate_why why); /* "rule" "default" "enosys" "uncovered" */

/* One test of one argument, normalised: never always true, never impossible. */
struct gate_cond {
	uint8_t arg; /* 0..5 */
	uint8_t op;  /* enum gate_op */
	bool wide;   /* compared on 64 bits; else on the low 32, and value and mask fit in 32 */
	uint64_t value;
	uint64_t mask; /* MASKED_EQ: (arg & mask) == value; else 0 */
};

struct gate_case {
	uint32_t action; /* SECCOMP_RET_* with data, normal (gate_ret_normal) */
	enum gate_why why;
	uint32_t entry;       /* index into gate_profile.entries for GATE_WHY_RULE */
	struct gate_place at; /* what decides: the name in the entry's list, or the default action */
	uint32_t n_conds;
	const struct gate_cond *conds; /* ANDed; none: always */
};

/* Numbers lo..hi (both included) share one list of cases: first match wins; the last case has no conditions. */
struct gate_span {
	uint32_t lo, hi;
	const struct gate_case *cases;
	uint32_t n_cases;
};

/* One AUDIT_ARCH token: its spans are ascending and cover 0..0xffffffff without gaps (x86_64 and x32 share one). */
struct gate_token {
	uint32_t audit;
	enum gate_arch arch; /* the ABI named first for this token: decides byte order */
	const struct gate_span *spans;
	size_t n_spans;
};

struct gate_rules {
	struct gate_arena arena;
	struct gate_token *tokens; /* the native token first */
	size_t n_tokens;
	struct gate_case uncovered; /* every other token */
	uint32_t filter_flags;      /* SECCOMP_FILTER_FLAG_* that the file asks for (LOG, SPEC_ALLOW, …) */
	bool notify;                /* some case notifies */
};

/* Decides everything that facts decide. `findings` (may be NULL) receives what only shows here: shadowed and
 * redundant rules, dropped entries, overlaps. The result is freed with gate_rules_free; it borrows from `p`. */
int gate_profile_resolve(const struct gate_profile *p, const struct gate_facts *facts, struct gate_findings *findings,
                         struct gate_rules **ret, struct gate_err *err);
void gate_rules_free(struct gate_rules *r);
GATE_DEFINE_FREEP(struct gate_rules, gate_rules_free)

/* The case that decides a call (never NULL), and the span (may be NULL) that it is in (NULL: uncovered). */
const struct gate_case *gate_rules_find(const struct gate_rules *r, const struct gate_data *data,
                                        const struct gate_span **span);
/* The policy: exact, normalised leaves. */
int gate_rules_policy(const struct gate_rules *r, struct gate_space *space, gate_policy *ret, struct gate_err *err);

/* The slow, obvious evaluator of the native meaning, straight from the file's entries (design: three witnesses).
 * Shares nothing with resolve. NATIVE engine only. */
int gate_profile_eval(const struct gate_profile *p, const struct gate_facts *facts, const struct gate_data *data,
                      uint32_t *ret, struct gate_err *err);

/* Every finding of callgate-profile(5) that shows in the file for its engine, those of resolving included.
 * The profile need not resolve. */
int gate_profile_lint(const struct gate_profile *p, const struct gate_facts *facts, struct gate_findings *findings,
                      struct gate_err *err);

/* Writes a policy as a profile file. */
enum gate_dialect {
	GATE_DIALECT_DOCKER = 1,
	GATE_DIALECT_OCI,
	GATE_DIALECT_PODMAN,
	GATE_DIALECT_NATIVE,
	GATE_DIALECT_MAX
};
/* The text means `policy` when read by the dialect's engine (docker, containerd, podman, native) with `facts` —
 * checked before returning — but for what no file can say: the death by an uncovered architecture (thread or
 * process). *ret is freed by the caller. GATE_E_UNSUPPORTED, naming a call, when the dialect cannot say it. */
int gate_profile_write(struct gate_space *space, gate_policy policy, const struct gate_facts *facts,
                       enum gate_dialect dialect, uint32_t filter_flags, char **ret, struct gate_err *err);

#endif
