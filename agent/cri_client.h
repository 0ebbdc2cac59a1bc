/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls to a container runtime over its unix socket: gRPC in the client role. One thread uses a
 * client; a call waits for its answer, bounded by a time. Called by cri_lookup.c and cri.c.
 */
#ifndef TIERCEL_CRI_CLIENT_H
#define TIERCEL_CRI_CLIENT_H

#include "engine/base.h"

#include <protobuf-c/protobuf-c.h>

struct cri_client;

/* Each message of a stream; the view is valid during the call. */
typedef void cri_message_fn(void *ctx, struct str body);

/* `max_bytes` bounds one answer. 0 or -errno of the connection. */
int cri_client_open(const char *path, uint64_t max_bytes, struct cri_client **ret);
void cri_client_free(struct cri_client *c);

/*
 * One call. 0: *ret_body is the answer, valid until the next call, and *ret_status is GRPC_OK; or
 * the
 * runtime refused: *ret_status says how. -ETIMEDOUT, -EPIPE, -EPROTO, -EMSGSIZE, -ENOMEM: the
 * connection is of no use any more.
 */
int cri_client_call(struct cri_client *c, const char *method, const ProtobufCMessage *request,
		    uint64_t timeout_ns, struct str *ret_body, int *ret_status);

/*
 * Begin the one stream of this connection: `fn` is called from within cri_client_call() and
 * cri_client_wait(). 0 or an error as above.
 */
int cri_client_stream(struct cri_client *c, const char *method, const ProtobufCMessage *request,
		      cri_message_fn *fn, void *ctx);

/* Serve the connection until `wake_fd` is readable or the time is over. 0 or an error as above. */
int cri_client_wait(struct cri_client *c, int wake_fd, uint64_t timeout_ns);

#endif
