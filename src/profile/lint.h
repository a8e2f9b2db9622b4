/* lint.h - findings of callgate-profile(5) that show in a file: one row per kind, small checks. Within this layer.
 *
 * Reading adds what is wrong with words, types and numbers, resolving what only shows when a host is known
 * (report.c); the checks here add the rest, so that a finding is never said twice. */
#ifndef GATE_PROFILE_LINT_H
#define GATE_PROFILE_LINT_H

#include "profile/facts.h"
#include "profile/rules.h"

/* All ids, in order, with a title for people; callgate-profile(5) lists the same. */
struct gate_finding_id {
	char id[8];
	const char *title;
};
extern const struct gate_finding_id gate_finding_ids[];
extern const size_t gate_finding_ids_count;

enum gate_lint_kind {
	GATE_LINT_CONDITIONS_VANISH, /* T1 */
	GATE_LINT_MIN_KERNEL,
	GATE_LINT_KEY_UNREAD,
	GATE_LINT_OLD_NAME,  /* T2 */
	GATE_LINT_NO_ARCHES, /* T6 */
	GATE_LINT_X32,       /* T7 */
	GATE_LINT_NO_X32,
	GATE_LINT_UNKNOWN_CALL, /* T8 */
	GATE_LINT_MORE_UNKNOWN,
	GATE_LINT_NEW_DENIAL,
	GATE_LINT_MESOS_LIBRARY,
	GATE_LINT_SAME_AS_DEFAULT, /* T9 */
	GATE_LINT_LOST_DENIAL,
	GATE_LINT_AGAIN,    /* T10 */
	GATE_LINT_SHADOWED, /* T11 */
	GATE_LINT_SECOND_BASE,
	GATE_LINT_ERASED,              /* T12 */
	GATE_LINT_CONFLICT,            /* T13 */
	GATE_LINT_OVERLAP,             /* T14 */
	GATE_LINT_ALTERNATIVES_ALWAYS, /* T16 */
	GATE_LINT_ALWAYS,
	GATE_LINT_NEVER,
	GATE_LINT_INDEX,     /* T18 */
	GATE_LINT_MASK_ZERO, /* T19 */
	GATE_LINT_MASK_DATUM,
	GATE_LINT_TWO_UNUSED,
	GATE_LINT_WIDE_COMPARE, /* T21 */
	GATE_LINT_MULTIPLEXED,  /* T22 */
	GATE_LINT_CLONE_ARG,    /* T23 */
	GATE_LINT_POINTER,      /* T24 */
	GATE_LINT_NEWER_TWIN,
	GATE_LINT_IO_URING,
	GATE_LINT_ERRNO_ZERO, /* T25 */
	GATE_LINT_ERRNO_LIBRARY,
	GATE_LINT_TRACE,        /* T26 */
	GATE_LINT_NOTIFY_WRITE, /* T27 */
	GATE_LINT_NOTIFY_LAUNCH,
	GATE_LINT_NOTIFY_DEFAULT,
	GATE_LINT_NOTIFY_TSYNC,
	GATE_LINT_NOTIFY_NO_PATH,
	GATE_LINT_NOTIFY_RUNC_PATH,
	GATE_LINT_NOTIFY_PREEMPTED,
	GATE_LINT_LISTENER_UNUSED,
	GATE_LINT_LISTENER_RELATIVE,
	GATE_LINT_METADATA_ALONE,
	GATE_LINT_FLAGS_EMPTY, /* T28 */
	GATE_LINT_FLAGS_ABSENT,
	GATE_LINT_TSYNC_IGNORED, /* T29 */
	GATE_LINT_FLAG_NO_LISTENER,
	GATE_LINT_FLAG_NO_LISTENER_RUNC,
	GATE_LINT_KILL_THREAD,  /* T30 */
	GATE_LINT_ENOSYS_SPLIT, /* T31 */
	GATE_LINT_NO_ENOSYS,
	GATE_LINT_NO_EXECVE, /* T32 */
	GATE_LINT_NO_EXIT,
	GATE_LINT_LAUNCHER,
	GATE_LINT_BIG_NUMBER,   /* T34 */
	GATE_LINT_OPEN_DEFAULT, /* T38 */
	GATE_LINT_ALLOWS_ALL,
	GATE_LINT_LOG_DEFAULT,
	GATE_LINT_BOUNDING,   /* T39 */
	GATE_LINT_ERRNO_WORD, /* T40 */
	GATE_LINT_ERRNO_TWICE,
	GATE_LINT_MAX
};

struct gate_lint {
	const struct gate_profile *p;
	const struct gate_facts *facts;
	const struct gate_engine_row *d;
	struct gate_findings *findings;
	const struct gate_rules *rules; /* NULL: the profile does not resolve */
	struct gate_cover cover;
	bool native;              /* no engine is named */
	size_t unknown_names;     /* met so far */
	bool said[GATE_LINT_MAX]; /* kinds that are said once per file */
};

/* Adds a finding of a kind, unless its row has no severity here or it was said already. The text is printf-formatted.
 */
void gate_lint_say(struct gate_lint *l, enum gate_lint_kind kind, struct gate_place at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

void gate_lint_keys(struct gate_lint *l);                       /* which readers lose what */
void gate_lint_top(struct gate_lint *l);                        /* the top level */
void gate_lint_notify(struct gate_lint *l);                     /* listeners and flags */
void gate_lint_entries(struct gate_lint *l);                    /* names, actions, conditions */
int gate_lint_pairs(struct gate_lint *l, struct gate_err *err); /* entries that meet */
void gate_lint_rules(struct gate_lint *l);                      /* what the rules come to */

/* Can the call succeed at all: some case of it is no denial. False as well when the ABI has no such call. */
bool gate_lint_possible(const struct gate_lint *l, enum gate_arch arch, const char *name);
/* Is argument `index` of a call read on 32 bits on every covered ABI that has the call? */
bool gate_lint_narrow(const struct gate_lint *l, unsigned name, unsigned index);
bool gate_lint_in_force(const struct gate_lint *l, const struct gate_entry *e);
bool gate_lint_is(const struct gate_text *t, const char *word);

#endif
