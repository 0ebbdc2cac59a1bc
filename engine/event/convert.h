/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversion of old event forms to the newest one (.scap section 5). Used by the trace reader
 * only. Rules are rows of convert.def. Enter events are kept per thread until their exit comes.
 */
#ifndef TIERCEL_CONVERT_H
#define TIERCEL_CONVERT_H

#include "engine/base/limits.h"
#include "engine/event/event.h"
#include "engine/event/event_info.h"

enum convert_result {
	CONVERT_PASS,
	CONVERT_DROP,
	CONVERT_CONTINUE,	/* of convert_step only: another step is needed */
};

struct converter;

struct converter *converter_new(struct limits *limits);
void converter_free(struct converter *c);
void converter_reset(struct converter *c);	/* new section: forget stored enter events */
/*
 * Bring `ev` to its newest form in place; its views then point into the converter's buffers, valid
 * until the next call. Returns enum convert_result, or -EBADMSG.
 */
int convert_event(struct converter *c, struct event *ev);
/* Most events by far: the newest form of an exit, with all parameters. The rest asks the rules. */
static inline bool convert_is_newest(const struct event *ev)
{
	return ev->nparams >= ev->info->nparams && ev->info->is_exit &&
	       !(ev->info->flags & (EF_OLD_VERSION | EF_UNUSED));
}
/* One step of it. */
int convert_step(struct converter *c, struct event *ev);
/* The stored enter event of a thread, for tests. -ENOENT when there is none. */
int converter_stored(const struct converter *c, int64_t tid, struct event *ret_ev);
uint64_t converter_missing(const struct converter *c); /* steps without a rule: padded or dropped */

#endif
