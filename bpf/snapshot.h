/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause OR Apache-2.0 */
/*
 * Records of the start snapshot, from bpf/snapshot.bpf.c to agent/snapshot_iter.c:
 *
 *   struct ring_head (type: enum snap_record, nparams: number of texts)
 *   uint16_t lengths[nparams]
 *   struct snap_task or struct snap_fd
 *   texts back to back; for an fd struct ring_kernel with path and tuple instead
 *
 * Fixed-width types and struct ring_head come from engine/event/ring.h, which the includer has.
 */
#ifndef TIERCEL_BPF_SNAPSHOT_H
#define TIERCEL_BPF_SNAPSHOT_H

enum snap_record { SNAP_RECORD_TASK = 1, SNAP_RECORD_FD };

enum snap_text {
	SNAP_TEXT_COMM,
	SNAP_TEXT_EXEPATH,
	SNAP_TEXT_CWD,
	SNAP_TEXT_ROOT,
	SNAP_TEXT_CGROUPS,
	SNAP_TEXT_CMDLINE,	/* exe and args */
	SNAP_TEXT_ENV,
	SNAP_TEXT_COUNT
};

enum snap_task_marks {
	SNAP_HAS_MEMORY = 1,	/* cmdline and environment were read */
	SNAP_IN_PIDNS = 2,
};

struct snap_task {
	uint64_t cap_inheritable, cap_permitted, cap_effective;
	uint64_t exe_ino, exe_ctime, exe_mtime;
	uint64_t start, pidns_start;	/* ns since boot */
	uint64_t pfmajor, pfminor, fdlimit;
	uint32_t tid, tgid, ptid;
	uint32_t sid, vpgid, pgid, vtid, vpid;
	uint32_t uid, gid, loginuid, tty;
	uint32_t vmsize_kb, vmrss_kb, vmswap_kb;
	uint32_t exe_flags;		/* enum wire_exe_flags */
	uint32_t marks;			/* enum snap_task_marks */
	uint32_t reserved;
};

struct snap_fd {
	uint32_t fd;
	uint32_t open_flags;		/* enum wire_open_flags */
};

_Static_assert(sizeof(struct snap_task) == 160, "layout of struct snap_task");
_Static_assert(sizeof(struct snap_fd) == 8, "layout of struct snap_fd");

#endif
