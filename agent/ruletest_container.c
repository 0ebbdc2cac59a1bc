/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Containers of a test's world: what events and `given: containers:` say about them becomes cgroups
 * of their processes and one metadata document each, as a container runtime's plugin sends it.
 */
#include "agent/ruletest_build.h"

enum { ID_LEN = 12, FULL_ID_LEN = 64 };
enum row_kind { ROW_TEXT, ROW_BOOL };

/* One row per field; the short name is the key in `given: containers:`. */
static const struct container_row {
	const char *field, *key;
	uint8_t kind;			/* enum row_kind */
	uint16_t offset;
} rows[] = {
#define TEXT(field, key, member) { field, key, ROW_TEXT, offsetof(struct build_container, member) }
#define BOOL(field, key, member) { field, key, ROW_BOOL, offsetof(struct build_container, member) }
	TEXT("container.id", "id", id),
	TEXT("container.full_id", "full_id", full_id),
	TEXT("container.name", "name", name),
	TEXT("container.image", "image", image),
	TEXT("container.image.id", "image_id", image_id),
	TEXT("container.image.repository", "repository", repository),
	TEXT("container.image.tag", "tag", tag),
	TEXT("container.image.digest", "digest", digest),
	TEXT("container.type", "type", type),
	TEXT("container.ip", "ip", ip),
	TEXT("container.user", "user", user),
	BOOL("container.privileged", "privileged", privileged),
	BOOL("container.host_pid", "host_pid", host_pid),
	BOOL("container.host_network", "host_network", host_network),
	BOOL("container.host_ipc", "host_ipc", host_ipc),
	TEXT("k8s.pod.name", "pod", pod_name),
	TEXT("k8s.ns.name", "ns", namespace),
	TEXT("k8s.pod.uid", "pod_uid", pod_uid),
	TEXT("k8s.pod.id", "pod_id", pod_uid),
	TEXT("k8s.pod.ip", "pod_ip", pod_ip),
	TEXT("k8s.pod.sandbox_id", "sandbox_id", sandbox_id),
#undef TEXT
#undef BOOL
};

static void *member(struct build_container *c, const struct container_row *r)
{
	return (char *)c + r->offset;
}

static bool is_id(const struct container_row *r)
{
	return r->offset <= offsetof(struct build_container, full_id);
}

struct build_container *build_container_new(struct build *b)
{
	struct build_container *c = arena_new(b->arena, struct build_container);

	if (!c) {
		ruletest_oom(b->file);
		return NULL;
	}
	c->privileged = c->host_pid = c->host_network = c->host_ipc = UNSET;
	return c;
}

struct build_container *build_container_find(struct build *b, struct str alias_or_id)
{
	for (struct build_container *c = b->containers; c; c = c->next)
		if (str_eq(c->alias, alias_or_id) || str_eq(c->id, alias_or_id))
			return c;
	return NULL;
}

static void add_label(struct build *b, struct build_container *c, bool pod, struct str key,
		      struct str value)
{
	struct build_label *l = arena_new(b->arena, struct build_label);

	if (!l) {
		ruletest_oom(b->file);
		return;
	}
	*l = (struct build_label){ key, value, pod, c->labels };
	c->labels = l;
	c->described = true;
}

static void take_row(struct build *b, struct build_container *c, const struct container_row *r,
		     const struct yaml_node *n)
{
	struct str *text = member(c, r);
	bool on;

	c->described |= !is_id(r);
	if (r->kind == ROW_TEXT)
		ruletest_text(b->file, n, r->field, text);
	else if (ruletest_bool(b->file, n, r->field, &on))
		*(int64_t *)member(c, r) = on;
}

bool build_container_field(struct build *b, struct build_container *c, struct build_field *f)
{
	struct str plain = f->ref.plain;

	if (f->ref.has_key &&
	    (str_is(plain, "container.label") || str_is(plain, "k8s.pod.label"))) {
		add_label(b, c, str_is(plain, "k8s.pod.label"), f->ref.key, f->text);
		return true;
	}
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!str_is(plain, rows[i].field))
			continue;
		/* So says a process that is in no container. */
		if (str_is(f->text, "host") && str_starts(plain, STR("container.")))
			c->id = f->text;
		else if (f->text.p)
			take_row(b, c, &rows[i], f->value);
		return true;
	}
	return false;
}

