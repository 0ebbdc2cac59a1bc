/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of socket calls, all on loopback; see cases.h. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "kernel-tests/cases.h"

#define TEXT "over the wire"

/* Wire forms of an address and of a pair of them, as .scap has them. */
struct wire_addr4 {
	uint8_t family;
	uint32_t ip;
	uint16_t port;
} __attribute__((packed));

struct wire_tuple4 {
	uint8_t family;
	uint32_t sip;
	uint16_t sport;
	uint32_t dip;
	uint16_t dport;
} __attribute__((packed));

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in a = { 0 };
	socklen_t len = sizeof(a);

	getsockname(fd, (struct sockaddr *)&a, &len);
	return ntohs(a.sin_port);
}

/* A bound socket and its port. */
static int bound(int type, uint16_t *ret_port)
{
	struct sockaddr_in a = loopback(0);
	int fd = socket(AF_INET, type, 0);

	if (fd >= 0)
		bind(fd, (struct sockaddr *)&a, sizeof(a));
	*ret_port = port_of(fd);
	return fd;
}

static void want_addr(struct want *w, unsigned param, uint16_t port)
{
	struct wire_addr4 a = { AF_INET, htonl(INADDR_LOOPBACK), port };

	want_bytes(w, param, &a, sizeof(a));
}

static void want_tuple(struct want *w, unsigned param, uint16_t sport, uint16_t dport)
{
	struct wire_tuple4 t = { AF_INET, htonl(INADDR_LOOPBACK), sport, htonl(INADDR_LOOPBACK),
				 dport };

	want_bytes(w, param, &t, sizeof(t));
}

int case_tcp_connect(struct case_tcp *ret, bool accepted)
{
	struct sockaddr_in a;
	uint16_t port;

	ret->listener = bound(SOCK_STREAM, &port);
	ret->client = socket(AF_INET, SOCK_STREAM, 0);
	a = loopback(port);
	if (listen(ret->listener, 4) || connect(ret->client, (struct sockaddr *)&a, sizeof(a)))
		return -1;
	ret->server = accepted ? accept(ret->listener, NULL, NULL) : -1;
	return 0;
}

