/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to a registry, and fetching an artifact: manifest, configuration, layer, each held
 * against its digest and size.
 */
#include "agent/oci_priv.h"

static const uint64_t limit_values[OCI_LIMIT_COUNT] = {
#define OCI_LIMIT(id, def, counter, help) [OCI_LIMIT_##id] = def,
#include "agent/oci_limits.def"
#undef OCI_LIMIT
};

struct exchange {
	const struct oci *o;
	const struct oci_call *call;	/* NULL: no request to the registry itself */
};

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
	struct http_opts http = { .user_agent = "tiercel",
				  .ca_file = opts->ca_file,
				  .follow_redirects = true,
				  .stall_s = OCI_MAX_STALL_S,
				  .timeout_ms =
					  opts->timeout_ms ? opts->timeout_ms : OCI_MAX_REQUEST_MS,
				  .max_body = OCI_MAX_MANIFEST_BYTES };
	struct oci *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->opts = *opts;
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

/* 127.0.0.1, not 127.example.com. */
static bool is_loopback(struct str host)
{
	if (str_is(host, "localhost") || str_is(host, "[::1]"))
		return true;
	for (uint32_t i = 0; i < host.len; i++)
		if (!strchr("0123456789.", host.p[i]))
			return false;
	return str_starts(host, STR("127."));
}

/* As docker does it: registries of the machine itself need no TLS. */
bool oci_plain_http(const struct oci *o, const char *host)
{
	struct str name = str_from(host);
	const char *colon = strrchr(host, ':');

	if (colon && !strchr(colon, ']'))
		name = str_sub(name, 0, (uint32_t)(colon - host));
	return o->opts.plain_http || is_loopback(name);
}

const char *oci_host(const struct oci_ref *ref)
{
	return strcmp(ref->host, OCI_HUB) == 0 ? "registry-1.docker.io" : ref->host;
}

void oci_url(struct oci *o, const struct oci_ref *ref, const char *fmt, ...)
{
	va_list ap;

	buf_clear(&o->url);
	buf_printf(&o->url, "%s://%s/v2/%s/", oci_plain_http(o, ref->host) ? "http" : "https",
		   oci_host(ref), ref->repo);
	va_start(ap, fmt);
	buf_vprintf(&o->url, fmt, ap);
	va_end(ap);
}

static bool is_cancelled(void *ctx)
{
	const struct oci *o = ((struct exchange *)ctx)->o;

	return o->opts.cancelled && o->opts.cancelled(o->opts.ctx);
}

static int pass_body(void *ctx, const void *data, size_t n)
{
	const struct oci_call *call = ((struct exchange *)ctx)->call;

	return call->on_body(call->ctx, data, n);
}

int oci_http(struct oci *o, struct http_request *rq, const struct oci_call *call,
	     struct http_response *ret)
{
	struct exchange x = { o, call };
	int r;

	rq->on_body = call && call->on_body ? pass_body : NULL;
	rq->cancelled = is_cancelled;
	rq->ctx = &x;
	r = http_send(o->http, rq, ret);
	if (r == -EFBIG)
		oci_limit_hit(OCI_LIMIT_MANIFEST_BYTES);
	else if (r == -ETIMEDOUT)
		oci_limit_hit(OCI_LIMIT_REQUEST_MS);
	return r;
}

static int send_once(struct oci *o, const struct oci_call *call)
{
	_cleanup_buf_ struct buf accept = BUF_INIT, type = BUF_INIT;
	const char *headers[3];
	struct http_request rq = { .method = call->method, .url = o->url.p, .headers = headers,
				   .body = call->body };
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
	r = oci_http(o, &rq, call, &o->response);
	return r < 0 && !o->error.len
		       ? oci_fail(o, r, "%s: %s", call->ref->host, http_error(o->http))
		       : r;
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
		return oci_fail(o, -EACCES,
				"%s refuses access to %s (HTTP %ld): check the credentials",
				ref->host, ref->repo, status);
	case 404:
		return oci_fail(o, -ENOENT, "%s has no %s:%s", ref->host, ref->repo,
				oci_ref_version(ref));
	case 429:
		return oci_fail(o, -EAGAIN, "%s: too many requests (HTTP 429)", ref->host);
	default:
		return oci_fail(o, -EIO, "%s answers HTTP %ld for %s", ref->host, status,
				ref->repo);
	}
}

int oci_ask(struct oci *o, const struct oci_call *call)
{
	int r = oci_send(o, call);

	return r < 0 ? r : oci_status(o, call->ref);
}

static const char manifest_types[] = OCI_MANIFEST_TYPE ", " OCI_INDEX_TYPE;

int oci_resolve(struct oci *o, const struct oci_ref *ref, char ret_digest[DIGEST_TEXT])
{
	struct oci_call call = { .ref = ref, .method = "HEAD", .actions = "pull",
				 .accept = manifest_types };
	struct str digest;
	int r;

	oci_url(o, ref, "manifests/%s", oci_ref_version(ref));
	r = oci_ask(o, &call);
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
	r = oci_ask(o, &call);
	return r < 0 ? r : digest_of(o->response.body.p, o->response.body.len, ret_digest);
}

/* ---- pull --------------------------------------------------------------------------------- */

int oci_read_descriptor(struct oci *o, const json_t *j, const char *what,
			struct oci_descriptor *ret)
{
	json_int_t size = json_integer_value(json_object_get(j, "size"));

