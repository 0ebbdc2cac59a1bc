/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Condition -> tree -> program, or -> exact error text: engine/tests/golden/program/NAME.case and
 * .expected (written anew with UPDATE_GOLDEN=1). Lines of a case:
 *
 *   # comment
 *   list NAME: A, B         definitions that the conditions may use
 *   macro NAME: CONDITION
 *   is CONDITION            a spelling; all of a case must compile to one program
 *   fails CONDITION         does not load
 */
#include <dirent.h>

#include "engine/match/match.h"
#include "engine/tests/golden.h"

static const char dir_name[] = "engine/tests/golden/program";

struct case_run {
	struct buf definitions;		/* YAML */
	struct buf got;			/* text to compare with .expected */
	struct buf program;		/* of the first spelling, whole */
	const char *name;
};

/* ---- tree ---------------------------------------------------------------------------------- */

static void print_tree(const struct ast *a, uint32_t depth, struct buf *out)
{
	static const char *const words[] = { [AST_AND] = "and", [AST_OR] = "or", [AST_NOT] = "not" };

	buf_printf(out, "%*s", (int)(2 + 2 * depth), "");
	if (a->kind == AST_CHECK) {
		filter_print(out, a);
		buf_printf(out, "  [%s]\n", operand_type_name((enum param_type)a->lhs->type));
		return;
	}
	buf_printf(out, "%s\n", words[a->kind]);
	for (uint32_t i = 0; i < a->nkids; i++)
		print_tree(a->kids[i], depth + 1, out);
}

/* ---- one condition ------------------------------------------------------------------------- */

struct loaded {
	struct limits limits;
	struct diags diags;
	struct ruleset *rs;
	struct rule *rule;
};

/* The condition is a block of the file, so that it needs no quotes of YAML. */
static bool load(struct loaded *l, const struct case_run *run, struct str condition)
{
	const struct ruleset_opts opts = { .min_priority = PRIO_DEBUG };
	_cleanup_buf_ struct buf text = BUF_INIT;

	limits_init(&l->limits);
	diags_init(&l->diags);
	buf_add_str(&text, buf_str(&run->definitions));
	buf_printf(&text, "- rule: r\n  desc: d\n  output: o\n  priority: INFO\n"
		   "  condition: |-\n    %.*s\n", STR_ARG(condition));
	l->rs = ruleset_new(&opts, &l->limits, &l->diags);
	ck_assert_ptr_nonnull(l->rs);
	ruleset_add(l->rs, "case.yaml", buf_str(&text));
	ruleset_finish(l->rs);
	l->rule = ruleset_find(l->rs, STR("r"));
	return l->rs->ok;
}

static void unload(struct loaded *l)
{
	ruleset_free(l->rs);
	diags_done(&l->diags);
}

static void print_diags(const struct loaded *l, struct buf *out)
{
	for (uint32_t i = 0; i < l->diags.count; i++)
		diag_render(&l->diags.items[i], out);
}

static void run_good(struct case_run *run, struct str condition)
{
	_cleanup_buf_ struct buf program = BUF_INIT, why = BUF_INIT;
	const struct match_opts opts = { 0 };
	struct matcher *m;
	struct loaded l;
	bool good = load(&l, run, condition);

	print_diags(&l, &why);
	ck_assert_msg(good, "%s: %.*s does not load\n%s", run->name, STR_ARG(condition), why.p);
	m = matcher_new(l.rs, &opts, &l.limits);
	ck_assert_ptr_nonnull(m);
	matcher_dump(m, &program);
	if (!run->program.len) {
		buf_add_str(&run->program, buf_str(&program));
		buf_printf(&run->got, "condition %.*s\ntree\n", STR_ARG(condition));
		print_tree(l.rule->ast, 0, &run->got);
		buf_add_c(&run->got, "program ");
		matcher_dump_rule(m, l.rule, &run->got);
	} else {
		ck_assert_msg(str_eq(buf_str(&program), buf_str(&run->program)),
			      "%s: %.*s gives another program:\n%s\nnot\n%s", run->name,
			      STR_ARG(condition), program.p, run->program.p);
	}
	matcher_free(m);
	unload(&l);
}

static void run_bad(struct case_run *run, struct str condition)
{
	struct loaded l;

	ck_assert_msg(!load(&l, run, condition), "%s: %.*s loads", run->name, STR_ARG(condition));
	buf_printf(&run->got, "condition %.*s\n", STR_ARG(condition));
	print_diags(&l, &run->got);
	unload(&l);
}

/* ---- cases --------------------------------------------------------------------------------- */

static void define(struct case_run *run, const char *format, struct str line)
{
	const char *colon = memchr(line.p, ':', line.len);
	struct str name, value;

	ck_assert_msg(colon != NULL, "%s: %.*s", run->name, STR_ARG(line));
	name = str_sub(line, 0, (uint32_t)(colon - line.p));
	value = str_trim(str_sub(line, name.len + 1, line.len));
	buf_printf(&run->definitions, format, STR_ARG(str_trim(name)), STR_ARG(value));
}

static void run_line(struct case_run *run, struct str line)
{
	static const char list[] = "- list: %.*s\n  items: [%.*s]\n";
	static const char macro[] = "- macro: %.*s\n  condition: |-\n    %.*s\n";

	if (!line.len || line.p[0] == '#')
		return;
	if (str_starts(line, STR("list ")))
		define(run, list, str_sub(line, 5, line.len));
	else if (str_starts(line, STR("macro ")))
		define(run, macro, str_sub(line, 6, line.len));
	else if (str_starts(line, STR("is ")))
		run_good(run, str_sub(line, 3, line.len));
	else if (str_starts(line, STR("fails ")))
		run_bad(run, str_sub(line, 6, line.len));
	else
		ck_abort_msg("%s: %.*s", run->name, STR_ARG(line));
}

static void run_case(const char *name)
{
	_cleanup_buf_ struct buf text = BUF_INIT, path = BUF_INIT;
	struct case_run run = { BUF_INIT, BUF_INIT, BUF_INIT, name };
	uint32_t from = 0;

	buf_printf(&path, "%s/%s", dir_name, name);
	golden_read(path.p, &text);
	for (uint32_t i = 0; i < text.len; i++) {
		if (text.p[i] != '\n')
			continue;
		run_line(&run, str_sub(buf_str(&text), from, i));
		from = i + 1;
	}
	golden_compare(path.p, &run.got);
	buf_done(&run.definitions);
	buf_done(&run.got);
	buf_done(&run.program);
}

START_TEST(golden)
{
	DIR *dir = opendir(dir_name);
	struct dirent *e;
	uint32_t n = 0;

	ck_assert_msg(dir != NULL, "%s (run from the top of the tree)", dir_name);
	while ((e = readdir(dir)))
		if (str_ends(str_from(e->d_name), STR(".case"))) {
			run_case(e->d_name);
			n++;
		}
	closedir(dir);
	ck_assert_uint_gt(n, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("program");
	TCase *c = tcase_create("golden");

	tcase_set_timeout(c, 60);
	tcase_add_test(c, golden);
	suite_add_tcase(s, c);
	return s;
}

TEST_MAIN(make_suite)
