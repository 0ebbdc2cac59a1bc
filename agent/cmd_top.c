/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel top: who makes the events of a running sensor, and which rules the alerts. The sensor has
 * counters; rates are the differences between two readings, made here. One report, built as JSON
 * and printed from it as a table.
 */
#include "agent/clock.h"
#include "agent/control_client.h"

#include <inttypes.h>
#include <unistd.h>

enum { OPT_INTERVAL = CONTROL_OPTION_COUNT, OPT_ROWS, OPT_ONCE };
enum { INTERVAL_MIN_MS = 250, INTERVAL_MAX_MS = 10000, DEFAULT_INTERVAL_MS = 1000,
       DEFAULT_ROWS = 10, ROWS_MAX = 1000 };

static const struct cli_option options[] = {
	CONTROL_OPTIONS,
	[CONTROL_OPTION_JSON] = { 0, "json", NULL, "reports as JSON lines" },
	[OPT_INTERVAL] = { 'd', "interval", "SECONDS",
			   "time between two readings, 0.25 to 10; default 1" },
	[OPT_ROWS] = { 'n', "rows", "N", "rows of each table; default 10" },
	[OPT_ONCE] = { 0, "once", NULL, "one report, then end" },
	{ 0 },
};

static int top_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_top = {
	.name = "top",
	.operands = "",
	.summary = "Show what makes the events and alerts of the running sensor.",
	.description = "Rates by rule, container and process. The sensor counts by process only while "
		       "somebody looks;\nwith many events it counts some of them for all.",
	.options = options,
	.run = top_run,
};

struct top {
	struct control_link link;
	uint32_t interval_ms, rows;
	bool once, json;
	json_t *before;			/* the last reading, NULL: none yet */
};

/* ---- report ------------------------------------------------------------------------------- */

