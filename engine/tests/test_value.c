/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of values: print forms, JSON forms, constants of rule texts, time texts.
 */
#include "engine/field/time_text.h"
#include "engine/field/value.h"
#include "engine/tests/test.h"

static struct arena arena;
static struct buf out;

static void setup(void)
{
	arena_init(&arena, 4096, 0);
	out = BUF_INIT;
}

static void teardown(void)
{
	arena_done(&arena);
	buf_done(&out);
}

static struct str printed(struct value v)
{
	buf_clear(&out);
	value_print(&out, &v);
	return buf_str(&out);
}

static struct str json(struct value v)
{
	struct json j = json_start(&out);

	buf_clear(&out);
	value_json(&j, &v);
	return buf_str(&out);
}

static struct value number(enum param_type t, unsigned fmt, uint64_t u)
{
	struct value v = value_u64(t, u);

	v.fmt = (uint8_t)fmt;
	return v;
}

START_TEST(numbers_print_in_their_form)
{
	ck_assert_str_view(printed(number(PT_UINT64, PF_DEC, 0)), "0");
	ck_assert_str_view(printed(number(PT_UINT64, PF_DEC, UINT64_MAX)), "18446744073709551615");
	ck_assert_str_view(printed(number(PT_UINT32, PF_HEX, 0x1001)), "1001");
	ck_assert_str_view(printed(number(PT_UINT32, PF_HEX, 0xab)), "AB");
	ck_assert_str_view(printed(number(PT_UINT32, PF_HEX, 0)), "0");
	ck_assert_str_view(printed(number(PT_UINT32, PF_OCT, 0755)), "0755");
	ck_assert_str_view(printed(number(PT_UINT32, PF_OCT, 0)), "0");
	ck_assert_str_view(printed(number(PT_RELTIME, VALUE_FMT_NS, 1734)), "000001734");
	ck_assert_str_view(printed(number(PT_RELTIME, VALUE_FMT_NS, 12345678901)), "12345678901");
	ck_assert_str_view(printed(value_i64(PT_INT64, INT64_MIN)), "-9223372036854775808");
	ck_assert_str_view(printed(value_i64(PT_FD, -100)), "-100");
}
END_TEST

START_TEST(negative_hex_has_the_bits_of_its_type)
{
	struct value v = value_i64(PT_INT32, -1);

	v.fmt = PF_HEX;
	ck_assert_str_view(printed(v), "FFFFFFFF");
	v.type = PT_INT64;
	ck_assert_str_view(printed(v), "FFFFFFFFFFFFFFFF");
}
END_TEST

START_TEST(other_classes_print)
{
	struct value ip = { .type = PT_IPADDR, .ip = { .addr = { 10, 0, 0, 1 }, .prefix = 32 } };
	struct value bytes = { .type = PT_BYTEBUF, .s = { "a\0b\nc\xff", 6 } };
	struct value d = { .type = PT_DOUBLE, .d = 33.333 };
	struct str dirty = STR("a\nb\xff \xc3\xa4");

	ck_assert_str_view(printed(ip), "10.0.0.1");
	ck_assert_str_view(printed(bytes), "a.b.c.");
	ck_assert_str_view(printed(d), "33.3");
	ck_assert_str_view(printed(value_bool(true)), "true");
	ck_assert_str_view(printed(value_bool(false)), "false");
	ck_assert_uint_eq(value_bool(6).u, 1);
	ck_assert_str_view(printed(value_str(STR(""))), "");
	ck_assert_str_view(printed(value_str(dirty)), "a\nb\xff \xc3\xa4");
	buf_clear(&out);
	value_show(&out, &(struct value){ .type = PT_CHARBUF, .s = dirty });
	ck_assert_str_view(buf_str(&out), "a\xef\xbf\xbd" "b\xef\xbf\xbd \xc3\xa4");
}
END_TEST

START_TEST(json_forms)
{
	struct value inf = { .type = PT_DOUBLE, .d = 1e308 * 10 };

	ck_assert_str_view(json(number(PT_UINT32, PF_DEC, 7)), "7");
	ck_assert_str_view(json(number(PT_FLAGS32, PF_HEX, 0x1001)), "\"1001\"");
	ck_assert_str_view(json(number(PT_UINT32, PF_OCT, 0)), "\"0\"");
	ck_assert_str_view(json(number(PT_RELTIME, VALUE_FMT_NS, 5)), "5");
	ck_assert_str_view(json(value_i64(PT_PID, -1)), "-1");
	ck_assert_str_view(json(value_bool(true)), "true");
	ck_assert_str_view(json(value_str(STR("a\"b"))), "\"a\\\"b\"");
	ck_assert_str_view(json(value_str(STR("a\n"))), "\"a\xef\xbf\xbd\"");
	ck_assert_str_view(json(inf), "null");
}
END_TEST

