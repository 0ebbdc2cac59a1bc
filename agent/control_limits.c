/* SPDX-License-Identifier: Apache-2.0 */
/* Counters of the bounds of the control socket, see control_limits.def. */
#include "agent/control_limits.h"

#include <stdatomic.h>

static const char *const counters[CONTROL_LIMIT_COUNT] = {
#define CONTROL_LIMIT(id, value, counter, help) [CONTROL_LIMIT_##id] = counter,
#include "agent/control_limits.def"
#undef CONTROL_LIMIT
};

static atomic_uint_fast64_t hits[CONTROL_LIMIT_COUNT];

void control_limit_hit(enum control_limit_id id, uint64_t n)
{
	atomic_fetch_add_explicit(&hits[id], n, memory_order_relaxed);
}

void control_limits_each(void (*fn)(void *ctx, const char *counter, uint64_t hits), void *ctx)
{
	for (unsigned i = 0; i < CONTROL_LIMIT_COUNT; i++)
		fn(ctx, counters[i], atomic_load_explicit(&hits[i], memory_order_relaxed));
}
