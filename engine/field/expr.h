/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Field expressions as written: fields, transformers, constants. Syntax only: nothing is looked up.
 * Used by the condition parser for both sides of a comparison and by output templates. Trees live
 * in the caller's arena.
 */
#ifndef TIERCEL_EXPR_H
#define TIERCEL_EXPR_H

#include "engine/base/arena.h"
#include "engine/base/buf.h"
#include "engine/base/diag.h"

enum expr_kind {
	EXPR_FIELD,		/* text = "proc.aname[2]" as canonical text, name + arg apart */
	EXPR_TRANSFORM,		/* text = transformer name, args; arg = [c] of getopt */
	EXPR_CONST,		/* text = value without quotes */
	EXPR_LIST,		/* args = elements */
};

struct expr {
	uint8_t kind;		/* enum expr_kind */
	bool quoted;		/* EXPR_CONST: was written in quotes */
	bool is_number;		/* EXPR_CONST: matched NUMBER or HEX */
	bool has_arg;
	struct str text;
	struct str arg;		/* field or getopt argument without brackets */
	struct expr **args;
	uint32_t nargs;
	struct pos pos;		/* start, relative to the parsed text */
	uint32_t span;
};

/* A cursor over the text being parsed. Errors are sticky: the first one is kept. */
struct scan {
	struct str text;
	struct arena *arena;
	uint32_t at;
	struct pos pos;		/* of `at` */
	const char *error;	/* NULL while all is well */
	struct pos error_pos;
	uint32_t depth, max_depth;
};

void scan_init(struct scan *s, struct str text, struct arena *a);

/*
 * `left` of the grammar: a field or a transformer. NULL and no error: there is none here (cursor
 * unchanged). NULL with s->error: it started as one and is wrong.
 */
struct expr *expr_parse_left(struct scan *s);
/* `right`: val(field) gives the field with *ret_val = true, or a transformer. NULL as above. */
struct expr *expr_parse_right(struct scan *s);

/* Canonical text (values quoted only when needed). */
void expr_print(struct buf *out, const struct expr *e);
/* The quoting rule of canonical texts alone. */
void expr_print_value(struct buf *out, struct str v);

#endif
