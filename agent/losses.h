/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever was lost is said: events that did not reach the engine, alerts that an output discarded,
 * state that did not fit; and that no event came at all. As lines on stderr and as alerts, at most
 * one of a kind in the configured time, always with the totals. Used by the live thread.
 */
#ifndef TIERCEL_LOSSES_H
#define TIERCEL_LOSSES_H

#include "agent/agent_stats.h"
#include "agent/internal_alert.h"

enum loss_kind { LOSS_EVENTS, LOSS_ALERTS, LOSS_STATE, LOSS_KINDS };

struct losses {
	bool log, alert, exit;
	uint64_t interval_ns;
	struct {
		uint64_t reported;	/* total that was told */
		uint64_t next_ns;	/* not before */
		uint64_t since_ns;
	} kinds[LOSS_KINDS];
	uint64_t idle_polls_max, idle_polls;	/* polls in a row without an event */
	uint64_t idle_events;
};

void losses_init(struct losses *l, const struct config *c);
/* "lost.LANE.EVENT.REASON" for every counted reason. */
void losses_fields(struct internal_builder *b, const struct agent_stats *now);
/* About once a second. true: stop the sensor, the configuration wants it (action exit). */
bool losses_check(struct losses *l, const struct agent_stats *now, struct internal_alerts *to);
/* At the end: what was not told yet, whatever the time. */
void losses_last(struct losses *l, const struct agent_stats *now, struct internal_alerts *to);
/* After every poll, with the number of events so far. */
void losses_polled(struct losses *l, uint64_t events, const struct agent_stats *now,
		   struct internal_alerts *to);

#endif
