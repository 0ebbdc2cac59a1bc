/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of the stream of alerts, see tap.h. One lock for all, held for a few pointers only;
 * without readers an alert costs one load.
 */
#include "agent/tap.h"
#include "agent/control_limits.h"

#include <pthread.h>
#include <unistd.h>

struct tap_reader {
	struct tap_reader *next;
	struct tap_filter filter;
	struct message *queue[CONTROL_TAIL_ALERTS_MAX];
	uint32_t head, n;
	uint64_t bytes;
	uint64_t lost, lost_total;	/* since the last take; of all time */
};

struct tap {
	pthread_mutex_t lock;
	struct tap_reader *readers;
	atomic_uint nreaders;
	int wake_fd;
};

struct tap *tap_new(int wake_fd)
{
	struct tap *t = calloc(1, sizeof(*t));

	if (t) {
		t->wake_fd = wake_fd;
		pthread_mutex_init(&t->lock, NULL);
	}
	return t;
}

static struct message *pop(struct tap_reader *r)
{
	struct message *m = r->queue[r->head];

	r->head = (r->head + 1) % CONTROL_TAIL_ALERTS_MAX;
	r->n--;
	r->bytes -= m->bytes;
	return m;
}

static void reader_free(struct tap_reader *r)
{
	while (r->n)
		message_put(pop(r));
	free(r->filter.rule);
	free(r);
}

void tap_free(struct tap *t)
{
	if (!t)
		return;
	while (t->readers)
		tap_remove(t, t->readers);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static bool wants(const struct tap_reader *r, const struct message *m)
{
	return m->priority <= r->filter.priority &&
	       (!r->filter.rule || glob_match(str_from(r->filter.rule), m->rule, false));
}

/* true: the queue was empty. */
static bool push(struct tap_reader *r, struct message *m)
{
	bool first = r->n == 0;

	while (r->n == CONTROL_TAIL_ALERTS_MAX ||
	       (r->n && r->bytes + m->bytes > CONTROL_TAIL_BYTES_MAX)) {
		message_put(pop(r));
		r->lost++;
		r->lost_total++;
		control_limit_hit(CONTROL_LIMIT_TAIL_ALERTS, 1);
	}
	r->queue[(r->head + r->n) % CONTROL_TAIL_ALERTS_MAX] = message_get(m);
	r->n++;
	r->bytes += m->bytes;
	return first;
}

void tap_emit(struct tap *t, struct message *m)
{
	uint64_t one = 1;
	bool wake = false;

	if (!atomic_load_explicit(&t->nreaders, memory_order_relaxed))
		return;
	pthread_mutex_lock(&t->lock);
	for (struct tap_reader *r = t->readers; r; r = r->next)
		if (wants(r, m))
			wake |= push(r, m);
	pthread_mutex_unlock(&t->lock);
	if (wake && write(t->wake_fd, &one, sizeof(one)) < 0)
		return;		/* full: it is awake */
}

struct tap_reader *tap_add(struct tap *t, const struct tap_filter *filter)
{
	struct tap_reader *r = calloc(1, sizeof(*r));

	if (!r) {
		free(filter->rule);
		return NULL;
	}
	r->filter = *filter;
	pthread_mutex_lock(&t->lock);
	r->next = t->readers;
	t->readers = r;
	atomic_fetch_add(&t->nreaders, 1);
	pthread_mutex_unlock(&t->lock);
	return r;
}

void tap_remove(struct tap *t, struct tap_reader *r)
{
	pthread_mutex_lock(&t->lock);
	for (struct tap_reader **at = &t->readers; *at; at = &(*at)->next)
		if (*at == r) {
			*at = r->next;
			atomic_fetch_sub(&t->nreaders, 1);
			break;
		}
	pthread_mutex_unlock(&t->lock);
	reader_free(r);
}

struct tap_item tap_take(struct tap *t, struct tap_reader *r)
{
	struct tap_item item = { 0 };

	pthread_mutex_lock(&t->lock);
	if (r->n)
		item = (struct tap_item){ pop(r), r->lost, r->lost_total };
	r->lost = item.message ? 0 : r->lost;
	pthread_mutex_unlock(&t->lock);
	return item;
}
