/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits table as data, and its defaults.
 */
#include "engine/base/limits.h"

const struct limit_info limit_infos[LIMIT_COUNT] = {
#define LIMIT(id, def, counter, help) [LIMIT_##id] = { #id, counter, help, def },
#include "engine/base/limits.def"
#undef LIMIT
};

void limits_init(struct limits *l)
{
	for (unsigned i = 0; i < LIMIT_COUNT; i++) {
		l->max[i] = limit_infos[i].def;
		l->hits[i] = 0;
	}
}
