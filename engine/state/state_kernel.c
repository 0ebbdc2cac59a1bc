/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sensor read from kernel objects is the truth about the fd of an event: the table follows
 * it. So live operation stays right without close, dup and fcntl events, and after lost records.
 * Names of files keep the caller's view when it is known (lexically joined path); the kernel's path
 * is kept beside it.
 */
#include <sys/stat.h>

#include "engine/state/state_priv.h"

static bool same_family(uint8_t a, uint8_t b)
{
	static const uint8_t server_of[] = { [FD_IPV4] = FD_IPV4_SERVER, [FD_IPV6] = FD_IPV6_SERVER };

	if (a == b || (a < ARRAY_SIZE(server_of) && server_of[a] == b) ||
	    (b < ARRAY_SIZE(server_of) && server_of[b] == a))
		return true;
	/* v4 talk on a v6 socket is kept as v4. */
	return a >= FD_IPV4 && a <= FD_IPV6_SERVER && b >= FD_IPV4 && b <= FD_IPV6_SERVER;
}

/* Does the entry describe the object that the kernel saw? */
static bool agrees(const struct fdinfo *f, const struct event_kernel *k)
{
	if ((k->have & KERNEL_FD_KIND) && !same_family(f->kind, k->fd_kind))
		return false;
	if ((k->have & KERNEL_FD_INODE) && f->ino && f->ino != k->fd_ino)
		return false;
	if ((k->have & KERNEL_FD_PATH) && f->realpath && !str_eq(istr_str(f->realpath), k->fd_path) &&
	    !(k->have & KERNEL_FD_INODE))
		return false;
	return true;
}

static void take_tuple(struct state *s, struct fdinfo *f, const struct event_kernel *k)
{
	struct wire_tuple t;
	struct sock_tuple ends, mirror;
	bool listening = f->kind == FD_IPV4_SERVER || f->kind == FD_IPV6_SERVER;

	if (!sock_parse_tuple(k->fd_tuple, &t))
		return;
	if (t.family == WIRE_AF_UNIX) {
		f->unix_source = t.unix_source;
		f->unix_peer = t.unix_peer;
		if (f->name->len == 0) {
			buf_clear(&s->text);
			sock_print_unix(&s->text, t.unix_source, t.unix_peer, t.path);
			state_set_text(s, &f->name, buf_str(&s->text));
		}
		return;
	}
	ends = (struct sock_tuple){ .sport = t.sport, .dport = t.dport };
	memcpy(ends.sip, t.sip, sizeof(ends.sip));
	memcpy(ends.dip, t.dip, sizeof(ends.dip));
	mirror = (struct sock_tuple){ .sport = t.dport, .dport = t.sport };
	memcpy(mirror.sip, t.dip, sizeof(ends.sip));
	memcpy(mirror.dip, t.sip, sizeof(ends.dip));
	if (listening) {
		f->tuple = mirror;
	} else {
		f->kind = t.family == WIRE_AF_INET ? FD_IPV4 : FD_IPV6;
		/* Without a peer the socket says nothing about who talks to whom. */
		if (t.dport == 0 ||
		    !memcmp(&f->tuple, &ends, sizeof(ends)) ||
		    !memcmp(&f->tuple, &mirror, sizeof(mirror)))
			return;
		f->tuple = f->role == ROLE_SERVER ? mirror : ends;
		f->connected = true;
	}
	sock_set_name(s, f, listening);
}

static void fill(struct state *s, struct fdinfo *f, const struct event_kernel *k)
{
	if (k->have & KERNEL_FD_KIND)
		f->kind = k->fd_kind == FD_FILE_V2 ? FD_FILE : k->fd_kind;
	if (k->have & KERNEL_FD_INODE) {
		f->ino = k->fd_ino;
		f->dev = k->fd_dev;
	}
	if (f->kind == FD_FILE && (k->have & KERNEL_FD_INODE) && S_ISDIR(k->fd_mode))
		f->kind = FD_DIRECTORY;
	f->l4 = k->fd_l4;
	if (k->have & KERNEL_FD_ROLE)
		f->role = k->fd_role;
	if (k->have & KERNEL_FD_PATH) {
		state_set_text(s, &f->realpath, k->fd_path);
		state_set_text(s, &f->name, k->fd_path);
	}
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
	f = state_create_fd(s, c, c->fd_num, FD_UNKNOWN);
	if (f)
		fill(s, f, k);
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

	if (nothing_new(f, k) || !(f = state_edit_fd(s, c)))
		return;
	if (k->have & KERNEL_FD_INODE) {
		f->ino = k->fd_ino;
		f->dev = k->fd_dev;
	}
	if (f->kind == FD_FILE && (k->have & KERNEL_FD_INODE) && S_ISDIR(k->fd_mode) &&
	    c->ev->info->flags & EF_USES_FD)
		f->kind = FD_DIRECTORY;
	if (k->have & KERNEL_FD_PATH)
		state_set_text(s, &f->realpath, k->fd_path);
	if (f->l4 == L4_UNKNOWN && fd_is_ip(f))
		f->l4 = k->fd_l4;
	if ((k->have & KERNEL_FD_ROLE) && f->role == ROLE_NONE)
		f->role = k->fd_role;
	if (k->have & KERNEL_FD_TUPLE)
		take_tuple(s, f, k);
}
