/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Called by source_ring.c. Records stay in the ring until the callback has returned; the rings are
 * merged by time stamp within one drain. A wake-up per record costs more than the record, so drains
 * are timed and adapt to how full the rings were; the kernel wakes us when one is half full before
 * that.
 */
#include <poll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "agent/source_reader.h"

/* Header of a record in a BPF ring buffer: length with two flag bits, page offset. */
#define RECORD_BUSY (1U << 31)
#define RECORD_DISCARD (1U << 30)
#define RECORD_HEADER 8
#define LINE_BYTES 64
#define FETCH_LINES 4		/* head and parameters of an ordinary record */

#define DELAY_MIN_US 1000u
#define DELAY_MAX_US 10000u
/* Percent of a ring at a drain, between which the delay stays: at half the kernel rings anyway. */
#define FILL_HIGH 25u
#define FILL_LOW 10u
/* A record is stamped before it is committed: younger ones wait for those still being written. */
#define SETTLE_NS 500000
#define CLOCK_STEP_NS 10000000

struct ring {
	uint64_t *consumer;		/* mapped, written by us */
	const uint64_t *producer;	/* mapped, written by the kernel */
	const uint8_t *data;		/* mapped twice in a row: records never wrap */
	size_t page, bytes;
	uint64_t pos;			/* next record */
	uint64_t end;			/* of this drain or batch */
	uint64_t ts;			/* of the record at pos */
	enum ring_lane lane;
};

/* Where somebody stands who reads the events; used by one thread at a time. */
struct cursor {
	struct ring *rings;
	uint32_t *heap;			/* rings with a record, smallest time stamp first */
	uint32_t nheap;
	uint32_t *lost;			/* [cpu][lane]: loss counter of the last record */
	uint8_t *whole;			/* RING_RECORD_MAX: a record that was made whole again */
	uint64_t read, corrupt, num;
};

struct source_reader {
	struct cursor *cursors;		/* the first one's rings tell how far a batch goes */
	uint32_t ncursors;
	uint32_t nrings, max_rings, cpus;
	uint64_t boot_ns;		/* wall clock minus boot clock */
	uint64_t bytes;
	uint32_t delay_us;
	bool drained;			/* all events were taken: the next drain may be later */
	uint32_t batch_max;		/* events of a batch */
	struct ring bell;		/* without data: how often the kernel rang */
	int bell_fd;
	uint32_t *asleep;		/* NULL: no bell */
	uint64_t bells;
};