static void run_socket(struct want *w)
{
	call(w, AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	want_num(w, SOCKET_X_domain, AF_INET6);
	want_bits(w, SOCKET_X_type, 0xff, SOCK_STREAM);
	want_num(w, SOCKET_X_proto, IPPROTO_TCP);
	w->kind = FD_IPV6;
}

static void run_bind(struct want *w)
{
	struct sockaddr_in a = loopback(0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	call(w, fd, &a, sizeof(a));
	want_addr(w, BIND_X_addr, 0);
	want_num(w, BIND_X_fd, fd);
	w->kind = FD_IPV4;
}

static void run_connect(struct want *w)
{
	uint16_t port;
	int listener = bound(SOCK_STREAM, &port), fd = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in a = loopback(port);

	listen(listener, 1);
	call(w, fd, &a, sizeof(a));
	want_tuple(w, CONNECT_X_tuple, port_of(fd), port);
	want_num(w, CONNECT_X_fd, fd);
	want_addr(w, CONNECT_X_addr, port);
	w->kind = FD_IPV4;
}

static void run_listen(struct want *w)
{
	uint16_t port;
	int fd = bound(SOCK_STREAM, &port);

	call(w, fd, 13);
	want_num(w, LISTEN_X_fd, fd);
	want_num(w, LISTEN_X_backlog, 13);
	w->kind = FD_IPV4;
}

static void want_accepted(struct want *w, unsigned tuple, unsigned max, struct case_tcp *t)
{
	want_tuple(w, tuple, port_of(t->client), port_of(t->listener));
	want_num(w, max, 4);
	w->kind = FD_IPV4;
}

static void run_accept(struct want *w)
{
	struct case_tcp t;

	if (case_tcp_connect(&t, false))
		return want_skip(w, "no loopback connection: %s", strerror(errno));
	call(w, t.listener, NULL, NULL);
	want_accepted(w, ACCEPT_5_X_tuple, ACCEPT_5_X_queuemax, &t);
}

static void run_accept4(struct want *w)
{
	struct case_tcp t;

	if (case_tcp_connect(&t, false))
		return want_skip(w, "no loopback connection: %s", strerror(errno));
	call(w, t.listener, NULL, NULL, SOCK_CLOEXEC);
	want_accepted(w, ACCEPT4_6_X_tuple, ACCEPT4_6_X_queuemax, &t);
	want_num(w, ACCEPT4_6_X_flags, WO_CLOEXEC);
}

static void run_sendto(struct want *w)
{
	uint16_t to, from;
	int fd = bound(SOCK_DGRAM, &from), peer = bound(SOCK_DGRAM, &to);
	struct sockaddr_in a = loopback(to);

	call(w, fd, TEXT, strlen(TEXT), 0, &a, sizeof(a));
	want_bytes(w, SENDTO_X_data, TEXT, strlen(TEXT));
	want_num(w, SENDTO_X_fd, fd);
	want_num(w, SENDTO_X_size, strlen(TEXT));
	want_tuple(w, SENDTO_X_tuple, from, to);
	w->kind = FD_IPV4;
	close(peer);
}

static void send_text(int from, uint16_t port)
{
	struct sockaddr_in a = loopback(port);

	sendto(from, TEXT, strlen(TEXT), 0, (struct sockaddr *)&a, sizeof(a));
}

static void run_recvfrom(struct want *w)
{
	uint16_t to, from;
	int peer = bound(SOCK_DGRAM, &from), fd = bound(SOCK_DGRAM, &to);
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	char in[64];

	send_text(peer, to);
	call(w, fd, in, sizeof(in), 0, &a, &len);
	want_bytes(w, RECVFROM_X_data, TEXT, strlen(TEXT));
	want_tuple(w, RECVFROM_X_tuple, from, to);
	want_num(w, RECVFROM_X_fd, fd);
	want_num(w, RECVFROM_X_size, sizeof(in));
	w->kind = FD_IPV4;
}

static void run_sendmsg(struct want *w)
{
	uint16_t to, from;
	int fd = bound(SOCK_DGRAM, &from), peer = bound(SOCK_DGRAM, &to);
	struct sockaddr_in a = loopback(to);
	char text[] = TEXT;
	struct iovec iov = { text, strlen(text) };
	struct msghdr m = { .msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &iov,
			    .msg_iovlen = 1 };

	call(w, fd, &m, 0);
	want_bytes(w, SENDMSG_X_data, TEXT, strlen(TEXT));
	want_num(w, SENDMSG_X_fd, fd);
	want_num(w, SENDMSG_X_size, strlen(TEXT));
	want_tuple(w, SENDMSG_X_tuple, from, to);
	close(peer);
}

#define MESSAGES 20		/* more than the sensor reports */
#define MESSAGES_SEEN 16

/* Message number i is i + 1 bytes long. */
struct messages {
	struct mmsghdr m[MESSAGES];
	struct iovec iov[MESSAGES];
	struct sockaddr_in addr;
	char text[MESSAGES][MESSAGES + 1];
};

static void make_messages(struct messages *s, uint32_t n, bool receive)
{
	for (uint32_t i = 0; i < n; i++) {
		memset(s->text[i], receive ? 0 : 'a' + (int)i, sizeof(s->text[i]));
		s->iov[i] = (struct iovec){ s->text[i], receive ? sizeof(s->text[i]) : i + 1 };
		s->m[i] = (struct mmsghdr){
			.msg_hdr = { .msg_iov = &s->iov[i],
				     .msg_iovlen = 1,
				     .msg_name = receive ? NULL : &s->addr,
				     .msg_namelen = receive ? 0 : sizeof(s->addr) }
		};
	}
}

/* Each message is an event; the one looked for has its own length as result. */
static void want_message(struct want *w, uint32_t number)
{
	w->params[0].num = number + 1;
}

static void send_messages(struct want *w, uint32_t n, uint32_t looked_for)
{
	char text[MESSAGES + 1];
	struct messages s;
	uint16_t to, from;
	int fd = bound(SOCK_DGRAM, &from), peer = bound(SOCK_DGRAM, &to);

	s.addr = loopback(to);
	make_messages(&s, n, false);
	call(w, fd, s.m, n, 0);
	want_message(w, looked_for);
	memset(text, 'a' + (int)looked_for, sizeof(text));
	want_num(w, SENDMMSG_X_fd, fd);
	want_num(w, SENDMMSG_X_size, looked_for + 1);
	want_bytes(w, SENDMMSG_X_data, text, looked_for + 1);
	want_tuple(w, SENDMMSG_X_tuple, from, to);
	close(peer);
}

static void run_sendmmsg(struct want *w)
{
	send_messages(w, 1, 0);
}

static void run_sendmmsg_third(struct want *w)
{
	send_messages(w, 3, 2);
}

static void run_sendmmsg_last(struct want *w)
{
	send_messages(w, MESSAGES, MESSAGES_SEEN - 1);
	w->flags |= EVENT_TRUNCATED;
}

static void run_recvmsg(struct want *w)
{
	uint16_t to, from;
	int peer = bound(SOCK_DGRAM, &from), fd = bound(SOCK_DGRAM, &to);
	struct sockaddr_in a;
	char in[64];
	struct iovec iov = { in, sizeof(in) };
	struct msghdr m = {
		.msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &iov, .msg_iovlen = 1
	};

	send_text(peer, to);
	call(w, fd, &m, 0);
	want_num(w, RECVMSG_X_size, strlen(TEXT));
	want_bytes(w, RECVMSG_X_data, TEXT, strlen(TEXT));
	want_tuple(w, RECVMSG_X_tuple, from, to);
	want_num(w, RECVMSG_X_fd, fd);
}

static void run_recvmmsg(struct want *w)
{
	uint16_t to, from;
	int peer = bound(SOCK_DGRAM, &from), fd = bound(SOCK_DGRAM, &to);
	struct sockaddr_in a;
	char in[64];
	struct iovec iov = { in, sizeof(in) };
	struct mmsghdr m = { .msg_hdr = { .msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &iov,
					  .msg_iovlen = 1 } };

	send_text(peer, to);
	call(w, fd, &m, 1, 0, NULL);
	want_message(w, strlen(TEXT) - 1);
	want_num(w, RECVMMSG_X_fd, fd);
	want_num(w, RECVMMSG_X_size, strlen(TEXT));
	want_bytes(w, RECVMMSG_X_data, TEXT, strlen(TEXT));
	want_tuple(w, RECVMMSG_X_tuple, from, to);
}

static void run_recvmmsg_third(struct want *w)
{
	struct messages out, in;
	uint16_t to, from;
	int peer = bound(SOCK_DGRAM, &from), fd = bound(SOCK_DGRAM, &to);

	out.addr = loopback(to);
	make_messages(&out, 4, false);
	make_messages(&in, 4, true);
	if (sendmmsg(peer, out.m, 4, 0) != 4)
		return want_skip(w, "no loopback datagrams: %s", strerror(errno));
	call(w, fd, in.m, 4, 0, NULL);
	want_message(w, 2);
	want_num(w, RECVMMSG_X_size, 3);
	want_bytes(w, RECVMMSG_X_data, "ccc", 3);
}

static void run_recvmmsg_fails(struct want *w)
{
	struct messages in;
	uint16_t port;

	make_messages(&in, 2, true);
	call(w, bound(SOCK_DGRAM, &port), in.m, 2, MSG_DONTWAIT, NULL);
	want_empty(w, RECVMMSG_X_data);
}

static void run_shutdown(struct want *w)
{
	struct case_tcp t;

	if (case_tcp_connect(&t, true))
		return want_skip(w, "no loopback connection: %s", strerror(errno));
	call(w, t.client, SHUT_WR);
	want_num(w, SHUTDOWN_X_fd, t.client);
	want_num(w, SHUTDOWN_X_how, SHUT_WR);
	w->kind = FD_IPV4;
}

static void run_getsockname(struct want *w)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	uint16_t port;

	call(w, bound(SOCK_DGRAM, &port), &a, &len);
}

static void run_getpeername(struct want *w)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	struct case_tcp t;

	if (case_tcp_connect(&t, true))
		return want_skip(w, "no loopback connection: %s", strerror(errno));
	call(w, t.client, &a, &len);
}

