/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lets the evaluator skip rules without running their code. Called by the compiler at the end:
 * finds, for every rule list, cheap checks that decide rules by themselves (guards), and texts with
 * a memo (guard_memo.c) that do. Everything here only removes rules that cannot match: a walk over
 * the code with some checks known and all others open.
 */
#include "engine/field/arg.h"
#include "engine/match/mask.h"
#include "engine/match/memo.h"
#include "engine/match/mix.h"
#include "engine/match/program.h"

#define GUARDS_MAX 12
#define WALK_MAX 4096		/* nodes; longer walks end undecided */

/* Texts that cost no more than a number. */
static const char *const cheap_fields[] = { "fd.typechar", "fd.type", "fd.l4proto", "evt.res" };

bool guard_can_end(struct matcher *m, uint32_t pc, uint32_t end, guard_truth_fn truth, void *ctx)
{
	uint32_t depth = 0, visited = 0;

	m->walk++;
	m->stack[depth++] = pc;
	while (depth) {
		const struct insn *insn;
		enum truth known;

		pc = m->stack[--depth];
		if (pc == end || ++visited > WALK_MAX)
			return true;
		if (pc >= PC_MATCH || m->seen[pc] == m->walk)
			continue;
		m->seen[pc] = m->walk;
		insn = &m->code[pc];
		known = truth(ctx, insn->atom);
		if (known != TRUTH_TRUE)
			m->stack[depth++] = insn->no;
		if (known != TRUTH_FALSE)
			m->stack[depth++] = insn->yes;
	}
	return false;
}

bool guard_is_cheap(const struct atom *a)
{
	const struct operand *op;
	enum value_class vc;

	if (a->kind == ATOM_CHECK || a->kind == ATOM_JOIN || a->entity != ENTITY_EVENT)
		return false;
	op = a->check->lhs;
	vc = value_class_of(op->type);
	if (vc == VC_BOOL || vc == VC_SIGNED || vc == VC_UNSIGNED)
		return true;
	if (arg_is_by_number(&op->field))
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(cheap_fields); i++)
		if (str_is(op->field.text, cheap_fields[i]))
			return true;
	return false;
}

/* ---- which atoms a rule list looks at ---- */

struct use {
	struct matcher *m;
	uint32_t words;
	/* Rules by atom: rules[start[a]..start[a + 1]). */
	uint32_t *start, *rules;
	uint32_t *used, nused;		/* atoms with rules */
	bool *keys;			/* by slot: a used atom is among the checks of its memo */
	/* For questions "what if this atom were ...", "what if the text were missing": */
	uint32_t atom, key;
	enum truth assume;
};

/* Every atom in the code of a rule, unlike guard_can_match(), which ends at the first match. */
static void each_use(struct use *u, uint32_t pc, uint32_t rule,
		     void (*fn)(struct use *u, uint32_t atom, uint32_t rule))
{
	struct matcher *m = u->m;
	uint32_t depth = 0, walk = ++m->walk;

	m->stack[depth++] = pc;
	while (depth) {
		const struct insn *insn;

		pc = m->stack[--depth];
		if (pc >= PC_MATCH || m->seen[pc] == walk)
			continue;
		m->seen[pc] = walk;
		insn = &m->code[pc];
		if (m->atom_seen[insn->atom] != walk) {
			m->atom_seen[insn->atom] = walk;
			fn(u, insn->atom, rule);
		}
		m->stack[depth++] = insn->no;
		m->stack[depth++] = insn->yes;
	}
}

static void count_use(struct use *u, uint32_t atom, uint32_t rule)
{
	u->start[atom + 1]++;
}

static void note_use(struct use *u, uint32_t atom, uint32_t rule)
{
	u->rules[u->start[atom]++] = rule;
}

static void note_used(struct use *u, uint32_t atom)
{
	const struct atom *a = &u->m->atoms[atom];

	u->used[u->nused++] = atom;
	if (a->memo_bit != NO_BIT)
		u->keys[u->m->slots[a->left].key] = true;
}

static int find_uses(struct use *u, const struct rule_list *l)
{
	uint32_t n = u->m->natoms;

	u->start = calloc(n + 2ULL, sizeof(*u->start));
	u->used = calloc(n + 1ULL, sizeof(*u->used));
	u->keys = calloc(u->m->nslots + 1ULL, sizeof(*u->keys));
	if (!u->start || !u->used || !u->keys)
		return -ENOMEM;
	for (uint32_t r = 0; r < l->n; r++)
		each_use(u, l->entries[r].pc, r, count_use);
	for (uint32_t a = 0; a < n; a++) {
		if (u->start[a + 1])
			note_used(u, a);
		u->start[a + 1] += u->start[a];
	}
	u->rules = calloc(MAX(u->start[n], 1U), sizeof(*u->rules));
	if (!u->rules)
		return -ENOMEM;
	for (uint32_t r = 0; r < l->n; r++)
		each_use(u, l->entries[r].pc, r, note_use);
	/* note_use() moved every start to its end. */
	memmove(u->start + 1, u->start, n * sizeof(*u->start));
	u->start[0] = 0;
	return 0;
}

