/* Every finding: a small profile that has it, with its place, and one like it that does not. */
#include "base/buf.h"
#include "common.h"
#include "profile/lint.h"

/* In these texts ' stands for ", and ^ for the place of the finding. */
#define TOP(more) "{'defaultAction':'SCMP_ACT_ERRNO'," more "'architectures':['SCMP_ARCH_X86_64','SCMP_ARCH_X86'],"
#define START "{'names':['execve','exit_group'],'action':'SCMP_ACT_ALLOW'},"
#define P(entry) TOP("") "'syscalls':[" START entry "]}"
#define T(more) TOP(more) "'syscalls':[{'names':['execve','exit_group'],'action':'SCMP_ACT_ALLOW'}]}"
#define D(action)                                                                                                    \
	"{'defaultAction':" action ",'syscalls':[{'names':['execve','exit_group','read'],'action':'SCMP_ACT_ALLOW'}" \
				   "]}"
#define ALLOW(names) "{'names':[" names "],'action':'SCMP_ACT_ALLOW'}"
#define ALLOW_IF(name, arg) "{'names':['" name "'],'action':'SCMP_ACT_ALLOW','args':[" arg "]}"
#define DENY_IF(name, arg) "{'names':[" name "],'action':'SCMP_ACT_ERRNO','errnoRet':22,'args':[" arg "]}"
#define IF(i, op, v) "{'index':" #i ",'value':" #v ",'op':'SCMP_CMP_" op "'}"
#define NOTIFY(name) "{'names':[" name "],'action':'SCMP_ACT_NOTIFY'}"

enum {
	N = GATE_ENGINE_NATIVE,
	DOCKER = GATE_ENGINE_DOCKER,
	PODMAN = GATE_ENGINE_PODMAN,
	CRIO = GATE_ENGINE_CRIO,
	CONTAINERD = GATE_ENGINE_CONTAINERD,
	CRUN = GATE_ENGINE_CRUN,
	MESOS = GATE_ENGINE_MESOS
};
enum { NOTE = GATE_NOTICE, WARN = GATE_WARNING, BAD = GATE_ERROR };

