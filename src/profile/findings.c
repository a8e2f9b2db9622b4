/* findings.c - a growing list of findings that owns its texts. */
#include <stdarg.h>

#include "base/buf.h"
#include "profile/model.h"

/* Nobody reads more; a hostile file of 1 MiB could make a hundred thousand. Errors have a share of their own, so that
 * remarks cannot hide them. */
#define REMARKS_MAX 1000
#define ERRORS_MAX  1000

struct gate_findings {
	struct gate_arena arena;
	struct gate_finding *items;
	size_t n, cap;
	size_t errors, remarks;
	bool failed;
};

int gate_findings_new(struct gate_findings **ret, struct gate_err *err)
{
	struct gate_findings *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return GATE_FAIL_NOMEM(err);
	*ret = f;
	return 0;
}

void gate_findings_free(struct gate_findings *f)
{
	if (f == NULL)
		return;
	gate_arena_done(&f->arena);
	free(f->items);
	free(f);
}

size_t gate_findings_count(const struct gate_findings *f)
{
	return f->n;
}

const struct gate_finding *gate_findings_at(const struct gate_findings *f, size_t i)
{
	GATE_CHECK(i < f->n);
	return &f->items[i];
}

enum gate_severity gate_findings_worst(const struct gate_findings *f)
{
	enum gate_severity worst = 0;

	for (size_t i = 0; i < f->n; i++)
		if (f->items[i].severity > worst)
			worst = f->items[i].severity;
	return worst;
}

bool gate_findings_failed(const struct gate_findings *f)
{
	return f->failed;
}

/* By place, then the worse first, then by id; qsort(3) is not stable, so texts break the last tie. */
static int by_place(const void *a, const void *b)
{
	const struct gate_finding *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->column != y->column)
		return x->column < y->column ? -1 : 1;
	if (x->severity != y->severity)
		return x->severity > y->severity ? -1 : 1;
	int c = strcmp(x->id, y->id);
	return c != 0 ? c : strcmp(x->text, y->text);
}

void gate_findings_sort(struct gate_findings *f)
{
	if (f->n > 1)
		qsort(f->items, f->n, sizeof(*f->items), by_place);
}

static const char *copied(struct gate_findings *f, const char *s)
{
	const char *copy;

	if (s == NULL)
		return NULL;
	copy = gate_arena_text(&f->arena, s, strlen(s));
	if (copy == NULL)
		f->failed = true;
	return copy;
}

void gate_findings_add(struct gate_findings *f, enum gate_severity severity, const char *id, struct gate_place at,
                       const char *engines, const char *meaning, const char *instead, const char *format, ...)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct gate_finding item = { severity, { 0 }, at.line, at.column, at.length, NULL, NULL, NULL, NULL };
	va_list ap;

	if (f == NULL || f->failed)
		return;
	if ((severity == GATE_ERROR ? f->errors++ >= ERRORS_MAX : f->remarks++ >= REMARKS_MAX))
		return;
	for (size_t i = 0; i < sizeof(item.id) - 1 && id[i] != '\0'; i++)
		item.id[i] = id[i];
	va_start(ap, format);
	gate_buf_vprintf(&text, format, ap);
	va_end(ap);
	if (text.failed || gate_grow(&f->items, f->n, &f->cap, sizeof(*f->items)) < 0) {
		f->failed = true;
		return;
	}
	item.text = copied(f, text.data != NULL ? text.data : "");
	item.engines = copied(f, engines);
	item.meaning = copied(f, meaning);
	item.instead = copied(f, instead);
	if (!f->failed)
		f->items[f->n++] = item;
}
