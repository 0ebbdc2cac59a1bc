/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON schema of rules files, as a table: a stricter opinion about one file that never makes a
 * load fail. All kinds of items share one set of keys there. Called by ruleset_add; the verdict
 * lives in the rule set's arena.
 */
#include "engine/rule/loader.h"

struct schema;

struct schema_key {
	const char *name;
	bool (*check)(struct schema *s, const struct yaml_node *n);
	bool required;
};

/* One file under judgement. */
struct schema {
	struct loader *l;
	struct file_verdict *file;
	struct buf *path;		/* of the node at hand: <root>[1][tags] */
};

/* ---- reporting ----------------------------------------------------------------------------- */

_printf_(2, 3) static bool refuse(struct schema *s, const char *fmt, ...)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	va_list ap;
	struct str v;

	buf_printf(&text, "failed for %.*s: ", STR_ARG(buf_str(s->path)));
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	s->file->schema = SCHEMA_FAILED;
	if (limit_over(s->l->limits, LIMIT_DIAGNOSTICS, s->file->nwarnings + 1))
		return false;
	v = arena_str(&s->l->rs->arena, buf_str(&text));
	if (text.err || !v.p)
		return oom(s->l);
	strs_add(s->l, &s->file->warnings, &s->file->nwarnings, v);
	return false;
}

static bool refuse_type(struct schema *s, const char *wanted)
{
	return refuse(s, "Value type not permitted by 'type' constraint: not %s.", wanted);
}

/* ---- values -------------------------------------------------------------------------------- */

static bool any_value(struct schema *s, const struct yaml_node *n)
{
	return true;
}

static bool is_text(const struct yaml_node *n)
{
	return n->kind == YNODE_SCALAR && !n->is_null;
}

static bool text_value(struct schema *s, const struct yaml_node *n)
{
	return is_text(n) || refuse_type(s, "a string");
}

static bool bool_value(struct schema *s, const struct yaml_node *n)
{
	return (is_text(n) && (str_is(n->s, "true") || str_is(n->s, "false"))) ||
	       refuse_type(s, "true or false");
}

static bool integer_value(struct schema *s, const struct yaml_node *n)
{
	int64_t v;

	return (is_text(n) && str_to_i64(n->s, &v) == 0) || refuse_type(s, "an integer");
}

static bool priority_value(struct schema *s, const struct yaml_node *n)
{
	static const char *const words[] = { "EMERGENCY", "ALERT", "CRITICAL", "ERROR", "WARNING",
					     "NOTICE", "INFO", "INFORMATIONAL", "DEBUG" };

	if (!is_text(n))
		return refuse_type(s, "a string");
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (str_is(n->s, words[i]))
			return true;
	return refuse(s, "Failed to match against any enum values: '%.*s'.", STR_ARG(n->s));
}

static bool override_op(struct schema *s, const struct yaml_node *n)
{
	return (is_text(n) && (str_is(n->s, "append") || str_is(n->s, "replace"))) ||
	       refuse(s, "Failed to match against any enum values: append or replace.");
}

/* ---- collections --------------------------------------------------------------------------- */

static bool each_item(struct schema *s, const struct yaml_node *n,
		      bool (*check)(struct schema *s, const struct yaml_node *n))
{
	size_t len = s->path->len;
	uint32_t i = 0;
	bool good = true;

	if (n->kind != YNODE_SEQ)
		return refuse_type(s, "an array");
	yaml_each(kid, n) {
		buf_printf(s->path, "[%u]", i++);
		good &= check(s, yaml_deref(kid));
		s->path->len = len;
	}
	return good;
}

static const struct schema_key *find_key(const struct schema_key *keys, struct str name)
{
	for (; keys->name; keys++)
		if (str_is(name, keys->name))
			return keys;
	return NULL;
}

