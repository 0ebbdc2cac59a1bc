/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explanations, coverage and claims: verdicts, what stands in the way, which checks were reached,
 * on events made by hand.
 */
#include "engine/claim.h"
#include "engine/explain.h"
#include "engine/tests/world.h"
#include "engine/tiercel.h"

static const char rules_text[] =
	"- macro: opened\n"
	"  condition: evt.type in (open, openat) and fd.num >= 0\n"
	"- rule: Secret\n"
	"  desc: d\n"
	"  condition: opened and (fd.name = /etc/shadow or fd.name startswith /etc/ssl/)"
	" and not proc.name in (sshd, login)\n"
	"  output: o\n"
	"  priority: NOTICE\n"
	"  exceptions:\n"
	"    - {name: empty, fields: [proc.name], comps: [\"=\"]}\n"
	"    - {name: cats, fields: [proc.name, user.uid], values: [[cat, 7]]}\n"
	"    - {name: dogs, fields: proc.name, values: [dog, wolf]}\n"
	"- rule: Other\n"
	"  desc: d\n"
	"  condition: evt.type = kill and proc.name = cat\n"
	"  output: o\n"
	"  priority: NOTICE\n";

struct bed {
	struct world w;
	struct diags diags;
	struct ruleset *rs;
	const struct rule *rule;
};

static void bed_init(struct bed *b)
{
	struct ruleset_opts opts;

	world_init(&b->w);
	world_proc(&b->w, 1, 0, "init");
	world_proc(&b->w, 10, 1, "cat");
	world_proc(&b->w, 11, 1, "dog");
	world_proc(&b->w, 12, 1, "sshd");
	world_ready(&b->w);
	diags_init(&b->diags);
	tiercel_ruleset_opts(&opts);
	b->rs = ruleset_new(&opts, &b->w.limits, &b->diags);
	ck_assert_ptr_nonnull(b->rs);
	ck_assert_int_eq(ruleset_add(b->rs, "r.yaml", str_from(rules_text)), 0);
	ck_assert_int_eq(ruleset_finish(b->rs), 0);
	b->rule = ruleset_find(b->rs, STR("Secret"));
	ck_assert_ptr_nonnull(b->rule);
}

static void bed_done(struct bed *b)
{
	ruleset_free(b->rs);
	diags_done(&b->diags);
	world_done(&b->w);
}

static void open_file(struct bed *b, int64_t tid, int64_t fd, struct str name)
{
	struct world *w = &b->w;

	world_event(w, EV_OPENAT_2_X, tid, W_I64(fd), W_I64(WIRE_AT_FDCWD), name,
		    W_U32(WO_RDONLY), W_U32(0), W_U32(0), W_U64(0));
}

static struct explain_verdict judge(struct bed *b)
{
	struct explain_verdict v;

	ck_assert(explain_applies(b->rule, &b->w.ctx));
	explain_judge(b->rule, &b->w.ctx, &v);
	ck_assert_int_eq(v.matches, match_ast(b->rule->ast, &b->w.ctx));
	return v;
}

START_TEST(verdicts)
{
	struct explain_verdict v, other;
	struct bed b;

	bed_init(&b);
	open_file(&b, 10, 3, W_TEXT("/etc/shadow"));
	v = judge(&b);
	ck_assert(v.matches && v.distance == 0 && !v.swallowed_by);

	open_file(&b, 12, 3, W_TEXT("/etc/shadow"));	/* sshd: one check has to be false */
	v = judge(&b);
	ck_assert(!v.matches && v.distance == 1 && v.missing == 0 && !v.swallowed_by);

	open_file(&b, 10, 3, W_TEXT("/etc/passwd"));	/* either of two names would do */
	v = judge(&b);
	ck_assert(!v.matches && v.distance == 1 && v.missing == 1);
	open_file(&b, 10, 4, W_TEXT("/etc/group"));
	other = judge(&b);
	ck_assert_uint_eq(v.reason, other.reason);

	open_file(&b, 12, 3, W_TEXT("/etc/passwd"));
	v = judge(&b);
	ck_assert(v.distance == 2 && v.missing == 1 && v.reason != other.reason);

	open_file(&b, 11, 3, W_TEXT("/etc/ssl/key"));	/* dog: an exception */
	v = judge(&b);
	ck_assert(!v.matches && v.distance == 1 && v.swallowed_by);
	ck_assert_str_view(v.swallowed_by->name.s, "dogs");
	ck_assert(!explain_applies(ruleset_find(b.rs, STR("Other")), &b.w.ctx));
	bed_done(&b);
}
END_TEST

