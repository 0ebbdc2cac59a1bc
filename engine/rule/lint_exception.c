/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings about exceptions: without values, wider than their rule, hardly narrower than
 * everything, twice there. Called by lint_rules.
 */
#include "engine/rule/loader.h"

/* Comparison operators of exceptions that say something about one text and another. */
static bool text_holds(struct str value, enum op_id op, struct str pattern)
{
	switch (op) {
	case OP_EQ:
	case OP_EQ2:
	case OP_IN:
		return str_eq(value, pattern);
	case OP_STARTSWITH:
		return str_starts(value, pattern);
	case OP_ENDSWITH:
		return str_ends(value, pattern);
	case OP_CONTAINS:
		return str_contains(value, pattern);
	case OP_ICONTAINS:
		return str_icontains(value, pattern);
	default:
		return false;
	}
}

/* True whatever the value is. */
static bool always_holds(enum op_id op, struct str pattern)
{
	switch (op) {
	case OP_GLOB:
	case OP_IGLOB:
		return str_is(pattern, "*");
	case OP_REGEX:
		return str_is(pattern, ".*");
	case OP_PMATCH:
		return str_is(pattern, "/");
	default:
		return false;
	}
}

/* The patterns of one column: of one row, or of all rows of a single-field exception. */
struct column {
	struct str field;
	enum op_id op;
	const struct rule_exception *e;
	uint32_t index, from_row, to_row;
};

static bool column_matches(const struct column *c, struct str value, bool any_value)
{
	for (uint32_t r = c->from_row; r < c->to_row; r++) {
		const struct exception_value *v = &c->e->rows[r].values[c->index];

		for (uint32_t i = 0; i < v->n; i++)
			if (any_value ? always_holds(c->op, v->items[i])
				      : text_holds(value, c->op, v->items[i]))
				return true;
	}
	return false;
}

/* Does the check leave only values that the column matches? */
static bool implies(const struct ast *check, const struct column *c)
{
	if ((check->op != OP_EQ && check->op != OP_EQ2 && check->op != OP_IN) ||
	    check->modifier != MOD_NONE || check->right || !check->nvalues || !check->lhs ||
	    !str_eq(check->lhs->text, c->field))
		return false;
	for (uint32_t i = 0; i < check->nvalues; i++)
		if (!column_matches(c, check->values[i]->text, false))
			return false;
	return true;
}

static bool any_implies(const struct ast *a, const struct column *c)
{
	if (a->kind == AST_CHECK)
		return implies(a, c);
	for (uint32_t i = 0; a->kind == AST_AND && i < a->nkids; i++)
		if (any_implies(a->kids[i], c))
			return true;
	return false;
}

static bool column_always(const struct rule *r, const struct rule_exception *e, uint32_t index,
			  uint32_t from, uint32_t to)
{
	struct column c = { e->fields[index], OP_EQ, e, index, from, to };
	enum op_modifier modifier;

	if (op_parse(e->comps[index], &c.op, &modifier) || modifier == MOD_ONEOF ||
	    modifier == MOD_ALLOF)
		return false;
	return column_matches(&c, STR(""), true) || any_implies(r->ast, &c);
}

static bool row_always(const struct rule *r, const struct rule_exception *e, uint32_t row)
{
	for (uint32_t i = 0; i < e->nfields; i++)
		if (!column_always(r, e, i, row, row + 1))
			return false;
	return true;
}

/* The place of one row. */
static struct place row_place(const struct load_exception *e, uint32_t row)
{
	struct place at = e->place;

	at.src = e->places[row].src;
	at.offset = e->places[row].offset;
	return at;
}

/* Lists are put into conditions as text: a comma parts values unless quotes keep it in. */
static bool is_split(struct str value)
{
	return value.len && value.p[0] != '"' && value.p[0] != '\'' && value.p[0] != '(' &&
	       memchr(value.p, ',', value.len);
}

static void report_split(struct loader *l, const struct place *at, struct str value)
{
	diag_hint(l->diags,
		  report(l, DIAG_LINT_VALUE_SPLIT, at, "'%.*s' is read as several values",
			 STR_ARG(value)),
		  "quotes of its own keep it together: '\"%.*s\"'", STR_ARG(value));
}

static void lint_split_row(struct loader *l, const struct load_exception *e, uint32_t row)
{
	struct place at = row_place(e, row);

	for (uint32_t i = 0; i < e->pub.nfields; i++) {
		const struct exception_value *v = &e->pub.rows[row].values[i];

		if (e->pub.tuple && !v->is_list && !exception_takes_list(e->pub.comps[i]))
			continue;
		for (uint32_t k = 0; k < v->n; k++)
			if (is_split(v->items[k]))
				report_split(l, &at, v->items[k]);
	}
}

void lint_lists(struct loader *l)
{
	for (uint32_t i = 0; i < l->nlists; i++)
		for (uint32_t k = 0; k < l->lists[i]->pub->nitems; k++)
			if (is_split(l->lists[i]->pub->items[k]))
				report_split(l, &l->lists[i]->place, l->lists[i]->pub->items[k]);
}

