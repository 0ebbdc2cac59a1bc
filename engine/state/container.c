/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers: which one a thread is in, and what is known about it. Ids come from cgroup paths when
 * threads appear; names, images and labels arrive later, as events or from the agent, or never.
 * Containers belong to the state and go with their last thread once their init has exited. Others
 * that no thread is in (their init was not seen, or is that of a pod) are remembered up to a limit.
 */
#include "engine/state/state_priv.h"

static const uint16_t text_members[] = {
#define TEXT(member) offsetof(struct container, member)
	TEXT(id), TEXT(full_id), TEXT(type), TEXT(name), TEXT(image), TEXT(image_id),
	TEXT(image_repo), TEXT(image_tag), TEXT(image_digest), TEXT(ip), TEXT(cni_json),
	TEXT(pod_sandbox_id), TEXT(pod_full_sandbox_id), TEXT(pod_ip), TEXT(pod_cni_json),
	TEXT(user),
#undef TEXT
};

static struct istr **text_slot(struct container *c, size_t i)
{
	return (struct istr **)((char *)c + text_members[i]);
}

static void free_labels(struct container_label **labels, uint32_t *count)
{
	for (uint32_t i = 0; i < *count; i++) {
		istr_unref((*labels)[i].key);
		istr_unref((*labels)[i].value);
	}
	free(*labels);
	*labels = NULL;
	*count = 0;
}

static void free_mounts(struct container *c)
{
	for (uint32_t i = 0; i < c->nmounts; i++) {
		istr_unref(c->mounts[i].source);
		istr_unref(c->mounts[i].dest);
		istr_unref(c->mounts[i].mode);
		istr_unref(c->mounts[i].propagation);
	}
	free(c->mounts);
	c->mounts = NULL;
	c->nmounts = 0;
}

void container_done(struct container *c)
{
	for (size_t i = 0; i < ARRAY_SIZE(text_members); i++) {
		istr_unref(*text_slot(c, i));
		*text_slot(c, i) = NULL;
	}
	free_labels(&c->labels, &c->nlabels);
	free_labels(&c->pod_labels, &c->npod_labels);
	free_mounts(c);
}

/* Memory of a container besides its strings, which the interner counts. */
static size_t container_bytes(const struct container *c)
{
	return sizeof(*c) + c->nmounts * sizeof(*c->mounts) +
	       ((size_t)c->nlabels + c->npod_labels) * sizeof(*c->labels);
}

static void idle_remove(struct state *s, struct container *c)
{
	*(c->idle_prev ? &c->idle_prev->idle_next : &s->idle_first) = c->idle_next;
	*(c->idle_next ? &c->idle_next->idle_prev : &s->idle_last) = c->idle_prev;
	s->nidle--;
}

static void container_free(struct state *s, struct container *c)
{
	s->table_bytes -= container_bytes(c);
	strmap_remove(&s->containers, istr_str(c->id));
	for (size_t i = 0; i < CGROUP_CACHE; i++)
		if (s->cgroup_cache[i].container == c)
			s->cgroup_cache[i] = (struct cgroup_cached){ 0 };
	container_done(c);
	s->stats.containers--;
	free(c);
}

static void idle_free(struct state *s, struct container *c)
{
	idle_remove(s, c);
	container_free(s, c);
}

/* The last thread has left, or none has come yet. Other containers may have to go. */
static void idle_add(struct state *s, struct container *c)
{
	c->idle_prev = NULL;
	c->idle_next = s->idle_first;
	*(s->idle_first ? &s->idle_first->idle_prev : &s->idle_last) = c;
	s->idle_first = c;
	s->nidle++;
	while (s->idle_last != c && limit_over(s->limits, LIMIT_CONTAINERS_IDLE, s->nidle))
		idle_free(s, s->idle_last);
}

struct container *container_find(const struct state *s, struct str id)
{
	return strmap_get(&s->containers, id);
}

/* Make room: containers that no thread is in. */
static void drop_idle(struct state *s)
{
	while (s->idle_last)
		idle_free(s, s->idle_last);
}

struct container *container_get(struct state *s, struct str id)
{
	struct container *c = container_find(s, id);

	if (c)
		return c;
	if ((uint64_t)s->containers.count + 1 > s->limits->max[LIMIT_CONTAINERS])
		drop_idle(s);
	if (limit_over(s->limits, LIMIT_CONTAINERS, (uint64_t)s->containers.count + 1) ||
	    state_full(s))
		return NULL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->id = intern_get(&s->intern, id);
	c->version = ++s->version;
	if (!c->id || strmap_put(&s->containers, istr_str(c->id), c) < 0) {
		istr_unref(c->id);
		free(c);
		return NULL;
	}
	s->table_bytes += container_bytes(c);
	s->stats.containers++;
	idle_add(s, c);
	return c;
}

void containers_clear(struct state *s)
{
	uint32_t pos = 0;
	struct str id;
	void *v;

	while (strmap_next(&s->containers, &pos, &id, &v)) {
		s->table_bytes -= container_bytes(v);
		container_done(v);
		s->stats.containers--;
		free(v);
	}
	strmap_done(&s->containers);
	s->idle_first = s->idle_last = NULL;
	s->nidle = 0;
	memset(s->cgroup_cache, 0, sizeof(s->cgroup_cache));
}

/* False when there is no room for the container now. */
static bool resolve(struct state *s, struct str cgroups, struct container **ret)
{
	struct cgroup_match m;
	struct container *c;
	bool known;

	if (!cgroup_container(cgroups, &m)) {
		*ret = NULL;
		return true;
	}
	known = container_find(s, m.id) != NULL;
	c = container_get(s, m.id);
	if (!c)
		return false;
	if (!c->full_id)
		state_set_text(s, &c->full_id, m.full_id);
	if (!c->type)
		state_set_text(s, &c->type, str_from(m.type));
	if (!known && s->opts.hooks.container_new)
		s->opts.hooks.container_new(s->opts.hooks.ctx, c);
	*ret = c;
	return true;
}

