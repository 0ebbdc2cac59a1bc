/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where texts come from: rules files with their lines, and the origin of every byte of a text that
 * was put together from YAML scalars, exceptions and lists. Origins are only built when there is
 * something to report, so the fast path pays nothing. Memory: the loader's arena.
 */
#ifndef TIERCEL_RULE_SOURCE_H
#define TIERCEL_RULE_SOURCE_H

#include "engine/base/diag.h"
#include "engine/rule/yaml.h"

struct source {
	struct source *next;
	const char *name;	/* in the arena of the diagnostics */
	const char *kept_name;	/* in the arena of the rule set */
	struct str text;
	uint32_t *lines;	/* offsets of line starts, built on demand */
	uint32_t nlines;
	uint32_t errors;
};

/* A named place of the files; chains from the inside out. */
struct place {
	const char *type;		/* "rule", "exception" ... */
	struct str name;
	const struct source *src;
	uint32_t offset;
	const struct place *outer;
};

/* One scalar of a file; a text is a chain of them, joined by one blank each. */
struct piece {
	struct str s;
	const struct source *src;
	const struct yaml_node *node;
	struct piece *next;
};

struct text {
	struct piece *first, *last;
	uint64_t len;		/* with the blanks between the pieces */
};

struct origin_span {
	uint32_t at;		/* first byte of the text */
	const struct source *src;
	uint32_t from;		/* byte of the file */
	bool fixed;		/* all bytes of the span come from `from` */
};

struct origin {
	struct arena *arena;
	struct origin_span *v;
	uint32_t n, cap;
};

/* A text under construction; map may be NULL. */
struct gen {
	struct buf *out;
	struct origin *map;
};

/* The text stays the caller's and must outlive it. */
struct source *source_new(const char *name, struct str text, struct arena *a,
			  struct arena *names);
struct pos source_pos(const struct source *src, uint32_t offset, struct arena *a);
struct str source_line(const struct source *src, uint32_t offset);

void gen_fixed(struct gen *g, struct str s, const struct source *src, uint32_t from);
void gen_text(struct gen *g, const struct text *t);
/* Bytes [from, to) of a text with the origin `in` (used only when g->map). */
void gen_copy(struct gen *g, struct str s, uint32_t from, uint32_t to, const struct origin *in);
void gen_cut(struct gen *g, uint32_t len);
/* File and byte that byte `at` of the text comes from; false when nothing is known. */
bool origin_find(const struct origin *o, uint32_t at, const struct source **ret_src,
		 uint32_t *ret_offset);

#endif
