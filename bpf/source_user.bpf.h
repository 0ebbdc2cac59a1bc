/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Sources that read lists, or structures chosen by a command, from the caller's memory: bodies of
 * the words in source.bpf.h.
 */

#define POLL_FDS_READ 16	/* entries of poll looked at */

struct user_pollfd {
	int fd;
	__u16 events, revents;
};

/* 1: an fd with events that occurred is appended. A global function as append_vector_str(). */
__noinline int append_pollfd(__u64 uptr)
{
	struct scratch *s = scratch_get();
	struct call call = { .s = s }, *c = &call;
	struct user_pollfd v;
	__u8 *p;

	if (!s)
		return 0;
	if (bpf_probe_read_user(&v, sizeof(v), (void *)uptr)) {
		count_site(RING_SITE_USER_STRUCT);
		return 0;
	}
	if (!v.revents)
		return 0;
	p = room(c);
	if (!p)
		return 0;
	*(__u64 *)p = (__s64)v.fd;
	*(__u16 *)(p + sizeof(__u64)) = conv_poll(v.revents);
	s->off += sizeof(__u64) + sizeof(__u16);
	return 1;
}

/* A number of entries and the entries. */
static __always_inline void put_poll_fds(struct call *c, int i, unsigned long uptr, __u64 count)
{
	__u64 start = c->s->off;
	__u32 n = 0;

	if (!room(c))
		return;
	c->s->off += sizeof(__u16);
	_Pragma("unroll") for (int k = 0; k < POLL_FDS_READ; k++) {
		if (k >= count)
			break;
		n += append_pollfd(uptr + k * sizeof(struct user_pollfd));
	}
	if (count > POLL_FDS_READ)
		c->s->head.flags |= RING_TRUNCATED;
	HIDE(start);
	if (start > DATA_MAX - 64)
		return;
	*(__u16 *)(c->s->data + start) = n;
	set_len(c, i, c->s->off - start);
}

enum sembuf_member { SEMBUF_NUM, SEMBUF_OP, SEMBUF_FLG, SEMBUF_MEMBERS };

/* Of operation k of semop; 0 when there are fewer. */
static __always_inline __u64 sembuf_member(struct call *c, int k, enum sembuf_member m)
{
	__u16 v = 0;
	__u64 at = call_arg(c, 1) + (k * SEMBUF_MEMBERS + m) * sizeof(v);

	if (k < call_arg(c, 2) && bpf_probe_read_user(&v, sizeof(v), (void *)at))
		count_site(RING_SITE_USER_STRUCT);
	return v;
}

enum quota_cmd {
	QUOTA_SYNC = 0x800001, QUOTA_ON, QUOTA_OFF, QUOTA_GETFMT, QUOTA_GETINFO, QUOTA_SETINFO,
	QUOTA_GETQUOTA, QUOTA_SETQUOTA,
	QUOTA_XON = 0x5801, QUOTA_XOFF, QUOTA_XGETQUOTA, QUOTA_XSETQLIM, QUOTA_XGETQSTAT, QUOTA_XRM,
	QUOTA_XSYNC
};

struct user_dqblk {
	__u64 bhardlimit, bsoftlimit, curspace, ihardlimit, isoftlimit, curinodes, btime, itime;
	__u32 valid;
};

struct user_dqinfo {
	__u64 bgrace, igrace;
	__u32 flags, valid;
};

enum dqblk_valid {
	DQBLK_BLIMITS = 1,
	DQBLK_SPACE = 2,
	DQBLK_ILIMITS = 4,
	DQBLK_BTIME = 16,
	DQBLK_ITIME = 32
};
enum dqinfo_valid { DQINFO_BGRACE = 1, DQINFO_IGRACE = 2, DQINFO_FLAGS = 4 };

static __always_inline __u32 quota_cmd(struct call *c)
{
	return (__u32)call_arg(c, 0) >> 8;
}

