/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The spool: order, bound, what survives a restart without closing, damaged files.
 */
#include "agent/spool.h"
#include "engine/tests/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/tiercel-spool-XXXXXX";

static struct spool *open_spool(uint64_t max, uint64_t segment)
{
	struct spool_opts opts = { .dir = dir, .max_bytes = max, .segment_bytes = segment };
	struct spool *s = NULL;

	ck_assert_int_eq(spool_open(&opts, &s), 0);
	return s;
}

static void make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
}

static int each_file(int (*fn)(int dirfd, const char *name))
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while (d && (e = readdir(d)))
		if (strstr(e->d_name, ".spool"))
			n += fn(dirfd(d), e->d_name);
	closedir(d);
	return n;
}

static int remove_file(int at, const char *name)
{
	return unlinkat(at, name, 0) == 0;
}

static void remove_dir(void)
{
	char path[64];

	each_file(remove_file);
	snprintf(path, sizeof(path), "%s/lock", dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/position", dir);
	unlink(path);
	rmdir(dir);
}

static void add(struct spool *s, uint32_t from, uint32_t to)
{
	char text[32];

	for (uint32_t i = from; i < to; i++) {
		snprintf(text, sizeof(text), "record %u", i);
		ck_assert_int_eq(spool_add(s, str_from(text)), 0);
	}
}

struct seen {
	uint32_t next;
	bool gaps;
};

static void expect_next(void *ctx, struct str record)
{
	struct seen *seen = ctx;
	uint32_t i = 0;
	char text[32] = "";

	memcpy(text, record.p, MIN(record.len, sizeof(text) - 1));
	ck_assert_int_eq(sscanf(text, "record %u", &i), 1);
	if (seen->gaps)
		ck_assert_uint_ge(i, seen->next);
	else
		ck_assert_uint_eq(i, seen->next);
	seen->next = i + 1;
}

/* Take everything in pieces of `batch`; the number of records. */
static uint32_t take_all(struct spool *s, struct seen *seen, uint32_t batch)
{
	uint32_t n, all = 0;

	while ((n = spool_peek(s, batch, 1 << 20, expect_next, seen)) > 0) {
		ck_assert_int_eq(spool_ack(s, n), 0);
		all += n;
	}
	return all;
}

START_TEST(test_order)
{
	struct seen seen = { 0 };
	struct spool *s = open_spool(1 << 20, 100);

	for (uint32_t i = 0; i < 20; i++) {
		add(s, i * 50, i * 50 + 50);
		ck_assert_uint_eq(take_all(s, &seen, 7), 50);
	}
	ck_assert_uint_eq(spool_stats(s)->records, 0);
	ck_assert_uint_eq(spool_stats(s)->bytes, 0);
	spool_close(s);
}
END_TEST

START_TEST(test_peek_again)
{
	struct seen first = { 0 }, again = { 0 };
	struct spool *s = open_spool(1 << 20, 0);

	add(s, 0, 10);
	ck_assert_uint_eq(spool_peek(s, 5, 1 << 20, expect_next, &first), 5);
	ck_assert_uint_eq(spool_peek(s, 5, 1 << 20, expect_next, &again), 5);
	/* Part of what was peeked is delivered. */
	ck_assert_int_eq(spool_ack(s, 2), 0);
	again.next = 2;
	ck_assert_uint_eq(take_all(s, &again, 100), 8);
	spool_close(s);
}
END_TEST

START_TEST(test_bytes_of_a_peek)
{
	struct seen seen = { 0 };
	struct spool *s = open_spool(1 << 20, 0);

	add(s, 0, 10);
	ck_assert_uint_eq(spool_peek(s, 100, 1, expect_next, &seen), 1);
	spool_close(s);
}
END_TEST

START_TEST(test_bound)
{
	struct seen seen = { 0 };
	struct spool *s = open_spool(1000, 100);
	uint32_t n = 0;

	while (spool_add(s, STR("record 0")) == 0)
		n++;
	ck_assert_uint_eq(n, 1000 / 16);
	ck_assert_uint_eq(spool_stats(s)->refused, 1);
	ck_assert_int_eq(spool_add(s, STR("record 0")), -EDQUOT);
	/* Room again once something was delivered. */
	seen.gaps = true;
	for (uint32_t i = 0; i < 7; i++) {
		seen.next = 0;
		ck_assert_uint_eq(spool_peek(s, 1, 1 << 20, expect_next, &seen), 1);
		ck_assert_int_eq(spool_ack(s, 1), 0);
	}
	ck_assert_int_eq(spool_add(s, STR("record 0")), 0);
	spool_close(s);
}
END_TEST

/* A process that is killed: what it wrote and had not acknowledged is there, in order. */
START_TEST(test_killed)
{
	struct seen seen = { 0 };
	struct spool *s;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		s = open_spool(1 << 20, 200);
		add(s, 0, 100);
		while (seen.next < 30)
			spool_ack(s, spool_peek(s, 30 - seen.next, 1 << 20, expect_next, &seen));
		kill(getpid(), SIGKILL);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFSIGNALED(status));
	s = open_spool(1 << 20, 200);
	ck_assert_uint_eq(spool_stats(s)->recovered, 70);
	add(s, 100, 110);
	seen.next = 30;
	ck_assert_uint_eq(take_all(s, &seen, 9), 80);
	spool_close(s);
}
END_TEST

