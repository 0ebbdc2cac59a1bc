/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzz target: text -> condition. Everything that happens to a condition at load time is done:
 * parse, print, replace macros (each name is the condition itself), check, event types, JSON.
 */
#include <assert.h>

#include "engine/rule/filter.h"
#include "engine/tests/fuzz.h"

static void on_error(void *ctx, const struct filter_error *err)
{
	assert(err->message && err->span > 0 && err->pos.line > 0);
}

static void on_warn(void *ctx, enum diag_code code, const struct filter_error *w)
{
	assert(w->message && diag_infos[code].severity == DIAG_WARNING);
}

static const struct ast *any_macro(void *ctx, struct str name)
{
	return ctx;
}

static void judge(struct ast *ast, struct arena *a)
{
	const struct filter_checker c = { .arena = a, .error = on_error, .warn = on_warn };
	const char *names[EVTSET_NAMES_MAX];
	struct filter_error err;
	struct evtset types;

	if (filter_check(ast, &c) == 0)
		filter_lint(ast, &c);
	if (filter_event_types(ast, NULL, &types, &err) == 0)
		assert(evtset_names(&types, names, EVTSET_NAMES_MAX) <= EVTSET_NAMES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, (uint32_t)size };
	_cleanup_buf_ struct buf canonical = BUF_INIT, json = BUF_INIT;
	struct filter_error err = { 0 };
	struct limits limits;
	struct ast *ast, *resolved;
	struct arena a;
	bool ok;

	if (size > 1 << 16)
		return 0;
	arena_init(&a, 4096, 0);
	limits_init(&limits);
	if (filter_parse(text, &a, &limits, &ast, &err) == 0) {
		filter_print(&canonical, ast);
		assert(!canonical.err && canonical.len > 0);
		if (filter_resolve(ast, &a, any_macro, ast, &resolved, &err) == 0)
			judge(resolved, &a);
	} else {
		assert(err.message && err.pos.line > 0 && err.pos.offset <= size);
	}
	filter_check_json(text, &json, &ok);
	arena_done(&a);
	return 0;
}
