/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streaming reader of .scap captures. Called by the agent (replay) and by tests. One buffer holds
 * the part of the stream that is being looked at; what is handed out are views into it. Lists are
 * read entry by entry and unknown blocks skipped piece by piece, so memory does not depend on
 * their length; only events must fit into the buffer, which grows up to a limit.
 */
#include "engine/event/event_decode.h"
#include "engine/event/event_info.h"
#include "engine/event/scap_reader.h"
#include "engine/event/scap_swap.h"

enum {
	V1_HEADER_BYTES = 22,
	EVENT_BLOCK_MIN = SCAP_BLOCK_HEAD + 6 + EVENT_HEADER_BYTES + SCAP_BLOCK_TAIL,
	LENS_SPARE = EVENT_AT_ONCE * 2,	/* may be read behind the last byte */
	NOT_PLAIN = 255,
};

/* Exits in their newest form with few parameters: most events by far. */
static unsigned plain_params(const struct event_info *info, const struct limits *limits)
{
	if (!info->is_exit || info->nparams > EVENT_AT_ONCE ||
	    info->nparams > limits->max[LIMIT_EVENT_PARAMS] ||
	    (info->flags & (EF_LARGE_PAYLOAD | EF_OLD_VERSION | EF_UNUSED)))
		return NOT_PLAIN;
	return info->nparams;
}

struct scap_reader *scap_reader_new(struct byte_source src, struct limits *limits,
				    struct diags *diags)
{
	struct scap_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	scap_input_init(&r->input, src);
	r->limits = limits;
	r->diags = diags;
	r->cap = SCAP_BUFFER_BYTES;
	r->buf = malloc(r->cap + LENS_SPARE);
	for (unsigned type = 0; type < EVENT_TYPE_COUNT; type++)
		r->plain_params[type] = (uint8_t)plain_params(&event_infos[type], limits);
	r->converter = converter_new(limits);
	r->clone_times = malloc(SCAP_CLONE_TIMES_MAX * sizeof(*r->clone_times));
	if (!r->buf || !r->converter || !r->clone_times) {
		scap_reader_free(r);
		return NULL;
	}
	return r;
}

void scap_reader_free(struct scap_reader *r)
{
	if (!r)
		return;
	scap_input_done(&r->input);
	converter_free(r->converter);
	free(r->clone_times);
	buf_done(&r->kernel_bytes);
	free(r->buf);
	free(r);
}

const struct scap_stats *scap_reader_stats(const struct scap_reader *r)
{
	return &r->stats;
}

bool scap_fill_more(struct scap_reader *r, size_t want)
{
	if (r->pos) {
		memmove(r->buf, r->buf + r->pos, scap_available(r));
		r->buf_offset += r->pos;
		r->end -= r->pos;
		r->pos = 0;
	}
	if (want > r->cap) {
		uint8_t *p = realloc(r->buf, want + LENS_SPARE);

		if (!p) {
			r->failed = -ENOMEM;
			return false;
		}
		r->buf = p;
		r->cap = want;
	}
	while (r->end < want) {
		size_t got = scap_input_read(&r->input, r->buf + r->end, r->cap - r->end);

		if (got == 0)
			return false;
		r->end += got;
		r->stats.bytes += got;
	}
	return true;
}

struct diag *scap_report(struct scap_reader *r, enum diag_code code, uint64_t at, const char *what)
{
	struct diag *g = diag_add(r->diags, code, "byte offset %llu: %s", (unsigned long long)at,
				  what);

	g->pos.offset = (uint32_t)MIN(at, (uint64_t)UINT32_MAX);
	return g;
}

int scap_fail(struct scap_reader *r, enum diag_code code, uint64_t at, const char *what)
{
	scap_report(r, code, at, what);
	return r->failed = -EBADMSG;
}

