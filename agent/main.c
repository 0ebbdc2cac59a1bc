/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel: entry point. Finds the subcommand and runs it; everything else is in cmd_<name>.c.
 */
#include "agent/cmd.h"
#include "agent/host.h"
#include "engine/tiercel.h"

/*
 * What jemalloc reads at its start. The agent has few threads that allocate, and what they free
 * goes back to the system within a second; live.c starts the thread that does it when nothing
 * happens.
 */
extern const char *malloc_conf;
const char *malloc_conf = "narenas:1,dirty_decay_ms:1000,muzzy_decay_ms:0,max_background_threads:1";

static const struct command *const commands[] = {
#define COMMAND(name) &cmd_##name,
#include "agent/commands.def"
#undef COMMAND
};

static void print_overview(FILE *to)
{
	fprintf(to, "Usage: tiercel COMMAND [OPTION...] [OPERAND...]\n\n"
		    "eBPF node sensor with an embedded rule engine.\n\nCommands:\n");
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(to, "  %-8s %s\n", commands[i]->name, commands[i]->summary);
	fprintf(to, "\n  --version  print the version\n"
		    "\n'tiercel COMMAND --help' explains a command.\n");
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

static int unknown_command(const char *name)
{
	const char *names[ARRAY_SIZE(commands)], *near;

	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		names[i] = commands[i]->name;
	near = str_nearest(str_from(name), names, ARRAY_SIZE(names));
	if (near)
		fprintf(stderr, "tiercel: error: no command '%s'; did you mean '%s'?\n", name,
			near);
	else
		fprintf(stderr, "tiercel: error: no command '%s'; see 'tiercel --help'\n", name);
	return EXIT_USAGE;
}

/* What a command printed and could not be written must not look like success. */
static int finish(int e)
{
	bool failed = fflush(stdout) != 0 || ferror(stdout);

	return e == EXIT_OK && failed ? cli_fail("cannot write to standard output") : e;
}

static int print_help(const char *name)
{
	const struct command *cmd = name ? find_command(name) : NULL;

	if (cmd)
		cli_help(cmd);
	else
		print_overview(stdout);
	return EXIT_OK;
}

int main(int argc, char **argv)
{
	const struct command *cmd;

	host_start();
	if (argc < 2) {
		print_overview(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0)
		return finish(print_help(argc > 2 ? argv[2] : NULL));
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("tiercel %s (rule engine %s)\n", TIERCEL_VERSION, TIERCEL_ENGINE_VERSION);
		return finish(EXIT_OK);
	}
	cmd = find_command(argv[1]);
	return cmd ? finish(cmd->run(cmd, argc - 1, argv + 1)) : unknown_command(argv[1]);
}
