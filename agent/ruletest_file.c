/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Test files: YAML -> struct ruletest. Called by `tiercel test`. Every problem is a diagnostic at
 * its place in the file; a test with problems is kept, marked as broken.
 */
#include "agent/ruletest_build.h"

#include <libgen.h>

enum { TEST_FILE_BYTES = 16 << 20, ARENA_BLOCK = 64 << 10, COUNT_MAX = 1000000 };

/* ---- reports and scalars ------------------------------------------------------------------- */

void ruletest_oom(struct ruletest_file *f)
{
	f->diags.oom = true;
	f->diags.errors++;
}

static struct diag *place(struct ruletest_file *f, struct diag *g, uint32_t offset, uint32_t span)
{
	g->file = f->path;
	g->span = MAX(span, 1u);
	if (f->source) {
		g->pos = source_pos(f->source, offset, &f->arena);
		g->source_line = source_line(f->source, offset);
	}
	return g;
}

struct diag *ruletest_report(struct ruletest_file *f, uint32_t offset, uint32_t span,
			     const char *fmt, ...)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	return place(f, diag_add(&f->diags, DIAG_TEST_ERR, "%.*s", STR_ARG(buf_str(&text))), offset,
		     span);
}

struct diag *ruletest_report_node(struct ruletest_file *f, const struct yaml_node *n,
				  const char *fmt, ...)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	uint32_t span = n->kind == YNODE_SCALAR ? n->end - n->offset : 1;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	return place(f, diag_add(&f->diags, DIAG_TEST_ERR, "%.*s", STR_ARG(buf_str(&text))),
		     n->offset, span);
}

void ruletest_hint_near(struct ruletest_file *f, struct diag *g, struct str name,
			const char *const *names, size_t n)
{
	const char *near = str_nearest(name, names, n);

	if (near)
		diag_hint(&f->diags, g, "did you mean '%s'?", near);
}

bool ruletest_text(struct ruletest_file *f, const struct yaml_node *n, const char *what,
		   struct str *ret)
{
	const struct yaml_node *v = yaml_deref(n);

	if (v->kind != YNODE_SCALAR || v->is_null) {
		ruletest_report_node(f, n, "%s has to be a text", what);
		return false;
	}
	*ret = v->s;
	return true;
}

bool ruletest_number(struct ruletest_file *f, const struct yaml_node *n, const char *what,
		     int64_t min, int64_t max, int64_t *ret)
{
	const struct yaml_node *v = yaml_deref(n);

	if (v->kind != YNODE_SCALAR || str_to_i64(v->s, ret) < 0 || *ret < min || *ret > max) {
		if (max == INT64_MAX)
			ruletest_report_node(f, n, "%s has to be a whole number", what);
		else
			ruletest_report_node(f, n, "%s has to be a whole number from %lld to %lld",
					     what, (long long)min, (long long)max);
		return false;
	}
	return true;
}

bool ruletest_bool(struct ruletest_file *f, const struct yaml_node *n, const char *what, bool *ret)
{
	const struct yaml_node *v = yaml_deref(n);

	if (v->kind != YNODE_SCALAR || (!str_is(v->s, "true") && !str_is(v->s, "false"))) {
		ruletest_report_node(f, n, "%s has to be true or false", what);
		return false;
	}
	*ret = str_is(v->s, "true");
	return true;
}

void ruletest_no_field(struct ruletest_file *f, const struct yaml_node *key, const char *msg)
{
	const char *near = field_nearest(key->s);
	struct diag *g;

	if (near && field_find(key->s)) {	/* its argument is missing or wrong */
		ruletest_report_node(f, key, "%s", msg);
		return;
	}
	g = ruletest_report_node(f, key, "no field '%.*s'", STR_ARG(key->s));
	if (near)
		diag_hint(&f->diags, g, "did you mean '%s'?", near);
}

bool ruletest_claim_add(struct ruletest_file *f, struct ruletest_claims *claims,
			const struct yaml_node *key, struct str value)
{
	struct ruletest_claim *v;
	const char *msg = "";
	struct claim *c;
	int r = claim_new(key->s, value, &f->arena, &c, &msg);

	if (r == -ENOMEM) {
		ruletest_oom(f);
		return false;
	}
	if (r < 0) {
		if (r == -ENOENT)
			ruletest_no_field(f, key, msg);
		else
			ruletest_report_node(f, key->next, "%s", msg);
		return false;
	}
	v = arena_grow(&f->arena, claims->v, &claims->cap, claims->n + 1, sizeof(*v));
	if (!v) {
		ruletest_oom(f);
		return false;
	}
	claims->v = v;
	v[claims->n++] = (struct ruletest_claim){ c, key->s, key->offset };
	return true;
}

