/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output templates: where a field ends in a text, widths, errors.
 */
#include "engine/tests/out_ctx.h"
#include "engine/tests/test.h"

static struct out_ctx o;

static void setup(void)
{
	out_ctx_init(&o, 0);
}

static void teardown(void)
{
	out_ctx_done(&o);
}

static void renders(const char *template, const char *expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	const char *msg = NULL;
	struct format f;
	struct pos pos;
	int r = format_compile(str_from(template), &o.scope, &f, &msg, &pos);

	ck_assert_msg(!r, "\"%s\": %s", template, msg);
	ck_assert_int_eq(format_check(str_from(template), &o.scope, &msg, &pos), 0);
	format_render(&f, &o.ctx, &out);
	ck_assert_msg(str_is(buf_str(&out), expected), "\"%s\" gives \"%s\", not \"%s\"", template,
		      out.p, expected);
}

START_TEST(where_fields_end)
{
	renders("plain", "plain");
	renders("%evt.num", "42");
	renders("%evt.numX", "42X");
	renders("%evt.num.", "42.");
	renders("(%evt.num)(%evt.type),%evt.cpu;", "(42)(close),1;");
	renders("%evt.type[0]", "close[0]");
	renders("%evt.num%evt.num", "4242");
	renders("%evt.arg.fd,", "7,");
	renders("%evt.arg[0]", "0");
	renders("%toupper(evt.type)x", "CLOSEx");
	renders("%toupper( evt.type )|", "CLOSE|");
	renders("a\\n%evt.num", "a\\n42");
	renders("tab\t\xff", "tab\t\xff");
}
END_TEST

START_TEST(missing_values)
{
	renders("%evt.arg.newpath", "<NA>");
	renders("%toupper(evt.arg.newpath)!", "<NA>!");
}
END_TEST

START_TEST(widths)
{
	renders("[%8evt.type]", "[close   ]");
	renders("[%2evt.type]", "[cl]");
	renders("[%0evt.type]", "[close]");
	renders("%1evt.type%6evt.num|", "c42    |");
	renders("[%3evt.arg.newpath]", "[<NA]");
}
END_TEST

START_TEST(errors)
{
	static const struct {
		const char *template, *message;
		uint32_t offset;
	} rows[] = {
		{ "", "empty formatting token", 0 },
		{ "x%", "formatting cannot end with a %", 1 },
		{ "100%% done", "unknown filter: ", 3 },
		{ "%no.such", "unknown filter: ", 0 },
		{ "a %-5evt.num", "unknown filter: ", 2 },
		{ "%evt.arg.", "unknown filter: ", 0 },
		{ "%evt.arg[1", "unknown filter: ", 0 },
		{ "%tolower(evt.type", "unknown filter: ", 0 },
		{ "%5", "unknown filter: ", 0 },
		{ "%toupper(no.such)", "unknown filter: ", 0 },
		{ "%tolower(evt.type x", "unknown filter: expected a ')'", 0 },
		{ "%evt", "unknown filter: 'evt' is not a field", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const char *msg = NULL, *checked = NULL;
		struct pos pos = { 0 }, at = { 0 };
		struct format f;

		ck_assert_msg(format_compile(str_from(rows[i].template), &o.scope, &f, &msg,
					     &pos) == -EINVAL, "%s", rows[i].template);
		ck_assert_ptr_nonnull(msg);
		ck_assert_msg(strstr(msg, rows[i].message), "%s: %s", rows[i].template, msg);
		ck_assert_uint_eq(pos.offset, rows[i].offset);
		ck_assert_int_eq(format_check(str_from(rows[i].template), &o.scope, &checked, &at),
				 -EINVAL);
		ck_assert_str_eq(checked, msg);
		ck_assert_mem_eq(&at, &pos, sizeof(at));
	}
}
END_TEST

static void fails(const char *head, unsigned n, const char *middle, const char *tail)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *msg;
	struct format f;
	struct pos pos;

	buf_add_c(&text, head);
	while (n--)
		buf_add_c(&text, middle);
	buf_add_c(&text, tail);
	ck_assert_int_eq(format_compile(buf_str(&text), &o.scope, &f, &msg, &pos), -EINVAL);
}

/* Ends that cannot be right are not tried: with all of them these take minutes. */
START_TEST(long_and_wrong)
{
	fails("%join(',', (no.such", 30000, ", evt.type", "))");
	fails("%", 60000, "a.b.", "c");
	fails("%getopt((no.such), 'a')[\"", 60000, ")[", "\"]");
	fails("%toupper(evt.num)", 60000, ")", "");
}
END_TEST

START_TEST(fields_are_distinct)
{
	static const char *const names[] = { "evt.num", "evt.type", "evt.arg.fd" };
	const char *msg;
	struct format f;
	struct pos pos;

	ck_assert_int_eq(format_compile(STR("%evt.num %toupper(evt.type) %evt.num "
					    "%join('-', (evt.type, evt.arg.fd))"),
					&o.scope, &f, &msg, &pos), 0);
	ck_assert_uint_eq(f.nfields, ARRAY_SIZE(names));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_assert_str_view(f.fields[i]->text, names[i]);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("format");
	TCase *tc = tcase_create("format");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, where_fields_end);
	tcase_add_test(tc, missing_values);
	tcase_add_test(tc, widths);
	tcase_add_test(tc, errors);
	tcase_add_test(tc, long_and_wrong);
	tcase_add_test(tc, fields_are_distinct);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
