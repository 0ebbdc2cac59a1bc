/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alerts as one line of JSON or text, see alert.h. Called by the facade for every match. Texts that
 * need escaping are rendered at the end of the output, moved to the event's scratch and written
 * again: no memory of its own.
 */
#include "engine/base/utf8.h"
#include "engine/out/alert.h"

enum key_kind { KEY_FIELD, KEY_TIME, KEY_ISO8601, KEY_EXTRA };

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

/* A later key of the same name replaces the earlier one. */
static void set_key(struct alert_layout *l, struct alert_key key)
{
	uint32_t i = 0;

	while (i < l->nkeys && !str_eq(l->keys[i].key, key.key))
		i++;
	l->keys[i] = key;
	l->nkeys += i == l->nkeys;
}

static struct str json_text(struct arena *a, struct str s, const char *tail)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	buf_add_char(&b, '"');
	json_escape(&b, s);
	buf_add_char(&b, '"');
	buf_add_c(&b, tail);
	return b.err ? STR_NONE : arena_str(a, buf_str(&b));
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

static void collect_keys(struct alert_layout *l, const struct alert_rule *r)
{
	set_key(l, (struct alert_key){ .key = STR("evt.time"), .kind = KEY_TIME });
	set_key(l, (struct alert_key){ .key = STR("evt.time.iso8601"), .kind = KEY_ISO8601 });
	for (uint32_t i = 0; i < r->output.nfields; i++) {
		const struct field_ref *f = r->output.fields[i];

		if (str_is(f->text, "evt.time"))
			continue;
		if (str_is(f->text, "evt.time.iso8601"))
			l->iso_used = true;
		else
			set_key(l, (struct alert_key){ .key = f->text, .field = f });
	}
	for (uint32_t i = 0; i < r->nextra; i++)
		set_key(l, (struct alert_key){ .key = r->extra[i].key, .kind = KEY_EXTRA,
					       .extra = &r->extra[i] });
}

int alert_rule_init(struct alert_rule *r, struct arena *a)
{
	struct alert_layout *l = arena_new(a, struct alert_layout);

	if (!l)
		return -ENOMEM;
	l->keys = arena_array(a, (size_t)r->output.nfields + r->nextra + 2, sizeof(*l->keys));
	if (!l->keys)
		return -ENOMEM;
	collect_keys(l, r);
	qsort(l->keys, l->nkeys, sizeof(*l->keys), compare_keys);
	for (uint32_t i = 0; i < l->nkeys; i++) {
		l->keys[i].head = json_text(a, l->keys[i].key, ":");
		if (!l->keys[i].head.p)
			return -ENOMEM;
	}
	l->rule = json_text(a, r->name, "");
	l->source = json_text(a, r->source, "");
	l->tags = json_tags(a, r);
	if (!l->rule.p || !l->source.p || !l->tags.p)
		return -ENOMEM;
	r->layout = l;
	return 0;
}

/* Civil date of a day count from 1970-01-01. */
struct civil {
	int64_t year;
	unsigned month, day;
};

/* Counted in eras of 400 years (146097 days) that start on 1 March, so leap days come last. */
static struct civil civil_from_days(int64_t days)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned doe = (unsigned)(z - era * 146097);
	unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	unsigned mp = (5 * doy + 2) / 153;
	unsigned month = mp < 10 ? mp + 3 : mp - 9;

	return (struct civil){ (int64_t)yoe + era * 400 + (month <= 2), month,
			       doy - (153 * mp + 2) / 5 + 1 };
}

static void add_digits(struct buf *out, uint64_t v, unsigned n)
{
	char *p = buf_reserve(out, n);

	if (!p)
		return;
	for (unsigned i = n; i-- > 0; v /= 10)
		p[i] = (char)('0' + v % 10);
	out->len += n;
	p[n] = '\0';
}

static void add_date(struct buf *out, int64_t days)
{
	struct civil c = civil_from_days(days);

	add_digits(out, (uint64_t)c.year, 4);
	buf_add_char(out, '-');
	add_digits(out, c.month, 2);
	buf_add_char(out, '-');
	add_digits(out, c.day, 2);
	buf_add_char(out, 'T');
}

static void add_clock(struct buf *out, uint64_t secs, uint64_t ns)
{
	add_digits(out, secs / 3600, 2);
	buf_add_char(out, ':');
	add_digits(out, secs / 60 % 60, 2);
	buf_add_char(out, ':');
	add_digits(out, secs % 60, 2);
	buf_add_char(out, '.');
	add_digits(out, ns, 9);
}

enum time_form { TIME_LOCAL, TIME_ISO8601, TIME_UTC };

static void add_time(struct buf *out, uint64_t ts, enum time_form form, int32_t offset)
{
	int64_t secs = (int64_t)(ts / 1000000000) + (form == TIME_UTC ? 0 : offset);
	int64_t days = secs / 86400 - (secs % 86400 < 0);

	if (form != TIME_LOCAL)
		add_date(out, days);
	add_clock(out, (uint64_t)(secs - days * 86400), ts % 1000000000);
	if (form == TIME_UTC)
		buf_add_char(out, 'Z');
	if (form == TIME_ISO8601) {
		unsigned minutes = (unsigned)(offset < 0 ? -offset : offset) / 60;

		buf_add_char(out, offset < 0 ? '-' : '+');
		add_digits(out, minutes / 60, 2);
		add_digits(out, minutes % 60, 2);
	}
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
	add_time(out, ts, opts->iso8601 ? TIME_ISO8601 : TIME_LOCAL, opts->tz_offset_s);
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

		if (k->kind == KEY_ISO8601 && !opts->iso8601 && !l->iso_used)
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

static void render_json(const struct alert_rule *r, const struct alert_opts *opts,
			struct event_ctx *ctx, struct buf *out)
{
	struct str message = STR("");

	if (opts->include_message || opts->include_output)
		message = render_message(r, opts, ctx, out);
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
	add_time(out, ctx->ev->ts, TIME_UTC, 0);
	buf_add_c(out, "\"}");
}

void alert_render(const struct alert_rule *r, const struct alert_opts *opts, struct event_ctx *ctx,
		  struct buf *out)
{
	struct str message;

	if (opts->json_output) {
		render_json(r, opts, ctx, out);
		return;
	}
	message = render_message(r, opts, ctx, out);
	add_prefix(out, r, opts, ctx->ev->ts);
	utf8_repair(out, message);
}
