/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounds of one gRPC server and how often each was hit. Set before the server's thread starts;
 * the counters are written by the server and read by any thread.
 */
#ifndef TIERCEL_GRPC_LIMITS_H
#define TIERCEL_GRPC_LIMITS_H

#include "engine/base.h"

#include <stdatomic.h>

enum grpc_limit_id {
#define GRPC_LIMIT(id, def, counter, help) GRPC_LIMIT_##id,
#include "agent/grpc_limits.def"
#undef GRPC_LIMIT
	GRPC_LIMIT_COUNT
};

extern const struct limit_info grpc_limit_infos[GRPC_LIMIT_COUNT];

struct grpc_limits {
	uint64_t max[GRPC_LIMIT_COUNT];
	atomic_uint_fast64_t hits[GRPC_LIMIT_COUNT];
};

void grpc_limits_init(struct grpc_limits *l);

static inline void grpc_limits_hit(struct grpc_limits *l, enum grpc_limit_id id)
{
	atomic_fetch_add_explicit(&l->hits[id], 1, memory_order_relaxed);
}

/* True when `value` is over the bound; the hit is counted. */
static inline bool grpc_limits_over(struct grpc_limits *l, enum grpc_limit_id id, uint64_t value)
{
	if (likely(value <= l->max[id]))
		return false;
	grpc_limits_hit(l, id);
	return true;
}

#endif
