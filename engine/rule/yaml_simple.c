/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reader of simple YAML: lists and maps by indentation, flow lists, plain, quoted and block
 * scalars, comments; ASCII without tabs, one document. That is what rules files are made of, and
 * libyaml would take more than a third of the time of loading them. Two readers have to mean the
 * same: wherever there is a doubt (an error, an anchor, a tag, a flow map, most escapes ...) this
 * one gives up with -EAGAIN and libyaml reads the text from its start. test_yaml.c and fuzz_yaml.c
 * compare their trees.
 *
 * Called by yaml_parse(); the tree is in its arenas, the buffer of a folded scalar is our own.
 */
#include "engine/rule/yaml_simple.h"

enum {
	DEPTH_MAX = 64,		/* of our recursion; deeper texts are for libyaml */
	KEY_MAX = 512,		/* libyaml stops to look for the colon after 1,024 */
};

/* Any byte below ' ' or above '~'? A borrow or carry needs one of them. */
static bool is_plain(const char *p, uint32_t n)
{
	const uint64_t ones = 0x0101010101010101u;
	uint32_t i = 0;

	for (; i + 8 <= n; i += 8) {
		uint64_t x = load_u64(p + i);

		if ((x | (x - ones * ' ') | (x + ones)) & (ones << 7))
			return false;
	}
	for (; i < n; i++)
		if (p[i] < ' ' || p[i] > '~')
			return false;
	return true;
}

/*
 * Nothing but printable ASCII in lines, and no mark of a document but one in front of everything,
 * which is skipped.
 */
static int check_text(struct reader *r)
{
	bool said = false;

	for (uint32_t i = 0, end; i < r->len; i = end + 1) {
		struct str line;

		end = line_end(r, i);
		line = (struct str){ r->p + i, end - i };
		if (!is_plain(line.p, line.len))
			return -EAGAIN;
		if (str_is(line, "---") && !said)
			r->at = MIN(end + 1, r->len);
		else if (str_starts(line, STR("---")) || str_starts(line, STR("...")))
			return -EAGAIN;
		said |= line.len && line.p[0] != '#';
	}
	return 0;
}

/* From behind a token to the next one; only a comment may follow on the same line. */
static int next_token(struct reader *r)
{
	uint32_t i = r->at, text;

	if (i && r->p[i - 1] != '\n') {
		text = skip_spaces(r, i);
		if (!ends_line(char_at(r, text)) &&
		    (char_at(r, text) != '#' || r->p[text - 1] != ' '))
			return -EAGAIN;
		i = line_end(r, text) + 1;
	}
	for (; i < r->len; i = line_end(r, text) + 1) {
		text = skip_spaces(r, i);
		if (ends_line(char_at(r, text)) || char_at(r, text) == '#')
			continue;
		r->line = i;
		r->at = text;
		r->col = (int)(text - i);
		return 0;
	}
	r->at = r->len;
	r->col = -1;
	return 0;
}

static bool is_dash(const struct reader *r)
{
	return char_at(r, r->at) == '-' && ends_word(char_at(r, r->at + 1));
}

static int read_flow(struct reader *r);

static int read_value(struct reader *r, int around)
{
	switch (char_at(r, r->at)) {
	case '\'':
	case '"':
		return yaml_scalar_quoted(r, char_at(r, r->at));
	case '[':
		return read_flow(r);
	case '|':
	case '>':
		return around == YAML_IN_FLOW ? -EAGAIN : yaml_scalar_block(r, around);
	default:
		return yaml_scalar_plain(r, around);
	}
}

static int open_collection(struct reader *r, enum yaml_kind kind, enum yaml_style style)
{
	struct yaml_node n = { .kind = kind, .style = style, .offset = r->at, .end = r->at + 1 };

	if (r->t->depth >= DEPTH_MAX || !yaml_tree_room(r->t))
		return -EAGAIN;
	return yaml_tree_open(r->t, &n, STR_NONE);
}

/* A list in brackets, over any number of lines. */
static int read_flow(struct reader *r)
{
	bool item = false;
	int err = open_collection(r, YNODE_SEQ, YSTYLE_PLAIN);

	r->at++;
	while (!err) {
		char c = char_at(r, r->at);

		if (ends_word(c) || c == '#') {
			/* A comment needs a blank in front of it. */
			if (c == '\0' || (c == '#' && !ends_word(r->p[r->at - 1])))
				return -EAGAIN;
			r->at = c == '#' ? line_end(r, r->at) : r->at + 1;
		} else if (c == ']') {
			r->at++;
			yaml_tree_close(r->t, r->at);
			return 0;
		} else if (c == ',') {
			if (!item)
				return -EAGAIN;
			item = false;
			r->at++;
		} else {
			err = item ? -EAGAIN : read_value(r, YAML_IN_FLOW);
			item = true;
		}
	}
	return err;
}

