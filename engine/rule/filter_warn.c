/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Warnings about single checks: deprecated fields, values that look like something else, regular
 * expressions that need none. Called by filter_check.c.
 */
#include "engine/rule/filter_run.h"

#include <ctype.h>

#define NO_LATENCY "field is not available due to the drop of enter events."

static const struct {
	const char *name, *message;
} deprecated_fields[] = {
	{ "evt.dir", "due to the drop of enter events, 'evt.dir = <' always evaluates to true, and "
		     "'evt.dir = >' always evaluates to false. The rule expression can be simplified "
		     "by removing the condition on 'evt.dir'" },
	{ "evt.latency", NO_LATENCY },
	{ "evt.latency.s", NO_LATENCY },
	{ "evt.latency.ns", NO_LATENCY },
	{ "evt.latency.quantized", NO_LATENCY },
	{ "evt.latency.human", NO_LATENCY },
	{ "evt.wait_latency", NO_LATENCY },
};

static void warn_deprecated(struct check_run *r, const struct ast *a, const struct expr *field)
{
	for (size_t i = 0; i < ARRAY_SIZE(deprecated_fields); i++) {
		struct filter_error w;

		if (!str_is(field->text, deprecated_fields[i].name) || r->deprecated & 1u << i)
			continue;
		w = (struct filter_error){
			.message = deprecated_fields[i].message,
			.deprecated_field = deprecated_fields[i].name,
			.pos = field->pos, .span = field->span, .text = a->text,
		};
		r->deprecated |= 1u << i;
		if (r->c->warn)
			r->c->warn(r->c->ctx, DIAG_DEPRECATED_ITEM, &w);
	}
}

static void walk_fields(struct check_run *r, const struct ast *a, const struct expr *e)
{
	if (e->kind == EXPR_FIELD)
		warn_deprecated(r, a, e);
	for (uint32_t i = 0; i < e->nargs; i++)
		walk_fields(r, a, e->args[i]);
}

/* Fields of other sources give <NA> where rules expect "no value". */
static void warn_unsafe_na(struct check_run *r, const struct ast *a)
{
	if (a->left->kind != EXPR_FIELD || !(str_starts(a->left->text, STR("ka.")) ||
					     str_starts(a->left->text, STR("jevt."))))
		return;
	for (uint32_t i = 0; i < a->nvalues; i++) {
		const struct expr *v = a->values[i];

		if (!str_is(v->text, "<NA>"))
			continue;
		check_warn(r, a, DIAG_UNSAFE_NA_CHECK, v->pos, v->span,
			   "comparing a field with <NA> is unsafe: use the 'exists' operator to ask "
			   "whether it has a value");
		return;
	}
}

void warn_names(struct check_run *r, const struct ast *a)
{
	walk_fields(r, a, a->left);
	if (a->right)
		walk_fields(r, a, a->right);
	warn_unsafe_na(r, a);
}

/* Does all of the text parse as what `parse` reads. */
static bool parses_whole(struct str text, struct arena *a, struct expr *(*parse)(struct scan *s),
			 const struct expr **ret)
{
	struct scan s;

	scan_init(&s, text, a);
	*ret = parse(&s);
	return *ret && scan_end(&s);
}

/* What the value would be outside quotes, as the message puts it; NULL: just a value. */
static const char *misused_as(struct check_run *r, struct str value)
{
	struct str text = str_trim(value);
	const struct expr *e;
	struct field_ref f;

	/* Nearly all values end here: names begin with a letter, fields have a dot. */
	if (!text.len || !isalpha((unsigned char)*text.p) || !memchr(text.p, '.', text.len))
		return NULL;
	if (parses_whole(text, r->c->arena, expr_parse_right, &e))
		return expr_is_val(e) ? "field wrapped inside a val() transformer" :
					"field transformer";
	if (parses_whole(text, r->c->arena, expr_parse_left, &e) && e->kind == EXPR_FIELD &&
	    field_lookup(text, r->c->arena, r->c->statics, &f, NULL) == 0)
		return "field";
	return NULL;
}

static struct str strip_any(struct str s, bool front)
{
	uint32_t at = front ? 0 : s.len - 2;

	if (s.len < 2 || s.p[at] != '.' || !strchr("*+?", s.p[at + 1]) || !s.p[at + 1])
		return s;
	return front ? str_sub(s, 2, s.len) : str_sub(s, 0, s.len - 2);
}

/* Nothing special but an anchor or "any text" at its ends. */
static bool is_plain_regex(struct str s)
{
	if (s.len && s.p[0] == '^')
		s = str_sub(s, 1, s.len);
	s = strip_any(s, true);
	if (s.len && s.p[s.len - 1] == '$')
		s = str_sub(s, 0, s.len - 1);
	s = strip_any(s, false);
	for (uint32_t i = 0; i < s.len; i++)
		if (s.p[i] && strchr("\\^$.|?*+()[]{}", s.p[i]))
			return false;
	return true;
}

void warn_values(struct check_run *r, const struct ast *a)
{
	if (!r->c->warn || a->right)
		return;
	for (uint32_t i = 0; i < a->nvalues; i++) {
		const struct expr *v = a->values[i];
		const char *misused = misused_as(r, v->text);

		if (misused)
			check_warn(r, a, DIAG_COMPILE_CONDITION, v->pos, v->span,
				   arena_printf(r->c->arena,
						"'%.*s' may be a valid %s misused as a "
						"const string value",
						STR_ARG(v->text), misused));
		if (a->op == OP_REGEX && is_plain_regex(v->text))
			check_warn(r, a, DIAG_COMPILE_CONDITION, v->pos, v->span,
				   arena_printf(r->c->arena,
						"regex check with '%.*s' may be optimized "
						"with simpler operators such as '=', 'contains', "
						"'startswith', 'endswith'",
						STR_ARG(v->text)));
	}
}
