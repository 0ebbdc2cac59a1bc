/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sockets of a test's events: both ends of a connection from what the fields say, and the calls
 * that make the socket what it is before the event. Called by ruletest_fd.c.
 */
#include "agent/ruletest_build.h"

static struct ip_value ip_or(bool have, const struct ip_value *ip, const char *other)
{
	struct ip_value v = { 0 };

	if (have)
		return *ip;
	value_parse_ip(str_from(other), &v);
	return v;
}

static uint16_t port_or(int64_t port, uint16_t other)
{
	return port == UNSET ? other : (uint16_t)port;
}

static bool is_transfer(const struct build_event *e)
{
	switch (e->p.type) {
	case EV_SENDTO_X: case EV_RECVFROM_X: case EV_SENDMSG_X: case EV_RECVMSG_X:
	case EV_SENDMMSG_X: case EV_RECVMMSG_X:
		return true;
	default:
		return false;
	}
}

static uint8_t l4_of(const struct build_event *e)
{
	static const struct { const char *name; uint8_t l4; } names[] = {
		{ "tcp", L4_TCP }, { "udp", L4_UDP }, { "icmp", L4_ICMP }, { "raw", L4_RAW },
	};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (str_is(e->fd.l4proto, names[i].name))
			return names[i].l4;
	return is_transfer(e) && e->fd.connected != 1 ? L4_UDP : L4_TCP;
}

/* Local and remote are other words for server and client. */
static void use_local_names(struct build_fd_desc *d, bool server)
{
	if (d->have_lip && !(server ? d->have_sip : d->have_cip)) {
		*(server ? &d->sip : &d->cip) = d->lip;
		*(server ? &d->have_sip : &d->have_cip) = true;
	}
	if (d->have_rip && !(server ? d->have_cip : d->have_sip)) {
		*(server ? &d->cip : &d->sip) = d->rip;
		*(server ? &d->have_cip : &d->have_sip) = true;
	}
	if (d->lport != UNSET && (server ? d->sport : d->cport) == UNSET)
		*(server ? &d->sport : &d->cport) = d->lport;
	if (d->rport != UNSET && (server ? d->cport : d->sport) == UNSET)
		*(server ? &d->cport : &d->sport) = d->rport;
}

/* A name as alerts show it says everything. */
static void use_name(struct build_fd_desc *d)
{
	struct build_end client, service;

	if (!d->name.p || !build_parse_tuple(d->name, &client, &service))
		return;
	if (!d->have_cip)
		d->cip = client.ip;
	if (!d->have_sip)
		d->sip = service.ip;
	d->have_cip = d->have_sip = true;
	d->cport = d->cport == UNSET ? client.port : d->cport;
	d->sport = d->sport == UNSET ? service.port : d->sport;
}

static void add_address(struct build_event *e, const struct build_end *own)
{
	struct snapshot_item *item = build_item(e->b, SNAP_IFACE);
	struct build_container *c = e->proc->container;

	if (c && !own->ip.v6) {
		if (!c->ip.p)
			c->ip = str_from(arena_printf(e->b->arena, "%u.%u.%u.%u", own->ip.addr[0],
						      own->ip.addr[1], own->ip.addr[2],
						      own->ip.addr[3]));
		c->described = true;
	}
	if (!item)
		return;
	item->iface = (struct iface_record){ .name = STR("eth1"), .v6 = own->ip.v6 };
	memcpy(item->iface.addr, own->ip.addr, sizeof(item->iface.addr));
	memset(item->iface.mask, 0xff, own->ip.v6 ? 8 : 4);
}

void build_socket_describe(struct build_event *e, struct build_socket *s)
{
	struct build_fd_desc *d = &e->fd;
	bool v6 = s->kind == FD_IPV6;
	const char *own = v6 ? BUILD_OWN_IP6 : BUILD_OWN_IP4;
	const char *peer = v6 ? "2001:db8:1::1" : "198.51.100.1";
	bool local_named = d->have_lip || d->have_rip || d->lport != UNSET || d->rport != UNSET;

	s->server = d->is_server == 1 || e->p.type == EV_ACCEPT_5_X ||
		    e->p.type == EV_ACCEPT4_6_X || e->p.type == EV_BIND_X ||
		    e->p.type == EV_LISTEN_X;
	s->l4 = l4_of(e);
	s->path = d->name;
	use_local_names(d, s->server);
	use_name(d);
	s->client.ip = ip_or(d->have_cip, &d->cip, s->server ? peer : own);
	s->service.ip = ip_or(d->have_sip, &d->sip, s->server ? own : peer);
	s->client.port = port_or(d->cport, 40000);
	s->service.port = port_or(d->sport, 443);
	if (s->client.ip.v6 != s->service.ip.v6)
		ruletest_report_node(e->b->file, e->node, "one end of the connection is IPv4, the "
							  "other one IPv6");
	if (local_named)
		add_address(e, s->server ? &s->service : &s->client);
}

void build_socket_params(struct build_event *e, const struct build_socket *s,
			  struct build_params *p, int64_t fd)
{
	static const struct { uint8_t l4, type, proto; } calls[] = {
		{ L4_TCP, 1, 6 }, { L4_UDP, 2, 17 }, { L4_ICMP, 2, 1 }, { L4_RAW, 3, 255 },
	};
	int64_t domain = s->kind == FD_UNIX ? WIRE_AF_UNIX
					    : s->kind == FD_IPV6 ? WIRE_AF_INET6 : WIRE_AF_INET;

