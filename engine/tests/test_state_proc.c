/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process table: birth from both sides, exec, exit, identity, stand-ins, bounds.
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

static struct thread *get(int64_t tid)
{
	return state_thread(f.state, tid);
}

START_TEST(snapshot_links)
{
	ck_assert_ptr_eq(get(20)->parent, get(10));
	ck_assert_ptr_eq(get(10)->parent, get(1));
	ck_assert_ptr_null(get(1)->parent);
	ck_assert_ptr_eq(thread_ancestor(get(20), 2), get(1));
	ck_assert_ptr_null(thread_ancestor(get(20), 3));
	ck_assert_str_view(thread_cwd(get(20)), "/root/");
	ck_assert(get(1)->group->reaper);
}
END_TEST

static void fork_by(int order)
{
	ev_open(&f, 10, 3, "/etc/passwd", WO_RDONLY);
	if (order == 0) {
		ev_clone(&f, EV_CLONE_20_X, 10, 30, 10, 1, 0);
		ev_clone(&f, EV_CLONE_20_X, 30, 0, 30, 10, 0);
	} else {
		ev_clone(&f, EV_CLONE_20_X, 30, 0, 30, 10, 0);
		ev_clone(&f, EV_CLONE_20_X, 10, 30, 10, 1, 0);
	}
}

START_TEST(fork_in_both_orders)
{
	struct thread *t;

	fork_by(_i);
	t = get(30);
	ck_assert_ptr_nonnull(t);
	ck_assert_int_eq(t->pid, 30);
	ck_assert_ptr_eq(t->parent, get(10));
	ck_assert_str_view(istr_str(t->exepath), "/bin/x");
	ck_assert_str_view(thread_cwd(t), "/root/");
	ck_assert_str_view(thread_env(t), "A=1");
	ck_assert_str_eq(fd_name(&f, 30, 3), "/etc/passwd");
	ck_assert_uint_eq(state_stats(f.state)->threads, 4);
}
END_TEST

START_TEST(environment_comes_from_leaders)
{
	ev_clone(&f, EV_CLONE3_X, 11, 0, 10, 1, CL_THREAD_FLAGS);
	ev_clone(&f, EV_CLONE_20_X, 11, 30, 10, 1, 0);
	ck_assert_str_view(thread_env(get(30)), "");
	ck_assert_str_view(thread_cwd(get(30)), "/root/");
	ev_clone(&f, EV_CLONE_20_X, 10, 31, 10, 1, 0);
	ck_assert_str_view(thread_env(get(31)), "A=1");
}
END_TEST

START_TEST(fork_tables_are_independent)
{
	fork_by(0);
	ev_new(&f, EV_CLOSE_X);
	ev_num(&f, CLOSE_X_res, 0);
	ev_num(&f, CLOSE_X_fd, 3);
	ev_run(&f, 30);
	ck_assert_ptr_nonnull(f.ctx.fd);
	ev_nothing(&f, 30);
	ck_assert_str_eq(fd_name(&f, 30, 3), "(none)");
	ck_assert_str_eq(fd_name(&f, 10, 3), "/etc/passwd");
}
END_TEST

START_TEST(vfork_leaves_it_to_the_child)
{
	ev_clone(&f, EV_VFORK_20_X, 10, 30, 10, 1, 0);
	ck_assert_ptr_null(get(30));
	ev_clone(&f, EV_VFORK_20_X, 30, 0, 30, 10, 0);
	ck_assert_ptr_eq(get(30)->parent, get(10));
	ck_assert_ptr_eq(f.ctx.thread, get(30));
}
END_TEST

START_TEST(late_caller_does_not_revive)
{
	ev_clone(&f, EV_CLONE_20_X, 30, 0, 30, 10, 0);
	ev_exit(&f, 30, -1);
	ck_assert_ptr_nonnull(get(30));
	ev_clone(&f, EV_CLONE_20_X, 10, 30, 10, 1, 0);
	ck_assert_ptr_null(get(30));
}
END_TEST

