/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that differs between kernel versions, decided by what the running kernel's types
 * have, never by version numbers.
 */
#ifndef TIERCEL_BPF_COMPAT_H
#define TIERCEL_BPF_COMPAT_H

#include "bpf/kernel.bpf.h"
#include "bpf/kfuncs.h"

#define NSEC_PER_SEC 1000000000ULL

/*
 * The objects of the sensor are compiled twice: KFUNCS_THERE is 1 for kernels that have all
 * functions of kfuncs.h, from 6.4 on, and 0 for the others. Decided at load time at each use, as
 * without it, both ways would be in every program: for each read twice the relocations, and a jump
 * for the verifier to remove.
 *
 * From 6.2 on an address can be declared to be a structure, whose members then cost one load
 * instead of a helper call of 20 ns. The function came with the helper that is looked for here.
 */
static void *(*const bpf_rdonly_cast)(const void *obj, __u32 btf_id) =
	(void *)KFUNC_bpf_rdonly_cast;

enum bpf_func_id___6_2 { BPF_FUNC_cgrp_storage_get___6_2 = 210 };

#ifdef KFUNCS_THERE
#define HAS_CAST KFUNCS_THERE
#else
#define HAS_CAST                                                                            \
	bpf_core_enum_value_exists(enum bpf_func_id___6_2, BPF_FUNC_cgrp_storage_get___6_2)
#endif
#define CAST(type, p) ((type *)bpf_rdonly_cast(p, bpf_core_type_id_kernel(type)))

/* Eight bytes of kernel memory; a load that fails gives 0. With HAS_CAST only. */
#define LOAD_WORD(p) (*(__u64 *)CAST(struct in6_addr, p))

/*
 * From 6.4 on loops can be counted by an iterator of the kernel: the verifier looks at a turn or
 * two, whatever the bound is. Before, it looks at every turn.
 */
struct bpf_iter_num {
	__u64 opaque;
};

static int (*const bpf_iter_num_new)(struct bpf_iter_num *it, int start, int end) =
	(void *)KFUNC_bpf_iter_num_new;
static int *(*const bpf_iter_num_next)(struct bpf_iter_num *it) = (void *)KFUNC_bpf_iter_num_next;
static void (*const bpf_iter_num_destroy)(struct bpf_iter_num *it) =
	(void *)KFUNC_bpf_iter_num_destroy;

#ifdef KFUNCS_THERE
#define HAS_ITER KFUNCS_THERE
#else
#define HAS_ITER bpf_core_type_exists(struct bpf_iter_num)
#endif

/*
 * Does `step`, an expression, until it is true; `done` tells whether it ever was. A turn of an
 * iterator costs some ns, so it takes over after FIRST_TURNS, which are mostly enough (4 instead of
 * 8 cost 50 ns per open, 8 instead of 4 cost 10 ms of a start).
 */
#define FIRST_TURNS 6
#define REPEAT(done, few, many, step)                                                       \
	do {                                                                                \
		int __turns = HAS_ITER ? FIRST_TURNS : (few);                               \
		_Pragma("clang loop unroll(disable)")                                       \
		for (int __i = 0; !done && __i < __turns; __i++)                            \
			done = (step);                                                      \
		if (HAS_ITER && !done) {                                                    \
			struct bpf_iter_num __it;                                           \
			bpf_iter_num_new(&__it, 0, many);                                   \
			while (!done && bpf_iter_num_next(&__it))                           \
				done = (step);                                              \
			bpf_iter_num_destroy(&__it);                                        \
		}                                                                           \
	} while (0)

/*
 * As BPF_CORE_READ: member of the structure at p, or of what that points to, up to four members on.
 */
#define KREAD_1(p, a)                                                                       \
	({                                                                                  \
		typeof(p) __p = (p);                                                        \
		typeof(__p->a) __l;                                                         \
		if (HAS_CAST)                                                               \
			__l = CAST(typeof(*__p), __p)->a;                                   \
		else                                                                        \
			bpf_core_read(&__l, sizeof(__l), &__p->a);                          \
		__l;                                                                        \
	})
