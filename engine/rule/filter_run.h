/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the checker: one run of filter_check() over a tree, shared by its files. On the stack
 * of filter_check(); strings go to the arena of the caller.
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

/* For a condition that does not parse: what to do about it, or NULL. */
const char *filter_hint(struct arena *arena, struct str text, uint32_t at, const char *message);

/* For what the checker refuses: a value, an operator, a field with or without argument. */
const char *filter_value_hint(enum param_type type);
const char *filter_operator_hint(struct arena *arena, enum value_class vc);
const char *filter_field_hint(struct arena *arena, struct str text);

/* Is `name` one that evt.type can have. */
bool evtset_known_name(struct evtset_names *known, struct str name);
const char *evtset_nearest_name(struct str name);

#endif
