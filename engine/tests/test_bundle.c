/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bundles and exception files: what bundle.yaml may say, which layers a node uses and in which
 * order their files come, what a layer may do to another, and exceptions with owner and end.
 */
#include "engine/rule/bundle.h"
#include "engine/tests/test.h"

struct bed {
	struct ruleset_opts opts;
	struct limits limits;
	struct diags diags;
	struct ruleset *rs;
	struct bundle *bundle;
	int result;
};

#define HEAD "name: b\nversion: 1.2.3\nlayers:\n"
#define SYSTEM "  - {name: system, level: system}\n"
#define RULE(name, condition)                                                                   \
	"- rule: " name "\n  desc: d\n  condition: " condition "\n  output: o\n  priority: INFO\n"
#define OPEN "evt.type=open"

static void bed_init(struct bed *b)
{
	*b = (struct bed){ .opts = { .min_priority = PRIO_DEBUG } };
	limits_init(&b->limits);
	diags_init(&b->diags);
}

static void bed_read(struct bed *b, const char *text)
{
	b->rs = ruleset_new(&b->opts, &b->limits, &b->diags);
	ck_assert_ptr_nonnull(b->rs);
	b->result = bundle_read(b->rs, "bundle.yaml", str_from(text), &b->bundle);
}

static void bed_done(struct bed *b)
{
	ruleset_free(b->rs);
	diags_done(&b->diags);
}

/* Exactly the given problem, and no other. */
static void check_only(const struct bed *b, const char *expected)
{
	_cleanup_buf_ struct buf got = BUF_INIT;

	for (uint32_t i = 0; i < b->diags.count; i++)
		diag_render(&b->diags.items[i], &got);
	buf_add_char(&got, '\0');
	ck_assert_msg(b->diags.count == (expected ? 1 : 0), "expected %s, got\n%s",
		      expected ? expected : "nothing", got.p);
	ck_assert_msg(!expected || strstr(got.p, expected), "expected %s, got\n%s", expected, got.p);
}

/* ---- bundle.yaml --------------------------------------------------------------------------- */

static const struct {
	const char *text, *problem;
} descriptions[] = {
	{ HEAD SYSTEM, NULL },
	{ "- x\n", "bundle.yaml:1:1: error: A bundle is described by a map" },
	{ "name: b\nlayers: []\n", "no mapping for key 'version'" },
	{ "name: b\nversion: one\nlayers: [{name: s, level: system}]\n", "not of the form x.y.z" },
	{ "name: b\nversion: 1.0.0\nlayers: []\n", "sequence of layers" },
	{ "name: b\nversion: 1.0.0\nlayer: 1\nlayers: [{name: s, level: system}]\n",
	  "did you mean 'layers'?" },
	{ "name: b\nversion: 1.0.0\nrequired_engine_version: 0.99.0\nlayers:\n" SYSTEM,
	  "Rules require engine version 0.99.0" },
	{ HEAD "  - {name: s, level: node}\n", "one of system, cluster, application" },
	{ HEAD "  - {name: s, level: system, nodse: {cluster: a}}\n", "did you mean 'nodes'?" },
	{ HEAD "  - {name: s, level: system, nodes: {clustr: a}}\n", "did you mean 'cluster'?" },
	{ HEAD "  - {name: s, level: system, nodes: {cluster: []}}\n", "Selector has no value" },
	{ HEAD "  - {name: s, level: system, nodes: []}\n", "no alternative" },
	{ HEAD "  - {name: s, level: system, nodes: prod}\n", "a map of keys and globs" },
	{ HEAD "  - {name: s, level: system, nodes: {cluster: 'a\"b'}}\n", "has a quote" },
	{ HEAD "  - {name: s, level: system, nodes: {labels: [a]}}\n", "names and globs" },
	{ HEAD "  - {name: s, level: cluster, events: {images: [a]}}\n", "Only layers of level" },
	{ HEAD "  - {name: s, level: application, events: {image: [a]}}\n", "did you mean 'images'?" },
	{ HEAD "  - {name: s, level: system, path: ../x}\n", "not inside of the bundle" },
	{ HEAD "  - {name: s, level: system, path: /etc}\n", "not inside of the bundle" },
	{ HEAD SYSTEM "  - {name: system, level: cluster, path: c}\n", "has the name of layer" },
	{ HEAD SYSTEM "  - {name: other, level: cluster, path: system/}\n", "has the path of layer" },
	{ "name: [\n", "LOAD_ERR_YAML_PARSE" },
	{ "", "described by a map" },
};

