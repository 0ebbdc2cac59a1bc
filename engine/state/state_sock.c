/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets: creation, ends, roles and names. Handlers are named by the rows of state_rows.c.
 *
 * Ends are kept so that the client is the source: sip/sport of a client are ours, of a server the
 * peer's. Server sockets have their own end in dip/dport.
 */
#include "engine/state/state_priv.h"

#define SOCK_TYPE_STREAM 1
#define SOCK_TYPE_DGRAM 2
#define SOCK_TYPE_RAW 3
#define SOCK_TYPE_MASK 0xff
#define SOCK_CLOEXEC_RAW 0x80000
#define IP_PROTO_ICMP 1
#define IP_PROTO_TCP 6
#define IP_PROTO_UDP 17
#define IP_PROTO_RAW 255
#define AF_NETLINK_WIRE 16
#define RES_EINPROGRESS (-115)

static uint8_t l4_of(uint32_t type, uint32_t proto)
{
	switch (proto) {
	case IP_PROTO_TCP:
		return type == SOCK_TYPE_RAW ? L4_RAW : L4_TCP;
	case IP_PROTO_UDP:
		return type == SOCK_TYPE_RAW ? L4_RAW : L4_UDP;
	case IP_PROTO_ICMP:
		return L4_ICMP;
	case IP_PROTO_RAW:
		return L4_RAW;
	case 0:
		return type == SOCK_TYPE_STREAM  ? L4_TCP
		       : type == SOCK_TYPE_DGRAM ? L4_UDP
						 : L4_UNKNOWN;
	default:
		return L4_UNKNOWN;
	}
}

static uint8_t kind_of(uint32_t domain)
{
	switch (domain) {
	case WIRE_AF_UNIX:
		return FD_UNIX;
	case WIRE_AF_INET:
		return FD_IPV4;
	case WIRE_AF_INET6:
		return FD_IPV6;
	case AF_NETLINK_WIRE:
		return FD_NETLINK;
	default:
		return FD_UNKNOWN;
	}
}

ROW_FN(on_socket)
{
	uint32_t domain = 0, type = 0, proto = 0, flags = 0;
	struct fdinfo *f;

	param_u32(c->ev, SOCKET_X_domain, &domain);
	param_u32(c->ev, SOCKET_X_type, &type);
	param_u32(c->ev, SOCKET_X_proto, &proto);
	param_u32(c->ev, SOCKET_X_flags, &flags);
	f = state_create_fd(s, c, s->res, kind_of(domain));
	if (!f)
		return;
	if (fd_is_ip(f))
		f->l4 = l4_of(type & SOCK_TYPE_MASK, proto);
	f->cloexec = (type & SOCK_CLOEXEC_RAW) || (flags & WO_CLOEXEC);
}

ROW_FN(on_socketpair)
{
	uint64_t source = 0, peer = 0;
	uint32_t type = 0;
	int64_t fds[2];

	if (!param_i64(c->ev, SOCKETPAIR_X_fd1, &fds[0]) ||
	    !param_i64(c->ev, SOCKETPAIR_X_fd2, &fds[1]) || fds[0] == fds[1])
		return;
	event_get_u64(c->ev, SOCKETPAIR_X_source, &source);
	event_get_u64(c->ev, SOCKETPAIR_X_peer, &peer);
	param_u32(c->ev, SOCKETPAIR_X_type, &type);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		struct fdinfo *f = state_create_fd(s, c, fds[i], FD_UNIX);

		if (!f)
			continue;
		f->unix_source = source;
		f->unix_peer = peer;
		f->cloexec = type & SOCK_CLOEXEC_RAW;
	}
}

static void set_addr_name(struct state *s, struct fdinfo *f, struct str param)
{
	buf_clear(&s->text);
	sock_print_addr(&s->text, param);
	state_set_name(s, &f->name, buf_str(&s->text));
}

ROW_FN(on_bind)
{
	struct str param = event_param(c->ev, BIND_X_addr);
	struct wire_addr a;
	struct fdinfo *f;

	if (s->res != 0 || !sock_parse_addr(param, &a) || !(f = state_edit_fd(s, c)))
		return;
	if (a.family != WIRE_AF_UNIX && a.port > 0) {
		f->kind = a.family == WIRE_AF_INET ? FD_IPV4_SERVER : FD_IPV6_SERVER;
		memset(&f->tuple, 0, sizeof(f->tuple));
		memcpy(f->tuple.dip, a.ip, sizeof(a.ip));
		f->tuple.dport = a.port;
		f->role = ROLE_SERVER;
		state_set_listen_port(s, a.port);
	}
	set_addr_name(s, f, param);
}

static bool same_ends(const struct sock_tuple *a, const struct sock_tuple *b)
{
	return a->sport == b->sport && a->dport == b->dport &&
	       !memcmp(a->sip, b->sip, sizeof(a->sip)) && !memcmp(a->dip, b->dip, sizeof(a->dip));
}

