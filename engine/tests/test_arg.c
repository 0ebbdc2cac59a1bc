/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of event parameters: every kind of wire type, raw and resolved, empty, cut short.
 */
#include "engine/field/arg.h"
#include "engine/tests/world.h"

static struct world world, *const w = &world;

static void setup(void)
{
	world_init(w);
	world_proc(w, 1, 0, "init");
	world_proc(w, 20, 1, "sshd");
	world_file(w, 20, 3, FD_FILE, "/etc/passwd");
	world_file(w, 20, 4, FD_DIRECTORY, "/srv/dir");
	world_file(w, 20, 5, FD_EVENTFD, "");
	world_fd(w, 20, (struct fd_record){ .fd = 6, .kind = FD_IPV4, .l4 = L4_TCP,
					    .sip = { 10, 0, 0, 1 }, .dip = { 1, 2, 3, 4 },
					    .sport = 5, .dport = 443 });
	world_ready(w);
}

static void teardown(void)
{
	world_done(w);
}

static bool has_value(const char *field)
{
	struct field_ref f = world_ref(w, field);
	struct value v;

	return field_get(&f, &w->ctx, &v);
}

START_TEST(fds)
{
	world_event(w, EV_READ_X, 20, W_I64(-11), W_EMPTY, W_I64(3), W_U32(16));
	ck_field(w, "evt.args", "res=-11(EAGAIN) data=NULL fd=3(<f>/etc/passwd) size=16");
	ck_field(w, "evt.arg.res", "EAGAIN");
	ck_field(w, "evt.arg.fd", "<f>/etc/passwd");
	ck_field(w, "evt.arg[2]", "<f>/etc/passwd");
	ck_field(w, "evt.arg.size", "16");
	ck_field(w, "evt.arg[4]", NULL);
	ck_field(w, "evt.arg[-1]", NULL);
	ck_field(w, "evt.arg.dirfd", NULL);
	world_event(w, EV_CLOSE_X, 20, W_I64(0), W_I64(5));
	ck_field(w, "evt.arg.fd", "<e>");
	world_event(w, EV_FSTAT_X, 20, W_I64(0), W_I64(6));
	ck_field(w, "evt.arg.fd", "<4t>10.0.0.1:5->1.2.3.4:443");
	world_event(w, EV_FSTAT_X, 20, W_I64(0), W_I64(55));
	ck_field(w, "evt.args", "res=0 fd=55");
	world_event(w, EV_FSTAT_X, 20, W_I64(-9), W_I64(-1));
	ck_field(w, "evt.args", "res=-9(EBADF) fd=-1(EPERM)");
	world_event(w, EV_FSTAT_X, 20, W_I64(0), W_I64(INT64_MIN));
	ck_field(w, "evt.args", "res=0 fd=-9223372036854775808");
}
END_TEST

START_TEST(paths_are_joined)
{
	world_event(w, EV_OPENAT_2_X, 20, W_I64(-13), W_I64(-100), W_TEXT("rel/../file.txt"),
		    W_U32(WO_WRONLY), W_U32(0755), W_U32(0x812), W_U64(0));
	ck_field(w, "evt.args",
		 "fd=-13(EACCES) dirfd=-100(AT_FDCWD) name=rel/../file.txt(/root/file.txt) "
		 "flags=2(O_WRONLY) mode=0755 dev=812 ino=0");
	ck_field(w, "evt.arg.name", "/root/file.txt");
	ck_field(w, "evt.abspath", "/root/file.txt");
	ck_field(w, "evt.rawarg.name", "rel/../file.txt");
	world_event(w, EV_OPENAT_2_X, 20, W_I64(-2), W_I64(4), W_TEXT("../x"), W_U32(1), W_U32(0),
		    W_U32(0), W_U64(0));
	ck_field(w, "evt.arg.name", "/srv/x");
	ck_field(w, "evt.abspath", "/srv/x");
	world_event(w, EV_OPENAT_2_X, 20, W_I64(-2), W_I64(77), W_TEXT("a/./b"), W_U32(1),
		    W_U32(0), W_U32(0), W_U64(0));
	ck_field(w, "evt.arg.name", "a/b");
	ck_field(w, "evt.abspath", "<UNKNOWN>/a/b");
	world_event(w, EV_OPENAT_2_X, 20, W_I64(-2), W_I64(77), W_TEXT("/srv//x"), W_U32(1),
		    W_U32(0), W_U32(0), W_U64(0));
	ck_field(w, "evt.arg.name", "/srv//x");
	ck_field(w, "evt.abspath", "/srv/x");
	world_event(w, EV_OPENAT_2_X, 20, W_I64(-2), W_I64(77), W_TEXT("<NA>"), W_U32(1),
		    W_U32(0), W_U32(0), W_U64(0));
	ck_field(w, "evt.arg.name", "<NA>");
}
END_TEST

