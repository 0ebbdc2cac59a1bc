/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop of the live sensor. One thread: poll the source, feed the engine, hand alerts to the
 * outputs. Attach first, then snapshot, then drain, so nothing in between is missed.
 */
#include "agent/bundle_remote.h"
#include "agent/cmd.h"
#include "agent/harden.h"
#include "agent/host.h"
#include "agent/live_priv.h"
#include "agent/memory.h"
#include "agent/print_event.h"

#include <signal.h>

enum { POLL_MS = 100, LAST_POLL_MS = 5, LOOK_EVENTS = 1024 };

static volatile sig_atomic_t stop_signal, reload_signal, reopen_signal;

static void on_stop(int sig)
{
	stop_signal = sig;
}

static void on_reload(int sig)
{
	reload_signal = 1;
}

static void on_reopen(int sig)
{
	reopen_signal = 1;
}

static void catch_signals(void)
{
	static const struct {
		int sig;
		void (*handler)(int sig);
	} actions[] = { { SIGINT, on_stop }, { SIGTERM, on_stop }, { SIGHUP, on_reload },
			{ SIGUSR1, on_reopen }, { SIGPIPE, SIG_IGN } };

	for (size_t i = 0; i < ARRAY_SIZE(actions); i++) {
		struct sigaction a = { .sa_handler = actions[i].handler };

		sigaction(actions[i].sig, &a, NULL);
	}
}

/* From any thread of the engines, one at a time. */
static void on_alerts(void *ctx, struct message *const *v, uint32_t n)
{
	struct live *l = ctx;

	outputs_emit_many(&l->outputs, v, n);
}

static void on_event(void *ctx, struct event_ctx *ev)
{
	struct live *l = ctx;

	recorder_visible(l->recorder, ev);
}

static void alert_options(struct live *l)
{
	const struct config *c = l->opts->config;

	rule_options_alert(&l->opts->rules, &l->alert);
	l->alert.include_message = c->json_include_message;
	l->alert.include_output = c->json_include_output;
	l->alert.include_output_fields = c->json_include_output_fields;
	l->alert.include_tags = c->json_include_tags;
	l->internal = (struct internal_alerts){ .outputs = &l->outputs, .alert = l->alert };
}

static int start_engine(struct live *l)
{
	const struct config *c = l->opts->config;
	struct tiercel_opts opts = { .match_all = l->opts->rules.match_all, .ctx = l,
				     .count_exceptions = TIERCEL_COUNT_FILES };
	struct engines_opts all = { .engine = &opts, .limits = &l->limits, .n = l->opts->threads,
				    .on_alerts = on_alerts, .ctx = l };
	int r;

	l->limits.max[LIMIT_THREADS] = c->falco_libs.thread_table_size;
	alert_options(l);
	losses_init(&l->losses, c);
	heartbeat_init(&l->heartbeat, c, l->opts->rules_spec.identity);
	l->stats.start_ns = clock_wall_ns();
	l->stats.start_mono_ns = clock_mono_ns();
	if (outputs_open(&l->outputs, c) < 0)
		return EXIT_FAILED;
	r = metrics_snapshot_init(&l->metrics, c);
	if (r < 0)
		return cli_fail("metrics.output_file '%s': %s", c->metrics.output_file,
				strerror(-r));
	if (metadata_wait_init(&l->metadata, c, l->opts->record_path, &opts.state.hooks) < 0)
		return cli_fail("cannot start the look-up of container metadata");
	opts.alert = l->alert;
	opts.forms = l->outputs.forms;
	opts.on_event = l->opts->record_path ? on_event : NULL;
	all.hostname = l->alert.hostname;
	l->engines = engines_new(&all);
	if (!l->engines)
		return cli_fail("out of memory");
	l->engine = engines_first(l->engines);
	return live_swap_start(l);
}

/* Before the source: a start-up probe gets its answers. Without it detection still goes on. */
static void start_webserver(struct live *l)
{
	const struct config *c = l->opts->config;

	if (c->webserver.enabled && webserver_start(c, l->alert.hostname.p, &l->webserver) < 0)
		cli_warn("running without the web server: health checks and scrapes will fail");
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
	int r = engines_snapshot(l->engines, item);

	if (r == -ENOMEM)
		return r;
	if (l->recorder)
		l->record_err = recorder_snapshot(l->recorder, item);
	return 0;
}

