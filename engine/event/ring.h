/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause OR Apache-2.0 */
/*
 * The record that the kernel side writes into a ring and the userspace side turns into an event
 * view. Included by both; no other header, fixed-width types come from the includer.
 *
 *   struct ring_head
 *   uint16_t lengths[nparams]
 *   parameter values back to back (data_len bytes), in the encodings of .scap
 *   struct ring_kernel, fd path, socket tuple (only with RING_HAS_KERNEL)
 *
 * Nothing behind the head is aligned. Both sides run on one machine: native byte order.
 */
#ifndef TIERCEL_RING_H
#define TIERCEL_RING_H

enum ring_flags {
	RING_HAS_KERNEL = 1,
	RING_TRUNCATED = 2,	/* a parameter was cut or left out for want of room */
	RING_COMPAT32 = 4,	/* 32-bit system call */
	/* A cgroup path that is empty is the one before: controllers mostly have the same. */
	RING_SHORT_CGROUPS = 8,
};

struct ring_head {
	uint64_t ts;		/* ns since boot, CLOCK_BOOTTIME */
	uint32_t tid, tgid;	/* in the initial pid namespace */
	uint32_t len;		/* of the whole record */
	uint32_t data_len;	/* of the parameter values */
	uint32_t lost;		/* records lost so far on this cpu and lane, wraps */
	uint16_t type;		/* enum event_type */
	uint16_t nparams;
	uint16_t cpu;
	uint16_t flags;		/* enum ring_flags */
	uint32_t reserved;
};

struct ring_kernel {
	uint64_t fd_ino;
	uint32_t have;		/* enum event_kernel_have */
	uint32_t fd_dev;
	uint32_t fd_mode;
	uint16_t path_len;	/* without NUL */
	uint16_t tuple_len;
	uint8_t fd_kind;	/* enum fd_kind */
	uint8_t fd_l4;		/* enum l4_proto */
	uint8_t fd_role;	/* enum sock_role */
	uint8_t reserved;
	uint32_t reserved2;
};

_Static_assert(sizeof(struct ring_head) == 40, "layout of struct ring_head");
_Static_assert(sizeof(struct ring_kernel) == 32, "layout of struct ring_kernel");

#define RING_RECORD_MAX 32768	/* per-cpu values of maps may not be larger */

/* Two rings per cpu: a flood of file events must not push out what the process table lives on. */
enum ring_lane { LANE_LIFE, LANE_DATA, LANE_COUNT };

/* Why a record that was wanted did not reach the ring. LOST(id, name) */
#define RING_LOST_REASONS(LOST)                                                             \
	LOST(RING_FULL, "ring_full") LOST(NO_RING, "no_ring") LOST(NESTED, "nested")        \
	LOST(TAIL_CALL, "tail_call")

enum ring_lost {
#define LOST(id, name) RING_LOST_##id,
	RING_LOST_REASONS(LOST)
#undef LOST
	RING_LOST_COUNT
};

/* Reads that can fail, by what was read. SITE(id, name, helper) */
#define RING_SITES(SITE)                                                                    \
	SITE(USER_PATH, "string argument", "probe_read_user_str")                           \
	SITE(USER_DATA, "buffer argument", "probe_read_user")                               \
	SITE(USER_STRUCT, "structure argument", "probe_read_user")                          \
	SITE(USER_ADDR, "socket address argument", "probe_read_user")                       \
	SITE(USER_ARGV, "argv of a failed exec", "probe_read_user_str")                     \
	SITE(MM_ARGS, "arguments of a process", "probe_read_user")                          \
	SITE(MM_ENV, "environment of a process", "probe_read_user")                         \
	SITE(KERNEL_STR, "kernel string", "probe_read_kernel_str")                          \
	SITE(DENTRY_NAME, "name of a directory entry", "probe_read_kernel")                 \
	SITE(PATH_DEPTH, "path deeper than the walk", "walk")                               \
	SITE(PATH_LENGTH, "path longer than 4096 bytes", "walk")                            \
	SITE(CGROUP_DEPTH, "cgroup deeper than the walk", "walk")                           \
	SITE(COPY, "copy inside the scratch", "probe_read_kernel")                          \
	SITE(LATE_TASK, "thread that ended during the snapshot", "ringbuf_output")          \
	SITE(SNAP_BUSY, "thread or fd of the snapshot while another one was read", "nested")

