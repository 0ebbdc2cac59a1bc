/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small world for tests of fields: a state with a few processes and fds, events made by hand, and
 * the text of any field after an event. Everything lives in the world's arenas until world_done().
 */
#ifndef TIERCEL_WORLD_H
#define TIERCEL_WORLD_H

#include "engine/field/field.h"
#include "engine/tests/test.h"

#define WORLD_TS 1566230400000000000ULL	/* 2019-08-19 16:00:00 UTC */

struct world {
	struct limits limits;
	struct state *state;
	struct arena arena, scratch;
	struct event ev;
	struct event_ctx ctx;
	uint64_t ts, num;
	uint8_t raw[8192];
	struct buf text;
	const char *msg;
};

static inline void world_init(struct world *w)
{
	const struct state_opts opts = { 0 };

	memset(w, 0, sizeof(*w));
	limits_init(&w->limits);
	arena_init(&w->arena, 65536, 0);
	arena_init(&w->scratch, 65536, 0);
	w->state = state_new(&opts, &w->limits);
	ck_assert_ptr_nonnull(w->state);
	w->ctx.field_cache = field_cache_new();
	w->ctx.scratch = &w->scratch;
	w->ts = WORLD_TS;
}

static inline void world_done(struct world *w)
{
	field_cache_free(w->ctx.field_cache);
	state_free(w->state);
	arena_done(&w->arena);
	arena_done(&w->scratch);
	buf_done(&w->text);
}

static inline void world_proc(struct world *w, int64_t pid, int64_t ppid, const char *comm)
{
	struct snapshot_item item = {
		.kind = SNAP_PROC,
		.proc = { .tid = pid, .pid = pid, .ptid = ppid, .vtid = pid, .vpid = pid,
			  .sid = pid, .vpgid = pid, .pgid = pid, .comm = str_from(comm),
			  .exe = str_from(comm), .exepath = STR("/bin/x"), .cwd = STR("/root"),
			  .root = STR("/"), .args = STR(""), .env = STR(""), .cgroups = STR(""),
			  .fdlimit = 1024 },
	};

	ck_assert_int_eq(state_snapshot(w->state, &item), 0);
}

static inline void world_fd(struct world *w, int64_t tid, struct fd_record fd)
{
	struct snapshot_item item = { .kind = SNAP_FD, .fd = fd };

	item.fd.tid = tid;
	ck_assert_int_eq(state_snapshot(w->state, &item), 0);
}

static inline void world_file(struct world *w, int64_t tid, int64_t fd, unsigned kind,
			      const char *name)
{
	world_fd(w, tid, (struct fd_record){ .fd = fd, .kind = (uint8_t)kind, .ino = 7,
					     .open_flags = WO_RDWR, .name = str_from(name) });
}

static inline void world_ready(struct world *w)
{
	struct snapshot_item item = { .kind = SNAP_DONE };

	ck_assert_int_eq(state_snapshot(w->state, &item), 0);
}

/* Parameters: numbers of n bytes, texts with their NUL, bytes, nothing. */
static inline struct str world_num(struct world *w, uint64_t v, uint32_t n)
{
	return arena_str(&w->arena, (struct str){ (const char *)&v, n });
}
#define W_I64(v) world_num(w, (uint64_t)(int64_t)(v), 8)
#define W_U64(v) world_num(w, (v), 8)
#define W_U32(v) world_num(w, (uint32_t)(v), 4)
#define W_U16(v) world_num(w, (uint16_t)(v), 2)
#define W_U8(v) world_num(w, (uint8_t)(v), 1)
#define W_TEXT(lit) ((struct str){ (lit), sizeof(lit) })
#define W_BYTES(lit) ((struct str){ (lit), sizeof(lit) - 1 })
#define W_EMPTY ((struct str){ "", 0 })

static inline void world_send(struct world *w, uint16_t type, int64_t tid, uint32_t n,
			      const struct str *params)
{
	bool wide = event_infos[type].flags & EF_LARGE_PAYLOAD;
	uint32_t at = 26, lens = at;

	at += n * (wide ? 4 : 2);
	for (uint32_t i = 0; i < n; i++) {
		ck_assert_uint_lt(at + params[i].len, sizeof(w->raw));
		if (wide)
			store_u32(w->raw + lens + 4 * i, params[i].len);
		else
			store_u16(w->raw + lens + 2 * i, (uint16_t)params[i].len);
		memcpy(w->raw + at, params[i].p, params[i].len);
		at += params[i].len;
	}
	w->ts += 10000000;
	store_u64(w->raw, w->ts);
	store_u64(w->raw + 8, (uint64_t)tid);
	store_u32(w->raw + 16, at);
	store_u16(w->raw + 20, type);
	store_u32(w->raw + 22, n);
	ck_assert_int_eq(event_decode(w->raw, at, &w->ev), 0);
	w->ev.num = ++w->num;
	w->ev.cpu = 1;
	w->ev.flags = 0;
	w->ev.kernel = NULL;
	arena_reset(&w->scratch);
	state_event(w->state, &w->ev, &w->ctx);
}

/* world_event(w, EV_CLOSE_X, 1, W_I64(0), W_I64(3)) */
#define world_event(w, type, tid, ...)                                                         \
	do {                                                                                   \
		const struct str params_[] = { __VA_ARGS__ };                                  \
		world_send(w, type, tid, ARRAY_SIZE(params_), params_);                        \
	} while (0)

static inline struct field_ref world_ref(struct world *w, const char *field)
{
	struct field_ref f;
	const char *msg = "";
	int r = field_lookup(str_from(field), &w->arena, NULL, &f, &msg);

	ck_assert_msg(r == 0, "%s: %s", field, msg);
	return f;
}

/* Text of a field, NULL when it has no value. */
static inline const char *world_text(struct world *w, const char *field)
{
	struct field_ref f = world_ref(w, field);

	buf_clear(&w->text);
	buf_add(&w->text, "", 0);
	return field_print(&f, &w->ctx, &w->text) ? w->text.p : NULL;
}

static inline const char *world_json(struct world *w, const char *field)
{
	struct field_ref f = world_ref(w, field);
	struct json j = json_start(&w->text);

	buf_clear(&w->text);
	field_json(&f, &w->ctx, &j);
	return w->text.p;
}

#define ck_field(w, field, expected)                                                           \
	do {                                                                                   \
		const char *got_ = world_text(w, field), *want_ = (expected);                  \
		ck_assert_msg(got_ && want_ ? strcmp(got_, want_) == 0 : got_ == want_,        \
			      "%s: got %s, expected %s", field, got_ ? got_ : "no value",      \
			      want_ ? want_ : "no value");                                     \
	} while (0)

#endif
