/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New threads: clone, fork, vfork and clone3 as seen by the caller (res > 0) and by the child
 * (res == 0). The two events come in either order, or one of them not at all; the table must end
 * up the same.
 */
#include "engine/base/map.h"
#include "engine/state/state_priv.h"

/* The five event types share one layout. */
SAME_PARAM(CLONE_20_X_pidns_init_start_ts, FORK_20_X_pidns_init_start_ts);
SAME_PARAM(CLONE_20_X_pidns_init_start_ts, VFORK_20_X_pidns_init_start_ts);
SAME_PARAM(CLONE_20_X_pidns_init_start_ts, CLONE3_X_pidns_init_start_ts);

#define FD_PASSES_MAX 4
#define YOUNG_NS (2 * NS_PER_S)

static struct exit_record *exit_slot(struct state *s, int64_t tid)
{
	return &s->exits[hash_u64((uint64_t)tid) % EXIT_RING];
}

void clone_note_exit(struct state *s, const struct thread *t, uint64_t ts)
{
	*exit_slot(s, t->tid) = (struct exit_record){ t->ptid, t->tid, ts };
	s->any_exit = true;
}

static bool exited_just_now(struct state *s, int64_t ptid, int64_t tid, uint64_t ts)
{
	const struct exit_record *r = exit_slot(s, tid);

	return r->tid == tid && r->ptid == ptid && r->ts && ts - r->ts < YOUNG_NS;
}

static int64_t get_i64(struct event *ev, unsigned i, int64_t missing)
{
	int64_t v;

	return event_get_i64(ev, i, &v) ? v : missing;
}

static uint32_t get_u32(struct event *ev, unsigned i, uint32_t missing)
{
	uint32_t v;

	return event_get_u32(ev, i, &v) ? v : missing;
}

static struct str comm_of(struct event *ev)
{
	struct str comm = event_get_text(ev, CLONE_20_X_comm);

	return comm.len ? comm : event_get_text(ev, CLONE_20_X_exe);
}

static void share_text(struct istr **slot, struct istr *of_parent, struct str text)
{
	if (str_eq(istr_str(of_parent), text))
		istr_set(slot, of_parent);
}

static struct str without_last_nul(struct str list)
{
	if (list.len && list.p[list.len - 1] == '\0')
		list.len--;
	return list;
}

/*
 * Most texts of the event are those of the thread that the new one is a copy of: then there is
 * nothing to look up. What differs is left to fill_from_event().
 */
static void share_texts(struct state *s, struct thread *t, const struct thread *from,
			struct event *ev)
{
	struct str cgroups = without_last_nul(event_param(ev, CLONE_20_X_cgroups));
	struct str args = without_last_nul(event_param(ev, CLONE_20_X_args));

	share_text(&t->exe, from->exe, event_get_text(ev, CLONE_20_X_exe));
	share_text(&t->comm, from->comm, comm_of(ev));
	share_text(&t->args, from->args, args);
	if (t->args == from->args)
		t->nargs = from->nargs;
	if (t->comm == from->comm && t->args == from->args)
		istr_set(&t->cmdline_cache, from->cmdline_cache);
	share_text(&t->cgroups, from->cgroups, cgroups);
	if (t->cgroups == from->cgroups)
		container_attach(s, t);
}

/* What the event itself says about the new thread, which is a copy of `from` if that is known. */
static void fill_from_event(struct state *s, struct thread *t, const struct thread *from,
			    struct event *ev)
{
	uint64_t v;

	if (from && !thread_is_fake(from))
		share_texts(s, t, from, ev);
	state_set_text(s, &t->exe, event_get_text(ev, CLONE_20_X_exe));
	thread_set_comm(s, t, comm_of(ev));
	thread_set_args(s, t, event_param(ev, CLONE_20_X_args));
	t->fdlimit = get_i64(ev, CLONE_20_X_fdlimit, 0);
	if (event_get_u64(ev, CLONE_20_X_pgft_maj, &v))
		t->pfmajor = v;
	if (event_get_u64(ev, CLONE_20_X_pgft_min, &v))
		t->pfminor = v;
	t->vmsize_kb = get_u32(ev, CLONE_20_X_vm_size, 0);
	t->vmrss_kb = get_u32(ev, CLONE_20_X_vm_rss, 0);
	t->vmswap_kb = get_u32(ev, CLONE_20_X_vm_swap, 0);
	t->uid = get_u32(ev, CLONE_20_X_uid, ID_UNKNOWN);
	t->gid = get_u32(ev, CLONE_20_X_gid, ID_UNKNOWN);
	t->clone_ts = ev->ts;
	t->last_event_ts = ev->ts;
	thread_set_cgroups(s, t, event_param(ev, CLONE_20_X_cgroups));
}

