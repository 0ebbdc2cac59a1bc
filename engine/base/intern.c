/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interned strings. The table holds borrowed pointers: an entry leaves it when its last reference
 * goes. Freed strings are given back to malloc; the state tables bound the bytes.
 */
#include "engine/base/intern.h"
#include "engine/base/map.h"

enum { INTERN_MIN = 256, CLASS_SIZE = 32 };

/* Nothing is kept under AddressSanitizer, which has to see every end of life. */
#ifdef __SANITIZE_ADDRESS__
enum { SPARE_BYTES = 0 };
#else
enum { SPARE_BYTES = 16384 };	/* per size */
#endif

/* Which list of spare memory a string of this length belongs to; INTERN_CLASSES: none. */
static unsigned class_of(uint32_t len)
{
	size_t size = sizeof(struct istr) + len;

	return size < INTERN_CLASSES * CLASS_SIZE ? (unsigned)(size / CLASS_SIZE) : INTERN_CLASSES;
}

static inline struct istr *take(struct intern *in, uint32_t len, unsigned c)
{
	struct istr *s;

	if (unlikely(c == INTERN_CLASSES))
		return malloc(sizeof(*s) + len + 1);
	s = in->spare[c];
	if (unlikely(!s))
		return malloc((c + 1) * CLASS_SIZE);
	memcpy(&in->spare[c], s->p, sizeof(s));
	in->nspare[c]--;
	return s;
}

/* Spare strings are linked through their text. */
static inline void give_back(struct intern *in, struct istr *s)
{
	unsigned c = s->class;

	if (c == INTERN_CLASSES || (in->nspare[c] + 1) * (c + 1) * CLASS_SIZE > SPARE_BYTES) {
		free(s);
		return;
	}
	memcpy(s->p, &in->spare[c], sizeof(s));
	in->spare[c] = s;
	in->nspare[c]++;
}

static void free_spare(struct intern *in)
{
	for (unsigned c = 0; c < INTERN_CLASSES; c++)
		while (in->spare[c]) {
			struct istr *s = in->spare[c];

			memcpy(&in->spare[c], s->p, sizeof(s));
			free(s);
		}
}

int intern_init(struct intern *in)
{
	*in = (struct intern){ .mask = INTERN_MIN - 1, .next_serial = 1 };
	in->slots = calloc(INTERN_MIN, sizeof(*in->slots));
	if (!in->slots)
		return -ENOMEM;
	in->empty = intern_get(in, STR(""));
	if (!in->empty) {
		free(in->slots);
		in->slots = NULL;
		return -ENOMEM;
	}
	return 0;
}

void intern_done(struct intern *in)
{
	for (uint32_t i = 0; in->slots && i <= in->mask; i++)
		free(in->slots[i].s);
	free(in->slots);
	free_spare(in);
	*in = (struct intern){ 0 };
}

static uint32_t find_slot(const struct intern_slot *slots, uint32_t mask, struct str s,
			  uint64_t hash)
{
	uint32_t i = (uint32_t)hash & mask;

	while (slots[i].s && !(slots[i].hash == hash && str_eq(istr_str(slots[i].s), s)))
		i = (i + 1) & mask;
	return i;
}

/* The slot of a string that is in the table, or a free one for a string that is not. */
static uint32_t slot_of(const struct intern_slot *slots, uint32_t mask, const struct istr *s,
			uint64_t hash)
{
	uint32_t i = (uint32_t)hash & mask;

	while (slots[i].s && slots[i].s != s)
		i = (i + 1) & mask;
	return i;
}

static int grow(struct intern *in)
{
	uint32_t mask = (in->mask + 1) * 2 - 1;
	struct intern_slot *slots = calloc((size_t)mask + 1, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	for (uint32_t i = 0; i <= in->mask; i++) {
		const struct intern_slot *old = &in->slots[i];

		if (old->s)
			slots[slot_of(slots, mask, old->s, old->hash)] = *old;
	}
	free(in->slots);
	in->slots = slots;
	in->mask = mask;
	return 0;
}

/* Most texts are paths of some dozens of bytes: blocks, the last one over the one before. */
static inline void copy_text(char *to, const char *from, uint32_t n)
{
	if (unlikely(n < 16 || n > 128)) {
		memcpy(to, from, n);
		return;
	}
	for (uint32_t i = 0; i + 16 <= n; i += 16)
		memcpy(to + i, from + i, 16);
	memcpy(to + n - 16, from + n - 16, 16);
}

static inline struct istr *make(struct intern *in, struct str s)
{
	unsigned class = class_of(s.len);
	struct istr *n = take(in, s.len, class);

	if (unlikely(!n))
		return NULL;
	n->ref = 1;
	n->len = s.len;
	n->hash = 0;
	n->shared = false;
	n->class = (uint8_t)class;
	n->serial = in->next_serial++;
	n->owner = in;
	if (s.len)
		copy_text(n->p, s.p, s.len);
	n->p[s.len] = '\0';
	in->bytes += sizeof(*n) + s.len + 1;
	return n;
}

struct istr *intern_own(struct intern *in, struct str s)
{
	return s.len ? make(in, s) : istr_ref(in->empty);
}

struct istr *intern_get(struct intern *in, struct str s)
{
	uint64_t hash = hash_str(s);
	uint32_t i = find_slot(in->slots, in->mask, s, hash);
	struct istr *n = in->slots[i].s;

	if (n)
		return istr_ref(n);
	if ((uint64_t)(in->count + 1) * 4 > (uint64_t)(in->mask + 1) * 3) {
		if (grow(in) < 0)
			return NULL;
		i = find_slot(in->slots, in->mask, s, hash);
	}
	n = make(in, s);
	if (!n)
		return NULL;
	n->hash = (uint32_t)hash;
	n->shared = true;
	in->slots[i] = (struct intern_slot){ hash, n };
	in->count++;
	return n;
}

static void remove_slot(struct intern *in, uint32_t hole)
{
	for (uint32_t at = (hole + 1) & in->mask; in->slots[at].s; at = (at + 1) & in->mask) {
		uint32_t home = (uint32_t)in->slots[at].hash & in->mask;
		bool stay = hole <= at ? (hole < home && home <= at) : (hole < home || home <= at);

		if (stay)
			continue;
		in->slots[hole] = in->slots[at];
		hole = at;
	}
	in->slots[hole].s = NULL;
}

void intern_drop(struct istr *s)
{
	struct intern *in = s->owner;

	if (s->shared) {
		remove_slot(in, slot_of(in->slots, in->mask, s, s->hash));
		in->count--;
	}
	in->bytes -= sizeof(*s) + s->len + 1;
	give_back(in, s);
}
