/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of `replay --threads N`, see shard.h. Called by cmd_replay.c. A thread hands over its
 * alerts with the number of their event and tells how far it is; the calling thread writes what no
 * other thread can precede any more.
 */
#include "agent/cmd.h"
#include "agent/shard.h"
#include "agent/summary.h"
#include "agent/trace_file.h"

#include <pthread.h>

enum {
	TELL_EVERY = 1024,		/* events */
	WAITING_MAX = 4 << 20,		/* bytes of alerts; a thread that is ahead waits */
};

struct line {
	uint64_t event;
	struct str text;		/* from malloc */
};

struct shard {
	struct shards *all;
	struct tiercel *engine;
	struct limits limits;
	pthread_t thread;
	const char *path;
	uint64_t event;			/* number within the trace */
	struct diags diags;
	struct scap_stats stats;
	int err;			/* of the trace, 0 or -errno */
	/* Under the lock: */
	uint64_t done;			/* events that are decided; UINT64_MAX: all */
	struct line *lines;
	size_t first, n, cap;
	size_t bytes;			/* of lines[first..n) */
};

struct shards {
	unsigned n;
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct shard v[];
};

/* ---- a thread ---- */

/* With the lock. */
static int add_line(struct shard *s, struct str text)
{
	char *copy = malloc(text.len ? text.len : 1);

	if (s->n == s->cap && s->first) {
		s->n -= s->first;
		memmove(s->lines, s->lines + s->first, s->n * sizeof(*s->lines));
		s->first = 0;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 64;
		struct line *lines = realloc(s->lines, cap * sizeof(*lines));

		if (lines) {
			s->lines = lines;
			s->cap = cap;
		}
	}
	if (!copy || s->n == s->cap) {
		free(copy);
		return -ENOMEM;
	}
	memcpy(copy, text.p, text.len);
	s->lines[s->n++] = (struct line){ s->event, { copy, text.len } };
	s->bytes += text.len;
	return 0;
}

static void on_alert(void *ctx, const struct tiercel_alert *alert, struct event_ctx *ev)
{
	struct shard *s = ctx;

	pthread_mutex_lock(&s->all->lock);
	if (s->bytes > WAITING_MAX) {
		/* What came before this event is decided. */
		s->done = s->event - 1;
		pthread_cond_broadcast(&s->all->moved);
	}
	while (s->bytes > WAITING_MAX && s->lines[s->first].event < s->event)
		pthread_cond_wait(&s->all->moved, &s->all->lock);
	if (add_line(s, alert->line) < 0)
		s->err = -ENOMEM;
	pthread_mutex_unlock(&s->all->lock);
}

static void tell(struct shard *s, uint64_t done)
{
	pthread_mutex_lock(&s->all->lock);
	s->done = done;
	pthread_cond_broadcast(&s->all->moved);
	pthread_mutex_unlock(&s->all->lock);
}

static int feed(struct shard *s, struct scap_reader *reader)
{
	struct snapshot_item snap = { .kind = SNAP_RESET };
	struct event ev;
	int what;

	tiercel_snapshot(s->engine, &snap);
	while ((what = scap_reader_next(reader, &snap, &ev)) > 0 && s->err != -ENOMEM) {
		if (what == SCAP_SNAPSHOT) {
			if (tiercel_snapshot(s->engine, &snap) == -ENOMEM)
				return -ENOMEM;
			continue;
		}
		s->event++;
		tiercel_event(s->engine, &ev);
		if (s->event % TELL_EVERY == 0)
			tell(s, s->event);
	}
	return what < 0 ? what : s->err;
}

static void *run(void *arg)
{
	struct shard *s = arg;
	struct scap_reader *reader;
	struct trace_file *file;
	int e = trace_file_open(s->path, &file);

	if (e == 0) {
		reader = scap_reader_new(trace_file_source(file), &s->limits, &s->diags);
		e = reader ? feed(s, reader) : -ENOMEM;
		if (reader)
			s->stats = *scap_reader_stats(reader);
		scap_reader_free(reader);
		trace_file_close(file);
	}
	s->err = e;
	tell(s, UINT64_MAX);
	return NULL;
}

/* ---- the calling thread ---- */

/* The shard with the earliest alert that nothing can precede, or NULL. With the lock. */
static struct shard *next_ready(struct shards *all)
{
	struct shard *best = NULL;
	uint64_t done = UINT64_MAX;

