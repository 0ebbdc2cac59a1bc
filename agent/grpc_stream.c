/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections and calls of the gRPC server, see grpc_stream.h. Whatever a peer does ends in an
 * answer, a reset call or a closed connection, never in a wait. Flow control of HTTP/2 does the
 * back-pressure: nghttp2 asks for data only while the peer's window is open, so a slow subscriber
 * costs a cursor.
 */
#include "agent/grpc_stream.h"
#include "agent/clock.h"
#include "agent/grpc_call.h"

#include <inttypes.h>

enum {
	RESET_REFILL = 10,        /* the burst of resets is allowed again after so many seconds */
	HEADER_OVERHEAD = 32,     /* what HTTP/2 counts for each field */
	WINDOW_BYTES = 256 << 10, /* of requests on one connection */
	STATUS_DIGITS = 4,
	COUNT_DIGITS = 24
};
#define GRACE_NS NS_PER_S	/* for the status of a call that is too late */
#define NEVER UINT64_MAX

#define GRPC_TYPE STR("application/grpc")

static uint64_t after_ms(const struct grpc_service *service, enum grpc_limit_id id)
{
	return service->now_ns + service->limits.max[id] * NS_PER_MS;
}

static void due(struct grpc_service *service, uint64_t at)
{
	service->next_timer_ns = MIN(service->next_timer_ns, at);
}

/* ---- answers ------------------------------------------------------------------------------- */

static size_t take_answers(struct grpc_stream *s, uint8_t *to, size_t room)
{
	size_t n = MIN(room, s->out.len - s->out_at);

	if (n == 0)
		return 0;
	memcpy(to, s->out.p + s->out_at, n);
	s->out_at += n;
	if (s->out_at * 2 >= s->out.len) {
		s->out.len -= s->out_at;
		memmove(s->out.p, s->out.p + s->out_at, s->out.len);
		s->out_at = 0;
	}
	return n;
}

static bool next_frame(struct grpc_stream *s)
{
	s->frame_at = 0;
	s->frame = s->following;
	s->following = NULL;
	if (!s->frame && !s->finished && s->method && s->method->next)
		s->frame = s->method->next(s);
	return s->frame;
}

static size_t take_frame(struct grpc_stream *s, uint8_t *to, size_t room)
{
	size_t n = MIN(room, s->frame->len - s->frame_at);

	memcpy(to, s->frame->bytes + s->frame_at, n);
	s->frame_at += n;
	if (s->frame_at == s->frame->len) {
		grpc_frame_put(s->frame);
		s->frame = NULL;
	}
	return n;
}

static uint32_t status_headers(const struct grpc_stream *s, nghttp2_nv *nv, char *status,
			       char *lost)
{
	uint32_t n = 0;

	snprintf(status, STATUS_DIGITS, "%d", s->status);
	nv[n++] = grpc_h2_header(STR("grpc-status"), str_from(status));
	if (s->text)
		nv[n++] = grpc_h2_header(STR("grpc-message"), str_from(s->text));
	if (s->subscribed) {
		snprintf(lost, COUNT_DIGITS, "%" PRIu64, s->cursor.lost);
		nv[n++] = grpc_h2_header(STR("tiercel-lost"), str_from(lost));
	}
	return n;
}

static void send_trailers(struct grpc_stream *s)
{
	char status[STATUS_DIGITS], lost[COUNT_DIGITS];
	nghttp2_nv nv[3];
	uint32_t n = status_headers(s, nv, status, lost);

	nghttp2_submit_trailer(s->conn->h2.session, s->id, nv, n);
}