static bool parses(const char *text, enum param_type t, struct value *v, bool *wrapped)
{
	const char *msg = NULL;
	int r = value_parse(&arena, str_from(text), t, v, &msg, wrapped);

	ck_assert_msg(r == 0 || (r == -EINVAL && msg), "no message for %s", text);
	return r == 0;
}

static const char *refusal(const char *text, enum param_type t)
{
	const char *msg = "accepted";
	struct value v;
	bool wrapped;

	value_parse(&arena, str_from(text), t, &v, &msg, &wrapped);
	return msg;
}

START_TEST(numbers_parse)
{
	struct value v;
	bool wrapped = true;

	ck_assert(parses("040", PT_UINT32, &v, &wrapped) && v.u == 40 && !wrapped);
	ck_assert(parses("-5", PT_INT64, &v, &wrapped) && v.i == -5 && !wrapped);
	ck_assert(parses("+5", PT_INT64, &v, &wrapped) && v.i == 5 && !wrapped);
	ck_assert(parses("-1", PT_UID, &v, &wrapped) && v.u == 4294967295 && !wrapped);
	ck_assert(parses("-2", PT_UINT32, &v, &wrapped) && v.u == 4294967294 && wrapped);
	ck_assert(parses("70000", PT_PORT, &v, &wrapped) && v.u == 4464 && wrapped);
	ck_assert(parses("18446744073709551615", PT_UINT64, &v, &wrapped) && !wrapped);
	ck_assert(parses("99999999999999999999", PT_UINT64, &v, &wrapped) && wrapped);
	ck_assert(parses("4294967296", PT_INT32, &v, &wrapped) && v.i == 0 && wrapped);
	ck_assert(parses("-9223372036854775808", PT_INT64, &v, &wrapped) && v.i == INT64_MIN &&
		  !wrapped);
}
END_TEST

START_TEST(bad_numbers_are_refused)
{
	static const char *const bad[] = { "", "-", "+", "abc", "1x", "0x10", "1.0", "--1", "1 2",
					  "1 ", "1\n" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		ck_assert_msg(strstr(refusal(bad[i], PT_INT64), "is not a valid number"), "%s",
			      bad[i]);
		ck_assert_msg(strstr(refusal(bad[i], PT_UINT32), "is not a valid number"), "%s",
			      bad[i]);
	}
	ck_assert_str_eq(refusal("abc", PT_ERRNO), "abc is not a valid number");
	ck_assert_str_eq(refusal("nan", PT_DOUBLE), "nan is not a valid number");
	ck_assert_str_eq(refusal("0x1p3", PT_DOUBLE), "0x1p3 is not a valid number");
}
END_TEST

START_TEST(other_constants_parse)
{
	struct value v;
	bool wrapped;

	ck_assert(parses("50.5", PT_DOUBLE, &v, &wrapped) && v.d > 50.4 && v.d < 50.6);
	ck_assert(parses("https", PT_PORT, &v, &wrapped) && v.u == 443);
	ck_assert(parses("true", PT_BOOL, &v, &wrapped) && v.u == 1);
	ck_assert(parses("false", PT_BOOL, &v, &wrapped) && v.u == 0);
	ck_assert(parses("any text", PT_CHARBUF, &v, &wrapped) && str_is(v.s, "any text"));
	ck_assert(parses("any text", PT_BYTEBUF, &v, &wrapped) && str_is(v.s, "any text"));
	ck_assert_ptr_nonnull(strstr(refusal("True", PT_BOOL), "unrecognized boolean value True"));
	ck_assert_ptr_nonnull(strstr(refusal("nosuchservice", PT_PORT), "nosuchservice"));
	ck_assert_str_eq(refusal("x", PT_SOCKTUPLE), "wrong parameter type 13");
}
END_TEST

START_TEST(long_constants_are_refused)
{
	char text[257];
	struct value v;
	bool wrapped;

	memset(text, 'a', sizeof(text));
	text[256] = '\0';
	ck_assert_ptr_nonnull(strstr(refusal(text, PT_CHARBUF),
				     "filter parameter too long (used=257, available=256):"));
	text[255] = '\0';
	ck_assert(parses(text, PT_CHARBUF, &v, &wrapped));
}
END_TEST

static bool address(const char *text, const char *expected)
{
	struct value v = { .type = PT_IPADDR };

	if (!value_parse_ip(str_from(text), &v.ip))
		return expected == NULL;
	return expected && str_is(printed(v), expected);
}

