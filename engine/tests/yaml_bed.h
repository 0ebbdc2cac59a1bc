/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text read by both readers of YAML and their trees compared. Used by test_yaml.c and
 * fuzz_yaml.c.
 */
#ifndef TIERCEL_YAML_BED_H
#define TIERCEL_YAML_BED_H

#include "engine/rule/yaml_tree.h"
#include "engine/tests/test.h"

struct yaml_bed {
	struct arena arena;
	struct limits limits;
	struct yaml_error err;
	struct yaml_tree tree;
	struct arena_mark start;
};

static void yaml_bed_init(struct yaml_bed *b, struct str text)
{
	arena_init(&b->arena, 4096, 0);
	limits_init(&b->limits);
	b->limits.max[LIMIT_YAML_NODES] = 20000;
	ck_assert_ptr_nonnull(arena_alloc(&b->arena, 100));
	b->start = arena_mark(&b->arena);
	b->err = (struct yaml_error){ NULL, 0 };
	b->tree = (struct yaml_tree){ .text = text, .nodes = &b->arena, .values = &b->arena,
				      .limits = &b->limits, .err = &b->err };
}

static void yaml_bed_done(struct yaml_bed *b)
{
	yaml_tree_done(&b->tree);
	arena_done(&b->arena);
}

static bool yaml_bed_same(const struct yaml_node *a, const struct yaml_node *b)
{
	if (!a || !b)
		return a == b;
	if (a->kind != b->kind || a->style != b->style || a->is_null != b->is_null ||
	    a->offset != b->offset || a->end != b->end || a->n != b->n ||
	    a->weight != b->weight || a->height != b->height || !str_eq(a->s, b->s))
		return false;
	for (a = a->first, b = b->first; a && b; a = a->next, b = b->next)
		if (!yaml_bed_same(a, b))
			return false;
	return a == b;
}

/* Does the simple reader take the text? What it takes, libyaml takes for the same. */
static bool yaml_bed_compare(struct str text)
{
	struct yaml_bed simple, full;
	int r;

	yaml_bed_init(&simple, text);
	yaml_bed_init(&full, text);
	r = yaml_simple(&simple.tree);
	ck_assert(r == 0 || r == -EAGAIN);
	if (r == -EAGAIN) {
		struct arena_mark now = arena_mark(&simple.arena);

		ck_assert(now.cur == simple.start.cur && now.used == simple.start.used);
	} else {
		ck_assert_msg(yaml_full(&full.tree) == 0, "libyaml says '%s' of:\n%.*s|",
			      full.err.message, STR_ARG(text));
		ck_assert_msg(yaml_bed_same(simple.tree.docs, full.tree.docs),
			      "read in two ways:\n%.*s|", STR_ARG(text));
	}
	yaml_bed_done(&simple);
	yaml_bed_done(&full);
	return r == 0;
}

#endif
