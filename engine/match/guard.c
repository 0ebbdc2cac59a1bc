/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lets the evaluator skip rules without running their code. Called by the compiler at the end:
 * finds, for every rule list, cheap checks that decide rules by themselves (guards) and texts that
 * many checks look at (memos). Everything here only removes rules that cannot match: a walk over
 * the code with some checks known and all others open.
 */
#include "engine/match/memo.h"
#include "engine/match/program.h"

#define GUARDS_MAX 12
#define TEXTS_MAX 6
#define MEMO_CHECKS_MIN 3	/* fewer are evaluated as they come */
#define WALK_MAX 4096		/* nodes; longer walks end undecided */

/* Texts that cost no more than a number. */
static const char *const cheap_fields[] = { "fd.typechar", "fd.type", "fd.l4proto", "evt.res" };

bool guard_can_match(struct matcher *m, uint32_t pc, guard_truth_fn truth, void *ctx)
{
	uint32_t depth = 0, visited = 0;

	m->walk++;
	m->stack[depth++] = pc;
	while (depth) {
		const struct insn *insn;
		enum truth known;

		pc = m->stack[--depth];
		if (pc == PC_MATCH || ++visited > WALK_MAX)
			return true;
		if (pc == PC_FAIL || m->seen[pc] == m->walk)
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

static bool is_cheap(const struct atom *a)
{
	const struct operand *op = a->check->lhs;
	enum value_class vc = value_class_of(op->type);

	if (a->kind == ATOM_CHECK || a->entity != ENTITY_EVENT)
		return false;
	if (vc == VC_BOOL || vc == VC_SIGNED || vc == VC_UNSIGNED)
		return true;
	for (size_t i = 0; i < ARRAY_SIZE(cheap_fields); i++)
		if (str_is(op->field.text, cheap_fields[i]))
			return true;
	return false;
}

/* Checks of a single text against constants, in any form. */
static bool is_text_check(const struct matcher *m, const struct atom *a)
{
	const struct slot *s = &m->slots[a->left];

	return s->single && a->right == NO_SLOT && a->entity == ENTITY_EVENT && !is_cheap(a) &&
	       value_class_of(s->operand->type) == VC_STRING &&
	       s->operand->field.info->type != PT_DYN;
}

/* ---- which atoms a rule list looks at ---- */

struct use {
	struct matcher *m;
	uint64_t *rules;	/* per atom: mask of rules, words each */
	uint32_t words;
	uint32_t rule;		/* of the current walk */
	/* For questions "what if this atom, or all checks of this slot, were ...": */
	uint32_t atom, slot;
	enum truth assume;
};

static enum truth note_use(void *ctx, uint32_t atom)
{
	struct use *u = ctx;

	u->rules[(size_t)atom * u->words + u->rule / 64] |= 1ULL << (u->rule % 64);
	return TRUTH_UNKNOWN;
}

static enum truth assume_atom(void *ctx, uint32_t atom)
{
	const struct use *u = ctx;

	return atom == u->atom ? u->assume : TRUTH_UNKNOWN;
}

static enum truth assume_missing(void *ctx, uint32_t atom)
{
	const struct use *u = ctx;

	return u->m->atoms[atom].left == u->slot ? TRUTH_FALSE : TRUTH_UNKNOWN;
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
		if (among[r / 64] >> (r % 64) & 1 &&
		    !guard_can_match(u->m, l->entries[r].pc, truth, u))
			mask[r / 64] &= ~(1ULL << (r % 64));
	return mask;
}

static uint32_t cleared(const uint64_t *mask, uint32_t words)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < words; i++)
		n += (uint32_t)__builtin_popcountll(~mask[i]);
	return n;
}

static uint32_t weight(const struct guard *g, uint32_t words)
{
	return cleared(g->if_true, words) + cleared(g->if_false, words);
}

/* Keep the heaviest GUARDS_MAX, sorted. */
static uint32_t insert_guard(struct guard *guards, uint32_t n, struct guard g, uint32_t words)
{
	uint32_t w = weight(&g, words), i = n;

	while (i > 0 && weight(&guards[i - 1], words) < w)
		i--;
	if (!w || i == GUARDS_MAX)
		return n;
	n = MIN(n + 1, (uint32_t)GUARDS_MAX);
	memmove(&guards[i + 1], &guards[i], (n - 1 - i) * sizeof(g));
	guards[i] = g;
	return n;
}

static const uint64_t *used_by(const struct use *u, uint32_t atom)
{
	return &u->rules[(size_t)atom * u->words];
}

static bool is_used(const struct use *u, uint32_t atom)
{
	for (uint32_t i = 0; i < u->words; i++)
		if (used_by(u, atom)[i])
			return true;
	return false;
}