	ret->type = json_string_value(json_object_get(j, "mediaType"));
	ret->digest = json_string_value(json_object_get(j, "digest"));
	ret->annotations = json_object_get(j, "annotations");
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

int oci_fetch_blob(struct oci *o, const struct oci_ref *ref, const struct oci_descriptor *d,
		   const char *what, enum oci_limit_id limit, struct buf *out)
{
	struct download download = { out, d->size };
	struct oci_call call = { .ref = ref, .actions = "pull", .on_body = take_blob,
				 .ctx = &download };
	char digest[DIGEST_TEXT];
	int r;

	if (d->size > limit_values[limit]) {
		oci_limit_hit(limit);
		return oci_fail(o, -EFBIG, "the %s has %llu bytes, the bound is %llu", what,
				(unsigned long long)d->size,
				(unsigned long long)limit_values[limit]);
	}
	buf_clear(out);
	oci_url(o, ref, "blobs/%s", d->digest);
	r = oci_send(o, &call);
	if (r == -EBADMSG)
		return oci_fail(o, r, "the registry sends more than the %llu bytes of the %s",
				(unsigned long long)d->size, what);
	if (r == 0)
		r = oci_status(o, ref);
	if (r < 0)
		return r;
	digest_of(out->p, out->len, digest);
	if (out->len != d->size || strcmp(digest, d->digest) != 0)
		return oci_fail(o, -EBADMSG, "the %s is not what its digest says (%s, %llu bytes)",
				what, d->digest, (unsigned long long)d->size);
	return 0;
}

static int fetch_manifest_text(struct oci *o, const struct oci_ref *ref, struct buf *text,
			       char ret_digest[DIGEST_TEXT])
{
	struct oci_call call = { .ref = ref, .actions = "pull", .accept = manifest_types };
	int r;

	oci_url(o, ref, "manifests/%s", oci_ref_version(ref));
	r = oci_ask(o, &call);
	if (r < 0)
		return r;
	buf_clear(text);
	buf_add_str(text, buf_str(&o->response.body));
	r = text->err ? text->err : digest_of(text->p, text->len, ret_digest);
	if (r == 0 && ref->digest[0] && strcmp(ref->digest, ret_digest) != 0)
		return oci_fail(o, -EBADMSG, "the manifest is not what the digest %s says",
				ref->digest);
	return r;
}

json_t *oci_fetch_manifest(struct oci *o, const struct oci_ref *ref, struct buf *text,
			   char ret_digest[DIGEST_TEXT], int *ret_err)
{
	json_error_t error;
	json_t *root;

	*ret_err = fetch_manifest_text(o, ref, text, ret_digest);
	if (*ret_err < 0)
		return NULL;
	root = json_loadb(text->p ? text->p : "", text->len, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		*ret_err = oci_fail(o, -EBADMSG, "the manifest of %s is no JSON: line %d: %s",
				    ref->repo, error.line, error.text);
	return root;
}

static int pull_parts(struct oci *o, const struct oci_ref *ref, const json_t *manifest,
		      struct oci_artifact *a)
{
	const json_t *layers = json_object_get(manifest, "layers");
	struct oci_descriptor config, layer;
	const char *title;
	int r;

	if (json_array_size(layers) != 1)
		return oci_fail(o, -EBADMSG, "%s is no rules artifact: it has %zu layers",
				ref->repo, json_array_size(layers));
	r = oci_read_descriptor(o, json_object_get(manifest, "config"), "config", &config);
	if (r == 0)
		r = oci_read_descriptor(o, json_array_get(layers, 0), "layer", &layer);
	if (r < 0)
		return r;
	if (strcmp(layer.type, OCI_RULES_LAYER_TYPE) != 0)
		return oci_fail(o, -EBADMSG, "%s is no rules artifact: its layer is %s", ref->repo,
				layer.type);
	title = json_string_value(json_object_get(layer.annotations, OCI_TITLE));
	if (title) {
		a->title = strdup(title);
		if (!a->title)
			return -ENOMEM;
	}
	r = oci_fetch_blob(o, ref, &config, "config", OCI_LIMIT_CONFIG_BYTES, &a->config);
	return r < 0 ? r
		     : oci_fetch_blob(o, ref, &layer, "layer", OCI_LIMIT_LAYER_BYTES, &a->layer);
}

static int pull_from(struct oci *o, const struct oci_ref *ref, uint32_t depth,
		     struct oci_artifact *a);

/* An index of manifests: rules are the same for every platform, so the first one is taken. */
static int pull_index(struct oci *o, const struct oci_ref *ref, const json_t *manifests,
		      uint32_t depth, struct oci_artifact *a)
{
	struct oci_ref child = *ref;
	struct oci_descriptor d;
	int r;

	if (depth == OCI_MAX_INDEXES) {
		oci_limit_hit(OCI_LIMIT_INDEXES);
		return oci_fail(o, -EBADMSG, "%s: indexes within indexes", ref->repo);
	}
	r = oci_read_descriptor(o, json_array_get(manifests, 0), "entry in its index", &d);
	if (r < 0)
		return r;
	memcpy(child.digest, d.digest, DIGEST_TEXT);
	return pull_from(o, &child, depth + 1, a);
}

static int pull_from(struct oci *o, const struct oci_ref *ref, uint32_t depth,
		     struct oci_artifact *a)
{
	char digest[DIGEST_TEXT];
	int r;
	json_t *manifests, *root = oci_fetch_manifest(o, ref, &a->manifest, digest, &r);

	if (!root)
		return r;
	/* Signed is what the tag points to; digests lead from there to everything else. */
	if (depth == 0 && o->opts.public_key)
		r = oci_check_signature(o, ref, digest);
	manifests = json_object_get(root, "manifests");
	if (r == 0)
		r = json_is_array(manifests) ? pull_index(o, ref, manifests, depth, a)
					     : pull_parts(o, ref, root, a);
	json_decref(root);
	memcpy(a->digest, digest, sizeof(digest));
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
