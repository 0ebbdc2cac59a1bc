/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that asks the container runtime, see cri.h. It owns the connection and the memory of
 * documents; the table of questions and the list of answers are shared with the engine's thread
 * under one lock that is never held during a call.
 */
#include "agent/cri.h"
#include "agent/clock.h"
#include "agent/cri_lookup.h"
#include "agent/cri_memory.h"
#include "agent/thread.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { CONNECT_MS = 100, SHORT_ID = 12 };

const struct limit_info cri_limit_infos[CRI_LIMIT_COUNT] = {
#define CRI_LIMIT(id, d, c, h) [CRI_LIMIT_##id] = LIMIT_INFO(id, d, c, h),
#include "agent/cri_limits.def"
#undef CRI_LIMIT
};

struct question {
	struct question *next;
	char id[SHORT_ID + 1];
	bool wanted;			/* by the engine; else only to be known when it asks */
	bool told;			/* the engine knows that it takes longer */
	uint32_t tries;
	uint64_t due_ns;
};

struct answer {
	struct answer *next;
	char id[SHORT_ID + 1];
	enum cri_result result;
	struct str json;		/* behind the struct */
};

struct cri {
	struct cri_opts opts;
	uint64_t max[CRI_LIMIT_COUNT];
	pthread_t thread;
	int wake_fd, answers_fd;
	atomic_bool stop;

	pthread_mutex_t lock;		/* for what follows */
	struct strmap asked;		/* id -> question */
	struct question *questions;	/* all of them */
	struct answer *answers, **answers_end;
	struct cri_stats stats;

	/* The thread. */
	struct cri_client *client;
	struct cri_runtime runtime;
	struct cri_listener listener;
	struct cri_memory memory;
	uint64_t connect_ns, connect_pause_ms;
	uint64_t probe_ns;		/* when the runtime is asked whether it still answers */
};

static void hit(struct cri *c, enum cri_limit_id id)
{
	c->stats.hits[id]++;
}

static void lock_and_hit(struct cri *c, enum cri_limit_id id)
{
	pthread_mutex_lock(&c->lock);
	hit(c, id);
	pthread_mutex_unlock(&c->lock);
}

/* ---- questions and answers, under the lock --------------------------------------------------- */

static struct question *find_question(struct cri *c, struct str id)
{
	return strmap_get(&c->asked, id);
}

static struct question *add_question(struct cri *c, struct str id)
{
	struct question *q;

	if (c->asked.count >= c->max[CRI_LIMIT_ASKED]) {
		hit(c, CRI_LIMIT_ASKED);
		return NULL;
	}
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	memcpy(q->id, id.p, id.len);
	if (strmap_put(&c->asked, (struct str){ q->id, id.len }, q) < 0) {
		free(q);
		return NULL;
	}
	q->next = c->questions;
	c->questions = q;
	return q;
}

static void drop_question(struct cri *c, struct question *q)
{
	struct question **at = &c->questions;

	while (*at != q)
		at = &(*at)->next;
	*at = q->next;
	strmap_remove(&c->asked, str_from(q->id));
	free(q);
}

static void add_answer(struct cri *c, const char *id, enum cri_result result, struct str json)
{
	struct answer *a = malloc(sizeof(*a) + json.len);

	if (!a)
		return;
	*a = (struct answer){ .result = result, .json = { (char *)(a + 1), json.len } };
	memcpy(a->id, id, sizeof(a->id));
	if (json.len)
		memcpy(a + 1, json.p, json.len);
	*c->answers_end = a;
	c->answers_end = &a->next;
	c->stats.answered += result == CRI_FOUND;
	c->stats.not_found += result == CRI_NOT_FOUND;
	eventfd_write(c->answers_fd, 1);
}

static bool is_id(struct str id)
{
	return id.len >= SHORT_ID;
}

