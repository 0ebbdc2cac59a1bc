/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and origins of generated texts. Called by the loader; memory is the caller's arena.
 */
#include "engine/rule/source.h"

/* Longer lines are not copied into diagnostics. */
enum { LINE_MAX_SHOWN = 8192, LINES_MORE = 1024 };

struct source *source_new(const char *name, struct str text, struct arena *a, struct arena *names)
{
	struct source *src = arena_new(a, struct source);

	if (!src)
		return NULL;
	src->name = arena_strdup(names, str_from(name));
	src->text = text;
	return src->name ? src : NULL;
}

/* Built once per file and only for files that have something to report. */
static bool index_lines(struct source *src, struct arena *a)
{
	const char *p = src->text.p, *end = p + src->text.len, *nl = p;
	uint32_t cap = 0, n = 0, *lines = NULL;

	while (nl) {
		if (n == cap) {
			lines = arena_grow(a, lines, &cap, n + LINES_MORE, sizeof(*lines));
			if (!lines)
				return false;
		}
		lines[n++] = (uint32_t)(nl - p);
		nl = memchr(nl, '\n', (size_t)(end - nl));
		nl = nl ? nl + 1 : NULL;
	}
	src->lines = lines;
	src->nlines = n;
	return true;
}

struct pos source_pos(const struct source *src, uint32_t offset, struct arena *a)
{
	uint32_t lo = 0, hi;

	if (!src->lines && !index_lines((struct source *)src, a))
		return (struct pos){ 1, 1, offset };
	hi = src->nlines;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (src->lines[mid] <= offset)
			lo = mid;
		else
			hi = mid;
	}
	return (struct pos){ lo + 1, offset - src->lines[lo] + 1, offset };
}

struct str source_line(const struct source *src, uint32_t offset)
{
	struct str t = src->text;
	uint32_t from, to;

	from = to = MIN(offset, t.len);
	while (from && t.p[from - 1] != '\n' && to - from <= LINE_MAX_SHOWN)
		from--;
	while (to < t.len && t.p[to] != '\n' && t.p[to] != '\r' && to - from <= LINE_MAX_SHOWN)
		to++;
	return to - from > LINE_MAX_SHOWN ? STR("") : str_sub(t, from, to);
}

static void origin_add(struct origin *o, uint32_t at, const struct source *src, uint32_t from,
		       bool fixed)
{
	struct origin_span *last = o->n ? &o->v[o->n - 1] : NULL, *v;

	if (last && last->src == src && last->fixed == fixed &&
	    (fixed ? last->from == from : last->from - last->at == from - at))
		return;
	/* Without memory positions get coarser, nothing worse. */
	v = arena_grow(o->arena, o->v, &o->cap, o->n + 1, sizeof(*v));
	if (!v)
		return;
	o->v = v;
	o->v[o->n++] = (struct origin_span){ at, src, from, fixed };
}

static bool is_white(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Where the content of a scalar starts in the file. */
static uint32_t scalar_start(const struct yaml_node *n, struct str file)
{
	uint32_t at = n->offset;

	if (n->style == YSTYLE_SINGLE || n->style == YSTYLE_DOUBLE)
		return MIN(at + 1, n->end);
	if (n->style == YSTYLE_BLOCK)
		while (at < n->end && file.p[at] != '\n')
			at++;
	return at;
}

/* Bytes of the escape sequence at p, the backslash included. */
static uint32_t escape_len(const char *p, uint32_t left)
{
	uint32_t n = left < 2 ? 1 : p[1] == 'x' ? 4 : p[1] == 'u' ? 6 : p[1] == 'U' ? 10 : 2;

	return MIN(n, left);
}

/*
 * Walk value and file text side by side: white space of either side is skipped over, so folding
 * and indentation need no rules of their own.
 */
static void gen_scalar(struct gen *g, const struct piece *p)
{
	const struct yaml_node *n = p->node;
	struct str file = p->src->text;
	uint32_t base = (uint32_t)g->out->len, at;

	buf_add_str(g->out, p->s);
	if (!g->map)
		return;
	at = scalar_start(n, file);
	for (uint32_t i = 0; i < p->s.len; i++) {
		uint32_t step = 1;

		if (is_white(p->s.p[i]) &&
		    !(n->style == YSTYLE_DOUBLE && at < n->end && file.p[at] == '\\')) {
			origin_add(g->map, base + i, p->src, at, true);
			continue;
		}
		while (at < n->end && is_white(file.p[at]))
			at++;
		while (n->style == YSTYLE_DOUBLE && at + 1 < n->end && file.p[at] == '\\' &&
		       (file.p[at + 1] == '\n' || file.p[at + 1] == '\r')) {
			for (at++; at < n->end && is_white(file.p[at]);)
				at++;
		}
		if (n->style == YSTYLE_DOUBLE && at < n->end && file.p[at] == '\\')
			step = escape_len(file.p + at, n->end - at);
		else if (n->style == YSTYLE_SINGLE && at < n->end && file.p[at] == '\'')
			step = 2;
		origin_add(g->map, base + i, p->src, at, false);
		at = MIN(at + step, n->end);
	}
}

void gen_fixed(struct gen *g, struct str s, const struct source *src, uint32_t from)
{
	if (g->map && s.len)
		origin_add(g->map, (uint32_t)g->out->len, src, from, true);
	buf_add_str(g->out, s);
}

void gen_text(struct gen *g, const struct text *t)
{
	for (const struct piece *p = t->first; p; p = p->next) {
		if (p != t->first)
			gen_fixed(g, STR(" "), p->src, p->node->offset);
		gen_scalar(g, p);
	}
}

static const struct origin_span *span_of(const struct origin *o, uint32_t at)
{
	uint32_t lo = 0, hi = o->n;

	if (!hi)
		return NULL;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (o->v[mid].at <= at)
			lo = mid;
		else
			hi = mid;
	}
	return &o->v[lo];
}

void gen_copy(struct gen *g, struct str s, uint32_t from, uint32_t to, const struct origin *in)
{
	uint32_t base = (uint32_t)g->out->len;

	buf_add_str(g->out, str_sub(s, from, to));
	if (!g->map || from == to)
		return;
	for (const struct origin_span *v = span_of(in, from); v && v < in->v + in->n; v++) {
		uint32_t at = MAX(v->at, from);

		if (v->at >= to)
			break;
		origin_add(g->map, base + at - from, v->src,
			   v->fixed ? v->from : v->from + (at - v->at), v->fixed);
	}
}

void gen_cut(struct gen *g, uint32_t len)
{
	g->out->len = len;
	g->out->p[len] = '\0';
	if (!g->map)
		return;
	while (g->map->n && g->map->v[g->map->n - 1].at >= len)
		g->map->n--;
}

bool origin_find(const struct origin *o, uint32_t at, const struct source **ret_src,
		 uint32_t *ret_offset)
{
	const struct origin_span *v = span_of(o, at);

	if (!v)
		return false;
	*ret_src = v->src;
	*ret_offset = MIN(v->fixed ? v->from : v->from + (at - MIN(at, v->at)), v->src->text.len);
	return true;
}
