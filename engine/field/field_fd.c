/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fd.*: the fd that an event uses, makes or closes. Rows are found by field_lookup(); names and
 * kinds are in field_fd_name.c, sockets in field_fd_sock.c. Values are views into the fd table or
 * texts in the scratch arena.
 */
#include "engine/field/field_class.h"
#include "engine/field/field_fd.h"
#include "engine/field/field_text.h"
#include "engine/state/path.h"

static bool get_num(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	if (!ctx->has_fd || !ctx->thread)
		return false;
	*ret = value_i64(PT_INT64, ctx->fd_num);
	return true;
}

static bool get_type(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct fdinfo *fd = field_fd(ctx);

	if (!fd)
		return false;
	*ret = value_str(fd_type_name(fd));
	return true;
}

/* What the call would have made, when there is no fd. */
static struct str letter_of_event(const struct event *ev)
{
	static const struct {
		uint16_t type;
		const char *letter;
	} guesses[] = {
		{ EV_OPENAT_2_X, "f" }, { EV_OPENAT2_X, "f" }, { EV_CREAT_X, "f" },
		{ EV_SOCKET_X, "4" }, { EV_ACCEPT_5_X, "4" }, { EV_ACCEPT4_6_X, "4" },
		{ EV_PIPE_X, "p" }, { EV_PIPE2_X, "p" },
		{ EV_EVENTFD_X, "e" }, { EV_EVENTFD2_X, "e" },
		{ EV_SIGNALFD_X, "s" }, { EV_SIGNALFD4_X, "s" },
		{ EV_TIMERFD_CREATE_X, "t" },
		{ EV_INOTIFY_INIT_X, "i" }, { EV_INOTIFY_INIT1_X, "i" },
	};

	for (unsigned i = 0; i < ARRAY_SIZE(guesses); i++) {
		if (guesses[i].type == ev->type)
			return str_from(guesses[i].letter);
	}
	return STR("o");
}

static bool get_typechar(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	if (!ctx->has_fd || !ctx->thread)
		return false;
	*ret = value_str(ctx->fd ? fd_type_char(ctx->fd) : letter_of_event(ctx->ev));
	return true;
}

static bool get_name(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return fd_name_of(ctx, ret);
}

static const struct istr *stored_name(const struct field_ref *f, struct event_ctx *ctx)
{
	return ctx->has_fd && ctx->thread && ctx->fd ? ctx->fd->name : NULL;
}

/* A text with repeated slashes is not the value. A path that is the name, too, has none. */
static const struct istr *stored_nameraw(const struct field_ref *f, struct event_ctx *ctx)
{
	const struct istr *raw = ctx->has_fd && ctx->thread && ctx->fd ? ctx->fd->nameraw : NULL;

	if (!raw || (raw == ctx->fd->name && raw->p[0] == '/'))
		return raw;
	return str_has_pair(istr_str(raw), '/') ? NULL : raw;
}

static bool get_nameraw(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return fd_nameraw_of(ctx, ret);
}

static bool get_directory(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct fdinfo *fd = ctx->fd;
	struct value name;

	if (!fd_name_of(ctx, &name))
		return false;
	if (fd && fd->kind != FD_FILE && fd->kind != FD_DIRECTORY)
		return false;
	if (fd && fd->kind == FD_DIRECTORY)
		*ret = name;
	else
		*ret = value_str(path_directory(name.s));
	return true;
}

static bool get_filename(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct fdinfo *fd = field_fd(ctx);

	if (!fd || fd->kind != FD_FILE)
		return false;
	*ret = value_str(path_filename(istr_str(fd->name)));
	return true;
}

/* "ID:" before a text; the id of the host is empty. */
static bool with_container(struct event_ctx *ctx, struct value *ret)
{
	const struct container *c = ctx->thread->container;

	return text_value(text_concat(ctx->scratch, c ? istr_str(c->id) : STR(""), STR(":"),
				      ret->s), ret);
}

static bool get_containername(const struct field_ref *f, struct event_ctx *ctx,
			      struct value *ret)
{
	return get_name(f, ctx, ret) && with_container(ctx, ret);
}

static bool get_containerdirectory(const struct field_ref *f, struct event_ctx *ctx,
				   struct value *ret)
{
	return get_directory(f, ctx, ret) && with_container(ctx, ret);
}

