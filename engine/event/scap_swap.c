/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte order of events from big-endian machines. Called by the trace reader on its own buffer,
 * once per event.
 */
#include "engine/event/event.h"
#include "engine/event/event_info.h"
#include "engine/event/scap_swap.h"

void scap_swap(uint8_t *p, size_t size)
{
	if (size != 2 && size != 4 && size != 8)
		return;
	for (size_t i = 0; i < size / 2; i++) {
		uint8_t t = p[i];

		p[i] = p[size - 1 - i];
		p[size - 1 - i] = t;
	}
}

/* The member of `size` bytes at `at`, if the value reaches that far. */
static void swap_at(uint8_t *p, uint32_t len, uint32_t at, uint32_t size)
{
	if (len >= at + size)
		scap_swap(p + at, size);
}

/* Addresses are bytes; ports and kernel pointers are integers. */
static void swap_socket(uint8_t *p, uint32_t len, bool tuple)
{
	uint8_t family = len ? p[0] : 0;

	if (family == WIRE_AF_INET) {
		swap_at(p, len, 5, 2);
		if (tuple)
			swap_at(p, len, 11, 2);
	} else if (family == WIRE_AF_INET6) {
		swap_at(p, len, 17, 2);
		if (tuple)
			swap_at(p, len, 35, 2);
	} else if (family == WIRE_AF_UNIX && tuple) {
		swap_at(p, len, 1, 8);
		swap_at(p, len, 9, 8);
	}
}

static void swap_fdlist(uint8_t *p, uint32_t len)
{
	enum { ENTRY = 10 };	/* i64 fd, i16 flags */

	swap_at(p, len, 0, 2);
	for (uint32_t at = 2; len >= ENTRY && at <= len - ENTRY; at += ENTRY) {
		scap_swap(p + at, 8);
		scap_swap(p + at + 8, 2);
	}
}

static void swap_value(const struct param_info *info, uint8_t *p, uint32_t len)
{
	switch (info->type) {
	case PT_SOCKADDR:
		swap_socket(p, len, false);
		break;
	case PT_SOCKTUPLE:
		swap_socket(p, len, true);
		break;
	case PT_FDLIST:
		swap_fdlist(p, len);
		break;
	case PT_DYN:
		if (len && p[0] < dyn_infos[info->ref].count)
			swap_at(p, len, 1,
				param_type_size(dyn_infos[info->ref].variants[p[0]].type));
		break;
	case PT_IPV4ADDR:
		break;
	default:
		swap_at(p, len, 0, param_type_size(info->type));
	}
}

int scap_swap_event(uint8_t *raw, uint32_t len)
{
	static const uint8_t header[] = { 8, 8, 4, 2, 4 };
	uint32_t nparams, at = 0, value;
	const struct event_info *info;
	unsigned type, width;

	if (len < EVENT_HEADER_BYTES)
		return -EBADMSG;
	for (size_t i = 0; i < sizeof(header); at += header[i++])
		scap_swap(raw + at, header[i]);
	type = load_u16(raw + 20);
	nparams = load_u32(raw + 22);
	if (type >= EVENT_TYPE_COUNT)
		return 0;	/* skipped by the decoder */
	info = &event_infos[type];
	width = info->flags & EF_LARGE_PAYLOAD ? 4 : 2;
	if (nparams > EVENT_PARAMS_MAX || nparams * width > len - EVENT_HEADER_BYTES)
		return -EBADMSG;
	value = EVENT_HEADER_BYTES + nparams * width;
	for (uint32_t i = 0; i < nparams; i++) {
		uint8_t *p = raw + EVENT_HEADER_BYTES + i * width;
		uint32_t size;

		scap_swap(p, width);
		size = width == 4 ? load_u32(p) : load_u16(p);
		if (size > len - value)
			return -EBADMSG;
		if (i < info->nparams)
			swap_value(&info->params[i], raw + value, size);
		value += size;
	}
	return 0;
}