START_TEST(texts)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct json j = json_start(&out);
	struct bed b;

	bed_init(&b);
	open_file(&b, 11, 3, W_TEXT("/etc/ssl/key"));
	explain_tree(b.rs, b.rule, &b.w.ctx, 0, &out);
	ck_assert_str_eq(out.p,
			 "no  and\n"
			 "yes   and\n"
			 "yes     and, macro opened\n"
			 "yes       evt.type in (open, openat)   <- 'openat'\n"
			 "yes       fd.num >= 0   <- '3'\n"
			 "yes     or\n"
			 "no        fd.name = /etc/shadow   <- '/etc/ssl/key'\n"
			 "yes       fd.name startswith /etc/ssl/   <- '/etc/ssl/key'\n"
			 "yes     not\n"
			 "no        proc.name in (sshd, login)   <- 'dog'\n"
			 "yes   not, exception cats\n"
			 "no      and\n"
			 "no        proc.name = cat   <- 'dog'\n"
			 "no        user.uid = 7   <- '0'\n"
			 "no    not, exception dogs\n"
			 "yes     proc.name in (dog, wolf)   <- 'dog'\n");
	buf_clear(&out);
	explain_blockers(b.rule, &b.w.ctx, 2, &out);
	ck_assert_str_eq(out.p, "  true: proc.name in (dog, wolf)   <- 'dog'\n");

	buf_clear(&out);
	open_file(&b, 12, -2, W_TEXT("/etc/passwd"));
	explain_blockers(b.rule, &b.w.ctx, 0, &out);
	ck_assert_str_eq(out.p,
			 "false: fd.num >= 0   <- '-1'\n"
			 "false: fd.name = /etc/shadow   <- '/etc/passwd'\n"
			 "true: proc.name in (sshd, login)   <- 'sshd'\n");
	buf_clear(&out);
	explain_json(b.rs, b.rule, &b.w.ctx, &j);
	ck_assert_ptr_nonnull(strstr(out.p, "{\"truth\":false,\"macro\":\"opened\",\"and\":["));
	ck_assert_ptr_nonnull(strstr(out.p, "{\"truth\":false,\"check\":\"fd.num >= 0\","
					    "\"value\":\"'-1'\"}"));
	bed_done(&b);
}
END_TEST

static const struct coverage_check *check_of(const struct coverage_rule *r, const char *text)
{
	_cleanup_buf_ struct buf out = BUF_INIT;

	for (uint32_t i = 0; i < r->nchecks; i++) {
		buf_clear(&out);
		explain_check_text(r->checks[i].check, &out);
		if (strcmp(out.p, text) == 0)
			return &r->checks[i];
	}
	ck_abort_msg("no check '%s'", text);
	return NULL;
}

static void ck_counts(const struct coverage_rule *r, const char *text, uint64_t yes, uint64_t no)
{
	const struct coverage_check *c = check_of(r, text);

	ck_assert_msg(c->yes == yes && c->no == no, "%s: %llu true, %llu false", text,
		      (unsigned long long)c->yes, (unsigned long long)c->no);
}

