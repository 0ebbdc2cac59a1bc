/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watching rules files: what concerns them, and that nothing is missed while the list is set again.
 */
#include "agent/clock.h"
#include "agent/watch.h"
#include "engine/tests/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];
static struct watch *watch;
static struct io_names files, none;

static const char *path_of(const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	ck_assert_int_eq(io_write_file(path_of(name), str_from(text), 0600), 0);
}

static void set(void)
{
	ck_assert_int_eq(watch_set(watch, &files, &none), 0);
}

static void start(void)
{
	snprintf(dir, sizeof(dir), "/tmp/tiercel-watch-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	put("a.yaml", "1");
	ck_assert_int_eq(watch_new(&watch), 0);
}

static void stop(void)
{
	static const char *const names[] = { "a.yaml", "b.yaml", "b.txt", "link.yaml", "sub/c.yaml",
					     "sub" };

	watch_free(watch);
	io_names_done(&files);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (unlink(path_of(names[i])) < 0)
			rmdir(path_of(names[i]));
	rmdir(dir);
}

START_TEST(test_file)
{
	io_names_add(&files, path_of("a.yaml"));
	set();
	ck_assert(!watch_changed(watch));
	put("b.yaml", "1");
	ck_assert(!watch_changed(watch));
	put("a.yaml", "2");
	ck_assert(watch_changed(watch));
	ck_assert(!watch_changed(watch));
	unlink(path_of("a.yaml"));
	ck_assert(watch_changed(watch));
	put("a.yaml", "3");
	ck_assert(watch_changed(watch));
}
END_TEST

START_TEST(test_directory)
{
	io_names_add(&files, dir);
	set();
	put("b.txt", "1");
	ck_assert(!watch_changed(watch));
	put("b.yaml", "1");
	ck_assert(watch_changed(watch));
}
END_TEST

/* The rules are compiled and the list is set again while a file changes. */
START_TEST(test_set_again)
{
	io_names_add(&files, path_of("a.yaml"));
	set();
	put("a.yaml", "2");
	set();
	ck_assert(watch_changed(watch));
	put("a.yaml", "3");
	mkdir(path_of("sub"), 0700);
	put("sub/c.yaml", "1");
	io_names_add(&files, path_of("sub"));
	set();
	ck_assert(watch_changed(watch));
	put("sub/c.yaml", "2");
	ck_assert(watch_changed(watch));
	io_names_done(&files);
	io_names_add(&files, path_of("sub/c.yaml"));
	set();
	put("a.yaml", "4");
	ck_assert(!watch_changed(watch));
	put("sub/c.yaml", "3");
	ck_assert(watch_changed(watch));
}
END_TEST

/* What changed before it was watched. */
START_TEST(test_newer)
{
	uint64_t now = clock_wall_ns();

	io_names_add(&files, dir);
	set();
	ck_assert(watch_newer(watch, now - NS_PER_S));
	ck_assert(!watch_newer(watch, now + NS_PER_S));
	usleep(50000);
	now = clock_wall_ns();
	ck_assert(!watch_newer(watch, now));
	int fd = open(path_of("a.yaml"), O_WRONLY | O_APPEND);
	ck_assert_int_eq(write(fd, "x", 1), 1);	/* the folder stays as it was */
	close(fd);
	ck_assert(watch_newer(watch, now));
}
END_TEST

START_TEST(test_missing)
{
	io_names_add(&files, path_of("sub/c.yaml"));
	set();
	ck_assert(!watch_retry(watch));
	mkdir(path_of("sub"), 0700);
	ck_assert(watch_retry(watch));
	put("sub/c.yaml", "1");
	ck_assert(watch_changed(watch));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("watch");
	TCase *t = tcase_create("watch");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, test_file);
	tcase_add_test(t, test_directory);
	tcase_add_test(t, test_set_again);
	tcase_add_test(t, test_newer);
	tcase_add_test(t, test_missing);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