/* Is there a key at the token? *ret_colon = its colon. 1, 0 or -EAGAIN. */
static int find_key(const struct reader *r, uint32_t *ret_colon)
{
	if (!yaml_scalar_begins(r, r->at))
		return 0;
	for (uint32_t i = r->at;; i++) {
		char c = char_at(r, i);

		if (ends_line(c) || (c == '#' && r->p[i - 1] == ' '))
			return 0;
		if (c != ':' || !ends_word(char_at(r, i + 1)))
			continue;
		if (i - r->at > KEY_MAX || r->p[i - 1] == ' ')
			return -EAGAIN;
		*ret_colon = i;
		return 1;
	}
}

static int read_map(struct reader *r);
static int read_seq(struct reader *r);

/* A collection by indentation or a value, at the token. */
static int read_node(struct reader *r, int around)
{
	uint32_t colon;
	int key, err;

	if (is_dash(r))
		return read_seq(r);
	key = find_key(r, &colon);
	if (key)
		return key < 0 ? key : read_map(r);
	err = read_value(r, around);
	return err ? err : next_token(r);
}

/*
 * What follows a colon or a dash at the end of `mark`, in a collection at column `around`; then on
 * to the next token. A list of a map may be at the column of the map.
 */
static int read_entry(struct reader *r, uint32_t mark, int around, bool of_map)
{
	int err;

	r->at = skip_spaces(r, mark);
	if (!ends_line(char_at(r, r->at)) && char_at(r, r->at) != '#') {
		r->col = (int)(r->at - r->line);
		if (!of_map)
			return read_node(r, around);
		err = is_dash(r) ? -EAGAIN : read_value(r, around);
		return err ? err : next_token(r);
	}
	err = next_token(r);
	if (err)
		return err;
	if (r->col > around)
		return read_node(r, around);
	if (of_map && r->col == around && is_dash(r))
		return read_seq(r);
	err = yaml_scalar_add(r, YSTYLE_PLAIN, STR(""), mark, mark);
	return err ? err : next_token(r);
}

static int read_map(struct reader *r)
{
	int col = r->col, key, err = open_collection(r, YNODE_MAP, YSTYLE_BLOCK);
	uint32_t colon = 0;

	if (err)
		return err;
	while ((key = r->col == col ? find_key(r, &colon) : 0) > 0) {
		struct str name = { r->p + r->at, colon - r->at };

		err = yaml_scalar_add(r, YSTYLE_PLAIN, name, r->at, colon);
		if (!err)
			err = read_entry(r, colon + 1, col, true);
		if (err)
			return err;
	}
	if (key < 0 || r->col >= col)
		return -EAGAIN;
	yaml_tree_close(r->t, r->at);
	return 0;
}

static int read_seq(struct reader *r)
{
	int col = r->col, err = open_collection(r, YNODE_SEQ, YSTYLE_BLOCK);

	while (!err && r->col == col && is_dash(r))
		err = read_entry(r, r->at + 1, col, false);
	if (err)
		return err;
	if (r->col > col)
		return -EAGAIN;
	yaml_tree_close(r->t, r->at);
	return 0;
}

static int read_document(struct reader *r)
{
	int err = check_text(r);
	bool marked = r->at;

	if (!err)
		err = next_token(r);
	if (err || r->col < 0)
		return err || !marked ? err : -EAGAIN;
	/* One value alone is no rules file, and has rules of its own. */
	if (!is_dash(r) && find_key(r, &(uint32_t){ 0 }) <= 0)
		return -EAGAIN;
	err = read_node(r, -1);
	return err || r->col < 0 ? err : -EAGAIN;
}

int yaml_simple(struct yaml_tree *t)
{
	struct reader r = { .t = t, .p = t->text.p, .len = t->text.len, .folded = BUF_INIT };
	struct arena_mark nodes = arena_mark(t->nodes), values = arena_mark(t->values);
	int err;

	yaml_tree_start(t);
	err = read_document(&r);
	buf_done(&r.folded);
	if (err == -EAGAIN) {
		arena_back(t->values, values);
		arena_back(t->nodes, nodes);
	}
	return err;
}