/* ---- identity ------------------------------------------------------------------------------ */

static bool is_hex(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++)
		if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
			return false;
	return true;
}

/* "registry:5000/app:1.2" -> repository and tag, and back. */
static void complete_image(struct build *b, struct build_container *c)
{
	int slash = str_rfind(c->image, '/'), colon = str_rfind(c->image, ':');

	if (c->image.p && !c->repository.p) {
		bool tagged = colon > slash && colon > 0;

		c->repository = tagged ? str_sub(c->image, 0, (uint32_t)colon) : c->image;
		if (tagged && !c->tag.p)
			c->tag = str_sub(c->image, (uint32_t)colon + 1, c->image.len);
	}
	if (!c->image.p && c->repository.p)
		c->image = c->tag.p ? str_from(arena_printf(b->arena, "%.*s:%.*s",
							    STR_ARG(c->repository),
							    STR_ARG(c->tag)))
				    : c->repository;
}

static const struct build_label *find_label(const struct build_container *c,
					    const struct build_label *like)
{
	for (const struct build_label *l = c->labels; l; l = l->next)
		if (l->pod == like->pod && str_eq(l->key, like->key))
			return l;
	return NULL;
}

/* Is everything that `c` says known about the other one, too? */
static bool fits(struct build_container *c, struct build_container *known)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct str *a = member(c, &rows[i]), *b = member(known, &rows[i]);
		const int64_t *x = member(c, &rows[i]), *y = member(known, &rows[i]);

		if (rows[i].kind == ROW_TEXT ? a->p && !(b->p && str_eq(*a, *b))
					     : *x != UNSET && *x != *y)
			return false;
	}
	for (const struct build_label *l = c->labels; l; l = l->next) {
		const struct build_label *other = find_label(known, l);

		if (!other || !str_eq(other->value, l->value))
			return false;
	}
	return true;
}

/* Without an id: a description that fits a container of the test means that one. */
static struct build_container *find_described(struct build *b, struct build_container *c,
					      struct build_container *prefer)
{
	if (c->id.p || c->full_id.p)
		return NULL;
	if (prefer && fits(c, prefer))
		return prefer;
	for (struct build_container *k = b->containers; k; k = k->next)
		if (fits(c, k))
			return k;
	return NULL;
}

static struct str made_up_id(struct build *b, struct build_container *c)
{
	_cleanup_buf_ struct buf all = BUF_INIT;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct str *s = member(c, &rows[i]);

		if (rows[i].kind == ROW_TEXT && s->p)
			buf_printf(&all, "%zu=%.*s\n", i, STR_ARG(*s));
	}
	return str_from(arena_printf(b->arena, "%012llx",
				     (unsigned long long)hash_str(buf_str(&all)) >> 16));
}

static void complete_id(struct build *b, struct build_container *c)
{
	char *full;

	if (c->full_id.len == FULL_ID_LEN && !c->id.p)
		c->id = str_sub(c->full_id, 0, ID_LEN);
	if (c->id.len == FULL_ID_LEN) {
		c->full_id = c->id;
		c->id = str_sub(c->id, 0, ID_LEN);
	}
	if (!c->id.p)
		c->id = made_up_id(b, c);
	if (c->full_id.p || !c->id.p)
		return;
	full = arena_alloc(b->arena, FULL_ID_LEN);
	if (!full)
		ruletest_oom(b->file);
	for (uint32_t i = 0; full && i < FULL_ID_LEN; i++)
		full[i] = c->id.p[i % c->id.len];
	c->full_id = (struct str){ full, full ? FULL_ID_LEN : 0 };
}

static bool id_is_fine(struct build *b, const struct build_container *c, const struct yaml_node *at)
{
	bool good = (!c->id.p || ((c->id.len == ID_LEN || c->id.len == FULL_ID_LEN) &&
				  is_hex(c->id))) &&
		    (!c->full_id.p || (c->full_id.len == FULL_ID_LEN && is_hex(c->full_id)));

	if (!good)
		diag_hint(&b->file->diags,
			  ruletest_report_node(b->file, at,
					       "an id of a container has 12 (or 64) hex "
					       "digits in lower case, or is 'host'"),
			  "leave container.id out: the test makes one up");
	return good;
}

