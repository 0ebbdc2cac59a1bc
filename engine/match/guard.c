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
#define FACT_WORDS_MAX 96	/* of known, likewise of truth, per thread */
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

	return s->single && a->right == NO_SLOT && a->entity != ENTITY_TYPE && !is_cheap(a) &&
	       value_class_of(s->operand->type) == VC_STRING &&
	       s->operand->field.info->type != PT_DYN;
}

/*
 * Texts that follow from another one and from the kind of the event's fd (none, or fdinfo.kind):
 * their checks share the memo of that text.
 */
static const struct {
	const char *field, *key;
} derived[] = {
	{ "fd.directory", "fd.name" },
	{ "fd.filename", "fd.name" },
};

/* ---- which atoms a rule list looks at ---- */

struct use {
	struct matcher *m;
	uint64_t *rules;	/* per atom: mask of rules, words each */
	uint32_t words;
	uint32_t rule;		/* of the current walk */
	/* For questions "what if this atom were ...", "what if the text were missing": */
	uint32_t atom, key;
	enum truth assume;
};

/* All code of the rule, unlike guard_can_match(), which ends at the first way to a match. */
static void note_uses(struct use *u, uint32_t pc)
{
	struct matcher *m = u->m;
	uint32_t depth = 0;

	m->walk++;
	m->stack[depth++] = pc;
	while (depth) {
		const struct insn *insn;

		pc = m->stack[--depth];
		if (pc >= PC_MATCH || m->seen[pc] == m->walk)
			continue;
		m->seen[pc] = m->walk;
		insn = &m->code[pc];
		u->rules[(size_t)insn->atom * u->words + u->rule / 64] |= 1ULL << (u->rule % 64);
		m->stack[depth++] = insn->no;
		m->stack[depth++] = insn->yes;
	}
}

static enum truth assume_atom(void *ctx, uint32_t atom)
{
	const struct use *u = ctx;

	return atom == u->atom ? u->assume : TRUTH_UNKNOWN;
}

static enum truth assume_missing(void *ctx, uint32_t atom)
{
	const struct use *u = ctx;
	const struct atom *a = &u->m->atoms[atom];
	bool of_text = a->memo_bit != NO_BIT && u->m->slots[a->left].key == u->key;

	return of_text ? TRUTH_FALSE : TRUTH_UNKNOWN;
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
	struct guard best[GUARDS_MAX + 1], *guards;
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

typedef bool (*atom_filter_fn)(const struct use *u, const struct atom *a);

static bool of_key(const struct use *u, const struct atom *a)
{
	return a->memo_bit != NO_BIT && u->m->slots[a->left].key == u->key;
}

static bool of_process(const struct use *u, const struct atom *a)
{
	return a->entity == ENTITY_PROCESS;
}

/* Mask of the rules of the list with such atoms; NULL: out of memory. */
static uint64_t *users_of(const struct use *u, atom_filter_fn filter, bool *ret_any)
{
	uint64_t *users = arena_array(&u->m->arena, u->words, sizeof(*users));

	*ret_any = false;
	for (uint32_t a = 0; users && a < u->m->natoms; a++) {
		if (!filter(u, &u->m->atoms[a]))
			continue;
		for (uint32_t i = 0; i < u->words; i++) {
			users[i] |= used_by(u, a)[i];
			*ret_any |= users[i] != 0;
		}
	}
	return users;
}

/* The checks of the text that the list looks at, as numbers and as bits. */
static int text_checks(struct use *u, struct text_guard *t)
{
	const struct memo *memo = u->m->slots[u->key].memo;
	uint64_t *checks = arena_array(&u->m->arena, memo->words, sizeof(*checks));
	uint32_t *atoms = arena_array(&u->m->arena, memo->nbits, sizeof(*atoms));

	if (!checks || !atoms)
		return -ENOMEM;
	t->natoms = 0;
	for (uint32_t a = 0; a < u->m->natoms; a++) {
		uint32_t bit = u->m->atoms[a].memo_bit;

		if (!of_key(u, &u->m->atoms[a]) || !is_used(u, a))
			continue;
		atoms[t->natoms++] = a;
		checks[bit / 64] |= 1ULL << (bit % 64);
	}
	t->atoms = atoms;
	t->checks = checks;
	return 0;
}

/* The text of slot `key` as a guard. 0 with decides == NULL: no rule looks at it. */
static int text_guard(struct use *u, const struct rule_list *l, uint32_t key,
		      struct text_guard *ret)
{
	bool any;

