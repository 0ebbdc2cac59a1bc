/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kinds and names of fds. Called by the getters of fd.*, fs.path.* and proc.std*. Names are views
 * into the fd table, or texts in the scratch arena when the fd is not there.
 */
#include "engine/field/arg.h"
#include "engine/field/field_fd.h"
#include "engine/field/field_text.h"
#include "engine/state/path.h"

static const struct {
	const char *letter, *name;
} kinds[] = {
	[FD_UNKNOWN] = { "o", "<NA>" },
	[FD_FILE] = { "f", "file" },
	[FD_DIRECTORY] = { "d", "directory" },
	[FD_IPV4] = { "4", "ipv4" },
	[FD_IPV6] = { "6", "ipv6" },
	[FD_IPV4_SERVER] = { "4", "ipv4" },
	[FD_IPV6_SERVER] = { "6", "ipv6" },
	[FD_FIFO] = { "p", "pipe" },
	[FD_UNIX] = { "u", "unix" },
	[FD_EVENTFD] = { "e", "event" },
	[FD_UNSUPPORTED] = { "X", "<NA>" },
	[FD_SIGNALFD] = { "s", "signalfd" },
	[FD_EVENTPOLL] = { "l", "eventpoll" },
	[FD_INOTIFY] = { "i", "inotify" },
	[FD_TIMERFD] = { "t", "timerfd" },
	[FD_NETLINK] = { "n", "netlink" },
	[FD_FILE_V2] = { "f", "file" },
	[FD_BPF] = { "b", "bpf" },
	[FD_USERFAULTFD] = { "u", "userfaultfd" },
	[FD_IO_URING] = { "r", "io_uring" },
	[FD_MEMFD] = { "m", "memfd" },
	[FD_PIDFD] = { "P", "pidfd" },
};

struct str fd_type_name(const struct fdinfo *fd)
{
	return str_from(kinds[fd->kind < ARRAY_SIZE(kinds) ? fd->kind : FD_UNKNOWN].name);
}

struct str fd_type_char(const struct fdinfo *fd)
{
	return str_from(kinds[fd->kind < ARRAY_SIZE(kinds) ? fd->kind : FD_UNKNOWN].letter);
}

bool fd_path_at(struct event_ctx *ctx, int64_t dirfd, struct str path, struct value *ret)
{
	struct buf local = BUF_INIT, *b = arg_scratch(ctx, &local);
	struct value base;

	if (path.len && path.p[0] == '/' && path_is_normal(path)) {
		*ret = value_str(path);
		return true;
	}
	arg_dirfd_base(ctx, dirfd, path, b);
	if (!arg_scratch_done(ctx, b, &local, &base))
		return false;
	b = arg_scratch(ctx, &local);
	path_join(b, base.s, path);
	return arg_scratch_done(ctx, b, &local, ret);
}

/*
 * Which parameters name the fd that a call makes: a path below `dirfd`, or (dirfd 0) an argument as
 * evt.arg shows it.
 */
static const struct fd_maker {
	uint16_t type;		/* enum event_type */
	uint8_t name, dirfd;
} fd_makers[] = {
	{ EV_OPEN_X, OPEN_X_name },
	{ EV_OPENAT_2_X, OPENAT_2_X_name, OPENAT_2_X_dirfd },
	{ EV_OPENAT2_X, OPENAT2_X_name, OPENAT2_X_dirfd },
	{ EV_CREAT_X, CREAT_X_name },
	{ EV_OPEN_BY_HANDLE_AT_X, OPEN_BY_HANDLE_AT_X_path },
	{ EV_CONNECT_X, CONNECT_X_tuple },
	{ EV_ACCEPT_5_X, ACCEPT_5_X_tuple },
	{ EV_ACCEPT4_6_X, ACCEPT4_6_X_tuple },
};

static const struct fd_maker *maker_of(const struct event *ev)
{
	for (unsigned i = 0; i < ARRAY_SIZE(fd_makers); i++) {
		if (fd_makers[i].type == ev->type)
			return &fd_makers[i];
	}
	return NULL;
}

static bool name_from_event(struct event_ctx *ctx, bool raw, struct value *ret)
{
	const struct fd_maker *m = maker_of(ctx->ev);
	struct str name;
	int64_t dirfd;

	if (!m) {
		*ret = value_str(STR(""));
		return true;
	}
	if (!m->dirfd)
		return arg_value(ctx, m->name, ret);
	name = event_get_text(ctx->ev, m->name);
	if (!name.p)
		name = STR("<NA>");
	if (!raw) {
		if (!event_get_i64(ctx->ev, m->dirfd, &dirfd))
			dirfd = WIRE_AT_FDCWD;
		return fd_path_at(ctx, dirfd, name, ret);
	}
	*ret = value_str(name);
	return true;
}

bool fd_name_of(struct event_ctx *ctx, struct value *ret)
{
	if (!ctx->has_fd || !ctx->thread)
		return false;
	if (!ctx->fd)
		return name_from_event(ctx, false, ret);
	*ret = value_str(istr_str(ctx->fd->name));
	return true;
}

/* Repeated slashes are one. */
static bool squeeze_slashes(struct arena *a, struct value *v)
{
	struct str s = v->s;
	uint32_t n = 0;
	char *p;

	if (!str_has_pair(s, '/'))
		return true;
	p = arena_alloc(a, s.len);
	if (!p)
		return false;
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.p[i] != '/' || !n || p[n - 1] != '/')
			p[n++] = s.p[i];
	}
	v->s = (struct str){ p, n };
	return true;
}

bool fd_nameraw_of(struct event_ctx *ctx, struct value *ret)
{
	struct str raw;

	if (!ctx->has_fd || !ctx->thread)
		return false;
	if (ctx->fd) {
		raw = istr_str(ctx->fd->nameraw);
		*ret = value_str(raw.p ? raw : STR(""));
	} else if (!name_from_event(ctx, true, ret)) {
		return false;
	}
	return squeeze_slashes(ctx->scratch, ret);
}
