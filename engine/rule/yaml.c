/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only file that knows libyaml: its events become a tree of nodes with byte offsets, unless the
 * reader of simple texts has made it already. Called by the rule loader and for configurations;
 * everything returned lives in the caller's arenas.
 */
#include <yaml.h>

#include "engine/rule/yaml_tree.h"

enum { CHARS_PER_MARK = 64, COLONS_MAX = 32 };

struct builder {
	struct yaml_tree *tree;
	struct str text;		/* that libyaml gets: of the same length as the tree's */
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
	b->marks = arena_array(b->tree->nodes, chars / CHARS_PER_MARK + 1, sizeof(*b->marks));
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

static const uint8_t styles[] = {
	[YAML_ANY_SCALAR_STYLE] = YSTYLE_PLAIN,
	[YAML_PLAIN_SCALAR_STYLE] = YSTYLE_PLAIN,
	[YAML_SINGLE_QUOTED_SCALAR_STYLE] = YSTYLE_SINGLE,
	[YAML_DOUBLE_QUOTED_SCALAR_STYLE] = YSTYLE_DOUBLE,
	[YAML_LITERAL_SCALAR_STYLE] = YSTYLE_BLOCK,
	[YAML_FOLDED_SCALAR_STYLE] = YSTYLE_BLOCK,
};

static bool is_hidden(const struct builder *b, uint32_t offset)
{
	for (uint32_t i = 0; i < b->ncolons; i++)
		if (b->colons[i] == offset)
			return true;
	return false;
}

static struct yaml_node located(const struct builder *b, enum yaml_kind kind,
				const yaml_event_t *ev)
{
	return (struct yaml_node){ .kind = kind,
				   .offset = builder_offset(b, ev->start_mark.index),
				   .end = builder_offset(b, ev->end_mark.index) };
}

static struct str anchor_name(const yaml_char_t *anchor)
{
	return anchor ? str_from((const char *)anchor) : STR_NONE;
}

static int on_scalar(struct builder *b, const yaml_event_t *ev)
{
	struct yaml_node n = located(b, YNODE_SCALAR, ev);

	n.style = styles[ev->data.scalar.style];
	n.is_null = ev->data.scalar.plain_implicit;
	n.s = (struct str){ (char *)ev->data.scalar.value, (uint32_t)ev->data.scalar.length };
	if (is_hidden(b, n.offset))
		*ev->data.scalar.value = ':';
	return yaml_tree_scalar(b->tree, &n, anchor_name(ev->data.scalar.anchor));
}

static int on_alias(struct builder *b, const yaml_event_t *ev)
{
	struct yaml_node n = located(b, YNODE_ALIAS, ev);

	return yaml_tree_alias(b->tree, &n, anchor_name(ev->data.alias.anchor));
}

static int on_open(struct builder *b, enum yaml_kind kind, bool block, const yaml_event_t *ev,
		   const yaml_char_t *anchor)
{
	struct yaml_node n = located(b, kind, ev);

	n.style = block ? YSTYLE_BLOCK : YSTYLE_PLAIN;
	return yaml_tree_open(b->tree, &n, anchor_name(anchor));
}

static int on_event(struct builder *b, const yaml_event_t *ev)
{
	switch (ev->type) {
	case YAML_SCALAR_EVENT:
		return on_scalar(b, ev);
	case YAML_ALIAS_EVENT:
		return on_alias(b, ev);
	case YAML_SEQUENCE_START_EVENT:
		return on_open(b, YNODE_SEQ,
			       ev->data.sequence_start.style == YAML_BLOCK_SEQUENCE_STYLE, ev,
			       ev->data.sequence_start.anchor);
	case YAML_MAPPING_START_EVENT:
		return on_open(b, YNODE_MAP,
			       ev->data.mapping_start.style == YAML_BLOCK_MAPPING_STYLE, ev,
			       ev->data.mapping_start.anchor);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		yaml_tree_close(b->tree, builder_offset(b, ev->end_mark.index));
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		yaml_tree_done(b->tree);
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
		what = arena_printf(b->tree->nodes, "%s %s", what, p->context);
	return what ? yaml_tree_fail(b->tree, at, what) : -ENOMEM;
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

	yaml_tree_start(b->tree);
	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	err = run_parser(b, &parser);
	yaml_parser_delete(&parser);
	return err;
}

/*
 * "[127.0.0.1, ::1]": for libyaml a colon in front of a value is always that of a map. Put another
 * character in its place and try again. 0: there is none, or too many.
 */
static int hide_colon(struct builder *b)
{
	uint32_t at = b->tree->err->offset;

	if (!strstr(b->tree->err->message, "node content") || b->ncolons == COLONS_MAX ||
	    !str_starts(str_sub(b->text, at, b->text.len), STR("::")))
		return 0;
	if (!b->ncolons)
		b->text.p = arena_strdup(b->tree->nodes, b->text);
	if (!b->text.p)
		return -ENOMEM;
	((char *)b->text.p)[at] = 'x';		/* of our copy */
	b->colons[b->ncolons++] = at;
	return 1;
}

int yaml_full(struct yaml_tree *t)
{
	struct builder b = { .tree = t };
	int err = yaml_tidy(t->text, t->nodes, &b.text), again = 1;

	if (!err)
		err = builder_index(&b);
	while (!err && again > 0) {
		err = parse_once(&b);
		again = err == -EINVAL ? hide_colon(&b) : 0;
		if (again > 0)
			err = 0;
	}
	return again < 0 ? again : err;
}

int yaml_parse(struct str text, struct arena *nodes, struct arena *values, struct limits *limits,
	       struct yaml_node **ret_docs, struct yaml_error *ret_err)
{
	struct yaml_tree t = { .text = text, .nodes = nodes, .values = values, .limits = limits,
			       .err = ret_err };
	int err = yaml_simple(&t);

	if (err == -EAGAIN)
		err = yaml_full(&t);
	yaml_tree_done(&t);
	if (!err)
		*ret_docs = t.docs;
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
