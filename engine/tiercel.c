/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facade: one engine = state tables + active rules + matcher + alert rendering. Called by the
 * agent, replay and tests. Owns everything but the limits; the active rule set and all that was
 * made from it live and die together as one "plan".
 */
#include "engine/tiercel.h"
#include "engine/hold.h"
#include "engine/match/exceptions.h"

#define SCRATCH_BLOCK (64 << 10)

/* Everything that comes from one rule set. */
struct tiercel_plan {
	struct ruleset *rules;
	bool shares_rules;		/* they are the caller's */
	struct matcher *matcher;
	struct arena arena;
	struct alert_rule *alerts;	/* by rule index; layout == NULL: not yet prepared */
	struct strmap fields;		/* of the outputs that are */
	uint64_t *hits;			/* by rule index */
	const struct rule **matches;	/* room for all active rules */
	struct exceptions *exceptions;	/* NULL: not counted */
};

struct tiercel {
	struct tiercel_opts opts;
	struct limits *limits;
	struct state *state;
	struct tiercel_plan *plan;		/* NULL until rules were set */
	struct arena scratch;
	struct event_ctx ctx;
	struct buf line;
	struct tiercel_stats stats;
	bool counts_or_shares;	/* evaluate() has more to do than to match */
	bool may_wait;		/* someone asks for metadata */
	bool has_more;		/* one of these, or someone who sees every event */
	struct istr *waiting;	/* id of the container whose metadata the event of ctx waits for */
	struct held *current;	/* owns the event of ctx, when that was held */
	struct hold hold;	/* events behind it */
};

static int lookup_thread(void *ctx, int64_t tid, struct proc_record *ret)
{
	const struct state_hooks *user = &((struct tiercel *)ctx)->opts.state.hooks;

	return user->lookup_thread(user->ctx, tid, ret);
}

static void thread_free(void *ctx, struct thread *thread)
{
	struct tiercel *t = ctx;
	const struct state_hooks *user = &t->opts.state.hooks;

	if (t->plan)
		matcher_thread_free(t->plan->matcher, thread);
	if (user->thread_free)
		user->thread_free(user->ctx, thread);
}

static void container_new(void *ctx, struct container *c)
{
	const struct state_hooks *user = &((struct tiercel *)ctx)->opts.state.hooks;

	user->container_new(user->ctx, c);
}

/* The user's hooks, seen through the facade: the matcher has to know about freed threads too. */
static struct state_opts state_opts(struct tiercel *t)
{
	struct state_opts opts = t->opts.state;

	opts.hooks = (struct state_hooks){
		.lookup_thread = opts.hooks.lookup_thread ? lookup_thread : NULL,
		.thread_free = thread_free,
		.container_new = opts.hooks.container_new ? container_new : NULL,
		.ctx = t,
	};
	return opts;
}

struct tiercel *tiercel_new(const struct tiercel_opts *opts, struct limits *limits)
{
	struct tiercel *t = calloc(1, sizeof(*t));
	struct state_opts state;

	if (!t)
		return NULL;
	t->opts = *opts;
	t->opts.alert.limits = limits;
	t->limits = limits;
	t->counts_or_shares = opts->shards > 1 || opts->count_exceptions || opts->profile_every;
	t->may_wait = opts->state.hooks.container_new != NULL;
	t->has_more = t->counts_or_shares || t->may_wait || opts->on_event;
	arena_init(&t->scratch, SCRATCH_BLOCK, 0);
	t->ctx.scratch = &t->scratch;
	t->ctx.resolve = opts->host_names;
	t->ctx.tz_offset_s = opts->alert.tz_offset_s;
	state = state_opts(t);
	t->state = state_new(&state, limits);
	t->ctx.field_cache = field_cache_new();
	if (!t->state || !t->ctx.field_cache) {
		tiercel_free(t);
		return NULL;
	}
	return t;
}

void tiercel_plan_free(struct tiercel_plan *g)
{
	if (!g)
		return;
	matcher_free(g->matcher);
	exceptions_free(g->exceptions);
	strmap_done(&g->fields);
	arena_done(&g->arena);
	if (!g->shares_rules)
		ruleset_free(g->rules);
	free(g);
}

void tiercel_free(struct tiercel *t)
{
	if (!t)
		return;
	hold_done(&t->hold);
	hold_free(t->current);
	istr_unref(t->waiting);
	state_free(t->state);
	tiercel_plan_free(t->plan);
	field_cache_free(t->ctx.field_cache);
	arena_done(&t->scratch);
	buf_done(&t->line);
	free(t);
}

static int judge_output(void *ctx, struct str text, const struct field_scope *scope,
			const char **ret_msg, struct pos *ret_pos)
{
	return format_check(text, scope, ret_msg, ret_pos);
}