/* ---- expectations -------------------------------------------------------------------------- */

static struct ruletest_expect *add_expect(struct ruletest *t, const struct yaml_node *at)
{
	struct ruletest_expect *v = arena_grow(&t->file->arena, t->expects, &t->cap_expects,
					       t->nexpects + 1, sizeof(*v));

	if (!v) {
		ruletest_oom(t->file);
		return NULL;
	}
	t->expects = v;
	v += t->nexpects++;
	*v = (struct ruletest_expect){ .min = 1, .max = 1, .any_priority = true,
				       .offset = at->offset };
	return v;
}

static void read_count(struct ruletest *t, struct ruletest_expect *e, const struct yaml_node *n)
{
	struct ruletest_file *f = t->file;
	int64_t v;

	if (yaml_deref(n)->kind != YNODE_MAP) {
		if (ruletest_number(f, n, "count", 0, COUNT_MAX, &v))
			e->min = e->max = (uint32_t)v;
		return;
	}
	e->min = 0;
	e->max = UINT32_MAX;
	yaml_each_pair(k, n) {
		if (!str_is(k->s, "min") && !str_is(k->s, "max"))
			ruletest_report_node(f, k, "count has the keys min and max, not '%.*s'",
					     STR_ARG(k->s));
		else if (ruletest_number(f, k->next, "a count", 0, COUNT_MAX, &v))
			*(str_is(k->s, "min") ? &e->min : &e->max) = (uint32_t)v;
	}
	if (e->min > e->max)
		ruletest_report_node(f, n, "min is larger than max");
}

static void read_priority(struct ruletest *t, struct ruletest_expect *e, const struct yaml_node *n)
{
	struct str s;

	if (!ruletest_text(t->file, n, "priority", &s))
		return;
	e->any_priority = false;
	if (priority_parse(s, &e->priority) < 0)
		ruletest_report_node(t->file, n,
				     "priority is emergency, alert, critical, error, warning, "
				     "notice, informational or debug, not '%.*s'", STR_ARG(s));
}

static void read_fields(struct ruletest *t, struct ruletest_expect *e, const struct yaml_node *n)
{
	if (yaml_deref(n)->kind != YNODE_MAP) {
		ruletest_report_node(t->file, n, "fields has to be a map: field: value");
		return;
	}
	yaml_each_pair(k, n) {
		const struct yaml_node *v = yaml_deref(k->next);

		if (v->kind != YNODE_SCALAR)
			ruletest_report_node(t->file, k->next, "the value of a field is a text");
		else
			ruletest_claim_add(t->file, &e->fields, k, v->is_null ? STR_NONE : v->s);
	}
}

/*
 * Keys of an expectation; the long names are those of the event-generator's suites, whose source
 * and hostname say nothing about a rule.
 */
static void read_outcome(struct ruletest *t, struct ruletest_expect *e, const struct yaml_node *n)
{
	static const char *const keys[] = { "rule", "none", "count", "fields", "priority", "output",
					    "outputFields", "source", "hostname" };

	yaml_each_pair(k, n) {
		if (str_is(k->s, "rule") || str_is(k->s, "none")) {
			if (!ruletest_text(t->file, k->next, "the rule", &e->rule))
				continue;
			if (str_is(k->s, "none"))
				e->min = e->max = 0;
		} else if (str_is(k->s, "count")) {
			read_count(t, e, k->next);
		} else if (str_is(k->s, "fields") || str_is(k->s, "outputFields")) {
			read_fields(t, e, k->next);
		} else if (str_is(k->s, "priority")) {
			read_priority(t, e, k->next);
		} else if (str_is(k->s, "output")) {
			ruletest_text(t->file, k->next, "output", &e->output);
		} else if (!str_is(k->s, "source") && !str_is(k->s, "hostname")) {
			ruletest_hint_near(t->file,
					   ruletest_report_node(t->file, k,
								"unknown key '%.*s' of an "
								"expected alert", STR_ARG(k->s)),
					   k->s, keys, ARRAY_SIZE(keys));
		}
	}
}

static void read_expect_one(struct ruletest *t, const struct yaml_node *n)
{
	const struct yaml_node *v = yaml_deref(n);
	struct ruletest_expect *e = add_expect(t, n);

	if (!e)
		return;
	if (v->kind == YNODE_MAP)
		read_outcome(t, e, v);
	else
		ruletest_text(t->file, n, "an expected alert", &e->rule);
	if (!e->rule.p && v->kind == YNODE_MAP)
		ruletest_report_node(t->file, n, "the expected alert names no rule");
}

