/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output templates: "%proc.name did %tolower(evt.type)". Compiled once per rule, rendered per
 * alert. Templates live in the caller's arena.
 */
#ifndef TIERCEL_FORMAT_H
#define TIERCEL_FORMAT_H

#include "engine/field/operand.h"

struct format_piece {
	struct str literal;		/* or: */
	struct operand *operand;
	uint32_t width;			/* 0 = none */
};

struct format {
	struct format_piece *pieces;
	uint32_t npieces;
	/* Distinct plain fields in order of first use, also those inside transformers. */
	const struct field_ref **fields;
	uint32_t nfields;
};

/* In the arena of the scope. 0, -ENOMEM or -EINVAL, with message and position in the text. */
int format_compile(struct str text, const struct field_scope *scope, struct format *ret,
		   const char **ret_msg, struct pos *ret_pos);
/* Only whether it compiles: the same result, message and position. */
int format_check(struct str text, const struct field_scope *scope, const char **ret_msg,
		 struct pos *ret_pos);
/* Text; missing values print as <NA>; bytes are not repaired here. */
void format_render(const struct format *f, struct event_ctx *ctx, struct buf *out);

#endif
