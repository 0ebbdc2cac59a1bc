/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded ring of alerts, see grpc_ring.h. */
#include "agent/grpc_ring.h"
#include "agent/clock.h"

#include <pthread.h>

/* A batch on its way from one thread to the other: the newest, if the other one is too late. */
struct batch {
	struct message **messages;
	uint32_t n, capacity, start;
};

struct grpc_ring {
	struct grpc_limits *limits;
	pthread_mutex_t lock;
	struct batch in;	/* under the lock */
	uint64_t pushed;	/* under the lock: alerts since the start */

	/* The server's thread. */
	struct batch taken;
	struct grpc_frame **slots;
	uint32_t size;
	uint64_t head, tail;	/* slots in use: tail..head, modulo size */
	uint64_t bytes;
	uint64_t end;		/* number after the last alert that was taken over */
	uint64_t unread, got;
	struct buf scratch;

	/* For other threads. */
	atomic_uint_fast64_t delivered, discarded, queued, last_delivered_ns;
};

static int batch_init(struct batch *b, uint32_t capacity)
{
	b->messages = calloc(capacity, sizeof(struct message *));
	b->capacity = capacity;
	return b->messages ? 0 : -ENOMEM;
}

static struct message *batch_at(const struct batch *b, uint32_t i)
{
	return b->messages[(b->start + i) % b->capacity];
}

static void batch_done(struct batch *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		message_put(batch_at(b, i));
	free(b->messages);
}

struct grpc_ring *grpc_ring_new(struct grpc_limits *limits)
{
	struct grpc_ring *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->limits = limits;
	r->size = (uint32_t)limits->max[GRPC_LIMIT_QUEUE_MESSAGES];
	pthread_mutex_init(&r->lock, NULL);
	r->slots = calloc(r->size, sizeof(struct grpc_frame *));
	if (batch_init(&r->in, r->size) < 0 || batch_init(&r->taken, r->size) < 0 || !r->slots) {
		grpc_ring_free(r);
		return NULL;
	}
	return r;
}

static struct grpc_frame *oldest(const struct grpc_ring *r)
{
	return r->slots[r->tail % r->size];
}

static void forget_oldest(struct grpc_ring *r)
{
	struct grpc_frame *f = oldest(r);

	r->bytes -= f->len;
	r->tail++;
	grpc_frame_put(f);
}

