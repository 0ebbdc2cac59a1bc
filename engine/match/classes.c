/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes by their results, see classes.h. Called by memo.c and eval.c for what was not seen
 * before.
 */
#include "engine/match/classes.h"
#include "engine/base/map.h"

#define CLASSES_MIN 16

void classes_init(struct classes *c, struct limits *limits)
{
	*c = (struct classes){ .limits = limits };
}

void classes_done(struct classes *c)
{
	for (uint32_t i = 0; i < c->nlists; i++) {
		free(c->lists[i].rules);
		free(c->lists[i].judged);
	}
	free(c->lists);
	free(c->truth);
	free(c->index);
	*c = (struct classes){ 0 };
}

int classes_add_list(struct classes *c, uint32_t words, uint32_t *ret_list)
{
	struct class_masks *lists = realloc(c->lists, (c->nlists + 1) * sizeof(*lists));

	if (!lists)
		return -ENOMEM;
	c->lists = lists;
	lists[c->nlists] = (struct class_masks){ .words = words };
	*ret_list = c->nlists++;
	return 0;
}

/* The place of these results in the index. */
static uint32_t *place_of(const struct classes *c, const uint64_t *truth)
{
	size_t bytes = c->words * sizeof(*truth);
	uint32_t i = (uint32_t)hash_bytes(truth, bytes, 0) & c->index_mask;

	while (c->index[i] && memcmp(classes_truth(c, c->index[i]), truth, bytes))
		i = (i + 1) & c->index_mask;
	return &c->index[i];
}

static bool grow(struct classes *c)
{
	uint32_t cap = c->cap ? 2 * c->cap : CLASSES_MIN;
	uint64_t *truth = realloc(c->truth, cap * (size_t)MAX(c->words, 1U) * sizeof(*truth));
	uint32_t *index;

	if (!truth)
		return false;
	c->truth = truth;
	index = calloc(2 * (size_t)cap, sizeof(*index));
	if (!index)
		return false;
	free(c->index);
	c->index = index;
	c->index_mask = 2 * cap - 1;
	c->cap = cap;
	for (uint32_t i = 1; i <= c->n; i++)
		*place_of(c, classes_truth(c, i)) = i;
	return true;
}

static void forget(struct classes *c)
{
	c->n = 0;
	c->generation++;
	memset(c->index, 0, (c->index_mask + 1ULL) * sizeof(*c->index));
	for (uint32_t i = 0; i < c->nlists; i++)
		if (c->lists[i].cap)
			memset(c->lists[i].judged, CLASS_NEW, c->lists[i].cap);
}

uint32_t classes_number(struct classes *c, const uint64_t *truth)
{
	uint32_t *place;

	if (c->n) {
		place = place_of(c, truth);
		if (*place)
			return *place;
		if (limit_over(c->limits, LIMIT_MEMO_CLASSES, c->n + 1ULL))
			forget(c);
	}
	if (c->n == c->cap && !grow(c))
		return 0;
	place = place_of(c, truth);
	*place = ++c->n;
	memcpy(c->truth + (c->n - 1) * (size_t)c->words, truth, c->words * sizeof(*truth));
	return c->n;
}

bool classes_reserve(struct classes *c, uint32_t list, uint32_t number)
{
	struct class_masks *l = &c->lists[list];
	uint64_t *rules;
	uint8_t *judged;

	if (number <= l->cap)
		return true;
	rules = realloc(l->rules, c->cap * (size_t)l->words * sizeof(*rules));
	if (!rules)
		return false;
	l->rules = rules;
	judged = realloc(l->judged, c->cap);
	if (!judged)
		return false;
	l->judged = judged;
	memset(judged + l->cap, CLASS_NEW, c->cap - l->cap);
	l->cap = c->cap;
	return true;
}
