/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of bits in 64-bit words: rules of a list that are alive, results of checks. The owner knows
 * how many words there are.
 */
#ifndef TIERCEL_MASK_H
#define TIERCEL_MASK_H

#include "engine/base/base.h"

static inline bool mask_has(const uint64_t *bits, uint32_t bit)
{
	return bits[bit / 64] >> (bit % 64) & 1;
}

static inline void mask_set(uint64_t *bits, uint32_t bit)
{
	bits[bit / 64] |= 1ULL << (bit % 64);
}

/* True when something is left. */
static inline bool mask_and(uint64_t *live, const uint64_t *mask, uint32_t words)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < words; i++)
		any |= live[i] &= mask[i];
	return any;
}

static inline void mask_copy(uint64_t *live, const uint64_t *mask, uint32_t words)
{
	/* One word in nearly all rule sets: no call. */
	live[0] = mask[0];
	for (uint32_t i = 1; i < words; i++)
		live[i] = mask[i];
}

/* The first n bits. */
static inline void mask_fill(uint64_t *live, uint32_t n, uint32_t words)
{
	memset(live, 0xff, words * sizeof(*live));
	if (n % 64)
		live[words - 1] = (1ULL << (n % 64)) - 1;
}

static inline bool mask_any(const uint64_t *live, const uint64_t *mask, uint32_t words)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < words; i++)
		any |= live[i] & mask[i];
	return any;
}

#endif
