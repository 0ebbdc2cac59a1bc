/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entries of the process table: life, texts, links to the parent. Called by the handlers of process
 * events and by the snapshot loader. An entry belongs to the table of its state; its strings are
 * references into state.intern.
 */
#include "engine/state/state_priv.h"

#define STALE_NS (1800 * NS_PER_S)
#define SWEEP_EVERY_NS (1200 * NS_PER_S)
#define SWEEP_STEP 4
#define ROOM 8			/* free places: one event adds a few threads at most */
#define EVICT_SAMPLE 64		/* entries that one is chosen from */
#define EVICT_MAX 16		/* per event */

struct thread *state_thread(const struct state *s, int64_t tid)
{
	return thread_lookup(s, tid);
}

struct thread *state_next_thread(const struct state *s, uint32_t *pos)
{
	uint64_t key;
	void *value;

	return u64map_next(&s->threads, pos, &key, &value) ? value : NULL;
}

static void set_defaults(struct state *s, struct thread *t, int64_t tid)
{
	struct istr **texts[] = { &t->comm, &t->exe, &t->exepath, &t->args, &t->cgroups, &t->root };

	memset(t, 0, sizeof(*t));
	t->tid = tid;
	t->pid = t->ptid = t->vtid = t->vpid = t->sid = t->vpgid = t->pgid = -1;
	t->uid = t->gid = t->loginuid = ID_UNKNOWN;
	t->fdlimit = -1;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		*texts[i] = istr_ref(s->intern.empty);
	thread_touch(s, t);
}

static uint64_t room_wanted(const struct state *s)
{
	return MAX(MIN(s->limits->max[LIMIT_THREADS] / 4, (uint64_t)ROOM), 1u);
}

struct thread *thread_add(struct state *s, int64_t tid)
{
	struct thread *t;

	if (limit_over(s->limits, LIMIT_THREADS, (uint64_t)s->threads.count + 1) || state_full(s))
		goto refused;
	t = pool_get(&s->thread_pool);
	if (!t)
		goto refused;
	if (u64map_put(&s->threads, (uint64_t)tid, t) < 0) {
		pool_put(&s->thread_pool, t);
		goto refused;
	}
	set_defaults(s, t, tid);
	s->stats.threads_added++;
	if (unlikely(s->threads.count + room_wanted(s) > s->limits->max[LIMIT_THREADS]))
		s->crowded = true;
	s->last = t;
	return t;

refused:
	s->crowded = true;
	s->stats.threads_refused++;
	return NULL;
}

static struct thread *thread_add_fake(struct state *s, int64_t tid)
{
	struct thread *t = thread_add(s, tid);

	if (!t)
		return NULL;
	t->state_flags = THREAD_FAKE;
	state_set_text(s, &t->comm, STR("<NA>"));
	state_set_text(s, &t->exe, STR("<NA>"));
	s->stats.threads_fake++;
	return t;
}

struct thread *thread_find_or_fetch(struct state *s, int64_t tid)
{
	struct thread *t = state_thread(s, tid);
	struct proc_record r;

	if (likely(t != NULL)) {
		s->last = t;
		return t;
	}
	s->stats.thread_misses++;
	if (s->opts.hooks.lookup_thread &&
	    s->opts.hooks.lookup_thread(s->opts.hooks.ctx, tid, &r) == 0) {
		t = thread_add(s, tid);
		if (!t)
			return NULL;
		thread_from_record(s, t, &r);
		thread_link(s, t);
		return t;
	}
	return thread_add_fake(s, tid);
}

void thread_drop_texts(struct thread *t)
{
	istr_unref(t->cmdline_cache);
	istr_unref(t->exeline_cache);
	t->cmdline_cache = t->exeline_cache = NULL;
}

void thread_forget_enter(struct thread *t)
{
	istr_unref(t->enter_text);
	t->enter_text = NULL;
	t->enter_type = 0;
}

static void unlink_parent(struct thread *t)
{
	if (!t->parent)
		return;
	if (t->sibling_prev)
		t->sibling_prev->sibling_next = t->sibling_next;
	else
		t->parent->children = t->sibling_next;
	if (t->sibling_next)
		t->sibling_next->sibling_prev = t->sibling_prev;
	t->parent = t->sibling_next = t->sibling_prev = NULL;
}

void thread_set_parent(struct state *s, struct thread *t, int64_t ptid)
{
	struct thread *p = ptid > 0 && t->pid != 1 ? state_thread(s, ptid) : NULL;

	unlink_parent(t);
	if (p == t || (p && thread_is_fake(p)))
		p = NULL;
	t->ptid = p ? ptid : 0;
	if (p) {
		t->parent = p;
		t->sibling_next = p->children;
		if (p->children)
			p->children->sibling_prev = t;
		p->children = t;
	}
	thread_touch(s, t);
}

void thread_link(struct state *s, struct thread *t)
{
	group_join(s, t);
	thread_set_parent(s, t, t->ptid);
}

