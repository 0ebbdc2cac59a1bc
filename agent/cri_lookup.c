/* SPDX-License-Identifier: Apache-2.0 */
/* From answers of the container runtime to documents, see cri_lookup.h. */
#include "agent/cri_lookup.h"
#include "agent/grpc_wire.h"
#include "agent/proto/cri.pb-c.h"

#include <jansson.h>

enum { SHORT_ID = 12, MODE_NODE = 2, EVENT_STARTED = 1 };
/* Since this version of containerd every listener gets every event; before, they share them, and we
 * would take them from the kubelet. */
enum { CONTAINERD_EVENTS_MAJOR = 2 };

#define METHOD(name) "/runtime.v1.RuntimeService/" name

/* What the answers say, gathered. Borrows from them. */
struct facts {
	const Runtime__V1__ContainerStatus *status;	/* NULL: it is a sandbox */
	const Runtime__V1__PodSandboxStatus *pod;	/* NULL: unknown */
	char sandbox_id[65];
	bool privileged;
};

static int call(struct cri_client *c, const char *method, const ProtobufCMessage *request,
		uint64_t timeout_ns, const ProtobufCMessageDescriptor *type,
		ProtobufCMessage **ret)
{
	struct str body;
	int status, r = cri_client_call(c, method, request, timeout_ns, &body, &status);

	if (r < 0)
		return r;
	if (status != GRPC_OK)
		return status == GRPC_UNIMPLEMENTED ? -EOPNOTSUPP : -ENOENT;
	*ret = protobuf_c_message_unpack(type, NULL, body.len, (const uint8_t *)body.p);
	return *ret ? 0 : -EPROTO;
}

static void message_free(ProtobufCMessage **m)
{
	if (*m)
		protobuf_c_message_free_unpacked(*m, NULL);
}
#define _cleanup_message_ _cleanup_(message_free)

int cri_lookup_runtime(struct cri_client *c, uint64_t timeout_ns, struct cri_runtime *ret)
{
	Runtime__V1__VersionRequest q = RUNTIME__V1__VERSION_REQUEST__INIT;
	_cleanup_message_ ProtobufCMessage *m = NULL;
	const Runtime__V1__VersionResponse *v;
	const char *digits;
	int r = call(c, METHOD("Version"), &q.base, timeout_ns,
		     &runtime__v1__version_response__descriptor, &m);

	if (r < 0)
		return r;
	v = (const Runtime__V1__VersionResponse *)m;
	*ret = (struct cri_runtime){ .type = "cri" };
	snprintf(ret->name, sizeof(ret->name), "%s", v->runtime_name);
	snprintf(ret->version, sizeof(ret->version), "%s", v->runtime_version);
	digits = ret->version + (*ret->version == 'v');
	if (!strcmp(ret->name, "containerd")) {
		ret->type = "containerd";
		ret->events_safe = atoi(digits) >= CONTAINERD_EVENTS_MAJOR;
	} else if (!strcmp(ret->name, "cri-o")) {
		ret->type = "cri-o";
	}
	return 0;
}

int cri_lookup_all(struct cri_client *c, uint64_t timeout_ns, cri_message_fn *fn, void *ctx)
{
	Runtime__V1__ListContainersRequest containers = RUNTIME__V1__LIST_CONTAINERS_REQUEST__INIT;
	Runtime__V1__ListPodSandboxRequest pods = RUNTIME__V1__LIST_POD_SANDBOX_REQUEST__INIT;
	_cleanup_message_ ProtobufCMessage *first = NULL;
	_cleanup_message_ ProtobufCMessage *second = NULL;
	const Runtime__V1__ListContainersResponse *list;
	const Runtime__V1__ListPodSandboxResponse *sandboxes;
	int r = call(c, METHOD("ListContainers"), &containers.base, timeout_ns,
		     &runtime__v1__list_containers_response__descriptor, &first);

	if (r == 0)
		r = call(c, METHOD("ListPodSandbox"), &pods.base, timeout_ns,
			 &runtime__v1__list_pod_sandbox_response__descriptor, &second);
	if (r < 0)
		return r;
	list = (const Runtime__V1__ListContainersResponse *)first;
	sandboxes = (const Runtime__V1__ListPodSandboxResponse *)second;
	for (size_t i = 0; i < list->n_containers; i++)
		fn(ctx, str_from(list->containers[i]->id));
	for (size_t i = 0; i < sandboxes->n_items; i++)
		fn(ctx, str_from(sandboxes->items[i]->id));
	return 0;
}

/* ---- the document -------------------------------------------------------------------------- */

static void put(struct json *j, const char *key, struct str value)
{
	json_key(j, key);
	json_str(j, value);
}

