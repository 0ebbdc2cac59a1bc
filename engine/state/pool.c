/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools of equal objects for the state tables: after warm-up events take and give entries without
 * touching malloc. A pool belongs to its state.
 */
#include "engine/state/state_priv.h"

#define CHUNK_BYTES 65536
#define CACHE_LINE 64

struct pool_chunk {
	struct pool_chunk *next;
	_Alignas(CACHE_LINE) char objects[];
};

void pool_init(struct pool *p, size_t size)
{
	*p = (struct pool){ .size = align_up(size, CACHE_LINE) };
}

static bool add_chunk(struct pool *p)
{
	size_t n = MAX(CHUNK_BYTES / p->size, 1u), bytes = sizeof(struct pool_chunk) + n * p->size;
	struct pool_chunk *c = aligned_alloc(CACHE_LINE, bytes);

	if (!c)
		return false;
	c->next = p->chunks;
	p->chunks = c;
	p->fresh = c->objects;
	p->end = c->objects + n * p->size;
	return true;
}

/* One by one: what is not needed yet is not touched. */
bool pool_grow(struct pool *p)
{
	if (p->fresh == p->end && !add_chunk(p))
		return false;
	p->used += p->size;
	pool_put(p, p->fresh);
	p->fresh += p->size;
	return true;
}

void pool_done(struct pool *p)
{
	while (p->chunks) {
		struct pool_chunk *c = p->chunks;

		p->chunks = c->next;
		free(c);
	}
	pool_init(p, p->size);
}
