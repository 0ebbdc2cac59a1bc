/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A harmless program that does one suspicious thing, for the live test. Copied under other names to
 * play a server, a shell's parent and so on. usage: actor ACTION [ARG...]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/ethernet.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int finish(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

/* spawn PROGRAM ARG...: child executes it, so this program is its parent. */
static int act_spawn(char **argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	return finish(pid);
}

/* spawn-as UID PROGRAM ARG... */
static int act_spawn_as(char **argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		uid_t uid = (uid_t)atoi(argv[0]);

		if (setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
			_exit(126);
		execv(argv[1], argv + 1);
		_exit(127);
	}
	return finish(pid);
}

/* pty PROGRAM ARG...: with a controlling terminal. */
static int act_pty(char **argv)
{
	char sink[256];
	int fd;
	pid_t pid = forkpty(&fd, NULL, NULL, NULL);

	if (pid == 0) {
		execv(argv[0], argv);
		_exit(127);
	}
	while (read(fd, sink, sizeof(sink)) > 0)
		;
	return finish(pid);
}

/* memfd NAME: a copy of ourselves in memory, executed with "quiet". */
static int act_memfd(char **argv)
{
	char buf[65536], *args[] = { argv[0], "quiet", NULL };
	int in = open("/proc/self/exe", O_RDONLY), out = memfd_create(argv[0], 0);
	ssize_t n;
	pid_t pid;

	while (in >= 0 && (n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, (size_t)n) != n)
			return 1;
	pid = fork();
	if (pid == 0) {
		fexecve(out, args, environ);
		_exit(127);
	}
	return finish(pid);
}

/* memfd-data NAME: a memfd that is only written. */
static int act_memfd_data(char **argv)
{
	int fd = memfd_create(argv[0], 0);

	return fd < 0 || write(fd, "x", 1) != 1;
}

static int act_attach(char **argv)
{
	pid_t pid = fork();

	if (pid == 0)
		for (;;)
			pause();
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL) < 0)
		return 1;
	waitpid(pid, NULL, 0);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}

static int act_traceme(char **argv)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0;
}

/* ptrace-refused: asks for something harmless that fails. */
static int act_ptrace_refused(char **argv)
{
	return ptrace(PTRACE_DETACH, getppid(), NULL, NULL) == 0;
}

static int act_packet(char **argv)
{
	return socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)) < 0;
}

/* redirect PORT: standard output becomes a connection to loopback. */
static int act_redirect(char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[0])),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0)
		return 1;
	return dup2(fd, STDOUT_FILENO) < 0;
}

/* module: an image that no kernel accepts. */
static int act_module(char **argv)
{
	return syscall(SYS_init_module, "not a module", 12, "") == 0;
}

/* write PATH: opens for writing and truncates; append PATH only appends. */
static int act_write(char **argv)
{
	return open(argv[0], O_WRONLY | O_CREAT | O_TRUNC, 0600) < 0;
}

static int act_append(char **argv)
{
	return open(argv[0], O_WRONLY | O_CREAT | O_APPEND, 0600) < 0;
}

static int act_read(char **argv)
{
	return open(argv[0], O_RDONLY) < 0;
}

/* dirfd DIR NAME: below a directory that was opened before. */
static int act_dirfd(char **argv)
{
	int dir = open(argv[0], O_RDONLY | O_DIRECTORY);

	return dir < 0 || openat(dir, argv[1], O_RDONLY) < 0;
}

/* flood SECONDS: open and close as fast as it goes. */
static int act_flood(char **argv)
{
	time_t end = time(NULL) + atoi(argv[0]);

	while (time(NULL) < end)
		for (int i = 0; i < 1000; i++)
			close(open("/dev/null", O_RDONLY));
	return 0;
}

static char path_of_open[4096];

static void *open_path(void *arg)
{
	return (void *)(long)open(path_of_open, O_RDONLY);
}

/*
 * rewrite FILE LIE: open FILE; while the kernel is inside the call, its path argument becomes LIE.
 * A lease on FILE holds the call up for as long as that takes.
 */
static int act_rewrite(char **argv)
{
	struct timespec patience = { .tv_sec = 20 };
	int fd = open(argv[0], O_RDWR), failed;
	pthread_t thread;
	void *opened;
	sigset_t io;

	sigemptyset(&io);
	sigaddset(&io, SIGIO);
	pthread_sigmask(SIG_BLOCK, &io, NULL);
	snprintf(path_of_open, sizeof(path_of_open), "%s", argv[0]);
	if (fd < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		return 3;
	if (pthread_create(&thread, NULL, open_path, NULL))
		return 1;
	failed = sigtimedwait(&io, NULL, &patience) < 0;
	strcpy(path_of_open, argv[1]);
	fcntl(fd, F_SETLEASE, F_UNLCK);
	pthread_join(thread, &opened);
	return failed || (long)opened < 0;
}

static int act_quiet(char **argv)
{
	return 0;
}

static const struct {
	const char *name;
	int min_args;
	int (*run)(char **argv);
} actions[] = {
	{ "spawn", 1, act_spawn },	 { "spawn-as", 2, act_spawn_as },
	{ "pty", 1, act_pty },		 { "memfd", 1, act_memfd },
	{ "memfd-data", 1, act_memfd_data }, { "attach", 0, act_attach },
	{ "traceme", 0, act_traceme },	 { "ptrace-refused", 0, act_ptrace_refused },
	{ "packet", 0, act_packet },	 { "redirect", 1, act_redirect },
	{ "module", 0, act_module },	 { "write", 1, act_write },
	{ "append", 1, act_append },	 { "read", 1, act_read },
	{ "quiet", 0, act_quiet },	 { "dirfd", 2, act_dirfd },
	{ "flood", 1, act_flood },	 { "rewrite", 2, act_rewrite },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(argv[1], actions[i].name) == 0 && argc - 2 >= actions[i].min_args)
			return actions[i].run(argv + 2);
	/* Played servers are also started with arguments of the real ones. */
	return 0;
}
