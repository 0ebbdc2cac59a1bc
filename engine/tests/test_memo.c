/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of what is known about texts: it grows while texts come again, all memos together up to
 * their limit, and says when it would need more.
 */
#include <stdio.h>

#include "engine/base/map.h"
#include "engine/match/memo.h"
#include "engine/tests/test.h"

#define LIMIT_BYTES (1 << 20)

static struct limits limits;
static uint64_t total;

static void setup(void)
{
	limits_init(&limits);
	limits.max[LIMIT_MEMO_BYTES] = LIMIT_BYTES;
	total = 0;
}

static uint32_t rnd(uint32_t n)
{
	static uint64_t seed = 1;

	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % n;
}

/* Class of text number i: found, or noted as new. True: it was known. */
static bool ask(struct memo *m, unsigned i)
{
	struct memo_entry *e;
	char text[64];
	struct str s = { text, (uint32_t)snprintf(text, sizeof(text), "/srv/app/static/file%u", i) };

	e = memo_get(m, s, hash_str(s), 0);
	ck_assert_ptr_nonnull(e);
	if (e->class) {
		ck_assert_uint_eq(e->class, i + 1);
		return true;
	}
	e->class = i + 1;
	return false;
}

START_TEST(texts_that_never_come_again_need_no_room)
{
	struct memo *m = memo_new(&limits, &total);
	uint64_t first;

	ask(m, 0);
	first = total;
	ck_assert_uint_gt(first, 0);
	for (unsigned i = 1; i < 100000; i++)
		ask(m, i);
	ck_assert_uint_eq(total, first);
	memo_free(m);
	ck_assert_uint_eq(total, 0);
}
END_TEST

START_TEST(texts_that_come_again_get_room)
{
	struct memo *m = memo_new(&limits, &total);
	unsigned known = 0, texts = 3000;
	uint64_t first;

	ask(m, 0);
	first = total;
	for (unsigned round = 0; round < 40; round++) {
		known = 0;
		for (unsigned i = 0; i < texts; i++)
			known += ask(m, rnd(texts));
	}
	ck_assert_uint_gt(total, first);
	ck_assert_uint_le(total, LIMIT_BYTES);
	ck_assert_msg(known > texts * 9 / 10, "%u of %u known", known, texts);
	ck_assert_uint_eq(limits.hits[LIMIT_MEMO_BYTES], 0);
	memo_free(m);
}
END_TEST

/* A second memo gets what the first one left, and works with little. */
START_TEST(all_share_the_limit)
{
	struct memo *a = memo_new(&limits, &total), *b = memo_new(&limits, &total);

	for (unsigned i = 0; i < 150000; i++)
		ask(a, rnd(12000));
	ck_assert_uint_le(total, LIMIT_BYTES);
	for (unsigned i = 0; i < 150000; i++)
		ask(b, i % 12000);
	/* Tables have a least size: that much more. */
	ck_assert_uint_le(total, LIMIT_BYTES + 8192);
	ck_assert_uint_gt(limits.hits[LIMIT_MEMO_BYTES], 0);
	ck_assert(ask(b, 149999 % 12000));
	memo_free(a);
	memo_free(b);
	ck_assert_uint_eq(total, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("memo");
	TCase *t = tcase_create("memo");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, texts_that_never_come_again_need_no_room);
	tcase_add_test(t, texts_that_come_again_get_room);
	tcase_add_test(t, all_share_the_limit);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
