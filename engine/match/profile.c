/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rules and checks cost: called by the facade for a sample of the events, with a clock that is
 * given to it. Each rule of the event is evaluated as if it were alone, every check with the
 * extraction of its field, so figures of rules can be compared; together they share most of it.
 */
#include "engine/match/eval.h"

static bool make_room_for_costs(struct matcher *m)
{
	if (!m->rule_costs)
		m->rule_costs = arena_array(&m->arena, MAX(m->rules->nrules, 1U),
					    sizeof(*m->rule_costs));
	if (!m->atom_costs)
		m->atom_costs = arena_array(&m->arena, MAX(m->natoms, 1U), sizeof(*m->atom_costs));
	return m->rule_costs && m->atom_costs;
}

/* What reading the clock itself takes. */
static uint64_t clock_cost(uint64_t (*clock_ns)(void))
{
	uint64_t least = UINT64_MAX;

	for (int i = 0; i < 4; i++) {
		uint64_t start = clock_ns();

		least = MIN(least, clock_ns() - start);
	}
	return least;
}

static void profile_rule(struct matcher *m, const struct rule_entry *entry, struct event_ctx *ctx,
			 uint64_t (*clock_ns)(void), uint64_t overhead)
{
	struct match_cost *cost = &m->rule_costs[entry->rule->index];

	cost->runs++;
	for (uint32_t pc = entry->pc; pc < PC_MATCH;) {
		const struct insn *insn = &m->code[pc];
		uint64_t start, took;
		bool truth;

		/* Nothing of what was found before counts. */
		m->epoch++;
		start = clock_ns();
		truth = eval_atom(m, insn->atom, ctx);
		took = clock_ns() - start;
		took -= MIN(took, overhead);
		cost->ns += took;
		m->atom_costs[insn->atom].ns += took;
		m->atom_costs[insn->atom].runs++;
		pc = truth ? insn->yes : insn->no;
	}
}

void matcher_profile(struct matcher *m, struct event_ctx *ctx, uint64_t (*clock_ns)(void))
{
	const struct rule_list *l = eval_rules_of(m, ctx);
	uint64_t overhead;

	if (!l || !make_room_for_costs(m))
		return;
	overhead = clock_cost(clock_ns);
	m->process = NULL;
	for (uint32_t i = 0; i < l->n; i++)
		profile_rule(m, &l->entries[i], ctx, clock_ns, overhead);
}

struct match_cost matcher_rule_cost(const struct matcher *m, uint32_t rule_index)
{
	return m->rule_costs && rule_index < m->rules->nrules ? m->rule_costs[rule_index]
							       : (struct match_cost){ 0 };
}

bool matcher_check_cost(const struct matcher *m, uint32_t i, struct buf *name,
			struct match_cost *ret)
{
	if (!m->atom_costs || i >= m->natoms)
		return false;
	matcher_dump_check(m, i, name);
	*ret = m->atom_costs[i];
	return true;
}
