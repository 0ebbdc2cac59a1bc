/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fd.* and fs.path.* on hand-made events and fd tables.
 */
#include "engine/tests/field_fixture.h"

static struct fixture fx;

enum { FD_OF_FILE = 3, FD_OF_DIR = 4, FD_OF_TCP = 5, FD_OF_LISTENER = 6, FD_OF_PIPE = 7 };

static void setup(void)
{
	struct proc_record p = fixture_proc(30, 1, "cat");
	struct fd_record file = { .tid = 30, .fd = FD_OF_FILE, .kind = FD_FILE_V2, .ino = 9,
				  .dev = 0xca02, .name = STR("/etc/passwd") };
	struct fd_record dir = { .tid = 30, .fd = FD_OF_DIR, .kind = FD_DIRECTORY,
				 .name = STR("/srv/data") };
	struct fd_record tcp = { .tid = 30, .fd = FD_OF_TCP, .kind = FD_IPV4, .l4 = L4_TCP,
				 .sip = { 10, 0, 0, 1 }, .dip = { 1, 2, 3, 4 }, .sport = 1000,
				 .dport = 443 };
	struct fd_record listener = { .tid = 30, .fd = FD_OF_LISTENER, .kind = FD_IPV4_SERVER,
				      .l4 = L4_TCP, .dip = { 0, 0, 0, 0 }, .dport = 80 };
	struct fd_record pipe = { .tid = 30, .fd = FD_OF_PIPE, .kind = FD_FIFO, .ino = 77 };
	struct snapshot_item iface = { .kind = SNAP_IFACE,
				       .iface = { .name = STR("eth0"), .addr = { 10, 0, 0, 1 },
						  .mask = { 255, 255, 255, 0 } } };

	fixture_init(&fx);
	p.cwd = STR("/home/u");
	fixture_snap(&fx, &iface);
	fixture_add_proc(&fx, &p);
	fixture_add_fd(&fx, &file);
	fixture_add_fd(&fx, &dir);
	fixture_add_fd(&fx, &tcp);
	fixture_add_fd(&fx, &listener);
	fixture_add_fd(&fx, &pipe);
	fixture_snap_done(&fx);
}

static void teardown(void)
{
	fixture_done(&fx);
}

static void read_from(int64_t fd)
{
	fixture_i64(&fx, 1);
	fixture_text(&fx, "");
	fixture_i64(&fx, fd);
	fixture_u32(&fx, 1);
	fixture_event(&fx, EV_READ_X, 30, fd);
}

START_TEST(file)
{
	read_from(FD_OF_FILE);
	ck_field(&fx, "fd.num", "3");
	ck_field(&fx, "fd.type", "file");
	ck_field(&fx, "fd.typechar", "f");
	ck_field(&fx, "fd.name", "/etc/passwd");
	ck_field(&fx, "fd.directory", "/etc");
	ck_field(&fx, "fd.filename", "passwd");
	ck_field(&fx, "fd.containername", ":/etc/passwd");
	ck_field(&fx, "fd.containerdirectory", ":/etc");
	ck_field(&fx, "fd.uid", "303");
	ck_field(&fx, "fd.dev", "CA02");
	ck_field(&fx, "fd.dev.major", "202");
	ck_field(&fx, "fd.dev.minor", "2");
	ck_field(&fx, "fd.ino", "9");
	ck_field(&fx, "fd.l4proto", "<NA>");
	ck_field(&fx, "fd.sockfamily", "(none)");
	ck_field(&fx, "fd.cip", "(none)");
	ck_field(&fx, "fd.cproto", "(none)");
	ck_values(&fx, "fd.ip", "");
	ck_values(&fx, "fd.sip.name", "");
	ck_field(&fx, "fd.sip.name", "(none)");
	ck_field(&fx, "fd.is_server", "false");
	ck_field(&fx, "fd.realpath", "(none)");
}
END_TEST

START_TEST(directory)
{
	read_from(FD_OF_DIR);
	ck_field(&fx, "fd.type", "directory");
	ck_field(&fx, "fd.directory", "/srv/data");
	ck_field(&fx, "fd.filename", "(none)");
	read_from(FD_OF_PIPE);
	ck_field(&fx, "fd.type", "pipe");
	ck_field(&fx, "fd.name", "");
	ck_field(&fx, "fd.directory", "(none)");
}
END_TEST

