/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting for metadata of containers: what is held, in which order it goes on, what alerts say, and
 * that the bounds hold.
 */
#include "engine/tests/event_build.h"
#include "engine/tests/test.h"
#include "engine/tiercel.h"

#define ID_A "aaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbb"
#define REST "0123456789abcdef0123456789abcdef0123456789abcdef0123"

enum { HOST = 20, IN_A = 30, IN_B = 40, ALERTS_MAX = 64, LINE_MAX_BYTES = 2048 };

struct bed {
	struct limits limits;
	struct tiercel *engine;
	struct event_build b;
	unsigned alerts;
	char lines[ALERTS_MAX][LINE_MAX_BYTES];
};

static struct bed bed;

static const char rules[] =
	"- rule: opens\n"
	"  desc: d\n"
	"  condition: evt.type = openat and not fd.name startswith /quiet and not fd.name startswith /by and "
	"not container.image.repository = trusted\n"
	"  output: open %fd.name image %container.image.repository pod %k8s.pod.name\n"
	"  priority: INFO\n"
	"- rule: excepted\n"
	"  desc: d\n"
	"  condition: evt.type = openat and fd.name startswith /by\n"
	"  output: by %fd.name\n"
	"  priority: INFO\n"
	"  exceptions:\n"
	"  - name: name\n"
	"    fields: [fd.name]\n"
	"    comps: [startswith]\n"
	"    values: [[/by-name]]\n"
	"  - name: image\n"
	"    fields: [container.image.repository]\n"
	"    comps: [=]\n"
	"    values: [[nginx]]\n";

static void on_alert(void *ctx, const struct tiercel_alert *alert, struct event_ctx *ev)
{
	ck_assert_uint_lt(bed.alerts, ALERTS_MAX);
	ck_assert_uint_lt(alert->line.len, LINE_MAX_BYTES);
	memcpy(bed.lines[bed.alerts], alert->line.p, alert->line.len);
	bed.lines[bed.alerts++][alert->line.len] = '\0';
}

static void container_new(void *ctx, struct container *c)
{
	c->awaited = true;
}

static void add_proc(int64_t tid, const char *comm, struct str cgroups)
{
	struct snapshot_item item = build_proc(tid, 1, comm, "/bin/app", STR(""));

	item.proc.cgroups = cgroups;
	ck_assert_int_eq(tiercel_snapshot(bed.engine, &item), 0);
}

static void load_rules(void)
{
	struct ruleset_opts opts;
	struct diags diags;
	struct ruleset *rs;

	tiercel_ruleset_opts(&opts);
	diags_init(&diags);
	rs = ruleset_new(&opts, &bed.limits, &diags);
	ruleset_add(rs, "test.yaml", str_from(rules));
	ruleset_finish(rs);
	ck_assert_int_eq(tiercel_set_rules(bed.engine, rs), 0);
	diags_done(&diags);
}

static void setup(void)
{
	struct tiercel_opts opts = {
		.alert = { .json_output = true, .include_output = true,
			   .include_output_fields = true },
		.state.hooks.container_new = container_new,
		.on_alert = on_alert,
		.count_exceptions = TIERCEL_COUNT_ALL,
	};
	struct snapshot_item reset = { .kind = SNAP_RESET }, done = { .kind = SNAP_DONE };

	memset(&bed, 0, sizeof(bed));
	limits_init(&bed.limits);
	bed.engine = tiercel_new(&opts, &bed.limits);
	load_rules();
	tiercel_snapshot(bed.engine, &reset);
	add_proc(1, "init", STR("cpu=/"));
	add_proc(HOST, "host", STR("cpu=/"));
	add_proc(IN_A, "app", STR("cpu=/docker/" ID_A REST));
	add_proc(IN_B, "other", STR("cpu=/docker/" ID_B REST));
	tiercel_snapshot(bed.engine, &done);
}

static void teardown(void)
{
	tiercel_free(bed.engine);
}

