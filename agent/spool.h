/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bounded queue of byte records on disk, first in, first out, which survives the end of the
 * process: what an output has not delivered yet. One thread of one process uses a spool at a time
 * (a lock file sees to it). Records are read again until they are acknowledged, so delivery is at
 * least once. Written is not synced: a crash of the machine may lose the newest records, and cut
 * ones (or zeros in their place) are found by length and check sum and counted.
 *
 * On disk: DIR/NNNNNNNNNNNNNNNN.spool, segments of records {u32 length, u32 crc32, bytes}, little
 * endian, and DIR/position with the segment and offset of the oldest record not acknowledged.
 */
#ifndef TIERCEL_SPOOL_H
#define TIERCEL_SPOOL_H

#include "engine/base.h"

struct spool_opts {
	const char *dir;		/* made when missing, mode 0700 */
	uint64_t max_bytes;		/* of all segments; 0: 64 MiB */
	uint64_t segment_bytes; /* a new segment from here on; 0: a sixteenth of max_bytes */
};

struct spool_stats {
	uint64_t records;		/* waiting */
	uint64_t bytes;			/* of all segments */
	uint64_t refused;		/* did not fit, or could not be written */
	uint64_t damaged;		/* records or tails of segments that cannot be read */
	uint64_t recovered;		/* records found at the start */
};

struct spool;

/* 0 or -errno; -EBUSY: another process uses it. `opts` is not kept. */
int spool_open(const struct spool_opts *opts, struct spool **ret);
void spool_close(struct spool *s);

/*
 * Behind the last one. 0, -EDQUOT (the bound), -EMSGSIZE (or empty), -errno of the disk; counted.
 */
int spool_add(struct spool *s, struct str record);
/*
 * Give up to `max` records of up to `max_bytes` together (at least one) to fn, oldest first,
 * without taking them away. Their number; 0: empty.
 */
typedef void (*spool_record_fn)(void *ctx, struct str record);
uint32_t spool_peek(struct spool *s, uint32_t max, uint64_t max_bytes, spool_record_fn fn,
		    void *ctx);
/* The `n` oldest records are delivered (n of the last peek, or fewer). 0 or -errno. */
int spool_ack(struct spool *s, uint32_t n);

const struct spool_stats *spool_stats(const struct spool *s);

#endif
