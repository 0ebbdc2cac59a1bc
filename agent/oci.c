/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to a registry, and fetching an artifact: manifest, configuration, layer, each held
 * against its digest and size.
 */
#include "agent/oci_priv.h"

#include <jansson.h>

enum { MAX_LAYER = 64 << 20, TIMEOUT_MS = 60000, INDEX_DEPTH = 2 };

int oci_fail(struct oci *o, int r, const char *fmt, ...)
{
	va_list ap;

	buf_clear(&o->error);
	va_start(ap, fmt);
	buf_vprintf(&o->error, fmt, ap);
	va_end(ap);
	return r;
}

const char *oci_error(const struct oci *o)
{
	return o->error.len ? o->error.p : "out of memory";
}

struct oci *oci_new(const struct oci_opts *opts)
{
	struct http_opts http = { .user_agent = "tiercel", .ca_file = opts->ca_file,
				  .insecure = opts->insecure, .follow_redirects = true,
				  .timeout_ms = opts->timeout_ms ? opts->timeout_ms : TIMEOUT_MS,
				  .max_body = OCI_MANIFEST_MAX };
	struct oci *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->opts = *opts;
	if (!o->opts.max_layer)
		o->opts.max_layer = MAX_LAYER;
	o->http = http_new(&http);
	if (!o->http) {
		free(o);
		return NULL;
	}
	return o;
}

void oci_free(struct oci *o)
{
	if (!o)
		return;
	http_free(o->http);
	http_response_done(&o->response);
	buf_done(&o->url);
	buf_done(&o->authorization);
	buf_done(&o->auth_scope);
	buf_done(&o->error);
	free(o);
}

void oci_artifact_done(struct oci_artifact *a)
{
	buf_done(&a->manifest);
	buf_done(&a->config);
	buf_done(&a->layer);
	free(a->title);
	a->title = NULL;
}

/* As docker does it: registries of the machine itself need no TLS. */
bool oci_plain_http(const struct oci *o, const char *host)
{
	struct str s = str_from(host);

	return o->opts.plain_http || str_starts(s, STR("127.")) || str_starts(s, STR("[::1]")) ||
	       str_is(s, "localhost") || str_starts(s, STR("localhost:"));
}

void oci_url(struct oci *o, const struct oci_ref *ref, const char *fmt, ...)
{
	va_list ap;

	buf_clear(&o->url);
	buf_printf(&o->url, "%s://%s/v2/%s/", oci_plain_http(o, ref->host) ? "http" : "https",
		   ref->host, ref->repo);
	va_start(ap, fmt);
	buf_vprintf(&o->url, fmt, ap);
	va_end(ap);
}

static int send_once(struct oci *o, const struct oci_call *call)
{
	_cleanup_buf_ struct buf accept = BUF_INIT, type = BUF_INIT;
	const char *headers[3];
	struct http_request rq = { .method = call->method, .url = o->url.p, .headers = headers,
				   .body = call->body, .on_body = call->on_body, .ctx = call->ctx };
	int r;

	if (o->authorization.len && !call->foreign)
		headers[rq.nheaders++] = o->authorization.p;
	if (call->accept) {
		buf_printf(&accept, "Accept: %s", call->accept);
		headers[rq.nheaders++] = accept.p;
	}
	if (call->type) {
		buf_printf(&type, "Content-Type: %s", call->type);
		headers[rq.nheaders++] = type.p;
	}
	if (accept.err || type.err || o->url.err)
		return -ENOMEM;
	r = http_send(o->http, &rq, &o->response);
	if (r < 0 && !o->error.len)
		return oci_fail(o, r, "%s: %s", call->ref->host, http_error(o->http));
	return r;
}

int oci_send(struct oci *o, const struct oci_call *call)
{
	_cleanup_buf_ struct buf scope = BUF_INIT;
	int r;

	buf_clear(&o->error);
	buf_printf(&scope, "%s/%s:%s", call->ref->host, call->ref->repo, call->actions);
	if (!str_eq(buf_str(&scope), buf_str(&o->auth_scope))) {
		buf_clear(&o->authorization);
		buf_clear(&o->auth_scope);
		buf_add_str(&o->auth_scope, buf_str(&scope));
	}
	r = send_once(o, call);
	if (r < 0 || o->response.status != 401)
		return r;
	r = oci_authorize(o, call);
	return r < 0 ? r : send_once(o, call);
}

