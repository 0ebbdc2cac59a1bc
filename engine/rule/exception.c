/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exceptions of rules: reading them from the file and merging appended values. Called by the
 * loader; public parts live in the rule set's arena.
 */
#include "engine/rule/collect.h"

/* ---- operators and fields ------------------------------------------------------------------ */

/* "startswith   oneof" -> "startswith oneof". */
static bool squeeze_blanks(struct loader *l, struct str s, struct str *ret)
{
	char *p;
	uint32_t n = 0;

	s = str_trim(s);
	p = arena_strdup(&l->rs->arena, s);
	if (!p)
		return oom(l);
	for (uint32_t i = 0; i < s.len; i++) {
		bool blank = s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == '\n';

		if (!blank || (n && p[n - 1] != ' '))
			p[n++] = blank ? ' ' : s.p[i];
	}
	p[n] = '\0';
	*ret = (struct str){ p, n };
	return true;
}

bool exception_takes_list(struct str comp)
{
	enum op_modifier modifier;
	enum op_id op;

	return op_parse(comp, &op, &modifier) == 0 &&
	       (modifier != MOD_NONE || op_infos[op].right == OP_RIGHT_LIST);
}

bool exception_field_is_valid(struct loader *l, struct str text)
{
	const struct field_scope scope = { &l->arena, l->rs->opts.statics, NULL };
	const char *message;
	struct operand *op;
	struct scan s;
	struct expr *e;
	struct pos pos;
	int r;

	if (strmap_get(&l->fields, text))	/* a condition or an output has it */
		return true;
	scan_init(&s, text, &l->arena);
	e = expr_parse_left(&s);
	r = e ? operand_resolve(e, &scope, &op, &message, &pos) : -EINVAL;
	if (s.oom || r == -ENOMEM)
		return oom(l);
	return r == 0 && s.at == text.len;
}

/* Element i of the entry's `fields` or `comps`, or the one scalar that it is; NULL without. */
static const struct yaml_node *element(const struct yaml_node *entry, const char *key, uint32_t i)
{
	const struct yaml_node *n = yaml_get(entry, key);

	if (!n || n->kind != YNODE_SEQ)
		return n;
	for (n = n->first; n && i; i--)
		n = n->next;
	return n;
}

static bool judge_comp(struct loader *l, const struct load_exception *e,
		       const struct yaml_node *entry, uint32_t i)
{
	enum op_modifier modifier;
	enum op_id op;
	const char *hint;
	struct diag *g;

	if (op_parse(e->pub.comps[i], &op, &modifier) == 0)
		return true;
	g = report(l, DIAG_ERR_VALIDATE, &e->place,
		   "'%.*s' is not a supported comparison operator", STR_ARG(e->pub.comps[i]));
	report_move(l, g, &e->place, element(entry, "comps", i));
	hint = filter_comp_hint(&l->arena, e->pub.comps[i]);
	if (hint)
		diag_hint(l->diags, g, "%s", hint);
	return false;
}

static bool judge_field(struct loader *l, const struct load_exception *e,
			const struct yaml_node *entry, uint32_t i)
{
	struct str field = e->pub.fields[i];
	const char *near;
	struct diag *g;

	if (exception_field_is_valid(l, field))
		return true;
	if (l->oom)
		return false;
	g = report(l, DIAG_ERR_VALIDATE, &e->place, "'%.*s' is not a supported filter field",
		   STR_ARG(field));
	report_move(l, g, &e->place, element(entry, "fields", i));
	near = field_nearest(field);
	if (near)
		diag_hint(l->diags, g, "did you mean '%s'?", near);
	return false;
}

static bool judge_names(struct loader *l, const struct load_exception *e,
			const struct yaml_node *entry)
{
	bool good = true;

	for (uint32_t i = 0; i < e->pub.nfields && !l->oom; i++) {
		good &= judge_comp(l, e, entry, i);
		good &= judge_field(l, e, entry, i);
	}
	return good;
}

