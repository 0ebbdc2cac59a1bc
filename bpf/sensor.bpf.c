/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The sensor: one dispatcher on the exit of system calls, one program per row of syscalls.def made
 * from that row, and three hooks of the process life cycle. Loaded and attached by
 * agent/source_ring.c.
 */
#include "bpf/compat32.bpf.h"
#include "bpf/uring.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

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
	} else if (type == EV_CONNECT_X) {
		if (call_begin(c, EV_CONNECT_X, CONNECT_X_NPARAMS, LANE_DATA))
			return 0;
		uring_identity(c);
		put_uring_connect(c, req);
	} else {
		return 0;
	}
	uring_finish(c);
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

#define MESSAGES_MAX 16
#define MESSAGE_FIRST 1		/* its record has been begun */
#define MESSAGE_CUT 2		/* more follow that are not reported */

struct user_mmsghdr {
	struct user_msghdr msg;
	__u32 flags, pad, len, pad2;
};

/* A global function: what came before it does not matter to the verifier. */
__noinline int end_message(void)
{
	struct call call = { .s = scratch_get() }, *c = &call;

	if (!call.s)
		return 0;
	call.file = call.s->file;
	call_finish_fd(c);
	return 1;
}

/*
 * One message of a call that takes several is an event of its own, with its own length as result.
 */
static __always_inline int put_message(const __u32 type, __u32 nparams, __u64 msg, __u64 fd,
				       long ret, __u32 marks)
{
	const struct user_mmsghdr *m = (void *)msg;
	struct call call = { .is_syscall = true }, *c = &call;
	struct scratch *s;
	__u32 len = 0;

	if (marks & MESSAGE_FIRST)
		s = scratch_get();
	else
		s = record_begin(current_get(), type, nparams, LANE_DATA, 0);
	if (!s)
		return 0;
	c->s = s;
	c->task = s->task = (void *)bpf_get_current_task();
	s->args[0] = fd;
	s->args[1] = msg;
	if (marks & MESSAGE_CUT)
		s->head.flags |= RING_TRUNCATED;
	if (ret > 0 && !call_is_compat(c)) {
		if (bpf_probe_read_user(&len, sizeof(len), &m->len))
			count_site(RING_SITE_USER_STRUCT);
		ret = len;
	}
	/* Verifier: through the map, so that it looks at what follows once. */
	s->ret = ret;
	c->ret = *(volatile __s64 *)&s->ret;
	put_row(c, type);
	s->file = c->file;
	return end_message();
}

__noinline int send_message(__u64 msg, __u64 fd, __u64 ret, __u32 marks)
{
	return put_message(EV_SENDMMSG_X, SENDMMSG_X_NPARAMS, msg, fd, ret, marks);
}

__noinline int receive_message(__u64 msg, __u64 fd, __u64 ret, __u32 marks)
{
	return put_message(EV_RECVMMSG_X, RECVMMSG_X_NPARAMS, msg, fd, ret, marks);
}

static __always_inline bool has_messages(__u32 type)
{
	/* Not by ||, which the compiler for BPF does not evaluate by itself. */
	switch (type) {
	case EV_SENDMMSG_X:
	case EV_RECVMMSG_X: return true;
	default: return false;
	}
}

/* Of 32-bit calls, whose messages look different, there is one event for all. */
static __always_inline void put_messages(struct call *c, const __u32 type)
{
	__u64 msg = call_arg(c, 1), fd = call_arg(c, 0), n = call_is_compat(c) ? 1 : c->ret;

	if (c->ret <= 0)
		n = 1;
	_Pragma("unroll") for (int k = 0; k < MESSAGES_MAX; k++) {
		__u32 marks = k ? 0 : MESSAGE_FIRST;

		if (k >= n)
			break;
		if (k == MESSAGES_MAX - 1 && n > MESSAGES_MAX)
			marks |= MESSAGE_CUT;
		if (type == EV_SENDMMSG_X)
			send_message(msg, fd, c->ret, marks);
		else
			receive_message(msg, fd, c->ret, marks);
		msg += sizeof(struct user_mmsghdr);
		/* Else the compiler works out all addresses before, and has no stack for them. */
		HIDE(msg);
	}
}

/* Last of the programs of a system call: hands the record over. */
SEC("tp_btf/sys_exit")
int on_record(__u64 *ctx)
{
	struct call call = { .s = scratch_get() };

	if (call.s)
		call_submit(&call);
	return 0;
}

/* The same for events about an fd. */
SEC("tp_btf/sys_exit")
int on_fd(__u64 *ctx)
{
	struct call call = { .s = scratch_get() }, *c = &call;

	if (!call.s)
		return 0;
	call.file = call.s->file;
	put_kernel(c);
	call_submit(c);
	return 0;
}

