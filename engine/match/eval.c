/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path: which rules match this event. Called once per visible event; allocates nothing but
 * what field extractors take from the event's scratch.
 */
#include "engine/base/map.h"
#include "engine/match/compare.h"
#include "engine/match/memo.h"
#include "engine/match/oracle.h"
#include "engine/match/program.h"

static const struct slot *slot_fill(struct matcher *m, struct slot *s, struct event_ctx *ctx)
{
	s->epoch = m->epoch;
	s->hashed = false;
	s->entry = NULL;
	if (s->single) {
		s->have = field_get(&s->operand->field, ctx, &s->one);
		s->values = (struct value_list){ &s->one, 1 };
	} else {
		s->have = operand_eval(s->operand, ctx, &s->values);
	}
	return s;
}

static inline struct slot *slot_get(struct matcher *m, uint32_t i, struct event_ctx *ctx)
{
	struct slot *s = &m->slots[i];

	if (unlikely(s->epoch != m->epoch))
		slot_fill(m, s, ctx);
	return s;
}

static uint64_t slot_hash(struct slot *s)
{
	if (!s->hashed) {
		s->hash = hash_str(s->one.s);
		s->hashed = true;
	}
	return s->hash;
}

static bool text_in_set(const struct atom *a, struct slot *s)
{
	return value_set_may_have(a->set, s->one.s.len) &&
	       value_set_find(a->set, s->one.s, slot_hash(s));
}

static bool check_holds(struct matcher *m, const struct atom *a, struct slot *s,
			struct event_ctx *ctx)
{
	const struct value_list *right = &a->consts;

	if (a->right != NO_SLOT) {
		const struct slot *r = slot_get(m, a->right, ctx);

		if (!r->have)
			return false;
		right = &r->values;
	}
	return compare_check(a->check, &s->values, right);
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

static bool atom_holds(struct matcher *m, const struct atom *a, struct slot *s,
		       struct event_ctx *ctx)
{
	switch (a->kind) {
	case ATOM_EXISTS:
		return true;
	case ATOM_TEXT_EQ:
		return str_eq(s->one.s, a->consts.v->s) != a->negate;
	case ATOM_TEXT_SET:
		return text_in_set(a, s);
	case ATOM_TEXT_OP:
		return compare_value(a->check->op, &s->one, a->consts.v);
	case ATOM_INT:
		return int_holds(a, &s->one);
	default:
		return check_holds(m, a, s, ctx);
	}
}

/* Checks of a text in a memo are evaluated once per text. */
static bool memo_holds(struct matcher *m, const struct atom *a, struct slot *s,
		       struct event_ctx *ctx)
{
	bool truth;

	if (memo_known(s->entry, a->memo_bit))
		return memo_truth(s->memo, s->entry, a->memo_bit);
	truth = atom_holds(m, a, s, ctx);
	memo_set(s->memo, s->entry, a->memo_bit, truth);
	return truth;
}

static bool atom_eval(struct matcher *m, const struct atom *a, struct event_ctx *ctx)
{
	struct slot *s = slot_get(m, a->left, ctx);

	if (!s->have)
		return false;
	if (s->entry && a->memo_bit != NO_BIT)
		return memo_holds(m, a, s, ctx);
	return atom_holds(m, a, s, ctx);
}

/* A check of the process: kept until the process changes. */
static bool fact_eval(struct matcher *m, const struct atom *a, struct event_ctx *ctx)
{
	struct facts *f = m->process;
	bool truth;

	if (facts_known(f, a->fact))
		return facts_truth(f, a->fact);
	truth = atom_eval(m, a, ctx);
	facts_set(f, a->fact, truth);
	return truth;
}

static inline bool atom_true(struct matcher *m, uint32_t i, struct event_ctx *ctx)
{
	const struct atom *a = &m->atoms[i];
	uint64_t known = m->results[i];
	bool truth;

	if (known >> 1 == m->epoch)
		return known & 1;
	if (a->entity == ENTITY_PROCESS && m->process)
		truth = fact_eval(m, a, ctx);
	else
		truth = atom_eval(m, a, ctx);
	m->results[i] = m->epoch << 1 | truth;
	return truth;
}

static bool run(struct matcher *m, uint32_t pc, struct event_ctx *ctx)
{
	while (pc < PC_MATCH) {
		const struct insn *insn = &m->code[pc];

		pc = atom_true(m, insn->atom, ctx) ? insn->yes : insn->no;
	}
	return pc == PC_MATCH;
}

static const struct rule_list *rules_of(const struct matcher *m, const struct event_ctx *ctx)
{
	for (uint32_t i = 0; i < m->nsources; i++)
		if (str_eq(m->sources[i]->source, ctx->source))
			return m->sources[i]->types[ctx->ev->type];
	return NULL;
}

/* Masks of one list: every operation is on l->words words. */
static bool mask_and(uint64_t *live, const uint64_t *mask, uint32_t words)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < words; i++)
		any |= live[i] &= mask[i];
	return any;
}

/* Would the guard decide any of the rules that are still alive? */
static bool guard_helps(const struct guard *g, const uint64_t *live, uint32_t words)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < words; i++)
		any |= live[i] & ~(g->if_true[i] & g->if_false[i]);
	return any;
}

