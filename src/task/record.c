#include "task/record.h"

/* Signals that shells add 128 to; what timeout(1) answers. */
enum { EXIT_TIMEOUT = 124, EXIT_OWN = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };
#define ENOENT_NR 2

int gate_record_exit_code(const struct gate_record *r)
{
	if (r->by_timeout != 0)
		return EXIT_TIMEOUT;
	switch ((enum gate_task_outcome)r->outcome) {
	case GATE_OUTCOME_EXITED:
		return r->status;
	case GATE_OUTCOME_KILLED:
		return 128 + r->signal;
	case GATE_OUTCOME_NOT_EXECUTED:
		return r->sys == ENOENT_NR ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
	case GATE_OUTCOME_NONE:
	case GATE_OUTCOME_NOT_STARTED:
		break;
	}
	return EXIT_OWN;
}
