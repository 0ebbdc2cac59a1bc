/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normal form of conditions, see normal.h. Called by compile.c once per rule; macros come by many
 * times and are done once.
 */
#include "engine/match/normal.h"

#include <endian.h>

enum { SCRATCH_BLOCK = 16 << 10 };

void normal_init(struct normal *n, struct arena *arena)
{
	*n = (struct normal){ .arena = arena };
	arena_init(&n->scratch, SCRATCH_BLOCK, 0);
	arena_init(&n->chains, SCRATCH_BLOCK, 0);
}

void normal_done(struct normal *n)
{
	arena_done(&n->scratch);
	arena_done(&n->chains);
	u64map_done(&n->done[0]);
	u64map_done(&n->done[1]);
}

static struct ast *new_node(struct normal *n, struct arena *arena, struct ast value)
{
	struct ast *a = arena_new(arena, struct ast);

	if (a)
		*a = value;
	else
		n->oom = true;
	return a;
}

/* ---- checks -------------------------------------------------------------------------------- */

/* A field with one value at most. */
static bool is_single(const struct ast *check)
{
	const struct operand *left = check->lhs;

	return left->kind == OPERAND_FIELD && !left->is_list && !field_is_multi(&left->field) &&
	       left->field.info->type != PT_DYN && !check->rhs;
}

static bool is_equal(const struct ast *check)
{
	return (check->op == OP_EQ || check->op == OP_EQ2) && check->modifier == MOD_NONE;
}

/* "field = x" or "field in (x, y)" for a text. */
static bool is_choice(const struct ast *check)
{
	return is_single(check) && value_class_of((enum param_type)check->lhs->type) == VC_STRING &&
	       (is_equal(check) || (check->op == OP_IN && check->modifier == MOD_NONE));
}

/* A constant: as written, as value, and its first bytes as a number that sorts like them. */
struct choice {
	uint64_t start;
	struct expr *text;
	const struct value *value;
};

static uint64_t start_of(struct str s)
{
	uint64_t start = 0;

	if (s.len >= sizeof(start))
		return be64toh(load_u64(s.p));
	for (uint32_t i = 0; i < s.len; i++)
		start |= (uint64_t)(unsigned char)s.p[i] << (56 - 8 * i);
	return start;
}

static int by_text(const void *a, const void *b)
{
	const struct choice *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return str_cmp(x->text->text, y->text->text);
}

/* Up to quite some length this is faster. */
enum { SORTED_IN_PLACE = 128 };

static void sort_choices(struct choice *v, uint32_t n)
{
	if (n > SORTED_IN_PLACE) {
		qsort(v, n, sizeof(*v), by_text);
		return;
	}
	for (uint32_t i = 1; i < n; i++) {
		struct choice c = v[i];
		uint32_t at = i;

		for (; at && by_text(&v[at - 1], &c) > 0; at--)
			v[at] = v[at - 1];
		v[at] = c;
	}
}

static bool is_sorted(const struct ast *check)
{
	for (uint32_t i = 1; i < check->nvalues; i++)
		if (str_cmp(check->values[i - 1]->text, check->values[i]->text) >= 0)
			return false;
	return true;
}

/* The check with these n > 0 constants: sorted, each once, "=" when there is only one. */
static const struct ast *with_choices(struct normal *n, const struct ast *check, struct choice *v,
				      uint32_t count)
{
	struct ast *a = new_node(n, n->arena, *check);
	uint32_t kept = 0;

	if (!a)
		return NULL;
	sort_choices(v, count);
	a->values = arena_array(n->arena, count, sizeof(struct expr *));
	a->consts = arena_array(n->arena, count, sizeof(*a->consts));
	if (!a->values || !a->consts) {
		n->oom = true;
		return NULL;
	}
	for (uint32_t i = 0; i < count; i++) {
		if (kept && str_eq(a->values[kept - 1]->text, v[i].text->text))
			continue;
		a->values[kept] = v[i].text;
		a->consts[kept++] = *v[i].value;
	}
	a->nvalues = a->nconsts = kept;
	a->op = kept == 1 ? OP_EQ : OP_IN;
	a->right_is_list = kept > 1;
	a->modifier = MOD_NONE;
	return a;
}

