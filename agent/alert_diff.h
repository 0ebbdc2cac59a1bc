/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The alerts of two rule sets on the same events, event by event: what is added, removed, changed,
 * and why. Called by `tiercel diff`.
 */
#ifndef TIERCEL_ALERT_DIFF_H
#define TIERCEL_ALERT_DIFF_H

#include "agent/rule_options.h"

enum diff_kind { DIFF_ADDED, DIFF_REMOVED, DIFF_CHANGED, DIFF_KINDS };
extern const char *const diff_kind_names[DIFF_KINDS];

struct diff_example {
	const char *trace;
	uint64_t event;
	const char *process;
	const char *output;		/* of the newer alert, of the older one when removed */
};

/* Differences of one rule for one reason. */
struct diff_group {
	enum diff_kind kind;
	const char *rule, *reason;
	const char *exception;		/* that is responsible, or NULL */
	uint64_t count;
	struct diff_example *examples;	/* the first ones */
	uint32_t nexamples;
};

struct alert_diff {
	struct arena arena;
	uint32_t examples_max;
	uint64_t events, alerts[2];	/* of the old and the new rules */
	uint64_t counts[DIFF_KINDS];
	struct diff_group **groups;	/* in order of appearance */
	uint32_t ngroups, cap_groups;
	bool oom;
};

void alert_diff_init(struct alert_diff *d, uint32_t examples_max);
void alert_diff_done(struct alert_diff *d);

/*
 * Feed all traces to both rule sets. EXIT_OK or EXIT_FAILED: rules do not load, a trace is damaged;
 * printed.
 */
int alert_diff_run(struct alert_diff *d, const struct rule_options *before,
		   const struct rule_options *after, const struct io_names *traces);

#endif
