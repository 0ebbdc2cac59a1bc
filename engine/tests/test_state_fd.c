/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fd tables: names, copies, closing, sockets and their roles, what the sensor reads from the kernel.
 */
#include "engine/tests/state_fixture.h"

static struct fixture f;

static void setup(void)
{
	fixture_init(&f, NULL);
	fixture_family(&f);
}

static void teardown(void)
{
	fixture_done(&f);
}

static struct fdinfo *get(int64_t fd)
{
	return thread_fd(state_thread(f.state, 20), fd);
}

static void call(enum event_type type, int64_t res, int64_t fd, unsigned fd_param)
{
	ev_new(&f, type);
	ev_num(&f, 0, res);
	ev_num(&f, fd_param, fd);
}

static void make_socket(int64_t fd, uint32_t domain, uint32_t type)
{
	ev_new(&f, EV_SOCKET_X);
	ev_num(&f, SOCKET_X_fd, fd);
	ev_num(&f, SOCKET_X_domain, domain);
	ev_num(&f, SOCKET_X_type, type);
	ev_run(&f, 20);
}

/* 13 bytes of an IPv4 tuple, addresses as four numbers of one byte each in host order. */
static void set_tuple(unsigned param, uint32_t sip, uint16_t sport, uint32_t dip, uint16_t dport)
{
	uint8_t b[13] = { WIRE_AF_INET };

	store_u32(b + 1, __builtin_bswap32(sip));
	store_u16(b + 5, sport);
	store_u32(b + 7, __builtin_bswap32(dip));
	store_u16(b + 11, dport);
	ev_bytes(&f, param, b, sizeof(b));
}

static void set_addr(unsigned param, uint32_t ip, uint16_t port)
{
	uint8_t b[7] = { WIRE_AF_INET };

	store_u32(b + 1, __builtin_bswap32(ip));
	store_u16(b + 5, port);
	ev_bytes(&f, param, b, sizeof(b));
}

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

START_TEST(open_names)
{
	ev_open(&f, 20, 3, "../tmp//x", WO_RDONLY | WO_CLOEXEC);
	ck_assert_str_eq(fd_name(&f, 20, 3), "/tmp/x");
	ck_assert_str_view(istr_str(get(3)->nameraw), "../tmp//x");
	ck_assert(get(3)->cloexec);
	ck_assert_int_eq(f.ctx.fd_num, 3);
	ck_assert(f.ctx.fd_name_changed);
	ev_open(&f, 20, 4, "/srv", WO_RDONLY | WO_DIRECTORY);
	ck_assert_uint_eq(get(4)->kind, FD_DIRECTORY);
	ev_new(&f, EV_OPENAT_2_X);
	ev_num(&f, OPENAT_2_X_fd, 5);
	ev_num(&f, OPENAT_2_X_dirfd, 4);
	ev_text(&f, OPENAT_2_X_name, "../etc/passwd");
	ev_run(&f, 20);
	ck_assert_str_eq(fd_name(&f, 20, 5), "/etc/passwd");
	ev_num(&f, OPENAT_2_X_dirfd, 99);
	ev_run(&f, 20);
	ck_assert_str_eq(fd_name(&f, 20, 5), "<UNKNOWN>../etc/passwd");
}
END_TEST

START_TEST(failed_open)
{
	ev_open(&f, 20, -2, "/nope", WO_RDONLY);
	ck_assert(f.ctx.has_fd);
	ck_assert_ptr_null(f.ctx.fd);
	ck_assert_int_eq(f.ctx.fd_num, -1);
}
END_TEST

START_TEST(name_at_entry_wins)
{
	ev_new(&f, EV_OPENAT_2_E);
	ev_num(&f, OPENAT_2_E_dirfd, WIRE_AT_FDCWD);
	ev_text(&f, OPENAT_2_E_name, "/real");
	ev_num(&f, OPENAT_2_E_flags, WO_RDONLY);
	ev_run(&f, 20);
	ck_assert(!f.ctx.visible);
	ev_open(&f, 20, 3, "/faked", WO_RDONLY | WO_F_CREATED | WO_DIRECTORY);
	ck_assert_str_eq(fd_name(&f, 20, 3), "/real");
	ck_assert_str_view(f.ctx.toctou_name, "/real");
	ck_assert_uint_eq(get(3)->open_flags, WO_RDONLY | WO_F_CREATED);
	ev_open(&f, 20, 4, "/other", WO_RDONLY);
	ck_assert_str_eq(fd_name(&f, 20, 4), "/other");
	ck_assert_ptr_null(f.ctx.toctou_name.p);
}
END_TEST

