/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing output buffer. The owner of the struct owns the memory and calls buf_done().
 */
#include "engine/base/buf.h"

void buf_done(struct buf *b)
{
	free(b->p);
	*b = BUF_INIT;
}

char *buf_reserve(struct buf *b, size_t n)
{
	size_t need, cap = b->cap ? b->cap : 256;
	char *p;

	if (b->err)
		return NULL;
	if (likely(n < b->cap - b->len))
		return b->p + b->len;
	if (__builtin_add_overflow(b->len, n, &need) || need >= UINT32_MAX) {
		b->err = -ENOMEM;
		return NULL;
	}
	while (cap <= need)
		cap *= 2;
	p = realloc(b->p, cap);
	if (!p) {
		b->err = -ENOMEM;
		return NULL;
	}
	b->p = p;
	b->cap = cap;
	return p + b->len;
}

void buf_add(struct buf *b, const void *data, size_t n)
{
	char *p = buf_reserve(b, n);

	if (!p)
		return;
	if (n)
		memcpy(p, data, n);
	b->len += n;
	b->p[b->len] = '\0';
}

void buf_add_str(struct buf *b, struct str s)
{
	buf_add(b, s.p, s.len);
}

void buf_add_c(struct buf *b, const char *cstr)
{
	buf_add(b, cstr, strlen(cstr));
}

void buf_add_char(struct buf *b, char c)
{
	char *p = buf_reserve(b, 1);

	if (!p)
		return;
	p[0] = c;
	p[1] = '\0';
	b->len++;
}

void buf_add_u64(struct buf *b, uint64_t v)
{
	char digits[20];
	unsigned at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	buf_add(b, digits + at, sizeof(digits) - at);
}

void buf_add_i64(struct buf *b, int64_t v)
{
	if (v < 0) {
		buf_add_char(b, '-');
		buf_add_u64(b, 0 - (uint64_t)v);
	} else {
		buf_add_u64(b, (uint64_t)v);
	}
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	if (n < 0) {
		b->err = -EINVAL;
	} else if (buf_reserve(b, (size_t)n)) {
		vsnprintf(b->p + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}