static ssize_t on_data_wanted(nghttp2_session *session, int32_t id, uint8_t *to, size_t room,
			      uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct grpc_stream *s = source->ptr;
	size_t n = take_answers(s, to, room);

	while (n < room && s->out.len == s->out_at && (s->frame || next_frame(s)))
		n += take_frame(s, to + n, room - n);
	if (s->finished && !s->frame && !s->following && s->out.len == s->out_at) {
		*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
		send_trailers(s);
		return (ssize_t)n;
	}
	if (n)
		return (ssize_t)n;
	s->deferred = true;
	return NGHTTP2_ERR_DEFERRED;
}

void grpc_stream_begin(struct grpc_stream *s)
{
	nghttp2_data_provider data = { .source.ptr = s, .read_callback = on_data_wanted };
	const nghttp2_nv nv[] = {
		grpc_h2_header(STR(":status"), STR("200")),
		grpc_h2_header(STR("content-type"), GRPC_TYPE),
		grpc_h2_header(STR("grpc-accept-encoding"), STR("identity")),
	};

	if (s->begun)
		return;
	s->begun = true;
	nghttp2_submit_response(s->conn->h2.session, s->id, nv, ARRAY_SIZE(nv), &data);
}

void grpc_stream_kick(struct grpc_stream *s)
{
	if (!s->deferred)
		return;
	s->deferred = false;
	nghttp2_session_resume_data(s->conn->h2.session, s->id);
}

void grpc_stream_finish(struct grpc_stream *s, enum grpc_status status, const char *text)
{
	char number[STATUS_DIGITS], lost[COUNT_DIGITS];
	nghttp2_nv nv[5] = { grpc_h2_header(STR(":status"), STR("200")),
			     grpc_h2_header(STR("content-type"), GRPC_TYPE) };

	if (s->finished)
		return;
	s->finished = true;
	s->status = status;
	s->text = text;
	if (s->begun) {
		grpc_stream_kick(s);
		return;
	}
	s->begun = true;
	nghttp2_submit_response(s->conn->h2.session, s->id, nv,
				2 + status_headers(s, nv + 2, number, lost), NULL);
}

void grpc_stream_answer(struct grpc_stream *s, const ProtobufCMessage *m)
{
	struct grpc_limits *limits = &s->conn->service->limits;

	if (s->finished)
		return;
	grpc_stream_begin(s);
	grpc_wire_message(&s->out, m);
	if (s->out.err)
		grpc_stream_finish(s, GRPC_RESOURCE_EXHAUSTED, "out of memory");
	else if (grpc_limits_over(limits, GRPC_LIMIT_ANSWER_BYTES, s->out.len - s->out_at))
		grpc_stream_finish(s, GRPC_RESOURCE_EXHAUSTED, "answers are not read");
	grpc_stream_kick(s);
}

/* An answer of HTTP, to those who do not speak gRPC. */
static void refuse_http(struct grpc_stream *s, const char *status)
{
	nghttp2_nv nv = grpc_h2_header(STR(":status"), str_from(status));

	s->begun = s->finished = true;
	nghttp2_submit_response(s->conn->h2.session, s->id, &nv, 1, NULL);
}

/* ---- requests ------------------------------------------------------------------------------ */

static void stream_free(struct grpc_stream *s)
{
	if (s->method && s->method->closed)
		s->method->closed(s);
	if (s->prev)
		s->prev->next = s->next;
	else
		s->conn->streams = s->next;
	if (s->next)
		s->next->prev = s->prev;
	grpc_frame_put(s->frame);
	grpc_frame_put(s->following);
	buf_done(&s->in.body);
	buf_done(&s->out);
	free(s);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct grpc_conn *c = user;
	struct grpc_stream *s;

	if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	s->conn = c;
	s->id = frame->hd.stream_id;
	s->timeout_ns = s->deadline_ns = s->request_due_ns = NEVER;
	s->next = c->streams;
	if (s->next)
		s->next->prev = s;
	c->streams = s;
	nghttp2_session_set_stream_user_data(session, s->id, s);
	return 0;
}

