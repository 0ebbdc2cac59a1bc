/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Baselines, see baseline.h. Hours are those of the events: the time from the first to the last one
 * of each trace, added up.
 */
#include "agent/baseline.h"
#include "agent/cmd.h"
#include "agent/trace_feed.h"
#include "engine/yaml.h"

#include <math.h>

enum { BUDGET_FILE_BYTES = 1 << 20 };
#define NS_PER_HOUR 3600e9

/* Alerts per hour; < 0: no limit. */
struct budget {
	struct arena arena;
	double each, total;
	double *rules;			/* by rule index */
};

struct baseline {
	const struct baseline_opts *opts;
	struct tiercel *engine;
	struct limits limits;
	struct budget budget;
	uint64_t first_ts, last_ts;	/* of the current trace */
	uint64_t ns, events;
	uint32_t over;			/* rules above their budget, the total included */
};

/* ---- budget -------------------------------------------------------------------------------- */

static int parse_rate(struct str s, double *ret)
{
	char text[64], *end;

	if (!s.len || s.len >= sizeof(text))
		return -EINVAL;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	*ret = strtod(text, &end);
	return *end || !isfinite(*ret) || *ret < 0 ? -EINVAL : 0;
}

struct budget_reader {
	struct baseline *b;
	struct source *source;
	bool failed;
};

static void complain(struct budget_reader *r, const struct yaml_node *n, const char *what)
{
	struct pos pos = source_pos(r->source, n->offset, &r->b->budget.arena);

	r->failed = true;
	cli_fail("%s:%u:%u: %s", r->source->name, pos.line, pos.col, what);
}

static void read_rate(struct budget_reader *r, const struct yaml_node *n, double *to)
{
	const struct yaml_node *v = yaml_deref(n);

	if (v->kind != YNODE_SCALAR || parse_rate(v->s, to) < 0)
		complain(r, n, "a budget is a number of alerts per hour");
}

static void read_rules(struct budget_reader *r, const struct yaml_node *n)
{
	if (yaml_deref(n)->kind != YNODE_MAP) {
		complain(r, n, "rules is a map: name of the rule: alerts per hour");
		return;
	}
	yaml_each_pair(k, n) {
		const struct rule *rule = ruleset_find(tiercel_rules(r->b->engine), k->s);

		if (rule)
			read_rate(r, k->next, &r->b->budget.rules[rule->index]);
		else
			complain(r, k, "no such rule");
	}
}

static void read_budget(struct budget_reader *r, const struct yaml_node *doc)
{
	const struct yaml_node *map = yaml_deref(doc);

	if (!map)
		return;
	if (map->kind != YNODE_MAP) {
		complain(r, doc, "a budget is a map with default, total and rules");
		return;
	}
	yaml_each_pair(k, map) {
		if (str_is(k->s, "default"))
			read_rate(r, k->next, &r->b->budget.each);
		else if (str_is(k->s, "total"))
			read_rate(r, k->next, &r->b->budget.total);
		else if (str_is(k->s, "rules"))
			read_rules(r, k->next);
		else
			complain(r, k, "a budget has the keys default, total and rules");
	}
}

static int load_budget_file(struct baseline *b, const char *path)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct budget_reader r = { .b = b };
	struct yaml_node *docs = NULL;
	struct yaml_error err;
	int e = io_read_file(path, BUDGET_FILE_BYTES, &text);

	if (e < 0)
		return cli_fail("cannot read the budget '%s': %s", path, strerror(-e));
	r.source = source_new(path, buf_str(&text), &b->budget.arena, &b->budget.arena);
	e = r.source ? yaml_parse(r.source->text, &b->budget.arena, &b->budget.arena, &b->limits,
				  &docs, &err)
		     : -ENOMEM;
	if (e == -EINVAL) {
		struct pos pos = source_pos(r.source, err.offset, &b->budget.arena);

		return cli_fail("%s:%u:%u: %s", path, pos.line, pos.col, err.message);
	}
	if (e < 0)
		return cli_fail("out of memory");
	read_budget(&r, docs);
	return r.failed ? EXIT_FAILED : EXIT_OK;
}

static int load_budget(struct baseline *b)
{
	uint32_t n = tiercel_rules(b->engine)->nrules;

	b->budget.each = b->budget.total = -1;
	b->budget.rules = arena_array(&b->budget.arena, MAX(n, 1u), sizeof(*b->budget.rules));
	if (!b->budget.rules)
		return cli_fail("out of memory");
	for (uint32_t i = 0; i < n; i++)
		b->budget.rules[i] = -1;
	if (!b->opts->budget || parse_rate(str_from(b->opts->budget), &b->budget.each) == 0)
		return EXIT_OK;
	return load_budget_file(b, b->opts->budget);
}

/* ---- traces -------------------------------------------------------------------------------- */

static void on_event(void *ctx, struct event_ctx *ev)
{
	struct baseline *b = ctx;

	b->events++;
	if (!b->first_ts)
		b->first_ts = ev->ev->ts;
	b->last_ts = MAX(b->last_ts, ev->ev->ts);
}

