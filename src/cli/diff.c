#include "cli/cli.h"

/* Differences are gathered first: people read them by what changes, not by number. */
struct row {
	struct gate_difference d;
	char *when; /* owned */
};
struct rows {
	struct row *items;
	size_t n, cap;
	const struct gate_cli *cli;
	enum gate_arch native;
	bool failed;
};

static void rows_done(struct rows *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->items[i].when);
	free(r->items);
}

static int gather(void *ctx, const struct gate_difference *d)
{
	struct rows *r = ctx;
	char *when = d->when != NULL ? strdup(d->when) : NULL;

	if ((d->when != NULL && when == NULL) || gate_grow(&r->items, r->n, &r->cap, sizeof(*r->items)) < 0) {
		free(when);
		r->failed = true;
		return 1;
	}
	r->items[r->n++] = (struct row){ *d, when };
	return 0;
}

static void print_json(const struct rows *rows, const struct row *r)
{
	GATE_AUTO(gate_buf_done) struct gate_buf out = GATE_BUF_INIT;
	struct gate_json j;

	gate_json_init(&j, &out, 0);
	gate_json_object(&j);
	gate_call_json(&j, r->d.arch, r->d.name, r->d.nr_lo);
	gate_json_key(&j, "last_number");
	gate_json_u64(&j, r->d.nr_hi);
	for (int side = 0; side < 2; side++) {
		gate_json_key(&j, side == 0 ? "a" : "b");
		gate_json_object(&j);
		gate_verdict_json(&j, r->d.arch, side == 0 ? r->d.a : r->d.b);
		gate_json_end(&j, '}');
	}
	gate_json_key(&j, "conditional");
	gate_json_bool(&j, r->d.conditional);
	gate_json_key(&j, "when");
	gate_json_text(&j, r->when);
	gate_json_key(&j, "witness");
	gate_data_json(&j, &r->d.witness, rows->native);
	gate_json_end(&j, '}');
	gate_json_line(&out);
}

static bool same_group(const struct gate_difference *x, const struct gate_difference *y)
{
	return x->a == y->a && x->b == y->b && (gate_arch_info(x->arch) == NULL) == (gate_arch_info(y->arch) == NULL);
}

/* Calls that differ whatever their arguments are their own witnesses: their names suffice. */
static bool is_plain(const struct row *r)
{
	return r->d.name != NULL && !r->d.conditional;
}

/* The names of one architecture in a group, folded. */
static void print_names(const struct rows *rows, size_t first, const bool *mine)
{
	enum gate_arch arch = rows->items[first].d.arch;
	GATE_AUTO(gate_buf_done) struct gate_buf names = GATE_BUF_INIT;
	unsigned width = gate_columns(stdout);
	size_t n = 0;

	for (size_t i = first; i < rows->n; i++)
		if (mine[i] && is_plain(&rows->items[i]) && rows->items[i].d.arch == arch) {
			gate_buf_printf(&names, "%s%s", n > 0 ? ", " : "", rows->items[i].d.name);
			n++;
		}
	(void)printf("  %s: ", gate_arch_info(arch)->name);
	if (n == gate_syscall_count(arch)) {
		(void)printf("every call (%zu)\n", n);
		return;
	}
	(void)printf("%zu call%s\n", n, n == 1 ? "" : "s");
	gate_fold(stdout, names.data != NULL ? names.data : "", 4, width > 40 ? width : 110);
}

static void add_row(const struct rows *rows, struct gate_table *t, const struct row *r)
{
	const struct gate_arch_info *info = gate_arch_info(r->d.arch);
	char call[256];

	gate_call_text(&r->d.witness, rows->native, false, call, sizeof(call));
	if (r->d.conditional && strchr(call, '(') == NULL)
		gate_call_text(&r->d.witness, rows->native, true, call,
		               sizeof(call)); /* the arguments matter: show the zeros */
	if (info == NULL)
		gate_table_add(t, GATE_STYLE_PLAIN, "every other architecture");
	else if (r->d.name != NULL)
		gate_table_add(t, GATE_STYLE_PLAIN, "%s: %s", info->name, r->d.name);
	else if (r->d.nr_lo == r->d.nr_hi)
		gate_table_add(t, GATE_STYLE_PLAIN, "%s: number %u", info->name, r->d.nr_lo);
	else
		gate_table_add(t, GATE_STYLE_PLAIN, "%s: numbers %u to %u", info->name, r->d.nr_lo, r->d.nr_hi);
	gate_table_add(t, GATE_STYLE_DIM, "as in %s", call);
	if (r->when != NULL)
		gate_table_add(t, GATE_STYLE_PLAIN, "when %s", r->when);
	else
		gate_table_add(t, GATE_STYLE_PLAIN, "%s", "");
}

