/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translation of flags: each number of the system's headers becomes the number that the wire has
 * for the same name, and numbers that nobody knows become none.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sem.h>

#include "bpf/tests/helper_run.h"

struct wire_flag {
	const char *table, *name;
	uint64_t bits;
};

#define FLAG(text, value) { NULL, text, value },
#define FLAG_TABLE(t) { #t, NULL, 0 },
#define FLAG_TABLE_END(t)
static const struct wire_flag wire_flags[] = {
#include "engine/event/flags/tables.def"
};
#undef FLAG
#undef FLAG_TABLE
#undef FLAG_TABLE_END

static uint64_t wire(const char *table, const char *name)
{
	bool inside = false;

	for (size_t i = 0; i < sizeof(wire_flags) / sizeof(wire_flags[0]); i++) {
		const struct wire_flag *f = &wire_flags[i];

		if (f->table)
			inside = !strcmp(f->table, table);
		else if (inside && !strcmp(f->name, name))
			return f->bits;
	}
	ck_abort_msg("no %s in %s", name, table);
	return 0;
}

static uint64_t conv(enum helper_conv which, uint64_t value)
{
	helpers->bss->test.conv = which;
	helpers->bss->test.value = value;
	RUN(conv);
	return helpers->bss->test.value;
}

struct same_name {
	enum helper_conv conv;
	uint64_t value;
	const char *table, *name;
};

