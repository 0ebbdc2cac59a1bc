/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Everything that differs between kernel versions, decided by what the running kernel's types
 * have, never by version numbers.
 */
#ifndef TIERCEL_BPF_COMPAT_H
#define TIERCEL_BPF_COMPAT_H

#include "bpf/kernel.bpf.h"

#define NSEC_PER_SEC 1000000000ULL

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
		       BPF_CORE_READ(split, i_ctime_nsec);
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

/* Pages; negative values are transient per-cpu drift. */
static __always_inline __s64 mm_counter(struct mm_struct *mm, int i)
{
	struct mm_struct___rss_percpu *percpu = (void *)mm;
	struct mm_struct___rss_array *array = (void *)mm;
	__s64 v;

	if (bpf_core_field_exists(percpu->rss_stat[0].count))
		v = BPF_CORE_READ(percpu, rss_stat[i].count);
	else
		v = BPF_CORE_READ(array, rss_stat.count[i].counter);
	return v < 0 ? 0 : v;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *kn)
{
	if (bpf_core_field_exists(kn->parent))
		return BPF_CORE_READ(kn, parent);
	return (void *)BPF_CORE_READ((struct kernfs_node___hidden *)kn, __parent);
}

#endif
