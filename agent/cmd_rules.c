/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel rules: describes what rule files define (the incumbent's -L and -l).
 */
#include "agent/cmd.h"
#include "agent/rules_load.h"

enum { OPT_JSON, OPT_BUNDLE };

static const struct cli_option options[] = {
	[OPT_JSON] = { 0, "json", NULL, "full description as JSON (shape of falco -L)" },
	BUNDLE_OPTIONS(OPT_BUNDLE),
	{ 0 },
};

static int rules_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_rules = {
	.name = "rules",
	.operands = "[FILE...]",
	.summary = "Describe the rules, macros and lists of rule files.",
	.options = options,
	.run = rules_run,
};

static int describe(const struct io_names *files, const struct bundle_options *bundle, bool json)
{
	struct ruleset_opts opts;
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct ruleset *rs;
	struct limits limits;
	struct diags diags;
	int e = EXIT_OK;

	limits_init(&limits);
	diags_init(&diags);
	tiercel_ruleset_opts(&opts);
	opts.nappends = 0;
	if (rules_load(files, bundle, &opts, &limits, &diags, &rs) < 0) {
		diags_done(&diags);
		return cli_fail("out of memory while loading rules");
	}
	rules_print_diags(&diags, false);
	if (!rs->ok) {
		e = cli_fail("the rules do not load (%u error%s)", diags.errors,
			     diags.errors == 1 ? "" : "s");
	} else {
		if (json)
			ruleset_describe(rs, &out);
		else
			ruleset_describe_text(rs, &out);
		io_print(&out, stdout);
		if (json)
			putchar('\n');
	}
	ruleset_free(rs);
	diags_done(&diags);
	return e;
}

static int rules_run(const struct command *cmd, int argc, char **argv)
{
	_cleanup_(io_names_done) struct io_names files = { 0 };
	_cleanup_(bundle_options_done) struct bundle_options bundle = { 0 };
	const char *arg;
	bool json = false;
	struct cli cli;
	int opt;

	cli_init(&cli, cmd, argc, argv);
	while ((opt = cli_next(&cli, &arg)) >= 0) {
		if (opt == OPT_JSON)
			json = true;
		else if (bundle_options_take(&bundle, cmd, opt - OPT_BUNDLE, arg) != EXIT_OK)
			return EXIT_USAGE;
	}
	if (opt != CLI_DONE)
		return opt == CLI_HELP ? EXIT_OK : EXIT_USAGE;
	if (cli.noperands == 0 && !bundle.path)
		return cli_usage(cmd, "no FILE given");
	if (rules_add_operands(&files, &cli) < 0)
		return cli_fail("out of memory");
	return describe(&files, &bundle, json);
}
