/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engines of a live session, see engines.h. Owned by the live thread. Of a worker's members the
 * live thread touches nothing while a batch runs, and the worker nothing between two.
 */
#include "agent/engines.h"
#include "agent/thread.h"

enum {
	BATCH_EVENTS = 4096,			/* a millisecond or so */
	ENGINES_ALERT_BYTES = 4 << 20,		/* kept by a thread */
	ALERTS_AT_ONCE = 64,			/* an output wakes once for them */
};

struct kept_alert {
	uint64_t event;			/* number of its event, the same in all engines */
	struct message *m;
};

struct engine_worker {
	struct engines *all;
	uint32_t index;			/* 0: of the live thread */
	struct tiercel *engine;
	struct limits *limits, own_limits;
	pthread_t thread;
	bool started;
	struct kept_alert *alerts;	/* of this batch */
	uint32_t nalerts, cap_alerts, next_alert;
	uint64_t alert_bytes;
	uint32_t answered;		/* of all->answers */
};

/* What the hook said of a new container: the same to all engines, whichever comes first. */
struct answer {
	bool awaited;
	const char *missing;
};

struct engines {
	struct engines_opts opts;
	struct tiercel_opts engine;	/* as the user gave them */
	struct source *source;
	struct engines_plan *plan;	/* in force, or NULL */
	pthread_mutex_t emitting;
	pthread_mutex_t lock;		/* of what follows */
	pthread_cond_t go, done;
	uint32_t round, busy;
	bool stopping;
	struct answer *answers;		/* of this batch */
	uint32_t nanswers, cap_answers;
	uint32_t n;
	struct engine_worker v[];
};

struct engines_plan {
	struct ruleset *rules;
	uint32_t n;
	struct tiercel_plan *v[];
};

/* ---- alerts ---- */

static void emit(struct engines *e, struct message *const *v, uint32_t n)
{
	pthread_mutex_lock(&e->emitting);
	e->opts.on_alerts(e->opts.ctx, v, n);
	pthread_mutex_unlock(&e->emitting);
	for (uint32_t i = 0; i < n; i++)
		message_put(v[i]);
}

static bool keep(struct engine_worker *w, struct message *m)
{
	if (w->nalerts == w->cap_alerts) {
		uint32_t cap = w->cap_alerts ? 2 * w->cap_alerts : 64;
		struct kept_alert *v = realloc(w->alerts, cap * sizeof(*v));

		if (!v)
			return false;
		w->alerts = v;
		w->cap_alerts = cap;
	}
	w->alerts[w->nalerts++] = (struct kept_alert){ tiercel_stats(w->engine)->events, m };
	w->alert_bytes += m->bytes;
	return true;
}

static void forget_alerts(struct engine_worker *w)
{
	w->nalerts = w->next_alert = 0;
	w->alert_bytes = 0;
}

/* What one thread has kept. */
static void emit_own(struct engine_worker *w)
{
	struct message *v[ALERTS_AT_ONCE];
	uint32_t n = 0;

	while (w->next_alert < w->nalerts) {
		v[n++] = w->alerts[w->next_alert++].m;
		if (n == ALERTS_AT_ONCE || w->next_alert == w->nalerts) {
			emit(w->all, v, n);
			n = 0;
		}
	}
	forget_alerts(w);
}

/* In a moment the alert leaves together with others. */
static bool may_keep(const struct engine_worker *w, const struct message *m)
{
	return w->alert_bytes + m->bytes <= ENGINES_ALERT_BYTES &&
	       (w->all->n > 1 || w->nalerts < ALERTS_AT_ONCE);
}

static void on_alert(void *ctx, const struct tiercel_alert *alert, struct event_ctx *ev)
{
	struct engine_worker *w = ctx;
	struct message *m;

	if (message_from_alert(alert, w->all->opts.hostname, &m) < 0) {
		w->limits->hits[LIMIT_ALERT_BYTES]++;	/* told as a loss */
		return;
	}
	if (!may_keep(w, m))
		emit_own(w);
	if (!keep(w, m)) {
		emit_own(w);
		emit(w->all, &m, 1);
	}
}

