/* Collecting: command line, environment, file. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "config/parts.h"

static size_t count(void)
{
	size_t n = 0;

	for (int g = 0; g < GATE_FLAGS_GROUPS; g++)
		for (const struct gate_flag *f = gate_flags[g]; f->name != NULL; f++)
			n++;
	return n;
}

int gate_settings_new(struct gate_settings **ret, struct gate_err *err)
{
	struct gate_settings *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return GATE_FAIL_NOMEM(err);
	s->enabled = -1;
	s->values = calloc(count(), sizeof(*s->values));
	if (s->values == NULL) {
		free(s);
		return GATE_FAIL_NOMEM(err);
	}
	for (int g = 0; g < GATE_FLAGS_GROUPS; g++)
		for (const struct gate_flag *f = gate_flags[g]; f->name != NULL; f++)
			s->values[s->n++] =
			    (struct gate_value){ f, f->initial,
				                 f->initial != NULL ? GATE_ORIGIN_DEFAULT : GATE_ORIGIN_NONE };
	*ret = s;
	return 0;
}

void gate_settings_free(struct gate_settings *s)
{
	if (s == NULL)
		return;
	gate_arena_done(&s->arena);
	free(s->values);
	free(s->notes);
	free(s);
}

struct gate_value *gate_settings_value(const struct gate_settings *s, const char *name)
{
	const struct gate_flag *f = gate_flag_find(name, NULL);

	for (size_t i = 0; f != NULL && i < s->n; i++)
		if (s->values[i].flag == f)
			return &s->values[i];
	return NULL;
}

const char *gate_settings_get(const struct gate_settings *s, const char *name)
{
	const struct gate_value *v = gate_settings_value(s, name);

	GATE_CHECK(v != NULL);
	return v->text;
}

bool gate_settings_on(const struct gate_settings *s, const char *name)
{
	const char *text = gate_settings_get(s, name);

	return text != NULL && strcmp(text, "true") == 0;
}

int gate_settings_note(struct gate_settings *s, struct gate_err *err, const char *format, ...)
{
	struct gate_buf b = GATE_BUF_INIT;
	char *text;
	va_list ap;

	va_start(ap, format);
	gate_buf_vprintf(&b, format, ap);
	va_end(ap);
	if (b.failed || gate_grow(&s->notes, s->n_notes, &s->cap_notes, sizeof(*s->notes)) < 0 ||
	    (text = gate_arena_text(&s->arena, b.data, b.len)) == NULL) {
		gate_buf_done(&b);
		return GATE_FAIL_NOMEM(err);
	}
	s->notes[s->n_notes++] = text;
	gate_buf_done(&b);
	return 0;
}

size_t gate_settings_notes(const struct gate_settings *s, const char *const **ret)
{
	*ret = s->notes;
	return s->n_notes;
}

static bool choice(const char *choices, const char *text)
{
	size_t len = strlen(text);

	for (const char *c = choices; *c != '\0'; c += *c == '|') {
		size_t n = strcspn(c, "|");

		if (n == len && memcmp(c, text, n) == 0)
			return true;
		c += n;
	}
	return false;
}

/* Mesos ends with this sentence; a name without a value would be one that no constraint finds. */
static int check_attributes(const char *text, struct gate_err *err)
{
	for (const char *s = text; *s != '\0'; s += *s == ';') {
		size_t len = strcspn(s, ";");

		if (strspn(s, " \t") < len && strcspn(s, ":") >= len)
			return GATE_FAIL(err, GATE_E_INVALID, "Invalid attribute key:value pair '%.*s'",
			                 len < 200 ? (int)len : 200, s);
		s += len;
	}
	return 0;
}

