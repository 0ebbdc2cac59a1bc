/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explanations, see explain.h. Trees are walked without short cuts, so every operand has a value to
 * show; what a node means is decided by the oracle alone.
 */
#include "engine/match/explain.h"
#include "engine/base/map.h"
#include "engine/match/oracle.h"

enum { VALUES_SHOWN = 6, VALUE_BYTES_SHOWN = 200, TRUTH_COLUMN = 4 };

static const char *const kind_words[] = {
	[AST_AND] = "and", [AST_OR] = "or", [AST_NOT] = "not",
};

/* ---- parts of a rule ----------------------------------------------------------------------- */

/* Exceptions stand at the end of the condition, as negations of what they except. */
static uint32_t exceptions_within(const struct rule *rule)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < rule->nexceptions; i++)
		n += rule->exceptions[i].ast != NULL;
	return n;
}

const struct ast *explain_own_part(const struct rule *rule, uint32_t i)
{
	uint32_t n = exceptions_within(rule);

	if (!n)
		return i == 0 ? rule->ast : NULL;
	return i < rule->ast->nkids - n ? rule->ast->kids[i] : NULL;
}

static bool own_parts_hold(const struct rule *rule, struct event_ctx *ctx)
{
	const struct ast *part;

	for (uint32_t i = 0; (part = explain_own_part(rule, i)) != NULL; i++)
		if (!match_ast(part, ctx))
			return false;
	return true;
}

const struct ruleset_macro *explain_macro(const struct ruleset *rs, const struct ast *node)
{
	for (uint32_t i = 0; i < rs->nmacros; i++)
		if (rs->macros[i]->ast == node)
			return rs->macros[i];
	return NULL;
}

/* The exception that the node is the negation of, or NULL. */
static const struct rule_exception *exception_of(const struct rule *rule, const struct ast *node)
{
	for (uint32_t i = 0; i < rule->nexceptions; i++)
		if (node->kind == AST_NOT && rule->exceptions[i].ast == node->kids[0])
			return &rule->exceptions[i];
	return NULL;
}

/* ---- distance ------------------------------------------------------------------------------ */

bool explain_applies(const struct rule *rule, const struct event_ctx *ctx)
{
	return rule->active && rule->ast && evtset_has(&rule->events, ctx->ev->type) &&
	       str_eq(rule->source, ctx->source);
}

/* How many checks would have to change their result for the node to become `want`. */
static uint32_t distance(const struct ast *a, struct event_ctx *ctx, bool want)
{
	bool sum = (a->kind == AST_AND) == want;
	uint32_t all = 0, least = UINT32_MAX;

	if (a->kind == AST_CHECK)
		return oracle_check(a, ctx) != want;
	if (a->kind == AST_NOT)
		return distance(a->kids[0], ctx, !want);
	for (uint32_t i = 0; i < a->nkids; i++) {
		uint32_t d = distance(a->kids[i], ctx, want);

		all += d;
		least = MIN(least, d);
	}
	return sum ? all : least;
}

/* ---- texts --------------------------------------------------------------------------------- */

static void add_cut(struct buf *out, struct str s)
{
	buf_add_str(out, str_sub(s, 0, MIN(s.len, (uint32_t)VALUE_BYTES_SHOWN)));
	if (s.len > VALUE_BYTES_SHOWN)
		buf_add_c(out, "...");
}

void explain_operand(const struct operand *op, struct event_ctx *ctx, struct buf *out)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct value_list values;

	if (!operand_eval(op, ctx, &values) || !values.n) {
		buf_add_c(out, "no value");
		return;
	}
	for (uint32_t i = 0; i < values.n && i < VALUES_SHOWN; i++) {
		buf_clear(&text);
		value_show(&text, &values.v[i]);
		buf_add_c(out, i ? ", '" : "'");
		add_cut(out, buf_str(&text));
		buf_add_char(out, '\'');
	}
	if (values.n > VALUES_SHOWN)
		buf_printf(out, " and %u more", values.n - VALUES_SHOWN);
}

static void add_constants(const struct ast *check, struct buf *out)
{
	if (check->right_is_list)
		buf_add_char(out, '(');
	for (uint32_t i = 0; i < check->nvalues && i < VALUES_SHOWN; i++) {
		if (i)
			buf_add_c(out, ", ");
		expr_print(out, check->values[i]);
	}
	if (check->nvalues > VALUES_SHOWN)
		buf_printf(out, ", ... %u values", check->nvalues);
	if (check->right_is_list)
		buf_add_char(out, ')');
}

void explain_check_text(const struct ast *check, struct buf *out)
{
	expr_print(out, check->left);
	buf_printf(out, " %s", op_infos[check->op].spelling);
	if (check->modifier != MOD_NONE)
		buf_printf(out, " %s", modifier_names[check->modifier]);
	if (op_infos[check->op].right == OP_RIGHT_NONE)
		return;
	buf_add_char(out, ' ');
	if (check->right)
		expr_print(out, check->right);
	else
		add_constants(check, out);
}

/* "proc.name = sh   <- 'bash'", both sides when the right one is a field, too. */
static void add_check(const struct ast *check, struct event_ctx *ctx, struct buf *out)
{
	explain_check_text(check, out);
	buf_add_c(out, "   <- ");
	explain_operand(check->lhs, ctx, out);
	if (check->rhs) {
		buf_add_c(out, ", ");
		explain_operand(check->rhs, ctx, out);
	}
}

/* ---- tree ---------------------------------------------------------------------------------- */

struct tree {
	const struct ruleset *rs;
	const struct rule *rule;
	struct event_ctx *ctx;
	struct buf *out;
};

static void start_line(struct tree *t, bool truth, unsigned indent)
{
	buf_printf(t->out, "%-*s%*s", TRUTH_COLUMN, truth ? "yes" : "no", (int)indent, "");
}

