/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state: constructor, and the order of work per event. Called by the engine (tiercel.c) and by
 * tests. What each event type does stands in state_rows.c.
 */
#include "engine/state/state_priv.h"

struct state *state_new(const struct state_opts *opts, struct limits *limits)
{
	struct state *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	if (intern_init(&s->intern) < 0)
		goto err;
	s->exits = calloc(EXIT_RING, sizeof(*s->exits));
	s->recent = calloc(RECENT_TEXTS, sizeof(*s->recent));
	if (!s->exits || !s->recent)
		goto err;
	s->opts = *opts;
	s->limits = limits;
	s->hostname = istr_ref(s->intern.empty);
	s->machine.hostname = istr_str(s->hostname);
	pool_init(&s->thread_pool, sizeof(struct thread));
	pool_init(&s->group_pool, sizeof(struct group));
	pool_init(&s->fd_pool, sizeof(struct fdinfo));
	state_make_steps(s);
	return s;

err:
	free(s->exits);
	free(s->recent);
	intern_done(&s->intern);
	free(s);
	return NULL;
}

/* Texts of processes that come and go stay for a while: programs are started again and again. */
static void keep_recent(struct state *s, struct istr *n)
{
	struct istr **place = &s->recent[s->recent_pos++ % RECENT_TEXTS];

	istr_unref(*place);
	*place = istr_ref(n);
}

static void forget_recent(struct state *s)
{
	for (size_t i = 0; i < MIN(s->recent_pos, (uint64_t)RECENT_TEXTS); i++) {
		istr_unref(s->recent[i]);
		s->recent[i] = NULL;
	}
	s->recent_pos = 0;
}

static void remove_all_threads(struct state *s)
{
	struct thread *t;
	uint32_t pos = 0;

	while ((t = state_next_thread(s, &pos)) != NULL) {
		thread_remove(s, t);
		/* Removal moves the next entry of a run into the place. */
		pos--;
	}
}

void state_clear_tables(struct state *s)
{
	remove_all_threads(s);
	fdtable_free_closed(s);
	containers_clear(s);
	state_users_clear(s);
	forget_recent(s);
	thread_forget_cgroups(s);
	if (s->any_exit)
		memset(s->exits, 0, EXIT_RING * sizeof(*s->exits));
	s->any_exit = false;
	free(s->ifaces);
	free(s->listen_ports);
	s->ifaces = NULL;
	s->listen_ports = NULL;
	s->nifaces = 0;
	istr_set(&s->hostname, s->intern.empty);
	s->machine = (struct machine_record){ .hostname = istr_str(s->hostname) };
	s->closed_in = NULL;
	s->snapshot_done = false;
	s->sweeping = s->crowded = false;
	s->next_sweep = 0;
}

void state_free(struct state *s)
{
	if (!s)
		return;
	state_clear_tables(s);
	fdtable_free_spare(s);
	istr_unref(s->hostname);
	u64map_done(&s->threads);
	u64map_done(&s->groups);
	pool_done(&s->thread_pool);
	pool_done(&s->group_pool);
	pool_done(&s->fd_pool);
	buf_done(&s->text);
	free(s->exits);
	free(s->recent);
	intern_done(&s->intern);
	free(s);
}

bool state_full(struct state *s)
{
	if (likely(!limit_over(s->limits, LIMIT_STATE_BYTES, state_bytes(s))))
		return false;
	s->crowded = true;
	return true;
}

static bool exchange(struct istr **slot, struct istr *n)
{
	if (!n)
		return false;
	istr_unref(*slot);
	*slot = n;
	return true;
}

struct istr *state_text(struct state *s, struct str text)
{
	struct istr *n = intern_get(&s->intern, text.p ? text : STR(""));

	if (n && n->ref == 1 && n->len <= RECENT_TEXT_MAX)
		keep_recent(s, n);
	return n;
}

bool state_set_text(struct state *s, struct istr **slot, struct str text)
{
	if (*slot && str_eq(istr_str(*slot), text))
		return false;
	return exchange(slot, state_text(s, text));
}

bool state_set_name(struct state *s, struct istr **slot, struct str text)
{
	if (*slot && str_eq(istr_str(*slot), text))
		return false;
	return exchange(slot, intern_own(&s->intern, text));
}

