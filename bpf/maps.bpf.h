/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Maps and globals: the contract with agent/source_ring.c, which sizes the rings, fills the program
 * array and the interest table, and reads the counters.
 */
#ifndef TIERCEL_BPF_MAPS_H
#define TIERCEL_BPF_MAPS_H

#include "bpf/kernel.bpf.h"
#include "engine/event/event_type.h"
#include "engine/event/ring.h"

/*
 * Values of a record start within DATA_MAX and are at most PATH_MAX_BYTES long, so the slack keeps
 * every write inside without looking at sums (verifier: one bound per write).
 */
#define PATH_MAX_BYTES 4096
#define DATA_MAX (28 * 1024 - 1024)
#define DATA_SLACK PATH_MAX_BYTES

/* What the kernel knows about an open file. */
struct file_info {
	struct inode *inode;
	struct dentry *dentry;
	struct vfsmount *mnt;
	__u64 ino, magic;
	__u32 dev, mode, f_mode;
};

#define UNIX_PATH_MAX 108

/* A socket address as a caller or the kernel stores it; all families share the first member. */
struct any_addr {
	__u16 family;
	union {
		struct {
			__be16 port;
			__u8 ip[4];
		} v4;
		struct {
			__be16 port;
			__u32 flowinfo;
			__u8 ip[16];
		} __attribute__((packed)) v6;
		char path[UNIX_PATH_MAX + 1];	/* a full one has no NUL of its own */
	};
} __attribute__((packed, aligned(8)));

#define BLOCK_MAX 112
struct block {
	char bytes[BLOCK_MAX] __attribute__((aligned(8)));
};

struct mount_part {
	struct mount *parent;
	struct dentry *mountpoint, *root;
};

/* What a path walk begins with, and its mount: there is too little stack for it on 5.10. */
struct walk {
	struct dentry *d;
	struct mount *m;
	struct mount_part mount;	/* of m */
};

/*
 * From 7.0 on threads can be preempted within programs on tracepoints, though they stay on their
 * cpu: the next thread's programs need scratch of their own meanwhile. On older kernels they run to
 * their end. Compiled apart, as it is asked for everywhere; the agent takes the object that fits.
 * The snapshot's iterators may sleep on all kernels.
 */
#ifndef PREEMPTIBLE
#define PREEMPTIBLE 0
#endif
#if PREEMPTIBLE
#define SCRATCH_SLOTS 4
#else
#define SCRATCH_SLOTS 1
#endif

struct scratch {
	__u64 owner;	/* thread whose programs are at work with it, or 0 */
	__u32 slot;	/* its number; walk_map and cgroup_memos have one for each, too */
	__u64 off;	/* end of what is in data; in the map so that the verifier forgets it */
	__u64 path_off;	/* start of the path in path[] */
	__u64 path_len;
	void *path_of;	/* kernfs node whose path is in path[], or NULL */
	struct walk walk;	/* arguments of the walks */
	struct kernfs_node *walk_node;
	struct css_set *walk_css;
	const void *walk_name;
	struct file *file;	/* for the second half of the work, on_fd */
	struct file_info info;	/* of call.file */
	struct any_addr addr;	/* as the caller gave it */
	struct any_addr name;	/* of a unix socket */
	struct block block;
	__u64 since[LANE_COUNT];	/* bytes since the fill of the ring was looked at */
	__u32 lane;
	__u32 dir;	/* enum tuple_dir */
	__u32 scan;	/* fd that is looked at */
	__u32 walk_failed; /* a part of the cgroups' text is missing */
	__u32 cgroup_len;	/* of the cgroup path before, which starts at cgroup_at in data */
	__u64 cgroup_at;
	struct task_struct *task; /* of the system call, with its native number and arguments */
	__u64 nr;
	__u64 args[6];
	__s64 ret;	/* of one of its messages */
	struct ring_head head;
	__u8 data[DATA_MAX + DATA_SLACK - 64];
};

_Static_assert(sizeof(struct scratch) <= RING_RECORD_MAX, "per-cpu values end at 32 KiB");

/*
 * The text of the cgroups of the process that was last described on this cpu: the next one has the
 * same ones most times. Six controllers, and the hierarchy of version 2.
 */