/* Take the ends of an inet tuple. False when they are known already, or mirrored. */
static bool set_ends(struct fdinfo *f, const struct wire_tuple *t)
{
	uint8_t kind = t->family == WIRE_AF_INET ? FD_IPV4 : FD_IPV6;
	struct sock_tuple mirror = t->ends;

	sock_swap_ends(&mirror);
	if (f->kind == kind && (same_ends(&f->tuple, &t->ends) || same_ends(&f->tuple, &mirror)))
		return false;
	f->kind = kind;
	f->tuple = t->ends;
	return true;
}

static void set_unix(struct state *s, struct fdinfo *f, const struct wire_tuple *t)
{
	f->kind = FD_UNIX;
	f->unix_source = t->unix_source;
	f->unix_peer = t->unix_peer;
	buf_clear(&s->text);
	sock_print_unix(&s->text, t->unix_source, t->unix_peer, t->path);
	state_set_name(s, &f->name, buf_str(&s->text));
}

static void print_ends(struct buf *out, const struct fdinfo *f, bool ports)
{
	bool v6 = fd_is_v6(f);

	if (ports) {
		sock_print_ends(out, &f->tuple, v6);
	} else {
		sock_print_ip(out, f->tuple.sip, v6);
		buf_add_c(out, "->");
		sock_print_ip(out, f->tuple.dip, v6);
	}
}

void sock_set_name(struct state *s, struct fdinfo *f, bool ports)
{
	buf_clear(&s->text);
	if (f->kind == FD_IPV4_SERVER || f->kind == FD_IPV6_SERVER)
		sock_print_end(&s->text, f->tuple.dip, fd_is_v6(f), f->tuple.dport);
	else if (ports || f->l4 == L4_TCP || f->l4 == L4_UDP)
		print_ends(&s->text, f, true);
	else if (f->l4 == L4_ICMP || (f->l4 == L4_RAW && !fd_is_v6(f)))
		print_ends(&s->text, f, false);
	else
		buf_add_c(&s->text, "<unknown>");
	state_set_name(s, &f->name, buf_str(&s->text));
}

static bool is_zero(const uint8_t *ip, bool v6)
{
	static const uint8_t zero[16];

	return !memcmp(ip, zero, v6 ? 16 : 4);
}

static bool in_subnet(const struct iface *i, const uint8_t *ip)
{
	/* The mask of a v6 interface is not looked at: networks are /64. */
	if (i->v6)
		return !memcmp(i->addr, ip, 8);
	return !((load_u32(i->addr) ^ load_u32(ip)) & load_u32(i->mask));
}

/* Which of our addresses talks to `peer`? */
static const uint8_t *infer_address(const struct state *s, const uint8_t *peer, bool v6,
				    bool same_ports)
{
	size_t len = v6 ? 16 : 4;

	for (uint32_t i = 0; i < s->nifaces; i++)
		if (s->ifaces[i].v6 == v6 && !memcmp(s->ifaces[i].addr, peer, len))
			return s->ifaces[i].addr;
	for (uint32_t i = 0; i < s->nifaces; i++)
		if (s->ifaces[i].v6 == v6 && in_subnet(&s->ifaces[i], peer))
			return s->ifaces[i].addr;
	for (uint32_t i = 0; i < s->nifaces; i++)
		if (s->ifaces[i].v6 == v6 && !s->ifaces[i].loopback &&
		    !(same_ports && !memcmp(s->ifaces[i].addr, peer, len)))
			return s->ifaces[i].addr;
	return NULL;
}

void sock_fill_incomplete(const struct state *s, struct fdinfo *f)
{
	struct sock_tuple *t = &f->tuple;
	bool v6 = fd_is_v6(f);
	const uint8_t *own;

	if (f->kind != FD_IPV4 && f->kind != FD_IPV6)
		return;
	if (is_zero(t->sip, v6) == is_zero(t->dip, v6))
		return;
	if (is_zero(t->sip, v6)) {
		own = infer_address(s, t->dip, v6, t->sport == t->dport);
		if (own)
			memcpy(t->sip, own, v6 ? 16 : 4);
	} else {
		own = infer_address(s, t->sip, v6, t->sport == t->dport);
		if (own)
			memcpy(t->dip, own, v6 ? 16 : 4);
	}
}

/*
 * Destination of a connect: the enter copy replaces an exit copy that the tuple was made from,
 * because a second thread may have rewritten it meanwhile.
 */
