/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tiercel status: how a running sensor is, in a few lines or as JSON.
 */
#include "agent/control_client.h"

#include <inttypes.h>

enum { MS_PER_S = 1000, S_PER_MINUTE = 60, S_PER_HOUR = 3600, S_PER_DAY = 86400,
       MANY_CAPABILITIES = 12 };

static const struct cli_option options[] = {
	CONTROL_OPTIONS,
	[CONTROL_OPTION_JSON] = { 0, "json", NULL, "everything as a JSON object" },
	{ 0 },
};

static int status_run(const struct command *cmd, int argc, char **argv);

const struct command cmd_status = {
	.name = "status",
	.operands = "",
	.summary = "Tell how the running sensor is.",
	.description = "Exit status: 0 if it is ready; 1 if a check fails, or no sensor answers.",
	.options = options,
	.run = status_run,
};

static void line(const char *name)
{
	printf("%-12s", name);
}

static void print_time(uint64_t ms)
{
	uint64_t s = ms / MS_PER_S;

	if (s >= S_PER_DAY)
		printf("%" PRIu64 " d ", s / S_PER_DAY);
	printf("%02u:%02u:%02u", (unsigned)(s % S_PER_DAY / S_PER_HOUR),
	       (unsigned)(s % S_PER_HOUR / S_PER_MINUTE), (unsigned)(s % S_PER_MINUTE));
}

static void print_head(json_t *a)
{
	const char *key;
	json_t *v;

	line("sensor");
	printf("tiercel %s, pid %" PRIu64 ", up ", control_text(a, "version"),
	       control_number(a, "pid"));
	print_time(control_number(a, "uptime_ms"));
	printf("\n");
	line("node");
	json_object_foreach(json_object_get(a, "identity"), key, v)
		printf("%s%s %s", strcmp(key, "node") == 0 ? "" : ", ",
		       strcmp(key, "node") == 0 ? "" : key, json_string_value(v));
	printf("\n");
	line("health");
	printf("%s", control_number(a, "health.ready")  ? "ready"
		     : control_number(a, "health.live") ? "NOT READY" : "NOT LIVE");
	json_object_foreach(json_object_get(json_object_get(a, "health"), "checks"), key, v)
		if (json_is_false(v))
			printf(", %s fails", key);
	printf("\n");
}

static void print_rules(const json_t *a)
{
	line("rules");
	printf("%" PRIu64 " active of %" PRIu64 ", digest %.19s, %" PRIu64 " reloads, %" PRIu64
	       " refused%s%s\n",
	       control_number(a, "rules.active"), control_number(a, "rules.loaded"),
	       control_text(a, "rules.digest"), control_number(a, "rules.reloads"),
	       control_number(a, "rules.reloads_failed"),
	       control_number(a, "rules.last_reload_failed") ? ", the LAST RELOAD FAILED" : "",
	       control_number(a, "rules.last_good")
		       ? ", LAST GOOD rules, the configured ones do not load"
		       : "");
	if (!control_number(a, "rules.options_waiting"))
		return;
	line("config");
	printf("%" PRIu64 " changed options wait for a RESTART: %s\n",
	       control_number(a, "rules.options_waiting"),
	       control_text(a, "rules.options_waiting_names"));
}

static void print_bundle(const json_t *a)
{
	if (!json_object_get(a, "bundle"))
		return;
	line("bundle");
	printf("digest %.19s", control_text(a, "bundle.digest"));
	if (control_number(a, "bundle.followed")) {
		printf(", registry asked ");
		print_time(control_number(a, "bundle.check_age_ms"));
		printf(" ago, %" PRIu64 " looks failed",
		       control_number(a, "bundle.check_failures"));
	}
	printf("\n");
}

