/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of a run have covered: rules, checks of their conditions, exceptions. Runners
 * count for the rule set they have loaded and hand the counts over when they drop it. Used by
 * `tiercel test --coverage` and --require-tests.
 */
#ifndef TIERCEL_RULETEST_COVER_H
#define TIERCEL_RULETEST_COVER_H

#include "agent/ruletest.h"
#include "engine/explain.h"

#include <pthread.h>

struct cover_check {
	const char *text;
	bool about_type;		/* evt.type: rules are not even asked for other events */
	uint64_t yes, no;
};

struct cover_exception {
	const char *name;
	bool has_values;
	uint64_t hits;
};

struct cover_rule {
	const char *name, *file;
	uint32_t line;
	uint64_t evaluated, matched;
	uint64_t near_misses;		/* events that one check kept from matching */
	uint64_t expected;		/* tests that expect an alert of it */
	struct cover_check *checks;
	uint32_t nchecks;
	struct cover_exception *exceptions;
	uint32_t nexceptions;
};

struct ruletest_cover {
	pthread_mutex_t lock;		/* of everything below */
	struct arena arena;
	struct cover_rule **rules;	/* in order of loading */
	uint32_t nrules, cap_rules;
	bool oom;
};

void ruletest_cover_init(struct ruletest_cover *c);
void ruletest_cover_done(struct ruletest_cover *c);
/* Counts of one runner; `expected` by rule index of its rule set. Any thread. */
void ruletest_cover_add(struct ruletest_cover *c, const struct coverage *counts,
			const uint64_t *expected);

void ruletest_cover_text(const struct ruletest_cover *c, const char *prefix, struct buf *out);
void ruletest_cover_json(const struct ruletest_cover *c, struct json *j);
/*
 * One result per rule: it has a test that expects an alert and one with a near miss, every
 * exception is hit. Tests and files of the results are in the arena of `c`. NULL: out of memory.
 */
struct ruletest_result *ruletest_cover_require(struct ruletest_cover *c, uint32_t *ret_n);

#endif
