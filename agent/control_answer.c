/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What clients of the control socket are told, one row per request. "status" has, besides "ok":
 * version, pid, uptime, identity, health with every check, rules, events, losses by lane, kind and
 * reason, alerts, outputs, state tables, resources, hits of limits, hardening. The members are
 * those that the functions below write.
 */
#include "agent/agent_limits.h"
#include "agent/clock.h"
#include "agent/control_priv.h"
#include "agent/harden.h"
#include "agent/health.h"

#include <jansson.h>
#include <unistd.h>

/* ---- pieces ------------------------------------------------------------------------------- */

static void number(struct json *j, const char *key, uint64_t v)
{
	json_key(j, key);
	json_u64(j, v);
}

static void flag(struct json *j, const char *key, bool v)
{
	json_key(j, key);
	json_bool(j, v);
}

static void text(struct json *j, const char *key, const char *v)
{
	json_key(j, key);
	json_cstr(j, v);
}

static void object(struct json *j, const char *key)
{
	json_key(j, key);
	json_obj(j);
}

static void array(struct json *j, const char *key)
{
	json_key(j, key);
	json_arr(j);
}

static struct json begin(struct control_client *client, bool ok)
{
	struct json j = json_start(&client->out);

	json_obj(&j);
	flag(&j, "ok", ok);
	return j;
}

static void finish(struct control_client *client, struct json *j)
{
	json_obj_end(j);
	buf_add_char(&client->out, '\n');
}

void control_refuse(struct control_client *client, const char *why)
{
	struct json j = begin(client, false);

	text(&j, "error", why);
	finish(client, &j);
}

/* false: there is nothing to tell yet, which is answered. */
static bool read_stats(struct control_client *client, struct agent_stats *ret)
{
	*ret = (struct agent_stats){ 0 };
	if (agent_stats_read(ret) == 0)
		return true;
	control_refuse(client, "the sensor is starting");
	return false;
}

/* ---- status ------------------------------------------------------------------------------- */

static void add_health(struct json *j, const struct agent_stats *s)
{
	struct health h;

	health_of(s, clock_mono_ns(), &h);
	object(j, "health");
	flag(j, "live", h.live);
	flag(j, "ready", h.ready);
	object(j, "checks");
	for (uint32_t i = 0; i < h.n; i++)
		flag(j, h.checks[i].name, h.checks[i].ok);
	json_obj_end(j);
	json_obj_end(j);
}

static void add_rules(struct json *j, const struct agent_stats *s)
{
	object(j, "rules");
	number(j, "loaded", s->rules_loaded);
	number(j, "active", s->rules_active);
	text(j, "digest", s->rules_digest);
	flag(j, "last_good", s->rules_last_good);
	number(j, "reloads", s->reloads.done);
	number(j, "reloads_failed", s->reloads.failed);
	flag(j, "last_reload_failed", s->reloads.last_failed);
	number(j, "loaded_at_ns", s->reloads.last_ns);
	number(j, "options_waiting", s->reloads.waiting);
	text(j, "options_waiting_names", s->reloads.waiting_names);
	json_obj_end(j);
}

/* Only of a bundle from a registry. */
static void add_bundle(struct json *j, const struct agent_stats *s, uint64_t now)
{
	const struct agent_bundle *b = &s->bundle;

	if (!b->artifact[0])
		return;
	object(j, "bundle");
	text(j, "digest", b->artifact);
	flag(j, "followed", b->last_ok_ns != 0);
	number(j, "check_age_ms", b->last_ok_ns && now > b->last_ok_ns
					  ? (now - b->last_ok_ns) / NS_PER_MS : 0);
	number(j, "check_failures", b->failures);
	json_obj_end(j);
}

