/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Output templates, see format.h. Compiled by the facade once per rule (and by the loader's output
 * check), rendered by alert.c. Everything lives in the caller's arena.
 */
#include "engine/base/map.h"
#include "engine/base/utf8.h"
#include "engine/out/format.h"

/* So few fields are found faster by looking at them. */
enum { SEARCHED = 16 };

struct compiler {
	struct str text;
	uint32_t at;
	const struct field_scope *scope;
	struct arena *arena;		/* the scope's */
	bool keep;			/* fill `out` */
	struct format out;
	uint32_t fields_cap;
	struct strmap more;		/* by text, those behind the first SEARCHED ones */
	const char *error;
};

static int fail(struct compiler *c, const char *msg)
{
	c->error = msg ? msg : "out of memory";
	return msg ? -EINVAL : -ENOMEM;
}

/* One for each field, one in front of it, one behind the last. */
static int reserve_pieces(struct compiler *c)
{
	uint32_t n = 1;

	if (!c->keep)
		return 0;
	for (uint32_t i = 0; i < c->text.len; i++)
		n += c->text.p[i] == '%' ? 2 : 0;
	c->out.pieces = arena_array(c->arena, n, sizeof(*c->out.pieces));
	return c->out.pieces ? 0 : fail(c, NULL);
}

static void add_piece(struct compiler *c, struct format_piece piece)
{
	if (c->keep)
		c->out.pieces[c->out.npieces++] = piece;
}

static bool has_field(const struct compiler *c, struct str text)
{
	for (uint32_t i = 0; i < MIN(c->out.nfields, (uint32_t)SEARCHED); i++)
		if (str_eq(c->out.fields[i]->text, text))
			return true;
	return strmap_get(&c->more, text);
}

static int add_field(struct compiler *c, const struct field_ref *f)
{
	const struct field_ref **p;

	if (has_field(c, f->text))
		return 0;
	p = arena_grow(c->arena, c->out.fields, &c->fields_cap, c->out.nfields + 1, sizeof(*p));
	if (!p || (c->out.nfields >= SEARCHED && strmap_put(&c->more, f->text, (void *)f)))
		return fail(c, NULL);
	p[c->out.nfields++] = f;
	c->out.fields = p;
	return 0;
}

static int add_fields(struct compiler *c, const struct operand *op)
{
	int r = op->kind == OPERAND_FIELD ? add_field(c, &op->field) : 0;

	for (uint32_t i = 0; i < op->nargs && !r; i++)
		r = add_fields(c, op->args[i]);
	return r;
}

/* The whole of `text` as an operand, or NULL with the reason in *ret_msg. */
static struct operand *whole_operand(struct compiler *c, struct str text, const char **ret_msg)
{
	struct operand *op = NULL;
	struct pos pos;
	struct scan s;
	struct expr *e;

	scan_init(&s, text, c->arena);
	e = expr_parse_left(&s);
	if (!e || s.at != text.len) {
		*ret_msg = s.error ? s.error : arena_printf(c->arena, "'%.*s' is not a field",
							    STR_ARG(text));
		return NULL;
	}
	return operand_resolve(e, c->scope, &op, ret_msg, &pos) ? NULL : op;
}

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.';
}

/* Longer names are no fields; a bound for the tries. */
enum { NAME_MAX_TRIED = 1024, ARGS_MAX_TRIED = 8 };

static uint32_t name_len(struct str text)
{
	uint32_t n = 0;

	while (n < text.len && is_name_char(text.p[n]))
		n++;
	return MIN(n, (uint32_t)NAME_MAX_TRIED);
}

/*
 * The next shorter text that may be an operand when the first n characters are none. Parentheses
 * must be balanced, so a transformer can only lose its "[arg]".
 */
static uint32_t shorter(struct str text, uint32_t n, bool transformer, unsigned tries)
{
	uint32_t name = name_len(text);

	if (!transformer)
		return n > name ? name : n - 1;
	if (tries >= ARGS_MAX_TRIED || n < 2)
		return 0;
	for (n--; n > 1; n--)
		if (text.p[n - 1] == ')' && text.p[n] == '[')
			return n;
	return 0;
}

/* A plain field that was met before, as nearly all are: nothing to parse. Its length, or 0. */
static uint32_t known_field(const struct compiler *c, const struct scan *s, struct operand **ret_op)
{
	uint32_t n = c->scope->known ? scan_field(s) : 0;

	if (!n || (n < s->text.len && strchr("[(", s->text.p[n])))
		return 0;
	*ret_op = strmap_get(c->scope->known, str_sub(s->text, 0, n));
	return *ret_op ? n : 0;
}

/*
 * The operand at the start of `text`: the longest that there is. Its length; 0: none, with the
 * reason why the longest text of all is none in *ret_msg.
 */
