/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a batch -> file descriptor, in large pieces, exact about how many lines are out.
 */
#include "agent/output_lines.h"

#include <unistd.h>

void output_lines_init(struct output_lines *l, const struct config *c)
{
	*l = (struct output_lines){ .json = c->json_output };
}

void output_lines_done(struct output_lines *l)
{
	buf_done(&l->buf);
}

void output_lines_restart(struct output_lines *l)
{
	buf_clear(&l->buf);
	l->off = 0;
}

static struct str line_of(const struct output_lines *l, const struct message *m)
{
	return l->json ? m->json : m->text;
}

static void collect(struct output_lines *l, struct message *const *batch, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		buf_add_str(&l->buf, line_of(l, batch[i]));
		buf_add_char(&l->buf, '\n');
	}
}

/* After an error: whole lines leave the buffer, their number is returned. */
static uint32_t leave_rest(struct output_lines *l, struct message *const *batch, uint32_t n)
{
	size_t at = 0;
	uint32_t i = 0;

	while (i < n && at + line_of(l, batch[i]).len + 1 <= l->off)
		at += line_of(l, batch[i++]).len + 1;
	memmove(l->buf.p, l->buf.p + at, l->buf.len - at);
	l->buf.len -= at;
	l->off -= at;
	return i;
}

int output_lines_write(struct output_lines *l, struct output_queue *q, int fd,
		       struct message *const *batch, uint32_t n, uint32_t *ret_done)
{
	if (l->buf.len == 0)
		collect(l, batch, n);
	if (l->buf.err) {
		output_lines_restart(l);
		return -ENOMEM;
	}
	while (l->off < l->buf.len) {
		ssize_t put = write(fd, l->buf.p + l->off, l->buf.len - l->off);

		if (put > 0) {
			l->off += (size_t)put;
		} else if (put < 0 && (errno != EINTR || output_queue_aborted(q))) {
			int r = -errno;

			*ret_done = leave_rest(l, batch, n);
			return r;
		}
	}
	output_lines_restart(l);
	return 0;
}
