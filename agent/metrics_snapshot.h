/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The incumbent's metrics snapshots (metrics.enabled): an alert of source "internal" and, with
 * metrics.output_file, a line in a file, with the incumbent's names of fields where the meaning is
 * the same. Used by the live thread.
 */
#ifndef TIERCEL_METRICS_SNAPSHOT_H
#define TIERCEL_METRICS_SNAPSHOT_H

#include "agent/agent_stats.h"
#include "agent/internal_alert.h"

struct metrics_snapshot {
	const struct config *config;
	struct output *file;		/* NULL: no file */
	uint64_t next_ns, last_ns;
	uint64_t samples;
	uint64_t events, produced, lost;	/* of the last one */
	double cpu_seconds;
};

/* 0 or -errno: the file cannot be opened. */
int metrics_snapshot_init(struct metrics_snapshot *m, const struct config *c);
bool metrics_snapshot_due(const struct metrics_snapshot *m);
void metrics_snapshot_send(struct metrics_snapshot *m, const struct agent_stats *now,
			   struct internal_alerts *to);
void metrics_snapshot_done(struct metrics_snapshot *m);

#endif
