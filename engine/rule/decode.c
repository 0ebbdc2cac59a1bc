/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML nodes as typed values, with the messages users know. Called by the collecting half of the
 * loader. Texts are views of the rule set's arena.
 */
#include <strings.h>

#include "engine/rule/loader.h"

struct place place_of(const struct place *outer, const char *type, struct str name,
		      const struct yaml_node *n)
{
	return (struct place){ type, name, outer->src, n ? n->offset : outer->offset, outer };
}

bool decode_scalar(struct loader *l, const struct place *at, const char *key,
		   const struct yaml_node *n, struct str *ret)
{
	n = yaml_deref(n);
	if (n->kind != YNODE_SCALAR) {
		report(l, DIAG_ERR_YAML_VALIDATE, at, "Value is not a scalar value");
		return false;
	}
	if (n->is_null) {
		report(l, DIAG_ERR_YAML_VALIDATE, at, "Mapping for key '%s' is empty", key);
		return false;
	}
	if (!n->s.len) {
		report(l, DIAG_ERR_YAML_VALIDATE, at, "Value must be non-empty");
		return false;
	}
	*ret = n->s;
	return true;
}

bool decode_text(struct loader *l, const struct place *in, const struct yaml_node *map,
		 const char *key, struct str *ret)
{
	const struct yaml_node *n = yaml_deref(map)->kind == YNODE_MAP ? yaml_get(map, key) : NULL;
	struct place at;

	if (!n) {
		report(l, DIAG_ERR_YAML_VALIDATE, in, "Item has no mapping for key '%s'", key);
		return false;
	}
	at = place_of(in, "value for", str_from(key), n);
	return decode_scalar(l, &at, key, n, ret);
}

/* A word in lower, upper or capitalised form. */
static bool is_word(struct str s, const char *word)
{
	bool upper = true, lower_tail = true;

	if (s.len != strlen(word) || strncasecmp(s.p, word, s.len) != 0)
		return false;
	for (uint32_t i = 0; i < s.len; i++) {
		bool up = s.p[i] >= 'A' && s.p[i] <= 'Z';

		upper &= up;
		lower_tail &= i == 0 || !up;
	}
	return upper || lower_tail;
}

bool decode_bool(struct loader *l, const struct place *at, const char *key,
		 const struct yaml_node *n, bool *ret)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {
		{ "true", true }, { "false", false }, { "yes", true }, { "no", false },
		{ "on", true }, { "off", false }, { "y", true }, { "n", false },
	};
	struct str s;

	if (!decode_scalar(l, at, key, n, &s))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (is_word(s, words[i].word)) {
			*ret = words[i].value;
			return true;
		}
	}
	diag_hint(l->diags, report(l, DIAG_ERR_YAML_VALIDATE, at, "Can't decode YAML scalar value"),
		  "'%s' is true or false", key);
	return false;
}

bool text_to_u32(struct str s, uint32_t *ret)
{
	bool sign = s.len && s.p[0] == '+';
	unsigned long long v;
	char *end;

	/* Values end with NUL; hex and octal are numbers of YAML too, blanks may follow. */
	errno = 0;
	v = strtoull(s.p, &end, 0);
	if (s.len < 1u + sign || s.p[sign] < '0' || s.p[sign] > '9' || errno || v > UINT32_MAX ||
	    str_trim(str_sub(s, (uint32_t)(end - s.p), s.len)).len)
		return false;
	*ret = (uint32_t)v;
	return true;
}

bool decode_u32(struct loader *l, const struct place *at, const char *key,
		const struct yaml_node *n, uint32_t *ret)
{
	struct str s;

	if (!decode_scalar(l, at, key, n, &s))
		return false;
	if (!text_to_u32(s, ret)) {
		diag_hint(l->diags,
			  report(l, DIAG_ERR_YAML_VALIDATE, at, "Can't decode YAML scalar value"),
			  "'%s' is a whole number", key);
		return false;
	}
	return true;
}

bool strs_have(const struct str *arr, uint32_t n, struct str s)
{
	for (uint32_t i = 0; i < n; i++)
		if (str_eq(arr[i], s))
			return true;
	return false;
}

/* Arrays of the rule set grow by doubling; the capacity follows from the count. */
bool strs_add(struct loader *l, struct str **arr, uint32_t *n, struct str s)
{
	if (*n == 0 || (*n >= 2 && (*n & (*n - 1)) == 0)) {
		uint32_t cap = *n;
		struct str *v = arena_grow(&l->rs->arena, *arr, &cap, *n + 1, sizeof(*v));

		if (!v)
			return oom(l);
		*arr = v;
	}
	(*arr)[(*n)++] = s;
	return true;
}

bool decode_texts(struct loader *l, const struct place *at, const struct yaml_node *n,
		  struct str **arr, uint32_t *count)
{
	bool good = true;

	n = yaml_deref(n);
	if (n->kind != YNODE_SEQ) {
		diag_hint(l->diags,
			  report(l, DIAG_ERR_YAML_VALIDATE, at, "Value is not a sequence"),
			  "write [a, b], or one '- a' per line");
		return false;
	}
	yaml_each(item, n) {
		const struct yaml_node *v = yaml_deref(item);

		if (v->kind != YNODE_SCALAR || v->is_null) {
			struct place here = place_of(at, "list item", STR(""), item);

			report(l, DIAG_ERR_YAML_VALIDATE, &here, "sequence value is not scalar");
			good = false;
		} else if (!strs_add(l, arr, count, v->s)) {
			return false;
		}
	}
	return good;
}

bool text_add(struct loader *l, struct text *t, struct str s, const struct place *at,
	      const struct yaml_node *n)
{
	const struct source *src = at->src;
	struct piece *p;

	t->len += s.len + (t->first ? 1 : 0);
	if (limit_over(l->limits, LIMIT_CONDITION_BYTES, t->len)) {
		t->len -= s.len;
		report(l, DIAG_ERR_VALIDATE, at, "Text is longer than %llu bytes",
		       (unsigned long long)l->limits->max[LIMIT_CONDITION_BYTES]);
		return false;
	}
	p = arena_new(&l->arena, struct piece);
	if (!p)
		return oom(l);
	*p = (struct piece){ s, src, n, NULL };
	if (t->last)
		t->last->next = p;
	else
		t->first = p;
	t->last = p;
	return true;
}
