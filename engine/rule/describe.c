/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptions of a rule set: JSON in the shape of `falco -L` and two text columns. Called by
 * `tiercel rules`; reads a finished rule set, all memory is temporary.
 */
#include "engine/base/json.h"
#include "engine/base/map.h"
#include "engine/rule/ruleset.h"

enum { EVENT_NAMES_MAX = 4096 };

/* A set of texts; sorted and made distinct when it is written. */
struct names {
	struct arena *arena;
	struct str *v;
	uint32_t n, cap;
	bool oom;
};

static void names_add(struct names *s, struct str name)
{
	struct str *v = arena_grow(s->arena, s->v, &s->cap, s->n + 1, sizeof(*v));

	if (!v) {
		s->oom = true;
		return;
	}
	s->v = v;
	v[s->n++] = name;
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void write_names(struct json *j, const char *key, struct names *s)
{
	if (s->n)
		qsort(s->v, s->n, sizeof(*s->v), by_text);
	json_key(j, key);
	json_arr(j);
	for (uint32_t i = 0; i < s->n; i++)
		if (!i || !str_eq(s->v[i], s->v[i - 1]))
			json_str(j, s->v[i]);
	json_arr_end(j);
	if (s->oom)
		j->out->err = -ENOMEM;
}

static void write_strs(struct json *j, const char *key, const struct str *v, uint32_t n)
{
	json_key(j, key);
	json_arr(j);
	for (uint32_t i = 0; i < n; i++)
		json_str(j, v[i]);
	json_arr_end(j);
}

static void write_text(struct json *j, const char *key, struct str s)
{
	json_key(j, key);
	json_str(j, s.p ? s : STR(""));
}

/* ---- what conditions and outputs use ------------------------------------------------------- */

/* The argument as it is, without the quotes that the grammar may want. */
static void add_field(const struct expr *e, struct names *fields)
{
	char *text = NULL;

	if (e->has_arg && e->arg.len)
		text = arena_printf(fields->arena, "%.*s[%.*s]", STR_ARG(e->text), STR_ARG(e->arg));
	fields->oom |= e->has_arg && e->arg.len && !text;
	names_add(fields, text ? str_from(text) : e->text);
}

static void expr_fields(const struct expr *e, struct names *fields)
{
	if (!e)
		return;
	if (e->kind == EXPR_FIELD)
		add_field(e, fields);
	for (uint32_t i = 0; i < e->nargs; i++)
		expr_fields(e->args[i], fields);
}

static void add_op(const struct ast *a, struct names *ops)
{
	const char *op = op_infos[a->op].spelling;
	char *with;

	if (a->modifier == MOD_NONE) {
		names_add(ops, str_from(op));
		return;
	}
	with = arena_printf(ops->arena, "%s %s", op, modifier_names[a->modifier]);
	if (with)
		names_add(ops, str_from(with));
	else
		ops->oom = true;
}

static void ast_use(const struct ast *a, struct names *fields, struct names *ops)
{
	for (uint32_t i = 0; i < a->nkids; i++)
		ast_use(a->kids[i], fields, ops);
	if (a->kind != AST_CHECK)
		return;
	expr_fields(a->left, fields);
	expr_fields(a->right, fields);
	add_op(a, ops);
}

/* A field ends where the longest known name ends; the parser may have taken more. */
static void output_field(const struct ruleset *rs, const struct expr *e, struct names *fields)
{
	struct str s = e->text;
	struct field_ref ref;
	const char *message;

	for (; s.len; s.len--) {
		if (field_lookup(s, fields->arena, rs->opts.statics, &ref, &message) == 0) {
			names_add(fields, s);
			return;
		}
	}
}

static void output_fields(const struct ruleset *rs, struct str s, struct names *fields)
{
	for (uint32_t i = 0; i < s.len; i++) {
		struct scan scan;
		struct expr *e;

		if (s.p[i] != '%')
			continue;
		while (i + 1 < s.len && s.p[i + 1] >= '0' && s.p[i + 1] <= '9')
			i++;
		scan_init(&scan, str_sub(s, i + 1, s.len), fields->arena);
		e = expr_parse_left(&scan);
		if (e && e->kind == EXPR_FIELD)
			output_field(rs, e, fields);
		else
			expr_fields(e, fields);
	}
}

/* ---- what a condition names as it is written ----------------------------------------------- */

/* The rule set and its names. */
struct describer {
	const struct ruleset *rs;
	struct strmap lists, macros;
};

static int describer_init(struct describer *d, const struct ruleset *rs)
{
	int err = 0;

	*d = (struct describer){ .rs = rs };
	for (uint32_t i = 0; i < rs->nlists && !err; i++)
		err = strmap_put(&d->lists, rs->lists[i]->name.s, rs->lists[i]);
	for (uint32_t i = 0; i < rs->nmacros && !err; i++)
		err = strmap_put(&d->macros, rs->macros[i]->name.s, rs->macros[i]);
	return err;
}

static void describer_done(struct describer *d)
{
	strmap_done(&d->lists);
	strmap_done(&d->macros);
}

/* A list is named by a value in parentheses, quoted or not; elsewhere its name is just text. */
static void add_named(const struct describer *d, const struct ast *a, struct names *lists,
		      struct names *macros)
{
	for (uint32_t i = 0; i < a->nkids; i++)
		add_named(d, a->kids[i], lists, macros);
	if (a->kind == AST_IDENT && strmap_get(&d->macros, a->ident))
		names_add(macros, a->ident);
	for (uint32_t i = 0; a->right_is_list && i < a->nvalues; i++)
		if (strmap_get(&d->lists, a->values[i]->text))
			names_add(lists, a->values[i]->text);
}

/* Without the text of lists and exceptions, so it need not parse: then nothing is named. */
static void write_named(struct json *j, const struct describer *d, struct str condition,
			struct arena *a)
{
	struct names lists = { .arena = a }, macros = { .arena = a };
	struct filter_error err;
	struct limits limits;
	struct ast *ast;

	limits_init(&limits);
	if (filter_parse(condition, a, &limits, &ast, &err) == 0)
		add_named(d, ast, &lists, &macros);
	write_names(j, "macros", &macros);
	write_names(j, "lists", &lists);
}

static void write_condition_use(struct json *j, const struct ast *ast, struct arena *a)
{
	struct names fields = { .arena = a }, ops = { .arena = a };

	if (ast)
		ast_use(ast, &fields, &ops);
	write_names(j, "condition_fields", &fields);
	write_names(j, "condition_operators", &ops);
}

static void write_compiled(struct json *j, const struct ast *ast)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	if (ast)
		filter_print(&text, ast);
	write_text(j, "condition_compiled", buf_str(&text));
	if (text.err)
		j->out->err = text.err;
}

