/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Socket addresses and tuples: what the caller passed (SOCKADDR) and what the kernel's socket
 * holds (SOCKTUPLE). Ports are written in host order, addresses in network order.
 */
#ifndef TIERCEL_BPF_SOCK_H
#define TIERCEL_BPF_SOCK_H

#include "bpf/task.bpf.h"

#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#define IPPROTO_ICMP 1
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17
#define IPPROTO_ICMPV6 58
#define TCP_LISTEN 10
#define WIRE_AF_NETLINK 16

enum tuple_dir { DIR_OUT, DIR_IN };	/* out: source is the own end */

#define ADDR_MAX (offsetof(struct any_addr, path) + UNIX_PATH_MAX)

static __always_inline __u16 host_port(__be16 port)
{
	return __builtin_bswap16(port);
}

/* 0 or -1; bytes that the caller did not give stay zero. */
static __always_inline int addr_from_user(struct any_addr *a, const void *uaddr, __u64 len)
{
	__builtin_memset(a, 0, sizeof(*a));
	if (!uaddr || len < sizeof(a->family))
		return -1;
	if (len > ADDR_MAX)
		len = ADDR_MAX;
	if (bpf_probe_read_user(a, len, uaddr)) {
		count_site(RING_SITE_USER_ADDR);
		return -1;
	}
	return 0;
}

/* Text of a unix address: a leading NUL marks an abstract name and is not part of it. */
static __always_inline __u64 append_unix_path(struct call *c, const char *path)
{
	__u8 *p = room(c);
	long n;

	if (!p)
		return 0;
	if (!path[0])
		path++;
	n = bpf_probe_read_kernel_str(p, UNIX_PATH_MAX + 1, path);
	if (n <= 0 || n > UNIX_PATH_MAX + 1) {
		count_site(RING_SITE_KERNEL_STR);
		return 0;
	}
	c->s->off += n;
	return n;
}

static __always_inline void append_fixed(struct call *c, __u64 v, int size)
{
	__u8 *p = room(c);

	if (!p)
		return;
	switch (size) {
	case 1: *p = v; break;
	case 2: *(__u16 *)p = v; break;
	default: *(__u64 *)p = v; break;
	}
	c->s->off += size;
}

static __always_inline void append_ip(struct call *c, const __u8 *ip, int size)
{
	__u8 *p = room(c);

	if (!p)
		return;
	copy_words(p, ip, size);
	c->s->off += size;
}

static __always_inline void put_sockaddr(struct call *c, int i, const void *uaddr, __u64 len)
{
	struct any_addr *a = &c->s->addr;
	__u64 start = c->s->off;

	if (addr_from_user(a, uaddr, len))
		return;
	append_fixed(c, a->family, 1);
	if (a->family == WIRE_AF_INET) {
		append_ip(c, a->v4.ip, 4);
		append_fixed(c, host_port(a->v4.port), 2);
	} else if (a->family == WIRE_AF_INET6) {
		append_ip(c, a->v6.ip, 16);
		append_fixed(c, host_port(a->v6.port), 2);
	} else if (a->family == WIRE_AF_UNIX) {
		append_unix_path(c, a->path);
	}
	set_len(c, i, c->s->off - start);
}

struct inet_end {
	__u8 ip[16] __attribute__((aligned(8)));
	__u16 port;
};

/* Both ends of an inet socket; a peer the socket is not connected to comes from `a`, if given. */
static __always_inline void inet_ends(struct sock *sk, bool v6, const struct any_addr *a,
				      struct inet_end *own, struct inet_end *peer)
{
	own->port = KREAD(sk, __sk_common.skc_num);
	peer->port = host_port(KREAD(sk, __sk_common.skc_dport));
	if (v6) {
		bpf_core_read(own->ip, 16, &sk->__sk_common.skc_v6_rcv_saddr);
		bpf_core_read(peer->ip, 16, &sk->__sk_common.skc_v6_daddr);
	} else {
		bpf_core_read(own->ip, 4, &sk->__sk_common.skc_rcv_saddr);
		bpf_core_read(peer->ip, 4, &sk->__sk_common.skc_daddr);
	}
	if (peer->port || !a)
		return;
	if (v6 && a->family == WIRE_AF_INET6) {
		__builtin_memcpy(peer->ip, a->v6.ip, 16);
		peer->port = host_port(a->v6.port);
	} else if (!v6 && a->family == WIRE_AF_INET) {
		__builtin_memcpy(peer->ip, a->v4.ip, 4);
		peer->port = host_port(a->v4.port);
	}
}

static __always_inline void put_end(__u8 *p, const struct inet_end *end, int size)
{
	copy_words(p, end->ip, size);
	*(__u16 *)(p + size) = end->port;
}

