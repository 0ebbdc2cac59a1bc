/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which networks an address lies in, for the constants of all checks of one operand at once. The
 * networks, nested or not, cut the addresses into ranges; a range has the bits of all checks with a
 * network around it, so that finding the last range that begins at or before an address is the
 * longest-prefix match and everything above it. Built by guard_net.c in the program's arena.
 */
#ifndef TIERCEL_NET_INDEX_H
#define TIERCEL_NET_INDEX_H

#include "engine/base/arena.h"
#include "engine/field/value.h"

/* A constant of a check: the first `bits` of the address count. */
struct net_key {
	struct ip_value ip;
	uint8_t bits;
	uint32_t bit;		/* number of the check */
};

struct net_range6 {
	uint64_t high, low;
	uint32_t row;
};

/* Checks whose networks are around a range. */
struct net_row {
	uint32_t first, n;	/* in net_index.bits */
};

struct net_index {
	/* Where ranges begin, the first one at 0. */
	uint32_t *v4, *row4, n4;
	struct net_range6 *v6;
	uint32_t n6;
	uint32_t start4[257];	/* ranges of v4 by the first byte: [b]..[b + 1] */
	const struct net_row *rows;	/* [0] is empty */
	uint32_t nrows;
	const uint32_t *bits;
};

/* `nbits` is above all bits of keys. 0 or -ENOMEM. */
int net_index_init(struct net_index *x, struct arena *a, const struct net_key *keys, uint32_t n,
		   uint32_t nbits);
/* The row of the range that the address is in. */
uint32_t net_index_find(const struct net_index *x, const struct ip_value *ip);

#endif
