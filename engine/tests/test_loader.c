/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rule loader: expansion of lists, macros, overrides, selections, outputs. Exceptions are in
 * test_loader_exceptions.c, what the loader reports in test_loader_diag.c.
 */
#include "engine/tests/loader_bed.h"

/* ---- lists --------------------------------------------------------------------------------- */

START_TEST(lists_in_conditions)
{
	static const char *const cases[][2] = {
		{ "- list: a\n  items: [x, y]\n- list: b\n  items: [a, z]\n"
		  RULE("r", "evt.type=open and proc.name in (b)"),
		  "(evt.type = open and proc.name in (x, y, z))" },
		{ "- list: b\n  items: [a, z]\n- list: a\n  items: [x, y]\n"
		  RULE("r", "evt.type=open and proc.name in (b)"),
		  "(evt.type = open and proc.name in (x, y, z))" },
		/* One level only: c keeps the name a, whose turn is over. */
		{ "- list: a\n  items: [x]\n- list: b\n  items: [a, y]\n- list: c\n  items: [b, z]\n"
		  RULE("r", "evt.type=open and proc.name in (c)"),
		  "(evt.type = open and proc.name in (a, y, z))" },
		{ "- list: a\n  items: [a, x]\n" RULE("r", "evt.type=open and proc.name in (a)"),
		  "(evt.type = open and proc.name in (a, x))" },
		{ "- list: e\n  items: []\n" RULE("r", "evt.type=open and proc.name in (x, e, y)"),
		  "(evt.type = open and proc.name in (x, y))" },
		{ "- list: e\n  items: []\n" RULE("r", "evt.type=open and proc.name in (e)"),
		  "(evt.type = open and proc.name in ())" },
		{ "- list: e\n  items: ['']\n" RULE("r", "evt.type=open and proc.name in (e , y)"),
		  "(evt.type = open and proc.name in (y))" },
		/* Empty only through a later list. */
		{ "- list: a\n  items: [e, e]\n- list: e\n  items: []\n"
		  RULE("r", "evt.type=open and proc.name in (x, a, y)"),
		  "(evt.type = open and proc.name in (x, y))" },
		{ "- list: a\n  items: ['a b', c, '\"(x)\"', \"x,y\"]\n"
		  RULE("r", "evt.type=open and proc.name in (a)"),
		  "(evt.type = open and proc.name in (\"a b\", c, (x), x, y))" },
		{ "- list: foo\n  items: [x, y]\n"
		  RULE("r", "evt.type=open and proc.cmdline = \"a foo b\""),
		  "(evt.type = open and proc.cmdline = \"a x, y b\")" },
		{ "- list: foo\n  items: [x]\n- list: foo_bar\n  items: [y]\n"
		  RULE("r", "evt.type=open and proc.name in (foo, foo_bar, /foo, foo.x, 'foo')"),
		  "(evt.type = open and proc.name in (x, y, /foo, foo.x, foo))" },
		{ "- list: two words\n  items: [x, y]\n"
		  RULE("r", "evt.type=open and proc.name in (two words)"),
		  "(evt.type = open and proc.name in (x, y))" },
		{ RULE("r", "evt.type=open and proc.name in (l)") "- list: l\n  items: [x]\n"
		  "- list: l\n  items: [1, true]\n  override: {items: append}\n",
		  "(evt.type = open and proc.name in (x, 1, true))" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_condition(cases[i][0], cases[i][1]);
}
END_TEST

/* Each list doubles the next one: the text may not grow without bound, nor the time. */
/* Items name lists that were defined before, whatever else was defined in between. */
START_TEST(lists_in_lists)
{
	struct bed b;

	bed_init(&b);
	bed_load(&b, "- macro: m\n  condition: proc.name=x\n- list: z\n  items: [q]\n"
		 "- list: b\n  items: [a, z]\n- list: a\n  items: [x]\n"
		 "- list: b\n  items: [a]\n  override: {items: append}\n"
		 "- list: c\n  items: [d]\n- list: d\n  items: [y]\n");
	ck_assert_int_eq(b.result, 0);
	ck_assert_uint_eq(b.rs->lists[1]->ncompiled, 3);
	ck_assert_str_view(b.rs->lists[1]->compiled[0], "x");
	ck_assert_str_view(b.rs->lists[1]->compiled[1], "q");
	ck_assert_str_view(b.rs->lists[3]->compiled[0], "d");
	bed_done(&b);
}
END_TEST

START_TEST(lists_that_explode)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (int i = 0; i < 60; i++)
		buf_printf(&text, "- list: l%d\n  items: [l%d, l%d]\n", i, i + 1, i + 1);
	buf_add_c(&text, "- list: l60\n  items: [x]\n" RULE("r", "evt.type=open and proc.name in (l0)"));
	check_fails(text.p, DIAG_ERR_VALIDATE);
	buf_clear(&text);
	for (int i = 0; i < 60; i++)
		buf_printf(&text, "- list: l%d\n  items: [l%d, l%d]\n", i, i + 1, i + 1);
	buf_add_c(&text, "- list: l60\n  items: []\n" RULE("r", "evt.type=open and proc.name in (l0)"));
	check_condition(text.p, "(evt.type = open and proc.name in ())");
}
END_TEST

/* ---- macros -------------------------------------------------------------------------------- */

START_TEST(macros)
{
	static const char *const cases[][2] = {
		{ "- macro: a\n  condition: evt.type=open or evt.type=close\n"
		  RULE("r", "a and proc.name=x"),
		  "((evt.type = open or evt.type = close) and proc.name = x)" },
		{ RULE("r", "m") "- macro: m\n  condition: evt.type=open\n", "evt.type = open" },
		{ "- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: evt.type=close\n"
		  "- macro: a\n  condition: b and proc.name=x\n" RULE("r", "a"),
		  "(evt.type = close and proc.name = x)" },
		/* A redefinition acts on earlier users. */
		{ "- macro: n\n  condition: evt.type=open\n- macro: u\n  condition: (n)\n"
		  "- macro: n\n  condition: evt.type=close\n" RULE("r", "u"), "evt.type = close" },
		{ "- macro: and\n  condition: evt.type=open\n" RULE("r", "and"), "evt.type = open" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_condition(cases[i][0], cases[i][1]);
	check_fails("- macro: a\n  condition: b\n- macro: b\n  condition: evt.type=open\n"
		    RULE("r", "a"), DIAG_ERR_VALIDATE);
	check_fails("- macro: a\n  condition: evt.type=open\n- macro: b\n  condition: a\n"
		    "- macro: a\n  condition: b\n" RULE("r", "a"), DIAG_ERR_VALIDATE);
	check_fails("- macro: a\n  condition: a\n" RULE("r", "a"), DIAG_ERR_VALIDATE);
}
END_TEST

/* Chains of macros in either order, up to the limit and far beyond it. */
static void check_chain(int n, bool forward, bool good)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_add_c(&text, "- macro: m0\n  condition: evt.type=open\n");
	for (int i = 1; i < n; i++)
		buf_printf(&text, "- macro: m%d\n  condition: m%d\n", i, i - 1);
	for (int i = n - 1; !forward && i > 0; i--)
		buf_printf(&text, "- macro: m%d\n  condition: m%d\n", i, n - i > 1 ? i + 1 : 0);
	buf_printf(&text, "- rule: r\n  desc: d\n  condition: m%d\n  output: o\n  priority: INFO\n",
		   forward ? n - 1 : 1);
	if (good)
		check_condition(text.p, "evt.type = open");
	else
		check_fails(text.p, DIAG_ERR_COMPILE_CONDITION);
}

START_TEST(macro_chain)
{
	check_chain(900, true, true);
	check_chain(900, false, true);
	check_chain(20000, true, false);
	check_chain(20000, false, false);
}
END_TEST

/* ---- rules --------------------------------------------------------------------------------- */

/* Whole numbers in all forms that YAML has for them. */
START_TEST(numbers)
{
	static const struct {
		const char *text;
		uint32_t value;
	} cases[] = { { "5", 5 }, { "+5", 5 }, { "0x10", 16 }, { "010", 8 }, { "'5 '", 5 } };
	static const char *const bad[] = { "-5", "' 5'", "5x", "4294967296", "''", "+", "5.5" };
	struct bed b;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf yaml = BUF_INIT;

		buf_printf(&yaml, "- required_engine_version: %s\n" RULE("r", "evt.type=open")
			   "  capture_duration: %s\n", cases[i].text, cases[i].text);
		bed_init(&b);
		bed_load(&b, yaml.p);
		ck_assert_msg(b.result == 0, "%s", cases[i].text);
		ck_assert_uint_eq(b.rs->rules[0]->capture_duration_ms, cases[i].value);
		bed_done(&b);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		_cleanup_buf_ struct buf yaml = BUF_INIT;

		buf_printf(&yaml, RULE("r", "evt.type=open") "  capture_duration: %s\n", bad[i]);
		check_fails(yaml.p, DIAG_ERR_YAML_VALIDATE);
	}
}
END_TEST

/* The first error in the order of the text decides, inside of macros too. */
START_TEST(skip_if_unknown)
{
	static const char known[] =
		"- macro: unknown\n  condition: no.such=1 and evt.num=abc\n"
		"- macro: bad\n  condition: evt.num=abc or no.such=1\n"
		"- macro: both\n  condition: (evt.type=open or unknown) and bad\n"
		"- macro: old\n  condition: evt.dir=<\n";
	static const struct {
		const char *condition;
		bool skipped;
		uint32_t warnings;
	} cases[] = {
		{ "no.such=1", true, 1 },
		{ "evt.type=nosuch and evt.num=abc", true, 1 },
		{ "evt.num=abc and evt.type=nosuch", false, 0 },
		{ "evt.type=open and unknown", true, 1 },
		{ "evt.type=open and bad", false, 0 },
		{ "both", true, 1 },
		{ "bad and unknown", false, 0 },
		{ "unknown and bad", true, 1 },
		{ "unknown and old and evt.dir=<", true, 2 },
		{ "no.such=1 and no_macro", false, 0 },
		{ "no.such=1 and", false, 0 },
		{ "proc.name=val(no.such) and evt.num icontains 5", true, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf yaml = BUF_INIT;
		uint32_t warnings;
		struct bed b;

		buf_printf(&yaml, "%s" RULE("r", "%s") "  skip-if-unknown-filter: true\n", known,
			   cases[i].condition);
		bed_init(&b);
		bed_load(&b, yaml.p);
		ck_assert_msg((b.result == 0) == cases[i].skipped, "%s", cases[i].condition);
		ck_assert_msg(b.rs->rules[0]->skipped == cases[i].skipped, "%s", cases[i].condition);
		warnings = count_code(&b, DIAG_UNKNOWN_FILTER) +
			   count_code(&b, DIAG_DEPRECATED_ITEM);
		ck_assert_msg(!cases[i].skipped || warnings == cases[i].warnings, "%s",
			      cases[i].condition);
		bed_done(&b);
	}
}
END_TEST

/* The old way to switch a rule looks at no other key. */
START_TEST(enabled_alone)
{
	struct bed b;

	bed_init(&b);
	bed_load(&b, RULE("r", "evt.type=open")
		 "- rule: r\n  enabled: false\n  source: k8s_audit\n  tags: 5\n");
	ck_assert_int_eq(b.result, 0);
	ck_assert(!b.rs->rules[0]->enabled);
	bed_done(&b);
}
END_TEST

START_TEST(overrides)
{
	struct rule *r;
	struct bed b;

	/* Keys that no override can name are judged like those of any item. */
	check_condition(RULE("r", "evt.type=open") "- rule: r\n  condition: and proc.name=x\n"
			"  override: {condition: append}\n  append: false\n  source: syscall\n"
			"  unknown: x\n",
			"(evt.type = open and proc.name = x)");
	bed_init(&b);
	bed_load(&b, RULE("first", "evt.type=close") RULE("r", "evt.type=open") "  tags: [a, c]\n"
		 "- rule: r\n  desc: more\n  condition: and proc.name=x\n  tags: [b, a]\n"
		 "  output: ' p=%proc.name'\n  priority: error\n  enabled: false\n"
		 "  capture: on\n  capture_duration: 7\n"
		 "  override: {desc: append, condition: append, tags: append, output: append,\n"
		 "    priority: replace, enabled: replace, capture: replace,\n"
		 "    capture_duration: replace}\n" RULE("first", "evt.type=open"));
	ck_assert_int_eq(b.result, 0);
	ck_assert_uint_eq(b.rs->nrules, 2);
	ck_assert_uint_eq(b.rs->nactive, 1);
	r = ruleset_find(b.rs, STR("r"));
	ck_assert_uint_eq(r->index, 1);
	ck_assert_str_view(r->desc, "d more");
	ck_assert_str_view(r->condition.s, "evt.type=open and proc.name=x");
	ck_assert_str_view(r->output.s, "o  p=%proc.name");
	ck_assert_uint_eq(r->priority, PRIO_ERROR);
	ck_assert(!r->enabled && r->capture);
	ck_assert_uint_eq(r->capture_duration_ms, 7);
	ck_assert_uint_eq(r->ntags, 3);
	ck_assert_str_view(r->tags[1], "b");
	ck_assert_ptr_null(ruleset_find(b.rs, STR("none")));
	bed_done(&b);
}
END_TEST

START_TEST(selections)
{
	static const struct rule_selection off_then_tag[] = {
		{ false, { "*", 1 }, { NULL, 0 } },
		{ true, { NULL, 0 }, { "t", 1 } },
		{ true, { "b*c", 3 }, { NULL, 0 } },
	};
	struct bed b;

	bed_init(&b);
	b.opts.selections = off_then_tag;
	b.opts.nselections = ARRAY_SIZE(off_then_tag);
	b.opts.min_priority = PRIO_INFORMATIONAL;
	bed_load(&b, RULE("a", "evt.type=open") "  tags: [t]\n  enabled: false\n"
		 RULE("b1c", "evt.type=open") RULE("b1", "evt.type=open")
		 "- rule: bc\n  desc: d\n  condition: evt.type=open\n  output: o\n"
		 "  priority: debug\n");
	ck_assert_int_eq(b.result, 0);
	ck_assert_uint_eq(b.rs->nactive, 2);
	ck_assert(b.rs->rules[0]->active && b.rs->rules[1]->active);
	ck_assert(!b.rs->rules[2]->active && !b.rs->rules[3]->active);
	bed_done(&b);
}
END_TEST

static bool selects(const char *pattern, const char *name)
{
	struct rule_selection s = { false, str_from(pattern), { NULL, 0 } };
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct bed b;
	bool on;

	buf_printf(&text, RULE("%s", "evt.type=open"), name);
	bed_init(&b);
	b.opts.selections = &s;
	b.opts.nselections = 1;
	bed_load(&b, text.p);
	ck_assert_uint_eq(b.rs->nrules, 1);
	on = b.rs->rules[0]->active;
	bed_done(&b);
	return !on;
}

START_TEST(patterns)
{
	static const struct {
		const char *pattern, *name;
		bool match;
	} cases[] = {
		{ "a b", "a b", true }, { "a", "a b", false }, { "", "a", true },
		{ "*", "a", true }, { "**", "a", true }, { "a*", "ab", true }, { "a*", "ba", false },
		{ "*b", "ab", true }, { "*b", "ba", false }, { "*a*b*", "xaxbx", true },
		{ "a*c", "abc", true }, { "a*a", "a", false }, { "*ab", "ab ab", false },
		{ "*a*", "xyz", false }, { "a*bc", "abbc", true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(selects(cases[i].pattern, cases[i].name) == cases[i].match, "%s %s",
			      cases[i].pattern, cases[i].name);
}
END_TEST

/* The text of a key outlives the load when an alias makes an item of it. */
START_TEST(anchored_key)
{
	struct bed b;

	bed_init(&b);
	bed_load(&b, "- &key list: names\n  items: [one, *key]\n" RULE("r", "proc.name in (names)"));
	ck_assert_int_eq(b.result, 0);
	ck_assert_uint_eq(b.rs->lists[0]->nitems, 2);
	ck_assert_str_view(b.rs->lists[0]->items[1], "list");
	bed_done(&b);
}
END_TEST

START_TEST(outputs)
{
	static const struct located_extra_field extra[] = { { { "k", 1 }, { "%evt.num", 8 } } };
	static const struct output_append appends[] = {
		{ .extra_output = { "all", 3 } },
		{ .tag_list = { "a, b", 4 }, .extra_output = { "ab", 2 } },
		{ .rule = { "r", 1 }, .extra_fields = extra, .nextra_fields = 1 },
		{ .source = { "other", 5 }, .extra_output = { "x", 1 } },
	};
	struct rule *r;
	struct bed b;

	bed_init(&b);
	b.opts.appends = appends;
	b.opts.nappends = ARRAY_SIZE(appends);
	bed_load(&b, RULE("r", "evt.type=open") "  tags: [b, a]\n" RULE("s", "evt.type=open"));
	ck_assert_int_eq(b.result, 0);
	r = ruleset_find(b.rs, STR("r"));
	ck_assert_str_view(r->output_full, "o all ab");
	ck_assert_uint_eq(r->nextra_fields, 1);
	r = ruleset_find(b.rs, STR("s"));
	ck_assert_str_view(r->output_full, "o all");
	ck_assert_uint_eq(r->nextra_fields, 0);
	bed_done(&b);
}
END_TEST

/* Extra fields that there are not are told when the rules load, not when they are compiled. */
START_TEST(wrong_extra_fields)
{
	static const struct {
		struct located_extra_field field;
		const char *message;
	} cases[] = {
		{ { STR("no.such"), STR("") }, "nonexistent field no.such in extra_fields" },
		{ { STR("proc.pidx"), STR("") }, "nonexistent field proc.pidx in extra_fields" },
		{ { STR("k"), STR("%no.such") }, "nonexistent field no.such" },
		{ { STR("proc.aname[2]"), STR("") }, NULL },
		{ { STR("k"), STR("text") }, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct output_append append = { .extra_fields = &cases[i].field,
						      .nextra_fields = 1 };
		struct bed b;

		bed_init(&b);
		b.opts.appends = &append;
		b.opts.nappends = 1;
		bed_load(&b, RULE("r", "evt.type=open"));
		ck_assert_int_eq(b.rs->ok, !cases[i].message);
		if (cases[i].message)
			ck_assert_msg(strstr(b.diags.items[0].message, cases[i].message) != NULL, "%s",
				      b.diags.items[0].message);
		bed_done(&b);
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("loader");
	TCase *c = tcase_create("loader");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, lists_in_conditions);
	tcase_add_test(c, lists_in_lists);
	tcase_add_test(c, lists_that_explode);
	tcase_add_test(c, macros);
	tcase_add_test(c, macro_chain);
	tcase_add_test(c, numbers);
	tcase_add_test(c, skip_if_unknown);
	tcase_add_test(c, enabled_alone);
	tcase_add_test(c, overrides);
	tcase_add_test(c, selections);
	tcase_add_test(c, patterns);
	tcase_add_test(c, outputs);
	tcase_add_test(c, wrong_extra_fields);
	tcase_add_test(c, anchored_key);
	suite_add_tcase(s, c);
	return s;
}

TEST_MAIN(make_suite)