START_TEST(abspath_of_two_paths)
{
	world_event(w, EV_RENAMEAT2_X, 20, W_I64(0), W_I64(4), W_TEXT("old"), W_I64(-100),
		    W_TEXT("new"), W_U32(0));
	ck_field(w, "evt.abspath", "/srv/dir/old");
	ck_field(w, "evt.abspath.src", "/srv/dir/old");
	ck_field(w, "evt.abspath.dst", "/root/new");
	world_event(w, EV_RENAMEAT2_X, 20, W_I64(0), W_I64(4), W_TEXT("old"), W_I64(-100), W_EMPTY,
		    W_U32(0));
	ck_field(w, "evt.abspath.dst", NULL);
	world_event(w, EV_CHDIR_X, 20, W_I64(0), W_TEXT("x"));
	ck_field(w, "evt.abspath", NULL);
}
END_TEST

START_TEST(flags)
{
	world_event(w, EV_OPEN_X, 20, W_I64(-2), W_TEXT("/x"), W_U32(0x1003 | WO_CREAT), W_U32(0),
		    W_U32(0), W_U64(0));
	ck_field(w, "evt.arg.flags", "O_CREAT|O_RDWR|O_CLOEXEC");
	ck_field(w, "evt.rawarg.flags", "1007");
	ck_assert_str_eq(world_json(w, "evt.rawarg.flags"), "\"1007\"");
	world_event(w, EV_OPEN_X, 20, W_I64(-2), W_TEXT("/x"), W_U32(0), W_U32(0), W_U32(0),
		    W_U64(0));
	ck_field(w, "evt.arg.flags", "O_NONE");
	world_event(w, EV_OPEN_X, 20, W_I64(-2), W_TEXT("/x"), W_U32(0x80000000), W_U32(0),
		    W_U32(0), W_U64(0));
	ck_field(w, "evt.arg.flags", "2147483648");
	world_event(w, EV_FUTEX_X, 20, W_I64(0), W_U64(0), W_U16(393), W_U64(0));
	ck_field(w, "evt.arg.op", "FUTEX_CLOCK_REALTIME|FUTEX_PRIVATE_FLAG|FUTEX_WAIT_BITSET");
	world_event(w, EV_FUTEX_X, 20, W_I64(0), W_U64(0), W_U16(128), W_U64(0));
	ck_field(w, "evt.arg.op", "FUTEX_PRIVATE_FLAG");
	world_event(w, EV_FUTEX_X, 20, W_I64(0), W_U64(0), W_U16(0), W_U64(0));
	ck_field(w, "evt.arg.op", "FUTEX_WAIT");
	world_event(w, EV_SOCKET_X, 20, W_I64(-1), W_U32(1), W_U32(1), W_U32(0), W_U32(0));
	ck_field(w, "evt.arg.domain", "AF_LOCAL|AF_UNIX");
}
END_TEST

START_TEST(ids)
{
	world_event(w, EV_SETUID_X, 20, W_I64(0), W_U32(0));
	ck_field(w, "evt.args", "res=0 uid=0(root)");
	ck_field(w, "evt.arg.uid", "root");
	ck_field(w, "evt.rawarg.uid", "0");
	world_event(w, EV_SETUID_X, 20, W_I64(-1), W_U32(-1));
	ck_field(w, "evt.args", "res=-1(EPERM) uid=-1(<NONE>)");
	world_event(w, EV_SETUID_X, 20, W_I64(-1), W_U32(1234));
	ck_field(w, "evt.args", "res=-1(EPERM) uid=1234(<NA>)");
	world_event(w, EV_KILL_X, 20, W_I64(0), W_I64(1), W_U8(9));
	ck_field(w, "evt.args", "res=0 pid=1(init) sig=9(SIGKILL)");
	world_event(w, EV_KILL_X, 20, W_I64(0), W_I64(4711), W_U8(0));
	ck_field(w, "evt.args", "res=0 pid=4711 sig=0");
}
END_TEST

