/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules made of a condition alone, without a rule file.
 */
#ifndef TIERCEL_RULE_BUILD_H
#define TIERCEL_RULE_BUILD_H

#include "engine/rule/ruleset.h"

static inline void build_rule_error(void *ctx, const struct filter_error *err)
{
	*(const char **)ctx = err->message;
}

/* One more rule at the end of rs->rules, which has room. NULL: accepted, else why not. */
static inline const char *build_rule(struct ruleset *rs, struct limits *limits,
				     struct str condition)
{
	struct filter_error err = { .message = "?" };
	const char *message = NULL;
	struct filter_checker checker = { .arena = &rs->arena, .error = build_rule_error,
					  .ctx = &message };
	struct rule *rule = arena_new(&rs->arena, struct rule);

	rule->name.s = rule->condition_full = arena_str(&rs->arena, condition);
	rule->source = STR("syscall");
	rule->active = true;
	rule->index = rs->nrules;
	if (filter_parse(rule->condition_full, &rs->arena, limits, &rule->ast, &err) ||
	    filter_check(rule->ast, &checker) || filter_evtset(rule->ast, &rule->events, &err))
		return message ? message : err.message;
	rs->rules[rs->nrules++] = rule;
	return NULL;
}

#endif
