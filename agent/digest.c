/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHA-256 (FIPS 180-4) of artifacts and rule files. Code of our own, since every start makes digests
 * of its rules and libcrypto would cost it 3.4 MB of memory for nothing else.
 */
#include "agent/digest.h"

enum { BLOCK = 64, ROUNDS = 64, WORDS = 8, LENGTH_BYTES = 8 };

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
static const uint32_t k[ROUNDS] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t v, unsigned n)
{
	return v >> n | v << (32 - n);
}

static uint32_t load_be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t mix(uint32_t v, unsigned a, unsigned b, unsigned c)
{
	return rotate(v, a) ^ rotate(v, b) ^ rotate(v, c);
}

/* Names as in the standard. */
static void add_block(uint32_t h[WORDS], const uint8_t *block)
{
	uint32_t w[ROUNDS];
	uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4], f = h[5], g = h[6], hh = h[7];

	for (unsigned i = 0; i < 16; i++)
		w[i] = load_be32(block + 4 * i);
	for (unsigned i = 16; i < ROUNDS; i++)
		w[i] = w[i - 16] + w[i - 7] +
		       (rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3) +
		       (rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10);
	for (unsigned i = 0; i < ROUNDS; i++) {
		uint32_t t1 = hh + mix(e, 6, 11, 25) + ((e & f) ^ (~e & g)) + k[i] + w[i];
		uint32_t t2 = mix(a, 2, 13, 22) + ((a & b) ^ (a & c) ^ (b & c));

		hh = g, g = f, f = e, e = d + t1;
		d = c, c = b, b = a, a = t1 + t2;
	}
	h[0] += a, h[1] += b, h[2] += c, h[3] += d;
	h[4] += e, h[5] += f, h[6] += g, h[7] += hh;
}

int digest_of(const void *data, size_t n, char ret_text[DIGEST_TEXT])
{
	uint32_t h[WORDS] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	size_t whole = n - n % BLOCK, rest = n % BLOCK;
	uint8_t tail[2 * BLOCK] = { 0 };
	size_t end = rest + 1 + LENGTH_BYTES > BLOCK ? 2 * BLOCK : BLOCK;
	uint64_t bits = (uint64_t)n * 8;

	for (size_t i = 0; i < whole; i += BLOCK)
		add_block(h, (const uint8_t *)data + i);
	if (rest)
		memcpy(tail, (const uint8_t *)data + whole, rest);
	tail[rest] = 0x80;
	for (unsigned i = 0; i < LENGTH_BYTES; i++)
		tail[end - 1 - i] = (uint8_t)(bits >> (8 * i));
	for (size_t i = 0; i < end; i += BLOCK)
		add_block(h, tail + i);
	memcpy(ret_text, "sha256:", 7);
	for (unsigned i = 0; i < WORDS; i++)
		snprintf(ret_text + 7 + 8 * i, 9, "%08x", h[i]);
	return 0;
}

bool digest_valid(struct str text)
{
	if (text.len != DIGEST_TEXT - 1 || !str_starts(text, STR("sha256:")))
		return false;
	for (uint32_t i = 7; i < text.len; i++)
		if (!strchr("0123456789abcdef", text.p[i]))
			return false;
	return true;
}
