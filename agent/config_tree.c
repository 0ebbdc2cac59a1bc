/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML files -> one tree of located nodes, environment expanded. Merging works on the keys of the
 * top level, as users of Falco know it: a sequence is appended to, everything else is replaced.
 */
#include "agent/config_tree.h"
#include "agent/io.h"
#include "engine/yaml.h"

enum { CONFIG_FILE_BYTES_MAX = 1 << 20 };

/* What is needed while one file or value becomes nodes. */
struct convert {
	struct config_tree *tree;
	const struct config_file *file;
	uint32_t base;		/* where the parsed text starts in the file's */
};

static struct config_place place_of(const struct convert *c, const struct yaml_node *y)
{
	return (struct config_place){ c->file, c->base + y->offset, y->end - y->offset };
}

int config_tree_init(struct config_tree *t, struct arena *a, struct limits *limits,
		     struct diags *diags)
{
	*t = (struct config_tree){ .arena = a, .limits = limits, .diags = diags };
	t->root = arena_new(a, struct config_node);
	if (!t->root)
		return -ENOMEM;
	t->root->kind = CONFIG_MAP;
	return 0;
}

const char *config_kind_name(const struct config_node *n)
{
	static const char *const names[] = { "a single value", "a list", "a map" };

	return n->is_null ? "nothing" : names[n->kind];
}

static struct str line_at(struct str text, uint32_t offset, struct pos *ret_pos)
{
	uint32_t from = 0, to, line = 1;

	offset = MIN(offset, text.len);
	for (uint32_t i = 0; i < offset; i++)
		if (text.p[i] == '\n') {
			line++;
			from = i + 1;
		}
	for (to = offset; to < text.len && text.p[to] != '\n' && text.p[to] != '\r';)
		to++;
	*ret_pos = (struct pos){ line, offset - from + 1, offset };
	return str_sub(text, from, to);
}

struct diag *config_report(struct config_tree *t, enum diag_code code,
			   const struct config_place *at, const char *fmt, ...)
{
	_cleanup_buf_ struct buf message = BUF_INIT;
	struct diag *g;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&message, fmt, ap);
	va_end(ap);
	g = diag_add(t->diags, code, "%.*s", STR_ARG(buf_str(&message)));
	if (at && at->file) {
		g->file = arena_strdup(&t->diags->arena, str_from(at->file->name));
		g->source_line = arena_str(&t->diags->arena,
					   line_at(at->file->text, at->offset, &g->pos));
		g->span = MAX(at->len, 1U);
	}
	return g;
}

struct config_node *config_get(const struct config_node *map, const char *key)
{
	if (map->kind == CONFIG_MAP)
		config_each(c, map)
			if (str_is(c->key, key))
				return c;
	return NULL;
}

/* One reference "${NAME}" at the start of `s`: value appended, bytes of the reference returned. */
static uint32_t expand_one(struct convert *c, struct str s, const struct config_place *at,
			   struct buf *out)
{
	const char *end = memchr(s.p, '}', s.len), *value;
	_cleanup_buf_ struct buf name = BUF_INIT;

	if (!end)
		return 0;
	buf_add(&name, s.p + 2, (size_t)(end - s.p) - 2);
	if (name.err || !name.len)
		return 0;
	value = getenv(name.p);
	if (value)
		buf_add_c(out, value);
	else
		config_report(c->tree, DIAG_CONFIG_ENV, at,
			      "environment variable %s is not set; it counts as empty", name.p);
	return (uint32_t)(end - s.p) + 1;
}

/* "${NAME}" is replaced, "$${NAME}" stands for the text "${NAME}". */
static int expand(struct convert *c, struct str s, const struct config_place *at, struct str *ret)
{
	_cleanup_buf_ struct buf out = BUF_INIT;
	uint32_t i = 0, used;

	while (i < s.len) {
		struct str rest = str_sub(s, i, s.len);

		if (str_starts(rest, STR("$${"))) {
			buf_add(&out, "${", 2);
			i += 3;
		} else if (str_starts(rest, STR("${")) &&
			   (used = expand_one(c, rest, at, &out)) > 0) {
			i += used;
		} else {
			buf_add_char(&out, s.p[i++]);
		}
	}
	*ret = out.err ? STR_NONE : arena_str(c->tree->arena, buf_str(&out));
	return ret->p ? 0 : -ENOMEM;
}

