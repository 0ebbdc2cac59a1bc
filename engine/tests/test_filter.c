/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter language on directed cases: canonical texts, messages with positions, checker,
 * warnings, macros, event types. The golden list is in test_filter_golden.c.
 */
#include "engine/rule/filter.h"
#include "engine/tests/test.h"

static struct arena arena;
static struct limits limits;

static void setup(void)
{
	arena_init(&arena, 4096, 0);
	limits_init(&limits);
}

static void teardown(void)
{
	arena_done(&arena);
}

static struct ast *parse(const char *text)
{
	struct filter_error err = { 0 };
	struct ast *ast = NULL;
	int r = filter_parse(str_from(text), &arena, &limits, &ast, &err);

	ck_assert_msg(r == 0, "\"%.200s\": %s", text, err.message);
	return ast;
}

static void prints(const char *text, const char *expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	filter_print(&out, parse(text));
	ck_assert_msg(str_is(buf_str(&out), expected), "\"%s\" gives \"%s\", not \"%s\"", text,
		      out.p, expected);
}

static void refused(const char *text, uint32_t line, uint32_t col, const char *message)
{
	struct filter_error err = { 0 };
	struct ast *ast;

	ck_assert_int_eq(filter_parse(str_from(text), &arena, &limits, &ast, &err), -EINVAL);
	ck_assert_str_eq(err.message, message);
	ck_assert_uint_eq(err.pos.line, line);
	ck_assert_uint_eq(err.pos.col, col);
	ck_assert_uint_ge(err.span, 1);
}

START_TEST(precedence)
{
	prints("a or b and c", "(a or (b and c))");
	prints("(a or b) and c", "((a or b) and c)");
	prints("not a and b", "(not a and b)");
	prints("not (a and b)", "not (a and b)");
	prints("a and b and c or d or e", "((a and b and c) or d or e)");
	prints("((a))", "a");
	prints("a and (b and c)", "(a and (b and c))");
	prints("not not not a", "not a");
	prints("not(not a)", "not not a");
	prints("not not(not not(not a))", "not a");
}
END_TEST

/* Different spellings of one condition. */
START_TEST(spellings)
{
	static const char *const same[] = {
		"(evt.type = open and proc.name in (a, b))",
		"evt.type=open and proc.name in (a,b)",
		"  evt.type\t=\n open and(proc.name in( a ,b ))",
		"(evt.type='open')and((proc.name in (\"a\", 'b')))",
		"evt.type = 'open'and proc.name in(a,b)",
	};

	for (size_t i = 0; i < ARRAY_SIZE(same); i++)
		prints(same[i], same[0]);
}
END_TEST

START_TEST(operators)
{
	prints("a.b existsand c", "(a.b exists and c)");
	prints("a.b inx", "a.b in x");
	prints("a.b>=5and c", "(a.b >= 5 and c)");
	prints("a.b==5", "a.b == 5");
	prints("a.b pmatch(/a,/b)", "a.b pmatch (/a, /b)");
	prints("a.b intersects x", "a.b intersects x");
	prints("a.b < 0x1F", "a.b < 0x1F");
	prints("a.b > -1.5e+3", "a.b > -1.5e+3");
	prints("a.b = and", "a.b = and");
	prints("a.b = <NA>", "a.b = <NA>");
	prints("a.b = oneof", "a.b = oneof");
	prints("a.b = oneof (x)", "a.b = oneof (x)");
	prints("a.b != allof my_list", "a.b != allof my_list");
	prints("a.b glob anyof and c", "(a.b glob anyof and c)");
	prints("a.b startswith val( c.d )", "a.b startswith val(c.d)");
	prints("a.b = toupper( basename(c.d[x]) )", "a.b = toupper(basename(c.d[x]))");
	prints("not_a and nota", "(not_a and nota)");
}
END_TEST

