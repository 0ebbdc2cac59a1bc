/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules of a live session: the first ones, and their exchange between two events.
 */
#include "agent/cmd.h"
#include "agent/live_priv.h"

#include <inttypes.h>

enum { PROBLEMS_BYTES_MAX = 4096 };

/* Returns the plan that was in force. */
static struct engines_plan *activate(struct live *l, struct live_rules *rules)
{
	struct engines_plan *old = engines_activate(l->engines, rules->plan);

	rules->plan = NULL;
	l->rules = rules;
	l->stats.reloads.last_ns = clock_wall_ns();
	live_health_rules(l);
	return old;
}

/* What an alert has of the problems: whole lines; all of them are on standard error. */
static struct str first_problems(struct str problems)
{
	struct str s = str_sub(problems, 0, MIN(problems.len, (uint32_t)PROBLEMS_BYTES_MAX));

	while (s.len < problems.len && s.len && s.p[s.len - 1] != '\n')
		s.len--;
	return s.len ? s : str_sub(problems, 0, MIN(problems.len, (uint32_t)PROBLEMS_BYTES_MAX));
}

/* The bundle in force is not, or may not be, the one that its name stands for. */
static void tell_bundle_problem(struct live *l, const char *problem)
{
	struct internal_builder b;

	cli_warn("the bundle in force stays: %s", problem);
	internal_alert_begin(&b, "tiercel internal: bundle update failure", PRIO_CRITICAL);
	internal_alert_text(&b, "problem", "%s", problem);
	internal_alert_text(&b, "bundle.name", "%s", l->rules->options.bundle.path);
	internal_alert_text(&b, "bundle.digest", "%s", l->rules->artifact);
	internal_alert_send(&l->internal, &b,
			    "The rule bundle cannot be updated, the one in force stays: %s",
			    problem);
}

int live_swap_start(struct live *l)
{
	_cleanup_buf_ struct buf problems = BUF_INIT;
	struct live_rules *rules = NULL;
	int r;

	if (!l->opts->has_rules)
		return EXIT_OK;
	r = live_rules_load(&l->opts->rules_spec, l->opts->config, l->engines, &problems, &rules);
	io_print(&problems, stderr);
	if (r == -ENOMEM)
		return cli_fail("out of memory while loading rules");
	if (r < 0)
		return cli_fail("the rules do not load");
	activate(l, rules);
	if (rules->last_good) {
		struct str first = first_problems(buf_str(&problems));
		struct internal_builder b;

		cli_warn("the rules do not load; running with the last good ones of '%s'",
			 l->opts->config->state_directory);
		internal_alert_begin(&b, "tiercel internal: last good rules", PRIO_CRITICAL);
		internal_alert_text(&b, "problems", "%.*s", STR_ARG(first));
		internal_alert_text(&b, "rules.digest", "%s", rules->digest);
		internal_alert_send(&l->internal, &b,
				    "The configured rules do not load; running with "
				    "the last good ones: %.*s",
				    STR_ARG(first));
	} else if (rules->unasked) {
		tell_bundle_problem(l, rules->unasked);
	}
	return EXIT_OK;
}

static void follow_bundle(struct live *l)
{
	const struct bundle_options *o = &l->rules->options.bundle;
	const struct config *c = l->opts->config;
	int r;

	if (!c->bundle.follow || !o->path)
		return;
	if (!oci_ref_is_url(o->path)) {
		cli_warn("bundle.follow has no effect: '%s' is not in a registry", o->path);
		return;
	}
	if (!c->state_directory[0]) {
		cli_warn("bundle.follow has no effect: it needs a state_directory");
		return;
	}
	r = bundle_follow_new(o, l->rules->artifact, c->bundle.follow, l->reload, &l->follow);
	if (r < 0)
		cli_warn("the registry is not followed: %s", strerror(-r));
}

void live_swap_follow(struct live *l)
{
	int r;

	if (!l->rules)
		return;
	/* Now that the sensor sees: a disk may take its time. */
	live_rules_save(l->rules, &l->opts->rules_spec, l->opts->config->state_directory);
	r = reload_new(&l->opts->rules_spec, l->opts->config, l->engines, l->rules, &l->reload);
	if (r < 0)
		cli_warn("rules will not be loaded again: %s", strerror(-r));
	else
		follow_bundle(l);
}

