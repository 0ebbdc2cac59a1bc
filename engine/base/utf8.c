/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 decoding and repair. Well-formed sequences are those of the Unicode standard, table 3-7;
 * replacement follows its "maximal subpart" practice.
 */
#include "engine/base/utf8.h"

/* Lead bytes: length of the sequence and the allowed range of the second byte. */
struct lead {
	unsigned char first, last, len, lo, hi;
};

static const struct lead leads[] = {
	{ 0xc2, 0xdf, 2, 0x80, 0xbf }, { 0xe0, 0xe0, 3, 0xa0, 0xbf },
	{ 0xe1, 0xec, 3, 0x80, 0xbf }, { 0xed, 0xed, 3, 0x80, 0x9f },
	{ 0xee, 0xef, 3, 0x80, 0xbf }, { 0xf0, 0xf0, 4, 0x90, 0xbf },
	{ 0xf1, 0xf3, 4, 0x80, 0xbf }, { 0xf4, 0xf4, 4, 0x80, 0x8f },
};

static const struct lead *find_lead(unsigned char c)
{
	for (size_t i = 0; i < ARRAY_SIZE(leads); i++)
		if (c >= leads[i].first && c <= leads[i].last)
			return &leads[i];
	return NULL;
}

unsigned utf8_decode(const unsigned char *p, size_t n, uint32_t *ret_cp, unsigned *ret_bad)
{
	const struct lead *l;
	uint32_t cp;

	if (p[0] < 0x80) {
		*ret_cp = p[0];
		return 1;
	}
	*ret_bad = 1;
	l = find_lead(p[0]);
	if (!l)
		return 0;
	cp = p[0] & (0x7fu >> l->len);
	for (unsigned i = 1; i < l->len; i++) {
		unsigned char lo = i == 1 ? l->lo : 0x80, hi = i == 1 ? l->hi : 0xbf;

		*ret_bad = i;
		if (i >= n || p[i] < lo || p[i] > hi)
			return 0;
		cp = cp << 6 | (p[i] & 0x3f);
	}
	*ret_cp = cp;
	return l->len;
}

bool utf8_plain(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if ((unsigned char)s.p[i] < 0x20 || (unsigned char)s.p[i] > 0x7e)
			return false;
	return true;
}

/* Controls, C1 controls and non-characters: nothing a terminal or a log should receive. */
static bool printable(uint32_t cp)
{
	return cp >= 0x20 && !(cp >= 0x7f && cp < 0xa0) && !(cp >= 0xfdd0 && cp <= 0xfdef) &&
	       (cp & 0xfffe) != 0xfffe;
}

static void repair(struct buf *out, struct str s, bool only_printable)
{
	const unsigned char *p = (const unsigned char *)s.p;
	uint32_t clean_from = 0, i = 0;

	while (i < s.len) {
		uint32_t cp;
		unsigned bad = 1, n = utf8_decode(p + i, s.len - i, &cp, &bad);

		if (n && (!only_printable || printable(cp))) {
			i += n;
			continue;
		}
		buf_add(out, s.p + clean_from, i - clean_from);
		buf_add_c(out, UTF8_REPLACEMENT);
		i += n ? n : bad;
		clean_from = i;
	}
	buf_add(out, s.p + clean_from, s.len - clean_from);
}

bool utf8_valid(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	for (uint32_t i = 0; i < s.len;) {
		uint32_t cp;
		unsigned bad, n = utf8_decode(p + i, s.len - i, &cp, &bad);

		if (!n)
			return false;
		i += n;
	}
	return true;
}

void utf8_repair(struct buf *out, struct str s)
{
	repair(out, s, false);
}

void utf8_sanitize(struct buf *out, struct str s)
{
	repair(out, s, true);
}
