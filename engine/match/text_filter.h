/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A first look at a text that decides most checks of it for little: how far it goes along the tree
 * of all constants that texts are compared with or begin with, which most paths leave after a few
 * bytes, and whether it has any of the literals that texts are searched for, with long skips.
 * Where no rule is left that could match, the text is neither hashed nor looked up nor searched.
 * Checks that this does not decide stay open. Built by guard.c with the program, asked by eval.c
 * once per event. Tables are in the program's arena, classes are freed by text_filter_done().
 */
#ifndef TIERCEL_TEXT_FILTER_H
#define TIERCEL_TEXT_FILTER_H

#include "engine/base/arena.h"
#include "engine/match/classes.h"

enum filter_key_kind {
	FILTER_EQUAL,		/* true when the text is the key, else false */
	FILTER_UNEQUAL,		/* the other way round */
	FILTER_BEGIN,		/* true when the text begins with the key, else false */
	FILTER_NEED,		/* false unless the text begins with the key */
	FILTER_TOP,		/* false when the text has a slash behind its first byte */
	FILTER_INSIDE,		/* false unless the key is somewhere in the text */
	FILTER_END,		/* false unless the text ends with the key */
	FILTER_OPEN		/* not decided here */
};

/*
 * A second text that is missing or the same most times: the kernel's path of a file beside the name
 * that the program used. Checks of it share memo and filter of the first one.
 */
enum text_relation { RELATION_MISSING, RELATION_SAME, RELATION_OTHER, RELATIONS };

/* A constant of a check; `bit` is the number of the check. */
struct filter_key {
	struct str text;
	uint32_t bit;
	uint8_t kind;		/* enum filter_key_kind */
	bool cut;		/* private: the tree has no more than its beginning */
	/* Private: of the same node, of literals with the same hash; UINT32_MAX: none. */
	uint32_t next;
};

/* What a filter is made of: checks 0..nbits) and their constants, which must stay. */
struct filter_spec {
	struct filter_key *keys;
	uint32_t nkeys, nbits;
	const uint64_t *alias;	/* checks of the second text; NULL: there is none */
};

#define FILTER_HASHES 4096
#define FILTER_TRIALS 32	/* comparisons of one text with literals; then one is found */
#define FILTER_LITERAL_MIN 4	/* bytes of a literal; shorter ones would make the skips short */

/*
 * Texts that were looked at lately: the same files are opened again and again. Left out for a while
 * where few come again.
 */
enum { FILTER_SEEN = 128, FILTER_SEEN_MIN = 16, FILTER_SEEN_MAX = 56 };
enum { FILTER_SEEN_MISSES = 256, FILTER_SEEN_PAUSE = 4096 };

struct filter_seen {
	uint32_t len;		/* 0: free */
	uint32_t place;
	char text[FILTER_SEEN_MAX];
};

struct text_filter {
	uint16_t class[256];	/* of bytes; 0: no key has it */
	uint32_t nclasses;
	uint16_t *next;		/* node * nclasses + class -> node, 0: none; 0 is the root */
	/* Nodes of "/", and of "/" and one more byte: where all paths begin. */
	uint16_t slash, second[256];
	struct filter_node {
		uint32_t parent, key;
		bool deep;	/* there is a slash on the way, behind the first byte */
	} *nodes;
	uint32_t nnodes;
	/* Literals: so many bytes of each, 0: there are none. */
	uint32_t span;
	uint8_t *skip;		/* bytes to go on, by the last two bytes of a span */
	uint64_t starts[FILTER_HASHES / 64];	/* set of hashes of the first four bytes */
	uint64_t ends[FILTER_HASHES / 64];	/* of the last four bytes of keys of FILTER_END */
	uint32_t *literals;	/* first key by hash & literal_mask, UINT32_MAX: none */
	uint32_t literal_mask;
	const struct filter_key *keys;
	uint32_t words;		/* of one set of checks */
	uint64_t *open;		/* checks that no key decides */
	uint64_t *unequal;	/* checks of FILTER_UNEQUAL */
	uint64_t *inside;	/* checks of FILTER_INSIDE and FILTER_END */
	uint64_t *top;		/* checks of FILTER_TOP */
	bool any_top;
	const uint64_t *alias;	/* checks of the second text, NULL: none */
	uint64_t *truth;	/* of a new place */
	struct filter_seen *seen;	/* direct mapped */
	uint32_t seen_hits, seen_misses;	/* lately */
	uint32_t seen_pause;		/* texts that are not looked for */
	/* Their class, 0: not known, by place, see text_filter_place(), and relation. */
	uint32_t *numbers;
	/* Truths: checks that can be true, then checks that can be false, `words` each. */
	struct classes classes;
};

/* What is added to a node's first place. */
enum { FILTER_GOES_ON = 1, FILTER_LITERAL = 2, FILTER_DEEP = 4, FILTER_PLACES = 8 };

/* 0 or -ENOMEM. */
int text_filter_init(struct text_filter *f, struct arena *a, struct limits *limits,
		     const struct filter_spec *spec);
void text_filter_done(struct text_filter *f);
/* The class of a place that was not seen before; 0: no memory. */
uint32_t text_filter_number(struct text_filter *f, uint32_t place, enum text_relation relation);

