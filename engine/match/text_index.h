/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The results of many checks of one text at once: one look-up for all constants of =, != and in,
 * one walk over the text for all prefixes, one for all suffixes, one automaton for all literals of
 * contains (literals.h). Built by guard.c in the program's arena, asked by eval.c for texts that
 * were not seen before.
 */
#ifndef TIERCEL_TEXT_INDEX_H
#define TIERCEL_TEXT_INDEX_H

#include "engine/match/literals.h"

enum text_key_kind {
	TEXT_EQUAL,		/* =, !=, in */
	TEXT_PREFIX,		/* startswith */
	TEXT_ABOVE,		/* pmatch with a plain path */
	TEXT_SUFFIX,		/* endswith */
	TEXT_INSIDE,		/* contains */
	TEXT_INSIDE_FOLD,	/* icontains */
	TEXT_KINDS
};

/* Growing lists of constants while a program is compiled. */
struct text_keys {
	struct text_key *v[TEXT_KINDS];
	uint32_t n[TEXT_KINDS];
};

struct text_const {
	struct str text;
	struct text_bits bits;
};

struct text_place {
	uint32_t hash;		/* upper half */
	uint32_t number;	/* of the constant, from 1 on; 0: free */
};

struct text_node {
	uint32_t child, sibling;	/* 0: none */
	struct text_bits bits;		/* of texts that end here */
	struct text_bits above;		/* likewise, only at the end of a component */
	char byte;
};

/* A tree of bytes. NULL: empty. */
struct text_trie {
	struct text_node *nodes;	/* [0] is the root */
	uint32_t n;
};

struct text_index {
	struct text_const *consts;
	struct text_place *places;	/* open addressing, NULL: none */
	uint32_t nconsts, mask;
	uint64_t lens;			/* bit min(len, 63) of every constant */
	struct text_trie prefixes, suffixes;
	struct literals *inside, *inside_fold;
	uint32_t *bits;
	uint32_t nbits;
};

/* Keys of TEXT_EQUAL come in the order of their bits, the others are sorted. 0 or -ENOMEM. */
int text_index_init(struct text_index *x, struct arena *a, struct text_keys *keys);
/*
 * Flip the bits of constants that the text equals, set those of its prefixes and so on. Checks of
 * != have been set before. Keys of TEXT_ABOVE are found in plain paths only.
 */
void text_index_find(const struct text_index *x, struct str text, uint64_t hash, uint64_t *truth);
/* A path that starts with one slash and has no two in a row: components are plain to see. */
bool text_is_path(struct str text);

#endif
