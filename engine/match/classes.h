/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classes: texts, or processes, for which all checks of a kind give the same results are one class.
 * There are few, so what the results say about the rules of a list is found once per class and list
 * and kept as a mask of the rules that can still match. Used by memo.c (texts of one operand) and
 * by eval.c (processes). Everything is owned by the table; its size is bounded by
 * LIMIT_MEMO_CLASSES.
 */
#ifndef TIERCEL_CLASSES_H
#define TIERCEL_CLASSES_H

#include "engine/base/limits.h"

/* What is known about the rules of one list, per class. */
struct class_masks {
	uint32_t words;		/* of a mask */
	uint32_t cap;		/* classes that there is room for */
	uint64_t *rules;	/* mask of the rules that can match, by number - 1 */
	uint8_t *judged;	/* enum class_judged, likewise */
};

enum class_judged { CLASS_NEW, CLASS_ALIVE, CLASS_DEAD };	/* not judged, some rules, none */

struct classes {
	uint32_t words;		/* of the results */
	uint32_t n, cap;	/* numbers 1..n are in use */
	uint64_t *truth;	/* results, by number - 1 */
	uint32_t *index;	/* hash table of numbers, 0: free */
	uint32_t index_mask;
	uint32_t generation;	/* rises when all classes are forgotten */
	struct class_masks *lists;
	uint32_t nlists;
	struct limits *limits;
};

void classes_init(struct classes *c, struct limits *limits);
void classes_done(struct classes *c);
/* A rule list of `words` mask words. 0 or -ENOMEM. */
int classes_add_list(struct classes *c, uint32_t words, uint32_t *ret_list);
/*
 * The class with these results (c->words of them), a new one if need be. 0: no memory. When there
 * are too many all are forgotten first: c->generation tells.
 */
uint32_t classes_number(struct classes *c, const uint64_t *truth);
/* Room for the mask of a class. False: no memory. */
bool classes_reserve(struct classes *c, uint32_t list, uint32_t number);

static inline const uint64_t *classes_truth(const struct classes *c, uint32_t number)
{
	return &c->truth[(number - 1) * (size_t)c->words];
}

static inline uint64_t *classes_mask(const struct classes *c, uint32_t list, uint32_t number)
{
	const struct class_masks *l = &c->lists[list];

	return &l->rules[(number - 1) * (size_t)l->words];
}

static inline enum class_judged classes_judged(const struct classes *c, uint32_t list,
					       uint32_t number)
{
	const struct class_masks *l = &c->lists[list];

	return number <= l->cap ? (enum class_judged)l->judged[number - 1] : CLASS_NEW;
}

#endif
