/* lint_rules.c - what the rules come to on the host's own ABI: whether programs start and end, what gets past. */
#include <stdio.h>

#include "profile/lint.h"

/* The verdicts of one call over all its arguments. */
struct verdict {
	bool known;   /* the ABI has the call */
	bool allowed; /* always */
	bool limited; /* the file says so: denied for some arguments, or denied by a rule */
	bool denied;  /* for some arguments at least */
	struct gate_place at;
	enum gate_why why;
};

static bool denies(uint32_t action)
{
	return gate_ret_rank(action) > gate_ret_rank(GATE_RET_NOTIFY);
}

static struct verdict verdict_of(const struct gate_lint *l, const char *name)
{
	int index = gate_name_find(name, strlen(name));
	const struct gate_syscall *sc = index < 0 ? NULL : gate_syscall_of(l->facts->arch, (unsigned)index);
	const struct gate_span *span = NULL;
	struct verdict v = { 0 };

	if (sc == NULL)
		return v;
	struct gate_data data = { .nr = sc->nr, .arch = gate_arch_info(l->facts->arch)->audit };

	gate_rules_find(l->rules, &data, &span);
	if (span == NULL)
		return v;
	v = (struct verdict){ .known = true, .at = span->cases[0].at, .why = span->cases[0].why };
	for (uint32_t i = 0; i < span->n_cases; i++)
		v.denied |= denies(span->cases[i].action);
	v.allowed = !v.denied;
	v.limited = v.denied && (span->n_cases > 1 || v.why == GATE_WHY_RULE);
	return v;
}

/* --- T22 --- */

static bool can(const struct gate_lint *l, const struct gate_arch_info *info, uint32_t nr, uint32_t sub)
{
	struct gate_data data = { .nr = nr, .arch = info->audit, .args = { sub } };

	return !denies(gate_rules_find(l->rules, &data, NULL)->action);
}

/* Conditions that deny something of a call which the multiplexer of a covered ABI lets through whole. */
static void multiplexed(struct gate_lint *l, const struct gate_arch_info *info, const struct gate_syscall *sc)
{
	struct gate_data data = { .nr = sc->nr, .arch = info->audit };
	const struct gate_span *span = NULL;
	uint32_t nr, sub;
	bool limits = false;

	if (!gate_syscall_mux(info->arch, sc->name, &nr, &sub))
		return;
	gate_rules_find(l->rules, &data, &span);
	for (uint32_t i = 0; span != NULL && span->n_cases > 1 && i < span->n_cases; i++)
		limits |= denies(span->cases[i].action);
	if (limits && can(l, info, nr, sub))
		gate_lint_say(l, GATE_LINT_MULTIPLEXED, span->cases[0].at,
		              "conditions on '%s' cannot be enforced on %s, where it is also reached through '%s'",
		              gate_name_text(sc->name), info->name,
		              gate_name_text(gate_syscall_by_nr(info->arch, nr)->name));
}

static void multiplexers(struct gate_lint *l)
{
	for (size_t i = 0; i < l->cover.n; i++) {
		const struct gate_arch_info *info = gate_arch_info(l->cover.arches[i]);

		for (size_t k = 0; k < gate_syscall_count(info->arch); k++)
			multiplexed(l, info, gate_syscall_at(info->arch, k));
	}
}

/* --- T24 --- */

static const struct {
	const char *name, *twin;
} twins[] = {
	{ "clone", "clone3" },
	{ "openat", "openat2" },
};

static void newer_twins(struct gate_lint *l)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(twins); i++) {
		struct verdict old = verdict_of(l, twins[i].name), twin = verdict_of(l, twins[i].twin);

		if (old.limited && twin.known && twin.allowed)
			gate_lint_say(l, GATE_LINT_NEWER_TWIN, twin.why == GATE_WHY_RULE ? twin.at : old.at,
			              "'%s' is limited, but '%s' is not", twins[i].name, twins[i].twin);
	}
}

/* What io_uring can do in place of a call (include/uapi/linux/io_uring.h, IORING_OP_*). */
static const char *const ring_calls[] = {
	"socket",   "connect",  "bind",    "listen",    "accept", "sendmsg",  "recvmsg", "openat",  "openat2",
	"unlinkat", "renameat", "mkdirat", "symlinkat", "linkat", "setxattr", "splice",  "madvise",
};

static void io_uring(struct gate_lint *l)
{
	struct verdict ring = verdict_of(l, "io_uring_setup");

	for (size_t i = 0; ring.known && ring.allowed && i < GATE_ARRAY_LEN(ring_calls); i++) {
		struct verdict v = verdict_of(l, ring_calls[i]);

		if (!v.known || !v.denied)
			continue;
		gate_lint_say(l, GATE_LINT_IO_URING, ring.why == GATE_WHY_RULE ? ring.at : v.at,
		              "'%s' is %s, but io_uring can do the same", ring_calls[i],
		              gate_lint_possible(l, l->facts->arch, ring_calls[i]) ? "limited" : "denied");
		return;
	}
}

/* --- T27 --- */

/* Of several filters the kernel takes the strictest answer (seccomp_run_filters), so an errno, a trap or a kill of the
 * program's own filter comes before the listener is asked: it decides nothing then, and hears of nothing. Only a filter
 * can do that which seccomp(2), or prctl(2) with PR_SET_SECCOMP, loads. */
