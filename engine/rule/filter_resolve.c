/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Macro replacement in trees. Called by the rule loader; new nodes belong to the arena, subtrees
 * without macros and the trees of macros are shared, not copied.
 */
#include "engine/rule/filter.h"

struct resolve {
	struct arena *arena;
	filter_macro_fn lookup;
	void *ctx;
	struct filter_error *ret_err;
};

static int resolve_node(const struct resolve *r, const struct ast *a, struct ast **ret);

static int fail(const struct resolve *r, const struct ast *a, int err, const char *message)
{
	if (!message)
		return -ENOMEM;
	*r->ret_err = (struct filter_error){
		.message = message,
		.pos = a->pos,
		.span = a->span,
		.text = a->text,
	};
	return err;
}

static int resolve_ident(const struct resolve *r, const struct ast *a, struct ast **ret)
{
	const struct ast *macro = r->lookup(r->ctx, a->ident);

	if (!macro)
		return fail(r, a, -ENOENT,
			    arena_printf(r->arena, "Undefined macro '%.*s' used in filter.",
					 STR_ARG(a->ident)));
	/* The checker fills resolved trees in place, also those of macros. */
	*ret = (struct ast *)macro;
	return 0;
}

/* Size of the tree with every macro written out: shared subtrees make it grow fast. */
static int measure(const struct resolve *r, struct ast *a)
{
	uint64_t weight = 0;

	a->height = 1;
	for (uint32_t i = 0; i < a->nkids; i++) {
		weight += a->kids[i]->weight + 5ull;
		a->height = MAX(a->height, a->kids[i]->height + 1);
	}
	a->weight = (uint32_t)MIN(weight, UINT32_MAX);
	if (a->height > limit_infos[LIMIT_CONDITION_DEPTH].def)
		return fail(r, a, -EINVAL, "condition with its macros is nested too deeply");
	if (weight > limit_infos[LIMIT_CONDITION_BYTES].def)
		return fail(r, a, -EINVAL, "condition with its macros is too long");
	return 0;
}

static struct ast *copy_node(const struct resolve *r, const struct ast *a)
{
	struct ast *copy = arena_new(r->arena, struct ast);

	if (!copy)
		return NULL;
	*copy = *a;
	copy->kids = arena_array(r->arena, a->nkids, sizeof(*copy->kids));
	if (!copy->kids)
		return NULL;
	memcpy(copy->kids, a->kids, a->nkids * sizeof(*copy->kids));
	return copy;
}

static int resolve_kids(const struct resolve *r, const struct ast *a, struct ast **ret)
{
	struct ast *copy = NULL, *kid;
	int err;

	for (uint32_t i = 0; i < a->nkids; i++) {
		err = resolve_node(r, a->kids[i], &kid);
		if (err < 0)
			return err;
		if (kid == a->kids[i])
			continue;
		if (!copy)
			copy = copy_node(r, a);
		if (!copy)
			return -ENOMEM;
		copy->kids[i] = kid;
	}
	*ret = copy ? copy : (struct ast *)a;
	return copy ? measure(r, copy) : 0;
}

static int resolve_node(const struct resolve *r, const struct ast *a, struct ast **ret)
{
	if (a->kind == AST_IDENT)
		return resolve_ident(r, a, ret);
	if (a->kind != AST_CHECK)
		return resolve_kids(r, a, ret);
	*ret = (struct ast *)a;
	return 0;
}

int filter_resolve(const struct ast *ast, struct arena *a, filter_macro_fn lookup, void *ctx,
		   struct ast **ret, struct filter_error *ret_err)
{
	struct resolve r = { a, lookup, ctx, ret_err };

	return resolve_node(&r, ast, ret);
}
