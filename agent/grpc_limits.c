/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the gRPC server's bounds, see grpc_limits.def. */
#include "agent/grpc_limits.h"

const struct limit_info grpc_limit_infos[GRPC_LIMIT_COUNT] = {
#define GRPC_LIMIT(id, d, c, h) [GRPC_LIMIT_##id] = LIMIT_INFO(id, d, c, h),
#include "agent/grpc_limits.def"
#undef GRPC_LIMIT
};

void grpc_limits_init(struct grpc_limits *l)
{
	limit_defaults(grpc_limit_infos, GRPC_LIMIT_COUNT, l->max);
	for (int i = 0; i < GRPC_LIMIT_COUNT; i++)
		atomic_init(&l->hits[i], 0);
}
