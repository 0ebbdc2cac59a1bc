/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rendering of metrics.def. Called by the web server for each scrape.
 */
#include "agent/metrics.h"
#include "agent/agent_limits.h"
#include "agent/clock.h"

#include <ctype.h>
#include <inttypes.h>
#include <sys/utsname.h>
#include <unistd.h>

/* What is not in the counters of the live thread: read when asked. */
struct metrics_sample {
	const struct agent_stats *s;
	struct buf *out;
	const char *hostname;
	uint64_t now_ns, boot_ns, cpus, pss_bytes, cgroup_bytes, discarded;
	double cpu_ratio, event_age, bundle_age;
	struct agent_usage usage;
	struct health health;
};

const struct metric_info metric_infos[] = {
#define NUMBER(name, kind, unit, key, expression, help) { #name, #kind, unit, key, help },
#define REAL(name, kind, unit, key, expression, help) { #name, #kind, unit, key, help },
#define SERIES(name, kind, unit, function, help) { #name, #kind, unit, "", help },
#include "agent/metrics.def"
#undef NUMBER
#undef REAL
#undef SERIES
};
const uint32_t metric_infos_count = ARRAY_SIZE(metric_infos);

/* ---- labelled samples --------------------------------------------------------------------- */

/* A label's value: backslash, quote and newline escaped. */
static void add_value(struct buf *b, struct str s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\n') {
			buf_add_c(b, "\\n");
			continue;
		}
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, s.p[i]);
	}
}

static void begin(struct buf *b, const char *name)
{
	buf_printf(b, "%s{", name);
}

static void label(struct buf *b, const char *key, struct str value)
{
	if (b->len && b->p[b->len - 1] != '{')
		buf_add_char(b, ',');
	buf_printf(b, "%s=\"", key);
	add_value(b, value);
	buf_add_char(b, '"');
}

static void end(struct buf *b, uint64_t value)
{
	buf_printf(b, "} %" PRIu64 "\n", value);
}

/* One sample with one label. */
static void single(struct buf *b, const char *name, const char *key, struct str text,
		   uint64_t value)
{
	begin(b, name);
	label(b, key, text);
	end(b, value);
}

static void version(const struct metrics_sample *m, const char *name)
{
	single(m->out, name, "version", STR(TIERCEL_VERSION), 1);
}

static void kernel(const struct metrics_sample *m, const char *name)
{
	struct utsname u;

	if (uname(&u) == 0)
		single(m->out, name, "kernel_release", str_from(u.release), 1);
}

static void hostname(const struct metrics_sample *m, const char *name)
{
	single(m->out, name, "hostname", str_from(m->hostname), 1);
}

static void engine_name(const struct metrics_sample *m, const char *name)
{
	begin(m->out, name);
	label(m->out, "engine_name", STR("modern_bpf"));
	label(m->out, "evt_source", STR("syscall"));
	end(m->out, 1);
}

/* The digest as Falco has it, without the name of the algorithm. */
static void file_samples(const struct metrics_sample *m, const char *name,
			 const struct digest_files *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		const struct digest_file *f = &l->v[i];

		begin(m->out, name);
		label(m->out, "file_name", str_from(f->name));
		label(m->out, "sha256", str_from(strchr(f->digest, ':') + 1));
		end(m->out, 1);
	}
}

static void rules_files(const struct metrics_sample *m, const char *name)
{
	if (m->s->rules)
		file_samples(m, name, &m->s->rules->files);
}

static void config_files(const struct metrics_sample *m, const char *name)
{
	if (m->s->rules)
		file_samples(m, name, &m->s->rules->config_files);
}

static void rules_digest(const struct metrics_sample *m, const char *name)
{
	single(m->out, name, "digest", str_from(m->s->rules_digest), 1);
}

static void bundle_digest(const struct metrics_sample *m, const char *name)
{
	if (m->s->bundle.artifact[0])
		single(m->out, name, "digest", str_from(m->s->bundle.artifact), 1);
}

