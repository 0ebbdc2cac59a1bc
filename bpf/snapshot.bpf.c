/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The start snapshot: iterators over threads and open fds, and the threads that end while the
 * iterators run. Loaded by agent/snapshot_iter.c for the time of the snapshot; an object of its own
 * so that the sensor does not depend on it.
 */
/* An iterator may wait for a page while a thread ends on its cpu. */
#define PREEMPTIBLE KFUNCS_THERE
#include "bpf/source.bpf.h"
#include "bpf/snapshot.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
};

struct fdtable___cloexec {
	unsigned long *close_on_exec;
};
#pragma clang attribute pop

/* Threads that end before the iterator has come to them; sized and drained by userspace. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} late_ring SEC(".maps");

static __always_inline bool snap_begin(struct call *c, __u32 type, __u32 ntexts, __u32 fixed)
{
	struct scratch *s = scratch_take();

	c->s = s;
	if (!s) {
		count_site(RING_SITE_SNAP_BUSY);
		return false;
	}
	s->off = 2 * ntexts + fixed;
	s->path_of = NULL;
	s->head = (struct ring_head){ .type = type, .nparams = ntexts };
	s->head.tid = BPF_CORE_READ(call_task(c), pid);
	s->head.tgid = BPF_CORE_READ(call_task(c), tgid);
	__builtin_memset(s->data, 0, 2 * ntexts + fixed);
	return true;
}

/* Bytes of the record, head included, with a bound that the verifier sees. */
static __always_inline __u64 snap_len(struct scratch *s)
{
	__u64 len = sizeof(s->head) + *(volatile __u64 *)&s->off;

	HIDE(len);
	if (len > sizeof(s->head) + sizeof(s->data))
		len = sizeof(s->head) + sizeof(s->data);
	s->head.len = len;
	return len;
}

static __always_inline void fill_ids(struct call *c, struct snap_task *t)
{
	t->tid = BPF_CORE_READ(call_task(c), pid);
	t->tgid = BPF_CORE_READ(call_task(c), tgid);
	t->ptid = BPF_CORE_READ(call_task(c), real_parent, tgid);
	t->sid = task_vid(c, PIDTYPE_SID);
	t->vpgid = task_vid(c, PIDTYPE_PGID);
	t->pgid = pid_at(task_pid_of(c->task, PIDTYPE_PGID), 0);
	t->vtid = task_vid(c, PIDTYPE_PID);
	t->vpid = task_vid(c, PIDTYPE_TGID);
	t->start = BPF_CORE_READ(call_task(c), start_boottime);
	t->pidns_start = task_pidns_start(c->task);
	t->marks = task_pidns_level(c->task) ? SNAP_IN_PIDNS : 0;
}

static __always_inline void fill_task(struct call *c, struct snap_task *t)
{
	struct file *exe = task_exe(c);
	struct inode *inode = exe ? BPF_CORE_READ(exe, f_inode) : NULL;

	fill_ids(c, t);
	t->uid = BPF_CORE_READ(call_task(c), cred, euid.val);
	t->gid = BPF_CORE_READ(call_task(c), cred, egid.val);
	t->loginuid = task_loginuid(c);
	t->tty = task_tty(c->task);
	t->cap_inheritable = task_caps(c, CAPS_INHERITABLE);
	t->cap_permitted = task_caps(c, CAPS_PERMITTED);
	t->cap_effective = task_caps(c, CAPS_EFFECTIVE);
	t->pfmajor = BPF_CORE_READ(call_task(c), maj_flt);
	t->pfminor = BPF_CORE_READ(call_task(c), min_flt);
	t->fdlimit = BPF_CORE_READ(call_task(c), signal, rlim[RLIMIT_NOFILE].rlim_cur);
	t->vmsize_kb = vm_size(c);
	t->vmrss_kb = vm_rss(c);
	t->vmswap_kb = vm_swap(c);
	if (!inode)
		return;
	t->exe_flags = task_exe_flags(c);
	t->exe_ino = BPF_CORE_READ(inode, i_ino);
	t->exe_ctime = inode_ctime(inode);
	t->exe_mtime = inode_mtime(inode);
}

static __always_inline struct snap_task *task_part(struct scratch *s)
{
	return (void *)(s->data + 2 * SNAP_TEXT_COUNT);
}

static __always_inline void put_texts(struct call *c)
{
	struct fs_struct *fs = BPF_CORE_READ(call_task(c), fs);

	put_comm(c, SNAP_TEXT_COMM);
	put_exe_path(c, SNAP_TEXT_EXEPATH);
	put_cwd(c, SNAP_TEXT_CWD);
	if (fs)
		put_path(c, SNAP_TEXT_ROOT, BPF_CORE_READ(fs, root.dentry),
			 BPF_CORE_READ(fs, root.mnt));
	put_cgroups(c, SNAP_TEXT_CGROUPS);
}