void tiercel_ruleset_opts(struct ruleset_opts *ret_opts)
{
	static const struct output_append suggested = { .suggested = true };

	*ret_opts = (struct ruleset_opts){ .min_priority = PRIO_DEBUG,
					   .appends = &suggested,
					   .nappends = 1,
					   .check_output = judge_output };
}

static int compile_output(struct str text, const struct field_scope *scope, struct format *ret)
{
	const char *msg;
	struct pos pos;

	return format_compile(text, scope, ret, &msg, &pos);
}

static int plain_field(struct str name, const struct field_scope *scope, struct operand **ret)
{
	const char *msg;
	struct pos pos;
	struct scan s;
	struct expr *e;

	scan_init(&s, name, scope->arena);
	e = expr_parse_left(&s);
	if (!e || s.at != name.len)
		return -EINVAL;
	return operand_resolve(e, scope, ret, &msg, &pos);
}

static int prepare_extra(const struct rule *rule, struct alert_rule *alert,
			 const struct field_scope *scope)
{
	alert->extra = arena_array(scope->arena, MAX(rule->nextra_fields, 1U),
				   sizeof(*alert->extra));
	if (!alert->extra)
		return -ENOMEM;
	for (uint32_t i = 0; i < rule->nextra_fields; i++) {
		const struct located_extra_field *f = &rule->extra_fields[i];
		struct alert_extra *e = &alert->extra[alert->nextra++];
		int r;

		e->key = f->name;
		if (f->format.len) {
			e->format = arena_new(scope->arena, struct format);
			r = e->format ? compile_output(f->format, scope, e->format) : -ENOMEM;
		} else {
			r = plain_field(f->name, scope, &e->field);
		}
		if (r)
			return r;
	}
	return 0;
}

static int prepare_alert(const struct rule *rule, struct alert_rule *alert,
			 const struct field_scope *scope)
{
	int r;

	alert->name = rule->name.s;
	alert->source = rule->source;
	alert->priority = priority_names[rule->priority];
	alert->tags = rule->tags;
	alert->ntags = rule->ntags;
	r = compile_output(rule->output_full, scope, &alert->output);
	if (!r)
		r = prepare_extra(rule, alert, scope);
	return r ? r : alert_rule_init(alert, scope->arena);
}

/*
 * Made when the rule matches first: most never do, and loading has found the output good. NULL: out
 * of memory, the next match tries again.
 */
static const struct alert_rule *alert_of(struct tiercel_plan *p, const struct rule *rule)
{
	const struct field_scope scope = { &p->arena, p->rules->opts.statics, &p->fields };
	struct alert_rule *alert = &p->alerts[rule->index], made = { .layout = NULL };

	if (likely(alert->layout != NULL))
		return alert;
	if (prepare_alert(rule, &made, &scope))
		return NULL;
	*alert = made;
	return alert;
}

static int plan_fill(struct tiercel_plan *g, const struct tiercel *t, struct ruleset *rs)
{
	struct match_opts match = { .all = t->opts.match_all, .oracle = t->opts.oracle };
	size_t n = MAX(rs->nrules, 1U);

	g->alerts = arena_array(&g->arena, n, sizeof(*g->alerts));
	g->hits = arena_array(&g->arena, n, sizeof(*g->hits));
	g->matches = arena_array(&g->arena, n, sizeof(*g->matches));
	if (!g->alerts || !g->hits || !g->matches)
		return -ENOMEM;
	g->matcher = matcher_new(rs, &match, t->limits);
	if (!g->matcher)
		return -ENOMEM;
	return t->opts.count_exceptions == TIERCEL_COUNT_NONE
		       ? 0
		       : exceptions_new(rs, t->opts.count_exceptions == TIERCEL_COUNT_FILES,
					t->limits, &g->exceptions);
}

int tiercel_compile(const struct tiercel *t, struct ruleset *rs, struct tiercel_plan **ret)
{
	struct tiercel_plan *p;
	int r;

	if (!rs->ok || !rs->opts.check_output)
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	arena_init(&p->arena, SCRATCH_BLOCK, 0);
	r = plan_fill(p, t, rs);
	if (r) {
		tiercel_plan_free(p);
		return r;
	}
	p->rules = rs;
	*ret = p;
	return 0;
}

int tiercel_compile_shared(const struct tiercel *t, struct ruleset *rs, struct tiercel_plan **ret)
{
	int r = tiercel_compile(t, rs, ret);

	if (r == 0)
		(*ret)->shares_rules = true;
	return r;
}

const struct evtset *tiercel_plan_events(const struct tiercel_plan *p)
{
	return matcher_events(p->matcher);
}