static const struct row {
	const char *id;
	int severity, engine;
	const char *yes, *no;
} rows[] = {
	{ "T1", NOTE, N, P("{'names':['bpf'],'action':'SCMP_ACT_ALLOW','includes':^{'caps':['CAP_BPF']}}"),
	  P(ALLOW("'bpf'")) },
	{ "T1", NOTE, N, P("{'names':['bpf'],'action':'SCMP_ACT_ALLOW','includes':{'minKernel':^'4.8'}}"),
	  P(ALLOW("'bpf'")) },
	{ "T1", WARN, CONTAINERD, P("{'names':['bpf'],'action':'SCMP_ACT_ALLOW',^'includes':{'caps':['CAP_BPF']}}"),
	  P("{'names':['bpf'],'action':'SCMP_ACT_ALLOW','includes':{},'excludes':{'caps':[]}}") },
	{ "T1", WARN, PODMAN, P("{'names':['bpf'],'action':'SCMP_ACT_ALLOW','includes':{^'minKernel':'4.8'}}"),
	  P("{'names':['bpf'],'action':'SCMP_ACT_ALLOW','includes':{'caps':['CAP_BPF']}}") },
	{ "T1", WARN, MESOS, "{'defaultAction':'SCMP_ACT_ERRNO',^'defaultErrnoRet':38,'archMap':[],'syscalls':[]}",
	  "{'defaultAction':'SCMP_ACT_ERRNO','archMap':[],'syscalls':[]}" },
	{ "T2", NOTE, N, P("{^'name':'read','action':'SCMP_ACT_ALLOW'}"), P(ALLOW("'read'")) },
	{ "T2", WARN, CRUN, P("{^'name':'read','action':'SCMP_ACT_ALLOW'}"), P(ALLOW("'read'")) },
	{ "T3", BAD, N, P("{^'name':'read','names':['write'],'action':'SCMP_ACT_ALLOW'}"),
	  P("{'name':'read','names':[],'action':'SCMP_ACT_ALLOW'}") },
	{ "T4", BAD, N, T("'archMap':^[{'architecture':'SCMP_ARCH_X86_64','subArchitectures':[]}],"),
	  T("'archMap':[],") },
	{ "T5", NOTE, N,
	  "{'defaultAction':'SCMP_ACT_ERRNO','archMap':^[{'architecture':'SCMP_ARCH_AARCH64'}],'syscalls':[]}",
	  "{'defaultAction':'SCMP_ACT_ERRNO','archMap':[{'architecture':'SCMP_ARCH_X86_64'}],'syscalls':[]}" },
	{ "T6", NOTE, N, "^{'defaultAction':'SCMP_ACT_ERRNO','syscalls':[" ALLOW("'execve','exit'") "]}", T("") },
	{ "T7", NOTE, N, "{'defaultAction':'SCMP_ACT_ERRNO','architectures':['SCMP_ARCH_X86',^'SCMP_ARCH_X32']}",
	  "{'defaultAction':'SCMP_ACT_ERRNO','architectures':['SCMP_ARCH_X86_64']}" },
	{ "T7", NOTE, N, "{'defaultAction':'SCMP_ACT_ERRNO','architectures':[^'SCMP_ARCH_X86']}",
	  "{'defaultAction':'SCMP_ACT_ERRNO','architectures':['SCMP_ARCH_X86_64']}" },
	{ "T8", WARN, N, P(ALLOW("'read',^'wriite'")), P(ALLOW("'read','write'")) },
	{ "T8", WARN, DOCKER, P(ALLOW("'read',^'wriite'")), P(ALLOW("'read','arm_sync_file_range'")) },
	{ "T8", NOTE, DOCKER,
	  "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[" DENY_IF("'mkdir',^'fchmodat2'", "") "]}",
	  "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[" DENY_IF("'mkdir','openat2'", "") "]}" },
	{ "T9", NOTE, N, P("{'names':[^'mkdir'],'action':'SCMP_ACT_ERRNO'}"), P(DENY_IF("'mkdir'", "")) },
	{ "T9", WARN, N,
	  P("{'names':[^'mkdir'],'action':'SCMP_ACT_ERRNO','args':[" IF(1, "EQ", 0) "]}," ALLOW("'mkdir'")),
	  P(DENY_IF("'mkdir'", IF(1, "EQ", 0)) "," ALLOW("'mkdir'")) },
	{ "T9", WARN, DOCKER, P("{'names':[^'mkdir'],'action':'SCMP_ACT_ERRNO'}," ALLOW("'mkdir'")),
	  P(ALLOW("'mkdir'") "," DENY_IF("'mkdir'", "")) },
	{ "T10", NOTE, N, P(ALLOW("'read'") "," ALLOW("^'read'")), P(ALLOW("'read'") "," ALLOW("'write'")) },
	{ "T10", NOTE, DOCKER, P(ALLOW("'read'") "," ALLOW("^'read'")), P(ALLOW("'read'") "," ALLOW("'write'")) },
	{ "T11", WARN, N, P(ALLOW("'mkdir'") "," DENY_IF("^'mkdir'", "")), P(DENY_IF("'mkdir'", "")) },
	{ "T11", WARN, DOCKER, P(ALLOW("'mkdir'") "," DENY_IF("^'mkdir'", "")), P(DENY_IF("'mkdir'", "")) },
	{ "T11", WARN, N, P(ALLOW("'mkdir'") "," DENY_IF("^'mkdir'", IF(1, "EQ", 0))),
	  P(ALLOW_IF("mkdir", IF(1, "EQ", 1)) "," DENY_IF("'mkdir'", IF(1, "EQ", 0))) },
	{ "T12", WARN, N, P(DENY_IF("'mkdir'", IF(1, "EQ", 0)) "," ALLOW("^'mkdir'")),
	  P(ALLOW_IF("mkdir", IF(1, "EQ", 1)) "," DENY_IF("'mkdir'", IF(1, "EQ", 0))) },
	{ "T12", WARN, CRUN, P(DENY_IF("'mkdir'", IF(1, "EQ", 0)) "," ALLOW("^'mkdir'")),
	  P(ALLOW_IF("mkdir", IF(1, "EQ", 1)) "," DENY_IF("'mkdir'", IF(1, "EQ", 0))) },
	{ "T13", WARN, N, P(ALLOW_IF("mkdir", IF(1, "EQ", 1)) "," DENY_IF("^'mkdir'", IF(1, "EQ", 1))),
	  P(ALLOW_IF("mkdir", IF(1, "EQ", 1)) "," DENY_IF("'mkdir'", IF(1, "EQ", 2))) },
	{ "T13", BAD, DOCKER, P(ALLOW_IF("mkdir", IF(1, "EQ", 1)) "," DENY_IF("^'mkdir'", IF(1, "EQ", 1))),
	  P(ALLOW_IF("mkdir", IF(1, "EQ", 1)) "," DENY_IF("'mkdir'", IF(1, "EQ", 2))) },
	{ "T14", NOTE, N, P(ALLOW_IF("mkdir", IF(1, "GE", 5)) "," DENY_IF("^'mkdir'", IF(1, "EQ", 10))),
	  P(ALLOW_IF("mkdir", IF(1, "GE", 5)) "," DENY_IF("'mkdir'", IF(1, "EQ", 4))) },
	{ "T15", WARN, N, P(ALLOW_IF("personality", "^" IF(0, "EQ", 0) "," IF(0, "EQ", 8))),
	  P(ALLOW_IF("socket", IF(0, "EQ", 0) "," IF(1, "EQ", 8))) },
	{ "T16", WARN, N, P(ALLOW_IF("socket", IF(0, "NE", 40) ",^" IF(0, "NE", 38))),
	  P(ALLOW_IF("socket", IF(0, "EQ", 1) "," IF(0, "EQ", 2))) },
	{ "T16", WARN, N, P(ALLOW_IF("socket", IF(0, "GT", 5) ",^" IF(0, "LT", 10))),
	  P(ALLOW_IF("socket", IF(0, "GT", 10) "," IF(0, "LT", 5))) },
	{ "T16", WARN, N, P(ALLOW_IF("socket", "{'index':0,'value':0,'op':^'SCMP_CMP_GE'}")),
	  P(ALLOW_IF("socket", IF(0, "GE", 1))) },
	{ "T16", WARN, N, P(ALLOW_IF("socket", "{'index':0,'value':4294967295,'op':^'SCMP_CMP_GT'}")),
	  P(ALLOW_IF("socket", IF(0, "GT", 4294967294))) },
	{ "T17", BAD, N,
	  P("{'names':['read'],'action':'SCMP_ACT_ALLOW','args':^[" IF(0, "EQ", 0) "," IF(0, "EQ", 1) "," IF(
	      0, "EQ", 2) "," IF(0, "EQ", 3) "," IF(0, "EQ", 4) "," IF(0, "EQ", 5) "," IF(0, "EQ", 6) "]}"),
	  P(ALLOW_IF("read", IF(0, "EQ", 0) "," IF(0, "EQ", 1))) },
	{ "T18", WARN, N, P(ALLOW_IF("mkdir", "{'index':^3,'value':0,'op':'SCMP_CMP_EQ'}")),
	  P(ALLOW_IF("mkdir", IF(1, "EQ", 0))) },
	{ "T19", WARN, N, P(ALLOW_IF("clone", "{'index':0,'value':^0,'valueTwo':8,'op':'SCMP_CMP_MASKED_EQ'}")),
	  P(ALLOW_IF("clone", "{'index':0,'value':8,'valueTwo':0,'op':'SCMP_CMP_MASKED_EQ'}")) },
	{ "T19", WARN, N, P(ALLOW_IF("clone", "{'index':0,'value':8,'valueTwo':^24,'op':'SCMP_CMP_MASKED_EQ'}")),
	  P(ALLOW_IF("clone", "{'index':0,'value':24,'valueTwo':8,'op':'SCMP_CMP_MASKED_EQ'}")) },
	{ "T19", WARN, N, P(ALLOW_IF("clone", "{'index':0,'value':8,'valueTwo':^24,'op':'SCMP_CMP_EQ'}")),
	  P(ALLOW_IF("clone", "{'index':0,'value':8,'valueTwo':0,'op':'SCMP_CMP_EQ'}")) },
	{ "T20", WARN, N, P(ALLOW_IF("socket", "{'index':0,'value':^4294967297,'op':'SCMP_CMP_EQ'}")),
	  P(ALLOW_IF("socket", IF(0, "EQ", 18446744073709551615))) },
	{ "T21", WARN, DOCKER, P(ALLOW_IF("socket", "{'index':0,'value':^40,'op':'SCMP_CMP_NE'}")),
	  P(ALLOW_IF("socket", IF(0, "EQ", 40))) },
	{ "T21", WARN, CRUN,
	  "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['socket'],'action':'SCMP_ACT_ERRNO','args':"
	  "[{'index':0,'value':^40,'op':'SCMP_CMP_EQ'}]}]}",
	  "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[{'names':['socket'],'action':'SCMP_ACT_ERRNO','args':"
	  "[{'index':0,'value':4294967295,'valueTwo':40,'op':'SCMP_CMP_MASKED_EQ'}]}]}" },
	{ "T22", WARN, N,
	  P(ALLOW("'socketcall'") ",{'names':[^'socket'],'action':'SCMP_ACT_ALLOW','args':[" IF(0, "EQ", 1) "]}"),
	  P("{'names':['socket'],'action':'SCMP_ACT_ALLOW','args':[" IF(0, "EQ", 1) "]}") },
	{ "T23", WARN, N, P(ALLOW_IF("clone", "{'index':^1,'value':2114060288,'op':'SCMP_CMP_MASKED_EQ'}")),
	  P(ALLOW_IF("clone", IF(0, "MASKED_EQ", 2114060288))) },
	{ "T24", WARN, N, P(ALLOW_IF("mkdir", "^" IF(0, "EQ", 4096))), P(ALLOW_IF("mkdir", IF(0, "NE", 0))) },
	{ "T24", WARN, N, P(ALLOW_IF("clone", IF(0, "MASKED_EQ", 2114060288)) "," ALLOW("^'clone3'")),
	  P(ALLOW_IF("clone", IF(0, "MASKED_EQ", 2114060288)) "," DENY_IF("'clone3'", "")) },
	{ "T24", WARN, N, P(ALLOW("^'io_uring_setup'")), P(ALLOW("'io_uring_enter'")) },
	{ "T25", BAD, N, P("{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errnoRet':^4096}"),
	  P("{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errnoRet':4094}") },
	{ "T25", WARN, N, P("{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errnoRet':^4095}"),
	  P("{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errnoRet':4094}") },
	{ "T25", WARN, N, P("{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errnoRet':^0}"),
	  P("{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errnoRet':2}") },
	{ "T25", WARN, N, P("{'names':['mkdir'],'action':'SCMP_ACT_ALLOW','errnoRet':^2}"), P(ALLOW("'mkdir'")) },
	{ "T25", BAD, CRUN, P("{'names':['mkdir'],'action':'SCMP_ACT_ALLOW','errnoRet':^2}"), P(ALLOW("'mkdir'")) },
	{ "T26", WARN, N, P("{'names':['mkdir'],'action':^'SCMP_ACT_TRACE'}"), P(ALLOW("'mkdir'")) },
	{ "T26", WARN, N, D("^'SCMP_ACT_TRACE'"), D("'SCMP_ACT_ERRNO'") },
	{ "T27", WARN, N, TOP("'listenerPath':'/l',") "'syscalls':[" START NOTIFY("'mkdir',^'write'") "]}",
	  TOP("'listenerPath':'/l',") "'syscalls':[" START NOTIFY("'mkdir'") "]}" },
	{ "T27", BAD, DOCKER, TOP("'listenerPath':'/l',") "'syscalls':[" START NOTIFY("'mkdir',^'write'") "]}",
	  TOP("'listenerPath':'/l',") "'syscalls':[" START NOTIFY("'mkdir'") "]}" },
	{ "T27", WARN, N, TOP("'listenerPath':'/l',") "'syscalls':[" START NOTIFY("'mkdir',^'sendmsg'") "]}",
	  TOP("'listenerPath':'/l',") "'syscalls':[" START NOTIFY("'mkdir'") "]}" },
	{ "T27", BAD, CONTAINERD, P("{'names':['mkdir'],'action':^'SCMP_ACT_NOTIFY'}"),
	  TOP("'listenerPath':'/l',") "'syscalls':[" START NOTIFY("'mkdir'") "]}" },
	{ "T27", NOTE, N, P("{'names':['mkdir'],'action':^'SCMP_ACT_NOTIFY'}"), P(ALLOW("'mkdir'")) },
	{ "T27", BAD, DOCKER, D("^'SCMP_ACT_NOTIFY'"), D("'SCMP_ACT_ERRNO'") },
	{ "T27", WARN, N, D("^'SCMP_ACT_NOTIFY'"), D("'SCMP_ACT_ERRNO'") },
	{ "T27", WARN, N,
	  TOP("'listenerPath':'/l','flags':[^'SECCOMP_FILTER_FLAG_TSYNC'],") "'syscalls':[" START NOTIFY(
	      "'mkdir'") "]}",
	  TOP("'listenerPath':'/l','flags':['SECCOMP_FILTER_FLAG_LOG'],") "'syscalls':[" START NOTIFY(
	      "'mkdir'") "]}" },
	{ "T27", NOTE, N, T("'listenerPath':^'/l',"), T("") },
	{ "T27", WARN, N, TOP("'listenerPath':^'l',") "'syscalls':[" START NOTIFY("'mkdir'") "]}",
	  TOP("'listenerPath':'/l',") "'syscalls':[" START NOTIFY("'mkdir'") "]}" },
	{ "T27", WARN, N, T("'listenerMetadata':^'m',"), T("") },
	{ "T27", NOTE, N,
	  TOP("'listenerPath':'/l',") "'syscalls':[" START NOTIFY("'mkdir'") "," ALLOW("'read',^'seccomp'") "]}",
	  TOP("'listenerPath':'/l',") "'syscalls':[" START NOTIFY("'mkdir','seccomp'") "," ALLOW("'read'") "]}" },
	{ "T27", NOTE, DOCKER,
	  TOP("'listenerPath':'/l',") "'syscalls':[" START NOTIFY("'mkdir'") "," ALLOW("^'prctl'") "]}",
	  TOP("'listenerPath':'/l',") "'syscalls':[" START NOTIFY("'mkdir'") ","
	  ALLOW_IF("prctl", IF(0, "EQ", 15)) "]}" },
	{ "T28", NOTE, N, T("'flags':^[],"), T("") },
	{ "T28", WARN, CRIO, T("'flags':^[],"), T("'flags':['SECCOMP_FILTER_FLAG_LOG'],") },
	{ "T28", NOTE, DOCKER, "^{'defaultAction':'SCMP_ACT_ERRNO'}",
	  "{'defaultAction':'SCMP_ACT_ERRNO','flags':['SECCOMP_FILTER_FLAG_LOG']}" },
	{ "T29", BAD, N, T("'flags':[^'SECCOMP_FILTER_FLAG_LOGG'],"), T("'flags':['SECCOMP_FILTER_FLAG_LOG'],") },
	{ "T29", NOTE, DOCKER, T("'flags':[^'SECCOMP_FILTER_FLAG_TSYNC'],"),
	  T("'flags':['SECCOMP_FILTER_FLAG_LOG'],") },
	{ "T29", WARN, N, T("'flags':[^'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],"),
	  T("'flags':['SECCOMP_FILTER_FLAG_LOG'],") },
	{ "T29", BAD, DOCKER, T("'flags':[^'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],"),
	  T("'flags':['SECCOMP_FILTER_FLAG_LOG'],") },
	{ "T30", WARN, N, D("^'SCMP_ACT_KILL'"), D("'SCMP_ACT_KILL_PROCESS'") },
	{ "T30", WARN, N, P("{'names':['mkdir'],'action':^'SCMP_ACT_KILL'}"),
	  P("{'names':['mkdir'],'action':'SCMP_ACT_KILL_THREAD'}") },
	{ "T31", NOTE, DOCKER, D("^'SCMP_ACT_ERRNO'"), D("'SCMP_ACT_LOG'") },
	{ "T31", NOTE, CRUN, D("^'SCMP_ACT_ERRNO'"), D("'SCMP_ACT_ERRNO','defaultErrnoRet':38") },
	{ "T32", BAD, N, "{'defaultAction':^'SCMP_ACT_ERRNO','syscalls':[" ALLOW("'exit'") "]}", T("") },
	{ "T32", BAD, N, "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[" DENY_IF("^'execve','execveat'", "") "]}",
	  "{'defaultAction':'SCMP_ACT_ALLOW','syscalls':[" DENY_IF("'execve'", "") "]}" },
	{ "T32", WARN, N, "{'defaultAction':^'SCMP_ACT_ERRNO','syscalls':[" ALLOW("'execve'") "]}", T("") },
	{ "T32", WARN, DOCKER, D("^'SCMP_ACT_ERRNO'"), D("'SCMP_ACT_LOG'") },
	{ "T33", BAD, N, P("{'names':['bpf'],'action':'SCMP_ACT_ALLOW','includes':{'caps':[^'SYS_ADMIN']}}"),
	  P("{'names':['bpf'],'action':'SCMP_ACT_ALLOW','includes':{'caps':['CAP_SYS_ADMIN']}}") },
	{ "T33", NOTE, N, P("{'names':['bpf'],'action':'SCMP_ACT_ALLOW','includes':{'arches':[^'x86']}}"),
	  P("{'names':['bpf'],'action':'SCMP_ACT_ALLOW','includes':{'arches':['amd64','x86']}}") },
	{ "T34", WARN, N, T("^'sycalls':[],"), T("'_note':0,") },
	{ "T34", NOTE, N, P(ALLOW_IF("lseek", "{'index':1,'value':^9007199254740993,'op':'SCMP_CMP_EQ'}")),
	  P(ALLOW_IF("lseek", IF(1, "EQ", 9007199254740992))) },
	{ "T35", BAD, N, "^{'syscalls':[]}", T("") },
	{ "T36", BAD, N, "{'linux':{'seccomp':^{'defaultAction':'SCMP_ACT_ERRNO'}}}", T("") },
	{ "T38", WARN, N, "{'defaultAction':^'SCMP_ACT_ALLOW','syscalls':[" DENY_IF("'mkdir'", "") "]}", T("") },
	{ "T38", WARN, N, "{'defaultAction':^'SCMP_ACT_ALLOW'}", T("") },
	{ "T38", NOTE, N, "{'defaultAction':^'SCMP_ACT_LOG'}", T("") },
	{ "T39", NOTE, N, P("{'names':['bpf'],'action':'SCMP_ACT_ALLOW','includes':{'caps':[^'CAP_BPF']}}"),
	  P(ALLOW("'bpf'")) },
	{ "T40", WARN, N, P("{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errno':^'ENOSYS'}"),
	  P("{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errno':'ENOSYS','errnoRet':38}") },
	{ "T40", WARN, N, P("{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errnoRet':22,'errno':^'ENOSYS'}"),
	  P("{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errno':'EPERM'}") },
	{ "T40", WARN, DOCKER, P("{'names':['mkdir'],'action':'SCMP_ACT_ERRNO',^'errno':'ENOSYS'}"),
	  P("{'names':['mkdir'],'action':'SCMP_ACT_ERRNO','errno':'ENOSYS','errnoRet':38}") },
};

