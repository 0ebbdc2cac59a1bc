/* SPDX-License-Identifier: Apache-2.0 */
/* Public face of explanations and coverage: for tools that tell why a rule matches or does not. */
#ifndef TIERCEL_ENGINE_EXPLAIN_H
#define TIERCEL_ENGINE_EXPLAIN_H

#include "engine/match/coverage.h"
#include "engine/match/explain.h"

#endif
