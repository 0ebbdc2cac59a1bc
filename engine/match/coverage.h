/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coverage of conditions: per rule and check how often it was reached, true and false, per
 * exception how often it swallowed an event. Checks are reached in the order of writing, as a
 * reader goes through the condition. Used by `tiercel test --coverage`; not part of matching.
 */
#ifndef TIERCEL_COVERAGE_H
#define TIERCEL_COVERAGE_H

#include "engine/match/explain.h"

struct coverage_check {
	const struct ast *check;
	const struct ruleset_macro *macro;	/* innermost macro around it, or NULL */
	uint64_t yes, no;
};

struct coverage_rule {
	const struct rule *rule;
	struct coverage_check *checks;		/* in order of writing, exceptions not among them */
	uint32_t nchecks;
	uint64_t evaluated, matched;
	uint64_t near_misses;			/* one check kept the event from matching */
	uint64_t *exceptions;			/* events swallowed, by index */
};

struct coverage {
	struct arena arena;
	const struct ruleset *rs;
	struct coverage_rule *rules;		/* active rules in definition order */
	uint32_t nrules;
};

/* Borrows the rule set. NULL: out of memory. */
struct coverage *coverage_new(const struct ruleset *rs);
void coverage_free(struct coverage *c);
/* Count one event that rules see. */
void coverage_event(struct coverage *c, struct event_ctx *ctx);

#endif