bool cri_ask(struct cri *c, struct str id)
{
	struct question *q;
	bool soon;

	if (!is_id(id))
		return false;
	id.len = SHORT_ID;
	pthread_mutex_lock(&c->lock);
	q = find_question(c, id);
	if (!q)
		q = add_question(c, id);
	if (q) {
		c->stats.asked++;
		q->wanted = true;
		q->due_ns = 0;
	}
	/* It has been tried to connect, in vain: an answer may come, but not soon. */
	soon = c->stats.state == CRI_ANSWERS || c->stats.hits[CRI_LIMIT_CONNECT_MAX_MS] == 0;
	if (q)
		q->told = !soon;
	pthread_mutex_unlock(&c->lock);
	eventfd_write(c->wake_fd, 1);
	return q && soon;
}

void cri_take(struct cri *c, cri_answer_fn *fn, void *ctx)
{
	struct answer *a, *next;
	eventfd_t count;

	pthread_mutex_lock(&c->lock);
	a = c->answers;
	c->answers = NULL;
	c->answers_end = &c->answers;
	if (a)			/* most looks find none and need no system call */
		eventfd_read(c->answers_fd, &count);
	pthread_mutex_unlock(&c->lock);
	for (; a; a = next) {
		next = a->next;
		fn(ctx, str_from(a->id), a->result, a->json);
		free(a);
	}
}

int cri_fd(const struct cri *c)
{
	return c->answers_fd;
}

void cri_stats(struct cri *c, struct cri_stats *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = c->stats;
	ret->waiting = c->asked.count;
	pthread_mutex_unlock(&c->lock);
}

/* ---- the thread ------------------------------------------------------------------------------ */

/* A container to be known before the engine asks: it was listed, or has just been made. */
static void prefetch(void *ctx, struct str id)
{
	struct cri *c = ctx;

	if (!is_id(id))
		return;
	id.len = SHORT_ID;
	pthread_mutex_lock(&c->lock);
	if (!find_question(c, id) && !cri_memory_have(&c->memory, id))
		add_question(c, id);
	pthread_mutex_unlock(&c->lock);
}

static void set_state(struct cri *c, enum cri_state state)
{
	if (state == CRI_SILENT && c->stats.state != CRI_SILENT)
		c->stats.silent_ns = clock_mono_ns();
	c->stats.state = state;
}

static void disconnect(struct cri *c, enum cri_state state)
{
	cri_client_free(c->client);
	c->client = NULL;
	c->connect_pause_ms = MIN(MAX(c->connect_pause_ms * 2, (uint64_t)CONNECT_MS),
				  c->max[CRI_LIMIT_CONNECT_MAX_MS]);
	c->connect_ns = clock_mono_ns() + c->connect_pause_ms * NS_PER_MS;
	pthread_mutex_lock(&c->lock);
	hit(c, CRI_LIMIT_CONNECT_MAX_MS);
	set_state(c, state);
	/* Nobody should wait for a runtime that is not there. */
	for (struct question *q = c->questions; q; q = q->next) {
		if (q->wanted && !q->told)
			add_answer(c, q->id, CRI_UNAVAILABLE, STR_NONE);
		q->told = true;
	}
	pthread_mutex_unlock(&c->lock);
}

static uint64_t call_ns(const struct cri *c)
{
	return c->max[CRI_LIMIT_CALL_MS] * NS_PER_MS;
}

static void postpone_probe(struct cri *c)
{
	c->probe_ns = clock_mono_ns() + c->max[CRI_LIMIT_PROBE_MS] * NS_PER_MS;
}

static int try_socket(struct cri *c, const char *path)
{
	_cleanup_buf_ struct buf full = BUF_INIT;
	int r;

	buf_add_c(&full, c->opts.root);
	buf_add_c(&full, path);
	r = full.err ? full.err
		     : cri_client_open(full.p, c->max[CRI_LIMIT_ANSWER_BYTES], &c->client);
	if (r < 0)
		return r;
	r = cri_lookup_runtime(c->client, call_ns(c), &c->runtime);
	if (r == 0 && c->runtime.events_safe)
		r = cri_lookup_events(c->client, &c->listener);
	if (r == 0)
		r = cri_lookup_all(c->client, call_ns(c), prefetch, c);
	if (r < 0) {
		cri_client_free(c->client);
		c->client = NULL;
	}
	return r;
}

