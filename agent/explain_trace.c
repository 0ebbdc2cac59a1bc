/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Explanations on traces: every event that the rule could match is judged; matches, events that an
 * exception swallowed and the nearest misses are kept as text. Called by cmd_explain.c.
 */
#include "agent/explain_trace.h"
#include "agent/cmd.h"
#include "agent/trace_feed.h"
#include "engine/explain.h"

enum { MATCHES_SHOWN = 20, INDENT = 2, MISSES_KEPT = 256 };

/* Events that the same checks keep from matching: the first one, and how many. */
struct miss {
	uint32_t distance, missing;
	uint64_t reason, count;
	const char *trace;
	uint64_t num;
	struct buf text;		/* a paragraph, or the JSON of the tree */
};

struct run {
	const struct explain_trace_opts *opts;
	struct tiercel *engine;
	struct limits limits;
	const struct rule *rule;
	const char *trace;		/* current one */
	bool stop, found;
	uint64_t judged, matched, swallowed;
	uint64_t *by_exception;
	struct buf matches;		/* "12, 17": event numbers, as text or JSON */
	struct miss *misses;		/* sorted, nearest first */
	uint32_t nmisses;
	struct buf out;
};

/* ---- events -------------------------------------------------------------------------------- */

static void print_field(struct buf *out, const char *name, struct event_ctx *ev)
{
	struct field_ref f;
	const char *msg;
	struct arena a;

	arena_init(&a, 1024, 0);
	if (field_lookup(str_from(name), &a, NULL, &f, &msg) < 0 || !field_print(&f, ev, out))
		buf_add_c(out, "<NA>");
	arena_done(&a);
}

/* "event 17 (openat, process cat, pid 42)" */
static void print_event(struct buf *out, struct event_ctx *ev)
{
	buf_printf(out, "event %llu (", (unsigned long long)ev->ev->num);
	print_field(out, "evt.type", ev);
	buf_add_c(out, ", process ");
	print_field(out, "proc.name", ev);
	buf_add_c(out, ", pid ");
	print_field(out, "proc.pid", ev);
	buf_add_char(out, ')');
}

static void render(struct run *r, const struct explain_verdict *v, struct event_ctx *ev,
		   struct buf *out)
{
	const struct ruleset *rs = tiercel_rules(r->engine);
	struct json j = json_start(out);

	if (r->opts->json) {
		explain_json(rs, r->rule, ev, &j);
		return;
	}
	print_event(out, ev);
	if (v->matches)
		buf_add_c(out, " matches:\n");
	else if (v->swallowed_by)
		buf_printf(out, " is swallowed by exception '%.*s':\n",
			   STR_ARG(v->swallowed_by->name.s));
	else
		buf_printf(out, " does not match, %u check%s in the way:\n", v->distance,
			   v->distance == 1 ? " is" : "s are");
	explain_blockers(r->rule, ev, INDENT, out);
	if (!v->matches)
		buf_add_c(out, "whole condition:\n");
	explain_tree(rs, r->rule, ev, INDENT, out);
}

/* Nearest first; of equals the one that no positive check misses, then the earliest. */
static bool nearer(const struct explain_verdict *v, const struct miss *m)
{
	return v->distance != m->distance ? v->distance < m->distance : v->missing < m->missing;
}

static void keep_miss(struct run *r, const struct explain_verdict *v, struct event_ctx *ev)
{
	struct miss m = { v->distance, v->missing, v->reason, 1, r->trace, ev->ev->num, BUF_INIT };
	uint32_t at = r->nmisses;

	for (uint32_t i = 0; i < r->nmisses; i++)
		if (r->misses[i].reason == v->reason) {
			r->misses[i].count++;
			return;
		}
	while (at && nearer(v, &r->misses[at - 1]))
		at--;
	if (at >= MISSES_KEPT)
		return;
	if (r->nmisses == MISSES_KEPT)
		buf_done(&r->misses[--r->nmisses].text);
	memmove(&r->misses[at + 1], &r->misses[at], (r->nmisses - at) * sizeof(*r->misses));
	render(r, v, ev, &m.text);
	r->misses[at] = m;
	r->nmisses++;
}

