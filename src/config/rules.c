/* Lists of objects: who may do what (acl), who may be unconfined. */
#include "base/num.h"
#include "config/parts.h"

static const struct {
	const char *name;
	uint32_t bits;
} rights[] = {
	{ "read", GATE_RIGHT_READ }, { "launch", GATE_RIGHT_LAUNCH },         { "kill", GATE_RIGHT_KILL },
	{ "exec", GATE_RIGHT_EXEC }, { "unconfined", GATE_RIGHT_UNCONFINED }, { "host", GATE_RIGHT_HOST },
	{ "all", GATE_RIGHT_ALL },
};

static int right(const struct gate_doc *d, uint32_t *ret, struct gate_err *err)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(rights); i++) {
		if (d->kind != GATE_DOC_STRING || strcmp(d->text, rights[i].name) != 0)
			continue;
		*ret |= rights[i].bits;
		return 0;
	}
	return GATE_FAIL_AT(err, d->at, GATE_E_INVALID,
	                    "'%.40s' is not a right: read, launch, kill, exec, unconfined, host or all",
	                    d->text != NULL ? d->text : gate_doc_kind_name(d->kind));
}

static int list_of_objects(const struct gate_doc *d, const char *what, struct gate_err *err)
{
	if (d->kind != GATE_DOC_ARRAY)
		return GATE_FAIL_AT(err, d->at, GATE_E_INVALID, "%s is a list of objects, not %s", what,
		                    gate_doc_kind_name(d->kind));
	for (size_t i = 0; i < d->n_items; i++)
		if (d->items[i].kind != GATE_DOC_OBJECT)
			return GATE_FAIL_AT(err, d->items[i].at, GATE_E_INVALID, "%s is a list of objects, not of %s",
			                    what, gate_doc_kind_name(d->items[i].kind));
	return 0;
}

static int text(const struct gate_doc *m, struct gate_arena *arena, const char **ret, struct gate_err *err)
{
	if (m->kind != GATE_DOC_STRING || m->len == 0)
		return GATE_FAIL_AT(err, m->at, GATE_E_INVALID, "%s is a string", m->key);
	*ret = gate_arena_text(arena, m->text, m->len);
	return *ret != NULL ? 0 : GATE_FAIL_NOMEM(err);
}

static int id(const struct gate_doc *m, int64_t *ret, struct gate_err *err)
{
	uint64_t n;

	if (m->text == NULL || gate_u64_parse(m->text, m->len, UINT32_MAX - 1, &n) < 0)
		return GATE_FAIL_AT(err, m->at, GATE_E_INVALID, "%s is a number", m->key);
	*ret = (int64_t)n;
	return 0;
}

static int acl_member(const struct gate_doc *m, struct gate_arena *arena, struct gate_acl *a, struct gate_err *err)
{
	if (strcmp(m->key, "uid") == 0)
		return id(m, &a->uid, err);
	if (strcmp(m->key, "gid") == 0)
		return id(m, &a->gid, err);
	if (strcmp(m->key, "subject") == 0)
		return text(m, arena, &a->subject, err);
	if (strcmp(m->key, "rights") != 0)
		return GATE_FAIL_AT(err, m->key_at, GATE_E_INVALID,
		                    "'%.40s' is unknown here: uid, gid, subject, rights", m->key);
	if (m->kind == GATE_DOC_STRING)
		return right(m, &a->rights, err);
	if (m->kind != GATE_DOC_ARRAY)
		return GATE_FAIL_AT(err, m->at, GATE_E_INVALID, "rights is a list of words");
	for (size_t i = 0; i < m->n_items; i++)
		if (right(&m->items[i], &a->rights, err) < 0)
			return -1;
	return 0;
}

int gate_acl_read(const struct gate_doc *d, struct gate_arena *arena, struct gate_acl **ret, size_t *n,
                  struct gate_err *err)
{
	struct gate_acl *list;

