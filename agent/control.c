/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread of the control socket: one poll loop over all clients. Each is bounded in what it may
 * send, in what is written ahead for it and in time, see control_limits.def.
 */
#include "agent/control_priv.h"
#include "agent/clock.h"
#include "agent/thread.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

static void wake(struct control *c)
{
	uint64_t one = 1;

	if (write(c->event_fd, &one, sizeof(one)) < 0)
		return;		/* full: it is awake */
}

struct tap *control_tap(struct control *c)
{
	return c->tap;
}

void control_reloaded(struct control *c, const struct control_reload *result)
{
	struct control_outcome *o = &c->outcome;
	char *problems = result->problems ? strdup(result->problems) : NULL, *old;

	pthread_mutex_lock(&c->lock);
	old = o->problems;
	o->have = true;
	o->result = *result;
	o->problems = problems;
	snprintf(o->digest, sizeof(o->digest), "%s", result->digest ? result->digest : "");
	pthread_mutex_unlock(&c->lock);
	free(old);
	wake(c);
}

/* ---- clients ------------------------------------------------------------------------------ */

static void client_close(struct control *c, struct control_client *client)
{
	if (client->tail)
		tap_remove(c->tap, client->tail);
	close(client->fd);
	buf_done(&client->in);
	buf_done(&client->out);
	*client = c->clients[--c->nclients];
}

static bool has_output(const struct control_client *client)
{
	return client->sent < client->out.len;
}

static uint64_t idle_deadline(void)
{
	return clock_mono_ns() + CONTROL_IDLE_MS_MAX * NS_PER_MS;
}

