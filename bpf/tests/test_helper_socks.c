/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses as the caller passes them, tuples as the kernel's sockets hold them. */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "bpf/tests/helper_run.h"

enum { TUPLE_OUT, TUPLE_IN };

static void sockaddr(const void *addr, size_t len)
{
	helpers->bss->test.ptr = (uintptr_t)addr;
	helpers->bss->test.len = len;
	RUN(sockaddr);
}

static void tuple(int fd, int dir, const void *addr, size_t len)
{
	helpers->bss->test.fd = fd;
	helpers->bss->test.ptr = (uintptr_t)addr;
	helpers->bss->test.len = len;
	if (dir == TUPLE_IN)
		RUN(tuple_in);
	else
		RUN(tuple_out);
}

static struct sockaddr_in v4(const char *ip, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };

	ck_assert_int_eq(inet_pton(AF_INET, ip, &a.sin_addr), 1);
	return a;
}

static uint16_t port_at(size_t at)
{
	uint16_t port;

	memcpy(&port, helper_param(0) + at, sizeof(port));
	return port;
}

START_TEST(test_addr_v4)
{
	struct sockaddr_in a = v4("10.1.2.3", 8080);

	sockaddr(&a, sizeof(a));
	ck_assert_uint_eq(helper_len(0), 7);
	ck_assert_uint_eq(memcmp(helper_param(0), "\x02\x0a\x01\x02\x03", 5), 0);
	ck_assert_uint_eq(port_at(5), 8080);
}
END_TEST

START_TEST(test_addr_v6)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(53),
				  .sin6_flowinfo = ~0U };

	ck_assert_int_eq(inet_pton(AF_INET6, "2001:db8::1", &a.sin6_addr), 1);
	sockaddr(&a, sizeof(a));
	ck_assert_uint_eq(helper_len(0), 19);
	ck_assert_uint_eq(helper_param(0)[0], AF_INET6);
	ck_assert_uint_eq(memcmp(helper_param(0) + 1, &a.sin6_addr, 16), 0);
	ck_assert_uint_eq(port_at(17), 53);
}
END_TEST

/* What the caller did not give is zero, not what was on the stack. */
START_TEST(test_addr_short)
{
	struct sockaddr_in a = v4("10.1.2.3", 8080);

	sockaddr(&a, 0);
	ck_assert_uint_eq(helper_len(0), 0);
	sockaddr(&a, 1);
	ck_assert_uint_eq(helper_len(0), 0);
	sockaddr(&a, 4);
	ck_assert_uint_eq(memcmp(helper_param(0), "\x02\0\0\0\0", 5), 0);
	ck_assert_uint_eq(port_at(5), 8080);
	sockaddr(&a, 6);
	ck_assert_uint_eq(memcmp(helper_param(0), "\x02\x0a\x01\0\0", 5), 0);
	sockaddr(NULL, sizeof(a));
	ck_assert_uint_eq(helper_len(0), 0);
}
END_TEST

START_TEST(test_addr_unreadable)
{
	uint64_t before = helper_site(RING_SITE_USER_ADDR);

	sockaddr((void *)8, 16);
	ck_assert_uint_eq(helper_len(0), 0);
	ck_assert_uint_eq(helper_site(RING_SITE_USER_ADDR), before + 1);
}
END_TEST

START_TEST(test_addr_other_family)
{
	struct sockaddr_storage a = { .ss_family = AF_NETLINK };

	sockaddr(&a, sizeof(a));
	ck_assert_uint_eq(helper_len(0), 1);
	ck_assert_uint_eq(helper_param(0)[0], AF_NETLINK);
}
END_TEST

START_TEST(test_addr_unix)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "/run/x" };

	sockaddr(&a, sizeof(a));
	ck_assert_uint_eq(helper_len(0), 8);
	ck_assert_str_eq((const char *)helper_param(0) + 1, "/run/x");
	sockaddr(&a, offsetof(struct sockaddr_un, sun_path) + 4);
	ck_assert_str_eq((const char *)helper_param(0) + 1, "/run");
	sockaddr(&a, offsetof(struct sockaddr_un, sun_path));
	ck_assert_uint_eq(helper_len(0), 2);
	memset(a.sun_path, 'p', sizeof(a.sun_path));
	sockaddr(&a, sizeof(a));
	ck_assert_uint_eq(helper_len(0), 1 + sizeof(a.sun_path) + 1);
	sockaddr(&a, 4096);
	ck_assert_uint_eq(helper_len(0), 1 + sizeof(a.sun_path) + 1);
}
END_TEST

START_TEST(test_addr_abstract)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0hidden" };

	sockaddr(&a, offsetof(struct sockaddr_un, sun_path) + 7);
	ck_assert_uint_eq(helper_len(0), 8);
	ck_assert_str_eq((const char *)helper_param(0) + 1, "hidden");
	memset(a.sun_path + 1, 'p', sizeof(a.sun_path) - 1);
	sockaddr(&a, sizeof(a));
	ck_assert_uint_eq(helper_len(0), 1 + sizeof(a.sun_path));
}
END_TEST

