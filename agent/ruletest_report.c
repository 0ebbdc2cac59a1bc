/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports about rule tests, see ruletest_report.h.
 */
#include "agent/ruletest_report.h"

/* Lines of a text, each with a prefix. */
static void indent(struct buf *out, struct str text, const char *prefix)
{
	for (uint32_t from = 0, to; from < text.len; from = to + 1) {
		for (to = from; to < text.len && text.p[to] != '\n';)
			to++;
		buf_printf(out, "%s%.*s\n", prefix, (int)(to - from), text.p + from);
	}
}

void ruletest_report_people(const struct ruletest_results *r, bool verbose, struct buf *out)
{
	for (uint32_t i = 0; i < r->n; i++) {
		const struct ruletest_result *t = &r->v[i];

		if (t->passed && !verbose)
			continue;
		buf_printf(out, "%s %s:%u %.*s", t->passed ? "ok  " : "FAIL", t->test->file->path,
			   t->test->pos.line, STR_ARG(t->test->name));
		buf_printf(out, " (%.1f ms)\n", t->seconds * 1e3);
		indent(out, buf_str(&t->problems), "     ");
	}
	buf_printf(out, "%u passed, %u failed in %u files (%.2f s)\n", r->sum.passed, r->sum.failed,
		   r->sum.files, r->sum.seconds);
}

/* TAP gives '#' in a description a meaning. */
static void tap_name(struct buf *out, struct str name)
{
	for (uint32_t i = 0; i < name.len; i++)
		buf_add_char(out, name.p[i] == '#' || name.p[i] == '\n' ? ' ' : name.p[i]);
}

void ruletest_report_tap(const struct ruletest_results *r, struct buf *out)
{
	buf_printf(out, "1..%u\n", r->n);
	for (uint32_t i = 0; i < r->n; i++) {
		const struct ruletest_result *t = &r->v[i];

		buf_printf(out, "%s %u - %s: ", t->passed ? "ok" : "not ok", i + 1,
			   t->test->file->path);
		tap_name(out, t->test->name);
		buf_add_char(out, '\n');
		indent(out, buf_str(&t->problems), "# ");
	}
}

static void xml(struct buf *out, struct str s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];

		switch (c) {
		case '<':
			buf_add_c(out, "&lt;");
			break;
		case '>':
			buf_add_c(out, "&gt;");
			break;
		case '&':
			buf_add_c(out, "&amp;");
			break;
		case '"':
			buf_add_c(out, "&quot;");
			break;
		default:
			buf_add_char(out, c < 0x20 && c != '\n' && c != '\t' ? '?' : (char)c);
		}
	}
}

static void junit_case(const struct ruletest_result *t, struct buf *out)
{
	buf_add_c(out, "  <testcase classname=\"");
	xml(out, str_from(t->test->file->path));
	buf_add_c(out, "\" name=\"");
	xml(out, t->test->name);
	buf_printf(out, "\" file=\"");
	xml(out, str_from(t->test->file->path));
	buf_printf(out, "\" line=\"%u\" time=\"%.6f\"", t->test->pos.line, t->seconds);
	if (t->passed) {
		buf_add_c(out, "/>\n");
		return;
	}
	buf_add_c(out, ">\n    <failure>");
	xml(out, buf_str(&t->problems));
	buf_add_c(out, "</failure>\n  </testcase>\n");
}

void ruletest_report_junit(const struct ruletest_results *r, struct buf *out)
{
	buf_printf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			"<testsuite name=\"tiercel\" tests=\"%u\" failures=\"%u\" time=\"%.6f\">\n",
		   r->n, r->sum.failed, r->sum.seconds);
	for (uint32_t i = 0; i < r->n; i++)
		junit_case(&r->v[i], out);
	buf_add_c(out, "</testsuite>\n");
}

void ruletest_report_json(const struct ruletest_results *r, struct json *j)
{
	json_key(j, "passed");
	json_u64(j, r->sum.passed);
	json_key(j, "failed");
	json_u64(j, r->sum.failed);
	json_key(j, "tests");
	json_arr(j);
	for (uint32_t i = 0; i < r->n; i++) {
		const struct ruletest_result *t = &r->v[i];

		json_obj(j);
		json_key(j, "name");
		json_str(j, t->test->name);
		json_key(j, "file");
		json_cstr(j, t->test->file->path);
		json_key(j, "line");
		json_u64(j, t->test->pos.line);
		json_key(j, "passed");
		json_bool(j, t->passed);
		json_key(j, "alerts");
		json_u64(j, t->alerts);
		json_key(j, "milliseconds");
		json_u64(j, (uint64_t)(t->seconds * 1e3));
		json_key(j, "problems");
		json_str(j, buf_str(&t->problems));
		json_obj_end(j);
	}
	json_arr_end(j);
}
