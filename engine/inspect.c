/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Renders the field catalogue and the event table. Called by commands and by the generation of
 * documentation; owns nothing.
 */
#include "engine/inspect.h"
#include "engine/field/operand.h"

static const char *const type_names[PT_COUNT] = {
#define TYPE(name, size) [PT_##name] = #name,
	PARAM_TYPES(TYPE)
#undef TYPE
};

static const char *const arg_forms[] = {
	[ARG_NONE] = "",
	[ARG_INDEX] = "[N] optional",
	[ARG_INDEX_REQUIRED] = "[N]",
	[ARG_KEY] = "[KEY] optional",
	[ARG_KEY_REQUIRED] = "[KEY]",
	[ARG_INDEX_OR_KEY] = "[N] or [KEY] optional",
	[ARG_INDEX_OR_KEY_REQUIRED] = "[N] or [KEY]",
	[ARG_PARAM] = ".NAME or [N]",
	[ARG_PARAM_NAME] = ".NAME",
	[ARG_SUFFIX] = ".NAME",
};

static const struct {
	uint32_t flag;
	const char *text;
} flag_texts[] = {
	{ FIELD_LIST, "list" },
	{ FIELD_FILTER_ONLY, "conditions only" },
	{ FIELD_PRINT_ONLY, "outputs only" },
	{ FIELD_DEPRECATED, "deprecated" },
	{ FIELD_SUGGESTED, "suggested output" },
	{ FIELD_OURS, "tiercel only" },
};

static void add_flags(struct buf *out, uint32_t flags)
{
	bool first = true;

	for (size_t i = 0; i < ARRAY_SIZE(flag_texts); i++) {
		if (!(flags & flag_texts[i].flag))
			continue;
		buf_printf(out, "%s%s", first ? "" : ", ", flag_texts[i].text);
		first = false;
	}
}

/* A Markdown table cell must not contain a bar. */
static void add_cell(struct buf *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			buf_add_char(out, '\\');
		buf_add_char(out, *text);
	}
}

static void field_text(const struct field_info *f, struct buf *out)
{
	_cleanup_buf_ struct buf name = BUF_INIT;

	buf_printf(&name, "%s%s", f->name, arg_forms[f->arg]);
	buf_printf(out, "  %-36s %-10s %s", name.p, type_names[f->type], f->help);
	if (f->flags) {
		_cleanup_buf_ struct buf flags = BUF_INIT;

		add_flags(&flags, f->flags);
		if (flags.len)
			buf_printf(out, " (%s)", flags.p);
	}
	buf_add_char(out, '\n');
}

static void field_markdown(const struct field_info *f, struct buf *out)
{
	buf_printf(out, "| `%s` | %s | ", f->name, type_names[f->type]);
	add_cell(out, arg_forms[f->arg]);
	buf_add_c(out, " | ");
	add_cell(out, f->help);
	buf_add_c(out, " | ");
	add_flags(out, f->flags);
	buf_add_c(out, " |\n");
}

static void field_json_row(const struct field_info *f, struct json *j)
{
	json_obj(j);
	json_key(j, "name");
	json_cstr(j, f->name);
	json_key(j, "type");
	json_cstr(j, type_names[f->type]);
	json_key(j, "desc");
	json_cstr(j, f->help);
	json_key(j, "argument");
	if (f->arg == ARG_NONE)
		json_none(j);
	else
		json_cstr(j, arg_forms[f->arg]);
	json_key(j, "is_list");
	json_bool(j, f->flags & FIELD_LIST);
	json_key(j, "deprecated");
	json_bool(j, f->flags & FIELD_DEPRECATED);
	json_key(j, "filter_only");
	json_bool(j, f->flags & FIELD_FILTER_ONLY);
	json_obj_end(j);
}

static void class_head(const struct field_class *c, enum inspect_form form, struct buf *out)
{
	if (form == INSPECT_TEXT)
		buf_printf(out, "%s: %s\n", c->name, c->desc);
	else
		buf_printf(out, "### %s\n\n%s\n\n| field | type | argument | meaning | notes |\n"
				"|---|---|---|---|---|\n", c->name, c->desc);
}