START_TEST(description)
{
	struct bed b;

	bed_init(&b);
	bed_read(&b, descriptions[_i].text);
	ck_assert_int_eq(b.result, descriptions[_i].problem ? -EINVAL : 0);
	check_only(&b, descriptions[_i].problem);
	bed_done(&b);
}
END_TEST

/* ---- selection and order ------------------------------------------------------------------- */

static const char selectors[] =
	HEAD
	"  - {name: app, level: application, path: a/b}\n"
	"  - {name: any, level: cluster, path: c}\n"
	"  - {name: prod, level: cluster, path: c/prod, nodes: {environment: prod*}}\n"
	"  - {name: gpu, level: cluster, path: c/gpu,\n"
	"     nodes: [{cluster: [x-*, y], labels: {pool: gpu}}, {project: p}]}\n"
	SYSTEM;

static void check_selected(const struct node_fact *facts, uint32_t n, const char *expected)
{
	_cleanup_buf_ struct buf got = BUF_INIT;
	struct bed b;

	bed_init(&b);
	bed_read(&b, selectors);
	ck_assert_int_eq(b.result, 0);
	bundle_select(b.bundle, facts, n);
	for (uint32_t i = 0; i < b.bundle->nlayers; i++)
		if (b.bundle->layers[i]->selected)
			buf_printf(&got, "%.*s ", STR_ARG(b.bundle->layers[i]->name.s));
	ck_assert_str_view(buf_str(&got), expected);
	bed_done(&b);
}

#define FACT(key, value) { { key, sizeof(key) - 1 }, { value, sizeof(value) - 1 } }

START_TEST(selection)
{
	const struct node_fact prod[] = { FACT("environment", "production"), FACT("cluster", "z") };
	const struct node_fact half[] = { FACT("cluster", "x-1"), FACT("label.pool", "cpu") };
	const struct node_fact whole[] = { FACT("cluster", "x-1"), FACT("label.pool", "gpu") };
	const struct node_fact other[] = { FACT("project", "p") };

	check_selected(NULL, 0, "system any app ");
	check_selected(prod, 2, "system any prod app ");
	check_selected(half, 2, "system any app ");
	check_selected(whole, 2, "system any gpu app ");
	check_selected(other, 1, "system any gpu app ");
	ck_assert(node_fact_key_is_known(STR("label.x")) && node_fact_key_is_known(STR("node")));
	ck_assert(!node_fact_key_is_known(STR("label.")) && !node_fact_key_is_known(STR("pool")));
}
END_TEST

