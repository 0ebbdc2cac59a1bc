/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that knows libyaml: its events become a tree of nodes with byte offsets. Called by
 * the rule loader; everything returned lives in the caller's arenas.
 */
#include "engine/rule/yaml.h"

#include <yaml.h>

#include "engine/base/map.h"

enum { CHARS_PER_MARK = 64, COLONS_MAX = 32 };

struct builder {
	struct str text;
	struct arena *nodes, *values;
	struct limits *limits;
	struct yaml_error *err;
	struct strmap anchors;
	struct yaml_node *docs, *last_doc;
	struct yaml_node *open;		/* innermost unfinished collection */
	uint64_t count;			/* nodes, aliases expanded */
	uint32_t depth;
	uint32_t colons[COLONS_MAX];	/* that begin plain scalars and are hidden from libyaml */
	uint32_t ncolons;
	/* libyaml counts characters: byte offset of every CHARS_PER_MARK-th; NULL for ASCII. */
	uint32_t *marks;
	uint32_t nmarks;
};

static bool starts_char(char c)
{
	return ((unsigned char)c & 0xc0) != 0x80;
}

static bool is_ascii(struct str s)
{
	uint32_t i = 0;

	for (; i + 8 <= s.len; i += 8)
		if (load_u64(s.p + i) & 0x8080808080808080u)
			return false;
	for (; i < s.len; i++)
		if (s.p[i] & 0x80)
			return false;
	return true;
}

static int builder_index(struct builder *b)
{
	uint32_t chars = 0;

	if (is_ascii(b->text))
		return 0;
	for (uint32_t i = 0; i < b->text.len; i++)
		chars += starts_char(b->text.p[i]);
	b->marks = arena_array(b->nodes, chars / CHARS_PER_MARK + 1, sizeof(*b->marks));
	if (!b->marks)
		return -ENOMEM;
	chars = 0;
	for (uint32_t i = 0; i < b->text.len; i++)
		if (starts_char(b->text.p[i]) && chars++ % CHARS_PER_MARK == 0)
			b->marks[b->nmarks++] = i;
	return 0;
}

static uint32_t builder_offset(const struct builder *b, size_t chars)
{
	uint32_t at, left;

	if (!b->marks)
		return (uint32_t)MIN(chars, (size_t)b->text.len);
	if (chars / CHARS_PER_MARK >= b->nmarks)
		return b->text.len;
	at = b->marks[chars / CHARS_PER_MARK];
	for (left = chars % CHARS_PER_MARK; left && at < b->text.len; left--)
		for (at++; at < b->text.len && !starts_char(b->text.p[at]);)
			at++;
	return at;
}

static int builder_fail(struct builder *b, uint32_t offset, const char *message)
{
	*b->err = (struct yaml_error){ message, offset };
	return -EINVAL;
}

static bool is_null_text(struct str s)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	for (size_t i = 0; s.len <= 4 && i < ARRAY_SIZE(words); i++)
		if (str_is(s, words[i]))
			return true;
	return false;
}

static const uint8_t styles[] = {
	[YAML_ANY_SCALAR_STYLE] = YSTYLE_PLAIN,
	[YAML_PLAIN_SCALAR_STYLE] = YSTYLE_PLAIN,
	[YAML_SINGLE_QUOTED_SCALAR_STYLE] = YSTYLE_SINGLE,
	[YAML_DOUBLE_QUOTED_SCALAR_STYLE] = YSTYLE_DOUBLE,
	[YAML_LITERAL_SCALAR_STYLE] = YSTYLE_BLOCK,
	[YAML_FOLDED_SCALAR_STYLE] = YSTYLE_BLOCK,
};

