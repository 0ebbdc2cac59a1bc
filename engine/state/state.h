/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state tables: processes, fds, users, interfaces, containers. Fed with snapshot items and with
 * events, read by field extractors. Single-threaded; one instance per engine. No /proc, no clock:
 * what the state needs to know is given to it.
 *
 * Life of an event: state_event() applies delayed removals of the previous event, finds thread and
 * fd, applies the state change and fills struct event_ctx. Rules and fields look at the ctx
 * afterwards. Pointers in the ctx are valid until the next state_event().
 */
#ifndef TIERCEL_STATE_H
#define TIERCEL_STATE_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/intern.h"
#include "engine/base/limits.h"
#include "engine/base/map.h"
#include "engine/event/event.h"
#include "engine/event/event_info.h"
#include "engine/event/snapshot.h"
#include "engine/state/sock.h"

/* One open file description as seen through one fd number. Names are not interned. */
struct fdinfo {
	int64_t fd;
	struct istr *name;	/* never NULL, "" when none */
	uint8_t kind;		/* enum fd_kind; FD_FILE_V2 is stored as FD_FILE */
	uint8_t l4;		/* enum l4_proto */
	uint8_t role;		/* enum sock_role */
	bool connected;		/* accept, connect, TCP of the start snapshot, I/O on TCP */
	bool cloexec;
	bool upper_layer, lower_layer;
	bool from_snapshot;
	uint32_t open_flags;	/* enum wire_open_flags */
	uint32_t dev;
	uint64_t ino;
	struct istr *nameraw;	/* as given by the caller, or NULL */
	struct istr *realpath;	/* kernel-resolved path, or NULL */
	uint32_t order;		/* numbers of a table rise in the order in which they were added */
	bool snapshot_swap;	/* private: ends not yet arranged, see snapshot.c */
	/* From here on a second cache line: files do without. */
	struct sock_tuple tuple; /* FD_IPV4*, FD_IPV6*; server sockets: own end in dip/dport */
	uint64_t unix_source, unix_peer;
	int64_t pidfd_pid;
};

struct fdtable;

/* A thread group ("process"). Freed with its last thread. */
struct group {
	int64_t pid;
	struct fdtable *fds;		/* never NULL */
	struct thread *leader;		/* entry with tid == pid, or NULL */
	struct thread *threads;		/* list through thread.group_next */
	struct istr *cwd;		/* ends in "/" */
	struct istr *env;		/* NUL-separated */
	uint32_t alive;			/* threads not marked dead */
	uint32_t fd_mark;		/* fdinfo.order up to which fds were inherited */
	uint8_t fd_passes;		/* how often those were copied, by fork after fork */
	bool reaper;
};

enum thread_flags {
	THREAD_FAKE = 1,	/* stand-in for an unknown tid: "<NA>", no group, no parent */
	THREAD_DEAD = 2,	/* exited, kept while its group lives or until the next event */
	THREAD_FROM_CHILD_EVENT = 4,	/* created by the child's clone exit (CLONE_INVERTED) */
	THREAD_FROM_SNAPSHOT = 8,
};

struct container;

struct thread {
	/* What every event looks at: one cache line. */
	int64_t tid;
	struct group *group;		/* NULL for fake entries */
	struct fdtable *own_fds;	/* private: of fake entries, which have no group */
	struct container *container;	/* NULL: host */
	/*
	 * Changes whenever any attribute of this entry changes (ids, strings, parent, container):
	 * what the matcher caches about a thread is valid while the version stands still.
	 */
	uint64_t version;		/* memory and page fault counters do not count */
	void *match; /* the matcher's per-thread cache, freed through state_hooks */
	uint64_t last_event_ts;
	uint32_t state_flags;		/* enum thread_flags */
	uint16_t enter_type;		/* private: stored enter event, 0 = none */

