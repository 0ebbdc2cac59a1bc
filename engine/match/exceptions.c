/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting exceptions, see exceptions.h. Called by the facade.
 */
#include "engine/match/exceptions.h"

struct exceptions {
	struct arena arena;
	struct ruleset rules;		/* only what a matcher looks at */
	uint32_t *of_rule;		/* index of the exception, by index of the made rules */
	struct exception_count *counts;	/* by index of the exception */
	uint32_t cap_rules, cap_of_rule;
	struct matcher *matcher;
	const struct rule **found;
};

/* The loader puts "and not (...)" per exception in force at the end of the condition. */
static uint32_t in_force(const struct rule *rule)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rule->nexceptions; i++)
		n += rule->exceptions[i].ast != NULL;
	return n;
}

/* The condition without its n exceptions, and operand `at`, which is one of them, as it is. */
static struct ast *condition_of(struct arena *a, const struct ast *ast, uint32_t n, uint32_t at)
{
	struct ast *made = arena_new(a, struct ast);

	if (!made)
		return NULL;
	*made = *ast;
	made->nkids = ast->nkids - n + 1;
	made->kids = arena_array(a, made->nkids, sizeof(*made->kids));
	if (!made->kids)
		return NULL;
	memcpy(made->kids, ast->kids, (made->nkids - 1) * sizeof(*made->kids));
	made->kids[made->nkids - 1] = ast->kids[at]->kids[0];
	return made;
}

static int add_rule(struct exceptions *e, const struct rule *rule, uint32_t exception, uint32_t n,
		    uint32_t at)
{
	uint32_t i = e->rules.nrules;
	struct rule **rules = arena_grow(&e->arena, e->rules.rules, &e->cap_rules, i + 1,
					 sizeof(*rules));
	uint32_t *of_rule = arena_grow(&e->arena, e->of_rule, &e->cap_of_rule, i + 1,
				       sizeof(*of_rule));
	struct rule *made = arena_new(&e->arena, struct rule);

	if (!rules || !of_rule || !made)
		return -ENOMEM;
	e->rules.rules = rules;
	e->of_rule = of_rule;
	*made = *rule;
	made->index = i;
	made->ast = condition_of(&e->arena, rule->ast, n, at);
	if (!made->ast)
		return -ENOMEM;
	rules[i] = made;
	of_rule[i] = exception;
	e->rules.nrules++;
	return 0;
}

static int add_rules(struct exceptions *e, const struct rule *rule, bool files_only)
{
	uint32_t n = in_force(rule), at;
	int r = 0;

	if (!n || !rule->active || !rule->ast || rule->ast->kind != AST_AND ||
	    rule->ast->nkids <= n)
		return 0;
	at = rule->ast->nkids - n;
	for (uint32_t i = 0; i < rule->nexceptions && !r; i++) {
		const struct rule_exception *x = &rule->exceptions[i];

		if (x->ast && (x->owner.p || !files_only))
			r = add_rule(e, rule, x->index, n, at);
		at += x->ast != NULL;
	}
	return r;
}

int exceptions_new(const struct ruleset *rs, bool files_only, struct limits *limits,
		   struct exceptions **ret)
{
	const struct match_opts opts = { .all = true, .guest = true };
	struct exceptions *e = calloc(1, sizeof(*e));
	int r = 0;

	if (!e)
		return -ENOMEM;
	arena_init(&e->arena, 4096, 0);
	for (uint32_t i = 0; i < rs->nrules && !r; i++)
		r = add_rules(e, rs->rules[i], files_only);
	if (!r && e->rules.nrules) {
		e->found = arena_array(&e->arena, e->rules.nrules, sizeof(*e->found));
		e->counts = arena_array(&e->arena, rs->nexceptions, sizeof(*e->counts));
		e->matcher = e->found && e->counts ? matcher_new(&e->rules, &opts, limits) : NULL;
		r = e->matcher ? 0 : -ENOMEM;
	}
	if (e->matcher)
		memset(e->counts, 0, rs->nexceptions * sizeof(*e->counts));
	if (!e->matcher) {
		exceptions_free(e);
		e = NULL;
	}
	if (!r)
		*ret = e;
	return r;
}

void exceptions_free(struct exceptions *e)
{
	if (!e)
		return;
	matcher_free(e->matcher);
	arena_done(&e->arena);
	free(e);
}

void exceptions_event(struct exceptions *e, struct event_ctx *ctx)
{
	uint32_t n = matcher_eval(e->matcher, ctx, e->found, e->rules.nrules);

	for (uint32_t i = 0; i < n; i++) {
		struct exception_count *c = &e->counts[e->of_rule[e->found[i]->index]];

		c->hits++;
		c->last_ts = ctx->ev->ts;
	}
}

bool exceptions_open(struct exceptions *e, struct event_ctx *ctx)
{
	return matcher_is_open(e->matcher, ctx);
}

struct exception_count *exceptions_count(const struct exceptions *e, uint32_t index)
{
	return &e->counts[index];
}