/* JSON of a row's text; *column is the 1-based place of the mark, 0 without one. */
static char *json(const char *text, uint32_t *column)
{
	char *out = malloc(strlen(text) + 1), *p = out;

	assert_non_null(out);
	*column = 0;
	for (; *text != '\0'; text++) {
		if (*text == '^')
			*column = (uint32_t)(p - out) + 1;
		else
			*p++ = *text == '\'' ? '"' : *text;
	}
	*p = '\0';
	return out;
}

static struct gate_findings *findings_of(const char *text, int engine)
{
	GATE_AUTO(gate_profile_freep) struct gate_profile *p = NULL;
	struct gate_findings *f = NULL;
	struct gate_err err = GATE_ERR_INIT;
	struct gate_facts facts = host();

	assert_int_equal(gate_findings_new(&f, NULL), 0);
	if (gate_profile_read("t.json", text, strlen(text), (enum gate_engine)engine, f, &p, &err) == 0)
		assert_int_equal(gate_profile_lint(p, &facts, f, NULL), 0);
	else
		assert_int_equal(gate_findings_worst(f), GATE_ERROR);
	gate_findings_sort(f);
	return f;
}

static bool has(const struct gate_findings *f, const struct row *r, uint32_t column)
{
	for (size_t i = 0; i < gate_findings_count(f); i++) {
		const struct gate_finding *x = gate_findings_at(f, i);

		if (strcmp(x->id, r->id) == 0 && (int)x->severity == r->severity &&
		    (column == 0 || x->column == column))
			return true;
	}
	return false;
}

