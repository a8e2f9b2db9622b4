/* The tree while it is read, whatever the language: a stack of finished values whose containers are open. */
#include "doc/parts.h"

void gate_doc_key(struct gate_doc_tree *t, const char *text, size_t len, struct gate_place at)
{
	t->key = text;
	t->key_len = (uint32_t)len;
	t->key_at = at;
	t->levels[t->depth].after_key = true;
}

struct gate_doc *gate_doc_push(struct gate_doc_tree *t, enum gate_doc_kind kind, struct gate_place at,
                               struct gate_err *err)
{
	struct gate_doc_level *l = &t->levels[t->depth];
	struct gate_doc *d;

	if (gate_grow(&t->stack, t->n, &t->cap, sizeof(*t->stack)) < 0) {
		(void)GATE_FAIL_NOMEM(err);
		return NULL;
	}
	d = &t->stack[t->n++];
	*d = (struct gate_doc){ .kind = kind, .at = at };
	if (t->depth > 0 && l->object) {
		d->key = t->key;
		d->key_len = t->key_len;
		d->key_at = t->key_at;
		l->after_key = false;
	}
	return d;
}

int gate_doc_open(struct gate_doc_tree *t, bool object, struct gate_place at, struct gate_err *err)
{
	if (gate_doc_push(t, object ? GATE_DOC_OBJECT : GATE_DOC_ARRAY, at, err) == NULL)
		return -1;
	t->levels[++t->depth] = (struct gate_doc_level){ .first = t->n, .me = t->n - 1, .object = object };
	return 0;
}

static int by_key(const void *a, const void *b)
{
	const struct gate_doc *x = *(const struct gate_doc *const *)a, *y = *(const struct gate_doc *const *)b;
	int order;

	if (x->key_len != y->key_len)
		return x->key_len < y->key_len ? -1 : 1;
	order = memcmp(x->key, y->key, x->key_len);
	return order != 0 ? order : x < y ? -1 : 1;
}

static bool same_key(const struct gate_doc *a, const struct gate_doc *b)
{
	return a->key_len == b->key_len && memcmp(a->key, b->key, a->key_len) == 0;
}

static int fail_duplicate(const struct gate_doc *first, const struct gate_doc *again, struct gate_err *err)
{
	char text[GATE_DOC_EXCERPT];

	return GATE_FAIL_AT(err, again->key_at, GATE_E_SYNTAX, "duplicate key '%s', first at line %u",
	                    gate_doc_excerpt(text, again->key, again->key_len), first->key_at.line);
}

/* Events do not check keys. The duplicate that is reported is the one that comes first in the file. */
static int check_keys(const struct gate_doc *items, size_t n, struct gate_err *err)
{
	GATE_AUTOFREE const struct gate_doc **sorted = NULL;
	const struct gate_doc *first = NULL, *again = NULL;

	if (n <= 8) {
		for (size_t i = 1; i < n; i++)
			for (size_t k = 0; k < i; k++)
				if (same_key(&items[i], &items[k]))
					return fail_duplicate(&items[k], &items[i], err);
		return 0;
	}
	sorted = calloc(n, sizeof(*sorted));
	if (sorted == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < n; i++)
		sorted[i] = &items[i];
	qsort(sorted, n, sizeof(*sorted), by_key);
	for (size_t i = 1; i < n; i++) {
		if (!same_key(sorted[i - 1], sorted[i]) || (again != NULL && again < sorted[i]))
			continue;
		first = sorted[i - 1];
		again = sorted[i];
	}
	return again != NULL ? fail_duplicate(first, again, err) : 0;
}

int gate_doc_close(struct gate_doc_tree *t, struct gate_err *err)
{
	const struct gate_doc_level *l = &t->levels[t->depth];
	size_t n = t->n - l->first;

	if (l->object && check_keys(&t->stack[l->first], n, err) < 0)
		return -1;
	struct gate_doc *items = n == 0 ? NULL : GATE_NEWS(t->arena, struct gate_doc, n);

	if (items == NULL && n != 0)
		return GATE_FAIL_NOMEM(err);
	if (n != 0)
		memcpy(items, &t->stack[l->first], n * sizeof(*items));
	t->stack[l->me].items = items;
	t->stack[l->me].n_items = (uint32_t)n;
	t->n = l->first;
	t->depth--;
	return 0;
}

int gate_doc_ask_memory(size_t values, struct gate_err *err)
{
	void *volatile p = malloc(65536 + 1024 * values); /* volatile: gcc would drop the pair */

	if (p == NULL)
		return GATE_FAIL_NOMEM(err);
	free(p);
	return 0;
}
