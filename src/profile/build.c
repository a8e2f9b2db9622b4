/* build.c - from entries to spans: what native and engine meanings share. */
#include "profile/build.h"

/* A file of 1 MiB can ask for millions of cases; that is an error, not an appetite. */
#define RULES_MAX   (24u << 20)
#define SCRATCH_MAX (12u << 20)

int gate_build_nomem(struct gate_build *b)
{
	if (b->rules->arena.full || b->scratch.full || b->brief.full)
		return GATE_FAIL(b->err, GATE_E_LIMIT, "profile has too many rules to resolve");
	return GATE_FAIL_NOMEM(b->err);
}

int gate_build_constant(struct gate_build *b, uint32_t action, enum gate_why why, struct gate_place at,
                        struct gate_list *ret)
{
	struct gate_case *c = GATE_NEW(&b->rules->arena, struct gate_case);

	if (c == NULL)
		return gate_build_nomem(b);
	*c = (struct gate_case){ .action = gate_ret_normal(action), .why = why, .at = at };
	*ret = (struct gate_list){ c, 1 };
	return 0;
}

int gate_build_alone(struct gate_build *b, struct gate_ref *ref, struct gate_list *ret)
{
	if (ref->alone == NULL) {
		struct gate_case *c = GATE_NEW(&b->rules->arena, struct gate_case);

		if (c == NULL)
			return gate_build_nomem(b);
		c->action = gate_ret_normal(b->actions[ref->entry]);
		c->why = GATE_WHY_RULE;
		c->entry = ref->entry;
		c->at = b->p->entries[ref->entry].names[ref->name].at;
		ref->alone = c;
	}
	*ret = (struct gate_list){ ref->alone, 1 };
	return 0;
}

bool gate_entry_repeats(const struct gate_entry *e)
{
	unsigned seen = 0;

	for (size_t i = 0; i < e->n_args; i++) {
		if (seen >> e->args[i].index & 1)
			return true;
		seen |= 1u << e->args[i].index;
	}
	return false;
}

/* ENOSYS is 38 nearly everywhere, 89 on MIPS, 251 on PA-RISC: a word means the host's number. */
static uint32_t action_on(const struct gate_build *b, uint32_t action, const struct gate_text *word)
{
	unsigned n;

	if (word->s == NULL || (GATE_RET_ACTION(action) != GATE_RET_ERRNO && GATE_RET_ACTION(action) != GATE_RET_TRACE))
		return action;
	n = gate_errno_find(b->facts->arch, word->s, word->len);
	return n != 0 ? GATE_RET_ACTION(action) | n : action;
}

static void age_by(struct gate_build *b, int name)
{
	struct gate_kver since = gate_name_since((unsigned)name);

	if (since.major != GATE_KVER_UNKNOWN && gate_kver_cmp(since, b->age) > 0)
		b->age = since;
}

/* Backwards, so that each chain ends up in file order. */
static int make_refs(struct gate_build *b)
{
	const struct gate_profile *p = b->p;
	size_t total = 0, n = 0;

	for (size_t e = 0; e < p->n_entries; e++)
		total += p->entries[e].n_names;
	b->refs = GATE_NEWS(&b->scratch, struct gate_ref, total);
	b->head = GATE_NEWS(&b->scratch, uint32_t, gate_name_count());
	if (b->refs == NULL || b->head == NULL)
		return gate_build_nomem(b);
	for (size_t e = p->n_entries; e-- > 0;) {
		const struct gate_entry *entry = &p->entries[e];

		for (size_t i = entry->n_names; i-- > 0;) {
			int name = gate_name_find(entry->names[i].s, entry->names[i].len);
			uint32_t first;

			if (name < 0)
				continue;
			age_by(b, name);
			if (!b->in_force[e])
				continue;
			first = b->head[name];
			if (first != 0 && b->refs[first - 1].entry == e) {
				b->refs[first - 1].name = (uint32_t)i; /* named twice: the first place counts */
				continue;
			}
			b->rules->notify |= b->actions[e] == GATE_RET_NOTIFY;
			b->refs[n] = (struct gate_ref){ first, (uint32_t)e, (uint32_t)i, NULL };
			b->head[name] = (uint32_t)++n;
		}
	}
	return 0;
}