void thread_remove(struct state *s, struct thread *t)
{
	struct istr **texts[] = { &t->comm, &t->exe, &t->exepath, &t->args, &t->cgroups, &t->root };

	if (s->opts.hooks.thread_free && t->match)
		s->opts.hooks.thread_free(s->opts.hooks.ctx, t);
	while (t->children)
		thread_set_parent(s, t->children, 0);
	unlink_parent(t);
	if (t->group)
		group_leave(s, t);
	container_detach(s, t);
	if (s->closed_in == &t->own_fds)
		s->closed_in = NULL;
	fdtable_unref(s, t->own_fds);
	thread_drop_texts(t);
	thread_forget_enter(t);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		istr_unref(*texts[i]);
	u64map_remove(&s->threads, (uint64_t)t->tid);
	if (s->last == t)
		s->last = NULL;
	if (s->next == t)
		s->next = NULL;
	if (s->gone == t)
		s->gone = NULL;
	s->stats.threads_removed++;
	if (thread_is_fake(t))
		s->stats.threads_fake--;
	pool_put(&s->thread_pool, t);
}

/* Elements of a NUL-separated list whose last NUL may be absent. */
static uint32_t list_count(struct str s)
{
	uint32_t n = 1;

	for (uint32_t i = 0; i < s.len; i++)
		n += s.p[i] == '\0';
	return n;
}

void thread_set_args(struct state *s, struct thread *t, struct str args)
{
	if (args.len && args.p[args.len - 1] == '\0')
		args.len--;
	if (!state_set_text(s, &t->args, args))
		return;
	t->nargs = args.len ? list_count(args) : 0;
	thread_drop_texts(t);
	thread_touch(s, t);
}

void thread_set_comm(struct state *s, struct thread *t, struct str comm)
{
	if (!state_set_text(s, &t->comm, comm))
		return;
	thread_drop_texts(t);
	thread_touch(s, t);
}

static void copy_record_numbers(struct thread *t, const struct proc_record *r)
{
	t->pid = r->pid;
	t->ptid = r->ptid;
	t->sid = r->sid;
	t->vpgid = r->vpgid;
	t->pgid = r->pgid;
	t->vtid = r->vtid;
	t->vpid = r->vpid;
	t->uid = r->uid;
	t->gid = r->gid;
	t->loginuid = r->loginuid;
	t->tty = r->tty;
	t->clone_flags = r->flags;
	t->fdlimit = r->fdlimit;
	t->vmsize_kb = r->vmsize_kb;
	t->vmrss_kb = r->vmrss_kb;
	t->vmswap_kb = r->vmswap_kb;
	t->pfmajor = r->pfmajor;
	t->pfminor = r->pfminor;
	t->clone_ts = r->clone_ts;
	t->pidns_init_start_ts = r->pidns_init_start_ts;
	t->cap_inheritable = r->cap_inheritable;
	t->cap_permitted = r->cap_permitted;
	t->cap_effective = r->cap_effective;
	t->exe_ino = r->exe_ino;
	t->exe_ino_ctime = r->exe_ino_ctime;
	t->exe_ino_mtime = r->exe_ino_mtime;
	t->exe_writable = r->exe_writable;
	t->exe_upper_layer = r->exe_upper_layer;
	t->exe_lower_layer = r->exe_lower_layer;
	t->exe_from_memfd = r->exe_from_memfd;
}

/* Texts and numbers of a list entry; a leader also brings directory and environment. */
void thread_from_record(struct state *s, struct thread *t, const struct proc_record *r)
{
	struct group *g;

	copy_record_numbers(t, r);
	t->state_flags = THREAD_FROM_SNAPSHOT;
	state_set_text(s, &t->comm, r->comm);
	state_set_text(s, &t->exe, r->exe);
	state_set_text(s, &t->exepath, r->exepath);
	state_set_text(s, &t->root, r->root);
	thread_set_args(s, t, r->args);
	thread_set_cgroups(s, t, r->cgroups);
	thread_touch(s, t);
	if (!thread_is_leader(t))
		return;
	g = group_get(s, t->pid);
	if (!g)
		return;
	group_set_cwd(s, g, r->cwd);
	state_set_text(s, &g->env, r->env);
}

/*
 * Entries without events for a long time: their exit may have been lost. Live, whoever still
 * exists stays; without a way to ask, only a table that runs full is thinned out.
 */
static bool is_stale(struct state *s, const struct thread *t, uint64_t now)
{
	struct proc_record r;

	if (now - t->last_event_ts < STALE_NS || now < t->last_event_ts)
		return false;
	if (s->opts.hooks.lookup_thread)
		return s->opts.hooks.lookup_thread(s->opts.hooks.ctx, t->tid, &r) == -ENOENT;
	return s->threads.count > s->limits->max[LIMIT_THREADS] / 2;
}

