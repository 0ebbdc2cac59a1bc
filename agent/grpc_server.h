/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gRPC server: one more output, with a thread of its own. falco.outputs.service/{sub,get},
 * falco.version.service/version, health and reflection, over a unix socket or over TCP with mutual
 * TLS. Every subscriber gets every alert; one that is too slow loses some, is told so, and holds up
 * nobody.
 */
#ifndef TIERCEL_GRPC_SERVER_H
#define TIERCEL_GRPC_SERVER_H

#include "agent/grpc_limits.h"
#include "agent/output.h"

struct grpc_opts {
	const char *bind_address;	/* "unix:///path/of/socket", or "ADDRESS:PORT" with mTLS */
	const char *private_key, *cert_chain, *root_certs;	/* PEM files, TCP only */
	struct str hostname;		/* of the messages that the server itself makes */
	struct str fields_checksum;	/* for the version service; may be empty */
	bool no_alerts;			/* version, health and reflection only */
	bool (*serving)(void);		/* what the health service says; asked once a second */
	const uint64_t *limits;		/* by grpc_limit_id; NULL: defaults */
};

/*
 * Bind, listen, start the thread. 0, or -errno with a text for the user in `error`. Texts of `opts`
 * outlive the output. The process ignores SIGPIPE.
 */
int grpc_server_new(const struct grpc_opts *opts, struct buf *error, struct output **ret);
/*
 * Without opts.serving: what the health service says from now on. Any thread. It starts as serving.
 */
void grpc_server_set_serving(struct output *o, bool serving);

#endif
