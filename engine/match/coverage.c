/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coverage, see coverage.h. Checks have the numbers of a walk over the tree: a shared macro counts
 * for each place that uses it.
 */
#include "engine/match/coverage.h"
#include "engine/match/oracle.h"

#define BLOCK_SIZE (16 << 10)

static uint32_t count_checks(const struct ast *a)
{
	uint32_t n = a->kind == AST_CHECK;

	for (uint32_t i = 0; i < a->nkids; i++)
		n += count_checks(a->kids[i]);
	return n;
}

static uint32_t list_checks(const struct ruleset *rs, const struct ast *a,
			    const struct ruleset_macro *macro, struct coverage_check *to)
{
	const struct ruleset_macro *own = explain_macro(rs, a);
	uint32_t n = 0;

	macro = own ? own : macro;
	if (a->kind == AST_CHECK) {
		*to = (struct coverage_check){ .check = a, .macro = macro };
		return 1;
	}
	for (uint32_t i = 0; i < a->nkids; i++)
		n += list_checks(rs, a->kids[i], macro, to + n);
	return n;
}

static bool add_rule(struct coverage *c, const struct rule *rule)
{
	struct coverage_rule *r = &c->rules[c->nrules];
	const struct ast *part;
	uint32_t at = 0;

	*r = (struct coverage_rule){ .rule = rule };
	for (uint32_t i = 0; (part = explain_own_part(rule, i)) != NULL; i++)
		r->nchecks += count_checks(part);
	r->checks = arena_array(&c->arena, MAX(r->nchecks, 1u), sizeof(*r->checks));
	r->exceptions = arena_array(&c->arena, MAX(rule->nexceptions, 1u), sizeof(*r->exceptions));
	if (!r->checks || !r->exceptions)
		return false;
	memset(r->exceptions, 0, MAX(rule->nexceptions, 1u) * sizeof(*r->exceptions));
	for (uint32_t i = 0; (part = explain_own_part(rule, i)) != NULL; i++)
		at += list_checks(c->rs, part, NULL, r->checks + at);
	c->nrules++;
	return true;
}

struct coverage *coverage_new(const struct ruleset *rs)
{
	struct coverage *c = calloc(1, sizeof(*c));
	bool good;

	if (!c)
		return NULL;
	arena_init(&c->arena, BLOCK_SIZE, 0);
	c->rs = rs;
	c->rules = arena_array(&c->arena, MAX(rs->nrules, 1u), sizeof(*c->rules));
	good = c->rules != NULL;
	for (uint32_t i = 0; i < rs->nrules && good; i++)
		if (rs->rules[i]->active && rs->rules[i]->ast)
			good = add_rule(c, rs->rules[i]);
	if (good)
		return c;
	coverage_free(c);
	return NULL;
}

void coverage_free(struct coverage *c)
{
	if (!c)
		return;
	arena_done(&c->arena);
	free(c);
}

/* Truth of the node; *at is the number of its first check and becomes that of the next node's. */
static bool walk(const struct ast *a, struct event_ctx *ctx, struct coverage_check *checks,
		 uint32_t *at)
{
	bool truth;

	switch (a->kind) {
	case AST_CHECK:
		truth = oracle_check(a, ctx);
		*(truth ? &checks[*at].yes : &checks[*at].no) += 1;
		++*at;
		return truth;
	case AST_NOT:
		return !walk(a->kids[0], ctx, checks, at);
	default:
		truth = a->kind == AST_AND;
		for (uint32_t i = 0; i < a->nkids; i++) {
			if (truth == (a->kind == AST_AND))
				truth = walk(a->kids[i], ctx, checks, at);
			else
				*at += count_checks(a->kids[i]);
		}
		return truth;
	}
}

static void walk_parts(struct coverage_rule *r, struct event_ctx *ctx)
{
	const struct ast *part;
	uint32_t at = 0;

	for (uint32_t i = 0; (part = explain_own_part(r->rule, i)) != NULL; i++)
		if (!walk(part, ctx, r->checks, &at))
			return;
}

static void count_result(struct coverage_rule *r, struct event_ctx *ctx)
{
	struct explain_verdict v;

	explain_judge(r->rule, ctx, &v);
	r->matched += v.matches;
	r->near_misses += v.distance == 1 && !v.swallowed_by;
	for (uint32_t i = 0; v.swallowed_by && i < r->rule->nexceptions; i++)
		r->exceptions[i] += r->rule->exceptions[i].ast &&
				    match_ast(r->rule->exceptions[i].ast, ctx);
}

void coverage_event(struct coverage *c, struct event_ctx *ctx)
{
	for (uint32_t i = 0; i < c->nrules; i++) {
		struct coverage_rule *r = &c->rules[i];

		if (!explain_applies(r->rule, ctx))
			continue;
		r->evaluated++;
		walk_parts(r, ctx);
		count_result(r, ctx);
	}
}