/* The text ends with the hash of a literal: with the literal, too? When in doubt: yes. */
bool text_filter_ends(const struct text_filter *f, struct str text);
/* A literal may begin one span before `last`: does one begin there or later? When in doubt: yes. */
bool text_filter_inside(const struct text_filter *f, struct str text, uint32_t last);

static inline uint32_t text_filter_hash(const char *p)
{
	return load_u32(p) * 0x9e3779b1U >> 20;
}

/* Is the hash of these four bytes in the set? */
static inline bool text_filter_has(const uint64_t *set, const char *p)
{
	uint32_t hash = text_filter_hash(p);

	return set[hash / 64] >> (hash % 64) & 1;
}

/* Is one of the literals in the text, or at its end? When in doubt: yes. */
static inline bool text_filter_literal(const struct text_filter *f, struct str text)
{
	uint32_t last = f->span - 1;

	if (text.len >= FILTER_LITERAL_MIN &&
	    unlikely(text_filter_has(f->ends, text.p + text.len - FILTER_LITERAL_MIN)) &&
	    text_filter_ends(f, text))
		return true;
	if (!f->span)
		return false;
	while (last < text.len) {
		uint32_t skip = f->skip[load_u16(text.p + last - 1)];

		if (!skip) {
			if (unlikely(text_filter_has(f->starts, text.p + last + 1 - f->span)))
				return text_filter_inside(f, text, last);
			skip = 1;
		}
		last += skip;
	}
	return false;
}

/* Is there a slash from byte `at` on? */
static inline bool text_filter_slash(struct str text, uint32_t at)
{
	while (at < text.len && text.p[at] != '/')
		at++;
	return at < text.len;
}

/*
 * Node where the text leaves the tree * FILTER_PLACES, + FILTER_GOES_ON if it has more bytes,
 * + FILTER_LITERAL, + FILTER_DEEP if it has a slash behind the first byte and that
 * matters. 0: not a path that is plain to read, nothing can be said.
 */
static inline uint32_t text_filter_place(const struct text_filter *f, struct str text)
{
	uint32_t node, i, next, place;

	if (!text.len || text.p[0] != '/')
		return 0;
	node = f->slash;
	i = node != 0;
	next = likely(text.len > 1) ? f->second[(unsigned char)text.p[1]] : 0;
	while (next) {
		node = next;
		if (++i == text.len)
			break;
		next = f->next[node * f->nclasses + f->class[(unsigned char)text.p[i]]];
	}
	place = node * FILTER_PLACES;
	if (i < text.len) {
		/* Empty components: for pmatch they are not there. */
		if (i && text.p[i] == '/' && text.p[i - 1] == '/')
			return 0;
		place += FILTER_GOES_ON;
	}
	if (f->any_top && (f->nodes[node].deep || text_filter_slash(text, MAX(i, 1U))))
		place += FILTER_DEEP;
	return place + (text_filter_literal(f, text) ? FILTER_LITERAL : 0);
}

static inline uint32_t text_filter_seen_hash(struct str text)
{
	uint64_t mix = load_u64(text.p + text.len - 8) ^ load_u64(text.p + text.len / 2 - 4) << 1;

	return (uint32_t)((mix + text.len) * 0x9e3779b97f4a7c15ULL >> 57);
}

_Static_assert(FILTER_SEEN == 1 << (64 - 57), "bits of text_filter_seen_hash()");

/* Of 16 bytes at least. */
static inline bool text_filter_same(const char *a, const char *b, uint32_t len)
{
	uint64_t other = load_u64(a + len - 8) ^ load_u64(b + len - 8);

	for (uint32_t i = 0; i + 8 < len; i += 8)
		other |= load_u64(a + i) ^ load_u64(b + i);
	return !other;
}

/* The place of a text, which is kept there. */
uint32_t text_filter_see(struct text_filter *f, struct filter_seen *at, struct str text);

/* text_filter_place(), but of texts that were seen lately from memory. */
static inline uint32_t text_filter_find(struct text_filter *f, struct str text)
{
	struct filter_seen *at;

	if (f->seen_pause) {
		f->seen_pause--;
		return text_filter_place(f, text);
	}
	if (text.len < FILTER_SEEN_MIN || text.len > FILTER_SEEN_MAX)
		return text_filter_place(f, text);
	at = &f->seen[text_filter_seen_hash(text)];
	if (at->len != text.len || !text_filter_same(at->text, text.p, text.len))
		return text_filter_see(f, at, text);
	f->seen_hits++;
	return at->place;
}

/* Where the class of a place is in `numbers`. */
static inline uint32_t text_filter_at(const struct text_filter *f, uint32_t place,
				      enum text_relation relation)
{
	return f->alias ? place * RELATIONS + relation : place;
}

/* The class of a text that text_filter_find() has a place for; 0: no memory. */
static inline uint32_t text_filter_class(struct text_filter *f, uint32_t place,
					 enum text_relation relation)
{
	uint32_t at = text_filter_at(f, place, relation);

	return likely(f->numbers[at]) ? f->numbers[at] : text_filter_number(f, place, relation);
}

#endif
