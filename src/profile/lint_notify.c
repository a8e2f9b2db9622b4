/* lint_notify.c - listeners and the flags of a filter (T27 to T29). */
#include "profile/lint.h"

static const struct gate_text *flag(const struct gate_profile *p, const char *word)
{
	for (size_t i = 0; i < p->n_flags; i++)
		if (gate_lint_is(&p->flags[i], word))
			return &p->flags[i];
	return NULL;
}

/* The first entry that notifies, even one that is not in force: runc counts those too. */
static const struct gate_entry *notifier(const struct gate_profile *p)
{
	for (size_t i = 0; i < p->n_entries; i++)
		if (p->entries[i].action == GATE_RET_NOTIFY)
			return &p->entries[i];
	return NULL;
}

/* What runc and crun do between loading the filter and having handed the listener over (runc#4328, crun#1002). */
static void notified_names(struct gate_lint *l)
{
	static const char *const needed[] = { "sendmsg", "fcntl", "close" };

	for (size_t i = 0; i < l->p->n_entries; i++) {
		const struct gate_entry *e = &l->p->entries[i];

		for (size_t k = 0; e->action == GATE_RET_NOTIFY && k < e->n_names; k++) {
			if (gate_lint_is(&e->names[k], "write") && (l->native || l->d->runtime == GATE_RUNTIME_RUNC))
				gate_lint_say(l, GATE_LINT_NOTIFY_WRITE, e->names[k].at,
				              "SCMP_ACT_NOTIFY cannot be used for the write syscall");
			for (size_t n = 0; n < GATE_ARRAY_LEN(needed); n++)
				if (gate_lint_is(&e->names[k], needed[n]))
					gate_lint_say(l, GATE_LINT_NOTIFY_LAUNCH, e->names[k].at,
					              "SCMP_ACT_NOTIFY on '%s', which launchers need", needed[n]);
		}
	}
}

static void listener(struct gate_lint *l, bool notifies, struct gate_place at)
{
	const struct gate_profile *p = l->p;
	bool has_path = p->listener_path.s != NULL && p->listener_path.len != 0;
	const struct gate_text *tsync = flag(p, "SECCOMP_FILTER_FLAG_TSYNC");

	if (notifies && !has_path && l->d->runtime == GATE_RUNTIME_RUNC)
		gate_lint_say(l, GATE_LINT_NOTIFY_RUNC_PATH, at, "seccomp listenerPath is not set");
	else if (notifies && !has_path)
		gate_lint_say(l, GATE_LINT_NOTIFY_NO_PATH, at, "SCMP_ACT_NOTIFY without a 'listenerPath'");
	if (notifies && tsync != NULL && l->d->runtime != GATE_RUNTIME_RUNC)
		gate_lint_say(l, GATE_LINT_NOTIFY_TSYNC, tsync->at,
		              "SCMP_ACT_NOTIFY together with SECCOMP_FILTER_FLAG_TSYNC");
	if (!notifies && has_path)
		gate_lint_say(l, GATE_LINT_LISTENER_UNUSED, p->listener_path.at,
		              "'listenerPath', but nothing notifies");
	if (has_path && p->listener_path.s[0] != '/' && (l->native || l->d->runtime == GATE_RUNTIME_CRUN))
		gate_lint_say(l, GATE_LINT_LISTENER_RELATIVE, p->listener_path.at, "'listenerPath' is not absolute");
	if (p->listener_metadata.len != 0 && !has_path)
		gate_lint_say(l, GATE_LINT_METADATA_ALONE, p->listener_metadata.at,
		              "'listenerMetadata' without 'listenerPath'");
}

static void flags(struct gate_lint *l, bool notifies)
{
	const struct gate_profile *p = l->p;
	const struct gate_text *tsync = flag(p, "SECCOMP_FILTER_FLAG_TSYNC");
	const struct gate_text *wait = flag(p, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
	bool runc = l->d->runtime == GATE_RUNTIME_RUNC;

	if (p->has_flags && p->n_flags == 0 && (l->native || l->d->empty_is_absent))
		gate_lint_say(l, GATE_LINT_FLAGS_EMPTY, p->flags_at, "an empty 'flags' is read as none at all");
	if (!p->has_flags && l->d->flags_absent != 0)
		gate_lint_say(l, GATE_LINT_FLAGS_ABSENT, p->at,
		              "without 'flags' the runtime sets SECCOMP_FILTER_FLAG_SPEC_ALLOW");
	if (tsync != NULL && runc)
		gate_lint_say(l, GATE_LINT_TSYNC_IGNORED, tsync->at, "runc ignores SECCOMP_FILTER_FLAG_TSYNC");
	if (wait != NULL && !notifies)
		gate_lint_say(l, runc ? GATE_LINT_FLAG_NO_LISTENER_RUNC : GATE_LINT_FLAG_NO_LISTENER, wait->at,
		              "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, but nothing notifies");
}

void gate_lint_notify(struct gate_lint *l)
{
	const struct gate_profile *p = l->p;
	const struct gate_entry *e = notifier(p);
	bool by_default = p->default_action == GATE_RET_NOTIFY;
	struct gate_place at = by_default || e == NULL ? p->default_action_text.at : e->action_text.at;

	if (by_default)
		gate_lint_say(l, GATE_LINT_NOTIFY_DEFAULT, at, "SCMP_ACT_NOTIFY as the default action");
	notified_names(l);
	listener(l, by_default || e != NULL, at);
	flags(l, by_default || e != NULL);
}