int scap_stopped(struct scap_reader *r, uint64_t at)
{
	const struct scap_input *in = &r->input;

	if (r->failed)
		return r->failed;
	switch (in->status) {
	case INPUT_FAILED:
		scap_report(r, DIAG_TRACE_ERR_READ, scap_offset(r) + scap_available(r),
			    strerror(-in->err));
		return r->failed = in->err;
	case INPUT_BAD:
		return scap_fail(r, DIAG_TRACE_ERR_FORMAT, scap_offset(r) + scap_available(r),
				 in->problem);
	case INPUT_CUT:
		if (!r->seen_section)
			return scap_fail(r, DIAG_TRACE_ERR_TRUNCATED, at,
					 "the compressed data ends early");
		scap_report(r, DIAG_TRACE_CUT, scap_offset(r) + scap_available(r),
		       "the compressed data ends early, the capture was not closed");
		r->ended = true;
		return SCAP_AGAIN;
	default:
		return scap_fail(r, DIAG_TRACE_ERR_TRUNCATED, at,
				 "the capture ends inside this block");
	}
}

/* No bytes where a block could start. */
static int at_end(struct scap_reader *r)
{
	if (r->input.status != INPUT_END)
		return scap_stopped(r, scap_offset(r));
	if (!r->seen_section)
		return scap_fail(r, DIAG_TRACE_ERR_FORMAT, 0, "the capture is empty");
	if (r->input.trailing)
		scap_report(r, DIAG_TRACE_SKIPPED, scap_offset(r),
			    "bytes after the compressed data ignored");
	r->ended = true;
	return SCAP_AGAIN;
}

static int read_section(struct scap_reader *r, struct snapshot_item *snap)
{
	uint64_t at = scap_offset(r);
	bool first = !r->seen_section;
	uint32_t magic, len;
	uint16_t major;

	if (!scap_fill(r, SCAP_BLOCK_HEAD + SCAP_SECTION_BODY))
		return scap_stopped(r, at);
	magic = load_u32(r->buf + r->pos + SCAP_BLOCK_HEAD);
	r->swap = magic == SCAP_MAGIC_SWAPPED;
	len = scap_u32(r, r->buf + r->pos + 4);
	if ((magic != SCAP_MAGIC && !r->swap) ||
	    len < SCAP_BLOCK_HEAD + SCAP_SECTION_BODY + SCAP_BLOCK_TAIL)
		return scap_fail(r, DIAG_TRACE_ERR_FORMAT, at, "not a section header");
	major = load_u16(r->buf + r->pos + SCAP_BLOCK_HEAD + 4);
	if ((r->swap ? __builtin_bswap16(major) : major) > 1)
		return scap_fail(r, DIAG_TRACE_ERR_FORMAT, at, "major version is newer than 1");
	r->seen_section = true;
	/* Options may follow the header; nothing in them matters. */
	if (scap_list_skip(r, len, NULL) < 0)
		return r->failed;
	r->lists_open = true;
	r->clone_count = r->clone_next = 0;
	r->kernel_pending = false;
	if (first)
		return SCAP_AGAIN;
	converter_reset(r->converter);
	snap->kind = SNAP_RESET;
	return SCAP_SNAPSHOT;
}

static int read_machine(struct scap_reader *r, uint32_t len, struct snapshot_item *snap)
{
	uint64_t at = scap_offset(r);
	struct cursor c;

	if (len > SCAP_BUFFER_BYTES)
		return scap_fail(r, DIAG_TRACE_ERR_FORMAT, at, "damaged machine information");
	if (!scap_fill(r, len))
		return scap_stopped(r, at);
	c.p = r->buf + r->pos + SCAP_BLOCK_HEAD;
	c.end = r->buf + r->pos + len - SCAP_BLOCK_TAIL;
	c.bad = false;
	c.swap = r->swap;
	if (scap_u32(r, c.end) != len || scap_get_machine(&c, &snap->machine) < 0)
		return scap_fail(r, DIAG_TRACE_ERR_FORMAT, at, "damaged machine information");
	r->pos += len;
	r->stats.blocks++;
	r->lists_open = true;
	snap->kind = SNAP_MACHINE;
	return SCAP_SNAPSHOT;
}

static int read_list_head(struct scap_reader *r, const struct block_type *t, uint32_t len)
{
	uint64_t at = scap_offset(r);

	scap_list_enter(r, t, len);
	if (t->kind == BLOCK_CLONE_TIMES)
		r->clone_count = r->clone_next = 0;
	if (t->kind != BLOCK_FDS)
		return SCAP_AGAIN;
	if (r->list_left < 8)
		return scap_fail(r, DIAG_TRACE_ERR_FORMAT, at, "damaged fd list");
	if (!scap_fill(r, 8))
		return scap_stopped(r, at);
	r->fd_tid = (int64_t)load_u64(r->buf + r->pos);
	if (r->swap)
		r->fd_tid = (int64_t)__builtin_bswap64((uint64_t)r->fd_tid);
	r->pos += 8;
	r->list_left -= 8;
	return SCAP_AGAIN;
}

