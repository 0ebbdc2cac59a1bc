/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics snapshots, see metrics_snapshot.h. Zeros are left out unless include_empty_values.
 */
#include "agent/metrics_snapshot.h"
#include "agent/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { FILE_CLOSE_MS = 1000 };

int metrics_snapshot_init(struct metrics_snapshot *m, const struct config *c)
{
	*m = (struct metrics_snapshot){ .config = c, .last_ns = clock_mono_ns() };
	m->next_ns = m->last_ns + c->metrics.interval * NS_PER_MS;
	if (!c->metrics.enabled || !c->metrics.output_file[0])
		return 0;
	return output_file_append(c, c->metrics.output_file, &m->file);
}

void metrics_snapshot_done(struct metrics_snapshot *m)
{
	if (m->file)
		m->file->ops->close(m->file, FILE_CLOSE_MS);
	m->file = NULL;
}

bool metrics_snapshot_due(const struct metrics_snapshot *m)
{
	return m->config->metrics.enabled && clock_mono_ns() >= m->next_ns;
}

static void number(const struct metrics_snapshot *m, struct internal_builder *b, const char *key,
		   uint64_t value)
{
	if (value || m->config->metrics.include_empty_values)
		internal_alert_number(b, key, value);
}

/* As the incumbent names files: without the ending. */
static void add_files(struct internal_builder *b, const char *prefix, const struct digest_files *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		_cleanup_buf_ struct buf key = BUF_INIT;
		const char *dot = strrchr(l->v[i].name, '.');

		buf_printf(&key, "%s%.*s", prefix,
			   (int)(dot ? dot - l->v[i].name : (long)strlen(l->v[i].name)),
			   l->v[i].name);
		if (!key.err)
			internal_alert_text(b, key.p, "%s", strchr(l->v[i].digest, ':') + 1);
	}
}

static void add_general(struct metrics_snapshot *m, const struct agent_stats *now, double seconds,
			const struct internal_alerts *to, struct internal_builder *b)
{
	uint64_t wall = clock_wall_ns(), drops = 0;
	struct utsname u;

	for (uint32_t i = 0; i < now->noutputs; i++)
		drops += now->outputs[i].stats.discarded;
	internal_alert_number(b, "evt.time", b->alert.ts);
	internal_alert_text(b, "evt.hostname", "%.*s", STR_ARG(to->alert.hostname));
	internal_alert_text(b, "evt.source", "syscall");
	internal_alert_text(b, "falco.version", "%s", TIERCEL_VERSION);
	number(m, b, "falco.start_ts", now->start_ns);
	number(m, b, "falco.duration_sec", (wall - now->start_ns) / NS_PER_S);
	number(m, b, "falco.reload_ts", now->reloads.last_ns);
	number(m, b, "falco.host_boot_ts", wall - clock_ns(CLOCK_BOOTTIME));
	number(m, b, "falco.host_num_cpus", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
	number(m, b, "falco.outputs_queue_num_drops", drops);
	if (uname(&u) == 0)
		internal_alert_text(b, "falco.kernel_release", "%s", u.release);
	internal_alert_text(b, "scap.engine_name", "modern_bpf");
	internal_alert_text(b, "tiercel.sha256_rules", "%s", now->rules_digest);
	if (now->rules) {
		add_files(b, "falco.sha256_rules_file.", &now->rules->files);
		add_files(b, "falco.sha256_config_file.", &now->rules->config_files);
	}
	internal_alert_real(b, "falco.evts_rate_sec",
			    (double)(now->engine.events - m->events) / seconds);
	number(m, b, "falco.num_evts", now->engine.events);
	number(m, b, "falco.num_evts_prev", m->events);
}

/* As the incumbent writes names of rules: odd characters become one "_". */
static void rule_key(struct str name, struct buf *out)
{
	buf_add_c(out, "falco.rules.");
	for (uint32_t i = 0; i < name.len; i++) {
		char c = name.p[i];

		if (isalnum((unsigned char)c) || strchr("_,:", c))
			buf_add_char(out, c);
		else if (out->len && out->p[out->len - 1] != '_')
			buf_add_char(out, '_');
	}
}

static void add_rules(struct metrics_snapshot *m, const struct agent_stats *now,
		      struct internal_builder *b)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; now->rules && i < now->rules->n; i++) {
		_cleanup_buf_ struct buf key = BUF_INIT;

		sum += agent_rule_hits(now, i);
		rule_key(now->rules->v[i].name, &key);
		if (!key.err)
			number(m, b, key.p, agent_rule_hits(now, i));
	}
	number(m, b, "falco.rules.matches_total", sum);
}

