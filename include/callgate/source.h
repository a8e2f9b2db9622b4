/* callgate/source.h - everything that has a policy, and what can be asked of it.
 *
 * A source is written the same way wherever one is taken:
 *   default        the built-in profile           PATH          a profile file, in callgate's own meaning
 *   ENGINE:PATH    docker podman containerd cri-o crun mesos: what that engine makes of the same bytes
 *   bpf:FILE       an array of struct sock_filter pid:N         the filters of a living process, combined
 *   unconfined     no filter at all
 * A source may be used by one thread at a time; sources share nothing. */
#ifndef CALLGATE_SOURCE_H
#define CALLGATE_SOURCE_H

#include <callgate/bpf.h>
#include <callgate/call.h>
#include <callgate/check.h>
#include <callgate/facts.h>
#include <callgate/policy.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct gate_source;

enum gate_source_kind {
	GATE_SOURCE_PROFILE = 1, /* rules with places */
	GATE_SOURCE_PROGRAM,     /* bpf: and pid: with a filter */
	GATE_SOURCE_UNCONFINED   /* the word, or a process without a filter */
};

/* Reads the bytes (the file, the built-in text, the process), not yet what they mean. *ret is freed with
 * gate_source_free. GATE_E_NOTFOUND, GATE_E_SYS, GATE_E_LIMIT (more than 1 MiB), GATE_E_DENIED (pid:), GATE_E_INVALID. */
int gate_source_open(const char *word, const struct gate_facts *facts, struct gate_source **ret, struct gate_err *err);
void gate_source_free(struct gate_source *s);

enum gate_source_kind gate_source_kind(const struct gate_source *s);
const char *gate_source_word(const struct gate_source *s); /* as it was given */
/* The name to print before :line:column (the path without its engine; "default" for the built-in one). */
const char *gate_source_file(const struct gate_source *s);
/* The text of a profile, NUL-terminated; NULL for the others. */
const char *gate_source_text(const struct gate_source *s, size_t *len);
const struct gate_facts *gate_source_facts(const struct gate_source *s);
/* SHA-256 of the bytes. */
void gate_source_text_digest(const struct gate_source *s, char text[GATE_POLICY_DIGEST_TEXT]);

/* The ABIs that the source covers, the native one first; for programs those of `facts`. Parses when needed. */
int gate_source_arches(struct gate_source *s, enum gate_arch arches[GATE_ARCH_MAX], size_t *n, struct gate_err *err);
/* The exact policy, normal leaves. Parse errors carry line and column. */
int gate_source_policy(struct gate_source *s, struct gate_space *space, gate_policy *ret, struct gate_err *err);

/* The filter flags (SECCOMP_FILTER_FLAG_*) that the source asks for; 0 for programs. */
int gate_source_flags(struct gate_source *s, uint32_t *ret, struct gate_err *err);

/* --- check --- */
/* Adds every finding to `f`, sorted. -1 only when the text cannot be read as a profile at all (the error has the
 * place); unknown words and the like are findings. Programs and `unconfined` have findings too. */
int gate_source_check(struct gate_source *s, struct gate_findings *f, struct gate_err *err);

/* --- explain --- */
enum gate_reason {
	GATE_REASON_RULE = 1,  /* a rule of the profile at line:column */
	GATE_REASON_DEFAULT,   /* its default action, at line:column */
	GATE_REASON_ENOSYS,    /* younger than the profile, or unknown to every table */
	GATE_REASON_UNCOVERED, /* the profile does not cover the architecture */
	GATE_REASON_PROGRAM,   /* a program decides; programs have no lines */
	GATE_REASON_UNCONFINED
};
const char *gate_reason_word(enum gate_reason r); /* "rule" "default" "enosys" "uncovered" "program" "unconfined" */

