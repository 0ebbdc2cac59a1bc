/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader and writer of captures: made traces, and the public captures of the shared corpus (skipped
 * when it is not there).
 */
#include "engine/tests/scap_bed.h"

static void check_event(struct event *ev, unsigned i)
{
	uint64_t ino;

	ck_assert_uint_eq(ev->ts, 1234567890);
	ck_assert_int_eq(ev->tid, 100);
	ck_assert_uint_eq(ev->cpu, 3);
	if (i == 1) {
		ck_assert_uint_eq(ev->flags, EVENT_TRUNCATED);
		ck_assert_str_view(event_get_text(ev, OPENAT_2_X_name), "/etc/shadow");
		ck_assert(event_get_u64(ev, OPENAT_2_X_ino, &ino) && ino == 7);
		ck_assert_ptr_nonnull(ev->kernel);
		ck_assert_str_view(ev->kernel->fd_path, "/etc/shadow");
		ck_assert_ptr_null(ev->kernel->fd_tuple.p);
		ck_assert_uint_eq(ev->kernel->have, sample_kernel.have);
		ck_assert_uint_eq(ev->kernel->fd_mode, 0100640);
		ck_assert_uint_eq(ev->kernel->lost_before, 3);
		return;
	}
	ck_assert_ptr_null(ev->kernel);
	ck_assert_uint_eq(ev->flags, i == 2 || i == 5 ? EVENT_STATE_ONLY
						       : i == 3 ? EVENT_COMPAT32 : 0);
	if (i == 4)
		ck_assert_uint_eq(event_param(ev, ASYNCEVENT_E_data).len, 70000);
}

static void check_item(const struct snapshot_item *s, unsigned *fds)
{
	struct proc_record p;

	if (s->kind == SNAP_PROC && s->proc.tid == 100) {
		/* Everything except the views is comparable as memory. */
		p = s->proc;
		ck_assert_str_view(p.exepath, "/usr/bin/dash");
		ck_assert(str_eq(p.args, sample_proc.args) && str_eq(p.env, sample_proc.env));
		ck_assert_int_eq(p.pgid, 92);
		ck_assert_uint_eq(p.tty, 34816);
		ck_assert_uint_eq(p.cap_effective, 9);
		ck_assert_uint_eq(p.exe_ino_mtime, 12);
		ck_assert_uint_eq(p.clone_ts, 13);
		ck_assert(p.exe_lower_layer && p.exe_from_memfd && p.exe_upper_layer);
	} else if (s->kind == SNAP_PROC) {
		ck_assert_uint_eq(s->proc.clone_ts, 0);
	} else if (s->kind == SNAP_FD) {
		++*fds;
		ck_assert_int_eq(s->fd.fd, *fds);
		ck_assert_uint_eq(s->fd.kind, *fds);
		ck_assert_int_eq(s->fd.tid, *fds < 10 ? 100 : 101);
		if (s->fd.kind == FD_IPV4_SERVER)
			ck_assert(s->fd.dip[0] == 5 && s->fd.dport == 443 && s->fd.sport == 0);
		if (s->fd.kind == FD_FILE_V2)
			ck_assert(s->fd.dev == 77 && s->fd.open_flags == 3);
	} else if (s->kind == SNAP_MACHINE) {
		ck_assert_str_view(s->machine.hostname, "node-1");
	} else if (s->kind == SNAP_IFACE && !s->iface.v6) {
		ck_assert_str_view(s->iface.name, "eth0");
	} else if (s->kind == SNAP_USER && s->user.is_group) {
		ck_assert_str_view(s->user.name, "adm");
	}
}

START_TEST(test_round_trip)
{
	struct buf trace = make_trace(_i & 1, 1);
	struct mem_source src = { (const uint8_t *)trace.p, trace.len, 0, _i & 2 ? 1 : 0 };
	struct snapshot_item snap;
	struct scap_reader *r;
	struct limits limits;
	struct diags diags;
	struct event ev;
	unsigned events = 0, fds = 0;
	int res;

	limits_init(&limits);
	diags_init(&diags);
	r = scap_reader_new((struct byte_source){ mem_read, &src }, &limits, &diags);
	while ((res = scap_reader_next(r, &snap, &ev)) > 0) {
		if (res == SCAP_SNAPSHOT)
			check_item(&snap, &fds);
		else
			check_event(&ev, events++ % 6);
	}
	ck_assert_int_eq(res, SCAP_END);
	ck_assert_uint_eq(events, TRACE_EVENTS);
	ck_assert_uint_eq(fds, TRACE_FDS);
	ck_assert_uint_eq(diags.errors + diags.warnings, 0);
	ck_assert_uint_eq(scap_reader_stats(r)->unknown_events, 0);
	scap_reader_free(r);
	diags_done(&diags);
	buf_done(&trace);
}
END_TEST

