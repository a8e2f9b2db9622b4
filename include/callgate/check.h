/* callgate/check.h - findings: what is wrong, dangerous or surprising in a profile, and what to write instead. */
#ifndef CALLGATE_CHECK_H
#define CALLGATE_CHECK_H

#include <stddef.h>
#include <stdint.h>

#include <callgate/error.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum gate_severity {
	GATE_NOTICE = 1, /* worth knowing; never counts for --fail-on */
	GATE_WARNING,    /* means something else than it seems, or is weak */
	GATE_ERROR       /* callgate, or the engine named, refuses it, or no program could run */
};

struct gate_finding {
	enum gate_severity severity;
	char id[8];                    /* "T8": stable, listed in callgate-profile(5) */
	uint32_t line, column, length; /* 1-based, characters; line 0: the file as a whole */
	const char *engines;           /* "runc crun": whom it concerns; NULL: everybody */
	const char *text;              /* what is wrong: one sentence, lower case, no full stop */
	const char *meaning;           /* what follows from it, or NULL */
	const char *instead;           /* what to write instead, or NULL */
};

/* A growing list that owns its texts. Sorted by place by gate_findings_sort. */
struct gate_findings;
int gate_findings_new(struct gate_findings **ret, struct gate_err *err);
void gate_findings_free(struct gate_findings *f);
size_t gate_findings_count(const struct gate_findings *f);
const struct gate_finding *gate_findings_at(const struct gate_findings *f, size_t i);
enum gate_severity gate_findings_worst(const struct gate_findings *f); /* 0 when empty */
void gate_findings_sort(struct gate_findings *f);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
