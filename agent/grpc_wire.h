/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of gRPC: the five bytes before each message, assembling messages from pieces, and the one
 * protobuf message of the hot path, the alert, written by hand (about a quarter of the cost of the
 * generic encoder). Everything else goes through protobuf-c. Used by server and CRI client.
 */
#ifndef TIERCEL_GRPC_WIRE_H
#define TIERCEL_GRPC_WIRE_H

#include "agent/message.h"
#include "engine/base.h"

#include <protobuf-c/protobuf-c.h>

enum { GRPC_PREFIX = 5 };	/* compressed flag, length in network order */

/* Status codes of gRPC that we give or look at. */
enum grpc_status {
	GRPC_OK = 0, GRPC_CANCELLED = 1, GRPC_UNKNOWN = 2, GRPC_INVALID_ARGUMENT = 3,
	GRPC_DEADLINE_EXCEEDED = 4, GRPC_NOT_FOUND = 5, GRPC_RESOURCE_EXHAUSTED = 8,
	GRPC_UNIMPLEMENTED = 12, GRPC_INTERNAL = 13, GRPC_UNAVAILABLE = 14
};

/* Append prefix and message. Allocation failures stick to `out`. */
void grpc_wire_message(struct buf *out, const ProtobufCMessage *m);
/* Append prefix and the alert as falco.outputs.response. */
void grpc_wire_alert(struct buf *out, const struct message *m);

/* Value of a grpc-timeout header ("100m", "5S") in nanoseconds; -EINVAL. */
int grpc_wire_timeout(struct str text, uint64_t *ret_ns);

/* Assembles messages of one stream. Zero is the initial state; free with buf_done(&r->body). */
struct grpc_reader {
	uint8_t prefix[GRPC_PREFIX];
	uint32_t have;			/* of the prefix */
	struct buf body;
};

/*
 * Take from *data what belongs to the current message. 1: r->body is a whole message, valid until
 * the next call; 0: more is needed; -EPROTONOSUPPORT: compressed; -EMSGSIZE: over max; -ENOMEM.
 */
int grpc_reader_take(struct grpc_reader *r, struct str *data, uint64_t max);
/* Is the stream between two messages? */
bool grpc_reader_idle(const struct grpc_reader *r);

#endif
