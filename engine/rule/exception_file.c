/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Exception files (*.exceptions.yaml): exceptions for rules that other files define, each with an
 * owner, a reason and perhaps an end. Kept by ruleset_add, applied by ruleset_finish when all rules
 * are known.
 */
#include "engine/rule/bundle.h"
#include "engine/rule/collect.h"

static const struct item_key entry_keys[] = {
	{ "rule", .required = true },
	{ "name", .required = true },
	{ "fields" },
	{ "comps" },
	{ "values", .required = true },
	{ "owner", .required = true },
	{ "reason", .required = true },
	{ "ticket" },
	{ "expires" },
};

enum { DATE_LEN = 10, SECONDS_PER_DAY = 86400 };

bool exception_file_name(struct str file_name)
{
	return str_ends(file_name, STR(".exceptions.yaml")) ||
	       str_ends(file_name, STR(".exceptions.yml"));
}

void exception_file_keep(struct loader *l, const struct source *src, const struct yaml_node *docs)
{
	struct exception_file *f = arena_new(&l->arena, struct exception_file);

	if (!f) {
		l->oom = true;
		return;
	}
	*f = (struct exception_file){ src, docs, l->layer, NULL };
	if (!l->exception_files)
		l->exception_files_end = &l->exception_files;
	*l->exception_files_end = f;
	l->exception_files_end = &f->next;
}

/* ---- dates --------------------------------------------------------------------------------- */

/* Days from 1970-01-01 in the Gregorian calendar. */
static int64_t days_from_date(int64_t year, int64_t month, int64_t day)
{
	int64_t era, of_era, of_year;

	year -= month <= 2;	/* years start in March, so that leap days are last */
	era = year / 400;
	of_era = year - era * 400;
	of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	int64_t next = month == 12 ? days_from_date(year + 1, 1, 1)
				   : days_from_date(year, month + 1, 1);

	return next - days_from_date(year, month, 1);
}

/* "2027-06-30" -> the first second of the day after. */
static bool parse_expires(struct str s, int64_t *ret)
{
	uint64_t year, month, day;

	if (s.len != DATE_LEN || s.p[4] != '-' || s.p[7] != '-' ||
	    str_to_u64(str_sub(s, 0, 4), &year) || str_to_u64(str_sub(s, 5, 7), &month) ||
	    str_to_u64(str_sub(s, 8, 10), &day) || year < 1970 || month < 1 || month > 12 ||
	    day < 1 || (int64_t)day > days_in_month((int64_t)year, (int64_t)month))
		return false;
	*ret = (days_from_date((int64_t)year, (int64_t)month, (int64_t)day) + 1) * SECONDS_PER_DAY;
	return true;
}

/* ---- entries ------------------------------------------------------------------------------- */

static bool read_optional(struct loader *l, const struct place *at, const struct yaml_node *map,
			  const char *key, struct str *ret)
{
	return !yaml_get_key(map, key) || decode_text(l, at, map, key, ret);
}

static bool read_expires(struct loader *l, const struct place *at, const struct yaml_node *map,
			 struct rule_exception *e)
{
	struct str text = STR_NONE;
	struct place here;

	if (!read_optional(l, at, map, "expires", &text))
		return false;
	if (!text.p || parse_expires(text, &e->expires))
		return true;
	here = place_of(at, "value for", STR("expires"), yaml_get(map, "expires"));
	diag_hint(l->diags,
		  report(l, DIAG_ERR_VALIDATE, &here, "'%.*s' is not a date", STR_ARG(text)),
		  "write it as year-month-day: 2027-06-30");
	return false;
}

static bool read_facts(struct loader *l, const struct place *at, const struct yaml_node *map,
		       struct rule_exception *e)
{
	return decode_text(l, at, map, "owner", &e->owner) &&
	       decode_text(l, at, map, "reason", &e->reason) &&
	       read_optional(l, at, map, "ticket", &e->ticket) && read_expires(l, at, map, e);
}

static void judge_expired(struct loader *l, struct load_exception *e, struct str rule)
{
	int64_t now = l->rs->opts.now;

	if (!now || !e->pub.expires || now < e->pub.expires)
		return;
	e->pub.expired = true;
	diag_hint(l->diags,
		  report(l, DIAG_LINT_EXPIRED_EXCEPTION, &e->place,
			 "Exception '%.*s' of rule '%.*s' is over and ignored (owner: %.*s)",
			 STR_ARG(e->pub.name.s), STR_ARG(rule), STR_ARG(e->pub.owner)),
		  "remove it, or give it a new date in 'expires'");
}

static void apply_entry(struct loader *l, const struct place *file, const struct yaml_node *n)
{
	const struct yaml_node *map = yaml_deref(n);
	struct place at = place_of(file, "exception", STR(""), n);
	struct rule_exception facts = { 0 };
	struct load_exception *e;
	struct load_rule *rule;
	struct str name;

	if (map->kind != YNODE_MAP) {
		report(l, DIAG_ERR_YAML_VALIDATE, &at, "An exception is a map of keys");
		return;
	}
	if (!bundle_keys_good(l, &at, map, entry_keys, ARRAY_SIZE(entry_keys)) ||
	    !decode_text(l, &at, map, "rule", &name) || !read_facts(l, &at, map, &facts))
		return;
	rule = strmap_get(&l->rules_by_name, name);
	if (!rule) {
		if (!l->incomplete)
			report_nearest(l, report(l, DIAG_ERR_VALIDATE, &at,
						 "Exception for a rule '%.*s' that does not exist",
						 STR_ARG(name)),
				       &l->rules_by_name, name);
		return;
	}
	e = exception_take(l, rule, &at, map);
	if (!e)
		return;
	e->pub.owner = facts.owner;
	e->pub.reason = facts.reason;
	e->pub.ticket = facts.ticket;
	e->pub.expires = facts.expires;
	judge_expired(l, e, name);
}

static void apply_file(struct loader *l, const struct exception_file *f)
{
	struct place *at = arena_new(&l->arena, struct place);

	if (!at) {
		l->oom = true;
		return;
	}
	*at = (struct place){ "exception file", STR(""), f->src, 0, NULL };
	l->layer = f->layer;
	for (const struct yaml_node *doc = f->docs; doc; doc = doc->next) {
		const struct yaml_node *n = yaml_deref(doc);

		if (n->kind == YNODE_SCALAR && n->is_null)
			continue;
		if (n->kind != YNODE_SEQ) {
			report(l, DIAG_ERR_YAML_VALIDATE, at,
			       "An exception file is a sequence of exceptions");
			continue;
		}
		yaml_each(entry, n)
			apply_entry(l, at, entry);
	}
	l->layer = NULL;
}

void exception_files_apply(struct loader *l)
{
	for (const struct exception_file *f = l->exception_files; f && !l->oom; f = f->next)
		apply_file(l, f);
}
