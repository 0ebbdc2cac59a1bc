/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause OR Apache-2.0 */
/*
 * The event contract between kernel side, traces and engine: numbers, wire types, flags and
 * parameter names of all event types, all generated from the rows of syscalls.def and events.def.
 * Included by bpf/ as well: no other header, fixed-width types come from the includer.
 */
#ifndef TIERCEL_EVENT_TYPE_H
#define TIERCEL_EVENT_TYPE_H

/* EV_OPENAT_2_X ... : numbers are those of .scap, they never change. */
enum event_type {
#define SYSCALL(num, id, name, category, flags) EV_##id = num,
#define EVENT(num, id, name, category, source, flags) EV_##id = num,
#define P(ev, name, type, fmt, ref, ...)
#define END(id)
#include "engine/event/syscalls.def"
#include "engine/event/events.def"
#undef SYSCALL
#undef EVENT
#undef P
#undef END
	EVENT_TYPE_COUNT = 454
};

/* OPENAT_2_X_name ... : parameter positions; OPENAT_2_X_NPARAMS: how many the row has. */
#define SYSCALL(num, id, name, category, flags) enum {
#define EVENT(num, id, name, category, source, flags) enum {
#define P(ev, name, type, fmt, ref, ...) ev##_##name,
#define END(id) id##_NPARAMS };
#include "engine/event/syscalls.def"
#include "engine/event/events.def"
#undef SYSCALL
#undef EVENT
#undef P
#undef END

/* Wire types of parameters. TYPE(name, fixed size in bytes or 0) */
#define PARAM_TYPES(TYPE)                                                                   \
	TYPE(NONE, 0) TYPE(INT8, 1) TYPE(INT16, 2) TYPE(INT32, 4) TYPE(INT64, 8)            \
	TYPE(UINT8, 1) TYPE(UINT16, 2) TYPE(UINT32, 4) TYPE(UINT64, 8) TYPE(CHARBUF, 0)     \
	TYPE(BYTEBUF, 0) TYPE(ERRNO, 8) TYPE(SOCKADDR, 0) TYPE(SOCKTUPLE, 0) TYPE(FD, 8)    \
	TYPE(PID, 8) TYPE(FDLIST, 0) TYPE(FSPATH, 0) TYPE(SYSCALLID, 2) TYPE(SIGTYPE, 1)    \
	TYPE(RELTIME, 8) TYPE(ABSTIME, 8) TYPE(PORT, 2) TYPE(L4PROTO, 1) TYPE(SOCKFAMILY, 1) \
	TYPE(BOOL, 4) TYPE(IPV4ADDR, 4) TYPE(DYN, 0) TYPE(FLAGS8, 1) TYPE(FLAGS16, 2)       \
	TYPE(FLAGS32, 4) TYPE(UID, 4) TYPE(GID, 4) TYPE(DOUBLE, 8) TYPE(SIGSET, 4)          \
	TYPE(CHARBUFARRAY, 0) TYPE(CHARBUF_PAIR_ARRAY, 0) TYPE(IPV4NET, 0)                  \
	TYPE(IPV6ADDR, 16) TYPE(IPV6NET, 0) TYPE(IPADDR, 0) TYPE(IPNET, 0) TYPE(MODE, 4)    \
	TYPE(FSRELPATH, 0) TYPE(ENUMFLAGS8, 1) TYPE(ENUMFLAGS16, 2) TYPE(ENUMFLAGS32, 4)    \
	TYPE(FD32, 4) TYPE(PID32, 4)

enum param_type {
#define TYPE(name, size) PT_##name,
	PARAM_TYPES(TYPE)
#undef TYPE
	PT_COUNT
};

enum param_fmt { PF_NA, PF_DEC, PF_HEX, PF_OCT };

enum event_flags {
	EF_CREATES_FD = 1 << 0,
	EF_USES_FD = 1 << 1,
	EF_DESTROYS_FD = 1 << 2,
	EF_MODIFIES_STATE = 1 << 3,
	EF_OLD_VERSION = 1 << 4,
	EF_CONVERTER_MANAGED = 1 << 5,
	EF_READS_FROM_FD = 1 << 6,
	EF_WRITES_TO_FD = 1 << 7,
	EF_WAITS = 1 << 8,
	EF_SKIPPARSERESET = 1 << 9,
	EF_LARGE_PAYLOAD = 1 << 10,
	EF_UNUSED = 1 << 11,
};

/* Category: low byte an enumeration, bits above are classes of internal origin. */
enum event_category {
	CAT_UNKNOWN, CAT_OTHER, CAT_FILE, CAT_NET, CAT_IPC, CAT_MEMORY, CAT_PROCESS, CAT_SLEEP,
	CAT_SYSTEM, CAT_SIGNAL, CAT_USER, CAT_TIME, CAT_IO_READ, CAT_IO_WRITE, CAT_IO_OTHER,
	CAT_WAIT = 1 << 8, CAT_SCHEDULER = 1 << 9, CAT_INTERNAL = 1 << 10,
};

enum event_source {
	SRC_NONE, SRC_SYSCALL, SRC_TRACEPOINT, SRC_META, SRC_PLUGIN, SRC_ITER
};

/* Kinds of fds: numbers of the .scap fd list. */
enum fd_kind {
	FD_UNKNOWN = 0, FD_FILE = 1, FD_DIRECTORY = 2, FD_IPV4 = 3, FD_IPV6 = 4,
	FD_IPV4_SERVER = 5, FD_IPV6_SERVER = 6, FD_FIFO = 7, FD_UNIX = 8, FD_EVENTFD = 9,
	FD_UNSUPPORTED = 10, FD_SIGNALFD = 11, FD_EVENTPOLL = 12, FD_INOTIFY = 13,
	FD_TIMERFD = 14, FD_NETLINK = 15, FD_FILE_V2 = 16, FD_BPF = 17, FD_USERFAULTFD = 18,
	FD_IO_URING = 19, FD_MEMFD = 20, FD_PIDFD = 21
};

enum l4_proto { L4_UNKNOWN, L4_NA, L4_TCP, L4_UDP, L4_ICMP, L4_RAW };

enum sock_role { ROLE_NONE, ROLE_CLIENT, ROLE_SERVER };

/* PPM_O_*: open flags as they are on the wire, independent of the architecture. */
enum wire_open_flags {
	WO_RDONLY = 1, WO_WRONLY = 2, WO_RDWR = 3, WO_CREAT = 4, WO_APPEND = 8, WO_DSYNC = 0x10,
	WO_EXCL = 0x20, WO_NONBLOCK = 0x40, WO_SYNC = 0x80, WO_TRUNC = 0x100, WO_DIRECT = 0x200,
	WO_DIRECTORY = 0x400, WO_LARGEFILE = 0x800, WO_CLOEXEC = 0x1000, WO_TMPFILE = 0x2000,
	WO_F_CREATED = 0x4000, WO_UPPER_LAYER = 0x8000, WO_LOWER_LAYER = 0x10000
};

/* Execve flags parameter. */
enum wire_exec_flags {
	WX_WRITABLE = 1, WX_UPPER_LAYER = 2, WX_FROM_MEMFD = 4, WX_LOWER_LAYER = 8
};

#define WIRE_AT_FDCWD (-100)

/* Address families on the wire: Linux numbers. */
enum wire_family { WIRE_AF_UNIX = 1, WIRE_AF_INET = 2, WIRE_AF_INET6 = 10 };

#endif
