/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memo of texts, see memo.h. Two-way associative: a text has two places, the one that was not used
 * last is overwritten. Memory is taken once.
 */
#include "engine/match/memo.h"

struct memo *memo_new(void)
{
	return calloc(1, sizeof(struct memo));
}

void memo_free(struct memo *m)
{
	if (!m)
		return;
	free(m->entries);
	free(m);
}

uint32_t memo_add_check(struct memo *m)
{
	uint32_t n = m->nbits++;

	m->words = (m->nbits + 63) / 64;
	m->nwords = 2 * m->words;
	return n;
}

uint32_t memo_add_list(struct memo *m, uint32_t words)
{
	uint32_t at = m->nwords;

	m->nwords += 2 * words;
	return at;
}

static struct memo_entry *entry(const struct memo *m, uint32_t set, uint32_t way)
{
	return (struct memo_entry *)(m->entries + (2 * (size_t)set + way) * m->entry_size);
}

static bool prepare(struct memo *m)
{
	m->entry_size = sizeof(struct memo_entry) + m->nwords * sizeof(uint64_t);
	m->entries = calloc(2 * MEMO_SETS, m->entry_size);
	if (!m->entries)
		return false;
	for (uint32_t i = 0; i < 2 * MEMO_SETS; i++)
		entry(m, i / 2, i % 2)->len = UINT32_MAX;
	return true;
}

static bool holds(const struct memo_entry *e, struct str text, uint64_t hash, uint32_t tag)
{
	return e->hash == hash && e->len == text.len && e->tag == tag &&
	       !memcmp(e->text, text.p, text.len);
}

struct memo_entry *memo_get(struct memo *m, struct str text, uint64_t hash, uint32_t tag)
{
	uint32_t set = ((uint32_t)(hash >> 32) + tag) % MEMO_SETS;
	struct memo_entry *e;

	if (text.len > MEMO_TEXT || (!m->entries && !prepare(m)))
		return NULL;
	e = entry(m, set, m->recent[set]);
	if (likely(holds(e, text, hash, tag)))
		return e;
	m->recent[set] ^= 1;
	e = entry(m, set, m->recent[set]);
	if (holds(e, text, hash, tag))
		return e;
	e->hash = hash;
	e->len = text.len;
	e->tag = tag;
	memcpy(e->text, text.p, text.len);
	memset(e->data, 0, m->nwords * sizeof(uint64_t));
	return e;
}
