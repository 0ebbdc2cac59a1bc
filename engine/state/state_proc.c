/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that change a process after its birth: exec, exit, identity, directories, limits, memory.
 * Handlers are named by the rows of state_rows.c and run with ctx->thread set unless noted.
 */
#include "engine/state/state_priv.h"

SAME_PARAM(EXECVE_19_X_gid, EXECVEAT_X_gid);
SAME_PARAM(EXECVE_19_X_exe, EXECVEAT_X_exe);

#define ALL_CAPS ((1ull << 41) - 1)
#define PRCTL_SET_NAME 15
#define PRCTL_SET_CHILD_SUBREAPER 36
#define RLIMIT_NOFILE_WIRE 7
#define WIRE_AT_EMPTY_PATH 1

static void take_i64(struct event *ev, unsigned i, int64_t *slot)
{
	param_i64(ev, i, slot);
}

static void take_u64(struct event *ev, unsigned i, uint64_t *slot)
{
	int64_t v;

	if (param_i64(ev, i, &v))
		*slot = (uint64_t)v;
}

static void take_u32(struct event *ev, unsigned i, uint32_t *slot)
{
	param_u32(ev, i, slot);
}

static void repair_fake(struct state *s, struct thread *t, struct event *ev)
{
	uint64_t flags = t->clone_flags;

	t->pid = t->tid;
	take_i64(ev, EXECVE_19_X_pid, &t->pid);
	take_i64(ev, EXECVE_19_X_ptid, &t->ptid);
	if (!(flags & CL_CHILD_IN_PIDNS)) {
		t->vtid = t->tid;
		t->vpid = t->pid;
	}
	t->clone_flags |= thread_is_leader(t) ? CL_MAIN_THREAD : 0;
	t->state_flags &= ~(uint32_t)THREAD_FAKE;
	s->stats.threads_fake--;
	thread_link(s, t);
}

static void take_credentials(struct thread *t, struct event *ev)
{
	take_u32(ev, EXECVE_19_X_tty, &t->tty);
	take_i64(ev, EXECVE_19_X_vpgid, &t->vpgid);
	take_u32(ev, EXECVE_19_X_loginuid, &t->loginuid);
	take_u64(ev, EXECVE_19_X_cap_inheritable, &t->cap_inheritable);
	take_u64(ev, EXECVE_19_X_cap_permitted, &t->cap_permitted);
	take_u64(ev, EXECVE_19_X_cap_effective, &t->cap_effective);
	take_u32(ev, EXECVE_19_X_uid, &t->uid);
	take_u32(ev, EXECVE_19_X_gid, &t->gid);
	t->pgid = -1;
	take_i64(ev, EXECVE_19_X_pgid, &t->pgid);
}

static void take_memory(struct thread *t, struct event *ev)
{
	take_i64(ev, EXECVE_19_X_fdlimit, &t->fdlimit);
	take_u64(ev, EXECVE_19_X_pgft_maj, &t->pfmajor);
	take_u64(ev, EXECVE_19_X_pgft_min, &t->pfminor);
	take_u32(ev, EXECVE_19_X_vm_size, &t->vmsize_kb);
	take_u32(ev, EXECVE_19_X_vm_rss, &t->vmrss_kb);
	take_u32(ev, EXECVE_19_X_vm_swap, &t->vmswap_kb);
}

static void take_inode(struct thread *t, struct event *ev)
{
	uint32_t flags;

	take_u64(ev, EXECVE_19_X_exe_ino, &t->exe_ino);
	if (event_get_u64(ev, EXECVE_19_X_exe_ino_ctime, &t->exe_ino_ctime)) {
		if (t->clone_ts)
			t->exe_ino_ctime_duration_clone_ts = t->clone_ts - t->exe_ino_ctime;
		if (t->pidns_init_start_ts && t->exe_ino_ctime > t->pidns_init_start_ts)
			t->exe_ino_ctime_duration_pidns_start =
				t->exe_ino_ctime - t->pidns_init_start_ts;
	}
	take_u64(ev, EXECVE_19_X_exe_ino_mtime, &t->exe_ino_mtime);
	if (!event_get_u32(ev, EXECVE_19_X_flags, &flags))
		return;
	t->exe_writable = flags & WX_WRITABLE;
	t->exe_upper_layer = flags & WX_UPPER_LAYER;
	t->exe_lower_layer = flags & WX_LOWER_LAYER;
	t->exe_from_memfd = flags & WX_FROM_MEMFD;
}

