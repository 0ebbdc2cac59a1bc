/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memo of texts, see memo.h. Two-way associative: a text has two places, the one that was not used
 * last is overwritten. Its memory is taken once; classes grow until their bound.
 */
#include "engine/match/memo.h"
#include "engine/base/map.h"

#define SETS_MIN 64
#define SETS_MAX 16384
#define CLASSES_MIN 16

struct memo *memo_new(struct limits *limits)
{
	struct memo *m = calloc(1, sizeof(*m));

	if (m)
		m->limits = limits;
	return m;
}

void memo_free(struct memo *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->nlists; i++) {
		free(m->lists[i].hashes);
		free(m->lists[i].bits);
	}
	free(m->lists);
	free(m->entries);
	free(m->recent);
	free(m);
}

uint32_t memo_add_check(struct memo *m)
{
	uint32_t n = m->nbits++;

	m->words = (m->nbits + 63) / 64;
	return n;
}

int memo_add_list(struct memo *m, uint32_t words, uint32_t *ret_list)
{
	struct memo_list *lists = realloc(m->lists, (m->nlists + 1) * sizeof(*lists));

	if (!lists)
		return -ENOMEM;
	m->lists = lists;
	lists[m->nlists] = (struct memo_list){ .words = words };
	*ret_list = m->nlists++;
	return 0;
}

static size_t text_at(const struct memo *m)
{
	return sizeof(struct memo_entry) + m->nlists * sizeof(uint16_t);
}

static char *text_of(const struct memo *m, struct memo_entry *e)
{
	return (char *)e + text_at(m);
}

static struct memo_entry *entry(const struct memo *m, uint32_t set, uint32_t way)
{
	return (struct memo_entry *)(m->entries + (2 * (size_t)set + way) * m->entry_size);
}

/* Pages that no text fell on stay untouched: zeroes are free entries. */
static bool prepare(struct memo *m)
{
	uint64_t budget = m->limits->max[LIMIT_MEMO_BYTES];

	m->entry_size = align_up(text_at(m) + MEMO_TEXT, sizeof(uint64_t));
	for (m->sets = SETS_MIN; m->sets < SETS_MAX;)
		if ((m->sets *= 2) * 2 * m->entry_size > budget) {
			m->sets /= 2;
			break;
		}
	free(m->recent);
	m->recent = calloc(m->sets, 1);
	m->entries = m->recent ? calloc(2 * (size_t)m->sets, m->entry_size) : NULL;
	return m->entries != NULL;
}

static bool holds(const struct memo *m, struct memo_entry *e, struct str text, uint64_t hash,
		  uint32_t tag)
{
	return e->hash == hash && e->len1 == text.len + 1 && e->tag == tag &&
	       !memcmp(text_of(m, e), text.p, text.len);
}

struct memo_entry *memo_get(struct memo *m, struct str text, uint64_t hash, uint32_t tag)
{
	struct memo_entry *e;
	uint32_t set;

	if (text.len > MEMO_TEXT || (unlikely(!m->entries) && !prepare(m)))
		return NULL;
	set = ((uint32_t)(hash >> 32) + tag) & (m->sets - 1);
	e = entry(m, set, m->recent[set]);
	if (likely(holds(m, e, text, hash, tag)))
		return e;
	m->recent[set] ^= 1;
	e = entry(m, set, m->recent[set]);
	if (holds(m, e, text, hash, tag))
		return e;
	if (e->len1)
		m->limits->hits[LIMIT_MEMO_BYTES]++;
	e->hash = hash;
	e->len1 = text.len + 1;
	e->tag = tag;
	memset(e->classes, 0, m->nlists * sizeof(*e->classes));
	memcpy(text_of(m, e), text.p, text.len);
	return e;
}

uint16_t memo_find_class(const struct memo *m, uint32_t list, const uint64_t *truth)
{
	size_t bytes = m->words * sizeof(*truth);
	const struct memo_list *l = &m->lists[list];
	uint64_t hash = hash_bytes(truth, bytes, 0);

	for (uint32_t i = 0; i < l->n; i++)
		if (l->hashes[i] == hash &&
		    !memcmp(memo_class(m, list, (uint16_t)(i + 1)), truth, bytes))
			return (uint16_t)(i + 1);
	return 0;
}

static bool grow_list(const struct memo *m, struct memo_list *l)
{
	uint32_t cap = l->cap ? 2 * l->cap : CLASSES_MIN;
	uint64_t *hashes, *bits;

	hashes = realloc(l->hashes, cap * sizeof(*hashes));
	if (!hashes)
		return false;
	l->hashes = hashes;
	bits = realloc(l->bits, cap * (size_t)(m->words + l->words) * sizeof(*bits));
	if (!bits)
		return false;
	l->bits = bits;
	l->cap = cap;
	return true;
}

uint16_t memo_add_class(struct memo *m, uint32_t list, const uint64_t *truth)
{
	size_t bytes = m->words * sizeof(*truth);
	struct memo_list *l = &m->lists[list];

	if (limit_over(m->limits, LIMIT_MEMO_CLASSES, l->n + 1ULL)) {
		memset(m->entries, 0, 2 * (size_t)m->sets * m->entry_size);
		l->n = 0;
	}
	if (l->n == l->cap && !grow_list(m, l))
		return 0;
	l->hashes[l->n] = hash_bytes(truth, bytes, 0);
	l->n++;
	memcpy(memo_class(m, list, (uint16_t)l->n), truth, bytes);
	return (uint16_t)l->n;
}
