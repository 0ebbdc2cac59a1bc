/* SPDX-License-Identifier: Apache-2.0 */
/* Metadata of containers for the engine, see metadata_wait.h. */
#include "agent/metadata_wait.h"
#include "agent/clock.h"
#include "agent/host.h"

enum { WAITING_POLL_MS = 2 };

/* Why an alert has no metadata, as it stands in the alert. */
#define REASON_TIMEOUT "timeout"
#define REASON_UNKNOWN "unknown to the runtime"
#define REASON_UNAVAILABLE "runtime unavailable"

static void container_new(void *ctx, struct container *c)
{
	struct metadata_wait *m = ctx;

	bool asked = cri_ask(m->cri, istr_str(c->id));

	if (!asked && !m->recording)
		c->missing = REASON_UNAVAILABLE;
	else if (asked && m->wait_ns)
		c->awaited = true;
}

int metadata_wait_init(struct metadata_wait *m, const struct config *c, bool recording,
		       struct state_hooks *ret_hooks)
{
	int r;

	*m = (struct metadata_wait){ 0 };
	if (!c->container_metadata.enabled || c->container_metadata.sockets.n == 0)
		return 0;
	m->recording = recording;
	m->wait_ns = recording ? 0 : c->container_metadata.wait * NS_PER_MS;
	m->opts = (struct cri_opts){ .sockets = c->container_metadata.sockets.v,
				     .nsockets = c->container_metadata.sockets.n,
				     .root = host_root() };
	r = cri_new(&m->opts, &m->cri);
	if (r < 0)
		return r;
	ret_hooks->container_new = container_new;
	ret_hooks->ctx = m;
	return 0;
}

void metadata_wait_done(struct metadata_wait *m)
{
	cri_free(m->cri);
	m->cri = NULL;
}

/* Some thread of the container: whose event the document is. */
static int64_t thread_in(const struct engines *engines, struct str id)
{
	struct state *s = tiercel_state(engines_first(engines));
	struct thread *t;
	uint32_t pos = 0;

	while ((t = state_next_thread(s, &pos)) != NULL)
		if (t->container && str_eq(istr_str(t->container->id), id))
			return t->tid;
	return -1;
}

/* The event that rules about containers look at, and that recordings keep. */
static void feed_event(struct metadata_wait *m, struct str id, struct str json)
{
	static const char name[] = "container";
	const uint32_t lens[] = { sizeof(uint32_t), sizeof(name), json.len };
	_cleanup_buf_ struct buf data = BUF_INIT;
	uint32_t no_plugin = 0;
	struct event ev = { .ts = clock_wall_ns(), .tid = thread_in(m->engines, id),
			    .flags = EVENT_LIVE };

	buf_add(&data, &no_plugin, sizeof(no_plugin));
	buf_add(&data, name, sizeof(name));
	buf_add_str(&data, json);
	if (data.err || event_view(&ev, EV_ASYNCEVENT_E, ARRAY_SIZE(lens), true,
				   (const uint8_t *)lens, (const uint8_t *)data.p,
				   (uint32_t)data.len) < 0)
		return;		/* the metadata are in the tables; only this event is missing */
	engines_event(m->engines, &ev, m->feed, m->ctx);
}

static void missing(struct metadata_wait *m, struct str id, const char *reason)
{
	if (!m->recording)
		engines_no_metadata(m->engines, id, reason);
}

static void on_answer(void *ctx, struct str id, enum cri_result result, struct str json)
{
	struct metadata_wait *m = ctx;

	switch (result) {
	case CRI_FOUND:
		if (engines_metadata(m->engines, json) == 0)
			feed_event(m, id, json);
		break;
	case CRI_NOT_FOUND:
		missing(m, id, REASON_UNKNOWN);
		break;
	case CRI_UNAVAILABLE:
		missing(m, id, REASON_UNAVAILABLE);
		break;
	}
}

static void check_time(struct metadata_wait *m)
{
	struct str id = tiercel_waiting(engines_first(m->engines));
	uint64_t waits = tiercel_stats(engines_first(m->engines))->waits, now = clock_mono_ns();

	if (!id.p)
		return;
	if (waits != m->waits) {
		m->waits = waits;
		m->since_ns = now;
	}
	if (now - m->since_ns < m->wait_ns)
		return;
	m->given_up++;
	engines_no_metadata(m->engines, id, REASON_TIMEOUT);
}

void metadata_wait_turn(struct metadata_wait *m, struct engines *engines,
			int (*feed)(void *ctx, struct event *ev), void *ctx)
{
	if (!m->cri)
		return;
	m->engines = engines;
	m->feed = feed;
	m->ctx = ctx;
	cri_take(m->cri, on_answer, m);
	check_time(m);
}

void metadata_wait_stats(const struct metadata_wait *m, struct cri_stats *ret,
			 uint64_t *ret_given_up)
{
	*ret = (struct cri_stats){ 0 };
	if (m->cri)
		cri_stats(m->cri, ret);
	*ret_given_up = m->given_up;
}

int metadata_wait_poll_ms(const struct metadata_wait *m, const struct engines *engines, int normal)
{
	return tiercel_waiting(engines_first(engines)).p ? WAITING_POLL_MS : normal;
}

void metadata_wait_finish(struct metadata_wait *m, struct engines *engines)
{
	struct str id;

	while ((id = tiercel_waiting(engines_first(engines))).p)
		engines_no_metadata(engines, id, REASON_TIMEOUT);
}
