/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From expressions to typed operands. Called at load time by the rule checker and by output
 * templates; operands belong to the caller's arena.
 */
#include "engine/field/operand.h"

static const char *const type_names[PT_COUNT] = {
#define TYPE(name, size) [PT_##name] = #name,
	PARAM_TYPES(TYPE)
#undef TYPE
};

const char *operand_type_name(enum param_type t)
{
	return (unsigned)t < PT_COUNT ? type_names[t] : "unknown";
}

/* Where messages go while one expression is resolved. */
struct resolver {
	const struct field_scope *scope;
	struct arena *arena;	/* the scope's */
	const char **ret_msg;
	struct pos *ret_pos;
};

static int resolve(const struct resolver *r, const struct expr *e, struct operand **ret);

static int fail(const struct resolver *r, const struct expr *e, const char *msg)
{
	if (!msg)
		return -ENOMEM;
	*r->ret_msg = msg;
	*r->ret_pos = e->pos;
	return -EINVAL;
}

static struct str expr_text(struct arena *a, const struct expr *e)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	expr_print(&b, e);
	return b.err ? STR_NONE : arena_str(a, buf_str(&b));
}

/* Name and argument in the form that field_lookup() reads: without quotes; a NUL ends it. */
static struct str field_text(struct arena *a, const struct expr *e)
{
	uint32_t name = e->text.len, arg;
	char *p;

	if (!e->has_arg)
		return e->text;
	arg = (uint32_t)strnlen(e->arg.p, e->arg.len);
	p = arena_alloc(a, (size_t)name + arg + 2);
	if (!p)
		return STR_NONE;
	memcpy(p, e->text.p, name);
	p[name] = '[';
	memcpy(p + name + 1, e->arg.p, arg);
	p[name + 1 + arg] = ']';
	return (struct str){ p, name + arg + 2 };
}

static int resolve_field(const struct resolver *r, const struct expr *e, struct operand *op)
{
	struct str text = field_text(r->arena, e);
	const char *msg = NULL;
	int err;

	if (!text.p)
		return -ENOMEM;
	err = field_lookup(text, r->arena, r->scope->statics, &op->field, &msg);
	if (err == -ENOMEM)
		return err;
	if (err < 0) {
		fail(r, e,
		     msg ? msg
			 : arena_printf(r->arena,
					"filter_check called with nonexistent "
					"field %.*s",
					STR_ARG(text)));
		return err;
	}
	op->kind = OPERAND_FIELD;
	op->type = op->field.type;
	op->is_list = op->field.info->flags & FIELD_LIST;
	return 0;
}

static int resolve_args(const struct resolver *r, const struct expr *e, struct operand *op)
{
	op->args = arena_array(r->arena, e->nargs, sizeof(*op->args));
	if (!op->args && e->nargs)
		return -ENOMEM;
	for (; op->nargs < e->nargs; op->nargs++) {
		int err = resolve(r, e->args[op->nargs], &op->args[op->nargs]);

		if (err < 0)
			return err;
	}
	return 0;
}

/* Transformers rely on a single value, or a list. */
static bool refuses_transformers(void *ctx, struct operand *field)
{
	const struct field_ref *f = &field->field;

	if (f->info->flags & FIELD_NO_TRANSFORMER || (field_is_multi(f) && !field->is_list))
		*(const char **)ctx = field->field.info->name;
	return true;
}

