/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sources that describe the process of the event: bodies of the words in source.bpf.h. */

#define FAILED_EXEC_ARGS 16	/* strings read of the argv of an exec that failed */

static __always_inline void put_cwd(struct call *c, int i)
{
	struct fs_struct *fs = KREAD(call_task(c), fs);

	if (fs)
		put_path(c, i, KREAD(fs, pwd.dentry), KREAD(fs, pwd.mnt));
}

static __always_inline __u64 vm_size(struct call *c)
{
	struct mm_struct *mm = KREAD(call_task(c), mm);

	return mm ? KREAD(mm, total_vm) * PAGE_KB : 0;
}

static __always_inline __u64 vm_rss(struct call *c)
{
	struct mm_struct *mm = KREAD(call_task(c), mm);

	if (!mm)
		return 0;
	return (mm_counter(mm, RSS_FILE) + mm_counter(mm, RSS_ANON) + mm_counter(mm, RSS_SHMEM)) *
	       PAGE_KB;
}

static __always_inline __u64 vm_swap(struct call *c)
{
	struct mm_struct *mm = KREAD(call_task(c), mm);

	return mm ? mm_counter(mm, RSS_SWAP) * PAGE_KB : 0;
}

/* Wire numbers of clone flags, flags/clone_flags.def. */
enum wire_clone {
	WC_FILES = 0x1, WC_FS = 0x2, WC_NEWIPC = 0x8, WC_NEWNET = 0x10, WC_NEWNS = 0x20,
	WC_NEWPID = 0x40, WC_NEWUTS = 0x80, WC_PARENT = 0x100, WC_SIGHAND = 0x800,
	WC_THREAD = 0x2000, WC_VM = 0x8000, WC_NEWUSER = 0x100000, WC_NEWCGROUP = 0x10000000,
	WC_CHILD_IN_PIDNS = 0x20000000
};

/* The child shows what it shares with its creator: no need to trust or find the arguments. */
static __always_inline __u64 clone_flags_of_child(struct task_struct *t, struct task_struct *p)
{
	struct nsproxy *a = KREAD(t, nsproxy), *b = KREAD(p, nsproxy);
	__u64 flags = 0;

#define SHARED(member, flag) if (KREAD(t, member) == KREAD(p, member)) { flags |= flag; }
#define DIFFERENT(member, flag) if (KREAD(a, member) != KREAD(b, member)) { flags |= flag; }
	SHARED(files, WC_FILES)
	SHARED(fs, WC_FS)
	SHARED(mm, WC_VM)
	SHARED(sighand, WC_SIGHAND)
	if (KREAD(t, pid) != KREAD(t, tgid))
		flags |= WC_THREAD;
	else if (KREAD(t, real_parent) != p)
		flags |= WC_PARENT;
	if (a != b) {
		DIFFERENT(uts_ns, WC_NEWUTS)
		DIFFERENT(ipc_ns, WC_NEWIPC)
		DIFFERENT(mnt_ns, WC_NEWNS)
		DIFFERENT(net_ns, WC_NEWNET)
		DIFFERENT(cgroup_ns, WC_NEWCGROUP)
	}
	if (KREAD(t, cred, user_ns) != KREAD(p, cred, user_ns))
		flags |= WC_NEWUSER;
	if (task_pidns(t) != task_pidns(p))
		flags |= WC_NEWPID;
#undef SHARED
#undef DIFFERENT
	return flags;
}

static __always_inline __u64 clone_args(struct call *c)
{
	__u64 flags = 0;

	if (c->s->head.type == EV_CLONE3_X) {
		if (bpf_probe_read_user(&flags, sizeof(flags), (void *)call_arg(c, 0)))
			count_site(RING_SITE_USER_STRUCT);
		return flags;
	}
	/* Bit 0 to 7 of clone are a signal; none of the flags that go on the wire. */
	return c->s->head.type == EV_CLONE_20_X ? call_arg(c, 0) & ~0xffUL : 0;
}

static __always_inline __u64 clone_flags(struct call *c)
{
	struct task_struct *current = (void *)bpf_get_current_task();
	__u64 flags;

	flags = c->is_syscall ? conv_clone(clone_args(c)) : clone_flags_of_child(c->task, current);
	if (task_pidns_level(c->task) ||
	    KREAD(call_task(c), nsproxy, pid_ns_for_children, level))
		flags |= WC_CHILD_IN_PIDNS;
	return flags;
}

static __always_inline __u64 task_vid(struct call *c, enum pid_type type)
{
	return pid_at(task_pid_of(c->task, type), task_pidns_level(c->task));
}

static __always_inline __u64 task_loginuid(struct call *c)
{
	if (!bpf_core_field_exists(struct task_struct, loginuid))
		return (__u32)-1;
	return KREAD(call_task(c), loginuid.val);
}

