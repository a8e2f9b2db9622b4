/* compile.c - rules, or a diagram, to a graph, and the graph to a program. */
#include "compile/compile.h"

#include "compile/leaf.h"
#include "compile/lower.h"
#include "compile/token.h"

void gate_program_done(struct gate_program *p)
{
	free(p->insns);
	p->insns = NULL;
	p->len = 0;
}

/* --- from rules --- */

#define RECENT 16u /* lists with conditions that were compiled last: neighbours and ABIs repeat them */

struct from_rules {
	const struct gate_rules *rules;
	struct {
		const struct gate_case *cases;
		size_t n;
		uint32_t node;
	} recent[RECENT];
	size_t seen;
	struct gate_seg *segs;
};

static bool same_conds(const struct gate_case *a, const struct gate_case *b)
{
	for (uint32_t c = 0; c < a->n_conds; c++) {
		const struct gate_cond *x = &a->conds[c], *y = &b->conds[c];

		if (x->arg != y->arg || x->op != y->op || x->wide != y->wide || x->value != y->value ||
		    x->mask != y->mask)
			return false;
	}
	return true;
}

/* By what they decide; where they come from does not matter. */
static bool same_cases(const struct gate_case *a, const struct gate_case *b, size_t n)
{
	if (a == b)
		return true;
	for (size_t i = 0; i < n; i++)
		if (a[i].action != b[i].action || a[i].n_conds != b[i].n_conds || !same_conds(&a[i], &b[i]))
			return false;
	return true;
}

static uint32_t cases_node(struct gate_graph *g, struct from_rules *f, const struct gate_case *cases, size_t n)
{
	size_t slot = f->seen % RECENT;

	if (n == 1)
		return gate_graph_ret(g, cases[0].action);
	for (size_t i = 0; i < RECENT && i < f->seen; i++)
		if (f->recent[i].n == n && same_cases(f->recent[i].cases, cases, n))
			return f->recent[i].node;
	f->recent[slot].cases = cases;
	f->recent[slot].n = n;
	f->recent[slot].node = gate_leaf(g, cases, n);
	f->seen++;
	return f->recent[slot].node;
}

static uint32_t token_node(struct gate_graph *g, struct from_rules *f, const struct gate_token *token,
                           struct gate_shared *shared)
{
	size_t n = 0;
	const struct gate_span *last = NULL;

	for (size_t s = 0; s < token->n_spans; s++) {
		const struct gate_span *span = &token->spans[s];

		if (last && span->n_cases == last->n_cases && same_cases(span->cases, last->cases, span->n_cases))
			continue;
		last = span;
		n = gate_seg_put(f->segs, n,
		                 (struct gate_seg){ .lo = span->lo,
		                                    .node = cases_node(g, f, span->cases, span->n_cases) });
	}
	return gate_token_node(g, token->audit, f->segs, n, shared);
}

/* The root of the whole: which token, then its tree. The first token is asked for first, and made first, so that it
 * is what others share. */
static uint32_t rules_root(struct gate_graph *g, const void *ctx)
{
	struct from_rules f = { .rules = ctx };
	const struct gate_rules *rules = ctx;
	struct gate_shared shared = { .arena = GATE_ARENA_INIT };
	GATE_AUTOFREE uint32_t *nodes = malloc(rules->n_tokens * sizeof(*nodes));
	uint32_t root = 0;
	size_t most = 1;

	for (size_t t = 0; t < rules->n_tokens; t++)
		most = rules->tokens[t].n_spans > most ? rules->tokens[t].n_spans : most;
	f.segs = malloc(most * sizeof(*f.segs));
	if (!f.segs || !nodes) {
		g->failed = GATE_E_NOMEM;
	} else {
		for (size_t t = 0; t < rules->n_tokens; t++)
			nodes[t] = token_node(g, &f, &rules->tokens[t], &shared);
		root = gate_graph_ret(g, rules->uncovered.action);
		for (size_t t = rules->n_tokens; t-- > 0;)
			root = gate_graph_jump(g, GATE_I_JEQ, rules->tokens[t].audit, nodes[t], root);
		root = gate_graph_load(g, GATE_WORD_ARCH, root);
	}
	free(f.segs);
	gate_arena_done(&shared.arena);
	return root;
}

/* --- both --- */

typedef uint32_t root_fn(struct gate_graph *g, const void *ctx);

static int try(root_fn *make, const void *ctx, bool big_endian, bool small, struct gate_program *ret,
               struct gate_err *err)
{
	__attribute__((uninitialized)) struct gate_graph g; /* large: gate_graph_init sets what is read */
	struct gate_program program;
	uint32_t root;
	int r = -1;

	gate_graph_init(&g, big_endian, small);
	root = make(&g, ctx);
	if (gate_graph_check(&g, err) == 0 && gate_graph_emit(&g, root, &program.insns, &program.len, err) == 0) {
		*ret = program;
		r = 0;
	}
	gate_graph_done(&g);
	return r;
}

/* The layout for speed, and, when that does not fit, the layout for size. */
static int compile(root_fn *make, const void *ctx, bool big_endian, struct gate_program *ret, struct gate_err *err)
{
	struct gate_err first = GATE_ERR_INIT;

	if (try(make, ctx, big_endian, false, ret, &first) == 0)
		return 0;
	if (first.code == GATE_E_LIMIT)
		return try(make, ctx, big_endian, true, ret, err);
	return GATE_FAIL(err, first.code, "%s", first.text);
}

int gate_compile_rules(const struct gate_rules *rules, struct gate_program *ret, struct gate_err *err)
{
	const struct gate_arch_info *info = rules->n_tokens > 0 ? gate_arch_info(rules->tokens[0].arch) : NULL;

	return compile(rules_root, rules, info && info->big_endian, ret, err);
}

/* --- from a diagram --- */

struct from_policy {
	struct gate_space *space;
	gate_policy policy;
};

static uint32_t policy_root(struct gate_graph *g, const void *ctx)
{
	const struct from_policy *f = ctx;

	return gate_lower(g, f->space, f->policy);
}

int gate_compile_policy(struct gate_space *space, gate_policy policy, struct gate_program *ret, struct gate_err *err)
{
	struct from_policy f = { .space = space, .policy = policy };

	return compile(policy_root, &f, gate_lower_big_endian(space, policy), ret, err);
}
