/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel config: is the configuration right, what is in force, what may stand in the file.
 */
#include "agent/cmd.h"
#include "agent/config.h"
#include "agent/config_default.h"

enum { OPT_FILE, OPT_OVERRIDE, OPT_CHECK, OPT_SCHEMA, OPT_EFFECTIVE };

static const struct cli_option options[] = {
	[OPT_FILE] = { 'c', "config", "FILE", "configuration (default " CONFIG_DEFAULT_PATH ")" },
	[OPT_OVERRIDE] = { 'o', "option", "KEY=VALUE", "set an option, repeatable" },
	[OPT_CHECK] = { 0, "check", NULL, "only report problems (default)" },
	[OPT_SCHEMA] = { 0, "schema", NULL, "print the JSON schema of the file" },
	[OPT_EFFECTIVE] = { 0, "effective", NULL, "print all options as they are in force" },
	{ 0 },
};

static int run(const struct command *cmd, int argc, char **argv);

const struct command cmd_config = {
	.name = "config",
	.operands = "",
	.summary = "Check a configuration file, show what is in force, or its schema.",
	.description = "Exit status 1 if the configuration has errors. Falco's configuration files "
		       "are accepted; keys\nwithout effect are warnings with their place.",
	.options = options,
	.run = run,
};

static int show(int what, const struct config *c)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	if (what == OPT_EFFECTIVE)
		config_effective(c, &out);
	if (out.err)
		return cli_fail("out of memory");
	io_print(&out, stdout);
	return EXIT_OK;
}

static int print_schema(void)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	config_schema(&out);
	if (out.err)
		return cli_fail("out of memory");
	io_print(&out, stdout);
	return EXIT_OK;
}

static int run(const struct command *cmd, int argc, char **argv)
{
	struct config_opts opts = { 0 };
	struct config *config = NULL;
	int what = OPT_CHECK, opt, e = EXIT_OK;
	struct arena a;
	struct cli cli;
	const char *arg;

	arena_init(&a, 1024, 0);
	cli_init(&cli, cmd, argc, argv);
	while (e == EXIT_OK && (opt = cli_next(&cli, &arg)) >= 0) {
		if (opt == OPT_FILE)
			opts.path = arg;
		else if (opt == OPT_OVERRIDE)
			e = config_texts_add(&opts.overrides, &a, arg) < 0
				    ? cli_fail("out of memory") : EXIT_OK;
		else
			what = opt;
	}
	if (e == EXIT_OK && opt != CLI_DONE)
		e = opt == CLI_HELP ? CLI_HELP : EXIT_USAGE;
	else if (e == EXIT_OK && cli.noperands)
		e = cli_usage(cmd, "unexpected operand '%s'", cli.operands[0]);
	if (e == EXIT_OK && what == OPT_SCHEMA)
		e = print_schema();
	else if (e == EXIT_OK)
		e = config_default(&opts, &config);
	if (config)
		e = show(what, config);
	config_free(config);
	arena_done(&a);
	return e == CLI_HELP ? EXIT_OK : e;
}
