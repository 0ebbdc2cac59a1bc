/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Forgotten code is gone from memory, and is there again when it is called.
 */
#include "agent/digest.h"
#include "agent/memory.h"
#include "engine/tests/test.h"

/* Pages of files that are mapped now, in kB. */
static unsigned long file_kb(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long kb = 0;
	char line[256];

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "RssFile: %lu", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

START_TEST(test_forget)
{
	static const char text[] = "some text";
	char before[DIGEST_TEXT], after[DIGEST_TEXT];
	unsigned long used;

	digest_of(text, sizeof(text), before);
	used = file_kb();
	memory_forget_code();
	ck_assert_uint_lt(file_kb(), used);	/* a sanitizer runs at once again */
	digest_of(text, sizeof(text), after);
	ck_assert_str_eq(before, after);
	memory_forget_code();
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("memory");
	TCase *t = tcase_create("memory");

	tcase_add_test(t, test_forget);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
