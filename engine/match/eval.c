/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hot path: which rules match this event. Called once per visible event; allocates nothing but
 * what field extractors take from the event's scratch.
 */
#include "engine/base/map.h"
#include "engine/match/eval.h"
#include "engine/match/mix.h"
#include "engine/match/oracle.h"

#define GUARD_PERIOD 65536	/* events after which a guard is tried again */
#define GUARD_TRIALS 256

const struct rule_list *eval_rules_of(struct matcher *m, const struct event_ctx *ctx)
{
	for (uint32_t i = 0; i < m->nsources; i++)
		if (str_eq(m->sources[i]->source, ctx->source)) {
			m->last_text = ctx->source.p;
			m->last_source = m->sources[i];
			return m->last_source->types[ctx->ev->type];
		}
	return NULL;
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
try_guards(struct matcher *m, const struct rule_list *l, uint64_t *live, struct event_ctx *ctx,
	   uint32_t words)
{
	for (uint32_t i = 0; i < l->nguards; i++) {
		struct guard *g = &l->guards[i];
		const uint64_t *mask;
		uint64_t out = 0;

		if (!guard_helps(g, live, words) || !guard_pays(g))
			continue;
		mask = eval_atom(m, g->atom, ctx) ? g->if_true : g->if_false;
		for (uint32_t k = 0; k < words; k++)
			out |= live[k] & ~mask[k];
		g->hit += out != 0;
		if (!mask_and(live, mask, words))
			return false;
	}
	return true;
}

static bool guards_pass(struct matcher *m, const struct rule_list *l, struct event_ctx *ctx)
{
	return l->words == 1 ? try_guards(m, l, m->live, ctx, 1) :
			       try_guards(m, l, m->live, ctx, l->words);
}

/* ---- texts and processes ---- */

/* Walks that know the checks of one text, or of the process. */
struct known_walk {
	const struct matcher *m;
	uint32_t key;			/* slot of the text */
	const uint64_t *truth;
};

static enum truth text_truth(void *ctx, uint32_t atom)
{
	const struct known_walk *w = ctx;
	const struct atom *a = &w->m->atoms[atom];

	if (a->memo_bit == NO_BIT || w->m->slots[a->left].key != w->key ||
	    !eval_decided(&w->m->slots[a->left], w->truth))
		return TRUTH_UNKNOWN;
	return mask_has(w->truth, a->memo_bit) ? TRUTH_TRUE : TRUTH_FALSE;
}

static enum truth process_truth(void *ctx, uint32_t atom)
{
	const struct known_walk *w = ctx;
	const struct atom *a = &w->m->atoms[atom];

	if (a->fact == NO_BIT)
		return TRUTH_UNKNOWN;
	return mask_has(w->truth, a->fact) ? TRUTH_TRUE : TRUTH_FALSE;
}

/* Likewise, but the text was only looked at with its filter. */
static enum truth filter_truth(void *ctx, uint32_t atom)
{
	const struct known_walk *w = ctx;
	const struct atom *a = &w->m->atoms[atom];
	const struct slot *key = &w->m->slots[w->key];

	if (a->memo_bit == NO_BIT || w->m->slots[a->left].key != w->key)
		return TRUTH_UNKNOWN;
	if (!mask_has(w->truth, a->memo_bit))
		return TRUTH_FALSE;
	return mask_has(w->truth + key->filter->words, a->memo_bit) ? TRUTH_UNKNOWN : TRUTH_TRUE;
}

/*
 * What the results of a class say about the rules of the list that look at them, found once.
 * CLASS_NEW: no memory, nothing is known.
 */
static enum class_judged judge(struct matcher *m, struct classes *c, uint32_t list, uint32_t number,
			       const struct rule_list *l, const uint64_t *decides,
			       guard_truth_fn truth, uint32_t key)
{
	struct known_walk walk = { m, key, classes_truth(c, number) };
	uint64_t *alive, any = 0;

	if (!classes_reserve(c, list, number))
		return CLASS_NEW;
	alive = classes_mask(c, list, number);
	mask_fill(alive, l->n, l->words);
	for (uint32_t i = 0; i < l->n; i++)
		if (mask_has(decides, i) && !guard_can_match(m, l->entries[i].pc, truth, &walk))
			alive[i / 64] &= ~(1ULL << (i % 64));
	for (uint32_t i = 0; i < l->words; i++)
		any |= alive[i];
	c->lists[list].judged[number - 1] = any ? CLASS_ALIVE : CLASS_DEAD;
	return any ? CLASS_ALIVE : CLASS_DEAD;
}

static void check_atoms(struct matcher *m, struct slot *s, const uint32_t *atoms, uint32_t n,
			uint64_t *truth, struct event_ctx *ctx)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct atom *a = &m->atoms[atoms[i]];

		if (eval_holds(m, a, s, ctx))
			mask_set(truth, a->memo_bit);
	}
}

