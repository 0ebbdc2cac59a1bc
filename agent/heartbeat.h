/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pushed health: a record when the sensor starts, one at every interval, one when it stops as it
 * should. They are numbered, so that whoever collects them notices a missing one; silence means
 * that the sensor, its node or the way of the alerts is gone. Used by the live thread.
 */
#ifndef TIERCEL_HEARTBEAT_H
#define TIERCEL_HEARTBEAT_H

#include "agent/agent_stats.h"
#include "agent/identity.h"
#include "agent/internal_alert.h"

struct heartbeat {
	bool enabled;
	const struct config *config;
	const struct identity *identity;
	char boot_id[40];
	const char *node;
	uint64_t number;
	uint64_t next_ns;	/* CLOCK_MONOTONIC */
	unsigned seed;		/* of the jitter */
};

/* `c` and `id` outlive it. */
void heartbeat_init(struct heartbeat *h, const struct config *c, const struct identity *id);
/* coverage: which hooks report and what this kernel cannot show, or "". */
void heartbeat_start(struct heartbeat *h, const struct agent_stats *now, const char *coverage,
		     struct internal_alerts *to);
bool heartbeat_due(const struct heartbeat *h);
void heartbeat_send(struct heartbeat *h, const struct agent_stats *now, struct internal_alerts *to);
void heartbeat_stop(struct heartbeat *h, const struct agent_stats *now, const char *why,
		    struct internal_alerts *to);

/* Who this is, for other records of the sensor. */
void heartbeat_identity(const struct heartbeat *h, struct internal_builder *b);

#endif