static void write_events(struct json *j, const struct evtset *set, struct arena *a)
{
	const char **names = arena_array(a, EVENT_NAMES_MAX, sizeof(*names));
	uint32_t n = names ? evtset_names(set, names, EVENT_NAMES_MAX) : 0;

	json_key(j, "events");
	json_arr(j);
	for (uint32_t i = 0; i < n; i++)
		json_cstr(j, names[i]);
	json_arr_end(j);
	if (!names)
		j->out->err = -ENOMEM;
}

/* ---- rules --------------------------------------------------------------------------------- */

static void write_rule_info(struct json *j, const struct rule *r)
{
	json_key(j, "info");
	json_obj(j);
	write_text(j, "name", r->name.s);
	write_text(j, "condition", r->condition.s);
	write_text(j, "description", r->desc);
	write_text(j, "output", r->output.s);
	json_key(j, "priority");
	json_cstr(j, priority_names[r->priority]);
	write_text(j, "source", r->source);
	json_key(j, "enabled");
	json_bool(j, r->enabled);
	write_strs(j, "tags", r->tags, r->ntags);
	json_key(j, "capture");
	json_bool(j, r->capture);
	json_key(j, "capture_duration");
	json_u64(j, r->capture_duration_ms);
	json_obj_end(j);
}

/* Fields of exceptions without values are left out, as the condition does not have them either. */
static void write_exceptions(struct json *j, const struct rule *r, struct arena *a)
{
	struct names names = { .arena = a }, fields = { .arena = a }, ops = { .arena = a };

	for (uint32_t i = 0; i < r->nexceptions; i++) {
		const struct rule_exception *e = &r->exceptions[i];

		names_add(&names, e->name.s);
		for (uint32_t k = 0; k < e->nfields; k++) {
			names_add(&ops, e->comps[k]);
			if (e->nrows)
				names_add(&fields, e->fields[k]);
		}
	}
	write_names(j, "exception_names", &names);
	write_names(j, "exception_fields", &fields);
	write_names(j, "exception_operators", &ops);
}

static void write_extra_fields(struct json *j, const struct rule *r)
{
	if (!r->nextra_fields)
		return;
	json_key(j, "extra_output_formatted_fields");
	json_obj(j);
	for (uint32_t i = 0; i < r->nextra_fields; i++)
		if (r->extra_fields[i].format.len) {
			json_key_str(j, r->extra_fields[i].name);
			json_str(j, r->extra_fields[i].format);
		}
	json_obj_end(j);
}

static void write_rule(struct json *j, const struct describer *d, const struct rule *r)
{
	struct names fields;
	struct arena a;

	arena_init(&a, 16 << 10, 0);
	fields = (struct names){ .arena = &a };
	json_obj(j);
	write_rule_info(j, r);
	json_key(j, "details");
	json_obj(j);
	write_compiled(j, r->ast);
	write_text(j, "output_compiled", r->output_full);
	write_named(j, d, r->condition.s, &a);
	write_events(j, &r->events, &a);
	write_condition_use(j, r->ast, &a);
	output_fields(d->rs, r->output_full, &fields);
	write_names(j, "output_fields", &fields);
	write_exceptions(j, r, &a);
	write_extra_fields(j, r);
	write_strs(j, "plugins", NULL, 0);
	json_obj_end(j);
	json_obj_end(j);
	arena_done(&a);
}

