/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of the configuration files -> struct config, by the rows of options.def: every value is
 * checked, every key that has no row is a warning with its place.
 */
#include "agent/config_option.h"

#include <ctype.h>

/* A configuration is small; these keep hostile files cheap. */
enum { CONFIG_NODES_MAX = 20000, CONFIG_DIAGS_MAX = 500 };

#define OPTION_C_BOOL bool
#define OPTION_C_UINT uint64_t
#define OPTION_C_TIME uint64_t
#define OPTION_C_TEXT const char *
#define OPTION_C_ENUM unsigned
#define OPTION_C_TEXTS struct config_texts
#define OPTION_MEMBER(member) (((struct config *)0)->member)

#define OPTION_CHECK_ITEMS(member)
#define OPTION_CHECK(type, member)                                                                \
	_Static_assert(__builtin_types_compatible_p(__typeof__(OPTION_MEMBER(member)),            \
						    OPTION_C_##type), "type of " #member);
#define OPTION_CHECK_BOOL(member) OPTION_CHECK(BOOL, member)
#define OPTION_CHECK_UINT(member) OPTION_CHECK(UINT, member)
#define OPTION_CHECK_TIME(member) OPTION_CHECK(TIME, member)
#define OPTION_CHECK_TEXT(member) OPTION_CHECK(TEXT, member)
#define OPTION_CHECK_ENUM(member) OPTION_CHECK(ENUM, member)
#define OPTION_CHECK_TEXTS(member) OPTION_CHECK(TEXTS, member)
#define OPTION(path, type, member, def, min, max, choices, help) OPTION_CHECK_##type(member)
#define RULE_OPTION OPTION
#define OTHER(path, value, why)
#include "agent/options.def"
#undef OPTION
#undef RULE_OPTION
#undef OTHER

const struct config_option config_options[] = {
#define ROW(path, type, member, def, min, max, choices, help, reloaded)                            \
	{ path, CONFIG_##type, offsetof(struct config, member), def, min, max, choices,            \
	  help, reloaded },
#define OPTION(...) ROW(__VA_ARGS__, false)
#define RULE_OPTION(...) ROW(__VA_ARGS__, true)
#define OTHER(path, value, why) { path, CONFIG_OTHER, 0, value, 0, 0, NULL, why, false },
#include "agent/options.def"
#undef ROW
#undef OPTION
#undef RULE_OPTION
#undef OTHER
};
const uint32_t config_options_count = ARRAY_SIZE(config_options);

int config_texts_add(struct config_texts *l, struct arena *a, const char *text)
{
	const char **v = arena_array(a, l->n + 1, sizeof(*v));
	const char *copy = arena_strdup(a, str_from(text));

	if (!v || !copy)
		return -ENOMEM;
	if (l->n)
		memcpy(v, l->v, l->n * sizeof(*v));
	v[l->n] = copy;
	l->v = v;
	l->n++;
	return 0;
}

bool config_texts_have(const struct config_texts *l, const char *text)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (strcmp(l->v[i], text) == 0)
			return true;
	return false;
}

static bool same_text(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || strncasecmp(a.p, b.p, a.len) == 0);
}

/* Length of the name at the start of "name:alias|name|..." */
static uint32_t name_length(const char *s)
{
	return (uint32_t)strcspn(s, "|:");
}

struct str config_choice_name(const char *choices, unsigned index)
{
	for (; index; index--)
		choices = strchr(choices, '|') + 1;
	return (struct str){ choices, name_length(choices) };
}

int config_choice(const char *choices, struct str s)
{
	int n = 0;

	for (const char *at = choices;; at++) {
		uint32_t len = name_length(at);

		if (same_text((struct str){ at, len }, s))
			return n;
		at += len;
		if (!*at)
			return -1;
		n += *at == '|';
	}
}

static int parse_bool(struct str s, bool *ret)
{
	int word = config_choice("false:no:off:n|true:yes:on:y", s);

	if (word < 0)
		return -EINVAL;
	*ret = word;
	return 0;
}

