/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do about a wrong condition. When it does not parse, that is guessed from the text around
 * the place where the parser stopped; else the types say it. Called once per error; hints are
 * static or in the arena of the caller.
 */
#include "engine/rule/filter_run.h"

struct spot {
	struct arena *arena;
	struct str text;
	struct str before, rest;	/* of the place, without blanks at it */
	const char *message;
};

static bool says(const struct spot *p, const char *part)
{
	return strstr(p->message, part) != NULL;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '.';
}

static struct str first_word(struct str s)
{
	uint32_t n = 0;

	while (n < s.len && is_word_char(s.p[n]))
		n++;
	return str_sub(s, 0, n);
}

static struct str last_word(struct str s)
{
	uint32_t n = s.len;

	while (n && is_word_char(s.p[n - 1]))
		n--;
	return str_sub(s, n, s.len);
}

/* Words of other languages for what the grammar has. */
static const struct {
	const char *word, *hint;
} foreign[] = {
	{ "&&", "write 'and'" },
	{ "||", "write 'or'" },
	{ "=~", "write 'regex'" },
	{ "~=", "write 'regex'" },
	{ "<>", "write '!='" },
	{ "like", "did you mean 'glob'?" },
	{ "matches", "did you mean 'regex'?" },
	{ "match", "did you mean 'regex'?" },
	{ "is", "did you mean '='?" },
	{ "equals", "did you mean '='?" },
	{ "AND", "write 'and'" },
	{ "OR", "write 'or'" },
	{ "NOT", "write 'not'" },
};

static const char *foreign_hint(const struct spot *p)
{
	struct str word = first_word(p->rest);

	for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
		if (word.len ? str_is(word, foreign[i].word)
			     : str_starts(p->rest, str_from(foreign[i].word)))
			return foreign[i].hint;
	if (p->rest.len > 1 && p->rest.p[0] == '!' && p->rest.p[1] != '=')
		return "write 'not'";
	return NULL;
}

const char *filter_comp_hint(struct arena *arena, struct str text)
{
	struct spot p = { .rest = text };
	const char *names[OP_COUNT], *near, *hint = foreign_hint(&p);

	for (unsigned i = 0; i < OP_COUNT; i++)
		names[i] = op_infos[i].spelling;
	near = hint ? NULL : str_nearest(text, names, OP_COUNT);
	return near ? arena_printf(arena, "did you mean '%s'?", near) : hint;
}

static const char *operator_hint(const struct spot *p)
{
	struct str word = first_word(p->rest);

	if (!says(p, "check operator"))
		return NULL;
	if (str_is(word, "not"))
		return "'not' stands before the field";
	if (!p->rest.len)
		return "a field alone is no check, compare it or write 'exists'";
	for (unsigned i = 0; i < OP_COUNT; i++)
		if (str_is(word, op_infos[i].spelling))
			return "a blank and a value must follow";
	return filter_comp_hint(p->arena, word);
}

/* Column of the innermost parenthesis that is open at the end; 0: none. Quotes are left alone. */
static uint32_t open_paren(struct str s)
{
	uint32_t depth = 0;
	char quote = 0;

	for (uint32_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (quote)
			quote = c == quote && s.p[i - 1] != '\\' ? 0 : quote;
		else if (c == '"' || c == '\'')
			quote = c;
	}
	for (uint32_t i = s.len; i-- > 0 && !quote;) {
		if (s.p[i] == ')')
			depth++;
		else if (s.p[i] == '(' && depth-- == 0)
			return i + 1;
	}
	return 0;
}

static const char *end_hint(const struct spot *p)
{
	struct str word = last_word(p->before);
	uint32_t open = open_paren(p->text);

	if (p->rest.len)
		return NULL;
	if (str_is(word, "and") || str_is(word, "or") || str_is(word, "not"))
		return arena_printf(p->arena, "something must follow '%.*s'", STR_ARG(word));
	if (says(p, "')'") && open)
		return arena_printf(p->arena, "the '(' before \"%.12s\" is not closed",
				    p->text.p + open);
	return says(p, "value") || says(p, "list") ? "a value is missing" : NULL;
}

static bool is_open_quote(struct str s)
{
	return s.len && (s.p[0] == '"' || s.p[0] == '\'') &&
	       !memchr(s.p + 1, s.p[0], s.len - 1);
}

