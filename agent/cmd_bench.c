/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel bench: what evaluating rules on a trace costs, by phase. The trace is read several times
 * in one process, each time with one phase more; what a phase costs is the difference to the pass
 * without it. Every pass has a fresh engine; the best of all runs counts.
 */
#include "agent/cmd.h"
#include "agent/io.h"
#include "agent/rule_options.h"
#include "agent/summary.h"
#include "agent/trace_file.h"

#include <time.h>

enum { PROFILE_EVERY = 97, TOP_COSTS = 10, COSTS_BLOCK = 16 << 10 };
enum { RUNS_DEFAULT = 3, RUNS_MAX = 1000, READ_BYTES = 256 << 10 };

/* What a pass does; each includes the ones before. */
enum phase { PHASE_READ, PHASE_DECODE, PHASE_STATE, PHASE_MATCH, PHASE_OUTPUT, PHASE_COUNT,
	     PHASE_PROFILE = PHASE_COUNT };	/* a last pass, not timed: what single rules cost */

static const char *const phase_names[PHASE_COUNT] = {
	[PHASE_READ] = "read", [PHASE_DECODE] = "decode", [PHASE_STATE] = "state",
	[PHASE_MATCH] = "match", [PHASE_OUTPUT] = "output",
};

enum { OPT_TRACE = RULE_OPTION_COUNT, OPT_RUNS, OPT_JSON };

static const struct cli_option options[] = {
	RULE_OPTIONS,
	[OPT_TRACE] = { 0, "trace", "TRACE", "the trace to read, a file" },
	[OPT_RUNS] = { 'n', "runs", "N",
		       "how often each pass is made (default 3), the best counts" },
	[OPT_JSON] = { 0, "json", NULL, "figures as one JSON object" },
	{ 0 },
};

static int bench_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_bench = {
	.name = "bench",
	.operands = "",
	.summary = "Measure what rules cost on a trace, by phase.",
	.description = "CPU time of the process (user and system) per event for reading the trace, "
		       "decoding it,\nkeeping state, matching and writing alerts; hits and cost per rule, hits per exception; "
		       "peak memory.",
	.options = options,
	.run = bench_run,
};

struct bench {
	struct rule_options rules;
	const char *trace;
	bool json;
	uint64_t runs;
	struct limits limits;
	enum phase last;		/* without rules: PHASE_STATE */
	double best[PHASE_COUNT];	/* CPU seconds of the pass that ends with this phase */
	double load_seconds;
	struct tiercel_stats stats;
	struct scap_stats trace_stats;
	uint64_t out_bytes;
	struct tiercel *engine;		/* of the last full pass: it has the hits */
};

static void on_alert(void *ctx, const struct tiercel_alert *alert, struct event_ctx *ev)
{
	struct bench *b = ctx;

	b->out_bytes += alert->line.len + 1;
}

static int read_all(struct byte_source src)
{
	char *piece = malloc(READ_BYTES);
	long got = piece ? 1 : -ENOMEM;

	while (got > 0)
		got = src.read(src.ctx, piece, READ_BYTES);
	free(piece);
	return (int)got;
}

static int read_events(struct bench *b, struct scap_reader *reader, enum phase phase)
{
	struct snapshot_item snap;
	struct event ev;
	int what;

	while ((what = scap_reader_next(reader, &snap, &ev)) > 0) {
		if (phase == PHASE_DECODE)
			continue;
		if (what == SCAP_EVENT)
			tiercel_event(b->engine, &ev);
		else if (tiercel_snapshot(b->engine, &snap) == -ENOMEM)
			return -ENOMEM;
	}
	b->trace_stats = *scap_reader_stats(reader);
	return what;
}

static uint64_t clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

static int start_engine(struct bench *b, enum phase phase)
{
	struct tiercel_opts opts = { .match_all = b->rules.match_all, .ctx = b };
	double start = summary_cpu_seconds();
	int e = EXIT_OK;

	tiercel_free(b->engine);
	rule_options_alert(&b->rules, &opts.alert);
	if (phase == PHASE_OUTPUT)
		opts.on_alert = on_alert;
	if (phase == PHASE_PROFILE) {
		opts.profile_clock_ns = clock_ns;
		opts.profile_every = PROFILE_EVERY;
		opts.count_exceptions = TIERCEL_COUNT_ALL;
	}
	b->engine = tiercel_new(&opts, &b->limits);
	if (!b->engine)
		return cli_fail("out of memory");
	if (phase >= PHASE_MATCH) {
		e = rule_options_load(&b->rules, b->engine, &b->limits);
		b->load_seconds = summary_cpu_seconds() - start;
	}
	return e;
}

