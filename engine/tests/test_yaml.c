/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two readers of YAML: which texts the simple one takes, that it makes the same tree of them as
 * libyaml (tables, random texts, the community's files), and that it leaves nothing behind when it
 * gives up.
 */
#include "engine/tests/yaml_bed.h"

#include "engine/base/buf.h"

/* Texts of rules files, and every fold, end and comment that they can have. */
static const char *const taken[] = {
	"", "# only a comment", "\n\n", "a: b", "a: b\n", "---\na: b\n", "# c\n---\n- a\n",
	"- a\n- b: c\n  d: e\n", "a:\n- b\n- c\nd: e\n", "a:\n  - b\n  -\n  - c\nd:\n",
	"a:\n\n  # c\n  b: c\n # d\n", "- - a\n  - b\n- - c\n", "-   a: b\n    c: d\n",
	"a: b c  # d\nb: c#d\n", "a: b\n  c\n\n\n  d\ne: f\n", "a: b:c\nd: e::f\n", "a: -1\nb: --x\n",
	"a:\n  b c\n  d\n", "- a b\n  c\n- d\n", "a: b   \n    c   \n", "a: 1\n   # c\nb: 2\n",
	"a: ~\nb: null\nc:\nd: Null\n", "a: x - y ? z | > & * !\n", "a[0]: b\nc.d: e\n-x: y\n",
	"a: 'b'\nc: 'it''s'  # d\n", "a: 'b\n  c\n\n  d'\n", "a: \"b\"\nc: \"d \\\"e\\\" \\\\ \\n\\t\\/\"\n",
	"a: \"b  \n   c\"\nd: ' e '\n", "a: ''\nb: \"\"\n", "- 'a'\n- \"b\"\n", "a:\n  'b'\n",
	"a: [b, c]\n", "a: []\nb: [ ]\n", "a: [b,c,]\n", "a: [b, # c\n  d\n]\n", "a: [\n# c\nb]\n",
	"a: [[b, c], [d]]\n", "a: ['b', \"c\", d e\n  f, g:h]\n", "- [a, b]\n- [c]\n", "a: [-1, -b]\n",
	"a: >\n  b\n  c\n\n  d\n", "a: |\n  b\n    c\n\n  d\n\n\nb: c\n", "a: >-\n  b\n\n\nc: |+\n  d\n\n\n",
	"a: >\n  b\n   c\n  d\n   e\n\n   f\n  g\n", "a: > # c\n\n\n  b\nd: e\n", "a: |-\n b\n# c\nd: e\n",
	"a: |\n  b", "- >\n  a\n- |\n  b\n", "a: >\n  b\n  \n   \n  c\n  ",
	"a: |\n  b\n   \n", "a:\n  b: >\n    c\n  d: e\n",
};

/* Errors, and what has rules that only libyaml knows. */
static const char *const left[] = {
	"a", "[a]", "'a'", "a: &b c\n", "a: *b\n", "a: !t b\n", "a: {b: c}\n", "a: [b: c]\n",
	"a: [{}]\n", "? a\n: b\n", "a: b: c\n", "a: - b\n", "a: b\n- c\n", "- a\nb: c\n",
	"a: b\n  c: d\n", "a:\n    b: c\n  d: e\n", "a: b\n c\n---\nd: e\n", "a: b\n...\n", "---\n",
	"%YAML 1.1\n---\na: b\n", "'a': b\n", "a : b\n", "a: [b\n", "a: [b,,c]\n", "a: [,]\n", "a: [b] c\n",
	"a: 'b\n", "a: 'b' c\n", "a: \"\\x41\"\n", "a: \"b\\\n  c\"\n", "a: >2\n   b\n", "a: >\nb: c\n",
	"a: >", "a: |\n    \n  b\n", "a:\tb\n", "a: b\r\n", "a: \xc3\xa9\n", "a: b\x7f\n", "a: @b\n",
	"a: `b`\n", "a: %b\n", "a: 'b'#c\n", "a: [b,#c\n d]\n", "a: ]\n", "a: [?b]\n", "a: [b?]\n",
	"a: [b:]\n", "a: [b[0]]\n", "a: [::1]\n", "a: , b\n",
};

START_TEST(simple_texts_are_taken)
{
	ck_assert_msg(yaml_bed_compare(str_from(taken[_i])), "not taken:\n%s", taken[_i]);
}
END_TEST

START_TEST(others_are_left)
{
	ck_assert_msg(!yaml_bed_compare(str_from(left[_i])), "taken:\n%s", left[_i]);
}
END_TEST

/* What a tree says, so that two readers that are wrong together are seen. */
START_TEST(folded_texts)
{
	static const struct {
		const char *text, *value;
	} cases[] = {
		{ "a: b\n  c\n\n  d\n", "b c\nd" },
		{ "a: 'b\n  c\n\n\n  it''s'\n", "b c\n\nit's" },
		{ "a: \"b \\\"\n  c\"\n", "b \" c" },
		{ "a: >\n  b\n  c\n\n  d\n   e\n  f\n\n", "b c\nd\n e\nf\n" },
		{ "a: >-\n  b\n  c\n", "b c" },
		{ "a: |+\n  b\n   c\n\n", "b\n c\n\n" },
		{ "a: |\n\n  b\n", "\nb\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct yaml_bed b;

		yaml_bed_init(&b, str_from(cases[i].text));
		ck_assert_int_eq(yaml_simple(&b.tree), 0);
		ck_assert_str_view(yaml_get(b.tree.docs, "a")->s, cases[i].value);
		yaml_bed_done(&b);
	}
}
END_TEST

/* Random texts of the pieces that matter; short ones meet every pair of them. */
START_TEST(random_texts)
{
	static const char *const pieces[] = {
		"a", "b: ", "c:", "- ", "-", "\n", "\n", "\n  ", "\n    ", "\n ", " ", "  ", ": ", ":",
		"#", " # ", "[", "]", ",", ", ", "'", "''", "\"", "\\", "\\n", ">", "|", ">-", "|+", "x y",
		"a: ", "\n- ", "\n- a: ", "\na: ", "\n  b: ", "?", "~", "{", "}", "&", "---", "...", "1",
	};
	uint64_t state = 88172645463325252u + (uint64_t)_i;
	uint32_t ntaken = 0;

	for (uint32_t round = 0; round < 60000; round++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		uint32_t n;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		n = 2 + state % 14;
		if (state >> 60 & 1)
			buf_add_c(&text, "a: ");
		for (uint32_t i = 0; i < n; i++) {
			state = state * 6364136223846793005u + 1442695040888963407u;
			buf_add_c(&text, pieces[(state >> 33) % ARRAY_SIZE(pieces)]);
		}
		ntaken += yaml_bed_compare(buf_str(&text));
	}
	ck_assert_msg(ntaken > 3000, "only %u were taken", ntaken);
}
END_TEST

START_TEST(community_files)
{
	static const char *const files[] = { "falco_rules", "falco-incubating_rules",
					     "falco-sandbox_rules" };
	_cleanup_buf_ struct buf path = BUF_INIT, text = BUF_INIT;
	char chunk[4096];
	size_t n;
	FILE *f;

	buf_printf(&path, "%s/corpus/falco-rules/%s.yaml", test_shared(), files[_i]);
	f = fopen(path.p, "r");
	if (!f) {
		printf("# SKIP no %s\n", path.p);
		fflush(stdout);
		return;
	}
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&text, chunk, n);
	fclose(f);
	ck_assert(yaml_bed_compare(buf_str(&text)));
	/* Cut anywhere it is another text, mostly one with an error. */
	for (uint32_t cut = 1; cut < text.len; cut += 997)
		yaml_bed_compare((struct str){ text.p, cut });
}
END_TEST

START_TEST(too_much_is_left)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (int i = 0; i < 19999; i++)
		buf_add_c(&text, "- a\n");
	ck_assert(yaml_bed_compare(buf_str(&text)));
	buf_add_c(&text, "- a\n");
	ck_assert(!yaml_bed_compare(buf_str(&text)));
	buf_clear(&text);
	for (int i = 0; i < 100; i++)
		buf_add_c(&text, "- ");
	buf_add_c(&text, "a\n");
	ck_assert(!yaml_bed_compare(buf_str(&text)));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("yaml");
	TCase *tc = tcase_create("readers");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, simple_texts_are_taken, 0, ARRAY_SIZE(taken));
	tcase_add_loop_test(tc, others_are_left, 0, ARRAY_SIZE(left));
	tcase_add_test(tc, folded_texts);
	tcase_add_loop_test(tc, random_texts, 0, 4);
	tcase_add_loop_test(tc, community_files, 0, 3);
	tcase_add_test(tc, too_much_is_left);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