/* Whoever asked for the reload at the control socket is told. */
static void tell(struct live *l, unsigned ticket, const char *problems, uint64_t compile_ns)
{
	const struct control_reload result = { .ticket = ticket, .problems = problems,
					       .digest = l->rules->digest,
					       .loaded = l->rules->nrules,
					       .active = l->rules->nactive,
					       .compile_ns = compile_ns };

	if (!l->control)
		return;
	live_health_publish(l);		/* first, so that a look at the status agrees */
	control_reloaded(l->control, &result);
}

static void refuse(struct live *l, unsigned ticket, const char *problems)
{
	static const char rule[] = "Falco internal: hot restart failure";
	struct str first = first_problems(str_from(problems));
	struct internal_builder b;

	l->stats.reloads.failed++;
	l->stats.reloads.last_failed = true;
	cli_warn("the new rules do not load, the old ones stay in force");
	internal_alert_begin(&b, rule, PRIO_CRITICAL);
	/* The incumbent has none; receivers refuse alerts without any. */
	internal_alert_text(&b, "rules.digest", "%s", l->rules->digest);
	internal_alert_number(&b, "rules.active", l->rules->nactive);
	internal_alert_number(&b, "rules.reloads_failed", l->stats.reloads.failed);
	internal_alert_send(&l->internal, &b, "%s: %.*s%s", rule, STR_ARG(first),
			    first.len < strlen(problems) ? "... (all of it on standard error)"
							 : "");
	tell(l, ticket, problems, 0);
}

static void accept(struct live *l, struct live_rules *rules, uint64_t compile_ns)
{
	struct live_rules *old = l->rules;
	uint64_t start = clock_mono_ns();
	struct internal_builder b;

	old->plan = activate(l, rules);
	l->stats.reloads.done++;
	l->stats.reloads.last_failed = false;
	l->stats.reloads.waiting = rules->nwaiting;
	snprintf(l->stats.reloads.waiting_names, WAITING_TEXT, "%s",
		 rules->waiting ? rules->waiting : "");
	l->stats.reloads.last_compile_ns = compile_ns;
	l->stats.reloads.last_swap_ns = clock_mono_ns() - start;
	reload_retire(l->reload, old);
	if (rules->unasked)
		tell_bundle_problem(l, rules->unasked);
	if (l->follow)
		bundle_follow_active(l->follow, &rules->options.bundle, rules->artifact);
	cli_say("rules loaded: %u active, compiled in %" PRIu64 " ms, swapped in %" PRIu64 " us",
		rules->nactive, (uint64_t)(compile_ns / NS_PER_MS),
		l->stats.reloads.last_swap_ns / 1000);
	if (!l->heartbeat.enabled)
		return;
	internal_alert_begin(&b, "tiercel internal: rules loaded", PRIO_INFORMATIONAL);
	heartbeat_identity(&l->heartbeat, &b);
	internal_alert_text(&b, "rules.digest", "%s", rules->digest);
	internal_alert_number(&b, "rules.active", rules->nactive);
	internal_alert_number(&b, "rules.reloads", l->stats.reloads.done);
	internal_alert_send(&l->internal, &b, "tiercel runs with new rules, %u are active",
			    rules->nactive);
}

/* What the new rules need is captured before they come into force. */
static int widen(struct live *l, const struct live_rules *rules)
{
	return l->recorder ? 0 : l->source->ops->set_events(l->source,
							    engines_plan_events(rules->plan));
}

static void check_follow(struct live *l)
{
	char *problem = l->follow ? bundle_follow_problem(l->follow) : NULL;

	if (problem)
		tell_bundle_problem(l, problem);
	free(problem);
}

void live_swap_check(struct live *l)
{
	struct reload_result result;
	int r;

	check_follow(l);
	if (!l->reload || !reload_take(l->reload, &result))
		return;
	if (!result.rules) {
		refuse(l, result.ticket, result.problems ? result.problems : "out of memory");
		free(result.problems);
		return;
	}
	r = widen(l, result.rules);
	if (r < 0) {
		refuse(l, result.ticket, strerror(-r));
		reload_retire(l->reload, result.rules);
		return;
	}
	accept(l, result.rules, result.compile_ns);
	tell(l, result.ticket, NULL, result.compile_ns);
}

void live_swap_done(struct live *l)
{
	bundle_follow_free(l->follow);
	l->follow = NULL;
	reload_free(l->reload);
	l->reload = NULL;
}
