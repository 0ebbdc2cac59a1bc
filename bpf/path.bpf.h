/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Paths from kernel objects. bpf_d_path() is not allowed in these program types, so dentries and
 * kernfs nodes are walked to their root. The result is in walk_buf.path[path_off ...], path_len
 * bytes without NUL; nothing is allocated, the next walk overwrites it.
 */
#ifndef TIERCEL_BPF_PATH_H
#define TIERCEL_BPF_PATH_H

#include "bpf/compat.bpf.h"
#include "bpf/record.bpf.h"

/* Components and mount crossings; deeper paths have LOST_FRONT instead. Many: with an iterator. */
#define WALK_STEPS 32
#define WALK_STEPS_MANY 512
#define LOST_FRONT "..."
#define CGROUP_STEPS 16
#define CGROUP_STEPS_MANY 64
#define NAME_MASK 0xff		/* names have at most 255 bytes */
#define PATH_MASK (PATH_MAX_BYTES - 1)

/* That of the scratch, which may be NULL. */
static __always_inline struct walk_buf *walk_buf_get(struct scratch *s)
{
	__u32 slot = s && SCRATCH_SLOTS > 1 ? s->slot : 0;

	return bpf_map_lookup_elem(&walk_map, &slot);
}

/*
 * A short name in loads of eight bytes, where a helper takes 20 ns, the last first. That with the
 * first bytes has up to seven more, which are of the same dentry, or of the head of the memory that
 * a longer name has; what they overwrite is written later. False: a long one, or nothing could be
 * read, which the helper then finds, too.
 */
#define NAME_SHORT 32
#define NAME_WORD(k)                                                                        \
	(*(__u64 *)&w->path[(off + len - 8 * (k)) & PATH_MASK] =                            \
		 LOAD_WORD(name + len - 8 * (k)))

static __always_inline bool load_name(struct walk_buf *w, __u64 off, const void *name, __u64 len)
{
	if (!HAS_CAST || len > NAME_SHORT || off < NAME_SHORT)
		return false;
	if (len > 16) {
		NAME_WORD(4);
		NAME_WORD(3);
	}
	NAME_WORD(2);
	return NAME_WORD(1) >> 56;
}

/*
 * walk_name, a component, before the path. A global function, as the walks: the verifier looks at
 * it once and not in every turn. 0: that cannot be, and is counted.
 */
__noinline int prepend(__u64 len, __u32 slash)
{
	struct scratch *s = scratch_get();
	struct walk_buf *w = walk_buf_get(s);
	const void *name;
	__u64 off;

	if (!s || !w)
		return 0;
	name = s->walk_name;
	off = s->path_off;
	len &= NAME_MASK;
	if (off > PATH_MASK || off < len + 1) {
		count_site(RING_SITE_PATH_LENGTH);
		s->head.flags |= RING_TRUNCATED;
		return 0;
	}
	off -= len;
	if (!load_name(w, off, name, len) &&
	    bpf_probe_read_kernel(&w->path[off & PATH_MASK], len, name)) {
		count_site(RING_SITE_DENTRY_NAME);
		s->head.flags |= RING_TRUNCATED;
		return 0;
	}
	if (slash) {
		off -= 1;
		w->path[off & PATH_MASK] = '/';
	}
	s->path_off = off;
	return 1;
}

static __always_inline void walk_start(struct scratch *s)
{
	s->path_off = PATH_MASK;
	s->path_of = NULL;
}

static __always_inline void walk_finish(struct scratch *s, struct walk_buf *w)
{
	__u64 off = s->path_off;

	if (off >= PATH_MASK) {	/* the root itself */
		off = PATH_MASK - 1;
		w->path[off] = '/';
		s->path_off = off;
	}
	s->path_len = PATH_MASK - (off & PATH_MASK);
}

/* What the walk needs of a dentry and of a mount, each in one read where members are neighbours. */
struct dentry_part {
	struct dentry *parent;
	struct qstr name;
};

#define DENTRY_BLOCK 24

