/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Index of the constants of many checks, see text_index.h.
 */
#include "engine/match/text_index.h"
#include "engine/base/map.h"

static int by_text(const void *a, const void *b)
{
	const struct text_key *x = a, *y = b;
	int c = str_cmp(x->text, y->text);

	return c ? c : (x->bit > y->bit) - (x->bit < y->bit);
}

/* The run of keys with the text of keys[i]: its bits, each once. Returns the end of the run. */
static uint32_t take_run(struct text_index *x, const struct text_key *keys, uint32_t n, uint32_t i,
			 struct text_bits *ret)
{
	uint32_t k = i;

	*ret = (struct text_bits){ .first = x->nbits };
	for (; k < n && str_eq(keys[k].text, keys[i].text); k++)
		if (k == i || keys[k].bit != keys[k - 1].bit)
			x->bits[x->nbits++] = keys[k].bit;
	ret->n = x->nbits - ret->first;
	return k;
}

/* The number of the constant, from 1 on; a new one has no bits yet. */
static uint32_t const_number(struct text_index *x, struct str text)
{
	uint64_t hash = hash_str(text);
	uint32_t i = (uint32_t)hash & x->mask;
	struct text_place *p;

	for (; (p = &x->places[i])->number; i = (i + 1) & x->mask)
		if (p->hash == hash >> 32 && str_eq(x->consts[p->number - 1].text, text))
			return p->number;
	x->consts[x->nconsts++] = (struct text_const){ .text = text };
	*p = (struct text_place){ (uint32_t)(hash >> 32), x->nconsts };
	x->lens |= 1ULL << MIN(text.len, 63U);
	return x->nconsts;
}

/*
 * Keys come in the order of their bits, so a bit that a constant has twice comes twice in a row.
 * First how many bits each constant may have, then where they begin, then the bits.
 */
static void add_const_bits(struct text_index *x, const struct text_key *keys, uint32_t n,
			   uint32_t *numbers)
{
	for (uint32_t i = 0; i < n; i++) {
		numbers[i] = const_number(x, keys[i].text);
		x->consts[numbers[i] - 1].bits.first++;
	}
	for (uint32_t i = 0; i < x->nconsts; i++) {
		uint32_t count = x->consts[i].bits.first;

		x->consts[i].bits.first = x->nbits;
		x->nbits += count;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct text_bits *bits = &x->consts[numbers[i] - 1].bits;
		uint32_t *end = &x->bits[bits->first + bits->n];

		if (bits->n && end[-1] == keys[i].bit)
			continue;
		*end = keys[i].bit;
		bits->n++;
	}
}

static bool add_consts(struct text_index *x, struct arena *a, const struct text_key *keys,
		       uint32_t n)
{
	uint32_t cap = 4, *numbers;

	while (cap < n * 2ULL && cap < 1U << 31)
		cap *= 2;
	x->consts = arena_alloc(a, n * sizeof(*x->consts));
	x->places = arena_array(a, cap, sizeof(*x->places));
	numbers = calloc(n, sizeof(*numbers));
	x->mask = cap - 1;
	if (x->consts && x->places && numbers)
		add_const_bits(x, keys, n, numbers);
	free(numbers);
	return x->consts && x->places && numbers;
}

/* ---- trees of bytes ---- */

/* Byte `i` of a text, from its end for suffixes. */
static char byte_at(struct str text, uint32_t i, bool from_end)
{
	return text.p[from_end ? text.len - 1 - i : i];
}

static uint32_t find_child(const struct text_trie *t, uint32_t node, char byte)
{
	uint32_t i = t->nodes[node].child;

	while (i && t->nodes[i].byte != byte)
		i = t->nodes[i].sibling;
	return i;
}

/* The node where the text ends. */
static struct text_node *add_text(struct text_trie *t, struct str text, bool from_end)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < text.len; i++) {
		char byte = byte_at(text, i, from_end);
		uint32_t next = find_child(t, at, byte);

		if (!next) {
			next = t->n++;
			t->nodes[next] = (struct text_node){ .byte = byte,
							     .sibling = t->nodes[at].child };
			t->nodes[at].child = next;
		}
		at = next;
	}
	return &t->nodes[at];
}

static void add_texts(struct text_index *x, struct text_trie *t, struct text_keys *keys,
		      enum text_key_kind kind)
{
	struct text_key *v = keys->v[kind];
	uint32_t n = keys->n[kind];
	struct text_bits bits;

	qsort(v, n, sizeof(*v), by_text);
	for (uint32_t i = 0, end; i < n; i = end) {
		struct text_node *node = add_text(t, v[i].text, kind == TEXT_SUFFIX);

		end = take_run(x, v, n, i, &bits);
		if (kind == TEXT_ABOVE)
			node->above = bits;
		else
			node->bits = bits;
	}
}