static int find_guards(struct use *u, struct rule_list *l)
{
	struct guard best[GUARDS_MAX], *guards;
	uint32_t n = 0;

	for (uint32_t a = 0; a < u->m->natoms; a++) {
		struct guard g = { .atom = a };

		if (!is_cheap(&u->m->atoms[a]) || !is_used(u, a))
			continue;
		u->atom = a;
		u->assume = TRUTH_TRUE;
		g.if_true = mask_if(u, l, used_by(u, a), assume_atom);
		u->assume = TRUTH_FALSE;
		g.if_false = mask_if(u, l, used_by(u, a), assume_atom);
		if (!g.if_true || !g.if_false)
			return -ENOMEM;
		n = insert_guard(best, n, g, u->words);
	}
	guards = arena_array(&u->m->arena, n, sizeof(*guards));
	if (!guards)
		return -ENOMEM;
	memcpy(guards, best, n * sizeof(*guards));
	l->guards = guards;
	l->nguards = n;
	return 0;
}

/* Rules of the list that look at the slot of a memo; false: none. */
static bool slot_users(const struct use *u, uint32_t slot, uint64_t *ret)
{
	bool any = false;

	memset(ret, 0, u->words * sizeof(*ret));
	for (uint32_t a = 0; a < u->m->natoms; a++) {
		if (u->m->atoms[a].left != slot || u->m->atoms[a].memo_bit == NO_BIT)
			continue;
		for (uint32_t i = 0; i < u->words; i++) {
			ret[i] |= used_by(u, a)[i];
			any |= ret[i] != 0;
		}
	}
	return any;
}

static int find_texts(struct use *u, struct rule_list *l)
{
	struct text_guard *texts = arena_array(&u->m->arena, TEXTS_MAX, sizeof(*texts));

	if (!texts)
		return -ENOMEM;
	l->texts = texts;
	for (uint32_t s = 0; s < u->m->nslots && l->ntexts < TEXTS_MAX; s++) {
		struct text_guard *t = &texts[l->ntexts];
		uint64_t users[RULE_WORDS_MAX], *decides;

		if (!u->m->slots[s].memo || !slot_users(u, s, users))
			continue;
		u->slot = s;
		decides = arena_array(&u->m->arena, u->words, sizeof(*decides));
		t->if_missing = mask_if(u, l, users, assume_missing);
		if (!decides || !t->if_missing)
			return -ENOMEM;
		memcpy(decides, users, u->words * sizeof(*decides));
		t->decides = decides;
		t->slot = s;
		t->memo_at = memo_add_list(u->m->slots[s].memo, u->words);
		l->ntexts++;
	}
	return 0;
}

static int prepare_list(struct matcher *m, struct rule_list *l)
{
	struct use u = { .m = m, .words = l->words };
	int r;

	u.rules = calloc(MAX(m->natoms, 1U), u.words * sizeof(*u.rules));
	if (!u.rules)
		return -ENOMEM;
	for (u.rule = 0; u.rule < l->n; u.rule++)
		guard_can_match(m, l->entries[u.rule].pc, note_use, &u);
	r = find_guards(&u, l);
	if (!r)
		r = find_texts(&u, l);
	free(u.rules);
	return r;
}

/* ---- all lists ---- */

/* Equal lists of different types become one. */
static void share_lists(struct source_rules *src)
{
	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
		struct rule_list *l = src->types[t];

		for (unsigned k = 0; l && k < t; k++) {
			struct rule_list *o = src->types[k];

			if (!o || o->n != l->n ||
			    memcmp(o->entries, l->entries, l->n * sizeof(*l->entries)))
				continue;
			src->types[t] = o;
			break;
		}
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

/* A text is worth a memo when many checks look at it. */
static int find_memos(struct matcher *m)
{
	uint32_t *checks = calloc(MAX(m->nslots, 1U), sizeof(*checks));

	if (!checks)
		return -ENOMEM;
	for (uint32_t a = 0; a < m->natoms; a++)
		checks[m->atoms[a].left] += is_text_check(m, &m->atoms[a]);
	for (uint32_t s = 0; s < m->nslots; s++)
		if (checks[s] >= MEMO_CHECKS_MIN)
			m->slots[s].memo = memo_new();
	for (uint32_t a = 0; a < m->natoms; a++) {
		struct atom *atom = &m->atoms[a];

		if (m->slots[atom->left].memo && is_text_check(m, atom))
			atom->memo_bit = memo_add_check(m->slots[atom->left].memo);
	}
	free(checks);
	return 0;
}

int guard_prepare(struct matcher *m)
{
	int r;

	m->seen = arena_array(&m->arena, MAX(m->ncode, 1U), sizeof(*m->seen));
	m->stack = arena_array(&m->arena, 2 * (size_t)m->ncode + 2, sizeof(*m->stack));
	if (!m->seen || !m->stack)
		return -ENOMEM;
	r = find_memos(m);
	for (uint32_t i = 0; i < m->nsources && !r; i++) {
		share_lists(m->sources[i]);
		r = prepare_lists(m, m->sources[i]);
	}
	return r;
}