/* Captures of old drivers: the path as the enter event had it. */
static void exepath_from_enter(struct state *s, struct thread *t)
{
	struct str name = istr_str(t->enter_text);

	buf_clear(&s->text);
	if (t->enter_type == EV_EXECVE_19_E) {
		if (str_is(name, "<NA>"))
			buf_add_str(&s->text, name);
		else
			thread_full_path(t, WIRE_AT_FDCWD, name, &s->text);
	} else if (t->enter_type == EV_EXECVEAT_E) {
		const struct fdinfo *dir = thread_fd(t, t->enter_dirfd);
		bool none = str_is(name, "<NA>") || name.len == 0;

		if (none && !(t->enter_flags & WIRE_AT_EMPTY_PATH))
			buf_add_c(&s->text, "<NA>");
		else if (none)
			buf_add_str(&s->text, dir ? istr_str(dir->name) : STR("<NA>"));
		else if (name.p[0] != '/' && t->enter_dirfd != WIRE_AT_FDCWD && !dir)
			buf_add_c(&s->text, "<NA>");
		else
			thread_full_path(t, t->enter_dirfd, name, &s->text);
	} else {
		return;
	}
	state_set_text(s, &t->exepath, buf_str(&s->text));
}

static void take_exepath(struct state *s, struct thread *t, struct event *ev)
{
	struct str path = event_get_text(ev, EXECVE_19_X_trusted_exepath);

	if (!path.p) {
		if (t->enter_type)
			exepath_from_enter(s, t);
		return;
	}
	if (str_ends(path, STR(" (deleted)")))
		path.len -= sizeof(" (deleted)") - 1;
	state_set_text(s, &t->exepath, path);
}

/* The cwd parameter is not taken: chdir and fchdir keep the directory, drivers leave it empty. */
static void take_texts(struct state *s, struct thread *t, struct event *ev)
{
	struct str exe = event_get_text(ev, EXECVE_19_X_exe);
	struct str comm = event_get_text(ev, EXECVE_19_X_comm);
	struct str cgroups = event_param(ev, EXECVE_19_X_cgroups);
	struct str env = event_param(ev, EXECVE_19_X_env);

	state_set_text(s, &t->exe, exe);
	thread_set_comm(s, t, comm.len ? comm : exe);
	thread_set_args(s, t, event_param(ev, EXECVE_19_X_args));
	if (cgroups.len)
		thread_set_cgroups(s, t, cgroups);
	if (!t->group)
		return;
	if (env.len) {
		if (env.p[env.len - 1] == '\0')
			env.len--;
		state_set_text(s, &t->group->env, env);
	}
}

ROW_FN(on_exec)
{
	struct thread *t = c->thread;
	struct event *ev = c->ev;

	if (thread_is_fake(t))
		repair_fake(s, t, ev);
	if (!t->group)
		return;
	if (t->state_flags & THREAD_DEAD) {
		t->state_flags &= ~(uint32_t)THREAD_DEAD;
		t->group->alive++;
	}
	take_exepath(s, t, ev);
	take_texts(s, t, ev);
	take_credentials(t, ev);
	take_memory(t, ev);
	take_inode(t, ev);
	t->lastexec_ts = ev->ts;
	t->clone_flags &= CL_PIPE_SRC | CL_PIPE_DST | CL_MAIN_THREAD | CL_INVERTED;
	thread_drop_texts(t);
	fdtable_drop_cloexec(s, &t->group->fds);
	group_remove_others(s, t);
	thread_touch(s, t);
	/* The directory of execveat makes it a call on a file: evt.count.error.file. */
	if (t->enter_type == EV_EXECVEAT_E && !str_starts(istr_str(t->enter_text), STR("/")))
		c->fd = thread_fd(t, t->enter_dirfd);
}

