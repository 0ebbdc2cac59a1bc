/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Version requirements of rules files: engine and plugins. Called by the loader.
 */
#include "engine/rule/loader.h"

/* The language version this engine speaks, and the plugin that is built in. */
static const char engine_version[] = "0.62.0";
static const struct plugin_version builtin = { { "container", 9 }, { "0.7.1", 5 } };

struct semver {
	uint64_t v[3];
};

static bool is_suffix_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       c == '.' || c == '-' || c == '+';
}

/* "x.y.z", with an optional prerelease or build suffix. */
static bool semver_parse(struct str s, struct semver *ret)
{
	uint32_t at = 0;

	for (size_t i = 0; i < ARRAY_SIZE(ret->v); i++) {
		uint32_t from = at;

		while (at < s.len && s.p[at] >= '0' && s.p[at] <= '9')
			at++;
		if (from == at || str_to_u64(str_sub(s, from, at), &ret->v[i]))
			return false;
		if (i < 2 && (at >= s.len || s.p[at++] != '.'))
			return false;
	}
	if (at == s.len)
		return true;
	if (s.p[at] != '-' && s.p[at] != '+')
		return false;
	while (at < s.len && is_suffix_char(s.p[at]))
		at++;
	return at == s.len;
}

static bool not_newer(const struct semver *want, const struct semver *have)
{
	for (size_t i = 0; i < ARRAY_SIZE(want->v); i++)
		if (want->v[i] != have->v[i])
			return want->v[i] < have->v[i];
	return true;
}

static bool compatible(const struct semver *want, const struct semver *have)
{
	return want->v[0] == have->v[0] && not_newer(want, have);
}

/* ---- engine -------------------------------------------------------------------------------- */

bool version_is_valid(struct str version)
{
	struct semver v;

	return semver_parse(version, &v);
}

bool version_require(struct loader *l, const struct place *at, struct str text)
{
	struct semver want, have, before;
	char *full;
	uint32_t n;

	full = text_to_u32(text, &n) ? arena_printf(&l->rs->arena, "0.%u.0", n)
		: arena_strdup(&l->rs->arena, text);
	if (!full)
		return oom(l);
	if (!semver_parse(str_from(full), &want)) {
		report(l, DIAG_ERR_YAML_VALIDATE, at,
		       "Unable to parse engine version '%.*s' as a semver string. Expected "
		       "\"x.y.z\" semver format.", STR_ARG(text));
		return false;
	}
	semver_parse(str_from(engine_version), &have);
	if (!compatible(&want, &have))
		report(l, DIAG_ERR_VALIDATE, at,
		       "Rules require engine version %s, but engine version is %s", full,
		       engine_version);
	if (!l->rs->required_engine_version.len ||
	    (semver_parse(l->rs->required_engine_version, &before) && not_newer(&before, &want)))
		l->rs->required_engine_version = str_from(full);
	return compatible(&want, &have);
}

void version_collect_engine(struct loader *l, struct item *it)
{
	struct str text;

	if (decode_text(l, &it->place, it->map, "required_engine_version", &text))
		version_require(l, &it->place, text);
}

/* ---- plugins ------------------------------------------------------------------------------- */

static bool read_plugin(struct loader *l, const struct place *at, const struct yaml_node *n,
			struct plugin_requirement *req)
{
	struct plugin_version *p = &req->any[req->nany];
	struct semver v;

	if (!decode_text(l, at, n, "name", &p->name) ||
	    !decode_text(l, at, n, "version", &p->version))
		return false;
	if (!semver_parse(p->version, &v)) {
		report(l, DIAG_ERR_VALIDATE, at,
		       "Invalid required version '%.*s' for plugin '%.*s'", STR_ARG(p->version),
		       STR_ARG(p->name));
		return false;
	}
	for (uint32_t i = 0; i < req->nany; i++) {
		if (!str_eq(req->any[i].name, p->name))
			continue;
		report(l, DIAG_ERR_VALIDATE, at,
		       "Defined multiple alternative version requirements for plugin '%.*s'",
		       STR_ARG(p->name));
		return false;
	}
	req->nany++;
	return true;
}