static void open_file(int64_t tid, const char *name)
{
	static const uint8_t junk[sizeof(bed.b.data)];

	build_i64(&bed.b, 3);
	build_i64(&bed.b, WIRE_AT_FDCWD);
	build_text(&bed.b, name);
	build_u32(&bed.b, WO_RDONLY);
	build_u32(&bed.b, 0);
	build_u32(&bed.b, 0x801);
	build_i64(&bed.b, 99);
	tiercel_event(bed.engine, build_done(&bed.b, EV_OPENAT_2_X, tid));
	/* The source reuses its memory. */
	memcpy(bed.b.data, junk, sizeof(bed.b.data));
	memset(&bed.b.ev, 0x5a, sizeof(bed.b.ev));
}

static void end_process(int64_t tid)
{
	build_i64(&bed.b, 0);
	build_i64(&bed.b, 0);
	tiercel_event(bed.engine, build_done(&bed.b, EV_PROCEXIT_1_E, tid));
}

static int metadata(const char *id, const char *image)
{
	char json[512];
	int n = snprintf(json, sizeof(json),
			 "{\"container\":{\"id\":\"%s\",\"imagerepo\":\"%s\",\"labels\":"
			 "{\"io.kubernetes.pod.name\":\"pod-%s\"}}}", id, image, id);

	return tiercel_metadata(bed.engine, (struct str){ json, (uint32_t)n });
}

static bool line_has(unsigned i, const char *text)
{
	return i < bed.alerts && strstr(bed.lines[i], text);
}

START_TEST(waits_and_goes_on_in_order)
{
	open_file(HOST, "/first");
	ck_assert_uint_eq(bed.alerts, 1);
	open_file(IN_A, "/second");
	ck_assert_str_view(tiercel_waiting(bed.engine), ID_A);
	open_file(HOST, "/third");
	end_process(IN_A);
	open_file(HOST, "/fourth");
	ck_assert_uint_eq(bed.alerts, 1);
	ck_assert_int_eq(metadata(ID_A, "nginx"), 0);
	ck_assert_uint_eq(tiercel_waiting(bed.engine).len, 0);
	ck_assert_uint_eq(bed.alerts, 4);
	ck_assert(line_has(1, "open /second image nginx pod pod-" ID_A));
	ck_assert(!line_has(1, "metadata_missing"));
	ck_assert(line_has(2, "open /third") && line_has(3, "open /fourth"));
	ck_assert_uint_eq(tiercel_stats(bed.engine)->waits, 1);
	ck_assert_uint_eq(tiercel_stats(bed.engine)->held, 3);
	open_file(HOST, "/fifth");
	ck_assert(line_has(4, "open /fifth"));
}
END_TEST

START_TEST(conditions_see_metadata)
{
	open_file(IN_A, "/x");
	ck_assert_int_eq(metadata(ID_A, "trusted"), 0);
	ck_assert_uint_eq(bed.alerts, 0);
	open_file(IN_A, "/y");
	ck_assert_uint_eq(bed.alerts, 0);
}
END_TEST

START_TEST(waits_again_within_the_queue)
{
	open_file(IN_A, "/a");
	open_file(IN_B, "/b");
	open_file(HOST, "/c");
	ck_assert_int_eq(metadata(ID_A, "one"), 0);
	ck_assert_uint_eq(bed.alerts, 1);
	ck_assert_str_view(tiercel_waiting(bed.engine), ID_B);
	open_file(HOST, "/d");
	ck_assert_int_eq(metadata(ID_A, "one"), 0);	/* once more: nothing to do with it */
	ck_assert_uint_eq(bed.alerts, 1);
	ck_assert_int_eq(metadata(ID_B, "two"), 0);
	ck_assert_uint_eq(bed.alerts, 4);
	ck_assert(line_has(1, "open /b image two"));
	ck_assert(line_has(2, "/c") && line_has(3, "/d"));
}
END_TEST

