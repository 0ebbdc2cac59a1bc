/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rules will say of an event once its container has metadata: a walk over their code in which
 * checks of fields that metadata give are open. Called by the facade, only for events of containers
 * that are asked for, so it need not be as fast as the evaluator.
 */
#include "engine/match/eval.h"

static bool operand_is_open(const struct operand *op)
{
	if (op->kind == OPERAND_FIELD)
		return field_is_metadata(op->field.info);
	for (uint32_t i = 0; i < op->nargs; i++)
		if (operand_is_open(op->args[i]))
			return true;
	return false;
}

static bool slot_is_open(const struct matcher *m, uint32_t slot)
{
	return slot != NO_SLOT && operand_is_open(m->slots[slot].operand);
}

static bool join_is_open(const struct matcher *m, const struct join *j)
{
	for (uint32_t i = 0; i < j->nslots; i++)
		if (slot_is_open(m, j->slots[i]))
			return true;
	for (uint32_t i = 0; i < j->nrows; i++)
		for (uint32_t k = 0; k < j->conjs[i].n; k++)
			if (m->atoms[j->atoms[j->conjs[i].first + k]].open)
				return true;
	return false;
}

void foresee_prepare(struct matcher *m)
{
	for (uint32_t i = 0; i < m->natoms; i++)
		m->atoms[i].open = slot_is_open(m, m->atoms[i].left) ||
				   slot_is_open(m, m->atoms[i].right);
	for (uint32_t i = 0; i < m->natoms; i++)
		if (m->atoms[i].join)
			m->atoms[i].open |= join_is_open(m, m->atoms[i].join);
}

struct look {
	struct matcher *m;
	struct event_ctx *ctx;
};

static enum truth truth_now(void *ctx, uint32_t atom)
{
	const struct look *l = ctx;

	if (l->m->atoms[atom].open)
		return TRUTH_UNKNOWN;
	return eval_atom(l->m, atom, l->ctx) ? TRUTH_TRUE : TRUTH_FALSE;
}

/* Can a rule end in a match; with `undecided`: in no match, too? */
static bool any_rule(struct matcher *m, struct event_ctx *ctx, bool undecided)
{
	const struct rule_list *l = eval_rules_of(m, ctx);
	struct look look = { m, ctx };

	m->epoch++;
	m->process = NULL;
	for (uint32_t i = 0; l && i < l->n; i++) {
		uint32_t pc = l->entries[i].pc;

		if (guard_can_end(m, pc, PC_MATCH, truth_now, &look) &&
		    (!undecided || guard_can_end(m, pc, PC_FAIL, truth_now, &look)))
			return true;
	}
	return false;
}

bool matcher_can_match(struct matcher *m, struct event_ctx *ctx)
{
	return any_rule(m, ctx, false);
}

bool matcher_is_open(struct matcher *m, struct event_ctx *ctx)
{
	return any_rule(m, ctx, true);
}
