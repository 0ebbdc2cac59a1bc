/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash function of texts: multiply-and-fold over pairs of 8-byte words. Not cryptographic: tables
 * that an attacker can fill have budgets, and probing is bounded by their load factor.
 */
#include "engine/base/map.h"

/* The last bytes of a text of less than 16, as two words. */
static void load_short(const unsigned char *p, size_t n, uint64_t *ret_a, uint64_t *ret_b)
{
	if (n >= 8) {
		*ret_a = load_u64(p);
		*ret_b = load_u64(p + n - 8);
	} else if (n >= 4) {
		*ret_a = load_u32(p);
		*ret_b = load_u32(p + n - 4);
	} else if (n) {
		*ret_a = (uint64_t)p[0] << 16 | (uint64_t)p[n / 2] << 8 | p[n - 1];
		*ret_b = 0;
	} else {
		*ret_a = *ret_b = 0;
	}
}

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
	const unsigned char *at = p;
	uint64_t h = seed ^ (n * HASH_K1), a, b;
	size_t left = n;

	for (; left > 16; left -= 16, at += 16)
		h = hash_fold(load_u64(at) ^ h, load_u64(at + 8) ^ HASH_K2);
	if (n >= 16) {
		/* Once more the last 16, whatever of them is done. */
		at = (const unsigned char *)p + n - 16;
		a = load_u64(at);
		b = load_u64(at + 8);
	} else {
		load_short(at, n, &a, &b);
	}
	h = hash_fold(a ^ h, b ^ HASH_K2);
	return hash_fold(h ^ HASH_K1, HASH_K0);
}
