/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Differences of alerts, see alert_diff.h. Both engines get every event; after each one their
 * alerts are compared while both can still say how they see it.
 */
#include "agent/alert_diff.h"
#include "agent/trace_file.h"
#include "engine/explain.h"

#include <jansson.h>

enum { OLD, NEW, SIDES };

const char *const diff_kind_names[DIFF_KINDS] = { "added", "removed", "changed" };

struct side_alert {
	const struct rule *rule;
	struct buf line;
	bool paired;
};

struct side {
	struct tiercel *engine;
	struct limits limits;
	struct event_ctx *ev;		/* of the current event; NULL: rules do not see it */
	struct side_alert *alerts;
	uint32_t nalerts, cap;
	bool oom;
};

struct differ {
	struct alert_diff *d;
	struct side sides[SIDES];
	const char *trace;
};

void alert_diff_init(struct alert_diff *d, uint32_t examples_max)
{
	*d = (struct alert_diff){ .examples_max = examples_max };
	arena_init(&d->arena, 64 << 10, 0);
}

void alert_diff_done(struct alert_diff *d)
{
	arena_done(&d->arena);
}

/* ---- the two engines ----------------------------------------------------------------------- */

static void on_event(void *ctx, struct event_ctx *ev)
{
	((struct side *)ctx)->ev = ev;
}

static void on_alert(void *ctx, const struct tiercel_alert *alert, struct event_ctx *ev)
{
	struct side *s = ctx;
	struct side_alert *a = s->alerts;

	if (s->nalerts == s->cap) {
		uint32_t cap = MAX(16u, s->cap * 2);

		a = realloc(a, cap * sizeof(*a));
		if (!a) {
			s->oom = true;
			return;
		}
		memset(a + s->cap, 0, (cap - s->cap) * sizeof(*a));
		s->alerts = a;
		s->cap = cap;
	}
	a = &s->alerts[s->nalerts++];
	a->rule = alert->rule;
	a->paired = false;
	buf_clear(&a->line);
	buf_add_str(&a->line, alert->line);
}

static int side_open(struct side *s, const struct rule_options *rules)
{
	struct tiercel_opts opts = { .match_all = rules->match_all, .on_event = on_event,
				     .on_alert = on_alert, .ctx = s };

	limits_init(&s->limits);
	rule_options_alert(rules, &opts.alert);
	/* The text alone: time and priority in front of it are no change of the output. */
	opts.alert.include_message = true;
	opts.alert.include_output = false;
	s->engine = tiercel_new(&opts, &s->limits);
	return s->engine ? rule_options_load(rules, s->engine, &s->limits)
			 : cli_fail("out of memory");
}

static void side_close(struct side *s)
{
	tiercel_free(s->engine);
	for (uint32_t i = 0; i < s->cap; i++)
		buf_done(&s->alerts[i].line);
	free(s->alerts);
}

/* ---- reasons ------------------------------------------------------------------------------- */

struct reason {
	const char *text, *exception;
};

static const char *copy(struct alert_diff *d, struct str s)
{
	const char *c = arena_strdup(&d->arena, s);

	d->oom |= !c;
	return c ? c : "";
}

/* Why the rules of `s` give no alert here that the others give. */
static struct reason why_silent(struct alert_diff *d, const struct side *s, struct str name)
{
	const struct rule *rule = ruleset_find(tiercel_rules(s->engine), name);
	struct explain_verdict v;

	if (!rule)
		return (struct reason){ "the rule does not exist", NULL };
	if (!rule->active || !rule->ast)
		return (struct reason){ "the rule is not enabled", NULL };
	if (!s->ev || !explain_applies(rule, s->ev))
		return (struct reason){ "the rule does not look at this type of event", NULL };
	explain_judge(rule, s->ev, &v);
	if (v.swallowed_by)
		return (struct reason){ "an exception", copy(d, v.swallowed_by->name.s) };
	if (v.matches && s->nalerts)
		return (struct reason){
			arena_printf(&d->arena, "rule '%.*s' comes first",
				     STR_ARG(s->alerts[0].rule->name.s)), NULL };
	return (struct reason){ "the condition", NULL };
}

static bool same_key(const json_t *a, const json_t *b, const char *key)
{
	return json_equal(json_object_get(a, key), json_object_get(b, key));
}

/* "priority, output": what differs between two alert lines. */
static const char *what_changed(struct alert_diff *d, const struct side_alert *a,
				const struct side_alert *b)
{
	static const struct { const char *key, *name; } keys[] = {
		{ "priority", "priority" }, { "message", "output" }, { "output_fields", "fields" },
		{ "tags", "tags" },
	};
	json_t *x = json_loadb(a->line.p, a->line.len, 0, NULL);
	json_t *y = json_loadb(b->line.p, b->line.len, 0, NULL);
	_cleanup_buf_ struct buf out = BUF_INIT;

	for (size_t i = 0; x && y && i < ARRAY_SIZE(keys); i++)
		if (!same_key(x, y, keys[i].key))
			buf_printf(&out, "%s%s", out.len ? ", " : "", keys[i].name);
	json_decref(x);
	json_decref(y);
	return copy(d, out.len ? buf_str(&out) : STR("text"));
}

/* ---- groups -------------------------------------------------------------------------------- */

