/* SPDX-License-Identifier: Apache-2.0 */
/*
 * First half of loading: documents and items of one file. Finds the kind of each item, judges its
 * keys and hands it to its kind. Everything wrong is reported, nothing stops at the first problem.
 */
#include "engine/rule/collect.h"

static const struct item_key engine_keys[] = {
	{ "required_engine_version" },
};

static const struct item_key plugin_keys[] = {
	{ "required_plugin_versions" },
};

const struct item_key list_keys[] = {
	{ "list" },
	{ "items", .required = true, .can_append = true, .can_replace = true },
	{ "append" },
	{ "override" },
};

const struct item_key macro_keys[] = {
	{ "macro" },
	{ "condition", .required = true, .can_append = true, .can_replace = true },
	{ "append" },
	{ "override" },
};

const size_t list_nkeys = ARRAY_SIZE(list_keys), macro_nkeys = ARRAY_SIZE(macro_keys);

/* In the order in which the keys decide about the kind. */
static const struct item_kind kinds[] = {
	{ "required_engine_version", engine_keys, ARRAY_SIZE(engine_keys), version_collect_engine,
	  false },
	{ "required_plugin_versions", plugin_keys, ARRAY_SIZE(plugin_keys),
	  version_collect_plugins, false },
	{ "list", list_keys, ARRAY_SIZE(list_keys), list_define, true },
	{ "macro", macro_keys, ARRAY_SIZE(macro_keys), macro_define, true },
	{ "rule", rule_keys, RULE_KEYS, collect_rule, true },
};

static const struct item_kind *kind_of(const struct yaml_node *map)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (yaml_get_key(map, kinds[i].key))
			return &kinds[i];
	return NULL;
}

const struct item_key *item_key_find(const struct item_key *keys, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(name, keys[i].name))
			return &keys[i];
	return NULL;
}

void item_key_hint(struct loader *l, struct diag *g, struct str name, const struct item_key *keys,
		   size_t n)
{
	const char *names[RULE_KEYS] = { NULL }, *near;

	n = MIN(n, (size_t)RULE_KEYS);
	for (size_t i = 0; i < n; i++)
		names[i] = keys[i].name;
	near = str_nearest(name, names, n);
	for (size_t i = 0; i < n && !near; i++)	/* "description" for "desc" */
		if (str_starts(name, str_from(names[i])))
			near = names[i];
	if (near)
		diag_hint(l->diags, g, "did you mean '%s'?", near);
}

static void judge_keys(struct loader *l, const struct item *it, const struct item_kind *kind)
{
	yaml_each_pair(k, it->map) {
		const struct yaml_node *key = yaml_deref(k);
		struct str name = key->kind == YNODE_SCALAR ? key->s : STR("");
		struct diag *g;

		if (item_key_find(kind->keys, kind->nkeys, name))
			continue;
		g = report(l, DIAG_UNKNOWN_KEY, &it->place,
			   "Unknown key '%.*s'. The key will be ignored.", STR_ARG(name));
		report_move(l, g, &it->place, k);
		item_key_hint(l, g, name, kind->keys, kind->nkeys);
	}
}

/* A misspelt kind, most likely. */
static void hint_kind(struct loader *l, struct diag *g, const struct yaml_node *map)
{
	const char *names[ARRAY_SIZE(kinds)], *near = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		names[i] = kinds[i].key;
	yaml_each_pair(k, map) {
		const struct yaml_node *key = yaml_deref(k);

		if (!near && key->kind == YNODE_SCALAR)
			near = str_nearest(key->s, names, ARRAY_SIZE(names));
	}
	if (near)
		diag_hint(l->diags, g, "did you mean '%s'?", near);
	else
		diag_hint(l->diags, g, "an item has one of the keys rule, macro, list");
}

static void collect_item(struct loader *l, const struct place *content, const struct yaml_node *n)
{
	struct place at = place_of(content, "rules content item", STR(""), n);
	const struct yaml_node *map = yaml_deref(n);
	const struct item_kind *kind;
	struct item *it;

	if (map->kind == YNODE_SCALAR && map->is_null)
		return;
	if (map->kind != YNODE_MAP) {
		report(l, DIAG_ERR_YAML_VALIDATE, &at,
		       "Unexpected element type. Each element should be a yaml associative array.");
		return;
	}
	kind = kind_of(map);
	if (!kind) {
		hint_kind(l, report(l, DIAG_UNKNOWN_ITEM, &at, "Unknown top level item"), map);
		return;
	}
	it = arena_new(&l->arena, struct item);	/* its place stays in use until the end */
	if (!it) {
		l->oom = true;
		return;
	}
	it->map = map;
	it->place = at;
	it->place.type = kind->key;
	if (kind->named) {
		const struct yaml_node *v = yaml_get(map, kind->key);

		if (v->kind == YNODE_SCALAR)
			it->place.name = v->s;
		judge_keys(l, it, kind);
		if (!decode_text(l, &it->place, map, kind->key, &it->name))
			return;
	} else {
		judge_keys(l, it, kind);
	}
	kind->collect(l, it);
}

static const char item_hint[] = "begin each item with '- ', as in '- rule: NAME'";

void collect_document(struct loader *l, const struct source *src, const struct yaml_node *doc)
{
	struct place content = { "rules content", STR(""), src, doc->offset, NULL };
	const struct yaml_node *n = yaml_deref(doc);
	struct place *keep;

	if (n->kind == YNODE_SCALAR) {
		if (!n->is_null)
			diag_hint(l->diags,
				  report(l, DIAG_ERR_YAML_VALIDATE, &content,
					 "Rules content is not yaml"), "%s", item_hint);
		return;
	}
	if (n->kind == YNODE_MAP) {
		diag_hint(l->diags,
			  report(l, DIAG_ERR_YAML_VALIDATE, &content,
				 "Rules content is not yaml array of objects"), "%s", item_hint);
		return;
	}
	keep = arena_new(&l->arena, struct place);
	if (!keep) {
		l->oom = true;
		return;
	}
	*keep = content;
	for (const struct yaml_node *e = n->first; e && !l->oom; e = e->next)
		collect_item(l, keep, e);
}

bool append_collect(struct loader *l, const struct item *it, bool *ret)
{
	const struct yaml_node *n = yaml_get(it->map, "append");
	struct place at;

	*ret = false;
	if (!n)
		return true;
	at = place_of(&it->place, "value for", STR("append"), n);
	if (!decode_bool(l, &at, "append", n, ret))
		return false;
	if (*ret)
		report(l, DIAG_DEPRECATED_ITEM, &it->place,
		       "'append' key is deprecated. Add an 'append' entry (e.g. 'condition: "
		       "append') under 'override' instead.");
	return true;
}
