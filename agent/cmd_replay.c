/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel replay: evaluates recorded traces with the engine of the live sensor, or prints their
 * events. One engine for all traces given; each trace starts with empty state.
 */
#include "agent/cmd.h"
#include "agent/print_event.h"
#include "agent/recorder.h"
#include "agent/rule_options.h"
#include "agent/shard.h"
#include "agent/summary.h"
#include "agent/trace_file.h"

#include <unistd.h>

enum { OPT_PRINT = RULE_OPTION_COUNT, OPT_JSON, OPT_FIELDS, OPT_FORMAT, OPT_FILTER, OPT_WRITE,
       OPT_REDACT, OPT_THREADS, OPT_QUIET };

static const struct cli_option options[] = {
	RULE_OPTIONS,
	[OPT_PRINT] = { 0, "print", NULL, "print events instead of evaluating rules" },
	[OPT_JSON] = { 0, "json", NULL, "with --print: one JSON object per event" },
	[OPT_FIELDS] = { 0, "fields", "all|F1,F2", "with --json: fields to show" },
	[OPT_FORMAT] = { 'p', "format", "TEMPLATE", "with --print: output template" },
	[OPT_FILTER] = { 0, "filter", "CONDITION", "only events for which CONDITION is true" },
	[OPT_WRITE] = { 'w', "write", "FILE",
			"write the events (those of --filter, and what keeps the "
			"state right) to a trace" },
	[OPT_REDACT] = { 0, "redact", "KIND[=GLOB]",
			 "with -w: mask env, args or paths, repeatable" },
	[OPT_THREADS] = { 0, "threads", "N",
			  "match on N threads; alerts are the same, in the same "
			  "order" },
	[OPT_QUIET] = { 'q', "quiet", NULL, "no summary on stderr" },
	{ 0 },
};

static int replay_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_replay = {
	.name = "replay",
	.operands = "TRACE...",
	.summary = "Evaluate rules on recorded traces, or print their events.",
	.description = "TRACE is a .scap capture, plain or gzip; '-' reads standard input. Alerts go "
		       "to stdout as\nJSON lines. Exit status: 0, 1 if rules do not load or a trace "
		       "is damaged, 2 usage.",
	.options = options,
	.run = replay_run,
};

struct replay {
	struct rule_options rules;
	bool print, quiet;
	uint64_t threads;
	struct event_printer_opts printer_opts;
	struct event_printer *printer;
	struct limits limits;
	struct out out;
	struct tiercel *engine;
	bool progress;
	uint64_t next_progress;
	const char *write_path;
	struct redact *redact;
	struct recorder *recorder;
};

static void on_alert(void *ctx, const struct tiercel_alert *alert, struct event_ctx *ev)
{
	struct replay *r = ctx;

	if (!r->printer || event_printer_accepts(r->printer, ev))
		out_line(&r->out, alert->line);
}

static void on_event(void *ctx, struct event_ctx *ev)
{
	struct replay *r = ctx;

	if (r->recorder)
		recorder_visible(r->recorder, ev);
	if (r->print && event_printer_accepts(r->printer, ev))
		event_printer_print(r->printer, ev, &r->out);
}

/* What several threads can do: evaluate rules on files. */
static int check_threads(const struct replay *r, const struct cli *cli)
{
	if (r->print || r->write_path || r->printer_opts.filter)
		return cli_usage(cli->cmd, "--threads goes with rules only, not with --print, "
					   "--filter or -w");
	for (int i = 0; i < cli->noperands; i++)
		if (strcmp(cli->operands[i], "-") == 0)
			return cli_usage(cli->cmd, "with --threads the trace is read several "
						   "times: it must be a file");
	return EXIT_OK;
}

