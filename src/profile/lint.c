/* lint.c - every finding that shows in a file: the rows, and the order of the checks. */
#include <stdarg.h>
#include <stdio.h>

#include "profile/lint.h"

#define OCI_READERS "containerd crun"
#define ENGINES     "docker podman containerd cri-o crun mesos"
#define NOT_PODMAN  "docker containerd crun mesos"
#define NOT_DOCKER  "podman containerd cri-o crun mesos"
#define GO_ENGINES  "docker podman containerd cri-o"

/* A severity of 0: not said there. `engines` is whom a finding of the native reading concerns (NULL: everybody);
 * under a named engine it is that engine where `own` is set. */
struct row {
	const char *id;
	enum gate_severity native, engine;
	bool once, own;
	const char *engines, *meaning, *instead;
};

static const struct row rows[GATE_LINT_MAX] = {
	[GATE_LINT_CONDITIONS_VANISH] = { "T1", GATE_NOTICE, 0, true, false, OCI_READERS,
	                                  "given to them, entries are in force whatever their conditions, and only "
	                                  "the native ABI is covered",
	                                  "callgate convert --to oci for such a reader" },
	[GATE_LINT_MIN_KERNEL] = { "T1", GATE_NOTICE, 0, true, false, NOT_DOCKER,
	                           "elsewhere the entry is in force on every kernel", NULL },
	[GATE_LINT_KEY_UNREAD] = { "T1", 0, GATE_WARNING, false, true, NULL, "it has no effect there", NULL },
	[GATE_LINT_OLD_NAME] = { "T2", GATE_NOTICE, 0, true, false, OCI_READERS,
	                         "given to them, the whole entry has no effect", "\"names\": [\"...\"]" },
	[GATE_LINT_NO_ARCHES] = { "T6", GATE_NOTICE, GATE_NOTICE, true, false, NULL,
	                          "a call of another ABI, such as one of a 32-bit program, kills the process",
	                          "\"architectures\" with every ABI that programs may use" },
	[GATE_LINT_X32] = { "T7", GATE_NOTICE, GATE_NOTICE, true, false, NULL,
	                    "hardly any program uses it, and it is one more way in",
	                    "the list without SCMP_ARCH_X32, unless x32 programs run" },
	[GATE_LINT_NO_X32] = { "T7", GATE_NOTICE, 0, true, false, NULL,
	                       "a call number with bit 30 set kills the process", NULL },
	[GATE_LINT_UNKNOWN_CALL] = { "T8", GATE_WARNING, GATE_WARNING, false, false, NULL,
	                             "the name has no effect: no rule is made for it", NULL },
	[GATE_LINT_MORE_UNKNOWN] = { "T8", GATE_WARNING, GATE_WARNING, true, false, NULL, NULL, NULL },
	[GATE_LINT_NEW_DENIAL] = { "T8", 0, GATE_NOTICE, false, true, NULL,
	                           "with such a library the denial is dropped without an error", NULL },
	[GATE_LINT_MESOS_LIBRARY] = { "T8", 0, GATE_WARNING, false, true, NULL, "mesos then refuses the whole profile",
	                              NULL },
	[GATE_LINT_SAME_AS_DEFAULT] = { "T9", GATE_NOTICE, GATE_NOTICE, true, true, ENGINES,
	                                "such entries are skipped, and mesos refuses the file", NULL },
	[GATE_LINT_LOST_DENIAL] = { "T9", GATE_WARNING, GATE_WARNING, false, true, ENGINES,
	                            "an entry equal to the default is skipped, so the other entry allows there what "
	                            "this one denies",
	                            NULL },
	[GATE_LINT_AGAIN] = { "T10", 0, GATE_NOTICE, false, false, NULL, NULL, NULL },
	[GATE_LINT_SECOND_BASE] = { "T11", 0, GATE_WARNING, false, true, NULL,
	                            "the first rule without conditions decides", "one of the two" },
	[GATE_LINT_SHADOWED] = { "T11", GATE_WARNING, GATE_WARNING, false, true, ENGINES,
	                         "callgate lets conditions make the base stricter; libseccomp drops rules behind one "
	                         "without conditions",
	                         NULL },
	[GATE_LINT_ERASED] = { "T12", GATE_WARNING, GATE_WARNING, false, true, ENGINES,
	                       "callgate lets conditions make the base stricter; libseccomp erases them, and the "
	                       "call is open there",
	                       "conditions that exclude each other, in place of the entry without any" },
	[GATE_LINT_CONFLICT] = { "T13", GATE_WARNING, 0, false, false, ENGINES,
	                         "callgate takes the stricter one; libseccomp refuses the rule, and the container "
	                         "does not start",
	                         "one of the two" },
	[GATE_LINT_OVERLAP] = { "T14", GATE_NOTICE, 0, false, false, ENGINES,
	                        "callgate takes the stricter one; in libseccomp the order of its tree decides",
	                        "conditions that exclude each other" },
	[GATE_LINT_ALTERNATIVES_ALWAYS] = { "T16", GATE_WARNING, GATE_WARNING, false, false, NULL,
	                                    "conditions on a repeated index are alternatives, so the entry is "
	                                    "unconditional",
	                                    "for a range, an entry that allows and one that denies" },
	[GATE_LINT_ALWAYS] = { "T16", GATE_WARNING, GATE_WARNING, false, false, NULL, "the condition tests nothing",
	                       NULL },
	[GATE_LINT_NEVER] = { "T16", GATE_WARNING, GATE_WARNING, false, false, NULL, "the rule never decides", NULL },
	[GATE_LINT_INDEX] = { "T18", GATE_WARNING, GATE_WARNING, false, false, NULL,
	                      "the register holds whatever the program left there", NULL },
	[GATE_LINT_MASK_ZERO] = { "T19", GATE_WARNING, GATE_WARNING, false, false, NULL,
	                          "'value' is the mask and 'valueTwo' what must remain: with mask 0 every argument "
	                          "matches",
	                          NULL },
	[GATE_LINT_MASK_DATUM] = { "T19", GATE_WARNING, GATE_WARNING, false, false, NULL,
	                           "'value' is the mask and 'valueTwo' what must remain: those bits are dropped",
	                           "mask and datum the other way round" },
	[GATE_LINT_TWO_UNUSED] = { "T19", GATE_WARNING, GATE_WARNING, false, false, NULL,
	                           "only SCMP_CMP_MASKED_EQ reads it", NULL },
	[GATE_LINT_WIDE_COMPARE] = { "T21", 0, GATE_WARNING, false, true, NULL,
	                             "the kernel ignores the upper 32 bits there: a program sets one and gets past "
	                             "the comparison",
	                             "SCMP_CMP_MASKED_EQ with \"value\": 4294967295 as the mask" },
	[GATE_LINT_MULTIPLEXED] = { "T22", GATE_WARNING, GATE_WARNING, false, false, NULL,
	                            "the arguments lie in memory there, where no filter can look",
	                            "a list of architectures without that one" },
	[GATE_LINT_CLONE_ARG] = { "T23", GATE_WARNING, GATE_WARNING, false, false, NULL,
	                          "the flags are argument 1 on s390 and s390x and argument 0 elsewhere: the test is "
	                          "of something else",
	                          NULL },
	[GATE_LINT_POINTER] = { "T24", GATE_WARNING, GATE_WARNING, false, false, NULL,
	                        "a filter sees the address, not what lies there", NULL },
	[GATE_LINT_NEWER_TWIN] = { "T24", GATE_WARNING, GATE_WARNING, false, false, NULL,
	                           "it does the same with arguments behind a pointer, which no filter can test",
	                           "\"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 38 for it: libraries then fall "
	                           "back" },
	[GATE_LINT_IO_URING] = { "T24", GATE_WARNING, GATE_WARNING, true, false, NULL,
	                         "operations through a ring are no system calls: they get past the filter",
	                         "a profile without io_uring_setup" },
	[GATE_LINT_ERRNO_ZERO] = { "T25", GATE_WARNING, GATE_WARNING, false, false, NULL,
	                           "the call is skipped and the program sees success", NULL },
	[GATE_LINT_ERRNO_LIBRARY] = { "T25", GATE_WARNING, 0, false, false, ENGINES,
	                              "libseccomp takes at most 4094: the container does not start there", NULL },
	[GATE_LINT_TRACE] = { "T26", GATE_WARNING, GATE_WARNING, true, false, NULL,
	                      "without a tracer the call fails with ENOSYS",
	                      "\"SCMP_ACT_ERRNO\" to deny, \"SCMP_ACT_LOG\" to watch" },
	[GATE_LINT_NOTIFY_WRITE] = { "T27", GATE_WARNING, GATE_ERROR, false, true, "docker containerd cri-o",
	                             "runc refuses the profile: it hands the listener over with that call", NULL },
	[GATE_LINT_NOTIFY_LAUNCH] = { "T27", GATE_WARNING, GATE_WARNING, false, true, ENGINES,
	                              "launchers make this call while they hand the listener over: the start can "
	                              "hang",
	                              NULL },
	[GATE_LINT_NOTIFY_DEFAULT] = { "T27", GATE_WARNING, GATE_WARNING, true, false, "docker containerd cri-o",
	                               "runc refuses the profile, and elsewhere the agent must answer for every call "
	                               "of the launch",
	                               NULL },
	[GATE_LINT_NOTIFY_TSYNC] = { "T27", GATE_WARNING, GATE_WARNING, true, false, NULL,
	                             "the kernel refuses a listener together with TSYNC, unless TSYNC_ESRCH is set "
	                             "too, which no file can say",
	                             NULL },
	[GATE_LINT_NOTIFY_NO_PATH] = { "T27", GATE_NOTICE, GATE_WARNING, true, true, ENGINES,
	                               "without a listener such calls fail with ENOSYS",
	                               "\"listenerPath\": \"/run/...\"" },
	[GATE_LINT_NOTIFY_RUNC_PATH] = { "T27", 0, GATE_ERROR, true, true, NULL, "the container does not start",
	                                 "\"listenerPath\": \"/run/...\"" },
	[GATE_LINT_NOTIFY_PREEMPTED] = { "T27", GATE_NOTICE, GATE_NOTICE, true, false, NULL,
	                                 "a filter of the program's own answers before the listener is asked, if "
	                                 "it is stricter",
	                                 "\"SCMP_ACT_NOTIFY\" for it, too: the listener then hears of it" },
	[GATE_LINT_LISTENER_UNUSED] = { "T27", GATE_NOTICE, GATE_NOTICE, true, false, NULL,
	                                "nothing is ever sent to the listener", NULL },
	[GATE_LINT_LISTENER_RELATIVE] = { "T27", GATE_WARNING, GATE_WARNING, true, false, "podman crun",
	                                  "crun takes absolute paths only", NULL },
	[GATE_LINT_METADATA_ALONE] = { "T27", GATE_WARNING, GATE_WARNING, true, false, NULL,
	                               "it is sent to a listener, and there is none", NULL },
	[GATE_LINT_FLAGS_EMPTY] = { "T28", GATE_NOTICE, GATE_WARNING, true, true, GO_ENGINES,
	                            "the empty list is lost on the way to the runtime, which then sets "
	                            "SECCOMP_FILTER_FLAG_SPEC_ALLOW",
	                            NULL },
	[GATE_LINT_FLAGS_ABSENT] = { "T28", 0, GATE_NOTICE, true, true, NULL,
	                             "the mitigation of speculative store bypass stays off", NULL },
	[GATE_LINT_TSYNC_IGNORED] = { "T29", 0, GATE_NOTICE, true, true, NULL,
	                              "runc loads its filter before threads start", NULL },
	[GATE_LINT_FLAG_NO_LISTENER] = { "T29", GATE_WARNING, GATE_WARNING, true, false, NULL,
	                                 "the kernel refuses the flag without a listener",
	                                 "the list without it, or an entry with SCMP_ACT_NOTIFY" },
	[GATE_LINT_FLAG_NO_LISTENER_RUNC] = { "T29", 0, GATE_ERROR, true, true, NULL,
	                                      "the kernel refuses the flag without a listener, and the container "
	                                      "does not start",
	                                      "the list without it, or an entry with SCMP_ACT_NOTIFY" },
	[GATE_LINT_KILL_THREAD] = { "T30", GATE_WARNING, GATE_WARNING, true, false, NULL,
	                            "the other threads go on, and a program can hang where one is missing",
	                            "\"SCMP_ACT_KILL_PROCESS\"" },
	[GATE_LINT_ENOSYS_SPLIT] = { "T31", 0, GATE_NOTICE, true, true, NULL,
	                             "libraries fall back on ENOSYS only; one name more or less in the file moves "
	                             "the line",
	                             NULL },
	[GATE_LINT_NO_ENOSYS] = { "T31", 0, GATE_NOTICE, true, true, NULL, "libraries fall back on ENOSYS only",
	                          "\"defaultErrnoRet\": 38, with EPERM for the calls that are refused on purpose" },
	[GATE_LINT_NO_EXECVE] = { "T32", GATE_ERROR, GATE_ERROR, true, false, NULL,
	                          "no program can be started under it", "an entry that allows execve" },
	[GATE_LINT_NO_EXIT] = { "T32", GATE_WARNING, GATE_WARNING, true, false, NULL,
	                        "programs cannot end: libraries loop or crash where it fails",
	                        "an entry that allows exit and exit_group" },
	[GATE_LINT_LAUNCHER] = { "T32", 0, GATE_WARNING, true, true, NULL,
	                         "the launch fails, or depends on no_new_privs being set",
	                         "those calls allowed as well" },
	[GATE_LINT_BIG_NUMBER] = { "T34", GATE_NOTICE, GATE_NOTICE, false, false, NULL,
	                           "jq, JavaScript and other tools that read numbers as doubles change it", NULL },
	[GATE_LINT_OPEN_DEFAULT] = { "T38", GATE_WARNING, GATE_WARNING, true, false, NULL,
	                             "every call that is not listed, and every new one, is allowed",
	                             "\"defaultAction\": \"SCMP_ACT_ERRNO\" and a list of what is allowed" },
	[GATE_LINT_ALLOWS_ALL] = { "T38", GATE_WARNING, GATE_WARNING, true, false, NULL,
	                           "the filter refuses nothing but other ABIs",
	                           "the word 'unconfined' in place of the file, if that is meant" },
	[GATE_LINT_LOG_DEFAULT] = { "T38", GATE_NOTICE, GATE_NOTICE, true, false, NULL,
	                            "every call that is not listed is allowed", NULL },
	[GATE_LINT_BOUNDING] = { "T39", GATE_NOTICE, 0, true, false, NULL,
	                         "a task with fewer capabilities is decided by other entries than Docker's default "
	                         "set",
	                         NULL },
	[GATE_LINT_ERRNO_WORD] = { "T40", GATE_WARNING, 0, true, false, NOT_PODMAN, "elsewhere it becomes EPERM",
	                           "\"errnoRet\" with the number beside it" },
	[GATE_LINT_ERRNO_TWICE] = { "T40", GATE_WARNING, GATE_WARNING, false, false, NOT_PODMAN,
	                            "the word counts for readers that know it, the number for the others",
	                            "the same in both" },
};

