/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See bundle_follow.h. The thread never touches the rules: what it pulled becomes `next` of the
 * store, and the reload thread compiles it beside the rules in force.
 */
#include "agent/bundle_follow.h"
#include "agent/bundle_store.h"
#include "agent/clock.h"
#include "agent/thread.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { JITTER_PERCENT = 10, RANDOM_STEPS = 1 << 16 };

/* Copies of what the options say. */
struct target {
	char *name, *store, *index, *public_key, *ca_file;
	struct bundle_remote_opts remote;
};

struct bundle_follow {
	struct reload *reload;
	uint64_t interval_ms;
	pthread_t thread;
	pthread_mutex_t lock;		/* of everything below but `stopping` */
	pthread_cond_t wake;
	atomic_bool stopping;
	struct target target;
	char active[DIGEST_TEXT];	/* of the rules in force */
	char tried[DIGEST_TEXT];	/* pulled, and given to the reload thread */
	char *problem, *told;
	uint64_t last_ok_ns, failures;
	unsigned seed;
};

static void target_done(struct target *t)
{
	free(t->name);
	free(t->store);
	free(t->index);
	free(t->public_key);
	free(t->ca_file);
	*t = (struct target){ 0 };
}

static bool copy(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

static int target_init(struct target *t, const char *name, const char *store,
		       const struct bundle_remote_opts *remote)
{
	*t = (struct target){ .remote = *remote };
	if (!copy(&t->name, name) || !copy(&t->store, store) || !copy(&t->index, remote->index) ||
	    !copy(&t->public_key, remote->public_key) || !copy(&t->ca_file, remote->ca_file)) {
		target_done(t);
		return -ENOMEM;
	}
	t->remote.index = t->index;
	t->remote.public_key = t->public_key;
	t->remote.ca_file = t->ca_file;
	return 0;
}

static bool is_stopping(void *ctx)
{
	return atomic_load(&((struct bundle_follow *)ctx)->stopping);
}

/* ---- one look ------------------------------------------------------------------------------ */

struct look {
	struct bundle_follow *f;
	struct target target;
	char active[DIGEST_TEXT], tried[DIGEST_TEXT];
	bool changed;			/* there is something to load */
	struct buf error;
};

static int store_failed(struct look *l, int r)
{
	buf_printf(&l->error, "cannot keep the bundle in '%s': %s", l->target.store, strerror(-r));
	return r;
}

static int pull(struct look *l, const char *digest)
{
	_cleanup_(oci_artifact_done) struct oci_artifact a = { 0 };
	_cleanup_(bundle_files_done) struct bundle_files files = { 0 };
	struct limits limits;
	int r = bundle_remote_pull(&l->target.remote, l->target.name, digest, &a, &l->error);

	limits_init(&limits);
	if (r == 0)	/* an archive that cannot be read does not come near the rules */
		r = bundle_remote_files(l->target.name, &a, &limits, &files, &l->error);
	if (r < 0)
		return r;
	r = bundle_store_put(l->target.store, l->target.name, l->target.public_key, &a);
	if (r < 0)
		return store_failed(l, r);
	snprintf(l->tried, sizeof(l->tried), "%s", digest);
	l->changed = true;
	return 0;
}

/* The tag is back at what is in force: what was tried meanwhile is not tried again. */
static int go_back(struct look *l)
{
	int r = l->tried[0] ? bundle_store_again(l->target.store, l->active) : 0;

	l->tried[0] = '\0';
	return r < 0 ? store_failed(l, r) : 0;
}

static int look_once(struct look *l)
{
	char digest[DIGEST_TEXT];
	int r = bundle_remote_resolve(&l->target.remote, l->target.name, digest, &l->error);

	if (r < 0)
		return r;
	if (strcmp(digest, l->active) == 0)
		return go_back(l);
	/* Refused by the loader, which has told it: no second time. */
	return strcmp(digest, l->tried) == 0 ? 0 : pull(l, digest);
}

static void take_result(struct look *l, int r)
{
	struct bundle_follow *f = l->f;

	pthread_mutex_lock(&f->lock);
	snprintf(f->tried, sizeof(f->tried), "%s", l->tried);
	if (r == 0) {
		f->last_ok_ns = clock_mono_ns();
		free(f->told);
		f->told = NULL;
	} else if (r != -ECANCELED) {
		const char *text = l->error.err || !l->error.p ? "out of memory" : l->error.p;

		f->failures++;
		if (!f->told || strcmp(f->told, text) != 0) {
			free(f->told);
			free(f->problem);
			f->told = strdup(text);
			f->problem = strdup(text);
		}
	}
	pthread_mutex_unlock(&f->lock);
}

static void look(struct bundle_follow *f)
{
	struct look l = { .f = f };
	int r;

	pthread_mutex_lock(&f->lock);
	r = target_init(&l.target, f->target.name, f->target.store, &f->target.remote);
	memcpy(l.active, f->active, sizeof(l.active));
	memcpy(l.tried, f->tried, sizeof(l.tried));
	pthread_mutex_unlock(&f->lock);
	l.target.remote.cancelled = is_stopping;
	l.target.remote.ctx = f;
	if (r == 0)
		r = look_once(&l);
	take_result(&l, r);
	if (r == 0 && l.changed)
		reload_request(f->reload);
	target_done(&l.target);
	buf_done(&l.error);
}

/* ---- the thread ---------------------------------------------------------------------------- */

/* A part of `ms` between the two percentages. */
static uint64_t between(struct bundle_follow *f, uint64_t ms, unsigned from, unsigned to)
{
	uint64_t step = (uint64_t)rand_r(&f->seed) % RANDOM_STEPS;

	return ms * from / 100 + ms * (to - from) / 100 * step / RANDOM_STEPS;
}

static void sleep_ms(struct bundle_follow *f, uint64_t ms)
{
	struct timespec until = clock_timespec(clock_mono_ns() + ms * NS_PER_MS);

	pthread_mutex_lock(&f->lock);
	while (!atomic_load(&f->stopping) &&
	       pthread_cond_timedwait(&f->wake, &f->lock, &until) != ETIMEDOUT)
		;
	pthread_mutex_unlock(&f->lock);
}

/* The first look comes at any time within the interval: nodes that start together spread. */
static void *work(void *arg)
{
	struct bundle_follow *f = arg;

	sleep_ms(f, between(f, f->interval_ms, 0, 100));
	while (!atomic_load(&f->stopping)) {
		look(f);
		sleep_ms(f, between(f, f->interval_ms, 100 - JITTER_PERCENT, 100 + JITTER_PERCENT));
	}
	return NULL;
}

static void follow_done(struct bundle_follow *f)
{
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	target_done(&f->target);
	free(f->problem);
	free(f->told);
	free(f);
}

int bundle_follow_new(const struct bundle_options *options, const char *artifact,
		      uint64_t interval_ms, struct reload *reload, struct bundle_follow **ret)
{
	struct bundle_follow *f = calloc(1, sizeof(*f));
	pthread_condattr_t attr;
	int r;

	if (!f)
		return -ENOMEM;
	*f = (struct bundle_follow){ .reload = reload, .interval_ms = interval_ms,
				     .last_ok_ns = clock_mono_ns(),
				     .seed = (unsigned)(clock_wall_ns() ^ (uint64_t)(uintptr_t)f) };
	pthread_mutex_init(&f->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->wake, &attr);
	pthread_condattr_destroy(&attr);
	snprintf(f->active, sizeof(f->active), "%s", artifact);
	r = target_init(&f->target, options->path, options->store, &options->remote);
	if (r == 0)
		r = thread_start(&f->thread, work, f);
	if (r < 0)
		follow_done(f);
	else
		*ret = f;
	return r;
}

void bundle_follow_free(struct bundle_follow *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	atomic_store(&f->stopping, true);
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	follow_done(f);
}

void bundle_follow_active(struct bundle_follow *f, const struct bundle_options *options,
			  const char *artifact)
{
	struct target t;

	pthread_mutex_lock(&f->lock);
	if (options->path && oci_ref_is_url(options->path) &&
	    target_init(&t, options->path, options->store, &options->remote) == 0) {
		target_done(&f->target);
		f->target = t;
	}
	snprintf(f->active, sizeof(f->active), "%s", artifact);
	pthread_mutex_unlock(&f->lock);
}

char *bundle_follow_problem(struct bundle_follow *f)
{
	char *problem;

	pthread_mutex_lock(&f->lock);
	problem = f->problem;
	f->problem = NULL;
	pthread_mutex_unlock(&f->lock);
	return problem;
}

void bundle_follow_stats(struct bundle_follow *f, struct agent_bundle *ret)
{
	pthread_mutex_lock(&f->lock);
	ret->last_ok_ns = f->last_ok_ns;
	ret->failures = f->failures;
	pthread_mutex_unlock(&f->lock);
}
