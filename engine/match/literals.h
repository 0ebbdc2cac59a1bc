/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many literals looked for in one pass over a text: an automaton after Aho and Corasick, complete
 * (one step per byte), with bytes that no literal has as one class. Built by text_index.c into an
 * arena.
 */
#ifndef TIERCEL_LITERALS_H
#define TIERCEL_LITERALS_H

#include "engine/base/arena.h"

/* A constant and the number of the check that it belongs to. */
struct text_key {
	struct str text;
	uint32_t bit;
};

/* Checks that a constant decides: bits[first..first + n) of some array. */
struct text_bits {
	uint32_t first, n;
};

struct literals {
	uint16_t class[256];	/* of bytes */
	uint32_t nclasses;
	/* state * nclasses + class -> state; 0 is the start. `wide` when states are too many. */
	uint16_t *next;
	uint32_t *wide;
	struct literals_state {
		uint32_t bit;		/* of the literal that ends here, or UINT32_MAX */
		uint32_t more;		/* next shorter state where a literal ends, or 0 */
		bool hit;		/* a literal ends here or at `more` */
	} *states;
	uint32_t nstates;
	const uint32_t *same;	/* next literal with equal text, by bit; UINT32_MAX: none */
};

/* Literals of at least one byte, `fold`: letters without regard to case. NULL: out of memory. */
struct literals *literals_new(struct arena *a, const struct text_key *keys, uint32_t n, bool fold);
/* Set the bits of all literals that the text has. */
void literals_find(const struct literals *l, struct str text, uint64_t *truth);

#endif