static struct choice *add_choices(struct choice *v, const struct ast *check)
{
	for (uint32_t i = 0; i < check->nconsts; i++)
		*v++ = (struct choice){ start_of(check->values[i]->text), check->values[i],
					&check->consts[i] };
	return v;
}

static struct choice *choices_new(struct normal *n, uint32_t count)
{
	struct choice *v = arena_array(&n->scratch, count, sizeof(*v));

	n->oom |= !v;
	return v;
}

static const struct ast *check_form(struct normal *n, const struct ast *check)
{
	bool any = check->modifier == MOD_ANYOF && (check->op == OP_EQ || check->op == OP_EQ2);
	bool in = check->op == OP_IN && check->modifier == MOD_NONE;
	struct choice *v;
	struct ast *a;

	if (is_single(check) && check->nconsts && ((in && !is_sorted(check)) || any ||
						   (in && check->nconsts == 1))) {
		v = choices_new(n, check->nconsts);
		if (!v)
			return NULL;
		add_choices(v, check);
		return with_choices(n, check, v, check->nconsts);
	}
	if (check->op != OP_EQ2)
		return check;
	a = new_node(n, n->arena, *check);
	if (a)
		a->op = OP_EQ;
	return a;
}

/* ---- and, or ------------------------------------------------------------------------------- */

struct terms {
	const struct ast **v;
	uint32_t n, cap;
};

static bool add_term(struct normal *n, struct terms *t, const struct ast *a)
{
	const struct ast **v = a ? arena_grow(&n->scratch, t->v, &t->cap, t->n + 1, sizeof(*v))
				 : NULL;

	if (!v) {
		n->oom = true;
		return false;
	}
	t->v = v;
	v[t->n++] = a;
	return true;
}

static const struct ast *form(struct normal *n, const struct ast *a, bool negated);

/* Kind of the node when the negation above it is pushed through. */
static unsigned effective_kind(const struct ast *a, bool negated)
{
	if (!negated || (a->kind != AST_AND && a->kind != AST_OR))
		return a->kind;
	return a->kind == AST_AND ? AST_OR : AST_AND;
}

/* Operands of the chain of `kind` that starts at `a`. */
static bool collect(struct normal *n, const struct ast *a, bool negated, unsigned kind,
		    struct terms *t)
{
	if (a->kind == AST_NOT)
		return collect(n, a->kids[0], !negated, kind, t);
	if (effective_kind(a, negated) != kind)
		return add_term(n, t, form(n, a, negated));
	for (uint32_t i = 0; i < a->nkids; i++)
		if (!collect(n, a->kids[i], negated, kind, t))
			return false;
	return true;
}

/* The choice that this operand of a chain of `kind` is, or NULL. */
static const struct ast *choice_of(const struct ast *term, unsigned kind)
{
	if (kind == AST_AND) {
		if (term->kind != AST_NOT)
			return NULL;
		term = term->kids[0];
	}
	return term->kind == AST_CHECK && is_choice(term) ? term : NULL;
}

static const struct ast *not_form(struct normal *n, const struct ast *check)
{
	struct ast *a = new_node(n, &n->chains, (struct ast){ .kind = AST_NOT, .nkids = 1,
							       .height = check->height + 1,
							       .weight = check->weight });

	if (a)
		a->kids = arena_array(&n->chains, 1, sizeof(*a->kids));
	if (!a || !a->kids) {
		n->oom = true;
		return NULL;
	}
	a->kids[0] = (struct ast *)check;
	return a;
}

/* Choices of one field in a chain. */
struct choice_group {
	const struct ast *head;
	uint32_t first;			/* term that will stand for all */
	uint32_t members, count;	/* terms, constants of all of them */
	struct choice *v, *end;
	struct choice_group *next;
};

/* The group of the term's field, a new one the first time; NULL: not a choice, or no memory. */
static struct choice_group *group_of(struct normal *n, struct strmap *fields,
				     struct choice_group ***last, const struct ast *choice)
{
	struct choice_group *g;

