/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first look at texts, see text_filter.h. The tree is a table of bounded size: of what does not
 * fit only the beginning is there, and checks below stay open. Literals are found as by Wu and
 * Manber; that one of them is there is all that matters, not which.
 */
#include "engine/match/glob.h"
#include "engine/match/memo.h"
#include "engine/match/mask.h"
#include "engine/match/program.h"

#define NODES_MAX 4096
#define DEPTH_MAX 32		/* bytes of a key that are in the tree */
#define LITERAL_SPAN 32
#define PAIRS 65536		/* of bytes */
#define NO_KEY UINT32_MAX

static void clear_bit(uint64_t *bits, uint32_t bit)
{
	bits[bit / 64] &= ~(1ULL << (bit % 64));
}

static bool in_tree(const struct filter_key *key)
{
	return key->kind < FILTER_TOP;
}

/* Also counts the nodes that are needed at most. */
static void find_classes(struct text_filter *f, const struct filter_key *keys, uint32_t n,
			 uint32_t *ret_nodes)
{
	uint64_t nodes = 1;

	f->nclasses = 1;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = MIN(keys[i].text.len, (uint32_t)DEPTH_MAX);

		if (!in_tree(&keys[i]))
			continue;
		nodes += len;
		for (uint32_t k = 0; k < len; k++) {
			uint16_t *class = &f->class[(unsigned char)keys[i].text.p[k]];

			if (!*class)
				*class = (uint16_t)f->nclasses++;
		}
	}
	*ret_nodes = (uint32_t)MIN(nodes, (uint64_t)NODES_MAX);
}

static void add_key(struct text_filter *f, struct filter_key *keys, uint32_t key, uint32_t max)
{
	struct filter_key *k = &keys[key];
	uint32_t at = 0, i = 0;

	for (; i < k->text.len && i < DEPTH_MAX; i++) {
		uint16_t *next = &f->next[at * f->nclasses +
					  f->class[(unsigned char)k->text.p[i]]];

		if (!*next) {
			if (f->nnodes == max)
				break;
			f->nodes[f->nnodes] = (struct filter_node){
				at, NO_KEY, f->nodes[at].deep || (i && k->text.p[i] == '/') };
			*next = (uint16_t)f->nnodes++;
		}
		at = *next;
	}
	k->cut = i < k->text.len;
	k->next = f->nodes[at].key;
	f->nodes[at].key = key;
}

static void add_hash(uint64_t *set, const char *p)
{
	mask_set(set, text_filter_hash(p));
}

static void add_literal(struct text_filter *f, struct str text)
{
	add_hash(f->starts, text.p);
	for (uint32_t k = 0; k + 2 <= f->span; k++) {
		uint8_t *skip = &f->skip[load_u16(text.p + k)];

		*skip = (uint8_t)MIN(*skip, f->span - 2 - k);
	}
}

static bool is_literal(const struct filter_key *k)
{
	return k->kind == FILTER_INSIDE || k->kind == FILTER_END;
}

/* The four bytes that the hash is of. */
static const char *hashed_part(const struct filter_key *k)
{
	return k->kind == FILTER_END ? k->text.p + k->text.len - FILTER_LITERAL_MIN : k->text.p;
}

/* So that a hash leads to the literals that have it. */
static int link_literals(struct text_filter *f, struct arena *a, struct filter_key *keys,
			 uint32_t n)
{
	uint32_t heads = 1, nliterals = 0;

	for (uint32_t i = 0; i < n; i++)
		nliterals += is_literal(&keys[i]);
	while (heads < nliterals && heads < FILTER_HASHES)
		heads *= 2;
	f->literals = arena_array(a, heads, sizeof(*f->literals));
	if (!f->literals)
		return -ENOMEM;
	f->literal_mask = heads - 1;
	memset(f->literals, 0xff, heads * sizeof(*f->literals));
	for (uint32_t i = 0; i < n; i++) {
		uint32_t *head;

		if (!is_literal(&keys[i]))
			continue;
		head = &f->literals[text_filter_hash(hashed_part(&keys[i])) & f->literal_mask];
		keys[i].next = *head;
		*head = i;
	}
	return 0;
}

static int add_literals(struct text_filter *f, struct arena *a, struct filter_key *keys,
			uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (keys[i].kind == FILTER_INSIDE)
			f->span = MIN(f->span ? f->span : LITERAL_SPAN, keys[i].text.len);
	if (f->span) {
		f->skip = arena_alloc(a, PAIRS);
		if (!f->skip)
			return -ENOMEM;
		memset(f->skip, (int)(f->span - 1), PAIRS);
	}
	for (uint32_t i = 0; i < n; i++) {
		struct str text = keys[i].text;

		if (keys[i].kind == FILTER_INSIDE)
			add_literal(f, text);
		else if (keys[i].kind == FILTER_END)
			add_hash(f->ends, hashed_part(&keys[i]));
	}
	return link_literals(f, a, keys, n);
}

