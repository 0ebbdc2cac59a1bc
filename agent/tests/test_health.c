/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checks of health, each by the counters that make it fail.
 */
#include "agent/clock.h"
#include "agent/health.h"
#include "engine/tests/test.h"

static const uint64_t now = 1000 * NS_PER_S;

static struct agent_stats healthy(void)
{
	struct agent_stats s = { .published_ns = now - NS_PER_S, .start_mono_ns = NS_PER_S,
				 .last_event_mono_ns = now - NS_PER_S, .running = true,
				 .noutputs = 1 };

	s.source.delivered = s.source.read = 10;
	return s;
}

static void expect(const struct agent_stats *s, bool live, bool ready, const char *json)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct health h;

	health_of(s, now, &h);
	ck_assert_int_eq(h.live, live);
	ck_assert_int_eq(h.ready, ready);
	health_json(&h, HEALTH_READY, &text);
	ck_assert_str_view(buf_str(&text), json);
}

START_TEST(test_ok)
{
	struct agent_stats s = healthy();

	expect(&s, true, true, "{\"status\": \"ok\"}");
	/* Nothing happened for long and nothing waits. */
	s.last_event_mono_ns = 0;
	expect(&s, true, true, "{\"status\": \"ok\"}");
}
END_TEST

START_TEST(test_nothing_published)
{
	expect(NULL, false, false, "{\"status\": \"failing\", \"failing\": [\"engine\", \"running\", "
				   "\"source\", \"rules\", \"outputs\", \"metadata\"]}");
}
END_TEST

START_TEST(test_hanging)
{
	struct agent_stats s = healthy();

	s.published_ns = now - 60 * NS_PER_S;
	expect(&s, false, false, "{\"status\": \"failing\", \"failing\": [\"engine\"]}");
}
END_TEST

START_TEST(test_unread)
{
	struct agent_stats s = healthy();

	s.source.delivered = 11;
	expect(&s, true, true, "{\"status\": \"ok\"}");		/* on its way */
	s.last_event_mono_ns = now - 60 * NS_PER_S;
	expect(&s, true, false, "{\"status\": \"failing\", \"failing\": [\"source\"]}");
}
END_TEST

START_TEST(test_rules)
{
	struct agent_stats s = healthy();

	s.reloads.last_failed = true;
	expect(&s, true, false, "{\"status\": \"failing\", \"failing\": [\"rules\"]}");
	s.reloads.last_failed = false;
	s.rules_last_good = true;
	expect(&s, true, false, "{\"status\": \"failing\", \"failing\": [\"rules\"]}");
}
END_TEST

START_TEST(test_outputs)
{
	struct agent_stats s = healthy();

	s.outputs[0].stats.failing = true;
	expect(&s, true, false, "{\"status\": \"failing\", \"failing\": [\"outputs\"]}");
}
END_TEST

START_TEST(test_metadata)
{
	static const char failing[] = "{\"status\": \"failing\", \"failing\": [\"metadata\"]}";
	struct agent_stats s = healthy();

	s.metadata.state = CRI_SILENT;
	expect(&s, true, true, "{\"status\": \"ok\"}");		/* switched off */
	s.metadata_asked = true;
	s.metadata.state = CRI_TRYING;
	expect(&s, true, false, failing);
	s.metadata.state = CRI_ABSENT;
	expect(&s, true, true, "{\"status\": \"ok\"}");
	s.metadata.state = CRI_SILENT;
	s.metadata.silent_ns = now - NS_PER_S;
	expect(&s, true, false, failing);	/* it never answered */
	snprintf(s.metadata.runtime, sizeof(s.metadata.runtime), "containerd 2.0");
	expect(&s, true, true, "{\"status\": \"ok\"}");		/* it may be restarting */
	s.metadata.silent_ns = now - 60 * NS_PER_S;
	expect(&s, true, false, failing);
	s.metadata.state = CRI_ANSWERS;
	expect(&s, true, true, "{\"status\": \"ok\"}");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("health");
	TCase *t = tcase_create("health");

	tcase_add_test(t, test_ok);
	tcase_add_test(t, test_nothing_published);
	tcase_add_test(t, test_hanging);
	tcase_add_test(t, test_unread);
	tcase_add_test(t, test_rules);
	tcase_add_test(t, test_outputs);
	tcase_add_test(t, test_metadata);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