/* Hang a new node into the open collection, or start a document with it. */
static int builder_attach(struct builder *b, struct yaml_node *n)
{
	struct yaml_node *up = b->open;

	b->count += n->weight;
	if (limit_over(b->limits, LIMIT_YAML_NODES, b->count))
		return builder_fail(b, n->offset, "too many nodes (aliases expanded)");
	if (limit_over(b->limits, LIMIT_YAML_DEPTH, b->depth + n->height))
		return builder_fail(b, n->offset, "nested too deeply");
	if (!up) {
		if (b->last_doc)
			b->last_doc->next = n;
		else
			b->docs = n;
		b->last_doc = n;
		return 0;
	}
	if (up->last)
		up->last->next = n;
	else
		up->first = n;
	up->last = n;
	up->n++;
	return 0;
}

static struct yaml_node *builder_node(struct builder *b, enum yaml_kind kind,
				      const yaml_event_t *ev)
{
	struct yaml_node *n = arena_new(b->nodes, struct yaml_node);

	if (!n)
		return NULL;
	n->kind = kind;
	n->offset = builder_offset(b, ev->start_mark.index);
	n->end = builder_offset(b, ev->end_mark.index);
	n->weight = n->height = 1;
	return n;
}

static int builder_anchor(struct builder *b, struct yaml_node *n, const yaml_char_t *anchor)
{
	struct str name;

	if (!anchor)
		return 0;
	name = arena_str(b->nodes, str_from((const char *)anchor));
	return name.p ? strmap_put(&b->anchors, name, n) : -ENOMEM;
}

static bool is_hidden(const struct builder *b, uint32_t offset)
{
	for (uint32_t i = 0; i < b->ncolons; i++)
		if (b->colons[i] == offset)
			return true;
	return false;
}

static int on_scalar(struct builder *b, const yaml_event_t *ev)
{
	struct yaml_node *n = builder_node(b, YNODE_SCALAR, ev), *up = b->open;
	bool is_key = up && up->kind == YNODE_MAP && up->n % 2 == 0;
	struct str raw = { (const char *)ev->data.scalar.value, (uint32_t)ev->data.scalar.length };

	if (!n)
		return -ENOMEM;
	n->style = styles[ev->data.scalar.style];
	n->is_null = ev->data.scalar.plain_implicit && n->style == YSTYLE_PLAIN &&
		     is_null_text(raw);
	/* Keys are not kept, unless an alias can make a value of one. */
	n->s = arena_str(is_key && !ev->data.scalar.anchor ? b->nodes : b->values, raw);
	if (!n->s.p || builder_anchor(b, n, ev->data.scalar.anchor))
		return -ENOMEM;
	if (is_hidden(b, n->offset))
		*(char *)n->s.p = ':';
	return builder_attach(b, n);
}

static int on_alias(struct builder *b, const yaml_event_t *ev)
{
	struct str name = str_from((const char *)ev->data.alias.anchor);
	struct yaml_node *target = strmap_get(&b->anchors, name);
	struct yaml_node *n = builder_node(b, YNODE_ALIAS, ev);

	if (!n)
		return -ENOMEM;
	if (!target)
		return builder_fail(b, n->offset, "alias of an unknown anchor");
	for (const struct yaml_node *up = b->open; up; up = up->next)
		if (up == target)
			return builder_fail(b, n->offset, "alias inside its own anchor");
	n->target = target;
	n->weight = target->weight;
	n->height = target->height;
	return builder_attach(b, n);
}

static int on_open(struct builder *b, enum yaml_kind kind, const yaml_event_t *ev,
		   const yaml_char_t *anchor)
{
	struct yaml_node *n = builder_node(b, kind, ev);
	int err;

	if (!n || builder_anchor(b, n, anchor))
		return -ENOMEM;
	err = builder_attach(b, n);
	if (err)
		return err;
	n->next = b->open;
	b->open = n;
	b->depth++;
	return 0;
}

static int on_close(struct builder *b, const yaml_event_t *ev)
{
	struct yaml_node *n = b->open;

	for (const struct yaml_node *kid = n->first; kid; kid = kid->next) {
		n->weight += kid->weight;
		n->height = MAX(n->height, kid->height + 1);
	}
	if (n->kind == YNODE_MAP)
		n->n /= 2;
	n->end = builder_offset(b, ev->end_mark.index);
	b->open = n->next;
	n->next = NULL;
	b->depth--;
	return 0;
}