static void report_wide(struct loader *l, const struct load_exception *e, uint32_t row,
			const char *what)
{
	struct place at = row_place(e, row);
	struct diag *g = report(l, DIAG_LINT_WIDE_EXCEPTION, &at, "Exception '%.*s' %s",
				STR_ARG(e->pub.name.s), what);

	diag_hint(l->diags, g, "compare with more fields, or disable the rule");
}

static const char always_text[] =
	"holds whenever the rule's condition does, so the rule never gives an alert";
static const char broad_text[] = "holds for nearly every process: no field narrows it";

/* Texts that hardly tell one process from another. */
static bool says_little(struct str field, enum op_id op, struct str value)
{
	static const struct {
		const char *field, *value;
	} common[] = {
		{ "user.name", "root" }, { "user.uid", "0" }, { "container.id", "host" },
		{ "proc.pid", "1" }, { "proc.tty", "0" },
	};

	switch (op) {
	case OP_EQ:
	case OP_EQ2:
	case OP_IN:
		for (size_t i = 0; i < ARRAY_SIZE(common); i++)
			if (str_is(field, common[i].field) && str_is(value, common[i].value))
				return true;
		return false;
	case OP_STARTSWITH:
	case OP_ENDSWITH:
	case OP_CONTAINS:
	case OP_ICONTAINS:
		return value.len <= 1;
	case OP_GLOB:
	case OP_IGLOB:
		for (uint32_t i = 0; i < value.len; i++)
			if (!strchr("*?/", value.p[i]))
				return false;
		return true;
	default:
		return always_holds(op, value);
	}
}

static bool value_says_little(const struct rule_exception *e, uint32_t row, uint32_t column)
{
	const struct exception_value *v = &e->rows[row].values[column];
	enum op_modifier modifier;
	enum op_id op;

	if (op_parse(e->comps[column], &op, &modifier))
		return false;
	for (uint32_t i = 0; i < v->n; i++)
		if (says_little(e->fields[column], op, v->items[i]))
			return true;
	return false;
}

static bool row_says_little(const struct rule_exception *e, uint32_t row)
{
	for (uint32_t i = 0; i < e->nfields; i++)
		if (!value_says_little(e, row, i))
			return false;
	return true;
}

/* Rows as texts: fields, comps and values. */
static void print_row(struct buf *out, const struct rule_exception *e, uint32_t row)
{
	for (uint32_t i = 0; i < e->nfields; i++) {
		const struct exception_value *v = &e->rows[row].values[i];

		buf_printf(out, "%.*s %.*s", STR_ARG(e->fields[i]), STR_ARG(e->comps[i]));
		for (uint32_t k = 0; k < v->n; k++)
			buf_printf(out, "%c%.*s", '\0', STR_ARG(v->items[k]));
		buf_add_char(out, '\n');
	}
}

static void lint_duplicate(struct loader *l, struct strmap *seen, const struct load_exception *e,
			   uint32_t row)
{
	struct place at = row_place(e, row), *before, *keep;
	struct str key;

	buf_clear(&l->text);
	print_row(&l->text, &e->pub, row);
	before = strmap_get(seen, buf_str(&l->text));
	if (before) {
		report_other(l, report(l, DIAG_LINT_DUPLICATE_EXCEPTION, &at,
				       "Exception '%.*s' has values that are excepted already",
				       STR_ARG(e->pub.name.s)), before);
		return;
	}
	key = arena_str(&l->arena, buf_str(&l->text));
	keep = arena_new(&l->arena, struct place);
	if (!key.p || !keep || strmap_put(seen, key, keep)) {
		l->oom = true;
		return;
	}
	*keep = at;
}

static void lint_exception(struct loader *l, struct load_rule *r, struct strmap *seen,
			   const struct load_exception *e)
{
	bool single = !e->pub.tuple;

	if (!e->pub.nrows) {
		diag_hint(l->diags,
			  report(l, DIAG_LINT_UNUSED_EXCEPTION, &e->place,
				 "Exception '%.*s' has no values: it excepts nothing",
				 STR_ARG(e->pub.name.s)),
			  "append values in another file ('override: {exceptions: append}'), or "
			  "remove it");
		return;
	}
	for (uint32_t row = 0; row < e->pub.nrows; row++)
		lint_split_row(l, e, row);
	if (single && column_always(r->pub, &e->pub, 0, 0, e->pub.nrows)) {
		report_wide(l, e, 0, always_text);
		return;
	}
	for (uint32_t row = 0; row < e->pub.nrows && !l->oom; row++) {
		if (!single && row_always(r->pub, &e->pub, row))
			report_wide(l, e, row, always_text);
		else if (row_says_little(&e->pub, row))
			report_wide(l, e, row, broad_text);
		lint_duplicate(l, seen, e, row);
	}
}

void lint_exceptions(struct loader *l, struct load_rule *r)
{
	struct strmap seen = { 0 };

	for (uint32_t i = 0; i < r->nexceptions && !l->oom; i++)
		if (!r->exceptions[i]->pub.expired)
			lint_exception(l, r, &seen, r->exceptions[i]);
	strmap_done(&seen);
}
