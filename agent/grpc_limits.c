/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the gRPC server's bounds, see grpc_limits.def. */
#include "agent/grpc_limits.h"

const struct grpc_limit_info grpc_limit_infos[GRPC_LIMIT_COUNT] = {
#define GRPC_LIMIT(id, d, c, h) [GRPC_LIMIT_##id] = { .name = #id, .counter = c, .help = h, .def = d },
#include "agent/grpc_limits.def"
#undef GRPC_LIMIT
};

void grpc_limits_init(struct grpc_limits *l)
{
	for (int i = 0; i < GRPC_LIMIT_COUNT; i++) {
		l->max[i] = grpc_limit_infos[i].def;
		atomic_init(&l->hits[i], 0);
	}
}
