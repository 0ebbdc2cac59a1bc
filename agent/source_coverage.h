/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a live source cannot show on this machine, in words for people: for the log, the doctor and
 * the internal alert at start.
 */
#ifndef TIERCEL_SOURCE_COVERAGE_H
#define TIERCEL_SOURCE_COVERAGE_H

#include "agent/source.h"

/* `what` is valid during the call. */
typedef void (*source_gap_fn)(void *ctx, const char *what);

/* Each hook and event that this kernel refused, then what no hook of this source shows. */
void source_coverage(struct source *s, source_gap_fn fn, void *ctx);

/* One line: the hooks that report now, and the gaps. Appended to `out`. */
void source_coverage_line(struct source *s, struct buf *out);

#endif
