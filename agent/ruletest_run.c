/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs rule tests: the engine of the live sensor gets the world, the events or the trace of a test,
 * its alerts are compared with what the test expects. A runner belongs to one thread; rules are
 * loaded again only when the next test wants others.
 */
#include "agent/cmd.h"
#include "agent/rules_load.h"
#include "agent/ruletest_cover.h"
#include "agent/trace_feed.h"

#include <time.h>

enum { ALERTS_SHOWN = 5 };

struct count {
	uint32_t fit, alerts;		/* alerts as expected; all of the rule */
};

struct ruletest_runner {
	bool match_all;			/* of the command line; a test may ask for it, too */
	struct tiercel *engine;
	struct limits limits;
	const struct ruletest *rules;	/* the test whose rules the engine has */
	bool loaded_all;		/* with rule matching "all" */
	bool load_failed;
	struct ruletest_cover *cover;	/* of all runners, or NULL */
	struct coverage *coverage;	/* of the rules that are loaded */
	uint64_t *expected;		/* tests that expect an alert, by rule index */
	/* of the current test */
	const struct ruletest *test;
	const struct ruletest_step *step;
	struct ruletest_result *result;
	struct count *counts;		/* per expectation */
	uint32_t cap_counts;
	bool seen;			/* rules saw the current event */
	const struct rule *why;		/* second pass: why has this rule not matched? */
	uint64_t taken;			/* event that matches it and gave no alert */
	struct explain_verdict nearest;
	struct buf nearest_text;
	uint32_t unexpected;
};

/* ---- problems ------------------------------------------------------------------------------ */

static void problem(struct ruletest_runner *r, const char *fmt, ...) _printf_(2, 3);

static void problem(struct ruletest_runner *r, const char *fmt, ...)
{
	va_list ap;

	r->result->passed = false;
	va_start(ap, fmt);
	buf_vprintf(&r->result->problems, fmt, ap);
	va_end(ap);
	buf_add_char(&r->result->problems, '\n');
}

static uint32_t line_of(const struct ruletest *t, uint32_t offset)
{
	uint32_t line = 1;

	for (uint32_t i = 0; i < offset && i < t->file->source->text.len; i++)
		line += t->file->source->text.p[i] == '\n';
	return line;
}

/* ---- rules --------------------------------------------------------------------------------- */

/* Keep what is in the way of the event that came nearest. */
static void look_why(struct ruletest_runner *r, struct event_ctx *ev)
{
	struct explain_verdict v;

	if (!explain_applies(r->why, ev))
		return;
	explain_judge(r->why, ev, &v);
	if (v.matches)
		r->taken = r->step ? r->step->number : ev->ev->num;
	if (v.matches || (r->nearest_text.len && v.distance >= r->nearest.distance))
		return;
	r->nearest = v;
	buf_clear(&r->nearest_text);
	buf_printf(&r->nearest_text, "  nearest is event %llu, %s:",
		   (unsigned long long)(r->step ? r->step->number : ev->ev->num),
		   event_infos[ev->ev->type].name);
	if (v.swallowed_by)
		buf_printf(&r->nearest_text, " exception '%.*s' is in the way",
			   STR_ARG(v.swallowed_by->name.s));
	buf_add_char(&r->nearest_text, '\n');
	explain_blockers(r->why, ev, 4, &r->nearest_text);
}

static void on_event(void *ctx, struct event_ctx *ev)
{
	struct ruletest_runner *r = ctx;

	r->seen = true;
	if (r->why)
		look_why(r, ev);
	else if (r->coverage)
		coverage_event(r->coverage, ev);
	if (!r->step || r->why)
		return;
	for (uint32_t i = 0; i < r->step->claims.n; i++) {
		const struct ruletest_claim *c = &r->step->claims.v[i];
		_cleanup_buf_ struct buf actual = BUF_INIT;

		if (claim_holds(c->claim, ev))
			continue;
		claim_actual(c->claim, ev, &actual);
		problem(r, "%s:%u: this event does not have %.*s = %.*s: it is %.*s",
			r->test->file->path, line_of(r->test, c->offset), STR_ARG(c->field),
			STR_ARG(c->claim->value.p ? c->claim->value : STR("null")),
			STR_ARG(buf_str(&actual)));
	}
}

