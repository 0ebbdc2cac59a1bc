/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the rule-loader conformance sample: loads or not, codes, descriptions, selections. The data
 * is found through $TIERCEL_SHARED; without it the test says so and passes.
 */
#include <jansson.h>
#include <zlib.h>

#include "engine/out/format.h"
#include "engine/rule/ruleset.h"
#include "engine/tests/test.h"

enum { OPS_MAX = 64, FILES_MAX = 16 };

struct run {
	json_t *c, *expect;
	const char *name;
	struct buf why;
	struct diags diags;
	struct limits limits;
	struct ruleset *rs;
};

static int judge_output(void *ctx, struct str text, const struct field_scope *scope,
			const char **ret_msg, struct pos *ret_pos)
{
	return format_check(text, scope, ret_msg, ret_pos);
}

static struct str jstr(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return str_from(s ? s : "");
}

/* ---- comparing ----------------------------------------------------------------------------- */

/* Canonical text of a condition, or its words when it does not parse. */
static void normal_form(struct str text, struct buf *out)
{
	struct filter_error err;
	struct limits limits;
	struct arena a;
	struct ast *ast;

	limits_init(&limits);
	arena_init(&a, 4096, 0);
	if (filter_parse(text, &a, &limits, &ast, &err) == 0) {
		filter_print(out, ast);
	} else {
		text = str_trim(text);
		for (uint32_t i = 0; i < text.len; i++) {
			bool blank = text.p[i] == ' ' || text.p[i] == '\n' || text.p[i] == '\t';

			if (!blank || (out->len && out->p[out->len - 1] != ' '))
				buf_add_char(out, blank ? ' ' : text.p[i]);
		}
	}
	arena_done(&a);
}

static bool same_condition(struct str a, struct str b)
{
	_cleanup_buf_ struct buf x = BUF_INIT, y = BUF_INIT;

	normal_form(a, &x);
	normal_form(b, &y);
	return str_eq(buf_str(&x), buf_str(&y));
}

static bool same_set(json_t *a, json_t *b)
{
	json_t *sets[2] = { json_object(), json_object() }, *lists[2] = { a, b }, *v;
	bool same;
	size_t k;

	for (int i = 0; i < 2; i++)
		json_array_foreach(lists[i], k, v)
			json_object_set_new(sets[i], json_string_value(v), json_true());
	same = json_equal(sets[0], sets[1]);
	json_decref(sets[0]);
	json_decref(sets[1]);
	return same;
}

static void differ(struct run *r, const char *what, const char *name, json_t *want, json_t *got)
{
	char *w = json_dumps(want, JSON_ENCODE_ANY), *g = json_dumps(got, JSON_ENCODE_ANY);

	buf_printf(&r->why, "\n  %s %s: want %s, got %s", what, name, w ? w : "nothing",
		   g ? g : "nothing");
	free(w);
	free(g);
}

static json_t *by_name(json_t *items, const char *name)
{
	json_t *v;
	size_t i;

	json_array_foreach(items, i, v)
		if (str_is(jstr(json_object_get(v, "info"), "name"), name))
			return v;
	return NULL;
}

static void compare_rule(struct run *r, const char *name, json_t *want, json_t *got)
{
	static const char *const plain[] = { "priority", "enabled", "source", "capture",
					     "capture_duration", "description", "output" };
	static const char *const sets[] = { "exception_names", "exception_fields",
					    "exception_operators", "condition_fields", "macros",
					    "lists" };
	json_t *info = json_object_get(got, "info"), *det = json_object_get(got, "details");
	json_t *events = json_object_get(want, "events"), *extra;

	for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
		json_t *w = json_object_get(want, plain[i]), *g = json_object_get(info, plain[i]);
		bool same = json_is_string(w) ? json_is_string(g) &&
			str_eq(str_trim(jstr(want, plain[i])), str_trim(jstr(info, plain[i])))
			: json_equal(w, g);

		if (!same)
			differ(r, plain[i], name, w, g);
	}
	if (!same_condition(jstr(want, "condition"), jstr(info, "condition")))
		differ(r, "condition", name, want, info);
	if (!same_condition(jstr(want, "condition_compiled"), jstr(det, "condition_compiled")))
		differ(r, "condition_compiled", name, json_object_get(want, "condition_compiled"),
		       json_object_get(det, "condition_compiled"));
	if (!str_eq(jstr(want, "output_compiled"), jstr(det, "output_compiled")))
		differ(r, "output_compiled", name, json_object_get(want, "output_compiled"),
		       json_object_get(det, "output_compiled"));
	for (size_t i = 0; i < ARRAY_SIZE(sets); i++)
		if (!same_set(json_object_get(want, sets[i]), json_object_get(det, sets[i])))
			differ(r, sets[i], name, json_object_get(want, sets[i]),
			       json_object_get(det, sets[i]));
	if (!same_set(json_object_get(want, "tags"), json_object_get(info, "tags")))
		differ(r, "tags", name, json_object_get(want, "tags"), json_object_get(info, "tags"));
	if (json_is_array(events) ? !same_set(events, json_object_get(det, "events"))
				  : json_array_size(json_object_get(det, "events")) <= 30)
		differ(r, "events", name, events, json_object_get(det, "events"));
	extra = json_object_get(want, "extra_output_formatted_fields");
	if (extra && !json_equal(extra, json_object_get(det, "extra_output_formatted_fields")))
		differ(r, "extra fields", name, extra, det);
}