int oci_status(struct oci *o, const struct oci_ref *ref)
{
	long status = o->response.status;

	if (http_ok(&o->response))
		return 0;
	switch (status) {
	case 401:
	case 403:
		return oci_fail(o, -EACCES, "%s refuses access to %s (HTTP %ld): check the credentials",
				ref->host, ref->repo, status);
	case 404:
		return oci_fail(o, -ENOENT, "%s has no %s:%s", ref->host, ref->repo,
				oci_ref_version(ref));
	case 429:
		return oci_fail(o, -EAGAIN, "%s: too many requests (HTTP 429)", ref->host);
	default:
		return oci_fail(o, -EIO, "%s answers HTTP %ld for %s", ref->host, status, ref->repo);
	}
}

static const char manifest_types[] = OCI_MANIFEST_TYPE ", " OCI_INDEX_TYPE;

int oci_resolve(struct oci *o, const struct oci_ref *ref, char ret_digest[DIGEST_TEXT])
{
	struct oci_call call = { .ref = ref, .method = "HEAD", .actions = "pull",
				 .accept = manifest_types };
	struct str digest;
	int r;

	oci_url(o, ref, "manifests/%s", oci_ref_version(ref));
	r = oci_send(o, &call);
	if (r == 0)
		r = oci_status(o, ref);
	if (r < 0)
		return r;
	digest = http_header(&o->response, "Docker-Content-Digest");
	if (digest_valid(digest)) {
		memcpy(ret_digest, digest.p, digest.len);
		ret_digest[digest.len] = '\0';
		return 0;
	}
	/* Not every registry sends the header: the digest is that of the manifest. */
	call.method = NULL;
	r = oci_send(o, &call);
	if (r == 0)
		r = oci_status(o, ref);
	return r < 0 ? r : digest_of(o->response.body.p, o->response.body.len, ret_digest);
}

/* ---- pull --------------------------------------------------------------------------------- */

struct descriptor {
	const char *type, *digest, *title;
	uint64_t size;
};

static int read_descriptor(struct oci *o, const json_t *j, const char *what, struct descriptor *ret)
{
	json_int_t size = json_integer_value(json_object_get(j, "size"));

	ret->type = json_string_value(json_object_get(j, "mediaType"));
	ret->digest = json_string_value(json_object_get(j, "digest"));
	ret->title = json_string_value(json_object_get(json_object_get(j, "annotations"), OCI_TITLE));
	if (!ret->type || !ret->digest || !digest_valid(str_from(ret->digest)) || size < 0)
		return oci_fail(o, -EBADMSG, "the manifest has no proper %s", what);
	ret->size = (uint64_t)size;
	return 0;
}

struct download {
	struct buf *out;
	uint64_t size;
};

/* No more is taken than the manifest says, whatever the registry sends. */
static int take_blob(void *ctx, const void *data, size_t n)
{
	struct download *d = ctx;

	if (d->out->len + n > d->size)
		return -EBADMSG;
	buf_add(d->out, data, n);
	return d->out->err;
}

static int fetch_blob(struct oci *o, const struct oci_ref *ref, const struct descriptor *d,
		      const char *what, struct buf *out)
{
	struct download download = { out, d->size };
	struct oci_call call = { .ref = ref, .actions = "pull", .on_body = take_blob,
				 .ctx = &download };
	char digest[DIGEST_TEXT];
	int r;

	if (d->size > o->opts.max_layer)
		return oci_fail(o, -EFBIG, "the %s has %llu bytes, the bound is %llu", what,
				(unsigned long long)d->size, (unsigned long long)o->opts.max_layer);
	buf_clear(out);
	oci_url(o, ref, "blobs/%s", d->digest);
	r = oci_send(o, &call);
	if (r == -EBADMSG)
		return oci_fail(o, r, "the registry sends more than the %llu bytes of the %s",
				(unsigned long long)d->size, what);
	if (r == 0)
		r = oci_status(o, ref);
	if (r == 0)
		r = digest_of(out->p, out->len, digest);
	if (r < 0)
		return r;
	if (out->len != d->size || strcmp(digest, d->digest) != 0)
		return oci_fail(o, -EBADMSG, "the %s is not what its digest says (%s)", what, d->digest);
	return 0;
}

