/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between arg.c and arg_print.c: the table of wire types.
 */
#ifndef TIERCEL_ARG_TYPE_H
#define TIERCEL_ARG_TYPE_H

#include "engine/field/arg.h"

struct arg_type {
	/* Functions are called with at least the fixed size of the type and one byte. */
	void (*raw)(const struct arg *a, struct buf *out);
	bool (*resolved)(const struct arg *a, struct buf *out);
	/* The final text, when it exists somewhere already. */
	bool (*view)(const struct arg *a, struct str *ret);
	const char *null_text;		/* of a parameter without value; NULL: "<NA>" */
	bool by_number;			/* its number alone decides the text */
};

extern const struct arg_type arg_types[PT_COUNT];

int64_t arg_signed(const struct arg *a);
uint64_t arg_unsigned(const struct arg *a);
/* Text up to the first NUL; NONE for the marker of old drivers. */
struct str arg_cstr(const struct arg *a);

/* "ENOENT" of -2; false when the error has no name. */
bool arg_print_errno(struct buf *out, int64_t res);

/* arg_path.c: rows of the table */
bool arg_resolve_fd(const struct arg *a, struct buf *out);
bool arg_view_path(const struct arg *a, struct str *ret);
bool arg_resolve_path(const struct arg *a, struct buf *out);
bool arg_resolve_rel_path(const struct arg *a, struct buf *out);
const struct fdinfo *arg_find_fd(const struct event_ctx *ctx, int64_t fd);

#endif
