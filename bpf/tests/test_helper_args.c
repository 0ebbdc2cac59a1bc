/* SPDX-License-Identifier: Apache-2.0 */
/* Strings, buffers, argument areas and vectors of user memory. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "bpf/tests/helper_run.h"

#define AREA 16384
#define LIMIT 4096		/* of one parameter */
#define VECTOR_MAX 16		/* as FAILED_EXEC_ARGS */
#define VECTOR_STR_MAX 1024

static char *area;		/* AREA bytes with an unmapped page behind them */

static void setup(void)
{
	area = mmap(NULL, AREA + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(area, MAP_FAILED);
	ck_assert_int_eq(munmap(area + AREA, 4096), 0);
	memset(area, 0, AREA);	/* present: the helpers do not fault pages in */
}

static bool truncated(void)
{
	return helpers->bss->test.flags & RING_TRUNCATED;
}

static void user_str(const void *p)
{
	helpers->bss->test.ptr = (uintptr_t)p;
	RUN(user_str);
}

START_TEST(test_string)
{
	strcpy(area, "name");
	user_str(area);
	ck_assert_param_str(0, "name");
	area[0] = '\0';	/* a literal may lie on a page that was never touched */
	user_str(area);
	ck_assert_param_str(0, "");
	user_str(NULL);
	ck_assert_uint_eq(helper_len(0), 0);
	ck_assert(!truncated());
}
END_TEST

START_TEST(test_string_unreadable)
{
	uint64_t before = helper_site(RING_SITE_USER_PATH);

	user_str(area + AREA);
	ck_assert_uint_eq(helper_len(0), 0);
	/* Unterminated up to the end of the mapping. */
	memset(area, 'x', AREA);
	user_str(area + AREA - 10);
	ck_assert_uint_eq(helper_len(0), 0);
	ck_assert_uint_eq(helper_site(RING_SITE_USER_PATH), before + 2);
}
END_TEST

START_TEST(test_string_long)
{
	memset(area, 'x', LIMIT - 2);
	user_str(area);
	ck_assert_uint_eq(helper_len(0), LIMIT - 1);
	ck_assert(!truncated());
	memset(area, 'x', 2 * LIMIT);
	user_str(area);
	ck_assert_uint_eq(helper_len(0), LIMIT);
	ck_assert_int_eq(helper_param(0)[LIMIT - 1], 0);
	ck_assert(truncated());
}
END_TEST

START_TEST(test_buffer)
{
	uint64_t before = helper_site(RING_SITE_USER_DATA);

	memset(area, 'b', AREA);
	helpers->bss->test.ptr = (uintptr_t)area;
	helpers->bss->test.len = 10;
	RUN(user_mem);
	ck_assert_uint_eq(helper_len(0), 10);
	helpers->bss->test.len = UINT64_MAX;
	RUN(user_mem);
	ck_assert_uint_eq(helper_len(0), 1024);
	helpers->bss->test.ptr = (uintptr_t)area + AREA - 5;
	RUN(user_mem);
	ck_assert_uint_eq(helper_len(0), 0);
	ck_assert_uint_eq(helper_site(RING_SITE_USER_DATA), before + 1);
}
END_TEST

enum area_kind { AREA_ARGS, AREA_ENV };

/* Fields 26, 27, 28 and 45 to 51 of /proc/self/stat: where this image lies. */
static struct prctl_mm_map own_map(void)
{
	unsigned long long v[52] = { 0 };
	char line[4096], *p;
	FILE *f = fopen("/proc/self/stat", "r");

	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	fclose(f);
	p = strrchr(line, ')') + 4;	/* behind the name and the state */
	for (int i = 4; i < 52; i++)
		v[i] = strtoull(p, &p, 10);
	return (struct prctl_mm_map){
		.start_code = v[26], .end_code = v[27], .start_stack = v[28],
		.start_data = v[45], .end_data = v[46], .start_brk = v[47],
		.brk = (uintptr_t)sbrk(0), .arg_start = v[48], .arg_end = v[49],
		.env_start = v[50], .env_end = v[51], .exe_fd = -1,
	};
}

/* The arguments or the environment of this process are from now on `len` bytes at `area`. */
static void set_area(enum area_kind kind, size_t len)
{
	struct prctl_mm_map map = own_map();

	if (kind == AREA_ARGS) {
		map.arg_start = (uintptr_t)area;
		map.arg_end = (uintptr_t)area + len;
	} else {
		map.env_start = (uintptr_t)area;
		map.env_end = (uintptr_t)area + len;
	}
	ck_assert_msg(!prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0), "%s",
		      strerror(errno));
}

START_TEST(test_args)
{
	static const char args[] = "prog\0-a\0\0last";

	memcpy(area, args, sizeof(args));
	set_area(AREA_ARGS, sizeof(args));
	RUN(exe_args);
	ck_assert_param_str(0, "prog");
	ck_assert_uint_eq(helper_len(1), sizeof(args) - 5);
	ck_assert_uint_eq(memcmp(helper_param(1), args + 5, sizeof(args) - 5), 0);
	ck_assert(!truncated());
}
END_TEST

START_TEST(test_args_empty)
{
	strcpy(area, "not an argument");
	set_area(AREA_ARGS, 0);
	RUN(exe_args);
	ck_assert_param_str(0, "");
	ck_assert_uint_eq(helper_len(1), 0);
}
END_TEST

