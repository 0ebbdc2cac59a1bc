/* SPDX-License-Identifier: Apache-2.0 */
/*
 * u64map and strmap. Linear probing at a load of at most 3/4; deletion shifts the following run
 * back, so look-ups never meet tombstones. The owner frees with *_done(); values are not owned.
 */
#include "engine/base/map.h"

enum { MAP_MIN = 16 };

static bool needs_growth(uint32_t count, uint32_t mask)
{
	return mask == 0 || (uint64_t)(count + 1) * 4 > (uint64_t)(mask + 1) * 3;
}

/* Is `at` inside the cyclic interval (hole, home]? Then the entry at `at` must stay. */
static bool stays(uint32_t hole, uint32_t home, uint32_t at)
{
	return hole <= at ? (hole < home && home <= at) : (hole < home || home <= at);
}

/*
 * What both maps do alike: NAME_done(), NAME_resize(), NAME_unlink() of the entry in a slot.
 * HASH(slot) is the hash of its key, FIND(map, slot) the slot where its key belongs.
 */
#define MAP_OF(NAME, HASH, FIND)                                                              \
	void NAME##_done(struct NAME *m)                                                      \
	{                                                                                     \
		free(m->slots);                                                               \
		*m = (struct NAME){ 0 };                                                      \
	}                                                                                     \
                                                                                              \
	static int NAME##_resize(struct NAME *m, uint32_t cap)                        \
	{                                                                             \
		struct NAME bigger = { .mask = cap - 1, .count = m->count };          \
                                                                                      \
		bigger.slots = calloc(cap, sizeof(*bigger.slots));                    \
		if (!bigger.slots)                                                    \
			return -ENOMEM;                                               \
		for (uint32_t i = 0; m->mask && i <= m->mask; i++)                    \
			if (m->slots[i].value)                                        \
				*FIND(&bigger, &m->slots[i]) = m->slots[i];           \
		free(m->slots);                                                       \
		*m = bigger;                                                          \
		return 0;                                                             \
	}                                                                             \
                                                                                      \
	static int NAME##_grow(struct NAME *m)                                        \
	{                                                                             \
		return NAME##_resize(m, m->mask ? (m->mask + 1) * 2 : MAP_MIN);       \
	}                                                                             \
                                                                                      \
	static void *NAME##_unlink(struct NAME *m, struct NAME##_slot *slot)                  \
	{                                                                                     \
		uint32_t hole = (uint32_t)(slot - m->slots), at = hole;                       \
		void *old = slot->value;                                                      \
                                                                                              \
		if (!old)                                                                     \
			return NULL;                                                          \
		while (m->slots[at = (at + 1) & m->mask].value) {                             \
			if (stays(hole, (uint32_t)HASH(&m->slots[at]) & m->mask, at))         \
				continue;                                                     \
			m->slots[hole] = m->slots[at];                                        \
			hole = at;                                                            \
		}                                                                             \
		m->slots[hole].value = NULL;                                                  \
		m->count--;                                                                   \
		return old;                                                                   \
	}                                                                                     \
                                                                                              \
	static struct NAME##_slot *NAME##_used(const struct NAME *m, uint32_t *pos)           \
	{                                                                                     \
		while (m->mask && *pos <= m->mask) {                                          \
			struct NAME##_slot *slot = &m->slots[(*pos)++];                       \
                                                                                              \
			if (slot->value)                                                      \
				return slot;                                                  \
		}                                                                             \
		return NULL;                                                                  \
	}

/* ---- u64map -------------------------------------------------------------------------------- */

#define U64_HASH(slot) hash_u64((slot)->key)
#define U64_FIND(m, slot) u64map_find(m, (slot)->key)
MAP_OF(u64map, U64_HASH, U64_FIND)

int u64map_reserve(struct u64map *m, uint32_t n)
{
	uint32_t cap = MAP_MIN;

	while (needs_growth(n, cap - 1) && cap < 1U << 31)
		cap *= 2;
	return cap - 1 > m->mask ? u64map_resize(m, cap) : 0;
}

int u64map_put(struct u64map *m, uint64_t key, void *value)
{
	struct u64map_slot *slot;

	if (needs_growth(m->count, m->mask) && u64map_grow(m) < 0)
		return -ENOMEM;
	slot = u64map_find(m, key);
	if (!slot->value)
		m->count++;
	*slot = (struct u64map_slot){ key, value };
	return 0;
}

void *u64map_remove(struct u64map *m, uint64_t key)
{
	return m->mask ? u64map_unlink(m, u64map_find(m, key)) : NULL;
}

bool u64map_next(const struct u64map *m, uint32_t *pos, uint64_t *ret_key, void **ret_value)
{
	const struct u64map_slot *slot = u64map_used(m, pos);

	if (!slot)
		return false;
	*ret_key = slot->key;
	*ret_value = slot->value;
	return true;
}

/* ---- strmap -------------------------------------------------------------------------------- */

static struct strmap_slot *strmap_find(const struct strmap *m, struct str key, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & m->mask;

	while (m->slots[i].value && !(m->slots[i].hash == hash && str_eq(m->slots[i].key, key)))
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

#define STR_HASH(slot) ((slot)->hash)
#define STR_FIND(m, slot) strmap_find(m, (slot)->key, (slot)->hash)
MAP_OF(strmap, STR_HASH, STR_FIND)

void *strmap_get(const struct strmap *m, struct str key)
{
	return m->mask ? strmap_find(m, key, hash_str(key))->value : NULL;
}

int strmap_put(struct strmap *m, struct str key, void *value)
{
	uint64_t hash = hash_str(key);
	struct strmap_slot *slot;

	if (needs_growth(m->count, m->mask) && strmap_grow(m) < 0)
		return -ENOMEM;
	slot = strmap_find(m, key, hash);
	if (!slot->value)
		m->count++;
	*slot = (struct strmap_slot){ key, hash, value };
	return 0;
}

void *strmap_remove(struct strmap *m, struct str key)
{
	return m->mask ? strmap_unlink(m, strmap_find(m, key, hash_str(key))) : NULL;
}

bool strmap_next(const struct strmap *m, uint32_t *pos, struct str *ret_key, void **ret_value)
{
	const struct strmap_slot *slot = strmap_used(m, pos);

	if (!slot)
		return false;
	*ret_key = slot->key;
	*ret_value = slot->value;
	return true;
}
