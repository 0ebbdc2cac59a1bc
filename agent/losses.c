/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Telling losses, see losses.h. An alert about discarded alerts may itself be discarded: then it is
 * counted as that, and told the next time.
 */
#include "agent/losses.h"
#include "agent/clock.h"
#include "agent/cmd.h"

#include <inttypes.h>

void losses_init(struct losses *l, const struct config *c)
{
	uint64_t now = clock_mono_ns();
	bool ignore = config_texts_have(&c->event_drops.actions, "ignore");

	*l = (struct losses){
		.log = !ignore && config_texts_have(&c->event_drops.actions, "log"),
		.alert = !ignore && config_texts_have(&c->event_drops.actions, "alert"),
		.exit = config_texts_have(&c->event_drops.actions, "exit"),
		.interval_ns = c->event_drops.interval * NS_PER_MS,
		.idle_polls_max = c->event_timeouts.max_consecutives,
	};
	for (unsigned i = 0; i < LOSS_KINDS; i++)
		l->kinds[i].since_ns = now;
}

/* The incumbent's groups of lost events, by name of the event. */
static const struct {
	const char *key, *events;
} groups[] = {
	{ "n_drops_buffer_clone_fork_exit", " clone clone3 fork vfork " },
	{ "n_drops_buffer_execve_exit", " execve execveat " },
	{ "n_drops_buffer_connect_exit", " connect " },
	{ "n_drops_buffer_open_exit", " open openat openat2 creat open_by_handle_at " },
	{ "n_drops_buffer_dir_file_exit", " mkdir mkdirat rmdir rename renameat renameat2 unlink "
					  "unlinkat link linkat symlink symlinkat chmod fchmod "
					  "fchmodat chown fchown fchownat lchown chdir fchdir " },
	{ "n_drops_buffer_close_exit", " close " },
	{ "n_drops_buffer_proc_exit", " procexit " },
	{ "n_drops_buffer_other_interest_exit", NULL },		/* the rest */
};

static size_t group_of(const char *event)
{
	char name[64];
	size_t i = 0;

	snprintf(name, sizeof(name), " %s ", event);
	while (groups[i].events && !strstr(groups[i].events, name))
		i++;
	return i;
}

void losses_fields(struct internal_builder *b, const struct agent_stats *now)
{
	for (uint32_t i = 0; i < now->ncounters; i++) {
		const struct source_counter *c = &now->counters[i];
		_cleanup_buf_ struct buf key = BUF_INIT;

		if (!c->kind)
			continue;
		buf_printf(&key, "lost.%s.%s.%s", c->lane, c->kind, c->reason);
		for (size_t k = 0; k < key.len; k++)
			if (key.p[k] == ' ')
				key.p[k] = '_';
		if (!key.err)
			internal_alert_number(b, key.p, c->count);
	}
}

static void event_fields(struct internal_builder *b, const struct agent_stats *now)
{
	uint64_t sums[ARRAY_SIZE(groups)] = { 0 };

	for (uint32_t i = 0; i < now->ncounters; i++) {
		const struct source_counter *c = &now->counters[i];

		if (c->kind)
			sums[group_of(c->kind)] += c->count;
	}
	losses_fields(b, now);
	for (size_t i = 0; i < ARRAY_SIZE(groups); i++)
		internal_alert_number(b, groups[i].key, sums[i]);
	internal_alert_number(b, "n_evts", now->source.produced);
	internal_alert_number(b, "n_drops", now->source.lost + now->source.corrupt);
	internal_alert_number(b, "n_drops_buffer_total", now->source.lost);
	internal_alert_number(b, "n_drops_scratch_map", 0);
	internal_alert_number(b, "n_drops_page_faults", 0);
	internal_alert_number(b, "n_drops_bug", now->source.corrupt);
	internal_alert_text(b, "ebpf_enabled", "true");
}

static void output_fields(struct internal_builder *b, const struct agent_stats *now)
{
	for (uint32_t i = 0; i < now->noutputs; i++) {
		const struct agent_output *o = &now->outputs[i];
		_cleanup_buf_ struct buf key = BUF_INIT;

		buf_printf(&key, "output.%s", o->name);
		if (key.err)
			continue;
		internal_alert_number_of(b, key.p, "discarded", o->stats.discarded);
		internal_alert_number_of(b, key.p, "delivered", o->stats.delivered);
		internal_alert_number_of(b, key.p, "queued", o->stats.queued);
		internal_alert_number_of(b, key.p, "failures", o->stats.failures);
	}
}

