/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields about the I/O and the outcome of an event: category, buffers, error counters, open modes.
 * Called through the rows of field_evt.c.
 */
#include "engine/field/field_evt.h"

/* What an fd counts as in categories and counters. */
enum fd_class { FD_CLASS_NONE, FD_CLASS_FILE, FD_CLASS_DIR, FD_CLASS_NET, FD_CLASS_UNIX,
	FD_CLASS_IPC };

static const uint8_t fd_classes[] = {
	[FD_FILE] = FD_CLASS_FILE,
	[FD_FILE_V2] = FD_CLASS_FILE,
	[FD_DIRECTORY] = FD_CLASS_DIR,
	[FD_IPV4] = FD_CLASS_NET,
	[FD_IPV6] = FD_CLASS_NET,
	[FD_IPV4_SERVER] = FD_CLASS_NET,
	[FD_IPV6_SERVER] = FD_CLASS_NET,
	[FD_UNIX] = FD_CLASS_UNIX,
	[FD_FIFO] = FD_CLASS_IPC,
	[FD_EVENTFD] = FD_CLASS_IPC,
	[FD_SIGNALFD] = FD_CLASS_IPC,
	[FD_INOTIFY] = FD_CLASS_IPC,
};

static enum fd_class fd_class_of(const struct fdinfo *fd)
{
	return fd && fd->kind < sizeof(fd_classes) ? fd_classes[fd->kind] : FD_CLASS_NONE;
}

#define CAT_ENUM(category) ((category) & 0xff)

static bool is_io_category(uint16_t category)
{
	unsigned c = CAT_ENUM(category);

	return c == CAT_IO_READ || c == CAT_IO_WRITE || c == CAT_IO_OTHER;
}

static const char *const category_names[] = {
	[CAT_UNKNOWN] = "unknown",
	[CAT_OTHER] = "other",
	[CAT_FILE] = "file",
	[CAT_NET] = "net",
	[CAT_IPC] = "IPC",
	[CAT_MEMORY] = "memory",
	[CAT_PROCESS] = "process",
	[CAT_SLEEP] = "sleep",
	[CAT_SYSTEM] = "system",
	[CAT_SIGNAL] = "signal",
	[CAT_USER] = "user",
	[CAT_TIME] = "time",
};

static const char *const io_category_names[] = {
	[FD_CLASS_NONE] = "unknown",
	[FD_CLASS_FILE] = "file",
	[FD_CLASS_DIR] = "file",
	[FD_CLASS_NET] = "net",
	[FD_CLASS_UNIX] = "ipc",
	[FD_CLASS_IPC] = "ipc",
};

static const char *category_name(const struct event_ctx *ctx)
{
	uint16_t category = ctx->ev->info->category;
	unsigned c = CAT_ENUM(category);

	if (category & CAT_WAIT)
		return "wait";
	if (category & CAT_SCHEDULER)
		return "scheduler";
	if (category & CAT_INTERNAL)
		return "internal";
	if (is_io_category(category))
		return io_category_names[fd_class_of(ctx->fd)];
	return c < ARRAY_SIZE(category_names) ? category_names[c] : "unknown";
}

bool field_evt_category(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_str(str_from(category_name(ctx)));
	return true;
}

int field_evt_parse_buffer(struct field_ref *f, struct str rest, struct arena *a)
{
	f->param_of = field_param_positions(STR("data"), a);
	return f->param_of ? 0 : -ENOMEM;
}

bool field_evt_buffer(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	uint16_t at = f->param_of[ctx->ev->type];
	struct str data;

	if (at == FIELD_NO_PARAM)
		return false;
	data = event_param(ctx->ev, at);
	if (!data.p)
		return false;
	*ret = (struct value){ .type = PT_BYTEBUF, .s = data };
	return true;
}

bool field_evt_buflen(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	unsigned want = f->info->offset, category = CAT_ENUM(ctx->ev->info->category);
	enum fd_class class = fd_class_of(ctx->fd);
	int64_t res;

	if (!ctx->fd || !is_io_category((uint16_t)category))
		return false;
	if ((want & EVT_BUFLEN_IN && category != CAT_IO_READ) ||
	    (want & EVT_BUFLEN_OUT && category != CAT_IO_WRITE) ||
	    (want & EVT_BUFLEN_FILE && class != FD_CLASS_FILE) ||
	    (want & EVT_BUFLEN_NET && class != FD_CLASS_NET))
		return false;
	if (!field_evt_result(ctx, &res) || res < 0)
		return false;
	*ret = value_u64(PT_UINT64, (uint64_t)res);
	return true;
}

/* offset: the event flags of which one must be set. */
bool field_evt_has_flags(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_bool(ctx->ev->info->flags & f->info->offset);
	return true;
}