static void copy_image(struct thread *t, const struct thread *from)
{
	istr_set(&t->exepath, from->exepath);
	istr_set(&t->root, from->root);
	t->exe_writable = from->exe_writable;
	t->exe_upper_layer = from->exe_upper_layer;
	t->exe_lower_layer = from->exe_lower_layer;
	t->exe_from_memfd = from->exe_from_memfd;
	t->exe_ino = from->exe_ino;
	t->exe_ino_ctime = from->exe_ino_ctime;
	t->exe_ino_mtime = from->exe_ino_mtime;
	t->exe_ino_ctime_duration_clone_ts = from->exe_ino_ctime_duration_clone_ts;
	t->exe_ino_ctime_duration_pidns_start = from->exe_ino_ctime_duration_pidns_start;
	t->sid = from->sid;
	t->vpgid = from->vpgid;
	t->pgid = from->pgid;
	t->tty = from->tty;
	t->loginuid = from->loginuid;
	t->cap_inheritable = from->cap_inheritable;
	t->cap_permitted = from->cap_permitted;
	t->cap_effective = from->cap_effective;
}

/* Directory, environment and fds of a new process; a thread finds them in its group. */
static void inherit_process(struct state *s, struct thread *t, const struct thread *from)
{
	const struct group *parent = from->group;
	struct group *g = t->group;

	if (!g || !parent || g == parent)
		return;
	istr_set(&g->cwd, parent->cwd);
	/* Only the entry of a leader has an environment, as in the process list. */
	if (from->tid == from->pid)
		istr_set(&g->env, parent->env);
	fdtable_unref(s, g->fds);
	g->fds = fdtable_share(parent->fds);
	g->fd_mark = parent->fds->last_order;
	/* For the order of fd.types: two more copies of a long chain bring it back. */
	g->fd_passes = parent->fd_passes + (parent->fd_passes < FD_PASSES_MAX ? 1 : -1);
	/* A damaged event may call a thread of a known process a new process. */
	group_touch(s, g);
}

static void inherit(struct state *s, struct thread *t, const struct thread *from)
{
	if (t->clone_flags & CL_THREAD)
		t->lastexec_ts = from->lastexec_ts;
	else
		inherit_process(s, t, from);
	if (!thread_is_fake(from))
		copy_image(t, from);
}

/* A stand-in learns who it is from an event that describes it or its child. */
static void repair_ids(struct state *s, struct thread *t, int64_t pid, int64_t ptid, int64_t vtid,
		       int64_t vpid)
{
	t->pid = pid;
	t->ptid = ptid;
	t->vtid = vtid;
	t->vpid = vpid;
	t->state_flags &= ~(uint32_t)THREAD_FAKE;
	s->stats.threads_fake--;
	thread_link(s, t);
}

static void repair_image(struct state *s, struct thread *t, const struct thread *like)
{
	istr_set(&t->exe, like->exe);
	thread_set_comm(s, t, istr_str(like->comm));
	thread_set_args(s, t, istr_str(like->args));
	t->nargs = like->nargs;
	thread_drop_texts(t);
	thread_touch(s, t);
}

static void set_pidns_start(struct state *s, struct thread *t, struct event *ev, bool in_ns)
{
	uint64_t start;

	t->pidns_init_start_ts = s->machine.boot_ts;
	if (in_ns && event_get_u64(ev, CLONE_20_X_pidns_init_start_ts, &start))
		t->pidns_init_start_ts += start;
}

/* The child event tells more, or everything: in these cases the caller's event is not used. */
static bool left_to_child(struct state *s, const struct thread *caller, struct event *ev,
			  int64_t child, uint32_t flags)
{
	return (flags & (CL_CHILD_IN_PIDNS | CL_NEWPID | CL_PARENT | CL_VFORK)) ||
	       ev->type == EV_VFORK_20_X || caller->tid != caller->vtid ||
	       exited_just_now(s, caller->tid, child, ev->ts);
}