/* Bounds whose hits mean that something is missing in alerts. */
static const enum limit_id state_limits[] = { LIMIT_THREADS, LIMIT_CONTAINERS, LIMIT_USERS,
					      LIMIT_STATE_BYTES, LIMIT_ALERT_BYTES };

static void state_fields(struct internal_builder *b, const struct agent_stats *now)
{
	for (size_t i = 0; i < ARRAY_SIZE(state_limits); i++)
		internal_alert_number_of(b, "limit", limit_infos[state_limits[i]].counter,
					 now->limit_hits[state_limits[i]]);
}

static uint64_t total_events(const struct agent_stats *now)
{
	return now->source.lost + now->source.corrupt;
}

static uint64_t total_alerts(const struct agent_stats *now)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < now->noutputs; i++)
		n += now->outputs[i].stats.discarded;
	return n;
}

static uint64_t total_state(const struct agent_stats *now)
{
	uint64_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(state_limits); i++)
		n += now->limit_hits[state_limits[i]];
	return n;
}

static const struct {
	const char *rule, *what;	/* what: for alerts, in the incumbent's words */
	const char *log;
	uint64_t (*total)(const struct agent_stats *now);
	void (*fields)(struct internal_builder *b, const struct agent_stats *now);
} kinds[LOSS_KINDS] = {
	[LOSS_EVENTS] = { "Falco internal: syscall event drop", "system calls dropped",
			  "events lost", total_events, event_fields },
	[LOSS_ALERTS] = { "tiercel internal: output discards", "alerts discarded by outputs",
			  "alerts discarded by outputs", total_alerts, output_fields },
	[LOSS_STATE] = { "tiercel internal: limits", "times a bound was hit",
			 "times a bound was hit", total_state, state_fields },
};

static void tell(struct losses *l, enum loss_kind k, uint64_t total, const struct agent_stats *now,
		 struct internal_alerts *to)
{
	uint64_t t = clock_mono_ns(), fresh = total - l->kinds[k].reported;
	double seconds = (double)(t - l->kinds[k].since_ns) / 1e9;

	l->kinds[k].reported = total;
	l->kinds[k].since_ns = t;
	l->kinds[k].next_ns = t + l->interval_ns;
	if (l->log)
		cli_warn("%" PRIu64 " %s in the last %.0f seconds, %" PRIu64
			 " in all; detection has "
			 "gaps",
			 fresh, kinds[k].log, seconds, total);
	if (l->alert) {
		struct internal_builder b;

		internal_alert_begin(&b, kinds[k].rule, PRIO_WARNING);
		b.texts = k == LOSS_EVENTS;
		kinds[k].fields(&b, now);
		internal_alert_number(&b, "new", fresh);
		internal_alert_number(&b, "total", total);
		internal_alert_send(to, &b, "%s. %" PRIu64 " %s in the last %.0f seconds, %" PRIu64
				    " in all.", kinds[k].rule, fresh, kinds[k].what, seconds, total);
	}
}

bool losses_check(struct losses *l, const struct agent_stats *now, struct internal_alerts *to)
{
	bool any = false;

	for (unsigned k = 0; k < LOSS_KINDS; k++) {
		uint64_t total = kinds[k].total(now);

		if (total <= l->kinds[k].reported || clock_mono_ns() < l->kinds[k].next_ns)
			continue;
		tell(l, (enum loss_kind)k, total, now, to);
		any |= k == LOSS_EVENTS;
	}
	return any && l->exit;
}

void losses_last(struct losses *l, const struct agent_stats *now, struct internal_alerts *to)
{
	for (unsigned k = 0; k < LOSS_KINDS; k++)
		l->kinds[k].next_ns = 0;
	losses_check(l, now, to);
}

void losses_polled(struct losses *l, uint64_t events, const struct agent_stats *now,
		   struct internal_alerts *to)
{
	struct internal_builder b;

	l->idle_polls = events == l->idle_events ? l->idle_polls + 1 : 0;
	l->idle_events = events;
	if (l->idle_polls < l->idle_polls_max)
		return;
	internal_alert_begin(&b, "Falco internal: timeouts notification", PRIO_DEBUG);
	internal_alert_text(&b, "last_event_time", "%" PRIu64, now->last_event_ts);
	internal_alert_send(to, &b, "Falco internal: timeouts notification. %" PRIu64
			    " consecutive timeouts without event.", l->idle_polls);
	l->idle_polls = 0;
}