START_TEST(quoting)
{
	prints("a.b = 'x y'", "a.b = \"x y\"");
	prints("a.b = 'x\\ty'", "a.b = \"x\\ty\"");
	prints("a.b = 'it\\'s'", "a.b = \"it's\"");
	prints("a.b = \"q\\\"q\"", "a.b = \"q\\\"q\"");
	prints("a.b = 'x=y'", "a.b = \"x=y\"");
	prints("a.b = 'plain'", "a.b = plain");
	prints("a.b = ''", "a.b = ");
	prints("a.b = 'c:\\\\d'", "a.b = \"c:\\\\d\"");
	prints("a.b = 'x\\ y'", "a.b = \"x\\\\y\"");
	prints("a.b[\"k v\"] = x", "a.b[\"k v\"] = x");
	prints("a.b[''] = x", "a.b[\"\"] = x");
	prints("a.b[k] exists", "a.b[k] exists");
	prints("a.b = \xc3\xa9t\xc3\xa9", "a.b = \xc3\xa9t\xc3\xa9");
}
END_TEST

#define TRANSFORMERS                                                                           \
	"'val', 'tolower', 'toupper', 'b64', 'basename', 'len', 'join', 'concat', 'getopt'"

START_TEST(syntax_errors)
{
	refused("", 1, 1, "expected a '(' token, a field check, or an identifier");
	refused(" \n ", 2, 2, "expected a '(' token, a field check, or an identifier");
	refused("(a", 1, 3, "expected a ')' token");
	refused("a b", 1, 3, "unexpected token after 'a', expecting 'or', 'and'");
	refused("a.b = 'x' y", 1, 11, "unexpected token after 'x', expecting 'or', 'and'");
	refused("a\nand b c", 2, 7, "unexpected token after 'b', expecting 'or', 'and'");
	refused("a andb", 1, 6, "expected blank or '(' after 'and'");
	refused("a or(b) and c", 1, 9, "unexpected token after ')', expecting 'or', 'and'");
	refused("a.b = (x)", 1, 7,
		"expected a string value or a field with a valid transformer: " TRANSFORMERS);
	refused("a.b > x", 1, 7,
		"expected a number value or a field with a valid transformer: " TRANSFORMERS);
	refused("a.b in", 1, 7,
		"expected a list, an identifier, or a field with a valid transformer: " TRANSFORMERS);
	refused("a.b in (x,)", 1, 11, "expected a string value");
	refused("a.b[] = x", 1, 5,
		"expected a valid field argument: a quoted string or a bare string");
	refused("a.b['x' = x", 1, 8, "expected a ']' token");
	refused("tolower(a) = x", 1, 9, "expected field transformer argument: field, transformer, "
					"quoted string, number, or transformer list");
	refused("a.b = val(tolower(c.d))", 1, 11, "expected a field within 'val' transformer");
	refused("a.b = 'x\\d'", 1, 9, "unsupported string escape sequence: \\d");
	refused("a.b = 'x\n\\d'", 2, 1, "unsupported string escape sequence: \\d");
	refused("a.b = \"x\\'\"", 1, 9, "invalid \\' escape in \"-quoted string");
}
END_TEST

static char *repeat(const char *a, const char *mid, const char *z, const char *end, unsigned n)
{
	struct buf b = BUF_INIT;

	for (unsigned i = 0; i < n; i++)
		buf_add_c(&b, a);
	buf_add_c(&b, mid);
	for (unsigned i = 0; i < n; i++)
		buf_add_c(&b, z);
	buf_add_c(&b, end);
	return b.p;
}

/* Nesting below the limit is fine, above it refused and counted. */
static void limited(const char *a, const char *mid, const char *z, const char *end)
{
	unsigned max = (unsigned)limit_infos[LIMIT_CONDITION_DEPTH].def;
	_cleanup_free_ char *fine = repeat(a, mid, z, end, max - 1);
	_cleanup_free_ char *deep = repeat(a, mid, z, end, max + 1);
	_cleanup_free_ char *huge = repeat(a, mid, z, end, 100000);
	struct filter_error err;
	struct ast *ast;
	uint64_t hits = limits.hits[LIMIT_CONDITION_DEPTH];

	parse(fine);
	ck_assert_int_eq(filter_parse(str_from(deep), &arena, &limits, &ast, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.message, "nested too deeply"));
	ck_assert_int_eq(filter_parse(str_from(huge), &arena, &limits, &ast, &err), -EINVAL);
	ck_assert_uint_eq(limits.hits[LIMIT_CONDITION_DEPTH], hits + 2);
}