/* Who has the alert of the earliest event, or NULL. */
static struct engine_worker *earliest(struct engines *e)
{
	struct engine_worker *best = NULL;

	for (uint32_t i = 0; i < e->n; i++) {
		struct engine_worker *w = &e->v[i];

		if (w->next_alert < w->nalerts &&
		    (!best ||
		     w->alerts[w->next_alert].event < best->alerts[best->next_alert].event))
			best = w;
	}
	return best;
}

static void emit_kept(struct engines *e)
{
	struct message *v[ALERTS_AT_ONCE];
	struct engine_worker *w;
	uint32_t n = 0;

	while ((w = earliest(e)) != NULL) {
		v[n++] = w->alerts[w->next_alert++].m;
		if (n < ALERTS_AT_ONCE)
			continue;
		emit(e, v, n);
		n = 0;
	}
	if (n)
		emit(e, v, n);
	for (uint32_t i = 0; i < e->n; i++)
		forget_alerts(&e->v[i]);
}

/* ---- hooks ---- */

static void ask(struct engines *e, struct container *c)
{
	e->engine.state.hooks.container_new(e->engine.state.hooks.ctx, c);
	if (e->nanswers == e->cap_answers) {
		uint32_t cap = e->cap_answers ? 2 * e->cap_answers : 16;
		struct answer *v = realloc(e->answers, cap * sizeof(*v));

		if (!v)
			return;		/* the next engine asks again */
		e->answers = v;
		e->cap_answers = cap;
	}
	e->answers[e->nanswers++] = (struct answer){ c->awaited, c->missing };
}

/* All engines see the same new containers in the same order. */
static void container_new(void *ctx, struct container *c)
{
	struct engine_worker *w = ctx;
	struct engines *e = w->all;

	pthread_mutex_lock(&e->lock);
	if (w->answered == e->nanswers) {
		ask(e, c);
	} else {
		c->awaited = e->answers[w->answered].awaited;
		c->missing = e->answers[w->answered].missing;
	}
	w->answered = MIN(w->answered + 1, e->nanswers);
	pthread_mutex_unlock(&e->lock);
}

static void forget_answers(struct engines *e)
{
	e->nanswers = 0;
	for (uint32_t i = 0; i < e->n; i++)
		e->v[i].answered = 0;
}

/* Between two batches: everybody is at the same event. */
static void settle(struct engines *e)
{
	emit_kept(e);
	forget_answers(e);
}

/* ---- making and freeing ---- */

static void on_event(void *ctx, struct event_ctx *ev)
{
	const struct engine_worker *w = ctx;

	w->all->engine.on_event(w->all->engine.ctx, ev);
}

static int make_engine(struct engines *e, uint32_t index)
{
	struct engine_worker *w = &e->v[index];
	struct tiercel_opts opts = e->engine;

	*w = (struct engine_worker){ .all = e, .index = index, .limits = e->opts.limits };
	if (index) {
		w->own_limits = *e->opts.limits;
		memset(w->own_limits.hits, 0, sizeof(w->own_limits.hits));
		w->limits = &w->own_limits;
	}
	opts.on_alert = on_alert;
	opts.on_event = opts.on_event && !index ? on_event : NULL;
	opts.ctx = w;
	opts.shard = index;
	opts.shards = e->opts.n;
	if (e->opts.n > 1 && opts.state.hooks.container_new) {
		opts.state.hooks.container_new = container_new;
		opts.state.hooks.ctx = w;
	}
	w->engine = tiercel_new(&opts, w->limits);
	return w->engine ? 0 : -ENOMEM;
}

struct engines *engines_new(const struct engines_opts *opts)
{
	struct engines *e = calloc(1, sizeof(*e) + opts->n * sizeof(e->v[0]));

