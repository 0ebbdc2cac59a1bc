/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Buffered stdout of the commands.
 */
#include "agent/io.h"
#include "agent/out.h"

enum { OUT_FLUSH_AT = 64 << 10 };

void out_init(struct out *o, int fd)
{
	*o = (struct out){ .fd = fd };
}

void out_line(struct out *o, struct str line)
{
	buf_add_str(&o->buf, line);
	buf_add_char(&o->buf, '\n');
	if (o->buf.len >= OUT_FLUSH_AT || o->buf.err)
		out_flush(o);
}

void out_flush(struct out *o)
{
	int r = o->err;

	if (o->buf.err && !o->err)
		o->err = o->buf.err;
	if (r == 0 && o->buf.len)
		r = io_write_all(o->fd, o->buf.p, o->buf.len);
	if (r < 0) {
		o->err = r;
		o->lost_bytes += o->buf.len;
	}
	buf_clear(&o->buf);
}

void out_done(struct out *o)
{
	out_flush(o);
	buf_done(&o->buf);
}
