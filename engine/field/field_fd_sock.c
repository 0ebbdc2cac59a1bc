/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fd.*: addresses, ports and roles of sockets. Called through the rows of field_fd.c. The client is
 * the source of a connection; a listener has an own end only, kept as destination.
 */
#include "engine/field/field_fd.h"
#include "engine/field/field_text.h"
#include "engine/state/sock.h"

#define NAMES_MAX 16	/* host names of one address that conditions look at */

enum sock_end { END_CLIENT, END_SERVER, END_LOCAL, END_REMOTE };

bool fd_is_ip(const struct fdinfo *fd)
{
	return fd->kind == FD_IPV4 || fd->kind == FD_IPV6;
}

bool fd_is_listener(const struct fdinfo *fd)
{
	return fd->kind == FD_IPV4_SERVER || fd->kind == FD_IPV6_SERVER;
}

static bool is_v6(const struct fdinfo *fd)
{
	return fd->kind == FD_IPV6 || fd->kind == FD_IPV6_SERVER;
}

/*
 * Is the end the source of the connection? False: there is no such end, because the fd is not a
 * connection or its role is not known.
 */
static bool end_of(const struct event_ctx *ctx, const struct fdinfo *fd, enum sock_end end,
		   bool *ret_source)
{
	bool local;

	if (!fd || !fd_is_ip(fd) || fd->role == ROLE_NONE) {
		*ret_source = false;
		return fd && fd_is_listener(fd) && end == END_SERVER;
	}
	if (end == END_CLIENT || end == END_SERVER) {
		*ret_source = end == END_CLIENT;
		return true;
	}
	local = state_addr_is_local(ctx->state, ctx->thread, fd->tuple.sip, is_v6(fd));
	*ret_source = local == (end == END_LOCAL);
	return true;
}

/* As IPADDR, or as IPNET that covers this address only. */
static struct value addr_value(const struct fdinfo *fd, bool source, enum param_type type)
{
	struct value v = { .type = (uint8_t)type };

	v.ip.v6 = is_v6(fd);
	v.ip.prefix = v.ip.v6 ? 128 : 32;
	memcpy(v.ip.addr, source ? fd->tuple.sip : fd->tuple.dip, v.ip.v6 ? 16 : 4);
	return v;
}

static bool get_addr(const struct field_ref *f, struct event_ctx *ctx, enum sock_end end,
		     struct value *ret)
{
	const struct fdinfo *fd = field_fd(ctx);
	bool source;

	if (!end_of(ctx, fd, end, &source))
		return false;
	*ret = addr_value(fd, source, f->info->type);
	return true;
}

static bool get_port(const struct field_ref *f, struct event_ctx *ctx, enum sock_end end,
		     struct value *ret)
{
	const struct fdinfo *fd = field_fd(ctx);
	bool source;

	if (!end_of(ctx, fd, end, &source))
		return false;
	*ret = value_u64(PT_PORT, source ? fd->tuple.sport : fd->tuple.dport);
	return true;
}

/*
 * The port as text. An fd with a role but without that port has an empty text: the client side of
 * unix sockets and listeners, the server side of listeners.
 */
static bool get_proto(const struct field_ref *f, struct event_ctx *ctx, enum sock_end end,
		      struct value *ret)
{
	const struct fdinfo *fd = field_fd(ctx);
	bool source, has;

	if (!fd || fd->role == ROLE_NONE)
		return false;
	has = fd_is_ip(fd) && end_of(ctx, fd, end, &source);
	if (has)
		return text_value(text_i64(ctx->scratch, source ? fd->tuple.sport :
								  fd->tuple.dport), ret);
	if (end != END_CLIENT && !(end == END_SERVER && fd_is_listener(fd)))
		return false;
	*ret = value_str(STR(""));
	return true;
}

/* Host names that the agent resolved to the address of that end. False: there is no such end. */
static bool names_of(struct event_ctx *ctx, enum sock_end end, struct str *names, uint32_t *ret_n)
{
	const struct host_names *h = ctx->resolve;
	const struct fdinfo *fd = field_fd(ctx);
	bool source;

	if (!end_of(ctx, fd, end, &source))
		return false;
	*ret_n = h ? h->lookup(h->ctx, source ? fd->tuple.sip : fd->tuple.dip, is_v6(fd), names,
			       NAMES_MAX) : 0;
	return true;
}

static bool get_name(struct event_ctx *ctx, enum sock_end end, struct value *ret)
{
	struct str names[NAMES_MAX];
	uint32_t n;

	if (!names_of(ctx, end, names, &n) || !n)
		return false;
	*ret = value_str(names[0]);
	return true;
}

/*
 * An address without known name still is not equal to any name: one empty text stands for it. Fds
 * without addresses have an empty list: the field exists and every comparison is false.
 */
