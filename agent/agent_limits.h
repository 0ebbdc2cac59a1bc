/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every bound of the sensor and how often it was hit, whichever module has the table: one list for
 * metrics, heartbeats, `tiercel status` and the summary.
 */
#ifndef TIERCEL_AGENT_LIMITS_H
#define TIERCEL_AGENT_LIMITS_H

#include "agent/agent_stats.h"

/*
 * fn for every counter, zeros included, in the order of the tables. Bounds that share a counter are
 * added up. Any thread.
 */
void agent_limits_each(const struct agent_stats *s,
		       void (*fn)(void *ctx, const char *counter, uint64_t hits), void *ctx);

#endif
