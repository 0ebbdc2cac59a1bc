/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path arithmetic: directed cases and the golden list of the conformance data.
 */
#include "engine/state/path.h"
#include "engine/tests/test.h"

#include <jansson.h>
#include <zlib.h>

static void check_join(const char *base, const char *path, const char *expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	path_join(&out, str_from(base), str_from(path));
	ck_assert_int_eq(out.err, 0);
	ck_assert_msg(str_is(buf_str(&out), expected), "\"%s\" + \"%s\": got \"%.*s\", not \"%s\"",
		      base, path, STR_ARG(buf_str(&out)), expected);
}

START_TEST(join)
{
	check_join("/home/x/", "a/../b//c/.", "/home/x/b/c");
	check_join("/home/x/", "/etc/passwd/", "/etc/passwd");
	check_join("/home/x/", "../../../..", "/");
	check_join("/home/x/", "", "");
	check_join("", "foo/../a", "a");
	check_join("", "foo/..", "");
	check_join("<UNKNOWN>", "a", "<UNKNOWN>a");
	check_join("/", "\x01", "/\xef\xbf\xbd");
}
END_TEST

START_TEST(join_appends)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	buf_add_c(&out, "x");
	path_join(&out, STR("/a/"), STR("../../b"));
	ck_assert_str_view(buf_str(&out), "x/b");
}
END_TEST

START_TEST(too_long)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	char base[1024];

	memset(base, 'a', sizeof(base));
	path_join(&out, (struct str){ base, 1000 }, (struct str){ base, 24 });
	ck_assert_str_view(buf_str(&out), "/DIR_TOO_LONG/FILENAME_TOO_LONG");
	buf_clear(&out);
	path_join(&out, (struct str){ base, 1000 }, (struct str){ base, 23 });
	ck_assert_uint_eq(out.len, 1023);
}
END_TEST

/* Every text that counts as normal joins to itself, the vector form agrees with the plain one. */
START_TEST(normal_texts)
{
	static const char alphabet[] = "/.ab/\x7f\x01\xc3";
	unsigned seed = 1;

	ck_assert(path_is_normal(STR("/usr/lib/x86_64-linux-gnu/libc.so.6")));
	ck_assert(!path_is_normal(STR("/usr/lib/x86_64-linux-gnu/../libc.so")));
	ck_assert(!path_is_normal(STR("/a/")));
	ck_assert(!path_is_normal(STR("")));
	for (int i = 0; i < 200000; i++) {
		_cleanup_buf_ struct buf out = BUF_INIT;
		char text[64];
		uint32_t n = 1 + (unsigned)rand_r(&seed) % 60;
		bool normal;

		for (uint32_t k = 0; k < n; k++)
			text[k] = (char)('a' + rand_r(&seed) % 26);
		for (int k = rand_r(&seed) % 4; k > 0; k--)
			text[rand_r(&seed) % n] = alphabet[rand_r(&seed) % (sizeof(alphabet) - 1)];
		normal = path_is_normal((struct str){ text, n });
		path_join(&out, STR(""), (struct str){ text, n });
		if (normal)
			ck_assert(str_eq(buf_str(&out), ((struct str){ text, n })));
		else if (n > 1 && !memchr(text, '.', n))
			ck_assert(!str_eq(buf_str(&out), ((struct str){ text, n })));
	}
}
END_TEST

START_TEST(split)
{
	ck_assert_str_view(path_directory(STR("/etc/passwd")), "/etc");
	ck_assert_str_view(path_directory(STR("/passwd")), "/");
	ck_assert_str_view(path_directory(STR("passwd")), "/");
	ck_assert_str_view(path_directory(STR("/etc/")), "/etc/");
	ck_assert_str_view(path_filename(STR("/etc/passwd")), "passwd");
	ck_assert_str_view(path_filename(STR("passwd")), "/");
	ck_assert_str_view(path_filename(STR("/etc/")), "");
}
END_TEST

static size_t unhex(const char *hex, char *out, size_t max)
{
	size_t n = strlen(hex) / 2;

	ck_assert_uint_le(n, max);
	for (size_t i = 0; i < n; i++) {
		char digits[3] = { hex[2 * i], hex[2 * i + 1], 0 };

		out[i] = (char)strtol(digits, NULL, 16);
	}
	return n;
}

static void check_golden_line(const char *line)
{
	json_t *c = json_loads(line, 0, NULL);
	_cleanup_buf_ struct buf out = BUF_INIT;
	static char base[65536], path[65536], want[65536];
	struct str b = { base, 0 }, p = { path, 0 }, w = { want, 0 };

	ck_assert_ptr_nonnull(c);
	b.len = unhex(json_string_value(json_object_get(c, "base_hex")), base, sizeof(base));
	p.len = unhex(json_string_value(json_object_get(c, "path_hex")), path, sizeof(path));
	w.len = unhex(json_string_value(json_object_get(c, "result_hex")), want, sizeof(want));
	path_join(&out, b, p);
	ck_assert_msg(str_eq(buf_str(&out), w), "%.300s: got \"%.*s\"", line,
		      (int)MIN(out.len, (size_t)300), out.p);
	json_decref(c);
}

START_TEST(golden)
{
	static char line[1 << 20];
	char name[512];
	gzFile f;
	int n = 0;

	snprintf(name, sizeof(name), "%s/conformance/paths.jsonl.gz", test_shared());
	f = gzopen(name, "rb");
	if (!f) {
		printf("# SKIP no %s\n", name);
		return;
	}
	for (; gzgets(f, line, sizeof(line)); n++)
		check_golden_line(line);
	gzclose(f);
	ck_assert_int_gt(n, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("path");
	TCase *t = tcase_create("path");

	tcase_add_test(t, join);
	tcase_add_test(t, normal_texts);
	tcase_add_test(t, join_appends);
	tcase_add_test(t, too_long);
	tcase_add_test(t, split);
	tcase_add_test(t, golden);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
