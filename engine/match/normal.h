/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Normal form of checked conditions: the same truth for every event, and one tree for spellings
 * that say the same. The compiler works on it; what users see stays the tree as written. Nodes that
 * need no change are those of the original tree, new checks live in the caller's arena, what joins
 * them until normal_done().
 *
 * - "not" stands before checks only; "and" and "or" alternate.
 * - "==" is "=", "in" with one value is "=", values of "in" are sorted and distinct.
 * - alternatives for one text field are one "in": "a = x or a in (y, z)", "a = anyof (x, y, z)";
 *   the same under "not", joined by "and".
 */
#ifndef TIERCEL_NORMAL_H
#define TIERCEL_NORMAL_H

#include "engine/base/map.h"
#include "engine/rule/ast.h"

struct normal {
	struct arena *arena;
	struct arena scratch;
	struct arena chains;	/* and, or, not */
	struct u64map done[2];	/* address of a node -> its form, [1] of its negation */
	bool oom;
};

void normal_init(struct normal *n, struct arena *arena);
void normal_done(struct normal *n);
/* NULL: out of memory. */
const struct ast *normal_form(struct normal *n, const struct ast *ast);

#endif
