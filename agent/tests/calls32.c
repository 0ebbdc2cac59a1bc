/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes 32-bit system calls out of a 64-bit program (int 0x80), which a sensor that looks at native
 * numbers only takes for others. For test_events.py: calls32 FILE, prints results of the calls.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum {
	NR32_OPEN = 5,
	NR32_EXECVE = 11,
	NR32_SOCKETCALL = 102,
	NR32_OPENAT = 295,
	NR32_SETUID32 = 213
};

static long call32(long nr, unsigned long a, unsigned long b, unsigned long c)
{
	long r = -1;

#if defined(__x86_64__)
	asm volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c)
		     : "memory", "r8", "r9", "r10", "r11");
#endif
	return r;
}

int main(int argc, char **argv)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	unsigned long path = (unsigned long)low, at = path + 512, text = path + 1024;
	unsigned int *vector = (unsigned int *)at;
	static const unsigned char to[16] = { 2, 0, 0, 9, 127, 0, 0, 1 };
	unsigned int fd;

	if (low == MAP_FAILED || argc < 2 || strlen(argv[1]) > 500)
		return 1;
	memcpy(low, argv[1], strlen(argv[1]) + 1);
	printf("open %ld\n", call32(NR32_OPEN, path, 0, 0));
	printf("openat %ld\n", call32(NR32_OPENAT, (unsigned int)-100, path, 0));
	memcpy(vector, (unsigned int[]){ 2, 1, 0 }, 12);
	fd = (unsigned int)call32(NR32_SOCKETCALL, 1, at, 0);
	printf("socket %u\n", fd);
	memcpy((char *)text, to, sizeof(to));
	memcpy(vector, (unsigned int[]){ fd, (unsigned int)text, 16 }, 12);
	printf("connect %ld\n", call32(NR32_SOCKETCALL, 3, at, 0));
	printf("setuid %ld\n", call32(NR32_SETUID32, 0, 0, 0));
	memcpy((char *)text, "/nonexistent32", 15);
	memcpy(vector, (unsigned int[]){ (unsigned int)path, (unsigned int)text, 0 }, 12);
	printf("execve %ld\n", call32(NR32_EXECVE, text, at, 0));
	return 0;
}
