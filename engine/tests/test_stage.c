/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files judged one after the other: what only a part of the files says is added to what all of them
 * say, once.
 */
#include "engine/tests/loader_bed.h"

enum { FILES_MAX = 4 };

struct stage_case {
	const char *files[FILES_MAX];
	const char *together;		/* codes of the load of all files */
	const char *errors, *all;	/* codes that the stages add: errors alone, warnings too */
};

#define MACRO "- macro: m\n  condition: proc.name=x\n"

static const struct stage_case cases[] = {
	{ { RULE("r", "evt.type=open and m"), MACRO }, "", "LOAD_ERR_VALIDATE", "LOAD_ERR_VALIDATE" },
	{ { MACRO, RULE("r", "evt.type=open and m") }, "", "", "LOAD_UNUSED_MACRO" },
	{ { "- list: l\n  items: [a]\n", RULE("r", "evt.type=open and proc.name in (l)") }, "", "",
	  "LOAD_UNUSED_LIST" },
	/* The list's name is a value until there is a list. */
	{ { RULE("r", "evt.type=open and proc.name in (l)"), "- list: l\n  items: [a]\n" }, "", "", "" },
	{ { RULE("r", "proc.name=x"), RULE("r", "evt.type=open") }, "", "", "LOAD_NO_EVTTYPE" },
	{ { RULE("r", "no.such=x"), RULE("r", "evt.type=open") }, "", "LOAD_ERR_COMPILE_CONDITION",
	  "LOAD_ERR_COMPILE_CONDITION" },
	/* What all files say is there already. */
	{ { RULE("r", "no.such=x"), RULE("s", "evt.type=open") }, "LOAD_ERR_COMPILE_CONDITION", "", "" },
	{ { "foo", MACRO, MACRO }, "LOAD_ERR_YAML_VALIDATE", "", "" },
	{ { RULE("r", "evt.type=open and m"), RULE("s", "evt.type=open"), MACRO }, "",
	  "LOAD_ERR_VALIDATE", "LOAD_ERR_VALIDATE" },
	{ { "", RULE("s", "evt.type=open"), "" }, "", "", "" },
};

static void add_codes(const struct diags *d, uint32_t from, struct buf *out)
{
	for (uint32_t i = from; i < d->count; i++)
		buf_printf(out, "%s%s", out->len ? " " : "", diag_infos[d->items[i].code].name);
	buf_add_c(out, "");
}

static void run(const struct stage_case *c, bool warnings)
{
	static const char *const names[FILES_MAX] = { "a.yaml", "b.yaml", "c.yaml", "d.yaml" };
	_cleanup_buf_ struct buf together = BUF_INIT, added = BUF_INIT;
	struct ruleset_text texts[FILES_MAX];
	uint32_t n = 0, before, errors;
	struct bed b;

	bed_init(&b);
	b.rs = ruleset_new(&b.opts, &b.limits, &b.diags);
	for (; n < FILES_MAX && c->files[n]; n++) {
		texts[n] = (struct ruleset_text){ names[n], str_from(c->files[n]) };
		ruleset_add(b.rs, names[n], texts[n].text);
	}
	ruleset_finish(b.rs);
	before = b.diags.count;
	errors = b.diags.errors;
	b.result = ruleset_judge_stages(&b.opts, texts, n - 1, warnings, &b.limits, &b.diags);
	ck_assert_int_eq(b.result, (int)(b.diags.errors - errors));
	add_codes(&b.diags, before, &added);
	b.diags.count = before;
	add_codes(&b.diags, 0, &together);
	ck_assert_str_eq(together.p, c->together);
	ck_assert_str_eq(added.p, warnings ? c->all : c->errors);
	bed_done(&b);
}

START_TEST(stages)
{
	run(&cases[_i], false);
	run(&cases[_i], true);
}
END_TEST

/* Copies outlive the sets that they come from, and say where and what to do. */
START_TEST(copies)
{
	const struct ruleset_text texts[] = { { "a.yaml", STR(RULE("r", "evt.type=open and m")) } };
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct bed b;

	bed_init(&b);
	ck_assert_int_eq(ruleset_judge_stages(&b.opts, texts, 1, true, &b.limits, &b.diags), 1);
	bed_text(&b, &text);
	ck_assert_str_eq(text.p, "a.yaml:3:32: error: Undefined macro 'm' used in filter. "
			 "[LOAD_ERR_VALIDATE]\n"
			 "      3 |   condition: evt.type=open and m\n"
			 "        |                                ^\n"
			 "  in rule 'r', rule condition, condition expression "
			 "'\"evt.type=open and m\"'\n"
			 "  hint: later files make up for it, but each file must load with those before "
			 "it: change their order\n");
	bed_done(&b);
}
END_TEST

START_TEST(bounded)
{
	const struct ruleset_text texts[] = {
		{ "a.yaml", STR(MACRO) }, { "b.yaml", STR("- list: l\n  items: [a]\n") },
	};
	struct bed b;

	bed_init(&b);
	b.limits.max[LIMIT_RULE_STAGES] = 1;
	ck_assert_int_eq(ruleset_judge_stages(&b.opts, texts, 2, true, &b.limits, &b.diags), 0);
	ck_assert_uint_eq(b.diags.count, 1);
	ck_assert_uint_eq(b.limits.hits[LIMIT_RULE_STAGES], 1);
	bed_done(&b);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("stage");
	TCase *c = tcase_create("stage");

	tcase_add_loop_test(c, stages, 0, ARRAY_SIZE(cases));
	tcase_add_test(c, copies);
	tcase_add_test(c, bounded);
	suite_add_tcase(s, c);
	return s;
}

TEST_MAIN(make_suite)
