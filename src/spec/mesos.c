/* LAUNCH_CONTAINER: ids, the command, resources. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/num.h"
#include "spec/mesos_parts.h"
#include "spec/passwd.h"

/* --- walking --- */

int gate_mesos_bad(const struct gate_mesos_maker *m, struct gate_err *err, const char *format, ...)
{
	struct gate_buf b = GATE_BUF_INIT;
	va_list ap;

	va_start(ap, format);
	gate_buf_vprintf(&b, format, ap);
	va_end(ap);
	gate_err_set(err, b.failed ? GATE_E_NOMEM : GATE_E_INVALID, 0, "%s: %s", m->path,
	             b.failed ? "out of memory" : b.data);
	gate_buf_done(&b);
	return -1;
}

static bool says_nothing(const struct gate_doc *d)
{
	return d->kind == GATE_DOC_NULL || (d->kind == GATE_DOC_BOOL && d->text[0] == 'f') ||
	       ((d->kind == GATE_DOC_ARRAY || d->kind == GATE_DOC_OBJECT) && d->n_items == 0);
}

static int member(struct gate_mesos_maker *m, const struct gate_doc *d, const struct gate_mesos_row *rows,
                  struct gate_err *err)
{
	for (; rows->name != NULL; rows++) {
		if (strcmp(rows->name, d->key) != 0)
			continue;
		if (d->kind == GATE_DOC_NULL || (rows->take == NULL && (rows->why == NULL || says_nothing(d))))
			return 0;
		return rows->take != NULL ? rows->take(m, d, err)
		                          : gate_mesos_bad(m, err, "not supported here: %s", rows->why);
	}
	return gate_mesos_bad(m, err, "unknown field");
}

/* One step into the path, for what is said below it. */
static size_t enter(struct gate_mesos_maker *m, const char *key, size_t index)
{
	size_t len = strlen(m->path);

	if (key != NULL)
		(void)snprintf(m->path + len, sizeof(m->path) - len, "/%.60s", key);
	else
		(void)snprintf(m->path + len, sizeof(m->path) - len, "(%zu)", index);
	return len;
}

int gate_mesos_walk(struct gate_mesos_maker *m, const struct gate_doc *d, const struct gate_mesos_row *rows,
                    struct gate_err *err)
{
	if (d->kind != GATE_DOC_OBJECT)
		return gate_mesos_bad(m, err, "expecting an object, found %s", gate_doc_kind_name(d->kind));
	for (size_t i = 0; i < d->n_items; i++) {
		size_t len = enter(m, d->items[i].key, 0);

		if (member(m, &d->items[i], rows, err) < 0)
			return -1;
		m->path[len] = '\0';
	}
	return 0;
}

int gate_mesos_each(struct gate_mesos_maker *m, const struct gate_doc *list,
                    int (*take)(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err),
                    struct gate_err *err)
{
	if (list->kind != GATE_DOC_ARRAY)
		return gate_mesos_bad(m, err, "expecting an array, found %s", gate_doc_kind_name(list->kind));
	for (size_t i = 0; i < list->n_items; i++) {
		size_t len = enter(m, NULL, i);

		if (take(m, &list->items[i], err) < 0)
			return -1;
		m->path[len] = '\0';
	}
	return 0;
}

int gate_mesos_text(struct gate_mesos_maker *m, const struct gate_doc *d, const char **ret, struct gate_err *err)
{
	if (d->kind != GATE_DOC_STRING)
		return gate_mesos_bad(m, err, "expecting a string, found %s", gate_doc_kind_name(d->kind));
	*ret = gate_arena_text(&m->task->arena, d->text, d->len);
	return *ret != NULL ? 0 : GATE_FAIL_NOMEM(err);
}

int gate_mesos_bool(struct gate_mesos_maker *m, const struct gate_doc *d, bool *ret, struct gate_err *err)
{
	if (d->kind != GATE_DOC_BOOL)
		return gate_mesos_bad(m, err, "expecting a boolean, found %s", gate_doc_kind_name(d->kind));
	*ret = d->text[0] == 't';
	return 0;
}

