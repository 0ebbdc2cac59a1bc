/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pools of equal objects for the state tables: after warm-up events take and give entries without
 * touching malloc. A pool belongs to its state.
 */
#include "engine/state/state_priv.h"

#define CHUNK_BYTES 65536

struct pool_chunk {
	struct pool_chunk *next;
	_Alignas(16) char objects[];
};

struct free_object {
	struct free_object *next;
};

static bool grow(struct pool *p)
{
	size_t n = MAX(CHUNK_BYTES / p->size, 1u), bytes = sizeof(struct pool_chunk) + n * p->size;
	struct pool_chunk *c = malloc(bytes);

	if (!c)
		return false;
	c->next = p->chunks;
	p->chunks = c;
	p->bytes += bytes;
	for (size_t i = n; i-- > 0;) {
		struct free_object *o = (struct free_object *)(c->objects + i * p->size);

		o->next = p->free;
		p->free = o;
	}
	return true;
}

void *pool_get(struct pool *p)
{
	struct free_object *o;

	if (unlikely(!p->free) && !grow(p))
		return NULL;
	o = p->free;
	p->free = o->next;
	return memset(o, 0, p->size);
}

void pool_put(struct pool *p, void *obj)
{
	struct free_object *o = obj;

	o->next = p->free;
	p->free = o;
}

void pool_done(struct pool *p)
{
	while (p->chunks) {
		struct pool_chunk *c = p->chunks;

		p->chunks = c->next;
		free(c);
	}
	*p = (struct pool){ .size = p->size };
}
