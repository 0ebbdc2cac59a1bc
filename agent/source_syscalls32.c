/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of 32-bit system calls; the header defines the same names as the native one. */
#if defined(__x86_64__)
#include <asm/unistd_32.h>
#endif

#include "agent/source_syscalls.h"

const struct source_syscall source_syscalls32[] = {
#define NR(number, code, event) { number, code, event },
#include "bpf/syscall_nr.h"
#undef NR
	{ 0 }
};
const uint32_t source_syscalls32_count = ARRAY_SIZE(source_syscalls32) - 1;