START_TEST(test_same_bytes_again)
{
	struct buf trace = make_trace(false, 2);
	struct run run = run_over(buf_str(&trace), 0, true, false);

	ck_assert_int_eq(run.result, SCAP_END);
	ck_assert_uint_eq(run.items[SNAP_RESET], 1);
	ck_assert_uint_eq(run.items[SNAP_DONE], 2);
	ck_assert_uint_eq(run.items[SNAP_PROC], 4);
	ck_assert_uint_eq(run.stats.events, TRACE_EVENTS + 6);
	ck_assert(str_eq(buf_str(&run.copy), buf_str(&trace)));
	run_done(&run);
	buf_done(&trace);
}
END_TEST

START_TEST(test_many_processes)
{
	struct buf b = BUF_INIT;
	struct scap_writer *w = scap_writer_new((struct byte_sink){ mem_write, &b }, NULL);
	static char env[60000];
	struct run run;

	for (int64_t tid = 1; tid <= 100; tid++) {
		struct proc_record p = sample_proc;

		p.tid = tid;
		p.clone_ts = tid * 10;
		p.env = (struct str){ env, sizeof(env) };
		put(w, (struct snapshot_item){ SNAP_PROC, .proc = p });
	}
	ck_assert_int_eq(scap_writer_free(w), 0);
	run = run_over(buf_str(&b), 0, true, false);
	ck_assert_int_eq(run.result, SCAP_END);
	ck_assert_uint_eq(run.items[SNAP_PROC], 100);
	ck_assert(str_eq(buf_str(&b), buf_str(&run.copy)));
	run_done(&run);
	buf_done(&b);
}
END_TEST

static void check_big_endian(struct event *ev)
{
	struct str tuple;
	uint64_t ino;
	int64_t fd;

	ck_assert_uint_eq(ev->ts, 1000);
	ck_assert_int_eq(ev->tid, 10);
	ck_assert_uint_eq(ev->cpu, 1);
	switch (ev->num) {
	case 1:
		ck_assert_uint_eq(ev->type, EV_OPENAT_2_X);
		ck_assert(event_get_i64(ev, OPENAT_2_X_dirfd, &fd) && fd == WIRE_AT_FDCWD);
		ck_assert(event_get_u64(ev, OPENAT_2_X_ino, &ino) && ino == 7);
		ck_assert_str_view(event_get_text(ev, OPENAT_2_X_name), "/etc/x");
		break;
	case 2:
		tuple = event_param(ev, CONNECT_X_tuple);
		ck_assert(tuple.len == 13 && tuple.p[1] == 10);
		ck_assert_uint_eq(load_u16(tuple.p + 5), 40000);
		ck_assert_uint_eq(load_u16(tuple.p + 11), 443);
		break;
	case 3:
		tuple = event_param(ev, POLL_X_fds);
		ck_assert(load_u16(tuple.p) == 2 && load_u64(tuple.p + 12) == 4);
		break;
	default:
		ck_assert_uint_eq(ev->flags, EVENT_STATE_ONLY);
		ck_assert_uint_eq(event_param(ev, ASYNCEVENT_E_data).len, 3);
	}
}

