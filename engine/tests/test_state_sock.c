/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets in the fd tables: tuples, roles, what the sensor reads from the kernel.
 */
#include "engine/tests/fd_bed.h"

static void send_to(uint32_t sip, uint16_t sport, uint32_t dip, uint16_t dport)
{
	call(EV_SENDTO_X, 5, 3, SENDTO_X_fd);
	set_tuple(SENDTO_X_tuple, sip, sport, dip, dport);
	ev_run(&f, 20);
}

START_TEST(tcp_client_and_server)
{
	make_socket(3, WIRE_AF_INET, 1 | 0x80000);
	ck_assert(get(3)->cloexec && get(3)->l4 == L4_TCP && get(3)->role == ROLE_NONE);
	call(EV_CONNECT_X, -115, 3, CONNECT_X_fd);
	set_tuple(CONNECT_X_tuple, IP(10, 0, 0, 1), 5000, IP(8, 8, 8, 8), 443);
	ev_run(&f, 20);
	ck_assert_str_eq(fd_name(&f, 20, 3), "10.0.0.1:5000->8.8.8.8:443");
	ck_assert(get(3)->connected && get(3)->role == ROLE_CLIENT && f.ctx.fd_name_changed);
	call(EV_BIND_X, 0, 3, BIND_X_fd);
	set_addr(BIND_X_addr, IP(0, 0, 0, 0), 80);
	make_socket(4, WIRE_AF_INET, 1);
	call(EV_BIND_X, 0, 4, BIND_X_fd);
	set_addr(BIND_X_addr, IP(0, 0, 0, 0), 80);
	ev_run(&f, 20);
	ck_assert_str_eq(fd_name(&f, 20, 4), "0.0.0.0:80");
	ck_assert(get(4)->kind == FD_IPV4_SERVER && get(4)->tuple.dport == 80);
	ev_new(&f, EV_ACCEPT4_6_X);
	ev_num(&f, ACCEPT4_6_X_fd, 5);
	set_tuple(ACCEPT4_6_X_tuple, IP(9, 9, 9, 9), 6000, IP(10, 0, 0, 1), 80);
	ev_num(&f, ACCEPT4_6_X_flags, 0x80000);
	ev_run(&f, 20);
	ck_assert_str_eq(fd_name(&f, 20, 5), "9.9.9.9:6000->10.0.0.1:80");
	ck_assert(get(5)->role == ROLE_SERVER && get(5)->cloexec && get(5)->connected);
}
END_TEST

START_TEST(failed_connect)
{
	make_socket(3, WIRE_AF_INET, 1);
	call(EV_CONNECT_X, -111, 3, CONNECT_X_fd);
	set_tuple(CONNECT_X_tuple, IP(10, 0, 0, 1), 5000, IP(8, 8, 8, 8), 443);
	ev_run(&f, 20);
	ck_assert_str_eq(fd_name(&f, 20, 3), "");
	ck_assert(!get(3)->connected);
}
END_TEST

START_TEST(connect_address_at_entry_wins)
{
	make_socket(3, WIRE_AF_INET, 1);
	ev_new(&f, EV_CONNECT_E);
	ev_num(&f, CONNECT_E_fd, 3);
	set_addr(CONNECT_E_addr, IP(6, 6, 6, 6), 666);
	ev_run(&f, 20);
	call(EV_CONNECT_X, 0, 3, CONNECT_X_fd);
	set_tuple(CONNECT_X_tuple, IP(10, 0, 0, 1), 5000, IP(8, 8, 8, 8), 443);
	set_addr(CONNECT_X_addr, IP(8, 8, 8, 8), 443);
	ev_run(&f, 20);
	ck_assert_str_eq(fd_name(&f, 20, 3), "10.0.0.1:5000->6.6.6.6:666");
}
END_TEST

