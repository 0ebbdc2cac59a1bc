/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter language: text -> tree (filter_parse), canonical text (filter_print), macro
 * replacement (filter_resolve), types and constants (filter_check), event types (filter_evtset).
 * Pure functions over an arena; problems come back as messages with a position inside the text.
 */
#ifndef TIERCEL_FILTER_H
#define TIERCEL_FILTER_H

#include "engine/base/limits.h"
#include "engine/rule/ast.h"

struct filter_error {
	const char *message;	/* in the arena */
	struct pos pos;
	uint32_t span;
	const char *hint;	/* NULL or a suggestion */
	bool unknown_filter;	/* unknown field or event type: skip-if-unknown-filter applies */
};

/* 0 or -EINVAL (*ret_err filled), -ENOMEM. */
int filter_parse(struct str text, struct arena *a, struct limits *limits, struct ast **ret,
		 struct filter_error *ret_err);
void filter_print(struct buf *out, const struct ast *ast);

/*
 * A copy of the tree with identifiers replaced by what `lookup` returns (a resolved tree). NULL
 * from lookup: unknown, -ENOENT with "Undefined macro 'x' used in filter.".
 */
typedef const struct ast *(*filter_macro_fn)(void *ctx, struct str name);
int filter_resolve(const struct ast *ast, struct arena *a, filter_macro_fn lookup, void *ctx,
		   struct ast **ret, struct filter_error *ret_err);

/* Findings that are not errors (LOAD_COMPILE_CONDITION, LINT_*): called for each. */
typedef void (*filter_warn_fn)(void *ctx, enum diag_code code, struct pos pos, uint32_t span,
			       const char *message);

/*
 * Look up fields, check operators and types, parse constants, compile regexes: fills the checker's
 * members of the tree in place. All errors are reported through `error` (each once), not only the
 * first; returns their number, or -ENOMEM. `statics` may be NULL.
 */
typedef void (*filter_error_fn)(void *ctx, const struct filter_error *err);
struct filter_checker {
	struct arena *arena;
	const struct static_fields *statics;
	filter_error_fn error;
	filter_warn_fn warn;	/* may be NULL */
	void *ctx;
};
int filter_check(struct ast *ast, const struct filter_checker *c);

/*
 * Event types on which the condition can be true (always sound), async events included.
 * -EINVAL when they cannot be determined (transformer around evt.type, field on its right).
 */
int filter_evtset(const struct ast *ast, struct evtset *ret, struct filter_error *ret_err);
/* Distinct event names of a set, sorted; "asyncevent" included when present. */
uint32_t evtset_names(const struct evtset *s, const char **names, uint32_t max);
/* Names a user wrote count as restricted when the set has 1..100 codes. */
uint32_t evtset_count(const struct evtset *s);

#endif