/* Results of the checks of one operand of a text. */
static void check_slot(struct matcher *m, uint32_t slot, uint64_t *truth, struct event_ctx *ctx)
{
	struct slot *s = eval_slot(m, slot, ctx);

	if (!s->have)
		return;
	for (uint32_t i = 0; i < s->memo->classes.words; i++)
		truth[i] |= s->unequal[i];
	text_index_find(&s->index, s->one.s, eval_slot_hash(s), truth);
	check_atoms(m, s, s->others, s->nothers, truth, ctx);
	if (s->npaths && !text_is_path(s->one.s))
		check_atoms(m, s, s->paths, s->npaths, truth, ctx);
}

/* Of a text and its alias. Without an alias: RELATION_MISSING. */
static inline enum text_relation relation_of(struct matcher *m, const struct slot *key,
					     struct str text, struct event_ctx *ctx)
{
	const struct slot *alias;

	if (likely(key->alias == NO_SLOT))
		return RELATION_MISSING;
	/* The alias is fd.realpath, and the state has compared it with the name already. */
	if (ctx->realpath_is_name && text.p == ctx->fd->name->p && text.len)
		return RELATION_SAME;
	alias = eval_slot(m, key->alias, ctx);
	if (!alias->have)
		return RELATION_MISSING;
	return str_eq(alias->one.s, text) ? RELATION_SAME : RELATION_OTHER;
}

/* The class of a text that was not seen before; 0: no memory. */
static uint32_t new_text(struct matcher *m, struct memo *memo, uint32_t key, bool alias_open,
			 struct event_ctx *ctx)
{
	uint32_t generation = memo->classes.generation, class;

	memset(m->text_truth, 0, memo->classes.words * sizeof(*m->text_truth));
	for (uint32_t s = key; s != NO_SLOT; s = m->slots[s].next)
		if (!alias_open || m->slots[s].piece != PIECE_ALIAS)
			check_slot(m, s, m->text_truth, ctx);
	if (alias_open)
		mask_set(m->text_truth, memo->open_bit);
	class = classes_number(&memo->classes, m->text_truth);
	if (memo->classes.generation != generation) {
		memo_forget(memo);
		m->mix_stamp++;
	}
	return class;
}

/* The text of the state tables that the slot's value is, or NULL. */
static inline const struct istr *stored_of(const struct slot *s, struct event_ctx *ctx)
{
	return s->stored ? s->stored(&s->operand->field, ctx) : NULL;
}

/* What else the results depend on. */
static uint32_t tag_of(const struct memo *memo, enum text_relation relation,
		       const struct event_ctx *ctx)
{
	return (memo->by_fd && ctx->fd ? 1U + ctx->fd->kind : 0) * RELATIONS + relation;
}

/* The class of the value that `text` decides; 0: no memory. */
static uint32_t text_class(struct matcher *m, uint32_t key, struct str text, uint64_t hash,
			   struct event_ctx *ctx)
{
	struct memo *memo = m->slots[key].memo;
	enum text_relation relation = relation_of(m, &m->slots[key], text, ctx);
	uint32_t tag = tag_of(memo, relation, ctx), class;
	struct memo_entry *entry = memo_get(memo, text, hash, tag);

	if (likely(entry && entry->class))
		return entry->class;
	class = new_text(m, memo, key, relation == RELATION_OTHER, ctx);
	/* All texts may have been forgotten meanwhile. */
	entry = memo_get(memo, text, hash, tag);
	if (entry)
		entry->class = class;
	return class;
}

static uint32_t value_class(struct matcher *m, uint32_t key, struct event_ctx *ctx)
{
	struct slot *s = eval_slot(m, key, ctx);

	return s->nets ? guard_net_class(m, s) :
			 text_class(m, key, s->one.s, eval_slot_hash(s), ctx);
}

/* By the serial number of the text that decides the value. What an event makes has a new name. */
static uint32_t stored_class(struct matcher *m, uint32_t key, const struct istr *text,
			     struct event_ctx *ctx)
{
	struct memo *memo = m->slots[key].memo;
	bool fresh = !text->shared && (ctx->ev->info->flags & EF_CREATES_FD);
	uint32_t tag = tag_of(memo, relation_of(m, &m->slots[key], istr_str(text), ctx), ctx);
	uint32_t class = 0;

	if (!fresh)
		class = memo_find(memo, text->serial, tag);
	if (class)
		return class;
	class = text_class(m, key, istr_str(text), hash_str(istr_str(text)), ctx);
	if (class && !fresh)
		memo_note(memo, text->serial, tag, class);
	return class;
}


