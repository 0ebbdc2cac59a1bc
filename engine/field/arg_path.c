/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts of parameters that name files: fds and paths. Called through the table of arg_print.c, and
 * by fields that resolve paths themselves.
 */
#include "engine/field/arg_type.h"
#include "engine/field/field_fd.h"
#include "engine/state/path.h"

/* Type of the fd and, for sockets, a letter for the protocol. */
static void print_fd_kind(struct buf *out, const struct fdinfo *fd)
{
	static const char l4_letters[] = {
		[L4_TCP] = 't', [L4_UDP] = 'u', [L4_ICMP] = 'i', [L4_RAW] = 'r'
	};

	buf_add_str(out, fd_type_char(fd));
	if (!fd_is_ip(fd) && !fd_is_listener(fd))
		return;
	/* What an unconnected socket will speak is not said, as in fd.l4proto. */
	if (fd->role == ROLE_NONE && fd->l4 != L4_RAW)
		return;
	if (fd->l4 < sizeof(l4_letters) && l4_letters[fd->l4])
		buf_add_char(out, l4_letters[fd->l4]);
}

const struct fdinfo *arg_find_fd(const struct event_ctx *ctx, int64_t fd)
{
	return ctx->thread && fd >= 0 ? thread_fd(ctx->thread, fd) : NULL;
}

bool arg_resolve_fd(const struct arg *a, struct buf *out)
{
	int64_t num = arg_signed(a);
	const struct fdinfo *fd = arg_find_fd(a->ctx, num);

	if (num == WIRE_AT_FDCWD)
		buf_add_c(out, "AT_FDCWD");
	else if (num < 0)
		return arg_print_errno(out, num);
	else if (!fd)
		return false;
	else {
		buf_add_char(out, '<');
		print_fd_kind(out, fd);
		buf_add_char(out, '>');
		buf_add_str(out, istr_str(fd->name));
	}
	return true;
}

static void add_dir(struct buf *out, struct str dir)
{
	buf_add_str(out, dir);
	if (dir.len == 0 || dir.p[dir.len - 1] != '/')
		buf_add_char(out, '/');
}

/* Names of other things than files are no directories: their text must not get into a path. */
static bool names_directory(const struct fdinfo *fd)
{
	return fd->name->len > 0 && fd->name->p[0] == '/';
}

void arg_dirfd_base(struct event_ctx *ctx, int64_t dirfd, struct str path, struct buf *out)
{
	const struct fdinfo *fd;

	if (path.len && path.p[0] == '/') {
		buf_add_char(out, '.');
		return;
	}
	if (dirfd == WIRE_AT_FDCWD && ctx->thread) {
		buf_add_str(out, thread_cwd(ctx->thread));
		return;
	}
	fd = arg_find_fd(ctx, dirfd);
	if (fd)
		add_dir(out, istr_str(fd->name));
	else
		buf_add_c(out, "<UNKNOWN>");
}

static bool is_relative(struct str path)
{
	return path.p && path.len && path.p[0] != '/' && !str_is(path, "<NA>");
}

bool arg_view_path(const struct arg *a, struct str *ret)
{
	struct str s = arg_cstr(a);

	if (is_relative(s))
		return false;
	*ret = s.p ? s : STR("<NA>");
	return true;
}

bool arg_resolve_path(const struct arg *a, struct buf *out)
{
	struct str path = arg_cstr(a);

	if (!is_relative(path))
		return false;
	path_join(out, a->ctx->thread ? thread_cwd(a->ctx->thread) : STR(""), path);
	return true;
}

/* Directory of a relative path, "" when it is not known: then the path stays relative. */
static struct str dirfd_dir(const struct arg *a, int64_t dirfd)
{
	const struct fdinfo *fd;

	if (dirfd == WIRE_AT_FDCWD)
		return a->ctx->thread ? thread_cwd(a->ctx->thread) : STR("");
	fd = arg_find_fd(a->ctx, dirfd);
	return fd && names_directory(fd) ? istr_str(fd->name) : STR("");
}

bool arg_resolve_rel_path(const struct arg *a, struct buf *out)
{
	struct field_cache *c = a->ctx->field_cache;
	struct str path = arg_cstr(a), dir = STR("");
	struct buf local = BUF_INIT, *base = c ? &c->base : &local;
	struct arg at;

	if (!is_relative(path))
		return false;
	if (a->info->ref_kind == REF_DIRFD && arg_init(&at, a->ctx, a->info->ref) && at.p.len >= 8)
		dir = dirfd_dir(a, arg_signed(&at));
	if (dir.len && dir.p[dir.len - 1] != '/') {
		buf_clear(base);
		add_dir(base, dir);
		dir = buf_str(base);
	}
	path_join(out, dir, path);
	buf_done(&local);
	return true;
}
