/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion of old event forms: all steps of conformance/converter.jsonl (skipped when it is not
 * there), lost and foreign enter events, limits.
 */
#include <jansson.h>
#include <zlib.h>

#include "engine/tests/test.h"
#include "engine/event/convert.h"
#include "engine/event/event_info.h"

static size_t from_hex(const char *hex, uint8_t *out, size_t cap)
{
	size_t n = 0;
	unsigned v;

	for (; hex && hex[0] && hex[1] && n < cap; hex += 2, n++) {
		if (sscanf(hex, "%2x", &v) != 1)
			return 0;
		out[n] = v;
	}
	return n;
}

static bool same(struct event *a, struct event *b)
{
	if (a->type != b->type || a->nparams != b->nparams)
		return false;
	for (unsigned i = 0; i < a->nparams; i++)
		if (!str_eq(event_param(a, i), event_param(b, i)))
			return false;
	return true;
}

static const char *step_result(int r)
{
	return r == CONVERT_PASS ? "pass" : r == CONVERT_CONTINUE ? "continue" : "drop";
}

/* NULL or what went wrong. */
static const char *run_step(struct converter *c, json_t *step)
{
	static uint8_t in[65536], out[65536];
	const char *op = json_string_value(json_object_get(step, "op"));
	const char *res = json_string_value(json_object_get(step, "res"));
	size_t in_len = from_hex(json_string_value(json_object_get(step, "in")), in, sizeof(in));
	size_t out_len = from_hex(json_string_value(json_object_get(step, "out")), out, sizeof(out));
	struct event ev, expected;
	int r;

	if (event_decode(in, in_len, &ev) < 0)
		return "in does not decode";
	if (out_len && event_decode(out, out_len, &expected) < 0)
		return "out does not decode";
	if (!strcmp(op, "stored"))
		return converter_stored(c, ev.tid, &expected) < 0 || !same(&ev, &expected)
			       ? "not stored" : NULL;
	if (!strcmp(op, "not_stored"))
		return converter_stored(c, ev.tid, &expected) == 0 && same(&ev, &expected)
			       ? "stored" : NULL;
	if (!strcmp(op, "full")) {
		r = convert_event(c, &ev);
		return r != CONVERT_PASS ? "not passed" : same(&ev, &expected) ? NULL : "differs";
	}
	r = convert_step(c, &ev);
	if (!strcmp(op, "convert"))
		return strcmp(step_result(r), res) ? "result" : same(&ev, &expected) ? NULL : "differs";
	if (!strcmp(op, "pass"))
		return r == CONVERT_PASS ? NULL : "not passed";
	if (!strcmp(op, "drop") || !strcmp(op, "drop_unconverted"))
		return r == CONVERT_DROP ? NULL : "not dropped";
	return "unknown op";
}

START_TEST(test_conformance)
{
	static char line[1 << 20], path[4096];
	unsigned cases = 0;
	gzFile f;

	snprintf(path, sizeof(path), "%s/conformance/converter.jsonl.gz", test_shared());
	f = gzopen(path, "rb");
	if (!f) {
		printf("# SKIP no %s\n", path);
		return;
	}
	while (gzgets(f, line, sizeof(line))) {
		struct limits limits;
		json_t *doc = json_loads(line, 0, NULL), *step;
		struct converter *c;
		size_t i;

		limits_init(&limits);
		c = converter_new(&limits);
		ck_assert_ptr_nonnull(doc);
		ck_assert_ptr_nonnull(c);
		json_array_foreach(json_object_get(doc, "steps"), i, step) {
			const char *bad = run_step(c, step);

			ck_assert_msg(!bad, "%s step %zu: %s",
				      json_string_value(json_object_get(doc, "test")), i, bad);
		}
		converter_free(c);
		json_decref(doc);
		cases++;
	}
	gzclose(f);
	ck_assert_uint_gt(cases, 0);
	printf("# %u conversion cases\n", cases);
}
END_TEST

static struct limits limits;
static struct converter *conv;

static void setup(void)
{
	limits_init(&limits);
	conv = converter_new(&limits);
	ck_assert_ptr_nonnull(conv);
}

static void teardown(void)
{
	converter_free(conv);
}

static uint8_t lens[2 * EVENT_PARAMS_MAX];

