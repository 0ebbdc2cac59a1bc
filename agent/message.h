/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One alert on its way out: rendered once by the engine's thread, then shared, unchanged, by all
 * outputs and their threads. Counted references; one allocation owns every text. Made by the live
 * loop for alerts of rules and by alerts of the agent's own (heartbeat, losses, failed reloads).
 */
#ifndef TIERCEL_MESSAGE_H
#define TIERCEL_MESSAGE_H

#include "engine/tiercel.h"

#include <stdatomic.h>

struct message_field {
	struct str key;
	struct str value;		/* as text; "<NA>" when missing */
};

/* A message has json; text and fields only where an output or the configuration wants them. */

struct message {
	atomic_uint refs;
	bool internal;			/* of the agent itself: source "internal" */
	enum rule_priority priority;
	uint64_t ts;			/* of the event, ns since 1970 */
	uint64_t made_ns;		/* CLOCK_MONOTONIC, for latencies */
	struct str rule, source, hostname;
	struct str output;		/* text of the alert, without time and priority in front */
	struct str json;		/* the JSON envelope, one line without newline */
	struct str text;		/* the text form, one line without newline */
	const struct str *tags;
	uint32_t ntags;
	const struct message_field *fields;	/* output_fields, sorted by key */
	uint32_t nfields;
	uint32_t bytes;			/* of the allocation, for the bounds of queues */
};

/*
 * A copy of `t` with one reference, `fields` among it. `t`'s own fields are not looked at. 0,
 * -ENOMEM.
 */
int message_new(const struct message *t, const struct alert_field *fields, uint32_t nfields,
		struct message **ret);
/* The alert of a rule. */
int message_from_alert(const struct tiercel_alert *alert, struct str hostname,
		       struct message **ret);

static inline struct message *message_get(struct message *m)
{
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

/* Frees the message with its last reference. Any thread. */
void message_put(struct message *m);

#endif
