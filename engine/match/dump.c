/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs as text: all of one for golden tests, the part of one rule for `tiercel explain`. Called
 * by the agent and by tests; owns nothing.
 */
#include "engine/match/memo.h"
#include "engine/match/mask.h"
#include "engine/match/program.h"

static const char *const kind_names[ATOM_COUNT] = {
	[ATOM_CHECK] = "check", [ATOM_EXISTS] = "exists", [ATOM_TEXT_EQ] = "text",
	[ATOM_TEXT_SET] = "set", [ATOM_TEXT_OP] = "op", [ATOM_INT] = "int",
	[ATOM_ANY_SET] = "any set", [ATOM_JOIN] = "join",
};

static const char *const entity_names[ENTITY_COUNT] = {
	[ENTITY_EVENT] = "event", [ENTITY_TYPE] = "type", [ENTITY_PROCESS] = "process",
};

static void dump_join(const struct matcher *m, const struct join *j, struct buf *out)
{
	buf_printf(out, "one of %u conjunctions by %u distinct ", j->nrows, j->nkeys);
	for (uint32_t i = 0; i < j->nslots; i++) {
		buf_add_c(out, i ? ", " : "(");
		buf_add_str(out, m->slots[j->slots[i]].operand->text);
	}
	buf_add_char(out, ')');
}

void matcher_dump_check(const struct matcher *m, uint32_t atom, struct buf *out)
{
	const struct atom *a = &m->atoms[atom];

	if (a->kind == ATOM_JOIN)
		dump_join(m, a->join, out);
	else
		filter_print(out, a->check);
}

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
		matcher_dump_check(m, i, out);
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

/* Where the rule starts for events of a type, or NULL. */
static const struct rule_entry *entry_of(const struct rule_list *l, const struct rule *rule,
					 uint32_t *ret_at)
{
	for (uint32_t i = 0; l && i < l->n; i++)
		if (l->entries[i].rule == rule) {
			*ret_at = i;
			return &l->entries[i];
		}
	return NULL;
}

/* The checks that are made before, for all rules of the list at once, and can rule this one out. */
static void dump_guards(const struct matcher *m, const struct rule_list *l, uint32_t at,
			struct buf *out)
{
	for (uint32_t i = 0; l->words && i < l->nguards; i++) {
		const struct guard *g = &l->guards[i];
		bool needs = !mask_has(g->if_false, at);

		if (!needs && mask_has(g->if_true, at))
			continue;
		buf_printf(out, "    first: %s", needs ? "" : "not ");
		filter_print(out, m->atoms[g->atom].check);
		buf_add_char(out, '\n');
	}
	for (uint32_t i = 0; l->words && i < l->ntexts; i++)
		if (mask_has(l->texts[i].decides, at)) {
			buf_add_c(out, "    once per distinct text: ");
			buf_add_str(out, m->slots[l->texts[i].slot].operand->text);
			buf_add_char(out, '\n');
		}
	if (l->words && l->process_rules && mask_has(l->process_rules, at))
		buf_add_c(out, "    once per process and change of it: checks marked process\n");
}

static void dump_code(struct matcher *m, uint32_t pc, struct buf *out)
{
	uint32_t depth = 0;

	m->walk++;
	m->stack[depth++] = pc;
	while (depth) {
		const struct insn *insn;
		const struct atom *atom;

		pc = m->stack[--depth];
		if (pc >= PC_MATCH || m->seen[pc] == m->walk)
			continue;
		m->seen[pc] = m->walk;
		insn = &m->code[pc];
		atom = &m->atoms[insn->atom];
		buf_printf(out, "    %u: [%s %s] ", pc, kind_names[atom->kind],
			   entity_names[atom->entity]);
		matcher_dump_check(m, insn->atom, out);
		buf_add_c(out, " ->");
		dump_target(out, "yes", insn->yes);
		dump_target(out, "no", insn->no);
		buf_add_char(out, '\n');
		m->stack[depth++] = insn->no;
		m->stack[depth++] = insn->yes;
	}
}

/* Types that share a list of rules share the program as well. */
static bool dumped_before(const struct source_rules *s, unsigned type)
{
	for (unsigned t = 0; t < type; t++)
		if (s->types[t] == s->types[type])
			return true;
	return false;
}

static void dump_types(const struct source_rules *s, unsigned type, struct buf *out)
{
	bool first = true;

	for (unsigned t = type; t < EVENT_TYPE_COUNT; t++)
		if (s->types[t] == s->types[type]) {
			buf_printf(out, "%s%s", first ? "  on " : ", ", event_infos[t].id);
			first = false;
		}
}

void matcher_dump_rule(struct matcher *m, const struct rule *rule, struct buf *out)
{
	bool none = true;

	buf_printf(out, "%.*s\n", STR_ARG(rule->name.s));
	for (uint32_t i = 0; i < m->nsources; i++)
		for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
			const struct source_rules *s = m->sources[i];
			const struct rule_entry *entry;
			uint32_t at;

			entry = entry_of(s->types[t], rule, &at);
			if (!entry || dumped_before(s, t))
				continue;
			none = false;
			dump_types(s, t, out);
			buf_printf(out, ", rule %u of %u", at + 1, s->types[t]->n);
			dump_target(out, "starts at", entry->pc);
			buf_add_char(out, '\n');
			dump_guards(m, s->types[t], at, out);
			dump_code(m, entry->pc, out);
		}
	if (none)
		buf_add_c(out, "  on no event: the rule is off or can never match\n");
}
