/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded queue and thread of an output. The thread of the engine only appends under the mutex; the
 * worker takes batches out and gives them to the sink without it. Every message that was taken is
 * queued, delivered or discarded at any time, and counted as that.
 */
#include "agent/output_queue.h"
#include "agent/clock.h"
#include "agent/cmd.h"
#include "agent/thread.h"


enum {
	CAPACITY_DEFAULT = 16384,
	RETRY_FIRST_MS = 50, RETRY_MAX_MS = 5000,
	ABORT_AGAIN_MS = 5,
};

/* Ends blocking calls of a worker. */
#define ABORT_SIGNAL SIGRTMIN

struct output_queue {
	struct output output;		/* first: the address of both is one */
	const struct output_sink *sink;
	void *ctx;
	uint64_t max_bytes, hang_ns;
	bool drop_oldest;

	pthread_t thread;
	pthread_mutex_t lock;		/* all below but the atomics */
	pthread_cond_t wake;		/* worker: there is work, or the end */
	pthread_cond_t ended_cond;
	struct message **ring;
	uint32_t capacity, head, n;	/* oldest message, number of messages */
	uint64_t bytes;			/* of the messages in the ring */
	uint32_t in_flight;		/* taken out by the worker, not done yet */
	struct output_stats stats;
	uint64_t attempt_ns;		/* start of the write that is going on; 0: none */
	uint64_t deadline_ns;		/* of the stop */
	bool waiting, stopping, ended, reopen;
	atomic_bool aborted;
};

static void lock_queue(const struct output_queue *q)
{
	pthread_mutex_lock((pthread_mutex_t *)&q->lock);
}

static void unlock_queue(const struct output_queue *q)
{
	pthread_mutex_unlock((pthread_mutex_t *)&q->lock);
}

bool output_queue_aborted(const struct output_queue *q)
{
	return atomic_load(&q->aborted);
}

static struct message *pop(struct output_queue *q)
{
	struct message *m = q->ring[q->head];

	q->head = (q->head + 1) % q->capacity;
	q->n--;
	q->bytes -= m->bytes;
	return m;
}

static bool is_full(const struct output_queue *q, const struct message *m)
{
	return q->n == q->capacity || (q->n && q->bytes + m->bytes > q->max_bytes);
}

/* With the lock. */
static void take(struct output_queue *q, struct message *m)
{
	q->stats.taken++;
	if (q->stopping || q->stats.closed || (is_full(q, m) && !q->drop_oldest)) {
		q->stats.discarded++;
		return;
	}
	while (is_full(q, m)) {
		message_put(pop(q));
		q->stats.discarded++;
	}
	q->ring[(q->head + q->n++) % q->capacity] = message_get(m);
	q->bytes += m->bytes;
}

static void emit_many(struct output *o, struct message *const *v, uint32_t n)
{
	struct output_queue *q = container_of(o, struct output_queue, output);
	bool wake;

	lock_queue(q);
	for (uint32_t i = 0; i < n; i++)
		take(q, v[i]);
	wake = q->waiting && q->n;
	if (wake)
		q->waiting = false;
	unlock_queue(q);
	if (wake)
		pthread_cond_signal(&q->wake);
}

static void emit(struct output *o, struct message *m)
{
	emit_many(o, &m, 1);
}

static void stats(const struct output *o, struct output_stats *ret)
{
	const struct output_queue *q = container_of(o, struct output_queue, output);
	uint64_t now = clock_mono_ns();

	lock_queue(q);
	*ret = q->stats;
	ret->queued = q->n + q->in_flight;
	ret->queue_size = q->capacity;
	ret->failing |= q->attempt_ns && now - q->attempt_ns > q->hang_ns;
	unlock_queue(q);
}

static void reopen(struct output *o)
{
	struct output_queue *q = container_of(o, struct output_queue, output);

	lock_queue(q);
	q->reopen = true;
	q->waiting = false;
	unlock_queue(q);
	pthread_cond_signal(&q->wake);
}

