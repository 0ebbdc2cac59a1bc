/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conditions of macros and rules: text with exceptions and lists expanded, tree, check of fields
 * and values, and the way back from a place in the expanded text to the file. Each condition is
 * checked once, on its own tree; macros are put in afterwards and bring their findings along.
 */
#include "engine/rule/loader.h"

/* ---- text ---------------------------------------------------------------------------------- */

/* The condition before lists are expanded. */
static void cond_text(const struct cond *c, struct gen *g)
{
	bool limited = c->rule && layer_is_limited(c->rule->layer);
	bool wrap = limited || (c->rule && exception_any_values(c->rule));
	const struct piece *p = c->text.first;

	if (limited)
		layer_text(g, c->rule->layer, p->src, p->node->offset);
	if (wrap)
		gen_fixed(g, STR("("), p->src, p->node->offset);
	gen_text(g, &c->text);
	if (wrap) {
		gen_fixed(g, STR(")"), p->src, p->node->offset);
		exception_text(g, c->rule);
	}
}

static int build_full(struct loader *l, struct cond *c)
{
	struct gen text = { &l->text, NULL }, full = { &l->full, NULL };
	int err;

	buf_clear(&l->text);
	buf_clear(&l->full);
	cond_text(c, &text);
	if (l->text.err)
		return l->text.err;
	if (limit_over(l->limits, LIMIT_CONDITION_BYTES, l->text.len))
		return -E2BIG;
	err = list_expand(l, buf_str(&l->text), NULL, &full);
	if (err)
		return err;
	if (limit_over(l->limits, LIMIT_CONDITION_BYTES, l->full.len))
		return -E2BIG;
	/* Most conditions are one scalar and name no list. */
	if (!c->text.first->next && str_eq(buf_str(&l->full), c->text.first->s))
		c->full = c->text.first->s;
	else
		c->full = arena_str(&l->rs->arena, buf_str(&l->full));
	return c->full.p ? 0 : -ENOMEM;
}

/* ---- findings ------------------------------------------------------------------------------ */

struct finding *cond_find(struct loader *l, struct cond *c, enum diag_code code,
			  const char *message)
{
	struct finding *f = arena_new(&l->arena, struct finding);

	if (f)
		f->message = arena_strdup(&l->arena, str_from(message));
	if (!f || !f->message) {
		l->oom = true;
		return NULL;
	}
	f->code = code;
	f->span = 1;
	*c->findings_end = f;
	c->findings_end = &f->next;
	c->errors += diag_infos[code].severity == DIAG_ERROR;
	return f;
}

static struct finding *find_error(struct loader *l, struct cond *c, enum diag_code code,
				  const struct filter_error *err)
{
	struct finding *f = cond_find(l, c, code, err->message);

	if (!f)
		return NULL;
	f->pos = err->pos;
	f->span = MAX(err->span, 1u);
	f->hint = err->hint;
	f->unknown_filter = err->unknown_filter;
	return f;
}

/* Build the texts once more, this time with the origin of every byte. */
static bool build_origin(struct loader *l, struct cond *c, struct origin *out)
{
	_cleanup_buf_ struct buf raw = BUF_INIT, full = BUF_INIT;
	struct origin in = { .arena = &l->arena };
	struct gen text = { &raw, &in }, expanded = { &full, out };

	cond_text(c, &text);
	if (raw.err || list_expand(l, buf_str(&raw), &in, &expanded)) {
		*out = in;	/* too long, or no memory: the start is still right */
		return false;
	}
	return true;
}

static void cond_origin(struct loader *l, struct cond *c, uint32_t at, const struct source **src,
			uint32_t *offset)
{
	if (!c->origin) {
		c->origin = arena_new(&l->arena, struct origin);
		if (!c->origin)
			return;
		c->origin->arena = &l->arena;
		c->coarse = !build_origin(l, c, c->origin);
	}
	origin_find(c->origin, c->coarse ? 0 : at, src, offset);
}

static struct str short_text(struct loader *l, struct str s)
{
	const char *p = s.len <= 20 ? arena_printf(&l->arena, "\"%.*s\"", STR_ARG(s))
				    : arena_printf(&l->arena, "\"%.17s...\"", s.p);

	return p ? str_from(p) : STR("");
}