static void show(const struct gate_findings *f, const char *text)
{
	print_message("%s\n", text);
	for (size_t i = 0; i < gate_findings_count(f); i++) {
		const struct gate_finding *x = gate_findings_at(f, i);

		print_message("  %u:%u %d %s %s\n", x->line, x->column, (int)x->severity, x->id, x->text);
	}
}

static void every_finding_has_its_place_and_can_be_absent(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		uint32_t column, none;
		GATE_AUTOFREE char *yes = json(r->yes, &column), *no = json(r->no, &none);
		struct gate_findings *with = findings_of(yes, r->engine), *without = findings_of(no, r->engine);

		if (!has(with, r, column)) {
			show(with, yes);
			fail_msg("row %zu: %s is missing at column %u", i, r->id, column);
		}
		if (has(without, r, 0)) {
			show(without, no);
			fail_msg("row %zu: %s should not be there", i, r->id);
		}
		gate_findings_free(with);
		gate_findings_free(without);
	}
}

static void every_id_has_a_title_and_a_row(void **state)
{
	(void)state;
	assert_int_equal(gate_finding_ids_count, 40);
	for (size_t i = 0; i < gate_finding_ids_count; i++) {
		const char *id = gate_finding_ids[i].id;
		bool tested = strcmp(id, "T37") == 0; /* compiling says it */

		for (size_t k = 0; k < GATE_ARRAY_LEN(rows) && !tested; k++)
			tested = strcmp(rows[k].id, id) == 0;
		if (!tested || gate_finding_ids[i].title[0] == '\0' || atoi(id + 1) != (int)i + 1)
			fail_msg("%s", id);
	}
}

