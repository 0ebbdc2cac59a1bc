/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel run and tiercel record: the live sensor, and the live sensor that also writes a trace.
 */
#include "agent/cmd.h"
#include "agent/config_default.h"
#include "agent/live.h"

/* Options of both commands, then those of each. */
enum {
	OPT_CONFIG = RULE_OPTION_COUNT,
	OPT_OVERRIDE,
	OPT_HEARTBEAT,
	OPT_FOLLOW,
	OPT_SECONDS,
	OPT_RING,
	OPT_OWN
};
enum { OPT_THREADS = OPT_OWN };
enum { OPT_WRITE = OPT_OWN, OPT_FILTER, OPT_EVENTS, OPT_SIZE, OPT_FILES, OPT_REDACT };

#define COMMON_OPTIONS                                                                            \
	RULE_OPTIONS,                                                                             \
	[OPT_CONFIG] = { 'c', "config", "FILE", "configuration; options of the command line win" }, \
	[OPT_OVERRIDE] = { 'o', "option", "KEY=VALUE", "set an option of the configuration, "     \
						       "repeatable" },                            \
	[OPT_HEARTBEAT] = { 0, "heartbeat", NULL, "records of start, every minute, and stop" },   \
	[OPT_FOLLOW] = { 0, "follow", "INTERVAL", "look at the registry of the bundle for a new one, as "  \
						  "90s or 1h" },                                  \
	[OPT_SECONDS] = { 'M', "seconds", "N", "stop after N seconds" },                          \
	[OPT_RING] = { 0, "ring-size", "KIB", "data ring of each CPU, a power of two" }

static const struct cli_option run_options[] = {
	COMMON_OPTIONS,
	[OPT_THREADS] = { 0, "threads", "N", "evaluate rules on N threads; alerts are the same, in "
					     "the same order" },
	{ 0 },
};

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
	.description = "Needs root and a kernel with BTF. The configuration is " CONFIG_DEFAULT_PATH
		       ", or\nwhat -c names; see 'tiercel config'. SIGHUP loads the rules again, SIGUSR1 "
		       "opens\nfiles again, SIGINT and SIGTERM end it with a summary on stderr.",
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

static bool is_ring_size(uint64_t kb)
{
	return kb >= 4 && (kb & (kb - 1)) == 0;
}

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

/* Everything that came from the command line, in its order. */
struct live_args {
	struct live_opts live;
	struct config *config;
	struct identity identity;
	struct arena arena;		/* of the two lists */
	struct rule_choice *choices;
	uint32_t nchoices, cap_choices;
	bool has_rules;			/* -r or a bundle was given */
	bool has_files;			/* -r was given: these and no others */
};

static int keep_choice(struct live_args *a, int opt, const char *arg)
{
	struct rule_choice *v = arena_grow(&a->arena, a->choices, &a->cap_choices, a->nchoices + 1,
					   sizeof(*v));

	if (!v)
		return cli_fail("out of memory");
	a->choices = v;
	v[a->nchoices++] = (struct rule_choice){ opt, arg };
	a->has_files |= opt == RULE_OPTION_FILES;
	a->has_rules |= opt == RULE_OPTION_FILES || opt == RULE_OPTION_BUNDLE;
	return EXIT_OK;
}

static int keep_override(struct live_args *a, const char *text)
{
	return config_texts_add(&a->live.rules_spec.config.overrides, &a->arena, text) < 0
		       ? cli_fail("out of memory") : EXIT_OK;
}

/* An option of the configuration that the command line has, too. */
static int keep_text(struct live_args *a, const char *key, const char *value)
{
	const char *text = arena_printf(&a->arena, "%s=%s", key, value);

	return text ? keep_override(a, text) : cli_fail("out of memory");
}

static int run_option(const struct command *cmd, int opt, const char *arg, struct live_args *a)
{
	uint64_t number;
	int e = parse_number(cmd, cmd->options[opt].name, arg, ENGINES_MAX, &number);

	return e == EXIT_OK ? keep_text(a, "sensor.threads", arg) : e;
}