/* Enter events that captures still carry: what the kernel was asked for, before anyone else could
 * rewrite it. Row: p[0] text, p[1] dirfd, p[2] flags; NO_PARAM where it has none. */
ROW_FN(on_enter)
{
	struct thread *t = c->thread;
	struct event *ev = c->ev;
	struct str text = row->p[0] == NO_PARAM ? STR_NONE : event_param(ev, row->p[0]);

	thread_forget_enter(t);
	if (ev->data_len > 4096 || text.len == 0)
		return;
	if (ev->type != EV_CONNECT_E)
		text = event_get_text(ev, row->p[0]);
	t->enter_text = intern_get(&s->intern, text);
	if (!t->enter_text)
		return;
	t->enter_type = ev->type;
	t->enter_dirfd = WIRE_AT_FDCWD;
	t->enter_flags = 0;
	if (row->p[1] != NO_PARAM)
		event_get_i64(ev, row->p[1], &t->enter_dirfd);
	if (row->p[2] != NO_PARAM)
		event_get_u32(ev, row->p[2], &t->enter_flags);
}

ROW_FN(on_exit)
{
	int64_t reaper = -1;

	event_get_i64(c->ev, PROCEXIT_1_E_reaper_tid, &reaper);
	clone_note_exit(s, c->thread, c->ev->ts);
	if (c->thread->vpid == 1 && thread_is_leader(c->thread) && c->thread->container)
		c->thread->container->removed = true;
	group_thread_exit(s, c->thread, reaper);
}

ROW_FN(on_chdir)
{
	struct str path = state_path_param(c->ev, CHDIR_X_path);

	if (!c->thread->group)
		return;
	buf_clear(&s->text);
	path_join(&s->text, thread_cwd(c->thread), path);
	if (s->text.len == 0 || s->text.p[s->text.len - 1] != '/')
		buf_add_char(&s->text, '/');
	if (state_set_text(s, &c->thread->group->cwd, buf_str(&s->text)))
		group_touch(s, c->thread->group);
}

ROW_FN(on_fchdir)
{
	if (c->thread->group && c->fd->name->len)
		group_set_cwd(s, c->thread->group, istr_str(c->fd->name));
}

ROW_FN(on_getcwd)
{
	struct str path = event_get_text(c->ev, GETCWD_X_path);

	if (c->thread->group && path.len)
		group_set_cwd(s, c->thread->group, path);
}

ROW_FN(on_chroot)
{
	struct str path = event_get_text(c->ev, CHROOT_X_path);

	buf_clear(&s->text);
	path_join(&s->text, thread_cwd(c->thread), path);
	if (state_set_text(s, &c->thread->root, buf_str(&s->text)))
		thread_touch(s, c->thread);
}

static void set_id(struct state *s, struct event_ctx *c, uint32_t *slot, unsigned param)
{
	uint32_t id;

	if (!event_get_u32(c->ev, param, &id) || id == ID_UNKNOWN || id == *slot)
		return;
	*slot = id;
	thread_touch(s, c->thread);
}

/* Row: p[0] parameter with the effective id. */
ROW_FN(on_setuid)
{
	set_id(s, c, &c->thread->uid, row->p[0]);
}

ROW_FN(on_setgid)
{
	set_id(s, c, &c->thread->gid, row->p[0]);
}

ROW_FN(on_setsid)
{
	c->thread->sid = s->res;
	thread_touch(s, c->thread);
}

ROW_FN(on_capset)
{
	take_u64(c->ev, CAPSET_X_cap_inheritable, &c->thread->cap_inheritable);
	take_u64(c->ev, CAPSET_X_cap_permitted, &c->thread->cap_permitted);
	take_u64(c->ev, CAPSET_X_cap_effective, &c->thread->cap_effective);
	thread_touch(s, c->thread);
}

