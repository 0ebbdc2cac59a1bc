/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two threads: the worker of a queue (output_queue.c) appends messages to the spool, a sender takes
 * them from there and posts them. The lock guards the spool and the counters; views of the records
 * under way stay valid without it, since only the sender reads. What the disk does not take is
 * handed to the sender directly, behind what is in the spool; the worker waits, its queue in memory
 * fills.
 */
#include "agent/output_spool.h"
#include "agent/clock.h"
#include "agent/cmd.h"
#include "agent/http_post.h"
#include "agent/spool.h"
#include "agent/thread.h"

enum { PEEK_BYTES = 1 << 20, RETRY_FIRST_MS = 50, RETRY_MAX_MS = 10000, ABORT_CHECK_MS = 20 };

/* A disk that is nearly full takes a record now and then: no words for each. */
#define SAY_AGAIN_NS (60 * NS_PER_S)

/* A line on its way past the spool. */
struct direct {
	struct buf line;	/* of the worker, of the sender while it is under way */
	bool waits, under_way, cancelled;
	int result;
	pthread_cond_t done;
};

struct output_spool {
	struct output output;		/* first: what the set of outputs knows */
	struct output *queue;
	bool json;
	struct http_post *post;
	const char *why;		/* a message was discarded; of the worker alone */
	pthread_t sender;
	pthread_mutex_t lock;		/* all below */
	pthread_cond_t wake;
	struct spool *spool;
	uint64_t disk_said_ns, position_said_ns; /* errors of the disk */
	struct direct direct;
	uint64_t delivered, refused, failures, last_ns;
	bool failing, stopping, drained;
	uint64_t deadline_ns;		/* of the stop */
	/* Of the sender alone. */
	struct str lines[OUTPUT_BATCH_MAX];
	uint32_t nlines;
};

/* ---- into the spool ----------------------------------------------------------------------- */

/* Lock held, as in all of these. 0, -EBADMSG (refused by the server), -EINTR, -ENOMEM. */
static int send_directly(struct output_spool *o, struct output_queue *q, struct str line)
{
	struct direct *d = &o->direct;

	buf_clear(&d->line);
	buf_add_str(&d->line, line);
	if (d->line.err)
		return -ENOMEM;
	d->waits = true;
	d->result = -EINTR;
	while (d->waits && !(d->cancelled && !d->under_way)) {
		struct timespec ts = clock_timespec(clock_mono_ns() + ABORT_CHECK_MS * NS_PER_MS);

		pthread_cond_signal(&o->wake);
		pthread_cond_timedwait(&d->done, &o->lock, &ts);
		d->cancelled = output_queue_aborted(q);
	}
	d->waits = false;
	return d->result;
}

/* Is it time to say it (again)? */
static bool is_news(uint64_t *said_ns)
{
	uint64_t now = clock_mono_ns();

	if (*said_ns && now - *said_ns < SAY_AGAIN_NS)
		return false;
	*said_ns = now;
	return true;
}

/*
 * Full is full: newer alerts must not wait in memory for room. A disk that fails is another matter.
 */
static int put(struct output_spool *o, struct output_queue *q, struct str line)
{
	int r = spool_add(o->spool, line);

	o->why = r == -EDQUOT ? "no room, alerts are discarded" : "an alert is discarded";
	if (r == -EDQUOT || r == -EMSGSIZE)
		return -EBADMSG;
	if (r < 0 && is_news(&o->disk_said_ns))
		cli_warn("spool: %s; alerts are sent without it", strerror(-r));
	return r < 0 ? send_directly(o, q, line) : 0;
}

static int write_batch(struct output_queue *q, void *ctx, struct message *const *batch, uint32_t n,
		       uint32_t *ret_done)
{
	struct output_spool *o = ctx;
	int r = 0;

	pthread_mutex_lock(&o->lock);
	while (*ret_done < n && r == 0) {
		struct message *m = batch[*ret_done];

		r = put(o, q, o->json ? m->json : m->text);
		*ret_done += r == 0;
	}
	pthread_cond_signal(&o->wake);
	pthread_mutex_unlock(&o->lock);
	return r;
}

static const char *why(void *ctx, int r)
{
	struct output_spool *o = ctx;

	return r == -EBADMSG ? o->why : strerror(-r);
}

static void keep_ctx(void *ctx)
{
}

static const struct output_sink sink = {
	.name = "spool", .write = write_batch, .why = why, .free = keep_ctx,
};

/* ---- out of it ---------------------------------------------------------------------------- */