START_TEST(threads_share)
{
	ev_clone(&f, EV_CLONE3_X, 21, 0, 20, 10, CL_THREAD_FLAGS);
	ck_assert_ptr_eq(get(21)->group, get(20)->group);
	ck_assert_ptr_eq(thread_main(get(21)), get(20));
	ck_assert_uint_eq(thread_group_size(get(20)), 2);
	ck_assert_uint_eq(thread_child_count(get(20)), 1);
	ev_open(&f, 21, 5, "x", WO_RDONLY);
	ck_assert_str_eq(fd_name(&f, 20, 5), "/root/x");
	ev_new(&f, EV_CHDIR_X);
	ev_num(&f, CHDIR_X_res, 0);
	ev_text(&f, CHDIR_X_path, "sub/..//dir");
	ev_run(&f, 21);
	ck_assert_str_view(thread_cwd(get(20)), "/root/dir/");
}
END_TEST

START_TEST(exec_replaces)
{
	uint64_t version;

	ev_clone(&f, EV_CLONE3_X, 21, 0, 20, 10, CL_THREAD_FLAGS);
	ev_open(&f, 20, 3, "/keep", WO_RDONLY);
	ev_open(&f, 20, 4, "/drop", WO_RDONLY | WO_CLOEXEC);
	version = get(20)->version;
	ev_exec(&f, 20, "prog", "-a|b c|");
	ck_assert_ptr_null(get(21));
	ck_assert_str_eq(fd_name(&f, 20, 3), "/keep");
	ck_assert_str_eq(fd_name(&f, 20, 4), "(none)");
	ck_assert_str_view(istr_str(get(20)->exepath), "/usr/bin/prog");
	ck_assert_uint_eq(get(20)->nargs, 3);
	ck_assert_str_view(thread_arg(get(20), 1), "b c");
	ck_assert_str_view(thread_arg(get(20), 2), "");
	ck_assert_ptr_null(thread_arg(get(20), 3).p);
	ck_assert_str_view(thread_cmdline(f.state, get(20)), "prog -a b c ");
	ck_assert_uint_gt(get(20)->version, version);
	ck_assert_int_eq(get(20)->pgid, -1);
	ck_assert_uint_eq(get(20)->loginuid, UINT32_MAX);
}
END_TEST

/* The hint may name a thread that is gone when its event comes, or was never there. */
START_TEST(hint_of_a_thread_that_goes)
{
	ev_clone(&f, EV_CLONE3_X, 21, 0, 20, 10, CL_THREAD_FLAGS);
	f.next_tid = 21;
	ev_exec(&f, 20, "prog", "");
	ev_nothing(&f, 21);
	ck_assert_ptr_nonnull(f.ctx.thread);
	ck_assert(f.ctx.thread->state_flags & THREAD_FAKE);
	f.next_tid = 20;
	ev_exit(&f, 20, -1);
	ev_nothing(&f, 20);
	ck_assert(f.ctx.thread->state_flags & THREAD_FAKE);
	f.next_tid = 4000;
	ev_nothing(&f, 10);
	ck_assert_ptr_eq(f.ctx.thread, get(10));
	ck_assert_ptr_null(get(4000));
}
END_TEST

START_TEST(failed_exec_changes_nothing)
{
	uint64_t version = get(20)->version;

	ev_new(&f, EV_EXECVE_19_X);
	ev_num(&f, EXECVE_19_X_res, -2);
	ev_text(&f, EXECVE_19_X_exe, "evil");
	ev_run(&f, 20);
	ck_assert_str_view(istr_str(get(20)->exe), "child");
	ck_assert_uint_eq(get(20)->version, version);
	ck_assert(f.ctx.visible);
}
END_TEST

START_TEST(exit_is_delayed)
{
	ev_exit(&f, 20, -1);
	ck_assert_ptr_eq(f.ctx.thread, get(20));
	ck_assert(f.ctx.visible);
	ev_nothing(&f, 10);
	ck_assert_ptr_null(get(20));
}
END_TEST

START_TEST(children_go_to_init)
{
	ev_exit(&f, 10, -1);
	ck_assert_ptr_eq(get(20)->parent, get(1));
	ck_assert_int_eq(get(20)->ptid, 1);
}
END_TEST

START_TEST(children_go_to_the_named_reaper)
{
	ev_clone(&f, EV_CLONE_20_X, 30, 0, 30, 1, 0);
	ev_exit(&f, 10, 30);
	ck_assert_ptr_eq(get(20)->parent, get(30));
}
END_TEST

