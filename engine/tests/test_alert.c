/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts: envelope, key order, switches, time forms, escaping, bounds.
 */
#include "engine/out/alert.h"
#include "engine/out/internal.h"
#include "engine/tests/out_ctx.h"
#include "engine/tests/test.h"

#define NS 1000000000ull

static struct out_ctx o;
static struct alert_rule rule;
static struct alert_opts opts;

static void setup(void)
{
	static const struct str tags[] = { STR("a"), STR("b") };

	out_ctx_init(&o, 1566230400 * NS + 70000000);
	rule = (struct alert_rule){ .name = STR("r \"1\""), .source = STR("syscall"),
				    .priority = "Notice", .tags = tags, .ntags = 2 };
	opts = (struct alert_opts){ .json_output = true, .include_output = true,
				    .include_output_fields = true, .include_tags = true,
				    .hostname = STR("vm") };
}

static void teardown(void)
{
	out_ctx_done(&o);
}

static void prepare(const char *output)
{
	const char *msg = "?";
	struct pos pos;

	ck_assert_msg(!format_compile(str_from(output), &o.scope, &rule.output, &msg, &pos),
		      "%s", msg);
	ck_assert_int_eq(alert_rule_init(&rule, &o.arena), 0);
}

static void gives(const char *expected)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	alert_render(&rule, &opts, &o.ctx, &out);
	ck_assert_str_view(buf_str(&out), expected);
}

START_TEST(envelope)
{
	prepare("x %evt.type %evt.num %evt.arg.newpath");
	gives("{\"hostname\":\"vm\",\"output\":\"16:00:00.070000000: Notice x close 42 <NA>\","
	      "\"output_fields\":{\"evt.arg.newpath\":null,\"evt.num\":42,"
	      "\"evt.time\":1566230400070000000,\"evt.type\":\"close\"},\"priority\":\"Notice\","
	      "\"rule\":\"r \\\"1\\\"\",\"source\":\"syscall\",\"tags\":[\"a\",\"b\"],"
	      "\"time\":\"2019-08-19T16:00:00.070000000Z\"}");
}
END_TEST

START_TEST(switches)
{
	prepare("x");
	rule.ntags = 0;
	ck_assert_int_eq(alert_rule_init(&rule, &o.arena), 0);
	opts.include_message = true;
	opts.include_output = false;
	opts.include_output_fields = false;
	gives("{\"hostname\":\"vm\",\"message\":\"x\",\"priority\":\"Notice\","
	      "\"rule\":\"r \\\"1\\\"\",\"source\":\"syscall\",\"tags\":[],"
	      "\"time\":\"2019-08-19T16:00:00.070000000Z\"}");
	opts.include_message = false;
	opts.include_tags = false;
	gives("{\"hostname\":\"vm\",\"priority\":\"Notice\",\"rule\":\"r \\\"1\\\"\","
	      "\"source\":\"syscall\",\"time\":\"2019-08-19T16:00:00.070000000Z\"}");
}
END_TEST

START_TEST(text_form)
{
	prepare("x %evt.num \xff");
	opts.json_output = false;
	gives("16:00:00.070000000: Notice x 42 \xef\xbf\xbd");
	opts.tz_offset_s = 2 * 3600;
	gives("18:00:00.070000000: Notice x 42 \xef\xbf\xbd");
	opts.iso8601 = true;
	gives("2019-08-19T16:00:00.070000000+0000: Notice x 42 \xef\xbf\xbd");
}
END_TEST

START_TEST(iso8601_key)
{
	prepare("x");
	opts.iso8601 = true;
	opts.include_output = false;
	gives("{\"hostname\":\"vm\",\"output_fields\":{\"evt.time\":1566230400070000000,"
	      "\"evt.time.iso8601\":1566230400070000000},\"priority\":\"Notice\","
	      "\"rule\":\"r \\\"1\\\"\",\"source\":\"syscall\",\"tags\":[\"a\",\"b\"],"
	      "\"time\":\"2019-08-19T16:00:00.070000000Z\"}");
}
END_TEST

START_TEST(transformers_show_their_fields)
{
	prepare("%toupper(evt.type)");
	opts.include_tags = false;
	gives("{\"hostname\":\"vm\",\"output\":\"16:00:00.070000000: Notice CLOSE\","
	      "\"output_fields\":{\"evt.time\":1566230400070000000,\"evt.type\":\"close\"},"
	      "\"priority\":\"Notice\",\"rule\":\"r \\\"1\\\"\",\"source\":\"syscall\","
	      "\"time\":\"2019-08-19T16:00:00.070000000Z\"}");
}
END_TEST

START_TEST(extra_fields)
{
	struct alert_extra extra[2] = { { .key = STR("aa") }, { .key = STR("evt.num") } };
	struct format text;
	const char *msg;
	struct scan s;
	struct pos pos;

	ck_assert_int_eq(format_compile(STR("n=%evt.num"), &o.scope, &text, &msg, &pos), 0);
	extra[0].format = &text;
	scan_init(&s, STR("evt.num"), &o.arena);
	ck_assert_int_eq(operand_resolve(expr_parse_left(&s), &o.scope, &extra[1].field, &msg,
					 &pos), 0);
	rule.extra = extra;
	rule.nextra = 2;
	prepare("x");
	opts.include_output = opts.include_tags = false;
	gives("{\"hostname\":\"vm\",\"output_fields\":{\"aa\":\"n=42\",\"evt.num\":42,"
	      "\"evt.time\":1566230400070000000},\"priority\":\"Notice\","
	      "\"rule\":\"r \\\"1\\\"\",\"source\":\"syscall\","
	      "\"time\":\"2019-08-19T16:00:00.070000000Z\"}");
}
END_TEST