static void judge(struct run *r, struct event_ctx *ev)
{
	struct explain_verdict v;

	explain_judge(r->rule, ev, &v);
	r->judged++;
	if (v.matches) {
		if (r->matched++ < MATCHES_SHOWN)
			buf_printf(&r->matches, "%s%llu", r->matches.len ? ", " : "",
				   (unsigned long long)ev->ev->num);
		return;
	}
	if (v.swallowed_by) {
		r->swallowed++;
		r->by_exception[v.swallowed_by - r->rule->exceptions]++;
	}
	keep_miss(r, &v, ev);
}

static void explain_one(struct run *r, struct event_ctx *ev)
{
	struct explain_verdict v;

	r->found = r->stop = true;
	explain_judge(r->rule, ev, &v);
	if (!r->opts->json && !explain_applies(r->rule, ev))
		buf_add_c(&r->out, "The rule is not evaluated for this type of event.\n");
	render(r, &v, ev, &r->out);
}

static void on_event(void *ctx, struct event_ctx *ev)
{
	struct run *r = ctx;

	if (r->opts->event) {
		if (ev->ev->num == r->opts->event)
			explain_one(r, ev);
	} else if (explain_applies(r->rule, ev)) {
		judge(r, ev);
	}
}

/* ---- result -------------------------------------------------------------------------------- */

/* What is rare tells more than what happens all the time. */
static int by_nearness(const void *a, const void *b)
{
	const struct miss *x = a, *y = b;

	if (x->distance != y->distance)
		return x->distance < y->distance ? -1 : 1;
	if (x->missing != y->missing)
		return x->missing < y->missing ? -1 : 1;
	return x->count < y->count ? -1 : x->count > y->count;
}

static void sum_up(struct run *r)
{
	buf_printf(&r->out, "%llu events of its types, %llu match",
		   (unsigned long long)r->judged, (unsigned long long)r->matched);
	if (r->matched)
		buf_printf(&r->out, " (%.*s%s)", STR_ARG(buf_str(&r->matches)),
			   r->matched > MATCHES_SHOWN ? " ..." : "");
	buf_printf(&r->out, ", %llu swallowed by exceptions\n", (unsigned long long)r->swallowed);
	for (uint32_t i = 0; i < r->rule->nexceptions; i++)
		if (r->by_exception[i])
			buf_printf(&r->out, "  exception %.*s: %llu\n",
				   STR_ARG(r->rule->exceptions[i].name.s),
				   (unsigned long long)r->by_exception[i]);
	for (uint32_t i = 0; i < r->nmisses && i < r->opts->misses; i++) {
		const struct miss *m = &r->misses[i];

		buf_printf(&r->out, "\nnear miss, %llu event%s for this reason, %s: ",
			   (unsigned long long)m->count, m->count == 1 ? "" : "s", m->trace);
		buf_add_str(&r->out, buf_str(&m->text));
	}
}

static void sum_up_json(struct run *r)
{
	struct json j = json_start(&r->out);
	struct buf list = BUF_INIT;

	json_obj(&j);
	json_key(&j, "rule");
	json_str(&j, r->rule->name.s);
	json_key(&j, "events");
	json_u64(&j, r->judged);
	json_key(&j, "matched");
	json_u64(&j, r->matched);
	json_key(&j, "matches");
	buf_printf(&list, "[%.*s]", STR_ARG(buf_str(&r->matches)));
	json_raw(&j, buf_str(&list));
	json_key(&j, "exceptions");
	json_obj(&j);
	for (uint32_t i = 0; i < r->rule->nexceptions; i++) {
		json_key_str(&j, r->rule->exceptions[i].name.s);
		json_u64(&j, r->by_exception[i]);
	}
	json_obj_end(&j);
	json_key(&j, "near_misses");
	json_arr(&j);
	for (uint32_t i = 0; i < r->nmisses && i < r->opts->misses; i++) {
		json_obj(&j);
		json_key(&j, "trace");
		json_cstr(&j, r->misses[i].trace);
		json_key(&j, "event");
		json_u64(&j, r->misses[i].num);
		json_key(&j, "distance");
		json_u64(&j, r->misses[i].distance);
		json_key(&j, "events");
		json_u64(&j, r->misses[i].count);
		json_key(&j, "tree");
		json_raw(&j, buf_str(&r->misses[i].text));
		json_obj_end(&j);
	}
	json_arr_end(&j);
	json_obj_end(&j);
	buf_done(&list);
}

