/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masking of recorded values.
 */
#include "engine/event/event_info.h"
#include "engine/event/redact.h"
#include "engine/tests/test.h"

/* "A=1" ... as a view; the literal's own NUL is the last separator. */
#define ARRAY(lit) ((struct str){ (lit), sizeof(lit) })

START_TEST(process_texts)
{
	struct snapshot_item item = { .kind = SNAP_PROC };
	struct redact *r = redact_new();

	ck_assert_int_eq(redact_add(r, STR("env=*TOKEN*")), 0);
	ck_assert_int_eq(redact_add(r, STR("args=--password=*")), 0);
	ck_assert_int_eq(redact_add(r, STR("paths=/home/*")), 0);
	ck_assert_int_eq(redact_add(r, STR("secrets")), -EINVAL);
	item.proc.env = ARRAY("HOME=/root\0API_TOKEN=abc\0EMPTY_TOKEN=\0TOKEN");
	item.proc.args = ARRAY("-u\0--password=hunter2");
	item.proc.exe = STR("/home/ann/tool");
	item.proc.exepath = STR("/usr/bin/tool");
	item.proc.cwd = STR_NONE;
	ck_assert_int_eq(redact_snapshot(r, &item), 0);
	ck_assert(str_eq(item.proc.env, ARRAY("HOME=/root\0API_TOKEN=***\0EMPTY_TOKEN=\0TOKEN")));
	ck_assert(str_eq(item.proc.args, ARRAY("-u\0******************")));
	ck_assert_str_view(item.proc.exe, "/****/***/****");
	ck_assert_str_view(item.proc.exepath, "/usr/bin/tool");
	ck_assert_uint_eq(item.proc.cwd.len, 0);
	redact_free(r);
}
END_TEST

START_TEST(event_parameters)
{
	static const char data[] = "\0\0\0\0\0\0\0\0" "/home/ann/x";
	uint8_t lens[4];
	struct event ev = { 0 };
	struct redact *r = redact_new();

	store_u16(lens, 8);
	store_u16(lens + 2, 12);
	ck_assert_int_eq(event_view(&ev, EV_CHDIR_X, CHDIR_X_NPARAMS, false, lens,
				    (const uint8_t *)data, sizeof(data)), 0);
	ck_assert_int_eq(redact_add(r, STR("paths")), 0);
	ck_assert_int_eq(redact_event(r, &ev), 0);
	ck_assert_str_view(event_get_text(&ev, CHDIR_X_path), "/****/***/*");
	ck_assert_uint_eq(redact_count(r), 1);
	ck_assert_str_eq(data + 8, "/home/ann/x");
	redact_free(r);
}
END_TEST

/* The sensor's own path of the fd goes into the trace as well. */
START_TEST(kernel_path)
{
	const struct event_kernel kernel = { .have = KERNEL_FD_PATH,
					     .fd_path = { "/home/ann/x", 11 }, .fd_ino = 7 };
	struct event ev = { 0 };
	struct redact *r = redact_new();

	ck_assert_int_eq(event_view(&ev, EV_CLOSE_X, 0, false, NULL, (const uint8_t *)"", 0), 0);
	ev.kernel = &kernel;
	ck_assert_int_eq(redact_add(r, STR("paths=/home/*")), 0);
	ck_assert_int_eq(redact_event(r, &ev), 0);
	ck_assert_str_view(ev.kernel->fd_path, "/****/***/*");
	ck_assert_uint_eq(ev.kernel->fd_ino, 7);
	ck_assert_str_view(kernel.fd_path, "/home/ann/x");
	redact_free(r);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("redact");
	TCase *t = tcase_create("redact");

	tcase_add_test(t, process_texts);
	tcase_add_test(t, event_parameters);
	tcase_add_test(t, kernel_path);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
