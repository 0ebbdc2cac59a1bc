/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings beyond the contract: rules that load but probably do not do what their author wants.
 * Called at the end of loading, while places are still known; runs only when it is asked for.
 */
#include "engine/rule/loader.h"

/* ---- exceptions ---------------------------------------------------------------------------- */

/* Comparison operators of exceptions that say something about one text and another. */
static bool text_holds(struct str value, enum op_id op, struct str pattern)
{
	switch (op) {
	case OP_EQ:
	case OP_EQ2:
	case OP_IN:
		return str_eq(value, pattern);
	case OP_STARTSWITH:
		return str_starts(value, pattern);
	case OP_ENDSWITH:
		return str_ends(value, pattern);
	case OP_CONTAINS:
		return str_contains(value, pattern);
	case OP_ICONTAINS:
		return str_icontains(value, pattern);
	default:
		return false;
	}
}

/* True whatever the value is. */
static bool always_holds(enum op_id op, struct str pattern)
{
	switch (op) {
	case OP_GLOB:
	case OP_IGLOB:
		return str_is(pattern, "*");
	case OP_REGEX:
		return str_is(pattern, ".*");
	case OP_PMATCH:
		return str_is(pattern, "/");
	default:
		return false;
	}
}

/* The patterns of one column: of one row, or of all rows of a single-field exception. */
struct column {
	struct str field;
	enum op_id op;
	const struct rule_exception *e;
	uint32_t index, from_row, to_row;
};

static bool column_matches(const struct column *c, struct str value, bool any_value)
{
	for (uint32_t r = c->from_row; r < c->to_row; r++) {
		const struct exception_value *v = &c->e->rows[r].values[c->index];

		for (uint32_t i = 0; i < v->n; i++)
			if (any_value ? always_holds(c->op, v->items[i])
				      : text_holds(value, c->op, v->items[i]))
				return true;
	}
	return false;
}

/* Does the check leave only values that the column matches? */
static bool implies(const struct ast *check, const struct column *c)
{
	if ((check->op != OP_EQ && check->op != OP_EQ2 && check->op != OP_IN) ||
	    check->modifier != MOD_NONE || check->right || !check->nvalues || !check->lhs ||
	    !str_eq(check->lhs->text, c->field))
		return false;
	for (uint32_t i = 0; i < check->nvalues; i++)
		if (!column_matches(c, check->values[i]->text, false))
			return false;
	return true;
}

static bool any_implies(const struct ast *a, const struct column *c)
{
	if (a->kind == AST_CHECK)
		return implies(a, c);
	for (uint32_t i = 0; a->kind == AST_AND && i < a->nkids; i++)
		if (any_implies(a->kids[i], c))
			return true;
	return false;
}

static bool column_always(const struct rule *r, const struct rule_exception *e, uint32_t index,
			  uint32_t from, uint32_t to)
{
	struct column c = { e->fields[index], OP_EQ, e, index, from, to };
	enum op_modifier modifier;

	if (op_parse(e->comps[index], &c.op, &modifier) || modifier == MOD_ONEOF ||
	    modifier == MOD_ALLOF)
		return false;
	return column_matches(&c, STR(""), true) || any_implies(r->ast, &c);
}

static bool row_always(const struct rule *r, const struct rule_exception *e, uint32_t row)
{
	for (uint32_t i = 0; i < e->nfields; i++)
		if (!column_always(r, e, i, row, row + 1))
			return false;
	return true;
}

/* Lists are put into conditions as text: a comma parts values unless quotes keep it in. */
static bool is_split(struct str value)
{
	return value.len && value.p[0] != '"' && value.p[0] != '\'' && value.p[0] != '(' &&
	       memchr(value.p, ',', value.len);
}

static void report_split(struct loader *l, const struct place *at, struct str value)
{
	diag_hint(l->diags,
		  report(l, DIAG_LINT_VALUE_SPLIT, at, "'%.*s' is read as several values",
			 STR_ARG(value)),
		  "quotes of its own keep it together: '\"%.*s\"'", STR_ARG(value));
}

