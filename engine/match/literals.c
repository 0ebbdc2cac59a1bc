/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Automaton for many literals, see literals.h.
 */
#include "engine/match/literals.h"

#define NO_BIT UINT32_MAX

static unsigned char fold_byte(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

/* Class 0 are the bytes that no literal has. */
static void find_classes(struct literals *l, const struct text_key *keys, uint32_t n, bool fold)
{
	l->nclasses = 1;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < keys[i].text.len; k++) {
			unsigned char c = (unsigned char)keys[i].text.p[k];

			if (fold)
				c = fold_byte(c);
			if (!l->class[c])
				l->class[c] = (uint16_t)l->nclasses++;
		}
	for (unsigned c = 'A'; fold && c <= 'Z'; c++)
		l->class[c] = l->class[fold_byte((unsigned char)c)];
}

/* What is known of states while they are made, by state. */
struct tree {
	uint32_t *child, *sibling;	/* 0: none */
	uint32_t *class;		/* of the byte that leads here */
	uint32_t *fail;			/* where to go on when no child fits */
	uint32_t *queue;
};

static int tree_init(struct tree *t, size_t states)
{
	t->child = calloc(5 * states, sizeof(*t->child));
	if (!t->child)
		return -ENOMEM;
	t->sibling = t->child + states;
	t->class = t->sibling + states;
	t->fail = t->class + states;
	t->queue = t->fail + states;
	return 0;
}

static uint32_t get_next(const struct literals *l, uint32_t state, uint32_t class)
{
	size_t i = (size_t)state * l->nclasses + class;

	return l->wide ? l->wide[i] : l->next[i];
}

static void set_next(struct literals *l, uint32_t state, uint32_t class, uint32_t next)
{
	size_t i = (size_t)state * l->nclasses + class;

	if (l->wide)
		l->wide[i] = next;
	else
		l->next[i] = (uint16_t)next;
}

static void copy_next(struct literals *l, uint32_t to, uint32_t from)
{
	size_t i = (size_t)to * l->nclasses, k = (size_t)from * l->nclasses;

	if (l->wide)
		memcpy(l->wide + i, l->wide + k, l->nclasses * sizeof(*l->wide));
	else
		memcpy(l->next + i, l->next + k, l->nclasses * sizeof(*l->next));
}

static uint32_t new_state(struct literals *l, struct tree *t, uint32_t at, uint32_t class)
{
	uint32_t s = l->nstates++;

	l->states[s] = (struct literals_state){ .bit = NO_BIT };
	t->class[s] = class;
	t->sibling[s] = t->child[at];
	t->child[at] = s;
	set_next(l, at, class, s);
	return s;
}

static void add(struct literals *l, struct tree *t, uint32_t *same, const struct text_key *key)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < key->text.len; i++) {
		uint32_t class = l->class[(unsigned char)key->text.p[i]];
		uint32_t next = get_next(l, at, class);

		at = next ? next : new_state(l, t, at, class);
	}
	same[key->bit] = l->states[at].bit;
	l->states[at].bit = key->bit;
	l->states[at].hit = true;
}

/* Where to go on when the next byte is not that of a longer literal, breadth first. */
static void complete(struct literals *l, struct tree *t)
{
	uint32_t head = 0, tail = 0;

	for (uint32_t c = t->child[0]; c; c = t->sibling[c])
		t->queue[tail++] = c;
	while (head < tail) {
		uint32_t s = t->queue[head++], f = t->fail[s];

		l->states[s].more = l->states[f].bit != NO_BIT ? f : l->states[f].more;
		l->states[s].hit |= l->states[f].hit;
		/* As at `fail`, but for the children. */
		copy_next(l, s, f);
		for (uint32_t c = t->child[s]; c; c = t->sibling[c]) {
			t->fail[c] = get_next(l, f, t->class[c]);
			set_next(l, s, t->class[c], c);
			t->queue[tail++] = c;
		}
	}
}

struct literals *literals_new(struct arena *a, const struct text_key *keys, uint32_t n, bool fold)
{
	struct literals *l = arena_new(a, struct literals);
	uint32_t *same, nbits = 1;
	size_t states = 1;
	struct tree t;

	for (uint32_t i = 0; i < n; i++) {
		states += keys[i].text.len;
		nbits = MAX(nbits, keys[i].bit + 1);
	}
	if (!l || states > UINT32_MAX / 256 || tree_init(&t, states))
		return NULL;
	find_classes(l, keys, n, fold);
	if (states > UINT16_MAX)
		l->wide = arena_array(a, states * l->nclasses, sizeof(*l->wide));
	else
		l->next = arena_array(a, states * l->nclasses, sizeof(*l->next));
	l->states = arena_array(a, states, sizeof(*l->states));
	same = arena_array(a, nbits, sizeof(*same));
	if ((l->next || l->wide) && l->states && same) {
		l->states[l->nstates++].bit = NO_BIT;
		for (uint32_t i = 0; i < n; i++)
			add(l, &t, same, &keys[i]);
		complete(l, &t);
		l->same = same;
	}
	free(t.child);
	return l->same ? l : NULL;
}

static void note(const struct literals *l, uint32_t state, uint64_t *truth)
{
	for (; state; state = l->states[state].more)
		for (uint32_t bit = l->states[state].bit; bit != NO_BIT; bit = l->same[bit])
			truth[bit / 64] |= 1ULL << (bit % 64);
}

void literals_find(const struct literals *l, struct str text, uint64_t *truth)
{
	uint32_t state = 0;

	for (uint32_t i = 0; i < text.len; i++) {
		state = get_next(l, state, l->class[(unsigned char)text.p[i]]);
		if (unlikely(l->states[state].hit))
			note(l, state, truth);
	}
}
