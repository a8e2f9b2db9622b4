#include "base/num.h"
#include "kernel/filters.h"
#include "source/process.h"

int gate_process_parts(const char *pid, struct gate_program_part **ret, size_t *n, struct gate_err *err)
{
	struct gate_filters filters = { 0 };
	struct gate_program_part *parts;
	uint64_t number = 0;

	if (gate_u64_parse(pid, strlen(pid), INT32_MAX, &number) < 0 || number == 0)
		return GATE_FAIL(err, GATE_E_SYNTAX, "'%s' is not a process id", pid);
	if (gate_filters_of((pid_t)number, &filters, err) < 0)
		return -1;
	parts = calloc(filters.n + 1, sizeof(*parts));
	for (size_t i = 0; parts != NULL && i < filters.n; i++)
		parts[i] = (struct gate_program_part){ GATE_TAKE(&filters.items[i].insns), filters.items[i].len };
	if (parts != NULL) {
		*ret = parts;
		*n = filters.n;
	}
	gate_filters_done(&filters);
	return parts == NULL ? GATE_FAIL_NOMEM(err) : 0;
}