#define KREAD_2(p, a, b) KREAD_1(KREAD_1(p, a), b)
#define KREAD_3(p, a, b, c) KREAD_1(KREAD_2(p, a, b), c)
#define KREAD_4(p, a, b, c, d) KREAD_1(KREAD_3(p, a, b, c), d)
#define KREAD_PICK(a, b, c, d, name, ...) name
#define KREAD(p, ...)                                                                       \
	KREAD_PICK(__VA_ARGS__, KREAD_4, KREAD_3, KREAD_2, KREAD_1)(p, __VA_ARGS__)

/*
 * Reading several members of one structure with one helper call: a block of bytes from `base` on is
 * copied, members are picked out of it. Where a kernel keeps a member outside of the block, it is
 * read by itself. Offsets are constants to the verifier, so only one of the two ways remains.
 * Blocks are in the scratch, since stacks are short.
 */

#define BLOCK_READ(block, size, p, base)                                                           \
	bpf_probe_read_kernel((block)->bytes, size, (void *)(p) + (base))

#define BLOCK_FIELD(block, size, p, base, type, field)                                      \
	({                                                                                  \
		typeof(((type *)0)->field) __v;                                             \
		__u64 __at = bpf_core_field_offset(type, field) - (base);                   \
		if (__at <= (size) - sizeof(__v))                                           \
			__builtin_memcpy(&__v, (block)->bytes + __at, sizeof(__v));         \
		else                                                                        \
			bpf_core_read(&__v, sizeof(__v), &((type *)(p))->field);            \
		__v;                                                                        \
	})

/* Fine-grained time stamps keep a mark in the top bit of the nanoseconds. */
#define CTIME_QUERIED (1U << 31)

static __always_inline __u64 timespec_ns(struct timespec64 t)
{
	return t.tv_sec * NSEC_PER_SEC + t.tv_nsec;
}

static __always_inline __u64 inode_ctime(struct inode *i)
{
	struct inode___times_split *split = (void *)i;
	struct inode___times_plain *plain = (void *)i;
	struct inode___times_hidden *hidden = (void *)i;

	if (bpf_core_field_exists(split->i_ctime_sec))
		return KREAD(split, i_ctime_sec) * NSEC_PER_SEC +
		       (KREAD(split, i_ctime_nsec) & ~CTIME_QUERIED);
	if (bpf_core_field_exists(plain->i_ctime))
		return timespec_ns(KREAD(plain, i_ctime));
	return timespec_ns(KREAD(hidden, __i_ctime));
}

static __always_inline __u64 inode_mtime(struct inode *i)
{
	struct inode___times_split *split = (void *)i;
	struct inode___times_plain *plain = (void *)i;
	struct inode___times_hidden *hidden = (void *)i;

	if (bpf_core_field_exists(split->i_mtime_sec))
		return KREAD(split, i_mtime_sec) * NSEC_PER_SEC +
		       KREAD(split, i_mtime_nsec);
	if (bpf_core_field_exists(plain->i_mtime))
		return timespec_ns(KREAD(plain, i_mtime));
	return timespec_ns(KREAD(hidden, __i_mtime));
}

/* Pages; negative values are transient per-cpu drift. An index is not relocated, sizes are. */
static __always_inline __s64 mm_counter(struct mm_struct *mm, int i)
{
	__u64 at;
	__s64 v = 0;

	if (bpf_core_field_exists(struct mm_struct___rss_array, rss_stat.count))
		at = bpf_core_field_offset(struct mm_struct___rss_array, rss_stat.count) +
		     i * sizeof(v);
	else
		at = bpf_core_field_offset(struct mm_struct___rss_percpu, rss_stat) +
		     i * bpf_core_type_size(struct percpu_counter) +
		     bpf_core_field_offset(struct percpu_counter, count);
	if (HAS_CAST)
		v = LOAD_WORD((void *)mm + at);
	else
		bpf_probe_read_kernel(&v, sizeof(v), (void *)mm + at);
	return v < 0 ? 0 : v;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(kn->parent))
		return KREAD(kn, parent);
	return (void *)KREAD((struct kernfs_node___hidden *)kn, __parent);
}

#endif
