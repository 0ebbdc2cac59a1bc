/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker: names, types, operators, constants. Called by the rule loader for each resolved
 * condition; what it adds to the tree lives in the caller's arena.
 */
#include "engine/rule/filter_run.h"

static void report(struct check_run *r, const struct filter_error *err)
{
	if (!err->message) {
		r->oom = true;
		return;
	}
	r->errors++;
	r->c->error(r->c->ctx, err);
}

static void fail_at(struct check_run *r, const struct ast *a, struct pos pos, uint32_t span,
		    const char *message)
{
	struct filter_error err = { .message = message, .pos = pos, .span = span, .text = a->text };

	report(r, &err);
}

void check_warn(struct check_run *r, const struct ast *a, enum diag_code code, struct pos pos,
		uint32_t span, const char *message)
{
	struct filter_error w = { .message = message, .pos = pos, .span = span, .text = a->text };

	if (!message)
		r->oom = true;
	else if (r->c->warn)
		r->c->warn(r->c->ctx, code, &w);
}

static struct operand *resolve_side(struct check_run *r, const struct ast *a, const struct expr *e)
{
	const struct field_scope scope = { r->c->arena, r->c->statics, r->c->fields };
	struct filter_error err = { .span = e->span, .text = a->text };
	struct operand *op;
	int n = operand_resolve(e, &scope, &op, &err.message, &err.pos);

	if (n == 0)
		return op;
	if (n == -ENOMEM) {
		r->oom = true;
		return NULL;
	}
	err.unknown_filter = n == -ENOENT;
	if (e->kind == EXPR_FIELD)
		err.hint = filter_field_hint(r->c->arena, e->text);
	report(r, &err);
	return NULL;
}

static bool find_print_only(void *ctx, struct operand *field)
{
	if (field->field.info->flags & FIELD_PRINT_ONLY)
		*(const char **)ctx = field->field.info->name;
	return true;
}

static bool check_print_only(struct check_run *r, const struct ast *a, struct operand *op)
{
	const char *name = NULL;

	operand_fields(op, find_print_only, &name);
	if (name)
		fail_at(r, a, a->pos, a->left->span,
			arena_printf(r->c->arena, "field '%s' can be used in outputs only", name));
	return !name;
}

static const char *class_name(enum value_class vc)
{
	static const char *const names[] = {
		[VC_STRING] = "string",	  [VC_BYTES] = "buffer",
		[VC_SIGNED] = "numeric",  [VC_UNSIGNED] = "numeric",
		[VC_BOOL] = "numeric",	  [VC_DOUBLE] = "numeric",
		[VC_IPADDR] = "ip address and network",
		[VC_IPNET] = "ip address and network",
	};

	return names[vc];
}

static bool is_field(const struct operand *op, const char *name)
{
	return op->kind == OPERAND_FIELD && strcmp(op->field.info->name, name) == 0;
}

/* evt.rawarg of a parameter that is not text but bytes. */
static bool is_raw_bytes(const struct operand *op, enum value_class vc)
{
	return op->kind == OPERAND_FIELD && op->field.info->type == PT_DYN && vc == VC_BYTES;
}

/* The operator stands behind the left side and blanks. */
static struct pos op_pos(const struct ast *a)
{
	const char *p = a->text + a->left->pos.offset, *end = p + a->left->span;
	struct pos pos = a->left->pos;

	for (; p < end || scan_is_blank(*p); p++) {
		pos.offset++;
		pos.col++;
		if (*p == '\n') {
			pos.line++;
			pos.col = 1;
		}
	}
	return pos;
}

