/* build.h - from entries to spans: what native and engine meanings share. Within this layer. */
#ifndef GATE_PROFILE_BUILD_H
#define GATE_PROFILE_BUILD_H

#include "profile/cond.h"
#include "profile/facts.h"
#include "profile/words.h"

/* An entry in force that names a call. All of one call are chained in file order. */
struct gate_ref {
	uint32_t next; /* index + 1 into refs; 0 ends */
	uint32_t entry;
	uint32_t name;                 /* which of the entry's names */
	const struct gate_case *alone; /* the entry without conditions as a list of one case, made once for all ABIs */
};

/* A list of cases of one number. */
struct gate_list {
	const struct gate_case *cases;
	uint32_t n;
};

struct gate_build {
	const struct gate_profile *p;
	const struct gate_facts *facts;
	const struct gate_engine_row *d;
	struct gate_findings *findings;
	struct gate_err *err;
	struct gate_rules *rules;
	struct gate_arena scratch;
	struct gate_arena brief; /* for one call only */
	struct gate_cover cover;

	struct gate_ref *refs;
	uint32_t *head;       /* by name index: index + 1 of the first ref, 0 = none in force */
	uint32_t *actions;    /* by entry */
	bool *in_force;       /* by entry */
	struct gate_kver age; /* the newest call named anywhere */
	uint32_t default_action;
	struct gate_list otherwise; /* the default action */
	struct gate_list killed;    /* not covered */

	/* Filled per ABI by the meaning: numbers above `limit` are `above`, the others that no table has `unknown`. */
	struct gate_list unknown, above;
	uint32_t limit;
	bool zero_above; /* number 0 is `above`, too: runc on s390 */
	int (*begin_arch)(struct gate_build *b, const struct gate_arch_info *arch);
	/* The list of a call that the ABI has. */
	int (*call)(struct gate_build *b, const struct gate_arch_info *arch, const struct gate_syscall *sc,
	            struct gate_list *ret);
};

/* Facts, covered ABIs, refs and age. */
int gate_build_begin(struct gate_build *b);
/* All tokens and spans, by the callbacks. */
int gate_build_tokens(struct gate_build *b);

int gate_build_nomem(struct gate_build *b);
/* One case without conditions. */
int gate_build_constant(struct gate_build *b, uint32_t action, enum gate_why why, struct gate_place at,
                        struct gate_list *ret);
/* The entry of a ref as a case without conditions. */
int gate_build_alone(struct gate_build *b, struct gate_ref *ref, struct gate_list *ret);
bool gate_entry_repeats(const struct gate_entry *e); /* an index occurs twice: the conditions are alternatives */

/* What only shows when a host is known: rules that never decide, conditions that cannot be enforced. */
void gate_build_report(struct gate_build *b);

/* The meanings. Each returns 0 or -1 with *b->err set. */
int gate_resolve_native(struct gate_build *b);
int gate_resolve_engine(struct gate_build *b);

#endif
