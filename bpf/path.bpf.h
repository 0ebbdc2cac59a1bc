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

#define WALK_STEPS 48		/* components and mount crossings; deeper paths lose their front */
#define CGROUP_STEPS 24
#define NAME_MASK 0xff		/* names have at most 255 bytes */
#define PATH_MASK (PATH_MAX_BYTES - 1)

/*
 * Verifier: the offset lives in the map and is reloaded through volatile in each turn, so that the
 * states of all turns look alike; in a register the loop passes a million instructions.
 */
static __always_inline bool prepend(struct scratch *s, struct walk_buf *w, const void *name,
				    __u32 len, bool slash)
{
	__u64 off = *(volatile __u64 *)&s->path_off;

	len &= NAME_MASK;
	if (off > PATH_MASK || off < len + 1)
		return false;
	off -= len;
	if (bpf_probe_read_kernel(&w->path[off & PATH_MASK], len, name)) {
		count_site(RING_SITE_DENTRY_NAME);
		return false;
	}
	if (slash) {
		off -= 1;
		w->path[off & PATH_MASK] = '/';
	}
	*(volatile __u64 *)&s->path_off = off;
	return true;
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

/* Absolute path in the mount namespace; "memfd:name" and the like for files outside of any tree. */
static __noinline int walk_path(struct scratch *s, struct walk_buf *w, struct dentry *d,
				struct vfsmount *vm)
{
	struct mount *m = (void *)vm - bpf_core_field_offset(struct mount, mnt);
	struct dentry *root = BPF_CORE_READ(vm, mnt_root);
	int i;

	walk_start(s);
#pragma clang loop unroll(disable)
	for (i = 0; i < WALK_STEPS; i++) {
		struct dentry *parent = BPF_CORE_READ(d, d_parent);
		struct qstr name;

		if (d == root) {
			struct mount *up = BPF_CORE_READ(m, mnt_parent);

			if (up == m)
				break;
			d = BPF_CORE_READ(m, mnt_mountpoint);
			m = up;
			root = BPF_CORE_READ(m, mnt.mnt_root);
			continue;
		}
		bpf_core_read(&name, sizeof(name), &d->d_name);
		if (!prepend(s, w, name.name, name.len, d != parent) || d == parent)
			break;
		d = parent;
	}
	if (i == WALK_STEPS) {
		count_site(RING_SITE_PATH_DEPTH);
		s->head.flags |= RING_TRUNCATED;
	}
	walk_finish(s, w);
	return 0;
}

/* Path of a cgroup in its hierarchy; kept while the same node is asked for again. */
static __noinline int walk_kernfs(struct scratch *s, struct walk_buf *w, struct kernfs_node *kn)
{
	struct kernfs_node *node = kn, *parent;
	int i;

	if (s->path_of == kn)
		return 0;
	walk_start(s);
#pragma clang loop unroll(disable)
	for (i = 0; i < CGROUP_STEPS; i++) {
		char *part = w->path + PATH_MAX_BYTES;	/* the slack is free */
		const char *name;
		long n;

		parent = kernfs_parent(node);
		if (!parent)
			break;
		name = BPF_CORE_READ(node, name);
		n = bpf_probe_read_kernel_str(part, NAME_MASK + 1, name);
		if (n <= 0) {
			count_site(RING_SITE_KERNEL_STR);
			break;
		}
		if (!prepend(s, w, part, n - 1, true))
			break;
		node = parent;
	}
	if (i == CGROUP_STEPS) {
		count_site(RING_SITE_CGROUP_DEPTH);
		s->head.flags |= RING_TRUNCATED;
	}
	walk_finish(s, w);
	s->path_of = kn;
	return 0;
}

static __always_inline struct walk_buf *walk_buf_get(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&walk_map, &zero);
}

/* Append the walked path, without NUL. Number of bytes. */
static __always_inline __u64 append_path(struct call *c, struct walk_buf *w)
{
	__u64 off = c->s->path_off, len = c->s->path_len;
	__u8 *p = room(c);

	if (!p || off > PATH_MASK || len > PATH_MAX_BYTES - 2)
		return 0;
	if (bpf_probe_read_kernel(p, len, &w->path[off & PATH_MASK])) {
		count_site(RING_SITE_COPY);
		return 0;
	}
	c->s->off += len;
	return len;
}

static __always_inline void put_path(struct call *c, int i, struct dentry *d, struct vfsmount *vm)
{
	struct walk_buf *w = walk_buf_get();
	__u64 len;
	__u8 *p;

	if (!w || !d || !vm)
		return;
	walk_path(c->s, w, d, vm);
	len = append_path(c, w);
	p = room(c);
	if (!len || !p)
		return;
	*p = 0;
	c->s->off += 1;
	set_len(c, i, len + 1);
}

#endif
