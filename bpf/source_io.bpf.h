/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sources that read what a call was given or made: bodies of the words in source.bpf.h. */

#define IOV_READ 4		/* vectors looked at for data; sizes beyond are not added up */
#define SNAPLEN_MAX 1024
#define MSG_CONTROL_MAX 256

static __always_inline __u64 user_u64(unsigned long uptr, int k)
{
	__u64 v = 0;

	if (bpf_probe_read_user(&v, sizeof(v), (void *)(uptr + k * sizeof(v))))
		count_site(RING_SITE_USER_STRUCT);
	return v;
}

static __always_inline void put_member64(struct call *c, int i, enum param_type type,
					 unsigned long uptr, int k)
{
	if (uptr)
		put_num(c, i, type, user_u64(uptr, k));
}

static __always_inline void put_member32(struct call *c, int i, enum param_type type,
					 unsigned long uptr, int k)
{
	__u32 v = 0;

	if (!uptr)
		return;
	if (bpf_probe_read_user(&v, sizeof(v), (void *)(uptr + k * sizeof(v))))
		count_site(RING_SITE_USER_STRUCT);
	else
		put_num(c, i, type, v);
}

/* The two fds that pipe and socketpair write; the second one is what the event is about. */
static __always_inline void put_pair(struct call *c, int i, enum param_type type,
				     unsigned long uptr, int k)
{
	int v = -1;

	if (c->ret >= 0 && bpf_probe_read_user(&v, sizeof(v), (void *)(uptr + k * sizeof(v))))
		count_site(RING_SITE_USER_STRUCT);
	put_num(c, i, type, (__s64)v);
	if (k == 1 && v >= 0)
		call_use_fd(c, v);
}

static __always_inline void put_buf(struct call *c, int i, unsigned long uptr, long len)
{
	__u64 max = config.snaplen;

	if (len <= 0)
		return;
	if (max > SNAPLEN_MAX)
		max = SNAPLEN_MAX;
	put_user_mem(c, i, (void *)uptr, len, max);
}

struct user_iovec {
	__u64 base, len;
};

struct user_msghdr {
	__u64 name;
	__u32 namelen, pad;
	__u64 iov, iovlen;
	__u64 control, controllen;
};

/* Data of the first vector that has any. */
static __always_inline void put_iov(struct call *c, int i, unsigned long uptr, __u64 count,
				    __u64 limit)
{
	struct user_iovec v = {};

	for (int k = 0; k < IOV_READ; k++) {
		if (v.len || (__u64)k >= count)
			break;
		if (bpf_probe_read_user(&v, sizeof(v), (void *)(uptr + k * sizeof(v)))) {
			count_site(RING_SITE_USER_STRUCT);
			return;
		}
	}
	if ((__s64)limit < 0 && limit != ~0ULL)
		return;
	put_buf(c, i, v.base, v.len < limit ? v.len : limit);
}

static __always_inline __u64 iov_size(unsigned long uptr, __u64 count)
{
	struct user_iovec v = {};
	__u64 sum = 0;

	for (int k = 0; k < IOV_READ; k++) {
		if ((__u64)k >= count)
			break;
		if (bpf_probe_read_user(&v, sizeof(v), (void *)(uptr + k * sizeof(v)))) {
			count_site(RING_SITE_USER_STRUCT);
			break;
		}
		sum += v.len;
	}
	return sum;
}

static __always_inline int read_msg(struct user_msghdr *m, unsigned long uptr)
{
	if (!bpf_probe_read_user(m, sizeof(*m), (void *)uptr))
		return 0;
	count_site(RING_SITE_USER_STRUCT);
	return -1;
}

static __always_inline void put_msg_data(struct call *c, int i, unsigned long uptr, long limit)
{
	struct user_msghdr m;

	if (limit > 0 && !read_msg(&m, uptr))
		put_iov(c, i, m.iov, m.iovlen, limit);
}

static __always_inline __u64 msg_size(unsigned long uptr)
{
	struct user_msghdr m;

	return read_msg(&m, uptr) ? 0 : iov_size(m.iov, m.iovlen);
}

static __always_inline void put_msg_control(struct call *c, int i, unsigned long uptr)
{
	struct user_msghdr m;

	if (c->ret >= 0 && !read_msg(&m, uptr))
		put_user_mem(c, i, (void *)m.control, m.controllen, MSG_CONTROL_MAX);
}

static __always_inline void put_msg_tuple(struct call *c, int i, unsigned long uptr,
					  enum tuple_dir dir)
{
	struct user_msghdr m;

	if (!uptr)
		put_tuple(c, i, NULL, 0, dir);
	else if (!read_msg(&m, uptr))
		put_tuple(c, i, (void *)m.name, m.namelen, dir);
}

/* The address that recvfrom filled; its length is behind a pointer, too. */
static __always_inline void put_tuple_from(struct call *c, int i, unsigned long uaddr,
					   unsigned long ulen)
{
	__u32 len = 0;

	if (uaddr && ulen && bpf_probe_read_user(&len, sizeof(len), (void *)ulen))
		count_site(RING_SITE_USER_STRUCT);
	put_tuple(c, i, (void *)uaddr, c->ret < 0 ? 0 : len, DIR_IN);
}

