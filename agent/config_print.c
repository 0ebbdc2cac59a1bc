/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `tiercel config` shows: the JSON schema of the configuration file and the values in force.
 * Both walk the rows of options.def as a tree of sections.
 */
#include "agent/config_option.h"

/* A section: what stands before the last dot of its rows, with the dot; "" at the top. */
struct section {
	char prefix[64];
	size_t len;
	unsigned depth;
};

/* Next name in the section at or behind row *i, each once: a row (`ret_row`) or a section. */
static bool next_name(const struct section *s, uint32_t *i, struct str *ret_name,
		      const struct config_option **ret_row)
{
	for (; *i < config_options_count; (*i)++) {
		const struct config_option *o = &config_options[*i];
		const char *name = o->path + s->len, *dot;
		bool seen = false;

		if (strncmp(o->path, s->prefix, s->len) != 0)
			continue;
		dot = strchr(name, '.');
		*ret_name = dot ? (struct str){ name, (uint32_t)(dot - name) } : str_from(name);
		*ret_row = dot ? NULL : o;
		for (uint32_t k = 0; k < *i && dot; k++)
			seen |= strncmp(config_options[k].path, o->path,
					s->len + ret_name->len + 1) == 0;
		if (seen)
			continue;
		(*i)++;
		return true;
	}
	return false;
}

static struct section subsection(const struct section *s, struct str name)
{
	struct section sub = { .depth = s->depth + 1 };

	sub.len = (size_t)snprintf(sub.prefix, sizeof(sub.prefix), "%s%.*s.", s->prefix,
				   STR_ARG(name));
	return sub;
}

/* ---- schema ---------------------------------------------------------------------------------- */

static void schema_choices(struct json *j, const char *choices)
{
	json_key(j, "enum");
	json_arr(j);
	for (const char *at = choices; *at; at += strspn(at, "|:")) {
		uint32_t n = (uint32_t)strcspn(at, "|:");

		json_str(j, (struct str){ at, n });	/* names and aliases */
		at += n;
	}
	json_arr_end(j);
}

static void schema_type(struct json *j, const char *type)
{
	json_key(j, "type");
	json_cstr(j, type);
}

static void schema_items(struct json *j, const struct config_option *o)
{
	json_key(j, "items");
	json_obj(j);
	if (o->choices)
		schema_choices(j, o->choices);
	else
		schema_type(j, "string");
	json_obj_end(j);
}

static void schema_value(struct json *j, const struct config_option *o)
{
	switch (o->type) {
	case CONFIG_BOOL:
		schema_type(j, "boolean");
		break;
	case CONFIG_UINT:
		schema_type(j, "integer");
		json_key(j, "minimum");
		json_u64(j, o->min);
		json_key(j, "maximum");
		json_u64(j, o->max);
		break;
	case CONFIG_TIME:
		schema_type(j, "string");
		json_key(j, "pattern");
		json_cstr(j, "^([0-9]+(ms|s|m|h|d) *)+$");
		break;
	case CONFIG_TEXT:
		schema_type(j, "string");
		break;
	case CONFIG_ENUM:
		schema_choices(j, o->choices);
		break;
	case CONFIG_TEXTS:
		schema_type(j, "array");
		schema_items(j, o);
		break;
	case CONFIG_ITEMS:
		json_key(j, "allOf");
		json_arr(j);
		json_raw(j, str_from(config_item_kind(o->choices)->schema));
		json_arr_end(j);
		break;
	case CONFIG_OTHER:
		json_key(j, "deprecated");
		json_bool(j, true);
		break;
	}
}

/* The defaults as they stand in the table, in the form of the type. */
static void schema_default(struct json *j, const struct config_option *o)
{
	if (o->type == CONFIG_ITEMS || o->type == CONFIG_OTHER)
		return;
	json_key(j, "default");
	if (o->type == CONFIG_BOOL || o->type == CONFIG_UINT) {
		json_raw(j, str_from(o->def));
	} else if (o->type == CONFIG_TEXTS) {
		json_arr(j);
		for (const char *at = o->def; *at; at += strspn(at, ", ")) {
			uint32_t n = (uint32_t)strcspn(at, ", ");

			json_str(j, (struct str){ at, n });
			at += n;
		}
		json_arr_end(j);
	} else {
		json_cstr(j, o->def);
	}
}

static void schema_section(const struct section *s, struct json *j)
{
	const struct config_option *o;
	struct str name;

	schema_type(j, "object");
	json_key(j, "additionalProperties");
	json_bool(j, false);
	json_key(j, "properties");
	json_obj(j);
	for (uint32_t i = 0; next_name(s, &i, &name, &o);) {
		json_key_str(j, name);
		json_obj(j);
		if (o) {
			_cleanup_buf_ struct buf text = BUF_INIT;

			buf_printf(&text, "%s%s%s", o->type == CONFIG_OTHER ? "No effect: " : "",
				   o->help, o->reloaded ? " (in force at a reload)" : "");
			json_key(j, "description");
			json_str(j, buf_str(&text));
			schema_value(j, o);
			schema_default(j, o);
		} else {
			struct section sub = subsection(s, name);

			schema_section(&sub, j);
		}
		json_obj_end(j);
	}
	json_obj_end(j);
}