static int resolve_transform(const struct resolver *r, const struct expr *e, struct operand *op)
{
	const char *msg, *refused = NULL;
	int err;

	op->kind = OPERAND_TRANSFORM;
	op->fn = transformer_find(e->text);
	if (!op->fn)
		return fail(r, e, arena_printf(r->arena, "unknown transformer '%.*s'",
					       STR_ARG(e->text)));
	if (e->has_arg && !op->fn->index)
		return fail(r, e, arena_printf(r->arena, "filter error: transformer '%s' does not "
					       "support field arguments", op->fn->name));
	op->has_index = e->has_arg;
	op->index = e->arg;
	err = resolve_args(r, e, op);
	if (err < 0)
		return err;
	operand_fields(op, refuses_transformers, &refused);
	if (refused)
		return fail(r, e, arena_printf(r->arena, "field '%s' does not support transformers",
					       refused));
	if (op->nargs < op->fn->min_args ||
	    (op->nargs > op->fn->max_args && op->fn->max_args != ARGS_ANY))
		return fail(r, e, arena_printf(r->arena, "%s() requires %s", op->fn->name,
					       op->fn->arity));
	msg = op->fn->check(op, r->arena);
	return msg ? fail(r, e, msg) : 0;
}

static int resolve_list(const struct resolver *r, const struct expr *e, struct operand *op)
{
	op->kind = OPERAND_LIST;
	op->type = PT_CHARBUF;
	op->is_list = true;
	return resolve_args(r, e, op);
}

static int resolve_const(const struct resolver *r, const struct expr *e, struct operand *op)
{
	op->kind = OPERAND_CONST;
	op->type = PT_CHARBUF;
	op->constant = value_str(e->text);
	return 0;
}

/*
 * Of fields and of the outermost call only: the text of every level would grow with their square.
 */
static int set_text(const struct resolver *r, const struct expr *e, struct operand *op)
{
	op->text = expr_text(r->arena, e);
	return op->text.p ? 0 : -ENOMEM;
}

/* Fields are the same everywhere in a rule set. *ret_op: the field, if it was met before. */
static bool is_shared(const struct resolver *r, const struct expr *e, struct operand **ret_op)
{
	struct str text;

	if (!r->scope->known || e->kind != EXPR_FIELD)
		return false;
	text = field_text(r->arena, e);
	*ret_op = text.p ? strmap_get(r->scope->known, text) : NULL;
	return true;
}

static int resolve(const struct resolver *r, const struct expr *e, struct operand **ret)
{
	static int (*const by_kind[])(const struct resolver *r, const struct expr *e,
				      struct operand *op) = {
		[EXPR_FIELD] = resolve_field,
		[EXPR_TRANSFORM] = resolve_transform,
		[EXPR_CONST] = resolve_const,
		[EXPR_LIST] = resolve_list,
	};
	struct operand *op = NULL;
	bool shared;
	int err;

	if (expr_is_val(e) && e->nargs == 1) {
		if (e->has_arg)
			return fail(
				r, e,
				"filter error: transformer 'val' does not support field arguments");
		e = e->args[0];
	}
	shared = is_shared(r, e, &op);
	if (op) {
		*ret = op;
		return 0;
	}
	op = arena_new(r->arena, struct operand);
	if (!op)
		return -ENOMEM;
	err = by_kind[e->kind](r, e, op);
	if (err == 0 && e->kind == EXPR_FIELD)
		err = set_text(r, e, op);
	/* Not those with an odd argument: the text is another one then. */
	if (err == 0 && shared && str_eq(op->text, op->field.text))
		err = strmap_put(r->scope->known, op->text, op);
	if (err == 0)
		*ret = op;
	return err;
}

int operand_resolve(const struct expr *e, const struct field_scope *scope, struct operand **ret,
		    const char **ret_msg, struct pos *ret_pos)
{
	struct resolver r = { scope, scope->arena, ret_msg, ret_pos };
	struct operand *op;
	int err = resolve(&r, e, &op);

	if (err == 0 && !op->text.p)
		err = set_text(&r, e, op);
	if (err == 0)
		*ret = op;
	return err;
}

bool operand_fields(struct operand *op, bool (*fn)(void *ctx, struct operand *field), void *ctx)
{
	if (op->kind == OPERAND_FIELD)
		return fn(ctx, op);
	for (uint32_t i = 0; i < op->nargs; i++)
		if (!operand_fields(op->args[i], fn, ctx))
			return false;
	return true;
}