void gate_lint_say(struct gate_lint *l, enum gate_lint_kind kind, struct gate_place at, const char *format, ...)
{
	const struct row *row = &rows[kind];
	enum gate_severity severity = l->native ? row->native : row->engine;
	const char *engines = l->native ? row->engines : row->own ? gate_engine_name(l->p->engine) : NULL;
	char text[448];
	va_list ap;

	if (severity == 0 || (row->once && l->said[kind]))
		return;
	l->said[kind] = true;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	gate_findings_add(l->findings, severity, row->id, at, engines, row->meaning, row->instead, "%s", text);
}

bool gate_lint_in_force(const struct gate_lint *l, const struct gate_entry *e)
{
	return gate_entry_in_force(e, l->facts, l->d->runtime == GATE_RUNTIME_MESOS);
}

bool gate_lint_is(const struct gate_text *t, const char *word)
{
	return t->s != NULL && strlen(word) == t->len && memcmp(word, t->s, t->len) == 0;
}

bool gate_lint_narrow(const struct gate_lint *l, unsigned name, unsigned index)
{
	bool any = false;

	for (size_t i = 0; i < l->cover.n; i++) {
		const struct gate_arch_info *info = gate_arch_info(l->cover.arches[i]);
		const struct gate_syscall *sc = gate_syscall_of(l->cover.arches[i], name);

		if (sc == NULL)
			continue;
		if (info->is64 && (sc->narrow >> index & 1) == 0)
			return false;
		any = true;
	}
	return any;
}