/* Later events may tell more about a container, not something else. */
static void merge(struct build_container *to, struct build_container *from)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct str *text = member(to, &rows[i]), *more = member(from, &rows[i]);
		int64_t *flag = member(to, &rows[i]), *new_flag = member(from, &rows[i]);

		if (rows[i].kind == ROW_TEXT && !text->p)
			*text = *more;
		else if (rows[i].kind == ROW_BOOL && *flag == UNSET)
			*flag = *new_flag;
	}
	to->described |= from->described;
	while (from->labels) {
		struct build_label *l = from->labels;

		from->labels = l->next;
		l->next = to->labels;
		to->labels = l;
	}
}

struct build_container *build_container_settle(struct build *b, struct build_container *c,
					       struct build_container *prefer,
					       const struct yaml_node *at)
{
	struct build_container *known;

	if (str_is(c->id, "host")) {
		if (c->described)
			ruletest_report_node(b->file, at, "the host has no container metadata");
		return NULL;
	}
	if (!id_is_fine(b, c, at))
		return NULL;
	complete_image(b, c);
	known = find_described(b, c, prefer);
	if (known)
		return known;
	complete_id(b, c);
	known = c->id.p ? build_container_find(b, c->id) : NULL;
	if (known) {
		merge(known, c);
		return known;
	}
	c->next = b->containers;
	b->containers = c;
	return c;
}

/* ---- given: containers: -------------------------------------------------------------------- */

static void given_labels(struct build *b, struct build_container *c, bool pod,
			 const struct yaml_node *n)
{
	struct str value;

	if (yaml_deref(n)->kind != YNODE_MAP) {
		ruletest_report_node(b->file, n, "labels are a map: name: value");
		return;
	}
	yaml_each_pair(k, n)
		if (ruletest_text(b->file, k->next, "a label", &value))
			add_label(b, c, pod, k->s, value);
}

/* `mounts: [{source: /var/run, dest: /run, mode: rw, rdwr: true}]` */
static void given_mounts(struct build *b, struct build_container *c, const struct yaml_node *n)
{
	static const struct { const char *key, *json; } keys[] = {
		{ "source", "Source" }, { "dest", "Destination" }, { "mode", "Mode" },
		{ "propagation", "Propagation" },
	};
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct json j = json_start(&out);

	if (yaml_deref(n)->kind != YNODE_SEQ) {
		ruletest_report_node(b->file, n, "mounts are a list of {source, dest, mode, rdwr}");
		return;
	}
	json_arr(&j);
	yaml_each(one, n) {
		const struct yaml_node *m = yaml_deref(one), *v;

		json_obj(&j);
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
			v = m->kind == YNODE_MAP ? yaml_get(m, keys[i].key) : NULL;
			json_key(&j, keys[i].json);
			json_str(&j, v && v->kind == YNODE_SCALAR ? v->s : STR(""));
		}
		v = m->kind == YNODE_MAP ? yaml_get(m, "rdwr") : NULL;
		json_key(&j, "RW");
		json_bool(&j, !v || !str_is(v->s, "false"));
		json_obj_end(&j);
	}
	json_arr_end(&j);
	c->mounts_json = arena_str(b->arena, buf_str(&out));
	c->described = true;
}

static void given_key(struct build *b, struct build_container *c, const struct yaml_node *k)
{
	const char *names[ARRAY_SIZE(rows) + 4];
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		names[n++] = rows[i].key;
		if (str_is(k->s, rows[i].key) || str_is(k->s, rows[i].field)) {
			take_row(b, c, &rows[i], k->next);
			return;
		}
	}
	if (str_is(k->s, "namespace"))
		ruletest_text(b->file, k->next, "namespace", &c->namespace);
	else if (str_is(k->s, "labels"))
		given_labels(b, c, false, k->next);
	else if (str_is(k->s, "pod_labels"))
		given_labels(b, c, true, k->next);
	else if (str_is(k->s, "mounts"))
		given_mounts(b, c, k->next);
	else {
		names[n++] = "labels";
		names[n++] = "pod_labels";
		names[n++] = "mounts";
		names[n++] = "namespace";
		ruletest_hint_near(b->file,
				   ruletest_report_node(b->file, k,
							"unknown key '%.*s' of a container",
							STR_ARG(k->s)),
				   k->s, names, n);
	}
}

