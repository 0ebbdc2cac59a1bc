/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel diff: what two versions of rules make of the same traces. For pull requests of rules:
 * which alerts come, go, change, because of what.
 */
#include "agent/alert_diff.h"

#include <unistd.h>

enum { EXAMPLES_DEFAULT = 3, EXAMPLES_MAX = 1000 };
enum { OPT_TRACE = RULE_OPTION_COUNT, OPT_FAIL_ON, OPT_SHOW, OPT_JSON };

static const struct cli_option options[] = {
	RULE_OPTIONS,
	[OPT_TRACE] = { 0, "trace", "TRACE", "evaluate both on this trace, repeatable" },
	[OPT_FAIL_ON] = { 0, "fail-on", "KIND,...", "exit status 1 for such alerts: added, "
						    "removed, changed, any" },
	[OPT_SHOW] = { 0, "show", "N", "examples per rule and reason (default 3)" },
	[OPT_JSON] = { 0, "json", NULL, "one JSON object" },
	{ 0 },
};

static int diff_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_diff = {
	.name = "diff",
	.operands = "OLD NEW --trace TRACE...",
	.summary = "Compare the alerts of two versions of rules on traces.",
	.description = "OLD and NEW are rules files, directories or bundles; rules of -r are "
		       "loaded before both, the other\noptions about rules hold for both. "
		       "Differences are grouped by rule and reason: the exception that\ntook an alert away, a "
		       "condition, another rule that comes first. Exit status: 0, 1 by "
		       "--fail-on or\nwhen rules or traces are wrong, 2 usage.",
	.options = options,
	.run = diff_run,
};

struct diff_command {
	struct rule_options rules;
	struct io_names traces;
	bool fail_on[DIFF_KINDS];
	uint64_t show;
	bool json;
};

/* ---- reports ------------------------------------------------------------------------------- */

static int by_kind_and_count(const void *a, const void *b)
{
	const struct diff_group *x = *(struct diff_group *const *)a;
	const struct diff_group *y = *(struct diff_group *const *)b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return strcmp(x->rule, y->rule);
}

static void report_text(const struct alert_diff *d, struct buf *out)
{
	static const char *const because[DIFF_KINDS] = { "before: ", "now: ", "" };
	static const char signs[] = "+-~";

	for (uint32_t i = 0; i < d->ngroups; i++) {
		const struct diff_group *g = d->groups[i];

		buf_printf(out, "%c %llu %s: %s (%s%s%s%s%s)\n", signs[g->kind],
			   (unsigned long long)g->count, diff_kind_names[g->kind], g->rule,
			   because[g->kind], g->reason, g->exception ? " '" : "",
			   g->exception ? g->exception : "", g->exception ? "'" : "");
		for (uint32_t k = 0; k < g->nexamples; k++)
			buf_printf(out, "    %s event %llu, process %s: %s\n", g->examples[k].trace,
				   (unsigned long long)g->examples[k].event,
				   g->examples[k].process, g->examples[k].output);
	}
	buf_printf(out, "%llu events, alerts %llu -> %llu: "
			"%llu added, %llu removed, %llu changed\n",
		   (unsigned long long)d->events, (unsigned long long)d->alerts[0],
		   (unsigned long long)d->alerts[1], (unsigned long long)d->counts[DIFF_ADDED],
		   (unsigned long long)d->counts[DIFF_REMOVED],
		   (unsigned long long)d->counts[DIFF_CHANGED]);
}

static void put_number(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

static void put_text(struct json *j, const char *key, const char *v)
{
	json_key(j, key);
	json_cstr(j, v);
}

static void json_group(const struct diff_group *g, struct json *j)
{
	json_obj(j);
	put_text(j, "kind", diff_kind_names[g->kind]);
	put_text(j, "rule", g->rule);
	put_text(j, "reason", g->reason);
	if (g->exception)
		put_text(j, "exception", g->exception);
	put_number(j, "count", g->count);
	json_key(j, "examples");
	json_arr(j);
	for (uint32_t i = 0; i < g->nexamples; i++) {
		json_obj(j);
		put_text(j, "trace", g->examples[i].trace);
		put_number(j, "event", g->examples[i].event);
		put_text(j, "process", g->examples[i].process);
		put_text(j, "output", g->examples[i].output);
		json_obj_end(j);
	}
	json_arr_end(j);
	json_obj_end(j);
}

static void report_json(const struct alert_diff *d, struct buf *out)
{
	struct json j = json_start(out);

	json_obj(&j);
	put_number(&j, "events", d->events);
	put_number(&j, "alerts_old", d->alerts[0]);
	put_number(&j, "alerts_new", d->alerts[1]);
	for (int i = 0; i < DIFF_KINDS; i++)
		put_number(&j, diff_kind_names[i], d->counts[i]);
	json_key(&j, "groups");
	json_arr(&j);
	for (uint32_t i = 0; i < d->ngroups; i++)
		json_group(d->groups[i], &j);
	json_arr_end(&j);
	json_obj_end(&j);
	buf_add_char(out, '\n');
}

static int report(const struct diff_command *c, struct alert_diff *d)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	if (d->ngroups)
		qsort(d->groups, d->ngroups, sizeof(*d->groups), by_kind_and_count);
	if (c->json)
		report_json(d, &out);
	else
		report_text(d, &out);
	if (out.err)
		return cli_fail("out of memory");
	io_print(&out, stdout);
	for (int i = 0; i < DIFF_KINDS; i++)
		if (c->fail_on[i] && d->counts[i])
			return EXIT_FAILED;
	return EXIT_OK;
}