	if (!e)
		return NULL;
	e->opts = *opts;
	e->engine = *opts->engine;
	e->opts.engine = &e->engine;
	pthread_mutex_init(&e->emitting, NULL);
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->go, NULL);
	pthread_cond_init(&e->done, NULL);
	for (; e->n < opts->n; e->n++)
		if (make_engine(e, e->n) < 0) {
			engines_free(e);
			return NULL;
		}
	return e;
}

void engines_free(struct engines *e)
{
	if (!e)
		return;
	engines_stop(e);
	for (uint32_t i = 0; i < e->n; i++) {
		tiercel_free(e->v[i].engine);
		free(e->v[i].alerts);
	}
	if (e->plan)
		e->plan->n = 0;		/* the engines had them */
	engines_plan_free(e->plan);
	pthread_cond_destroy(&e->go);
	pthread_cond_destroy(&e->done);
	pthread_mutex_destroy(&e->emitting);
	pthread_mutex_destroy(&e->lock);
	free(e->answers);
	free(e);
}

struct tiercel *engines_first(const struct engines *e)
{
	return e->v[0].engine;
}

/* ---- rules ---- */

static void free_plans(struct engines_plan *p)
{
	while (p->n)
		tiercel_plan_free(p->v[--p->n]);
}

void engines_plan_free(struct engines_plan *p)
{
	if (!p)
		return;
	free_plans(p);
	ruleset_free(p->rules);
	free(p);
}

int engines_compile(const struct engines *e, struct ruleset *rs, struct engines_plan **ret)
{
	struct engines_plan *p = calloc(1, sizeof(*p) + e->n * sizeof(p->v[0]));
	int r = p ? 0 : -ENOMEM;

	while (r == 0 && p->n < e->n) {
		r = tiercel_compile_shared(e->v[p->n].engine, rs, &p->v[p->n]);
		p->n += r == 0;
	}
	if (r == 0) {
		p->rules = rs;
		*ret = p;
	} else if (p) {
		free_plans(p);
		free(p);
	}
	return r;
}

const struct evtset *engines_plan_events(const struct engines_plan *p)
{
	return tiercel_plan_events(p->v[0]);
}

struct engines_plan *engines_activate(struct engines *e, struct engines_plan *p)
{
	struct engines_plan *old = e->plan;

	for (uint32_t i = 0; i < e->n; i++)
		tiercel_activate(e->v[i].engine, p->v[i]);
	e->plan = p;
	return old;
}

/* ---- threads ---- */

int engines_snapshot(struct engines *e, const struct snapshot_item *item)
{
	int r = 0;

	for (uint32_t i = 0; i < e->n && r != -ENOMEM; i++)
		r = tiercel_snapshot(e->v[i].engine, item);
	return r;
}

static int feed(void *ctx, struct event *ev)
{
	const struct engine_worker *w = ctx;

	tiercel_event(w->engine, ev);
	return 0;
}