void cond_report(struct loader *l, struct cond *c, const struct finding *f, enum diag_code code,
		 const struct place *rule)
{
	const struct piece *p = c->text.first;
	struct place item = c->place, text, expr;
	struct diag *g;

	if (rule) {
		item.outer = rule;	/* a macro, seen from the rule that uses it */
		item.src = c->place.src;
	}
	text = (struct place){ c->type, STR(""), p->src, p->node->offset, &item };
	expr = (struct place){ "condition expression", short_text(l, c->full.p ? c->full : p->s),
			       p->src, p->node->offset, &text };
	if (l->diags->count < l->diags->max)
		cond_origin(l, c, f->pos.offset, &expr.src, &expr.offset);
	g = report(l, code, &expr, "%s", f->message);
	g->span = f->span;
	g->deprecated_field = f->deprecated;
	if (f->hint)
		diag_hint(l->diags, g, "%s", f->hint);
	else if (str_is(f->unknown_macro, "not"))
		diag_hint(l->diags, g, "something must follow 'not'");
	else if (f->unknown_macro.p && !report_nearest(l, g, &l->macros_by_name, f->unknown_macro))
		diag_hint(l->diags, g,
			  "a word without a dot is a macro: define it, or load the file "
			  "that does");
}

/* ---- parsing ------------------------------------------------------------------------------- */

static bool add_ident(struct loader *l, struct cond *c, const struct ast *a)
{
	struct load_macro *m = strmap_get(&l->macros_by_name, a->ident);
	const struct ast **uses;
	struct load_macro **v;

	if (!m) {
		struct filter_error err = { .pos = a->pos, .span = a->span };
		struct finding *f;

		if (l->incomplete)
			return true;
		err.message = arena_printf(&l->arena, "Undefined macro '%.*s' used in filter.",
					   STR_ARG(a->ident));
		f = err.message ? find_error(l, c, DIAG_ERR_VALIDATE, &err) : NULL;
		if (!f)
			return oom(l);
		f->unknown_macro = a->ident;
		return true;
	}
	if (m->round == l->round)
		return true;
	m->round = l->round;
	v = arena_grow(&l->arena, c->macros, &c->cap_macros, c->nmacros + 1, sizeof(*v));
	uses = arena_grow(&l->arena, c->uses, &c->cap_uses, c->nmacros + 1, sizeof(*uses));
	if (!v || !uses)
		return oom(l);
	c->macros = v;
	c->uses = uses;
	uses[c->nmacros] = a;
	v[c->nmacros++] = m;
	return true;
}

/* Identifiers of the tree -> c->macros; checks -> checks[]. */
static bool walk(struct loader *l, struct cond *c, struct ast *a)
{
	struct ast **v;

	if (a->kind == AST_IDENT)
		return add_ident(l, c, a);
	if (a->kind == AST_CHECK) {
		v = arena_grow(&l->arena, c->checks, &c->cap_checks, c->nchecks + 1, sizeof(*v));
		if (!v)
			return oom(l);
		c->checks = v;
		v[c->nchecks++] = a;
		return true;
	}
	for (uint32_t i = 0; i < a->nkids; i++)
		if (!walk(l, c, a->kids[i]))
			return false;
	return true;
}

bool cond_parse(struct loader *l, struct cond *c)
{
	struct filter_error err = { 0 };
	int r = build_full(l, c);

	c->findings_end = &c->findings;
	if (r == -E2BIG) {
		err.message = "condition is too long after expansion of its lists";
		return find_error(l, c, DIAG_ERR_COMPILE_CONDITION, &err);
	}
	if (r)
		return oom(l);
	r = filter_parse(c->full, &l->rs->arena, l->limits, &c->raw, &err);
	if (r == -ENOMEM)
		return oom(l);
	if (r)
		return find_error(l, c, DIAG_ERR_COMPILE_CONDITION, &err);
	l->round++;
	return walk(l, c, c->raw);
}

/* ---- checking ------------------------------------------------------------------------------ */

struct check_ctx {
	struct loader *l;
	struct cond *c;
};

static void on_error(void *ctx, const struct filter_error *err)
{
	struct check_ctx *x = ctx;

	find_error(x->l, x->c, DIAG_ERR_COMPILE_CONDITION, err);
}

static void on_warning(void *ctx, enum diag_code code, const struct filter_error *warning)
{
	struct check_ctx *x = ctx;
	struct finding *f;

	if (!x->l->rs->opts.lint && diag_is_lint(code))
		return;
	f = find_error(x->l, x->c, code, warning);
	if (f)
		f->deprecated = warning->deprecated_field;
}

/* The checks hang under one made-up node: macros are checked on their own, once. */
bool cond_check(struct loader *l, struct cond *c)
{
	struct check_ctx ctx = { l, c };
	struct filter_checker checker = {
		.arena = &l->rs->arena, .statics = l->rs->opts.statics, .fields = &l->fields,
		.names = &l->event_names, .error = on_error, .warn = on_warning, .ctx = &ctx,
	};
	struct ast all = { .kind = AST_OR, .kids = c->checks, .nkids = c->nchecks };

	if (c->checked)
		return true;
	c->checked = true;
	if (c->nchecks && filter_check(&all, &checker) == -ENOMEM)
		return oom(l);
	return !l->oom;
}
