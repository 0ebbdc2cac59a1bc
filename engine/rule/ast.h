/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions as trees. The parser makes them, macro resolution replaces identifiers, the checker
 * adds types and constants, the compiler and the oracle read them. One arena owns a tree; resolved
 * macros share subtrees, so trees are never changed after checking.
 *
 * What an evaluator has to know (AST_CHECK after filter_check()):
 *
 * - lhs is the left operand. Its values come from operand_eval(); no value = the check is false,
 *   whatever the operator (also !=). NOT inverts afterwards.
 * - right == NULL: compare with consts[0..nconsts). Each is of the type of lhs (lists: of its
 *   elements). Operators without modifier that take one value have exactly one const.
 *   EXISTS has none. Constants of BCONTAINS/BSTARTSWITH are the decoded bytes (value.s).
 *   IN, INTERSECTS, PMATCH and modifiers may have zero: false.
 * - right != NULL: consts is empty, rhs is evaluated like lhs; no value = false. Types are equal
 *   and both sides are lists or both single.
 * - OP_REGEX: regexes[i] belongs to consts[i]. Always the whole value must match.
 * - modifier != MOD_NONE: r_i = "lhs op consts[i]"; anyof = some, allof = all, oneof = exactly one.
 *   No constants: false. Duplicates count separately.
 * - lhs->is_list (LIST fields, getopt): only EXISTS, IN (every element is among the constants, and
 *   there is one), INTERSECTS.
 * - field_is_multi(&lhs->field) with info->multi: apply the whole check per value. MULTI_ANY: true
 *   at the first value that satisfies it, != included. MULTI_ENDS: the same, except that != (and
 *   != with modifiers, per constant) must hold for both ends.
 * - EQ2 means EQ.
 */
#ifndef TIERCEL_AST_H
#define TIERCEL_AST_H

#include "engine/base/regex.h"
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
	const char *id;		/* "STARTSWITH" */
	uint8_t right;		/* enum op_right */
	uint16_t classes;	/* bits 1 << enum value_class, OP_CLASS_LIST for LIST fields */
	bool modifier, rhs_field, indexable;
};
#define OP_CLASS_LIST (1 << 15)

extern const struct op_info op_infos[OP_COUNT];

enum op_modifier { MOD_NONE, MOD_ONEOF, MOD_ANYOF, MOD_ALLOF, MOD_COUNT };
extern const char *const modifier_names[MOD_COUNT];	/* "", "oneof", "anyof", "allof" */

/*
 * "contains" or "contains oneof", as exceptions name their operators (any number of blanks between
 * the words). 0 or -EINVAL.
 */
int op_parse(struct str text, enum op_id *ret_op, enum op_modifier *ret_modifier);

enum ast_kind { AST_AND, AST_OR, AST_NOT, AST_IDENT, AST_CHECK };

struct ast {
	uint8_t kind;			/* enum ast_kind */
	uint8_t op;			/* AST_CHECK: enum op_id */
	uint8_t modifier;		/* enum op_modifier */
	bool right_is_list;		/* values were written as a list */
	bool checked;			/* filter_check() has been here */
	uint16_t height; /* levels below and including this node; LIMIT_CONDITION_DEPTH */
	uint32_t weight; /* bytes of the condition with macros expanded, saturating */
	uint32_t nkids, nvalues, nconsts;	/* of the arrays below */
	uint32_t span;
	struct pos pos;			/* within the condition text */
	struct str ident;		/* AST_IDENT: macro name */
	struct ast **kids;		/* AND/OR: n-ary, NOT: one */
	const char *text;		/* that text, the same for all of its nodes */

	/* AST_CHECK, syntax: */
	struct expr *left;
	struct expr *right;		/* val(field) or transformer, or NULL */
	struct expr **values;		/* constants, when right == NULL */

	/* AST_CHECK, filled by the checker: */
	struct operand *lhs;
	struct operand *rhs;		/* when right != NULL */
	struct value *consts;		/* parsed values, nconsts of them */
	struct regex **regexes;		/* OP_REGEX: nconsts of them, freed with the arena */
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

/* The first type of the set from `type` on; EVENT_TYPE_COUNT: none. */
static inline unsigned evtset_next(const struct evtset *s, unsigned type)
{
	for (unsigned i = type / 64; i < EVTSET_WORDS; i++, type = i * 64) {
		uint64_t left = s->w[i] >> (type % 64);

		if (left)
			return type + (unsigned)__builtin_ctzll(left);
	}
	return EVENT_TYPE_COUNT;
}

static inline void evtset_add(struct evtset *s, unsigned type)
{
	s->w[type / 64] |= UINT64_C(1) << type % 64;
}

#endif