/* Removals that the previous event left, so that its own fields still saw them. */
static void finish_previous(struct state *s)
{
	if (s->closed_in) {
		fdtable_remove(s, s->closed_in, s->closed_fd);
		s->closed_in = NULL;
	}
	if (unlikely(s->gone != NULL))
		group_reap(s);
}

/* The fd that the event uses. */
static inline void find_fd(struct state *s, struct event_ctx *c, const struct step *step)
{
	const struct fdtable *fds;

	if (step->fd_param < 0 || unlikely(!c->thread) ||
	    unlikely(!param_i64(c->ev, (unsigned)step->fd_param, &c->fd_num)))
		return;
	fds = fdtable_of(c->thread);
	c->fd = likely(fds != NULL) ? fdtable_get(fds, c->fd_num) : NULL;
	if (unlikely(!c->fd))
		s->stats.fd_misses++;
}

/* Successful I/O shows that a stream is connected; compat: that any IP socket is. */
static void note_io(struct state *s, struct event_ctx *c)
{
	struct fdinfo *f = c->fd;

	if (f->connected || !fd_is_ip(f) || s->res < 0 || !s->has_res)
		return;
	if ((f->l4 == L4_TCP || s->opts.falco_fd_connected) && (f = state_edit_fd(s, c)))
		f->connected = true;
}

static inline void apply(struct state *s, struct event_ctx *c, const struct step *step)
{
	if (step->row.when >= ROW_THREAD && unlikely(!c->thread))
		return;
	if (step->row.when >= ROW_SUCCESS && !(s->has_res && s->res >= 0))
		return;
	if (step->row.when >= ROW_FD_SUCCESS && !c->fd)
		return;
	step->row.apply(s, c, &step->row);
}

/* What the kernel saw comes before the handler for used fds, after it for new ones. */
static void apply_with_kernel(struct state *s, struct event_ctx *c, const struct step *step)
{
	struct istr *before = c->fd ? c->fd->name : s->intern.empty;
	bool known = c->fd != NULL;

	/* Held: the address of a text that is gone may come back as that of another one. */
	istr_ref(before);
	if (step->flags & STEP_USES_FD)
		kernel_adopt(s, c);
	if (!known && c->fd)
		istr_set(&before, c->fd->name);
	if (c->fd && (step->flags & STEP_IO))
		note_io(s, c);
	if (step->row.apply)
		apply(s, c, step);
	if (!(step->flags & STEP_USES_FD)) {
		if (c->fd)
			kernel_complete(s, c);
	} else if (step->row.apply) {
		c->realpath_is_name = false;	/* the handler may have changed either */
	}
	s->named = NULL;
	c->fd_name_changed = c->fd && c->fd->name != before && c->ev->type != EV_PIDFD_GETFD_X;
	istr_unref(before);
}

static inline void apply_to_fd(struct state *s, struct event_ctx *c, const struct step *step)
{
	const struct istr *before = s->intern.empty;

	find_fd(s, c, step);
	if (unlikely(c->ev->kernel != NULL)) {
		apply_with_kernel(s, c, step);
		return;
	}
	if (c->fd && (step->flags & STEP_IO))
		note_io(s, c);
	if (!step->row.apply)
		return;
	if (!(step->flags & STEP_NAMES_FD)) {
		apply(s, c, step);
		return;
	}
	/* Handlers take the new text before they drop the old one: addresses tell them apart. */
	if (c->fd)
		before = c->fd->name;
	apply(s, c, step);
	c->fd_name_changed = c->fd && c->fd->name != before;
}

static const struct str source_syscall = { "syscall", sizeof("syscall") - 1 };

/* Events of plugins, also the asynchronous ones, belong to sources that we do not have. */
static _noinline_ struct str source_of(struct event *ev)
{
	uint32_t plugin = 0;

	if (ev->type == EV_ASYNCEVENT_E)
		event_get_u32(ev, ASYNCEVENT_E_plugin_id, &plugin);
	return plugin || ev->info->source == SRC_PLUGIN ? STR_NONE : source_syscall;
}

static inline struct thread *find_thread(struct state *s, const struct event *ev, unsigned flags)
{
	if (likely(flags & STEP_THREAD)) {
		struct thread *t = thread_lookup(s, ev->tid);

		if (unlikely(!t))
			return thread_find_or_fetch(s, ev->tid);
		s->last = t;
		return t;
	}
	return flags & STEP_KNOWN_THREAD ? state_thread(s, ev->tid) : NULL;
}

