/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel tail: the alerts of a running sensor as they come. A tail that is read too slowly loses
 * alerts, and says so; the sensor does not wait for it.
 */
#include "agent/control_client.h"
#include "engine/tiercel.h"

#include <inttypes.h>

enum { OPT_RULE = CONTROL_OPTION_COUNT, OPT_PRIORITY, OPT_COUNT, OPT_TEXT };

static const struct cli_option options[] = {
	CONTROL_OPTIONS,
	[CONTROL_OPTION_JSON] = { 0, "json", NULL, "alerts as JSON lines (default)" },
	[OPT_RULE] = { 0, "rule", "GLOB", "only alerts of rules with such a name" },
	[OPT_PRIORITY] = { 0, "priority", "NAME", "only alerts at least that urgent" },
	[OPT_COUNT] = { 'n', "count", "N", "end after N alerts" },
	[OPT_TEXT] = { 0, "text", NULL, "alerts as text lines" },
	{ 0 },
};

static int tail_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_tail = {
	.name = "tail",
	.operands = "",
	.summary = "Print the alerts of the running sensor as they come.",
	.description = "Whoever reads too slowly loses alerts, and is told on stderr how many. Ends with "
		       "SIGINT, or with\nthe sensor (exit status 1).",
	.options = options,
	.run = tail_run,
};

struct tail {
	struct control_link link;
	const char *rule, *priority;
	uint64_t count;			/* 0: no end */
	bool text;
};

/* As the text form of alerts has it: time, priority and message, which "output" has already unless
 * the alert is one of the sensor itself. */
static void print_text(const json_t *alert)
{
	const char *output = control_text(alert, "output");
	bool whole = *output && strcmp(control_text(alert, "source"), "internal") != 0;

	if (whole)
		printf("%s\n", output);
	else
		printf("%s: %s %s\n", control_text(alert, "time"), control_text(alert, "priority"),
		       *output ? output : control_text(alert, "rule"));
}

static void print_alert(const struct tail *t, struct str json)
{
	_cleanup_json_ json_t *alert = t->text ? json_loadb(json.p, json.len, 0, NULL) : NULL;

	if (alert)
		print_text(alert);
	else
		printf("%.*s\n", STR_ARG(json));
	fflush(stdout);
}

/* true: it was an alert. */
static bool take_line(const struct tail *t, struct str line)
{
	static const struct str head = STR("{\"alert\":");
	_cleanup_json_ json_t *other = NULL;

	if (str_starts(line, head)) {
		print_alert(t, str_sub(line, head.len, line.len - 1));
		return true;
	}
	other = json_loadb(line.p, line.len, 0, NULL);
	if (json_object_get(other, "lost"))
		cli_warn("%" PRIu64 " alerts are not shown here, they came too fast (%" PRIu64
			 " so far)", control_number(other, "lost"),
			 control_number(other, "lost_total"));
	return false;
}

static int follow(struct tail *t)
{
	_cleanup_json_ json_t *answer = NULL;
	json_t *request = json_pack("{s:s, s:s*, s:s*}", "request", "tail", "rule", t->rule,
				    "priority", t->priority);
	uint64_t seen = 0;
	struct str line;
	int e = control_link_ask(&t->link, request, &answer), r = 1;

	if (e != EXIT_OK)
		return e;
	while (!control_stopped() && (!t->count || seen < t->count) && !ferror(stdout)) {
		r = control_link_line(&t->link, &line);
		if (r <= 0)
			break;
		seen += take_line(t, line);
	}
	if (control_stopped() || r > 0)
		return ferror(stdout) ? cli_fail("cannot write alerts") : EXIT_OK;
	return r < 0 ? cli_fail("the sensor does not answer any more: %s", strerror(-r))
		     : cli_fail("the sensor has stopped");
}

static int take_option(const struct command *cmd, void *ctx, int opt, const char *arg)
{
	struct tail *t = ctx;
	enum rule_priority priority;

	switch (opt) {
	case OPT_RULE:
		t->rule = arg;
		return EXIT_OK;
	case OPT_PRIORITY:
		if (priority_parse(str_from(arg), &priority) < 0)
			return cli_usage(
				cmd,
				"--priority takes emergency, alert, critical, error, warning, "
				"notice, informational or debug, not '%s'",
				arg);
		t->priority = arg;
		return EXIT_OK;
	case OPT_COUNT:
		if (str_to_u64(str_from(arg), &t->count) < 0 || !t->count)
			return cli_usage(cmd, "--count takes a positive number, not '%s'", arg);
		return EXIT_OK;
	case CONTROL_OPTION_JSON:
	case OPT_TEXT:
		t->text = opt == OPT_TEXT;
		return EXIT_OK;
	}
	return EXIT_OK;
}

static int tail_run(const struct command *cmd, int argc, char **argv)
{
	struct tail t = { .link = CONTROL_LINK_INIT };
	int e = control_parse(cmd, argc, argv, &t.link, take_option, &t);

	if (e == EXIT_OK) {
		control_catch_stop();
		e = follow(&t);
	}
	control_link_done(&t.link);
	return e == CLI_HELP ? EXIT_OK : e;
}