START_TEST(order)
{
	static const char *const paths[] = {
		"a/b/z.yaml", "a/b/a.exceptions.yaml", "c/gpu/1.yml", "bundle.yaml", "c/prod/p.yaml",
		"c/c.yaml", "c/c.tests.yaml", "system/2.yaml", "system/sub/1.yaml", "readme.md",
		"a/x.yaml", "system/10.yaml",
	};
	_cleanup_buf_ struct buf got = BUF_INIT;
	struct bundle_step *steps;
	struct bed b;
	uint32_t n;

	bed_init(&b);
	bed_read(&b, selectors);
	ck_assert_int_eq(bundle_plan(b.rs, b.bundle, paths, ARRAY_SIZE(paths), &steps, &n), 0);
	for (uint32_t i = 0; i < n; i++)
		buf_printf(&got, "%.*s:%s ", STR_ARG(steps[i].layer->name.s), paths[steps[i].file]);
	ck_assert_str_view(buf_str(&got),
			   "system:system/10.yaml system:system/2.yaml system:system/sub/1.yaml "
			   "any:c/c.yaml prod:c/prod/p.yaml gpu:c/gpu/1.yml app:a/b/z.yaml "
			   "app:a/b/a.exceptions.yaml ");
	check_only(&b, "File 'a/x.yaml' belongs to no layer");
	bed_done(&b);

	bed_init(&b);
	bed_read(&b, selectors);
	ck_assert_int_eq(bundle_plan(b.rs, b.bundle, paths, 7, &steps, &n), -EINVAL);
	check_only(&b, "Layer 'system' has no rules file at 'system' [LOAD_ERR_VALIDATE]");
	bed_done(&b);
}
END_TEST

/* ---- layers over each other ---------------------------------------------------------------- */

static const char three[] =
	HEAD SYSTEM
	"  - {name: prod, level: cluster}\n"
	"  - {name: app, level: application, events: [{images: ['*/es', es], namespaces: es-*},\n"
	"     {images: x}]}\n";

#define APP_CONDITION                                                                            \
	"((container.image.repository glob anyof (*/es, es) and k8s.ns.name glob anyof (es-*)) or " \
	"container.image.repository glob anyof (x))"

static void load_layers(struct bed *b, const char *const *texts)
{
	static const char *const names[] = { "system/s.yaml", "prod/p.yaml", "app/a.yaml",
					     "app/a.exceptions.yaml" };

	bed_init(b);
	b->opts.lint = true;
	b->opts.now = 1000 * INT64_C(86400);	/* 1972-09-27 */
	bed_read(b, three);
	ck_assert_int_eq(b->result, 0);
	for (uint32_t i = 0; i < 4; i++)
		if (texts[i])
			ruleset_add_layer(b->rs, b->bundle->layers[MIN(i, 2u)], names[i],
					  str_from(texts[i]));
	b->result = ruleset_finish(b->rs);
}

static void check_rule(struct bed *b, struct str name, const char *expected)
{
	_cleanup_buf_ struct buf got = BUF_INIT;
	struct rule *r = ruleset_find(b->rs, name);

	ck_assert(r && r->ast);
	filter_print(&got, r->ast);
	ck_assert_str_view(buf_str(&got), expected);
}

START_TEST(limited_layer)
{
	static const char *const texts[] = {
		RULE("r", OPEN) "  exceptions:\n    - {name: e, fields: [proc.name], values: [[a]]}\n",
		"- rule: r\n  condition: and fd.num=1\n  priority: ERROR\n"
		"  override: {condition: append, priority: replace}\n",
		RULE("own", OPEN " or evt.type=creat")
		"  exceptions:\n    - {name: o, fields: proc.name, values: [q]}\n"
		"- rule: r\n  exceptions:\n    - {name: e, values: [[b]]}\n"
		"    - {name: n, fields: proc.pname, values: [c]}\n  override: {exceptions: append}\n",
		"- {rule: r, name: f, fields: [proc.exe], values: [[d]], owner: o, reason: w}\n",
	};
	const struct rule *r;
	struct bed b;

	load_layers(&b, texts);
	check_only(&b, NULL);
	check_rule(&b, STR("own"), "(" APP_CONDITION " and (evt.type = open or evt.type = creat) and "
		   "not proc.name in (q))");
	check_rule(&b, STR("r"), "((evt.type = open and fd.num = 1) and not proc.name = a and not ("
		   APP_CONDITION " and proc.name = b) and not (" APP_CONDITION
		   " and proc.pname in (c)) and not (" APP_CONDITION " and proc.exe = d))");
	r = ruleset_find(b.rs, STR("r"));
	ck_assert_uint_eq(r->priority, PRIO_ERROR);
	ck_assert_uint_eq(b.rs->nexceptions, 5);
	for (uint32_t i = 0; i < b.rs->nexceptions; i++) {
		ck_assert_uint_eq(b.rs->exceptions[i]->index, i);
		ck_assert_ptr_nonnull(b.rs->exceptions[i]->ast);
	}
	ck_assert_str_view(r->exceptions[3].owner, "o");
	ck_assert_str_eq(r->exceptions[3].name.file, "app/a.exceptions.yaml");
	bed_done(&b);
}
END_TEST

