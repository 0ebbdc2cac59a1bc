/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Kernel numbers to wire numbers, for the arguments whose bits or values differ. Used by the
 * CONV(name, n) source of syscalls.def; arguments not listed here are the same on both sides.
 */
#ifndef TIERCEL_BPF_FLAGS_H
#define TIERCEL_BPF_FLAGS_H

#include "bpf/fd.bpf.h"

struct bit_pair {
	__u64 from, to;
};

/* Bits of `v` by a constant table; folded to straight code. */
#define CONV_BITS(fn, ...)                                                                  \
	static __always_inline __u64 conv_##fn(__u64 v)                                     \
	{                                                                                   \
		const struct bit_pair map[] = { __VA_ARGS__ };                              \
		__u64 out = 0;                                                              \
		_Pragma("unroll") for (unsigned int i = 0; i < sizeof(map) / sizeof(map[0]); i++) \
			if ((v & map[i].from) == map[i].from)                               \
				out |= map[i].to;                                           \
		return out;                                                                 \
	}

#define O_ACCMODE 3
#define O_CREAT 0100
#define O_CLOEXEC 02000000
#if defined(__TARGET_ARCH_x86)
#define O_DIRECT 040000
#define O_LARGEFILE 0100000
#define O_DIRECTORY 0200000
#else
#define O_DIRECT 0200000
#define O_LARGEFILE 0400000
#define O_DIRECTORY 040000
#endif
#define O_TMPFILE_BIT 020000000

CONV_BITS(open_bits, { O_CREAT, WO_CREAT }, { 02000, WO_APPEND }, { 010000, WO_DSYNC },
	  { 0200, WO_EXCL }, { 04000, WO_NONBLOCK }, { 04010000, WO_SYNC }, { 01000, WO_TRUNC },
	  { O_DIRECT, WO_DIRECT }, { O_DIRECTORY, WO_DIRECTORY }, { O_LARGEFILE, WO_LARGEFILE },
	  { O_CLOEXEC, WO_CLOEXEC }, { O_TMPFILE_BIT | O_DIRECTORY, WO_TMPFILE })

/* For calls that open: read, write or both are bits of their own on the wire. */
static __always_inline __u64 conv_open(__u64 v)
{
	__u64 acc = v & O_ACCMODE;

	return conv_open_bits(v) | (acc == 0   ? WO_RDONLY :
				    acc == 1 ? WO_WRONLY :
				    acc == 2 ? WO_RDWR : 0);
}

/* For calls that only take O_CLOEXEC, O_NONBLOCK and the like. */
static __always_inline __u64 conv_fd_flags(__u64 v)
{
	return conv_open_bits(v & ~(__u64)O_ACCMODE);
}

CONV_BITS(mmap, { 0x1, 0x1 }, { 0x2, 0x2 }, { 0x10, 0x4 }, { 0x20, 0x8 }, { 0x40, 0x10 },
	  { 0x4000, 0x40 }, { 0x8000, 0x80 }, { 0x10000, 0x100 }, { 0x100, 0x200 },
	  { 0x800, 0x400 }, { 0x1000, 0x800 }, { 0x2000, 0x4000 })
CONV_BITS(prot, { 0x1, 0x1 }, { 0x2, 0x2 }, { 0x4, 0x4 }, { 0x8, 0x8 }, { 0x01000000, 0x10 },
	  { 0x02000000, 0x20 })
CONV_BITS(clone, { 0x400, 0x1 }, { 0x200, 0x2 }, { 0x80000000, 0x4 }, { 0x08000000, 0x8 },
	  { 0x40000000, 0x10 }, { 0x00020000, 0x20 }, { 0x20000000, 0x40 }, { 0x04000000, 0x80 },
	  { 0x8000, 0x100 }, { 0x100000, 0x200 }, { 0x2000, 0x400 }, { 0x800, 0x800 },
	  { 0x40000, 0x1000 }, { 0x10000, 0x2000 }, { 0x800000, 0x4000 }, { 0x100, 0x8000 },
	  { 0x10000000, 0x100000 }, { 0x200000, 0x800000 }, { 0x1000000, 0x1000000 },
	  { 0x80000, 0x2000000 }, { 0x4000, 0x8000000 }, { 0x02000000, 0x10000000 })
CONV_BITS(resolve, { 0x1, 0x10 }, { 0x2, 0x4 }, { 0x4, 0x8 }, { 0x8, 0x1 }, { 0x10, 0x2 },
	  { 0x20, 0x20 })
