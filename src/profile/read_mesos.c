/* read_mesos.c - the grammar of mesos-containerizer (src/linux/seccomp/seccomp_parser.cpp, Mesos 1.11), in its order
 * and with its texts. What it validates depends on the host, which is not known here: an entry that `arches` would drop
 * on some host is validated whole, as it is on the others.
 *
 * Stricter than Mesos where Mesos loses a condition in silence: `args` of another type than array or null, numbers
 * that wrap or are cut. */
#include "profile/read.h"

#define NOT_FOUND  "Not found"
#define WRONG_TYPE "Found JSON value of wrong type"

/* A field that must be there with a kind. NULL, reported, when it is not. */
static const struct gate_doc *need(struct gate_reader *r, const struct gate_doc *object, const char *key,
                                   enum gate_doc_kind kind, const char *where)
{
	const struct gate_doc *v = gate_doc_member(object, key);

	if (v == NULL)
		gate_read_bad(r, "T34", object->at, NULL, "Cannot determine '%s' %s: " NOT_FOUND, key, where);
	else if (v->kind != kind)
		gate_read_bad(r, "T34", v->at, NULL, "Cannot determine '%s' %s: " WRONG_TYPE, key, where);
	return v != NULL && v->kind == kind ? v : NULL;
}

#define TOP   "for the Seccomp configuration"
#define MAP   "field for 'archMap' item"
#define ENTRY "field for 'syscalls' item"
#define ARG   "field for 'args' item"

static bool starts(const struct gate_doc *v, const char *prefix)
{
	return v->len >= strlen(prefix) && memcmp(v->text, prefix, strlen(prefix)) == 0;
}

/* KILL, TRAP, ERRNO, TRACE and ALLOW are all that it knows. ERRNO and TRACE carry EPERM, whatever the file says. */
static bool mesos_action(const struct gate_doc *v, uint32_t *ret)
{
	static const char *const known[] = { "SCMP_ACT_KILL", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO", "SCMP_ACT_TRACE",
		                             "SCMP_ACT_ALLOW" };

	for (size_t i = 0; i < GATE_ARRAY_LEN(known); i++) {
		if (strlen(known[i]) != v->len || memcmp(known[i], v->text, v->len) != 0)
			continue;
		GATE_CHECK(gate_action_by_scmp(v->text, v->len, ret) == 0);
		if (*ret == GATE_RET_ERRNO || *ret == GATE_RET_TRACE)
			*ret |= 1;
		return true;
	}
	return false;
}

static uint32_t read_action(struct gate_reader *r, const struct gate_doc *v)
{
	struct gate_shown shown = gate_show(v->text, v->len);
	uint32_t action = GATE_RET_KILL_PROCESS;

	if (!starts(v, "SCMP_"))
		gate_read_bad(r, "T29", v->at, NULL, "Unexpected syscall action: '%s'", shown.s);
	else if (!mesos_action(v, &action))
		gate_read_bad(r, "T29", v->at, NULL, "Unknown syscall action: '%s'", shown.s);
	return action;
}

/* --- archMap --- */

/* PPC64 is in its enum, but not in its resolver. */
static bool mesos_arch(const char *s, size_t len)
{
	switch (gate_arch_by_scmp(s, len)) {
	case GATE_ARCH_X86:
	case GATE_ARCH_X86_64:
	case GATE_ARCH_X32:
	case GATE_ARCH_ARM:
	case GATE_ARCH_AARCH64:
	case GATE_ARCH_MIPS:
	case GATE_ARCH_MIPSEL:
	case GATE_ARCH_MIPS64:
	case GATE_ARCH_MIPSEL64:
	case GATE_ARCH_MIPS64N32:
	case GATE_ARCH_MIPSEL64N32:
	case GATE_ARCH_PPC:
	case GATE_ARCH_PPC64LE:
	case GATE_ARCH_S390:
	case GATE_ARCH_S390X:
		return true;
	case GATE_ARCH_NONE:
	case GATE_ARCH_PPC64:
	case GATE_ARCH_RISCV64:
	case GATE_ARCH_LOONGARCH64:
	case GATE_ARCH_PARISC:
	case GATE_ARCH_PARISC64:
	case GATE_ARCH_M68K:
	case GATE_ARCH_SH:
	case GATE_ARCH_SHEB:
	case GATE_ARCH_MAX:
	default:
		return false;
	}
}

