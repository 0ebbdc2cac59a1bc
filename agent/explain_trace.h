/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a rule matches events of traces or does not: `tiercel explain RULE --trace T`.
 */
#ifndef TIERCEL_EXPLAIN_TRACE_H
#define TIERCEL_EXPLAIN_TRACE_H

#include "agent/rule_options.h"

struct explain_trace_opts {
	const char *rule;
	struct io_names traces;
	uint64_t event;			/* evt.num to explain; 0: all, and the nearest misses */
	uint32_t misses;		/* how many of them */
	bool json;
};

/* EXIT_OK or EXIT_FAILED; prints. */
int explain_trace(const struct explain_trace_opts *opts, const struct rule_options *rules);

/* The rule, or NULL after a message with the nearest name. */
const struct rule *explain_find_rule(const struct ruleset *rs, const char *name);

#endif
