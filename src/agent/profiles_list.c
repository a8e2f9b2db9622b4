/* Profiles as people see them: GET /api/v1/profiles, and the line of a call that was refused. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/profiles_parts.h"
#include "source/source.h"

/* --- the line --- */

static int source_of(struct gate_profiles *p, const char *name, const struct gate_buf *text, struct gate_source **ret)
{
	struct gate_facts facts = p->facts;

	facts.caps = gate_agent_config(p->agent)->caps & GATE_TASK_DEFAULT_CAPS;
	return gate_source_of_text(name, text->data != NULL ? text->data : "", text->len, gate_profile_engine(p),
	                           &facts, ret, NULL);
}

bool gate_profiles_place(struct gate_profiles *p, const struct gate_agent_task *t, const struct gate_record_denial *d,
                         char *ret, size_t size)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct gate_call call = { .arch = gate_arch_of(d->arch, d->nr), .nr = d->nr };
	const struct gate_outcome *best = NULL;
	struct gate_explanation *e = NULL;
	struct gate_source *s = NULL;

	if (t->profile == NULL || t->profile[0] == '\0' || t->text_digest == NULL || call.arch == GATE_ARCH_NONE ||
	    gate_profile_kept_text(p, t->text_digest, &text) < 0 || source_of(p, t->profile, &text, &s) < 0)
		return false;
	if (gate_source_explain(s, &call, &e, NULL) == 0) {
		for (size_t i = 0; i < e->n && best == NULL; i++)
			if (GATE_RET_ACTION(e->outcomes[i].action) == d->action && e->outcomes[i].line != 0)
				best = &e->outcomes[i];
		if (best != NULL)
			(void)snprintf(ret, size, "%s:%u:%u", t->profile, best->line, best->column);
		gate_explanation_free(e);
	}
	gate_source_free(s);
	return best != NULL;
}

/* --- names --- */

struct names {
	char **at;
	size_t n, cap;
	bool full; /* there are more than are listed */
};

static void names_done(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->at[i]);
	free(l->at);
}