/* Sentences: lower case but for words of the format, no full stop. */
static void texts_are_sentences_without_a_full_stop(void **state)
{
	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(rows); i++) {
		uint32_t column;
		GATE_AUTOFREE char *yes = json(rows[i].yes, &column);
		struct gate_findings *f = findings_of(yes, rows[i].engine);

		for (size_t k = 0; k < gate_findings_count(f); k++) {
			const struct gate_finding *x = gate_findings_at(f, k);

			assert_int_not_equal(x->text[0], '\0');
			assert_int_not_equal(x->text[strlen(x->text) - 1], '.');
			assert_true(x->meaning == NULL || x->meaning[strlen(x->meaning) - 1] != '.');
		}
		gate_findings_free(f);
	}
}

/* The profiles that most containers run under: no error, and a handful of warnings that are true. */
static void defaults_of_engines_are_quiet(void **state)
{
	static const struct {
		const char *file;
		int engine;
		size_t warnings;
	} files[] = {
		{ "moby__profiles__seccomp__default.json", N, 1 },                          /* T22 */
		{ "moby__profiles__seccomp__default.json", DOCKER, 2 },                     /* T21, T22 */
		{ "containers__container-libs__common__pkg__seccomp__seccomp.json", N, 2 }, /* T11 setns, T22 */
		{ "containers__container-libs__common__pkg__seccomp__seccomp.json", PODMAN, 3 },
	};
	const char *shared = getenv("CALLGATE_SHARED");

	(void)state;
	for (size_t i = 0; i < GATE_ARRAY_LEN(files); i++) {
		char path[4096];
		size_t len, warnings = 0;

		snprintf(path, sizeof(path), "%s/profiles/%s", shared != NULL ? shared : DEFAULT_SHARED,
			 files[i].file);
		GATE_AUTOFREE char *text = slurp(path, &len);
		if (text == NULL) {
			print_message("skipped: no %s\n", path);
			skip();
		}
		struct gate_findings *f = findings_of(text, files[i].engine);
		for (size_t k = 0; k < gate_findings_count(f); k++) {
			assert_int_not_equal(gate_findings_at(f, k)->severity, GATE_ERROR);
			warnings += gate_findings_at(f, k)->severity == GATE_WARNING;
		}
		assert_int_equal(warnings, files[i].warnings);
		gate_findings_free(f);
	}
}

