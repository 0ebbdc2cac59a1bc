/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a run (live or replayed) to .scap files: record, replay -w. Sits beside the engine: the
 * owner of the feed loop gives it every snapshot item and event, after the engine has seen them.
 */
#ifndef TIERCEL_RECORDER_H
#define TIERCEL_RECORDER_H

#include "engine/redact.h"
#include "engine/tiercel.h"

struct recorder_opts {
	const char *path;		/* ".gz" at the end: compressed */
	uint64_t max_events;		/* written; 0 = no bound */
	uint64_t max_ns;		/* event time since the first event; 0 = no bound */
	uint64_t file_bytes;		/* start a new file at this size; 0 = one file */
	uint32_t max_files;		/* with file_bytes: keep this many; 0 = all */
	const struct ast *filter;	/* NULL: every event */
	struct redact *redact;		/* NULL: nothing is masked; borrowed */
};

struct recorder;

/* 0 or -errno (the first file could not be made). `engine` gives the state for later files. */
int recorder_new(const struct recorder_opts *opts, struct tiercel *engine, struct recorder **ret);
/* 0, or the first error of writing (-errno): the capture is incomplete then. */
int recorder_free(struct recorder *r);

int recorder_snapshot(struct recorder *r, const struct snapshot_item *item);
/* From the engine's on_event: remembers whether the filter accepts the event. */
void recorder_visible(struct recorder *r, struct event_ctx *ctx);
/* After tiercel_event(). Events that the filter refuses are kept as state-only when they matter for
 * the state. 1: a bound was reached, stop; 0; -errno. */
int recorder_event(struct recorder *r, struct event *ev);

/* Everything so far is in the file. 0 or -errno. */
int recorder_flush(struct recorder *r);

uint64_t recorder_events(const struct recorder *r);
uint64_t recorder_skipped(const struct recorder *r);	/* too large for the format */
uint64_t recorder_bytes(const struct recorder *r);
uint32_t recorder_files(const struct recorder *r);

#endif
