/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The condition text that exceptions stand for, and the way back from the tree to the exceptions.
 * Called while the condition of a rule is put together.
 */
#include "engine/rule/loader.h"

struct row_text {
	struct gen *g;
	const struct source *src;
	uint32_t offset;
};

static void put(const struct row_text *t, struct str s)
{
	gen_fixed(t->g, s, t->src, t->offset);
}

static void put_quoted(const struct row_text *t, struct str s)
{
	bool quote = s.len && s.p[0] != '"' && s.p[0] != '\'' &&
		     (memchr(s.p, ' ', s.len) || memchr(s.p, '\t', s.len) ||
		      memchr(s.p, '\n', s.len));

	if (quote)
		put(t, STR("\""));
	put(t, s);
	if (quote)
		put(t, STR("\""));
}

/* "(a, b)" or "a, b" where a list is wanted: the values themselves. */
static bool is_list_text(struct str s)
{
	return s.len && (s.p[0] == '(' || memchr(s.p, ',', s.len));
}

static void put_value(const struct row_text *t, const struct exception_value *v, struct str comp)
{
	bool list = v->is_list || exception_takes_list(comp);
	bool text = list && !v->is_list && is_list_text(v->items[0]);

	if (text && v->items[0].p[0] == '(') {
		put(t, v->items[0]);
		return;
	}
	if (list)
		put(t, STR("("));
	for (uint32_t i = 0; i < v->n; i++) {
		if (i)
			put(t, STR(", "));
		if (text)
			put(t, v->items[i]);
		else
			put_quoted(t, v->items[i]);
	}
	if (list)
		put(t, STR(")"));
}

static void put_check(const struct row_text *t, const struct rule_exception *e, uint32_t i)
{
	put(t, e->fields[i]);
	put(t, STR(" "));
	put(t, e->comps[i]);
	put(t, STR(" "));
}

static void put_tuples(struct row_text *t, const struct load_exception *e)
{
	for (uint32_t r = 0; r < e->pub.nrows; r++) {
		if (r)
			put(t, STR(" or "));
		t->src = e->places[r].src;
		t->offset = e->places[r].offset;
		put(t, STR("("));
		for (uint32_t i = 0; i < e->pub.nfields; i++) {
			if (i)
				put(t, STR(" and "));
			put_check(t, &e->pub, i);
			put_value(t, &e->pub.rows[r].values[i], e->pub.comps[i]);
		}
		put(t, STR(")"));
	}
}

static void put_single(struct row_text *t, const struct load_exception *e)
{
	put_check(t, &e->pub, 0);
	put(t, STR("("));
	for (uint32_t r = 0; r < e->pub.nrows; r++) {
		t->src = e->places[r].src;
		t->offset = e->places[r].offset;
		if (r)
			put(t, STR(", "));
		put_quoted(t, e->pub.rows[r].values[0].items[0]);
	}
	put(t, STR(")"));
}

static bool is_live(const struct load_exception *e)
{
	return e->pub.nrows && !e->pub.expired;
}

bool exception_any_values(const struct load_rule *r)
{
	for (uint32_t i = 0; i < r->nexceptions; i++)
		if (is_live(r->exceptions[i]))
			return true;
	return false;
}

void exception_text(struct gen *g, const struct load_rule *r)
{
	for (uint32_t i = 0; i < r->nexceptions; i++) {
		const struct load_exception *e = r->exceptions[i];
		struct row_text t = { g, e->place.src, e->place.offset };

		if (!is_live(e))
			continue;
		put(&t, STR(" and not ("));
		if (layer_is_limited(e->layer) && e->layer != r->layer) {
			layer_text(g, e->layer, t.src, t.offset);
			put(&t, STR("("));
		}
		if (e->pub.tuple)
			put_tuples(&t, e);
		else
			put_single(&t, e);
		put(&t, STR(")"));
		if (layer_is_limited(e->layer) && e->layer != r->layer)
			put(&t, STR(")"));
	}
}

/*
 * Values are put in as text, as the language has it: a parenthesis in one can reshape the
 * condition.
 */
static bool has_shape(const struct ast *all, uint32_t live)
{
	if (all->kind != AST_AND || all->nkids <= live)
		return false;
	for (uint32_t i = 1; i <= live; i++)
		if (all->kids[all->nkids - i]->kind != AST_NOT)
			return false;
	return true;
}

void exception_link(struct load_rule *r)
{
	const struct ast *all = r->pub->ast;
	uint32_t at = all->nkids, live = 0;

	for (uint32_t i = 0; i < r->nexceptions; i++)
		live += is_live(r->exceptions[i]);
	if (!has_shape(all, live))
		return;
	/* The last operands of the conjunction are the exceptions, each negated. */
	for (uint32_t i = r->nexceptions; i-- > 0;)
		if (is_live(r->exceptions[i]))
			r->pub->exceptions[i].ast = all->kids[--at]->kids[0];
}
