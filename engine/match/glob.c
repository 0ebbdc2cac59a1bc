/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shell patterns, see glob.h. Called by compare.c for glob, iglob and pmatch. Allocates nothing.
 */
#include "engine/match/glob.h"

/* A cursor over one bracket expression, from behind its '['. */
struct bracket {
	struct str pat;
	uint32_t at;
	unsigned char ch;	/* character of the text, folded if asked */
	bool fold;
	bool hit;
	bool broken;		/* can never match, whatever the text */
};

enum bracket_result { BRACKET_MATCH, BRACKET_MISS, BRACKET_LITERAL };

static unsigned char fold_char(unsigned char c, bool fold)
{
	return fold && c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

static int peek(const struct bracket *b, uint32_t ahead)
{
	return b->at + ahead < b->pat.len ? (unsigned char)b->pat.p[b->at + ahead] : -1;
}

static bool is_graph(unsigned char c)
{
	return c > ' ' && c < 0x7f;
}

static bool is_upper(unsigned char c)
{
	return c >= 'A' && c <= 'Z';
}

static bool is_lower(unsigned char c)
{
	return c >= 'a' && c <= 'z';
}

static bool is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alpha(unsigned char c)
{
	return is_upper(c) || is_lower(c);
}

static bool is_alnum(unsigned char c)
{
	return is_alpha(c) || is_digit(c);
}

static bool is_punct(unsigned char c)
{
	return is_graph(c) && !is_alnum(c);
}

static bool is_print(unsigned char c)
{
	return is_graph(c) || c == ' ';
}

static bool is_cntrl(unsigned char c)
{
	return c < ' ' || c == 0x7f;
}

static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_blank(unsigned char c)
{
	return c == ' ' || c == '\t';
}

static bool is_xdigit(unsigned char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static const struct char_class {
	const char *name;
	bool (*has)(unsigned char c);
} char_classes[] = {
	{ "alnum", is_alnum }, { "alpha", is_alpha }, { "blank", is_blank }, { "cntrl", is_cntrl },
	{ "digit", is_digit }, { "graph", is_graph }, { "lower", is_lower }, { "print", is_print },
	{ "punct", is_punct }, { "space", is_space }, { "upper", is_upper }, { "xdigit", is_xdigit },
};

static bool class_has(struct bracket *b, struct str name, unsigned char raw)
{
	for (size_t i = 0; i < ARRAY_SIZE(char_classes); i++)
		if (str_is(name, char_classes[i].name))
			return char_classes[i].has(raw);
	b->broken = true;
	return false;
}

/* "[:name:]" at the cursor (behind its '['): consumed and looked up, or false: ordinary text. */
static bool bracket_class(struct bracket *b, unsigned char raw)
{
	uint32_t start = b->at + 1, end = start;

	if (peek(b, 0) != ':')
		return false;
	while (end < b->pat.len && is_lower((unsigned char)b->pat.p[end]))
		end++;
	if (end + 1 >= b->pat.len || b->pat.p[end] != ':' || b->pat.p[end + 1] != ']')
		return false;
	b->hit |= class_has(b, str_sub(b->pat, start, end), raw);
	b->at = end + 2;
	return true;
}

/* "[=c=]" at the cursor (behind its '['). */
static bool bracket_equivalence(struct bracket *b, unsigned char raw)
{
	if (peek(b, 0) != '=' || peek(b, 1) < 0 || peek(b, 2) != '=' || peek(b, 3) != ']')
		return false;
	b->hit |= peek(b, 1) == raw;
	b->at += 4;
	return true;
}

/* Behind the ".]" that ends a "[." (cursor behind its '['). False: there is none. */
static bool collating_skip(struct bracket *b)
{
	uint32_t end = b->at + 1;

	while (end + 1 < b->pat.len && !(b->pat.p[end] == '.' && b->pat.p[end + 1] == ']'))
		end++;
	b->broken = end + 1 >= b->pat.len;
	if (!b->broken)
		b->at = end + 2;
	return !b->broken;
}

/* "[.c.]" (behind its '['): its character, or -1 and broken. */
static int collating_symbol(struct bracket *b)
{
	uint32_t start = b->at + 1;

	if (!collating_skip(b))
		return -1;
	b->broken = b->at != start + 3;
	return b->broken ? -1 : (unsigned char)b->pat.p[start];
}

/* One end of a range: a character, an escaped one, or [.c.]. -1: the pattern ends here. */
static int bracket_char(struct bracket *b)
{
	int c = peek(b, 0);

	if (c < 0)
		return -1;
	b->at++;
	if (c == '\\') {
		c = peek(b, 0);
		b->broken |= c < 0;
		b->at++;
	} else if (c == '[' && peek(b, 0) == '.') {
		c = collating_symbol(b);
	}
	return c < 0 ? -1 : fold_char((unsigned char)c, b->fold);
}

/* One element; false: the bracket expression is not terminated. */
static bool bracket_element(struct bracket *b, unsigned char raw)
{
	int lo, hi;

	if (peek(b, 0) == '[') {
		b->at++;
		if (bracket_class(b, raw) || bracket_equivalence(b, raw))
			return !b->broken;
		b->at--;
	}
	lo = bracket_char(b);
	if (lo < 0)
		return false;
	if (peek(b, 0) != '-' || peek(b, 1) < 0 || peek(b, 1) == ']') {
		b->hit |= lo == b->ch;
		b->broken |= !b->hit && peek(b, 0) == '-' && peek(b, 1) < 0;
		return true;
	}
	b->at++;
	hi = bracket_char(b);
	if (hi < 0)
		return false;
	b->hit |= lo <= b->ch && b->ch <= hi;
	return true;
}

/* After a hit only the end matters. False: there is none. */
static bool bracket_skip(struct bracket *b)
{
	while (peek(b, 0) >= 0 && peek(b, 0) != ']') {
		if (peek(b, 0) == '[') {
			b->at++;
			if (!bracket_class(b, 0) && !bracket_equivalence(b, 0) &&
			    peek(b, 0) == '.' && !collating_skip(b))
				return false;
			b->broken = false;
			continue;
		}
		if (bracket_char(b) < 0)
			return false;
	}
	return peek(b, 0) == ']';
}

/* `*at` stands behind '['; it is moved behind the closing one unless the '[' is literal. */
static enum bracket_result bracket_match(struct str pat, uint32_t *at, unsigned char raw, bool fold)
{
	struct bracket b = { .pat = pat, .at = *at, .ch = fold_char(raw, fold), .fold = fold };
	bool negate = peek(&b, 0) == '!' || peek(&b, 0) == '^';
	bool closed;

	b.at += negate;
	do {
		closed = bracket_element(&b, raw);
	} while (closed && !b.hit && peek(&b, 0) != ']');
	if (closed && b.hit) {
		b.hit = false;
		closed = bracket_skip(&b);
		b.hit = true;
	}
	if (!closed)
		return b.broken ? BRACKET_MISS : BRACKET_LITERAL;
	*at = b.at + 1;
	return b.hit != negate ? BRACKET_MATCH : BRACKET_MISS;
}

/* Match one pattern element other than '*' against one character; *at moves behind the element. */
static bool match_one(struct str pat, uint32_t *at, unsigned char ch, bool fold)
{
	unsigned char p = (unsigned char)pat.p[(*at)++];

	if (p == '?')
		return true;
	if (p == '[') {
		enum bracket_result r = bracket_match(pat, at, ch, fold);

		if (r != BRACKET_LITERAL)
			return r == BRACKET_MATCH;
	}
	if (p == '\\') {
		if (*at == pat.len)
			return false;
		p = (unsigned char)pat.p[(*at)++];
	}
	return fold_char(p, fold) == fold_char(ch, fold);
}

/* Behind a '*': where the plain character that comes next is found, the end if it is not. */
static uint32_t skip_to(struct str pattern, uint32_t p, struct str text, uint32_t t, bool fold_case)
{
	const char *at;

	if (fold_case || p >= pattern.len || t >= text.len || strchr("*?[\\", pattern.p[p]))
		return t;
	at = memchr(text.p + t, pattern.p[p], text.len - t);
	return at ? (uint32_t)(at - text.p) : text.len;
}

bool glob_match(struct str pattern, struct str text, bool fold_case)
{
	uint32_t p = 0, t = 0, star_p = UINT32_MAX, star_t = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star_p = ++p;
			star_t = t = skip_to(pattern, p, text, t, fold_case);
			continue;
		}
		if (p < pattern.len &&
		    match_one(pattern, &p, (unsigned char)text.p[t], fold_case)) {
			t++;
			continue;
		}
		if (star_p == UINT32_MAX)
			return false;
		p = star_p;
		star_t = t = skip_to(pattern, p, text, star_t + 1, fold_case);
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

bool glob_special(struct str text)
{
	for (uint32_t i = 0; i < text.len; i++)
		if (text.p[i] == '*' || text.p[i] == '?' || text.p[i] == '[')
			return true;
	return false;
}
