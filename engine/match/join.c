/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins: many conjunctions that compare the same fields with constants become one atom, see struct
 * join. They stand in an OR, or negated in an AND ("not a = x or not b = y", what exceptions become
 * in normal form). Called by compile.c; what stays lives in the program's arena.
 */
#include "engine/match/join.h"
#include "engine/match/compile.h"

#define JOIN_MIN 8		/* fewer alternatives are tested one by one */
#define KEYS_MAX 8
#define GROUPS_MAX 16		/* of alternatives by their fields; the rest is tested one by one */
#define ROWS_PER_ALTERNATIVE 4	/* how much lists of `in` may multiply the rows */

/* A check of an alternative. */
struct term {
	const struct ast *check;
	uint32_t slot;			/* of the key, or NO_SLOT: not compared with constants */
};

struct alternative {
	struct term *terms;
	uint32_t n;
	uint32_t group;			/* number + 1 */
};

/* Alternatives with the same fields in their keys. */
struct alt_group {
	uint32_t keys[KEYS_MAX];	/* slots, ascending */
	uint32_t nkeys;
	uint32_t members, nterms;
	uint32_t atom;			/* of the join, or JOIN_NONE */
	bool placed;
};

struct row_entry {
	uint64_t hash;
	struct str *key;
	uint32_t nkeys;
	uint32_t first, n;		/* of atoms */
};

struct builder {
	struct compiler *c;
	struct alternative *alts;	/* by kid */
	uint32_t nalts;
	struct alt_group groups[GROUPS_MAX];
	uint32_t ngroups;
	/* Of the group that is being made: */
	struct row_entry *rows;
	uint32_t nrows;
	uint32_t *atoms;
	uint32_t natoms;
};

/* ---- what the alternatives are ---- */

/* Checks that may vanish when code is specialised for an event type stay outside. */
static bool is_fixed(const struct ast *check)
{
	return check->kind == AST_CHECK && !compile_fold_may(check);
}

static bool is_key(const struct ast *check)
{
	const struct operand *left = check->lhs;

	if ((check->op != OP_EQ && check->op != OP_EQ2 && check->op != OP_IN) || check->rhs ||
	    check->modifier != MOD_NONE || !check->nconsts || !operand_is_single(left) ||
	    value_class_of(left->type) != VC_STRING || left->field.info->type == PT_DYN)
		return false;
	for (uint32_t i = 0; i < check->nconsts; i++)
		if (value_class_of(check->consts[i].type) != VC_STRING)
			return false;
	return true;
}

/*
 * Check `i` of a kid that is a conjunction (of an OR) or a negated one (of an AND); NULL: neither.
 */
static const struct ast *check_of(const struct ast *kid, uint32_t i, bool negated)
{
	const struct ast *term = kid->kids[i];

	if (negated) {
		if (term->kind != AST_NOT)
			return NULL;
		term = term->kids[0];
	}
	return is_fixed(term) ? term : NULL;
}

static bool has_slot(const struct alternative *alt, uint32_t n, uint32_t slot)
{
	for (uint32_t i = 0; i < n; i++)
		if (alt->terms[i].slot == slot)
			return true;
	return false;
}

/* n == 0: not an alternative that a join takes. */
static void read_alternative(struct builder *b, const struct ast *kid, bool negated,
			     struct alternative *alt)
{
	if (kid->kind != (negated ? AST_OR : AST_AND))
		return;
	for (uint32_t i = 0; i < kid->nkids; i++)
		if (!check_of(kid, i, negated))
			return;
	alt->terms = calloc(kid->nkids, sizeof(*alt->terms));
	if (!alt->terms) {
		b->c->oom = true;
		return;
	}
	for (uint32_t i = 0; i < kid->nkids; i++) {
		const struct ast *check = check_of(kid, i, negated);
		uint32_t slot = is_key(check) ? compile_slot(b->c, check->lhs) : NO_SLOT;

		/* The first check of a field gives its part of the key. */
		if (slot != NO_SLOT && has_slot(alt, i, slot))
			slot = NO_SLOT;
		alt->terms[i] = (struct term){ check, slot };
	}
	alt->n = kid->nkids;
}

/* ---- groups ---- */

static void keys_of(const struct alternative *alt, struct alt_group *g)
{
	for (uint32_t i = 0; i < alt->n && g->nkeys < KEYS_MAX; i++) {
		uint32_t slot = alt->terms[i].slot, at = g->nkeys;

		if (slot == NO_SLOT)
			continue;
		for (; at > 0 && g->keys[at - 1] > slot; at--)
			g->keys[at] = g->keys[at - 1];
		g->keys[at] = slot;
		g->nkeys++;
	}
}

static void find_group(struct builder *b, struct alternative *alt)
{
	struct alt_group want = { .atom = JOIN_NONE };
	uint32_t i = 0;

	keys_of(alt, &want);
	if (!want.nkeys)
		return;
	while (i < b->ngroups && (b->groups[i].nkeys != want.nkeys ||
				  memcmp(b->groups[i].keys, want.keys, sizeof(want.keys))))
		i++;
	if (i == GROUPS_MAX)
		return;
	if (i == b->ngroups)
		b->groups[b->ngroups++] = want;
	b->groups[i].members++;
	b->groups[i].nterms += alt->n;
	alt->group = i + 1;
}

