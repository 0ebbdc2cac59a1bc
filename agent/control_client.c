/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Talking to a running sensor, see control_client.h.
 */
#include "agent/control_client.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* The sensor answers from a thread of its own, at once. */
enum { READ_BYTES = 65536, LINE_MAX_BYTES = 64 << 20, ANSWER_WAIT_S = 10 };

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	stopped = 1;
}

void control_catch_stop(void)
{
	const struct sigaction stop = { .sa_handler = on_stop };	/* without SA_RESTART */

	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
}

bool control_stopped(void)
{
	return stopped;
}

int control_parse(const struct command *cmd, int argc, char **argv, struct control_link *l,
		  control_option_fn take, void *ctx)
{
	int opt = CLI_DONE, e = EXIT_OK;
	const char *arg;
	struct cli cli;

	cli_init(&cli, cmd, argc, argv);
	while (e == EXIT_OK && (opt = cli_next(&cli, &arg)) >= 0) {
		if (opt == CONTROL_OPTION_CONFIG)
			l->config.path = arg;
		else if (opt == CONTROL_OPTION_SOCKET)
			l->socket = arg;
		else
			e = take(cmd, ctx, opt, arg);
	}
	if (e != EXIT_OK)
		return e;
	if (opt != CLI_DONE)
		return opt == CLI_HELP ? CLI_HELP : EXIT_USAGE;
	return cli.noperands ? cli_usage(cmd, "unexpected operand '%s'", cli.operands[0]) : EXIT_OK;
}

void control_link_close(struct control_link *l)
{
	io_close(&l->fd);
	l->fd = -1;
	buf_clear(&l->in);
	l->taken = 0;
}

void control_link_done(struct control_link *l)
{
	control_link_close(l);
	buf_done(&l->in);
	config_free(l->loaded);
}

static int find_socket(struct control_link *l)
{
	if (!l->socket && !l->loaded && config_default(&l->config, &l->loaded) != EXIT_OK)
		return EXIT_FAILED;
	if (!l->socket)
		l->socket = l->loaded->control.socket;
	return EXIT_OK;
}

/* How long the socket may block; 0: for ever. */
static void set_wait(int fd, int what, unsigned seconds)
{
	const struct timeval tv = { .tv_sec = seconds };

	setsockopt(fd, SOL_SOCKET, what, &tv, sizeof(tv));
}

static int connect_to(struct control_link *l)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int r;

	if (find_socket(l) != EXIT_OK)
		return EXIT_FAILED;
	if (strlen(l->socket) >= sizeof(sa.sun_path))
		return cli_fail("the path of the socket is too long: %s", l->socket);
	memcpy(sa.sun_path, l->socket, strlen(l->socket));
	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return cli_fail("cannot make a socket: %s", strerror(errno));
	set_wait(l->fd, SO_SNDTIMEO, ANSWER_WAIT_S);
	do
		r = connect(l->fd, (struct sockaddr *)&sa, sizeof(sa));
	while (r < 0 && errno == EINTR);
	if (r == 0)
		return EXIT_OK;
	if (errno == EAGAIN)
		return cli_fail("the sensor at '%s' hangs: it takes no connection", l->socket);
	if (errno == ENOENT || errno == ECONNREFUSED)
		return cli_fail("no sensor answers at '%s': is one running, with control.enabled?",
				l->socket);
	return cli_fail("cannot reach the sensor at '%s': %s%s", l->socket, strerror(errno),
			errno == EACCES ? " (only root may)" : "");
}

int control_link_send(struct control_link *l, json_t *request)
{
	char *text = request ? json_dumps(request, JSON_COMPACT) : NULL;
	_cleanup_buf_ struct buf line = BUF_INIT;
	int e = text ? EXIT_OK : cli_fail("out of memory");

	if (e == EXIT_OK && l->fd < 0)
		e = connect_to(l);
	if (e == EXIT_OK) {
		buf_printf(&line, "%s\n", text);
		/* A sensor that refuses at once has said why: the answer is still to be read. */
		if (!line.err)
			send(l->fd, line.p, line.len, MSG_NOSIGNAL);
	}
	free(text);
	json_decref(request);
	return e;
}

