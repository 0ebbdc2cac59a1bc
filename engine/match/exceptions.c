/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting exceptions, see exceptions.h. Called by the facade.
 */
#include "engine/match/exceptions.h"

struct exceptions {
	struct arena arena;
	struct ruleset rules;		/* only what a matcher looks at */
	struct counted {
		const struct rule *rule;
		uint32_t exception;
		uint64_t hits;
	} *counted;			/* by index of the made rules */
	uint32_t cap_rules, cap_counted;
	struct matcher *matcher;
	const struct rule **found;
};

static uint32_t with_values(const struct rule *rule)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rule->nexceptions; i++)
		n += rule->exceptions[i].nrows > 0;
	return n;
}

/* The loader appends "and not (...)" per exception with values: the last operands of the AND. */
static bool ends_in_exceptions(const struct ast *ast, uint32_t n)
{
	if (ast->kind != AST_AND || ast->nkids <= n)
		return false;
	for (uint32_t i = ast->nkids - n; i < ast->nkids; i++)
		if (ast->kids[i]->kind != AST_NOT)
			return false;
	return true;
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
	struct counted *counted = arena_grow(&e->arena, e->counted, &e->cap_counted, i + 1,
					     sizeof(*counted));
	struct rule *made = arena_new(&e->arena, struct rule);

	if (!rules || !counted || !made)
		return -ENOMEM;
	e->rules.rules = rules;
	e->counted = counted;
	*made = *rule;
	made->index = i;
	made->ast = condition_of(&e->arena, rule->ast, n, at);
	if (!made->ast)
		return -ENOMEM;
	rules[i] = made;
	counted[i] = (struct counted){ rule, exception, 0 };
	e->rules.nrules++;
	return 0;
}

static int add_rules(struct exceptions *e, const struct rule *rule)
{
	uint32_t n = with_values(rule), at;
	int r = 0;

	if (!n || !rule->active || !rule->ast || !ends_in_exceptions(rule->ast, n))
		return 0;
	at = rule->ast->nkids - n;
	for (uint32_t i = 0; i < rule->nexceptions && !r; i++)
		if (rule->exceptions[i].nrows)
			r = add_rule(e, rule, i, n, at++);
	return r;
}

struct exceptions *exceptions_new(const struct ruleset *rs, struct limits *limits)
{
	const struct match_opts opts = { .all = true, .guest = true };
	struct exceptions *e = calloc(1, sizeof(*e));
	int r = 0;

	if (!e)
		return NULL;
	arena_init(&e->arena, 4096, 0);
	for (uint32_t i = 0; i < rs->nrules && !r; i++)
		r = add_rules(e, rs->rules[i]);
	e->found = arena_array(&e->arena, MAX(e->rules.nrules, 1U), sizeof(*e->found));
	if (!r && e->found)
		e->matcher = matcher_new(&e->rules, &opts, limits);
	if (e->matcher)
		return e;
	exceptions_free(e);
	return NULL;
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

	for (uint32_t i = 0; i < n; i++)
		e->counted[e->found[i]->index].hits++;
}

uint64_t exceptions_hits(const struct exceptions *e, const struct rule *rule, uint32_t exception)
{
	for (uint32_t i = 0; i < e->rules.nrules; i++)
		if (e->counted[i].rule == rule && e->counted[i].exception == exception)
			return e->counted[i].hits;
	return 0;
}
