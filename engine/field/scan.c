/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of conditions and output templates. Called by expr.c and filter_parse.c; memory belongs to
 * the arena of the cursor.
 */
#include "engine/field/scan.h"
#include "engine/base/limits.h"

void scan_init(struct scan *s, struct str text, struct arena *a)
{
	*s = (struct scan){
		.text = text.p ? text : STR(""),	/* there is a place to count from */
		.arena = a,
		.pos = { .line = 1, .col = 1 },
		.last = STR(""),
		.max_depth = (uint32_t)limit_infos[LIMIT_CONDITION_DEPTH].def,
	};
}

/* What a byte can be; a byte without bits ends no token. */
enum { WORD = 1, NOT_BARE = 2, NOT_ARG = 4, BLANK = 8 };

#define SPACE (NOT_BARE | NOT_ARG)

static const uint8_t kinds[256] = {
	['a' ... 'z'] = WORD, ['A' ... 'Z'] = WORD, ['0' ... '9'] = WORD, ['_'] = WORD,
	[' '] = SPACE | BLANK, ['\t'] = SPACE | BLANK, ['\n'] = SPACE | BLANK,
	['\r'] = SPACE | BLANK, ['\v'] = SPACE, ['\f'] = SPACE, ['\b'] = BLANK,
	['"'] = NOT_BARE | NOT_ARG, ['\''] = NOT_BARE | NOT_ARG,
	['('] = NOT_BARE, [')'] = NOT_BARE, ['='] = NOT_BARE, [','] = NOT_BARE,
	['['] = NOT_ARG, [']'] = NOT_ARG,
};

static uint8_t kind_of(char c)
{
	return kinds[(unsigned char)c];
}

bool scan_is_blank(int c)
{
	return c >= 0 && kinds[c] & BLANK;
}

/* Bytes of a word from `from` on. */
static uint32_t word_len(const struct scan *s, uint32_t from)
{
	const char *p = s->text.p + s->at + from, *end = s->text.p + s->text.len, *start = p;

	while (p < end && kind_of(*p) & WORD)
		p++;
	return (uint32_t)(p - start);
}

/* Bytes up to the first one that has one of these bits. */
static uint32_t len_without(const struct scan *s, uint8_t bits)
{
	const char *p = s->text.p + s->at, *end = s->text.p + s->text.len, *start = p;

	while (p < end && !(kind_of(*p) & bits))
		p++;
	return (uint32_t)(p - start);
}

