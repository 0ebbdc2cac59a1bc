/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of a live session: live.c sets it up and runs the loop, live_health.c says how it is,
 * live_swap.c exchanges the rules. All in the live thread.
 */
#ifndef TIERCEL_LIVE_PRIV_H
#define TIERCEL_LIVE_PRIV_H

#include "agent/agent_stats.h"
#include "agent/bundle_follow.h"
#include "agent/clock.h"
#include "agent/control.h"
#include "agent/engines.h"
#include "agent/heartbeat.h"
#include "agent/live.h"
#include "agent/losses.h"
#include "agent/metadata_wait.h"
#include "agent/metrics_snapshot.h"
#include "agent/reload.h"
#include "agent/webserver.h"

struct live {
	const struct live_opts *opts;
	struct limits limits;
	struct arena arena;		/* filter of the recording */
	struct alert_opts alert;
	struct engines *engines;
	struct tiercel *engine;		/* the first of them */
	struct source *source;
	struct source *begun; /* until the rules are there */
	struct metadata_wait metadata;
	struct recorder *recorder;
	bool full;			/* the recording reached a bound */
	int record_err;

	struct outputs outputs;
	struct internal_alerts internal;
	struct losses losses;
	struct heartbeat heartbeat;
	struct metrics_snapshot metrics;

	struct live_rules *rules;	/* in force; NULL: none */
	struct reload *reload;		/* NULL: without rules */
	struct bundle_follow *follow;	/* NULL: no bundle that changes by itself */

	struct webserver *webserver;	/* NULL: not configured */
	struct control *control;	/* NULL: not configured, or another sensor has the socket */
	struct activity activity;
	struct agent_stats stats;	/* what is published; rules and hits are ours */
	uint64_t last_event_ts;
	uint64_t next_publish_ns, next_check_ns;
	uint64_t rules_ns, attached_ns, snapshot_ns; /* when they were ready */
	uint32_t unwatched;		/* events since somebody looked at the clock */
	bool draining;			/* the end: only events count */
};

/* live_health.c */
void live_health_start(struct live *l);		/* the source runs */
/* After every poll. true: stop, the configuration wants it. */
bool live_health_polled(struct live *l);
/* The counters as they are now. */
void live_health_publish(struct live *l);
/* Before and after the outputs are drained. */
void live_health_stop(struct live *l, const char *why);
void live_health_summary(struct live *l);
void live_health_done(struct live *l);

/* live_swap.c */
/* Rules of the start. EXIT_OK or an exit code. */
int live_swap_start(struct live *l);
/* The start is over: from now on changes are followed. */
void live_swap_follow(struct live *l);
/* Between two polls: take new rules if there are any. */
void live_swap_check(struct live *l);
void live_swap_done(struct live *l);
/* The table of rules in the published counters. */
void live_health_rules(struct live *l);

#endif
