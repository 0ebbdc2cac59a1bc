/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fd tables: names, copies, closing, bounds, what the sensor reads from the kernel.
 */
#include "engine/tests/fd_bed.h"

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

/* Live there are no close events: a number that comes again is another file in the same place. */
START_TEST(opened_again)
{
	uint64_t removed = state_stats(f.state)->fds_removed;
	uint32_t order;

	ev_open(&f, 20, 3, "/first", WO_RDONLY | WO_CLOEXEC | WO_DIRECTORY);
	order = get(3)->order;
	ev_open(&f, 20, 4, "/other", WO_RDONLY);
	ev_open(&f, 20, 3, "/second", WO_RDONLY);
	ck_assert_str_eq(fd_name(&f, 20, 3), "/second");
	ck_assert_str_eq(fd_name(&f, 20, 4), "/other");
	ck_assert_uint_eq(get(3)->kind, FD_FILE);
	ck_assert(!get(3)->cloexec);
	ck_assert_uint_eq(get(3)->order, order);
	ck_assert_uint_gt(get(4)->order, order);
	ck_assert_uint_eq(thread_fd_count(state_thread(f.state, 20)), 2);
	ck_assert_uint_eq(state_stats(f.state)->fds, 2);
	ck_assert_uint_eq(state_stats(f.state)->fds_removed, removed + 1);
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
	tcase_add_test(t, opened_again);
	tcase_add_test(t, failed_open);
	tcase_add_test(t, name_at_entry_wins);
	tcase_add_test(t, copies);
	tcase_add_test(t, closing);
	tcase_add_test(t, openat_without_directory);
	tcase_add_test(t, any_bpf_command_makes_an_fd);
	tcase_add_test(t, other_kinds);
	tcase_add_test(t, process_limit);
	tcase_add_test(t, kernel_makes_unknown_fds_known);
	tcase_add_test(t, kernel_keeps_the_name_that_was_asked_for);
	tcase_add_test(t, kernel_kinds);
	suite_add_tcase(s, t);
	tcase_add_checked_fixture(h, setup, teardown);
	tcase_set_timeout(h, 60);
	tcase_add_loop_test(h, hostile_events, 0, 4);
	suite_add_tcase(s, h);
	return s;
}

TEST_MAIN(make_suite)
