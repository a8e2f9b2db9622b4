/* callgate/facts.h - what a profile is resolved for: a host as data. */
#ifndef CALLGATE_FACTS_H
#define CALLGATE_FACTS_H

#include <callgate/abi.h>
#include <callgate/error.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct gate_facts {
	enum gate_arch arch; /* the native ABI */
	/* The ABIs to cover instead of those that the source says; the native one is always covered. n 0: as it says. */
	enum gate_arch arches[GATE_ARCH_MAX];
	size_t n_arches;
	uint64_t caps;           /* the task's bounding set */
	struct gate_kver kernel; /* for minKernel */
};

/* The running host: its ABI, Docker's capabilities, its kernel's release. */
int gate_facts_host(struct gate_facts *ret, struct gate_err *err);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
