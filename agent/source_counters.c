/* SPDX-License-Identifier: Apache-2.0 */
/* Sums of the kernel side's per-cpu counters; called by source_ring.c, which owns the maps. */
#include <bpf/bpf.h>

#include "agent/source_counters.h"
#include "engine/event/ring.h"

#define BATCH 64	/* records per system call */

/* The records of one per-cpu map: `n` numbers for each of `keys`, and their sums over all cpus. */
struct table {
	int fd;
	uint32_t keys, n;
	uint64_t *sums;
};

static void add_record(const struct source_counters *s, const struct table *t, uint32_t key,
		       const uint64_t *values)
{
	for (size_t i = 0; key < t->keys && i < (size_t)s->cpus * t->n; i++)
		t->sums[key * (size_t)t->n + i % t->n] += values[i];
}

/* Kernels before 5.13 give one at a time. */
static void read_singly(const struct source_counters *s, const struct table *t, uint64_t *values)
{
	for (uint32_t key = 0; key < t->keys; key++)
		if (bpf_map_lookup_elem(t->fd, &key, values) == 0)
			add_record(s, t, key, values);
}

static void read_table(const struct source_counters *s, const struct table *t)
{
	_cleanup_free_ uint64_t *values = calloc((size_t)BATCH * s->cpus * t->n, sizeof(*values));
	uint32_t keys[BATCH], at, *from = NULL, count;
	int r = 0;

	while (values && r == 0) {
		count = BATCH;
		r = bpf_map_lookup_batch(t->fd, from, &at, keys, values, &count, NULL);
		if (r < 0 && errno != ENOENT) {
			memset(t->sums, 0, t->keys * (size_t)t->n * sizeof(*t->sums));
			read_singly(s, t, values);
			return;
		}
		for (uint32_t i = 0; i < count; i++)
			add_record(s, t, keys[i], values + (size_t)i * s->cpus * t->n);
		from = &at;
	}
}

/* The counters of all kinds of events; NULL: no memory. */
static struct ring_kind_counters *read_kinds(const struct source_counters *s)
{
	struct ring_kind_counters *kinds = calloc(EVENT_TYPE_COUNT, sizeof(*kinds));
	const struct table t = { s->kinds, EVENT_TYPE_COUNT, sizeof(*kinds) / sizeof(uint64_t),
				 (uint64_t *)kinds };

	if (kinds)
		read_table(s, &t);
	return kinds;
}

static void read_sites(const struct source_counters *s, uint64_t *sums)
{
	const struct table t = { s->sites, RING_SITE_COUNT, 1, sums };

	memset(sums, 0, RING_SITE_COUNT * sizeof(*sums));
	read_table(s, &t);
}

static bool is_life(unsigned type)
{
	const struct event_info *info = &event_infos[type];

	return type == EV_PROCEXIT_1_E ||
	       ((info->category == CAT_PROCESS || info->category == CAT_USER) &&
		info->flags & EF_MODIFIES_STATE);
}

void source_counters_sum(const struct source_counters *s, struct source_stats *ret)
{
	_cleanup_free_ struct ring_kind_counters *kinds = read_kinds(s);
	uint64_t sites[RING_SITE_COUNT];

	for (uint32_t type = 0; kinds && type < EVENT_TYPE_COUNT; type++) {
		const struct ring_kind_counters k = kinds[type];

		ret->produced += k.produced;
		ret->delivered += k.delivered;
		ret->truncated += k.truncated;
		for (int i = 0; i < RING_LOST_COUNT; i++) {
			ret->lost += k.lost[i];
			ret->lost_life += is_life(type) ? k.lost[i] : 0;
		}
	}
	read_sites(s, sites);
	for (uint32_t i = 0; i < RING_SITE_COUNT; i++)
		ret->failures += sites[i];
}

void source_counters_each(const struct source_counters *s, source_counter_fn fn, void *ctx)
{
	static const char *const reasons[] = {
#define LOST(id, name) name,
		RING_LOST_REASONS(LOST)
#undef LOST
	};
	static const char *const places[] = {
#define SITE(id, name, helper) helper ": " name,
		RING_SITES(SITE)
#undef SITE
	};

	_cleanup_free_ struct ring_kind_counters *kinds = read_kinds(s);
	uint64_t sites[RING_SITE_COUNT];

	for (uint32_t type = 0; kinds && type < EVENT_TYPE_COUNT; type++) {
		struct source_counter c = { .lane = is_life(type) ? "life" : "data",
					    .kind = event_infos[type].name };
		const struct ring_kind_counters k = kinds[type];

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
	read_sites(s, sites);
	for (uint32_t i = 0; i < RING_SITE_COUNT; i++) {
		struct source_counter c = { .reason = places[i], .count = sites[i] };

		if (c.count)
			fn(ctx, &c);
	}
}
