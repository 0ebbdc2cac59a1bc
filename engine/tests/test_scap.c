/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader and writer of captures: made traces, the public captures of the shared corpus (skipped
 * when it is not there), damaged input of all kinds.
 */
#include <zlib.h>

#include "engine/tests/scap_mem.h"
#include "engine/tests/test.h"
#include "engine/event/event_info.h"

/* What a run over a capture gave. */
struct run {
	int result;		/* of the last call */
	unsigned items[SNAP_DONE + 1];
	struct scap_stats stats;
	uint64_t params_over;	/* hits of LIMIT_EVENT_PARAMS */
	unsigned errors, warnings;
	uint32_t error_offset;
	enum diag_code code;	/* of the first diagnostic */
	struct buf copy;	/* written again */
};

static void run_done(struct run *run)
{
	buf_done(&run->copy);
}

static struct run run_over(struct str bytes, size_t chunk, bool copy, bool gzip)
{
	struct mem_source src = { (const uint8_t *)bytes.p, bytes.len, 0, chunk };
	struct run run = { 0 };
	struct scap_writer_opts opts = { gzip };
	struct scap_writer *w = NULL;
	struct scap_reader *r;
	struct snapshot_item snap;
	struct limits limits;
	struct diags diags;
	struct event ev;
	uint64_t num = 0;

	limits_init(&limits);
	diags_init(&diags);
	r = scap_reader_new((struct byte_source){ mem_read, &src }, &limits, &diags);
	ck_assert_ptr_nonnull(r);
	if (copy)
		w = scap_writer_new((struct byte_sink){ mem_write, &run.copy }, &opts);
	while ((run.result = scap_reader_next(r, &snap, &ev)) > 0) {
		if (run.result == SCAP_EVENT) {
			ck_assert_uint_eq(ev.num, ++num);
			for (unsigned i = 0; i < ev.nparams; i++)
				ck_assert_ptr_nonnull(event_param(&ev, i).p);
			if (w)
				ck_assert_int_eq(scap_writer_event(w, &ev), 0);
		} else {
			run.items[snap.kind]++;
			if (w)
				ck_assert_int_eq(scap_writer_snapshot(w, &snap), 0);
		}
	}
	/* The end stays the end. */
	ck_assert_int_eq(scap_reader_next(r, &snap, &ev), run.result);
	ck_assert_int_eq(scap_writer_free(w), 0);
	run.stats = *scap_reader_stats(r);
	run.params_over = limits.hits[LIMIT_EVENT_PARAMS];
	run.errors = diags.errors;
	run.warnings = diags.warnings;
	run.code = diags.count ? diags.items[0].code : DIAG_COUNT;
	for (uint32_t i = 0; i < diags.count; i++)
		if (diag_infos[diags.items[i].code].severity == DIAG_ERROR)
			run.error_offset = diags.items[i].pos.offset;
	scap_reader_free(r);
	diags_done(&diags);
	return run;
}

static struct run simple_run(struct str bytes)
{
	return run_over(bytes, 0, false, false);
}

/* ---- a made trace with everything in it ---- */

static const struct proc_record sample_proc = {
	.tid = 100, .pid = 100, .ptid = 1, .sid = 90, .vpgid = 91, .pgid = 92, .vtid = 5, .vpid = 5,
	.comm = { "sh", 2 }, .exe = { "/bin/sh", 7 }, .exepath = { "/usr/bin/dash", 13 },
	.cwd = { "/tmp/", 5 }, .root = { "/", 1 }, .args = { "-c\0ls\0", 6 },
	.env = { "A=1\0B=2\0", 8 }, .cgroups = { "cpu=/x\0", 7 }, .fdlimit = 1024,
	.flags = 0x1000000, .uid = 1000, .gid = 1001, .loginuid = 1002, .tty = 34816,
	.vmsize_kb = 1, .vmrss_kb = 2, .vmswap_kb = 3, .pfmajor = 4, .pfminor = 5,
	.pidns_init_start_ts = 6, .cap_inheritable = 7, .cap_permitted = 8, .cap_effective = 9,
	.exe_ino = 10, .exe_ino_ctime = 11, .exe_ino_mtime = 12, .clone_ts = 13,
	.exe_writable = true, .exe_upper_layer = true, .exe_lower_layer = true,
	.exe_from_memfd = true,
};

static void put(struct scap_writer *w, struct snapshot_item item)
{
	ck_assert_int_eq(scap_writer_snapshot(w, &item), 0);
}

