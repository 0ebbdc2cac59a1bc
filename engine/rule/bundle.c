/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bundle.yaml -> layers. Called by the agent before the files of the layers are loaded. The result
 * lives in the rule set's arena.
 */
#include "engine/rule/bundle.h"
#include "engine/rule/collect.h"

const char *const bundle_level_names[BUNDLE_LEVELS] = { "system", "cluster", "application" };

static const struct item_key bundle_keys[] = {
	{ "name", .required = true },
	{ "version", .required = true },
	{ "desc" },
	{ "required_engine_version" },
	{ "layers", .required = true },
};

static const struct item_key layer_keys[] = {
	{ "name", .required = true },
	{ "level", .required = true },
	{ "path" },
	{ "desc" },
	{ "nodes" },
	{ "events" },
};

/* Keys of `events` and the fields they stand for. */
static const struct {
	const char *key, *field;
} event_tests[] = {
	{ "namespaces", "k8s.ns.name" },
	{ "images", "container.image.repository" },
};

enum { TEST_KEYS_MAX = 8 };

struct reader {
	struct loader *l;
	struct bundle *bundle;
	struct place *places;		/* of the layers, for second definitions */
	uint32_t cap_layers, cap_places;
};

/* ---- keys ---------------------------------------------------------------------------------- */

static bool judge_key(struct loader *l, const struct place *at, const struct yaml_node *key,
		      const char *const *names, size_t n)
{
	const struct yaml_node *k = yaml_deref(key);
	struct str name = k->kind == YNODE_SCALAR ? k->s : STR("");
	struct place here = place_of(at, "key", name, key);
	const char *near;
	struct diag *g;

	for (size_t i = 0; i < n; i++)
		if (str_is(name, names[i]))
			return true;
	g = report(l, DIAG_ERR_YAML_VALIDATE, &here, "Unknown key '%.*s'", STR_ARG(name));
	near = str_nearest(name, names, n);
	if (near)
		diag_hint(l->diags, g, "did you mean '%s'?", near);
	return false;
}

/*
 * Unlike in rule files an unknown key is an error: a selector that is not understood selects
 * wrongly.
 */
bool bundle_keys_good(struct loader *l, const struct place *at, const struct yaml_node *map,
		      const struct item_key *keys, size_t n)
{
	const char *names[16];
	bool good = true;

	n = MIN(n, ARRAY_SIZE(names));
	for (size_t i = 0; i < n; i++) {
		names[i] = keys[i].name;
		if (keys[i].required && !yaml_get_key(map, keys[i].name)) {
			report(l, DIAG_ERR_YAML_VALIDATE, at, "Item has no mapping for key '%s'",
			       keys[i].name);
			good = false;
		}
	}
	yaml_each_pair(k, map)
		good &= judge_key(l, at, k, names, n);
	return good;
}

/* ---- selectors ----------------------------------------------------------------------------- */

static bool glob_is_good(struct loader *l, const struct place *at, struct str glob)
{
	for (uint32_t i = 0; i < glob.len; i++) {
		if ((unsigned char)glob.p[i] >= ' ' && !strchr("\"'\\", glob.p[i]))
			continue;
		report(l, DIAG_ERR_VALIDATE, at,
		       "Glob '%.*s' has a quote, backslash or control character", STR_ARG(glob));
		return false;
	}
	return true;
}

/* A glob, or a sequence of globs. */
static bool read_globs(struct loader *l, const struct place *in, struct str key,
		       const struct yaml_node *value, struct bundle_test *ret)
{
	const struct yaml_node *n = yaml_deref(value);
	struct place at = place_of(in, "value for", key, value);
	struct str one;
	bool good = true;

	ret->key = key;
	if (n->kind == YNODE_SEQ) {
		if (!decode_texts(l, &at, n, &ret->globs, &ret->nglobs))
			return false;
	} else if (!decode_scalar(l, &at, "glob", n, &one) ||
		   !strs_add(l, &ret->globs, &ret->nglobs, one)) {
		return false;
	}
	if (!ret->nglobs) {
		report(l, DIAG_ERR_YAML_VALIDATE, &at, "Selector has no value");
		return false;
	}
	for (uint32_t i = 0; i < ret->nglobs; i++)
		good &= glob_is_good(l, &at, ret->globs[i]);
	return good;
}

