/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events as views. One struct event stands for a record of the ring or of a trace, nothing is
 * copied: header fields and the offsets of parameters are decoded, parameters stay where they
 * are. The bytes belong to the source and are valid until its next event.
 *
 * Parameter encodings: .scap section 4.1 (little endian, packed); u16 or u32 length array, then
 * the values back to back.
 */
#ifndef TIERCEL_EVENT_H
#define TIERCEL_EVENT_H

#include "engine/base/str.h"
#include "engine/event/event_type.h"

#define EVENT_PARAMS_MAX 64	/* LIMIT_EVENT_PARAMS may only lower it */
#define EVENT_OFFS_SPARE 7	/* offsets are made eight at a time */
#define EVENT_HEADER_BYTES 26	/* u64 ts, u64 tid, u32 len, u16 type, u32 nparams */

enum event_view_flags {
	EVENT_STATE_ONLY = 1,	/* feed state, do not evaluate rules (.scap block flag 1) */
	EVENT_LIVE = 2,		/* from the sensor, not from a trace */
	EVENT_TRUNCATED = 4,	/* the sensor cut a parameter */
	EVENT_COMPAT32 = 8,	/* 32-bit system call */
};

/*
 * What the sensor read from kernel objects at the moment of the event (trusted), beside what the
 * caller passed. Zero/NONE when not collected. In traces: carried by extension events.
 */
struct event_kernel {
	uint32_t have;		/* enum event_kernel_have */
	struct str fd_path; /* path by dentry walk, absolute in the mount namespace of the task */
	struct str fd_tuple;	/* SOCKTUPLE encoding of the socket behind the fd */
	uint64_t fd_ino;
	uint32_t fd_dev;
	uint32_t fd_mode;	/* st_mode */
	uint8_t fd_kind;	/* enum fd_kind */
	uint8_t fd_l4;		/* enum l4_proto */
	uint8_t fd_role;	/* enum sock_role as the kernel knows it */
	uint64_t lost_before;	/* records lost on this ring since its previous record */
};

enum event_kernel_have {
	KERNEL_FD_PATH = 1,
	KERNEL_FD_TUPLE = 2,
	KERNEL_FD_INODE = 4,
	KERNEL_FD_KIND = 8,
	KERNEL_FD_ROLE = 16,
};

struct event {
	uint64_t ts;		/* ns since the epoch */
	int64_t tid;
	int64_t next_tid;	/* hint: thread of the event that comes next, 0 when not known */
	uint64_t num;		/* running number from 1, after conversion of old forms */
	uint16_t type;		/* enum event_type, < EVENT_TYPE_COUNT */
	uint16_t nparams;	/* in this record; may be fewer than the table says */
	uint16_t cpu;
	uint8_t flags;		/* enum event_view_flags */
	uint8_t wide;		/* 1: length array is u32 */
	const struct event_info *info;
	const uint8_t *lens;
	const uint8_t *data;
	uint32_t data_len;
	const uint8_t *raw;	/* header of the record in .scap v2 form, or NULL */
	uint32_t raw_len;
	const struct event_kernel *kernel;	/* NULL when nothing was collected */
	uint32_t off[EVENT_PARAMS_MAX + 1 + EVENT_OFFS_SPARE];	/* [0..nparams], the rest is junk */
};

/*
 * Fill `ev` from a .scap v2 event (26-byte header + lengths + data) of exactly `len` bytes.
 * Checks everything that later accessors rely on. cpu, num, flags, kernel are left to the caller,
 * next_tid is cleared.
 * 0, -EBADMSG (inconsistent sizes), -ENOENT (type unknown to this version: skip it).
 */
int event_decode(const uint8_t *raw, uint32_t len, struct event *ret_ev);
/* The same for an event whose parts are known. Lengths must sum to at most data_len. */
int event_view(struct event *ev, uint16_t type, uint16_t nparams, bool wide, const uint8_t *lens,
	       const uint8_t *data, uint32_t data_len);

static inline uint32_t event_param_len(const struct event *ev, unsigned i)
{
	return ev->off[i + 1] - ev->off[i];
}

/*
 * Parameter i (use the generated names: OPENAT_2_X_name). p == NULL: the record does not have it
 * ("absent"). len == 0 with p != NULL: "empty", the value was not collected.
 */
static inline struct str event_param(struct event *ev, unsigned i)
{
	if (unlikely(i >= ev->nparams))
		return STR_NONE;
	return (struct str){ (const char *)ev->data + ev->off[i], ev->off[i + 1] - ev->off[i] };
}

/*
 * Fixed-size parameters: false when absent, empty or shorter than their wire type. Narrower types
 * are widened by their sign, wider ones cut to the size asked for.
 */
bool event_get_i64(struct event *ev, unsigned i, int64_t *ret_v);
bool event_get_u64(struct event *ev, unsigned i, uint64_t *ret_v);
bool event_get_u32(struct event *ev, unsigned i, uint32_t *ret_v);
bool event_get_u16(struct event *ev, unsigned i, uint16_t *ret_v);
bool event_get_u8(struct event *ev, unsigned i, uint8_t *ret_v);
/*
 * Text parameter (CHARBUF, FSPATH, FSRELPATH) without the final NUL. NONE when absent, empty or
 * the "(NULL)" of old drivers.
 */
struct str event_get_text(struct event *ev, unsigned i);

/* Index of the parameter called `name`, or -1. */
int event_param_index(enum event_type type, struct str name);

/*
 * Return value: events whose first parameter is a result (ERRNO, FD, PID named res, fd...).
 * False when the event has none (GENERIC_X, meta events).
 */
bool event_result(struct event *ev, int64_t *ret_res);

#endif
