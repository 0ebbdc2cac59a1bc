/* SPDX-License-Identifier: Apache-2.0 */
/*
 * evt.* fields on hand-made events: identity, times, results, counters, open modes.
 */
#include "engine/tests/world.h"

static struct world world, *const w = &world;

static void setup(void)
{
	world_init(w);
	world_proc(w, 1, 0, "init");
	world_file(w, 1, 3, FD_FILE, "/tmp/data");
	world_file(w, 1, 4, FD_FIFO, "");
	world_fd(w, 1, (struct fd_record){ .fd = 5, .kind = FD_UNIX, .name = STR("/dev/log") });
	world_fd(w, 1, (struct fd_record){ .fd = 6, .kind = FD_IPV4, .l4 = L4_TCP,
					   .sip = { 10, 0, 0, 1 }, .dip = { 1, 2, 3, 4 },
					   .sport = 5, .dport = 443 });
	world_ready(w);
}

static void teardown(void)
{
	world_done(w);
}

static void ck_number(struct world *world_, const char *field, uint64_t expected)
{
	struct field_ref f = world_ref(world_, field);
	struct value v;

	ck_assert_msg(field_get(&f, &world_->ctx, &v), "%s", field);
	ck_assert_uint_eq(v.u, expected);
}

START_TEST(identity)
{
	world_event(w, EV_CLOSE_X, 1, W_I64(0), W_I64(3));
	ck_field(w, "evt.num", "1");
	ck_field(w, "evt.cpu", "1");
	ck_field(w, "evt.type", "close");
	ck_field(w, "syscall.type", "close");
	ck_field(w, "evt.dir", "<");
	ck_field(w, "evt.source", "syscall");
	ck_field(w, "evt.is_async", "false");
	ck_field(w, "evt.asynctype", NULL);
	ck_field(w, "evt.pluginname", NULL);
	ck_number(w, "evt.type.is.close", 1);
	ck_number(w, "evt.type.is.open", 0);
	ck_number(w, "evt.type.is.5", 1);
	ck_field(w, "evt.type.is.close", NULL);
	ck_field(w, "evt.count", "1");
	ck_field(w, "evt.count.exit", "1");
	ck_field(w, "evt.count.procinfo", "0");
	ck_field(w, "evt.truncated", "false");
	ck_field(w, "evt.lost_before", "0");
	w->ev.flags = EVENT_TRUNCATED;
	ck_field(w, "evt.truncated", "true");
}
END_TEST

START_TEST(generic_and_asynchronous_names)
{
	world_event(w, EV_GENERIC_X, 1, W_U16(sc_find(STR("gettid"))), W_U16(186));
	ck_field(w, "evt.type", "gettid");
	ck_field(w, "syscall.type", "gettid");
	ck_field(w, "evt.args", "");
	ck_field(w, "evt.arg[0]", "gettid");
	ck_field(w, "evt.res", NULL);
	ck_field(w, "evt.failed", NULL);
	world_event(w, EV_GENERIC_X, 1, W_U16(0), W_U16(221));
	ck_field(w, "evt.type", "fadvise64");
	ck_field(w, "evt.arg[0]", "unknown");
	world_event(w, EV_GENERIC_X, 1, W_U16(0), W_U16(60000));
	ck_field(w, "evt.type", "unknown");
	world_event(w, EV_GENERIC_X, 1, W_U16(60000), W_U16(60000));
	ck_field(w, "evt.type", "unknown");
	world_event(w, EV_ASYNCEVENT_E, 1, W_U32(1), W_TEXT("container"), W_BYTES("{}"));
	ck_field(w, "evt.type", "container");
	ck_field(w, "evt.asynctype", "container");
	ck_field(w, "evt.is_async", "true");
	ck_field(w, "syscall.type", NULL);
	ck_field(w, "evt.dir", ">");
	ck_field(w, "evt.count.exit", NULL);
}
END_TEST