static void connect_runtime(struct cri *c)
{
	bool absent = !c->stats.runtime[0];
	int r = -ENOENT;

	for (uint32_t i = 0; r < 0 && i < c->opts.nsockets; i++) {
		r = try_socket(c, c->opts.sockets[i]);
		absent = absent && (r == -ENOENT || r == -ENOTDIR);
	}
	if (r < 0) {
		disconnect(c, absent ? CRI_ABSENT : CRI_SILENT);
		return;
	}
	c->connect_pause_ms = 0;
	postpone_probe(c);
	pthread_mutex_lock(&c->lock);
	set_state(c, CRI_ANSWERS);
	snprintf(c->stats.runtime, sizeof(c->stats.runtime), "%s %s", c->runtime.name,
		 c->runtime.version);
	pthread_mutex_unlock(&c->lock);
}

/* The question that is due first, those of the engine before others. */
static bool next_question(struct cri *c, uint64_t now, char *ret_id, uint64_t *ret_due)
{
	struct question *best = NULL;

	*ret_due = UINT64_MAX;
	pthread_mutex_lock(&c->lock);
	for (struct question *q = c->questions; q; q = q->next) {
		if (q->due_ns > now)
			*ret_due = MIN(*ret_due, q->due_ns);
		else if (!best || q->wanted > best->wanted ||
			 (q->wanted == best->wanted && q->due_ns < best->due_ns))
			best = q;
	}
	if (best)
		memcpy(ret_id, best->id, sizeof(best->id));
	pthread_mutex_unlock(&c->lock);
	return best;
}

/* A container that the runtime does not know yet: later, for a while. Under the lock. */
static void retry(struct cri *c, struct question *q)
{
	hit(c, CRI_LIMIT_RETRY_MS);
	if (++q->tries < c->max[CRI_LIMIT_RETRIES]) {
		q->due_ns = clock_mono_ns() +
			    (c->max[CRI_LIMIT_RETRY_MS] << (q->tries - 1)) * NS_PER_MS;
		return;
	}
	hit(c, CRI_LIMIT_RETRIES);
	if (q->wanted)
		add_answer(c, q->id, CRI_NOT_FOUND, STR_NONE);
	drop_question(c, q);
}

static void settle(struct cri *c, const char *id, int r, struct str json)
{
	struct question *q;

	pthread_mutex_lock(&c->lock);
	q = find_question(c, str_from(id));
	if (r == 0 && json.len > c->max[CRI_LIMIT_DOCUMENT_BYTES]) {
		hit(c, CRI_LIMIT_DOCUMENT_BYTES);
		if (q->wanted)
			add_answer(c, id, CRI_NOT_FOUND, STR_NONE);
		drop_question(c, q);
	} else if (r == 0) {
		if (q->wanted)
			add_answer(c, id, CRI_FOUND, json);
		drop_question(c, q);
	} else {
		/* Also after an error: the same container must not be in the way for ever. */
		retry(c, q);
	}
	c->stats.known = c->memory.count;
	c->stats.known_bytes = c->memory.bytes;
	pthread_mutex_unlock(&c->lock);
}

static void remember(struct cri *c, const char *id, struct str json)
{
	uint64_t forgotten = 0;

	if (json.len > c->max[CRI_LIMIT_DOCUMENT_BYTES])
		return;
	cri_memory_put(&c->memory, str_from(id), json, c->max[CRI_LIMIT_KNOWN],
		       c->max[CRI_LIMIT_KNOWN_BYTES], &forgotten);
	while (forgotten--)
		lock_and_hit(c, CRI_LIMIT_KNOWN);
}