static __always_inline void append_inet(struct call *c, struct sock *sk, bool v6,
					const struct any_addr *a, enum tuple_dir dir)
{
	struct inet_end own = {}, peer = {};	/* aligned: copied by words */
	const int size = v6 ? 16 : 4;
	__u8 *p = room(c);
	__u64 second;

	if (!p)
		return;
	inet_ends(sk, v6, a, &own, &peer);
	/*
	 * Verifier: an offset that it does not know, instead of all that follows for either
	 * direction.
	 */
	c->s->dir = dir;
	second = *(volatile __u32 *)&c->s->dir & DIR_IN;
	HIDE(second);
	put_end(p + second * (size + 2), &own, size);
	put_end(p + (second ^ DIR_IN) * (size + 2), &peer, size);
	c->s->off += 2 * (size + 2);
}

/* Path of a bound unix socket; false when it has none. */
static __always_inline bool append_unix_name(struct call *c, struct sock *sk)
{
	struct unix_address *ua = sk ? KREAD((struct unix_sock *)sk, addr) : NULL;
	struct any_addr *a = &c->s->name;
	__u64 len = ua ? KREAD(ua, len) : 0;

	/* Behind the name of an abstract address is whatever was there before. */
	HIDE(len);
	if (len <= sizeof(a->family) || len > ADDR_MAX + 1)
		return false;
	__builtin_memset(a, 0, sizeof(*a));
	len -= sizeof(a->family);
	HIDE(len);
	if (len > sizeof(a->path) || bpf_core_read(a->path, len, &ua->name[0].sun_path)) {
		count_site(RING_SITE_KERNEL_STR);
		return false;
	}
	return append_unix_path(c, a->path) > 0;
}

static __always_inline void append_unix(struct call *c, struct sock *sk, const struct any_addr *a,
					enum tuple_dir dir)
{
	struct sock *peer = KREAD((struct unix_sock *)sk, peer);
	__u64 start;

	append_fixed(c, (__u64)(dir == DIR_OUT ? sk : peer), 8);
	append_fixed(c, (__u64)(dir == DIR_OUT ? peer : sk), 8);
	start = c->s->off;
	if (a && a->family == WIRE_AF_UNIX)
		append_unix_path(c, a->path);
	else if (!append_unix_name(c, peer))
		append_unix_name(c, sk);
	if (c->s->off == start)
		append_fixed(c, 0, 1);
}

/* Tuple of a socket at the end of the record; number of bytes, 0 for other families. */
SUBPROG __u64 append_tuple(struct call *c, struct sock *sk, const struct any_addr *a,
				     enum tuple_dir dir)
{
	__u16 family = KREAD(sk, __sk_common.skc_family);
	__u64 start = c->s->off;

	if (family != WIRE_AF_INET && family != WIRE_AF_INET6 && family != WIRE_AF_UNIX)
		return 0;
	append_fixed(c, family, 1);
	if (family == WIRE_AF_INET)
		append_inet(c, sk, false, a, dir);
	else if (family == WIRE_AF_INET6)
		append_inet(c, sk, true, a, dir);
	else
		append_unix(c, sk, a, dir);
	return c->s->off - start;
}

static __always_inline struct sock *file_sock(struct file *f)
{
	struct socket *sock;

	if (!f || (KREAD(f, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	sock = KREAD(f, private_data);
	return sock ? KREAD(sock, sk) : NULL;
}

static __always_inline struct sock *call_sock(struct call *c)
{
	struct socket *sock;

	if (!c->file || (c->s->info.mode & S_IFMT) != S_IFSOCK)
		return NULL;
	sock = KREAD(call_file(c), private_data);
	return sock ? KREAD(sock, sk) : NULL;
}

static __always_inline __u8 sock_l4(struct sock *sk)
{
	__u16 type = KREAD(sk, sk_type), proto = KREAD(sk, sk_protocol);

	if (type == SOCK_RAW)
		return L4_RAW;
	switch (proto) {
	case IPPROTO_TCP: return L4_TCP;
	case IPPROTO_UDP: return L4_UDP;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6: return L4_ICMP;
	default: return L4_UNKNOWN;
	}
}

/* Tuple parameter of a call on c->fd; the caller's address fills an end the socket leaves open. */
static __always_inline void put_tuple(struct call *c, int i, const void *uaddr, __u64 len,
				      enum tuple_dir dir)
{
	struct sock *sk = call_sock(c);
	struct any_addr *a = &c->s->addr;
	bool given;

	if (!sk)
		return;
	given = uaddr && !addr_from_user(a, uaddr, len);
	set_len(c, i, append_tuple(c, sk, given ? a : NULL, dir));
}

#endif
