/* SPDX-License-Identifier: Apache-2.0 */
/* Calls to a container runtime, see cri_client.h. The peer is trusted with nothing but answers. */
#include "agent/cri_client.h"
#include "agent/clock.h"
#include "agent/grpc_h2.h"
#include "agent/grpc_wire.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { NO_STREAM = -1, NO_STATUS = -1, WINDOW_BYTES = 1 << 20 };

/* One call or stream. */
struct call {
	int32_t id;
	const struct buf *request;
	size_t sent;
	struct grpc_reader in;
	cri_message_fn *fn;		/* NULL: one answer is expected */
	void *ctx;
	bool have, done;
	int status, err;
};

struct cri_client {
	struct grpc_h2 h2;
	uint64_t max_bytes;
	struct call unary, stream;
	struct buf request, stream_request;
};

static struct call *call_of(struct cri_client *c, int32_t id)
{
	if (id == c->unary.id)
		return &c->unary;
	return id == c->stream.id ? &c->stream : NULL;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *user)
{
	struct call *call = call_of(user, frame->hd.stream_id);
	struct str key = { (const char *)name, (uint32_t)name_len };
	uint64_t status;

	if (call && str_is(key, "grpc-status") &&
	    str_to_u64((struct str){ (const char *)value, (uint32_t)value_len }, &status) == 0)
		call->status = (int)MIN(status, (uint64_t)INT32_MAX);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *user)
{
	struct cri_client *c = user;
	struct call *call = call_of(c, id);
	struct str rest = { (const char *)data, (uint32_t)len };

	while (call && !call->err && !call->have) {
		int r = grpc_reader_take(&call->in, &rest, c->max_bytes);

		if (r == 0)
			break;
		if (r < 0)
			call->err = r;
		else if (call->fn)
			call->fn(call->ctx, buf_str(&call->in.body));
		else
			call->have = true;
	}
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct call *call = call_of(user, id);

	if (!call)
		return 0;
	call->done = true;
	call->id = NO_STREAM;
	return 0;
}

static ssize_t on_data_wanted(nghttp2_session *session, int32_t id, uint8_t *to, size_t room,
			      uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct call *call = source->ptr;
	size_t n = MIN(room, call->request->len - call->sent);

	memcpy(to, call->request->p + call->sent, n);
	call->sent += n;
	if (call->sent == call->request->len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

static int make_session(struct cri_client *c, nghttp2_session **ret)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW_BYTES },
	};
	nghttp2_session_callbacks *cb;
	int r = nghttp2_session_callbacks_new(&cb);

	if (r)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	r = nghttp2_session_client_new(ret, cb, c);
	nghttp2_session_callbacks_del(cb);
	if (r)
		return -ENOMEM;
	if (nghttp2_submit_settings(*ret, NGHTTP2_FLAG_NONE, settings, ARRAY_SIZE(settings)) == 0 &&
	    nghttp2_session_set_local_window_size(*ret, NGHTTP2_FLAG_NONE, 0, WINDOW_BYTES) == 0)
		return 0;
	nghttp2_session_del(*ret);
	return -ENOMEM;
}

static int connect_to(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	memcpy(sa.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* On a unix socket this does not wait: it succeeds, is refused or the backlog is full. */
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0)
		return fd;
	r = -errno;
	close(fd);
	return r;
}

