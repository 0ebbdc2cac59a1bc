/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String views: searching, comparing, numbers. Called everywhere; owns nothing.
 */
#include "engine/base/str.h"

static unsigned char fold(char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + 32) : (unsigned char)c;
}

/* Up to this length going from one first byte to the next is faster than memmem(). */
enum { SHORT_TEXT = 256 };

bool str_has_pair(struct str s, char c)
{
	const uint64_t ones = 0x0101010101010101ull, wanted = ones * (unsigned char)c;
	uint32_t i = 0;

	/* Eight places at a time: a byte is zero where it and the next one are `c`. */
	for (; i + 9 <= s.len; i += 8) {
		uint64_t differ = (load_u64(s.p + i) ^ wanted) | (load_u64(s.p + i + 1) ^ wanted);

		if ((differ - ones) & ~differ & (ones << 7))
			return true;
	}
	/* The last eight places once more, if there are as many. */
	if (s.len > 8) {
		uint64_t differ = (load_u64(s.p + s.len - 9) ^ wanted) |
				  (load_u64(s.p + s.len - 8) ^ wanted);

		return (differ - ones) & ~differ & (ones << 7);
	}
	for (; i + 1 < s.len; i++)
		if (s.p[i] == c && s.p[i + 1] == c)
			return true;
	return false;
}

bool str_contains(struct str s, struct str needle)
{
	const char *at = s.p, *end;

	if (needle.len == 0)
		return true;
	if (s.len < needle.len)
		return false;
	if (s.len > SHORT_TEXT)
		return memmem(s.p, s.len, needle.p, needle.len) != NULL;
	end = s.p + s.len - needle.len + 1;
	while ((at = memchr(at, needle.p[0], (size_t)(end - at))) != NULL) {
		if (!memcmp(at, needle.p, needle.len))
			return true;
		if (++at == end)
			break;
	}
	return false;
}

static bool ieq_n(const char *a, const char *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (fold(a[i]) != fold(b[i]))
			return false;
	return true;
}

bool str_icontains(struct str s, struct str needle)
{
	char lower, upper;

	if (needle.len == 0)
		return true;
	lower = fold(needle.p[0]);
	upper = lower >= 'a' && lower <= 'z' ? (char)(lower - 'a' + 'A') : lower;
	for (uint32_t i = 0; i + needle.len <= s.len; i++)
		if ((s.p[i] == lower || s.p[i] == upper) &&
		    ieq_n(s.p + i, needle.p, needle.len))
			return true;
	return false;
}

int str_cmp(struct str a, struct str b)
{
	uint32_t n = MIN(a.len, b.len);
	int r = n ? memcmp(a.p, b.p, n) : 0;

	if (r)
		return r;
	return a.len < b.len ? -1 : a.len > b.len;
}

int str_rfind(struct str s, char c)
{
	const char *at = s.len ? memrchr(s.p, c, s.len) : NULL;

	return at ? (int)(at - s.p) : -1;
}

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
	while (s.len && is_blank(s.p[0]))
		s = str_sub(s, 1, s.len);
	while (s.len && is_blank(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* Digits only; -EINVAL for anything else, -ERANGE when it does not fit. */
static int digits(struct str s, uint64_t *ret_value)
{
	uint64_t v = 0;

	if (s.len == 0)
		return -EINVAL;
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EINVAL;
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
			return -ERANGE;
	}
	*ret_value = v;
	return 0;
}

int str_to_u64(struct str s, uint64_t *ret_value)
{
	if (s.len && s.p[0] == '+')
		s = str_sub(s, 1, s.len);
	return digits(s, ret_value);
}

int str_to_i64(struct str s, int64_t *ret_value)
{
	bool negative = s.len && s.p[0] == '-';
	uint64_t v;
	int r;

	if (s.len && (s.p[0] == '-' || s.p[0] == '+'))
		s = str_sub(s, 1, s.len);
	r = digits(s, &v);
	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX + negative)
		return -ERANGE;
	*ret_value = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

enum { NEAREST_MAX = 64 };

/* Levenshtein distance, both texts at most NEAREST_MAX bytes. */
static unsigned edit_distance(struct str a, struct str b)
{
	unsigned row[NEAREST_MAX + 1];

	for (uint32_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (uint32_t i = 1; i <= a.len; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (uint32_t j = 1; j <= b.len; j++) {
			unsigned above = row[j];
			unsigned change = diagonal + (fold(a.p[i - 1]) != fold(b.p[j - 1]));

			row[j] = MIN(MIN(above, row[j - 1]) + 1, change);
			diagonal = above;
		}
	}
	return row[b.len];
}

static uint32_t common_prefix(struct str a, struct str b)
{
	uint32_t n = 0;

	while (n < a.len && n < b.len && a.p[n] == b.p[n])
		n++;
	return n;
}

/* Of equally near names the one that starts like the text longest. */
const char *str_nearest(struct str s, const char *const *names, size_t n)
{
	unsigned best = s.len <= 3 ? 1 : s.len / 3 + 1;
	const char *found = NULL;

	if (s.len == 0 || s.len > NEAREST_MAX)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		struct str name = str_from(names[i]);
		unsigned d;

		if (name.len > NEAREST_MAX || name.len == 0)
			continue;
		d = edit_distance(s, name);
		if (d < best ||
		    (d == best &&
		     (!found || common_prefix(s, name) > common_prefix(s, str_from(found))))) {
			best = d;
			found = names[i];
		}
	}
	return found;
}
