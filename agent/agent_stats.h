/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All counters of a running sensor as one snapshot, for those who tell others: heartbeat, metrics,
 * health, control socket. The live thread publishes about ten times a second; any thread reads.
 */
#ifndef TIERCEL_AGENT_STATS_H
#define TIERCEL_AGENT_STATS_H

#include "agent/cri.h"
#include "agent/digest.h"
#include "agent/output.h"
#include "agent/outputs.h"
#include "agent/source.h"

#include <pthread.h>

enum { AGENT_COUNTERS_MAX = 256, AGENT_OUTPUT_COUNTERS_MAX = 32 };

struct agent_counter {
	const char *name;	/* static */
	uint64_t value;
};

/* The rules in force; shared by snapshots, replaced at every swap. */
struct agent_rule {
	struct str name, source;
	enum rule_priority priority;
	bool active;
	const struct str *tags;
	uint32_t ntags;
};

/* An exception of an exception file: those are counted. */
struct agent_exception {
	struct str rule, name, owner;
	uint32_t index;			/* rule_exception.index */
};

struct agent_rules {
	atomic_uint refs;
	struct arena arena;
	struct agent_rule *v;
	uint32_t n;
	struct agent_exception *exceptions;
	uint32_t nexceptions;
	struct digest_files files, config_files;
};

struct agent_output {
	const char *name;
	struct output_stats stats;
};

enum { WAITING_TEXT = 512 };

struct agent_reloads {
	uint64_t done, failed;
	uint64_t last_ns; /* wall clock of the last one that worked, or of the start */
	uint64_t last_swap_ns;		/* how long the engine's thread was held up by it */
	uint64_t last_compile_ns;
	bool last_failed;
	uint32_t waiting;		/* options that were changed and wait for a restart */
	char waiting_names[WAITING_TEXT];	/* the first of them */
};

/* A bundle from a registry. */
struct agent_bundle {
	char artifact[DIGEST_TEXT];	/* in force; "": none */
	uint64_t last_ok_ns; /* CLOCK_MONOTONIC of the last look at the registry that worked */
	uint64_t failures;		/* looks that did not */
};

struct agent_stats {
	uint64_t published_ns;		/* CLOCK_MONOTONIC; old: the live thread hangs */
	uint64_t polls;			/* rounds of the live thread */
	uint64_t start_ns;		/* wall clock */
	uint64_t start_mono_ns;
	uint64_t last_event_ts;		/* event time, ns since 1970; 0: none yet */
	uint64_t last_event_mono_ns;	/* when it was evaluated */
	bool running;			/* snapshot is done, events are evaluated */

	struct tiercel_stats engine;
	struct state_stats state;
	struct source_stats source;
	/* Losses by lane, kind and reason, failed reads in the kernel (kind NULL) by reason; about
	 * once a second. Texts are static. */
	struct source_counter counters[AGENT_COUNTERS_MAX];
	uint32_t ncounters;
	uint64_t limit_hits[LIMIT_COUNT];

	struct agent_output outputs[OUTPUTS_MAX];
	uint32_t noutputs;
	struct agent_counter output_counters[AGENT_OUTPUT_COUNTERS_MAX]; /* their own, of all */
	uint32_t noutput_counters;
	struct agent_reloads reloads;
	bool metadata_asked;		/* container metadata are looked up */
	struct cri_stats metadata;
	uint64_t metadata_given_up;	/* waits that ended without */
	struct agent_bundle bundle;

	char rules_digest[DIGEST_TEXT];
	uint32_t rules_loaded, rules_active;
	bool rules_last_good;		/* the configured rules did not load */
	struct agent_rules *rules;	/* NULL: none */
	/* Of rules->v, then hits and last time of each of rules->exceptions; 0 or all of them. */
	uint64_t *hits;
	uint32_t nhits;
	uint64_t internal_alerts;	/* of the sensor itself */
};

static inline uint64_t agent_rule_hits(const struct agent_stats *s, uint32_t rule)
{
	return rule < s->nhits ? s->hits[rule] : 0;
}

/* By place in rules->exceptions, which are there only where s->rules is. */
static inline struct exception_count agent_exception_count(const struct agent_stats *s, uint32_t i)
{
	uint32_t at = s->rules->n + 2 * i;

	return at < s->nhits ? (struct exception_count){ s->hits[at], s->hits[at + 1] } :
			       (struct exception_count){ 0 };
}

/* A copy of what was published last; give it back with agent_stats_done(). 0, -EAGAIN: nothing was
 * published yet, -ENOMEM. */
int agent_stats_read(struct agent_stats *ret);
void agent_stats_done(struct agent_stats *s);

/* The live thread: publish `s`; copies. */
void agent_stats_publish(const struct agent_stats *s);
/* A table of the rules of a set, and of the files that they and the configuration are from, with
 * one reference, or NULL. */
struct agent_rules *agent_rules_new(const struct ruleset *rs, const struct digest_files *files,
				    const struct digest_files *config_files);

/* What the kernel says about this process. */
struct agent_usage {
	double cpu_seconds;
	uint64_t rss_bytes, vsz_bytes;
};
void agent_usage_get(struct agent_usage *ret);

#endif
