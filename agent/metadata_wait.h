/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the engine and the thread that asks the container runtime: a new container is asked for,
 * the engine holds its events back for a bounded time, answers become metadata and a container
 * event. Used by the live thread.
 */
#ifndef TIERCEL_METADATA_WAIT_H
#define TIERCEL_METADATA_WAIT_H

#include "agent/config.h"
#include "agent/cri.h"
#include "agent/engines.h"

struct metadata_wait {
	struct cri *cri;		/* NULL: not asked for */
	struct cri_opts opts;
	uint64_t wait_ns;		/* 0: events are never held back */
	bool recording; /* a trace cannot say why metadata are missing, so alerts don't */
	uint64_t waits, since_ns;	/* the wait that is going on */
	uint64_t given_up;		/* waits that ended without metadata */
	struct engines *engines;
	int (*feed)(void *ctx, struct event *ev);
	void *ctx;
};

/*
 * Before the engine is made: starts the thread and fills *ret_hooks. In a recording no event
 * waits, and alerts do not say why metadata are missing: its replay gives the same ones. 0 or
 * -errno; disabled by the configuration is 0.
 */
int metadata_wait_init(struct metadata_wait *m, const struct config *c, bool recording,
		       struct state_hooks *ret_hooks);
void metadata_wait_done(struct metadata_wait *m);

/* After every poll: take answers, end waits that are too long. `feed` gets container events. */
void metadata_wait_turn(struct metadata_wait *m, struct engines *engines,
			int (*feed)(void *ctx, struct event *ev), void *ctx);
/* Its counters; zero when nothing is asked for. */
void metadata_wait_stats(const struct metadata_wait *m, struct cri_stats *ret,
			 uint64_t *ret_given_up);
/* How long the next poll may take. */
int metadata_wait_poll_ms(const struct metadata_wait *m, const struct engines *engines, int normal);
/* At the end: nothing is waited for any more. */
void metadata_wait_finish(struct metadata_wait *m, struct engines *engines);

#endif