static void add_resources(struct metrics_snapshot *m, double seconds, struct internal_builder *b)
{
	struct agent_usage usage;

	agent_usage_get(&usage);
	internal_alert_real(b, "falco.cpu_usage_perc",
			    (usage.cpu_seconds - m->cpu_seconds) * 100 / seconds);
	internal_alert_real(b, "falco.memory_rss_mb", (double)usage.rss_bytes / (1 << 20));
	internal_alert_real(b, "falco.memory_vsz_mb", (double)usage.vsz_bytes / (1 << 20));
	m->cpu_seconds = usage.cpu_seconds;
}

static void add_state(struct metrics_snapshot *m, const struct state_stats *s,
		      struct internal_builder *b)
{
	number(m, b, "falco.n_threads", s->threads);
	number(m, b, "falco.n_added_threads", s->threads_added);
	number(m, b, "falco.n_removed_threads", s->threads_removed);
	number(m, b, "falco.n_drops_full_threadtable", s->threads_refused);
	number(m, b, "falco.n_failed_thread_lookups", s->thread_misses);
	number(m, b, "falco.n_fds", s->fds);
	number(m, b, "falco.n_added_fds", s->fds_added);
	number(m, b, "falco.n_removed_fds", s->fds_removed);
	number(m, b, "falco.n_failed_fd_lookups", s->fd_misses + s->fd_failed_lookups);
	number(m, b, "falco.n_containers", s->containers);
}

static void add_kernel(struct metrics_snapshot *m, const struct source_stats *s, double seconds,
		       struct internal_builder *b)
{
	uint64_t evts = s->produced - m->produced, drops = s->lost - m->lost;

	number(m, b, "scap.n_evts", s->produced);
	number(m, b, "scap.n_evts_prev", m->produced);
	internal_alert_real(b, "scap.evts_rate_sec", (double)evts / seconds);
	number(m, b, "scap.n_drops", s->lost);
	number(m, b, "scap.n_drops_prev", m->lost);
	internal_alert_real(b, "scap.evts_drop_rate_sec", (double)drops / seconds);
	internal_alert_real(b, "scap.n_drops_perc", evts ? (double)drops * 100 / (double)evts : 0);
	number(m, b, "scap.n_drops_buffer_total", s->lost);
	number(m, b, "scap.n_drops_bug", s->corrupt);
}

/* {"output_fields":{...},"sample":N} */
static void write_file(struct metrics_snapshot *m, struct internal_builder *b)
{
	_cleanup_buf_ struct buf line = BUF_INIT;
	struct message t = { .internal = true, .source = STR("internal") }, *message;

	buf_add_c(&line, "{\"output_fields\":");
	internal_render_fields(&b->alert, &line);
	buf_printf(&line, ",\"sample\":%" PRIu64 "}", m->samples);
	t.json = buf_str(&line);
	if (line.err || message_new(&t, NULL, 0, &message) < 0)
		return;
	m->file->ops->emit(m->file, message);
	message_put(message);
}

void metrics_snapshot_send(struct metrics_snapshot *m, const struct agent_stats *now,
			   struct internal_alerts *to)
{
	uint64_t t = clock_mono_ns();
	double seconds = (double)MAX(t - m->last_ns, 1U) / 1e9;
	struct internal_builder b;

	internal_alert_begin(&b, "Falco internal: metrics snapshot", PRIO_INFORMATIONAL);
	add_general(m, now, seconds, to, &b);
	if (m->config->metrics.rules_counters_enabled)
		add_rules(m, now, &b);
	if (m->config->metrics.resource_utilization_enabled)
		add_resources(m, seconds, &b);
	if (m->config->metrics.state_counters_enabled)
		add_state(m, &now->state, &b);
	if (m->config->metrics.kernel_event_counters_enabled)
		add_kernel(m, &now->source, seconds, &b);
	m->samples++;
	if (m->file)
		write_file(m, &b);
	if (m->config->metrics.output_rule)
		internal_alert_send(to, &b, "Falco metrics snapshot");
	else
		internal_alert_drop(&b);
	m->events = now->engine.events;
	m->produced = now->source.produced;
	m->lost = now->source.lost;
	m->last_ns = t;
	m->next_ns = t + m->config->metrics.interval * NS_PER_MS;
}