static void write_macro(struct json *j, const struct describer *d, const struct ruleset_macro *m)
{
	struct filter_error err;
	struct evtset events;
	struct arena a;

	arena_init(&a, 16 << 10, 0);
	json_obj(j);
	json_key(j, "info");
	json_obj(j);
	write_text(j, "name", m->name.s);
	write_text(j, "condition", m->condition.s);
	json_obj_end(j);
	json_key(j, "details");
	json_obj(j);
	write_compiled(j, m->ast);
	json_key(j, "used");
	json_bool(j, m->used);
	write_named(j, d, m->condition.s, &a);
	if (m->ast && filter_evtset(m->ast, &events, &err) == 0)
		write_events(j, &events, &a);
	write_condition_use(j, m->ast, &a);
	write_strs(j, "plugins", NULL, 0);
	json_obj_end(j);
	json_obj_end(j);
	arena_done(&a);
}

static void write_list(struct json *j, const struct ruleset_list *l)
{
	json_obj(j);
	json_key(j, "info");
	json_obj(j);
	write_text(j, "name", l->name.s);
	write_strs(j, "items", l->items, l->nitems);
	json_obj_end(j);
	json_key(j, "details");
	json_obj(j);
	write_strs(j, "items_compiled", l->compiled, l->ncompiled);
	write_strs(j, "lists", l->lists, l->nlists);
	json_key(j, "used");
	json_bool(j, l->used);
	write_strs(j, "plugins", NULL, 0);
	json_obj_end(j);
	json_obj_end(j);
}

static void write_plugin(struct json *j, const struct plugin_version *p)
{
	write_text(j, "name", p->name);
	write_text(j, "version", p->version);
}

static void write_requirements(struct json *j, const struct ruleset *rs)
{
	json_key(j, "required_plugin_versions");
	json_arr(j);
	for (uint32_t i = 0; i < rs->nrequirements; i++) {
		const struct plugin_requirement *r = &rs->requirements[i];

		json_obj(j);
		write_plugin(j, &r->any[0]);
		json_key(j, "alternatives");
		json_arr(j);
		for (uint32_t k = 1; k < r->nany; k++) {
			json_obj(j);
			write_plugin(j, &r->any[k]);
			json_obj_end(j);
		}
		json_arr_end(j);
		json_obj_end(j);
	}
	json_arr_end(j);
}

void ruleset_describe(const struct ruleset *rs, struct buf *out)
{
	struct json j = json_start(out);
	struct describer d;

	if (describer_init(&d, rs))
		out->err = -ENOMEM;
	json_obj(&j);
	write_text(&j, "required_engine_version",
		   rs->required_engine_version.len ? rs->required_engine_version : STR("0.0.0"));
	write_requirements(&j, rs);
	json_key(&j, "rules");
	json_arr(&j);
	for (uint32_t i = 0; i < rs->nrules; i++)
		if (!rs->rules[i]->skipped)
			write_rule(&j, &d, rs->rules[i]);
	json_arr_end(&j);
	json_key(&j, "macros");
	json_arr(&j);
	for (uint32_t i = 0; i < rs->nmacros; i++)
		write_macro(&j, &d, rs->macros[i]);
	json_arr_end(&j);
	json_key(&j, "lists");
	json_arr(&j);
	for (uint32_t i = 0; i < rs->nlists; i++)
		write_list(&j, rs->lists[i]);
	json_arr_end(&j);
	json_obj_end(&j);
	describer_done(&d);
}

/* ---- text ---------------------------------------------------------------------------------- */

enum { NAME_COLUMN = 50, TEXT_COLUMN = 76 };

/* Words of the description, wrapped; the name stands in front of the first line. */
static void write_wrapped(struct buf *out, struct str name, struct str text)
{
	uint32_t at = 0, width = 0;

	buf_printf(out, "%-*.*s ", NAME_COLUMN, STR_ARG(name));
	if (name.len > NAME_COLUMN)
		buf_printf(out, "\n%*s ", NAME_COLUMN, "");
	while (at < text.len) {
		uint32_t from = at;

		while (at < text.len && text.p[at] != ' ' && text.p[at] != '\n')
			at++;
		if (width && width + 1 + (at - from) > TEXT_COLUMN) {
			buf_printf(out, "\n%*s ", NAME_COLUMN, "");
			width = 0;
		}
		if (at > from) {
			buf_printf(out, "%s%.*s", width ? " " : "",
				   STR_ARG(str_sub(text, from, at)));
			width += (width ? 1 : 0) + at - from;
		}
		at++;
	}
	buf_add_char(out, '\n');
}

void ruleset_describe_text(const struct ruleset *rs, struct buf *out)
{
	write_wrapped(out, STR("Rule"), STR("Description"));
	write_wrapped(out, STR("----"), STR("-----------"));
	for (uint32_t i = 0; i < rs->nrules; i++)
		if (!rs->rules[i]->skipped)
			write_wrapped(out, rs->rules[i]->name.s, rs->rules[i]->desc);
}
