/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader of simple YAML, between its two files: yaml_simple.c knows collections and lines,
 * yaml_scalar.c scalars. Private to them.
 */
#ifndef TIERCEL_RULE_YAML_SIMPLE_H
#define TIERCEL_RULE_YAML_SIMPLE_H

#include "engine/base/buf.h"
#include "engine/rule/yaml_tree.h"

enum { YAML_IN_FLOW = -2 };	/* in place of the column of the collection around a scalar */

struct reader {
	struct yaml_tree *t;
	const char *p;
	uint32_t len;
	uint32_t at;		/* where the next token begins, or behind the last */
	uint32_t line;		/* begin of its line */
	int col;		/* of the token at `at`; -1 at the end of the text */
	struct buf folded;
};

/* NUL is the end: the text has none. */
static inline char char_at(const struct reader *r, uint32_t i)
{
	return i < r->len ? r->p[i] : '\0';
}

static inline bool ends_line(char c)
{
	return c == '\n' || c == '\0';
}

static inline bool ends_word(char c)
{
	return c == ' ' || ends_line(c);
}

static inline uint32_t skip_spaces(const struct reader *r, uint32_t i)
{
	while (char_at(r, i) == ' ')
		i++;
	return i;
}

static inline uint32_t line_end(const struct reader *r, uint32_t i)
{
	const char *nl = i < r->len ? memchr(r->p + i, '\n', r->len - i) : NULL;

	return nl ? (uint32_t)(nl - r->p) : r->len;
}

/* Scalar at r->at; r->at = behind it. As yaml_simple(). `around`: column of the collection. */
int yaml_scalar_plain(struct reader *r, int around);
int yaml_scalar_quoted(struct reader *r, char quote);
int yaml_scalar_block(struct reader *r, int around);
bool yaml_scalar_begins(const struct reader *r, uint32_t i);
/* Hand one over that is bytes from .. end of the text and means `s`. */
int yaml_scalar_add(struct reader *r, enum yaml_style style, struct str s, uint32_t from,
		    uint32_t end);

#endif
