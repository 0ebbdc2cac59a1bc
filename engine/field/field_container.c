/* SPDX-License-Identifier: Apache-2.0 */
/*
 * container.*: the container that the thread belongs to. Rows are found by field_lookup(); values
 * are views into the container table or texts in the scratch arena.
 *
 * Three cases per field: on the host it has a fixed value or none, in a container without metadata
 * it has none (its id apart), with metadata it is what the runtime said.
 */
#include <fnmatch.h>

#include "engine/field/field_class.h"
#include "engine/field/field_container.h"
#include "engine/field/field_text.h"

const struct container *container_known(const struct event_ctx *ctx)
{
	const struct container *c = ctx->thread ? ctx->thread->container : NULL;

	return c && c->have_metadata ? c : NULL;
}

static bool on_host(const struct event_ctx *ctx)
{
	return ctx->thread && !ctx->thread->container;
}

static bool get_id(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	if (!ctx->thread)
		return false;
	*ret = value_str(on_host(ctx) ? STR("host") : istr_str(ctx->thread->container->id));
	return true;
}

static bool text_or(const struct field_ref *f, struct event_ctx *ctx, struct str host,
		    struct value *ret)
{
	const struct container *c = container_known(ctx);

	if (on_host(ctx))
		*ret = value_str(host);
	else if (c)
		member_istr(f, c, ret);
	else
		return false;
	if (!ret->s.p)
		ret->s = STR("");
	return true;
}

/* "host" outside containers. */
static bool get_named(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return text_or(f, ctx, STR("host"), ret);
}

/* Present and empty outside containers: rules compare it without asking for a container first. */
static bool get_text(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return text_or(f, ctx, STR(""), ret);
}

static bool get_bool(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct container *c = container_known(ctx);

	if (!c && !on_host(ctx))
		return false;
	*ret = value_bool(c && *(const bool *)((const char *)c + f->info->offset));
	return true;
}

static bool start_of(const struct event_ctx *ctx, uint64_t *ret_ts)
{
	const struct thread *t = ctx->thread;

	if (!t || !t->pidns_init_start_ts || !thread_in_pidns(t))
		return false;
	*ret_ts = t->pidns_init_start_ts;
	return true;
}

static bool get_start_ts(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	uint64_t ts;

	if (!start_of(ctx, &ts))
		return false;
	*ret = value_u64(PT_ABSTIME, ts);
	return true;
}

static bool get_duration(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	uint64_t ts;

	if (!start_of(ctx, &ts) || ctx->ev->ts < ts)
		return false;
	*ret = value_u64(PT_RELTIME, ctx->ev->ts - ts);
	return true;
}

static struct str mount_text(struct arena *a, const struct container_mount *m)
{
	return str_from(arena_printf(a, "%.*s:%.*s:%.*s:%s:%.*s", STR_ARG(istr_str(m->source)),
				     STR_ARG(istr_str(m->dest)), STR_ARG(istr_str(m->mode)),
				     m->rdwr ? "true" : "false",
				     STR_ARG(istr_str(m->propagation))));
}

static bool get_mounts(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct container *c = container_known(ctx);
	struct str all = STR("");

	if (!c && !on_host(ctx))
		return false;
	for (uint32_t i = 0; c && i < c->nmounts; i++) {
		struct str one = mount_text(ctx->scratch, &c->mounts[i]);

		all = text_concat(ctx->scratch, all, i ? STR(",") : STR(""), one);
	}
	return text_value(all, ret);
}

/* The mount that [N] or [PATTERN] names; the pattern must match the whole path. */
static const struct container_mount *mount_of(const struct field_ref *f, struct event_ctx *ctx,
					      bool by_dest)
{
	const struct container *c = container_known(ctx);
	const char *pattern;

	if (!c)
		return NULL;
	if (f->has_index)
		return f->index >= 0 && f->index < c->nmounts ? &c->mounts[f->index] : NULL;
	pattern = arena_strdup(ctx->scratch, f->key);
	for (uint32_t i = 0; pattern && i < c->nmounts; i++) {
		const struct istr *path = by_dest ? c->mounts[i].dest : c->mounts[i].source;

		if (path && fnmatch(pattern, path->p, 0) == 0)
			return &c->mounts[i];
	}
	return NULL;
}

static bool get_mount(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct container_mount *m = mount_of(f, ctx, false);

	return m && text_value(mount_text(ctx->scratch, m), ret);
}

static bool get_mount_member(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	bool by_dest = f->info->offset == offsetof(struct container_mount, source);
	const struct container_mount *m = mount_of(f, ctx, by_dest);

	if (!m)
		return false;
	member_istr(f, m, ret);
	return ret->s.p;
}

static bool get_mount_rdwr(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct container_mount *m = mount_of(f, ctx, false);

	if (!m)
		return false;
	*ret = value_str(m->rdwr ? STR("true") : STR("false"));
	return true;
}

bool container_label(const struct container_label *labels, uint32_t n, struct str key,
		     struct value *ret)
{
	for (uint32_t i = 0; i < n; i++) {
		if (str_eq(istr_str(labels[i].key), key))
			return text_value(istr_str(labels[i].value), ret);
	}
	return false;
}

static int by_key(const void *a, const void *b)
{
	const struct container_label *const *x = a, *const *y = b;

	return str_cmp(istr_str((*x)->key), istr_str((*y)->key));
}