/* Two connected ends on loopback; ports in host order, own end first when out. */
START_TEST(test_tuple_v4)
{
	struct sockaddr_in a = v4("127.0.0.1", 0), own;
	int server = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof(a);

	ck_assert_int_eq(bind(server, (void *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(server, 1), 0);
	ck_assert_int_eq(getsockname(server, (void *)&a, &len), 0);
	ck_assert_int_eq(connect(fd, (void *)&a, sizeof(a)), 0);
	ck_assert_int_eq(getsockname(fd, (void *)&own, &len), 0);
	tuple(fd, TUPLE_OUT, NULL, 0);
	ck_assert_uint_eq(helper_len(0), 13);
	ck_assert_uint_eq(helper_param(0)[0], AF_INET);
	ck_assert_uint_eq(port_at(5), ntohs(own.sin_port));
	ck_assert_uint_eq(port_at(11), ntohs(a.sin_port));
	tuple(fd, TUPLE_IN, NULL, 0);
	ck_assert_uint_eq(port_at(5), ntohs(a.sin_port));
	ck_assert_uint_eq(port_at(11), ntohs(own.sin_port));
}
END_TEST

/* A connected socket is not talked into another peer; an open end takes the address given. */
START_TEST(test_tuple_address_argument)
{
	struct sockaddr_in peer = v4("127.0.0.1", 9), lie = v4("8.8.8.8", 53);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	tuple(fd, TUPLE_OUT, &lie, sizeof(lie));
	ck_assert_uint_eq(memcmp(helper_param(0) + 7, "\x08\x08\x08\x08", 4), 0);
	ck_assert_uint_eq(port_at(11), 53);
	ck_assert_int_eq(connect(fd, (void *)&peer, sizeof(peer)), 0);
	tuple(fd, TUPLE_OUT, &lie, sizeof(lie));
	ck_assert_uint_eq(memcmp(helper_param(0) + 7, "\x7f\0\0\x01", 4), 0);
	ck_assert_uint_eq(port_at(11), 9);
}
END_TEST

START_TEST(test_tuple_v6)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6, .sin6_port = htons(9),
				  .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);

	ck_assert_int_eq(connect(fd, (void *)&a, sizeof(a)), 0);
	tuple(fd, TUPLE_OUT, NULL, 0);
	ck_assert_uint_eq(helper_len(0), 37);
	ck_assert_uint_eq(memcmp(helper_param(0) + 19, &a.sin6_addr, 16), 0);
	ck_assert_uint_eq(port_at(35), 9);
}
END_TEST

/* Binds a unix socket to `name` of `len` bytes; its tuple then has the text `expected`. */
static void check_unix_name(const char *name, size_t len, const char *expected)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	memcpy(a.sun_path, name, len);
	ck_assert_int_eq(bind(fd, (void *)&a, offsetof(struct sockaddr_un, sun_path) + len), 0);
	tuple(fd, TUPLE_OUT, NULL, 0);
	ck_assert_uint_eq(helper_len(0), 17 + strlen(expected) + 1);
	ck_assert_str_eq((const char *)helper_param(0) + 17, expected);
	close(fd);
}

START_TEST(test_tuple_unix)
{
	char name[108];

	unlink("/tmp/tiercel-helper-sock");
	check_unix_name("/tmp/tiercel-helper-sock", 25, "/tmp/tiercel-helper-sock");
	unlink("/tmp/tiercel-helper-sock");
	for (size_t len = 2; len <= 20; len++) {	/* every size of a slab's rest */
		memcpy(name, "\0tiercel-helper-abstract", 24);
		check_unix_name(name, len, strndup(name + 1, len - 1));
	}
	memset(name, 'p', sizeof(name));
	name[0] = '\0';
	check_unix_name(name, sizeof(name), strndup(name + 1, sizeof(name) - 1));
}
END_TEST

START_TEST(test_tuple_unix_pair)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	tuple(fds[0], TUPLE_OUT, NULL, 0);
	ck_assert_uint_eq(helper_len(0), 18);
	ck_assert_uint_ne(memcmp(helper_param(0) + 1, helper_param(0) + 9, 8), 0);
}
END_TEST

START_TEST(test_tuple_of_no_socket)
{
	tuple(0, TUPLE_OUT, NULL, 0);
	ck_assert_uint_eq(helper_len(0), 0);
	tuple(-1, TUPLE_OUT, NULL, 0);
	ck_assert_uint_eq(helper_len(0), 0);
	tuple(socket(AF_NETLINK, SOCK_RAW, 0), TUPLE_OUT, NULL, 0);
	ck_assert_uint_eq(helper_len(0), 0);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *tests[] = {
		test_addr_v4, test_addr_v6, test_addr_short, test_addr_unreadable,
		test_addr_other_family, test_addr_unix, test_addr_abstract, test_tuple_v4,
		test_tuple_address_argument, test_tuple_v6, test_tuple_unix, test_tuple_unix_pair,
		test_tuple_of_no_socket,
	};
	Suite *s = suite_create("bpf sockets");
	TCase *tc = tcase_create("sockets");

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return helper_main("bpf sockets", make_suite);
}