int gate_setting_check(const struct gate_flag *f, const char *text, struct gate_err *err)
{
	struct gate_resources resources = { 0 };
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_acl *acl;
	struct gate_may *may;
	uint64_t number;
	bool limited;
	size_t n;
	int rc = 0;

	if (strlen(text) != strcspn(text, "\n\r") && f->kind != GATE_SETTING_ACL && f->kind != GATE_SETTING_MAY &&
	    f->kind != GATE_SETTING_RESOURCES && f->kind != GATE_SETTING_CAPABILITIES)
		return GATE_FAIL(err, GATE_E_INVALID, "a value is one line");
	if (f->choices != NULL && !choice(f->choices, text))
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "'%.60s' is not supported (%s does it here): %s", text,
		                 f->choices, f->help);
	switch (f->kind) {
	case GATE_SETTING_SWITCH:
		if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
			return GATE_FAIL(err, GATE_E_INVALID, "a switch is true or false, not '%.60s'", text);
		return 0;
	case GATE_SETTING_PATH:
		if (text[0] != '/')
			return GATE_FAIL(err, GATE_E_INVALID, "a path must be absolute: '%.200s'", text);
		return 0;
	case GATE_SETTING_PORT:
		if (gate_u64_parse(text, strlen(text), 65535, &number) < 0 || number == 0)
			return GATE_FAIL(err, GATE_E_INVALID, "'%.60s' is not a port", text);
		return 0;
	case GATE_SETTING_DURATION:
		return gate_duration_parse(text, &number, err);
	case GATE_SETTING_RESOURCES:
		return gate_resources_parse(text, &resources, err);
	case GATE_SETTING_ATTRIBUTES:
		return check_attributes(text, err);
	case GATE_SETTING_CAPABILITIES:
		return gate_capabilities_parse(text, &number, err);
	case GATE_SETTING_ACL:
		rc = gate_acl_parse(text, &arena, &acl, &n, err);
		gate_arena_done(&arena);
		return rc;
	case GATE_SETTING_MAY:
		rc = gate_may_parse(text, &arena, &may, &n, &limited, err);
		gate_arena_done(&arena);
		return rc;
	case GATE_SETTING_TEXT:
	case GATE_SETTING_LIST:
		break;
	}
	return 0;
}

/* The bytes of a file:// value, without the last line's end. */
static int slurp(struct gate_settings *s, const char *path, const char **ret, struct gate_err *err)
{
	struct gate_buf b = GATE_BUF_INIT;
	char piece[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	if (fd < 0)
		return GATE_FAIL_SYS(err, "cannot open '%.200s'", path);
	while ((n = read(fd, piece, sizeof(piece))) > 0 && b.len <= GATE_DOC_YAML_MAX)
		gate_buf_add(&b, piece, (size_t)n);
	if (n < 0)
		(void)GATE_FAIL_SYS(err, "cannot read '%.200s'", path);
	(void)close(fd);
	while (b.len > 0 && (b.data[b.len - 1] == '\n' || b.data[b.len - 1] == '\r'))
		b.len--;
	if (n == 0 && b.len > 0 && memchr(b.data, '\0', b.len) != NULL)
		n = GATE_FAIL(err, GATE_E_INVALID, "'%.200s' has a NUL byte", path);
	if (n > 0)
		n = GATE_FAIL(err, GATE_E_LIMIT, "'%.200s' is larger than %u bytes", path, GATE_DOC_YAML_MAX);
	if (n == 0)
		*ret = gate_arena_text(&s->arena, b.len > 0 ? b.data : "", b.len);
	if (n == 0 && (*ret == NULL || b.failed))
		n = GATE_FAIL_NOMEM(err);
	gate_buf_done(&b);
	return n == 0 ? 0 : -1;
}

static int joined(struct gate_settings *s, const char *a, const char *b, const char **ret, struct gate_err *err)
{
	size_t size = strlen(a) + strlen(b) + 2;
	char *text = gate_arena_alloc(&s->arena, size);

	if (text == NULL)
		return GATE_FAIL_NOMEM(err);
	(void)snprintf(text, size, "%s,%s", a, b);
	*ret = text;
	return 0;
}

int gate_settings_take(struct gate_settings *s, struct gate_value *v, enum gate_origin origin, const char *text,
                       struct gate_err *err)
{
	const char *value;

	GATE_CHECK(!s->finished);
	if (strncmp(text, "file://", 7) == 0) {
		if (slurp(s, text + 7, &value, err) < 0)
			return -1;
	} else {
		value = gate_arena_text(&s->arena, text, strlen(text));
		if (value == NULL)
			return GATE_FAIL_NOMEM(err);
	}
	if (gate_setting_check(v->flag, value, err) < 0)
		return -1;
	if (origin < v->origin)
		return 0;
	if (origin == v->origin && v->flag->kind == GATE_SETTING_LIST && joined(s, v->text, value, &value, err) < 0)
		return -1;
	v->text = value;
	v->origin = origin;
	return 0;
}

static const struct gate_refusal *refused(const char *name)
{
	for (const struct gate_refusal *r = gate_flags_refused; r->name != NULL; r++)
		if (strcmp(r->name, name) == 0)
			return r;
	return NULL;
}

static int unknown(const char *name, struct gate_err *err)
{
	const struct gate_refusal *r = refused(name);
	const char *near = NULL;
	unsigned least = 3;

	if (r != NULL)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED, "not supported here: %s", r->why);
	for (int g = 0; g < GATE_FLAGS_GROUPS; g++)
		for (const struct gate_flag *f = gate_flags[g]; f->name != NULL; f++) {
			unsigned d = gate_distance(name, strlen(name), f->name, strlen(f->name), 2);

			if (d < least) {
				least = d;
				near = f->name;
			}
		}
	return GATE_FAIL(err, GATE_E_INVALID, "unknown setting%s%s%s", near != NULL ? " (did you mean '" : "",
	                 near != NULL ? near : "", near != NULL ? "'?)" : "");
}

