/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits table: every bound of the engine with its default and a counter of how often it was
 * hit. One instance per engine, passed by pointer; nothing is global.
 */
#ifndef TIERCEL_LIMITS_H
#define TIERCEL_LIMITS_H

#include "engine/base/base.h"

enum limit_id {
#define LIMIT(id, def, counter, help) LIMIT_##id,
#include "engine/base/limits.def"
#undef LIMIT
	LIMIT_COUNT
};

struct limit_info {
	const char *name, *counter, *help;
	uint64_t def;
};

/*
 * A row of a .def file as data; other tables of limits (agent/cri_limits.def) have this form, too.
 */
#define LIMIT_INFO(id, def, counter, help) { #id, counter, help, def }

extern const struct limit_info limit_infos[LIMIT_COUNT];

struct limits {
	uint64_t max[LIMIT_COUNT];
	uint64_t hits[LIMIT_COUNT];
};

void limits_init(struct limits *l);
/* The defaults of a table with `n` rows. */
void limit_defaults(const struct limit_info *infos, unsigned n, uint64_t *ret_max);

/* True when `value` is over the bound; the hit is counted. */
static inline bool limit_over(struct limits *l, enum limit_id id, uint64_t value)
{
	if (likely(value <= l->max[id]))
		return false;
	l->hits[id]++;
	return true;
}

#endif