static int feed(struct bench *b, struct trace_file *file, enum phase phase)
{
	struct byte_source src = trace_file_source(file);
	struct scap_reader *reader;
	struct diags diags;
	int e;

	if (phase == PHASE_READ) {
		e = read_all(src);
		return e < 0 ? cli_fail("cannot read '%s': %s", b->trace, strerror(-e)) : EXIT_OK;
	}
	diags_init(&diags);
	reader = scap_reader_new(src, &b->limits, &diags);
	e = reader ? read_events(b, reader, phase) : -ENOMEM;
	if (e == -ENOMEM)
		cli_fail("out of memory");
	for (uint32_t i = 0; i < diags.count; i++)
		diags.items[i].file = b->trace;
	rules_print_diags(&diags, false);
	scap_reader_free(reader);
	diags_done(&diags);
	return e < 0 ? EXIT_FAILED : EXIT_OK;
}

static int pass(struct bench *b, enum phase phase)
{
	struct trace_file *file;
	double start, took;
	int e;

	if (phase >= PHASE_STATE && start_engine(b, phase) != EXIT_OK)
		return EXIT_FAILED;
	b->out_bytes = 0;
	start = summary_cpu_seconds();
	e = trace_file_open(b->trace, &file);
	if (e < 0)
		return cli_fail("cannot open trace '%s': %s", b->trace, strerror(-e));
	e = feed(b, file, phase);
	trace_file_close(file);
	took = summary_cpu_seconds() - start;
	if (phase < PHASE_COUNT && (b->best[phase] == 0 || took < b->best[phase]))
		b->best[phase] = took;
	return e;
}

static int measure(struct bench *b)
{
	b->last = rule_options_any(&b->rules) ? PHASE_OUTPUT : PHASE_STATE;
	for (uint64_t run = 0; run < b->runs; run++)
		for (enum phase phase = PHASE_READ; phase <= b->last; phase++) {
			int e = pass(b, phase);

			if (e != EXIT_OK)
				return e;
		}
	b->stats = *tiercel_stats(b->engine);
	return b->last == PHASE_OUTPUT ? pass(b, PHASE_PROFILE) : EXIT_OK;
}

static double per_event(const struct bench *b, double seconds)
{
	return b->stats.events ? seconds * 1e9 / (double)b->stats.events : 0;
}

/* Noise can make a pass look cheaper than the one before. */
static double phase_ns(const struct bench *b, enum phase phase)
{
	double before = phase ? b->best[phase - 1] : 0;

	return per_event(b, b->best[phase] > before ? b->best[phase] - before : 0);
}

static double events_per_second(const struct bench *b)
{
	return b->best[b->last] > 0 ? (double)b->stats.events / b->best[b->last] : 0;
}

/* Of this program: what getrusage() says is not below the peak of the one that started it. */
static long peak_kb(void)
{
	_cleanup_buf_ struct buf status = BUF_INIT;
	const char *peak;

	if (io_read_file("/proc/self/status", 1 << 16, &status) < 0)
		return 0;
	peak = strstr(buf_str(&status).p, "VmHWM:");
	return peak ? strtol(peak + strlen("VmHWM:"), NULL, 10) : 0;
}

static void json_tenths(struct json *j, const char *key, double v)
{
	char text[32];

	snprintf(text, sizeof(text), "%.1f", v);
	json_key(j, key);
	json_raw(j, str_from(text));
}