static void *work(void *arg)
{
	struct engine_worker *w = arg;
	struct engines *e = w->all;
	uint32_t round = 0;

	pthread_mutex_lock(&e->lock);
	for (;;) {
		while (e->round == round && !e->stopping)
			pthread_cond_wait(&e->go, &e->lock);
		if (e->stopping)
			break;
		round = e->round;
		pthread_mutex_unlock(&e->lock);
		e->source->ops->walk(e->source, w->index, feed, w);
		pthread_mutex_lock(&e->lock);
		if (--e->busy == 0)
			pthread_cond_signal(&e->done);
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

int engines_start(struct engines *e, struct source *source)
{
	e->source = source;
	settle(e);
	for (uint32_t i = 1; i < e->n; i++) {
		int r = thread_start(&e->v[i].thread, work, &e->v[i]);

		if (r < 0)
			return r;
		e->v[i].started = true;
	}
	return 0;
}

void engines_stop(struct engines *e)
{
	pthread_mutex_lock(&e->lock);
	e->stopping = true;
	pthread_cond_broadcast(&e->go);
	pthread_mutex_unlock(&e->lock);
	for (uint32_t i = 1; i < e->n; i++) {
		if (e->v[i].started)
			pthread_join(e->v[i].thread, NULL);
		e->v[i].started = false;
	}
}

int engines_poll(struct engines *e, int timeout_ms, source_event_fn fn, void *ctx)
{
	const struct source_ops *ops = e->source->ops;
	int r;

	if (e->n == 1) {
		r = ops->poll(e->source, timeout_ms, fn, ctx);
		settle(e);
		return r;
	}
	r = ops->begin(e->source, timeout_ms, BATCH_EVENTS);
	if (r <= 0)
		return r;
	pthread_mutex_lock(&e->lock);
	e->round++;
	e->busy = e->n - 1;
	pthread_cond_broadcast(&e->go);
	pthread_mutex_unlock(&e->lock);
	r = ops->walk(e->source, 0, fn, ctx);
	pthread_mutex_lock(&e->lock);
	while (e->busy)
		pthread_cond_wait(&e->done, &e->lock);
	pthread_mutex_unlock(&e->lock);
	ops->finish(e->source);
	settle(e);
	return r;
}

void engines_event(struct engines *e, struct event *ev, source_event_fn fn, void *ctx)
{
	for (uint32_t i = 1; i < e->n; i++) {
		struct event copy = *ev;	/* decoding leaves traces */

		tiercel_event(e->v[i].engine, &copy);
	}
	fn(ctx, ev);
	settle(e);
}

int engines_metadata(struct engines *e, struct str json)
{
	int r = 0;

	for (uint32_t i = 0; i < e->n; i++)
		r = tiercel_metadata(e->v[i].engine, json);
	settle(e);
	return r;
}

void engines_no_metadata(struct engines *e, struct str id, const char *reason)
{
	for (uint32_t i = 0; i < e->n; i++)
		tiercel_no_metadata(e->v[i].engine, id, reason);
	settle(e);
}

/* ---- counters ---- */

struct tiercel_stats engines_stats(const struct engines *e)
{
	struct tiercel_stats s = *tiercel_stats(e->v[0].engine);

	for (uint32_t i = 1; i < e->n; i++)
		s.alerts += tiercel_stats(e->v[i].engine)->alerts;
	return s;
}

uint64_t engines_rule_hits(const struct engines *e, uint32_t rule)
{
	uint64_t hits = 0;

	for (uint32_t i = 0; i < e->n; i++)
		hits += tiercel_rule_hits(e->v[i].engine, rule);
	return hits;
}

struct exception_count engines_exception_count(const struct engines *e, uint32_t index)
{
	struct exception_count sum = { 0 };

	for (uint32_t i = 0; i < e->n; i++) {
		struct exception_count c = tiercel_exception_count(e->v[i].engine, index);

		sum.hits += c.hits;
		sum.last_ts = MAX(sum.last_ts, c.last_ts);
	}
	return sum;
}

void engines_limit_hits(const struct engines *e, uint64_t *ret_hits)
{
	/* What each counts of its own share; the state is everybody's. */
	static const unsigned shared[] = { LIMIT_ALERT_BYTES, LIMIT_MEMO_BYTES,
						LIMIT_MEMO_CLASSES };

	memcpy(ret_hits, e->v[0].limits->hits, sizeof(e->v[0].limits->hits));
	for (uint32_t i = 1; i < e->n; i++)
		for (size_t k = 0; k < ARRAY_SIZE(shared); k++)
			ret_hits[shared[k]] += e->v[i].limits->hits[shared[k]];
}

void engines_add_counts(struct engines *e)
{
	uint64_t hits[LIMIT_COUNT];

	engines_limit_hits(e, hits);
	memcpy(e->v[0].limits->hits, hits, sizeof(hits));
	for (uint32_t i = 1; i < e->n; i++)
		tiercel_add_counts(e->v[0].engine, e->v[i].engine);
}
