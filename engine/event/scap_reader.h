/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the reader of captures, shared by scap.c (blocks and events) and scap_list.c (lists of
 * the start state). Everything belongs to the reader.
 */
#ifndef TIERCEL_SCAP_READER_H
#define TIERCEL_SCAP_READER_H

#include "engine/event/convert.h"
#include "engine/event/scap_block.h"
#include "engine/event/scap_input.h"
#include "engine/event/scap_kernel.h"

enum {
	SCAP_BUFFER_BYTES = 128 * 1024,	/* leaves room for the tables in the L2 cache */
	SCAP_AGAIN = 100,		/* beside enum scap_item: nothing to hand out yet */
	SCAP_CLONE_TIMES_MAX = 4096,	/* of one block of ours */
};

struct clone_time {
	int64_t tid;
	uint64_t ts;
};

struct scap_reader {
	struct scap_input input;
	struct limits *limits;
	struct diags *diags;
	struct converter *converter;
	struct scap_stats stats;
	uint8_t *buf;
	size_t cap, pos, end;
	uint64_t buf_offset;		/* of buf[0] in the uncompressed stream */
	int failed;
	bool ended, seen_section;
	bool swap;			/* the section is from a big-endian machine */
	uint32_t last_number;		/* blocks of one type follow each other */
	const struct block_type *last_type;
	bool lists_open;		/* records were handed out, DONE was not */
	/*
	 * In the middle of events of last_type: the largest block that needs no special care, and
	 * the bytes of its head. 0: each may need it.
	 */
	uint32_t plain_max, plain_head;
	/*
	 * How many parameters the newest form of a type has, NOT_PLAIN (scap.c) where more is to be
	 * looked at.
	 */
	uint8_t plain_params[EVENT_TYPE_COUNT];
	/* The list (or skipped block) that the position is in. */
	const struct block_type *list;
	uint64_t list_left;		/* bytes of its body */
	uint64_t list_offset;
	uint32_t list_len;
	int64_t fd_tid;
	char fd_name[32];
	struct clone_time *clone_times;
	uint32_t clone_count, clone_next;
	struct buf kernel_bytes;
	struct scap_kernel kernel;
	bool kernel_pending;
};

static inline size_t scap_available(const struct scap_reader *r)
{
	return r->end - r->pos;
}

static inline uint64_t scap_offset(const struct scap_reader *r)
{
	return r->buf_offset + r->pos;
}

static inline uint32_t scap_u32(const struct scap_reader *r, const uint8_t *p)
{
	uint32_t v = load_u32(p);

	return unlikely(r->swap) ? __builtin_bswap32(v) : v;
}

/* Read until `want` bytes are there or nothing more comes. */
bool scap_fill_more(struct scap_reader *r, size_t want);
static inline bool scap_fill(struct scap_reader *r, size_t want)
{
	return scap_available(r) >= want || scap_fill_more(r, want);
}

struct diag *scap_report(struct scap_reader *r, enum diag_code code, uint64_t at, const char *what);
/* Reports and ends the reader: -EBADMSG. */
int scap_fail(struct scap_reader *r, enum diag_code code, uint64_t at, const char *what);
/* The stream stopped inside the block that starts at `at`. SCAP_AGAIN or -errno. */
int scap_stopped(struct scap_reader *r, uint64_t at);

/* scap_list.c: the position goes into the body of a block ... */
void scap_list_enter(struct scap_reader *r, const struct block_type *t, uint32_t len);
/* ... of which this hands out the next entry. SCAP_SNAPSHOT, SCAP_AGAIN or -errno. */
int scap_list_next(struct scap_reader *r, struct snapshot_item *snap);
/* Skip a whole block: a limit was hit (why), or the reader does not know it (NULL). */
int scap_list_skip(struct scap_reader *r, uint32_t len, const char *why);

#endif
