/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding of events into views and typed access to their parameters. Called for every event of
 * the ring and of a trace, so nothing is copied or allocated; the bytes stay with the source.
 */
#include "engine/event/event.h"
#include "engine/event/event_decode.h"
#include "engine/event/event_info.h"

/*
 * Offsets of all values from the array of lengths; their sum. `room` bytes may be read from
 * `lens`: most records have few parameters and enough data behind the array.
 */
static inline uint64_t sum_lengths(struct event *ev, unsigned nparams, bool wide,
				   const uint8_t *lens, size_t room)
{
	uint32_t *off = ev->off;
	uint64_t sum = 0;
	unsigned i = 0;

	off[0] = 0;
	if (likely(!wide && room >= 2 * EVENT_AT_ONCE)) {
		event_sum_lengths(lens, off + 1);
		if (likely(nparams <= EVENT_AT_ONCE))
			return off[nparams];
		i = EVENT_AT_ONCE;
		sum = off[i];
	}
	for (; i < nparams; i++) {
		sum += wide ? load_u32(lens + 4 * i) : load_u16(lens + 2 * i);
		off[i + 1] = (uint32_t)sum;
	}
	return sum;
}

/* With type and nparams checked. */
static inline int view(struct event *ev, uint16_t type, unsigned nparams, bool wide,
		       const uint8_t *lens, const uint8_t *data, uint32_t data_len)
{
	const struct event_info *info = &event_infos[type];
	uint32_t array = nparams << (wide ? 2 : 1);
	size_t room = array + (likely(lens + array == data) ? data_len : 0);

	if (unlikely(sum_lengths(ev, nparams, wide, lens, room) > data_len))
		return -EBADMSG;
	/* Newer writers may append parameters which this table does not know. */
	nparams = MIN(nparams, info->nparams);
	ev->next_tid = 0;
	ev->type = type;
	ev->nparams = nparams;
	ev->wide = wide;
	ev->info = info;
	ev->lens = lens;
	ev->data = data;
	ev->data_len = data_len;
	return 0;
}

int event_view(struct event *ev, uint16_t type, uint16_t nparams, bool wide, const uint8_t *lens,
	       const uint8_t *data, uint32_t data_len)
{
	if (unlikely(type >= EVENT_TYPE_COUNT))
		return -ENOENT;
	if (unlikely(nparams > EVENT_PARAMS_MAX))
		return -EBADMSG;
	ev->raw = NULL;
	ev->raw_len = 0;
	return view(ev, type, nparams, wide, lens, data, data_len);
}

int event_decode(const uint8_t *raw, uint32_t len, struct event *ret_ev)
{
	uint32_t size, nparams, lens_size;
	uint16_t type;
	bool wide;
	int r;

	if (unlikely(len < EVENT_HEADER_BYTES))
		return -EBADMSG;
	size = load_u32(raw + EVENT_HEADER_LEN);
	type = load_u16(raw + EVENT_HEADER_TYPE);
	nparams = load_u32(raw + EVENT_HEADER_NPARAMS);
	if (unlikely(size > len || size < EVENT_HEADER_BYTES))
		return -EBADMSG;
	if (unlikely(type >= EVENT_TYPE_COUNT))
		return -ENOENT;
	if (unlikely(nparams > EVENT_PARAMS_MAX))
		return -EBADMSG;
	wide = event_infos[type].flags & EF_LARGE_PAYLOAD;
	lens_size = nparams << (wide ? 2 : 1);
	if (unlikely(lens_size > size - EVENT_HEADER_BYTES))
		return -EBADMSG;
	r = view(ret_ev, type, nparams, wide, raw + EVENT_HEADER_BYTES,
		 raw + EVENT_HEADER_BYTES + lens_size, size - EVENT_HEADER_BYTES - lens_size);
	if (unlikely(r < 0))
		return r;
	ret_ev->ts = load_u64(raw + EVENT_HEADER_TS);
	ret_ev->tid = (int64_t)load_u64(raw + EVENT_HEADER_TID);
	ret_ev->raw = raw;
	ret_ev->raw_len = size;
	return 0;
}

static bool type_is_signed(unsigned t)
{
	const uint64_t set = 1ULL << PT_INT8 | 1ULL << PT_INT16 | 1ULL << PT_INT32 |
			     1ULL << PT_INT64 | 1ULL << PT_ERRNO | 1ULL << PT_FD | 1ULL << PT_PID |
			     1ULL << PT_FD32 | 1ULL << PT_PID32;

	_Static_assert(PT_COUNT <= 64, "set of types");
	return set >> t & 1;
}

/* The value of an integer parameter, widened by the sign of its type. */
bool event_get_u64(struct event *ev, unsigned i, uint64_t *ret_v)
{
	struct str p = event_param(ev, i);
	unsigned type, size;

	if (!p.p)
		return false;
	type = ev->info->params[i].type;
	size = param_type_size(type);
	if (size == 0 || p.len < size)
		return false;
	switch (size) {
	case 8:
		*ret_v = load_u64(p.p);
		return true;
	case 4:
		*ret_v = load_u32(p.p);
		break;
	case 2:
		*ret_v = load_u16(p.p);
		break;
	case 1:
		*ret_v = (uint8_t)p.p[0];
		break;
	default:
		return false;
	}
	if (type_is_signed(type)) {
		unsigned shift = 64 - 8 * size;

		*ret_v = (uint64_t)((int64_t)(*ret_v << shift) >> shift);
	}
	return true;
}

bool event_get_i64(struct event *ev, unsigned i, int64_t *ret_v)
{
	uint64_t v;

	if (!event_get_u64(ev, i, &v))
		return false;
	*ret_v = (int64_t)v;
	return true;
}

#define EVENT_GET(bits)                                                           \
	bool event_get_u##bits(struct event *ev, unsigned i, uint##bits##_t *ret_v) \
	{                                                                         \
		uint64_t v;                                                       \
		if (!event_get_u64(ev, i, &v))                                    \
			return false;                                             \
		*ret_v = (uint##bits##_t)v;                                       \
		return true;                                                      \
	}
EVENT_GET(32)
EVENT_GET(16)
EVENT_GET(8)
#undef EVENT_GET

struct str event_get_text(struct event *ev, unsigned i)
{
	struct str p = event_param(ev, i);

	if (p.len == 0)
		return STR_NONE;
	/* A damaged record may have a NUL inside or none at the end. */
	p.len = (uint32_t)strnlen(p.p, p.len);
	if (str_eq(p, STR("(NULL)")))
		return STR_NONE;
	return p;
}

int event_param_index(enum event_type type, struct str name)
{
	const struct event_info *info;

	if ((unsigned)type >= EVENT_TYPE_COUNT)
		return -1;
	info = &event_infos[type];
	for (int i = 0; i < info->nparams; i++)
		if (str_is(name, info->params[i].name))
			return i;
	return -1;
}

bool event_result(struct event *ev, int64_t *ret_res)
{
	unsigned type;

	if (!ev->info->is_exit || ev->info->nparams == 0)
		return false;
	type = ev->info->params[0].type;
	if (type != PT_ERRNO && type != PT_FD && type != PT_PID)
		return false;
	return event_get_i64(ev, 0, ret_res);
}