void grpc_ring_free(struct grpc_ring *r)
{
	if (!r)
		return;
	while (r->tail < r->head)
		forget_oldest(r);
	batch_done(&r->in);
	batch_done(&r->taken);
	buf_done(&r->scratch);
	free(r->slots);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

bool grpc_ring_push(struct grpc_ring *r, struct message *m)
{
	struct batch *b = &r->in;
	struct message *oldest = NULL;
	bool first;

	pthread_mutex_lock(&r->lock);
	first = b->n == 0;
	if (b->n == b->capacity) {
		oldest = batch_at(b, 0);
		b->start = (b->start + 1) % b->capacity;
		b->n--;
	}
	b->messages[(b->start + b->n++) % b->capacity] = message_get(m);
	r->pushed++;
	pthread_mutex_unlock(&r->lock);
	if (oldest) {
		message_put(oldest);
		grpc_limits_hit(r->limits, GRPC_LIMIT_QUEUE_MESSAGES);
	}
	return first;
}

struct grpc_frame *grpc_frame_new(const struct message *m, uint64_t number)
{
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	struct grpc_frame *f;

	grpc_wire_alert(&bytes, m);
	f = bytes.err ? NULL : malloc(sizeof(*f) + bytes.len);
	if (!f)
		return NULL;
	*f = (struct grpc_frame){ .refs = 1, .len = (uint32_t)bytes.len, .number = number };
	memcpy(f->bytes, bytes.p, bytes.len);
	return f;
}

void grpc_frame_put(struct grpc_frame *f)
{
	if (f && --f->refs == 0)
		free(f);
}

/* Alerts below `number` that nobody has got are gone for good. */
static void discard_below(struct grpc_ring *r, uint64_t number)
{
	if (r->unread >= number)
		return;
	r->discarded += number - r->unread;
	r->unread = number;
}

/* Room for alert `number`. */
static void make_room(struct grpc_ring *r, uint32_t len, uint64_t number)
{
	uint64_t max = r->limits->max[GRPC_LIMIT_QUEUE_BYTES];

	while (r->tail < r->head && (r->head - r->tail == r->size || r->bytes + len > max)) {
		grpc_limits_hit(r->limits, r->head - r->tail == r->size ? GRPC_LIMIT_QUEUE_MESSAGES
									: GRPC_LIMIT_QUEUE_BYTES);
		forget_oldest(r);
		discard_below(r, r->tail < r->head ? oldest(r)->number : number);
	}
	if (r->tail == r->head)
		discard_below(r, number);
}

static void append(struct grpc_ring *r, const struct message *m, uint64_t number)
{
	struct grpc_frame *f = grpc_frame_new(m, number);

	if (!f)
		return;		/* a gap in the numbers, which readers count as lost */
	make_room(r, f->len, number);
	r->slots[r->head++ % r->size] = f;
	r->bytes += f->len;
}

bool grpc_ring_pull(struct grpc_ring *r)
{
	struct batch *b = &r->taken, empty = *b;
	uint64_t first;
	bool more;

	pthread_mutex_lock(&r->lock);
	*b = r->in;
	r->in = empty;
	more = r->pushed != r->end;
	r->end = r->pushed;
	pthread_mutex_unlock(&r->lock);
	first = r->end - b->n;
	for (uint32_t i = 0; i < b->n; i++) {
		append(r, batch_at(b, i), first + i);
		message_put(batch_at(b, i));
	}
	b->n = b->start = 0;
	r->queued = r->end - r->unread;
	return more;
}

uint64_t grpc_ring_end(const struct grpc_ring *r)
{
	return r->end;
}

uint64_t grpc_ring_unread(const struct grpc_ring *r)
{
	return r->unread;
}

uint64_t grpc_ring_got(const struct grpc_ring *r)
{
	return r->got;
}

void grpc_ring_set_got(struct grpc_ring *r, uint64_t number)
{
	r->got = MAX(r->got, number);
}

/* First slot whose number is not below `number`. Numbers rise, mostly without gaps. */
static uint64_t find_slot(const struct grpc_ring *r, uint64_t number)
{
	uint64_t low = r->tail, high = r->head;

	if (low == high || oldest(r)->number >= number)
		return low;
	if (number - oldest(r)->number < high - low &&
	    r->slots[(low + number - oldest(r)->number) % r->size]->number == number)
		return low + number - oldest(r)->number;
	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (r->slots[middle % r->size]->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* What the cursor has reached was given to somebody. */
static void account(struct grpc_ring *r, uint64_t reached, bool delivered)
{
	if (reached <= r->unread)
		return;
	/* Numbers in between have no frame: there was no memory for it. */
	r->discarded += reached - r->unread - delivered;
	r->delivered += delivered;
	r->unread = reached;
	r->queued = r->end - r->unread;
	if (delivered)
		r->last_delivered_ns = clock_mono_ns();
}

struct grpc_frame *grpc_ring_read(struct grpc_ring *r, struct grpc_cursor *c, uint64_t end)
{
	uint64_t slot = find_slot(r, c->next);
	struct grpc_frame *f = slot < r->head ? r->slots[slot % r->size] : NULL;

	if (c->next >= end)
		return NULL;
	if (!f || f->number >= end) {
		c->lost += end - c->next;
		c->next = end;
		account(r, end, false);
		return NULL;
	}
	c->lost += f->number - c->next;
	c->next = f->number + 1;
	account(r, c->next, true);
	f->refs++;
	return f;
}

void grpc_ring_discard(struct grpc_ring *r)
{
	grpc_ring_pull(r);
	discard_below(r, r->end);
	r->queued = 0;
}

void grpc_ring_stats(const struct grpc_ring *r, struct output_stats *ret)
{
	ret->delivered = r->delivered;
	ret->discarded = r->discarded;
	ret->queued = r->queued;
	ret->taken = ret->delivered + ret->discarded + ret->queued;
	ret->queue_size = r->size;
	ret->last_delivered_ns = r->last_delivered_ns;
}
