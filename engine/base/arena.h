/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena: memory with one owner and one end of life. Used for a compiled rule set (freed at swap)
 * and for the scratch of one event (reset between events, keeps its blocks: no allocation after
 * warm-up). All functions return NULL when memory or the budget is exhausted.
 */
#ifndef TIERCEL_ARENA_H
#define TIERCEL_ARENA_H

#include "engine/base/str.h"

struct arena_block;
struct arena_hook;

struct arena {
	struct arena_block *first, *cur;
	struct arena_hook *hooks;
	size_t block_size;
	size_t total;	/* bytes got from malloc */
	size_t budget;	/* 0 = none */
	bool used;	/* something was taken since the last reset */
};

void arena_init(struct arena *a, size_t block_size, size_t budget);
void arena_done(struct arena *a);
void arena_reset(struct arena *a);
/* The same where most rounds take nothing. */
static inline void arena_reset_used(struct arena *a)
{
	if (unlikely(a->used))
		arena_reset(a);
}
/* Take back what was got since the mark; nothing with a call on its end may be among it. */
struct arena_mark {
	struct arena_block *cur;
	size_t used;
};
struct arena_mark arena_mark(const struct arena *a);
void arena_back(struct arena *a, struct arena_mark mark);
/* Aligned to 16 bytes, sizes that are no multiple of 16 to 8 bytes; not cleared. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size);
/* Array of n elements; NULL on overflow. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* NUL-terminated copy, not aligned. */
char *arena_strdup(struct arena *a, struct str s);
struct str arena_str(struct arena *a, struct str s);
char *arena_printf(struct arena *a, const char *fmt, ...) _printf_(2, 3);
/* Grow an arena array to hold at least need elements, new ones not cleared; *cap is updated. */
void *arena_grow(struct arena *a, void *old, uint32_t *cap, uint32_t need, size_t size);

/*
 * Call fn(obj) when the content goes away (done or reset), last added first: for the few things an
 * arena cannot hold itself. 0 or -ENOMEM, then obj still belongs to the caller.
 */
int arena_on_free(struct arena *a, void (*fn)(void *obj), void *obj);

#define arena_new(a, type) ((type *)arena_zalloc((a), sizeof(type)))

#endif
