/* What belongs to a cluster, judged against one host: accepted where this host satisfies it, else refused by name. The
 * rules of constraints are Marathon's (mesos/Constraints.scala): a field that the agent does not have satisfies UNLIKE alone. */
#include <stdio.h>

#include "base/num.h"
#include "spec/marathon_parts.h"

/* --- regular expressions of the simple kind --- */

/* One element: its length in the pattern, and whether it matches c. 0: not of the simple kind. */
static size_t element(const char *p, unsigned char c, bool *hit)
{
	const char *end;
	bool not_in;

	if (*p == '\0' || strchr("()|*+?{}", *p) != NULL)
		return 0;
	if (*p == '.') {
		*hit = c != '\0';
		return 1;
	}
	if (*p == '\\') {
		if (p[1] == '\0' || strchr(".\\-[](){}*+?|/^$", p[1]) == NULL)
			return 0;
		*hit = (unsigned char)p[1] == c;
		return 2;
	}
	if (*p != '[') {
		*hit = (unsigned char)*p == c && *p != '^' && *p != '$';
		return *p == '^' || *p == '$' ? 0 : 1;
	}
	not_in = p[1] == '^';
	end = p + 1 + not_in;
	if (*end == ']' || *end == '\0')
		return 0;
	*hit = false;
	for (; *end != ']'; end++) {
		if (*end == '\0' || *end == '[' || *end == '\\' || *end == '&')
			return 0;
		if (end[1] == '-' && end[2] != ']' && end[2] != '\0') {
			*hit |= (unsigned char)end[0] <= c && c <= (unsigned char)end[2];
			end += 2;
		} else {
			*hit |= (unsigned char)*end == c;
		}
	}
	*hit = c != '\0' && *hit != not_in;
	return (size_t)(end - p) + 1;
}

/* 1, 0, -1; `steps` bounds the work. `end` is where this alternative ends. */
static int match(const char *p, const char *end, const char *s, unsigned *steps)
{
	for (;;) {
		bool hit = false;
		size_t n;
		char times;

		if (p == end)
			return *s == '\0';
		if (*steps == 0)
			return -1;
		(*steps)--;
		n = element(p, (unsigned char)*s, &hit);
		if (n == 0 || p + n > end)
			return -1;
		times = p + n < end ? p[n] : '\0';
		if (times == '*' || times == '?' || times == '+') {
			int rest;

			if (times == '+' && !hit)
				return 0;
			if (times != '+') {
				rest = match(p + n + 1, end, s, steps);
				if (rest != 0)
					return rest;
				if (!hit)
					return 0;
			}
			if (times == '?')
				return match(p + n + 1, end, s + 1, steps);
			if (times == '+') {
				rest = match(p + n + 1, end, s + 1, steps);
				if (rest != 0)
					return rest;
				/* once more: as '*' from here on */
				for (s++; element(p, (unsigned char)*s, &hit) > 0 && hit; s++) {
					rest = match(p + n + 1, end, s + 1, steps);
					if (rest != 0)
						return rest;
				}
				return 0;
			}
			s++;
			continue;
		}
		if (!hit)
			return 0;
		p += n;
		s++;
	}
}

/* Is each of its alternatives of the simple kind, whatever the text is? */
static bool is_simple(const char *p, const char *end)
{
	while (p < end) {
		bool hit;
		size_t n = element(p, 'x', &hit);

		if (n == 0 || p + n > end)
			return false;
		p += n;
		p += p < end && (*p == '*' || *p == '+' || *p == '?');
	}
	return true;
}

int gate_simple_match(const char *pattern, const char *text)
{
	unsigned steps = 10000;
	int found = 0;

	if (strlen(pattern) > 256 || strlen(text) > 256)
		return -1;
	for (const char *p = pattern;; p++) {
		const char *end = p;

		while (*end != '\0' && *end != '|') {
			if (*end == '[')
				end += strcspn(end, "]");
			else if (*end == '\\' && end[1] != '\0')
				end++;
			end += *end != '\0';
		}
		if (!is_simple(p, end))
			return -1;
		if (found == 0)
			found = match(p, end, text, &steps);
		if (*end == '\0')
			return found;
		p = end;
	}
}

/* --- fields --- */

static const char *trimmed(struct gate_arena *arena, const char *text, size_t len)
{
	while (len > 0 && (*text == ' ' || *text == '\t'))
		text++, len--;
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	return gate_arena_text(arena, text, len);
}

static bool is_hostname(const char *field)
{
	return strcmp(field, "hostname") == 0 || strcmp(field, "@hostname") == 0;
}

