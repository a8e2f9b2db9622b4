#include "base/arena.h"

#define BLOCK_MIN 16384u

struct gate_arena_block {
	struct gate_arena_block *next;
	size_t size;
	_Alignas(max_align_t) unsigned char bytes[];
};

void *gate_arena_alloc(struct gate_arena *a, size_t size)
{
	const size_t align = _Alignof(max_align_t);

	if (size == 0)
		size = 1;
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + align - 1) & ~(align - 1);
	if (a->blocks == NULL || a->blocks->size - a->used < size) {
		/* Blocks double, so that a large tree costs few calls of malloc. */
		size_t want = a->blocks == NULL ? BLOCK_MIN : a->blocks->size * 2;
		struct gate_arena_block *block;

		if (want > (1u << 20))
			want = 1u << 20;
		if (want < size)
			want = size;
		if (a->limit != 0 && (a->total > a->limit || want > a->limit - a->total)) {
			a->full = true;
			return NULL;
		}
		block = malloc(sizeof(*block) + want);
		if (block == NULL)
			return NULL;
		block->next = a->blocks;
		block->size = want;
		a->blocks = block;
		a->used = 0;
		a->total += want;
	}
	void *p = a->blocks->bytes + a->used;
	a->used += size;
	memset(p, 0, size);
	return p;
}

void *gate_arena_array(struct gate_arena *a, size_t n, size_t size)
{
	size_t total;

	if (__builtin_mul_overflow(n, size, &total))
		return NULL;
	return gate_arena_alloc(a, total);
}

char *gate_arena_text(struct gate_arena *a, const char *s, size_t len)
{
	char *p = len == SIZE_MAX ? NULL : gate_arena_alloc(a, len + 1);

	if (p != NULL && len != 0)
		memcpy(p, s, len);
	return p;
}

void gate_arena_done(struct gate_arena *a)
{
	while (a->blocks != NULL) {
		struct gate_arena_block *next = a->blocks->next;

		free(a->blocks);
		a->blocks = next;
	}
	a->used = a->total = 0;
	a->full = false;
}
