/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arena allocator: a list of malloc blocks. Reset keeps the blocks for the next round, so a
 * per-event arena stops allocating once it has seen the largest event.
 */
#include "engine/base/arena.h"

#include <sys/mman.h>

enum { ARENA_ALIGN = 16, CLEAR_AHEAD = 1024, TOUCH_MIN = 32 << 10 };

struct arena_block {
	struct arena_block *next;
	size_t cap, used;
	size_t clear;		/* what is free in front of this is zero */
	_Alignas(ARENA_ALIGN) char data[];
};

void arena_init(struct arena *a, size_t block_size, size_t budget)
{
	*a = (struct arena){ .block_size = block_size, .budget = budget };
}

struct arena_hook {
	struct arena_hook *next;
	void (*fn)(void *obj);
	void *obj;
};

int arena_on_free(struct arena *a, void (*fn)(void *obj), void *obj)
{
	struct arena_hook *h = arena_new(a, struct arena_hook);

	if (!h)
		return -ENOMEM;
	*h = (struct arena_hook){ a->hooks, fn, obj };
	a->hooks = h;
	return 0;
}

static void run_hooks(struct arena *a)
{
	for (struct arena_hook *h = a->hooks; h; h = h->next)
		h->fn(h->obj);
	a->hooks = NULL;
}

void arena_done(struct arena *a)
{
	struct arena_block *b = a->first;

	run_hooks(a);
	while (b) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
	a->first = a->cur = NULL;
	a->total = 0;
}

void arena_reset(struct arena *a)
{
	run_hooks(a);
	a->used = false;
	a->cur = a->first;
	if (a->cur)
		a->cur->used = a->cur->clear = 0;
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->cur, a->cur ? a->cur->used : 0 };
}

void arena_back(struct arena *a, struct arena_mark mark)
{
	a->cur = mark.cur ? mark.cur : a->first;
	if (!a->cur)
		return;
	a->cur->used = mark.used;
	a->cur->clear = MIN(a->cur->clear, mark.used);	/* it was written to */
}

/*
 * All pages of a block at once, for less than half of what a fault for each of them costs. Of no
 * use where that is not known (before Linux 5.14), and harmless.
 */
static void touch_pages(struct arena_block *b)
{
#ifdef MADV_POPULATE_WRITE
	const uintptr_t page = 4096;
	uintptr_t from = align_up((uintptr_t)b, page);
	uintptr_t to = ((uintptr_t)b + sizeof(*b) + b->cap) & ~(page - 1);

	if (to - from >= TOUCH_MIN)
		madvise((void *)from, to - from, MADV_POPULATE_WRITE);
#endif
}

/*
 * The next block with room for `size`: one kept by a reset, or a new one behind `cur`. Large tables
 * are often not filled: calloc() clears memory that is new to the process without touching it.
 */
static _noinline_ struct arena_block *next_block(struct arena *a, size_t size, bool zero)
{
	struct arena_block *b;
	size_t cap = MAX(size, a->block_size);

	if (a->cur && a->cur->next && a->cur->next->cap >= size) {
		a->cur = a->cur->next;
		a->cur->used = a->cur->clear = 0;
		return a->cur;
	}
	if (cap > SIZE_MAX - sizeof(*b) || (a->budget && a->total + cap > a->budget))
		return NULL;
	zero = zero && size > a->block_size;
	b = zero ? calloc(1, sizeof(*b) + cap) : malloc(sizeof(*b) + cap);
	if (!b)
		return NULL;
	b->cap = cap;
	b->used = 0;
	b->clear = zero ? cap : 0;
	if (!zero && a->first)	/* the first one may stay nearly empty */
		touch_pages(b);
	a->total += cap;
	if (a->cur) {
		b->next = a->cur->next;
		a->cur->next = b;
	} else {
		b->next = a->first;
		a->first = b;
	}
	a->cur = b;
	return b;
}

/* Up to `end`, and for the next ones, too: one call for many small objects. */
static _noinline_ void clear_more(struct arena_block *b, size_t at, size_t end)
{
	size_t from = MAX(at, b->clear), to = MIN(b->cap, end + CLEAR_AHEAD);

	memset(b->data + from, 0, to - from);
	b->clear = to;
}

static inline void *alloc(struct arena *a, size_t size, size_t align, bool zero)
{
	struct arena_block *b = a->cur;
	size_t at = b ? align_up(b->used, align) : 0;

	if (unlikely(size > SIZE_MAX / 2))
		return NULL;
	a->used = true;
	size += !size;
	if (unlikely(!b || at + size > b->cap)) {
		b = next_block(a, size, zero);
		if (!b)
			return NULL;
		at = 0;
	}
	b->used = at + size;
	if (zero && unlikely(b->used > b->clear))
		clear_more(b, at, b->used);
	return b->data + at;
}

/* The size of what has to be aligned to 16 bytes is a multiple of them. */
static size_t align_of(size_t size)
{
	return size % ARENA_ALIGN ? ARENA_ALIGN / 2 : ARENA_ALIGN;
}

void *arena_alloc(struct arena *a, size_t size)
{
	return alloc(a, size, align_of(size), false);
}

void *arena_zalloc(struct arena *a, size_t size)
{
	return alloc(a, size, align_of(size), true);
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return arena_zalloc(a, bytes);
}

char *arena_strdup(struct arena *a, struct str s)
{
	char *p = alloc(a, (size_t)s.len + 1, 1, false);

	if (!p)
		return NULL;
	if (s.len)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return p;
}

struct str arena_str(struct arena *a, struct str s)
{
	char *p = arena_strdup(a, s);

	return p ? (struct str){ p, s.len } : STR_NONE;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	char *p = NULL;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n >= 0)
		p = arena_alloc(a, (size_t)n + 1);
	if (p)
		vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(ap);
	return p;
}

/* More room for the array that was taken last. */
static bool extend(struct arena *a, const void *old, size_t have, size_t bytes)
{
	struct arena_block *b = a->cur;

	if (!have || !b || (const char *)old + have != b->data + b->used ||
	    b->cap - b->used < bytes - have)
		return false;
	b->used += bytes - have;
	return true;
}

void *arena_grow(struct arena *a, void *old, uint32_t *cap, uint32_t need, size_t size)
{
	uint32_t n = MAX(*cap, 2u);
	size_t bytes;
	void *p;

	if (need <= *cap)
		return old;
	while (n < need) {
		if (n > UINT32_MAX / 2)
			return NULL;
		n *= 2;
	}
	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	p = extend(a, old, *cap * size, bytes) ? old : arena_alloc(a, bytes);
	if (!p)
		return NULL;
	if (*cap && p != old)
		memcpy(p, old, *cap * size);
	*cap = n;
	return p;
}
