/* read_entry.c - the elements of `syscalls`: names, action, conditions, includes and excludes. */
#include "profile/read.h"

/* --- conditions --- */

static void read_index(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_arg *a = into;
	uint64_t n;

	a->index_at = v->at;
	if (gate_read_number(r, v, "index", 5, &n))
		a->index = (uint32_t)n;
}

static void read_value(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_arg *a = into;

	a->value_at = v->at;
	gate_read_number(r, v, "value", UINT64_MAX, &a->value);
}

static void read_value_two(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_arg *a = into;

	a->value_two_at = v->at;
	a->has_two = gate_read_number(r, v, "valueTwo", UINT64_MAX, &a->value_two);
}

static void read_op(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_arg *a = into;

	(void)r;
	a->op_text = gate_read_text(v);
}

static const struct gate_key arg_keys[] = {
	{ "index", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_NUMBER), read_index },
	{ "value", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_NUMBER), read_value },
	{ "valueTwo", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_NUMBER), read_value_two },
	{ "op", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_STRING), read_op },
	{ "comment", GATE_FIELD_REMARK, ~0u, NULL },
};

static void check_op(struct gate_reader *r, struct gate_arg *a, const struct gate_doc *item)
{
	struct gate_text word = a->op_text;

	if (word.s == NULL)
		word = (struct gate_text){ "", 0, a->at };
	a->op = gate_op_by_scmp(word.s, word.len);
	if (a->op == 0 && a->op_text.s == NULL && r->d->bad_operator == NULL)
		gate_read_missing(r, "T29", item, "condition", "op", "\"op\": \"SCMP_CMP_EQ\"");
	else if (a->op == 0)
		gate_read_unknown(r, "T29", &word, r->d->bad_operator, "operator",
		                  gate_word_suggest(GATE_WORD_OPERATOR, word.s, word.len));
}

static void check_arg(struct gate_reader *r, struct gate_arg *a, const struct gate_doc *item)
{
	if (r->d->engine == GATE_ENGINE_NATIVE && a->index_at.line == 0)
		gate_read_missing(r, "T18", item, "condition", "index", "\"index\": 0");
	if (r->d->engine == GATE_ENGINE_NATIVE && a->value_at.line == 0)
		gate_read_missing(r, "T34", item, "condition", "value", "\"value\": 0");
	check_op(r, a, item);
}

static void read_args(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_entry *e = into;
	size_t n = v->n_items;

	e->has_args = true;
	if (v->kind == GATE_DOC_NULL)
		return;
	if (n > 6 && r->d->engine == GATE_ENGINE_NATIVE) {
		gate_read_bad(r, "T17", v->at, NULL,
		              "entry has %zu conditions, but a system call has at most 6 arguments", n);
		return;
	}
	if (n > 6 && r->d->runtime == GATE_RUNTIME_CRUN) { /* crun ba38286; PR#2220 */
		gate_findings_add(r->findings, GATE_WARNING, "T17", v->items[6].at, gate_engine_name(r->d->engine),
		                  "the rule becomes wider than it was written", NULL,
		                  "%s ignores conditions after the sixth", gate_engine_name(r->d->engine));
		n = 6;
	}
	e->args = GATE_NEWS(&r->p->arena, struct gate_arg, n);
	if (e->args == NULL) {
		gate_read_nomem(r);
		return;
	}
	for (size_t i = 0; i < n && !gate_read_over(r); i++) {
		const struct gate_doc *item = &v->items[i];
		struct gate_arg *a = &e->args[e->n_args];

		if (item->kind != GATE_DOC_OBJECT) {
			gate_read_bad(r, "T34", item->at, NULL, "'args' must hold objects, not %s",
			              gate_doc_kind_name(item->kind));
			continue;
		}
		e->n_args++;
		a->at = item->at;
		gate_read_object(r, arg_keys, GATE_ARRAY_LEN(arg_keys), item, "a condition", a);
		if (!gate_read_over(r))
			check_arg(r, a, item);
	}
}

/* --- includes, excludes --- */

static void strange_word(struct gate_reader *r, const struct gate_text *t, const char *what, const char *near)
{
	if (r->d->engine == GATE_ENGINE_NATIVE)
		gate_read_unknown(r, "T33", t, NULL, what, near);
	else
		gate_findings_add(r->findings, GATE_WARNING, "T33", t->at, gate_engine_name(r->d->engine),
		                  "it never matches there", near, "unknown %s '%s'", what, gate_show(t->s, t->len).s);
}