START_TEST(bytes_times_and_empty_parameters)
{
	world_event(w, EV_READ_X, 20, W_I64(11), W_BYTES("he\0llo\n\xff" "abc"), W_I64(3),
		    W_U32(100));
	ck_field(w, "evt.arg.data", "he.llo..abc");
	ck_field(w, "evt.buffer", "he.llo..abc");
	world_event(w, EV_NANOSLEEP_X, 20, W_I64(0), W_U64(100000000));
	ck_field(w, "evt.args", "res=0 interval=100000000(0.1s)");
	world_event(w, EV_NANOSLEEP_X, 20, W_I64(0), W_U64(UINT64_MAX));
	ck_field(w, "evt.args", "res=0 interval=none");
	world_event(w, EV_SETUID_X, 20, W_I64(0), W_EMPTY);
	ck_field(w, "evt.args", "res=0 uid=<NA>");
	ck_field(w, "evt.rawarg.uid", "0");
	ck_assert(!has_value("evt.rawarg.uid"));
	world_event(w, EV_CHDIR_X, 20, W_I64(-2), W_EMPTY);
	ck_field(w, "evt.arg.path", "<NA>");
	ck_field(w, "evt.rawarg.path", "<NA>");
	world_event(w, EV_CHDIR_X, 20, W_I64(-2), W_TEXT(""));
	ck_field(w, "evt.arg.path", "");
	world_event(w, EV_CHDIR_X, 20, W_I64(-2), W_TEXT("(NULL)"));
	ck_field(w, "evt.arg.path", "<NA>");
}
END_TEST

START_TEST(short_parameters_are_not_read)
{
	/* A result of 3 bytes, an id of 2. */
	world_event(w, EV_SETUID_X, 20, W_BYTES("abc"), W_U16(1));
	ck_field(w, "evt.args", "res=<NA> uid=<NA>");
	ck_field(w, "evt.rawres", NULL);
	ck_field(w, "evt.rawarg.uid", NULL);
	/* Fewer parameters than the table has. */
	world_event(w, EV_SETUID_X, 20, W_I64(0));
	ck_field(w, "evt.args", "res=0");
	ck_field(w, "evt.arg.uid", NULL);
	ck_field(w, "evt.rawarg.uid", NULL);
}
END_TEST

START_TEST(poll_sets)
{
	char set[2 + 2 * 10];

	store_u16(set, 2);
	store_u64(set + 2, 6);
	store_u16(set + 10, 0x41);
	store_u64(set + 12, 99);
	store_u16(set + 20, 1);
	world_event(w, EV_POLL_X, 20, W_I64(1), ((struct str){ set, sizeof(set) }), W_I64(100));
	ck_field(w, "evt.arg.fds", "6:441 99:?1");
	ck_field(w, "fdlist.nums", "6,99");
	ck_field(w, "fdlist.names", "10.0.0.1:5->1.2.3.4:443,<NA>");
	ck_field(w, "fdlist.cips", "10.0.0.1");
	ck_field(w, "fdlist.sports", "443");
	/* Says two, has one and a half. */
	world_event(w, EV_POLL_X, 20, W_I64(1), ((struct str){ set, 17 }), W_I64(100));
	ck_field(w, "evt.arg.fds", "6:441");
	world_event(w, EV_CLOSE_X, 20, W_I64(0), W_I64(3));
	ck_field(w, "fdlist.nums", NULL);
}
END_TEST

START_TEST(addresses_are_values_without_text)
{
	world_event(w, EV_BIND_X, 20, W_I64(-1), W_BYTES("\2\1\2\3\4\x50\0"), W_I64(6));
	ck_field(w, "evt.arg.addr", "1.2.3.4:80");
	ck_field(w, "evt.rawarg.addr", NULL);
	ck_assert(has_value("evt.rawarg.addr"));
	ck_assert_str_eq(world_json(w, "evt.rawarg.addr"), "null");
	world_event(w, EV_BIND_X, 20, W_I64(-1), W_BYTES("\2\1\2\3\4"), W_I64(6));
	ck_field(w, "evt.arg.addr", "INVALID IPv4");
	world_event(w, EV_BIND_X, 20, W_I64(-1), W_EMPTY, W_I64(6));
	ck_assert(!has_value("evt.rawarg.addr"));
}
END_TEST

