/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Captures that are damaged, cut, empty, not captures at all; sources and sinks that fail.
 */
#include "engine/tests/scap_bed.h"

START_TEST(test_truncated)
{
	struct buf trace = make_trace(false, 1);
	uint64_t last = 0;

	for (size_t n = 0; n < trace.len; n += n < 4000 ? 1 : 97) {
		struct run run = simple_run((struct str){ trace.p, n });

		if (run.result == SCAP_END) {
			ck_assert_uint_eq(run.errors + run.warnings, 0);
		} else {
			ck_assert_int_eq(run.result, -EBADMSG);
			ck_assert_uint_eq(run.errors, 1);
			ck_assert_uint_le(run.error_offset, n);
		}
		ck_assert_uint_ge(run.stats.events, last);
		last = run.stats.events;
	}
	buf_done(&trace);
}
END_TEST

START_TEST(test_truncated_gzip)
{
	struct buf trace = make_trace(true, 1);
	bool all_before_flush = false;

	for (size_t n = 2; n < trace.len; n++) {
		struct run run = simple_run((struct str){ trace.p, n });

		if (run.result == SCAP_END) {
			ck_assert_uint_eq(run.errors, 1);
			ck_assert_int_eq(run.code, DIAG_TRACE_CUT);
			ck_assert_uint_eq(run.items[SNAP_DONE], 1);
		}
		all_before_flush |= run.stats.events == TRACE_EVENTS / 2;
	}
	ck_assert(all_before_flush);
	buf_done(&trace);
}
END_TEST

START_TEST(test_bit_flips)
{
	struct buf trace = make_trace(_i, 1);
	size_t step = _i ? 1 : 3;

	for (size_t at = 0; at < trace.len; at += at < 5000 ? step : 501) {
		struct run run;

		trace.p[at] ^= 1 << (at % 8);
		run = run_over(buf_str(&trace), 0, false, false);
		ck_assert(run.result == SCAP_END || run.result == -EBADMSG);
		if (run.result == -EBADMSG)
			ck_assert_uint_ge(run.errors, 1);
		trace.p[at] ^= 1 << (at % 8);
	}
	buf_done(&trace);
}
END_TEST

START_TEST(test_not_a_capture)
{
	struct run run = simple_run(STR("- rule: this is a rules file, not a capture\n"));

	ck_assert_int_eq(run.result, -EBADMSG);
	ck_assert_int_eq(run.code, DIAG_TRACE_ERR_FORMAT);
	run = simple_run(STR(""));
	ck_assert_int_eq(run.result, -EBADMSG);
	ck_assert_int_eq(run.code, DIAG_TRACE_ERR_FORMAT);
}
END_TEST

static long broken_read(void *ctx, void *to, size_t n)
{
	return -EIO;
}

START_TEST(test_source_fails)
{
	struct scap_reader *r;
	struct snapshot_item snap;
	struct limits limits;
	struct diags diags;
	struct event ev;

	limits_init(&limits);
	diags_init(&diags);
	r = scap_reader_new((struct byte_source){ broken_read, NULL }, &limits, &diags);
	ck_assert_int_eq(scap_reader_next(r, &snap, &ev), -EIO);
	ck_assert_int_eq(diags.items[0].code, DIAG_TRACE_ERR_READ);
	scap_reader_free(r);
	diags_done(&diags);
}
END_TEST

static void add_block(struct buf *b, uint32_t type, uint32_t claimed, const void *body, size_t len)
{
	uint32_t total = claimed ? claimed : (uint32_t)(12 + len);

	buf_add(b, &type, 4);
	buf_add(b, &total, 4);
	buf_add(b, body, len);
	buf_add(b, &total, 4);
}

START_TEST(test_unknown_and_late_blocks)
{
	struct buf trace = make_trace(false, 1), more = make_trace(false, 1);
	static const char zeros[1000];
	struct run run;

	/* A list after events, without its section header, is applied in place. */
	add_block(&trace, 0x7777, 0, zeros, sizeof(zeros));
	buf_add(&trace, more.p + 28, more.len - 28);
	run = simple_run(buf_str(&trace));
	ck_assert_int_eq(run.result, SCAP_END);
	ck_assert_uint_eq(run.stats.unknown_blocks, 1);
	ck_assert_uint_eq(run.items[SNAP_RESET], 0);
	ck_assert_uint_eq(run.items[SNAP_PROC], 4);
	ck_assert_uint_eq(run.items[SNAP_DONE], 2);
	ck_assert_uint_eq(run.stats.events, 2 * TRACE_EVENTS);
	/* A length that no file has costs nothing. */
	add_block(&trace, 0x7777, 0xfffffff0, zeros, sizeof(zeros));
	run = simple_run(buf_str(&trace));
	ck_assert_int_eq(run.result, -EBADMSG);
	ck_assert_int_eq(run.code, DIAG_TRACE_ERR_TRUNCATED);
	ck_assert_uint_eq(run.stats.events, 2 * TRACE_EVENTS);
	buf_done(&trace);
	buf_done(&more);
}
END_TEST