static void json_number(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

static void json_exceptions(struct json *j, const struct tiercel *t, const struct rule *rule)
{
	json_key(j, "exceptions");
	json_arr(j);
	for (uint32_t i = 0; i < rule->nexceptions; i++) {
		if (!rule->exceptions[i].nrows)
			continue;
		json_obj(j);
		json_key(j, "name");
		json_str(j, rule->exceptions[i].name.s);
		json_number(j, "hits", tiercel_exception_count(t, rule->exceptions[i].index).hits);
		json_obj_end(j);
	}
	json_arr_end(j);
}

static void json_rules(struct json *j, const struct tiercel *t)
{
	const struct ruleset *rs = tiercel_rules(t);

	json_key(j, "rules");
	json_arr(j);
	for (uint32_t i = 0; rs && i < rs->nrules; i++) {
		const struct rule *rule = rs->rules[i];

		json_obj(j);
		json_key(j, "rule");
		json_str(j, rule->name.s);
		json_number(j, "hits", tiercel_rule_hits(t, rule->index));
		json_exceptions(j, t, rule);
		json_obj_end(j);
	}
	json_arr_end(j);
}

struct cost {
	struct str name;		/* from the arena */
	struct match_cost cost;
};

static int by_cost(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	return (x->cost.ns < y->cost.ns) - (x->cost.ns > y->cost.ns);
}

/* Most expensive first. Returns how many; NULL in *ret: none, or no memory. */
static uint32_t rule_costs(const struct bench *b, struct arena *a, struct cost **ret)
{
	const struct ruleset *rs = tiercel_rules(b->engine);
	uint32_t n = rs ? rs->nrules : 0;

	*ret = arena_array(a, MAX(n, 1U), sizeof(**ret));
	for (uint32_t i = 0; *ret && i < n; i++)
		(*ret)[i] = (struct cost){ rs->rules[i]->name.s,
					   tiercel_rule_cost(b->engine, rs->rules[i]->index) };
	if (*ret)
		qsort(*ret, n, sizeof(**ret), by_cost);
	return *ret ? n : 0;
}

static uint32_t check_costs(const struct bench *b, struct arena *a, struct cost **ret)
{
	_cleanup_buf_ struct buf name = BUF_INIT;
	uint32_t n = 0, cap = 0;
	struct match_cost cost;

	*ret = NULL;
	for (; tiercel_check_cost(b->engine, n, &name, &cost); n++) {
		*ret = arena_grow(a, *ret, &cap, n + 1, sizeof(**ret));
		if (!*ret)
			return 0;
		(*ret)[n] = (struct cost){ arena_str(a, buf_str(&name)), cost };
		buf_clear(&name);
	}
	if (n)
		qsort(*ret, n, sizeof(**ret), by_cost);
	return n;
}

/* Sampled time over all events, were the rule or the check alone. */
static double cost_ns(const struct bench *b, const struct cost *c)
{
	return b->stats.events ? (double)c->cost.ns * PROFILE_EVERY / (double)b->stats.events : 0;
}

static void print_costs(const struct bench *b, const char *title, const struct cost *costs,
			uint32_t n)
{
	if (n && costs[0].cost.ns)
		printf("%s\n", title);
	for (uint32_t i = 0; i < MIN(n, (uint32_t)TOP_COSTS) && costs[i].cost.ns; i++)
		printf("  %8.2f ns/event  %8llu samples  %.*s\n", cost_ns(b, &costs[i]),
		       (unsigned long long)costs[i].cost.runs,
		       (int)MIN(costs[i].name.len, 100U), costs[i].name.p);
}

static void json_costs(struct json *j, const struct bench *b, const char *key, const char *what,
		       const struct cost *costs, uint32_t n)
{
	json_key(j, key);
	json_arr(j);
	for (uint32_t i = 0; i < n && costs[i].cost.ns; i++) {
		json_obj(j);
		json_key(j, what);
		json_str(j, costs[i].name);
		json_number(j, "samples", costs[i].cost.runs);
		json_tenths(j, "alone_ns_per_event", cost_ns(b, &costs[i]));
		json_obj_end(j);
	}
	json_arr_end(j);
}

static void print_json(const struct bench *b)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct json j = json_start(&out);
	struct cost *costs;
	struct arena a;
	uint32_t n;

	arena_init(&a, COSTS_BLOCK, 0);
	json_obj(&j);
	json_key(&j, "trace");
	json_cstr(&j, b->trace);
	json_number(&j, "runs", b->runs);
	json_number(&j, "events", b->stats.events);
	json_number(&j, "bytes", b->trace_stats.bytes);
	json_number(&j, "alerts", b->stats.alerts);
	json_number(&j, "alert_bytes", b->out_bytes);
	json_tenths(&j, "events_per_cpu_s", events_per_second(b));
	json_tenths(&j, "ns_per_event", per_event(b, b->best[b->last]));
	json_key(&j, "phases_ns");
	json_obj(&j);
	for (enum phase phase = PHASE_READ; phase <= b->last; phase++)
		json_tenths(&j, phase_names[phase], phase_ns(b, phase));
	json_obj_end(&j);
	json_tenths(&j, "load_ms", b->load_seconds * 1e3);
	json_number(&j, "peak_rss_kb", (uint64_t)peak_kb());
	json_rules(&j, b->engine);
	n = rule_costs(b, &a, &costs);
	json_costs(&j, b, "rule_costs", "rule", costs, n);
	n = check_costs(b, &a, &costs);
	json_costs(&j, b, "check_costs", "check", costs, n);
	json_obj_end(&j);
	buf_add_char(&out, '\n');
	io_print(&out, stdout);
	arena_done(&a);
}