/* Old events do not say how many parameters they have: the largest number that fits. */
static int view_v1(const uint8_t *raw, uint32_t len, struct event *ev)
{
	uint32_t size, sum = 0;
	unsigned type, n, found = 0;
	bool fits = false;
	const uint8_t *lens = raw + V1_HEADER_BYTES;

	if (len < V1_HEADER_BYTES)
		return -EBADMSG;
	size = load_u32(raw + 16);
	type = load_u16(raw + 20);
	if (type >= EVENT_TYPE_COUNT)
		return -ENOENT;
	/* Their writers counted three bytes too many. */
	if (type == EV_NOTIFICATION_E || type == EV_INFRASTRUCTURE_EVENT_E)
		size -= 3;
	if (size < V1_HEADER_BYTES || size > len)
		return -EBADMSG;
	size -= V1_HEADER_BYTES;
	for (n = 0;; n++) {
		if (2 * n + sum == size) {
			found = n;
			fits = true;
		}
		if (n == event_infos[type].nparams || 2 * (n + 1) > size)
			break;
		sum += load_u16(lens + 2 * n);
	}
	if (!fits)
		return -EBADMSG;
	ev->ts = load_u64(raw);
	ev->tid = (int64_t)load_u64(raw + 8);
	return event_view(ev, type, found, false, lens, lens + 2 * found, size - 2 * found);
}

/* Our own data for the event that follows: keep a copy, the buffer may move before that. */
static int keep_kernel(struct scap_reader *r, const uint8_t *raw, uint32_t len)
{
	buf_clear(&r->kernel_bytes);
	buf_add(&r->kernel_bytes, raw, len);
	if (r->kernel_bytes.err)
		return r->failed = r->kernel_bytes.err;
	if (scap_kernel_get((const uint8_t *)r->kernel_bytes.p, len, &r->kernel) < 0)
		return -EBADMSG;
	r->kernel_pending = true;
	return -ENOENT;
}

static enum limit_id event_limit(const struct block_type *t)
{
	return t->version == 3 ? LIMIT_EVENT_LARGE_BYTES : LIMIT_EVENT_BYTES;
}

/* Cpu and flags at `p`, the event behind them. */
static int swap_event(const struct block_type *t, uint8_t *p, uint32_t head, uint32_t len)
{
	/* Old forms are guessed from their sizes; nobody has such captures. */
	if (t->version == 1)
		return -EBADMSG;
	scap_swap(p, 2);
	if (head == 6)
		scap_swap(p + 2, 4);
	return scap_swap_event(p + head, len);
}

static int decode(struct scap_reader *r, const struct block_type *t, uint8_t *p, uint32_t head,
		  uint32_t len, struct event *ev)
{
	const uint8_t *raw = p + head;
	int err;

	if (unlikely(r->swap) && swap_event(t, p, head, len) < 0) {
		r->stats.events_raw++;
		return -EBADMSG;
	}
	if (unlikely(t->version > 1 && len >= EVENT_HEADER_BYTES &&
		     load_u16(raw + 20) == SCAP_KERNEL_TYPE))
		return keep_kernel(r, raw, len);
	r->stats.events_raw++;
	if (unlikely(t->version > 1 && len >= EVENT_HEADER_BYTES &&
		     limit_over(r->limits, LIMIT_EVENT_PARAMS, load_u32(raw + 22))))
		return -EBADMSG;
	err = unlikely(t->version == 1) ? view_v1(raw, len, ev) : event_decode(raw, len, ev);
	if (unlikely(err == -ENOENT))
		r->stats.unknown_events++;
	return err;
}