static void print_events(json_t *a)
{
	uint64_t age = control_number(a, "events.last_age_ms");
	size_t i;
	json_t *v;

	line("events");
	printf("%" PRIu64 " evaluated, last %" PRIu64 ".%" PRIu64 " s ago, %" PRIu64
	       " system calls watched\n", control_number(a, "events.evaluated"), age / MS_PER_S,
	       age % MS_PER_S / 100, control_number(a, "events.system_calls_watched"));
	line("losses");
	printf("%" PRIu64 " events lost of %" PRIu64 ", %" PRIu64 " refused, %" PRIu64
	       " truncated\n",
	       control_number(a, "events.lost"), control_number(a, "events.produced"),
	       control_number(a, "events.refused"), control_number(a, "events.truncated"));
	json_array_foreach(json_object_get(a, "losses"), i, v)
		printf("  %10" PRIu64 "  %s %s: %s\n", control_number(v, "count"),
		       control_text(v, "lane"), control_text(v, "kind"), control_text(v, "reason"));
}

static void print_outputs(json_t *a)
{
	size_t i;
	json_t *v;

	line("alerts");
	printf("%" PRIu64 " of rules, %" PRIu64 " of the sensor itself\n",
	       control_number(a, "alerts.rules"), control_number(a, "alerts.internal"));
	json_array_foreach(json_object_get(a, "outputs"), i, v)
		printf("  %-10s%s, %" PRIu64 " taken, %" PRIu64 " delivered, %" PRIu64
		       " discarded, %" PRIu64 " of %" PRIu64 " queued\n",
		       control_text(v, "name"),
		       control_number(v, "closed")    ? "CLOSED"
		       : control_number(v, "failing") ? "FAILING"
						      : "ok",
		       control_number(v, "taken"), control_number(v, "delivered"),
		       control_number(v, "discarded"), control_number(v, "queued"),
		       control_number(v, "queue_size"));
}

static void print_resources(json_t *a)
{
	const char *key, *comma = "";
	json_t *v;

	line("state");
	printf("%" PRIu64 " threads, %" PRIu64 " fds, %" PRIu64 " containers, %" PRIu64
	       " users; %" PRIu64 " KiB\n", control_number(a, "state.threads"),
	       control_number(a, "state.fds"), control_number(a, "state.containers"),
	       control_number(a, "state.users"), control_number(a, "state.bytes") >> 10);
	line("resources");
	printf("%" PRIu64 " KiB resident, %" PRIu64 " KiB of rings, %" PRIu64 ".%03" PRIu64
	       " s of CPU time\n", control_number(a, "resources.rss_bytes") >> 10,
	       control_number(a, "resources.rings_bytes") >> 10,
	       control_number(a, "resources.cpu_ms") / MS_PER_S,
	       control_number(a, "resources.cpu_ms") % MS_PER_S);
	if (!json_object_size(json_object_get(a, "limits")))
		return;
	line("limits hit");
	json_object_foreach(json_object_get(a, "limits"), key, v) {
		printf("%s%s %" PRIu64, comma, key, (uint64_t)json_integer_value(v));
		comma = ", ";
	}
	printf("\n");
}

static void print_hardening(json_t *a)
{
	json_t *caps = json_object_get(json_object_get(a, "hardening"), "capabilities"), *v;
	const char *why = control_text(a, "hardening.no_seccomp_why");
	size_t i;

	line("hardening");
	printf("seccomp %s%s%s%s, %" PRIu64 " calls refused, no-new-privs %s, capabilities",
	       control_number(a, "hardening.seccomp") ? "on" : "off", *why ? " (" : "", why,
	       *why ? ")" : "", control_number(a, "hardening.refused_calls"),
	       control_number(a, "hardening.no_new_privs") ? "on" : "off");
	if (json_array_size(caps) > MANY_CAPABILITIES)
		printf(" %zu", json_array_size(caps));
	else
		json_array_foreach(caps, i, v)
			printf(" %s", json_string_value(v));
	printf("\n");
}

static int ask(struct control_link *l, bool json)
{
	_cleanup_json_ json_t *answer = NULL;
	int e = control_link_ask(l, json_pack("{s:s}", "request", "status"), &answer);

	if (e != EXIT_OK)
		return e;
	if (json) {
		control_print(answer);
	} else {
		print_head(answer);
		print_rules(answer);
		print_bundle(answer);
		print_events(answer);
		print_outputs(answer);
		print_resources(answer);
		print_hardening(answer);
	}
	return control_number(answer, "health.ready") ? EXIT_OK : EXIT_FAILED;
}

static int status_run(const struct command *cmd, int argc, char **argv)
{
	return control_command(cmd, argc, argv, ask);
}