/* "none", a rule, one expectation or a list of them. */
static void read_expect(struct ruletest *t, const struct yaml_node *n)
{
	const struct yaml_node *v = yaml_deref(n);

	if (v->kind == YNODE_SCALAR && str_is(v->s, "none"))
		return;
	if (v->kind != YNODE_SEQ) {
		read_expect_one(t, n);
		return;
	}
	yaml_each(one, v)
		read_expect_one(t, one);
}

/* ---- tests --------------------------------------------------------------------------------- */

/* A path as the file writes it, relative to the file's directory. */
const char *ruletest_beside(struct ruletest_file *f, struct str path)
{
	char *copy, *dir;

	if (path.len && path.p[0] == '/')
		return arena_strdup(&f->arena, path);
	copy = arena_strdup(&f->arena, str_from(f->path));
	if (!copy)
		return NULL;
	dir = dirname(copy);
	if (!path.len)
		return dir;
	return strcmp(dir, ".") == 0 ? arena_strdup(&f->arena, path)
				     : arena_printf(&f->arena, "%s/%.*s", dir, STR_ARG(path));
}

static void read_matching(struct ruletest *t, const struct yaml_node *n)
{
	struct str s;

	if (!ruletest_text(t->file, n, "matching", &s))
		return;
	if (!str_is(s, "first") && !str_is(s, "all"))
		ruletest_report_node(t->file, n, "matching is 'first' or 'all'");
	t->match_all = str_is(s, "all");
}

static void read_trace(struct ruletest *t, const struct yaml_node *n)
{
	struct str path;

	if (ruletest_text(t->file, n, "trace", &path))
		t->trace = ruletest_beside(t->file, path);
}

/* Value of a key of the test, or of the defaults above all tests. */
static const struct yaml_node *key_of(const struct yaml_node *test, const struct yaml_node *top,
				      const char *key)
{
	const struct yaml_node *k = yaml_get_key(test, key);

	if (!k && top)
		k = yaml_get_key(top, key);
	return k ? k->next : NULL;
}

static void check_keys(struct ruletest_file *f, const struct yaml_node *map, bool top)
{
	static const char *const keys[] = { "name", "desc", "rules", "node", "given", "matching",
					    "allow_other", "expect", "rule", "expectedOutcome",
					    "trace", "events", "tests" };
	size_t n = ARRAY_SIZE(keys) - !top;

	yaml_each_pair(k, map) {
		size_t i = 0;

		while (i < n && !str_is(k->s, keys[i]))
			i++;
		if (i == n)
			ruletest_hint_near(f,
					   ruletest_report_node(f, k,
								"unknown key '%.*s' of a test",
								STR_ARG(k->s)),
					   k->s, keys, n);
	}
}

static void read_world(struct ruletest *t, const struct yaml_node *test,
		       const struct yaml_node *given)
{
	const struct yaml_node *events = yaml_get_key(test, "events");
	const struct yaml_node *trace = yaml_get_key(test, "trace");

	if (!events == !trace) {
		ruletest_report_node(t->file, test, "a test has either events or a trace");
		return;
	}
	if (trace) {
		read_trace(t, trace->next);
		if (given)
			ruletest_report_node(t->file, given,
					     "'given' goes with events: a trace has its own world");
		return;
	}
	build_world(t, given, events->next);
}

static void read_expected(struct ruletest *t, const struct yaml_node *test)
{
	const struct yaml_node *expect = yaml_get_key(test, "expect");
	const struct yaml_node *rule = yaml_get_key(test, "rule");
	const struct yaml_node *outcome = yaml_get_key(test, "expectedOutcome");
	struct ruletest_expect *e;

	if (expect)
		read_expect(t, expect->next);
	if (rule && (e = add_expect(t, rule)) != NULL) {
		e->max = UINT32_MAX;
		ruletest_text(t->file, rule->next, "rule", &e->rule);
		if (outcome && yaml_deref(outcome->next)->kind == YNODE_MAP)
			read_outcome(t, e, yaml_deref(outcome->next));
	}
	if (!expect && !rule)
		ruletest_report_node(t->file, test, "the test expects nothing: 'expect: none' "
						    "stands for silence");
}

