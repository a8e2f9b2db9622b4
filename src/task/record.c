#include <string.h>

#include "task/record.h"

/* Signals that shells add 128 to; what timeout(1) answers. */
enum { EXIT_TIMEOUT = 124, EXIT_OWN = 125, EXIT_NOT_EXECUTABLE = 126, EXIT_NOT_FOUND = 127 };
#define ENOENT_NR  2
#define STATUS_MAX 255
#define SIGNAL_MAX 64
#define ERRNO_MAX  4095
#define GAPS_ALL   (GATE_GAP_UNCOUNTED * 2 - 1)

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

static bool ends(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool outcome_ok(const struct gate_record *r)
{
	bool over = r->state == GATE_TASK_ENDED;

	switch ((enum gate_task_outcome)r->outcome) {
	case GATE_OUTCOME_NONE:
		return !over;
	case GATE_OUTCOME_EXITED:
		return over && r->status >= 0 && r->status <= STATUS_MAX;
	case GATE_OUTCOME_KILLED:
		return over && r->signal > 0 && r->signal <= SIGNAL_MAX;
	case GATE_OUTCOME_NOT_STARTED:
	case GATE_OUTCOME_NOT_EXECUTED:
		return over && r->sys >= 0 && r->sys <= ERRNO_MAX;
	}
	return false;
}

bool gate_record_check(const struct gate_record *r, size_t len)
{
	if (len != sizeof(*r) || r->magic != GATE_RECORD_MAGIC || r->version != GATE_RECORD_VERSION ||
	    r->size != sizeof(*r))
		return false;
	if (r->state < GATE_TASK_CREATED || r->state > GATE_TASK_ENDED || !outcome_ok(r))
		return false;
	if (r->core > 1 || r->by_timeout > 1 || r->by_stop > 2 || r->pid > INT32_MAX || r->keeper > INT32_MAX)
		return false;
	if ((r->gaps & ~(uint32_t)GAPS_ALL) != 0 || r->n_denials > GATE_RECORD_DENIALS)
		return false;
	for (uint32_t i = 0; i < r->n_denials; i++) {
		const struct gate_record_denial *d = &r->denials[i];

		if (d->count == 0 || d->main > 1 || !ends(d->comm, sizeof(d->comm)) || !ends(d->exe, sizeof(d->exe)))
			return false;
	}
	return true;
}
