/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the session is: counters collected and published, losses told, heartbeats, and the summary.
 */
#include "agent/cmd.h"
#include "agent/harden.h"
#include "agent/host.h"
#include "agent/live_priv.h"
#include "agent/source_coverage.h"
#include "agent/summary.h"

#include <inttypes.h>

enum { PUBLISH_MS = 100, CHECK_MS = 1000 };

static void take_counter(void *ctx, const struct source_counter *c)
{
	struct agent_stats *s = ctx;

	if (c->reason && s->ncounters < AGENT_COUNTERS_MAX)
		s->counters[s->ncounters++] = *c;
}

/* Reading the counters of the kernel costs system calls. */
static void collect_source(struct live *l)
{
	l->source->ops->stats(l->source, &l->stats.source);
	l->stats.ncounters = 0;
	l->source->ops->counters(l->source, take_counter, &l->stats);
}

static void take_output_counter(void *ctx, const char *name, uint64_t value)
{
	struct agent_stats *s = ctx;

	if (s->noutput_counters < AGENT_OUTPUT_COUNTERS_MAX)
		s->output_counters[s->noutput_counters++] = (struct agent_counter){ name, value };
}

static void collect_outputs(struct live *l)
{
	struct agent_stats *s = &l->stats;

	s->noutputs = l->outputs.n;
	s->noutput_counters = 0;
	for (uint32_t i = 0; i < l->outputs.n; i++) {
		struct output *o = l->outputs.v[i];

		s->outputs[i].name = o->ops->name;
		o->ops->stats(o, &s->outputs[i].stats);
		if (o->ops->counters)
			o->ops->counters(o, take_output_counter, s);
	}
}

static void collect_hits(struct live *l)
{
	const struct agent_rules *rules = l->stats.rules;
	uint64_t *at = l->stats.hits;

	if (!l->stats.nhits)
		return;
	for (uint32_t i = 0; i < rules->n; i++)
		*at++ = engines_rule_hits(l->engines, i);
	for (uint32_t i = 0; i < rules->nexceptions; i++) {
		struct exception_count c = engines_exception_count(l->engines,
								   rules->exceptions[i].index);

		*at++ = c.hits;
		*at++ = c.last_ts;
	}
}

static void collect(struct live *l)
{
	struct agent_stats *s = &l->stats;
	const struct tiercel_stats engine = engines_stats(l->engines);

	s->published_ns = clock_mono_ns();
	if (engine.events != s->engine.events)
		s->last_event_mono_ns = s->published_ns;
	s->last_event_ts = l->last_event_ts;
	s->engine = engine;
	s->state = *state_stats(tiercel_state(l->engine));
	engines_limit_hits(l->engines, s->limit_hits);
	collect_outputs(l);
	collect_hits(l);
	s->internal_alerts = l->internal.sent;
	s->metadata_asked = l->metadata.cri;
	metadata_wait_stats(&l->metadata, &s->metadata, &s->metadata_given_up);
	if (l->follow)
		bundle_follow_stats(l->follow, &s->bundle);
}

void live_health_publish(struct live *l)
{
	collect(l);
	agent_stats_publish(&l->stats);
}

void live_health_rules(struct live *l)
{
	struct agent_stats *s = &l->stats;
	const struct ruleset *rs = tiercel_rules(l->engine);
	const struct config *config = l->rules->config ? l->rules->config : l->opts->config;
	uint32_t n;

	agent_stats_done(s);
	s->rules = agent_rules_new(rs, &l->rules->files, &config->digests);
	n = s->rules ? s->rules->n + 2 * s->rules->nexceptions : 0;
	s->hits = n ? calloc(n, sizeof(*s->hits)) : NULL;
	s->nhits = s->hits ? n : 0;
	s->rules_loaded = l->rules->nrules;
	s->rules_active = l->rules->nactive;
	s->rules_last_good = l->rules->last_good;
	memcpy(s->bundle.artifact, l->rules->artifact, sizeof(s->bundle.artifact));
	snprintf(s->rules_digest, sizeof(s->rules_digest), "%s", l->rules->digest);
}

static void warn_refused(void *ctx, const struct source_part *part)
{
	if (part->refused)
		cli_warn("%s is not seen: %s; see 'tiercel doctor'", part->name, part->why);
}

/* Milliseconds since the program was started. */
static unsigned long long since_start_ms(uint64_t mono_ns)
{
	return (mono_ns - host_started_ns()) / NS_PER_MS;
}

/* How long nothing was seen, and what took it. */
static void say_start(const struct live *l)
{
	cli_say("started in %llu ms: rules ready after %llu, kernel side attached after %llu, what runs "
		"already known after %llu",
		since_start_ms(clock_mono_ns()), since_start_ms(l->rules_ns),
		since_start_ms(l->attached_ns), since_start_ms(l->snapshot_ns));
}

