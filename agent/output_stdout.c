/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts on standard output. The descriptor stays as it is (blocking or not): it is shared with
 * others.
 */
#include "agent/output_lines.h"
#include "agent/outputs.h"

#include <poll.h>
#include <unistd.h>

static int write_batch(struct output_queue *q, void *ctx, struct message *const *batch, uint32_t n,
		       uint32_t *ret_done)
{
	int r = output_lines_write(ctx, q, STDOUT_FILENO, batch, n, ret_done);

	if (r == -EAGAIN) {	/* somebody made it non-blocking */
		struct pollfd fd = { .fd = STDOUT_FILENO, .events = POLLOUT };

		poll(&fd, 1, -1);
	}
	return r == -EBADF ? -EPIPE : r;
}

static void free_sink(void *ctx)
{
	output_lines_done(ctx);
	free(ctx);
}

static const struct output_sink sink = {
	.name = "stdout", .write = write_batch, .free = free_sink,
};

int output_stdout_open(const struct config *c, struct output **ret)
{
	struct output_lines *l = malloc(sizeof(*l));

	if (!l)
		return -ENOMEM;
	output_lines_init(l, c);
	return output_queue_new(c, &sink, l, ret);
}
