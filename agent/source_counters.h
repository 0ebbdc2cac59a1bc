/* SPDX-License-Identifier: Apache-2.0 */
/* Reader of the kernel side's per-cpu counters: by event type, and by place of a failed read. */
#ifndef TIERCEL_SOURCE_COUNTERS_H
#define TIERCEL_SOURCE_COUNTERS_H

#include "agent/source.h"

/* Fds of the two maps, which stay with the caller; possible cpus. */
struct source_counters {
	int kinds, sites;
	uint32_t cpus;
};

/* Adds produced, delivered, truncated, lost and failures. */
void source_counters_sum(const struct source_counters *s, struct source_stats *ret);
/* As source_ops.counters. */
void source_counters_each(const struct source_counters *s, source_counter_fn fn, void *ctx);

#endif