	int64_t pid, ptid;
	int64_t vtid, vpid;		/* -1 unknown */
	int64_t sid, vpgid, pgid;	/* -1 unknown */
	uint32_t uid, gid, loginuid, tty;
	uint32_t clone_flags;		/* flags/clone_flags_all.def */
	struct thread *group_next;
	struct thread *parent;		/* entry ptid, NULL if not in the table */
	struct thread *children, *sibling_next, *sibling_prev;
	struct istr *comm, *exe, *exepath;	/* never NULL */
	struct istr *args;		/* NUL-separated without the last NUL; "" = none */
	uint32_t nargs;			/* "" elements count; 0 = no arguments */
	struct istr *cgroups;		/* NUL-separated subsys=path */
	struct istr *root;
	uint64_t cap_inheritable, cap_permitted, cap_effective;
	uint64_t exe_ino, exe_ino_ctime, exe_ino_mtime;
	uint64_t exe_ino_ctime_duration_clone_ts, exe_ino_ctime_duration_pidns_start;
	bool exe_writable, exe_upper_layer, exe_lower_layer, exe_from_memfd;
	uint64_t clone_ts, pidns_init_start_ts, lastexec_ts;
	int64_t fdlimit;
	uint32_t vmsize_kb, vmrss_kb, vmswap_kb;
	uint64_t pfmajor, pfminor;
	/* Derived texts, interned on first use, dropped when their parts change. */
	struct istr *cmdline_cache, *exeline_cache;
	/* Private to engine/state: the rest of the stored enter event. */
	uint32_t enter_flags;
	int64_t enter_dirfd;
	struct istr *enter_text;	/* its path, or the bytes of its address */
};

/* Metadata of a container; id is known first, the rest arrives later or never. */
struct container {
	struct istr *id;		/* 12 characters */
	struct istr *full_id;
	struct istr *type;		/* "docker", "containerd", "cri-o", "podman", "lxc", ... */
	bool have_metadata;
	bool awaited; /* metadata were asked for and may come soon (state_hooks) */
	const char *missing;		/* why there are none; a literal, NULL: no reason known */
	struct istr *name, *image, *image_id, *image_repo, *image_tag, *image_digest;
	struct istr *ip, *cni_json;
	bool privileged, host_pid, host_network, host_ipc;
	struct container_mount *mounts;
	uint32_t nmounts;
	struct container_label *labels;
	uint32_t nlabels;
	struct istr *pod_sandbox_id, *pod_full_sandbox_id, *pod_ip, *pod_cni_json;
	struct container_label *pod_labels;
	uint32_t npod_labels;
	struct istr *user;		/* configured user of the container */
	uint32_t threads;		/* entries that point here */
	bool removed;			/* its init is gone: freed with the last thread */
	uint64_t version;
	struct container *idle_next, *idle_prev;	/* private, while no thread is in it */
};

struct container_mount {
	struct istr *source, *dest, *mode, *propagation;
	bool rdwr;
};

struct container_label {
	struct istr *key, *value;
};

struct user_entry {
	uint32_t uid, gid;
	struct istr *name, *home, *shell;
};

struct group_entry {
	uint32_t gid;
	struct istr *name;
};

struct state_stats {
	uint64_t threads, threads_added, threads_removed, threads_refused;
	uint64_t threads_evicted;	/* of those removed: to make room */
	uint64_t threads_fake;	/* stand-ins that are in the table now */
	uint64_t fds, fds_added, fds_removed, fds_refused, fds_evicted;
	uint64_t thread_misses, fd_misses, fd_failed_lookups;
	uint64_t containers, users, container_documents_bad;
	uint64_t bytes;
};

/* What the world outside may answer when the state does not know (live only; NULL in replay). */
struct state_hooks {
	/* A thread that is not in the table: fill *ret (views valid until return). 0 or -ENOENT. */
	int (*lookup_thread)(void *ctx, int64_t tid, struct proc_record *ret);
	/* A thread is about to be freed: drop thread->match. */
	void (*thread_free)(void *ctx, struct thread *t);
	/* First event of a container: ask for metadata. */
	void (*container_new)(void *ctx, struct container *c);
	void *ctx;
};

struct state_opts {
	struct state_hooks hooks;
	bool falco_fd_connected;	/* compat switch: see "datagram half" in the contract */
	bool track_comm;		/* follow prctl(PR_SET_NAME) */
};

struct state;

/* Host names that were resolved for rules (fd.sip.name ...), live only. */
struct host_names {
	/* Up to `max` names of an address into `names`; returns how many. */
	uint32_t (*lookup)(void *ctx, const uint8_t *addr, bool v6, struct str *names,
			   uint32_t max);
	void *ctx;
};

