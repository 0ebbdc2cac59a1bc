/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims: "this field has this value", judged on an event as a rule would judge `field = value`.
 * Called by the rule tests for the fields of their events and of expected alerts. A claim lives in
 * the caller's arena and borrows its texts.
 */
#ifndef TIERCEL_CLAIM_H
#define TIERCEL_CLAIM_H

#include "engine/rule/ast.h"

struct claim {
	struct operand *operand;
	struct str value;	/* p == NULL: the field has no value */
	struct ast *check;	/* `field = value`, or NULL when the field cannot be compared */
	bool printed;		/* the text that outputs show may be equal, too */
};

/*
 * `value` as the rule language writes it, p == NULL: the field is missing. 0, -ENOENT (no such
 * field; *ret_msg says it), -EINVAL (the value does not fit the type), -ENOMEM.
 */
int claim_new(struct str field, struct str value, struct arena *a, struct claim **ret,
	      const char **ret_msg);
bool claim_holds(const struct claim *c, struct event_ctx *ctx);
/* What the field is on the event, for messages: 'value' or "no value". */
void claim_actual(const struct claim *c, struct event_ctx *ctx, struct buf *out);

#endif