CONV_BITS(fchownat, { 0x100, 0x400 }, { 0x1000, 0x1000 })
CONV_BITS(pidfd_open, { 04000, 0x1 })
CONV_BITS(delete_module, { 04000, 0x2 }, { 01000, 0x1 })
CONV_BITS(epoll_create1, { O_CLOEXEC, 0x1 })
CONV_BITS(io_uring_setup, { 0x1, 0x1 }, { 0x2, 0x2 }, { 0x4, 0x8 }, { 0x8, 0x10 },
	  { 0x10, 0x20 }, { 0x20, 0x40 }, { 0x40, 0x80 })
CONV_BITS(semop, { 04000, 0x1 }, { 0x1000, 0x2 })
CONV_BITS(poll, { 0x1, 0x1 }, { 0x2, 0x2 }, { 0x4, 0x4 }, { 0x2000, 0x8 }, { 0x8, 0x10 },
	  { 0x10, 0x20 }, { 0x20, 0x40 }, { 0x40, 0x80 }, { 0x80, 0x100 }, { 0x100, 0x200 },
	  { 0x200, 0x400 })
CONV_BITS(semget, { 01000, 0x2000 }, { 02000, 0x4000 })

/* unshare and setns take the namespace bits of clone; the low byte of clone is a signal. */
static __always_inline __u64 conv_namespaces(__u64 v)
{
	return conv_clone(v & ~0xffULL);
}

static __always_inline __u64 conv_mount(__u64 v)
{
	return (v & 0xffff0000) == 0xc0ed0000 ? v & 0xffff : v;	/* magic of old callers */
}

static __always_inline __u64 conv_fcntl(__u64 v)
{
	switch (v) {
	case 0: case 1: case 2: case 3: case 4: case 5: return v + 1;	/* F_DUPFD to F_GETLK */
	case 6: return 0x8;
	case 7: return 0x9;
	case 8: return 0xa;
	case 9: return 0xc;
	case 10: return 0xd;
	case 11: return 0xf;
	case 15: return 0x15;
	case 16: return 0x16;
	case 36: case 37: case 38: return v - 36 + 0x1e;	/* F_OFD_* */
	case 1024: return 0x17;
	case 1025: return 0x18;
	case 1026: return 0x1b;
	case 1029: return 0x19;
	case 1030: return 0x1a;
	case 1031: return 0x1c;
	case 1032: return 0x1d;
	default: return 0;
	}
}

#define PTRACE_ARCH_REQUESTS 34
#define PTRACE_SETOPTIONS 0x4200

/* Index: request of the kernel. */
static const __u8 ptrace_wire[PTRACE_ARCH_REQUESTS] = {
	[0] = 0x1, [1] = 0x2, [2] = 0x3, [3] = 0x4, [4] = 0x5, [5] = 0x6, [6] = 0x7, [7] = 0x8,
	[8] = 0x9, [9] = 0xa, [12] = 0x1a, [13] = 0x1b, [14] = 0x1c, [15] = 0x1d, [16] = 0xb,
	[17] = 0xc, [18] = 0x1e, [19] = 0x1f, [21] = 0x20, [24] = 0xd, [25] = 0x21, [26] = 0x22,
	[30] = 0x23, [31] = 0x24, [32] = 0x25, [33] = 0x26,
};

static __always_inline __u64 conv_ptrace(__u64 v)
{
	if (v < PTRACE_ARCH_REQUESTS)
		return ptrace_wire[v];
	/* PTRACE_SETOPTIONS to PTRACE_SETSIGMASK are in the same order on both sides. */
	if (v >= PTRACE_SETOPTIONS && v <= PTRACE_SETOPTIONS + 0xb)
		return v - PTRACE_SETOPTIONS + 0xe;
	return 0;
}

static __always_inline __u64 conv_sockopt_level(__u64 v)
{
	return v == 1 ? 1 : v == IPPROTO_TCP ? 2 : 0;
}

static __always_inline __u64 conv_sockopt(__u64 v)
{
	switch (v) {
	case 55: return 0x34;	/* SO_MEMINFO */
	case 57: return 0x35;	/* SO_COOKIE */
	case 59: return 0x33;	/* SO_PEERGROUPS */
	default: return v <= 0x32 ? v : 0;
	}
}

static __always_inline __u64 conv_semctl(__u64 v)
{
	switch (v) {
	case 0: return 0x4;	/* IPC_RMID */
	case 1: return 0x2;
	case 2: return 0x1;
	case 3: return 0x8;
	case 11: return 0x100;
	case 12: return 0x200;
	case 13: return 0x40;
	case 14: return 0x80;
	case 15: return 0x400;
	case 16: return 0x1000;
	case 17: return 0x800;
	case 18: return 0x20;
	case 19: return 0x10;
	default: return 0;
	}
}

static __always_inline __u64 conv_rlimit(__u64 v)
{
	return v <= 15 ? v : 0xff;
}

#endif
