/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cases of 32-bit system calls, which a 64-bit program can make as well; see cases.h. Only x86: the
 * arm64 guests would need a 32-bit program.
 */
#include <sys/mman.h>
#include <sys/wait.h>

#include "kernel-tests/cases.h"

#define NR32_OPEN 5
#define NR32_GETPID 20
#define NR32_MKDIR 39

#if defined(__x86_64__)
#define NR_COMPAT32 NR_HOOK
static long call32(long nr, long a, long b, long c)
{
	long r;

	__asm__ volatile("int $0x80"
			 : "=a"(r)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)r;
}
#else
#define NR_COMPAT32 NR_ABSENT
#define MAP_32BIT 0
static long call32(long nr, long a, long b, long c)
{
	return -ENOSYS;
}
#endif

/* A kernel without 32-bit emulation kills the caller. */
static bool have_compat32(struct want *w)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		call32(NR32_GETPID, 0, 0, 0);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		want_skip(w, "this kernel has no 32-bit system calls");
	return !WIFSIGNALED(status);
}

/* Text at an address that 32 bits can hold. */
static char *low_text(const char *text)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT,
		       -1, 0);

	if (p == MAP_FAILED)
		_exit(1);
	snprintf(p, 4096, "%s", text);
	return p;
}

static void called(struct want *w, long ret)
{
	w->called = true;
	w->ret = ret;
	w->flags = EVENT_COMPAT32;
	want_num(w, 0, ret);
}

static void run_mkdir32(struct want *w)
{
	if (!have_compat32(w))
		return;
	called(w, call32(NR32_MKDIR, (long)low_text("mkdir32"), 0711, 0));
	want_text(w, MKDIR_2_X_path, "mkdir32");
	want_num(w, MKDIR_2_X_mode, 0711);
}

static void run_open32(struct want *w)
{
	int fd;

	if (!have_compat32(w))
		return;
	fd = call32(NR32_OPEN, (long)low_text("open32"), O_RDWR | O_CREAT, 0640);
	called(w, fd);
	want_text(w, OPEN_X_name, "open32");
	want_bits(w, OPEN_X_flags, WO_RDWR | WO_CREAT, WO_RDWR | WO_CREAT);
	want_num(w, OPEN_X_mode, 0640);
	case_want_inode(w, fd, OPEN_X_dev, OPEN_X_ino);
	case_want_path(w, "open32");
}

static const struct kcase rows[] = {
	{ EV_MKDIR_2_X, NR_COMPAT32, run_mkdir32, "mkdir (32 bit)" },
	{ EV_OPEN_X, NR_COMPAT32, run_open32, "open (32 bit)" },
};

const struct kcase_table case_compat32 = { "compat32", rows, ARRAY_SIZE(rows) };
