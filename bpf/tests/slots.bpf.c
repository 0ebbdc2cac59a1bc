/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The scratch buffers of kernels that preempt threads within programs: one thread plays several by
 * writing owners. Run by test_slots.c with BPF_PROG_TEST_RUN.
 */
#define PREEMPTIBLE 1
#include "bpf/compat.bpf.h"
#include "bpf/maps.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

__u32 failed;	/* line of what did not hold, 0: all did */

#define HOLDS(condition)                                                                    \
	do {                                                                                \
		if (!(condition)) {                                                         \
			failed = __LINE__;                                                  \
			return 0;                                                           \
		}                                                                           \
	} while (0)

static __always_inline bool is_slot(struct scratch *s, __u32 slot)
{
	return s && s->slot == slot && s->owner == bpf_get_current_task();
}

/* Its thread is preempted by the next one. */
static __always_inline void preempt(__u32 slot)
{
	struct scratch *s = scratch_at(slot);

	if (s)
		s->owner = slot + 1;
}

SEC("raw_tracepoint/sys_exit")
int slots(void *ctx)
{
	struct scratch *s;

	failed = 0;
	HOLDS(!scratch_get());
	HOLDS(is_slot(scratch_take(), 0));
	HOLDS(is_slot(scratch_get(), 0));
	HOLDS(!scratch_take());		/* interrupted by itself */
	preempt(0);
	HOLDS(!scratch_get());
	HOLDS(is_slot(scratch_take(), 1));
	HOLDS(is_slot(scratch_get(), 1));
	preempt(1);
	HOLDS(is_slot(scratch_take(), 2));
	preempt(2);
	HOLDS(is_slot(scratch_take(), 3));
	preempt(3);
	HOLDS(!scratch_take());		/* all are in use */
	HOLDS(!scratch_get());
	s = scratch_at(2);
	HOLDS(s);
	scratch_release(s);
	HOLDS(is_slot(scratch_take(), 2));
	s = scratch_get();
	HOLDS(s);
	scratch_release(s);
	HOLDS(!scratch_get());
	return 0;
}