START_TEST(children_go_to_a_subreaper)
{
	ev_new(&f, EV_PRCTL_X);
	ev_num(&f, PRCTL_X_res, 0);
	ev_num(&f, PRCTL_X_option, 36);
	ev_num(&f, PRCTL_X_arg2_int, 1);
	ev_run(&f, 10);
	ev_clone(&f, EV_CLONE_20_X, 30, 0, 30, 20, 0);
	ev_exit(&f, 20, -1);
	ck_assert_ptr_eq(get(30)->parent, get(10));
}
END_TEST

START_TEST(dead_leader_stays_for_its_threads)
{
	ev_clone(&f, EV_CLONE3_X, 21, 0, 20, 10, CL_THREAD_FLAGS);
	ev_exit(&f, 20, -1);
	ev_nothing(&f, 21);
	ck_assert_ptr_nonnull(get(20));
	ck_assert_uint_eq(thread_group_size(get(21)), 1);
	ck_assert_str_view(thread_cwd(get(21)), "/root/");
	ev_exit(&f, 21, -1);
	ev_nothing(&f, 10);
	ck_assert_ptr_null(get(20));
	ck_assert_ptr_null(get(21));
}
END_TEST

START_TEST(stand_in_and_repair)
{
	ev_open(&f, 77, 3, "/etc/shadow", WO_RDONLY);
	ck_assert(get(77)->state_flags & THREAD_FAKE);
	ck_assert_str_view(istr_str(get(77)->comm), "<NA>");
	ck_assert_int_eq(get(77)->pid, -1);
	ck_assert_str_view(istr_str(f.ctx.fd->name), "/etc/shadow");
	ck_assert_uint_eq(thread_fd_count(get(77)), 0);
	ev_exec(&f, 77, "prog", "x");
	ck_assert(!(get(77)->state_flags & THREAD_FAKE));
	ck_assert_int_eq(get(77)->pid, 77);
	ck_assert_ptr_eq(get(77)->parent, get(1));
	ck_assert_str_eq(fd_name(&f, 77, 3), "/etc/shadow");
	ck_assert_uint_eq(state_stats(f.state)->threads_fake, 0);
}
END_TEST

START_TEST(stand_in_repaired_by_its_clone)
{
	ev_open(&f, 77, 3, "/x", WO_RDONLY);
	ev_clone(&f, EV_CLONE_20_X, 77, 78, 77, 10, 0);
	ck_assert_int_eq(get(77)->pid, 77);
	ck_assert_ptr_eq(get(77)->parent, get(10));
	ck_assert_ptr_eq(get(78)->parent, get(77));
	ck_assert_str_view(istr_str(get(77)->comm), "sh");
}
END_TEST

START_TEST(exit_and_switch_make_no_stand_in)
{
	ev_exit(&f, 99, -1);
	ck_assert_ptr_null(f.ctx.thread);
	ev_new(&f, EV_SCHEDSWITCH_6_E);
	ev_run(&f, 99);
	ck_assert_ptr_null(get(99));
}
END_TEST

START_TEST(identity)
{
	ev_new(&f, EV_SETUID_X);
	ev_num(&f, SETUID_X_res, 0);
	ev_num(&f, SETUID_X_uid, 1000);
	ev_run(&f, 20);
	ck_assert_uint_eq(get(20)->uid, 1000);
	ev_new(&f, EV_SETRESUID_X);
	ev_num(&f, SETRESUID_X_res, 0);
	ev_num(&f, SETRESUID_X_ruid, 5);
	ev_num(&f, SETRESUID_X_euid, -1);
	ev_run(&f, 20);
	ck_assert_uint_eq(get(20)->uid, 1000);
	ev_new(&f, EV_SETREGID_X);
	ev_num(&f, SETREGID_X_res, -1);
	ev_num(&f, SETREGID_X_egid, 7);
	ev_run(&f, 20);
	ck_assert_uint_eq(get(20)->gid, 0);
	ev_new(&f, EV_SETSID_X);
	ev_num(&f, SETSID_X_res, 20);
	ev_run(&f, 20);
	ck_assert_int_eq(get(20)->sid, 20);
	ev_new(&f, EV_UNSHARE_X);
	ev_num(&f, UNSHARE_X_res, 0);
	ev_num(&f, UNSHARE_X_flags, 0x100000);
	ev_run(&f, 20);
	ck_assert_uint_eq(get(20)->cap_effective, (1ull << 41) - 1);
}
END_TEST

