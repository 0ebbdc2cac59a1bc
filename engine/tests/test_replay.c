/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Golden replay: the community rules over every capture of the corpus give the alerts of the
 * reference, field by field and in its order. Uses the library only; skipped visibly when the
 * shared data is not there.
 */
#include <dirent.h>
#include <jansson.h>
#include <zlib.h>

#include "engine/tests/test.h"
#include "engine/tiercel.h"

enum mode { MODE_STABLE, MODE_ALL };

static const char *const mode_names[] = { "stable", "all" };

static const char *const rule_files[][5] = {
	[MODE_STABLE] = { "falco_rules.yaml" },
	[MODE_ALL] = { "falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml",
		       "enable-all.yaml" },
};

/* Alerts where we mean to differ; a row that no longer differs fails the test. */
static const struct intended {
	const char *trace, *rule;
	const char *reason;
} intended[] = {
	{ 0 },
};

/* Whole file, unzipped if it is gzip. False: it does not exist. */
static bool read_file(const char *path, struct buf *out)
{
	gzFile f = gzopen(path, "rb");
	int n;

	if (!f)
		return false;
	do {
		char *p = buf_reserve(out, 1 << 16);

		n = p ? gzread(f, p, 1 << 16) : -1;
		out->len += n > 0 ? (size_t)n : 0;
	} while (n > 0);
	gzclose(f);
	return n == 0;
}

static bool read_text(const char *path, struct buf *out)
{
	_cleanup_buf_ struct buf gz = BUF_INIT;

	buf_printf(&gz, "%s.gz", path);
	return read_file(path, out) || read_file(gz.p, out);
}

struct run {
	const char *trace;
	enum mode mode;
	json_t *expected;	/* array of alerts */
	size_t next;
	unsigned differences;
};

static void complain(struct run *r, const char *what, const json_t *want, const json_t *got)
{
	char *w, *g;

	if (r->differences++ >= 5)
		return;
	w = want ? json_dumps(want, JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
	g = got ? json_dumps(got, JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;
	printf("# %s (%s), alert %zu: %s\n#   expected %s\n#   got      %s\n", r->trace,
	       mode_names[r->mode], r->next, what, w ? w : "nothing", g ? g : "nothing");
	free(w);
	free(g);
}

static bool is_intended(const struct run *r, const json_t *alert)
{
	const char *rule = json_string_value(json_object_get(alert, "rule"));

	for (const struct intended *i = intended; i->trace; i++)
		if (!strcmp(i->trace, r->trace) && rule && !strcmp(i->rule, rule))
			return true;
	return false;
}

static void compare_fields(struct run *r, const json_t *want, const json_t *got)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)want, key, value)
		if (!json_equal(value, json_object_get(got, key)))
			complain(r, key, value, json_object_get(got, key));
	json_object_foreach((json_t *)got, key, value)
		if (!json_object_get(want, key))
			complain(r, key, NULL, value);
}

static void compare_alert(struct run *r, const json_t *got)
{
	static const char *const keys[] = { "rule", "time", "priority", "source", "tags", "output",
					    "hostname" };
	const json_t *want = json_array_get(r->expected, r->next);

	if (!want || !json_equal(json_object_get(want, "rule"), json_object_get(got, "rule")) ||
	    !json_equal(json_object_get(want, "time"), json_object_get(got, "time"))) {
		complain(r, "another alert", want, got);
	} else if (!is_intended(r, want)) {
		for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
			if (!json_equal(json_object_get(want, keys[i]),
					json_object_get(got, keys[i])))
				complain(r, keys[i], json_object_get(want, keys[i]),
					 json_object_get(got, keys[i]));
		compare_fields(r, json_object_get(want, "output_fields"),
			       json_object_get(got, "output_fields"));
	}
	r->next++;
}

static void on_alert(void *ctx, const struct tiercel_alert *alert, struct event_ctx *ev)
{
	json_error_t err;
	json_t *got = json_loadb(alert->line.p, alert->line.len, 0, &err);

	ck_assert_msg(got, "alert is not JSON: %s: %.*s", err.text, STR_ARG(alert->line));
	compare_alert(ctx, got);
	json_decref(got);
}

static const char *first_error(const struct diags *diags)
{
	for (uint32_t i = 0; i < diags->count; i++)
		if (diag_infos[diags->items[i].code].severity == DIAG_ERROR)
			return diags->items[i].message;
	return "?";
}

static void load_rules(struct tiercel *t, enum mode mode, struct limits *limits)
{
	struct buf texts[ARRAY_SIZE(rule_files[0])] = { BUF_INIT };
	struct ruleset_opts opts;
	struct ruleset *rs;
	struct diags diags;

	tiercel_ruleset_opts(&opts);
	diags_init(&diags);
	rs = ruleset_new(&opts, limits, &diags);
	ck_assert_ptr_nonnull(rs);
	for (int i = 0; rule_files[mode][i]; i++) {
		_cleanup_buf_ struct buf path = BUF_INIT;

		buf_printf(&path, "%s/corpus/falco-rules/%s", test_shared(), rule_files[mode][i]);
		ck_assert_msg(read_text(path.p, &texts[i]), "cannot read %s", path.p);
		ck_assert_msg(!ruleset_add(rs, rule_files[mode][i], buf_str(&texts[i])), "%s: %s",
			      rule_files[mode][i], diags.count ? diags.items[0].message : "?");
	}
	ruleset_finish(rs);
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		buf_done(&texts[i]);
	ck_assert_msg(rs->ok, "rules: %s", first_error(&diags));
	ck_assert_int_eq(tiercel_set_rules(t, rs), 0);
	diags_done(&diags);
}