static __always_inline struct file *task_exe(struct call *c)
{
	struct mm_struct *mm = KREAD(call_task(c), mm);

	return mm ? KREAD(mm, exe_file) : NULL;
}

static __always_inline __u64 task_exe_flags(struct call *c)
{
	struct file *exe = task_exe(c);

	return exe ? exe_flags(exe, KREAD(call_task(c), cred)) : 0;
}

static __always_inline __u64 sc_code(struct call *c)
{
	__u64 nr = call_nr(c);

	return nr < SYSCALL_SLOTS ? config.sc_of[nr] : 0;
}

static __always_inline __u64 task_caps(struct call *c, enum cap_set set)
{
	struct cred *cred = KREAD(call_task(c), cred);

	return cred_caps(cred, set == CAPS_INHERITABLE ? &cred->cap_inheritable
			       : set == CAPS_PERMITTED ? &cred->cap_permitted
						       : &cred->cap_effective);
}

static __always_inline void put_exe_inode(struct call *c, int i, enum exe_inode_value what)
{
	struct file *exe = task_exe(c);
	struct inode *inode = exe ? KREAD(exe, f_inode) : NULL;

	if (!inode)
		put_fixed(c, i, 0, 8);
	else
		put_fixed(c, i, what == EXE_INO ? KREAD(inode, i_ino)
				: what == EXE_CTIME ? inode_ctime(inode) : inode_mtime(inode), 8);
}

static __always_inline void put_exe_path(struct call *c, int i)
{
	struct file *exe = task_exe(c);

	if (exe)
		put_path(c, i, KREAD(exe, f_path.dentry), KREAD(exe, f_path.mnt));
}

/* filename, argv or envp: execveat has a dirfd before them. */
static __always_inline unsigned long exec_vector(struct call *c, int which)
{
	return c->s->head.type == EV_EXECVEAT_X ? call_arg(c, 1 + which) : call_arg(c, which);
}

#define VECTOR_STR_MAX 1024

/*
 * String number k of a user vector. Number of bytes with NUL, 0: none, unreadable, or the
 * parameter, which began at `start`, is full. A global function, so that the verifier looks at it
 * once and not for each string; therefore plain numbers.
 */
__noinline int append_vector_str(__u64 vec, __u32 k, __u64 start)
{
	struct scratch *s = scratch_get();
	struct call call = { .s = s }, *c = &call;
	__u64 uptr = 0;
	__u32 size;
	__u8 *p;
	long n;

	if (!s)
		return 0;
	size = s->head.flags & RING_COMPAT32 ? 4 : 8;
	if (!vec || bpf_probe_read_user(&uptr, size, (void *)(vec + k * size))) {
		count_site(RING_SITE_USER_ARGV);
		return 0;
	}
	if (!uptr)
		return 0;
	p = room(c);
	if (!p || k == FAILED_EXEC_ARGS || s->off - start > PATH_MAX_BYTES - VECTOR_STR_MAX) {
		s->head.flags |= RING_TRUNCATED;
		return 0;
	}
	n = bpf_probe_read_user_str(p, VECTOR_STR_MAX, (void *)uptr);
	if (n <= 0 || n > VECTOR_STR_MAX) {
		count_site(RING_SITE_USER_ARGV);
		return 0;
	}
	if (n == VECTOR_STR_MAX)
		s->head.flags |= RING_TRUNCATED;
	s->off += n;
	return n;
}

/*
 * The one string number `from`, or all from there on. Unrolled: 5.10 takes no loop around a call.
 */
static __always_inline void put_vector(struct call *c, int i, unsigned long vec, int from, bool all)
{
	__u64 start = c->s->off;

	_Pragma("unroll") for (int k = 0; k <= FAILED_EXEC_ARGS; k++) {
		if (k < from)
			continue;
		if (!append_vector_str(vec, k, start) || !all)
			break;
	}
	set_len(c, i, c->s->off - start);
}

static __always_inline void put_exec_exe(struct call *c, int i)
{
	if (c->is_syscall)
		put_vector(c, i, exec_vector(c, 1), 0, false);
	else
		put_mm_exe(c, i);
}

static __always_inline void put_exec_args(struct call *c, int i)
{
	if (c->is_syscall)
		put_vector(c, i, exec_vector(c, 1), 1, true);
	else
		put_mm_args(c, i);
}

static __always_inline void put_exec_env(struct call *c, int i)
{
	if (c->is_syscall)
		put_vector(c, i, exec_vector(c, 2), 0, true);
	else
		put_mm_env(c, i);
}

static __always_inline void put_exec_name(struct call *c, int i)
{
	if (c->bprm)
		put_kernel_str(c, i, KREAD(call_bprm(c), filename));
	else if (c->is_syscall &&
		 c->s->head.type == EV_EXECVE_19_X) /* the other has no such parameter */
		put_user_str(c, i, (void *)exec_vector(c, 0));
}
