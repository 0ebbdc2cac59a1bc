/* SPDX-License-Identifier: Apache-2.0 */
/* For test programs: "NAME=VALUE" of the command line sets a limit. */
#ifndef TIERCEL_TEST_LIMIT_ARG_H
#define TIERCEL_TEST_LIMIT_ARG_H

#include "engine/base.h"

/* False: no such limit, or not a number. */
static inline bool limit_arg(const struct limit_info *infos, unsigned n, struct str arg,
			     uint64_t *limits)
{
	for (unsigned i = 0; i < n; i++) {
		struct str name = str_from(infos[i].name);

		if (str_starts(arg, name) && arg.p[name.len] == '=')
			return str_to_u64(str_sub(arg, name.len + 1, arg.len), &limits[i]) == 0;
	}
	return false;
}

#endif