	if (list_of_objects(d, "acl", err) < 0)
		return -1;
	list = GATE_NEWS(arena, struct gate_acl, d->n_items + 1);
	if (list == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < d->n_items; i++) {
		const struct gate_doc *o = &d->items[i];

		list[i] = (struct gate_acl){ .uid = -1, .gid = -1 };
		for (size_t k = 0; k < o->n_items; k++)
			if (acl_member(&o->items[k], arena, &list[i], err) < 0)
				return -1;
		if (list[i].uid < 0 && list[i].gid < 0 && list[i].subject == NULL)
			return GATE_FAIL_AT(err, o->at, GATE_E_INVALID,
			                    "an entry of acl needs a uid, a gid or a subject");
		if (list[i].subject != NULL && (list[i].uid >= 0 || list[i].gid >= 0))
			return GATE_FAIL_AT(
			    err, o->at, GATE_E_INVALID,
			    "an entry of acl is for a local uid or gid, or for the subject of a certificate");
		if (list[i].rights == 0)
			return GATE_FAIL_AT(err, o->at, GATE_E_INVALID, "an entry of acl needs rights");
	}
	*ret = list;
	*n = d->n_items;
	return 0;
}

static int may_member(const struct gate_doc *m, struct gate_arena *arena, struct gate_may *r, struct gate_err *err)
{
	if (strcmp(m->key, "user") == 0)
		return text(m, arena, &r->user, err);
	if (strcmp(m->key, "path") == 0)
		return text(m, arena, &r->path, err);
	if (strcmp(m->key, "label") != 0)
		return GATE_FAIL_AT(err, m->key_at, GATE_E_INVALID, "'%.40s' is unknown here: user, path, label",
		                    m->key);
	if (m->kind == GATE_DOC_STRING && strchr(m->text, '=') == NULL)
		return GATE_FAIL_AT(err, m->at, GATE_E_INVALID, "a label is written KEY=VALUE");
	return text(m, arena, &r->label, err);
}

int gate_may_read(const struct gate_doc *d, struct gate_arena *arena, struct gate_may **ret, size_t *n, bool *limited,
                  struct gate_err *err)
{
	struct gate_may *list;

	if (d->kind == GATE_DOC_STRING && (strcmp(d->text, "nobody") == 0 || strcmp(d->text, "anyone") == 0)) {
		*ret = NULL;
		*n = 0;
		*limited = d->text[0] == 'n';
		return 0;
	}
	if (list_of_objects(d, "unconfined", err) < 0)
		return -1;
	list = GATE_NEWS(arena, struct gate_may, d->n_items + 1);
	if (list == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < d->n_items; i++) {
		for (size_t k = 0; k < d->items[i].n_items; k++)
			if (may_member(&d->items[i].items[k], arena, &list[i], err) < 0)
				return -1;
		if (list[i].user == NULL && list[i].path == NULL && list[i].label == NULL)
			return GATE_FAIL_AT(err, d->items[i].at, GATE_E_INVALID,
			                    "an entry of unconfined needs a user, a path or a label");
	}
	*ret = list;
	*n = d->n_items;
	*limited = true;
	return 0;
}

/* A flag's text: JSON, or one word. */
static int tree(const char *s, struct gate_arena *arena, const struct gate_doc **ret, struct gate_err *err)
{
	struct gate_doc *word;

	if (s[0] == '[' || s[0] == '{')
		return gate_doc_read(arena, s, strlen(s), ret, err);
	word = GATE_NEW(arena, struct gate_doc);
	if (word == NULL)
		return GATE_FAIL_NOMEM(err);
	*word = (struct gate_doc){ .kind = GATE_DOC_STRING, .text = s, .len = (uint32_t)strlen(s) };
	*ret = word;
	return 0;
}

int gate_acl_parse(const char *s, struct gate_arena *arena, struct gate_acl **ret, size_t *n, struct gate_err *err)
{
	const struct gate_doc *d = NULL;

	return tree(s, arena, &d, err) < 0 ? -1 : gate_acl_read(d, arena, ret, n, err);
}

int gate_may_parse(const char *s, struct gate_arena *arena, struct gate_may **ret, size_t *n, bool *limited,
                   struct gate_err *err)
{
	const struct gate_doc *d = NULL;

	return tree(s, arena, &d, err) < 0 ? -1 : gate_may_read(d, arena, ret, n, limited, err);
}
