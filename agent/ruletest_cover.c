/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coverage of rule tests, see ruletest_cover.h.
 */
#include "agent/ruletest_cover.h"

void ruletest_cover_init(struct ruletest_cover *c)
{
	*c = (struct ruletest_cover){ 0 };
	pthread_mutex_init(&c->lock, NULL);
	arena_init(&c->arena, 64 << 10, 0);
}

void ruletest_cover_done(struct ruletest_cover *c)
{
	arena_done(&c->arena);
	pthread_mutex_destroy(&c->lock);
}

/* ---- adding -------------------------------------------------------------------------------- */

static const char *check_text(struct ruletest_cover *c, const struct coverage_check *check)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	explain_check_text(check->check, &text);
	if (check->macro)
		buf_printf(&text, " (macro %.*s)", STR_ARG(check->macro->name.s));
	return arena_strdup(&c->arena, buf_str(&text));
}

static bool is_about_type(const struct ast *check)
{
	return check->lhs->kind == OPERAND_FIELD && str_is(check->lhs->field.plain, "evt.type");
}

static bool fill(struct ruletest_cover *c, struct cover_rule *to, const struct coverage_rule *from)
{
	const struct rule *rule = from->rule;

	*to = (struct cover_rule){
		.name = arena_strdup(&c->arena, rule->name.s),
		.file = arena_strdup(&c->arena, str_from(rule->name.file)),
		.line = rule->name.pos.line,
		.checks = arena_array(&c->arena, from->nchecks + 1, sizeof(*to->checks)),
		.nchecks = from->nchecks,
		.exceptions =
			arena_array(&c->arena, rule->nexceptions + 1, sizeof(*to->exceptions)),
		.nexceptions = rule->nexceptions,
	};
	if (!to->name || !to->file || !to->checks || !to->exceptions)
		return false;
	for (uint32_t i = 0; i < to->nchecks; i++)
		to->checks[i] = (struct cover_check){
			.text = check_text(c, &from->checks[i]),
			.about_type = is_about_type(from->checks[i].check),
		};
	for (uint32_t i = 0; i < to->nexceptions; i++)
		to->exceptions[i] = (struct cover_exception){
			.name = arena_strdup(&c->arena, rule->exceptions[i].name.s),
			.has_values = rule->exceptions[i].ast != NULL,
		};
	return true;
}

/* Rule sets may differ in a rule, then the one with the same shape is meant. */
static struct cover_rule *find(struct ruletest_cover *c, const struct coverage_rule *r)
{
	for (uint32_t i = 0; i < c->nrules; i++)
		if (str_is(r->rule->name.s, c->rules[i]->name) &&
		    c->rules[i]->nchecks == r->nchecks &&
		    c->rules[i]->nexceptions == r->rule->nexceptions)
			return c->rules[i];
	return NULL;
}

static struct cover_rule *make(struct ruletest_cover *c, const struct coverage_rule *r)
{
	struct cover_rule **v = arena_grow(&c->arena, c->rules, &c->cap_rules, c->nrules + 1,
					   sizeof(*v));
	struct cover_rule *rule = arena_new(&c->arena, struct cover_rule);

	if (!v || !rule || !fill(c, rule, r)) {
		c->oom = true;
		return NULL;
	}
	c->rules = v;
	v[c->nrules++] = rule;
	return rule;
}

void ruletest_cover_add(struct ruletest_cover *c, const struct coverage *counts,
			const uint64_t *expected)
{
	pthread_mutex_lock(&c->lock);
	for (uint32_t i = 0; i < counts->nrules && !c->oom; i++) {
		const struct coverage_rule *from = &counts->rules[i];
		struct cover_rule *to = find(c, from);

		if (!to && !(to = make(c, from)))
			break;
		to->evaluated += from->evaluated;
		to->matched += from->matched;
		to->near_misses += from->near_misses;
		to->expected += expected[from->rule->index];
		for (uint32_t k = 0; k < to->nchecks; k++) {
			to->checks[k].yes += from->checks[k].yes;
			to->checks[k].no += from->checks[k].no;
		}
		for (uint32_t k = 0; k < to->nexceptions; k++)
			to->exceptions[k].hits += from->exceptions[k];
	}
	pthread_mutex_unlock(&c->lock);
}

/* ---- reports ------------------------------------------------------------------------------- */

/* What is wrong with the coverage of a check, or NULL. */
static const char *gap(const struct cover_check *check)
{
	if (!check->yes && !check->no)
		return "never reached";
	if (!check->yes)
		return "never true";
	return !check->no && !check->about_type ? "never false" : NULL;
}

