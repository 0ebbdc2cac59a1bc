/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pieces of decoding that event.c and the trace reader share: the reader decodes the plain events
 * of a capture, which are nearly all, in its own loop. Not for other modules.
 */
#ifndef TIERCEL_EVENT_DECODE_H
#define TIERCEL_EVENT_DECODE_H

#include "engine/event/event.h"

enum { EVENT_HEADER_TS = 0, EVENT_HEADER_TID = 8, EVENT_HEADER_LEN = 16, EVENT_HEADER_TYPE = 20,
       EVENT_HEADER_NPARAMS = 22 };

typedef uint16_t half8 __attribute__((vector_size(16)));
typedef uint32_t word4 __attribute__((vector_size(16)));

enum { EVENT_AT_ONCE = 8 };	/* lengths that are summed without a branch */

_Static_assert(EVENT_OFFS_SPARE >= EVENT_AT_ONCE - 1, "room behind the last offset");

/* Ends of four values of these lengths that start at `from`. */
static inline word4 event_ends_of(word4 v, word4 from)
{
	const word4 zero = { 0 };

	v += __builtin_shufflevector(zero, v, 0, 4, 5, 6);
	v += __builtin_shufflevector(zero, v, 0, 1, 4, 5);
	return v + from;
}

/* Ends of eight values; 16 bytes are read from `lens`, however many lengths there are. */
static inline void event_sum_lengths(const uint8_t *lens, uint32_t *ret_ends)
{
	const half8 zero = { 0 };
	word4 low, high;
	half8 v;

	memcpy(&v, lens, sizeof(v));
	low = (word4)__builtin_shufflevector(v, zero, 0, 8, 1, 9, 2, 10, 3, 11);
	high = (word4)__builtin_shufflevector(v, zero, 4, 12, 5, 13, 6, 14, 7, 15);
	low = event_ends_of(low, (word4){ 0 });
	high = event_ends_of(high, __builtin_shufflevector(low, low, 3, 3, 3, 3));
	memcpy(ret_ends, &low, sizeof(low));
	memcpy(ret_ends + 4, &high, sizeof(high));
}

#endif
