/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `override` map of an item: which keys are appended to and which are replaced. Called by the
 * collecting half of the loader.
 */
#include "engine/rule/collect.h"

/* One entry of the map. false = reported. */
static bool override_entry(struct loader *l, const struct item *it, const struct place *at,
			   const struct yaml_node *pair, const struct item_key *keys, size_t nkeys,
			   struct override *ret)
{
	const struct yaml_node *key = yaml_deref(pair), *value = yaml_deref(pair->next);
	struct str name = key->kind == YNODE_SCALAR ? key->s : STR("");
	struct str op = value->kind == YNODE_SCALAR ? value->s : STR("");
	const struct item_key *what = item_key_find(keys, nkeys, name);
	bool append = str_is(op, "append");

	if (!append && !str_is(op, "replace")) {
		report(l, DIAG_ERR_YAML_VALIDATE, at,
		       "Invalid override operation for key '%.*s': '%.*s'. "
		       "Allowed values are: append replace ", STR_ARG(name), STR_ARG(op));
		return false;
	}
	if (!what || !(append ? what->can_append : what->can_replace)) {
		struct diag *g = report(l, DIAG_ERR_YAML_VALIDATE, at, append ?
					"Key '%.*s' cannot be appended to, use 'replace' instead" :
					"Key '%.*s' cannot be replaced", STR_ARG(name));

		if (!what)
			item_key_hint(l, g, name, keys, nkeys);
		return false;
	}
	if (!yaml_get_key(it->map, what->name) || yaml_get_key(yaml_get(it->map, "override"),
							       what->name) != pair) {
		report(l, DIAG_ERR_YAML_VALIDATE, at,
		       "An %.*s override for '%s' was specified but '%s' is not defined",
		       STR_ARG(op), what->name, what->name);
		return false;
	}
	*ret = (struct override){ pair, what, append };
	return true;
}

static bool in_override(const struct override *o, uint32_t n, struct str key)
{
	for (uint32_t i = 0; i < n; i++)
		if (str_is(key, o[i].what->name))
			return true;
	return false;
}

/*
 * Every key that the map could name must be named by it. Unknown keys and `append: false` are
 * judged like those of any item.
 */
static bool judge_others(struct loader *l, const struct item *it, const struct item_key *keys,
			 size_t nkeys, const struct override *o, uint32_t n)
{
	bool good = true;

	yaml_each_pair(k, it->map) {
		const struct yaml_node *name = yaml_deref(k);
		struct str key = name->kind == YNODE_SCALAR ? name->s : STR("");
		const struct item_key *what = item_key_find(keys, nkeys, key);
		struct place at;

		if (!what || !(what->can_append || what->can_replace) || in_override(o, n, key))
			continue;
		at = place_of(&it->place, "value for", key, k);
		report(l, DIAG_ERR_YAML_VALIDATE, &at,
		       "Unexpected key '%.*s': no corresponding entry under 'override' is defined.",
		       STR_ARG(key));
		good = false;
	}
	return good;
}

/* Both ways of appending in one item. */
bool override_conflict(struct loader *l, const struct item *it, bool append)
{
	const struct yaml_node *map = yaml_get(it->map, "override");

	if (!append || !map || map->kind != YNODE_MAP || !map->n)
		return false;
	report(l, DIAG_ERR_YAML_VALIDATE, &it->place,
	       "Keys 'override' and 'append: true' cannot be used together. Add an 'append' entry "
	       "(e.g. 'condition: append') under 'override' instead.");
	return true;
}

bool override_collect(struct loader *l, const struct item *it, const struct item_key *keys,
		      size_t nkeys, struct override **ret, uint32_t *ret_n)
{
	const struct yaml_node *map = yaml_get(it->map, "override");
	struct place at;
	bool good = true;
	uint32_t n = 0;

	*ret_n = 0;
	if (!map || map->kind == YNODE_SCALAR || !map->n)
		return true;
	at = place_of(&it->place, "overrides", STR(""), map);
	if (map->kind == YNODE_SEQ) {
		diag_hint(l->diags,
			  report(l, DIAG_ERR_VALIDATE, &at, "Value of override must be a map"),
			  "write 'override: {condition: append}'");
		return false;
	}
	*ret = arena_array(&l->arena, map->n, sizeof(**ret));
	if (!*ret)
		return oom(l);
	yaml_each_pair(k, map) {
		struct place entry = place_of(&at, "overrides", STR(""), k);

		if (yaml_deref(k)->kind == YNODE_SCALAR)
			entry.name = yaml_deref(k)->s;
		if (override_entry(l, it, &entry, k, keys, nkeys, &(*ret)[n]))
			n++;
		else
			good = false;
	}
	if (good)
		good = judge_others(l, it, keys, nkeys, *ret, n);
	*ret_n = n;
	return good;
}
