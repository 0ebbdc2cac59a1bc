/* SPDX-License-Identifier: Apache-2.0 */
/* The methods of the gRPC server, see grpc_call.h. */
#include "agent/grpc_call.h"
#include "agent/clock.h"
#include "agent/proto/health.pb-c.h"
#include "agent/proto/version.pb-c.h"
#include "engine/tiercel.h"

#include <inttypes.h>

enum { COUNT_DIGITS = 24 };

/* ---- falco.outputs.service ------------------------------------------------------------------ */

static struct grpc_service *service_of(const struct grpc_stream *s)
{
	return s->conn->service;
}

static bool subscribe(struct grpc_stream *s)
{
	struct grpc_service *service = service_of(s);

	if (grpc_limits_over(&service->limits, GRPC_LIMIT_SUBSCRIBERS,
			     service->subscribers + 1ULL)) {
		grpc_stream_finish(s, GRPC_RESOURCE_EXHAUSTED, "too many subscribers");
		return false;
	}
	service->subscribers++;
	s->subscribed = true;
	service->news |= grpc_ring_pull(service->ring);
	return true;
}

static void unsubscribe(struct grpc_stream *s)
{
	service_of(s)->subscribers -= s->subscribed;
}

/* An alert that only this subscriber sees, where the alerts he lost would have been. */
static struct grpc_frame *lost_frame(struct grpc_stream *s, uint64_t lost)
{
	char now[COUNT_DIGITS], all[COUNT_DIGITS], text[128];

	snprintf(now, sizeof(now), "%" PRIu64, lost);
	snprintf(all, sizeof(all), "%" PRIu64, s->cursor.lost);
	snprintf(text, sizeof(text),
		 "Subscriber too slow: %s alerts lost, %s in all on this stream", now, all);
	const struct message_field fields[] = { { STR("lost"), str_from(now) },
						{ STR("lost_total"), str_from(all) } };
	const struct message m = {
		.internal = true,
		.priority = PRIO_WARNING,
		.ts = clock_wall_ns(),
		.rule = STR("Tiercel internal: gRPC subscriber lost alerts"),
		.source = STR("internal"),
		.hostname = service_of(s)->hostname,
		.output = str_from(text),
		.text = str_from(text),
		.fields = fields,
		.nfields = ARRAY_SIZE(fields),
	};

	return grpc_frame_new(&m, s->cursor.next);
}

static struct grpc_frame *read_alert(struct grpc_stream *s, uint64_t end)
{
	struct grpc_frame *f = grpc_ring_read(service_of(s)->ring, &s->cursor, end), *notice;
	uint64_t lost = s->cursor.lost - s->told_lost;

	if (!lost)
		return f;
	notice = lost_frame(s, lost);
	if (!notice)
		return f;	/* told with the next alert */
	s->told_lost = s->cursor.lost;
	s->following = f;
	return notice;
}

static void sub_start(struct grpc_stream *s)
{
	if (!subscribe(s))
		return;
	s->cursor.next = grpc_ring_unread(service_of(s)->ring);
	grpc_stream_begin(s);
}

/* Old clients ask again and again; ours is a push, so there is nothing to do. */
static void sub_request(struct grpc_stream *s, struct str body)
{
}

static struct grpc_frame *sub_next(struct grpc_stream *s)
{
	struct grpc_service *service = service_of(s);
	struct grpc_frame *f = read_alert(s, grpc_ring_end(service->ring));

	if (!f && service->draining)
		grpc_stream_finish(s, GRPC_UNAVAILABLE, "shutting down");
	return f;
}

static void get_request(struct grpc_stream *s, struct str body)
{
	struct grpc_ring *ring = service_of(s)->ring;

	if (!subscribe(s))
		return;
	s->cursor.next = grpc_ring_got(ring);
	s->end = grpc_ring_end(ring);
	grpc_stream_begin(s);
}

static struct grpc_frame *get_next(struct grpc_stream *s)
{
	struct grpc_frame *f = read_alert(s, s->end);

	grpc_ring_set_got(service_of(s)->ring, s->cursor.next);
	if (!f)
		grpc_stream_finish(s, GRPC_OK, NULL);
	return f;
}

/* ---- falco.version.service ------------------------------------------------------------------ */

/* "1.2.3-rc1+build" in parts. */
static void split_version(const char *text, uint32_t *major, uint32_t *minor, uint32_t *patch)
{
	*major = *minor = *patch = 0;
	sscanf(text, "%u.%u.%u", major, minor, patch);
}

