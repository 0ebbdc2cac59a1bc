/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User and group names, per container. Filled from captures (lists and events) and by the live
 * source; names are looked up when a field asks, never at event time. Entries belong to the state.
 */
#include "engine/state/state_priv.h"

#define SEARCH_EVERY 1024

struct user_slot {
	struct istr *container;	/* "" = host */
	struct user_entry user;
};

struct group_slot {
	struct istr *container;
	struct group_entry group;
};

/* Serial numbers of interned ids are never reused while a slot holds a reference. */
static uint64_t key_of(const struct istr *container, uint32_t id)
{
	return container->serial << 32 | id;
}

static uint64_t container_key(const struct state *s, const struct container *c, uint32_t id)
{
	return key_of(c ? c->id : s->intern.empty, id);
}

const struct user_entry *state_user(const struct state *s, const struct container *c, uint32_t uid)
{
	const struct user_slot *u = u64map_get(&s->users, container_key(s, c, uid));

	return u ? &u->user : NULL;
}

const struct group_entry *state_group(const struct state *s, const struct container *c,
				      uint32_t gid)
{
	const struct group_slot *g = u64map_get(&s->user_groups, container_key(s, c, gid));

	return g ? &g->group : NULL;
}

static void user_free(struct state *s, struct user_slot *u)
{
	istr_unref(u->container);
	istr_unref(u->user.name);
	istr_unref(u->user.home);
	istr_unref(u->user.shell);
	s->table_bytes -= sizeof(*u);
	s->stats.users--;
	free(u);
}

static void group_entry_free(struct state *s, struct group_slot *g)
{
	istr_unref(g->container);
	istr_unref(g->group.name);
	s->table_bytes -= sizeof(*g);
	free(g);
}

static bool is_stranger(const struct state *s, const struct istr *container)
{
	return container->len && !container_find(s, istr_str(container));
}

/*
 * Make room: names of containers that are not known any more. Removal moves the next entry of a run
 * into the place.
 */
static void drop_strangers(struct state *s)
{
	uint32_t pos = 0;
	uint64_t key;
	void *v;

	while (u64map_next(&s->users, &pos, &key, &v))
		if (is_stranger(s, ((struct user_slot *)v)->container)) {
			u64map_remove(&s->users, key);
			user_free(s, v);
			pos--;
		}
	for (pos = 0; u64map_next(&s->user_groups, &pos, &key, &v);)
		if (is_stranger(s, ((struct group_slot *)v)->container)) {
			u64map_remove(&s->user_groups, key);
			group_entry_free(s, v);
			pos--;
		}
}

static bool room(struct state *s)
{
	/* Not each time: when all are known a search is in vain. */
	if (s->users.count + s->user_groups.count + 1ull > s->limits->max[LIMIT_USERS] &&
	    s->limits->hits[LIMIT_USERS] % SEARCH_EVERY == 0)
		drop_strangers(s);
	return !limit_over(s->limits, LIMIT_USERS,
			   (uint64_t)s->users.count + s->user_groups.count + 1) && !state_full(s);
}

static int add_user(struct state *s, struct istr *container, const struct user_record *r)
{
	uint64_t key = key_of(container, r->uid);
	struct user_slot *u = u64map_get(&s->users, key);

	if (!u) {
		if (!room(s))
			return -EOVERFLOW;
		u = calloc(1, sizeof(*u));
		if (!u)
			return -ENOMEM;
		u->container = istr_ref(container);
		s->table_bytes += sizeof(*u);
		s->stats.users++;
		if (u64map_put(&s->users, key, u) < 0) {
			user_free(s, u);
			return -ENOMEM;
		}
	}
	u->user.uid = r->uid;
	u->user.gid = r->gid;
	state_set_text(s, &u->user.name, r->name);
	state_set_text(s, &u->user.home, r->home);
	state_set_text(s, &u->user.shell, r->shell);
	return 0;
}

static int add_group(struct state *s, struct istr *container, const struct user_record *r)
{
	uint64_t key = key_of(container, r->gid);
	struct group_slot *g = u64map_get(&s->user_groups, key);

	if (!g) {
		if (!room(s))
			return -EOVERFLOW;
		g = calloc(1, sizeof(*g));
		if (!g)
			return -ENOMEM;
		g->container = istr_ref(container);
		s->table_bytes += sizeof(*g);
		if (u64map_put(&s->user_groups, key, g) < 0) {
			group_entry_free(s, g);
			return -ENOMEM;
		}
	}
	g->group.gid = r->gid;
	state_set_text(s, &g->group.name, r->name);
	return 0;
}