START_TEST(addresses_parse)
{
	static const char *const cases[][2] = {
		{ "1.2.3.4", "1.2.3.4" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "2001:DB8::8:800:200c:417a", "2001:db8::8:800:200c:417a" },
		{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
		{ "::ffff:1.2.3.4", "1.2.3.4" },
		{ "64:ff9b::1.2.3.4", "64:ff9b::102:304" },
		{ "1.2.3", NULL },
		{ "1.2.3.4.5", NULL },
		{ "1.2.3.256", NULL },
		{ "1.2.3.04", NULL },
		{ "1.2.3.", NULL },
		{ "", NULL },
		{ ":", NULL },
		{ ":::", NULL },
		{ "1:2:3:4:5:6:7", NULL },
		{ "1:2:3:4:5:6:7:8:9", NULL },
		{ "1:2:3:4::5:6:7:8", NULL },
		{ "1::2::3", NULL },
		{ "12345::", NULL },
		{ "1:2:3:4:5:6:7:", NULL },
		{ "::1.2.3", NULL },
		{ "1:2:3:4:5:6:7:1.2.3.4", NULL },
		{ "::g", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		ck_assert_msg(address(cases[i][0], cases[i][1]), "%s", cases[i][0]);
	ck_assert_str_eq(refusal("foo", PT_IPADDR), "unrecognized IPv6 address foo");
	ck_assert_str_eq(refusal("1.2.3", PT_IPADDR), "unrecognized IPv4 address 1.2.3");
}
END_TEST

START_TEST(networks_parse)
{
	struct value v;
	bool wrapped;

	ck_assert(parses("10.0.0.0/8", PT_IPNET, &v, &wrapped) && v.ip.prefix == 8 && !v.ip.v6);
	ck_assert(parses("0.0.0.0/0", PT_IPNET, &v, &wrapped) && v.ip.prefix == 0);
	ck_assert(parses("fe80::/10", PT_IPNET, &v, &wrapped) && v.ip.prefix == 10 && v.ip.v6);
	ck_assert(!parses("10.0.0.0", PT_IPNET, &v, &wrapped));
	ck_assert(!parses("10.0.0.0/33", PT_IPNET, &v, &wrapped));
	ck_assert(!parses("10.0.0.0/-1", PT_IPNET, &v, &wrapped));
	ck_assert(!parses("10.0.0.0/", PT_IPNET, &v, &wrapped));
	ck_assert(!parses("::/0", PT_IPNET, &v, &wrapped));
	ck_assert(!parses("::/129", PT_IPNET, &v, &wrapped));
	ck_assert(!parses("/8", PT_IPNET, &v, &wrapped));
}
END_TEST

START_TEST(times_print)
{
	const unsigned all = TIME_TEXT_DATE | TIME_TEXT_CLOCK | TIME_TEXT_NS;
	char t[TIME_TEXT_MAX];

#define TIME_IS(ns, tz, parts, expected) \
	ck_assert_str_view(((struct str){ t, time_text(t, ns, tz, parts) }), expected)
	TIME_IS(0, 0, all, "1970-01-01 00:00:00.000000000");
	TIME_IS(1566230400070000000, 0, all | TIME_TEXT_ISO, "2019-08-19T16:00:00.070000000+0000");
	TIME_IS(1566230400070000000, 7200, TIME_TEXT_CLOCK, "18:00:00");
	TIME_IS(0, -3600, TIME_TEXT_DATE | TIME_TEXT_CLOCK, "1969-12-31 23:00:00");
	TIME_IS(951782400000000000, 0, TIME_TEXT_DATE, "2000-02-29");
	TIME_IS(1583020800000000000, -1, TIME_TEXT_DATE, "2020-02-29");
	TIME_IS(4102444799999999999, 0, all, "2099-12-31 23:59:59.999999999");
	TIME_IS(UINT64_MAX, 0, TIME_TEXT_DATE, "2554-07-21");
#undef TIME_IS
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("value");
	TCase *t = tcase_create("value");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, numbers_print_in_their_form);
	tcase_add_test(t, negative_hex_has_the_bits_of_its_type);
	tcase_add_test(t, other_classes_print);
	tcase_add_test(t, json_forms);
	tcase_add_test(t, numbers_parse);
	tcase_add_test(t, bad_numbers_are_refused);
	tcase_add_test(t, other_constants_parse);
	tcase_add_test(t, long_constants_are_refused);
	tcase_add_test(t, addresses_parse);
	tcase_add_test(t, networks_parse);
	tcase_add_test(t, times_print);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