static int convert_node(struct convert *c, const struct yaml_node *y, struct config_node **ret);

static void report_duplicate(struct convert *c, const struct config_node *n)
{
	config_report(c->tree, DIAG_CONFIG_DUPLICATE, &n->key_at,
		      "the key '%.*s' is given again; the first one counts", STR_ARG(n->key));
}

static int convert_map(struct convert *c, const struct yaml_node *y, struct config_node *map)
{
	struct config_node **tail = &map->first;

	yaml_each_pair(k, y) {
		const struct yaml_node *name = yaml_deref(k);
		struct config_node *n, *same = NULL;
		int r = convert_node(c, k->next, &n);

		if (r < 0)
			return r;
		n->key_at = place_of(c, k);
		if (name->kind != YNODE_SCALAR) {
			config_report(c->tree, DIAG_CONFIG_ERR_VALUE, &n->key_at,
				      "a key has to be a single value");
			return -EINVAL;
		}
		n->key = arena_str(c->tree->arena, name->s);
		if (!n->key.p)
			return -ENOMEM;
		config_each(other, map)
			same = str_eq(other->key, n->key) ? other : same;
		if (same) {
			report_duplicate(c, n);
			continue;
		}
		*tail = n;
		tail = &n->next;
		map->n++;
	}
	return 0;
}

static int convert_seq(struct convert *c, const struct yaml_node *y, struct config_node *seq)
{
	struct config_node **tail = &seq->first;

	yaml_each(item, y) {
		int r = convert_node(c, item, tail);

		if (r < 0)
			return r;
		tail = &(*tail)->next;
		seq->n++;
	}
	return 0;
}

static int convert_node(struct convert *c, const struct yaml_node *y, struct config_node **ret)
{
	struct config_node *n = arena_new(c->tree->arena, struct config_node);
	const struct yaml_node *real = yaml_deref(y);

	if (!n)
		return -ENOMEM;
	*ret = n;
	n->at = place_of(c, y);
	switch (real->kind) {
	case YNODE_MAP:
		n->kind = CONFIG_MAP;
		return convert_map(c, real, n);
	case YNODE_SEQ:
		n->kind = CONFIG_SEQ;
		return convert_seq(c, real, n);
	default:
		n->is_null = real->is_null;
		return expand(c, real->s, &n->at, &n->s);
	}
}

/* The text that does not parse begins at `base`. */
static void report_yaml(struct config_tree *t, enum diag_code code, const struct config_file *file,
			uint32_t base, const struct yaml_error *error)
{
	struct config_place at = { file, base + error->offset, 1 };
	struct diag *g = config_report(t, code, &at, "%s", error->message);
	const char *hint = yaml_hint(str_sub(file->text, base, file->text.len), error);

	if (hint)
		diag_hint(t->diags, g, "%s", hint);
}

/* Text of a file from `base` on -> node; NULL for an empty text. */
static int parse_text(struct config_tree *t, const struct config_file *file, uint32_t base,
		      enum diag_code code, struct config_node **ret)
{
	struct convert c = { .tree = t, .file = file, .base = base };
	struct str text = str_sub(file->text, base, file->text.len);
	struct yaml_error error = { NULL, 0 };
	struct yaml_node *docs = NULL;
	int r = yaml_parse(text, t->arena, t->arena, t->limits, &docs, &error);

	*ret = NULL;
	if (r == -EINVAL)
		report_yaml(t, code, file, base, &error);
	if (r < 0 || !docs)
		return r;
	if (docs->next) {
		struct config_place at = { file, base + docs->next->offset, 1 };

		config_report(t, code, &at, "a second YAML document; one is allowed");
		return -EINVAL;
	}
	return convert_node(&c, docs, ret);
}