static void add_events(struct json *j, const struct agent_stats *s, uint64_t now)
{
	uint64_t last = s->last_event_mono_ns ? s->last_event_mono_ns : s->start_mono_ns;

	object(j, "events");
	number(j, "produced", s->source.produced);
	number(j, "read", s->source.read);
	number(j, "evaluated", s->engine.visible);
	number(j, "lost", s->source.lost);
	number(j, "lost_life", s->source.lost_life);
	number(j, "truncated", s->source.truncated);
	number(j, "refused", s->source.corrupt);
	number(j, "system_calls_watched", s->source.syscalls);
	number(j, "last_age_ms", now > last ? (now - last) / NS_PER_MS : 0);
	json_obj_end(j);
	array(j, "losses");
	for (uint32_t i = 0; i < s->ncounters; i++) {
		const struct source_counter *c = &s->counters[i];

		if (!c->kind || !c->count)	/* a failed read, not a lost event */
			continue;
		json_obj(j);
		text(j, "lane", c->lane ? c->lane : "");
		text(j, "kind", c->kind);
		text(j, "reason", c->reason ? c->reason : "");
		number(j, "count", c->count);
		json_obj_end(j);
	}
	json_arr_end(j);
}

static void add_outputs(struct json *j, const struct agent_stats *s)
{
	object(j, "alerts");
	number(j, "rules", s->engine.alerts);
	number(j, "internal", s->internal_alerts);
	json_obj_end(j);
	array(j, "outputs");
	for (uint32_t i = 0; i < s->noutputs; i++) {
		const struct output_stats *o = &s->outputs[i].stats;

		json_obj(j);
		text(j, "name", s->outputs[i].name);
		flag(j, "failing", o->failing);
		flag(j, "closed", o->closed);
		number(j, "taken", o->taken);
		number(j, "delivered", o->delivered);
		number(j, "discarded", o->discarded);
		number(j, "failures", o->failures);
		number(j, "queued", o->queued);
		number(j, "queue_size", o->queue_size);
		json_obj_end(j);
	}
	json_arr_end(j);
}

static void add_resources(struct json *j, const struct agent_stats *s)
{
	struct agent_usage usage;

	agent_usage_get(&usage);
	object(j, "state");
	number(j, "threads", s->state.threads);
	number(j, "fds", s->state.fds);
	number(j, "containers", s->state.containers);
	number(j, "users", s->state.users);
	number(j, "bytes", s->state.bytes);
	number(j, "documents", s->metadata.known);
	number(j, "document_bytes", s->metadata.known_bytes);
	json_obj_end(j);
	object(j, "resources");
	number(j, "rss_bytes", usage.rss_bytes);
	number(j, "rings_bytes", s->source.ring_bytes);
	number(j, "cpu_ms", (uint64_t)(usage.cpu_seconds * 1000));
	json_obj_end(j);
}

static void add_limit(void *ctx, const char *counter, uint64_t hits)
{
	if (hits)
		number(ctx, counter, hits);
}

static void add_limits(struct json *j, const struct agent_stats *s)
{
	object(j, "limits");
	agent_limits_each(s, add_limit, j);
	json_obj_end(j);
}

static void add_hardening(struct json *j)
{
	struct harden_state h;

	harden_get(&h);
	object(j, "hardening");
	flag(j, "seccomp", h.seccomp);
	if (!h.seccomp)
		text(j, "no_seccomp_why", h.no_seccomp_why);
	number(j, "refused_calls", h.refused_calls);
	flag(j, "no_new_privs", h.no_new_privs);
	flag(j, "no_core_dumps", h.no_core);
	array(j, "capabilities");
	for (unsigned bit = 0; bit < 64; bit++) {
		const char *name = harden_capability(bit);

		if (h.capabilities >> bit & 1)
			json_cstr(j, name ? name : "others");
	}
	json_arr_end(j);
	json_obj_end(j);
}

static void add_identity(struct json *j, const struct identity *id)
{
	object(j, "identity");
	for (unsigned k = 0; k < IDENTITY_COUNT; k++)
		if (id->value[k][0])
			text(j, identity_name(k), id->value[k]);
	json_obj_end(j);
}