START_TEST(name_of_thread_follows_only_if_asked)
{
	struct state_opts opts = { .track_comm = true };

	for (int i = 0; i < 2; i++) {
		ev_new(&f, EV_PRCTL_X);
		ev_num(&f, PRCTL_X_res, 0);
		ev_num(&f, PRCTL_X_option, 15);
		ev_text(&f, PRCTL_X_arg2_str, "new");
		ev_run(&f, 20);
		ck_assert_str_view(istr_str(get(20)->comm), i ? "new" : "child");
		fixture_done(&f);
		fixture_init(&f, &opts);
		fixture_family(&f);
	}
}
END_TEST

START_TEST(table_limit)
{
	f.limits.max[LIMIT_THREADS] = 3;
	ev_nothing(&f, 10);
	ev_nothing(&f, 20);
	ev_nothing(&f, 500);
	ck_assert_ptr_null(f.ctx.thread);
	ck_assert_uint_eq(f.limits.hits[LIMIT_THREADS], 1);
	ck_assert_uint_eq(state_stats(f.state)->threads_refused, 1);
	/* From now on someone makes room: oldest first, and never the event's own. */
	ev_nothing(&f, 20);
	ck_assert_ptr_eq(f.ctx.thread, get(20));
	ck_assert_ptr_null(get(1));
	ck_assert_uint_eq(state_stats(f.state)->threads_evicted, 1);
	ev_nothing(&f, 501);
	ck_assert_ptr_nonnull(f.ctx.thread);
	ck_assert_ptr_nonnull(get(20));
	for (int64_t tid = 600; tid < 700; tid++) {
		ev_nothing(&f, tid);
		ck_assert_ptr_eq(f.ctx.thread, get(tid));
		ck_assert_uint_le(state_stats(f.state)->threads, 3);
	}
	ck_assert_uint_eq(state_stats(f.state)->threads_refused, 1);
}
END_TEST

/* Bytes of the threads that went are there for the next ones. */
START_TEST(byte_limit_makes_room)
{
	f.limits.max[LIMIT_STATE_BYTES] = state_stats(f.state)->bytes + 40000;
	for (int64_t tid = 1000; tid < 1400; tid++) {
		ev_nothing(&f, tid);
		ev_open(&f, tid, 3, "/some/file", WO_RDONLY);
	}
	ck_assert_ptr_nonnull(f.ctx.fd);
	ck_assert_ptr_eq(f.ctx.thread, get(1399));
	ck_assert_uint_gt(state_stats(f.state)->threads_evicted, 200);
	ck_assert_uint_lt(state_stats(f.state)->bytes, f.limits.max[LIMIT_STATE_BYTES] + 10000);
}
END_TEST

START_TEST(byte_limit)
{
	f.limits.max[LIMIT_STATE_BYTES] = 1;
	ev_nothing(&f, 500);
	ck_assert_ptr_null(f.ctx.thread);
	ev_open(&f, 20, 3, "/x", WO_RDONLY);
	ck_assert_ptr_null(f.ctx.fd);
	ck_assert_int_eq(f.ctx.fd_num, 3);
	ck_assert_uint_eq(state_stats(f.state)->fds_refused, 1);
}
END_TEST

static int lookup(void *ctx, int64_t tid, struct proc_record *ret)
{
	++*(int *)ctx;
	if (tid != 300)
		return -ENOENT;
	*ret = fixture_proc(300, 10, "found");
	return 0;
}

START_TEST(unknown_threads_are_asked_for)
{
	int calls = 0;
	struct state_opts opts = { .hooks = { .lookup_thread = lookup, .ctx = &calls } };

	fixture_done(&f);
	fixture_init(&f, &opts);
	fixture_family(&f);
	ev_nothing(&f, 300);
	ck_assert_str_view(istr_str(get(300)->comm), "found");
	ck_assert_ptr_eq(get(300)->parent, get(10));
	ev_nothing(&f, 300);
	ck_assert_int_eq(calls, 1);
	ev_nothing(&f, 301);
	ck_assert(get(301)->state_flags & THREAD_FAKE);
}
END_TEST