START_TEST(dates)
{
	static const struct {
		uint64_t s;
		const char *text;
	} rows[] = {
		{ 0, "1970-01-01T00:00:00.000000000" },
		{ 951782400, "2000-02-29T00:00:00.000000000" },
		{ 951868799, "2000-02-29T23:59:59.000000000" },
		{ 1735689599, "2024-12-31T23:59:59.000000000" },
		{ 4107542400, "2100-03-01T00:00:00.000000000" },
	};

	prepare("x");
	opts.json_output = false;
	opts.iso8601 = true;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		_cleanup_buf_ struct buf want = BUF_INIT;

		o.ev.ts = rows[i].s * NS;
		buf_printf(&want, "%s+0000: Notice x", rows[i].text);
		gives(want.p);
	}
}
END_TEST

START_TEST(bounded)
{
	_cleanup_buf_ struct buf out = BUF_INIT, text = BUF_INIT;
	struct limits limits;

	limits_init(&limits);
	limits.max[LIMIT_ALERT_BYTES] = 4096;
	opts.limits = &limits;
	for (int i = 0; i < 3000; i++)
		buf_add_c(&text, "\xc3\xa4");
	prepare(text.p);
	alert_render(&rule, &opts, &o.ctx, &out);
	ck_assert_uint_lt(out.len, 4096);
	ck_assert_uint_gt(limits.hits[LIMIT_ALERT_BYTES], 0);
	ck_assert_ptr_null(strstr(out.p, "\xef\xbf\xbd"));
}
END_TEST

/* All forms in one pass are what each alone is. */
START_TEST(forms)
{
	_cleanup_buf_ struct buf out = BUF_INIT, json = BUF_INIT, text = BUF_INIT;
	struct alert_forms got;

	prepare("file=%fd.name name=%proc.name bad=\xff");
	alert_render(&rule, &opts, &o.ctx, &json);
	alert_render_forms(&rule, &opts, ALERT_JSON, &o.ctx, &out, &got);
	ck_assert(str_eq(got.json, buf_str(&json)));
	ck_assert_uint_eq(got.text.len, 0);
	ck_assert_uint_eq(got.nfields, 0);
	opts.json_output = false;
	alert_render(&rule, &opts, &o.ctx, &text);
	alert_render_forms(&rule, &opts, ALERT_JSON | ALERT_TEXT | ALERT_FIELDS, &o.ctx, &out,
			   &got);
	ck_assert(str_eq(got.json, buf_str(&json)));
	ck_assert(str_eq(got.text, buf_str(&text)));
	ck_assert(str_ends(got.text, got.output));
	ck_assert(str_ends(got.output, STR("bad=\xef\xbf\xbd")));
	ck_assert_uint_eq(got.nfields, 3);
	ck_assert_str_view(got.fields[0].key, "evt.time");
	ck_assert_str_view(got.fields[1].key, "fd.name");
	ck_assert_str_view(got.fields[2].key, "proc.name");
	ck_assert(str_starts(got.text, got.fields[0].value));
	for (uint32_t i = 1; i < got.nfields; i++)
		ck_assert(str_contains(got.output, got.fields[i].value));
}
END_TEST

START_TEST(internal)
{
	struct internal_field fields[] = {
		{ .key = STR("b"), .kind = INTERNAL_UINT, .number = 7 },
		{ .key = STR("a"), .kind = INTERNAL_TEXT, .text = STR("x \"\xff\"") },
		{ .key = STR("c"), .kind = INTERNAL_REAL, .real = 1.25 },
	};
	struct internal_alert alert = { .rule = STR("R"), .message = STR("M"), .ts = 1500000000,
					.priority = "Warning", .fields = fields,
					.nfields = ARRAY_SIZE(fields) };
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct alert_forms got;

	opts.hostname = STR("h");
	internal_render(&alert, &opts, ALERT_JSON | ALERT_TEXT | ALERT_FIELDS, o.ctx.scratch, &out,
			&got);
	ck_assert_str_view(got.json, "{\"hostname\":\"h\",\"output\":\"M\",\"output_fields\":{"
			   "\"a\":\"x \\\"\xef\xbf\xbd\\\"\",\"b\":7,\"c\":1.2},\"priority\":\"Warning\","
			   "\"rule\":\"R\",\"source\":\"internal\","
			   "\"time\":\"1970-01-01T00:00:01.500000000Z\"}");
	ck_assert_str_view(got.text, "00:00:01.500000000: Warning M (a=x \"\xef\xbf\xbd\" b=7 c=1.2)");
	ck_assert_uint_eq(got.nfields, 3);
	ck_assert_str_view(got.fields[1].value, "7");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("alert");
	TCase *tc = tcase_create("alert");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, envelope);
	tcase_add_test(tc, switches);
	tcase_add_test(tc, text_form);
	tcase_add_test(tc, iso8601_key);
	tcase_add_test(tc, transformers_show_their_fields);
	tcase_add_test(tc, extra_fields);
	tcase_add_test(tc, dates);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, forms);
	tcase_add_test(tc, internal);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
