/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads every program of the sensor and prints how many instructions the verifier looked at:
 * lines "program,instructions". Called by `make insns` and test_insns.sh.
 * Exit status 77: this machine cannot tell (not root, no type information, kernel before 5.16).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "engine/event/ring.h"
#include "bpf/sensor.skel.h"

#define EXIT_CANNOT 77

static int warn(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

static int print_program(const struct bpf_program *p)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_obj_get_info_by_fd(bpf_program__fd(p), &info, &len)) {
		fprintf(stderr, "%s: %s\n", bpf_program__name(p), strerror(errno));
		return EXIT_FAILURE;
	}
	if (!info.verified_insns)
		return EXIT_CANNOT;
	printf("%s,%u\n", bpf_program__name(p), info.verified_insns);
	return EXIT_SUCCESS;
}

int main(void)
{
	struct bpf_program *p;
	struct sensor *skel;
	int status = EXIT_SUCCESS;

	if (geteuid() || access("/sys/kernel/btf/vmlinux", R_OK))
		return EXIT_CANNOT;
	libbpf_set_print(warn);
	skel = sensor__open_and_load();
	if (!skel) {
		fprintf(stderr, "the kernel refuses the sensor: %s\n", strerror(errno));
		return EXIT_FAILURE;
	}
	puts("program,instructions");
	bpf_object__for_each_program(p, skel->obj)
		if (status == EXIT_SUCCESS)
			status = print_program(p);
	sensor__destroy(skel);
	return status;
}
