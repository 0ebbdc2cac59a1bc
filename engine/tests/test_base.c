/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unit tests of engine/base: strings, arena, buffer, maps, interning, UTF-8, JSON, diagnostics.
 */
#include "engine/base/diag.h"
#include "engine/base/intern.h"
#include "engine/base/json.h"
#include "engine/base/limits.h"
#include "engine/base/map.h"
#include "engine/base/utf8.h"
#include "engine/tests/test.h"

START_TEST(numbers)
{
	int64_t i = 7;
	uint64_t u = 7;

	ck_assert_int_eq(str_to_i64(STR("-9223372036854775808"), &i), 0);
	ck_assert_int_eq(i, INT64_MIN);
	ck_assert_int_eq(str_to_i64(STR("9223372036854775808"), &i), -ERANGE);
	ck_assert_int_eq(str_to_i64(STR("+12"), &i), 0);
	ck_assert_int_eq(i, 12);
	i = 7;
	ck_assert_int_eq(str_to_i64(STR("12x"), &i), -EINVAL);
	ck_assert_int_eq(str_to_i64(STR(""), &i), -EINVAL);
	ck_assert_int_eq(str_to_i64(STR("-"), &i), -EINVAL);
	ck_assert_int_eq(i, 7);
	ck_assert_int_eq(str_to_u64(STR("18446744073709551615"), &u), 0);
	ck_assert(u == UINT64_MAX);
	ck_assert_int_eq(str_to_u64(STR("18446744073709551616"), &u), -ERANGE);
}
END_TEST

START_TEST(searching)
{
	static const char *const names[] = { "proc.name", "proc.cmdline", "fd.name" };
	static const char *const commands[] = { "top" };

	ck_assert(str_contains(STR("abc"), STR("")));
	ck_assert(str_contains(STR("abc"), STR("bc")));
	ck_assert(!str_contains(STR("abc"), STR("cb")));
	ck_assert(str_icontains(STR("aBC"), STR("Bc")));
	ck_assert(!str_icontains(STR("ab"), STR("abc")));
	ck_assert_int_eq(str_rfind(STR("a/b/c"), '/'), 3);
	ck_assert_int_eq(str_rfind(STR_NONE, '/'), -1);
	ck_assert(str_cmp(STR("a"), STR("ab")) < 0 && str_cmp(STR("b"), STR("ab")) > 0);
	ck_assert_str_view(str_trim(STR(" \n a b\t")), "a b");
	ck_assert_str_eq(str_nearest(STR("proc.cmdlin"), names, 3), "proc.cmdline");
	ck_assert_ptr_null(str_nearest(STR("container.id"), names, 3));
	ck_assert_str_eq(str_nearest(STR("tpp"), commands, 1), "top");
	ck_assert_ptr_null(str_nearest(STR("foo"), commands, 1));
}
END_TEST

START_TEST(arena_aligns)
{
	struct arena a;

	arena_init(&a, 256, 0);
	for (size_t n = 1; n < 64; n++) {
		ck_assert_str_eq(arena_strdup(&a, STR("abc")), "abc");
		ck_assert_uint_eq((uintptr_t)arena_alloc(&a, n) % (n % 16 ? 8 : 16), 0);
	}
	arena_done(&a);
}
END_TEST

/* The array that was taken last grows where it is; others move. */
START_TEST(arena_grows)
{
	uint32_t cap = 0, n = 0, *v = NULL, *old;
	struct arena a;

	arena_init(&a, 4096, 0);
	for (; n < 100; n++) {
		old = v;
		v = arena_grow(&a, v, &cap, n + 1, sizeof(*v));
		ck_assert_ptr_nonnull(v);
		ck_assert_uint_gt(cap, n);
		ck_assert(!old || v == old);
		v[n] = n;
	}
	ck_assert_str_eq(arena_strdup(&a, STR("behind")), "behind");
	old = v;
	v = arena_grow(&a, v, &cap, cap + 1, sizeof(*v));
	ck_assert_ptr_ne(v, old);
	for (uint32_t i = 0; i < n; i++)
		ck_assert_uint_eq(v[i], i);
	v = arena_grow(&a, v, &cap, 4096, sizeof(*v));	/* not in this block */
	for (uint32_t i = 0; i < n; i++)
		ck_assert_uint_eq(v[i], i);
	ck_assert_ptr_null(arena_grow(&a, v, &cap, UINT32_MAX, sizeof(*v)));
	arena_done(&a);
}
END_TEST