/* ---- reading ------------------------------------------------------------------------------- */

static bool not_empty(struct loader *l, const struct place *at, struct str s)
{
	if (!s.len)
		report(l, DIAG_ERR_YAML_VALIDATE, at, "Value must be non-empty");
	return s.len;
}

/* The names under `fields` or `comps`, none of them empty. */
static bool read_names(struct loader *l, const struct place *at, const struct yaml_node *n,
		       struct str **arr, uint32_t *count)
{
	bool good = decode_texts(l, at, n, arr, count);

	for (uint32_t i = 0; good && i < *count; i++)
		good = not_empty(l, at, (*arr)[i]);
	return good;
}

static bool read_fields(struct loader *l, struct load_exception *e, const struct yaml_node *entry)
{
	const struct yaml_node *n = yaml_get(entry, "fields");
	struct place at;
	struct str s;

	if (!n) {
		report(l, DIAG_ERR_YAML_VALIDATE, &e->place,
		       "Item has no mapping for key 'fields'");
		return false;
	}
	at = place_of(&e->place, "value for", STR("fields"), n);
	e->pub.tuple = n->kind == YNODE_SEQ;
	if (!e->pub.tuple)
		return decode_scalar(l, &at, "fields", n, &s) &&
		       strs_add(l, &e->pub.fields, &e->pub.nfields, s);
	if (!read_names(l, &at, n, &e->pub.fields, &e->pub.nfields))
		return false;
	if (!e->pub.nfields)
		report(l, DIAG_ERR_VALIDATE, &e->place,
		       "Rule exception item must have fields property with a list of fields");
	return e->pub.nfields;
}

static bool default_comps(struct loader *l, struct load_exception *e)
{
	struct str comp = e->pub.tuple ? STR("=") : STR("in");
	uint32_t n = 0;

	for (uint32_t i = 0; i < e->pub.nfields; i++)
		if (!strs_add(l, &e->pub.comps, &n, comp))
			return false;
	return true;
}

static bool read_comps(struct loader *l, struct load_exception *e, const struct yaml_node *entry)
{
	const struct yaml_node *n = yaml_get(entry, "comps");
	struct place at;
	uint32_t count = 0;
	struct str s;

	if (!n)
		return default_comps(l, e);
	at = place_of(&e->place, "value for", STR("comps"), n);
	if (e->pub.tuple) {
		if (n->kind == YNODE_SEQ && !read_names(l, &at, n, &e->pub.comps, &count))
			return false;
		if (count != e->pub.nfields) {
			report_move(l, report(l, DIAG_ERR_VALIDATE, &e->place,
					      "Fields and comps lists must have equal length"),
				    &e->place, n);
			return false;
		}
	} else if (n->kind != YNODE_SCALAR) {
		report_move(l, report(l, DIAG_ERR_VALIDATE, &e->place,
				      "Fields and comps must both be strings"), &e->place, n);
		return false;
	} else if (!decode_scalar(l, &at, "comps", n, &s) ||
		   !strs_add(l, &e->pub.comps, &count, s)) {
		return false;
	}
	for (uint32_t i = 0; i < count; i++)
		if (!squeeze_blanks(l, e->pub.comps[i], &e->pub.comps[i]))
			return false;
	if (!e->pub.tuple && !exception_takes_list(e->pub.comps[0])) {
		report_move(l, report(l, DIAG_ERR_VALIDATE, &e->place,
				      "When fields is a single value, comps must be one of (in, "
				      "pmatch, intersects) or a modifier operator (e.g. startswith "
				      "oneof)"), &e->place, n);
		return false;
	}
	return true;
}

/* One text of a value. A null is no text: the condition gets nothing in its place. */
static bool read_text(struct loader *l, const struct place *outer, const struct yaml_node *n,
		      struct exception_value *ret)
{
	struct place at = place_of(outer, "exception value", STR(""), n);

