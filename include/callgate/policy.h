/* callgate/policy.h - a policy is a decision for every possible system call.
 *
 * A policy is a node of a decision diagram over the bits of struct gate_data, hash-consed within a space. Within
 * one space two policies are equal exactly when their handles are equal. Handles live as long as their space.
 * A space bounds memory and work: what is too complex is GATE_E_LIMIT, never a wrong answer.
 * Spaces share nothing; one space must not be used by two threads at once. Nothing prints. */
#ifndef CALLGATE_POLICY_H
#define CALLGATE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <callgate/error.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* struct seccomp_data, include/uapi/linux/seccomp.h; values in host order of the reader. */
struct gate_data {
	uint32_t nr;
	uint32_t arch; /* AUDIT_ARCH_* */
	uint64_t ip;
	uint64_t args[6];
};

/* Actions as the kernel encodes them: SECCOMP_RET_* with 16 bits of data. */
#define GATE_RET_KILL_PROCESS 0x80000000u
#define GATE_RET_KILL_THREAD  0x00000000u
#define GATE_RET_TRAP         0x00030000u
#define GATE_RET_ERRNO        0x00050000u
#define GATE_RET_NOTIFY       0x7fc00000u
#define GATE_RET_TRACE        0x7ff00000u
#define GATE_RET_LOG          0x7ffc0000u
#define GATE_RET_ALLOW        0x7fff0000u
#define GATE_RET_ACTION(r)    ((r)&0xffff0000u)
#define GATE_RET_DATA(r)      ((r)&0x0000ffffu)

/* What the kernel does on this value: unknown actions are KILL_PROCESS, an errno is capped at 4095, data that has
 * no effect is 0 (seccomp(2); __seccomp_filter in kernel/seccomp.c). */
uint32_t gate_ret_normal(uint32_t ret);
/* 0 (ALLOW) … 7 (KILL_PROCESS): the kernel's order. Data does not count. */
int gate_ret_rank(uint32_t ret);
/* "allow" "log" "trace" "notify" "errno" "trap" "kill_thread" "kill_process". Never NULL. */
const char *gate_ret_word(uint32_t ret);

/* The 32-bit words of gate_data in the order in which a diagram tests them, each from its highest bit down. */
enum gate_word_index {
	GATE_WORD_ARCH = 0,
	GATE_WORD_NR,
	GATE_WORD_ARG0_HI, /* then ARG0_LO, ARG1_HI, … ARG5_LO: see GATE_WORD_ARG */
	GATE_WORD_IP_HI = 14,
	GATE_WORD_IP_LO,
	GATE_WORDS
};
#define GATE_WORD_ARG(i, low) (GATE_WORD_ARG0_HI + 2 * (i) + ((low) ? 1 : 0))

struct gate_space;
typedef uint32_t gate_policy; /* a handle; also used for predicates, with leaves 0 and 1 */

struct gate_budget {
	size_t nodes; /* most nodes, 24 bytes each with their index; 0 = the default, 1 << 20 */
	size_t steps; /* most steps of work; 0 = the default, 1 << 26 */
};

int gate_space_new(const struct gate_budget *budget, struct gate_space **ret, struct gate_err *err);
void gate_space_free(struct gate_space *space);
/* Nodes made so far, for reports. */
size_t gate_space_nodes(const struct gate_space *space);
/* Distinct nodes reachable from a policy, leaves included. */
int gate_policy_size(struct gate_space *space, gate_policy p, size_t *ret, struct gate_err *err);

/* --- making --- */
int gate_policy_const(struct gate_space *space, uint32_t leaf, gate_policy *ret, struct gate_err *err);
/* A function of one word: `spans` are ascending and cover 0..0xffffffff without gaps; what each leads to may test
 * only later words. */
struct gate_range {
	uint32_t lo, hi; /* both included */
	gate_policy to;
};
int gate_policy_ranges(struct gate_space *space, unsigned word, const struct gate_range *spans, size_t n,
                       gate_policy *ret, struct gate_err *err);
/* The predicate (word & mask) == value. */
int gate_policy_masked(struct gate_space *space, unsigned word, uint32_t mask, uint32_t value, gate_policy *ret,
                       struct gate_err *err);