static uint32_t first_literal(const struct text_filter *f, const char *p)
{
	return f->literals[text_filter_hash(p) & f->literal_mask];
}

bool text_filter_ends(const struct text_filter *f, struct str text)
{
	uint32_t k = first_literal(f, text.p + text.len - FILTER_LITERAL_MIN), left = FILTER_TRIALS;

	for (; k != NO_KEY && left; k = f->keys[k].next, left--)
		if (f->keys[k].kind == FILTER_END && str_ends(text, f->keys[k].text))
			return true;
	return !left;
}

/* The rest of the scan of text_filter_literal(). */
bool text_filter_inside(const struct text_filter *f, struct str text, uint32_t last)
{
	uint32_t left = FILTER_TRIALS;

	while (last < text.len && left) {
		struct str rest = str_sub(text, last + 1 - f->span, text.len);
		uint32_t skip = f->skip[load_u16(text.p + last - 1)], k = NO_KEY;

		if (!skip && text_filter_has(f->starts, rest.p))
			k = first_literal(f, rest.p);
		for (; k != NO_KEY && left; k = f->keys[k].next, left--)
			if (f->keys[k].kind == FILTER_INSIDE && str_starts(rest, f->keys[k].text))
				return true;
		last += MAX(skip, 1U);
	}
	return !left;
}

/* Where less than one text in three comes again, looking for it costs more than it saves. */
static void note_miss(struct text_filter *f)
{
	if (++f->seen_misses < FILTER_SEEN_MISSES)
		return;
	if (f->seen_hits < f->seen_misses / 2)
		f->seen_pause = FILTER_SEEN_PAUSE;
	f->seen_hits = f->seen_misses = 0;
}

uint32_t text_filter_see(struct text_filter *f, struct filter_seen *at, struct str text)
{
	note_miss(f);
	at->len = text.len;
	at->place = text_filter_place(f, text);
	memcpy(at->text, text.p, text.len);
	return at->place;
}

static int make_tables(struct text_filter *f, struct arena *a, uint32_t nodes)
{
	f->next = arena_array(a, nodes * (size_t)f->nclasses, sizeof(*f->next));
	f->nodes = arena_array(a, nodes, sizeof(*f->nodes));
	f->numbers = arena_array(a, text_filter_at(f, FILTER_PLACES * nodes, 0),
				 sizeof(*f->numbers));
	f->open = arena_array(a, f->words, sizeof(*f->open));
	f->unequal = arena_array(a, f->words, sizeof(*f->unequal));
	f->inside = arena_array(a, f->words, sizeof(*f->inside));
	f->top = arena_array(a, f->words, sizeof(*f->top));
	f->truth = arena_array(a, 2 * (size_t)f->words, sizeof(*f->truth));
	f->seen = arena_array(a, FILTER_SEEN, sizeof(*f->seen));
	return f->seen && f->next && f->nodes && f->numbers && f->open && f->unequal && f->inside &&
	       f->top && f->truth ? 0 : -ENOMEM;
}

int text_filter_init(struct text_filter *f, struct arena *a, struct limits *limits,
		     const struct filter_spec *spec)
{
	struct filter_key *keys = spec->keys;
	uint32_t nodes;

	*f = (struct text_filter){ .words = MAX((spec->nbits + 63) / 64, 1U), .keys = keys,
				   .alias = spec->alias };
	find_classes(f, keys, spec->nkeys, &nodes);
	if (make_tables(f, a, nodes))
		return -ENOMEM;
	classes_init(&f->classes, limits);
	f->classes.words = 2 * f->words;
	f->nodes[0].key = NO_KEY;
	f->nnodes = 1;
	memset(f->open, 0xff, f->words * sizeof(*f->open));
	for (uint32_t i = 0; i < spec->nkeys; i++) {
		clear_bit(f->open, keys[i].bit);
		if (in_tree(&keys[i]))
			add_key(f, keys, i, nodes);
		else
			mask_set(keys[i].kind == FILTER_TOP ? f->top : f->inside, keys[i].bit);
		if (keys[i].kind == FILTER_UNEQUAL)
			mask_set(f->unequal, keys[i].bit);
		f->any_top |= keys[i].kind == FILTER_TOP;
	}
	f->slash = f->next[f->class['/']];
	for (unsigned byte = 0; f->slash && byte < 256; byte++)
		f->second[byte] = f->next[f->slash * f->nclasses + f->class[byte]];
	return add_literals(f, a, keys, spec->nkeys);
}

