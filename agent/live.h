/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A live session: rules, source, engine, outputs, optional recording, until a signal or a bound
 * ends it. Shared by run and record.
 */
#ifndef TIERCEL_LIVE_H
#define TIERCEL_LIVE_H

#include "agent/live_rules.h"
#include "agent/recorder.h"
#include "agent/source.h"

struct live_opts {
	const struct config *config;
	struct live_rules_spec rules_spec;
	struct rule_options rules;	/* as at the start */
	bool has_rules;			/* record may run without */
	const char *record_path;	/* NULL: nothing is recorded */
	const char *record_filter;
	struct recorder_opts record;	/* path, filter and redact are filled by live_run */
	struct redact *redact;
	uint64_t max_seconds;		/* 0: until a signal */
	uint32_t threads;		/* that evaluate rules; 1: the live thread */
	struct source_ring_opts source;
};

/* Runs to the end, prints the summary on stderr. Returns an exit code. */
int live_run(const struct live_opts *opts);

#endif