static void print_top(const struct bench *b)
{
	struct cost *costs;
	struct arena a;
	uint32_t n;

	arena_init(&a, COSTS_BLOCK, 0);
	n = rule_costs(b, &a, &costs);
	print_costs(b, "rules by cost, each as if it were alone:", costs, n);
	n = check_costs(b, &a, &costs);
	print_costs(b, "checks by cost, likewise:", costs, n);
	arena_done(&a);
}

static void print_exceptions(const struct bench *b, const struct rule *rule)
{
	for (uint32_t i = 0; i < rule->nexceptions; i++) {
		uint64_t hits = tiercel_exception_count(b->engine,
							rule->exceptions[i].index).hits;

		if (hits)
			printf("  %8llu  kept from %.*s by %.*s\n", (unsigned long long)hits,
			       STR_ARG(rule->name.s), STR_ARG(rule->exceptions[i].name.s));
	}
}

static void print_text(const struct bench *b)
{
	const struct ruleset *rs = tiercel_rules(b->engine);

	printf("%llu events, %.1f MB, best of %llu runs\n", (unsigned long long)b->stats.events,
	       (double)b->trace_stats.bytes / 1e6, (unsigned long long)b->runs);
	for (enum phase phase = PHASE_READ; phase <= b->last; phase++)
		printf("  %-8s %8.1f ns/event\n", phase_names[phase], phase_ns(b, phase));
	printf("  %-8s %8.1f ns/event  %.0f events per CPU-second\n", "all",
	       per_event(b, b->best[b->last]), events_per_second(b));
	printf("peak memory %.1f MB", (double)peak_kb() / 1024);
	if (rs)
		printf(", rules loaded in %.1f ms\nalerts: %llu", b->load_seconds * 1e3,
		       (unsigned long long)b->stats.alerts);
	printf("\n");
	for (uint32_t i = 0; rs && i < rs->nrules; i++) {
		uint64_t hits = tiercel_rule_hits(b->engine, rs->rules[i]->index);

		if (hits)
			printf("  %8llu  %.*s\n", (unsigned long long)hits,
			       STR_ARG(rs->rules[i]->name.s));
		print_exceptions(b, rs->rules[i]);
	}
	print_top(b);
}

static int parse_options(struct bench *b, struct cli *cli)
{
	const char *arg;
	int opt, e = EXIT_OK;

	while (e == EXIT_OK && (opt = cli_next(cli, &arg)) >= 0) {
		switch (opt) {
		case OPT_TRACE:
			b->trace = arg;
			break;
		case OPT_RUNS:
			if (str_to_u64(str_from(arg), &b->runs) < 0 || !b->runs ||
			    b->runs > RUNS_MAX)
				e = cli_usage(cli->cmd,
					      "--runs takes a number from 1 to %d, not '%s'",
					      RUNS_MAX, arg);
			break;
		case OPT_JSON:
			b->json = true;
			break;
		default:
			e = rule_options_take(&b->rules, cli->cmd, opt, arg);
		}
	}
	if (e != EXIT_OK)
		return e;
	if (opt != CLI_DONE)
		return opt == CLI_HELP ? CLI_HELP : EXIT_USAGE;
	if (cli->noperands)
		return cli_usage(cli->cmd, "unexpected operand '%s'", cli->operands[0]);
	if (!b->trace)
		return cli_usage(cli->cmd, "no trace given (--trace FILE)");
	if (strcmp(b->trace, "-") == 0)
		return cli_usage(cli->cmd, "the trace is read several times: it must be a file");
	return EXIT_OK;
}

static int bench_run(const struct command *cmd, int argc, char **argv)
{
	struct bench b = { .runs = RUNS_DEFAULT };
	struct cli cli;
	int e;

	cli_init(&cli, cmd, argc, argv);
	limits_init(&b.limits);
	rule_options_init(&b.rules);
	e = parse_options(&b, &cli);
	if (e == EXIT_OK)
		e = measure(&b);
	if (e == EXIT_OK && b.json)
		print_json(&b);
	else if (e == EXIT_OK)
		print_text(&b);
	tiercel_free(b.engine);
	rule_options_done(&b.rules);
	return e == CLI_HELP ? EXIT_OK : e;
}
