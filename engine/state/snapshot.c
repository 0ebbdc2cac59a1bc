/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading of what is known before the first event: machine, processes, fds, interfaces, users.
 * Called through state_snapshot() by the trace reader's and the live source's owner; items are
 * copied.
 */
#include "engine/base/map.h"
#include "engine/base/utf8.h"
#include "engine/state/state_priv.h"

#define PORTS 65536

bool state_is_listen_port(const struct state *s, uint16_t port)
{
	return s->listen_ports && (s->listen_ports[port / 8] >> port % 8 & 1);
}

void state_set_listen_port(struct state *s, uint16_t port)
{
	if (!s->listen_ports)
		s->listen_ports = calloc(1, PORTS / 8);
	if (s->listen_ports)
		s->listen_ports[port / 8] |= (uint8_t)(1 << port % 8);
}

static int load_machine(struct state *s, const struct machine_record *m)
{
	struct istr *name = intern_get(&s->intern, m->hostname.p ? m->hostname : STR(""));

	if (!name)
		return -ENOMEM;
	istr_unref(s->hostname);
	s->hostname = name;
	s->machine = *m;
	s->machine.hostname = istr_str(name);
	return 0;
}

static int load_proc(struct state *s, const struct proc_record *r)
{
	struct thread *t = state_thread(s, r->tid);
	struct thread *parent;

	if (t)
		thread_remove(s, t);
	t = thread_add(s, r->tid);
	if (!t)
		return -EOVERFLOW;
	thread_from_record(s, t, r);
	if (group_join(s, t) < 0) {
		thread_remove(s, t);
		return -ENOMEM;
	}
	/* Children may come before parents: until SNAP_DONE only ptid is certain. */
	parent = s->snapshot_done ? state_thread(s, r->ptid) : NULL;
	if (parent)
		thread_set_parent(s, t, r->ptid);
	return 0;
}

static void load_socket(struct state *s, struct fdinfo *f, const struct fd_record *r)
{
	f->l4 = r->l4;
	memcpy(f->tuple.sip, r->sip, sizeof(f->tuple.sip));
	memcpy(f->tuple.dip, r->dip, sizeof(f->tuple.dip));
	f->tuple.sport = r->sport;
	f->tuple.dport = r->dport;
	if (f->kind == FD_IPV4_SERVER || f->kind == FD_IPV6_SERVER) {
		f->role = ROLE_SERVER;
		state_set_listen_port(s, r->dport);
		sock_set_name(s, f, true);
	} else {
		f->connected = r->l4 == L4_TCP || (r->l4 == L4_UDP && r->dport != 0);
		f->snapshot_swap = true;
	}
}

static int load_fd(struct state *s, const struct fd_record *r)
{
	struct thread *t = state_thread(s, r->tid);
	struct fdtable **table = t ? thread_fdtable(t) : NULL;
	struct fdinfo *f;

	if (!table)
		return 0;	/* fds of a thread that is not in the list */
	f = fdtable_put(s, table, r->fd, true);
	if (!f)
		return -EOVERFLOW;
	f->kind = r->kind == FD_FILE_V2 ? FD_FILE : r->kind;
	f->ino = r->ino;
	/* Traces carry device and flags of files only; a live start must not know more than its
	 * recording, or their replay would differ. */
	f->dev = r->kind == FD_FILE_V2 ? r->dev : 0;
	f->open_flags = r->kind == FD_FILE_V2 || r->kind == FD_FILE ? r->open_flags : 0;
	f->cloexec = f->open_flags & WO_CLOEXEC;
	f->upper_layer = f->open_flags & WO_UPPER_LAYER;
	f->lower_layer = f->open_flags & WO_LOWER_LAYER;
	buf_clear(&s->text);
	if (r->name.p)
		utf8_sanitize(&s->text, r->name);
	state_set_text(s, &f->name, buf_str(&s->text));
	if (fd_is_ip(f)) {
		load_socket(s, f, r);
	} else if (f->kind == FD_UNIX) {
		f->unix_source = r->unix_source;
		f->unix_peer = r->unix_peer;
		f->role = r->name.len ? ROLE_SERVER : ROLE_CLIENT;
	}
	return 0;
}

