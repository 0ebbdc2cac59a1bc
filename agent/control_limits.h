/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bounds of the control socket and how often each was hit. Constants and counters of the
 * process: there is one socket. Any thread.
 */
#ifndef TIERCEL_CONTROL_LIMITS_H
#define TIERCEL_CONTROL_LIMITS_H

#include "engine/base.h"

enum control_limit_id {
#define CONTROL_LIMIT(id, value, counter, help) CONTROL_LIMIT_##id,
#include "agent/control_limits.def"
#undef CONTROL_LIMIT
	CONTROL_LIMIT_COUNT
};

enum control_limit_value {
#define CONTROL_LIMIT(id, value, counter, help) CONTROL_##id##_MAX = value,
#include "agent/control_limits.def"
#undef CONTROL_LIMIT
};

void control_limit_hit(enum control_limit_id id, uint64_t n);
/* By the name of the counter, which several bounds may share. */
void control_limits_each(void (*fn)(void *ctx, const char *counter, uint64_t hits), void *ctx);

#endif
