/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter language against the golden list of the conformance data: kinds parse, compile,
 * evttypes, escape, rulewarn, and of eval whether the condition is accepted. Results on events are
 * the matter of tools/conform.py.
 */
#include "engine/rule/filter.h"
#include "engine/tests/test.h"

#include <jansson.h>
#include <unistd.h>
#include <zlib.h>

/* Where we differ from the reference on purpose. A case that starts to agree is a failure. */
static const struct difference {
	const char *kind, *expr, *reason;
} differences[] = {
	{ "compile", "thread.cpu = 1.0", "fractions are numbers" },
	{ "compile", "container.id = host", "container fields need no plugin here" },
};

static struct arena arena;
static unsigned problems, cases;
static uint64_t differing;

static const char *str_of(const json_t *c, const char *key)
{
	return json_string_value(json_object_get(c, key));
}

/* fmt ends the list of what is said about the case. */
_printf_(2, 3) static void problem(const json_t *c, const char *fmt, ...)
{
	va_list ap;

	for (size_t i = 0; i < ARRAY_SIZE(differences); i++) {
		if (strcmp(str_of(c, "kind"), differences[i].kind) == 0 &&
		    strcmp(str_of(c, "expr"), differences[i].expr) == 0) {
			differing |= 1ull << i;
			return;
		}
	}
	problems++;
	fprintf(stderr, "%s: %s: ", str_of(c, "kind"), str_of(c, "expr"));
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static int parse(struct str text, struct ast **ret, struct filter_error *err)
{
	struct limits limits;

	limits_init(&limits);
	return filter_parse(text, &arena, &limits, ret, err);
}

/* Where and what the parser complains about; escapes are reported where they are, not behind. */
static void compare_error(const json_t *c, const struct filter_error *err)
{
	const json_t *end = json_object_get(c, "end_pos");
	const char *want = str_of(c, "error");

	if (!want)
		return;
	if (strcmp(want, err->message))
		problem(c, "message \"%s\", not \"%s\"", err->message, want);
	if (end && !strstr(want, "escape") &&
	    (json_integer_value(json_array_get(end, 0)) != err->pos.offset ||
	     json_integer_value(json_array_get(end, 1)) != err->pos.line ||
	     json_integer_value(json_array_get(end, 2)) != err->pos.col))
		problem(c, "position %u:%u", err->pos.line, err->pos.col);
}

/* The text again with blanks of one kind around and inside. */
static void compare_variants(const json_t *c, const char *text)
{
	static const char blanks[] = { ' ', '\n', '\t' };

	for (size_t i = 0; i < ARRAY_SIZE(blanks); i++) {
		_cleanup_buf_ struct buf b = BUF_INIT;
		struct filter_error err;
		struct ast *ast;

		buf_printf(&b, " %s ", text);
		for (size_t k = 0; k < b.len; k++)
			if (b.p[k] == ' ')
				b.p[k] = blanks[i];
		if (parse(buf_str(&b), &ast, &err) < 0)
			problem(c, "not with other blanks: %s", err.message);
	}
}

static void compare_text(const json_t *c, const struct ast *ast)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	const char *want = str_of(c, "ast");

	filter_print(&b, ast);
	if (want && !str_is(buf_str(&b), want))
		problem(c, "text \"%s\", not \"%s\"", b.p, want);
}

static void test_parse(const json_t *c)
{
	struct filter_error err = { 0 };
	struct ast *ast;
	bool ok = parse(str_from(str_of(c, "expr")), &ast, &err) == 0;

	if (ok != json_is_true(json_object_get(c, "valid")))
		problem(c, ok ? "is accepted" : "is refused: %s", err.message);
	else if (ok)
		compare_text(c, ast);
	else
		compare_error(c, &err);
	if (ok && json_is_true(json_object_get(c, "also_accept_variants")))
		compare_variants(c, str_of(c, "expr"));
}

static json_t *verdict(const char *expr)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	json_t *doc;
	bool ok;

	filter_check_json(str_from(expr), &b, &ok);
	doc = json_loadb(b.p, b.len, 0, NULL);
	ck_assert_msg(doc, "not JSON: %s", b.p);
	ck_assert_int_eq(ok, json_is_true(json_object_get(doc, "ok")));
	return doc;
}

static bool contains(const json_t *array, const char *key, const char *text)
{
	const json_t *v;
	size_t i;

	json_array_foreach(array, i, v) {
		const char *s = key ? str_of(v, key) : json_string_value(v);

		if (s && strcmp(s, text) == 0)
			return true;
	}
	return false;
}

static bool needs_mock(const json_t *c)
{
	const char *set = str_of(c, "fieldset");

	return set && (strstr(set, "mock") || strstr(set, "plugin"));
}

