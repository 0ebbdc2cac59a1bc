/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of field getters share: a state filled from snapshot records, one event made by
 * hand, and the text that a field prints for it.
 */
#ifndef TIERCEL_FIELD_FIXTURE_H
#define TIERCEL_FIELD_FIXTURE_H

#include "engine/field/field.h"
#include "engine/tests/test.h"

struct fixture {
	struct limits limits;
	struct state *state;
	struct arena scratch, refs;
	struct field_cache *cache;
	struct event ev;
	struct event_ctx ctx;
	struct buf out;
	uint16_t lens[EVENT_PARAMS_MAX];
	uint16_t nparams;
	uint8_t data[4096];
	uint32_t data_len;
};

static void fixture_init(struct fixture *f)
{
	static const struct state_opts opts = { 0 };

	memset(f, 0, sizeof(*f));
	limits_init(&f->limits);
	f->state = state_new(&opts, &f->limits);
	f->cache = field_cache_new();
	arena_init(&f->scratch, 4096, 0);
	arena_init(&f->refs, 4096, 0);
	ck_assert(f->state && f->cache);
	f->ctx.state = f->state;
	f->ctx.scratch = &f->scratch;
	f->ctx.field_cache = f->cache;
	f->ctx.ev = &f->ev;
}

static void fixture_done(struct fixture *f)
{
	state_free(f->state);
	field_cache_free(f->cache);
	arena_done(&f->scratch);
	arena_done(&f->refs);
	buf_done(&f->out);
}

static inline void fixture_snap(struct fixture *f, const struct snapshot_item *item)
{
	ck_assert_int_eq(state_snapshot(f->state, item), 0);
}

/* A process of one thread with everything unknown. */
static inline struct proc_record fixture_proc(int64_t pid, int64_t ppid, const char *comm)
{
	return (struct proc_record){
		.tid = pid, .pid = pid, .ptid = ppid, .vtid = pid, .vpid = pid,
		.sid = -1, .vpgid = -1, .pgid = -1, .loginuid = UINT32_MAX,
		.comm = str_from(comm), .exe = str_from(comm), .exepath = STR(""),
		.cwd = STR("/"), .root = STR("/"), .args = STR(""), .env = STR(""),
		.cgroups = STR(""),
	};
}

static inline void fixture_add_proc(struct fixture *f, const struct proc_record *r)
{
	struct snapshot_item item = { .kind = SNAP_PROC, .proc = *r };

	fixture_snap(f, &item);
}

static inline void fixture_add_fd(struct fixture *f, const struct fd_record *r)
{
	struct snapshot_item item = { .kind = SNAP_FD, .fd = *r };

	fixture_snap(f, &item);
}

static inline void fixture_snap_done(struct fixture *f)
{
	struct snapshot_item item = { .kind = SNAP_DONE };

	fixture_snap(f, &item);
}

/* Add the parameters of the event in order, then call fixture_event(). */
static inline void fixture_bytes(struct fixture *f, const void *p, uint32_t n)
{
	ck_assert(f->data_len + n <= sizeof(f->data));
	if (n)
		memcpy(f->data + f->data_len, p, n);
	f->data_len += n;
	f->lens[f->nparams++] = (uint16_t)n;
}

static inline void fixture_i64(struct fixture *f, int64_t v)
{
	fixture_bytes(f, &v, sizeof(v));
}

static inline void fixture_u32(struct fixture *f, uint32_t v)
{
	fixture_bytes(f, &v, sizeof(v));
}

static inline void fixture_text(struct fixture *f, const char *s)
{
	fixture_bytes(f, s, (uint32_t)strlen(s) + 1);
}

/* The event under way, made by thread `tid`; its fd (or none) is the fd number of the event. */
static inline void fixture_event(struct fixture *f, enum event_type type, int64_t tid, int64_t fd)
{
	ck_assert_int_eq(event_view(&f->ev, type, f->nparams, false, (const uint8_t *)f->lens,
				    f->data, f->data_len), 0);
	f->ev.tid = tid;
	f->ctx.thread = state_thread(f->state, tid);
	f->ctx.has_fd = event_infos[type].flags & (EF_USES_FD | EF_CREATES_FD | EF_DESTROYS_FD);
	f->ctx.fd_num = fd;
	f->ctx.fd = f->ctx.thread && fd >= 0 ? thread_fd(f->ctx.thread, fd) : NULL;
	f->nparams = 0;
	f->data_len = 0;
}

static inline struct field_ref fixture_ref(struct fixture *f, const char *field)
{
	const char *msg = "";
	struct field_ref ref;

	ck_assert_msg(field_lookup(str_from(field), &f->refs, NULL, &ref, &msg) == 0, "%s: %s",
		      field, msg);
	return ref;
}

/* The printed text, "(none)" without value. */
static inline const char *fixture_print(struct fixture *f, const char *field)
{
	struct field_ref ref = fixture_ref(f, field);

	buf_clear(&f->out);
	if (!field_print(&ref, &f->ctx, &f->out))
		return "(none)";
	ck_assert_int_eq(f->out.err, 0);
	return f->out.len ? f->out.p : "";
}

/* All values as a condition sees them, joined by "|"; "(none)" without value. */
static inline const char *fixture_values(struct fixture *f, const char *field)
{
	struct field_ref ref = fixture_ref(f, field);
	struct value_list l;

	ck_assert_msg(field_is_multi(&ref), "%s has one value", field);
	if (!field_get_all(&ref, &f->ctx, &l))
		return "(none)";
	buf_clear(&f->out);
	for (uint32_t i = 0; i < l.n; i++) {
		if (i)
			buf_add_char(&f->out, '|');
		value_print(&f->out, &l.v[i]);
	}
	return f->out.len ? f->out.p : "";
}

#define ck_field(f, field, text) ck_assert_str_eq(fixture_print((f), (field)), (text))
#define ck_values(f, field, text) ck_assert_str_eq(fixture_values((f), (field)), (text))

#endif
