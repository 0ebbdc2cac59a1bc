/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the control socket: control.c has the thread and its clients, control_answer.c what
 * they are told, control_socket.c the socket. All in the thread of the socket.
 */
#ifndef TIERCEL_CONTROL_PRIV_H
#define TIERCEL_CONTROL_PRIV_H

#include "agent/control.h"
#include "agent/control_limits.h"

enum control_wait {
	CONTROL_WAIT_NONE,
	CONTROL_WAIT_RELOAD,	/* for a ticket */
	CONTROL_WAIT_ALERTS,	/* tail, until it closes */
};

struct control_client {
	int fd;
	struct buf in, out;
	size_t sent;			/* of out */
	enum control_wait wait;
	unsigned ticket;
	struct tap_reader *tail;
	bool more;			/* alerts may be left in its queue */
	uint64_t deadline_ns;		/* closed then; 0: never */
	uint64_t next_ns;		/* no request before */
	bool eof;			/* no more requests */
	bool closing;			/* once everything is sent */
};

/* A copy of the last struct control_reload. */
struct control_outcome {
	bool have;
	struct control_reload result;
	char *problems;
	char digest[DIGEST_TEXT];
};

struct control {
	struct control_opts opts;
	pthread_t thread;
	int listen_fd, lock_fd, event_fd;
	struct tap *tap;
	struct control_client clients[CONTROL_CLIENTS_MAX];
	uint32_t nclients;
	atomic_bool stopping;
	pthread_mutex_t lock;		/* of outcome */
	struct control_outcome outcome;
};

/* One line of a client: answers, or makes it wait. */
void control_request(struct control *c, struct control_client *client, struct str line);
/* {"ok":false,"error":...} */
void control_refuse(struct control_client *client, const char *why);
/* The answer to a reload, when there is one for this client. */
void control_answer_reload(struct control *c, struct control_client *client);
/* Alerts from the queue of the client to its buffer, as many as may be written ahead. */
void control_answer_tail(struct control *c, struct control_client *client);

/* Lock and socket; a path that a dead sensor left is taken over. 0, -EADDRINUSE, -errno. */
int control_socket_open(const char *path, int *ret_listen_fd, int *ret_lock_fd);
void control_socket_close(const char *path, int listen_fd, int lock_fd);
/* May the process at the other end use it? */
bool control_socket_trusts(int fd);

#endif
