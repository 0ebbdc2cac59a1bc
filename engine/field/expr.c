/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parser and printer of field expressions. Called by the condition parser and output templates;
 * trees belong to the arena of the cursor.
 */
#include "engine/field/expr.h"
#include "engine/field/transform.h"

static struct expr *expr_new(struct scan *s, enum expr_kind kind)
{
	struct expr *e = arena_new(s->arena, struct expr);

	if (!e) {
		scan_oom(s);
		return NULL;
	}
	e->kind = (uint8_t)kind;
	e->pos = s->pos;
	return e;
}

static struct expr *expr_end(struct scan *s, struct expr *e)
{
	e->span = s->at - e->pos.offset;
	return s->error ? NULL : e;
}

bool expr_append(struct scan *s, struct expr ***items, uint32_t *n, uint32_t *cap, struct expr *e)
{
	struct expr **grown;

	if (*n == *cap) {
		grown = arena_grow(s->arena, *items, cap, *n + 1, sizeof(**items));
		if (!grown) {
			scan_oom(s);
			return false;
		}
		*items = grown;
	}
	(*items)[(*n)++] = e;
	return true;
}

/* "[arg]" behind a name, if there is one: false = it started and is wrong. */
static bool expr_parse_arg(struct scan *s, bool *ret_has, struct str *ret_arg)
{
	uint32_t n;
	struct str arg;

	if (!scan_accept_byte(s, '['))
		return true;
	n = scan_field_arg(s);
	if (n) {
		arg = scan_take(s, n);
	} else if (!scan_quoted(s, &arg)) {
		scan_fail(s, "expected a valid field argument: a quoted string or a bare string");
		return false;
	}
	if (!scan_accept_byte(s, ']')) {
		scan_fail(s, "expected a ']' token");
		return false;
	}
	*ret_has = true;
	*ret_arg = arg;
	return true;
}

/* `ident`: the length of the name's first part. */
static struct expr *parse_field(struct scan *s, uint32_t ident)
{
	uint32_t n = scan_field_from(s, ident);
	struct expr *e;

	if (!n)
		return NULL;
	e = expr_new(s, EXPR_FIELD);
	if (!e)
		return NULL;
	e->text = scan_take(s, n);
	if (!expr_parse_arg(s, &e->has_arg, &e->arg))
		return NULL;
	return expr_end(s, e);
}

static struct expr *constant(struct scan *s, struct str text, struct pos pos, bool quoted,
			     bool number)
{
	struct expr *e = expr_new(s, EXPR_CONST);

	if (!e)
		return NULL;
	e->pos = pos;
	e->text = text;
	e->quoted = quoted;
	e->is_number = number;
	return expr_end(s, e);
}

static struct expr *parse_quoted(struct scan *s)
{
	struct pos pos = s->pos;
	struct str text;

	return scan_quoted(s, &text) ? constant(s, text, pos, true, false) : NULL;
}

struct expr *expr_parse_number(struct scan *s)
{
	struct pos pos = s->pos;
	uint32_t n = scan_number(s);

	return n ? constant(s, scan_take(s, n), pos, false, true) : NULL;
}

struct expr *expr_parse_value(struct scan *s)
{
	struct pos pos = s->pos;
	uint32_t n = scan_bare(s);
	bool number;

	if (!n)
		return parse_quoted(s);
	number = scan_number(s) == n;
	return constant(s, scan_take(s, n), pos, false, number);
}

static bool parse_transform_list(struct scan *s, struct expr *e);

/* One argument; lists are allowed at the outer level only. */
static struct expr *parse_transform_arg(struct scan *s, bool allow_list)
{
	struct expr *e = parse_quoted(s);

	if (!e && !s->error)
		e = expr_parse_number(s);
	if (!e && !s->error)
		e = expr_parse_left(s);
	if (!e && !s->error && allow_list && scan_peek(s, 0) == '(') {
		e = expr_new(s, EXPR_LIST);
		if (!e || !parse_transform_list(s, e))
			return NULL;
		e = expr_end(s, e);
	}
	if (!e && allow_list)
		scan_fail(s,
			  "expected field transformer argument: field, transformer, quoted string, "
			  "number, or transformer list");
	else if (!e)
		scan_fail(s,
			  "expected transformer list argument: field, transformer, quoted string, "
			  "or number");
	return e;
}

/* Arguments separated by commas up to the closing parenthesis, which is left to the caller. */
static bool parse_transform_args(struct scan *s, struct expr *e, bool allow_list)
{
	uint32_t cap = 0;

	do {
		struct expr *arg;

		scan_blanks(s);
		arg = parse_transform_arg(s, allow_list);
		if (!arg || !expr_append(s, &e->args, &e->nargs, &cap, arg))
			return false;
		scan_blanks(s);
	} while (scan_accept_byte(s, ','));
	return true;
}

