/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the live thread keeps for those who look on: queues of alerts and counters by process, with
 * their bounds.
 */
#include "agent/activity.h"
#include "agent/clock.h"
#include "agent/control_limits.h"
#include "agent/tap.h"
#include "engine/tests/test.h"

#include <sys/eventfd.h>
#include <unistd.h>

static int wake_fd;
static struct tap *tap;

static void setup(void)
{
	wake_fd = eventfd(0, EFD_NONBLOCK);
	tap = tap_new(wake_fd);
	ck_assert_ptr_nonnull(tap);
}

static void teardown(void)
{
	tap_free(tap);
	close(wake_fd);
}

static void emit(const char *rule, enum rule_priority priority, uint32_t bytes, uint64_t ts)
{
	char *json = calloc(1, bytes + 1);
	struct message t = { .rule = str_from(rule), .priority = priority, .ts = ts,
			     .json = { json, bytes } }, *m;

	ck_assert_int_eq(message_new(&t, NULL, 0, &m), 0);
	tap_emit(tap, m);
	ck_assert_uint_le(atomic_load(&m->refs), 2);
	message_put(m);
	free(json);
}

/* The time of the next alert; 0: there is none. */
static uint64_t next(struct tap_reader *r, uint64_t *ret_lost)
{
	struct tap_item item = tap_take(tap, r);
	uint64_t ts = item.message ? item.message->ts : 0;

	*ret_lost = item.lost;
	message_put(item.message);
	return ts;
}

START_TEST(test_filter)
{
	struct tap_filter filter = { .rule = strdup("Shell*"), .priority = PRIO_WARNING };
	struct tap_reader *r = tap_add(tap, &filter);
	uint64_t lost, count;

	emit("Shell in container", PRIO_NOTICE, 10, 1);
	emit("Reverse Shell", PRIO_CRITICAL, 10, 2);
	ck_assert_int_eq(read(wake_fd, &count, sizeof(count)), -1);
	emit("Shell in container", PRIO_CRITICAL, 10, 3);
	ck_assert_int_eq(read(wake_fd, &count, sizeof(count)), sizeof(count));
	ck_assert_uint_eq(next(r, &lost), 3);
	ck_assert_uint_eq(next(r, &lost), 0);
	tap_remove(tap, r);
	emit("Shell in container", PRIO_CRITICAL, 10, 4);	/* nobody is left */
}
END_TEST

/* The oldest go, and the reader knows how many. */
START_TEST(test_full)
{
	struct tap_filter filter = { .priority = PRIO_DEBUG };
	struct tap_reader *r = tap_add(tap, &filter);
	const uint64_t n = CONTROL_TAIL_ALERTS_MAX + 100;
	uint64_t lost;

	for (uint64_t i = 1; i <= n; i++)
		emit("r", PRIO_NOTICE, 10, i);
	ck_assert_uint_eq(next(r, &lost), 101);
	ck_assert_uint_eq(lost, 100);
	for (uint64_t i = 102; i <= n; i++) {
		ck_assert_uint_eq(next(r, &lost), i);
		ck_assert_uint_eq(lost, 0);
	}
	ck_assert_uint_eq(next(r, &lost), 0);
}
END_TEST

START_TEST(test_bytes)
{
	struct tap_filter filter = { .priority = PRIO_DEBUG };
	struct tap_reader *r = tap_add(tap, &filter);
	uint64_t lost, ts;

	for (uint64_t i = 1; i <= 10; i++)
		emit("r", PRIO_NOTICE, CONTROL_TAIL_BYTES_MAX / 4, i);
	ts = next(r, &lost);
	ck_assert_uint_gt(lost, 0);
	ck_assert_uint_eq(ts, lost + 1);
	emit("r", PRIO_NOTICE, CONTROL_TAIL_BYTES_MAX * 2, 11);	/* larger than all of it */
	ck_assert_uint_eq(next(r, &lost), 11);
}
END_TEST

/* ---- activity ----------------------------------------------------------------------------- */

static struct limits limits;
static struct state *state;

static void add_process(int64_t pid, const char *comm)
{
	struct snapshot_item item = {
		.kind = SNAP_PROC,
		.proc = { .tid = pid, .pid = pid, .ptid = 1, .comm = str_from(comm),
			  .exe = str_from(comm), .exepath = str_from(comm) },
	};

	ck_assert_int_eq(state_snapshot(state, &item), 0);
}