static __always_inline __u64 quota_wire_cmd(struct call *c)
{
	switch (quota_cmd(c)) {
	case QUOTA_ON: return 0x1;
	case QUOTA_OFF: return 0x2;
	case QUOTA_GETFMT: return 0x4;
	case QUOTA_GETINFO: return 0x8;
	case QUOTA_SETINFO: return 0x10;
	case QUOTA_GETQUOTA: return 0x20;
	case QUOTA_SETQUOTA: return 0x40;
	case QUOTA_SYNC: return 0x80;
	case QUOTA_XON: return 0x100;
	case QUOTA_XOFF: return 0x200;
	case QUOTA_XGETQUOTA: return 0x400;
	case QUOTA_XSETQLIM: return 0x800;
	case QUOTA_XGETQSTAT: return 0x1000;
	case QUOTA_XRM: return 0x2000;
	case QUOTA_XSYNC: return 0x4000;
	default: return 0;
	}
}

static __always_inline __u64 quota_wire_type(struct call *c)
{
	__u32 type = call_arg(c, 0) & 0xff;

	return type < 2 ? type + 1 : 0;	/* project quotas have no name on the wire */
}

/* The third argument is a number of a user or group only for some commands. */
static __always_inline __u64 quota_id(struct call *c)
{
	__u32 cmd = quota_cmd(c);

	return cmd == QUOTA_GETQUOTA || cmd == QUOTA_SETQUOTA || cmd == QUOTA_XGETQUOTA ||
	       cmd == QUOTA_XSETQLIM ? call_arg(c, 2) : 0;
}

static __always_inline __u64 quota_wire_fmt(__u32 fmt)
{
	return fmt == 1 ? 0x2 : fmt == 2 ? 0x4 : fmt == 4 ? 0x8 : 0x1;
}

static __always_inline __u64 quota_fmt(struct call *c)
{
	return quota_wire_fmt(quota_cmd(c) == QUOTA_ON ? call_arg(c, 2) : 0);
}

static __always_inline __u64 quota_fmt_out(struct call *c)
{
	__u32 v = 0;

	if (quota_cmd(c) == QUOTA_GETFMT && c->ret >= 0 &&
	    bpf_probe_read_user(&v, sizeof(v), (void *)call_arg(c, 3)))
		count_site(RING_SITE_USER_STRUCT);
	return quota_wire_fmt(v);
}

/* What a command sets, or has got, goes to the scratch for the parameters that follow. */
static __always_inline void put_quota_path(struct call *c, int i)
{
	struct block *b = &c->s->block;
	__u32 cmd = quota_cmd(c);
	__u32 size = 0;

	_Static_assert(sizeof(struct user_dqblk) <= sizeof(*b), "quota in the block");
	__builtin_memset(b, 0, sizeof(*b));
	if (cmd == QUOTA_SETQUOTA || (cmd == QUOTA_GETQUOTA && c->ret >= 0))
		size = sizeof(struct user_dqblk);
	else if (cmd == QUOTA_SETINFO || (cmd == QUOTA_GETINFO && c->ret >= 0))
		size = sizeof(struct user_dqinfo);
	if (size && bpf_probe_read_user(b, size, (void *)call_arg(c, 3)))
		count_site(RING_SITE_USER_STRUCT);
	if (cmd == QUOTA_ON)
		put_user_str(c, i, (void *)call_arg(c, 3));
	else
		put_empty_str(c, i);
}

#define QUOTA_BLOCK(c, member, bit)                                                         \
	({                                                                                  \
		struct user_dqblk *__b = (void *)&(c)->s->block;                            \
		__u32 __cmd = quota_cmd(c);                                                 \
		(__cmd == QUOTA_GETQUOTA || __cmd == QUOTA_SETQUOTA) &&                     \
			__b->valid & DQBLK_##bit ? __b->member : 0;                         \
	})

#define QUOTA_INFO(c, member, bit)                                                          \
	({                                                                                  \
		struct user_dqinfo *__b = (void *)&(c)->s->block;                           \
		__u32 __cmd = quota_cmd(c);                                                 \
		(__cmd == QUOTA_GETINFO || __cmd == QUOTA_SETINFO) &&                       \
			__b->valid & DQINFO_##bit ? __b->member : 0;                        \
	})

/* Bit 0 of the flags; the wire has a bit for none, too. */
#define QUOTA_INFO_FLAGS(c)                                                                 \
	({                                                                                  \
		__u64 __flags = QUOTA_INFO(c, flags, FLAGS);                                \
		__flags & 1 ? 0x2 : 0x1;                                                    \
	})