static void check_arch(struct gate_reader *r, const struct gate_doc *v)
{
	struct gate_shown shown = gate_show(v->text, v->len);

	if (!starts(v, "SCMP_"))
		gate_read_bad(r, "T29", v->at, NULL, "Unexpected architecture: '%s'", shown.s);
	else if (!mesos_arch(v->text, v->len))
		gate_read_bad(r, "T29", v->at, NULL, "Unknown architecture: '%s'", shown.s);
}

static void read_subs(struct gate_reader *r, const struct gate_doc *subs, struct gate_arch_map *m)
{
	m->subs = GATE_NEWS(&r->p->arena, struct gate_text, subs->n_items);
	if (m->subs == NULL) {
		gate_read_nomem(r);
		return;
	}
	for (size_t i = 0; i < subs->n_items && !gate_read_over(r); i++) {
		const struct gate_doc *v = &subs->items[i];

		if (v->kind != GATE_DOC_STRING) {
			gate_read_bad(r, "T34", v->at, NULL, "'subArchitectures' contains a non-string item");
			continue;
		}
		check_arch(r, v);
		m->subs[m->n_subs++] = gate_read_text(v);
	}
}

static void read_map(struct gate_reader *r, const struct gate_doc *array)
{
	struct gate_profile *p = r->p;

	p->has_arch_map = true;
	p->arch_map_at = array->at;
	p->arch_map = GATE_NEWS(&p->arena, struct gate_arch_map, array->n_items);
	if (p->arch_map == NULL) {
		gate_read_nomem(r);
		return;
	}
	for (size_t i = 0; i < array->n_items && !gate_read_over(r); i++) {
		const struct gate_doc *item = &array->items[i], *v;
		struct gate_arch_map *m = &p->arch_map[p->n_arch_map];

		if (item->kind != GATE_DOC_OBJECT) {
			gate_read_bad(r, "T34", item->at, NULL, "'archMap' contains a non-object item");
			continue;
		}
		m->at = item->at;
		if ((v = need(r, item, "architecture", GATE_DOC_STRING, MAP)) == NULL)
			continue;
		m->architecture = gate_read_text(v);
		check_arch(r, v);
		p->n_arch_map++;
		if ((v = need(r, item, "subArchitectures", GATE_DOC_ARRAY, MAP)) != NULL)
			read_subs(r, v, m);
	}
}

/* --- includes, excludes --- */

#define MESOS_LAST_CAP 37 /* CAP_AUDIT_READ: CapabilityInfo in mesos.proto ends there */

static bool mesos_arch_word(const struct gate_text *t)
{
	static const char *const words[] = { "x86",         "amd64",  "x32",     "arm",      "arm64",
		                             "mips",        "mipsel", "mips64",  "mipsel64", "mips64n32",
		                             "mipsel64n32", "ppc",    "ppc64le", "s390",     "s390x" };

	for (size_t i = 0; i < GATE_ARRAY_LEN(words); i++)
		if (strcmp(words[i], t->s) == 0)
			return true;
	return false;
}

static void read_words(struct gate_reader *r, const struct gate_doc *object, const char *key, struct gate_text **list,
                       size_t *n, bool *has)
{
	const struct gate_doc *array = gate_doc_member(object, key);

	if (array == NULL)
		return;
	*has = true;
	if (array->kind != GATE_DOC_ARRAY) {
		gate_read_bad(r, "T34", array->at, NULL, WRONG_TYPE);
		return;
	}
	*list = GATE_NEWS(&r->p->arena, struct gate_text, array->n_items);
	if (*list == NULL) {
		gate_read_nomem(r);
		return;
	}
	for (size_t i = 0; i < array->n_items && !gate_read_over(r); i++) {
		if (array->items[i].kind == GATE_DOC_STRING)
			(*list)[(*n)++] = gate_read_text(&array->items[i]);
		else
			gate_read_bad(r, "T34", array->items[i].at, NULL, "'%s' contains non-string item", key);
	}
}

