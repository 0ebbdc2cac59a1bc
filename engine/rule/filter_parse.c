/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parser of conditions: recursive descent over scan.h, one function per line of the grammar. Called
 * by the rule loader and the command line; the tree belongs to the arena and borrows the text.
 */
#include "engine/field/transform.h"
#include "engine/rule/filter_run.h"

typedef struct ast *(*parse_fn)(struct scan *s);

static struct ast *parse_expr(struct scan *s);

static struct ast *ast_new(struct scan *s, enum ast_kind kind, struct pos pos)
{
	struct ast *a = arena_new(s->arena, struct ast);

	if (!a) {
		scan_oom(s);
		return NULL;
	}
	a->kind = (uint8_t)kind;
	a->pos = pos;
	a->height = 1;
	a->text = s->text.p;
	return a;
}

static struct ast *ast_end(struct scan *s, struct ast *a)
{
	a->span = s->at - a->pos.offset;
	a->weight = a->span;
	return a;
}

static bool add_kid(struct scan *s, struct ast *a, uint32_t *cap, struct ast *kid)
{
	struct ast **grown;

	if (a->nkids == *cap) {
		grown = arena_grow(s->arena, a->kids, cap, a->nkids + 1, sizeof(*grown));
		if (!grown) {
			scan_oom(s);
			return false;
		}
		a->kids = grown;
	}
	a->kids[a->nkids++] = kid;
	a->height = MAX(a->height, kid->height + 1);
	if (a->height > s->max_depth) {
		scan_too_deep(s);
		return false;
	}
	return true;
}

/* "expected WHAT or a field with a valid transformer: 'val', ...". */
static void fail_expected(struct scan *s, const char *what)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (uint32_t i = 0; i < transformer_count; i++)
		buf_printf(&b, ", '%s'", transformers[i].name);
	scan_fail(s, "expected %s or a field with a valid transformer: 'val'%.*s", what,
		  STR_ARG(buf_str(&b)));
}

static struct ast *parse_parens(struct scan *s)
{
	struct ast *a;

	if (!scan_enter(s))
		return NULL;
	scan_accept_byte(s, '(');
	scan_blanks(s);
	a = parse_expr(s);
	if (!a)
		return NULL;
	scan_blanks(s);
	if (!scan_accept_byte(s, ')')) {
		scan_fail(s, "expected a ')' token");
		return NULL;
	}
	scan_leave(s);
	return a;
}

/* Values in parentheses; the cursor is at the opening one. */
static bool parse_list(struct scan *s, struct ast *a)
{
	uint32_t cap = 0;
	struct expr *v;

	a->right_is_list = true;
	scan_accept_byte(s, '(');
	scan_blanks(s);
	v = expr_parse_value(s);
	while (v && expr_append(s, &a->values, &a->nvalues, &cap, v)) {
		scan_blanks(s);
		if (!scan_accept_byte(s, ','))
			break;
		scan_blanks(s);
		v = expr_parse_value(s);
		if (!v)
			scan_fail(s, "expected a string value");
	}
	if (!s->error && !scan_accept_byte(s, ')'))
		scan_fail(s, "expected a ')' token");
	return !s->error;
}

static bool take_value(struct scan *s, struct ast *a, struct expr *v)
{
	uint32_t cap = 0;

	return expr_append(s, &a->values, &a->nvalues, &cap, v);
}

static bool is_keyword(struct str s)
{
	return str_is(s, "and") || str_is(s, "or") || str_is(s, "not");
}

/* MODIFIER and its list. The words are ordinary values when no list follows: then none is here. */
static bool try_modifier(struct scan *s, struct ast *a)
{
	const struct scan mark = *s;
	struct str word = str_sub(s->text, s->at, s->at + scan_ident(s));
	unsigned m = MOD_NONE + 1;
	struct expr *v;
	uint32_t n;

	while (m < MOD_COUNT && !str_is(word, modifier_names[m]))
		m++;
	if (m == MOD_COUNT)
		return false;
	scan_take(s, word.len);
	if (!scan_blanks(s))
		goto none;
	a->modifier = (uint8_t)m;
	if (scan_peek(s, 0) == '(')
		return parse_list(s, a);
	n = scan_ident(s);
	if (!n || is_keyword(str_sub(s->text, s->at, s->at + n)))
		goto none;
	v = arena_new(s->arena, struct expr);
	if (!v) {
		scan_oom(s);
		return false;
	}
	*v = (struct expr){ .kind = EXPR_CONST, .pos = s->pos, .span = n };
	v->text = scan_take(s, n);
	return take_value(s, a, v);
none:
	a->modifier = MOD_NONE;
	*s = mark;
	return false;
}

/* The right side of the operator a->op. */
static bool parse_right_side(struct scan *s, struct ast *a)
{
	const struct op_info *op = &op_infos[a->op];
	bool blank = scan_blanks(s);
	struct expr *v;

	if (op->modifier && blank && try_modifier(s, a))
		return true;
	if (op->right == OP_RIGHT_LIST && scan_peek(s, 0) == '(')
		return parse_list(s, a);
	if (!s->error)
		a->right = expr_parse_right(s);
	if (a->right || s->error)
		return !s->error;
	v = op->right == OP_RIGHT_NUMBER ? expr_parse_number(s) : expr_parse_value(s);
	if (v)
		return take_value(s, a, v);
	fail_expected(s, op->right == OP_RIGHT_NUMBER ? "a number value" :
			 op->right == OP_RIGHT_LIST   ? "a list, an identifier," :
							"a string value");
	return false;
}

static bool is_word(const struct op_info *op)
{
	return op->spelling[0] >= 'a' && op->spelling[0] <= 'z';
}

