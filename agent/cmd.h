/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subcommands. One file cmd_<name>.c per command: its table entry on top, then its options, then
 * the function. main.c lists the entries and dispatches.
 */
#ifndef TIERCEL_CMD_H
#define TIERCEL_CMD_H

#include "engine/base.h"

/* Exit codes of all commands. */
enum exit_code {
	EXIT_OK = 0,
	EXIT_FAILED = 1,	/* rules do not load, trace damaged, sensor cannot run */
	EXIT_USAGE = 2		/* wrong arguments */
};

/* An option: "-r, --rules FILE". arg == NULL: a switch. short_name 0: long form only. */
struct cli_option {
	char short_name;
	const char *name;
	const char *arg;
	const char *help;
};

struct command {
	const char *name;
	const char *operands;		/* "TRACE...", shown in the usage line */
	const char *summary;		/* one line */
	const char *description;	/* paragraph for --help, or NULL */
	const struct cli_option *options;	/* ends with name == NULL */
	int (*run)(const struct command *cmd, int argc, char **argv);
};

#define COMMAND(name) extern const struct command cmd_##name;
#include "agent/commands.def"
#undef COMMAND

/*
 * Option parsing over a command's table. cli_next() returns the index of the next option in the
 * table and its argument, CLI_DONE when only operands are left (c->operands, c->noperands),
 * CLI_HELP after --help was answered, CLI_ERROR after an error was printed.
 */
enum { CLI_DONE = -1, CLI_HELP = -2, CLI_ERROR = -3 };

struct cli {
	const struct command *cmd;
	int argc, at;
	char **argv;
	char **operands;
	int noperands;
	const char *cluster;	/* rest of "-abc" */
	bool only_operands;	/* after "--" */
};

void cli_init(struct cli *c, const struct command *cmd, int argc, char **argv);
int cli_next(struct cli *c, const char **ret_arg);
void cli_help(const struct command *cmd);
/* "tiercel CMD: error: ..." plus a pointer to --help on stderr; returns EXIT_USAGE. */
int cli_usage(const struct command *cmd, const char *fmt, ...) _printf_(2, 3);
/* The argument of --rule-matching. EXIT_OK or EXIT_USAGE. */
int cli_rule_matching(const struct command *cmd, const char *arg, bool *ret_all);
/* The argument of --redact; *redact is made when first needed. EXIT_OK or an exit code. */
struct redact;
int cli_redact(const struct command *cmd, const char *arg, struct redact **redact);
/* "tiercel: error: ..." on stderr; returns EXIT_FAILED. */
int cli_fail(const char *fmt, ...) _printf_(1, 2);
void cli_warn(const char *fmt, ...) _printf_(1, 2);
/* "tiercel: ..." on stderr. */
void cli_say(const char *fmt, ...) _printf_(1, 2);
/*
 * From now on a message that stderr has no room for is dropped and counted: whoever reads the log
 * of a sensor must not be able to stop it.
 */
void cli_never_wait(void);
uint64_t cli_unsaid(void);
bool cli_has_room(void);
/* Lines on stderr as they are; cut where only a part would fit at once. */
void cli_print(struct str text);

#endif
