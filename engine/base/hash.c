/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hash functions of the tables: multiply-and-fold over 8-byte words. Not cryptographic: tables
 * that an attacker can fill have budgets, and probing is bounded by their load factor.
 */
#include "engine/base/map.h"

#define HASH_K0 0x9e3779b97f4a7c15ull
#define HASH_K1 0xd6e8feb86659fd93ull

static uint64_t fold_mul(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)a * b;

	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

uint64_t hash_u64(uint64_t key)
{
	return fold_mul(key ^ HASH_K1, HASH_K0);
}

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
	const unsigned char *at = p;
	uint64_t h = seed ^ (n * HASH_K1);
	uint64_t tail = 0;

	for (; n >= 8; n -= 8, at += 8)
		h = fold_mul(h ^ load_u64(at), HASH_K0);
	if (n)
		memcpy(&tail, at, n);
	h = fold_mul(h ^ tail ^ HASH_K1, HASH_K0);
	return h ^ (h >> 29);
}
