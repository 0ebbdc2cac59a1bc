/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of the /proc snapshot: processes (snapshot_proc.c), fds (snapshot_fd.c), sockets by inode
 * (snapshot_sock.c), users and interfaces (snapshot_host.c). Used by these files and, for what is
 * not about processes, by snapshot_iter.c.
 */
#ifndef TIERCEL_SNAPSHOT_PROC_H
#define TIERCEL_SNAPSHOT_PROC_H

#include <inttypes.h>

#include "agent/source.h"

#define SNAP_TEXT_MAX 4096u	/* as the sensor's own bound for args and environment */

/* One socket as /proc/net/... lists it. */
struct snap_sock {
	struct fd_record fd;	/* kind, l4, addresses; tid, fd and ino are the user's */
	char name[110];		/* of unix sockets */
};

struct snap_socks;

struct snap {
	int proc_fd;		/* open directory of /proc */
	source_snapshot_fn fn;
	void *ctx;
	uint64_t boot_ns;	/* wall clock at boot */
	struct snap_socks *socks;
};

/* Clone marks of the process list, flags/clone_flags_all.def. */
enum snap_marks {
	SNAP_MARK_THREAD = 0x1 | 0x2 | 0x800 | 0x2000 | 0x8000,
	SNAP_MARK_IN_PIDNS = 0x20000000,
};

/* exe and args out of the argument area of a process; views into it. */
void snap_args(struct str cmdline, struct proc_record *r);
/* All processes of /proc but those whose number is in `arg`, a struct u64map or NULL. */
int snap_processes(struct snap *s, void *arg);
/* RESET, the host, what `processes` hands out, DONE. */
int snapshot_with(const char *host_root, int (*processes)(struct snap *s, void *arg), void *arg,
		  source_snapshot_fn fn, void *ctx);

/* Whole small file below /proc into `out` (cleared first); false when the process is gone. */
bool snap_read(const struct snap *s, const char *path, struct buf *out);
/* Target of a link without the final NUL; "" when unreadable. */
struct str snap_link(const struct snap *s, const char *path, char *out, size_t size);
/* The wire form of a device number. */
uint32_t snap_dev(uint64_t st_dev);

/* All fds of a process. 0 or what the callback returned. */
int snap_fds(struct snap *s, int64_t pid);

struct snap_socks *snap_socks_new(void);
void snap_socks_free(struct snap_socks *k);
/* The socket with this inode; the network namespace of `pid` is read on first use. */
const struct snap_sock *snap_socks_find(struct snap *s, int64_t pid, uint64_t ino);

int snap_host(struct snap *s, const char *host_root);

#endif
