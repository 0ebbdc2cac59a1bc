/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recording: bounds (-n, -M), rotation (-C, -W), filter and masking. Feeds an engine and a recorder
 * with made-up events, then reads the files as a replay would.
 */
#include "agent/print_event.h"
#include "agent/recorder.h"
#include "agent/trace_file.h"
#include "engine/tests/event_build.h"
#include "engine/tests/test.h"

#include <dirent.h>
#include <unistd.h>

#define PROCESS 100
#define WRITE_BYTES 4000

static char dir[] = "/tmp/tiercel-recorder-XXXXXX";
static char path[64];
static struct limits limits;
static struct tiercel *engine;
static struct recorder *recorder;
static struct arena arena;
static struct event_build b;

static void on_event(void *ctx, struct event_ctx *ev)
{
	recorder_visible(recorder, ev);
}

static void snapshot(struct snapshot_item item)
{
	ck_assert_int_eq(tiercel_snapshot(engine, &item), 0);
	ck_assert_int_eq(recorder_snapshot(recorder, &item), 0);
}

static void start(struct recorder_opts opts)
{
	struct tiercel_opts engine_opts = { .on_event = on_event };

	opts.path = path;
	limits_init(&limits);
	engine = tiercel_new(&engine_opts, &limits);
	ck_assert_ptr_nonnull(engine);
	ck_assert_int_eq(recorder_new(&opts, engine, &recorder), 0);
	snapshot((struct snapshot_item){ SNAP_MACHINE, .machine = { .hostname = STR("node") } });
	snapshot(build_proc(1, 0, "init", "/sbin/init", STR("")));
	snapshot(build_proc(PROCESS, 1, "app", "/srv/app", STR("--token\0secret\0plain")));
	snapshot((struct snapshot_item){ SNAP_DONE });
}

static int feed(struct event *ev)
{
	tiercel_event(engine, ev);
	return recorder_event(recorder, ev);
}

static int open_file(int64_t fd, const char *name)
{
	build_i64(&b, fd);
	build_i64(&b, WIRE_AT_FDCWD);
	build_text(&b, name);
	build_u32(&b, WO_RDONLY);
	build_u32(&b, 0);
	build_u32(&b, 1);
	build_i64(&b, 2);
	return feed(build_done(&b, EV_OPENAT_2_X, PROCESS));
}

static int write_to(int64_t fd)
{
	static const char data[WRITE_BYTES];

	build_i64(&b, WRITE_BYTES);
	build_bytes(&b, data, sizeof(data));
	build_i64(&b, fd);
	build_u32(&b, WRITE_BYTES);
	return feed(build_done(&b, EV_WRITE_X, PROCESS));
}

static void finish(void)
{
	ck_assert_int_eq(recorder_free(recorder), 0);
	tiercel_free(engine);
}

/*
 * What a trace says: events that rules see, state-only ones, and the name of the last write's fd.
 */
struct content {
	unsigned processes, visible, state_only;
	char name[64], args[64];
};

static struct tiercel_opts reading;
static struct content *filling;

static void on_read(void *ctx, struct event_ctx *ev)
{
	filling->visible++;
	if (ev->ev->type == EV_WRITE_X && ev->fd)
		snprintf(filling->name, sizeof(filling->name), "%s", ev->fd->name->p);
}

static void note_process(struct content *c, const struct proc_record *p)
{
	c->processes++;
	if (p->tid != PROCESS)
		return;
	for (uint32_t i = 0; i < p->args.len && i < sizeof(c->args) - 1; i++)
		c->args[i] = p->args.p[i] ? p->args.p[i] : ' ';
}

static struct content read_back(const char *file)
{
	struct content c = { 0 };
	struct snapshot_item snap;
	struct scap_reader *reader;
	struct trace_file *trace;
	struct tiercel *t;
	struct diags diags;
	struct event ev;
	int what;

	filling = &c;
	reading.on_event = on_read;
	diags_init(&diags);
	t = tiercel_new(&reading, &limits);
	ck_assert_int_eq(trace_file_open(file, &trace), 0);
	reader = scap_reader_new(trace_file_source(trace), &limits, &diags);
	while ((what = scap_reader_next(reader, &snap, &ev)) > 0) {
		if (what == SCAP_EVENT) {
			c.state_only += (ev.flags & EVENT_STATE_ONLY) != 0;
			tiercel_event(t, &ev);
		} else {
			if (snap.kind == SNAP_PROC)
				note_process(&c, &snap.proc);
			tiercel_snapshot(t, &snap);
		}
	}
	ck_assert_int_eq(what, SCAP_END);
	ck_assert_uint_eq(diags.count, 0);
	scap_reader_free(reader);
	trace_file_close(trace);
	tiercel_free(t);
	diags_done(&diags);
	return c;
}

static void make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/t.scap", dir);
	arena_init(&arena, 4096, 0);
	b = (struct event_build){ 0 };
}

static int each_file(bool remove)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	ck_assert_ptr_nonnull(d);
	while ((e = readdir(d))) {
		n += e->d_name[0] != '.';
		if (remove && e->d_name[0] != '.')
			unlinkat(dirfd(d), e->d_name, 0);
	}
	closedir(d);
	return n;
}

static void remove_dir(void)
{
	each_file(true);
	rmdir(dir);
	arena_done(&arena);
}

START_TEST(stops_after_events)
{
	struct content c;
	int r = 0;

	start((struct recorder_opts){ .max_events = 5 });
	for (int i = 0; i < 9 && r == 0; i++)
		r = open_file(3 + i, "/etc/hosts");
	ck_assert_int_eq(r, 1);
	ck_assert_uint_eq(recorder_events(recorder), 5);
	finish();
	c = read_back(path);
	ck_assert_uint_eq(c.visible, 5);
	ck_assert_uint_eq(c.processes, 2);
}
END_TEST

