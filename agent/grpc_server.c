/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread of the gRPC server: sockets, timers, and the output that the live loop sees. The
 * thread owns all connections; the engine's thread only pushes into the ring and rings the
 * doorbell.
 */
#include "agent/grpc_server.h"
#include "agent/clock.h"
#include "agent/grpc_listen.h"
#include "agent/grpc_stream.h"
#include "agent/grpc_tls.h"
#include "agent/thread.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EPOLL_BATCH = 64, MAX_WAIT_MS = 60000, ACCEPT_PAUSE_MS = 100, HEALTH_MS = 1000 };

struct grpc_server {
	struct output output;
	struct grpc_service service;
	struct grpc_opts opts;
	struct grpc_tls_files tls_files;
	struct grpc_tls *tls;		/* NULL: unix socket */
	pthread_t thread;
	int listen_fd, epoll_fd, doorbell;
	atomic_bool serving, stop;
	atomic_uint_fast64_t stop_ns;	/* when a drain is given up */
	uint64_t health_ns;		/* when opts.serving is asked again */
	uint64_t accept_again_ns;	/* 0: accepting; else no fd was left */
	struct grpc_conn *conns;
	uint32_t nconns;
};

static void ring_doorbell(struct grpc_server *s)
{
	eventfd_write(s->doorbell, 1);
}

/* ---- connections --------------------------------------------------------------------------- */

static int watch(const struct grpc_server *s, int op, int fd, uint32_t events, void *ptr)
{
	struct epoll_event ev = { .events = events, .data.ptr = ptr };

	return epoll_ctl(s->epoll_fd, op, fd, &ev);
}

static void drop(struct grpc_server *s, struct grpc_conn *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		s->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	s->nconns--;
	grpc_conn_free(c);
}

static void add(struct grpc_server *s, int fd)
{
	struct grpc_conn *c;
	SSL *ssl = NULL;
	int on = 1;

	if (grpc_limits_over(&s->service.limits, GRPC_LIMIT_CONNECTIONS, s->nconns + 1ULL)) {
		close(fd);
		return;
	}
	if (s->tls) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		ssl = grpc_tls_accept(s->tls, fd);
		if (!ssl) {
			close(fd);
			return;
		}
	}
	c = grpc_conn_new(&s->service, fd, ssl);
	if (!c)
		return;
	if (watch(s, EPOLL_CTL_ADD, fd, EPOLLIN, c) < 0) {
		grpc_conn_free(c);
		return;
	}
	c->next = s->conns;
	if (c->next)
		c->next->prev = c;
	s->conns = c;
	s->nconns++;
}

