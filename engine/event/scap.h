/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .scap captures: reader and writer. Called by the agent (replay, record) and by tests. Streaming:
 * memory does not depend on the length of the trace. Bytes come from and go to callbacks, so the
 * engine opens no files; gzip is recognised and undone here (scap_input.c).
 *
 * Extensions. What .scap cannot hold is written so that other readers skip it:
 *
 * - Block 0x7c1e0001, directly before a process list: u64 tid, u64 clone time (ns since the epoch)
 *   for those entries of that list, in its order, whose clone time is known.
 * - Event type 0xf001 in an ordinary event block (0x216), before the event that it belongs to: the
 *   next one with the same tid that is handed out. ts, tid, cpu of that event; its parameters are
 *   scap_kernel.c KERNEL_PARAMS: view flags (EVENT_TRUNCATED, EVENT_COMPAT32), then the members of
 *   struct event_kernel: have, fd_path, fd_tuple, fd_ino, fd_dev, fd_mode, fd_kind, fd_l4, fd_role,
 *   lost_before. Length 0 is zero or nothing; only the flags when nothing was read from the
 *   kernel; later versions may append parameters.
 */
#ifndef TIERCEL_SCAP_H
#define TIERCEL_SCAP_H

#include "engine/base/diag.h"
#include "engine/base/limits.h"
#include "engine/event/event.h"
#include "engine/event/snapshot.h"

/* How bytes of a capture end. */
enum scap_input_status {
	INPUT_MORE,
	INPUT_END,
	INPUT_CUT,	/* gzip ends inside a member: the writer was stopped */
	INPUT_BAD,	/* not valid gzip from here on */
	INPUT_FAILED,	/* the source failed */
};

struct byte_source_end {
	enum scap_input_status status;	/* INPUT_END, _CUT or _BAD */
	const char *problem;		/* with INPUT_BAD; as long-lived as the source */
	bool trailing;			/* bytes after the last gzip member were ignored */
};

/* Bytes read (0 = end) or -errno. May return fewer than n. */
struct byte_source {
	long (*read)(void *ctx, void *buf, size_t n);
	void *ctx;
	/* Set: the source undoes gzip itself; how that ended, asked after read() gave 0. */
	void (*ended)(void *ctx, struct byte_source_end *ret_end);
};

/* 0 or -errno; all n bytes are taken. */
struct byte_sink {
	int (*write)(void *ctx, const void *buf, size_t n);
	void *ctx;
};

struct scap_stats {
	uint64_t bytes;			/* of the uncompressed stream */
	uint64_t blocks;
	uint64_t events_raw;		/* event records read */
	uint64_t events;		/* handed out (after conversion) */
	uint64_t enters_swallowed;	/* enter events folded into their exit */
	uint64_t unknown_blocks, unknown_events, corrupt_events;
	uint64_t converted;
	uint64_t conversion_missing;	/* no rule: padded or cut */
};

/* What next() found. */
enum scap_item { SCAP_END, SCAP_SNAPSHOT, SCAP_EVENT };

struct scap_reader;

/* `limits` and `diags` outlive the reader. NULL: out of memory. */
struct scap_reader *scap_reader_new(struct byte_source src, struct limits *limits,
				    struct diags *diags);
void scap_reader_free(struct scap_reader *r);
/*
 * The next thing of the stream: a metadata record in *ret_snap or an event in *ret_ev (converted to
 * the newest form, numbered). Views stay valid until the next call. Returns enum scap_item, or
 * -EBADMSG when the stream is damaged: a TRACE_ERR_* diagnostic names the byte offset, everything
 * before it has been handed out, further calls return the same error.
 */
int scap_reader_next(struct scap_reader *r, struct snapshot_item *ret_snap, struct event *ret_ev);
const struct scap_stats *scap_reader_stats(const struct scap_reader *r);

struct scap_writer;

struct scap_writer_opts {
	bool gzip;
};

struct scap_writer *scap_writer_new(struct byte_sink sink, const struct scap_writer_opts *opts);
/*
 * Order: MACHINE, IFACE*, USER*, PROC*, FD* (grouped by tid), DONE, then events. RESET starts a new
 * section. 0 or -errno; the error of the sink stays.
 */
int scap_writer_snapshot(struct scap_writer *w, const struct snapshot_item *item);
/* -EMSGSIZE: the event does not fit into this format, nothing was written. */
int scap_writer_event(struct scap_writer *w, struct event *ev);
/* Everything written so far can be read back even if nothing follows. */
int scap_writer_flush(struct scap_writer *w);
uint64_t scap_writer_bytes(const struct scap_writer *w);	/* given to the sink */
int scap_writer_free(struct scap_writer *w);	/* writes the end; 0 or -errno */

#endif
