/* facts.h - what a host decides about a profile: covered ABIs, entries in force. Within this layer. */
#ifndef GATE_PROFILE_FACTS_H
#define GATE_PROFILE_FACTS_H

#include <callgate/facts.h>

#include "profile/dialect.h"

/* Whether includes and excludes let the entry stand. `empty_counts`: an empty includes.arches matches no host (Mesos);
 * elsewhere it is no condition. */
bool gate_entry_in_force(const struct gate_entry *e, const struct gate_facts *facts, bool empty_counts);

/* The ABIs that the filter covers, the native one first, each once. */
struct gate_cover {
	enum gate_arch arches[GATE_ARCH_MAX];
	size_t n;
	bool has[GATE_ARCH_MAX];
};
void gate_cover_of(const struct gate_profile *p, const struct gate_facts *facts, struct gate_cover *ret);

/* The SECCOMP_FILTER_FLAG_* that loading this file sets. */
uint32_t gate_filter_flags(const struct gate_profile *p);

#endif