void live_health_start(struct live *l)
{
	_cleanup_buf_ struct buf coverage = BUF_INIT;

	l->source->ops->parts(l->source, warn_refused, NULL);
	source_coverage_line(l->source, &coverage);
	collect_source(l);
	l->stats.running = true;
	collect(l);
	cli_say("sensor running: %u rules, %u system calls watched, %u rings of %" PRIu64
		" KiB together", l->stats.rules_active, l->stats.source.syscalls,
		l->stats.source.rings, l->stats.source.ring_bytes >> 10);
	say_start(l);
	cli_say("coverage: %.*s", STR_ARG(buf_str(&coverage)));
	cli_never_wait();
	heartbeat_start(&l->heartbeat, &l->stats, coverage.len ? coverage.p : "", &l->internal);
	agent_stats_publish(&l->stats);
}

bool live_health_polled(struct live *l)
{
	uint64_t now = clock_mono_ns();
	bool stop = false, check = now >= l->next_check_ns, beat = heartbeat_due(&l->heartbeat),
	     snapshot = metrics_snapshot_due(&l->metrics);

	l->stats.polls++;
	losses_polled(&l->losses, tiercel_stats(l->engine)->events, &l->stats, &l->internal);
	if (now < l->next_publish_ns)
		return false;
	l->next_publish_ns = now + PUBLISH_MS * NS_PER_MS;
	if (check || beat || snapshot)
		collect_source(l);
	collect(l);
	activity_turn(&l->activity, l->stats.engine.events, now);
	agent_stats_publish(&l->stats);
	if (check) {
		l->next_check_ns = now + CHECK_MS * NS_PER_MS;
		harden_report();
		stop = losses_check(&l->losses, &l->stats, &l->internal);
	}
	if (beat)
		heartbeat_send(&l->heartbeat, &l->stats, &l->internal);
	if (snapshot)
		metrics_snapshot_send(&l->metrics, &l->stats, &l->internal);
	return stop;
}

void live_health_stop(struct live *l, const char *why)
{
	collect_source(l);
	collect(l);
	harden_report();
	losses_last(&l->losses, &l->stats, &l->internal);
	heartbeat_stop(&l->heartbeat, &l->stats, why, &l->internal);
}

static void print_counter(void *ctx, const struct source_counter *c)
{
	fprintf(stderr, "  %8" PRIu64 "  %s%s%s%s%s\n", c->count, c->lane ? c->lane : "",
		c->lane ? " " : "", c->kind ? c->kind : "all", c->reason ? ": " : "",
		c->reason ? c->reason : "");
}

static void print_outputs(const struct agent_stats *s)
{
	for (uint32_t i = 0; i < s->noutputs; i++) {
		const struct output_stats *o = &s->outputs[i].stats;

		fprintf(stderr,
			"output %s: %" PRIu64 " alerts taken, %" PRIu64 " delivered, %" PRIu64
			" discarded\n",
			s->outputs[i].name, o->taken, o->delivered, o->discarded);
	}
}

static void print_output_counters(const struct agent_stats *s)
{
	for (uint32_t i = 0; i < s->noutput_counters; i++)
		if (s->output_counters[i].value)
			fprintf(stderr, "  %8" PRIu64 "  %s\n", s->output_counters[i].value,
				s->output_counters[i].name);
}

static void print_metadata(const struct agent_stats *s)
{
	if (!s->metadata_asked)
		return;
	fprintf(stderr, "metadata of containers: %" PRIu64 " asked for, %" PRIu64 " found, %" PRIu64
			" unknown; %" PRIu64 " events held in %" PRIu64 " waits, %" PRIu64
			" in vain; runtime: %s\n", s->metadata.asked, s->metadata.answered,
		s->metadata.not_found, s->engine.held, s->engine.waits, s->metadata_given_up,
		s->metadata.runtime[0] ? s->metadata.runtime : "none");
}

void live_health_summary(struct live *l)
{
	struct source_stats *s = &l->stats.source;

	collect(l);
	if (!cli_has_room())	/* nobody reads it, and the end is bounded */
		return;
	summary_speed(l->stats.engine.events, summary_cpu_seconds());
	fprintf(stderr, "produced: %" PRIu64 ", delivered: %" PRIu64 ", read: %" PRIu64 "\n",
		s->produced, s->delivered, s->read);
	fprintf(stderr, "lost: %" PRIu64 " (%" PRIu64 " of the process life cycle), truncated: %"
			PRIu64 ", refused: %" PRIu64 "\n", s->lost, s->lost_life, s->truncated,
		s->corrupt);
	l->source->ops->counters(l->source, print_counter, NULL);
	if (l->recorder)
		fprintf(stderr,
			"recorded: %" PRIu64 " events, %" PRIu64 " bytes, %u files, %" PRIu64
			" events too large\n",
			recorder_events(l->recorder), recorder_bytes(l->recorder),
			recorder_files(l->recorder), recorder_skipped(l->recorder));
	engines_add_counts(l->engines);
	summary_alerts(l->engine);
	print_outputs(&l->stats);
	print_output_counters(&l->stats);
	print_metadata(&l->stats);
	if (cli_unsaid())
		fprintf(stderr, "messages: %" PRIu64 " were not printed, nobody read them\n",
			cli_unsaid());
	summary_limits(&l->limits);
}

void live_health_done(struct live *l)
{
	metrics_snapshot_done(&l->metrics);
	agent_stats_done(&l->stats);
}