	n = yaml_deref(n);
	if (n->kind != YNODE_SCALAR) {
		report(l, DIAG_ERR_YAML_VALIDATE, &at, "Value is not a scalar value");
		return false;
	}
	if (n->is_null)
		return strs_add(l, &ret->items, &ret->n, STR(""));
	return not_empty(l, &at, n->s) && strs_add(l, &ret->items, &ret->n, n->s);
}

static bool read_value(struct loader *l, const struct place *row, const struct yaml_node *n,
		       struct exception_value *ret)
{
	struct place at = place_of(row, "exception value", STR(""), n);
	bool good = true;

	ret->is_list = yaml_deref(n)->kind == YNODE_SEQ;
	if (!ret->is_list)
		return read_text(l, row, n, ret);
	yaml_each(item, n)
		good &= read_text(l, &at, item, ret);
	return good;
}

static struct exception_row *add_row(struct loader *l, struct load_exception *e,
				     const struct place *at)
{
	uint32_t n = e->pub.nrows + 1;
	struct exception_row *rows = arena_grow(&l->rs->arena, e->pub.rows, &e->cap_rows, n,
						sizeof(*rows));
	struct row_place *places = arena_grow(&l->arena, e->places, &e->cap_places, n,
					      sizeof(*places));

	if (!rows || !places) {
		l->oom = true;
		return NULL;
	}
	e->pub.rows = rows;
	e->places = places;
	places[n - 1] = (struct row_place){ at->src, at->offset };
	rows[n - 1] = (struct exception_row){
		.values = arena_array(&l->rs->arena, e->pub.nfields, sizeof(*rows->values)),
	};
	if (!rows[n - 1].values) {
		l->oom = true;
		return NULL;
	}
	return &rows[n - 1];
}

/* A row is added only when it is good. */
static bool read_row(struct loader *l, struct load_exception *e, const struct place *values,
		     const struct yaml_node *row)
{
	struct place at = place_of(values, "exception value", STR(""), row);
	struct exception_row *r;
	uint32_t i = 0;
	bool good = true;

	row = yaml_deref(row);
	if (!e->pub.tuple && row->kind != YNODE_SCALAR) {
		diag_hint(l->diags,
			  report(l, DIAG_ERR_VALIDATE, &at,
				 "Expected values array to contain a list of strings"),
			  "'fields' is one name, so 'values' is one list: values: [a, b]");
		return false;
	}
	if (e->pub.tuple && (row->kind != YNODE_SEQ || row->n != e->pub.nfields)) {
		diag_hint(l->diags,
			  report(l, DIAG_ERR_VALIDATE, &at,
				 "Fields and values lists must have equal length"),
			  "'fields' is a list of %u, so each row is one too: values: [%s]",
			  e->pub.nfields, e->pub.nfields > 1 ? "[a, b], [c, d]" : "[a], [b]");
		return false;
	}
	r = add_row(l, e, &at);
	if (!r)
		return false;
	if (!e->pub.tuple)
		good = read_value(l, values, row, &r->values[0]);
	else
		yaml_each(v, row)
			good &= read_value(l, &at, v, &r->values[i++]);
	e->pub.nrows += good;
	return good;
}

static bool read_values(struct loader *l, struct load_exception *e, const struct yaml_node *n)
{
	struct place at = place_of(&e->place, "exception values", STR(""), n);
	bool good = true;

	e->pub.has_values = true;
	if (n->kind != YNODE_SEQ) {
		report(l, DIAG_ERR_YAML_VALIDATE, &at, "Rule exception values must be a sequence");
		return false;
	}
	yaml_each(row, n)
		good &= read_row(l, e, &at, row);
	return good;
}

/* Names are looked up in one map of the loader: definition of the rule, then name. */
static struct str exception_key(struct loader *l, const struct load_rule *r, struct str name)
{
	buf_clear(&l->text);
	buf_add(&l->text, &r->definition, sizeof(r->definition));
	buf_add_str(&l->text, name);
	if (l->text.err)
		l->oom = true;
	return buf_str(&l->text);
}

