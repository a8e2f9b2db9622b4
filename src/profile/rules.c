/* rules.c - asking resolved rules. */
#include "profile/cond.h"

static const char *const words[GATE_WHY_MAX] = {
	[GATE_WHY_RULE] = "rule",
	[GATE_WHY_DEFAULT] = "default",
	[GATE_WHY_ENOSYS] = "enosys",
	[GATE_WHY_UNCOVERED] = "uncovered",
};

const char *gate_why_word(enum gate_why why)
{
	return why > 0 && why < GATE_WHY_MAX ? words[why] : "unknown";
}

static const struct gate_span *span_of(const struct gate_token *t, uint32_t nr)
{
	size_t lo = 0, hi = t->n_spans - 1;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->spans[mid].hi < nr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return &t->spans[lo];
}

static bool matches(const struct gate_case *c, const struct gate_data *data)
{
	for (uint32_t i = 0; i < c->n_conds; i++)
		if (!gate_cond_holds(&c->conds[i], data))
			return false;
	return true;
}

const struct gate_case *gate_rules_find(const struct gate_rules *r, const struct gate_data *data,
                                        const struct gate_span **span)
{
	for (size_t t = 0; t < r->n_tokens; t++) {
		const struct gate_span *s;

		if (r->tokens[t].audit != data->arch)
			continue;
		s = span_of(&r->tokens[t], data->nr);
		if (span != NULL)
			*span = s->cases == &r->uncovered ? NULL : s;
		for (uint32_t i = 0; i + 1 < s->n_cases; i++)
			if (matches(&s->cases[i], data))
				return &s->cases[i];
		return &s->cases[s->n_cases - 1];
	}
	if (span != NULL)
		*span = NULL;
	return &r->uncovered;
}