/* Is there something to do before the rings are empty? Under load that may be long from now. */
static int needs_attention(struct live *l)
{
	if (l->draining)
		return 0;
	if (l->reload && reload_ready(l->reload))
		return 1;
	if (++l->unwatched < LOOK_EVENTS)
		return 0;
	l->unwatched = 0;
	return clock_mono_ns() >= l->next_publish_ns;
}

static int feed_event(void *ctx, struct event *ev)
{
	struct live *l = ctx;
	int r;

	l->last_event_ts = ev->ts;
	tiercel_event(l->engine, ev);
	activity_event(&l->activity, tiercel_state(l->engine), ev->tid);
	if (!l->recorder || l->full)
		return needs_attention(l);
	r = recorder_event(l->recorder, ev);
	l->full = r > 0;
	l->record_err = MIN(r, 0);
	return needs_attention(l);
}

/* What rules ask for; a recording wants everything. */
static struct evtset interest(struct live *l)
{
	struct evtset all;

	memset(&all, 0xff, sizeof(all));
	return l->recorder ? all : *tiercel_events(l->engine);
}

/* `tiercel status` and the like. Without it detection still goes on. */
static void start_control(struct live *l)
{
	const struct config *c = l->opts->config;
	const struct control_opts opts = { .path = c->control.socket,
					   .identity = l->opts->rules_spec.identity,
					   .activity = &l->activity, .reload = l->reload };
	int r;

	if (!c->control.enabled)
		return;
	r = control_start(&opts, &l->control);
	if (r == 0)
		l->outputs.tap = control_tap(l->control);
	else
		cli_warn("no control socket '%s' for tiercel status, top, tail and reload: %s",
			 opts.path, r == -EADDRINUSE ? "another sensor has it" : strerror(-r));
}

static void stop_control(struct live *l)
{
	l->outputs.tap = NULL;
	control_stop(l->control);
	l->control = NULL;
}

/* Why this sensor starts other programs; NULL: it does not. */
static const char *starts_programs(const struct live *l)
{
	const char *bundle = l->rules ? l->rules->options.bundle.path : NULL;

	if (l->opts->config->program_output.enabled)
		return "program_output starts programs";
	if (bundle && oci_ref_is_url(bundle) && bundle_remote_has_helpers())
		return "credential helpers of the registry are programs";
	return NULL;
}

static struct source_ring_opts source_opts(const struct live *l)
{
	struct source_ring_opts opts = l->opts->source;

	opts.readers = l->opts->threads;
	opts.host_root = host_root();
	return opts;
}

static int start_source(struct live *l)
{
	_cleanup_buf_ struct buf error = BUF_INIT;
	struct source_ring_opts opts = source_opts(l);
	struct evtset events = interest(l);
	int r;

	l->rules_ns = clock_mono_ns();
	opts.events = &events;
	opts.begun = l->begun;
	l->begun = NULL;
	r = source_ring_open(&opts, &error, &l->source);
	if (r < 0)
		return cli_fail("%.*s", STR_ARG(buf_str(&error)));
	l->attached_ns = clock_mono_ns();
	/* Until the snapshot is complete only the life of processes is reported: no event of
	 * somebody who ended before the snapshot came to him. */
	r = l->source->ops->snapshot(l->source, feed_snapshot, l);
	if (r == 0)
		r = l->source->ops->set_events(l->source, &events);
	if (r < 0)
		return cli_fail("cannot read the start state below '%s/proc': %s", host_root(),
				strerror(-r));
	l->snapshot_ns = clock_mono_ns();
	r = engines_start(l->engines, l->source);
	if (r < 0)
		return cli_fail("cannot start threads: %s", strerror(-r));
	live_swap_follow(l);
	start_control(l);
	harden_seal(l->opts->config, starts_programs(l));
	live_health_start(l);
	memory_forget_code();
	return EXIT_OK;
}

static void take_signals(struct live *l)
{
	if (reload_signal) {
		reload_signal = 0;
		if (l->reload)
			reload_request(l->reload);
	}
	if (reopen_signal) {
		reopen_signal = 0;
		outputs_reopen(&l->outputs);
	}
}