START_TEST(test_two_processes)
{
	struct spool *s = open_spool(0, 0), *second = NULL;
	struct spool_opts opts = { .dir = dir };

	ck_assert_int_eq(spool_open(&opts, &second), -EBUSY);
	ck_assert_ptr_null(second);
	spool_close(s);
}
END_TEST

static int cut_file(int at, const char *name)
{
	struct stat st;
	int fd = openat(at, name, O_WRONLY);

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(ftruncate(fd, st.st_size - 3), 0);
	close(fd);
	return 1;
}

/* The last record of a segment was cut: it is counted, the others are there. */
START_TEST(test_cut)
{
	struct seen seen = { .gaps = true };
	struct spool *s = open_spool(1 << 20, 200);

	add(s, 0, 40);
	spool_close(s);
	int files = each_file(cut_file);
	ck_assert_int_gt(files, 1);
	s = open_spool(1 << 20, 200);
	ck_assert_uint_eq(spool_stats(s)->damaged, (uint64_t)files);
	ck_assert_uint_eq(take_all(s, &seen, 5), 40 - (uint32_t)files);
	ck_assert_uint_eq(spool_stats(s)->records, 0);
	spool_close(s);
}
END_TEST

static int flip_byte(int at, const char *name)
{
	int fd = openat(at, name, O_RDWR);
	char c = 0;

	ck_assert_int_eq(pread(fd, &c, 1, 10), 1);
	c ^= 0x40;
	ck_assert_int_eq(pwrite(fd, &c, 1, 10), 1);
	close(fd);
	return 1;
}

/* Other bytes in a record: it alone is lost. */
START_TEST(test_flipped)
{
	struct seen seen = { .gaps = true };
	struct spool *s = open_spool(1 << 20, 200);

	add(s, 0, 40);
	spool_close(s);
	int files = each_file(flip_byte);
	s = open_spool(1 << 20, 200);
	ck_assert_uint_eq(take_all(s, &seen, 5), 40 - (uint32_t)files);
	ck_assert_uint_eq(spool_stats(s)->damaged, (uint64_t)files);
	spool_close(s);
}
END_TEST

static int add_zeros(int at, const char *name)
{
	static const char zeros[4096];
	int fd = openat(at, name, O_WRONLY | O_APPEND);

	ck_assert_int_eq(write(fd, zeros, sizeof(zeros)), sizeof(zeros));
	close(fd);
	return 1;
}

/* What a crash of the machine leaves of a file: zeros are no records, however often they fit. */
START_TEST(test_zeros)
{
	struct seen seen = { 0 };
	struct spool *s = open_spool(1 << 20, 1 << 20);

	add(s, 0, 10);
	spool_close(s);
	ck_assert_int_eq(each_file(add_zeros), 1);
	s = open_spool(1 << 20, 1 << 20);
	ck_assert_uint_eq(spool_stats(s)->recovered, 10);
	ck_assert_uint_eq(spool_stats(s)->damaged, 1);
	add(s, 10, 12);
	ck_assert_uint_eq(take_all(s, &seen, 100), 12);
	ck_assert_int_eq(spool_add(s, STR("")), -EMSGSIZE);
	spool_close(s);
}
END_TEST

/* A segment that cannot be opened for now is not given up. */
START_TEST(test_unreadable)
{
	struct seen seen = { 0 };
	struct spool *s = open_spool(1 << 20, 1 << 20);
	struct rlimit old, none = { 0, 0 };

	add(s, 0, 10);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none.rlim_max = old.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	ck_assert_uint_eq(spool_peek(s, 5, 1 << 20, expect_next, &seen), 0);
	ck_assert_uint_eq(spool_stats(s)->records, 10);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_uint_eq(take_all(s, &seen, 5), 10);
	spool_close(s);
}
END_TEST

/* A position of segments that are gone must not hide new records. */
START_TEST(test_stale_position)
{
	struct seen seen = { 0 };
	struct spool *s = open_spool(1 << 20, 1 << 20);

	add(s, 0, 10);
	spool_peek(s, 5, 1 << 20, expect_next, &seen);
	spool_ack(s, 5);
	spool_close(s);
	each_file(remove_file);
	s = open_spool(1 << 20, 1 << 20);
	add(s, 0, 10);
	spool_close(s);
	s = open_spool(1 << 20, 1 << 20);
	seen.next = 0;
	ck_assert_uint_eq(take_all(s, &seen, 100), 10);
	spool_close(s);
}
END_TEST

START_TEST(test_bad_dir)
{
	struct spool_opts opts = { .dir = "/proc/no/such/dir" };
	struct spool *s = NULL;

	ck_assert_int_eq(spool_open(&opts, &s), -ENOENT);
	ck_assert_ptr_null(s);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("spool");
	TCase *t = tcase_create("spool");

	tcase_add_checked_fixture(t, make_dir, remove_dir);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_order);
	tcase_add_test(t, test_peek_again);
	tcase_add_test(t, test_bytes_of_a_peek);
	tcase_add_test(t, test_bound);
	tcase_add_test(t, test_killed);
	tcase_add_test(t, test_two_processes);
	tcase_add_test(t, test_cut);
	tcase_add_test(t, test_flipped);
	tcase_add_test(t, test_zeros);
	tcase_add_test(t, test_unreadable);
	tcase_add_test(t, test_stale_position);
	tcase_add_test(t, test_bad_dir);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
