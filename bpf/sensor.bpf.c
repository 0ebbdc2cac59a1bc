/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sensor: one dispatcher on the exit of system calls, one program per row of syscalls.def made
 * from that row, and three hooks of the process life cycle. Loaded and attached by
 * agent/source_ring.c.
 */
#include "bpf/compat32.bpf.h"
#include "bpf/uring.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Identity and life of processes travel in the lane that is never starved. */
#define LANE_OF(category, flags)                                                            \
	((((category) == CAT_PROCESS || (category) == CAT_USER) && ((flags) & EF_MODIFIES_STATE)) \
		 ? LANE_LIFE : LANE_DATA)

/* The first program of the object: where a kernel does not have it, loading fails early. */
SEC("tp_btf/io_uring_complete")
int on_uring(__u64 *ctx)
{
	struct io_kiocb *req = (void *)ctx[1];
	struct call call = {
		.ctx = ctx,
		.ret = uring_result(ctx),
		.task = (void *)bpf_get_current_task(),
	}, *c = &call;
	__u32 op = KREAD(req, opcode);
	__u32 type;

	if (op >= URING_OPS)
		return 0;
	type = config.uring_of[op];
	if (type == EV_OPENAT_2_X) {
		if (call_begin(c, EV_OPENAT_2_X, OPENAT_2_X_NPARAMS, LANE_DATA))
			return 0;
		uring_identity(c);
		put_uring_open(c);
	} else if (type == EV_ACCEPT4_6_X) {
		if (call_begin(c, EV_ACCEPT4_6_X, ACCEPT4_6_X_NPARAMS, LANE_DATA))
			return 0;
		uring_identity(c);
		put_uring_accept(c);
	} else {
		return 0;
	}
	uring_finish(c);
	return 0;
}

/* A row becomes the program sys_<row>; the dispatcher finds it by system call number. */
#define SYSCALL(num, id, name, category, flags)                                             \
	SEC("tp_btf/sys_exit") int sys_##id(__u64 *ctx)                                     \
	{                                                                                   \
		struct call call = {                                                        \
			.ctx = ctx,                                                         \
			.regs = (void *)ctx[0],                                             \
			.ret = ctx[1],                                                      \
			.task = (void *)bpf_get_current_task(),                             \
		}, *c = &call;                                                              \
		const __u32 lane = LANE_OF(category, flags);                                \
		if (call_begin(c, EV_##id, id##_NPARAMS, lane))                             \
			return 0;
#define P(ev, name, type, fmt, ref, source)                                                 \
	{                                                                                   \
		enum { idx = ev##_##name, ptype = PT_##type };                              \
		SRC_##source                                                                \
	}
#define END(id) call_end(c); return 0; }

#include "engine/event/syscalls.def"
#undef SYSCALL
#undef P
#undef END

/* Second half of the events about an fd. */
SEC("tp_btf/sys_exit")
int on_fd(__u64 *ctx)
{
	struct scratch *s = scratch_get();
	struct call call = { .s = s }, *c = &call;

	if (!s)
		return 0;
	call.type = s->head.type;
	call.lane = s->lane;
	call.file = s->file;
	put_kernel(c);
	call_submit(c);
	return 0;
}

SEC("tp_btf/sys_exit")
int on_sys_exit(__u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	__u64 nr = SYSCALL_NR(regs);

	if (current_is_compat())
		nr = compat_call(regs, nr);
	if (!is_wanted(nr))
		return 0;
	bpf_tail_call(ctx, &syscall_progs, nr);
	HIDE(nr);
	if (nr < SYSCALL_SLOTS)
		count_lost(config.kind_of[nr], LANE_DATA, RING_LOST_TAIL_CALL);
	return 0;
}

/* The parameters of one row, without the others: `want` is a constant. */
#define SYSCALL(num, id, name, category, flags)
#define P(ev, name, type, fmt, ref, source)                                                 \
	if (want == EV_##ev) {                                                              \
		enum { idx = ev##_##name, ptype = PT_##type };                              \
		SRC_##source                                                                \
	}
#define END(id)
static __always_inline void put_row(struct call *c, const __u32 want)
{
#include "engine/event/syscalls.def"
}
#undef SYSCALL
#undef P
#undef END

SEC("tp_btf/sched_process_exec")
int on_exec(__u64 *ctx)
{
	struct call call = { .task = (void *)ctx[0], .bprm = (void *)ctx[2] }, *c = &call;

	if (call_begin(c, EV_EXECVE_19_X, EXECVE_19_X_NPARAMS, LANE_LIFE))
		return 0;
	put_row(c, EV_EXECVE_19_X);
	call_end(c);
	return 0;
}

/* The child's side of clone: it has not run yet, so this comes before anything it does. */
SEC("tp_btf/sched_process_fork")
int on_fork(__u64 *ctx)
{
	struct call call = { .task = (void *)ctx[1] }, *c = &call;

	if (call_begin(c, EV_CLONE_20_X, CLONE_20_X_NPARAMS, LANE_LIFE))
		return 0;
	c->s->head.tid = KREAD(call_task(c), pid);
	c->s->head.tgid = KREAD(call_task(c), tgid);
	put_row(c, EV_CLONE_20_X);
	call_end(c);
	return 0;
}

#define REAPER_STEPS 32
#define PF_EXITING 4

/* Who inherits the children of `t`; 0 when that has to be searched for in userspace. */
static __noinline int reaper_of(struct task_struct *t)
{
	struct pid_namespace *ns = task_pidns(t);
	struct task_struct *leader = KREAD(t, group_leader), *p = t, *init;
	__u32 level = task_pidns_level(t);
	struct signal_struct *sig;
	int i;

	if (KREAD(t, signal, live.counter) > 0)
		return KREAD(leader, flags) & PF_EXITING ? 0 : KREAD(leader, pid);
	init = ns ? KREAD(ns, child_reaper) : NULL;
	if (!init || KREAD(init, tgid) == KREAD(t, tgid))
		return 0;
	sig = KREAD(t, signal);
	if (!BPF_CORE_READ_BITFIELD_PROBED(sig, has_child_subreaper))
		return KREAD(init, pid);
#pragma clang loop unroll(disable)
	for (i = 0; i < REAPER_STEPS; i++) {
		p = KREAD(p, real_parent);
		if (!p || p == init || task_pidns_level(p) != level)
			break;
		sig = KREAD(p, signal);
		if (!BPF_CORE_READ_BITFIELD_PROBED(sig, is_child_subreaper))
			continue;
		leader = KREAD(p, group_leader);
		return KREAD(leader, flags) & PF_EXITING ? 0 : KREAD(leader, pid);
	}
	return i == REAPER_STEPS ? 0 : KREAD(init, pid);
}

SEC("tp_btf/sched_process_exit")
int on_exit(__u64 *ctx)
{
	struct call call = { .task = (void *)ctx[0] }, *c = &call;
	__u32 code;

	if (call_begin(c, EV_PROCEXIT_1_E, PROCEXIT_1_E_NPARAMS, LANE_LIFE))
		return 0;
	code = KREAD(call_task(c), exit_code);
	put_num(c, PROCEXIT_1_E_status, PT_ERRNO, (__s64)(int)code);
	put_num(c, PROCEXIT_1_E_ret, PT_ERRNO, code >> 8 & 0xff);
	put_num(c, PROCEXIT_1_E_sig, PT_SIGTYPE, code & 0x7f);
	put_num(c, PROCEXIT_1_E_core, PT_UINT8, (code & 0x80) != 0);
	put_num(c, PROCEXIT_1_E_reaper_tid, PT_PID, reaper_of(c->task));
	call_end(c);
	return 0;
}
