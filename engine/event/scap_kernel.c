/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes and reads the extension event of scap.h. Called by the trace writer and reader for events
 * that carry kernel-read data; owns no memory.
 */
#include "engine/event/scap_kernel.h"

/* Wire order. Later versions may append. A value of 0 or no text is stored with length 0. */
#define KERNEL_PARAMS(INT, TEXT)                                                          \
	INT(have, 32) TEXT(fd_path) TEXT(fd_tuple) INT(fd_ino, 64) INT(fd_dev, 32)        \
	INT(fd_mode, 32) INT(fd_kind, 8) INT(fd_l4, 8) INT(fd_role, 8) INT(lost_before, 64)

enum kernel_param {
	KP_view_flags,
#define INT(name, bits) KP_##name,
#define TEXT(name) KP_##name,
	KERNEL_PARAMS(INT, TEXT)
#undef INT
#undef TEXT
	KP_COUNT
};

static void put_int(struct buf *b, uint64_t v, unsigned bytes)
{
	if (v)
		buf_add(b, &v, bytes);
}

static void put_text(struct buf *b, struct str s)
{
	if (s.len)
		buf_add(b, s.p, MIN(s.len, (uint32_t)UINT16_MAX));
}

void scap_kernel_put(struct buf *b, const struct event *ev)
{
	const struct event_kernel *k = ev->kernel;
	unsigned nparams = k ? KP_COUNT : KP_view_flags + 1, i = 0;
	uint8_t head[EVENT_HEADER_BYTES + 2 * KP_COUNT] = { 0 };
	size_t start = b->len, before;

	buf_add(b, head, EVENT_HEADER_BYTES + 2 * nparams);
#define MEASURED(put)                                                                     \
	do {                                                                              \
		before = b->len;                                                          \
		put;                                                                      \
		store_u16(head + EVENT_HEADER_BYTES + 2 * i++, (uint16_t)(b->len - before)); \
	} while (0)
	MEASURED(put_int(b, ev->flags & SCAP_KERNEL_FLAGS, 1));
	if (k) {
#define INT(name, bits) MEASURED(put_int(b, k->name, (bits) / 8));
#define TEXT(name) MEASURED(put_text(b, k->name));
		KERNEL_PARAMS(INT, TEXT)
#undef INT
#undef TEXT
	}
#undef MEASURED
	store_u64(head, ev->ts);
	store_u64(head + 8, (uint64_t)ev->tid);
	store_u32(head + 16, (uint32_t)(b->len - start));
	store_u16(head + 20, SCAP_KERNEL_TYPE);
	store_u32(head + 22, nparams);
	if (!b->err)
		memcpy(b->p + start, head, EVENT_HEADER_BYTES + 2 * nparams);
}

static uint64_t get_int(struct str p, unsigned bytes)
{
	uint64_t v = 0;

	memcpy(&v, p.p, MIN(p.len, bytes));
	return v;
}

int scap_kernel_get(const uint8_t *raw, uint32_t len, struct scap_kernel *ret_k)
{
	struct str p[KP_COUNT] = { { NULL, 0 } };
	struct scap_kernel k = { .tid = (int64_t)load_u64(raw + 8) };
	uint32_t nparams = load_u32(raw + 22), pos;

	if (nparams > EVENT_PARAMS_MAX || EVENT_HEADER_BYTES + 2 * nparams > len)
		return -EBADMSG;
	pos = EVENT_HEADER_BYTES + 2 * nparams;
	for (unsigned i = 0; i < nparams; i++) {
		uint16_t n = load_u16(raw + EVENT_HEADER_BYTES + 2 * i);

		if (n > len - pos)
			return -EBADMSG;
		if (i < KP_COUNT)
			p[i] = (struct str){ (const char *)raw + pos, n };
		pos += n;
	}
	if (p[KP_view_flags].len)
		k.flags = (uint8_t)p[KP_view_flags].p[0] & SCAP_KERNEL_FLAGS;
	k.has_kernel = nparams > KP_view_flags + 1;
#define INT(name, bits) \
	if (p[KP_##name].p) \
		k.kernel.name = get_int(p[KP_##name], (bits) / 8);
#define TEXT(name) k.kernel.name = p[KP_##name].len ? p[KP_##name] : STR_NONE;
	KERNEL_PARAMS(INT, TEXT)
#undef INT
#undef TEXT
	*ret_k = k;
	return 0;
}
