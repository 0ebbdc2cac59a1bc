/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Operations of io_uring, which make no system call of their own: where a completion brings a new fd,
 * it is reported as the system call that does the same. What was asked for is gone by then; it is read
 * from the new file. Operations on an fd leave no trace of its number in a completed request.
 */
#ifndef TIERCEL_BPF_URING_H
#define TIERCEL_BPF_URING_H

#include "bpf/source.bpf.h"

#define PF_IO_WORKER 0x10
#define NO_SUCH_ARGUMENT 11
#define AT_FDCWD (-100)

/* Arguments of the tracepoint: context, request, then since 6.15 the completion, before its members. */
static __always_inline int uring_result(__u64 *ctx)
{
	/* Before 5.19 no request is told: the verifier shall refuse, so that the gap is reported. */
	if (!bpf_core_type_exists(struct io_cqe))
		return ctx[NO_SUCH_ARGUMENT];
	if (bpf_core_type_exists(struct io_zcrx_ifq)) {
		struct io_uring_cqe *cqe = (void *)ctx[2];

		return cqe->res;
	}
	return ctx[3];
}

/*
 * Workers are threads of the process that nobody knows; they share its fds. Not inlined, as the others:
 * in one function their stack and that of the path walk would be too much on some kernels.
 */
static __noinline void uring_identity(struct call *c)
{
	if (KREAD(call_task(c), flags) & PF_IO_WORKER)
		c->s->head.tid = c->s->head.tgid;
	if (c->ret >= 0)
		call_use_fd(c, c->ret);
}

static __noinline void uring_finish(struct call *c)
{
	call_finish_fd(c);
}

static __noinline void put_uring_open(struct call *c)
{
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
	put_num(c, ACCEPT4_6_X_fd, PT_FD, c->ret);
	put_tuple(c, ACCEPT4_6_X_tuple, NULL, 0, DIR_IN);
}

#endif