static double rate(uint64_t now, uint64_t before, double seconds)
{
	return now > before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

static double rate_of(const json_t *now, const json_t *before, const char *path, double seconds)
{
	return rate(control_number(now, path), control_number(before, path), seconds);
}

/* The same row of the last reading: same `key`, and not another one in its place. */
static const json_t *same_row(json_t *rows, const json_t *row, const char *key)
{
	const json_t *want = json_object_get(row, key);
	size_t i;
	json_t *v;

	json_array_foreach(rows, i, v)
		if (json_equal(json_object_get(v, key), want) &&
		    control_number(v, "since_ns") == control_number(row, "since_ns"))
			return v;
	return NULL;
}

static int by_rate(const void *a, const void *b)
{
	double x = json_real_value(json_object_get(*(json_t *const *)a, "per_second")),
	       y = json_real_value(json_object_get(*(json_t *const *)b, "per_second"));

	return x < y ? 1 : x > y ? -1 : 0;
}

/* Rows with their rates, the fastest first; those that stand still only where `all`. */
static json_t *rank(json_t *now, json_t *before, const char *key, const char *counter,
		    double seconds, bool all)
{
	size_t n = json_array_size(now), used = 0, i;
	json_t **v = calloc(n + 1, sizeof(*v)), *row, *result = json_array();

	json_array_foreach(now, i, row) {
		const json_t *old = same_row(before, row, key);
		double r = rate_of(row, old, counter, seconds);

		if (!v || (r <= 0 && !all))
			continue;
		json_object_set_new(row, "per_second", json_real(r));
		json_object_del(row, "since_ns");
		v[used++] = row;
	}
	if (v)
		qsort(v, used, sizeof(*v), by_rate);
	for (i = 0; v && i < used; i++)
		json_array_append(result, v[i]);
	free(v);
	return result;
}

static json_t *rows_of(json_t *reading, const char *table)
{
	return json_object_get(json_object_get(reading, table), "rows");
}

static json_t *report(json_t *now, json_t *before, double seconds)
{
	return json_pack(
		"{s:s, s:s, s:b, s:I, s:f, s:f, s:f, s:f, s:f, s:I, s:o, s:o, s:o, s:{s:f, s:f}}",
		"version", control_text(now, "version"), "node", control_text(now, "node"), "ready",
		(int)control_number(now, "ready"), "uptime_ms",
		(json_int_t)control_number(now, "uptime_ms"), "interval", seconds,
		"events_per_second", rate_of(now, before, "events", seconds), "lost_per_second",
		rate_of(now, before, "lost", seconds), "alerts_per_second",
		rate_of(now, before, "alerts", seconds), "cpu_percent",
		rate_of(now, before, "cpu_ms", seconds) / 10, "rss_bytes",
		(json_int_t)control_number(now, "rss_bytes"), "rules",
		rank(json_object_get(now, "rules"), json_object_get(before, "rules"), "name",
		     "alerts", seconds, true),
		"containers",
		rank(rows_of(now, "containers"), rows_of(before, "containers"), "container",
		     "events", seconds, false),
		"processes",
		rank(rows_of(now, "processes"), rows_of(before, "processes"), "pid", "events",
		     seconds, false),
		"not_counted_per_second", "processes",
		rate_of(now, before, "processes.not_counted", seconds), "containers",
		rate_of(now, before, "containers.not_counted", seconds));
}

/* ---- printing ----------------------------------------------------------------------------- */

static double real_of(const json_t *o, const char *key)
{
	return json_number_value(json_object_get(o, key));
}

/* Names come from processes: control characters must not reach the terminal. */
static void print_name(const char *name, int width)
{
	int n = 0;

	for (; *name && n < width; name++, n++)
		putchar((unsigned char)*name < ' ' || *name == 127 ? '?' : *name);
	while (n++ < width)
		putchar(' ');
}

static void print_rules(const struct top *t, json_t *rows)
{
	size_t i;
	json_t *v;

	printf("\n%10s %12s  %-13s %s\n", "ALERTS/S", "ALERTS", "PRIORITY", "RULE");
	json_array_foreach(rows, i, v) {
		if (i == t->rows)
			break;
		printf("%10.1f %12" PRIu64 "  %-13s ", real_of(v, "per_second"),
		       control_number(v, "alerts"), control_text(v, "priority"));
		print_name(control_text(v, "name"), 50);
		printf("\n");
	}
}

/* Of containers, or of processes, which have a pid. */
static void print_events(const struct top *t, json_t *rows, const char *name, bool pids)
{
	size_t i;
	json_t *v;

	printf("\n%10s%s  %-12s  %s\n", "EVENTS/S", pids ? "        PID" : "", "CONTAINER", name);
	json_array_foreach(rows, i, v) {
		if (i == t->rows)
			break;
		printf("%10.1f", real_of(v, "per_second"));
		if (pids)
			printf(" %10" PRIu64, control_number(v, "pid"));
		printf("  ");
		print_name(control_text(v, "container"), 12);
		printf("  ");
		print_name(control_text(v, "name"), 50);
		printf("\n");
	}
}

static void print_report(const struct top *t, const json_t *r)
{
	const json_t *unfit = json_object_get(r, "not_counted_per_second");

	if (!t->once)
		printf("\033[H\033[2J");	/* home, clear */
	printf("tiercel %s on %s, up %" PRIu64 " s, %s\n", control_text(r, "version"),
	       control_text(r, "node"), control_number(r, "uptime_ms") / 1000,
	       control_number(r, "ready") ? "ready" : "NOT READY");
	printf("%.0f events/s, %.0f lost/s, %.1f alerts/s, %.1f %% CPU, %" PRIu64 " KiB resident\n",
	       real_of(r, "events_per_second"), real_of(r, "lost_per_second"),
	       real_of(r, "alerts_per_second"), real_of(r, "cpu_percent"),
	       control_number(r, "rss_bytes") >> 10);
	print_rules(t, json_object_get(r, "rules"));
	print_events(t, json_object_get(r, "containers"), "NAME", false);
	print_events(t, json_object_get(r, "processes"), "PROCESS", true);
	if (real_of(unfit, "processes") > 0)
		printf("%10.1f  events of processes beyond the table\n",
		       real_of(unfit, "processes"));
	if (real_of(unfit, "containers") > 0)
		printf("%10.1f  events of containers beyond the table\n",
		       real_of(unfit, "containers"));
	fflush(stdout);
}

/* ---- loop --------------------------------------------------------------------------------- */

static void pause_ms(uint32_t ms)
{
	struct timespec ts = clock_timespec(ms * NS_PER_MS);

	while (!control_stopped() && nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/* One reading, and from the second on a report. */
static int turn(struct top *t)
{
	json_t *now = NULL;
	int e = control_link_ask(&t->link, json_pack("{s:s}", "request", "rates"), &now);

	control_link_close(&t->link);
	if (e == EXIT_OK && t->before) {
		uint64_t span = control_number(now, "now_ns") - control_number(t->before, "now_ns");
		_cleanup_json_ json_t *copy = json_deep_copy(now);
		_cleanup_json_ json_t *r = report(copy, t->before, (double)span / NS_PER_S);

		if (t->json) {
			control_print(r);
		} else if (r) {
			print_report(t, r);
		}
	}
	json_decref(t->before);
	t->before = now;
	return e;
}

static int watch(struct top *t)
{
	int e = turn(t);

	while (e == EXIT_OK && !control_stopped() && !ferror(stdout)) {
		pause_ms(t->interval_ms);
		if (control_stopped())
			break;
		e = turn(t);
		if (t->once)
			break;
	}
	json_decref(t->before);
	return control_stopped() ? EXIT_OK : e;
}

/* "1", "0.5". EXIT_OK or an exit code. */
static int take_interval(const struct command *cmd, struct top *t, const char *arg)
{
	char *end;
	double s = strtod(arg, &end);

	if (end == arg || *end || !(s * 1000 >= INTERVAL_MIN_MS && s * 1000 <= INTERVAL_MAX_MS))
		return cli_usage(cmd, "--interval takes seconds from 0.25 to 10, not '%s'", arg);
	t->interval_ms = (uint32_t)(s * 1000);
	return EXIT_OK;
}

static int take_option(const struct command *cmd, void *ctx, int opt, const char *arg)
{
	struct top *t = ctx;
	uint64_t rows;

	switch (opt) {
	case OPT_INTERVAL:
		return take_interval(cmd, t, arg);
	case OPT_ROWS:
		if (str_to_u64(str_from(arg), &rows) < 0 || !rows || rows > ROWS_MAX)
			return cli_usage(cmd, "--rows takes a number from 1 to %d, not '%s'",
					 ROWS_MAX, arg);
		t->rows = (uint32_t)rows;
		return EXIT_OK;
	case OPT_ONCE:
		t->once = true;
		return EXIT_OK;
	case CONTROL_OPTION_JSON:
		t->json = true;
		return EXIT_OK;
	}
	return EXIT_OK;
}

static int top_run(const struct command *cmd, int argc, char **argv)
{
	struct top t = { .link = CONTROL_LINK_INIT, .interval_ms = DEFAULT_INTERVAL_MS,
			 .rows = DEFAULT_ROWS };
	int e = control_parse(cmd, argc, argv, &t.link, take_option, &t);

	if (e == EXIT_OK) {
		control_catch_stop();
		e = watch(&t);
	}
	control_link_done(&t.link);
	return e == CLI_HELP ? EXIT_OK : e;
}
