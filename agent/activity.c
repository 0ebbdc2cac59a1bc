/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting for `tiercel top`, see activity.h. Tables are bounded; who has not been seen for a while
 * makes room, events of whoever finds none are counted together.
 */
#include "agent/activity.h"
#include "agent/clock.h"
#include "agent/control_limits.h"

/*
 * Above MANY_EVENTS a second only one of STRIDE is counted: a prime, so that the rhythm of a
 * program does not hide its events.
 */
enum { WANTED_S = 15, FORGET_S = 10, MANY_EVENTS = 20000, STRIDE = 17 };
enum { PROCESSES, CONTAINERS };

int activity_init(struct activity *a)
{
	*a = (struct activity){ .processes.max = CONTROL_TOP_PROCESSES_MAX,
				.containers.max = CONTROL_TOP_CONTAINERS_MAX };
	pthread_mutex_init(&a->lock, NULL);
	a->processes.rows = calloc(a->processes.max, sizeof(*a->processes.rows));
	a->containers.rows = calloc(a->containers.max, sizeof(*a->containers.rows));
	return a->processes.rows && a->containers.rows ? 0 : -ENOMEM;
}

static void forget_all(struct activity *a)
{
	a->processes.n = a->containers.n = 0;
	a->processes.unfit = a->containers.unfit = 0;
	u64map_done(&a->index[PROCESSES]);
	u64map_done(&a->index[CONTAINERS]);
}

void activity_done(struct activity *a)
{
	forget_all(a);
	free(a->processes.rows);
	free(a->containers.rows);
	pthread_mutex_destroy(&a->lock);
}

static void copy_text(char *to, const struct istr *from)
{
	snprintf(to, ACTIVITY_TEXT, "%.*s", from ? (int)from->len : 0,
		 from ? istr_str(from).p : "");
}

/* The row of a key, new ones are empty; NULL: no room. */
static struct activity_row *row_of(struct activity_table *t, struct u64map *index, uint64_t key,
				   uint64_t now_ns)
{
	struct activity_row *row = u64map_get(index, key);

	if (row)
		return row;
	if (t->n == t->max || u64map_put(index, key, &t->rows[t->n]) < 0)
		return NULL;
	row = &t->rows[t->n++];
	*row = (struct activity_row){ .key = key, .since_ns = now_ns };
	return row;
}

static void count_container(struct activity *a, const struct container *c, uint64_t now_ns)
{
	static const struct str host = STR("host");
	struct str id = c ? istr_str(c->id) : host;
	struct activity_row *row = row_of(&a->containers, &a->index[CONTAINERS], hash_str(id),
					  now_ns);

	if (!row) {
		a->containers.unfit += a->stride;
		control_limit_hit(CONTROL_LIMIT_TOP_CONTAINERS, a->stride);
		return;
	}
	if (!row->container[0])
		snprintf(row->container, ACTIVITY_TEXT, "%.*s", STR_ARG(id));
	if (c && !row->name[0])		/* metadata may come later */
		copy_text(row->name, c->name);
	row->events += a->stride;
	row->seen_ns = now_ns;
}

static void count_process(struct activity *a, const struct thread *th, uint64_t now_ns)
{
	struct activity_row *row = row_of(&a->processes, &a->index[PROCESSES], (uint64_t)th->pid,
					  now_ns);

	if (!row) {
		a->processes.unfit += a->stride;
		control_limit_hit(CONTROL_LIMIT_TOP_PROCESSES, a->stride);
		return;
	}
	row->pid = th->pid;
	copy_text(row->name, th->comm);		/* changes with exec */
	snprintf(row->container, ACTIVITY_TEXT, "%.*s",
		 STR_ARG(th->container ? istr_str(th->container->id) : STR("host")));
	row->events += a->stride;
	row->seen_ns = now_ns;
}

void activity_count(struct activity *a, const struct state *s, int64_t tid)
{
	const struct thread *th = state_thread(s, tid);

	a->skip = a->stride;
	if (!th)
		return;
	pthread_mutex_lock(&a->lock);
	count_process(a, th, a->turn_ns);
	count_container(a, th->container, a->turn_ns);
	pthread_mutex_unlock(&a->lock);
}

/* Those who have not been seen for a while make room. */
static void forget_old(struct activity_table *t, struct u64map *index, uint64_t now_ns)
{
	uint32_t n = 0;

	if (t->n < t->max / 4 * 3)
		return;
	u64map_done(index);
	for (uint32_t i = 0; i < t->n; i++)
		if (now_ns - t->rows[i].seen_ns < FORGET_S * NS_PER_S)
			t->rows[n++] = t->rows[i];
	t->n = n;
	for (uint32_t i = 0; i < n; i++)
		if (u64map_put(index, t->rows[i].key, &t->rows[i]) < 0) {
			t->n = i;	/* no memory: the rest begins again */
			return;
		}
}

void activity_turn(struct activity *a, uint64_t events, uint64_t now_ns)
{
	uint64_t span_ns = now_ns - a->turn_ns;
	bool wanted = now_ns < atomic_load_explicit(&a->wanted_until_ns, memory_order_relaxed);
	bool many = a->turn_ns && span_ns &&
		    (events - a->events) * NS_PER_S / span_ns > MANY_EVENTS;

	a->events = events;
	a->turn_ns = now_ns;
	if (!wanted && !a->active)
		return;
	pthread_mutex_lock(&a->lock);
	if (!a->active || !wanted) {
		forget_all(a);
	} else {
		forget_old(&a->processes, &a->index[PROCESSES], now_ns);
		forget_old(&a->containers, &a->index[CONTAINERS], now_ns);
	}
	pthread_mutex_unlock(&a->lock);
	a->active = wanted;
	a->stride = many ? STRIDE : 1;
	a->skip = MIN(MAX(a->skip, 1U), a->stride);
}

static int copy_table(const struct activity_table *t, struct activity_table *ret)
{
	struct activity_row *rows = malloc(MAX(t->n, 1U) * sizeof(*rows));

	if (!rows)
		return -ENOMEM;
	memcpy(rows, t->rows, t->n * sizeof(*rows));
	*ret = *t;
	ret->rows = rows;
	return 0;
}

int activity_read(struct activity *a, uint64_t now_ns, struct activity_table *ret_processes,
		  struct activity_table *ret_containers)
{
	int r;

	atomic_store_explicit(&a->wanted_until_ns, now_ns + WANTED_S * NS_PER_S,
			      memory_order_relaxed);
	pthread_mutex_lock(&a->lock);
	r = copy_table(&a->processes, ret_processes);
	if (r == 0) {
		r = copy_table(&a->containers, ret_containers);
		if (r < 0)
			free(ret_processes->rows);
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}
