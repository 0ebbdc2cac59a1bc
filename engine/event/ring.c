/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoder of ring records: record bytes -> event view and what the kernel saw. Called by the live
 * source for each record, by tests and the fuzzer. Keeps nothing; the views point into the record.
 * Records come from our own kernel side, but are checked like any other input.
 */
#include "engine/event/event.h"
#include "engine/event/event_info.h"
#include "engine/event/ring.h"

static int decode_kernel(const uint8_t *p, uint32_t len, struct event_kernel *ret_k)
{
	struct ring_kernel k;

	if (len < sizeof(k))
		return -EBADMSG;
	memcpy(&k, p, sizeof(k));
	if ((uint32_t)k.path_len + k.tuple_len != len - sizeof(k))
		return -EBADMSG;
	*ret_k = (struct event_kernel){
		.have = k.have,
		.fd_ino = k.fd_ino,
		.fd_dev = k.fd_dev,
		.fd_mode = k.fd_mode,
		.fd_kind = k.fd_kind,
		.fd_l4 = k.fd_l4,
		.fd_role = k.fd_role,
	};
	p += sizeof(k);
	if (k.have & KERNEL_FD_PATH)
		ret_k->fd_path = (struct str){ (const char *)p, k.path_len };
	if (k.have & KERNEL_FD_TUPLE)
		ret_k->fd_tuple = (struct str){ (const char *)p + k.path_len, k.tuple_len };
	return 0;
}

int ring_decode(const void *rec, uint32_t len, uint64_t boot_ns, struct event *ret_ev,
		struct event_kernel *ret_kernel)
{
	const uint8_t *lens = (const uint8_t *)rec + sizeof(struct ring_head), *tail;
	struct event_kernel kernel;
	struct ring_head h;
	uint32_t room;
	int r;

	if (len < sizeof(h))
		return -EBADMSG;
	memcpy(&h, rec, sizeof(h));
	if (h.len != len || h.nparams > EVENT_PARAMS_MAX)
		return -EBADMSG;
	room = len - sizeof(h);
	if (room < 2u * h.nparams || h.data_len > room - 2u * h.nparams)
		return -EBADMSG;
	room -= 2u * h.nparams + h.data_len;
	tail = lens + 2u * h.nparams + h.data_len;
	if (h.flags & RING_HAS_KERNEL) {
		r = decode_kernel(tail, room, &kernel);
		if (r)
			return r;
	} else if (room) {
		return -EBADMSG;
	}
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
		*ret_kernel = kernel;
		ret_ev->kernel = ret_kernel;
	}
	return 0;
}
