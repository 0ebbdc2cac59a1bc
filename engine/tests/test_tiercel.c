/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine through its public face: alerts, counters, hot swap, and no allocation per event once
 * it is warm.
 */
#include "engine/tests/event_build.h"
#include "engine/tests/test.h"
#include "engine/tiercel.h"

/*
 * Calls of the allocator while `counting`; without result while `failing`. Sanitizers bring their
 * own allocator: not counted.
 */
static volatile uint64_t allocations;
static volatile bool counting, failing;
#ifndef __SANITIZE_ADDRESS__
#define COUNTED 1
extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);

void *malloc(size_t n)
{
	allocations += counting;
	return failing ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	allocations += counting;
	return failing ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	allocations += counting;
	return failing ? NULL : __libc_realloc(p, n);
}
#else
#define COUNTED 0
#endif

struct bed {
	struct limits limits;
	struct tiercel *engine;
	struct event_build b;
	unsigned alerts, events;
	char last[4096];
};

static void on_alert(void *ctx, const struct tiercel_alert *alert, struct event_ctx *ev)
{
	struct bed *t = ctx;
	bool was_counting = counting;

	t->alerts++;
	/* The assertions themselves allocate. */
	counting = false;
	ck_assert_uint_eq(alert->ts, ev->ev->ts);
	ck_assert_uint_lt(alert->line.len, sizeof(t->last));
	counting = was_counting;
	memcpy(t->last, alert->line.p, alert->line.len);
	t->last[alert->line.len] = '\0';
}

static void on_event(void *ctx, struct event_ctx *ev)
{
	struct bed *t = ctx;

	t->events++;
}

static struct bed *bed_new(bool all)
{
	struct bed *t = calloc(1, sizeof(*t));
	struct tiercel_opts opts = {
		.alert = { .json_output = true, .include_output = true, .include_tags = true,
			   .include_output_fields = true, .hostname = STR("node-1") },
		.match_all = all, .on_alert = on_alert, .on_event = on_event, .ctx = t,
	};
	struct snapshot_item items[] = {
		{ .kind = SNAP_RESET },
		build_proc(1, 0, "systemd", "/usr/lib/systemd/systemd", STR("")),
		build_proc(20, 1, "bash", "/usr/bin/bash", STR("-l")),
		build_proc(30, 20, "cat", "/usr/bin/cat", STR("/etc/shadow\0-n")),
		{ .kind = SNAP_DONE },
	};

	limits_init(&t->limits);
	t->engine = tiercel_new(&opts, &t->limits);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		ck_assert_int_eq(tiercel_snapshot(t->engine, &items[i]), 0);
	return t;
}

static void bed_free(struct bed *t)
{
	tiercel_free(t->engine);
	free(t);
}

static struct ruleset *load(struct bed *t, const char *text)
{
	struct ruleset_opts opts;
	struct ruleset *rs;
	struct diags diags;

	tiercel_ruleset_opts(&opts);
	diags_init(&diags);
	rs = ruleset_new(&opts, &t->limits, &diags);
	ck_assert_ptr_nonnull(rs);
	ruleset_add(rs, "test.yaml", str_from(text));
	ruleset_finish(rs);
	ck_assert_msg(rs->ok, "%s", diags.count ? diags.items[0].message : "?");
	diags_done(&diags);
	return rs;
}

static void set_rules(struct bed *t, const char *text)
{
	ck_assert_int_eq(tiercel_set_rules(t->engine, load(t, text)), 0);
}

static void openat_event(struct bed *t, int64_t tid, int64_t fd, const char *name)
{
	build_i64(&t->b, fd);
	build_i64(&t->b, WIRE_AT_FDCWD);
	build_text(&t->b, name);
	build_u32(&t->b, WO_RDONLY);
	build_u32(&t->b, 0);
	build_u32(&t->b, 0x801);
	build_i64(&t->b, 99);
	tiercel_event(t->engine, build_done(&t->b, EV_OPENAT_2_X, tid));
}

static void close_event(struct bed *t, int64_t tid, int64_t fd)
{
	build_i64(&t->b, 0);
	build_i64(&t->b, fd);
	tiercel_event(t->engine, build_done(&t->b, EV_CLOSE_X, tid));
}