static const struct ast *key_check(const struct alternative *alt, uint32_t slot)
{
	for (uint32_t i = 0; i < alt->n; i++)
		if (alt->terms[i].slot == slot)
			return alt->terms[i].check;
	return NULL;
}

static bool is_member(const struct builder *b, const struct alt_group *g,
		      const struct alternative *alt)
{
	return alt->group && &b->groups[alt->group - 1] == g;
}

/* Rows that the alternatives make with the present keys; the key with the longest lists. */
static uint64_t count_rows(const struct builder *b, const struct alt_group *g,
			   uint32_t *ret_longest)
{
	uint64_t sums[KEYS_MAX] = { 0 }, rows = 0;

	for (uint32_t k = 0; k < b->nalts; k++) {
		uint64_t product = 1;

		if (!is_member(b, g, &b->alts[k]))
			continue;
		for (uint32_t i = 0; i < g->nkeys; i++) {
			uint32_t n = key_check(&b->alts[k], g->keys[i])->nconsts;

			sums[i] += n;
			product = MIN(product * n, (uint64_t)UINT32_MAX);
		}
		rows += product;
	}
	*ret_longest = 0;
	for (uint32_t i = 1; i < g->nkeys; i++)
		if (sums[i] > sums[*ret_longest])
			*ret_longest = i;
	return rows;
}

/* Lists that would multiply the rows too much are left to be checked in the row. 0: no key left. */
static uint64_t choose_keys(const struct builder *b, struct alt_group *g)
{
	while (g->nkeys) {
		uint32_t longest;
		uint64_t rows = count_rows(b, g, &longest);

		if (rows <= (uint64_t)ROWS_PER_ALTERNATIVE * g->members)
			return rows;
		g->nkeys--;
		memmove(&g->keys[longest], &g->keys[longest + 1],
			(g->nkeys - longest) * sizeof(g->keys[0]));
	}
	return 0;
}

/* ---- one join ---- */

/* One row per combination of the constants. */
static void add_rows(struct builder *b, const struct alt_group *g, const struct alternative *alt,
		     uint32_t first)
{
	uint32_t at[KEYS_MAX] = { 0 }, i;

	do {
		struct row_entry *e = &b->rows[b->nrows++];

		*e = (struct row_entry){ .nkeys = g->nkeys,
					 .first = first,
					 .n = b->natoms - first };
		e->key = arena_array(&b->c->m->arena, g->nkeys, sizeof(*e->key));
		if (!e->key) {
			b->c->oom = true;
			return;
		}
		for (i = 0; i < g->nkeys; i++) {
			e->key[i] = key_check(alt, g->keys[i])->consts[at[i]].s;
			e->hash = join_hash(e->hash, hash_str(e->key[i]));
		}
		for (i = 0; i < g->nkeys; i++) {
			if (++at[i] < key_check(alt, g->keys[i])->nconsts)
				break;
			at[i] = 0;
		}
	} while (i < g->nkeys);
}

static bool gives_key(const struct alt_group *g, const struct term *term)
{
	for (uint32_t i = 0; i < g->nkeys; i++)
		if (term->slot == g->keys[i])
			return true;
	return false;
}

static void add_alternative(struct builder *b, const struct alt_group *g,
			    const struct alternative *alt)
{
	uint32_t first = b->natoms;

	for (uint32_t i = 0; i < alt->n && !b->c->oom; i++)
		if (!gives_key(g, &alt->terms[i]))
			b->atoms[b->natoms++] = compile_atom(b->c, alt->terms[i].check);
	if (!b->c->oom)
		add_rows(b, g, alt, first);
}

/* Equal keys come together even if others have the same hash. */
static int by_key(const void *a, const void *b)
{
	const struct row_entry *x = a, *y = b;
	int c = (x->hash > y->hash) - (x->hash < y->hash);

	for (uint32_t i = 0; i < x->nkeys && !c; i++)
		c = str_cmp(x->key[i], y->key[i]);
	return c;
}

/* A hash table of the keys; conjunctions with one key beside each other. */
static bool fill_table(struct builder *b, struct join *j)
{
	struct arena *a = &b->c->m->arena;
	struct join_conj *conjs = arena_array(a, b->nrows, sizeof(*conjs));
	struct join_row *rows;
	uint32_t cap = 4, n = 0;

	while (cap < b->nrows * 2ULL)
		cap *= 2;
	rows = arena_array(a, cap, sizeof(*rows));
	if (!rows || !conjs)
		return false;
	for (uint32_t i = 0; i < b->nrows;) {
		const struct row_entry *e = &b->rows[i];
		uint32_t at = (uint32_t)e->hash & (cap - 1);
		struct join_row row = { e->key, e->hash, n, 0 };

		for (; i < b->nrows && !by_key(&b->rows[i], e); i++, row.n++)
			conjs[n++] = (struct join_conj){ b->rows[i].first, b->rows[i].n };
		while (rows[at].key)
			at = (at + 1) & (cap - 1);
		rows[at] = row;
		j->nkeys++;
	}
	j->rows = rows;
	j->mask = cap - 1;
	j->conjs = conjs;
	return true;
}

