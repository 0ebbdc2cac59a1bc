/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libyaml refuses and the incumbent's reader passes over: tabs on lines that say nothing, and
 * bytes of other character sets in comments. Called for each file; the copy has the same length, so
 * places in it are places in the file.
 */
#include "engine/base/utf8.h"
#include "engine/rule/yaml.h"

/* Bytes at p that libyaml does not take, or 0; *ret_len = bytes to go on by. */
static unsigned refused_len(const unsigned char *p, size_t n, unsigned *ret_len)
{
	unsigned bad = 0, len;
	uint32_t cp = 0;

	len = utf8_decode(p, n, &cp, &bad);
	*ret_len = len ? len : bad;
	if (!len)
		return bad;
	if ((cp < ' ' && cp != '\t' && cp != '\r') || (cp >= 0x7f && cp < 0xa0 && cp != 0x85) ||
	    cp == 0xfeff || cp == 0xfffe || cp == 0xffff)
		return len;
	return 0;
}

/* One line: at .. end, what it says begins at `text`. */
struct line {
	uint32_t at, text, end;
	bool comment;
};

static struct line line_at(struct str s, uint32_t at)
{
	const char *nl = memchr(s.p + at, '\n', s.len - at);
	struct line l = { at, at, nl ? (uint32_t)(nl - s.p) : s.len, false };

	while (l.text < l.end && (s.p[l.text] == ' ' || s.p[l.text] == '\t'))
		l.text++;
	l.comment = l.text < l.end && s.p[l.text] == '#';
	return l;
}

static bool says_nothing(struct str s, const struct line *l)
{
	return l->comment || l->text == l->end ||
	       (s.p[l->text] == '\r' && l->text + 1 == l->end);
}

static bool fill(struct str s, struct arena *a, char **copy, uint32_t at, unsigned n, char c)
{
	if (!*copy)
		*copy = arena_strdup(a, s);
	if (*copy)
		memset(*copy + at, c, n);
	return *copy;
}

static bool tidy_line(struct str s, const struct line *l, struct arena *a, char **copy)
{
	struct str words = str_sub(s, l->text, l->end);
	unsigned step, bad;

	for (uint32_t i = l->at; i < l->text; i++)
		if (s.p[i] == '\t' && !fill(s, a, copy, i, 1, ' '))
			return false;
	if (!l->comment || utf8_plain(words))
		return true;
	for (uint32_t i = l->text; i < l->end; i += step) {
		bad = refused_len((const unsigned char *)s.p + i, l->end - i, &step);
		if (bad && !fill(s, a, copy, i, bad, '?'))
			return false;
	}
	return true;
}

int yaml_tidy(struct str text, struct arena *a, struct str *ret)
{
	char *copy = NULL;

	for (uint32_t at = 0; at < text.len;) {
		struct line l = line_at(text, at);

		if (says_nothing(text, &l) && !tidy_line(text, &l, a, &copy))
			return -ENOMEM;
		at = l.end + 1;
	}
	*ret = copy ? (struct str){ copy, text.len } : text;
	return 0;
}
