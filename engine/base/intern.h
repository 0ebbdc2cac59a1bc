/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reference-counted strings of the state tables. Those of intern_get() are interned: equal content
 * means equal pointer. Those of intern_own() are not, for texts that come and go faster than they
 * are used twice: names of fds. Every istr belongs to one struct intern; the last istr_unref frees
 * it. `serial` is never reused while the process runs, so a cache keyed by it needs no
 * invalidation.
 */
#ifndef TIERCEL_INTERN_H
#define TIERCEL_INTERN_H

#include "engine/base/str.h"

struct istr {
	uint32_t ref;
	uint32_t len;
	uint32_t hash;
	bool shared;		/* is in the table, by `hash` */
	uint8_t class;		/* private: list of spare memory that it goes to */
	uint64_t serial;
	struct intern *owner;
	char p[];	/* NUL-terminated, may contain NULs */
};

#define INTERN_CLASSES 16	/* sizes of 32, 64 ... 512 bytes */

/* The hash beside the pointer: probing past other strings does not touch them. */
struct intern_slot {
	uint64_t hash;
	struct istr *s;		/* NULL: free */
};

struct intern {
	struct intern_slot *slots;
	uint32_t mask, count;
	uint64_t next_serial;
	size_t bytes;	/* memory held by strings */
	/* Memory of freed strings by size, for the next ones: a busy table does not allocate. */
	struct istr *spare[INTERN_CLASSES];
	uint32_t nspare[INTERN_CLASSES];
	struct istr *empty;
};

int intern_init(struct intern *in);
void intern_done(struct intern *in);
/* A new reference, or NULL when out of memory. s.p may be NULL only with len 0. */
struct istr *intern_get(struct intern *in, struct str s);
/* The same without a look into the table: a string of its own, which no other caller gets. */
struct istr *intern_own(struct intern *in, struct str s);
static inline struct istr *istr_ref(struct istr *s)
{
	if (s)
		s->ref++;
	return s;
}
void intern_drop(struct istr *s);	/* of istr_unref(): the last reference is gone */
static inline void istr_unref(struct istr *s)
{
	if (s && --s->ref == 0)
		intern_drop(s);
}
/* Replace *slot (may be NULL) by a new reference to `s`; drops the old one. */
static inline void istr_set(struct istr **slot, struct istr *s)
{
	struct istr *old = *slot;

	*slot = istr_ref(s);
	istr_unref(old);
}
static inline struct str istr_str(const struct istr *s)
{
	return s ? (struct str){ s->p, s->len } : STR_NONE;
}

#endif