static void from_caller(struct state *s, struct event_ctx *c)
{
	struct event *ev = c->ev;
	struct thread *caller = thread_find_or_fetch(s, ev->tid), *t, *old;
	uint32_t flags = get_u32(ev, CLONE_20_X_flags, 0);
	bool was_fake;

	c->thread = caller;
	if (!caller)
		return;
	was_fake = thread_is_fake(caller);
	if (was_fake)
		repair_ids(s, caller, get_i64(ev, CLONE_20_X_pid, caller->tid),
			   get_i64(ev, CLONE_20_X_ptid, 0),
			   get_i64(ev, CLONE_20_X_vtid, caller->tid),
			   get_i64(ev, CLONE_20_X_vpid, -1));
	if (left_to_child(s, caller, ev, s->res, flags))
		return;
	old = state_thread(s, s->res);
	if (old == caller || (old && (old->state_flags & THREAD_FROM_CHILD_EVENT)))
		return;
	if (old)
		thread_remove(s, old);
	t = thread_add(s, s->res);
	if (!t)
		return;
	t->clone_flags = flags;
	t->pid = flags & CL_THREAD ? caller->pid : t->tid;
	t->ptid = flags & CL_THREAD ? caller->ptid : caller->tid;
	t->vtid = t->tid;
	t->vpid = t->pid;
	if (!(flags & CL_THREAD))
		t->clone_flags |= CL_MAIN_THREAD;
	fill_from_event(s, t, caller, ev);
	t->pidns_init_start_ts = s->machine.boot_ts;
	thread_link(s, t);
	if (was_fake) {
		inherit_process(s, t, caller);
		repair_image(s, caller, t);
	} else {
		inherit(s, t, caller);
	}
	thread_touch(s, t);
}

/* Thread whose attributes the child inherits. */
static struct thread *origin_of_child(struct state *s, const struct thread *t)
{
	bool is_thread = t->clone_flags & CL_THREAD;
	struct thread *from = thread_find_or_fetch(s, is_thread ? t->pid : t->ptid);

	if (!from || from == t || !thread_is_fake(from))
		return from == t ? NULL : from;
	if (is_thread) {
		repair_ids(s, from, t->pid, t->ptid, t->vpid, t->vpid);
		repair_image(s, from, t);
	}
	return from;
}

static void from_child(struct state *s, struct event_ctx *c)
{
	struct event *ev = c->ev;
	struct thread *t = state_thread(s, ev->tid), *from;
	int64_t tid = ev->tid, vtid;

	if (t && !thread_is_fake(t) && t->clone_ts && ev->ts - t->clone_ts < YOUNG_NS) {
		/* The start's entry of the parent may have been replaced by its own event. */
		if (!t->parent && ev->flags & EVENT_LIVE)
			thread_set_parent(s, t, get_i64(ev, CLONE_20_X_ptid, 0));
		c->thread = t;
		return;
	}
	if (t)
		thread_remove(s, t);
	t = thread_add(s, tid);
	c->thread = t;
	if (!t)
		return;
	t->state_flags |= THREAD_FROM_CHILD_EVENT;
	t->clone_flags = get_u32(ev, CLONE_20_X_flags, 0) | CL_INVERTED;
	t->pid = get_i64(ev, CLONE_20_X_pid, tid);
	t->ptid = get_i64(ev, CLONE_20_X_ptid, 0);
	t->vtid = get_i64(ev, CLONE_20_X_vtid, tid);
	t->vpid = get_i64(ev, CLONE_20_X_vpid, -1);
	vtid = t->vtid;
	if (t->pid == tid)
		t->clone_flags |= CL_MAIN_THREAD;
	fill_from_event(s, t, state_thread(s, t->clone_flags & CL_THREAD ? t->pid : t->ptid), ev);
	set_pidns_start(s, t, ev,
			(t->clone_flags & (CL_CHILD_IN_PIDNS | CL_NEWPID)) || tid != vtid);
	from = origin_of_child(s, t);
	thread_link(s, t);
	if (from)
		inherit(s, t, from);
	thread_touch(s, t);
}

ROW_FN(on_clone)
{
	if (!s->has_res || s->res < 0)
		return;
	if (s->res == 0)
		from_child(s, c);
	else
		from_caller(s, c);
}