static void compare_definitions(struct run *r, const char *kind, json_t *want, json_t *got)
{
	json_t *w, *g;
	const char *name;

	if (json_object_size(want) != json_array_size(got))
		differ(r, "number of", kind, want, got);
	json_object_foreach(want, name, w) {
		json_t *info, *det;

		g = by_name(got, name);
		if (!g) {
			differ(r, kind, name, w, g);
			continue;
		}
		if (strcmp(kind, "rules") == 0) {
			compare_rule(r, name, w, g);
			continue;
		}
		info = json_object_get(g, "info");
		det = json_object_get(g, "details");
		if (json_object_get(w, "condition") &&
		    (!same_condition(jstr(w, "condition"), jstr(info, "condition")) ||
		     !same_condition(jstr(w, "condition_compiled"), jstr(det, "condition_compiled"))))
			differ(r, kind, name, w, g);
		if (!json_equal(json_object_get(w, "used"), json_object_get(det, "used")))
			differ(r, "used", name, w, g);
		if (json_object_get(w, "items_compiled") &&
		    !json_equal(json_object_get(w, "items_compiled"),
				json_object_get(det, "items_compiled")))
			differ(r, "items_compiled", name, w, g);
	}
}

static void compare_description(struct run *r)
{
	static const char *const kinds[] = { "rules", "macros", "lists" };
	_cleanup_buf_ struct buf out = BUF_INIT;
	json_t *doc;

	ruleset_describe(r->rs, &out);
	doc = json_loads(out.p, 0, NULL);
	ck_assert_msg(doc != NULL, "%s: description is not JSON: %s", r->name, out.p);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		compare_definitions(r, kinds[i], json_object_get(r->expect, kinds[i]),
				    json_object_get(doc, kinds[i]));
	if (!str_eq(jstr(r->expect, "required_engine_version"), jstr(doc, "required_engine_version")))
		differ(r, "required_engine_version", "", r->expect, doc);
	json_decref(doc);
}

static uint32_t count_code(const struct diags *d, const char *code)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < d->count; i++)
		n += strcmp(diag_infos[d->items[i].code].name, code) == 0;
	return n;
}

static uint32_t count_json(json_t *codes, const char *code)
{
	uint32_t n = 0;
	json_t *v;
	size_t i;

	json_array_foreach(codes, i, v)
		n += strcmp(json_string_value(v), code) == 0;
	return n;
}

static void compare_codes(struct run *r, const char *key, bool loads)
{
	json_t *want = json_object_get(r->expect, key), *v;
	bool one_file = json_array_size(json_object_get(r->c, "files")) == 1;
	size_t i;

	json_array_foreach(want, i, v) {
		const char *code = json_string_value(v);
		uint32_t got = count_code(&r->diags, code);

		if (!got || (one_file && strcmp(key, "warnings") == 0 && got < count_json(want, code)))
			buf_printf(&r->why, "\n  code %s: %u of %u", code, got,
				   count_json(want, code));
	}
	for (uint32_t k = 0; loads && k < r->diags.count; k++) {
		const struct diag *g = &r->diags.items[k];
		const char *code = diag_infos[g->code].name;

		if (diag_infos[g->code].severity == DIAG_WARNING && strncmp(code, "LOAD_", 5) == 0 &&
		    !count_json(json_object_get(r->expect, "warnings"), code))
			buf_printf(&r->why, "\n  code %s is not expected: %s", code, g->message);
	}
}

/* The JSON schema's opinion of each file. */
static void compare_schema(struct run *r)
{
	static const char *const words[] = {
		[SCHEMA_NONE] = "none", [SCHEMA_OK] = "ok", [SCHEMA_FAILED] = "failed",
	};
	const struct file_verdict *file = r->rs->files;
	json_t *v;
	size_t i;

	json_array_foreach(json_object_get(r->expect, "files"), i, v) {
		if (!file || !str_is(jstr(v, "schema"), words[file->schema]) ||
		    (file->schema == SCHEMA_FAILED) != (file->nwarnings > 0))
			buf_printf(&r->why, "\n  schema of file %zu is not %s", i,
				   jstr(v, "schema").p);
		file = file ? file->next : NULL;
	}
}