START_TEST(dynamic_parameters)
{
	world_event(w, EV_SETSOCKOPT_X, 20, W_I64(0), W_I64(6), W_U8(1), W_U8(2),
		    W_BYTES("\2\1\0\0\0"), W_U32(4));
	ck_field(w, "evt.arg.val", "1");
	world_event(w, EV_SETSOCKOPT_X, 20, W_I64(0), W_I64(6), W_U8(1), W_U8(2),
		    W_BYTES("\2\1\0"), W_U32(4));
	ck_field(w, "evt.arg.val", "<NA>");
	world_event(w, EV_SETSOCKOPT_X, 20, W_I64(0), W_I64(6), W_U8(1), W_U8(2),
		    W_BYTES("\x63\1\0"), W_U32(4));
	ck_field(w, "evt.arg.val", "INVALID DYNAMIC PARAMETER");
	world_event(w, EV_SETSOCKOPT_X, 20, W_I64(0), W_I64(6), W_U8(1), W_U8(2), W_EMPTY,
		    W_U32(4));
	ck_field(w, "evt.arg.val", "NULL");
}
END_TEST

static void open_with(uint32_t how)
{
	world_event(w, EV_OPENAT_2_X, 20, W_I64(3), W_I64(4), W_TEXT("/x"), W_U32(how), W_U32(0),
		    W_U32(0), W_U64(0));
}

static struct str flags_of(const struct field_ref *f)
{
	struct value v;

	ck_assert(field_get(f, &w->ctx, &v));
	return v.s;
}

/* Of more numbers than are kept; within an event a text stays what it is. */
START_TEST(texts_by_number)
{
	struct field_ref f = world_ref(w, "evt.arg.flags");
	struct field_cache *cache = w->ctx.field_cache;
	struct str kept[4 * NUMBER_TEXTS];
	char want[4 * NUMBER_TEXTS][256];

	for (unsigned i = 0; i < 40 * NUMBER_TEXTS; i++) {
		unsigned at = i % ARRAY_SIZE(kept);
		struct str text;

		open_with(at * 0x11 + at % 3);
		w->ctx.ev->num = 1 + i / ARRAY_SIZE(kept);
		w->ctx.field_cache = NULL;
		text = flags_of(&f);
		snprintf(want[at], sizeof(want[at]), "%.*s", STR_ARG(text));
		w->ctx.field_cache = cache;
		kept[at] = flags_of(&f);
		if (kept[at].p < (char *)cache->numbers ||
		    kept[at].p >= (char *)(cache->numbers + NUMBER_TEXTS))
			kept[at] = str_from(want[at]);	/* scratch, gone with the event */
		for (unsigned k = 0; at == ARRAY_SIZE(kept) - 1 && k < ARRAY_SIZE(kept); k++)
			ck_assert_str_view(kept[k], want[k]);
		ck_assert_str_view(kept[at], want[at]);
	}
	ck_assert(strlen(want[1]) > 0 && strcmp(want[1], want[2]) != 0);
}
END_TEST

START_TEST(works_without_reused_buffers)
{
	struct field_cache *cache = w->ctx.field_cache;

	world_event(w, EV_OPENAT_2_X, 20, W_I64(-13), W_I64(4), W_TEXT("x"), W_U32(WO_WRONLY),
		    W_U32(0), W_U32(0), W_U64(0));
	w->ctx.field_cache = NULL;
	ck_field(w, "evt.arg.name", "/srv/dir/x");
	ck_field(w, "evt.abspath", "/srv/dir/x");
	ck_field(w, "evt.args",
		 "fd=-13(EACCES) dirfd=4(<d>/srv/dir) name=x(/srv/dir/x) flags=2(O_WRONLY) mode=0 "
		 "dev=0 ino=0");
	w->ctx.field_cache = cache;
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("arg");
	TCase *t = tcase_create("arg");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, fds);
	tcase_add_test(t, paths_are_joined);
	tcase_add_test(t, abspath_of_two_paths);
	tcase_add_test(t, flags);
	tcase_add_test(t, ids);
	tcase_add_test(t, bytes_times_and_empty_parameters);
	tcase_add_test(t, short_parameters_are_not_read);
	tcase_add_test(t, poll_sets);
	tcase_add_test(t, addresses_are_values_without_text);
	tcase_add_test(t, dynamic_parameters);
	tcase_add_test(t, texts_by_number);
	tcase_add_test(t, works_without_reused_buffers);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