static uint64_t clock_ns(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static void cursor_done(struct cursor *c)
{
	free(c->rings);
	free(c->heap);
	free(c->lost);
	free(c->whole);
}

static bool cursor_init(struct cursor *c, const struct source_reader *r)
{
	c->rings = calloc(r->max_rings, sizeof(*c->rings));
	c->heap = calloc(r->max_rings, sizeof(*c->heap));
	c->lost = calloc((size_t)r->cpus * LANE_COUNT, sizeof(*c->lost));
	c->whole = malloc(RING_RECORD_MAX);
	return c->rings && c->heap && c->lost && c->whole;
}

struct source_reader *source_reader_new(uint32_t max_rings, uint32_t cpus, uint32_t readers)
{
	struct source_reader *r = calloc(1, sizeof(*r));
	bool ok = true;

	if (!r)
		return NULL;
	r->cursors = calloc(MAX(readers, 1U), sizeof(*r->cursors));
	r->max_rings = max_rings;
	r->cpus = cpus;
	r->delay_us = DELAY_MAX_US;
	r->boot_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
	for (uint32_t i = 0; ok && r->cursors && i < MAX(readers, 1U); i++) {
		r->ncursors++;
		ok = cursor_init(&r->cursors[i], r);
	}
	if (!ok || !r->cursors) {
		source_reader_free(r);
		return NULL;
	}
	return r;
}

static void ring_unmap(struct ring *g)
{
	munmap(g->consumer, g->page);
	munmap((void *)g->producer, g->page + 2 * g->bytes);
}

void source_reader_free(struct source_reader *r)
{
	if (!r)
		return;
	for (uint32_t i = 0; i < r->nrings; i++)
		ring_unmap(&r->cursors[0].rings[i]);
	if (r->asleep)
		ring_unmap(&r->bell);
	for (uint32_t i = 0; i < r->ncursors; i++)
		cursor_done(&r->cursors[i]);
	free(r->cursors);
	free(r);
}

static int ring_map(struct ring *g, int fd)
{
	void *p = mmap(NULL, g->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	g->consumer = p;
	p = mmap(NULL, g->page + 2 * g->bytes, PROT_READ, MAP_SHARED, fd, g->page);
	if (p == MAP_FAILED) {
		int err = errno;

		munmap(g->consumer, g->page);
		return -err;
	}
	g->producer = p;
	g->data = (const uint8_t *)p + g->page;
	g->pos = g->end = __atomic_load_n(g->consumer, __ATOMIC_ACQUIRE);
	return 0;
}

int source_reader_add(struct source_reader *r, int fd, uint32_t bytes, enum ring_lane lane)
{
	struct ring g = { .page = sysconf(_SC_PAGESIZE), .bytes = bytes, .lane = lane };
	int err;

	if (r->nrings == r->max_rings)
		return -ENOSPC;
	err = ring_map(&g, fd);
	if (err)
		return err;
	for (uint32_t i = 0; i < r->ncursors; i++)
		r->cursors[i].rings[r->nrings] = g;
	r->nrings++;
	r->bytes += bytes;
	return 0;
}

int source_reader_bell(struct source_reader *r, int fd, uint32_t *asleep)
{
	int err;

	r->bell = (struct ring){ .page = sysconf(_SC_PAGESIZE), .bytes = sysconf(_SC_PAGESIZE) };
	err = ring_map(&r->bell, fd);
	if (err)
		return err;
	r->bell_fd = fd;
	r->asleep = asleep;
	return 0;
}

static void ring_release(struct ring *g)
{
	__atomic_store_n(g->consumer, g->pos, __ATOMIC_RELEASE);
}

/* A ring that fills up meanwhile ends the sleep. */
static void sleep_us(struct source_reader *r, uint64_t us)
{
	struct timespec t = { .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000 };
	struct pollfd p = { .fd = r->bell_fd, .events = POLLIN };

	if (!r->asleep) {
		nanosleep(&t, NULL);
		return;
	}
	__atomic_store_n(r->asleep, 1, __ATOMIC_RELEASE);
	if (ppoll(&p, 1, &t, NULL) > 0) {
		r->bells++;
		r->bell.pos = __atomic_load_n(r->bell.producer, __ATOMIC_ACQUIRE);
		ring_release(&r->bell);
	}
	__atomic_store_n(r->asleep, 0, __ATOMIC_RELEASE);
}

static uint32_t record_header(const struct ring *g)
{
	const uint32_t *h = (const uint32_t *)(g->data + (g->pos & (g->bytes - 1)));

	return __atomic_load_n(h, __ATOMIC_ACQUIRE);
}

static const uint8_t *record_data(const struct ring *g)
{
	return g->data + (g->pos & (g->bytes - 1)) + RECORD_HEADER;
}

static void ring_skip(struct ring *g, uint32_t header)
{
	g->pos += align_up((header & ~(RECORD_BUSY | RECORD_DISCARD)) + RECORD_HEADER, 8);
}

/* Stand on the next committed record of this drain. False: nothing more. */
static bool ring_settle(struct ring *g)
{
	while (g->pos < g->end) {
		uint32_t header = record_header(g);

		if (header & RECORD_BUSY)
			return false;
		if (!(header & RECORD_DISCARD)) {
			g->ts = load_u64(record_data(g));	/* first member of the head */
			return true;
		}
		ring_skip(g, header);
	}
	return false;
}

static bool heap_less(const struct cursor *c, uint32_t a, uint32_t b)
{
	return c->rings[c->heap[a]].ts < c->rings[c->heap[b]].ts;
}

static void heap_swap(struct cursor *c, uint32_t a, uint32_t b)
{
	uint32_t t = c->heap[a];

	c->heap[a] = c->heap[b];
	c->heap[b] = t;
}

static void heap_down(struct cursor *c, uint32_t i)
{
	for (;;) {
		uint32_t least = i, left = 2 * i + 1, right = left + 1;

		if (left < c->nheap && heap_less(c, left, least))
			least = left;
		if (right < c->nheap && heap_less(c, right, least))
			least = right;
		if (least == i)
			return;
		heap_swap(c, i, least);
		i = least;
	}
}

static void heap_build(struct cursor *c)
{
	for (uint32_t i = c->nheap / 2; i-- > 0;)
		heap_down(c, i);
}

/* The rings with something to read, in the order of their first records. */
static void cursor_start(const struct source_reader *r, struct cursor *c)
{
	c->nheap = 0;
	for (uint32_t i = 0; i < r->nrings; i++)
		if (ring_settle(&c->rings[i]))
			c->heap[c->nheap++] = i;
	heap_build(c);
}

/* How far the kernel has come. */
static uint64_t produced(const struct ring *g)
{
	return __atomic_load_n(g->producer, __ATOMIC_ACQUIRE);
}

/* The fullest ring, in percent. */
static uint32_t fullest(const struct source_reader *r)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < r->nrings; i++) {
		const struct ring *g = &r->cursors[0].rings[i];

		most = MAX(most, (produced(g) - g->pos) * 100 / g->bytes);
	}
	return (uint32_t)most;
}

