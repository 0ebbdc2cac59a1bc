/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rules a test runs with: those it names, or the bundle that its folder belongs to, for the
 * node that the test describes, or the rules beside it. Called while a test file is read.
 */
#include "agent/ruletest.h"

#include <unistd.h>

static void add_rules(struct ruletest *t, const struct yaml_node *at, struct str path)
{
	const char *full = ruletest_beside(t->file, path);
	int r = full ? io_rule_files(full, &t->rules, NULL) : -ENOMEM;

	if (r == -ENOMEM)
		ruletest_oom(t->file);
	else if (r < 0)
		ruletest_report_node(t->file, at, "cannot read rules '%s': %s", full, strerror(-r));
}

static void read_rules(struct ruletest *t, const struct yaml_node *n)
{
	struct str path;

	if (yaml_deref(n)->kind != YNODE_SEQ) {
		if (ruletest_text(t->file, n, "rules", &path))
			add_rules(t, n, path);
		return;
	}
	yaml_each(one, n)
		if (ruletest_text(t->file, one, "a file with rules", &path))
			add_rules(t, one, path);
}

/* The nearest folder above the file that is a bundle, or NULL. */
static const char *find_bundle(struct ruletest_file *f)
{
	const char *dir = ruletest_beside(f, STR(""));
	struct str at = str_from(dir);

	while (dir && at.len) {
		const char *file = arena_printf(&f->arena, "%.*s/" BUNDLE_FILE_NAME, STR_ARG(at));
		int slash = str_rfind(at, '/');

		if (file && access(file, R_OK) == 0)
			return arena_strdup(&f->arena, at);
		at.len = slash > 0 ? (uint32_t)slash : 0;
	}
	return NULL;
}

static void add_fact(struct ruletest *t, const struct yaml_node *key, struct node_fact *ret)
{
	struct str name = yaml_deref(key)->s;

	if (!node_fact_key_is_known(name)) {
		struct diag *g = ruletest_report_node(t->file, key, "unknown fact '%.*s' of a node",
						      STR_ARG(name));

		ruletest_hint_near(t->file, g, name, node_fact_keys, node_fact_nkeys);
		return;
	}
	ret->key = name;
	if (ruletest_text(t->file, key->next, "a fact of the node", &ret->value))
		t->bundle.nfacts++;
}

static void read_node(struct ruletest *t, const struct yaml_node *n)
{
	const struct yaml_node *map = yaml_deref(n);

	if (map->kind != YNODE_MAP) {
		ruletest_report_node(t->file, n, "node is a map: {environment: production}");
		return;
	}
	t->bundle.facts = arena_array(&t->file->arena, MAX(map->n, 1u), sizeof(*t->bundle.facts));
	if (!t->bundle.facts) {
		ruletest_oom(t->file);
		return;
	}
	yaml_each_pair(k, map)
		add_fact(t, k, &t->bundle.facts[t->bundle.nfacts]);
}

void ruletest_rules_read(struct ruletest *t, const struct yaml_node *at,
			 const struct yaml_node *rules, const struct yaml_node *node)
{
	if (rules)
		read_rules(t, rules);
	else
		t->bundle.path = find_bundle(t->file);
	if (!rules && !t->bundle.path)
		add_rules(t, at, STR(""));
	if (node && !t->bundle.path)
		ruletest_report_node(t->file, node,
				     "'node' selects layers of a bundle, and there is none");
	else if (node)
		read_node(t, node);
}

static bool same_facts(const struct bundle_options *a, const struct bundle_options *b)
{
	if (a->nfacts != b->nfacts)
		return false;
	for (uint32_t i = 0; i < a->nfacts; i++)
		if (!str_eq(a->facts[i].key, b->facts[i].key) ||
		    !str_eq(a->facts[i].value, b->facts[i].value))
			return false;
	return true;
}

bool ruletest_rules_same(const struct ruletest *a, const struct ruletest *b)
{
	if (!a->bundle.path != !b->bundle.path || a->rules.n != b->rules.n)
		return false;
	if (a->bundle.path && (strcmp(a->bundle.path, b->bundle.path) != 0 ||
			       !same_facts(&a->bundle, &b->bundle)))
		return false;
	for (uint32_t i = 0; i < a->rules.n; i++)
		if (strcmp(a->rules.names[i], b->rules.names[i]) != 0)
			return false;
	return true;
}
