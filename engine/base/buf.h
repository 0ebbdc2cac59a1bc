/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing output buffer. Writers never fail one by one: the first allocation failure makes the
 * buffer sticky (err = -ENOMEM), later writes are ignored, the owner checks err once at the end.
 * Content is NUL-terminated after every write. Reusing a cleared buffer does not allocate.
 */
#ifndef TIERCEL_BUF_H
#define TIERCEL_BUF_H

#include "engine/base/str.h"

struct buf {
	char *p;
	size_t len, cap;
	int err;
};

#define BUF_INIT ((struct buf){ 0 })
#define _cleanup_buf_ _cleanup_(buf_done)

void buf_done(struct buf *b);
static inline void buf_clear(struct buf *b)
{
	b->len = 0;
	b->err = 0;
}
/* Room for n more bytes at b->p + b->len, or NULL. */
char *buf_reserve(struct buf *b, size_t n);
void buf_add(struct buf *b, const void *data, size_t n);
void buf_add_str(struct buf *b, struct str s);
void buf_add_c(struct buf *b, const char *cstr);
void buf_add_char(struct buf *b, char c);
void buf_add_u64(struct buf *b, uint64_t v);
void buf_add_i64(struct buf *b, int64_t v);
void buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
static inline struct str buf_str(const struct buf *b)
{
	return (struct str){ b->p ? b->p : "", (uint32_t)b->len };
}

#endif
