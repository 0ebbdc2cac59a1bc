/* SPDX-License-Identifier: Apache-2.0 */
/*
 * End-of-run summaries on stderr.
 */
#include "agent/summary.h"

#include <inttypes.h>
#include <time.h>

void summary_alerts(const struct tiercel *t)
{
	const struct ruleset *rs = tiercel_rules(t);

	fprintf(stderr, "alerts: %" PRIu64 "\n", tiercel_stats(t)->alerts);
	for (uint32_t i = 0; rs && i < rs->nrules; i++) {
		uint64_t hits = tiercel_rule_hits(t, rs->rules[i]->index);

		if (hits)
			fprintf(stderr, "  %8" PRIu64 "  %.*s\n", hits,
				STR_ARG(rs->rules[i]->name.s));
	}
}

void summary_limits(const struct limits *limits)
{
	for (unsigned i = 0; i < LIMIT_COUNT; i++)
		if (limits->hits[i])
			fprintf(stderr, "limit: %s %" PRIu64 " times (%s)\n",
				limit_infos[i].counter, limits->hits[i], limit_infos[i].help);
}

void summary_trace(const struct scap_stats *s)
{
	const struct {
		uint64_t n;
		const char *what;
	} rows[] = {
		{ s->unknown_blocks, "unknown blocks skipped" },
		{ s->unknown_events, "events of unknown type skipped" },
		{ s->corrupt_events, "corrupt events skipped" },
		{ s->conversion_missing, "old events without a conversion rule" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (rows[i].n)
			fprintf(stderr, "trace: %" PRIu64 " %s\n", rows[i].n, rows[i].what);
}

double summary_cpu_seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void summary_speed(uint64_t events, double cpu_seconds)
{
	fprintf(stderr, "events: %" PRIu64 " in %.3f CPU seconds", events, cpu_seconds);
	if (events && cpu_seconds > 0)
		fprintf(stderr, " (%.0f events/s, %.1f ns/event)", (double)events / cpu_seconds,
			cpu_seconds * 1e9 / (double)events);
	fputc('\n', stderr);
}
