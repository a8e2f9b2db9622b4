/* rights.h - who a process of a task is and what it may do: decided the same way for its first one and for exec. */
#ifndef GATE_CONTAINER_RIGHTS_H
#define GATE_CONTAINER_RIGHTS_H

#include "container/prepare.h"

struct gate_rights_asked {
	struct gate_caller caller; /* what the launch starts with */
	uint64_t caps;             /* what it may have at most: its bounding set */
	uint64_t ambient;          /* what another user than root is to have of it */
	uint32_t uid;
	bool changes_user, no_new_privs, unconfined;
};
struct gate_rights {
	bool root;                 /* execve gives the bounding set */
	uint64_t bounding;         /* what stays in it */
	bool drop_bounding, exact; /* after that it is just `bounding` */
	uint64_t program, ambient;
	bool no_new_privs;
	enum gate_load load;
	uint64_t keep; /* permitted and effective up to execve */
};
/* Pure. */
void gate_rights_decide(const struct gate_rights_asked *asked, struct gate_rights *ret);
/* BOUNDING to FILTER. The writer has the filter and the plan's flags. `capabilities`, `no_new_privs`: isolators that ask for
 * those; else such rows are the launch's own. */
void gate_rights_rows(struct gate_plan_writer *w, const struct gate_rights *r, bool capabilities, bool no_new_privs,
                      const char *source, uint64_t filter_flags);
int gate_identity_rows(struct gate_plan_writer *w, const struct gate_identity *who, struct gate_err *err);

#endif