static enum entity entity_of_join(const struct builder *b, const struct alt_group *g)
{
	const struct matcher *m = b->c->m;

	for (uint32_t i = 0; i < g->nkeys; i++)
		if (m->slots[g->keys[i]].entity != ENTITY_PROCESS)
			return ENTITY_EVENT;
	for (uint32_t i = 0; i < b->natoms; i++)
		if (m->atoms[b->atoms[i]].entity != ENTITY_PROCESS)
			return ENTITY_EVENT;
	return ENTITY_PROCESS;
}

static struct join *fill_join(struct builder *b, const struct alt_group *g)
{
	struct arena *a = &b->c->m->arena;
	struct join *j = arena_new(a, struct join);
	uint32_t *slots = arena_array(a, g->nkeys, sizeof(*slots));

	b->nrows = b->natoms = 0;
	b->atoms = arena_array(a, g->nterms, sizeof(*b->atoms));
	if (!j || !slots || !b->atoms)
		return NULL;
	for (uint32_t k = 0; k < b->nalts && !b->c->oom; k++)
		if (is_member(b, g, &b->alts[k]))
			add_alternative(b, g, &b->alts[k]);
	if (b->c->oom)
		return NULL;
	memcpy(slots, g->keys, g->nkeys * sizeof(*slots));
	j->slots = slots;
	j->nslots = g->nkeys;
	j->atoms = b->atoms;
	j->nrows = b->nrows;
	qsort(b->rows, b->nrows, sizeof(*b->rows), by_key);
	return fill_table(b, j) ? j : NULL;
}

static void make_join(struct builder *b, struct alt_group *g)
{
	uint64_t nrows = choose_keys(b, g);
	struct compiler *c = b->c;
	const struct join *j = NULL;
	struct atom *atom;

	if (!nrows)
		return;
	b->rows = calloc(nrows, sizeof(*b->rows));
	if (b->rows)
		j = fill_join(b, g);
	free(b->rows);
	atom = j ? compile_new_atom(c) : NULL;
	if (!atom) {
		c->oom = true;
		return;
	}
	*atom = (struct atom){
		.kind = ATOM_JOIN,
		.entity = (uint8_t)entity_of_join(b, g),
		.plain = true,
		.left = j->slots[0],
		.right = NO_SLOT,
		.fact = NO_BIT,
		.memo_bit = NO_BIT,
		.join = j,
	};
	g->atom = c->m->natoms++;
}

/* ---- all joins of a node ---- */

static bool make_joins(struct builder *b, const struct ast *ast)
{
	bool any = false;

	for (uint32_t i = 0; i < ast->nkids && !b->c->oom; i++) {
		read_alternative(b, ast->kids[i], ast->kind == AST_AND, &b->alts[i]);
		find_group(b, &b->alts[i]);
	}
	for (uint32_t i = 0; i < b->ngroups && !b->c->oom; i++)
		if (b->groups[i].members >= JOIN_MIN) {
			make_join(b, &b->groups[i]);
			any |= b->groups[i].atom != JOIN_NONE;
		}
	return any;
}

/* The join stands where the first of its alternatives stood. */
static const uint32_t *place(struct builder *b)
{
	uint32_t *places = arena_array(&b->c->m->arena, b->nalts, sizeof(*places));

	if (!places) {
		b->c->oom = true;
		return NULL;
	}
	for (uint32_t i = 0; i < b->nalts; i++) {
		struct alt_group *g = b->alts[i].group ? &b->groups[b->alts[i].group - 1] : NULL;

		places[i] = !g || g->atom == JOIN_NONE ? JOIN_NONE :
			    g->placed		       ? JOIN_SKIP :
							 g->atom;
		if (g)
			g->placed = true;
	}
	return places;
}

static const uint32_t *find_joins(struct compiler *c, const struct ast *ast)
{
	struct builder b = { .c = c, .nalts = ast->nkids };
	const uint32_t *places = NULL;

	b.alts = calloc(b.nalts, sizeof(*b.alts));
	if (!b.alts)
		c->oom = true;
	else if (make_joins(&b, ast) && !c->oom)
		places = place(&b);
	for (uint32_t i = 0; b.alts && i < b.nalts; i++)
		free(b.alts[i].terms);
	free(b.alts);
	return places;
}

const uint32_t *join_places(struct compiler *c, const struct ast *ast)
{
	static const uint32_t none;
	const uint32_t *known;

	if (ast->nkids < JOIN_MIN)
		return NULL;
	known = u64map_get(&c->joins, (uintptr_t)ast);
	if (!known) {
		known = find_joins(c, ast);
		if (!c->oom &&
		    u64map_put(&c->joins, (uintptr_t)ast, (void *)(known ? known : &none)))
			c->oom = true;
	}
	return known == &none ? NULL : known;
}