void container_attach(struct state *s, struct thread *t)
{
	struct cgroup_cached *cached = &s->cgroup_cache[t->cgroups->serial % CGROUP_CACHE];
	struct container *c = cached->container;

	if (cached->serial != t->cgroups->serial) {
		if (resolve(s, istr_str(t->cgroups), &c))
			*cached = (struct cgroup_cached){ t->cgroups->serial, c };
		else
			c = NULL;
	}
	if (t->container == c)
		return;
	/* Joining first: leaving may free the other container and with it cache entries. */
	if (c && c->threads++ == 0)
		idle_remove(s, c);
	container_detach(s, t);
	t->container = c;
	if (c)
		c->removed = false;
	thread_touch(s, t);
}

void container_detach(struct state *s, struct thread *t)
{
	struct container *c = t->container;

	t->container = NULL;
	if (!c || --c->threads)
		return;
	if (c->removed)
		container_free(s, c);
	else
		idle_add(s, c);
}

static void container_touch(struct state *s, struct container *c)
{
	struct thread *t;
	uint32_t pos = 0;

	c->version = ++s->version;
	while ((t = state_next_thread(s, &pos)) != NULL)
		if (t->container == c)
			thread_touch(s, t);
}

static int copy_labels(struct container_label **ret, uint32_t *ret_n,
		       const struct container_label *from, uint32_t n)
{
	struct container_label *l = n ? calloc(n, sizeof(*l)) : NULL;

	if (n && !l)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		l[i] = (struct container_label){ istr_ref(from[i].key), istr_ref(from[i].value) };
	free_labels(ret, ret_n);
	*ret = l;
	*ret_n = n;
	return 0;
}

static int copy_mounts(struct container *c, const struct container *from)
{
	struct container_mount *m = from->nmounts ? calloc(from->nmounts, sizeof(*m)) : NULL;

	if (from->nmounts && !m)
		return -ENOMEM;
	for (uint32_t i = 0; i < from->nmounts; i++) {
		m[i] = from->mounts[i];
		istr_ref(m[i].source);
		istr_ref(m[i].dest);
		istr_ref(m[i].mode);
		istr_ref(m[i].propagation);
	}
	free_mounts(c);
	c->mounts = m;
	c->nmounts = from->nmounts;
	return 0;
}

int state_container_metadata(struct state *s, const struct container *filled)
{
	struct container *c, from = *filled;
	int ret;

	if (!filled->id || filled->id->len == 0)
		return -EINVAL;
	c = container_get(s, istr_str(filled->id));
	if (!c || state_full(s))
		return -EOVERFLOW;
	s->table_bytes -= container_bytes(c);
	for (size_t i = 0; i < ARRAY_SIZE(text_members); i++)
		if (text_members[i] != offsetof(struct container, id) && *text_slot(&from, i))
			istr_set(text_slot(c, i), *text_slot(&from, i));
	c->privileged = filled->privileged;
	c->host_pid = filled->host_pid;
	c->host_network = filled->host_network;
	c->host_ipc = filled->host_ipc;
	c->have_metadata = true;
	c->awaited = false;
	c->missing = NULL;
	ret = copy_labels(&c->labels, &c->nlabels, filled->labels, filled->nlabels);
	if (ret == 0)
		ret = copy_labels(&c->pod_labels, &c->npod_labels, filled->pod_labels,
				  filled->npod_labels);
	if (ret == 0)
		ret = copy_mounts(c, filled);
	s->table_bytes += container_bytes(c);
	container_touch(s, c);
	return ret;
}

int state_container_document(struct state *s, struct str json)
{
	struct container filled = { 0 };
	int r = container_from_json(&s->intern, json, &filled);

	if (r == 0)
		r = state_container_metadata(s, &filled);
	container_done(&filled);
	return r;
}

void state_container_missing(struct state *s, struct str id, const char *reason)
{
	struct container *c = container_find(s, id);

	if (!c)
		return;
	c->awaited = false;
	c->missing = c->have_metadata ? NULL : reason;
}

static void metadata_document(struct state *s, struct event_ctx *c, struct str doc)
{
	struct container filled = { 0 };

	if (container_from_json(&s->intern, doc, &filled) == 0 &&
	    state_container_metadata(s, &filled) != -EINVAL)
		c->container = container_find(s, istr_str(filled.id));
	else
		s->stats.container_documents_bad++;
	container_done(&filled);
}

ROW_FN(on_container)
{
	metadata_document(s, c, event_get_text(c->ev, CONTAINER_JSON_2_E_json));
}

static void removed_document(struct state *s, struct event_ctx *c, struct str doc)
{
	struct container filled = { 0 }, *gone;

	if (container_from_json(&s->intern, doc, &filled) == 0 && filled.id) {
		gone = container_find(s, istr_str(filled.id));
		if (gone && gone->threads)
			gone->removed = true;
		else if (gone)
			idle_free(s, gone);
	}
	container_done(&filled);
}

ROW_FN(on_async)
{
	struct str name = event_get_text(c->ev, ASYNCEVENT_E_name);
	struct str data = event_param(c->ev, ASYNCEVENT_E_data);

	if (data.len && data.p[data.len - 1] == '\0')
		data.len--;
	if (str_is(name, "container"))
		metadata_document(s, c, data);
	else if (str_is(name, "container_removed"))
		removed_document(s, c, data);
}
