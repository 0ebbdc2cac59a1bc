/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Operations of io_uring, which make no system call of their own: where a completion brings a new
 * fd, or a connection, it is reported as the system call that does the same. What was asked for is
 * gone by then; it is read from the file. A request has that, but not its number among the fds.
 */
#ifndef TIERCEL_BPF_URING_H
#define TIERCEL_BPF_URING_H

#include "bpf/source.bpf.h"

#define PF_IO_WORKER 0x10
#define NO_SUCH_ARGUMENT 11
#define AT_FDCWD (-100)

/*
 * Arguments of the tracepoint: context, request, then since 6.15 the completion, before its
 * members.
 */
static __always_inline int uring_result(__u64 *ctx)
{
	/*
	 * Before 5.19 no request is told: the verifier shall refuse, so that the gap is reported.
	 */
	if (!bpf_core_type_exists(struct io_cqe))
		return ctx[NO_SUCH_ARGUMENT];
	if (bpf_core_type_exists(struct io_zcrx_ifq)) {
		struct io_uring_cqe *cqe = (void *)ctx[2];

		return cqe->res;
	}
	return ctx[3];
}

/*
 * Workers are threads of the process that nobody knows; they share its fds. Not inlined, as the
 * others: in one function their stack and that of the path walk would be too much on some kernels.
 */
static __noinline void uring_identity(struct call *c)
{
	if (KREAD(call_task(c), flags) & PF_IO_WORKER)
		c->s->head.tid = c->s->head.tgid;
}

static __always_inline void uring_new_fd(struct call *c)
{
	if (c->ret >= 0)
		call_use_fd(c, c->ret);
}

/* The first fds of a process, where the number of a file is looked for. Many: with an iterator. */
#define SCAN_FDS 64
#define SCAN_FDS_MANY 1024

/* True: found, or there are no more. */
static __always_inline bool uring_scan_step(struct scratch *s, struct file **fds, __u32 max,
					    struct file *wanted)
{
	__u32 fd = *(volatile __u32 *)&s->scan;
	struct file *f = NULL;

	if (fd >= max)
		return true;
	bpf_probe_read_kernel(&f, sizeof(f), fds + fd);
	if (f == wanted)
		return true;
	*(volatile __u32 *)&s->scan = fd + 1;
	return false;
}

/* Number of the file in this process; -1: none, as a file that is registered with the ring only. */
static __noinline int uring_fd(struct scratch *s, __u64 file)
{
	struct fdtable *fdt = KREAD(s->task, files, fdt);
	struct file **fds;
	bool done = false;
	__u32 max;

	if (!fdt)
		return -1;
	max = KREAD(fdt, max_fds);
	fds = KREAD(fdt, fd);
	s->scan = 0;
	REPEAT(done, SCAN_FDS, SCAN_FDS_MANY, uring_scan_step(s, fds, max, (void *)file));
	return done && s->scan < max ? (int)s->scan : -1;
}

static __noinline void uring_finish(struct call *c)
{
	call_finish_fd(c);
}

static __noinline void put_uring_open(struct call *c)
{
	uring_new_fd(c);
	put_num(c, OPENAT_2_X_fd, PT_FD, c->ret);
	put_num(c, OPENAT_2_X_dirfd, PT_FD, AT_FDCWD);
	if (!c->file)
		return;
	put_path(c, OPENAT_2_X_name, c->s->info.dentry, c->s->info.mnt);
	put_num(c, OPENAT_2_X_flags, PT_FLAGS32, open_flags(c, KREAD(call_file(c), f_flags)));
	put_num(c, OPENAT_2_X_mode, PT_UINT32, 0);
	put_num(c, OPENAT_2_X_dev, PT_UINT32, c->s->info.dev);
	put_num(c, OPENAT_2_X_ino, PT_UINT64, c->s->info.ino);
}

static __noinline void put_uring_accept(struct call *c)
{
	uring_new_fd(c);
	put_num(c, ACCEPT4_6_X_fd, PT_FD, c->ret);
	put_tuple(c, ACCEPT4_6_X_tuple, NULL, 0, DIR_IN);
}

/* The address asked for is gone; the tuple has the one that the socket is connected to. */
static __noinline void put_uring_connect(struct call *c, struct io_kiocb *req)
{
	struct file *f = KREAD(req, file);
	int fd;

	c->s->task = c->task;
	fd = uring_fd(c->s, (__u64)f);
	c->file = f;
	if (f) {
		file_read(c->s, f);
		inode_read(c->s, c->s->info.inode);
	}
	put_num(c, CONNECT_X_res, PT_ERRNO, c->ret);
	put_tuple(c, CONNECT_X_tuple, NULL, 0, DIR_OUT);
	put_num(c, CONNECT_X_fd, PT_FD, (__s64)fd);
}

#endif