/* Everything the evaluation of one event needs. Filled by state_event(). */
struct event_ctx {
	struct state *state;
	struct event *ev;
	struct arena *scratch;		/* reset per event by the owner of the ctx */
	const struct host_names *resolve;	/* set by the owner of the ctx; NULL: no names */
	struct thread *thread;		/* NULL: table full, or an event without one */
	struct fdinfo *fd;		/* fd used or created by the event, or NULL */
	struct container *container;	/* of the event: the thread's, or the one it describes */
	struct str toctou_name;		/* name argument at entry, NONE unless a capture has it */
	int64_t fd_num;			/* its number; -1: creation failed */
	bool has_fd;			/* event type creates, uses or destroys an fd */
	bool fd_name_changed;
	bool realpath_is_name;		/* the kernel's path at this event is the name of `fd` */
	bool visible; /* reaches rules: not an enter, state-only or internal event */
	struct str source;		/* "syscall"; a constant text, or NONE */
	uint64_t first_ts, prev_ts;	/* of the run; of the previous visible event */
	struct str hostname;
	int32_t tz_offset_s;		/* of local time, seconds east of UTC */
	void *field_cache;		/* per-event memory of engine/field */
};

struct state *state_new(const struct state_opts *opts, struct limits *limits);
void state_free(struct state *s);
/* 0 or -ENOMEM, -EOVERFLOW (bound hit, counted). */
int state_snapshot(struct state *s, const struct snapshot_item *item);
/* Process one event; ctx->scratch must be set by the caller. Never fails: what could not be kept is
 * counted. */
void state_event(struct state *s, struct event *ev, struct event_ctx *ctx);

/*
 * The tables as snapshot items, in the order a trace writer wants, ending with SNAP_DONE. Stops at
 * and returns the first non-zero result of `fn`. Container metadata are not part of it.
 */
int state_dump(const struct state *s, int (*fn)(void *ctx, const struct snapshot_item *item),
	       void *ctx);

const struct state_stats *state_stats(const struct state *s);
struct intern *state_intern(struct state *s);
/*
 * Rises with every change of a thread that others look up to: one with children, or one of several
 * in its group; and of the groups themselves. While it stands still, all that a thread's fields
 * show of its group and ancestors is as it was when thread.version was what it is.
 */
uint64_t state_shared_version(const struct state *s);

struct thread *state_thread(const struct state *s, int64_t tid);	/* NULL if unknown */
/* Iterate over all threads; *pos starts at 0. */
struct thread *state_next_thread(const struct state *s, uint32_t *pos);
/* Leader of the thread's group, the thread itself if the leader is unknown. */
struct thread *thread_main(struct thread *t);
/* n levels up through group leaders; 0 = own leader. NULL when the chain is shorter. */
struct thread *thread_ancestor(struct thread *t, unsigned n);
/* Walk: parent entry by ptid (not main threads), NULL at the end. The caller detects loops. */
struct thread *thread_parent(const struct thread *t);
struct str thread_cwd(const struct thread *t);		/* "./" when unknown */
struct str thread_env(const struct thread *t);
struct str thread_cmdline(struct state *s, struct thread *t);
struct str thread_exeline(struct state *s, struct thread *t);
struct str thread_arg(const struct thread *t, uint32_t i);	/* NONE if out of range */
bool thread_in_pidns(const struct thread *t);
uint32_t thread_group_size(const struct thread *t);
uint32_t thread_child_count(const struct thread *t);	/* threads that are not the leader */

/*
 * Append the full path of an argument: relative to cwd (dirfd AT_FDCWD) or to a directory fd,
 * "<UNKNOWN>" + path when the fd is not known, normalised.
 */
void thread_full_path(const struct thread *t, int64_t dirfd, struct str path, struct buf *out);

struct fdinfo *thread_fd(const struct thread *t, int64_t fd);
uint32_t thread_fd_count(const struct thread *t);
struct fdinfo *thread_next_fd(const struct thread *t, uint32_t *pos);

const struct user_entry *state_user(const struct state *s, const struct container *c, uint32_t uid);
const struct group_entry *state_group(const struct state *s, const struct container *c,
				      uint32_t gid);
/* Is the address one of the machine's (or of the thread's container)? v6 compares 64 bits. */
bool state_addr_is_local(const struct state *s, const struct thread *t, const uint8_t *addr,
			 bool v6);
/* Late metadata: fills the container, bumps versions of its threads. */
int state_container_metadata(struct state *s, const struct container *filled);
/* The same from the document of container events. 0, -EBADMSG or as above. */
int state_container_document(struct state *s, struct str json);
/* None will come for now. */
void state_container_missing(struct state *s, struct str id, const char *reason);

#endif
