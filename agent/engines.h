/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engines of a live session: one in the live thread, or with sensor.threads as many more, each
 * in a thread of its own. All of them get the same events and keep the whole state, so that
 * ancestors, forks and inherited fds are what they are with one; each matches the events of its
 * share of the process groups. Events come in batches: the threads walk along the same records in
 * the rings, and between two batches only the live thread runs. There rules are exchanged, metadata
 * arrive, counters are read, and alerts leave in the order of their events. Called by the live
 * thread; what another one may call says so.
 */
#ifndef TIERCEL_ENGINES_H
#define TIERCEL_ENGINES_H

#include "agent/message.h"
#include "agent/source.h"

#define ENGINES_MAX 64

/* In the order of their events; keeps no references. Never two at a time. */
typedef void (*engines_alert_fn)(void *ctx, struct message *const *v, uint32_t n);

struct engines_opts {
	const struct tiercel_opts *engine;	/* without what it does with alerts */
	struct limits *limits;			/* of the first engine; maxima of all */
	uint32_t n;
	struct str hostname;
	engines_alert_fn on_alerts; /* of a batch, or when there are many: engines_poll() */
	void *ctx;
};

struct engines;
struct engines_plan;

/* NULL: out of memory. */
struct engines *engines_new(const struct engines_opts *opts);
void engines_free(struct engines *e);
/* The one in the live thread: its state is everybody's. */
struct tiercel *engines_first(const struct engines *e);

/* Compile for all of them, in any thread. Takes over `rs` when it gives 0. Else -errno. */
int engines_compile(const struct engines *e, struct ruleset *rs, struct engines_plan **ret);
const struct evtset *engines_plan_events(const struct engines_plan *p);
/*
 * From the next event on. Returns the plan that was in force (NULL: none), which any thread may
 * free.
 */
struct engines_plan *engines_activate(struct engines *e, struct engines_plan *p);
void engines_plan_free(struct engines_plan *p);

/* First the snapshot, then the threads, then events. 0 or -errno. */
int engines_snapshot(struct engines *e, const struct snapshot_item *item);
int engines_start(struct engines *e, struct source *source);
void engines_stop(struct engines *e);

/*
 * As source_ops.poll. `fn` is called in the live thread for every event and gives it to
 * engines_first(); the others get it by themselves. What it returns ends the poll only where there
 * is
 * one engine: batches of several are short. Alerts that are more than a thread can keep
 * (ENGINES_ALERT_BYTES) leave at once, from it and before those of others.
 */
int engines_poll(struct engines *e, int timeout_ms, source_event_fn fn, void *ctx);
/* An event from elsewhere, to all; `fn` as above. */
void engines_event(struct engines *e, struct event *ev, source_event_fn fn, void *ctx);
/* As in tiercel.h, for all. */
int engines_metadata(struct engines *e, struct str json);
void engines_no_metadata(struct engines *e, struct str id, const char *reason);

/* Sums over all; of what all of them count alike, those of the first. */
struct tiercel_stats engines_stats(const struct engines *e);
uint64_t engines_rule_hits(const struct engines *e, uint32_t rule);
struct exception_count engines_exception_count(const struct engines *e, uint32_t index);
/* hits[LIMIT_COUNT]. */
void engines_limit_hits(const struct engines *e, uint64_t *ret_hits);
/* At the end: the first engine counts for all. */
void engines_add_counts(struct engines *e);

#endif
