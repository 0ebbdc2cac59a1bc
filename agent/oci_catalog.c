/* SPDX-License-Identifier: Apache-2.0 */
/*
 * index.yaml of the incumbent's tool: names of artifacts and the repositories that have them. A
 * file, or an address.
 */
#include "agent/io.h"
#include "agent/oci_priv.h"
#include "engine/yaml.h"

enum { ARENA_BYTES = 1 << 16 };

static bool is_address(const char *catalog)
{
	struct str s = str_from(catalog);

	return str_starts(s, STR("http://")) || str_starts(s, STR("https://"));
}

static int read_catalog(struct oci *o, const char *catalog, struct buf *out)
{
	struct http_request rq = { .url = catalog };
	int r;

	if (!is_address(catalog)) {
		r = io_read_file(catalog, OCI_MAX_CATALOG_BYTES, out);
		if (r == -EFBIG)
			oci_limit_hit(OCI_LIMIT_CATALOG_BYTES);
		return r < 0 ? oci_fail(o, r, "cannot read the index '%s': %s", catalog,
					strerror(-r))
			     : 0;
	}
	r = oci_http(o, &rq, NULL, &o->response);
	if (r < 0)
		return oci_fail(o, r, "index %s: %s", catalog, http_error(o->http));
	if (!http_ok(&o->response))
		return oci_fail(o, -EIO, "index %s: HTTP %ld", catalog, o->response.status);
	buf_add_str(out, buf_str(&o->response.body));
	return out->err;
}

static uint32_t line_of(struct str text, uint32_t offset)
{
	uint32_t line = 1;

	for (uint32_t i = 0; i < offset && i < text.len; i++)
		line += text.p[i] == '\n';
	return line;
}

static struct str text_of(const struct yaml_node *entry, const char *key)
{
	const struct yaml_node *n = yaml_get(entry, key);

	return n && n->kind == YNODE_SCALAR ? n->s : STR_NONE;
}

/* NAME[:TAG][@DIGEST] -> repository of the entry, with the same tag and digest. */
static int make_ref(struct oci *o, const char *catalog, struct str text,
		    const struct yaml_node *entry, const char *version, struct oci_ref *ret)
{
	struct str registry = text_of(entry, "registry"), repository = text_of(entry, "repository");
	struct str type = text_of(entry, "type");
	_cleanup_buf_ struct buf full = BUF_INIT;
	uint32_t line = line_of(text, entry->offset);
	const char *why;

	if (!str_is(type, "rulesfile"))
		return oci_fail(o, -EBADMSG, "%s:%u: the artifact is of type '%.*s', not rulesfile",
				catalog, line, STR_ARG(type));
	buf_printf(&full, "%.*s/%.*s%s", STR_ARG(registry), STR_ARG(repository), version);
	if (full.err)
		return -ENOMEM;
	if (oci_ref_parse(full.p, ret, &why) < 0)
		return oci_fail(o, -EINVAL, "%s:%u: '%s': %s", catalog, line, full.p, why);
	return 0;
}

static int search(struct oci *o, const char *catalog, struct str text, const struct yaml_node *docs,
		  const char *name, struct oci_ref *ret)
{
	struct str key = { name, (uint32_t)strcspn(name, ":@") };

	docs = yaml_deref(docs);
	if (!docs || docs->kind != YNODE_SEQ)
		return oci_fail(o, -EBADMSG, "index %s: not a list of artifacts", catalog);
	yaml_each(item, docs) {
		const struct yaml_node *entry = yaml_deref(item);

		if (entry->kind == YNODE_MAP && str_eq(text_of(entry, "name"), key))
			return make_ref(o, catalog, text, entry, name + key.len, ret);
	}
	return oci_fail(o, -ENOENT, "index %s has no artifact '%.*s'", catalog, STR_ARG(key));
}

int oci_catalog_find(struct oci *o, const char *catalog, const char *name, struct oci_ref *ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct yaml_error error = { NULL, 0 };
	struct yaml_node *docs = NULL;
	struct limits limits;
	struct arena a;
	int r = read_catalog(o, catalog, &text);

	if (r < 0)
		return r;
	limits_init(&limits);
	arena_init(&a, ARENA_BYTES, 0);
	r = yaml_parse(buf_str(&text), &a, &a, &limits, &docs, &error);
	if (r == -EINVAL)
		oci_fail(o, r, "index %s:%u: %s", catalog, line_of(buf_str(&text), error.offset),
			 error.message ? error.message : "no YAML");
	else if (r == 0)
		r = search(o, catalog, buf_str(&text), docs, name, ret);
	arena_done(&a);
	return r;
}
