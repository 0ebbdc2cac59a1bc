/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics in the text format of Prometheus, from one snapshot of the counters. Rows: metrics.def.
 */
#ifndef TIERCEL_METRICS_H
#define TIERCEL_METRICS_H

#include "agent/agent_stats.h"
#include "agent/health.h"

struct metric_info {
	const char *name, *kind, *unit, *key, *help;	/* key: in heartbeats, "": not there */
};

extern const struct metric_info metric_infos[];
extern const uint32_t metric_infos_count;

/* What heartbeats have, by key. */
struct metrics_beat {
	void (*number)(void *ctx, const char *key, uint64_t value);
	void (*real)(void *ctx, const char *key, double value);
	void *ctx;
};
void metrics_beat(const struct agent_stats *s, const struct metrics_beat *to);

/* `hostname` as in alerts. */
void metrics_render(const struct agent_stats *s, const char *hostname, struct buf *out);

#endif
