/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items of kind `rule`: definition, redefinition, override, old-style append and enable. One key
 * of a rule is one row of rule_keys. Called by collect.c.
 */
#include "engine/rule/collect.h"

#include <strings.h>

const char *const priority_names[8] = {
	"Emergency", "Alert", "Critical", "Error", "Warning", "Notice", "Informational", "Debug",
};

int priority_parse(struct str s, enum rule_priority *ret)
{
	if (s.len == 4 && strncasecmp(s.p, "info", 4) == 0)
		s = str_from(priority_names[PRIO_INFORMATIONAL]);
	for (size_t i = 0; i < ARRAY_SIZE(priority_names); i++) {
		if (s.len == strlen(priority_names[i]) &&
		    strncasecmp(s.p, priority_names[i], s.len) == 0) {
			*ret = (enum rule_priority)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* ---- one key ------------------------------------------------------------------------------- */

static bool set_text(struct loader *l, struct text *t, const struct setting *s)
{
	struct str v;

	if (!decode_scalar(l, &s->place, s->key->name, s->node, &v))
		return false;
	if (s->op != SET_APPEND)
		*t = (struct text){ 0 };
	return text_add(l, t, v, &s->place, yaml_deref(s->node));
}

static bool set_condition(struct loader *l, struct load_rule *r, const struct setting *s)
{
	return set_text(l, &r->cond.text, s);
}

static bool set_output(struct loader *l, struct load_rule *r, const struct setting *s)
{
	if (s->op != SET_APPEND)
		r->output_raw = s->op == SET_REPLACE;
	return set_text(l, &r->output, s);
}

static bool set_desc(struct loader *l, struct load_rule *r, const struct setting *s)
{
	return set_text(l, &r->desc, s);
}

static bool set_priority(struct loader *l, struct load_rule *r, const struct setting *s)
{
	static const char *const words[] = { "emergency", "alert", "critical", "error", "warning",
					     "notice", "informational", "info", "debug" };
	struct place at = s->place;
	enum rule_priority prio;
	struct diag *g;
	const char *near;
	struct str v;

	if (!decode_scalar(l, &s->place, s->key->name, s->node, &v))
		return false;
	if (priority_parse(v, &prio) == 0) {
		r->pub->priority = (uint8_t)prio;
		return true;
	}
	at.type = "rule priority";
	at.name = STR("");
	g = report(l, DIAG_ERR_YAML_VALIDATE, &at, "Invalid priority");
	g->span = v.len;
	near = str_nearest(v, words, ARRAY_SIZE(words));
	if (near)
		diag_hint(l->diags, g, "did you mean '%s'?", near);
	else
		diag_hint(l->diags, g, "one of emergency, alert, critical, error, warning, notice, "
			  "informational, debug");
	return false;
}

static int by_text(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Into its place; the tags stay sorted and distinct. */
static bool insert_tag(struct loader *l, struct rule *p, struct str tag)
{
	uint32_t lo = 0, hi = p->ntags;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = str_cmp(p->tags[mid], tag);

		if (c == 0)
			return true;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!strs_add(l, &p->tags, &p->ntags, tag))
		return false;
	memmove(&p->tags[lo + 1], &p->tags[lo], (p->ntags - 1 - lo) * sizeof(*p->tags));
	p->tags[lo] = tag;
	return true;
}

enum { TAGS_FEW = 16 };

static bool set_tags(struct loader *l, struct load_rule *r, const struct setting *s)
{
	struct rule *p = r->pub;
	struct str *tags = NULL;
	uint32_t n = 0;

	if (!decode_texts(l, &s->place, s->node, &tags, &n))
		return false;
	if (s->op != SET_APPEND) {
		p->tags = NULL;
		p->ntags = 0;
	}
	if (n > TAGS_FEW)	/* what is sorted goes to the end: no moving */
		qsort(tags, n, sizeof(*tags), by_text);
	for (uint32_t i = 0; i < n; i++)
		if (!insert_tag(l, p, tags[i]))
			return false;
	return true;
}

#define SET_BOOL(member)                                                                        \
	static bool set_##member(struct loader *l, struct load_rule *r, const struct setting *s) \
	{                                                                                       \
		return decode_bool(l, &s->place, s->key->name, s->node, &r->pub->member);       \
	}
SET_BOOL(enabled)
SET_BOOL(warn_evttypes)
SET_BOOL(skip_if_unknown_filter)
SET_BOOL(capture)

static bool set_capture_duration(struct loader *l, struct load_rule *r, const struct setting *s)
{
	return decode_u32(l, &s->place, s->key->name, s->node, &r->pub->capture_duration_ms);
}

const struct item_key rule_keys[RULE_KEYS] = {
	{ "rule" },
	{ "condition", .required = true, .can_append = true, .can_replace = true,
	  .with_append = true, .set = set_condition },
	{ "output", .required = true, .can_append = true, .can_replace = true, .set = set_output },
	{ "desc", .required = true, .can_append = true, .can_replace = true, .set = set_desc },
	{ "priority", .required = true, .can_replace = true, .set = set_priority },
	{ "source" },
	{ "enabled", .can_replace = true, .set = set_enabled },
	{ "tags", .can_append = true, .can_replace = true, .set = set_tags },
	{ "exceptions", .can_append = true, .can_replace = true, .with_append = true,
	  .set = exception_set },
	{ "warn_evttypes", .can_replace = true, .set = set_warn_evttypes },
	{ "skip-if-unknown-filter", .can_replace = true, .set = set_skip_if_unknown_filter },
	{ "capture", .can_replace = true, .set = set_capture },
	{ "capture_duration", .can_replace = true, .set = set_capture_duration },
	{ "append" },
	{ "override" },
};

static bool set_key(struct loader *l, struct load_rule *r, const struct item *it,
		    const struct item_key *key, enum set_op op)
{
	const struct yaml_node *n = yaml_get(it->map, key->name);
	struct setting s = { it, key, n, place_of(&it->place, "value for", str_from(key->name), n),
			     op };

	return key->set(l, r, &s);
}

/* ---- one item ------------------------------------------------------------------------------ */

static struct load_rule *rule_new(struct loader *l, const struct item *it)
{
	struct load_rule *r = arena_new(&l->arena, struct load_rule);

	if (r)
		r->pub = arena_new(&l->rs->arena, struct rule);
	if (!r || !r->pub) {
		l->oom = true;
		return NULL;
	}
	r->pub->name.s = it->name;
	r->pub->source = STR("syscall");
	r->pub->enabled = r->pub->warn_evttypes = true;
	r->definition = ++l->definitions;
	r->layer = l->layer;
	r->cond.rule = r;
	r->cond.place = it->place;
	r->cond.type = "rule condition";
	return r;
}

static bool rule_put(struct loader *l, struct load_rule *r)
{
	struct load_rule **v = arena_grow(&l->arena, l->rules, &l->cap_rules, l->nrules + 1,
					  sizeof(*v));

	if (!v || strmap_put(&l->rules_by_name, r->pub->name.s, r))
		return oom(l);
	l->rules = v;
	r->pub->index = l->nrules;
	v[l->nrules++] = r;
	return true;
}

/* A source given by the item must be the rule's. Null and empty count only in full definitions. */
static bool same_source(struct loader *l, const struct load_rule *old, const struct item *it)
{
	const struct yaml_node *n = yaml_get(it->map, "source");
	struct diag *g;

	if (!n || n->kind != YNODE_SCALAR || n->is_null || !n->s.len ||
	    str_eq(n->s, old->pub->source))
		return true;
	g = report(l, DIAG_ERR_VALIDATE, &it->place,
		   "Rule has been re-defined with a different source");
	report_other(l, g, &old->cond.place);
	return false;
}

static struct load_rule *known_rule(struct loader *l, const struct item *it, const char *message)
{
	struct load_rule *old = strmap_get(&l->rules_by_name, it->name);

	if (!old && !l->incomplete)
		report_nearest(l, report(l, DIAG_ERR_VALIDATE, &it->place, "%s", message),
			       &l->rules_by_name, it->name);
	return old;
}

/* The rule that an append or override changes. NULL = reported. */
static struct load_rule *rule_to_change(struct loader *l, const struct item *it,
					const char *message)
{
	struct load_rule *old = known_rule(l, it, message);

	return old && same_source(l, old, it) ? old : NULL;
}

static const char rule_append_message[] =
	"Rule uses 'append' or 'override.<key>: append' but no rule by that name already exists";
static const char rule_replace_message[] =
	"An 'override.<key>: replace' to a rule was requested but no rule by that name already "
	"exists";
static const char rule_enable_message[] =
	"Rule has 'enabled' key but no rule by that name already exists";

/* Appended exceptions of a limited layer hold for its events only; everything else would not. */
static bool override_allowed(struct loader *l, const struct item *it, const struct load_rule *old,
			     const struct override *o, uint32_t n)
{
	bool only_exceptions = true;

	for (uint32_t i = 0; i < n; i++)
		only_exceptions &= o[i].append && str_is(STR("exceptions"), o[i].what->name);
	return only_exceptions || layer_may_change(l, it, old->layer, &old->cond.place);
}

static void rule_override(struct loader *l, const struct item *it, const struct override *o,
			  uint32_t n)
{
	struct load_rule *old;
	bool appends = false;

	for (uint32_t i = 0; i < n; i++)
		appends |= o[i].append;
	old = rule_to_change(l, it, appends ? rule_append_message : rule_replace_message);
	if (!old || !override_allowed(l, it, old, o, n))
		return;
	for (uint32_t i = 0; i < n; i++)
		if (o[i].append && !set_key(l, old, it, o[i].what, SET_APPEND))
			old->broken = true;
	for (uint32_t i = 0; i < n; i++)
		if (!o[i].append && !set_key(l, old, it, o[i].what, SET_REPLACE))
			old->broken = true;
}

static void rule_append(struct loader *l, const struct item *it)
{
	struct load_rule *old = rule_to_change(l, it, rule_append_message);
	bool any = false;

	if (old && yaml_get_key(it->map, "condition") &&
	    !layer_may_change(l, it, old->layer, &old->cond.place))
		return;
	for (size_t i = 0; i < RULE_KEYS; i++) {
		const struct item_key *key = &rule_keys[i];

		if (!key->with_append || !yaml_get_key(it->map, key->name))
			continue;
		any = true;
		if (old && !set_key(l, old, it, key, SET_APPEND))
			old->broken = true;
	}
	if (!any)
		report(l, DIAG_ERR_VALIDATE, &it->place,
		       "Appended rule must have exceptions or condition property");
}

static void rule_enable(struct loader *l, const struct item *it)
{
	const struct yaml_node *n = yaml_get(it->map, "enabled");
	struct load_rule *old;
	struct place at;
	bool enabled;

	if (!n) {
		report(l, DIAG_ERR_YAML_VALIDATE, &it->place,
		       "Item has no mapping for key 'enabled'");
		return;
	}
	at = place_of(&it->place, "value for", STR("enabled"), n);
	if (!decode_bool(l, &at, "enabled", n, &enabled))
		return;
	report(l, DIAG_DEPRECATED_ITEM, &it->place,
	       "The standalone 'enabled' key usage is deprecated. The correct approach requires "
	       "also a 'replace' entry under the 'override' key (i.e. 'enabled: replace').");
	old = known_rule(l, it, rule_enable_message);	/* other keys do not count */
	if (old && layer_may_change(l, it, old->layer, &old->cond.place))
		old->pub->enabled = enabled;
}

static bool set_source(struct loader *l, struct load_rule *r, const struct item *it)
{
	if (yaml_get_key(it->map, "source") &&
	    !decode_text(l, &it->place, it->map, "source", &r->pub->source))
		return false;
	if (str_is(r->pub->source, "syscall"))
		return true;
	r->unknown_source = r->pub->skipped = true;
	report(l, DIAG_UNKNOWN_SOURCE, &it->place, "Unknown source %.*s, skipping",
	       STR_ARG(r->pub->source));
	return true;
}

static void rule_define(struct loader *l, const struct item *it)
{
	struct load_rule *old = strmap_get(&l->rules_by_name, it->name);
	struct load_rule *r = rule_new(l, it);
	bool good = !old || (layer_may_define(l, it, old->layer, &old->cond.place) &&
			     same_source(l, old, it));

	if (!r || !good)
		return;
	good = set_source(l, r, it);
	for (size_t i = 0; i < RULE_KEYS; i++) {
		const struct item_key *key = &rule_keys[i];

		if (yaml_get_key(it->map, key->name)) {
			if (key->set && !set_key(l, r, it, key, SET_DEFINE))
				good = false;
		} else if (key->required) {
			struct diag *g = report(l, DIAG_ERR_YAML_VALIDATE, &it->place,
						"Item has no mapping for key '%s'", key->name);

			if (old)
				diag_hint(l->diags, g, "to change some keys of the earlier rule, "
					  "name them: 'override: {condition: append}'");
			good = false;
		}
	}
	r->broken = !good;
	if (!old) {
		rule_put(l, r);
		return;
	}
	r->pub->index = old->pub->index;
	*old = *r;
	old->cond.rule = old;
}

void collect_rule(struct loader *l, struct item *it)
{
	struct override *overrides = NULL;
	bool append, complete = false;
	uint32_t n;

	if (!append_collect(l, it, &append) || override_conflict(l, it, append) ||
	    !override_collect(l, it, rule_keys, RULE_KEYS, &overrides, &n))
		return;
	for (size_t i = 0; i < RULE_KEYS; i++)
		complete |= rule_keys[i].required && yaml_get_key(it->map, rule_keys[i].name);
	if (overrides)
		rule_override(l, it, overrides, n);
	else if (append)
		rule_append(l, it);
	else if (complete)
		rule_define(l, it);
	else
		rule_enable(l, it);
}
