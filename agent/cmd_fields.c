/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel fields, tiercel events: the reference tables of the engine.
 */
#include "agent/cmd.h"
#include "engine/inspect.h"

enum { OPT_MARKDOWN, OPT_JSON, OPT_ALL };

static const struct cli_option field_options[] = {
	[OPT_MARKDOWN] = { 0, "markdown", NULL, "Markdown tables, as in the documentation" },
	[OPT_JSON] = { 0, "json", NULL, "JSON (shape of falco --list)" },
	{ 0 },
};

static const struct cli_option event_options[] = {
	[OPT_MARKDOWN] = { 0, "markdown", NULL, "a Markdown table, as in the documentation" },
	[OPT_JSON] = { 0, "json", NULL, "a JSON array" },
	[OPT_ALL] = { 0, "all", NULL, "also enter events and old forms that only captures contain" },
	{ 0 },
};

static int table_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_fields = {
	.name = "fields",
	.operands = "",
	.summary = "List the fields and transformers that rules can use.",
	.options = field_options,
	.run = table_run,
};

const struct command cmd_events = {
	.name = "events",
	.operands = "",
	.summary = "List the event types with their parameters.",
	.options = event_options,
	.run = table_run,
};

static int table_run(const struct command *cmd, int argc, char **argv)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	enum inspect_form form = INSPECT_TEXT;
	bool all = false;
	const char *arg;
	struct cli cli;
	int opt;

	cli_init(&cli, cmd, argc, argv);
	while ((opt = cli_next(&cli, &arg)) >= 0) {
		if (opt == OPT_ALL)
			all = true;
		else
			form = opt == OPT_JSON ? INSPECT_JSON : INSPECT_MARKDOWN;
	}
	if (opt != CLI_DONE)
		return opt == CLI_HELP ? EXIT_OK : EXIT_USAGE;
	if (cli.noperands)
		return cli_usage(cmd, "unexpected operand '%s'", cli.operands[0]);
	if (cmd == &cmd_events) {
		inspect_events(form, all, &out);
	} else {
		inspect_fields(form, &out);
		inspect_transformers(form, &out);
	}
	fwrite(out.p, 1, out.len, stdout);
	return out.err ? cli_fail("out of memory") : EXIT_OK;
}