static void names_add(struct names *l, const char *name)
{
	char *copy;

	if (l->n >= GATE_PROFILE_NAMES || gate_grow(&l->at, l->n, &l->cap, sizeof(*l->at)) < 0 ||
	    (copy = strdup(name)) == NULL)
		l->full = true;
	else
		l->at[l->n++] = copy;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void walk(struct gate_profiles *p, const char *below, unsigned depth, struct names *l)
{
	const struct gate_world *w = gate_agent_world(p->agent);
	struct dirent *e;
	char name[256];
	struct stat st;
	int fd = -1;
	DIR *d;

	if (w->open(w->ctx, GATE_OPEN_PROFILES, below, strlen(below), &fd, NULL) < 0)
		return;
	d = fdopendir(fd);
	if (d == NULL) {
		(void)close(fd);
		return;
	}
	while ((e = readdir(d)) != NULL && !l->full) {
		if (e->d_name[0] == '.' || snprintf(name, sizeof(name), "%s%s%s", below, below[0] != '\0' ? "/" : "",
		                                    e->d_name) >= (int)sizeof(name))
			continue;
		if (fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISREG(st.st_mode))
			names_add(l, name);
		else if (S_ISDIR(st.st_mode) && depth < GATE_PROFILE_FOLDERS)
			walk(p, name, depth + 1, l);
	}
	(void)closedir(d);
}

/* Those of the directory, and those that tasks run under though their file is gone. */
static void all_names(struct gate_profiles *p, struct names *l)
{
	const struct gate_agent_task *t;

	walk(p, "", 1, l);
	for (t = gate_tasks_first(p->agent); t != NULL; t = t->next) {
		size_t i = 0;

		if (gate_state_ended(t->state) || t->profile == NULL || t->profile[0] == '\0')
			continue;
		while (i < l->n && strcmp(l->at[i], t->profile) != 0)
			i++;
		if (i == l->n)
			names_add(l, t->profile);
	}
	if (l->n > 1)
		qsort(l->at, l->n, sizeof(*l->at), by_name);
}

/* --- one profile as JSON --- */

static void tasks_of(struct gate_profiles *p, const char *name, const char *other_than, const char *key,
                     struct gate_json *j)
{
	const struct gate_agent_task *t;

	gate_json_key(j, key);
	gate_json_array(j);
	for (t = gate_tasks_first(p->agent); t != NULL; t = t->next)
		if (!gate_state_ended(t->state) && t->profile != NULL && strcmp(t->profile, name) == 0 &&
		    (other_than == NULL || strcmp(t->text_digest, other_than) != 0))
			gate_json_text(j, t->id);
	gate_json_end(j, ']');
}

static void finding(const struct gate_finding *f, struct gate_json *j)
{
	static const char *const severities[] = { "", "notice", "warning", "error" };

	gate_json_object(j);
	gate_json_key(j, "severity");
	gate_json_text(j, f->severity <= GATE_ERROR ? severities[f->severity] : "");
	gate_json_key(j, "id");
	gate_json_text(j, f->id);
	gate_json_key(j, "line");
	gate_json_u64(j, f->line);
	gate_json_key(j, "column");
	gate_json_u64(j, f->column);
	gate_json_key(j, "text");
	gate_json_text(j, f->text);
	gate_json_end(j, '}');
}

static void findings(struct gate_profiles *p, const char *name, const struct gate_buf *text, bool each,
                     struct gate_json *j)
{
	struct gate_findings *f = NULL;
	struct gate_source *s = NULL;

	if (gate_findings_new(&f, NULL) < 0)
		return;
	if (source_of(p, name, text, &s) == 0 && gate_source_check(s, f, NULL) == 0) {
		gate_json_key(j, "findings");
		gate_json_u64(j, gate_findings_count(f));
		if (each) {
			gate_json_key(j, "findingList");
			gate_json_array(j);
			for (size_t i = 0; i < gate_findings_count(f); i++)
				finding(gate_findings_at(f, i), j);
			gate_json_end(j, ']');
		}
	}
	gate_source_free(s);
	gate_findings_free(f);
}

static bool describe(struct gate_profiles *p, const char *name, bool each, struct gate_json *j)
{
	const struct gate_config *c = gate_agent_config(p->agent);
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	const struct gate_profile_made *m = NULL;
	struct gate_err err = GATE_ERR_INIT;
	bool there = gate_profile_text(p, name, &text, &err) == 0;
	bool good = there && gate_profile_compile(p, name, &text, c->caps & GATE_TASK_DEFAULT_CAPS, &m, &err) == 0;
	char digest[GATE_POLICY_DIGEST_TEXT] = "";
	struct gate_digest d;

	if (there) {
		gate_digest_bytes(text.data != NULL ? text.data : "", text.len, &d);
		gate_digest_text(&d, digest);
	}
	gate_json_object(j);
	gate_json_key(j, "name");
	gate_json_text(j, name);
	gate_json_key(j, "default");
	gate_json_bool(j, c->profile_name != NULL && strcmp(c->profile_name, name) == 0);
	gate_json_key(j, "floor");
	gate_json_bool(j, c->floor != NULL && strcmp(c->floor, name) == 0);
	gate_json_key(j, "allowed");
	gate_json_bool(j, gate_policy_allowed(p, name, NULL) == 0);
	gate_json_key(j, "textDigest");
	gate_json_text(j, there ? digest : NULL);
	gate_json_key(j, "meaningDigest");
	gate_json_text(j, good ? m->c->meaning : NULL);
	gate_json_key(j, "error");
	gate_json_text(j, good ? NULL : err.text);
	if (there)
		findings(p, name, &text, each, j);
	tasks_of(p, name, NULL, "usedBy", j);
	tasks_of(p, name, digest, "olderTasks", j);
	if (each && there) {
		gate_json_key(j, "text");
		gate_json_textn(j, text.data != NULL ? text.data : "", text.len);
	}
	gate_json_end(j, '}');
	return there;
}

/* --- how much is to be said about each --- */
static void look(struct gate_profiles *p, const char *name, const struct gate_buf *text, struct gate_profile_counts *n)
{
	struct gate_findings *f = NULL;
	struct gate_source *s = NULL;

	*n = (struct gate_profile_counts){ 0 };
	if (gate_findings_new(&f, NULL) < 0 || source_of(p, name, text, &s) < 0 || gate_source_check(s, f, NULL) < 0) {
		n->errors = 1;
	} else {
		for (size_t i = 0; i < gate_findings_count(f); i++) {
			const enum gate_severity how = gate_findings_at(f, i)->severity;

			n->notices += how == GATE_NOTICE;
			n->warnings += how == GATE_WARNING;
			n->errors += how == GATE_ERROR;
		}
	}
	gate_source_free(s);
	gate_findings_free(f);
}

/* NULL: memory is gone. */
static struct gate_profile_said *said_of(struct gate_profiles *p, const char *name)
{
	for (size_t i = 0; i < p->n_said; i++)
		if (strcmp(p->said[i].name, name) == 0)
			return &p->said[i];
	if (gate_grow(&p->said, p->n_said, &p->cap_said, sizeof(*p->said)) < 0)
		return NULL;
	struct gate_profile_said *s = &p->said[p->n_said++];

	*s = (struct gate_profile_said){ .seen = false };
	(void)snprintf(s->name, sizeof(s->name), "%s", name);
	return s;
}

static void count(struct gate_profiles *p, const char *name)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	char digest[GATE_POLICY_DIGEST_TEXT] = "unreadable";
	bool there = gate_profile_text(p, name, &text, NULL) == 0;
	struct gate_profile_said *s = said_of(p, name);
	struct gate_digest d;

	if (s == NULL)
		return;
	s->seen = true;
	if (there) {
		gate_digest_bytes(text.data != NULL ? text.data : "", text.len, &d);
		gate_digest_text(&d, digest);
	}
	if (strcmp(s->text_digest, digest) == 0)
		return;
	if (there)
		look(p, name, &text, &s->n);
	else
		s->n = (struct gate_profile_counts){ .errors = 1 };
	(void)snprintf(s->text_digest, sizeof(s->text_digest), "%s", digest);
}

