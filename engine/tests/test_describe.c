/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptions of rule sets: what rules and macros name. The whole shape is compared with samples
 * in test_loader_conformance.c.
 */
#include "engine/tests/loader_bed.h"

/* Named: by values in parentheses, and by words that are macros. */
START_TEST(names_in_descriptions)
{
	static const char *const cases[][2] = {
		{ "m and proc.name in (x, l)", "\"macros\":[\"m\"],\"lists\":[\"l\"]" },
		{ "evt.type=open and proc.name in (\\\"l\\\")", "\"macros\":[],\"lists\":[\"l\"]" },
		{ "evt.type=open and proc.name = 'a l b'", "\"macros\":[],\"lists\":[]" },
		{ "evt.type=open and w", "\"macros\":[],\"lists\":[]" },
		{ "evt.type=open and proc.aname[2] = x and tolower(proc.env[\\\"A B\\\"]) = y",
		  "\"condition_fields\":[\"evt.type\",\"proc.aname[2]\",\"proc.env[A B]\"]" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf yaml = BUF_INIT, out = BUF_INIT;
		struct bed b;

		buf_printf(&yaml, "- list: l\n  items: [y]\n- macro: m\n  condition: evt.type=open\n"
			   "- list: w\n  items: [m]\n" RULE("r", "\"%s\""), cases[i][0]);
		bed_init(&b);
		bed_load(&b, yaml.p);
		ck_assert_int_eq(b.result, 0);
		ruleset_describe(b.rs, &out);
		ck_assert_msg(strstr(out.p, cases[i][1]), "%s: %s", cases[i][0], out.p);
		bed_done(&b);
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("describe");
	TCase *c = tcase_create("describe");

	tcase_add_test(c, names_in_descriptions);
	suite_add_tcase(s, c);
	return s;
}

TEST_MAIN(make_suite)
