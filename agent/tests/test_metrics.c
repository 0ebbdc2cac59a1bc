/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics of made-up counters: ages, keys of heartbeats, the table itself.
 */
#include "agent/clock.h"
#include "agent/metrics.h"
#include "engine/tests/test.h"

static struct agent_stats counters(void)
{
	struct agent_stats s = { .start_mono_ns = clock_mono_ns() - 60 * NS_PER_S };

	s.published_ns = clock_mono_ns();
	s.source.lost = 7;
	s.bundle.last_ok_ns = clock_mono_ns() - 20 * NS_PER_S;
	s.last_event_mono_ns = clock_mono_ns() - 10 * NS_PER_S;
	return s;
}

/* The value behind a name at the start of a line. */
static double value_of(const struct buf *text, const char *name)
{
	const char *at = strstr(text->p, name);

	while (at && at[-1] != '\n')
		at = strstr(at + 1, name);
	ck_assert_msg(at != NULL, "no %s", name);
	return strtod(at + strlen(name), NULL);
}

START_TEST(test_values)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct agent_stats s = counters();
	double age;

	metrics_render(&s, "host", &text);
	ck_assert(value_of(&text, "falcosecurity_scap_n_drops_total ") == 7);
	age = value_of(&text, "tiercel_bundle_check_age_seconds ");
	ck_assert_msg(age >= 20 && age < 60, "%f", age);
	age = value_of(&text, "tiercel_last_event_age_seconds ");
	ck_assert_msg(age >= 10 && age < 60, "%f", age);
	ck_assert(value_of(&text, "falcosecurity_falco_duration_seconds_total ") >= 60);
}
END_TEST

struct beat {
	uint32_t n;
	uint64_t lost;
	double cpu;
};

static void take_number(void *ctx, const char *key, uint64_t value)
{
	struct beat *b = ctx;

	b->n++;
	if (strcmp(key, "events.lost") == 0)
		b->lost = value;
}

static void take_real(void *ctx, const char *key, double value)
{
	struct beat *b = ctx;

	b->n++;
	if (strcmp(key, "process.cpu_seconds") == 0)
		b->cpu = value;
}

START_TEST(test_beat)
{
	struct agent_stats s = counters();
	struct beat b = { .cpu = -1 };
	uint32_t keys = 0;

	metrics_beat(&s, &(struct metrics_beat){ take_number, take_real, &b });
	for (uint32_t i = 0; i < metric_infos_count; i++)
		keys += metric_infos[i].key[0] != '\0';
	ck_assert_uint_eq(b.n, keys);
	ck_assert_uint_eq(b.lost, 7);
	ck_assert(b.cpu >= 0);
}
END_TEST

START_TEST(test_table)
{
	for (uint32_t i = 0; i < metric_infos_count; i++)
		for (uint32_t k = 0; k < i; k++) {
			ck_assert_str_ne(metric_infos[i].name, metric_infos[k].name);
			ck_assert_msg(!metric_infos[i].key[0] ||
				      strcmp(metric_infos[i].key, metric_infos[k].key) != 0,
				      "key %s twice", metric_infos[i].key);
		}
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("metrics");
	TCase *t = tcase_create("metrics");

	tcase_add_test(t, test_values);
	tcase_add_test(t, test_beat);
	tcase_add_test(t, test_table);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