START_TEST(connection)
{
	read_from(FD_OF_TCP);
	fx.ctx.fd->role = ROLE_NONE;
	ck_field(&fx, "fd.cip", "(none)");
	ck_field(&fx, "fd.l4proto", "<NA>");
	ck_values(&fx, "fd.ip", "1.2.3.4|10.0.0.1");
	fx.ctx.fd->role = ROLE_CLIENT;
	ck_field(&fx, "fd.cip", "10.0.0.1");
	ck_field(&fx, "fd.sip", "1.2.3.4");
	ck_field(&fx, "fd.lip", "10.0.0.1");
	ck_field(&fx, "fd.rip", "1.2.3.4");
	ck_field(&fx, "fd.cport", "1000");
	ck_field(&fx, "fd.sport", "443");
	ck_field(&fx, "fd.lport", "1000");
	ck_field(&fx, "fd.rport", "443");
	ck_field(&fx, "fd.sproto", "443");
	ck_field(&fx, "fd.l4proto", "tcp");
	ck_field(&fx, "fd.sockfamily", "ip");
	ck_field(&fx, "fd.is_server", "false");
	ck_values(&fx, "fd.port", "443|1000");
	ck_values(&fx, "fd.proto", "443|1000");
	ck_field(&fx, "fd.ip", "(none)");
	ck_field(&fx, "fd.snet", "(none)");
	/* Neither end is ours: the server side counts as local. */
	fx.ctx.fd->tuple.sip[0] = 11;
	ck_field(&fx, "fd.lip", "1.2.3.4");
	ck_field(&fx, "fd.rip", "11.0.0.1");
}
END_TEST

START_TEST(listener)
{
	read_from(FD_OF_LISTENER);
	ck_field(&fx, "fd.type", "ipv4");
	ck_field(&fx, "fd.sip", "0.0.0.0");
	ck_field(&fx, "fd.sport", "80");
	ck_field(&fx, "fd.cip", "(none)");
	ck_field(&fx, "fd.lport", "(none)");
	fx.ctx.fd->role = ROLE_SERVER;
	ck_field(&fx, "fd.cproto", "");
	ck_field(&fx, "fd.sproto", "");
	ck_field(&fx, "fd.lproto", "(none)");
	ck_field(&fx, "fd.is_server", "true");
	ck_values(&fx, "fd.port", "80");
	ck_values(&fx, "fd.net", "0.0.0.0/32");
}
END_TEST

static uint32_t lookup_names(void *ctx, const uint8_t *addr, bool v6, struct str *names,
			     uint32_t max)
{
	if (v6 || addr[0] != 1 || max < 2)
		return 0;
	names[0] = STR("a.example");
	names[1] = STR("b.example");
	return 2;
}

START_TEST(host_names)
{
	struct host_names h = { .lookup = lookup_names };

	read_from(FD_OF_TCP);
	fx.ctx.fd->role = ROLE_CLIENT;
	ck_field(&fx, "fd.sip.name", "(none)");
	ck_values(&fx, "fd.sip.name", "");
	fx.ctx.resolve = &h;
	ck_field(&fx, "fd.sip.name", "a.example");
	ck_values(&fx, "fd.sip.name", "a.example|b.example");
	ck_field(&fx, "fd.cip.name", "(none)");
	ck_values(&fx, "fd.cip.name", "");
}
END_TEST

START_TEST(unknown_fd)
{
	read_from(55);
	ck_field(&fx, "fd.num", "55");
	ck_field(&fx, "fd.name", "");
	ck_field(&fx, "fd.nameraw", "");
	ck_field(&fx, "fd.typechar", "o");
	ck_field(&fx, "fd.type", "(none)");
	ck_field(&fx, "fd.directory", "/");
	ck_field(&fx, "fd.filename", "(none)");
	ck_field(&fx, "fd.connected", "(none)");
	ck_field(&fx, "fd.uid", "3055");
}
END_TEST

static void failed_openat(int64_t dirfd, const char *name)
{
	fixture_i64(&fx, -2);
	fixture_i64(&fx, dirfd);
	fixture_text(&fx, name);
	fixture_event(&fx, EV_OPENAT_2_X, 30, -1);
}

START_TEST(failed_open)
{
	failed_openat(-100, "a//../b");
	ck_field(&fx, "fd.num", "-1");
	ck_field(&fx, "fd.name", "/home/u/b");
	ck_field(&fx, "fd.nameraw", "a/../b");
	ck_field(&fx, "fd.directory", "/home/u");
	ck_field(&fx, "fd.filename", "(none)");
	ck_field(&fx, "fd.typechar", "f");
	failed_openat(FD_OF_DIR, "x");
	ck_field(&fx, "fd.name", "/srv/data/x");
	failed_openat(99, "x");
	ck_field(&fx, "fd.name", "<UNKNOWN>x");
	ck_field(&fx, "fs.path.name", "(none)");
	fixture_i64(&fx, -13);
	fixture_text(&fx, "/tmp//x");
	fixture_event(&fx, EV_OPEN_X, 30, -1);
	ck_field(&fx, "fd.name", "/tmp//x");
	ck_field(&fx, "fd.nameraw", "/tmp/x");
	ck_field(&fx, "fd.typechar", "o");
	/* The record ends before the name. */
	fixture_i64(&fx, -13);
	fixture_event(&fx, EV_OPENAT_2_X, 30, -1);
	ck_field(&fx, "fd.name", "/home/u/<NA>");
}
END_TEST