static void show_diags(struct run *r)
{
	for (uint32_t i = 0; i < r->diags.count; i++) {
		buf_add_char(&r->why, '\n');
		diag_render(&r->diags.items[i], &r->why);
	}
}

/* ---- loading ------------------------------------------------------------------------------- */

static int load(struct run *r, struct ruleset_opts *opts)
{
	json_t *files = json_object_get(r->c, "files"), *v;
	struct ruleset_text texts[FILES_MAX];
	char names[FILES_MAX][32];
	bool good = true;
	size_t i, n = json_array_size(files);

	limits_init(&r->limits);
	diags_init(&r->diags);
	r->rs = ruleset_new(opts, &r->limits, &r->diags);
	ck_assert(r->rs != NULL);
	ck_assert_uint_le(n, FILES_MAX);
	json_array_foreach(files, i, v) {
		snprintf(names[i], sizeof(names[i]), "file%zu.yaml", i);
		texts[i] = (struct ruleset_text){ names[i], { json_string_value(v),
						  (uint32_t)json_string_length(v) } };
		good &= ruleset_add(r->rs, texts[i].name, texts[i].text) == 0;
	}
	good &= ruleset_finish(r->rs) == 0;
	if (n > 1)
		good &= ruleset_judge_stages(opts, texts, (uint32_t)n - 1, true, &r->limits,
					     &r->diags) == 0;
	return good ? 0 : -EINVAL;
}

static void unload(struct run *r)
{
	ruleset_free(r->rs);
	diags_done(&r->diags);
}

static struct plugin_version *read_plugins(json_t *list, uint32_t *n)
{
	struct plugin_version *v = calloc(json_array_size(list) + 1, sizeof(*v));
	json_t *p;
	size_t i;

	ck_assert(v != NULL);
	json_array_foreach(list, i, p) {
		v[i].name = str_from(json_string_value(json_array_get(p, 0)));
		v[i].version = str_from(json_string_value(json_array_get(p, 1)));
	}
	*n = (uint32_t)json_array_size(list);
	return v;
}

/* Tags of an append entry as "a,b"; the buffer must stay where it is. */
static struct str join_tags(json_t *tags, struct buf *out)
{
	json_t *v;
	size_t i;

	json_array_foreach(tags, i, v)
		buf_printf(out, "%s%s", i ? "," : "", json_string_value(v));
	return buf_str(out);
}

static bool run_case(struct run *r)
{
	json_t *formats = json_object_get(r->c, "extra_output_format");
	json_t *fields = json_object_get(r->c, "extra_output_fields"), *v;
	size_t n = json_array_size(formats), nf = json_array_size(fields), i;
	struct output_append *appends = calloc(n + 1, sizeof(*appends));
	struct located_extra_field *extra = calloc(nf + 1, sizeof(*extra));
	struct buf *tags = calloc(n + 1, sizeof(*tags));
	struct ruleset_opts opts = { .min_priority = PRIO_DEBUG, .check_output = judge_output,
				     .schema = true };
	struct plugin_version *plugins;
	bool want_ok, ok;

	plugins = read_plugins(json_object_get(r->c, "plugins"), &opts.nplugins);
	opts.plugins = plugins;
	opts.require_plugins = json_object_get(r->c, "plugins") != NULL;
	if (json_object_get(r->c, "min_priority"))
		ck_assert_int_eq(priority_parse(jstr(r->c, "min_priority"), &opts.min_priority), 0);
	json_array_foreach(formats, i, v) {
		appends[i].source = jstr(v, "source");
		appends[i].rule = jstr(v, "rule");
		appends[i].extra_output = jstr(v, "format");
		appends[i].tag_list = join_tags(json_object_get(v, "tags"), &tags[i]);
	}
	json_array_foreach(fields, i, v)
		extra[i] = (struct located_extra_field){ jstr(v, "key"), jstr(v, "format") };
	if (nf)
		appends[n++] = (struct output_append){ .extra_fields = extra,
						       .nextra_fields = (uint32_t)nf };
	opts.appends = appends;
	opts.nappends = (uint32_t)n;

	want_ok = json_is_true(json_object_get(r->expect, "ok"));
	if (json_is_false(json_object_get(r->expect, "requirements_ok")))
		want_ok = false;
	ok = load(r, &opts) == 0;
	if (ok != want_ok)
		buf_printf(&r->why, "\n  ok: want %d, got %d", want_ok, ok);
	compare_codes(r, "errors", false);
	compare_schema(r);
	compare_codes(r, "warnings", ok);
	if (ok && json_object_get(r->expect, "rules"))
		compare_description(r);
	if (ok && r->rs->nactive != json_integer_value(json_object_get(r->expect,
								   "enabled_default_ruleset")))
		buf_printf(&r->why, "\n  active rules: %u", r->rs->nactive);
	if (r->why.len)
		show_diags(r);
	unload(r);
	for (i = 0; i < json_array_size(formats); i++)
		buf_done(&tags[i]);
	free(tags);
	free(appends);
	free(extra);
	free(plugins);
	return r->why.len == 0;
}

