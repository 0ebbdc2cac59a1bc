/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One event without any state around it, for tests of templates and alerts: close(fd 7) = res, with
 * number 42 on CPU 1.
 */
#ifndef TIERCEL_OUT_CTX_H
#define TIERCEL_OUT_CTX_H

#include "engine/out/format.h"

struct out_ctx {
	struct arena arena, scratch;
	struct field_scope scope;	/* names into `arena` */
	struct event ev;
	struct event_ctx ctx;
	uint8_t lens[4], data[16];
};

static inline void out_ctx_init(struct out_ctx *o, uint64_t ts)
{
	*o = (struct out_ctx){ .lens = { 8, 0, 8, 0 } };
	arena_init(&o->arena, 4096, 0);
	o->scope.arena = &o->arena;
	arena_init(&o->scratch, 4096, 0);
	store_u64(o->data + 8, 7);
	event_view(&o->ev, EV_CLOSE_X, 2, false, o->lens, o->data, sizeof(o->data));
	o->ev.ts = ts;
	o->ev.num = 42;
	o->ev.cpu = 1;
	o->ev.tid = 100;
	o->ctx = (struct event_ctx){ .ev = &o->ev, .scratch = &o->scratch, .fd_num = -1,
				     .source = STR("syscall"), .hostname = STR("node-1"),
				     .visible = true };
}

static inline void out_ctx_done(struct out_ctx *o)
{
	arena_done(&o->arena);
	arena_done(&o->scratch);
}

#endif
