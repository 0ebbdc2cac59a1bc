/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking a key up in a join (struct join in program.h); join.c builds them.
 */
#ifndef TIERCEL_JOIN_H
#define TIERCEL_JOIN_H

#include "engine/base/map.h"

/* The hash of a key, text by text; starts at 0. */
static inline uint64_t join_hash(uint64_t before, uint64_t text_hash)
{
	return hash_u64(before ^ text_hash);
}

#endif
