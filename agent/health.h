/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the sensor alive, is it ready? Derived from what really progresses: the live thread's rounds,
 * the source, the rules, the outputs, the container runtime. Used by the web server, the gRPC
 * health service, the metrics and `tiercel status`.
 */
#ifndef TIERCEL_HEALTH_H
#define TIERCEL_HEALTH_H

#include "agent/agent_stats.h"

enum health_level {
	HEALTH_LIVE,	/* failing: restart the sensor */
	HEALTH_READY,	/* failing: it runs, but detection or delivery has a gap */
};

enum { HEALTH_CHECKS_MAX = 16 };

struct health_result {
	const char *name;
	enum health_level level;
	bool ok;
};

struct health {
	bool live, ready;
	struct health_result checks[HEALTH_CHECKS_MAX];
	uint32_t n;
};

/* `s` NULL: nothing was published yet. `now_ns`: CLOCK_MONOTONIC. */
void health_of(const struct agent_stats *s, uint64_t now_ns, struct health *ret);
/* Of what was published last, at this time. */
bool health_ready_now(void);
/* {"status":"ok"} or {"status":"failing","failing":["name",...]} for the checks of a level. */
void health_json(const struct health *h, enum health_level level, struct buf *out);

#endif