static int load_iface(struct state *s, const struct iface_record *r)
{
	struct iface *i;

	if (limit_over(s->limits, LIMIT_INTERFACES, (uint64_t)s->nifaces + 1))
		return -EOVERFLOW;
	i = realloc(s->ifaces, (s->nifaces + 1) * sizeof(*i));
	if (!i)
		return -ENOMEM;
	s->ifaces = i;
	i += s->nifaces++;
	*i = (struct iface){ .v6 = r->v6 };
	memcpy(i->addr, r->addr, sizeof(i->addr));
	memcpy(i->mask, r->mask, sizeof(i->mask));
	i->loopback = str_is(r->name, "lo") || (!r->v6 && r->addr[0] == 127);
	return 0;
}

/* The end on a port that someone listens on is the server's. */
static void arrange_socket(struct state *s, struct fdinfo *f)
{
	struct sock_tuple t = f->tuple;

	f->snapshot_swap = false;
	if (state_is_listen_port(s, t.sport)) {
		memcpy(f->tuple.sip, t.dip, sizeof(t.sip));
		memcpy(f->tuple.dip, t.sip, sizeof(t.dip));
		f->tuple.sport = t.dport;
		f->tuple.dport = t.sport;
		f->role = ROLE_SERVER;
	} else {
		f->role = ROLE_CLIENT;
	}
	sock_fill_incomplete(s, f);
	sock_set_name(s, f, true);
}

static void arrange_sockets(struct state *s)
{
	struct thread *t;
	struct fdinfo *f;
	uint32_t tpos = 0, fpos;

	while ((t = state_next_thread(s, &tpos)) != NULL) {
		if (!t->group || t->group->threads != t)
			continue;
		for (fpos = 0; (f = fdtable_next(t->group->fds, &fpos)) != NULL;)
			if (f->snapshot_swap)
				arrange_socket(s, f);
	}
}

static int link_all(struct state *s)
{
	struct thread *t;
	uint32_t pos = 0;

	while ((t = state_next_thread(s, &pos)) != NULL)
		if (!t->parent && !thread_is_fake(t))
			thread_set_parent(s, t, t->ptid);
	arrange_sockets(s);
	s->snapshot_done = true;
	return 0;
}

int state_snapshot(struct state *s, const struct snapshot_item *item)
{
	switch (item->kind) {
	case SNAP_RESET:
		state_clear_tables(s);
		return 0;
	case SNAP_MACHINE:
		return load_machine(s, &item->machine);
	case SNAP_PROC:
		return load_proc(s, &item->proc);
	case SNAP_FD:
		return load_fd(s, &item->fd);
	case SNAP_IFACE:
		return load_iface(s, &item->iface);
	case SNAP_USER:
		return state_user_add(s, &item->user);
	case SNAP_DONE:
		return link_all(s);
	}
	return -EINVAL;
}

static bool is_iface_address(const struct state *s, const uint8_t *addr)
{
	for (uint32_t i = 0; i < s->nifaces; i++)
		if (!s->ifaces[i].v6 && load_u32(s->ifaces[i].addr) == load_u32(addr))
			return true;
	return false;
}

/* Four decimal numbers, as container metadata spell addresses. */
static bool ip4_is(const struct istr *text, const uint8_t *addr)
{
	char tmp[16];
	int n = snprintf(tmp, sizeof(tmp), "%u.%u.%u.%u", addr[0], addr[1], addr[2], addr[3]);

	return text && text->len == (uint32_t)n && !memcmp(text->p, tmp, text->len);
}

static bool is_container_address(const struct state *s, const uint8_t *addr)
{
	uint32_t pos = 0;
	struct str id;
	void *c;

	while (strmap_next(&s->containers, &pos, &id, &c))
		if (ip4_is(((struct container *)c)->ip, addr))
			return true;
	return false;
}

bool state_addr_is_local(const struct state *s, const struct thread *t, const uint8_t *addr,
			 bool v6)
{
	const struct container *c = t ? t->container : NULL;

	if (!v6 && c) {
		if (!c->ip || c->ip->len == 0)
			return is_container_address(s, addr);
		return ip4_is(c->ip, addr) || is_iface_address(s, addr);
	}
	if (!v6)
		return is_iface_address(s, addr);
	if (c)
		return false;
	for (uint32_t i = 0; i < s->nifaces; i++)
		if (s->ifaces[i].v6 && !memcmp(s->ifaces[i].addr, addr, 8))
			return true;
	return false;
}