static bool read_alternatives(struct loader *l, const struct place *at,
			      const struct yaml_node *alternatives, struct plugin_requirement *req)
{
	bool good = true;

	if (!alternatives)
		return true;
	if (alternatives->kind != YNODE_SEQ) {
		report(l, DIAG_ERR_YAML_VALIDATE, at,
		       "Value of plugin version alternatives must be a sequence");
		return false;
	}
	yaml_each(n, alternatives) {
		struct place here = place_of(at, "required plugin versions alternative", STR(""),
					     n);

		good &= read_plugin(l, &here, n, req);
	}
	return good;
}

static void read_requirement(struct loader *l, struct item *it, const struct yaml_node *n)
{
	struct place at = place_of(&it->place, "required plugin versions entry", STR(""), n);
	const struct yaml_node *map = yaml_deref(n), *alternatives = NULL;
	struct load_requirement *v, req = { .place = at };

	if (map->kind == YNODE_MAP)
		alternatives = yaml_get(map, "alternatives");
	req.pub.any = arena_array(&l->rs->arena, 1 + (size_t)(alternatives ? alternatives->n : 0),
				  sizeof(*req.pub.any));
	v = arena_grow(&l->arena, l->requirements, &l->cap_requirements, l->nrequirements + 1,
		       sizeof(*v));
	if (!req.pub.any || !v) {
		l->oom = true;
		return;
	}
	l->requirements = v;
	if (!read_plugin(l, &at, n, &req.pub) ||
	    !read_alternatives(l, &at, alternatives, &req.pub))
		return;
	v[l->nrequirements++] = req;
}

void version_collect_plugins(struct loader *l, struct item *it)
{
	const struct yaml_node *n = yaml_get(it->map, "required_plugin_versions");

	it->place.type = "required plugin versions";
	if (n->kind != YNODE_SEQ) {
		report(l, DIAG_ERR_YAML_VALIDATE, &it->place,
		       "Value of required_plugin_versions must be a sequence");
		return;
	}
	yaml_each(entry, n)
		read_requirement(l, it, entry);
}

static const struct plugin_version *loaded(const struct loader *l, struct str name)
{
	const struct ruleset_opts *o = &l->rs->opts;

	for (uint32_t i = 0; i < o->nplugins; i++)
		if (str_eq(o->plugins[i].name, name))
			return &o->plugins[i];
	return str_eq(name, builtin.name) ? &builtin : NULL;
}

static void report_missing(struct loader *l, const struct load_requirement *r, enum diag_code code)
{
	_cleanup_buf_ struct buf text = BUF_INIT;

	for (uint32_t i = 0; i < r->pub.nany; i++)
		buf_printf(&text, "%s%.*s (>= %.*s)", i ? ", " : "", STR_ARG(r->pub.any[i].name),
			   STR_ARG(r->pub.any[i].version));
	if (text.err)
		l->oom = true;
	report(l, code, &r->place, "Plugin requirement not satisfied, must load one of: %.*s",
	       STR_ARG(buf_str(&text)));
}

/* The first of the plugins that is loaded decides. */
static void check_requirement(struct loader *l, const struct load_requirement *r,
			      enum diag_code code)
{
	for (uint32_t i = 0; i < r->pub.nany; i++) {
		const struct plugin_version *want = &r->pub.any[i], *have = loaded(l, want->name);
		struct semver w, h;

		if (!have)
			continue;
		if (!semver_parse(want->version, &w) || !semver_parse(have->version, &h) ||
		    !compatible(&w, &h))
			report(l, code, &r->place,
			       "Plugin '%.*s' version '%.*s' is not compatible with required "
			       "plugin version '%.*s'",
			       STR_ARG(want->name), STR_ARG(have->version), STR_ARG(want->version));
		return;
	}
	report_missing(l, r, code);
}

void version_check_plugins(struct loader *l)
{
	const struct ruleset_opts *o = &l->rs->opts;
	enum diag_code code = o->require_plugins ? DIAG_ERR_VALIDATE : DIAG_LINT_PLUGIN_MISSING;

	l->rs->requirements = arena_array(&l->rs->arena, l->nrequirements,
					  sizeof(*l->rs->requirements));
	if (!l->rs->requirements) {
		l->oom = true;
		return;
	}
	for (uint32_t i = 0; i < l->nrequirements; i++) {
		l->rs->requirements[l->rs->nrequirements++] = l->requirements[i].pub;
		check_requirement(l, &l->requirements[i], code);
	}
}
