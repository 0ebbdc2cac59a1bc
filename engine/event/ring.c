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

/* ---- records whose cgroups were shortened ---------------------------------------------------- */

struct part {
	const uint8_t *p;
	uint32_t n;
};

/* Where a whole record is made. */
struct whole {
	uint8_t *p;
	uint32_t len;
};

static bool add(struct whole *w, const void *p, uint32_t n)
{
	if (n > RING_RECORD_MAX - w->len)
		return false;
	memcpy(w->p + w->len, p, n);
	w->len += n;
	return true;
}

static struct part path_of(struct part entry)
{
	const uint8_t *equals = memchr(entry.p, '=', entry.n);
	uint32_t name = equals ? (uint32_t)(equals + 1 - entry.p) : entry.n;

	return (struct part){ entry.p + name, entry.n - name };
}

/* Entries end with NUL each; an empty path is the one before. */
static bool add_cgroups(struct whole *w, struct part text)
{
	struct part before = { text.p, 0 };

	while (text.n) {
		struct part entry = { text.p, (uint32_t)strnlen((const char *)text.p, text.n) };
		struct part path = path_of(entry);
		bool ends = entry.n < text.n;

		if (!add(w, entry.p, entry.n) || (!path.n && !add(w, before.p, before.n)) ||
		    (ends && !add(w, "", 1)))
			return false;
		if (path.n)
			before = path;
		text.p += entry.n + ends;
		text.n -= entry.n + ends;
	}
	return true;
}

_Static_assert((int)CLONE_20_X_cgroups == (int)EXECVE_19_X_cgroups &&
	       (int)CLONE_20_X_cgroups == (int)CLONE3_X_cgroups &&
	       (int)CLONE_20_X_cgroups == (int)FORK_20_X_cgroups &&
	       (int)CLONE_20_X_cgroups == (int)VFORK_20_X_cgroups &&
	       (int)CLONE_20_X_cgroups == (int)EXECVEAT_X_cgroups, "place of the cgroups");

int ring_expand(const void *rec, uint32_t len, void *out, uint32_t *ret_len)
{
	const uint8_t *lens = (const uint8_t *)rec + sizeof(struct ring_head), *data;
	struct whole w = { out, sizeof(struct ring_head) };
	uint32_t before = 0, cgroups, room, start;
	struct ring_head h;

	if (len < sizeof(h))
		return -EBADMSG;
	h = ((const struct packed_head *)rec)->h;
	room = len - sizeof(h);
	if (h.len != len || h.nparams <= CLONE_20_X_cgroups || room < 2u * h.nparams)
		return -EBADMSG;
	data = lens + 2u * h.nparams;
	room -= 2u * h.nparams;
	for (unsigned i = 0; i < CLONE_20_X_cgroups; i++)
		before += load_u16(lens + 2 * i);
	cgroups = load_u16(lens + 2 * CLONE_20_X_cgroups);
	if (before + cgroups > room || h.data_len > room || before + cgroups > h.data_len)
		return -EBADMSG;
	if (!add(&w, lens, 2u * h.nparams + before))
		return -EBADMSG;
	start = w.len;
	if (!add_cgroups(&w, (struct part){ data + before, cgroups }) ||
	    w.len - start > UINT16_MAX)
		return -EBADMSG;
	store_u16(w.p + sizeof(h) + 2 * CLONE_20_X_cgroups, (uint16_t)(w.len - start));
	h.data_len += w.len - start - cgroups;
	if (!add(&w, data + before + cgroups, room - before - cgroups))
		return -EBADMSG;
	h.len = w.len;
	h.flags &= (uint16_t)~RING_SHORT_CGROUPS;
	memcpy(w.p, &h, sizeof(h));
	*ret_len = w.len;
	return 0;
}
