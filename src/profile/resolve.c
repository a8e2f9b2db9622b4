/* resolve.c - the native meaning (callgate-profile(5)): the first rule without conditions is the base for a call, and
 * rules with conditions can only make it stricter; calls younger than the profile get ENOSYS. */
#include "profile/build.h"

#define RANKS 8

static bool denies(uint32_t action)
{
	switch (GATE_RET_ACTION(action)) {
	case GATE_RET_KILL_PROCESS:
	case GATE_RET_KILL_THREAD:
	case GATE_RET_TRAP:
	case GATE_RET_ERRNO:
		return true;
	default: /* NOTIFY, TRACE and LOG hand the call to somebody who wants to see the new ones, too */
		return false;
	}
}

/* --- one call --- */

struct work {
	struct gate_build *b;
	const struct gate_arch_info *arch;
	const struct gate_syscall *sc;
	struct gate_case *cases;
	uint32_t n;
	bool closed; /* the last case has no conditions */
};

static const struct gate_entry *entry_of(const struct gate_build *b, const struct gate_ref *ref)
{
	return &b->p->entries[ref->entry];
}

static struct gate_case *add_case(struct work *w, const struct gate_ref *ref, const struct gate_cond *conds, uint32_t n)
{
	struct gate_case *c = &w->cases[w->n++];

	*c = (struct gate_case){ .action = gate_ret_normal(w->b->actions[ref->entry]),
		                 .why = GATE_WHY_RULE,
		                 .entry = ref->entry,
		                 .at = entry_of(w->b, ref)->names[ref->name].at,
		                 .n_conds = n,
		                 .conds = conds };
	w->closed = n == 0;
	return c;
}

static enum gate_truth make_cond(const struct work *w, const struct gate_arg *a, struct gate_cond *ret)
{
	bool wide = w->arch->is64 && (w->sc->narrow >> a->index & 1) == 0;

	return gate_cond_make(a->index, a->op, a->value, a->value_two, wide, ret);
}

/* Alternatives: one case each. */
static void add_any(struct work *w, const struct gate_ref *ref, struct gate_cond *conds)
{
	const struct gate_entry *e = entry_of(w->b, ref);

	for (size_t i = 0; i < e->n_args && !w->closed; i++) {
		enum gate_truth truth = make_cond(w, &e->args[i], &conds[i]);

		if (truth != GATE_NEVER)
			add_case(w, ref, &conds[i], truth == GATE_SOMETIMES ? 1 : 0);
	}
}

static void add_all(struct work *w, const struct gate_ref *ref, struct gate_cond *conds)
{
	const struct gate_entry *e = entry_of(w->b, ref);
	uint32_t n = 0;

	for (size_t i = 0; i < e->n_args; i++) {
		switch (make_cond(w, &e->args[i], &conds[n])) {
		case GATE_NEVER:
			return;
		case GATE_SOMETIMES:
			n++;
			break;
		case GATE_ALWAYS:
		default:
			break;
		}
	}
	add_case(w, ref, conds, n);
}

static int add_rule(struct work *w, const struct gate_ref *ref)
{
	const struct gate_entry *e = entry_of(w->b, ref);
	struct gate_cond *conds;

	if (e->n_args == 0) {
		add_case(w, ref, NULL, 0);
		return 0;
	}
	conds = GATE_NEWS(&w->b->rules->arena, struct gate_cond, e->n_args);
	if (conds == NULL)
		return gate_build_nomem(w->b);
	if (gate_entry_repeats(e))
		add_any(w, ref, conds);
	else
		add_all(w, ref, conds);
	return 0;
}