static void append_node(struct config_node *to, struct config_node *n)
{
	struct config_node **tail = &to->first;

	while (*tail)
		tail = &(*tail)->next;
	*tail = n;
	n->next = NULL;
	to->n++;
}

static void replace_node(struct config_node *old, const struct config_node *n)
{
	struct config_node *next = old->next;

	*old = *n;
	old->next = next;
}

static void merge(struct config_node *root, struct config_node *from,
		  enum config_strategy strategy)
{
	struct config_node *next;

	for (struct config_node *n = from->first; n; n = next) {
		struct config_node *old = NULL;

		next = n->next;
		config_each(c, root)
			old = str_eq(c->key, n->key) ? c : old;
		if (!old) {
			append_node(root, n);
		} else if (strategy == CONFIG_APPEND && old->kind == CONFIG_SEQ &&
			   n->kind == CONFIG_SEQ) {
			while (n->first) {
				struct config_node *item = n->first;

				n->first = item->next;
				append_node(old, item);
			}
		} else if (strategy != CONFIG_ADD_ONLY) {
			replace_node(old, n);
		}
	}
}

int config_tree_file(struct config_tree *t, const char *path, enum config_strategy strategy,
		     const struct config_place *from)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct config_file *file = arena_new(t->arena, struct config_file);
	int r = io_read_file(path, CONFIG_FILE_BYTES_MAX, &text);
	struct config_node *n;

	if (r == -ENOMEM || !file)
		return -ENOMEM;
	if (r < 0) {
		struct diag *g = config_report(t, DIAG_CONFIG_ERR_READ, from,
					       "cannot read the configuration '%s': %s", path,
					       strerror(-r));

		if (!from)
			g->file = arena_strdup(&t->diags->arena, str_from(path));
		return -EINVAL;
	}
	file->name = arena_strdup(t->arena, str_from(path));
	file->text = arena_str(t->arena, yaml_text(buf_str(&text)));
	if (!file->name || !file->text.p ||
	    digest_files_add(&t->files, t->arena, io_base_name(path), buf_str(&text)) < 0)
		return -ENOMEM;
	r = parse_text(t, file, 0, DIAG_CONFIG_ERR_YAML, &n);
	if (r < 0 || !n || n->is_null)
		return r;
	if (n->kind != CONFIG_MAP) {
		config_report(t, DIAG_CONFIG_ERR_VALUE, &n->at,
			      "a configuration is a map of keys, not %s", config_kind_name(n));
		return -EINVAL;
	}
	merge(t->root, n, strategy);
	return 0;
}

/* ---- assignments of the command line -------------------------------------------------------- */

struct assignment {
	struct config_tree *tree;
	struct config_file *file;
	struct str s;			/* the whole text */
	uint32_t at;
};

static struct diag *assignment_error(struct assignment *a, const char *what)
{
	struct config_place at = { a->file, a->at, 1 };

	return config_report(a->tree, DIAG_CONFIG_ERR_OVERRIDE, &at, "%s", what);
}

static bool at_end_of_key(const struct assignment *a)
{
	return a->at >= a->s.len || strchr(".[=]", a->s.p[a->at]);
}

/* A name of the path; a backslash takes the next character as it is. */
static int take_name(struct assignment *a, struct str *ret)
{
	_cleanup_buf_ struct buf name = BUF_INIT;

	while (!at_end_of_key(a)) {
		if (a->s.p[a->at] == '\\' && a->at + 1 < a->s.len)
			a->at++;
		buf_add_char(&name, a->s.p[a->at++]);
	}
	if (!name.len) {
		assignment_error(a, "a key is missing here");
		return -EINVAL;
	}
	*ret = name.err ? STR_NONE : arena_str(a->tree->arena, buf_str(&name));
	return ret->p ? 0 : -ENOMEM;
}

static struct config_node *new_node(struct assignment *a)
{
	struct config_node *n = arena_new(a->tree->arena, struct config_node);

	if (n) {
		n->is_null = true;
		n->s = STR("");
		n->at = n->key_at = (struct config_place){ a->file, 0, a->s.len };
	}
	return n;
}

