/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of the kernel side's per-cpu counters; called by source_ring.c, which owns the maps. */
#include <bpf/bpf.h>

#include "agent/source_counters.h"
#include "engine/event/ring.h"

/* Sum of one per-cpu counter record, member by member. */
static void read_counters(const struct source_counters *s, int fd, uint32_t key, uint64_t *sum, size_t n)
{
	_cleanup_free_ uint64_t *values = calloc((size_t)s->cpus * n, sizeof(*values));

	memset(sum, 0, n * sizeof(*sum));
	if (!values || bpf_map_lookup_elem(fd, &key, values))
		return;
	for (size_t i = 0; i < s->cpus * n; i++)
		sum[i % n] += values[i];
}

static bool is_life(unsigned type)
{
	const struct event_info *info = &event_infos[type];

	return type == EV_PROCEXIT_1_E ||
	       ((info->category == CAT_PROCESS || info->category == CAT_USER) &&
		info->flags & EF_MODIFIES_STATE);
}

static void kind_read(const struct source_counters *s, uint32_t type, struct ring_kind_counters *ret)
{
	read_counters(s, s->kinds, type, (uint64_t *)ret,
		      sizeof(*ret) / sizeof(uint64_t));
}

void source_counters_sum(const struct source_counters *s, struct source_stats *ret)
{
	for (uint32_t type = 0; type < EVENT_TYPE_COUNT; type++) {
		struct ring_kind_counters k;

		kind_read(s, type, &k);
		ret->produced += k.produced;
		ret->delivered += k.delivered;
		ret->truncated += k.truncated;
		for (int i = 0; i < RING_LOST_COUNT; i++) {
			ret->lost += k.lost[i];
			ret->lost_life += is_life(type) ? k.lost[i] : 0;
		}
	}
	for (uint32_t i = 0; i < RING_SITE_COUNT; i++) {
		uint64_t n;

		read_counters(s, s->sites, i, &n, 1);
		ret->failures += n;
	}
}

void source_counters_each(const struct source_counters *s, source_counter_fn fn, void *ctx)
{
	static const char *const reasons[] = {
#define LOST(id, name) name,
		RING_LOST_REASONS(LOST)
#undef LOST
	};
	static const char *const sites[] = {
#define SITE(id, name, helper) helper ": " name,
		RING_SITES(SITE)
#undef SITE
	};

	for (uint32_t type = 0; type < EVENT_TYPE_COUNT; type++) {
		struct source_counter c = { .lane = is_life(type) ? "life" : "data",
					    .kind = event_infos[type].name };
		struct ring_kind_counters k;

		kind_read(s, type, &k);
		for (int i = 0; i < RING_LOST_COUNT; i++) {
			c.reason = reasons[i];
			c.count = k.lost[i];
			if (c.count)
				fn(ctx, &c);
		}
		c.reason = NULL;
		c.count = k.delivered;
		if (c.count)
			fn(ctx, &c);
	}
	for (uint32_t i = 0; i < RING_SITE_COUNT; i++) {
		struct source_counter c = { .reason = sites[i] };

		read_counters(s, s->sites, i, &c.count, 1);
		if (c.count)
			fn(ctx, &c);
	}
}
