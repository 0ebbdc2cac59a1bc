/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the control socket, for the commands: where the socket is, requests, lines of
 * answers. See control.h for the protocol. Problems are printed.
 */
#ifndef TIERCEL_CONTROL_CLIENT_H
#define TIERCEL_CONTROL_CLIENT_H

#include "agent/cmd.h"
#include "agent/config_default.h"

#include <jansson.h>

/* First rows of the option tables of these commands; --json is a row of the command itself. */
enum control_option_id {
	CONTROL_OPTION_CONFIG,
	CONTROL_OPTION_SOCKET,
	CONTROL_OPTION_JSON,
	CONTROL_OPTION_COUNT
};

#define CONTROL_OPTIONS                                                                           \
	[CONTROL_OPTION_CONFIG] = { 'c', "config", "FILE", "configuration that names the socket; "  \
							   "default " CONFIG_DEFAULT_PATH },      \
	[CONTROL_OPTION_SOCKET] = { 0, "socket", "PATH", "socket of the sensor" }

struct control_link {
	const char *socket;		/* --socket */
	struct config_opts config;
	struct config *loaded;
	int fd;
	unsigned wait_s;		/* for an answer; 0: the default */
	struct buf in;			/* read, and not taken yet */
	size_t taken;
};

#define CONTROL_LINK_INIT { .fd = -1 }

/*
 * The whole command line; options beyond --config and --socket are given to `take`, which returns
 * EXIT_OK or an exit code. EXIT_OK, CLI_HELP (all is said) or an exit code.
 */
typedef int (*control_option_fn)(const struct command *cmd, void *ctx, int opt, const char *arg);
int control_parse(const struct command *cmd, int argc, char **argv, struct control_link *l,
		  control_option_fn take, void *ctx);
/* From now on SIGINT and SIGTERM only make control_stopped() true, and end what blocks. */
void control_catch_stop(void);
bool control_stopped(void);
/* Connect and send a request, a JSON object; takes over `request`. EXIT_OK or EXIT_FAILED. */
int control_link_send(struct control_link *l, json_t *request);
/* The next line, without newline, valid until the next call. 1, 0: the sensor closed, -errno. */
int control_link_line(struct control_link *l, struct str *ret);
/* Send and take the answer. EXIT_OK; EXIT_FAILED, also when the answer says so: then the answer is
 * there, too, or NULL. */
int control_link_ask(struct control_link *l, json_t *request, json_t **ret);
/* Hang up; the next request connects again. */
void control_link_close(struct control_link *l);
void control_link_done(struct control_link *l);

/* A number or a text of a path "a.b" of an answer; 0 and "" when it is not there. */
uint64_t control_number(const json_t *answer, const char *path);
const char *control_text(const json_t *answer, const char *path);

/* One line of JSON on stdout. */
void control_print(const json_t *answer);
/* A command that has these options only and one question: parse, ask, hang up. An exit code. */
int control_command(const struct command *cmd, int argc, char **argv,
		    int (*ask)(struct control_link *l, bool json));

static inline void control_json_free(json_t **j)
{
	json_decref(*j);
}
#define _cleanup_json_ _cleanup_(control_json_free)

#endif
