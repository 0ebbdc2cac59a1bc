/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constant sets of texts, see value_set.h. Open addressing at a load of at most a half.
 */
#include "engine/match/value_set.h"
#include "engine/base/map.h"

static void insert(struct str *slots, uint64_t *hashes, uint32_t mask, struct str s)
{
	uint64_t hash = hash_str(s);
	uint32_t i = (uint32_t)hash & mask;

	while (slots[i].p) {
		if (hashes[i] == hash && str_eq(slots[i], s))
			return;
		i = (i + 1) & mask;
	}
	slots[i] = (struct str){ s.p ? s.p : "", s.len };
	hashes[i] = hash;
}

struct value_set *value_set_new(struct arena *a, const struct value *v, uint32_t n)
{
	struct value_set *set = arena_new(a, struct value_set);
	uint32_t cap = 4;
	struct str *slots;
	uint64_t *hashes;

	while (cap < n * 2ULL && cap < 1U << 31)
		cap *= 2;
	slots = arena_zalloc(a, (size_t)cap * sizeof(*slots));
	hashes = arena_zalloc(a, (size_t)cap * sizeof(*hashes));
	if (!set || !slots || !hashes)
		return NULL;
	*set = (struct value_set){ slots, hashes, cap - 1, 0 };
	for (uint32_t i = 0; i < n; i++) {
		enum value_class vc = value_class_of(v[i].type);

		if (vc != VC_STRING && vc != VC_BYTES)
			return NULL;
		insert(slots, hashes, set->mask, v[i].s);
		set->lens |= 1ULL << MIN(v[i].s.len, 63U);
	}
	return set;
}

bool value_set_find(const struct value_set *set, struct str s, uint64_t hash)
{
	for (uint32_t i = (uint32_t)hash & set->mask; set->slots[i].p; i = (i + 1) & set->mask)
		if (set->hashes[i] == hash && str_eq(set->slots[i], s))
			return true;
	return false;
}
