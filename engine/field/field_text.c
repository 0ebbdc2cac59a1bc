/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts in the scratch arena, for the getters of field_<ns>.c.
 */
#include "engine/field/field_text.h"

struct str text_from_nuls(struct arena *a, struct str s)
{
	char *p;

	if (!s.len || !memchr(s.p, '\0', s.len))
		return s.p ? s : STR("");
	p = arena_alloc(a, s.len);
	if (!p)
		return STR_NONE;
	for (uint32_t i = 0; i < s.len; i++)
		p[i] = s.p[i] ? s.p[i] : ' ';
	return (struct str){ p, s.len };
}

struct str text_join(struct arena *a, const struct value_list *l)
{
	uint32_t len = 0, n = 0;
	char *p;

	for (uint32_t i = 0; i < l->n; i++)
		len += l->v[i].s.len + 1;
	p = arena_alloc(a, len + 1);
	if (!p)
		return STR_NONE;
	for (uint32_t i = 0; i < l->n; i++) {
		if (n)
			p[n++] = ' ';
		if (l->v[i].s.len)
			memcpy(p + n, l->v[i].s.p, l->v[i].s.len);
		n += l->v[i].s.len;
	}
	return (struct str){ p, n };
}

struct str text_concat(struct arena *a, struct str x, struct str y, struct str z)
{
	const struct str part[] = { x, y, z };
	uint32_t n = 0;
	char *p = arena_alloc(a, (size_t)x.len + y.len + z.len + 1);

	if (!p)
		return STR_NONE;
	for (unsigned i = 0; i < ARRAY_SIZE(part); i++) {
		if (part[i].len)
			memcpy(p + n, part[i].p, part[i].len);
		n += part[i].len;
	}
	return (struct str){ p, n };
}

struct str text_i64(struct arena *a, int64_t v)
{
	return str_from(arena_printf(a, "%lld", (long long)v));
}