static void version_request(struct grpc_stream *s, struct str body)
{
	Falco__Version__Response r = FALCO__VERSION__RESPONSE__INIT;
	char checksum[129];

	snprintf(checksum, sizeof(checksum), "%.*s", STR_ARG(service_of(s)->fields_checksum));
	r.version = (char *)TIERCEL_VERSION;
	split_version(TIERCEL_VERSION, &r.major, &r.minor, &r.patch);
	r.engine_version = (char *)TIERCEL_ENGINE_VERSION;
	split_version(TIERCEL_ENGINE_VERSION, &r.engine_major, &r.engine_minor, &r.engine_patch);
	r.engine_fields_checksum = checksum;
	grpc_stream_answer(s, &r.base);
	grpc_stream_finish(s, GRPC_OK, NULL);
}

/* ---- grpc.health.v1.Health ------------------------------------------------------------------ */

#define HEALTH(x) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##x

static int health_now(const struct grpc_service *service)
{
	return service->serving && !service->draining ? HEALTH(SERVING) : HEALTH(NOT_SERVING);
}

static void health_answer(struct grpc_stream *s, int status)
{
	Grpc__Health__V1__HealthCheckResponse r = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	r.status = status;
	grpc_stream_answer(s, &r.base);
	s->told_health = status;
}

/* Is it the server ("") or a service we have? -EINVAL: the request is damaged. */
static int health_known(struct str body, bool *ret)
{
	Grpc__Health__V1__HealthCheckRequest *q;
	struct str name;

	q = grpc__health__v1__health_check_request__unpack(NULL, body.len, (const uint8_t *)body.p);
	if (!q)
		return -EINVAL;
	name = str_from(q->service);
	*ret = name.len == 0 || str_is(name, "falco.outputs.service") ||
	       str_is(name, "falco.version.service") || str_is(name, "grpc.health.v1.Health");
	grpc__health__v1__health_check_request__free_unpacked(q, NULL);
	return 0;
}

static void check_request(struct grpc_stream *s, struct str body)
{
	bool known;

	if (health_known(body, &known) < 0)
		return grpc_stream_finish(s, GRPC_INVALID_ARGUMENT, "damaged request");
	if (!known)
		return grpc_stream_finish(s, GRPC_NOT_FOUND, "unknown service");
	health_answer(s, health_now(service_of(s)));
	grpc_stream_finish(s, GRPC_OK, NULL);
}

static void watch_request(struct grpc_stream *s, struct str body)
{
	bool known;

	if (health_known(body, &known) < 0)
		return grpc_stream_finish(s, GRPC_INVALID_ARGUMENT, "damaged request");
	s->watching = known;
	health_answer(s, known ? health_now(service_of(s)) : HEALTH(SERVICE_UNKNOWN));
}

static void watch_wake(struct grpc_stream *s)
{
	struct grpc_service *service = service_of(s);

	if (s->watching && s->told_health != health_now(service))
		health_answer(s, health_now(service));
	if (service->draining)
		grpc_stream_finish(s, GRPC_UNAVAILABLE, "shutting down");
}

/* ---- reflection ------------------------------------------------------------------------------ */

static void reflect_half_close(struct grpc_stream *s)
{
	grpc_stream_begin(s);
	grpc_stream_finish(s, GRPC_OK, NULL);
}

static void reflect_wake(struct grpc_stream *s)
{
	if (service_of(s)->draining)
		grpc_stream_finish(s, GRPC_UNAVAILABLE, "shutting down");
}

static const struct grpc_method methods[] = {
	{ .path = "/falco.outputs.service/sub",
	  .streams_requests = true,
	  .start = sub_start,
	  .request = sub_request,
	  .next = sub_next,
	  .wake = grpc_stream_kick,
	  .closed = unsubscribe },
	{ .path = "/falco.outputs.service/get",
	  .request = get_request,
	  .next = get_next,
	  .closed = unsubscribe },
	{ .path = "/falco.version.service/version", .request = version_request },
	{ .path = "/grpc.health.v1.Health/Check", .request = check_request },
	{ .path = "/grpc.health.v1.Health/Watch", .request = watch_request, .wake = watch_wake },
	{ .path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
	  .streams_requests = true,
	  .request = grpc_reflect_request,
	  .half_close = reflect_half_close,
	  .wake = reflect_wake },
	{ .path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
	  .streams_requests = true,
	  .request = grpc_reflect_request,
	  .half_close = reflect_half_close,
	  .wake = reflect_wake },
};

const struct grpc_method *grpc_call_find(struct str path)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (str_is(path, methods[i].path))
			return &methods[i];
	return NULL;
}