static __always_inline void dentry_read(struct scratch *s, struct dentry *d,
					struct dentry_part *out)
{
	__u64 base = bpf_core_field_offset(struct dentry, d_parent);
	struct block *b = &s->block;

	if (HAS_CAST) {
		out->parent = CAST(struct dentry, d)->d_parent;
		out->name.name = CAST(struct dentry, d)->d_name.name;
		out->name.len = CAST(struct dentry, d)->d_name.len;
		return;
	}
	__builtin_memset(b->bytes, 0, DENTRY_BLOCK);
	BLOCK_READ(b, DENTRY_BLOCK, d, base);
	out->parent = BLOCK_FIELD(b, DENTRY_BLOCK, d, base, struct dentry, d_parent);
	out->name = BLOCK_FIELD(b, DENTRY_BLOCK, d, base, struct dentry, d_name);
}

#define MOUNT_BLOCK 24

static __always_inline void mount_read(struct scratch *s, struct mount *m, struct mount_part *out)
{
	__u64 base = bpf_core_field_offset(struct mount, mnt_parent);
	struct block *b = &s->block;

	if (HAS_CAST) {
		out->parent = CAST(struct mount, m)->mnt_parent;
		out->mountpoint = CAST(struct mount, m)->mnt_mountpoint;
		out->root = CAST(struct mount, m)->mnt.mnt_root;
		return;
	}
	__builtin_memset(b->bytes, 0, MOUNT_BLOCK);
	BLOCK_READ(b, MOUNT_BLOCK, m, base);
	out->parent = BLOCK_FIELD(b, MOUNT_BLOCK, m, base, struct mount, mnt_parent);
	out->mountpoint = BLOCK_FIELD(b, MOUNT_BLOCK, m, base, struct mount, mnt_mountpoint);
	out->root = BLOCK_FIELD(b, MOUNT_BLOCK, m, base, struct mount, mnt.mnt_root);
}

/* What is left of the path must not look like an absolute one. */
static __always_inline void mark_lost_front(struct scratch *s, struct walk_buf *w)
{
	__u64 off = s->path_off;

	if (off > PATH_MASK || off < sizeof(LOST_FRONT) - 1)
		return;
	off -= sizeof(LOST_FRONT) - 1;
	__builtin_memcpy(&w->path[off & PATH_MASK], LOST_FRONT, sizeof(LOST_FRONT) - 1);
	s->path_off = off;
}

/* One component or mount crossing towards the root. True: there, or the rest cannot be had. */
static __always_inline bool walk_step(struct scratch *s, struct dentry **d)
{
	struct walk *k = &s->walk;
	struct dentry_part part;

	if (*d == k->mount.root) {
		if (k->mount.parent == k->m)
			return true;
		*d = k->mount.mountpoint;
		k->m = k->mount.parent;
		mount_read(s, k->m, &k->mount);
		return false;
	}
	dentry_read(s, *d, &part);
	s->walk_name = part.name.name;
	if (!prepend(part.name.len, *d != part.parent) || *d == part.parent)
		return true;
	*d = part.parent;
	return false;
}

/*
 * Absolute path in the mount namespace; "memfd:name" and the like for files outside of any tree.
 * The walks are global functions: the verifier looks at them once per program instead of once per
 * call, also on 5.10. It wants plain numbers as arguments, which typed pointers are no longer once
 * they come from a map: what to walk is in the scratch.
 */
__noinline int walk_path(void)
{
	struct scratch *s = scratch_get();
	struct walk_buf *w = walk_buf_get(s);
	struct dentry *d;
	bool done = false;

	if (!s || !w)
		return 0;
	/* Not in the scratch: else the loop ends in a fall-through. */
	d = s->walk.d;
	walk_start(s);
	mount_read(s, s->walk.m, &s->walk.mount);
	REPEAT(done, WALK_STEPS, WALK_STEPS_MANY, walk_step(s, &d));
	if (!done) {
		count_site(RING_SITE_PATH_DEPTH);
		s->head.flags |= RING_TRUNCATED;
		mark_lost_front(s, w);
	}
	walk_finish(s, w);
	return 0;
}

