/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel run and tiercel record: the live sensor, and the live sensor that also writes a trace.
 */
#include "agent/cmd.h"
#include "agent/live.h"

/* Options of both commands; those from OPT_WRITE on belong to record. */
enum { OPT_SECONDS = RULE_OPTION_COUNT, OPT_RING, OPT_WRITE, OPT_FILTER, OPT_EVENTS, OPT_SIZE,
       OPT_FILES, OPT_REDACT };

#define COMMON_OPTIONS                                                                            \
	RULE_OPTIONS,                                                                             \
	[OPT_SECONDS] = { 'M', "seconds", "N", "stop after N seconds" },                          \
	[OPT_RING] = { 0, "ring-size", "KIB", "data ring of each CPU, a power of two" }

static const struct cli_option run_options[] = { COMMON_OPTIONS, { 0 } };

static const struct cli_option record_options[] = {
	COMMON_OPTIONS,
	[OPT_WRITE] = { 'w', "write", "FILE", "trace to write; compressed if it ends in .gz" },
	[OPT_FILTER] = { 0, "filter", "CONDITION", "record only what matches, plus what keeps the "
						   "state right" },
	[OPT_EVENTS] = { 'n', "events", "N", "stop after N recorded events" },
	[OPT_SIZE] = { 'C', "size", "MB", "start a new file at this size" },
	[OPT_FILES] = { 'W', "files", "N", "with --size: keep the newest N files" },
	[OPT_REDACT] = { 0, "redact", "KIND[=GLOB]", "mask env, args or paths, repeatable" },
	{ 0 },
};

static int live_command(const struct command *cmd, int argc, char **argv);

const struct command cmd_run = {
	.name = "run",
	.operands = "",
	.summary = "Run the live sensor: alerts as JSON lines on stdout.",
	.description = "Needs root and a kernel with BTF. SIGINT and SIGTERM end it with a summary on "
		       "stderr.",
	.options = run_options,
	.run = live_command,
};

const struct command cmd_record = {
	.name = "record",
	.operands = "",
	.summary = "Record a live trace (.scap), evaluating rules if any are given.",
	.description = "The trace starts with all processes, fds, users and interfaces; 'tiercel "
		       "replay' gives the\nsame alerts for it. Every file of a rotation can be read "
		       "alone.",
	.options = record_options,
	.run = live_command,
};

/* A whole positive number up to max. */
static int parse_number(const struct command *cmd, const char *name, const char *arg, uint64_t max,
			uint64_t *ret)
{
	uint64_t v;

	if (str_to_u64(str_from(arg), &v) < 0 || v == 0 || v > max)
		return cli_usage(cmd, "--%s takes a number from 1 to %llu, not '%s'", name,
				 (unsigned long long)max, arg);
	*ret = v;
	return EXIT_OK;
}

static int parse_option(const struct command *cmd, int opt, const char *arg, struct live_opts *o)
{
	const char *name = cmd->options[opt].name;
	uint64_t number = 0;
	int e = EXIT_OK;

	if (opt < RULE_OPTION_COUNT)
		return rule_options_take(&o->rules, cmd, opt, arg);
	switch (opt) {
	case OPT_SECONDS:
		return parse_number(cmd, name, arg, UINT32_MAX, &o->max_seconds);
	case OPT_RING:
		e = parse_number(cmd, name, arg, 1 << 20, &number);
		if (e == EXIT_OK && (number < 4 || (number & (number - 1))))
			return cli_usage(cmd, "--ring-size takes a power of two from 4 to 1048576");
		o->source.data_ring_bytes = (uint32_t)number << 10;
		return e;
	case OPT_WRITE:
		o->record_path = arg;
		return EXIT_OK;
	case OPT_FILTER:
		o->record_filter = arg;
		return EXIT_OK;
	case OPT_EVENTS:
		return parse_number(cmd, name, arg, UINT64_MAX, &o->record.max_events);
	case OPT_SIZE:
		e = parse_number(cmd, name, arg, 1 << 20, &number);
		o->record.file_bytes = number * 1000000;
		return e;
	case OPT_FILES:
		e = parse_number(cmd, name, arg, UINT32_MAX, &number);
		o->record.max_files = (uint32_t)number;
		return e;
	case OPT_REDACT:
		return cli_redact(cmd, arg, &o->redact);
	}
	return EXIT_USAGE;
}

static int parse_options(const struct command *cmd, int argc, char **argv, struct live_opts *o)
{
	struct cli cli;
	const char *arg;
	int opt;

	cli_init(&cli, cmd, argc, argv);
	while ((opt = cli_next(&cli, &arg)) >= 0) {
		int e = parse_option(cmd, opt, arg, o);

		if (e != EXIT_OK)
			return e;
	}
	if (opt != CLI_DONE)
		return opt == CLI_HELP ? CLI_HELP : EXIT_USAGE;
	if (cli.noperands)
		return cli_usage(cmd, "unexpected operand '%s'", cli.operands[0]);
	if (cmd == &cmd_run && o->rules.files.n == 0)
		return cli_usage(cmd, "no rules given (-r FILE or DIR)");
	if (cmd == &cmd_record && !o->record_path)
		return cli_usage(cmd, "no trace to write (-w FILE)");
	if (o->record.max_files && !o->record.file_bytes)
		return cli_usage(cmd, "--files goes with --size");
	return EXIT_OK;
}

static int live_command(const struct command *cmd, int argc, char **argv)
{
	struct live_opts opts = { 0 };
	int e;

	rule_options_init(&opts.rules);
	e = parse_options(cmd, argc, argv, &opts);
	if (e == EXIT_OK)
		e = live_run(&opts);
	redact_free(opts.redact);
	rule_options_done(&opts.rules);
	return e == CLI_HELP ? EXIT_OK : e;
}
