#include "agent/map.h"

static size_t place(const struct gate_map *m, const char *key)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a; the keys are ours, and as many as there are tasks */

	for (const char *s = key; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ h >> 32) & (m->size - 1);
}

static struct gate_map_slot *find(const struct gate_map *m, const char *key)
{
	size_t i = place(m, key);

	while (m->slots[i].key != NULL && strcmp(m->slots[i].key, key) != 0)
		i = (i + 1) & (m->size - 1);
	return &m->slots[i];
}

static int grow(struct gate_map *m)
{
	struct gate_map bigger = { .size = m->size == 0 ? 64 : m->size * 2, .n = m->n };

	bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -1;
	for (size_t i = 0; i < m->size; i++)
		if (m->slots[i].key != NULL)
			*find(&bigger, m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
}

int gate_map_put(struct gate_map *m, const char *key, void *value)
{
	if ((m->n + 1) * 2 > m->size && grow(m) < 0)
		return -1;
	struct gate_map_slot *s = find(m, key);

	m->n += s->key == NULL;
	*s = (struct gate_map_slot){ key, value };
	return 0;
}

void *gate_map_get(const struct gate_map *m, const char *key)
{
	return m->size == 0 ? NULL : find(m, key)->value;
}

/* Those behind it that would not be found any more move up. */
void gate_map_drop(struct gate_map *m, const char *key)
{
	struct gate_map_slot *gap = m->size == 0 ? NULL : find(m, key);

	if (gap == NULL || gap->key == NULL)
		return;
	*gap = (struct gate_map_slot){ NULL, NULL };
	m->n--;
	for (size_t i = (size_t)(gap - m->slots + 1) & (m->size - 1); m->slots[i].key != NULL;
	     i = (i + 1) & (m->size - 1)) {
		struct gate_map_slot moved = m->slots[i];

		m->slots[i] = (struct gate_map_slot){ NULL, NULL };
		*find(m, moved.key) = moved;
	}
}

void gate_map_done(struct gate_map *m)
{
	free(m->slots);
	*m = (struct gate_map){ NULL, 0, 0 };
}
