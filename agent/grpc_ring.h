/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts for subscribers: one bounded ring, each subscriber with a cursor of its own. The engine's
 * thread pushes messages and never waits; the server's thread takes them over, encodes each once
 * and lets the cursors read. A full ring forgets its oldest alerts; a cursor that had not read them
 * is told how many it lost.
 *
 * grpc_ring_push() is for the engine's thread, grpc_ring_stats() for any, the rest for the
 * server's.
 */
#ifndef TIERCEL_GRPC_RING_H
#define TIERCEL_GRPC_RING_H

#include "agent/grpc_limits.h"
#include "agent/grpc_wire.h"
#include "agent/output.h"

/* An alert as it goes over the wire. References are counted, by the server's thread only. */
struct grpc_frame {
	uint32_t refs;
	uint32_t len;
	uint64_t number;	/* of the alert since the start */
	char bytes[];
};

struct grpc_cursor {
	uint64_t next;		/* number of the alert to be read next */
	uint64_t lost;		/* alerts that were forgotten before they were read */
};

struct grpc_ring;

/* NULL: out of memory. `limits` outlives the ring. */
struct grpc_ring *grpc_ring_new(struct grpc_limits *limits);
void grpc_ring_free(struct grpc_ring *r);

/* Takes a reference. True: the server's thread has to be woken. */
bool grpc_ring_push(struct grpc_ring *r, struct message *m);
/* Take over what was pushed. True: there is something new. */
bool grpc_ring_pull(struct grpc_ring *r);

/* Number that the next alert will get. */
uint64_t grpc_ring_end(const struct grpc_ring *r);
/* First alert that no subscriber has got: where a new one starts. */
uint64_t grpc_ring_unread(const struct grpc_ring *r);
/* First alert that no `get` has got; it moves with `grpc_ring_set_got`. */
uint64_t grpc_ring_got(const struct grpc_ring *r);
void grpc_ring_set_got(struct grpc_ring *r, uint64_t number);

/*
 * The frame at the cursor, with a reference for the caller, and the cursor moves on; NULL: there is
 * none below `end`. Alerts that are gone are added to c->lost.
 */
struct grpc_frame *grpc_ring_read(struct grpc_ring *r, struct grpc_cursor *c, uint64_t end);

/* A frame of its own, for one reader. NULL: out of memory. */
struct grpc_frame *grpc_frame_new(const struct message *m, uint64_t number);
void grpc_frame_put(struct grpc_frame *f);

/* The end: what nobody has got is discarded. */
void grpc_ring_discard(struct grpc_ring *r);
/* Fills taken, delivered, discarded, queued and their kin. */
void grpc_ring_stats(const struct grpc_ring *r, struct output_stats *ret);

#endif