static void connect_event(struct bed *t, int64_t tid, int64_t fd)
{
	const uint8_t sip[4] = { 10, 0, 0, 1 }, dip[4] = { 1, 2, 3, 4 };

	build_i64(&t->b, 0);
	build_tuple4(&t->b, sip, 40000, dip, 443);
	build_i64(&t->b, fd);
	build_empty(&t->b);
	tiercel_event(t->engine, build_done(&t->b, EV_CONNECT_X, tid));
}

static const char rules_a[] =
	"- rule: shadow\n"
	"  desc: d\n"
	"  condition: evt.type = openat and fd.name = /etc/shadow and not proc.pname in (sshd, su)\n"
	"  output: read by %proc.cmdline parent %proc.pname chain %proc.aname file %fd.name\n"
	"  priority: WARNING\n"
	"  tags: [b, a]\n"
	"- rule: opens\n"
	"  desc: d\n"
	"  condition: evt.type in (open, openat) and (toupper(proc.name) = CAT or proc.aname = sshd)\n"
	"  output: open %fd.name %evt.args %container.id %user.name\n"
	"  priority: INFO\n";

static const char rules_b[] =
	"- rule: closes\n"
	"  desc: d\n"
	"  condition: evt.type = close and fd.name startswith /etc\n"
	"  output: closed %fd.name\n"
	"  priority: DEBUG\n";

START_TEST(alerts_and_counters)
{
	struct bed *t = bed_new(true);

	set_rules(t, rules_a);
	openat_event(t, 30, 3, "/etc/shadow");
	ck_assert_uint_eq(t->alerts, 2);
	ck_assert_msg(strstr(t->last, "\"rule\":\"opens\""), "%s", t->last);
	close_event(t, 30, 3);
	ck_assert_uint_eq(t->alerts, 2);
	ck_assert_uint_eq(t->events, 2);
	ck_assert_uint_eq(tiercel_rule_hits(t->engine, 0), 1);
	ck_assert_uint_eq(tiercel_rule_hits(t->engine, 1), 1);
	ck_assert_uint_eq(tiercel_rule_hits(t->engine, 2), 0);
	ck_assert_uint_eq(tiercel_stats(t->engine)->events, 2);
	ck_assert_uint_eq(tiercel_stats(t->engine)->visible, 2);
	ck_assert_uint_eq(tiercel_stats(t->engine)->alerts, 2);
	ck_assert(evtset_has(tiercel_events(t->engine), EV_OPENAT_2_X));
	ck_assert(!evtset_has(tiercel_events(t->engine), EV_CLOSE_X));
	bed_free(t);
}
END_TEST

START_TEST(first_match_only)
{
	struct bed *t = bed_new(false);

	set_rules(t, rules_a);
	openat_event(t, 30, 3, "/etc/shadow");
	ck_assert_uint_eq(t->alerts, 1);
	ck_assert_msg(strstr(t->last, "\"tags\":[\"a\",\"b\"]"), "%s", t->last);
	ck_assert_msg(strstr(t->last, "Warning read by cat /etc/shadow -n parent bash chain bash "
				      "systemd file /etc/shadow"), "%s", t->last);
	bed_free(t);
}
END_TEST

/* The state survives, the rules change between two events. */
START_TEST(hot_swap)
{
	struct bed *t = bed_new(false);
	struct ruleset *broken;

	set_rules(t, rules_a);
	openat_event(t, 30, 3, "/etc/shadow");
	set_rules(t, rules_b);
	close_event(t, 30, 3);
	ck_assert_uint_eq(t->alerts, 2);
	ck_assert_msg(strstr(t->last, "closed /etc/shadow"), "%s", t->last);
	ck_assert_uint_eq(tiercel_rule_hits(t->engine, 0), 1);
	broken = load(t, rules_a);
	broken->ok = false;
	ck_assert_int_eq(tiercel_set_rules(t->engine, broken), -EINVAL);
	ruleset_free(broken);
	ck_assert_uint_eq(tiercel_rules(t->engine)->nrules, 1);
	bed_free(t);
}
END_TEST