static bool get_uid(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	if (!ctx->has_fd || !ctx->thread)
		return false;
	return text_value(text_concat(ctx->scratch, text_i64(ctx->scratch, ctx->thread->tid),
				      text_i64(ctx->scratch, ctx->fd_num), STR("")), ret);
}

static bool get_name_changed(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	if (!field_fd(ctx))
		return false;
	*ret = value_bool(ctx->fd_name_changed);
	return true;
}

static bool get_dev(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct fdinfo *fd = field_fd(ctx);

	if (!fd)
		return false;
	*ret = value_i64(PT_INT32, fd->dev);
	ret->fmt = PF_HEX;
	return true;
}

static bool get_dev_major(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct fdinfo *fd = field_fd(ctx);

	if (!fd)
		return false;
	*ret = value_i64(PT_INT32, (fd->dev & 0xfff00) >> 8);
	return true;
}

static bool get_dev_minor(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct fdinfo *fd = field_fd(ctx);

	if (!fd)
		return false;
	*ret = value_i64(PT_INT32, (fd->dev & 0xff) | ((fd->dev >> 12) & 0xfff00));
	return true;
}

/*
 * Where the kernel found the file, after symbolic links: read at this event, or when it was opened.
 */
struct str fd_realpath_of(const struct event_ctx *ctx)
{
	const struct event_kernel *k = ctx->ev->kernel;
	const struct fdinfo *fd = field_fd(ctx);

	if (ctx->has_fd && ctx->thread && k && (k->have & KERNEL_FD_PATH))
		return k->fd_path;
	return fd ? istr_str(fd->realpath) : STR_NONE;
}

static bool get_realpath(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return text_value(fd_realpath_of(ctx), ret);
}

static void add_type(struct value_list *l, uint8_t kind)
{
	const struct fdinfo fd = { .kind = kind };
	struct str name = fd_type_name(&fd);

	for (uint32_t i = 0; i < l->n; i++) {
		if (l->v[i].s.p == name.p || str_eq(l->v[i].s, name))
			return;
	}
	l->v[l->n++] = value_str(name);
}

/* fd.types: distinct types of all open fds; [N]: of fd N. */
static bool all_types(const struct field_ref *f, struct event_ctx *ctx, struct value_list *ret)
{
	struct value_list l = { 0 };
	struct fdinfo *fd, **fds;
	uint32_t n = 0;

	if (!ctx->has_fd || !ctx->thread)
		return false;
	l.v = arena_array(ctx->scratch, FD_PIDFD + 2, sizeof(*l.v));
	if (!l.v)
		return false;
	if (f->has_index) {
		fd = thread_fd(ctx->thread, f->index);
		if (!fd)
			return false;
		add_type(&l, fd->kind);
	} else {
		fds = fd_order(ctx, &n);
		for (uint32_t i = 0; i < n; i++)
			add_type(&l, fds[i]->kind);
		if (!n && ctx->fd)
			add_type(&l, ctx->fd->kind);
	}
	*ret = l;
	return true;
}

#define ROW FIELD_ROW
#define MEMBER(name, type, member, help) FIELD_MEMBER(fd, , name, type, member, help)
#define NO_WRAP (FIELD_NO_TRANSFORMER | FIELD_NO_RHS)
/* Both ends of a connection, in conditions only. */
#define BOTH(name, type, all, help)                                             \
	FIELD_ROW(name, type, NULL, help, .multi = MULTI_ENDS, .get_all = all, \
		  .flags = FIELD_FILTER_ONLY | NO_WRAP)
