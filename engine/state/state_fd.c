/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that open, copy and close fds other than sockets. Handlers are named by the rows of
 * state_rows.c.
 */
#include "engine/state/state_priv.h"

#define FCNTL_DUPFD 1
#define FCNTL_SETFD 3
#define FCNTL_DUPFD_CLOEXEC 0x1a
#define FD_CLOEXEC_BIT 1
#define CLOSE_RANGE_CLOEXEC_WIRE 4
#define MFD_CLOEXEC_WIRE 1
#define DIRFD_ABSENT INT64_MIN	/* not collected: the path stays as it is */
#define CREAT_UPPER_LAYER 1
#define CREAT_LOWER_LAYER 2

static struct fdtable **own_table(struct state *s, struct thread *t)
{
	if (!t->group && !t->own_fds)
		t->own_fds = fdtable_new(s);
	return thread_fdtable(t);
}

struct fdinfo *state_create_fd(struct state *s, struct event_ctx *c, int64_t fd, uint8_t kind)
{
	struct fdtable **table = own_table(s, c->thread);

	c->fd_num = fd;
	c->fd = table ? fdtable_put(s, table, fd, false) : NULL;
	if (c->fd)
		c->fd->kind = kind;
	return c->fd;
}

/* The fd of the event, ready to be changed; NULL when memory for a private table is missing. */
struct fdinfo *state_edit_fd(struct state *s, struct event_ctx *c)
{
	struct fdtable **table = thread_fdtable(c->thread);
	struct fdinfo *f;

	if (likely(table && (*table)->ref == 1))
		return c->fd;
	f = table ? fdtable_edit(s, table, c->fd->fd) : NULL;

	if (f)
		c->fd = f;
	return f;
}

static inline uint32_t get_flags(struct event *ev, unsigned i)
{
	struct str p = i == NO_PARAM ? STR_NONE : event_param(ev, i);

	if (likely(p.len == 4))
		return load_u32(p.p);
	switch (p.len) {
	case 1:
		return (uint8_t)p.p[0];
	case 2:
		return load_u16(p.p);
	default:
		return 0;
	}
}

/* Base directory of an argument, without the path itself. `tmp` holds a directory's name + "/". */
static struct str dir_base(const struct thread *t, int64_t dirfd, char *tmp, size_t size)
{
	const struct fdinfo *f;

	if (dirfd == WIRE_AT_FDCWD)
		return thread_cwd(t);
	if (dirfd == DIRFD_ABSENT)
		return STR("");
	f = thread_fd(t, dirfd);
	if (!f)
		return STR("<UNKNOWN>");
	if (f->name->len == 0 || f->name->len + 1 > size || f->name->p[f->name->len - 1] == '/')
		return f->name->len ? istr_str(f->name) : STR("/");
	memcpy(tmp, f->name->p, f->name->len);
	tmp[f->name->len] = '/';
	return (struct str){ tmp, f->name->len + 1 };
}

void thread_full_path(const struct thread *t, int64_t dirfd, struct str path, struct buf *out)
{
	char tmp[1025];

	if (path.len && path.p[0] == '/')
		path_join(out, STR("."), path);
	else
		path_join(out, dir_base(t, dirfd, tmp, sizeof(tmp)), path);
}

struct str state_path_param(struct event *ev, unsigned i)
{
	struct str path = event_get_text(ev, i);

	return path.p ? path : STR("<NA>");
}

/*
 * The same for set_path(), which looks at every byte of an absolute path and cuts it at a NUL
 * inside that a damaged record may have.
 */
static inline struct str open_name(struct event *ev, unsigned i)
{
	struct str p = event_param(ev, i);

	if (unlikely(p.len < 2 || p.p[0] != '/' || p.p[p.len - 1] != '\0'))
		return state_path_param(ev, i);
	p.len--;
	return p;
}

/* An absolute path without anything to resolve: both names of a new entry. */
static inline bool take_clean_path(struct state *s, struct fdinfo *f, struct str path)
{
	struct istr *name;

	if (!path.len || path.p[0] != '/' || !path_is_normal(path))
		return false;
	name = intern_own(&s->intern, path);
	if (unlikely(!name))
		return false;
	s->intern.empty->ref--;
	name->ref++;
	f->name = f->nameraw = name;
	return true;
}

static _noinline_ void set_joined_path(struct state *s, struct event_ctx *c, struct fdinfo *f,
				       int64_t dirfd, struct str path)
{
	path.len = (uint32_t)strnlen(path.p, path.len);
	buf_clear(&s->text);
	thread_full_path(c->thread, dirfd, path, &s->text);
	if (path.len > s->limits->max[LIMIT_PATH_LEN])
		s->limits->hits[LIMIT_PATH_LEN]++;
	state_set_name(s, &f->name, buf_str(&s->text));
	if (str_eq(istr_str(f->name), path))
		istr_set(&f->nameraw, f->name);
	else
		state_set_name(s, &f->nameraw, path);
}

