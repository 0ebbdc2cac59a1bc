/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All fields at all events of the public captures against the golden values of the incumbent. Where
 * we differ on purpose the difference is a row of `intended`; a row that no longer applies fails.
 */
#include "engine/event/scap.h"
#include "engine/field/field.h"
#include "engine/tests/test.h"

#include <glob.h>
#include <jansson.h>
#include <zlib.h>

#define FIELDS_MAX 512
#define SHOWN_MAX 200
#define LINE_MAX_BYTES (1 << 20)

/* At most `max` of the values may differ: more is a mistake of ours. */
static const struct intended {
	const char *field;
	uint64_t max;
	const char *reason;
} intended[] = {
	{ "proc.exe_ino.ctime_duration_proc_start", UINT64_MAX,
	  "the incumbent prints memory it never set" },
	{ "proc.ppid.duration", UINT64_MAX,
	  "the incumbent prints another field when the start is not known" },
	{ "evt.hostname", UINT64_MAX, "the golden values were made without a host name" },
	{ "evt.buffer", 22, "the incumbent shows old memory when there are no data" },
	{ "user.shell", 239, "accounts of a container are not those of the host" },
	{ "fd.containername", 84, "the golden values were made without container ids" },
	{ "fd.containerdirectory", 78, "the golden values were made without container ids" },
	{ "fs.path.name", 1, "missing for a failed open" },
	{ "fs.path.nameraw", 1, "missing for a failed open" },
};

struct column {
	char name[64];
	struct field_ref ref;
	uint64_t compared, different;
};

struct golden {
	gzFile file;
	json_t *line;		/* current line, NULL at the end */
	char *text;
};

struct run {
	struct scap_reader *reader;
	struct state *state;
	struct arena scratch;
	struct field_cache *cache;
	struct limits limits;
	struct diags diags;
	struct event_ctx ctx;
	struct golden golden;
	struct column *columns;
	uint32_t ncolumns;
	uint64_t events;
	unsigned shown;
};

static struct arena columns_arena;
static struct column columns[FIELDS_MAX];
static uint32_t ncolumns;

static long read_file(void *ctx, void *buf, size_t n)
{
	return (long)fread(buf, 1, n, ctx);
}

static bool golden_next(struct golden *g)
{
	json_decref(g->line);
	g->line = gzgets(g->file, g->text, LINE_MAX_BYTES) ? json_loads(g->text, 0, NULL) : NULL;
	return g->line;
}

static void golden_open(struct golden *g, const char *path)
{
	g->file = gzopen(path, "rb");
	g->text = malloc(LINE_MAX_BYTES);
	ck_assert_msg(g->file && g->text, "cannot read %s", path);
	g->line = NULL;
}

static void golden_close(struct golden *g)
{
	json_decref(g->line);
	gzclose(g->file);
	free(g->text);
}

static const struct intended *is_intended(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(intended); i++) {
		if (strcmp(intended[i].field, name) == 0)
			return &intended[i];
	}
	return NULL;
}

static void add_column(const char *name)
{
	struct column *c = &columns[ncolumns];
	const char *msg = "";

	for (uint32_t i = 0; i < ncolumns; i++) {
		if (strcmp(columns[i].name, name) == 0)
			return;
	}
	ck_assert_uint_lt(ncolumns, FIELDS_MAX);
	snprintf(c->name, sizeof(c->name), "%s", name);
	ck_assert_msg(field_lookup(str_from(c->name), &columns_arena, NULL, &c->ref, &msg) == 0,
		      "%s: %s", name, msg);
	ncolumns++;
}

/* Every field that any golden line of any capture names is asked at every event. */
static void collect_columns(const glob_t *files)
{
	for (size_t i = 0; i < files->gl_pathc; i++) {
		struct golden g;

		golden_open(&g, files->gl_pathv[i]);
		while (golden_next(&g)) {
			const char *name;
			json_t *value;

			json_object_foreach(json_object_get(g.line, "f"), name, value)
				add_column(name);
		}
		golden_close(&g);
	}
}

/* Golden text holds one byte per character. */
static void latin1(struct buf *out, const char *utf8)
{
	const unsigned char *p = (const unsigned char *)utf8;

	for (; *p; p++) {
		if (*p >= 0xc2 && p[1]) {
			buf_add_char(out, (char)((*p << 6) | (p[1] & 0x3f)));
			p++;
		} else {
			buf_add_char(out, (char)*p);
		}
	}
}

static void show(const struct run *r, const struct column *c, const struct buf *got,
		 const struct buf *want)
{
	static const struct str none = { "(none)", 6 };
	struct str g = got ? buf_str(got) : none, w = want ? buf_str(want) : none;

	fprintf(stderr, "# event %llu %s %s: got %.*s, not %.*s\n",
		(unsigned long long)r->ctx.ev->num, r->ctx.ev->info->name, c->name, STR_ARG(g),
		STR_ARG(w));
}

static void compare(struct run *r, struct column *c, const char *want_utf8)
{
	_cleanup_buf_ struct buf got = BUF_INIT;
	_cleanup_buf_ struct buf want = BUF_INIT;
	bool have = field_print(&c->ref, &r->ctx, &got);

	if (want_utf8)
		latin1(&want, want_utf8);
	c->compared++;
	if (have == !!want_utf8 && (!have || str_eq(buf_str(&got), buf_str(&want))))
		return;
	if (is_intended(c->name)) {
		c->different++;
		return;
	}
	if (c->different++ < 2 && r->shown++ < SHOWN_MAX)
		show(r, c, have ? &got : NULL, want_utf8 ? &want : NULL);
}

