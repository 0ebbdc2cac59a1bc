/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of the live sensor. One thread: poll the source, feed the engine, write the alerts of
 * the batch. Attach first, then snapshot, then drain, so nothing in between is missed.
 */
#include "agent/live.h"
#include "agent/cmd.h"
#include "agent/out.h"
#include "agent/print_event.h"
#include "agent/summary.h"

#include <inttypes.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

enum { POLL_MS = 100, LAST_POLL_MS = 5, LOSS_CHECK_S = 1, LOSS_REPORT_S = 10 };

struct live {
	const struct live_opts *opts;
	struct limits limits;
	struct arena arena;		/* filter of the recording */
	struct tiercel *engine;
	struct source *source;
	struct recorder *recorder;
	struct out out;
	uint64_t lost_reported;
	time_t next_loss_report;
	bool full;			/* the recording reached a bound */
	int record_err;
};

static volatile sig_atomic_t stop_signal;

static void on_signal(int sig)
{
	stop_signal = sig;
}

static void catch_signals(void)
{
	struct sigaction stop = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN };

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static time_t now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec;
}

static void on_alert(void *ctx, const struct tiercel_alert *alert, struct event_ctx *ev)
{
	struct live *l = ctx;

	out_line(&l->out, alert->line);
}

static void on_event(void *ctx, struct event_ctx *ev)
{
	struct live *l = ctx;

	recorder_visible(l->recorder, ev);
}

static int start_engine(struct live *l)
{
	struct tiercel_opts opts = { .match_all = l->opts->rules.match_all, .on_alert = on_alert,
				     .ctx = l };

	rule_options_alert(&l->opts->rules, &opts.alert);
	opts.on_event = l->opts->record_path ? on_event : NULL;
	l->engine = tiercel_new(&opts, &l->limits);
	if (!l->engine)
		return cli_fail("out of memory");
	if (l->opts->rules.files.n == 0)
		return EXIT_OK;
	return rule_options_load(&l->opts->rules, l->engine, &l->limits);
}

static int start_recorder(struct live *l)
{
	struct recorder_opts opts = l->opts->record;
	struct ast *filter = NULL;
	int r;

	if (l->opts->record_filter &&
	    filter_option(l->opts->record_filter, &l->arena, &l->limits, &filter) < 0)
		return EXIT_USAGE;
	opts.path = l->opts->record_path;
	opts.filter = filter;
	opts.redact = l->opts->redact;
	r = recorder_new(&opts, l->engine, &l->recorder);
	return r < 0 ? cli_fail("cannot write '%s': %s", opts.path, strerror(-r)) : EXIT_OK;
}

static int feed_snapshot(void *ctx, const struct snapshot_item *item)
{
	struct live *l = ctx;
	int r = tiercel_snapshot(l->engine, item);

	if (r == -ENOMEM)
		return r;
	if (l->recorder)
		l->record_err = recorder_snapshot(l->recorder, item);
	return 0;
}

static int feed_event(void *ctx, struct event *ev)
{
	struct live *l = ctx;
	int r;

	tiercel_event(l->engine, ev);
	if (!l->recorder || l->full)
		return 0;
	r = recorder_event(l->recorder, ev);
	l->full = r > 0;
	l->record_err = MIN(r, 0);
	return 0;
}

/* What rules ask for; a recording wants everything. */
static struct evtset interest(struct live *l)
{
	struct evtset all;

	memset(&all, 0xff, sizeof(all));
	return l->recorder ? all : *tiercel_events(l->engine);
}

static void warn_refused(void *ctx, const struct source_part *part)
{
	if (part->refused)
		cli_warn("%s is not seen: %s; see 'tiercel doctor'", part->name, part->why);
}

static int start_source(struct live *l)
{
	_cleanup_buf_ struct buf error = BUF_INIT;
	struct source_stats stats;
	const struct ruleset *rs;
	struct source_ring_opts opts = l->opts->source;
	struct evtset events = interest(l);
	int r;

	opts.events = &events;
	r = source_ring_open(&opts, &error, &l->source);
	if (r < 0)
		return cli_fail("%.*s", STR_ARG(buf_str(&error)));
	/* Until the snapshot is complete only the life of processes is reported: no event of somebody
	 * who ended before the snapshot came to him. */
	r = l->source->ops->snapshot(l->source, feed_snapshot, l);
	if (r == 0)
		r = l->source->ops->set_events(l->source, &events);
	if (r < 0)
		return cli_fail("cannot start the sensor: %s", strerror(-r));
	rs = tiercel_rules(l->engine);
	l->source->ops->parts(l->source, warn_refused, NULL);
	l->source->ops->stats(l->source, &stats);
	fprintf(stderr, "tiercel: sensor running: %u rules, %u system calls watched, %u rings of "
			"%" PRIu64 " KiB together\n", rs ? rs->nactive : 0, stats.syscalls,
		stats.rings, stats.ring_bytes >> 10);
	return EXIT_OK;
}

