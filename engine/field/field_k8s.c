/* SPDX-License-Identifier: Apache-2.0 */
/*
 * k8s.*: the pod of the container, as the labels of the container runtime tell it. Rows are found
 * by field_lookup(); values are views into the container table or texts in the scratch arena.
 * Nothing has a value outside containers and before metadata arrived.
 */
#include "engine/field/field_class.h"
#include "engine/field/field_container.h"

static bool from_label(struct event_ctx *ctx, struct str label, struct value *ret)
{
	const struct container *c = container_known(ctx);

	return c && container_label(c->labels, c->nlabels, label, ret);
}

#define LABEL_GETTER(name, label)                                                             \
	static bool name(const struct field_ref *f, struct event_ctx *ctx, struct value *ret) \
	{                                                                                     \
		return from_label(ctx, STR(label), ret);                                      \
	}
LABEL_GETTER(get_pod_name, "io.kubernetes.pod.name")
LABEL_GETTER(get_ns_name, "io.kubernetes.pod.namespace")
LABEL_GETTER(get_pod_uid, "io.kubernetes.pod.uid")

static bool get_text(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct container *c = container_known(ctx);

	if (!c)
		return false;
	member_istr(f, c, ret);
	return ret->s.len > 0;
}

static bool get_pod_label(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct container *c = container_known(ctx);

	return c && container_label(c->pod_labels, c->npod_labels, f->key, ret);
}

static bool get_pod_labels(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct container *c = container_known(ctx);

	return c && c->npod_labels &&
	       container_labels_text(ctx->scratch, c->pod_labels, c->npod_labels, ret);
}

#define AT(member) .offset = offsetof(struct container, member)
#define GONE(name, ...)                                                                   \
	FIELD_ROW(name, CHARBUF, NULL, "deprecated, has no value", .flags = FIELD_DEPRECATED, \
		  __VA_ARGS__)
/* What a workload object once had: name, id, one label, all labels. */
#define GONE_OBJECT(prefix)                                                       \
	GONE(prefix ".name"), GONE(prefix ".id"),                                 \
	GONE(prefix ".label", .arg = ARG_KEY_REQUIRED), GONE(prefix ".labels")

static const struct field_info fields[] = {
	FIELD_ROW("k8s.pod.name", CHARBUF, get_pod_name, "name of the pod",
		  .flags = FIELD_SUGGESTED),
	FIELD_ROW("k8s.ns.name", CHARBUF, get_ns_name, "name of the namespace",
		  .flags = FIELD_SUGGESTED),
	FIELD_ROW("k8s.pod.id", CHARBUF, get_pod_uid, "uid of the pod, old name of k8s.pod.uid"),
	FIELD_ROW("k8s.pod.uid", CHARBUF, get_pod_uid, "uid of the pod"),
	FIELD_ROW("k8s.pod.sandbox_id", CHARBUF, get_text, "id of the sandbox, 12 characters",
		  AT(pod_sandbox_id)),
	FIELD_ROW("k8s.pod.full_sandbox_id", CHARBUF, get_text, "full id of the sandbox",
		  AT(pod_full_sandbox_id)),
	FIELD_ROW("k8s.pod.label", CHARBUF, get_pod_label, "one label of the pod",
		  .arg = ARG_KEY_REQUIRED),
	FIELD_ROW("k8s.pod.labels", CHARBUF, get_pod_labels,
		  "labels of the pod, key:value joined by a comma and a blank"),
	FIELD_ROW("k8s.pod.ip", CHARBUF, get_text, "IPv4 address of the pod", AT(pod_ip)),
	FIELD_ROW("k8s.pod.cni.json", CHARBUF, get_text,
		  "network result of the runtime as JSON text", AT(pod_cni_json)),
	GONE_OBJECT("k8s.rc"),
	GONE_OBJECT("k8s.svc"),
	GONE("k8s.ns.id"),
	GONE("k8s.ns.label", .arg = ARG_KEY_REQUIRED),
	GONE("k8s.ns.labels"),
	GONE_OBJECT("k8s.rs"),
	GONE_OBJECT("k8s.deployment"),
};

const struct field_class field_class_k8s = {
	.name = "k8s",
	.desc = "the Kubernetes pod that the process belongs to",
	.fields = fields,
	.count = ARRAY_SIZE(fields),
	.metadata = true,
};