static void put_lists(struct scap_writer *w)
{
	struct proc_record no_time = sample_proc;

	no_time.tid = no_time.pid = 101;
	no_time.clone_ts = 0;
	put(w, (struct snapshot_item){ SNAP_MACHINE, .machine = {
		.num_cpus = 2, .memory_bytes = 1 << 20, .max_pid = 32768,
		.hostname = STR("node-1"), .boot_ts = 17, .flags = 3 } });
	put(w, (struct snapshot_item){ SNAP_IFACE, .iface = {
		.name = STR("eth0"), .addr = { 10, 0, 0, 1 }, .mask = { 255 }, .link_speed = 9 } });
	put(w, (struct snapshot_item){ SNAP_IFACE, .iface = {
		.name = STR("lo"), .v6 = true, .addr = { [15] = 1 } } });
	put(w, (struct snapshot_item){ SNAP_USER, .user = {
		.uid = 0, .gid = 0, .name = STR("root"), .home = STR("/root"), .shell = STR("/bin/sh") } });
	put(w, (struct snapshot_item){ SNAP_USER, .user = {
		.is_group = true, .gid = 4, .name = STR("adm") } });
	put(w, (struct snapshot_item){ SNAP_PROC, .proc = no_time });
	put(w, (struct snapshot_item){ SNAP_PROC, .proc = sample_proc });
	for (unsigned kind = 0; kind <= FD_PIDFD; kind++)
		put(w, (struct snapshot_item){ SNAP_FD, .fd = {
			.tid = kind < 10 ? 100 : 101, .fd = kind, .ino = 1000 + kind, .kind = kind,
			.l4 = L4_TCP, .sip = { 1, 2, 3, 4 }, .dip = { 5, 6, 7, 8 }, .sport = 80,
			.dport = 443, .unix_source = 0xabc, .unix_peer = 0xdef, .open_flags = 3,
			.dev = 77, .name = STR("/a/name") } });
	put(w, (struct snapshot_item){ SNAP_DONE });
}

static void put_event(struct scap_writer *w, unsigned type, unsigned n, const struct str *params,
		      unsigned flags, const struct event_kernel *kernel)
{
	uint8_t lens[2 * EVENT_PARAMS_MAX], wide_lens[4 * EVENT_PARAMS_MAX];
	bool wide = event_infos[type].flags & EF_LARGE_PAYLOAD;
	struct buf data = BUF_INIT;
	struct event ev;

	for (unsigned i = 0; i < n; i++) {
		store_u16(lens + 2 * i, params[i].len);
		store_u32(wide_lens + 4 * i, params[i].len);
		buf_add_str(&data, params[i]);
	}
	ck_assert_int_eq(event_view(&ev, type, n, wide, wide ? wide_lens : lens,
				    (const uint8_t *)buf_str(&data).p, data.len), 0);
	ev.ts = 1234567890;
	ev.tid = 100;
	ev.cpu = 3;
	ev.flags = flags;
	ev.kernel = kernel;
	ck_assert_int_eq(scap_writer_event(w, &ev), 0);
	buf_done(&data);
}

static const struct event_kernel sample_kernel = {
	.have = KERNEL_FD_PATH | KERNEL_FD_INODE, .fd_path = { "/etc/shadow", 11 },
	.fd_ino = 7, .fd_dev = 8, .fd_mode = 0100640, .fd_kind = FD_FILE_V2, .lost_before = 3,
};

static void put_events(struct scap_writer *w)
{
	const struct str close[] = { STR("\0\0\0\0\0\0\0\0"), STR("\7\0\0\0\0\0\0\0") };
	const struct str open[] = { STR("\3\0\0\0\0\0\0\0"), STR("\x9c\xff\xff\xff\xff\xff\xff\xff"),
				    STR("/etc/shadow\0"), STR("\1\0\0\0"), STR("\0\0\0\0"),
				    STR("\10\0\0\0"), STR("\7\0\0\0\0\0\0\0") };
	static char document[70000];
	struct str async[] = { STR("\0\0\0\0"), STR("container\0"), { document, sizeof(document) } };

	memset(document, 'x', sizeof(document));
	put_event(w, EV_CLOSE_X, 2, close, 0, NULL);
	put_event(w, EV_OPENAT_2_X, 7, open, EVENT_TRUNCATED, &sample_kernel);
	put_event(w, EV_CLOSE_X, 2, close, EVENT_STATE_ONLY, NULL);
	put_event(w, EV_CLOSE_X, 2, close, EVENT_COMPAT32, NULL);
	put_event(w, EV_ASYNCEVENT_E, 3, async, 0, NULL);
	async[2].len = 100;
	put_event(w, EV_ASYNCEVENT_E, 3, async, EVENT_STATE_ONLY, NULL);
}

static struct buf make_trace(bool gzip, unsigned sections)
{
	struct buf b = BUF_INIT;
	struct scap_writer_opts opts = { gzip };
	struct scap_writer *w = scap_writer_new((struct byte_sink){ mem_write, &b }, &opts);

	for (unsigned i = 0; i < sections; i++) {
		if (i)
			put(w, (struct snapshot_item){ SNAP_RESET });
		put_lists(w);
		put_events(w);
	}
	ck_assert_int_eq(scap_writer_flush(w), 0);
	put_events(w);
	ck_assert_int_eq(scap_writer_free(w), 0);
	return b;
}

enum { TRACE_EVENTS = 12, TRACE_FDS = FD_PIDFD };

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

/* ---- damaged input ---- */

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
	tcase_add_test(tc, test_many_processes);
	tcase_add_test(tc, test_big_endian);
	tcase_add_test(tc, test_corpus);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
