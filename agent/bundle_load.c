/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a bundle's files to the rules of this node.
 */
#include "agent/bundle_load.h"
#include "agent/bundle_store.h"

void bundle_options_done(struct bundle_options *o)
{
	free(o->facts);
	*o = (struct bundle_options){ 0 };
}

static int unknown_key(const struct command *cmd, struct str key)
{
	const char *near = str_nearest(key, node_fact_keys, node_fact_nkeys);

	if (near)
		return cli_usage(cmd, "--node has no key '%.*s'; did you mean '%s'?", STR_ARG(key),
				 near);
	return cli_usage(cmd, "--node takes project, cluster, location, environment, node or "
			      "label.NAME, not '%.*s'", STR_ARG(key));
}

int bundle_options_fact(struct bundle_options *o, struct str key, struct str value)
{
	struct node_fact *facts;

	for (uint32_t i = 0; i < o->nfacts; i++) {
		if (str_eq(o->facts[i].key, key)) {
			o->facts[i].value = value;
			return 0;
		}
	}
	facts = realloc(o->facts, (o->nfacts + 1) * sizeof(*facts));
	if (!facts)
		return -ENOMEM;
	o->facts = facts;
	facts[o->nfacts++] = (struct node_fact){ key, value };
	return 0;
}

static int take_node(struct bundle_options *o, const struct command *cmd, const char *arg)
{
	const char *eq = strchr(arg, '=');
	struct str key;

	if (!eq || eq == arg)
		return cli_usage(cmd, "--node takes KEY=VALUE, not '%s'", arg);
	key = (struct str){ arg, (uint32_t)(eq - arg) };
	if (!node_fact_key_is_known(key))
		return unknown_key(cmd, key);
	if (bundle_options_fact(o, key, str_from(eq + 1)) < 0)
		return cli_fail("out of memory");
	return EXIT_OK;
}

int bundle_options_take(struct bundle_options *o, const struct command *cmd,
			enum bundle_option_id opt, const char *arg)
{
	switch (opt) {
	case BUNDLE_OPTION_PATH:
		o->path = arg;
		return EXIT_OK;
	case BUNDLE_OPTION_NODE:
		return take_node(o, cmd, arg);
	case BUNDLE_OPTION_INDEX:
		o->remote.index = arg;
		return EXIT_OK;
	case BUNDLE_OPTION_KEY:
		o->remote.public_key = arg;
		return EXIT_OK;
	case BUNDLE_OPTION_CA_FILE:
		o->remote.ca_file = arg;
		return EXIT_OK;
	case BUNDLE_OPTION_PLAIN_HTTP:
		o->remote.plain_http = true;
		return EXIT_OK;
	case BUNDLE_OPTION_COUNT:
		break;
	}
	return EXIT_USAGE;
}

void bundle_content_done(struct bundle_content *c)
{
	bundle_files_done(&c->files);
	buf_done(&c->error);
	*c = (struct bundle_content){ 0 };
}

/* What was pulled before, if the store has it: the newest, or the one in force. */
static int take_stored(const struct bundle_options *o, bool newest, struct oci_artifact *ret)
{
	int r = -ENOENT;

	if (!o->store)
		return r;
	if (newest)
		r = bundle_store_get(o->store, BUNDLE_NEXT, o->path, o->remote.public_key, ret);
	return r == 0 ? r
		      : bundle_store_get(o->store, BUNDLE_CURRENT, o->path, o->remote.public_key,
					 ret);
}

static void keep(const struct bundle_options *o, const struct oci_artifact *a)
{
	int r = o->store ? bundle_store_put(o->store, o->path, o->remote.public_key, a) : 0;

	if (r < 0)
		cli_warn("cannot keep the bundle in '%s': %s", o->store, strerror(-r));
}

/* From the registry; when that fails the one that was in force, and `error` says why. */
static int fetch(const struct bundle_options *o, struct bundle_content *c, struct oci_artifact *ret)
{
	int r = o->stored_first ? take_stored(o, true, ret) : -ENOENT;

	if (r == 0)
		return r;
	r = bundle_remote_pull(&o->remote, o->path, NULL, ret, &c->error);
	if (r == 0)
		keep(o, ret);
	else if (r != -ENOMEM && take_stored(o, false, ret) == 0)
		c->stored = true;
	return c->stored ? 0 : r;
}