/* What can decide, in order: strictest first, the file's order among equals, down to the base. */
static int order(struct work *w, uint32_t head, const struct gate_ref *base)
{
	struct gate_build *b = w->b;

	for (int rank = RANKS - 1; rank >= 0 && !w->closed; rank--) {
		for (uint32_t i = head; i != 0 && !w->closed; i = b->refs[i - 1].next) {
			const struct gate_ref *ref = &b->refs[i - 1];

			if (gate_ret_rank(b->actions[ref->entry]) != rank)
				continue;
			if (ref != base && entry_of(b, ref)->n_args == 0)
				continue; /* a second rule without conditions never decides */
			if (add_rule(w, ref) < 0)
				return -1;
		}
	}
	return 0;
}

static struct gate_list fallback(const struct gate_build *b, const struct gate_syscall *sc)
{
	struct gate_kver since = sc->since;

	if (since.major == GATE_KVER_UNKNOWN)
		since = gate_name_since(sc->name);
	if (since.major == GATE_KVER_UNKNOWN || gate_kver_cmp(since, b->age) <= 0)
		return b->otherwise;
	return b->unknown;
}

static int conditional_call(struct work *w, uint32_t head, const struct gate_ref *base, struct gate_list *ret)
{
	struct gate_build *b = w->b;
	size_t most = 1; /* and the fallback */

	for (uint32_t i = head; i != 0; i = b->refs[i - 1].next) {
		const struct gate_entry *e = entry_of(b, &b->refs[i - 1]);

		most += e->n_args != 0 ? e->n_args : 1;
	}
	w->cases = GATE_NEWS(&b->rules->arena, struct gate_case, most);
	if (w->cases == NULL)
		return gate_build_nomem(b);
	if (order(w, head, base) < 0)
		return -1;
	if (!w->closed)
		w->cases[w->n++] = *fallback(b, w->sc).cases;
	*ret = (struct gate_list){ w->cases, w->n };
	return 0;
}

/* --- multiplexed calls --- */

/* tables/multiplex.txt knows them by ABI; this is the union, so that not every name must be asked. */
static const char *const behind[] = {
	"accept",     "accept4", "bind",   "connect",    "getpeername", "getsockname", "getsockopt", "listen",
	"msgctl",     "msgget",  "msgrcv", "msgsnd",     "recv",        "recvfrom",    "recvmmsg",   "recvmsg",
	"semctl",     "semget",  "semop",  "semtimedop", "send",        "sendmmsg",    "sendmsg",    "sendto",
	"setsockopt", "shmat",   "shmctl", "shmdt",      "shmget",      "shutdown",    "socket",     "socketpair",
};

/* Index + 1 of the first rule without conditions, 0 = none. */
static uint32_t base_of(const struct gate_build *b, uint32_t head)
{
	while (head != 0 && entry_of(b, &b->refs[head - 1])->n_args != 0)
		head = b->refs[head - 1].next;
	return head;
}

static int mux_case(struct work *w, uint32_t base, uint32_t sub, uint64_t mask)
{
	struct gate_arena *arena = &w->b->rules->arena;
	struct gate_cond *cond = GATE_NEW(arena, struct gate_cond);

	if (w->cases == NULL)
		w->cases = GATE_NEWS(arena, struct gate_case, GATE_ARRAY_LEN(behind) + 1);
	if (w->cases == NULL || cond == NULL)
		return gate_build_nomem(w->b);
	GATE_CHECK(gate_cond_make(0, GATE_OP_MASKED_EQ, mask, sub, false, cond) == GATE_SOMETIMES);
	add_case(w, &w->b->refs[base - 1], cond, 1);
	return 0;
}

/* socketcall(2) and ipc(2) reach what the direct numbers reach. Arguments lie in memory there, so only the base of a
 * call counts. ipc(2) uses the low 16 bits of its first argument, the upper are a version (ipc/syscall.c). */
