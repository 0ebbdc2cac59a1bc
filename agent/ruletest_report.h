/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results of rule tests as text: for people, TAP, JUnit XML, JSON. Called by `tiercel test` after
 * all tests have run.
 */
#ifndef TIERCEL_RULETEST_REPORT_H
#define TIERCEL_RULETEST_REPORT_H

#include "agent/ruletest.h"

struct ruletest_summary {
	uint32_t files, passed, failed;
	double seconds;
};

struct ruletest_results {
	struct ruletest_result *v;
	uint32_t n;
	struct ruletest_summary sum;
};

void ruletest_report_people(const struct ruletest_results *r, bool verbose, struct buf *out);
void ruletest_report_tap(const struct ruletest_results *r, struct buf *out);
void ruletest_report_junit(const struct ruletest_results *r, struct buf *out);
void ruletest_report_json(const struct ruletest_results *r, struct json *j);

#endif