static bool check_operator(struct check_run *r, const struct ast *a, const struct operand *lhs)
{
	const struct op_info *op = &op_infos[a->op];
	enum value_class vc = value_class_of((enum param_type)lhs->type);
	struct filter_error err = { .text = a->text };

	if (a->op == OP_EXISTS)
		return true;
	err.span = (uint32_t)strlen(op->spelling);
	if (lhs->is_list && !(op->classes & OP_CLASS_LIST)) {
		err.message = arena_printf(r->c->arena, "filter error: '%s' operator not supported "
					   "list filters", op->spelling);
		err.hint = "use 'in' or 'intersects' with lists of values";
	} else if (is_raw_bytes(lhs, vc)) {
		err.message = arena_printf(r->c->arena, "wrong parameter type %d", lhs->type);
	} else if (vc == VC_NONE) {
		err.message = arena_printf(r->c->arena, "filter error: '%s' operator not supported "
					   "for type '%s'", op->spelling,
					   operand_type_name((enum param_type)lhs->type));
	} else if (!(op->classes & 1 << vc)) {
		err.message = arena_printf(r->c->arena,
					   "filter error: '%s' %s not supported for %s filters",
					   op->spelling, a->modifier ? "with modifier" : "operator",
					   class_name(vc));
		err.hint = filter_operator_hint(r->c->arena, vc);
	} else {
		return true;
	}
	err.pos = op_pos(a);
	report(r, &err);
	return false;
}

static const char *operand_name(const struct operand *op)
{
	return op->kind == OPERAND_FIELD ? op->field.info->name : op->text.p;
}

static bool has_no_rhs(const struct operand *op)
{
	return op->kind == OPERAND_FIELD && op->field.info->flags & FIELD_NO_RHS;
}

/* A field or transformer on the right: NULL = fine, else the message. */
static const char *rhs_problem(struct arena *m, const struct ast *a, const struct operand *l,
			       const struct operand *r)
{
	if (!op_infos[a->op].rhs_field)
		return arena_printf(m, "operator '%s' doesn't support right-hand side fields",
				    op_infos[a->op].id);
	if (has_no_rhs(l))
		return arena_printf(m, "field '%s' doesn't support right-hand side fields",
				    operand_name(l));
	if (has_no_rhs(r))
		return arena_printf(m, "field '%s' can't be used as a right-hand side field",
				    operand_name(r));
	if (l->type != r->type)
		return arena_printf(m, "field '%s' has type '%s' while the right-hand side field "
				    "'%s' has incompatible type '%s'", operand_name(l),
				    operand_type_name((enum param_type)l->type), operand_name(r),
				    operand_type_name((enum param_type)r->type));
	if (l->is_list != r->is_list)
		return arena_printf(m, "'%s' is a %s while the right-hand side '%s' is a %s",
				    l->text.p, l->is_list ? "list" : "single value", r->text.p,
				    r->is_list ? "list" : "single value");
	return "";
}