/* Falco's form: a tag is a label of its own, with the characters that a label can have. */
static void tag_label(struct buf *b, struct str tag)
{
	_cleanup_buf_ struct buf key = BUF_INIT;

	buf_add_c(&key, "tag_");
	for (uint32_t i = 0; i < tag.len; i++)
		buf_add_char(&key, isalnum((unsigned char)tag.p[i]) ? tag.p[i] : '_');
	if (!key.err)
		label(b, key.p, STR("true"));
}

static void rule_matches(const struct metrics_sample *m, const char *name)
{
	const struct agent_rules *rules = m->s->rules;

	for (uint32_t i = 0; rules && i < rules->n; i++) {
		const struct agent_rule *r = &rules->v[i];

		if (!r->active)
			continue;
		begin(m->out, name);
		buf_printf(m->out, "priority=\"%u\"", r->priority);
		label(m->out, "rule_name", r->name);
		label(m->out, "source", r->source);
		for (uint32_t t = 0; t < r->ntags; t++)
			tag_label(m->out, r->tags[t]);
		end(m->out, agent_rule_hits(m->s, i));
	}
}

static void exception_sample(const struct metrics_sample *m, const char *name, uint32_t i,
			     uint64_t value)
{
	const struct agent_exception *e = &m->s->rules->exceptions[i];

	begin(m->out, name);
	label(m->out, "rule_name", e->rule);
	label(m->out, "exception", e->name);
	label(m->out, "owner", e->owner);
	end(m->out, value);
}

static void exception_hits(const struct metrics_sample *m, const char *name)
{
	for (uint32_t i = 0; m->s->rules && i < m->s->rules->nexceptions; i++)
		exception_sample(m, name, i, agent_exception_count(m->s, i).hits);
}

static void exception_last(const struct metrics_sample *m, const char *name)
{
	for (uint32_t i = 0; m->s->rules && i < m->s->rules->nexceptions; i++)
		exception_sample(m, name, i, agent_exception_count(m->s, i).last_ts);
}

static void losses(const struct metrics_sample *m, const char *name)
{
	for (uint32_t i = 0; i < m->s->ncounters; i++) {
		const struct source_counter *c = &m->s->counters[i];

		if (!c->kind)		/* a failed read, not a lost event */
			continue;
		begin(m->out, name);
		label(m->out, "lane", str_from(c->lane ? c->lane : ""));
		label(m->out, "kind", str_from(c->kind));
		label(m->out, "reason", str_from(c->reason ? c->reason : ""));
		end(m->out, c->count);
	}
}

#define OUTPUT_SERIES(member)                                                                     \
	static void output_##member(const struct metrics_sample *m, const char *name)             \
	{                                                                                         \
		for (uint32_t i = 0; i < m->s->noutputs; i++)                                     \
			single(m->out, name, "output", str_from(m->s->outputs[i].name),           \
			       m->s->outputs[i].stats.member);                                    \
	}

OUTPUT_SERIES(taken)
OUTPUT_SERIES(delivered)
OUTPUT_SERIES(discarded)
OUTPUT_SERIES(failures)
OUTPUT_SERIES(queued)
OUTPUT_SERIES(failing)

struct limit_samples {
	struct buf *out;
	const char *name;
};

static void limit_sample(void *ctx, const char *counter, uint64_t hits)
{
	const struct limit_samples *l = ctx;

	single(l->out, l->name, "limit", str_from(counter), hits);
}

static void limit_hits(const struct metrics_sample *m, const char *name)
{
	struct limit_samples l = { m->out, name };

	agent_limits_each(m->s, limit_sample, &l);
}

static void health_checks(const struct metrics_sample *m, const char *name)
{
	for (uint32_t i = 0; i < m->health.n; i++)
		single(m->out, name, "check", str_from(m->health.checks[i].name),
		       m->health.checks[i].ok);
}

/* ---- what the kernel knows about us ------------------------------------------------------- */

