/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP output with a spool: alerts go to disk at once and leave from there, so a sink that is
 * down, or the end of the sensor, loses none. Delivery is at least once.
 */
#ifndef TIERCEL_OUTPUT_SPOOL_H
#define TIERCEL_OUTPUT_SPOOL_H

#include "agent/outputs.h"
#include "agent/output_queue.h"

/* 0 or -errno; what is wrong with the directory is printed. */
int output_spool_open(const struct config *c, struct output **ret);

#endif