START_TEST(copies)
{
	make_socket(7, WIRE_AF_INET, 1);
	call(EV_DUP2_X, 0, 7, DUP2_X_oldfd);
	ev_run(&f, 20);
	ck_assert_uint_eq(get(0)->kind, FD_IPV4);
	ck_assert_int_eq(f.ctx.fd_num, 0);
	ck_assert_ptr_eq(f.ctx.fd, get(0));
	call(EV_DUP3_X, 9, 7, DUP3_X_oldfd);
	ev_num(&f, DUP3_X_flags, WO_CLOEXEC);
	ev_run(&f, 20);
	ck_assert(get(9)->cloexec && !get(7)->cloexec);
	call(EV_FCNTL_X, 10, 7, FCNTL_X_fd);
	ev_num(&f, FCNTL_X_cmd, 0x1a);
	ev_run(&f, 20);
	ck_assert(get(10)->cloexec);
	call(EV_FCNTL_X, 0, 10, FCNTL_X_fd);
	ev_num(&f, FCNTL_X_cmd, 3);
	ev_num(&f, FCNTL_X_arg, 0);
	ev_run(&f, 20);
	ck_assert(!get(10)->cloexec);
	call(EV_DUP2_X, 7, 7, DUP2_X_oldfd);
	ev_run(&f, 20);
	ck_assert_uint_eq(get(7)->kind, FD_IPV4);
	call(EV_DUP_1_X, -9, 55, DUP_1_X_oldfd);
	ev_run(&f, 20);
	ck_assert_int_eq(f.ctx.fd_num, 55);
	ck_assert_ptr_null(f.ctx.fd);
}
END_TEST

START_TEST(closing)
{
	for (int64_t fd = 3; fd < 9; fd++)
		ev_open(&f, 20, fd, "/x", WO_RDONLY);
	ev_open(&f, 20, 70000, "/far", WO_RDONLY);
	call(EV_CLOSE_X, 0, 3, CLOSE_X_fd);
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "/x");
	call(EV_CLOSE_X, -5, 4, CLOSE_X_fd);
	ev_run(&f, 20);
	ck_assert_ptr_null(get(3));
	ev_new(&f, EV_CLOSE_RANGE_X);
	ev_num(&f, CLOSE_RANGE_X_res, 0);
	ev_num(&f, CLOSE_RANGE_X_first, 5);
	ev_num(&f, CLOSE_RANGE_X_last, 6);
	ev_run(&f, 20);
	ck_assert(get(4) && !get(5) && !get(6) && get(7));
	ev_num(&f, CLOSE_RANGE_X_last, 0xffffffff);
	ev_num(&f, CLOSE_RANGE_X_flags, 4);
	ev_run(&f, 20);
	ck_assert(!get(4)->cloexec && get(7)->cloexec && get(70000)->cloexec);
	ev_exec(&f, 20, "x", "");
	ck_assert_uint_eq(thread_fd_count(state_thread(f.state, 20)), 1);
	ck_assert_uint_eq(state_stats(f.state)->fds, 1);
}
END_TEST

START_TEST(openat_without_directory)
{
	ev_new(&f, EV_OPENAT_2_X);
	ev_num(&f, OPENAT_2_X_fd, 30);
	ev_text(&f, OPENAT_2_X_name, "a/../b");
	ev_run(&f, 20);
	ck_assert_str_eq(fd_name(&f, 20, 30), "b");
	ev_new(&f, EV_OPENAT_2_X);
	ev_num(&f, OPENAT_2_X_fd, 31);
	ev_run(&f, 20);
	ck_assert_str_eq(fd_name(&f, 20, 31), "<NA>");
}
END_TEST