/* "and, macro spawned_process", "not, exception backup_agents". */
static void add_label(struct tree *t, const struct ast *a)
{
	const struct ruleset_macro *macro = explain_macro(t->rs, a);
	const struct rule_exception *e = exception_of(t->rule, a);

	if (a->kind != AST_CHECK)
		buf_add_c(t->out, kind_words[a->kind]);
	if (macro)
		buf_printf(t->out, "%smacro %.*s", a->kind != AST_CHECK ? ", " : "",
			   STR_ARG(macro->name.s));
	if (e)
		buf_printf(t->out, ", exception %.*s", STR_ARG(e->name.s));
	if (macro && a->kind == AST_CHECK)
		buf_add_c(t->out, ": ");
}

static void add_node(struct tree *t, const struct ast *a, unsigned indent)
{
	start_line(t, match_ast(a, t->ctx), indent);
	add_label(t, a);
	if (a->kind == AST_CHECK)
		add_check(a, t->ctx, t->out);
	buf_add_char(t->out, '\n');
	for (uint32_t i = 0; i < a->nkids; i++)
		add_node(t, a->kids[i], indent + 2);
}

void explain_tree(const struct ruleset *rs, const struct rule *rule, struct event_ctx *ctx,
		  unsigned indent, struct buf *out)
{
	struct tree t = { rs, rule, ctx, out };

	add_node(&t, rule->ast, indent);
}

/* ---- what stands in the way ---------------------------------------------------------------- */

struct blockers {
	struct event_ctx *ctx;
	uint32_t n, missing;
	uint64_t reason;
	struct buf *out;		/* NULL: only count */
	unsigned indent;
};

static void add_blocker(struct blockers *b, const struct ast *check, bool want)
{
	b->n++;
	b->missing += want;
	b->reason = hash_u64(b->reason ^ (uintptr_t)check);
	if (!b->out)
		return;
	buf_printf(b->out, "%*s%s: ", (int)b->indent, "", want ? "false" : "true");
	add_check(check, b->ctx, b->out);
	buf_add_char(b->out, '\n');
}

/* The checks that keep the node from being `want`; where one of several would do, the nearest. */
static void find_blockers(struct blockers *b, const struct ast *a, bool want)
{
	const struct ast *best = NULL;
	uint32_t least = UINT32_MAX;

	if (a->kind == AST_CHECK) {
		if (oracle_check(a, b->ctx) != want)
			add_blocker(b, a, want);
		return;
	}
	if (a->kind == AST_NOT) {
		find_blockers(b, a->kids[0], !want);
		return;
	}
	for (uint32_t i = 0; i < a->nkids; i++) {
		uint32_t d;

		if ((a->kind == AST_AND) == want) {
			find_blockers(b, a->kids[i], want);
			continue;
		}
		d = distance(a->kids[i], b->ctx, want);
		if (d < least) {
			least = d;
			best = a->kids[i];
		}
	}
	if (best)
		find_blockers(b, best, want);
}

void explain_blockers(const struct rule *rule, struct event_ctx *ctx, unsigned indent,
		      struct buf *out)
{
	struct blockers b = { .ctx = ctx, .out = out, .indent = indent };

	find_blockers(&b, rule->ast, true);
}

/* ---- verdict ------------------------------------------------------------------------------- */

static const struct rule_exception *swallower(const struct rule *rule, struct event_ctx *ctx)
{
	if (!own_parts_hold(rule, ctx))
		return NULL;
	for (uint32_t i = 0; i < rule->nexceptions; i++)
		if (rule->exceptions[i].ast && match_ast(rule->exceptions[i].ast, ctx))
			return &rule->exceptions[i];
	return NULL;
}

void explain_judge(const struct rule *rule, struct event_ctx *ctx, struct explain_verdict *ret)
{
	struct blockers b = { .ctx = ctx };

	find_blockers(&b, rule->ast, true);
	*ret = (struct explain_verdict){
		.matches = b.n == 0,
		.distance = b.n,
		.missing = b.missing,
		.reason = b.reason,
		.swallowed_by = b.n ? swallower(rule, ctx) : NULL,
	};
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void json_text(struct json *j, const char *key, struct buf *text)
{
	json_key(j, key);
	json_str(j, buf_str(text));
	buf_clear(text);
}

static void json_check(struct tree *t, const struct ast *a, struct json *j)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	explain_check_text(a, &text);
	json_text(j, "check", &text);
	explain_operand(a->lhs, t->ctx, &text);
	json_text(j, "value", &text);
	if (!a->rhs)
		return;
	explain_operand(a->rhs, t->ctx, &text);
	json_text(j, "right", &text);
}

static void json_node(struct tree *t, const struct ast *a, struct json *j)
{
	const struct ruleset_macro *macro = explain_macro(t->rs, a);
	const struct rule_exception *e = exception_of(t->rule, a);

	json_obj(j);
	json_key(j, "truth");
	json_bool(j, match_ast(a, t->ctx));
	if (macro) {
		json_key(j, "macro");
		json_str(j, macro->name.s);
	}
	if (e) {
		json_key(j, "exception");
		json_str(j, e->name.s);
	}
	if (a->kind == AST_CHECK) {
		json_check(t, a, j);
	} else {
		json_key(j, kind_words[a->kind]);
		json_arr(j);
		for (uint32_t i = 0; i < a->nkids; i++)
			json_node(t, a->kids[i], j);
		json_arr_end(j);
	}
	json_obj_end(j);
}

void explain_json(const struct ruleset *rs, const struct rule *rule, struct event_ctx *ctx,
		  struct json *j)
{
	struct tree t = { rs, rule, ctx, j->out };

	json_node(&t, rule->ast, j);
}
