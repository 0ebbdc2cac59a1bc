/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between compile.c and join.c: what is known while rules become a program. Nothing of it outlives
 * compile_rules().
 */
#ifndef TIERCEL_COMPILE_H
#define TIERCEL_COMPILE_H

#include "engine/base/map.h"
#include "engine/match/program.h"

enum { JOIN_SKIP = 0xfffffffe, JOIN_NONE = 0xffffffff };

struct compiler {
	struct matcher *m;
	struct strmap atoms, slots;	/* key -> number + 1 */
	struct arena keys;		/* theirs */
	struct u64map checks;		/* address of a check -> number + 1 of its atom */
	struct u64map joins;		/* address of a node -> its join_places() */
	struct u64map code;		/* hash of an instruction -> number + 1 */
	struct buf text;
	unsigned type;			/* event type to specialise for */
	bool oom;
};

/* May the event type alone decide the check? */
bool compile_fold_may(const struct ast *check);
/* Where the atom's check is known by the type, and true there. 0 or -ENOMEM. */
int compile_fold_types(struct matcher *m, struct atom *atom);
uint32_t compile_slot(struct compiler *c, const struct operand *op);
/* Number of the check's atom; it is not `plain` yet. */
uint32_t compile_atom(struct compiler *c, const struct ast *check);
/* One more atom to be filled in and counted in m->natoms by the caller; NULL: out of memory. */
struct atom *compile_new_atom(struct compiler *c);

/*
 * Per operand of an AND or OR: the atom of the join that it begins, JOIN_SKIP: part of one, or
 * JOIN_NONE. NULL: no joins. An OR is true, an AND false when the join holds.
 */
const uint32_t *join_places(struct compiler *c, const struct ast *ast);

#endif
