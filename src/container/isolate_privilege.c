/* Who the task is and what it may do: user, groups, capabilities, no_new_privs, the filter. */
#include <stdio.h>

#include <linux/capability.h>
#include <linux/seccomp.h>

#include "container/rights.h"
#include "container/userns.h"
#include "kernel/seccomp.h"

#define BIT(cap) (UINT64_C(1) << (cap))

int gate_identity_rows(struct gate_plan_writer *w, const struct gate_identity *who, struct gate_err *err)
{
	uint32_t *groups = GATE_NEWS(&w->arena, uint32_t, who->n_groups + 1);
	size_t n = 0;

	if (groups == NULL)
		return GATE_FAIL_NOMEM(err);
	/* setgroups(2) replaces all: without the primary group a program that changes only that one would lose it. */
	groups[n++] = who->gid;
	for (size_t i = 0; i < who->n_groups && n < UINT16_MAX; i++)
		if (who->groups[i] != who->gid)
			groups[n++] = who->groups[i];
	w->by = "launch";
	struct gate_row *row =
	    gate_plan_row(w, GATE_STEP_IDS, "%u:%u, %zu group%s", who->uid, who->gid, n, n == 1 ? "" : "s");
	row->a = who->uid;
	row->b = who->gid;
	row->flags = (uint16_t)n;
	row->text[0] = gate_plan_groups(w, groups, n);
	return 0;
}

static bool is_root_alone(const struct gate_identity *who)
{
	return who->uid == 0 && who->gid == 0 && (who->n_groups == 0 || (who->n_groups == 1 && who->groups[0] == 0));
}

int gate_isolate_identity(struct gate_prepare *p, struct gate_err *err)
{
	bool asked = p->task->user != NULL || p->task->groups_add.n != 0;

	/* A plain process of the host stays who it is, unless somebody else was asked for. */
	if (!p->contained && !asked)
		return 0;
	if (gate_prepare_identity(p, err) < 0)
		return -1;
	if ((p->caller.effective & BIT(CAP_SETUID)) == 0 || (p->caller.effective & BIT(CAP_SETGID)) == 0)
		return GATE_FAIL(err, GATE_E_DENIED,
		                 "the user cannot be changed to %u without CAP_SETUID and CAP_SETGID", p->who.uid);
	if (gate_userns_check(p, err) < 0)
		return -1;
	/* It is that user already, and may not change its groups. */
	if (p->nested && !p->dry && !gate_userns_setgroups()) {
		if (is_root_alone(&p->who))
			return 0;
		return GATE_FAIL(err, GATE_E_DENIED,
		                 "user and groups cannot be set where only one id is mapped: subordinate ids "
		                 "come from /etc/subuid, /etc/subgid and newuidmap(1)");
	}
	return gate_identity_rows(&p->plan, &p->who, err);
}

/* --- capabilities --- */
/* execve gives root its bounding set and others what is ambient (capabilities(7)). */
void gate_rights_decide(const struct gate_rights_asked *a, struct gate_rights *ret)
{
	const struct gate_caller *c = &a->caller;
	bool admin = (c->effective & BIT(CAP_SYS_ADMIN)) != 0;
	struct gate_rights r = { .root = a->changes_user ? a->uid == 0 : c->root, .bounding = a->caps };

	r.drop_bounding = (c->bounding & ~a->caps) != 0 && (c->effective & BIT(CAP_SETPCAP)) != 0;
	r.exact = r.drop_bounding || (c->bounding & ~a->caps) == 0;
	r.ambient = r.root ? 0 : a->caps & c->permitted & (a->changes_user ? a->ambient : c->ambient);
	r.program = r.root ? a->caps & c->permitted & c->bounding : r.ambient;
	/* What could not be dropped, a set-user-ID program or root's execve would give back. And seccomp(2) wants
	 * CAP_SYS_ADMIN or no_new_privs. */
	r.no_new_privs = a->no_new_privs || !r.exact || (!a->unconfined && !admin);
	r.keep = r.program;
	if (a->unconfined) {
		r.load = GATE_LOAD_NOTHING;
	} else if (!admin || (r.program & BIT(CAP_SYS_ADMIN)) != 0) {
		r.load = GATE_LOAD_LOWERED;
	} else if (!r.root || r.exact) {
		/* Just the one that loading needs stays: none that opens files for execve (decision 0005). */
		r.load = GATE_LOAD_LATE;
		r.keep = r.program | BIT(CAP_SYS_ADMIN);
	} else {
		r.load = GATE_LOAD_HELPER;
	}
	*ret = r;
}

static const char *count(uint64_t caps, char text[32])
{
	int n = __builtin_popcountll(caps);

	if (n == 0)
		return "none";
	(void)snprintf(text, 32, "%d capabilit%s", n, n == 1 ? "y" : "ies");
	return text;
}