static bool add_tests(struct loader *l, const struct place *at, const struct yaml_node *map,
		      const char *prefix, struct bundle_choice *c)
{
	bool good = true;

	yaml_each_pair(k, map) {
		struct str name = yaml_deref(k)->s;
		const char *key;

		if (!*prefix && str_is(name, "labels"))
			continue;
		key = arena_printf(&l->rs->arena, "%s%.*s", prefix, STR_ARG(name));
		if (!key)
			return oom(l);
		good &= read_globs(l, at, str_from(key), k->next, &c->tests[c->ntests]);
		c->ntests++;
	}
	return good;
}

/* One alternative: a map of tests, the labels of a node in a map of their own. */
static bool read_choice(struct loader *l, const struct place *at, const struct yaml_node *n,
			const char *const *names, size_t nnames, struct bundle_choice *ret)
{
	const struct yaml_node *map = yaml_deref(n), *labels;
	bool good = true;
	size_t room;

	if (map->kind != YNODE_MAP || !map->n) {
		report(l, DIAG_ERR_YAML_VALIDATE, at, "A selector is a map of keys and globs");
		return false;
	}
	yaml_each_pair(k, map)
		good &= judge_key(l, at, k, names, nnames);
	if (!good)
		return false;
	labels = yaml_get(map, "labels");
	if (labels && labels->kind != YNODE_MAP) {
		report(l, DIAG_ERR_YAML_VALIDATE, at, "'labels' is a map of names and globs");
		return false;
	}
	room = (size_t)map->n + (labels ? labels->n : 0);
	ret->tests = arena_array(&l->rs->arena, room, sizeof(*ret->tests));
	if (!ret->tests)
		return oom(l);
	return add_tests(l, at, map, "", ret) &&
	       (!labels || add_tests(l, at, labels, "label.", ret));
}

/* A map, or a sequence of maps of which one must fit. */
static bool read_selector(struct loader *l, const struct place *layer, const char *key,
			  const struct yaml_node *value, const char *const *names, size_t nnames,
			  struct bundle_choice **ret, uint32_t *ret_n)
{
	const struct yaml_node *n = yaml_deref(value);
	struct place at = place_of(layer, "value for", str_from(key), value);
	uint32_t count = n->kind == YNODE_SEQ ? n->n : 1;
	bool good = true;

	*ret = arena_array(&l->rs->arena, MAX(count, 1u), sizeof(**ret));
	if (!*ret)
		return oom(l);
	if (n->kind != YNODE_SEQ)
		return read_choice(l, &at, n, names, nnames, &(*ret)[(*ret_n)++]);
	if (!count)
		report(l, DIAG_ERR_YAML_VALIDATE, &at, "Selector has no alternative");
	yaml_each(c, n)
		good &= read_choice(l, &at, c, names, nnames, &(*ret)[(*ret_n)++]);
	return good && count;
}

static const char *field_of(struct str key)
{
	for (size_t i = 0; i < ARRAY_SIZE(event_tests); i++)
		if (str_is(key, event_tests[i].key))
			return event_tests[i].field;
	return "";
}

/* The selector of events as a condition: "((F glob anyof ("a", "b") and ...) or (...))". */
static bool event_condition(struct loader *l, const struct bundle_choice *choices, uint32_t n,
			    struct str *ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (uint32_t c = 0; c < n; c++) {
		buf_add_c(&text, c ? " or (" : "(");
		for (uint32_t t = 0; t < choices[c].ntests; t++) {
			const struct bundle_test *test = &choices[c].tests[t];

			buf_printf(&text, "%s%s glob anyof (", t ? " and " : "",
				   field_of(test->key));
			for (uint32_t i = 0; i < test->nglobs; i++)
				buf_printf(&text, "%s\"%.*s\"", i ? ", " : "",
					   STR_ARG(test->globs[i]));
			buf_add_c(&text, ")");
		}
		buf_add_c(&text, ")");
	}
	*ret = arena_str(&l->rs->arena, buf_str(&text));
	return !text.err && ret->p ? true : oom(l);
}

