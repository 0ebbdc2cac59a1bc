/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The oracle: conditions evaluated tree by tree, with nothing cached and nothing pruned. What it
 * says is right; the compiled program must agree on every event. Used by tests, by explain and for
 * single conditions of the command line.
 */
#ifndef TIERCEL_ORACLE_H
#define TIERCEL_ORACLE_H

#include "engine/match/match.h"

/* One checked comparison. */
bool oracle_check(const struct ast *check, struct event_ctx *ctx);

#endif