static void status(struct control *c, struct control_client *client, json_t *request)
{
	struct agent_stats s;
	uint64_t now = clock_mono_ns();
	struct json j;

	if (!read_stats(client, &s))
		return;
	j = begin(client, true);
	text(&j, "version", TIERCEL_VERSION);
	text(&j, "engine_version", TIERCEL_ENGINE_VERSION);
	number(&j, "pid", (uint64_t)getpid());
	number(&j, "uptime_ms", (now - s.start_mono_ns) / NS_PER_MS);
	number(&j, "clients", c->nclients - 1);		/* besides this one */
	add_identity(&j, c->opts.identity);
	add_health(&j, &s);
	add_rules(&j, &s);
	add_bundle(&j, &s, now);
	add_events(&j, &s, now);
	add_outputs(&j, &s);
	add_resources(&j, &s);
	add_limits(&j, &s);
	add_hardening(&j);
	finish(client, &j);
	agent_stats_done(&s);
}

/* ---- rates -------------------------------------------------------------------------------- */

static void add_rows(struct json *j, const char *key, const struct activity_table *t)
{
	object(j, key);
	number(j, "not_counted", t->unfit);
	array(j, "rows");
	for (uint32_t i = 0; i < t->n; i++) {
		const struct activity_row *r = &t->rows[i];

		json_obj(j);
		if (r->pid)
			number(j, "pid", (uint64_t)r->pid);
		text(j, "name", r->name);
		text(j, "container", r->container);
		number(j, "events", r->events);
		number(j, "since_ns", r->since_ns);
		json_obj_end(j);
	}
	json_arr_end(j);
	json_obj_end(j);
}

static void add_rule_hits(struct json *j, const struct agent_stats *s)
{
	array(j, "rules");
	for (uint32_t i = 0; s->rules && i < s->rules->n; i++) {
		if (!agent_rule_hits(s, i))
			continue;
		json_obj(j);
		json_key(j, "name");
		json_str(j, s->rules->v[i].name);
		text(j, "priority", priority_names[s->rules->v[i].priority]);
		number(j, "alerts", agent_rule_hits(s, i));
		json_obj_end(j);
	}
	json_arr_end(j);
}

static void rates(struct control *c, struct control_client *client, json_t *request)
{
	struct activity_table processes, containers;
	struct agent_stats s;
	struct agent_usage usage;
	uint64_t now = clock_mono_ns();
	struct health h;
	struct json j;

	if (!read_stats(client, &s))
		return;
	if (activity_read(c->opts.activity, now, &processes, &containers) < 0) {
		agent_stats_done(&s);
		control_refuse(client, "out of memory");
		return;
	}
	health_of(&s, now, &h);
	agent_usage_get(&usage);
	j = begin(client, true);
	text(&j, "version", TIERCEL_VERSION);
	text(&j, "node", c->opts.identity->value[IDENTITY_NODE]);
	flag(&j, "ready", h.ready);
	number(&j, "uptime_ms", (now - s.start_mono_ns) / NS_PER_MS);
	number(&j, "now_ns", s.published_ns);
	number(&j, "events", s.engine.events);
	number(&j, "lost", s.source.lost);
	number(&j, "alerts", s.engine.alerts);
	number(&j, "cpu_ms", (uint64_t)(usage.cpu_seconds * 1000));
	number(&j, "rss_bytes", usage.rss_bytes);
	add_rule_hits(&j, &s);
	add_rows(&j, "processes", &processes);
	add_rows(&j, "containers", &containers);
	finish(client, &j);
	free(processes.rows);
	free(containers.rows);
	agent_stats_done(&s);
}

/* ---- reload ------------------------------------------------------------------------------- */

static void reload(struct control *c, struct control_client *client, json_t *request)
{
	if (!c->opts.reload) {
		control_refuse(client, "this sensor runs without rules");
		return;
	}
	client->ticket = reload_request(c->opts.reload);
	client->wait = CONTROL_WAIT_RELOAD;
}