START_TEST(coverage)
{
	const struct coverage_rule *r;
	struct coverage *c;
	struct bed b;

	bed_init(&b);
	c = coverage_new(b.rs);
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(c->nrules, 2);
	r = &c->rules[0];
	ck_assert_uint_eq(r->nchecks, 5);
	open_file(&b, 10, 3, W_TEXT("/etc/shadow"));
	coverage_event(c, &b.w.ctx);
	open_file(&b, 11, 3, W_TEXT("/etc/ssl/key"));
	coverage_event(c, &b.w.ctx);
	open_file(&b, 12, -2, W_TEXT("/etc/shadow"));
	coverage_event(c, &b.w.ctx);
	open_file(&b, 12, 5, W_TEXT("/etc/shadow"));
	coverage_event(c, &b.w.ctx);

	ck_assert_uint_eq(r->evaluated, 4);
	ck_assert_uint_eq(r->matched, 1);
	ck_assert_uint_eq(r->near_misses, 1);	/* sshd; what an exception takes is none */
	ck_assert_uint_eq(r->exceptions[0], 0);
	ck_assert_uint_eq(r->exceptions[1], 0);
	ck_assert_uint_eq(r->exceptions[2], 1);
	ck_counts(r, "fd.num >= 0", 3, 1);
	ck_counts(r, "fd.name = /etc/shadow", 2, 1);
	ck_counts(r, "fd.name startswith /etc/ssl/", 1, 0);	/* reached once */
	ck_counts(r, "proc.name in (sshd, login)", 1, 2);
	ck_assert_str_view(check_of(r, "fd.num >= 0")->macro->name.s, "opened");
	ck_assert_ptr_null(check_of(r, "fd.name = /etc/shadow")->macro);
	ck_assert_uint_eq(c->rules[1].evaluated, 0);
	coverage_free(c);
	bed_done(&b);
}
END_TEST

static struct claim *claim(struct bed *b, const char *field, const char *value)
{
	struct claim *c = NULL;
	const char *msg = "";
	int r = claim_new(str_from(field), value ? str_from(value) : STR_NONE, &b->w.arena, &c,
			  &msg);

	ck_assert_msg(r == 0, "%s = %s: %s", field, value ? value : "null", msg);
	return c;
}

START_TEST(claims)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	const char *msg = NULL;
	struct claim *c;
	struct bed b;

	bed_init(&b);
	open_file(&b, 10, 3, W_TEXT("/etc/shadow"));
	ck_assert(claim_holds(claim(&b, "proc.name", "cat"), &b.w.ctx));
	ck_assert(claim_holds(claim(&b, "fd.num", "3"), &b.w.ctx));
	ck_assert(claim_holds(claim(&b, "proc.aname", "init"), &b.w.ctx));
	ck_assert(claim_holds(claim(&b, "toupper(proc.name)", "CAT"), &b.w.ctx));
	ck_assert(claim_holds(claim(&b, "fd.sip", NULL), &b.w.ctx));
	ck_assert(claim_holds(claim(&b, "evt.arg.flags", "O_RDONLY"), &b.w.ctx));
	ck_assert(!claim_holds(claim(&b, "fd.name", NULL), &b.w.ctx));
	ck_assert(!claim_holds(claim(&b, "fd.sip", "1.2.3.4"), &b.w.ctx));
	claim_actual(claim(&b, "fd.sip", "1.2.3.4"), &b.w.ctx, &out);
	ck_assert_str_eq(out.p, "no value");
	buf_clear(&out);
	claim_actual(claim(&b, "fd.name", "x"), &b.w.ctx, &out);
	ck_assert_str_eq(out.p, "'/etc/shadow'");

	ck_assert_int_eq(claim_new(STR("proc.nme"), STR("x"), &b.w.arena, &c, &msg), -ENOENT);
	ck_assert_int_eq(claim_new(STR("proc.name extra"), STR("x"), &b.w.arena, &c, &msg),
			 -ENOENT);
	ck_assert_int_eq(claim_new(STR("fd.num"), STR("many"), &b.w.arena, &c, &msg), -EINVAL);
	ck_assert_ptr_nonnull(msg);
	bed_done(&b);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("explain");
	TCase *tc = tcase_create("explain");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, verdicts);
	tcase_add_test(tc, texts);
	tcase_add_test(tc, coverage);
	tcase_add_test(tc, claims);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
