/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines for a file descriptor, for sinks that write lines. A line that was written in part is gone
 * on with; what is left of it is lost only with the program.
 */
#ifndef TIERCEL_OUTPUT_LINES_H
#define TIERCEL_OUTPUT_LINES_H

#include "agent/output_queue.h"

struct output_lines {
	bool json;		/* else the text form */
	struct buf buf;		/* lines of the batch from the first one that is not done */
	size_t off;		/* written of it */
};

void output_lines_init(struct output_lines *l, const struct config *c);
void output_lines_done(struct output_lines *l);
/* As output_sink.write. */
int output_lines_write(struct output_lines *l, struct output_queue *q, int fd,
		       struct message *const *batch, uint32_t n, uint32_t *ret_done);
/* Forget a line written in part: its reader is gone. */
void output_lines_restart(struct output_lines *l);

#endif