static void collect(void *ctx, struct str record)
{
	struct output_spool *o = ctx;

	o->lines[o->nlines++] = record;
}

static bool time_is_over(const struct output_spool *o)
{
	return o->stopping && clock_mono_ns() >= o->deadline_ns;
}

/* Wait for records. False: the end. */
static bool next_lines(struct output_spool *o)
{
	o->nlines = 0;
	pthread_mutex_lock(&o->lock);
	while (!o->nlines && !time_is_over(o)) {
		spool_peek(o->spool, OUTPUT_BATCH_MAX, PEEK_BYTES, collect, o);
		if (!o->nlines && o->direct.waits && !o->direct.cancelled) {
			o->direct.under_way = true;
			collect(o, buf_str(&o->direct.line));
		}
		if (o->nlines || o->stopping)
			break;
		pthread_cond_wait(&o->wake, &o->lock);
	}
	pthread_mutex_unlock(&o->lock);
	return o->nlines > 0;
}

/* Lock held. */
static void report(struct output_spool *o, int r)
{
	if (r == -EBADMSG)
		cli_warn("output http: the server refuses an alert (%s); it is discarded",
			 http_post_error(o->post));
	else if (r < 0 && !o->failing)
		cli_warn("output http fails: %s; alerts wait in the spool",
			 http_post_error(o->post));
	else if (r == 0 && o->failing)
		cli_warn("output http works again");
	o->failing = r < 0 && r != -EBADMSG;
}

/* Lock held: the line that is not in the spool was sent, refused or shall wait. */
static void account_direct(struct output_spool *o, int r, uint32_t done)
{
	struct direct *d = &o->direct;

	d->under_way = false;
	if (!done && r != -EBADMSG && !d->cancelled)
		return;
	d->waits = false;
	d->result = done ? 0 : r == -EBADMSG ? r : -EINTR;
	pthread_cond_signal(&d->done);
}

/* Lock held: as many records of the spool are done with. */
static void acknowledge(struct output_spool *o, uint32_t n)
{
	int r = n ? spool_ack(o->spool, n) : 0;

	if (r < 0 && is_news(&o->position_said_ns))
		cli_warn("spool: cannot keep the position: %s; alerts may be sent again",
			 strerror(-r));
}

static void account(struct output_spool *o, int r, uint32_t done)
{
	uint32_t refused = r == -EBADMSG;

	pthread_mutex_lock(&o->lock);
	if (r != -ECANCELED)
		report(o, r);
	o->failures += r < 0;
	o->delivered += done;
	if (done)
		o->last_ns = clock_mono_ns();
	if (o->direct.under_way) {
		account_direct(o, r, done);
	} else {
		o->refused += refused;
		acknowledge(o, done + refused);
	}
	pthread_mutex_unlock(&o->lock);
}

/* New alerts wake the sender, too; they do not shorten the pause. False: the end. */
static bool pause_before_retry(struct output_spool *o, uint32_t *ms)
{
	uint32_t wait_ms = MAX(*ms, http_post_wait_ms(o->post));
	struct timespec ts = clock_timespec(clock_mono_ns() + wait_ms * NS_PER_MS);
	bool stopping;

	*ms = MIN(*ms * 2, (uint32_t)RETRY_MAX_MS);
	pthread_mutex_lock(&o->lock);
	while (!o->stopping && !o->direct.cancelled &&
	       pthread_cond_timedwait(&o->wake, &o->lock, &ts) != ETIMEDOUT)
		;
	stopping = o->stopping;
	pthread_mutex_unlock(&o->lock);
	return !stopping;	/* what is left is safe: no use in trying until the time is over */
}

static void *send_all(void *arg)
{
	struct output_spool *o = arg;
	uint32_t pause_ms = RETRY_FIRST_MS;

	while (next_lines(o)) {
		uint32_t done = 0;
		int r = http_post_lines(o->post, o->lines, o->nlines, &done);

		account(o, r, done);
		if (r == 0 || done || r == -EBADMSG)
			pause_ms = RETRY_FIRST_MS;
		if (r < 0 && r != -EBADMSG && !pause_before_retry(o, &pause_ms))
			break;
	}
	return NULL;
}

static bool cancelled(void *ctx)
{
	struct output_spool *o = ctx;
	bool over;

	pthread_mutex_lock(&o->lock);
	over = time_is_over(o) || (o->direct.under_way && o->direct.cancelled);
	pthread_mutex_unlock(&o->lock);
	return over;
}

