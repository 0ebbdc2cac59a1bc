/* SPDX-License-Identifier: Apache-2.0 */
/* Event tables and decoding of single events, good and hostile. */
#include "engine/tests/test.h"
#include "engine/event/event.h"
#include "engine/event/event_info.h"

struct record {
	uint8_t p[1024];
	uint32_t len;
};

/* An event of `n` parameters given as views. */
static struct record make(uint16_t type, unsigned n, const struct str *params)
{
	bool wide = type < EVENT_TYPE_COUNT && event_infos[type].flags & EF_LARGE_PAYLOAD;
	struct record r = { .len = EVENT_HEADER_BYTES };

	store_u64(r.p, 7);
	store_u64(r.p + 8, 42);
	store_u16(r.p + 20, type);
	store_u32(r.p + 22, n);
	for (unsigned i = 0; i < n; i++) {
		if (wide)
			store_u32(r.p + r.len, params[i].len);
		else
			store_u16(r.p + r.len, params[i].len);
		r.len += wide ? 4 : 2;
	}
	for (unsigned i = 0; i < n; i++) {
		memcpy(r.p + r.len, params[i].p, params[i].len);
		r.len += params[i].len;
	}
	store_u32(r.p + 16, r.len);
	return r;
}

#define RES_0 STR("\0\0\0\0\0\0\0\0")
#define FD_5 STR("\5\0\0\0\0\0\0\0")
#define FD_M100 STR("\x9c\xff\xff\xff\xff\xff\xff\xff")

static const struct str openat_params[] = {
	{ "\5\0\0\0\0\0\0\0", 8 }, { "\x9c\xff\xff\xff\xff\xff\xff\xff", 8 }, { "etc/passwd", 11 },
	{ "\1\0\0\0", 4 },	   { "", 0 },				      { "\7\0\0\0", 4 },
};

START_TEST(test_tables)
{
	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
		const struct event_info *info = &event_infos[t];

		ck_assert_ptr_nonnull(info->name);
		ck_assert_ptr_nonnull(info->id);
		ck_assert_uint_le(info->nparams, 32);
		ck_assert_int_eq(info->is_exit, t & 1);
		ck_assert_int_lt(info->fd_param, info->nparams);
		if (info->fd_param >= 0)
			ck_assert_int_eq(info->params[info->fd_param].type, PT_FD);
		for (unsigned i = 0; i < info->nparams; i++)
			ck_assert_uint_lt(info->params[i].type, PT_COUNT);
	}
	ck_assert_int_eq(event_infos[EV_RECVMSG_X].fd_param, 5);
	ck_assert_int_eq(event_infos[EV_MMAP_X].fd_param, 8);
	ck_assert_int_eq(event_infos[EV_DUP_1_X].fd_param, 1);
	ck_assert_int_eq(event_infos[EV_CONNECT_E].fd_param, 0);
	ck_assert_int_eq(event_infos[EV_OPENAT_2_X].fd_param, -1);
	ck_assert_int_eq(event_infos[EV_OPENAT_2_X].params[OPENAT_2_X_name].ref, OPENAT_2_X_dirfd);
	ck_assert_int_eq(event_infos[EV_OPENAT_2_X].params[OPENAT_2_X_flags].ref,
			 FLAG_TABLE_file_flags);
	ck_assert_str_eq(flag_tables[FLAG_TABLE_file_flags].name, "file_flags");
	ck_assert_str_eq(flag_tables[FLAG_TABLE_file_flags].rows[0].name, "O_LARGEFILE");
	ck_assert_uint_eq(dyn_infos[DYN_sockopt].count, 5);
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(errno_name(2), "ENOENT");
	ck_assert_str_eq(errno_name(115), "EINPROGRESS");
	ck_assert_str_eq(errno_name(133), "EHWPOISON");
	ck_assert_ptr_null(errno_name(0));
	ck_assert_ptr_null(errno_name(41));
	ck_assert_ptr_null(errno_name(100000));
	ck_assert_str_eq(signal_name(9), "SIGKILL");
	ck_assert_str_eq(signal_name(31), "SIGSYS");
	ck_assert_ptr_null(signal_name(0));
	ck_assert_ptr_null(signal_name(34));
	ck_assert_int_eq(sc_find(STR("read")), 3);
	ck_assert_int_eq(sc_infos[sc_find(STR("openat"))].exit_event, EV_OPENAT_2_X);
	ck_assert_int_eq(sc_find(STR("no_such_call")), -1);
	ck_assert_int_eq(event_param_index(EV_OPENAT_2_X, STR("name")), OPENAT_2_X_name);
	ck_assert_int_eq(event_param_index(EV_OPENAT_2_X, STR("nam")), -1);
	ck_assert_int_eq(event_param_index(9999, STR("name")), -1);
}
END_TEST

