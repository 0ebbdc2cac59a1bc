/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: any bytes as what a client sends to the gRPC server, behind a good connection start
 * or not (first byte). Seeds are whole sessions of a real client.
 */
#include "agent/grpc_stream.h"
#include "engine/tests/fuzz.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT_MAX = 60000, TURNS = 64, GOOD_START = 1, ALERTS = 3 };

static const char start_bytes[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

static struct message *make_alert(void)
{
	struct message *m = calloc(1, sizeof(*m));

	if (!m)
		abort();
	*m = (struct message){ .rule = STR("rule"), .source = STR("syscall"), .text = STR("text") };
	atomic_init(&m->refs, 1);
	return m;
}

static void give_alerts(struct grpc_service *service)
{
	for (int i = 0; i < ALERTS; i++) {
		struct message *m = make_alert();

		grpc_ring_push(service->ring, m);
		message_put(m);
	}
	grpc_ring_pull(service->ring);
}

static void converse(struct grpc_conn *c, int peer)
{
	char answer[4096];

	for (int i = 0; i < TURNS; i++) {
		c->service->now_ns += 1000000000;
		if (grpc_h2_read(&c->h2) < 0 || !grpc_conn_timers(c))
			return;
		grpc_conn_wake(c);
		if (grpc_h2_write(&c->h2) < 0 || grpc_h2_over(&c->h2))
			return;
		while (read(peer, answer, sizeof(answer)) > 0)
			;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct grpc_service service = { .serving = true, .now_ns = 1 };
	struct grpc_conn *c;
	int fds[2];

	if (size < 1 || size > INPUT_MAX ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
		return 0;
	grpc_limits_init(&service.limits);
	service.limits.max[GRPC_LIMIT_QUEUE_MESSAGES] = ALERTS;
	service.ring = grpc_ring_new(&service.limits);
	c = service.ring ? grpc_conn_new(&service, fds[0], NULL) : NULL;
	if (!c)
		abort();
	give_alerts(&service);
	if ((data[0] & GOOD_START) &&
	    send(fds[1], start_bytes, sizeof(start_bytes) - 1, MSG_NOSIGNAL) < 0)
		abort();
	if (send(fds[1], data + 1, size - 1, MSG_NOSIGNAL) < 0 && size > 1)
		abort();
	converse(c, fds[1]);
	grpc_conn_free(c);
	grpc_ring_free(service.ring);
	close(fds[1]);
	return 0;
}