/* Time of the events counts: the builder makes them a microsecond apart. */
START_TEST(stops_after_time)
{
	int r = 0, n = 0;

	start((struct recorder_opts){ .max_ns = 10000 });
	for (; n < 100 && r == 0; n++)
		r = open_file(3, "/etc/hosts");
	ck_assert_int_eq(r, 1);
	ck_assert_int_eq(n, 12);
	finish();
	ck_assert_uint_eq(read_back(path).visible, 11);
}
END_TEST

/* One file is opened and written to 100 times. Returns into how many files it went. */
static unsigned record_writes(struct recorder_opts opts)
{
	unsigned files;

	start(opts);
	ck_assert_int_eq(open_file(7, "/var/log/app.log"), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(write_to(7), 0);
	files = recorder_files(recorder);
	finish();
	ck_assert_uint_ge(files, 4);
	return files;
}

START_TEST(starts_new_files)
{
	unsigned visible = 0, files = record_writes((struct recorder_opts){ .file_bytes = 100000 });
	struct content c;
	char file[80];

	ck_assert_int_eq(each_file(false), (int)files);
	/* Each can be read alone: it starts with the processes and their fds. */
	for (unsigned i = 1; i <= files; i++) {
		snprintf(file, sizeof(file), "%s/t.%04u.scap", dir, i);
		c = read_back(file);
		ck_assert_uint_eq(c.processes, 2);
		ck_assert_str_eq(c.name, "/var/log/app.log");
		visible += c.visible;
	}
	ck_assert_uint_eq(visible, 101);
}
END_TEST

START_TEST(keeps_the_newest_files)
{
	struct recorder_opts opts = { .file_bytes = 50000, .max_files = 2 };
	unsigned files = record_writes(opts);
	char file[80];

	ck_assert_int_eq(each_file(false), 2);
	for (unsigned i = files - 1; i <= files; i++) {
		snprintf(file, sizeof(file), "%s/t.%04u.scap", dir, i);
		ck_assert_str_eq(read_back(file).name, "/var/log/app.log");
	}
}
END_TEST

/* What the filter refuses but the state needs is there for the state only. */
START_TEST(filter_keeps_the_state_right)
{
	struct ast *filter;
	struct content c;

	limits_init(&limits);
	ck_assert_int_eq(filter_option("evt.type = write and fd.name = /b", &arena, &limits,
				       &filter), 0);
	start((struct recorder_opts){ .filter = filter });
	ck_assert_int_eq(open_file(3, "/a"), 0);
	ck_assert_int_eq(open_file(4, "/b"), 0);
	ck_assert_int_eq(write_to(3), 0);
	ck_assert_int_eq(write_to(4), 0);
	ck_assert_int_eq(write_to(3), 0);
	ck_assert_uint_eq(recorder_events(recorder), 1);
	finish();
	c = read_back(path);
	ck_assert_uint_eq(c.visible, 1);
	ck_assert_uint_eq(c.state_only, 2);
	ck_assert_str_eq(c.name, "/b");
}
END_TEST

START_TEST(masks_what_was_asked_for)
{
	struct redact *redact = redact_new();
	struct content c;

	ck_assert_int_eq(redact_add(redact, STR("args=secret")), 0);
	ck_assert_int_eq(redact_add(redact, STR("paths=/srv/customer-*")), 0);
	ck_assert_int_eq(redact_add(redact, STR("nonsense")), -EINVAL);
	start((struct recorder_opts){ .redact = redact });
	ck_assert_int_eq(open_file(3, "/srv/customer-12/data"), 0);
	ck_assert_int_eq(write_to(3), 0);
	finish();
	c = read_back(path);
	ck_assert_str_eq(c.args, "--token ****** plain");
	ck_assert_str_eq(c.name, "/***/***********/****");
	ck_assert_uint_ge(redact_count(redact), 2);
	redact_free(redact);
}
END_TEST

START_TEST(gzip_by_name)
{
	uint8_t magic[2] = { 0 };
	FILE *f;

	snprintf(path, sizeof(path), "%s/t.scap.gz", dir);
	start((struct recorder_opts){ 0 });
	ck_assert_int_eq(open_file(3, "/etc/hosts"), 0);
	ck_assert_int_eq(write_to(3), 0);
	finish();
	f = fopen(path, "rb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fread(magic, 1, 2, f), 2);
	fclose(f);
	ck_assert(magic[0] == 0x1f && magic[1] == 0x8b);
	ck_assert_uint_eq(read_back(path).visible, 2);
}
END_TEST

START_TEST(no_place_to_write)
{
	struct recorder_opts opts = { .path = "/proc/none/t.scap" };
	struct tiercel_opts none = { 0 };

	limits_init(&limits);
	engine = tiercel_new(&none, &limits);
	ck_assert_int_eq(recorder_new(&opts, engine, &recorder), -ENOENT);
	tiercel_free(engine);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("recorder");
	TCase *t = tcase_create("recorder");

	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, make_dir, remove_dir);
	tcase_add_test(t, stops_after_events);
	tcase_add_test(t, stops_after_time);
	tcase_add_test(t, starts_new_files);
	tcase_add_test(t, keeps_the_newest_files);
	tcase_add_test(t, filter_keeps_the_state_right);
	tcase_add_test(t, masks_what_was_asked_for);
	tcase_add_test(t, gzip_by_name);
	tcase_add_test(t, no_place_to_write);
	suite_add_tcase(s, t);
	return s;
}

TEST_MAIN(make_suite)
