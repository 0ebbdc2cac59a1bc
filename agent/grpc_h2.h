/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/2 connection between a non-blocking socket, plain or TLS, and an nghttp2 session of
 * either role. Used by the gRPC server and by the CRI client; one thread each.
 */
#ifndef TIERCEL_GRPC_H2_H
#define TIERCEL_GRPC_H2_H

#include "engine/base.h"

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

struct grpc_h2 {
	int fd;				/* -1: none */
	SSL *ssl;			/* NULL: plain */
	nghttp2_session *session;
	char *out;
	size_t out_len, out_at;
	bool blocked;			/* the socket takes no more: wait until it is writable */
	bool more_in, more_out;		/* stopped for fairness: call again without waiting */
};

/* Owns fd, ssl and session afterwards, also when it fails with -ENOMEM. */
int grpc_h2_init(struct grpc_h2 *h, int fd, SSL *ssl, nghttp2_session *session);
void grpc_h2_done(struct grpc_h2 *h);

/*
 * Read what is there, up to a share, and let the session work on it. 1: something was read; 0:
 * there is nothing; -EPIPE: the peer is gone; -EPROTO: he does not speak HTTP/2 or TLS with us.
 */
int grpc_h2_read(struct grpc_h2 *h);
/* Write what the session has, up to a share. 0 or an error as above. */
int grpc_h2_write(struct grpc_h2 *h);
/* Tell the peer that nothing more comes. */
void grpc_h2_shutdown(struct grpc_h2 *h);
/* Nothing will be read or written any more. */
bool grpc_h2_over(const struct grpc_h2 *h);

/* Header of gRPC: a literal name and a text that outlives the call. */
nghttp2_nv grpc_h2_header(struct str name, struct str value);

#endif