static const struct {
	const char *texts[4], *problem;
} conflicts[] = {
	{ { RULE("r", OPEN), RULE("r", OPEN) }, "'r' is already defined in layer 'system'" },
	{ { RULE("r", OPEN) RULE("r", "evt.type=creat") }, "already defined in layer 'system'" },
	{ { "- list: l\n  items: [a]\n" RULE("r", OPEN " and fd.name in (l)"),
	    "- list: l\n  items: [b]\n" }, "'l' is already defined" },
	{ { "- macro: m\n  condition: evt.type=open\n" RULE("r", "m"),
	    "- macro: m\n  condition: evt.type=creat\n" }, "'m' is already defined" },
	{ { "- list: l\n  items: [a]\n" RULE("r", OPEN " and fd.name in (l)"), NULL,
	    "- list: l\n  items: [b]\n  override: {items: append}\n" }, "limited to some events" },
	{ { "- macro: m\n  condition: evt.type=open\n" RULE("r", "m"), NULL,
	    "- macro: m\n  condition: or evt.type=creat\n  override: {condition: append}\n" },
	  "limited to some events" },
	{ { RULE("r", OPEN), NULL,
	    "- rule: r\n  enabled: false\n  override: {enabled: replace}\n" },
	  "it can only append exceptions to 'r' of layer 'system'" },
	{ { RULE("r", OPEN), "- rule: rr\n  enabled: false\n  override: {enabled: replace}\n" },
	  "did you mean 'r'?" },
};

START_TEST(conflict)
{
	struct bed b;

	load_layers(&b, conflicts[_i].texts);
	ck_assert_int_eq(b.result, -EINVAL);
	check_only(&b, conflicts[_i].problem);
	if (!strstr(conflicts[_i].problem, "did you mean"))
		ck_assert_str_eq(b.diags.items[0].other_file, "system/s.yaml");
	bed_done(&b);
}
END_TEST

/* ---- exception files ----------------------------------------------------------------------- */

#define R RULE("r", OPEN) "  exceptions:\n    - {name: e, fields: [proc.name], values: [[a]]}\n"
#define WHO "owner: o, reason: w"

static const struct {
	const char *text, *problem;
} entries[] = {
	{ "- {rule: r, name: f, fields: proc.name, values: [b], " WHO ", expires: 1972-09-27}\n", NULL },
	{ "- {rule: r, name: e, fields: [proc.name], values: [[b]], ticket: T, " WHO "}\n", NULL },
	{ "- {rule: r, name: f, fields: proc.name, values: [b], " WHO ", expires: 1972-09-26}\n",
	  "warning: Exception 'f' of rule 'r' is over and ignored (owner: o)" },
	{ "- {rule: rx, name: f, fields: proc.name, values: [b], " WHO "}\n", "did you mean 'r'?" },
	{ "- {rule: r, name: f, fields: proc.nam, values: [b], " WHO "}\n",
	  "did you mean 'proc.name'?" },
	{ "- {rule: r, name: f, fields: proc.name, values: [b], owner: o}\n", "for key 'reason'" },
	{ "- {rule: r, name: f, fields: proc.name, values: [b], reason: o}\n", "for key 'owner'" },
	{ "- {rule: r, name: f, fields: proc.name, values: [b], owner: '', reason: w}\n",
	  "must be non-empty" },
	{ "- {rule: r, name: f, fields: proc.name, " WHO "}\n", "for key 'values'" },
	{ "- {rule: r, name: f, values: [b], " WHO "}\n", "for key 'fields'" },
	{ "- {rule: r, name: f, fields: proc.name, values: [b], " WHO ", expire: 2030-01-01}\n",
	  "did you mean 'expires'?" },
	{ "- {rule: r, name: f, fields: proc.name, values: [b], " WHO ", expires: 2030-02-30}\n",
	  "'2030-02-30' is not a date" },
	{ "- {rule: r, name: f, fields: proc.name, values: [b], " WHO ", expires: soon}\n",
	  "hint: write it as year-month-day" },
	{ "- {rule: r, name: e, fields: [proc.exe], values: [[b]], " WHO "}\n",
	  "with other fields or comps" },
	{ "- {rule: r, name: e, values: [[a]], " WHO "}\n", "LINT_DUPLICATE_EXCEPTION" },
	{ "- {rule: r, name: f, fields: user.name, values: [root], " WHO "}\n", "no field narrows it" },
	{ "- {rule: r, name: f, fields: proc.name, comps: x, values: [b], " WHO "}\n", "comps must be" },
	{ "- text\n", "An exception is a map" },
	{ "rule: r\n", "a sequence of exceptions" },
};

