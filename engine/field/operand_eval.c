/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of operands on an event. Called by the matcher and by outputs for every event that gets
 * that far: results are views or live in the scratch arena of the event.
 */
#include "engine/field/transform.h"

bool transform_one(struct event_ctx *ctx, struct value_list *ret, struct value v)
{
	struct value *slot = arena_alloc(ctx->scratch, sizeof(*slot));

	if (!slot)
		return false;
	*slot = v;
	*ret = (struct value_list){ slot, 1 };
	return true;
}

static bool eval_field(const struct operand *op, struct event_ctx *ctx, struct value_list *ret)
{
	struct value v;

	if (op->is_list || field_is_multi(&op->field))
		return field_get_all(&op->field, ctx, ret);
	return field_get(&op->field, ctx, &v) && transform_one(ctx, ret, v);
}

/* All values of all elements; one element without value leaves none. */
static bool eval_list(const struct operand *op, struct event_ctx *ctx, struct value_list *ret)
{
	struct value *all = NULL;
	uint32_t n = 0, cap = 0;

	for (uint32_t i = 0; i < op->nargs; i++) {
		struct value_list one;

		if (!operand_eval(op->args[i], ctx, &one))
			return false;
		if (!one.n)
			continue;
		all = arena_grow(ctx->scratch, all, &cap, n + one.n, sizeof(*all));
		if (!all)
			return false;
		memcpy(&all[n], one.v, one.n * sizeof(*all));
		n += one.n;
	}
	*ret = (struct value_list){ all, n };
	return true;
}

bool operand_eval(const struct operand *op, struct event_ctx *ctx, struct value_list *ret)
{
	switch (op->kind) {
	case OPERAND_FIELD:
		return eval_field(op, ctx, ret);
	case OPERAND_CONST:
		return transform_one(ctx, ret, op->constant);
	case OPERAND_TRANSFORM:
		return op->fn->eval(op, ctx, ret);
	default:
		return eval_list(op, ctx, ret);
	}
}

bool operand_print(const struct operand *op, struct event_ctx *ctx, struct buf *out)
{
	struct value_list vals;

	if (op->kind == OPERAND_FIELD)
		return field_print(&op->field, ctx, out);
	if (!operand_eval(op, ctx, &vals))
		return false;
	if (op->is_list)
		buf_add_char(out, '(');
	for (uint32_t i = 0; i < vals.n; i++) {
		if (i)
			buf_add_char(out, ',');
		value_show(out, &vals.v[i]);
	}
	if (op->is_list)
		buf_add_char(out, ')');
	return true;
}