const struct ruleset *tiercel_plan_rules(const struct tiercel_plan *p)
{
	return p->rules;
}

static const struct rule_exception *same_exception(const struct rule *r,
						   const struct rule_exception *e)
{
	for (uint32_t i = 0; i < r->nexceptions; i++)
		if (str_eq(r->exceptions[i].name.s, e->name.s) &&
		    str_eq(r->exceptions[i].owner, e->owner))
			return &r->exceptions[i];
	return NULL;
}

static void carry_exceptions(const struct tiercel_plan *from, const struct rule *old,
			     struct tiercel_plan *to, const struct rule *rule)
{
	for (uint32_t i = 0; from->exceptions && to->exceptions && i < rule->nexceptions; i++) {
		const struct rule_exception *e = &rule->exceptions[i],
					    *same = same_exception(old, e);

		if (same)
			*exceptions_count(to->exceptions, e->index) =
				*exceptions_count(from->exceptions, same->index);
	}
}

static void carry_hits(const struct tiercel_plan *from, struct tiercel_plan *to)
{
	for (uint32_t i = 0; from && i < to->rules->nrules; i++) {
		const struct rule *same = ruleset_find(from->rules, to->rules->rules[i]->name.s);

		if (!same)
			continue;
		to->hits[i] = from->hits[same->index];
		carry_exceptions(from, same, to, to->rules->rules[i]);
	}
}

struct tiercel_plan *tiercel_activate(struct tiercel *t, struct tiercel_plan *p)
{
	struct tiercel_plan *old = t->plan;

	carry_hits(old, p);
	t->plan = p;
	return old;
}

int tiercel_set_rules(struct tiercel *t, struct ruleset *rs)
{
	struct tiercel_plan *p;
	int r = tiercel_compile(t, rs, &p);

	if (r)
		return r;
	tiercel_plan_free(tiercel_activate(t, p));
	return 0;
}

const struct ruleset *tiercel_rules(const struct tiercel *t)
{
	return t->plan ? t->plan->rules : NULL;
}

int tiercel_snapshot(struct tiercel *t, const struct snapshot_item *item)
{
	return state_snapshot(t->state, item);
}

static void give_alert(struct tiercel *t, const struct rule *rule)
{
	struct tiercel_alert alert = { .rule = rule, .ts = t->ctx.ev->ts };
	const struct alert_rule *form;

	t->stats.alerts++;
	t->plan->hits[rule->index]++;
	if (!t->opts.on_alert)
		return;
	form = alert_of(t->plan, rule);
	if (!form) {
		t->limits->hits[LIMIT_ALERT_BYTES]++;	/* told as a loss */
		return;
	}
	buf_clear(&t->line);
	if (t->opts.forms) {
		alert_render_forms(form, &t->opts.alert, t->opts.forms, &t->ctx, &t->line,
				   &alert.forms);
	} else {
		alert_render(form, &t->opts.alert, &t->ctx, &t->line);
		alert.line = buf_str(&t->line);
	}
	t->opts.on_alert(t->opts.ctx, &alert, &t->ctx);
}

/* Does the event's thread group belong to this engine's share? */
static bool is_mine(const struct tiercel *t)
{
	const struct thread *thread = t->ctx.thread;
	int64_t group = thread ? thread->pid : t->ctx.ev->tid;

	return hash_u64((uint64_t)group) % t->opts.shards == t->opts.shard;
}

static inline void match(struct tiercel *t, struct tiercel_plan *p)
{
	uint32_t n = matcher_eval(p->matcher, &t->ctx, p->matches, p->rules->nrules);

	for (uint32_t i = 0; unlikely(i < n); i++)
		give_alert(t, p->matches[i]);
}

static void match_and_count(struct tiercel *t, struct tiercel_plan *p)
{
	if (t->opts.shards > 1 && !is_mine(t))
		return;
	match(t, p);
	if (p->exceptions)
		exceptions_event(p->exceptions, &t->ctx);
	if (t->opts.profile_every && t->stats.events % t->opts.profile_every == 0)
		matcher_profile(p->matcher, &t->ctx, t->opts.profile_clock_ns);
}

static void evaluate(struct tiercel *t)
{
	struct tiercel_plan *p = t->plan;

	if (!p)
		return;
	if (t->counts_or_shares)
		match_and_count(t, p);
	else
		match(t, p);
}

/* The container whose metadata the event must wait for, or NULL: what rules say depends on them. */
static struct container *awaited(struct tiercel *t)
{
	struct container *c = t->ctx.thread ? t->ctx.thread->container : NULL;
	struct tiercel_plan *p = t->plan;

	if (!c || !c->awaited || !p)
		return NULL;
	if (matcher_can_match(p->matcher, &t->ctx) ||
	    (p->exceptions && exceptions_open(p->exceptions, &t->ctx)))
		return c;
	return NULL;
}

