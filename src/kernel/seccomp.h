/* seccomp.h - seccomp(2): load a program, and ask what this kernel has. Nothing allocates. Thread-safe. */
#ifndef GATE_KERNEL_SECCOMP_H
#define GATE_KERNEL_SECCOMP_H

#include <callgate/bpf.h>

#include "base/base.h"

/* include/uapi/linux/seccomp.h, with the release that each came with. Debian's headers may be older than the
 * kernel, so the numbers are written here. */
#define GATE_SECCOMP_TSYNC         (1UL << 0) /* 3.17 */
#define GATE_SECCOMP_LOG           (1UL << 1) /* 4.14 */
#define GATE_SECCOMP_SPEC_ALLOW    (1UL << 2) /* 4.17 */
#define GATE_SECCOMP_NEW_LISTENER  (1UL << 3) /* 5.0 */
#define GATE_SECCOMP_TSYNC_ESRCH   (1UL << 4) /* 5.7 */
#define GATE_SECCOMP_WAIT_KILLABLE (1UL << 5) /* 5.19, only together with NEW_LISTENER */

/* Loads a program into the calling thread (with TSYNC: all threads of the process). Needs no_new_privs or
 * CAP_SYS_ADMIN. On success *ret (may be NULL) is what the kernel returned: the listener with NEW_LISTENER, else 0.
 * A thread that TSYNC could not reach is an error. */
int gate_seccomp_load(const struct gate_insn *insns, size_t len, unsigned long flags, int *ret, struct gate_err *err);

/* Does the kernel know this action (GATE_RET_…, without data)? -1 when it cannot be asked (before 4.14). */
int gate_seccomp_has_action(uint32_t action);
/* Does the kernel know this flag? Nothing is loaded. -1 when it cannot be asked. */
int gate_seccomp_has_flag(unsigned long flag);
/* Sizes of seccomp_notif, seccomp_notif_resp, seccomp_data (5.0). */
struct gate_notif_sizes {
	uint16_t notif, resp, data;
};
int gate_seccomp_notif_sizes(struct gate_notif_sizes *ret);
/* Is `word` ("errno", "user_notif", …) in /proc/sys/kernel/seccomp/actions_logged? -1 when it cannot be read. */
int gate_seccomp_logs(const char *word);

#endif
