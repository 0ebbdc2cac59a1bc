/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first look at texts: what it says about a check must be what the check says, for keys of all
 * kinds and texts made of the same few pieces.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/match/text_filter.h"
#include "engine/tests/test.h"

#define KEYS 48
#define TEXTS 2000

static const char *const pieces[] = { "/", "/etc", "/etc/", "ssh", ".ssh/", "/usr/", "cron", "log",
				      "a", "//", "/home/dev/project/src/build", "id_rsa", "/bin" };

static uint64_t seed = 1;

static uint32_t rnd(uint32_t n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % n;
}

static struct str make_text(char *buf, size_t size, uint32_t max)
{
	uint32_t n = rnd(max) + 1, len = 0;

	for (uint32_t i = 0; i < n; i++) {
		const char *piece = pieces[rnd(ARRAY_SIZE(pieces))];

		len += (uint32_t)snprintf(buf + len, size - len, "%s", piece);
	}
	return (struct str){ buf, len };
}

/* Keys of the second text: every fourth one. */
static bool is_alias(const struct filter_key *k)
{
	return k->bit % 4 == 0;
}

/* May the check of this key be `truth` for the text? What the kinds promise, said plainly. */
static bool possible(const struct filter_key *k, struct str text, enum text_relation relation,
		     bool truth)
{
	if (is_alias(k) && relation != RELATION_SAME)
		return relation == RELATION_OTHER || !truth;
	switch (k->kind) {
	case FILTER_EQUAL:
		return str_eq(text, k->text) == truth;
	case FILTER_UNEQUAL:
		return str_eq(text, k->text) != truth;
	case FILTER_BEGIN:
		return str_starts(text, k->text) == truth;
	case FILTER_NEED:
		return !truth || str_starts(text, k->text);
	case FILTER_INSIDE:
		return !truth || str_contains(text, k->text);
	case FILTER_END:
		return !truth || str_ends(text, k->text);
	default:
		return !truth || text.len < 2 || !memchr(text.p + 1, '/', text.len - 1);
	}
}

static void make_keys(struct arena *a, struct filter_key *keys)
{
	char buf[512];

	for (uint32_t i = 0; i < KEYS; i++) {
		struct str text = arena_str(a, make_text(buf, sizeof(buf), 4));
		uint8_t kind = (uint8_t)rnd(FILTER_END + 1);

		if ((kind == FILTER_INSIDE || kind == FILTER_END) && text.len < FILTER_LITERAL_MIN)
			kind = FILTER_NEED;
		keys[i] = (struct filter_key){ .text = text, .bit = i, .kind = kind };
	}
}

static void check_text(struct text_filter *f, const struct filter_key *keys, struct str text,
		       unsigned *decided)
{
	enum text_relation relation = (enum text_relation)rnd(RELATIONS);
	uint32_t place = text_filter_find(f, text);
	uint32_t class = place ? text_filter_class(f, place, relation) : 0;
	const uint64_t *truth;

	if (!class)
		return;
	truth = classes_truth(&f->classes, class);
	for (uint32_t i = 0; i < KEYS; i++) {
		bool can_true = truth[i / 64] >> (i % 64) & 1;
		bool can_false = truth[f->words + i / 64] >> (i % 64) & 1;

		*decided += !can_true || !can_false;
		ck_assert_msg((can_true || !possible(&keys[i], text, relation, true)) &&
			      (can_false || !possible(&keys[i], text, relation, false)),
			      "'%.*s', key '%.*s' of kind %u", STR_ARG(text),
			      STR_ARG(keys[i].text), keys[i].kind);
	}
}

START_TEST(test_never_wrong)
{
	struct limits limits;
	unsigned decided = 0;

	limits_init(&limits);
	/* Few classes: they are forgotten now and then. */
	limits.max[LIMIT_MEMO_CLASSES] = 20;
	for (unsigned round = 0; round < 20; round++) {
		uint64_t alias = 0;
		struct filter_key keys[KEYS];
		const struct filter_spec spec = { keys, KEYS, KEYS, &alias };
		struct text_filter f;
		struct arena arena;
		char buf[512];

		arena_init(&arena, 64 << 10, 0);
		make_keys(&arena, keys);
		for (uint32_t i = 0; i < KEYS; i++)
			alias |= (uint64_t)is_alias(&keys[i]) << i;
		ck_assert_int_eq(text_filter_init(&f, &arena, &limits, &spec), 0);
		for (unsigned i = 0; i < TEXTS; i++)
			check_text(&f, keys, make_text(buf, sizeof(buf), 5), &decided);
		text_filter_done(&f);
		arena_done(&arena);
	}
	/* One check in four at least, of all texts: a filter that decides nothing is no filter. */
	ck_assert_uint_gt(decided, 20 * TEXTS / 4);
}
END_TEST

