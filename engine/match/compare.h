/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What operators mean: one value against one constant, one check against the values of its field.
 * Shared by the oracle and the compiled program, so both agree on everything but the order of
 * evaluation. Allocates nothing.
 */
#ifndef TIERCEL_COMPARE_H
#define TIERCEL_COMPARE_H

#include "engine/rule/ast.h"

/*
 * `v OP c` for single values. in, intersects and pmatch: against one element of the list. Not for
 * regex, which needs its compiled pattern.
 */
bool compare_value(enum op_id op, const struct value *v, const struct value *c);

/* The same as a function for two texts: nothing is looked up or judged any more. */
typedef bool (*compare_fn)(const struct value *v, const struct value *c);
compare_fn compare_text(enum op_id op);

/*
 * A whole check: operator, modifier, fields with several values. `left` are the values of the field
 * (operand_eval was true), `right` the constants or the values of the right operand.
 */
bool compare_check(const struct ast *check, const struct value_list *left,
		   const struct value_list *right);

/* Is `prefix` equal to `path` or above it, component-wise, globs in components allowed? */
bool compare_pmatch(struct str path, struct str prefix);

/* The field stands for several values (field_multi, lists excluded). */
enum field_multi compare_multi(const struct operand *op);

/* The field is a distance (MULTI_WITHIN): `=` means "not above". */
bool compare_is_distance(const struct operand *op);

#endif