int gate_build_begin(struct gate_build *b)
{
	const struct gate_profile *p = b->p;
	struct gate_place at = p->default_action_text.at;
	struct gate_place arches_at = p->has_architectures ? p->architectures_at
	                              : p->has_arch_map    ? p->arch_map_at
	                                                   : at;
	bool mesos = p->engine == GATE_ENGINE_MESOS;

	b->rules->arena.limit = RULES_MAX;
	b->scratch.limit = b->brief.limit = SCRATCH_MAX;
	gate_cover_of(p, b->facts, &b->cover);
	b->default_action = action_on(b, p->default_action, &p->default_errno_text);
	b->actions = GATE_NEWS(&b->scratch, uint32_t, p->n_entries);
	b->in_force = GATE_NEWS(&b->scratch, bool, p->n_entries);
	if (b->actions == NULL || b->in_force == NULL)
		return gate_build_nomem(b);
	for (size_t e = 0; e < p->n_entries; e++) {
		b->actions[e] = action_on(b, p->entries[e].action, &p->entries[e].errno_text);
		b->in_force[e] = gate_entry_in_force(&p->entries[e], b->facts, mesos);
	}
	b->rules->filter_flags = gate_filter_flags(p);
	b->rules->uncovered = (struct gate_case){
		.action = p->engine == GATE_ENGINE_NATIVE ? GATE_RET_KILL_PROCESS : GATE_RET_KILL_THREAD,
		.why = GATE_WHY_UNCOVERED,
		.at = arches_at,
	};
	b->killed = (struct gate_list){ &b->rules->uncovered, 1 };
	if (gate_build_constant(b, b->default_action, GATE_WHY_DEFAULT, at, &b->otherwise) < 0)
		return -1;
	b->rules->notify = b->default_action == GATE_RET_NOTIFY;
	return make_refs(b);
}

/* --- tokens and spans --- */

struct spans {
	struct gate_span *list;
	size_t n, cap;
};

static void span_add(struct spans *s, uint32_t lo, uint32_t hi, struct gate_list list)
{
	if (s->n != 0 && s->list[s->n - 1].cases == list.cases) {
		s->list[s->n - 1].hi = hi;
		return;
	}
	GATE_CHECK(s->n < s->cap);
	s->list[s->n++] = (struct gate_span){ lo, hi, list.cases, list.n };
}

/* lo..hi where no call has a number. */
static void gap_add(struct gate_build *b, struct spans *s, uint32_t lo, uint32_t hi)
{
	if (lo <= b->limit)
		span_add(s, lo, hi < b->limit ? hi : b->limit, b->unknown);
	if (hi > b->limit)
		span_add(s, lo > b->limit ? lo : b->limit + 1, hi, b->above);
}

/* The numbers lo..hi of a token belong to `arch`. */
static int region_add(struct gate_build *b, struct spans *s, enum gate_arch arch, uint32_t lo, uint32_t hi)
{
	const struct gate_arch_info *info = gate_arch_info(arch);
	uint64_t next = lo;

	if (!b->cover.has[arch]) {
		span_add(s, lo, hi, b->killed);
		return 0;
	}
	if (b->begin_arch(b, info) < 0)
		return -1;
	if (lo == 0 && b->zero_above) {
		span_add(s, 0, 0, b->above);
		next = 1;
	}
	for (size_t i = 0, n = gate_syscall_count(arch); i < n; i++) {
		const struct gate_syscall *sc = gate_syscall_at(arch, i);
		struct gate_list list = b->above;

		if (sc->nr < lo || sc->nr > hi)
			continue;
		if (sc->nr <= b->limit && b->call(b, info, sc, &list) < 0)
			return -1;
		if (sc->nr > next)
			gap_add(b, s, (uint32_t)next, sc->nr - 1);
		span_add(s, sc->nr, sc->nr, list);
		next = (uint64_t)sc->nr + 1;
	}
	if (next <= hi)
		gap_add(b, s, (uint32_t)next, hi);
	return 0;
}

