/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Digests: the examples of FIPS 180-4, and every length around the ends of blocks.
 */
#include "agent/digest.h"
#include "engine/tests/test.h"

static const struct {
	const char *text, *digest;
} known[] = {
	{ "", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ "abc", "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
	{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
	  "sha256:248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	{ "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
	  "lmnopqrsmnopqrstnopqrstu",
	  "sha256:cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1" },
};

START_TEST(examples)
{
	char text[DIGEST_TEXT];

	digest_of(known[_i].text, strlen(known[_i].text), text);
	ck_assert_str_eq(text, known[_i].digest);
	ck_assert(digest_valid(str_from(text)));
}
END_TEST

START_TEST(million_letters)
{
	static char data[1000000];
	char text[DIGEST_TEXT];

	memset(data, 'a', sizeof(data));
	digest_of(data, sizeof(data), text);
	ck_assert_str_eq(text, "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

/* The digest of the digests of 'x' times 0 to 200, made with sha256sum. */
START_TEST(every_length)
{
	_cleanup_buf_ struct buf all = BUF_INIT;
	char data[200], text[DIGEST_TEXT];

	memset(data, 'x', sizeof(data));
	for (size_t n = 0; n <= sizeof(data); n++) {
		digest_of(data, n, text);
		buf_printf(&all, "%s\n", text);
	}
	digest_of(all.p, all.len, text);
	ck_assert_str_eq(text, "sha256:d12cea2d5a458a2b3afcf57f14c4d013ba0f5a5c6e6c528160e7fcf8dc6c0106");
}
END_TEST

START_TEST(other_texts_are_no_digests)
{
	ck_assert(!digest_valid(STR("sha256:")));
	ck_assert(!digest_valid(STR("sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")));
	ck_assert(!digest_valid(STR("sha256:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("digest");
	TCase *t = tcase_create("digest");

	tcase_add_loop_test(t, examples, 0, ARRAY_SIZE(known));
	tcase_add_test(t, million_letters);
	tcase_add_test(t, every_length);
	tcase_add_test(t, other_texts_are_no_digests);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
