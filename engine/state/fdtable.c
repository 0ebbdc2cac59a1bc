/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of open fds. Small numbers index an array, others go to a map. A forked process shares its
 * parent's table until one of the two changes it. Called by the handlers of fd events; tables are
 * counted references held by groups (and by stand-ins for unknown threads).
 */
#include "engine/state/state_priv.h"

#define SLOTS_MIN 11	/* with the head of the table two cache lines */
#define SPARE_TABLES 64	/* kept for the next process instead of given back */
#define SPARE_SLOTS 256
#define SLOTS_MAX 4096	/* numbers from here on are rare: they live in the map */

_Static_assert(sizeof(struct fdinfo) == 128, "two cache lines");
_Static_assert(offsetof(struct fdinfo, tuple) < 64, "files need the first one only");

static size_t table_size(uint32_t nslots)
{
	return sizeof(struct fdtable) + nslots * sizeof(struct fdinfo *);
}

struct fdtable *fdtable_new(struct state *s)
{
	struct fdtable *t = s->spare_tables;

	if (t) {
		s->spare_tables = t->next_spare;
		s->nspare_tables--;
	} else {
		t = calloc(1, table_size(SLOTS_MIN));
		if (!t)
			return NULL;
		t->nslots = SLOTS_MIN;
		s->table_bytes += table_size(SLOTS_MIN);
	}
	t->ref = 1;
	return t;
}

static void fdtable_free(struct state *s, struct fdtable *t)
{
	s->table_bytes -= table_size(t->nslots);
	u64map_done(&t->high);
	free(t);
}

void fdtable_free_spare(struct state *s)
{
	while (s->spare_tables) {
		struct fdtable *t = s->spare_tables;

		s->spare_tables = t->next_spare;
		fdtable_free(s, t);
	}
	s->nspare_tables = 0;
}

static void fdinfo_free(struct state *s, struct fdinfo *f)
{
	istr_unref(f->name);
	istr_unref(f->nameraw);
	istr_unref(f->realpath);
	pool_put(&s->fd_pool, f);
}

/*
 * Free an entry that was taken out of its table. Its name is not at hand most times: it is fetched
 * now and freed a few entries later.
 */
static inline void free_later(struct state *s, struct fdinfo *f)
{
	struct fdinfo **place = &s->closed[s->closed_pos++ % CLOSED_FDS];

	if (*place)
		fdinfo_free(s, *place);
	__builtin_prefetch(f->name);
	*place = f;
	s->stats.fds_removed++;
}

void fdtable_free_closed(struct state *s)
{
	for (unsigned i = 0; i < CLOSED_FDS; i++) {
		if (s->closed[i])
			fdinfo_free(s, s->closed[i]);
		s->closed[i] = NULL;
	}
}

void fdtable_unref(struct state *s, struct fdtable *t)
{
	struct fdinfo *f;
	uint32_t pos = 0;

	if (!t || --t->ref > 0)
		return;
	while (t->count && (f = fdtable_next(t, &pos)) != NULL) {
		t->count--;
		free_later(s, f);
	}
	if (s->nspare_tables >= SPARE_TABLES || t->nslots > SPARE_SLOTS || t->high.mask) {
		fdtable_free(s, t);
		return;
	}
	memset(t->slots, 0, MIN(pos, t->nslots) * sizeof(t->slots[0]));
	t->last_order = 0;
	t->next_spare = s->spare_tables;
	s->spare_tables = t;
	s->nspare_tables++;
}

struct fdtable *fdtable_share(struct fdtable *t)
{
	t->ref++;
	return t;
}

struct fdinfo *fdtable_next(const struct fdtable *t, uint32_t *pos)
{
	uint32_t high_pos;
	uint64_t key;
	void *value;

	while (*pos < t->nslots) {
		struct fdinfo *f = t->slots[(*pos)++];

		if (f)
			return f;
	}
	high_pos = *pos - t->nslots;
	if (!u64map_next(&t->high, &high_pos, &key, &value))
		return NULL;
	*pos = high_pos + t->nslots;
	return value;
}

/* Only the owner of a table that nobody shares may let it grow: it moves. */
static bool grow_slots(struct state *s, struct fdtable **slot, int64_t fd)
{
	struct fdtable *t = *slot;
	uint32_t old = t->nslots, n = old;

	while (n <= fd)
		n = MIN(2 * n + SLOTS_MIN, (uint32_t)SLOTS_MAX);
	t = realloc(t, table_size(n));
	if (!t)
		return false;
	memset(t->slots + old, 0, (n - old) * sizeof(t->slots[0]));
	s->table_bytes += (n - old) * sizeof(t->slots[0]);
	t->nslots = n;
	*slot = t;
	return true;
}

