/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tests of fd tables and of sockets share: calls of thread 20 of a family of processes, and
 * the bytes of addresses.
 */
#ifndef TIERCEL_FD_BED_H
#define TIERCEL_FD_BED_H

#include "engine/tests/state_fixture.h"

static struct fixture f;

static inline void setup(void)
{
	fixture_init(&f, NULL);
	fixture_family(&f);
}

static inline void teardown(void)
{
	fixture_done(&f);
}

static inline struct fdinfo *get(int64_t fd)
{
	return thread_fd(state_thread(f.state, 20), fd);
}

static inline void call(enum event_type type, int64_t res, int64_t fd, unsigned fd_param)
{
	ev_new(&f, type);
	ev_num(&f, 0, res);
	ev_num(&f, fd_param, fd);
}

static inline void make_socket(int64_t fd, uint32_t domain, uint32_t type)
{
	ev_new(&f, EV_SOCKET_X);
	ev_num(&f, SOCKET_X_fd, fd);
	ev_num(&f, SOCKET_X_domain, domain);
	ev_num(&f, SOCKET_X_type, type);
	ev_run(&f, 20);
}

/* 13 bytes of an IPv4 tuple, addresses as four numbers of one byte each in host order. */
static inline void set_tuple(unsigned param, uint32_t sip, uint16_t sport, uint32_t dip,
			     uint16_t dport)
{
	uint8_t b[13] = { WIRE_AF_INET };

	store_u32(b + 1, __builtin_bswap32(sip));
	store_u16(b + 5, sport);
	store_u32(b + 7, __builtin_bswap32(dip));
	store_u16(b + 11, dport);
	ev_bytes(&f, param, b, sizeof(b));
}

static inline void set_addr(unsigned param, uint32_t ip, uint16_t port)
{
	uint8_t b[7] = { WIRE_AF_INET };

	store_u32(b + 1, __builtin_bswap32(ip));
	store_u16(b + 5, port);
	ev_bytes(&f, param, b, sizeof(b));
}

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static inline void with_kernel(uint8_t kind, const char *path, uint64_t ino)
{
	f.with_kernel = true;
	f.kernel = (struct event_kernel){ .have = KERNEL_FD_KIND | KERNEL_FD_INODE,
					  .fd_kind = kind, .fd_ino = ino };
	if (path) {
		f.kernel.have |= KERNEL_FD_PATH;
		f.kernel.fd_path = str_from(path);
	}
}

#endif