static void note_losses(const struct source_reader *r, struct cursor *c, const struct ring *g,
			const struct ring_head *h, struct event *ev, struct event_kernel *kernel)
{
	uint32_t *seen, lost;

	if (h->cpu >= r->cpus)
		return;
	seen = &c->lost[h->cpu * LANE_COUNT + g->lane];
	lost = h->lost - *seen;
	*seen = h->lost;
	if (!lost)
		return;
	if (!ev->kernel)
		*kernel = (struct event_kernel){ 0 };
	kernel->lost_before = lost;
	ev->kernel = kernel;
}

/*
 * Thread of the record behind the one at pos, 0 when there is none yet: mostly the next event, too.
 * It was written by another cpu, so its first lines are fetched while this one is at work.
 */
static uint32_t peek_tid(const struct ring *g, uint32_t len)
{
	struct ring next = *g;

	ring_skip(&next, len);
	if (next.pos >= g->end || record_header(&next) & (RECORD_BUSY | RECORD_DISCARD))
		return 0;
	for (unsigned i = 1; i < FETCH_LINES; i++)
		__builtin_prefetch(record_data(&next) + i * LINE_BYTES);
	return load_u32(record_data(&next) + offsetof(struct ring_head, tid));
}

/* The record with all that it left out, or NULL: it is damaged. */
static const uint8_t *whole_record(const struct cursor *c, const uint8_t *rec, uint32_t *len)
{
	if (*len < sizeof(struct ring_head) ||
	    !(load_u16(rec + offsetof(struct ring_head, flags)) & RING_SHORT_CGROUPS))
		return rec;
	return ring_expand(rec, *len, c->whole, len) ? NULL : c->whole;
}

static int deliver(const struct source_reader *r, struct cursor *c, struct ring *g,
		   source_event_fn fn, void *ctx)
{
	uint32_t len = record_header(g) & ~(RECORD_BUSY | RECORD_DISCARD), whole_len = len;
	const uint8_t *rec = whole_record(c, record_data(g), &whole_len);
	struct event_kernel kernel;
	struct ring_head head;
	struct event ev;

	c->read++;
	if (!rec || ring_decode(rec, whole_len, r->boot_ns, &ev, &kernel)) {
		c->corrupt++;
		return 0;
	}
	memcpy(&head, rec, sizeof(head));
	note_losses(r, c, g, &head, &ev, &kernel);
	ev.num = ++c->num;
	ev.next_tid = peek_tid(g, len);
	return fn(ctx, &ev);
}

/* Deliver the first record of all; the heap is right afterwards. */
static int step(const struct source_reader *r, struct cursor *c, source_event_fn fn, void *ctx)
{
	struct ring *g = &c->rings[c->heap[0]];
	int ret = deliver(r, c, g, fn, ctx);

	ring_skip(g, record_header(g));
	return ret;
}

static void after_step(struct cursor *c)
{
	if (!ring_settle(&c->rings[c->heap[0]]))
		c->heap[0] = c->heap[--c->nheap];
	heap_down(c, 0);
}

static uint64_t next_ts(const struct cursor *c)
{
	return c->rings[c->heap[0]].ts;
}

static void release_all(struct source_reader *r)
{
	for (uint32_t i = 0; i < r->nrings; i++)
		ring_release(&r->cursors[0].rings[i]);
}

