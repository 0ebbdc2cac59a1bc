/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts as one line of JSON or text, see alert.h. Called by the facade for every match. Texts that
 * need escaping are rendered at the end of the output, moved to the event's scratch and written
 * again: no memory of its own.
 */
#include "engine/base/map.h"
#include "engine/base/utf8.h"
#include "engine/field/time_text.h"
#include "engine/out/alert.h"

enum key_kind { KEY_FIELD, KEY_TIME, KEY_ISO8601, KEY_EXTRA, KEY_MISSING };

enum { FIXED_KEYS = 3 };	/* besides the fields of the output */

/* One key of output_fields. */
struct alert_key {
	struct str key;
	uint8_t kind;			/* enum key_kind */
	struct str head;		/* "key": with quotes, escaped */
	const struct field_ref *field;
	const struct alert_extra *extra;
};

struct alert_layout {
	struct alert_key *keys;		/* in byte order, distinct */
	uint32_t nkeys;
	struct str rule, source, tags;	/* as JSON */
	bool iso_used;			/* by the output itself */
};

static int compare_keys(const void *a, const void *b)
{
	return str_cmp(((const struct alert_key *)a)->key, ((const struct alert_key *)b)->key);
}

/* So few keys are found faster by looking at them. */
enum { SEARCHED = 16 };

/* The keys while they are collected. */
struct key_set {
	struct alert_layout *l;
	struct strmap more;	/* by name, those behind the first SEARCHED ones */
	int err;
};

static struct alert_key *find_key(const struct key_set *s, struct str name)
{
	for (uint32_t i = 0; i < MIN(s->l->nkeys, (uint32_t)SEARCHED); i++)
		if (str_eq(s->l->keys[i].key, name))
			return &s->l->keys[i];
	return strmap_get(&s->more, name);
}

/* A later key of the same name replaces the earlier one. */
static void set_key(struct key_set *s, struct alert_key key)
{
	struct alert_key *k = find_key(s, key.key);

	if (!k) {
		k = &s->l->keys[s->l->nkeys++];
		if (s->l->nkeys > SEARCHED)
			s->err |= strmap_put(&s->more, key.key, k);
	}
	*k = key;
}

static struct str json_text(struct arena *a, struct buf *b, struct str s, const char *tail)
{
	buf_clear(b);
	buf_add_char(b, '"');
	json_escape(b, s);
	buf_add_char(b, '"');
	buf_add_c(b, tail);
	return b->err ? STR_NONE : arena_str(a, buf_str(b));
}

static struct str json_tags(struct arena *a, const struct alert_rule *r)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct json j = json_start(&b);

	json_arr(&j);
	for (uint32_t i = 0; i < r->ntags; i++)
		json_str(&j, r->tags[i]);
	json_arr_end(&j);
	return b.err ? STR_NONE : arena_str(a, buf_str(&b));
}

static int collect_keys(struct alert_layout *l, const struct alert_rule *r)
{
	struct key_set s = { .l = l };

	set_key(&s, (struct alert_key){ .key = STR("evt.time"), .kind = KEY_TIME });
	set_key(&s, (struct alert_key){ .key = STR("evt.time.iso8601"), .kind = KEY_ISO8601 });
	set_key(&s, (struct alert_key){ .key = STR("container.metadata_missing"),
					.kind = KEY_MISSING });
	for (uint32_t i = 0; i < r->output.nfields; i++) {
		const struct field_ref *f = r->output.fields[i];

		if (str_is(f->text, "evt.time"))
			continue;
		if (str_is(f->text, "evt.time.iso8601"))
			l->iso_used = true;
		else
			set_key(&s, (struct alert_key){ .key = f->text, .field = f });
	}
	for (uint32_t i = 0; i < r->nextra; i++)
		set_key(&s, (struct alert_key){ .key = r->extra[i].key, .kind = KEY_EXTRA,
					       .extra = &r->extra[i] });
	strmap_done(&s.more);
	return s.err ? -ENOMEM : 0;
}

int alert_rule_init(struct alert_rule *r, struct arena *a)
{
	struct alert_layout *l = arena_new(a, struct alert_layout);
	_cleanup_buf_ struct buf b = BUF_INIT;

	if (!l)
		return -ENOMEM;
	l->keys = arena_array(a, (size_t)r->output.nfields + r->nextra + FIXED_KEYS,
			      sizeof(*l->keys));
	if (!l->keys || collect_keys(l, r))
		return -ENOMEM;
	qsort(l->keys, l->nkeys, sizeof(*l->keys), compare_keys);
	for (uint32_t i = 0; i < l->nkeys; i++) {
		l->keys[i].head = json_text(a, &b, l->keys[i].key, ":");
		if (!l->keys[i].head.p)
			return -ENOMEM;
	}
	l->rule = json_text(a, &b, r->name, "");
	l->source = json_text(a, &b, r->source, "");
	l->tags = json_tags(a, r);
	if (!l->rule.p || !l->source.p || !l->tags.p)
		return -ENOMEM;
	r->layout = l;
	return 0;
}

