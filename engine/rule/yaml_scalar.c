/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scalars of simple YAML: plain, in quotes, and blocks, with their folding of lines. Called by
 * yaml_simple.c; the folded text is kept in the reader until the tree has a copy.
 */
#include "engine/rule/yaml_simple.h"

enum { STOP = 1, FLOW_STOP = 2, NO_START = 4 };

/* Which characters end the run of a plain scalar, or cannot begin one. */
static const uint8_t class[256] = {
	['\0'] = STOP | NO_START, ['\n'] = STOP | NO_START, [' '] = STOP | NO_START,
	[':'] = STOP | NO_START, ['#'] = STOP | NO_START,
	[','] = FLOW_STOP | NO_START, ['['] = FLOW_STOP | NO_START,
	[']'] = FLOW_STOP | NO_START, ['{'] = FLOW_STOP | NO_START,
	['}'] = FLOW_STOP | NO_START, ['?'] = FLOW_STOP | NO_START,
	['-'] = NO_START, ['&'] = NO_START, ['*'] = NO_START, ['!'] = NO_START,
	['|'] = NO_START, ['>'] = NO_START, ['\''] = NO_START, ['"'] = NO_START,
	['%'] = NO_START, ['@'] = NO_START, ['`'] = NO_START,
};

int yaml_scalar_add(struct reader *r, enum yaml_style style, struct str s, uint32_t from,
		    uint32_t end)
{
	struct yaml_node n = { .kind = YNODE_SCALAR, .style = style, .is_null = true,
			       .offset = from, .end = end, .s = s };

	r->at = end;
	return yaml_tree_room(r->t) ? yaml_tree_scalar(r->t, &n, STR_NONE) : -EAGAIN;
}

static struct str text_of(const struct reader *r, uint32_t from, uint32_t end)
{
	return (struct str){ r->p + from, end - from };
}

static int add_folded(struct reader *r, enum yaml_style style, uint32_t from, uint32_t end)
{
	return r->folded.err ? -ENOMEM
			     : yaml_scalar_add(r, style, buf_str(&r->folded), from, end);
}

static void add_piece(struct reader *r, uint32_t from, uint32_t end)
{
	buf_add_str(&r->folded, text_of(r, from, end));
}

/* One end of a line is a blank, of more all but the first count. */
static void add_breaks(struct reader *r, uint32_t breaks)
{
	if (breaks == 1)
		buf_add_char(&r->folded, ' ');
	for (uint32_t i = 1; i < breaks; i++)
		buf_add_char(&r->folded, '\n');
}

/* From the end of a line to the next text; *ret_breaks = ends of lines on the way. */
static uint32_t skip_breaks(struct reader *r, uint32_t i, uint32_t *ret_breaks)
{
	uint32_t breaks = 0, line = i;

	while (char_at(r, i) == '\n') {
		line = i + 1;
		i = skip_spaces(r, line);
		breaks++;
	}
	r->line = line;
	*ret_breaks = breaks;
	return i;
}

bool yaml_scalar_begins(const struct reader *r, uint32_t i)
{
	char c = char_at(r, i);

	return !(class[(uint8_t)c] & NO_START) ||
	       (c == '-' && !(class[(uint8_t)char_at(r, i + 1)] & (STOP | FLOW_STOP)));
}

/*
 * The part of a plain scalar on one line; *ret_end = behind its last character. 1: the line ends
 * here, and the scalar may go on; 0: it is complete.
 */
static int plain_line(const struct reader *r, uint32_t i, bool flow, uint32_t *ret_end)
{
	unsigned stop = flow ? STOP | FLOW_STOP : STOP;
	uint32_t end = i;

	for (;; i++) {
		while (i < r->len && !(class[(uint8_t)r->p[i]] & stop))
			end = ++i;
		switch (char_at(r, i)) {
		case ' ':
			continue;
		case '#':
			if (end == i) {
				end = i + 1;
				continue;
			}
			*ret_end = end;
			return 0;
		case ':':
			if (ends_word(char_at(r, i + 1)) ||
			    (flow && class[(uint8_t)char_at(r, i + 1)] & FLOW_STOP))
				return -EAGAIN;
			end = i + 1;
			continue;
		case ',':
		case ']':
			*ret_end = end;
			return 0;
		case '\n':
		case '\0':
			*ret_end = end;
			return 1;
		default:
			return -EAGAIN;
		}
	}
}

/* Is there more of the plain scalar at the text behind the ends of lines? */
static bool plain_goes_on(const struct reader *r, uint32_t i, int around)
{
	char c = char_at(r, i);

	if (c == '\0' || c == '#')
		return false;
	return around == YAML_IN_FLOW ? c != ',' && c != ']' : (int)(i - r->line) > around;
}

int yaml_scalar_plain(struct reader *r, int around)
{
	uint32_t from = r->at, end = from, next, breaks;
	bool flow = around == YAML_IN_FLOW;
	int more;

	if (!yaml_scalar_begins(r, from))
		return -EAGAIN;
	more = plain_line(r, from, flow, &end);
	if (more < 0)
		return more;
	next = more ? skip_breaks(r, skip_spaces(r, end), &breaks) : 0;
	if (!more || !plain_goes_on(r, next, around))
		return yaml_scalar_add(r, YSTYLE_PLAIN, text_of(r, from, end), from, end);
	buf_clear(&r->folded);
	add_piece(r, from, end);
	while (more && plain_goes_on(r, next, around)) {
		uint32_t piece = next;

		add_breaks(r, breaks);
		more = plain_line(r, piece, flow, &end);
		if (more < 0)
			return more;
		add_piece(r, piece, end);
		if (more)
			next = skip_breaks(r, skip_spaces(r, end), &breaks);
	}
	return add_folded(r, YSTYLE_PLAIN, from, end);
}