	if (!choice)
		return NULL;
	g = strmap_get(fields, choice->lhs->field.text);
	if (g)
		return g;
	g = arena_new(&n->scratch, struct choice_group);
	if (!g || strmap_put(fields, choice->lhs->field.text, g)) {
		n->oom = true;
		return NULL;
	}
	g->head = choice;
	**last = g;
	*last = &g->next;
	return g;
}

/* The first term becomes the whole group, the others leave the array. */
static bool merge_group(struct normal *n, struct terms *t, const struct choice_group *g,
			unsigned kind)
{
	const struct ast *merged = with_choices(n, g->head, g->v, g->count);

	if (merged && kind == AST_AND)
		merged = not_form(n, merged);
	t->v[g->first] = merged;
	return merged;
}

static bool find_groups(struct normal *n, const struct terms *t, unsigned kind,
			struct strmap *fields, struct choice_group **ret)
{
	struct choice_group **last = ret;

	for (uint32_t i = 0; i < t->n && !n->oom; i++) {
		const struct ast *choice = choice_of(t->v[i], kind);
		struct choice_group *g = group_of(n, fields, &last, choice);

		if (!g)
			continue;
		if (!g->members++)
			g->first = i;
		g->count += choice->nconsts;
	}
	for (struct choice_group *g = *ret; g && !n->oom; g = g->next)
		if (g->members > 1 && g->count)
			g->v = g->end = choices_new(n, g->count);
	return !n->oom;
}

static bool merge(struct normal *n, struct terms *t, unsigned kind)
{
	_cleanup_(strmap_done) struct strmap fields = { 0 };
	struct choice_group *groups = NULL;
	uint32_t kept = 0;

	if (!find_groups(n, t, kind, &fields, &groups))
		return false;
	for (uint32_t i = 0; i < t->n; i++) {
		const struct ast *choice = choice_of(t->v[i], kind);
		struct choice_group *g = choice ? strmap_get(&fields, choice->lhs->field.text)
						: NULL;

		if (!g || !g->v)
			continue;
		g->end = add_choices(g->end, choice);
		t->v[i] = NULL;
	}
	for (struct choice_group *g = groups; g; g = g->next)
		if (g->v && !merge_group(n, t, g, kind))
			return false;
	for (uint32_t i = 0; i < t->n; i++)
		if (t->v[i])
			t->v[kept++] = t->v[i];
	t->n = kept;
	return true;
}

static const struct ast *chain_form(struct normal *n, const struct ast *a, bool negated)
{
	unsigned kind = effective_kind(a, negated);
	struct terms t = { 0 };
	struct ast *chain;

	if (!collect(n, a, negated, kind, &t) || !merge(n, &t, kind))
		return NULL;
	if (t.n == 1)
		return t.v[0];
	chain = new_node(n, &n->chains, (struct ast){ .kind = (uint8_t)kind, .nkids = t.n,
						       .height = a->height, .weight = a->weight });
	if (chain)
		chain->kids = arena_array(&n->chains, t.n, sizeof(*chain->kids));
	if (!chain || !chain->kids) {
		n->oom = true;
		return NULL;
	}
	for (uint32_t i = 0; i < t.n; i++)
		chain->kids[i] = (struct ast *)t.v[i];
	return chain;
}

/* Of the node, or of its negation. */
static const struct ast *form(struct normal *n, const struct ast *a, bool negated)
{
	const struct ast *known = u64map_get(&n->done[negated], (uintptr_t)a);
	const struct ast *ret;

	if (known)
		return known;
	if (a->kind == AST_NOT)
		return form(n, a->kids[0], !negated);
	if (a->kind == AST_AND || a->kind == AST_OR) {
		ret = chain_form(n, a, negated);
	} else {
		ret = a->kind == AST_CHECK ? check_form(n, a) : a;
		if (ret && negated)
			ret = not_form(n, ret);
	}
	if (ret && u64map_put(&n->done[negated], (uintptr_t)a, (void *)ret))
		n->oom = true;
	return ret;
}

const struct ast *normal_form(struct normal *n, const struct ast *ast)
{
	const struct ast *ret = form(n, ast, false);

	arena_reset(&n->scratch);
	return n->oom ? NULL : ret;
}
