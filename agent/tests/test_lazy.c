/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Libraries on demand: all of lazy.def are there with all their functions, from several threads at
 * once; one that is missing is an error with words, not a crash.
 */
#include "agent/http.h"
#include "agent/lazy.h"
#include "engine/tests/test.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 8 };

START_TEST(test_load)
{
	const char *why = "";

	ck_assert_msg(lazy_load((enum lazy_library)_i, &why) == 0, "%s", why);
	ck_assert_int_eq(lazy_load((enum lazy_library)_i, &why), 0);
}
END_TEST

static void *load_all(void *arg)
{
	const char *why;
	intptr_t bad = 0;

	for (int i = 0; i < LAZY_COUNT; i++)
		bad += lazy_load((enum lazy_library)i, &why) < 0;
	return (void *)bad;
}

START_TEST(test_threads)
{
	pthread_t threads[THREADS];
	void *bad;

	for (int i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL, load_all, NULL), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &bad);
		ck_assert_ptr_null(bad);
	}
}
END_TEST

/* Where libcurl is, found in a process of its own: here it must not be loaded. */
static void find_curl(char *ret, size_t size)
{
	int fds[2];
	ssize_t n;

	ck_assert_int_eq(pipe(fds), 0);
	if (fork() == 0) {
		void *handle = dlopen("libcurl.so.4", RTLD_LAZY);
		struct link_map *map;

		if (handle && dlinfo(handle, RTLD_DI_LINKMAP, &map) == 0)
			n = write(fds[1], map->l_name, strlen(map->l_name));
		_exit(0);
	}
	close(fds[1]);
	n = read(fds[0], ret, size - 1);
	ck_assert_int_gt(n, 0);
	ret[n] = '\0';
	close(fds[0]);
	wait(NULL);
}

START_TEST(test_missing)
{
	const struct http_request rq = { .url = "http://127.0.0.1:9/" };
	const struct http_opts opts = { 0 };
	struct http_response response = { 0 };
	char path[PATH_MAX];
	struct http *h;

	find_curl(path, sizeof(path));
	ck_assert_int_eq(unshare(geteuid() == 0 ? CLONE_NEWNS : CLONE_NEWUSER | CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("/dev/null", path, NULL, MS_BIND, NULL), 0);
	h = http_new(&opts);
	ck_assert_ptr_nonnull(h);
	ck_assert_int_eq(http_send(h, &rq, &response), -ENOSYS);
	ck_assert_ptr_nonnull(strstr(http_error(h), "libcurl"));
	http_free(h);
	http_response_done(&response);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("lazy");
	TCase *t = tcase_create("lazy");

	tcase_add_loop_test(t, test_load, 0, LAZY_COUNT);
	tcase_add_test(t, test_threads);
	tcase_add_test(t, test_missing);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
