/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See bundle_remote.h.
 */
#include "agent/bundle_remote.h"
#include "engine/tiercel.h"

#include <jansson.h>

struct session {
	struct oci *oci;
	struct oci_ref ref;
	struct buf docker_config;
};

static void session_end(struct session *s)
{
	oci_free(s->oci);
	buf_done(&s->docker_config);
}

/* Where docker's tools look, too; empty: nowhere. */
static void find_docker_config(struct buf *out)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");

	if (dir && *dir)
		buf_printf(out, "%s/config.json", dir);
	else if (home && *home)
		buf_printf(out, "%s/.docker/config.json", home);
}

bool bundle_remote_has_helpers(void)
{
	_cleanup_buf_ struct buf path = BUF_INIT;

	find_docker_config(&path);
	return path.len && !path.err && oci_uses_helpers(path.p);
}

static int failed(const struct session *s, const char *name, int r, struct buf *error)
{
	buf_printf(error, "%s: %s", name, s->oci ? oci_error(s->oci) : "out of memory");
	return r;
}

/* A name without a slash is one of the index. */
static int find(struct session *s, const struct bundle_remote_opts *opts, const char *name,
		struct buf *error)
{
	const char *rest = oci_ref_is_url(name) ? name + strlen(OCI_SCHEME) : name, *why;
	int r;

	if (opts->index && !strchr(rest, '/')) {
		r = oci_catalog_find(s->oci, opts->index, rest, &s->ref);
		return r < 0 ? failed(s, name, r, error) : 0;
	}
	r = oci_ref_parse(name, &s->ref, &why);
	if (r < 0)
		buf_printf(error, "'%s': %s", name, why);
	return r;
}

static int session_begin(struct session *s, const struct bundle_remote_opts *opts, const char *name,
			 struct buf *error)
{
	struct oci_opts oci = { .ca_file = opts->ca_file, .public_key = opts->public_key,
				.plain_http = opts->plain_http, .timeout_ms = opts->timeout_ms,
				.cancelled = opts->cancelled, .ctx = opts->ctx };

	*s = (struct session){ 0 };
	find_docker_config(&s->docker_config);
	oci.docker_config = s->docker_config.len ? s->docker_config.p : NULL;
	s->oci = s->docker_config.err ? NULL : oci_new(&oci);
	if (!s->oci)
		return failed(s, name, -ENOMEM, error);
	return find(s, opts, name, error);
}

int bundle_remote_resolve(const struct bundle_remote_opts *opts, const char *name,
			  char ret_digest[DIGEST_TEXT], struct buf *error)
{
	_cleanup_(session_end) struct session s;
	int r = session_begin(&s, opts, name, error);

	if (r < 0)
		return r;
	r = oci_resolve(s.oci, &s.ref, ret_digest);
	return r < 0 ? failed(&s, name, r, error) : 0;
}

int bundle_remote_pull(const struct bundle_remote_opts *opts, const char *name, const char *digest,
		       struct oci_artifact *ret, struct buf *error)
{
	_cleanup_(session_end) struct session s;
	int r = session_begin(&s, opts, name, error);

	if (r < 0)
		return r;
	if (digest)
		snprintf(s.ref.digest, sizeof(s.ref.digest), "%s", digest);
	r = oci_pull(s.oci, &s.ref, ret);
	return r < 0 ? failed(&s, name, r, error) : 0;
}

int bundle_remote_push(const struct bundle_remote_opts *opts, const char *name,
		       const char *const *more, uint32_t nmore, struct oci_artifact *a,
		       struct buf *error)
{
	_cleanup_(session_end) struct session s;
	int r = session_begin(&s, opts, name, error);

	if (r < 0)
		return r;
	if (s.ref.digest[0]) {
		buf_printf(error, "'%s': a digest cannot be pushed to, give a tag", name);
		return -EINVAL;
	}
	r = oci_push(s.oci, &s.ref, more, nmore, a);
	return r < 0 ? failed(&s, name, r, error) : 0;
}

int bundle_remote_files(const char *name, const struct oci_artifact *a, struct limits *limits,
			struct bundle_files *ret, struct buf *error)
{
	int r = bundle_tar_read(name, buf_str(&a->layer), limits, ret, error);

	if (r == 0 && ret->n == 0) {
		buf_printf(error, "%s: the artifact has no rules files", name);
		bundle_files_done(ret);
		return -EBADMSG;
	}
	return r;
}

/* A text of the artifact's configuration, or another one. */
static const char *config_text(const json_t *config, const char *key, const char *otherwise)
{
	const char *text = json_string_value(json_object_get(config, key));

	return text && *text ? text : otherwise;
}

/* JSON is YAML. NULL without memory. */
static char *describe(const struct oci_artifact *a, const struct bundle_files *files)
{
	json_t *config = json_loadb(a->config.p ? a->config.p : "", a->config.len, 0, NULL);
	json_t *layers = json_array(), *root;
	char *text;

	for (uint32_t i = 0; i < files->n; i++)
		json_array_append_new(layers, json_pack("{s:s, s:s, s:s}", "name", files->paths[i],
							"level", bundle_level_names[BUNDLE_SYSTEM],
							"path", files->paths[i]));
	root = json_pack("{s:s, s:s, s:o}", "name", config_text(config, "name", "rules"), "version",
			 config_text(config, "version", "0.0.0"), "layers", layers);
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	json_decref(root);
	json_decref(config);
	return text;
}

int bundle_remote_bundle(const char *name, const struct oci_artifact *a, struct limits *limits,
			 struct bundle_files *ret, struct buf *error)
{
	_cleanup_buf_ struct buf description = BUF_INIT;
	struct bundle_files files = { 0 };
	int r = bundle_remote_files(name, a, limits, &files, error);

	if (r == 0 && bundle_files_find(&files, BUNDLE_FILE_NAME) < 0) {
		char *text = describe(a, &files);

		if (text)
			buf_add_c(&description, text);
		r = !text || description.err ? -ENOMEM :
			bundle_files_add(&files, BUNDLE_FILE_NAME, &description, limits, error);
		free(text);
		bundle_files_sort(&files);
	}
	if (r < 0)
		bundle_files_done(&files);
	else
		*ret = files;
	return r;
}
