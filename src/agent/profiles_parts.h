/* profiles_parts.h - the inside of profiles: texts and programs (profile_text.c), policy (policy.c), the decision
 * (profiles.c), what is shown (profiles_list.c). */
#ifndef GATE_AGENT_PROFILES_PARTS_H
#define GATE_AGENT_PROFILES_PARTS_H

#include <callgate/source.h>

#include "agent/profiles.h"

#define GATE_PROFILE_CACHE   32
#define GATE_PROFILE_HOLDS   64
#define GATE_PROFILE_NAMES   1000 /* that are listed */
#define GATE_PROFILE_FOLDERS 4    /* levels of sub-directories that are listed */

/* A compiled and proven profile. */
struct gate_profile_made {
	char text_digest[GATE_POLICY_DIGEST_TEXT];
	uint64_t caps;
	struct gate_compiled *c; /* NULL: the place is free */
	uint64_t used;
};
/* "a allows nothing that b does not", by their meanings. */
struct gate_profile_holds {
	char a[GATE_POLICY_DIGEST_TEXT], b[GATE_POLICY_DIGEST_TEXT];
};
/* What is to be said about a text, kept while the directory has it: looking costs about as much as compiling. */
struct gate_profile_said {
	char name[256], text_digest[GATE_POLICY_DIGEST_TEXT];
	struct gate_profile_counts n;
	bool seen;
};
struct gate_profiles {
	struct gate_agent *agent;
	struct gate_facts facts; /* but for caps */
	struct gate_profile_made made[GATE_PROFILE_CACHE];
	struct gate_profile_holds holds[GATE_PROFILE_HOLDS];
	size_t next_holds;
	struct gate_profile_said *said;
	size_t n_said, cap_said;
	uint64_t clock;
};

/* --- profile_text.c --- */
/* Why a name is none: NULL when it is one. */
const char *gate_profile_name_bad(const char *name);
/* The path for messages, joined as Mesos does. */
void gate_profile_path(const struct gate_profiles *p, const char *name, char *ret, size_t size);
/* The bytes of the file, now. Mesos' text when it cannot be read. */
int gate_profile_text(struct gate_profiles *p, const char *name, struct gate_buf *ret, struct gate_err *err);
/* The proven program of these bytes for a task with these capabilities; lent until the next call. Mesos' text when it cannot be
 * parsed. */
int gate_profile_compile(struct gate_profiles *p, const char *name, const struct gate_buf *text, uint64_t caps,
                         const struct gate_profile_made **ret, struct gate_err *err);
enum gate_engine gate_profile_engine(const struct gate_profiles *p);
/* What a task was started with, for as long as a row names it: its profile's bytes and its program. */
void gate_profile_keep(struct gate_profiles *p, const struct gate_buf *text, const struct gate_profile_made *m);
void gate_profile_forget(struct gate_profiles *p); /* what no row names any more */
int gate_profile_kept_text(struct gate_profiles *p, const char *digest, struct gate_buf *ret);
/* The program of a meaning, in `arena`. NOTFOUND. */
int gate_profile_kept_program(struct gate_profiles *p, const char *meaning, struct gate_arena *arena,
                              struct gate_wire_profile *ret, struct gate_err *err);

/* --- policy.c --- */
/* May a task like this be without a filter? `asked`: it says so itself, which is a right of the client. */
int gate_policy_unconfined(const struct gate_profiles *p, const struct gate_profile_request *r, bool asked,
                           struct gate_err *err);
/* May tasks have the profile of this name? */
int gate_policy_allowed(const struct gate_profiles *p, const char *name, struct gate_err *err);
/* DENIED unless `a` allows nothing that `b` does not; insns NULL: unconfined. `what_a` and `what_b` for the sentence: "profile
 * 'x'", "the floor 'y'". */
struct gate_policy_side {
	const struct gate_insn *insns;
	size_t len;
	const char *meaning; /* NULL: unconfined */
	const char *what;
};
int gate_policy_within(struct gate_profiles *p, const struct gate_policy_side *a, const struct gate_policy_side *b,
                       struct gate_err *err);

#endif
