/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash tables. Open addressing, linear probing, backward-shift deletion (no tombstones), seeded
 * 64-bit mixing. u64map maps 64-bit keys to pointers; strmap maps string views to pointers and
 * borrows the key bytes: they must live as long as the entry. Values are never NULL.
 */
#ifndef TIERCEL_MAP_H
#define TIERCEL_MAP_H

#include "engine/base/str.h"

#define HASH_K0 0x9e3779b97f4a7c15ull
#define HASH_K1 0xd6e8feb86659fd93ull
#define HASH_K2 0xbb67ae8584caa73bull

static inline uint64_t hash_fold(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t hash_u64(uint64_t key)
{
	return hash_fold(key ^ HASH_K1, HASH_K0);
}

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed);
static inline uint64_t hash_str(struct str s)
{
	return hash_bytes(s.p, s.len, 0);
}

struct u64map_slot {
	uint64_t key;
	void *value;
};

struct u64map {
	struct u64map_slot *slots;
	uint32_t mask;	/* capacity - 1; 0 = no table yet */
	uint32_t count;
};

void u64map_done(struct u64map *m);
/* For a caller who knows the hash_u64() of the key. */
static inline struct u64map_slot *u64map_find_hashed(const struct u64map *m, uint64_t key,
						     uint64_t hash)
{
	uint32_t i = (uint32_t)hash & m->mask;

	while (m->slots[i].value && m->slots[i].key != key)
		i = (i + 1) & m->mask;
	return &m->slots[i];
}

static inline struct u64map_slot *u64map_find(const struct u64map *m, uint64_t key)
{
	return u64map_find_hashed(m, key, hash_u64(key));
}

static inline void *u64map_get(const struct u64map *m, uint64_t key)
{
	return m->mask ? u64map_find(m, key)->value : NULL;
}
/* Room for n entries, so that it does not have to grow on the way there. 0 or -ENOMEM. */
int u64map_reserve(struct u64map *m, uint32_t n);
int u64map_put(struct u64map *m, uint64_t key, void *value);	/* replaces; 0 or -ENOMEM */
void *u64map_remove(struct u64map *m, uint64_t key);		/* old value or NULL */
/* Iterate: *pos starts at 0. Not stable against changes of the map. */
bool u64map_next(const struct u64map *m, uint32_t *pos, uint64_t *ret_key, void **ret_value);

struct strmap_slot {
	struct str key;
	uint64_t hash;
	void *value;
};

struct strmap {
	struct strmap_slot *slots;
	uint32_t mask;
	uint32_t count;
};

void strmap_done(struct strmap *m);
void *strmap_get(const struct strmap *m, struct str key);
int strmap_put(struct strmap *m, struct str key, void *value);
void *strmap_remove(struct strmap *m, struct str key);
bool strmap_next(const struct strmap *m, uint32_t *pos, struct str *ret_key, void **ret_value);

#endif
