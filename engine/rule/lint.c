/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings beyond the contract: rules that load but probably do not do what their author wants.
 * Called at the end of loading, while places are still known; runs only when it is asked for.
 */
#include "engine/rule/loader.h"

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
