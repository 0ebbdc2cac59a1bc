/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the metadata lists in their newest form. Called by scap_write.c; the buffers are its.
 */
#include "engine/event/scap_block.h"

static void put_u8(struct buf *b, uint8_t v)
{
	buf_add(b, &v, 1);
}

static void put_u16(struct buf *b, uint16_t v)
{
	buf_add(b, &v, 2);
}

static void put_u32(struct buf *b, uint32_t v)
{
	buf_add(b, &v, 4);
}

static void put_u64(struct buf *b, uint64_t v)
{
	buf_add(b, &v, 8);
}

static void put_i64(struct buf *b, int64_t v)
{
	buf_add(b, &v, 8);
}

/* Longer texts are cut: the length has 16 bits. */
static void put_str(struct buf *b, struct str s)
{
	uint16_t len = (uint16_t)MIN(s.len, (uint32_t)UINT16_MAX);

	put_u16(b, len);
	if (len)
		buf_add(b, s.p, len);
}

/* Room for the length of an entry, filled in when the entry is complete. */
static size_t entry_start(struct buf *b)
{
	put_u32(b, 0);
	return b->len - 4;
}

static void entry_end(struct buf *b, size_t start, uint32_t not_counted)
{
	if (!b->err)
		store_u32(b->p + start, (uint32_t)(b->len - start) - not_counted);
}

void scap_put_machine(struct buf *b, const struct machine_record *m)
{
	char host[SCAP_HOSTNAME] = { 0 };

	if (m->hostname.len)
		memcpy(host, m->hostname.p, MIN(m->hostname.len, sizeof(host) - 1));
	put_u32(b, m->num_cpus);
	put_u64(b, m->memory_bytes);
	put_u64(b, m->max_pid);
	buf_add(b, host, sizeof(host));
	put_u64(b, m->boot_ts);
	put_u64(b, m->flags);
	put_u64(b, 0);
	put_u64(b, 0);
}

static void put_proc_tail(struct buf *b, const struct proc_record *p)
{
	put_u64(b, p->pidns_init_start_ts);
	put_u32(b, p->tty);
	put_u32(b, p->loginuid);
	put_u8(b, p->exe_writable);
	put_u64(b, p->cap_inheritable);
	put_u64(b, p->cap_permitted);
	put_u64(b, p->cap_effective);
	put_u8(b, p->exe_upper_layer);
	put_u64(b, p->exe_ino);
	put_u64(b, p->exe_ino_ctime);
	put_u64(b, p->exe_ino_mtime);
	put_u8(b, p->exe_from_memfd);
	put_u8(b, p->exe_lower_layer);
	put_i64(b, p->pgid);
}

void scap_put_proc(struct buf *b, const struct proc_record *p)
{
	size_t start = entry_start(b);

	put_i64(b, p->tid);
	put_i64(b, p->pid);
	put_i64(b, p->ptid);
	put_i64(b, p->sid);
	put_i64(b, p->vpgid);
	put_str(b, p->comm);
	put_str(b, p->exe);
	put_str(b, p->exepath);
	put_str(b, p->args);
	put_str(b, p->cwd);
	put_i64(b, p->fdlimit);
	put_u32(b, p->flags);
	put_u32(b, p->uid);
	put_u32(b, p->gid);
	put_u32(b, p->vmsize_kb);
	put_u32(b, p->vmrss_kb);
	put_u32(b, p->vmswap_kb);
	put_u64(b, p->pfmajor);
	put_u64(b, p->pfminor);
	put_str(b, p->env);
	put_i64(b, p->vtid);
	put_i64(b, p->vpid);
	put_str(b, p->cgroups);
	put_str(b, p->root);
	put_proc_tail(b, p);
	entry_end(b, start, 0);
}

static void put_addresses(struct buf *b, const struct fd_record *f, size_t size, bool server)
{
	if (!server)
		buf_add(b, f->sip, size);
	buf_add(b, f->dip, size);
	if (!server)
		put_u16(b, f->sport);
	put_u16(b, f->dport);
	put_u8(b, f->l4);
}

void scap_put_fd(struct buf *b, const struct fd_record *f)
{
	size_t start = entry_start(b);

	put_i64(b, f->fd);
	put_u64(b, f->ino);
	put_u8(b, f->kind);
	switch (f->kind) {
	case FD_IPV4:
	case FD_IPV4_SERVER:
		put_addresses(b, f, 4, f->kind == FD_IPV4_SERVER);
		break;
	case FD_IPV6:
	case FD_IPV6_SERVER:
		put_addresses(b, f, 16, f->kind == FD_IPV6_SERVER);
		break;
	case FD_UNIX:
		put_u64(b, f->unix_source);
		put_u64(b, f->unix_peer);
		put_str(b, f->name);
		break;
	case FD_FILE_V2:
		put_u32(b, f->open_flags);
		put_str(b, f->name);
		put_u32(b, f->dev);
		break;
	default:
		put_str(b, f->name);
	}
	entry_end(b, start, 0);
}

void scap_put_iface(struct buf *b, const struct iface_record *i)
{
	size_t start = entry_start(b), size = i->v6 ? 16 : 4;
	uint16_t len = (uint16_t)MIN(i->name.len, 1023u);

	put_u16(b, i->v6 ? 2 : 1);
	put_u16(b, len);
	buf_add(b, i->addr, size);
	buf_add(b, i->mask, size);
	buf_add(b, i->bcast, size);
	put_u64(b, i->link_speed);
	if (len)
		buf_add(b, i->name.p, len);
	/* Only in this list the length does not count itself. */
	entry_end(b, start, 4);
}

void scap_put_user(struct buf *b, const struct user_record *u)
{
	size_t start = entry_start(b);

	put_u8(b, u->is_group);
	if (!u->is_group)
		put_u32(b, u->uid);
	put_u32(b, u->gid);
	put_str(b, u->name);
	if (!u->is_group) {
		put_str(b, u->home);
		put_str(b, u->shell);
	}
	entry_end(b, start, 0);
}