/* ---- as an output ------------------------------------------------------------------------- */

static struct output_spool *of(const struct output *output)
{
	return container_of((struct output *)output, struct output_spool, output);
}

static void emit_many(struct output *output, struct message *const *v, uint32_t n)
{
	struct output *queue = of(output)->queue;

	queue->ops->emit_many(queue, v, n);
}

static void emit(struct output *output, struct message *m)
{
	emit_many(output, &m, 1);
}

/* What an earlier run left in the spool counts as taken. */
static void stats(const struct output *output, struct output_stats *ret)
{
	struct output_spool *o = of(output);
	const struct spool_stats *s = spool_stats(o->spool);
	struct output_stats q;

	pthread_mutex_lock(&o->lock);
	o->queue->ops->stats(o->queue, &q);
	*ret = (struct output_stats){
		.taken = q.taken + s->recovered,
		.delivered = o->delivered,
		.discarded = q.discarded + o->refused,
		.failures = q.failures + o->failures,
		.queue_size = q.queue_size,
		.last_delivered_ns = o->last_ns,
		.failing = q.failing || o->failing,
	};
	/* What the worker has just put into the spool is in both for a moment. */
	ret->queued = MIN(q.queued + s->records, ret->taken - ret->delivered - ret->discarded);
	/* Records that turned out to be damaged. */
	if (ret->taken > ret->delivered + ret->discarded + ret->queued)
		ret->discarded = ret->taken - ret->delivered - ret->queued;
	pthread_mutex_unlock(&o->lock);
}

/* What is not delivered in time stays in the spool for the next run. */
static void drain(struct output *output, uint32_t timeout_ms)
{
	struct output_spool *o = of(output);
	uint64_t deadline;

	if (o->drained)
		return;
	o->drained = true;
	deadline = clock_mono_ns() + timeout_ms * NS_PER_MS;
	o->queue->ops->drain(o->queue, timeout_ms);
	pthread_mutex_lock(&o->lock);
	o->deadline_ns = deadline;
	o->stopping = true;
	pthread_cond_signal(&o->wake);
	pthread_mutex_unlock(&o->lock);
	pthread_join(o->sender, NULL);
}

static void spool_output_free(struct output_spool *o)
{
	pthread_cond_destroy(&o->wake);
	pthread_cond_destroy(&o->direct.done);
	pthread_mutex_destroy(&o->lock);
	buf_done(&o->direct.line);
	spool_close(o->spool);
	http_post_free(o->post);
	free(o);
}

static void close_output(struct output *output, uint32_t timeout_ms)
{
	struct output_spool *o = of(output);

	drain(output, timeout_ms);
	o->queue->ops->close(o->queue, 0);
	spool_output_free(o);
}

static const struct output_ops ops = {
	.name = "http", .emit = emit, .emit_many = emit_many, .stats = stats, .drain = drain,
	.close = close_output,
};

static int open_spool(struct output_spool *o, const struct config *c)
{
	struct spool_opts opts = { .dir = c->spool.directory,
				   .max_bytes = c->spool.max_size_mb * 1000000 };
	int r = spool_open(&opts, &o->spool);

	if (r < 0)
		cli_warn("spool '%s': %s", opts.dir,
			 r == -EBUSY ? "another sensor uses it" : strerror(-r));
	else if (spool_stats(o->spool)->records)
		cli_warn("spool '%s': %llu alerts of an earlier run are sent first", opts.dir,
			 (unsigned long long)spool_stats(o->spool)->records);
	return r;
}

int output_spool_open(const struct config *c, struct output **ret)
{
	struct output_spool *o = calloc(1, sizeof(*o));
	struct http_post_opts opts = { .config = c, .cancelled = cancelled, .ctx = o };
	pthread_condattr_t attr;
	int r;

	if (!o)
		return -ENOMEM;
	o->output.ops = &ops;
	o->json = c->json_output;
	pthread_mutex_init(&o->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&o->wake, &attr);
	pthread_cond_init(&o->direct.done, &attr);
	pthread_condattr_destroy(&attr);
	r = http_post_new(&opts, &o->post);
	if (r == 0)
		r = open_spool(o, c);
	if (r == 0)
		r = output_queue_new(c, &sink, o, &o->queue);
	if (r == 0) {
		r = thread_start(&o->sender, send_all, o);
		if (r < 0)
			o->queue->ops->close(o->queue, 0);
	}
	if (r < 0) {
		spool_output_free(o);
		return r;
	}
	*ret = &o->output;
	return 0;
}
