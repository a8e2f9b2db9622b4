/* The part of Go's text/template that people use with docker's --format. */
#include <ctype.h>

#include "base/num.h"
#include "cli/tasks.h"

enum kind { TEXT = 1, VALUE, RANGE, IF };

struct step { /* .Field, or a key or place of index */
	const char *name;
};

struct node {
	enum kind kind;
	const char *text; /* TEXT */
	size_t len;
	bool json, length; /* VALUE: {{json X}}, {{len X}} */
	struct step *steps;
	size_t n_steps, cap_steps;
	struct node *body, *other; /* RANGE, IF; `other` after {{else}} */
	struct node *next;
};

struct gate_template {
	struct gate_arena arena;
	struct node *first;
};

struct parser {
	struct gate_template *t;
	const char *text, *at;
	const char *token, *end; /* of the last action, when it was `end` or `else` */
	unsigned depth;
};

static int wrong(const struct parser *p, struct gate_err *err, const char *what)
{
	return GATE_FAIL(err, GATE_E_SYNTAX, "in --format at character %zu: %s", (size_t)(p->at - p->text) + 1, what);
}

/* --- words of an action --- */
static void skip_blanks(const char **s, const char *end)
{
	while (*s < end && (**s == ' ' || **s == '\t'))
		(*s)++;
}

static bool take_word(const char **s, const char *end, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(end - *s) < len || strncmp(*s, word, len) != 0 ||
	    ((size_t)(end - *s) > len && (isalnum((unsigned char)(*s)[len]) || (*s)[len] == '_')))
		return false;
	*s += len;
	skip_blanks(s, end);
	return true;
}

static int add_step(struct parser *p, struct node *n, const char *s, size_t len, struct gate_err *err)
{
	const char *name = gate_arena_text(&p->t->arena, s, len);

	if (name == NULL || gate_grow(&n->steps, n->n_steps, &n->cap_steps, sizeof(*n->steps)) < 0)
		return GATE_FAIL_NOMEM(err);
	n->steps[n->n_steps++].name = name;
	return 0;
}

/* ".", ".A.B" */
static int take_path(struct parser *p, struct node *n, const char **s, const char *end, struct gate_err *err)
{
	if (*s == end || **s != '.')
		return wrong(p, err, "a field such as .ID must stand here");
	while (*s < end && **s == '.') {
		const char *name = ++*s;

		while (*s < end && (isalnum((unsigned char)**s) || **s == '_'))
			(*s)++;
		if (*s == name && (n->n_steps > 0 || (*s < end && **s == '.')))
			return wrong(p, err, "a name must follow the dot");
		if (*s > name && add_step(p, n, name, (size_t)(*s - name), err) < 0)
			return -1;
	}
	skip_blanks(s, end);
	return 0;
}

/* "key", `key` or a number: the keys of index. */
static int take_keys(struct parser *p, struct node *n, const char **s, const char *end, struct gate_err *err)
{
	while (*s < end) {
		char quote = **s == '"' || **s == '`' ? **s : '\0';
		const char *from = quote != '\0' ? *s + 1 : *s, *to = from;

		while (to < end && (quote != '\0' ? *to != quote : isdigit((unsigned char)*to)))
			to++;
		if (to == (quote != '\0' ? end : from))
			return wrong(p, err, "a key in quotes or a number must stand here");
		if (add_step(p, n, from, (size_t)(to - from), err) < 0)
			return -1;
		*s = to + (quote != '\0');
		skip_blanks(s, end);
	}
	return 0;
}

/* The inside of {{…}}: a value, in one of its forms. */
static int take_value(struct parser *p, struct node *n, const char *s, const char *end, struct gate_err *err)
{
	bool index = false, label = false;

	for (;;) {
		if (take_word(&s, end, "json"))
			n->json = true;
		else if (take_word(&s, end, "len"))
			n->length = true;
		else if (take_word(&s, end, "index"))
			index = true;
		else
			break;
	}
	if (take_path(p, n, &s, end, err) < 0)
		return -1;
	if (!index && n->n_steps == 1 && strcmp(n->steps[0].name, "Label") == 0) {
		label = true;
		n->steps[0].name = "labels";
	}
	if ((index || label) && take_keys(p, n, &s, end, err) < 0)
		return -1;
	return s == end ? 0 : wrong(p, err, "this is not among what can be said here: see callgate help");
}

/* --- the text --- */
static struct node *new_node(struct parser *p, enum kind kind, struct gate_err *err)
{
	struct node *n = GATE_NEW(&p->t->arena, struct node);

	if (n == NULL)
		(void)GATE_FAIL_NOMEM(err);
	else
		n->kind = kind;
	return n;
}