/* `n` parameters of 8 zero bytes each. */
static int feed(unsigned type, unsigned n, int64_t tid, struct event *ev)
{
	static const uint8_t zeros[8 * EVENT_PARAMS_MAX];

	for (unsigned i = 0; i < n; i++)
		store_u16(lens + 2 * i, 8);
	ck_assert_int_eq(event_view(ev, type, n, false, lens, zeros, 8 * n), 0);
	ev->tid = tid;
	return convert_event(conv, ev);
}

START_TEST(test_enter_of_another_call)
{
	struct event ev;

	ck_assert_int_eq(feed(EV_OPENAT_E, 4, 1, &ev), CONVERT_DROP);
	ck_assert_int_eq(feed(EV_READ_X, 2, 1, &ev), CONVERT_PASS);
	ck_assert_uint_eq(ev.nparams, 4);
	ck_assert_uint_eq(event_param(&ev, READ_X_fd).len, 8);	/* default */
	ck_assert_int_eq(feed(EV_OPENAT_X, 1, 2, &ev), CONVERT_PASS);
	ck_assert_uint_eq(ev.type, EV_OPENAT_2_X);
	ck_assert_uint_eq(event_param(&ev, OPENAT_2_X_name).len, 0);	/* lost */
}
END_TEST

START_TEST(test_without_rule)
{
	struct event ev;

	ck_assert_int_eq(feed(EV_READ_E, 2, 1, &ev), CONVERT_DROP);
	ck_assert_int_eq(feed(EV_READ_X, 1, 1, &ev), CONVERT_PASS);
	ck_assert_uint_eq(ev.nparams, 4);
	ck_assert_uint_eq(event_param(&ev, READ_X_data).len, 0);
	ck_assert_uint_eq(event_param(&ev, READ_X_fd).len, 8);
	ck_assert_uint_eq(converter_missing(conv), 1);
}
END_TEST

/* Every type with every number of parameters ends, with views inside its data. */
START_TEST(test_all_forms)
{
	for (unsigned round = 0; round < 2; round++) {
		for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
			for (unsigned n = 0; n <= event_infos[t].nparams; n++) {
				struct event ev;
				int r = feed(t, n, 7, &ev);

				ck_assert(r == CONVERT_PASS || r == CONVERT_DROP);
				for (unsigned i = 0; r == CONVERT_PASS && i < ev.nparams; i++) {
					struct str p = event_param(&ev, i);

					ck_assert_ptr_nonnull(p.p);
					ck_assert_uint_le((const uint8_t *)p.p + p.len - ev.data,
							  ev.data_len);
				}
			}
		}
	}
	ck_assert_uint_eq(limits.hits[LIMIT_CONVERT_ROUNDS], 0);
}
END_TEST

START_TEST(test_limits)
{
	struct event ev;

	limits.max[LIMIT_STORED_ENTERS] = 10;
	for (int tid = 1; tid <= 25; tid++)
		ck_assert_int_eq(feed(EV_READ_E, 2, tid, &ev), CONVERT_DROP);
	ck_assert_uint_eq(limits.hits[LIMIT_STORED_ENTERS], 15);
	ck_assert_int_eq(converter_stored(conv, 15, &ev), -ENOENT);
	ck_assert_int_eq(converter_stored(conv, 16, &ev), 0);
	limits.max[LIMIT_STORED_ENTER_BYTES] = 100;
	ck_assert_int_eq(feed(EV_READ_E, 2, 99, &ev), CONVERT_DROP);
	ck_assert_int_eq(converter_stored(conv, 99, &ev), 0);
	ck_assert_int_eq(converter_stored(conv, 24, &ev), -ENOENT);
	converter_reset(conv);
	ck_assert_int_eq(converter_stored(conv, 99, &ev), -ENOENT);
	limits.max[LIMIT_STORED_ENTER_BYTES] = 10;
	ck_assert_int_eq(feed(EV_READ_E, 2, 99, &ev), CONVERT_DROP);
	ck_assert_int_eq(converter_stored(conv, 99, &ev), -ENOENT);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("convert");
	TCase *tc = tcase_create("convert");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_conformance);
	tcase_add_test(tc, test_enter_of_another_call);
	tcase_add_test(tc, test_without_rule);
	tcase_add_test(tc, test_all_forms);
	tcase_add_test(tc, test_limits);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