static bool guards_pass(struct matcher *m, const struct rule_list *l, uint64_t *live,
			struct event_ctx *ctx)
{
	for (uint32_t i = 0; i < l->nguards; i++) {
		const struct guard *g = &l->guards[i];
		const uint64_t *mask;

		if (!guard_helps(g, live, l->words))
			continue;
		mask = atom_true(m, g->atom, ctx) ? g->if_true : g->if_false;
		if (!mask_and(live, mask, l->words))
			return false;
	}
	return true;
}

struct text_walk {
	struct matcher *m;
	struct slot *slot;
	uint32_t slot_number;
	struct event_ctx *ctx;
};

static enum truth text_truth(void *ctx, uint32_t atom)
{
	const struct text_walk *w = ctx;
	const struct atom *a = &w->m->atoms[atom];

	if (a->left != w->slot_number || a->memo_bit == NO_BIT)
		return TRUTH_UNKNOWN;
	return memo_holds(w->m, a, w->slot, w->ctx) ? TRUTH_TRUE : TRUTH_FALSE;
}

/* Decide the rules of the list that were alive for an event with this text for the first time. */
static void text_decide(struct matcher *m, const struct rule_list *l, const struct text_guard *t,
			const uint64_t *live, struct event_ctx *ctx)
{
	struct slot *s = &m->slots[t->slot];
	uint64_t *decided = &s->entry->data[t->memo_at], *alive = decided + l->words;
	struct text_walk walk = { m, s, t->slot, ctx };

	for (uint32_t i = 0; i < l->words; i++) {
		uint64_t open = live[i] & t->decides[i] & ~decided[i];

		decided[i] |= open;
		for (; open; open &= open - 1) {
			uint32_t bit = (uint32_t)__builtin_ctzll(open);

			if (guard_can_match(m, l->entries[i * 64 + bit].pc, text_truth, &walk))
				alive[i] |= 1ULL << bit;
		}
	}
}

static bool text_pass(struct matcher *m, const struct rule_list *l, const struct text_guard *t,
		      uint64_t *live, struct event_ctx *ctx)
{
	struct slot *s = slot_get(m, t->slot, ctx);
	const uint64_t *decided, *alive;
	uint64_t any = 0;

	if (!s->have)
		return mask_and(live, t->if_missing, l->words);
	if (!s->entry)
		s->entry = memo_get(s->memo, s->one.s, slot_hash(s));
	if (!s->entry)
		return true;
	text_decide(m, l, t, live, ctx);
	decided = &s->entry->data[t->memo_at];
	alive = decided + l->words;
	for (uint32_t i = 0; i < l->words; i++)
		any |= live[i] &= ~decided[i] | alive[i];
	return any;
}

static bool texts_pass(struct matcher *m, const struct rule_list *l, uint64_t *live,
		       struct event_ctx *ctx)
{
	for (uint32_t k = 0; k < l->ntexts; k++) {
		const struct text_guard *t = &l->texts[k];
		uint64_t any = 0;

		for (uint32_t i = 0; i < l->words; i++)
			any |= live[i] & t->decides[i];
		if (any && !text_pass(m, l, t, live, ctx))
			return false;
	}
	return true;
}

static uint32_t eval_oracle(struct matcher *m, struct event_ctx *ctx, const struct rule **rules,
			    uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->rules->nrules && n < max; i++) {
		const struct rule *rule = m->rules->rules[i];

		if (rule->active && rule->ast && str_eq(rule->source, ctx->source) &&
		    match_ast(rule->ast, ctx))
			rules[n++] = rule;
	}
	return n;
}

/* Other events (containers, users) may give process fields a meaning of their own. */
static struct facts *process_facts(struct matcher *m, struct event_ctx *ctx)
{
	uint8_t source = ctx->ev->info->source;

	if (!ctx->thread || (source != SRC_SYSCALL && source != SRC_TRACEPOINT))
		return NULL;
	return facts_get(&m->facts, ctx->state, ctx->thread);
}

static uint32_t eval_all(struct matcher *m, const struct rule_list *l, struct event_ctx *ctx,
			 const struct rule **rules, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n && n < max; i++)
		if (run(m, l->entries[i].pc, ctx))
			rules[n++] = l->entries[i].rule;
	return n;
}

static uint32_t eval_live(struct matcher *m, const struct rule_list *l, struct event_ctx *ctx,
			  const struct rule **rules, uint32_t max)
{
	uint64_t live[RULE_WORDS_MAX];
	uint32_t n = 0;

	memset(live, 0xff, l->words * sizeof(*live));
	if (l->n % 64)
		live[l->words - 1] = (1ULL << (l->n % 64)) - 1;
	if (!guards_pass(m, l, live, ctx) || !texts_pass(m, l, live, ctx))
		return 0;
	for (uint32_t i = 0; i < l->words; i++)
		for (uint64_t left = live[i]; left && n < max; left &= left - 1) {
			uint32_t r = i * 64 + (uint32_t)__builtin_ctzll(left);

			if (run(m, l->entries[r].pc, ctx))
				rules[n++] = l->entries[r].rule;
		}
	return n;
}

uint32_t matcher_eval(struct matcher *m, struct event_ctx *ctx, const struct rule **rules,
		      uint32_t max)
{
	const struct rule_list *l;

	if (!m->opts.all)
		max = MIN(max, 1U);
	if (m->opts.oracle)
		return eval_oracle(m, ctx, rules, max);
	l = rules_of(m, ctx);
	if (!l)
		return 0;
	m->epoch++;
	m->process = process_facts(m, ctx);
	return (l->words ? eval_live : eval_all)(m, l, ctx, rules, max);
}
