/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Meaning of operators: single values, modifiers, fields with several values; globs against the C
 * library.
 */
#include <arpa/inet.h>
#include <fnmatch.h>

#include "engine/match/compare.h"
#include "engine/match/glob.h"
#include "engine/tests/test.h"

static struct value text(const char *s)
{
	return value_str(str_from(s));
}

static struct value num(int64_t i)
{
	return value_i64(PT_INT64, i);
}

static struct value unum(uint64_t u)
{
	return value_u64(PT_UINT64, u);
}

static struct value ip(const char *s, unsigned prefix)
{
	struct value v = { .type = prefix ? PT_IPNET : PT_IPADDR };

	v.ip.v6 = strchr(s, ':') != NULL;
	v.ip.prefix = (uint8_t)(prefix ? prefix : v.ip.v6 ? 128 : 32);
	ck_assert_int_eq(inet_pton(v.ip.v6 ? AF_INET6 : AF_INET, s, v.ip.addr), 1);
	return v;
}

static bool cmp(enum op_id op, struct value v, struct value c)
{
	return compare_value(op, &v, &c);
}

START_TEST(texts)
{
	ck_assert(cmp(OP_EQ, text("a"), text("a")));
	ck_assert(cmp(OP_EQ2, text(""), text("")));
	ck_assert(!cmp(OP_EQ, text("a"), text("A")));
	ck_assert(!cmp(OP_NE, text("a"), text("a")));
	ck_assert(cmp(OP_NE, text("a"), text("ab")));
	ck_assert(cmp(OP_CONTAINS, text("abc"), text("")));
	ck_assert(cmp(OP_CONTAINS, text("abc"), text("bc")));
	ck_assert(!cmp(OP_CONTAINS, text("ab"), text("abc")));
	ck_assert(cmp(OP_ICONTAINS, text("aBc"), text("AbC")));
	ck_assert(cmp(OP_STARTSWITH, text("/etc/x"), text("/etc")));
	ck_assert(!cmp(OP_STARTSWITH, text("/et"), text("/etc")));
	ck_assert(cmp(OP_ENDSWITH, text("x.sh"), text(".sh")));
	ck_assert(cmp(OP_LT, text("B"), text("a")));
	ck_assert(cmp(OP_GT, text("ab"), text("a")));
	ck_assert(cmp(OP_LE, text("a"), text("a")));
	ck_assert(cmp(OP_GLOB, text("/a/.b"), text("*b")));
	ck_assert(!cmp(OP_GLOB, text("/a/B"), text("*b")));
	ck_assert(cmp(OP_IGLOB, text("/a/B"), text("*b")));
	ck_assert(cmp(OP_BCONTAINS, text("x\x01\x02"), text("\x01\x02")));
}
END_TEST

START_TEST(numbers)
{
	ck_assert(cmp(OP_EQ, num(-1), num(-1)));
	ck_assert(cmp(OP_LT, num(-1), num(0)));
	ck_assert(cmp(OP_GE, unum(5), unum(5)));
	ck_assert(cmp(OP_LT, num(-1), unum(0)));
	ck_assert(!cmp(OP_EQ, num(-1), unum(UINT64_MAX)));
	ck_assert(cmp(OP_GT, unum(UINT64_MAX), num(INT64_MAX)));
	ck_assert(cmp(OP_EQ, value_bool(true), value_bool(true)));
	ck_assert(cmp(OP_NE, value_bool(true), value_bool(false)));
	ck_assert(cmp(OP_GT, (struct value){ .type = PT_DOUBLE, .d = 1.5 }, num(1)));
	/* A text is neither equal to nor different from a number. */
	ck_assert(!cmp(OP_EQ, text("1"), num(1)));
	ck_assert(!cmp(OP_NE, text("1"), num(1)));
	ck_assert(!cmp(OP_CONTAINS, num(1), text("1")));
}
END_TEST

START_TEST(addresses)
{
	ck_assert(cmp(OP_EQ, ip("10.1.2.3", 0), ip("10.1.2.3", 0)));
	ck_assert(cmp(OP_NE, ip("10.1.2.3", 0), ip("10.1.2.4", 0)));
	ck_assert(cmp(OP_EQ, ip("10.1.2.3", 0), ip("10.0.0.0", 8)));
	ck_assert(cmp(OP_EQ, ip("10.1.2.3", 0), ip("10.1.2.2", 31)));
	ck_assert(!cmp(OP_EQ, ip("10.1.2.3", 0), ip("10.1.2.4", 30)));
	ck_assert(cmp(OP_EQ, ip("2001:db8::1", 0), ip("2001:db8::", 33)));
	ck_assert(!cmp(OP_EQ, ip("10.1.2.3", 0), ip("::", 1)));
	ck_assert(cmp(OP_NE, ip("10.1.2.3", 0), ip("::", 1)));
	ck_assert(cmp(OP_EQ, ip("2001:db8::1", 0), ip("2001:db8::1", 128)));
	ck_assert(!cmp(OP_LT, ip("1.1.1.1", 0), ip("2.2.2.2", 0)));
}
END_TEST