static bool prefer_enter_address(const struct event_ctx *c, struct fdinfo *f)
{
	struct thread *t = c->thread;
	struct wire_addr at_exit, at_enter;
	size_t len = fd_is_v6(f) ? 16 : 4;

	if (t->enter_type != EV_CONNECT_E || !sock_parse_addr(istr_str(t->enter_text), &at_enter) ||
	    !sock_parse_addr(event_param(c->ev, CONNECT_X_addr), &at_exit))
		return false;
	if ((at_enter.family == WIRE_AF_INET6) != fd_is_v6(f) || at_enter.family == WIRE_AF_UNIX)
		return false;
	if (at_exit.port != f->tuple.dport || memcmp(at_exit.ip, f->tuple.dip, len))
		return false;
	memcpy(f->tuple.dip, at_enter.ip, sizeof(f->tuple.dip));
	f->tuple.dport = at_enter.port;
	return true;
}

static void destination_only(const struct event_ctx *c, struct fdinfo *f)
{
	struct str param = c->thread->enter_type == EV_CONNECT_E ?
		istr_str(c->thread->enter_text) : event_param(c->ev, CONNECT_X_addr);
	struct wire_addr a;

	if (!sock_parse_addr(param, &a) || a.family == WIRE_AF_UNIX)
		return;
	f->kind = a.family == WIRE_AF_INET ? FD_IPV4 : FD_IPV6;
	memcpy(f->tuple.dip, a.ip, sizeof(a.ip));
	f->tuple.dport = a.port;
}

static void connect_ends(struct state *s, const struct event_ctx *c, struct fdinfo *f,
			 const struct wire_tuple *t)
{
	bool named = s->named == f;

	if (f->kind == FD_IPV4 && t->family == WIRE_AF_INET6)
		f->l4 = L4_UNKNOWN;
	if (set_ends(f, t))
		named = false;
	if (prefer_enter_address(c, f))
		named = false;
	if (f->l4 == L4_UDP && f->role == ROLE_SERVER) {
		sock_swap_ends(&f->tuple);
		named = false;
	}
	if (!named)
		sock_set_name(s, f, false);
}

ROW_FN(on_connect)
{
	struct str param = event_param(c->ev, CONNECT_X_tuple);
	struct wire_tuple t;
	struct fdinfo *f;

	if (!s->has_res || (s->res != 0 && s->res != RES_EINPROGRESS) || !c->fd ||
	    !(f = state_edit_fd(s, c)))
		return;
	f->connected = true;
	if (!sock_parse_tuple(param, &t)) {
		destination_only(c, f);
	} else if (t.family == WIRE_AF_UNIX) {
		set_unix(s, f, &t);
	} else {
		connect_ends(s, c, f, &t);
	}
	if (f->role == ROLE_NONE)
		f->role = ROLE_CLIENT;
	thread_forget_enter(c->thread);
}

SAME_PARAM(ACCEPT_5_X_tuple, ACCEPT4_6_X_tuple);

/* Row: p[0] flags or NO_PARAM. */
ROW_FN(on_accept)
{
	struct wire_tuple t;
	uint32_t flags = 0;
	struct fdinfo *f;

	c->fd_num = s->res;
	if (!sock_parse_tuple(event_param(c->ev, ACCEPT_5_X_tuple), &t))
		return;
	f = state_create_fd(s, c, s->res, FD_UNKNOWN);
	if (!f)
		return;
	if (row->p[0] != NO_PARAM)
		param_u32(c->ev, row->p[0], &flags);
	f->cloexec = flags & SOCK_CLOEXEC_RAW;
	f->connected = true;
	f->role = ROLE_SERVER;
	if (t.family == WIRE_AF_UNIX) {
		set_unix(s, f, &t);
		return;
	}
	f->l4 = L4_TCP;
	set_ends(f, &t);
	sock_set_name(s, f, true);
}

/* Row: p[0] tuple, p[1] 1 = sends, p[2] 1 = makes an entry for an unknown fd. */
ROW_FN(on_transfer)
{
	bool sends = row->p[1];
	struct wire_tuple t;
	struct fdinfo *f;

	if (!sock_parse_tuple(event_param(c->ev, row->p[0]), &t))
		return;
	if (!c->fd) {
		if (!row->p[2] || t.family == WIRE_AF_UNIX || c->fd_num < 0)
			return;
		f = state_create_fd(s, c, c->fd_num, FD_UNKNOWN);
		if (!f)
			return;
		f->l4 = L4_UDP;
	} else if (c->fd->name->len && fd_is_ip(c->fd) && c->fd->l4 == L4_TCP) {
		return;
	} else if (!(f = state_edit_fd(s, c))) {
		return;
	}
	if (t.family == WIRE_AF_UNIX) {
		set_unix(s, f, &t);
		return;
	}
	if (!set_ends(f, &t))
		return;
	if (f->l4 == L4_UNKNOWN)
		f->l4 = L4_UDP;
	sock_fill_incomplete(s, f);
	/* A server's first transfer is a read, a client's a write. */
	if (f->role == ROLE_NONE)
		f->role = sends ? ROLE_CLIENT : ROLE_SERVER;
	if ((f->role == ROLE_SERVER) == sends)
		sock_swap_ends(&f->tuple);
	sock_set_name(s, f, false);
}