int gate_mesos_number(struct gate_mesos_maker *m, const struct gate_doc *d, double *ret, struct gate_err *err)
{
	double n;

	if (d->kind == GATE_DOC_STRING && strcmp(d->text, "Infinity") == 0) {
		*ret = HUGE_VAL;
		return 0;
	}
	if (d->kind != GATE_DOC_NUMBER)
		return gate_mesos_bad(m, err, "expecting a number, found %s", gate_doc_kind_name(d->kind));
	n = strtod(d->text, NULL);
	if (!(n >= 0 && n < 1e15))
		return gate_mesos_bad(m, err, "out of range: %.40s", d->text);
	*ret = n;
	return 0;
}

int gate_mesos_word(struct gate_mesos_maker *m, const struct gate_doc *d, const char *const *words, int *ret,
                    struct gate_err *err)
{
	if (d->kind != GATE_DOC_STRING)
		return gate_mesos_bad(m, err, "expecting a string, found %s", gate_doc_kind_name(d->kind));
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(words[i], d->text) == 0) {
			*ret = i;
			return 0;
		}
	return gate_mesos_bad(m, err, "'%.40s' is unknown", d->text);
}

/* --- ids --- */

/* Mesos' own rules first (common/validation.cpp), in its words. */
static int check_value(const char *value, size_t len, bool known, struct gate_err *err)
{
	if (len == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "'ContainerID.value' must be non-empty");
	for (size_t i = 0; i < len; i++) {
		char c = value[i];

		if (known && c == '.')
			continue;
		if ((unsigned char)c <= 0x20 || c == 0x7f || c == '/' || c == '\\' || c == '.')
			return GATE_FAIL(
			    err, GATE_E_INVALID,
			    "'ContainerID.value' contains invalid characters: no slash, period, space or control "
			    "character may be in it");
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      strchr("_+-", c) != NULL))
			return GATE_FAIL(err, GATE_E_INVALID,
			                 "'ContainerID.value' is a name here: letters, digits, '_', '+' and '-'");
	}
	return 0;
}

/* Outermost first; at most 32 levels, because a document is not deeper. */
static int join(const struct gate_doc *d, bool known, struct gate_mesos_id *id, struct gate_err *err)
{
	const struct gate_doc *value = gate_doc_member(d, "value"), *parent = gate_doc_member(d, "parent");
	size_t len;

	if (d == NULL || d->kind != GATE_DOC_OBJECT || value == NULL || value->kind != GATE_DOC_STRING)
		return GATE_FAIL(err, GATE_E_INVALID, "Expecting 'container_id.value' to be present");
	for (size_t i = 0; i < d->n_items; i++)
		if (strcmp(d->items[i].key, "value") != 0 && strcmp(d->items[i].key, "parent") != 0)
			return GATE_FAIL(err, GATE_E_INVALID, "container_id/%.40s: unknown field", d->items[i].key);
	if (check_value(value->text, value->len, known, err) < 0)
		return -1;
	if (parent != NULL && parent->kind != GATE_DOC_NULL) {
		if (join(parent, known, id, err) < 0)
			return -1;
		len = strlen(id->name);
		memcpy(id->parent, id->name, len + 1);
		memcpy(id->name + len, ".", 2); /* there is room: see below */
	}
	len = strlen(id->name);
	if (len + value->len >= GATE_MESOS_ID_MAX) /* and a '.' behind it for a child */
		return GATE_FAIL(err, GATE_E_LIMIT, "'ContainerID' is longer than %d bytes with its parents",
		                 GATE_MESOS_ID_MAX);
	memcpy(id->name + len, value->text, value->len + 1);
	return 0;
}

int gate_mesos_id_read(const struct gate_doc *d, bool known, struct gate_mesos_id *ret, struct gate_err *err)
{
	struct gate_mesos_id id = { .name = "" };

	if (join(d, known, &id, err) < 0)
		return -1;
	*ret = id;
	return 0;
}

/* --- CommandInfo --- */

static int take_value(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	return gate_mesos_text(m, d, &m->value, err);
}

static int take_shell(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	return gate_mesos_bool(m, d, &m->shell, err);
}

static int take_argument(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	const char *text = NULL;

	return gate_mesos_text(m, d, &text, err); /* kept by command(), once shell is known */
}

static int take_arguments(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	m->arguments = d;
	return gate_mesos_each(m, d, take_argument, err);
}

static int take_user(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	struct gate_err mine = GATE_ERR_INIT;

	if (gate_mesos_text(m, d, &m->task->user, err) < 0)
		return -1;
	return gate_user_word_check(m->task->user, &mine) < 0 ? gate_mesos_bad(m, err, "%s", mine.text) : 0;
}