/* "1h30m", "500ms" ... in milliseconds. 0 or -EINVAL. */
static int config_time(struct str s, uint64_t *ret_ms)
{
	static const struct {
		const char *name;
		uint64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 },
		      { "d", 86400000 } };
	uint64_t sum = 0;
	uint32_t at = 0;

	do {
		uint32_t from = at, unit = 0;
		uint64_t v;

		while (at < s.len && isdigit((unsigned char)s.p[at]))
			at++;
		if (at == from || str_to_u64(str_sub(s, from, at), &v) < 0 || v > UINT32_MAX)
			return -EINVAL;
		for (from = at; at < s.len && isalpha((unsigned char)s.p[at]);)
			at++;
		while (unit < ARRAY_SIZE(units) && !str_is(str_sub(s, from, at), units[unit].name))
			unit++;
		if (unit == ARRAY_SIZE(units))
			return -EINVAL;
		sum += v * units[unit].ms;
		while (at < s.len && s.p[at] == ' ')
			at++;
	} while (at < s.len);
	*ret_ms = sum;
	return 0;
}

static int parse_texts(const struct config_option *o, struct arena *a, struct str s,
		       struct config_texts *ret)
{
	uint32_t from = 0;

	for (uint32_t at = 0; at <= s.len; at++) {
		const char *text;

		if (at < s.len && s.p[at] != ',')
			continue;
		text = arena_strdup(a, str_trim(str_sub(s, from, at)));
		if (!text)
			return -ENOMEM;
		if (*text && config_texts_add(ret, a, text) < 0)
			return -ENOMEM;
		from = at + 1;
	}
	return 0;
}

/* A value as text into the member of the row. 0, -ENOMEM or -EINVAL. */
static int set_value(const struct config_option *o, struct config *c, struct str s)
{
	void *member = (char *)c + o->offset;
	uint64_t number = 0;
	int r = 0;

	switch (o->type) {
	case CONFIG_BOOL:
		return parse_bool(s, member);
	case CONFIG_UINT:
	case CONFIG_TIME:
		r = o->type == CONFIG_UINT ? str_to_u64(s, &number) : config_time(s, &number);
		if (r < 0 || number < o->min || number > o->max)
			return -EINVAL;
		*(uint64_t *)member = number;
		return 0;
	case CONFIG_ENUM:
		r = config_choice(o->choices, s);
		if (r >= 0)
			*(unsigned *)member = (unsigned)r;
		return r < 0 ? -EINVAL : 0;
	case CONFIG_TEXT:
		if (memchr(s.p, '\0', s.len))
			return -EINVAL;
		*(const char **)member = arena_strdup(&c->arena, s);
		return *(const char **)member ? 0 : -ENOMEM;
	case CONFIG_TEXTS:
		return parse_texts(o, &c->arena, s, member);
	case CONFIG_ITEMS:
	case CONFIG_OTHER:
		break;
	}
	return 0;
}

/* What the row takes, for messages. */
static void describe_wanted(const struct config_option *o, struct buf *out)
{
	switch (o->type) {
	case CONFIG_BOOL:
		buf_add_c(out, "true or false");
		break;
	case CONFIG_UINT:
		buf_printf(out, "a number from %llu to %llu", (unsigned long long)o->min,
			   (unsigned long long)o->max);
		break;
	case CONFIG_TIME:
		buf_printf(out, "a time from %llums to %llums, written as 500ms, 30s or 1h30m",
			   (unsigned long long)o->min, (unsigned long long)o->max);
		break;
	case CONFIG_ENUM:
		buf_printf(out, "one of %s", o->choices);
		break;
	case CONFIG_TEXTS:
		buf_printf(out, "a list of %s", o->choices ? o->choices : "texts");
		break;
	default:
		buf_add_c(out, "a text");
	}
}

