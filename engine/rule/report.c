/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From places inside the loader to diagnostics. Everything a diagnostic holds is copied into the
 * collection's arena, so it outlives loader and rule set.
 */
#include "engine/rule/loader.h"

static const struct diag_loc *copy_loc(struct loader *l, const struct place *at)
{
	struct diag_loc *loc;

	if (!at)
		return NULL;
	loc = arena_new(&l->diags->arena, struct diag_loc);
	if (!loc) {
		l->oom = true;
		return NULL;
	}
	loc->item_type = at->type;
	loc->item_name = arena_str(&l->diags->arena, at->name);
	loc->pos = source_pos(at->src, at->offset, &l->arena);
	loc->outer = (struct diag_loc *)copy_loc(l, at->outer);
	return loc;
}

struct diag *report(struct loader *l, enum diag_code code, const struct place *at,
		    const char *fmt, ...)
{
	char text[2048];
	struct diag *g;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	g = diag_add(l->diags, code, "%s", text);
	if (diag_infos[code].severity == DIAG_ERROR) {
		l->errors++;
		((struct source *)at->src)->errors++;
	}
	if (g == &l->diags->scratch)
		return g;
	g->file = at->src->name;
	g->pos = source_pos(at->src, at->offset, &l->arena);
	g->source_line = arena_str(&l->diags->arena, source_line(at->src, at->offset));
	g->loc = copy_loc(l, at);
	return g;
}

void report_move(struct loader *l, struct diag *g, const struct place *at,
		 const struct yaml_node *n)
{
	if (!n || g == &l->diags->scratch)
		return;
	g->pos = source_pos(at->src, n->offset, &l->arena);
	g->source_line = arena_str(&l->diags->arena, source_line(at->src, n->offset));
	g->span = n->end > n->offset ? n->end - n->offset : 1;
}

void report_other(struct loader *l, struct diag *g, const struct place *other)
{
	if (!g->file)
		return;
	g->other_file = other->src->name;
	g->other_pos = source_pos(other->src, other->offset, &l->arena);
}

/* A hint with the nearest known name, if any. For messages only, so large rule sets go without. */
bool report_nearest(struct loader *l, struct diag *g, const struct strmap *known, struct str name)
{
	enum { NAMES_MAX = 2000, HINTS_MAX = 100 };
	const char **names, *near = NULL;
	uint32_t n = 0, pos = 0;
	struct str key;
	void *value;

	if (!known->count || known->count > NAMES_MAX || l->hints++ >= HINTS_MAX)
		return false;
	names = arena_array(&l->arena, known->count, sizeof(*names));
	while (names && strmap_next(known, &pos, &key, &value)) {
		names[n] = arena_strdup(&l->arena, key);
		n += names[n] != NULL;
	}
	if (names)
		near = str_nearest(name, names, n);
	if (near)
		diag_hint(l->diags, g, "did you mean '%s'?", near);
	return near;
}
