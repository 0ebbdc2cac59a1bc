/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several engines give what one gives: the same alerts in the same order, the same counts, also
 * while rules are exchanged and while events wait for metadata of containers. The source is a trace
 * that every reader reads by itself.
 */
#include "agent/engines.h"
#include "agent/trace_file.h"
#include "engine/tests/test.h"

#include <unistd.h>

enum { READERS = 5, BATCH = 700, PATIENCE = 3, SWAP_EVERY = 7 };

static char trace[] = "/tmp/tiercel-engines-XXXXXX";

/* ---- a trace as a source ---- */

struct fake {
	struct source base;
	struct trace_file *files[READERS];
	struct scap_reader *readers[READERS];
	struct limits limits[READERS];
	struct diags diags[READERS];
	bool at_end;			/* of the first reader */
};

static struct fake *fake_of(struct source *s)
{
	return container_of(s, struct fake, base);
}

static int fake_walk(struct source *s, uint32_t reader, source_event_fn fn, void *ctx)
{
	struct fake *f = fake_of(s);
	struct snapshot_item item;
	struct event ev;
	int n = 0, what = 1;

	while (n < BATCH && (what = scap_reader_next(f->readers[reader], &item, &ev)) > 0) {
		if (what != SCAP_EVENT)
			continue;
		n++;
		fn(ctx, &ev);
	}
	if (reader == 0)
		f->at_end = what <= 0;
	return n;
}

static int fake_begin(struct source *s, int timeout_ms, uint32_t max)
{
	ck_assert_uint_ge(max, BATCH);
	return !fake_of(s)->at_end;
}

static void fake_finish(struct source *s)
{
}

static int fake_poll(struct source *s, int timeout_ms, source_event_fn fn, void *ctx)
{
	return fake_of(s)->at_end ? 0 : fake_walk(s, 0, fn, ctx);
}

static const struct source_ops fake_ops = {
	.name = "fake", .poll = fake_poll, .begin = fake_begin, .walk = fake_walk, .finish = fake_finish,
};

static void fake_open(struct fake *f)
{
	*f = (struct fake){ .base.ops = &fake_ops };
	for (uint32_t i = 0; i < READERS; i++) {
		limits_init(&f->limits[i]);
		diags_init(&f->diags[i]);
		ck_assert_int_eq(trace_file_open(trace, &f->files[i]), 0);
		f->readers[i] = scap_reader_new(trace_file_source(f->files[i]), &f->limits[i],
						&f->diags[i]);
		ck_assert_ptr_nonnull(f->readers[i]);
	}
}

static void fake_close(struct fake *f)
{
	for (uint32_t i = 0; i < READERS; i++) {
		scap_reader_free(f->readers[i]);
		trace_file_close(f->files[i]);
		diags_done(&f->diags[i]);
	}
}

/* ---- a session ---- */

struct session {
	struct engines *engines;
	struct limits limits;
	struct buf lines;
	uint64_t alerts, events, hits[2];
	struct tiercel_stats stats;
	bool waits;
	unsigned asked, swaps;
};

static void on_alerts(void *ctx, struct message *const *v, uint32_t n)
{
	struct session *s = ctx;

	for (uint32_t i = 0; i < n; i++) {
		buf_add_str(&s->lines, v[i]->json);
		buf_add_char(&s->lines, '\n');
	}
	s->alerts += n;
}

static void container_new(void *ctx, struct container *c)
{
	struct session *s = ctx;

	/*
	 * What it says depends on how often it was asked: once per container, however many engines.
	 */
	s->asked++;
	if (s->asked % 4 == 0)
		c->missing = "nobody to ask";
	else
		c->awaited = s->waits;
}

static int on_event(void *ctx, struct event *ev)
{
	struct session *s = ctx;

	s->events++;
	tiercel_event(engines_first(s->engines), ev);
	return 0;
}

#define OUTPUT(version)                                                                           \
	"  desc: d\n  priority: NOTICE\n  output: " version " %evt.num %evt.time %evt.type %fd.name "    \
	"%proc.cmdline %proc.pname %proc.aname[2] %container.id %container.name\n"

static const char rules[] =
	"- rule: shadow\n" OUTPUT("one")
	"  condition: evt.type = openat and fd.name = /etc/shadow\n"
	"- rule: programs\n" OUTPUT("one")
	"  condition: evt.type = execve\n"
	"- rule: files\n" OUTPUT("one")
	"  condition: evt.type in (openat, read, write, close) and fd.name startswith /etc\n";
static const char others[] =
	"- rule: files\n" OUTPUT("two")
	"  condition: evt.type in (openat, read, close) and fd.name startswith /etc\n"
	"- rule: programs\n" OUTPUT("two")
	"  condition: evt.type = execve and container.id != host\n";

static void use(struct session *s, const char *text)
{
	struct ruleset_opts opts;
	struct engines_plan *plan;
	struct limits limits;
	struct diags diags;
	struct ruleset *rs;

	tiercel_ruleset_opts(&opts);
	limits_init(&limits);
	diags_init(&diags);
	rs = ruleset_new(&opts, &limits, &diags);
	ck_assert_ptr_nonnull(rs);
	ck_assert_int_eq(ruleset_add(rs, "rules", str_from(text)), 0);
	ck_assert_msg(ruleset_finish(rs) == 0, "%s", diags.count ? diags.items[0].message : "");
	ck_assert(rs->ok);
	ck_assert_int_eq(engines_compile(s->engines, rs, &plan), 0);
	engines_plan_free(engines_activate(s->engines, plan));
	diags_done(&diags);
}

