/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checker of conditions: operators and types, constants, right-hand sides, warnings, lints,
 * event types.
 */
#include "engine/rule/filter.h"
#include "engine/tests/test.h"

static struct arena arena;
static struct limits limits;

/* What one run found: texts joined by "|". */
struct found {
	struct buf errors, warnings;
	struct filter_error first;
};

static struct found found;

static void setup(void)
{
	arena_init(&arena, 4096, 0);
	limits_init(&limits);
	found = (struct found){ .errors = BUF_INIT, .warnings = BUF_INIT };
}

static void teardown(void)
{
	arena_done(&arena);
	buf_done(&found.errors);
	buf_done(&found.warnings);
}

static void on_error(void *ctx, const struct filter_error *err)
{
	if (found.errors.len)
		buf_add_char(&found.errors, '|');
	else
		found.first = *err;
	buf_add_c(&found.errors, err->message);
}

static void on_warn(void *ctx, enum diag_code code, const struct filter_error *w)
{
	buf_printf(&found.warnings, "%s%s", found.warnings.len ? "|" : "", diag_infos[code].name);
}

static struct ast *parse(const char *text)
{
	struct filter_error err = { 0 };
	struct ast *ast = NULL;
	int r = filter_parse(str_from(text), &arena, &limits, &ast, &err);

	ck_assert_msg(r == 0, "\"%s\": %s", text, err.message);
	return ast;
}

static int check(struct ast *ast)
{
	const struct filter_checker c = {
		.arena = &arena, .error = on_error, .warn = on_warn,
	};
	int r;

	buf_clear(&found.errors);
	buf_clear(&found.warnings);
	r = filter_check(ast, &c);
	return r ? r : filter_lint(ast, &c);
}

static struct ast *accepted(const char *text)
{
	struct ast *ast = parse(text);
	int r = check(ast);

	ck_assert_msg(r == 0, "\"%s\": %s", text, found.errors.p);
	return ast;
}

static void refused(const char *text, const char *message)
{
	ck_assert_int_gt(check(parse(text)), 0);
	ck_assert_str_eq(found.errors.p, message);
}

static void warns(const char *text, const char *codes)
{
	accepted(text);
	ck_assert_msg(str_is(buf_str(&found.warnings), codes), "\"%s\" gives %s, not %s", text,
		      found.warnings.len ? found.warnings.p : "nothing", codes);
}

START_TEST(operator_types)
{
	refused("evt.num contains 1",
		"filter error: 'contains' operator not supported for numeric filters");
	refused("evt.is_io contains true",
		"filter error: 'contains' operator not supported for numeric filters");
	refused("evt.buffer icontains x",
		"filter error: 'icontains' operator not supported for buffer filters");
	refused("fd.name bcontains 30",
		"filter error: 'bcontains' operator not supported for string filters");
	refused("fd.ip startswith x", "filter error: 'startswith' operator not supported for ip "
				      "address and network filters");
	refused("fd.ip contains anyof (x)", "filter error: 'contains' with modifier not supported "
					    "for ip address and network filters");
	refused("fd.types = file", "filter error: '=' operator not supported list filters");
	ck_assert_ptr_nonnull(found.first.hint);
	accepted("fd.types in (file)");
	accepted("fd.types[0] intersects (file)");
	accepted("fd.ip intersects (127.0.0.1)");
	accepted("evt.buffer in (x)");
	accepted("fd.name < 1");
	accepted("evt.rawarg.addr exists");
}
END_TEST

START_TEST(constants)
{
	struct ast *a = accepted("evt.buffer bcontains 41ff00");

	ck_assert_uint_eq(a->nconsts, 1);
	ck_assert_uint_eq(a->consts[0].s.len, 3);
	ck_assert(memcmp(a->consts[0].s.p, "A\xff", 3) == 0);
	refused("evt.buffer bcontains 4", "filter error: bcontains and bstartswith operator support "
					  "hex strings only");
	refused("evt.buffer bstartswith 4g", "filter error: bcontains and bstartswith operator "
					     "support hex strings only");
	refused("evt.num = abc", "abc is not a valid number");
	ck_assert_uint_eq(found.first.pos.col, 11);
	ck_assert(!found.first.unknown_filter);
	/* Every problem, not only the first. */
	refused("evt.num in (a, 1, b) or no.such = 1",
		"a is not a valid number|b is not a valid number|"
		"filter_check called with nonexistent field no.such");
}
END_TEST

