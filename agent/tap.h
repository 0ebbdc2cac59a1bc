/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts for those who look on (`tiercel tail`): every reader has a filter and a bounded queue;
 * what does not fit is lost for this reader only, counted, and told in its place. The live thread
 * emits and never waits; another thread adds and removes readers and takes their alerts.
 */
#ifndef TIERCEL_TAP_H
#define TIERCEL_TAP_H

#include "agent/message.h"

struct tap;
struct tap_reader;

struct tap_filter {
	char *rule;			/* glob over the name of the rule; NULL: any */
	enum rule_priority priority;	/* at least that urgent */
};

/* `wake_fd`: an eventfd that is written to when a reader's empty queue gets an alert; borrowed.
 * NULL: out of memory. */
struct tap *tap_new(int wake_fd);
void tap_free(struct tap *t);
/* Live thread. */
void tap_emit(struct tap *t, struct message *m);

/* Takes over filter->rule, also on failure. NULL: out of memory. */
struct tap_reader *tap_add(struct tap *t, const struct tap_filter *filter);
void tap_remove(struct tap *t, struct tap_reader *r);

struct tap_item {
	struct message *message;	/* NULL: none is left; else one reference, the caller's */
	uint64_t lost, lost_total;	/* lost before this message */
};
struct tap_item tap_take(struct tap *t, struct tap_reader *r);

#endif
