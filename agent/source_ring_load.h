/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to source_ring.c: the programs of bpf/ in the kernel. Which of them are loaded and when, and
 * where they stand in the tables that lead to them.
 */
#ifndef TIERCEL_SOURCE_RING_LOAD_H
#define TIERCEL_SOURCE_RING_LOAD_H

#include <bpf/libbpf.h>

#include "agent/source.h"
#include "engine/event/ring.h"

#include "bpf/sensor.skel.h"

#define SOURCE_RING_LATER_MAX 8		/* the last one loads all that is left */

struct source_ring_load {
	struct sensor *skel;		/* maps, hooks, and the programs that were wanted first */
	struct sensor *later[SOURCE_RING_LATER_MAX];	/* those wanted later, on the same maps */
	uint32_t nlater;
	struct bpf_program *programs[EVENT_TYPE_COUNT];	/* by the event they have their name from */
	struct bpf_program *uring;	/* NULL: not loaded */
};

/* The hooks, and the programs that make `wanted`. 0, or -errno and one line for the user. */
int source_ring_load(struct source_ring_load *l, const struct evtset *wanted, struct buf *error);
/* Programs that new rules need and the old ones did not. */
int source_ring_load_missing(struct source_ring_load *l, const struct evtset *needed);
/* Is there a program for the event, or was it refused? Neither: nobody asked for it. */
bool source_ring_load_has(const struct source_ring_load *l, unsigned event);
bool source_ring_load_refused(unsigned event);
bool source_ring_load_uring_refused(void);
void source_ring_load_done(struct source_ring_load *l);

#endif