START_TEST(regexes)
{
	struct ast *a = accepted("proc.name regex '[a-c]+|x.?'");

	ck_assert(regex_match(a->regexes[0], STR("abc")));
	ck_assert(regex_match(a->regexes[0], STR("xy")));
	ck_assert(!regex_match(a->regexes[0], STR("abcd")));
	refused("proc.name regex '(?i)x'",
		"invalid regex pattern: no argument for repetition operator: ?");
	refused("proc.name regex '[a'", "invalid regex pattern: missing ]: [a");
	a = accepted("proc.name regex oneof ('a+', '(b|c)')");
	ck_assert(regex_match(a->regexes[1], STR("c")));
}
END_TEST

START_TEST(right_sides)
{
	accepted("fd.name = val(proc.name)");
	accepted("tolower(fd.name) = concat(proc.name, 'x')");
	refused("fd.name = val(evt.num)", "field 'fd.name' has type 'CHARBUF' while the right-hand "
					  "side field 'evt.num' has incompatible type 'UINT64'");
	refused("proc.name regex val(fd.name)",
		"operator 'REGEX' doesn't support right-hand side fields");
	refused("proc.aname = val(proc.name)",
		"field 'proc.aname' doesn't support right-hand side fields");
	refused("proc.name = val(proc.aname)",
		"field 'proc.aname' can't be used as a right-hand side field");
	refused("fd.name = val(proc.name)[x]",
		"filter error: transformer 'val' does not support field arguments");
}
END_TEST

START_TEST(transformer_types)
{
	refused("toupper(evt.rawres) = -1",
		"can't add field transformer: type 'INT64' is not supported by 'toupper' transformer "
		"applied on field 'evt.rawres'");
	refused("toupper(evt.rawarg.res) = x", "field 'evt.rawarg' does not support transformers");
	refused("toupper(fd.name)[x] = y",
		"filter error: transformer 'toupper' does not support field arguments");
	refused("concat(proc.pid, 'x') = y", "concat() arguments must be strings");
	refused("join('-', fd.name) = y", "join() second argument must be a list");
	refused("getopt(('-n'), 'n')[''] = n",
		"getopt() field argument must be a single option character");
	refused("tolower(fd.name, fd.name) = x", "tolower() requires exactly 1 argument");
	ck_assert_int_eq(accepted("len(fd.types) > 1")->lhs->type, PT_UINT64);
	ck_assert(accepted("getopt(('-n'), 'n') intersects (n)")->lhs->is_list);
	ck_assert(!accepted("getopt(('-n'), 'n')[n] = n")->lhs->is_list);
}
END_TEST

START_TEST(event_names)
{
	accepted("evt.type in (open, container, getcwd, NA, '')");
	accepted("evt.type contains open");
	refused("evt.type = opne", "unknown event type opne");
	ck_assert(found.first.unknown_filter);
	ck_assert_str_eq(found.first.hint, "did you mean open?");
	refused("evt.type startswith op", "unknown event type op");
	accepted("syscall.type = whatever");
}
END_TEST

START_TEST(unknown_fields)
{
	refused("proc.nmae = x", "filter_check called with nonexistent field proc.nmae");
	ck_assert(found.first.unknown_filter);
	ck_assert_str_eq(found.first.hint, "did you mean proc.name?");
	refused("tolower(no.such) = x", "filter_check called with nonexistent field no.such");
	refused("a_macro", "Undefined macro 'a_macro' used in filter.");
}
END_TEST

#define COMPILE "LOAD_COMPILE_CONDITION"

START_TEST(warnings)
{
	warns("proc.name = fd.name", COMPILE);
	warns("proc.name in ('fd.name ', x, proc.cmdline)", COMPILE "|" COMPILE);
	warns("proc.name = 'val(fd.name)'", COMPILE);
	warns("proc.name = 'tolower( fd.name)'", COMPILE);
	warns("proc.name = 'tolow(fd.name)'", "");
	warns("proc.name = no.field", "");
	warns("proc.name regex 'abc'", COMPILE);
	warns("proc.name regex '^.*abc.+$'", COMPILE "");
	warns("proc.name regex 'a.*b'", "");
	warns("proc.name regex 'ab\\\\.*'", "");
	warns("evt.dir = < and (evt.dir = > or evt.latency > 5)",
	      "LOAD_DEPRECATED_ITEM|LOAD_DEPRECATED_ITEM");
	warns("fd.sport = 70000", "LINT_VALUE_WRAPS");
}
END_TEST

