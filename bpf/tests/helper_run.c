/* SPDX-License-Identifier: Apache-2.0 */
/* Owns the loaded object of a test program until it exits; Check forks, the maps are shared. */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include "agent/source_ring_prog.h"
#include "bpf/tests/helper_run.h"

struct helpers *helpers;

static int quiet(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return level == LIBBPF_WARN ? vfprintf(stderr, fmt, ap) : 0;
}

static struct source_ring_btf btf;

/* As the agent does with those that it loads. */
static int fit(struct bpf_program *p, struct bpf_prog_load_opts *opts, long cookie)
{
	size_t n = bpf_program__insn_cnt(p);
	struct bpf_insn *insns = malloc(n * sizeof(*insns));
	int r = -ENOMEM;

	if (insns) {
		memcpy(insns, bpf_program__insns(p), n * sizeof(*insns));
		source_ring_prog_fit(insns, n, &btf);
		r = bpf_program__set_insns(p, insns, n);
	}
	free(insns);
	return r;
}

bool helper_load(const char *suite)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_prepare_load_fn = fit);

	if (geteuid() || access("/sys/kernel/btf/vmlinux", R_OK)) {
		printf("ok 1 - %s # SKIP needs root and a kernel with type information\n1..1\n",
		       suite);
		return false;
	}
	libbpf_set_print(quiet);
	source_ring_btf_open(&btf);
	source_ring_btf_close(&btf); /* libbpf uses all of it; numbers of functions stay */
	libbpf_register_prog_handler("raw_tracepoint+", BPF_PROG_TYPE_RAW_TRACEPOINT, 0, &opts);
	helpers = helpers__open_and_load();
	if (!helpers) {
		printf("not ok 1 - %s: the kernel refuses the helpers: %s\n1..1\n", suite,
		       strerror(errno));
		exit(EXIT_FAILURE);
	}
	return true;
}

void helper_run(int fd)
{
	struct bpf_test_run_opts opts = { .sz = sizeof(opts) };

	ck_assert_int_eq(bpf_prog_test_run_opts(fd, &opts), 0);
	ck_assert_int_eq(opts.retval, 0);
}

size_t helper_len(int i)
{
	return helpers->bss->test.lengths[i];
}

const uint8_t *helper_param(int i)
{
	size_t at = 0;

	for (int k = 0; k < i; k++)
		at += helper_len(k);
	ck_assert_uint_le(at + helper_len(i), helpers->bss->test.out_len);
	return helpers->bss->test.out + at;
}

uint64_t helper_site(enum ring_site site)
{
	int cpus = libbpf_num_possible_cpus();
	uint64_t sum = 0, *values = calloc(cpus, sizeof(*values));
	uint32_t key = site;

	ck_assert(values);
	ck_assert_int_eq(bpf_map_lookup_elem(bpf_map__fd(helpers->maps.site_counters), &key,
					     values),
			 0);
	for (int i = 0; i < cpus; i++)
		sum += values[i];
	free(values);
	return sum;
}

int helper_main(const char *suite_name, Suite *(*make_suite)(void))
{
	SRunner *sr;
	int failed;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!helper_load(suite_name))
		return EXIT_SUCCESS;
	sr = srunner_create(make_suite());
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	helpers__destroy(helpers);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/*
 * Some tests leave the root they started in, or are killed while they hold memory: the leak check
 * of sanitizer builds cannot work there.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}