static void lint_split_row(struct loader *l, const struct load_exception *e, uint32_t row)
{
	struct place at = e->place;

	at.src = e->places[row].src;
	at.offset = e->places[row].offset;
	for (uint32_t i = 0; i < e->pub.nfields; i++) {
		const struct exception_value *v = &e->pub.rows[row].values[i];

		if (e->pub.tuple && !v->is_list && !exception_takes_list(e->pub.comps[i]))
			continue;
		for (uint32_t k = 0; k < v->n; k++)
			if (is_split(v->items[k]))
				report_split(l, &at, v->items[k]);
	}
}

static void lint_lists(struct loader *l)
{
	for (uint32_t i = 0; i < l->nlists; i++)
		for (uint32_t k = 0; k < l->lists[i]->pub->nitems; k++)
			if (is_split(l->lists[i]->pub->items[k]))
				report_split(l, &l->lists[i]->place, l->lists[i]->pub->items[k]);
}

static void report_wide(struct loader *l, const struct load_exception *e, uint32_t row)
{
	struct place at = e->place;
	struct diag *g;

	at.src = e->places[row].src;
	at.offset = e->places[row].offset;
	g = report(l, DIAG_LINT_WIDE_EXCEPTION, &at,
		   "Exception '%.*s' holds whenever the rule's condition does, so the rule never "
		   "gives an alert", STR_ARG(e->pub.name.s));
	diag_hint(l->diags, g, "compare with more fields, or disable the rule");
}

static void lint_exceptions(struct loader *l, struct load_rule *r)
{
	for (uint32_t i = 0; i < r->nexceptions; i++) {
		const struct load_exception *e = r->exceptions[i];

		if (!e->pub.nrows) {
			diag_hint(l->diags,
				  report(l, DIAG_LINT_UNUSED_EXCEPTION, &e->place,
					 "Exception '%.*s' has no values: it excepts nothing",
					 STR_ARG(e->pub.name.s)),
				  "append values in another file ('override: {exceptions: append}'), "
				  "or remove it");
			continue;
		}
		for (uint32_t row = 0; row < e->pub.nrows; row++)
			lint_split_row(l, e, row);
		if (!e->pub.tuple && column_always(r->pub, &e->pub, 0, 0, e->pub.nrows)) {
			report_wide(l, e, 0);
			continue;
		}
		for (uint32_t row = 0; e->pub.tuple && row < e->pub.nrows; row++)
			if (row_always(r->pub, &e->pub, row))
				report_wide(l, e, row);
	}
}

/* ---- conditions ---------------------------------------------------------------------------- */

struct lint {
	struct loader *l;
	struct load_rule *rule;
};

/* The condition whose text a finding speaks of. */
static struct cond *owner_of(struct loader *l, struct load_rule *r, const char *text)
{
	for (uint32_t i = 0; i < l->nmacros; i++)
		if (l->macros[i]->cond.full.p == text)
			return &l->macros[i]->cond;
	return &r->cond;
}

static void on_warning(void *ctx, enum diag_code code, const struct filter_error *w)
{
	struct lint *x = ctx;
	struct finding f = { .code = code, .message = w->message, .pos = w->pos, .span = w->span,
			     .hint = w->hint };
	struct cond *c = owner_of(x->l, x->rule, w->text);

	cond_report(x->l, c, &f, code, c == &x->rule->cond ? NULL : &x->rule->cond.place);
}

static void lint_never_true(struct loader *l, struct load_rule *r)
{
	struct lint x = { l, r };
	struct filter_checker checker = {
		.arena = &l->rs->arena, .warn = on_warning, .ctx = &x,
	};

	if (filter_lint(r->pub->ast, &checker))
		l->oom = true;
}

/*
 * A value that names a macro which nothing uses: macros are not put in there. Macros that are used
 * often bear the name of an event or a program.
 */
static void lint_macro_values(struct loader *l, struct cond *c)
{
	for (uint32_t i = 0; i < c->nchecks; i++) {
		const struct ast *a = c->checks[i];

		for (uint32_t k = 0; k < a->nvalues; k++) {
			const struct expr *v = a->values[k];
			const struct load_macro *m = strmap_get(&l->macros_by_name, v->text);
			struct finding f = { .pos = v->pos, .span = v->span };

			if (v->quoted || !m || m->pub->used)
				continue;
			f.message = arena_printf(&l->arena, "'%.*s' is the name of a macro, but a "
						 "plain text here", STR_ARG(v->text));
			f.hint = "lists stand on the right of an operator, macros by themselves";
			if (f.message)
				cond_report(l, c, &f, DIAG_LINT_MACRO_AS_VALUE, NULL);
			else
				l->oom = true;
		}
	}
}