static void start_activity(struct activity *a, int64_t processes)
{
	static const struct state_opts none;
	struct activity_table p, c;
	struct snapshot_item done = { .kind = SNAP_DONE };

	limits_init(&limits);
	state = state_new(&none, &limits);
	for (int64_t pid = 1; pid <= processes; pid++)
		add_process(pid, "worker");
	ck_assert_int_eq(state_snapshot(state, &done), 0);
	ck_assert_int_eq(activity_init(a), 0);
	activity_turn(a, 0, NS_PER_S);
	ck_assert(!a->active);
	ck_assert_int_eq(activity_read(a, NS_PER_S, &p, &c), 0);
	ck_assert_uint_eq(p.n + c.n, 0);
	free(p.rows);
	free(c.rows);
	activity_turn(a, 0, 2 * NS_PER_S);
	ck_assert(a->active);
}

static void end_activity(struct activity *a)
{
	activity_done(a);
	state_free(state);
}

START_TEST(test_activity)
{
	struct activity_table p, c;
	struct activity a;

	start_activity(&a, 3);
	for (int i = 0; i < 5; i++)
		activity_event(&a, state, 2);
	activity_event(&a, state, 3);
	activity_event(&a, state, 999);		/* not known */
	ck_assert_int_eq(activity_read(&a, 2 * NS_PER_S, &p, &c), 0);
	ck_assert_uint_eq(p.n, 2);
	ck_assert_int_eq(p.rows[0].pid, 2);
	ck_assert_uint_eq(p.rows[0].events, 5);
	ck_assert_str_eq(p.rows[0].name, "worker");
	ck_assert_str_eq(p.rows[0].container, "host");
	ck_assert_uint_eq(c.n, 1);
	ck_assert_uint_eq(c.rows[0].events, 6);
	free(p.rows);
	free(c.rows);
	activity_turn(&a, 10, 60 * NS_PER_S);	/* nobody looks any more */
	ck_assert(!a.active);
	end_activity(&a);
}
END_TEST

/* Many events: one of some is counted for all. */
START_TEST(test_activity_sampled)
{
	struct activity_table p, c;
	struct activity a;

	start_activity(&a, 1);
	activity_turn(&a, 1000000, 3 * NS_PER_S);
	for (int i = 0; i < 17000; i++)
		activity_event(&a, state, 1);
	ck_assert_int_eq(activity_read(&a, 3 * NS_PER_S, &p, &c), 0);
	ck_assert_uint_ge(p.rows[0].events, 16900);
	ck_assert_uint_le(p.rows[0].events, 17100);
	free(p.rows);
	free(c.rows);
	end_activity(&a);
}
END_TEST

START_TEST(test_activity_bounded)
{
	const int64_t n = CONTROL_TOP_PROCESSES_MAX + 50;
	struct activity_table p, c;
	struct activity a;

	start_activity(&a, n);
	for (int64_t pid = 1; pid <= n; pid++)
		activity_event(&a, state, pid);
	ck_assert_int_eq(activity_read(&a, 2 * NS_PER_S, &p, &c), 0);
	ck_assert_uint_eq(p.n, CONTROL_TOP_PROCESSES_MAX);
	ck_assert_uint_eq(p.unfit, 50);
	ck_assert_uint_eq(c.rows[0].events, (uint64_t)n);
	free(p.rows);
	free(c.rows);
	/* Who was not seen for long makes room; the last one is seen all the time. */
	activity_turn(&a, 100, 11 * NS_PER_S);
	activity_event(&a, state, 1);
	activity_turn(&a, 100, 14 * NS_PER_S);
	activity_event(&a, state, n);
	ck_assert_int_eq(activity_read(&a, 14 * NS_PER_S, &p, &c), 0);
	ck_assert_uint_eq(p.n, 2);
	ck_assert_int_eq(p.rows[0].pid, 1);
	ck_assert_int_eq(p.rows[1].pid, n);
	free(p.rows);
	free(c.rows);
	end_activity(&a);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("tap");
	TCase *t = tcase_create("tap"), *a = tcase_create("activity");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_filter);
	tcase_add_test(t, test_full);
	tcase_add_test(t, test_bytes);
	suite_add_tcase(s, t);
	tcase_add_test(a, test_activity);
	tcase_add_test(a, test_activity_sampled);
	tcase_add_test(a, test_activity_bounded);
	suite_add_tcase(s, a);
	return s;
}

TEST_MAIN(make_suite)
