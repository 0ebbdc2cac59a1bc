/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is already known about a process: the class of its results of all checks that depend on
 * nothing but the thread, its group, its ancestors and its container. It stays valid until one of
 * these changes, which the versions of the state tables tell. Blocks belong to the matcher;
 * thread.match holds a number, so neither side can be left with a dangling pointer.
 */
#ifndef TIERCEL_FACTS_H
#define TIERCEL_FACTS_H

#include "engine/base/limits.h"
#include "engine/state/state.h"

struct facts {
	const struct thread *owner;	/* NULL: free */
	uint64_t seen, own; /* state_shared_version(), owner->version when found valid */
	uint64_t stamp;			/* newest version of the chain */
	uint32_t class;			/* 0: not known */
	uint32_t generation;		/* of the classes */
};

struct facts_table {
	struct facts **chunks;
	uint32_t nchunks;
	uint32_t used;			/* blocks ever handed out */
	uint32_t *free;			/* numbers of blocks given back */
	uint32_t nfree;
	struct limits *limits;
};

void facts_init(struct facts_table *f, struct limits *limits);
void facts_done(struct facts_table *f);
/* The thread goes away. */
void facts_drop(struct facts_table *f, struct thread *t);

/* Private to facts_get(): of a thread whose facts are missing or may be out of date. */
struct facts *facts_renew(struct facts_table *f, uint64_t shared, struct thread *t);

#define FACTS_CHUNK 64

static inline struct facts *facts_block(const struct facts_table *f, uint32_t i)
{
	return &f->chunks[i / FACTS_CHUNK][i % FACTS_CHUNK];
}

/* What the thread's number leads to, NULL: nothing of this thread. */
static inline struct facts *facts_find(const struct facts_table *f, const struct thread *t)
{
	uintptr_t i = (uintptr_t)t->match - 1;
	struct facts *b;

	if (i >= f->used)
		return NULL;
	b = facts_block(f, (uint32_t)i);
	return b->owner == t ? b : NULL;
}

/* Facts of the thread, emptied when they are out of date. NULL: none can be kept. */
static inline struct facts *facts_get(struct facts_table *f, const struct state *s,
				      struct thread *t)
{
	uint64_t shared = state_shared_version(s);
	struct facts *b = facts_find(f, t);

	if (likely(b && b->own == t->version && b->seen == shared))
		return b;
	return facts_renew(f, shared, t);
}

#endif