START_TEST(entry)
{
	const char *texts[4] = { R, NULL, NULL, entries[_i].text };
	bool warning = entries[_i].problem && (strstr(entries[_i].problem, "warning") ||
					       strstr(entries[_i].problem, "LINT") ||
					       strstr(entries[_i].problem, "narrows"));
	struct bed b;

	load_layers(&b, texts);
	ck_assert_int_eq(b.result, entries[_i].problem && !warning ? -EINVAL : 0);
	check_only(&b, entries[_i].problem);
	bed_done(&b);
}
END_TEST

/* Leap days: the first second after the day. */
START_TEST(dates)
{
	static const struct {
		const char *text;
		int64_t end;
	} days[] = {
		{ "2024-02-29", 1709251200 }, { "1970-01-01", 86400 }, { "2000-12-31", 978307200 },
		{ "2100-03-01", 4107628800 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(days); i++) {
		_cleanup_buf_ struct buf text = BUF_INIT;
		const char *texts[4] = { R };
		struct bed b;

		buf_printf(&text, "- {rule: r, name: f, fields: proc.name, values: [b], " WHO
			   ", expires: %s}\n", days[i].text);
		texts[3] = text.p;
		load_layers(&b, texts);
		ck_assert_int_eq(b.rs->exceptions[1]->expires, days[i].end);
		bed_done(&b);
	}
}
END_TEST

/* An exception file may come before the rules; without a time nothing is over. */
START_TEST(without_bundle)
{
	struct bed b;

	bed_init(&b);
	b.rs = ruleset_new(&b.opts, &b.limits, &b.diags);
	ruleset_add(b.rs, "a.exceptions.yml",
		    STR("- {rule: r, name: f, fields: proc.name, values: [b], " WHO
			", expires: 1971-01-01}\n"));
	ruleset_add(b.rs, "r.yaml", STR(RULE("r", OPEN)));
	ck_assert_int_eq(ruleset_finish(b.rs), 0);
	check_only(&b, NULL);
	check_rule(&b, STR("r"), "(evt.type = open and not proc.name in (b))");
	bed_done(&b);
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("bundle");
	TCase *c = tcase_create("bundle");

	tcase_add_loop_test(c, description, 0, (int)ARRAY_SIZE(descriptions));
	tcase_add_test(c, selection);
	tcase_add_test(c, order);
	tcase_add_test(c, limited_layer);
	tcase_add_loop_test(c, conflict, 0, (int)ARRAY_SIZE(conflicts));
	tcase_add_loop_test(c, entry, 0, (int)ARRAY_SIZE(entries));
	tcase_add_test(c, dates);
	tcase_add_test(c, without_bundle);
	suite_add_tcase(s, c);
	return s;
}

TEST_MAIN(make_suite)
