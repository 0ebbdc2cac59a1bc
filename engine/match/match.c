/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a matcher and what it tells about itself. Called by the facade and by `explain`.
 */
#include "engine/match/memo.h"
#include "engine/match/program.h"

#define BLOCK_SIZE (64 << 10)

struct matcher *matcher_new(const struct ruleset *rs, const struct match_opts *opts,
			    struct limits *limits)
{
	struct matcher *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	arena_init(&m->arena, BLOCK_SIZE, 0);
	m->rules = rs;
	m->opts = *opts;
	m->epoch = 1;
	if (compile_rules(m)) {
		matcher_free(m);
		return NULL;
	}
	facts_init(&m->facts, m->fact_words, limits);
	return m;
}

void matcher_free(struct matcher *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->nslots; i++)
		if (m->slots[i].key == i)
			memo_free(m->slots[i].memo);
	facts_done(&m->facts);
	arena_done(&m->arena);
	free(m);
}

void matcher_thread_free(struct matcher *m, struct thread *t)
{
	facts_drop(&m->facts, t);
}

const struct evtset *matcher_events(const struct matcher *m)
{
	return &m->events;
}

static const char *const kind_names[ATOM_COUNT] = {
	[ATOM_CHECK] = "check", [ATOM_EXISTS] = "exists", [ATOM_TEXT_EQ] = "text",
	[ATOM_TEXT_SET] = "set", [ATOM_TEXT_OP] = "op", [ATOM_INT] = "int",
};

static const char *const entity_names[ENTITY_COUNT] = {
	[ENTITY_EVENT] = "event", [ENTITY_TYPE] = "type", [ENTITY_PROCESS] = "process",
};

static void dump_target(struct buf *out, const char *label, uint32_t pc)
{
	if (pc < PC_MATCH)
		buf_printf(out, " %s %u", label, pc);
	else
		buf_printf(out, " %s %s", label, pc == PC_MATCH ? "match" : "fail");
}

void matcher_dump(const struct matcher *m, struct buf *out)
{
	for (uint32_t i = 0; i < m->natoms; i++) {
		buf_printf(out, "atom %u %s %s: ", i, kind_names[m->atoms[i].kind],
			   entity_names[m->atoms[i].entity]);
		filter_print(out, m->atoms[i].check);
		buf_add_char(out, '\n');
	}
	for (uint32_t i = 0; i < m->ncode; i++) {
		buf_printf(out, "%u: atom %u", i, m->code[i].atom);
		dump_target(out, "yes", m->code[i].yes);
		dump_target(out, "no", m->code[i].no);
		buf_add_char(out, '\n');
	}
	for (uint32_t s = 0; s < m->nsources; s++)
		for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
			const struct rule_list *r = m->sources[s]->types[t];

			for (uint32_t i = 0; r && i < r->n; i++) {
				buf_printf(out, "%.*s %s:", STR_ARG(m->sources[s]->source),
					   event_infos[t].id);
				dump_target(out, "", r->entries[i].pc);
				buf_printf(out, " %.*s\n", STR_ARG(r->entries[i].rule->name.s));
			}
		}
}