/* Make `n` a collection: nothing becomes an empty one. */
static int want_kind(struct assignment *a, struct config_node *n, enum config_kind kind)
{
	if (n->is_null) {
		n->is_null = false;
		n->kind = (uint8_t)kind;
	}
	if (n->kind == kind)
		return 0;
	assignment_error(a, kind == CONFIG_MAP ? "what stands before this is not a map"
					       : "what stands before this is not a list");
	return -EINVAL;
}

static int step_key(struct assignment *a, struct config_node **n)
{
	struct config_node *child;
	struct str name;
	int r = take_name(a, &name);

	if (r == 0)
		r = want_kind(a, *n, CONFIG_MAP);
	if (r < 0)
		return r;
	child = config_get(*n, name.p);
	if (!child) {
		child = new_node(a);
		if (!child)
			return -ENOMEM;
		child->key = name;
		append_node(*n, child);
	}
	*n = child;
	return 0;
}

/* "[N]" or "[]"; the element behind the last one may be named, too. */
static int step_index(struct assignment *a, struct config_node **n)
{
	uint32_t from = ++a->at;
	struct config_node *child;
	uint64_t index;
	int r = want_kind(a, *n, CONFIG_SEQ);

	if (r < 0)
		return r;
	while (a->at < a->s.len && a->s.p[a->at] != ']')
		a->at++;
	if (a->at >= a->s.len) {
		assignment_error(a, "']' is missing");
		return -EINVAL;
	}
	index = (*n)->n;
	if (a->at > from && (str_to_u64(str_sub(a->s, from, a->at), &index) < 0 ||
			     index > (*n)->n)) {
		a->at = from;
		assignment_error(a, "not an index of this list (a number, or nothing to append)");
		return -EINVAL;
	}
	a->at++;
	if (index == (*n)->n) {
		child = new_node(a);
		if (!child)
			return -ENOMEM;
		append_node(*n, child);
	} else {
		for (child = (*n)->first; index; index--)
			child = child->next;
	}
	*n = child;
	return 0;
}

/* The value: JSON or YAML in brackets, else a text. */
static int take_value(struct assignment *a, struct config_node *n)
{
	struct str value = str_sub(a->s, a->at, a->s.len), key = n->key;
	struct config_place key_at = n->key_at;
	struct convert c = { .tree = a->tree, .file = a->file };
	struct config_node *v;
	int r;

	if (value.len == 0 || !strchr("[{", value.p[0])) {
		n->kind = CONFIG_SCALAR;
		n->is_null = value.len == 0;
		n->first = NULL;
		n->n = 0;
		n->at = (struct config_place){ a->file, a->at, value.len };
		return expand(&c, value, &n->at, &n->s);
	}
	r = parse_text(a->tree, a->file, a->at, DIAG_CONFIG_ERR_OVERRIDE, &v);
	if (r < 0 || !v)
		return r;
	replace_node(n, v);
	n->key = key;
	n->key_at = key_at;
	return 0;
}

int config_tree_set(struct config_tree *t, const char *assignment)
{
	struct assignment a = { .tree = t, .file = arena_new(t->arena, struct config_file) };
	struct config_node *n = t->root;
	int r;

	if (!a.file)
		return -ENOMEM;
	a.file->name = "-o";
	a.file->text = a.s = arena_str(t->arena, str_from(assignment));
	if (!a.s.p)
		return -ENOMEM;
	r = step_key(&a, &n);
	while (r == 0 && a.at < a.s.len && a.s.p[a.at] != '=') {
		if (a.s.p[a.at] == '[') {
			r = step_index(&a, &n);
			continue;
		}
		if (a.s.p[a.at] == '.') {
			a.at++;
			r = step_key(&a, &n);
			continue;
		}
		assignment_error(&a, "expected '.', '[' or '='");
		return -EINVAL;
	}
	if (r < 0)
		return r;
	if (a.at >= a.s.len) {
		assignment_error(&a, "no value: KEY=VALUE is needed");
		return -EINVAL;
	}
	a.at++;
	return take_value(&a, n);
}
