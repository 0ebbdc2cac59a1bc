/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions in the rule loader: the conditions that they make, in every shape.
 */
#include "engine/tests/loader_bed.h"

START_TEST(exceptions)
{
	static const char *const cases[][2] = {
		{ EXC("fields: [proc.name, fd.name]\n      values: [[a, b], [c, d]]"),
		  "(evt.type = open and not ((proc.name = a and fd.name = b) or "
		  "(proc.name = c and fd.name = d)))" },
		{ "- list: l\n  items: [::1, \"::\", ::ffff:1]\n"
		  EXC("fields: fd.sip\n      values: [127.0.0.1, ::1, l]"),
		  "(evt.type = open and not fd.sip in (127.0.0.1, ::1, ::1, ::, ::ffff:1))" },
		{ EXC("fields: proc.name\n      values: [a, b c]"),
		  "(evt.type = open and not proc.name in (a, \"b c\"))" },
		{ EXC("fields: [proc.name, fd.name]\n      comps: [in, startswith]\n"
		      "      values: [[[a, b], /etc]]"),
		  "(evt.type = open and not (proc.name in (a, b) and fd.name startswith /etc))" },
		{ "- list: l\n  items: [x, y]\n"
		  EXC("fields: [proc.name]\n      comps: [in]\n      values: [[l], [(l)], ['(l, z)']]"),
		  "(evt.type = open and not (proc.name in (x, y) or proc.name in (x, y) or "
		  "proc.name in (x, y, z)))" },
		{ EXC("fields: proc.name\n      comps: startswith   oneof \n      values: [a, b]"),
		  "(evt.type = open and not proc.name startswith oneof (a, b))" },
		{ EXC("fields: [\"join('-', (proc.name, proc.pname))\"]\n      comps: [=]\n"
		      "      values: [[a-b]]"),
		  "(evt.type = open and not join(-,(proc.name,proc.pname)) = a-b)" },
		{ EXC("fields: [proc.name]"), "evt.type = open" },
		{ RULE("r", "evt.type=open or evt.type=close")
		  "  exceptions: [{name: e, fields: [proc.name], values: [[a]]}]\n",
		  "((evt.type = open or evt.type = close) and not proc.name = a)" },
		{ EXC("fields: [proc.name]\n      values: [[a]]")
		  "    - {name: e, fields: [fd.name], values: [[b]]}\n"
		  "- rule: r\n  exceptions: [{name: e, values: [[c]]}]\n"
		  "  override: {exceptions: append}\n",
		  "(evt.type = open and not (proc.name = a or proc.name = c) and not fd.name = b)" },
		{ EXC("fields: [proc.name]\n      values: [[a]]")
		  "- rule: r\n  exceptions: [{name: f, fields: fd.name, values: [b]}]\n  append: true\n",
		  "(evt.type = open and not proc.name = a and not fd.name in (b))" },
		{ EXC("fields: [proc.name]\n      values: [[a]]")
		  "- rule: r\n  exceptions: [{name: f, fields: fd.name, values: [b]}]\n"
		  "  override: {exceptions: replace}\n",
		  "(evt.type = open and not fd.name in (b))" },
		{ EXC("fields: [proc.name, fd.name]\n      comps: [in, startswith oneof]\n"
		      "      values: [['a, b', '/c, \"/d e\"'], ['f g', '\"h, i\"']]"),
		  "(evt.type = open and not ((proc.name in (a, b) and "
		  "fd.name startswith oneof (/c, \"/d e\")) or "
		  "(proc.name in (\"f g\") and fd.name startswith oneof (\"h, i\"))))" },
		/* A null is no text. */
		{ EXC("fields: proc.name\n      values: [null]"),
		  "(evt.type = open and not proc.name in ())" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		check_condition(cases[i][0], cases[i][1]);
	check_fails(EXC("fields: proc.name\n      values: [null, a]"), DIAG_ERR_COMPILE_CONDITION);
	check_fails(EXC("fields: [proc.name]\n      values: [[~]]"), DIAG_ERR_COMPILE_CONDITION);
	check_fails(EXC("fields: [proc.name]\n      comps: [in]\n      values: [[[a, '']]]"),
		    DIAG_ERR_YAML_VALIDATE);
	check_fails(EXC("fields: [proc.name, '']"), DIAG_ERR_YAML_VALIDATE);
	check_fails(EXC("fields: [proc.name]\n      values: [[a, b]]"), DIAG_ERR_VALIDATE);
	check_fails(EXC("fields: [proc.name]\n      comps: [in, =]\n      values: [[a]]"),
		    DIAG_ERR_VALIDATE);
	check_fails(EXC("fields: [val(proc.name)]\n      values: [[a]]"), DIAG_ERR_VALIDATE);
	check_fails(EXC("fields: []\n      values: [[a]]"), DIAG_ERR_VALIDATE);
	check_fails(EXC("values: [[a]]"), DIAG_ERR_YAML_VALIDATE);
}
END_TEST

/* What an append brings beside an error is still said. */
START_TEST(appended_exceptions)
{
	static const struct {
		const char *entries;
		uint32_t no_values, not_unique;
		bool good;
	} cases[] = {
		{ "[{name: e}]", 1, 0, true },
		{ "[{name: e, values: []}]", 0, 0, true },
		{ "[{name: f, fields: fd.name}]", 1, 0, false },
		{ "[{name: f, fields: fd.name, values: []}]", 0, 0, false },
		{ "[{name: f}]", 1, 0, false },
		{ "[{name: e, values: [[b]]}, {name: e, values: [[c]]}]", 0, 1, true },
		{ "[{name: e, values: [[b]]}]", 0, 0, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_buf_ struct buf yaml = BUF_INIT;
		struct bed b;

		buf_printf(&yaml, EXC("fields: [proc.name]\n      values: [[a]]")
			   "- rule: r\n  exceptions: %s\n  override: {exceptions: append}\n",
			   cases[i].entries);
		bed_init(&b);
		bed_load(&b, yaml.p);
		ck_assert_msg((b.result == 0) == cases[i].good, "%s", cases[i].entries);
		ck_assert_uint_eq(count_code(&b, DIAG_APPEND_NO_VALUES), cases[i].no_values);
		ck_assert_uint_eq(count_code(&b, DIAG_EXCEPTION_NAME_NOT_UNIQUE),
				  cases[i].not_unique);
		bed_done(&b);
	}
}
END_TEST

/*
 * Values are put in as text: what closes the parentheses of its exception makes another condition.
 */
START_TEST(reshaped_by_exception)
{
	static const struct {
		const char *text;
		bool linked;
	} cases[] = {
		{ EXC("fields: [proc.name]\n      comps: [in]\n      values: [[[a, b]], ['(c)']]"), true },
		{ EXC("fields: [proc.name]\n      comps: [in]\n      values: [['(a))'], ['(b, c']]"),
		  false },
		{ EXC("fields: proc.name\n      comps: in\n      values: ['a)) or (proc.name in (b']"), true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct bed b;

		bed_init(&b);
		bed_load(&b, cases[i].text);
		ck_assert_int_eq(b.result, 0);
		ck_assert_ptr_nonnull(b.rs->rules[0]->ast);
		ck_assert_int_eq(b.rs->exceptions[0]->ast != NULL, cases[i].linked);
		bed_done(&b);
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("loader_exceptions");
	TCase *c = tcase_create("loader_exceptions");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, exceptions);
	tcase_add_test(c, appended_exceptions);
	tcase_add_test(c, reshaped_by_exception);
	suite_add_tcase(s, c);
	return s;
}

TEST_MAIN(make_suite)
