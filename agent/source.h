/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where live events come from, behind one interface. The caller opens a source, takes its snapshot,
 * then polls; events that arrive in between wait in the source. One thread uses a source at a time.
 */
#ifndef TIERCEL_SOURCE_H
#define TIERCEL_SOURCE_H

#include "engine/tiercel.h"

/* The views of the event are valid during the call. Non-zero stops the poll and is returned. */
typedef int (*source_event_fn)(void *ctx, struct event *ev);
typedef int (*source_snapshot_fn)(void *ctx, const struct snapshot_item *item);

/* Sums over all cpus. `lost` is what should have been in the ring and is not. */
struct source_stats {
	uint64_t produced, delivered, lost, truncated;
	uint64_t lost_life;	/* of these, in the lane of the process life cycle */
	uint64_t read;		/* records taken from the rings */
	uint64_t corrupt;	/* of these, refused by the decoder */
	uint64_t failures;	/* reads in the kernel that failed: a parameter is empty or cut */
	uint64_t ring_bytes;	/* memory of all rings */
	uint64_t bells;		/* times that a half full ring woke the reader */
	uint32_t rings;
	uint32_t syscalls;	/* system calls that are reported now */
};

/* One line of the detailed counters; a NULL kind or name means "all". */
struct source_counter {
	const char *lane;	/* "life", "data" */
	const char *kind;	/* event name */
	const char *reason;	/* of a loss, or what could not be read */
	uint64_t count;
};

#define SOURCE_HOOK_URING "io_uring_complete"

/* What the kernel side could load and attach: a hook, or the program of an event. */
struct source_part {
	const char *name;	/* hook, or event name */
	bool is_hook;
	bool active;
	bool refused;		/* by this kernel; else nobody asked for it */
	const char *why;	/* not active: one of these, in words */
};

typedef void (*source_part_fn)(void *ctx, const struct source_part *part);
typedef void (*source_counter_fn)(void *ctx, const struct source_counter *c);

struct source;

struct source_ops {
	const char *name;
	/* Once, before the first poll. */
	int (*snapshot)(struct source *s, source_snapshot_fn fn, void *ctx);
	/* Deliver what has arrived, waiting up to timeout_ms for the first. Events or -errno. */
	int (*poll)(struct source *s, int timeout_ms, source_event_fn fn, void *ctx);
	/*
	 * The same in three steps, for several readers of the same events, see source_ring_opts.
	 * begin: wait for the first, 1 if there are some; then every reader walks along all of
	 * them, at most `max`, each in its thread, and what `fn` returns does not count; finish:
	 * all have come back.
	 */
	int (*begin)(struct source *s, int timeout_ms, uint32_t max);
	int (*walk)(struct source *s, uint32_t reader, source_event_fn fn, void *ctx);
	void (*finish)(struct source *s);
	/* Event types that are wanted from now on; what the state needs is added by the source. */
	int (*set_events)(struct source *s, const struct evtset *events);
	void (*stats)(struct source *s, struct source_stats *ret);
	void (*counters)(struct source *s, source_counter_fn fn, void *ctx);
	void (*parts)(struct source *s, source_part_fn fn, void *ctx);
	/* From now on nothing happens any more; poll delivers what has arrived. */
	void (*stop)(struct source *s);
	void (*close)(struct source *s);
};

struct source {
	const struct source_ops *ops;
};

enum source_snapshot_way {
	SOURCE_SNAPSHOT_AUTO,	/* iterators, and /proc where they do not work */
	SOURCE_SNAPSHOT_ITER,
	SOURCE_SNAPSHOT_PROC,
};

struct source_ring_opts {
	uint32_t data_ring_bytes, life_ring_bytes;	/* per cpu; 0: default */
	uint32_t snaplen;
	bool report_self;		/* the agent's own system calls, too */
	const char *host_root;		/* prefix of /proc, /etc/passwd; NULL: "" */
	/* What set_events will ask for first: only that is loaded, the rest when it is asked for.
	 * NULL: everything. Not kept. */
	const struct evtset *events;
	uint32_t readers;		/* of walk(), numbered from 0; 0 or 1: one */
	enum source_snapshot_way snapshot;
	struct source *begun; /* by source_ring_begin(); NULL: begin now. Taken over. */
};

/*
 * A start has parts that do not depend on rules: they are done in other threads from here on. Then
 * comes source_ring_open() with the same host_root and snapshot, or close.
 */
int source_ring_begin(const struct source_ring_opts *opts, struct source **ret);

/*
 * The live sensor. Everything is attached when this returns 0. On failure `ret_error` has one line
 * for the user (what is missing and what to do).
 */
int source_ring_open(const struct source_ring_opts *opts, struct buf *ret_error,
		     struct source **ret);

/* The start state as /proc, passwd and the interface list tell it; for any live source. */
int snapshot_proc(const char *host_root, source_snapshot_fn fn, void *ctx);

#endif
