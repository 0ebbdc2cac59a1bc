/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads every program of the sensor and its snapshot and prints how many instructions the verifier
 * looked at: lines "program,instructions". Called by `make insns` and test_insns.sh.
 * Exit status 77: this machine cannot tell (not root, no type information, kernel before 5.16).
 */
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/source_ring_object.h"
#include "agent/source_ring_prog.h"
#include "engine/event/ring.h"

#define EXIT_CANNOT 77

static int warn(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

static int print_program(struct source_ring_prog *p)
{
	_cleanup_buf_ struct buf why = BUF_INIT;
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	source_ring_prog_load(p);
	if (p->err) {
		source_ring_prog_why(p, &why);
		fprintf(stderr, "the kernel refuses %.*s\n", STR_ARG(buf_str(&why)));
		return EXIT_FAILURE;
	}
	if (bpf_obj_get_info_by_fd(p->fd, &info, &len)) {
		fprintf(stderr, "%s: %s\n", p->name, strerror(errno));
		return EXIT_FAILURE;
	}
	if (!info.verified_insns)
		return EXIT_CANNOT;
	printf("%s,%u\n", p->name, info.verified_insns);
	return EXIT_SUCCESS;
}

static int print_programs(const void *bytes, size_t size, const struct source_ring_btf *btf)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = source_ring_btf_path(btf));
	struct bpf_object *object = bpf_object__open_mem(bytes, size, &opts);
	struct source_ring_progs progs = { 0 };
	int status = EXIT_SUCCESS, r;

	r = object ? source_ring_progs_prepare(object, btf, &progs) : -errno;
	if (r) {
		fprintf(stderr, "the object does not load: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	for (uint32_t i = 0; i < progs.n && status == EXIT_SUCCESS; i++)
		status = print_program(&progs.v[i]);
	source_ring_progs_done(&progs);
	bpf_object__close(object);
	return status;
}

static int print_all(const struct source_ring_btf *btf)
{
	const void *bytes;
	size_t size;
	int status;

	bytes = source_ring_object_sensor(btf, &size);
	status = print_programs(bytes, size, btf);
	bytes = source_ring_object_snapshot(btf, &size);
	return status == EXIT_SUCCESS ? print_programs(bytes, size, btf) : status;
}

int main(void)
{
	struct source_ring_btf btf;
	int status;

	if (geteuid() || access("/sys/kernel/btf/vmlinux", R_OK))
		return EXIT_CANNOT;
	libbpf_set_print(warn);
	if (source_ring_prog_start())
		return EXIT_FAILURE;
	source_ring_btf_open(&btf);
	puts("program,instructions");
	status = print_all(&btf);
	source_ring_btf_close(&btf);
	return status;
}