static struct load_exception *exception_find(struct loader *l, const struct load_rule *r,
					     struct str name)
{
	return strmap_get(&l->exceptions, exception_key(l, r, name));
}

static bool exception_put(struct loader *l, struct load_rule *r, struct load_exception *e)
{
	struct load_exception **v = arena_grow(&l->arena, r->exceptions, &r->cap_exceptions,
					       r->nexceptions + 1, sizeof(*v));
	struct str key = arena_str(&l->arena, exception_key(l, r, e->pub.name.s));

	if (!v || !key.p)
		return oom(l);
	r->exceptions = v;
	v[r->nexceptions++] = e;
	if (!strmap_get(&l->exceptions, key) && strmap_put(&l->exceptions, key, e))
		return oom(l);
	return true;
}

static bool define(struct loader *l, struct load_rule *r, struct load_exception *e,
		   const struct yaml_node *entry)
{
	const struct yaml_node *values = yaml_get(entry, "values");

	if (!read_fields(l, e, entry) || !read_comps(l, e, entry))
		return r->unknown_source && !l->oom;
	if (!r->unknown_source && !judge_names(l, e, entry))
		return false;
	if (values && !read_values(l, e, values))
		return r->unknown_source && !l->oom;
	return exception_put(l, r, e);
}

/* The shape of `old` for values that are kept apart from its own. */
static void take_shape(struct load_exception *e, const struct load_exception *old)
{
	e->pub.tuple = old->pub.tuple;
	e->pub.fields = old->pub.fields;
	e->pub.comps = old->pub.comps;
	e->pub.nfields = old->pub.nfields;
}

/* An appended entry brings values only. */
static bool only_values(struct loader *l, const struct place *at, const struct yaml_node *entry)
{
	static const char *const fixed[] = { "fields", "comps" };
	bool good = true;

	for (size_t i = 0; i < ARRAY_SIZE(fixed); i++) {
		if (!yaml_get_key(entry, fixed[i]))
			continue;
		report(l, DIAG_ERR_VALIDATE, at,
		       "Can not append exception %s to existing exception, only values", fixed[i]);
		good = false;
	}
	return good;
}

static bool append_values(struct loader *l, struct load_rule *r, struct load_exception *e,
			  struct load_exception *old, const struct yaml_node *entry)
{
	const struct yaml_node *values = yaml_get(entry, "values");
	struct place home = old->place;
	bool good;

	if (!only_values(l, &e->place, entry))
		return false;
	if (!values)
		return true;
	if (layer_is_limited(l->layer) && old->layer != l->layer) {
		take_shape(e, old);
		return read_values(l, e, values) && exception_put(l, r, e);
	}
	old->place = e->place;	/* problems of the values belong to the item that brings them */
	good = read_values(l, old, values);
	old->place = home;
	return good;
}

static bool append_new(struct loader *l, const struct load_exception *e,
		       const struct yaml_node *entry)
{
	static const char *const needed[] = { "fields", "values" };

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++) {
		const struct yaml_node *n = yaml_get(entry, needed[i]);

		if (n && !(n->kind == YNODE_SEQ && !n->n))
			continue;
		report(l, DIAG_ERR_VALIDATE, &e->place,
		       "Rule exception must have %s property with a list of %s", needed[i],
		       needed[i]);
		return false;
	}
	return true;
}