int gate_settings_flag(struct gate_settings *s, const char *name, const char *value, struct gate_err *err)
{
	struct gate_value *v = gate_settings_value(s, name);

	if ((v == NULL ? unknown(name, err) : gate_settings_take(s, v, GATE_ORIGIN_FLAG, value, err)) < 0)
		return GATE_NOTE(err, "--%.80s", name);
	return 0;
}

/* "MESOS_SECCOMP_CONFIG_DIR=/x" */
static int variable(struct gate_settings *s, const char *pair, struct gate_err *err)
{
	const char *equals = strchr(pair, '=');
	struct gate_value *v;
	char name[80];
	size_t len = equals != NULL ? (size_t)(equals - pair) - 6 : 0;

	if (len == 0 || len >= sizeof(name))
		return 0;
	for (size_t i = 0; i < len; i++)
		name[i] = (char)(pair[6 + i] >= 'A' && pair[6 + i] <= 'Z' ? pair[6 + i] | 0x20 : pair[6 + i]);
	name[len] = '\0';
	v = gate_settings_value(s, name);
	if (v == NULL && refused(name) == NULL)
		return gate_settings_note(s, err, "%.*s is not used: the agent has no such setting",
		                          (int)(equals - pair), pair);
	if (v == NULL)
		(void)unknown(name, err);
	else if (gate_settings_take(s, v, GATE_ORIGIN_ENVIRONMENT, equals + 1, err) == 0)
		return 0;
	return GATE_NOTE(err, "%.*s", (int)(equals - pair), pair);
}

int gate_settings_environment(struct gate_settings *s, char *const *variables, struct gate_err *err)
{
	for (; variables != NULL && *variables != NULL; variables++)
		if (strncmp(*variables, "MESOS_", 6) == 0 && variable(s, *variables, err) < 0)
			return -1;
	return 0;
}

/* --- the file --- */

/* A tree of the file as JSON: what a flag would have said. */
static void render(const struct gate_doc *d, struct gate_json *j)
{
	switch (d->kind) {
	case GATE_DOC_OBJECT:
	case GATE_DOC_ARRAY:
		(d->kind == GATE_DOC_OBJECT ? gate_json_object : gate_json_array)(j);
		for (size_t i = 0; i < d->n_items; i++) {
			if (d->kind == GATE_DOC_OBJECT)
				gate_json_key(j, d->items[i].key);
			render(&d->items[i], j);
		}
		gate_json_end(j, d->kind == GATE_DOC_OBJECT ? '}' : ']');
		break;
	case GATE_DOC_STRING:
	case GATE_DOC_NUMBER: /* readers take numbers from either */
		gate_json_text(j, d->text);
		break;
	case GATE_DOC_BOOL:
		gate_json_bool(j, d->text[0] == 't');
		break;
	case GATE_DOC_NULL:
		gate_json_null(j);
		break;
	}
}

static int list(struct gate_settings *s, struct gate_value *v, const struct gate_doc *d, struct gate_err *err)
{
	bool mine = v->origin <= GATE_ORIGIN_FILE;

	for (size_t i = 0; i < d->n_items; i++) {
		if (d->items[i].kind != GATE_DOC_STRING)
			return GATE_FAIL_AT(err, d->items[i].at, GATE_E_INVALID, "%s is a list of strings",
			                    v->flag->name);
		if (mine && gate_settings_take(s, v, GATE_ORIGIN_FILE, d->items[i].text, err) < 0)
			return -1;
	}
	return 0;
}

