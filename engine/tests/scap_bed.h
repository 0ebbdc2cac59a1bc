/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For tests of captures: a run over one with all it gave, and a made one with everything in it.
 */
#ifndef TIERCEL_SCAP_BED_H
#define TIERCEL_SCAP_BED_H

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

static inline void run_done(struct run *run)
{
	buf_done(&run->copy);
}

static inline struct run run_over(struct str bytes, size_t chunk, bool copy, bool gzip)
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

static inline struct run simple_run(struct str bytes)
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

static inline void put(struct scap_writer *w, struct snapshot_item item)
{
	ck_assert_int_eq(scap_writer_snapshot(w, &item), 0);
}

static inline void put_lists(struct scap_writer *w)
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

static inline void put_event(struct scap_writer *w, unsigned type, unsigned n,
			     const struct str *params, unsigned flags,
			     const struct event_kernel *kernel)
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

static inline void put_events(struct scap_writer *w)
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

static inline struct buf make_trace(bool gzip, unsigned sections)
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

#endif