static bool parse_transform_list(struct scan *s, struct expr *e)
{
	scan_accept_byte(s, '(');
	scan_blanks(s);
	if (scan_accept_byte(s, ')'))
		return true;
	if (!parse_transform_args(s, e, false))
		return false;
	if (!scan_accept_byte(s, ')')) {
		scan_fail(s, "expected a ')' token closing the transformer list");
		return false;
	}
	return true;
}

static bool close_transform(struct scan *s, struct expr *e)
{
	scan_blanks(s);
	if (!scan_accept_byte(s, ')')) {
		scan_fail(s, "expected a ')' token closing the transformer");
		return false;
	}
	return expr_parse_arg(s, &e->has_arg, &e->arg);
}

/* Name and parenthesis of a transformer; the name must touch its parenthesis. */
static struct expr *open_transform(struct scan *s, struct str name)
{
	struct expr *e = expr_new(s, EXPR_TRANSFORM);

	if (!e)
		return NULL;
	e->text = scan_take(s, name.len);
	scan_accept_byte(s, '(');
	return e;
}

static struct str transform_name(const struct scan *s)
{
	uint32_t n = scan_ident(s);

	if (!n || scan_peek(s, n) != '(')
		return STR_NONE;
	return str_sub(s->text, s->at, s->at + n);
}

static struct expr *parse_transform(struct scan *s)
{
	struct str name = transform_name(s);
	struct expr *e;

	if (!name.p || !transformer_find(name) || !scan_enter(s))
		return NULL;
	e = open_transform(s, name);
	if (!e || !parse_transform_args(s, e, true) || !close_transform(s, e))
		return NULL;
	scan_leave(s);
	return expr_end(s, e);
}

static struct expr *parse_val(struct scan *s)
{
	struct str name = transform_name(s);
	struct expr *e, *field;
	uint32_t cap = 0;

	if (!name.p || !str_is(name, "val"))
		return NULL;
	e = open_transform(s, name);
	if (!e)
		return NULL;
	scan_blanks(s);
	field = parse_field(s, scan_ident(s));
	if (!field) {
		scan_fail(s, "expected a field within 'val' transformer");
		return NULL;
	}
	if (!expr_append(s, &e->args, &e->nargs, &cap, field) || !close_transform(s, e))
		return NULL;
	return expr_end(s, e);
}

struct expr *expr_parse_left(struct scan *s)
{
	uint32_t n = scan_ident(s);

	/* The name of a transformer touches its parenthesis, that of a field has a dot. */
	if (n && scan_peek(s, n) == '(')
		return parse_transform(s);
	return n ? parse_field(s, n) : NULL;
}

struct expr *expr_parse_right(struct scan *s)
{
	struct expr *e;

	if (!transform_name(s).p)	/* nearly always */
		return NULL;
	e = parse_val(s);
	return e || s->error ? e : parse_transform(s);
}

static const char *escape_of(char c)
{
	static const struct {
		char c;
		const char *escape;
	} escapes[] = {
		{ '\b', "\\b" }, { '\f', "\\f" }, { '\n', "\\n" },  { '\r', "\\r" },
		{ '\t', "\\t" }, { '"', "\\\"" }, { '\\', "\\\\" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(escapes); i++)
		if (escapes[i].c == c)
			return escapes[i].escape;
	return NULL;
}

void expr_print_value(struct buf *out, struct str v)
{
	bool quote = false;

	for (uint32_t i = 0; i < v.len && !quote; i++)
		quote = v.p[i] && strchr(" \t\n\v\f\r\b=\\\"'", v.p[i]);
	if (!quote) {
		buf_add_str(out, v);
		return;
	}
	buf_add_char(out, '"');
	for (uint32_t i = 0; i < v.len; i++) {
		const char *e = escape_of(v.p[i]);

		if (e)
			buf_add_c(out, e);
		else
			buf_add_char(out, v.p[i]);
	}
	buf_add_char(out, '"');
}

static void print_arg(struct buf *out, struct str arg)
{
	buf_add_char(out, '[');
	if (arg.len)
		expr_print_value(out, arg);
	else
		buf_add_c(out, "\"\"");
	buf_add_char(out, ']');
}

void expr_print(struct buf *out, const struct expr *e)
{
	if (e->kind == EXPR_CONST) {
		expr_print_value(out, e->text);
		return;
	}
	if (e->kind != EXPR_LIST)
		buf_add_str(out, e->text);
	if (e->kind != EXPR_FIELD) {
		buf_add_char(out, '(');
		for (uint32_t i = 0; i < e->nargs; i++) {
			if (i)
				buf_add_char(out, ',');
			expr_print(out, e->args[i]);
		}
		buf_add_char(out, ')');
	}
	if (e->has_arg)
		print_arg(out, e->arg);
}
