/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to source_ring.c: the programs of bpf/ in the kernel. Which of them are loaded and when,
 * and where they stand in the tables that lead to them.
 */
#ifndef TIERCEL_SOURCE_RING_LOAD_H
#define TIERCEL_SOURCE_RING_LOAD_H

#include "agent/source.h"
#include "agent/source_ring_prog.h"
#include "engine/event/ring.h"

#define SOURCE_RING_MAPS_MAX 24

/* Programs that are attached; all others are reached from them by the tables. */
enum source_ring_hook { HOOK_FORK, HOOK_EXEC, HOOK_EXIT, HOOK_SYS_EXIT, HOOK_URING, HOOK_RENAME,
			HOOK_COUNT };

/* One row per hook. */
struct source_ring_hook_info {
	const char *name, *program;
	bool optional;		/* the sensor works without it */
	const char *why;	/* what it means that it is not attached; NULL: nobody asked */
};

extern const struct source_ring_hook_info source_ring_hooks[HOOK_COUNT];

/* The object, opened once for some of its programs, until they are loaded. */
struct source_ring_part {
	struct bpf_object *object;
	struct source_ring_progs progs;
};

/*
 * What stays of the object once it is loaded. Instructions and type information of libbpf, some
 * megabytes, go; the kernel keeps programs that a table leads to.
 */
struct source_ring_load {
	int maps[SOURCE_RING_MAPS_MAX];	/* all of the object, for programs that are loaded later */
	uint32_t nmaps;			/* 0: nothing is loaded yet */
	int life_rings, data_rings, doorbell, syscall_progs, next_progs, kind_counters,
		site_counters;
	struct sensor_config *config;	/* mapped */
	size_t config_bytes;
	int hooks[HOOK_COUNT];		/* -1: not loaded */
	bool programs[EVENT_TYPE_COUNT];	/* loaded, by the event they have their name from */
	bool refused[EVENT_TYPE_COUNT], uring_refused; /* by this kernel */
	struct source_ring_btf btf;	/* for the time of loading, also by others */
	/* While the source is opened: what all rules need, then what these need. */
	struct source_ring_part base, wanted;
	struct job_group ends, base_rest, wanted_all;
};

/*
 * A start in three steps. The maps are there, and the programs that do not depend on rules are
 * being loaded by `jobs`: 0 or -errno.
 */
int source_ring_load_begin(struct source_ring_load *l, struct jobs *jobs);
/* So are those that make `wanted`. */
int source_ring_load_wanted(struct source_ring_load *l, struct jobs *jobs,
			    const struct evtset *wanted);
/* All are, and where they belong; one that is refused is left out, but not what all need. */
int source_ring_load_finish(struct source_ring_load *l, struct jobs *jobs);
/* What is to be said about an error of these. */
void source_ring_load_error(const struct source_ring_load *l, int err, struct buf *error);

/* Programs that new rules need and the old ones did not. */
int source_ring_load_missing(struct source_ring_load *l, const struct evtset *needed);
/* Is there a program for the event, or was it refused? Neither: nobody asked for it. */
bool source_ring_load_has(const struct source_ring_load *l, unsigned event);
bool source_ring_load_refused(const struct source_ring_load *l, unsigned event);
/* Also after a step that failed; no job may be left. */
void source_ring_load_done(struct source_ring_load *l);

#endif