static bool init_trie(struct text_trie *t, struct arena *a, const struct text_keys *keys,
		      enum text_key_kind kind, enum text_key_kind also)
{
	const enum text_key_kind kinds[] = { kind, also };
	size_t bytes = 1;

	if (!keys->n[kind] && !keys->n[also])
		return true;
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
		for (uint32_t i = 0; i < keys->n[kinds[k]]; i++)
			bytes += keys->v[kinds[k]][i].text.len;
	/* As many at most: nodes are filled when they are added. */
	t->nodes = bytes > UINT32_MAX ? NULL : arena_alloc(a, bytes * sizeof(*t->nodes));
	if (!t->nodes)
		return false;
	t->nodes[0] = (struct text_node){ 0 };
	t->n = 1;
	return true;
}

static bool init_tries(struct text_index *x, struct arena *a, struct text_keys *keys)
{
	if (!init_trie(&x->prefixes, a, keys, TEXT_PREFIX, TEXT_ABOVE) ||
	    !init_trie(&x->suffixes, a, keys, TEXT_SUFFIX, TEXT_SUFFIX))
		return false;
	add_texts(x, &x->prefixes, keys, TEXT_PREFIX);
	add_texts(x, &x->prefixes, keys, TEXT_ABOVE);
	add_texts(x, &x->suffixes, keys, TEXT_SUFFIX);
	return true;
}

static bool init_literals(struct arena *a, const struct text_keys *keys, enum text_key_kind kind,
			  struct literals **ret)
{
	if (keys->n[kind])
		*ret = literals_new(a, keys->v[kind], keys->n[kind], kind == TEXT_INSIDE_FOLD);
	return !keys->n[kind] || *ret;
}

int text_index_init(struct text_index *x, struct arena *a, struct text_keys *keys)
{
	size_t bits = 1;

	for (unsigned kind = 0; kind < TEXT_KINDS; kind++)
		bits += keys->n[kind];
	*x = (struct text_index){ .bits = arena_array(a, bits, sizeof(*x->bits)) };
	if (!x->bits || !init_tries(x, a, keys) ||
	    (keys->n[TEXT_EQUAL] &&
	     !add_consts(x, a, keys->v[TEXT_EQUAL], keys->n[TEXT_EQUAL])) ||
	    !init_literals(a, keys, TEXT_INSIDE, &x->inside) ||
	    !init_literals(a, keys, TEXT_INSIDE_FOLD, &x->inside_fold))
		return -ENOMEM;
	return 0;
}

/* ---- asking ---- */

static void find_const(const struct text_index *x, struct str text, uint64_t hash, uint64_t *truth)
{
	const struct text_place *p;

	for (uint32_t i = (uint32_t)hash & x->mask; (p = &x->places[i])->number;
	     i = (i + 1) & x->mask) {
		const struct text_const *c = &x->consts[p->number - 1];

		if (p->hash != hash >> 32 || !str_eq(c->text, text))
			continue;
		for (uint32_t k = c->bits.first; k < c->bits.first + c->bits.n; k++)
			truth[x->bits[k] / 64] ^= 1ULL << (x->bits[k] % 64);
		return;
	}
}

static void set_bits(const struct text_index *x, struct text_bits bits, uint64_t *truth)
{
	for (uint32_t k = bits.first; k < bits.first + bits.n; k++)
		truth[x->bits[k] / 64] |= 1ULL << (x->bits[k] % 64);
}

static void walk(const struct text_index *x, const struct text_trie *t, struct str text,
		 bool from_end, uint64_t *truth)
{
	uint32_t at = 0, i = 0;

	do {
		set_bits(x, t->nodes[at].bits, truth);
		if (i == text.len || text.p[i] == '/')
			set_bits(x, t->nodes[at].above, truth);
		at = i < text.len ? find_child(t, at, byte_at(text, i, from_end)) : 0;
		i++;
	} while (at);
}

void text_index_find(const struct text_index *x, struct str text, uint64_t hash, uint64_t *truth)
{
	if (x->places && x->lens >> MIN(text.len, 63U) & 1)
		find_const(x, text, hash, truth);
	if (x->prefixes.nodes)
		walk(x, &x->prefixes, text, false, truth);
	if (x->suffixes.nodes)
		walk(x, &x->suffixes, text, true, truth);
	if (x->inside)
		literals_find(x->inside, text, truth);
	if (x->inside_fold)
		literals_find(x->inside_fold, text, truth);
}

bool text_is_path(struct str text)
{
	return text.len && text.p[0] == '/' && !str_has_pair(text, '/');
}
