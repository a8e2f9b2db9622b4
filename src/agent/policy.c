/* What the operator allows beyond Mesos: who may be unconfined, which profiles, and a floor. */
#include <callgate/abi.h>
#include <callgate/bpf.h>
#include <callgate/call.h>

#include <fnmatch.h>
#include <stdio.h>

#include "agent/profiles_parts.h"

static bool matches_label(const char *glob, const struct gate_task *t)
{
	char pair[1024];

	for (size_t i = 0; i < t->labels.n; i++) {
		(void)snprintf(pair, sizeof(pair), "%s=%s", t->labels.at[i].key,
		               t->labels.at[i].value != NULL ? t->labels.at[i].value : "");
		if (fnmatch(glob, pair, 0) == 0)
			return true;
	}
	return false;
}

/* The user as said, without its group: a task that says none is root. */
static bool matches_user(const char *glob, const struct gate_task *t)
{
	char user[256];

	(void)snprintf(user, sizeof(user), "%.*s", (int)strcspn(t->user != NULL ? t->user : "root", ":"),
	               t->user != NULL ? t->user : "root");
	return fnmatch(glob, user, 0) == 0;
}

static bool may(const struct gate_may *m, const struct gate_profile_request *r)
{
	return (m->user == NULL || matches_user(m->user, r->task)) &&
	       (m->path == NULL || fnmatch(m->path, r->app_path != NULL ? r->app_path : "", 0) == 0) &&
	       (m->label == NULL || matches_label(m->label, r->task));
}

int gate_policy_unconfined(const struct gate_profiles *p, const struct gate_profile_request *r, bool asked,
                           struct gate_err *err)
{
	const struct gate_config *c = gate_agent_config(p->agent);

	if (asked && (r->rights & GATE_RIGHT_UNCONFINED) == 0)
		return GATE_FAIL(
		    err, GATE_E_DENIED,
		    "running unconfined is a right of its own ('unconfined' in acl), and this client does not "
		    "have it");
	if (!c->unconfined_limited)
		return 0;
	for (size_t i = 0; i < c->n_unconfined; i++)
		if (may(&c->unconfined[i], r))
			return 0;
	if (c->n_unconfined == 0)
		return GATE_FAIL(err, GATE_E_DENIED,
		                 "nobody may run unconfined here ('unconfined' in the agent's configuration)%s",
		                 asked ? "" : ", and there is no default profile: name one");
	return GATE_FAIL(
	    err, GATE_E_DENIED,
	    "no entry of 'unconfined' in the agent's configuration matches user '%.60s', path '%.100s' and the "
	    "task's labels%s",
	    r->task->user != NULL ? r->task->user : "root", r->app_path != NULL ? r->app_path : "",
	    asked ? "" : ", and there is no default profile: name one");
}

int gate_policy_allowed(const struct gate_profiles *p, const char *name, struct gate_err *err)
{
	const struct gate_config *c = gate_agent_config(p->agent);

	if (c->allowed == NULL || (c->profile_name != NULL && strcmp(c->profile_name, name) == 0))
		return 0;
	for (const char *const *glob = c->allowed; *glob != NULL; glob++)
		if (fnmatch(*glob, name, FNM_PATHNAME) == 0)
			return 0;
	return GATE_FAIL(err, GATE_E_DENIED,
	                 "profile '%.100s' is not among those that tasks may have ('profiles' in the "
	                 "agent's configuration)",
	                 name);
}

/* --- one profile within another --- */

static int lift(struct gate_profiles *p, struct gate_space *space, const struct gate_policy_side *s, gate_policy *ret,
                struct gate_err *err)
{
	gate_policy raw = 0;

	if (s->meaning == NULL)
		return gate_policy_const(space, GATE_RET_ALLOW, ret, err);
	if (gate_bpf_lift(space, s->insns, s->len, gate_arch_info(p->facts.arch)->big_endian, &raw, err) < 0)
		return -1;
	return gate_policy_normal(space, raw, ret, err);
}

static bool known(const struct gate_profiles *p, const char *a, const char *b)
{
	for (size_t i = 0; i < GATE_PROFILE_HOLDS; i++)
		if (strcmp(p->holds[i].a, a) == 0 && strcmp(p->holds[i].b, b) == 0)
			return true;
	return false;
}

static void learn(struct gate_profiles *p, const char *a, const char *b)
{
	struct gate_profile_holds *h = &p->holds[p->next_holds++ % GATE_PROFILE_HOLDS];

	(void)snprintf(h->a, sizeof(h->a), "%s", a);
	(void)snprintf(h->b, sizeof(h->b), "%s", b);
}

int gate_policy_within(struct gate_profiles *p, const struct gate_policy_side *a, const struct gate_policy_side *b,
                       struct gate_err *err)
{
	struct gate_space *space = NULL;
	struct gate_data witness = { 0 };
	gate_policy pa = 0, pb = 0;
	bool holds = false;
	char call[200];
	int rc;

	if (b->meaning == NULL ||
	    (a->meaning != NULL && (strcmp(a->meaning, b->meaning) == 0 || known(p, a->meaning, b->meaning))))
		return 0;
	rc = gate_space_new(NULL, &space, err);
	if (rc == 0)
		rc = lift(p, space, a, &pa, err);
	if (rc == 0)
		rc = lift(p, space, b, &pb, err);
	if (rc == 0)
		rc = gate_policy_subset(space, pa, pb, &holds, &witness, err);
	if (rc == 0 && !holds) {
		gate_call_text(&witness, p->facts.arch, false, call, sizeof(call));
		rc = GATE_FAIL(err, GATE_E_DENIED,
		               "%.140s is not a subset of %.100s: %.120s is %s by the one and %s by the other", a->what,
		               b->what, call, gate_ret_word(gate_policy_decide(space, pa, &witness)),
		               gate_ret_word(gate_policy_decide(space, pb, &witness)));
	}
	if (rc == 0 && a->meaning != NULL)
		learn(p, a->meaning, b->meaning);
	gate_space_free(space);
	return rc;
}
