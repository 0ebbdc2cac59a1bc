/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order in which fd.types shows the fds of a process. Called by field_fd.c only; the list is in
 * the scratch arena.
 *
 * Users of other tools know the order of a chained hash table over fd numbers: all entries are on
 * one list, a new one goes to the front, or in front of the entries of its bucket. When the table
 * grows, the list is walked and every entry inserted anew.
 */
#include "engine/field/field_fd.h"

#define NONE UINT32_MAX

struct chain {
	struct fdinfo **fds;	/* in the order in which they were added */
	uint32_t *next;		/* of an entry; NONE at the end */
	uint32_t *before;	/* of a bucket: entry in front of its first one, `n` for the head */
	bool *used;		/* of a bucket */
	uint32_t n, buckets;
};

/* Sizes of the table, each used until it holds as many entries. */
static const uint32_t sizes[] = {
	13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753, 42043, 85229, 172933
};

static uint32_t bucket_of(const struct chain *c, uint32_t i)
{
	return (uint32_t)((uint64_t)c->fds[i]->fd % c->buckets);
}

/* next[n] is the head of the list. */
static void link_entry(struct chain *c, uint32_t i)
{
	uint32_t b = bucket_of(c, i);

	if (c->used[b]) {
		c->next[i] = c->next[c->before[b]];
		c->next[c->before[b]] = i;
		return;
	}
	c->next[i] = c->next[c->n];
	c->next[c->n] = i;
	c->used[b] = true;
	c->before[b] = c->n;
	if (c->next[i] != NONE)
		c->before[bucket_of(c, c->next[i])] = i;
}

static void grow(struct chain *c, uint32_t buckets)
{
	uint32_t i = c->next[c->n], next;

	c->buckets = buckets;
	memset(c->used, 0, buckets * sizeof(*c->used));
	c->next[c->n] = NONE;
	for (; i != NONE; i = next) {
		next = c->next[i];
		link_entry(c, i);
	}
}

static int by_order(const void *a, const void *b)
{
	const struct fdinfo *x = *(struct fdinfo *const *)a, *y = *(struct fdinfo *const *)b;

	return (x->order > y->order) - (x->order < y->order);
}

static bool alloc_chain(struct chain *c, struct arena *a, uint32_t max)
{
	uint32_t buckets = sizes[0];

	for (uint32_t i = 1; i < ARRAY_SIZE(sizes) && buckets < max; i++)
		buckets = sizes[i];
	c->fds = arena_array(a, max, sizeof(*c->fds));
	c->next = arena_array(a, max + 1, sizeof(*c->next));
	c->before = arena_array(a, buckets, sizeof(*c->before));
	c->used = arena_array(a, buckets, sizeof(*c->used));
	return c->fds && c->next && c->before && c->used;
}

/* Insert fds[0..count) into an empty table. */
static void insert_all(struct chain *c, uint32_t count)
{
	uint32_t size = 0;

	c->next[c->n] = NONE;
	grow(c, sizes[size++]);
	for (uint32_t i = 0; i < count; i++) {
		if (i == c->buckets && size < ARRAY_SIZE(sizes))
			grow(c, sizes[size++]);
		link_entry(c, i);
	}
}

static uint32_t read_list(const struct chain *c, struct fdinfo **list)
{
	uint32_t at = 0;

	for (uint32_t i = c->next[c->n]; i != NONE; i = c->next[i])
		list[at++] = c->fds[i];
	return at;
}

/* A child's table is filled in the order in which the parent's is read. */
static void copy_inherited(struct chain *c, const struct group *g, struct fdinfo **list)
{
	uint32_t count = 0;

	while (count < c->n && c->fds[count]->order <= g->fd_mark)
		count++;
	for (uint32_t pass = 0; count && pass < g->fd_passes; pass++) {
		insert_all(c, count);
		read_list(c, list);
		memcpy(c->fds, list, count * sizeof(*list));
	}
}

struct fdinfo **fd_order(const struct event_ctx *ctx, uint32_t *ret_n)
{
	uint32_t max = thread_fd_count(ctx->thread), pos = 0;
	struct chain c = { 0 };
	struct fdinfo *fd, **list;

	list = arena_array(ctx->scratch, max + 1, sizeof(*list));
	if (!list || !alloc_chain(&c, ctx->scratch, max + 1))
		return NULL;
	while (c.n < max && (fd = thread_next_fd(ctx->thread, &pos)))
		c.fds[c.n++] = fd;
	if (c.n) {
		qsort(c.fds, c.n, sizeof(*c.fds), by_order);
		copy_inherited(&c, ctx->thread->group, list);
	}
	insert_all(&c, c.n);
	*ret_n = read_list(&c, list);
	return list;
}