#define ADD(list, err, value)                                                                                          \
	(gate_grow(&(list).at, (list).n, &(list).cap, sizeof(*(list).at)) < 0 ? GATE_FAIL_NOMEM(err)                   \
	                                                                      : ((list).at[(list).n++] = (value), 0))

static int add_env(struct gate_mesos_maker *m, const char *name, const char *value, struct gate_err *err)
{
	size_t n = strlen(name), k = strlen(value);
	char *pair = gate_arena_alloc(&m->task->arena, n + k + 2);

	if (pair == NULL)
		return GATE_FAIL_NOMEM(err);
	memcpy(pair, name, n);
	pair[n] = '=';
	memcpy(pair + n + 1, value, k);
	return ADD(m->task->env, err, pair);
}

static int take_variable(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	const struct gate_doc *name = gate_doc_member(d, "name"), *value = gate_doc_member(d, "value");
	const struct gate_doc *type = gate_doc_member(d, "type");
	static const struct gate_mesos_row rows[] = { { "name", NULL, NULL },
		                                      { "value", NULL, NULL },
		                                      { "type", NULL, NULL },
		                                      { "secret", NULL, "there is no store of secrets" },
		                                      { NULL, NULL, NULL } };

	if (gate_mesos_walk(m, d, rows, err) < 0)
		return -1;
	if (name == NULL || name->kind != GATE_DOC_STRING || name->len == 0 || strchr(name->text, '=') != NULL)
		return gate_mesos_bad(m, err, "a variable needs a name without '='");
	if (type != NULL && (type->kind != GATE_DOC_STRING || strcmp(type->text, "VALUE") != 0))
		return gate_mesos_bad(m, err,
		                      "only variables of type VALUE are supported: there is no store of secrets");
	if (value == NULL || value->kind != GATE_DOC_STRING)
		return gate_mesos_bad(m, err, "variable '%.60s' of type 'VALUE' must have a value set", name->text);
	return add_env(m, name->text, value->text, err);
}

static int take_variables(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	return gate_mesos_each(m, d, take_variable, err);
}

static int take_environment(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = { { "variables", take_variables, NULL }, { NULL, NULL, NULL } };

	return gate_mesos_walk(m, d, rows, err);
}

static int take_command(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = {
		{ "value", take_value, NULL },
		{ "shell", take_shell, NULL },
		{ "arguments", take_arguments, NULL },
		{ "user", take_user, NULL },
		{ "environment", take_environment, NULL },
		{ "uris", NULL, "nothing is fetched: put files into an image or a volume" },
		{ NULL, NULL, NULL },
	};

	m->has_command = true;
	return gate_mesos_walk(m, d, rows, err);
}

static const char *base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash != NULL ? slash + 1 : path;
}

/* Mesos' table of what runs (docker/runtime.cpp, command executor): arguments[0] is the program's own name. */
static int command(struct gate_mesos_maker *m, struct gate_err *err)
{
	struct gate_task *t = m->task;
	size_t n = m->arguments != NULL ? m->arguments->n_items : 0, first = 0;
	const char *word;

	(void)snprintf(m->path, sizeof(m->path), "/command");
	if (m->has_command && m->shell) {
		if (m->value == NULL)
			return gate_mesos_bad(m, err, "with shell a value is needed");
		if (n > 0)
			return gate_mesos_bad(m, err, "arguments mean nothing with shell");
		t->has_entrypoint = true;
		return ADD(t->args, err, "/bin/sh") < 0 || ADD(t->args, err, "-c") < 0 ||
		               ADD(t->args, err, m->value) < 0
		           ? -1
		           : 0;
	}
	if (m->value == NULL && t->image == NULL)
		return gate_mesos_bad(m, err, "a container without an image needs a command");
	if (m->value != NULL) {
		t->has_entrypoint = true;
		if (m->value[0] == '\0')
			return gate_mesos_bad(m, err, "the value is empty");
		if (n > 0 && strcmp(base(m->arguments->items[0].text), base(m->value)) != 0)
			return gate_mesos_bad(
			    m, err, "arguments[0] is the program's own name, and '%.60s' is not that of '%.60s'",
			    m->arguments->items[0].text, m->value);
		first = n > 0;
		if (ADD(t->args, err, m->value) < 0)
			return -1;
	}
	for (size_t i = first; i < n; i++) {
		word = gate_arena_text(&t->arena, m->arguments->items[i].text, m->arguments->items[i].len);
		if (word == NULL)
			return GATE_FAIL_NOMEM(err);
		if (ADD(t->args, err, word) < 0)
			return -1;
	}
	return 0;
}