static int mux_call(struct work *w, struct gate_list *ret)
{
	struct gate_build *b = w->b;
	uint64_t mask = strcmp(gate_name_text(w->sc->name), "ipc") == 0 ? 0xffff : UINT32_MAX;

	for (size_t i = 0; i < GATE_ARRAY_LEN(behind); i++) {
		int name = gate_name_find(behind[i], strlen(behind[i]));
		uint32_t nr, sub, base = name < 0 ? 0 : base_of(b, b->head[name]);

		if (base == 0 || !gate_syscall_mux(w->arch->arch, (unsigned)name, &nr, &sub) || nr != w->sc->nr)
			continue;
		if (mux_case(w, base, sub, mask) < 0)
			return -1;
	}
	*ret = fallback(b, w->sc);
	if (w->n == 0)
		return 0;
	w->cases[w->n++] = *ret->cases;
	*ret = (struct gate_list){ w->cases, w->n };
	return 0;
}

static bool is_mux(const struct gate_syscall *sc)
{
	const char *name = gate_name_text(sc->name);

	return name[0] == 's' ? strcmp(name, "socketcall") == 0 : name[0] == 'i' && strcmp(name, "ipc") == 0;
}

static int native_call(struct gate_build *b, const struct gate_arch_info *arch, const struct gate_syscall *sc,
                       struct gate_list *ret)
{
	struct work w = { b, arch, sc, NULL, 0, false };
	uint32_t head = b->head[sc->name], at = base_of(b, head);
	struct gate_ref *base = at != 0 ? &b->refs[at - 1] : NULL;
	bool plain = at == head;

	if (head == 0) {
		if (is_mux(sc))
			return mux_call(&w, ret);
		*ret = fallback(b, sc);
		return 0;
	}
	for (uint32_t i = plain ? base->next : 0; i != 0 && plain; i = b->refs[i - 1].next)
		plain = entry_of(b, &b->refs[i - 1])->n_args == 0;
	if (plain)
		return gate_build_alone(b, base, ret);
	return conditional_call(&w, head, base, ret);
}

static int native_arch(struct gate_build *b, const struct gate_arch_info *arch)
{
	uint32_t enosys = GATE_RET_ERRNO | arch->enosys;

	b->unknown = b->otherwise;
	if (!denies(b->default_action) || gate_ret_normal(b->default_action) == enosys)
		return 0;
	return gate_build_constant(b, enosys, GATE_WHY_ENOSYS, b->p->default_action_text.at, &b->unknown);
}

int gate_resolve_native(struct gate_build *b)
{
	b->limit = UINT32_MAX;
	b->begin_arch = native_arch;
	b->call = native_call;
	return gate_build_tokens(b);
}

/* --- the front --- */

static int resolve(struct gate_build *b)
{
	if (gate_arch_info(b->facts->arch) == NULL)
		return GATE_FAIL(b->err, GATE_E_INVALID, "the native architecture is not known");
	b->rules = calloc(1, sizeof(*b->rules));
	if (b->rules == NULL)
		return GATE_FAIL_NOMEM(b->err);
	if (gate_build_begin(b) < 0)
		return -1;
	if ((b->p->engine == GATE_ENGINE_NATIVE ? gate_resolve_native(b) : gate_resolve_engine(b)) < 0)
		return -1;
	gate_build_report(b);
	if (b->findings != NULL && gate_findings_failed(b->findings))
		return GATE_FAIL_NOMEM(b->err);
	return 0;
}

int gate_profile_resolve(const struct gate_profile *p, const struct gate_facts *facts, struct gate_findings *findings,
                         struct gate_rules **ret, struct gate_err *err)
{
	struct gate_build b = {
		.p = p, .facts = facts, .d = gate_engine_row(p->engine), .findings = findings, .err = err
	};
	int rc = resolve(&b);

	gate_arena_done(&b.scratch);
	if (rc < 0) {
		gate_rules_free(b.rules);
		return -1;
	}
	*ret = b.rules;
	return 0;
}

void gate_rules_free(struct gate_rules *r)
{
	if (r == NULL)
		return;
	gate_arena_done(&r->arena);
	free(r);
}