static bool read_entry(struct loader *l, struct load_rule *r, const struct place *all,
		       const struct yaml_node *n, enum set_op op)
{
	const struct yaml_node *entry = yaml_deref(n);
	struct load_exception *e = arena_new(&l->arena, struct load_exception), *old;

	if (!e)
		return oom(l);
	e->place = place_of(all, "exception", STR(""), n);
	if (!decode_text(l, &e->place, entry, "name", &e->pub.name.s))
		return false;
	/* Kept after this call: hang it to the item, whose place stays. */
	e->place.name = e->pub.name.s;
	e->place.outer = all->outer;
	e->layer = l->layer;
	old = exception_find(l, r, e->pub.name.s);
	if (l->oom)
		return false;
	if (op == SET_APPEND && !yaml_get_key(entry, "values"))
		report(l, DIAG_APPEND_NO_VALUES, &e->place,
		       "Overriding/appending exception with no values");
	if (old && old->item == l->items)
		report(l, DIAG_EXCEPTION_NAME_NOT_UNIQUE, &e->place,
		       "Multiple definitions of exception '%.*s' in the same rule",
		       STR_ARG(e->pub.name.s));
	e->item = l->items;
	if (old)
		old->item = l->items;
	if (op != SET_APPEND)
		return define(l, r, e, entry);
	return old ? append_values(l, r, e, old, entry)
		   : append_new(l, e, entry) && define(l, r, e, entry);
}

bool exception_set(struct loader *l, struct load_rule *r, const struct setting *s)
{
	struct place all = s->place;
	bool good = true;

	l->items++;
	all.type = "exceptions";
	all.name = STR("");
	if (s->op != SET_APPEND) {
		r->nexceptions = 0;
		r->definition = ++l->definitions;
	}
	if (s->node->kind == YNODE_SCALAR && s->node->is_null)
		return true;
	if (s->node->kind != YNODE_SEQ) {
		report(l, DIAG_ERR_YAML_VALIDATE, &all, "Rule exceptions must be a sequence");
		return false;
	}
	yaml_each(n, s->node)
		good &= read_entry(l, r, &all, n, s->op);
	return good;
}

static bool same_texts(const struct str *a, const struct str *b, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (!str_eq(a[i], b[i]))
			return false;
	return true;
}

/* Fields and comps may be given again, but must be the same. */
static bool extend(struct loader *l, struct load_exception *e, const struct load_exception *old,
		   const struct yaml_node *entry)
{
	struct diag *g;

	if (!yaml_get_key(entry, "fields")) {
		if (!only_values(l, &e->place, entry))
			return false;
		take_shape(e, old);
		return true;
	}
	if (!read_fields(l, e, entry) || !read_comps(l, e, entry))
		return false;
	if (e->pub.tuple == old->pub.tuple && e->pub.nfields == old->pub.nfields &&
	    same_texts(e->pub.fields, old->pub.fields, e->pub.nfields) &&
	    same_texts(e->pub.comps, old->pub.comps, e->pub.nfields))
		return true;
	g = report(l, DIAG_ERR_VALIDATE, &e->place,
		   "The rule has an exception '%.*s' with other fields or comps",
		   STR_ARG(e->pub.name.s));
	report_other(l, g, &old->place);
	diag_hint(l->diags, g, "leave them out, or use another name");
	return false;
}

struct load_exception *exception_take(struct loader *l, struct load_rule *r, const struct place *at,
				      const struct yaml_node *entry)
{
	struct load_exception *e = arena_new(&l->arena, struct load_exception), *old;
	const struct yaml_node *values = yaml_get(entry, "values");

	if (!e) {
		l->oom = true;
		return NULL;
	}
	e->place = *at;
	e->layer = l->layer;
	if (!decode_text(l, at, entry, "name", &e->pub.name.s))
		return NULL;
	e->place.name = e->pub.name.s;
	if (!values) {
		report(l, DIAG_ERR_YAML_VALIDATE, &e->place,
		       "Item has no mapping for key 'values'");
		return NULL;
	}
	old = exception_find(l, r, e->pub.name.s);
	if (l->oom)
		return NULL;
	if (!old)
		return define(l, r, e, entry) ? e : NULL;
	return extend(l, e, old, entry) && read_values(l, e, values) && exception_put(l, r, e)
		       ? e
		       : NULL;
}
