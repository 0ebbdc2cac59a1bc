/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hand-made events for the tests of the state tables: parameters are set by name in any order, what
 * is not set is empty.
 */
#ifndef TIERCEL_STATE_FIXTURE_H
#define TIERCEL_STATE_FIXTURE_H

#include "engine/state/state.h"
#include "engine/tests/test.h"

struct fixture {
	struct limits limits;
	struct state *state;
	struct arena scratch;
	struct event_ctx ctx;
	struct event ev;
	struct event_kernel kernel;
	uint8_t flags;		/* enum event_view_flags of all events */
	bool with_kernel;
	const unsigned long *alloc_calls;	/* counter of the allocator, or NULL */
	unsigned long allocs;			/* of these, made by state_event() */
	uint64_t ts, num;
	int64_t next_tid;			/* hint that goes with every event */
	enum event_type type;
	struct str params[EVENT_PARAMS_MAX];
	char bytes[1 << 16];
	uint32_t used;
	uint8_t lens[EVENT_PARAMS_MAX * 4];
	uint8_t data[1 << 16];
};

static inline void fixture_init(struct fixture *f, const struct state_opts *opts)
{
	static const struct state_opts none;

	memset(f, 0, sizeof(*f));
	limits_init(&f->limits);
	arena_init(&f->scratch, 4096, 0);
	f->state = state_new(opts ? opts : &none, &f->limits);
	ck_assert_ptr_nonnull(f->state);
	f->ctx.scratch = &f->scratch;
	f->ts = 1000000000000ull;
}

static inline void fixture_done(struct fixture *f)
{
	state_free(f->state);
	arena_done(&f->scratch);
}

/* Begin an event of the type. */
static inline void ev_new(struct fixture *f, enum event_type type)
{
	f->type = type;
	f->used = 0;
	f->with_kernel = false;
	memset(&f->kernel, 0, sizeof(f->kernel));
	memset(f->params, 0, sizeof(f->params));
}

static inline void ev_bytes(struct fixture *f, unsigned param, const void *p, size_t n)
{
	ck_assert(f->used + n <= sizeof(f->bytes));
	if (n)
		memcpy(f->bytes + f->used, p, n);
	f->params[param] = (struct str){ f->bytes + f->used, (uint32_t)n };
	f->used += (uint32_t)n;
}

/* A number in the size that the table says. */
static inline void ev_num(struct fixture *f, unsigned param, int64_t v)
{
	ev_bytes(f, param, &v, param_type_size(event_infos[f->type].params[param].type));
}

static inline void ev_text(struct fixture *f, unsigned param, const char *text)
{
	ev_bytes(f, param, text, strlen(text) + 1);
}

/* A NUL-separated list given with '|' between the elements. */
static inline void ev_list(struct fixture *f, unsigned param, const char *text)
{
	ev_text(f, param, text);
	for (uint32_t i = 0; i < f->params[param].len; i++)
		if (f->params[param].p[i] == '|')
			((char *)f->params[param].p)[i] = '\0';
}

static inline void ev_run(struct fixture *f, int64_t tid)
{
	const struct event_info *info = &event_infos[f->type];
	bool wide = info->flags & EF_LARGE_PAYLOAD;
	uint32_t at = 0;

	for (unsigned i = 0; i < info->nparams; i++) {
		if (wide)
			store_u32(f->lens + 4 * i, f->params[i].len);
		else
			store_u16(f->lens + 2 * i, (uint16_t)f->params[i].len);
		if (f->params[i].len)
			memcpy(f->data + at, f->params[i].p, f->params[i].len);
		at += f->params[i].len;
	}
	ck_assert_int_eq(event_view(&f->ev, f->type, info->nparams, wide, f->lens, f->data, at), 0);
	f->ev.tid = tid;
	f->ev.next_tid = f->next_tid;
	f->ev.ts = f->ts += 1000;
	f->ev.num = ++f->num;
	f->ev.flags = f->flags;
	f->ev.kernel = f->with_kernel ? &f->kernel : NULL;
	arena_reset(&f->scratch);
	f->allocs -= f->alloc_calls ? *f->alloc_calls : 0;
	state_event(f->state, &f->ev, &f->ctx);
	f->allocs += f->alloc_calls ? *f->alloc_calls : 0;
}

/* An event that changes nothing: applies the removals of the one before. */
static inline void ev_nothing(struct fixture *f, int64_t tid)
{
	ev_new(f, EV_GETUID_X);
	ev_run(f, tid);
}

