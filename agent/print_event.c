/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Printing of events for replay --print.
 */
#include "agent/cmd.h"
#include "agent/io.h"
#include "agent/print_event.h"

static const char default_format[] =
	"%evt.num %evt.time %evt.cpu %proc.name (%thread.tid) %evt.type %evt.args";

struct event_printer {
	struct arena arena;
	bool json;
	struct field_ref *fields;
	uint32_t nfields;
	struct format format;
	struct ast *filter;
	struct buf line, value;
};

static int add_field(struct event_printer *p, uint32_t *cap, struct str text)
{
	struct field_ref *fields =
		arena_grow(&p->arena, p->fields, cap, p->nfields + 1, sizeof(*fields));
	const char *msg = "", *near;
	int r;

	if (!fields)
		return -ENOMEM;
	p->fields = fields;
	r = field_lookup(text, &p->arena, NULL, &fields[p->nfields], &msg);
	if (r == 0) {
		p->nfields++;
		return 0;
	}
	near = field_nearest(text);
	cli_fail("--fields: %s%s%s%s", msg, near ? "; did you mean '" : "", near ? near : "",
		 near ? "'?" : "");
	return -EINVAL;
}

/* Every field that needs no argument and may be printed. */
static int add_all_fields(struct event_printer *p, uint32_t *cap)
{
	for (uint32_t c = 0; c < field_class_count; c++) {
		for (uint32_t i = 0; i < field_classes[c]->count; i++) {
			const struct field_info *f = &field_classes[c]->fields[i];
			struct field_ref probe;
			const char *msg;

			if (f->flags & FIELD_FILTER_ONLY)
				continue;
			if (field_lookup(str_from(f->name), &p->arena, NULL, &probe, &msg) < 0)
				continue;
			if (add_field(p, cap, str_from(f->name)) < 0)
				return -ENOMEM;
		}
	}
	return 0;
}

/* Commas inside brackets belong to an argument. */
static int add_fields(struct event_printer *p, const char *list)
{
	uint32_t cap = 0, depth = 0;
	const char *from = list;

	if (strcmp(list, "all") == 0)
		return add_all_fields(p, &cap);
	for (const char *at = list;; at++) {
		if (*at == '[')
			depth++;
		else if (*at == ']' && depth)
			depth--;
		if (*at && (*at != ',' || depth))
			continue;
		if (add_field(p, &cap, (struct str){ from, (uint32_t)(at - from) }) < 0)
			return -EINVAL;
		if (!*at)
			return 0;
		from = at + 1;
	}
}

static int set_format(struct event_printer *p, const char *text)
{
	const char *msg = "";
	const struct field_scope scope = { .arena = &p->arena };
	struct pos pos = { 1, 1, 0 };

	if (format_compile(str_from(text), &scope, &p->format, &msg, &pos) == 0)
		return 0;
	cli_fail("format, column %u: %s", pos.col, msg);
	return -EINVAL;
}

/* Errors of the checker, printed as they come. */
struct filter_report {
	const char *text;
};

static void report_error(void *ctx, const struct filter_error *err)
{
	struct filter_report *r = ctx;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct diag g = { .code = DIAG_ERR_COMPILE_CONDITION, .pos = err->pos, .span = err->span,
			  .message = err->message, .hint = err->hint, .file = "filter",
			  .source_line = str_from(r->text) };

	diag_render(&g, &out);
	io_print(&out, stderr);
}

static const struct ast *no_macros(void *ctx, struct str name)
{
	return NULL;
}

int filter_option(const char *text, struct arena *a, struct limits *limits, struct ast **ret)
{
	struct filter_report report = { text };
	struct filter_checker checker = { .arena = a, .error = report_error, .ctx = &report };
	struct filter_error err = { 0 };
	struct ast *parsed, *resolved;

	if (filter_parse(str_from(text), a, limits, &parsed, &err) < 0 ||
	    filter_resolve(parsed, a, no_macros, NULL, &resolved, &err) < 0) {
		report_error(&report, &err);
		return -EINVAL;
	}
	/* No event types are needed: a filter sees every event. */
	if (filter_check(resolved, &checker) != 0)
		return -EINVAL;
	*ret = resolved;
	return 0;
}

int event_printer_new(const struct event_printer_opts *opts, struct limits *limits,
		      struct event_printer **ret)
{
	struct event_printer *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return -ENOMEM;
	arena_init(&p->arena, 16 << 10, 0);
	p->json = opts->json;
	if (opts->json || opts->fields)
		r = add_fields(p, opts->fields ? opts->fields : "evt.type");
	if (r == 0 && !opts->json)
		r = set_format(p, opts->format ? opts->format : default_format);
	if (r == 0 && opts->filter)
		r = filter_option(opts->filter, &p->arena, limits, &p->filter);
	if (r < 0) {
		event_printer_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void event_printer_free(struct event_printer *p)
{
	if (!p)
		return;
	buf_done(&p->line);
	buf_done(&p->value);
	arena_done(&p->arena);
	free(p);
}

bool event_printer_accepts(struct event_printer *p, struct event_ctx *ctx)
{
	/* Samples of processes are made by the recorder, not by the system. */
	if (ctx->ev->type == EV_PROCINFO_E)
		return false;
	return !p->filter || match_ast(p->filter, ctx);
}

static void print_json(struct event_printer *p, struct event_ctx *ctx)
{
	struct json j = json_start(&p->line);

	json_obj(&j);
	json_key(&j, "num");
	json_u64(&j, ctx->ev->num);
	json_key(&j, "ts");
	json_u64(&j, ctx->ev->ts);
	json_key(&j, "tid");
	json_i64(&j, ctx->ev->tid);
	json_key(&j, "type");
	json_cstr(&j, ctx->ev->info->name);
	json_key(&j, "fields");
	json_obj(&j);
	for (uint32_t i = 0; i < p->nfields; i++) {
		buf_clear(&p->value);
		if (!field_print(&p->fields[i], ctx, &p->value))
			continue;
		json_key_str(&j, p->fields[i].text);
		json_str(&j, buf_str(&p->value));
	}
	json_obj_end(&j);
	json_obj_end(&j);
}

void event_printer_print(struct event_printer *p, struct event_ctx *ctx, struct out *out)
{
	buf_clear(&p->line);
	if (p->json) {
		print_json(p, ctx);
	} else {
		buf_clear(&p->value);
		format_render(&p->format, ctx, &p->value);
		utf8_sanitize(&p->line, buf_str(&p->value));
	}
	out_line(out, buf_str(&p->line));
}
