/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memo of texts, see memo.h. Called by guard.c when a program is made and by eval.c. Memory is
 * taken with the first text, and more when as many texts were new as there are places and others
 * came again: what was known then is found anew. All memos of a program share the limit.
 */
#include "engine/match/memo.h"

#define SETS_MIN 4
#define SETS_MAX 8192
#define TEXTS_MIN (4 * MEMO_TEXT)
#define BYTES_FIRST (64U << 10)
#define GROWTH 4
#define AGAIN_SHARE 32		/* one new text in so many was known before: more room is of use */
/* Of the bytes: one part in so many is for serials, one for entries, the rest for texts. */
#define SERIAL_SHARE 8
#define ENTRY_SHARE 3

struct memo *memo_new(struct limits *limits, uint64_t *total)
{
	struct memo *m = calloc(1, sizeof(*m));

	if (m) {
		m->limits = limits;
		m->total = total;
		classes_init(&m->classes, limits);
	}
	return m;
}

static void drop_tables(struct memo *m)
{
	free(m->serials);
	free(m->entries);
	free(m->texts);
	free(m->seen);
}

void memo_free(struct memo *m)
{
	if (!m)
		return;
	classes_done(&m->classes);
	drop_tables(m);
	*m->total -= m->bytes;
	free(m);
}

uint32_t memo_add_check(struct memo *m)
{
	uint32_t n = m->nbits++;

	m->classes.words = (m->nbits + 63) / 64;
	return n;
}

static uint32_t sets_within(uint64_t bytes, size_t set_size)
{
	uint32_t sets = SETS_MIN;

	while (sets < SETS_MAX && 2 * sets * set_size <= bytes)
		sets *= 2;
	return sets;
}

/* Empty tables of so many bytes. False: no memory, and the old ones stay. */
static bool make_tables(struct memo *m, uint64_t bytes)
{
	size_t serial_set = MEMO_WAYS * sizeof(*m->serials);
	size_t entry_set = MEMO_WAYS * sizeof(*m->entries);
	uint32_t nserials = sets_within(bytes / SERIAL_SHARE, serial_set);
	uint32_t nentries = sets_within(bytes / ENTRY_SHARE, entry_set);
	size_t seen_set = MEMO_WAYS * GROWTH * sizeof(*m->seen);
	uint64_t tables = nserials * serial_set + nentries * (entry_set + seen_set);
	uint64_t left = bytes > tables + TEXTS_MIN ? bytes - tables : TEXTS_MIN;
	uint64_t texts_size = MIN(left, (uint64_t)UINT32_MAX);
	struct memo new = { .texts = malloc(texts_size), .serials = calloc(nserials, serial_set),
			    .entries = calloc(nentries, entry_set),
			    .seen = calloc(nentries, seen_set) };

	if (!new.texts || !new.serials || !new.entries || !new.seen) {
		drop_tables(&new);
		return false;
	}
	drop_tables(m);
	m->texts = new.texts;
	m->serials = new.serials;
	m->entries = new.entries;
	m->seen = new.seen;
	m->texts_size = texts_size;
	m->texts_end = m->texts_at = 0;
	m->serial_mask = nserials - 1;
	m->entry_mask = nentries - 1;
	*m->total += tables + texts_size - m->bytes;
	m->bytes = tables + texts_size;
	return true;
}

/* What this memo may use. */
static uint64_t room_of(const struct memo *m)
{
	uint64_t budget = m->limits->max[LIMIT_MEMO_BYTES], others = *m->total - m->bytes;

	return budget > others ? budget - others : 0;
}

/* Tables for the next text: the first ones, or larger ones when the old ones were filled. */
static bool prepare(struct memo *m)
{
	uint64_t room = room_of(m), want = m->entries ? GROWTH * m->bytes : BYTES_FIRST;
	bool grows = m->again >= m->fresh / AGAIN_SHARE;

	m->fresh = m->again = 0;
	/* Little more is not worth to forget everything. */
	m->full = room < (m->entries ? 2 * m->bytes : want);
	if (!m->entries)
		return make_tables(m, MIN(room, want));
	if (grows && !m->full)
		make_tables(m, MIN(room, want));
	return true;
}

static bool is_filled(const struct memo *m)
{
	return !m->entries || m->fresh > MEMO_WAYS * m->entry_mask;
}

/* Has nothing been written over its bytes? */
static bool is_alive(const struct memo *m, const struct memo_entry *e)
{
	return e->len1 && m->texts_end - e->pos <= m->texts_size;
}

static bool holds(const struct memo *m, const struct memo_entry *e, struct str text, uint64_t hash,
		  uint32_t tag)
{
	return e->hash == hash && e->len1 == text.len + 1 && e->tag == tag &&
	       m->texts_end - e->pos <= m->texts_size &&
	       !memcmp(m->texts + e->at, text.p, text.len);
}

/* Bytes of one text lie in one piece: what is left at the end of the ring is skipped. */
static void put_text(struct memo *m, struct memo_entry *e, struct str text)
{
	uint64_t left = m->texts_size - m->texts_at;

	if (left < text.len) {
		m->texts_end += left;
		m->texts_at = 0;
	}
	e->pos = m->texts_end;
	e->at = m->texts_at;
	if (text.len)
		memcpy(m->texts + e->at, text.p, text.len);
	m->texts_end += text.len;
	m->texts_at += text.len;
}

/* How many of the new ones would have been known with more room? */
static void note_new(struct memo *m, uint64_t hash)
{
	uint32_t places = MEMO_WAYS * (m->entry_mask + 1);
	uint16_t *seen = &m->seen[hash % (GROWTH * places)], part = (uint16_t)(hash >> 48);

	m->fresh++;
	m->again += *seen == part;
	*seen = part;
}

/* A free place of the set, or that of the next victim. */
static struct memo_entry *free_entry(struct memo *m, struct memo_entry *set)
{
	for (uint32_t i = 0; i < MEMO_WAYS; i++)
		if (!is_alive(m, &set[i]))
			return &set[i];
	m->limits->hits[LIMIT_MEMO_BYTES] += m->full;
	return &set[m->victim++ % MEMO_WAYS];
}

struct memo_entry *memo_get(struct memo *m, struct str text, uint64_t hash, uint32_t tag)
{
	struct memo_entry *set, *e;

	if (text.len > MEMO_TEXT || (unlikely(is_filled(m)) && !prepare(m)))
		return NULL;
	set = &m->entries[MEMO_WAYS * (size_t)(((hash >> 32) + tag) & m->entry_mask)];
	for (uint32_t i = 0; i < MEMO_WAYS; i++)
		if (holds(m, &set[i], text, hash, tag))
			return &set[i];
	e = free_entry(m, set);
	note_new(m, hash);
	*e = (struct memo_entry){ .hash = hash, .len1 = text.len + 1, .tag = tag };
	put_text(m, e, text);
	return e;
}

void memo_note(struct memo *m, uint64_t serial, uint32_t tag, uint32_t class)
{
	struct memo_serial *set;

	if (!m->serials && !prepare(m))
		return;
	set = &m->serials[MEMO_WAYS * (size_t)(serial & m->serial_mask)];
	set[m->victim++ % MEMO_WAYS] = (struct memo_serial){ serial, tag, class };
}

void memo_forget(struct memo *m)
{
	if (!m->entries)
		return;
	memset(m->entries, 0, (m->entry_mask + 1ULL) * MEMO_WAYS * sizeof(*m->entries));
	memset(m->serials, 0, (m->serial_mask + 1ULL) * MEMO_WAYS * sizeof(*m->serials));
}
