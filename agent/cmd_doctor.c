/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel doctor: starts the sensor for a moment and says what this kernel offers, what attached
 * and what will not be seen. One report, built as JSON and printed from it as text.
 */
#include "agent/cmd.h"
#include "agent/source_coverage.h"
#include "agent/source_syscalls.h"

#include <jansson.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { OPT_JSON };

static const struct cli_option options[] = {
	[OPT_JSON] = { 0, "json", NULL, "one JSON object" },
	{ 0 },
};

static int doctor_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_doctor = {
	.name = "doctor",
	.operands = "",
	.summary = "Tell what the live sensor can and cannot see on this machine.",
	.description = "Loads and attaches everything for a moment. Exit status: 0, 1 if the sensor "
		       "cannot run here.",
	.options = options,
	.run = doctor_run,
};

static const struct {
	const char *name;
	unsigned bit;
} capabilities[] = {
	{ "CAP_BPF", 39 }, { "CAP_PERFMON", 38 }, { "CAP_SYS_RESOURCE", 24 },
	{ "CAP_SYS_ADMIN", 21 }, { "CAP_SYS_PTRACE", 19 }, { "CAP_DAC_READ_SEARCH", 2 },
};

static uint64_t effective_caps(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	unsigned long long caps = 0;
	char line[256];

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "CapEff: %llx", &caps) == 1)
			break;
	if (f)
		fclose(f);
	return caps;
}

static json_t *describe_machine(void)
{
	json_t *caps = json_object();
	uint64_t have = effective_caps();
	struct utsname u = { 0 };

	uname(&u);
	for (size_t i = 0; i < ARRAY_SIZE(capabilities); i++)
		json_object_set_new(caps, capabilities[i].name,
				    json_boolean(have >> capabilities[i].bit & 1));
	return json_pack("{s:s, s:s, s:b, s:o}", "release", u.release, "machine", u.machine, "btf",
			 access("/sys/kernel/btf/vmlinux", R_OK) == 0, "capabilities", caps);
}

struct parts {
	json_t *hooks, *refused;
	int events;
};

static void add_part(void *ctx, const struct source_part *part)
{
	struct parts *p = ctx;

	if (part->is_hook)
		json_array_append_new(p->hooks, json_pack("{s:s, s:b}", "name", part->name,
							  "attached", part->active));
	else if (part->active)
		p->events++;
	else
		json_array_append_new(p->refused, json_pack("{s:s, s:s}", "event", part->name,
							    "why", part->why));
}

/* Numbers of calls that have parameters of their own, and names of those that are only counted. */
static json_t *describe_syscalls(uint32_t watched)
{
	json_t *bare = json_array();
	uint32_t own = 0;

	for (uint32_t i = 0; i < source_syscalls_count; i++) {
		const struct source_syscall *c = &source_syscalls[i];

		if (c->event == EV_GENERIC_X)
			json_array_append_new(bare, json_string(sc_infos[c->code].name));
		else
			own++;
	}
	return json_pack("{s:i, s:i, s:i, s:o, s:i}", "known", (int)source_syscalls_count,
			 "reported", (int)watched, "with_parameters", (int)own, "name_only", bare,
			 "of_32_bit", (int)source_syscalls32_count);
}

static json_t *describe_sensor(struct source *s)
{
	struct parts p = { json_array(), json_array(), 0 };
	struct source_stats stats;
	struct evtset all;

	memset(&all, 0xff, sizeof(all));
	s->ops->set_events(s, &all);
	s->ops->parts(s, add_part, &p);
	s->ops->stats(s, &stats);
	return json_pack("{s:b, s:o, s:i, s:o, s:{s:i, s:I}, s:o}", "runs", 1, "hooks", p.hooks,
			 "event_programs", p.events, "not_loaded", p.refused, "rings", "count",
			 (int)stats.rings, "bytes", (json_int_t)stats.ring_bytes, "system_calls",
			 describe_syscalls(stats.syscalls));
}

static void add_gap(void *ctx, const char *what)
{
	json_array_append_new(ctx, json_string(what));
}

