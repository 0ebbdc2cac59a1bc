/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From fd number to the kernel's object: the section of a record that needs no fd table in
 * userspace and that the caller cannot forge.
 */
#ifndef TIERCEL_BPF_FD_H
#define TIERCEL_BPF_FD_H

#include "bpf/sock.bpf.h"

#define ANON_INODE_MAGIC 0x09041934
#define PIPEFS_MAGIC 0x50495045
#define PIDFS_MAGIC 0x50494446
#define FMODE_CREATED 0x100000

/* enum event_kernel_have of engine/event/event.h */
#define HAVE_PATH 1
#define HAVE_TUPLE 2
#define HAVE_INODE 4
#define HAVE_KIND 8
#define HAVE_ROLE 16

#define FILE_BLOCK 112
#define INODE_BLOCK 80
#define SUPER_BLOCK 104

static __always_inline struct file *task_file(struct task_struct *t, int fd)
{
	struct fdtable *fdt = KREAD(t, files, fdt);
	struct file *f = NULL, **fds;
	__u32 max;

	if (fd < 0 || !fdt)
		return NULL;
	max = KREAD(fdt, max_fds);
	fds = KREAD(fdt, fd);
	if ((__u32)fd >= max)
		return NULL;
	if (HAS_CAST)
		return (void *)LOAD_WORD(fds + (__u32)fd);
	bpf_probe_read_kernel(&f, sizeof(f), fds + (__u32)fd);
	return f;
}

static __always_inline void file_read(struct scratch *s, struct file *f)
{
	struct file_info *out = &s->info;
	struct path path;
	struct block *b = &s->block;

	if (HAS_CAST) {
		out->mnt = CAST(struct file, f)->f_path.mnt;
		out->dentry = CAST(struct file, f)->f_path.dentry;
		out->inode = CAST(struct file, f)->f_inode;
		out->f_mode = CAST(struct file, f)->f_mode;
		return;
	}
	__builtin_memset(b->bytes, 0, FILE_BLOCK);
	BLOCK_READ(b, FILE_BLOCK, f, 0);
	path = BLOCK_FIELD(b, FILE_BLOCK, f, 0, struct file, f_path);
	out->mnt = path.mnt;
	out->dentry = path.dentry;
	out->inode = BLOCK_FIELD(b, FILE_BLOCK, f, 0, struct file, f_inode);
	out->f_mode = BLOCK_FIELD(b, FILE_BLOCK, f, 0, struct file, f_mode);
}

static __always_inline void inode_read(struct scratch *s, struct inode *i)
{
	struct file_info *out = &s->info;
	struct super_block *sb;
	struct block *b = &s->block;

	if (HAS_CAST) {
		out->mode = CAST(struct inode, i)->i_mode;
		out->ino = CAST(struct inode, i)->i_ino;
		sb = CAST(struct inode, i)->i_sb;
		out->dev = kernel_dev(CAST(struct super_block, sb)->s_dev);
		out->magic = CAST(struct super_block, sb)->s_magic;
		return;
	}
	__builtin_memset(b->bytes, 0, INODE_BLOCK);
	BLOCK_READ(b, INODE_BLOCK, i, 0);
	out->mode = BLOCK_FIELD(b, INODE_BLOCK, i, 0, struct inode, i_mode);
	out->ino = BLOCK_FIELD(b, INODE_BLOCK, i, 0, struct inode, i_ino);
	sb = BLOCK_FIELD(b, INODE_BLOCK, i, 0, struct inode, i_sb);
	__builtin_memset(b->bytes, 0, SUPER_BLOCK);
	BLOCK_READ(b, SUPER_BLOCK, sb, 0);
	out->dev = kernel_dev(BLOCK_FIELD(b, SUPER_BLOCK, sb, 0, struct super_block, s_dev));
	out->magic = BLOCK_FIELD(b, SUPER_BLOCK, sb, 0, struct super_block, s_magic);
}

/* The event is about this fd: parameters and the kernel section are read from its file. */
static __always_inline void call_use_fd(struct call *c, int fd)
{
	struct file *f = task_file(c->task, fd);

	c->file = f;
	if (!f)
		return;
	file_read(c->s, f);
	inode_read(c->s, c->s->info.inode);
}

static __always_inline __u8 anon_kind(struct dentry *d)
{
	__u64 name = 0;

	bpf_probe_read_kernel_str(&name, sizeof(name), KREAD(d, d_name.name));
	switch (name) {
	case NAME8('[', 'e', 'v', 'e', 'n', 't', 'p', 0): return FD_EVENTPOLL;
	case NAME8('[', 'e', 'v', 'e', 'n', 't', 'f', 0): return FD_EVENTFD;
	case NAME8('[', 't', 'i', 'm', 'e', 'r', 'f', 0): return FD_TIMERFD;
	case NAME8('[', 's', 'i', 'g', 'n', 'a', 'l', 0): return FD_SIGNALFD;
	case NAME8('[', 'u', 's', 'e', 'r', 'f', 'a', 0): return FD_USERFAULTFD;
	case NAME8('[', 'i', 'o', '_', 'u', 'r', 'i', 0): return FD_IO_URING;
	case NAME8('[', 'p', 'i', 'd', 'f', 'd', ']', 0): return FD_PIDFD;
	case NAME8('i', 'n', 'o', 't', 'i', 'f', 'y', 0): return FD_INOTIFY;
	case NAME8('b', 'p', 'f', '-', 'm', 'a', 'p', 0):
	case NAME8('b', 'p', 'f', '-', 'p', 'r', 'o', 0):
	case NAME8('b', 'p', 'f', '_', 'l', 'i', 'n', 0): return FD_BPF;
	default: return FD_UNSUPPORTED;
	}
}