static uint32_t nusers(const struct use *u, uint32_t atom)
{
	return u->start[atom + 1] - u->start[atom];
}

static enum truth assume_atom(void *ctx, uint32_t atom)
{
	const struct use *u = ctx;

	return atom == u->atom ? u->assume : TRUTH_UNKNOWN;
}

static bool of_key(const struct use *u, const struct atom *a)
{
	return a->memo_bit != NO_BIT && u->m->slots[a->left].key == u->key;
}

static bool of_process(const struct use *u, const struct atom *a)
{
	return a->fact != NO_BIT;
}

static enum truth assume_missing(void *ctx, uint32_t atom)
{
	const struct use *u = ctx;

	return of_key(u, &u->m->atoms[atom]) ? TRUTH_FALSE : TRUTH_UNKNOWN;
}

/* Mask of the rules of `among` that can match under the assumption; all others stay set. */
static uint64_t *mask_if(struct use *u, const struct rule_list *l, const uint64_t *among,
			 guard_truth_fn truth)
{
	uint64_t *mask = arena_alloc(&u->m->arena, u->words * sizeof(*mask));

	if (!mask)
		return NULL;
	memset(mask, 0xff, u->words * sizeof(*mask));
	for (uint32_t r = 0; r < l->n; r++)
		if (mask_has(among, r) && !guard_can_match(u->m, l->entries[r].pc, truth, u))
			mask[r / 64] &= ~(1ULL << (r % 64));
	return mask;
}

static bool all_set(const uint64_t *mask, uint32_t words)
{
	for (uint32_t i = 0; i < words; i++)
		if (~mask[i])
			return false;
	return true;
}

/* The cheap atoms that most rules look at, most first. */
static uint32_t best_atoms(const struct use *u, uint32_t *best)
{
	uint32_t n = 0;

	for (uint32_t k = 0; k < u->nused; k++) {
		uint32_t a = u->used[k], i = n;

		if (!guard_is_cheap(&u->m->atoms[a]))
			continue;
		while (i > 0 && nusers(u, best[i - 1]) < nusers(u, a))
			i--;
		if (i == GUARDS_MAX)
			continue;
		n = MIN(n + 1, (uint32_t)GUARDS_MAX);
		memmove(&best[i + 1], &best[i], (n - 1 - i) * sizeof(*best));
		best[i] = a;
	}
	return n;
}

/* Mask of the rules that look at one atom. NULL: out of memory. */
static uint64_t *users_of_atom(const struct use *u, uint32_t atom)
{
	uint64_t *users = arena_array(&u->m->arena, u->words, sizeof(*users));

	for (uint32_t i = u->start[atom]; users && i < u->start[atom + 1]; i++)
		mask_set(users, u->rules[i]);
	return users;
}

static int find_guards(struct use *u, struct rule_list *l)
{
	uint32_t best[GUARDS_MAX + 1], n = best_atoms(u, best);

	l->guards = arena_array(&u->m->arena, n, sizeof(*l->guards));
	if (!l->guards)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const uint64_t *users = users_of_atom(u, best[i]);
		struct guard g = { .atom = best[i] };

		if (!users)
			return -ENOMEM;
		u->atom = best[i];
		u->assume = TRUTH_TRUE;
		g.if_true = mask_if(u, l, users, assume_atom);
		u->assume = TRUTH_FALSE;
		g.if_false = mask_if(u, l, users, assume_atom);
		if (!g.if_true || !g.if_false)
			return -ENOMEM;
		if (!all_set(g.if_true, u->words) || !all_set(g.if_false, u->words))
			l->guards[l->nguards++] = g;
	}
	return 0;
}

typedef bool (*atom_filter_fn)(const struct use *u, const struct atom *a);

/* Mask of the rules of the list with such atoms; NULL: out of memory. */
static uint64_t *users_of(const struct use *u, atom_filter_fn filter, bool *ret_any)
{
	uint64_t *users = arena_array(&u->m->arena, u->words, sizeof(*users));

	*ret_any = false;
	for (uint32_t k = 0; users && k < u->nused; k++) {
		uint32_t a = u->used[k];

		if (!filter(u, &u->m->atoms[a]))
			continue;
		*ret_any = true;
		for (uint32_t i = u->start[a]; i < u->start[a + 1]; i++)
			mask_set(users, u->rules[i]);
	}
	return users;
}

/* The text of slot `key`, which rules look at, as a guard. */
static int text_guard(struct use *u, const struct rule_list *l, uint32_t key,
		      struct text_guard *ret)
{
	const struct slot *slot = &u->m->slots[key];
	bool any;

	u->key = key;
	ret->decides = users_of(u, of_key, &any);
	if (!ret->decides)
		return -ENOMEM;
	ret->if_missing = mask_if(u, l, ret->decides, assume_missing);
	ret->slot = key;
	ret->filter_list = NO_SLOT;
	if (!ret->if_missing || (slot->filter && classes_add_list(&slot->filter->classes,
								     u->words, &ret->filter_list)))
		return -ENOMEM;
	return classes_add_list(&slot->memo->classes, u->words, &ret->list);
}