static __always_inline struct sock *sock_peer(struct sock *sk)
{
	return sk ? KREAD((struct unix_sock *)sk, peer) : NULL;
}

/* Queue of the listening socket, whose fd is an argument of accept. */
static __always_inline struct sock *listener(struct call *c, int fd)
{
	return file_sock(task_file(c->task, fd));
}

static __always_inline __u64 queue_len(struct call *c, int fd)
{
	struct sock *sk = listener(c, fd);

	return sk ? KREAD(sk, sk_ack_backlog) : 0;
}

static __always_inline __u64 queue_max(struct call *c, int fd)
{
	struct sock *sk = listener(c, fd);

	return sk ? KREAD(sk, sk_max_ack_backlog) : 0;
}

static __always_inline __u64 queue_pct(struct call *c, int fd)
{
	__u64 max = queue_max(c, fd);

	return max ? queue_len(c, fd) * 100 / max : 0;
}

static __always_inline void put_file_path(struct call *c, int i)
{
	if (c->file)
		put_path(c, i, c->s->info.dentry, c->s->info.mnt);
}

static __always_inline __u64 layer_flags(struct call *c)
{
	if (!c->file || c->s->info.magic != OVERLAYFS_MAGIC)
		return 0;
	return inode_has_upper(c->s->info.inode) ? WO_UPPER_LAYER : WO_LOWER_LAYER;
}

/* What the caller asked for, plus what came of it. */
static __always_inline __u64 open_flags(struct call *c, __u64 flags)
{
	__u64 out = conv_open(flags);

	if (c->file && c->s->info.f_mode & FMODE_CREATED)
		out |= WO_F_CREATED;
	return out | layer_flags(c);
}

static __always_inline __u64 open_mode(__u64 flags, __u64 mode)
{
	return flags & (O_CREAT | O_TMPFILE_BIT) ? mode : 0;
}


static __always_inline void put_variant64(struct call *c, int i, __u8 variant, __u64 v)
{
	__u64 start = c->s->off;

	append_fixed(c, variant, 1);
	append_fixed(c, v, 8);
	set_len(c, i, c->s->off - start);
}

enum keyctl_variant { KEYCTL_NUMBER };
enum sockopt_variant { SOCKOPT_BYTES, SOCKOPT_ERRNO, SOCKOPT_U32, SOCKOPT_U64, SOCKOPT_TIME };

/* Integers of four bytes as numbers, everything else as bytes. */
static __always_inline void put_sockopt(struct call *c, int i)
{
	__u64 start = c->s->off, len = call_arg(c, 4);
	unsigned long uptr = call_arg(c, 3);
	__u32 v = 0;

	if (c->s->head.type == EV_GETSOCKOPT_X)
		len = user_u64(len, 0) & 0xffffffff;
	append_fixed(c, len == sizeof(v) ? SOCKOPT_U32 : SOCKOPT_BYTES, 1);
	if (len == sizeof(v)) {
		__u8 *p = room(c);

		if (bpf_probe_read_user(&v, sizeof(v), (void *)uptr))
			count_site(RING_SITE_USER_STRUCT);
		if (p) {
			*(__u32 *)p = v;
			c->s->off += sizeof(v);
		}
	} else {
		put_user_mem(c, i, (void *)uptr, len, MSG_CONTROL_MAX);
	}
	set_len(c, i, c->s->off - start);
}

#define FSCONFIG_SET_STRING 1
#define FSCONFIG_SET_BINARY 2

static __always_inline void put_fsconfig(struct call *c, int i, bool string)
{
	__u32 cmd = call_arg(c, 1);
	unsigned long uptr = call_arg(c, 3);

	if (!string && cmd == FSCONFIG_SET_BINARY)
		put_user_mem(c, i, (void *)uptr, call_arg(c, 4), SNAPLEN_MAX);
	else if (string && cmd >= FSCONFIG_SET_STRING && cmd != FSCONFIG_SET_BINARY)
		put_user_str(c, i, (void *)uptr);
}

#define PR_SET_NAME 15
#define PR_SET_CHILD_SUBREAPER 36
#define PR_GET_CHILD_SUBREAPER 37

static __always_inline void put_prctl_str(struct call *c, int i)
{
	if ((int)call_arg(c, 0) == PR_SET_NAME)
		put_user_str(c, i, (void *)call_arg(c, 1));
	else
		put_empty_str(c, i);
}

static __always_inline void put_prctl_int(struct call *c, int i)
{
	int option = call_arg(c, 0);
	__u64 v = call_arg(c, 1);

	if (option == PR_SET_NAME)
		v = 0;
	else if (option == PR_GET_CHILD_SUBREAPER) {
		__u32 out = 0;

		if (bpf_probe_read_user(&out, sizeof(out), (void *)v))
			count_site(RING_SITE_USER_STRUCT);
		v = out;
	}
	put_fixed(c, i, v, 8);
}