static void take_snapshot(struct session *s)
{
	struct snapshot_item item = { .kind = SNAP_RESET };
	struct scap_reader *reader;
	struct trace_file *file;
	struct diags diags;
	struct event ev;

	diags_init(&diags);
	ck_assert_int_eq(engines_snapshot(s->engines, &item), 0);
	ck_assert_int_eq(trace_file_open(trace, &file), 0);
	reader = scap_reader_new(trace_file_source(file), &s->limits, &diags);
	while (scap_reader_next(reader, &item, &ev) == SCAP_SNAPSHOT)
		engines_snapshot(s->engines, &item);
	scap_reader_free(reader);
	trace_file_close(file);
	diags_done(&diags);
}

/* Between two batches, as metadata_wait.c does. */
static void answer(struct session *s, unsigned *patience)
{
	struct str id = tiercel_waiting(engines_first(s->engines));
	_cleanup_buf_ struct buf json = BUF_INIT;

	if (!id.p || ++*patience < PATIENCE)
		return;
	*patience = 0;
	buf_printf(&json, "{\"container\":{\"type\":7,\"id\":\"%.*s\",\"name\":\"of-%.*s\"}}",
		   STR_ARG(id), STR_ARG(id));
	if (id.p[0] % 2 || engines_metadata(s->engines, buf_str(&json)) < 0)
		engines_no_metadata(s->engines, id, "test");
}

static void run(struct session *s, uint32_t n, bool swaps, bool waits)
{
	struct tiercel_opts opts = { .state.hooks = { .container_new = container_new, .ctx = s },
				     .forms = ALERT_JSON };
	struct engines_opts all = { .engine = &opts, .limits = &s->limits, .n = n,
				    .hostname = STR("host"), .on_alerts = on_alerts, .ctx = s };
	unsigned patience = 0, turns = 0;
	struct fake f;

	*s = (struct session){ .lines = BUF_INIT, .waits = waits };
	limits_init(&s->limits);
	opts.alert.hostname = all.hostname;
	opts.alert.include_output = true;
	s->engines = engines_new(&all);
	ck_assert_ptr_nonnull(s->engines);
	use(s, rules);
	fake_open(&f);
	take_snapshot(s);
	ck_assert_int_eq(engines_start(s->engines, &f.base), 0);
	while (engines_poll(s->engines, 10, on_event, s) > 0) {
		answer(s, &patience);
		if (swaps && ++turns % SWAP_EVERY == 0)
			use(s, s->swaps++ % 2 ? rules : others);
	}
	while (tiercel_waiting(engines_first(s->engines)).p)
		engines_no_metadata(s->engines, tiercel_waiting(engines_first(s->engines)), "end");
	engines_stop(s->engines);
	s->stats = engines_stats(s->engines);
	for (uint32_t i = 0; i < 2; i++)
		s->hits[i] = engines_rule_hits(s->engines, i);
	engines_free(s->engines);
	fake_close(&f);
}

static void compare(bool swaps, bool waits)
{
	static const uint32_t counts[] = { 2, READERS };
	struct session one, many;

	run(&one, 1, swaps, waits);
	ck_assert_uint_gt(one.alerts, 500);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		run(&many, counts[i], swaps, waits);
		ck_assert_uint_eq(many.alerts, one.alerts);
		ck_assert_uint_eq(many.lines.len, one.lines.len);
		ck_assert_int_eq(memcmp(many.lines.p, one.lines.p, one.lines.len), 0);
		ck_assert_uint_eq(many.events, one.events);
		ck_assert_uint_eq(many.asked, one.asked);
		ck_assert_int_eq(memcmp(&many.stats, &one.stats, sizeof(one.stats)), 0);
		ck_assert_int_eq(memcmp(many.hits, one.hits, sizeof(one.hits)), 0);
		buf_done(&many.lines);
	}
	if (waits)
		ck_assert_uint_gt(one.stats.waits, 3);
	if (swaps)
		ck_assert_uint_gt(one.swaps, 3);
	buf_done(&one.lines);
}

START_TEST(test_same)
{
	compare(false, false);
}
END_TEST

START_TEST(test_swaps)
{
	compare(true, false);
}
END_TEST

START_TEST(test_waits)
{
	compare(false, true);
}
END_TEST

START_TEST(test_both)
{
	compare(true, true);
}
END_TEST

static void make_trace(void)
{
	const char *build = getenv("BUILD");
	char command[256];
	int fd = mkstemp(trace);

	ck_assert_int_ge(fd, 0);
	close(fd);
	snprintf(command, sizeof(command), "%s/bench/gen_trace -n 30000 -a 100 -o %s",
		 build ? build : "build", trace);
	ck_assert_int_eq(system(command), 0);
}

static void drop_trace(void)
{
	unlink(trace);
}

static Suite *make_suite(void)
{
	Suite *s = suite_create("engines");
	TCase *t = tcase_create("engines");

	tcase_add_unchecked_fixture(t, make_trace, drop_trace);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_same);
	tcase_add_test(t, test_swaps);
	tcase_add_test(t, test_waits);
	tcase_add_test(t, test_both);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