START_TEST(test_damaged_event_in_sound_block)
{
	struct buf trace = make_trace(false, 1);
	uint8_t body[2 + 26] = { 0 };
	struct run run;

	store_u32(body + 2 + 16, 26);
	store_u16(body + 2 + 20, EV_CLOSE_X);
	store_u32(body + 2 + 22, 40);	/* parameters that are not there */
	add_block(&trace, 0x216, 0, body, sizeof(body));
	store_u32(body + 2 + 22, 70000);
	add_block(&trace, 0x216, 0, body, sizeof(body));
	store_u32(body + 2 + 22, 0);
	store_u16(body + 2 + 20, 500);	/* a type of the future */
	add_block(&trace, 0x216, 0, body, sizeof(body));
	run = simple_run(buf_str(&trace));
	ck_assert_int_eq(run.result, SCAP_END);
	ck_assert_uint_eq(run.stats.corrupt_events, 2);
	ck_assert_uint_eq(run.params_over, 1);
	ck_assert_uint_eq(run.stats.unknown_events, 1);
	ck_assert_int_eq(run.code, DIAG_TRACE_ERR_EVENT);
	ck_assert_uint_eq(run.stats.events, TRACE_EVENTS);
	buf_done(&trace);
}
END_TEST

START_TEST(test_too_long_events)
{
	static char body[200000];
	struct buf trace = make_trace(false, 1);
	struct run run;

	add_block(&trace, 0x216, 0, body, sizeof(body));
	run = simple_run(buf_str(&trace));
	ck_assert_int_eq(run.result, SCAP_END);
	ck_assert_int_eq(run.code, DIAG_TRACE_SKIPPED);
	ck_assert_uint_eq(run.stats.events, TRACE_EVENTS);
	buf_done(&trace);
}
END_TEST

/* Members and sections that follow each other are one stream. */
START_TEST(test_concatenated)
{
	struct buf trace = make_trace(true, 1), more = make_trace(true, 1);
	struct run run;

	buf_add(&trace, more.p, more.len);
	run = run_over(buf_str(&trace), 777, false, false);
	ck_assert_int_eq(run.result, SCAP_END);
	ck_assert_uint_eq(run.items[SNAP_RESET], 1);
	ck_assert_uint_eq(run.stats.events, 2 * TRACE_EVENTS);
	ck_assert_uint_eq(run.errors + run.warnings, 0);
	buf_add_c(&trace, "trailing");
	run = simple_run(buf_str(&trace));
	ck_assert_int_eq(run.result, SCAP_END);
	ck_assert_int_eq(run.code, DIAG_TRACE_SKIPPED);
	buf_done(&trace);
	buf_done(&more);
}
END_TEST

START_TEST(test_no_events)
{
	struct buf b = BUF_INIT;
	struct scap_writer *w = scap_writer_new((struct byte_sink){ mem_write, &b }, NULL);
	struct run run;

	put_lists(w);
	ck_assert_int_eq(scap_writer_free(w), 0);
	run = simple_run(buf_str(&b));
	ck_assert_int_eq(run.result, SCAP_END);
	ck_assert_uint_eq(run.items[SNAP_DONE], 1);
	ck_assert_uint_eq(run.stats.events, 0);
	buf_done(&b);
}
END_TEST

static int full_write(void *ctx, const void *p, size_t n)
{
	return -ENOSPC;
}

START_TEST(test_sink_fails)
{
	struct scap_writer_opts opts = { _i };
	struct scap_writer *w = scap_writer_new((struct byte_sink){ full_write, NULL }, &opts);

	put_lists(w);
	ck_assert_int_eq(scap_writer_flush(w), -ENOSPC);
	ck_assert_uint_eq(scap_writer_bytes(w), 0);
	ck_assert_int_eq(scap_writer_free(w), -ENOSPC);
}
END_TEST

/* Thousands of processes do not fit into one block nor into the buffer. */

static Suite *make_suite(void)
{
	Suite *s = suite_create("scap_damaged");
	TCase *tc = tcase_create("scap_damaged");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_truncated);
	tcase_add_test(tc, test_truncated_gzip);
	tcase_add_loop_test(tc, test_bit_flips, 0, 2);
	tcase_add_test(tc, test_not_a_capture);
	tcase_add_test(tc, test_source_fails);
	tcase_add_test(tc, test_unknown_and_late_blocks);
	tcase_add_test(tc, test_damaged_event_in_sound_block);
	tcase_add_test(tc, test_too_long_events);
	tcase_add_test(tc, test_concatenated);
	tcase_add_test(tc, test_no_events);
	tcase_add_loop_test(tc, test_sink_fails, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