#define NEVER "LINT_NEVER_TRUE"

START_TEST(never_true)
{
	warns("proc.name = a and proc.name = b", NEVER);
	warns("proc.name = a and (fd.name = x and proc.name in (b, c))", NEVER);
	warns("evt.num = 1 and evt.num = 01", "");
	warns("proc.name in (a, b) and proc.name in (b, c)", "");
	warns("proc.name in ()", NEVER);
	warns("proc.name = x and fd.name pmatch ()", NEVER);
	warns("proc.name startswith oneof ()", NEVER);
	/* Harmless: empty lists are how rules leave room for the user's own. */
	warns("proc.name = a or proc.name in ()", "");
	warns("proc.name = a and not proc.name in ()", "");
	warns("proc.name = a and proc.pname = b", "");
	/* Any ancestor, either end: both can hold. */
	warns("proc.aname = a and proc.aname = b", "");
	warns("fd.port = 1 and fd.port = 2", "");
	warns("proc.aname[1] = a and proc.aname[2] = b", "");
	warns("proc.aname[1] = a and proc.aname[1] = b", NEVER);
	warns("(proc.name = a and proc.name = b) or (fd.num = 1 and fd.num = 2)", NEVER);
}
END_TEST

/* A macro that two rules share reports to both of them, once each. */
START_TEST(shared_trees)
{
	struct ast *m = parse("no.such = 1"), *rule = parse("a and a and proc.name = fd.name");

	rule->kids[0] = rule->kids[1] = m;
	ck_assert_int_eq(check(rule), 1);
	ck_assert_ptr_eq(found.first.text, m->text);
	ck_assert_int_eq(check(rule), 1);
	ck_assert_str_eq(found.warnings.p, COMPILE);
}
END_TEST

static void types(const char *text, const char *expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	const char *names[EVTSET_NAMES_MAX];
	struct filter_error err;
	struct evtset s;
	uint32_t n;

	ck_assert_int_eq(filter_event_types(parse(text), NULL, &s, &err), 0);
	n = evtset_names(&s, names, EVTSET_NAMES_MAX);
	for (uint32_t i = 0; i < n && n < 10; i++)
		buf_printf(&out, "%s%s", i ? " " : "", names[i]);
	if (evtset_is_all(&s))
		buf_add_c(&out, "all");
	else if (n >= 10)
		buf_add_c(&out, "many");
	ck_assert_msg(str_is(buf_str(&out), expected), "\"%s\" gives \"%s\", not \"%s\"", text,
		      out.p ? out.p : "", expected);
}

START_TEST(event_types)
{
	const char *names[EVTSET_NAMES_MAX];
	struct filter_error err;
	struct evtset s;

	types("evt.type = openat", "openat");
	types("syscall.type in (close, openat) and fd.num > 1", "close openat");
	types("evt.type in ()", "");
	types("evt.type = open and evt.type = close", "");
	types("not (evt.type != open or proc.name = x)", "open");
	types("not evt.type = open", "many");
	types("evt.type = open or proc.name = x", "all");
	types("not (evt.type = open and proc.name = x)", "all");
	types("evt.type startswith open", "all");
	types("evt.type = oneof (open)", "all");
	types("evt.type.is.open = 1", "all");
	types("evt.type = NA", "NA");
	types("evt.type = time", "many");
	/* Calls that only other machines have are no generic ones. */
	types("evt.type in (umount, send, recv)", "recv send umount");
	types("evt.type in (fcntl64, getuid32, sched_switch)", "fcntl getuid switch");
	types("evt.type exists", "all");
	types("not evt.type exists", "");
	ck_assert_int_eq(filter_event_types(parse("tolower(evt.type) = open"), NULL, &s, &err),
			 -EINVAL);
	ck_assert_int_eq(filter_event_types(parse("evt.type = val(proc.name)"), NULL, &s, &err),
			 -EINVAL);
	ck_assert_int_eq(filter_evtset(parse("evt.type = open"), &s, &err), 0);
	ck_assert(evtset_has(&s, EV_ASYNCEVENT_E) && evtset_has(&s, EV_OPEN_X));
	ck_assert(!evtset_has(&s, EV_CLOSE_X));
	ck_assert_int_eq(filter_evtset(parse("evt.type exists"), &s, &err), 0);
	ck_assert_uint_eq(evtset_names(&s, names, EVTSET_NAMES_MAX), 465);
	ck_assert(filter_is_restricted(parse("evt.type = open")));
	ck_assert(!filter_is_restricted(parse("evt.type != open")));
	ck_assert(!filter_is_restricted(parse("evt.type in ()")));
}
END_TEST