static __always_inline bool put_task(struct call *c)
{
	if (!snap_begin(c, SNAP_RECORD_TASK, SNAP_TEXT_COUNT, sizeof(struct snap_task)))
		return false;
	fill_task(c, task_part(c->s));
	put_texts(c);
	return true;
}

/* Up to PATH_MAX_BYTES of the memory of another process. */
static __always_inline void put_task_memory(struct call *c, struct task_struct *t, int i,
					    unsigned long start, unsigned long end,
					    enum ring_site site)
{
	__u64 len = end - start;
	__u8 *p = room(c);

	if (!p || end <= start)
		return;
	if (len > PATH_MAX_BYTES - 1)
		len = PATH_MAX_BYTES - 1;
	HIDE(len);
	len &= PATH_MASK;
	if (bpf_copy_from_user_task(p, len, (void *)start, t, 0)) {
		count_site(site);
		return;
	}
	c->s->off += len;
	set_len(c, i, len);
}

SEC("iter.s/task")
int snap_tasks_memory(__u64 *ctx)
{
	struct bpf_iter_meta *meta = (void *)ctx[0];
	struct task_struct *t = (void *)ctx[1];
	struct call call = { .task = t }, *c = &call;
	struct mm_struct *mm;

	if (!t || !put_task(c))
		return 0;
	mm = BPF_CORE_READ(call_task(c), mm);
	task_part(c->s)->marks |= SNAP_HAS_MEMORY;
	if (mm) {
		put_task_memory(c, t, SNAP_TEXT_CMDLINE, BPF_CORE_READ(mm, arg_start),
				BPF_CORE_READ(mm, arg_end), RING_SITE_MM_ARGS);
		put_task_memory(c, t, SNAP_TEXT_ENV, BPF_CORE_READ(mm, env_start),
				BPF_CORE_READ(mm, env_end), RING_SITE_MM_ENV);
	}
	bpf_seq_write(meta->seq, &c->s->head, snap_len(c->s));
	scratch_release(c->s);
	return 0;
}

SEC("iter/task")
int snap_tasks(__u64 *ctx)
{
	struct bpf_iter_meta *meta = (void *)ctx[0];
	struct call call = { .task = (void *)ctx[1] }, *c = &call;

	if (!call.task || !put_task(c))
		return 0;
	bpf_seq_write(meta->seq, &c->s->head, snap_len(c->s));
	scratch_release(c->s);
	return 0;
}

/* Who ends now was there when the sensor was attached, or its fork is in the stream. */
SEC("tp_btf/sched_process_exit")
int snap_late(__u64 *ctx)
{
	struct call call = { .task = (void *)ctx[0] }, *c = &call;

	if (!put_task(c))
		return 0;
	if (bpf_ringbuf_output(&late_ring, &c->s->head, snap_len(c->s), BPF_RB_NO_WAKEUP))
		count_site(RING_SITE_LATE_TASK);
	scratch_release(c->s);
	return 0;
}

static __always_inline bool fd_is_cloexec(struct task_struct *t, __u32 fd)
{
	struct fdtable___cloexec *fdt = (void *)BPF_CORE_READ(t, files, fdt);
	unsigned long *bits = fdt ? BPF_CORE_READ(fdt, close_on_exec) : NULL, word = 0;

	if (bits)
		bpf_probe_read_kernel(&word, sizeof(word), bits + fd / 64);
	return word >> (fd % 64) & 1;
}

/* Not inlined: its stack must not add to that of put_kernel(). */
static __noinline void fill_fd(struct call *c, struct snap_fd *part)
{
	__u64 flags = BPF_CORE_READ(call_file(c), f_flags) & ~(__u64)O_CLOEXEC;

	if (fd_is_cloexec(c->task, part->fd))
		flags |= O_CLOEXEC;
	part->open_flags = conv_open(flags) & ~WO_LARGEFILE;
	file_read(c->s, c->file);
	inode_read(c->s, c->s->info.inode);
}

SEC("iter/task_file")
int snap_fds(__u64 *ctx)
{
	struct bpf_iter_meta *meta = (void *)ctx[0];
	__u64 fd = ctx[2];
	struct call call = { .task = (void *)ctx[1], .file = (void *)ctx[3] }, *c = &call;
	struct task_struct *leader;
	struct snap_fd part = {};

	HIDE(fd);
	if (!call.task || !call.file)
		return 0;
	/* Before 5.11 the fds of a process come once per thread. */
	leader = BPF_CORE_READ(call_task(c), group_leader);
	if (leader != call.task &&
	    BPF_CORE_READ(leader, files) == BPF_CORE_READ(call_task(c), files))
		return 0;
	if (!snap_begin(c, SNAP_RECORD_FD, 0, sizeof(part)))
		return 0;
	part.fd = fd;
	fill_fd(c, &part);
	__builtin_memcpy(c->s->data, &part, sizeof(part));
	put_kernel(c);
	bpf_seq_write(meta->seq, &c->s->head, snap_len(c->s));
	scratch_release(c->s);
	return 0;
}
