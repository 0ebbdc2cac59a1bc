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

#define GUARD_PERIOD 65536	/* events after which a guard is tried again */
#define GUARD_TRIALS 256

static const struct slot *slot_fill(struct matcher *m, struct slot *s, struct event_ctx *ctx)
{
	s->epoch = m->epoch;
	s->hashed = false;
	s->known = NULL;
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
		return a->holds(&s->one, a->consts.v);
	case ATOM_INT:
		return int_holds(a, &s->one);
	default:
		return check_holds(m, a, s, ctx);
	}
}

static inline bool has_bit(const uint64_t *bits, uint32_t bit)
{
	return bits[bit / 64] >> (bit % 64) & 1;
}

static bool atom_eval(struct matcher *m, const struct atom *a, struct event_ctx *ctx)
{
	struct slot *s;

	if (a->memo_bit != NO_BIT) {
		s = &m->slots[m->slots[a->left].key];
		if (s->epoch == m->epoch && s->known && has_bit(s->known, a->memo_bit))
			return has_bit(s->truth, a->memo_bit);
	}
	s = slot_get(m, a->left, ctx);
	return s->have && atom_holds(m, a, s, ctx);
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
static inline bool mask_and(uint64_t *live, const uint64_t *mask, uint32_t words)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < words; i++)
		any |= live[i] &= mask[i];
	return any;
}

/* Would the guard decide any of the rules that are still alive? */
static inline bool guard_helps(const struct guard *g, const uint64_t *live, uint32_t words)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < words; i++)
		any |= live[i] & ~(g->if_true[i] & g->if_false[i]);
	return any;
}

/*
 * A guard that decided less than one event in eight is left out until the counters start again:
 * checking it costs more than it saves.
 */
static bool guard_pays(struct guard *g)
{
	if (g->tried >= GUARD_PERIOD)
		g->tried = g->hit = 0;
	g->tried++;
	return g->tried <= GUARD_TRIALS || g->hit > GUARD_TRIALS / 8;
}

/* `words` is l->words; a constant where it is 1, so that the loops over masks vanish. */
static inline __attribute__((always_inline)) bool
guards_pass(struct matcher *m, const struct rule_list *l, uint64_t *live, struct event_ctx *ctx,
	    uint32_t words)
{
	for (uint32_t i = 0; i < l->nguards; i++) {
		struct guard *g = &l->guards[i];
		const uint64_t *mask;
		uint64_t out = 0;

		if (!guard_helps(g, live, words) || !guard_pays(g))
			continue;
		mask = atom_true(m, g->atom, ctx) ? g->if_true : g->if_false;
		for (uint32_t k = 0; k < words; k++)
			out |= live[k] & ~mask[k];
		g->hit += out != 0;
		if (!mask_and(live, mask, words))
			return false;
	}
	return true;
}

/* Walks that know the checks of one text, or of the process. */
struct known_walk {
	struct matcher *m;
	struct event_ctx *ctx;
	const struct text_guard *text;
	const uint64_t *truth;
};

static enum truth text_truth(void *ctx, uint32_t atom)
{
	const struct known_walk *w = ctx;
	const struct atom *a = &w->m->atoms[atom];

	if (a->memo_bit == NO_BIT || w->m->slots[a->left].key != w->text->slot ||
	    !has_bit(w->text->checks, a->memo_bit))
		return TRUTH_UNKNOWN;
	return has_bit(w->truth, a->memo_bit) ? TRUTH_TRUE : TRUTH_FALSE;
}

static enum truth process_truth(void *ctx, uint32_t atom)
{
	const struct known_walk *w = ctx;
	const struct atom *a = &w->m->atoms[atom];

	if (a->entity != ENTITY_PROCESS)
		return TRUTH_UNKNOWN;
	return fact_eval(w->m, a, w->ctx) ? TRUTH_TRUE : TRUTH_FALSE;
}

/* Decide the rules of `open` and note the outcome: what can match gets its bit in `alive`. */
static void decide(const struct rule_list *l, const uint64_t *open, uint64_t *decided,
		   uint64_t *alive, guard_truth_fn truth, struct known_walk *walk)
{
	for (uint32_t i = 0; i < l->words; i++) {
		uint64_t left = open[i] & ~decided[i];

		decided[i] |= left;
		alive[i] &= ~left;
		for (; left; left &= left - 1) {
			uint32_t bit = (uint32_t)__builtin_ctzll(left);

			if (guard_can_match(walk->m, l->entries[i * 64 + bit].pc, truth, walk))
				alive[i] |= 1ULL << bit;
		}
	}
}

static bool mask_decided(uint64_t *live, const uint64_t *decided, const uint64_t *alive,
			 uint32_t words)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < words; i++)
		any |= live[i] &= ~decided[i] | alive[i];
	return any;
}

/* The part of `live` that `mask` is about; false: none. */
static bool mask_open(uint64_t *open, const uint64_t *live, const uint64_t *mask, uint32_t words)
{
	uint64_t any = 0;

	for (uint32_t i = 0; i < words; i++)
		any |= open[i] = live[i] & mask[i];
	return any;
}

/* The entry of the slot's text; NULL when none is kept. */
static struct memo_entry *text_entry(struct slot *s, const struct event_ctx *ctx)
{
	uint32_t tag = s->memo->by_fd && ctx->fd ? 1U + ctx->fd->kind : 0;

	return memo_get(s->memo, s->one.s, slot_hash(s), tag);
}

