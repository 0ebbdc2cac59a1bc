/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operands and checks of the current event, extracted and evaluated at most once: eval_atom.c.
 * Shared with the evaluator of rule lists (eval.c) and the profiler.
 */
#ifndef TIERCEL_EVAL_H
#define TIERCEL_EVAL_H

#include "engine/match/mask.h"
#include "engine/match/memo.h"
#include "engine/match/program.h"

void eval_fill_slot(struct matcher *m, struct slot *s, struct event_ctx *ctx);
/* Without looking at what is known already; `s` is the check's left operand and has a value. */
bool eval_holds(struct matcher *m, const struct atom *a, struct slot *s, struct event_ctx *ctx);
bool eval_check(struct matcher *m, const struct atom *a, struct event_ctx *ctx);
/* From what is known, else evaluated and remembered. */
bool eval_atom(struct matcher *m, uint32_t atom, struct event_ctx *ctx);
/* Does the code at `pc` end in a match? */
bool eval_run(struct matcher *m, uint32_t pc, struct event_ctx *ctx);

static inline struct slot *eval_slot(struct matcher *m, uint32_t i, struct event_ctx *ctx)
{
	struct slot *s = &m->slots[i];

	if (unlikely(s->epoch != m->epoch))
		eval_fill_slot(m, s, ctx);
	return s;
}

/* Do the results of its key's text hold for this slot, too? */
static inline bool eval_decided(const struct slot *s, const uint64_t *truth)
{
	return s->piece != PIECE_ALIAS || !mask_has(truth, s->memo->open_bit);
}

/* Results of all checks of the event's text. */
static inline void eval_know_text(const struct matcher *m, struct slot *s, const uint64_t *truth,
				  uint32_t class)
{
	s->truth = truth;
	s->class = class;
	s->truth_epoch = m->epoch;
}

/* Of a single text. */
static inline uint64_t eval_slot_hash(struct slot *s)
{
	if (!s->hashed) {
		s->hash = hash_str(s->one.s);
		s->hashed = true;
	}
	return s->hash;
}

#endif