void thread_sweep(struct state *s, uint64_t now)
{
	if (!s->sweeping) {
		s->sweeping = s->next_sweep != 0;
		s->sweep_pos = 0;
		if (!s->sweeping)
			s->next_sweep = now + SWEEP_EVERY_NS;
		return;
	}
	for (int i = 0; i < SWEEP_STEP; i++) {
		struct thread *t = state_next_thread(s, &s->sweep_pos);

		if (!t) {
			s->sweeping = false;
			s->next_sweep = now + SWEEP_EVERY_NS;
			return;
		}
		if (!is_stale(s, t, now))
			continue;
		group_thread_exit(s, t, 0);
		group_reap(s);
	}
}

/* Who is missed least: stand-ins and the dead, then those that nobody else refers to. */
static unsigned evict_rank(const struct thread *t)
{
	if (!t->group || (t->state_flags & THREAD_DEAD))
		return 2;
	return !t->children && t->group->threads == t && !t->group_next;
}

/* The best one of a sample; rare enough, and large tables have many that will do. */
static struct thread *pick_victim(struct state *s, int64_t except)
{
	struct thread *t, *best = NULL;
	uint32_t n = MIN(s->threads.count, (uint32_t)EVICT_SAMPLE);
	unsigned rank, best_rank = 0;

	for (; n > 0; n--) {
		t = state_next_thread(s, &s->evict_pos);
		if (!t) {
			s->evict_pos = 0;
			t = state_next_thread(s, &s->evict_pos);
		}
		if (!t || t->tid == except)
			continue;
		rank = evict_rank(t);
		if (best && (rank < best_rank ||
			     (rank == best_rank && t->last_event_ts >= best->last_event_ts)))
			continue;
		best = t;
		best_rank = rank;
	}
	return best;
}

void thread_make_room(struct state *s, int64_t tid)
{
	s->crowded = false;
	for (int i = 0; i < EVICT_MAX; i++) {
		struct thread *victim;

		if (s->threads.count + room_wanted(s) <= s->limits->max[LIMIT_THREADS] &&
		    !state_over_budget(s))
			return;
		victim = pick_victim(s, tid);
		if (!victim)
			return;
		s->limits->hits[LIMIT_THREADS]++;
		s->stats.threads_evicted++;
		thread_remove(s, victim);
	}
	s->crowded = true;
}

struct thread *thread_main(struct thread *t)
{
	return t->group && t->group->leader ? t->group->leader : t;
}

struct thread *thread_parent(const struct thread *t)
{
	return t->parent;
}

struct thread *thread_ancestor(struct thread *t, unsigned n)
{
	t = thread_main(t);
	while (n-- > 0) {
		if (!t->parent)
			return NULL;
		t = thread_main(t->parent);
	}
	return t;
}

struct str thread_cwd(const struct thread *t)
{
	return t->group && t->group->leader ? istr_str(t->group->cwd) : STR("./");
}

struct str thread_env(const struct thread *t)
{
	return t->group ? istr_str(t->group->env) : STR("");
}

static struct str join_args(struct state *s, const struct thread *t, struct str head)
{
	buf_clear(&s->text);
	buf_add_str(&s->text, head);
	if (t->nargs) {
		size_t at = s->text.len + 1;

		buf_add_char(&s->text, ' ');
		buf_add_str(&s->text, istr_str(t->args));
		for (; at < s->text.len; at++)
			if (s->text.p[at] == '\0')
				s->text.p[at] = ' ';
	}
	return buf_str(&s->text);
}

static struct str cached_line(struct state *s, struct thread *t, struct istr **cache,
			      const struct istr *head)
{
	if (!*cache)
		state_set_text(s, cache, join_args(s, t, istr_str(head)));
	return *cache ? istr_str(*cache) : istr_str(head);
}

struct str thread_cmdline(struct state *s, struct thread *t)
{
	return cached_line(s, t, &t->cmdline_cache, t->comm);
}

struct str thread_exeline(struct state *s, struct thread *t)
{
	return cached_line(s, t, &t->exeline_cache, t->exe);
}

struct str thread_arg(const struct thread *t, uint32_t i)
{
	struct str rest = istr_str(t->args);

	if (i >= t->nargs)
		return STR_NONE;
	for (;; i--) {
		const char *nul = rest.len ? memchr(rest.p, '\0', rest.len) : NULL;
		uint32_t n = nul ? (uint32_t)(nul - rest.p) : rest.len;

		if (i == 0)
			return str_sub(rest, 0, n);
		rest = str_sub(rest, MIN(n + 1, rest.len), rest.len);
	}
}

bool thread_in_pidns(const struct thread *t)
{
	return (t->clone_flags & CL_CHILD_IN_PIDNS) || t->tid != t->vtid;
}

uint32_t thread_group_size(const struct thread *t)
{
	return t->group ? t->group->alive : 0;
}

uint32_t thread_child_count(const struct thread *t)
{
	const struct group *g = t->group;

	if (!g)
		return 0;
	return g->alive - (g->leader && !(g->leader->state_flags & THREAD_DEAD));
}