static bool read_events(struct loader *l, const struct place *at, const struct yaml_node *value,
			struct bundle_layer *layer)
{
	const char *names[ARRAY_SIZE(event_tests)];
	struct bundle_choice *choices;
	uint32_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(event_tests); i++)
		names[i] = event_tests[i].key;
	if (layer->level != BUNDLE_APPLICATION) {
		report(l, DIAG_ERR_VALIDATE, at,
		       "Only layers of level 'application' can be limited to events");
		return false;
	}
	return read_selector(l, at, "events", value, names, ARRAY_SIZE(names), &choices, &n) &&
	       event_condition(l, choices, n, &layer->condition);
}

static bool read_nodes(struct loader *l, const struct place *at, const struct yaml_node *value,
		       struct bundle_layer *layer)
{
	const char *names[TEST_KEYS_MAX] = { "labels" };
	size_t n = 1;

	for (size_t i = 0; i < node_fact_nkeys && n < ARRAY_SIZE(names); i++)
		names[n++] = node_fact_keys[i];
	return read_selector(l, at, "nodes", value, names, n, &layer->nodes, &layer->nnodes);
}

/* ---- layers -------------------------------------------------------------------------------- */

static bool read_level(struct loader *l, const struct place *at, const struct yaml_node *map,
		       struct bundle_layer *layer)
{
	struct diag *g;
	struct str s;

	if (!decode_text(l, at, map, "level", &s))
		return false;
	for (uint8_t i = 0; i < BUNDLE_LEVELS; i++) {
		if (str_is(s, bundle_level_names[i])) {
			layer->level = i;
			return true;
		}
	}
	g = report(l, DIAG_ERR_VALIDATE, at, "Unknown level '%.*s'", STR_ARG(s));
	diag_hint(l->diags, g, "one of system, cluster, application");
	return false;
}

/* Paths stay inside of the bundle. */
static bool read_path(struct loader *l, const struct place *at, const struct yaml_node *map,
		      struct bundle_layer *layer)
{
	struct str s = layer->name.s;

	if (yaml_get_key(map, "path") && !decode_text(l, at, map, "path", &s))
		return false;
	while (s.len && s.p[s.len - 1] == '/')
		s.len--;
	if (!s.len || s.p[0] == '/' || str_is(s, "..") || str_starts(s, STR("../")) ||
	    str_ends(s, STR("/..")) || str_contains(s, STR("/../"))) {
		report(l, DIAG_ERR_VALIDATE, at, "Path '%.*s' is not inside of the bundle",
		       STR_ARG(s));
		return false;
	}
	layer->path = s;
	return true;
}

/* Two layers of one name or one path. */
static bool is_unique(struct reader *r, const struct place *at, const struct bundle_layer *layer)
{
	for (uint32_t i = 0; i < r->bundle->nlayers; i++) {
		const struct bundle_layer *other = r->bundle->layers[i];
		bool same_name = str_eq(other->name.s, layer->name.s);
		struct diag *g;

		if (!same_name && !str_eq(other->path, layer->path))
			continue;
		g = report(r->l, DIAG_ERR_VALIDATE, at, "Layer '%.*s' has the %s of layer '%.*s'",
			   STR_ARG(layer->name.s), same_name ? "name" : "path",
			   STR_ARG(other->name.s));
		report_other(r->l, g, &r->places[i]);
		return false;
	}
	return true;
}

static bool layer_put(struct reader *r, const struct place *at, struct bundle_layer *layer)
{
	struct bundle *b = r->bundle;
	struct bundle_layer **v = arena_grow(&r->l->rs->arena, b->layers, &r->cap_layers,
					     b->nlayers + 1, sizeof(*v));
	struct place *places = arena_grow(&r->l->arena, r->places, &r->cap_places, b->nlayers + 1,
					  sizeof(*places));

	if (!v || !places)
		return oom(r->l);
	b->layers = v;
	r->places = places;
	places[b->nlayers] = *at;
	v[b->nlayers++] = layer;
	return true;
}

