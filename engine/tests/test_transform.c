/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What transformers give: constants and the fields of one event (close of fd 7, number 42).
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

static struct operand *resolve(const char *text)
{
	const char *msg = NULL;
	struct operand *op;
	struct expr *e;
	struct scan s;
	struct pos pos;
	int r;

	scan_init(&s, str_from(text), &o.arena);
	e = expr_parse_left(&s);
	ck_assert_msg(e && scan_end(&s), "%s: %s", text, s.error);
	r = operand_resolve(e, &o.scope, &op, &msg, &pos);
	ck_assert_msg(r == 0, "%s: %s", text, msg);
	return op;
}

static void gives(const char *text, const char *expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	ck_assert_msg(operand_print(resolve(text), &o.ctx, &out), "%s has no value", text);
	ck_assert_msg(str_is(buf_str(&out), expected), "%s gives \"%s\", not \"%s\"", text, out.p,
		      expected);
}

static void missing(const char *text)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	ck_assert_msg(!operand_print(resolve(text), &o.ctx, &out), "%s gives \"%s\"", text, out.p);
}

START_TEST(letters)
{
	gives("tolower('ABC-zZ[@')", "abc-zz[@");
	gives("toupper('abc-zZ{`')", "ABC-ZZ{`");
	gives("toupper('\xc3\xa9')", "\xc3\xa9");
	gives("toupper(basename('/usr/bin/cat'))", "CAT");
	gives("tolower(('A', 'B'))", "(a,b)");
	gives("tolower('')", "");
}
END_TEST

START_TEST(base64)
{
	gives("b64('aGVsbG8=')", "hello");
	gives("b64('aGVsbG8')", "hello");
	gives("b64('YQ==')", "a");
	gives("b64('YQ')", "a");
	gives("b64('')", "");
	missing("b64('a')");
	missing("b64('YQ=')");
	missing("b64('aGVs bG8=')");
	missing("b64('aG=sbG8=')");
	missing("b64('aGVsbG8===')");
	missing("b64('cat')");	/* bits too many */
	missing("b64('====')");
}
END_TEST

/* Printing repairs text; conditions see the bytes. */
START_TEST(base64_bytes)
{
	struct value_list v;

	ck_assert(operand_eval(resolve("b64('+/+/')"), &o.ctx, &v));
	ck_assert_uint_eq(v.n, 1);
	ck_assert_str_view(v.v[0].s, "\xfb\xff\xbf");
}
END_TEST

START_TEST(names_and_sizes)
{
	gives("basename('/a/b/c')", "c");
	gives("basename('/a/b/')", "");
	gives("basename('plain')", "plain");
	gives("len('abc')", "3");
	gives("len('')", "0");
	gives("len(('a', 'b'))", "2");
	gives("len(concat('ab', 'cd'))", "4");
	gives("len(evt.type)", "5");
}
END_TEST

START_TEST(putting_together)
{
	gives("join(', ', ('a', 'b', 'c'))", "a, b, c");
	gives("join('-', ())", "");
	gives("join('-', ('a'))", "a");
	gives("join('-', (evt.type, evt.num, 7))", "close-42-7");
	gives("join(evt.num, ('a', 'b'))", "a42b");
	gives("concat('a', evt.type, 'b')", "acloseb");
	gives("concat('a', 5)", "a5");
	/* One missing part leaves nothing. */
	missing("concat('a', evt.arg.newpath)");
	missing("join('-', ('a', evt.arg.newpath))");
	missing("toupper(evt.arg.newpath)");
	missing("len(evt.arg.newpath)");
}
END_TEST

START_TEST(options)
{
	gives("getopt(('-n', '-t', 'x'), 'nt:')", "(n,t,x)");
	gives("getopt(('-ntx', 'y'), 'nt:')", "(n,t,x)");
	gives("getopt(('-t'), 't:')", "()");	/* one empty string */
	gives("len(getopt(('-t'), 't:'))", "1");
	gives("getopt(('-x', '--', '-n'), 'n')", "(?)");
	gives("getopt(('--long', '-n'), 'n')", "(n)");
	gives("getopt(('x', '-n'), 'n')", "()");
	gives("getopt(('-', '-n'), 'n')", "()");
	gives("getopt((), 'n')", "()");
	gives("getopt(('-:'), ':n:')", "(?)");
	gives("getopt(('-t', 'a', '-t', 'b'), 't:')[t]", "b");
	gives("getopt(('-n'), 'n')[n]", "n");
	gives("getopt(('-t'), 't:')[t]", "");
	missing("getopt(('-n'), 'nt:')[t]");
	missing("getopt(('-x'), 'n')['?']");
	missing("getopt((evt.arg.newpath), 'n')");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("transform");
	TCase *t = tcase_create("eval");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, letters);
	tcase_add_test(t, base64);
	tcase_add_test(t, base64_bytes);
	tcase_add_test(t, names_and_sizes);
	tcase_add_test(t, putting_together);
	tcase_add_test(t, options);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
