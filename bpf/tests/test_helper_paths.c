/* SPDX-License-Identifier: Apache-2.0 */
/* The dentry walk and the kernel section of fds; each test has its own mount namespace. */
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include "bpf/tests/helper_run.h"

#define ROOT "/tmp/tiercel-helper"
#define WALK_STEPS 32		/* as in path.bpf.h */
#define WALK_STEPS_MANY 512

static void own_mounts(void)
{
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert(mkdir(ROOT, 0755) == 0 || errno == EEXIST);
	ck_assert_int_eq(mount("none", ROOT, "tmpfs", 0, NULL), 0);
}

static void walk(int fd)
{
	helpers->bss->test.fd = fd;
	RUN(path);
}

static int make_file(const char *path)
{
	int fd = open(path, O_CREAT | O_RDWR, 0644);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

START_TEST(test_plain)
{
	walk(make_file(ROOT "/a"));
	ck_assert_param_str(0, ROOT "/a");
	walk(open("/", O_RDONLY));
	ck_assert_param_str(0, "/");
	walk(open(ROOT, O_RDONLY));
	ck_assert_param_str(0, ROOT);
	ck_assert_uint_eq(helpers->bss->test.flags & RING_TRUNCATED, 0);
}
END_TEST

START_TEST(test_bad_fd)
{
	walk(-1);
	ck_assert_uint_eq(helper_len(0), 0);
	walk(1 << 30);
	ck_assert_uint_eq(helper_len(0), 0);
}
END_TEST

/* Mounts on mounts, and the same directory bound elsewhere: the path is the one that was used. */
START_TEST(test_mounts)
{
	ck_assert_int_eq(mkdir(ROOT "/m", 0755), 0);
	ck_assert_int_eq(mkdir(ROOT "/bound", 0755), 0);
	ck_assert_int_eq(mount("none", ROOT "/m", "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(mount("none", ROOT "/m", "tmpfs", 0, NULL), 0);
	ck_assert_int_eq(mkdir(ROOT "/m/d", 0755), 0);
	walk(make_file(ROOT "/m/d/f"));
	ck_assert_param_str(0, ROOT "/m/d/f");
	ck_assert_int_eq(mount(ROOT "/m/d", ROOT "/bound", NULL, MS_BIND, NULL), 0);
	walk(open(ROOT "/bound/f", O_RDONLY));
	ck_assert_param_str(0, ROOT "/bound/f");
}
END_TEST

START_TEST(test_deleted_and_renamed)
{
	int fd = make_file(ROOT "/gone");

	ck_assert_int_eq(unlink(ROOT "/gone"), 0);
	walk(fd);
	ck_assert_param_str(0, ROOT "/gone");
	fd = make_file(ROOT "/before");
	ck_assert_int_eq(rename(ROOT "/before", ROOT "/after"), 0);
	walk(fd);
	ck_assert_param_str(0, ROOT "/after");
}
END_TEST

/* Goes down `n` directories with names of `len` characters. */
static void descend(int n, size_t len)
{
	char name[256];

	memset(name, 'd', len);
	name[len] = '\0';
	ck_assert_int_eq(chdir(ROOT), 0);
	for (int i = 0; i < n; i++) {
		ck_assert_int_eq(mkdir(name, 0755), 0);
		ck_assert_int_eq(chdir(name), 0);
	}
}

/* The walk takes one step per component, per mount crossed and for the root. */
START_TEST(test_depth_bound)
{
	uint64_t before = helper_site(RING_SITE_PATH_DEPTH);

	descend(WALK_STEPS - 6, 1);
	walk(make_file("f"));
	ck_assert_uint_eq(helpers->bss->test.flags & RING_TRUNCATED, 0);
	ck_assert_uint_eq(helper_site(RING_SITE_PATH_DEPTH), before);
	ck_assert_uint_eq(strncmp((const char *)helper_param(0), ROOT, strlen(ROOT)), 0);
	descend(0, 1);
	ck_assert_int_eq(mkdir("deep", 0755), 0);
	ck_assert_int_eq(chdir("deep"), 0);
	for (int i = 0; i < 2 * WALK_STEPS_MANY; i++) {
		ck_assert_int_eq(mkdir("x", 0755), 0);
		ck_assert_int_eq(chdir("x"), 0);
	}
	walk(make_file("f"));
	ck_assert_uint_ne(helpers->bss->test.flags & RING_TRUNCATED, 0);
	ck_assert_uint_eq(helper_site(RING_SITE_PATH_DEPTH), before + 1);
	ck_assert_uint_eq(memcmp(helper_param(0), ".../x/", 6), 0);
	ck_assert_uint_eq(memcmp(helper_param(0) + helper_len(0) - 5, "/x/f", 5), 0);
}
END_TEST

/* Longer than the buffer: what fits, and marked. */
START_TEST(test_length_bound)
{
	uint64_t before = helper_site(RING_SITE_PATH_LENGTH);

	descend(15, 255);
	walk(make_file("f"));
	ck_assert_uint_eq(helper_len(0), strlen(ROOT) + 15 * 256 + 2 + 1);
	ck_assert_uint_eq(helpers->bss->test.flags & RING_TRUNCATED, 0);
	ck_assert_int_eq(chdir(ROOT), 0);
	ck_assert_int_eq(mkdir("long", 0755), 0);
	ck_assert_int_eq(chdir("long"), 0);
	for (int i = 0; i < 20; i++) {
		char name[256] = { [0 ... 254] = 'n' };

		ck_assert_int_eq(mkdir(name, 0755), 0);
		ck_assert_int_eq(chdir(name), 0);
	}
	walk(make_file("f"));
	ck_assert_uint_gt(helper_len(0), 3800);
	ck_assert_uint_le(helper_len(0), 4096);
	ck_assert_uint_ne(helpers->bss->test.flags & RING_TRUNCATED, 0);
	ck_assert_uint_eq(helper_site(RING_SITE_PATH_LENGTH), before + 1);
}
END_TEST

START_TEST(test_longest_name)
{
	char path[512] = ROOT "/";

	memset(path + strlen(path), 'l', 255);
	walk(make_file(path));
	ck_assert_param_str(0, path);
}
END_TEST

static void append_name(char *path, int len)
{
	size_t at = strlen(path);

	path[at++] = '/';
	for (int i = 0; i < len; i++)
		path[at + i] = 'a' + i % 26;
	path[at + len] = '\0';
}

/* Short names and paths are copied word by word: each length of the last word, and longer ones. */
START_TEST(test_name_lengths)
{
	for (int len = 1; len <= 72; len++) {
		char path[256] = ROOT;

		append_name(path, len);
		ck_assert_int_eq(mkdir(path, 0755), 0);
		walk(open(path, O_RDONLY));
		ck_assert_param_str(0, path);
		append_name(path, 73 - len);
		walk(make_file(path));
		ck_assert_param_str(0, path);
	}
}
END_TEST

/* Where there is hardly room for a word before the path. */
START_TEST(test_short_names_in_front)
{
	for (int len = 4060; len <= 4094; len++) {
		char path[8192] = ROOT;

		ck_assert_int_eq(chdir(ROOT), 0);
		while (strlen(path) < (size_t)len) {
			size_t at = strlen(path) + 1;

			append_name(path, len - (int)at < 200 ? len - (int)at : 200);
			ck_assert(mkdir(path + at, 0755) == 0 || errno == EEXIST);
			ck_assert_int_eq(chdir(path + at), 0);
		}
		walk(open(".", O_RDONLY));
		ck_assert_param_str(0, path);
	}
}
END_TEST

START_TEST(test_chroot)
{
	ck_assert_int_eq(mkdir(ROOT "/jail", 0755), 0);
	ck_assert_int_eq(chroot(ROOT "/jail"), 0);
	walk(make_file("/f"));
	ck_assert_param_str(0, ROOT "/jail/f");
}
END_TEST

START_TEST(test_cwd)
{
	ck_assert_int_eq(chdir(ROOT), 0);
	RUN(cwd);
	ck_assert_param_str(0, ROOT);
}
END_TEST

START_TEST(test_memfd)
{
	walk(memfd_create("note", 0));
	ck_assert_param_str(0, "memfd:note");
}
END_TEST

static struct ring_kernel kernel_section(int fd)
{
	struct ring_kernel k;

	helpers->bss->test.fd = fd;
	RUN(kernel);
	ck_assert_uint_ge(helpers->bss->test.out_len, sizeof(k));
	memcpy(&k, helpers->bss->test.out, sizeof(k));
	ck_assert_uint_eq(helpers->bss->test.out_len, sizeof(k) + k.path_len + k.tuple_len);
	return k;
}

/* Inode, device and mode are those of fstat, the path is behind the section without NUL. */
START_TEST(test_kernel_section)
{
	int fd = make_file(ROOT "/inode");
	struct ring_kernel k = kernel_section(fd);
	struct stat st;

	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_uint_eq(k.fd_ino, st.st_ino);
	ck_assert_uint_eq(k.fd_dev, st.st_dev);
	ck_assert_uint_eq(k.fd_mode, st.st_mode);
	ck_assert_uint_eq(k.path_len, strlen(ROOT "/inode"));
	ck_assert_uint_eq(memcmp(helpers->bss->test.out + sizeof(k), ROOT "/inode", k.path_len), 0);
}
END_TEST

START_TEST(test_kernel_without_path)
{
	int pipes[2];

	ck_assert_int_eq(pipe(pipes), 0);
	ck_assert_uint_eq(kernel_section(pipes[0]).path_len, 0);
	ck_assert_uint_eq(kernel_section(eventfd(0, 0)).path_len, 0);
	ck_assert_uint_eq(kernel_section(socket(AF_NETLINK, SOCK_RAW, 0)).path_len, 0);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *tests[] = {
		test_plain, test_bad_fd, test_mounts, test_deleted_and_renamed, test_depth_bound,
		test_length_bound, test_longest_name, test_name_lengths,
		test_short_names_in_front, test_chroot, test_cwd, test_memfd,
		test_kernel_section, test_kernel_without_path,
	};
	Suite *s = suite_create("bpf paths");
	TCase *tc = tcase_create("paths");

	tcase_add_checked_fixture(tc, own_mounts, NULL);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return helper_main("bpf paths", make_suite);
}
