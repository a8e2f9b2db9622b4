/* map.h - texts to pointers. Keys are borrowed: they live as long as what they name. */
#ifndef GATE_AGENT_MAP_H
#define GATE_AGENT_MAP_H

#include "base/base.h"

struct gate_map_slot {
	const char *key; /* NULL: free */
	void *value;
};
struct gate_map {
	struct gate_map_slot *slots;
	size_t n, size; /* a power of two */
};
int gate_map_put(struct gate_map *m, const char *key, void *value); /* -1: memory is gone */
void *gate_map_get(const struct gate_map *m, const char *key);      /* NULL: not there */
void gate_map_drop(struct gate_map *m, const char *key);
void gate_map_done(struct gate_map *m); /* empty again */

#endif
