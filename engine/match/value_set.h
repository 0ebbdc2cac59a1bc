/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Constant sets of texts: the lists of in and of "= anyof". Built by the compiler into the
 * program's arena, probed once per check; the hash of the text is computed by the caller, once per
 * value and event.
 */
#ifndef TIERCEL_VALUE_SET_H
#define TIERCEL_VALUE_SET_H

#include "engine/field/value.h"

struct value_set {
	const struct value *v;		/* the elements, the caller's */
	const struct value_slot {
		uint32_t hash;		/* upper half */
		uint32_t number;	/* of the element, from 1 on; 0: free */
	} *slots;
	uint32_t mask;
	uint64_t lens;			/* bit min(len, 63) of every element */
};

/* The values must stay. NULL: out of memory, or not all of them are texts. */
struct value_set *value_set_new(struct arena *a, const struct value *v, uint32_t n);
bool value_set_find(const struct value_set *set, struct str s, uint64_t hash);

static inline bool value_set_may_have(const struct value_set *set, uint32_t len)
{
	return set->lens >> MIN(len, 63U) & 1;
}

#endif
