/* report.c - findings of resolving. Only for callers who asked for findings; never on the fast path. */
#include "profile/build.h"

#define AT(b, ref) ((b)->p->entries[(ref)->entry].names[(ref)->name].at)

static const struct gate_entry *entry_of(const struct gate_build *b, const struct gate_ref *ref)
{
	return &b->p->entries[ref->entry];
}

/* T11: the first rule without conditions is the base; T9: a rule that says what happens anyway. */
static void report_shadowed(struct gate_build *b, const struct gate_ref *base, const struct gate_ref *ref)
{
	const char *name = entry_of(b, ref)->names[ref->name].s;
	struct gate_place at = AT(b, base);
	uint32_t mine = b->actions[ref->entry], theirs = b->actions[base->entry];

	if (entry_of(b, ref)->n_args == 0 && mine == theirs)
		gate_findings_add(b->findings, GATE_NOTICE, "T10", AT(b, ref), NULL, NULL, NULL,
		                  "'%s' is named again with the same action (line %u)", name, at.line);
	else if (entry_of(b, ref)->n_args == 0)
		gate_findings_add(b->findings, GATE_WARNING, "T11", AT(b, ref), NULL,
		                  "the first rule without conditions decides", "one of the two",
		                  "'%s' never gets %s here: line %u decided %s", name, gate_ret_word(mine), at.line,
		                  gate_ret_word(theirs));
	else if (gate_ret_rank(mine) < gate_ret_rank(theirs) ||
	         (gate_ret_rank(mine) == gate_ret_rank(theirs) && ref > base))
		gate_findings_add(b->findings, GATE_WARNING, "T11", AT(b, ref), NULL,
		                  "rules with conditions can only make the base stricter", NULL,
		                  "this condition on '%s' never decides: line %u is %s without conditions", name,
		                  at.line, gate_ret_word(theirs));
}

/* T20: an upper half that the comparison drops, on any covered ABI. */
static void report_width(struct gate_build *b, unsigned name, const struct gate_ref *ref)
{
	const struct gate_entry *e = entry_of(b, ref);

	for (size_t k = 0; k < e->n_args; k++) {
		uint32_t high = (uint32_t)(e->args[k].value >> 32);

		for (size_t i = 0; i < b->cover.n && high != 0 && high != UINT32_MAX; i++) {
			const struct gate_arch_info *info = gate_arch_info(b->cover.arches[i]);
			const struct gate_syscall *sc = gate_syscall_of(info->arch, name);

			if (sc == NULL || (info->is64 && (sc->narrow >> e->args[k].index & 1) == 0))
				continue;
			gate_findings_add(b->findings, GATE_WARNING, "T20", e->args[k].value_at, NULL,
			                  "the upper half of the value is dropped", NULL,
			                  "argument %u of '%s' has 32 bits on %s", e->args[k].index,
			                  gate_name_text(name), info->name);
			break;
		}
	}
}

static void report_name(struct gate_build *b, unsigned name)
{
	const struct gate_ref *base = NULL;

	for (uint32_t i = b->head[name]; i != 0 && base == NULL; i = b->refs[i - 1].next)
		if (entry_of(b, &b->refs[i - 1])->n_args == 0)
			base = &b->refs[i - 1];
	for (uint32_t i = b->head[name]; i != 0; i = b->refs[i - 1].next) {
		const struct gate_ref *ref = &b->refs[i - 1];

		if (base != NULL && ref != base && b->p->engine == GATE_ENGINE_NATIVE)
			report_shadowed(b, base, ref);
		if (entry_of(b, ref)->n_args != 0)
			report_width(b, name, ref);
	}
}

/* An `arches` word that is not the host's own never matches, even when its ABI is covered. */
static void report_arches(struct gate_build *b, const struct gate_filter *f)
{
	const char *host = gate_arch_info(b->facts->arch)->goarch;

	for (size_t i = 0; i < f->n_arches; i++)
		if (strcmp(host, f->arches[i].s) == 0)
			return; /* the list matches as it is */
	for (size_t i = 0; i < f->n_arches; i++) {
		enum gate_arch arch = gate_arch_by_name(f->arches[i].s, f->arches[i].len);

		if (arch != GATE_ARCH_NONE && b->cover.has[arch])
			gate_findings_add(b->findings, GATE_NOTICE, "T33", f->arches[i].at, NULL,
			                  "only the word of the host's own architecture is compared", NULL,
			                  "'%s' never matches on %s, although its calls are covered", f->arches[i].s,
			                  host);
	}
}

static void report_arch_map(struct gate_build *b)
{
	const struct gate_profile *p = b->p;

	for (size_t i = 0; i < p->n_arch_map; i++)
		if (gate_arch_by_scmp(p->arch_map[i].architecture.s, p->arch_map[i].architecture.len) == b->facts->arch)
			return;
	if (p->n_arch_map != 0)
		gate_findings_add(b->findings, GATE_NOTICE, "T5", p->arch_map_at, NULL,
		                  "only the host's own architecture is covered", NULL,
		                  "'archMap' has no element for %s", gate_arch_info(b->facts->arch)->name);
}

void gate_build_report(struct gate_build *b)
{
	if (b->findings == NULL)
		return;
	report_arch_map(b);
	for (size_t e = 0; e < b->p->n_entries; e++) {
		report_arches(b, &b->p->entries[e].includes);
		report_arches(b, &b->p->entries[e].excludes);
		if (gate_entry_repeats(&b->p->entries[e]))
			gate_findings_add(b->findings, GATE_WARNING, "T15", b->p->entries[e].args[0].at, NULL,
			                  "every condition of the entry becomes a rule of its own",
			                  "one entry per alternative",
			                  "an argument index is repeated: the conditions are alternatives");
	}
	for (unsigned name = 0; name < gate_name_count(); name++)
		if (b->head[name] != 0)
			report_name(b, name);
}