static int drain(struct source_reader *r, uint64_t horizon, source_event_fn fn, void *ctx)
{
	struct cursor *c = &r->cursors[0];
	int count = 0, ret = 0;

	for (uint32_t i = 0; i < r->nrings; i++)
		c->rings[i].end = produced(&c->rings[i]);
	cursor_start(r, c);
	while (c->nheap && !ret && next_ts(c) <= horizon) {
		struct ring *g = &c->rings[c->heap[0]];

		ret = step(r, c, fn, ctx);
		count++;
		if (g->pos - *g->consumer > g->bytes / 8)
			ring_release(g);
		after_step(c);
	}
	release_all(r);
	r->drained = count && !ret;
	return ret ? ret : count;
}

static void adapt(struct source_reader *r, uint32_t percent)
{
	if (percent > FILL_HIGH)
		r->delay_us = MAX(r->delay_us / 2, DELAY_MIN_US);
	else if (percent < FILL_LOW)
		r->delay_us = MIN(r->delay_us * 3 / 2, DELAY_MAX_US);
}

/* Follow steps of the wall clock, but not its slewing: time stamps stay monotonic otherwise. */
static void follow_clock(struct source_reader *r, uint64_t boot_now)
{
	uint64_t offset = clock_ns(CLOCK_REALTIME) - boot_now;
	int64_t step = offset - r->boot_ns;

	if (step > CLOCK_STEP_NS || step < -CLOCK_STEP_NS)
		r->boot_ns = offset;
}

/* A short drain must not turn into a busy loop of the caller. */
static void rest(struct source_reader *r, int timeout_ms)
{
	if (r->drained && timeout_ms > 0)
		sleep_us(r, MIN(r->delay_us, timeout_ms * 1000U));
	r->drained = false;
}

int source_reader_poll(struct source_reader *r, int timeout_ms, source_event_fn fn, void *ctx)
{
	uint64_t now = clock_ns(CLOCK_BOOTTIME), deadline = now + timeout_ms * 1000000ULL;

	rest(r, timeout_ms);
	for (;;) {
		uint32_t percent;
		int n;

		now = clock_ns(CLOCK_BOOTTIME);
		percent = fullest(r);
		follow_clock(r, now);
		n = drain(r, now - SETTLE_NS, fn, ctx);
		adapt(r, percent);
		if (n || now >= deadline)
			return n;
		sleep_us(r, MIN(r->delay_us, (deadline - now) / 1000 + 1));
	}
}

/* ---- the same in steps, for several readers ---- */

/*
 * A batch ends before the first record that is not committed or too young: what readers see must
 * not depend on when they look. What was left of the last batch is not looked at again.
 */
static bool fix_end(struct ring *g, uint64_t horizon)
{
	struct ring at = *g;

	at.pos = g->end;
	at.end = produced(g);
	while (ring_settle(&at) && at.ts <= horizon)
		ring_skip(&at, record_header(&at));
	g->end = at.pos;
	return g->end > g->pos;
}

int source_reader_begin(struct source_reader *r, int timeout_ms, uint32_t max)
{
	uint64_t now = clock_ns(CLOCK_BOOTTIME), deadline = now + timeout_ms * 1000000ULL;

	rest(r, timeout_ms);
	for (;;) {
		bool any = false;

		now = clock_ns(CLOCK_BOOTTIME);
		adapt(r, fullest(r));
		follow_clock(r, now);
		for (uint32_t i = 0; i < r->nrings; i++)
			any |= fix_end(&r->cursors[0].rings[i], now - SETTLE_NS);
		r->batch_max = max;
		if (any || now >= deadline)
			return any;
		sleep_us(r, MIN(r->delay_us, (deadline - now) / 1000 + 1));
	}
}

int source_reader_walk(struct source_reader *r, uint32_t reader, source_event_fn fn, void *ctx)
{
	struct cursor *c = &r->cursors[reader];
	int count = 0;

	for (uint32_t i = 0; reader && i < r->nrings; i++)
		c->rings[i].end = r->cursors[0].rings[i].end;
	cursor_start(r, c);
	while (c->nheap && (uint32_t)count < r->batch_max) {
		step(r, c, fn, ctx);
		count++;
		after_step(c);
	}
	return count;
}

void source_reader_finish(struct source_reader *r)
{
	r->drained = !r->cursors[0].nheap;
	release_all(r);
}

void source_reader_stats(const struct source_reader *r, struct source_stats *stats)
{
	stats->read = r->cursors[0].read;
	stats->corrupt = r->cursors[0].corrupt;
	stats->ring_bytes = r->bytes;
	stats->rings = r->nrings;
	stats->bells = r->bells;
}