void text_filter_done(struct text_filter *f)
{
	classes_done(&f->classes);
}

/* What a key at the end of the text's way says, or, `above`, one that the text has gone past. */
static void apply_key(const struct text_filter *f, const struct filter_key *k, bool above,
		      bool goes_on)
{
	uint64_t *can_true = f->truth, *can_false = f->truth + f->words;
	bool equal = k->kind == FILTER_EQUAL || k->kind == FILTER_UNEQUAL;

	if (k->cut) {
		if (above || !goes_on)
			return;
		mask_set(can_true, k->bit);
		mask_set(can_false, k->bit);
		return;
	}
	if (equal && (above || goes_on))
		return;
	if (k->kind == FILTER_UNEQUAL) {
		clear_bit(can_true, k->bit);
		mask_set(can_false, k->bit);
		return;
	}
	mask_set(can_true, k->bit);
	if (k->kind != FILTER_NEED)
		clear_bit(can_false, k->bit);
}

/* What the checks of the second text are when it is not the same: false, or anything. */
static void apply_relation(const struct text_filter *f, enum text_relation relation)
{
	for (uint32_t i = 0; f->alias && relation != RELATION_SAME && i < f->words; i++) {
		f->truth[i] &= ~f->alias[i];
		if (relation == RELATION_OTHER)
			f->truth[i] |= f->alias[i];
		f->truth[f->words + i] |= f->alias[i];
	}
}

uint32_t text_filter_number(struct text_filter *f, uint32_t place, enum text_relation relation)
{
	uint32_t end = place / FILTER_PLACES, generation = f->classes.generation, number;

	for (uint32_t i = 0; i < f->words; i++) {
		f->truth[i] = f->open[i] | f->unequal[i];
		if (place & FILTER_LITERAL)
			f->truth[i] |= f->inside[i];
		if (!(place & FILTER_DEEP))
			f->truth[i] |= f->top[i];
		f->truth[f->words + i] = ~f->unequal[i];
	}
	for (uint32_t at = end;; at = f->nodes[at].parent) {
		for (uint32_t k = f->nodes[at].key; k != NO_KEY; k = f->keys[k].next)
			apply_key(f, &f->keys[k], at != end, place & FILTER_GOES_ON);
		if (!at)
			break;
	}
	apply_relation(f, relation);
	number = classes_number(&f->classes, f->truth);
	if (f->classes.generation != generation)
		memset(f->numbers, 0, text_filter_at(f, FILTER_PLACES * f->nnodes, 0) *
				      sizeof(*f->numbers));
	f->numbers[text_filter_at(f, place, relation)] = number;
	return number;
}

/* ---- the keys of a slot ---- */

struct key_list {
	struct filter_key *v;
	uint32_t n;
};

/* The plain characters from `at` on. */
static struct str plain_run(struct str pattern, uint32_t at)
{
	uint32_t n = at;

	while (n < pattern.len && !strchr("*?[]\\", pattern.p[n]))
		n++;
	return str_sub(pattern, at, n);
}

/* The plain characters at the end. */
static struct str plain_end(struct str pattern)
{
	uint32_t at = pattern.len;

	while (at && !strchr("*?[]\\", pattern.p[at - 1]))
		at--;
	return str_sub(pattern, at, pattern.len);
}

/* The longest run of plain characters that a text with this pattern must have. */
static struct str plain_part(struct str pattern)
{
	struct str best = { 0 };

	/* What is in brackets is no such run, nor is what follows a backslash. */
	for (uint32_t i = 0; i < pattern.len; i++)
		if (pattern.p[i] == '[' || pattern.p[i] == '\\')
			return best;
	for (uint32_t i = 0; i < pattern.len; i++) {
		struct str run = plain_run(pattern, i);

		if (run.len > best.len)
			best = run;
		i += run.len;
	}
	return best;
}

static bool has_odd_key(const struct atom *a)
{
	for (uint32_t i = 0; i < a->consts.n; i++)
		if (str_has_pair(a->consts.v[i].s, '/'))
			return true;
	return false;
}

static bool is_op(const struct atom *a, enum op_id op)
{
	return a->kind == ATOM_TEXT_OP && a->check->op == op;
}

