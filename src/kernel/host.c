#include <linux/capability.h>

#include <callgate/abi.h>
#include <callgate/policy.h>

#include "kernel/host_probe.h"
#include "kernel/seccomp.h"
#include "task/plan.h"

#define OLD_ACTION "a filter that returns it kills the process instead: such a profile is refused"

static const struct row {
	const char *group, *id, *name;
	gate_probe_fn *probe;
	unsigned long arg;
	const char *needed_for, *without;
} rows[] = {
	{ "actions", "action-kill-process", "SECCOMP_RET_KILL_PROCESS", gate_probe_action, GATE_RET_KILL_PROCESS,
	  "killing the whole process on a forbidden call", "only the calling thread dies (kernels before 4.14)" },
	{ "actions", "action-kill-thread", "SECCOMP_RET_KILL_THREAD", gate_probe_action, GATE_RET_KILL_THREAD,
	  "killing one thread on a forbidden call", OLD_ACTION },
	{ "actions", "action-trap", "SECCOMP_RET_TRAP", gate_probe_action, GATE_RET_TRAP,
	  "SIGSYS that the program may catch", OLD_ACTION },
	{ "actions", "action-errno", "SECCOMP_RET_ERRNO", gate_probe_action, GATE_RET_ERRNO,
	  "refusing a call with an error number", OLD_ACTION },
	{ "actions", "action-user-notif", "SECCOMP_RET_USER_NOTIF", gate_probe_action, GATE_RET_NOTIFY,
	  "asking a supervisor (SCMP_ACT_NOTIFY)", OLD_ACTION },
	{ "actions", "action-trace", "SECCOMP_RET_TRACE", gate_probe_action, GATE_RET_TRACE,
	  "asking a tracer (SCMP_ACT_TRACE)", OLD_ACTION },
	{ "actions", "action-log", "SECCOMP_RET_LOG", gate_probe_action, GATE_RET_LOG,
	  "allowing a call and writing it to the audit log", OLD_ACTION },

	{ "flags", "flag-tsync", "SECCOMP_FILTER_FLAG_TSYNC", gate_probe_flag, GATE_SECCOMP_TSYNC,
	  "loading the filter last without no_new_privs", "callgate run sets no_new_privs" },
	{ "flags", "flag-log", "SECCOMP_FILTER_FLAG_LOG", gate_probe_flag, GATE_SECCOMP_LOG, "callgate run --log",
	  "refused calls that do not kill are not reported" },
	{ "flags", "flag-spec-allow", "SECCOMP_FILTER_FLAG_SPEC_ALLOW", gate_probe_flag, GATE_SECCOMP_SPEC_ALLOW,
	  "profiles with this flag", "a profile that asks for it is refused" },
	{ "flags", "flag-new-listener", "SECCOMP_FILTER_FLAG_NEW_LISTENER", gate_probe_flag, GATE_SECCOMP_NEW_LISTENER,
	  "profiles with SCMP_ACT_NOTIFY", "such a profile is refused" },
	{ "flags", "flag-tsync-esrch", "SECCOMP_FILTER_FLAG_TSYNC_ESRCH", gate_probe_flag, GATE_SECCOMP_TSYNC_ESRCH,
	  "a listener together with TSYNC", "a listener needs no_new_privs" },
	{ "flags", "flag-wait-killable", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", gate_probe_flag,
	  GATE_SECCOMP_WAIT_KILLABLE, "notifications that no ordinary signal interrupts",
	  "a signal may abandon a call while a supervisor works on it" },

	{ "notification", "notif-sizes", "SECCOMP_GET_NOTIF_SIZES", gate_probe_notif_sizes, 0, "reading notifications",
	  "no notifications (kernels before 5.0)" },
	{ "notification", "notif-addfd", "SECCOMP_IOCTL_NOTIF_ADDFD", gate_probe_notif_ioctl, GATE_NOTIF_ADDFD,
	  "a supervisor that opens files for a program", "a supervisor can only answer with a number" },
	{ "notification", "notif-addfd-send", "SECCOMP_ADDFD_FLAG_SEND", gate_probe_notif_ioctl, GATE_NOTIF_ADDFD_SEND,
	  "handing over a file and answering in one step", "a signal in between may leak a descriptor" },
	{ "notification", "notif-sync-wake-up", "SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP", gate_probe_notif_ioctl,
	  GATE_NOTIF_SYNC_WAKE_UP, "quick answers on one processor", "each notification takes longer" },
	{ "notification", "pidfd-getfd", "pidfd_getfd", gate_probe_pidfd_getfd, 0,
	  "taking a listener out of the program that loaded the filter", "no notifications" },

	{ "audit", "audit-group", "audit records by netlink", gate_probe_audit, GATE_AUDIT_ASK_GROUP,
	  "naming the call that a program was killed for; --log", "a killed program is reported without the call" },
	{ "audit", "audit-lost", "counter of lost audit records", gate_probe_audit, GATE_AUDIT_ASK_LOST,
	  "saying that a report is complete", "records that the kernel dropped are not noticed" },
	{ "audit", "audit-fence", "audit messages of our own", gate_probe_audit, GATE_AUDIT_ASK_FENCE,
	  "knowing that all records have arrived", "a bounded wait, after which a late record would be missed" },
	{ "audit", "actions-logged", "actions_logged", gate_probe_logged, 0, "which actions the kernel writes down",
	  "actions that are not listed are never reported (sysctl kernel.seccomp.actions_logged)" },

	{ "launch", "cap-sys-admin", "CAP_SYS_ADMIN", gate_probe_cap, CAP_SYS_ADMIN, "a filter without no_new_privs",
	  "callgate run sets no_new_privs: set-user-ID programs gain nothing" },
	{ "launch", "cap-setpcap", "CAP_SETPCAP", gate_probe_cap, CAP_SETPCAP, "reducing the bounding set",
	  "callgate run sets no_new_privs to keep capabilities out" },
	{ "launch", "clone3", "clone3 with a pidfd", gate_probe_clone3, 0, "starting programs",
	  "the older clone is used" },
	{ "launch", "self", "callgate runs without a filter", gate_probe_self, 0,
	  "giving a program exactly its own filter", "the filters of callgate hold for what it runs, too" },

	{ "limits", "cgroup", "control groups", gate_probe_cgroup, 0, "limits for tasks", "tasks have no limits" },
	{ "limits", "cgroup-memory", "memory", gate_probe_cgroup_limit, GATE_CGROUP_MEMORY, "--memory",
	  "a task with that limit is refused" },
	{ "limits", "cgroup-cpu", "cpu", gate_probe_cgroup_limit, GATE_CGROUP_CPU, "--cpus, --cpu-shares",
	  "a task with such a limit is refused" },
	{ "limits", "cgroup-pids", "pids", gate_probe_cgroup_limit, GATE_CGROUP_PIDS, "--pids-limit",
	  "a task with that limit is refused" },
	{ "limits", "cgroup-devices", "devices", gate_probe_cgroup_limit, GATE_CGROUP_DEVICES,
	  "refusing devices that are not a task's", "such devices are refused only by not being in its /dev" },
	{ "limits", "cgroup-end", "cgroup.kill or freezer", gate_probe_cgroup_limit, GATE_CGROUP_FREEZER,
	  "ending all processes of a task that has no pid namespace", "only its first process is ended" },

	{ "analysis", "filter-read", "PTRACE_SECCOMP_GET_FILTER", gate_probe_filter_read, 0, "the source pid:N",
	  "filters of living processes cannot be read" },

	{ "host", "bpf-jit", "net.core.bpf_jit_enable", gate_probe_jit, 0, "filters at machine speed",
	  "every filtered call is interpreted, several times slower" },
	{ "host", "bpf-jit-harden", "net.core.bpf_jit_harden", gate_probe_jit, 1,
	  "constants hidden in compiled filters", "nothing: filters are somewhat faster" },
	{ "host", "ia32", "32-bit x86 calls", gate_probe_abi, GATE_ARCH_X86, "programs built for i386",
	  "such programs do not run; a profile may leave SCMP_ARCH_X86 out" },
	{ "host", "x32", "x32 calls", gate_probe_abi, GATE_ARCH_X32, "programs built for x32",
	  "such calls give ENOSYS, but reach the filter all the same" },
	{ "host", "btf", "BTF of the kernel", gate_probe_btf, 0, "recording calls with eBPF",
	  "recording uses audit records" },
};

size_t gate_host_count(void)
{
	return GATE_ARRAY_LEN(rows);
}

void gate_host_ask(size_t i, struct gate_host_fact *ret)
{
	GATE_CHECK(i < GATE_ARRAY_LEN(rows));
	const struct row *row = &rows[i];
	struct gate_host_fact fact = { .group = row->group,
		                       .id = row->id,
		                       .name = row->name,
		                       .needed_for = row->needed_for,
		                       .without = row->without };

	fact.state = row->probe(row->arg, (struct gate_host_text){ fact.value, sizeof(fact.value) });
	*ret = fact;
}

const char *gate_host_state_name(enum gate_host_state state)
{
	return state == GATE_HOST_YES ? "yes" : state == GATE_HOST_NO ? "no" : "unknown";
}