static int feed_all(struct run *r)
{
	struct diags diags;
	int e = EXIT_OK;

	diags_init(&diags);
	for (uint32_t i = 0; i < r->opts->traces.n && !r->stop; i++) {
		r->trace = r->opts->traces.names[i];
		if (trace_feed(r->trace, r->engine, &r->limits, &diags, &r->stop) < 0)
			e = EXIT_FAILED;
	}
	rules_print_diags(&diags, false);
	diags_done(&diags);
	if (e == EXIT_OK && r->opts->event && !r->found)
		e = cli_fail("rules see no event %llu in this trace",
			     (unsigned long long)r->opts->event);
	return e;
}

static int run(struct run *r)
{
	int e;

	r->by_exception = calloc(MAX(r->rule->nexceptions, 1u), sizeof(*r->by_exception));
	r->misses = calloc(MISSES_KEPT + 1, sizeof(*r->misses));
	if (!r->by_exception || !r->misses)
		return cli_fail("out of memory");
	e = feed_all(r);
	qsort(r->misses, r->nmisses, sizeof(*r->misses), by_nearness);
	if (!r->opts->event && r->opts->json)
		sum_up_json(r);
	else if (!r->opts->event)
		sum_up(r);
	if (r->out.len && r->out.p[r->out.len - 1] != '\n')
		buf_add_char(&r->out, '\n');
	if (r->out.err)
		return cli_fail("out of memory");
	io_print(&r->out, stdout);
	return e;
}

const struct rule *explain_find_rule(const struct ruleset *rs, const char *name)
{
	const struct rule *rule = ruleset_find(rs, str_from(name));
	const char **names, *near = NULL;
	struct arena a;

	if (rule)
		return rule;
	arena_init(&a, 4096, 0);
	names = arena_array(&a, MAX(rs->nrules, 1u), sizeof(*names));
	for (uint32_t i = 0; names && i < rs->nrules; i++)
		names[i] = arena_strdup(&a, rs->rules[i]->name.s);
	if (names)
		near = str_nearest(str_from(name), names, rs->nrules);
	if (near)
		cli_fail("no rule '%s'; did you mean '%s'?", name, near);
	else
		cli_fail("no rule '%s'", name);
	arena_done(&a);
	return NULL;
}

int explain_trace(const struct explain_trace_opts *opts, const struct rule_options *rules)
{
	struct run r = { .opts = opts };
	struct tiercel_opts engine = { .match_all = rules->match_all, .on_event = on_event,
				       .ctx = &r };
	int e;

	limits_init(&r.limits);
	rule_options_alert(rules, &engine.alert);
	r.engine = tiercel_new(&engine, &r.limits);
	if (!r.engine)
		return cli_fail("out of memory");
	e = rule_options_load(rules, r.engine, &r.limits);
	if (e == EXIT_OK) {
		r.rule = explain_find_rule(tiercel_rules(r.engine), opts->rule);
		if (!r.rule)
			e = EXIT_FAILED;
		else if (!r.rule->active || !r.rule->ast)
			e = cli_fail("rule '%s' is not enabled", opts->rule);
	}
	if (e == EXIT_OK)
		e = run(&r);
	tiercel_free(r.engine);
	for (uint32_t i = 0; i < r.nmisses; i++)
		buf_done(&r.misses[i].text);
	free(r.misses);
	free(r.by_exception);
	buf_done(&r.matches);
	buf_done(&r.out);
	return e;
}