/* What the results of the checks of a text say about the rules of the list. */
static void judge_class(struct matcher *m, const struct rule_list *l, const struct text_guard *t,
			const uint64_t *truth, uint64_t *alive)
{
	struct known_walk walk = { .m = m, .text = t, .truth = truth };

	memset(alive, 0xff, l->words * sizeof(*alive));
	for (uint32_t i = 0; i < l->n; i++)
		if (has_bit(t->decides, i) &&
		    !guard_can_match(m, l->entries[i].pc, text_truth, &walk))
			alive[i / 64] &= ~(1ULL << (i % 64));
}

/* First 8 bytes of a text, filled up with zeroes. */
static uint64_t text_head(const struct slot *s)
{
	uint64_t head = 0;

	if (s->have)
		memcpy(&head, s->one.s.p, MIN(s->one.s.len, (uint32_t)sizeof(head)));
	return head;
}

/* Results of all checks of a text that the rules of the list look at. */
static void check_text(struct matcher *m, const struct text_guard *t, uint64_t *truth,
		       struct event_ctx *ctx)
{
	const struct slot *of = NULL;
	uint64_t head = 0;

	for (uint32_t i = 0; i < t->natoms; i++) {
		const struct atom *a = &m->atoms[t->atoms[i]];
		struct slot *s = slot_get(m, a->left, ctx);

		if (s != of) {
			head = text_head(s);
			of = s;
		}
		if (s->have && !((head ^ a->head) & a->head_mask) && atom_holds(m, a, s, ctx))
			truth[a->memo_bit / 64] |= 1ULL << (a->memo_bit % 64);
	}
}

/* The class of a text that was not seen before; 0: none. */
static uint16_t find_class(struct matcher *m, const struct rule_list *l,
			   const struct text_guard *t, struct event_ctx *ctx)
{
	struct memo *memo = m->slots[t->slot].memo;
	uint64_t *truth = m->text_truth;
	uint16_t number;

	memset(truth, 0, memo->words * sizeof(*truth));
	check_text(m, t, truth, ctx);
	number = memo_find_class(memo, t->list, truth);
	if (number)
		return number;
	number = memo_add_class(memo, t->list, truth);
	if (number)
		judge_class(m, l, t, truth, memo_class(memo, t->list, number) + memo->words);
	return number;
}

static bool text_pass(struct matcher *m, const struct rule_list *l, const struct text_guard *t,
		      uint64_t *live, struct event_ctx *ctx)
{
	uint64_t open[RULE_WORDS_MAX];
	struct memo_entry *entry;
	struct slot *s;
	uint16_t number;

	if (!mask_open(open, live, t->decides, l->words))
		return true;
	s = slot_get(m, t->slot, ctx);
	if (!s->have)
		return mask_and(live, t->if_missing, l->words);
	entry = text_entry(s, ctx);
	if (!entry)
		return true;
	number = entry->classes[t->list];
	if (unlikely(!number)) {
		number = find_class(m, l, t, ctx);
		if (!number)
			return true;
		/* A new class may have made all entries forget their texts. */
		entry = text_entry(s, ctx);
		entry->classes[t->list] = number;
	}
	s->known = t->checks;
	s->truth = memo_class(s->memo, t->list, number);
	return mask_and(live, s->truth + s->memo->words, l->words);
}

static bool texts_pass(struct matcher *m, const struct rule_list *l, uint64_t *live,
		       struct event_ctx *ctx)
{
	for (uint32_t i = 0; i < l->ntexts; i++)
		if (!text_pass(m, l, &l->texts[i], live, ctx))
			return false;
	return true;
}

/* Rules that one of the texts of the process rules out need no walk. */
static void process_decide(struct matcher *m, const struct rule_list *l, uint64_t *open,
			   uint64_t *decided, uint64_t *alive, struct event_ctx *ctx)
{
	struct known_walk walk = { .m = m, .ctx = ctx };
	uint64_t before[RULE_WORDS_MAX];

	memcpy(before, open, l->words * sizeof(*open));
	for (uint32_t i = 0; i < l->nprocess_texts; i++)
		if (!text_pass(m, l, &l->process_texts[i], open, ctx))
			break;
	for (uint32_t i = 0; i < l->words; i++) {
		uint64_t out = before[i] & ~open[i];

		decided[i] |= out;
		alive[i] &= ~out;
	}
	decide(l, open, decided, alive, process_truth, &walk);
}

static bool process_pass(struct matcher *m, const struct rule_list *l, uint64_t *live,
			 struct event_ctx *ctx)
{
	uint64_t open[RULE_WORDS_MAX], *decided, *alive, undecided = 0;

	if (!m->process || l->facts_at == NO_SLOT ||
	    !mask_open(open, live, l->process_rules, l->words))
		return true;
	decided = &m->process->known[l->facts_at];
	alive = &m->process->truth[l->facts_at];
	for (uint32_t i = 0; i < l->words; i++)
		undecided |= open[i] &= ~decided[i];
	if (undecided)
		process_decide(m, l, open, decided, alive, ctx);
	return mask_decided(live, decided, alive, l->words);
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
	bool any;

	for (uint32_t i = 0; i < l->words; i++)
		live[i] = UINT64_MAX;
	if (l->n % 64)
		live[l->words - 1] = (1ULL << (l->n % 64)) - 1;
	any = l->words == 1 ? guards_pass(m, l, live, ctx, 1) :
			      guards_pass(m, l, live, ctx, l->words);
	if (!any || !texts_pass(m, l, live, ctx) ||
	    !process_pass(m, l, live, ctx))
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