static inline void start_ctx(struct state *s, struct event *ev, struct event_ctx *c,
			     unsigned flags)
{
	if (unlikely(!s->first_ts) && !(flags & STEP_META))
		s->first_ts = ev->ts;
	c->state = s;
	c->ev = ev;
	c->fd = NULL;
	c->container = NULL;
	c->fd_num = -1;
	c->has_fd = flags & STEP_FD;
	c->fd_name_changed = false;
	c->realpath_is_name = false;
	c->toctou_name = STR_NONE;
	c->source = source_syscall;
	if (unlikely(flags & STEP_ODD_SOURCE))
		c->source = source_of(ev);
	c->first_ts = s->first_ts;
	c->prev_ts = s->prev_ts;
	c->hostname = s->machine.hostname;
}

/*
 * Entries of many processes do not fit into the first cache. What the next event will look at is
 * fetched step by step while this one is at work: the place in the table, the entry, its group, and
 * when the next event is there, the fd table.
 */
static inline uint64_t fetch_place(const struct state *s, const struct event *ev)
{
	uint64_t hash = hash_u64((uint64_t)ev->next_tid);

	__builtin_prefetch(&s->threads.slots[hash & s->threads.mask]);
	return hash;
}

static inline void fetch_thread(struct state *s, const struct event *ev, uint64_t next_hash)
{
	struct thread *t = NULL;

	if (likely(ev->next_tid && s->threads.mask))
		t = u64map_find_hashed(&s->threads, (uint64_t)ev->next_tid, next_hash)->value;
	s->next = t;
	__builtin_prefetch(t);
}

static inline void fetch_group(struct state *s)
{
	struct thread *t = s->next;

	if (unlikely(!t))
		return;
	s->last = t;
	__builtin_prefetch(t->group);
}

static inline void fetch_fds(const struct state *s)
{
	const struct thread *t = s->last;

	if (likely(t && t->group))
		__builtin_prefetch(t->group->fds);
}

/* What comes up now and then: events that are long without traffic, a table that is full. */
static _noinline_ void keep_house(struct state *s, const struct event *ev)
{
	if (ev->ts >= s->next_sweep)
		thread_sweep(s, ev->ts);
	if (s->crowded)
		thread_make_room(s, ev->tid);
}

static inline void find_result(struct state *s, struct event *ev, unsigned flags)
{
	s->has_res = false;
	if (likely((flags & STEP_RESULT) && ev->nparams && ev->off[1] >= sizeof(s->res))) {
		s->res = (int64_t)load_u64(ev->data);
		s->has_res = true;
	}
}

void state_event(struct state *s, struct event *ev, struct event_ctx *c)
{
	const struct step *step = &s->steps[ev->type];
	unsigned flags = step->flags;
	uint64_t next_hash;
	struct thread *t;

	fetch_fds(s);
	next_hash = fetch_place(s, ev);
	finish_previous(s);
	if (unlikely(s->crowded || ev->ts >= s->next_sweep))
		keep_house(s, ev);
	start_ctx(s, ev, c, flags);
	c->thread = t = find_thread(s, ev, flags);
	if (likely(t != NULL))
		t->last_event_ts = ev->ts;
	fetch_thread(s, ev, next_hash);
	find_result(s, ev, flags);
	if (likely(flags & STEP_FD))
		apply_to_fd(s, c, step);
	else if (step->row.apply)
		apply(s, c, step);
	t = c->thread;
	if (likely(t != NULL)) {
		if (likely(!c->container))
			c->container = t->container;
		/* An enter event belongs to the very next exit of its thread. */
		if (likely(flags & STEP_EXIT))
			t->enter_type = 0;
	}
	c->visible = (flags & STEP_VISIBLE) && !(ev->flags & EVENT_STATE_ONLY);
	if (likely(c->visible))
		s->prev_ts = ev->ts;
	fetch_group(s);
}

const struct state_stats *state_stats(const struct state *s)
{
	struct state *w = (struct state *)s;

	w->stats.threads = s->threads.count;
	w->stats.fds = s->stats.fds_added - s->stats.fds_removed;
	w->stats.bytes = state_bytes(s);
	return &s->stats;
}

struct intern *state_intern(struct state *s)
{
	return &s->intern;
}

uint64_t state_shared_version(const struct state *s)
{
	return s->shared_version;
}