int cri_client_open(const char *path, uint64_t max_bytes, struct cri_client **ret)
{
	struct cri_client *c;
	nghttp2_session *session;
	int fd = connect_to(path);

	if (fd < 0)
		return fd;
	c = calloc(1, sizeof(*c));
	if (!c || make_session(c, &session) < 0) {
		close(fd);
		free(c);
		return -ENOMEM;
	}
	c->max_bytes = max_bytes;
	c->unary.id = c->stream.id = NO_STREAM;
	if (grpc_h2_init(&c->h2, fd, NULL, session) < 0) {
		free(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

void cri_client_free(struct cri_client *c)
{
	if (!c)
		return;
	grpc_h2_done(&c->h2);
	buf_done(&c->request);
	buf_done(&c->stream_request);
	buf_done(&c->unary.in.body);
	buf_done(&c->stream.in.body);
	free(c);
}

/* Send a request; `call` is set up but for its stream. */
static int submit(struct cri_client *c, struct call *call, const char *method)
{
	nghttp2_data_provider data = { .source.ptr = call, .read_callback = on_data_wanted };
	const nghttp2_nv nv[] = {
		grpc_h2_header(STR(":method"), STR("POST")),
		grpc_h2_header(STR(":scheme"), STR("http")),
		grpc_h2_header(STR(":path"), str_from(method)),
		grpc_h2_header(STR(":authority"), STR("localhost")),
		grpc_h2_header(STR("content-type"), STR("application/grpc")),
		grpc_h2_header(STR("te"), STR("trailers")),
	};
	int32_t id;

	if (call->request->err)
		return -ENOMEM;
	id = nghttp2_submit_request(c->h2.session, NULL, nv, ARRAY_SIZE(nv), &data, NULL);
	if (id < 0)
		return id == NGHTTP2_ERR_NOMEM ? -ENOMEM : -EPIPE;
	call->id = id;
	return 0;
}

/* One turn of reading and writing, waiting for at most the time. */
static int turn(struct cri_client *c, int wake_fd, uint64_t timeout_ns)
{
	struct pollfd fds[] = { { .fd = c->h2.fd, .events = POLLIN },
				{ .fd = wake_fd, .events = POLLIN } };
	struct timespec ts = clock_timespec(timeout_ns);
	int r = grpc_h2_write(&c->h2);

	if (r < 0)
		return r;
	if (c->h2.blocked)
		fds[0].events |= POLLOUT;
	if (c->h2.more_out)
		ts = (struct timespec){ 0 };
	if (ppoll(fds, ARRAY_SIZE(fds), &ts, NULL) < 0)
		return errno == EINTR ? 0 : -errno;
	r = fds[0].revents & ~POLLOUT ? grpc_h2_read(&c->h2) : 0;
	if (r < 0)
		return r;
	if (grpc_h2_over(&c->h2))
		return -EPIPE;
	return fds[1].revents != 0;
}

static void begin(struct call *call, const struct buf *request, cri_message_fn *fn, void *ctx)
{
	struct buf body = call->in.body;

	buf_clear(&body);
	*call = (struct call){ .id = NO_STREAM, .request = request, .in.body = body, .fn = fn,
			       .ctx = ctx, .status = NO_STATUS };
}

int cri_client_call(struct cri_client *c, const char *method, const ProtobufCMessage *request,
		    uint64_t timeout_ns, struct str *ret_body, int *ret_status)
{
	uint64_t end = clock_mono_ns() + timeout_ns, now;
	int r;

	buf_clear(&c->request);
	grpc_wire_message(&c->request, request);
	begin(&c->unary, &c->request, NULL, NULL);
	r = submit(c, &c->unary, method);
	while (r >= 0 && !c->unary.done && !c->unary.err) {
		now = clock_mono_ns();
		if (now >= end)
			return -ETIMEDOUT;
		r = turn(c, -1, end - now);
	}
	if (r < 0)
		return r;
	if (c->unary.err)
		return c->unary.err;
	if (c->unary.status == NO_STATUS || (c->unary.status == GRPC_OK && !c->unary.have))
		return -EPROTO;
	*ret_status = c->unary.status;
	*ret_body = buf_str(&c->unary.in.body);
	return 0;
}

int cri_client_stream(struct cri_client *c, const char *method, const ProtobufCMessage *request,
		      cri_message_fn *fn, void *ctx)
{
	buf_clear(&c->stream_request);
	grpc_wire_message(&c->stream_request, request);
	begin(&c->stream, &c->stream_request, fn, ctx);
	return submit(c, &c->stream, method);
}

int cri_client_wait(struct cri_client *c, int wake_fd, uint64_t timeout_ns)
{
	uint64_t end = clock_mono_ns() + timeout_ns, now;
	int r = 0;

	while (r == 0 && (now = clock_mono_ns()) < end)
		r = turn(c, wake_fd, end - now);
	return MIN(r, 0);
}