/* false: nobody waits. */
static bool accept_client(struct control *c)
{
	struct control_client client = { .fd = accept4(c->listen_fd, NULL, NULL,
						       SOCK_NONBLOCK | SOCK_CLOEXEC),
					 .deadline_ns = idle_deadline() };

	if (client.fd < 0)
		return false;
	if (c->nclients == CONTROL_CLIENTS_MAX || !control_socket_trusts(client.fd)) {
		static const char full[] = "{\"ok\":false,\"error\":\"too many clients\"}\n",
				  stranger[] = "{\"ok\":false,\"error\":\"not permitted\"}\n";
		bool is_full = c->nclients == CONTROL_CLIENTS_MAX;

		control_limit_hit(CONTROL_LIMIT_CLIENTS, 1);
		send(client.fd, is_full ? full : stranger,
		     (is_full ? sizeof(full) : sizeof(stranger)) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		close(client.fd);
		return true;
	}
	c->clients[c->nclients++] = client;
	return true;
}

/* false: the client is gone. */
static bool read_client(struct control_client *client)
{
	char *room = buf_reserve(&client->in, CONTROL_LINE_BYTES_MAX);
	ssize_t n;

	if (!room)
		return false;
	n = recv(client->fd, room, CONTROL_LINE_BYTES_MAX, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	client->eof = n == 0;
	client->in.len += (size_t)n;
	return true;
}

static void take_line(struct control *c, struct control_client *client)
{
	const char *end = client->in.len ? memchr(client->in.p, '\n', client->in.len) : NULL;
	size_t len = end ? (size_t)(end - client->in.p) : client->in.len;

	if (len > CONTROL_LINE_BYTES_MAX) {
		control_limit_hit(CONTROL_LIMIT_LINE_BYTES, 1);
		control_refuse(client, "the request is too long");
		client->closing = true;
		return;
	}
	if (!end)
		return;
	control_request(c, client, (struct str){ client->in.p, (uint32_t)len });
	client->in.len -= len + 1;
	memmove(client->in.p, end + 1, client->in.len);
	client->next_ns = clock_mono_ns() + CONTROL_PAUSE_MS_MAX * NS_PER_MS;
	if (client->in.len)
		control_limit_hit(CONTROL_LIMIT_PAUSE_MS, 1);
	client->deadline_ns = client->wait == CONTROL_WAIT_ALERTS ? 0
			      : client->wait == CONTROL_WAIT_RELOAD
				      ? clock_mono_ns() + CONTROL_RELOAD_MS_MAX * NS_PER_MS
				      : idle_deadline();
}

/* false: the client is gone. */
static bool write_client(struct control_client *client)
{
	ssize_t n = send(client->fd, client->out.p + client->sent, client->out.len - client->sent,
			 MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	client->sent += (size_t)n;
	if (!has_output(client)) {
		buf_done(&client->out);		/* idle clients have no memory */
		client->sent = 0;
	}
	return true;
}

/* The next request may be looked at: what came before is answered and read. */
static bool is_free(const struct control_client *client)
{
	return client->wait == CONTROL_WAIT_NONE && !client->closing && !has_output(client);
}

/* All that can be done for a client now. false: it is done or gone. */
static bool serve(struct control *c, struct control_client *client, short events, uint64_t now)
{
	if (events & (POLLERR | POLLHUP | POLLNVAL))
		return false;
	if ((events & POLLIN) && !read_client(client))
		return false;
	if (is_free(client) && now >= client->next_ns)
		take_line(c, client);
	if (client->wait == CONTROL_WAIT_RELOAD)
		control_answer_reload(c, client);
	if (client->wait == CONTROL_WAIT_ALERTS)
		control_answer_tail(c, client);
	if (client->out.err || (has_output(client) && !write_client(client)))
		return false;
	if (client->deadline_ns && now >= client->deadline_ns) {
		control_limit_hit(client->wait == CONTROL_WAIT_RELOAD ? CONTROL_LIMIT_RELOAD_MS
								      : CONTROL_LIMIT_IDLE_MS, 1);
		return false;
	}
	/* Its end is heard: nothing is left that could become a request or an answer. */
	return has_output(client) ||
	       !(client->closing ||
		 (client->eof && is_free(client) &&
		  (!client->in.len || !memchr(client->in.p, '\n', client->in.len))));
}

/* ---- loop --------------------------------------------------------------------------------- */

static bool has_line(const struct control_client *client)
{
	return client->in.len && (memchr(client->in.p, '\n', client->in.len) ||
				  client->in.len > CONTROL_LINE_BYTES_MAX);
}

/* What to wait for from a client, and until when. */
static short interest(const struct control_client *client, uint64_t *until_ns)
{
	bool reads = !client->eof && !client->closing && client->in.len <= CONTROL_LINE_BYTES_MAX &&
		     !has_line(client);

	if (client->deadline_ns)
		*until_ns = MIN(*until_ns, client->deadline_ns);
	if (is_free(client) && has_line(client))
		*until_ns = MIN(*until_ns, client->next_ns);
	return (short)((reads ? POLLIN : 0) | (has_output(client) || client->more ? POLLOUT : 0));
}

static int poll_all(struct control *c, struct pollfd *fds)
{
	uint64_t until = UINT64_MAX, now = clock_mono_ns(), count;
	int timeout = -1;

	fds[0] = (struct pollfd){ .fd = c->event_fd, .events = POLLIN };
	fds[1] = (struct pollfd){ .fd = c->listen_fd, .events = POLLIN };
	for (uint32_t i = 0; i < c->nclients; i++)
		fds[i + 2] = (struct pollfd){ .fd = c->clients[i].fd,
					      .events = interest(&c->clients[i], &until) };
	if (until != UINT64_MAX)
		timeout = until > now ? (int)((until - now) / NS_PER_MS) + 1 : 0;
	if (poll(fds, c->nclients + 2, timeout) < 0)
		return errno == EINTR ? 0 : -errno;
	if ((fds[0].revents & POLLIN) && read(c->event_fd, &count, sizeof(count)) < 0)
		return errno == EAGAIN ? 0 : -errno;
	return 1;
}

static void *work(void *arg)
{
	struct control *c = arg;
	struct pollfd fds[CONTROL_CLIENTS_MAX + 2];

	while (!atomic_load(&c->stopping)) {
		int r = poll_all(c, fds);
		uint64_t now = clock_mono_ns();

		if (r < 0)
			return NULL;
		if (r == 0)
			continue;
		/* From the end: who leaves is replaced by one that was served already. */
		for (uint32_t i = c->nclients; i-- > 0;)
			if (!serve(c, &c->clients[i], fds[i + 2].revents, now))
				client_close(c, &c->clients[i]);
		for (int i = 0; i < CONTROL_CLIENTS_MAX && (fds[1].revents & POLLIN); i++)
			if (!accept_client(c))
				break;
	}
	return NULL;
}

static void control_free(struct control *c)
{
	while (c->nclients)
		client_close(c, &c->clients[0]);
	tap_free(c->tap);
	if (c->event_fd >= 0)
		close(c->event_fd);
	pthread_mutex_destroy(&c->lock);
	free(c->outcome.problems);
	free(c);
}

int control_start(const struct control_opts *opts, struct control **ret)
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->opts = *opts;
	pthread_mutex_init(&c->lock, NULL);
	c->event_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	r = c->event_fd < 0 ? -errno : 0;
	if (r == 0)
		c->tap = tap_new(c->event_fd);
	if (r == 0)
		r = c->tap ? control_socket_open(opts->path, &c->listen_fd, &c->lock_fd) : -ENOMEM;
	if (r < 0) {
		control_free(c);
		return r;
	}
	r = thread_start(&c->thread, work, c);
	if (r < 0) {
		control_socket_close(opts->path, c->listen_fd, c->lock_fd);
		control_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void control_stop(struct control *c)
{
	if (!c)
		return;
	atomic_store(&c->stopping, true);
	wake(c);
	pthread_join(c->thread, NULL);
	control_socket_close(c->opts.path, c->listen_fd, c->lock_fd);
	control_free(c);
}