static int hand_out(struct scap_reader *r, struct event *ev)
{
	const uint8_t *lens = ev->lens;
	int res = CONVERT_PASS;

	if (unlikely(!convert_is_newest(ev)))
		res = convert_event(r->converter, ev);
	if (unlikely(res != CONVERT_PASS)) {
		if (res == -ENOMEM)
			return r->failed = res;
		if (res < 0)
			r->stats.corrupt_events++;
		else if (!ev->info->is_exit)
			r->stats.enters_swallowed++;
		return SCAP_AGAIN;
	}
	if (unlikely(ev->lens != lens)) {
		r->stats.converted++;
		r->stats.conversion_missing = converter_missing(r->converter);
	}
	ev->kernel = NULL;
	if (unlikely(r->kernel_pending && r->kernel.tid == ev->tid)) {
		r->kernel_pending = false;
		ev->flags |= r->kernel.flags;
		if (r->kernel.has_kernel)
			ev->kernel = &r->kernel.kernel;
	}
	ev->num = ++r->stats.events;
	return SCAP_EVENT;
}

/*
 * One more event of the kind that `r` is in the middle of, if it is a plain one: what is rare is
 * not looked at. SCAP_AGAIN: nothing was done, go the general way.
 */
static inline int next_plain(struct scap_reader *r, struct event *ev)
{
	const uint8_t *p = r->buf + r->pos, *raw;
	uint32_t left = (uint32_t)(r->end - r->pos), head = r->plain_head, len, size, lens, nparams;
	unsigned type;

	if (unlikely(left < EVENT_BLOCK_MIN || load_u32(p) != r->last_number))
		return SCAP_AGAIN;
	len = load_u32(p + 4);
	if (unlikely(len > left || len > r->plain_max || len < EVENT_BLOCK_MIN))
		return SCAP_AGAIN;
	raw = p + SCAP_BLOCK_HEAD + head;
	size = load_u32(raw + EVENT_HEADER_LEN);
	type = load_u16(raw + EVENT_HEADER_TYPE);
	nparams = load_u32(raw + EVENT_HEADER_NPARAMS);
	if (unlikely(type >= EVENT_TYPE_COUNT || nparams != r->plain_params[type]))
		return SCAP_AGAIN;
	lens = 2 * nparams;
	if (unlikely(size > len - SCAP_BLOCK_HEAD - SCAP_BLOCK_TAIL - head ||
		     size < EVENT_HEADER_BYTES + lens))
		return SCAP_AGAIN;
	event_sum_lengths(raw + EVENT_HEADER_BYTES, ev->off + 1);
	ev->off[0] = 0;
	ev->data_len = size - EVENT_HEADER_BYTES - lens;
	if (unlikely(ev->off[nparams] > ev->data_len))
		return SCAP_AGAIN;
	ev->next_tid = 0;
	if (likely(left - len >= EVENT_BLOCK_MIN))
		ev->next_tid = (int64_t)load_u64(raw + len + EVENT_HEADER_TID);
	ev->ts = load_u64(raw + EVENT_HEADER_TS);
	ev->tid = (int64_t)load_u64(raw + EVENT_HEADER_TID);
	ev->type = (uint16_t)type;
	ev->nparams = (uint16_t)nparams;
	ev->cpu = load_u16(raw - head);
	ev->flags = head == 6 && load_u32(raw - 4) & 1 ? EVENT_STATE_ONLY : 0;
	ev->wide = 0;
	ev->info = &event_infos[type];
	ev->lens = raw + EVENT_HEADER_BYTES;
	ev->data = raw + EVENT_HEADER_BYTES + lens;
	ev->raw = raw;
	ev->raw_len = size;
	ev->kernel = NULL;
	ev->num = ++r->stats.events;
	r->stats.events_raw++;
	r->stats.blocks++;
	r->pos += len;
	return SCAP_EVENT;
}

static uint32_t event_head(const struct block_type *t)
{
	return t->kind == BLOCK_EVENT_FLAGS ? 6 : 2;
}

static int read_event(struct scap_reader *r, const struct block_type *t, uint32_t len,
		      struct event *ev)
{
	uint32_t head = event_head(t), body = len - 12;
	uint64_t at = scap_offset(r);
	uint8_t *p;
	int err;

