/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that differs between kernel versions, decided by what the running kernel's types
 * have, never by version numbers.
 */
#ifndef TIERCEL_BPF_COMPAT_H
#define TIERCEL_BPF_COMPAT_H

#include "bpf/kernel.bpf.h"

#define NSEC_PER_SEC 1000000000ULL

/*
 * Reading several members of one structure with one helper call: a block of bytes from `base` on is
 * copied, members are picked out of it. Where a kernel keeps a member outside of the block, it is
 * read by itself. Offsets are constants to the verifier, so only one of the two ways remains.
 */
#define BLOCK_MAX 112
struct block {
	char bytes[BLOCK_MAX] __attribute__((aligned(8)));
};

#define BLOCK_READ(block, size, p, base) bpf_probe_read_kernel((block)->bytes, size, (void *)(p) + (base))

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
		return BPF_CORE_READ(split, i_ctime_sec) * NSEC_PER_SEC +
		       (BPF_CORE_READ(split, i_ctime_nsec) & ~CTIME_QUERIED);
	if (bpf_core_field_exists(plain->i_ctime))
		return timespec_ns(BPF_CORE_READ(plain, i_ctime));
	return timespec_ns(BPF_CORE_READ(hidden, __i_ctime));
}

static __always_inline __u64 inode_mtime(struct inode *i)
{
	struct inode___times_split *split = (void *)i;
	struct inode___times_plain *plain = (void *)i;
	struct inode___times_hidden *hidden = (void *)i;

	if (bpf_core_field_exists(split->i_mtime_sec))
		return BPF_CORE_READ(split, i_mtime_sec) * NSEC_PER_SEC +
		       BPF_CORE_READ(split, i_mtime_nsec);
	if (bpf_core_field_exists(plain->i_mtime))
		return timespec_ns(BPF_CORE_READ(plain, i_mtime));
	return timespec_ns(BPF_CORE_READ(hidden, __i_mtime));
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
	bpf_probe_read_kernel(&v, sizeof(v), (void *)mm + at);
	return v < 0 ? 0 : v;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(kn->parent))
		return BPF_CORE_READ(kn, parent);
	return (void *)BPF_CORE_READ((struct kernfs_node___hidden *)kn, __parent);
}

#endif