static void read_filter(struct gate_reader *r, const struct gate_doc *v, struct gate_filter *f)
{
	bool has_caps = false;

	f->present = true;
	f->at = v->at;
	read_words(r, v, "arches", &f->arches, &f->n_arches, &f->has_arches);
	for (size_t i = 0; i < f->n_arches && !gate_read_over(r); i++)
		if (!mesos_arch_word(&f->arches[i]))
			gate_read_bad(r, "T33", f->arches[i].at, NULL, "Unknown architecture: '%s'",
			              gate_show(f->arches[i].s, f->arches[i].len).s);
	if (gate_read_over(r))
		return;
	read_words(r, v, "caps", &f->caps, &f->n_caps, &has_caps);
	for (size_t i = 0; i < f->n_caps && !gate_read_over(r); i++) {
		const struct gate_text *t = &f->caps[i];

		if (strncmp(t->s, "CAP_", 4) != 0)
			gate_read_bad(r, "T33", t->at, NULL, "Unexpected capability: '%s'", gate_show(t->s, t->len).s);
		else if (gate_cap_find(t->s, t->len) < 0 || gate_cap_find(t->s, t->len) > MESOS_LAST_CAP)
			gate_read_bad(r, "T33", t->at, NULL, "Unknown capability: '%s'", gate_show(t->s, t->len).s);
	}
}

/* --- entries --- */

static void read_names(struct gate_reader *r, const struct gate_doc *array, struct gate_entry *e)
{
	e->names = GATE_NEWS(&r->p->arena, struct gate_text, array->n_items);
	if (e->names == NULL) {
		gate_read_nomem(r);
		return;
	}
	for (size_t i = 0; i < array->n_items && !gate_read_over(r); i++) {
		if (array->items[i].kind == GATE_DOC_STRING)
			e->names[e->n_names++] = gate_read_text(&array->items[i]);
		else
			gate_read_bad(r, "T34", array->items[i].at, NULL, "'names' contains a non-string item");
	}
	e->has_names = true;
	if (array->n_items == 0)
		gate_read_bad(r, "T34", array->at, NULL, "Syscall 'names' list is empty");
}

static void read_number(struct gate_reader *r, const struct gate_doc *item, const char *key, uint64_t max,
                        uint64_t *ret, struct gate_place *at)
{
	const struct gate_doc *v = need(r, item, key, GATE_DOC_NUMBER, ARG);

	if (v == NULL)
		return;
	*at = v->at;
	gate_read_number(r, v, key, max, ret);
}

static void read_arg(struct gate_reader *r, const struct gate_doc *item, struct gate_arg *a)
{
	uint64_t index = 0;
	const struct gate_doc *v;

	a->at = item->at;
	read_number(r, item, "index", UINT32_MAX, &index, &a->index_at);
	read_number(r, item, "value", UINT64_MAX, &a->value, &a->value_at);
	read_number(r, item, "valueTwo", UINT64_MAX, &a->value_two, &a->value_two_at);
	a->has_two = true;
	a->index = (uint32_t)index;
	if ((v = need(r, item, "op", GATE_DOC_STRING, ARG)) == NULL)
		return;
	a->op_text = gate_read_text(v);
	a->op = gate_op_by_scmp(v->text, v->len);
	if (!starts(v, "SCMP_"))
		gate_read_bad(r, "T29", v->at, NULL, "Unexpected operation: '%s'", gate_show(v->text, v->len).s);
	else if (a->op == 0)
		gate_read_bad(r, "T29", v->at, NULL, "Unknown operator: '%s'", gate_show(v->text, v->len).s);
}

static void read_args(struct gate_reader *r, const struct gate_doc *entry, struct gate_entry *e)
{
	const struct gate_doc *v = gate_doc_member(entry, "args");

	if (v == NULL) {
		gate_read_bad(r, "T34", entry->at, NULL, "Cannot determine 'args' " ENTRY ": " NOT_FOUND);
		return;
	}
	e->has_args = true;
	if (v->kind == GATE_DOC_NULL) /* since Mesos 1.11, a679eb4bc */
		return;
	if (v->kind != GATE_DOC_ARRAY) {
		gate_read_bad(r, "T34", v->at, "an array, or null",
		              "'args' is %s: mesos drops it, and the rule becomes unconditional",
		              gate_doc_kind_name(v->kind));
		return;
	}
	e->args = GATE_NEWS(&r->p->arena, struct gate_arg, v->n_items);
	if (e->args == NULL) {
		gate_read_nomem(r);
		return;
	}
	for (size_t i = 0; i < v->n_items && !gate_read_over(r); i++) {
		if (v->items[i].kind == GATE_DOC_OBJECT)
			read_arg(r, &v->items[i], &e->args[e->n_args++]);
		else
			gate_read_bad(r, "T34", v->items[i].at, NULL, "'args' contains a non-object item");
	}
}

