/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines for stdout, collected and written in large pieces. A write error (closed pipe, full disk)
 * is remembered: the command ends with an error instead of losing lines silently.
 */
#ifndef TIERCEL_OUT_H
#define TIERCEL_OUT_H

#include "engine/base.h"

struct out {
	struct buf buf;
	int fd;
	int err;		/* first -errno of a write */
	uint64_t lost_bytes;
};

void out_init(struct out *o, int fd);
void out_line(struct out *o, struct str line);
/* Write if much has been collected; the caller flushes at the end of a batch. */
void out_flush(struct out *o);
void out_done(struct out *o);

#endif