/* Names of a new entry. */
static inline void set_path(struct state *s, struct event_ctx *c, struct fdinfo *f, int64_t dirfd,
			    struct str path)
{
	if (unlikely(!take_clean_path(s, f, path)))
		set_joined_path(s, c, f, dirfd, path);
}

static void set_inode(struct event *ev, struct fdinfo *f, unsigned dev, unsigned ino)
{
	int64_t v;

	param_u32(ev, dev, &f->dev);
	if (param_i64(ev, ino, &v))
		f->ino = (uint64_t)v;
}

struct open_args {
	struct str name;
	int64_t dirfd;
	uint32_t flags;
};

/* What was asked for at entry is what the kernel saw; the exit copy may have been rewritten. */
static void prefer_enter(struct event_ctx *c, struct open_args *a, bool has_flags)
{
	struct thread *t = c->thread;

	if (t->enter_text->len == 0 || str_is(istr_str(t->enter_text), "<NA>"))
		return;
	c->toctou_name = a->name = istr_str(t->enter_text);
	a->dirfd = t->enter_dirfd;
	if (has_flags)
		a->flags = t->enter_flags | (a->flags & ~(uint32_t)(WO_F_CREATED - 1));
	t->enter_type = 0;	/* the text stays until the next enter event */
}

/* Row: p = name, dirfd, flags, dev, ino. */
ROW_FN(on_open)
{
	struct open_args a = { .dirfd = WIRE_AT_FDCWD, .flags = get_flags(c->ev, row->p[2]) };
	struct fdinfo *f;

	a.name = open_name(c->ev, row->p[0]);
	if (row->p[1] != NO_PARAM && !param_i64(c->ev, row->p[1], &a.dirfd))
		a.dirfd = DIRFD_ABSENT;
	if (unlikely(c->thread->enter_type == c->ev->type - 1))
		prefer_enter(c, &a, c->ev->type != EV_CREAT_X);
	if (s->res < 0)
		return;
	f = state_create_fd(s, c, s->res, FD_FILE);
	if (!f)
		return;
	if (c->ev->type == EV_CREAT_X)
		a.flags = (a.flags & CREAT_UPPER_LAYER ? WO_UPPER_LAYER : 0) |
			  (a.flags & CREAT_LOWER_LAYER ? WO_LOWER_LAYER : 0) | WO_WRONLY |
			  WO_CREAT | WO_TRUNC;
	if (a.flags & WO_DIRECTORY)
		f->kind = FD_DIRECTORY;
	f->open_flags = a.flags;
	f->cloexec = a.flags & WO_CLOEXEC;
	f->upper_layer = a.flags & WO_UPPER_LAYER;
	f->lower_layer = a.flags & WO_LOWER_LAYER;
	set_inode(c->ev, f, row->p[3], row->p[4]);
	set_path(s, c, f, a.dirfd, a.name);
}

ROW_FN(on_open_by_handle)
{
	struct fdinfo *f = state_create_fd(s, c, s->res, FD_FILE);
	uint32_t flags = get_flags(c->ev, OPEN_BY_HANDLE_AT_X_flags);
	struct str path = state_path_param(c->ev, OPEN_BY_HANDLE_AT_X_path);

	if (!f)
		return;
	if (flags & WO_DIRECTORY)
		f->kind = FD_DIRECTORY;
	f->open_flags = flags;
	f->cloexec = flags & WO_CLOEXEC;
	f->upper_layer = flags & WO_UPPER_LAYER;
	f->lower_layer = flags & WO_LOWER_LAYER;
	set_inode(c->ev, f, OPEN_BY_HANDLE_AT_X_dev, OPEN_BY_HANDLE_AT_X_ino);
	/* The kernel's path is complete, or there is none. */
	if (path.len && path.p[0] == '/') {
		set_path(s, c, f, WIRE_AT_FDCWD, path);
		return;
	}
	state_set_name(s, &f->name, path);
	istr_set(&f->nameraw, f->name);
}

/* Fds without a name. Row: p[0] flags or NO_PARAM, p[1] the cloexec bit's number, 255 = always. */
ROW_FN(on_new_fd)
{
	struct fdinfo *f;

	f = state_create_fd(s, c, s->res, row->kind);
	if (!f)
		return;
	f->open_flags = get_flags(c->ev, row->p[0]);
	f->cloexec = row->p[1] == CLOEXEC_ALWAYS || (f->open_flags >> row->p[1] & 1);
}

/* Most commands give 0 for "done": that must not take the place of standard input. */
ROW_FN(on_bpf)
{
	if (s->res > 0)
		state_on_new_fd(s, c, row);
}

