/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known about a machine before its first event: processes, fds, interfaces, users. Made by
 * the trace reader (metadata blocks) and by the live source (iterators or /proc), consumed by the
 * state tables, written by the trace writer. All views are valid during the call only.
 */
#ifndef TIERCEL_SNAPSHOT_H
#define TIERCEL_SNAPSHOT_H

#include "engine/base/str.h"
#include "engine/event/event_type.h"

struct machine_record {
	uint32_t num_cpus;
	uint64_t memory_bytes;
	uint64_t max_pid;
	struct str hostname;
	uint64_t boot_ts;	/* ns since the epoch, 0 = unknown */
	uint64_t flags;
};

/* -1 (all bits set) marks an id that is not known. */
struct proc_record {
	int64_t tid, pid, ptid;
	int64_t sid, vpgid, pgid;
	int64_t vtid, vpid;
	struct str comm, exe, exepath, cwd, root;
	struct str args, env, cgroups;	/* NUL-separated; the last NUL may be absent */
	int64_t fdlimit;
	uint32_t flags;			/* clone flags seen + marks, flags/clone_flags_all.def */
	uint32_t uid, gid, loginuid, tty;
	uint32_t vmsize_kb, vmrss_kb, vmswap_kb;
	uint64_t pfmajor, pfminor;
	uint64_t pidns_init_start_ts;
	uint64_t cap_inheritable, cap_permitted, cap_effective;
	uint64_t exe_ino, exe_ino_ctime, exe_ino_mtime;
	uint64_t clone_ts;		/* ns since the epoch, 0 = unknown; not part of .scap */
	bool exe_writable, exe_upper_layer, exe_lower_layer, exe_from_memfd;
};

/* Addresses: IPv4 in the first four bytes, network byte order. Ports in host order. */
struct fd_record {
	int64_t tid;		/* owner: thread group leader, or the thread of the block */
	int64_t fd;
	uint64_t ino;
	uint8_t kind;		/* enum fd_kind */
	uint8_t l4;		/* enum l4_proto */
	uint8_t sip[16], dip[16];	/* server sockets: own address in dip */
	uint16_t sport, dport;		/* server sockets: own port in dport */
	uint64_t unix_source, unix_peer;
	uint32_t open_flags;	/* enum wire_open_flags */
	uint32_t dev;
	struct str name;
};

struct iface_record {
	struct str name;
	bool v6;
	uint8_t addr[16], mask[16], bcast[16];
	uint64_t link_speed;
};

struct user_record {
	bool is_group;
	uint32_t uid;		/* is_group: unused */
	uint32_t gid;
	struct str name, home, shell;
	struct str container_id;	/* empty: host */
};

enum snapshot_kind {
	SNAP_RESET,		/* forget everything: a new section starts */
	SNAP_MACHINE,
	SNAP_PROC,
	SNAP_FD,
	SNAP_IFACE,
	SNAP_USER,
	SNAP_DONE,		/* lists are complete, link parents and groups */
};

struct snapshot_item {
	enum snapshot_kind kind;
	union {
		struct machine_record machine;
		struct proc_record proc;
		struct fd_record fd;
		struct iface_record iface;
		struct user_record user;
	};
};

#endif