/* A text that has only the hash of a literal is as one without. */
START_TEST(test_literals_are_whole)
{
	static const struct {
		struct str text;
		bool possible;
	} cases[] = {
		{ STR("/home/a/.profile"), true },  { STR("/tmp/some-file"), false },
		{ STR("/home/.ssh/id_rsa"), true }, { STR("/home/.ssx/id_rsa"), false },
		{ STR("/srv/.ss"), false },	    { STR("/a/.ssx/.ssh/b"), true },
		{ STR("ile"), false },		    { STR("/file/x"), false },
	};
	struct filter_key keys[] = { { .text = STR(".profile"), .bit = 0, .kind = FILTER_END },
				     { .text = STR("/.ssh/"), .bit = 0, .kind = FILTER_INSIDE } };
	const struct filter_spec spec = { keys, ARRAY_SIZE(keys), 1, NULL };
	struct text_filter f;
	struct limits limits;
	struct arena arena;

	limits_init(&limits);
	arena_init(&arena, 64 << 10, 0);
	ck_assert_int_eq(text_filter_init(&f, &arena, &limits, &spec), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(text_filter_literal(&f, cases[i].text) == cases[i].possible,
			      "'%.*s'", STR_ARG(cases[i].text));
	text_filter_done(&f);
	arena_done(&arena);
}
END_TEST

/* What comes again is found in memory; when nothing does, nobody looks for a while. */
START_TEST(test_texts_come_again)
{
	struct filter_key keys[] = { { .text = STR("/etc/shadow-of-a-file"), .bit = 0,
				       .kind = FILTER_EQUAL },
				     { .text = STR("/etc/shadow"), .bit = 1,
				       .kind = FILTER_BEGIN } };
	const struct filter_spec spec = { keys, ARRAY_SIZE(keys), 2, NULL };
	struct str same[] = { STR("/etc/shadow-of-a-file"), STR("/etc/shadow-or-a-file"),
			      STR("/etc/shadow-of-a-filf"), STR("/etc/sXadow-of-a-file") };
	struct text_filter f;
	struct limits limits;
	struct arena arena;
	char buf[64];

	limits_init(&limits);
	arena_init(&arena, 64 << 10, 0);
	ck_assert_int_eq(text_filter_init(&f, &arena, &limits, &spec), 0);
	for (unsigned i = 0; i < 40; i++) {
		struct str text = same[i % ARRAY_SIZE(same)];

		ck_assert_uint_eq(text_filter_find(&f, text), text_filter_place(&f, text));
	}
	ck_assert_uint_ge(f.seen_hits, 20);
	for (unsigned i = 0; i < 4 * FILTER_SEEN_MISSES; i++) {
		struct str text = { buf, (uint32_t)snprintf(buf, sizeof(buf),
							    "/var/lib/files/%u.dat", i) };

		ck_assert_uint_eq(text_filter_find(&f, text), text_filter_place(&f, text));
	}
	ck_assert_uint_gt(f.seen_pause, 0);
	for (unsigned i = 0; i < FILTER_SEEN_PAUSE + 8; i++)
		ck_assert_uint_eq(text_filter_find(&f, same[0]), text_filter_place(&f, same[0]));
	ck_assert_uint_eq(f.seen_pause, 0);
	ck_assert_uint_gt(f.seen_hits, 0);
	text_filter_done(&f);
	arena_done(&arena);
}
END_TEST

/* Many literals with one hash: after some the text counts as having one, which is never wrong. */
START_TEST(test_trials_are_bounded)
{
	struct filter_key keys[2 * FILTER_TRIALS];
	const struct filter_spec spec = { keys, ARRAY_SIZE(keys), 1, NULL };
	struct str absent = STR("/x/.log"), other = STR("/x/.txt");
	struct text_filter f;
	struct limits limits;
	struct arena arena;
	char buf[32];

	limits_init(&limits);
	arena_init(&arena, 64 << 10, 0);
	for (uint32_t i = 0; i < ARRAY_SIZE(keys); i++) {
		int n = snprintf(buf, sizeof(buf), "name%u.log", i);

		keys[i] = (struct filter_key){
			.text = arena_str(&arena, (struct str){ buf, (uint32_t)n }),
			.kind = FILTER_END };
	}
	ck_assert_int_eq(text_filter_init(&f, &arena, &limits, &spec), 0);
	ck_assert(text_filter_literal(&f, absent));
	ck_assert(!text_filter_literal(&f, other));
	ck_assert(text_filter_literal(&f, keys[0].text));
	text_filter_done(&f);
	arena_done(&arena);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("text_filter");
	TCase *t = tcase_create("text_filter");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_never_wrong);
	tcase_add_test(t, test_literals_are_whole);
	tcase_add_test(t, test_texts_come_again);
	tcase_add_test(t, test_trials_are_bounded);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