static int feed_all(struct baseline *b)
{
	struct diags diags;
	int e = EXIT_OK;

	diags_init(&diags);
	for (int i = 0; i < b->opts->ntraces; i++) {
		b->first_ts = b->last_ts = 0;
		if (trace_feed(b->opts->traces[i], b->engine, &b->limits, &diags, NULL) < 0)
			e = EXIT_FAILED;
		b->ns += b->last_ts - b->first_ts;
	}
	rules_print_diags(&diags, false);
	diags_done(&diags);
	if (e == EXIT_OK && !b->ns)
		e = cli_fail("the traces have no duration");
	return e;
}

/* ---- result -------------------------------------------------------------------------------- */

static double per_hour(const struct baseline *b, uint64_t alerts)
{
	return b->ns ? (double)alerts / ((double)b->ns / NS_PER_HOUR) : 0;
}

static double limit_of(const struct baseline *b, uint32_t rule_index)
{
	double own = b->budget.rules[rule_index];

	return own < 0 ? b->budget.each : own;
}

static bool is_over(double rate, double limit)
{
	return limit >= 0 && rate > limit;
}

static void line(struct baseline *b, struct str name, uint64_t alerts, double limit,
		 struct buf *out)
{
	double rate = per_hour(b, alerts);

	b->over += is_over(rate, limit);
	buf_printf(out, "%8llu  %10.2f", (unsigned long long)alerts, rate);
	if (limit >= 0)
		buf_printf(out, "  %10.2f %s", limit, is_over(rate, limit) ? "OVER" : "ok  ");
	buf_printf(out, "  %.*s\n", STR_ARG(name));
}

static void print_text(struct baseline *b, struct buf *out)
{
	const struct ruleset *rs = tiercel_rules(b->engine);
	bool limited = b->opts->budget != NULL;

	buf_printf(out, "%llu events in %.1f seconds\n%8s  %10s%s  rule\n",
		   (unsigned long long)b->events, (double)b->ns / 1e9, "alerts", "per hour",
		   limited ? "      budget     " : "");
	for (uint32_t i = 0; i < rs->nrules; i++) {
		uint64_t hits = tiercel_rule_hits(b->engine, i);

		if (hits)
			line(b, rs->rules[i]->name.s, hits, limit_of(b, i), out);
	}
	line(b, STR("(all rules)"), tiercel_stats(b->engine)->alerts, b->budget.total, out);
}

static void json_rate(struct baseline *b, struct json *j, uint64_t alerts, double limit)
{
	_cleanup_buf_ struct buf n = BUF_INIT;
	double rate = per_hour(b, alerts);

	b->over += is_over(rate, limit);
	json_key(j, "alerts");
	json_u64(j, alerts);
	json_key(j, "per_hour");
	buf_printf(&n, "%.3f", rate);
	json_raw(j, buf_str(&n));
	if (limit >= 0) {
		buf_clear(&n);
		buf_printf(&n, "%.3f", limit);
		json_key(j, "budget");
		json_raw(j, buf_str(&n));
		json_key(j, "over");
		json_bool(j, is_over(rate, limit));
	}
}

static void print_json(struct baseline *b, struct buf *out)
{
	const struct ruleset *rs = tiercel_rules(b->engine);
	struct json j = json_start(out);

	json_obj(&j);
	json_key(&j, "events");
	json_u64(&j, b->events);
	json_key(&j, "seconds");
	json_u64(&j, b->ns / 1000000000);
	json_rate(b, &j, tiercel_stats(b->engine)->alerts, b->budget.total);
	json_key(&j, "rules");
	json_arr(&j);
	for (uint32_t i = 0; i < rs->nrules; i++) {
		uint64_t hits = tiercel_rule_hits(b->engine, i);

		if (!hits)
			continue;
		json_obj(&j);
		json_key(&j, "rule");
		json_str(&j, rs->rules[i]->name.s);
		json_rate(b, &j, hits, limit_of(b, i));
		json_obj_end(&j);
	}
	json_arr_end(&j);
	json_obj_end(&j);
	buf_add_char(out, '\n');
}

static int measure(struct baseline *b)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	int e = load_budget(b);

	if (e == EXIT_OK)
		e = feed_all(b);
	if (e != EXIT_OK)
		return e;
	if (b->opts->json)
		print_json(b, &out);
	else
		print_text(b, &out);
	if (out.err)
		return cli_fail("out of memory");
	io_print(&out, stdout);
	return b->over ? EXIT_FAILED : EXIT_OK;
}

int baseline_run(const struct baseline_opts *opts, const struct rule_options *rules)
{
	struct baseline b = { .opts = opts };
	struct tiercel_opts engine = { .match_all = rules->match_all, .on_event = on_event,
				       .ctx = &b };
	int e;

	limits_init(&b.limits);
	arena_init(&b.budget.arena, 16 << 10, 0);
	rule_options_alert(rules, &engine.alert);
	b.engine = tiercel_new(&engine, &b.limits);
	e = b.engine ? rule_options_load(rules, b.engine, &b.limits) : cli_fail("out of memory");
	if (e == EXIT_OK)
		e = measure(&b);
	tiercel_free(b.engine);
	arena_done(&b.budget.arena);
	return e;
}
