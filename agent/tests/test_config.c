/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hostile configurations: whatever bytes stand in the file or on the command line, reading ends
 * with a configuration or with errors that have a place. The same mutations at every run.
 */
#include "agent/config.h"
#include "engine/tests/test.h"

#include <fcntl.h>
#include <unistd.h>

enum { ROUNDS = 600 };

static uint64_t seed = 88172645463325252;

static uint32_t draw(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 11) % below;
}

/* Loads `text` from a file, checks what must hold for any input. */
static int load(const char *path, struct str text, const char *override)
{
	struct config_opts opts = { .path = path };
	struct config *c = NULL;
	struct diags diags;
	struct arena a;
	int r, fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);

	ck_assert_int_eq(io_write_all(fd, text.p, text.len), 0);
	close(fd);
	arena_init(&a, 256, 0);
	diags_init(&diags);
	if (override)
		ck_assert_int_eq(config_texts_add(&opts.overrides, &a, override), 0);
	r = config_load(&opts, &diags, &c);
	ck_assert(r == 0 || r == -EINVAL);
	ck_assert_int_eq(r == 0, diags.errors == 0);
	ck_assert_int_eq(r == 0, c != NULL);
	if (c) {
		_cleanup_buf_ struct buf out = BUF_INIT;

		config_effective(c, &out);
		ck_assert_int_eq(out.err, 0);
	}
	for (uint32_t i = 0; i < diags.count; i++)
		ck_assert_ptr_nonnull(diags.items[i].file);
	config_free(c);
	diags_done(&diags);
	arena_done(&a);
	return r;
}

static void mutate(struct buf *text)
{
	static const char bytes[] = "\0\n\t :-[]{}&*!|>'\"%@`,#?$\\~x0\x80\xff";

	for (uint32_t i = draw(4) + 1; i; i--) {
		uint32_t at = draw((uint32_t)text->len), n = draw(40);

		switch (draw(3)) {
		case 0:
			text->p[at] = bytes[draw(sizeof(bytes) - 1)];
			break;
		case 1:
			n = MIN(n, (uint32_t)text->len - at - 1);
			memmove(text->p + at, text->p + at + n, text->len - at - n);
			text->len -= n;
			break;
		default:
			n = MIN(n, (uint32_t)text->len - at);
			memmove(text->p + draw((uint32_t)text->len - n + 1), text->p + at, n);
		}
	}
}

START_TEST(mutated_files)
{
	char path[] = "/tmp/tiercel-config-XXXXXX";
	_cleanup_buf_ struct buf good = BUF_INIT, text = BUF_INIT;
	int failed = 0;

	close(mkstemp(path));
	ck_assert_int_eq(io_read_file("agent/tests/falco.yaml", 1 << 20, &good), 0);
	ck_assert_int_eq(load(path, buf_str(&good), NULL), 0);
	for (int i = 0; i < ROUNDS; i++) {
		buf_clear(&text);
		buf_add(&text, good.p, good.len);
		mutate(&text);
		failed += load(path, buf_str(&text), NULL) < 0;
	}
	ck_assert_int_gt(failed, ROUNDS / 20);	/* the mutations do reach the checks */
	unlink(path);
}
END_TEST

START_TEST(mutated_overrides)
{
	static const char *const good[] = {
		"append_output[0].extra_fields[]={\"a\": \"%proc.name\"}", "rules[]={disable: {rule: x}}",
		"static_fields.a\\.b=${HOME}", "config_files=[]", "http_output.headers[]=A: b",
	};
	char path[] = "/tmp/tiercel-config-XXXXXX";
	_cleanup_buf_ struct buf text = BUF_INIT;

	close(mkstemp(path));
	for (int i = 0; i < ROUNDS; i++) {
		const char *from = good[i % ARRAY_SIZE(good)];

		buf_clear(&text);
		buf_add(&text, from, strlen(from) + 1);
		mutate(&text);
		text.p[text.len - 1] = '\0';
		load(path, STR("rules: []\n"), text.p);
	}
	unlink(path);
}
END_TEST

/* Bounds: size, depth, nodes through aliases, number of reported problems. */
START_TEST(large_files)
{
	char path[] = "/tmp/tiercel-config-XXXXXX";
	_cleanup_buf_ struct buf text = BUF_INIT;

	close(mkstemp(path));
	for (int i = 0; i < 200; i++)
		buf_add_c(&text, "[");
	ck_assert_int_eq(load(path, buf_str(&text), NULL), -EINVAL);
	buf_clear(&text);
	buf_add_c(&text, "a0: &a0 [x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 12; i++) {
		buf_printf(&text, "a%d: &a%d [", i, i);
		for (int k = 0; k < 8; k++)
			buf_printf(&text, "%s*a%d", k ? ", " : "", i - 1);
		buf_add_c(&text, "]\n");
	}
	ck_assert_int_eq(load(path, buf_str(&text), NULL), -EINVAL);
	buf_clear(&text);
	for (int i = 0; i < 5000; i++)
		buf_printf(&text, "unknown%d: 1\n", i);
	ck_assert_int_eq(load(path, buf_str(&text), NULL), 0);
	while (text.len < 2 << 20)
		buf_add_c(&text, "# a long comment that nobody reads\n");
	ck_assert_int_eq(load(path, buf_str(&text), NULL), -EINVAL);
	unlink(path);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("config");
	TCase *tc = tcase_create("hostile");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, mutated_files);
	tcase_add_test(tc, mutated_overrides);
	tcase_add_test(tc, large_files);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
