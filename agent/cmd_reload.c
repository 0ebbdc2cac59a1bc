/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel reload: asks a running sensor to read its rules again and says what became of it.
 */
#include "agent/control_client.h"

#include <inttypes.h>

/* Rules are compiled before the answer, perhaps those of another request first. */
enum { COMPILE_WAIT_S = 120 };

static const struct cli_option options[] = {
	CONTROL_OPTIONS,
	[CONTROL_OPTION_JSON] = { 0, "json", NULL, "the answer as a JSON object" },
	{ 0 },
};

static int reload_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_reload = {
	.name = "reload",
	.operands = "",
	.summary = "Make the running sensor load its rules again.",
	.description = "Waits until the new rules are in force. Exit status: 0; 1 if they do not load (the "
		       "old ones stay\nin force, the problems are on stderr) or no sensor answers.",
	.options = options,
	.run = reload_run,
};

static int ask(struct control_link *l, bool json)
{
	_cleanup_json_ json_t *answer = NULL;
	int e;

	l->wait_s = COMPILE_WAIT_S;
	e = control_link_ask(l, json_pack("{s:s}", "request", "reload"), &answer);
	if (answer && json) {
		control_print(answer);
	} else if (e == EXIT_OK) {
		printf("rules loaded: %" PRIu64 " active of %" PRIu64 ", compiled in %" PRIu64
		       " ms, digest %s\n", control_number(answer, "rules_active"),
		       control_number(answer, "rules_loaded"), control_number(answer, "compile_ms"),
		       control_text(answer, "digest"));
	} else {
		fputs(control_text(answer, "problems"), stderr);
	}
	return e;
}

static int reload_run(const struct command *cmd, int argc, char **argv)
{
	return control_command(cmd, argc, argv, ask);
}
