/* arena.h - memory that is freed all at once.
 * For trees of parsed things: allocate many, free with gate_arena_done. Not thread-safe per arena. */
#ifndef GATE_BASE_ARENA_H
#define GATE_BASE_ARENA_H

#include "base/base.h"

struct gate_arena_block;
struct gate_arena {
	struct gate_arena_block *blocks;
	size_t used;  /* bytes used in the newest block */
	size_t total; /* bytes taken from malloc */
	size_t limit; /* most bytes that `total` may reach; 0 = no limit */
	bool full;    /* the limit refused something: not memory, but the input is to blame */
};
#define GATE_ARENA_INIT                                                                                                \
	{                                                                                                              \
		NULL, 0, 0, 0, false                                                                                   \
	}

/* Zeroed memory aligned for any type, or NULL when memory is gone or the limit reached. size 0 gives a valid
 * unique pointer. */
void *gate_arena_alloc(struct gate_arena *a, size_t size);
/* The same for `n` elements of `size` bytes, NULL on overflow too. */
void *gate_arena_array(struct gate_arena *a, size_t n, size_t size);
/* A NUL-terminated copy of `len` bytes. */
char *gate_arena_text(struct gate_arena *a, const char *s, size_t len);
void gate_arena_done(struct gate_arena *a);

#define GATE_NEW(arena, type)     ((type *)gate_arena_alloc((arena), sizeof(type)))
#define GATE_NEWS(arena, type, n) ((type *)gate_arena_array((arena), (n), sizeof(type)))

#endif
