/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of bounds: of the engine and of container metadata from the published counters, of
 * outputs likewise, of registries and of the control socket from the counters of the process.
 */
#include "agent/agent_limits.h"
#include "agent/control_limits.h"
#include "agent/grpc_limits.h"
#include "agent/oci_limits.h"

enum { COUNTERS_MAX = LIMIT_COUNT + CRI_LIMIT_COUNT + OCI_LIMIT_COUNT + CONTROL_LIMIT_COUNT +
		      AGENT_OUTPUT_COUNTERS_MAX };

_Static_assert((int)GRPC_LIMIT_COUNT <= (int)AGENT_OUTPUT_COUNTERS_MAX,
	       "room for the one output with bounds");

struct counters {
	struct agent_counter v[COUNTERS_MAX];
	uint32_t n;
};

static void add(void *ctx, const char *counter, uint64_t hits)
{
	struct counters *c = ctx;

	for (uint32_t i = 0; i < c->n; i++)
		if (strcmp(c->v[i].name, counter) == 0) {
			c->v[i].value += hits;
			return;
		}
	c->v[c->n++] = (struct agent_counter){ counter, hits };
}

void agent_limits_each(const struct agent_stats *s,
		       void (*fn)(void *ctx, const char *counter, uint64_t hits), void *ctx)
{
	struct counters c = { .n = 0 };

	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		add(&c, limit_infos[i].counter, s->limit_hits[i]);
	for (unsigned i = 0; i < CRI_LIMIT_COUNT; i++)
		add(&c, cri_limit_infos[i].counter, s->metadata.hits[i]);
	for (uint32_t i = 0; i < s->noutput_counters; i++)
		add(&c, s->output_counters[i].name, s->output_counters[i].value);
	for (unsigned i = 0; i < OCI_LIMIT_COUNT; i++)
		add(&c, oci_limit_counters[i],
		    atomic_load_explicit(&oci_limit_hits[i], memory_order_relaxed));
	control_limits_each(add, &c);
	for (uint32_t i = 0; i < c.n; i++)
		fn(ctx, c.v[i].name, c.v[i].value);
}