void alert_time(struct buf *out, uint64_t ts, enum alert_time form, int32_t tz_offset_s)
{
	unsigned parts = TIME_TEXT_CLOCK | TIME_TEXT_NS;
	char text[TIME_TEXT_MAX];
	unsigned n;

	if (form != ALERT_TIME_LOCAL)
		parts |= TIME_TEXT_DATE | TIME_TEXT_ISO;
	n = time_text(text, ts, form == ALERT_TIME_LOCAL ? tz_offset_s : 0, parts);
	if (form == ALERT_TIME_UTC) {
		n -= 5;		/* "+0000" */
		text[n++] = 'Z';
	}
	buf_add(out, text, n);
}

/* Cut to the bound, not inside a UTF-8 sequence. */
static struct str bounded(const struct alert_opts *opts, struct str s)
{
	uint32_t n = s.len;

	if (!opts->limits || !limit_over(opts->limits, LIMIT_ALERT_BYTES, 4ULL * s.len))
		return s;
	n = (uint32_t)(opts->limits->max[LIMIT_ALERT_BYTES] / 4);
	while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return (struct str){ s.p, n };
}

/* What was written behind `start`, moved to the scratch of the event. */
static struct str take_tail(struct buf *out, size_t start, const struct alert_opts *opts,
			    struct event_ctx *ctx)
{
	struct str s = STR_NONE;

	if (!out->err)
		s = arena_str(ctx->scratch, bounded(opts, (struct str){ out->p + start,
						    (uint32_t)(out->len - start) }));
	out->len = MIN(out->len, start);
	return s.p ? s : STR("");
}

static struct str render_message(const struct alert_rule *r, const struct alert_opts *opts,
				 struct event_ctx *ctx, struct buf *out)
{
	size_t start = out->len;

	format_render(&r->output, ctx, out);
	return take_tail(out, start, opts, ctx);
}

/* "TIME: Priority " */
static void add_prefix(struct buf *out, const struct alert_rule *r, const struct alert_opts *opts,
		       uint64_t ts)
{
	alert_time(out, ts, opts->iso8601 ? ALERT_TIME_ISO8601 : ALERT_TIME_LOCAL,
		   opts->tz_offset_s);
	buf_add(out, ": ", 2);
	buf_add_c(out, r->priority);
	buf_add_char(out, ' ');
}

static void add_extra(const struct alert_extra *e, const struct alert_opts *opts,
		      struct event_ctx *ctx, struct buf *out)
{
	struct json j = json_start(out);
	size_t start = out->len;

	if (e->field && e->field->kind == OPERAND_FIELD) {
		field_json(&e->field->field, ctx, &j);
		return;
	}
	if (e->format) {
		format_render(e->format, ctx, out);
	} else if (!operand_print(e->field, ctx, out)) {
		out->len = MIN(out->len, start);
		json_none(&j);
		return;
	}
	json_str(&j, take_tail(out, start, opts, ctx));
}

/* Why the container of the event has no metadata; NULL: it has, or nobody tried. */
static const char *missing_metadata(const struct event_ctx *ctx)
{
	const struct container *c = ctx->thread ? ctx->thread->container : NULL;

	return c ? c->missing : NULL;
}

static bool is_shown(const struct alert_layout *l, const struct alert_key *k,
		     const struct alert_opts *opts, const struct event_ctx *ctx)
{
	if (k->kind == KEY_MISSING)
		return missing_metadata(ctx);
	return k->kind != KEY_ISO8601 || opts->iso8601 || l->iso_used;
}

static void add_output_fields(const struct alert_rule *r, const struct alert_opts *opts,
			      struct event_ctx *ctx, struct buf *out)
{
	const struct alert_layout *l = r->layout;
	bool first = true;

	buf_add_char(out, '{');
	for (uint32_t i = 0; i < l->nkeys; i++) {
		const struct alert_key *k = &l->keys[i];
		struct json j = json_start(out);
		size_t start;

		if (!is_shown(l, k, opts, ctx))
			continue;
		if (!first)
			buf_add_char(out, ',');
		first = false;
		buf_add_str(out, k->head);
		start = out->len;
		if (k->kind == KEY_TIME || k->kind == KEY_ISO8601)
			buf_add_u64(out, ctx->ev->ts);
		else if (k->kind == KEY_EXTRA)
			add_extra(k->extra, opts, ctx, out);
		else if (k->kind == KEY_MISSING)
			json_cstr(&j, missing_metadata(ctx));
		else
			field_json(k->field, ctx, &j);
		if (opts->limits && limit_over(opts->limits, LIMIT_ALERT_BYTES, out->len)) {
			out->len = MIN(out->len, start);
			buf_add_c(out, "null");
		}
	}
	buf_add_char(out, '}');
}

