/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the loader reports: places, hints, the verdict of the schema, and one golden text per
 * diagnostic (engine/tests/golden/diag/NAME.yaml and .expected, written anew with UPDATE_GOLDEN=1).
 */
#include <dirent.h>

#include "engine/tests/loader_bed.h"

static const char golden_dir[] = "engine/tests/golden/diag";

/* ---- positions ----------------------------------------------------------------------------- */

struct where {
	const char *yaml;
	uint32_t line, col;
};

START_TEST(positions)
{
	static const struct where cases[] = {
		{ RULE("r", "evt.type=open and no.such=1"), 3, 32 },
		{ RULE("r", "'evt.type=open and proc.name=\"it''s\" and no.such=1'"), 3, 55 },
		{ RULE("r", "\"evt.type=open and proc.name=\\\"x\\\" and no.such=1\""), 3, 53 },
		{ RULE("r", ">\n    evt.type=open\n    and\n    no.such=1"), 6, 5 },
		{ RULE("r", "|\n    evt.type=open and\n      no.such=1"), 5, 7 },
		{ RULE("r", "evt.type=open\n    and no.such=1"), 4, 9 },
		{ RULE("r", "evt.type=open\xc3\xa9 and no.such=1"), 3, 34 },
		{ "- list: l\n  items: [x, y]\n" RULE("r", "evt.type=open and proc.name in (l) and "
		  "no.such=1"), 5, 53 },
		{ RULE("r", "evt.type=open") "- rule: r\n  condition: and no.such=1\n"
		  "  override: {condition: append}\n", 7, 18 },
		{ EXC("fields: [proc.name, evt.num]\n      values:\n        - [a, 1]\n"
		      "        - [b, q]"), 11, 11 },
		{ "- macro: m\n  condition: >\n    no.such=1\n" RULE("r", "evt.type=open and m"), 3, 5 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		const struct diag *g = NULL;
		struct bed b;

		bed_init(&b);
		bed_load(&b, cases[i].yaml);
		bed_text(&b, &text);
		for (uint32_t k = 0; k < b.diags.count && !g; k++)
			if (diag_infos[b.diags.items[k].code].severity == DIAG_ERROR &&
			    !strstr(b.diags.items[k].message, "event type"))
				g = &b.diags.items[k];
		ck_assert_msg(g != NULL, "%s", cases[i].yaml);
		ck_assert_msg(g->pos.line == cases[i].line && g->pos.col == cases[i].col,
			      "%s\nnot at %u:%u: %s", cases[i].yaml, cases[i].line, cases[i].col,
			      text.p);
		ck_assert_str_eq(g->file, "rules.yaml");
		bed_done(&b);
	}
}
END_TEST

/* Tabs on lines that say nothing and odd bytes in comments are no matter; places stay right. */
START_TEST(lines_that_say_nothing)
{
	static const char *const good[] = {
		"\t# tab\n" RULE("r", "evt.type=open") "\t\n  \t \n\t# x\n" RULE("s", "evt.type=open")
		"\t",
		"# caf\xe9 \x07 \xef\xbb\xbf \x7f \xc3\xa9\n" RULE("r", "evt.type=open"),
		"\t\r\n- list: l\r\n  items: [a]\r\n\t\r\n" RULE("r", "evt.type in (open)"),
		RULE("r", ">\n    evt.type=open\n\t\n    and proc.name=x"),
	};
	static const char *const bad[] = {
		"- list: l\n  items: [a,, ::1]\n", "- list: l\n  items: {a: b, ::, c: ::}\n",
		"- rule: r\n\tdesc: d\n", "- list: l\n  items: [caf\xe9]\n", "- list: l # \xe9\n",
		"- list: l\n  items: [a\x07]\n",
	};
	struct bed b;

	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		bed_init(&b);
		bed_load(&b, good[i]);
		ck_assert_msg(b.result == 0, "%s", good[i]);
		ck_assert_ptr_nonnull(ruleset_find(b.rs, STR("r")));
		bed_done(&b);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		bed_init(&b);
		bed_load(&b, bad[i]);
		ck_assert_msg(b.result == -EINVAL, "%s", bad[i]);
		bed_done(&b);
	}
	bed_init(&b);
	bed_load(&b, "# \xe9\xe9\xc3\xa9\n\t\n" RULE("r", "proc.name=\xc3\xa9 and no.such=1"));
	ck_assert_uint_eq(b.diags.items[0].pos.line, 5);
	ck_assert_uint_eq(b.diags.items[0].pos.col, 31);
	ck_assert_str_view(b.diags.items[0].source_line,
			   "  condition: proc.name=\xc3\xa9 and no.such=1");
	bed_done(&b);
}
END_TEST

