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
#define NR32_SOCKETCALL 102
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
static __always_inline __u64 compat_socketcall(__u64 *args)
{
	__u32 which = args[0], v[SOCKETCALL_ARGS] = {};
	__u64 uptr = args[1];

	if (which >= SOCKETCALL_SLOTS)
		return 0;
	if (bpf_probe_read_user(v, sizeof(v), (void *)uptr))
		count_site(RING_SITE_USER_STRUCT);
	for (int i = 0; i < SOCKETCALL_ARGS; i++)
		args[i] = v[i];
	if (which == SOCKETCALL_SEND || which == SOCKETCALL_RECV)
		args[4] = args[5] = 0;	/* sendto and recvfrom without an address */
	return config.socketcall[which];
}
#else
#define THREAD_FLAGS flags
#define THREAD_COMPAT (1UL << 22)	/* TIF_32BIT */
#define NR32_SOCKETCALL 102

static __always_inline void compat_regs(struct pt_regs *r, __u64 *args)
{
	for (int i = 0; i < 6; i++)
		args[i] = (__u32)(i ? r->regs[i] : r->orig_x0);
}

static __always_inline __u64 compat_socketcall(__u64 *args)
{
	return 0;
}
#endif

/* A helper that 5.10 lacks gives the task as a typed pointer, whose members cost one load. */
static __always_inline bool current_is_compat(void)
{
	struct task_struct *t;

	if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)) {
		t = bpf_get_current_task_btf();
		return t->thread_info.THREAD_FLAGS & THREAD_COMPAT;
	}
	t = (void *)bpf_get_current_task();
	return BPF_CORE_READ(t, thread_info.THREAD_FLAGS) & THREAD_COMPAT;
}

static __always_inline bool is_wanted(__u64 nr)
{
	HIDE(nr);
	return nr < SYSCALL_SLOTS && config.interest[nr];
}

/* Native number of the call when it is wanted, else a number that no one wants. */
static __always_inline __u64 compat_call(struct pt_regs *regs, __u64 nr)
{
	struct scratch *s = scratch_get();
	__u64 native;

	if (!s || nr >= SYSCALL_SLOTS)
		return SYSCALL_SLOTS;
	native = config.native_of[nr];
	if (nr != NR32_SOCKETCALL && !native)
		return SYSCALL_SLOTS;
	compat_regs(regs, s->args);
	if (nr == NR32_SOCKETCALL)
		native = compat_socketcall(s->args);
	if (!native || !is_wanted(native - 1))
		return SYSCALL_SLOTS;
	s->compat = native;
	return native - 1;
}

#endif
