/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * 32-bit system calls: recognised, translated to the native number by a map that userspace fills,
 * their arguments put where call_arg() finds them. A 64-bit program can make them, too (int 0x80).
 */
#ifndef TIERCEL_BPF_COMPAT32_H
#define TIERCEL_BPF_COMPAT32_H

#include "bpf/record.bpf.h"

#if defined(__TARGET_ARCH_x86)
#define THREAD_FLAGS status
#define THREAD_COMPAT 2		/* TS_COMPAT */
#define SOCKETCALL_ARGS 6
#define SOCKETCALL_SEND 9
#define SOCKETCALL_RECV 10

static __always_inline void compat_regs(struct pt_regs *r, __u64 *args)
{
	args[0] = (__u32)r->bx;
	args[1] = (__u32)r->cx;
	args[2] = (__u32)r->dx;
	args[3] = (__u32)r->si;
	args[4] = (__u32)r->di;
	args[5] = (__u32)r->bp;
}

/* The one call behind which 32-bit programs find all of the socket API. */
static __always_inline __u64 compat_socketcall(__u64 which)
{
	return which < SOCKETCALL_SLOTS ? config.socketcall[which] : 0;
}

static __always_inline void compat_socketcall_args(__u64 *args)
{
	__u32 which = args[0], v[SOCKETCALL_ARGS] = {};
	__u64 uptr = args[1];

	if (bpf_probe_read_user(v, sizeof(v), (void *)uptr))
		count_site(RING_SITE_USER_STRUCT);
	for (int i = 0; i < SOCKETCALL_ARGS; i++)
		args[i] = v[i];
	if (which == SOCKETCALL_SEND || which == SOCKETCALL_RECV)
		args[4] = args[5] = 0;	/* sendto and recvfrom without an address */
}
#else
#define THREAD_FLAGS flags
#define THREAD_COMPAT (1UL << 22)	/* TIF_32BIT */

static __always_inline void compat_regs(struct pt_regs *r, __u64 *args)
{
	for (int i = 0; i < 6; i++)
		args[i] = (__u32)(i ? r->regs[i] : r->orig_x0);
}

static __always_inline __u64 compat_socketcall(__u64 which)
{
	return 0;
}

static __always_inline void compat_socketcall_args(__u64 *args)
{
}
#endif

static __always_inline bool current_is_compat(struct task_struct *current)
{
	if (HAS_TYPED_CURRENT)
		return current->thread_info.THREAD_FLAGS & THREAD_COMPAT;
	return BPF_CORE_READ(current, thread_info.THREAD_FLAGS) & THREAD_COMPAT;
}

/* Looked at first: it costs nothing, while finding out the kind of a call takes a helper. */
static __always_inline __u8 interest_in(__u64 nr)
{
	HIDE(nr);
	return nr < SYSCALL_SLOTS ? config.interest[nr] : 0;
}

/* Native number of the 32-bit call `nr`, else a number that no one wants. */
static __always_inline __u64 compat_nr(struct pt_regs *regs, __u64 nr)
{
	__u64 args[6], native;

	if (nr >= SYSCALL_SLOTS)
		return SYSCALL_SLOTS;
	native = config.native_of[nr];
	if (nr == SOCKETCALL_NR32) {
		compat_regs(regs, args);
		native = compat_socketcall(args[0]);
	}
	return native ? native - 1 : SYSCALL_SLOTS;
}

static __always_inline void compat_args(struct pt_regs *regs, __u64 *args)
{
	compat_regs(regs, args);
	if (SYSCALL_NR(regs) == SOCKETCALL_NR32)
		compat_socketcall_args(args);
}

#endif
