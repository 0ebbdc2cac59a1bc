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

/* For the active rules of `rs`, which is borrowed. NULL: out of memory. */
struct exceptions *exceptions_new(const struct ruleset *rs, struct limits *limits);
void exceptions_free(struct exceptions *e);
/* Count for one event. */
void exceptions_event(struct exceptions *e, struct event_ctx *ctx);
/* By position in rule->exceptions; several may have counted the same event. */
uint64_t exceptions_hits(const struct exceptions *e, const struct rule *rule, uint32_t exception);

#endif