static bool fields_fit(struct ruletest_runner *r, const struct ruletest_expect *e,
		       struct event_ctx *ev, struct buf *why)
{
	bool fit = true;

	for (uint32_t i = 0; i < e->fields.n; i++) {
		const struct ruletest_claim *c = &e->fields.v[i];

		if (claim_holds(c->claim, ev))
			continue;
		buf_printf(why, "%s:%u: %.*s should be %.*s, it is ", r->test->file->path,
			   line_of(r->test, c->offset), STR_ARG(c->field),
			   STR_ARG(c->claim->value.p ? c->claim->value : STR("null")));
		claim_actual(c->claim, ev, why);
		buf_add_char(why, '\n');
		fit = false;
	}
	return fit;
}

static bool alert_fits(struct ruletest_runner *r, const struct ruletest_expect *e,
		       const struct tiercel_alert *alert, struct event_ctx *ev, struct buf *why)
{
	bool fit = fields_fit(r, e, ev, why);

	if (!e->any_priority && alert->rule->priority != e->priority) {
		buf_printf(why, "%s:%u: priority should be %s, it is %s\n", r->test->file->path,
			   line_of(r->test, e->offset), priority_names[e->priority],
			   priority_names[alert->rule->priority]);
		fit = false;
	}
	if (e->output.p && !str_contains(alert->line, e->output)) {
		buf_printf(why, "%s:%u: the output has no '%.*s': %.*s\n", r->test->file->path,
			   line_of(r->test, e->offset), STR_ARG(e->output), STR_ARG(alert->line));
		fit = false;
	}
	return fit;
}

static void on_alert(void *ctx, const struct tiercel_alert *alert, struct event_ctx *ev)
{
	struct ruletest_runner *r = ctx;
	_cleanup_buf_ struct buf why = BUF_INIT;
	bool named = false, taken = false;

	if (r->why)
		return;
	r->result->alerts++;
	for (uint32_t i = 0; i < r->test->nexpects; i++) {
		const struct ruletest_expect *e = &r->test->expects[i];

		if (!str_eq(e->rule, alert->rule->name.s))
			continue;
		named = true;
		r->counts[i].alerts++;
		if (!alert_fits(r, e, alert, ev, &why))
			continue;
		taken = true;
		r->counts[i].fit++;
	}
	if (taken || (!named && r->test->allow_other))
		return;
	if (r->unexpected++ >= ALERTS_SHOWN)
		return;
	if (named) {
		r->result->passed = false;
		buf_add_str(&r->result->problems, buf_str(&why));
	} else {
		problem(r, "unexpected alert: %.*s", STR_ARG(alert->line));
	}
}

/* Hand over what was counted before the rule set goes away. */
static void end_coverage(struct ruletest_runner *r)
{
	if (r->coverage)
		ruletest_cover_add(r->cover, r->coverage, r->expected);
	coverage_free(r->coverage);
	free(r->expected);
	r->coverage = NULL;
	r->expected = NULL;
}

static int begin_coverage(struct ruletest_runner *r)
{
	const struct ruleset *rs = tiercel_rules(r->engine);

	if (!r->cover)
		return 0;
	r->expected = calloc(MAX(rs->nrules, 1u), sizeof(*r->expected));
	r->coverage = coverage_new(rs);
	return r->expected && r->coverage ? 0 : -ENOMEM;
}

static int load(struct ruletest_runner *r, const struct ruletest *t, struct buf *errors)
{
	struct tiercel_opts opts = { .match_all = r->match_all || t->match_all, .ctx = r,
				     .on_alert = on_alert, .on_event = on_event };
	struct ruleset_opts rules;
	struct ruleset *rs = NULL;
	struct diags diags;
	int e;

	end_coverage(r);
	tiercel_free(r->engine);
	r->rules = NULL;
	opts.alert.hostname = STR("node");
	r->engine = tiercel_new(&opts, &r->limits);
	if (!r->engine)
		return -ENOMEM;
	tiercel_ruleset_opts(&rules);
	rules.match_all = opts.match_all;
	rules.require_plugins = true;
	diags_init(&diags);
	e = rules_load(&t->rules, &t->bundle, &rules, &r->limits, &diags, &rs);
	if (e == 0 && !rs->ok)
		e = -EINVAL;
	if (e == 0)
		e = tiercel_set_rules(r->engine, rs);
	for (uint32_t i = 0; e == -EINVAL && i < diags.count; i++)
		if (diag_infos[diags.items[i].code].severity == DIAG_ERROR)
			diag_render(&diags.items[i], errors);
	if (e)
		ruleset_free(rs);
	diags_done(&diags);
	return e ? e : begin_coverage(r);
}

