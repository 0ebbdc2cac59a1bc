/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Networks as ranges: for every address the checks of all networks around it, and no others. Beside
 * a plain walk over all networks.
 */
#include "engine/match/net_index.h"
#include "engine/tests/test.h"

#define KEYS 400
#define CHECKS 70	/* more than a word */
#define ADDRESSES 4000

static uint64_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % n;
}

/* Few values per byte, so that networks nest and addresses hit them and their edges. */
static struct ip_value random_ip(void)
{
	static const uint8_t bytes[] = { 0, 10, 127, 128, 255 };
	struct ip_value ip = { .v6 = rnd(2) };

	for (unsigned i = 0; i < (ip.v6 ? 16u : 4u); i++)
		ip.addr[i] = bytes[rnd(ARRAY_SIZE(bytes))];
	ip.prefix = ip.v6 ? 128 : 32;
	return ip;
}

static bool is_inside(const struct ip_value *ip, const struct net_key *k)
{
	if (ip->v6 != k->ip.v6 || k->bits > (ip->v6 ? 128 : 32))
		return false;
	for (unsigned i = 0; i < k->bits; i++)
		if ((ip->addr[i / 8] ^ k->ip.addr[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static bool has_bit(const struct net_index *x, uint32_t row, uint32_t bit)
{
	const struct net_row *r = &x->rows[row];

	for (uint32_t i = 0; i < r->n; i++)
		if (x->bits[r->first + i] == bit)
			return true;
	return false;
}

static void check_address(const struct net_index *x, const struct net_key *keys, uint32_t n,
			  const struct ip_value *ip, unsigned *hits)
{
	uint32_t row = net_index_find(x, ip);

	for (uint32_t bit = 0; bit < CHECKS; bit++) {
		bool want = false;

		for (uint32_t i = 0; i < n; i++)
			want |= keys[i].bit == bit && is_inside(ip, &keys[i]);
		ck_assert_msg(has_bit(x, row, bit) == want, "check %u of %u.%u.%u.%u v6 %d: %d",
			      bit, ip->addr[0], ip->addr[1], ip->addr[2], ip->addr[3], ip->v6,
			      !want);
		*hits += want;
	}
}

START_TEST(finds_what_a_walk_finds)
{
	static const uint32_t counts[] = { 0, 1, 3, 20, KEYS };
	uint32_t n = counts[_i];
	unsigned hits = 0;
	struct net_key keys[KEYS];
	struct net_index x;
	struct arena arena;

	arena_init(&arena, 64 << 10, 0);
	for (uint32_t i = 0; i < n; i++) {
		keys[i] = (struct net_key){ .ip = random_ip(), .bit = rnd(CHECKS) };
		/* Also masks that no address of the family has: they match nothing. */
		keys[i].bits = (uint8_t)rnd(keys[i].ip.v6 || !rnd(20) ? 129 : 33);
	}
	ck_assert_int_eq(net_index_init(&x, &arena, keys, n, CHECKS), 0);
	for (unsigned i = 0; i < ADDRESSES; i++) {
		struct ip_value ip = random_ip();

		/* Every other one is the edge of a network, or beside it. */
		if (n && i % 2) {
			ip = keys[rnd(n)].ip;
			ip.addr[ip.v6 ? 15 : 3] += (uint8_t)rnd(3) - 1;
		}
		check_address(&x, keys, n, &ip, &hits);
	}
	ck_assert(!n == !hits);
	arena_done(&arena);
}
END_TEST

/* Disjoint networks of one check need two rows: none, and this one. */
START_TEST(equal_ranges_share_a_row)
{
	struct net_key keys[300];
	struct net_index x;
	struct arena arena;

	arena_init(&arena, 64 << 10, 0);
	for (unsigned i = 0; i < 300; i++)
		keys[i] = (struct net_key){ .ip = { .addr = { 10, (uint8_t)(i / 200),
							      (uint8_t)i } },
					    .bits = 25,
					    .bit = 5 };
	ck_assert_int_eq(net_index_init(&x, &arena, keys, 300, 6), 0);
	ck_assert_uint_eq(x.nrows, 2);
	ck_assert_uint_eq(x.rows[1].n, 1);
	arena_done(&arena);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("net_index");
	TCase *t = tcase_create("net_index");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, finds_what_a_walk_finds, 0, 5);
	tcase_add_test(t, equal_ranges_share_a_row);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
