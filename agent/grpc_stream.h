/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections and calls of the gRPC server: the nghttp2 callbacks of one connection, and what a
 * method may do with its call. grpc_server.c has the sockets and the loop, grpc_call.c the methods.
 * Everything here runs in the server's thread.
 */
#ifndef TIERCEL_GRPC_STREAM_H
#define TIERCEL_GRPC_STREAM_H

#include "agent/grpc_h2.h"
#include "agent/grpc_ring.h"

struct grpc_conn;
struct grpc_stream;

/* What all connections of a server share. */
struct grpc_service {
	struct grpc_limits limits;
	struct grpc_ring *ring;
	struct str hostname, fields_checksum;
	uint64_t now_ns;		/* CLOCK_MONOTONIC of this turn of the loop */
	uint64_t next_timer_ns;		/* nothing is due before */
	uint32_t subscribers;
	bool serving;			/* health */
	bool draining;			/* shutdown: deliver what is there, then end */
	bool news;			/* alerts came or the health changed: wake the calls */
};

struct grpc_method {
	const char *path;
	bool streams_requests;		/* several requests, the answer begins before them */
	/* The call begins; the answer's header is not sent yet. May be NULL. */
	void (*start)(struct grpc_stream *s);
	/* A whole request. */
	void (*request)(struct grpc_stream *s, struct str body);
	/* The client sends nothing more. May be NULL. */
	void (*half_close)(struct grpc_stream *s);
	/* The next frame to be sent, with a reference, or NULL. May be NULL. */
	struct grpc_frame *(*next)(struct grpc_stream *s);
	/* There is news. May be NULL. */
	void (*wake)(struct grpc_stream *s);
	/* The call is over. May be NULL. */
	void (*closed)(struct grpc_stream *s);
};

struct grpc_stream {
	struct grpc_conn *conn;
	struct grpc_stream *next, *prev;
	int32_t id;
	const struct grpc_method *method;	/* NULL: unknown path */
	/* Of the request's header. */
	uint64_t header_bytes;
	bool post, grpc, compressed;
	uint64_t timeout_ns;
	/* Times at which something is due; UINT64_MAX: never. */
	uint64_t deadline_ns, request_due_ns;

	struct grpc_reader in;
	bool requested;			/* a whole request was seen */
	bool peer_done;			/* the client sends nothing more */

	bool begun, deferred, finished;
	enum grpc_status status;
	const char *text;
	struct buf out;			/* answers, each with its prefix */
	size_t out_at;
	struct grpc_frame *frame, *following;	/* being sent; to be sent after it */
	size_t frame_at;

	/* Of the methods that send alerts. */
	bool subscribed;
	struct grpc_cursor cursor;
	uint64_t end;			/* of a `get` */
	uint64_t told_lost;
	/* Of Health/Watch. */
	bool watching;
	int told_health;
};

struct grpc_conn {
	struct grpc_service *service;
	struct grpc_conn *next, *prev;
	struct grpc_h2 h2;
	struct grpc_stream *streams;
	uint64_t accepted_ns, heard_ns;
	uint64_t pinged_ns;		/* 0: no ping is on its way */
	uint64_t reset_tokens, reset_ns;
	bool writable;			/* the socket takes something again */
	bool ready;			/* the peer has spoken HTTP/2 */
	bool going;			/* GOAWAY was sent */
	bool lingering;			/* all was said; until the peer closes, too */
	uint64_t linger_ns;
};

/* A server session on an accepted socket; owns fd and ssl, also when it fails. NULL: no memory. */
struct grpc_conn *grpc_conn_new(struct grpc_service *service, int fd, SSL *ssl);
void grpc_conn_free(struct grpc_conn *c);
/* Act on what is due and lower service->next_timer_ns. False: the connection is to be closed. */
bool grpc_conn_timers(struct grpc_conn *c);
/* No more calls; those that are running end by themselves. */
void grpc_conn_goaway(struct grpc_conn *c);
/*
 * Nothing will be sent any more. Closing at once could cost the peer what he has not read: his next
 * frame would be answered by a reset.
 */
void grpc_conn_linger(struct grpc_conn *c);
/* Tell every call that there is news. */
void grpc_conn_wake(struct grpc_conn *c);

/* Send the header of the answer; messages follow. */
void grpc_stream_begin(struct grpc_stream *s);
/* Send one message. */
void grpc_stream_answer(struct grpc_stream *s, const ProtobufCMessage *m);
/* End the call when everything given to it is sent. `text` is a literal, or NULL. */
void grpc_stream_finish(struct grpc_stream *s, enum grpc_status status, const char *text);
/* There is something to send. */
void grpc_stream_kick(struct grpc_stream *s);

#endif