static unsigned nset(const uint64_t *mask, uint32_t words)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < words; i++)
		n += (unsigned)__builtin_popcountll(mask[i]);
	return n;
}

/* The filter of the text that most rules look at is asked before everything else. */
static void find_early(struct rule_list *l)
{
	unsigned most = 0;

	for (uint32_t i = 0; i < l->nstored; i++) {
		const struct text_guard *t = &l->texts[i];
		unsigned n = t->filter_list == NO_SLOT ? 0 : nset(t->decides, l->words);

		if (n > most) {
			most = n;
			l->early = t;
		}
	}
}

/* Texts that the state has are cheap to look up: they come first. */
static int find_texts(struct use *u, struct rule_list *l, bool stored)
{
	struct matcher *m = u->m;

	for (uint32_t s = 0; s < m->nslots && l->ntexts < RULE_TEXTS_MAX; s++) {
		const struct slot *slot = &m->slots[s];
		int r;

		if (!u->keys[s] || !slot->memo || slot->key != s ||
		    slot->entity == ENTITY_PROCESS || (slot->stored != NULL) != stored)
			continue;
		r = text_guard(u, l, s, &l->texts[l->ntexts]);
		if (r)
			return r;
		l->ntexts++;
	}
	if (stored) {
		l->nstored = l->ntexts;
		find_early(l);
	}
	return 0;
}

static int find_process(struct use *u, struct rule_list *l)
{
	bool any;

	l->process_list = NO_SLOT;
	l->process_rules = users_of(u, of_process, &any);
	if (!l->process_rules)
		return -ENOMEM;
	return any ? classes_add_list(&u->m->processes, u->words, &l->process_list) : 0;
}

static int prepare_list(struct matcher *m, struct rule_list *l)
{
	struct use u = { .m = m, .words = l->words };
	int r = find_uses(&u, l);

	l->texts = arena_array(&m->arena, RULE_TEXTS_MAX, sizeof(*l->texts));
	l->mixes = arena_new(&m->arena, struct mix_table);
	if (!l->texts || !l->mixes)
		r = -ENOMEM;
	if (!r)
		r = find_guards(&u, l);
	if (!r)
		r = find_texts(&u, l, true);
	if (!r)
		r = find_texts(&u, l, false);
	if (!r)
		r = find_process(&u, l);
	free(u.start);
	free(u.rules);
	free(u.used);
	free(u.keys);
	return r;
}

/* ---- all lists ---- */

static bool same_rules(const struct rule_list *a, const struct rule_list *b)
{
	bool same = a->n == b->n;

	for (uint32_t i = 0; i < a->n && same; i++)
		same = a->entries[i].rule == b->entries[i].rule &&
		       a->entries[i].pc == b->entries[i].pc;
	return same;
}

/* Equal lists of different types become one. */
static void share_lists(struct source_rules *src)
{
	struct rule_list *lists[EVENT_TYPE_COUNT];
	unsigned n = 0;

	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
		struct rule_list *l = src->types[t];
		unsigned k = 0;

		if (!l)
			continue;
		while (k < n && !same_rules(lists[k], l))
			k++;
		if (k == n)
			lists[n++] = l;
		src->types[t] = lists[k];
	}
}

static int prepare_lists(struct matcher *m, struct source_rules *src)
{
	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++)
		if (src->types[t])
			src->types[t]->words = 0;
	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
		struct rule_list *l = src->types[t];
		int r;

		if (!l || l->words || l->n > 64 * RULE_WORDS_MAX)
			continue;
		l->words = (l->n + 63) / 64;
		r = prepare_list(m, l);
		if (r)
			return r;
	}
	return 0;
}

/* ---- room for the evaluation ---- */

static int make_room(struct matcher *m)
{
	uint32_t words = 1;

	for (uint32_t i = 0; i < m->nsources; i++)
		for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++)
			if (m->sources[i]->types[t])
				words = MAX(words, m->sources[i]->types[t]->words);
	m->live = arena_array(&m->arena, words, sizeof(*m->live));
	return m->live ? 0 : -ENOMEM;
}

int guard_prepare(struct matcher *m)
{
	int r;

	m->seen = arena_array(&m->arena, MAX(m->ncode, 1U), sizeof(*m->seen));
	m->atom_seen = arena_array(&m->arena, MAX(m->natoms, 1U), sizeof(*m->atom_seen));
	m->stack = arena_array(&m->arena, 2 * (size_t)m->ncode + 2, sizeof(*m->stack));
	if (!m->seen || !m->stack || !m->atom_seen)
		return -ENOMEM;
	r = guard_memo_prepare(m);
	for (uint32_t i = 0; i < m->nsources && !r; i++) {
		share_lists(m->sources[i]);
		r = prepare_lists(m, m->sources[i]);
	}
	return r ? r : make_room(m);
}
