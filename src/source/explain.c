/* Why a call is allowed or refused. */
#include "base/buf.h"
#include "source/source.h"

#define MOST_OUTCOMES 256
#define MOST_PIECES   16

const char *gate_reason_word(enum gate_reason r)
{
	static const char *const words[] = {
		[GATE_REASON_RULE] = "rule",       [GATE_REASON_DEFAULT] = "default",
		[GATE_REASON_ENOSYS] = "enosys",   [GATE_REASON_UNCOVERED] = "uncovered",
		[GATE_REASON_PROGRAM] = "program", [GATE_REASON_UNCONFINED] = "unconfined",
	};

	return r >= GATE_REASON_RULE && r < GATE_ARRAY_LEN(words) ? words[r] : "unknown";
}

/* The public object, with everything that it points to in one arena. */
struct making {
	struct gate_explanation e; /* first: what the caller holds is this */
	struct gate_arena arena;
	struct gate_outcome outcomes[MOST_OUTCOMES];
};

void gate_explanation_free(struct gate_explanation *e)
{
	struct making *m = (struct making *)e;

	if (m == NULL)
		return;
	gate_arena_done(&m->arena);
	free(m);
}

/* Adds an outcome; takes the text of `when` (empty: always). False when memory is gone. */
static bool add(struct making *m, struct gate_outcome outcome, struct gate_buf *when)
{
	bool ok = !when->failed;

	if (m->e.n == MOST_OUTCOMES) {
		m->e.cut = true;
		gate_buf_done(when);
		return true;
	}
	if (ok && when->len > 0) {
		outcome.when = gate_arena_text(&m->arena, when->data, when->len);
		ok = outcome.when != NULL;
	}
	gate_buf_done(when);
	if (ok)
		m->outcomes[m->e.n++] = outcome;
	return ok;
}

enum truth { NO, YES, OPEN };

static enum truth holds(const struct gate_cond *c, const struct gate_call *call)
{
	uint64_t v = c->wide ? call->args[c->arg] : (uint32_t)call->args[c->arg];
	bool yes = false;

	if ((call->given >> c->arg & 1) == 0)
		return OPEN;
	switch ((enum gate_op)c->op) {
	case GATE_OP_NE:
		yes = v != c->value;
		break;
	case GATE_OP_LT:
		yes = v < c->value;
		break;
	case GATE_OP_LE:
		yes = v <= c->value;
		break;
	case GATE_OP_EQ:
		yes = v == c->value;
		break;
	case GATE_OP_GE:
		yes = v >= c->value;
		break;
	case GATE_OP_GT:
		yes = v > c->value;
		break;
	case GATE_OP_MASKED_EQ:
		yes = (v & c->mask) == c->value;
		break;
	case GATE_OP_MAX:
		break;
	}
	return yes ? YES : NO;
}

/* What is left of a case for this call: NO, YES, or OPEN with the open conditions in words. */
static enum truth rest_of(const struct gate_case *c, const struct gate_call *call, struct gate_buf *when)
{
	enum truth all = YES;

	for (uint32_t i = 0; i < c->n_conds; i++) {
		enum truth one = holds(&c->conds[i], call);

		if (one == NO)
			return NO;
		if (one == YES)
			continue;
		if (all == OPEN)
			gate_buf_puts(when, " and ");
		gate_describe_cond(&c->conds[i], when);
		all = OPEN;
	}
	return all;
}

static struct gate_outcome outcome_of(const struct gate_case *c)
{
	static const enum gate_reason reasons[] = {
		[GATE_WHY_RULE] = GATE_REASON_RULE,
		[GATE_WHY_DEFAULT] = GATE_REASON_DEFAULT,
		[GATE_WHY_ENOSYS] = GATE_REASON_ENOSYS,
		[GATE_WHY_UNCOVERED] = GATE_REASON_UNCOVERED,
	};

	return (struct gate_outcome){ .action = c->action,
		                      .reason = reasons[c->why],
		                      .line = c->at.line,
		                      .column = c->at.column,
		                      .length = c->at.length };
}

/* Adds a case, with the comment that stands beside its rule. */
static bool add_case(struct making *m, const struct gate_source *s, const struct gate_case *c, struct gate_buf *when)
{
	struct gate_outcome o = outcome_of(c);

	if (c->why == GATE_WHY_RULE) {
		const struct gate_text *comment = &s->profile->entries[c->entry].comment;

		if (comment->s != NULL && comment->len > 0) {
			o.comment = gate_arena_text(&m->arena, comment->s, comment->len);
			when->failed = when->failed || o.comment == NULL;
		}
	}
	return add(m, o, when);
}

static bool by_rules(struct making *m, const struct gate_source *s, const struct gate_call *call)
{
	const struct gate_rules *rules = s->rules;
	const struct gate_span *span = NULL;
	struct gate_data data;
	const struct gate_case *first;

	gate_call_data(call, &data);
	first = gate_rules_find(rules, &data, &span);
	if (span == NULL) {
		struct gate_buf none = GATE_BUF_INIT;

		return add_case(m, s, first, &none);
	}
	for (uint32_t i = 0; i < span->n_cases; i++) {
		struct gate_buf when = GATE_BUF_INIT;
		enum truth t = rest_of(&span->cases[i], call, &when);

		if (t == NO) {
			gate_buf_done(&when);
			continue;
		}
		if (!add_case(m, s, &span->cases[i], &when))
			return false;
		if (t == YES)
			break;
	}
	return true;
}