START_TEST(silent_threads_are_swept)
{
	int calls = 0;
	struct state_opts opts = { .hooks = { .lookup_thread = lookup, .ctx = &calls } };

	fixture_done(&f);
	fixture_init(&f, &opts);
	fixture_family(&f);
	ev_nothing(&f, 300);
	f.ts += 3600ull * 1000000000;
	for (int i = 0; i < 10; i++) {
		ev_nothing(&f, 20);
		f.ts += 1500ull * 1000000000;
	}
	ck_assert_ptr_null(get(10));
	ck_assert_ptr_nonnull(get(300));
	ck_assert_ptr_nonnull(get(20));
	ck_assert_int_eq(get(20)->ptid, 0);
}
END_TEST

/* Arguments of programs that are over are remembered for a while, not all of them. */
START_TEST(texts_of_the_gone_are_bounded)
{
	uint64_t before = state_stats(f.state)->bytes;
	struct proc_record r;
	char args[401];

	for (int64_t pid = 1000; pid < 3000; pid++) {
		r = fixture_proc(pid, 20, "app");
		snprintf(args, sizeof(args), "%0400d", (int)pid);
		r.args = str_from(args);
		fixture_add(&f, &r);
		ev_exit(&f, pid, -1);
	}
	ev_nothing(&f, 20);
	ck_assert_ptr_null(get(2999));
	ck_assert_uint_lt(state_stats(f.state)->bytes - before, 300 << 10);
}
END_TEST

START_TEST(section_reset)
{
	fixture_snap(&f, &(struct snapshot_item){ .kind = SNAP_RESET });
	ck_assert_uint_eq(state_stats(f.state)->threads, 0);
	ck_assert_uint_eq(state_stats(f.state)->fds, 0);
	fixture_family(&f);
	ck_assert_ptr_eq(get(20)->parent, get(10));
}
END_TEST

/* It was in a list and in the stream, and the entry of its parent was replaced between. */
START_TEST(entry_of_the_start_gets_its_parent)
{
	struct proc_record r = fixture_proc(40, 77, "x");

	r.clone_ts = f.ts;
	fixture_add(&f, &r);
	ck_assert_ptr_null(get(40)->parent);
	ev_clone(&f, EV_CLONE_20_X, 40, 0, 40, 10, 0);
	ck_assert_ptr_null(get(40)->parent);
	f.flags = EVENT_LIVE;
	ev_clone(&f, EV_CLONE_20_X, 40, 0, 40, 10, 0);
	ck_assert_ptr_eq(get(40)->parent, get(10));
	ck_assert_str_view(istr_str(get(40)->comm), "x");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("state_proc");
	TCase *t = tcase_create("proc");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, snapshot_links);
	tcase_add_loop_test(t, fork_in_both_orders, 0, 2);
	tcase_add_test(t, environment_comes_from_leaders);
	tcase_add_test(t, fork_tables_are_independent);
	tcase_add_test(t, vfork_leaves_it_to_the_child);
	tcase_add_test(t, late_caller_does_not_revive);
	tcase_add_test(t, threads_share);
	tcase_add_test(t, exec_replaces);
	tcase_add_test(t, hint_of_a_thread_that_goes);
	tcase_add_test(t, failed_exec_changes_nothing);
	tcase_add_test(t, exit_is_delayed);
	tcase_add_test(t, children_go_to_init);
	tcase_add_test(t, children_go_to_the_named_reaper);
	tcase_add_test(t, children_go_to_a_subreaper);
	tcase_add_test(t, dead_leader_stays_for_its_threads);
	tcase_add_test(t, stand_in_and_repair);
	tcase_add_test(t, stand_in_repaired_by_its_clone);
	tcase_add_test(t, entry_of_the_start_gets_its_parent);
	tcase_add_test(t, exit_and_switch_make_no_stand_in);
	tcase_add_test(t, identity);
	tcase_add_test(t, name_of_thread_follows_only_if_asked);
	tcase_add_test(t, table_limit);
	tcase_add_test(t, byte_limit);
	tcase_add_test(t, byte_limit_makes_room);
	tcase_add_test(t, unknown_threads_are_asked_for);
	tcase_add_test(t, silent_threads_are_swept);
	tcase_add_test(t, texts_of_the_gone_are_bounded);
	tcase_add_test(t, section_reset);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