const char *gate_host_field(struct gate_arena *arena, const char *hostname, const char *attributes, const char *field)
{
	if (is_hostname(field))
		return hostname;
	for (const char *s = attributes != NULL ? attributes : ""; *s != '\0'; s += *s == ';') {
		size_t len = strcspn(s, ";"), name = strcspn(s, ":;");
		const char *is = trimmed(arena, s, name);

		if (is == NULL)
			return NULL;
		if (name < len && strcmp(is, field) == 0)
			return trimmed(arena, s + name + 1, len - name - 1);
		s += len;
	}
	return NULL;
}

static bool number(const char *s, double *n)
{
	char *end;

	if (strspn(s, "0123456789+-.eE") != strlen(s))
		return false;
	*n = strtod(s, &end);
	return end != s && *end == '\0';
}

bool gate_field_is(const char *here, const char *wanted)
{
	double a, b;

	return strcmp(here, wanted) == 0 || (number(here, &a) && number(wanted, &b) && a == b);
}

/* --- constraints --- */

struct constraint {
	const char *field, *op, *value; /* value: NULL when there is none */
	const char *here;               /* what this host has; NULL: nothing */
};
typedef void judge_fn(const struct constraint *c, const struct gate_app *app, const char *path, struct gate_faults *f);

static bool whole_number(const char *s, uint64_t *n)
{
	return s != NULL && gate_u64_parse(s, strlen(s), INT32_MAX, n) == 0;
}

static void no_field(const struct constraint *c, const char *path, struct gate_faults *f)
{
	gate_fault(f, path, "no host satisfies it: this one has no attribute '%s'", c->field);
}

static void another(const struct constraint *c, const char *path, struct gate_faults *f)
{
	if (is_hostname(c->field))
		gate_fault(f, path, "the only host is '%s', not '%s'", c->here, c->value);
	else
		gate_fault(f, path, "this one host has '%s' for '%s', not '%s'", c->here, c->field, c->value);
}

static void few(const struct constraint *c, const struct gate_app *app, uint64_t most, const char *path,
                struct gate_faults *f)
{
	if ((uint64_t)app->instances > most)
		gate_fault(f, path, "%s on '%s' allows %llu instance%s on this one host, and there are to be %lld",
		           c->op, c->field, (unsigned long long)most, most == 1 ? "" : "s", (long long)app->instances);
}

static void unique(const struct constraint *c, const struct gate_app *app, const char *path, struct gate_faults *f)
{
	if (c->value != NULL)
		gate_fault(f, path, "UNIQUE does not accept a value");
	else if (c->here == NULL)
		no_field(c, path, f);
	else
		few(c, app, 1, path, f);
}

static void cluster(const struct constraint *c, const struct gate_app *app, const char *path, struct gate_faults *f)
{
	(void)app;
	if (c->here == NULL)
		no_field(c, path, f);
	else if (c->value != NULL && c->value[0] != '\0' && strcmp(c->value, c->here) != 0)
		another(c, path, f);
}