START_TEST(arena_reuse)
{
	struct arena a;
	size_t total;
	char *p;

	arena_init(&a, 64, 0);
	for (int i = 0; i < 100; i++)
		ck_assert_ptr_nonnull(arena_alloc(&a, 40));
	total = a.total;
	for (int round = 0; round < 10; round++) {
		arena_reset(&a);
		for (int i = 0; i < 100; i++)
			memset(arena_alloc(&a, 40), 0xff, 40);
	}
	ck_assert_uint_eq(a.total, total);
	p = arena_printf(&a, "%s-%d", "x", 5);
	ck_assert_str_eq(p, "x-5");
	ck_assert_ptr_null(arena_array(&a, SIZE_MAX / 2, 16));
	arena_done(&a);
	arena_init(&a, 64, 1024);
	ck_assert_ptr_null(arena_alloc(&a, 4096));
	arena_done(&a);
}
END_TEST

/* Whatever was written before and beside it. */
/* What is taken back was written to: zeroed memory has to be cleared again. */
START_TEST(arena_goes_back)
{
	struct arena a;

	arena_init(&a, 4096, 0);
	for (size_t size = 8; size < 8192; size *= 4) {
		struct arena_mark mark;

		ck_assert_ptr_nonnull(arena_zalloc(&a, 24));	/* and clears ahead */
		mark = arena_mark(&a);
		for (int i = 0; i < 3; i++) {
			char *p = arena_zalloc(&a, size);

			for (size_t k = 0; k < size; k++)
				ck_assert_int_eq(p[k], 0);
			memset(p, 0xff, size);
			memset(arena_alloc(&a, size), 0xff, size);
			arena_back(&a, mark);
			ck_assert_uint_eq(arena_mark(&a).used, mark.used);
		}
	}
	arena_done(&a);
}
END_TEST

START_TEST(arena_clears)
{
	uint64_t rng = 7;
	struct arena a;

	arena_init(&a, 64 << 10, 0);
	for (int i = 0; i < 5000; i++) {
		uint32_t cap = 0, n;
		char *p;

		rng = rng * 6364136223846793005ull + 1442695040888963407ull;
		n = 1 + (rng >> 40) % (rng >> 60 ? 100 : 9000);
		if (rng >> 33 & 1) {
			memset(arena_alloc(&a, n), 0xff, n);
		} else {
			char dirty = 0;

			p = arena_zalloc(&a, n);
			for (uint32_t k = 0; k < n; k++)
				dirty |= p[k];
			ck_assert_msg(!dirty, "%u bytes", n);
			memset(p, 0xff, n);
		}
		if ((rng >> 34) % 16 == 0) {
			p = arena_grow(&a, NULL, &cap, 8, 1);
			p = arena_grow(&a, p, &cap, n, 1);
			memset(p, 0xff, cap);
		}
		if ((rng >> 48) % 512 == 0)
			arena_reset(&a);
	}
	arena_done(&a);
}
END_TEST

START_TEST(map_with_room)
{
	struct u64map m = { 0 };
	struct u64map_slot *slots;
	int v;

	ck_assert_int_eq(u64map_put(&m, 7, &v), 0);
	ck_assert_int_eq(u64map_reserve(&m, 1000), 0);
	slots = m.slots;
	for (uint64_t i = 100; i < 1099; i++)
		ck_assert_int_eq(u64map_put(&m, i << 12, &v), 0);
	ck_assert_ptr_eq(m.slots, slots);
	ck_assert_int_eq(u64map_reserve(&m, 10), 0);
	ck_assert_ptr_eq(m.slots, slots);
	ck_assert_ptr_eq(u64map_get(&m, 7), &v);
	ck_assert_uint_eq(m.count, 1000);
	u64map_done(&m);
}
END_TEST

