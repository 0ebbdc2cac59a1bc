/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hand-made events and snapshots for tests: parameters are appended in the order of the event's
 * row, then the view is made. The builder owns the bytes.
 */
#ifndef TIERCEL_EVENT_BUILD_H
#define TIERCEL_EVENT_BUILD_H

#include "engine/event/event.h"
#include "engine/event/snapshot.h"

struct event_build {
	uint8_t lens[2 * EVENT_PARAMS_MAX];
	uint8_t data[8192];
	uint16_t n;
	uint32_t len;
	uint64_t ts, num;
	struct event ev;
};

static inline void build_bytes(struct event_build *b, const void *p, size_t n)
{
	store_u16(b->lens + 2 * b->n++, (uint16_t)n);
	if (n)
		memcpy(b->data + b->len, p, n);
	b->len += (uint32_t)n;
}

static inline void build_i64(struct event_build *b, int64_t v)
{
	build_bytes(b, &v, 8);
}

static inline void build_u32(struct event_build *b, uint32_t v)
{
	build_bytes(b, &v, 4);
}

static inline void build_u8(struct event_build *b, uint8_t v)
{
	build_bytes(b, &v, 1);
}

static inline void build_text(struct event_build *b, const char *s)
{
	build_bytes(b, s, strlen(s) + 1);
}

static inline void build_empty(struct event_build *b)
{
	build_bytes(b, NULL, 0);
}

/* SOCKTUPLE of an IPv4 connection. */
static inline void build_tuple4(struct event_build *b, const uint8_t sip[4], uint16_t sport,
				const uint8_t dip[4], uint16_t dport)
{
	uint8_t t[13] = { WIRE_AF_INET };

	memcpy(t + 1, sip, 4);
	store_u16(t + 5, sport);
	memcpy(t + 7, dip, 4);
	store_u16(t + 11, dport);
	build_bytes(b, t, sizeof(t));
}

static inline struct event *build_done(struct event_build *b, uint16_t type, int64_t tid)
{
	event_view(&b->ev, type, b->n, false, b->lens, b->data, b->len);
	b->ts += 1000;
	b->ev.ts = 1700000000000000000ull + b->ts;
	b->ev.num = ++b->num;
	b->ev.tid = tid;
	b->ev.cpu = 0;
	b->ev.flags = 0;
	b->ev.kernel = NULL;
	b->n = 0;
	b->len = 0;
	return &b->ev;
}

static inline struct snapshot_item build_proc(int64_t tid, int64_t ptid, const char *comm,
					      const char *exepath, struct str args)
{
	return (struct snapshot_item){
		.kind = SNAP_PROC,
		.proc = { .tid = tid, .pid = tid, .ptid = ptid, .sid = tid, .vpgid = tid,
			  .pgid = tid, .vtid = tid, .vpid = tid, .comm = str_from(comm),
			  .exe = str_from(exepath), .exepath = str_from(exepath),
			  .cwd = STR("/home/u/"), .root = STR("/"), .args = args,
			  .env = STR("HOME=/root"), .cgroups = STR("cpu=/"), .fdlimit = 1024,
			  .uid = 0, .gid = 0, .loginuid = 1000 },
	};
}

#endif
