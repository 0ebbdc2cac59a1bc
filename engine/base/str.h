/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String views. A view borrows its bytes: it never outlives the arena, table entry or event that
 * owns them, may contain NULs and is not NUL-terminated. A view with p == NULL means "no value",
 * which is different from the empty string.
 */
#ifndef TIERCEL_STR_H
#define TIERCEL_STR_H

#include "engine/base/base.h"

struct str {
	const char *p;
	uint32_t len;
};

#define STR(lit) ((struct str){ (lit), sizeof(lit) - 1 })
#define STR_NONE ((struct str){ NULL, 0 })
/* For printf("%.*s"). */
#define STR_ARG(s) (int)(s).len, (s).p ? (s).p : ""

static inline struct str str_from(const char *cstr)
{
	return (struct str){ cstr, cstr ? (uint32_t)strlen(cstr) : 0 };
}

static inline struct str str_sub(struct str s, uint32_t from, uint32_t to)
{
	return (struct str){ s.p + from, to - from };
}

static inline bool str_eq(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static inline bool str_is(struct str a, const char *cstr)
{
	if (a.len && cstr && a.p[0] != cstr[0])	/* nearly all names of a table end here */
		return false;
	return str_eq(a, str_from(cstr));
}

static inline bool str_starts(struct str s, struct str prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.p, prefix.p, prefix.len) == 0);
}

static inline bool str_ends(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	       (suffix.len == 0 || memcmp(s.p + s.len - suffix.len, suffix.p, suffix.len) == 0);
}

/* Has it two of these bytes in a row? */
bool str_has_pair(struct str s, char c);
bool str_contains(struct str s, struct str needle);
bool str_icontains(struct str s, struct str needle);  /* ASCII case folding only */
int str_cmp(struct str a, struct str b);              /* byte order, then length */
int str_rfind(struct str s, char c);                  /* index or -1 */
struct str str_trim(struct str s);                    /* blanks and newlines at both ends */

/* Whole text must be a decimal number with optional sign. 0, -EINVAL or -ERANGE. */
int str_to_i64(struct str s, int64_t *ret_value);
int str_to_u64(struct str s, uint64_t *ret_value);

/* The nearest of n names within an edit distance of about a third of the length, or NULL. */
const char *str_nearest(struct str s, const char *const *names, size_t n);

#endif