	u->key = key;
	ret->decides = users_of(u, of_key, &any);
	if (!ret->decides)
		return -ENOMEM;
	if (!any) {
		ret->decides = NULL;
		return 0;
	}
	ret->if_missing = mask_if(u, l, ret->decides, assume_missing);
	ret->slot = key;
	if (!ret->if_missing || text_checks(u, ret))
		return -ENOMEM;
	return memo_add_list(u->m->slots[key].memo, u->words, &ret->list);
}

static bool is_process_slot(const struct matcher *m, uint32_t slot)
{
	for (uint32_t a = 0; a < m->natoms; a++)
		if (m->atoms[a].left == slot && m->atoms[a].right == NO_SLOT)
			return m->atoms[a].entity == ENTITY_PROCESS;
	return false;
}

static int find_texts(struct use *u, struct rule_list *l)
{
	struct text_guard *texts[2];
	uint32_t n[2] = { 0, 0 };

	for (int i = 0; i < 2; i++) {
		texts[i] = arena_array(&u->m->arena, TEXTS_MAX, sizeof(**texts));
		if (!texts[i])
			return -ENOMEM;
	}
	for (uint32_t s = 0; s < u->m->nslots; s++) {
		const struct slot *slot = &u->m->slots[s];
		int kind, r;

		if (!slot->memo || slot->key != s)
			continue;
		kind = is_process_slot(u->m, s);
		if (n[kind] == TEXTS_MAX)
			continue;
		r = text_guard(u, l, s, &texts[kind][n[kind]]);
		if (r)
			return r;
		n[kind] += texts[kind][n[kind]].decides != NULL;
	}
	l->texts = texts[0];
	l->ntexts = n[0];
	l->process_texts = texts[1];
	l->nprocess_texts = n[1];
	return 0;
}

/* What is decided by the process alone is kept with its facts, as far as there is room. */
static int find_process(struct use *u, struct rule_list *l)
{
	bool any;

	l->facts_at = NO_SLOT;
	l->process_rules = users_of(u, of_process, &any);
	if (!l->process_rules)
		return -ENOMEM;
	if (any && u->m->fact_words + u->words <= FACT_WORDS_MAX) {
		l->facts_at = u->m->fact_words;
		u->m->fact_words += u->words;
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
		note_uses(&u, l->entries[u.rule].pc);
	r = find_guards(&u, l);
	if (!r)
		r = find_texts(&u, l);
	if (!r)
		r = find_process(&u, l);
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
			key->memo = memo_new(m->limits);
		if (!key->memo)
			continue;
		key->memo->by_fd = true;
		memo_free(slot->memo);
		slot->memo = key->memo;
		slot->key = (uint32_t)(key - m->slots);
	}
}

/* A text is worth a memo when many checks look at it. */
static int find_memos(struct matcher *m)
{
	uint32_t *checks = calloc(MAX(m->nslots, 1U), sizeof(*checks));
	uint32_t words = 1;

	if (!checks)
		return -ENOMEM;
	for (uint32_t a = 0; a < m->natoms; a++)
		checks[m->atoms[a].left] += is_text_check(m, &m->atoms[a]);
	for (uint32_t s = 0; s < m->nslots; s++)
		if (checks[s] >= MEMO_CHECKS_MIN)
			m->slots[s].memo = memo_new(m->limits);
	free(checks);
	join_derived(m);
	for (uint32_t a = 0; a < m->natoms; a++) {
		struct atom *atom = &m->atoms[a];

		if (m->slots[atom->left].memo && is_text_check(m, atom))
			atom->memo_bit = memo_add_check(m->slots[atom->left].memo);
	}
	for (uint32_t s = 0; s < m->nslots; s++)
		if (m->slots[s].memo)
			words = MAX(words, m->slots[s].memo->words);
	m->text_truth = arena_array(&m->arena, words, sizeof(*m->text_truth));
	return m->text_truth ? 0 : -ENOMEM;
}

int guard_prepare(struct matcher *m)
{
	int r;

	m->seen = arena_array(&m->arena, MAX(m->ncode, 1U), sizeof(*m->seen));
	m->stack = arena_array(&m->arena, 2 * (size_t)m->ncode + 2, sizeof(*m->stack));
	if (!m->seen || !m->stack)
		return -ENOMEM;
	m->fact_words = (m->nfacts + 63) / 64;
	r = find_memos(m);
	for (uint32_t i = 0; i < m->nsources && !r; i++) {
		share_lists(m->sources[i]);
		r = prepare_lists(m, m->sources[i]);
	}
	return r;
}
