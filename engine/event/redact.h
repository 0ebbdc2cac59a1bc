/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks sensitive values before a trace leaves the machine (record --redact). Values keep their
 * length: every masked byte becomes '*', so nothing has to be laid out again and structure (number
 * of arguments, names of variables, depth of paths) stays readable.
 */
#ifndef TIERCEL_REDACT_H
#define TIERCEL_REDACT_H

#include "engine/event/event.h"
#include "engine/event/snapshot.h"

struct redact;

struct redact *redact_new(void);
void redact_free(struct redact *r);

/*
 * KIND or KIND=GLOB. env: values of variables whose name matches; args: arguments that match;
 * paths: components of paths that match as a whole text. Without GLOB everything of that kind.
 * 0, -EINVAL (unknown kind), -ENOMEM.
 */
int redact_add(struct redact *r, struct str spec);

/*
 * Mask in place of the view: afterwards `ev` points into memory of `r`, valid until the next call.
 * 0 or -ENOMEM.
 */
int redact_event(struct redact *r, struct event *ev);
int redact_snapshot(struct redact *r, struct snapshot_item *item);

/* Values masked so far. */
uint64_t redact_count(const struct redact *r);

#endif