/* Plain text up to the next action; \t and \n mean what they mean in docker's. */
static int take_text(struct parser *p, struct node ***tail, struct gate_err *err)
{
	const char *stop = strstr(p->at, "{{");
	size_t len = stop != NULL ? (size_t)(stop - p->at) : strlen(p->at), n = 0;
	char *text = gate_arena_text(&p->t->arena, p->at, len);
	struct node *node = new_node(p, TEXT, err);

	if (text == NULL || node == NULL)
		return err != NULL && err->code != GATE_OK ? -1 : GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < len; i++) {
		if (p->at[i] == '\\' && i + 1 < len && (p->at[i + 1] == 't' || p->at[i + 1] == 'n'))
			text[n++] = p->at[++i] == 't' ? '\t' : '\n';
		else
			text[n++] = p->at[i];
	}
	node->text = text;
	node->len = n;
	p->at += len;
	**tail = node;
	*tail = &node->next;
	return 0;
}

static int parse_list(struct parser *p, struct node **ret, struct gate_err *err);

/* {{range X}} and {{if X}} up to their {{end}}. */
static int take_block(struct parser *p, struct node *n, const char *s, const char *end, struct gate_err *err)
{
	if (++p->depth > 16)
		return wrong(p, err, "nested too deep");
	if (take_value(p, n, s, end, err) < 0 || parse_list(p, &n->body, err) < 0)
		return -1;
	if (p->token != NULL && strncmp(p->token, "else", 4) == 0) {
		p->token = NULL;
		if (parse_list(p, &n->other, err) < 0)
			return -1;
	}
	if (p->token == NULL)
		return wrong(p, err, "{{end}} is missing");
	p->token = NULL;
	p->depth--;
	return 0;
}

static int take_action(struct parser *p, struct node ***tail, struct gate_err *err)
{
	const char *s = p->at + 2, *end = strstr(s, "}}");

	if (end == NULL)
		return wrong(p, err, "}} is missing");
	p->at = end + 2;
	while (end > s && end[-1] == ' ')
		end--;
	skip_blanks(&s, end);
	const char *word = s;

	if ((take_word(&s, end, "end") || take_word(&s, end, "else")) && s == end) {
		p->token = word;
		return 0;
	}
	s = word;
	enum kind kind = take_word(&s, end, "range") ? RANGE : take_word(&s, end, "if") ? IF : VALUE;
	struct node *n = new_node(p, kind, err);

	if (n == NULL)
		return -1;
	**tail = n;
	*tail = &n->next;
	return kind == VALUE ? take_value(p, n, s, end, err) : take_block(p, n, s, end, err);
}

/* Up to the end of the text, or to the {{end}} or {{else}} of the block: then p->token is set. */
static int parse_list(struct parser *p, struct node **ret, struct gate_err *err)
{
	struct node **tail = ret;

	while (*p->at != '\0' && p->token == NULL)
		if ((strncmp(p->at, "{{", 2) == 0 ? take_action : take_text)(p, &tail, err) < 0)
			return -1;
	return 0;
}

static void free_nodes(struct node *n)
{
	for (; n != NULL; n = n->next) {
		free(n->steps);
		free_nodes(n->body);
		free_nodes(n->other);
	}
}

void gate_template_free(struct gate_template *t)
{
	if (t == NULL)
		return;
	free_nodes(t->first);
	gate_arena_done(&t->arena);
	free(t);
}

int gate_template_parse(const char *text, struct gate_template **ret, struct gate_err *err)
{
	GATE_AUTO(gate_template_freep) struct gate_template *t = calloc(1, sizeof(*t));
	struct parser p = { .t = t, .text = text, .at = text };

	if (t == NULL)
		return GATE_FAIL_NOMEM(err);
	if (parse_list(&p, &t->first, err) < 0)
		return -1;
	if (p.token != NULL)
		return wrong(&p, err, "{{end}} or {{else}} without a beginning");
	*ret = GATE_TAKE(&t);
	return 0;
}

/* --- printing --- */
static const struct gate_doc *member(const struct gate_doc *object, const char *name)
{
	for (uint32_t i = 0; i < object->n_items; i++)
		if (strcasecmp(object->items[i].key, name) == 0)
			return &object->items[i];
	return NULL;
}

static int no_field(const struct gate_doc *at, const char *name, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf names = GATE_BUF_INIT;
	char near[96];

	for (uint32_t i = 0; i < at->n_items; i++)
		gate_buf_printf(&names, "%s%s", i > 0 ? "|" : "", at->items[i].key);
	gate_suggest_text(name, names.len > 0 ? names.data : "", near, sizeof(near));
	return GATE_FAIL(err, GATE_E_NOTFOUND, "there is no field '%.64s'%s; there are %.300s", name, near,
	                 names.len > 0 ? names.data : "none");
}

/* NULL in *ret: a key that a map does not have, which is no error. */
static int find(const struct node *n, const struct gate_doc *value, const struct gate_doc **ret, struct gate_err *err)
{
	for (size_t i = 0; i < n->n_steps; i++) {
		const char *name = n->steps[i].name;
		uint64_t place;

		if (value->kind == GATE_DOC_ARRAY && gate_u64_parse(name, strlen(name), UINT32_MAX, &place) == 0 &&
		    place < value->n_items) {
			value = &value->items[place];
		} else if (value->kind == GATE_DOC_OBJECT && member(value, name) != NULL) {
			value = member(value, name);
		} else if (value->kind == GATE_DOC_OBJECT && value->key != NULL && strcmp(value->key, "labels") == 0) {
			*ret = NULL;
			return 0;
		} else {
			return no_field(value, name, err);
		}
	}
	*ret = value;
	return 0;
}