static int poll_once(struct live *l)
{
	int wait = metadata_wait_poll_ms(&l->metadata, l->engines, POLL_MS);
	int r = engines_poll(l->engines, wait, feed_event, l);

	if (r < 0 && r != -EINTR)
		return cli_fail("reading events failed: %s", strerror(-r));
	if (l->record_err < 0)
		return cli_fail("recording stopped: %s", strerror(-l->record_err));
	metadata_wait_turn(&l->metadata, l->engines, feed_event, l);
	take_signals(l);
	live_swap_check(l);
	if (live_health_polled(l))
		return cli_fail("events were lost, and syscall_event_drops.actions has exit");
	if (outputs_all_closed(&l->outputs))
		return cli_fail("cannot write alerts: nobody reads them any more");
	return EXIT_OK;
}

static int loop(struct live *l)
{
	uint64_t end = l->opts->max_seconds
			       ? clock_mono_ns() + l->opts->max_seconds * NS_PER_S : UINT64_MAX;
	int e = EXIT_OK, r;

	while (e == EXIT_OK && !stop_signal && !l->full && clock_mono_ns() < end)
		e = poll_once(l);
	/* What is in the rings when the signal comes is evaluated, too. */
	l->draining = true;
	l->source->ops->stop(l->source);
	while (engines_poll(l->engines, LAST_POLL_MS, feed_event, l) > 0)
		;
	metadata_wait_finish(&l->metadata, l->engines);
	r = l->recorder ? recorder_flush(l->recorder) : 0;
	if (r < 0 && e == EXIT_OK)
		e = cli_fail("recording stopped: %s", strerror(-r));
	stop_control(l);
	live_health_stop(l, e != EXIT_OK ? "error" : stop_signal ? "signal" : "end");
	return e;
}

/* An output that fails at the end has lost alerts for good. */
static int judge_outputs(struct live *l)
{
	int e = EXIT_OK;

	for (uint32_t i = 0; i < l->outputs.n; i++) {
		struct output_stats s;

		l->outputs.v[i]->ops->stats(l->outputs.v[i], &s);
		if (s.failing && s.discarded)
			e = cli_fail("the output %s could not be written; %llu alerts are lost",
				     l->outputs.v[i]->ops->name, (unsigned long long)s.discarded);
	}
	return e;
}

/* The kernel side and the rules get ready at the same time; why it cannot is said later. */
static void begin_source(struct live *l)
{
	const struct source_ring_opts opts = source_opts(l);

	if (source_ring_begin(&opts, &l->begun) < 0)
		l->begun = NULL;
}

static int run(struct live *l)
{
	int e = start_engine(l), lost;

	if (e == EXIT_OK)
		start_webserver(l);
	if (e == EXIT_OK && l->opts->record_path)
		e = start_recorder(l);
	if (e == EXIT_OK)
		e = start_source(l);
	if (e != EXIT_OK) {
		outputs_drain(&l->outputs, (uint32_t)l->opts->config->shutdown_timeout);
		return e;
	}
	e = loop(l);
	live_swap_done(l);
	outputs_drain(&l->outputs, (uint32_t)l->opts->config->shutdown_timeout);
	live_health_summary(l);
	lost = judge_outputs(l);
	return e == EXIT_OK ? lost : e;
}

int live_run(const struct live_opts *opts)
{
	struct live l = { .opts = opts };
	int e, r;

	limits_init(&l.limits);
	arena_init(&l.arena, 4096, 0);
	catch_signals();
	harden_start(opts->config, opts->record_path != NULL);
	begin_source(&l);
	memory_thread_start();
	e = activity_init(&l.activity) < 0 ? cli_fail("out of memory") : run(&l);
	stop_control(&l);
	webserver_stop(l.webserver);
	live_swap_done(&l);
	if (l.engines)
		engines_stop(l.engines);
	if (l.source)
		l.source->ops->close(l.source);
	if (l.begun)
		l.begun->ops->close(l.begun);
	r = recorder_free(l.recorder);
	if (r < 0 && e == EXIT_OK)
		e = cli_fail("the recording is incomplete: %s", strerror(-r));
	metadata_wait_done(&l.metadata);
	engines_free(l.engines);
	live_rules_free(l.rules);
	outputs_close(&l.outputs);
	live_health_done(&l);
	activity_done(&l.activity);
	arena_done(&l.arena);
	return e;
}
