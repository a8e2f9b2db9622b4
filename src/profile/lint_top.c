/* lint_top.c - which readers lose what, and the top level of a profile. */
#include "profile/lint.h"

/* --- T1, T2, T40: keys that only some readers know --- */

static void filter_keys(struct gate_lint *l, const struct gate_filter *f, const char *what)
{
	if (!f->present)
		return;
	if (f->n_caps != 0 || f->has_arches)
		gate_lint_say(l, GATE_LINT_CONDITIONS_VANISH, f->at, "readers of plain OCI profiles do not know '%s'",
		              what);
	if (f->min_kernel.s != NULL && f->min_kernel.len != 0)
		gate_lint_say(l, GATE_LINT_MIN_KERNEL, f->min_kernel.at, "only docker reads 'minKernel'");
	if (f->n_caps != 0)
		gate_lint_say(l, GATE_LINT_BOUNDING, f->caps[0].at,
		              "conditions on capabilities are decided by the task's bounding set");
}

/* What mesos-containerizer never looks at (src/linux/seccomp/seccomp_parser.cpp). */
static const char *const mesos_top[] = { "defaultErrnoRet", "defaultErrno", "architectures",
	                                 "flags",           "listenerPath", "listenerMetadata" };
static const char *const mesos_entry[] = { "errnoRet", "errno", "name" };
static const char *const mesos_filter[] = { "minKernel" };

static void mesos_object(struct gate_lint *l, const struct gate_doc *object, const char *const *keys, size_t n)
{
	for (size_t i = 0; object != NULL && object->kind == GATE_DOC_OBJECT && i < n; i++) {
		const struct gate_doc *v = gate_doc_member(object, keys[i]);

		if (v != NULL && v->kind != GATE_DOC_NULL)
			gate_lint_say(l, GATE_LINT_KEY_UNREAD, v->key_at, "mesos does not read '%s'", keys[i]);
	}
}

static void mesos_keys(struct gate_lint *l)
{
	const struct gate_doc *array = gate_doc_member(l->p->root, "syscalls");

	mesos_object(l, l->p->root, mesos_top, GATE_ARRAY_LEN(mesos_top));
	for (size_t i = 0; array != NULL && array->kind == GATE_DOC_ARRAY && i < array->n_items; i++) {
		const struct gate_doc *entry = &array->items[i];

		if (entry->kind != GATE_DOC_OBJECT)
			continue;
		mesos_object(l, entry, mesos_entry, GATE_ARRAY_LEN(mesos_entry));
		mesos_object(l, gate_doc_member(entry, "includes"), mesos_filter, 1);
		mesos_object(l, gate_doc_member(entry, "excludes"), mesos_filter, 1);
	}
}

void gate_lint_keys(struct gate_lint *l)
{
	const struct gate_profile *p = l->p;

	if (p->engine == GATE_ENGINE_MESOS) {
		mesos_keys(l);
		return;
	}
	if (p->n_arch_map != 0)
		gate_lint_say(l, GATE_LINT_CONDITIONS_VANISH, p->arch_map_at,
		              "readers of plain OCI profiles do not know 'archMap', 'includes' and 'excludes'");
	for (size_t i = 0; i < p->n_entries; i++) {
		const struct gate_entry *e = &p->entries[i];

		filter_keys(l, &e->includes, "includes");
		filter_keys(l, &e->excludes, "excludes");
		if (e->has_name)
			gate_lint_say(l, GATE_LINT_OLD_NAME, e->name_at,
			              "readers of plain OCI profiles do not know 'name'");
	}
}

/* --- T6, T7: architectures --- */

/* The ABI of the 32-bit programs that a kernel of this ABI also runs (CONFIG_COMPAT, CONFIG_IA32_EMULATION). */
static const struct {
	enum gate_arch host;
	const char *other;
} compat[] = {
	{ GATE_ARCH_X86_64, "x86" },      { GATE_ARCH_AARCH64, "arm" },     { GATE_ARCH_PPC64, "ppc" },
	{ GATE_ARCH_MIPS64, "mips" },     { GATE_ARCH_MIPSEL64, "mipsel" }, { GATE_ARCH_S390X, "s390" },
	{ GATE_ARCH_PARISC64, "parisc" },
};

static struct gate_place place_of_arch(const struct gate_profile *p, const char *word)
{
	for (size_t i = 0; i < p->n_architectures; i++)
		if (gate_lint_is(&p->architectures[i], word))
			return p->architectures[i].at;
	for (size_t i = 0; i < p->n_arch_map; i++)
		for (size_t k = 0; k < p->arch_map[i].n_subs; k++)
			if (gate_lint_is(&p->arch_map[i].subs[k], word))
				return p->arch_map[i].subs[k].at;
	return p->has_arch_map ? p->arch_map_at : p->architectures_at;
}

