/* SPDX-License-Identifier: Apache-2.0 */
/* Scratch of threads that are preempted within a program, see slots.bpf.c. Prints TAP. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engine/event/ring.h"
#include "bpf/tests/slots.skel.h"

#define NAME "scratch of threads that are preempted"

int main(void)
{
	struct bpf_test_run_opts opts = { .sz = sizeof(opts) };
	struct slots *s;
	int r;

	if (geteuid() || access("/sys/kernel/btf/vmlinux", R_OK)) {
		puts("ok 1 - " NAME " # SKIP needs root and a kernel with type information\n1..1");
		return 0;
	}
	s = slots__open_and_load();
	if (!s) {
		puts("ok 1 - " NAME " # SKIP this kernel knows no exchange in programs\n1..1");
		return 0;
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
