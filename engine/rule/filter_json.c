/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One condition judged on its own, as JSON: what `tiercel check --json --condition` prints. Called
 * by the agent; everything is freed before it returns.
 */
#include "engine/rule/filter_run.h"

/* Errors and warnings as JSON texts, and what has been learned so far. */
struct verdict {
	struct buf errors, warnings;
	struct json error_list, warning_list;
	uint32_t nerrors;
};

static void put_problem(struct json *j, enum diag_code code, const struct filter_error *e)
{
	json_obj(j);
	json_key(j, "code");
	json_cstr(j, diag_infos[code].name);
	json_key(j, "message");
	json_cstr(j, e->message);
	json_key(j, "line");
	json_u64(j, e->pos.line);
	json_key(j, "column");
	json_u64(j, e->pos.col);
	json_key(j, "offset");
	json_u64(j, e->pos.offset);
	if (e->hint) {
		json_key(j, "hint");
		json_cstr(j, e->hint);
	}
	json_obj_end(j);
}

static void add_error(void *ctx, const struct filter_error *e)
{
	struct verdict *v = ctx;

	v->nerrors++;
	put_problem(&v->error_list, DIAG_ERR_COMPILE_CONDITION, e);
}

static void add_warning(void *ctx, enum diag_code code, const struct filter_error *w)
{
	struct verdict *v = ctx;

	put_problem(&v->warning_list, code, w);
}

static const struct ast *no_macros(void *ctx, struct str name)
{
	return NULL;
}

static void put_event_types(struct json *j, const struct evtset *s)
{
	const char *names[EVTSET_NAMES_MAX];
	uint32_t n = evtset_names(s, names, EVTSET_NAMES_MAX);

	json_arr(j);
	for (uint32_t i = 0; i < n; i++)
		json_cstr(j, names[i]);
	json_arr_end(j);
}

static void add_error_code(struct verdict *v, enum diag_code code, int err,
			   const struct filter_error *e)
{
	static const struct filter_error oom = { .message = "out of memory" };

	v->nerrors++;
	put_problem(&v->error_list, code, err == -ENOMEM ? &oom : e);
}

/* Fills *ret_types when the event types could be determined. */
static void judge(struct str expr, struct arena *a, struct verdict *v, struct ast **ret_parsed,
		  struct evtset *ret_types)
{
	struct filter_checker c = {
		.arena = a, .error = add_error, .warn = add_warning, .ctx = v,
	};
	struct filter_error e = { 0 };
	struct limits limits;
	struct ast *ast;
	int err;

	limits_init(&limits);
	err = filter_parse(expr, a, &limits, ret_parsed, &e);
	if (err < 0) {
		add_error_code(v, DIAG_ERR_COMPILE_CONDITION, err, &e);
		return;
	}
	err = filter_resolve(*ret_parsed, a, no_macros, NULL, &ast, &e);
	if (err < 0) {
		add_error_code(v, DIAG_ERR_VALIDATE, err, &e);
		return;
	}
	err = filter_check(ast, &c);
	if (err == 0)
		err = filter_lint(ast, &c);
	if (err < 0)
		add_error_code(v, DIAG_ERR_COMPILE_CONDITION, err, &e);
	if (err == 0 && filter_event_types(ast, NULL, ret_types, &e) < 0)
		add_error(v, &e);
}

static void put_verdict(struct json *j, struct verdict *v, const struct ast *parsed,
			const struct evtset *types)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	json_obj(j);
	json_key(j, "ok");
	json_bool(j, v->nerrors == 0);
	json_key(j, "errors");
	json_raw(j, buf_str(&v->errors));
	json_key(j, "warnings");
	json_raw(j, buf_str(&v->warnings));
	json_key(j, "text");
	if (parsed)
		filter_print(&text, parsed);
	json_str(j, parsed ? buf_str(&text) : STR_NONE);
	json_key(j, "event_types");
	if (v->nerrors || evtset_is_all(types))
		json_none(j);
	else
		put_event_types(j, types);
	json_obj_end(j);
}

void filter_check_json(struct str expr, struct buf *out, bool *ret_ok)
{
	struct verdict v = { .errors = BUF_INIT, .warnings = BUF_INIT };
	struct evtset types = { { 0 } };
	struct ast *parsed = NULL;
	struct json j = json_start(out);
	struct arena a;

	arena_init(&a, 16 << 10, 0);
	v.error_list = json_start(&v.errors);
	v.warning_list = json_start(&v.warnings);
	json_arr(&v.error_list);
	json_arr(&v.warning_list);
	judge(expr, &a, &v, &parsed, &types);
	json_arr_end(&v.error_list);
	json_arr_end(&v.warning_list);
	put_verdict(&j, &v, parsed, &types);
	*ret_ok = v.nerrors == 0;
	buf_done(&v.errors);
	buf_done(&v.warnings);
	arena_done(&a);
}
