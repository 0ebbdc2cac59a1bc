/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Typed, looked-up operands: fields and transformer calls that can be evaluated on an event. Built
 * from expressions by the rule checker and by output templates; evaluated by matcher and outputs.
 */
#ifndef TIERCEL_OPERAND_H
#define TIERCEL_OPERAND_H

#include "engine/field/expr.h"
#include "engine/field/field.h"

enum operand_kind { OPERAND_FIELD, OPERAND_CONST, OPERAND_TRANSFORM, OPERAND_LIST };

struct transformer;

struct operand {
	uint8_t kind;			/* enum operand_kind */
	uint8_t type;			/* enum param_type of its values */
	bool is_list;			/* zero or more values */
	struct field_ref field;		/* OPERAND_FIELD */
	struct value constant;		/* OPERAND_CONST */
	const struct transformer *fn;	/* OPERAND_TRANSFORM */
	struct operand **args;		/* OPERAND_TRANSFORM, OPERAND_LIST */
	uint32_t nargs;
	bool has_index;
	struct str index;		/* getopt(...)[c] */
	struct str text; /* canonical text; p == NULL inside of transformers, but for fields */
};

enum { ARGS_ANY = 255 };

struct transformer {
	const char *name;
	uint8_t min_args, max_args;	/* ARGS_ANY: no bound */
	bool index;			/* may be followed by [c] */
	const char *arity;		/* what it wants, when the number of arguments is wrong */
	const char *help;
	/* Check argument types and set op->type/is_list; NULL = fine, else the message. */
	const char *(*check)(struct operand *op, struct arena *a);
	/* Values of the call; false = no value. Results live in ctx->scratch. */
	bool (*eval)(const struct operand *op, struct event_ctx *ctx, struct value_list *ret);
};

/* Where operands live and what they may name. */
struct field_scope {
	struct arena *arena;
	const struct static_fields *statics;	/* may be NULL */
	struct strmap *known;	/* fields of this arena met so far, to be shared; may be NULL */
};

extern const struct transformer transformers[];
extern const uint32_t transformer_count;
const struct transformer *transformer_find(struct str name);

/*
 * Look up fields and transformers of `e` (val(field) becomes the field), check types. 0, -ENOENT
 * (unknown field: message contains "nonexistent field"), -EINVAL, -ENOMEM. *ret_msg and *ret_pos
 * say what and where.
 */
int operand_resolve(const struct expr *e, const struct field_scope *scope, struct operand **ret,
		    const char **ret_msg, struct pos *ret_pos);
/* "CHARBUF": the name of a type in messages. */
const char *operand_type_name(enum param_type t);

/*
 * Call `fn` for each field of the operand, those inside transformers included, in order of writing,
 * until it returns false.
 */
bool operand_fields(struct operand *op, bool (*fn)(void *ctx, struct operand *field), void *ctx);

/*
 * Values of the operand; false = no value. Single values come as a list of one; only lists
 * and fields that stand for several values may give none.
 */
bool operand_eval(const struct operand *op, struct event_ctx *ctx, struct value_list *ret);
/* As %operand prints it; false = no value. */
bool operand_print(const struct operand *op, struct event_ctx *ctx, struct buf *out);

#endif
