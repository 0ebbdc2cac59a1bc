/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is already known about texts: one memo per operand whose text many checks look at (fd.name).
 * A check against constants depends on nothing but the text, so its result holds for every event
 * with this text; and so does "this rule cannot match any more". A bounded cache: entries are
 * overwritten, never wrong.
 */
#ifndef TIERCEL_MEMO_H
#define TIERCEL_MEMO_H

#include "engine/base/str.h"

#define MEMO_TEXT 160		/* longer texts are not kept */
#define MEMO_SETS 1024		/* of two entries */

struct memo_entry {
	uint64_t hash;
	uint32_t len;		/* UINT32_MAX: free */
	uint32_t tag;		/* what else the results depend on */
	char text[MEMO_TEXT];
	/* known bits, truth bits; then per rule list: decided rules, rules alive */
	uint64_t data[];
};

struct memo {
	uint32_t nbits;		/* checks of this text */
	uint32_t words;		/* per bit set of checks */
	uint32_t nwords;	/* of data */
	bool by_fd;		/* the tag is the kind of the event's fd */
	size_t entry_size;
	uint8_t *entries;	/* allocated with the first text */
	uint8_t recent[MEMO_SETS];	/* way used last */
};

struct memo *memo_new(void);
void memo_free(struct memo *m);
/* Room for one more check; its number. */
uint32_t memo_add_check(struct memo *m);
/* Room for a rule list of `words` mask words, after all checks; its place. */
uint32_t memo_add_list(struct memo *m, uint32_t words);
/* The entry of a text, emptied when it is new. NULL: too long, no memory. */
struct memo_entry *memo_get(struct memo *m, struct str text, uint64_t hash, uint32_t tag);

static inline bool memo_known(const struct memo_entry *e, uint32_t check)
{
	return e->data[check / 64] >> (check % 64) & 1;
}

static inline bool memo_truth(const struct memo *m, const struct memo_entry *e, uint32_t check)
{
	return e->data[m->words + check / 64] >> (check % 64) & 1;
}

static inline void memo_set(const struct memo *m, struct memo_entry *e, uint32_t check, bool truth)
{
	e->data[check / 64] |= 1ULL << (check % 64);
	e->data[m->words + check / 64] |= (uint64_t)truth << (check % 64);
}

#endif
