/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Canonical text of conditions: what users see in descriptions, and what two conditions have in
 * common when they mean the same. Called by the loader, describing commands and tests.
 */
#include "engine/rule/filter.h"

static void print_check(struct buf *out, const struct ast *a)
{
	expr_print(out, a->left);
	buf_printf(out, " %s", op_infos[a->op].spelling);
	if (a->modifier != MOD_NONE)
		buf_printf(out, " %s", modifier_names[a->modifier]);
	if (op_infos[a->op].right == OP_RIGHT_NONE)
		return;
	buf_add_char(out, ' ');
	if (a->right) {
		expr_print(out, a->right);
		return;
	}
	if (a->right_is_list)
		buf_add_char(out, '(');
	for (uint32_t i = 0; i < a->nvalues; i++) {
		if (i)
			buf_add_c(out, ", ");
		expr_print(out, a->values[i]);
	}
	if (a->right_is_list)
		buf_add_char(out, ')');
}

void filter_print(struct buf *out, const struct ast *a)
{
	switch (a->kind) {
	case AST_CHECK:
		print_check(out, a);
		break;
	case AST_IDENT:
		buf_add_str(out, a->ident);
		break;
	case AST_NOT:
		buf_add_c(out, "not ");
		filter_print(out, a->kids[0]);
		break;
	default:
		buf_add_char(out, '(');
		for (uint32_t i = 0; i < a->nkids; i++) {
			if (i)
				buf_add_c(out, a->kind == AST_AND ? " and " : " or ");
			filter_print(out, a->kids[i]);
		}
		buf_add_char(out, ')');
		break;
	}
}
