/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mixes: the class of the process together with the classes of the event's texts. A rule that asks
 * "fd.name is X or fd.realpath is X, and the process is none of these" outlives what each of them
 * says alone; what all together say is found once per mix and list and kept as a mask, like that of
 * a class. Asked by eval.c for rules that are still alive; the table is a cache, entries are
 * overwritten, never wrong.
 */
#ifndef TIERCEL_MIX_H
#define TIERCEL_MIX_H

#include "engine/match/mask.h"
#include "engine/match/program.h"

/* One part per text of the list, after that of the process. 0: not known, or of no matter. */
struct mix_key {
	uint32_t part[1 + RULE_TEXTS_MAX];
	uint32_t stamp;		/* rises when classes are forgotten */
};

struct mix_table {
	struct mix_key *keys;	/* NULL until the first mix */
	uint64_t *masks;	/* per key: rules that are judged, rules that can match */
	uint32_t tried, hit;	/* lately: where mixes hardly ever come again they are left out */
};

/* Leaves the rules in m->live that can match for the process `class` and the texts of the event. */
bool mix_pass(struct matcher *m, const struct rule_list *l, uint32_t class);

#endif