/* Compiled aside: nothing changes until it is activated; rules of one name go on counting. */
START_TEST(swap_in_two_steps)
{
	struct bed *t = bed_new(false);
	struct tiercel_plan *plan = NULL, *old;

	set_rules(t, rules_a);
	openat_event(t, 30, 3, "/etc/shadow");
	ck_assert_int_eq(tiercel_compile(t->engine, load(t, rules_b), &plan), 0);
	ck_assert_uint_eq(tiercel_plan_rules(plan)->nrules, 1);
	ck_assert(!evtset_has(tiercel_events(t->engine), EV_CLOSE_X));
	ck_assert(evtset_has(tiercel_plan_events(plan), EV_CLOSE_X));
	openat_event(t, 30, 3, "/etc/shadow");
	ck_assert_uint_eq(t->alerts, 2);
	old = tiercel_activate(t->engine, plan);
	ck_assert_ptr_nonnull(old);
	close_event(t, 30, 3);
	ck_assert_uint_eq(t->alerts, 3);
	tiercel_plan_free(old);
	ck_assert_int_eq(tiercel_compile(t->engine, load(t, rules_b), &plan), 0);
	tiercel_plan_free(tiercel_activate(t->engine, plan));
	ck_assert_uint_eq(tiercel_rule_hits(t->engine, 0), 1);
	bed_free(t);
}
END_TEST

START_TEST(no_rules)
{
	struct bed *t = bed_new(false);

	openat_event(t, 30, 3, "/etc/shadow");
	ck_assert_uint_eq(t->events, 1);
	ck_assert_ptr_null(tiercel_rules(t->engine));
	ck_assert_uint_eq(tiercel_rule_hits(t->engine, 0), 0);
	bed_free(t);
}
END_TEST

START_TEST(no_allocation_when_warm)
{
	struct bed *t = bed_new(true);

	set_rules(t, rules_a);
	for (int round = 0; round < 200; round++) {
		counting = COUNTED && round >= 100;
		openat_event(t, 30, 3, "/etc/shadow");
		openat_event(t, 20, 4, "/usr/lib/x.so");
		close_event(t, 30, 3);
		close_event(t, 20, 4);
		connect_event(t, 20, 5);
		openat_event(t, 777, -2, "relative");
	}
	counting = false;
	ck_assert_uint_gt(t->alerts, 300);
	ck_assert_uint_eq(allocations, 0);
	bed_free(t);
}
END_TEST

/* What differs from event to event is the time. */
static const char *fields_before_time(struct bed *t)
{
	char *end = strstr(t->last, "\"evt.time\"");

	ck_assert_ptr_nonnull(end);
	*end = '\0';
	end = strstr(t->last, "\"output_fields\"");
	ck_assert_ptr_nonnull(end);
	return end;
}

/* The first alert of a rule needs memory: one that got none is a loss, the next one is whole. */
START_TEST(alert_without_memory)
{
	struct bed *t = bed_new(true);
	char fields[sizeof(t->last)];

	set_rules(t, rules_a);
	openat_event(t, 30, 3, "/etc/shadow");
	ck_assert_uint_eq(t->alerts, 2);
	snprintf(fields, sizeof(fields), "%s", fields_before_time(t));
	set_rules(t, rules_a);
	failing = COUNTED;
	openat_event(t, 30, 3, "/etc/shadow");
	failing = false;
	if (COUNTED) {
		ck_assert_uint_eq(t->alerts, 2);
		ck_assert_uint_ge(t->limits.hits[LIMIT_ALERT_BYTES], 1);
	}
	t->alerts = 0;
	openat_event(t, 30, 3, "/etc/shadow");
	ck_assert_uint_eq(t->alerts, 2);
	ck_assert_str_eq(fields_before_time(t), fields);
	bed_free(t);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("tiercel");
	TCase *tc = tcase_create("tiercel");

	tcase_add_test(tc, alerts_and_counters);
	tcase_add_test(tc, first_match_only);
	tcase_add_test(tc, hot_swap);
	tcase_add_test(tc, swap_in_two_steps);
	tcase_add_test(tc, no_rules);
	tcase_add_test(tc, no_allocation_when_warm);
	tcase_add_test(tc, alert_without_memory);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
