/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts about losses: what receivers of the incumbent's alerts rely on, and that each loss is told
 * once.
 */
#include "agent/losses.h"
#include "agent/outputs.h"
#include "engine/tests/test.h"

#include <jansson.h>

static json_t *last;	/* the alert that was sent last */
static unsigned sent;
static struct config *config;
static struct agent_stats now;

static void take(struct output *o, struct message *m)
{
	json_decref(last);
	last = json_loadb(m->json.p, m->json.len, 0, NULL);
	ck_assert_ptr_nonnull(last);
	sent++;
}

static const struct output_ops ops = { .name = "test", .emit = take };
static struct output output = { &ops };
static struct outputs outputs = { .v = { &output }, .n = 1, .forms = ALERT_JSON };
static struct internal_alerts to = { .outputs = &outputs };

static void start(void)
{
	struct config_opts opts = { 0 };
	struct diags diags;

	diags_init(&diags);
	ck_assert_int_eq(config_load(&opts, &diags, &config), 0);
	diags_done(&diags);
	to.alert.hostname = STR("host");
}

static void stop(void)
{
	json_decref(last);
	config_free(config);
}

static const char *field(const char *key)
{
	return json_string_value(json_object_get(json_object_get(last, "output_fields"), key));
}

static void lose(const char *event, uint64_t count)
{
	now.counters[now.ncounters++] = (struct source_counter){ .lane = "data", .kind = event,
								 .reason = "ring full",
								 .count = count };
	now.source.lost += count;
	now.source.produced += count + 1;
}

START_TEST(test_event_drop)
{
	struct losses l;
	const char *key;
	json_t *value;

	losses_init(&l, config);
	ck_assert(!losses_check(&l, &now, &to));
	ck_assert_uint_eq(sent, 0);
	lose("link", 3);
	lose("openat", 4);
	lose("unlinkat", 5);
	lose("fork", 6);
	lose("ptrace", 7);
	losses_check(&l, &now, &to);
	ck_assert_uint_eq(sent, 1);
	ck_assert_str_eq(json_string_value(json_object_get(last, "rule")),
			 "Falco internal: syscall event drop");
	ck_assert_str_eq(json_string_value(json_object_get(last, "priority")), "Warning");
	json_object_foreach(json_object_get(last, "output_fields"), key, value)
		ck_assert_msg(json_is_string(value), "%s is no text", key);
	ck_assert_str_eq(field("n_evts"), "30");
	ck_assert_str_eq(field("n_drops"), "25");
	ck_assert_str_eq(field("n_drops_buffer_dir_file_exit"), "8");
	ck_assert_str_eq(field("n_drops_buffer_open_exit"), "4");
	ck_assert_str_eq(field("n_drops_buffer_clone_fork_exit"), "6");
	ck_assert_str_eq(field("n_drops_buffer_other_interest_exit"), "7");
	ck_assert_str_eq(field("ebpf_enabled"), "true");
	ck_assert_str_eq(field("lost.data.link.ring_full"), "3");
	ck_assert_str_eq(field("total"), "25");
	losses_last(&l, &now, &to);
	ck_assert_uint_eq(sent, 1);
}
END_TEST

START_TEST(test_interval)
{
	struct losses l;

	losses_init(&l, config);
	lose("openat", 1);
	losses_check(&l, &now, &to);
	lose("openat", 1);
	losses_check(&l, &now, &to);
	ck_assert_uint_eq(sent, 1);
	losses_last(&l, &now, &to);
	ck_assert_uint_eq(sent, 2);
	ck_assert_str_eq(field("new"), "1");
	ck_assert_str_eq(field("total"), "2");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("losses");
	TCase *t = tcase_create("losses");

	tcase_add_checked_fixture(t, start, stop);
	tcase_add_test(t, test_event_drop);
	tcase_add_test(t, test_interval);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
