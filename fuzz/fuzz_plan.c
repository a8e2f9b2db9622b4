/* Plans for the keeper: what passes the check is walked as the keeper would, string by string. */
#include "fuzz.h"
#include "task/plan.h"

static uint64_t used;

static void read_text(const struct gate_plan *p, uint32_t offset)
{
	const char *text = gate_plan_text(p, offset);

	used += text != NULL ? strlen(text) : 0;
}

static void read_list(const struct gate_plan *p, uint32_t at, uint32_t n)
{
	const char *const *list = (const char *const *)((const char *)p + at);

	for (uint32_t i = 0; i < n; i++)
		used += strlen(list[i]);
	FUZZ_CHECK(list[n] == NULL);
}

static void walk(struct gate_plan *p)
{
	const struct gate_row *rows = (const struct gate_row *)((const char *)p + p->rows);

	gate_plan_relocate(p);
	read_list(p, p->argv, p->argc);
	read_list(p, p->envp, p->envc);
	read_text(p, p->id);
	for (uint32_t i = 0; i < p->filter_len; i++)
		used += ((const uint64_t *)((const char *)p + p->filter))[i];
	for (uint32_t i = 0; i < p->n_cgroups; i++)
		read_text(p, p->cgroups[i].name);
	for (uint32_t i = 0; i < p->n_rows; i++) {
		FUZZ_CHECK(rows[i].step != GATE_STEP_NONE && rows[i].step < GATE_STEP_MAX);
		FUZZ_CHECK(rows[i].fd < (int32_t)p->n_fds);
		if (rows[i].step == GATE_STEP_IDS) {
			const uint32_t *groups = (const uint32_t *)((const char *)p + rows[i].text[0]);
			for (uint32_t k = 0; k < rows[i].flags; k++)
				used += groups[k];
			continue;
		}
		for (unsigned k = 0; k < 3; k++)
			read_text(p, rows[i].text[k]);
	}
	FUZZ_CHECK(rows[p->n_rows - 1].step == GATE_STEP_EXECVE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Sizes and counts that fit, or nothing would come further than the first checks. */
	char *copy = malloc(size + 1);

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	if (size > sizeof(struct gate_plan)) {
		struct gate_plan *p = (struct gate_plan *)copy;

		p->size = (uint32_t)size;
		copy[size - 1] = '\0';
		if (p->n_fds <= GATE_PLAN_FDS_MAX && gate_plan_check(copy, size, p->n_fds) == NULL)
			walk(p);
	}
	free(copy);
	return 0;
}