void config_schema(struct buf *out)
{
	struct json j = json_start(out);
	struct section top = { .prefix = "" };

	json_obj(&j);
	json_key(&j, "$schema");
	json_cstr(&j, "http://json-schema.org/draft-07/schema#");
	json_key(&j, "title");
	json_cstr(&j, "tiercel configuration");
	schema_section(&top, &j);
	json_obj_end(&j);
	buf_add_char(out, '\n');
}

/* ---- values in force ------------------------------------------------------------------------- */

void config_print_key(struct buf *out, struct str s)
{
	buf_add_char(out, '"');
	json_escape(out, s);
	buf_add_char(out, '"');
}

/* The environment is not looked at again when it is read. */
void config_print_text(struct buf *out, struct str s)
{
	uint32_t from = 0;

	buf_add_char(out, '"');
	for (uint32_t at = 0; at < s.len; at++)
		if (str_starts(str_sub(s, at, s.len), STR("${"))) {
			json_escape(out, str_sub(s, from, at));
			buf_add_char(out, '$');
			from = at;
		}
	json_escape(out, str_sub(s, from, s.len));
	buf_add_char(out, '"');
}

static void print_texts(const struct config_texts *l, struct buf *out)
{
	buf_add_char(out, '[');
	for (uint32_t i = 0; i < l->n; i++) {
		buf_add_c(out, i ? ", " : "");
		config_print_text(out, str_from(l->v[i]));
	}
	buf_add_char(out, ']');
}

static void print_value(const struct config *c, const struct config_option *o, struct buf *out)
{
	const void *member = (const char *)c + o->offset;

	switch (o->type) {
	case CONFIG_BOOL:
		buf_add_c(out, *(const bool *)member ? "true" : "false");
		break;
	case CONFIG_UINT:
		buf_add_u64(out, *(const uint64_t *)member);
		break;
	case CONFIG_TIME:
		buf_add_u64(out, *(const uint64_t *)member);
		buf_add_c(out, "ms");
		break;
	case CONFIG_TEXT:
		config_print_text(out, str_from(*(const char *const *)member));
		break;
	case CONFIG_ENUM:
		buf_add_str(out, config_choice_name(o->choices, *(const unsigned *)member));
		break;
	case CONFIG_TEXTS:
		print_texts(member, out);
		break;
	case CONFIG_ITEMS:
	case CONFIG_OTHER:
		break;
	}
}

static bool has_values(const struct section *s)
{
	for (uint32_t i = 0; i < config_options_count; i++)
		if (config_options[i].type != CONFIG_OTHER &&
		    strncmp(config_options[i].path, s->prefix, s->len) == 0)
			return true;
	return false;
}

static void print_section(const struct config *c, const struct section *s, struct buf *out)
{
	const struct config_option *o;
	struct str name;

	for (uint32_t i = 0; next_name(s, &i, &name, &o);) {
		struct section sub = subsection(s, name);

		if (o ? o->type == CONFIG_OTHER : !has_values(&sub))
			continue;
		buf_printf(out, "%*s%.*s:", (int)s->depth * 2, "", STR_ARG(name));
		if (!o) {
			buf_add_char(out, '\n');
			print_section(c, &sub, out);
		} else if (o->type == CONFIG_ITEMS) {
			config_item_kind(o->choices)->print(c, out);
		} else {
			buf_add_char(out, ' ');
			print_value(c, o, out);
			buf_add_char(out, '\n');
		}
	}
}

void config_effective(const struct config *c, struct buf *out)
{
	struct section top = { .prefix = "" };

	print_section(c, &top, out);
}

/* ---- what a reload does not change ----------------------------------------------------------- */

static void print_option(const struct config *c, const struct config_option *o, struct buf *out)
{
	out->len = 0;
	if (o->type == CONFIG_ITEMS)
		config_item_kind(o->choices)->print(c, out);
	else
		print_value(c, o, out);
}

uint32_t config_waiting(const struct config *start, const struct config *now, struct buf *out)
{
	_cleanup_buf_ struct buf before = BUF_INIT, after = BUF_INIT;
	uint32_t n = 0;

	for (uint32_t i = 0; i < config_options_count; i++) {
		const struct config_option *o = &config_options[i];

		if (o->reloaded)
			continue;
		print_option(start, o, &before);
		print_option(now, o, &after);
		if (!str_eq(buf_str(&before), buf_str(&after)))
			buf_printf(out, "%s%s", n++ ? ", " : "", o->path);
	}
	return n;
}