/* EXIT_OK, an exit code, or CLI_HELP. */
static int parse_options(struct replay *r, struct cli *cli)
{
	const char *arg;
	int opt, e;

	while ((opt = cli_next(cli, &arg)) >= 0) {
		if (opt < RULE_OPTION_COUNT) {
			e = rule_options_take(&r->rules, cli->cmd, opt, arg);
			if (e != EXIT_OK)
				return e;
			continue;
		}
		switch (opt) {
		case OPT_PRINT:
			r->print = true;
			break;
		case OPT_JSON:
			r->printer_opts.json = true;
			break;
		case OPT_FIELDS:
			r->printer_opts.fields = arg;
			break;
		case OPT_FORMAT:
			r->printer_opts.format = arg;
			break;
		case OPT_FILTER:
			r->printer_opts.filter = arg;
			break;
		case OPT_WRITE:
			r->write_path = arg;
			break;
		case OPT_REDACT:
			e = cli_redact(cli->cmd, arg, &r->redact);
			if (e != EXIT_OK)
				return e;
			break;
		case OPT_THREADS:
			if (str_to_u64(str_from(arg), &r->threads) < 0 || !r->threads ||
			    r->threads > SHARDS_MAX)
				return cli_usage(cli->cmd,
						 "--threads takes a number from 1 to %d, not '%s'",
						 SHARDS_MAX, arg);
			break;
		case OPT_QUIET:
			r->quiet = true;
			break;
		}
	}
	if (opt != CLI_DONE)
		return opt == CLI_HELP ? CLI_HELP : EXIT_USAGE;
	if (cli->noperands == 0)
		return cli_usage(cli->cmd, "no TRACE given");
	if (!r->print && !rule_options_any(&r->rules) && !r->write_path)
		return cli_usage(cli->cmd, "nothing to do: give rules (-r), --print or -w FILE");
	if (r->redact && !r->write_path)
		return cli_usage(cli->cmd, "--redact goes with -w FILE");
	return r->threads > 1 ? check_threads(r, cli) : EXIT_OK;
}

static void show_progress(struct replay *r, const struct scap_stats *s)
{
	enum { PROGRESS_EVERY = 1 << 18 };

	if (!r->progress || s->events_raw < r->next_progress)
		return;
	r->next_progress = s->events_raw + PROGRESS_EVERY;
	fprintf(stderr, "\r%12llu events, %6.1f MB", (unsigned long long)s->events_raw,
		(double)s->bytes / 1e6);
	fflush(stderr);
}

static int feed_event(struct replay *r, struct event *ev)
{
	int e;

	tiercel_event(r->engine, ev);
	e = r->recorder ? recorder_event(r->recorder, ev) : 0;
	return e < 0 ? e : 0;
}

static int feed_snapshot(struct replay *r, const struct snapshot_item *item)
{
	int e = tiercel_snapshot(r->engine, item);

	if (e == -ENOMEM)
		return e;
	return r->recorder ? recorder_snapshot(r->recorder, item) : 0;
}

/* Feed one opened trace. SCAP_END, -EBADMSG (damaged), or the error of the recording. */
static int feed(struct replay *r, struct scap_reader *reader)
{
	const struct scap_stats *s = scap_reader_stats(reader);
	struct snapshot_item snap;
	struct event ev;

	for (;;) {
		int what = scap_reader_next(reader, &snap, &ev), e;

		if (what == SCAP_EVENT)
			e = feed_event(r, &ev);
		else if (what == SCAP_SNAPSHOT)
			e = feed_snapshot(r, &snap);
		else
			return what;
		if (e < 0)
			return e;
		if (r->progress)
			show_progress(r, s);
	}
}

static int replay_trace(struct replay *r, const char *path)
{
	struct snapshot_item reset = { .kind = SNAP_RESET };
	struct scap_reader *reader;
	struct trace_file *file;
	struct diags diags;
	int e = trace_file_open(path, &file);

	if (e < 0)
		return cli_fail("cannot open trace '%s': %s", path, strerror(-e));
	diags_init(&diags);
	reader = scap_reader_new(trace_file_source(file), &r->limits, &diags);
	if (!reader) {
		trace_file_close(file);
		diags_done(&diags);
		return cli_fail("out of memory");
	}
	tiercel_snapshot(r->engine, &reset);
	e = feed(r, reader);
	if (e < 0 && e != -EBADMSG)
		cli_fail("%s: %s", r->recorder ? "writing the trace failed" : "replay stopped",
			 strerror(-e));
	e = e < 0 || diags.errors ? EXIT_FAILED : EXIT_OK;
	if (r->progress)
		fputc('\r', stderr);
	out_flush(&r->out);
	for (uint32_t i = 0; i < diags.count; i++)
		diags.items[i].file = path;
	rules_print_diags(&diags, true);
	if (!r->quiet)
		summary_trace(scap_reader_stats(reader));
	scap_reader_free(reader);
	trace_file_close(file);
	diags_done(&diags);
	return e;
}

