/* What a task gets: Mesos' decision, then the operator's. */
#include <stdio.h>

#include "agent/profiles_parts.h"

int gate_profiles_open(struct gate_agent *a, struct gate_profiles **ret, struct gate_err *err)
{
	struct gate_profiles *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return GATE_FAIL_NOMEM(err);
	p->agent = a;
	if (gate_facts_host(&p->facts, err) < 0) {
		free(p);
		return -1;
	}
	gate_profile_forget(p);
	*ret = p;
	return 0;
}

void gate_profiles_close(struct gate_profiles *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < GATE_PROFILE_CACHE; i++)
		gate_compiled_free(p->made[i].c);
	free(p->said);
	free(p);
}

/* What the task asks for. */
struct wanted {
	const char *name; /* NULL: no filter */
	bool asked;       /* … because it says so itself */
	bool inherit;     /* the parent's, whatever it is */
};

/* Mesos' table (linux/seccomp.cpp, prepare), and what it lacks: the isolator off. */
static int choose(const struct gate_profiles *p, const struct gate_profile_request *r, struct wanted *ret,
                  struct gate_err *err)
{
	const struct gate_config *c = gate_agent_config(p->agent);
	const struct gate_seccomp_choice *s = &r->seccomp;
	bool off = (c->isolation & 1U << GATE_ISOLATE_SECCOMP) == 0;

	*ret = (struct wanted){ .inherit = !s->present && r->parent != NULL };
	if (s->present && s->profile_name != NULL && s->unconfined)
		return GATE_FAIL(
		    err, GATE_E_INVALID,
		    "Invalid Seccomp configuration: 'profile_name' given even though 'unconfined' Seccomp setting "
		    "is enabled");
	if (s->present && s->profile_name == NULL && !s->unconfined)
		return GATE_FAIL(err, GATE_E_INVALID, "Missing Seccomp profile name");
	if (off && s->present && s->profile_name != NULL)
		return GATE_FAIL(
		    err, GATE_E_INVALID,
		    "the task names the seccomp profile '%.100s', but linux/seccomp is not in --isolation: it would "
		    "run unconfined",
		    s->profile_name);
	ret->asked = s->present && s->unconfined;
	ret->name = off || ret->asked ? NULL : s->present ? s->profile_name : c->profile_name;
	return 0;
}

#define FILTER_FLAG_LOG 2U /* SECCOMP_FILTER_FLAG_LOG */

/* Copies into the decision's arena. */
static int decided(struct gate_profiles *p, const char *name, const struct gate_profile_made *m,
                   struct gate_arena *arena, struct gate_profile_decision *ret, struct gate_err *err)
{
	size_t size = m->c->len * sizeof(*m->c->insns);
	struct gate_insn *insns = gate_arena_alloc(arena, size);
	struct gate_profile_decision d = {
		.profile = { .insns = insns,
		             .len = m->c->len,
		             .flags = m->c->flags | (gate_agent_config(p->agent)->log ? FILTER_FLAG_LOG : 0) },
		.name = gate_arena_text(arena, name, strlen(name)),
	};

	d.profile.source = d.name;
	d.profile.text_digest = gate_arena_text(arena, m->text_digest, strlen(m->text_digest));
	d.profile.meaning_digest = gate_arena_text(arena, m->c->meaning, strlen(m->c->meaning));
	if (insns == NULL || d.name == NULL || d.profile.text_digest == NULL || d.profile.meaning_digest == NULL)
		return GATE_FAIL_NOMEM(err);
	memcpy(insns, m->c->insns, size);
	*ret = d;
	return 0;
}

static struct gate_policy_side side(const struct gate_profile_decision *d, char *what, size_t size)
{
	struct gate_policy_side s = { .insns = d->profile.insns, .len = d->profile.len, .what = what };

	s.meaning = d->profile.insns != NULL ? d->profile.meaning_digest : NULL;
	if (d->name[0] != '\0')
		(void)snprintf(what, size, "profile '%s'", d->name);
	else
		(void)snprintf(what, size, "a task without a profile");
	return s;
}

/* The operator's floor, as it is now. */
static int above_floor(struct gate_profiles *p, uint64_t caps, const struct gate_policy_side *task,
                       struct gate_err *err)
{
	const char *name = gate_agent_config(p->agent)->floor;
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	const struct gate_profile_made *m = NULL;
	struct gate_policy_side floor;
	char what[200];

	if (name == NULL)
		return 0;
	if (gate_profile_text(p, name, &text, err) < 0 || gate_profile_compile(p, name, &text, caps, &m, err) < 0)
		return GATE_NOTE(err, "the floor of the agent's configuration");
	(void)snprintf(what, sizeof(what), "the floor '%s'", name);
	floor = (struct gate_policy_side){ m->c->insns, m->c->len, m->c->meaning, what };
	return gate_policy_within(p, task, &floor, err);
}

