/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Building one record: record_begin() takes the per-cpu scratch, put_*() append parameters in wire
 * order, call_end() (fd.bpf.h) adds the kernel section and hands the record to a ring. For system
 * calls these are three programs, one after the other, with the scratch between them.
 */
#ifndef TIERCEL_BPF_RECORD_H
#define TIERCEL_BPF_RECORD_H

#include "bpf/compat.bpf.h"
#include "bpf/maps.bpf.h"

/* What one event is made from. Lives on the stack of the program. */
struct call {
	void *ctx;
	struct scratch *s;
	struct task_struct *task;
	struct linux_binprm *bprm;	/* sched_process_exec only */
	long ret;
	bool is_syscall;	/* else one of the other hooks, without arguments */
	struct file *file;	/* the event is about this file, or NULL */
};

/* KREAD(c->task, ...) would take struct call for a kernel structure, too. */
static __always_inline struct task_struct *call_task(struct call *c)
{
	return c->task;
}

static __always_inline struct file *call_file(struct call *c)
{
	return c->file;
}

static __always_inline struct linux_binprm *call_bprm(struct call *c)
{
	return c->bprm;
}

/* The compiler forgets what it knows about the value, so that it keeps the check that follows. */
#define HIDE(x) asm volatile("" : "+r"(x))

/*
 * A function of its own keeps programs small. 5.10 on arm64 refuses programs that have one and end
 * in a tail call, as those of system calls on fds do.
 */
#if defined(__TARGET_ARCH_arm64)
#define SUBPROG static __always_inline
#else
#define SUBPROG static __noinline
#endif

#if defined(__TARGET_ARCH_x86)
#define SYSCALL_NR(regs) ((regs)->orig_ax)

static __always_inline void native_args(struct pt_regs *r, __u64 *args)
{
	args[0] = r->di;
	args[1] = r->si;
	args[2] = r->dx;
	args[3] = r->r10;
	args[4] = r->r8;
	args[5] = r->r9;
}
#else
/* Zero-extended: verifier 6.1 loses the bound of a signed number. */
#define SYSCALL_NR(regs) ((__u64)(__u32)(regs)->syscallno)

static __always_inline void native_args(struct pt_regs *r, __u64 *args)
{
	args[0] = r->orig_x0;
	for (int i = 1; i < 6; i++)
		args[i] = r->regs[i];
}
#endif

static __always_inline unsigned long call_arg(struct call *c, int n)
{
	return c->is_syscall ? c->s->args[n] : 0;
}

static __always_inline __u64 call_nr(struct call *c)
{
	return c->is_syscall ? c->s->nr : 0;
}

static __always_inline bool call_is_compat(struct call *c)
{
	return c->is_syscall && c->s->head.flags & RING_COMPAT32;
}

/* The thread that runs; typed where the kernel can, so that its members cost one load. */
#define HAS_TYPED_CURRENT                                                                   \
	bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)

static __always_inline struct task_struct *current_get(void)
{
	if (HAS_TYPED_CURRENT)
		return bpf_get_current_task_btf();
	return (void *)bpf_get_current_task();
}

static __always_inline __u64 current_ids(struct task_struct *current)
{
	if (HAS_TYPED_CURRENT)
		return (__u64)current->tgid << 32 | (__u32)current->pid;
	return bpf_get_current_pid_tgid();
}

/*
 * The scratch with an empty record of that event, in the running thread, or NULL: not wanted, or
 * counted as lost.
 */
static __always_inline struct scratch *record_begin(struct task_struct *current, __u32 type,
						    __u32 nparams, __u32 lane, __u16 flags)
{
	struct ring_kind_counters *k = bpf_map_lookup_elem(&kind_counters, &type);
	__u64 id = current_ids(current);
	struct scratch *s;

	if (lane == LANE_DATA && id >> 32 == config.own_tgid)
		return NULL;
	if (k)
		COUNT(k->produced);
	s = scratch_take();
	if (!s) {
		count_lost(type, lane, RING_LOST_NESTED);
		return NULL;
	}
	s->lane = lane;
	s->off = 2 * nparams;
	s->path_of = NULL;
	s->head = (struct ring_head){
		.ts = bpf_ktime_get_boot_ns(),
		.tid = (__u32)id,
		.tgid = id >> 32,
		.type = type,
		.nparams = nparams,
		.cpu = bpf_get_smp_processor_id(),
		.flags = flags,
	};
	/* Zero before fill: a parameter that nobody puts is empty. */
	__builtin_memset(s->data, 0, 2 * RING_PARAMS_MAX);
	return s;
}

static __always_inline int call_begin(struct call *c, __u32 type, __u32 nparams, __u32 lane)
{
	c->s = record_begin(current_get(), type, nparams, lane, 0);
	return c->s ? 0 : -1;
}

/*
 * Nothing in a record is aligned, and the compiler would go byte by byte; the machines that we run
 * on need not. `size` is a constant, a multiple of four.
 */
static __always_inline void copy_words(void *to, const void *from, __u32 size)
{
	__u32 at = 0;

	_Pragma("unroll") for (int i = 0; i < 4; i++, at += 8)
		if (at + 8 <= size)
			*(__u64 *)(to + at) = *(const __u64 *)(from + at);
	if (size % 8)
		*(__u32 *)(to + size - 4) = *(const __u32 *)(from + size - 4);
}

/* Bytes that put_*() has appended since `from` become parameter i. */
static __always_inline void set_len(struct call *c, int i, __u64 len)
{
	*(__u16 *)(c->s->data + 2 * i) = len;
}