/* What only some ask for. False: the event waits. */
static _noinline_ bool process_more(struct tiercel *t)
{
	struct container *c;

	if (t->opts.on_event)
		t->opts.on_event(t->opts.ctx, &t->ctx);
	if (t->may_wait && (c = awaited(t)) != NULL) {
		t->waiting = istr_ref(c->id);
		t->stats.waits++;
		return false;
	}
	evaluate(t);
	return true;
}

/* State first, rules unless the event has to wait. False: it waits; the ctx stays as it is. */
static inline bool process(struct tiercel *t, struct event *ev)
{
	arena_reset_used(&t->scratch);
	t->stats.events++;
	state_event(t->state, ev, &t->ctx);
	if (unlikely(!t->ctx.visible))
		return true;
	t->stats.visible++;
	if (unlikely(t->has_more))
		return process_more(t);
	if (likely(t->plan != NULL))
		match(t, t->plan);
	return true;
}

/* Go on until the queue is empty or an event has to wait again. */
static void resume(struct tiercel *t)
{
	struct held *h;

	istr_unref(t->waiting);
	t->waiting = NULL;
	evaluate(t);
	while (!t->waiting && (h = hold_pop(&t->hold)) != NULL) {
		hold_free(t->current);
		t->current = h;
		process(t, &h->ev);
	}
}

static void wait_behind(struct tiercel *t, struct event *ev)
{
	struct held *h = hold_copy(ev);

	if (h)
		hold_push(&t->hold, h);
	t->stats.held++;
	while (t->waiting && (!h || limit_over(t->limits, LIMIT_HELD_BYTES, t->hold.bytes)))
		tiercel_no_metadata(t, istr_str(t->waiting), "queue full");
	if (!h)
		tiercel_event(t, ev);
}

void tiercel_event(struct tiercel *t, struct event *ev)
{
	struct held *h;

	if (unlikely(t->waiting)) {
		wait_behind(t, ev);
		return;
	}
	if (likely(process(t, ev)))
		return;
	h = hold_copy(ev);
	if (!h) {
		tiercel_no_metadata(t, istr_str(t->waiting), "out of memory");
		return;
	}
	hold_free(t->current);
	t->current = h;
	t->ctx.ev = &h->ev;
}

struct str tiercel_waiting(const struct tiercel *t)
{
	return t->waiting ? istr_str(t->waiting) : STR_NONE;
}

/* The container that is waited for has metadata, or never gets any. */
static void check_waiting(struct tiercel *t)
{
	if (t->waiting && !awaited(t))
		resume(t);
}

int tiercel_metadata(struct tiercel *t, struct str json)
{
	int r = state_container_document(t->state, json);

	check_waiting(t);
	return r;
}

void tiercel_no_metadata(struct tiercel *t, struct str id, const char *reason)
{
	state_container_missing(t->state, id, reason);
	check_waiting(t);
}

const struct tiercel_stats *tiercel_stats(const struct tiercel *t)
{
	return &t->stats;
}

struct state *tiercel_state(struct tiercel *t)
{
	return t->state;
}

uint64_t tiercel_rule_hits(const struct tiercel *t, uint32_t rule_index)
{
	return t->plan && rule_index < t->plan->rules->nrules ? t->plan->hits[rule_index] : 0;
}

struct exception_count tiercel_exception_count(const struct tiercel *t, uint32_t index)
{
	return t->plan && t->plan->exceptions && index < t->plan->rules->nexceptions ?
		       *exceptions_count(t->plan->exceptions, index) :
		       (struct exception_count){ 0 };
}

void tiercel_add_counts(struct tiercel *t, const struct tiercel *other)
{
	t->stats.alerts += other->stats.alerts;
	for (uint32_t i = 0; t->plan && other->plan && i < t->plan->rules->nrules; i++)
		t->plan->hits[i] += other->plan->hits[i];
}

struct match_cost tiercel_rule_cost(const struct tiercel *t, uint32_t rule_index)
{
	return t->plan ? matcher_rule_cost(t->plan->matcher, rule_index) : (struct match_cost){ 0 };
}

bool tiercel_check_cost(const struct tiercel *t, uint32_t i, struct buf *name,
			struct match_cost *ret)
{
	return t->plan && matcher_check_cost(t->plan->matcher, i, name, ret);
}

void tiercel_explain(struct tiercel *t, const struct rule *rule, struct buf *out)
{
	if (t->plan)
		matcher_dump_rule(t->plan->matcher, rule, out);
}

const struct evtset *tiercel_events(const struct tiercel *t)
{
	static const struct evtset none;

	return t->plan ? matcher_events(t->plan->matcher) : &none;
}
