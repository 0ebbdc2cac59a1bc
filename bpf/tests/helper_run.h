/* SPDX-License-Identifier: Apache-2.0 */
/* Running one helper program on the calling process; for the test programs of this folder. */
#ifndef TIERCEL_BPF_TESTS_HELPER_RUN_H
#define TIERCEL_BPF_TESTS_HELPER_RUN_H

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "engine/event/ring.h"
#include "bpf/tests/helpers.h"
#include "bpf/tests/helpers.skel.h"

extern struct helpers *helpers;

/* Loads `helpers`; false after a TAP skip when this machine cannot. */
bool helper_load(const char *suite);

/* helpers->bss->test is filled by the caller before and holds the answer after. */
#define RUN(name) helper_run(bpf_program__fd(helpers->progs.helper_##name))
void helper_run(int fd);

/* Bytes of parameter `i` of the answer; its length. */
const uint8_t *helper_param(int i);
size_t helper_len(int i);
#define ck_assert_param_str(i, expected)                                                    \
	do {                                                                                \
		ck_assert_uint_eq(helper_len(i), strlen(expected) + 1);                     \
		ck_assert_str_eq((const char *)helper_param(i), expected);                  \
	} while (0)

/* Failures counted so far at one place. */
uint64_t helper_site(enum ring_site site);

int helper_main(const char *suite_name, Suite *(*make_suite)(void));

#endif
