/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options that are more than a value or a list of texts: config_files, rules, append_output,
 * static_fields. Read, described as schema and printed here; config.c knows them by name.
 */
#include "agent/config_option.h"

/* Warn about keys besides the ones in the list (ends with NULL). */
static void check_keys(struct config_tree *t, const struct config_node *map,
		       const char *const *known)
{
	config_each(n, map) {
		size_t i = 0;
		struct diag *g;
		const char *near;

		while (known[i] && !str_is(n->key, known[i]))
			i++;
		if (known[i])
			continue;
		g = config_report(t, DIAG_CONFIG_UNKNOWN_KEY, &n->key_at,
				  "unknown key '%.*s' is ignored", STR_ARG(n->key));
		near = str_nearest(n->key, known, i);
		if (near)
			diag_hint(t->diags, g, "did you mean '%s'?", near);
	}
}

/* Text of a key; STR_NONE without it. */
static int read_text(struct config *c, struct config_tree *t, const struct config_node *map,
		     const char *key, struct str *ret)
{
	const struct config_node *n = config_get(map, key);

	if (!n || n->is_null)
		return 0;
	if (n->kind != CONFIG_SCALAR)
		return config_expected(t, n, key, "a text");
	*ret = arena_str(&c->arena, n->s);
	return ret->p ? 0 : -ENOMEM;
}

/* ---- config_files ---------------------------------------------------------------------------- */

static int include_path(struct config *c, struct config_tree *t, const struct config_node *at,
			const char *path, enum config_strategy strategy)
{
	struct io_names names = { 0 };
	int r = io_names_add(&c->files, path), result = 0;

	if (r == 0)
		r = io_rule_files(path, &names, NULL);
	if (r < 0 && r != -ENOMEM) {
		config_report(t, DIAG_CONFIG_FILE, &at->at, "'%s' of config_files: %s", path,
			      strerror(-r));
		r = 0;
	}
	for (uint32_t i = 0; r != -ENOMEM && i < names.n; i++) {
		r = config_tree_file(t, names.names[i], strategy, &at->at);
		result = r < 0 ? r : result;
	}
	io_names_done(&names);
	return r == -ENOMEM ? r : result;
}

static int include_entry(struct config *c, struct config_tree *t, const struct config_node *n)
{
	static const char *const keys[] = { "path", "strategy", NULL };
	struct str path = STR_NONE, strategy = STR("append");
	int r = 0, choice;

	if (n->kind == CONFIG_MAP) {
		check_keys(t, n, keys);
		r = read_text(c, t, n, "path", &path);
		if (r == 0)
			r = read_text(c, t, n, "strategy", &strategy);
		if (r < 0)
			return r;
	} else if (n->kind == CONFIG_SCALAR && !n->is_null) {
		path = n->s;
	}
	if (!path.len)
		return config_expected(t, n, "config_files",
				       "paths, or maps with path and strategy");
	choice = config_choice("append|override|add-only", strategy);
	if (choice < 0)
		return config_expected(t, config_get(n, "strategy"), "strategy",
				       "append, override or add-only");
	return include_path(c, t, n, path.p, (enum config_strategy)choice);
}

int config_include(struct config *c, struct config_tree *t)
{
	struct config_node *n = config_get(t->root, "config_files");
	const struct config_node *entry;
	struct config_node list;
	int result = 0;

	if (!n || n->is_null)
		return 0;
	if (n->kind == CONFIG_MAP)
		return config_expected(t, n, "config_files", "a list");
	/* Files that are read in the loop cannot change the list it walks. */
	list = *n;
	n->kind = CONFIG_SCALAR;
	if (list.kind == CONFIG_SCALAR)
		result = include_entry(c, t, &list);
	for (entry = list.kind == CONFIG_SEQ ? list.first : NULL; entry && result != -ENOMEM;
	     entry = entry->next) {
		int r = include_entry(c, t, entry);

		result = r < 0 ? r : result;
	}
	if (n->kind != CONFIG_SCALAR)
		config_report(t, DIAG_CONFIG_UNSUPPORTED, &n->key_at,
			      "config_files of a file that was itself named by config_files: ignored");
	return result;
}

static int read_config_files(struct config *c, struct config_tree *t, const struct config_node *n)
{
	return 0;	/* config_include() did */
}

