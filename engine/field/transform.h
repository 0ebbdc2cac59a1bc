/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transformers: functions of the filter language over field values. A transformer is one row of the
 * table in transform.c. Rows are constant data; results live in the scratch arena of the event.
 */
#ifndef TIERCEL_TRANSFORM_H
#define TIERCEL_TRANSFORM_H

#include "engine/field/operand.h"

/* The checkers and evaluators of the rows that have a file of their own. */
const char *getopt_check(struct operand *op, struct arena *a);
bool getopt_eval(const struct operand *op, struct event_ctx *ctx, struct value_list *ret);

/* A list of one string in the scratch arena; false = no memory. */
bool transform_one(struct event_ctx *ctx, struct value_list *ret, struct value v);

#endif
