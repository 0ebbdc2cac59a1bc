/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts to the standard input of a program: one per alert, or with keep_alive one for all, started
 * again when it ends. The program runs in a process group of its own, so that nothing of it stays.
 */
#include "agent/clock.h"
#include "agent/output_lines.h"
#include "agent/outputs.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { END_CHECK_MS = 5, STATUS_NOT_RUN = 126, STATUS_NOT_FOUND = 127 };

struct program {
	struct output_lines lines;
	const char *command;
	bool keep_alive;
	pid_t pid;		/* 0: none */
	int fd;			/* its standard input, or -1 */
};

static int set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;
	int r;

	sigemptyset(&none);
	sigfillset(&all);
	r = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
						   POSIX_SPAWN_SETPGROUP);
	if (r == 0)
		r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &all);
	return r;
}

static int spawn(struct program *p, int in)
{
	const char *const argv[] = { "sh", "-c", p->command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attr);
	r = posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	if (r == 0)
		r = set_attributes(&attr);
	if (r == 0)
		r = posix_spawn(&p->pid, "/bin/sh", &actions, &attr, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	if (r)
		p->pid = 0;
	return -r;
}

static int start(struct program *p)
{
	int ends[2], r;

	if (p->fd >= 0)
		return 0;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	r = spawn(p, ends[0]);
	close(ends[0]);
	if (r < 0) {
		close(ends[1]);
		return r;
	}
	p->fd = ends[1];
	return 0;
}

static void close_input(struct program *p)
{
	io_close(&p->fd);
	p->fd = -1;
}

/* 0, -ENOEXEC (the shell found no program), -ECONNRESET. */
static int judge_end(int status)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (code == STATUS_NOT_RUN || code == STATUS_NOT_FOUND)
		return -ENOEXEC;
	return code == 0 ? 0 : -ECONNRESET;
}

/* Wait for its end; killed when the time is over (0: no bound but the abort). */
static int wait_end(struct output_queue *q, struct program *p, uint64_t deadline_ns)
{
	int status = 0;

	close_input(p);
	while (p->pid) {
		pid_t got = waitpid(p->pid, &status, deadline_ns ? WNOHANG : 0);
		bool late = output_queue_aborted(q) ||
			    (deadline_ns && clock_mono_ns() > deadline_ns);

		if (got == p->pid || (got < 0 && errno != EINTR)) {
			p->pid = 0;
		} else if (late) {
			kill(-p->pid, SIGKILL);
			deadline_ns = 0;
			while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
				;
			p->pid = 0;
		} else if (got == 0) {
			struct timespec ts = clock_timespec(END_CHECK_MS * NS_PER_MS);

			nanosleep(&ts, NULL);
		}
	}
	return judge_end(status);
}

static int write_each(struct output_queue *q, struct program *p, struct message *const *batch,
		      uint32_t n, uint32_t *ret_done)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t done = 0;
		int r = start(p), end;

		if (r < 0)
			return r;
		r = output_lines_write(&p->lines, q, p->fd, batch + i, 1, &done);
		output_lines_restart(&p->lines);
		end = wait_end(q, p, 0);
		if (output_queue_aborted(q))
			return -EINTR;
		/*
		 * A program that does not read its input is no failure, as long as it says so
		 * itself.
		 */
		if (r == -EPIPE && end == 0)
			r = 0;
		if (end == -ENOEXEC)
			r = end;
		if (r < 0)
			return r == -EPIPE ? -ECONNRESET : r;
		(*ret_done)++;
	}
	return 0;
}

static int write_batch(struct output_queue *q, void *ctx, struct message *const *batch, uint32_t n,
		       uint32_t *ret_done)
{
	struct program *p = ctx;
	int r;

	if (!p->keep_alive)
		return write_each(q, p, batch, n, ret_done);
	r = start(p);
	if (r == 0)
		r = output_lines_write(&p->lines, q, p->fd, batch, n, ret_done);
	if (r < 0 && !output_queue_aborted(q) && p->pid) {
		output_lines_restart(&p->lines);
		if (wait_end(q, p, clock_mono_ns()) == -ENOEXEC)
			r = -ENOEXEC;
	}
	return r == -EPIPE ? -ECONNRESET : r;
}

static const char *why(void *ctx, int r)
{
	return r == -ENOEXEC ? "program_output.program cannot be run" : strerror(-r);
}

static void finish(struct output_queue *q, void *ctx, uint64_t deadline_ns)
{
	wait_end(q, ctx, deadline_ns);
}

static void free_program(void *ctx)
{
	struct program *p = ctx;

	close_input(p);
	output_lines_done(&p->lines);
	free(p);
}

static const struct output_sink sink = {
	.name = "program", .write = write_batch, .why = why, .finish = finish, .free = free_program,
};

int output_program_open(const struct config *c, struct output **ret)
{
	struct program *p;

	if (!c->program_output.program[0])
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->command = c->program_output.program;
	p->keep_alive = c->program_output.keep_alive;
	p->fd = -1;
	output_lines_init(&p->lines, c);
	return output_queue_new(c, &sink, p, ret);
}