static void report_new_losses(struct live *l)
{
	struct source_stats s;
	time_t now = now_s();

	if (now < l->next_loss_report)
		return;
	l->next_loss_report = now + LOSS_CHECK_S;
	l->source->ops->stats(l->source, &s);
	if (s.lost == l->lost_reported)
		return;
	cli_warn("%" PRIu64 " events lost, %" PRIu64 " in all; detection had gaps",
		 s.lost - l->lost_reported, s.lost);
	l->lost_reported = s.lost;
	l->next_loss_report = now + LOSS_REPORT_S;
}

static int loop(struct live *l)
{
	time_t end = l->opts->max_seconds ? now_s() + (time_t)l->opts->max_seconds : 0;
	int r;

	while (!stop_signal && !l->full && (!end || now_s() < end)) {
		r = l->source->ops->poll(l->source, POLL_MS, feed_event, l);

		if (r < 0 && r != -EINTR)
			return cli_fail("reading events failed: %s", strerror(-r));
		out_flush(&l->out);
		if (l->out.err < 0)
			return cli_fail("cannot write alerts: %s", strerror(-l->out.err));
		if (l->record_err < 0)
			return cli_fail("recording stopped: %s", strerror(-l->record_err));
		report_new_losses(l);
	}
	/* What is in the rings when the signal comes is evaluated, too. */
	l->source->ops->stop(l->source);
	while (l->source->ops->poll(l->source, LAST_POLL_MS, feed_event, l) > 0)
		;
	out_flush(&l->out);
	r = l->recorder ? recorder_flush(l->recorder) : 0;
	return r < 0 ? cli_fail("recording stopped: %s", strerror(-r)) : EXIT_OK;
}

static void print_counter(void *ctx, const struct source_counter *c)
{
	fprintf(stderr, "  %8" PRIu64 "  %s%s%s%s%s\n", c->count, c->lane ? c->lane : "",
		c->lane ? " " : "", c->kind ? c->kind : "all", c->reason ? ": " : "",
		c->reason ? c->reason : "");
}

static void summary(struct live *l)
{
	struct source_stats s;

	l->source->ops->stats(l->source, &s);
	summary_speed(tiercel_stats(l->engine)->events, summary_cpu_seconds());
	fprintf(stderr, "produced: %" PRIu64 ", delivered: %" PRIu64 ", read: %" PRIu64 "\n", s.produced,
		s.delivered, s.read);
	fprintf(stderr, "lost: %" PRIu64 " (%" PRIu64 " of the process life cycle), truncated: %"
			PRIu64 ", refused: %" PRIu64 "\n", s.lost, s.lost_life, s.truncated,
		s.corrupt);
	l->source->ops->counters(l->source, print_counter, NULL);
	if (l->recorder)
		fprintf(stderr, "recorded: %" PRIu64 " events, %" PRIu64 " bytes, %u files, %" PRIu64
				" events too large\n", recorder_events(l->recorder),
			recorder_bytes(l->recorder), recorder_files(l->recorder),
			recorder_skipped(l->recorder));
	summary_alerts(l->engine);
	summary_limits(&l->limits);
}

static int run(struct live *l)
{
	int e = start_engine(l);

	if (e == EXIT_OK && l->opts->record_path)
		e = start_recorder(l);
	if (e == EXIT_OK)
		e = start_source(l);
	if (e != EXIT_OK)
		return e;
	e = loop(l);
	summary(l);
	return e;
}

int live_run(const struct live_opts *opts)
{
	struct live l = { .opts = opts };
	int e, r;

	limits_init(&l.limits);
	arena_init(&l.arena, 4096, 0);
	out_init(&l.out, STDOUT_FILENO);
	catch_signals();
	e = run(&l);
	if (l.source)
		l.source->ops->close(l.source);
	r = recorder_free(l.recorder);
	if (r < 0 && e == EXIT_OK)
		e = cli_fail("the recording is incomplete: %s", strerror(-r));
	tiercel_free(l.engine);
	out_done(&l.out);
	arena_done(&l.arena);
	return e;
}
