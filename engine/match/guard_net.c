/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the checks of an address are made: the constants of all of them go into the slot's index,
 * which answers them at once. What the addresses of an event say is a class like that of a text, so
 * the evaluator treats both alike. The first half is called by guard.c, the second by eval.c.
 */
#include "engine/match/eval.h"
#include "engine/match/net_index.h"

/* The index and the classes that its rows were found to have. */
struct net_guard {
	struct net_index index;
	uint32_t *numbers;		/* class of a row, 0: not known */
	const uint64_t *unequal;	/* checks of != */
	uint64_t *truth;		/* of new addresses */
	uint32_t words;
};

static bool is_address(enum param_type type)
{
	enum value_class vc = value_class_of(type);

	return vc == VC_IPADDR || vc == VC_IPNET;
}

bool guard_is_net_check(const struct atom *a)
{
	const struct ast *check = a->check;
	const struct operand *left;

	if (!a->plain || a->kind != ATOM_CHECK || a->right != NO_SLOT || a->entity != ENTITY_EVENT)
		return false;
	left = check->lhs;
	if (check->modifier != MOD_NONE || left->kind != OPERAND_FIELD || left->is_list ||
	    left->field.info->type == PT_DYN || !is_address(left->type))
		return false;
	if (check->op != OP_EQ && check->op != OP_EQ2 && check->op != OP_NE && check->op != OP_IN &&
	    check->op != OP_INTERSECTS)
		return false;
	if (!operand_is_single(left) && compare_multi(left) != MULTI_ENDS)
		return false;
	for (uint32_t i = 0; i < a->consts.n; i++)
		if (!is_address(a->consts.v[i].type))
			return false;
	return true;
}

static bool of_slot(const struct matcher *m, uint32_t atom, uint32_t slot)
{
	return m->atoms[atom].memo_bit != NO_BIT && m->atoms[atom].left == slot;
}

static void add_keys(struct net_key *keys, uint32_t *n, const struct atom *a)
{
	for (uint32_t i = 0; i < a->consts.n; i++) {
		const struct value *v = &a->consts.v[i];
		bool net = value_class_of(v->type) == VC_IPNET;

		keys[(*n)++] = (struct net_key){ v->ip, net ? v->ip.prefix : v->ip.v6 ? 128 : 32,
						 a->memo_bit };
	}
}

static int fill(struct matcher *m, struct net_guard *g, uint32_t slot, struct net_key *keys)
{
	uint64_t *unequal = arena_array(&m->arena, g->words, sizeof(*unequal));
	uint32_t n = 0;

	g->truth = arena_array(&m->arena, g->words, sizeof(*g->truth));
	if (!unequal || !g->truth)
		return -ENOMEM;
	for (uint32_t a = 0; a < m->natoms; a++) {
		if (!of_slot(m, a, slot))
			continue;
		add_keys(keys, &n, &m->atoms[a]);
		if (m->atoms[a].check->op == OP_NE)
			mask_set(unequal, m->atoms[a].memo_bit);
	}
	g->unequal = unequal;
	if (net_index_init(&g->index, &m->arena, keys, n, m->slots[slot].memo->nbits))
		return -ENOMEM;
	g->numbers = arena_array(&m->arena, g->index.nrows, sizeof(*g->numbers));
	return g->numbers ? 0 : -ENOMEM;
}

int guard_net_prepare(struct matcher *m, uint32_t slot)
{
	struct net_guard *g = arena_new(&m->arena, struct net_guard);
	struct net_key *keys;
	size_t n = 1;
	int r;

	for (uint32_t a = 0; a < m->natoms; a++)
		if (of_slot(m, a, slot))
			n += m->atoms[a].consts.n;
	keys = calloc(n, sizeof(*keys));
	if (!g || !keys) {
		free(keys);
		return -ENOMEM;
	}
	g->words = m->slots[slot].memo->classes.words;
	r = fill(m, g, slot, keys);
	free(keys);
	if (!r)
		m->slots[slot].nets = g;
	return r;
}

/* ---- of an event ---- */

static void add_row(const struct net_guard *g, uint32_t row)
{
	const struct net_row *r = &g->index.rows[row];

	for (uint32_t i = 0; i < r->n; i++)
		mask_set(g->truth, g->index.bits[r->first + i]);
}

/* The class of the set bits; no value at all is not even unequal. */
static uint32_t number_of(struct matcher *m, struct net_guard *g, const struct slot *s)
{
	struct classes *c = &s->memo->classes;
	uint32_t generation = c->generation, number;

	for (uint32_t i = 0; s->values.n && i < g->words; i++)
		g->truth[i] ^= g->unequal[i];
	number = classes_number(c, g->truth);
	if (c->generation != generation) {
		memset(g->numbers, 0, g->index.nrows * sizeof(*g->numbers));
		m->mix_stamp++;
	}
	return number;
}

uint32_t guard_net_class(struct matcher *m, const struct slot *s)
{
	struct net_guard *g = s->nets;
	uint32_t row = 0, number;
	bool one = s->values.n;

	/* Of two ends mostly one is in any network; else the class is found anew each time. */
	for (uint32_t i = 0; i < s->values.n; i++) {
		uint32_t found = net_index_find(&g->index, &s->values.v[i].ip);

		one &= !row || !found || found == row;
		row = found ? found : row;
	}
	if (one && g->numbers[row])
		return g->numbers[row];
	memset(g->truth, 0, g->words * sizeof(*g->truth));
	for (uint32_t i = 0; i < s->values.n; i++)
		add_row(g, net_index_find(&g->index, &s->values.v[i].ip));
	number = number_of(m, g, s);
	if (one)
		g->numbers[row] = number;
	return number;
}
