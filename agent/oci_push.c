/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploading an artifact: blobs that the registry does not have, then the manifest under each tag.
 */
#include "agent/oci_priv.h"

/* Where the blob goes: the Location of the answer, absolute or of this host, plus the digest. */
static int upload_url(struct oci *o, const struct oci_ref *ref, const char *digest,
		      bool *ret_foreign)
{
	_cleanup_buf_ struct buf location = BUF_INIT, host = BUF_INIT;

	buf_add_str(&location, http_header(&o->response, "Location"));
	if (!location.len)
		return oci_fail(o, -EBADMSG, "%s does not say where to upload to", ref->host);
	buf_printf(&host, "%s://%s", oci_plain_http(o, ref->host) ? "http" : "https",
		   oci_host(ref));
	buf_clear(&o->url);
	if (location.p[0] == '/')
		buf_add_str(&o->url, buf_str(&host));
	buf_add_char(&host, '/');
	*ret_foreign = location.p[0] != '/' && !str_starts(buf_str(&location), buf_str(&host));
	buf_printf(&o->url, "%s%cdigest=%s", location.p, strchr(location.p, '?') ? '&' : '?',
		   digest);
	return o->url.err;
}

static int push_blob(struct oci *o, const struct oci_ref *ref, struct str data,
		     char ret_digest[DIGEST_TEXT])
{
	struct oci_call head = { .ref = ref, .method = "HEAD", .actions = "pull,push" };
	struct oci_call start = { .ref = ref, .actions = "pull,push", .body = STR("") };
	struct oci_call put = { .ref = ref, .method = "PUT", .actions = "pull,push", .body = data,
				.type = "application/octet-stream" };
	int r;

	digest_of(data.p, data.len, ret_digest);
	oci_url(o, ref, "blobs/%s", ret_digest);
	r = oci_send(o, &head);
	if (r < 0 || http_ok(&o->response))
		return r;
	oci_url(o, ref, "blobs/uploads/");
	r = oci_ask(o, &start);
	if (r == 0)
		r = upload_url(o, ref, ret_digest, &put.foreign);
	return r < 0 ? r : oci_ask(o, &put);
}

static json_t *descriptor(const char *type, const char *digest, size_t size)
{
	return json_pack("{s:s, s:s, s:I}", "mediaType", type, "digest", digest, "size",
			 (json_int_t)size);
}

/* Registries exist that refuse annotations of the config, so only the layer has one. */
static int make_manifest(struct oci_artifact *a, const char *config, const char *layer)
{
	json_t *l = descriptor(OCI_RULES_LAYER_TYPE, layer, a->layer.len);
	json_t *root;
	char *text;

	if (l && a->title)
		json_object_set_new(l, "annotations", json_pack("{s:s}", OCI_TITLE, a->title));
	root = json_pack("{s:i, s:s, s:o, s:[o]}", "schemaVersion", 2, "mediaType",
			 OCI_MANIFEST_TYPE, "config",
			 descriptor(OCI_RULES_CONFIG_TYPE, config, a->config.len), "layers", l);
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	if (!text)
		return -ENOMEM;
	buf_clear(&a->manifest);
	buf_add_c(&a->manifest, text);
	free(text);
	return a->manifest.err ? a->manifest.err :
				 digest_of(a->manifest.p, a->manifest.len, a->digest);
}

int oci_push(struct oci *o, const struct oci_ref *ref, const char *const *more, uint32_t nmore,
	     struct oci_artifact *a)
{
	struct oci_call put = { .ref = ref, .method = "PUT", .actions = "pull,push",
				.type = OCI_MANIFEST_TYPE };
	char config[DIGEST_TEXT], layer[DIGEST_TEXT];
	int r = push_blob(o, ref, buf_str(&a->config), config);

	if (r == 0)
		r = push_blob(o, ref, buf_str(&a->layer), layer);
	if (r == 0)
		r = make_manifest(a, config, layer);
	put.body = buf_str(&a->manifest);
	for (uint32_t i = 0; r == 0 && i <= nmore; i++) {
		oci_url(o, ref, "manifests/%s", i ? more[i - 1] : ref->tag);
		r = oci_ask(o, &put);
	}
	return r;
}