/* Labels that the orchestrator adds have fields of their own. */
static bool label_shown(const struct container_label *l)
{
	struct str key = istr_str(l->key);

	return !str_starts(key, STR("annotation.")) && !str_starts(key, STR("io.kubernetes."));
}

bool container_labels_text(struct arena *a, const struct container_label *labels, uint32_t n,
			   struct value *ret)
{
	const struct container_label **shown = arena_array(a, n + 1, sizeof(*shown));
	struct str all = STR("");
	uint32_t count = 0;

	if (!shown)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		if (label_shown(&labels[i]))
			shown[count++] = &labels[i];
	}
	qsort(shown, count, sizeof(*shown), by_key);
	for (uint32_t i = 0; i < count; i++) {
		struct str value = istr_str(shown[i]->value);

		all = text_concat(a, all, i ? STR(", ") : STR(""), istr_str(shown[i]->key));
		if (value.len)
			all = text_concat(a, all, STR(":"), value);
	}
	return text_value(all, ret);
}

static bool get_label(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct container *c = container_known(ctx);

	return c && container_label(c->labels, c->nlabels, f->key, ret);
}

static bool get_labels(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct container *c = container_known(ctx);

	if (!c && !on_host(ctx))
		return false;
	return container_labels_text(ctx->scratch, c ? c->labels : NULL, c ? c->nlabels : 0, ret);
}

#define AT(member) .offset = offsetof(struct container, member)
#define MOUNT_AT(member) .offset = offsetof(struct container_mount, member)
#define TEXT(name, member, help, ...) \
	FIELD_ROW(name, CHARBUF, get_text, help, AT(member), __VA_ARGS__)
#define FLAG(name, member, help) FIELD_ROW(name, BOOL, get_bool, help, AT(member))
#define MOUNT(name, get, help, ...)                                                          \
	FIELD_ROW(name, CHARBUF, get, help, .arg = ARG_INDEX_OR_KEY_REQUIRED, __VA_ARGS__)
#define GONE(name, type) \
	FIELD_ROW(name, type, NULL, "deprecated, has no value", .flags = FIELD_DEPRECATED)

static const struct field_info fields[] = {
	FIELD_ROW("container.id", CHARBUF, get_id, "container id, 12 characters, or host",
		  .flags = FIELD_SUGGESTED | FIELD_AT_ONCE),
	FIELD_ROW("container.full_id", CHARBUF, get_named, "full container id, or host",
		  AT(full_id)),
	FIELD_ROW("container.name", CHARBUF, get_named, "container name, or host", AT(name),
		  .flags = FIELD_SUGGESTED),
	TEXT("container.image", image, "image reference"),
	TEXT("container.image.id", image_id, "image id"),
	TEXT("container.image.repository", image_repo, "image repository, without tag",
	     .flags = FIELD_SUGGESTED),
	TEXT("container.image.tag", image_tag, "image tag", .flags = FIELD_SUGGESTED),
	TEXT("container.image.digest", image_digest, "image digest"),
	TEXT("container.ip", ip, "IPv4 address of the container"),
	TEXT("container.cni.json", cni_json, "network result of the runtime as JSON text"),
	FIELD_ROW("container.type", CHARBUF, get_named, "container engine, or host", AT(type)),
	FLAG("container.privileged", privileged, "container runs privileged"),
	FLAG("container.host_pid", host_pid, "container uses the pid namespace of the host"),
	FLAG("container.host_network", host_network, "container uses the network of the host"),
	FLAG("container.host_ipc", host_ipc, "container uses the ipc namespace of the host"),
	FIELD_ROW("container.mounts", CHARBUF, get_mounts,
		  "all mounts, source:dest:mode:rdwr:propagation, joined by commas"),
	MOUNT("container.mount", get_mount, "one mount, by number or glob on its source"),
	MOUNT("container.mount.source", get_mount_member,
	      "source of a mount, by number or glob on its destination", MOUNT_AT(source)),
	MOUNT("container.mount.dest", get_mount_member,
	      "destination of a mount, by number or glob on its source", MOUNT_AT(dest)),
	MOUNT("container.mount.mode", get_mount_member,
	      "mode of a mount, by number or glob on its source", MOUNT_AT(mode)),
	MOUNT("container.mount.rdwr", get_mount_rdwr,
	      "mount is writable: true or false, by number or glob on its source"),
	MOUNT("container.mount.propagation", get_mount_member,
	      "propagation of a mount, by number or glob on its source", MOUNT_AT(propagation)),
	GONE("container.healthcheck", CHARBUF),
	GONE("container.liveness_probe", CHARBUF),
	GONE("container.readiness_probe", CHARBUF),
	GONE("proc.is_container_healthcheck", BOOL),
	GONE("proc.is_container_liveness_probe", BOOL),
	GONE("proc.is_container_readiness_probe", BOOL),
	FIELD_ROW("container.start_ts", ABSTIME, get_start_ts,
		  "start of the container, ns since the epoch"),
	FIELD_ROW("container.duration", RELTIME, get_duration, "age of the container in ns"),
	FIELD_ROW("container.label", CHARBUF, get_label, "one label of the container",
		  .arg = ARG_KEY_REQUIRED),
	FIELD_ROW("container.labels", CHARBUF, get_labels,
		  "labels of the container, key:value joined by a comma and a blank"),
};

const struct field_class field_class_container = {
	.name = "container",
	.desc = "the container that the process belongs to",
	.fields = fields,
	.count = ARRAY_SIZE(fields),
	.also = 'p',			/* proc.is_container_healthcheck and the like */
	.metadata = true,
};
