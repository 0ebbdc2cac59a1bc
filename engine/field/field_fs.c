/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fs.path.*: the paths that a successful file system call works on. Rows are found by
 * field_lookup(); which parameter of which call is meant is a row of `calls`. Texts live in the
 * event or in the scratch arena.
 */
#include "engine/field/arg.h"
#include "engine/field/field_class.h"
#include "engine/field/field_fd.h"
#include "engine/state/path.h"

#define NO_DIRFD (-1)

/* Where a relative path starts. */
enum fs_base {
	FS_NONE,	/* the call has no such path */
	FS_CWD,
	FS_DIRFD,	/* at the fd that a parameter names */
	FS_FD,		/* the path is the name of the fd itself */
	FS_OPENED,	/* the fd that the call made */
	FS_UNKNOWN,	/* nowhere in particular: a symbolic link's text */
};

struct fs_path {
	uint8_t base;		/* enum fs_base */
	uint8_t param, dirfd;
};

struct fs_call {
	struct fs_path name, source, target;
	bool makes_fd;		/* success is an fd, not 0 */
};

#define CWD(ev, param) { FS_CWD, ev##_##param, 0 }
#define DIRFD(ev, param, dirfd) { FS_DIRFD, ev##_##param, ev##_##dirfd }
#define PATH(ev, param) [EV_##ev] = { .name = CWD(ev, param) }
#define PATH_AT(ev, param) [EV_##ev] = { .name = DIRFD(ev, param, dirfd) }
#define PATH_OF_FD(ev) [EV_##ev] = { .name = { FS_FD, 0, 0 } }
#define OPENS(ev, base) [EV_##ev] = { .name = { base, ev##_name, ev##_dirfd }, .makes_fd = true }
#define TWO(ev, from, to) [EV_##ev] = { .source = CWD(ev, from), .target = CWD(ev, to) }

/* Relative paths of renameat and linkat are taken as below the cwd, as rules expect it. */
static const struct fs_call calls[EVENT_TYPE_COUNT] = {
	PATH(MKDIR_2_X, path),
	PATH_AT(MKDIRAT_X, path),
	PATH(RMDIR_2_X, path),
	PATH(UNLINK_2_X, path),
	PATH_AT(UNLINKAT_2_X, name),
	[EV_OPEN_X] = { .name = CWD(OPEN_X, name), .makes_fd = true },
	OPENS(OPENAT_2_X, FS_OPENED),
	OPENS(OPENAT2_X, FS_OPENED),
	PATH(CHMOD_X, filename),
	PATH_OF_FD(FCHMOD_X),
	PATH_AT(FCHMODAT_X, filename),
	PATH(CHOWN_X, path),
	PATH(LCHOWN_X, path),
	PATH_OF_FD(FCHOWN_X),
	PATH_AT(FCHOWNAT_X, pathname),
	PATH(QUOTACTL_X, special),
	PATH(UMOUNT_X, name),
	PATH(UMOUNT_1_X, name),
	PATH(UMOUNT2_X, name),
	TWO(RENAME_X, oldpath, newpath),
	TWO(RENAMEAT_X, oldpath, newpath),
	[EV_RENAMEAT2_X] = { .source = DIRFD(RENAMEAT2_X, oldpath, olddirfd),
			     .target = DIRFD(RENAMEAT2_X, newpath, newdirfd) },
	TWO(LINK_2_X, newpath, oldpath),
	TWO(LINKAT_2_X, newpath, oldpath),
	TWO(SYMLINK_X, linkpath, target),
	[EV_SYMLINKAT_X] = { .source = DIRFD(SYMLINKAT_X, linkpath, linkdirfd),
			     .target = { FS_UNKNOWN, SYMLINKAT_X_target, 0 } },
	TWO(MOUNT_X, dev, dir),
};

/* The row of the event's path when the call succeeded. The field's offset says which path. */
static const struct fs_path *path_of(const struct field_ref *f, struct event_ctx *ctx)
{
	const struct fs_call *c = &calls[ctx->ev->type];
	const struct fs_path *p = (const void *)((const char *)c + f->info->offset);
	int64_t res;

	if (p->base == FS_NONE || !ctx->thread || !event_result(ctx->ev, &res))
		return NULL;
	return (c->makes_fd ? res >= 0 : res == 0) ? p : NULL;
}

static bool fd_name(struct event_ctx *ctx, struct value *ret)
{
	if (!ctx->fd)
		return false;
	*ret = value_str(istr_str(ctx->fd->name));
	return true;
}

static bool get_raw(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct fs_path *p = path_of(f, ctx);
	struct str s;

	if (!p)
		return false;
	if (p->base == FS_FD)
		return fd_name(ctx, ret);
	s = event_get_text(ctx->ev, p->param);
	*ret = value_str(s.p ? s : STR("<NA>"));
	return true;
}

static bool join(struct event_ctx *ctx, struct str base, struct str path, struct value *ret)
{
	struct buf local = BUF_INIT, *b = arg_scratch(ctx, &local);

	path_join(b, base, path);
	return arg_scratch_done(ctx, b, &local, ret);
}

static bool get_full(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct fs_path *p = path_of(f, ctx);
	int64_t dirfd = WIRE_AT_FDCWD;

	if (!get_raw(f, ctx, ret))
		return false;
	if (p->base == FS_FD)
		return true;
	if (p->base == FS_UNKNOWN)
		return join(ctx, STR("<UNKNOWN>"), ret->s, ret);
	if (p->base == FS_OPENED && (!ret->s.len || ret->s.p[0] != '/') && ctx->fd)
		return fd_name(ctx, ret);
	if (p->base != FS_CWD && !event_get_i64(ctx->ev, p->dirfd, &dirfd))
		dirfd = NO_DIRFD;
	return fd_path_at(ctx, dirfd, ret->s, ret);
}

#define ROW(name, get, member, help) \
	FIELD_ROW(name, CHARBUF, get, help, .offset = offsetof(struct fs_call, member))

static const struct field_info fields[] = {
	ROW("fs.path.name", get_full, name, "path that a file system call worked on"),
	ROW("fs.path.nameraw", get_raw, name, "the same path as given to the call"),
	ROW("fs.path.source", get_full, source,
	    "rename: old path, link and symlink: new path, mount: device"),
	ROW("fs.path.sourceraw", get_raw, source, "the same path as given to the call"),
	ROW("fs.path.target", get_full, target,
	    "rename: new path, link: old path, symlink: target, mount: directory"),
	ROW("fs.path.targetraw", get_raw, target, "the same path as given to the call"),
};

const struct field_class field_class_fspath = {
	.name = "fs.path",
	.desc = "the paths that a file system call worked on",
	.fields = fields,
	.count = ARRAY_SIZE(fields),
};