static bool check_rhs(struct check_run *r, struct ast *a, struct operand *lhs)
{
	struct operand *rhs = resolve_side(r, a, a->right);
	const char *problem;

	if (!rhs || !check_print_only(r, a, rhs))
		return false;
	problem = rhs_problem(r->c->arena, a, lhs, rhs);
	if (!problem || *problem) {
		fail_at(r, a, a->right->pos, a->right->span, problem);
		return false;
	}
	a->rhs = rhs;
	return true;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool decode_hex(struct arena *m, struct value *v)
{
	struct str s = v->s;
	char *p = arena_alloc(m, s.len / 2 + 1);

	if (!p || s.len % 2)
		return false;
	for (uint32_t i = 0; i < s.len / 2; i++) {
		int hi = hex_value(s.p[2 * i]), lo = hex_value(s.p[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		p[i] = (char)(hi << 4 | lo);
	}
	v->s = (struct str){ p, s.len / 2 };
	return true;
}

static bool check_event_name(struct check_run *r, const struct ast *a, const struct expr *e)
{
	struct filter_error err = {
		.pos = e->pos, .span = e->span, .text = a->text, .unknown_filter = true,
	};
	const char *near;

	if (evtset_known_name(r->c->names, e->text))
		return true;
	err.message = arena_printf(r->c->arena, "unknown event type %.*s", STR_ARG(e->text));
	near = evtset_nearest_name(e->text);
	if (near)
		err.hint = arena_printf(r->c->arena, "did you mean %s?", near);
	report(r, &err);
	return false;
}

static bool check_const(struct check_run *r, const struct ast *a, const struct operand *lhs,
			const struct expr *e, struct value *ret)
{
	const char *message = NULL;
	bool wrapped = false;

	if (is_field(lhs, "evt.type") && !check_event_name(r, a, e))
		return false;
	if (value_parse(r->c->arena, e->text, (enum param_type)lhs->type, ret, &message,
			&wrapped) < 0) {
		struct filter_error err = {
			.message = message, .pos = e->pos, .span = e->span, .text = a->text,
			.hint = filter_value_hint((enum param_type)lhs->type),
		};

		report(r, &err);
		return false;
	}
	if ((a->op == OP_BCONTAINS || a->op == OP_BSTARTSWITH) && !decode_hex(r->c->arena, ret)) {
		fail_at(r, a, e->pos, e->span, "filter error: bcontains and bstartswith operator "
			"support hex strings only");
		return false;
	}
	if (wrapped)
		check_warn(r, a, DIAG_LINT_VALUE_WRAPS, e->pos, e->span,
			   arena_printf(r->c->arena, "%.*s is outside the range of %s",
					STR_ARG(e->text), lhs->text.p));
	return true;
}

static void free_regex(void *re)
{
	regex_free(re);
}

static bool compile_regex(struct check_run *r, const struct ast *a, const struct expr *e,
			  struct regex **ret)
{
	_cleanup_free_ char *message = NULL;
	struct regex *re = regex_new(e->text, &message);

	if (!re) {
		fail_at(r, a, e->pos, e->span,
			arena_printf(r->c->arena, "invalid regex pattern: %s",
				     message ? message : "cannot be compiled"));
		return false;
	}
	if (arena_on_free(r->c->arena, free_regex, re) < 0) {
		regex_free(re);
		r->oom = true;
		return false;
	}
	*ret = re;
	return true;
}

static bool check_regexes(struct check_run *r, struct ast *a)
{
	bool ok = true;

	a->regexes = arena_array(r->c->arena, a->nvalues, sizeof(struct regex *));
	if (!a->regexes && a->nvalues) {
		r->oom = true;
		return false;
	}
	for (uint32_t i = 0; i < a->nvalues; i++)
		ok &= compile_regex(r, a, a->values[i], &a->regexes[i]);
	return ok;
}

static bool check_consts(struct check_run *r, struct ast *a, const struct operand *lhs)
{
	bool ok = true;

	a->consts = arena_array(r->c->arena, a->nvalues, sizeof(*a->consts));
	if (!a->consts && a->nvalues) {
		r->oom = true;
		return false;
	}
	for (uint32_t i = 0; i < a->nvalues; i++)
		ok &= check_const(r, a, lhs, a->values[i], &a->consts[i]);
	if (ok && a->op == OP_REGEX)
		ok = check_regexes(r, a);
	a->nconsts = a->nvalues;
	return ok;
}

/* True: the node is complete. */
static bool check_node(struct check_run *r, struct ast *a)
{
	struct operand *lhs = resolve_side(r, a, a->left);

	if (!lhs || !check_print_only(r, a, lhs) || !check_operator(r, a, lhs))
		return false;
	if (a->right ? !check_rhs(r, a, lhs) : !check_consts(r, a, lhs))
		return false;
	a->lhs = lhs;
	return true;
}

static bool first_visit(struct check_run *r, struct ast *a)
{
	uint64_t key = (uintptr_t)a;

	if (u64map_get(&r->seen, key))
		return false;
	if (u64map_put(&r->seen, key, a) < 0)
		r->oom = true;
	return true;
}

static void check_tree(struct check_run *r, struct ast *a)
{
	if (r->oom || !first_visit(r, a))
		return;
	for (uint32_t i = 0; i < a->nkids; i++)
		check_tree(r, a->kids[i]);
	if (a->kind == AST_IDENT)
		fail_at(r, a, a->pos, a->span,
			arena_printf(r->c->arena, "Undefined macro '%.*s' used in filter.",
				     STR_ARG(a->ident)));
	if (a->kind != AST_CHECK)
		return;
	warn_names(r, a);
	if (!a->checked)
		a->checked = check_node(r, a);
	if (a->checked)
		warn_values(r, a);
}

int filter_check(struct ast *ast, const struct filter_checker *c)
{
	struct check_run r = { .c = c };

	check_tree(&r, ast);
	u64map_done(&r.seen);
	return r.oom ? -ENOMEM : r.errors;
}
