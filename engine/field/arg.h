/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event parameters as text: a raw text and, for many types, a resolved one (names of flags, errors,
 * files behind fds, users...). Used by evt.arg*, evt.args, evt.res.
 */
#ifndef TIERCEL_ARG_H
#define TIERCEL_ARG_H

#include "engine/field/field.h"

#define NUMBER_TEXTS 64		/* a power of two */
#define NUMBER_TEXT_MAX 96

/* Text of a parameter that is names of flags or the like, by its number. */
struct number_text {
	const struct param_info *info;	/* NULL: free */
	uint64_t number;
	uint64_t event;		/* that had it last: it may still look at the text */
	uint32_t len;
	char text[NUMBER_TEXT_MAX];
};

/* Memory reused by all getters of one engine: see field_cache_new(). */
struct field_cache {
	struct buf text;	/* the text that is being built */
	struct buf part;	/* a resolved form within it */
	struct buf base;	/* a directory */
	struct number_text numbers[NUMBER_TEXTS];
};

/* One parameter of the event under way. */
struct arg {
	struct event_ctx *ctx;
	const struct param_info *info;
	unsigned index;
	struct str p;		/* its bytes */
	uint8_t type, fmt;	/* of the variant when the parameter is dynamic */
};

/* False: the event has no such parameter. */
bool arg_init(struct arg *a, struct event_ctx *ctx, unsigned index);
/* "name=raw(resolved) ..." of the whole event. */
void arg_print_all(struct event_ctx *ctx, struct buf *out);

/* Is the text of the named parameter that of a number (flags ...) in all events that have it? */
bool arg_is_by_number(const struct field_ref *f);
/* Text of parameter i (resolved or raw) as a value; texts that exist are not copied. */
bool arg_value(struct event_ctx *ctx, unsigned index, struct value *ret);
/* The typed value of evt.rawarg (class VC_NONE: bytes in s); false when the parameter is empty. */
bool arg_raw_value(struct event_ctx *ctx, unsigned index, struct value *ret);

/*
 * Base directory of a relative path given with `dirfd` (state contract, section 4.2): ends in "/"
 * or is "<UNKNOWN>" (with `sep`: "<UNKNOWN>/").
 */
void arg_dirfd_base(struct event_ctx *ctx, int64_t dirfd, struct str path, struct buf *out);

/* A buffer for building a text, and the finished text as a value in scratch. */
struct buf *arg_scratch(struct event_ctx *ctx, struct buf *local);
bool arg_scratch_done(struct event_ctx *ctx, struct buf *b, struct buf *local, struct value *ret);

#endif