static void arches(struct gate_lint *l)
{
	const struct gate_profile *p = l->p;
	bool listed = p->n_architectures != 0 || p->n_arch_map != 0;

	if (l->facts->n_arches != 0)
		return; /* the caller says what to cover */
	for (size_t i = 0; i < GATE_ARRAY_LEN(compat) && !listed; i++)
		if (compat[i].host == l->facts->arch)
			gate_lint_say(l, GATE_LINT_NO_ARCHES, p->at,
			              "profile lists no architectures: only %s is covered, not %s",
			              gate_arch_info(l->facts->arch)->name, compat[i].other);
	if (l->facts->arch != GATE_ARCH_X86_64 || !listed)
		return;
	if (l->cover.has[GATE_ARCH_X32])
		gate_lint_say(l, GATE_LINT_X32, place_of_arch(p, "SCMP_ARCH_X32"),
		              "calls of the x32 ABI are covered as well");
	else if (l->cover.has[GATE_ARCH_X86])
		gate_lint_say(l, GATE_LINT_NO_X32, place_of_arch(p, "SCMP_ARCH_X86"),
		              "calls of the x32 ABI are not covered");
}

/* --- T25, T26, T30, T38, T40: the default action --- */

static void errno_words(struct gate_lint *l, uint32_t action, bool has, uint32_t number, const struct gate_text *word)
{
	if (word->s == NULL)
		return;
	if (!has && GATE_RET_DATA(action) != 1)
		gate_lint_say(l, GATE_LINT_ERRNO_WORD, word->at, "only podman and cri-o read an errno as a word");
	else if (has && number != GATE_RET_DATA(action))
		gate_lint_say(l, GATE_LINT_ERRNO_TWICE, word->at, "the errno is '%.20s' as a word, but %u as a number",
		              word->s, number);
}

static bool limits(const struct gate_profile *p)
{
	for (size_t i = 0; i < p->n_entries; i++)
		if (p->entries[i].n_names != 0 && gate_ret_rank(p->entries[i].action) > gate_ret_rank(GATE_RET_LOG))
			return true;
	return false;
}

static void default_action(struct gate_lint *l)
{
	const struct gate_profile *p = l->p;
	struct gate_place at = p->default_action_text.at;

	switch (GATE_RET_ACTION(p->default_action)) {
	case GATE_RET_ALLOW:
		if (!limits(p))
			gate_lint_say(l, GATE_LINT_ALLOWS_ALL, at, "profile allows every call");
		else
			gate_lint_say(l, GATE_LINT_OPEN_DEFAULT, at,
			              "profile is a list of denials over a default that allows");
		break;
	case GATE_RET_LOG:
		gate_lint_say(l, GATE_LINT_LOG_DEFAULT, at, "the default action logs, and denies nothing");
		break;
	case GATE_RET_TRACE:
		gate_lint_say(l, GATE_LINT_TRACE, at, "SCMP_ACT_TRACE hands calls to a tracer");
		break;
	default:
		break;
	}
	if (gate_lint_is(&p->default_action_text, "SCMP_ACT_KILL"))
		gate_lint_say(l, GATE_LINT_KILL_THREAD, at, "SCMP_ACT_KILL kills one thread, not the process");
	if (p->default_action == GATE_RET_ERRNO && p->has_default_errno_ret)
		gate_lint_say(l, GATE_LINT_ERRNO_ZERO, p->default_errno_ret_at, "errno 0 is no error");
	if (p->default_action == (GATE_RET_ERRNO | 4095))
		gate_lint_say(l, GATE_LINT_ERRNO_LIBRARY, p->default_errno_ret_at,
		              "errno 4095 is more than libseccomp takes");
	errno_words(l, p->default_action, p->has_default_errno_ret, p->default_errno_ret, &p->default_errno_text);
}

static void entry_actions(struct gate_lint *l)
{
	for (size_t i = 0; i < l->p->n_entries; i++) {
		const struct gate_entry *e = &l->p->entries[i];

		if (gate_lint_is(&e->action_text, "SCMP_ACT_KILL"))
			gate_lint_say(l, GATE_LINT_KILL_THREAD, e->action_text.at,
			              "SCMP_ACT_KILL kills one thread, not the process");
		if (GATE_RET_ACTION(e->action) == GATE_RET_TRACE)
			gate_lint_say(l, GATE_LINT_TRACE, e->action_text.at, "SCMP_ACT_TRACE hands calls to a tracer");
		if (e->action == GATE_RET_ERRNO && e->has_errno_ret)
			gate_lint_say(l, GATE_LINT_ERRNO_ZERO, e->errno_ret_at, "errno 0 is no error");
		if (e->action == (GATE_RET_ERRNO | 4095))
			gate_lint_say(l, GATE_LINT_ERRNO_LIBRARY, e->errno_ret_at,
			              "errno 4095 is more than libseccomp takes");
		errno_words(l, e->action, e->has_errno_ret, e->errno_ret, &e->errno_text);
	}
}

void gate_lint_top(struct gate_lint *l)
{
	arches(l);
	default_action(l);
	entry_actions(l);
}
