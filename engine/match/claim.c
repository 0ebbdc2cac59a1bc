/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims about fields, see claim.h.
 */
#include "engine/match/claim.h"
#include "engine/match/explain.h"
#include "engine/match/oracle.h"

static int resolve(struct str field, struct arena *a, struct operand **ret, const char **ret_msg)
{
	const struct field_scope scope = { .arena = a };
	struct pos pos;
	struct scan s;
	struct expr *e;

	scan_init(&s, field, a);
	e = expr_parse_left(&s);
	if (s.oom)
		return -ENOMEM;
	if (!e || s.at != field.len) {
		*ret_msg = s.error ? s.error : "not the name of a field";
		return -ENOENT;
	}
	return operand_resolve(e, &scope, ret, ret_msg, &pos);
}

/* `field = value`, where the rule language has it. */
static int make_check(struct claim *c, struct arena *a, const char **ret_msg)
{
	const struct field_ref *f = &c->operand->field;
	bool wrapped;
	int r;

	if (c->operand->is_list || value_class_of(c->operand->type) == VC_NONE ||
	    (c->operand->kind == OPERAND_FIELD && (f->info->flags & FIELD_PRINT_ONLY)))
		return 0;
	c->check = arena_new(a, struct ast);
	if (!c->check)
		return -ENOMEM;
	c->check->consts = arena_new(a, struct value);
	if (!c->check->consts)
		return -ENOMEM;
	c->check->kind = AST_CHECK;
	c->check->op = OP_EQ;
	c->check->checked = true;
	c->check->lhs = c->operand;
	c->check->nconsts = 1;
	r = value_parse(a, c->value, c->operand->type, c->check->consts, ret_msg, &wrapped);
	if (r == 0 && wrapped) {
		*ret_msg = "the number is outside the range of the field";
		r = -EINVAL;
	}
	return r;
}

int claim_new(struct str field, struct str value, struct arena *a, struct claim **ret,
	      const char **ret_msg)
{
	struct claim *c = arena_new(a, struct claim);
	int r;

	if (!c)
		return -ENOMEM;
	c->value = value;
	r = resolve(field, a, &c->operand, ret_msg);
	if (r)
		return r;
	c->printed = c->operand->kind != OPERAND_FIELD ||
		     !(c->operand->field.info->flags & FIELD_FILTER_ONLY);
	r = value.p ? make_check(c, a, ret_msg) : 0;
	if (r)
		return r;
	*ret = c;
	return 0;
}

static bool prints_as(const struct claim *c, struct event_ctx *ctx)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	return operand_print(c->operand, ctx, &text) && str_eq(buf_str(&text), c->value);
}

static bool has_value(const struct claim *c, struct event_ctx *ctx)
{
	struct value_list values;

	return operand_eval(c->operand, ctx, &values) && values.n > 0;
}

bool claim_holds(const struct claim *c, struct event_ctx *ctx)
{
	if (!c->value.p)
		return !has_value(c, ctx);
	if (c->check && oracle_check(c->check, ctx))
		return true;
	return c->printed && prints_as(c, ctx);
}

void claim_actual(const struct claim *c, struct event_ctx *ctx, struct buf *out)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (c->printed && operand_print(c->operand, ctx, &text))
		buf_printf(out, "'%.*s'", STR_ARG(buf_str(&text)));
	else
		explain_operand(c->operand, ctx, out);
}