static bool list_names(struct event_ctx *ctx, enum sock_end end, struct value_list *ret)
{
	struct str names[NAMES_MAX];
	struct value_list l = { 0 };

	if (!field_fd(ctx))
		return false;
	if (names_of(ctx, end, names, &l.n) && !l.n)
		names[l.n++] = STR("");
	l.v = arena_array(ctx->scratch, l.n, sizeof(*l.v));
	if (!l.v)
		return false;
	for (uint32_t i = 0; i < l.n; i++)
		l.v[i] = value_str(names[i]);
	*ret = l;
	return true;
}

#define END_GETTERS(letter, end)                                                                 \
	bool fd_get_##letter##ip(const struct field_ref *f, struct event_ctx *ctx,               \
				 struct value *ret)                                              \
	{                                                                                        \
		return get_addr(f, ctx, end, ret);                                               \
	}                                                                                        \
	bool fd_get_##letter##port(const struct field_ref *f, struct event_ctx *ctx,             \
				   struct value *ret)                                            \
	{                                                                                        \
		return get_port(f, ctx, end, ret);                                               \
	}                                                                                        \
	bool fd_get_##letter##proto(const struct field_ref *f, struct event_ctx *ctx,            \
				    struct value *ret)                                           \
	{                                                                                        \
		return get_proto(f, ctx, end, ret);                                              \
	}                                                                                        \
	bool fd_get_##letter##name(const struct field_ref *f, struct event_ctx *ctx,             \
				   struct value *ret)                                            \
	{                                                                                        \
		return get_name(ctx, end, ret);                                                  \
	}                                                                                        \
	bool fd_all_##letter##name(const struct field_ref *f, struct event_ctx *ctx,             \
				   struct value_list *ret)                                       \
	{                                                                                        \
		return list_names(ctx, end, ret);                                                \
	}
END_GETTERS(c, END_CLIENT)
END_GETTERS(s, END_SERVER)
END_GETTERS(l, END_LOCAL)
END_GETTERS(r, END_REMOTE)

/*
 * Both ends of a connection, whatever its role; a listener has one, other fds none: nothing is
 * equal to them, but the field exists.
 */
static bool both_ends(struct event_ctx *ctx, struct value_list *ret, const struct fdinfo **ret_fd)
{
	const struct fdinfo *fd = field_fd(ctx);

	if (!fd)
		return false;
	ret->n = fd_is_ip(fd) ? 2 : fd_is_listener(fd);
	ret->v = arena_array(ctx->scratch, ret->n, sizeof(*ret->v));
	*ret_fd = fd;
	return ret->v;
}

bool fd_all_ip(const struct field_ref *f, struct event_ctx *ctx, struct value_list *ret)
{
	const struct fdinfo *fd;
	struct value_list l;

	if (!both_ends(ctx, &l, &fd))
		return false;
	for (uint32_t i = 0; i < l.n; i++)
		l.v[i] = addr_value(fd, i == 1, f->info->type);
	*ret = l;
	return true;
}

bool fd_all_port(const struct field_ref *f, struct event_ctx *ctx, struct value_list *ret)
{
	const struct fdinfo *fd;
	struct value_list l;

	if (!both_ends(ctx, &l, &fd))
		return false;
	for (uint32_t i = 0; i < l.n; i++)
		l.v[i] = value_u64(PT_PORT, i == 1 ? fd->tuple.sport : fd->tuple.dport);
	*ret = l;
	return true;
}

bool fd_get_is_server(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct fdinfo *fd = field_fd(ctx);
	bool server;

	if (!fd)
		return false;
	server = fd_is_listener(fd);
	if (fd_is_ip(fd))
		server = state_addr_is_local(ctx->state, ctx->thread, fd->tuple.dip, is_v6(fd));
	*ret = value_bool(server);
	return true;
}

bool fd_get_l4proto(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	static const char *const names[] = {
		[L4_TCP] = "tcp", [L4_UDP] = "udp", [L4_ICMP] = "icmp", [L4_RAW] = "raw",
	};
	const struct fdinfo *fd = field_fd(ctx);
	const char *name = NULL;

	if (!fd)
		return false;
	if ((fd->role != ROLE_NONE || fd->l4 == L4_RAW) && fd->l4 < ARRAY_SIZE(names))
		name = names[fd->l4];
	*ret = value_str(str_from(name ? name : "<NA>"));
	return true;
}

bool fd_get_sockfamily(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct fdinfo *fd = field_fd(ctx);

	if (!fd || !(fd_is_ip(fd) || fd_is_listener(fd) || fd->kind == FD_UNIX))
		return false;
	*ret = value_str(fd->kind == FD_UNIX ? STR("unix") : STR("ip"));
	return true;
}