void control_answer_reload(struct control *c, struct control_client *client)
{
	const struct control_outcome *o = &c->outcome;
	struct json j;

	pthread_mutex_lock(&c->lock);
	if (o->have && (int)(o->result.ticket - client->ticket) >= 0) {
		j = begin(client, !o->result.problems);
		if (o->result.problems) {
			text(&j, "error", "the new rules do not load, the old ones stay in force");
			text(&j, "problems", o->problems ? o->problems : "out of memory");
		} else {
			text(&j, "digest", o->digest);
			number(&j, "rules_loaded", o->result.loaded);
			number(&j, "rules_active", o->result.active);
			number(&j, "compile_ms", o->result.compile_ns / NS_PER_MS);
		}
		finish(client, &j);
		client->wait = CONTROL_WAIT_NONE;
		client->deadline_ns = clock_mono_ns() + CONTROL_IDLE_MS_MAX * NS_PER_MS;
	}
	pthread_mutex_unlock(&c->lock);
}

/* ---- tail --------------------------------------------------------------------------------- */

/* A member that is a text, if it is there. false: it is something else. */
static bool text_of(json_t *request, const char *key, const char **ret)
{
	json_t *v = json_object_get(request, key);

	*ret = json_string_value(v);
	return !v || *ret;
}

static void tail(struct control *c, struct control_client *client, json_t *request)
{
	struct tap_filter filter = { .priority = PRIO_DEBUG };
	const char *rule, *priority;
	struct json j;

	if (!text_of(request, "rule", &rule) || !text_of(request, "priority", &priority)) {
		control_refuse(client, "rule and priority are texts");
		return;
	}
	if (priority && priority_parse(str_from(priority), &filter.priority) < 0) {
		control_refuse(client,
			       "priority is emergency, alert, critical, error, warning, notice, "
			       "informational or debug");
		return;
	}
	filter.rule = rule ? strdup(rule) : NULL;
	client->tail = rule && !filter.rule ? NULL : tap_add(c->tap, &filter);
	if (!client->tail) {
		control_refuse(client, "out of memory");
		return;
	}
	client->wait = CONTROL_WAIT_ALERTS;
	j = begin(client, true);
	finish(client, &j);
}

void control_answer_tail(struct control *c, struct control_client *client)
{
	client->more = true;
	while (client->out.len - client->sent < CONTROL_SEND_BYTES_MAX) {
		struct tap_item item = tap_take(c->tap, client->tail);

		if (!item.message) {
			client->more = false;
			return;
		}
		if (item.lost)
			buf_printf(&client->out, "{\"lost\":%llu,\"lost_total\":%llu}\n",
				   (unsigned long long)item.lost,
				   (unsigned long long)item.lost_total);
		buf_add_c(&client->out, "{\"alert\":");
		buf_add_str(&client->out, item.message->json);
		buf_add_c(&client->out, "}\n");
		message_put(item.message);
	}
}

/* ---- dispatch ----------------------------------------------------------------------------- */

static const struct {
	const char *name;
	void (*answer)(struct control *c, struct control_client *client, json_t *request);
} requests[] = {
	{ "status", status }, { "rates", rates }, { "reload", reload }, { "tail", tail },
};

void control_request(struct control *c, struct control_client *client, struct str line)
{
	json_error_t error;
	json_t *request = json_loadb(line.p, line.len, 0, &error);
	const char *name = json_string_value(json_object_get(request, "request"));

	if (!json_is_object(request) || !name) {
		control_refuse(client, "a request is a JSON object with the member \"request\"");
		client->closing = true;
	} else {
		size_t i = 0;

		while (i < ARRAY_SIZE(requests) && strcmp(requests[i].name, name) != 0)
			i++;
		if (i < ARRAY_SIZE(requests))
			requests[i].answer(c, client, request);
		else
			control_refuse(client, "no such request");
	}
	json_decref(request);
}
