/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of the start state in a capture, entry by entry, and blocks that are skipped piece by
 * piece: memory does not depend on their length. Called by scap.c.
 */
#include "engine/event/scap_reader.h"

enum {
	ENTRY_BYTES = 640 * 1024,	/* list entry: at most eight texts of 64 KiB and numbers */
};

static int leave_list(struct scap_reader *r)
{
	const uint8_t *tail;

	if (!scap_fill(r, SCAP_BLOCK_TAIL))
		return scap_stopped(r, r->list_offset);
	tail = r->buf + r->pos;
	if (scap_u32(r, tail) != r->list_len)
		return scap_fail(r, DIAG_TRACE_ERR_FORMAT, r->list_offset,
			    "the lengths at both ends of this block differ");
	r->pos += SCAP_BLOCK_TAIL;
	r->list = NULL;
	return SCAP_AGAIN;
}

static int skip_rest(struct scap_reader *r)
{
	while (r->list_left) {
		size_t n = MIN(r->list_left, (uint64_t)SCAP_BUFFER_BYTES / 2);

		/* Take what is there, a damaged length must not cost more than the file has. */
		if (!scap_fill(r, n))
			return scap_stopped(r, r->list_offset);
		r->pos += n;
		r->list_left -= n;
	}
	return leave_list(r);
}

static void take_clone_time(struct scap_reader *r, struct proc_record *p)
{
	if (r->clone_next < r->clone_count && r->clone_times[r->clone_next].tid == p->tid)
		p->clone_ts = r->clone_times[r->clone_next++].ts;
}

static int get_clone_time(struct scap_reader *r, struct cursor *c)
{
	struct clone_time t = { .tid = (int64_t)cursor_u64(c) };

	t.ts = cursor_u64(c);
	if (!c->bad && r->clone_count < SCAP_CLONE_TIMES_MAX)
		r->clone_times[r->clone_count++] = t;
	return c->bad ? -EBADMSG : SCAP_AGAIN;
}

/*
 * One entry of the list at the cursor: SCAP_SNAPSHOT, SCAP_AGAIN (nothing to hand out) or -errno.
 */
static int get_entry(struct scap_reader *r, struct cursor *c, struct snapshot_item *snap)
{
	unsigned version = r->list->version;
	int err;

	switch (r->list->kind) {
	case BLOCK_PROCS:
		snap->kind = SNAP_PROC;
		err = scap_get_proc(c, version, &snap->proc);
		if (err == 0)
			take_clone_time(r, &snap->proc);
		break;
	case BLOCK_FDS:
		snap->kind = SNAP_FD;
		err = scap_get_fd(c, version, r->fd_name, &snap->fd);
		snap->fd.tid = r->fd_tid;
		break;
	case BLOCK_IFACES:
		snap->kind = SNAP_IFACE;
		err = scap_get_iface(c, version, &snap->iface);
		break;
	case BLOCK_USERS:
		snap->kind = SNAP_USER;
		err = scap_get_user(c, version, &snap->user);
		break;
	default:
		return get_clone_time(r, c);
	}
	if (err == 0 && snap->kind == SNAP_FD && snap->fd.kind == FD_UNKNOWN)
		return SCAP_AGAIN;
	return err < 0 ? err : SCAP_SNAPSHOT;
}

static int next_entry(struct scap_reader *r, struct snapshot_item *snap)
{
	size_t want = MIN(r->list_left, (uint64_t)ENTRY_BYTES);
	bool whole = scap_fill(r, want);
	uint64_t at = scap_offset(r);
	struct cursor c = { r->buf + r->pos, r->buf + r->pos + MIN(want, scap_available(r)), false,
			    r->swap };
	int got;

	if (r->failed)
		return r->failed;
	got = get_entry(r, &c, snap);
	if (got < 0)
		return whole ? scap_fail(r, DIAG_TRACE_ERR_FORMAT, at, "damaged entry of a list")
			     : scap_stopped(r, r->list_offset);
	r->list_left -= (size_t)(c.p - (r->buf + r->pos));
	r->pos = (size_t)(c.p - r->buf);
	if (got == SCAP_SNAPSHOT)
		r->lists_open = true;
	return got;
}

int scap_list_next(struct scap_reader *r, struct snapshot_item *snap)
{
	/* The rest is padding. */
	if (r->list->kind == BLOCK_UNKNOWN || r->list_left < 4)
		return skip_rest(r);
	return next_entry(r, snap);
}

void scap_list_enter(struct scap_reader *r, const struct block_type *t, uint32_t len)
{
	r->list = t;
	r->list_offset = scap_offset(r);
	r->list_len = len;
	r->list_left = len - SCAP_BLOCK_HEAD - SCAP_BLOCK_TAIL;
	r->pos += SCAP_BLOCK_HEAD;
	r->stats.blocks++;
}

int scap_list_skip(struct scap_reader *r, uint32_t len, const char *why)
{
	static const struct block_type unknown = { 0, BLOCK_UNKNOWN, 0 };

	if (why)
		scap_report(r, DIAG_TRACE_SKIPPED, scap_offset(r), why);
	scap_list_enter(r, &unknown, len);
	return skip_rest(r);
}