static const char *token_hint(const struct spot *p)
{
	static const char quotes[] =
		"values with blanks, quotes, parentheses, '=' or ',' need quotes of their own, in a "
		"YAML list: '\"a=b\"'";
	char c = p->rest.len ? p->rest.p[0] : 0;

	if (is_open_quote(p->rest))
		return "the quote is not closed";
	if (says(p, "escape"))
		return "write two backslashes for one";
	if (says(p, "unexpected token") && c == ')')
		return "there is no '(' for this ')'";
	if (c == ',')
		return "several values go with 'in', in parentheses: in (a, b)";
	if (says(p, "expected a number"))
		return "this operator compares numbers";
	if (c && strchr("\"'(=", c))
		return quotes;
	if (says(p, "unexpected token") && is_word_char(c))
		return "write 'and' or 'or' between checks; values with blanks need quotes";
	return says(p, "')'") && c ? quotes : NULL;
}

const char *filter_hint(struct arena *arena, struct str text, uint32_t at, const char *message)
{
	static const char *(*const guesses[])(const struct spot *p) = {
		foreign_hint, operator_hint, end_hint, token_hint,
	};
	struct spot p = { .arena = arena, .text = text, .message = message };
	const char *hint = NULL;

	at = MIN(at, text.len);
	p.before = str_trim(str_sub(text, 0, at));
	p.rest = str_trim(str_sub(text, at, text.len));
	for (size_t i = 0; i < ARRAY_SIZE(guesses) && !hint; i++)
		hint = guesses[i](&p);
	return hint;
}

/* ---- checked conditions -------------------------------------------------------------------- */

const char *filter_value_hint(enum param_type type)
{
	static const char *const hints[] = {
		[VC_SIGNED] = "the field is a number",
		[VC_UNSIGNED] = "the field is a number",
		[VC_DOUBLE] = "the field is a number",
		[VC_BOOL] = "write true or false",
		[VC_IPADDR] = "write an address, such as 10.0.0.1 or ::1",
		[VC_IPNET] = "write a network with its mask, such as 10.0.0.0/8 or 10.0.0.1/32",
	};
	enum value_class vc = value_class_of(type);

	if (type == PT_PORT)
		return "write a port number or the name of a service";
	return vc < ARRAY_SIZE(hints) ? hints[vc] : NULL;
}

const char *filter_operator_hint(struct arena *arena, enum value_class vc)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	for (unsigned i = 0; i < OP_COUNT; i++)
		if (op_infos[i].classes & 1 << vc)
			buf_printf(&b, "%s%s", b.len ? ", " : "this field goes with ",
				   op_infos[i].spelling);
	return b.len && !b.err ? arena_strdup(arena, buf_str(&b)) : NULL;
}

static const char *nearest_param(struct str name)
{
	const char *names[4096];
	size_t n = 0;

	for (unsigned t = 0; t < EVENT_TYPE_COUNT; t++)
		for (unsigned i = 0; i < event_infos[t].nparams && n < ARRAY_SIZE(names); i++)
			if (event_infos[t].is_exit)
				names[n++] = event_infos[t].params[i].name;
	return str_nearest(name, names, n);
}

/* What follows a known name is wrong. */
static const char *argument_hint(struct arena *arena, const struct field_info *f, struct str arg)
{
	const char *near;

	switch (f->arg) {
	case ARG_INDEX:
	case ARG_INDEX_REQUIRED:
		return arena_printf(arena, "%s takes a number: %s[1]", f->name, f->name);
	case ARG_KEY:
	case ARG_KEY_REQUIRED:
	case ARG_INDEX_OR_KEY:
	case ARG_INDEX_OR_KEY_REQUIRED:
		return arena_printf(arena, "%s takes a key in brackets: %s[key]", f->name, f->name);
	case ARG_PARAM:
	case ARG_PARAM_NAME:
		near = arg.len > 1 ? nearest_param(str_sub(arg, 1, arg.len)) : NULL;
		return near ? arena_printf(arena, "did you mean %s.%s?", f->name, near)
			    : arena_printf(arena, "%s takes the name of a parameter: %s.fd",
					   f->name, f->name);
	default:
		return NULL;
	}
}

const char *filter_field_hint(struct arena *arena, struct str text)
{
	const char *near = field_nearest(text);
	uint32_t n = text.len;

	/* Of a known name it is the argument that is wrong. */
	for (; n; n--) {
		const struct field_info *f = field_find(str_sub(text, 0, n));

		if (f && (n == text.len || text.p[n] == '.' || !is_word_char(text.p[n])))
			return argument_hint(arena, f, str_sub(text, n, text.len));
	}
	return near ? arena_printf(arena, "did you mean %s?", near)
		    : "'tiercel fields' lists all fields";
}