static void print_config_files(const struct config *c, struct buf *out)
{
	buf_add_c(out, " []\n");	/* their content stands below */
}

/* ---- rules ----------------------------------------------------------------------------------- */

static int read_selection(struct config *c, struct config_tree *t, const struct config_node *n)
{
	static const char *const keys[] = { "rule", "tag", NULL };
	const struct config_node *what = n->first;
	struct rule_selection *s = &c->rules.v[c->rules.n];
	int r;

	if (n->kind != CONFIG_MAP || n->n != 1 ||
	    (!str_is(what->key, "enable") && !str_is(what->key, "disable")) ||
	    what->kind != CONFIG_MAP)
		return config_expected(t, n, "rules",
				       "entries of the form enable: {rule: NAME} or disable: {tag: TAG}");
	*s = (struct rule_selection){ .enable = str_is(what->key, "enable") };
	check_keys(t, what, keys);
	r = read_text(c, t, what, "rule", &s->rule_pattern);
	if (r == 0)
		r = read_text(c, t, what, "tag", &s->tag);
	if (r == 0 && !s->rule_pattern.p && !s->tag.p)
		r = config_expected(t, what, "rules", "a rule or a tag");
	c->rules.n += r == 0;
	return r;
}

static int read_rules(struct config *c, struct config_tree *t, const struct config_node *n)
{
	if (n->is_null)
		return 0;
	if (n->kind != CONFIG_SEQ)
		return config_expected(t, n, "rules", "a list");
	c->rules.v = arena_array(&c->arena, n->n + 1, sizeof(*c->rules.v));
	if (!c->rules.v)
		return -ENOMEM;
	config_each(entry, n) {
		int r = read_selection(c, t, entry);

		if (r < 0)
			return r;
	}
	return 0;
}

static void print_member(struct buf *out, const char *key, struct str value, bool *need_comma)
{
	if (!value.len)
		return;
	buf_printf(out, "%s%s: ", *need_comma ? ", " : "", key);
	config_print_text(out, value);
	*need_comma = true;
}

static void print_rules(const struct config *c, struct buf *out)
{
	buf_add_c(out, c->rules.n ? "\n" : " []\n");
	for (uint32_t i = 0; i < c->rules.n; i++) {
		const struct rule_selection *s = &c->rules.v[i];
		bool comma = false;

		buf_printf(out, "  - %s: {", s->enable ? "enable" : "disable");
		print_member(out, "rule", s->rule_pattern, &comma);
		print_member(out, "tag", s->tag, &comma);
		buf_add_c(out, "}\n");
	}
}

/* ---- append_output --------------------------------------------------------------------------- */

static int read_tags(struct config *c, struct config_tree *t, const struct config_node *n,
		     struct str *ret)
{
	_cleanup_buf_ struct buf list = BUF_INIT;

	if (n->kind != CONFIG_SEQ)
		return config_expected(t, n, "tags", "a list of texts");
	config_each(tag, n) {
		if (tag->kind != CONFIG_SCALAR || tag->is_null)
			return config_expected(t, tag, "tags", "a list of texts");
		if (list.len)
			buf_add_char(&list, ',');
		buf_add_str(&list, tag->s);
	}
	*ret = list.err ? STR_NONE : arena_str(&c->arena, buf_str(&list));
	return ret->p ? 0 : -ENOMEM;
}

static int read_match(struct config *c, struct config_tree *t, const struct config_node *n,
		      struct output_append *ret)
{
	static const char *const keys[] = { "source", "tags", "rule", NULL };
	const struct config_node *tags;
	int r;

	if (n->kind != CONFIG_MAP)
		return config_expected(t, n, "match", "a map with source, tags or rule");
	check_keys(t, n, keys);
	r = read_text(c, t, n, "source", &ret->source);
	if (r == 0)
		r = read_text(c, t, n, "rule", &ret->rule);
	tags = config_get(n, "tags");
	return r < 0 || !tags ? r : read_tags(c, t, tags, &ret->tag_list);
}

/* "FIELD" or {NAME: FORMAT}. */
static int read_extra_field(struct config *c, struct config_tree *t, const struct config_node *n,
			    struct located_extra_field *ret)
{
	struct str name = n->s, format = STR("");