static bool is_grpc(struct str type)
{
	return str_starts(type, GRPC_TYPE) &&
	       (type.len == GRPC_TYPE.len || type.p[GRPC_TYPE.len] == '+' ||
		type.p[GRPC_TYPE.len] == ';');
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *user)
{
	struct grpc_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
	struct str key = { (const char *)name, (uint32_t)name_len };
	struct str v = { (const char *)value, (uint32_t)value_len };

	if (!s)
		return 0;
	s->header_bytes += name_len + value_len + HEADER_OVERHEAD;
	if (grpc_limits_over(&s->conn->service->limits, GRPC_LIMIT_HEADER_BYTES, s->header_bytes))
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	if (str_is(key, ":path"))
		s->method = grpc_call_find(v);
	else if (str_is(key, ":method"))
		s->post = str_is(v, "POST");
	else if (str_is(key, "content-type"))
		s->grpc = is_grpc(v);
	else if (str_is(key, "grpc-encoding"))
		s->compressed = !str_is(v, "identity");
	else if (str_is(key, "grpc-timeout"))
		grpc_wire_timeout(v, &s->timeout_ns);
	return 0;
}

static void start_call(struct grpc_stream *s)
{
	struct grpc_service *service = s->conn->service;

	s->conn->ready = true;
	if (!s->post)
		return refuse_http(s, "405");
	if (!s->grpc)
		return refuse_http(s, "415");
	if (!s->method)
		return grpc_stream_finish(s, GRPC_UNIMPLEMENTED, "unknown service or method");
	if (s->compressed)
		return grpc_stream_finish(s, GRPC_UNIMPLEMENTED, "compression is not supported");
	if (service->draining)
		return grpc_stream_finish(s, GRPC_UNAVAILABLE, "shutting down");
	if (s->timeout_ns != NEVER)
		s->deadline_ns = service->now_ns + s->timeout_ns;
	if (!s->method->streams_requests)
		s->request_due_ns = after_ms(service, GRPC_LIMIT_REQUEST_MS);
	due(service, MIN(s->deadline_ns, s->request_due_ns));
	if (s->method->start)
		s->method->start(s);
}

static void end_of_requests(struct grpc_stream *s)
{
	s->peer_done = true;
	if (s->finished)
		return;
	if (!grpc_reader_idle(&s->in) || (!s->requested && !s->method->streams_requests))
		grpc_stream_finish(s, GRPC_INVALID_ARGUMENT, "the request is incomplete");
	else if (s->method->half_close)
		s->method->half_close(s);
}

static void feed(struct grpc_stream *s, struct str data)
{
	struct grpc_limits *limits = &s->conn->service->limits;
	uint64_t max = limits->max[GRPC_LIMIT_MESSAGE_BYTES];
	int r = 0;

	while (!s->finished && (r = grpc_reader_take(&s->in, &data, max)) == 1) {
		if (s->requested && !s->method->streams_requests) {
			grpc_stream_finish(s, GRPC_INVALID_ARGUMENT, "more than one request");
			return;
		}
		s->requested = true;
		s->request_due_ns = NEVER;
		s->method->request(s, buf_str(&s->in.body));
	}
	if (r == -EMSGSIZE) {
		grpc_limits_hit(limits, GRPC_LIMIT_MESSAGE_BYTES);
		grpc_stream_finish(s, GRPC_RESOURCE_EXHAUSTED, "the request is too large");
	} else if (r == -EPROTONOSUPPORT) {
		grpc_stream_finish(s, GRPC_UNIMPLEMENTED, "compression is not supported");
	} else if (r < 0) {
		grpc_stream_finish(s, GRPC_RESOURCE_EXHAUSTED, "out of memory");
	}
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *user)
{
	struct grpc_stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (s)
		feed(s, (struct str){ (const char *)data, (uint32_t)len });
	return 0;
}

