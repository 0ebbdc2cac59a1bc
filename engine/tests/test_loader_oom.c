/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loading with every single allocation failing once: -ENOMEM, no crash, no leak (with ASan). Linked
 * with --wrap for the engine's own allocations; libyaml's are taken over by symbol.
 */
#include "engine/base/buf.h"
#include "engine/rule/ruleset.h"
#include "engine/tests/test.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *yaml_malloc(size_t n);
void *yaml_realloc(void *p, size_t n);

enum { TOLERATED_MAX = 10 };

static bool armed;
static uint64_t calls, fail_at, yaml_calls;

static bool fails(void)
{
	return armed && ++calls == fail_at;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void *yaml_malloc(size_t n)
{
	yaml_calls++;
	return fails() ? NULL : __real_malloc(n ? n : 1);
}

void *yaml_realloc(void *p, size_t n)
{
	yaml_calls++;
	if (fails())
		return NULL;
	return p ? __real_realloc(p, n ? n : 1) : __real_malloc(n ? n : 1);
}

static int any_output(void *ctx, struct str text, const struct field_scope *scope,
		      const char **ret_msg, struct pos *ret_pos)
{
	return 0;
}

static const char good[] =
	"- required_engine_version: 0.50.0\n"
	"- required_plugin_versions:\n"
	"  - name: container\n    version: 0.4.0\n"
	"    alternatives:\n    - name: other\n      version: 1.0.0\n"
	"- list: shells\n  items: [bash, sh, more, 'a b']\n"
	"- list: more\n  items: [zsh, dash]\n"
	"- macro: spawned\n  condition: evt.type in (execve, execveat)\n"
	"- macro: outer\n  condition: spawned and not proc.name regex '^a.*b+'\n"
	"- rule: one\n  desc: text\n  condition: outer and proc.name in (shells)\n"
	"  output: started %proc.name\n  priority: INFO\n  tags: [b, a, b]\n"
	"  exceptions:\n"
	"    - name: e\n      fields: [proc.name, fd.name]\n      comps: [startswith oneof, in]\n"
	"      values: [[a, [b, c]], ['(x, y)', d]]\n"
	"    - name: s\n      fields: proc.pname\n      values: [x, y z]\n"
	"- rule: one\n  condition: and evt.dir = <\n  tags: [c]\n"
	"  exceptions:\n  - name: s\n    values: [k]\n"
	"  override:\n    condition: append\n    tags: append\n    exceptions: append\n";

static const char bad[] =
	"- list: l\n  itemz: [a]\n"
	"- macro: m\n  condition: >\n    proc.name = \n"
	"- macro: a\n  condition: b\n"
	"- macro: b\n  condition: a\n"
	"- rule: r\n  desc: d\n  condition: evt.type = open and\n"
	"    (no.such = 1 or n)\n  output: o\n  priority: high\n"
	"- rule: s\n  desc: d\n  condition: |\n    evt.type = open and\n    (no.such = 1 or n)\n"
	"  output: o\n  priority: info\n";

static int load_once(const char *text)
{
	struct ruleset_opts opts = { .min_priority = PRIO_DEBUG, .check_output = any_output,
				     .lint = true };
	struct limits limits;
	struct ruleset *rs;
	struct diags diags;
	bool ok = false;
	int r = -ENOMEM;

	limits_init(&limits);
	diags_init(&diags);
	calls = 0;
	armed = true;
	rs = ruleset_new(&opts, &limits, &diags);
	if (rs) {
		r = ruleset_add(rs, "rules.yaml", str_from(text));
		if (r != -ENOMEM)
			r = ruleset_finish(rs);
		ok = rs->ok;
	}
	armed = false;
	ck_assert(ok == (r == 0));
	if (getenv("OOM_VERBOSE") && r != -ENOMEM && diags.errors) {
		struct buf b = BUF_INIT;

		for (uint32_t i = 0; i < diags.count; i++)
			diag_render(&diags.items[i], &b);
		printf("# fail_at %llu: %s", (unsigned long long)fail_at, b.p);
		fflush(stdout);
		buf_done(&b);
	}
	ruleset_free(rs);
	diags_done(&diags);
	return r;
}

static void every_allocation(const char *text, int expected)
{
	uint64_t total, tolerated = 0;

	fail_at = 0;
	ck_assert_int_eq(load_once(text), expected);
	total = calls;
	ck_assert_uint_gt(total, 10);
	for (fail_at = 1; fail_at <= total; fail_at++) {
		int r = load_once(text);

		if (r != -ENOMEM) {
			/* Only what is nice to have, mostly in reports, may go missing. */
			ck_assert_int_eq(r, expected);
			tolerated++;
		}
	}
	ck_assert_uint_le(tolerated, TOLERATED_MAX);
	printf("# %llu allocations, %llu of libyaml so far, %llu tolerated\n",
	       (unsigned long long)total, (unsigned long long)yaml_calls,
	       (unsigned long long)tolerated);
	fflush(stdout);
}

/* A line with a tab is only for libyaml. */
static void by_both_readers(const char *text, int expected)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	every_allocation(text, expected);
	ck_assert_uint_eq(yaml_calls, 0);
	buf_printf(&b, "%s\t\n", text);
	every_allocation(b.p, expected);
	ck_assert_uint_gt(yaml_calls, 0);
}

START_TEST(good_rules)
{
	by_both_readers(good, 0);
}
END_TEST

START_TEST(bad_rules)
{
	by_both_readers(bad, -EINVAL);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("loader_oom");
	TCase *c = tcase_create("every allocation");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, good_rules);
	tcase_add_test(c, bad_rules);
	suite_add_tcase(s, c);
	return s;
}

TEST_MAIN(make_suite)
