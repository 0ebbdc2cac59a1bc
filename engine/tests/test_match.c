/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiled program: order of rules, sharing. That it agrees with the plain tree evaluator is
 * what test_oracle.c is about.
 */
#include "engine/match/match.h"
#include "engine/tests/event_build.h"
#include "engine/tests/rule_build.h"
#include "engine/tests/test.h"

#define MAX_RULES 150	/* more than two words of a mask */

struct bed {
	struct ruleset rs;
	struct rule *rules[MAX_RULES];
	struct limits limits;
	struct state *state;
	struct arena scratch;
	struct event_ctx ctx;
	struct event_build b;
};

static void snapshot(struct bed *t)
{
	struct snapshot_item items[] = {
		{ .kind = SNAP_RESET },
		{ .kind = SNAP_MACHINE, .machine = { .num_cpus = 1, .hostname = STR("h") } },
		build_proc(1, 0, "systemd", "/usr/lib/systemd/systemd", STR("--system")),
		build_proc(10, 1, "sshd", "/usr/sbin/sshd", STR("-D")),
		build_proc(20, 10, "bash", "/usr/bin/bash", STR("-l")),
		build_proc(30, 20, "cat", "/usr/bin/cat", STR("/etc/shadow\0-n")),
		build_proc(40, 1, "nginx", "/usr/sbin/nginx", STR("")),
		{ .kind = SNAP_FD, .fd = { .tid = 30, .fd = 3, .kind = FD_FILE, .ino = 7,
					   .open_flags = WO_RDONLY, .name = STR("/etc/passwd") } },
		{ .kind = SNAP_FD, .fd = { .tid = 40, .fd = 4, .kind = FD_IPV4, .l4 = L4_TCP,
					   .sip = { 10, 0, 0, 1 }, .dip = { 1, 2, 3, 4 },
					   .sport = 40000, .dport = 443 } },
		{ .kind = SNAP_DONE },
	};

	for (size_t i = 0; i < ARRAY_SIZE(items); i++)
		ck_assert_int_eq(state_snapshot(t->state, &items[i]), 0);
}

static struct bed *bed_new(void)
{
	struct bed *t = calloc(1, sizeof(*t));
	struct state_opts opts = { .track_comm = true };

	limits_init(&t->limits);
	t->state = state_new(&opts, &t->limits);
	arena_init(&t->scratch, 1 << 16, 0);
	arena_init(&t->rs.arena, 1 << 16, 0);
	t->rs.rules = t->rules;
	t->rs.ok = true;
	snapshot(t);
	return t;
}

static void bed_free(struct bed *t)
{
	state_free(t->state);
	arena_done(&t->scratch);
	arena_done(&t->rs.arena);
	free(t);
}

static void must_add(struct bed *t, const char *condition)
{
	const char *why = build_rule(&t->rs, &t->limits, str_from(condition));

	ck_assert_msg(!why, "%s: %s", condition, why);
}

static struct matcher *matcher(struct bed *t, bool all, bool oracle)
{
	struct match_opts opts = { .all = all, .oracle = oracle };
	struct matcher *m = matcher_new(&t->rs, &opts, &t->limits);

	ck_assert_ptr_nonnull(m);
	return m;
}

static void process(struct bed *t, struct event *ev)
{
	arena_reset(&t->scratch);
	t->ctx.scratch = &t->scratch;
	t->ctx.field_cache = NULL;
	state_event(t->state, ev, &t->ctx);
}

static struct event *openat_event(struct bed *t, int64_t tid, int64_t fd, const char *name,
				  uint32_t flags)
{
	build_i64(&t->b, fd);
	build_i64(&t->b, WIRE_AT_FDCWD);
	build_text(&t->b, name);
	build_u32(&t->b, flags);
	build_u32(&t->b, 0644);
	build_u32(&t->b, 0x801);
	build_i64(&t->b, 99);
	return build_done(&t->b, EV_OPENAT_2_X, tid);
}

static uint32_t eval(struct bed *t, struct matcher *m, struct event *ev, const struct rule **rules)
{
	process(t, ev);
	return matcher_eval(m, &t->ctx, rules, MAX_RULES);
}