int config_expected(struct config_tree *t, const struct config_node *n, const char *key,
		    const char *what)
{
	if (n->kind == CONFIG_SCALAR && !n->is_null)
		config_report(t, DIAG_CONFIG_ERR_VALUE, &n->at, "%s takes %s, not '%.*s'", key,
			      what, STR_ARG(n->s));
	else
		config_report(t, DIAG_CONFIG_ERR_VALUE, &n->at, "%s takes %s, not %s", key, what,
			      config_kind_name(n));
	return -EINVAL;
}

static int bad_value(const struct config_option *o, struct config_tree *t,
		     const struct config_node *n)
{
	_cleanup_buf_ struct buf wanted = BUF_INIT;

	describe_wanted(o, &wanted);
	return wanted.err ? -ENOMEM : config_expected(t, n, o->path, wanted.p);
}

/* An element of a list of texts. */
static int read_text_of(const struct config_option *o, struct config *c, struct config_tree *t,
			const struct config_node *n)
{
	struct config_texts *l = (void *)((char *)c + o->offset);

	if (n->kind != CONFIG_SCALAR || n->is_null || memchr(n->s.p, '\0', n->s.len) ||
	    (o->choices && config_choice(o->choices, n->s) < 0))
		return bad_value(o, t, n);
	return config_texts_add(l, &c->arena, n->s.p);
}

