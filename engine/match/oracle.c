/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain tree evaluation, see oracle.h.
 */
#include "engine/match/oracle.h"
#include "engine/match/compare.h"

bool oracle_check(const struct ast *check, struct event_ctx *ctx)
{
	struct value_list left, right = { check->consts, check->nconsts };

	if (!operand_eval(check->lhs, ctx, &left))
		return false;
	if (check->rhs && !operand_eval(check->rhs, ctx, &right))
		return false;
	return compare_check(check, &left, &right);
}

bool match_ast(const struct ast *ast, struct event_ctx *ctx)
{
	switch (ast->kind) {
	case AST_AND:
		for (uint32_t i = 0; i < ast->nkids; i++)
			if (!match_ast(ast->kids[i], ctx))
				return false;
		return true;
	case AST_OR:
		for (uint32_t i = 0; i < ast->nkids; i++)
			if (match_ast(ast->kids[i], ctx))
				return true;
		return false;
	case AST_NOT:
		return !match_ast(ast->kids[0], ctx);
	case AST_CHECK:
		return oracle_check(ast, ctx);
	default:
		return false;
	}
}