static void class_json(const struct field_class *c, struct json *j)
{
	json_obj(j);
	json_key(j, "name");
	json_cstr(j, c->name);
	json_key(j, "desc");
	json_cstr(j, c->desc);
	json_key(j, "event_sources");
	json_arr(j);
	json_cstr(j, "syscall");
	json_arr_end(j);
	json_key(j, "fields");
	json_arr(j);
	for (uint32_t i = 0; i < c->count; i++)
		if (!(c->fields[i].flags & FIELD_HIDDEN))
			field_json_row(&c->fields[i], j);
	json_arr_end(j);
	json_obj_end(j);
}

void inspect_fields(enum inspect_form form, struct buf *out)
{
	struct json j = json_start(out);

	if (form == INSPECT_JSON) {
		json_obj(&j);
		json_key(&j, "fieldclasses");
		json_arr(&j);
	}
	for (uint32_t c = 0; c < field_class_count; c++) {
		const struct field_class *class = field_classes[c];

		if (form == INSPECT_JSON) {
			class_json(class, &j);
			continue;
		}
		class_head(class, form, out);
		for (uint32_t i = 0; i < class->count; i++) {
			if (class->fields[i].flags & FIELD_HIDDEN)
				continue;
			if (form == INSPECT_TEXT)
				field_text(&class->fields[i], out);
			else
				field_markdown(&class->fields[i], out);
		}
		buf_add_char(out, '\n');
	}
	if (form == INSPECT_JSON) {
		json_arr_end(&j);
		json_obj_end(&j);
		buf_add_char(out, '\n');
	}
}

void inspect_transformers(enum inspect_form form, struct buf *out)
{
	if (form == INSPECT_JSON)
		return;
	buf_add_c(out, form == INSPECT_TEXT
			       ? "transformers:\n"
			       : "### transformers\n\n| name | meaning |\n|---|---|\n");
	for (uint32_t i = 0; i < transformer_count; i++)
		buf_printf(out, form == INSPECT_TEXT ? "  %-36s %s\n" : "| `%s` | %s |\n",
			   transformers[i].name, transformers[i].help);
}

static bool event_listed(unsigned type, bool all)
{
	const struct event_info *e = &event_infos[type];

	if (e->flags & EF_UNUSED)
		return false;
	return all || !(e->flags & EF_OLD_VERSION);
}

static void event_params(const struct event_info *e, struct buf *out)
{
	for (unsigned i = 0; i < e->nparams; i++)
		buf_printf(out, "%s%s %s", i ? ", " : "", type_names[e->params[i].type],
			   e->params[i].name);
}

static void event_json(unsigned type, struct json *j)
{
	const struct event_info *e = &event_infos[type];

	json_obj(j);
	json_key(j, "number");
	json_u64(j, type);
	json_key(j, "name");
	json_cstr(j, e->name);
	json_key(j, "dir");
	json_cstr(j, e->is_exit ? "<" : ">");
	json_key(j, "params");
	json_arr(j);
	for (unsigned i = 0; i < e->nparams; i++) {
		json_obj(j);
		json_key(j, "name");
		json_cstr(j, e->params[i].name);
		json_key(j, "type");
		json_cstr(j, type_names[e->params[i].type]);
		json_obj_end(j);
	}
	json_arr_end(j);
	json_obj_end(j);
}

void inspect_events(enum inspect_form form, bool all, struct buf *out)
{
	struct json j = json_start(out);

	if (form == INSPECT_JSON)
		json_arr(&j);
	else if (form == INSPECT_MARKDOWN)
		buf_add_c(out, "| event | parameters |\n|---|---|\n");
	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++) {
		const struct event_info *e = &event_infos[t];

		if (!event_listed(t, all))
			continue;
		if (form == INSPECT_JSON) {
			event_json(t, &j);
			continue;
		}
		if (form == INSPECT_TEXT)
			buf_printf(out, "%s %s(", e->is_exit ? "<" : ">", e->name);
		else
			buf_printf(out, "| `%s` | ", e->name);
		event_params(e, out);
		buf_add_c(out, form == INSPECT_TEXT ? ")\n" : " |\n");
	}
	if (form == INSPECT_JSON) {
		json_arr_end(&j);
		buf_add_char(out, '\n');
	}
}
