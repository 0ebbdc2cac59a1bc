/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where alerts go, behind one interface: stdout, file, syslog, program, http, grpc. The live loop
 * gives every message to every output; an output keeps what it cannot deliver at once in a bounded
 * queue of its own and counts what it discards, so that none can hold up capture or another output.
 */
#ifndef TIERCEL_OUTPUT_H
#define TIERCEL_OUTPUT_H

#include "agent/message.h"

/* Counters since the start; read by any thread. taken = delivered + discarded + queued. */
struct output_stats {
	uint64_t taken;		/* messages given to the output */
	uint64_t delivered;
	uint64_t discarded;	/* lost for good: queue full, refused by the peer, spool full */
	uint64_t failures;	/* attempts that failed; the messages may have left later */
	uint64_t queued, queue_size;
	uint64_t last_delivered_ns;	/* CLOCK_MONOTONIC; 0: never */
	bool failing;		/* the last attempt failed, or hangs: health is not ready */
	bool closed;		/* the reader is gone for good: nothing will ever be delivered */
};

struct output;

typedef void output_counter_fn(void *ctx, const char *name, uint64_t value);

struct output_ops {
	const char *name;
	/* Never blocks. Takes a reference of its own to what it keeps. One thread at a time. */
	void (*emit)(struct output *o, struct message *m);
	/* The same for several at once. NULL: one by one. */
	void (*emit_many)(struct output *o, struct message *const *v, uint32_t n);
	void (*stats)(const struct output *o, struct output_stats *ret);
	/* Counters of its own, by name: bounds that were hit. May be NULL. */
	void (*counters)(const struct output *o, output_counter_fn *fn, void *ctx);
	/* SIGUSR1: open files again. May be NULL. */
	void (*reopen)(struct output *o);
	/*
	 * Deliver what is queued within `timeout_ms` and discard the rest; the counters are final
	 * afterwards. Nothing is emitted any more. NULL: close does it.
	 */
	void (*drain)(struct output *o, uint32_t timeout_ms);
	/* Deliver what is queued within `timeout_ms`, then free everything. */
	void (*close)(struct output *o, uint32_t timeout_ms);
};

struct output {
	const struct output_ops *ops;
};

#endif
