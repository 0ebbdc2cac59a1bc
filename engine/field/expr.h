/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field expressions as written: fields, transformers, constants. Syntax only: nothing is looked up.
 * Used by the condition parser for both sides of a comparison and by output templates. Trees live
 * in the caller's arena and borrow the parsed text.
 */
#ifndef TIERCEL_EXPR_H
#define TIERCEL_EXPR_H

#include "engine/base/buf.h"
#include "engine/field/scan.h"

enum expr_kind {
	EXPR_FIELD,		/* text = name without argument: "proc.aname" */
	EXPR_TRANSFORM,		/* text = transformer name or "val", args; arg = [c] of getopt */
	EXPR_CONST,		/* text = value without quotes */
	EXPR_LIST,		/* args = elements */
};

struct expr {
	uint8_t kind;		/* enum expr_kind */
	bool quoted;		/* EXPR_CONST: was written in quotes */
	bool is_number;		/* EXPR_CONST: matched NUMBER or HEX */
	bool has_arg;
	uint32_t nargs;
	struct str text;
	struct str arg;		/* field or getopt argument without brackets */
	struct expr **args;
	struct pos pos;		/* start, relative to the parsed text */
	uint32_t span;
};

/*
 * `left` of the grammar: a field or a transformer. NULL and no error: there is none here (cursor
 * unchanged). NULL with s->error: it started as one and is wrong.
 */
struct expr *expr_parse_left(struct scan *s);
/* `right`: val(field), kept as a transformer named "val", or a transformer. NULL as above. */
struct expr *expr_parse_right(struct scan *s);
/* Constants: QUOTED or BARE, NUMBER or HEX. NULL as above. */
struct expr *expr_parse_value(struct scan *s);
struct expr *expr_parse_number(struct scan *s);

static inline bool expr_is_val(const struct expr *e)
{
	return e->kind == EXPR_TRANSFORM && str_is(e->text, "val");
}

/* Canonical text (values quoted only when needed). */
void expr_print(struct buf *out, const struct expr *e);
/* The quoting rule of canonical texts alone. */
void expr_print_value(struct buf *out, struct str v);

/* Append to an arena array of expressions; false = out of memory, reported in `s`. */
bool expr_append(struct scan *s, struct expr ***items, uint32_t *n, uint32_t *cap, struct expr *e);

#endif