/* The rules that the filter of a text leaves; NULL: it says nothing. */
static inline __attribute__((always_inline)) const uint64_t *
filter_mask(struct matcher *m, const struct rule_list *l, const struct text_guard *t,
	    struct str text, struct event_ctx *ctx)
{
	const struct slot *s = &m->slots[t->slot];
	struct text_filter *f = s->filter;
	uint32_t place = text_filter_find(f, text), class;

	/* Of names of sockets mostly: what else there is does not matter then. */
	if (!place)
		return NULL;
	class = text_filter_class(f, place, relation_of(m, s, text, ctx));
	if (!class)
		return NULL;
	if (unlikely(classes_judged(&f->classes, t->filter_list, class) == CLASS_NEW) &&
	    judge(m, &f->classes, t->filter_list, class, l, t->decides, filter_truth,
		  t->slot) == CLASS_NEW)
		return NULL;
	return classes_mask(&f->classes, t->filter_list, class);
}

/* Likewise of the list's first text, before anything else is known about the event. */
static inline const uint64_t *early_mask(struct matcher *m, const struct rule_list *l,
					 struct event_ctx *ctx)
{
	const struct text_guard *t = l->early;
	const struct istr *text;

	if (!t)
		return NULL;
	text = stored_of(&m->slots[t->slot], ctx);
	return text ? filter_mask(m, l, t, istr_str(text), ctx) : NULL;
}

static bool text_pass(struct matcher *m, const struct rule_list *l, const struct text_guard *t,
		      struct event_ctx *ctx)
{
	struct slot *s = &m->slots[t->slot];
	const struct istr *stored = stored_of(s, ctx);
	struct classes *c = &s->memo->classes;
	enum class_judged judged;
	const uint64_t *mask;
	uint32_t class;

	if (!stored && !eval_slot(m, t->slot, ctx)->have) {
		eval_know_text(m, s, m->no_truth, CLASS_NONE);
		return mask_and(m->live, t->if_missing, l->words);
	}
	if (s->filter && (!stored || t != l->early)) {
		mask = filter_mask(m, l, t, stored ? istr_str(stored) : s->one.s, ctx);
		if (mask && !mask_and(m->live, mask, l->words))
			return false;
		if (!mask_any(m->live, t->decides, l->words))
			return true;
	}
	class = stored ? stored_class(m, t->slot, stored, ctx) : value_class(m, t->slot, ctx);
	if (!class)
		return true;
	eval_know_text(m, s, classes_truth(c, class), class);
	judged = classes_judged(c, t->list, class);
	if (unlikely(judged == CLASS_NEW))
		judged = judge(m, c, t->list, class, l, t->decides, text_truth, t->slot);
	if (judged == CLASS_NEW)
		return true;
	return judged == CLASS_ALIVE &&
	       mask_and(m->live, classes_mask(c, t->list, class), l->words);
}

static bool texts_pass(struct matcher *m, const struct rule_list *l, uint32_t first, uint32_t end,
		       struct event_ctx *ctx)
{
	for (uint32_t i = first; i < end; i++)
		if (mask_any(m->live, l->texts[i].decides, l->words) &&
		    !text_pass(m, l, &l->texts[i], ctx))
			return false;
	return true;
}

/* The class of a process that was not seen before; 0: no memory. */
static uint32_t process_class(struct matcher *m, struct event_ctx *ctx)
{
	uint64_t *truth = m->process_truth;

	memset(truth, 0, m->processes.words * sizeof(*truth));
	for (uint32_t i = 0; i < m->nprocess_texts; i++) {
		const struct process_text *t = &m->process_texts[i];
		const struct classes *c = &m->slots[t->slot].memo->classes;
		const struct istr *stored;
		uint32_t class;

		stored = stored_of(&m->slots[t->slot], ctx);
		if (stored)
			class = stored_class(m, t->slot, stored, ctx);
		else if (eval_slot(m, t->slot, ctx)->have)
			class = value_class(m, t->slot, ctx);
		else
			continue;
		if (!class)
			return 0;
		memcpy(truth + t->word, classes_truth(c, class), c->words * sizeof(*truth));
	}
	for (uint32_t i = 0; i < m->nprocess_atoms; i++) {
		const struct atom *a = &m->atoms[m->process_atoms[i]];

		if (eval_check(m, a, ctx))
			mask_set(truth, a->fact);
	}
	return classes_number(&m->processes, truth);
}

/*
 * The class of the event's process, 0: none. Other events (containers, users) may give process
 * fields a meaning of their own.
 */
static uint32_t class_of_process(struct matcher *m, struct event_ctx *ctx)
{
	uint8_t source = ctx->ev->info->source;
	struct facts *f;

	if (m->opts.guest || !ctx->thread || (source != SRC_SYSCALL && source != SRC_TRACEPOINT))
		return 0;
	f = facts_get(&m->facts, ctx->state, ctx->thread);
	if (!f)
		return 0;
	if (unlikely(!f->class || f->generation != m->processes.generation)) {
		f->class = process_class(m, ctx);
		f->generation = m->processes.generation;
	}
	return f->class;
}