/* ---- selections ---------------------------------------------------------------------------- */

static struct rule_selection selection_of(json_t *op, struct buf *pattern)
{
	const char *how = json_string_value(json_array_get(op, 1));
	const char *what = json_string_value(json_array_get(op, 2));
	struct rule_selection s = {
		.enable = strcmp(json_string_value(json_array_get(op, 0)), "enable") == 0,
	};

	if (strcmp(how, "tag") == 0) {
		s.tag = str_from(what);
		return s;
	}
	buf_printf(pattern, strcmp(how, "substring") == 0 ? "*%s*" : "%s", what);
	s.rule_pattern = buf_str(pattern);
	return s;
}

/* Other rule sets than the default one start empty. */
static uint32_t count_selected(struct run *r, json_t *ops, size_t upto, const char *set)
{
	struct rule_selection sel[OPS_MAX];
	struct buf patterns[OPS_MAX] = { 0 };
	struct ruleset_opts opts = { .min_priority = PRIO_DEBUG, .selections = sel };
	uint32_t n = 0, active;

	if (strcmp(set, "falco-default-ruleset") != 0)
		sel[n++] = (struct rule_selection){ false, STR("*"), STR_NONE };
	for (size_t i = 0; i < upto && n < OPS_MAX; i++) {
		json_t *op = json_array_get(ops, i);

		if (json_array_size(op) == 4 &&
		    strcmp(json_string_value(json_array_get(op, 3)), set) == 0) {
			sel[n] = selection_of(op, &patterns[n]);
			n++;
		}
	}
	opts.nselections = n;
	ck_assert_int_eq(load(r, &opts), 0);
	active = r->rs->nactive;
	unload(r);
	for (uint32_t i = 0; i < OPS_MAX; i++)
		buf_done(&patterns[i]);
	return active;
}

static bool run_ops(struct run *r)
{
	json_t *ops = json_object_get(r->c, "ops"), *op;
	size_t i;

	json_array_foreach(ops, i, op) {
		uint32_t n;

		if (strcmp(json_string_value(json_array_get(op, 0)), "count") != 0)
			continue;
		n = count_selected(r, ops, i, json_string_value(json_array_get(op, 1)));
		if (n != json_integer_value(json_array_get(op, 2)))
			buf_printf(&r->why, "\n  op %zu: %u rules", i, n);
	}
	return r->why.len == 0;
}

/* ---- the sample ---------------------------------------------------------------------------- */

static bool read_line(gzFile f, struct buf *line)
{
	char part[65536];

	buf_clear(line);
	while (gzgets(f, part, sizeof(part))) {
		buf_add_c(line, part);
		if (line->p[line->len - 1] == '\n')
			return true;
	}
	return line->len > 0;
}

START_TEST(sample)
{
	_cleanup_buf_ struct buf line = BUF_INIT, path = BUF_INIT;
	uint32_t passed = 0, failed = 0;
	gzFile f;

	buf_printf(&path, "%s/conformance/rule-loader.jsonl.gz", test_shared());
	f = gzopen(path.p, "rb");
	if (!f) {
		printf("# SKIP %s is not there\n", path.p);
		return;
	}
	while (read_line(f, &line)) {
		struct run r = { .c = json_loads(line.p, 0, NULL) };

		ck_assert(r.c != NULL);
		r.expect = json_object_get(r.c, "expect");
		r.name = json_string_value(json_object_get(r.c, "name"));
		if (run_case(&r) && run_ops(&r)) {
			passed++;
		} else {
			failed++;
			printf("# %s:%s\n", r.name, r.why.p);
		}
		buf_done(&r.why);
		json_decref(r.c);
	}
	gzclose(f);
	printf("# rule-loader: %u passed, %u failed\n", passed, failed);
	fflush(stdout);
	ck_assert_uint_eq(failed, 0);
	ck_assert_uint_gt(passed, 0);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("loader_conformance");
	TCase *c = tcase_create("sample");

	tcase_set_timeout(c, 120);
	tcase_add_test(c, sample);
	suite_add_tcase(s, c);
	return s;
}

TEST_MAIN(make_suite)
