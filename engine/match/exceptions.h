/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often each exception of a rule kept it from matching. A second program has one rule per
 * exception: the condition of the rule without its exceptions, and the exception. Costs about as
 * much as matching, so it is made only when asked for.
 */
#ifndef TIERCEL_EXCEPTIONS_H
#define TIERCEL_EXCEPTIONS_H

#include "engine/match/match.h"

struct exceptions;

struct exception_count {
	uint64_t hits;		/* events that the exception kept its rule from matching */
	uint64_t last_ts;	/* of the last one; 0: none */
};

/*
 * For the active rules of `rs`, which is borrowed. files_only: just the exceptions that came from
 * exception files. *ret is NULL when there is nothing to count. 0 or -ENOMEM.
 */
int exceptions_new(const struct ruleset *rs, bool files_only, struct limits *limits,
		   struct exceptions **ret);
void exceptions_free(struct exceptions *e);
/* Count for one event. */
void exceptions_event(struct exceptions *e, struct event_ctx *ctx);
/* Does it depend on metadata that are still to come what exceptions_event() would count? */
bool exceptions_open(struct exceptions *e, struct event_ctx *ctx);
/* By rule_exception.index; several may have counted the same event. */
struct exception_count *exceptions_count(const struct exceptions *e, uint32_t index);

#endif
