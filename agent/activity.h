/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who makes the events: counted by process and by container for `tiercel top`. Only while somebody
 * looks; when events are many, one of some is counted for all. The live thread counts, another
 * thread reads.
 */
#ifndef TIERCEL_ACTIVITY_H
#define TIERCEL_ACTIVITY_H

#include "engine/tiercel.h"

#include <pthread.h>
#include <stdatomic.h>

enum { ACTIVITY_TEXT = 64 };

struct activity_row {
	uint64_t key;
	int64_t pid;			/* of a process; 0 for containers */
	char name[ACTIVITY_TEXT];	/* of the process or the container, may be "" */
	char container[ACTIVITY_TEXT];	/* id; "host" */
	uint64_t events;
	uint64_t since_ns, seen_ns;	/* CLOCK_MONOTONIC: first and last event */
};

struct activity_table {
	struct activity_row *rows;
	uint32_t n, max;
	uint64_t unfit;			/* events of those who had no place */
};

struct activity {
	pthread_mutex_t lock;		/* of the tables */
	struct activity_table processes, containers;
	struct u64map index[2];		/* key -> row, of the live thread */
	atomic_uint_fast64_t wanted_until_ns;
	/* Of the live thread. */
	bool active;
	uint32_t stride, skip;
	uint64_t events, turn_ns;
};

/* 0 or -ENOMEM. */
int activity_init(struct activity *a);
void activity_done(struct activity *a);

/* Live thread: an event of the thread `tid`, after it was evaluated. */
void activity_count(struct activity *a, const struct state *s, int64_t tid);
static inline void activity_event(struct activity *a, const struct state *s, int64_t tid)
{
	if (unlikely(a->active) && --a->skip == 0)
		activity_count(a, s, tid);
}
/* Live thread, some times a second: start and stop counting, choose how many events to count.
 * `events`: evaluated so far. */
void activity_turn(struct activity *a, uint64_t events, uint64_t now_ns);

/*
 * Any thread: a copy of a table, whose rows the caller frees; counting goes on for some seconds.
 * 0 or -ENOMEM.
 */
int activity_read(struct activity *a, uint64_t now_ns, struct activity_table *ret_processes,
		  struct activity_table *ret_containers);

#endif