static void read_test(struct ruletest_file *f, const struct yaml_node *n,
		      const struct yaml_node *top)
{
	const struct yaml_node *test = yaml_deref(n), *v;
	struct ruletest *t = arena_grow(&f->arena, f->tests, &f->cap_tests, f->ntests + 1,
					sizeof(*t));
	uint32_t errors = f->diags.errors;

	if (!t) {
		ruletest_oom(f);
		return;
	}
	f->tests = t;
	t += f->ntests++;
	*t = (struct ruletest){ .file = f, .pos = source_pos(f->source, n->offset, &f->arena) };
	if (test->kind != YNODE_MAP) {
		ruletest_report_node(f, n, "a test has to be a map with name, events, expect");
		t->name = STR("?");
		t->broken = true;
		return;
	}
	check_keys(f, test, false);
	if ((v = key_of(test, NULL, "name")) != NULL)
		ruletest_text(f, v, "name", &t->name);
	if (!t->name.p)
		t->name = str_from(arena_printf(&f->arena, "line %u", t->pos.line));
	ruletest_rules_read(t, test, key_of(test, top, "rules"), key_of(test, top, "node"));
	if ((v = key_of(test, top, "matching")) != NULL)
		read_matching(t, v);
	if ((v = key_of(test, top, "allow_other")) != NULL)
		ruletest_bool(f, v, "allow_other", &t->allow_other);
	read_world(t, test, key_of(test, top, "given"));
	read_expected(t, test);
	t->broken = f->diags.errors != errors;
}

static void read_all(struct ruletest_file *f, const struct yaml_node *docs)
{
	for (const struct yaml_node *doc = docs; doc; doc = doc->next) {
		const struct yaml_node *d = yaml_deref(doc), *tests = d, *top = NULL;

		if (d->kind == YNODE_MAP) {
			top = d;
			tests = yaml_get(d, "tests");
			check_keys(f, d, true);
		}
		if (!tests || tests->kind != YNODE_SEQ) {
			ruletest_report_node(f, doc,
					     "a file with tests is a list of tests, or a map "
					     "with the list under 'tests'");
			continue;
		}
		yaml_each(one, tests)
			read_test(f, one, top);
	}
}

/* A problem outside of the tests must not go unnoticed: it counts as a test that fails. */
static void add_broken(struct ruletest_file *f)
{
	struct ruletest *t;

	for (uint32_t i = 0; i < f->ntests; i++)
		if (f->tests[i].broken)
			return;
	t = arena_grow(&f->arena, f->tests, &f->cap_tests, f->ntests + 1, sizeof(*t));
	if (!t) {
		ruletest_oom(f);
		return;
	}
	f->tests = t;
	t[f->ntests++] = (struct ruletest){ .file = f, .name = STR("the file can be read"),
					    .pos = { 1, 1, 0 }, .broken = true };
}

static int parse(struct ruletest_file *f, struct str text)
{
	struct yaml_error err;
	struct yaml_node *docs = NULL;
	int r;

	text = arena_str(&f->arena, text);
	f->source = text.p ? source_new(f->path, text, &f->arena, &f->arena) : NULL;
	if (!f->source)
		return -ENOMEM;
	r = yaml_parse(f->source->text, &f->arena, &f->arena, &f->limits, &docs, &err);
	if (r == -EINVAL)
		ruletest_report(f, err.offset, 1, "%s", err.message);
	else if (r == 0)
		read_all(f, docs);
	if (r == 0 && !f->ntests && !f->diags.errors)
		ruletest_report(f, 0, 1, "there are no tests in this file");
	return r == -ENOMEM ? r : 0;
}

int ruletest_file_load(const char *path, struct ruletest_file **ret)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct ruletest_file *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	arena_init(&f->arena, ARENA_BLOCK, 0);
	limits_init(&f->limits);
	diags_init(&f->diags);
	f->path = arena_strdup(&f->arena, str_from(path));
	r = f->path ? io_read_file(path, TEST_FILE_BYTES, &text) : -ENOMEM;
	if (r == 0)
		r = parse(f, buf_str(&text));
	else if (r != -ENOMEM)
		ruletest_report(f, 0, 1, "cannot read the file: %s", strerror(-r));
	if (f->diags.errors)
		add_broken(f);
	if (r == -ENOMEM || f->diags.oom) {
		ruletest_file_free(f);
		return -ENOMEM;
	}
	*ret = f;
	return 0;
}

void ruletest_file_free(struct ruletest_file *f)
{
	if (!f)
		return;
	for (uint32_t i = 0; i < f->ntests; i++)
		io_names_done(&f->tests[i].rules);
	diags_done(&f->diags);
	arena_done(&f->arena);
	free(f);
}
