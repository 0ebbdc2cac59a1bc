/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constant sets of texts, see value_set.h. Open addressing at a load of at most a half.
 */
#include "engine/match/value_set.h"
#include "engine/base/map.h"

/* The place of the text, or where it belongs. */
static const struct value_slot *find(const struct value_set *set, struct str s, uint64_t hash)
{
	const struct value_slot *slot;

	for (uint32_t i = (uint32_t)hash;; i++) {
		slot = &set->slots[i & set->mask];
		if (!slot->number ||
		    (slot->hash == hash >> 32 && str_eq(set->v[slot->number - 1].s, s)))
			return slot;
	}
}

struct value_set *value_set_new(struct arena *a, const struct value *v, uint32_t n)
{
	struct value_set *set = arena_new(a, struct value_set);
	struct value_slot *slots;
	uint32_t cap = 4;

	while (cap < n * 2ULL && cap < 1U << 31)
		cap *= 2;
	slots = arena_array(a, cap, sizeof(*slots));
	if (!set || !slots)
		return NULL;
	*set = (struct value_set){ v, slots, cap - 1, 0 };
	for (uint32_t i = 0; i < n; i++) {
		enum value_class vc = value_class_of(v[i].type);
		uint64_t hash = hash_str(v[i].s);
		const struct value_slot *slot;

		if (vc != VC_STRING && vc != VC_BYTES)
			return NULL;
		slot = find(set, v[i].s, hash);
		if (!slot->number)
			slots[slot - slots] = (struct value_slot){ (uint32_t)(hash >> 32), i + 1 };
		set->lens |= 1ULL << MIN(v[i].s.len, 63U);
	}
	return set;
}

bool value_set_find(const struct value_set *set, struct str s, uint64_t hash)
{
	return find(set, s, hash)->number;
}
