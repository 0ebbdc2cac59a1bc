/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Diagnostics of a load as JSON: the incumbent's validation result per file, plus the exact range
 * in the file ("ranges") and the hint. Called by `tiercel check --json`.
 */
#include "engine/base/json.h"
#include "engine/rule/ruleset.h"

enum { SNIPPET_MAX = 160 };

static void write_pos(struct json *j, const char *name, struct pos pos)
{
	json_obj(j);
	json_key(j, "name");
	json_cstr(j, name ? name : "");
	json_key(j, "line");
	json_u64(j, pos.line ? pos.line - 1 : 0);
	json_key(j, "column");
	json_u64(j, pos.col ? pos.col - 1 : 0);
	json_key(j, "offset");
	json_u64(j, pos.offset);
	json_obj_end(j);
}

static void write_locations(struct json *j, const struct diag *g, const struct diag_loc *loc)
{
	if (!loc)
		return;
	write_locations(j, g, loc->outer);
	json_obj(j);
	json_key(j, "item_type");
	json_cstr(j, loc->item_type);
	json_key(j, "item_name");
	json_str(j, loc->item_name.p ? loc->item_name : STR(""));
	json_key(j, "position");
	write_pos(j, g->file, loc->pos);
	json_obj_end(j);
}

/* The line, cut to what is around the column, and a caret under it. */
static void write_snippet(struct json *j, const struct diag *g)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct str line = g->source_line.p ? g->source_line : STR("");
	uint32_t at = MIN(g->pos.col ? g->pos.col - 1 : 0, line.len), from = 0, to = line.len;

	if (line.len > SNIPPET_MAX) {
		from = at > SNIPPET_MAX / 2 ? at - SNIPPET_MAX / 2 : 0;
		to = MIN(line.len, from + SNIPPET_MAX);
	}
	if (from)
		buf_add_c(&b, "...");
	buf_add_str(&b, str_sub(line, from, to));
	if (to < line.len)
		buf_add_c(&b, "...");
	buf_add_char(&b, '\n');
	for (uint32_t i = 0; i < at - from + (from ? 3 : 0); i++)
		buf_add_char(&b, ' ');
	buf_add_c(&b, "^\n");
	json_str(j, buf_str(&b));
}

static void write_range(struct json *j, const struct diag *g)
{
	struct pos end = g->pos;

	end.col += g->span;
	end.offset += g->span;
	json_key(j, "ranges");
	json_arr(j);
	if (g->pos.line) {
		json_obj(j);
		json_key(j, "start");
		write_pos(j, g->file, g->pos);
		json_key(j, "end");
		write_pos(j, g->file, end);
		json_obj_end(j);
	}
	json_arr_end(j);
}

static void write_diag(struct json *j, const struct diag *g)
{
	const struct diag_info *info = &diag_infos[g->code];

	json_obj(j);
	json_key(j, "code");
	json_cstr(j, info->name);
	json_key(j, "codedesc");
	json_cstr(j, info->text);
	json_key(j, "message");
	json_cstr(j, g->message);
	json_key(j, "context");
	json_obj(j);
	json_key(j, "locations");
	json_arr(j);
	write_locations(j, g, g->loc);
	json_arr_end(j);
	json_key(j, "snippet");
	write_snippet(j, g);
	json_obj_end(j);
	write_range(j, g);
	if (g->deprecated_field) {
		json_key(j, "deprecated_field");
		json_cstr(j, g->deprecated_field);
	}
	if (g->hint) {
		json_key(j, "hint");
		json_cstr(j, g->hint);
	}
	if (g->other_file) {
		json_key(j, "related");
		write_pos(j, g->other_file, g->other_pos);
	}
	json_obj_end(j);
}

/* Problems without a file go to the first one. */
static bool belongs(const struct diag *g, const char *file, bool first)
{
	return g->file ? strcmp(g->file, file) == 0 : first;
}

static uint32_t write_severity(struct json *j, const struct diags *d, const char *file, bool first,
			       enum diag_severity severity)
{
	uint32_t n = 0;

	json_arr(j);
	for (uint32_t i = 0; i < d->count; i++) {
		if (diag_infos[d->items[i].code].severity != severity ||
		    !belongs(&d->items[i], file, first))
			continue;
		write_diag(j, &d->items[i]);
		n++;
	}
	json_arr_end(j);
	return n;
}

static void write_schema(struct json *j, const struct file_verdict *file)
{
	if (file->schema == SCHEMA_NONE)
		return;
	json_key(j, "schema_valid");
	json_bool(j, file->schema == SCHEMA_OK);
	json_key(j, "schema_warnings");
	json_arr(j);
	for (uint32_t i = 0; i < file->nwarnings; i++)
		json_str(j, file->warnings[i]);
	json_arr_end(j);
}

static void write_file(struct json *j, const struct diags *d, const struct file_verdict *file,
		       bool first)
{
	uint32_t errors;

	json_obj(j);
	json_key(j, "name");
	json_cstr(j, file->file);
	json_key(j, "errors");
	errors = write_severity(j, d, file->file, first, DIAG_ERROR);
	json_key(j, "warnings");
	write_severity(j, d, file->file, first, DIAG_WARNING);
	json_key(j, "successful");
	/* Problems beyond the bound are only counted: nothing can be called good then. */
	json_bool(j, errors == 0 && !(d->errors && d->suppressed));
	write_schema(j, file);
	json_obj_end(j);
}

void ruleset_check_json(const struct ruleset *rs, const struct diags *d, struct buf *out)
{
	struct json j = json_start(out);

	json_obj(&j);
	json_key(&j, "falco_load_results");
	json_arr(&j);
	for (const struct file_verdict *file = rs->files; file; file = file->next)
		write_file(&j, d, file, file == rs->files);
	json_arr_end(&j);
	if (d->suppressed) {
		json_key(&j, "suppressed");
		json_u64(&j, d->suppressed);
	}
	json_obj_end(&j);
}