START_TEST(depth)
{
	_cleanup_free_ char *nots = repeat("not ", "a", "", "", 100001);

	limited("(", "a", ")", "");
	limited("not (", "a", ")", "");
	limited("tolower(", "a.b", ")", " exists");
	ck_assert_uint_eq(parse(nots)->kind, AST_NOT);
}
END_TEST

START_TEST(too_long)
{
	struct filter_error err;
	struct ast *ast;

	limits.max[LIMIT_CONDITION_BYTES] = 10;
	ck_assert_int_eq(filter_parse(STR("aaaaaaaaaaa"), &arena, &limits, &ast, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.message, "too long"));
	ck_assert_uint_eq(limits.hits[LIMIT_CONDITION_BYTES], 1);
}
END_TEST

static const struct ast *macro(void *ctx, struct str name)
{
	return str_is(name, "m") ? ctx : NULL;
}

START_TEST(macros)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct ast *m = parse("a.b = 1 or a.b = 2"), *rule = parse("not m and c.d = 3"), *got;
	struct filter_error err;

	ck_assert_int_eq(filter_resolve(rule, &arena, macro, m, &got, &err), 0);
	filter_print(&out, got);
	ck_assert_str_eq(out.p, "(not (a.b = 1 or a.b = 2) and c.d = 3)");
	/* The parsed tree stays as it was. */
	buf_clear(&out);
	filter_print(&out, rule);
	ck_assert_str_eq(out.p, "(not m and c.d = 3)");

	ck_assert_int_eq(filter_resolve(parse("m and\n nope"), &arena, macro, m, &got, &err),
			 -ENOENT);
	ck_assert_str_eq(err.message, "Undefined macro 'nope' used in filter.");
	ck_assert_uint_eq(err.pos.line, 2);
	ck_assert_uint_eq(err.span, 4);
}
END_TEST

/* Macros that double what they use: 2^40 checks when written out. */
START_TEST(macro_explosion)
{
	struct ast *m = parse("a.b = 1"), *rule = parse("m and m");
	struct filter_error err;
	int r = 0;

	for (unsigned i = 0; i < 40 && r == 0; i++)
		r = filter_resolve(rule, &arena, macro, m, &m, &err);
	ck_assert_int_eq(r, -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.message, "too long"));
}
END_TEST

START_TEST(op_names)
{
	enum op_id op;
	enum op_modifier mod;

	ck_assert_int_eq(op_parse(STR("contains  oneof"), &op, &mod), 0);
	ck_assert_int_eq(op, OP_CONTAINS);
	ck_assert_int_eq(mod, MOD_ONEOF);
	ck_assert_int_eq(op_parse(STR("="), &op, &mod), 0);
	ck_assert_int_eq(mod, MOD_NONE);
	ck_assert_int_eq(op_parse(STR("in oneof"), &op, &mod), -EINVAL);
	ck_assert_int_eq(op_parse(STR(">= oneof"), &op, &mod), -EINVAL);
	ck_assert_int_eq(op_parse(STR("like"), &op, &mod), -EINVAL);
	ck_assert_int_eq(op_parse(STR("oneof"), &op, &mod), -EINVAL);
	ck_assert_int_eq(op_parse(STR("= oneof x"), &op, &mod), -EINVAL);
	ck_assert_int_eq(op_parse(STR(""), &op, &mod), -EINVAL);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("filter");
	TCase *t = tcase_create("parse");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, precedence);
	tcase_add_test(t, spellings);
	tcase_add_test(t, operators);
	tcase_add_test(t, quoting);
	tcase_add_test(t, syntax_errors);
	tcase_add_test(t, depth);
	tcase_add_test(t, too_long);
	tcase_add_test(t, macros);
	tcase_add_test(t, macro_explosion);
	tcase_add_test(t, op_names);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
