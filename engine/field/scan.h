/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens of conditions and output templates, and a cursor over the text. Used by expr.c and
 * by the condition parser. Tokens are views of the text, except quoted strings with escapes, which
 * live in the arena. Errors are sticky: the first one is kept.
 */
#ifndef TIERCEL_SCAN_H
#define TIERCEL_SCAN_H

#include "engine/base/arena.h"
#include "engine/base/diag.h"

struct scan {
	struct str text;
	struct arena *arena;
	uint32_t at;
	struct pos pos;		/* of `at` */
	struct str last;	/* token before the cursor, for messages */
	const char *error;	/* NULL while all is well */
	struct pos error_pos;
	uint32_t error_span;
	bool oom;		/* the error is lack of memory */
	bool too_deep;		/* the error is the nesting */
	uint32_t depth, max_depth;
};

void scan_init(struct scan *s, struct str text, struct arena *a);

static inline bool scan_end(const struct scan *s)
{
	return s->at >= s->text.len;
}

/* The byte `ahead` of the cursor, -1 behind the end. */
static inline int scan_peek(const struct scan *s, uint32_t ahead)
{
	return ahead < s->text.len - s->at ? (unsigned char)s->text.p[s->at + ahead] : -1;
}

bool scan_is_blank(int c);	/* space, TAB, LF, CR, backspace */
/* Lengths of the token at the cursor, 0 = there is none. Nothing is consumed. */
uint32_t scan_ident(const struct scan *s);
uint32_t scan_field(const struct scan *s);
uint32_t scan_field_from(const struct scan *s, uint32_t ident);	/* its first part is known */
uint32_t scan_field_arg(const struct scan *s);
uint32_t scan_number(const struct scan *s);	/* decimal or hex */
uint32_t scan_bare(const struct scan *s);
uint32_t scan_literal_here(const struct scan *s, const char *word);
static inline uint32_t scan_literal(const struct scan *s, const char *word)
{
	return scan_peek(s, 0) == (unsigned char)*word ? scan_literal_here(s, word) : 0;
}

struct str scan_take(struct scan *s, uint32_t n);
bool scan_blanks(struct scan *s);	/* skip them; true: there was one */
/* The literal is here: consume it. */
bool scan_accept(struct scan *s, const char *word);
static inline bool scan_accept_byte(struct scan *s, char c)
{
	if (scan_peek(s, 0) != (unsigned char)c)
		return false;
	scan_take(s, 1);
	return true;
}
/*
 * A quoted string at the cursor. False: there is none (an unterminated one counts as none), nothing
 * is consumed; or it is wrong and s->error is set.
 */
bool scan_quoted(struct scan *s, struct str *ret);

/* Report at the cursor, or at `pos`. */
void scan_fail(struct scan *s, const char *fmt, ...) _printf_(2, 3);
void scan_fail_at(struct scan *s, struct pos pos, uint32_t span, const char *fmt, ...)
	_printf_(4, 5);
void scan_oom(struct scan *s);
void scan_too_deep(struct scan *s);
/* One level of nesting; false with an error when it is too deep. */
bool scan_enter(struct scan *s);
static inline void scan_leave(struct scan *s)
{
	s->depth--;
}

#endif