/* Hang `f` into a free place of the table. */
static bool insert(struct state *s, struct fdtable **slot, struct fdinfo *f)
{
	if (likely((uint64_t)f->fd < SLOTS_MAX)) {
		if (unlikely(f->fd >= (*slot)->nslots) && !grow_slots(s, slot, f->fd))
			return false;
		(*slot)->slots[f->fd] = f;
	} else if (u64map_put(&(*slot)->high, (uint64_t)f->fd, f) < 0) {
		return false;
	}
	(*slot)->count++;
	return true;
}

static struct fdinfo *duplicate(struct state *s, const struct fdinfo *from)
{
	struct fdinfo *f = pool_get(&s->fd_pool);

	if (!f)
		return NULL;
	memcpy(f, from, sizeof(*f));
	istr_ref(f->name);
	istr_ref(f->nameraw);
	istr_ref(f->realpath);
	s->stats.fds_added++;
	return f;
}

/* Give the owner of *slot a table of its own, without the entries that exec closes if it is so. */
static _noinline_ bool copy_table(struct state *s, struct fdtable **slot, bool at_exec)
{
	struct fdtable *old = *slot, *t;
	struct fdinfo *f, *copy;
	uint32_t pos = 0;

	t = fdtable_new(s);
	if (!t)
		return false;
	for (uint32_t left = old->count; left && (f = fdtable_next(old, &pos)) != NULL; left--) {
		if (at_exec && f->cloexec)
			continue;
		copy = duplicate(s, f);
		if (copy && insert(s, &t, copy))
			continue;
		if (copy)
			free_later(s, copy);
		fdtable_unref(s, t);
		return false;
	}
	t->last_order = old->last_order;
	fdtable_unref(s, old);
	*slot = t;
	return true;
}

static inline bool unshare(struct state *s, struct fdtable **slot, bool at_exec)
{
	return likely((*slot)->ref == 1) || copy_table(s, slot, at_exec);
}

/* Take `f` out of its table, of which nobody else has a reference. */
static void detach(struct state *s, struct fdtable *t, struct fdinfo *f)
{
	if (likely((uint64_t)f->fd < t->nslots))
		t->slots[f->fd] = NULL;
	else
		u64map_remove(&t->high, (uint64_t)f->fd);
	t->count--;
	free_later(s, f);
}

/* One makes room for the next: not the standard ones, another one each time. */
static void evict_fd(struct state *s, struct fdtable *t)
{
	const uint32_t first = 3;	/* behind standard error */
	uint32_t pos = first + t->last_order % (t->nslots - first);
	struct fdinfo *f = fdtable_next(t, &pos);

	if (!f) {
		pos = first;
		f = fdtable_next(t, &pos);
	}
	if (!f)
		return;
	detach(s, t, f);
	s->stats.fds_evicted++;
}

static bool may_add(struct state *s, struct fdtable **slot, const struct fdinfo *old, bool snapshot)
{
	if (unlikely(state_full(s)) || !unshare(s, slot, false)) {
		s->stats.fds_refused++;
		return false;
	}
	if (!old && !snapshot &&
	    limit_over(s->limits, LIMIT_FDS_PER_PROCESS, (uint64_t)(*slot)->count + 1))
		evict_fd(s, *slot);
	return true;
}

/* Put `f` into the table in place of what is there. Takes `f`. */
static struct fdinfo *replace(struct state *s, struct fdtable **slot, struct fdinfo *f)
{
	struct fdinfo *old = fdtable_get(*slot, f->fd);

	f->order = old ? old->order : ++(*slot)->last_order;
	if (old)
		detach(s, *slot, old);
	if (likely(insert(s, slot, f)))
		return f;
	free_later(s, f);
	s->stats.fds_refused++;
	return NULL;
}

/*
 * Block by block. A compiler that knew that these are zeros would take a string instruction, which
 * needs longer to start than all of the stores take.
 */
static inline void clear_info(struct fdinfo *f)
{
	typedef uint64_t block __attribute__((vector_size(16), may_alias));
	block *b = (block *)f;
	uint64_t zero = 0;

	asm("" : "+r"(zero));
	for (unsigned i = 0; i < sizeof(*f) / sizeof(*b); i++)
		b[i] = (block){ zero, zero };
}

static inline struct fdinfo *new_info(struct state *s, int64_t fd)
{
	struct fdinfo *f = pool_get(&s->fd_pool);

	if (unlikely(!f))
		return NULL;
	clear_info(f);
	f->fd = fd;
	f->name = s->intern.empty;
	f->name->ref++;
	s->stats.fds_added++;
	return f;
}