/* Cancelled calls cost us more than the peer: a token bucket of them, then good-bye. */
static void count_reset(struct grpc_conn *c)
{
	struct grpc_service *service = c->service;
	uint64_t max = service->limits.max[GRPC_LIMIT_RESETS] * NS_PER_S;
	uint64_t since = MIN(service->now_ns - c->reset_ns, RESET_REFILL * NS_PER_S);

	c->reset_ns = service->now_ns;
	c->reset_tokens = MIN(max, c->reset_tokens + since * (max / NS_PER_S) / RESET_REFILL);
	if (c->reset_tokens >= NS_PER_S) {
		c->reset_tokens -= NS_PER_S;
		return;
	}
	grpc_limits_hit(&service->limits, GRPC_LIMIT_RESETS);
	nghttp2_session_terminate_session(c->h2.session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct grpc_conn *c = user;
	struct grpc_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	c->ready = true;
	if (frame->hd.type == NGHTTP2_PING && (frame->hd.flags & NGHTTP2_FLAG_ACK))
		c->pinged_ns = 0;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		count_reset(c);
	if (!s || (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		start_call(s);
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		end_of_requests(s);
	return 0;
}

/* The answer is complete while the client could still send: tell him that nobody listens. */
static int on_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
	struct grpc_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (s && frame->hd.type == NGHTTP2_HEADERS &&
	    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) && !s->peer_done)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
	return 0;
}

static int on_invalid(nghttp2_session *session, const nghttp2_frame *frame, int error, void *user)
{
	struct grpc_conn *c = user;

	if (error == NGHTTP2_ERR_REFUSED_STREAM)
		grpc_limits_hit(&c->service->limits, GRPC_LIMIT_STREAMS);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
	struct grpc_stream *s = nghttp2_session_get_stream_user_data(session, id);

	if (s)
		stream_free(s);
	return 0;
}

/* ---- connections --------------------------------------------------------------------------- */

static int make_session(struct grpc_conn *c, nghttp2_session **ret)
{
	nghttp2_session_callbacks *cb;
	int r = nghttp2_session_callbacks_new(&cb);

	if (r)
		return -ENOMEM;
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_sent);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	r = nghttp2_session_server_new(ret, cb, c);
	nghttp2_session_callbacks_del(cb);
	return r ? -ENOMEM : 0;
}

static int greet(struct grpc_conn *c)
{
	const uint64_t *max = c->service->limits.max;
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)max[GRPC_LIMIT_STREAMS] },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)max[GRPC_LIMIT_HEADER_BYTES] },
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
	};

	if (nghttp2_submit_settings(c->h2.session, NGHTTP2_FLAG_NONE, settings,
				    ARRAY_SIZE(settings)) ||
	    nghttp2_session_set_local_window_size(c->h2.session, NGHTTP2_FLAG_NONE, 0,
						  WINDOW_BYTES))
		return -ENOMEM;
	return 0;
}

struct grpc_conn *grpc_conn_new(struct grpc_service *service, int fd, SSL *ssl)
{
	struct grpc_conn *c = calloc(1, sizeof(*c));
	nghttp2_session *session = NULL;

	if (!c || make_session(c, &session) < 0) {
		struct grpc_h2 h = { .fd = fd, .ssl = ssl };

		grpc_h2_done(&h);
		free(c);
		return NULL;
	}
	c->service = service;
	c->accepted_ns = c->heard_ns = c->reset_ns = service->now_ns;
	c->reset_tokens = service->limits.max[GRPC_LIMIT_RESETS] * NS_PER_S;
	due(service, after_ms(service, GRPC_LIMIT_HANDSHAKE_MS));
	if (grpc_h2_init(&c->h2, fd, ssl, session) < 0 || greet(c) < 0) {
		grpc_conn_free(c);
		return NULL;
	}
	return c;
}

void grpc_conn_free(struct grpc_conn *c)
{
	while (c->streams)
		stream_free(c->streams);
	grpc_h2_done(&c->h2);
	free(c);
}

