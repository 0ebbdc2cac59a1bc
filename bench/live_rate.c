/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Load for `make bench-latency`: opens a file at a steady rate, one open in EVERY of the marked
 * file. Sleeps between the opens of a millisecond, so that the rate is that of a node and not a
 * burst.
 * usage: live_rate CPU RATE SECONDS EVERY
 */
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define PLAIN "/dev/shm/tiercel-bench-file"
#define MARKED "/dev/shm/tiercel-bench-marked"
#define TICK_NS 1000000

static int touch(const char *path, int flags)
{
	int fd = open(path, flags, 0600);

	return fd < 0 ? -1 : close(fd);
}

/* Opens that are due since the start. */
static int catch_up(uint64_t *done, uint64_t due, uint64_t every)
{
	for (; *done < due; (*done)++)
		if (touch(*done % every == every - 1 ? MARKED : PLAIN, O_RDONLY) < 0)
			return -1;
	return 0;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

int main(int argc, char **argv)
{
	uint64_t rate, ticks, every, start = now_ns(), done = 0;
	cpu_set_t cpus;

	if (argc < 5)
		return 2;
	rate = strtoull(argv[2], NULL, 10);
	ticks = strtoull(argv[3], NULL, 10) * 1000;
	every = strtoull(argv[4], NULL, 10);
	CPU_ZERO(&cpus);
	CPU_SET(atoi(argv[1]), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	if (touch(PLAIN, O_WRONLY | O_CREAT) < 0 || touch(MARKED, O_WRONLY | O_CREAT) < 0) {
		perror("/dev/shm");
		return 1;
	}
	for (uint64_t i = 0; i < ticks; i++) {
		uint64_t next = start + (i + 1) * TICK_NS;
		struct timespec t = { .tv_sec = next / 1000000000, .tv_nsec = next % 1000000000 };

		if (catch_up(&done, (i + 1) * rate / 1000, every) < 0) {
			perror(PLAIN);
			return 1;
		}
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
	}
	unlink(PLAIN);
	unlink(MARKED);
	printf("%llu\n", (unsigned long long)done);
	return 0;
}
