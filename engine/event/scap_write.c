/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writer of .scap captures in their newest form, plain or gzip. Called by the agent (record), by
 * the trace generator and by tests. Blocks are collected in one buffer and go to the sink, or
 * through zlib, when it is full. Lists are cut into blocks of bounded size, so memory does not
 * depend on the number of processes.
 */
#include <zlib.h>

#include "engine/event/event_info.h"
#include "engine/event/scap.h"
#include "engine/event/scap_block.h"
#include "engine/event/scap_kernel.h"

enum {
	OUT_BYTES = 128 * 1024,		/* collected before the sink is called */
	LIST_BYTES = 60 * 1024,		/* of one list block */
	ORDINARY_EVENT_BYTES = 65536,	/* what readers accept outside of large blocks */
};

struct scap_writer {
	struct byte_sink sink;
	bool gzip;
	z_stream z;
	struct buf out;			/* whole blocks, not compressed */
	struct buf list;		/* entries of the open list block */
	struct buf clone_times;		/* that go before it */
	struct buf kernel;
	enum block_kind list_kind;	/* BLOCK_UNKNOWN: none open */
	int64_t list_tid;		/* of an fd list */
	uint64_t bytes;
	int err;
	uint8_t packed[64 * 1024];
};

static void block_put(struct buf *b, uint32_t number, const void *body, size_t len)
{
	static const uint8_t zeros[4];
	size_t padded = align_up(len, 4);
	uint32_t total = (uint32_t)(SCAP_BLOCK_HEAD + padded + SCAP_BLOCK_TAIL);

	buf_add(b, &number, 4);
	buf_add(b, &total, 4);
	buf_add(b, body, len);
	buf_add(b, zeros, padded - len);
	buf_add(b, &total, 4);
}

static void section_put(struct buf *b)
{
	uint8_t body[SCAP_SECTION_BODY];

	store_u32(body, SCAP_MAGIC);
	store_u16(body + 4, 1);		/* version 1.2 */
	store_u16(body + 6, 2);
	store_u64(body + 8, UINT64_MAX);
	block_put(b, SCAP_BLOCK_SECTION, body, sizeof(body));
}

struct scap_writer *scap_writer_new(struct byte_sink sink, const struct scap_writer_opts *opts)
{
	struct scap_writer *w = malloc(sizeof(*w));

	if (!w)
		return NULL;
	memset(w, 0, offsetof(struct scap_writer, packed));
	w->sink = sink;
	w->gzip = opts && opts->gzip;
	if (w->gzip && deflateInit2(&w->z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
				    Z_DEFAULT_STRATEGY) != Z_OK) {
		free(w);
		return NULL;
	}
	section_put(&w->out);
	return w;
}

static void sink_write(struct scap_writer *w, const void *p, size_t n)
{
	if (n == 0 || w->err)
		return;
	w->err = w->sink.write(w->sink.ctx, p, n);
	if (!w->err)
		w->bytes += n;
}

/* Hand everything collected to the sink; `mode` is that of deflate(). */
static int push(struct scap_writer *w, int mode)
{
	int r = Z_OK;

	if (!w->err)
		w->err = w->out.err;
	if (!w->gzip) {
		sink_write(w, w->out.p, w->out.len);
		buf_clear(&w->out);
		return w->err;
	}
	w->z.next_in = (Bytef *)w->out.p;
	w->z.avail_in = (uInt)w->out.len;
	do {
		w->z.next_out = w->packed;
		w->z.avail_out = sizeof(w->packed);
		r = deflate(&w->z, mode);
		sink_write(w, w->packed, sizeof(w->packed) - w->z.avail_out);
	} while (!w->err && r != Z_STREAM_ERROR && w->z.avail_out == 0);
	buf_clear(&w->out);
	return w->err;
}

static void close_list(struct scap_writer *w)
{
	if (w->list_kind == BLOCK_UNKNOWN)
		return;
	if (w->clone_times.len)
		block_put(&w->out, scap_block_number(BLOCK_CLONE_TIMES, 0), w->clone_times.p,
			  w->clone_times.len);
	block_put(&w->out, scap_block_number(w->list_kind, 0), w->list.p, w->list.len);
	if (w->list.err || w->clone_times.err)
		w->err = -ENOMEM;
	buf_clear(&w->list);
	buf_clear(&w->clone_times);
	w->list_kind = BLOCK_UNKNOWN;
}

static void open_list(struct scap_writer *w, enum block_kind kind, int64_t tid)
{
	if (w->list_kind == kind && w->list.len < LIST_BYTES && w->list_tid == tid)
		return;
	close_list(w);
	w->list_kind = kind;
	w->list_tid = tid;
	if (kind == BLOCK_FDS)
		buf_add(&w->list, &tid, 8);
}

static void put_clone_time(struct scap_writer *w, const struct proc_record *p)
{
	if (!p->clone_ts)
		return;
	buf_add(&w->clone_times, &p->tid, 8);
	buf_add(&w->clone_times, &p->clone_ts, 8);
}

static void put_machine(struct scap_writer *w, const struct machine_record *m)
{
	struct buf body = BUF_INIT;

	scap_put_machine(&body, m);
	block_put(&w->out, scap_block_number(BLOCK_MACHINE, 0), body.p, body.len);
	if (body.err)
		w->err = body.err;
	buf_done(&body);
}