START_TEST(times)
{
	world_event(w, EV_CLOSE_X, 1, W_I64(0), W_I64(33));
	world_event(w, EV_CLOSE_X, 1, W_I64(0), W_I64(33));
	w->ctx.tz_offset_s = 3600;
	w->ctx.first_ts = WORLD_TS + 10000000;
	w->ctx.prev_ts = WORLD_TS + 10000000;
	ck_field(w, "evt.time", "17:00:00.020000000");
	ck_field(w, "evt.time.s", "17:00:00");
	ck_field(w, "evt.time.iso8601", "2019-08-19T16:00:00.020000000+0000");
	ck_field(w, "evt.datetime", "2019-08-19 17:00:00.020000000");
	ck_field(w, "evt.datetime.s", "2019-08-19 17:00:00");
	ck_field(w, "evt.outputtime", "17:00:00.020000000");
	ck_field(w, "evt.rawtime", "1566230400020000000");
	ck_field(w, "evt.rawtime.s", "1566230400");
	ck_field(w, "evt.rawtime.ns", "020000000");
	ck_field(w, "evt.reltime", "010000000");
	ck_field(w, "evt.reltime.s", "0");
	ck_field(w, "evt.deltatime.ns", "010000000");
	ck_field(w, "evt.latency.human", "0ns");
	ck_assert_str_eq(world_json(w, "evt.time"), "1566230400020000000");
	ck_assert_str_eq(world_json(w, "evt.rawtime.ns"), "20000000");
	w->ctx.first_ts = WORLD_TS * 2;
	ck_field(w, "evt.reltime", "000000000");
}
END_TEST

START_TEST(around)
{
	struct field_ref f = world_ref(w, "evt.around[1566230400010000001]");
	struct value v;

	world_event(w, EV_CLOSE_X, 1, W_I64(0), W_I64(33));
	ck_assert(field_get(&f, &w->ctx, &v));
	ck_assert_uint_eq(v.u, 1);
	ck_field(w, "evt.around[1566230400010000001]", NULL);
}
END_TEST

START_TEST(results)
{
	world_event(w, EV_OPEN_X, 1, W_I64(-2), W_TEXT("/x"), W_U32(1), W_U32(0), W_U32(0),
		    W_U64(0));
	ck_field(w, "evt.res", "ENOENT");
	ck_field(w, "evt.rawres", "-2");
	ck_field(w, "evt.failed", "true");
	ck_field(w, "evt.count.error", "1");
	ck_field(w, "evt.count.error.file", "1");
	ck_field(w, "evt.count.error.other", NULL);
	ck_assert_str_eq(world_json(w, "evt.failed"), "true");
	world_event(w, EV_GETUID_X, 1, W_U32(1000));
	ck_field(w, "evt.res", "SUCCESS");
	ck_field(w, "evt.rawres", "1000");
	ck_field(w, "evt.count.error.other", "0");
	world_event(w, EV_BRK_4_X, 1, W_U64(0x5017AF4), W_U32(1), W_U32(2), W_U32(3), W_U64(0));
	ck_field(w, "evt.rawres", "83983092");
	ck_field(w, "evt.rawarg.res", "5017AF4");
	ck_field(w, "evt.count.error.memory", "0");
	ck_field(w, "evt.category", "memory");
	world_event(w, EV_PROCEXIT_1_E, 1, W_I64(0), W_I64(0), W_U8(0), W_U8(0), W_I64(0));
	ck_field(w, "evt.res", NULL);
	ck_field(w, "evt.dir", ">");
	ck_field(w, "syscall.type", NULL);
}
END_TEST

START_TEST(io)
{
	world_event(w, EV_WRITE_X, 1, W_I64(4), W_BYTES("data"), W_I64(5), W_U32(4));
	ck_field(w, "evt.is_syslog", "true");
	ck_field(w, "evt.category", "ipc");
	ck_field(w, "evt.buflen", "4");
	ck_field(w, "evt.buflen.out", "4");
	ck_field(w, "evt.buflen.in", NULL);
	ck_field(w, "evt.buflen.file", NULL);
	ck_field(w, "evt.io_dir", "write");
	ck_field(w, "evt.is_io", "true");
	ck_field(w, "evt.is_io_read", "false");
	ck_field(w, "evt.is_io_write", "true");
	ck_field(w, "evt.is_wait", "false");
	ck_field(w, "evt.count.error.net", "0");
	world_event(w, EV_READ_X, 1, W_I64(4), W_BYTES("data"), W_I64(3), W_U32(4));
	ck_field(w, "evt.category", "file");
	ck_field(w, "evt.buflen.file.in", "4");
	ck_field(w, "evt.is_syslog", "false");
	world_event(w, EV_READ_X, 1, W_I64(4), W_BYTES("data"), W_I64(6), W_U32(4));
	ck_field(w, "evt.category", "net");
	ck_field(w, "evt.buflen.net.in", "4");
	world_event(w, EV_READ_X, 1, W_I64(4), W_BYTES("data"), W_I64(66), W_U32(4));
	ck_field(w, "evt.category", "unknown");
	ck_field(w, "evt.buflen", NULL);
	ck_field(w, "evt.count.error.other", "0");
	world_event(w, EV_READ_X, 1, W_I64(-5), W_EMPTY, W_I64(4), W_U32(4));
	ck_field(w, "evt.category", "ipc");
	ck_field(w, "evt.buflen", NULL);
	world_event(w, EV_CHDIR_X, 1, W_I64(0), W_TEXT("/"));
	ck_field(w, "evt.io_dir", NULL);
	ck_field(w, "evt.buffer", NULL);
}
END_TEST

