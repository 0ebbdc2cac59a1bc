/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Common ground of the unit tests: Check with TAP on stdout, one program per test_<module>.c.
 * TEST_MAIN(make_suite) is the main(). Each test runs in a forked child, so a crash or a hang is
 * one failed test.
 */
#ifndef TIERCEL_TEST_H
#define TIERCEL_TEST_H

#include "engine/base/str.h"

/* Fuzz targets share fixtures with the tests, but not their framework. */
#ifdef TEST_WITHOUT_CHECK
#include <assert.h>
#define ck_assert(what) assert(what)
#define ck_assert_int_eq(a, b) assert((a) == (b))
#define ck_assert_ptr_nonnull(p) assert(p)
#define ck_assert_msg(what, ...)                               \
	do {                                                   \
		if (!(what)) {                                 \
			fprintf(stderr, "\n" __VA_ARGS__);     \
			abort();                               \
		}                                              \
	} while (0)
#else
#include <check.h>
#endif

#define ck_assert_str_view(s, expected)                                                        \
	do {                                                                                   \
		struct str s_ = (s);                                                           \
		ck_assert_msg(str_is(s_, (expected)), "got \"%.*s\", expected \"%s\"", STR_ARG(s_), \
			      (expected));                                                     \
	} while (0)

/* Folder with the shared reference data, or NULL: print a TAP skip and return. */
static inline const char *test_shared(void)
{
	const char *dir = getenv("TIERCEL_SHARED");

	return dir ? dir : "../shared";
}

#define TEST_MAIN(make_suite)                                                                  \
	int main(void)                                                                         \
	{                                                                                      \
		SRunner *sr = srunner_create(make_suite());                                    \
		int failed;                                                                    \
		srunner_set_tap(sr, "-");                                                      \
		srunner_run_all(sr, CK_SILENT);                                                \
		failed = srunner_ntests_failed(sr);                                            \
		srunner_free(sr);                                                              \
		return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                   \
	}

#endif