static bool read_layer(struct reader *r, const struct place *in, const struct yaml_node *n)
{
	struct loader *l = r->l;
	struct place at = place_of(in, "layer", STR(""), n);
	const struct yaml_node *map = yaml_deref(n);
	struct bundle_layer *layer = arena_new(&l->rs->arena, struct bundle_layer);
	bool good;

	if (!layer)
		return oom(l);
	if (map->kind != YNODE_MAP) {
		report(l, DIAG_ERR_YAML_VALIDATE, &at, "A layer is a map of keys");
		return false;
	}
	if (!bundle_keys_good(l, &at, map, layer_keys, ARRAY_SIZE(layer_keys)) ||
	    !decode_text(l, &at, map, "name", &layer->name.s))
		return false;
	at.name = layer->name.s;
	layer->name.file = r->bundle->file;
	layer->name.pos = source_pos(at.src, at.offset, &l->arena);
	layer->condition = STR("");
	good = read_level(l, &at, map, layer) && read_path(l, &at, map, layer) &&
	       is_unique(r, &at, layer);
	if (good && yaml_get_key(map, "nodes"))
		good = read_nodes(l, &at, yaml_get(map, "nodes"), layer);
	if (good && yaml_get_key(map, "events"))
		good = read_events(l, &at, yaml_get(map, "events"), layer);
	return layer_put(r, &at, layer) && good;
}

static bool read_layers(struct reader *r, const struct place *at, const struct yaml_node *map)
{
	const struct yaml_node *n = yaml_get(map, "layers");
	struct place here = place_of(at, "layers", STR(""), n);
	bool good = true;

	if (n->kind != YNODE_SEQ || !n->n) {
		report(r->l, DIAG_ERR_YAML_VALIDATE, &here, "'layers' is a sequence of layers");
		return false;
	}
	yaml_each(layer, n)
		good &= read_layer(r, &here, layer);
	return good;
}

/* By level; within a level the order of the file stays. */
static void sort_layers(struct bundle *b)
{
	for (uint32_t i = 1; i < b->nlayers; i++) {
		struct bundle_layer *layer = b->layers[i];
		uint32_t k = i;

		for (; k && b->layers[k - 1]->level > layer->level; k--)
			b->layers[k] = b->layers[k - 1];
		b->layers[k] = layer;
	}
}

static bool read_bundle(struct reader *r, const struct place *at, const struct yaml_node *doc)
{
	const struct yaml_node *map = yaml_deref(doc);
	struct loader *l = r->l;
	struct str version;

	if (!map || map->kind != YNODE_MAP) {
		report(l, DIAG_ERR_YAML_VALIDATE, at, "A bundle is described by a map of keys");
		return false;
	}
	if (!bundle_keys_good(l, at, map, bundle_keys, ARRAY_SIZE(bundle_keys)) ||
	    !decode_text(l, at, map, "name", &r->bundle->name) ||
	    !decode_text(l, at, map, "version", &r->bundle->version))
		return false;
	if (!version_is_valid(r->bundle->version)) {
		report(l, DIAG_ERR_VALIDATE, at, "Version '%.*s' is not of the form x.y.z",
		       STR_ARG(r->bundle->version));
		return false;
	}
	if (yaml_get_key(map, "required_engine_version") &&
	    (!decode_text(l, at, map, "required_engine_version", &version) ||
	     !version_require(l, at, version)))
		return false;
	return read_layers(r, at, map);
}

int bundle_read(struct ruleset *rs, const char *file_name, struct str text, struct bundle **ret)
{
	struct loader *l = rs->loader;
	struct reader r = { .l = l, .bundle = arena_new(&rs->arena, struct bundle) };
	struct yaml_node *docs;
	struct source *src;
	bool good = false;
	int e;

	e = r.bundle ? loader_parse(l, file_name, text, &src, &docs) : -ENOMEM;
	if (e)
		return e;
	r.bundle->file = arena_strdup(&rs->arena, str_from(file_name));
	if (r.bundle->file) {
		struct place at = { "bundle", STR(""), src, docs ? docs->offset : 0, NULL };

		good = read_bundle(&r, &at, docs);
	}
	if (!r.bundle->file || l->oom || l->diags->oom)
		return -ENOMEM;
	rs->ok &= good;
	if (!good)
		return -EINVAL;
	sort_layers(r.bundle);
	*ret = r.bundle;
	return 0;
}
