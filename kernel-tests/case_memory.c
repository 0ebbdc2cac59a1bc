/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of memory calls; see cases.h. */
#include <sys/mman.h>

#include "kernel-tests/cases.h"

#define PAGE 4096

static char *pages(size_t n)
{
	return mmap(NULL, n * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* Sizes of the process, in KiB: a static program has some pages, and none in swap. */
static void want_sizes(struct want *w, unsigned size, unsigned rss, unsigned swap)
{
	want_min(w, size, 64);
	want_min(w, rss, 64);
	want_num(w, swap, 0);
}

static void run_brk(struct want *w)
{
	call(w, 0);
	want_sizes(w, BRK_4_X_vm_size, BRK_4_X_vm_rss, BRK_4_X_vm_swap);
	want_num(w, BRK_4_X_addr, 0);
}

static void run_mmap(struct want *w)
{
	int fd = case_file("mmap", "mapped");

	call(w, NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, PAGE);
	want_sizes(w, MMAP_X_vm_size, MMAP_X_vm_rss, MMAP_X_vm_swap);
	want_num(w, MMAP_X_addr, 0);
	want_num(w, MMAP_X_length, 2 * PAGE);
	want_num(w, MMAP_X_prot, PROT_READ | PROT_WRITE);
	want_num(w, MMAP_X_flags, case_flag(FLAG_TABLE_mmap_flags, "MAP_PRIVATE"));
	want_num(w, MMAP_X_fd, fd);
	want_num(w, MMAP_X_offset, PAGE);
	case_want_path(w, "mmap");
}

static void run_munmap(struct want *w)
{
	char *p = pages(3);

	call(w, p, 3 * PAGE);
	want_sizes(w, MUNMAP_X_vm_size, MUNMAP_X_vm_rss, MUNMAP_X_vm_swap);
	want_num(w, MUNMAP_X_addr, (uintptr_t)p);
	want_num(w, MUNMAP_X_length, 3 * PAGE);
}

static void run_mprotect(struct want *w)
{
	char *p = pages(1);

	call(w, p, PAGE, PROT_READ | PROT_EXEC);
	want_num(w, MPROTECT_X_addr, (uintptr_t)p);
	want_num(w, MPROTECT_X_length, PAGE);
	want_num(w, MPROTECT_X_prot, PROT_READ | PROT_EXEC);
}

static void run_mlock(struct want *w)
{
	char *p = pages(1);

	call(w, p, PAGE);
	want_num(w, MLOCK_X_addr, (uintptr_t)p);
	want_num(w, MLOCK_X_len, PAGE);
}

static void run_munlock(struct want *w)
{
	char *p = pages(1);

	call(w, p, PAGE);
	want_num(w, MUNLOCK_X_addr, (uintptr_t)p);
	want_num(w, MUNLOCK_X_len, PAGE);
}

static void run_mlock2(struct want *w)
{
	char *p = pages(1);

	call(w, p, PAGE, MLOCK_ONFAULT);
	want_num(w, MLOCK2_X_addr, (uintptr_t)p);
	want_num(w, MLOCK2_X_len, PAGE);
	want_num(w, MLOCK2_X_flags, MLOCK_ONFAULT);
}

static void run_mlockall(struct want *w)
{
	call(w, MCL_FUTURE);
	want_num(w, MLOCKALL_X_flags, MCL_FUTURE);
}

static void run_munlockall(struct want *w)
{
	call(w);
}

static const struct kcase rows[] = {
	{ EV_BRK_4_X, __NR_brk, run_brk },
	{ EV_MMAP_X, __NR_mmap, run_mmap },
	{ EV_MUNMAP_X, __NR_munmap, run_munmap },
	{ EV_MPROTECT_X, __NR_mprotect, run_mprotect },
	{ EV_MLOCK_X, __NR_mlock, run_mlock },
	{ EV_MUNLOCK_X, __NR_munlock, run_munlock },
	{ EV_MLOCK2_X, __NR_mlock2, run_mlock2 },
	{ EV_MLOCKALL_X, __NR_mlockall, run_mlockall },
	{ EV_MUNLOCKALL_X, __NR_munlockall, run_munlockall },
};

const struct kcase_table case_memory = { "memory", rows, ARRAY_SIZE(rows) };
