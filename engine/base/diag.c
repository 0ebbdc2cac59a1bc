/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Collection and text form of diagnostics. The collection owns all its strings.
 */
#include "engine/base/diag.h"
#include "engine/base/utf8.h"

const struct diag_info diag_infos[DIAG_COUNT] = {
#define DIAG(id, name, severity, text) [DIAG_##id] = { name, severity, text },
#include "engine/base/diag.def"
#undef DIAG
};

enum { DIAG_BLOCK = 16 << 10, DIAG_MAX = 10000, DIAG_LINE_MAX = 160 };

void diags_init(struct diags *d)
{
	*d = (struct diags){ .max = DIAG_MAX };
	arena_init(&d->arena, DIAG_BLOCK, 0);
}

void diags_done(struct diags *d)
{
	arena_done(&d->arena);
	*d = (struct diags){ 0 };
}

/* A record that is counted but not kept: callers may fill it in without checking. */
static struct diag *scratch_record(struct diags *d)
{
	d->suppressed++;
	d->scratch = (struct diag){ .message = "", .span = 1 };
	return &d->scratch;
}

struct diag *diag_add(struct diags *d, enum diag_code code, const char *fmt, ...)
{
	struct diag *g;
	struct diag *items;
	char text[2048];
	va_list ap;

	if (diag_infos[code].severity == DIAG_ERROR)
		d->errors++;
	else
		d->warnings++;
	if (d->count >= d->max)
		return scratch_record(d);
	items = arena_grow(&d->arena, d->items, &d->cap, d->count + 1, sizeof(*items));
	if (!items) {
		d->oom = true;
		return scratch_record(d);
	}
	d->items = items;
	g = &items[d->count++];
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	*g = (struct diag){ .code = code, .span = 1 };
	g->message = arena_strdup(&d->arena, str_from(text));
	if (!g->message) {
		d->oom = true;
		g->message = "(no memory for the text)";
	}
	return g;
}

static const char *copy_text(struct diags *d, const char *s)
{
	const char *p = s ? arena_strdup(&d->arena, str_from(s)) : NULL;

	d->oom |= s && !p;
	return p;
}

static struct diag_loc *copy_loc(struct diags *d, const struct diag_loc *from)
{
	struct diag_loc *loc = from ? arena_new(&d->arena, struct diag_loc) : NULL;

	d->oom |= from && !loc;
	if (!loc)
		return NULL;
	*loc = *from;
	loc->item_name = arena_str(&d->arena, from->item_name);
	loc->outer = copy_loc(d, from->outer);
	return loc;
}

struct diag *diag_copy(struct diags *d, const struct diag *from)
{
	struct diag *g = diag_add(d, from->code, "%s", from->message);
	const char *message = g->message;

	if (g == &d->scratch)
		return g;
	*g = *from;
	g->message = message;
	g->file = copy_text(d, from->file);
	g->hint = copy_text(d, from->hint);
	g->other_file = copy_text(d, from->other_file);
	g->source_line = arena_str(&d->arena, from->source_line);
	g->loc = copy_loc(d, from->loc);
	return g;
}

bool diag_is_lint(enum diag_code code)
{
	return strncmp(diag_infos[code].name, "LINT_", 5) == 0;
}

const char *diag_hint(struct diags *d, struct diag *g, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	g->hint = arena_strdup(&d->arena, str_from(text));
	return g->hint;
}

/* The part of a long line around the column, and where the caret goes in it. */
static struct str visible_part(struct str line, uint32_t col, uint32_t *ret_caret)
{
	uint32_t at = MIN(col ? col - 1 : 0, line.len), from = 0;

	if (line.len > DIAG_LINE_MAX) {
		from = at > DIAG_LINE_MAX / 2 ? at - DIAG_LINE_MAX / 2 : 0;
		from = MIN(from, line.len - DIAG_LINE_MAX);
		line = str_sub(line, from, from + DIAG_LINE_MAX);
	}
	*ret_caret = at - from;
	return line;
}

/*
 * Rule files may hold anything: nothing of it may reach the terminal but tabs and what is visible.
 */
static void add_line(struct buf *out, struct str s)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i <= s.len; i++) {
		if (i < s.len && s.p[i] != '\t')
			continue;
		utf8_sanitize(out, str_sub(s, from, i));
		if (i < s.len)
			buf_add_char(out, '\t');
		from = i + 1;
	}
}

/* One `fill` for each character that `s` shows, tabs stay. */
static void add_cells(struct buf *out, struct str s, char fill)
{
	_cleanup_buf_ struct buf shown = BUF_INIT;

	add_line(&shown, s);
	for (size_t i = 0; i < shown.len; i++)
		if (((unsigned char)shown.p[i] & 0xc0) != 0x80)
			buf_add_char(out, shown.p[i] == '\t' ? '\t' : fill);
}

static void render_source(const struct diag *g, struct buf *out)
{
	uint32_t caret, next;
	struct str line = visible_part(g->source_line, g->pos.col, &caret);

	buf_printf(out, "  %5u | ", g->pos.line);
	add_line(out, line);
	buf_add_c(out, "\n        | ");
	add_cells(out, str_sub(line, 0, caret), ' ');
	buf_add_char(out, '^');
	/* The caret stands for the first character, whatever its length in bytes. */
	for (next = caret + 1; next < line.len && ((unsigned char)line.p[next] & 0xc0) == 0x80;)
		next++;
	if (g->span > next - caret && next < line.len)
		add_cells(out, str_sub(line, next, caret + MIN(g->span, line.len - caret)), '~');
	buf_add_char(out, '\n');
}

/* "rule 'x', condition expression" from the outside in. */
static void render_loc(const struct diag_loc *loc, struct buf *out)
{
	if (!loc)
		return;
	render_loc(loc->outer, out);
	if (!loc->outer)	/* "rules content": says nothing that the file name does not */
		return;
	buf_printf(out, "%s%s", loc->outer->outer ? ", " : "  in ", loc->item_type);
	if (!loc->item_name.len)
		return;
	buf_add_c(out, " '");
	utf8_sanitize(out, loc->item_name);
	buf_add_char(out, '\'');
}

void diag_render(const struct diag *g, struct buf *out)
{
	const struct diag_info *info = &diag_infos[g->code];

	if (g->file)
		buf_printf(out, "%s:", g->file);
	if (g->pos.line)
		buf_printf(out, "%u:%u:", g->pos.line, g->pos.col);
	if (g->file || g->pos.line)
		buf_add_char(out, ' ');
	buf_add_c(out, info->severity == DIAG_ERROR ? "error: " : "warning: ");
	utf8_sanitize(out, str_from(g->message));
	buf_printf(out, " [%s]\n", info->name);
	if (g->source_line.len)
		render_source(g, out);
	if (g->loc && g->loc->outer) {
		render_loc(g->loc, out);
		buf_add_char(out, '\n');
	}
	if (g->other_file)
		buf_printf(out, "  see %s:%u:%u\n", g->other_file, g->other_pos.line,
			   g->other_pos.col);
	if (!g->hint)
		return;
	buf_add_c(out, "  hint: ");
	utf8_sanitize(out, str_from(g->hint));
	buf_add_char(out, '\n');
}