int scap_writer_snapshot(struct scap_writer *w, const struct snapshot_item *item)
{
	if (w->err)
		return w->err;
	switch (item->kind) {
	case SNAP_RESET:
		close_list(w);
		section_put(&w->out);
		break;
	case SNAP_MACHINE:
		close_list(w);
		put_machine(w, &item->machine);
		break;
	case SNAP_PROC:
		open_list(w, BLOCK_PROCS, 0);
		put_clone_time(w, &item->proc);
		scap_put_proc(&w->list, &item->proc);
		break;
	case SNAP_FD:
		/* Nothing is known about these. */
		if (item->fd.kind == FD_UNKNOWN || item->fd.kind > FD_PIDFD)
			break;
		open_list(w, BLOCK_FDS, item->fd.tid);
		scap_put_fd(&w->list, &item->fd);
		break;
	case SNAP_IFACE:
		open_list(w, BLOCK_IFACES, 0);
		scap_put_iface(&w->list, &item->iface);
		break;
	case SNAP_USER:
		open_list(w, BLOCK_USERS, 0);
		scap_put_user(&w->list, &item->user);
		break;
	case SNAP_DONE:
		close_list(w);
		break;
	}
	if (!w->err && w->out.len >= OUT_BYTES)
		push(w, Z_NO_FLUSH);
	return w->err;
}

/* Bytes of the event when it is written anew, 0 when a parameter is too long. */
static size_t event_bytes(const struct event *ev, bool wide)
{
	size_t lens = (size_t)ev->nparams * (wide ? 4 : 2);

	for (unsigned i = 0; !wide && i < ev->nparams; i++)
		if (event_param_len(ev, i) > UINT16_MAX)
			return 0;
	return EVENT_HEADER_BYTES + lens + ev->off[ev->nparams];
}

static void put_event_bytes(struct buf *b, const struct event *ev, bool wide, size_t len)
{
	uint8_t head[EVENT_HEADER_BYTES + 4 * EVENT_PARAMS_MAX], *p = head + EVENT_HEADER_BYTES;

	store_u64(head, ev->ts);
	store_u64(head + 8, (uint64_t)ev->tid);
	store_u32(head + 16, (uint32_t)len);
	store_u16(head + 20, ev->type);
	store_u32(head + 22, ev->nparams);
	for (unsigned i = 0; i < ev->nparams; i++, p += wide ? 4 : 2) {
		if (wide)
			store_u32(p, event_param_len(ev, i));
		else
			store_u16(p, (uint16_t)event_param_len(ev, i));
	}
	buf_add(b, head, (size_t)(p - head));
	if (ev->off[ev->nparams])
		buf_add(b, ev->data, ev->off[ev->nparams]);
}

/* Block around an event of `len` bytes, up to where its bytes belong. */
static void event_block_start(struct buf *b, const struct event *ev, bool wide, size_t len)
{
	uint32_t state_only = ev->flags & EVENT_STATE_ONLY ? 1 : 0;
	enum block_kind kind = state_only ? BLOCK_EVENT_FLAGS : BLOCK_EVENT;
	uint32_t number = scap_block_number(kind, wide ? 3 : 2);
	size_t body = (state_only ? 6 : 2) + len;
	uint32_t total = (uint32_t)(SCAP_BLOCK_HEAD + align_up(body, 4) + SCAP_BLOCK_TAIL);

	buf_add(b, &number, 4);
	buf_add(b, &total, 4);
	buf_add(b, &ev->cpu, 2);
	if (state_only)
		buf_add(b, &state_only, 4);
}

static void event_block_end(struct buf *b, size_t start)
{
	static const uint8_t zeros[4];
	size_t len = b->len - start;
	uint32_t total;

	buf_add(b, zeros, align_up(len, 4) - len);
	total = (uint32_t)(align_up(len, 4) + SCAP_BLOCK_TAIL);
	buf_add(b, &total, 4);
}

static void put_kernel(struct scap_writer *w, const struct event *ev)
{
	buf_clear(&w->kernel);
	buf_add(&w->kernel, &ev->cpu, 2);
	scap_kernel_put(&w->kernel, ev);
	block_put(&w->out, scap_block_number(BLOCK_EVENT, 2), w->kernel.p, w->kernel.len);
	if (w->kernel.err)
		w->err = w->kernel.err;
}

int scap_writer_event(struct scap_writer *w, struct event *ev)
{
	bool wide = ev->info->flags & EF_LARGE_PAYLOAD;
	size_t len = event_bytes(ev, wide), start;

	if (w->err)
		return w->err;
	if (len == 0 || len > (wide ? (size_t)INT32_MAX : (size_t)ORDINARY_EVENT_BYTES - 6))
		return -EMSGSIZE;
	close_list(w);
	if (scap_kernel_needed(ev))
		put_kernel(w, ev);
	start = w->out.len;
	event_block_start(&w->out, ev, wide, len);
	put_event_bytes(&w->out, ev, wide, len);
	event_block_end(&w->out, start);
	if (w->out.len >= OUT_BYTES)
		push(w, Z_NO_FLUSH);
	return w->err;
}

int scap_writer_flush(struct scap_writer *w)
{
	if (w->err)
		return w->err;
	close_list(w);
	return push(w, Z_FULL_FLUSH);
}

uint64_t scap_writer_bytes(const struct scap_writer *w)
{
	return w->bytes;
}

int scap_writer_free(struct scap_writer *w)
{
	int err;

	if (!w)
		return 0;
	if (!w->err) {
		close_list(w);
		push(w, Z_FINISH);
	}
	err = w->err;
	if (w->gzip)
		deflateEnd(&w->z);
	buf_done(&w->out);
	buf_done(&w->list);
	buf_done(&w->clone_times);
	buf_done(&w->kernel);
	free(w);
	return err;
}