	if (n->kind == CONFIG_MAP && n->n == 1 && n->first->kind == CONFIG_SCALAR) {
		name = n->first->key;
		format = n->first->s;
	} else if (n->kind != CONFIG_SCALAR || n->is_null) {
		return config_expected(t, n, "extra_fields", "fields, or maps NAME: FORMAT");
	}
	ret->name = arena_str(&c->arena, name);
	ret->format = arena_str(&c->arena, format);
	return ret->name.p && ret->format.p ? 0 : -ENOMEM;
}

static int read_extra_fields(struct config *c, struct config_tree *t, const struct config_node *n,
			     struct output_append *ret)
{
	struct located_extra_field *v = arena_array(&c->arena, n->n + 1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	if (n->kind != CONFIG_SEQ)
		return config_expected(t, n, "extra_fields", "a list");
	ret->extra_fields = v;
	config_each(field, n) {
		int r = read_extra_field(c, t, field, &v[ret->nextra_fields]);

		if (r < 0)
			return r;
		ret->nextra_fields++;
	}
	return 0;
}

static int read_append(struct config *c, struct config_tree *t, const struct config_node *n,
		       struct output_append *ret)
{
	static const char *const keys[] = { "match", "extra_output", "extra_fields",
					    "suggested_output", NULL };
	const struct config_node *match = config_get(n, "match"),
				 *fields = config_get(n, "extra_fields"),
				 *suggested = config_get(n, "suggested_output");
	int r;