static void rule_text(const struct cover_rule *r, const char *prefix, struct buf *out)
{
	_cleanup_buf_ struct buf gaps = BUF_INIT;

	if (!r->matched)
		buf_printf(&gaps, "%s  never gave an alert\n", prefix);
	for (uint32_t i = 0; i < r->nchecks; i++)
		if (gap(&r->checks[i]))
			buf_printf(&gaps, "%s  %s: %s\n", prefix, gap(&r->checks[i]),
				   r->checks[i].text);
	for (uint32_t i = 0; i < r->nexceptions; i++)
		if (r->exceptions[i].has_values && !r->exceptions[i].hits)
			buf_printf(&gaps, "%s  exception %s: never hit\n", prefix,
				   r->exceptions[i].name);
	if (gaps.len)
		buf_printf(out, "%s%s:%u %s\n%.*s", prefix, r->file, r->line, r->name,
			   STR_ARG(buf_str(&gaps)));
}

void ruletest_cover_text(const struct ruletest_cover *c, const char *prefix, struct buf *out)
{
	uint32_t matched = 0, checks = 0, covered = 0, exceptions = 0, hit = 0;

	for (uint32_t i = 0; i < c->nrules; i++) {
		const struct cover_rule *r = c->rules[i];

		matched += r->matched > 0;
		checks += r->nchecks;
		for (uint32_t k = 0; k < r->nchecks; k++)
			covered += gap(&r->checks[k]) == NULL;
		for (uint32_t k = 0; k < r->nexceptions; k++) {
			exceptions += r->exceptions[k].has_values;
			hit += r->exceptions[k].hits > 0;
		}
		rule_text(r, prefix, out);
	}
	buf_printf(out, "%scoverage: %u of %u rules gave an alert, %u of %u checks were true and "
			"false, %u of %u exceptions were hit\n",
		   prefix, matched, c->nrules, covered, checks, hit, exceptions);
}

static void rule_json(const struct cover_rule *r, struct json *j)
{
	json_obj(j);
	json_key(j, "rule");
	json_cstr(j, r->name);
	json_key(j, "file");
	json_cstr(j, r->file);
	json_key(j, "line");
	json_u64(j, r->line);
	json_key(j, "evaluated");
	json_u64(j, r->evaluated);
	json_key(j, "matched");
	json_u64(j, r->matched);
	json_key(j, "near_misses");
	json_u64(j, r->near_misses);
	json_key(j, "checks");
	json_arr(j);
	for (uint32_t i = 0; i < r->nchecks; i++) {
		json_obj(j);
		json_key(j, "check");
		json_cstr(j, r->checks[i].text);
		json_key(j, "true");
		json_u64(j, r->checks[i].yes);
		json_key(j, "false");
		json_u64(j, r->checks[i].no);
		json_obj_end(j);
	}
	json_arr_end(j);
	json_key(j, "exceptions");
	json_obj(j);
	for (uint32_t i = 0; i < r->nexceptions; i++) {
		json_key(j, r->exceptions[i].name);
		json_u64(j, r->exceptions[i].hits);
	}
	json_obj_end(j);
	json_obj_end(j);
}

void ruletest_cover_json(const struct ruletest_cover *c, struct json *j)
{
	json_key(j, "coverage");
	json_arr(j);
	for (uint32_t i = 0; i < c->nrules; i++)
		rule_json(c->rules[i], j);
	json_arr_end(j);
}

/* ---- requirements -------------------------------------------------------------------------- */

static void judge(const struct cover_rule *r, struct ruletest_result *ret)
{
	if (!r->expected || !r->matched)
		buf_printf(&ret->problems, "%s:%u: no test expects an alert of '%s'\n", r->file,
			   r->line, r->name);
	if (!r->near_misses)
		buf_printf(&ret->problems, "%s:%u: no test has an event that '%s' misses by one "
					   "check\n", r->file, r->line, r->name);
	for (uint32_t i = 0; i < r->nexceptions; i++)
		if (r->exceptions[i].has_values && !r->exceptions[i].hits)
			buf_printf(&ret->problems, "%s:%u: no test hits exception '%s' of '%s'\n",
				   r->file, r->line, r->exceptions[i].name, r->name);
	ret->passed = ret->problems.len == 0;
}

struct ruletest_result *ruletest_cover_require(struct ruletest_cover *c, uint32_t *ret_n)
{
	struct ruletest_result *v = calloc(MAX(c->nrules, 1u), sizeof(*v));

	for (uint32_t i = 0; v && i < c->nrules; i++) {
		const struct cover_rule *r = c->rules[i];
		struct ruletest *t = arena_new(&c->arena, struct ruletest);
		struct ruletest_file *f = arena_new(&c->arena, struct ruletest_file);
		const char *name = arena_printf(&c->arena, "rule '%s' is tested", r->name);

		if (!t || !f || !name) {
			free(v);
			return NULL;
		}
		f->path = r->file;
		*t = (struct ruletest){ .file = f, .name = str_from(name), .pos.line = r->line };
		v[i].test = t;
		judge(r, &v[i]);
	}
	*ret_n = c->nrules;
	return v;
}