static __always_inline __u8 sock_kind(struct sock *sk)
{
	switch (sk ? KREAD(sk, __sk_common.skc_family) : 0) {
	case WIRE_AF_INET: return FD_IPV4;
	case WIRE_AF_INET6: return FD_IPV6;
	case WIRE_AF_UNIX: return FD_UNIX;
	case WIRE_AF_NETLINK: return FD_NETLINK;
	default: return FD_UNSUPPORTED;
	}
}

static __always_inline __u8 file_kind(struct call *c)
{
	if (c->s->info.magic == ANON_INODE_MAGIC)
		return anon_kind(c->s->info.dentry);
	if (c->s->info.magic == PIDFS_MAGIC)
		return FD_PIDFD;
	switch (c->s->info.mode & S_IFMT) {
	case S_IFSOCK: return sock_kind(call_sock(c));
	case S_IFDIR: return FD_DIRECTORY;
	case S_IFIFO: return FD_FIFO;
	default: return dentry_is_memfd(c->s->info.dentry) ? FD_MEMFD : FD_FILE_V2;
	}
}

/* Not inlined: its stack must not add to that of the path walk. */
static __noinline void kernel_sock(struct call *c, struct ring_kernel *k)
{
	struct sock *sk = call_sock(c);

	if (!sk)
		return;
	k->fd_l4 = sock_l4(sk);
	if (c->s->head.type == EV_CONNECT_X) {
		k->fd_role = ROLE_CLIENT;
		k->have |= HAVE_ROLE;
	} else if (c->s->head.type == EV_ACCEPT_5_X || c->s->head.type == EV_ACCEPT4_6_X ||
		   (k->fd_l4 == L4_TCP &&
		    KREAD(sk, __sk_common.skc_state) == TCP_LISTEN)) {
		k->fd_role = ROLE_SERVER;
		k->have |= HAVE_ROLE;
	}
	k->tuple_len = append_tuple(c, sk, NULL,
				    k->fd_role == ROLE_SERVER ? DIR_IN : DIR_OUT);
	if (k->tuple_len)
		k->have |= HAVE_TUPLE;
}

static __always_inline bool kind_has_path(__u8 kind, unsigned long magic)
{
	return kind == FD_FILE_V2 || kind == FD_DIRECTORY || kind == FD_MEMFD ||
	       (kind == FD_FIFO && magic != PIPEFS_MAGIC);
}

static __always_inline void kernel_path(struct call *c, struct ring_kernel *k)
{
	struct walk_buf *w = walk_buf_get(c->s);

	if (!w || !c->s->info.dentry || !c->s->info.mnt)
		return;
	walk_path_of(c->s, c->s->info.dentry, c->s->info.mnt);
	k->path_len = append_path(c, w);
	if (k->path_len)
		k->have |= HAVE_PATH;
}

/* Everything the kernel knows about c->file, behind the parameters. */
static __always_inline void put_kernel(struct call *c)
{
	struct ring_kernel k = {
		.fd_ino = c->s->info.ino,
		.have = HAVE_INODE | HAVE_KIND,
		.fd_dev = c->s->info.dev,
		.fd_mode = c->s->info.mode,
		.fd_kind = file_kind(c),
	};
	__u64 at = c->s->off;

	if (!room(c))
		return;
	c->s->off += sizeof(k);
	if (kind_has_path(k.fd_kind, c->s->info.magic))
		kernel_path(c, &k);
	else
		kernel_sock(c, &k);
	if (at > DATA_MAX - sizeof(k))
		return;
	copy_words(c->s->data + at, &k, sizeof(k));
	c->s->head.flags |= RING_HAS_KERNEL;
}

/* The end of programs that no other follows. */
static __always_inline void call_finish(struct call *c)
{
	c->s->head.data_len = c->s->off - 2 * c->s->head.nparams;
	call_submit(c);
}

static __always_inline void call_finish_fd(struct call *c)
{
	c->s->head.data_len = c->s->off - 2 * c->s->head.nparams;
	if (c->file)
		put_kernel(c);
	call_submit(c);
}

/*
 * The record is complete but for the kernel section. What follows are programs of their own, so
 * that the verifier sees them once and not once per system call.
 */
static __always_inline void call_end(struct call *c)
{
	struct scratch *s = c->s;

	s->head.data_len = s->off - 2 * s->head.nparams;
	if (c->file) {
		s->file = c->file;
		bpf_tail_call(c->ctx, &next_progs, NEXT_FD);
	} else {
		bpf_tail_call(c->ctx, &next_progs, NEXT_RECORD);
	}
	count_lost(s->head.type, s->lane, RING_LOST_TAIL_CALL);
	call_cancel(c);
}

#endif