/* Sleep until there is work. Returns the size of the batch; 0: the end. */
static uint32_t take_batch(struct output_queue *q, struct message **batch)
{
	uint32_t n = 0;
	bool again;

	lock_queue(q);
	while (!q->n && !q->stopping && !q->reopen) {
		q->waiting = true;
		pthread_cond_wait(&q->wake, &q->lock);
	}
	again = q->reopen;
	q->reopen = false;
	while (q->n && n < OUTPUT_BATCH_MAX && !output_queue_aborted(q))
		batch[n++] = pop(q);
	q->in_flight = n;
	unlock_queue(q);
	if (again && q->sink->reopen)
		q->sink->reopen(q->ctx);
	return again && !n ? take_batch(q, batch) : n;
}

static void report(struct output_queue *q, int r, bool was_failing)
{
	if (r < 0 && !was_failing)
		cli_warn("output %s fails: %s", q->sink->name,
			 q->sink->why ? q->sink->why(q->ctx, r) : strerror(-r));
	else if (r == 0 && was_failing)
		cli_warn("output %s works again", q->sink->name);
}

/* Count what a write did; `done` and refused messages leave the batch. */
static void account(struct output_queue *q, int r, uint32_t done, uint32_t refused)
{
	bool was_failing;

	lock_queue(q);
	was_failing = q->stats.failing;
	q->attempt_ns = 0;
	q->stats.delivered += done;
	q->stats.discarded += refused;
	q->in_flight -= done + refused;
	q->stats.failing = r < 0;
	q->stats.failures += r < 0;
	q->stats.closed |= r == -EPIPE;
	if (done)
		q->stats.last_delivered_ns = clock_mono_ns();
	unlock_queue(q);
	if (!output_queue_aborted(q))
		report(q, r, was_failing);
}

static void discard_all(struct output_queue *q)
{
	lock_queue(q);
	q->stats.discarded += q->n;
	while (q->n)
		message_put(pop(q));
	unlock_queue(q);
}

/* Pause before the next attempt; shorter when the output is to end. */
static void pause_before_retry(struct output_queue *q, uint32_t *ms)
{
	uint32_t asked_ms = q->sink->wait_ms ? q->sink->wait_ms(q->ctx) : 0;
	uint64_t until = clock_mono_ns() + MAX(*ms, asked_ms) * NS_PER_MS;
	struct timespec ts;

	*ms = MIN(*ms * 2, (uint32_t)RETRY_MAX_MS);
	lock_queue(q);
	if (q->stopping)
		until = MIN(until, clock_mono_ns() + RETRY_FIRST_MS * NS_PER_MS);
	ts = clock_timespec(until);
	while (!output_queue_aborted(q) &&
	       pthread_cond_timedwait(&q->wake, &q->lock, &ts) != ETIMEDOUT && !q->stopping)
		;
	unlock_queue(q);
}

static void deliver(struct output_queue *q, struct message **batch, uint32_t n)
{
	uint32_t at = 0, pause_ms = RETRY_FIRST_MS;

	while (at < n) {
		uint32_t done = 0, refused = 0;
		int r;

		lock_queue(q);
		q->attempt_ns = clock_mono_ns();
		unlock_queue(q);
		r = q->sink->write(q, q->ctx, batch + at, n - at, &done);
		if (r == 0)
			done = n - at;
		if (r == -EBADMSG)
			refused = 1;
		else if (r == -EPIPE || (r < 0 && output_queue_aborted(q)))
			refused = n - at - done;
		account(q, r, done, refused);
		if (done + refused)
			pause_ms = RETRY_FIRST_MS;
		for (uint32_t i = 0; i < done + refused; i++)
			message_put(batch[at++]);
		if (r == -EPIPE)
			discard_all(q);
		else if (r < 0 && r != -EBADMSG && at < n)
			pause_before_retry(q, &pause_ms);
	}
}

