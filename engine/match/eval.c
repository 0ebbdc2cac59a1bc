/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path: which rules match this event. Called once per visible event; allocates nothing but
 * what field extractors take from the event's scratch.
 */
#include "engine/base/map.h"
#include "engine/match/compare.h"
#include "engine/match/oracle.h"
#include "engine/match/program.h"

static const struct slot *slot_fill(struct matcher *m, struct slot *s, struct event_ctx *ctx)
{
	s->epoch = m->epoch;
	s->hashed = false;
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

static bool text_in_set(const struct atom *a, struct slot *s)
{
	if (!value_set_may_have(a->set, s->one.s.len))
		return false;
	if (!s->hashed) {
		s->hash = hash_str(s->one.s);
		s->hashed = true;
	}
	return value_set_find(a->set, s->one.s, s->hash);
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

static bool atom_eval(struct matcher *m, const struct atom *a, struct event_ctx *ctx)
{
	struct slot *s = slot_get(m, a->left, ctx);

	if (!s->have)
		return false;
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

static const struct type_rules *rules_of(const struct matcher *m, const struct event_ctx *ctx)
{
	for (uint32_t i = 0; i < m->nsources; i++)
		if (str_eq(m->sources[i]->source, ctx->source))
			return &m->sources[i]->types[ctx->ev->type];
	return NULL;
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

uint32_t matcher_eval(struct matcher *m, struct event_ctx *ctx, const struct rule **rules,
		      uint32_t max)
{
	const struct type_rules *t;
	uint32_t n = 0;

	if (!m->opts.all)
		max = MIN(max, 1U);
	if (m->opts.oracle)
		return eval_oracle(m, ctx, rules, max);
	t = rules_of(m, ctx);
	if (!t)
		return 0;
	if (!t->n)
		return 0;
	m->epoch++;
	m->process = process_facts(m, ctx);
	for (uint32_t i = 0; i < t->n && n < max; i++)
		if (run(m, t->entries[i].pc, ctx))
			rules[n++] = t->entries[i].rule;
	return n;
}