/* The seed was made by another program, so that both cannot be wrong in the same way. */
START_TEST(test_big_endian)
{
	struct buf bytes = BUF_INIT;
	struct mem_source src = { 0 };
	struct snapshot_item snap;
	struct scap_reader *r;
	struct limits limits;
	struct diags diags;
	struct event ev;
	int res;

	ck_assert_int_eq(mem_load(&bytes, "engine/tests/seeds/scap/big_endian"), 0);
	src.p = (const uint8_t *)bytes.p;
	src.len = bytes.len;
	limits_init(&limits);
	diags_init(&diags);
	r = scap_reader_new((struct byte_source){ mem_read, &src }, &limits, &diags);
	while ((res = scap_reader_next(r, &snap, &ev)) > 0) {
		if (res == SCAP_EVENT) {
			check_big_endian(&ev);
		} else if (snap.kind == SNAP_PROC) {
			ck_assert_int_eq(snap.proc.tid, 10);
			ck_assert_uint_eq(snap.proc.uid, 1000);
			ck_assert_int_eq(snap.proc.pgid, 10);
			ck_assert_str_view(snap.proc.exepath, "/bin/sh");
		} else if (snap.kind == SNAP_FD) {
			ck_assert(snap.fd.fd == 3 && snap.fd.dport == 443 && snap.fd.dip[0] == 10);
		}
	}
	ck_assert_int_eq(res, SCAP_END);
	ck_assert_uint_eq(scap_reader_stats(r)->events, 4);
	ck_assert_uint_eq(diags.errors + diags.warnings, 0);
	scap_reader_free(r);
	diags_done(&diags);
	buf_done(&bytes);
}
END_TEST

/* ---- public captures ---- */

static const struct corpus_row {
	const char *name;
	unsigned raw, events;
} corpus[] = {
	{ "falco-c140b236-empty", 83, 83 },
	{ "falco-cat_write", 345, 307 },
	{ "falco-connect_localhost", 374, 371 },
	{ "falco-empty", 143, 143 },
	{ "falco-open-multiple-files", 1272, 1243 },
	{ "falco-ping_sendto", 1526, 1516 },
	{ "falco-privileged", 2059, 2059 },
	{ "falco-run_as_user_0_container", 4143, 2795 },
	{ "falco-run_as_user_65534_container", 241, 241 },
	{ "falco-syscall", 368, 366 },
	{ "falco-write_tmp_test", 229, 229 },
	{ "libs-curl_google", 1536, 991 },
	{ "libs-curl_google_comments", 1536, 991 },
	{ "libs-sample", 572, 485 },
	{ "libs-single_ipv6_conn", 1728, 1717 },
	{ "libs-test_ipv6_client", 326, 297 },
};

static void check_capture(const struct corpus_row *row, struct str bytes)
{
	struct run run = run_over(bytes, 0, true, false), again;

	ck_assert_msg(run.result == SCAP_END, "%s: result %d", row->name, run.result);
	ck_assert_msg(run.stats.events_raw == row->raw && run.stats.events == row->events,
		      "%s: %u raw, %u events", row->name, (unsigned)run.stats.events_raw,
		      (unsigned)run.stats.events);
	ck_assert_uint_eq(run.errors + run.warnings, 0);
	ck_assert_uint_gt(run.items[SNAP_PROC], 0);
	ck_assert_uint_eq(run.stats.conversion_missing, 0);
	again = run_over(buf_str(&run.copy), 0, true, false);
	ck_assert_int_eq(again.result, SCAP_END);
	ck_assert_uint_eq(again.items[SNAP_PROC], run.items[SNAP_PROC]);
	ck_assert_uint_eq(again.items[SNAP_FD], run.items[SNAP_FD]);
	/* Enter events that are stored and passed on find no exit to be folded into. */
	ck_assert_uint_eq(again.stats.events, run.stats.events);
	ck_assert(str_eq(buf_str(&again.copy), buf_str(&run.copy)));
	run_done(&run);
	run_done(&again);
}

START_TEST(test_corpus)
{
	unsigned found = 0;

	for (size_t i = 0; i < ARRAY_SIZE(corpus); i++) {
		struct buf bytes = BUF_INIT;
		char path[4096];

		snprintf(path, sizeof(path), "%s/corpus/scap/%s.scap", test_shared(),
			 corpus[i].name);
		if (mem_load(&bytes, path) == 0) {
			check_capture(&corpus[i], buf_str(&bytes));
			found++;
		}
		buf_done(&bytes);
	}
	printf(found ? "# %u captures\n" : "# SKIP no captures (%u)\n", found);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("scap");
	TCase *tc = tcase_create("scap");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_round_trip, 0, 4);
	tcase_add_test(tc, test_same_bytes_again);
	tcase_add_test(tc, test_many_processes);
	tcase_add_test(tc, test_big_endian);
	tcase_add_test(tc, test_corpus);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
