/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An output with a bounded queue and a thread of its own: what stdout, file, syslog and program
 * have in common, and HTTP. The queue implements struct output; the sink behind it may block as
 * long as it likes.
 */
#ifndef TIERCEL_OUTPUT_QUEUE_H
#define TIERCEL_OUTPUT_QUEUE_H

#include "agent/config.h"
#include "agent/output.h"

enum { OUTPUT_BATCH_MAX = 64 };		/* messages given to a sink at a time */

struct output_queue;

/* All functions run in the thread of the queue, but free. */
struct output_sink {
	const char *name;
	/*
	 * Deliver a batch in order. 0: all of it is done. Otherwise -errno, *ret_done messages are
	 * done and the rest is given again after a pause; -EPIPE: never again, everything is
	 * discarded from now on; -EBADMSG: the first message that is not done cannot be delivered,
	 * discard it.
	 * Blocking calls end with EINTR when the sink has to come back: output_queue_aborted().
	 */
	int (*write)(struct output_queue *q, void *ctx, struct message *const *batch, uint32_t n,
		     uint32_t *ret_done);
	/* Words for what write() returned last. May be NULL: those of errno. */
	const char *(*why)(void *ctx, int r);
	/* The least pause before write() is called again after a failure. May be NULL. */
	uint32_t (*wait_ms)(void *ctx);
	/* Open files again. May be NULL. */
	void (*reopen)(void *ctx);
	/*
	 * After the last write; may wait for what was written, not longer than until `deadline_ns`.
	 */
	void (*finish)(struct output_queue *q, void *ctx, uint64_t deadline_ns);
	void (*free)(void *ctx);
};

/* Takes over ctx, also on failure. 0 or -errno. */
int output_queue_new(const struct config *c, const struct output_sink *sink, void *ctx,
		     struct output **ret);
/* The time to stop is over: return, whatever is left. */
bool output_queue_aborted(const struct output_queue *q);

#endif
