/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a case expects of its event. Filled by the process that makes the system call, in memory
 * shared with the parent, which compares it with what the sensor delivers. Fixed size, no pointers.
 */
#ifndef TIERCEL_KTEST_WANT_H
#define TIERCEL_KTEST_WANT_H

#include "engine/tiercel.h"

#define WANT_PARAMS_MAX 40
#define WANT_BYTES_MAX 2048
#define WANT_NOTE_MAX 96

enum want_kind {
	WANT_NUM,	/* equal, in the width of the parameter */
	WANT_BITS,	/* equal under a mask */
	WANT_MIN,	/* not below, unsigned */
	WANT_BYTES,	/* equal; the sensor's value may be longer with WANT_PREFIX, WANT_HAS */
	WANT_PREFIX,
	WANT_HAS,	/* occurs somewhere */
	WANT_EMPTY,
	WANT_FILLED,
};

struct want_param {
	uint16_t param;
	uint16_t len;
	uint32_t at;	/* of bytes, in struct want */
	uint64_t num, mask;
	uint8_t kind;	/* enum want_kind */
};

struct want {
	uint16_t event;
	int nr;			/* of the system call under test */
	int64_t tid;		/* of the event; the case may name another one */
	int64_t ret;		/* as the kernel returned it, negative errno */
	uint32_t nparams, nbytes;
	bool called;		/* the system call was really made */
	char skip[WANT_NOTE_MAX];	/* why this machine cannot do it */
	char path[256];		/* of the kernel's object behind the fd; empty: any */
	uint8_t kind;		/* of the same, enum fd_kind; FD_UNKNOWN: any */
	uint8_t flags;		/* enum event_view_flags that must be set */
	struct want_param params[WANT_PARAMS_MAX];
	char bytes[WANT_BYTES_MAX];
};

void want_num(struct want *w, unsigned param, uint64_t v);
void want_bits(struct want *w, unsigned param, uint64_t mask, uint64_t v);
void want_min(struct want *w, unsigned param, uint64_t v);
void want_bytes(struct want *w, unsigned param, const void *p, size_t len);
void want_prefix(struct want *w, unsigned param, const void *p, size_t len);
void want_has(struct want *w, unsigned param, const char *text);
void want_text(struct want *w, unsigned param, const char *text);	/* with its NUL */
void want_empty(struct want *w, unsigned param);
void want_filled(struct want *w, unsigned param);
void want_skip(struct want *w, const char *fmt, ...) _printf_(2, 3);

/* Does the event fulfil everything? If not, the first difference goes to `ret_why`. */
bool want_matches(const struct want *w, struct event *ev, struct buf *ret_why);

#endif