static int on_event(struct builder *b, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(b, ev);
	case YAML_ALIAS_EVENT:
		return on_alias(b, ev);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(b, YNODE_SEQ, ev, ev->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return on_open(b, YNODE_MAP, ev, ev->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		return on_close(b, ev);
	case YAML_DOCUMENT_START_EVENT:
		strmap_done(&b->anchors);
		return 0;
	default:
		return 0;
	}
}

static int parser_error(struct builder *b, const yaml_parser_t *p)
{
	const char *what = p->problem ? p->problem : "not readable";
	uint32_t at;

	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	at = p->error == YAML_READER_ERROR ? (uint32_t)MIN(p->problem_offset, b->text.len)
					   : builder_offset(b, p->problem_mark.index);
	/* What is never closed is shown where it begins. */
	if (strstr(what, "end of stream") && p->context && p->context_mark.index)
		at = builder_offset(b, p->context_mark.index);
	if (p->context)
		what = arena_printf(b->nodes, "%s %s", what, p->context);
	return what ? builder_fail(b, at, what) : -ENOMEM;
}

static int run_parser(struct builder *b, yaml_parser_t *p)
{
	yaml_event_t ev;
	bool done;
	int err;

	yaml_parser_set_encoding(p, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(p, (const unsigned char *)b->text.p, b->text.len);
	do {
		if (!yaml_parser_parse(p, &ev))
			return parser_error(b, p);
		done = ev.type == YAML_STREAM_END_EVENT;
		err = on_event(b, &ev);
		yaml_event_delete(&ev);
	} while (!err && !done);
	return err;
}

static int parse_once(struct builder *b)
{
	yaml_parser_t parser;
	int err;

	b->docs = b->last_doc = b->open = NULL;
	b->count = b->depth = 0;
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	err = run_parser(b, &parser);
	yaml_parser_delete(&parser);
	strmap_done(&b->anchors);
	return err;
}

/*
 * "[127.0.0.1, ::1]": for libyaml a colon in front of a value is always that of a map. Put another
 * character in its place and try again. 0: there is none, or too many.
 */
static int hide_colon(struct builder *b)
{
	uint32_t at = b->err->offset;

	if (!strstr(b->err->message, "node content") || b->ncolons == COLONS_MAX ||
	    !str_starts(str_sub(b->text, at, b->text.len), STR("::")))
		return 0;
	if (!b->ncolons)
		b->text.p = arena_strdup(b->nodes, b->text);
	if (!b->text.p)
		return -ENOMEM;
	((char *)b->text.p)[at] = 'x';		/* of our copy */
	b->colons[b->ncolons++] = at;
	return 1;
}

int yaml_parse(struct str text, struct arena *nodes, struct arena *values, struct limits *limits,
	       struct yaml_node **ret_docs, struct yaml_error *ret_err)
{
	struct builder b = { .nodes = nodes, .values = values, .limits = limits, .err = ret_err };
	int err = yaml_tidy(text, nodes, &b.text), again = 1;

	if (!err)
		err = builder_index(&b);
	if (err)
		return err;
	while (again > 0) {
		err = parse_once(&b);
		again = err == -EINVAL ? hide_colon(&b) : 0;
	}
	if (again < 0)
		return again;
	if (!err)
		*ret_docs = b.docs;
	return err;
}

const struct yaml_node *yaml_get_key(const struct yaml_node *map, const char *key)
{
	struct str want = str_from(key);

	yaml_each_pair(k, map) {
		const struct yaml_node *name = yaml_deref(k);

		if (name->kind == YNODE_SCALAR && str_eq(name->s, want))
			return k;
	}
	return NULL;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *k = yaml_get_key(map, key);

	return k ? yaml_deref(k->next) : NULL;
}