	*ret = (struct output_append){ .extra_output = STR("") };
	if (n->kind != CONFIG_MAP)
		return config_expected(t, n, "append_output",
				       "maps with match, extra_output, extra_fields or suggested_output");
	check_keys(t, n, keys);
	r = read_text(c, t, n, "extra_output", &ret->extra_output);
	if (r == 0 && match && !match->is_null)
		r = read_match(c, t, match, ret);
	if (r == 0 && fields && !fields->is_null)
		r = read_extra_fields(c, t, fields, ret);
	if (r == 0 && suggested && !suggested->is_null) {
		int word = suggested->kind == CONFIG_SCALAR
				   ? config_choice("false:no:off|true:yes:on", suggested->s) : -1;

		if (word < 0)
			return config_expected(t, suggested, "suggested_output", "true or false");
		ret->suggested = word;
	}
	return r;
}

static int read_appends(struct config *c, struct config_tree *t, const struct config_node *n)
{
	if (n->is_null)
		return 0;
	if (n->kind != CONFIG_SEQ)
		return config_expected(t, n, "append_output", "a list");
	c->appends.given = true;
	c->appends.v = arena_array(&c->arena, n->n + 1, sizeof(*c->appends.v));
	if (!c->appends.v)
		return -ENOMEM;
	config_each(entry, n) {
		int r = read_append(c, t, entry, &c->appends.v[c->appends.n]);

		if (r < 0)
			return r;
		c->appends.n++;
	}
	return 0;
}

static void print_tags(struct str list, struct buf *out)
{
	uint32_t from = 0;

	for (uint32_t at = 0; at <= list.len; at++)
		if (at == list.len || list.p[at] == ',') {
			buf_add_c(out, from ? ", " : "");
			config_print_text(out, str_sub(list, from, at));
			from = at + 1;
		}
}

static void print_match(const struct output_append *a, struct buf *out, bool *need_comma)
{
	bool comma = false;

	if (!a->source.len && !a->rule.len && !a->tag_list.len)
		return;
	buf_printf(out, "%smatch: {", *need_comma ? ", " : "");
	print_member(out, "source", a->source, &comma);
	print_member(out, "rule", a->rule, &comma);
	if (a->tag_list.len) {
		buf_printf(out, "%stags: [", comma ? ", " : "");
		print_tags(a->tag_list, out);
		buf_add_char(out, ']');
	}
	buf_add_char(out, '}');
	*need_comma = true;
}

static void print_append(const struct output_append *a, struct buf *out)
{
	bool comma = false;

	buf_add_c(out, "  - {");
	print_match(a, out, &comma);
	print_member(out, "extra_output", a->extra_output, &comma);
	if (a->suggested) {
		buf_printf(out, "%ssuggested_output: true", comma ? ", " : "");
		comma = true;
	}
	for (uint32_t i = 0; i < a->nextra_fields; i++) {
		const struct located_extra_field *f = &a->extra_fields[i];

		buf_add_c(out, i ? ", " : comma ? ", extra_fields: [" : "extra_fields: [");
		if (f->format.len)
			buf_add_char(out, '{');
		if (f->format.len)
			config_print_key(out, f->name);
		else
			config_print_text(out, f->name);
		if (f->format.len) {
			buf_add_c(out, ": ");
			config_print_text(out, f->format);
			buf_add_char(out, '}');
		}
	}
	buf_add_c(out, a->nextra_fields ? "]}\n" : "}\n");
}

static void print_appends(const struct config *c, struct buf *out)
{
	if (!c->appends.given) {
		buf_add_c(out, "\n  - {suggested_output: true}\n");
		return;
	}
	buf_add_c(out, c->appends.n ? "\n" : " []\n");
	for (uint32_t i = 0; i < c->appends.n; i++)
		print_append(&c->appends.v[i], out);
}

/* ---- static_fields --------------------------------------------------------------------------- */

static int read_static_fields(struct config *c, struct config_tree *t,
			      const struct config_node *map)
{
	if (map->is_null)
		return 0;
	if (map->kind != CONFIG_MAP)
		return config_expected(t, map, "static_fields", "a map NAME: TEXT");
	config_each(n, map) {
		if (n->kind != CONFIG_SCALAR || !n->key.len)
			return config_expected(t, n, "static_fields", "a map NAME: TEXT");
		if (config_texts_add(&c->static_fields, &c->arena, n->key.p) < 0 ||
		    config_texts_add(&c->static_fields, &c->arena, n->s.p) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void print_static_fields(const struct config *c, struct buf *out)
{
	buf_add_c(out, c->static_fields.n ? "\n" : " {}\n");
	for (uint32_t i = 0; i + 1 < c->static_fields.n; i += 2) {
		buf_add_c(out, "  ");
		config_print_key(out, str_from(c->static_fields.v[i]));
		buf_add_c(out, ": ");
		config_print_text(out, str_from(c->static_fields.v[i + 1]));
		buf_add_char(out, '\n');
	}
}

#define TEXT_SCHEMA "{\"type\":\"string\"}"
#define SELECTION_SCHEMA                                                                          \
	"{\"type\":\"object\",\"additionalProperties\":false,\"properties\":"                     \
	"{\"rule\":" TEXT_SCHEMA ",\"tag\":" TEXT_SCHEMA "}}"

static const struct config_item_kind kinds[] = {
	{ "config_files", read_config_files,
	  "{\"type\":\"array\",\"items\":{\"anyOf\":[" TEXT_SCHEMA ",{\"type\":\"object\","
	  "\"additionalProperties\":false,\"required\":[\"path\"],\"properties\":{\"path\":" TEXT_SCHEMA
	  ",\"strategy\":{\"enum\":[\"append\",\"override\",\"add-only\"]}}}]}}",
	  print_config_files },
	{ "rules", read_rules,
	  "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"additionalProperties\":false,"
	  "\"minProperties\":1,\"maxProperties\":1,\"properties\":{\"enable\":" SELECTION_SCHEMA
	  ",\"disable\":" SELECTION_SCHEMA "}}}",
	  print_rules },
	{ "append_output", read_appends,
	  "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"additionalProperties\":false,"
	  "\"properties\":{\"match\":{\"type\":\"object\",\"additionalProperties\":false,"
	  "\"properties\":{\"source\":" TEXT_SCHEMA ",\"rule\":" TEXT_SCHEMA
	  ",\"tags\":{\"type\":\"array\",\"items\":" TEXT_SCHEMA "}}},\"extra_output\":" TEXT_SCHEMA
	  ",\"suggested_output\":{\"type\":\"boolean\"},\"extra_fields\":{\"type\":\"array\","
	  "\"items\":{\"anyOf\":[" TEXT_SCHEMA ",{\"type\":\"object\",\"minProperties\":1,"
	  "\"maxProperties\":1,\"additionalProperties\":" TEXT_SCHEMA "}]}}}}}",
	  print_appends },
	{ "static_fields", read_static_fields,
	  "{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\",\"number\","
	  "\"boolean\"]}}",
	  print_static_fields },
};

const struct config_item_kind *config_item_kind(const char *name)
{
	size_t i = 0;

	while (strcmp(kinds[i].name, name) != 0)	/* names are in options.def: always found */
		i++;
	return &kinds[i];
}
