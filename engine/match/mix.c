/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What process and texts of an event say together, see mix.h. Called by eval.c. Memory is the
 * arena's, taken with the first mix of a list.
 */
#include "engine/match/mix.h"
#include "engine/base/map.h"
#include "engine/match/eval.h"

#define MIXES 256		/* per list, direct mapped */
#define MIX_WORDS_MAX 4		/* of a mask; longer lists would need too much memory */
#define MIX_PERIOD 4096	/* events after which mixes are tried again */
#define MIX_TRIALS 256

/* Where less than one event in four saves something, the walks cost more than the rules' code. */
static bool mix_pays(struct mix_table *t)
{
	if (t->tried >= MIX_PERIOD)
		t->tried = t->hit = 0;
	t->tried++;
	return t->tried <= MIX_TRIALS || t->hit > MIX_TRIALS / 4;
}

static bool make_table(struct matcher *m, struct mix_table *t, uint32_t words)
{
	if (t->keys)
		return true;
	t->masks = arena_array(&m->arena, 2ULL * MIXES * words, sizeof(*t->masks));
	if (t->masks)
		t->keys = arena_array(&m->arena, MIXES, sizeof(*t->keys));
	return t->keys;
}

/* Only what is known of this event: other parts of it are open. Returns the place of the mix. */
static uint32_t make_key(const struct matcher *m, const struct rule_list *l, uint32_t class,
			 struct mix_key *ret)
{
	uint64_t hash = class;

	*ret = (struct mix_key){ .part[0] = class,
				 .stamp = m->mix_stamp + m->processes.generation };
	for (uint32_t i = 0; i < l->ntexts; i++) {
		const struct slot *s = &m->slots[l->texts[i].slot];

		if (s->truth_epoch == m->epoch)
			ret->part[1 + i] = s->class;
		hash = hash * 31 + ret->part[1 + i];
	}
	return hash_u64(hash) % MIXES;
}

static enum truth known_truth(void *ctx, uint32_t atom)
{
	const struct matcher *m = ctx;
	const struct atom *a = &m->atoms[atom];
	const struct slot *s, *key;

	if (a->fact != NO_BIT && m->process)
		return mask_has(m->process, a->fact) ? TRUTH_TRUE : TRUTH_FALSE;
	if (a->memo_bit == NO_BIT)
		return TRUTH_UNKNOWN;
	s = &m->slots[a->left];
	key = &m->slots[s->key];
	if (key->truth_epoch != m->epoch || !eval_decided(s, key->truth))
		return TRUTH_UNKNOWN;
	return mask_has(key->truth, a->memo_bit) ? TRUTH_TRUE : TRUTH_FALSE;
}

/* Judges the live rules that nobody has asked for yet. True: there were some. */
static bool judge_live(struct matcher *m, const struct rule_list *l, uint64_t *judged,
		       uint64_t *alive)
{
	bool any = false;

	for (uint32_t i = 0; i < l->words; i++)
		for (uint64_t left = m->live[i] & ~judged[i]; left; left &= left - 1) {
			uint32_t r = i * 64 + (uint32_t)__builtin_ctzll(left);

			if (guard_can_match(m, l->entries[r].pc, known_truth, m))
				mask_set(alive, r);
			mask_set(judged, r);
			any = true;
		}
	return any;
}

bool mix_pass(struct matcher *m, const struct rule_list *l, uint32_t class)
{
	struct mix_table *t = l->mixes;
	struct mix_key key;
	uint64_t *judged, *alive, out = 0;
	uint32_t place;

	if (l->words > MIX_WORDS_MAX || !mix_pays(t) || !make_table(m, t, l->words))
		return true;
	place = make_key(m, l, class, &key);
	judged = t->masks + 2ULL * place * l->words;
	alive = judged + l->words;
	if (memcmp(&t->keys[place], &key, sizeof(key))) {
		t->keys[place] = key;
		memset(judged, 0, 2 * l->words * sizeof(*judged));
	}
	if (unlikely(judge_live(m, l, judged, alive)))
		return mask_and(m->live, alive, l->words);
	for (uint32_t i = 0; i < l->words; i++)
		out |= m->live[i] & ~alive[i];
	t->hit += out != 0;
	return mask_and(m->live, alive, l->words);
}