/* What stands for the escape \c, or NUL for those that are left to libyaml. */
static char unescaped(char c)
{
	switch (c) {
	case '"':
	case '\\':
	case '/':
		return c;
	case 'n':
		return '\n';
	case 't':
		return '\t';
	default:
		return '\0';
	}
}

static bool ends_piece(char c, char quote)
{
	return c == quote || ends_word(c) || (c == '\\' && quote == '"');
}

/* An end of a line, with the blanks around it. */
static uint32_t quoted_breaks(struct reader *r, uint32_t i)
{
	uint32_t breaks, text = skip_breaks(r, i, &breaks);

	add_breaks(r, breaks);
	return text;
}

int yaml_scalar_quoted(struct reader *r, char quote)
{
	enum yaml_style style = quote == '"' ? YSTYLE_DOUBLE : YSTYLE_SINGLE;
	uint32_t from = r->at, i = from + 1, piece = i, end;

	buf_clear(&r->folded);
	for (;;) {
		char c, next;

		while (!ends_piece(char_at(r, i), quote))
			i++;
		end = i;
		i = skip_spaces(r, i);
		c = char_at(r, i);
		next = char_at(r, i + 1);
		if (c == '\0')
			return -EAGAIN;
		if (c == '\n') {
			add_piece(r, piece, end);
			piece = i = quoted_breaks(r, i);
		} else if (c == '\\' && quote == '"') {
			if (!unescaped(next))
				return -EAGAIN;
			add_piece(r, piece, i);
			buf_add_char(&r->folded, unescaped(next));
			piece = i += 2;
		} else if (c == quote && (quote == '"' || next != quote)) {
			break;
		} else if (c == quote) {
			add_piece(r, piece, i + 1);
			piece = i += 2;
		}
	}
	if (piece == from + 1)
		return yaml_scalar_add(r, style, text_of(r, piece, i), from, i + 1);
	add_piece(r, piece, i);
	return add_folded(r, style, from, i + 1);
}

/* Lines of a block scalar. */
struct block {
	bool literal;
	char chomp;		/* '+', '-' or ' ' */
	uint32_t indent;
	uint32_t breaks;	/* empty lines since the last one with text */
	bool ended;		/* that one had an end of line */
	bool blank;		/* it begins with a blank behind the indentation */
};

/* The text behind the header; the first line that is not empty tells the indentation. */
static int block_begin(struct reader *r, struct block *b, int around, uint32_t *ret_first)
{
	uint32_t i = r->at + 1, text, widest = 0;

	*b = (struct block){ .literal = char_at(r, r->at) == '|', .chomp = ' ' };
	if (char_at(r, i) == '+' || char_at(r, i) == '-')
		b->chomp = char_at(r, i++);
	text = skip_spaces(r, i);
	if (char_at(r, text) == '#' && text > i)
		text = line_end(r, text);
	for (; char_at(r, text) == '\n'; b->breaks++) {
		i = text + 1;
		text = skip_spaces(r, i);
		b->indent = text - i;
		widest = MAX(widest, b->indent);
	}
	if (!b->breaks || char_at(r, text) == '\0' || (int)b->indent <= around ||
	    widest > b->indent)
		return -EAGAIN;
	b->breaks--;	/* that of the header */
	*ret_first = i;
	return 0;
}

/* What is between the text before and a line that is at least as far in. */
static void block_join(struct reader *r, const struct block *b, bool blank)
{
	if (b->ended && (b->literal || b->blank || blank))
		buf_add_char(&r->folded, '\n');
	else if (b->ended && !b->breaks)
		buf_add_char(&r->folded, ' ');
	for (uint32_t i = 0; i < b->breaks; i++)
		buf_add_char(&r->folded, '\n');
}

/* The line at i belongs to the scalar, or is empty: *ret_text = behind its indentation. */
static bool block_goes_on(const struct reader *r, const struct block *b, uint32_t i,
			  uint32_t *ret_text)
{
	uint32_t text = i;

	while (text - i < b->indent && char_at(r, text) == ' ')
		text++;
	*ret_text = text;
	return char_at(r, text) == '\n' || (text - i == b->indent && char_at(r, text) != '\0');
}

int yaml_scalar_block(struct reader *r, int around)
{
	uint32_t from = r->at, i = 0, text;
	struct block b;
	int err = block_begin(r, &b, around, &i);

	if (err)
		return err;
	buf_clear(&r->folded);
	while (block_goes_on(r, &b, i, &text)) {
		uint32_t end = line_end(r, text);

		if (end == text) {
			b.breaks++;
		} else {
			block_join(r, &b, r->p[text] == ' ');
			add_piece(r, text, end);
			b.blank = r->p[text] == ' ';
			b.ended = end < r->len;
			b.breaks = 0;
		}
		i = MIN(end + 1, r->len);
	}
	if (b.chomp != '-' && b.ended)
		buf_add_char(&r->folded, '\n');
	for (uint32_t n = 0; b.chomp == '+' && n < b.breaks; n++)
		buf_add_char(&r->folded, '\n');
	return add_folded(r, YSTYLE_BLOCK, from, i);
}
