/* The query ?label= (Marathon's LabelSelector.scala): key, key==value, key!=value, key in (a, b), key notin (a, b); all of
 * them, between commas. Characters but letters, digits and "-_." are escaped with a backslash. */
#include "spec/marathon.h"

struct cursor {
	const char *s;
};

static void blanks(struct cursor *c)
{
	c->s += strspn(c->s, " \t");
}

static bool term(struct cursor *c, struct gate_buf *ret)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	size_t before = ret->len;

	blanks(c);
	for (;;) {
		if (c->s[0] == '\\' && c->s[1] != '\0')
			c->s++;
		else if (c->s[0] == '\0' || strchr(plain, c->s[0]) == NULL)
			break;
		gate_buf_add(ret, c->s++, 1);
	}
	blanks(c);
	return ret->len > before;
}

static bool word(struct cursor *c, const char *w)
{
	size_t n = strlen(w);

	if (strncmp(c->s, w, n) != 0)
		return false;
	c->s += n;
	return true;
}

/* "(a, b)": is `value` one of them? */
static bool set(struct cursor *c, const char *value, bool *found)
{
	blanks(c);
	if (!word(c, "("))
		return false;
	*found = false;
	do {
		GATE_AUTO(gate_buf_done) struct gate_buf t = GATE_BUF_INIT;

		if (!term(c, &t) || t.failed)
			return false;
		*found |= value != NULL && strcmp(t.data, value) == 0;
	} while (word(c, ","));
	if (!word(c, ")"))
		return false;
	blanks(c);
	return true;
}

static bool selector(struct cursor *c, const struct gate_app *app, bool *match)
{
	GATE_AUTO(gate_buf_done) struct gate_buf key = GATE_BUF_INIT, value = GATE_BUF_INIT;
	const char *has = NULL;
	bool equal, found = false;

	if (!term(c, &key) || key.failed)
		return false;
	for (size_t i = 0; i < app->labels.n; i++)
		if (strcmp(app->labels.at[i].key, key.data) == 0)
			has = app->labels.at[i].value;
	*match = has != NULL;
	if (*c->s == '\0' || *c->s == ',')
		return true;
	equal = strncmp(c->s, "==", 2) == 0;
	if (word(c, "==") || word(c, "!=")) {
		if (!term(c, &value) || value.failed)
			return false;
		*match = has != NULL && (strcmp(has, value.data) == 0) == equal;
		return true;
	}
	equal = strncmp(c->s, "in", 2) == 0;
	if (!word(c, "in") && !word(c, "notin"))
		return false;
	if (!set(c, has, &found))
		return false;
	*match = has != NULL && found == equal;
	return true;
}

int gate_app_label_match(const char *text, const struct gate_app *app, bool *ret, struct gate_err *err)
{
	struct cursor c = { text };
	bool all = true;

	while (*c.s != '\0') {
		bool one = false;

		if (!selector(&c, app, &one) || (*c.s != '\0' && (!word(&c, ",") || *c.s == '\0')))
			return GATE_FAIL(err, GATE_E_INVALID,
			                 "Can not parse label selector %s. Reason: at character %zu", text,
			                 (size_t)(c.s - text) + 1);
		all &= one;
	}
	*ret = all;
	return 0;
}
