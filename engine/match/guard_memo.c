/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which texts and addresses get a memo: those that many checks look at, or costly ones. Called by
 * guard.c before it looks at the rule lists; memos belong to the slots, all else is in the
 * program's arena.
 */
#include "engine/match/mask.h"
#include "engine/match/memo.h"
#include "engine/match/program.h"

#define MEMO_CHECKS_MIN 3	/* fewer are evaluated as they come */
#define NETS_MIN 8		/* constants of one check that are worth an index */

/* Checks of a single text against constants, in any form. */
static bool is_text_check(const struct matcher *m, const struct atom *a)
{
	const struct slot *s;

	if (!a->plain || a->kind == ATOM_JOIN)
		return false;
	s = &m->slots[a->left];
	return s->single && a->right == NO_SLOT && a->entity != ENTITY_TYPE && !guard_is_cheap(a) &&
	       value_class_of(s->operand->type) == VC_STRING &&
	       s->operand->field.info->type != PT_DYN;
}

/*
 * Texts that follow from another one and from the kind of the event's fd (none, or fdinfo.kind), or
 * that are mostly the same: their checks share the memo of that text.
 */
static const struct {
	const char *field, *key;
	enum text_piece piece;
} derived[] = {
	{ "fd.directory", "fd.name", PIECE_BEGIN },
	{ "fd.filename", "fd.name", PIECE_END },
	{ "fd.realpath", "fd.name", PIECE_ALIAS },
};

static struct slot *find_slot(struct matcher *m, const char *field)
{
	for (uint32_t s = 0; s < m->nslots; s++)
		if (m->slots[s].single && str_is(m->slots[s].operand->text, field))
			return &m->slots[s];
	return NULL;
}

static void join_derived(struct matcher *m)
{
	for (size_t i = 0; i < ARRAY_SIZE(derived); i++) {
		struct slot *slot = find_slot(m, derived[i].field);
		struct slot *key = find_slot(m, derived[i].key);

		if (!slot || !key)
			continue;
		if (!key->memo)
			key->memo = memo_new(m->limits, &m->memo_bytes);
		if (!key->memo)
			continue;
		key->memo->by_fd = true;
		memo_free(slot->memo);
		slot->memo = key->memo;
		slot->key = (uint32_t)(key - m->slots);
		slot->piece = (uint8_t)derived[i].piece;
		if (slot->piece == PIECE_ALIAS) {
			key->alias = (uint32_t)(slot - m->slots);
			key->memo->open_bit = memo_add_check(key->memo);
		}
		slot->next = key->next;
		key->next = (uint32_t)(slot - m->slots);
	}
}

/* Checks that are worth a memo by themselves. */
static bool is_costly(const struct atom *a)
{
	return a->check->op == OP_REGEX || a->check->op == OP_ICONTAINS ||
	       (guard_is_net_check(a) && a->consts.n >= NETS_MIN);
}

static bool has_memo_bit(const struct matcher *m, const struct atom *a)
{
	return is_text_check(m, a) || guard_is_net_check(a);
}

/* A text, or an address, is worth a memo when many checks look at it. */
static int find_memos(struct matcher *m)
{
	uint32_t *checks = calloc(MAX(m->nslots, 1U), sizeof(*checks));
	uint32_t words = 1;

	if (!checks)
		return -ENOMEM;
	for (uint32_t a = 0; a < m->natoms; a++)
		if (has_memo_bit(m, &m->atoms[a]))
			checks[m->atoms[a].left] += is_costly(&m->atoms[a]) ? MEMO_CHECKS_MIN : 1;
	for (uint32_t s = 0; s < m->nslots; s++)
		if (checks[s] >= MEMO_CHECKS_MIN)
			m->slots[s].memo = memo_new(m->limits, &m->memo_bytes);
	free(checks);
	join_derived(m);
	for (uint32_t a = 0; a < m->natoms; a++) {
		struct atom *atom = &m->atoms[a];

		if (has_memo_bit(m, atom) && m->slots[atom->left].memo)
			atom->memo_bit = memo_add_check(m->slots[atom->left].memo);
	}
	for (uint32_t s = 0; s < m->nslots; s++)
		if (m->slots[s].memo)
			words = MAX(words, m->slots[s].memo->classes.words);
	m->text_truth = arena_array(&m->arena, words, sizeof(*m->text_truth));
	m->no_truth = arena_array(&m->arena, words, sizeof(*m->no_truth));
	return m->text_truth && m->no_truth ? 0 : -ENOMEM;
}

