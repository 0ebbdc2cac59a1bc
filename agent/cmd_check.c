/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel check: all problems of rule files, or of one condition, as text or JSON.
 */
#include "agent/cmd.h"
#include "agent/print_event.h"
#include "agent/rules_load.h"

#include <time.h>

enum { OPT_JSON, OPT_CONDITION, OPT_NO_LINT, OPT_LINT, OPT_BUNDLE };

static const struct cli_option options[] = {
	[OPT_JSON] = { 0, "json", NULL, "JSON on stdout (shape of the falco_load_results)" },
	[OPT_CONDITION] = { 0, "condition", "EXPR", "judge one condition instead of files" },
	[OPT_NO_LINT] = { 0, "no-lint", NULL, "leave out the LINT_ findings" },
	[OPT_LINT] = { 0, "lint", NULL, "with the LINT_ findings (the default)" },
	BUNDLE_OPTIONS(OPT_BUNDLE),
	{ 0 },
};

static int check_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_check = {
	.name = "check",
	.operands = "[FILE...]",
	.summary = "Check rule files and report every problem.",
	.description = "Files are loaded in the given order into one collection; as for the incumbent, "
		       "each of them must\nload with those before it. Exit status: 0 if they load "
		       "(warnings are fine), 1 if not, 2 usage.",
	.options = options,
	.run = check_run,
};

static void write_stdout(const struct buf *out)
{
	io_print(out, stdout);
	if (out->len && out->p[out->len - 1] != '\n')
		putchar('\n');
}

static int check_condition(const char *text, bool json)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct limits limits;
	struct arena arena;
	struct ast *ast;
	bool ok = false;

	if (json) {
		filter_check_json(str_from(text), &out, &ok);
	} else {
		limits_init(&limits);
		arena_init(&arena, 4096, 0);
		ok = filter_option(text, &arena, &limits, &ast) == 0;
		if (ok)
			filter_print(&out, ast);
		arena_done(&arena);
	}
	write_stdout(&out);
	return ok ? EXIT_OK : EXIT_FAILED;
}

static void print_text(const struct diags *diags, const struct io_names *files, const char *bundle,
		       bool ok)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	for (uint32_t i = 0; i < diags->count; i++)
		diag_render(&diags->items[i], &out);
	if (diags->suppressed)
		buf_printf(&out, "(%u more problems are not shown)\n", diags->suppressed);
	if (bundle)
		buf_printf(&out, "bundle '%s'%s", bundle, files->n ? ", " : "");
	if (files->n || !bundle)
		buf_printf(&out, "%u file%s", files->n, files->n == 1 ? "" : "s");
	buf_printf(&out, ": %s, %u error%s, %u warning%s\n", ok ? "ok" : "invalid", diags->errors,
		   diags->errors == 1 ? "" : "s", diags->warnings, diags->warnings == 1 ? "" : "s");
	write_stdout(&out);
}

/*
 * The incumbent loads the files one by one, so it misses what comes later. A bundle is ours. Errors
 * found, or -ENOMEM.
 */
static int check_stages(const struct rules_bundle *b, const struct ruleset_opts *opts, bool json,
			struct limits *limits, struct diags *diags)
{
	_cleanup_free_ struct ruleset_text *texts = calloc(b->n + 1, sizeof(*texts));
	uint32_t n = 0;

	if (!texts)
		return -ENOMEM;
	for (; !b->layers.path && n + 1 < b->n && b->v[n].err == 0; n++)
		texts[n] = (struct ruleset_text){ b->v[n].name, buf_str(&b->v[n].text) };
	return ruleset_judge_stages(opts, texts, n, json, limits, diags);
}

/* All files together, then one after the other. */
static int load(const struct io_names *files, const struct bundle_options *bundle,
		const struct ruleset_opts *opts, bool json, struct diags *diags,
		struct ruleset **ret_rs)
{
	_cleanup_(rules_bundle_done) struct rules_bundle b = { 0 };
	struct limits limits;
	int r;

	limits_init(&limits);
	r = rules_bundle_read(files, bundle, &limits, &b);
	if (r == 0)
		r = rules_load_bundle(&b, opts, &limits, diags, ret_rs);
	if (r < 0)
		return r;
	r = check_stages(&b, opts, json, &limits, diags);
	if (r > 0)
		(*ret_rs)->ok = false;
	if (r < 0)
		ruleset_free(*ret_rs);
	return r;
}

static int check_files(const struct io_names *files, const struct bundle_options *bundle, bool json,
		       bool lint)
{
	struct ruleset_opts opts;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct ruleset *rs;
	struct diags diags;
	bool ok;

	diags_init(&diags);
	tiercel_ruleset_opts(&opts);
	opts.nappends = 0;
	opts.lint = lint;
	opts.schema = json;
	opts.now = time(NULL);
	if (load(files, bundle, &opts, json, &diags, &rs) < 0) {
		diags_done(&diags);
		return cli_fail("out of memory while loading rules");
	}
	ok = rs->ok;
	if (json) {
		ruleset_check_json(rs, &diags, &out);
		write_stdout(&out);
	} else {
		print_text(&diags, files, bundle->path, ok);
	}
	ruleset_free(rs);
	diags_done(&diags);
	return ok ? EXIT_OK : EXIT_FAILED;
}

static int check_run(const struct command *cmd, int argc, char **argv)
{
	_cleanup_(io_names_done) struct io_names files = { 0 };
	_cleanup_(bundle_options_done) struct bundle_options bundle = { 0 };
	const char *arg, *condition = NULL;
	bool json = false, lint = true;
	struct cli cli;
	int opt;

	cli_init(&cli, cmd, argc, argv);
	while ((opt = cli_next(&cli, &arg)) >= 0) {
		if (opt == OPT_JSON)
			json = true;
		else if (opt == OPT_CONDITION)
			condition = arg;
		else if (opt == OPT_NO_LINT)
			lint = false;
		else if (opt == OPT_LINT)
			lint = true;
		else if (bundle_options_take(&bundle, cmd, opt - OPT_BUNDLE, arg) != EXIT_OK)
			return EXIT_USAGE;
	}
	if (opt != CLI_DONE)
		return opt == CLI_HELP ? EXIT_OK : EXIT_USAGE;
	if (condition && (cli.noperands || bundle.path))
		return cli_usage(cmd, "--condition goes without files");
	if (condition)
		return check_condition(condition, json);
	if (cli.noperands == 0 && !bundle.path)
		return cli_usage(cmd, "no FILE given");
	if (rules_add_operands(&files, &cli) < 0)
		return cli_fail("out of memory");
	return check_files(&files, &bundle, json, lint);
}