static void test_compile(const json_t *c)
{
	const json_t *want = json_object_get(c, "warnings"), *w;
	json_t *doc;
	size_t i;

	if (needs_mock(c))
		return;
	doc = verdict(str_of(c, "expr"));
	if (json_is_true(json_object_get(doc, "ok")) != json_is_true(json_object_get(c, "valid")))
		problem(c, "valid is not as expected (%s)",
			str_of(c, "error") ? str_of(c, "error") : "");
	json_array_foreach(want, i, w)
		if (!contains(json_object_get(doc, "warnings"), "message", json_string_value(w)))
			problem(c, "no warning \"%s\"", json_string_value(w));
	json_decref(doc);
}

/* What a filter of the command line has to accept; event types do not matter there. */
static void test_eval(const json_t *c)
{
	const char *expr = str_of(c, "expr");

	if (!needs_mock(c) && !strstr(expr, "(syscall.type)"))
		test_compile(c);
}

static void test_evttypes(const json_t *c)
{
	const json_t *observed = json_object_get(c, "observed"), *name, *types;
	const json_t *names = json_object_get(observed, "names");
	json_t *doc = verdict(str_of(c, "expr"));
	size_t i;

	types = json_object_get(doc, "event_types");
	if (json_is_true(json_object_get(doc, "ok")) != json_is_true(json_object_get(c, "valid")))
		problem(c, "valid is not as expected");
	else if (json_is_true(json_object_get(c, "valid")) &&
		 json_is_true(json_object_get(observed, "all")) != json_is_null(types))
		problem(c, "all event types or not");
	if (names && json_array_size(names) != json_array_size(types))
		problem(c, "%zu event types, not %zu", json_array_size(types),
			json_array_size(names));
	json_array_foreach(names, i, name)
		if (!contains(types, NULL, json_string_value(name)))
			problem(c, "no event type %s", json_string_value(name));
	json_decref(doc);
}

static void test_escape(const json_t *c)
{
	_cleanup_buf_ struct buf quoted = BUF_INIT, text = BUF_INIT;
	struct str raw = str_from(str_of(c, "expr"));
	const char *want = str_of(c, "escaped");
	struct filter_error err;
	struct ast *ast;

	expr_print_value(&quoted, raw);
	if (want && !str_is(buf_str(&quoted), want))
		problem(c, "quoted as %s, not %s", quoted.p, want);
	buf_printf(&text, "a.b = %s", quoted.p);
	if (parse(buf_str(&text), &ast, &err) < 0)
		problem(c, "%s: %s", text.p, err.message);
	else if (!str_eq(ast->values[0]->text, raw))
		problem(c, "reads back as %.*s", STR_ARG(ast->values[0]->text));
}

static void test_rulewarn(const json_t *c)
{
	json_t *doc = verdict(str_of(c, "expr")), *w = json_object_get(doc, "warnings");
	bool got = contains(w, "code", "LOAD_UNSAFE_NA_CHECK") ||
		   contains(w, "code", "LOAD_DEPRECATED_ITEM");

	if (got != json_is_true(json_object_get(c, "warns")))
		problem(c, got ? "warns" : "does not warn");
	json_decref(doc);
}

static void test_case(const json_t *c)
{
	static const struct {
		const char *kind;
		void (*fn)(const json_t *c);
	} kinds[] = {
		{ "parse", test_parse },       { "compile", test_compile },
		{ "eval", test_eval },	       { "evttypes", test_evttypes },
		{ "escape", test_escape },     { "rulewarn", test_rulewarn },
	};

	arena_init(&arena, 4096, 0);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (strcmp(str_of(c, "kind"), kinds[i].kind) == 0)
			kinds[i].fn(c);
	cases++;
	arena_done(&arena);
}

START_TEST(golden)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	static char line[1 << 20];
	gzFile f;

	buf_printf(&path, "%s/conformance/filter.jsonl.gz", test_shared());
	f = gzopen(path.p, "rb");
	ck_assert_ptr_nonnull(f);
	while (gzgets(f, line, sizeof(line))) {
		json_t *c = json_loads(line, 0, NULL);

		ck_assert_ptr_nonnull(c);
		test_case(c);
		json_decref(c);
	}
	gzclose(f);
	ck_assert_uint_gt(cases, 1000);
	ck_assert_uint_eq(problems, 0);
	for (size_t i = 0; i < ARRAY_SIZE(differences); i++)
		ck_assert_msg(differing >> i & 1, "%s agrees by now", differences[i].expr);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("filter_golden");
	TCase *t = tcase_create("golden");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, golden);
	suite_add_tcase(s, t);
	return s;
}

int main(void)
{
	_cleanup_buf_ struct buf path = BUF_INIT;
	SRunner *sr;
	int failed;

	buf_printf(&path, "%s/conformance/filter.jsonl.gz", test_shared());
	if (access(path.p, R_OK) < 0) {
		printf("1..1\nok 1 - golden # SKIP no %s\n", path.p);
		return EXIT_SUCCESS;
	}
	sr = srunner_create(make_suite());
	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