	if (s->kind == FD_NETLINK)
		domain = 16;
	build_param_num(e->b, p, SOCKET_X_fd, fd);
	if (!p->set[SOCKET_X_domain])
		build_param_num(e->b, p, SOCKET_X_domain, domain);
	for (size_t i = 0; i < ARRAY_SIZE(calls); i++) {
		if (calls[i].l4 != s->l4)
			continue;
		if (!p->set[SOCKET_X_type])
			build_param_num(e->b, p, SOCKET_X_type, calls[i].type);
		if (!p->set[SOCKET_X_proto])
			build_param_num(e->b, p, SOCKET_X_proto,
					s->kind == FD_UNIX ? 0 : calls[i].proto);
	}
}

static void feed_socket(struct build_event *e, const struct build_socket *s, int64_t fd)
{
	struct build_params p = { .type = EV_SOCKET_X };

	build_socket_params(e, s, &p, fd);
	build_step(e->b, &p, e->proc->pid, true);
}

struct str build_socket_tuple(struct build_event *e, const struct build_socket *s, bool from_peer)
{
	bool from_service = s->server != from_peer;

	if (s->kind == FD_UNIX)
		return build_unix_tuple(e->b, s->path);
	return from_service ? build_tuple(e->b, &s->service, &s->client)
			    : build_tuple(e->b, &s->client, &s->service);
}

static struct str service_addr(struct build_event *e, const struct build_socket *s)
{
	return s->kind == FD_UNIX ? build_unix_addr(e->b, s->path) : build_addr(e->b, &s->service);
}

static void feed_connect(struct build_event *e, const struct build_socket *s, int64_t fd)
{
	struct build_params p = { .type = EV_CONNECT_X };

	feed_socket(e, s, fd);
	build_param_num(e->b, &p, CONNECT_X_res, 0);
	build_param_num(e->b, &p, CONNECT_X_fd, fd);
	build_param_bytes(e->b, &p, CONNECT_X_tuple, build_socket_tuple(e, s, false));
	build_param_bytes(e->b, &p, CONNECT_X_addr, service_addr(e, s));
	build_step(e->b, &p, e->proc->pid, true);
}

static void feed_accept(struct build_event *e, const struct build_socket *s, int64_t fd)
{
	struct build_params p = { .type = EV_ACCEPT_5_X };

	build_param_num(e->b, &p, ACCEPT_5_X_fd, fd);
	build_param_bytes(e->b, &p, ACCEPT_5_X_tuple, build_socket_tuple(e, s, true));
	build_step(e->b, &p, e->proc->pid, true);
}

static void feed_bind(struct build_event *e, const struct build_socket *s, int64_t fd)
{
	struct build_params p = { .type = EV_BIND_X };

	feed_socket(e, s, fd);
	build_param_num(e->b, &p, BIND_X_res, 0);
	build_param_num(e->b, &p, BIND_X_fd, fd);
	build_param_bytes(e->b, &p, BIND_X_addr, service_addr(e, s));
	build_step(e->b, &p, e->proc->pid, true);
}

/* Who receives datagrams as a client has sent some. */
static void feed_request(struct build_event *e, const struct build_socket *s, int64_t fd)
{
	struct build_params p = { .type = EV_SENDTO_X };

	feed_socket(e, s, fd);
	if (!(event_infos[e->p.type].flags & EF_READS_FROM_FD))
		return;
	build_param_num(e->b, &p, SENDTO_X_res, 1);
	build_param_num(e->b, &p, SENDTO_X_fd, fd);
	build_param_bytes(e->b, &p, SENDTO_X_tuple, build_socket_tuple(e, s, false));
	build_step(e->b, &p, e->proc->pid, true);
}

/* The socket as it is before the event. */
void build_socket_before(struct build_event *e, const struct build_socket *s, int64_t fd)
{
	bool stream = s->l4 == L4_TCP || s->kind == FD_UNIX;

	if (e->p.type == EV_CONNECT_X || e->p.type == EV_BIND_X || s->kind == FD_NETLINK)
		feed_socket(e, s, fd);
	else if (e->p.type == EV_LISTEN_X)
		feed_bind(e, s, fd);
	else if (stream && s->server)
		feed_accept(e, s, fd);
	else if (stream || e->fd.connected == 1)
		feed_connect(e, s, fd);
	else if (s->server)
		feed_bind(e, s, fd);
	else
		feed_request(e, s, fd);
}

void build_param_default_bytes(struct build_event *e, const char *param, enum param_type type,
			  struct str value)
{
	int i = build_param_index(e->p.type, param);

	if (build_has_param(e, param, type) && !e->p.set[i])
		build_param_bytes(e->b, &e->p, (unsigned)i, value);
}

void build_socket_apply(struct build_event *e, uint8_t kind, const struct build_fd *known)
{
	struct build_socket s = { .kind = kind };
	bool in = event_infos[e->p.type].flags & EF_READS_FROM_FD;
	int64_t fd;

	build_socket_describe(e, &s);
	fd = known ? known->num : build_fd_number(e->proc, e->fd.num);
	if (!known) {
		build_socket_before(e, &s, fd);
		build_fd_remember(e, fd);
	}
	build_fd_param(e, fd);
	build_param_default_bytes(e, "tuple", PT_SOCKTUPLE, build_socket_tuple(e, &s, in));
	build_param_default_bytes(e, "addr", PT_SOCKADDR, service_addr(e, &s));
}