/* "registry:5000/name:tag@sha256:digest" in parts. */
static void put_image(struct json *j, struct str image)
{
	struct str repo = image, tag = STR(""), digest = STR("");
	const char *at = memchr(image.p, '@', image.len);
	int colon;

	if (at) {
		digest = str_sub(image, (uint32_t)(at - image.p) + 1, image.len);
		repo.len = (uint32_t)(at - image.p);
	}
	colon = str_rfind(repo, ':');
	if (colon > str_rfind(repo, '/')) {	/* not that of a port */
		tag = str_sub(repo, (uint32_t)colon + 1, repo.len);
		repo.len = (uint32_t)colon;
	}
	put(j, "imagerepo", repo);
	put(j, "imagetag", tag);
	if (digest.len)
		put(j, "imagedigest", digest);
}

static bool is_digest(const char *s)
{
	return !strncmp(s, "sha256:", 7);
}

static void put_image_facts(struct json *j, const Runtime__V1__ContainerStatus *s)
{
	const char *image = s->image ? s->image->image : "", *ref = s->image_ref;
	const char *at = strchr(ref, '@');
	const char *id = is_digest(s->image_id) ? s->image_id : is_digest(ref) ? ref : "";

	/*
	 * Images of some builds have no name but their id: then the reference is the better name.
	 */
	if (is_digest(image) && s->image->user_specified_image[0])
		image = s->image->user_specified_image;
	else if (is_digest(image) && at)
		image = ref;
	put(j, "image", str_from(image));
	put_image(j, str_from(image));
	if (at && !strchr(image, '@'))
		put(j, "imagedigest", str_from(at + 1));
	put(j, "imageid", str_from(*id ? id + strlen("sha256:") : ""));
}

static void put_mounts(struct json *j, const Runtime__V1__ContainerStatus *s)
{
	static const char *const propagation[] = { "private", "rslave", "rshared" };

	json_key(j, "Mounts");
	json_arr(j);
	for (size_t i = 0; i < s->n_mounts; i++) {
		const Runtime__V1__Mount *m = s->mounts[i];
		size_t kind = (size_t)m->propagation;

		json_obj(j);
		put(j, "Source", str_from(m->host_path));
		put(j, "Destination", str_from(m->container_path));
		put(j, "Mode", STR(""));
		json_key(j, "RW");
		json_bool(j, !m->readonly);
		put(j, "Propagation",
		    str_from(kind < ARRAY_SIZE(propagation) ? propagation[kind] : ""));
		json_obj_end(j);
	}
	json_arr_end(j);
}

/* Labels that the kubelet gives to each container; other callers of the runtime do not. */
static void put_pod_identity(struct json *j, const Runtime__V1__PodSandboxMetadata *m)
{
	put(j, "io.kubernetes.pod.name", str_from(m->name));
	put(j, "io.kubernetes.pod.namespace", str_from(m->namespace_));
	put(j, "io.kubernetes.pod.uid", str_from(m->uid));
}

static void put_labels(struct json *j, const struct facts *f)
{
	bool identity = f->pod && f->pod->metadata;

	json_key(j, "labels");
	json_obj(j);
	if (identity)
		put_pod_identity(j, f->pod->metadata);
	for (size_t i = 0; f->status && i < f->status->n_labels; i++) {
		const Runtime__V1__ContainerStatus__LabelsEntry *l = f->status->labels[i];

		if (!identity || !str_starts(str_from(l->key), STR("io.kubernetes.pod.")))
			put(j, l->key, str_from(l->value));
	}
	for (size_t i = 0; !f->status && f->pod && i < f->pod->n_labels; i++)
		if (!str_starts(str_from(f->pod->labels[i]->key), STR("io.kubernetes.pod.")))
			put(j, f->pod->labels[i]->key, str_from(f->pod->labels[i]->value));
	json_obj_end(j);
}

static void put_pod(struct json *j, const struct facts *f)
{
	const Runtime__V1__PodSandboxStatus *p = f->pod;
	const Runtime__V1__NamespaceOption *o =
		p && p->linux_status && p->linux_status->namespaces ?
			p->linux_status->namespaces->options : NULL;
	struct str id = str_from(f->sandbox_id);

	put(j, "pod_full_sandbox_id", id);
	put(j, "pod_sandbox_id", str_sub(id, 0, MIN(id.len, (uint32_t)SHORT_ID)));
	if (!p)
		return;
	put(j, "pod_ip", str_from(p->network ? p->network->ip : ""));
	json_key(j, "pod_sandbox_labels");
	json_obj(j);
	for (size_t i = 0; i < p->n_labels; i++)
		put(j, p->labels[i]->key, str_from(p->labels[i]->value));
	json_obj_end(j);
	json_key(j, "host_network");
	json_bool(j, o && o->network == MODE_NODE);
	json_key(j, "host_pid");
	json_bool(j, o && o->pid == MODE_NODE);
	json_key(j, "host_ipc");
	json_bool(j, o && o->ipc == MODE_NODE);
}

