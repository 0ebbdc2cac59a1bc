/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The limits table as data, and its defaults.
 */
#include "engine/base/limits.h"

const struct limit_info limit_infos[LIMIT_COUNT] = {
#define LIMIT(id, def, counter, help) [LIMIT_##id] = LIMIT_INFO(id, def, counter, help),
#include "engine/base/limits.def"
#undef LIMIT
};

void limit_defaults(const struct limit_info *infos, unsigned n, uint64_t *ret_max)
{
	for (unsigned i = 0; i < n; i++)
		ret_max[i] = infos[i].def;
}

void limits_init(struct limits *l)
{
	*l = (struct limits){ 0 };
	limit_defaults(limit_infos, LIMIT_COUNT, l->max);
}