/* How the text of a memo's key decides the check of it. */
static enum filter_key_kind kind_of(const struct atom *a)
{
	if (a->kind == ATOM_TEXT_EQ)
		return a->negate ? FILTER_UNEQUAL : FILTER_EQUAL;
	if (a->kind == ATOM_TEXT_SET)
		return FILTER_EQUAL;
	if (is_op(a, OP_STARTSWITH))
		return FILTER_BEGIN;
	if (is_op(a, OP_GLOB) && plain_end(a->consts.v->s).len >= FILTER_LITERAL_MIN)
		return FILTER_END;
	if (is_op(a, OP_GLOB))
		return plain_run(a->consts.v->s, 0).len ? FILTER_NEED : FILTER_INSIDE;
	if (is_op(a, OP_CONTAINS))
		return FILTER_INSIDE;
	if (is_op(a, OP_ENDSWITH))
		return FILTER_END;
	/* Whether a path is below another is more than its first bytes say. */
	return guard_text_plain_pmatch(a) && !has_odd_key(a) ? FILTER_NEED : FILTER_OPEN;
}

/* Likewise for a check of a piece of the text. */
static enum filter_key_kind kind_of_piece(const struct atom *a, enum text_piece piece)
{
	enum filter_key_kind kind = kind_of(a);
	bool begins = piece == PIECE_BEGIN;

	if (piece != PIECE_BEGIN && piece != PIECE_END)
		return kind;
	switch (kind) {
	case FILTER_EQUAL:
		return begins ? FILTER_NEED : FILTER_END;
	case FILTER_BEGIN:
		return begins ? FILTER_NEED : FILTER_INSIDE;
	case FILTER_NEED:
		return begins ? FILTER_NEED : FILTER_OPEN;
	case FILTER_END:
		return begins ? FILTER_INSIDE : FILTER_END;
	case FILTER_INSIDE:
		return FILTER_INSIDE;
	default:
		return FILTER_OPEN;
	}
}

/* The part of a constant that the filter looks for. */
static struct str text_of(const struct atom *a, const struct value *constant,
			  enum filter_key_kind kind)
{
	if (!is_op(a, OP_GLOB))
		return constant->s;
	if (kind == FILTER_END)
		return plain_end(constant->s);
	return kind == FILTER_INSIDE ? plain_part(constant->s) : plain_run(constant->s, 0);
}

/* `directory`: the check is of the directory of the text. */
static void put_keys(struct key_list *l, const struct atom *a, enum filter_key_kind kind,
		     bool directory)
{
	bool is_top = directory && (a->kind == ATOM_TEXT_EQ || a->kind == ATOM_TEXT_SET);
	uint32_t start = l->n;

	if (kind == FILTER_OPEN)
		return;
	for (uint32_t i = 0; i < a->consts.n; i++) {
		struct str text = text_of(a, &a->consts.v[i], kind);

		if ((kind == FILTER_INSIDE || kind == FILTER_END) &&
		    text.len < FILTER_LITERAL_MIN) {
			/* One that stays open leaves the check open. */
			l->n = start;
			return;
		}
		l->v[l->n++] = (struct filter_key){
			.text = text, .bit = a->memo_bit,
			.kind = (uint8_t)(is_top && str_is(text, "/") ? FILTER_TOP : kind) };
	}
}

/* Set of the checks of the text's alias. NULL: out of memory. */
static uint64_t *checks_of_alias(struct matcher *m, const struct slot *s)
{
	uint64_t *checks = arena_array(&m->arena, s->memo->classes.words, sizeof(*checks));

	for (uint32_t a = 0; checks && a < m->natoms; a++)
		if (m->atoms[a].memo_bit != NO_BIT && m->atoms[a].left == s->alias)
			mask_set(checks, m->atoms[a].memo_bit);
	return checks;
}

int text_filter_prepare(struct matcher *m, uint32_t slot)
{
	struct slot *s = &m->slots[slot];
	struct filter_spec spec = { .nbits = s->memo->nbits };
	struct key_list l = { 0 };
	size_t max = 1;

	for (uint32_t a = 0; a < m->natoms; a++)
		if (m->atoms[a].memo_bit != NO_BIT && m->slots[m->atoms[a].left].key == slot)
			max += m->atoms[a].consts.n;
	l.v = arena_array(&m->arena, max, sizeof(*l.v));
	s->filter = arena_new(&m->arena, struct text_filter);
	if (s->alias != NO_SLOT)
		spec.alias = checks_of_alias(m, s);
	if (!l.v || !s->filter || (s->alias != NO_SLOT && !spec.alias))
		return -ENOMEM;
	for (uint32_t a = 0; a < m->natoms; a++) {
		const struct atom *atom = &m->atoms[a];
		const struct slot *of = &m->slots[atom->left];

		if (atom->memo_bit != NO_BIT && of->key == slot)
			put_keys(&l, atom, kind_of_piece(atom, of->piece),
				 of->piece == PIECE_BEGIN);
	}
	spec.keys = l.v;
	spec.nkeys = l.n;
	return text_filter_init(s->filter, &m->arena, m->limits, &spec);
}