static void open_modes(uint32_t flags, uint32_t mode, int64_t fd, const char *expected)
{
	static const char *const names[] = { "evt.is_open_read", "evt.is_open_write",
		"evt.is_open_exec", "evt.is_open_create" };

	world_event(w, EV_OPENAT_2_X, 1, W_I64(fd), W_I64(-100), W_TEXT("/x"), W_U32(flags),
		    W_U32(mode), W_U32(0), W_U64(0));
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		ck_field(w, names[i], expected[i] == '1' ? "true" : "false");
}

START_TEST(opens)
{
	open_modes(WO_RDONLY, 0, 9, "1000");
	open_modes(WO_WRONLY, 0111, 9, "0100");
	open_modes(WO_RDWR, 0, -2, "1100");
	open_modes(WO_RDWR | WO_CREAT, 0100, 9, "1110");
	open_modes(WO_RDWR | WO_CREAT | WO_F_CREATED, 0644, 9, "1101");
	open_modes(WO_RDWR | WO_TMPFILE, 0600, 9, "1101");
	open_modes(WO_RDWR | WO_TMPFILE, 0600, -2, "1100");
	world_event(w, EV_CREAT_X, 1, W_I64(9), W_TEXT("/x"), W_U32(0755), W_U32(0), W_U64(0),
		    W_U16(0));
	ck_field(w, "evt.is_open_exec", "true");
	ck_field(w, "evt.is_open_write", "false");
	world_event(w, EV_CLOSE_X, 1, W_I64(0), W_I64(33));
	ck_field(w, "evt.is_open_read", "false");
}
END_TEST

START_TEST(counter_counts_mentions)
{
	struct field_ref f = world_ref(w, "util.cnt");
	struct value v;

	world_event(w, EV_CLOSE_X, 1, W_I64(0), W_I64(33));
	for (uint64_t i = 1; i <= 3; i++) {
		ck_assert(field_get(&f, &w->ctx, &v));
		ck_assert_uint_eq(v.u, i);
	}
	ck_field(w, "util.cnt", "1");
}
END_TEST

/* Each field on each event type, with all parameters absent, empty, and too short. */
START_TEST(nothing_reads_what_is_not_there)
{
	static const struct str shapes[] = { { "", 0 }, { "\1", 1 }, { "\xff\xff\xff", 3 } };

	for (uint16_t type = 0; type < EVENT_TYPE_COUNT; type++) {
		for (size_t s = 0; s < ARRAY_SIZE(shapes); s++) {
			struct str params[EVENT_PARAMS_MAX];
			uint32_t n = event_infos[type].nparams;

			for (uint32_t i = 0; i < n; i++)
				params[i] = shapes[s];
			world_send(w, type, 1, s ? n : 0, params);
			world_text(w, "evt.args");
			world_text(w, "evt.arg[0]");
			world_text(w, "evt.category");
			world_text(w, "evt.res");
			world_text(w, "evt.abspath.dst");
			world_text(w, "evt.buffer");
			world_text(w, "evt.rawarg.flags");
			world_text(w, "evt.is_open_exec");
			world_text(w, "fdlist.names");
		}
	}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("field_evt");
	TCase *t = tcase_create("field_evt");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, identity);
	tcase_add_test(t, generic_and_asynchronous_names);
	tcase_add_test(t, times);
	tcase_add_test(t, around);
	tcase_add_test(t, results);
	tcase_add_test(t, io);
	tcase_add_test(t, opens);
	tcase_add_test(t, counter_counts_mentions);
	tcase_add_test(t, nothing_reads_what_is_not_there);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