static void read_caps(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_filter *f = into;

	gate_read_texts(r, v, "caps", &f->caps, &f->n_caps);
	for (size_t i = 0; i < f->n_caps && !gate_read_over(r); i++) {
		const struct gate_text *t = &f->caps[i];

		if (gate_cap_find(t->s, t->len) < 0)
			strange_word(r, t, "capability", gate_cap_suggest(t->s, t->len));
	}
}

static void read_arches(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_filter *f = into;

	f->has_arches = true;
	gate_read_texts(r, v, "arches", &f->arches, &f->n_arches);
	for (size_t i = 0; i < f->n_arches && !gate_read_over(r); i++) {
		const struct gate_text *t = &f->arches[i];
		const struct gate_arch_info *meant = gate_arch_info(gate_arch_by_name(t->s, t->len));

		if (meant == NULL || strcmp(meant->goarch, t->s) != 0)
			strange_word(r, t, "architecture",
			             meant != NULL ? meant->goarch : gate_arch_suggest(t->s, t->len));
	}
}

/* moby's kernel.ParseRelease on "<kernel>.<major>", each 0..255; "0.0" is an error there. */
static bool parse_kernel(const struct gate_text *t, struct gate_kver *ret)
{
	const char *dot = memchr(t->s, '.', t->len);
	uint64_t major, minor;

	if (dot == NULL || gate_u64_parse(t->s, (size_t)(dot - t->s), 255, &major) < 0 ||
	    gate_u64_parse(dot + 1, t->len - (size_t)(dot - t->s) - 1, 255, &minor) < 0 || (major == 0 && minor == 0))
		return false;
	*ret = (struct gate_kver){ (uint16_t)major, (uint16_t)minor };
	return true;
}

static void read_min_kernel(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_filter *f = into;

	f->min_kernel = gate_read_text(v);
	if (v->len == 0 || parse_kernel(&f->min_kernel, &f->min_kernel_value))
		return;
	if (r->d->engine == GATE_ENGINE_NATIVE)
		gate_read_bad(r, "T33", v->at, "\"4.8\"",
		              "'minKernel' must be two numbers and a dot, such as '4.8', not '%s'",
		              gate_show(v->text, v->len).s);
	else
		gate_read_bad(r, "T33", v->at, "\"4.8\"", "invalid kernel version: %s", gate_show(v->text, v->len).s);
}

static const struct gate_key filter_keys[] = {
	{ "caps", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_ARRAY), read_caps },
	{ "arches", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_ARRAY), read_arches },
	{ "minKernel", GATE_FIELD_MIN_KERNEL, GATE_KIND(GATE_DOC_STRING), read_min_kernel },
	{ "comment", GATE_FIELD_REMARK, ~0u, NULL },
};

static void read_filter(struct gate_reader *r, const struct gate_doc *v, struct gate_filter *f, const char *what)
{
	f->present = true;
	f->at = v->at;
	gate_read_object(r, filter_keys, GATE_ARRAY_LEN(filter_keys), v, what, f);
}

static void read_includes(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	read_filter(r, v, &((struct gate_entry *)into)->includes, "'includes'");
}

static void read_excludes(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	read_filter(r, v, &((struct gate_entry *)into)->excludes, "'excludes'");
}

/* --- the entry --- */

static void read_names(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_entry *e = into;
	struct gate_text *list = NULL;
	size_t n = 0;

	e->has_names = v->n_items != 0;
	gate_read_texts(r, v, "names", &list, &n);
	if (n != 0 && !e->has_name) {
		e->names = list;
		e->n_names = n;
	}
}

static void read_name(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_entry *e = into;
	struct gate_text *one;

	if (v->len == 0)
		return; /* Go cannot tell "" from absent */
	one = GATE_NEW(&r->p->arena, struct gate_text);
	if (one == NULL) {
		gate_read_nomem(r);
		return;
	}
	*one = gate_read_text(v);
	e->has_name = true;
	e->name_at = v->key_at;
	e->names = one;
	e->n_names = 1;
}

static void read_action(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	(void)r;
	((struct gate_entry *)into)->action_text = gate_read_text(v);
}