int state_user_add(struct state *s, const struct user_record *r)
{
	struct istr *container = intern_get(&s->intern, r->container_id.p ? r->container_id : STR(""));
	int ret;

	if (!container)
		return -ENOMEM;
	ret = r->is_group ? add_group(s, container, r) : add_user(s, container, r);
	istr_unref(container);
	return ret;
}

static void user_remove(struct state *s, const struct user_record *r)
{
	struct istr *container = intern_get(&s->intern,
					    r->container_id.p ? r->container_id : STR(""));
	void *old;

	if (!container)
		return;
	if (r->is_group) {
		old = u64map_remove(&s->user_groups, key_of(container, r->gid));
		if (old)
			group_entry_free(s, old);
	} else {
		old = u64map_remove(&s->users, key_of(container, r->uid));
		if (old)
			user_free(s, old);
	}
	istr_unref(container);
}

void state_users_clear(struct state *s)
{
	uint32_t pos = 0;
	uint64_t key;
	void *v;

	while (u64map_next(&s->users, &pos, &key, &v))
		user_free(s, v);
	for (pos = 0; u64map_next(&s->user_groups, &pos, &key, &v);)
		group_entry_free(s, v);
	u64map_done(&s->users);
	u64map_done(&s->user_groups);
}

/* Names are attributes of threads in the eyes of rules: what was cached about them is void. */
static void touch_users(struct state *s, const struct user_record *r)
{
	struct thread *t;
	uint32_t pos = 0;

	while ((t = state_next_thread(s, &pos)) != NULL)
		if (r->is_group ? t->gid == r->gid : t->uid == r->uid || t->loginuid == r->uid)
			thread_touch(s, t);
}

static void apply(struct state *s, const struct event_ctx *c, const struct user_record *r)
{
	if (c->ev->type == EV_USER_DELETED_E || c->ev->type == EV_GROUP_DELETED_E)
		user_remove(s, r);
	else
		state_user_add(s, r);
	touch_users(s, r);
}

SAME_PARAM(USER_ADDED_E_container_id, USER_DELETED_E_container_id);
SAME_PARAM(GROUP_ADDED_E_container_id, GROUP_DELETED_E_container_id);

ROW_FN(on_user)
{
	struct user_record r = { 0 };

	if (!event_get_u32(c->ev, USER_ADDED_E_uid, &r.uid))
		return;
	event_get_u32(c->ev, USER_ADDED_E_gid, &r.gid);
	r.name = event_get_text(c->ev, USER_ADDED_E_name);
	r.home = event_get_text(c->ev, USER_ADDED_E_home);
	r.shell = event_get_text(c->ev, USER_ADDED_E_shell);
	r.container_id = event_get_text(c->ev, USER_ADDED_E_container_id);
	apply(s, c, &r);
}

ROW_FN(on_user_group)
{
	struct user_record r = { .is_group = true };

	if (!event_get_u32(c->ev, GROUP_ADDED_E_gid, &r.gid))
		return;
	r.name = event_get_text(c->ev, GROUP_ADDED_E_name);
	r.container_id = event_get_text(c->ev, GROUP_ADDED_E_container_id);
	apply(s, c, &r);
}

/* Host accounts only: the list of a capture has no place for a container id. */
int state_user_dump(const struct state *s, int (*fn)(void *ctx, const struct snapshot_item *item),
		    void *ctx)
{
	uint32_t pos = 0;
	uint64_t key;
	void *slot;
	int e = 0;

	while (e == 0 && u64map_next(&s->users, &pos, &key, &slot)) {
		const struct user_slot *u = slot;
		struct snapshot_item item = { .kind = SNAP_USER };

		item.user = (struct user_record){ .uid = u->user.uid, .gid = u->user.gid,
						  .name = istr_str(u->user.name),
						  .home = istr_str(u->user.home),
						  .shell = istr_str(u->user.shell) };
		if (u->container == s->intern.empty)
			e = fn(ctx, &item);
	}
	for (pos = 0; e == 0 && u64map_next(&s->user_groups, &pos, &key, &slot);) {
		const struct group_slot *g = slot;
		struct snapshot_item item = { .kind = SNAP_USER };

		item.user = (struct user_record){ .is_group = true, .gid = g->group.gid,
						  .name = istr_str(g->group.name) };
		if (g->container == s->intern.empty)
			e = fn(ctx, &item);
	}
	return e;
}
