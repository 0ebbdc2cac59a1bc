/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matcher: compiles the active rules of a rule set into one shared program and evaluates it on
 * events. oracle.h has the plain tree evaluator that must always agree. A program borrows the rule
 * set and must be freed before it.
 */
#ifndef TIERCEL_MATCH_H
#define TIERCEL_MATCH_H

#include "engine/rule/ruleset.h"

struct matcher;

struct match_opts {
	bool all;		/* rule_matching: all */
	bool oracle;		/* evaluate by plain trees (tests, explain) */
	bool guest;		/* thread.match belongs to another matcher: keep nothing there */
};

/* NULL: out of memory. */
struct matcher *matcher_new(const struct ruleset *rs, const struct match_opts *opts,
			    struct limits *limits);
void matcher_free(struct matcher *m);

/*
 * Matching rules of the event, in evaluation order, into rules[0..max): at most one unless
 * opts.all. Returns their number (never more than max).
 */
uint32_t matcher_eval(struct matcher *m, struct event_ctx *ctx, const struct rule **rules,
		      uint32_t max);

/*
 * The event's container has no metadata yet. Could any rule match when they have come, or any rule
 * match or not, depending on them? Between two evaluations.
 */
bool matcher_can_match(struct matcher *m, struct event_ctx *ctx);
bool matcher_is_open(struct matcher *m, struct event_ctx *ctx);

/* The thread is about to be freed (state_hooks.thread_free): give back what is kept about it. */
void matcher_thread_free(struct matcher *m, struct thread *t);

/* Event types that some active rule can match: what a source has to deliver for rules. */
const struct evtset *matcher_events(const struct matcher *m);

/* What evaluations took, all together. */
struct match_cost {
	uint64_t runs, ns;
};

/*
 * For a sample of events, after matcher_eval(): evaluate the event's rules once more, each as if it
 * were alone, and note what they and their checks cost by the given clock.
 */
void matcher_profile(struct matcher *m, struct event_ctx *ctx, uint64_t (*clock_ns)(void));
struct match_cost matcher_rule_cost(const struct matcher *m, uint32_t rule_index);
/* Cost of check `i`, its text appended to `name`; false: there is none. */
bool matcher_check_cost(const struct matcher *m, uint32_t i, struct buf *name,
			struct match_cost *ret);

/* Evaluate one checked condition (filters of the command line, tests). */
bool match_ast(const struct ast *ast, struct event_ctx *ctx);

/* Printed program, stable: golden tests and `explain --plan`. */
void matcher_dump(const struct matcher *m, struct buf *out);
/* The part of the program that is one rule: per event type its jump code and what rules it out. */
void matcher_dump_rule(struct matcher *m, const struct rule *rule, struct buf *out);

#endif