/* The library's own refusals, which the dry run of the parser turns into parse errors. */
static void check_rule(struct gate_reader *r, const struct gate_entry *e)
{
	const char *act = e->action_text.s + strlen("SCMP_");
	unsigned seen = 0;

	for (size_t i = 0; i < e->n_names && !gate_read_over(r); i++) {
		struct gate_shown name = gate_show(e->names[i].s, e->names[i].len);

		if (gate_name_find(e->names[i].s, e->names[i].len) < 0)
			gate_read_bad(r, "T8", e->names[i].at, gate_name_suggest(e->names[i].s, e->names[i].len),
			              "Unrecognized syscall '%s'", name.s);
	}
	if (e->n_names == 0 || gate_read_over(r))
		return;
	struct gate_shown first = gate_show(e->names[0].s, e->names[0].len);

	if (e->action == r->p->default_action)
		gate_read_bad(r, "T9", e->action_text.at, NULL,
		              "Failed to add rule for syscall '%s' with action '%s': Permission denied", first.s, act);
	for (size_t i = 0; i < e->n_args && !gate_read_over(r); i++) {
		bool again = e->args[i].index < 6 && (seen >> e->args[i].index & 1) != 0;

		if (e->args[i].index > 5 || again)
			gate_read_bad(r, again ? "T15" : "T18", e->args[i].index_at, NULL,
			              "Failed to add rule for syscall '%s' with action '%s': Invalid argument", first.s,
			              act);
		else
			seen |= 1u << e->args[i].index;
	}
}

static void read_entry(struct gate_reader *r, const struct gate_doc *item, struct gate_entry *e)
{
	const struct gate_doc *v;

	e->at = item->at;
	if ((v = need(r, item, "includes", GATE_DOC_OBJECT, ENTRY)) != NULL)
		read_filter(r, v, &e->includes);
	if (!gate_read_over(r) && (v = need(r, item, "excludes", GATE_DOC_OBJECT, ENTRY)) != NULL)
		read_filter(r, v, &e->excludes);
	if (!gate_read_over(r) && (v = need(r, item, "names", GATE_DOC_ARRAY, ENTRY)) != NULL)
		read_names(r, v, e);
	if (!gate_read_over(r) && (v = need(r, item, "action", GATE_DOC_STRING, "for 'syscalls' item")) != NULL) {
		e->action_text = gate_read_text(v);
		e->action = read_action(r, v);
	}
	if (!gate_read_over(r))
		read_args(r, item, e);
	if (!r->failed)
		check_rule(r, e);
}

void gate_read_mesos(struct gate_reader *r, const struct gate_doc *root)
{
	struct gate_profile *p = r->p;
	const struct gate_doc *v;

	if ((v = need(r, root, "defaultAction", GATE_DOC_STRING, TOP)) != NULL) {
		p->default_action_text = gate_read_text(v);
		p->default_action = read_action(r, v);
	}
	if (!gate_read_over(r) && (v = need(r, root, "archMap", GATE_DOC_ARRAY, TOP)) != NULL)
		read_map(r, v);
	if (gate_read_over(r) || (v = need(r, root, "syscalls", GATE_DOC_ARRAY, TOP)) == NULL)
		return;
	p->has_syscalls = true;
	p->syscalls_at = v->at;
	p->entries = GATE_NEWS(&p->arena, struct gate_entry, v->n_items);
	if (p->entries == NULL) {
		gate_read_nomem(r);
		return;
	}
	for (size_t i = 0; i < v->n_items && !gate_read_over(r); i++) {
		if (v->items[i].kind == GATE_DOC_OBJECT)
			read_entry(r, &v->items[i], &p->entries[p->n_entries++]);
		else
			gate_read_bad(r, "T34", v->items[i].at, NULL, "'syscalls' contains a non-object item");
	}
}