static void put_document(struct buf *out, const struct cri_runtime *runtime, const struct facts *f)
{
	struct json j = json_start(out);
	const char *name = "";
	struct str id;

	if (f->status && f->status->metadata)
		name = f->status->metadata->name;
	else if (!f->status && f->pod->metadata)
		name = f->pod->metadata->name;
	id = str_from(f->status ? f->status->id : f->pod->id);
	json_obj(&j);
	json_key(&j, "container");
	json_obj(&j);
	put(&j, "full_id", id);
	put(&j, "id", str_sub(id, 0, MIN(id.len, (uint32_t)SHORT_ID)));
	put(&j, "type", str_from(runtime->type));
	put(&j, "name", str_from(name));
	json_key(&j, "is_pod_sandbox");
	json_bool(&j, !f->status);
	json_key(&j, "privileged");
	json_bool(&j, f->privileged);
	if (f->status) {
		put_image_facts(&j, f->status);
		put_mounts(&j, f->status);
	}
	put_labels(&j, f);
	put_pod(&j, f);
	json_obj_end(&j);
	json_obj_end(&j);
}

/* ---- questions ----------------------------------------------------------------------------- */

/* The verbose part is JSON whose form is the runtime's own; what is missing is not an error. */
static void read_info(const Runtime__V1__ContainerStatusResponse *r, struct facts *f)
{
	for (size_t i = 0; i < r->n_info; i++) {
		const ProtobufCBinaryData *text = &r->info[i]->value;
		json_t *root, *config;
		const char *sandbox = NULL;
		int own = 0, configured = 0;

		root = json_loadb((const char *)text->data, text->len, JSON_ALLOW_NUL, NULL);
		if (!root)
			continue;
		config = json_object_get(root, "config");
		json_unpack(root, "{s?s, s?b}", "sandboxID", &sandbox, "privileged", &own);
		json_unpack(config, "{s:{s:{s:b}}}", "linux", "security_context", "privileged",
			    &configured);
		f->privileged |= own || configured;
		if (sandbox)
			snprintf(f->sandbox_id, sizeof(f->sandbox_id), "%s", sandbox);
		json_decref(root);
	}
}

static int ask_pod(struct cri_client *c, const char *id, uint64_t timeout_ns,
		   ProtobufCMessage **ret)
{
	Runtime__V1__PodSandboxStatusRequest q = RUNTIME__V1__POD_SANDBOX_STATUS_REQUEST__INIT;

	q.pod_sandbox_id = (char *)id;
	return call(c, METHOD("PodSandboxStatus"), &q.base, timeout_ns,
		    &runtime__v1__pod_sandbox_status_response__descriptor, ret);
}

static int ask_container(struct cri_client *c, const char *id, uint64_t timeout_ns,
			 ProtobufCMessage **ret)
{
	Runtime__V1__ContainerStatusRequest q = RUNTIME__V1__CONTAINER_STATUS_REQUEST__INIT;

	q.container_id = (char *)id;
	q.verbose = 1;
	return call(c, METHOD("ContainerStatus"), &q.base, timeout_ns,
		    &runtime__v1__container_status_response__descriptor, ret);
}

int cri_lookup_container(struct cri_client *c, const struct cri_runtime *runtime, const char *id,
			 uint64_t timeout_ns, struct buf *ret_json)
{
	_cleanup_message_ ProtobufCMessage *container = NULL;
	_cleanup_message_ ProtobufCMessage *pod = NULL;
	struct facts f = { 0 };
	int r = ask_container(c, id, timeout_ns, &container);

	if (r < 0 && r != -ENOENT)
		return r;
	if (r == 0) {
		f.status = ((Runtime__V1__ContainerStatusResponse *)container)->status;
		read_info((Runtime__V1__ContainerStatusResponse *)container, &f);
	}
	if (!f.status || f.sandbox_id[0])
		r = ask_pod(c, f.status ? f.sandbox_id : id, timeout_ns, &pod);
	if (r < 0 && (r != -ENOENT || !f.status))
		return r;
	if (pod)
		f.pod = ((Runtime__V1__PodSandboxStatusResponse *)pod)->status;
	if (!f.status && !f.pod)
		return -ENOENT;
	if (f.pod)
		snprintf(f.sandbox_id, sizeof(f.sandbox_id), "%s", f.pod->id);
	put_document(ret_json, runtime, &f);
	return ret_json->err;
}

static void on_event(void *ctx, struct str body)
{
	const struct cri_listener *l = ctx;
	Runtime__V1__ContainerEventResponse *e =
		runtime__v1__container_event_response__unpack(NULL, body.len,
							      (const uint8_t *)body.p);

	if (!e)
		return;
	if (e->container_event_type <= EVENT_STARTED)
		l->fn(l->ctx, str_from(e->container_id));
	runtime__v1__container_event_response__free_unpacked(e, NULL);
}

int cri_lookup_events(struct cri_client *c, const struct cri_listener *l)
{
	Runtime__V1__GetEventsRequest q = RUNTIME__V1__GET_EVENTS_REQUEST__INIT;

	return cri_client_stream(c, METHOD("GetContainerEvents"), &q.base, on_event, (void *)l);
}