static inline struct proc_record fixture_proc(int64_t pid, int64_t ppid, const char *comm)
{
	return (struct proc_record){
		.tid = pid, .pid = pid, .ptid = ppid, .vtid = pid, .vpid = pid, .sid = -1,
		.vpgid = -1, .pgid = -1, .loginuid = UINT32_MAX, .comm = str_from(comm),
		.exe = str_from(comm), .exepath = STR("/bin/x"), .cwd = STR("/root"),
		.args = STR(""), .env = STR("A=1"), .cgroups = STR(""), .root = STR("/"),
	};
}

static inline void fixture_snap(struct fixture *f, const struct snapshot_item *item)
{
	ck_assert_int_eq(state_snapshot(f->state, item), 0);
}

static inline void fixture_add(struct fixture *f, const struct proc_record *r)
{
	fixture_snap(f, &(struct snapshot_item){ .kind = SNAP_PROC, .proc = *r });
}

/* init (1), a shell (10) and its child (20). */
static inline void fixture_family(struct fixture *f)
{
	struct proc_record init = fixture_proc(1, 0, "init"), sh = fixture_proc(10, 1, "sh");
	struct proc_record child = fixture_proc(20, 10, "child");

	fixture_add(f, &init);
	fixture_add(f, &sh);
	fixture_add(f, &child);
	fixture_snap(f, &(struct snapshot_item){ .kind = SNAP_DONE });
}

static inline void ev_open(struct fixture *f, int64_t tid, int64_t fd, const char *name,
			   uint32_t flags)
{
	ev_new(f, EV_OPENAT_2_X);
	ev_num(f, OPENAT_2_X_fd, fd);
	ev_num(f, OPENAT_2_X_dirfd, WIRE_AT_FDCWD);
	ev_text(f, OPENAT_2_X_name, name);
	ev_num(f, OPENAT_2_X_flags, flags);
	ev_run(f, tid);
}

/* One side of a clone; `res` as the side sees it. The other parameters describe the caller. */
static inline void ev_clone(struct fixture *f, enum event_type type, int64_t tid, int64_t res,
			    int64_t pid, int64_t ptid, uint32_t flags)
{
	ev_new(f, type);
	ev_num(f, CLONE_20_X_res, res);
	ev_text(f, CLONE_20_X_exe, "sh");
	ev_text(f, CLONE_20_X_comm, "sh");
	ev_num(f, CLONE_20_X_tid, tid);
	ev_num(f, CLONE_20_X_pid, pid);
	ev_num(f, CLONE_20_X_ptid, ptid);
	ev_num(f, CLONE_20_X_flags, flags);
	ev_num(f, CLONE_20_X_uid, 0);
	ev_num(f, CLONE_20_X_gid, 0);
	ev_num(f, CLONE_20_X_vtid, tid);
	ev_num(f, CLONE_20_X_vpid, pid);
	ev_run(f, tid);
}

static inline void ev_exit(struct fixture *f, int64_t tid, int64_t reaper)
{
	ev_new(f, EV_PROCEXIT_1_E);
	ev_num(f, PROCEXIT_1_E_status, 0);
	if (reaper >= 0)
		ev_num(f, PROCEXIT_1_E_reaper_tid, reaper);
	ev_run(f, tid);
}

static inline void ev_exec(struct fixture *f, int64_t tid, const char *exe, const char *args)
{
	ev_new(f, EV_EXECVE_19_X);
	ev_num(f, EXECVE_19_X_res, 0);
	ev_text(f, EXECVE_19_X_exe, exe);
	ev_list(f, EXECVE_19_X_args, args);
	ev_text(f, EXECVE_19_X_comm, exe);
	ev_num(f, EXECVE_19_X_tid, tid);
	ev_num(f, EXECVE_19_X_pid, tid);
	ev_num(f, EXECVE_19_X_ptid, 1);
	ev_text(f, EXECVE_19_X_trusted_exepath, "/usr/bin/prog (deleted)");
	ev_run(f, tid);
}

#define CL_THREAD_FLAGS 0x2001	/* CLONE_THREAD | CLONE_FILES */

static inline const char *fd_name(struct fixture *f, int64_t tid, int64_t fd)
{
	struct thread *t = state_thread(f->state, tid);
	struct fdinfo *i = t ? thread_fd(t, fd) : NULL;

	return i ? i->name->p : "(none)";
}

#endif
