/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start, heartbeat and stop records.
 */
#include "agent/heartbeat.h"
#include "agent/agent_limits.h"
#include "agent/clock.h"
#include "agent/losses.h"
#include "agent/metrics.h"

#include <inttypes.h>
#include <sys/utsname.h>
#include <unistd.h>

#define JITTER_PARTS 10		/* of the interval, both ways together a fifth */

static void read_boot_id(char *out, size_t size)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct str id = STR("");

	if (io_read_file("/proc/sys/kernel/random/boot_id", 256, &text) == 0)
		id = str_trim(buf_str(&text));
	snprintf(out, size, "%.*s", STR_ARG(id));
}

void heartbeat_init(struct heartbeat *h, const struct config *c, const struct identity *id)
{
	*h = (struct heartbeat){ .enabled = c->heartbeat.enabled, .config = c, .identity = id,
				 .node = id->value[IDENTITY_NODE] };
	h->seed = (unsigned)getpid() ^ (unsigned)clock_wall_ns();
	read_boot_id(h->boot_id, sizeof(h->boot_id));
}

static void schedule(struct heartbeat *h)
{
	uint64_t interval = h->config->heartbeat.interval * NS_PER_MS;
	uint64_t spread = interval / JITTER_PARTS;
	uint64_t jitter = spread ? (uint64_t)rand_r(&h->seed) * 2 * spread / RAND_MAX : spread;

	h->next_ns = clock_mono_ns() + interval - spread + jitter;
}

void heartbeat_identity(const struct heartbeat *h, struct internal_builder *b)
{
	for (unsigned k = 0; k < IDENTITY_COUNT; k++) {
		char key[32];

		snprintf(key, sizeof(key), "tiercel.%s", identity_name(k));
		if (h->identity->value[k][0])
			internal_alert_text(b, key, "%s", h->identity->value[k]);
	}
	if (h->boot_id[0])
		internal_alert_text(b, "tiercel.boot_id", "%s", h->boot_id);
	internal_alert_text(b, "tiercel.version", "%s", TIERCEL_VERSION);
}

static void add_number(void *ctx, const char *key, uint64_t value)
{
	internal_alert_number(ctx, key, value);
}

static void add_real(void *ctx, const char *key, double value)
{
	internal_alert_real(ctx, key, value);
}

/* "exception.RULE.NAME.hits" and ".last_hit" for those of exception files. */
static void add_exceptions(struct internal_builder *b, const struct agent_stats *now)
{
	for (uint32_t i = 0; now->rules && i < now->rules->nexceptions; i++) {
		const struct agent_exception *e = &now->rules->exceptions[i];
		struct exception_count c = agent_exception_count(now, i);
		_cleanup_buf_ struct buf key = BUF_INIT;

		buf_printf(&key, "exception.%.*s.%.*s", STR_ARG(e->rule), STR_ARG(e->name));
		if (key.err)
			continue;
		internal_alert_number_of(b, key.p, "hits", c.hits);
		internal_alert_number_of(b, key.p, "last_hit", c.last_ts);
	}
}

static void add_limit(void *ctx, const char *counter, uint64_t hits)
{
	if (hits)
		internal_alert_number_of(ctx, "limit", counter, hits);
}

static void add_losses(struct internal_builder *b, const struct agent_stats *now)
{
	losses_fields(b, now);
	agent_limits_each(now, add_limit, b);
}

static void add_outputs(struct internal_builder *b, const struct agent_stats *now)
{
	for (uint32_t i = 0; i < now->noutputs; i++) {
		const struct output_stats *s = &now->outputs[i].stats;
		_cleanup_buf_ struct buf key = BUF_INIT;

		buf_printf(&key, "output.%s", now->outputs[i].name);
		if (key.err)
			continue;
		internal_alert_number_of(b, key.p, "taken", s->taken);
		internal_alert_number_of(b, key.p, "delivered", s->delivered);
		internal_alert_number_of(b, key.p, "discarded", s->discarded);
		internal_alert_number_of(b, key.p, "queued", s->queued);
		internal_alert_number_of(b, key.p, "failing", s->failing);
	}
}

static void begin(struct heartbeat *h, const struct agent_stats *now, const char *rule,
		  struct internal_builder *b)
{
	internal_alert_begin(b, rule, PRIO_INFORMATIONAL);
	heartbeat_identity(h, b);
	internal_alert_number(b, "heartbeat.number", h->number++);
	internal_alert_number(b, "heartbeat.interval_ms", h->config->heartbeat.interval);
	internal_alert_text(b, "rules.digest", "%s", now->rules_digest);
	if (now->metadata_asked)
		internal_alert_text(b, "metadata.runtime", "%s", now->metadata.runtime);
	metrics_beat(now, &(struct metrics_beat){ add_number, add_real, b });
	add_exceptions(b, now);
	add_losses(b, now);
	add_outputs(b, now);
}

void heartbeat_start(struct heartbeat *h, const struct agent_stats *now, const char *coverage,
		     struct internal_alerts *to)
{
	struct internal_builder b;
	struct utsname u;

	if (!h->enabled)
		return;
	begin(h, now, "tiercel internal: start", &b);
	if (uname(&u) == 0)
		internal_alert_text(&b, "kernel.release", "%s", u.release);
	internal_alert_text(&b, "sensor.coverage", "%s", coverage);
	internal_alert_send(to, &b, "tiercel started on %s with %u active rules", h->node,
			    now->rules_active);
	if (*coverage) {
		internal_alert_begin(&b, "tiercel internal: coverage", PRIO_INFORMATIONAL);
		heartbeat_identity(h, &b);
		internal_alert_text(&b, "sensor.coverage", "%s", coverage);
		internal_alert_send(to, &b, "coverage of the sensor: %s", coverage);
	}
	schedule(h);
}

bool heartbeat_due(const struct heartbeat *h)
{
	return h->enabled && clock_mono_ns() >= h->next_ns;
}

void heartbeat_send(struct heartbeat *h, const struct agent_stats *now, struct internal_alerts *to)
{
	struct internal_builder b;
	uint64_t number = h->number;

	schedule(h);
	begin(h, now, "tiercel internal: heartbeat", &b);
	internal_alert_send(to, &b, "tiercel heartbeat %" PRIu64 " of %s: %" PRIu64
			    " events, %" PRIu64 " lost, %" PRIu64 " alerts", number, h->node,
			    now->engine.events, now->source.lost, now->engine.alerts);
}

void heartbeat_stop(struct heartbeat *h, const struct agent_stats *now, const char *why,
		    struct internal_alerts *to)
{
	struct internal_builder b;

	if (!h->enabled)
		return;
	begin(h, now, "tiercel internal: stop", &b);
	internal_alert_text(&b, "stop.reason", "%s", why);
	internal_alert_send(to, &b, "tiercel stopped on %s: %s", h->node, why);
}