/* Memory runs out at any place: an error comes back, nothing breaks. */
START_TEST(out_of_memory)
{
	static const char text[] = "evt.type in (open, close) and not (proc.name regex oneof ('a+', "
				   "'b') or toupper(proc.name) = val(proc.pname)) and fd.num > 3 "
				   "and proc.name = proc.pname and getopt(('-n'), 'n')[n] = 'x\\ny'";
	unsigned fine = 0;

	for (size_t budget = 64; budget < 40000; budget += 64) {
		const struct filter_checker c = {
			.arena = &arena, .error = on_error, .warn = on_warn,
		};
		struct filter_error err = { 0 };
		struct ast *ast;
		int r;

		arena_done(&arena);
		arena_init(&arena, 64, budget);
		r = filter_parse(str_from(text), &arena, &limits, &ast, &err);
		if (r == 0)
			r = filter_check(ast, &c);
		fine += r == 0;
	}
	ck_assert_uint_gt(fine, 0);
	ck_assert_uint_lt(fine, 600);
}
END_TEST

static void repeat(struct buf *out, unsigned n, const char *s)
{
	while (n--)
		buf_add_c(out, s);
}

/*
 * A call inside of a call and so on takes memory by its length, not by its length times its depth.
 */
START_TEST(deep_calls)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	repeat(&text, 500, "tolower(");
	buf_add_c(&text, "concat(proc.name");
	repeat(&text, 10000, ", 'abcdefg'");
	buf_add_c(&text, ")");
	repeat(&text, 500, ")");
	buf_add_c(&text, " = x");
	arena_done(&arena);
	arena_init(&arena, 4096, 10 << 20);
	accepted(text.p);
	arena_done(&arena);
	arena_init(&arena, 4096, 10 << 20);
	buf_clear(&text);
	repeat(&text, 500, "tolower(");
	buf_add_c(&text, "concat(proc.name, '");
	repeat(&text, 100000, "x");
	buf_add_c(&text, "')");
	repeat(&text, 500, ")");
	buf_add_c(&text, " = x");
	accepted(text.p);
}
END_TEST

START_TEST(hints)
{
	refused("fd.nam = x", "filter_check called with nonexistent field fd.nam");
	ck_assert_str_eq(found.first.hint, "did you mean fd.name?");
	refused("proc.aname[x] = a", "filter_check called with nonexistent field proc.aname[x]");
	ck_assert_str_eq(found.first.hint, "proc.aname takes a number: proc.aname[1]");
	refused("evt.arg.nme = a", "unknown event argument nme");
	ck_assert_str_eq(found.first.hint, "did you mean evt.arg.name?");
	refused("proc.pid = a", "a is not a valid number");
	ck_assert_str_eq(found.first.hint, "the field is a number");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("filter_check");
	TCase *t = tcase_create("check");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, operator_types);
	tcase_add_test(t, constants);
	tcase_add_test(t, regexes);
	tcase_add_test(t, right_sides);
	tcase_add_test(t, transformer_types);
	tcase_add_test(t, event_names);
	tcase_add_test(t, unknown_fields);
	tcase_add_test(t, warnings);
	tcase_add_test(t, never_true);
	tcase_add_test(t, shared_trees);
	tcase_add_test(t, event_types);
	tcase_add_test(t, out_of_memory);
	tcase_add_test(t, deep_calls);
	tcase_add_test(t, hints);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