/* The engine has the rules of the test, or the result says why not. */
static bool prepare(struct ruletest_runner *r, const struct ruletest *t)
{
	bool all = r->match_all || t->match_all;
	_cleanup_buf_ struct buf errors = BUF_INIT;
	int e;

	if (r->rules && ruletest_rules_same(r->rules, t) && r->loaded_all == all) {
		if (r->load_failed)
			problem(r, "the rules do not load, see above");
		return !r->load_failed;
	}
	e = load(r, t, &errors);
	r->rules = t;
	r->loaded_all = all;
	r->load_failed = e < 0;
	if (e < 0)
		problem(r, "the rules do not load%s%s\n%.*s", e == -EINVAL ? "" : ": ",
			e == -EINVAL ? "" : strerror(-e), STR_ARG(buf_str(&errors)));
	return e == 0;
}

static const char *near_rule(const struct ruleset *rs, struct str name, struct arena *a)
{
	const char **names = arena_array(a, MAX(rs->nrules, 1u), sizeof(*names));

	for (uint32_t i = 0; names && i < rs->nrules; i++) {
		names[i] = arena_strdup(a, rs->rules[i]->name.s);
		if (!names[i])
			return NULL;
	}
	return names ? str_nearest(name, names, rs->nrules) : NULL;
}