#define NET(name_, end, help) \
	FIELD_ROW(name_, IPNET, fd_get_##end##ip, help, .flags = FIELD_FILTER_ONLY | NO_WRAP)
#define NAME(name_, end, help)                                                    \
	FIELD_ROW(name_, CHARBUF, fd_get_##end##name, help, .multi = MULTI_ENDS, \
		  .get_all = fd_all_##end##name, .flags = NO_WRAP)

static const struct field_info fields[] = {
	ROW("fd.num", INT64, get_num, "fd number, -1 when it could not be opened"),
	ROW("fd.type", CHARBUF, get_type,
	    "file, directory, ipv4, ipv6, unix, pipe, event, signalfd, eventpoll, inotify, "
	    "timerfd, netlink, bpf, userfaultfd, io_uring, memfd, pidfd or <NA>"),
	ROW("fd.typechar", CHARBUF, get_typechar, "type as one character"),
	ROW("fd.name", CHARBUF, get_name, "full name: path, connection, address of a listener",
	    .stored = stored_name),
	ROW("fd.directory", CHARBUF, get_directory, "directory of a file"),
	ROW("fd.filename", CHARBUF, get_filename, "name of a file without its directory"),
	BOTH("fd.ip", IPADDR, fd_all_ip, "either address of a connection"),
	ROW("fd.cip", IPADDR, fd_get_cip, "client address"),
	ROW("fd.sip", IPADDR, fd_get_sip, "server address"),
	ROW("fd.lip", IPADDR, fd_get_lip, "local address"),
	ROW("fd.rip", IPADDR, fd_get_rip, "remote address"),
	BOTH("fd.port", PORT, fd_all_port, "either port of a connection"),
	ROW("fd.cport", PORT, fd_get_cport, "client port"),
	ROW("fd.sport", PORT, fd_get_sport, "server port"),
	ROW("fd.lport", PORT, fd_get_lport, "local port"),
	ROW("fd.rport", PORT, fd_get_rport, "remote port"),
	ROW("fd.l4proto", CHARBUF, fd_get_l4proto, "tcp, udp, icmp, raw or <NA>"),
	ROW("fd.sockfamily", CHARBUF, fd_get_sockfamily, "ip or unix, for sockets"),
	ROW("fd.is_server", BOOL, fd_get_is_server, "the process is the server side"),
	ROW("fd.uid", CHARBUF, get_uid, "thread id and fd number, written one after the other"),
	ROW("fd.containername", CHARBUF, get_containername, "container id, colon, fd.name"),
	ROW("fd.containerdirectory", CHARBUF, get_containerdirectory,
	    "container id, colon, fd.directory"),
	BOTH("fd.proto", PORT, fd_all_port, "either port, compared by number or service name"),
	ROW("fd.cproto", CHARBUF, fd_get_cproto, "client port as text"),
	ROW("fd.sproto", CHARBUF, fd_get_sproto, "server port as text"),
	ROW("fd.lproto", CHARBUF, fd_get_lproto, "local port as text"),
	ROW("fd.rproto", CHARBUF, fd_get_rproto, "remote port as text"),
	BOTH("fd.net", IPNET, fd_all_ip, "either address in a network"),
	NET("fd.cnet", c, "client address in a network"),
	NET("fd.snet", s, "server address in a network"),
	NET("fd.lnet", l, "local address in a network"),
	NET("fd.rnet", r, "remote address in a network"),
	MEMBER("fd.connected", BOOL, connected, "socket is connected"),
	ROW("fd.name_changed", BOOL, get_name_changed, "this event changed fd.name"),
	NAME("fd.cip.name", c, "host name that resolves to the client address"),
	NAME("fd.sip.name", s, "host name that resolves to the server address"),
	NAME("fd.lip.name", l, "host name that resolves to the local address"),
	NAME("fd.rip.name", r, "host name that resolves to the remote address"),
	ROW("fd.dev", INT32, get_dev, "device of the file, upper case hex",
	    .fmt = PF_HEX, .flags = FIELD_JSON_STRING),
	ROW("fd.dev.major", INT32, get_dev_major, "major number of the device"),
	ROW("fd.dev.minor", INT32, get_dev_minor, "minor number of the device"),
	MEMBER("fd.ino", INT64, ino, "inode of the file"),
	ROW("fd.nameraw", CHARBUF, get_nameraw, "path as given to the call",
	    .stored = stored_nameraw),
	ROW("fd.types", CHARBUF, NULL, "distinct types of all open fds; [N] type of fd N",
	    .arg = ARG_INDEX, .get_all = all_types, .flags = FIELD_LIST | FIELD_NO_RHS),
	MEMBER("fd.is_upper_layer", BOOL, upper_layer,
	       "file is in the upper layer of an overlay file system"),
	MEMBER("fd.is_lower_layer", BOOL, lower_layer,
	       "file is in the lower layer of an overlay file system"),
	ROW("fd.realpath", CHARBUF, get_realpath,
	    "path of the file as the kernel resolved it, symbolic links followed",
	    .flags = FIELD_OURS),
};

const struct field_class field_class_fd = {
	.name = "fd",
	.desc = "the file descriptor that the event works on",
	.fields = fields,
	.count = ARRAY_SIZE(fields),
};