static bool object(struct schema *s, const struct yaml_node *n, const struct schema_key *keys)
{
	size_t len = s->path->len;
	bool good = true;

	if (n->kind != YNODE_MAP)
		return refuse_type(s, "an object");
	yaml_each_pair(k, n) {
		const struct yaml_node *key = yaml_deref(k);
		struct str name = key->kind == YNODE_SCALAR ? key->s : STR("");
		const struct schema_key *known = find_key(keys, name);

		if (!known) {
			good = refuse(s, "Object contains a property that could not be validated "
				      "using 'properties' or 'additionalProperties' constraints: "
				      "'%.*s'.", STR_ARG(name));
			continue;
		}
		buf_printf(s->path, "[%s]", known->name);
		good &= known->check(s, yaml_deref(k->next));
		s->path->len = len;
	}
	for (; keys->name; keys++)
		if (keys->required && !yaml_get_key(n, keys->name))
			good = refuse(s, "Missing required property '%s'.", keys->name);
	return good;
}

static bool texts(struct schema *s, const struct yaml_node *n)
{
	return each_item(s, n, text_value);
}

static bool exception_entry(struct schema *s, const struct yaml_node *n)
{
	static const struct schema_key keys[] = {
		{ "name", text_value, true }, { "fields", any_value }, { "comps", any_value },
		{ "values", any_value }, { 0 },
	};

	return object(s, n, keys);
}

static bool exception_entries(struct schema *s, const struct yaml_node *n)
{
	return each_item(s, n, exception_entry);
}

static bool plugin_alternative(struct schema *s, const struct yaml_node *n)
{
	static const struct schema_key keys[] = {
		{ "name", text_value, true }, { "version", text_value, true }, { 0 },
	};

	return object(s, n, keys);
}

static bool plugin_alternatives(struct schema *s, const struct yaml_node *n)
{
	return each_item(s, n, plugin_alternative);
}

static bool plugin_entry(struct schema *s, const struct yaml_node *n)
{
	static const struct schema_key keys[] = {
		{ "name", text_value, true }, { "version", text_value, true },
		{ "alternatives", plugin_alternatives }, { 0 },
	};

	return object(s, n, keys);
}

static bool plugin_entries(struct schema *s, const struct yaml_node *n)
{
	return each_item(s, n, plugin_entry);
}

static bool override_map(struct schema *s, const struct yaml_node *n)
{
	static const struct schema_key keys[] = {
		{ "items", override_op }, { "condition", override_op }, { "output", override_op },
		{ "desc", override_op }, { "priority", override_op }, { "tags", override_op },
		{ "exceptions", override_op }, { "enabled", override_op },
		{ "warn_evttypes", override_op }, { "skip-if-unknown-filter", override_op },
		{ "capture", override_op }, { "capture_duration", override_op }, { 0 },
	};

	if (n->kind == YNODE_MAP && !n->n)
		return refuse(s, "Object should have at least 1 properties.");
	return object(s, n, keys);
}

static bool file_item(struct schema *s, const struct yaml_node *n)
{
	static const struct schema_key keys[] = {
		{ "required_engine_version", text_value },
		{ "required_plugin_versions", plugin_entries },
		{ "list", text_value }, { "macro", text_value }, { "rule", text_value },
		{ "items", texts }, { "condition", text_value }, { "output", text_value },
		{ "desc", text_value }, { "priority", priority_value }, { "source", text_value },
		{ "enabled", bool_value }, { "tags", texts }, { "exceptions", exception_entries },
		{ "warn_evttypes", bool_value }, { "skip-if-unknown-filter", bool_value },
		{ "capture", bool_value }, { "capture_duration", integer_value },
		{ "append", bool_value }, { "override", override_map }, { 0 },
	};

	return object(s, n, keys);
}

void schema_judge(struct loader *l, const struct yaml_node *docs, struct file_verdict *file)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	struct schema s = { l, file, &path };

	for (const struct yaml_node *doc = docs; doc && !l->oom; doc = doc->next) {
		if (file->schema == SCHEMA_NONE)
			file->schema = SCHEMA_OK;
		buf_clear(&path);
		buf_add_c(&path, "<root>");
		each_item(&s, yaml_deref(doc), file_item);
	}
	if (path.err)
		l->oom = true;
}
