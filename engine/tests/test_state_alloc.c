/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After warm-up the state takes no memory: files, sockets and processes that come and go live in
 * what is there already. Counts the calls of the allocator, so it is skipped under sanitizers.
 */
#include "engine/tests/state_fixture.h"

static unsigned long calls;

#ifndef __SANITIZE_ADDRESS__
void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
	calls++;
	return __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	calls++;
	return __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	calls++;
	return __libc_realloc(p, n);
}
#endif

static struct fixture f;

static void files(int i)
{
	static const char *const names[] = { "/etc/passwd", "lib/x.so", "../tmp//y", "/dev/null" };

	ev_open(&f, 20, 3 + i % 5, names[i % 4], WO_RDONLY | WO_CLOEXEC);
	ev_new(&f, EV_READ_X);
	ev_num(&f, READ_X_res, 10);
	ev_num(&f, READ_X_fd, 3 + i % 5);
	ev_run(&f, 20);
	ev_new(&f, EV_DUP2_X);
	ev_num(&f, DUP2_X_res, 0);
	ev_num(&f, DUP2_X_oldfd, 3 + i % 5);
	ev_run(&f, 20);
	ev_new(&f, EV_CLOSE_X);
	ev_num(&f, CLOSE_X_res, 0);
	ev_num(&f, CLOSE_X_fd, 3 + i % 5);
	ev_run(&f, 20);
	ev_new(&f, EV_CHDIR_X);
	ev_num(&f, CHDIR_X_res, 0);
	ev_text(&f, CHDIR_X_path, i % 2 ? "/srv" : "/root");
	ev_run(&f, 20);
}

static void sockets(int i)
{
	const uint8_t tuple[13] = {
		WIRE_AF_INET, 10, 0, 0, 1, 1, 1, 8, 8, 8, (uint8_t)(i % 50), 53
	};

	ev_new(&f, EV_SOCKET_X);
	ev_num(&f, SOCKET_X_fd, 9);
	ev_num(&f, SOCKET_X_domain, WIRE_AF_INET);
	ev_num(&f, SOCKET_X_type, 2);
	ev_run(&f, 20);
	ev_new(&f, EV_SENDTO_X);
	ev_num(&f, SENDTO_X_res, 5);
	ev_num(&f, SENDTO_X_fd, 9);
	ev_bytes(&f, SENDTO_X_tuple, tuple, sizeof(tuple));
	ev_run(&f, 20);
}

static void processes(int i)
{
	int64_t child = 1000 + i % 3;

	ev_clone(&f, EV_CLONE_20_X, 20, child, 20, 10, 0);
	ev_clone(&f, EV_CLONE_20_X, child, 0, child, 20, 0);
	ev_exec(&f, child, i % 2 ? "ls" : "cat", i % 2 ? "-l|/tmp" : "x");
	thread_cmdline(f.state, state_thread(f.state, child));
	ev_exit(&f, child, -1);
	/* The next child of this number must not look like a late event of this one. */
	f.ts += 3000000000ull;
}

START_TEST(no_allocation)
{
	fixture_init(&f, NULL);
	fixture_family(&f);
	f.alloc_calls = &calls;
	for (int i = 0; i < 1200; i++) {
		if (i == 200)
			f.allocs = 0;
		files(i);
		sockets(i);
		processes(i);
	}
	ck_assert_uint_eq(f.allocs, 0);
	fixture_done(&f);
}
END_TEST

START_TEST(the_counter_counts)
{
#ifdef __SANITIZE_ADDRESS__
	printf("# SKIP allocations are not counted under sanitizers\n");
#else
	calls = 0;
	fixture_init(&f, NULL);
	ck_assert_uint_gt(calls, 0);
	fixture_done(&f);
#endif
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("state_alloc");
	TCase *t = tcase_create("alloc");

	tcase_add_test(t, no_allocation);
	tcase_add_test(t, the_counter_counts);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
