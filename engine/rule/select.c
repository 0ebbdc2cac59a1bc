/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which rules are evaluated: compiled, urgent enough, enabled in the files or by the `rules:`
 * selections of the configuration. Order of evaluation is always the order of definition.
 */
#include "engine/rule/loader.h"

/*
 * Pieces between `*` in order, each at its first place, without going back: "*ab" does not match
 * "ab ab", as in the incumbent. "" matches all.
 */
static bool name_matches(struct str pattern, struct str name)
{
	uint32_t from = 0, at = 0;

	if (!pattern.len)
		return true;
	if (!memchr(pattern.p, '*', pattern.len))
		return str_eq(pattern, name);
	for (uint32_t i = 0; i <= pattern.len; i++) {
		struct str piece;

		if (i < pattern.len && pattern.p[i] != '*')
			continue;
		piece = str_sub(pattern, from, i);
		while (from && at < name.len && !str_starts(str_sub(name, at, name.len), piece))
			at++;
		if (!str_starts(str_sub(name, at, name.len), piece))
			return false;
		from = i + 1;
		at += piece.len;
	}
	return at == name.len || pattern.p[pattern.len - 1] == '*';
}

static bool selection_matches(const struct rule_selection *s, const struct rule *r)
{
	if (s->rule_pattern.p && !name_matches(s->rule_pattern, r->name.s))
		return false;
	if (s->tag.p && !strs_have(r->tags, r->ntags, s->tag))
		return false;
	return s->rule_pattern.p || s->tag.p;
}

void select_rules(struct ruleset *rs)
{
	const struct ruleset_opts *o = &rs->opts;

	rs->nactive = 0;
	for (uint32_t i = 0; i < rs->nrules; i++) {
		struct rule *r = rs->rules[i];
		bool on = r->enabled;

		for (uint32_t k = 0; k < o->nselections; k++)
			if (selection_matches(&o->selections[k], r))
				on = o->selections[k].enable;
		r->active = on && r->ast && !r->skipped && r->priority <= o->min_priority;
		rs->nactive += r->active;
	}
}