START_TEST(datagrams)
{
	struct state_opts compat = { .falco_fd_connected = true };

	for (int i = 0; i < 2; i++) {
		make_socket(3, WIRE_AF_INET, 2);
		send_to(IP(10, 0, 0, 1), 5000, IP(8, 8, 8, 8), 53);
		ck_assert_str_eq(fd_name(&f, 20, 3), "10.0.0.1:5000->8.8.8.8:53");
		ck_assert(f.ctx.fd_name_changed && get(3)->role == ROLE_CLIENT);
		ck_assert_int_eq(get(3)->connected, i);
		call(EV_RECVFROM_X, 5, 3, RECVFROM_X_fd);
		set_tuple(RECVFROM_X_tuple, IP(8, 8, 8, 8), 53, IP(10, 0, 0, 1), 5000);
		ev_run(&f, 20);
		ck_assert(!f.ctx.fd_name_changed);
		ck_assert_str_eq(fd_name(&f, 20, 3), "10.0.0.1:5000->8.8.8.8:53");
		fixture_done(&f);
		fixture_init(&f, &compat);
		fixture_family(&f);
	}
	/* A server: the first thing it does is to receive. */
	make_socket(3, WIRE_AF_INET, 2);
	call(EV_RECVFROM_X, 5, 3, RECVFROM_X_fd);
	set_tuple(RECVFROM_X_tuple, IP(7, 7, 7, 7), 1000, IP(10, 0, 0, 1), 53);
	ev_run(&f, 20);
	ck_assert_uint_eq(get(3)->role, ROLE_SERVER);
	send_to(IP(10, 0, 0, 1), 53, IP(6, 6, 6, 6), 2000);
	ck_assert_str_eq(fd_name(&f, 20, 3), "6.6.6.6:2000->10.0.0.1:53");
}
END_TEST

START_TEST(datagram_on_unknown_fd)
{
	send_to(IP(10, 0, 0, 1), 5000, IP(8, 8, 8, 8), 53);
	ck_assert_uint_eq(get(3)->l4, L4_UDP);
	ck_assert_ptr_eq(f.ctx.fd, get(3));
	call(EV_RECVFROM_X, 5, 4, RECVFROM_X_fd);
	set_tuple(RECVFROM_X_tuple, IP(7, 7, 7, 7), 1000, IP(10, 0, 0, 1), 53);
	ev_run(&f, 20);
	ck_assert_ptr_null(get(4));
}
END_TEST

START_TEST(incomplete_tuple)
{
	struct snapshot_item item = { .kind = SNAP_IFACE,
				      .iface = { .name = STR("eth0"), .addr = { 10, 0, 0, 1 },
						 .mask = { 255, 255, 255, 0 } } };

	fixture_snap(&f, &item);
	make_socket(3, WIRE_AF_INET, 2);
	send_to(0, 5000, IP(10, 0, 0, 9), 53);
	ck_assert_str_eq(fd_name(&f, 20, 3), "10.0.0.1:5000->10.0.0.9:53");
	ck_assert(state_addr_is_local(f.state, state_thread(f.state, 20), item.iface.addr, false));
	ck_assert(!state_addr_is_local(f.state, NULL, (const uint8_t *)"\1\2\3\4", false));
}
END_TEST

START_TEST(listed_sockets)
{
	struct snapshot_item server = { .kind = SNAP_FD, .fd = { .tid = 20, .fd = 3,
		.kind = FD_IPV4_SERVER, .l4 = L4_TCP, .dport = 80 } };
	struct snapshot_item conn = { .kind = SNAP_FD, .fd = { .tid = 20, .fd = 4,
		.kind = FD_IPV4, .l4 = L4_TCP, .sip = { 10, 0, 0, 1 }, .sport = 80,
		.dip = { 9, 9, 9, 9 }, .dport = 6000 } };
	struct snapshot_item out = conn, v6 = conn;

	out.fd.fd = 5;
	out.fd.sport = 5000;
	v6.fd.fd = 6;
	v6.fd.kind = FD_IPV6;
	fixture_snap(&f, &conn);
	fixture_snap(&f, &server);
	fixture_snap(&f, &out);
	fixture_snap(&f, &v6);
	fixture_snap(&f, &(struct snapshot_item){ .kind = SNAP_DONE });
	ck_assert_str_eq(fd_name(&f, 20, 3), "0.0.0.0:80");
	ck_assert_str_eq(fd_name(&f, 20, 4), "9.9.9.9:6000->10.0.0.1:80");
	ck_assert(get(4)->role == ROLE_SERVER && get(4)->connected);
	ck_assert_str_eq(fd_name(&f, 20, 5), "10.0.0.1:5000->9.9.9.9:6000");
	ck_assert(get(5)->role == ROLE_CLIENT && get(6)->role == ROLE_SERVER);
}
END_TEST

static void with_ends(const uint8_t *tuple, uint8_t l4, uint8_t role)
{
	with_kernel(FD_IPV4, NULL, 50);
	f.kernel.have |= KERNEL_FD_TUPLE | KERNEL_FD_ROLE;
	f.kernel.fd_tuple = (struct str){ (const char *)tuple, 13 };
	f.kernel.fd_l4 = l4;
	f.kernel.fd_role = role;
}