START_TEST(test_decode)
{
	struct record r = make(EV_OPENAT_2_X, 6, openat_params);
	struct event ev;
	int64_t res, dirfd;
	uint32_t dev;
	uint64_t ino;

	ck_assert_int_eq(event_decode(r.p, r.len, &ev), 0);
	ck_assert_uint_eq(ev.ts, 7);
	ck_assert_int_eq(ev.tid, 42);
	ck_assert(event_result(&ev, &res) && res == 5);
	ck_assert(event_get_i64(&ev, OPENAT_2_X_dirfd, &dirfd) && dirfd == WIRE_AT_FDCWD);
	ck_assert_str_view(event_get_text(&ev, OPENAT_2_X_name), "etc/passwd");
	ck_assert(!event_get_u32(&ev, OPENAT_2_X_mode, &dev));
	ck_assert_ptr_nonnull(event_param(&ev, OPENAT_2_X_mode).p);
	ck_assert(event_get_u32(&ev, OPENAT_2_X_dev, &dev) && dev == 7);
	ck_assert(!event_get_u64(&ev, OPENAT_2_X_ino, &ino));
	ck_assert_ptr_null(event_param(&ev, OPENAT_2_X_ino).p);
}
END_TEST

START_TEST(test_text)
{
	struct str p[] = { RES_0, STR("(NULL)\0") };
	struct record r = make(EV_CHDIR_X, 2, p);
	struct event ev;

	ck_assert_int_eq(event_decode(r.p, r.len, &ev), 0);
	ck_assert_ptr_null(event_get_text(&ev, CHDIR_X_path).p);
	p[1] = STR("/tmp");	/* no final NUL */
	r = make(EV_CHDIR_X, 2, p);
	ck_assert_int_eq(event_decode(r.p, r.len, &ev), 0);
	ck_assert_str_view(event_get_text(&ev, CHDIR_X_path), "/tmp");
	p[1] = STR("\0");
	r = make(EV_CHDIR_X, 2, p);
	ck_assert_int_eq(event_decode(r.p, r.len, &ev), 0);
	ck_assert_ptr_nonnull(event_get_text(&ev, CHDIR_X_path).p);
	ck_assert_str_view(event_get_text(&ev, CHDIR_X_path), "");
}
END_TEST

/* Parameters of a width that the table does not expect never read over their end. */
START_TEST(test_short_values)
{
	struct str p[] = { STR("\1\2\3"), FD_5 };
	struct record r = make(EV_CLOSE_X, 2, p);
	struct event ev;
	int64_t v = 99;

	ck_assert_int_eq(event_decode(r.p, r.len, &ev), 0);
	ck_assert(!event_result(&ev, &v));
	ck_assert_int_eq(v, 99);
	ck_assert(event_get_i64(&ev, CLOSE_X_fd, &v) && v == 5);
}
END_TEST

START_TEST(test_more_params_than_known)
{
	struct str p[] = { RES_0, FD_M100, STR("future") };
	struct record r = make(EV_CLOSE_X, 3, p);
	struct event ev;

	ck_assert_int_eq(event_decode(r.p, r.len, &ev), 0);
	ck_assert_uint_eq(ev.nparams, 2);
	ck_assert_ptr_null(event_param(&ev, 2).p);
}
END_TEST

START_TEST(test_bad_sizes)
{
	struct record good = make(EV_OPENAT_2_X, 6, openat_params), r;
	struct event ev;

	for (uint32_t len = 0; len < good.len; len++)
		ck_assert_int_eq(event_decode(good.p, len, &ev), -EBADMSG);
	r = good;
	store_u16(r.p + EVENT_HEADER_BYTES, 60000);
	ck_assert_int_eq(event_decode(r.p, r.len, &ev), -EBADMSG);
	r = good;
	store_u32(r.p + 22, 65);
	ck_assert_int_eq(event_decode(r.p, r.len, &ev), -EBADMSG);
	store_u32(r.p + 22, 0xffffffff);
	ck_assert_int_eq(event_decode(r.p, r.len, &ev), -EBADMSG);
	r = good;
	store_u32(r.p + 16, 25);
	ck_assert_int_eq(event_decode(r.p, r.len, &ev), -EBADMSG);
	r = good;
	store_u16(r.p + 20, EVENT_TYPE_COUNT);
	ck_assert_int_eq(event_decode(r.p, r.len, &ev), -ENOENT);
}
END_TEST

/* Wide lengths that overflow 32 bits when added up. */
START_TEST(test_wide_overflow)
{
	struct str p[] = { STR("aaaa"), STR("bbbb"), STR("cccc"), STR("dddd") };
	struct record r = make(EV_ASYNCEVENT_E, 3, p);
	struct event ev;

	ck_assert_int_eq(event_decode(r.p, r.len, &ev), 0);
	ck_assert_uint_eq(ev.wide, 1);
	store_u32(r.p + EVENT_HEADER_BYTES, 0xfffffffc);
	ck_assert_int_eq(event_decode(r.p, r.len, &ev), -EBADMSG);
	store_u32(r.p + EVENT_HEADER_BYTES + 4, 8);
	ck_assert_int_eq(event_decode(r.p, r.len, &ev), -EBADMSG);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("event");
	TCase *tc = tcase_create("event");

	tcase_add_test(tc, test_tables);
	tcase_add_test(tc, test_names);
	tcase_add_test(tc, test_decode);
	tcase_add_test(tc, test_text);
	tcase_add_test(tc, test_short_values);
	tcase_add_test(tc, test_more_params_than_known);
	tcase_add_test(tc, test_bad_sizes);
	tcase_add_test(tc, test_wide_overflow);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