static int objects(struct gate_settings *s, struct gate_value *v, const struct gate_doc *d, struct gate_err *err)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_buf text = GATE_BUF_INIT;
	struct gate_acl *acl;
	struct gate_may *may;
	struct gate_json j;
	bool limited;
	size_t n;
	int rc;

	/* For the places: a flag's text has none. */
	rc = v->flag->kind == GATE_SETTING_ACL ? gate_acl_read(d, &arena, &acl, &n, err)
	                                       : gate_may_read(d, &arena, &may, &n, &limited, err);
	gate_arena_done(&arena);
	if (rc < 0)
		return -1;
	gate_json_init(&j, &text, 0);
	render(d, &j);
	rc = text.failed ? GATE_FAIL_NOMEM(err) : gate_settings_take(s, v, GATE_ORIGIN_FILE, text.data, err);
	gate_buf_done(&text);
	return rc;
}

static int member(struct gate_settings *s, const struct gate_doc *d, struct gate_err *err)
{
	struct gate_value *v = gate_settings_value(s, d->key);

	if (strcmp(d->key, "mesos_seccomp_enabled") == 0) {
		if (d->kind != GATE_DOC_BOOL && (d->text == NULL || !choice("true|false", d->text)))
			return GATE_FAIL_AT(err, d->at, GATE_E_INVALID, "mesos_seccomp_enabled is true or false");
		s->enabled = d->text[0] == 't';
		return 0;
	}
	if (strcmp(d->key, "mesos_seccomp_profile_name") == 0) {
		if (d->kind != GATE_DOC_STRING && d->kind != GATE_DOC_NULL)
			return GATE_FAIL_AT(err, d->at, GATE_E_INVALID, "mesos_seccomp_profile_name is a string");
		s->mesos_profile = d->kind == GATE_DOC_NULL ? "" : gate_arena_text(&s->arena, d->text, d->len);
		return s->mesos_profile != NULL ? 0 : GATE_FAIL_NOMEM(err);
	}
	if (v == NULL || strcmp(v->flag->name, "config") == 0)
		return unknown(d->key, err);
	if (v->flag->kind == GATE_SETTING_LIST && d->kind == GATE_DOC_ARRAY)
		return list(s, v, d, err);
	if ((v->flag->kind == GATE_SETTING_ACL || v->flag->kind == GATE_SETTING_MAY) && d->kind == GATE_DOC_ARRAY)
		return objects(s, v, d, err);
	if (d->kind == GATE_DOC_NULL)
		return 0;
	if (d->text == NULL)
		return GATE_FAIL_AT(err, d->at, GATE_E_INVALID, "%s is one value, not %s", v->flag->name,
		                    gate_doc_kind_name(d->kind));
	return gate_settings_take(s, v, GATE_ORIGIN_FILE, d->text, err);
}

/* The place goes into the text: the file's name belongs to it. */
static int at(const char *file, uint32_t line, uint32_t column, struct gate_err *err)
{
	if (err != NULL) {
		line = err->line != 0 ? err->line : line;
		column = err->line != 0 ? err->column : column;
		err->line = err->column = err->length = 0;
	}
	return GATE_NOTE(err, "%.200s:%u:%u", file, line, column);
}

int gate_settings_yaml(struct gate_settings *s, const char *file, const char *text, size_t len, struct gate_err *err)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	const struct gate_doc *d = NULL;
	int rc = gate_doc_read_yaml(&arena, text, len, &d, err);

	if (rc < 0) {
		rc = at(file, 1, 1, err);
	} else if (d->kind != GATE_DOC_OBJECT && d->kind != GATE_DOC_NULL) {
		(void)GATE_FAIL_AT(err, d->at, GATE_E_INVALID, "settings are 'name: value' lines, not %s",
		                   gate_doc_kind_name(d->kind));
		rc = at(file, 1, 1, err);
	}
	for (size_t i = 0; rc == 0 && i < d->n_items; i++) {
		if (member(s, &d->items[i], err) < 0) {
			(void)GATE_NOTE(err, "%.80s", d->items[i].key);
			rc = at(file, d->items[i].at.line != 0 ? d->items[i].at.line : d->items[i].key_at.line,
			        d->items[i].at.column, err);
		}
	}
	gate_arena_done(&arena);
	return rc;
}
