/* probe.h - the live kernel as witness: what does it do on a call under this program?
 *
 * No call is carried out. An older, outer filter answers every probing call with an errno that no kernel uses, and
 * the strictest answer wins; so what the tested program lets pass comes back as that errno, and what it refuses with
 * an errno wins as the newer of two equals. Traps are caught, kills are survived: the probing thread lives in a process
 * of its own, whose first thread is under no filter and starts another when one is killed.
 * x86_64 only: calls of x86_64, x32 (bit 30 of the number) and x86 (by int 0x80). */
#ifndef GATE_TESTS_LIVE_PROBE_H
#define GATE_TESTS_LIVE_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <callgate/bpf.h>

/* Why probing is not possible on this host (to be printed by a test that skips), or NULL. */
const char *probe_unable(void);
/* Can the call be made here at all: an architecture of the above, arguments of x86 within 32 bits? */
bool probe_can(const struct gate_data *call);

/* What the probe sees of an action: ERRNO, TRAP, KILL_THREAD and KILL_PROCESS as they are (normal form); whatever is
 * less strict (NOTIFY, TRACE, LOG, ALLOW) as GATE_RET_ALLOW. (A value that is no action kills the process, but in the
 * kernel's order of filters it ranks by its number, mostly below ERRNO: then it is seen as GATE_RET_ALLOW, too.) */
uint32_t probe_sees(uint32_t ret);

/* Loads `insns` in a child and makes all calls under it; verdicts[i] gets what was seen for calls[i], in the form of
 * probe_sees. The instruction pointer of a call cannot be chosen and is ignored. 0, or -1 with a sentence in `why`
 * (a program that the kernel refuses, a call that probe_can refuses, a child that died of something else).
 * About 2 us for a call, 100 us for a killed thread, 1 ms for a killed process. */
int probe_calls(const struct gate_insn *insns, size_t len, const struct gate_data *calls, size_t n,
                uint32_t *verdicts, char why[160]);

#endif