static void add_quoted(struct buf *out, struct str s)
{
	buf_add_char(out, '"');
	json_escape(out, s);
	buf_add_char(out, '"');
}

/* `message`: what the template gave; may hold bytes that are not UTF-8. */
static void render_json(const struct alert_rule *r, const struct alert_opts *opts,
			struct event_ctx *ctx, struct str message, struct buf *out)
{
	buf_add_c(out, "{\"hostname\":");
	add_quoted(out, opts->hostname);
	if (opts->include_message) {
		buf_add_c(out, ",\"message\":");
		add_quoted(out, message);
	}
	if (opts->include_output) {
		buf_add_c(out, ",\"output\":\"");
		add_prefix(out, r, opts, ctx->ev->ts);
		json_escape(out, message);
		buf_add_char(out, '"');
	}
	if (opts->include_output_fields) {
		buf_add_c(out, ",\"output_fields\":");
		add_output_fields(r, opts, ctx, out);
	}
	buf_add_c(out, ",\"priority\":\"");
	buf_add_c(out, r->priority);
	buf_add_c(out, "\",\"rule\":");
	buf_add_str(out, r->layout->rule);
	buf_add_c(out, ",\"source\":");
	buf_add_str(out, r->layout->source);
	if (opts->include_tags) {
		buf_add_c(out, ",\"tags\":");
		buf_add_str(out, r->layout->tags);
	}
	buf_add_c(out, ",\"time\":\"");
	alert_time(out, ctx->ev->ts, ALERT_TIME_UTC, 0);
	buf_add_c(out, "\"}");
}

static void render_text(const struct alert_rule *r, const struct alert_opts *opts,
			struct event_ctx *ctx, struct str message, struct buf *out)
{
	add_prefix(out, r, opts, ctx->ev->ts);
	utf8_repair(out, message);
}

static bool needs_message(const struct alert_opts *opts)
{
	return !opts->json_output || opts->include_message || opts->include_output;
}

void alert_render(const struct alert_rule *r, const struct alert_opts *opts, struct event_ctx *ctx,
		  struct buf *out)
{
	struct str message = needs_message(opts) ? render_message(r, opts, ctx, out) : STR("");

	if (opts->json_output)
		render_json(r, opts, ctx, message, out);
	else
		render_text(r, opts, ctx, message, out);
}

static struct str field_text(const struct alert_key *k, const struct alert_opts *opts,
			     struct event_ctx *ctx, struct buf *out)
{
	_cleanup_buf_ struct buf raw = BUF_INIT;
	size_t start = out->len;
	bool have = true;

	if (k->kind == KEY_TIME || k->kind == KEY_ISO8601)
		alert_time(out, ctx->ev->ts,
			   k->kind == KEY_TIME ? ALERT_TIME_LOCAL : ALERT_TIME_ISO8601,
			   opts->tz_offset_s);
	else if (k->kind == KEY_MISSING)
		return str_from(missing_metadata(ctx));
	else if (k->kind == KEY_EXTRA && k->extra->format)
		format_render(k->extra->format, ctx, &raw);
	else if (k->kind == KEY_EXTRA)
		have = operand_print(k->extra->field, ctx, &raw);
	else
		have = field_print(k->field, ctx, &raw);
	if (!have)
		return STR("<NA>");
	utf8_repair(out, buf_str(&raw));
	return take_tail(out, start, opts, ctx);
}

static void list_fields(const struct alert_rule *r, const struct alert_opts *opts,
			struct event_ctx *ctx, struct buf *out, struct alert_forms *ret)
{
	const struct alert_layout *l = r->layout;
	struct alert_field *v = arena_array(ctx->scratch, MAX(l->nkeys, 1U), sizeof(*v));
	uint32_t n = 0;

	for (uint32_t i = 0; v && i < l->nkeys; i++)
		if (is_shown(l, &l->keys[i], opts, ctx))
			v[n++] = (struct alert_field){ l->keys[i].key,
						       field_text(&l->keys[i], opts, ctx, out) };
	ret->fields = v;
	ret->nfields = n;
}

void alert_render_forms(const struct alert_rule *r, const struct alert_opts *opts, unsigned forms,
			struct event_ctx *ctx, struct buf *out, struct alert_forms *ret)
{
	struct str message;
	size_t json, text;

	*ret = (struct alert_forms){ 0 };
	buf_clear(out);
	message = render_message(r, opts, ctx, out);
	utf8_repair(out, message);
	ret->output = take_tail(out, 0, opts, ctx);
	if (forms & ALERT_FIELDS)
		list_fields(r, opts, ctx, out, ret);
	if (forms & ALERT_JSON)
		render_json(r, opts, ctx, message, out);
	json = out->len;
	if (forms & ALERT_TEXT)
		render_text(r, opts, ctx, message, out);
	text = out->len;
	if (out->err)
		return;
	ret->json = (struct str){ out->p, (uint32_t)json };
	ret->text = (struct str){ out->p + json, (uint32_t)(text - json) };
}