static uint32_t longest_operand(struct compiler *c, struct str text, struct operand **ret_op,
				const char **ret_msg)
{
	const char *msg = NULL;
	bool transformer;
	unsigned tries = 0;
	struct expr *e;
	struct pos pos;
	struct scan s;
	uint32_t n;

	scan_init(&s, text, c->arena);
	n = known_field(c, &s, ret_op);
	if (n)
		return n;
	e = expr_parse_left(&s);
	if (e && operand_resolve(e, c->scope, ret_op, ret_msg, &pos) == 0)
		return s.at;
	if (!e)
		*ret_msg = s.error;	/* a parenthesis that is not closed, say */
	transformer = e && e->kind == EXPR_TRANSFORM;
	for (n = e ? shorter(text, s.at, transformer, tries++) : name_len(text); n > 0;
	     n = shorter(text, n, transformer, tries++)) {
		*ret_op = whole_operand(c, str_sub(text, 0, n), *ret_msg ? &msg : ret_msg);
		if (*ret_op)
			return n;
	}
	return 0;
}

static int compile_operand(struct compiler *c)
{
	struct format_piece piece = { .literal = STR_NONE };
	const char *msg = NULL;
	uint32_t start = c->at, n;

	while (c->at < c->text.len && c->text.p[c->at] >= '0' && c->text.p[c->at] <= '9') {
		if (piece.width < 1000000)
			piece.width = piece.width * 10 + (uint32_t)(c->text.p[c->at] - '0');
		c->at++;
	}
	if (c->at == c->text.len && c->at == start)
		return fail(c, "invalid formatting syntax: formatting cannot end with a %");
	n = longest_operand(c, str_sub(c->text, c->at, c->text.len), &piece.operand, &msg);
	if (n) {
		c->at += n;
		add_piece(c, piece);
		return c->keep ? add_fields(c, piece.operand) : 0;
	}
	c->at = start;
	return fail(c, arena_printf(c->arena, "unknown filter: %s", msg ? msg :
				    "unexpected token after '%', expecting a field"));
}

static int compile_text(struct compiler *c)
{
	int r = reserve_pieces(c);

	while (!r && c->at < c->text.len) {
		uint32_t start = c->at;
		const char *percent = memchr(c->text.p + start, '%', c->text.len - start);

		c->at = percent ? (uint32_t)(percent - c->text.p) : c->text.len;
		if (c->at > start) {
			struct str lit = str_sub(c->text, start, c->at);

			add_piece(c, (struct format_piece){ .literal = lit });
		}
		if (c->at < c->text.len) {
			c->at++;
			r = compile_operand(c);
		}
	}
	return r;
}

static struct pos text_pos(struct str text, uint32_t at)
{
	struct pos pos = { 1, 1, at };

	for (uint32_t i = 0; i < at && i < text.len; i++) {
		pos.col++;
		if (text.p[i] == '\n') {
			pos.line++;
			pos.col = 1;
		}
	}
	return pos;
}

static int compile(struct compiler *c, const char **ret_msg, struct pos *ret_pos)
{
	int r;

	if (!c->text.p)
		r = fail(c, NULL);
	else
		r = c->text.len ? compile_text(c) : fail(c, "empty formatting token");
	strmap_done(&c->more);
	if (r) {
		*ret_msg = c->error;
		*ret_pos = text_pos(c->text, c->at ? c->at - 1 : 0);
	}
	return r;
}

int format_compile(struct str text, const struct field_scope *scope, struct format *ret,
		   const char **ret_msg, struct pos *ret_pos)
{
	/* Operands borrow the text they were parsed from. */
	struct compiler c = {
		.text = arena_str(scope->arena, text), .scope = scope, .arena = scope->arena,
		.keep = true,
	};
	int r = compile(&c, ret_msg, ret_pos);

	if (!r)
		*ret = c.out;
	return r;
}

int format_check(struct str text, const struct field_scope *scope, const char **ret_msg,
		 struct pos *ret_pos)
{
	struct compiler c = {
		.text = text.p ? text : STR(""), .scope = scope, .arena = scope->arena,
	};

	return compile(&c, ret_msg, ret_pos);
}

/* Pad or cut what was written since `start` to exactly `width` characters. */
static void fit_width(struct buf *out, size_t start, uint32_t width)
{
	size_t at = start;
	uint32_t n = 0;

	if (out->err)
		return;
	while (at < out->len && n < width) {
		uint32_t cp;
		unsigned bad = 0;
		unsigned len = utf8_decode((const unsigned char *)out->p + at, out->len - at, &cp,
					   &bad);

		at += len ? len : MAX(bad, 1U);
		n++;
	}
	out->len = MIN(at, out->len);
	for (; n < width; n++)
		buf_add_char(out, ' ');
}

void format_render(const struct format *f, struct event_ctx *ctx, struct buf *out)
{
	for (uint32_t i = 0; i < f->npieces; i++) {
		const struct format_piece *p = &f->pieces[i];
		size_t start = out->len;

		if (!p->operand) {
			buf_add_str(out, p->literal);
			continue;
		}
		if (!operand_print(p->operand, ctx, out)) {
			out->len = MIN(start, out->len);
			buf_add_c(out, "<NA>");
		}
		if (p->width)
			fit_width(out, start, p->width);
	}
}
