/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions that can never be true: empty lists and fields that would need two values at once.
 * Called by the rule loader for whole conditions. Sound, not complete: silence proves nothing.
 */
#include "engine/rule/filter.h"

/* Most checks of one conjunction that are compared with each other, and values of one check. */
enum { LINT_CHECKS = 64, LINT_VALUES = 256 };

struct conjunction {
	const struct ast *checks[LINT_CHECKS];
	uint32_t n;
};

/* Why the condition is never true. */
struct reason {
	const struct ast *check, *other;	/* other == NULL: an empty list */
};

/* Says which constants the field must have one of. */
static bool is_membership(const struct ast *a)
{
	if (a->kind != AST_CHECK || a->modifier != MOD_NONE || !a->lhs || a->rhs)
		return false;
	if (a->op != OP_EQ && a->op != OP_EQ2 && a->op != OP_IN)
		return false;
	return a->lhs->kind == OPERAND_FIELD && !a->lhs->is_list &&
	       !field_is_multi(&a->lhs->field) && a->nconsts <= LINT_VALUES;
}

static bool takes_list(const struct ast *a)
{
	return a->modifier != MOD_NONE || op_infos[a->op].right == OP_RIGHT_LIST;
}

static bool same_value(const struct value *a, const struct value *b)
{
	switch (value_class_of((enum param_type)a->type)) {
	case VC_STRING:
		return str_eq(a->s, b->s);
	case VC_SIGNED:
		return a->i == b->i;
	case VC_UNSIGNED:
	case VC_BOOL:
		return a->u == b->u;
	default:
		/* May overlap. */
		return true;
	}
}

static bool disjoint(const struct ast *a, const struct ast *b)
{
	for (uint32_t i = 0; i < a->nconsts; i++)
		for (uint32_t k = 0; k < b->nconsts; k++)
			if (same_value(&a->consts[i], &b->consts[k]))
				return false;
	return true;
}

/* Checks that must all hold, nested "and" included. */
static void gather(const struct ast *a, struct conjunction *c)
{
	if (a->kind == AST_AND)
		for (uint32_t i = 0; i < a->nkids; i++)
			gather(a->kids[i], c);
	else if (is_membership(a) && c->n < LINT_CHECKS)
		c->checks[c->n++] = a;
}

static bool contradiction(const struct ast *a, struct reason *ret)
{
	struct conjunction c = { .n = 0 };

	gather(a, &c);
	for (uint32_t i = 1; i < c.n; i++) {
		for (uint32_t k = 0; k < i; k++) {
			if (!str_eq(c.checks[i]->lhs->text, c.checks[k]->lhs->text) ||
			    !disjoint(c.checks[i], c.checks[k]))
				continue;
			*ret = (struct reason){ c.checks[i], c.checks[k] };
			return true;
		}
	}
	return false;
}

static bool never_true(const struct ast *a, struct reason *ret)
{
	switch (a->kind) {
	case AST_CHECK:
		ret->check = a;
		return takes_list(a) && !a->right && a->nconsts == 0;
	case AST_AND:
		for (uint32_t i = 0; i < a->nkids; i++)
			if (never_true(a->kids[i], ret))
				return true;
		return contradiction(a, ret);
	case AST_OR:
		for (uint32_t i = 0; i < a->nkids; i++)
			if (!never_true(a->kids[i], ret))
				return false;
		return true;
	default:
		return false;
	}
}

static const char *explain(struct arena *a, const struct reason *why)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	buf_add_c(&b, "condition can never be true: ");
	filter_print(&b, why->check);
	if (why->other) {
		buf_add_c(&b, " contradicts ");
		filter_print(&b, why->other);
	} else {
		buf_add_c(&b, " compares with an empty list");
	}
	return b.err ? NULL : arena_strdup(a, buf_str(&b));
}

int filter_lint(const struct ast *ast, const struct filter_checker *c)
{
	struct reason why = { 0 };
	struct filter_error w = { 0 };

	if (!c->warn || !never_true(ast, &why))
		return 0;
	w.message = explain(c->arena, &why);
	if (!w.message)
		return -ENOMEM;
	w.pos = why.check->pos;
	w.span = why.check->span;
	w.text = why.check->text;
	w.hint = why.other ? "a field has one value: join them with 'or', or write 'in (a, b)'"
			   : "fill the list, or switch the rule off";
	c->warn(c->ctx, DIAG_LINT_NEVER_TRUE, &w);
	return 0;
}
