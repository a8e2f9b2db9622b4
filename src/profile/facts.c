/* facts.c - what a host decides about a profile: covered ABIs, entries in force, flags. */
#include "profile/facts.h"
#include "profile/read.h"

/* Only the host's own word counts, as in moby: `arches: ["x32"]` never matches on x86_64. */
static bool names_native(const struct gate_filter *f, const struct gate_facts *facts)
{
	const char *word = gate_arch_info(facts->arch)->goarch;

	for (size_t i = 0; i < f->n_arches; i++)
		if (strcmp(f->arches[i].s, word) == 0)
			return true;
	return false;
}

static bool has_cap(const struct gate_text *t, const struct gate_facts *facts)
{
	int cap = gate_cap_find(t->s, t->len);

	return cap >= 0 && (facts->caps >> cap & 1) != 0;
}

static bool kernel_reached(const struct gate_filter *f, const struct gate_facts *facts)
{
	return gate_kver_cmp(facts->kernel, f->min_kernel_value) >= 0;
}

static bool kernel_asked(const struct gate_filter *f)
{
	return f->min_kernel.s != NULL && f->min_kernel.len != 0;
}

static bool excluded(const struct gate_filter *f, const struct gate_facts *facts)
{
	if (!f->present)
		return false;
	if (names_native(f, facts))
		return true;
	for (size_t i = 0; i < f->n_caps; i++)
		if (has_cap(&f->caps[i], facts))
			return true;
	return kernel_asked(f) && kernel_reached(f, facts);
}

static bool included(const struct gate_filter *f, const struct gate_facts *facts, bool empty_counts)
{
	if (!f->present)
		return true;
	if ((f->n_arches != 0 || (f->has_arches && empty_counts)) && !names_native(f, facts))
		return false;
	for (size_t i = 0; i < f->n_caps; i++)
		if (!has_cap(&f->caps[i], facts))
			return false;
	return !kernel_asked(f) || kernel_reached(f, facts);
}

bool gate_entry_in_force(const struct gate_entry *e, const struct gate_facts *facts, bool empty_counts)
{
	return !excluded(&e->excludes, facts) && included(&e->includes, facts, empty_counts);
}

static void cover_add(struct gate_cover *c, enum gate_arch arch)
{
	if (arch == GATE_ARCH_NONE || c->has[arch])
		return;
	c->has[arch] = true;
	c->arches[c->n++] = arch;
}

static void cover_words(struct gate_cover *c, const struct gate_engine_row *d, const struct gate_text *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		cover_add(c, gate_read_arch_word(d, words[i].s, words[i].len));
}

void gate_cover_of(const struct gate_profile *p, const struct gate_facts *facts, struct gate_cover *ret)
{
	const struct gate_engine_row *d = gate_engine_row(p->engine);

	*ret = (struct gate_cover){ .n = 0 };
	cover_add(ret, facts->arch);
	if (facts->n_arches != 0) {
		for (size_t i = 0; i < facts->n_arches && i < GATE_ARRAY_LEN(facts->arches); i++)
			cover_add(ret, facts->arches[i]);
		return;
	}
	cover_words(ret, d, p->architectures, p->n_architectures);
	for (size_t i = 0; i < p->n_arch_map; i++) {
		const struct gate_arch_map *m = &p->arch_map[i];

		if (gate_read_arch_word(d, m->architecture.s, m->architecture.len) != facts->arch)
			continue;
		cover_words(ret, d, m->subs, m->n_subs);
		if (d->runtime != GATE_RUNTIME_MESOS)
			break; /* the first element for the host counts; in Mesos all of them */
	}
}

uint32_t gate_filter_flags(const struct gate_profile *p)
{
	const struct gate_engine_row *d = gate_engine_row(p->engine);
	uint32_t bits = 0;

	if (!p->has_flags || (p->n_flags == 0 && d->empty_is_absent))
		return d->flags_absent;
	for (size_t i = 0; i < p->n_flags; i++)
		bits |= gate_flag_by_word(p->flags[i].s, p->flags[i].len);
	return bits;
}