static void run_socketpair(struct want *w)
{
	int fds[2] = { -1, -1 };

	call(w, AF_UNIX, SOCK_DGRAM, 0, fds);
	want_num(w, SOCKETPAIR_X_fd1, fds[0]);
	want_num(w, SOCKETPAIR_X_fd2, fds[1]);
	want_min(w, SOCKETPAIR_X_source, 1);
	want_min(w, SOCKETPAIR_X_peer, 1);
	want_num(w, SOCKETPAIR_X_domain, AF_UNIX);
	want_num(w, SOCKETPAIR_X_type, SOCK_DGRAM);
	w->kind = FD_UNIX;
}

/* Wire form of a four-byte option: variant 2, then the number. */
static void want_option(struct want *w, unsigned param, uint32_t v)
{
	struct {
		uint8_t variant;
		uint32_t v;
	} __attribute__((packed)) wire = { 2, v };

	want_bytes(w, param, &wire, sizeof(wire));
}

static void run_setsockopt(struct want *w)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	call(w, fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	want_num(w, SETSOCKOPT_X_fd, fd);
	want_num(w, SETSOCKOPT_X_level, 1);
	want_num(w, SETSOCKOPT_X_optname, SO_KEEPALIVE);
	want_option(w, SETSOCKOPT_X_val, 1);
	want_num(w, SETSOCKOPT_X_optlen, sizeof(one));
	w->kind = FD_IPV4;
}

