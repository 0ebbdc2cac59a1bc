/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said on stderr at the end of a run: events, alerts by rule, losses and limits that were
 * hit. Nothing that was lost goes unsaid.
 */
#ifndef TIERCEL_SUMMARY_H
#define TIERCEL_SUMMARY_H

#include "engine/tiercel.h"

void summary_alerts(const struct tiercel *t);
void summary_limits(const struct limits *limits);
void summary_trace(const struct scap_stats *s);
/* Events per CPU-second of the process so far. */
void summary_speed(uint64_t events, double cpu_seconds);
double summary_cpu_seconds(void);

#endif
