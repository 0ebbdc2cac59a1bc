/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values of operands and truth of checks for the current event. Called by the evaluator of rule
 * lists (eval.c); allocates nothing but what field extractors take from the event's scratch.
 */
#include "engine/base/map.h"
#include "engine/match/compare.h"
#include "engine/match/eval.h"
#include "engine/match/join.h"

void eval_fill_slot(struct matcher *m, struct slot *s, struct event_ctx *ctx)
{
	s->epoch = m->epoch;
	s->hashed = false;
	if (s->single) {
		s->have = field_get(&s->operand->field, ctx, &s->one);
		s->values = (struct value_list){ &s->one, 1 };
	} else {
		s->have = operand_eval(s->operand, ctx, &s->values);
	}
}

static bool text_in_set(const struct atom *a, struct slot *s)
{
	return value_set_may_have(a->set, s->one.s.len) &&
	       value_set_find(a->set, s->one.s, eval_slot_hash(s));
}

static bool any_in_set(const struct atom *a, const struct slot *s)
{
	for (uint32_t i = 0; i < s->values.n; i++) {
		struct str text = s->values.v[i].s;

		if (value_set_may_have(a->set, text.len) &&
		    value_set_find(a->set, text, hash_str(text)))
			return true;
	}
	return false;
}

static bool check_holds(struct matcher *m, const struct atom *a, struct slot *s,
			struct event_ctx *ctx)
{
	const struct value_list *right = &a->consts;

	if (a->right != NO_SLOT) {
		const struct slot *r = eval_slot(m, a->right, ctx);

		if (!r->have)
			return false;
		right = &r->values;
	}
	return compare_check(a->check, &s->values, right);
}

/* With all other checks of these addresses. */
static bool net_holds(struct matcher *m, const struct atom *a, struct slot *s)
{
	uint32_t class;

	if (s->truth_epoch != m->epoch) {
		class = guard_net_class(m, s);
		if (!class)
			return compare_check(a->check, &s->values, &a->consts);
		eval_know_text(m, s, classes_truth(&s->memo->classes, class), class);
	}
	return mask_has(s->truth, a->memo_bit);
}

static bool int_holds(const struct atom *a, const struct value *v)
{
	const struct value *c = a->consts.v;
	enum value_class vc = value_class_of(v->type);
	bool less, greater;

	if (unlikely(vc != value_class_of(c->type)))
		return compare_value(a->check->op, v, c);
	less = vc == VC_SIGNED ? v->i < c->i : v->u < c->u;
	greater = vc == VC_SIGNED ? v->i > c->i : v->u > c->u;
	switch (a->check->op) {
	case OP_LT:
		return less;
	case OP_LE:
		return !greater;
	case OP_GT:
		return greater;
	case OP_GE:
		return !less;
	case OP_NE:
		return less || greater;
	default:
		return !less && !greater;
	}
}

static inline bool atom_true(struct matcher *m, uint32_t i, struct event_ctx *ctx);

static bool key_equals(const struct matcher *m, const struct join *j, const struct join_row *row)
{
	for (uint32_t i = 0; i < j->nslots; i++)
		if (!str_eq(m->slots[j->slots[i]].one.s, row->key[i]))
			return false;
	return true;
}

static const struct join_row *find_row(struct matcher *m, const struct join *j,
				       struct event_ctx *ctx)
{
	const struct join_row *row;
	uint64_t hash = 0;

	for (uint32_t i = 0; i < j->nslots; i++) {
		struct slot *s = eval_slot(m, j->slots[i], ctx);

		if (!s->have)
			return NULL;
		hash = join_hash(hash, eval_slot_hash(s));
	}
	for (uint32_t i = (uint32_t)hash & j->mask; (row = &j->rows[i])->key;
	     i = (i + 1) & j->mask)
		if (row->hash == hash && key_equals(m, j, row))
			return row;
	return NULL;
}

static bool join_holds(struct matcher *m, const struct join *j, struct event_ctx *ctx)
{
	const struct join_row *row = find_row(m, j, ctx);

	for (uint32_t i = 0; row && i < row->n; i++) {
		const struct join_conj *conj = &j->conjs[row->first + i];
		uint32_t k = 0;

		while (k < conj->n && atom_true(m, j->atoms[conj->first + k], ctx))
			k++;
		if (k == conj->n)
			return true;
	}
	return false;
}

bool eval_holds(struct matcher *m, const struct atom *a, struct slot *s, struct event_ctx *ctx)
{
	switch (a->kind) {
	case ATOM_EXISTS:
		return true;
	case ATOM_TEXT_EQ:
		return str_eq(s->one.s, a->consts.v->s) != a->negate;
	case ATOM_TEXT_SET:
		return text_in_set(a, s);
	case ATOM_ANY_SET:
		return any_in_set(a, s);
	case ATOM_TEXT_OP:
		return a->holds(&s->one, a->consts.v);
	case ATOM_INT:
		return int_holds(a, &s->one);
	case ATOM_JOIN:
		return join_holds(m, a->join, ctx);
	default:
		return s->nets && a->memo_bit != NO_BIT ? net_holds(m, a, s) :
							  check_holds(m, a, s, ctx);
	}
}

bool eval_check(struct matcher *m, const struct atom *a, struct event_ctx *ctx)
{
	struct slot *s = eval_slot(m, a->left, ctx);

	return s->have && eval_holds(m, a, s, ctx);
}

static inline bool atom_true(struct matcher *m, uint32_t i, struct event_ctx *ctx)
{
	const struct atom *a = &m->atoms[i];
	uint64_t known = m->results[i];
	bool truth;

	if (known >> 1 == m->epoch)
		return known & 1;
	if (a->fact != NO_BIT && m->process)
		return mask_has(m->process, a->fact);
	if (a->memo_bit != NO_BIT) {
		const struct slot *s = &m->slots[a->left], *key = &m->slots[s->key];

		if (key->truth_epoch == m->epoch && eval_decided(s, key->truth))
			return mask_has(key->truth, a->memo_bit);
	}
	truth = eval_check(m, a, ctx);
	m->results[i] = m->epoch << 1 | truth;
	return truth;
}

bool eval_atom(struct matcher *m, uint32_t atom, struct event_ctx *ctx)
{
	return atom_true(m, atom, ctx);
}

bool eval_run(struct matcher *m, uint32_t pc, struct event_ctx *ctx)
{
	while (pc < PC_MATCH) {
		const struct insn *insn = &m->code[pc];

		pc = atom_true(m, insn->atom, ctx) ? insn->yes : insn->no;
	}
	return pc == PC_MATCH;
}