/* The number behind a name at the start of a line of a /proc file, in its unit. */
static uint64_t proc_number(const char *path, const char *name)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	const char *at;

	if (io_read_file(path, 64 << 10, &text) < 0)
		return 0;
	at = *name ? strstr(text.p, name) : text.p;
	return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

static uint64_t cgroup_memory(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT, path = BUF_INIT;
	const char *v1, *v2;

	if (io_read_file("/proc/self/cgroup", 64 << 10, &text) < 0)
		return 0;
	v1 = strstr(text.p, ":memory:");
	v2 = strstr(text.p, "0::");
	if (v1)
		buf_printf(&path, "/sys/fs/cgroup/memory%.*s/memory.usage_in_bytes",
			   (int)strcspn(v1 + 8, "\n"), v1 + 8);
	else if (v2)
		buf_printf(&path, "/sys/fs/cgroup%.*s/memory.current", (int)strcspn(v2 + 3, "\n"),
			   v2 + 3);
	return path.len ? proc_number(path.p, "") : 0;
}

/* Cheap: heartbeats are made by the live thread. */
static void take_usage(struct metrics_sample *m)
{
	const struct agent_stats *s = m->s;
	double age;

	m->now_ns = clock_mono_ns();
	agent_usage_get(&m->usage);
	age = (double)(m->now_ns - s->start_mono_ns) / NS_PER_S;
	m->cpu_ratio = age > 0 ? m->usage.cpu_seconds / age : 0;
	m->event_age = s->last_event_mono_ns ?
			       (double)(m->now_ns - s->last_event_mono_ns) / NS_PER_S : age;
	m->bundle_age = s->bundle.last_ok_ns ?
				(double)(m->now_ns - s->bundle.last_ok_ns) / NS_PER_S : 0;
	for (uint32_t i = 0; i < s->noutputs; i++)
		m->discarded += s->outputs[i].stats.discarded;
}

static void take_machine(struct metrics_sample *m)
{
	m->boot_ns = proc_number("/proc/stat", "btime ") * NS_PER_S;
	m->cpus = (uint64_t)MAX(sysconf(_SC_NPROCESSORS_ONLN), 1L);
	m->pss_bytes = proc_number("/proc/self/smaps_rollup", "Pss:") << 10;
	m->cgroup_bytes = cgroup_memory();
	health_of(m->s, m->now_ns, &m->health);
}

/* ---- rendering ---------------------------------------------------------------------------- */

static void head(struct buf *b, const char *name, const char *kind, const char *help)
{
	buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

void metrics_render(const struct agent_stats *s, const char *host, struct buf *out)
{
	struct metrics_sample sample = { .s = s, .out = out, .hostname = host };
	const struct metrics_sample *m = &sample;

	take_usage(&sample);
	take_machine(&sample);
#define NUMBER(name, kind, unit, key, expression, help) \
	head(out, #name, #kind, help); \
	buf_printf(out, #name " %" PRIu64 "\n", (uint64_t)(expression));
#define REAL(name, kind, unit, key, expression, help) \
	head(out, #name, #kind, help); \
	buf_printf(out, #name " %.6f\n", (double)(expression));
#define SERIES(name, kind, unit, function, help) \
	head(out, #name, #kind, help); \
	function(m, #name);
#include "agent/metrics.def"
#undef NUMBER
#undef REAL
#undef SERIES
}

void metrics_beat(const struct agent_stats *s, const struct metrics_beat *to)
{
	struct metrics_sample sample = { .s = s };
	const struct metrics_sample *m = &sample;

	take_usage(&sample);
#define NUMBER(name, kind, unit, key, expression, help) \
	if (key[0])                                                                               \
		to->number(to->ctx, key, (uint64_t)(expression));
#define REAL(name, kind, unit, key, expression, help) \
	if (key[0])                                                                               \
		to->real(to->ctx, key, (double)(expression));
#define SERIES(name, kind, unit, function, help)
#include "agent/metrics.def"
#undef NUMBER
#undef REAL
#undef SERIES
}
