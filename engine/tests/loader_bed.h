/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule set for tests of the loader: loaded from one text, with everything it said about it.
 */
#ifndef TIERCEL_LOADER_BED_H
#define TIERCEL_LOADER_BED_H

#include "engine/out/format.h"
#include "engine/rule/ruleset.h"
#include "engine/tests/golden.h"

struct bed {
	struct ruleset_opts opts;
	struct limits limits;
	struct diags diags;
	struct ruleset *rs;
	int result;
};

static inline int judge_output(void *ctx, struct str text, const struct field_scope *scope,
			const char **ret_msg, struct pos *ret_pos)
{
	return format_check(text, scope, ret_msg, ret_pos);
}

static inline void bed_init(struct bed *b)
{
	*b = (struct bed){ .opts = { .min_priority = PRIO_DEBUG, .check_output = judge_output } };
	limits_init(&b->limits);
	diags_init(&b->diags);
}

static inline void bed_load(struct bed *b, const char *text)
{
	b->rs = ruleset_new(&b->opts, &b->limits, &b->diags);
	ck_assert_ptr_nonnull(b->rs);
	ruleset_add(b->rs, "rules.yaml", str_from(text));
	b->result = ruleset_finish(b->rs);
}

static inline void bed_done(struct bed *b)
{
	ruleset_free(b->rs);
	diags_done(&b->diags);
}

static inline void bed_text(const struct bed *b, struct buf *out)
{
	for (uint32_t i = 0; i < b->diags.count; i++)
		diag_render(&b->diags.items[i], out);
}

/* The compiled condition of rule r, in normal form. */
static inline void check_condition(const char *yaml, const char *expected)
{
	_cleanup_buf_ struct buf got = BUF_INIT, why = BUF_INIT;
	struct rule *r;
	struct bed b;

	bed_init(&b);
	bed_load(&b, yaml);
	bed_text(&b, &why);
	ck_assert_msg(b.result == 0, "%s\n%s", yaml, why.p ? why.p : "");
	r = ruleset_find(b.rs, STR("r"));
	ck_assert_ptr_nonnull(r);
	filter_print(&got, r->ast);
	ck_assert_msg(str_is(buf_str(&got), expected), "%s\ngot %s\nnot %s", yaml, got.p, expected);
	bed_done(&b);
}

static inline void check_fails(const char *yaml, enum diag_code code)
{
	bool found = false;
	struct bed b;

	bed_init(&b);
	bed_load(&b, yaml);
	ck_assert_msg(b.result == -EINVAL, "%s", yaml);
	ck_assert(!b.rs->ok);
	for (uint32_t i = 0; i < b.diags.count; i++)
		found |= b.diags.items[i].code == code;
	ck_assert_msg(found, "%s: no %s", yaml, diag_infos[code].name);
	bed_done(&b);
}

static inline uint32_t count_code(const struct bed *b, enum diag_code code)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->diags.count; i++)
		n += b->diags.items[i].code == code;
	return n;
}

#define RULE(name, condition)                                                                   \
	"- rule: " name "\n  desc: d\n  condition: " condition "\n  output: o\n  priority: INFO\n"

/* A rule with exceptions. */
#define EXC(rest) RULE("r", "evt.type=open") "  exceptions:\n    - name: e\n      " rest "\n"

#endif
