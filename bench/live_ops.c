/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loops for `make bench-live`: does one operation again and again and prints the CPU time of each
 * chunk in ns per operation, own children included. Network stays in a namespace of its own.
 * usage: live_ops LOOP CPU CHUNKS OPERATIONS
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FILE_NAME "/dev/shm/tiercel-bench-file"

static struct sockaddr_in address = { .sin_family = AF_INET };
static int listener;
static char exit_program[4096];

static int op_getppid(void)
{
	syscall(SYS_getppid);
	return 0;
}

static int prepare_open(void)
{
	int fd = open(FILE_NAME, O_WRONLY | O_CREAT, 0600);

	return fd < 0 ? -1 : close(fd);
}

static int op_open(void)
{
	int fd = open(FILE_NAME, O_RDONLY);

	return fd < 0 ? -1 : close(fd);
}

static void clean_open(void)
{
	unlink(FILE_NAME);
}

static int prepare_connect(void)
{
	struct ifreq lo = { .ifr_name = "lo" };
	socklen_t len = sizeof(address);

	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	listener = socket(AF_INET, SOCK_STREAM, 0);
	lo.ifr_flags = IFF_UP;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || ioctl(listener, SIOCSIFFLAGS, &lo) < 0)
		return -1;
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, 8) < 0)
		return -1;
	return getsockname(listener, (struct sockaddr *)&address, &len);
}

/* Ends with a reset, so that no port waits. */
static int op_connect(void)
{
	struct linger reset = { .l_onoff = 1 };
	int fd = socket(AF_INET, SOCK_STREAM, 0), peer;

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	peer = accept(listener, NULL, NULL);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	return close(peer);
}

/* live_exit is beside this program. */
static int prepare_exec(void)
{
	ssize_t n = readlink("/proc/self/exe", exit_program, sizeof(exit_program) - 1);
	char *name = n < 0 ? NULL : strrchr(exit_program, '/');

	if (!name || (size_t)(name - exit_program) > sizeof(exit_program) - sizeof("/live_exit"))
		return -1;
	strcpy(name, "/live_exit");
	return access(exit_program, X_OK);
}

static int op_exec(void)
{
	char *args[] = { exit_program, NULL }, *env[] = { NULL };
	pid_t pid = vfork();
	int status;

	if (pid == 0) {
		execve(args[0], args, env);
		_exit(1);
	}
	return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : -1;
}

static const struct loop {
	const char *name;
	int (*prepare)(void);
	int (*op)(void);
	void (*clean)(void);
} loops[] = {
	{ "getppid", NULL, op_getppid, NULL },
	{ "open", prepare_open, op_open, clean_open },
	{ "connect", prepare_connect, op_connect, NULL },
	{ "exec", prepare_exec, op_exec, NULL },
};

static uint64_t cpu_ns(void)
{
	struct timespec own;
	struct rusage children;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own);
	getrusage(RUSAGE_CHILDREN, &children);
	return own.tv_sec * 1000000000ULL + own.tv_nsec +
	       (children.ru_utime.tv_sec + children.ru_stime.tv_sec) * 1000000000ULL +
	       (children.ru_utime.tv_usec + children.ru_stime.tv_usec) * 1000ULL;
}

static int run(const struct loop *l, int chunks, int operations)
{
	if (l->prepare && l->prepare() < 0) {
		perror(l->name);
		return 1;
	}
	for (int c = 0; c < chunks; c++) {
		uint64_t start = cpu_ns();

		for (int i = 0; i < operations; i++) {
			if (l->op() < 0) {
				perror(l->name);
				return 1;
			}
		}
		printf("%.1f\n", (double)(cpu_ns() - start) / operations);
	}
	if (l->clean)
		l->clean();
	return 0;
}

int main(int argc, char **argv)
{
	cpu_set_t cpus;

	if (argc < 5)
		return 2;
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[2]), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	for (size_t i = 0; i < sizeof(loops) / sizeof(loops[0]); i++)
		if (!strcmp(argv[1], loops[i].name))
			return run(&loops[i], atoi(argv[3]), atoi(argv[4]));
	return 2;
}