bool field_evt_io_dir(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	uint16_t flags = ctx->ev->info->flags;

	if (!(flags & (EF_READS_FROM_FD | EF_WRITES_TO_FD)))
		return false;
	*ret = value_str(flags & EF_WRITES_TO_FD ? STR("write") : STR("read"));
	return true;
}

bool field_evt_is_syslog(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	bool writes = ctx->ev->info->flags & EF_WRITES_TO_FD;

	*ret = value_bool(writes && ctx->fd &&
			  str_contains(istr_str(ctx->fd->name), STR("/dev/log")));
	return true;
}

/* ---- error counters ------------------------------------------------------------------------- */

/* Calls that would have made an fd: a failure has none to look at. */
static enum fd_class class_without_fd(uint16_t type)
{
	static const struct {
		uint16_t type;
		uint8_t class;
	} makers[] = {
		{ EV_OPEN_X, FD_CLASS_FILE },
		{ EV_CREAT_X, FD_CLASS_FILE },
		{ EV_OPENAT_2_X, FD_CLASS_FILE },
		{ EV_OPENAT2_X, FD_CLASS_FILE },
		{ EV_OPEN_BY_HANDLE_AT_X, FD_CLASS_FILE },
		{ EV_ACCEPT_5_X, FD_CLASS_NET },
		{ EV_ACCEPT4_6_X, FD_CLASS_NET },
		{ EV_CONNECT_X, FD_CLASS_NET },
	};

	for (size_t i = 0; i < ARRAY_SIZE(makers); i++) {
		if (makers[i].type == type)
			return makers[i].class;
	}
	return FD_CLASS_NONE;
}

/* Bits 1 << enum field_evt_error of the counters that an event belongs to. */
static unsigned error_classes(const struct event_ctx *ctx)
{
	enum fd_class class = ctx->fd ? fd_class_of(ctx->fd) : class_without_fd(ctx->ev->type);
	bool memory = CAT_ENUM(ctx->ev->info->category) == CAT_MEMORY;
	unsigned bits = 1 << EVT_ERROR_ANY;

	if (memory)
		bits |= 1 << EVT_ERROR_MEMORY;
	if (class == FD_CLASS_FILE || class == FD_CLASS_DIR)
		bits |= 1 << EVT_ERROR_FILE;
	else if (class == FD_CLASS_NET || class == FD_CLASS_UNIX)
		bits |= 1 << EVT_ERROR_NET;
	else if (ctx->fd || !memory)
		bits |= 1 << EVT_ERROR_OTHER;
	return bits;
}

bool field_evt_count_error(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	int64_t res;

	if (!field_evt_result(ctx, &res) || !(error_classes(ctx) >> f->info->offset & 1))
		return false;
	*ret = value_u64(PT_UINT32, res < 0);
	return true;
}

/* ---- modes of open -------------------------------------------------------------------------- */

#define NO_PARAM -1

struct open_params {
	uint16_t type;
	int8_t fd, flags, mode;
};

static const struct open_params opens[] = {
	{ EV_OPEN_X, OPEN_X_fd, OPEN_X_flags, OPEN_X_mode },
	{ EV_OPENAT_2_X, OPENAT_2_X_fd, OPENAT_2_X_flags, OPENAT_2_X_mode },
	{ EV_OPENAT2_X, OPENAT2_X_fd, OPENAT2_X_flags, OPENAT2_X_mode },
	{ EV_OPEN_BY_HANDLE_AT_X, OPEN_BY_HANDLE_AT_X_fd, OPEN_BY_HANDLE_AT_X_flags, NO_PARAM },
	{ EV_CREAT_X, CREAT_X_fd, NO_PARAM, CREAT_X_mode },
};

#define EXEC_BITS 0111

static bool open_is(const struct open_params *p, struct event *ev, unsigned what)
{
	uint32_t flags = 0, mode = 0;
	int64_t fd = -1;

	if (p->flags != NO_PARAM)
		event_get_u32(ev, (unsigned)p->flags, &flags);
	switch (what) {
	case EVT_OPEN_READ:
		return flags & WO_RDONLY;
	case EVT_OPEN_WRITE:
		return flags & WO_WRONLY;
	case EVT_OPEN_EXEC:
		if (p->mode == NO_PARAM)
			return false;
		event_get_u32(ev, (unsigned)p->mode, &mode);
		return mode & EXEC_BITS &&
		       (p->flags == NO_PARAM || flags & (WO_CREAT | WO_TMPFILE));
	default:
		event_get_i64(ev, (unsigned)p->fd, &fd);
		return flags & WO_F_CREATED || (flags & WO_TMPFILE && fd >= 0);
	}
}

bool field_evt_is_open(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	bool is = false;

	for (size_t i = 0; i < ARRAY_SIZE(opens); i++) {
		if (opens[i].type == ctx->ev->type) {
			is = open_is(&opens[i], ctx->ev, f->info->offset);
			break;
		}
	}
	*ret = value_bool(is);
	return true;
}