void gate_profiles_findings(struct gate_profiles *p,
                            void (*fn)(void *ctx, const char *name, const struct gate_profile_counts *n), void *ctx)
{
	struct names l = { 0 };
	size_t kept = 0;

	walk(p, "", 1, &l);
	for (size_t i = 0; i < p->n_said; i++)
		p->said[i].seen = false;
	for (size_t i = 0; i < l.n; i++)
		count(p, l.at[i]);
	names_done(&l);
	for (size_t i = 0; i < p->n_said; i++) {
		if (!p->said[i].seen)
			continue;
		p->said[kept++] = p->said[i];
		fn(ctx, p->said[kept - 1].name, &p->said[kept - 1].n);
	}
	p->n_said = kept;
}

/* --- HTTP --- */
static void list(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct gate_profiles *p = ctx;
	struct names l = { 0 };
	struct gate_json j;

	(void)r;
	all_names(p, &l);
	gate_json_init(&j, &a->body, 0);
	gate_json_object(&j);
	gate_json_key(&j, "profiles");
	gate_json_array(&j);
	for (size_t i = 0; i < l.n; i++)
		(void)describe(p, l.at[i], false, &j);
	gate_json_end(&j, ']');
	gate_json_key(&j, "complete");
	gate_json_bool(&j, !l.full);
	gate_json_end(&j, '}');
	names_done(&l);
	a->status = 200;
}

static void one(void *ctx, const struct gate_http_request *r, struct gate_http_answer *a)
{
	struct gate_json j;

	gate_json_init(&j, &a->body, 0);
	if (describe(ctx, r->tail, true, &j)) {
		a->status = 200;
		return;
	}
	gate_buf_done(&a->body);
	a->body = (struct gate_buf)GATE_BUF_INIT;
	gate_http_say(a, 404, "Profile '%s' does not exist", r->tail);
}

const struct gate_http_route gate_profiles_routes[] = {
	{ "GET", "/api/v1/profiles", GATE_RIGHT_READ, false, list, NULL },
	{ "GET", "/api/v1/profiles/*", GATE_RIGHT_READ, false, one, NULL },
	{ NULL, NULL, 0, false, NULL, NULL },
};
