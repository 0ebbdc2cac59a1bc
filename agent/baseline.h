/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts per rule and hour on traces of normal traffic, against a budget: called by cmd_test.c.
 */
#ifndef TIERCEL_BASELINE_H
#define TIERCEL_BASELINE_H

#include "agent/rule_options.h"

struct baseline_opts {
	char **traces;
	int ntraces;
	const char *budget;		/* file, or a number for every rule; NULL: only report */
	bool json;
};

/* EXIT_OK, EXIT_FAILED (over the budget, damaged trace ...). Prints. */
int baseline_run(const struct baseline_opts *opts, const struct rule_options *rules);

#endif
