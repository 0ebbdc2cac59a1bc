/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Socket addresses: wire forms, texts, malformed input.
 */
#include "engine/state/sock.h"
#include "engine/tests/test.h"

static const char *ip_text(const char *bytes, bool v6)
{
	static char text[64];
	_cleanup_buf_ struct buf out = BUF_INIT;

	sock_print_ip(&out, (const uint8_t *)bytes, v6);
	snprintf(text, sizeof(text), "%s", out.p);
	return text;
}

START_TEST(addresses)
{
	ck_assert_str_eq(ip_text("\x7f\0\0\1", false), "127.0.0.1");
	ck_assert_str_eq(ip_text("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", true), "::1");
	ck_assert_str_eq(ip_text("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", true), "::");
	ck_assert_str_eq(ip_text("\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\0", true), "2001:db8::");
	ck_assert_str_eq(ip_text("\x20\1\0\0\0\0\0\1\0\0\0\0\0\0\0\1", true), "2001:0:0:1::1");
	ck_assert_str_eq(ip_text("\x20\1\0\0\0\1\0\2\0\3\0\4\0\5\0\6", true), "2001:0:1:2:3:4:5:6");
	ck_assert_str_eq(ip_text("\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4", true), "::ffff:1.2.3.4");
	ck_assert_str_eq(ip_text("\0\1\0\0\0\0\0\2\0\0\0\0\0\3\0\4", true), "1::2:0:0:3:4");
}
END_TEST

START_TEST(numbers)
{
	for (unsigned port = 0; port <= UINT16_MAX; port++) {
		const uint8_t ip[4] = { port & 0xff, port % 100, 0, port >> 8 };
		_cleanup_buf_ struct buf out = BUF_INIT;
		char text[32];

		sock_print_end(&out, ip, false, (uint16_t)port);
		snprintf(text, sizeof(text), "%u.%u.%u.%u:%u", ip[0], ip[1], ip[2], ip[3], port);
		if (!str_is(buf_str(&out), text))
			ck_abort_msg("'%.*s' for %s", STR_ARG(buf_str(&out)), text);
	}
}
END_TEST

static const char *param_text(void (*print)(struct buf *, struct str), const void *p, uint32_t n)
{
	static char text[128];
	_cleanup_buf_ struct buf out = BUF_INIT;

	print(&out, (struct str){ p, n });
	snprintf(text, sizeof(text), "%s", out.p ? out.p : "");
	return text;
}

START_TEST(parameters)
{
	ck_assert_str_eq(param_text(sock_print_addr, "\2\1\2\3\4\x50\0", 7), "1.2.3.4:80");
	ck_assert_str_eq(param_text(sock_print_addr, "\1/run/x", 8), "/run/x");
	ck_assert_str_eq(param_text(sock_print_addr, "\2\1\2", 3), "INVALID IPv4");
	ck_assert_str_eq(param_text(sock_print_addr, "\x0a\1\2", 3), "INVALID IPv6");
	ck_assert_str_eq(param_text(sock_print_addr, "\x11", 1), "family 17");
	ck_assert_str_eq(param_text(sock_print_addr, "", 0), "");
	ck_assert_str_eq(param_text(sock_print_tuple,
				    "\2\1\2\3\4\x50\0\5\6\7\x08\xbb\1", 13),
			 "1.2.3.4:80->5.6.7.8:443");
	ck_assert_str_eq(param_text(sock_print_tuple,
				    "\1\0\0\0\0\0\0\0\0\xab\xcd\0\0\0\0\0\0/run/x", 24),
			 "0->cdab /run/x");
	ck_assert_str_eq(param_text(sock_print_tuple, "\1\0", 2), "INVALID UNIX");
}
END_TEST

START_TEST(mapped)
{
	uint8_t wire[37] = { WIRE_AF_INET6 };
	struct wire_tuple t;

	memcpy(wire + 1, "\0\0\0\0\0\0\0\0\0\0\xff\xff\1\2\3\4", 16);
	memcpy(wire + 19, "\0\0\0\0\0\0\0\0\0\0\xff\xff\5\6\7\x08", 16);
	ck_assert(sock_parse_tuple((struct str){ (char *)wire, sizeof(wire) }, &t));
	ck_assert_uint_eq(t.family, WIRE_AF_INET);
	ck_assert_mem_eq(t.ends.dip, "\5\6\7\x08", 4);
	wire[19] = 0x20;
	ck_assert(sock_parse_tuple((struct str){ (char *)wire, sizeof(wire) }, &t));
	ck_assert_uint_eq(t.family, WIRE_AF_INET6);
}
END_TEST

START_TEST(cut_short)
{
	const char wire[64] = { (char)_i };
	struct wire_tuple t;
	struct wire_addr a;

	/* Reads past the end are the sanitizer's to find. */
	for (uint32_t n = 0; n < sizeof(wire); n++) {
		char *exact = memcpy(malloc(n ? n : 1), wire, n);

		sock_parse_tuple((struct str){ exact, n }, &t);
		sock_parse_addr((struct str){ exact, n }, &a);
		free(exact);
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("sock");
	TCase *t = tcase_create("sock");

	tcase_add_test(t, addresses);
	tcase_add_test(t, numbers);
	tcase_add_test(t, parameters);
	tcase_add_test(t, mapped);
	tcase_add_loop_test(t, cut_short, 0, 12);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
