/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that several threads do: in the order it was added, what can wait behind the rest, each
 * piece by the thread that is free next. Who waits for a group of pieces takes part meanwhile, so
 * it also works without a thread. Memory of a job is its owner's until the group is done.
 */
#ifndef TIERCEL_JOBS_H
#define TIERCEL_JOBS_H

#include "agent/thread.h"

#define JOBS_THREADS_MAX 8

/* Jobs that are waited for together; all zero is an empty one. */
struct job_group {
	uint32_t left;
	bool can_wait; /* behind all jobs of groups that cannot */
};

struct job {
	void (*run)(struct job *job);
	struct job_group *group;
	struct job *next;
};

struct jobs {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct job_queue {
		struct job *first, **last;
	} queues[2]; /* what can wait is in the second one */
	pthread_t threads[JOBS_THREADS_MAX];
	uint32_t nthreads;
	bool over;
};

/* With up to `threads` threads; those that cannot be started are done without. */
void jobs_init(struct jobs *j, uint32_t threads);
/* From any thread, also from a job. */
void jobs_add(struct jobs *j, struct job *job, struct job_group *group);
void jobs_wait(struct jobs *j, struct job_group *group);
/* All that was added is done first. */
void jobs_done(struct jobs *j);

#endif