static void is(const struct constraint *c, const struct gate_app *app, const char *path, struct gate_faults *f)
{
	struct constraint with = *c;
	const char *v = with.value = c->value != NULL ? c->value : "";

	(void)app;
	if (strspn(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_/.-") != strlen(v))
		gate_fault(f, path,
		           "IS only supports Mesos text and float values (see "
		           "http://mesos.apache.org/documentation/latest/attributes-resources/)");
	else if (c->here == NULL)
		no_field(c, path, f);
	else if (!gate_field_is(c->here, v))
		another(&with, path, f);
}

static void group_by(const struct constraint *c, const struct gate_app *app, const char *path, struct gate_faults *f)
{
	uint64_t n = 1;

	if (c->value != NULL && !whole_number(c->value, &n))
		gate_fault(f, path, "GROUP BY must define an integer value or else no value at all");
	else if (c->here == NULL)
		no_field(c, path, f);
	else if (n > 1)
		few(c, app, 1, path, f); /* the second would have to be in another group first */
}

static void max_per(const struct constraint *c, const struct gate_app *app, const char *path, struct gate_faults *f)
{
	uint64_t n = 0;

	if (!whole_number(c->value, &n))
		gate_fault(f, path, "MAX_PER requires an integer value");
	else if (c->here == NULL)
		no_field(c, path, f);
	else
		few(c, app, n, path, f);
}

static void like(const struct constraint *c, const struct gate_app *app, const char *path, struct gate_faults *f)
{
	bool wanted = strcmp(c->op, "LIKE") == 0;
	int found;

	(void)app;
	if (c->value == NULL) {
		gate_fault(f, path, "LIKE and UNLIKE require a non-empty, regular expression value");
		return;
	}
	if (c->here == NULL) {
		if (wanted)
			no_field(c, path, f);
		return;
	}
	found = gate_simple_match(c->value, c->here);
	if (found < 0)
		gate_fault(
		    f, path,
		    "this regular expression is not judged here: literals, '.', '[…]', each with '*', '+' or '?', and "
		    "'|' outermost are");
	else if ((found == 1) != wanted)
		gate_fault(f, path, "%s, '%s', %s '%s'",
		           is_hostname(c->field) ? "the only host" : "what this one host has for it", c->here,
		           wanted ? "does not match" : "matches", c->value);
}

static const struct {
	const char *name;
	judge_fn *fn;
} operators[] = { { "UNIQUE", unique },
	          { "CLUSTER", cluster },
	          { "GROUP_BY", group_by },
	          { "MAX_PER", max_per },
	          { "LIKE", like },
	          { "UNLIKE", like },
	          { "IS", is } };

static void upper(const char *from, char *to, size_t size)
{
	size_t i = 0;

	for (; from[i] != '\0' && i + 1 < size; i++)
		to[i] = from[i] >= 'a' && from[i] <= 'z' ? (char)(from[i] - 'a' + 'A') : from[i];
	to[i] = '\0';
}

static void check_constraint(const struct gate_texts *t, const struct gate_app *app, const struct gate_app_host *host,
                             const char *path, struct gate_faults *f)
{
	struct constraint c;
	char op[16];

	if (t->n < 2 || t->n > 3) {
		gate_fault(f, path, "Each constraint must have either 2 or 3 fields");
		return;
	}
	if (t->at[0][0] == '\0') {
		gate_fault(f, path, "illegal constraint specification");
		return;
	}
	upper(t->at[1], op, sizeof(op));
	c = (struct constraint){ t->at[0], op, t->n > 2 ? t->at[2] : NULL,
		                 gate_host_field(f->arena, host->hostname, host->attributes, t->at[0]) };
	for (size_t i = 0; i < GATE_ARRAY_LEN(operators); i++) {
		if (strcmp(operators[i].name, op) == 0) {
			operators[i].fn(&c, app, path, f);
			return;
		}
	}
	gate_fault(f, path,
	           "operator must be one of the following UNIQUE, CLUSTER, GROUP_BY, LIKE, MAX_PER, UNLIKE or IS");
}

/* --- the others --- */

static bool given(const struct gate_doc *d)
{
	return d != NULL && !((d->kind == GATE_DOC_OBJECT || d->kind == GATE_DOC_ARRAY) && d->n_items == 0);
}

static void check_roles(const struct gate_app *app, struct gate_faults *f)
{
	if (gate_app_said(app, "acceptedResourceRoles") && app->roles.n == 0)
		gate_fault(f, "/acceptedResourceRoles", "must not be empty");
	for (size_t i = 0; i < app->roles.n; i++) {
		if (strcmp(app->roles.at[i], "*") != 0) {
			gate_fault(f, "/acceptedResourceRoles", "acceptedResourceRoles can only contain *");
			break;
		}
	}
	if (strcmp(app->role, "*") != 0)
		gate_fault(f, "/role", "got %s, expected one of: *", app->role);
}

void gate_app_judge_cluster(const struct gate_app *app, const struct gate_app_host *host, struct gate_faults *f)
{
	char path[64];

	for (size_t i = 0; i < app->constraints.n; i++) {
		(void)snprintf(path, sizeof(path), "/constraints(%zu)", i);
		check_constraint(&app->constraints.at[i], app, host, path, f);
	}
	check_roles(app, f);
	if (app->gpus > 0 && app->container != NULL && app->container->engine == GATE_ENGINE_IS_DOCKER)
		gate_fault(f, "/", "GPU resources only work with the Mesos containerizer");
	if (app->gpus > 0)
		gate_fault(f, "/",
		           "Feature gpu_resources is not enabled. Enable with --enable_features gpu_resources)");
	if (app->executor[0] != '\0' && strcmp(app->executor, "//cmd") != 0)
		gate_fault(f, "/executor", "there are no executors here but the agent itself: '' or '//cmd'");
	if (app->uris.n > 0 && app->fetch.n > 0)
		gate_fault(f, "/uris", "may not be set in conjunction with fetch");
	if (app->uris.n > 0 || app->fetch.n > 0)
		gate_fault(f, app->uris.n > 0 ? "/uris" : "/fetch",
		           "nothing is fetched here: put the files into the image, or mount them from a hostPath");
	if (given(app->ip_address))
		gate_fault(f, "/ipAddress", "there are no container networks here; the host's is the default");
	if (given(app->check))
		gate_fault(f, "/check", "checks that only report are not built; a check of healthChecks reports too");
}
