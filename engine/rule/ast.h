/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions as trees. The parser makes them, macro resolution replaces identifiers, the checker
 * adds types and event sets, the compiler and the oracle read them. One arena owns a tree; resolved
 * macros share subtrees, so trees are never changed after checking.
 */
#ifndef TIERCEL_AST_H
#define TIERCEL_AST_H

#include "engine/field/operand.h"

enum op_id {
#define OP(id, spelling, right, classes, modifier, rhs, indexable) OP_##id,
#include "engine/rule/op.def"
#undef OP
	OP_COUNT
};

enum op_right { OP_RIGHT_NONE, OP_RIGHT_NUMBER, OP_RIGHT_STRING, OP_RIGHT_LIST };

struct op_info {
	const char *spelling;
	uint8_t right;		/* enum op_right */
	uint16_t classes;	/* bits 1 << enum value_class, OP_CLASS_LIST for LIST fields */
	bool modifier, rhs_field, indexable;
};
#define OP_CLASS_LIST (1 << 15)

extern const struct op_info op_infos[OP_COUNT];

enum op_modifier { MOD_NONE, MOD_ONEOF, MOD_ANYOF, MOD_ALLOF };
extern const char *const modifier_names[];	/* "", "oneof", "anyof", "allof" */

enum ast_kind { AST_AND, AST_OR, AST_NOT, AST_IDENT, AST_CHECK };

struct ast {
	uint8_t kind;			/* enum ast_kind */
	uint8_t op;			/* AST_CHECK: enum op_id */
	uint8_t modifier;		/* enum op_modifier */
	bool right_is_list;		/* values were written as a list */
	struct ast **kids;		/* AND/OR: n-ary, NOT: one */
	uint32_t nkids;
	struct str ident;		/* AST_IDENT: macro name */
	struct pos pos;			/* within the condition text */
	uint32_t span;

	/* AST_CHECK, syntax: */
	struct expr *left;
	struct expr *right;		/* val(field) or transformer, or NULL */
	struct expr **values;		/* constants, when right == NULL */
	uint32_t nvalues;

	/* AST_CHECK, filled by the checker: */
	struct operand *lhs;
	struct operand *rhs;		/* when right != NULL */
	struct value *consts;		/* parsed values, nconsts of them */
	uint32_t nconsts;
	uint32_t id;			/* dense number of distinct checks, given by the compiler */
};

/* Sets of event types. */
#define EVTSET_WORDS ((EVENT_TYPE_COUNT + 63) / 64)
struct evtset {
	uint64_t w[EVTSET_WORDS];
};

static inline bool evtset_has(const struct evtset *s, unsigned type)
{
	return type < EVENT_TYPE_COUNT && (s->w[type / 64] >> (type % 64) & 1);
}

#endif