/* --- Resources and limits --- */

static int take_ports(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	const struct gate_doc *list = gate_doc_member(gate_doc_member(d, "ranges"), "range"), *low, *high;
	char *out = m->launch->resources.ports;
	uint64_t a, b;

	for (size_t i = 0; list != NULL && i < list->n_items; i++) {
		low = gate_doc_member(&list->items[i], "begin");
		high = gate_doc_member(&list->items[i], "end");
		if (low == NULL || high == NULL || low->kind != GATE_DOC_NUMBER || high->kind != GATE_DOC_NUMBER ||
		    gate_u64_parse(low->text, low->len, 65535, &a) < 0 ||
		    gate_u64_parse(high->text, high->len, 65535, &b) < 0 || a == 0 || a > b)
			return gate_mesos_bad(m, err, "a range of ports has begin and end from 1 to 65535");
		for (; a <= b; a++) {
			size_t len = strlen(out);

			if (len + 7 > sizeof(m->launch->resources.ports))
				return gate_mesos_bad(m, err, "more ports than one container can have");
			(void)snprintf(out + len, 7, "%s%u", len > 0 ? "," : "", (unsigned)a);
		}
	}
	return 0;
}

static int take_resource(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	const struct gate_doc *name = gate_doc_member(d, "name");
	const struct gate_doc *value = gate_doc_member(gate_doc_member(d, "scalar"), "value");
	struct gate_mesos_resources *r = &m->launch->resources;
	static const char roles[] = "resources have no roles, reservations or persistence on one host";
	static const struct gate_mesos_row rows[] = {
		{ "name", NULL, NULL },
		{ "type", NULL, NULL },
		{ "scalar", NULL, NULL },
		{ "ranges", NULL, NULL },
		{ "role", NULL, NULL },
		{ "set", NULL, roles },
		{ "disk", NULL, roles },
		{ "reservation", NULL, roles },
		{ "reservations", NULL, roles },
		{ "revocable", NULL, roles },
		{ "shared", NULL, roles },
		{ "provider_id", NULL, roles },
		{ "allocation_info", NULL, roles },
		{ NULL, NULL, NULL },
	};
	const struct gate_doc *role = gate_doc_member(d, "role");
	double *to = NULL;

	if (gate_mesos_walk(m, d, rows, err) < 0)
		return -1;
	if (role != NULL && (role->kind != GATE_DOC_STRING || strcmp(role->text, "*") != 0))
		return gate_mesos_bad(m, err, "not supported here: %s", roles);
	if (name == NULL || name->kind != GATE_DOC_STRING)
		return gate_mesos_bad(m, err, "a resource needs a name");
	if (strcmp(name->text, "ports") == 0)
		return take_ports(m, d, err);
	to = strcmp(name->text, "cpus") == 0   ? &r->cpus
	     : strcmp(name->text, "mem") == 0  ? &r->mem
	     : strcmp(name->text, "disk") == 0 ? &r->disk
	                                       : NULL;
	if (to == NULL)
		return gate_mesos_bad(m, err, "there is no '%.40s' here: cpus, mem, disk and ports are", name->text);
	if (value == NULL)
		return gate_mesos_bad(m, err, "resource '%s' needs scalar.value", name->text);
	if (gate_mesos_number(m, value, to, err) < 0)
		return -1;
	return isinf(*to) ? gate_mesos_bad(m, err, "only limits can be infinite") : 0;
}

static int take_resources(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	return gate_mesos_each(m, d, take_resource, err);
}

static int limit(struct gate_mesos_maker *m, const struct gate_doc *d, double *ret, struct gate_err *err)
{
	const struct gate_doc *value = d->kind == GATE_DOC_OBJECT ? gate_doc_member(d, "value") : d;

	if (value == NULL)
		return gate_mesos_bad(m, err, "a limit needs a value");
	return gate_mesos_number(m, value, ret, err);
}

static int take_limit_cpus(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	return limit(m, d, &m->launch->resources.limit_cpus, err);
}

static int take_limit_mem(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	return limit(m, d, &m->launch->resources.limit_mem, err);
}

static int take_limits(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = { { "cpus", take_limit_cpus, NULL },
		                                      { "mem", take_limit_mem, NULL },
		                                      { NULL, NULL, NULL } };

	return gate_mesos_walk(m, d, rows, err);
}