#define CGROUP_PATHS 7
#define CGROUP_TEXT_MAX 2048
struct cgroup_memo {
	struct cgroup_key {
		struct kernfs_node *node;
		__u64 id;
	} of[CGROUP_PATHS];
	__u32 renames;	/* config.cgroup_renames before the text was made */
	__u32 len;	/* 0: none */
	__u32 flags;	/* RING_SHORT_CGROUPS or 0 */
	__u8 text[CGROUP_TEXT_MAX];
};

/* Paths are built from right to left in the first half; the second half is slack. */
struct walk_buf {
	char path[2 * PATH_MAX_BYTES];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct walk_buf);
} walk_map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SCRATCH_SLOTS);
	__type(key, __u32);
	__type(value, struct cgroup_memo);
} cgroup_memos SEC(".maps");

struct ring_map {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, RINGS_MAX);
	__type(key, __u32);
	__array(values, struct ring_map);
} life_rings SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, RINGS_MAX);
	__type(key, __u32);
	__array(values, struct ring_map);
} data_rings SEC(".maps");

/* Wakes the reader; what is written into it does not matter. Userspace sets the size of a page. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} doorbell SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, SYSCALL_SLOTS);
	__type(key, __u32);
	__type(value, __u32);
} syscall_progs SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, EVENT_TYPE_COUNT);
	__type(key, __u32);
	__type(value, struct ring_kind_counters);
} kind_counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RING_SITE_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} site_counters SEC(".maps");

/* Lost records per lane, for the head of the next record that gets through. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LANE_COUNT);
	__type(key, __u32);
	__type(value, __u32);
} lane_lost SEC(".maps");

struct sensor_config config = {};

/* Programs that those of system calls end in. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, NEXT_COUNT);
	__type(key, __u32);
	__type(value, __u32);
} next_progs SEC(".maps");

static __always_inline struct scratch *scratch_at(__u32 slot)
{
	return bpf_map_lookup_elem(&scratch_map, &slot);
}

#if PREEMPTIBLE
/* Global functions: the verifier looks at the slots once. Number of that of this thread, or -1. */
__noinline int scratch_slot(void)
{
	__u64 owner = bpf_get_current_task();

	_Pragma("unroll") for (__u32 i = 0; i < SCRATCH_SLOTS; i++) {
		struct scratch *s = scratch_at(i);

		if (s && s->owner == owner)
			return i;
	}
	return -1;
}

/*
 * Takes one; -1: all are in use, or this thread has one and was interrupted. In one step, as the
 * thread that is preempted meanwhile would find what it saw as free taken.
 */
__noinline int scratch_claim(void)
{
	__u64 owner = bpf_get_current_task();

	if (scratch_slot() >= 0)
		return -1;
	_Pragma("unroll") for (__u32 i = 0; i < SCRATCH_SLOTS; i++) {
		struct scratch *s = scratch_at(i);

		if (s && !s->owner && !__sync_val_compare_and_swap(&s->owner, 0, owner)) {
			s->slot = i;
			return i;
		}
	}
	return -1;
}

/* What programs of this thread have taken. */
static __always_inline struct scratch *scratch_get(void)
{
	struct scratch *s = scratch_at(0);

	if (s && s->owner == bpf_get_current_task())
		return s;
	return scratch_at(scratch_slot());	/* of -1: NULL */
}

static __always_inline struct scratch *scratch_take(void)
{
	return scratch_at(scratch_claim());
}

#define COUNT(counter) __sync_fetch_and_add(&(counter), 1)
#else
static __always_inline struct scratch *scratch_get(void)
{
	return scratch_at(0);
}

static __always_inline struct scratch *scratch_take(void)
{
	struct scratch *s = scratch_at(0);

	if (!s || s->owner)
		return NULL;
	s->owner = 1;
	return s;
}

#define COUNT(counter) (counter) += 1
#endif

static __always_inline void scratch_release(struct scratch *s)
{
	*(volatile __u64 *)&s->owner = 0;
}

static __always_inline void count_site(__u32 site)
{
	__u64 *n = bpf_map_lookup_elem(&site_counters, &site);

	if (n)
		COUNT(*n);
}

static __always_inline void count_lost(__u32 type, __u32 lane, enum ring_lost reason)
{
	struct ring_kind_counters *k = bpf_map_lookup_elem(&kind_counters, &type);
	__u32 *lost = bpf_map_lookup_elem(&lane_lost, &lane);

	if (k)
		COUNT(k->lost[reason]);
	if (lost)
		COUNT(*lost);
}

#endif