START_TEST(any_bpf_command_makes_an_fd)
{
	ev_new(&f, EV_BPF_2_X);
	ev_num(&f, BPF_2_X_fd, 30);
	ev_num(&f, BPF_2_X_cmd, 7);
	ev_run(&f, 20);
	ck_assert_uint_eq(get(30)->kind, FD_BPF);
	ev_new(&f, EV_BPF_2_X);		/* an update: 0 means done */
	ev_num(&f, BPF_2_X_fd, 0);
	ev_num(&f, BPF_2_X_cmd, 2);
	ev_run(&f, 20);
	ck_assert(!get(0) || get(0)->kind != FD_BPF);
}
END_TEST

START_TEST(other_kinds)
{
	static const struct { enum event_type type; uint8_t kind; } rows[] = {
		{ EV_EVENTFD2_X, FD_EVENTFD }, { EV_SIGNALFD4_X, FD_SIGNALFD },
		{ EV_TIMERFD_CREATE_X, FD_TIMERFD }, { EV_INOTIFY_INIT1_X, FD_INOTIFY },
		{ EV_EPOLL_CREATE1_X, FD_EVENTPOLL }, { EV_USERFAULTFD_X, FD_USERFAULTFD },
		{ EV_BPF_2_X, FD_BPF }, { EV_IO_URING_SETUP_X, FD_IO_URING },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ev_new(&f, rows[i].type);
		ev_num(&f, 0, 30);
		ev_run(&f, 20);
		ck_assert_uint_eq(get(30)->kind, rows[i].kind);
		ck_assert_str_eq(fd_name(&f, 20, 30), "");
		ck_assert_int_eq(f.ctx.fd_num, 30);
	}
	ev_new(&f, EV_PIPE2_X);
	ev_num(&f, PIPE2_X_res, 0);
	ev_num(&f, PIPE2_X_fd1, 31);
	ev_num(&f, PIPE2_X_fd2, 32);
	ev_num(&f, PIPE2_X_ino, 1234);
	ev_num(&f, PIPE2_X_flags, WO_CLOEXEC);
	ev_run(&f, 20);
	ck_assert(get(31)->kind == FD_FIFO && get(32)->ino == 1234 && get(32)->cloexec);
	ck_assert_int_eq(f.ctx.fd_num, 32);
	ev_new(&f, EV_MEMFD_CREATE_X);
	ev_num(&f, MEMFD_CREATE_X_fd, 33);
	ev_text(&f, MEMFD_CREATE_X_name, "payload");
	ev_run(&f, 20);
	ck_assert_str_eq(fd_name(&f, 20, 33), "payload");
	call(EV_PIDFD_OPEN_X, 34, 10, PIDFD_OPEN_X_pid);
	ev_run(&f, 20);
	ck_assert_str_eq(fd_name(&f, 20, 34), "/proc/10");
	ev_open(&f, 10, 8, "/of/shell", WO_RDONLY);
	call(EV_PIDFD_GETFD_X, 35, 34, PIDFD_GETFD_X_pid_fd);
	ev_num(&f, PIDFD_GETFD_X_target_fd, 8);
	ev_run(&f, 20);
	ck_assert_str_eq(fd_name(&f, 20, 35), "/of/shell");
	ck_assert(get(35)->cloexec);
}
END_TEST

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

static void send_to(uint32_t sip, uint16_t sport, uint32_t dip, uint16_t dport)
{
	call(EV_SENDTO_X, 5, 3, SENDTO_X_fd);
	set_tuple(SENDTO_X_tuple, sip, sport, dip, dport);
	ev_run(&f, 20);
}

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

START_TEST(process_limit)
{
	f.limits.max[LIMIT_FDS_PER_PROCESS] = 10;
	for (int64_t fd = 0; fd < 10; fd++)
		ev_open(&f, 20, fd, "/x", WO_RDONLY);
	ck_assert_uint_eq(f.limits.hits[LIMIT_FDS_PER_PROCESS], 0);
	/* An older one makes room, but not the standard ones. */
	for (int64_t fd = 5000; fd < 5020; fd++) {
		ev_open(&f, 20, fd, "/new", WO_RDONLY);
		ck_assert_ptr_eq(f.ctx.fd, get(fd));
		ck_assert_uint_eq(thread_fd_count(state_thread(f.state, 20)), 10);
	}
	for (int64_t fd = 0; fd < 3; fd++)
		ck_assert_str_eq(fd_name(&f, 20, fd), "/x");
	ck_assert_uint_eq(f.limits.hits[LIMIT_FDS_PER_PROCESS], 20);
	ck_assert_uint_eq(state_stats(f.state)->fds_evicted, 20);
	ev_open(&f, 20, 2, "/again", WO_RDONLY);
	ck_assert_str_eq(fd_name(&f, 20, 2), "/again");
}
END_TEST