static bool is_alpha(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static uint32_t ident_at(const struct scan *s, uint32_t from)
{
	return is_alpha(scan_peek(s, from)) ? word_len(s, from) : 0;
}

uint32_t scan_ident(const struct scan *s)
{
	return ident_at(s, 0);
}

uint32_t scan_field(const struct scan *s)
{
	return scan_field_from(s, ident_at(s, 0));
}

uint32_t scan_field_from(const struct scan *s, uint32_t ident)
{
	uint32_t n = ident, part, dots = 0;

	while (n && scan_peek(s, n) == '.' && (part = ident_at(s, n + 1)) > 0) {
		n += 1 + part;
		dots++;
	}
	return dots ? n : 0;
}

uint32_t scan_field_arg(const struct scan *s)
{
	return len_without(s, NOT_ARG);
}

static uint32_t digits_at(const struct scan *s, uint32_t from)
{
	uint32_t n = from;

	while (is_digit(scan_peek(s, n)))
		n++;
	return n - from;
}

uint32_t scan_number(const struct scan *s)
{
	uint32_t n = 0, part;
	int c = scan_peek(s, 0);

	if (c == '0' && (scan_peek(s, 1) | 0x20) == 'x') {
		for (n = 2; is_alpha(scan_peek(s, n)) || is_digit(scan_peek(s, n)); n++)
			;
		if (n > 2)
			return n;
	}
	n = c == '+' || c == '-';
	part = digits_at(s, n);
	if (!part)
		return 0;
	n += part;
	n += scan_peek(s, n) == '.';
	n += digits_at(s, n);
	c = scan_peek(s, n + 1);
	if ((scan_peek(s, n) | 0x20) == 'e' && (c == '+' || c == '-')) {
		part = digits_at(s, n + 2);
		if (part)
			n += 2 + part;
	}
	return n;
}

uint32_t scan_bare(const struct scan *s)
{
	return len_without(s, NOT_BARE);
}

uint32_t scan_literal_here(const struct scan *s, const char *word)
{
	struct str w = str_from(word);

	return str_starts(str_sub(s->text, s->at, s->text.len), w) ? w.len : 0;
}

static void advance(struct scan *s, uint32_t n)
{
	const char *p = s->text.p + s->at;

	s->pos.col += n;
	for (uint32_t i = 0; i < n; i++) {
		if (p[i] == '\n') {
			s->pos.line++;
			s->pos.col = n - i;
		}
	}
	s->at += n;
	s->pos.offset = s->at;
}

/* Tokens have no newlines, but for quoted strings. */
struct str scan_take(struct scan *s, uint32_t n)
{
	struct str token = str_sub(s->text, s->at, s->at + n);

	s->at += n;
	s->pos.col += n;
	s->pos.offset = s->at;
	s->last = token;
	return token;
}

bool scan_blanks(struct scan *s)
{
	uint32_t n = 0, left = s->text.len - s->at;

	while (n < left && kind_of(s->text.p[s->at + n]) & BLANK)
		n++;
	if (n)
		advance(s, n);
	return n > 0;
}

bool scan_accept(struct scan *s, const char *word)
{
	uint32_t n = scan_literal(s, word);

	if (n)
		scan_take(s, n);
	return n > 0;
}

/*
 * A backslash before the quote keeps the string open, also when it is itself escaped: this is how
 * rules in the field are read.
 */
static uint32_t quoted_len(const struct scan *s)
{
	int quote = scan_peek(s, 0), c;

	if (quote != '"' && quote != '\'')
		return 0;
	for (uint32_t n = 1; (c = scan_peek(s, n)) >= 0; n++)
		if (c == quote && scan_peek(s, n - 1) != '\\')
			return n + 1;
	return 0;
}

static const char escape_letters[] = "bfnrt\\";
static const char escape_bytes[] = "\b\f\n\r\t\\";

static bool unescape(struct scan *s, struct str in, char quote, char *out, uint32_t *ret_len)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < in.len; i++) {
		struct pos pos = s->pos;
		const char *e;
		char c = in.p[i];

		if (c != '\\' || i + 1 == in.len) {
			out[n++] = c;
			continue;
		}
		c = in.p[++i];
		e = c ? strchr(escape_letters, c) : NULL;
		if (e) {
			out[n++] = escape_bytes[e - escape_letters];
			continue;
		}
		if (c == quote || c == ' ') {
			out[n++] = c == ' ' ? '\\' : c;
			continue;
		}
		/* From the opening quote to the backslash. */
		for (uint32_t k = 0; k < i; k++) {
			bool newline = k > 0 && in.p[k - 1] == '\n';

			pos.col = newline ? 1 : pos.col + 1;
			pos.line += newline;
		}
		pos.offset += i;
		if (c == '"' || c == '\'')
			scan_fail_at(s, pos, 2, "invalid \\%c escape in %c-quoted string", c,
				     quote);
		else
			scan_fail_at(s, pos, 2, "unsupported string escape sequence: \\%c", c);
		return false;
	}
	*ret_len = n;
	return true;
}

bool scan_quoted(struct scan *s, struct str *ret)
{
	uint32_t n = quoted_len(s), len;
	struct str in;
	char *copy;

	if (!n)
		return false;
	in = str_sub(s->text, s->at + 1, s->at + n - 1);
	if (in.len && memchr(in.p, '\\', in.len)) {
		copy = arena_alloc(s->arena, in.len);
		if (!copy) {
			scan_oom(s);
			return false;
		}
		if (!unescape(s, in, s->text.p[s->at], copy, &len))
			return false;
		in = (struct str){ copy, len };
	}
	advance(s, n);
	s->last = in;
	*ret = in;
	return true;
}

static void fail_va(struct scan *s, struct pos pos, uint32_t span, const char *fmt, va_list ap)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	const char *message;

	if (s->error)
		return;
	buf_vprintf(&b, fmt, ap);
	message = b.err ? NULL : arena_strdup(s->arena, buf_str(&b));
	if (!message) {
		scan_oom(s);
		return;
	}
	s->error = message;
	s->error_pos = pos;
	s->error_span = span;
}

void scan_fail_at(struct scan *s, struct pos pos, uint32_t span, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_va(s, pos, span, fmt, ap);
	va_end(ap);
}

void scan_fail(struct scan *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fail_va(s, s->pos, 1, fmt, ap);
	va_end(ap);
}

void scan_oom(struct scan *s)
{
	s->error = "out of memory";
	s->oom = true;
	s->error_pos = s->pos;
	s->error_span = 1;
}

void scan_too_deep(struct scan *s)
{
	s->too_deep = true;
	scan_fail(s, "nested too deeply, at most %u levels", s->max_depth);
}

bool scan_enter(struct scan *s)
{
	if (s->depth >= s->max_depth) {
		scan_too_deep(s);
		return false;
	}
	s->depth++;
	return true;
}