void gate_rights_rows(struct gate_plan_writer *w, const struct gate_rights *r, bool capabilities, bool no_new_privs,
                      const char *source, uint64_t filter_flags)
{
	static const char *const how[] = { [GATE_LOAD_LOWERED] = "with the task's own rights",
		                           [GATE_LOAD_LATE] = "with cap_sys_admin, which execve takes",
		                           [GATE_LOAD_HELPER] = "by a privileged thread" };
	bool notify = (w->head.flags & GATE_PLAN_LISTENER) != 0;
	char text[32];

	w->by = capabilities ? gate_isolator_name(GATE_ISOLATE_CAPABILITIES) : "launch";
	w->head.caps = r->program;
	if (r->drop_bounding)
		gate_plan_row(w, GATE_STEP_BOUNDING, "%s", count(r->bounding, text))->a = r->bounding;
	struct gate_row *row =
	    gate_plan_row(w, GATE_STEP_CAPABILITIES, r->keep != r->program ? "%s; cap_sys_admin up to execve" : "%s",
	                  count(r->program, text));
	row->a = r->keep;
	row->b = r->ambient;
	if (r->no_new_privs) {
		w->by = no_new_privs ? gate_isolator_name(GATE_ISOLATE_NNP) : "launch";
		(void)gate_plan_row(w, GATE_STEP_NO_NEW_PRIVS, NULL);
	}
	if (r->load == GATE_LOAD_NOTHING)
		return;
	w->by = gate_isolator_name(GATE_ISOLATE_SECCOMP);
	/* The listener is the helper's to hand on, too. */
	if (r->load == GATE_LOAD_HELPER || notify)
		(void)gate_plan_row(w, GATE_STEP_HELPER, NULL);
	row = gate_plan_row(w, GATE_STEP_FILTER, "'%s', %zu instructions, loaded %s", source, w->filter_len,
	                    how[r->load]);
	row->flags = (uint16_t)r->load;
	row->a = filter_flags & ~(GATE_SECCOMP_TSYNC | GATE_SECCOMP_NEW_LISTENER | GATE_SECCOMP_TSYNC_ESRCH);
	if (!notify)
		row->a &= ~GATE_SECCOMP_WAIT_KILLABLE; /* the kernel knows it only with a listener */
}

int gate_isolate_privilege(struct gate_prepare *p, struct gate_err *err)
{
	/* For another user than root what was asked for by name (--cap-add) is made ambient, as podman does; a default set
	 * is not. */
	const struct gate_rights_asked asked = {
		.caller = p->caller,
		.caps = p->caps,
		.ambient = p->task->cap_add,
		.uid = p->who.uid,
		.changes_user = p->who.home != NULL,
		.no_new_privs = p->task->no_new_privs,
		.unconfined = p->profile->unconfined,
	};
	struct gate_rights r;

	if (p->task->no_new_privs && !gate_isolates(p, GATE_ISOLATE_NNP))
		return GATE_FAIL(err, GATE_E_INVALID, "no-new-privileges needs the isolator '%s', which is off",
		                 gate_isolator_name(GATE_ISOLATE_NNP));
	gate_rights_decide(&asked, &r);
	p->program_caps = r.program;
	p->no_new_privs = r.no_new_privs;
	gate_rights_rows(&p->plan, &r, gate_isolates(p, GATE_ISOLATE_CAPABILITIES), p->task->no_new_privs,
	                 p->profile->source, p->profile->flags);
	return 0;
}

int gate_isolate_filter(struct gate_prepare *p, struct gate_err *err)
{
	const struct gate_task_profile *profile = p->profile;

	if (profile->unconfined) {
		p->plan.head.flags |= GATE_PLAN_UNCONFINED;
		return profile->len == 0
		           ? 0
		           : GATE_FAIL(err, GATE_E_INVALID, "a filter was given together with 'unconfined'");
	}
	if (!gate_isolates(p, GATE_ISOLATE_SECCOMP))
		return GATE_FAIL(err, GATE_E_INVALID, "a profile was given, but the isolator '%s' is off",
		                 gate_isolator_name(GATE_ISOLATE_SECCOMP));
	/* Never "no filter" by omission. */
	if (profile->insns == NULL || profile->len == 0)
		return GATE_FAIL(err, GATE_E_INVALID, "there is no filter: only 'unconfined' runs without one");
	if (profile->len > GATE_BPF_MAX)
		return GATE_FAIL(err, GATE_E_LIMIT, "a filter of %zu instructions is larger than the kernel's %d",
		                 profile->len, GATE_BPF_MAX);
	p->plan.filter = profile->insns;
	p->plan.filter_len = profile->len;
	if (profile->notify && p->task->init)
		return GATE_FAIL(err, GATE_E_UNSUPPORTED,
		                 "--init cannot be had with a profile that leaves calls to a supervisor");
	if (profile->notify)
		p->plan.head.flags |= GATE_PLAN_LISTENER;
	return 0;
}
