/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel metrics: the table of metrics that /metrics has.
 */
#include "agent/cmd.h"
#include "agent/metrics.h"

enum { OPT_MARKDOWN };

static const struct cli_option options[] = {
	[OPT_MARKDOWN] = { 0, "markdown", NULL, "a Markdown table" },
	{ 0 },
};

static int metrics_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_metrics = {
	.name = "metrics",
	.operands = "",
	.summary = "List the metrics that the sensor serves.",
	.description = "Columns: name, kind, unit, name in heartbeats, meaning; separated by tabs.",
	.options = options,
	.run = metrics_run,
};

static int metrics_run(const struct command *cmd, int argc, char **argv)
{
	bool markdown = false;
	struct cli cli;
	const char *arg;
	int opt;

	cli_init(&cli, cmd, argc, argv);
	while ((opt = cli_next(&cli, &arg)) >= 0)
		markdown = true;
	if (opt != CLI_DONE)
		return opt == CLI_HELP ? EXIT_OK : EXIT_USAGE;
	if (cli.noperands)
		return cli_usage(cmd, "unexpected operand '%s'", cli.operands[0]);
	if (markdown)
		printf("| metric | kind | unit | in heartbeats | meaning |\n|---|---|---|---|---|\n");
	for (uint32_t i = 0; i < metric_infos_count; i++) {
		const struct metric_info *m = &metric_infos[i];

		printf(markdown ? "| %s | %s | %s | %s | %s |\n" : "%s\t%s\t%s\t%s\t%s\n", m->name,
		       m->kind, m->unit, m->key, m->help);
	}
	return EXIT_OK;
}