START_TEST(maps_agree_with_a_plain_array)
{
	enum { KEYS = 512 };
	static uint8_t present[KEYS];
	struct u64map m = { 0 };
	uint64_t rng = 1, key;
	uint32_t pos = 0, n = 0, expected = 0;
	void *value;

	for (int i = 0; i < 200000; i++) {
		rng = rng * 6364136223846793005ull + 1442695040888963407ull;
		key = rng >> 40 & (KEYS - 1);
		if (rng >> 63) {
			ck_assert_int_eq(u64map_put(&m, key << 12, &present[key]), 0);
			present[key] = 1;
		} else {
			value = u64map_remove(&m, key << 12);
			ck_assert_ptr_eq(value, present[key] ? &present[key] : NULL);
			present[key] = 0;
		}
	}
	for (uint64_t k = 0; k < KEYS; k++) {
		expected += present[k];
		ck_assert_ptr_eq(u64map_get(&m, k << 12), present[k] ? &present[k] : NULL);
	}
	while (u64map_next(&m, &pos, &key, &value))
		n++;
	ck_assert_uint_eq(n, expected);
	ck_assert_uint_eq(m.count, expected);
	u64map_done(&m);
}
END_TEST

START_TEST(string_map)
{
	struct strmap m = { 0 };
	static char keys[300][16];
	int v;

	for (int i = 0; i < 300; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%d", i);
		ck_assert_int_eq(strmap_put(&m, str_from(keys[i]), &keys[i]), 0);
	}
	for (int i = 0; i < 300; i += 2)
		ck_assert_ptr_eq(strmap_remove(&m, str_from(keys[i])), &keys[i]);
	for (int i = 0; i < 300; i++)
		ck_assert_ptr_eq(strmap_get(&m, str_from(keys[i])), i % 2 ? &keys[i] : NULL);
	ck_assert_int_eq(strmap_put(&m, STR("k1"), &v), 0);
	ck_assert_ptr_eq(strmap_get(&m, STR("k1")), &v);
	ck_assert_uint_eq(m.count, 150);
	strmap_done(&m);
}
END_TEST

START_TEST(interning)
{
	struct intern in;
	struct istr *a, *b, *many[2000];
	uint64_t serial;
	char text[16];

	ck_assert_int_eq(intern_init(&in), 0);
	a = intern_get(&in, STR("/etc/passwd"));
	b = intern_get(&in, STR("/etc/passwd"));
	ck_assert_ptr_eq(a, b);
	serial = a->serial;
	istr_unref(a);
	istr_unref(b);
	ck_assert_uint_eq(in.count, 1);		/* the empty string stays */
	for (int i = 0; i < 2000; i++) {
		snprintf(text, sizeof(text), "s%d", i);
		many[i] = intern_get(&in, str_from(text));
	}
	for (int i = 0; i < 2000; i += 3)
		istr_unref(many[i]);
	for (int i = 1; i < 2000; i += 3) {
		snprintf(text, sizeof(text), "s%d", i);
		b = intern_get(&in, str_from(text));
		ck_assert_ptr_eq(b, many[i]);
		istr_unref(b);
	}
	a = intern_get(&in, STR("/etc/passwd"));
	ck_assert(a->serial > serial);
	b = intern_own(&in, STR("/etc/passwd"));
	ck_assert_ptr_ne(a, b);
	ck_assert(str_eq(istr_str(a), istr_str(b)));
	ck_assert(b->serial > a->serial);
	istr_unref(b);
	b = intern_get(&in, STR("/etc/passwd"));
	ck_assert_ptr_eq(a, b);
	b = intern_own(&in, STR(""));
	ck_assert_ptr_eq(b, in.empty);
	intern_done(&in);
}
END_TEST

/* What a burst leaves behind does not stay. */
START_TEST(spare_strings_are_bounded)
{
	struct intern in;
	struct istr *many[4000];
	char text[400];
	size_t kept = 0;

	memset(text, 'x', sizeof(text));
	ck_assert_int_eq(intern_init(&in), 0);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = intern_own(&in, (struct str){ text, 1 + i % sizeof(text) });
	ck_assert_uint_gt(in.bytes, 800000);
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		istr_unref(many[i]);
	ck_assert_uint_lt(in.bytes, 100);
	for (size_t c = 0; c < INTERN_CLASSES; c++)
		kept += in.nspare[c] * (c + 1) * 32;
	ck_assert_uint_le(kept, 256 << 10);
	intern_done(&in);
}
END_TEST