static void *work(void *arg)
{
	struct output_queue *q = arg;
	struct message *batch[OUTPUT_BATCH_MAX];
	sigset_t abort_set;
	uint32_t n;

	/* The only signal that the worker hears. */
	sigemptyset(&abort_set);
	sigaddset(&abort_set, ABORT_SIGNAL);
	pthread_sigmask(SIG_UNBLOCK, &abort_set, NULL);
	while ((n = take_batch(q, batch)) > 0)
		deliver(q, batch, n);
	discard_all(q);		/* only when the time was over */
	if (q->sink->finish)
		q->sink->finish(q, q->ctx, q->deadline_ns);
	lock_queue(q);
	q->ended = true;
	pthread_cond_signal(&q->ended_cond);
	unlock_queue(q);
	return NULL;
}

/* Wait for the end of the worker until `until`. */
static bool wait_ended(struct output_queue *q, uint64_t until)
{
	struct timespec ts = clock_timespec(until);
	int r = 0;

	while (!q->ended && r != ETIMEDOUT)
		r = pthread_cond_timedwait(&q->ended_cond, &q->lock, &ts);
	return q->ended;
}

static void drain(struct output *o, uint32_t timeout_ms)
{
	struct output_queue *q = container_of(o, struct output_queue, output);

	lock_queue(q);
	if (q->stopping) {
		unlock_queue(q);
		return;
	}
	q->stopping = true;
	q->deadline_ns = clock_mono_ns() + timeout_ms * NS_PER_MS;
	pthread_cond_signal(&q->wake);
	if (!wait_ended(q, q->deadline_ns))
		atomic_store(&q->aborted, true);
	/* A signal that comes just before the call that blocks is lost: send until it is heard. */
	while (!q->ended) {
		pthread_cond_signal(&q->wake);
		pthread_kill(q->thread, ABORT_SIGNAL);
		wait_ended(q, clock_mono_ns() + ABORT_AGAIN_MS * NS_PER_MS);
	}
	unlock_queue(q);
	pthread_join(q->thread, NULL);
}

static void queue_free(struct output_queue *q)
{
	pthread_cond_destroy(&q->wake);
	pthread_cond_destroy(&q->ended_cond);
	pthread_mutex_destroy(&q->lock);
	free(q->ring);
	free(q);
}

static void close_output(struct output *o, uint32_t timeout_ms)
{
	struct output_queue *q = container_of(o, struct output_queue, output);

	drain(o, timeout_ms);
	q->sink->free(q->ctx);
	queue_free(q);
}

static void on_abort(int sig)
{
}

static int start_worker(struct output_queue *q)
{
	struct sigaction abort_action = { .sa_handler = on_abort };

	sigaction(ABORT_SIGNAL, &abort_action, NULL);
	return thread_start(&q->thread, work, q);
}

static const struct output_ops ops_of_all = {
	.emit = emit,
	.emit_many = emit_many,
	.stats = stats,
	.reopen = reopen,
	.drain = drain,
	.close = close_output,
};

/* The queue and the table of functions with the sink's name. */
struct queue_memory {
	struct output_queue queue;
	struct output_ops ops;
};

int output_queue_new(const struct config *c, const struct output_sink *sink, void *ctx,
		     struct output **ret)
{
	struct queue_memory *m = calloc(1, sizeof(*m));
	struct output_queue *q = &m->queue;
	pthread_condattr_t attr;
	int r = -ENOMEM;

	if (!m) {
		sink->free(ctx);
		return r;
	}
	m->ops = ops_of_all;
	m->ops.name = sink->name;
	q->output.ops = &m->ops;
	q->sink = sink;
	q->ctx = ctx;
	q->capacity = c->outputs_queue.capacity ? (uint32_t)c->outputs_queue.capacity
						: CAPACITY_DEFAULT;
	q->max_bytes = c->outputs_queue.max_bytes;
	q->drop_oldest = c->outputs_queue.policy == QUEUE_DROP_OLDEST;
	q->hang_ns = c->output_timeout * NS_PER_MS;
	pthread_mutex_init(&q->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->wake, &attr);
	pthread_cond_init(&q->ended_cond, &attr);
	pthread_condattr_destroy(&attr);
	q->ring = calloc(q->capacity, sizeof(struct message *));
	if (q->ring)
		r = start_worker(q);
	if (r < 0) {
		sink->free(ctx);
		queue_free(q);
		return r;
	}
	*ret = &q->output;
	return 0;
}
