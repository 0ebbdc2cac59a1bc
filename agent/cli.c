/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command line of the subcommands: parsing and --help from one option table each. Options and
 * operands may be mixed; "--" ends the options.
 */
#include "agent/cmd.h"
#include "engine/redact.h"

#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <unistd.h>

void cli_init(struct cli *c, const struct command *cmd, int argc, char **argv)
{
	*c = (struct cli){ .cmd = cmd, .argc = argc, .at = 1, .argv = argv };
	c->operands = argv;	/* operands are moved to the front of argv as they are met */
}

void cli_help(const struct command *cmd)
{
	printf("Usage: tiercel %s [OPTION...]%s%s\n\n%s\n", cmd->name, cmd->operands[0] ? " " : "",
	       cmd->operands, cmd->summary);
	if (cmd->description)
		printf("\n%s\n", cmd->description);
	printf("\nOptions:\n");
	for (const struct cli_option *o = cmd->options; o->name; o++) {
		char left[64], letter[5] = "    ";

		if (o->short_name)
			snprintf(letter, sizeof(letter), "-%c, ", o->short_name);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, o->name, o->arg ? " " : "",
			 o->arg ? o->arg : "");
		printf("  %-30s %s\n", left, o->help);
	}
	printf("  %-30s %s\n", "-h, --help", "this text");
}

int cli_usage(const struct command *cmd, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "tiercel %s: error: ", cmd->name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\nTry 'tiercel %s --help'.\n", cmd->name);
	return EXIT_USAGE;
}

/* Messages that were not printed because stderr was full. */
static atomic_bool never_wait;
static atomic_ullong unsaid;

void cli_never_wait(void)
{
	atomic_store(&never_wait, true);
}

uint64_t cli_unsaid(void)
{
	return atomic_load(&unsaid);
}

bool cli_has_room(void)
{
	struct pollfd fd = { .fd = STDERR_FILENO, .events = POLLOUT };

	return !atomic_load(&never_wait) || poll(&fd, 1, 0) == 1;
}

void cli_print(struct str text)
{
	/* Where there is room in a pipe, this much fits. */
	if (atomic_load(&never_wait) && text.len > PIPE_BUF)
		text.len = PIPE_BUF;
	if (!text.len)
		return;
	if (cli_has_room())
		fwrite(text.p, 1, text.len, stderr);
	else
		atomic_fetch_add(&unsaid, 1);
}

static void say(const char *kind, const char *fmt, va_list ap)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	buf_printf(&text, "tiercel: %s%s", kind, *kind ? ": " : "");
	buf_vprintf(&text, fmt, ap);
	buf_add_char(&text, '\n');
	if (!text.err)
		cli_print(buf_str(&text));
}

void cli_say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("", fmt, ap);
	va_end(ap);
}

int cli_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("error", fmt, ap);
	va_end(ap);
	return EXIT_FAILED;
}

void cli_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say("warning", fmt, ap);
	va_end(ap);
}

int cli_rule_matching(const struct command *cmd, const char *arg, bool *ret_all)
{
	if (strcmp(arg, "all") != 0 && strcmp(arg, "first") != 0)
		return cli_usage(cmd, "--rule-matching is 'first' or 'all', not '%s'", arg);
	*ret_all = strcmp(arg, "all") == 0;
	return EXIT_OK;
}

int cli_redact(const struct command *cmd, const char *arg, struct redact **redact)
{
	if (!*redact)
		*redact = redact_new();
	switch (*redact ? redact_add(*redact, str_from(arg)) : -ENOMEM) {
	case 0:
		return EXIT_OK;
	case -ENOMEM:
		return cli_fail("out of memory");
	}
	return cli_usage(cmd, "--redact takes env, args or paths, with =GLOB behind it if not all, "
			      "not '%s'", arg);
}

static int unknown_option(struct cli *c, const char *text)
{
	const char *names[64], *near;
	size_t n = 0;

	for (const struct cli_option *o = c->cmd->options; o->name && n < ARRAY_SIZE(names); o++)
		names[n++] = o->name;
	near = text[1] == '-' ? str_nearest(str_from(text + 2), names, n) : NULL;
	if (near)
		cli_usage(c->cmd, "unknown option '%s'; did you mean '--%s'?", text, near);
	else
		cli_usage(c->cmd, "unknown option '%s'", text);
	return CLI_ERROR;
}

static int missing_argument(struct cli *c, const struct cli_option *o)
{
	cli_usage(c->cmd, "option '--%s' needs an argument (%s)", o->name, o->arg);
	return CLI_ERROR;
}

static int next_long(struct cli *c, const char *text, const char **ret_arg)
{
	const char *eq = strchr(text, '=');
	size_t len = eq ? (size_t)(eq - text) : strlen(text);

	for (const struct cli_option *o = c->cmd->options; o->name; o++) {
		if (strlen(o->name) != len || strncmp(o->name, text, len) != 0)
			continue;
		*ret_arg = eq ? eq + 1 : NULL;
		if (!o->arg && eq) {
			cli_usage(c->cmd, "option '--%s' takes no argument", o->name);
			return CLI_ERROR;
		}
		if (o->arg && !eq) {
			if (c->at >= c->argc)
				return missing_argument(c, o);
			*ret_arg = c->argv[c->at++];
		}
		return (int)(o - c->cmd->options);
	}
	return unknown_option(c, text - 2);
}

static int next_short(struct cli *c, const char **ret_arg)
{
	char letter = *c->cluster++;
	char text[3] = { '-', letter, '\0' };

	for (const struct cli_option *o = c->cmd->options; o->name; o++) {
		if (o->short_name != letter)
			continue;
		*ret_arg = NULL;
		if (!o->arg)
			return (int)(o - c->cmd->options);
		if (*c->cluster)
			*ret_arg = c->cluster;
		else if (c->at < c->argc)
			*ret_arg = c->argv[c->at++];
		else
			return missing_argument(c, o);
		c->cluster = "";
		return (int)(o - c->cmd->options);
	}
	return unknown_option(c, text);
}

int cli_next(struct cli *c, const char **ret_arg)
{
	if (c->cluster && *c->cluster)
		return next_short(c, ret_arg);
	while (c->at < c->argc) {
		char *word = c->argv[c->at++];

		if (c->only_operands || word[0] != '-' || !word[1]) {
			c->operands[c->noperands++] = word;
		} else if (strcmp(word, "--") == 0) {
			c->only_operands = true;
		} else if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
			cli_help(c->cmd);
			return CLI_HELP;
		} else if (word[1] == '-') {
			return next_long(c, word + 2, ret_arg);
		} else {
			c->cluster = word + 1;
			return next_short(c, ret_arg);
		}
	}
	return CLI_DONE;
}