static void add_pipe_end(struct state *s, struct event_ctx *c, int64_t fd, uint32_t flags)
{
	struct fdinfo *f = state_create_fd(s, c, fd, FD_FIFO);

	if (!f)
		return;
	f->open_flags = flags;
	f->cloexec = flags & WO_CLOEXEC;
	event_get_u64(c->ev, PIPE_X_ino, &f->ino);
}

SAME_PARAM(PIPE_X_ino, PIPE2_X_ino);
SAME_PARAM(PIPE_X_fd2, PIPE2_X_fd2);

ROW_FN(on_pipe)
{
	uint32_t flags = get_flags(c->ev, row->p[0]);
	int64_t fd1, fd2;

	if (!param_i64(c->ev, PIPE_X_fd1, &fd1) || !param_i64(c->ev, PIPE_X_fd2, &fd2))
		return;
	add_pipe_end(s, c, fd1, flags);
	add_pipe_end(s, c, fd2, flags);
}

static void copy_fd(struct state *s, struct event_ctx *c, int64_t to, bool cloexec)
{
	struct fdinfo *f = fdtable_copy(s, own_table(s, c->thread), c->fd, to);

	c->fd_num = to;
	c->fd = f;
	if (f)
		f->cloexec = cloexec;
	if (to == 0)
		c->thread->clone_flags |= CL_PIPE_DST;
	else if (to == 1)
		c->thread->clone_flags |= CL_PIPE_SRC;
}

/* Row: p[0] flags or NO_PARAM. */
ROW_FN(on_dup)
{
	copy_fd(s, c, s->res, get_flags(c->ev, row->p[0]) & WO_CLOEXEC);
}

ROW_FN(on_fcntl)
{
	struct str p = event_param(c->ev, FCNTL_X_cmd);
	uint8_t cmd = p.len ? (uint8_t)p.p[0] : 0;
	int64_t arg;

	if (cmd == FCNTL_DUPFD || cmd == FCNTL_DUPFD_CLOEXEC) {
		copy_fd(s, c, s->res, cmd == FCNTL_DUPFD_CLOEXEC);
	} else if (cmd == FCNTL_SETFD && param_i64(c->ev, FCNTL_X_arg, &arg) &&
		   state_edit_fd(s, c)) {
		c->fd->cloexec = arg & FD_CLOEXEC_BIT;
	}
}

ROW_FN(on_close)
{
	s->closed_in = thread_fdtable(c->thread);
	s->closed_fd = c->fd_num;
	__builtin_prefetch(c->fd);
}

ROW_FN(on_close_range)
{
	struct fdtable **table = thread_fdtable(c->thread);
	uint32_t flags = get_flags(c->ev, CLOSE_RANGE_X_flags), first, last;

	if (!table || !event_get_u32(c->ev, CLOSE_RANGE_X_first, &first) ||
	    !event_get_u32(c->ev, CLOSE_RANGE_X_last, &last))
		return;
	fdtable_range(s, table, first, last, flags & CLOSE_RANGE_CLOEXEC_WIRE);
}

/* A failed call also leaves an entry, under the negative number, as in the incumbent. */
ROW_FN(on_memfd)
{
	struct fdinfo *f = s->has_res ? state_create_fd(s, c, s->res, FD_MEMFD) : NULL;

	if (!f)
		return;
	f->open_flags = get_flags(c->ev, MEMFD_CREATE_X_flags);
	f->cloexec = f->open_flags & MFD_CLOEXEC_WIRE;
	state_set_name(s, &f->name, event_get_text(c->ev, MEMFD_CREATE_X_name));
}

ROW_FN(on_pidfd_open)
{
	struct fdinfo *f = state_create_fd(s, c, s->res, FD_PIDFD);
	int64_t pid;

	if (!f || !param_i64(c->ev, PIDFD_OPEN_X_pid, &pid))
		return;
	f->cloexec = true;
	f->pidfd_pid = pid;
	f->open_flags = get_flags(c->ev, PIDFD_OPEN_X_flags);
	buf_clear(&s->text);
	buf_add_c(&s->text, "/proc/");
	buf_add_i64(&s->text, pid);
	state_set_name(s, &f->name, buf_str(&s->text));
}

ROW_FN(on_pidfd_getfd)
{
	const struct fdinfo *pidfd, *target;
	const struct thread *owner;
	int64_t fd, target_fd;

	if (!param_i64(c->ev, PIDFD_GETFD_X_pid_fd, &fd) ||
	    !param_i64(c->ev, PIDFD_GETFD_X_target_fd, &target_fd))
		return;
	pidfd = thread_fd(c->thread, fd);
	owner = pidfd && pidfd->kind == FD_PIDFD ? state_thread(s, pidfd->pidfd_pid) : NULL;
	target = owner ? thread_fd(owner, target_fd) : NULL;
	if (!target)
		return;
	c->fd_num = s->res;
	c->fd = fdtable_copy(s, own_table(s, c->thread), target, s->res);
	if (c->fd)
		c->fd->cloexec = true;
}
