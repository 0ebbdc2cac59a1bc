/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of nodes that both readers of YAML build, with its limits. Called by them; everything
 * lives in the arenas of the caller of yaml_parse().
 */
#include "engine/rule/yaml_tree.h"

void yaml_tree_start(struct yaml_tree *t)
{
	t->docs = t->last_doc = t->open = NULL;
	t->count = t->depth = 0;
	yaml_tree_done(t);
}

void yaml_tree_done(struct yaml_tree *t)
{
	strmap_done(&t->anchors);
}

int yaml_tree_fail(struct yaml_tree *t, uint32_t offset, const char *message)
{
	*t->err = (struct yaml_error){ message, offset };
	return -EINVAL;
}

static bool is_null_text(struct str s)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	for (size_t i = 0; s.len <= 4 && i < ARRAY_SIZE(words); i++)
		if (str_is(s, words[i]))
			return true;
	return false;
}

bool yaml_tree_room(const struct yaml_tree *t)
{
	return t->count < t->limits->max[LIMIT_YAML_NODES] &&
	       t->depth < t->limits->max[LIMIT_YAML_DEPTH];
}

/* Hang a new node into the open collection, or start a document with it. */
static int attach(struct yaml_tree *t, struct yaml_node *n)
{
	struct yaml_node *up = t->open;

	t->count += n->weight;
	if (limit_over(t->limits, LIMIT_YAML_NODES, t->count))
		return yaml_tree_fail(t, n->offset, "too many nodes (aliases expanded)");
	if (limit_over(t->limits, LIMIT_YAML_DEPTH, t->depth + n->height))
		return yaml_tree_fail(t, n->offset, "nested too deeply");
	if (!up) {
		if (t->last_doc)
			t->last_doc->next = n;
		else
			t->docs = n;
		t->last_doc = n;
		return 0;
	}
	if (up->last)
		up->last->next = n;
	else
		up->first = n;
	up->last = n;
	up->n++;
	return 0;
}

static struct yaml_node *node_new(struct yaml_tree *t, const struct yaml_node *like)
{
	struct yaml_node *n = arena_alloc(t->nodes, sizeof(*n));

	if (!n)
		return NULL;
	*n = *like;
	n->weight = n->height = 1;
	return n;
}

static int name_anchor(struct yaml_tree *t, struct yaml_node *n, struct str anchor)
{
	struct str name;

	if (!anchor.p)
		return 0;
	name = arena_str(t->nodes, anchor);
	return name.p ? strmap_put(&t->anchors, name, n) : -ENOMEM;
}

int yaml_tree_scalar(struct yaml_tree *t, const struct yaml_node *like, struct str anchor)
{
	struct yaml_node *n = node_new(t, like), *up = t->open;
	bool is_key = up && up->kind == YNODE_MAP && up->n % 2 == 0;

	if (!n)
		return -ENOMEM;
	n->is_null = n->is_null && n->style == YSTYLE_PLAIN && is_null_text(n->s);
	/* Keys are not kept, unless an alias can make a value of one. */
	n->s = arena_str(is_key && !anchor.p ? t->nodes : t->values, n->s);
	if (!n->s.p || name_anchor(t, n, anchor))
		return -ENOMEM;
	return attach(t, n);
}

int yaml_tree_alias(struct yaml_tree *t, const struct yaml_node *like, struct str anchor)
{
	struct yaml_node *target = strmap_get(&t->anchors, anchor);
	struct yaml_node *n = node_new(t, like);

	if (!n)
		return -ENOMEM;
	if (!target)
		return yaml_tree_fail(t, n->offset, "alias of an unknown anchor");
	for (const struct yaml_node *up = t->open; up; up = up->next)
		if (up == target)
			return yaml_tree_fail(t, n->offset, "alias inside its own anchor");
	n->target = target;
	n->weight = target->weight;
	n->height = target->height;
	return attach(t, n);
}

int yaml_tree_open(struct yaml_tree *t, const struct yaml_node *like, struct str anchor)
{
	struct yaml_node *n = node_new(t, like);
	int err;

	if (!n || name_anchor(t, n, anchor))
		return -ENOMEM;
	err = attach(t, n);
	if (err)
		return err;
	n->next = t->open;
	t->open = n;
	t->depth++;
	return 0;
}

void yaml_tree_close(struct yaml_tree *t, uint32_t end)
{
	struct yaml_node *n = t->open;

	for (const struct yaml_node *kid = n->first; kid; kid = kid->next) {
		n->weight += kid->weight;
		n->height = MAX(n->height, kid->height + 1);
	}
	if (n->kind == YNODE_MAP)
		n->n /= 2;
	n->end = n->style == YSTYLE_BLOCK && n->last ? n->last->end : end;
	t->open = n->next;
	n->next = NULL;
	t->depth--;
}
