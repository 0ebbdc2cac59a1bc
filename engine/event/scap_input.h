/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of a capture, gzip undone. Embedded in the trace reader; the agent has its own to inflate
 * on another thread.
 */
#ifndef TIERCEL_SCAP_INPUT_H
#define TIERCEL_SCAP_INPUT_H

#include <zlib.h>

#include "engine/event/scap.h"

struct scap_input {
	struct byte_source src;
	enum scap_input_status status;
	int err;		/* of the source, with INPUT_FAILED */
	const char *problem;	/* of zlib, with INPUT_BAD */
	bool detected, gzip, in_member, source_end;
	bool trailing;		/* bytes after the last gzip member were ignored */
	z_stream z;
	size_t pos, len;
	uint8_t in[64 * 1024];
};

void scap_input_init(struct scap_input *in, struct byte_source src);
void scap_input_done(struct scap_input *in);
/* Bytes of the uncompressed stream; 0: see status. May return fewer than n. */
size_t scap_input_read(struct scap_input *in, uint8_t *buf, size_t n);

#endif
