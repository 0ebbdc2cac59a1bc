/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Macros: definition and resolution. A macro sees the macros that were first defined before its own
 * current definition; rules see all. Trees of macros are shared by their users.
 */
#include "engine/rule/collect.h"

static bool name_is_valid(struct str s)
{
	for (uint32_t i = 0; i < s.len; i++) {
		char c = s.p[i];
		bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		if (!letter && (!i || !(c == '_' || (c >= '0' && c <= '9'))))
			return false;
	}
	return true;
}

static struct load_macro *macro_new(struct loader *l, const struct item *it)
{
	struct load_macro *m = arena_new(&l->arena, struct load_macro);
	struct load_macro **v = arena_grow(&l->arena, l->macros, &l->cap_macros, l->nmacros + 1,
					   sizeof(*v));

	if (v)
		l->macros = v;
	if (m)
		m->pub = arena_new(&l->rs->arena, struct ruleset_macro);
	if (!v || !m || !m->pub)
		goto fail;
	m->pub->name.s = it->name;
	m->cond.type = "macro condition";
	m->layer = l->layer;
	if (strmap_put(&l->macros_by_name, m->pub->name.s, m))
		goto fail;
	v[l->nmacros++] = m;
	return m;
fail:
	l->oom = true;
	return NULL;
}

void macro_define(struct loader *l, struct item *it)
{
	struct load_macro *m = strmap_get(&l->macros_by_name, it->name);
	struct override *overrides = NULL;
	const struct yaml_node *n;
	struct str condition;
	bool append, good;
	uint32_t count;

	if (!name_is_valid(it->name))
		report(l, DIAG_INVALID_MACRO_NAME, &it->place,
		       "Macro has an invalid name. Macro names should match a regular expression: "
		       "([a-zA-Z]+[a-zA-Z0-9_]*)");
	if (!append_collect(l, it, &append) || override_conflict(l, it, append) ||
	    !override_collect(l, it, macro_keys, macro_nkeys, &overrides, &count))
		return;
	append |= overrides && count && overrides[0].append;
	good = decode_text(l, &it->place, it->map, "condition", &condition);
	if (good && append && !m && !l->incomplete) {
		report_nearest(l, report(l, DIAG_ERR_VALIDATE, &it->place,
					 "Macro uses 'append' or 'override.condition: append' but "
					 "no macro by that name already exists"),
			       &l->macros_by_name, it->name);
		return;
	}
	if (m &&
	    (overrides && count ? !layer_may_change(l, it, m->layer, &m->cond.place)
				: !append && !layer_may_define(l, it, m->layer, &m->cond.place)))
		return;
	if (!m)
		m = macro_new(l, it);
	if (!m)
		return;
	m->visibility = ++l->clock;
	if (!m->first)
		m->first = m->visibility;
	m->broken |= !good;
	if (!good)
		return;
	n = yaml_get(it->map, "condition");
	if (!append || !m->cond.text.first) {
		m->cond.text = (struct text){ 0 };
		m->cond.place = it->place;
	}
	if (!text_add(l, &m->cond.text, condition, &it->place, n))
		m->broken = true;
}

static const struct ast *lookup(void *ctx, struct str name)
{
	struct loader *l = ctx;
	struct load_macro *m = strmap_get(&l->macros_by_name, name);

	return m && !m->broken ? m->pub->ast : NULL;
}

bool cond_resolve(struct loader *l, struct cond *c, struct ast **ret)
{
	struct filter_error err = { 0 };
	struct finding *f;
	int r = filter_resolve(c->raw, &l->rs->arena, lookup, l, ret, &err);

	if (r == -ENOMEM)
		return oom(l);
	if (r == -ENOENT)	/* reported with the identifier, or a file is missing */
		return false;
	if (!r)
		return true;
	f = cond_find(l, c, DIAG_ERR_COMPILE_CONDITION, err.message);
	if (f)
		f->pos = err.pos;
	return false;
}

/* The macro named at c->uses[i] cannot be put in. */
static void find_invisible(struct loader *l, struct cond *c, uint32_t i, bool loop)
{
	struct str name = c->macros[i]->pub->name.s;
	char *message = arena_printf(&l->arena, loop ? "reference loop in macro '%.*s'" :
				     "Undefined macro '%.*s' used in filter.", STR_ARG(name));
	struct finding *f = message ? cond_find(l, c, DIAG_ERR_VALIDATE, message) : NULL;

	if (!f) {
		l->oom = true;
		return;
	}
	f->pos = c->uses[i]->pos;
	f->span = MAX(c->uses[i]->span, 1u);
	f->hint = loop ? NULL : "a macro only sees macros that are defined before it";
}

static void macro_compile(struct loader *l, struct load_macro *m, uint32_t depth);

/*
 * A macro sees what was first defined before its own last definition. So redefinitions of a macro
 * do not take it away from its users, but they can make a loop.
 */
static void resolve_users(struct loader *l, struct load_macro *m, uint32_t depth)
{
	for (uint32_t i = 0; i < m->cond.nmacros && !l->oom; i++) {
		struct load_macro *used = m->cond.macros[i];

		used->pub->used = true;
		if (used->first >= m->visibility) {
			find_invisible(l, &m->cond, i, false);
		} else if (used->state == MACRO_OPEN) {
			find_invisible(l, &m->cond, i, true);
		} else {
			macro_compile(l, used, depth + 1);
			m->broken |= used->broken;
			m->depth = MAX(m->depth, used->depth + 1);
		}
	}
}

/* Report what was found; later findings are those of checking, for each user. */
static void settle(struct loader *l, struct load_macro *m)
{
	struct cond *c = &m->cond;

	for (const struct finding *f = c->findings; f && !l->oom; f = f->next)
		cond_report(l, c, f, f->code, NULL);
	m->broken |= c->errors > 0;
	c->findings = NULL;
	c->findings_end = &c->findings;
	c->errors = 0;
}

/* Everything that makes a macro wrong whether or not it is used. */
static void macro_compile(struct loader *l, struct load_macro *m, uint32_t depth)
{
	struct cond *c = &m->cond;

	if (m->state != MACRO_NEW)
		return;
	m->state = MACRO_OPEN;
	m->depth = depth;
	if (!limit_over(l->limits, LIMIT_CONDITION_DEPTH, depth) && !m->broken) {
		m->depth = 0;
		resolve_users(l, m, depth);
	}
	if (!m->broken && limit_over(l->limits, LIMIT_CONDITION_DEPTH, m->depth))
		cond_find(l, c, DIAG_ERR_COMPILE_CONDITION, "macros are nested too deeply");
	m->state = MACRO_DONE;
	settle(l, m);
	m->broken |= !c->raw;
	if (m->broken || l->oom)
		return;
	if (!cond_resolve(l, c, &m->pub->ast))
		m->broken = true;
	settle(l, m);
}

void macro_compile_all(struct loader *l)
{
	for (uint32_t i = 0; i < l->nmacros && !l->oom; i++)
		if (l->macros[i]->cond.text.first)
			cond_parse(l, &l->macros[i]->cond);
	for (uint32_t i = 0; i < l->nmacros && !l->oom; i++)
		macro_compile(l, l->macros[i], 0);
}