bool gate_lint_possible(const struct gate_lint *l, enum gate_arch arch, const char *name)
{
	const struct gate_arch_info *info = gate_arch_info(arch);
	int index = gate_name_find(name, strlen(name));
	const struct gate_syscall *sc = index < 0 ? NULL : gate_syscall_of(arch, (unsigned)index);
	const struct gate_span *span = NULL;

	if (sc == NULL || l->rules == NULL)
		return false;
	struct gate_data data = { .nr = sc->nr, .arch = info->audit };

	gate_rules_find(l->rules, &data, &span);
	for (uint32_t i = 0; span != NULL && i < span->n_cases; i++)
		if (gate_ret_rank(span->cases[i].action) <= gate_ret_rank(GATE_RET_NOTIFY))
			return true;
	return false;
}

static const char *id_of(enum gate_errc code)
{
	return code == GATE_E_LIMIT ? "T37" : code == GATE_E_CONFLICT ? "T13" : "T29";
}

/* Why it does not resolve, unless a check said the same. */
static void refused(struct gate_lint *l, const struct gate_err *why)
{
	for (size_t i = 0; i < gate_findings_count(l->findings); i++) {
		const struct gate_finding *f = gate_findings_at(l->findings, i);

		if (f->severity == GATE_ERROR && f->line == why->line && f->column == why->column)
			return;
	}
	gate_findings_add(l->findings, GATE_ERROR, id_of(why->code),
	                  (struct gate_place){ why->line, why->column, why->length },
	                  l->native ? NULL : gate_engine_name(l->p->engine), NULL, NULL, "%s", why->text);
}

int gate_profile_lint(const struct gate_profile *p, const struct gate_facts *facts, struct gate_findings *findings,
                      struct gate_err *err)
{
	GATE_AUTO(gate_rules_freep) struct gate_rules *rules = NULL;
	struct gate_lint l = { .p = p,
		               .facts = facts,
		               .d = gate_engine_row(p->engine),
		               .findings = findings,
		               .native = p->engine == GATE_ENGINE_NATIVE };
	struct gate_err why = GATE_ERR_INIT;

	if (gate_profile_resolve(p, facts, findings, &rules, &why) < 0 && why.code == GATE_E_NOMEM)
		return GATE_FAIL_NOMEM(err);
	l.rules = rules;
	gate_cover_of(p, facts, &l.cover);
	gate_lint_keys(&l);
	gate_lint_top(&l);
	gate_lint_notify(&l);
	gate_lint_entries(&l);
	if (gate_lint_pairs(&l, err) < 0)
		return -1;
	gate_lint_rules(&l);
	if (rules == NULL)
		refused(&l, &why);
	return gate_findings_failed(findings) ? GATE_FAIL_NOMEM(err) : 0;
}