static long read_bytes(void *ctx, void *buf, size_t n)
{
	return (long)fread(buf, 1, n, ctx);
}

static void feed(struct tiercel *t, const char *path, struct limits *limits)
{
	FILE *f = fopen(path, "rb");
	struct scap_reader *reader;
	struct snapshot_item snap;
	struct event ev;
	struct diags diags;
	int what;

	ck_assert_msg(f != NULL, "cannot open %s", path);
	diags_init(&diags);
	reader = scap_reader_new((struct byte_source){ read_bytes, f }, limits, &diags);
	ck_assert_ptr_nonnull(reader);
	while ((what = scap_reader_next(reader, &snap, &ev)) > 0) {
		if (what == SCAP_EVENT)
			tiercel_event(t, &ev);
		else
			tiercel_snapshot(t, &snap);
	}
	ck_assert_msg(what == SCAP_END, "%s: %s", path, diags.count ? diags.items[0].message : "?");
	scap_reader_free(reader);
	diags_done(&diags);
	fclose(f);
}

static json_t *parse_lines(struct str text)
{
	json_t *all = json_array();
	uint32_t at = 0;

	while (at < text.len) {
		const char *end = memchr(text.p + at, '\n', text.len - at);
		uint32_t n = end ? (uint32_t)(end - text.p) - at : text.len - at;

		json_array_append_new(all, json_loadb(text.p + at, n, 0, NULL));
		at += n + 1;
	}
	return all;
}

/* Number of differences. */
static unsigned replay(const char *dir, const char *file, const char *name, enum mode mode,
		       bool oracle)
{
	_cleanup_buf_ struct buf path = BUF_INIT, golden = BUF_INIT, text = BUF_INIT;
	struct run run = { .trace = name, .mode = mode };
	struct tiercel_opts opts = {
		.alert = { .json_output = true, .include_output = true, .include_tags = true,
			   .include_output_fields = true, .hostname = STR("node-1") },
		.match_all = mode == MODE_ALL,
		.oracle = oracle,
		.on_alert = on_alert,
		.ctx = &run,
	};
	struct limits limits;
	struct tiercel *t;

	buf_printf(&path, "%s/%s", dir, file);
	buf_printf(&golden, "%s/%s.%s.jsonl", dir, name, mode_names[mode]);
	if (!read_text(golden.p, &text))
		return 0;
	run.expected = parse_lines(buf_str(&text));
	limits_init(&limits);
	t = tiercel_new(&opts, &limits);
	ck_assert_ptr_nonnull(t);
	load_rules(t, mode, &limits);
	feed(t, path.p, &limits);
	for (; run.next < json_array_size(run.expected); run.next++)
		complain(&run, "missing alert", json_array_get(run.expected, run.next), NULL);
	printf("# %s (%s%s): %zu alerts, %u differences\n", name, mode_names[mode],
	       oracle ? ", oracle" : "", json_array_size(run.expected), run.differences);
	json_decref(run.expected);
	tiercel_free(t);
	return run.differences;
}

static unsigned replay_folder(const char *folder, enum mode mode, bool oracle)
{
	_cleanup_buf_ struct buf dir = BUF_INIT;
	unsigned differences = 0;
	struct dirent *e;
	DIR *d;

	buf_printf(&dir, "%s/corpus/%s", test_shared(), folder);
	d = opendir(dir.p);
	if (!d) {
		printf("# SKIP %s is not there\n", dir.p);
		return 0;
	}
	while ((e = readdir(d))) {
		_cleanup_buf_ struct buf name = BUF_INIT;
		const char *dot = strstr(e->d_name, ".scap");

		if (!dot)
			continue;
		buf_add(&name, e->d_name, (size_t)(dot - e->d_name));
		differences += replay(dir.p, e->d_name, name.p, mode, oracle);
	}
	closedir(d);
	return differences;
}

static const struct {
	const char *folder;
	enum mode mode;
	bool oracle;
} runs[] = {
	{ "scap", MODE_STABLE, false },		{ "scap", MODE_ALL, false },
	{ "behaviours", MODE_STABLE, false },	{ "behaviours", MODE_ALL, false },
	{ "behaviours", MODE_ALL, true },	{ "bench", MODE_STABLE, false },
	{ "bench", MODE_ALL, false },		{ "bench", MODE_ALL, true },
};

START_TEST(alerts_are_the_references)
{
	ck_assert_uint_eq(replay_folder(runs[_i].folder, runs[_i].mode, runs[_i].oracle), 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("replay");
	TCase *tc = tcase_create("replay");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, alerts_are_the_references, 0, ARRAY_SIZE(runs));
	suite_add_tcase(s, tc);
	return s;
}

TEST_MAIN(make_suite)
