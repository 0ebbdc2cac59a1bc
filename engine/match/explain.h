/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a rule matches an event or does not: the condition tree with the truth of every node and the
 * value of every operand, evaluated like the oracle does. Called by `tiercel explain` and by rule
 * tests that fail; texts go to the caller's buffer, nothing is kept.
 */
#ifndef TIERCEL_EXPLAIN_H
#define TIERCEL_EXPLAIN_H

#include "engine/base/json.h"
#include "engine/rule/ruleset.h"

struct explain_verdict {
	bool matches;
	/* Least number of checks whose result would have to be another one; 0 when it matches. */
	uint32_t distance;
	uint32_t missing;	/* of these, checks that would have to be true */
	uint64_t reason;	/* equal for events that the same checks keep from matching */
	/* The first exception without which the rule would match, or NULL. */
	const struct rule_exception *swallowed_by;
};

/* Can the rule match events of this type at all? Compiled and active rules only. */
bool explain_applies(const struct rule *rule, const struct event_ctx *ctx);
void explain_judge(const struct rule *rule, struct event_ctx *ctx, struct explain_verdict *ret);

/* The whole tree, one node per line, indented by `indent` blanks and more. */
void explain_tree(const struct ruleset *rs, const struct rule *rule, struct event_ctx *ctx,
		  unsigned indent, struct buf *out);
/* The checks that stand in the way of a match, one per line. */
void explain_blockers(const struct rule *rule, struct event_ctx *ctx, unsigned indent,
		      struct buf *out);
/* {"truth","and"|"or"|"not"|"check" ...}: one value. */
void explain_json(const struct ruleset *rs, const struct rule *rule, struct event_ctx *ctx,
		  struct json *j);

/* The values of an operand for people: 'a', 'b' or "no value". */
void explain_operand(const struct operand *op, struct event_ctx *ctx, struct buf *out);
/* A check as text, long lists cut. */
void explain_check_text(const struct ast *check, struct buf *out);
/* Macro that the node came from, or NULL. */
const struct ruleset_macro *explain_macro(const struct ruleset *rs, const struct ast *node);

/*
 * A rule without its exceptions: part i of its condition, all of which have to hold (the limits of
 * its layer, then what the rule says). NULL behind the last one.
 */
const struct ast *explain_own_part(const struct rule *rule, uint32_t i);

#endif
