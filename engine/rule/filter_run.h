/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the checker: one run of filter_check() over a tree, shared by its files. On the stack of
 * filter_check(); strings go to the arena of the caller.
 */
#ifndef TIERCEL_FILTER_RUN_H
#define TIERCEL_FILTER_RUN_H

#include "engine/base/map.h"
#include "engine/rule/filter.h"

struct check_run {
	const struct filter_checker *c;
	struct u64map seen;	/* nodes visited: macros share subtrees */
	uint32_t deprecated;	/* rows reported, see filter_warn.c */
	int errors;
	bool oom;
};

/* Message of the arena for one node; NULL message = out of memory. */
void check_warn(struct check_run *r, const struct ast *a, enum diag_code code, struct pos pos,
		uint32_t span, const char *message);

/* Names and values as written: deprecated fields, <NA> of other sources. */
void warn_names(struct check_run *r, const struct ast *a);
/* Constants that look like something else. Needs the checked node. */
void warn_values(struct check_run *r, const struct ast *a);

/* Is `name` one that evt.type can have. */
bool evtset_known_name(struct str name);
const char *evtset_nearest_name(struct str name);

#endif