START_TEST(utf8_repairs)
{
	static const struct {
		const char *in, *repaired, *sanitized;
	} rows[] = {
		{ "plain", "plain", "plain" },
		{ "a\xff" "b", "a\xef\xbf\xbd" "b", "a\xef\xbf\xbd" "b" },
		{ "\xe2\x82", "\xef\xbf\xbd", "\xef\xbf\xbd" },
		{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
		  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ "a\nb\x7f", "a\nb\x7f", "a\xef\xbf\xbd" "b\xef\xbf\xbd" },
		{ "\xc2\x85", "\xc2\x85", "\xef\xbf\xbd" },
	};
	struct buf out = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		buf_clear(&out);
		utf8_repair(&out, str_from(rows[i].in));
		ck_assert_str_view(buf_str(&out), rows[i].repaired);
		ck_assert(utf8_valid(buf_str(&out)));
		buf_clear(&out);
		utf8_sanitize(&out, str_from(rows[i].in));
		ck_assert_str_view(buf_str(&out), rows[i].sanitized);
	}
	buf_done(&out);
}
END_TEST

START_TEST(json_text)
{
	struct buf out = BUF_INIT;
	struct json j = json_start(&out);

	json_obj(&j);
	json_key(&j, "a\"b");
	json_arr(&j);
	json_i64(&j, INT64_MIN);
	json_u64(&j, UINT64_MAX);
	json_str(&j, STR("x\n\t\v\x01\\\xff\xc3\xa9"));
	json_str(&j, STR_NONE);
	json_arr_end(&j);
	json_key(&j, "e");
	json_obj(&j);
	json_obj_end(&j);
	json_key(&j, "t");
	json_bool(&j, true);
	json_obj_end(&j);
	ck_assert_str_view(buf_str(&out),
			   "{\"a\\\"b\":[-9223372036854775808,18446744073709551615,"
			   "\"x\\n\\t\\u000b\\u0001\\\\\xef\xbf\xbd\xc3\xa9\",null],"
			   "\"e\":{},\"t\":true}");
	buf_done(&out);
}
END_TEST

START_TEST(diagnostics)
{
	struct diag_loc content = { .item_type = "rules content" };
	struct diag_loc rule = { .item_type = "rule", .item_name = STR("r"), .outer = &content };
	struct buf out = BUF_INIT;
	struct diags d;
	struct diag *g;

	diags_init(&d);
	d.max = 2;
	g = diag_add(&d, DIAG_ERR_VALIDATE, "Undefined macro '%s'", "opn");
	g->file = "r.yaml";
	g->pos = (struct pos){ 3, 5, 40 };
	g->span = 3;
	g->source_line = STR("    opn and x");
	g->loc = &rule;
	diag_hint(&d, g, "did you mean '%s'?", "open");
	diag_render(g, &out);
	ck_assert_str_view(buf_str(&out),
			   "r.yaml:3:5: error: Undefined macro 'opn' [LOAD_ERR_VALIDATE]\n"
			   "      3 |     opn and x\n"
			   "        |     ^~~\n"
			   "  in rule 'r'\n"
			   "  hint: did you mean 'open'?\n");
	for (int i = 0; i < 5; i++)
		diag_add(&d, DIAG_UNUSED_LIST, "unused")->file = "f";
	ck_assert_uint_eq(d.count, 2);
	ck_assert_uint_eq(d.warnings, 5);
	ck_assert_uint_eq(d.suppressed, 4);
	diags_done(&d);
	buf_done(&out);
}
END_TEST

START_TEST(limits_count_hits)
{
	struct limits l;

	limits_init(&l);
	l.max[LIMIT_THREADS] = 2;
	ck_assert(!limit_over(&l, LIMIT_THREADS, 2));
	ck_assert(limit_over(&l, LIMIT_THREADS, 3));
	ck_assert_uint_eq(l.hits[LIMIT_THREADS], 1);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("base");

	tcase_add_test(t, numbers);
	tcase_add_test(t, searching);
	tcase_add_test(t, arena_aligns);
	tcase_add_test(t, arena_grows);
	tcase_add_test(t, arena_reuse);
	tcase_add_test(t, arena_goes_back);
	tcase_add_test(t, arena_clears);
	tcase_add_test(t, map_with_room);
	tcase_add_test(t, maps_agree_with_a_plain_array);
	tcase_add_test(t, string_map);
	tcase_add_test(t, interning);
	tcase_add_test(t, spare_strings_are_bounded);
	tcase_add_test(t, utf8_repairs);
	tcase_add_test(t, json_text);
	tcase_add_test(t, diagnostics);
	tcase_add_test(t, limits_count_hits);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
