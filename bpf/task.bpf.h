/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Parameters that describe a process: exec and clone events are made of these. All ids are those
 * of the initial namespaces unless the name starts with v.
 */
#ifndef TIERCEL_BPF_TASK_H
#define TIERCEL_BPF_TASK_H

#include "bpf/path.bpf.h"

#define PAGE_KB 4
#define RLIMIT_NOFILE 7
#define MINOR_BITS 20
#define OVERLAYFS_MAGIC 0x794c7630
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define S_IMMUTABLE (1 << 3)
#define SB_RDONLY 1
#define CAP_DAC_OVERRIDE_BIT (1ULL << 1)
#define CAP_FOWNER_BIT (1ULL << 3)

/* Eight characters of a name as one number. */
#define NAME8(a, b, c, d, e, f, g, h)                                                       \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 |               \
	 (__u64)(e) << 32 | (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

enum rss_counter { RSS_FILE, RSS_ANON, RSS_SWAP, RSS_SHMEM };

/* The form of stat(2): what userspace splits with major() and minor(). */
static __always_inline __u32 encode_dev(__u32 major, __u32 minor)
{
	return (minor & 0xff) | (major << 8) | ((minor & ~0xffU) << 12);
}

static __always_inline __u32 kernel_dev(__u32 dev)
{
	return encode_dev(dev >> MINOR_BITS, dev & ((1U << MINOR_BITS) - 1));
}

static __always_inline __u32 task_tty(struct task_struct *t)
{
	struct tty_struct *tty = KREAD(t, signal, tty);

	if (!tty)
		return 0;
	return encode_dev(KREAD(tty, driver, major),
			  KREAD(tty, driver, minor_start) + KREAD(tty, index));
}

static __always_inline struct pid *task_pid_of(struct task_struct *t, enum pid_type type)
{
	if (type == PIDTYPE_PID)
		return KREAD(t, thread_pid);
	return KREAD(t, signal, pids[type]);
}

/* Entry `level` of the open-ended array in struct pid; its two members are the same everywhere. */
static __always_inline struct upid pid_entry(struct pid *pid, __u32 level)
{
	__u64 at = bpf_core_field_offset(struct pid, numbers) + level * sizeof(struct upid);
	struct upid up = {};

	if (HAS_CAST) {
		up.nr = LOAD_WORD((void *)pid + at);
		up.ns = (void *)LOAD_WORD((void *)pid + at + 8);
		return up;
	}
	bpf_probe_read_kernel(&up, sizeof(up), (void *)pid + at);
	return up;
}

/* Number of `pid` at namespace level `level`. */
static __always_inline int pid_at(struct pid *pid, __u32 level)
{
	if (!pid || level > KREAD(pid, level))
		return 0;
	return pid_entry(pid, level).nr;
}

static __always_inline __u32 task_pidns_level(struct task_struct *t)
{
	return KREAD(t, thread_pid, level);
}

static __always_inline struct pid_namespace *task_pidns(struct task_struct *t)
{
	struct pid *pid = KREAD(t, thread_pid);

	return pid ? pid_entry(pid, KREAD(pid, level)).ns : NULL;
}

static __always_inline __u64 task_pidns_start(struct task_struct *t)
{
	struct pid_namespace *ns = task_pidns(t);

	return ns ? KREAD(ns, child_reaper, start_boottime) : 0;
}

static __always_inline __u64 cred_caps(struct cred *cred, const void *set)
{
	__u64 v = 0;

	if (HAS_CAST)
		return LOAD_WORD(set);
	bpf_core_read(&v, sizeof(v), set);
	return v;
}

static __always_inline bool dentry_is_memfd(struct dentry *d)
{
	__u64 name = 0;

	/* First, as it costs nothing and hardly any file is so. */
	if (KREAD(d, d_parent) != d)
		return false;
	if (bpf_probe_read_kernel(&name, 6, KREAD(d, d_name.name)))
		return false;
	return name == NAME8('m', 'e', 'm', 'f', 'd', ':', 0, 0);
}

/* Wire flags of the overlay layer that holds an inode; 0 when not on an overlay. */
static __always_inline bool inode_is_overlay(struct inode *i)
{
	return KREAD(i, i_sb, s_magic) == OVERLAYFS_MAGIC;
}

/* overlayfs keeps the dentry of the upper file right behind its struct inode. */
static __always_inline bool inode_has_upper(struct inode *i)
{
	void *upper = NULL;

	if (HAS_CAST)
		return LOAD_WORD((void *)i + bpf_core_type_size(struct inode)) != 0;
	bpf_probe_read_kernel(&upper, sizeof(upper), (void *)i + bpf_core_type_size(struct inode));
	return upper != NULL;
}

/*
 * Could the process that runs this file also write to it? Supplementary groups are not looked at.
 */
static __always_inline bool exe_is_writable(struct inode *i, struct cred *cred)
{
	__u32 mode = KREAD(i, i_mode);
	__u64 caps = cred_caps(cred, &cred->cap_effective);

	if (KREAD(i, i_sb, s_flags) & SB_RDONLY)
		return false;
	if (KREAD(i, i_flags) & S_IMMUTABLE)
		return false;
	if (caps & (CAP_DAC_OVERRIDE_BIT | CAP_FOWNER_BIT))
		return true;
	if (KREAD(i, i_uid.val) == KREAD(cred, fsuid.val))
		return mode & 0200;
	if (KREAD(i, i_gid.val) == KREAD(cred, fsgid.val))
		return mode & 0020;
	return mode & 0002;
}

static __always_inline __u32 exe_flags(struct file *exe, struct cred *cred)
{
	struct inode *i = KREAD(exe, f_inode);
	__u32 flags = 0;

	if (exe_is_writable(i, cred))
		flags |= WX_WRITABLE;
	if (inode_is_overlay(i))
		flags |= inode_has_upper(i) ? WX_UPPER_LAYER : WX_LOWER_LAYER;
	if (dentry_is_memfd(KREAD(exe, f_path.dentry)))
		flags |= WX_FROM_MEMFD;
	return flags;
}

/*
 * exe and args of a running image: the first string of the argument area and the rest, together
 * at most PATH_MAX_BYTES. A process that rewrites its title is reported as it reads now.
 */
static __always_inline void put_mm_exe(struct call *c, int i)
{
	struct mm_struct *mm = KREAD(call_task(c), mm);
	__u8 *p = room(c);
	unsigned long start;
	long n;

	if (!mm || !p) {
		put_empty_str(c, i);
		return;
	}
	start = KREAD(mm, arg_start);
	if (start == KREAD(mm, arg_end)) {
		put_empty_str(c, i);
		return;
	}
	n = bpf_probe_read_user_str(p, PATH_MAX_BYTES, (void *)start);
	if (n <= 0 || n > PATH_MAX_BYTES) {
		count_site(RING_SITE_MM_ARGS);
		return;
	}
	c->s->off += n;
	set_len(c, i, n);
}

static __always_inline void put_user_area(struct call *c, int i, unsigned long start,
					  unsigned long end, __u64 max, enum ring_site site)
{
	__u64 len = end - start;
	__u8 *p = room(c);

	if (!p || end <= start)
		return;
	if (len > max) {
		len = max;
		c->s->head.flags |= RING_TRUNCATED;
	}
	HIDE(len);
	if (!len || len > PATH_MAX_BYTES)
		return;
	if (bpf_probe_read_user(p, len, (void *)start)) {
		count_site(site);
		return;
	}
	p[(len - 1) & PATH_MASK] = 0;
	c->s->off += len;
	set_len(c, i, len);
}

/* exe was parameter i - 1: its length tells where the arguments start. */
static __always_inline void put_mm_args(struct call *c, int i)
{
	struct mm_struct *mm = KREAD(call_task(c), mm);
	__u64 exe_len = *(__u16 *)(c->s->data + 2 * (i - 1));

	if (!mm || exe_len > PATH_MAX_BYTES)
		return;
	put_user_area(c, i, KREAD(mm, arg_start) + exe_len, KREAD(mm, arg_end),
		      PATH_MAX_BYTES - exe_len, RING_SITE_MM_ARGS);
}

static __always_inline void put_mm_env(struct call *c, int i)
{
	struct mm_struct *mm = KREAD(call_task(c), mm);

	if (mm)
		put_user_area(c, i, KREAD(mm, env_start), KREAD(mm, env_end),
			      PATH_MAX_BYTES, RING_SITE_MM_ENV);
}

static __always_inline void put_comm(struct call *c, int i)
{
	put_kernel_str(c, i, c->task->comm);
}

/*
 * Controllers that container ids are looked for in: number in struct cgroup_memo, name, and the
 * eight characters before the path.
 */
#define CONTROLLERS(C)                                                                      \
	C(0, cpuset, 'c', 'p', 'u', 's', 'e', 't', '=', 0)                                  \
	C(1, cpu, 'c', 'p', 'u', '=', 0, 0, 0, 0)                                           \
	C(2, cpuacct, 'c', 'p', 'u', 'a', 'c', 'c', 't', '=')                               \
	C(3, io, 'i', 'o', '=', 0, 0, 0, 0, 0)                                              \
	C(4, memory, 'm', 'e', 'm', 'o', 'r', 'y', '=', 0)                                  \
	C(5, pids, 'p', 'i', 'd', 's', '=', 0, 0, 0)
#define CGROUP_UNIFIED (CGROUP_PATHS - 1)

static __always_inline bool same_cgroup(struct cgroup_key *key, struct cgroup *cg)
{
	struct kernfs_node *node = KREAD(cg, kn);
	__u64 id = KREAD(node, id);
	bool same = key->node == node && key->id == id;

	key->node = node;
	key->id = id;
	return same;
}

/* Are these the cgroups that the text is about? From now on the keys are theirs. */
static __always_inline bool same_cgroups(struct cgroup_memo *m, struct css_set *css)
{
	bool same = m->len && m->renames && m->renames == config.cgroup_renames;

#define SAME(i, name, ...)                                                                  \
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, name##_cgrp_id))              \
		same &= same_cgroup(&m->of[i],                                              \
				    KREAD(css, subsys[bpf_core_enum_value(                  \
						       enum cgroup_subsys_id,               \
						       name##_cgrp_id)], cgroup));
	CONTROLLERS(SAME)
#undef SAME
	same &= same_cgroup(&m->of[CGROUP_UNIFIED], KREAD(css, dfl_cgrp));
	return same;
}

/* Cgroup paths shorter than that are not worth it, longer ones are compared no further. */
#define SHORTEN_MIN 16
#define SHORTEN_MAX 256

static __always_inline __u64 words_differ(const void *a, const void *b)
{
	return *(const __u64 *)a ^ *(const __u64 *)b;
}

/* Are the `len` bytes at `at` the path before? A global function: the verifier looks at it once. */
__noinline int same_path(__u64 at, __u64 len)
{
	struct scratch *s = scratch_get();
	__u64 before, differ;

	if (!s || len != s->cgroup_len || len < SHORTEN_MIN)
		return 0;
	before = s->cgroup_at;
	/* Verifier: a comparison for each bound, which the compiler must not join. */
	HIDE(len);
	if (len > SHORTEN_MAX)
		return 0;
	HIDE(at);
	if (at > DATA_MAX)
		return 0;
	HIDE(before);
	if (before > DATA_MAX)
		return 0;
	/* Whole words, the last one over the one before. */
	differ = words_differ(s->data + at + len - 8, s->data + before + len - 8);
	_Pragma("clang loop unroll(disable)")
	for (__u32 i = 0; i < SHORTEN_MAX - 8; i += 8) {
		if (i + 8 > len)
			break;
		differ |= words_differ(s->data + at + i, s->data + before + i);
	}
	return !differ;
}

/* The path that was appended at `at` is left out if it is the one before. */
static __always_inline void shorten(struct call *c, __u64 at)
{
	struct scratch *s = c->s;
	__u64 len = s->off - at;

	if (config.cgroup_renames && same_path(at, len)) {
		s->off = at;
		s->head.flags |= RING_SHORT_CGROUPS;
		return;
	}
	s->cgroup_at = at;
	s->cgroup_len = len;
}

/*
 * "memory=/path" NUL ... A global function, as the walks; the cgroup is in the scratch, `prefix`
 * has the eight characters before the path.
 */
__noinline int append_cgroup(__u64 prefix, __u32 prefix_len)
{
	struct scratch *s = scratch_get();
	struct call call = { .s = s }, *c = &call;
	struct walk_buf *w = walk_buf_get(s);
	__u64 at;
	__u8 *p;

	if (!s || !w || !s->walk_node || prefix_len > sizeof(prefix))
		return 0;
	p = room(c);
	if (!p)
		return 0;
	*(__u64 *)p = prefix;
	p += prefix_len;
	s->off += prefix_len;
	at = s->off;
	if (kernfs_parent(s->walk_node)) {
		walk_kernfs();
		if (!append_path(c, w))
			s->walk_failed = 1;
		shorten(c, at);
		p = room(c);
		if (!p)
			return 0;
	} else {
		*p++ = '/';
		s->off += 1;
		s->cgroup_len = 0;
	}
	*p = 0;
	s->off += 1;
	return 1;
}

static __always_inline void append_new_cgroups(struct scratch *s, struct cgroup_memo *m)
{
#define APPEND(i, name, ...)                                                                \
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, name##_cgrp_id)) {            \
		s->walk_node = m->of[i].node;                                               \
		append_cgroup(NAME8(__VA_ARGS__), sizeof(#name));                           \
	}
	CONTROLLERS(APPEND)
#undef APPEND
	s->walk_node = m->of[CGROUP_UNIFIED].node;
	append_cgroup('=', 1);
}

static __always_inline void keep_cgroups(struct scratch *s, struct cgroup_memo *m, __u64 start)
{
	__u64 len = s->off - start;

	if (s->head.flags & RING_TRUNCATED || s->walk_failed)
		return;
	/* Verifier 5.10, 6.1: a comparison for each bound, which the compiler must not join. */
	HIDE(start);
	if (start > DATA_MAX)
		return;
	HIDE(len);
	if (!len || len > CGROUP_TEXT_MAX)
		return;
	if (bpf_probe_read_kernel(m->text, len, s->data + start))
		count_site(RING_SITE_COPY);
	else
		m->len = len;
	m->flags = s->head.flags & RING_SHORT_CGROUPS;
}

static __always_inline bool append_kept_cgroups(struct call *c, struct cgroup_memo *m)
{
	__u64 len = m->len;
	__u8 *p = room(c);

	HIDE(len);
	if (!p || !len || len > CGROUP_TEXT_MAX)
		return false;
	if (bpf_probe_read_kernel(p, len, m->text)) {
		count_site(RING_SITE_COPY);
		return false;
	}
	c->s->off += len;
	c->s->head.flags |= m->flags;
	return true;
}

/* Those of walk_css in the scratch. */
__noinline int append_cgroups(void)
{
	struct scratch *s = scratch_get();
	struct call call = { .s = s }, *c = &call;
	struct cgroup_memo *m;
	__u32 slot;
	__u64 start;

	if (!s)
		return 0;
	slot = SCRATCH_SLOTS > 1 ? s->slot : 0;
	m = bpf_map_lookup_elem(&cgroup_memos, &slot);
	if (!m)
		return 0;
	if (same_cgroups(m, s->walk_css) && append_kept_cgroups(c, m))
		return 1;
	m->len = 0;
	m->renames = config.cgroup_renames;
	s->walk_failed = 0;
	s->cgroup_len = 0;
	start = s->off;
	append_new_cgroups(s, m);
	keep_cgroups(s, m, start);
	return 1;
}

static __always_inline void put_cgroups(struct call *c, int i)
{
	__u64 start = c->s->off;

	c->s->walk_css = KREAD(call_task(c), cgroups);
	if (!c->s->walk_css)
		return;
	append_cgroups();
	set_len(c, i, c->s->off - start);
}

#endif
