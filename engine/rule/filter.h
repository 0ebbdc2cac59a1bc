/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter language: text -> tree (filter_parse), canonical text (filter_print), macro
 * replacement (filter_resolve), types and constants (filter_check), event types (filter_evtset).
 * Pure functions over an arena; problems come back as messages with a position inside the text.
 */
#ifndef TIERCEL_FILTER_H
#define TIERCEL_FILTER_H

#include "engine/base/limits.h"
#include "engine/base/map.h"
#include "engine/rule/ast.h"

/* A problem, error or not. Positions are those of the text that the node was parsed from. */
struct filter_error {
	const char *message;	/* in the arena, or constant */
	struct pos pos;
	uint32_t span;
	const char *hint;	/* NULL or a suggestion */
	bool unknown_filter;	/* unknown field or event type: skip-if-unknown-filter applies */
	const char *deprecated_field;	/* DIAG_DEPRECATED_ITEM: its name */
	/* ast->text of the node: identifies the condition, when a macro brought the node in. */
	const char *text;
};

/* The tree borrows the text. 0 or -EINVAL (*ret_err filled), -ENOMEM. */
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

/*
 * Findings that are not errors: DIAG_COMPILE_CONDITION, DIAG_UNSAFE_NA_CHECK,
 * DIAG_LINT_VALUE_WRAPS, DIAG_DEPRECATED_ITEM (once for each field and call). Called for each.
 */
typedef void (*filter_warn_fn)(void *ctx, enum diag_code code, const struct filter_error *w);

/*
 * Look up fields, check operators and types, parse constants, compile regexes: fills the checker's
 * members of the tree in place. All errors are reported through `error` (each once), not only the
 * first; returns their number, or -ENOMEM. `statics` may be NULL. Trees may share subtrees that an
 * earlier call has checked; problems in them are reported again.
 */
typedef void (*filter_error_fn)(void *ctx, const struct filter_error *err);
/* For the operator of an exception that is none: what was meant, in the arena, or NULL. */
const char *filter_comp_hint(struct arena *arena, struct str text);

struct evtset_names {		/* what names of events stand for, met so far; to be shared */
	struct arena *arena;
	struct strmap sets;	/* the keys are in the conditions */
};

struct filter_checker {
	struct arena *arena;
	const struct static_fields *statics;
	struct strmap *fields;	/* operands of fields to share, by text; may be NULL */
	struct evtset_names *names;	/* may be NULL */
	filter_error_fn error;
	filter_warn_fn warn;	/* may be NULL */
	void *ctx;
};
int filter_check(struct ast *ast, const struct filter_checker *c);
/*
 * DIAG_LINT_NEVER_TRUE through c->warn, for the whole condition of a rule: resolved and checked
 * without errors. 0 or -ENOMEM.
 */
int filter_lint(const struct ast *ast, const struct filter_checker *c);

/*
 * Event types on which the condition can be true (always sound), async events included. Works on
 * resolved trees, checked or not. -EINVAL when they cannot be determined (transformer around
 * evt.type, field on its right).
 */
int filter_evtset(const struct ast *ast, struct evtset *ret, struct filter_error *ret_err);
/* The same without async events added: what the condition itself says. */
int filter_event_types(const struct ast *ast, struct evtset_names *known, struct evtset *ret,
		       struct filter_error *ret_err);
bool evtset_is_restricted(const struct evtset *s);
/* Does the condition restrict event types: 1..100 of them, async events not counted. */
bool filter_is_restricted(const struct ast *ast);

/* Distinct event names of a set, sorted; generic events stand for all syscalls they carry. */
#define EVTSET_NAMES_MAX 512
uint32_t evtset_names(const struct evtset *s, const char **names, uint32_t max);
uint32_t evtset_count(const struct evtset *s);
bool evtset_is_all(const struct evtset *s);

/*
 * Judge one condition without macros:
 * {"ok","errors":[{"code","message","column","hint"}],"warnings","text","event_types"}.
 */
void filter_check_json(struct str expr, struct buf *out, bool *ret_ok);

#endif