/* The members of a group: names by architecture first, then what takes a line each. */
static void print_members(const struct rows *rows, const bool *mine)
{
	GATE_AUTO(gate_table_done) struct gate_table table = { 0 };
	bool seen[GATE_ARCH_MAX] = { false };

	gate_table_init(&table, 3);
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *r = &rows->items[i];

		if (!mine[i])
			continue;
		if (!is_plain(r)) {
			add_row(rows, &table, r);
		} else if (!seen[r->d.arch]) {
			seen[r->d.arch] = true;
			print_names(rows, i, mine);
		}
	}
	gate_table_print(&table, stdout, rows->cli->color_out, 2, gate_columns(stdout));
}

static void print_heading(const struct rows *rows, const struct gate_difference *d, size_t n)
{
	char a[GATE_VERDICT_TEXT], b[GATE_VERDICT_TEXT];
	int towards = gate_ret_rank(d->b) - gate_ret_rank(d->a);
	bool color = rows->cli->color_out;

	gate_verdict_text(d->arch, d->a, a);
	gate_verdict_text(d->arch, d->b, b);
	(void)printf("%s%s -> %s%s  (%s, %zu)\n", gate_style(color, towards > 0 ? GATE_STYLE_RED : GATE_STYLE_GREEN), a,
	             b, gate_style(color, GATE_STYLE_PLAIN),
	             towards > 0   ? "stricter"
	             : towards < 0 ? "looser"
	                           : "as strict",
	             n);
}

static int print_groups(const struct rows *rows)
{
	GATE_AUTOFREE bool *done = calloc(rows->n + 1, sizeof(*done)), *mine = calloc(rows->n + 1, sizeof(*mine));

	if (done == NULL || mine == NULL)
		return -1;
	for (size_t i = 0; i < rows->n; i++) {
		size_t n = 0;

		for (size_t k = 0; k < rows->n; k++) {
			mine[k] = !done[k] && k >= i && !done[i] && same_group(&rows->items[i].d, &rows->items[k].d);
			n += mine[k];
		}
		if (n == 0)
			continue;
		print_heading(rows, &rows->items[i].d, n);
		print_members(rows, mine);
		for (size_t k = 0; k < rows->n; k++)
			done[k] = done[k] || mine[k];
	}
	(void)printf("%zu difference%s\n", rows->n, rows->n == 1 ? "" : "s");
	return 0;
}

static int run(struct gate_cli *cli)
{
	GATE_AUTO(gate_asked_done) struct gate_asked a = { 0 };
	GATE_AUTO(rows_done) struct rows rows = { .cli = cli };
	struct gate_err err = GATE_ERR_INIT;

	if (!gate_ask(cli, 2, &a))
		return gate_trouble_status(cli);
	rows.native = a.facts.arch;
	if (gate_policy_diff(a.space, a.policies[0], a.policies[1], gather, &rows, &err) < 0)
		return gate_trouble(cli, NULL, &err);
	for (size_t i = 0; i < rows.n && gate_cli_json(cli); i++)
		print_json(&rows, &rows.items[i]);
	if (rows.failed || (rows.n > 0 && !gate_cli_json(cli) && print_groups(&rows) < 0)) {
		gate_say(cli, "out of memory");
		return gate_trouble_status(cli);
	}
	return rows.n == 0 ? 0 : 1;
}

const struct gate_verb gate_verb_diff = {
	.name = "diff",
	.operands = "A B",
	.summary = "every difference in meaning between two sources, each with a call that shows it",
	.about =
	    "Compares what A and B decide for every possible call and prints where they part: from A's action to B's, the "
	    "calls, a concrete call for each, and for which arguments. Nothing is printed when both mean the same, however "
	    "differently they are written. Numbers that no table knows are shown as runs.",
	.class = GATE_CLASS_ANALYSIS,
	.first = GATE_OPERAND_SOURCE,
	.rest = GATE_OPERAND_SOURCE,
	.least = 2,
	.most = 2,
	.groups = { gate_options_source, gate_options_format },
	.examples =
	    (const struct gate_example[]){
		{ "callgate diff old.json new.json", "what does this change do?" },
		{ "callgate diff docker:web.json web.json",
	          "what does Docker make of it that its author did not write?" },
		{ "callgate diff pid:1234 web.json", "is the process under the file that it should be under?" },
		{ 0 },
	    },
	.statuses =
	    (const struct gate_status[]){ { "0", "same meaning" }, { "1", "different" }, { "2", "trouble" }, { 0 } },
	.run = run,
};