#define SAME(conv, table, name) { HELPER_CONV_##conv, name, #table, #name },
static const struct same_name same_names[] = {
	SAME(open, file_flags, O_RDONLY) SAME(open, file_flags, O_WRONLY)
	SAME(open, file_flags, O_RDWR) SAME(fd_flags, file_flags, O_CREAT)
	SAME(fd_flags, file_flags, O_APPEND) SAME(fd_flags, file_flags, O_DSYNC)
	SAME(fd_flags, file_flags, O_EXCL) SAME(fd_flags, file_flags, O_NONBLOCK)
	SAME(fd_flags, file_flags, O_TRUNC) SAME(fd_flags, file_flags, O_DIRECT)
	SAME(fd_flags, file_flags, O_DIRECTORY) SAME(fd_flags, file_flags, O_CLOEXEC)
	SAME(mmap, mmap_flags, MAP_SHARED) SAME(mmap, mmap_flags, MAP_PRIVATE)
	SAME(mmap, mmap_flags, MAP_FIXED) SAME(mmap, mmap_flags, MAP_ANONYMOUS)
	SAME(mmap, mmap_flags, MAP_NORESERVE) SAME(mmap, mmap_flags, MAP_NONBLOCK)
	SAME(mmap, mmap_flags, MAP_GROWSDOWN) SAME(mmap, mmap_flags, MAP_DENYWRITE)
	SAME(mmap, mmap_flags, MAP_EXECUTABLE) SAME(mmap, mmap_flags, MAP_LOCKED)
	SAME(mmap, mmap_flags, MAP_POPULATE)
	SAME(prot, prot_flags, PROT_READ) SAME(prot, prot_flags, PROT_WRITE)
	SAME(prot, prot_flags, PROT_EXEC) SAME(prot, prot_flags, PROT_NONE)
	SAME(prot, prot_flags, PROT_GROWSDOWN) SAME(prot, prot_flags, PROT_GROWSUP)
	SAME(clone, clone_flags, CLONE_FILES) SAME(clone, clone_flags, CLONE_FS)
	SAME(clone, clone_flags, CLONE_IO) SAME(clone, clone_flags, CLONE_VM)
	SAME(clone, clone_flags, CLONE_THREAD) SAME(clone, clone_flags, CLONE_SIGHAND)
	SAME(clone, clone_flags, CLONE_VFORK) SAME(clone, clone_flags, CLONE_PTRACE)
	SAME(clone, clone_flags, CLONE_PARENT) SAME(clone, clone_flags, CLONE_SETTLS)
	SAME(clone, clone_flags, CLONE_UNTRACED)
	SAME(namespaces, clone_flags, CLONE_NEWNS) SAME(namespaces, clone_flags, CLONE_NEWPID)
	SAME(namespaces, clone_flags, CLONE_NEWNET) SAME(namespaces, clone_flags, CLONE_NEWIPC)
	SAME(namespaces, clone_flags, CLONE_NEWUTS) SAME(namespaces, clone_flags, CLONE_NEWUSER)
	SAME(namespaces, clone_flags, CLONE_NEWCGROUP)
	SAME(resolve, openat2_flags, RESOLVE_BENEATH)
	SAME(resolve, openat2_flags, RESOLVE_IN_ROOT)
	SAME(resolve, openat2_flags, RESOLVE_NO_MAGICLINKS)
	SAME(resolve, openat2_flags, RESOLVE_NO_SYMLINKS)
	SAME(resolve, openat2_flags, RESOLVE_NO_XDEV)
	SAME(resolve, openat2_flags, RESOLVE_CACHED)
	SAME(fchownat, fchownat_flags, AT_SYMLINK_NOFOLLOW)
	SAME(fchownat, fchownat_flags, AT_EMPTY_PATH)
	SAME(delete_module, delete_module_flags, O_NONBLOCK)
	SAME(delete_module, delete_module_flags, O_TRUNC)
	SAME(io_uring_setup, io_uring_setup_flags, IORING_SETUP_IOPOLL)
	SAME(io_uring_setup, io_uring_setup_flags, IORING_SETUP_SQPOLL)
	SAME(io_uring_setup, io_uring_setup_flags, IORING_SETUP_SQ_AFF)
	SAME(io_uring_setup, io_uring_setup_flags, IORING_SETUP_CQSIZE)
	SAME(io_uring_setup, io_uring_setup_flags, IORING_SETUP_R_DISABLED)
	SAME(semget, semget_flags, IPC_CREAT) SAME(semget, semget_flags, IPC_EXCL)
	SAME(semctl, semctl_commands, IPC_RMID) SAME(semctl, semctl_commands, IPC_SET)
	SAME(semctl, semctl_commands, IPC_STAT) SAME(semctl, semctl_commands, IPC_INFO)
	SAME(semctl, semctl_commands, SEM_STAT) SAME(semctl, semctl_commands, SEM_INFO)
	SAME(semctl, semctl_commands, GETALL) SAME(semctl, semctl_commands, GETNCNT)
	SAME(semctl, semctl_commands, GETPID) SAME(semctl, semctl_commands, GETVAL)
	SAME(semctl, semctl_commands, GETZCNT) SAME(semctl, semctl_commands, SETALL)
	SAME(semctl, semctl_commands, SETVAL)
	SAME(fcntl, fcntl_commands, F_DUPFD) SAME(fcntl, fcntl_commands, F_GETFD)
	SAME(fcntl, fcntl_commands, F_SETFD) SAME(fcntl, fcntl_commands, F_GETFL)
	SAME(fcntl, fcntl_commands, F_SETFL) SAME(fcntl, fcntl_commands, F_SETOWN)
	SAME(fcntl, fcntl_commands, F_GETOWN) SAME(fcntl, fcntl_commands, F_SETSIG)
	SAME(fcntl, fcntl_commands, F_GETSIG) SAME(fcntl, fcntl_commands, F_SETOWN_EX)
	SAME(fcntl, fcntl_commands, F_GETOWN_EX) SAME(fcntl, fcntl_commands, F_OFD_GETLK)
	SAME(fcntl, fcntl_commands, F_OFD_SETLK) SAME(fcntl, fcntl_commands, F_OFD_SETLKW)
	SAME(fcntl, fcntl_commands, F_SETLEASE) SAME(fcntl, fcntl_commands, F_GETLEASE)
	SAME(fcntl, fcntl_commands, F_NOTIFY) SAME(fcntl, fcntl_commands, F_DUPFD_CLOEXEC)
	SAME(fcntl, fcntl_commands, F_SETPIPE_SZ) SAME(fcntl, fcntl_commands, F_GETPIPE_SZ)
	SAME(ptrace, ptrace_requests, PTRACE_TRACEME) SAME(ptrace, ptrace_requests, PTRACE_PEEKTEXT)
	SAME(ptrace, ptrace_requests, PTRACE_POKETEXT)
	SAME(ptrace, ptrace_requests, PTRACE_POKEDATA)
	SAME(ptrace, ptrace_requests, PTRACE_CONT) SAME(ptrace, ptrace_requests, PTRACE_KILL)
	SAME(ptrace, ptrace_requests, PTRACE_SINGLESTEP)
	SAME(ptrace, ptrace_requests, PTRACE_ATTACH) SAME(ptrace, ptrace_requests, PTRACE_DETACH)
	SAME(ptrace, ptrace_requests, PTRACE_SYSCALL)
	SAME(ptrace, ptrace_requests, PTRACE_SETOPTIONS)
	SAME(ptrace, ptrace_requests, PTRACE_GETEVENTMSG)
	SAME(ptrace, ptrace_requests, PTRACE_GETSIGINFO)
	SAME(ptrace, ptrace_requests, PTRACE_SETSIGINFO)
	SAME(ptrace, ptrace_requests, PTRACE_GETREGSET)
	SAME(ptrace, ptrace_requests, PTRACE_SETREGSET)
	SAME(ptrace, ptrace_requests, PTRACE_SEIZE) SAME(ptrace, ptrace_requests, PTRACE_INTERRUPT)
	SAME(ptrace, ptrace_requests, PTRACE_LISTEN)
	SAME(ptrace, ptrace_requests, PTRACE_PEEKSIGINFO)
	SAME(ptrace, ptrace_requests, PTRACE_GETSIGMASK)
	SAME(ptrace, ptrace_requests, PTRACE_SETSIGMASK)
#if defined(__x86_64__)
	SAME(mmap, mmap_flags, MAP_32BIT)
	SAME(ptrace, ptrace_requests, PTRACE_GETREGS) SAME(ptrace, ptrace_requests, PTRACE_SETREGS)
	SAME(ptrace, ptrace_requests, PTRACE_ARCH_PRCTL)
#endif
};
#undef SAME

