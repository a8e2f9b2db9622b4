#include "help.h"

static struct gate_probe *probes;
static char *kept;

/* --- ports --- */

static int start(void *self, const struct gate_probe_request *r, gate_probe_fn *done, void *ctx, struct gate_probe **ret,
                 struct gate_err *err)
{
	struct gate_probe *p = calloc(1, sizeof(*p)), **at = &probes;

	(void)self;
	(void)err;
	assert_non_null(p);
	*p = (struct gate_probe){ .r = *r, .done = done, .ctx = ctx };
	if (r->path != NULL)
		(void)snprintf(p->path, sizeof(p->path), "%s", r->path);
	while (*at != NULL)
		at = &(*at)->next;
	*at = p;
	*ret = p;
	return 0;
}

static void cancel(void *self, struct gate_probe *p)
{
	(void)self;
	for (struct gate_probe **at = &probes; *at != NULL; at = &(*at)->next) {
		if (*at == p) {
			*at = p->next;
			free(p);
			return;
		}
	}
	fail_msg("a probe is cancelled that is not there");
}

static int open_with(struct gate_agent *a, struct gate_err *err)
{
	static const struct gate_prober prober = { start, cancel, NULL };

	return gate_marathon_open_with(a, &prober, err);
}

struct gate_probe *help_probe(void)
{
	return probes;
}

size_t help_probes(void)
{
	size_t n = 0;

	for (const struct gate_probe *p = probes; p != NULL; p = p->next)
		n++;
	return n;
}

void help_answer(struct fake *f, int status, const char *why)
{
	struct gate_probe *p = probes;

	assert_non_null(p);
	probes = p->next;
	p->done(p->ctx, status, why);
	free(p);
	fake_turn(f);
}

/* --- the agent --- */

static gate_scheduler_open_fn *const schedulers[] = { open_with, NULL };

struct fake *help_open(const char *path)
{
	return fake_open(schedulers, path);
}

int help_call(struct fake *f, const char *method, const char *url, const char *body, char **ret)
{
	struct fake_answer a;
	int status;

	fake_call(f, method, url, body, &a);
	status = a.status;
	if (ret != NULL) {
		*ret = strdup(a.body);
		assert_non_null(*ret);
	}
	fake_answer_done(&a);
	return status;
}

void help_must(struct fake *f, int status, const char *method, const char *url, const char *body)
{
	char *text = NULL;
	int is = help_call(f, method, url, body, &text);

	if (is != status)
		fail_msg("%s %s %s: %d %s", method, url, body != NULL ? body : "", is, text);
	free(text);
}

const char *help_get(struct fake *f, const char *url)
{
	free(kept);
	kept = NULL;
	if (help_call(f, "GET", url, NULL, &kept) != 200)
		fail_msg("GET %s: %s", url, kept);
	return kept;
}

const char *help_at(struct fake *f, const char *url, const char *path)
{
	struct gate_arena arena = GATE_ARENA_INIT;
	struct gate_err err = GATE_ERR_INIT;
	const struct gate_doc *d = NULL;
	const char *body = help_get(f, url);
	char *ret, step[64];

	if (gate_doc_read(&arena, body, strlen(body), &d, &err) < 0)
		fail_msg("%s: %s", body, err.text);
	while (*path != '\0' && d != NULL) {
		size_t n = strcspn(path, ".");

		(void)snprintf(step, sizeof(step), "%.*s", (int)n, path);
		if (d->kind == GATE_DOC_ARRAY)
			d = strtoul(step, NULL, 10) < d->n_items ? &d->items[strtoul(step, NULL, 10)] : NULL;
		else
			d = gate_doc_member(d, step);
		path += n + (path[n] == '.');
	}
	ret = strdup(d != NULL && d->text != NULL ? d->text : "");
	gate_arena_done(&arena);
	free(kept);
	kept = ret;
	return ret;
}

long help_number(struct fake *f, const char *url, const char *path)
{
	return strtol(help_at(f, url, path), NULL, 10);
}

/* --- tasks --- */

size_t help_tasks(struct fake *f, const char *app, struct gate_agent_task **ret, size_t max)
{
	size_t n = 0;

	for (struct gate_agent_task *t = gate_tasks_first(f->agent); t != NULL && n < max; t = t->next)
		if (!gate_state_ended(t->state) && strcmp(t->owner_id, app) == 0)
			ret[n++] = t;
	return n;
}

size_t help_count(struct fake *f, const char *app, enum gate_state s)
{
	struct gate_agent_task *all[256];
	size_t n = help_tasks(f, app, all, 256), found = 0;

	for (size_t i = 0; i < n; i++)
		found += all[i]->state == s;
	return found;
}

static char *next_in(struct fake *f, enum gate_state s)
{
	for (struct gate_agent_task *t = gate_tasks_first(f->agent); t != NULL; t = t->next)
		if (t->state == s)
			return strdup(t->container);
	return NULL;
}

void help_start_all(struct fake *f)
{
	for (char *c; (c = next_in(f, GATE_STATE_STAGING)) != NULL; free(c))
		fake_starts(f, c);
}

void help_end_killed(struct fake *f)
{
	for (char *c; (c = next_in(f, GATE_STATE_KILLING)) != NULL; free(c))
		fake_ends(f, c, 15);
}

size_t help_events(struct fake *f, const char *type)
{
	struct gate_db_rows q;
	size_t n = 0;

	gate_db_query(f->db, &q, "SELECT count(*) FROM events WHERE type = ?", "t", type);
	if (gate_db_next(&q))
		n = (size_t)gate_db_int(&q, 0);
	gate_db_end(&q);
	return n;
}

bool help_deploying(struct fake *f)
{
	return strcmp(help_get(f, "/v2/deployments"), "[]") != 0;
}