/* The manifest by tag or digest, held against the digest that was asked for. */
static int fetch_manifest(struct oci *o, const struct oci_ref *ref, struct oci_artifact *a)
{
	struct oci_call call = { .ref = ref, .actions = "pull", .accept = manifest_types };
	int r;

	oci_url(o, ref, "manifests/%s", oci_ref_version(ref));
	r = oci_send(o, &call);
	if (r == 0)
		r = oci_status(o, ref);
	if (r < 0)
		return r;
	buf_clear(&a->manifest);
	buf_add_str(&a->manifest, buf_str(&o->response.body));
	r = a->manifest.err ? a->manifest.err :
			      digest_of(a->manifest.p, a->manifest.len, a->digest);
	if (r == 0 && ref->digest[0] && strcmp(ref->digest, a->digest) != 0)
		return oci_fail(o, -EBADMSG, "the manifest is not what the digest %s says",
				ref->digest);
	return r;
}

static int pull_parts(struct oci *o, const struct oci_ref *ref, const json_t *manifest,
		      struct oci_artifact *a)
{
	const json_t *layers = json_object_get(manifest, "layers");
	struct descriptor config, layer;
	int r;

	if (json_array_size(layers) != 1)
		return oci_fail(o, -EBADMSG, "%s is no rules artifact: it has %zu layers", ref->repo,
				json_array_size(layers));
	r = read_descriptor(o, json_object_get(manifest, "config"), "config", &config);
	if (r == 0)
		r = read_descriptor(o, json_array_get(layers, 0), "layer", &layer);
	if (r < 0)
		return r;
	if (strcmp(layer.type, OCI_RULES_LAYER_TYPE) != 0)
		return oci_fail(o, -EBADMSG, "%s is no rules artifact: its layer is %s", ref->repo,
				layer.type);
	if (layer.title) {
		a->title = strdup(layer.title);
		if (!a->title)
			return -ENOMEM;
	}
	r = fetch_blob(o, ref, &config, "config", &a->config);
	return r < 0 ? r : fetch_blob(o, ref, &layer, "layer", &a->layer);
}

static int pull_from(struct oci *o, const struct oci_ref *ref, uint32_t depth, struct oci_artifact *a);

/* An index of manifests: rules are the same for every platform, so the first one is taken. */
static int pull_index(struct oci *o, const struct oci_ref *ref, const json_t *manifests, uint32_t depth,
		      struct oci_artifact *a)
{
	struct oci_ref child = *ref;
	struct descriptor d;
	int r;

	if (depth == INDEX_DEPTH)
		return oci_fail(o, -EBADMSG, "%s: indexes within indexes", ref->repo);
	r = read_descriptor(o, json_array_get(manifests, 0), "entry in its index", &d);
	if (r < 0)
		return r;
	memcpy(child.digest, d.digest, DIGEST_TEXT);
	return pull_from(o, &child, depth + 1, a);
}

static int pull_from(struct oci *o, const struct oci_ref *ref, uint32_t depth, struct oci_artifact *a)
{
	json_error_t error;
	json_t *root, *manifests;
	char digest[DIGEST_TEXT];
	int r = fetch_manifest(o, ref, a);

	if (r < 0)
		return r;
	memcpy(digest, a->digest, sizeof(digest));
	root = json_loadb(a->manifest.p ? a->manifest.p : "", a->manifest.len, 0, &error);
	if (!root)
		return oci_fail(o, -EBADMSG, "the manifest of %s is no JSON: %s", ref->repo, error.text);
	manifests = json_object_get(root, "manifests");
	if (json_is_array(manifests))
		r = pull_index(o, ref, manifests, depth, a);
	else
		r = pull_parts(o, ref, root, a);
	json_decref(root);
	memcpy(a->digest, digest, sizeof(digest));	/* what the tag points to */
	return r;
}

int oci_pull(struct oci *o, const struct oci_ref *ref, struct oci_artifact *ret)
{
	struct oci_artifact a = { 0 };
	int r = pull_from(o, ref, 0, &a);

	if (r < 0) {
		oci_artifact_done(&a);
		return r;
	}
	*ret = a;
	return 0;
}