static void fail_op(struct scan *s)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (unsigned i = 0; i < OP_COUNT; i++)
		buf_printf(&b, "%s'%s'", i ? ", " : "", op_infos[i].spelling);
	scan_fail(s, "expected a valid check operator: one of %.*s", STR_ARG(buf_str(&b)));
}

static bool parse_op(struct scan *s, uint8_t *ret_op)
{
	for (unsigned i = 0; i < OP_COUNT; i++) {
		const struct op_info *op = &op_infos[i];
		uint32_t n = scan_literal(s, op->spelling);

		/* Only word operators with a string on the right insist on a blank. */
		if (!n || (is_word(op) && op->right == OP_RIGHT_STRING &&
			   !scan_is_blank(scan_peek(s, n))))
			continue;
		scan_take(s, n);
		*ret_op = (uint8_t)i;
		return true;
	}
	fail_op(s);
	return false;
}

static struct ast *parse_check(struct scan *s, struct expr *left)
{
	struct ast *a = ast_new(s, AST_CHECK, left->pos);

	if (!a)
		return NULL;
	a->left = left;
	scan_blanks(s);
	if (!parse_op(s, &a->op))
		return NULL;
	if (op_infos[a->op].right != OP_RIGHT_NONE && !parse_right_side(s, a))
		return NULL;
	return ast_end(s, a);
}

static struct ast *parse_primary(struct scan *s)
{
	struct expr *left;
	struct ast *a;
	uint32_t n;

	if (scan_peek(s, 0) == '(')
		return parse_parens(s);
	left = expr_parse_left(s);
	if (left)
		return parse_check(s, left);
	n = scan_ident(s);
	if (!n)
		scan_fail(s, "expected a '(' token, a field check, or an identifier");
	if (s->error)
		return NULL;
	a = ast_new(s, AST_IDENT, s->pos);
	if (!a)
		return NULL;
	a->ident = scan_take(s, n);
	return ast_end(s, a);
}

/* An even number of "not" in a row is nothing. */
static struct ast *parse_not(struct scan *s)
{
	struct pos pos = s->pos;
	bool negate = false;
	struct ast *a, *kid;
	uint32_t cap = 0;

	while (scan_literal(s, "not")) {
		int c = scan_peek(s, 3);

		if (!scan_is_blank(c) && c != '(')
			break;
		negate = !negate;
		scan_take(s, 3);
		scan_blanks(s);
	}
	kid = parse_primary(s);
	if (!kid || !negate)
		return kid;
	a = ast_new(s, AST_NOT, pos);
	return a && add_kid(s, a, &cap, kid) ? ast_end(s, a) : NULL;
}

/*
 * operand { word operand }. An operand that follows the word without a blank is parsed by `tight`:
 * "a or(b) and c" is not accepted.
 */
static struct ast *parse_chain(struct scan *s, enum ast_kind kind, const char *word, parse_fn next,
			       parse_fn tight)
{
	struct pos pos = s->pos;
	struct ast *first = next(s), *chain = NULL, *kid = first;
	uint32_t cap = 0;

	while (kid) {
		const struct scan mark = *s;

		scan_blanks(s);
		if (!scan_accept(s, word)) {
			*s = mark;
			break;
		}
		if (!chain) {
			chain = ast_new(s, kind, pos);
			if (!chain || !add_kid(s, chain, &cap, first))
				return NULL;
		}
		if (scan_blanks(s)) {
			kid = next(s);
		} else if (scan_peek(s, 0) == '(') {
			kid = tight(s);
		} else {
			scan_fail(s, "expected blank or '(' after '%s'", word);
			return NULL;
		}
		if (!kid || !add_kid(s, chain, &cap, kid))
			return NULL;
	}
	return chain ? ast_end(s, chain) : kid;
}

static struct ast *parse_and(struct scan *s)
{
	return parse_chain(s, AST_AND, "and", parse_not, parse_not);
}

static struct ast *parse_expr(struct scan *s)
{
	return parse_chain(s, AST_OR, "or", parse_and, parse_not);
}

static int parse_failed(const struct scan *s, struct limits *limits, struct filter_error *ret_err)
{
	if (s->oom)
		return -ENOMEM;
	if (s->too_deep)
		limits->hits[LIMIT_CONDITION_DEPTH]++;
	*ret_err = (struct filter_error){
		.message = s->error,
		.pos = s->error_pos,
		.span = MAX(s->error_span, 1u),
		.hint = s->too_deep ? NULL : filter_hint(s->arena, s->text, s->error_pos.offset,
							 s->error),
	};
	return -EINVAL;
}

int filter_parse(struct str text, struct arena *a, struct limits *limits, struct ast **ret,
		 struct filter_error *ret_err)
{
	struct scan s;
	struct ast *ast;

	scan_init(&s, text, a);
	s.max_depth = (uint32_t)limits->max[LIMIT_CONDITION_DEPTH];
	if (limit_over(limits, LIMIT_CONDITION_BYTES, text.len)) {
		scan_fail(&s, "condition is too long, at most %llu bytes",
			  (unsigned long long)limits->max[LIMIT_CONDITION_BYTES]);
		return parse_failed(&s, limits, ret_err);
	}
	scan_blanks(&s);
	ast = parse_expr(&s);
	scan_blanks(&s);
	if (ast && !scan_end(&s))
		scan_fail(&s, "unexpected token after '%.*s', expecting 'or', 'and'",
			  STR_ARG(s.last));
	if (s.error)
		return parse_failed(&s, limits, ret_err);
	*ret = ast;
	return 0;
}