static bool isolates(const struct gate_mesos_maker *m, enum gate_isolator i)
{
	return (m->facts->isolation >> i & 1) != 0;
}

/* As Mesos' cgroups isolators: 1024 shares a processor; a quota with --cgroups_enable_cfs or a limit; 32 MiB at least. */
static void amounts(struct gate_mesos_maker *m)
{
	const struct gate_mesos_resources *r = &m->launch->resources;
	double quota = r->limit_cpus > 0 ? r->limit_cpus : m->facts->cfs ? r->cpus : 0;
	double mem = r->limit_mem > 0 ? r->limit_mem : r->mem;
	struct gate_task *t = m->task;
	uint64_t shares = (uint64_t)(r->cpus < 256 ? r->cpus * 1024 : 262144);

	/* Its parent's limits hold for both of them together. */
	if (m->share_cgroups)
		return;
	if (isolates(m, GATE_ISOLATE_CPU) && r->cpus > 0)
		t->cpu_shares = shares < 2 ? 2 : shares;
	if (isolates(m, GATE_ISOLATE_CPU) && quota > 0 && !isinf(quota)) {
		t->cpu_period_us = 100000;
		t->cpu_quota_us = quota < 0.01 ? 1000 : quota > 10000 ? 1000000000 : (uint64_t)(quota * 100000);
	}
	if (isolates(m, GATE_ISOLATE_MEM) && mem > 0 && !isinf(mem))
		t->memory = (uint64_t)(mem < 32 ? 32 : mem > 1e9 ? 1e9 : mem) << 20;
}

/* --- the call --- */

static int take_container(struct gate_mesos_maker *m, const struct gate_doc *d, struct gate_err *err)
{
	return gate_mesos_walk(m, d, gate_mesos_container, err);
}

/* What every container finds, below what it says itself. */
static int environment(struct gate_mesos_maker *m, struct gate_err *err)
{
	struct gate_task *t = m->task;

	if (t->image == NULL &&
	    add_env(m, "PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", err) < 0)
		return -1;
	if (t->image == NULL && isolates(m, GATE_ISOLATE_FILESYSTEM)) {
		t->workdir = "/tmp"; /* the sandbox */
		if (add_env(m, "MESOS_SANDBOX", "/tmp", err) < 0)
			return -1;
	}
	return add_env(m, "MESOS_CONTAINER_ID", m->launch->id.name, err);
}

static int launch(struct gate_mesos_maker *m, const struct gate_doc *call, struct gate_err *err)
{
	static const struct gate_mesos_row rows[] = {
		{ "container_id", NULL, NULL }, /* read before */
		{ "command", take_command, NULL },
		{ "container", take_container, NULL },
		{ "resources", take_resources, NULL },
		{ "limits", take_limits, NULL },
		{ NULL, NULL, NULL },
	};
	struct gate_task *t = m->task;
	const char **own;
	size_t n_own;

	if (gate_mesos_id_read(gate_doc_member(call, "container_id"), false, &m->launch->id, err) < 0)
		return -1;
	m->share_cgroups = m->launch->id.parent[0] != '\0'; /* unless it says otherwise */
	if (gate_mesos_walk(m, call, rows, err) < 0 || gate_mesos_container_finish(m, err) < 0 || command(m, err) < 0)
		return -1;
	amounts(m);
	/* Later ones win: what was said goes behind what is given. */
	own = t->env.at;
	n_own = t->env.n;
	t->env.at = NULL;
	t->env.n = t->env.cap = 0;
	if (environment(m, err) < 0) {
		free(own);
		return -1;
	}
	for (size_t i = 0; i < n_own; i++)
		if (ADD(t->env, err, own[i]) < 0) {
			free(own);
			return -1;
		}
	free(own);
	return 0;
}

int gate_mesos_launch_read(const struct gate_doc *call, const struct gate_mesos_facts *f, struct gate_task *t,
                           struct gate_mesos_launch *ret, struct gate_err *err)
{
	struct gate_mesos_maker m = { .task = t, .launch = ret, .facts = f, .shell = true };

	*ret = (struct gate_mesos_launch){ .profile_name = NULL };
	t->isolation = f->isolation;
	t->no_new_privs = (t->isolation & 1U << GATE_ISOLATE_NNP) != 0; /* as Mesos' isolator: for every task */
	t->detach = true;
	return launch(&m, call, err);
}