/* ---- rules in the shadow of earlier ones ---------------------------------------------------- */

/* What a rule demands: the hashes of its checks joined by "and", sorted and distinct. */
struct demands {
	const struct load_rule *rule;
	uint64_t *v;
	uint32_t n, cap;
	struct demands *next;		/* filed under the same check */
};

static int by_hash(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool add_demands(struct loader *l, struct demands *d, const struct ast *a)
{
	uint64_t *v;

	if (a->kind == AST_AND) {
		for (uint32_t i = 0; i < a->nkids; i++)
			if (!add_demands(l, d, a->kids[i]))
				return false;
		return true;
	}
	v = arena_grow(&l->arena, d->v, &d->cap, d->n + 1, sizeof(*v));
	buf_clear(&l->full);
	filter_print(&l->full, a);
	if (!v || l->full.err)
		return oom(l);
	d->v = v;
	v[d->n++] = hash_str(buf_str(&l->full));
	return true;
}

static struct demands *demands_of(struct loader *l, const struct load_rule *r)
{
	struct demands *d = arena_new(&l->arena, struct demands);
	uint32_t kept = 0;

	if (!d) {
		l->oom = true;
		return NULL;
	}
	d->rule = r;
	if (!add_demands(l, d, r->pub->ast))
		return NULL;
	qsort(d->v, d->n, sizeof(*d->v), by_hash);
	for (uint32_t i = 0; i < d->n; i++)
		if (!kept || d->v[kept - 1] != d->v[i])
			d->v[kept++] = d->v[i];
	d->n = kept;
	return d;
}

/* Everything that `a` demands, `b` demands too. */
static bool demands_less(const struct demands *a, const struct demands *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (!bsearch(&a->v[i], b->v, b->n, sizeof(*b->v), by_hash))
			return false;
	return true;
}

static void report_shadowed(struct loader *l, const struct load_rule *r,
			    const struct load_rule *before, bool equal)
{
	struct diag *g = report(l, DIAG_LINT_SHADOWED_RULE, &r->cond.place,
				"Rule never gives an alert: rule '%.*s' %s and comes first",
				STR_ARG(before->pub->name.s),
				equal ? "has the same condition" : "matches whenever it does");

	diag_hint(l->diags, g, "put the narrower rule first, or set 'rule_matching: all'");
	if (g->file) {
		g->other_file = before->cond.place.src->name;
		g->other_pos = source_pos(before->cond.place.src, before->cond.place.offset,
					  &l->arena);
	}
}

/* File the rule under a check that no other one is filed under, if it has one. */
static void file_demands(struct loader *l, struct u64map *seen, struct demands *d)
{
	uint32_t at = 0;

	while (at + 1 < d->n && u64map_get(seen, d->v[at]))
		at++;
	d->next = u64map_get(seen, d->v[at]);
	if (u64map_put(seen, d->v[at], d))
		l->oom = true;
}

/*
 * Under first-match a rule is never reached when an earlier one demands nothing that it does not
 * demand itself. Earlier rules are filed under one of their checks, so few are looked at.
 */
static void lint_shadowed(struct loader *l, struct u64map *seen, const struct load_rule *r)
{
	struct demands *d;

	if (!r->pub->enabled)
		return;
	d = demands_of(l, r);
	for (uint32_t i = 0; d && i < d->n; i++) {
		const struct demands *e = u64map_get(seen, d->v[i]);

		while (e && !demands_less(e, d))
			e = e->next;
		if (!e)
			continue;
		report_shadowed(l, r, e->rule, e->n == d->n);
		return;
	}
	if (d)
		file_demands(l, seen, d);
}

void lint_rules(struct loader *l)
{
	struct u64map seen = { 0 };

	lint_lists(l);
	for (uint32_t i = 0; i < l->nmacros; i++)
		lint_macro_values(l, &l->macros[i]->cond);
	for (uint32_t i = 0; i < l->nrules && !l->oom; i++) {
		struct load_rule *r = l->rules[i];

		if (!r->pub->ast || r->pub->skipped)
			continue;
		lint_exceptions(l, r);
		lint_never_true(l, r);
		lint_macro_values(l, &r->cond);
		if (!l->rs->opts.match_all)
			lint_shadowed(l, &seen, r);
	}
	u64map_done(&seen);
}