static int record_option(const struct command *cmd, int opt, const char *arg, struct live_args *a)
{
	struct live_opts *o = &a->live;
	const char *name = cmd->options[opt].name;
	uint64_t number = 0;
	int e = EXIT_OK;

	switch (opt) {
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

static int parse_option(const struct command *cmd, int opt, const char *arg, struct live_args *a)
{
	struct live_opts *o = &a->live;
	const char *name = cmd->options[opt].name;
	uint64_t number = 0;
	int e = EXIT_OK;

	if (opt < RULE_OPTION_COUNT)
		return keep_choice(a, opt, arg);
	switch (opt) {
	case OPT_CONFIG:
		o->rules_spec.config.path = arg;
		return EXIT_OK;
	case OPT_OVERRIDE:
		return keep_override(a, arg);
	case OPT_HEARTBEAT:
		return keep_override(a, "heartbeat.enabled=true");
	case OPT_FOLLOW:
		return keep_text(a, "bundle.follow", arg);
	case OPT_SECONDS:
		return parse_number(cmd, name, arg, UINT32_MAX, &o->max_seconds);
	case OPT_RING:
		e = parse_number(cmd, name, arg, 1 << 20, &number);
		if (e == EXIT_OK && !is_ring_size(number))
			return cli_usage(cmd, "--ring-size takes a power of two from 4 to 1048576");
		o->source.data_ring_bytes = (uint32_t)number << 10;
		return e;
	}
	return cmd == &cmd_record ? record_option(cmd, opt, arg, a) : run_option(cmd, opt, arg, a);
}

static int parse_options(const struct command *cmd, int argc, char **argv, struct live_args *a)
{
	struct live_opts *o = &a->live;
	struct cli cli;
	const char *arg;
	int opt;

	cli_init(&cli, cmd, argc, argv);
	while ((opt = cli_next(&cli, &arg)) >= 0) {
		int e = parse_option(cmd, opt, arg, a);

		if (e != EXIT_OK)
			return e;
	}
	if (opt != CLI_DONE)
		return opt == CLI_HELP ? CLI_HELP : EXIT_USAGE;
	if (cli.noperands)
		return cli_usage(cmd, "unexpected operand '%s'", cli.operands[0]);
	if (cmd == &cmd_record && !o->record_path)
		return cli_usage(cmd, "no trace to write (-w FILE)");
	if (o->record.max_files && !o->record.file_bytes)
		return cli_usage(cmd, "--files goes with --size");
	return EXIT_OK;
}

/* The configuration, then what the command line says about rules on top of it. */
static int apply_rules(const struct command *cmd, struct live_args *a)
{
	struct rule_options *rules = &a->live.rules;
	int e = rule_options_config(rules, a->config, &a->identity);

	for (uint32_t i = 0; e == EXIT_OK && i < a->nchoices; i++)
		e = rule_options_take(rules, cmd, a->choices[i].opt, a->choices[i].arg);
	if (e != EXIT_OK)
		return e;
	a->config->json_output = !rules->text;
	a->live.has_rules = a->has_rules || a->config->rules_files.n ||
			    a->config->rules_bundle[0];
	if (cmd == &cmd_run && !a->live.has_rules)
		return cli_usage(cmd, "no rules given (-r FILE or DIR, --bundle, or rules_files or "
				      "rules_bundle in the configuration)");
	return EXIT_OK;
}

static int find_identity(struct live_args *a)
{
	_cleanup_buf_ struct buf warning = BUF_INIT;

	if (identity_init(&a->identity, a->config, &warning) < 0)
		return cli_fail("out of memory");
	if (warning.len)
		cli_warn("%.*s", STR_ARG(buf_str(&warning)));
	a->live.rules_spec.identity = &a->identity;
	return EXIT_OK;
}

/* Size of a ring in the configuration; what the command line says stays. */
static int apply_ring(const char *option, uint64_t kb, uint32_t *ret_bytes)
{
	if (kb && !is_ring_size(kb))
		return cli_fail("%s takes a power of two from 4, not %llu", option,
				(unsigned long long)kb);
	if (!*ret_bytes)
		*ret_bytes = (uint32_t)kb << 10;
	return EXIT_OK;
}

static int apply_config(const struct command *cmd, struct live_args *a)
{
	struct live_opts *o = &a->live;
	int e = cmd == &cmd_run || o->rules_spec.config.path
			? config_default(&o->rules_spec.config, &a->config)
			: config_only(&o->rules_spec.config, &a->config);

	if (e == EXIT_OK)
		e = find_identity(a);
	if (e == EXIT_OK)
		e = apply_rules(cmd, a);
	if (e == EXIT_OK)
		e = apply_ring("sensor.ring_kb", a->config->sensor.ring_kb,
			       &o->source.data_ring_bytes);
	if (e == EXIT_OK)
		e = apply_ring("sensor.life_ring_kb", a->config->sensor.life_ring_kb,
			       &o->source.life_ring_bytes);
	if (e != EXIT_OK)
		return e;
	o->source.snaplen = (uint32_t)a->config->falco_libs.snaplen;
	/*
	 * A recording replays to the same alerts, also to those that count their own events
	 * (util.cnt).
	 */
	o->threads = cmd == &cmd_run ? (uint32_t)a->config->sensor.threads : 1;
	o->config = a->config;
	o->rules_spec.cmd = cmd;
	o->rules_spec.choices = a->choices;
	o->rules_spec.nchoices = a->nchoices;
	o->rules_spec.keep_last_good = !a->has_files;
	return EXIT_OK;
}

static int live_command(const struct command *cmd, int argc, char **argv)
{
	struct live_args a = { 0 };
	int e;

	arena_init(&a.arena, 1024, 0);
	rule_options_init(&a.live.rules);
	e = parse_options(cmd, argc, argv, &a);
	if (e == EXIT_OK)
		e = apply_config(cmd, &a);
	if (e == EXIT_OK)
		e = live_run(&a.live);
	redact_free(a.live.redact);
	rule_options_done(&a.live.rules);
	identity_done(&a.identity);
	config_free(a.config);
	arena_done(&a.arena);
	return e == CLI_HELP ? EXIT_OK : e;
}