static void with_kernel(uint8_t kind, const char *path, uint64_t ino)
{
	f.with_kernel = true;
	f.kernel = (struct event_kernel){ .have = KERNEL_FD_KIND | KERNEL_FD_INODE,
					  .fd_kind = kind, .fd_ino = ino };
	if (path) {
		f.kernel.have |= KERNEL_FD_PATH;
		f.kernel.fd_path = str_from(path);
	}
}

START_TEST(kernel_makes_unknown_fds_known)
{
	call(EV_WRITE_X, 5, 3, WRITE_X_fd);
	with_kernel(FD_FILE, "/var/log/x", 42);
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "/var/log/x");
	ck_assert_uint_eq(f.ctx.fd->ino, 42);
	/* Closed and opened without our seeing it. */
	call(EV_WRITE_X, 5, 3, WRITE_X_fd);
	with_kernel(FD_FILE, "/etc/shadow", 43);
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "/etc/shadow");
	call(EV_WRITE_X, 5, 3, WRITE_X_fd);
	with_kernel(FD_FIFO, NULL, 44);
	ev_run(&f, 20);
	ck_assert_uint_eq(f.ctx.fd->kind, FD_FIFO);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "");
}
END_TEST

START_TEST(kernel_keeps_the_name_that_was_asked_for)
{
	ev_new(&f, EV_OPENAT_2_X);
	ev_num(&f, OPENAT_2_X_fd, 3);
	ev_num(&f, OPENAT_2_X_dirfd, WIRE_AT_FDCWD);
	ev_text(&f, OPENAT_2_X_name, "/tmp/link");
	with_kernel(FD_FILE, "/etc/shadow", 43);
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "/tmp/link");
	ck_assert_str_view(istr_str(f.ctx.fd->realpath), "/etc/shadow");
	call(EV_READ_X, 5, 3, READ_X_fd);
	with_kernel(FD_FILE, "/etc/shadow", 43);
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "/tmp/link");
}
END_TEST

START_TEST(kernel_sockets)
{
	uint8_t tuple[13] = { WIRE_AF_INET, 10, 0, 0, 1, 0x88, 0x13, 8, 8, 8, 8, 0xbb, 1 };

	call(EV_WRITE_X, 5, 3, WRITE_X_fd);
	with_kernel(FD_IPV4, NULL, 50);
	f.kernel.have |= KERNEL_FD_TUPLE | KERNEL_FD_ROLE;
	f.kernel.fd_tuple = (struct str){ (const char *)tuple, sizeof(tuple) };
	f.kernel.fd_l4 = L4_TCP;
	f.kernel.fd_role = ROLE_CLIENT;
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
	with_kernel(FD_IPV4, NULL, 50);
	f.kernel.have |= KERNEL_FD_TUPLE | KERNEL_FD_ROLE;
	f.kernel.fd_tuple = (struct str){ (const char *)tuple, sizeof(tuple) };
	f.kernel.fd_l4 = L4_TCP;
	f.kernel.fd_role = ROLE_CLIENT;
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "10.0.0.1:5000->8.8.8.8:443");
	ck_assert(f.ctx.fd_name_changed);
}
END_TEST

