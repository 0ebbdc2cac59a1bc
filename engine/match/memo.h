/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is already known about texts: one memo per operand whose text many checks look at (fd.name).
 * A check against constants depends on nothing but the text, so its result holds for every event
 * with this text. Texts for which all checks of a rule list give the same results are one class:
 * what a class says about the rules of the list is found once, and there are few classes. The table
 * of texts is a cache of a fixed size in bytes (LIMIT_MEMO_BYTES): entries are overwritten, never
 * wrong.
 */
#ifndef TIERCEL_MEMO_H
#define TIERCEL_MEMO_H

#include "engine/base/limits.h"
#include "engine/base/str.h"

#define MEMO_TEXT 160		/* longer texts are not kept */

struct memo_entry {
	uint64_t hash;
	uint32_t len1;		/* length + 1; 0: free */
	uint32_t tag;		/* what else the results depend on */
	uint16_t classes[];	/* per rule list: number of the class, 0: not known; then the text */
};

/* Classes of one rule list. */
struct memo_list {
	uint32_t words;		/* of a rule mask */
	uint32_t n, cap;	/* numbers 1..n are in use */
	uint64_t *hashes;	/* by number - 1 */
	uint64_t *bits;		/* likewise: results of the checks, then the rules alive */
};

struct memo {
	uint32_t nbits;		/* checks of this text */
	uint32_t words;		/* per bit set of checks */
	bool by_fd;		/* the tag is the kind of the event's fd */
	struct memo_list *lists;
	uint32_t nlists;
	size_t entry_size;
	uint32_t sets;		/* of two entries, a power of two */
	uint8_t *entries;	/* allocated with the first text */
	uint8_t *recent;	/* per set: way used last */
	struct limits *limits;
};

struct memo *memo_new(struct limits *limits);
void memo_free(struct memo *m);
/* Room for one more check; its number. */
uint32_t memo_add_check(struct memo *m);
/* A rule list of `words` mask words, after all checks. 0 or -ENOMEM. */
int memo_add_list(struct memo *m, uint32_t words, uint32_t *ret_list);
/* The entry of a text, emptied when it is new. NULL: too long, no memory. */
struct memo_entry *memo_get(struct memo *m, struct str text, uint64_t hash, uint32_t tag);
/* The class with these results of checks; 0: there is none. */
uint16_t memo_find_class(const struct memo *m, uint32_t list, const uint64_t *truth);
/*
 * A new class with these results; its mask of rules is to be filled in. 0: no memory. When there is
 * no room all texts are forgotten, so entries of before are not valid any more.
 */
uint16_t memo_add_class(struct memo *m, uint32_t list, const uint64_t *truth);

/* Results of the checks; the mask of rules alive comes behind. */
static inline uint64_t *memo_class(const struct memo *m, uint32_t list, uint16_t number)
{
	const struct memo_list *l = &m->lists[list];

	return &l->bits[(number - 1) * (size_t)(m->words + l->words)];
}

#endif
