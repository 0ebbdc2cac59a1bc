/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks, one row each. A new reason not to be healthy is a row and its function.
 */
#include "agent/clock.h"
#include "agent/health.h"

/* The live thread publishes ten times a second; a machine without CPU time for it is late. */
enum { HANG_S = 15, RUNTIME_RESTART_S = 10 };

static bool makes_progress(const struct agent_stats *s, uint64_t now_ns)
{
	return s && now_ns < s->published_ns + HANG_S * NS_PER_S;
}

static bool runs(const struct agent_stats *s, uint64_t now_ns)
{
	return s && s->running;
}

/* What the kernel side delivered is read soon. */
static bool source_is_read(const struct agent_stats *s, uint64_t now_ns)
{
	return s && (s->source.delivered <= s->source.read ||
		     now_ns < MAX(s->last_event_mono_ns, s->start_mono_ns) + HANG_S * NS_PER_S);
}

static bool rules_are_configured_ones(const struct agent_stats *s, uint64_t now_ns)
{
	return s && !s->rules_last_good && !s->reloads.last_failed;
}

static bool outputs_deliver(const struct agent_stats *s, uint64_t now_ns)
{
	for (uint32_t i = 0; s && i < s->noutputs; i++)
		if (s->outputs[i].stats.failing || s->outputs[i].stats.closed)
			return false;
	return s != NULL;
}

/* A node without a container runtime has none to ask; one that had it may be restarting it. */
static bool metadata_are_there(const struct agent_stats *s, uint64_t now_ns)
{
	if (!s || !s->metadata_asked)
		return s != NULL;
	switch (s->metadata.state) {
	case CRI_ANSWERS:
	case CRI_ABSENT:
		return true;
	case CRI_SILENT:
		return s->metadata.runtime[0] &&
		       now_ns < s->metadata.silent_ns + RUNTIME_RESTART_S * NS_PER_S;
	default:
		return false;
	}
}

static const struct {
	const char *name;
	enum health_level level;
	bool (*passes)(const struct agent_stats *s, uint64_t now_ns);
} checks[] = {
	{ "engine", HEALTH_LIVE, makes_progress },
	{ "running", HEALTH_READY, runs },
	{ "source", HEALTH_READY, source_is_read },
	{ "rules", HEALTH_READY, rules_are_configured_ones },
	{ "outputs", HEALTH_READY, outputs_deliver },
	{ "metadata", HEALTH_READY, metadata_are_there },
};

_Static_assert(ARRAY_SIZE(checks) <= HEALTH_CHECKS_MAX, "room for every check");

void health_of(const struct agent_stats *s, uint64_t now_ns, struct health *ret)
{
	struct health h = { .live = true, .ready = true, .n = ARRAY_SIZE(checks) };

	for (uint32_t i = 0; i < h.n; i++) {
		bool ok = checks[i].passes(s, now_ns);

		h.checks[i] = (struct health_result){ checks[i].name, checks[i].level, ok };
		h.ready &= ok;
		h.live &= ok || checks[i].level != HEALTH_LIVE;
	}
	*ret = h;
}

bool health_ready_now(void)
{
	struct agent_stats s = { 0 };
	bool have = agent_stats_read(&s) == 0;
	struct health h;

	health_of(have ? &s : NULL, clock_mono_ns(), &h);
	if (have)
		agent_stats_done(&s);
	return h.ready;
}

void health_json(const struct health *h, enum health_level level, struct buf *out)
{
	bool ok = level == HEALTH_LIVE ? h->live : h->ready;
	const char *comma = "";

	if (ok) {
		buf_add_c(out, "{\"status\": \"ok\"}");
		return;
	}
	buf_add_c(out, "{\"status\": \"failing\", \"failing\": [");
	for (uint32_t i = 0; i < h->n; i++) {
		if (h->checks[i].ok || h->checks[i].level > level)
			continue;
		buf_printf(out, "%s\"%s\"", comma, h->checks[i].name);
		comma = ", ";
	}
	buf_add_c(out, "]}");
}
