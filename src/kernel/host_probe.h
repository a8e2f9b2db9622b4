/* host_probe.h - the questions behind include/callgate/host.h; each fills `value` and gives the state. */
#ifndef GATE_KERNEL_HOST_PROBE_H
#define GATE_KERNEL_HOST_PROBE_H

#include <callgate/host.h>

#include "base/base.h"

struct gate_host_text {
	char *text;
	size_t size;
};
typedef enum gate_host_state gate_probe_fn(unsigned long arg, struct gate_host_text value);

gate_probe_fn gate_probe_action; /* arg: GATE_RET_… */
gate_probe_fn gate_probe_flag;   /* arg: GATE_SECCOMP_… */
gate_probe_fn gate_probe_notif_sizes;
gate_probe_fn gate_probe_notif_ioctl; /* arg: GATE_NOTIF_… */
gate_probe_fn gate_probe_pidfd_getfd;
gate_probe_fn gate_probe_audit; /* arg: GATE_AUDIT_ASK_… */
gate_probe_fn gate_probe_logged;
gate_probe_fn gate_probe_jit; /* arg: 0 enabled, 1 hardened */
gate_probe_fn gate_probe_cgroup;
gate_probe_fn gate_probe_cgroup_limit; /* arg: GATE_CGROUP_… of task/plan.h */
gate_probe_fn gate_probe_btf;
gate_probe_fn gate_probe_abi; /* arg: GATE_ARCH_X86, GATE_ARCH_X32 */
gate_probe_fn gate_probe_cap; /* arg: CAP_… */
gate_probe_fn gate_probe_filter_read;
gate_probe_fn gate_probe_clone3;
gate_probe_fn gate_probe_self;

enum { GATE_NOTIF_ADDFD = 1, GATE_NOTIF_ADDFD_SEND = 2, GATE_NOTIF_SYNC_WAKE_UP = 4, GATE_NOTIF_LISTENER = 8 };
enum { GATE_AUDIT_ASK_GROUP, GATE_AUDIT_ASK_LOST, GATE_AUDIT_ASK_FENCE };

#endif