/* The predicate lo <= word <= hi. */
int gate_policy_between(struct gate_space *space, unsigned word, uint32_t lo, uint32_t hi, gate_policy *ret,
                        struct gate_err *err);
/* if (predicate) yes else no. */
int gate_policy_ite(struct gate_space *space, gate_policy predicate, gate_policy yes, gate_policy no, gate_policy *ret,
                    struct gate_err *err);

enum gate_combine {
	GATE_COMBINE_STACK = 1, /* as the kernel runs several filters: the strictest; among equals a's, the newer */
	GATE_COMBINE_UNION,     /* allow what either allows: the least strict; among equals a's */
	GATE_COMBINE_INTERSECT, /* the strictest; among equals a's; on normal leaves the same as STACK */
	GATE_COMBINE_LOOSER,    /* predicate: a is less strict than b */
	GATE_COMBINE_DIFFER,    /* predicate: a is not b */
	GATE_COMBINE_AND,
	GATE_COMBINE_OR,
	GATE_COMBINE_XOR,  /* of predicates */
	GATE_COMBINE_BITS, /* of values: the leaves' bits ored */
	GATE_COMBINE_MAX
};
int gate_policy_combine(struct gate_space *space, enum gate_combine how, gate_policy a, gate_policy b, gate_policy *ret,
                        struct gate_err *err);
/* gate_ret_normal over all leaves. A policy that came from raw programs is compared only after this. */
int gate_policy_normal(struct gate_space *space, gate_policy p, gate_policy *ret, struct gate_err *err);
/* The policy with the bits of `mask` in a word fixed to those of `value`. */
int gate_policy_fix(struct gate_space *space, gate_policy p, unsigned word, uint32_t mask, uint32_t value,
                    gate_policy *ret, struct gate_err *err);

/* --- asking --- */
uint32_t gate_policy_decide(const struct gate_space *space, gate_policy p, const struct gate_data *data);
/* True, and *leaf, when the policy is one leaf. */
bool gate_policy_is_const(const struct gate_space *space, gate_policy p, uint32_t *leaf);
/* Does any decision below depend on this word? Walks; for p of moderate size. */
bool gate_policy_uses(struct gate_space *space, gate_policy p, unsigned word);

/* Every value that the policy can give, once. Stops early when `fn` returns nonzero, and returns that; else 0. */
typedef int gate_leaf_fn(void *ctx, uint32_t leaf);
int gate_policy_each_leaf(struct gate_space *space, gate_policy p, gate_leaf_fn *fn, void *ctx);
/* The maximal runs of one word's values that lead to the same place, ascending. `p` must not test earlier words
 * (fix them first). Stops early when `fn` returns nonzero, and returns that; else 0. */
typedef int gate_range_fn(void *ctx, uint32_t lo, uint32_t hi, gate_policy to);
int gate_policy_each_range(const struct gate_space *space, gate_policy p, unsigned word, gate_range_fn *fn, void *ctx);
/* Every path to a leaf as a cube: bits of word w in mask[w] must equal value[w], the others are free. Paths are
 * disjoint and cover everything. Stops early as above. */
struct gate_cube {
	uint32_t mask[GATE_WORDS], value[GATE_WORDS];
};
typedef int gate_cube_fn(void *ctx, const struct gate_cube *cube, uint32_t leaf);
int gate_policy_each_cube(const struct gate_space *space, gate_policy p, gate_cube_fn *fn, void *ctx);
/* An input that makes a predicate true, the smallest in diagram order; false when there is none. */
bool gate_policy_witness(const struct gate_space *space, gate_policy predicate, struct gate_data *ret);

/* The canonical digest: SHA-256 of the diagram written in depth-first order (callgate-digest(7)). Equal meanings
 * have equal digests, in any space, on any host, for ever (the version is hashed in). */
#define GATE_POLICY_DIGEST_TEXT 72 /* "sha256:" + 64 hex digits + NUL */
int gate_policy_digest(struct gate_space *space, gate_policy p, char text[GATE_POLICY_DIGEST_TEXT],
                       struct gate_err *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
