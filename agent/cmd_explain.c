/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel explain: how the engine evaluates a rule (--plan), and why the rule matches the events of
 * a trace or does not (--trace).
 */
#include "agent/explain_trace.h"

enum { MISSES_DEFAULT = 3, MISSES_MAX = 1000 };
enum { OPT_PLAN = RULE_OPTION_COUNT, OPT_TRACE, OPT_EVENT, OPT_MISSES, OPT_JSON };

static const struct cli_option options[] = {
	RULE_OPTIONS,
	[OPT_PLAN] = { 0, "plan", "RULE", "how the rule is compiled, repeatable; without RULE and "
					  "--plan: all active rules" },
	[OPT_TRACE] = { 0, "trace", "TRACE", "judge the events of a trace, repeatable" },
	[OPT_EVENT] = { 0, "event", "N", "with --trace: only the event with this evt.num" },
	[OPT_MISSES] = { 0, "misses", "N", "with --trace: reasons of near misses (default 3)" },
	[OPT_JSON] = { 0, "json", NULL, "with --trace: one JSON object" },
	{ 0 },
};

static int explain_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_explain = {
	.name = "explain",
	.operands = "[RULE --trace TRACE]",
	.summary = "Show why a rule matches or does not, and how rules are evaluated.",
	.description = "With --trace: how many events RULE matches, what each exception swallowed, "
		       "and the events that\nmissed by the fewest checks, with the condition as a "
		       "tree: truth of every node, value of every\nfield. Without it, per group of "
		       "event types: the checks that are made first for all rules at once\nand "
		       "rule this one out, then its own checks and where each goes on. A check "
		       "marked 'process' is\nmade once per process and again when the process "
		       "changes, one marked 'event' for every event.",
	.options = options,
	.run = explain_run,
};

static int explain_plans(struct tiercel *engine, const struct io_names *names)
{
	const struct ruleset *rs = tiercel_rules(engine);
	_cleanup_buf_ struct buf out = BUF_INIT;
	int e = EXIT_OK;

	for (uint32_t i = 0; e == EXIT_OK && i < names->n; i++) {
		const struct rule *rule = explain_find_rule(rs, names->names[i]);

		if (rule)
			tiercel_explain(engine, rule, &out);
		else
			e = EXIT_FAILED;
	}
	for (uint32_t i = 0; names->n == 0 && i < rs->nrules; i++)
		if (rs->rules[i]->active)
			tiercel_explain(engine, rs->rules[i], &out);
	if (out.err)
		return cli_fail("out of memory");
	io_print(&out, stdout);
	return e;
}

static int load_and_explain(const struct rule_options *rules, const struct io_names *names)
{
	struct tiercel_opts opts = { .match_all = rules->match_all };
	struct tiercel *engine;
	struct limits limits;
	int e;

	limits_init(&limits);
	engine = tiercel_new(&opts, &limits);
	if (!engine)
		return cli_fail("out of memory");
	e = rule_options_load(rules, engine, &limits);
	if (e == EXIT_OK)
		e = explain_plans(engine, names);
	tiercel_free(engine);
	return e;
}

struct explain_command {
	struct rule_options rules;
	struct io_names plans;
	struct explain_trace_opts trace;
};

static int take_option(struct explain_command *c, const struct command *cmd, int opt,
		       const char *arg)
{
	uint64_t n;

	if (opt < RULE_OPTION_COUNT)
		return rule_options_take(&c->rules, cmd, opt, arg);
	switch (opt) {
	case OPT_PLAN:
		return io_names_add(&c->plans, arg) < 0 ? cli_fail("out of memory") : EXIT_OK;
	case OPT_TRACE:
		return io_names_add(&c->trace.traces, arg) < 0 ? cli_fail("out of memory")
							       : EXIT_OK;
	case OPT_EVENT:
		if (str_to_u64(str_from(arg), &c->trace.event) < 0 || !c->trace.event)
			return cli_usage(cmd, "--event takes the number of an event, not '%s'",
					 arg);
		break;
	case OPT_MISSES:
		if (str_to_u64(str_from(arg), &n) < 0 || n > MISSES_MAX)
			return cli_usage(cmd, "--misses takes a number up to %d, not '%s'",
					 MISSES_MAX, arg);
		c->trace.misses = (uint32_t)n;
		break;
	case OPT_JSON:
		c->trace.json = true;
		break;
	}
	return EXIT_OK;
}

static int check_usage(const struct explain_command *c, const struct cli *cli)
{
	if (!rule_options_any(&c->rules))
		return cli_usage(cli->cmd, "no rules given (-r FILE or DIR, or --bundle)");
	if (c->trace.traces.n == 0 && cli->noperands)
		return cli_usage(cli->cmd, "RULE goes with --trace TRACE; its plan is --plan RULE");
	if (c->trace.traces.n && cli->noperands != 1)
		return cli_usage(cli->cmd, "--trace explains one RULE");
	if (c->trace.traces.n && c->plans.n)
		return cli_usage(cli->cmd, "--plan and --trace exclude each other");
	if (!c->trace.traces.n && (c->trace.event || c->trace.json))
		return cli_usage(cli->cmd, "--event and --json go with --trace");
	return EXIT_OK;
}

static int explain_run(const struct command *cmd, int argc, char **argv)
{
	struct explain_command c = { .trace.misses = MISSES_DEFAULT };
	int opt, e = EXIT_OK;
	const char *arg;
	struct cli cli;

	cli_init(&cli, cmd, argc, argv);
	rule_options_init(&c.rules);
	while (e == EXIT_OK && (opt = cli_next(&cli, &arg)) >= 0)
		e = take_option(&c, cmd, opt, arg);
	if (e == EXIT_OK && opt == CLI_HELP)
		e = CLI_HELP;
	else if (e == EXIT_OK && opt != CLI_DONE)
		e = EXIT_USAGE;
	else if (e == EXIT_OK)
		e = check_usage(&c, &cli);
	if (e == EXIT_OK && c.trace.traces.n) {
		c.trace.rule = cli.operands[0];
		e = explain_trace(&c.trace, &c.rules);
	} else if (e == EXIT_OK) {
		e = load_and_explain(&c.rules, &c.plans);
	}
	rule_options_done(&c.rules);
	io_names_done(&c.plans);
	io_names_done(&c.trace.traces);
	return e == CLI_HELP ? EXIT_OK : e;
}