static int read_remote(const struct bundle_options *o, struct limits *limits,
		       struct bundle_content *c)
{
	struct oci_artifact a = { 0 };
	int r = fetch(o, c, &a);

	if (r == 0)
		r = bundle_remote_bundle(o->path, &a, limits, &c->files, &c->error);
	if (r == 0)
		memcpy(c->artifact, a.digest, sizeof(c->artifact));
	oci_artifact_done(&a);
	return r;
}

int bundle_content_read(const struct bundle_options *options, struct limits *limits,
			struct bundle_content *ret)
{
	struct bundle_content c = { .options = options, .path = options->path };
	int r = oci_ref_is_url(c.path) ? read_remote(options, limits, &c)
				       : bundle_files_read(c.path, limits, &c.files, &c.error);

	if (r == 0)
		r = bundle_files_digest(&c.files, c.digest);
	if (r == -ENOMEM || c.error.err) {
		bundle_content_done(&c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

/* A name for messages: folder or archive, then the path inside. */
static int full_name(const struct bundle_content *c, const char *path, struct buf *out)
{
	size_t n = strlen(c->path);

	while (n > 1 && c->path[n - 1] == '/')
		n--;
	buf_printf(out, "%.*s/%s", (int)n, c->path, path);
	return out->err ? -ENOMEM : 0;
}

int bundle_content_folders(const struct bundle_content *c, struct io_names *names)
{
	int r;

	if (!c->path || oci_ref_is_url(c->path))
		return 0;
	r = io_names_add(names, c->path);
	for (uint32_t i = 0; r == 0 && i < c->files.n; i++) {
		_cleanup_buf_ struct buf name = BUF_INIT;
		const char *before = names->n ? names->names[names->n - 1] : "";
		char *slash;

		if (full_name(c, c->files.paths[i], &name) < 0)
			return -ENOMEM;
		slash = strrchr(name.p, '/');
		*slash = '\0';
		if (strcmp(before, name.p) != 0)	/* the files are sorted */
			r = io_names_add(names, name.p);
	}
	return r;
}

int bundle_open(const struct bundle_content *c, struct ruleset *rs, struct bundle_view *ret)
{
	int at = bundle_files_find(&c->files, BUNDLE_FILE_NAME), r;
	_cleanup_buf_ struct buf name = BUF_INIT;
	struct bundle_view view = { 0 };

	if (at < 0) {
		ruleset_add_unreadable(rs, c->path, c->error.len ? c->error.p :
				       "no " BUNDLE_FILE_NAME " at the top of the bundle");
		return -EINVAL;
	}
	if (full_name(c, BUNDLE_FILE_NAME, &name) < 0)
		return -ENOMEM;
	r = bundle_read(rs, name.p, buf_str(&c->files.texts[at]), &view.bundle);
	if (r < 0)
		return r;
	bundle_select(view.bundle, c->options->facts, c->options->nfacts);
	r = bundle_plan(rs, view.bundle, (const char *const *)c->files.paths, c->files.n,
			&view.steps, &view.nsteps);
	if (r == 0)
		*ret = view;
	return r;
}

static int define_fields(const struct bundle_content *c, const struct bundle *bundle,
			 struct ruleset *rs)
{
	const struct {
		struct str name, value;
	} fields[] = {
		{ STR("bundle_name"), bundle->name },
		{ STR("bundle_version"), bundle->version },
		{ STR("bundle_digest"), str_from(c->digest) },
	};

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (ruleset_define_static(rs, fields[i].name, fields[i].value) < 0)
			return -ENOMEM;
	return 0;
}

int bundle_add(const struct bundle_content *c, const struct bundle_view *view, struct ruleset *rs)
{
	int r = define_fields(c, view->bundle, rs), e;

	for (uint32_t i = 0; i < view->nsteps && r != -ENOMEM; i++) {
		const struct bundle_step *step = &view->steps[i];
		_cleanup_buf_ struct buf name = BUF_INIT;

		if (!step->layer->selected)
			continue;
		if (full_name(c, c->files.paths[step->file], &name) < 0)
			return -ENOMEM;
		e = ruleset_add_layer(rs, step->layer, name.p,
				      buf_str(&c->files.texts[step->file]));
		r = e < 0 ? e : r;
	}
	return r;
}

int bundle_load(const struct bundle_content *c, struct ruleset *rs)
{
	struct bundle_view view;
	int r = bundle_open(c, rs, &view);

	return r < 0 ? r : bundle_add(c, &view, rs);
}
