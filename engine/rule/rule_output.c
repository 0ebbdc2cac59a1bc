/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outputs of rules: blanks, %container.info, deprecated fields, suggested and appended output. The
 * templates themselves are judged by a function that the caller of the loader brings.
 */
#include "engine/rule/filter_run.h"
#include "engine/rule/loader.h"

static const char container_info[] = "%container.info";

static struct place output_place(const struct load_rule *r)
{
	const struct piece *p = r->output.first;

	return (struct place){ "rule output", STR(""), p->src, p->node->offset, &r->cond.place };
}

/* Built again with origins, only for a report. */
static struct diag *report_at(struct loader *l, struct load_rule *r, enum diag_code code,
			      uint32_t at, const char *message)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct origin map = { .arena = &l->arena };
	struct gen g = { &text, &map };
	struct place item = output_place(r), expr = item;

	gen_text(&g, &r->output);
	expr.type = "rule output expression";
	expr.outer = &item;
	origin_find(&map, at, &expr.src, &expr.offset);
	return report(l, code, &expr, "%s", message);
}

/* The name is taken from the message: the judge of the template knows which one it tried. */
static void hint_output(struct loader *l, struct diag *g, const char *message)
{
	static const char mark[] = "nonexistent field ";
	const char *name = strstr(message, mark), *hint = NULL;

	if (name)
		hint = filter_field_hint(&l->arena, str_from(name + strlen(mark)));
	else if (strchr(message, '%'))
		hint = "a '%' begins a field, as in %proc.name; it cannot be escaped";
	else if (strstr(message, "not a field"))
		hint = "the name of a field has a dot, as in %proc.name";
	if (hint)
		diag_hint(l->diags, g, "%s", hint);
}

/* "%container.info" goes; containers have fields of their own. */
static struct str cut_container_info(struct loader *l, struct load_rule *r, struct str s)
{
	struct str info = { container_info, sizeof(container_info) - 1 };
	uint32_t n = 0;
	char *p;

	if (!str_contains(s, info))
		return s;
	p = arena_strdup(&l->rs->arena, s);
	if (!p) {
		l->oom = true;
		return s;
	}
	for (uint32_t i = 0; i < s.len;) {
		if (str_starts(str_sub(s, i, s.len), info))
			i += info.len;
		else
			p[n++] = s.p[i++];
	}
	p[n] = '\0';
	report_at(l, r, DIAG_DEPRECATED_ITEM, 0,
		  "%container.info is deprecated and no more useful, and will be dropped by Falco "
		  "1.0.0. The container plugin will automatically add required fields to the "
		  "output message.");
	return (struct str){ p, n };
}

static void report_deprecated(struct loader *l, struct load_rule *r, const struct field_info *f)
{
	char message[128];

	snprintf(message, sizeof(message),
		 "usage of deprecated field '%s' has been detected in the rule output", f->name);
	report_at(l, r, DIAG_DEPRECATED_ITEM, 0, message)->deprecated_field = f->name;
}

/* Fields that only had a meaning with enter events. */
static void warn_deprecated(struct loader *l, struct load_rule *r, struct str s)
{
	for (uint32_t i = 0; i < field_class_count; i++) {
		const struct field_class *class = field_classes[i];

		for (uint32_t k = 0; k < class->count && str_is(STR("evt"), class->name); k++) {
			const struct field_info *f = &class->fields[k];

			if (f->flags & FIELD_DEPRECATED && str_contains(s, str_from(f->name)))
				report_deprecated(l, r, f);
		}
	}
}

/* ---- judging ------------------------------------------------------------------------------- */

/* Empty message: fine. */
static const char *judge(struct loader *l, struct str text, struct pos *pos)
{
	const struct ruleset_opts *o = &l->rs->opts;
	const struct field_scope scope = { &l->rs->arena, o->statics, &l->fields };
	const char *message = "invalid output";
	int r;

	if (!text.len)
		return "empty formatting token";
	if (!o->check_output)
		return NULL;
	r = o->check_output(o->output_ctx, text, &scope, &message, pos);
	if (r == -ENOMEM)
		l->oom = true;
	return r ? message : NULL;
}

/*
 * A blank parts the appended text from the rule's own, so it can be judged alone; nearly all rules
 * have the same one.
 */
static bool judge_appended(struct loader *l, struct str text, const char **ret_message,
			   struct pos *ret_pos)
{
	if (!text.len || str_eq(text, l->good_appended))
		return true;
	*ret_message = judge(l, text, ret_pos);
	if (!*ret_message)
		l->good_appended = text;
	return !l->oom;
}

/* ---- appended output ----------------------------------------------------------------------- */

static bool has_tags(const struct rule *r, struct str tags)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i <= tags.len; i++) {
		struct str tag;

		if (i < tags.len && tags.p[i] != ',')
			continue;
		tag = str_trim(str_sub(tags, from, i));
		from = i + 1;
		if (tag.len && !strs_have(r->tags, r->ntags, tag))
			return false;
	}
	return true;
}