/* All problems of all files come in one run. */
START_TEST(everything_is_reported)
{
	struct bed b;

	bed_init(&b);
	b.rs = ruleset_new(&b.opts, &b.limits, &b.diags);
	ck_assert_int_eq(ruleset_add(b.rs, "a.yaml", STR("- rule: a\n  desc: d\n")), -EINVAL);
	ck_assert_int_eq(ruleset_add(b.rs, "b.yaml", STR("- [\n")), -EINVAL);
	ck_assert_int_eq(ruleset_add(b.rs, "c.yaml", STR(RULE("c", "no.such=1 and nor.this=2"))), 0);
	ck_assert_int_eq(ruleset_finish(b.rs), -EINVAL);
	ck_assert_int_eq(ruleset_finish(b.rs), -EINVAL);
	ck_assert_uint_eq(b.diags.errors, 3 + 1 + 2);
	ck_assert_str_eq(b.diags.items[3].file, "b.yaml");
	bed_done(&b);
}
END_TEST

/* In conditions, in macros and in outputs; other deprecated things have no field. */
START_TEST(deprecated_fields)
{
	static const char yaml[] =
		"- macro: m\n  condition: evt.dir=<\n"
		"- rule: r\n  desc: d\n  condition: evt.type=open and m and evt.latency > 1\n"
		"  output: '%evt.wait_latency'\n  priority: INFO\n- rule: r\n  enabled: false\n";
	static const char *const fields[] = { "evt.dir", "evt.latency", "evt.wait_latency" };
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint32_t n = 0;
	struct bed b;

	bed_init(&b);
	bed_load(&b, yaml);
	ck_assert_int_eq(b.result, 0);
	ck_assert_uint_eq(b.diags.warnings, 4);
	ruleset_check_json(b.rs, &b.diags, &out);
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		_cleanup_buf_ struct buf want = BUF_INIT;

		buf_printf(&want, "\"deprecated_field\":\"%s\"", fields[i]);
		ck_assert_msg(strstr(out.p, want.p), "%s: %s", want.p, out.p);
	}
	for (const char *p = out.p; (p = strstr(p, "deprecated_field")); p++)
		n++;
	ck_assert_uint_eq(n, ARRAY_SIZE(fields));
	bed_done(&b);
}
END_TEST