START_TEST(kernel_kinds)
{
	ev_open(&f, 20, 3, "/tmp/dir", WO_RDONLY);
	call(EV_FSTAT_X, 0, 3, FSTAT_X_fd);
	with_kernel(FD_DIRECTORY, "/tmp/dir", 7);
	ev_run(&f, 20);
	ck_assert_uint_eq(f.ctx.fd->kind, FD_FILE);
	call(EV_FSTAT_X, 0, 4, FSTAT_X_fd);
	with_kernel(FD_FILE_V2, "/x", 8);
	ev_run(&f, 20);
	ck_assert_uint_eq(f.ctx.fd->kind, FD_FILE);
	f.ctx.fd->upper_layer = true;
	ev_run(&f, 20);
	ck_assert_msg(f.ctx.fd->upper_layer, "the entry was replaced by an equal one");
	call(EV_WRITE_X, 0, 5, WRITE_X_fd);
	with_kernel(FD_MEMFD, "/memfd:payload (deleted)", 9);
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "payload");
	call(EV_READ_X, 0, 6, READ_X_fd);
	with_kernel(FD_EVENTFD, NULL, 10);
	ev_run(&f, 20);
	f.kernel.fd_kind = FD_TIMERFD;
	ev_run(&f, 20);
	ck_assert_uint_eq(f.ctx.fd->kind, FD_TIMERFD);
}
END_TEST

/* Any event with any parameters: no crash, and the tables stay usable. */
START_TEST(hostile_events)
{
	static const int64_t tids[] = { 1, 10, 20, 21, 22, 30, 77, 0, -1, INT64_MAX };
	uint64_t seed = 0x9e3779b97f4a7c15ull + (uint64_t)_i;
	uint8_t junk[64];

	for (int n = 0; n < 25000; n++) {
		const struct event_info *info;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		ev_new(&f, (enum event_type)((seed >> 33) % EVENT_TYPE_COUNT));
		info = &event_infos[f.type];
		for (unsigned i = 0; i < info->nparams; i++) {
			unsigned size = param_type_size(info->params[i].type);
			int64_t v;

			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			v = (int64_t)(seed >> 60 & 1 ? tids[(seed >> 33) % ARRAY_SIZE(tids)] :
				      (int64_t)(seed >> 33) % 40 - 3);
			memset(junk, (int)(seed >> 40), sizeof(junk));
			junk[0] = "\1\2\n/\0{a."[(seed >> 35) % 8];
			if (seed >> 61 == 0)
				continue;
			if (size && size <= sizeof(v))
				ev_num(&f, i, v);
			else
				ev_bytes(&f, i, junk, (seed >> 50) % sizeof(junk));
		}
		if (seed >> 58 & 1) {
			f.with_kernel = true;
			f.kernel = (struct event_kernel){ .have = (uint32_t)(seed >> 20) & 31,
				.fd_kind = (uint8_t)(seed >> 25) % 24, .fd_ino = seed >> 30 & 3,
				.fd_path = STR("/k"), .fd_role = (uint8_t)(seed >> 28) % 3,
				.fd_tuple = { (const char *)junk, seed >> 31 & 63 } };
		}
		ev_run(&f, tids[(seed >> 45) % ARRAY_SIZE(tids)]);
		if (f.ctx.thread)
			thread_cmdline(f.state, f.ctx.thread);
	}
	ck_assert_uint_lt(state_stats(f.state)->threads, 60);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("state_fd");
	TCase *t = tcase_create("fd"), *h = tcase_create("hostile");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, open_names);
	tcase_add_test(t, failed_open);
	tcase_add_test(t, name_at_entry_wins);
	tcase_add_test(t, copies);
	tcase_add_test(t, closing);
	tcase_add_test(t, openat_without_directory);
	tcase_add_test(t, any_bpf_command_makes_an_fd);
	tcase_add_test(t, other_kinds);
	tcase_add_test(t, tcp_client_and_server);
	tcase_add_test(t, failed_connect);
	tcase_add_test(t, connect_address_at_entry_wins);
	tcase_add_test(t, datagrams);
	tcase_add_test(t, datagram_on_unknown_fd);
	tcase_add_test(t, incomplete_tuple);
	tcase_add_test(t, listed_sockets);
	tcase_add_test(t, process_limit);
	tcase_add_test(t, kernel_makes_unknown_fds_known);
	tcase_add_test(t, kernel_keeps_the_name_that_was_asked_for);
	tcase_add_test(t, kernel_sockets);
	tcase_add_test(t, kernel_and_connect);
	tcase_add_test(t, kernel_kinds);
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(h, setup, teardown);
	tcase_set_timeout(h, 60);
	tcase_add_loop_test(h, hostile_events, 0, 4);
	suite_add_tcase(s, h);
	return s;
}

TEST_MAIN(make_suite)
