/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Second half of loading, rule by rule: condition with exceptions, macros, event types, output.
 * All problems of a rule are collected first: with skip-if-unknown-filter the first of them
 * decides. Called by ruleset_finish.
 */
#include "engine/rule/loader.h"

bool message_is_unknown_filter(const char *message)
{
	static const char *const parts[] = { "nonexistent field", "invalid formatting token",
					     "unknown event type", "unknown filter:" };

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		if (strstr(message, parts[i]))
			return true;
	return false;
}

static bool is_error(const struct finding *f)
{
	return diag_infos[f->code].severity == DIAG_ERROR;
}

/*
 * The first error in the order of the text; a macro stands where it is used. Those of the macros
 * must be known.
 */
static struct first_error find_first(struct cond *c)
{
	struct first_error first = { NULL, NULL };
	uint32_t at = UINT32_MAX;

	for (const struct finding *f = c->findings; f; f = f->next) {
		if (is_error(f) && f->pos.offset < at) {
			first = (struct first_error){ f, c };
			at = f->pos.offset;
		}
	}
	for (uint32_t i = 0; i < c->nmacros; i++) {
		if (c->macros[i]->first_error.finding && c->uses[i]->pos.offset < at) {
			first = c->macros[i]->first_error;
			at = c->uses[i]->pos.offset;
		}
	}
	return first;
}

/* Macros of the condition, those inside of macros too, before the macro that uses them. */
struct macro_walk {
	struct loader *l;
	struct load_macro **v;
	uint32_t n, cap;
};

static bool add_macros(struct macro_walk *w, const struct cond *c)
{
	for (uint32_t i = 0; i < c->nmacros; i++) {
		struct load_macro *m = c->macros[i];
		struct load_macro **v;

		if (m->round == w->l->round)
			continue;
		m->round = w->l->round;
		if (!m->broken && !add_macros(w, &m->cond))
			return false;
		v = arena_grow(&w->l->arena, w->v, &w->cap, w->n + 1, sizeof(*v));
		if (!v)
			return oom(w->l);
		w->v = v;
		v[w->n++] = m;
	}
	return true;
}

/* Deprecated fields are named once per rule. */
struct named_fields {
	const char *v[16];
	uint32_t n;
};

static bool named_before(struct named_fields *d, const char *field)
{
	for (uint32_t i = 0; field && i < d->n; i++)
		if (strcmp(d->v[i], field) == 0)
			return true;
	if (field && d->n < ARRAY_SIZE(d->v))
		d->v[d->n++] = field;
	return false;
}

/* What was found in the rule's own text and in its macros. Errors of a macro are reported once. */
static void report_findings(struct loader *l, struct load_rule *r, const struct macro_walk *w)
{
	struct named_fields named = { .n = 0 };

	for (const struct finding *f = r->cond.findings; f; f = f->next)
		if (!named_before(&named, f->deprecated))
			cond_report(l, &r->cond, f, f->code, NULL);
	for (uint32_t i = 0; i < w->n; i++) {
		struct cond *c = &w->v[i]->cond;

		for (const struct finding *f = c->findings; f; f = f->next) {
			if (!(is_error(f) && w->v[i]->reported) &&
			    !named_before(&named, f->deprecated))
				cond_report(l, c, f, f->code, &r->cond.place);
		}
		w->v[i]->reported |= c->errors > 0;
	}
}

/* Names that are unknown only to the checker; a macro that is not there is an error in any case. */
static bool is_unknown_filter(const struct finding *f)
{
	return f->code != DIAG_ERR_VALIDATE &&
	       (f->unknown_filter || message_is_unknown_filter(f->message));
}

static bool misses_macro(const struct cond *c)
{
	for (const struct finding *f = c->findings; f; f = f->next)
		if (f->code == DIAG_ERR_VALIDATE)
			return true;
	return false;
}

/* The unknown name, which is why the rule is skipped, and what is deprecated all the same. */
static void report_skip(struct loader *l, struct load_rule *r, const struct macro_walk *w,
			const struct first_error *first)
{
	struct named_fields named = { .n = 0 };

	for (uint32_t i = 0; i <= w->n; i++) {
		struct cond *c = i < w->n ? &w->v[i]->cond : &r->cond;

		for (const struct finding *f = c->findings; f; f = f->next)
			if (f->code == DIAG_DEPRECATED_ITEM && !named_before(&named, f->deprecated))
				cond_report(l, c, f, f->code, i < w->n ? &r->cond.place : NULL);
	}
	cond_report(l, first->cond, first->finding, DIAG_UNKNOWN_FILTER,
		    first->cond == &r->cond ? NULL : &r->cond.place);
}

