/* Environment and labels: from flags, from files of lines, from the caller. */
#include "base/num.h"
#include "spec/parts.h"

static const char *caller_has(const struct gate_spec *s, const char *name, size_t len)
{
	for (const char *const *e = s->caller->environ; e != NULL && *e != NULL; e++)
		if (strncmp(*e, name, len) == 0 && (*e)[len] == '=')
			return *e;
	return NULL;
}

/* "K=V"; "K" alone is the caller's, or nothing when the caller has none (as docker). */
static int add_env(struct gate_spec *s, const char *text, size_t len, struct gate_err *err)
{
	const char *equals = memchr(text, '=', len), *copy;
	const char *from = equals != NULL ? text : caller_has(s, text, len);

	if (from == NULL)
		return 0;
	if (gate_spec_copy(s, from, equals != NULL ? len : strlen(from), &copy, err) < 0)
		return -1;
	return GATE_SPEC_ADD(s->task->env, err, copy);
}

int gate_take_env(struct gate_spec *s, const char *value, struct gate_err *err)
{
	if (value[0] == '\0' || value[0] == '=')
		return GATE_FAIL(err, GATE_E_INVALID, "'--env' takes NAME=VALUE, or NAME for the caller's, not '%s'",
		                 value);
	return add_env(s, value, strlen(value), err);
}

static int add_label(struct gate_spec *s, const char *text, size_t len, struct gate_err *err)
{
	const char *equals = memchr(text, '=', len);
	size_t key = equals != NULL ? (size_t)(equals - text) : len;
	struct gate_pair pair;

	if (gate_spec_copy(s, text, key, &pair.key, err) < 0 ||
	    gate_spec_copy(s, equals != NULL ? equals + 1 : "", equals != NULL ? len - key - 1 : 0, &pair.value, err) <
	        0)
		return -1;
	for (size_t i = 0; i < s->task->labels.n; i++)
		if (strcmp(s->task->labels.at[i].key, pair.key) == 0) {
			s->task->labels.at[i] = pair;
			return 0;
		}
	return GATE_SPEC_ADD(s->task->labels, err, pair);
}

int gate_take_label(struct gate_spec *s, const char *value, struct gate_err *err)
{
	if (value[0] == '\0' || value[0] == '=')
		return GATE_FAIL(err, GATE_E_INVALID, "'--%s' takes NAME[=VALUE], not '%s'", s->flag, value);
	return add_label(s, value, strlen(value), err);
}

static bool blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* One line in docker's language: blanks in front and lines with '#' do not count, quotes mean nothing, values are taken
 * as they are. */
static int take_line(struct gate_spec *s, bool labels, const char *line, size_t len, struct gate_err *err)
{
	while (len > 0 && blank(line[0])) {
		line++;
		len--;
	}
	if (len > 0 && line[len - 1] == '\r')
		len--;
	if (len == 0 || line[0] == '#')
		return 0;
	const char *equals = memchr(line, '=', len);

	while (equals == NULL && blank(line[len - 1]))
		len--;
	size_t name = equals != NULL ? (size_t)(equals - line) : len;

	if (name == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "there is no name before '='");
	for (size_t i = 0; i < name; i++)
		if (blank(line[i]))
			return GATE_FAIL(err, GATE_E_INVALID, "the name '%.*s' has a blank in it",
			                 (int)(name < 64 ? name : 64), line);
	if (memchr(line, '\0', len) != NULL)
		return GATE_FAIL(err, GATE_E_INVALID, "there is a NUL byte in it");
	return labels ? add_label(s, line, len, err) : add_env(s, line, len, err);
}

int gate_spec_lines(struct gate_spec *s, const char *name, const char *file, const char *text, size_t len,
                    struct gate_err *err)
{
	bool labels = strcmp(name, "label-file") == 0;
	size_t at = len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0; /* a byte-order mark */

	s->flag = name;
	if (len > GATE_SPEC_LINES_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "'%s' has more than %u bytes", file, GATE_SPEC_LINES_MAX);
	for (unsigned n = 1; at < len; n++) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t size = end != NULL ? (size_t)(end - text) - at : len - at;

		if (take_line(s, labels, text + at, size, err) < 0)
			return GATE_NOTE(err, "%s:%u", file, n);
		at += size + 1;
	}
	return 0;
}

/* What is about the caller and not about the task. */
static bool personal(const struct gate_spec *s, const char *entry)
{
	static const char *const user[] = { "HOME=", "USER=", "LOGNAME=", "SHELL=", "MAIL=" };

	if (gate_spec_isolates(s, GATE_ISOLATE_FILESYSTEM) &&
	    (strncmp(entry, "PWD=", 4) == 0 || strncmp(entry, "OLDPWD=", 7) == 0))
		return true;
	for (size_t i = 0; s->task->user != NULL && i < GATE_ARRAY_LEN(user); i++)
		if (strncmp(entry, user[i], strlen(user[i])) == 0)
			return true;
	return false;
}

int gate_spec_inherit(struct gate_spec *s, struct gate_err *err)
{
	struct gate_task *t = s->task;
	size_t said = t->env.n, n = 0, kept = 0;
	const char **all;

	while (s->caller->environ != NULL && s->caller->environ[n] != NULL)
		n++;
	all = calloc(n + said + 1, sizeof(*all));
	if (all == NULL)
		return GATE_FAIL_NOMEM(err);
	for (size_t i = 0; i < n; i++) {
		const char *e = s->caller->environ[i];

		/* An entry without a name (environ may hold anything) is nobody's. */
		if (e[0] == '=' || strchr(e, '=') == NULL || personal(s, e))
			continue;
		if (gate_spec_copy(s, e, strlen(e), &all[kept++], err) < 0) {
			free(all);
			return -1;
		}
	}
	for (size_t i = 0; i < said; i++)
		all[kept + i] = t->env.at[i];
	free(t->env.at);
	t->env.at = all;
	t->env.n = kept + said;
	t->env.cap = n + said + 1;
	return 0;
}