/* Atoms with a memo by their slot: atoms[start[s]..start[s + 1]), in their order. */
struct memo_atoms {
	uint32_t *start, *atoms;
};

static int group_atoms(const struct matcher *m, struct memo_atoms *g)
{
	g->start = calloc(m->nslots + 2ULL, sizeof(*g->start));
	g->atoms = calloc(m->natoms + 1ULL, sizeof(*g->atoms));
	if (!g->start || !g->atoms)
		return -ENOMEM;
	/* One further on, so that filling moves every start to its place. */
	for (uint32_t a = 0; a < m->natoms; a++)
		if (m->atoms[a].memo_bit != NO_BIT)
			g->start[m->atoms[a].left + 2]++;
	for (uint32_t s = 0; s < m->nslots; s++)
		g->start[s + 2] += g->start[s + 1];
	for (uint32_t a = 0; a < m->natoms; a++)
		if (m->atoms[a].memo_bit != NO_BIT)
			g->atoms[g->start[m->atoms[a].left + 1]++] = a;
	return 0;
}

/* Results of a process: those of its texts with a memo, word by word, then the other checks. */
static int number_facts(struct matcher *m, const struct memo_atoms *g)
{
	uint32_t bit;

	m->process_texts = arena_array(&m->arena, m->nslots, sizeof(*m->process_texts));
	m->process_atoms = arena_array(&m->arena, m->natoms, sizeof(*m->process_atoms));
	if (!m->process_texts || !m->process_atoms)
		return -ENOMEM;
	for (uint32_t s = 0; s < m->nslots; s++) {
		const struct slot *slot = &m->slots[s];

		if (!slot->memo || slot->entity != ENTITY_PROCESS)
			continue;
		m->process_texts[m->nprocess_texts++] = (struct process_text){
			s, m->processes.words };
		for (uint32_t i = g->start[s]; i < g->start[s + 1]; i++) {
			struct atom *atom = &m->atoms[g->atoms[i]];

			atom->fact = 64 * m->processes.words + atom->memo_bit;
		}
		m->processes.words += slot->memo->classes.words;
	}
	bit = 64 * m->processes.words;
	for (uint32_t a = 0; a < m->natoms; a++) {
		struct atom *atom = &m->atoms[a];

		if (atom->entity != ENTITY_PROCESS || !atom->plain || atom->memo_bit != NO_BIT)
			continue;
		atom->fact = bit++;
		m->process_atoms[m->nprocess_atoms++] = a;
	}
	m->processes.words = (bit + 63) / 64;
	m->process_truth = arena_array(&m->arena, MAX(m->processes.words, 1U),
				       sizeof(*m->process_truth));
	return m->process_truth ? 0 : -ENOMEM;
}

static bool is_text(const struct slot *s)
{
	return value_class_of(s->operand->type) == VC_STRING;
}

static int fill_memos(struct matcher *m)
{
	struct memo_atoms g;
	int r = group_atoms(m, &g);

	for (uint32_t s = 0; s < m->nslots && !r; s++)
		if (m->slots[s].memo)
			r = is_text(&m->slots[s]) ?
				    guard_text_prepare(m, s, &g.atoms[g.start[s]],
						       g.start[s + 1] - g.start[s]) :
				    guard_net_prepare(m, s);
	for (uint32_t s = 0; s < m->nslots && !r; s++)
		if (m->slots[s].memo && m->slots[s].key == s && m->slots[s].stored &&
		    m->slots[s].entity != ENTITY_PROCESS)
			r = text_filter_prepare(m, s);
	if (!r)
		r = number_facts(m, &g);
	free(g.start);
	free(g.atoms);
	return r;
}

int guard_memo_prepare(struct matcher *m)
{
	int r;

	for (uint32_t s = 0; s < m->nslots; s++)
		if (m->slots[s].single)
			m->slots[s].stored = m->slots[s].operand->field.info->stored;
	r = find_memos(m);
	return r ? r : fill_memos(m);
}