	for (unsigned i = 0; i < all->n; i++) {
		struct shard *s = &all->v[i];

		done = MIN(done, s->done);
		if (s->first < s->n &&
		    (!best || s->lines[s->first].event < best->lines[best->first].event))
			best = s;
	}
	return best && best->lines[best->first].event <= done ? best : NULL;
}

static bool all_done(const struct shards *all)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->v[i].done != UINT64_MAX)
			return false;
	return true;
}

static void write_lines(struct shards *all, struct out *out)
{
	struct shard *s;

	pthread_mutex_lock(&all->lock);
	for (;;) {
		bool wrote = false;

		while ((s = next_ready(all)) != NULL) {
			struct line *l = &s->lines[s->first++];

			out_line(out, l->text);
			s->bytes -= l->text.len;
			free((char *)l->text.p);
			if (s->first == s->n)
				s->first = s->n = 0;
			wrote = true;
		}
		if (wrote)
			pthread_cond_broadcast(&all->moved);
		if (all_done(all))
			break;
		pthread_cond_wait(&all->moved, &all->lock);
	}
	pthread_mutex_unlock(&all->lock);
}

static int report(struct shard *s, const char *path, bool quiet)
{
	if (s->err < 0 && s->err != -EBADMSG)
		cli_fail("replay of '%s' stopped: %s", path, strerror(-s->err));
	for (uint32_t i = 0; i < s->diags.count; i++)
		s->diags.items[i].file = path;
	rules_print_diags(&s->diags, true);
	if (!quiet)
		summary_trace(&s->stats);
	return s->err < 0 || s->diags.errors ? EXIT_FAILED : EXIT_OK;
}

int shards_replay(struct shards *all, const char *path, struct out *out, bool quiet)
{
	unsigned started = 0;
	int e = 0;

	for (unsigned i = 0; i < all->n; i++) {
		struct shard *s = &all->v[i];

		s->path = path;
		s->event = s->done = 0;
		s->err = 0;
		diags_init(&s->diags);
	}
	for (; started < all->n && !e; started += e == 0)
		e = pthread_create(&all->v[started].thread, NULL, run, &all->v[started]);
	for (unsigned i = started; i < all->n; i++)
		all->v[i].done = UINT64_MAX;
	write_lines(all, out);
	for (unsigned i = 0; i < started; i++)
		pthread_join(all->v[i].thread, NULL);
	out_flush(out);
	e = e ? cli_fail("cannot start threads: %s", strerror(e)) : report(&all->v[0], path, quiet);
	for (unsigned i = 0; i < all->n; i++) {
		if (e == EXIT_OK && all->v[i].err < 0)
			e = cli_fail("replay of '%s' stopped: %s", path, strerror(-all->v[i].err));
		diags_done(&all->v[i].diags);
	}
	return e;
}

static int start_engine(struct shard *s, const struct rule_options *rules, unsigned index,
			unsigned n)
{
	struct tiercel_opts opts = { .match_all = rules->match_all, .on_alert = on_alert, .ctx = s,
				     .shard = index, .shards = n };
	struct rule_options own = *rules;

	rule_options_alert(rules, &opts.alert);
	limits_init(&s->limits);
	s->engine = tiercel_new(&opts, &s->limits);
	if (!s->engine)
		return cli_fail("out of memory");
	own.warnings &= index == 0;	/* the others would say the same */
	return rule_options_load(&own, s->engine, &s->limits);
}

int shards_new(const struct rule_options *rules, unsigned n, struct shards **ret)
{
	struct shards *all = calloc(1, sizeof(*all) + n * sizeof(all->v[0]));
	int e = EXIT_OK;

	if (!all)
		return cli_fail("out of memory");
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->moved, NULL);
	all->n = n;
	for (unsigned i = 0; i < n && e == EXIT_OK; i++) {
		all->v[i].all = all;
		e = start_engine(&all->v[i], rules, i, n);
	}
	if (e == EXIT_OK)
		*ret = all;
	else
		shards_free(all);
	return e;
}

void shards_free(struct shards *all)
{
	if (!all)
		return;
	for (unsigned i = 0; i < all->n; i++) {
		tiercel_free(all->v[i].engine);
		free(all->v[i].lines);
	}
	pthread_cond_destroy(&all->moved);
	pthread_mutex_destroy(&all->lock);
	free(all);
}

const struct tiercel *shards_totals(struct shards *all)
{
	for (unsigned i = 1; i < all->n; i++)
		tiercel_add_counts(all->v[0].engine, all->v[i].engine);
	return all->v[0].engine;
}

const struct limits *shards_limits(const struct shards *all)
{
	return &all->v[0].limits;
}