START_TEST(pmatch)
{
	static const struct {
		const char *path, *prefix;
		bool match;
	} rows[] = {
		{ "/etc/shadow", "/etc", true },	{ "/etc/shadow", "/etc/shadow", true },
		{ "/etc/shadow", "/etc/shadow/x", false }, { "/etcetera", "/etc", false },
		{ "/etc/shadow", "etc", true },		{ "/etc//shadow", "//etc/", true },
		{ "/etc", "/", true },			{ "", "", true },
		{ "", "/", true },			{ "", "/etc", false },
		{ "/a/b/c", "/*/b", true },		{ "/a/x/c", "/*/b", false },
		{ "/a/b", "/a/?", true },		{ "/a/bb", "/a/?", false },
		{ "/a/b", "/a/[b-c]", true },		{ "/a/./b", "/a/b", false },
		{ "/var/log/x", "/var/*", true },	{ "/var", "/var/*", false },
		{ "/ab/c", "/\\a*", true },
		{ "/ab/c", "/[a]b", true },
		{ "/ab/c", "/?b", true },
		{ "/ab/c", "//ab", true },
		{ "/ab/c", "/b*", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		ck_assert_msg(compare_pmatch(str_from(rows[i].path), str_from(rows[i].prefix)) ==
			      rows[i].match, "%s pmatch %s", rows[i].path, rows[i].prefix);
}
END_TEST

static const struct field_info single = { .name = "x", .type = PT_CHARBUF };
static bool no_values(const struct field_ref *f, struct event_ctx *ctx, struct value_list *ret)
{
	return false;
}
static const struct field_info list = { .name = "l", .flags = FIELD_LIST, .get_all = no_values };
static const struct field_info any = { .name = "a", .multi = MULTI_ANY, .get_all = no_values };
static const struct field_info ends = { .name = "e", .multi = MULTI_ENDS, .get_all = no_values };

/* `values` and `consts`: words separated by blanks. */
static bool check(const struct field_info *f, const char *values, enum op_id op,
		  enum op_modifier mod, const char *consts)
{
	struct operand lhs = { .kind = OPERAND_FIELD, .type = PT_CHARBUF,
			       .is_list = f->flags & FIELD_LIST, .field = { .info = f } };
	struct ast ast = { .kind = AST_CHECK, .op = (uint8_t)op, .modifier = (uint8_t)mod,
			   .lhs = &lhs };
	struct value v[2][8];
	struct value_list lists[2] = { { v[0] }, { v[1] } };
	const char *words[2] = { values, consts };

	for (int side = 0; side < 2; side++) {
		const char *p = words[side];

		while (*p) {
			size_t n = strcspn(p, " ");

			v[side][lists[side].n++] = value_str((struct str){ p, (uint32_t)n });
			p += n + (p[n] == ' ');
		}
	}
	ast.consts = v[1];
	ast.nconsts = lists[1].n;
	return compare_check(&ast, &lists[0], &lists[1]);
}

START_TEST(modifiers)
{
	ck_assert(check(&single, "a", OP_EQ, MOD_ANYOF, "b a"));
	ck_assert(!check(&single, "a", OP_EQ, MOD_ANYOF, "b c"));
	ck_assert(check(&single, "a", OP_EQ, MOD_ALLOF, "a a"));
	ck_assert(!check(&single, "a", OP_EQ, MOD_ALLOF, "a b"));
	ck_assert(check(&single, "a", OP_EQ, MOD_ONEOF, "a b"));
	ck_assert(!check(&single, "a", OP_EQ, MOD_ONEOF, "a a"));
	ck_assert(check(&single, "a", OP_NE, MOD_ANYOF, "a b"));
	ck_assert(!check(&single, "a", OP_NE, MOD_ALLOF, "a b"));
	ck_assert(check(&single, "ab", OP_CONTAINS, MOD_ALLOF, "a b"));
	for (int m = MOD_ONEOF; m <= MOD_ALLOF; m++)
		ck_assert(!check(&single, "a", OP_NE, m, ""));
}
END_TEST

START_TEST(several_values)
{
	ck_assert(check(&single, "a", OP_IN, MOD_NONE, "b a"));
	ck_assert(!check(&single, "a", OP_IN, MOD_NONE, ""));
	ck_assert(check(&list, "a b", OP_IN, MOD_NONE, "b a c"));
	ck_assert(!check(&list, "a d", OP_IN, MOD_NONE, "b a c"));
	ck_assert(!check(&list, "", OP_IN, MOD_NONE, "b a c"));
	ck_assert(!check(&list, "a", OP_IN, MOD_NONE, ""));
	ck_assert(check(&list, "a d", OP_INTERSECTS, MOD_NONE, "b a"));
	ck_assert(!check(&list, "d", OP_INTERSECTS, MOD_NONE, "b a"));
	ck_assert(!check(&list, "", OP_EXISTS, MOD_NONE, ""));
	ck_assert(check(&any, "a b", OP_EQ, MOD_NONE, "b"));
	ck_assert(check(&any, "a b", OP_NE, MOD_NONE, "b"));
	ck_assert(!check(&any, "b b", OP_NE, MOD_NONE, "b"));
	ck_assert(!check(&any, "", OP_NE, MOD_NONE, "b"));
	ck_assert(!check(&any, "", OP_EXISTS, MOD_NONE, ""));
	ck_assert(check(&any, "a b", OP_IN, MOD_NONE, "c b"));
	ck_assert(check(&ends, "a b", OP_EQ, MOD_NONE, "b"));
	ck_assert(!check(&ends, "a b", OP_NE, MOD_NONE, "b"));
	ck_assert(check(&ends, "a b", OP_NE, MOD_NONE, "c"));
	ck_assert(check(&ends, "a b", OP_IN, MOD_NONE, "c b"));
	ck_assert(check(&ends, "a b", OP_NE, MOD_ANYOF, "b c"));
	ck_assert(!check(&ends, "a b", OP_NE, MOD_ALLOF, "b c"));
}
END_TEST

/* Random patterns over the characters that mean something, against fnmatch(3). */
START_TEST(glob_like_fnmatch)
{
	static const char alphabet[] = "aab*?[]!^-\\/.:Ab";
	static const char *const classes[] = { "[[:alpha:]]", "[![:digit:]]", "[a-c]", "[]a]",
					       "[[:upper:]b]", "*[!a]", "[a-" };
	unsigned seed = 42;

	for (int i = 0; i < 300000; i++) {
		char pat[16] = "", txt[8];
		size_t np = 0, nt = rand_r(&seed) % 6, want = rand_r(&seed) % 9;
		int expected, fold = i & 1;

		while (np < want) {
			if (rand_r(&seed) % 16) {
				pat[np++] = alphabet[rand_r(&seed) % (sizeof(alphabet) - 1)];
				continue;
			}
			const char *c = classes[rand_r(&seed) % ARRAY_SIZE(classes)];
			if (np + strlen(c) >= sizeof(pat))
				break;
			memcpy(pat + np, c, strlen(c));
			np += strlen(c);
		}
		pat[np] = '\0';
		for (size_t k = 0; k < nt; k++)
			txt[k] = alphabet[rand_r(&seed) % (sizeof(alphabet) - 1)];
		txt[nt] = '\0';
		expected = fnmatch(pat, txt, fold ? FNM_CASEFOLD : 0) == 0;
		ck_assert_msg(glob_match(str_from(pat), str_from(txt), fold) == expected,
			      "fnmatch(\"%s\", \"%s\", fold %d) is %d", pat, txt, fold, expected);
	}
}
END_TEST

START_TEST(glob_is_linear_enough)
{
	struct buf t = BUF_INIT;

	for (int i = 0; i < 20000; i++)
		buf_add_char(&t, 'a');
	ck_assert(!glob_match(STR("*a*a*a*a*a*a*a*a*b"), buf_str(&t), false));
	buf_done(&t);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("compare");
	TCase *tc = tcase_create("compare");

	tcase_add_test(tc, texts);
	tcase_add_test(tc, numbers);
	tcase_add_test(tc, addresses);
	tcase_add_test(tc, pmatch);
	tcase_add_test(tc, modifiers);
	tcase_add_test(tc, several_values);
	tcase_add_test(tc, glob_like_fnmatch);
	tcase_add_test(tc, glob_is_linear_enough);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