void grpc_conn_goaway(struct grpc_conn *c)
{
	if (c->going)
		return;
	c->going = true;
	nghttp2_submit_goaway(c->h2.session, NGHTTP2_FLAG_NONE,
			      nghttp2_session_get_last_proc_stream_id(c->h2.session),
			      NGHTTP2_NO_ERROR, NULL, 0);
}

void grpc_conn_linger(struct grpc_conn *c)
{
	c->lingering = true;
	c->linger_ns = after_ms(c->service, GRPC_LIMIT_LINGER_MS);
	due(c->service, c->linger_ns);
	grpc_h2_shutdown(&c->h2);
}

void grpc_conn_wake(struct grpc_conn *c)
{
	for (struct grpc_stream *s = c->streams; s; s = s->next)
		if (s->method && s->method->wake && !s->finished)
			s->method->wake(s);
}

static void stream_timers(struct grpc_stream *s)
{
	struct grpc_service *service = s->conn->service;

	if (service->now_ns >= s->request_due_ns) {
		s->request_due_ns = NEVER;
		grpc_limits_hit(&service->limits, GRPC_LIMIT_REQUEST_MS);
		grpc_stream_finish(s, GRPC_DEADLINE_EXCEEDED, "no request came");
	}
	if (service->now_ns >= s->deadline_ns) {
		/* A closed window keeps the status back, too: then the call is cut. */
		if (s->finished)
			nghttp2_submit_rst_stream(s->conn->h2.session, NGHTTP2_FLAG_NONE, s->id,
						  NGHTTP2_CANCEL);
		s->deadline_ns = s->finished ? NEVER : service->now_ns + GRACE_NS;
		grpc_stream_finish(s, GRPC_DEADLINE_EXCEEDED, "deadline exceeded");
	}
	due(service, MIN(s->deadline_ns, s->request_due_ns));
}

/* Silence is answered by a ping, and the silence after that by closing. */
static bool alive(struct grpc_conn *c)
{
	struct grpc_service *service = c->service;
	const uint64_t *max = service->limits.max;
	uint64_t ping_at = c->heard_ns + max[GRPC_LIMIT_KEEPALIVE_MS] * NS_PER_MS;

	if (c->pinged_ns) {
		uint64_t end = c->pinged_ns + max[GRPC_LIMIT_KEEPALIVE_ACK_MS] * NS_PER_MS;

		due(service, end);
		return service->now_ns < end;
	}
	if (service->now_ns >= ping_at) {
		c->pinged_ns = service->now_ns;
		grpc_limits_hit(&service->limits, GRPC_LIMIT_KEEPALIVE_MS);
		nghttp2_submit_ping(c->h2.session, NGHTTP2_FLAG_NONE, NULL);
		ping_at = c->pinged_ns + max[GRPC_LIMIT_KEEPALIVE_ACK_MS] * NS_PER_MS;
	}
	due(service, ping_at);
	return true;
}

bool grpc_conn_timers(struct grpc_conn *c)
{
	struct grpc_service *service = c->service;

	if (c->lingering) {
		due(service, c->linger_ns);
		if (service->now_ns < c->linger_ns)
			return true;
		grpc_limits_hit(&service->limits, GRPC_LIMIT_LINGER_MS);
		return false;
	}
	if (!c->ready) {
		uint64_t end = c->accepted_ns +
			       service->limits.max[GRPC_LIMIT_HANDSHAKE_MS] * NS_PER_MS;

		due(service, end);
		if (service->now_ns < end)
			return true;
		grpc_limits_hit(&service->limits, GRPC_LIMIT_HANDSHAKE_MS);
		return false;
	}
	for (struct grpc_stream *s = c->streams; s; s = s->next)
		stream_timers(s);
	if (alive(c))
		return true;
	grpc_limits_hit(&service->limits, GRPC_LIMIT_KEEPALIVE_ACK_MS);
	return false;
}