static _noinline_ struct fdinfo *put_any(struct state *s, struct fdtable **slot, int64_t fd,
					 bool snapshot)
{
	struct fdinfo *f;

	if (!may_add(s, slot, fdtable_get(*slot, fd), snapshot))
		return NULL;
	f = new_info(s, fd);
	if (!f)
		return NULL;
	f->from_snapshot = snapshot;
	return replace(s, slot, f);
}

struct fdinfo *fdtable_put(struct state *s, struct fdtable **slot, int64_t fd, bool snapshot)
{
	struct fdtable *t = *slot;
	struct fdinfo *f, *old;

	/*
	 * What open() does: a place of a table that nobody shares. It is free, or live, without
	 * close events, that of the fd before.
	 */
	if (unlikely(snapshot || t->ref > 1 || (uint64_t)fd >= t->nslots ||
		     t->count >= s->limits->max[LIMIT_FDS_PER_PROCESS] || state_over_budget(s)))
		return put_any(s, slot, fd, snapshot);
	f = new_info(s, fd);
	if (unlikely(!f))
		return NULL;
	old = t->slots[fd];
	t->slots[fd] = f;
	if (old) {
		f->order = old->order;
		free_later(s, old);
		return f;
	}
	f->order = ++t->last_order;
	t->count++;
	return f;
}

struct fdinfo *fdtable_copy(struct state *s, struct fdtable **slot, const struct fdinfo *from,
			    int64_t fd)
{
	struct fdinfo *f = duplicate(s, from);

	if (!f)
		return NULL;
	f->fd = fd;
	if (may_add(s, slot, fdtable_get(*slot, fd), false))
		return replace(s, slot, f);
	free_later(s, f);
	return NULL;
}

struct fdinfo *fdtable_edit(struct state *s, struct fdtable **slot, int64_t fd)
{
	if (!fdtable_get(*slot, fd) || !unshare(s, slot, false))
		return NULL;
	return fdtable_get(*slot, fd);
}

static _noinline_ void remove_any(struct state *s, struct fdtable **slot, int64_t fd)
{
	if (fdtable_get(*slot, fd) && unshare(s, slot, false))
		detach(s, *slot, fdtable_get(*slot, fd));
}

void fdtable_remove(struct state *s, struct fdtable **slot, int64_t fd)
{
	struct fdtable *t = *slot;
	struct fdinfo *f;

	if (unlikely(t->ref > 1 || (uint64_t)fd >= t->nslots)) {
		remove_any(s, slot, fd);
		return;
	}
	f = t->slots[fd];
	if (unlikely(!f))
		return;
	t->slots[fd] = NULL;
	t->count--;
	free_later(s, f);
}

static bool any_cloexec(const struct fdtable *t)
{
	const struct fdinfo *f;
	uint32_t pos = 0;

	for (uint32_t left = t->count; left && (f = fdtable_next(t, &pos)); left--)
		if (f->cloexec)
			return true;
	return false;
}

void fdtable_drop_cloexec(struct state *s, struct fdtable **slot)
{
	struct fdinfo *f;
	uint32_t pos = 0;

	if ((*slot)->ref > 1) {
		if (any_cloexec(*slot))
			unshare(s, slot, true);
		return;
	}
	for (uint32_t left = (*slot)->count; left && (f = fdtable_next(*slot, &pos)); left--) {
		if (!f->cloexec)
			continue;
		/* Removal moves entries of the map: look through it again. */
		if (pos > (*slot)->nslots) {
			pos = (*slot)->nslots;
			left = (*slot)->high.count + 1;
		}
		detach(s, *slot, f);
	}
}

void fdtable_range(struct state *s, struct fdtable **slot, uint32_t first, uint32_t last,
		   bool cloexec)
{
	struct fdinfo *f;
	uint32_t pos = 0;

	if (!(*slot)->count || first > last || !unshare(s, slot, false))
		return;
	while ((f = fdtable_next(*slot, &pos)) != NULL) {
		if (f->fd < first || f->fd > last)
			continue;
		if (cloexec) {
			f->cloexec = true;
			continue;
		}
		/* Removal moves entries of the map. */
		if (pos > (*slot)->nslots)
			pos = (*slot)->nslots;
		detach(s, *slot, f);
	}
}

struct fdinfo *thread_fd(const struct thread *t, int64_t fd)
{
	const struct fdtable *fds = fdtable_of(t);

	return fds ? fdtable_get(fds, fd) : NULL;
}

/* Of the process: a stand-in for an unknown thread has none. */
uint32_t thread_fd_count(const struct thread *t)
{
	return t->group ? t->group->fds->count : 0;
}

struct fdinfo *thread_next_fd(const struct thread *t, uint32_t *pos)
{
	const struct fdtable *fds = fdtable_of(t);

	return fds ? fdtable_next(fds, pos) : NULL;
}