/* ---- options ------------------------------------------------------------------------------- */

/* A folder with bundle.yaml, an archive of one, or one in a registry. */
static bool is_bundle(const char *path)
{
	_cleanup_buf_ struct buf name = BUF_INIT;

	if (oci_ref_is_url(path) || str_ends(str_from(path), STR(".tar.gz")))
		return true;
	buf_printf(&name, "%s/%s", path, BUNDLE_FILE_NAME);
	return !name.err && access(name.p, R_OK) == 0;
}

/* The common options with the files of one side behind those of -r, or its bundle. */
static int side_files(const struct rule_options *common, const char *path,
		      struct rule_options *ret_side)
{
	*ret_side = *common;
	ret_side->files = (struct io_names){ 0 };
	for (uint32_t i = 0; i < common->files.n; i++)
		if (io_names_add(&ret_side->files, common->files.names[i]) < 0)
			return cli_fail("out of memory");
	if (is_bundle(path)) {
		ret_side->bundle.path = path;
		return EXIT_OK;
	}
	return rules_add_path(&ret_side->files, path) < 0 ? EXIT_FAILED : EXIT_OK;
}

static int compare(struct diff_command *c, const struct cli *cli)
{
	struct rule_options before = { 0 }, after = { 0 };
	struct alert_diff d;
	int e = side_files(&c->rules, cli->operands[0], &before);

	alert_diff_init(&d, (uint32_t)c->show);
	if (e == EXIT_OK)
		e = side_files(&c->rules, cli->operands[1], &after);
	if (e == EXIT_OK)
		e = alert_diff_run(&d, &before, &after, &c->traces);
	if (e == EXIT_OK)
		e = report(c, &d);
	io_names_done(&before.files);
	io_names_done(&after.files);
	alert_diff_done(&d);
	return e;
}

static int take_policy(struct diff_command *c, const struct command *cmd, struct str s)
{
	for (uint32_t from = 0, to; from <= s.len; from = to + 1) {
		struct str kind;
		int i = 0;

		for (to = from; to < s.len && s.p[to] != ',';)
			to++;
		kind = str_sub(s, from, to);
		while (i < DIFF_KINDS && !str_is(kind, diff_kind_names[i]))
			i++;
		if (i < DIFF_KINDS)
			c->fail_on[i] = true;
		else if (str_is(kind, "any"))
			memset(c->fail_on, true, sizeof(c->fail_on));
		else
			return cli_usage(cmd, "--fail-on takes added, removed, changed or any, "
					      "separated by commas, not '%.*s'", STR_ARG(kind));
	}
	return EXIT_OK;
}

static int take_option(struct diff_command *c, const struct command *cmd, int opt, const char *arg)
{
	if (opt < RULE_OPTION_COUNT)
		return rule_options_take(&c->rules, cmd, opt, arg);
	switch (opt) {
	case OPT_TRACE:
		return io_names_add(&c->traces, arg) < 0 ? cli_fail("out of memory") : EXIT_OK;
	case OPT_FAIL_ON:
		return take_policy(c, cmd, str_from(arg));
	case OPT_SHOW:
		if (str_to_u64(str_from(arg), &c->show) < 0 || c->show > EXAMPLES_MAX)
			return cli_usage(cmd, "--show takes a number up to %d, not '%s'",
					 EXAMPLES_MAX, arg);
		break;
	case OPT_JSON:
		c->json = true;
		break;
	}
	return EXIT_OK;
}

static int diff_run(const struct command *cmd, int argc, char **argv)
{
	struct diff_command c = { .show = EXAMPLES_DEFAULT };
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
	else if (e == EXIT_OK && cli.noperands != 2)
		e = cli_usage(cmd, "two versions of rules are compared: OLD NEW");
	else if (e == EXIT_OK && c.traces.n == 0)
		e = cli_usage(cmd, "no trace given (--trace TRACE)");
	else if (e == EXIT_OK && c.rules.bundle.path)
		e = cli_usage(cmd, "bundles are compared as OLD and NEW, not with --bundle");
	else if (e == EXIT_OK && c.rules.text)
		e = cli_usage(cmd, "alerts are compared in their JSON form: no --text");
	if (e == EXIT_OK)
		e = compare(&c, &cli);
	io_names_done(&c.traces);
	rule_options_done(&c.rules);
	return e == CLI_HELP ? EXIT_OK : e;
}