int control_link_line(struct control_link *l, struct str *ret)
{
	for (;;) {
		const char *from = l->in.p + l->taken;
		size_t have = l->in.len - l->taken;
		const char *end = have ? memchr(from, '\n', have) : NULL;
		char *room;
		ssize_t n;

		if (end) {
			*ret = (struct str){ from, (uint32_t)(end - from) };
			l->taken += ret->len + 1;
			return 1;
		}
		if (l->taken) {
			memmove(l->in.p, from, have);
			l->in.len = have;
			l->taken = 0;
		}
		if (have > LINE_MAX_BYTES)
			return -EMSGSIZE;
		room = buf_reserve(&l->in, READ_BYTES);
		if (!room)
			return -ENOMEM;
		n = read(l->fd, room, READ_BYTES);
		if (n < 0 && errno == EINTR)
			return -EINTR;
		if (n <= 0)
			return n < 0 && errno != ECONNRESET ? -errno : 0;
		l->in.len += (size_t)n;
	}
}

int control_link_ask(struct control_link *l, json_t *request, json_t **ret)
{
	struct str line;
	json_t *answer;
	int r;

	*ret = NULL;
	if (control_link_send(l, request) != EXIT_OK)
		return EXIT_FAILED;
	set_wait(l->fd, SO_RCVTIMEO, l->wait_s ? l->wait_s : ANSWER_WAIT_S);
	do
		r = control_link_line(l, &line);
	while (r == -EINTR && !stopped);
	set_wait(l->fd, SO_RCVTIMEO, 0);
	if (stopped)
		return EXIT_FAILED;
	if (r == -EAGAIN)
		return cli_fail("the sensor at '%s' hangs: no answer in %u s", l->socket,
				l->wait_s ? l->wait_s : ANSWER_WAIT_S);
	if (r <= 0)
		return cli_fail("the sensor at '%s' gave no answer%s%s", l->socket,
				r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
	answer = json_loadb(line.p, line.len, 0, NULL);
	if (!json_is_object(answer)) {
		json_decref(answer);
		return cli_fail("what answers at '%s' is no sensor", l->socket);
	}
	*ret = answer;
	if (json_is_true(json_object_get(answer, "ok")))
		return EXIT_OK;
	return cli_fail("%s", control_text(answer, "error"));
}

static const json_t *find(const json_t *at, const char *path)
{
	while (at && *path) {
		const char *dot = strchr(path, '.');
		size_t n = dot ? (size_t)(dot - path) : strlen(path);
		char key[64];

		snprintf(key, sizeof(key), "%.*s", (int)n, path);
		at = json_object_get(at, key);
		path += n + (dot ? 1 : 0);
	}
	return at;
}

uint64_t control_number(const json_t *answer, const char *path)
{
	const json_t *v = find(answer, path);

	return json_is_true(v) ? 1 : (uint64_t)json_integer_value(v);
}

const char *control_text(const json_t *answer, const char *path)
{
	const char *text = json_string_value(find(answer, path));

	return text ? text : "";
}

void control_print(const json_t *answer)
{
	json_dumpf(answer, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
	printf("\n");
	fflush(stdout);
}

static int take_json(const struct command *cmd, void *ctx, int opt, const char *arg)
{
	*(bool *)ctx = true;
	return EXIT_OK;
}

int control_command(const struct command *cmd, int argc, char **argv,
		    int (*ask)(struct control_link *l, bool json))
{
	struct control_link link = CONTROL_LINK_INIT;
	bool json = false;
	int e = control_parse(cmd, argc, argv, &link, take_json, &json);

	if (e == EXIT_OK)
		e = ask(&link, json);
	control_link_done(&link);
	return e == CLI_HELP ? EXIT_OK : e;
}