/* The filter that the parent runs under; insns NULL: none. */
static int filter_of(struct gate_profiles *p, const struct gate_agent_task *parent, struct gate_arena *arena,
                     struct gate_profile_decision *ret, struct gate_err *err)
{
	struct gate_profile_decision d = {
		.name = "",
		.profile = { .unconfined = true, .source = "unconfined", .text_digest = "", .meaning_digest = "" }
	};

	if (parent->meaning_digest != NULL && parent->meaning_digest[0] != '\0') {
		if (gate_profile_kept_program(p, parent->meaning_digest, arena, &d.profile, err) < 0)
			return -1;
		d.profile.flags |= gate_agent_config(p->agent)->log ? FILTER_FLAG_LOG : 0;
		d.name = d.profile.source = gate_arena_text(arena, parent->profile, strlen(parent->profile));
		d.profile.text_digest = gate_arena_text(arena, parent->text_digest, strlen(parent->text_digest));
		d.profile.meaning_digest =
		    gate_arena_text(arena, parent->meaning_digest, strlen(parent->meaning_digest));
		if (d.name == NULL || d.profile.text_digest == NULL || d.profile.meaning_digest == NULL)
			return GATE_FAIL_NOMEM(err);
	}
	*ret = d;
	return 0;
}

static int within_parent(struct gate_profiles *p, const struct gate_profile_request *r,
                         const struct gate_policy_side *task, const struct gate_profile_decision *parent,
                         struct gate_err *err)
{
	struct gate_policy_side above = { parent->profile.insns, parent->profile.len, NULL, NULL };
	char what[250];

	if (parent->profile.insns == NULL)
		return 0;
	(void)snprintf(what, sizeof(what), "the profile '%s' that its parent '%s' runs under", parent->name,
	               r->parent->container);
	above.meaning = parent->profile.meaning_digest;
	above.what = what;
	return gate_policy_within(p, task, &above, err) < 0 ? GATE_NOTE(err, "a nested container may only tighten") : 0;
}

/* A named profile, or none. */
static int made(struct gate_profiles *p, const struct gate_profile_request *r, const struct wanted *w, uint64_t caps,
                struct gate_arena *arena, struct gate_profile_decision *ret, struct gate_err *err)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	const struct gate_profile_made *m = NULL;

	if (w->name == NULL) {
		*ret = (struct gate_profile_decision){ .name = "",
			                               .profile = { .unconfined = true,
			                                            .source = "unconfined",
			                                            .text_digest = "",
			                                            .meaning_digest = "" } };
		return gate_policy_unconfined(p, r, w->asked, err);
	}
	if (gate_policy_allowed(p, w->name, err) < 0 || gate_profile_text(p, w->name, &text, err) < 0 ||
	    gate_profile_compile(p, w->name, &text, caps, &m, err) < 0)
		return -1;
	if (m->c->notify)
		return GATE_FAIL(
		    err, GATE_E_UNSUPPORTED,
		    "profile '%.100s' asks a supervisor (SCMP_ACT_NOTIFY), and tasks of the agent have none", w->name);
	if (decided(p, w->name, m, arena, ret, err) < 0)
		return -1;
	gate_profile_keep(p, &text, m);
	return 0;
}

int gate_profiles_decide(struct gate_profiles *p, const struct gate_profile_request *r, struct gate_arena *arena,
                         struct gate_profile_decision *ret, struct gate_err *err)
{
	uint64_t caps = gate_task_caps(r->task, gate_agent_config(p->agent)->caps);
	struct gate_profile_decision d, parent = { .name = "" };
	struct gate_policy_side task;
	struct wanted w;
	char what[300];

	if (choose(p, r, &w, err) < 0)
		return -1;
	if (r->parent != NULL && filter_of(p, r->parent, arena, &parent, err) < 0)
		return -1;
	if (w.inherit) {
		/* Who could not be without a filter outside of it cannot in here. */
		if (parent.profile.insns == NULL && gate_policy_unconfined(p, r, w.name != NULL, err) < 0)
			return GATE_NOTE(err, "container '%s' has no filter that a nested one could have",
			                 r->parent->container);
		*ret = parent;
		return 0;
	}
	if (made(p, r, &w, caps, arena, &d, err) < 0)
		return -1;
	task = side(&d, what, sizeof(what));
	if (above_floor(p, caps, &task, err) < 0 || (r->parent != NULL && within_parent(p, r, &task, &parent, err) < 0))
		return -1;
	*ret = d;
	return 0;
}