static void preempted(struct gate_lint *l)
{
	static const struct {
		const char *name;
		uint64_t first;
	} ways[] = { { "seccomp", 1 /* SECCOMP_SET_MODE_FILTER */ }, { "prctl", 22 /* PR_SET_SECCOMP */ } };
	const struct gate_profile *p = l->p;
	bool notifies = p->default_action == GATE_RET_NOTIFY;

	for (size_t i = 0; i < p->n_entries; i++)
		notifies |= p->entries[i].action == GATE_RET_NOTIFY;
	for (size_t i = 0; notifies && i < GATE_ARRAY_LEN(ways); i++) {
		struct gate_data data = { .arch = gate_arch_info(l->facts->arch)->audit, .args = { ways[i].first } };
		int index = gate_name_find(ways[i].name, strlen(ways[i].name));
		const struct gate_syscall *sc = index < 0 ? NULL : gate_syscall_of(l->facts->arch, (unsigned)index);

		if (sc == NULL)
			continue;
		data.nr = sc->nr;
		const struct gate_case *found = gate_rules_find(l->rules, &data, NULL);
		/* What is left to the listener itself it can refuse. */
		if (denies(found->action) || found->action == GATE_RET_NOTIFY)
			continue;
		gate_lint_say(l, GATE_LINT_NOTIFY_PREEMPTED, found->at, "'%s' is allowed beside SCMP_ACT_NOTIFY",
		              ways[i].name);
		return;
	}
}

/* --- T31 --- */

/* runc answers ENOSYS above the highest number that any entry names (patchbpf/enosys_linux.go). */
static void enosys(struct gate_lint *l)
{
	const struct gate_profile *p = l->p;
	const struct gate_syscall *top = NULL;
	struct gate_place at = p->default_action_text.at;

	if (!denies(p->default_action) ||
	    p->default_action == (GATE_RET_ERRNO | gate_arch_info(l->facts->arch)->enosys))
		return;
	if (l->d->runtime != GATE_RUNTIME_RUNC) {
		gate_lint_say(l, GATE_LINT_NO_ENOSYS, at,
		              "calls younger than the profile get the default action, not ENOSYS");
		return;
	}
	for (size_t i = 0; i < p->n_entries; i++) {
		if (!gate_lint_in_force(l, &p->entries[i]))
			continue;
		for (size_t k = 0; k < p->entries[i].n_names; k++) {
			int name = gate_name_find(p->entries[i].names[k].s, p->entries[i].names[k].len);
			const struct gate_syscall *sc =
			    name < 0 ? NULL : gate_syscall_of(l->facts->arch, (unsigned)name);

			if (sc != NULL && (top == NULL || sc->nr > top->nr))
				top = sc;
		}
	}
	if (top != NULL)
		gate_lint_say(l, GATE_LINT_ENOSYS_SPLIT, at,
		              "calls above '%s' (%u) fail with ENOSYS, unlisted ones below get the default action",
		              gate_name_text(top->name), top->nr);
}

/* --- T32 --- */

/* What launchers do between loading the filter and the program's first instruction, without no_new_privs: runc and
 * crun drop privileges under it; the Mesos launcher forks and waits under it. */
static const struct {
	enum gate_runtime runtime;
	const char *names[16];
} launchers[] = {
	{ GATE_RUNTIME_RUNC,
	  { "capset", "chdir", "close", "fcntl", "futex", "prctl", "setgid", "setgroups", "setuid", "write" } },
	{ GATE_RUNTIME_CRUN, { "capset", "close", "prctl", "setgroups", "setresgid", "setresuid", "write" } },
	{ GATE_RUNTIME_MESOS,
	  { "capget", "capset", "clone", "close", "fcntl", "getdents64", "kill", "openat", "prctl", "setgid",
	    "setgroups", "setuid", "wait4", "write" } },
};

static void launcher(struct gate_lint *l)
{
	for (size_t i = 0; i < GATE_ARRAY_LEN(launchers); i++) {
		char list[200] = "";
		size_t len = 0;

		if (launchers[i].runtime != l->d->runtime)
			continue;
		for (size_t k = 0; k < GATE_ARRAY_LEN(launchers[i].names) && launchers[i].names[k] != NULL; k++)
			if (verdict_of(l, launchers[i].names[k]).known &&
			    !gate_lint_possible(l, l->facts->arch, launchers[i].names[k]))
				len += (size_t)snprintf(list + len, sizeof(list) - len, "%s'%s'", len != 0 ? ", " : "",
				                        launchers[i].names[k]);
		if (len != 0)
			gate_lint_say(l, GATE_LINT_LAUNCHER, l->p->default_action_text.at,
			              "the launcher itself needs %s under the filter", list);
	}
}

static void start_and_end(struct gate_lint *l)
{
	enum gate_arch arch = l->facts->arch;
	struct gate_place at = l->p->default_action_text.at;

	if (!gate_lint_possible(l, arch, "execve") && !gate_lint_possible(l, arch, "execveat"))
		gate_lint_say(l, GATE_LINT_NO_EXECVE,
		              verdict_of(l, "execve").why == GATE_WHY_RULE ? verdict_of(l, "execve").at : at,
		              "neither execve nor execveat is allowed");
	else if (!gate_lint_possible(l, arch, "exit_group") && !gate_lint_possible(l, arch, "exit"))
		gate_lint_say(l, GATE_LINT_NO_EXIT,
		              verdict_of(l, "exit_group").why == GATE_WHY_RULE ? verdict_of(l, "exit_group").at : at,
		              "neither exit_group nor exit is allowed");
}

void gate_lint_rules(struct gate_lint *l)
{
	if (l->rules == NULL)
		return;
	multiplexers(l);
	newer_twins(l);
	io_uring(l);
	preempted(l);
	start_and_end(l);
	if (l->native)
		return;
	enosys(l);
	launcher(l);
}