static bool same_event(const struct run *r)
{
	const struct event *ev = r->ctx.ev;
	json_t *l = r->golden.line;

	return (uint64_t)json_integer_value(json_object_get(l, "ts")) == ev->ts &&
	       json_integer_value(json_object_get(l, "tid")) == ev->tid &&
	       json_integer_value(json_object_get(l, "type")) == ev->type;
}

static void check_event(struct run *r, struct event *ev)
{
	json_t *fields;

	arena_reset(&r->scratch);
	state_event(r->state, ev, &r->ctx);
	if (!r->ctx.visible || ev->type == EV_PROCINFO_E)
		return;
	ck_assert_msg(r->golden.line, "event %llu %s is not in the golden file",
		      (unsigned long long)ev->num, ev->info->name);
	ck_assert_msg(same_event(r), "event %llu %s: the golden file has %s",
		      (unsigned long long)ev->num, ev->info->name, r->golden.text);
	fields = json_object_get(r->golden.line, "f");
	for (uint32_t i = 0; i < ncolumns; i++)
		compare(r, &columns[i],
			json_string_value(json_object_get(fields, columns[i].name)));
	r->events++;
	golden_next(&r->golden);
}

static void read_all(struct run *r)
{
	struct snapshot_item item;
	struct event ev;
	int what;

	while ((what = scap_reader_next(r->reader, &item, &ev)) > SCAP_END) {
		if (what == SCAP_SNAPSHOT)
			ck_assert_int_eq(state_snapshot(r->state, &item), 0);
		else
			check_event(r, &ev);
	}
	ck_assert_int_eq(what, SCAP_END);
}

static void check_capture(const char *trace, const char *golden_path)
{
	const struct state_opts opts = { .falco_fd_connected = true };
	struct run r = { 0 };
	FILE *f = fopen(trace, "rb");

	ck_assert_msg(f, "cannot read %s", trace);
	limits_init(&r.limits);
	diags_init(&r.diags);
	arena_init(&r.scratch, 65536, 0);
	r.state = state_new(&opts, &r.limits);
	r.cache = field_cache_new();
	r.reader = scap_reader_new((struct byte_source){ read_file, f }, &r.limits, &r.diags);
	ck_assert(r.state && r.cache && r.reader);
	r.ctx.scratch = &r.scratch;
	r.ctx.field_cache = r.cache;
	r.ctx.source = STR("syscall");
	r.ctx.hostname = STR("");
	golden_open(&r.golden, golden_path);
	golden_next(&r.golden);
	read_all(&r);
	ck_assert_msg(!r.golden.line, "golden line without event: %s", r.golden.text);
	fprintf(stderr, "# %s: %llu events\n", trace, (unsigned long long)r.events);
	golden_close(&r.golden);
	scap_reader_free(r.reader);
	state_free(r.state);
	field_cache_free(r.cache);
	arena_done(&r.scratch);
	diags_done(&r.diags);
	fclose(f);
}

/* NAME.fields.jsonl.gz belongs to NAME.scap. */
static void trace_of(const char *golden_path, char *ret, size_t n)
{
	size_t base = strlen(golden_path) - strlen(".fields.jsonl.gz");

	snprintf(ret, n, "%.*s.scap", (int)base, golden_path);
}

static bool golden_files(glob_t *ret)
{
	char pattern[4096];

	snprintf(pattern, sizeof(pattern), "%s/corpus/scap/*.fields.jsonl.gz", test_shared());
	return glob(pattern, 0, NULL, ret) == 0;
}

START_TEST(captures)
{
	uint64_t wrong = 0, compared = 0;
	glob_t files;

	ck_assert(golden_files(&files));
	arena_init(&columns_arena, 65536, 0);
	collect_columns(&files);
	for (size_t i = 0; i < files.gl_pathc; i++) {
		char trace[4096];

		trace_of(files.gl_pathv[i], trace, sizeof(trace));
		check_capture(trace, files.gl_pathv[i]);
	}
	for (uint32_t i = 0; i < ncolumns; i++) {
		struct column *c = &columns[i];

		compared += c->compared;
		if (is_intended(c->name)) {
			ck_assert_msg(c->different, "%s agrees: take it off the list", c->name);
			ck_assert_msg(c->different <= is_intended(c->name)->max, "%s: %llu differ",
				      c->name, (unsigned long long)c->different);
			continue;
		}
		wrong += c->different;
		if (c->different)
			fprintf(stderr, "# %s: %llu of %llu differ\n", c->name,
				(unsigned long long)c->different, (unsigned long long)c->compared);
	}
	globfree(&files);
	arena_done(&columns_arena);
	ck_assert_uint_gt(compared, 100000);
	ck_assert_msg(!wrong, "%llu of %llu values differ", (unsigned long long)wrong,
		      (unsigned long long)compared);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("fields_golden");
	TCase *t = tcase_create("captures");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, captures);
	suite_add_tcase(s, t);
	return s;
}

static int run_suite(void)
{
	SRunner *sr = srunner_create(make_suite());
	int failed;

	srunner_set_tap(sr, "-");
	srunner_run_all(sr, CK_SILENT);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(void)
{
	glob_t files;

	if (!golden_files(&files)) {
		puts("1..1\nok 1 - captures # SKIP no captures with golden values");
		return EXIT_SUCCESS;
	}
	globfree(&files);
	return run_suite();
}