/* Report what checking found. False: the rule ends here. */
static bool settle_findings(struct loader *l, struct load_rule *r, const struct macro_walk *w)
{
	bool broken = misses_macro(&r->cond);
	struct first_error first;

	for (uint32_t i = 0; i < w->n; i++) {
		w->v[i]->first_error = find_first(&w->v[i]->cond);
		broken |= w->v[i]->broken;
	}
	first = find_first(&r->cond);
	if (first.finding && !broken && r->pub->skip_if_unknown_filter &&
	    is_unknown_filter(first.finding)) {
		report_skip(l, r, w, &first);
		r->pub->skipped = true;
		return false;
	}
	report_findings(l, r, w);
	return !first.finding;
}

static bool rule_check(struct loader *l, struct load_rule *r)
{
	struct macro_walk w = { .l = l };
	bool broken = false;

	if (!cond_parse(l, &r->cond))
		return false;
	l->round++;
	if (!add_macros(&w, &r->cond) || !cond_check(l, &r->cond))
		return false;
	for (uint32_t i = 0; i < r->cond.nmacros; i++)
		r->cond.macros[i]->pub->used = true;
	for (uint32_t i = 0; i < w.n; i++) {
		broken |= w.v[i]->broken;
		if (!w.v[i]->broken && !cond_check(l, &w.v[i]->cond))
			return false;
	}
	return settle_findings(l, r, &w) && !broken && r->cond.raw;
}

/* A message about the rule as such. */
static struct diag *rule_warn(struct loader *l, struct load_rule *r, enum diag_code code,
			      const char *message)
{
	struct cond *c = &r->cond;
	const struct piece *p = c->text.first;
	struct place at = { c->type, STR(""), p->src, p->node->offset, &c->place };

	return report(l, code, &at, "%s", message);
}

static bool rule_resolve(struct loader *l, struct load_rule *r)
{
	struct finding **last = r->cond.findings_end;

	if (cond_resolve(l, &r->cond, &r->pub->ast))
		return true;
	if (*last)
		cond_report(l, &r->cond, *last, (*last)->code, NULL);
	return false;
}

static bool rule_events(struct loader *l, struct load_rule *r)
{
	struct filter_error err = { 0 };
	struct finding f = { .code = DIAG_ERR_COMPILE_CONDITION, .span = 1 };

	if (filter_event_types(r->pub->ast, &l->event_names, &r->pub->events, &err)) {
		f.message = err.message;
		f.hint = err.hint;
		cond_report(l, &r->cond, &f, f.code, NULL);
		return false;
	}
	if (r->pub->warn_evttypes && !evtset_is_restricted(&r->pub->events))
		diag_hint(l->diags,
			  rule_warn(l, r, DIAG_NO_EVTTYPE,
				    "Rule matches too many evt.type values. This has a significant "
				    "performance penalty."),
			  "begin with the events it is about, such as 'evt.type in (open, openat) "
			  "and ...'");
	evtset_add(&r->pub->events, EV_ASYNCEVENT_E);	/* every rule can see them */
	return true;
}

static bool copy_exceptions(struct loader *l, struct load_rule *r)
{
	struct rule *p = r->pub;

	p->exceptions = arena_array(&l->rs->arena, r->nexceptions, sizeof(*p->exceptions));
	if (!p->exceptions)
		return oom(l);
	for (uint32_t i = 0; i < r->nexceptions; i++)
		p->exceptions[i] = r->exceptions[i]->pub;
	p->nexceptions = r->nexceptions;
	return true;
}

/* What a broken rule has of condition and output is judged like any other, but leads to nothing. */
static void rule_compile(struct loader *l, struct load_rule *r)
{
	bool good = false;

	if (r->pub->skipped || !copy_exceptions(l, r))
		return;
	if (r->cond.text.first)
		good = rule_check(l, r);
	if (r->pub->skipped || l->oom)
		return;
	r->pub->condition_full = r->cond.full;
	good = good && rule_resolve(l, r) && rule_events(l, r);
	if (good && !r->broken)
		exception_link(r);
	if (!l->oom && r->output.first)
		rule_output(l, r, good);
}

void rule_compile_all(struct loader *l)
{
	for (uint32_t i = 0; i < l->nrules && !l->oom; i++)
		rule_compile(l, l->rules[i]);
}
