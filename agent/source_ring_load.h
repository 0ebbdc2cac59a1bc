/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to source_ring.c: the programs of bpf/ in the kernel. Which of them are loaded and when, and
 * where they stand in the tables that lead to them.
 */
#ifndef TIERCEL_SOURCE_RING_LOAD_H
#define TIERCEL_SOURCE_RING_LOAD_H

#include "agent/source.h"
#include "agent/source_ring_btf.h"
#include "engine/event/ring.h"

#define SOURCE_RING_MAPS_MAX 24

/* Programs that are attached; all others are reached from them by the tables. */
enum source_ring_hook { HOOK_FORK, HOOK_EXEC, HOOK_EXIT, HOOK_SYS_EXIT, HOOK_URING, HOOK_COUNT };

/*
 * What stays of the object once it is loaded. Instructions and type information of libbpf, some
 * megabytes, go; the kernel keeps programs that a table leads to.
 */
struct source_ring_load {
	int maps[SOURCE_RING_MAPS_MAX];	/* all of the object, for programs that are loaded later */
	uint32_t nmaps;			/* 0: nothing is loaded yet */
	int life_rings, data_rings, doorbell, syscall_progs, kind_counters, site_counters;
	struct sensor_config *config;	/* mapped */
	size_t config_bytes;
	int hooks[HOOK_COUNT];		/* -1: not loaded */
	bool programs[EVENT_TYPE_COUNT];	/* loaded, by the event they have their name from */
	struct source_ring_btf btf;	/* for the time of loading, also by others */
};

/*
 * The hooks, and the programs that make `wanted`. 0, or -errno and one line for the user. The caller
 * closes l->btf.
 */
int source_ring_load(struct source_ring_load *l, const struct evtset *wanted, struct buf *error);
/* Programs that new rules need and the old ones did not. */
int source_ring_load_missing(struct source_ring_load *l, const struct evtset *needed);
/* Is there a program for the event, or was it refused? Neither: nobody asked for it. */
bool source_ring_load_has(const struct source_ring_load *l, unsigned event);
bool source_ring_load_refused(unsigned event);
bool source_ring_load_uring_refused(void);
void source_ring_load_done(struct source_ring_load *l);

#endif
