/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of open fds. Small numbers index an array, others go to a map. A forked process shares its
 * parent's table until one of the two changes it. Called by the handlers of fd events; tables are
 * counted references held by groups (and by stand-ins for unknown threads).
 */
#include "engine/state/state_priv.h"

#define SLOTS_MIN 16
#define SPARE_TABLES 64	/* kept for the next process instead of given back */
#define SPARE_SLOTS 256
#define SLOTS_MAX 4096	/* numbers from here on are rare: they live in the map */

struct fdtable *fdtable_new(struct state *s)
{
	struct fdtable *t = s->spare_tables;

	if (t) {
		s->spare_tables = t->next_spare;
		s->nspare_tables--;
	} else {
		t = calloc(1, sizeof(*t));
		if (!t)
			return NULL;
		s->table_bytes += sizeof(*t);
	}
	t->ref = 1;
	return t;
}

static void fdtable_free(struct state *s, struct fdtable *t)
{
	s->table_bytes -= sizeof(*t) + t->nslots * sizeof(*t->slots);
	free(t->slots);
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
	s->stats.fds--;
	s->stats.fds_removed++;
	pool_put(&s->fd_pool, f);
}

void fdtable_unref(struct state *s, struct fdtable *t)
{
	struct fdinfo *f;
	uint32_t pos = 0;

	if (!t || --t->ref > 0)
		return;
	while ((f = fdtable_next(t, &pos)) != NULL)
		fdinfo_free(s, f);
	if (s->nspare_tables >= SPARE_TABLES || t->nslots > SPARE_SLOTS || t->high.mask) {
		fdtable_free(s, t);
		return;
	}
	if (t->nslots)
		memset(t->slots, 0, t->nslots * sizeof(*t->slots));
	t->count = 0;
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

struct fdinfo *fdtable_get(const struct fdtable *t, int64_t fd)
{
	if (likely((uint64_t)fd < t->nslots))
		return t->slots[fd];
	return t->high.count ? u64map_get(&t->high, (uint64_t)fd) : NULL;
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

static bool grow_slots(struct state *s, struct fdtable *t, int64_t fd)
{
	uint32_t n = t->nslots ? t->nslots : SLOTS_MIN;
	struct fdinfo **slots;

	while (n <= fd)
		n *= 2;
	slots = realloc(t->slots, n * sizeof(*slots));
	if (!slots)
		return false;
	memset(slots + t->nslots, 0, (n - t->nslots) * sizeof(*slots));
	s->table_bytes += (n - t->nslots) * sizeof(*slots);
	t->slots = slots;
	t->nslots = n;
	return true;
}

/* Hang `f` into a free place of the table. */
static bool insert(struct state *s, struct fdtable *t, struct fdinfo *f)
{
	if (f->fd >= 0 && f->fd < SLOTS_MAX) {
		if (f->fd >= t->nslots && !grow_slots(s, t, f->fd))
			return false;
		t->slots[f->fd] = f;
	} else if (u64map_put(&t->high, (uint64_t)f->fd, f) < 0) {
		return false;
	}
	t->count++;
	return true;
}

static struct fdinfo *duplicate(struct state *s, const struct fdinfo *from)
{
	struct fdinfo *f = pool_get(&s->fd_pool);

	if (!f)
		return NULL;
	*f = *from;
	istr_ref(f->name);
	istr_ref(f->nameraw);
	istr_ref(f->realpath);
	s->stats.fds++;
	s->stats.fds_added++;
	return f;
}

/* Give the owner of *slot a table of its own. */
static bool unshare(struct state *s, struct fdtable **slot)
{
	struct fdtable *old = *slot, *t;
	struct fdinfo *f, *copy;
	uint32_t pos = 0;

	if (likely(old->ref == 1))
		return true;
	t = fdtable_new(s);
	if (!t)
		return false;
	while ((f = fdtable_next(old, &pos)) != NULL) {
		copy = duplicate(s, f);
		if (copy && insert(s, t, copy))
			continue;
		if (copy)
			fdinfo_free(s, copy);
		fdtable_unref(s, t);
		return false;
	}
	t->last_order = old->last_order;
	fdtable_unref(s, old);
	*slot = t;
	return true;
}

static void detach(struct state *s, struct fdtable *t, int64_t fd)
{
	struct fdinfo *f = fdtable_get(t, fd);

	if (!f)
		return;
	if ((uint64_t)fd < t->nslots)
		t->slots[fd] = NULL;
	else
		u64map_remove(&t->high, (uint64_t)fd);
	t->count--;
	fdinfo_free(s, f);
}

static bool may_add(struct state *s, struct fdtable **slot, int64_t fd, bool snapshot)
{
	struct fdtable *t = *slot;

	if (!fdtable_get(t, fd) && !snapshot &&
	    limit_over(s->limits, LIMIT_FDS_PER_PROCESS, (uint64_t)t->count + 1))
		goto refused;
	if (state_full(s) || !unshare(s, slot))
		goto refused;
	return true;

refused:
	s->stats.fds_refused++;
	return false;
}

/* Put `f` into the table in place of what is there. Takes `f`. */
static struct fdinfo *replace(struct state *s, struct fdtable *t, struct fdinfo *f)
{
	const struct fdinfo *old = fdtable_get(t, f->fd);

	f->order = old ? old->order : ++t->last_order;
	detach(s, t, f->fd);
	if (insert(s, t, f))
		return f;
	fdinfo_free(s, f);
	s->stats.fds_refused++;
	return NULL;
}

struct fdinfo *fdtable_put(struct state *s, struct fdtable **slot, int64_t fd, bool snapshot)
{
	struct fdinfo blank = { .fd = fd, .name = s->intern.empty, .from_snapshot = snapshot };
	struct fdinfo *f;

	if (!may_add(s, slot, fd, snapshot))
		return NULL;
	f = duplicate(s, &blank);
	return f ? replace(s, *slot, f) : NULL;
}

struct fdinfo *fdtable_copy(struct state *s, struct fdtable **slot, const struct fdinfo *from,
			    int64_t fd)
{
	struct fdinfo *f = duplicate(s, from);

	if (!f)
		return NULL;
	f->fd = fd;
	if (may_add(s, slot, fd, false))
		return replace(s, *slot, f);
	fdinfo_free(s, f);
	return NULL;
}

struct fdinfo *fdtable_edit(struct state *s, struct fdtable **slot, int64_t fd)
{
	if (!fdtable_get(*slot, fd) || !unshare(s, slot))
		return NULL;
	return fdtable_get(*slot, fd);
}

void fdtable_remove(struct state *s, struct fdtable **slot, int64_t fd)
{
	if (fdtable_get(*slot, fd) && unshare(s, slot))
		detach(s, *slot, fd);
}

void fdtable_drop_cloexec(struct state *s, struct fdtable **slot)
{
	struct fdinfo *f;
	uint32_t pos = 0;
	bool any = false;

	while (!any && (f = fdtable_next(*slot, &pos)) != NULL)
		any = f->cloexec;
	if (!any || !unshare(s, slot))
		return;
	for (pos = 0; pos < (*slot)->nslots; pos++)
		if ((*slot)->slots[pos] && (*slot)->slots[pos]->cloexec)
			detach(s, *slot, pos);
	/* Removal moves entries of the map: start over until none is left. */
	for (pos = 0; (f = fdtable_next(*slot, &pos)) != NULL;) {
		if (!f->cloexec)
			continue;
		detach(s, *slot, f->fd);
		pos = (*slot)->nslots;
	}
}

void fdtable_range(struct state *s, struct fdtable **slot, uint32_t first, uint32_t last,
		   bool cloexec)
{
	struct fdinfo *f;
	uint32_t pos = 0;

	if (!(*slot)->count || first > last || !unshare(s, slot))
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
		detach(s, *slot, f->fd);
	}
}

struct fdtable **thread_fdtable(struct thread *t)
{
	if (t->group)
		return &t->group->fds;
	return t->own_fds ? &t->own_fds : NULL;
}

struct fdinfo *thread_fd(const struct thread *t, int64_t fd)
{
	const struct fdtable *fds = t->group ? t->group->fds : t->own_fds;

	return fds ? fdtable_get(fds, fd) : NULL;
}

/* Of the process: a stand-in for an unknown thread has none. */
uint32_t thread_fd_count(const struct thread *t)
{
	return t->group ? t->group->fds->count : 0;
}

struct fdinfo *thread_next_fd(const struct thread *t, uint32_t *pos)
{
	const struct fdtable *fds = t->group ? t->group->fds : t->own_fds;

	return fds ? fdtable_next(fds, pos) : NULL;
}
