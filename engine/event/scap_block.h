/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Blocks of .scap and the entries of its lists, as the reader and the writer share them. The
 * layout functions work on one entry; views point into the bytes that were given.
 */
#ifndef TIERCEL_SCAP_BLOCK_H
#define TIERCEL_SCAP_BLOCK_H

#include "engine/base/buf.h"
#include "engine/event/snapshot.h"

enum {
	SCAP_MAGIC = 0x1a2b3c4d,
	SCAP_MAGIC_SWAPPED = 0x4d3c2b1a,
	SCAP_BLOCK_SECTION = 0x0a0d0d0a,
	SCAP_SECTION_BODY = 16,
	SCAP_MACHINE_BODY = 180,
	SCAP_HOSTNAME = 128,
	SCAP_BLOCK_HEAD = 8,
	SCAP_BLOCK_TAIL = 4,
	SCAP_CLONE_TIME_BYTES = 16,
};

enum block_kind {
	BLOCK_UNKNOWN,
	BLOCK_SECTION,
	BLOCK_MACHINE,
	BLOCK_PROCS,
	BLOCK_FDS,
	BLOCK_IFACES,
	BLOCK_USERS,
	BLOCK_CLONE_TIMES,
	BLOCK_EVENT,
	BLOCK_EVENT_FLAGS,	/* BLOCK_EVENT with u32 flags */
};

struct block_type {
	uint32_t number;
	uint8_t kind;		/* enum block_kind */
	uint8_t version;	/* events: 1 without nparams, 2 with, 3 large */
};

/* Never NULL: unknown numbers get a row of kind BLOCK_UNKNOWN. */
const struct block_type *scap_block_type(uint32_t number);
/* The number that the writer uses for the newest version of a kind (events: of `version`). */
uint32_t scap_block_number(enum block_kind kind, unsigned version);

/* Bounded reading: at the end everything reads as zero and `bad` is set. */
struct cursor {
	const uint8_t *p, *end;
	bool bad;
	bool swap;	/* integers are big-endian */
};

static inline size_t cursor_left(const struct cursor *c)
{
	return (size_t)(c->end - c->p);
}

const uint8_t *cursor_take(struct cursor *c, size_t n);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
uint64_t cursor_u64(struct cursor *c);
struct str cursor_str(struct cursor *c);	/* u16 length + bytes */

/* One entry of a list; 0 or -EBADMSG. */
int scap_get_machine(struct cursor *c, struct machine_record *ret_m);
int scap_get_proc(struct cursor *c, unsigned version, struct proc_record *ret_p);
/* `name` holds the text of kinds that are not known; at least 32 bytes. */
int scap_get_fd(struct cursor *c, unsigned version, char *name, struct fd_record *ret_f);
int scap_get_iface(struct cursor *c, unsigned version, struct iface_record *ret_i);
int scap_get_user(struct cursor *c, unsigned version, struct user_record *ret_u);

/* Append one entry of the newest version. */
void scap_put_machine(struct buf *b, const struct machine_record *m);
void scap_put_proc(struct buf *b, const struct proc_record *p);
void scap_put_fd(struct buf *b, const struct fd_record *f);
void scap_put_iface(struct buf *b, const struct iface_record *i);
void scap_put_user(struct buf *b, const struct user_record *u);

#endif
