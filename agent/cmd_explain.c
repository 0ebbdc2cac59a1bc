/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel explain: how the engine evaluates a rule. A debugging aid for authors of rules and of the
 * matcher.
 */
#include "agent/rule_options.h"

enum { OPT_PLAN = RULE_OPTION_COUNT };

static const struct cli_option options[] = {
	RULE_OPTIONS,
	[OPT_PLAN] = { 0, "plan", "RULE", "the rule to show, repeatable; default: all active rules" },
	{ 0 },
};

static int explain_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_explain = {
	.name = "explain",
	.operands = "",
	.summary = "Show how rules are evaluated.",
	.description = "Per group of event types: the checks that are made first for all rules at "
		       "once and rule\nthis one out, then its own checks and where each goes on. A "
		       "check marked 'process' is made\nonce per process and again when the process "
		       "changes, one marked 'event' for every event.",
	.options = options,
	.run = explain_run,
};

static const struct rule *find_rule(const struct ruleset *rs, const char *name)
{
	for (uint32_t i = 0; i < rs->nrules; i++)
		if (str_is(rs->rules[i]->name.s, name))
			return rs->rules[i];
	return NULL;
}

static int no_rule(const struct ruleset *rs, const char *name)
{
	const char **names = calloc(MAX(rs->nrules, 1U), sizeof(*names)), *near = NULL;
	struct arena a;

	arena_init(&a, 4096, 0);
	for (uint32_t i = 0; names && i < rs->nrules; i++)
		names[i] = arena_strdup(&a, rs->rules[i]->name.s);
	if (names)
		near = str_nearest(str_from(name), names, rs->nrules);
	if (near)
		cli_fail("no rule '%s'; did you mean '%s'?", name, near);
	else
		cli_fail("no rule '%s'", name);
	arena_done(&a);
	free(names);
	return EXIT_FAILED;
}

static int explain(struct tiercel *engine, const struct io_names *names)
{
	const struct ruleset *rs = tiercel_rules(engine);
	_cleanup_buf_ struct buf out = BUF_INIT;
	int e = EXIT_OK;

	for (uint32_t i = 0; e == EXIT_OK && i < names->n; i++) {
		const struct rule *rule = find_rule(rs, names->names[i]);

		if (rule)
			tiercel_explain(engine, rule, &out);
		else
			e = no_rule(rs, names->names[i]);
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
		e = explain(engine, names);
	tiercel_free(engine);
	return e;
}

static int explain_run(const struct command *cmd, int argc, char **argv)
{
	_cleanup_(io_names_done) struct io_names names = { 0 };
	struct rule_options rules;
	int opt, e = EXIT_OK;
	const char *arg;
	struct cli cli;

	cli_init(&cli, cmd, argc, argv);
	rule_options_init(&rules);
	while (e == EXIT_OK && (opt = cli_next(&cli, &arg)) >= 0) {
		if (opt < RULE_OPTION_COUNT)
			e = rule_options_take(&rules, cmd, opt, arg);
		else if (io_names_add(&names, arg) < 0)
			e = cli_fail("out of memory");
	}
	if (e == EXIT_OK && opt == CLI_HELP)
		e = CLI_HELP;
	else if (e == EXIT_OK && opt != CLI_DONE)
		e = EXIT_USAGE;
	else if (e == EXIT_OK && rules.files.n == 0)
		e = cli_usage(cmd, "no rules given (-r FILE or DIR)");
	if (e == EXIT_OK)
		e = load_and_explain(&rules, &names);
	rule_options_done(&rules);
	return e == CLI_HELP ? EXIT_OK : e;
}
