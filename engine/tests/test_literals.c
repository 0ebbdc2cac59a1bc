/* SPDX-License-Identifier: Apache-2.0 */
/* Many literals in one pass find what a search for each of them finds, however many there are. */
#include "engine/match/literals.h"
#include "engine/tests/test.h"

enum { TEXTS = 60, TEXT_MAX = 120 };

static uint64_t rng = 5;

static uint32_t any(uint32_t below)
{
	rng = rng * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(rng >> 33) % below;
}

/* Few letters, so that literals begin and end within each other. */
static struct str word(struct arena *a, uint32_t min, uint32_t max)
{
	uint32_t n = min + any(max - min + 1);
	char *p = arena_alloc(a, n);

	for (uint32_t i = 0; i < n; i++)
		p[i] = "abcA/"[any(5)];
	return (struct str){ p, n };
}

static void agrees(uint32_t n, uint32_t min, uint32_t max, bool fold, bool wide)
{
	uint32_t words = (n + 63) / 64, found = 0;
	struct text_key *keys = calloc(n, sizeof(*keys));
	uint64_t *truth = calloc(words, sizeof(*truth));
	struct literals *l;
	struct arena a;

	arena_init(&a, 64 << 10, 0);
	for (uint32_t i = 0; i < n; i++)
		keys[i] = (struct text_key){ word(&a, min, max), i };
	keys[n - 1].text = keys[0].text;
	l = literals_new(&a, keys, n, fold);
	ck_assert_ptr_nonnull(l);
	ck_assert(wide == (l->wide != NULL));
	for (uint32_t t = 0; t < TEXTS; t++) {
		struct str text = t % 2 ? keys[any(n)].text : word(&a, 0, TEXT_MAX);

		memset(truth, 0, words * sizeof(*truth));
		literals_find(l, text, truth);
		for (uint32_t i = 0; i < n; i++) {
			bool want = fold ? str_icontains(text, keys[i].text)
					 : str_contains(text, keys[i].text);

			found += want;
			if (want != (truth[i / 64] >> (i % 64) & 1))
				ck_abort_msg("'%.*s' in '%.*s'", STR_ARG(keys[i].text),
					     STR_ARG(text));
		}
	}
	ck_assert_uint_gt(found, TEXTS / 2);
	free(keys);
	free(truth);
	arena_done(&a);
}

START_TEST(few)
{
	agrees(1, 1, 3, false, false);
	agrees(40, 1, 6, false, false);
	agrees(40, 1, 6, true, false);
}
END_TEST

START_TEST(many)
{
	agrees(7000, 8, 12, false, true);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("literals");
	TCase *t = tcase_create("literals");

	tcase_add_test(t, few);
	tcase_add_test(t, many);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
