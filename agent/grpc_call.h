/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The methods that the gRPC server answers: alerts, version, health, reflection. One row each in
 * the table at the end of grpc_call.c.
 */
#ifndef TIERCEL_GRPC_CALL_H
#define TIERCEL_GRPC_CALL_H

#include "agent/grpc_stream.h"

/* The method of a ":path" header, or NULL. */
const struct grpc_method *grpc_call_find(struct str path);
/* The answers of both versions of server reflection, in grpc_reflect.c. */
void grpc_reflect_request(struct grpc_stream *s, struct str body);

#endif
