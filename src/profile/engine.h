/* engine.h - rules as libseccomp receives them. Within this layer. */
#ifndef GATE_PROFILE_ENGINE_H
#define GATE_PROFILE_ENGINE_H

#include "profile/build.h"
#include "profile/scmp_tree.h"

/* Is this call socketcall(2) or ipc(2)? */
bool gate_mux_number(enum gate_arch arch, const struct gate_syscall *sc);
/* All rules that libseccomp keeps for one number, merged as it merges them. */
int gate_engine_rules(struct gate_build *b, const struct gate_arch_info *arch, const struct gate_syscall *sc,
                      struct gate_list *ret);

#endif
