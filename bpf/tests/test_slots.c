/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch of threads that are preempted within a program, see slots.bpf.c. Prints TAP. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/event/ring.h"
#include "bpf/tests/slots.skel.h"

#define NAME "scratch of threads that are preempted"

/* Kernels before 5.12 know no exchange in programs; those that preempt programs are far newer. */
static bool knows_exchange(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_ST | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_10, .off = -8 },
		{ .code = BPF_STX | BPF_ATOMIC | BPF_DW, .dst_reg = BPF_REG_10,
		  .src_reg = BPF_REG_0, .off = -8, .imm = BPF_CMPXCHG },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "exchange", "Dual BSD/GPL", insns,
			       sizeof(insns) / sizeof(insns[0]), NULL);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int main(void)
{
	struct bpf_test_run_opts opts = { .sz = sizeof(opts) };
	struct slots *s;
	int r;

	if (geteuid() || access("/sys/kernel/btf/vmlinux", R_OK)) {
		puts("ok 1 - " NAME " # SKIP needs root and a kernel with type information\n1..1");
		return 0;
	}
	if (!knows_exchange()) {
		puts("ok 1 - " NAME " # SKIP this kernel knows no exchange in programs\n1..1");
		return 0;
	}
	s = slots__open_and_load();
	if (!s) {
		puts("not ok 1 - " NAME "\n# the kernel refuses the program\n1..1");
		return EXIT_FAILURE;
	}
	r = bpf_prog_test_run_opts(bpf_program__fd(s->progs.slots), &opts);
	if (r || s->bss->failed)
		printf("not ok 1 - " NAME "\n# run: %d, slots.bpf.c line %u\n1..1\n", r,
		       s->bss->failed);
	else
		puts("ok 1 - " NAME "\n1..1");
	r = r || s->bss->failed;
	slots__destroy(s);
	return r;
}