/* A rule with a bad key is judged on; what the key would have brought is left out. */
START_TEST(broken_rules)
{
	static const struct {
		const char *yaml;
		uint32_t errors;
	} cases[] = {
		{ "- rule: r\n  desc: d\n  priority: high\n  condition: m and no.such=1\n"
		  "  output: '%no.such'\n", 4 },
		{ "- rule: r\n  desc: d\n  priority: INFO\n  condition: no.such=1\n", 2 },
		{ "- rule: r\n  desc: d\n  priority: INFO\n  output: '%no.such'\n", 2 },
		{ EXC("fields: [proc.name, no.such]\n      values: [[a, b]]") "  priority: high\n", 1 },
		{ EXC("fields: [proc.name, fd.name]\n      values: [[a, ''], [b, {c: d}]]"), 2 },
		{ EXC("fields: [proc.name]\n      values: [[a]]")
		  "- rule: r\n  exceptions: [{name: e, values: [[''], [b, c], [d]]}]\n"
		  "  condition: and no.such=1\n  append: true\n", 3 },
		{ EXC("fields: proc.name") "- rule: r\n  exceptions: [{name: e, values: [[a], '']}]\n"
		  "  override: {exceptions: append}\n", 2 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		struct bed b;

		bed_init(&b);
		bed_load(&b, cases[i].yaml);
		bed_text(&b, &text);
		ck_assert_int_eq(b.result, -EINVAL);
		ck_assert_msg(b.diags.errors == cases[i].errors, "%s\n%s", cases[i].yaml, text.p);
		bed_done(&b);
	}
}
END_TEST

/* A file that is not YAML: the usual mistakes. */
START_TEST(yaml_hints)
{
	static const struct {
		const char *text, *hint;
		uint32_t line, col;
	} cases[] = {
		{ "- rule: r\n  output: %proc.name x\n",
		  "a value that begins with '%' needs quotes: '%proc.name ...'", 2, 11 },
		{ "- list: l\n  items: [@a]\n", "a value that begins with this character needs quotes",
		  2, 11 },
		{ "- rule: r\n  output: a: b\n", "a value with ': ' in it needs quotes", 2, 12 },
		{ "- rule: r\n  desc: d\n   x: y\n", "the line is indented deeper than its neighbours",
		  3, 5 },
		{ "- rule: r\n\tdesc: d\n", "indent with blanks, not with tabs", 2, 1 },
		{ "- rule: r\n  desc: \"d\n", "the quote is not closed", 2, 9 },
		{ "- list: l\n  items: [a\n- list: m\n", "a '[' is not closed, or a ',' is missing",
		  3, 7 },
		{ "- list: l\n  items: [*.x]\n", "a value that begins with '*' needs quotes", 2, 12 },
		{ "- list: l\n  items: [a,, b]\n",
		  "a ',' is too many, or a value that begins with ':' needs quotes", 2, 13 },
		{ "- list: l\n  items: [a:, b]\n", "a value that ends with ':' needs quotes", 2, 12 },
		{ "- rule: r\n desc: d\n", "every item begins with '- ', and all of them in one column",
		  2, 2 },
		{ "- rule: r\n  desc:d\n  x: y\n",
		  "a blank must follow the ':' of each key; look at the line before", 3, 3 },
		{ "\xff\xfe-", "the file is UTF-16, save it as UTF-8", 1, 1 },
		{ "- rule: \xe9\n", "save the file as UTF-8", 1, 9 },
		{ "rule: r\n", "begin each item with '- ', as in '- rule: NAME'", 1, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct diag *g;
		struct bed b;

		bed_init(&b);
		bed_load(&b, cases[i].text);
		ck_assert_uint_eq(b.diags.count, 1);
		g = &b.diags.items[0];
		ck_assert_str_eq(g->hint, cases[i].hint);
		ck_assert_msg(g->pos.line == cases[i].line && g->pos.col == cases[i].col, "%s: %u:%u",
			      cases[i].text, g->pos.line, g->pos.col);
		bed_done(&b);
	}
}
END_TEST

/* What the JSON schema says; the file loads or not for other reasons. */
START_TEST(schema)
{
	static const struct {
		const char *text, *warning;
	} cases[] = {
		{ RULE("r", "evt.type=open"), NULL },
		{ "- list: l\n  items: [1, a]\n  priority: INFO\n", NULL },
		{ "a: b\n", "failed for <root>: Value type not permitted by 'type' constraint: not an "
			    "array." },
		{ "- list: l\n  items: [[a]]\n", "failed for <root>[0][items][0]: Value type not "
						 "permitted by 'type' constraint: not a string." },
		{ "- rule: r\n  priority: info\n", "failed for <root>[0][priority]: Failed to match "
						   "against any enum values: 'info'." },
		{ "- rule: r\n  enabled: yes\n", "failed for <root>[0][enabled]: Value type not "
						 "permitted by 'type' constraint: not true or false." },
		{ "- rule: r\n  capture_duration: x\n",
		  "failed for <root>[0][capture_duration]: Value type not permitted by 'type' "
		  "constraint: not an integer." },
		{ "- rule: r\n  override: {}\n", "failed for <root>[0][override]: Object should have "
						 "at least 1 properties." },
		{ "- rule: r\n  override: {desc: x}\n",
		  "failed for <root>[0][override][desc]: Failed to match against any enum values: "
		  "append or replace." },
		{ "- required_plugin_versions: [{name: x}]\n",
		  "failed for <root>[0][required_plugin_versions][0]: Missing required property "
		  "'version'." },
		{ "- list: l\n  items: []\n---\n- list: m\n  foo: x\n",
		  "failed for <root>[0]: Object contains a property that could not be validated using "
		  "'properties' or 'additionalProperties' constraints: 'foo'." },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct file_verdict *file;
		struct bed b;

		bed_init(&b);
		b.opts.schema = true;
		bed_load(&b, cases[i].text);
		file = b.rs->files;
		ck_assert_int_eq(file->schema, cases[i].warning ? SCHEMA_FAILED : SCHEMA_OK);
		ck_assert_uint_eq(file->nwarnings, cases[i].warning != NULL);
		if (cases[i].warning)
			ck_assert_msg(str_is(file->warnings[0], cases[i].warning), "%s",
				      file->warnings[0].p);
		bed_done(&b);
	}
}
END_TEST

/* ---- golden texts -------------------------------------------------------------------------- */

/* A first line "#unreadable REASON" puts a file that cannot be read before the one at hand. */
static void render_golden(const char *path, struct buf *out)
{
	static const char mark[] = "#unreadable ";
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct bed b;

	golden_read(path, &text);
	bed_init(&b);
	b.opts.lint = true;
	b.rs = ruleset_new(&b.opts, &b.limits, &b.diags);
	ck_assert_ptr_nonnull(b.rs);
	if (str_starts(buf_str(&text), str_from(mark))) {
		char reason[64] = "";

		ck_assert_int_eq(sscanf(text.p + strlen(mark), "%63[^\n]", reason), 1);
		ruleset_add_unreadable(b.rs, "missing.yaml", reason);
	}
	ruleset_add(b.rs, "rules.yaml", buf_str(&text));
	ruleset_finish(b.rs);
	bed_text(&b, out);
	bed_done(&b);
}

static void check_golden(const char *name, struct buf *all)
{
	_cleanup_buf_ struct buf got = BUF_INIT, path = BUF_INIT;

	buf_printf(&path, "%s/%s", golden_dir, name);
	render_golden(path.p, &got);
	golden_compare(path.p, &got);
	buf_add_str(all, buf_str(&got));
}

/* Codes of single rule files; those of bundles, captures and so on have tests of their own. */
static bool is_of_loader(enum diag_code code)
{
	return code != DIAG_LINT_EXPIRED_EXCEPTION && code != DIAG_LINT_FILE_WITHOUT_LAYER &&
	       (strncmp(diag_infos[code].name, "LOAD_", 5) == 0 ||
		strncmp(diag_infos[code].name, "LINT_", 5) == 0);
}

START_TEST(golden)
{
	_cleanup_buf_ struct buf all = BUF_INIT;
	DIR *dir = opendir(golden_dir);
	struct dirent *e;

	ck_assert_msg(dir != NULL, "%s (run from the top of the tree)", golden_dir);
	while ((e = readdir(dir)))
		if (str_ends(str_from(e->d_name), STR(".yaml")))
			check_golden(e->d_name, &all);
	closedir(dir);
	for (int code = 0; code < DIAG_COUNT; code++) {
		char tag[64];

		snprintf(tag, sizeof(tag), "[%s]", diag_infos[code].name);
		ck_assert_msg(!is_of_loader(code) || str_contains(buf_str(&all), str_from(tag)),
			      "no golden text for %s", tag);
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("loader_diag");
	TCase *c = tcase_create("loader_diag");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, positions);
	tcase_add_test(c, lines_that_say_nothing);
	tcase_add_test(c, everything_is_reported);
	tcase_add_test(c, deprecated_fields);
	tcase_add_test(c, broken_rules);
	tcase_add_test(c, yaml_hints);
	tcase_add_test(c, schema);
	tcase_add_test(c, golden);
	suite_add_tcase(s, c);
	return s;
}

TEST_MAIN(make_suite)