static void answer_question(struct cri *c, const char *id)
{
	_cleanup_buf_ struct buf json = BUF_INIT;
	struct str known = cri_memory_get(&c->memory, str_from(id));
	int r;

	if (known.p) {
		pthread_mutex_lock(&c->lock);
		c->stats.from_memory++;
		pthread_mutex_unlock(&c->lock);
		settle(c, id, 0, known);
		return;
	}
	r = cri_lookup_container(c->client, &c->runtime, id, call_ns(c), &json);
	if (r == 0)
		remember(c, id, buf_str(&json));
	else if (r == -ETIMEDOUT)
		lock_and_hit(c, CRI_LIMIT_CALL_MS);
	else if (r == -EMSGSIZE)
		lock_and_hit(c, CRI_LIMIT_ANSWER_BYTES);
	if (r < 0 && r != -ENOENT)
		disconnect(c, CRI_SILENT);
	postpone_probe(c);
	settle(c, id, r, buf_str(&json));
}

/* Nothing was asked for a while: is it still there? */
static void probe(struct cri *c)
{
	struct cri_runtime ignored;

	lock_and_hit(c, CRI_LIMIT_PROBE_MS);
	if (cri_lookup_runtime(c->client, call_ns(c), &ignored) < 0)
		disconnect(c, CRI_SILENT);
	postpone_probe(c);
}

static void wait_until(struct cri *c, uint64_t now, uint64_t due)
{
	uint64_t ns = due > now ? due - now : 0;
	eventfd_t count;

	if (c->client) {
		if (cri_client_wait(c->client, c->wake_fd, ns) < 0)
			disconnect(c, CRI_SILENT);
	} else {
		struct pollfd fd = { .fd = c->wake_fd, .events = POLLIN };
		struct timespec ts = clock_timespec(ns);

		ppoll(&fd, 1, &ts, NULL);
	}
	eventfd_read(c->wake_fd, &count);
}

static void *cri_thread(void *arg)
{
	struct cri *c = arg;
	char id[SHORT_ID + 1];
	uint64_t due;

	while (!c->stop) {
		uint64_t now = clock_mono_ns();

		if (!c->client && now >= c->connect_ns)
			connect_runtime(c);
		if (!c->client) {
			wait_until(c, now, c->connect_ns);
			continue;
		}
		if (next_question(c, now, id, &due))
			answer_question(c, id);
		else if (now >= c->probe_ns)
			probe(c);
		else
			wait_until(c, now, MIN(due, c->probe_ns));
	}
	return NULL;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void cri_done(struct cri *c)
{
	while (c->questions)
		drop_question(c, c->questions);
	while (c->answers) {
		struct answer *a = c->answers;

		c->answers = a->next;
		free(a);
	}
	strmap_done(&c->asked);
	cri_memory_done(&c->memory);
	cri_client_free(c->client);
	if (c->wake_fd >= 0)
		close(c->wake_fd);
	if (c->answers_fd >= 0)
		close(c->answers_fd);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

int cri_new(const struct cri_opts *opts, struct cri **ret)
{
	struct cri *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->opts = *opts;
	c->answers_end = &c->answers;
	c->listener = (struct cri_listener){ prefetch, c };
	limit_defaults(cri_limit_infos, CRI_LIMIT_COUNT, c->max);
	if (opts->limits)
		memcpy(c->max, opts->limits, sizeof(c->max));
	pthread_mutex_init(&c->lock, NULL);
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->answers_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = c->wake_fd < 0 || c->answers_fd < 0 ? -errno : thread_start(&c->thread, cri_thread, c);
	if (r < 0)
		cri_done(c);
	else
		*ret = c;
	return r;
}

void cri_free(struct cri *c)
{
	if (!c)
		return;
	c->stop = true;
	eventfd_write(c->wake_fd, 1);
	pthread_join(c->thread, NULL);
	cri_done(c);
}
