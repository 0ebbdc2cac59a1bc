/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Replay with several threads (`replay --threads N`). Each thread reads the trace and keeps the
 * whole state, so that ancestors, forks and inherited fds are what they are with one thread, but
 * matches only the events of its share of the process groups. Alerts come out in the order of their
 * events.
 */
#ifndef TIERCEL_SHARD_H
#define TIERCEL_SHARD_H

#include "agent/out.h"
#include "agent/rule_options.h"

#define SHARDS_MAX 64

struct shards;

/* n engines with the same rules. EXIT_OK or an exit code; problems are printed. */
int shards_new(const struct rule_options *rules, unsigned n, struct shards **ret);
void shards_free(struct shards *s);
/* Replay one trace file, alerts to `out`. EXIT_OK or an exit code; problems are printed. */
int shards_replay(struct shards *s, const char *path, struct out *out, bool quiet);
/* An engine that has counted the events; its alerts and hits become those of all. */
const struct tiercel *shards_totals(struct shards *s);
const struct limits *shards_limits(const struct shards *s);

#endif
