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

void u64map_done(struct u64map *m)
{
	free(m->slots);
	*m = (struct u64map){ 0 };
}

static int u64map_grow(struct u64map *m)
{
	uint32_t cap = m->mask ? (m->mask + 1) * 2 : MAP_MIN;
	struct u64map bigger = { .mask = cap - 1, .count = m->count };

	bigger.slots = calloc(cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; m->mask && i <= m->mask; i++)
		if (m->slots[i].value)
			*u64map_find(&bigger, m->slots[i].key) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
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
	struct u64map_slot *slot;
	uint32_t hole, at;
	void *old;

	if (!m->mask)
		return NULL;
	slot = u64map_find(m, key);
	old = slot->value;
	if (!old)
		return NULL;
	hole = (uint32_t)(slot - m->slots);
	for (at = (hole + 1) & m->mask; m->slots[at].value; at = (at + 1) & m->mask) {
		if (stays(hole, (uint32_t)hash_u64(m->slots[at].key) & m->mask, at))
			continue;
		m->slots[hole] = m->slots[at];
		hole = at;
	}
	m->slots[hole].value = NULL;
	m->count--;
	return old;
}

bool u64map_next(const struct u64map *m, uint32_t *pos, uint64_t *ret_key, void **ret_value)
{
	for (; m->mask && *pos <= m->mask; (*pos)++) {
		if (!m->slots[*pos].value)
			continue;
		*ret_key = m->slots[*pos].key;
		*ret_value = m->slots[*pos].value;
		(*pos)++;
		return true;
	}
	return false;
}

void strmap_done(struct strmap *m)
{
	free(m->slots);
	*m = (struct strmap){ 0 };
}

static struct strmap_slot *strmap_find(const struct strmap *m, struct str key, uint64_t hash)
{
	uint32_t i = (uint32_t)hash & m->mask;

	while (m->slots[i].value && !(m->slots[i].hash == hash && str_eq(m->slots[i].key, key)))
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

void *strmap_get(const struct strmap *m, struct str key)
{
	return m->mask ? strmap_find(m, key, hash_str(key))->value : NULL;
}

static int strmap_grow(struct strmap *m)
{
	uint32_t cap = m->mask ? (m->mask + 1) * 2 : MAP_MIN;
	struct strmap bigger = { .mask = cap - 1, .count = m->count };

	bigger.slots = calloc(cap, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; m->mask && i <= m->mask; i++)
		if (m->slots[i].value)
			*strmap_find(&bigger, m->slots[i].key, m->slots[i].hash) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return 0;
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
	struct strmap_slot *slot;
	uint32_t hole, at;
	void *old;

	if (!m->mask)
		return NULL;
	slot = strmap_find(m, key, hash_str(key));
	old = slot->value;
	if (!old)
		return NULL;
	hole = (uint32_t)(slot - m->slots);
	for (at = (hole + 1) & m->mask; m->slots[at].value; at = (at + 1) & m->mask) {
		if (stays(hole, (uint32_t)m->slots[at].hash & m->mask, at))
			continue;
		m->slots[hole] = m->slots[at];
		hole = at;
	}
	m->slots[hole].value = NULL;
	m->count--;
	return old;
}

bool strmap_next(const struct strmap *m, uint32_t *pos, struct str *ret_key, void **ret_value)
{
	for (; m->mask && *pos <= m->mask; (*pos)++) {
		if (!m->slots[*pos].value)
			continue;
		*ret_key = m->slots[*pos].key;
		*ret_value = m->slots[*pos].value;
		(*pos)++;
		return true;
	}
	return false;
}