/* The filter of --filter restricts the written trace, too. */
static int start_recorder(struct replay *r, struct arena *a)
{
	struct recorder_opts opts = { .path = r->write_path, .redact = r->redact };
	struct ast *filter = NULL;
	int e;

	if (r->printer_opts.filter &&
	    filter_option(r->printer_opts.filter, a, &r->limits, &filter) < 0)
		return EXIT_USAGE;
	opts.filter = filter;
	e = recorder_new(&opts, r->engine, &r->recorder);
	return e < 0 ? cli_fail("cannot write '%s': %s", r->write_path, strerror(-e)) : EXIT_OK;
}

static int end_recorder(struct replay *r)
{
	uint64_t skipped = r->recorder ? recorder_skipped(r->recorder) : 0;
	int e = recorder_free(r->recorder);

	r->recorder = NULL;
	if (skipped)
		cli_warn("%llu events are too large for the format and were not written",
			 (unsigned long long)skipped);
	return e < 0 ? cli_fail("the written trace is incomplete: %s", strerror(-e)) : EXIT_OK;
}

/* Closing lines; the exit code. */
static int finish(struct replay *r, const struct tiercel *totals, const struct limits *limits,
		  double start, int e)
{
	out_flush(&r->out);
	if (r->out.err < 0)
		e = cli_fail("cannot write to stdout: %s", strerror(-r->out.err));
	if (!r->quiet) {
		summary_speed(tiercel_stats(totals)->events, summary_cpu_seconds() - start);
		summary_alerts(totals);
		summary_limits(limits);
	}
	return e;
}

static int replay_threads(struct replay *r, struct cli *cli)
{
	struct shards *shards;
	double start;
	int e = shards_new(&r->rules, (unsigned)r->threads, &shards);

	if (e != EXIT_OK)
		return e;
	start = summary_cpu_seconds();
	for (int i = 0; i < cli->noperands; i++)
		if (shards_replay(shards, cli->operands[i], &r->out, r->quiet) != EXIT_OK)
			e = EXIT_FAILED;
	e = finish(r, shards_totals(shards), shards_limits(shards), start, e);
	shards_free(shards);
	return e;
}

static int replay_all(struct replay *r, struct cli *cli, struct arena *a)
{
	struct tiercel_opts opts = { .match_all = r->rules.match_all, .ctx = r };
	double start;
	int e = EXIT_OK;

	rule_options_alert(&r->rules, &opts.alert);
	opts.on_alert = on_alert;
	opts.on_event = r->print || r->write_path ? on_event : NULL;
	if (r->print || r->printer_opts.filter) {
		int err = event_printer_new(&r->printer_opts, &r->limits, &r->printer);

		if (err < 0)
			return err == -ENOMEM ? cli_fail("out of memory") : EXIT_USAGE;
	}
	r->engine = tiercel_new(&opts, &r->limits);
	if (!r->engine)
		return cli_fail("out of memory");
	if (rule_options_any(&r->rules) && !r->print) {
		e = rule_options_load(&r->rules, r->engine, &r->limits);
		if (e != EXIT_OK)
			return e;
	}
	if (r->write_path) {
		e = start_recorder(r, a);
		if (e != EXIT_OK)
			return e;
	}
	start = summary_cpu_seconds();
	for (int i = 0; i < cli->noperands; i++)
		if (replay_trace(r, cli->operands[i]) != EXIT_OK)
			e = EXIT_FAILED;
	if (end_recorder(r) != EXIT_OK)
		e = EXIT_FAILED;
	return finish(r, r->engine, &r->limits, start, e);
}

static int replay_run(const struct command *cmd, int argc, char **argv)
{
	struct replay r = { .progress = isatty(STDERR_FILENO) };
	struct arena arena;
	struct cli cli;
	int e;

	cli_init(&cli, cmd, argc, argv);
	arena_init(&arena, 4096, 0);
	rule_options_init(&r.rules);
	limits_init(&r.limits);
	out_init(&r.out, STDOUT_FILENO);
	e = parse_options(&r, &cli);
	if (e == EXIT_OK)
		e = r.threads > 1 ? replay_threads(&r, &cli) : replay_all(&r, &cli, &arena);
	recorder_free(r.recorder);
	redact_free(r.redact);
	arena_done(&arena);
	tiercel_free(r.engine);
	event_printer_free(r.printer);
	rule_options_done(&r.rules);
	out_done(&r.out);
	return e == CLI_HELP ? EXIT_OK : e;
}