static json_t *examine(void)
{
	_cleanup_buf_ struct buf error = BUF_INIT;
	struct source_ring_opts opts = { .report_self = false };
	json_t *sensor, *gaps = json_array();
	struct source *source;

	/* Everything is loaded, whatever rules would ask for. */
	if (source_ring_open(&opts, &error, &source) < 0) {
		struct str text = buf_str(&error);

		sensor = json_pack("{s:b, s:s%}", "runs", 0, "error", text.len ? text.p : "?",
				   (size_t)(text.len ? text.len : 1));
	} else {
		sensor = describe_sensor(source);
		source_coverage(source, add_gap, gaps);
		source->ops->close(source);
	}
	return json_pack("{s:o, s:o, s:o}", "kernel", describe_machine(), "sensor", sensor,
			 "not_seen", gaps);
}

static const char *text_of(json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static int number_of(json_t *o, const char *key)
{
	return (int)json_integer_value(json_object_get(o, key));
}

static void print_sensor(json_t *sensor)
{
	json_t *item, *rings = json_object_get(sensor, "rings");
	json_t *calls = json_object_get(sensor, "system_calls");
	json_t *bare = json_object_get(calls, "name_only");
	size_t i;

	json_array_foreach(json_object_get(sensor, "hooks"), i, item)
		printf("hook          %s: %s\n", text_of(item, "name"),
		       json_is_true(json_object_get(item, "attached")) ? "attached"
								       : "NOT ATTACHED");
	printf("events        %d with a program of their own\n",
	       number_of(sensor, "event_programs"));
	json_array_foreach(json_object_get(sensor, "not_loaded"), i, item)
		printf("not loaded    %s: %s\n", text_of(item, "event"), text_of(item, "why"));
	printf("system calls  %d of %d reported, %d with parameters, %zu by name only\n",
	       number_of(calls, "reported"), number_of(calls, "known"),
	       number_of(calls, "with_parameters"), json_array_size(bare));
	printf("32-bit calls  %d decoded by their own numbers\n", number_of(calls, "of_32_bit"));
	printf("rings         %d, %d KiB together\n", number_of(rings, "count"),
	       number_of(rings, "bytes") >> 10);
}

static void print_text(json_t *report)
{
	json_t *kernel = json_object_get(report, "kernel"),
	       *sensor = json_object_get(report, "sensor");
	json_t *item;
	const char *name;
	size_t i;

	printf("kernel        %s %s\n", text_of(kernel, "release"), text_of(kernel, "machine"));
	printf("types (BTF)   %s\n", json_is_true(json_object_get(kernel, "btf")) ? "yes" : "NO");
	json_object_foreach(json_object_get(kernel, "capabilities"), name, item)
		if (!json_is_true(item))
			printf("missing       %s\n", name);
	if (json_is_true(json_object_get(sensor, "runs")))
		print_sensor(sensor);
	else
		printf("sensor        CANNOT RUN: %s\n", text_of(sensor, "error"));
	json_array_foreach(json_object_get(report, "not_seen"), i, item)
		printf("not seen      %s\n", json_string_value(item));
}

static int doctor_run(const struct command *cmd, int argc, char **argv)
{
	bool json = false, runs;
	json_t *report;
	const char *arg;
	struct cli cli;
	int opt;

	cli_init(&cli, cmd, argc, argv);
	while ((opt = cli_next(&cli, &arg)) >= 0)
		json = true;
	if (opt != CLI_DONE)
		return opt == CLI_HELP ? EXIT_OK : EXIT_USAGE;
	if (cli.noperands)
		return cli_usage(cmd, "unexpected operand '%s'", cli.operands[0]);
	report = examine();
	if (!report)
		return cli_fail("out of memory");
	runs = json_is_true(json_object_get(json_object_get(report, "sensor"), "runs"));
	if (json) {
		json_dumpf(report, stdout, JSON_INDENT(1));
		putchar('\n');
	} else {
		print_text(report);
	}
	json_decref(report);
	return runs ? EXIT_OK : EXIT_FAILED;
}