/* Each suggestion is a walk over all names. */
static void many_unknown_names_end_in_a_summary(void **state)
{
	GATE_AUTO(gate_buf_done) struct gate_buf text = GATE_BUF_INIT;
	struct gate_findings *f;
	size_t unknown = 0;

	(void)state;
	gate_buf_puts(&text, "{\"defaultAction\": \"SCMP_ACT_ERRNO\", \"syscalls\": [{\"action\": \"SCMP_ACT_ALLOW\","
	                     " \"names\": [");
	for (unsigned i = 0; i < 30000; i++)
		gate_buf_printf(&text, "\"raed%u\", ", i);
	gate_buf_puts(&text, "\"execve\"]}]}");
	f = findings_of(text.data, N);
	for (size_t i = 0; i < gate_findings_count(f); i++)
		unknown += strcmp(gate_findings_at(f, i)->id, "T8") == 0;
	assert_int_equal(unknown, 101);
	gate_findings_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_finding_has_its_place_and_can_be_absent),
		cmocka_unit_test(every_id_has_a_title_and_a_row),
		cmocka_unit_test(texts_are_sentences_without_a_full_stop),
		cmocka_unit_test(defaults_of_engines_are_quiet),
		cmocka_unit_test(many_unknown_names_end_in_a_summary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