START_TEST(kernel_sockets)
{
	uint8_t tuple[13] = { WIRE_AF_INET, 10, 0, 0, 1, 0x88, 0x13, 8, 8, 8, 8, 0xbb, 1 };

	call(EV_WRITE_X, 5, 3, WRITE_X_fd);
	with_ends(tuple, L4_TCP, ROLE_CLIENT);
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "10.0.0.1:5000->8.8.8.8:443");
	ck_assert(f.ctx.fd->connected && f.ctx.fd->role == ROLE_CLIENT);
	/* The same number, another connection. */
	tuple[7] = 9;
	f.kernel.fd_ino = 51;
	f.kernel.fd_role = ROLE_SERVER;
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "10.0.0.1:5000->9.8.8.8:443");
	/* A server's ends come with the peer first; here there is none: it listens. */
	memset(tuple + 1, 0, 6);
	f.kernel.fd_ino = 52;
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "9.8.8.8:443");
	ck_assert_uint_eq(f.ctx.fd->kind, FD_IPV4_SERVER);
	/* Later connections on that port are a server's also when the sensor cannot tell. */
	memcpy(tuple + 1, "\x09\x08\x08\x08\xbb\1\1\2\3\4\x10\0", 12);
	f.kernel.have &= ~(uint32_t)KERNEL_FD_ROLE;
	f.kernel.fd_ino = 53;
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "1.2.3.4:16->9.8.8.8:443");
	ck_assert_uint_eq(f.ctx.fd->role, ROLE_SERVER);
}
END_TEST

START_TEST(kernel_and_connect)
{
	uint8_t tuple[13] = { WIRE_AF_INET, 10, 0, 0, 1, 0x88, 0x13, 8, 8, 8, 8, 0xbb, 1 };

	make_socket(3, WIRE_AF_INET, 1);
	call(EV_CONNECT_X, 0, 3, CONNECT_X_fd);
	set_tuple(CONNECT_X_tuple, IP(10, 0, 0, 1), 5000, IP(8, 8, 8, 8), 443);
	with_ends(tuple, L4_TCP, ROLE_CLIENT);
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "10.0.0.1:5000->8.8.8.8:443");
	ck_assert(f.ctx.fd_name_changed);
}
END_TEST

/* The name is that of the ends that count, also where the kernel saw other ones. */
START_TEST(kernel_and_connect_differ)
{
	uint8_t tuple[13] = { WIRE_AF_INET, 10, 0, 0, 1, 0x88, 0x13, 8, 8, 8, 8, 0xbb, 1 };

	make_socket(3, WIRE_AF_INET, 2);
	for (int turn = 0; turn < 3; turn++) {
		int last = turn == 1 ? 9 : 8;

		call(EV_CONNECT_X, 0, 3, CONNECT_X_fd);
		set_tuple(CONNECT_X_tuple, IP(10, 0, 0, 1), 5000, IP(8, 8, 8, last), 443);
		with_ends(tuple, L4_UDP, ROLE_CLIENT);
		ev_run(&f, 20);
		ck_assert_str_view(istr_str(f.ctx.fd->name),
				   turn == 1 ? "10.0.0.1:5000->8.8.8.9:443" :
					       "10.0.0.1:5000->8.8.8.8:443");
	}
	/* As a server the ends are turned round by the handler. */
	get(3)->role = ROLE_SERVER;
	call(EV_CONNECT_X, 0, 3, CONNECT_X_fd);
	set_tuple(CONNECT_X_tuple, IP(10, 0, 0, 1), 5000, IP(7, 7, 7, 7), 443);
	with_kernel(FD_IPV4, NULL, 50);
	f.kernel.have |= KERNEL_FD_TUPLE;
	memset(tuple + 7, 7, 4);
	f.kernel.fd_tuple = (struct str){ (const char *)tuple, sizeof(tuple) };
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "10.0.0.1:5000->7.7.7.7:443");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("state_sock");
	TCase *t = tcase_create("sock");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, tcp_client_and_server);
	tcase_add_test(t, failed_connect);
	tcase_add_test(t, connect_address_at_entry_wins);
	tcase_add_test(t, datagrams);
	tcase_add_test(t, datagram_on_unknown_fd);
	tcase_add_test(t, incomplete_tuple);
	tcase_add_test(t, listed_sockets);
	tcase_add_test(t, kernel_sockets);
	tcase_add_test(t, kernel_and_connect);
	tcase_add_test(t, kernel_and_connect_differ);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
