/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thread groups: membership, what the threads of a process share, and the search for a new parent
 * when one of them exits. A group belongs to its state and is freed with its last thread.
 */
#include "engine/state/state_priv.h"

struct group *group_get(struct state *s, int64_t pid)
{
	struct group *g = u64map_get(&s->groups, (uint64_t)pid);

	if (g)
		return g;
	g = pool_get(&s->group_pool);
	if (!g)
		return NULL;
	*g = (struct group){ .pid = pid, .fds = fdtable_new(s), .reaper = pid == 1,
			     .cwd = istr_ref(s->intern.empty), .env = istr_ref(s->intern.empty) };
	if (!g->fds || u64map_put(&s->groups, (uint64_t)pid, g) < 0) {
		fdtable_unref(s, g->fds);
		istr_unref(g->cwd);
		istr_unref(g->env);
		pool_put(&s->group_pool, g);
		return NULL;
	}
	return g;
}

static void group_free(struct state *s, struct group *g)
{
	u64map_remove(&s->groups, (uint64_t)g->pid);
	if (s->closed_in == &g->fds)
		s->closed_in = NULL;
	fdtable_unref(s, g->fds);
	istr_unref(g->cwd);
	istr_unref(g->env);
	pool_put(&s->group_pool, g);
}

int group_join(struct state *s, struct thread *t)
{
	struct group *g = group_get(s, t->pid);

	if (!g)
		return -ENOMEM;
	if (t->group)
		group_leave(s, t);
	t->group = g;
	t->group_next = g->threads;
	g->threads = t;
	if (t->group_next)
		s->shared_version = ++s->version;
	g->alive++;
	if (thread_is_leader(t))
		g->leader = t;
	if (t->vpid == 1)
		g->reaper = true;
	if (t->own_fds) {
		/* A stand-in becomes known: what it opened meanwhile is all we have. */
		if (g->fds->count == 0) {
			fdtable_unref(s, g->fds);
			g->fds = t->own_fds;
		} else {
			fdtable_unref(s, t->own_fds);
		}
		t->own_fds = NULL;
	}
	return 0;
}

void group_leave(struct state *s, struct thread *t)
{
	struct group *g = t->group;
	struct thread **at = &g->threads;

	while (*at != t)
		at = &(*at)->group_next;
	*at = t->group_next;
	if (g->threads)
		s->shared_version = ++s->version;
	t->group_next = NULL;
	t->group = NULL;
	if (!(t->state_flags & THREAD_DEAD))
		g->alive--;
	if (g->leader == t)
		g->leader = NULL;
	if (!g->threads)
		group_free(s, g);
}

void group_touch(struct state *s, struct group *g)
{
	for (struct thread *t = g->threads; t; t = t->group_next)
		thread_touch(s, t);
}

void group_set_cwd(struct state *s, struct group *g, struct str cwd)
{
	bool changed;

	if (cwd.len && cwd.p[cwd.len - 1] != '/') {
		buf_clear(&s->text);
		buf_add_str(&s->text, cwd);
		buf_add_char(&s->text, '/');
		changed = state_set_text(s, &g->cwd, buf_str(&s->text));
	} else {
		changed = state_set_text(s, &g->cwd, cwd);
	}
	if (changed)
		group_touch(s, g);
}

static struct thread *live_thread(const struct group *g, const struct thread *except)
{
	struct thread *t;

	if (g->leader && g->leader != except && !(g->leader->state_flags & THREAD_DEAD))
		return g->leader;
	for (t = g->threads; t; t = t->group_next)
		if (t != except && !(t->state_flags & THREAD_DEAD))
			return t;
	return NULL;
}

/*
 * Who gets the children of an exiting thread: another thread of its group, else the nearest reaper
 * upwards within the same side of a pid namespace.
 */
static struct thread *find_reaper(const struct thread *t)
{
	struct thread *heir = live_thread(t->group, t);
	bool in_ns = thread_in_pidns(t);
	uint32_t steps = 0;

	if (heir)
		return heir;
	for (const struct thread *p = t->parent; p && steps < 4096; p = p->parent, steps++) {
		if (thread_in_pidns(p) != in_ns)
			break;
		if (!p->group || !p->group->reaper)
			continue;
		heir = live_thread(p->group, t);
		if (heir)
			return heir;
	}
	return NULL;
}

static void hand_over_children(struct state *s, struct thread *t, int64_t reaper_tid)
{
	struct thread *heir = NULL, *child;

	if (reaper_tid > 0) {
		heir = thread_find_or_fetch(s, reaper_tid);
		if (heir && (thread_is_fake(heir) || heir == t))
			heir = NULL;
	}
	if (!heir)
		heir = find_reaper(t);
	if (heir && heir->group)
		heir->group->reaper = true;
	while ((child = t->children) != NULL)
		thread_set_parent(s, child, heir && heir != child ? heir->tid : 0);
}

void group_thread_exit(struct state *s, struct thread *t, int64_t reaper_tid)
{
	struct group *g = t->group;

	if (!g) {
		s->gone = t;
		return;
	}
	if (!(t->state_flags & THREAD_DEAD)) {
		t->state_flags |= THREAD_DEAD;
		g->alive--;
		thread_touch(s, t);
	}
	if (t->children)
		hand_over_children(s, t, reaper_tid);
	/* A leader stays as long as its threads need its directory and fds. */
	if (t != g->leader || g->alive == 0)
		s->gone = t;
}

void group_reap(struct state *s)
{
	struct thread *t = s->gone, *leader = NULL;

	s->gone = NULL;
	if (!t)
		return;
	if (t->group && t->group->leader != t && t->group->alive == 0)
		leader = t->group->leader;
	thread_remove(s, t);
	if (leader)
		thread_remove(s, leader);
}

void group_remove_others(struct state *s, struct thread *t)
{
	struct group *g = t->group;
	struct thread *o = g->threads, *next;

	for (; o; o = next) {
		next = o->group_next;
		if (o == t)
			continue;
		while (o->children) {
			struct thread *child = o->children;

			thread_set_parent(s, child, child == t ? 0 : t->tid);
		}
		thread_remove(s, o);
	}
}
