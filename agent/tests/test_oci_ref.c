/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of artifacts: what is accepted, what is refused and why; what starts programs.
 */
#include "agent/io.h"
#include "agent/oci.h"
#include "engine/tests/test.h"

#include <unistd.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *text, *host, *repo, *version;
} good[] = {
	{ "ghcr.io/team/rules:1.2", "ghcr.io", "team/rules", "1.2" },
	{ "oci://localhost:5000/rules", "localhost:5000", "rules", "latest" },
	{ "127.0.0.1:5000/a/b/c:x", "127.0.0.1:5000", "a/b/c", "x" },
	{ "[::1]:5000/a:x", "[::1]:5000", "a", "x" },
	{ "localhost/a__b/c--d/e.f", "localhost", "a__b/c--d/e.f", "latest" },
	{ "r.io/a@sha256:" HEX, "r.io", "a", "sha256:" HEX },
	{ "r.io/a:1@sha256:" HEX, "r.io", "a", "sha256:" HEX },
};

static const struct {
	const char *text, *why;
} bad[] = {
	{ "", "no '/'" },
	{ "rules:1", "no '/'" },
	{ "/rules", "no registry" },
	{ "team/rules", "registry is missing" },
	{ "r io.x/rules", "not a host name" },
	{ "r.io/Rules", "repository" },
	{ "r.io/", "repository" },
	{ "r.io//a", "repository" },
	{ "r.io/a/", "repository" },
	{ "r.io/-a", "repository" },
	{ "r.io/a/../b", "repository" },
	{ "r.io/a:", "the tag" },
	{ "r.io/a:.x", "the tag" },
	{ "r.io/a:x/y", "the tag" },
	{ "r.io/a@sha256:12", "the digest" },
	{ "r.io/a@md5:" HEX, "the digest" },
};

START_TEST(test_good)
{
	struct oci_ref r;
	const char *why = "";

	ck_assert_msg(oci_ref_parse(good[_i].text, &r, &why) == 0, "%s: %s", good[_i].text, why);
	ck_assert_str_eq(r.host, good[_i].host);
	ck_assert_str_eq(r.repo, good[_i].repo);
	ck_assert_str_eq(oci_ref_version(&r), good[_i].version);
}
END_TEST

START_TEST(test_bad)
{
	struct oci_ref r = { .host = "untouched" };
	const char *why = "";

	ck_assert_int_eq(oci_ref_parse(bad[_i].text, &r, &why), -EINVAL);
	ck_assert_msg(strstr(why, bad[_i].why) != NULL, "%s: %s", bad[_i].text, why);
	ck_assert_str_eq(r.host, "untouched");
}
END_TEST

START_TEST(test_long)
{
	char text[2048];
	struct oci_ref r;
	const char *why;

	memset(text, 'a', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	memcpy(text, "r.io/", 5);
	ck_assert_int_eq(oci_ref_parse(text, &r, &why), -EINVAL);
	text[9] = ':';
	ck_assert_int_eq(oci_ref_parse(text, &r, &why), -EINVAL);
	memset(text, 'a', 1000);
	text[1000] = '/';
	ck_assert_int_eq(oci_ref_parse(text, &r, &why), -EINVAL);
}
END_TEST

START_TEST(test_helpers)
{
	static const struct {
		const char *text;
		bool uses;
	} cases[] = { { "{\"auths\": {\"a\": {}}}", false }, { "{\"credHelpers\": {}}", false },
		      { "{\"credHelpers\": {\"a\": \"gcr\"}}", true }, { "{\"credsStore\": \"x\"}", true },
		      { "rubbish", false }, { "", false } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char path[] = "/tmp/tiercel-docker-XXXXXX";
		int fd = mkstemp(path);

		ck_assert_int_eq(io_write_all(fd, cases[i].text, strlen(cases[i].text)), 0);
		close(fd);
		ck_assert_int_eq(oci_uses_helpers(path), cases[i].uses);
		unlink(path);
	}
	ck_assert(!oci_uses_helpers("/nowhere"));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("oci_ref");
	TCase *t = tcase_create("oci_ref");

	tcase_add_loop_test(t, test_good, 0, ARRAY_SIZE(good));
	tcase_add_loop_test(t, test_bad, 0, ARRAY_SIZE(bad));
	tcase_add_test(t, test_long);
	tcase_add_test(t, test_helpers);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