/* The policy for this architecture, number and the given arguments. */
static int narrow(struct gate_space *space, gate_policy p, const struct gate_call *call, gate_policy *ret,
                  struct gate_err *err)
{
	int rc = gate_policy_fix(space, p, GATE_WORD_ARCH, UINT32_MAX, gate_arch_info(call->arch)->audit, &p, err);

	if (rc == 0)
		rc = gate_policy_fix(space, p, GATE_WORD_NR, UINT32_MAX, call->nr, &p, err);
	for (unsigned i = 0; i < 6 && rc == 0; i++) {
		if ((call->given >> i & 1) == 0)
			continue;
		rc = gate_policy_fix(space, p, GATE_WORD_ARG(i, false), UINT32_MAX, (uint32_t)(call->args[i] >> 32), &p,
		                     err);
		if (rc == 0)
			rc = gate_policy_fix(space, p, GATE_WORD_ARG(i, true), UINT32_MAX, (uint32_t)call->args[i], &p,
			                     err);
	}
	if (rc == 0)
		*ret = p;
	return rc;
}

/* One outcome per action; the action that needs the most words (of two, the stricter) comes last, as "in every other case". */
static int by_diagram(struct making *m, struct gate_space *space, gate_policy p, struct gate_err *err)
{
	uint32_t leaves[MOST_OUTCOMES];
	int n = gate_policy_leaves(space, p, leaves, MOST_OUTCOMES), longest = 0;
	struct gate_buf when[MOST_OUTCOMES] = { GATE_BUF_INIT };
	bool cut[MOST_OUTCOMES] = { false };
	int rc = 0;

	if (n < 0)
		return GATE_FAIL(err, GATE_E_LIMIT, "the call has more than %d different outcomes", MOST_OUTCOMES);
	for (int i = 0; n > 1 && i < n && rc == 0; i++) {
		gate_policy leaf = 0, differs = 0, yes = 0, is = 0;

		rc = gate_policy_const(space, leaves[i], &leaf, err);
		if (rc == 0)
			rc = gate_policy_combine(space, GATE_COMBINE_DIFFER, p, leaf, &differs, err);
		if (rc == 0)
			rc = gate_policy_const(space, 1, &yes, err);
		if (rc == 0)
			rc = gate_policy_combine(space, GATE_COMBINE_XOR, differs, yes, &is, err);
		if (rc == 0)
			gate_describe(space, is, MOST_PIECES, &when[i], &cut[i]);
		if (when[i].len > when[longest].len ||
		    (when[i].len == when[longest].len && gate_ret_rank(leaves[i]) > gate_ret_rank(leaves[longest])))
			longest = i;
	}
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < n; i++) {
			struct gate_outcome o = { .action = leaves[i], .reason = GATE_REASON_PROGRAM };

			if ((i == longest) != (pass == 1))
				continue;
			if (i == longest)
				gate_buf_done(&when[i]);
			else
				m->e.cut = m->e.cut || cut[i];
			if (!add(m, o, &when[i]) && rc == 0)
				rc = GATE_FAIL_NOMEM(err);
		}
	}
	return rc;
}

static int by_program(struct making *m, struct gate_source *s, const struct gate_call *call, struct gate_err *err)
{
	struct gate_space *space = NULL;
	gate_policy p = 0;
	int rc = gate_space_new(NULL, &space, err);

	if (rc == 0)
		rc = gate_source_policy(s, space, &p, err);
	if (rc == 0)
		rc = narrow(space, p, call, &p, err);
	if (rc == 0)
		rc = by_diagram(m, space, p, err);
	gate_space_free(space);
	return rc;
}

int gate_source_explain(struct gate_source *s, const struct gate_call *call, struct gate_explanation **ret,
                        struct gate_err *err)
{
	const struct gate_syscall *sc = gate_syscall_by_nr(call->arch, call->nr);
	const struct gate_rules *rules = NULL;
	struct making *m = calloc(1, sizeof(*m));
	struct gate_buf none = GATE_BUF_INIT;
	int rc = 0;

	if (m == NULL)
		return GATE_FAIL_NOMEM(err);
	m->e.arch = call->arch;
	m->e.nr = call->nr;
	m->e.name = sc != NULL ? gate_name_text(sc->name) : NULL;
	m->e.outcomes = m->outcomes;
	switch (s->kind) {
	case GATE_SOURCE_UNCONFINED:
		(void)add(m, (struct gate_outcome){ .action = GATE_RET_ALLOW, .reason = GATE_REASON_UNCONFINED },
		          &none);
		break;
	case GATE_SOURCE_PROGRAM:
		rc = by_program(m, s, call, err);
		break;
	case GATE_SOURCE_PROFILE:
		rc = gate_source_rules(s, &rules, err);
		if (rc == 0 && !by_rules(m, s, call))
			rc = GATE_FAIL_NOMEM(err);
		break;
	}
	if (rc < 0) {
		gate_explanation_free(&m->e);
		return -1;
	}
	for (size_t i = 1; i < m->e.n; i++)
		m->e.conditional = m->e.conditional || m->outcomes[i].action != m->outcomes[0].action;
	*ret = &m->e;
	return 0;
}
