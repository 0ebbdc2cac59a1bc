/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets from addresses as they stand in the configuration. Called by the gRPC server.
 */
#ifndef TIERCEL_GRPC_LISTEN_H
#define TIERCEL_GRPC_LISTEN_H

#include "engine/base.h"

/* The path of "unix:///path", "unix:path"; NULL: not a unix socket. */
const char *grpc_listen_path(const char *address);
/*
 * A non-blocking listening socket, or -errno with a text in `error`. A unix socket that nobody
 * listens on is replaced, missing folders are made, others than owner and group are kept out.
 */
int grpc_listen(const char *address, struct buf *error);

#endif
