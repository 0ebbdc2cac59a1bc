/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events that wait, in order: copies with everything they point to. Used by the facade while the
 * metadata of a container are awaited. Bounded by its user.
 */
#ifndef TIERCEL_HOLD_H
#define TIERCEL_HOLD_H

#include "engine/event/event.h"

struct held {
	struct held *next;
	size_t bytes;
	struct event ev;
	struct event_kernel kernel;	/* ev.kernel, if the event has one */
};

struct hold {
	struct held *first, *last;
	size_t bytes;			/* of all that are queued */
};

/* A copy that the caller owns, or NULL. */
struct held *hold_copy(const struct event *ev);
void hold_free(struct held *h);

void hold_push(struct hold *q, struct held *h);	/* takes it */
struct held *hold_pop(struct hold *q);		/* gives it away; NULL: empty */
void hold_done(struct hold *q);

#endif
