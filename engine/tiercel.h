/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libtiercel: the engine as the agent, replay and tests see it.
 *
 * Conventions: no threads, no clock, no files, no printing, no exit. 0 or -errno; out-parameters
 * last and untouched on failure; returned pointers belong to the library. Events, snapshot items,
 * host name, time zone and container metadata are given to it. One engine is used by one thread at
 * a time; several engines are independent.
 */
#ifndef TIERCEL_H
#define TIERCEL_H

#include "engine/event/event.h"
#include "engine/event/scap.h"
#include "engine/match/glob.h"
#include "engine/match/exceptions.h"
#include "engine/match/match.h"
#include "engine/out/alert.h"
#include "engine/out/internal.h"
#include "engine/rule/bundle.h"
#include "engine/rule/ruleset.h"
#include "engine/state/path.h"
#include "engine/state/state.h"

#define TIERCEL_VERSION "0.1.0"
/* Engine version of the rule language that we are compatible with. */
#define TIERCEL_ENGINE_VERSION "0.62.0"

struct tiercel;

struct tiercel_alert {
	const struct rule *rule;
	uint64_t ts;
	struct str line;	/* rendered by opts.alert, no newline; with opts.forms: empty */
	struct alert_forms forms;	/* what opts.forms asked for */
};

struct tiercel_opts {
	struct state_opts state;
	struct alert_opts alert;
	unsigned forms;		/* enum alert_form; 0: tiercel_alert.line only */
	bool match_all;
	bool oracle;
	/*
	 * One of several engines that get the same events: state is kept of all, matched are those
	 * of its share of the thread groups. shards < 2: all.
	 */
	unsigned shard, shards;
	/* tiercel_exception_count(): of none, of those in exception files, of all. A rule with such
	 * an exception costs about twice as much to match. */
	enum tiercel_count {
		TIERCEL_COUNT_NONE,
		TIERCEL_COUNT_FILES,
		TIERCEL_COUNT_ALL
	} count_exceptions;
	/* With both: of one event in so many, note what each rule costs (tiercel_rule_cost). */
	uint64_t (*profile_clock_ns)(void);
	unsigned profile_every;
	const struct host_names *host_names;	/* for fd.sip.name and the like; NULL: none known */
	/* Called for each alert, before tiercel_event() returns. */
	void (*on_alert)(void *ctx, const struct tiercel_alert *alert, struct event_ctx *ev);
	/*
	 * Called for each event that rules can see, before matching (print, record). May be NULL.
	 */
	void (*on_event)(void *ctx, struct event_ctx *ev);
	void *ctx;
};

struct tiercel_stats {
	uint64_t events;	/* given to tiercel_event */
	uint64_t visible;	/* of these, seen by rules */
	uint64_t alerts;
	uint64_t waits;		/* times the engine waited for metadata of a container */
	uint64_t held;		/* events that were held back meanwhile */
};

/* NULL: out of memory. `limits` outlives the engine. */
struct tiercel *tiercel_new(const struct tiercel_opts *opts, struct limits *limits);
void tiercel_free(struct tiercel *t);

/*
 * Defaults for rule sets that this engine is going to run: output templates are compiled, the
 * suggested fields are appended to every output (as the incumbent does by default).
 */
void tiercel_ruleset_opts(struct ruleset_opts *ret_opts);

/*
 * Make `rs` (finished, ok, loaded with the options above, which know how to judge outputs) the
 * active rule set; takes ownership, the previous one is freed. Called between two events. On error
 * the old set stays active and `rs` still belongs to the caller.
 */
int tiercel_set_rules(struct tiercel *t, struct ruleset *rs);

/*
 * The same in two steps, for a swap that costs the thread of the engine nothing. tiercel_compile()
 * may run in another thread meanwhile: it looks only at the options of the engine and at the maxima
 * of its limits. Takes over `rs` when it gives 0; the plan is then activated or freed.
 */
struct tiercel_plan;
int tiercel_compile(const struct tiercel *t, struct ruleset *rs, struct tiercel_plan **ret);
/* For several engines with the same rules, also of several threads: `rs` stays the caller's, and
 * outlives all plans. */
int tiercel_compile_shared(const struct tiercel *t, struct ruleset *rs, struct tiercel_plan **ret);
/* What the rules of the plan can match. */
const struct evtset *tiercel_plan_events(const struct tiercel_plan *p);
const struct ruleset *tiercel_plan_rules(const struct tiercel_plan *p);
/*
 * Between two events: the plan's rules from now on. Rules of the same name go on counting. Returns
 * the plan that was active until now (NULL: none), which any thread may free.
 */
struct tiercel_plan *tiercel_activate(struct tiercel *t, struct tiercel_plan *p);
void tiercel_plan_free(struct tiercel_plan *p);

const struct ruleset *tiercel_rules(const struct tiercel *t);

int tiercel_snapshot(struct tiercel *t, const struct snapshot_item *item);
void tiercel_event(struct tiercel *t, struct event *ev);

/*
 * Waiting for metadata. A container that state_hooks.container_new has marked as awaited holds its
 * events back as far as what rules say of them may depend on metadata: one could match. As long as
 * one event waits, all later ones are
 * copied and wait behind it: state and order stay what they would have been, only later. What is
 * held is bounded (LIMIT_HELD_BYTES); the time is the caller's business.
 *
 * tiercel_waiting(): id of the container that is waited for, NONE if none is; valid until the next
 * call. tiercel_metadata(): the document of a container came; 0, -EBADMSG, -EOVERFLOW.
 * tiercel_no_metadata(): it will not come in time; alerts say why in `container.metadata_missing`.
 * `reason` is a literal. Both go on with what was held and may call on_alert.
 */
struct str tiercel_waiting(const struct tiercel *t);
int tiercel_metadata(struct tiercel *t, struct str json);
void tiercel_no_metadata(struct tiercel *t, struct str id, const char *reason);

const struct tiercel_stats *tiercel_stats(const struct tiercel *t);
struct state *tiercel_state(struct tiercel *t);
/* Alerts of a rule so far (index = rule->index). */
uint64_t tiercel_rule_hits(const struct tiercel *t, uint32_t rule_index);
/* How often an exception (rule_exception.index) kept its rule from matching, and when last. */
struct exception_count tiercel_exception_count(const struct tiercel *t, uint32_t index);
/* Count alerts and hits of another engine with the same rules as if they were of this one. */
void tiercel_add_counts(struct tiercel *t, const struct tiercel *other);
/* Sampled cost of a rule, of check `i` (its text appended to `name`; false: no more). */
struct match_cost tiercel_rule_cost(const struct tiercel *t, uint32_t rule_index);
bool tiercel_check_cost(const struct tiercel *t, uint32_t i, struct buf *name,
			struct match_cost *ret);
/* How one of the active rules was compiled, as text (`tiercel explain --plan`). */
void tiercel_explain(struct tiercel *t, const struct rule *rule, struct buf *out);
/* Event types the active rules can match. */
const struct evtset *tiercel_events(const struct tiercel *t);

#endif