static void run_getsockopt(struct want *w)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), type = 0;
	socklen_t len = sizeof(type);

	call(w, fd, SOL_SOCKET, SO_TYPE, &type, &len);
	want_num(w, GETSOCKOPT_X_fd, fd);
	want_num(w, GETSOCKOPT_X_level, 1);
	want_num(w, GETSOCKOPT_X_optname, SO_TYPE);
	want_option(w, GETSOCKOPT_X_val, SOCK_STREAM);
	want_num(w, GETSOCKOPT_X_optlen, sizeof(type));
	w->kind = FD_IPV4;
}

static const struct kcase rows[] = {
	{ EV_SOCKET_X, __NR_socket, run_socket },
	{ EV_BIND_X, __NR_bind, run_bind },
	{ EV_CONNECT_X, __NR_connect, run_connect },
	{ EV_LISTEN_X, __NR_listen, run_listen },
	{ EV_ACCEPT_5_X, __NR_accept, run_accept },
	{ EV_ACCEPT4_6_X, __NR_accept4, run_accept4 },
	{ EV_SENDTO_X, __NR_sendto, run_sendto },
	{ EV_RECVFROM_X, __NR_recvfrom, run_recvfrom },
	{ EV_SENDMSG_X, __NR_sendmsg, run_sendmsg },
	{ EV_SENDMMSG_X, __NR_sendmmsg, run_sendmmsg },
	{ EV_SENDMMSG_X, __NR_sendmmsg, run_sendmmsg_third, "sendmmsg (third message)" },
	{ EV_SENDMMSG_X, __NR_sendmmsg, run_sendmmsg_last, "sendmmsg (last of 16)" },
	{ EV_RECVMSG_X, __NR_recvmsg, run_recvmsg },
	{ EV_RECVMMSG_X, __NR_recvmmsg, run_recvmmsg },
	{ EV_RECVMMSG_X, __NR_recvmmsg, run_recvmmsg_third, "recvmmsg (third message)" },
	{ EV_RECVMMSG_X, __NR_recvmmsg, run_recvmmsg_fails, "recvmmsg (fails)" },
	{ EV_SHUTDOWN_X, __NR_shutdown, run_shutdown },
	{ EV_GETSOCKNAME_X, __NR_getsockname, run_getsockname },
	{ EV_GETPEERNAME_X, __NR_getpeername, run_getpeername },
	{ EV_SOCKETPAIR_X, __NR_socketpair, run_socketpair },
	{ EV_SETSOCKOPT_X, __NR_setsockopt, run_setsockopt },
	{ EV_GETSOCKOPT_X, __NR_getsockopt, run_getsockopt },
};

const struct kcase_table case_net = { "net", rows, ARRAY_SIZE(rows) };