void build_given_containers(struct build *b, const struct yaml_node *n)
{
	if (yaml_deref(n)->kind != YNODE_MAP) {
		ruletest_report_node(b->file, n, "containers are a map: name: {image: ...}");
		return;
	}
	yaml_each_pair(k, n) {
		struct build_container *c = build_container_new(b);

		if (!c)
			return;
		c->alias = k->s;
		if ((k->s.len == ID_LEN || k->s.len == FULL_ID_LEN) && is_hex(k->s))
			c->id = k->s;
		else
			c->name = k->s;
		if (yaml_deref(k->next)->kind != YNODE_MAP)
			ruletest_report_node(b->file, k->next,
					     "a container is a map: {image: ...}");
		else
			yaml_each_pair(key, k->next)
				given_key(b, c, key);
		build_container_settle(b, c, NULL, k);
	}
}

/* ---- what the world gets ------------------------------------------------------------------- */

struct str build_cgroups(struct build *b, const struct build_container *c)
{
	const char *fmt = "cpu=/kubepods/burstable/pod0/%.*s";

	if (!c)
		return STR("cpu=/system.slice");
	if (str_is(c->type, "docker"))
		fmt = "cpu=/docker/%.*s";
	else if (str_is(c->type, "podman"))
		fmt = "cpu=/machine.slice/libpod-%.*s.scope";
	return str_from(arena_printf(b->arena, fmt, STR_ARG(c->full_id)));
}

static void put_text(struct json *j, const char *key, struct str s)
{
	if (!s.p)
		return;
	json_key(j, key);
	json_str(j, s);
}

static void put_flag(struct json *j, const char *key, int64_t v)
{
	if (v == UNSET)
		return;
	json_key(j, key);
	json_bool(j, v);
}

static void put_labels(struct json *j, const char *key, const struct build_container *c, bool pod)
{
	json_key(j, key);
	json_obj(j);
	for (const struct build_label *l = c->labels; l; l = l->next)
		if (l->pod == pod) {
			json_key_str(j, l->key);
			json_str(j, l->value);
		}
	if (!pod) {
		put_text(j, "io.kubernetes.pod.name", c->pod_name);
		put_text(j, "io.kubernetes.pod.namespace", c->namespace);
		put_text(j, "io.kubernetes.pod.uid", c->pod_uid);
	}
	json_obj_end(j);
}

static void document(struct build_container *c, struct buf *out)
{
	struct json j = json_start(out);

	json_obj(&j);
	json_key(&j, "container");
	json_obj(&j);
	put_text(&j, "id", c->id);
	put_text(&j, "full_id", c->full_id);
	put_text(&j, "type", c->type.p ? c->type : STR("containerd"));
	put_text(&j, "name", c->name);
	put_text(&j, "image", c->image);
	put_text(&j, "imageid", c->image_id);
	put_text(&j, "imagerepo", c->repository);
	put_text(&j, "imagetag", c->tag);
	put_text(&j, "imagedigest", c->digest);
	put_text(&j, "ip", c->ip);
	put_text(&j, "User", c->user);
	put_flag(&j, "privileged", c->privileged);
	put_flag(&j, "host_pid", c->host_pid);
	put_flag(&j, "host_network", c->host_network);
	put_flag(&j, "host_ipc", c->host_ipc);
	put_labels(&j, "labels", c, false);
	put_labels(&j, "pod_sandbox_labels", c, true);
	put_text(&j, "pod_sandbox_id", c->sandbox_id);
	put_text(&j, "pod_ip", c->pod_ip);
	if (c->mounts_json.p) {
		json_key(&j, "Mounts");
		json_raw(&j, c->mounts_json);
	}
	json_obj_end(&j);
	json_obj_end(&j);
}

void build_container_events(struct build *b)
{
	for (struct build_container *c = b->containers; c; c = c->next) {
		struct build_params p = { .type = EV_ASYNCEVENT_E };
		_cleanup_buf_ struct buf out = BUF_INIT;

		if (!c->described)
			continue;
		document(c, &out);
		build_param_text(b, &p, ASYNCEVENT_E_name, STR("container"));
		build_param_text(b, &p, ASYNCEVENT_E_data, buf_str(&out));
		build_step(b, &p, -1, true);
	}
}