static int read_texts(const struct config_option *o, struct config *c, struct config_tree *t,
		      const struct config_node *n)
{
	struct config_texts *l = (void *)((char *)c + o->offset);

	*l = (struct config_texts){ 0 };
	if (n->kind == CONFIG_SCALAR)	/* a list of one, as Falco reads it */
		return read_text_of(o, c, t, n);
	if (n->kind != CONFIG_SEQ)
		return bad_value(o, t, n);
	config_each(item, n) {
		int r = read_text_of(o, c, t, item);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_option(const struct config_option *o, struct config *c, struct config_tree *t,
		       const struct config_node *n)
{
	int r;

	if (o->type == CONFIG_ITEMS)
		return config_item_kind(o->choices)->read(c, t, n);
	if (n->is_null)		/* "key:" alone: the default */
		return 0;
	if (o->type == CONFIG_TEXTS)
		return read_texts(o, c, t, n);
	if (n->kind != CONFIG_SCALAR)
		return bad_value(o, t, n);
	r = set_value(o, c, n->s);
	return r == -EINVAL ? bad_value(o, t, n) : r;
}

/* Is the value of an option without effect what tiercel does anyway? */
static bool is_harmless(const struct config_option *o, const struct config_node *n)
{
	if (!o->def)
		return false;
	if (n->kind != CONFIG_SCALAR)
		return n->n == 0 && !o->def[0];
	return n->is_null || same_text(n->s, str_from(o->def));
}

static void report_other(const struct config_option *o, struct config_tree *t,
			 const struct config_node *n)
{
	struct diag *g;

	if (is_harmless(o, n))
		return;
	g = config_report(t, DIAG_CONFIG_UNSUPPORTED, &n->key_at, "'%s' has no effect in tiercel",
			  o->path);
	diag_hint(t->diags, g, "%s", o->help);
}

static void report_unknown(struct config_tree *t, const struct config_node *n, const char *path)
{
	const char *names[ARRAY_SIZE(config_options)], *near;
	struct diag *g = config_report(t, DIAG_CONFIG_UNKNOWN_KEY, &n->key_at,
				       "unknown key '%s' is ignored", path);

	for (uint32_t i = 0; i < config_options_count; i++)
		names[i] = config_options[i].path;
	near = str_nearest(str_from(path), names, config_options_count);
	if (near)
		diag_hint(t->diags, g, "did you mean '%s'?", near);
}

static const struct config_option *find_option(const char *path, bool *ret_section)
{
	size_t len = strlen(path);

	*ret_section = false;
	for (uint32_t i = 0; i < config_options_count; i++) {
		const char *p = config_options[i].path;

		if (strcmp(p, path) == 0)
			return &config_options[i];
		if (strncmp(p, path, len) == 0 && p[len] == '.')
			*ret_section = true;
	}
	return NULL;
}

static int read_map(struct config *c, struct config_tree *t, const struct config_node *map,
		    const char *prefix);

static int read_key(struct config *c, struct config_tree *t, const struct config_node *n,
		    const char *path)
{
	bool section;
	const struct config_option *o = find_option(path, &section);

	if (o && o->type == CONFIG_OTHER) {
		report_other(o, t, n);
		return 0;
	}
	if (o)
		return read_option(o, c, t, n);
	if (!section) {
		report_unknown(t, n, path);
		return 0;
	}
	if (n->is_null)
		return 0;
	return n->kind == CONFIG_MAP ? read_map(c, t, n, path)
				     : config_expected(t, n, path, "a map");
}

/* All keys, also behind one with an error. */
static int read_map(struct config *c, struct config_tree *t, const struct config_node *map,
		    const char *prefix)
{
	int result = 0;

	config_each(n, map) {
		_cleanup_buf_ struct buf path = BUF_INIT;
		int r;

		buf_printf(&path, "%s%s%.*s", prefix, *prefix ? "." : "", STR_ARG(n->key));
		r = path.err ? -ENOMEM : read_key(c, t, n, path.p);
		if (r == -ENOMEM)
			return r;
		result = r < 0 ? r : result;
	}
	return result;
}

static int set_defaults(struct config *c)
{
	for (uint32_t i = 0; i < config_options_count; i++) {
		const struct config_option *o = &config_options[i];
		int r = o->type == CONFIG_OTHER ? 0 : set_value(o, c, str_from(o->def));

		if (r < 0)
			return r;
	}
	return 0;
}

/* "-o config_files..." has to be there before these files are read, the rest goes on top. */
static int apply_overrides(struct config_tree *t, const struct config_texts *l, bool files)
{
	static const struct str key = { "config_files", 12 };
	int result = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		struct str text = str_from(l->v[i]);
		bool is_files = str_starts(text, key) && text.len > key.len &&
				strchr("[=", text.p[key.len]);
		int r = is_files == files ? config_tree_set(t, l->v[i]) : 0;

		if (r == -ENOMEM)
			return r;
		result = r < 0 ? r : result;
	}
	return result;
}

static int load(const struct config_opts *opts, struct config_tree *t, struct config *c)
{
	int r = set_defaults(c), result = 0;

	if (r == 0 && opts->path)
		r = io_names_add(&c->files, opts->path);
	if (r == 0 && opts->path)
		r = result = config_tree_file(t, opts->path, CONFIG_APPEND, NULL);
	if (r != -ENOMEM)
		r = apply_overrides(t, &opts->overrides, true);
	result = result ? result : r;
	if (r != -ENOMEM)
		r = config_include(c, t);
	result = result ? result : r;
	if (r != -ENOMEM)
		r = apply_overrides(t, &opts->overrides, false);
	result = result ? result : r;
	if (r != -ENOMEM)
		r = read_map(c, t, t->root, "");
	return r == -ENOMEM || !result ? r : result;
}

int config_load(const struct config_opts *opts, struct diags *diags, struct config **ret)
{
	struct config *c = calloc(1, sizeof(*c));
	struct config_tree t;
	struct limits limits;
	int r;

	if (!c)
		return -ENOMEM;
	arena_init(&c->arena, 8192, 0);
	limits_init(&limits);
	limits.max[LIMIT_YAML_NODES] = CONFIG_NODES_MAX;
	diags->max = CONFIG_DIAGS_MAX;
	r = config_tree_init(&t, &c->arena, &limits, diags);
	if (r == 0)
		r = load(opts, &t, c);
	c->digests = t.files;
	if (r == 0 && diags->errors)
		r = -EINVAL;
	if (r < 0)
		config_free(c);
	else
		*ret = c;
	return r;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	io_names_done(&c->files);
	arena_done(&c->arena);
	free(c);
}