START_TEST(test_same_name)
{
	const struct same_name *s = &same_names[_i];

	ck_assert_msg(conv(s->conv, s->value) == wire(s->table, s->name),
		      "%s of %s: %#lx becomes %#lx, expected %#lx", s->name, s->table,
		      (unsigned long)s->value, (unsigned long)conv(s->conv, s->value),
		      (unsigned long)wire(s->table, s->name));
}
END_TEST

START_TEST(test_combined)
{
	uint64_t expected = wire("file_flags", "O_RDWR") | wire("file_flags", "O_CREAT") |
			    wire("file_flags", "O_EXCL") | wire("file_flags", "O_CLOEXEC");

	ck_assert_uint_eq(conv(HELPER_CONV_open, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC), expected);
	ck_assert_uint_eq(conv(HELPER_CONV_open, O_TMPFILE | O_RDWR),
			  wire("file_flags", "O_TMPFILE") | wire("file_flags", "O_DIRECTORY") |
				  wire("file_flags", "O_RDWR"));
	/* The magic of callers from before 2.4. */
	ck_assert_uint_eq(conv(HELPER_CONV_mount, 0xc0ed0001), 1);
}
END_TEST

START_TEST(test_unknown)
{
	static const enum helper_conv single[] = { HELPER_CONV_fcntl, HELPER_CONV_ptrace,
						   HELPER_CONV_semctl, HELPER_CONV_sockopt };

	for (size_t i = 0; i < sizeof(single) / sizeof(single[0]); i++) {
		ck_assert_uint_eq(conv(single[i], 0x7fffffff), 0);
		ck_assert_uint_eq(conv(single[i], UINT64_MAX), 0);
	}
	ck_assert_uint_eq(conv(HELPER_CONV_prot, 0x4000), 0);
	ck_assert_uint_eq(conv(HELPER_CONV_namespaces, 0xff), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("bpf flags");
	TCase *tc = tcase_create("flags");

	tcase_add_loop_test(tc, test_same_name, 0, sizeof(same_names) / sizeof(same_names[0]));
	tcase_add_test(tc, test_combined);
	tcase_add_test(tc, test_unknown);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return helper_main("bpf flags", make_suite);
}