	if (unlikely(limit_over(r->limits, event_limit(t), body)))
		return scap_list_skip(r, len, "event is too long, skipped");
	if (unlikely(scap_available(r) < len) && !scap_fill(r, len))
		return scap_stopped(r, at);
	p = r->buf + r->pos + SCAP_BLOCK_HEAD;
	err = body < head ? -EBADMSG : decode(r, t, p, head, body - head, ev);
	if (unlikely(err < 0)) {
		if (r->failed)
			return r->failed;
		if (scap_u32(r, p + body) != len)
			return scap_fail(r, DIAG_TRACE_ERR_FORMAT, at, "damaged event");
		if (err == -EBADMSG) {
			r->stats.corrupt_events++;
			scap_report(r, DIAG_TRACE_ERR_EVENT, at, "damaged event skipped");
		}
	}
	r->pos += len;
	r->stats.blocks++;
	if (unlikely(err < 0))
		return SCAP_AGAIN;
	ev->cpu = load_u16(p);
	ev->flags = head == 6 && load_u32(p + 2) & 1 ? EVENT_STATE_ONLY : 0;
	return hand_out(r, ev);
}

static int lists_done(struct scap_reader *r, struct snapshot_item *snap)
{
	r->lists_open = false;
	snap->kind = SNAP_DONE;
	return SCAP_SNAPSHOT;
}

/* Are the next blocks likely to be plain events? */
static void look_ahead(struct scap_reader *r, int res)
{
	const struct block_type *t = r->last_type;

	if (res != SCAP_EVENT || r->list || r->lists_open || r->failed || r->kernel_pending ||
	    t->kind < BLOCK_EVENT || t->version == 1 || r->swap)
		return;
	r->plain_max = (uint32_t)MIN(r->limits->max[event_limit(t)], 1u << 30);
	r->plain_head = event_head(t);
}

static const struct block_type *block_type(struct scap_reader *r, uint32_t number)
{
	if (unlikely(number != r->last_number || !r->last_type)) {
		r->last_number = number;
		r->last_type = scap_block_type(number);
	}
	return r->last_type;
}

static int next_block(struct scap_reader *r, struct snapshot_item *snap, struct event *ev)
{
	const struct block_type *t;
	uint32_t len;

	if (unlikely(scap_available(r) < SCAP_BLOCK_HEAD) && !scap_fill(r, SCAP_BLOCK_HEAD))
		return scap_available(r) ? scap_stopped(r, scap_offset(r)) : at_end(r);
	t = block_type(r, scap_u32(r, r->buf + r->pos));
	len = scap_u32(r, r->buf + r->pos + 4);
	if (unlikely(!r->seen_section && t->kind != BLOCK_SECTION))
		return scap_fail(r, DIAG_TRACE_ERR_FORMAT, scap_offset(r), "not a .scap capture");
	if (t->kind == BLOCK_SECTION)
		return read_section(r, snap);
	if (unlikely(len < SCAP_BLOCK_HEAD + SCAP_BLOCK_TAIL))
		return scap_fail(r, DIAG_TRACE_ERR_FORMAT, scap_offset(r),
				 "impossible length of a block");
	if (t->kind >= BLOCK_EVENT)
		return unlikely(r->lists_open) ? lists_done(r, snap) : read_event(r, t, len, ev);
	if (t->kind == BLOCK_MACHINE)
		return read_machine(r, len, snap);
	if (t->kind != BLOCK_UNKNOWN)
		return read_list_head(r, t, len);
	r->stats.unknown_blocks++;
	return scap_list_skip(r, len, NULL);
}

static _noinline_ int next_general(struct scap_reader *r, struct snapshot_item *ret_snap,
				   struct event *ret_ev)
{
	int res = SCAP_AGAIN;

	r->plain_max = 0;
	while (res == SCAP_AGAIN) {
		if (unlikely(r->failed))
			return r->failed;
		if (unlikely(r->ended))
			return r->lists_open ? lists_done(r, ret_snap) : SCAP_END;
		res = unlikely(r->list != NULL) ? scap_list_next(r, ret_snap)
						: next_block(r, ret_snap, ret_ev);
	}
	look_ahead(r, res);
	return res;
}

int scap_reader_next(struct scap_reader *r, struct snapshot_item *ret_snap, struct event *ret_ev)
{
	if (likely(next_plain(r, ret_ev) == SCAP_EVENT))
		return SCAP_EVENT;
	return next_general(r, ret_snap, ret_ev);
}