static void accept_all(struct grpc_server *s)
{
	int fd;

	while ((fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		add(s, fd);
	if (errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM)
		return;
	/* The connection stays in the backlog and would wake us without end. */
	watch(s, EPOLL_CTL_DEL, s->listen_fd, 0, NULL);
	s->accept_again_ns = s->service.now_ns + (uint64_t)ACCEPT_PAUSE_MS * NS_PER_MS;
	s->service.next_timer_ns = MIN(s->service.next_timer_ns, s->accept_again_ns);
}

static void readable(struct grpc_server *s, struct grpc_conn *c)
{
	int r = grpc_h2_read(&c->h2);

	if (r > 0)
		c->heard_ns = s->service.now_ns;
	if (r < 0)
		drop(s, c);
}

static void flush(struct grpc_server *s, struct grpc_conn *c)
{
	bool was_blocked = c->h2.blocked;

	if (c->lingering || (was_blocked && !c->writable))
		return;
	c->writable = false;
	if (grpc_h2_write(&c->h2) < 0) {
		drop(s, c);
		return;
	}
	if (grpc_h2_over(&c->h2))
		grpc_conn_linger(c);
	if (c->h2.blocked != was_blocked)
		watch(s, EPOLL_CTL_MOD, c->h2.fd, c->h2.blocked ? EPOLLIN | EPOLLOUT : EPOLLIN, c);
}

/* ---- the loop ------------------------------------------------------------------------------ */

static void begin_drain(struct grpc_server *s)
{
	s->service.draining = s->service.news = true;
	if (s->listen_fd >= 0) {
		close(s->listen_fd);
		s->listen_fd = -1;
	}
	for (struct grpc_conn *c = s->conns; c; c = c->next)
		grpc_conn_goaway(c);
	s->service.next_timer_ns = MIN(s->service.next_timer_ns, s->stop_ns);
}

static void take_health(struct grpc_server *s)
{
	if (!s->opts.serving || s->service.now_ns < s->health_ns)
		return;
	s->serving = s->opts.serving();
	s->health_ns = s->service.now_ns + HEALTH_MS * NS_PER_MS;
}

static void take_news(struct grpc_server *s)
{
	struct grpc_service *service = &s->service;
	bool stop = s->stop; /* read first: what was emitted before the stop is in the ring then */

	if (grpc_ring_pull(service->ring))
		service->news = true;
	if (service->serving != s->serving) {
		service->serving = s->serving;
		service->news = true;
	}
	if (stop && !service->draining)
		begin_drain(s);
	if (!service->news)
		return;
	service->news = false;
	for (struct grpc_conn *c = s->conns; c; c = c->next)
		grpc_conn_wake(c);
}

static void timers(struct grpc_server *s)
{
	struct grpc_service *service = &s->service;
	struct grpc_conn *next;

	if (service->now_ns < service->next_timer_ns)
		return;
	service->next_timer_ns = service->draining ? s->stop_ns : UINT64_MAX;
	for (struct grpc_conn *c = s->conns; c; c = next) {
		next = c->next;
		if (!grpc_conn_timers(c))
			drop(s, c);
	}
	if (s->accept_again_ns && service->now_ns >= s->accept_again_ns && s->listen_fd >= 0) {
		s->accept_again_ns = 0;
		watch(s, EPOLL_CTL_ADD, s->listen_fd, EPOLLIN, &s->listen_fd);
	}
}

/* Write what there is; true: some connections want another turn at once. */
static bool flush_all(struct grpc_server *s)
{
	struct grpc_conn *next;
	bool more = false;

	for (struct grpc_conn *c = s->conns; c; c = next) {
		next = c->next;
		if (c->h2.more_in)
			readable(s, c);
	}
	for (struct grpc_conn *c = s->conns; c; c = next) {
		next = c->next;
		flush(s, c);
	}
	for (struct grpc_conn *c = s->conns; c; c = c->next)
		more |= c->h2.more_in || c->h2.more_out;
	return more;
}

static int wait_ms(const struct grpc_server *s, bool more)
{
	uint64_t now = clock_mono_ns(), at = s->service.next_timer_ns;

	if (s->opts.serving)
		at = MIN(at, s->health_ns);
	if (more || at <= now)
		return 0;
	return (int)MIN((at - now) / NS_PER_MS + 1, (uint64_t)MAX_WAIT_MS);
}

static void dispatch(struct grpc_server *s, const struct epoll_event *ev, int n)
{
	eventfd_t count;

	for (int i = 0; i < n; i++) {
		if (ev[i].data.ptr == &s->listen_fd) {
			if (s->listen_fd >= 0)
				accept_all(s);
		} else if (ev[i].data.ptr == &s->doorbell) {
			eventfd_read(s->doorbell, &count);
		} else {
			struct grpc_conn *c = ev[i].data.ptr;

			c->writable = ev[i].events & EPOLLOUT;
			if (ev[i].events & ~EPOLLOUT)
				readable(s, c);
		}
	}
}

static void *server_thread(void *arg)
{
	struct grpc_server *s = arg;
	struct epoll_event ev[EPOLL_BATCH];
	bool more = false;

	while (!s->service.draining || (s->conns && s->service.now_ns < s->stop_ns)) {
		int n = epoll_wait(s->epoll_fd, ev, EPOLL_BATCH, wait_ms(s, more));

		s->service.now_ns = clock_mono_ns();
		dispatch(s, ev, n);
		take_health(s);
		take_news(s);
		timers(s);
		more = flush_all(s);
	}
	while (s->conns)
		drop(s, s->conns);
	return NULL;
}

/* ---- the output ---------------------------------------------------------------------------- */

static struct grpc_server *server_of(const struct output *o)
{
	return container_of(o, struct grpc_server, output);
}

static void emit(struct output *o, struct message *m)
{
	struct grpc_server *s = server_of(o);

	if (!s->opts.no_alerts && grpc_ring_push(s->service.ring, m))
		ring_doorbell(s);
}

static void stats(const struct output *o, struct output_stats *ret)
{
	*ret = (struct output_stats){ 0 };
	grpc_ring_stats(server_of(o)->service.ring, ret);
}

static void counters(const struct output *o, output_counter_fn *fn, void *ctx)
{
	const struct grpc_limits *l = &server_of(o)->service.limits;

	for (int i = 0; i < GRPC_LIMIT_COUNT; i++)
		fn(ctx, grpc_limit_infos[i].counter, l->hits[i]);
}

static void server_free(struct grpc_server *s)
{
	const int fds[] = { s->listen_fd, s->epoll_fd, s->doorbell };

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
	grpc_tls_free(s->tls);
	grpc_ring_free(s->service.ring);
	free(s);
}

static void drain(struct output *o, uint32_t timeout_ms)
{
	struct grpc_server *s = server_of(o);
	const char *path = grpc_listen_path(s->opts.bind_address);

	if (s->stop)
		return;
	s->stop_ns = clock_mono_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	s->stop = true;
	if (path)
		unlink(path);
	ring_doorbell(s);
	pthread_join(s->thread, NULL);
	grpc_ring_discard(s->service.ring);
}

static void close_output(struct output *o, uint32_t timeout_ms)
{
	drain(o, timeout_ms);
	server_free(server_of(o));
}

static const struct output_ops server_ops = {
	.name = "grpc",
	.emit = emit,
	.stats = stats,
	.counters = counters,
	.drain = drain,
	.close = close_output,
};

void grpc_server_set_serving(struct output *o, bool serving)
{
	struct grpc_server *s = server_of(o);

	if (atomic_exchange(&s->serving, serving) != serving)
		ring_doorbell(s);
}

static int start(struct grpc_server *s, struct buf *error)
{
	int r = 0;

	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->doorbell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->service.ring = grpc_ring_new(&s->service.limits);
	if (s->epoll_fd < 0 || s->doorbell < 0 || !s->service.ring) {
		buf_add_c(error, "out of memory or file descriptors");
		return -ENOMEM;
	}
	s->listen_fd = grpc_listen(s->opts.bind_address, error);
	if (s->listen_fd < 0)
		return s->listen_fd;
	if (!grpc_listen_path(s->opts.bind_address))
		r = grpc_tls_new(&s->tls_files, error, &s->tls);
	if (r < 0)
		return r;
	if (watch(s, EPOLL_CTL_ADD, s->listen_fd, EPOLLIN, &s->listen_fd) < 0 ||
	    watch(s, EPOLL_CTL_ADD, s->doorbell, EPOLLIN, &s->doorbell) < 0)
		r = -errno;
	if (r == 0)
		r = thread_start(&s->thread, server_thread, s);
	if (r < 0)
		buf_printf(error, "cannot start the gRPC server: %s", strerror(-r));
	return r;
}

int grpc_server_new(const struct grpc_opts *opts, struct buf *error, struct output **ret)
{
	struct grpc_server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	s->opts = *opts;
	s->tls_files = (struct grpc_tls_files){ opts->private_key, opts->cert_chain,
						opts->root_certs };
	s->output.ops = &server_ops;
	s->listen_fd = s->epoll_fd = s->doorbell = -1;
	s->service.hostname = opts->hostname;
	s->service.fields_checksum = opts->fields_checksum;
	s->service.serving = true;
	atomic_init(&s->serving, true);
	s->service.next_timer_ns = UINT64_MAX;
	grpc_limits_init(&s->service.limits);
	if (opts->limits)
		memcpy(s->service.limits.max, opts->limits, sizeof(s->service.limits.max));
	r = start(s, error);
	if (r < 0)
		server_free(s);
	else
		*ret = &s->output;
	return r;
}