START_TEST(test_args_long)
{
	memset(area, 'x', AREA);
	strcpy(area, "prog");
	set_area(AREA_ARGS, AREA);
	RUN(exe_args);
	ck_assert_param_str(0, "prog");
	ck_assert_uint_eq(helper_len(1), LIMIT - 5);
	ck_assert_int_eq(helper_param(1)[LIMIT - 6], 0);
	ck_assert(truncated());
}
END_TEST

/* argv[0] alone fills everything. */
START_TEST(test_exe_long)
{
	memset(area, 'x', AREA - 1);
	set_area(AREA_ARGS, AREA);
	RUN(exe_args);
	ck_assert_uint_eq(helper_len(0), LIMIT);
	ck_assert_uint_eq(helper_len(1), 0);
	ck_assert(truncated());
}
END_TEST

/* A process that has overwritten the end of its arguments: the last byte is not NUL. */
START_TEST(test_args_unterminated)
{
	memset(area, 'x', 64);
	area[4] = '\0';
	set_area(AREA_ARGS, 32);
	RUN(exe_args);
	ck_assert_param_str(0, "xxxx");
	ck_assert_uint_eq(helper_len(1), 32 - 5);
	ck_assert_int_eq(helper_param(1)[32 - 6], 0);
	ck_assert_int_eq(helper_param(1)[32 - 7], 'x');
}
END_TEST

START_TEST(test_args_unreadable)
{
	uint64_t before = helper_site(RING_SITE_MM_ARGS);

	strcpy(area, "prog");
	set_area(AREA_ARGS, AREA);
	ck_assert_int_eq(munmap(area, AREA), 0);
	RUN(exe_args);
	ck_assert_uint_eq(helper_len(0), 0);
	ck_assert_uint_eq(helper_len(1), 0);
	ck_assert_uint_eq(helper_site(RING_SITE_MM_ARGS), before + 2);
}
END_TEST

START_TEST(test_env)
{
	static const char env[] = "A=1\0B=";

	memcpy(area, env, sizeof(env));
	set_area(AREA_ENV, sizeof(env));
	RUN(env);
	ck_assert_uint_eq(helper_len(0), sizeof(env));
	ck_assert_uint_eq(memcmp(helper_param(0), env, sizeof(env)), 0);
	set_area(AREA_ENV, 0);
	RUN(env);
	ck_assert_uint_eq(helper_len(0), 0);
	memset(area, 'e', AREA);
	set_area(AREA_ENV, AREA);
	RUN(env);
	ck_assert_uint_eq(helper_len(0), LIMIT);
	ck_assert(truncated());
}
END_TEST

static void vector(const void *v)
{
	helpers->bss->test.ptr = (uintptr_t)v;
	RUN(vector);
}

START_TEST(test_vector)
{
	/* On the stack: literals may lie on pages that were never touched. */
	char a[] = "a", none[] = "", ccc[] = "ccc";
	const char *v[] = { a, none, ccc, NULL }, *empty[] = { NULL };

	vector(v);
	ck_assert_uint_eq(helper_len(0), 7);
	ck_assert_uint_eq(memcmp(helper_param(0), "a\0\0ccc", 7), 0);
	vector(empty);
	ck_assert_uint_eq(helper_len(0), 0);
	vector(NULL);
	ck_assert_uint_eq(helper_len(0), 0);
	ck_assert(!truncated());
}
END_TEST

START_TEST(test_vector_bounds)
{
	const char *v[VECTOR_MAX + 2] = { NULL };
	char x[] = "x", one_more[] = "one too many";

	for (int i = 0; i < VECTOR_MAX; i++)
		v[i] = x;
	vector(v);
	ck_assert_uint_eq(helper_len(0), 2 * VECTOR_MAX);
	ck_assert(!truncated());
	v[VECTOR_MAX] = one_more;
	vector(v);
	ck_assert_uint_eq(helper_len(0), 2 * VECTOR_MAX);
	ck_assert(truncated());
	memset(area, 'x', 2 * VECTOR_STR_MAX);
	for (int i = 0; i < VECTOR_MAX; i++)
		v[i] = area;
	vector(v);
	ck_assert_uint_le(helper_len(0), LIMIT);
	ck_assert_uint_ge(helper_len(0), LIMIT - VECTOR_STR_MAX);
	ck_assert(truncated());
	v[1] = NULL;
	vector(v);
	ck_assert_uint_eq(helper_len(0), VECTOR_STR_MAX);
	ck_assert(truncated());
}
END_TEST

START_TEST(test_vector_unreadable)
{
	uint64_t before = helper_site(RING_SITE_USER_ARGV);
	char a[] = "a";
	const char *v[] = { a, area + AREA, NULL };

	vector(v);
	ck_assert_uint_eq(helper_len(0), 2);
	vector(area + AREA);
	ck_assert_uint_eq(helper_len(0), 0);
	ck_assert_uint_eq(helper_site(RING_SITE_USER_ARGV), before + 2);
}
END_TEST

static Suite *make_suite(void)
{
	const TTest *tests[] = {
		test_string, test_string_unreadable, test_string_long, test_buffer, test_args,
		test_args_empty, test_args_long, test_exe_long, test_args_unterminated,
		test_args_unreadable, test_env, test_vector, test_vector_bounds,
		test_vector_unreadable,
	};
	Suite *s = suite_create("bpf arguments");
	TCase *tc = tcase_create("arguments");

	tcase_add_checked_fixture(tc, setup, NULL);
	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		tcase_add_test(tc, tests[i]);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return helper_main("bpf arguments", make_suite);
}