static void read_errno_ret(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	struct gate_entry *e = into;
	uint64_t n;

	if (!gate_read_number(r, v, "errnoRet", UINT32_MAX, &n))
		return;
	e->has_errno_ret = true;
	e->errno_ret = (uint32_t)n;
	e->errno_ret_at = v->at;
}

static void read_errno(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	(void)r;
	if (v->len != 0)
		((struct gate_entry *)into)->errno_text = gate_read_text(v);
}

static void read_comment(struct gate_reader *r, const struct gate_doc *v, void *into)
{
	(void)r;
	if (v->kind == GATE_DOC_STRING)
		((struct gate_entry *)into)->comment = gate_read_text(v);
}

static const struct gate_key entry_keys[] = {
	{ "names", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_ARRAY), read_names },
	{ "name", GATE_FIELD_DOCKER, GATE_KIND(GATE_DOC_STRING), read_name },
	{ "action", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_STRING), read_action },
	{ "errnoRet", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_NUMBER), read_errno_ret },
	{ "errno", GATE_FIELD_ERRNO_WORD, GATE_KIND(GATE_DOC_STRING), read_errno },
	{ "args", GATE_FIELD_OCI, GATE_KIND(GATE_DOC_ARRAY) | GATE_KIND(GATE_DOC_NULL), read_args },
	{ "includes", GATE_FIELD_DOCKER, GATE_KIND(GATE_DOC_OBJECT), read_includes },
	{ "excludes", GATE_FIELD_DOCKER, GATE_KIND(GATE_DOC_OBJECT), read_excludes },
	{ "comment", GATE_FIELD_REMARK, ~0u, read_comment },
};

/* The empty name stops a container under runc; natively no call is meant by it either. */
static void check_names(struct gate_reader *r, const struct gate_entry *e, const struct gate_doc *item)
{
	const struct gate_doc *old = gate_doc_member(item, "name");

	if (e->n_names == 0 && (old == NULL || old->kind != GATE_DOC_STRING || old->len == 0)) /* else said already */
		gate_findings_add(r->findings, GATE_WARNING, "T34", e->at, NULL, "it has no effect",
		                  "\"names\": [\"...\"]", "entry names no system call");
	for (size_t i = 0; i < e->n_names; i++) {
		if (e->names[i].len != 0 || r->d->runtime == GATE_RUNTIME_CRUN)
			continue;
		gate_read_bad(r, "T8", e->names[i].at, NULL, "%s",
		              r->d->runtime == GATE_RUNTIME_RUNC ? "empty string is not a valid syscall"
		                                                 : "a system call's name is empty");
	}
}

static void check_entry(struct gate_reader *r, struct gate_entry *e, const struct gate_doc *item)
{
	if (e->has_name && e->has_names)
		gate_read_bad(r, "T3", e->name_at, "'names' alone", "%s",
		              r->d->both_names != NULL ? r->d->both_names : "entry has both 'name' and 'names'");
	check_names(r, e, item);
	if (e->action_text.s == NULL) {
		gate_read_missing(r, "T29", item, "entry", "action", "\"action\": \"SCMP_ACT_ALLOW\"");
		return;
	}
	e->action = gate_read_action(r, &e->action_text, e->has_errno_ret, e->errno_ret, e->errno_ret_at,
	                             &e->errno_text, false);
}

void gate_read_entries(struct gate_reader *r, const struct gate_doc *array)
{
	struct gate_profile *p = r->p;

	p->entries = GATE_NEWS(&p->arena, struct gate_entry, array->n_items);
	if (p->entries == NULL) {
		gate_read_nomem(r);
		return;
	}
	p->n_entries = 0;
	for (size_t i = 0; i < array->n_items && !gate_read_over(r); i++) {
		const struct gate_doc *item = &array->items[i];
		struct gate_entry *e = &p->entries[p->n_entries];

		if (item->kind != GATE_DOC_OBJECT) {
			gate_read_bad(r, "T34", item->at, NULL, "'syscalls' must hold objects, not %s",
			              gate_doc_kind_name(item->kind));
			continue;
		}
		p->n_entries++;
		e->at = item->at;
		gate_read_object(r, entry_keys, GATE_ARRAY_LEN(entry_keys), item, "an entry of 'syscalls'", e);
		if (!gate_read_over(r))
			check_entry(r, e, item);
	}
}
