/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutual TLS for the gRPC server: TLS 1.3 only, ALPN "h2" and a client certificate of our CA
 * required. Files are read again when they change, so that certificates can be rotated under a
 * running sensor; files that do not load leave the old ones in use. The server's thread only.
 */
#ifndef TIERCEL_GRPC_TLS_H
#define TIERCEL_GRPC_TLS_H

#include "engine/base.h"

#include <openssl/ssl.h>

struct grpc_tls_files {
	const char *private_key, *cert_chain, *root_certs;
};

struct grpc_tls;

/* 0 or -EINVAL with a text in `error`. `files` outlives the result. */
int grpc_tls_new(const struct grpc_tls_files *files, struct buf *error, struct grpc_tls **ret);
void grpc_tls_free(struct grpc_tls *t);
/* TLS for an accepted socket, or NULL. The caller frees it with SSL_free(). */
SSL *grpc_tls_accept(struct grpc_tls *t, int fd);

#endif