static void write_json(struct gate_json *j, const struct gate_doc *d)
{
	switch (d->kind) {
	case GATE_DOC_OBJECT:
		gate_json_object(j);
		for (uint32_t i = 0; i < d->n_items; i++) {
			gate_json_key(j, d->items[i].key);
			write_json(j, &d->items[i]);
		}
		gate_json_end(j, '}');
		break;
	case GATE_DOC_ARRAY:
		gate_json_array(j);
		for (uint32_t i = 0; i < d->n_items; i++)
			write_json(j, &d->items[i]);
		gate_json_end(j, ']');
		break;
	case GATE_DOC_STRING:
		gate_json_textn(j, d->text, d->len);
		break;
	case GATE_DOC_BOOL:
		gate_json_bool(j, d->text[0] == 't');
		break;
	case GATE_DOC_NUMBER:
		gate_json_raw(j, d->text);
		break;
	case GATE_DOC_NULL:
		gate_json_null(j);
		break;
	}
}

void gate_doc_json(struct gate_json *j, const struct gate_doc *d)
{
	write_json(j, d);
}

static void print_value(const struct gate_doc *d, bool json, struct gate_buf *out)
{
	struct gate_json j;

	if (!json && d->kind == GATE_DOC_OBJECT && d->key != NULL && strcmp(d->key, "labels") == 0) {
		/* As docker: k=v,k=v */
		for (uint32_t i = 0; i < d->n_items; i++) {
			gate_buf_puts(out, i > 0 ? "," : "");
			gate_buf_escaped(out, d->items[i].key, d->items[i].key_len);
			gate_buf_puts(out, "=");
			gate_buf_escaped(out, d->items[i].text, d->items[i].len);
		}
		return;
	}
	if (json || d->kind == GATE_DOC_OBJECT || d->kind == GATE_DOC_ARRAY) {
		gate_json_init(&j, out, 0);
		write_json(&j, d);
	} else if (d->kind != GATE_DOC_NULL) {
		gate_buf_escaped(out, d->text, d->len);
	}
}

static bool is_true(const struct gate_doc *d)
{
	if (d == NULL || d->kind == GATE_DOC_NULL)
		return false;
	if (d->kind == GATE_DOC_ARRAY || d->kind == GATE_DOC_OBJECT)
		return d->n_items > 0;
	if (d->kind == GATE_DOC_STRING)
		return d->len > 0;
	return strcmp(d->text, "false") != 0 && strcmp(d->text, "0") != 0;
}

static int print_list(const struct node *n, const struct gate_doc *value, struct gate_buf *out, struct gate_err *err)
{
	for (; n != NULL; n = n->next) {
		const struct gate_doc *d = NULL;

		if (n->kind == TEXT) {
			gate_buf_add(out, n->text, n->len);
			continue;
		}
		if (find(n, value, &d, err) < 0)
			return -1;
		if (n->kind == IF) {
			if (print_list(is_true(d) ? n->body : n->other, value, out, err) < 0)
				return -1;
		} else if (n->kind == RANGE) {
			if (!is_true(d) && print_list(n->other, value, out, err) < 0)
				return -1;
			for (uint32_t i = 0; d != NULL && i < d->n_items; i++)
				if (print_list(n->body, &d->items[i], out, err) < 0)
					return -1;
		} else if (n->length) {
			gate_buf_printf(out, "%u", d == NULL ? 0 : d->kind == GATE_DOC_STRING ? d->len : d->n_items);
		} else if (d != NULL) {
			print_value(d, n->json, out);
		}
	}
	return 0;
}

int gate_template_print(const struct gate_template *t, const struct gate_doc *value, struct gate_buf *out,
                        struct gate_err *err)
{
	if (print_list(t->first, value, out, err) < 0)
		return -1;
	return out->failed ? GATE_FAIL_NOMEM(err) : 0;
}

/* Words of a field's name in capitals: "RunningFor" is "RUNNING FOR", "ID" stays. */
static void print_title(const char *name, struct gate_buf *out)
{
	if (strcasecmp(name, "id") == 0) {
		gate_buf_puts(out, "CONTAINER ID");
		return;
	}
	for (const char *s = name; *s != '\0'; s++) {
		char up[2] = { (char)toupper((unsigned char)*s), '\0' };

		if (s != name && isupper((unsigned char)*s) && islower((unsigned char)s[-1]))
			gate_buf_puts(out, " ");
		gate_buf_puts(out, up);
	}
}

void gate_template_head(const struct gate_template *t, struct gate_buf *out)
{
	for (const struct node *n = t->first; n != NULL; n = n->next) {
		if (n->kind == TEXT)
			gate_buf_add(out, n->text, n->len);
		else if (n->n_steps > 0)
			print_title(n->steps[n->n_steps - 1].name, out);
	}
}
