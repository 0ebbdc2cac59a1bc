/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sensor read from kernel objects is the truth about the fd of an event: the table follows
 * it. So live operation stays right without close, dup and fcntl events, and after lost records.
 * Names of files keep the caller's view when it is known (lexically joined path); the kernel's path
 * is kept beside it. Called by state.c around the handler of an event with kernel data.
 */
#include "engine/state/state_priv.h"

static uint8_t kind_of(const struct event_kernel *k)
{
	return k->fd_kind == FD_FILE_V2 ? FD_FILE : k->fd_kind;
}

/* Kinds that the table tells apart and the kernel's object does not, or the other way round. */
enum family { FAMILY_FILE = 100, FAMILY_INET, FAMILY_ANON };

static uint8_t family_of(uint8_t kind)
{
	switch (kind) {
	case FD_FILE:		/* a directory is one only if it was opened as such */
	case FD_DIRECTORY:
		return FAMILY_FILE;
	case FD_IPV4:		/* v4 on a v6 socket is kept as v4 */
	case FD_IPV6:
	case FD_IPV4_SERVER:
	case FD_IPV6_SERVER:
		return FAMILY_INET;
	case FD_FIFO:
	case FD_UNIX:
	case FD_NETLINK:
	case FD_MEMFD:
		return kind;
	default:
		return FAMILY_ANON;
	}
}

/* Does the entry describe the object that the kernel saw? */
static bool agrees(const struct fdinfo *f, const struct event_kernel *k)
{
	if (k->have & KERNEL_FD_KIND) {
		uint8_t kind = kind_of(k), family = family_of(kind);

		if (family_of(f->kind) != family)
			return false;
		if (family == FAMILY_ANON && kind != FD_UNSUPPORTED && f->kind != kind)
			return false;
	}
	if (k->have & KERNEL_FD_INODE)
		return !f->ino || f->ino == k->fd_ino;
	return !(k->have & KERNEL_FD_PATH) || !f->realpath ||
	       str_eq(istr_str(f->realpath), k->fd_path);
}

/* `own` has our end as source. */
static void take_listening(struct state *s, struct fdinfo *f, const struct sock_tuple *own,
			   bool v6)
{
	f->kind = v6 ? FD_IPV6_SERVER : FD_IPV4_SERVER;
	memset(&f->tuple, 0, sizeof(f->tuple));
	memcpy(f->tuple.dip, own->sip, sizeof(own->sip));
	f->tuple.dport = own->sport;
	state_set_listen_port(s, own->sport);
	sock_set_name(s, f, true);
}

static void take_connection(struct state *s, struct fdinfo *f, const struct sock_tuple *own,
			    bool v6)
{
	struct sock_tuple t = *own;

	if (f->role == ROLE_NONE)
		f->role = state_is_listen_port(s, own->sport) ? ROLE_SERVER : ROLE_CLIENT;
	if (f->role == ROLE_SERVER)
		sock_swap_ends(&t);
	f->connected = true;
	f->kind = v6 ? FD_IPV6 : FD_IPV4;
	if (!memcmp(&f->tuple, &t, sizeof(t)) && f->name->len)
		return;
	f->tuple = t;
	sock_set_name(s, f, false);
	s->named = f;
}

static void take_tuple(struct state *s, struct fdinfo *f, const struct event_kernel *k)
{
	struct wire_tuple t;
	bool v6;

	if (!sock_parse_tuple(k->fd_tuple, &t))
		return;
	if (t.family == WIRE_AF_UNIX) {
		f->unix_source = t.unix_source;
		f->unix_peer = t.unix_peer;
		if (f->name->len)
			return;
		buf_clear(&s->text);
		sock_print_unix(&s->text, t.unix_source, t.unix_peer, t.path);
		state_set_name(s, &f->name, buf_str(&s->text));
		return;
	}
	/* The sensor put the client first. */
	if ((k->have & KERNEL_FD_ROLE) && k->fd_role == ROLE_SERVER)
		sock_swap_ends(&t.ends);
	v6 = t.family == WIRE_AF_INET6;
	if (t.ends.dport)
		take_connection(s, f, &t.ends, v6);
	else if (f->l4 == L4_TCP && f->role == ROLE_SERVER && t.ends.sport)
		take_listening(s, f, &t.ends, v6);
	/* A datagram socket without peer: the tuples of its transfers tell the rest. */
}

/* Files by their path; memory files by the name they were created with. */
static struct str shown_name(const struct fdinfo *f, struct str path)
{
	struct str memfd = STR("/memfd:"), deleted = STR(" (deleted)");

	if (f->kind != FD_MEMFD || !str_starts(path, memfd))
		return path;
	path = str_sub(path, memfd.len, path.len);
	if (str_ends(path, deleted))
		path.len -= deleted.len;
	return path;
}

/* The text of the name, when it is the same: true. */
static bool set_realpath(struct state *s, struct fdinfo *f, struct str path)
{
	bool same = str_eq(istr_str(f->name), path);

	if (same)
		istr_set(&f->realpath, f->name);
	else
		state_set_name(s, &f->realpath, path);
	return same;
}

static void take(struct state *s, struct event_ctx *c, struct fdinfo *f)
{
	const struct event_kernel *k = c->ev->kernel;

	if (k->have & KERNEL_FD_INODE) {
		f->ino = k->fd_ino;
		f->dev = k->fd_dev;
	}
	if (k->have & KERNEL_FD_PATH)
		c->realpath_is_name = set_realpath(s, f, k->fd_path);
	if (fd_is_ip(f) && (f->l4 == L4_UNKNOWN || f->l4 == L4_NA))
		f->l4 = k->fd_l4;
	if ((k->have & KERNEL_FD_ROLE) && f->role == ROLE_NONE)
		f->role = k->fd_role;
	if (k->have & KERNEL_FD_TUPLE)
		take_tuple(s, f, k);
}

/* Before the handler: the fd that the event uses. */
void kernel_adopt(struct state *s, struct event_ctx *c)
{
	const struct event_kernel *k = c->ev->kernel;
	struct fdinfo *f;

	if (c->fd_num < 0 || !c->thread || !(k->have & (KERNEL_FD_KIND | KERNEL_FD_PATH)))
		return;
	if (c->fd && agrees(c->fd, k)) {
		kernel_complete(s, c);
		return;
	}
	f = state_create_fd(s, c, c->fd_num,
			    k->have & KERNEL_FD_KIND ? kind_of(k) : FD_FILE);
	if (!f)
		return;
	if (k->have & KERNEL_FD_PATH)
		state_set_name(s, &f->name, shown_name(f, k->fd_path));
	take(s, c, f);
}

static bool nothing_new(const struct fdinfo *f, const struct event_kernel *k)
{
	if ((k->have & KERNEL_FD_INODE) && f->ino != k->fd_ino)
		return false;
	if ((k->have & KERNEL_FD_PATH) &&
	    !(f->realpath && str_eq(istr_str(f->realpath), k->fd_path)))
		return false;
	return !(k->have & KERNEL_FD_TUPLE);
}

/* After the handler (created fds), and for entries that agree: add what only the kernel knows. */
void kernel_complete(struct state *s, struct event_ctx *c)
{
	const struct event_kernel *k = c->ev->kernel;
	struct fdinfo *f = c->fd;

	if (nothing_new(f, k))
		c->realpath_is_name = (k->have & KERNEL_FD_PATH) && f->realpath == f->name;
	else if ((f = state_edit_fd(s, c)) != NULL)
		take(s, c, f);
}