static struct diff_group *group_of(struct alert_diff *d, enum diff_kind kind, struct str rule,
				   const struct reason *why)
{
	struct diff_group **v, *g;

	for (uint32_t i = 0; i < d->ngroups; i++) {
		g = d->groups[i];
		if (g->kind == kind && str_is(rule, g->rule) && strcmp(g->reason, why->text) == 0 &&
		    !g->exception == !why->exception &&
		    (!g->exception || strcmp(g->exception, why->exception) == 0))
			return g;
	}
	v = arena_grow(&d->arena, d->groups, &d->cap_groups, d->ngroups + 1, sizeof(*v));
	g = arena_new(&d->arena, struct diff_group);
	if (g)
		g->examples = arena_array(&d->arena, d->examples_max + 1, sizeof(*g->examples));
	if (!v || !g || !g->examples) {
		d->oom = true;
		return NULL;
	}
	g->kind = kind;
	g->rule = copy(d, rule);
	g->reason = why->text;
	g->exception = why->exception;
	d->groups = v;
	v[d->ngroups++] = g;
	return g;
}

static const char *text_of(struct alert_diff *d, struct event_ctx *ev, const char *field)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct field_ref f;
	const char *msg;

	if (!ev || field_lookup(str_from(field), &d->arena, NULL, &f, &msg) < 0 ||
	    !field_print(&f, ev, &out))
		return "<NA>";
	return copy(d, buf_str(&out));
}

static const char *output_of(struct alert_diff *d, const struct side_alert *a)
{
	json_t *line = json_loadb(a->line.p, a->line.len, 0, NULL);
	const char *text = json_string_value(json_object_get(line, "message"));
	const char *out = copy(d, text ? str_from(text) : buf_str(&a->line));

	json_decref(line);
	return out;
}

static void add(struct differ *r, enum diff_kind kind, const struct side_alert *a,
		const struct reason *why)
{
	struct alert_diff *d = r->d;
	struct event_ctx *ev = r->sides[kind == DIFF_REMOVED ? OLD : NEW].ev;
	struct diff_group *g = group_of(d, kind, a->rule->name.s, why);

	d->counts[kind]++;
	if (!g)
		return;
	if (g->count++ < d->examples_max)
		g->examples[g->nexamples++] = (struct diff_example){
			.trace = r->trace,
			.event = ev->ev->num,
			.process = text_of(d, ev, "proc.name"),
			.output = output_of(d, a),
		};
}

/* ---- one event ----------------------------------------------------------------------------- */

static struct side_alert *partner(struct side *s, const struct side_alert *a)
{
	for (uint32_t i = 0; i < s->nalerts; i++)
		if (!s->alerts[i].paired &&
		    str_eq(s->alerts[i].rule->name.s, a->rule->name.s))
			return &s->alerts[i];
	return NULL;
}

static void compare(struct differ *r)
{
	struct side *before = &r->sides[OLD], *after = &r->sides[NEW];
	struct reason why;

	for (uint32_t i = 0; i < before->nalerts; i++) {
		struct side_alert *a = &before->alerts[i], *b = partner(after, a);

		if (!b) {
			why = why_silent(r->d, after, a->rule->name.s);
			add(r, DIFF_REMOVED, a, &why);
			continue;
		}
		a->paired = b->paired = true;
		if (str_eq(buf_str(&a->line), buf_str(&b->line)))
			continue;
		why = (struct reason){ what_changed(r->d, a, b), NULL };
		add(r, DIFF_CHANGED, b, &why);
	}
	for (uint32_t i = 0; i < after->nalerts; i++)
		if (!after->alerts[i].paired) {
			why = why_silent(r->d, before, after->alerts[i].rule->name.s);
			add(r, DIFF_ADDED, &after->alerts[i], &why);
		}
}

static void feed_event(struct differ *r, struct event *ev)
{
	for (int i = 0; i < SIDES; i++) {
		r->sides[i].ev = NULL;
		r->sides[i].nalerts = 0;
		tiercel_event(r->sides[i].engine, ev);
		r->d->alerts[i] += r->sides[i].nalerts;
	}
	r->d->events++;
	if (r->sides[OLD].nalerts || r->sides[NEW].nalerts)
		compare(r);
}

static void feed(struct differ *r, struct scap_reader *reader)
{
	struct snapshot_item item = { .kind = SNAP_RESET };
	struct event ev;
	int what = SCAP_SNAPSHOT;

	while (what == SCAP_SNAPSHOT || what == SCAP_EVENT) {
		for (int i = 0; what == SCAP_SNAPSHOT && i < SIDES; i++)
			tiercel_snapshot(r->sides[i].engine, &item);
		if (what == SCAP_EVENT)
			feed_event(r, &ev);
		what = scap_reader_next(reader, &item, &ev);
	}
}

static int run_trace(struct differ *r)
{
	struct scap_reader *reader;
	struct trace_file *file;
	struct diags diags;
	int e = trace_file_open(r->trace, &file);

	if (e < 0)
		return cli_fail("cannot open trace '%s': %s", r->trace, strerror(-e));
	diags_init(&diags);
	reader = scap_reader_new(trace_file_source(file), &r->sides[OLD].limits, &diags);
	e = reader ? EXIT_OK : cli_fail("out of memory");
	if (reader)
		feed(r, reader);
	for (uint32_t i = 0; i < diags.count; i++)
		diags.items[i].file = r->trace;
	rules_print_diags(&diags, false);
	if (diags.errors)
		e = EXIT_FAILED;
	scap_reader_free(reader);
	trace_file_close(file);
	diags_done(&diags);
	return e;
}

int alert_diff_run(struct alert_diff *d, const struct rule_options *before,
		   const struct rule_options *after, const struct io_names *traces)
{
	struct differ r = { .d = d };
	int e = side_open(&r.sides[OLD], before);

	if (e == EXIT_OK)
		e = side_open(&r.sides[NEW], after);
	for (uint32_t i = 0; e == EXIT_OK && i < traces->n; i++) {
		r.trace = traces->names[i];
		e = run_trace(&r);
	}
	if (r.sides[OLD].oom || r.sides[NEW].oom || d->oom)
		e = cli_fail("out of memory");
	side_close(&r.sides[OLD]);
	side_close(&r.sides[NEW]);
	return e;
}