enum ring_site {
#define SITE(id, name, helper) RING_SITE_##id,
	RING_SITES(SITE)
#undef SITE
	RING_SITE_COUNT
};

/* Counters per event type, kept per cpu. */
struct ring_kind_counters {
	uint64_t produced, delivered, truncated;
	uint64_t lost[RING_LOST_COUNT];
};

/*
 * One program makes the parameters of several events whose rows are the same as far as both go.
 * SAME(event, event that the program has its name from)
 */
#define RING_SAME_PROGRAM(SAME)                                                             \
	SAME(EXECVEAT_X, EXECVE_19_X) SAME(FORK_20_X, CLONE_20_X)                           \
	SAME(VFORK_20_X, CLONE_20_X) SAME(CLONE3_X, CLONE_20_X)

#define RING_PARAMS_MAX 32	/* of a system call's event */
#define RINGS_MAX 64		/* rings per lane; cpus beyond share them */
#define SYSCALL_SLOTS 512	/* above the highest number of any architecture we serve */

#define SOCKETCALL_SLOTS 21
#define SOCKETCALL_NR32 102	/* number of socketcall in 32-bit programs */
#define URING_OPS 64		/* above the highest operation of io_uring that is reported */

/* A number means one thing in native calls and another one in 32-bit calls. */
enum sensor_interest { INTEREST_NATIVE = 1, INTEREST_COMPAT32 = 2 };

/* What the kernel side has to know of an event before it makes one. */
enum sensor_row_flags {
	ROW_LIFE = 1,		/* lane */
	ROW_FAILED_ONLY = 2,	/* success is reported by a hook of the process life cycle */
};

/* Programs that those of system calls end in, slots of next_progs. */
enum sensor_next { NEXT_FD, NEXT_RECORD, NEXT_COUNT };

struct sensor_row {
	uint16_t type;
	uint8_t nparams, flags;
};

/* Switches of the kernel side, written by userspace at any time. */
struct sensor_config {
	uint8_t interest[SYSCALL_SLOTS];	/* by system call number: enum sensor_interest */
	struct sensor_row row_of[SYSCALL_SLOTS];	/* by number: its event */
	uint16_t sc_of[SYSCALL_SLOTS];	/* by number: code on the wire of calls without own event */
	uint16_t native_of[SYSCALL_SLOTS];	/* by 32-bit number: native number + 1, 0 none */
	uint16_t socketcall[SOCKETCALL_SLOTS];	/* by first argument of socketcall: the same */
	uint16_t uring_of[URING_OPS]; /* by operation of io_uring: event type when wanted, else 0 */
	uint32_t rings;			/* rings per lane */
	uint32_t own_tgid;			/* the agent itself: not reported */
	uint32_t snaplen;			/* bytes of I/O data */
	uint32_t want_life;		/* process hooks report */
	uint32_t bell_bytes[LANE_COUNT]; /* a quarter of a ring: how often its fill is looked at */
	uint32_t reader_asleep;		/* set by the reader, cleared by who wakes it */
	/* Renamed cgroups, counted by the kernel side from 1 on; 0: nobody counts. */
	uint32_t cgroup_renames;
};

#ifndef __bpf__
struct event;
struct event_kernel;

/*
 * Present a ring record of `len` bytes as an event; boot_ns is added to its time stamp. The views
 * point into the record. ret_kernel is filled and linked when the record has a kernel section.
 * ev->num is left to the caller. 0, -EBADMSG (inconsistent), -ENOENT (unknown event type).
 */
int ring_decode(const void *rec, uint32_t len, uint64_t boot_ns, struct event *ret_ev,
		struct event_kernel *ret_kernel);

/*
 * The record as it would be without RING_SHORT_CGROUPS, into `out` of RING_RECORD_MAX bytes.
 * 0, -EBADMSG (inconsistent, or longer than that).
 */
int ring_expand(const void *rec, uint32_t len, void *out, uint32_t *ret_len);
#endif

#endif