/* A new user namespace gives all capabilities. Row: p[0] flags. */
ROW_FN(on_namespace)
{
	struct thread *t = c->thread;
	uint32_t flags;

	if (!event_get_u32(c->ev, row->p[0], &flags) || !(flags & CL_NEWUSER))
		return;
	t->cap_inheritable = t->cap_permitted = t->cap_effective = ALL_CAPS;
	thread_touch(s, t);
}

ROW_FN(on_prctl)
{
	uint32_t option;
	int64_t arg2;

	if (!event_get_u32(c->ev, PRCTL_X_option, &option))
		return;
	if (option == PRCTL_SET_CHILD_SUBREAPER && c->thread->group &&
	    event_get_i64(c->ev, PRCTL_X_arg2_int, &arg2))
		c->thread->group->reaper = arg2 != 0;
	if (option == PRCTL_SET_NAME && s->opts.track_comm) {
		struct str name = event_get_text(c->ev, PRCTL_X_arg2_str);

		if (name.len)
			thread_set_comm(s, c->thread, name);
	}
}

static void set_fdlimit(struct state *s, struct thread *t, int64_t limit)
{
	t = thread_main(t);
	if (limit == -1 || t->fdlimit == limit)
		return;
	t->fdlimit = limit;
	thread_touch(s, t);
}

SAME_PARAM(GETRLIMIT_X_cur, SETRLIMIT_X_cur);
SAME_PARAM(GETRLIMIT_X_resource, SETRLIMIT_X_resource);

ROW_FN(on_rlimit)
{
	uint8_t resource;
	int64_t cur;

	if (event_get_u8(c->ev, GETRLIMIT_X_resource, &resource) &&
	    resource == RLIMIT_NOFILE_WIRE && event_get_i64(c->ev, GETRLIMIT_X_cur, &cur))
		set_fdlimit(s, c->thread, cur);
}

ROW_FN(on_prlimit)
{
	struct thread *t = c->thread;
	int64_t cur, pid = 0;
	uint8_t resource;

	if (!event_get_u8(c->ev, PRLIMIT_X_resource, &resource) ||
	    resource != RLIMIT_NOFILE_WIRE || !event_get_i64(c->ev, PRLIMIT_X_newcur, &cur))
		return;
	event_get_i64(c->ev, PRLIMIT_X_pid, &pid);
	if (pid > 0)
		t = state_thread(s, pid);
	if (t && !thread_is_fake(t))
		set_fdlimit(s, t, cur);
}

SAME_PARAM(BRK_4_X_vm_size, MMAP_X_vm_size);
SAME_PARAM(BRK_4_X_vm_swap, MUNMAP_X_vm_swap);

/* Counters that change all the time: the version stands still. */
ROW_FN(on_memory)
{
	struct thread *t = c->thread;

	take_u32(c->ev, BRK_4_X_vm_size, &t->vmsize_kb);
	take_u32(c->ev, BRK_4_X_vm_rss, &t->vmrss_kb);
	take_u32(c->ev, BRK_4_X_vm_swap, &t->vmswap_kb);
}

/* Unlike the memory calls this is kept with the process, as in the incumbent. */
ROW_FN(on_switch)
{
	struct thread *t = c->thread, *m = thread_main(t);

	take_u64(c->ev, SCHEDSWITCH_6_E_pgft_maj, &t->pfmajor);
	take_u64(c->ev, SCHEDSWITCH_6_E_pgft_min, &t->pfminor);
	take_u32(c->ev, SCHEDSWITCH_6_E_vm_size, &m->vmsize_kb);
	take_u32(c->ev, SCHEDSWITCH_6_E_vm_rss, &m->vmrss_kb);
	take_u32(c->ev, SCHEDSWITCH_6_E_vm_swap, &m->vmswap_kb);
}