struct gate_outcome {
	uint32_t action; /* SECCOMP_RET_* with data */
	enum gate_reason reason;
	uint32_t line, column, length; /* 0: none */
	const char *when;              /* in words: "arg0 & 0x7e020000 == 0"; NULL: always, or in every other case */
	const char *comment;           /* what the author wrote beside the rule; NULL: nothing */
};
struct gate_explanation {
	enum gate_arch arch;
	uint32_t nr;
	const char *name; /* NULL: no table has the number */
	bool conditional; /* different actions for different arguments (beyond those given) */
	size_t n;
	const struct gate_outcome *outcomes; /* tried in this order; the last has no condition */
	bool cut; /* a program's conditions were too many to list: only the first ones are here */
};
/* Freed with gate_explanation_free; borrows nothing from the source. */
int gate_source_explain(struct gate_source *s, const struct gate_call *call, struct gate_explanation **ret,
                        struct gate_err *err);
void gate_explanation_free(struct gate_explanation *e);

/* --- compare --- */
struct gate_difference {
	enum gate_arch arch;   /* NONE: every architecture that neither side covers by name */
	uint32_t nr_lo, nr_hi; /* one number, or a run of numbers without names */
	const char *name;      /* NULL for runs */
	uint32_t a, b;         /* the two actions */
	bool conditional;      /* only for some arguments */
	struct gate_data witness;
	const char *when; /* the arguments in words, NULL when not conditional; valid during the callback */
};
/* Every pair of different actions for every call, in the order of ABIs and numbers. `fn` returns nonzero to stop,
 * which is returned; 0 at the end (no difference: never called); -1 with *err on trouble. */
typedef int gate_difference_fn(void *ctx, const struct gate_difference *d);
int gate_policy_diff(struct gate_space *space, gate_policy a, gate_policy b, gate_difference_fn *fn, void *ctx,
                     struct gate_err *err);
/* Does a allow nothing that b does not (by the kernel's order of actions)? When not, *witness is a call, with named
 * calls preferred. */
int gate_policy_subset(struct gate_space *space, gate_policy a, gate_policy b, bool *holds, struct gate_data *witness,
                       struct gate_err *err);

/* --- compile --- */
struct gate_compiled {
	struct gate_insn *insns; /* NULL with len 0 for an unconfined source */
	size_t len;
	uint32_t flags; /* SECCOMP_FILTER_FLAG_* that the profile asks for */
	bool notify;    /* some call notifies: a listener is needed */
	bool cached;    /* taken from the cache of proven programs */
	char meaning[GATE_POLICY_DIGEST_TEXT];
};
/* The program, proven to mean the policy: GATE_E_UNPROVEN otherwise, and nothing is returned. With `cache_dir` (NULL:
 * none) proven programs of profiles are kept there and taken from there; the directory is made when it is missing.
 * Whatever is wrong with it or with an entry (owner, mode, length, checksum, key) makes the program be compiled
 * again: trouble with the cache is no failure. */
int gate_source_compile(struct gate_source *s, const char *cache_dir, struct gate_compiled **ret, struct gate_err *err);
/* The cache that belongs to the caller: $XDG_CACHE_HOME/callgate, or /var/cache/callgate for root, or
 * $HOME/.cache/callgate. -1 when there is none or it does not fit. */
int gate_cache_dir(char *path, size_t size);
void gate_compiled_free(struct gate_compiled *c);
/* Does the program mean the source's policy? GATE_E_UNPROVEN, with *witness, when not. */
int gate_source_verify(struct gate_source *s, const struct gate_insn *insns, size_t len, struct gate_data *witness,
                       struct gate_err *err);
/* Reads a file of struct sock_filter in this host's byte order. *insns is freed by the caller. */
int gate_program_read(const char *path, struct gate_insn **insns, size_t *len, struct gate_err *err);

/* --- write --- */
/* A policy as a profile file in a dialect ("docker", "oci", "podman", "callgate"): the text is read back with `facts`
 * and compared before it is returned; only how a call of an uncovered architecture dies (thread or process) may
 * differ, which no file can say. GATE_E_UNSUPPORTED names a call when the dialect cannot say it. Freed by the caller. */
int gate_policy_write(struct gate_space *space, gate_policy policy, const struct gate_facts *facts, const char *dialect,
                      uint32_t filter_flags, char **ret, struct gate_err *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