START_TEST(a_reason_when_none_come)
{
	open_file(IN_A, "/a");
	tiercel_no_metadata(bed.engine, STR(ID_B), "timeout");
	ck_assert_uint_eq(bed.alerts, 0);
	tiercel_no_metadata(bed.engine, STR(ID_A), "timeout");
	ck_assert_uint_eq(bed.alerts, 1);
	ck_assert(line_has(0, "\"container.metadata_missing\":\"timeout\""));
	ck_assert(line_has(0, "open /a image <NA>"));
	open_file(IN_B, "/b");	/* was said before its first event: nobody waits */
	ck_assert_uint_eq(bed.alerts, 2);
	ck_assert_int_eq(metadata(ID_A, "late"), 0);
	open_file(IN_A, "/c");
	ck_assert(line_has(2, "open /c image late"));
	ck_assert(!line_has(2, "metadata_missing"));
}
END_TEST

START_TEST(bounded)
{
	bed.limits.max[LIMIT_HELD_BYTES] = 4096;
	open_file(IN_A, "/a");
	for (int i = 0; i < 20; i++)
		open_file(HOST, "/more");
	ck_assert_uint_eq(bed.alerts, 21);
	ck_assert(line_has(0, "\"container.metadata_missing\":\"queue full\""));
	ck_assert_uint_eq(bed.limits.hits[LIMIT_HELD_BYTES], 1);
}
END_TEST

/* Hits of the exceptions of the second rule. */
static uint64_t excepted(uint32_t i)
{
	return tiercel_exception_count(bed.engine, i).hits;
}

START_TEST(only_what_metadata_decide_waits)
{
	open_file(IN_A, "/quiet/a");	/* no rule, whatever the image is */
	ck_assert_uint_eq(tiercel_waiting(bed.engine).len, 0);
	open_file(HOST, "/first");
	ck_assert_uint_eq(bed.alerts, 1);
	open_file(IN_A, "/by-image");
	ck_assert_str_view(tiercel_waiting(bed.engine), ID_A);
	ck_assert_int_eq(metadata(ID_A, "nginx"), 0);
	ck_assert_uint_eq(bed.alerts, 1);
	ck_assert_uint_eq(excepted(0), 0);
	ck_assert_uint_eq(excepted(1), 1);
	/* No alert in any case, but what is counted depends on the image. */
	open_file(IN_B, "/by-name");
	ck_assert_str_view(tiercel_waiting(bed.engine), ID_B);
	ck_assert_int_eq(metadata(ID_B, "nginx"), 0);
	ck_assert_uint_eq(excepted(0), 1);
	ck_assert_uint_eq(excepted(1), 2);
	ck_assert_uint_eq(bed.alerts, 1);
}
END_TEST

START_TEST(other_events_do_not_wait)
{
	build_i64(&bed.b, 0);
	build_i64(&bed.b, 3);
	tiercel_event(bed.engine, build_done(&bed.b, EV_CLOSE_X, IN_A));
	ck_assert_uint_eq(tiercel_waiting(bed.engine).len, 0);
}
END_TEST

START_TEST(ends_while_waiting)
{
	open_file(IN_A, "/a");
	open_file(HOST, "/b");
	ck_assert_int_eq(tiercel_metadata(bed.engine, STR("{\"container\":")), -EBADMSG);
	ck_assert_str_view(tiercel_waiting(bed.engine), ID_A);
	load_rules();	/* a swap in between */
	ck_assert_int_eq(metadata(ID_A, "x"), 0);
	ck_assert_uint_eq(bed.alerts, 2);
	open_file(IN_B, "/c");
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("wait");
	TCase *tc = tcase_create("wait");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, waits_and_goes_on_in_order);
	tcase_add_test(tc, conditions_see_metadata);
	tcase_add_test(tc, waits_again_within_the_queue);
	tcase_add_test(tc, a_reason_when_none_come);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, only_what_metadata_decide_waits);
	tcase_add_test(tc, other_events_do_not_wait);
	tcase_add_test(tc, ends_while_waiting);
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