START_TEST(order_and_modes)
{
	struct bed *t = bed_new();
	const struct rule *rules[MAX_RULES];
	struct matcher *first, *all;

	must_add(t, "evt.type = close");
	must_add(t, "evt.type in (openat, open) and fd.name = /etc/shadow");
	must_add(t, "evt.type = openat and proc.name = cat");
	must_add(t, "proc.name = cat");
	t->rules[3]->active = false;
	first = matcher(t, false, false);
	all = matcher(t, true, false);
	ck_assert_uint_eq(eval(t, first, openat_event(t, 30, 5, "/etc/shadow", WO_RDONLY), rules),
			  1);
	ck_assert_ptr_eq(rules[0], t->rules[1]);
	ck_assert_uint_eq(matcher_eval(all, &t->ctx, rules, MAX_RULES), 2);
	ck_assert_ptr_eq(rules[0], t->rules[1]);
	ck_assert_ptr_eq(rules[1], t->rules[2]);
	ck_assert_uint_eq(matcher_eval(all, &t->ctx, rules, 1), 1);
	ck_assert(evtset_has(matcher_events(all), EV_OPENAT_2_X));
	ck_assert(!evtset_has(matcher_events(all), EV_READ_X));
	matcher_free(first);
	matcher_free(all);
	bed_free(t);
}
END_TEST

START_TEST(sources_are_apart)
{
	struct bed *t = bed_new();
	const struct rule *rules[MAX_RULES];
	struct matcher *m;

	must_add(t, "evt.type = openat");
	t->rules[0]->source = STR("other");
	m = matcher(t, true, false);
	ck_assert_uint_eq(eval(t, m, openat_event(t, 30, 5, "/x", WO_RDONLY), rules), 0);
	matcher_free(m);
	bed_free(t);
}
END_TEST

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

START_TEST(checks_and_code_are_shared)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	struct bed *t = bed_new();
	struct matcher *m;

	must_add(t, "evt.type = openat and proc.name = cat and fd.name = /a");
	must_add(t, "evt.type = openat and fd.typechar = f and (proc.name=cat) and fd.name=\"/a\"");
	must_add(t, "evt.type = close and evt.type = openat and proc.name = dead");
	m = matcher(t, true, false);
	matcher_dump(m, &out);
	ck_assert_msg(count(out.p, ": proc.name = cat\n") == 1, "%s", out.p);
	ck_assert_uint_eq(count(out.p, ": fd.name = /a\n"), 1);
	/* Both rules end in "proc.name = cat and fd.name = /a": one piece of code. */
	ck_assert_msg(count(out.p, "yes match no fail") == 2, "%s", out.p);
	/* evt.type costs nothing where the type is known. */
	ck_assert_msg(count(out.p, "OPENAT_2_X:  1 ") == 1, "%s", out.p);
	/* A rule that can never be true on a type is not tried there. */
	ck_assert_msg(!count(out.p, "CLOSE_X:"), "%s", out.p);
	matcher_free(m);
	bed_free(t);
}
END_TEST

/* More rules for one event type than masks have bits: all are evaluated as they come. */
START_TEST(very_many_rules)
{
	enum { N = 64 * 16 + 10 };
	struct rule **rules = calloc(N, sizeof(*rules));
	const struct rule *found[2] = { NULL, NULL };
	struct bed *t = bed_new();
	struct matcher *m;
	char text[128];

	ck_assert_ptr_nonnull(rules);
	for (unsigned i = 0; i < N; i++) {
		snprintf(text, sizeof(text), "evt.type = openat and fd.name = /f%u", i % (N - 1));
		t->rs.rules = t->rules;
		t->rs.nrules = 0;
		must_add(t, text);
		rules[i] = t->rules[0];
	}
	t->rs.rules = rules;
	t->rs.nrules = N;
	m = matcher(t, true, false);
	process(t, openat_event(t, 20, 5, "/f0", WO_RDONLY));
	ck_assert_uint_eq(matcher_eval(m, &t->ctx, found, 2), 2);
	ck_assert_ptr_eq(found[0], rules[0]);
	ck_assert_ptr_eq(found[1], rules[N - 1]);
	process(t, openat_event(t, 20, 5, "/f1032", WO_RDONLY));
	ck_assert_uint_eq(matcher_eval(m, &t->ctx, found, 2), 1);
	ck_assert_ptr_eq(found[0], rules[1032]);
	process(t, openat_event(t, 20, 5, "/f1033", WO_RDONLY));
	ck_assert_uint_eq(matcher_eval(m, &t->ctx, found, 2), 0);
	matcher_free(m);
	t->rs.rules = t->rules;
	bed_free(t);
	free(rules);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("match");
	TCase *tc = tcase_create("match");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, order_and_modes);
	tcase_add_test(tc, sources_are_apart);
	tcase_add_test(tc, checks_and_code_are_shared);
	tcase_add_test(tc, very_many_rules);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
