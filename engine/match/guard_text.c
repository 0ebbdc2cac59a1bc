/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the checks of a text with a memo are made: constants go into the slot's index, which answers
 * all of them at once; what no index answers is evaluated check by check. Called by guard.c.
 */
#include "engine/match/glob.h"
#include "engine/match/mask.h"
#include "engine/match/memo.h"
#include "engine/match/program.h"

/* NULL arrays: only counts. */
static void add_key(struct text_keys *k, enum text_key_kind kind, struct str text, uint32_t bit)
{
	if (k->v[kind])
		k->v[kind][k->n[kind]] = (struct text_key){ text, bit };
	k->n[kind]++;
}

/* Operators on texts that an index answers. */
static const uint8_t kind_of_op[OP_COUNT] = {
	[OP_STARTSWITH] = TEXT_PREFIX + 1, [OP_ENDSWITH] = TEXT_SUFFIX + 1,
	[OP_CONTAINS] = TEXT_INSIDE + 1, [OP_ICONTAINS] = TEXT_INSIDE_FOLD + 1,
};

/* A path without patterns, empty components and a slash at its end. */
static bool is_plain_path(struct str s)
{
	return text_is_path(s) && s.len > 1 && s.p[s.len - 1] != '/' && !glob_special(s);
}

bool guard_text_plain_pmatch(const struct atom *a)
{
	if (a->check->op != OP_PMATCH || a->check->modifier != MOD_NONE)
		return false;
	for (uint32_t i = 0; i < a->consts.n; i++)
		if (!is_plain_path(a->consts.v[i].s))
			return false;
	return true;
}

/* False: a check that no index answers. */
static bool add_keys(struct text_keys *k, const struct atom *a)
{
	unsigned kind;

	if (a->kind == ATOM_TEXT_OP) {
		kind = kind_of_op[a->check->op];
		if (!kind || !a->consts.v->s.len)
			return false;
		add_key(k, (enum text_key_kind)(kind - 1), a->consts.v->s, a->memo_bit);
		return true;
	}
	if (guard_text_plain_pmatch(a))
		kind = TEXT_ABOVE;
	else if (a->kind == ATOM_TEXT_EQ || a->kind == ATOM_TEXT_SET)
		kind = TEXT_EQUAL;
	else
		return false;
	for (uint32_t i = 0; i < a->consts.n; i++)
		add_key(k, (enum text_key_kind)kind, a->consts.v[i].s, a->memo_bit);
	return true;
}

static int fill_index(struct matcher *m, struct slot *s, const uint32_t *atoms, uint32_t n,
		      struct text_keys *k)
{
	uint64_t *unequal = arena_array(&m->arena, s->memo->classes.words, sizeof(*unequal));
	uint32_t *others = arena_array(&m->arena, n, sizeof(*others));
	uint32_t *paths = arena_array(&m->arena, n, sizeof(*paths));

	if (!unequal || !others || !paths)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const struct atom *atom = &m->atoms[atoms[i]];

		if (!add_keys(k, atom))
			others[s->nothers++] = atoms[i];
		else if (atom->check->op == OP_PMATCH)
			paths[s->npaths++] = atoms[i];
		else if (atom->kind == ATOM_TEXT_EQ && atom->negate)
			mask_set(unequal, atom->memo_bit);
	}
	s->others = others;
	s->paths = paths;
	s->unequal = unequal;
	return text_index_init(&s->index, &m->arena, k);
}

int guard_text_prepare(struct matcher *m, uint32_t slot, const uint32_t *atoms, uint32_t n)
{
	struct text_keys k = { .n = { 0 } };
	bool oom = false;
	int r = -ENOMEM;

	for (uint32_t i = 0; i < n; i++)
		add_keys(&k, &m->atoms[atoms[i]]);
	for (unsigned kind = 0; kind < TEXT_KINDS; kind++) {
		k.v[kind] = calloc(MAX(k.n[kind], 1U), sizeof(*k.v[kind]));
		k.n[kind] = 0;
		oom |= !k.v[kind];
	}
	if (!oom)
		r = fill_index(m, &m->slots[slot], atoms, n, &k);
	for (unsigned kind = 0; kind < TEXT_KINDS; kind++)
		free(k.v[kind]);
	return r;
}