static __always_inline void walk_path_of(struct scratch *s, struct dentry *d, struct vfsmount *vm)
{
	s->walk.d = d;
	s->walk.m = (void *)vm - bpf_core_field_offset(struct mount, mnt);
	walk_path();
}

/* One component of a cgroup's path. True: at the root, or the rest cannot be had. */
static __always_inline bool walk_kernfs_step(struct scratch *s, struct walk_buf *w,
					     struct kernfs_node **node)
{
	char *part = w->path + PATH_MAX_BYTES;	/* the slack is free */
	struct kernfs_node *parent = kernfs_parent(*node);
	long n;

	if (!parent)
		return true;
	n = bpf_probe_read_kernel_str(part, NAME_MASK + 1, KREAD(*node, name));
	if (n <= 0) {
		count_site(RING_SITE_KERNEL_STR);
		s->walk_failed = 1;
		return true;
	}
	*node = parent;
	s->walk_name = part;
	return !prepend(n - 1, true);
}

/* Path of a cgroup in its hierarchy; kept while the same node is asked for again. */
__noinline int walk_kernfs(void)
{
	struct scratch *s = scratch_get();
	struct walk_buf *w = walk_buf_get(s);
	struct kernfs_node *node, *kn;
	bool done = false;

	if (!s || !w)
		return 0;
	node = kn = s->walk_node;
	if (s->path_of == kn)
		return 0;
	walk_start(s);
	REPEAT(done, CGROUP_STEPS, CGROUP_STEPS_MANY, walk_kernfs_step(s, w, &node));
	if (!done) {
		count_site(RING_SITE_CGROUP_DEPTH);
		s->head.flags |= RING_TRUNCATED;
	}
	walk_finish(s, w);
	s->path_of = kn;
	return 0;
}

#define PATH_SHORT 64

/*
 * A short path without a helper. Words go beyond its end, where both buffers have slack. Verifier:
 * the length is reloaded, else what follows would be looked at for each class of it.
 */
static __always_inline bool copy_path(struct scratch *s, __u8 *to, const char *from)
{
	__u64 len = *(volatile __u64 *)&s->path_len;

	if (len > PATH_SHORT)
		return false;
	_Pragma("unroll") for (__u32 i = 0; i < 16; i += 8)
		*(__u64 *)(to + i) = *(__u64 *)(from + i);
	if (len > 16)
		_Pragma("unroll") for (__u32 i = 16; i < 32; i += 8)
			*(__u64 *)(to + i) = *(__u64 *)(from + i);
	if (len > 32)
		_Pragma("unroll") for (__u32 i = 32; i < PATH_SHORT; i += 8)
			*(__u64 *)(to + i) = *(__u64 *)(from + i);
	return true;
}

/* Append the walked path, without NUL. Number of bytes. */
static __always_inline __u64 append_path(struct call *c, struct walk_buf *w)
{
	__u64 off = c->s->path_off, len = c->s->path_len;
	__u8 *p = room(c);

	if (!p || off > PATH_MASK || len > PATH_MAX_BYTES - 2)
		return 0;
	if (!copy_path(c->s, p, &w->path[off & PATH_MASK]) &&
	    bpf_probe_read_kernel(p, len, &w->path[off & PATH_MASK])) {
		count_site(RING_SITE_COPY);
		return 0;
	}
	c->s->off += len;
	return len;
}

static __always_inline void put_path(struct call *c, int i, struct dentry *d, struct vfsmount *vm)
{
	struct walk_buf *w = walk_buf_get(c->s);
	__u64 len;
	__u8 *p;

	if (!w || !d || !vm)
		return;
	walk_path_of(c->s, d, vm);
	len = append_path(c, w);
	p = room(c);
	if (!len || !p)
		return;
	*p = 0;
	c->s->off += 1;
	set_len(c, i, len + 1);
}

#endif