/* libseccomp tells x32 by `nr >= 0x40000000`, runc's stub by bit 30 alone; the number -1 passes libseccomp's test when
 * x32 is not in the filter (src/gen_bpf.c, _gen_bpf_arch). */
static int engine_tail(struct gate_build *b, struct spans *s)
{
	bool stub = b->limit != UINT32_MAX;

	if (b->cover.has[GATE_ARCH_X32]) {
		if (region_add(b, s, GATE_ARCH_X32, 0x40000000, 0x7fffffff) < 0)
			return -1;
		span_add(s, 0x80000000, UINT32_MAX, stub ? b->above : b->otherwise);
		return 0;
	}
	span_add(s, 0x40000000, 0x7fffffff, b->killed);
	span_add(s, 0x80000000, 0xbfffffff, stub ? b->above : b->killed);
	span_add(s, 0xc0000000, 0xfffffffe, b->killed);
	span_add(s, UINT32_MAX, UINT32_MAX, b->otherwise);
	return 0;
}

static int token_spans(struct gate_build *b, struct gate_token *t, struct spans *s)
{
	if (t->arch != GATE_ARCH_X86_64 && t->arch != GATE_ARCH_X32)
		return region_add(b, s, t->arch, 0, UINT32_MAX);
	/* x32 has the numbers with bit 30 and without bit 31 (gate_arch_of). */
	if (region_add(b, s, GATE_ARCH_X86_64, 0, 0x3fffffff) < 0)
		return -1;
	if (b->p->engine != GATE_ENGINE_NATIVE)
		return engine_tail(b, s);
	if (region_add(b, s, GATE_ARCH_X32, 0x40000000, 0x7fffffff) < 0)
		return -1;
	return region_add(b, s, GATE_ARCH_X86_64, 0x80000000, UINT32_MAX);
}

static int token_add(struct gate_build *b, enum gate_arch arch)
{
	const struct gate_arch_info *info = gate_arch_info(arch);
	struct gate_token *t = &b->rules->tokens[b->rules->n_tokens];
	struct spans s = { NULL, 0, 0 };
	size_t calls = gate_syscall_count(arch);

	if (arch == GATE_ARCH_X86_64 || arch == GATE_ARCH_X32)
		calls = gate_syscall_count(GATE_ARCH_X86_64) + gate_syscall_count(GATE_ARCH_X32);
	s.cap = 2 * calls + 8;
	s.list = GATE_NEWS(&b->rules->arena, struct gate_span, s.cap);
	if (s.list == NULL)
		return gate_build_nomem(b);
	t->audit = info->audit;
	t->arch = arch;
	if (token_spans(b, t, &s) < 0)
		return -1;
	t->spans = s.list;
	t->n_spans = s.n;
	b->rules->n_tokens++;
	return 0;
}

int gate_build_tokens(struct gate_build *b)
{
	b->rules->tokens = GATE_NEWS(&b->rules->arena, struct gate_token, b->cover.n);
	if (b->rules->tokens == NULL)
		return gate_build_nomem(b);
	for (size_t i = 0; i < b->cover.n; i++) {
		const struct gate_arch_info *info = gate_arch_info(b->cover.arches[i]);
		bool known = false;

		for (size_t k = 0; k < b->rules->n_tokens; k++)
			known |= b->rules->tokens[k].audit == info->audit;
		if (!known && token_add(b, b->cover.arches[i]) < 0)
			return -1;
	}
	return 0;
}
