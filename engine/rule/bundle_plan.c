/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which layers a node uses and which file of the bundle is loaded when. Called by the agent between
 * bundle_read and the first ruleset_add_layer.
 */
#include <fnmatch.h>

#include "engine/rule/bundle.h"
#include "engine/rule/loader.h"

const char *const node_fact_keys[] = { "project", "cluster", "location", "environment", "node" };
const size_t node_fact_nkeys = ARRAY_SIZE(node_fact_keys);

#define LABEL_PREFIX STR("label.")

bool node_fact_key_is_known(struct str key)
{
	for (size_t i = 0; i < node_fact_nkeys; i++)
		if (str_is(key, node_fact_keys[i]))
			return true;
	return str_starts(key, LABEL_PREFIX) && key.len > LABEL_PREFIX.len;
}

/* ---- selection ----------------------------------------------------------------------------- */

static bool test_holds(const struct bundle_test *t, const struct node_fact *facts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!str_eq(facts[i].key, t->key))
			continue;
		for (uint32_t k = 0; k < t->nglobs; k++)
			if (fnmatch(t->globs[k].p, facts[i].value.p, 0) == 0)
				return true;
	}
	return false;
}

static bool choice_holds(const struct bundle_choice *c, const struct node_fact *facts, uint32_t n)
{
	for (uint32_t i = 0; i < c->ntests; i++)
		if (!test_holds(&c->tests[i], facts, n))
			return false;
	return true;
}

void bundle_select(struct bundle *b, const struct node_fact *facts, uint32_t n)
{
	for (uint32_t i = 0; i < b->nlayers; i++) {
		struct bundle_layer *layer = b->layers[i];

		layer->selected = !layer->nnodes;
		for (uint32_t c = 0; c < layer->nnodes; c++)
			layer->selected |= choice_holds(&layer->nodes[c], facts, n);
	}
}

/* ---- order of files ------------------------------------------------------------------------ */

static bool is_rules_file(struct str path)
{
	return (str_ends(path, STR(".yaml")) || str_ends(path, STR(".yml"))) &&
	       !str_ends(path, STR(".tests.yaml")) && !str_ends(path, STR(".tests.yml"));
}

static bool is_below(struct str path, struct str folder)
{
	return str_eq(path, folder) ||
	       (str_starts(path, folder) && path.len > folder.len && path.p[folder.len] == '/');
}

static const struct bundle_layer *layer_of(const struct bundle *b, struct str path)
{
	const struct bundle_layer *best = NULL;

	for (uint32_t i = 0; i < b->nlayers; i++)
		if (is_below(path, b->layers[i]->path) &&
		    (!best || b->layers[i]->path.len > best->path.len))
			best = b->layers[i];
	return best;
}

struct planned {
	struct bundle_step step;
	uint32_t rank;		/* of the layer */
	bool exceptions;
	const char *path;
};

static int by_order(const void *pa, const void *pb)
{
	const struct planned *a = pa, *b = pb;

	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	if (a->exceptions != b->exceptions)
		return a->exceptions ? 1 : -1;
	return strcmp(a->path, b->path);
}

static void warn_without_layer(struct loader *l, const struct bundle *b, const char *path)
{
	struct diag *g = diag_add(l->diags, DIAG_LINT_FILE_WITHOUT_LAYER,
				  "File '%s' belongs to no layer and is not loaded", path);

	g->file = arena_strdup(&l->diags->arena, str_from(b->file));
}

static bool judge_empty(struct loader *l, const struct bundle *b, const struct planned *v,
			uint32_t n)
{
	bool good = true;

	for (uint32_t i = 0; i < b->nlayers; i++) {
		const struct bundle_layer *layer = b->layers[i];
		bool any = false;
		struct diag *g;

		for (uint32_t k = 0; k < n; k++)
			any |= v[k].step.layer == layer;
		if (any)
			continue;
		g = diag_add(l->diags, DIAG_ERR_VALIDATE,
			     "Layer '%.*s' has no rules file at '%.*s'", STR_ARG(layer->name.s),
			     STR_ARG(layer->path));
		g->file = arena_strdup(&l->diags->arena, str_from(b->file));
		g->pos = layer->name.pos;
		l->errors++;
		good = false;
	}
	return good;
}

int bundle_plan(struct ruleset *rs, const struct bundle *b, const char *const *paths, uint32_t n,
		struct bundle_step **ret_steps, uint32_t *ret_n)
{
	struct loader *l = rs->loader;
	struct planned *v = arena_array(&l->arena, MAX(n, 1u), sizeof(*v));
	struct bundle_step *steps = arena_array(&rs->arena, MAX(n, 1u), sizeof(*steps));
	uint32_t count = 0;

	if (!v || !steps)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		struct str path = str_from(paths[i]);
		const struct bundle_layer *layer = layer_of(b, path);
		uint32_t rank = 0;

		if (!is_rules_file(path) || str_is(path, BUNDLE_FILE_NAME))
			continue;
		if (!layer) {
			warn_without_layer(l, b, paths[i]);
			continue;
		}
		while (b->layers[rank] != layer)
			rank++;
		v[count++] = (struct planned){
			{ layer, i }, rank, exception_file_name(path), paths[i]
		};
	}
	qsort(v, count, sizeof(*v), by_order);
	for (uint32_t i = 0; i < count; i++)
		steps[i] = v[i].step;
	if (!judge_empty(l, b, v, count)) {
		rs->ok = false;
		return -EINVAL;
	}
	*ret_steps = steps;
	*ret_n = count;
	return 0;
}

/* ---- counting ------------------------------------------------------------------------------ */

static void count_item(const struct yaml_node *map, bool exceptions, struct bundle_counts *c)
{
	if (map->kind != YNODE_MAP)
		return;
	if (exceptions)
		c->exceptions++;
	else if (yaml_get_key(map, "override"))
		c->overrides++;
	else if (yaml_get_key(map, "list"))
		c->lists++;
	else if (yaml_get_key(map, "macro"))
		c->macros++;
	else if (yaml_get_key(map, "rule"))
		c->rules++;
}

void bundle_count(struct str file_name, struct str text, struct limits *limits,
		  struct bundle_counts *counts)
{
	struct yaml_node *docs = NULL;
	struct yaml_error err;
	struct arena a;

	arena_init(&a, 4096, 0);
	if (yaml_parse(text, &a, &a, limits, &docs, &err) == 0) {
		for (const struct yaml_node *doc = docs; doc; doc = doc->next) {
			if (yaml_deref(doc)->kind != YNODE_SEQ)
				continue;
			yaml_each(n, doc)
				count_item(yaml_deref(n), exception_file_name(file_name), counts);
		}
	}
	arena_done(&a);
}
