/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is already known about texts: one memo per operand whose text many checks look at (fd.name).
 * A check against constants depends on nothing but the text, so its result holds for every event
 * with this text. A text is found by the serial number it has in the state tables, or by its bytes,
 * and leads to its class (classes.h). Both tables are caches that grow while texts come again, all
 * memos of
 * a program together up to LIMIT_MEMO_BYTES: entries are overwritten, never wrong.
 */
#ifndef TIERCEL_MEMO_H
#define TIERCEL_MEMO_H

#include "engine/base/str.h"
#include "engine/match/classes.h"

#define MEMO_TEXT 512		/* longer texts are not kept */
#define MEMO_WAYS 4		/* places that a text may be in */

/* A text; its bytes are in a ring that the newest overwrite the oldest of. */
struct memo_entry {
	uint64_t hash;
	uint64_t pos;		/* of the bytes, counted from the beginning of time */
	uint32_t at;		/* where in the ring that is */
	uint32_t len1;		/* length + 1; 0: free */
	uint32_t tag;		/* what else the results depend on */
	uint32_t class;		/* 0: not known */
};

/* A text of the state tables; serials are never used again. */
struct memo_serial {
	uint64_t serial;
	uint32_t tag;
	uint32_t class;		/* 0: free */
};

struct memo {
	struct classes classes;
	uint32_t nbits;			/* checks of this text */
	bool by_fd; /* the tag is the kind of the event's fd, and the relation */
	uint32_t open_bit;		/* instead of a check: those of the alias are not known */
	struct memo_serial *serials;	/* MEMO_WAYS per set */
	uint32_t serial_mask;		/* sets - 1 */
	uint32_t victim;		/* way that is overwritten next, in either table */
	struct memo_entry *entries;	/* MEMO_WAYS per set */
	uint32_t entry_mask;		/* sets - 1 */
	char *texts;			/* the ring; all tables are allocated with the first text */
	uint64_t bytes;			/* of all tables */
	uint64_t *total;		/* of those of all memos that share the limit */
	uint16_t *seen; /* part of the hashes of new texts, GROWTH as many as places */
	uint32_t fresh;			/* texts that were new since the last look at the size */
	uint32_t again;			/* of these: of whom the hash was seen */
	bool full;			/* what there may be is used */
	uint64_t texts_size, texts_end;	/* bytes; written so far */
	uint32_t texts_at;		/* place of the next one */
	struct limits *limits;
};

/* `total` belongs to the caller and outlives the memo. */
struct memo *memo_new(struct limits *limits, uint64_t *total);
void memo_free(struct memo *m);
/* Room for one more check; its number. Before any text. */
uint32_t memo_add_check(struct memo *m);
/*
 * The entry of a text, emptied when it is new; valid until the next call. NULL: too long, no
 * memory.
 */
struct memo_entry *memo_get(struct memo *m, struct str text, uint64_t hash, uint32_t tag);
void memo_note(struct memo *m, uint64_t serial, uint32_t tag, uint32_t class);
/* All classes are forgotten, so all texts are. */
void memo_forget(struct memo *m);

/* The class of a text of the state tables; 0: not known. */
static inline uint32_t memo_find(const struct memo *m, uint64_t serial, uint32_t tag)
{
	const struct memo_serial *set;

	if (unlikely(!m->serials))
		return 0;
	set = &m->serials[MEMO_WAYS * (size_t)(serial & m->serial_mask)];
	for (uint32_t i = 0; i < MEMO_WAYS; i++)
		if (set[i].serial == serial && set[i].tag == tag)
			return set[i].class;
	return 0;
}

#endif
