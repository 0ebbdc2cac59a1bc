/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is already known about a process: results of the checks that depend on nothing but the
 * thread, its group, its ancestors and its container. They stay valid until one of these changes,
 * which the versions of the state tables tell. Blocks belong to the matcher; thread.match holds a
 * number, so neither side can be left with a dangling pointer.
 */
#ifndef TIERCEL_FACTS_H
#define TIERCEL_FACTS_H

#include "engine/base/limits.h"
#include "engine/state/state.h"

struct facts {
	const struct thread *owner;	/* NULL: free */
	uint64_t seen;			/* state_version() when last found valid */
	uint64_t stamp;			/* newest version of the chain */
	/* Bits by process check, then rules per list that are decided; and their values. */
	uint64_t *known, *truth;
};

struct facts_table {
	struct facts **chunks;
	uint32_t nchunks;
	uint32_t used;			/* blocks ever handed out */
	uint32_t *free;			/* numbers of blocks given back */
	uint32_t nfree;
	uint32_t words;			/* of known, likewise of truth */
	struct limits *limits;
};

void facts_init(struct facts_table *f, uint32_t words, struct limits *limits);
void facts_done(struct facts_table *f);
/* Facts of the thread, emptied when they are out of date. NULL: none can be kept. */
struct facts *facts_get(struct facts_table *f, const struct state *s, struct thread *t);
/* The thread goes away. */
void facts_drop(struct facts_table *f, struct thread *t);

static inline bool facts_known(const struct facts *f, uint32_t check)
{
	return f->known[check / 64] >> (check % 64) & 1;
}

static inline bool facts_truth(const struct facts *f, uint32_t check)
{
	return f->truth[check / 64] >> (check % 64) & 1;
}

static inline void facts_set(struct facts *f, uint32_t check, bool truth)
{
	uint64_t bit = 1ULL << (check % 64);

	f->known[check / 64] |= bit;
	if (truth)
		f->truth[check / 64] |= bit;
	else
		f->truth[check / 64] &= ~bit;
}

#endif
