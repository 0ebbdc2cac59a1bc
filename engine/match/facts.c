/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts about processes, see facts.h. Called by eval.c once per event and by the facade when a
 * thread is freed. Memory is taken in chunks and reused, so a steady set of processes causes no
 * allocation.
 */
#include "engine/match/facts.h"

#define CHAIN_MAX 256	/* longer chains (loops of damaged captures) are not cached */

void facts_init(struct facts_table *f, struct limits *limits)
{
	*f = (struct facts_table){ .limits = limits };
}

void facts_done(struct facts_table *f)
{
	for (uint32_t i = 0; i < f->nchunks; i++)
		free(f->chunks[i]);
	free(f->chunks);
	free(f->free);
	*f = (struct facts_table){ 0 };
}

static bool add_chunk(struct facts_table *f)
{
	struct facts **chunks;
	struct facts *c;
	uint32_t *list;

	if (f->used >= f->limits->max[LIMIT_THREADS])
		return false;
	chunks = realloc(f->chunks, (f->nchunks + 1) * sizeof(*chunks));
	if (!chunks)
		return false;
	f->chunks = chunks;
	list = realloc(f->free, (f->nchunks + 1) * FACTS_CHUNK * sizeof(*list));
	if (!list)
		return false;
	f->free = list;
	c = calloc(FACTS_CHUNK, sizeof(*c));
	if (!c)
		return false;
	f->chunks[f->nchunks++] = c;
	return true;
}

static struct facts *take(struct facts_table *f, struct thread *t)
{
	struct facts *b;
	uint32_t i;

	if (f->nfree) {
		i = f->free[--f->nfree];
	} else {
		if (f->used == f->nchunks * FACTS_CHUNK && !add_chunk(f))
			return NULL;
		i = f->used++;
	}
	b = facts_block(f, i);
	b->owner = t;
	b->seen = b->own = b->stamp = 0;
	b->class = 0;
	t->match = (void *)(uintptr_t)(i + 1ULL);
	return b;
}

/*
 * The newest version among everything a process field can read: the entries up the chain by parent
 * entries, and the leaders that the indexed ancestors go through. Versions come from one counter,
 * so a change of any of them, or of the chain itself, gives a newer maximum. 0: too long.
 */
static uint64_t chain_stamp(struct thread *t)
{
	struct thread *entry = t, *leader = thread_main(t);
	uint64_t newest = 0;

	for (unsigned i = 0; entry || leader; i++) {
		if (i == CHAIN_MAX)
			return 0;
		if (entry) {
			newest = MAX(newest, entry->version);
			entry = thread_parent(entry);
		}
		if (leader) {
			newest = MAX(newest, leader->version);
			leader = thread_parent(leader);
		}
		if (leader) {
			newest = MAX(newest, leader->version);
			leader = thread_main(leader);
		}
	}
	return newest;
}

struct facts *facts_renew(struct facts_table *f, uint64_t shared, struct thread *t)
{
	struct facts *b = facts_find(f, t);
	uint64_t stamp;

	stamp = chain_stamp(t);
	if (!stamp || (!b && !(b = take(f, t))))
		return NULL;
	if (b->stamp != stamp)
		b->class = 0;
	b->stamp = stamp;
	b->seen = shared;
	b->own = t->version;
	return b;
}

void facts_drop(struct facts_table *f, struct thread *t)
{
	struct facts *b = facts_find(f, t);

	if (!b)
		return;
	b->owner = NULL;
	f->free[f->nfree++] = (uint32_t)((uintptr_t)t->match - 1);
	t->match = NULL;
}