START_TEST(types)
{
	read_from(FD_OF_FILE);
	ck_field(&fx, "fd.types[5]", "(ipv4)");
	ck_field(&fx, "fd.types[99]", "(none)");
	ck_field(&fx, "fd.types[-1]", "(none)");
	ck_field(&fx, "fd.types", "(pipe,ipv4,directory,file)");
}
END_TEST

START_TEST(kernel_path)
{
	struct event_kernel k = { .have = KERNEL_FD_PATH, .fd_path = STR("/real") };

	read_from(FD_OF_FILE);
	ck_field(&fx, "evt.path_mismatch", "(none)");
	fx.ev.kernel = &k;
	ck_field(&fx, "fd.realpath", "/real");
	ck_field(&fx, "fd.name", "/etc/passwd");
	ck_field(&fx, "evt.path_mismatch", "true");
	k.fd_path = STR("/etc/passwd");
	ck_field(&fx, "evt.path_mismatch", "false");
	read_from(FD_OF_PIPE);
	ck_field(&fx, "evt.path_mismatch", "(none)");
}
END_TEST

START_TEST(no_fd_event)
{
	static const char *const fields[] = { "fd.num", "fd.name", "fd.nameraw", "fd.typechar",
					      "fd.types", "fd.uid", "fd.directory" };

	fixture_i64(&fx, 0);
	fixture_event(&fx, EV_SETSID_X, 30, -1);
	for (unsigned i = 0; i < ARRAY_SIZE(fields); i++)
		ck_field(&fx, fields[i], "(none)");
}
END_TEST

static void unlinkat_in(int64_t res, int64_t dirfd, const char *name)
{
	fixture_i64(&fx, res);
	fixture_i64(&fx, dirfd);
	fixture_text(&fx, name);
	fixture_event(&fx, EV_UNLINKAT_2_X, 30, dirfd);
}

START_TEST(fs_path)
{
	unlinkat_in(0, -100, "a/../b.txt");
	ck_field(&fx, "fs.path.name", "/home/u/b.txt");
	ck_field(&fx, "fs.path.nameraw", "a/../b.txt");
	ck_field(&fx, "fs.path.source", "(none)");
	unlinkat_in(0, FD_OF_DIR, "c");
	ck_field(&fx, "fs.path.name", "/srv/data/c");
	unlinkat_in(0, 99, "c");
	ck_field(&fx, "fs.path.name", "<UNKNOWN>c");
	unlinkat_in(0, 99, "/x//y/");
	ck_field(&fx, "fs.path.name", "/x/y");
	unlinkat_in(-1, -100, "c");
	ck_field(&fx, "fs.path.name", "(none)");
	ck_field(&fx, "fs.path.nameraw", "(none)");
}
END_TEST

START_TEST(fs_two_paths)
{
	fixture_i64(&fx, 0);
	fixture_text(&fx, "old");
	fixture_text(&fx, "/new");
	fixture_event(&fx, EV_RENAME_X, 30, -1);
	ck_field(&fx, "fs.path.source", "/home/u/old");
	ck_field(&fx, "fs.path.target", "/new");
	ck_field(&fx, "fs.path.sourceraw", "old");
	ck_field(&fx, "fs.path.name", "(none)");
	fixture_i64(&fx, 0);
	fixture_text(&fx, "old");
	fixture_text(&fx, "/new");
	fixture_event(&fx, EV_LINK_2_X, 30, -1);
	ck_field(&fx, "fs.path.source", "/new");
	ck_field(&fx, "fs.path.target", "/home/u/old");
	fixture_i64(&fx, 0);
	fixture_i64(&fx, FD_OF_FILE);
	fixture_event(&fx, EV_FCHMOD_X, 30, FD_OF_FILE);
	ck_field(&fx, "fs.path.name", "/etc/passwd");
	/* The record ends before the path. */
	fixture_i64(&fx, 0);
	fixture_event(&fx, EV_MKDIR_2_X, 30, -1);
	ck_field(&fx, "fs.path.nameraw", "<NA>");
	ck_field(&fx, "fs.path.name", "/home/u/<NA>");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("field_fd");
	TCase *t = tcase_create("fields");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, file);
	tcase_add_test(t, directory);
	tcase_add_test(t, connection);
	tcase_add_test(t, listener);
	tcase_add_test(t, host_names);
	tcase_add_test(t, unknown_fd);
	tcase_add_test(t, failed_open);
	tcase_add_test(t, types);
	tcase_add_test(t, kernel_path);
	tcase_add_test(t, no_fd_event);
	tcase_add_test(t, fs_path);
	tcase_add_test(t, fs_two_paths);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
