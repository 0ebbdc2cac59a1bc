/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joining and splitting of path texts. Called by the state handlers for fd names and directories,
 * and by field extractors that resolve relative arguments. Owns no memory.
 */
#include "engine/state/path.h"

#include "engine/base/utf8.h"

#define PATH_MAX_JOINED 1023
#define PATH_TOO_LONG "/DIR_TOO_LONG/FILENAME_TOO_LONG"

/* End of the text after its last component was taken away: "/a/b/" gives "/a/", "a/" gives "". */
static size_t path_up(const char *p, size_t len)
{
	if (len == 0 || (len == 1 && p[0] == '/'))
		return len;
	len--;
	while (len > 0 && p[len - 1] != '/')
		len--;
	return len;
}

/*
 * Normalise p[from..len) in place; what precedes `from` is finished text that ".." may still climb
 * out of. Writing never overtakes reading, so no second buffer is needed.
 */
static size_t path_normalise(char *p, size_t from, size_t len)
{
	size_t w = from, r = from;

	while (r < len) {
		bool start = w == 0 || p[w - 1] == '/';
		size_t end = r;

		if (p[r] == '/') {
			if (w == 0 || p[w - 1] != '/')
				p[w++] = '/';
			r++;
			continue;
		}
		while (end < len && p[end] != '/')
			end++;
		if (start && end - r == 1 && p[r] == '.') {
			r = end + (end < len);
		} else if (start && end - r == 2 && p[r] == '.' && p[r + 1] == '.') {
			w = path_up(p, w);
			r = end + (end < len);
		} else {
			memmove(p + w, p + r, end - r);
			w += end - r;
			r = end;
		}
	}
	if (w > 1 && p[w - 1] == '/')
		w--;
	return w;
}

typedef int8_t bytes16 __attribute__((vector_size(16)));

static bytes16 load16(const char *p)
{
	bytes16 v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Eight bytes from each of two places. */
static bytes16 load8x2(const char *p, const char *q)
{
	uint64_t words[2] = { load_u64(p), load_u64(q) };
	bytes16 v;

	memcpy(&v, words, sizeof(v));
	return v;
}

/*
 * Bytes that need care, seen together with their successors: control characters, what is not ASCII
 * (negative), and a slash in front of a slash or a dot, which differ in the last bit only.
 */
static bytes16 odd_bytes(bytes16 v, bytes16 next)
{
	_Static_assert(('.' | 1) == '/', "one comparison finds both");
	return (bytes16)(v < 0x20) | (bytes16)(v == 0x7f) |
	       ((bytes16)(v == '/') & (bytes16)((next | 1) == '/'));
}

static bool is_odd(char c)
{
	return (int8_t)c < 0x20 || c == 0x7f;
}

bool path_is_normal(struct str path)
{
	const char *p = path.p;
	uint32_t n = path.len;
	bytes16 odd;
	uint64_t words[2];

	if (n == 0 || n > PATH_MAX_JOINED || p[0] == '.' || p[n - 1] == '/' || is_odd(p[n - 1]))
		return false;
	/* All that have a successor, in blocks; the last one once more where it does not fit. */
	if (n >= 17) {
		odd = odd_bytes(load16(p + n - 17), load16(p + n - 16));
		for (const char *end = p + n - 17; p < end; p += 16)
			odd |= odd_bytes(load16(p), load16(p + 1));
	} else if (n >= 9) {
		odd = odd_bytes(load8x2(p, p + n - 9), load8x2(p + 1, p + n - 8));
	} else {
		for (; n > 1; n--, p++)
			if (is_odd(*p) || (*p == '/' && (p[1] | 1) == '/'))
				return false;
		return true;
	}
	memcpy(words, &odd, sizeof(words));
	return !(words[0] | words[1]);
}

void path_join(struct buf *out, struct str base, struct str path)
{
	size_t at = out->len, len;

	if ((size_t)base.len + path.len > PATH_MAX_JOINED) {
		buf_add_c(out, PATH_TOO_LONG);
		return;
	}
	if (path.len == 0) {
		buf_add(out, "", 0);
		return;
	}
	if (path.p[0] == '/')
		base.len = 0;
	buf_add_str(out, base);
	if (path_is_normal(path)) {
		buf_add_str(out, path);
		return;
	}
	if (utf8_plain(path))
		buf_add_str(out, path);
	else
		utf8_sanitize(out, path);
	if (out->err)
		return;
	len = path_normalise(out->p + at, base.len, out->len - at);
	if (len > PATH_MAX_JOINED) {
		/* Never half a character: replacements grow the text by up to three times. */
		len = PATH_MAX_JOINED;
		while (len > 0 && ((uint8_t)out->p[at + len] & 0xc0) == 0x80)
			len--;
	}
	out->len = at + len;
	out->p[out->len] = '\0';
}

struct str path_directory(struct str name)
{
	int slash = str_rfind(name, '/');

	if (slash <= 0)
		return STR("/");
	if ((uint32_t)slash == name.len - 1)
		return name;
	return str_sub(name, 0, (uint32_t)slash);
}

struct str path_filename(struct str name)
{
	int slash = str_rfind(name, '/');

	if (slash < 0)
		return STR("/");
	return str_sub(name, (uint32_t)slash + 1, name.len);
}