static bool append_matches(const struct output_append *a, const struct rule *r)
{
	return (!a->source.len || str_eq(a->source, r->source)) &&
	       (!a->rule.len || str_eq(a->rule, r->name.s)) && has_tags(r, a->tag_list);
}

/* " proc_name=%proc.name": for every field that the catalogue suggests. */
static void add_field_text(struct buf *out, const char *name)
{
	buf_add_char(out, ' ');
	for (const char *p = name; *p; p++)
		buf_add_char(out, (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
					  (*p >= '0' && *p <= '9') ? *p : '_');
	buf_add_c(out, "=%");
	buf_add_c(out, name);
}

static void add_suggested_fields(const struct loader *l, struct buf *out)
{
	const struct static_fields *statics = l->rs->opts.statics;
	uint32_t pos = 0;
	struct str name;
	void *value;

	for (uint32_t i = 0; i < field_class_count; i++)
		for (uint32_t k = 0; k < field_classes[i]->count; k++)
			if (field_classes[i]->fields[k].flags & FIELD_SUGGESTED)
				add_field_text(out, field_classes[i]->fields[k].name);
	while (statics && strmap_next(&statics->values, &pos, &name, &value)) {
		char text[256];

		snprintf(text, sizeof(text), "static.%.*s", STR_ARG(name));
		add_field_text(out, text);
	}
}

/* Made once: nearly all rules have it. */
static void add_suggested(struct loader *l, struct buf *out)
{
	size_t start = out->len;

	if (l->suggested.p) {
		buf_add_str(out, l->suggested);
		return;
	}
	add_suggested_fields(l, out);
	if (!out->err)
		l->suggested = arena_str(&l->arena, str_sub(buf_str(out), (uint32_t)start,
							    (uint32_t)out->len));
}

/* NULL: the field is fine. */
static const char *judge_extra_field(struct loader *l, const struct located_extra_field *f)
{
	struct pos pos = { 0 };

	if (f->format.len)
		return judge(l, f->format, &pos);
	if (exception_field_is_valid(l, f->name) || l->oom)
		return NULL;
	return arena_printf(&l->arena, "nonexistent field %.*s in extra_fields of append_output",
			    STR_ARG(f->name));
}

static bool add_extra_fields(struct loader *l, struct rule *r, const struct output_append *a,
			     uint32_t *cap, const char **ret_message)
{
	for (uint32_t i = 0; i < a->nextra_fields; i++) {
		struct located_extra_field *v = arena_grow(&l->rs->arena, r->extra_fields, cap,
							   r->nextra_fields + 1, sizeof(*v));
		struct located_extra_field f = a->extra_fields[i];

		if (!v)
			return oom(l);
		f.name = arena_str(&l->rs->arena, f.name);
		f.format = arena_str(&l->rs->arena, f.format);
		if (!f.name.p || !f.format.p)
			return oom(l);
		r->extra_fields = v;
		v[r->nextra_fields++] = f;
		if (!*ret_message)
			*ret_message = judge_extra_field(l, &f);
	}
	return !l->oom;
}

/* Own output and what is appended to it; *ret_message when the appended part is wrong. */
static bool append_output(struct loader *l, struct rule *r, struct str own,
			  const char **ret_message, struct pos *ret_pos)
{
	uint32_t cap = 0;

	buf_clear(&l->full);
	buf_add_str(&l->full, own);
	for (uint32_t i = 0; i < l->rs->opts.nappends; i++) {
		const struct output_append *a = &l->rs->opts.appends[i];

		if (!append_matches(a, r))
			continue;
		if (a->extra_output.len) {
			buf_add_char(&l->full, ' ');
			buf_add_str(&l->full, a->extra_output);
		}
		if (a->suggested)
			add_suggested(l, &l->full);
		if (!add_extra_fields(l, r, a, &cap, ret_message))
			return false;
	}
	r->output_full = l->full.len == own.len && !l->full.err ?
				 own : arena_str(&l->rs->arena, buf_str(&l->full));
	if (!r->output_full.p)
		return oom(l);
	return *ret_message ||
	       judge_appended(l, str_sub(r->output_full, own.len, r->output_full.len), ret_message,
			      ret_pos);
}

void rule_output(struct loader *l, struct load_rule *r, bool good)
{
	struct pos pos = { 0 };
	const char *message;
	struct str own;

	own = loader_text(l, &r->output);
	if (!own.p)
		return;
	if (!r->output_raw)
		own = str_trim(own);
	r->pub->output.s = own;
	if (str_contains(own, STR("%evt.")))
		warn_deprecated(l, r, own);
	own = cut_container_info(l, r, own);
	message = judge(l, own, &pos);
	if ((!message && !append_output(l, r->pub, own, &message, &pos)) || !message || l->oom)
		return;
	if (r->pub->skip_if_unknown_filter && message_is_unknown_filter(message) && good) {
		hint_output(l, report_at(l, r, DIAG_UNKNOWN_FILTER, pos.offset, message), message);
		r->pub->skipped = true;
	} else {
		hint_output(l, report_at(l, r, DIAG_ERR_COMPILE_OUTPUT, pos.offset, message),
			    message);
	}
}