/* The process of the event, whose results checks use from now on; its class, 0: none. */
static uint32_t find_process(struct matcher *m, struct event_ctx *ctx)
{
	uint32_t class;

	m->process = NULL;
	class = class_of_process(m, ctx);
	if (class)
		m->process = classes_truth(&m->processes, class);
	return class;
}

/* Sets m->live to the rules that the process leaves; false: none. */
static bool process_pass(struct matcher *m, const struct rule_list *l, uint32_t class)
{
	struct classes *c = &m->processes;
	enum class_judged judged = CLASS_NEW;

	if (class && l->process_list != NO_SLOT) {
		judged = classes_judged(c, l->process_list, class);
		if (unlikely(judged == CLASS_NEW))
			judged = judge(m, c, l->process_list, class, l, l->process_rules,
				       process_truth, NO_SLOT);
	}
	if (judged == CLASS_DEAD)
		return false;
	if (judged == CLASS_ALIVE)
		mask_copy(m->live, classes_mask(c, l->process_list, class), l->words);
	else
		mask_fill(m->live, l->n, l->words);
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

static uint32_t eval_all(struct matcher *m, const struct rule_list *l, struct event_ctx *ctx,
			 const struct rule **rules, uint32_t max)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < l->n && n < max; i++)
		if (eval_run(m, l->entries[i].pc, ctx))
			rules[n++] = l->entries[i].rule;
	return n;
}

/* Leaves the rules that can match in m->live; false: none. */
static bool find_live(struct matcher *m, const struct rule_list *l, const uint64_t *early,
		      uint32_t process, struct event_ctx *ctx)
{
	if (!process_pass(m, l, process))
		return false;
	if (early && !mask_and(m->live, early, l->words))
		return false;
	/*
	 * What the filter left of a stored text is worth checks of numbers before a look-up. So
	 * is a new name that it cannot say anything about, as that of a connection: nobody knows
	 * it yet.
	 */
	if (early || (l->early && ctx->fd_name_changed))
		return guards_pass(m, l, ctx) && texts_pass(m, l, 0, l->ntexts, ctx);
	return texts_pass(m, l, 0, l->nstored, ctx) && guards_pass(m, l, ctx) &&
	       texts_pass(m, l, l->nstored, l->ntexts, ctx);
}

static uint32_t eval_live(struct matcher *m, const struct rule_list *l, const uint64_t *early,
			  struct event_ctx *ctx, const struct rule **rules, uint32_t max)
{
	uint32_t n = 0, process = find_process(m, ctx);

	if (!find_live(m, l, early, process, ctx) || !mix_pass(m, l, process))
		return 0;
	for (uint32_t i = 0; i < l->words; i++)
		for (uint64_t left = m->live[i]; left && n < max; left &= left - 1) {
			uint32_t r = i * 64 + (uint32_t)__builtin_ctzll(left);

			if (eval_run(m, l->entries[r].pc, ctx))
				rules[n++] = l->entries[r].rule;
		}
	return n;
}

static __attribute__((noinline)) uint32_t eval_list(struct matcher *m, const struct rule_list *l,
						    struct event_ctx *ctx,
						    const struct rule **rules, uint32_t max)
{
	const uint64_t *early;

	m->epoch++;
	early = early_mask(m, l, ctx);
	if (early && !mask_any(early, early, l->words))
		return 0;
	if (!m->opts.all)
		max = MIN(max, 1U);
	if (l->words)
		return eval_live(m, l, early, ctx, rules, max);
	find_process(m, ctx);
	return eval_all(m, l, ctx, rules, max);
}

/* Events of a source that the last one was not of, and evaluation by plain trees. */
static __attribute__((noinline)) uint32_t eval_other(struct matcher *m, struct event_ctx *ctx,
						     const struct rule **rules, uint32_t max)
{
	const struct rule_list *l;

	if (m->opts.oracle)
		return eval_oracle(m, ctx, rules, m->opts.all ? max : MIN(max, 1U));
	l = eval_rules_of(m, ctx);
	return l ? eval_list(m, l, ctx, rules, max) : 0;
}

/* Most events end here: no rule is for their type. */
uint32_t matcher_eval(struct matcher *m, struct event_ctx *ctx, const struct rule **rules,
		      uint32_t max)
{
	const struct rule_list *l;

	if (unlikely(m->opts.oracle || !m->last_text || m->last_text != ctx->source.p))
		return eval_other(m, ctx, rules, max);
	l = m->last_source->types[ctx->ev->type];
	return l ? eval_list(m, l, ctx, rules, max) : 0;
}