/* Made by the program of another row, see ring.h. */
static __always_inline bool has_no_program(__u32 type)
{
#define SAME(id, of)                                                                        \
	_Static_assert(id##_NPARAMS <= of##_NPARAMS, "rows of one program");                \
	if (type == EV_##id)                                                                \
		return true;
	RING_SAME_PROGRAM(SAME)
#undef SAME
	return false;
}

/*
 * 5.10 on arm64 refuses programs that have functions, as the walks are, and end in a tail call.
 * Those without an fd end by themselves.
 */
static __always_inline bool ends_itself(__u32 type)
{
	switch (type) {
	case EV_EXECVE_19_X:
	case EV_CLONE_20_X:
	case EV_POLL_X:
	case EV_PPOLL_X: return true;
	default: return false;
	}
}

static __always_inline bool ends_itself_fd(__u32 type)
{
#if defined(__TARGET_ARCH_arm64)
	return type == EV_OPEN_BY_HANDLE_AT_X;
#else
	return false;
#endif
}

/* A row becomes the program sys_<row>; the dispatcher finds it by system call number. */
#define SYSCALL(num, id, name, category, flags)                                             \
	_Static_assert(id##_NPARAMS <= RING_PARAMS_MAX, "lengths of a record");             \
	SEC("tp_btf/sys_exit") int sys_##id(__u64 *ctx)                                     \
	{                                                                                   \
		const __u32 type = EV_##id;                                                 \
		struct call call = {                                                        \
			.ctx = ctx,                                                         \
			.s = scratch_get(),                                                 \
			.ret = ctx[1],                                                      \
			.is_syscall = true,                                                 \
		}, *c = &call;                                                              \
		if (!call.s || has_no_program(type))                                        \
			return 0;                                                           \
		call.task = call.s->task;                                                   \
		if (has_messages(type)) {                                                   \
			put_messages(c, type);                                              \
			return 0;                                                           \
		}
#define P(ev, name, type, fmt, ref, source)                                                 \
	{                                                                                   \
		enum { idx = ev##_##name, ptype = PT_##type };                              \
		SRC_##source                                                                \
	}
#define END(id)                                                                             \
		if (ends_itself(type))                                                      \
			call_finish(c);                                                     \
		else if (ends_itself_fd(type))                                              \
			call_finish_fd(c);                                                  \
		else                                                                        \
			call_end(c);                                                        \
		return 0;                                                                   \
	}

#include "engine/event/syscalls.def"
#undef SYSCALL
#undef P
#undef END

/* First of the programs of a system call: begins the record of a wanted one. */
SEC("tp_btf/sys_exit")
int on_sys_exit(__u64 *ctx)
{
	struct pt_regs *regs = (void *)ctx[0];
	__u64 nr = SYSCALL_NR(regs);
	__u8 interest = interest_in(nr);
	struct task_struct *current;
	struct sensor_row row;
	struct scratch *s;
	bool compat;

	if (!interest)
		return 0;
	current = current_get();
	compat = current_is_compat(current);
	if (compat) {
		nr = compat_nr(regs, nr);
		interest = interest_in(nr);
	}
	if (!(interest & INTEREST_NATIVE))
		return 0;
	HIDE(nr);
	if (nr >= SYSCALL_SLOTS)
		return 0;
	row = config.row_of[nr];
	if (row.flags & ROW_FAILED_ONLY && (long)ctx[1] >= 0)
		return 0;
	s = record_begin(current, row.type, row.nparams,
			 row.flags & ROW_LIFE ? LANE_LIFE : LANE_DATA, compat ? RING_COMPAT32 : 0);
	if (!s)
		return 0;
	s->task = current;
	s->nr = nr;
	if (compat)
		compat_args(regs, s->args);
	else
		native_args(regs, s->args);
	bpf_tail_call(ctx, &syscall_progs, nr);
	count_lost(row.type, s->lane, RING_LOST_TAIL_CALL);
	scratch_release(s);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int on_exec(__u64 *ctx)
{
	struct call call = { .task = (void *)ctx[0], .bprm = (void *)ctx[2] }, *c = &call;

	if (call_begin(c, EV_EXECVE_19_X, EXECVE_19_X_NPARAMS, LANE_LIFE))
		return 0;
	put_row(c, EV_EXECVE_19_X);
	call_finish(c);
	return 0;
}

/* What is kept of cgroups is about names that are no longer right. */
SEC("tp_btf/cgroup_rename")
int on_cgroup_rename(__u64 *ctx)
{
	__sync_fetch_and_add(&config.cgroup_renames, 1);
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
	call_finish(c);
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
	call_finish(c);
	return 0;
}