static bool rules_exist(struct ruletest_runner *r, const struct ruletest *t)
{
	const struct ruleset *rs = tiercel_rules(r->engine);
	bool good = true;
	struct arena a;

	arena_init(&a, 4096, 0);
	for (uint32_t i = 0; i < t->nexpects; i++) {
		const struct ruletest_expect *e = &t->expects[i];
		const struct rule *rule = ruleset_find(rs, e->rule);
		const char *near = rule ? NULL : near_rule(rs, e->rule, &a);

		if (rule && rule->active)
			continue;
		good = false;
		if (rule)
			problem(r, "%s:%u: rule '%.*s' is not enabled", t->file->path,
				line_of(t, e->offset), STR_ARG(e->rule));
		else
			problem(r, "%s:%u: no rule '%.*s'%s%s%s", t->file->path,
				line_of(t, e->offset), STR_ARG(e->rule),
				near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
	}
	arena_done(&a);
	return good;
}

/* ---- one test ------------------------------------------------------------------------------ */

static void feed_events(struct ruletest_runner *r, const struct ruletest *t)
{
	struct snapshot_item reset = { .kind = SNAP_RESET };

	tiercel_snapshot(r->engine, &reset);
	for (uint32_t i = 0; i < t->nitems; i++)
		if (tiercel_snapshot(r->engine, &t->items[i]) < 0)
			problem(r, "the world of the test is too large");
	for (uint32_t i = 0; i < t->nsteps; i++) {
		struct event ev = t->steps[i].ev;

		ev.num = i + 1;
		ev.kernel = ruletest_kernel(&t->steps[i]);
		r->step = &t->steps[i];
		r->seen = false;
		tiercel_event(r->engine, &ev);
		if (!r->seen && !r->why && !(ev.flags & EVENT_STATE_ONLY))
			problem(r, "%s:%u: rules never see an event of this type", t->file->path,
				line_of(t, t->steps[i].offset));
	}
	r->step = NULL;
}

static void run_trace(struct ruletest_runner *r, const struct ruletest *t)
{
	struct diags diags;

	diags_init(&diags);
	if (trace_feed(t->trace, r->engine, &r->limits, &diags, NULL) == -ENOMEM)
		problem(r, "out of memory");
	for (uint32_t i = 0; i < diags.count; i++)
		if (!r->why && diag_infos[diags.items[i].code].severity == DIAG_ERROR)
			problem(r, "%s: %s", t->trace, diags.items[i].message);
	diags_done(&diags);
}

static void print_wanted(const struct ruletest_expect *e, struct buf *out)
{
	if (e->max == 0)
		buf_add_c(out, "no alert");
	else if (e->min == e->max)
		buf_printf(out, "%u alert%s", e->min, e->min == 1 ? "" : "s");
	else if (e->max == UINT32_MAX)
		buf_printf(out, "at least %u alert%s", e->min, e->min == 1 ? "" : "s");
	else
		buf_printf(out, "%u to %u alerts", e->min, e->max);
}

static void feed(struct ruletest_runner *r, const struct ruletest *t)
{
	if (t->trace)
		run_trace(r, t);
	else
		feed_events(r, t);
}

/* An alert is missing: once more, now looking at this rule. */
static void add_reason(struct ruletest_runner *r, const struct ruletest *t, struct str rule)
{
	buf_clear(&r->nearest_text);
	r->taken = 0;
	r->why = ruleset_find(tiercel_rules(r->engine), rule);
	feed(r, t);
	r->why = NULL;
	if (r->taken)
		buf_printf(&r->result->problems, "  event %llu matches it, but another rule comes "
						 "first: 'matching: all' gives both alerts\n",
			   (unsigned long long)r->taken);
	else if (r->nearest_text.len)
		buf_add_str(&r->result->problems, buf_str(&r->nearest_text));
	else
		buf_add_c(&r->result->problems,
			  "  no event of the types that this rule looks at\n");
}

static void compare(struct ruletest_runner *r, const struct ruletest *t)
{
	for (uint32_t i = 0; i < t->nexpects; i++) {
		const struct ruletest_expect *e = &t->expects[i];
		_cleanup_buf_ struct buf wanted = BUF_INIT;

		if (r->counts[i].fit >= e->min && r->counts[i].fit <= e->max)
			continue;
		print_wanted(e, &wanted);
		problem(r, "%s:%u: expected %.*s of '%.*s', got %u", t->file->path,
			line_of(t, e->offset), STR_ARG(buf_str(&wanted)), STR_ARG(e->rule),
			r->counts[i].fit);
		if (!r->counts[i].alerts && e->min)
			add_reason(r, t, e->rule);
	}
	if (r->unexpected > ALERTS_SHOWN)
		problem(r, "%u more unexpected alerts", r->unexpected - ALERTS_SHOWN);
}

static void count_expected(struct ruletest_runner *r, const struct ruletest *t)
{
	if (!r->coverage || !r->result->passed)
		return;
	for (uint32_t i = 0; i < t->nexpects; i++)
		if (t->expects[i].min)
			r->expected[ruleset_find(tiercel_rules(r->engine),
						 t->expects[i].rule)->index]++;
}

static bool reset_counts(struct ruletest_runner *r, uint32_t n)
{
	struct count *counts = r->counts;

	if (n > r->cap_counts) {
		counts = realloc(counts, n * sizeof(*counts));
		if (!counts)
			return false;
		r->counts = counts;
		r->cap_counts = n;
	}
	if (n)
		memset(counts, 0, n * sizeof(*counts));
	r->unexpected = 0;
	return true;
}

static void run(struct ruletest_runner *r, const struct ruletest *t)
{
	if (t->broken) {
		problem(r, "the test has errors, see above");
		return;
	}
	if (!prepare(r, t) || !rules_exist(r, t))
		return;
	if (!reset_counts(r, t->nexpects)) {
		problem(r, "out of memory");
		return;
	}
	feed(r, t);
	compare(r, t);
	count_expected(r, t);
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

void ruletest_run(struct ruletest_runner *r, const struct ruletest *t, struct ruletest_result *ret)
{
	double start = now();

	*ret = (struct ruletest_result){ .test = t, .passed = true };
	r->test = t;
	r->result = ret;
	run(r, t);
	ret->seconds = now() - start;
}

struct ruletest_runner *ruletest_runner_new(bool match_all, struct ruletest_cover *cover)
{
	struct ruletest_runner *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->match_all = match_all;
	r->cover = cover;
	limits_init(&r->limits);
	return r;
}

void ruletest_runner_free(struct ruletest_runner *r)
{
	if (!r)
		return;
	end_coverage(r);
	tiercel_free(r->engine);
	free(r->counts);
	buf_done(&r->nearest_text);
	free(r);
}
