/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoder of ring records: record bytes -> event view and what the kernel saw. Called by the live
 * source for each record, by tests and the fuzzer. Keeps nothing; the views point into the record.
 * Records come from our own kernel side, but are checked like any other input.
 */
#include "engine/event/event.h"
#include "engine/event/event_info.h"
#include "engine/event/ring.h"

/* In records nothing is aligned; member by member, so that nothing is copied that is read once. */
struct packed_head {
	struct ring_head h;
} __attribute__((packed, aligned(1), may_alias));

struct packed_kernel {
	struct ring_kernel k;
} __attribute__((packed, aligned(1), may_alias));

static bool kernel_is_whole(const uint8_t *p, uint32_t len)
{
	const struct packed_kernel *r = (const void *)p;

	return len >= sizeof(r->k) &&
	       (uint32_t)r->k.path_len + r->k.tuple_len == len - sizeof(r->k);
}

/* Of a section that is whole. */
static inline void decode_kernel(const uint8_t *p, struct event_kernel *ret_k)
{
	const struct packed_kernel *r = (const void *)p;
	const char *texts = (const char *)p + sizeof(r->k);
	uint32_t have = r->k.have;

	ret_k->have = have;
	ret_k->fd_path = have & KERNEL_FD_PATH ? (struct str){ texts, r->k.path_len } : STR_NONE;
	ret_k->fd_tuple = have & KERNEL_FD_TUPLE ?
			  (struct str){ texts + r->k.path_len, r->k.tuple_len } : STR_NONE;
	ret_k->fd_ino = r->k.fd_ino;
	ret_k->fd_dev = r->k.fd_dev;
	ret_k->fd_mode = r->k.fd_mode;
	ret_k->fd_kind = r->k.fd_kind;
	ret_k->fd_l4 = r->k.fd_l4;
	ret_k->fd_role = r->k.fd_role;
	ret_k->lost_before = 0;
}

int ring_decode(const void *rec, uint32_t len, uint64_t boot_ns, struct event *ret_ev,
		struct event_kernel *ret_kernel)
{
	const uint8_t *lens = (const uint8_t *)rec + sizeof(struct ring_head), *tail;
	struct ring_head h;
	uint32_t room;
	int r;

	if (len < sizeof(h))
		return -EBADMSG;
	h = ((const struct packed_head *)rec)->h;
	if (h.len != len || h.nparams > EVENT_PARAMS_MAX)
		return -EBADMSG;
	room = len - sizeof(h);
	if (room < 2u * h.nparams || h.data_len > room - 2u * h.nparams)
		return -EBADMSG;
	room -= 2u * h.nparams + h.data_len;
	tail = lens + 2u * h.nparams + h.data_len;
	if (h.flags & RING_HAS_KERNEL ? !kernel_is_whole(tail, room) : room != 0)
		return -EBADMSG;
	r = event_view(ret_ev, h.type, h.nparams, false, lens, lens + 2u * h.nparams, h.data_len);
	if (r)
		return r;
	ret_ev->ts = h.ts + boot_ns;
	ret_ev->tid = h.tid;
	ret_ev->cpu = h.cpu;
	ret_ev->flags = EVENT_LIVE | (h.flags & RING_TRUNCATED ? EVENT_TRUNCATED : 0) |
			(h.flags & RING_COMPAT32 ? EVENT_COMPAT32 : 0);
	ret_ev->kernel = NULL;
	if (h.flags & RING_HAS_KERNEL) {
		decode_kernel(tail, ret_kernel);
		ret_ev->kernel = ret_kernel;
	}
	return 0;
}