/* Room for one more value, or NULL (counted as truncation). */
static __always_inline __u8 *room(struct call *c)
{
	__u64 off = *(volatile __u64 *)&c->s->off;

	/* Verifier 5.10, 6.1: the register that is compared has to be the one that is used. */
	HIDE(off);
	if (off > DATA_MAX - 64) {
		c->s->head.flags |= RING_TRUNCATED;
		return NULL;
	}
	return c->s->data + off;
}

static __always_inline void put_fixed(struct call *c, int i, __u64 v, int size)
{
	__u8 *p = room(c);

	if (!p)
		return;
	switch (size) {
	case 1: *p = v; break;
	case 2: *(__u16 *)p = v; break;
	case 4: *(__u32 *)p = v; break;
	default: *(__u64 *)p = v; break;
	}
	c->s->off += size;
	set_len(c, i, size);
}

/* Number of wire type `type`: fds and pids are ints in the kernel and 64 bits on the wire. */
static __always_inline void put_num(struct call *c, int i, enum param_type type, __u64 v)
{
	switch (type) {
#define TYPE(name, size) case PT_##name: if (size) { put_fixed(c, i, v, size); } break;
	PARAM_TYPES(TYPE)
#undef TYPE
	default: break;
	}
}

static __always_inline __u64 widen(enum param_type type, unsigned long v)
{
	return type == PT_FD || type == PT_PID ? (__u64)(__s64)(int)v : v;
}

/* Strings are cut with their NUL kept; the readers report the full buffer when they had to. */
static __always_inline void put_user_str(struct call *c, int i, const void *uptr)
{
	__u8 *p = room(c);
	long n;

	if (!p || !uptr)
		return;
	n = bpf_probe_read_user_str(p, PATH_MAX_BYTES, uptr);
	if (n <= 0 || n > PATH_MAX_BYTES) {
		count_site(RING_SITE_USER_PATH);
		return;
	}
	if (n == PATH_MAX_BYTES)
		c->s->head.flags |= RING_TRUNCATED;
	c->s->off += n;
	set_len(c, i, n);
}

static __always_inline void put_kernel_str(struct call *c, int i, const void *kptr)
{
	__u8 *p = room(c);
	long n;

	if (!p || !kptr)
		return;
	n = bpf_probe_read_kernel_str(p, PATH_MAX_BYTES, kptr);
	if (n <= 0 || n > PATH_MAX_BYTES) {
		count_site(RING_SITE_KERNEL_STR);
		return;
	}
	if (n == PATH_MAX_BYTES)
		c->s->head.flags |= RING_TRUNCATED;
	c->s->off += n;
	set_len(c, i, n);
}

static __always_inline void put_empty_str(struct call *c, int i)
{
	put_fixed(c, i, 0, 1);
}

/* Bytes of user memory, at most `max` (a constant below PATH_MAX_BYTES). */
static __always_inline void put_user_mem(struct call *c, int i, const void *uptr, __u64 len,
					 __u64 max)
{
	__u8 *p = room(c);

	if (!p || !uptr || !len)
		return;
	if (len > max)
		len = max;
	/*
	 * Verifier 6.1: does not see the bound through the comparison; the compiler must not
	 * either.
	 */
	HIDE(len);
	len &= PATH_MAX_BYTES - 1;
	if (bpf_probe_read_user(p, len, uptr)) {
		count_site(RING_SITE_USER_DATA);
		return;
	}
	c->s->off += len;
	set_len(c, i, len);
}

/* Records wake nobody; a ring that is half full while the reader sleeps does, once. */
static __always_inline void watch_fill(struct scratch *s, void *ring, __u64 *since, __u64 len,
				       __u32 quarter)
{
	*since += len;
	if (*since < quarter)
		return;
	*since = 0;
	if (!config.reader_asleep ||
	    bpf_ringbuf_query(ring, BPF_RB_AVAIL_DATA) < 2 * (__u64)quarter)
		return;
	config.reader_asleep = 0;
	bpf_ringbuf_output(&doorbell, &s->lane, sizeof(s->lane), BPF_RB_FORCE_WAKEUP);
}

static __always_inline void call_submit(struct call *c)
{
	struct scratch *s = c->s;
	__u64 len = sizeof(s->head) + s->off;
	__u32 type = s->head.type, lane = s->lane, slot = 0;
	struct ring_kind_counters *k = bpf_map_lookup_elem(&kind_counters, &type);
	__u32 *lost = bpf_map_lookup_elem(&lane_lost, &lane);
	void *ring;

	if (config.rings)
		slot = s->head.cpu % config.rings;
	ring = lane == LANE_LIFE ? bpf_map_lookup_elem(&life_rings, &slot)
				 : bpf_map_lookup_elem(&data_rings, &slot);
	if (!ring) {
		count_lost(type, lane, RING_LOST_NO_RING);
		goto out;
	}
	s->head.len = len;
	s->head.lost = lost ? *lost : 0;
	if (len > sizeof(s->head) + sizeof(s->data))
		len = sizeof(s->head) + sizeof(s->data);
	if (bpf_ringbuf_output(ring, &s->head, len, BPF_RB_NO_WAKEUP)) {
		count_lost(type, lane, RING_LOST_RING_FULL);
		goto out;
	}
	if (k) {
		COUNT(k->delivered);
		if (s->head.flags & RING_TRUNCATED)
			COUNT(k->truncated);
	}
	if (lane == LANE_LIFE)
		watch_fill(s, ring, &s->since[LANE_LIFE], len, config.bell_bytes[LANE_LIFE]);
	else
		watch_fill(s, ring, &s->since[LANE_DATA], len, config.bell_bytes[LANE_DATA]);
out:
	scratch_release(s);
}

static __always_inline void call_cancel(struct call *c)
{
	scratch_release(c->s);
}

#endif
