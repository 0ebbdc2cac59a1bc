/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields as text and as JSON: what %field and output_fields show. Called per alert and by printing
 * commands; writes into the caller's buffers.
 */
#include "engine/field/field.h"

static void print_list(struct buf *out, const struct value_list *l)
{
	buf_add_char(out, '(');
	for (uint32_t i = 0; i < l->n; i++) {
		if (i)
			buf_add_char(out, ',');
		value_show(out, &l->v[i]);
	}
	buf_add_char(out, ')');
}

/* Ancestors and the like: one text for all of them. */
static bool print_joined(struct buf *out, const struct value_list *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		if (i)
			buf_add_char(out, ' ');
		value_show(out, &l->v[i]);
	}
	return l->n > 0;
}

/* The single value of an output; types without a text have none. */
static bool get_printed(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	bool has = f->info->get_printed ? f->info->get_printed(f, ctx, ret) :
					  field_get(f, ctx, ret);

	return has && value_class_of((enum param_type)ret->type) != VC_NONE;
}

bool field_print(const struct field_ref *f, struct event_ctx *ctx, struct buf *out)
{
	struct value_list l;
	struct value v;

	if (f->info->flags & FIELD_FILTER_ONLY)
		return false;
	if (field_is_multi(f) && (f->info->flags & FIELD_LIST)) {
		if (!field_get_all(f, ctx, &l))
			return false;
		print_list(out, &l);
		return true;
	}
	if (get_printed(f, ctx, &v)) {
		value_show(out, &v);
		return true;
	}
	if (f->info->get || !field_is_multi(f))
		return false;
	return field_get_all(f, ctx, &l) && print_joined(out, &l);
}

static void json_list(struct json *j, const struct value_list *l)
{
	json_arr(j);
	for (uint32_t i = 0; i < l->n; i++)
		value_json(j, &l->v[i]);
	json_arr_end(j);
}

static void json_as_text(const struct field_ref *f, struct event_ctx *ctx, struct json *j)
{
	struct buf text = BUF_INIT;

	if (field_print(f, ctx, &text))
		json_str(j, buf_str(&text));
	else
		json_none(j);
	buf_done(&text);
}

void field_json(const struct field_ref *f, struct event_ctx *ctx, struct json *j)
{
	struct value_list l;
	struct value v;

	if (f->info->flags & FIELD_FILTER_ONLY)
		json_none(j);
	else if (f->info->flags & FIELD_JSON_NS)
		json_u64(j, ctx->ev->ts);
	else if (f->info->flags & FIELD_JSON_STRING)
		json_as_text(f, ctx, j);
	else if (field_is_multi(f) && (f->info->flags & FIELD_LIST))
		field_get_all(f, ctx, &l) ? json_list(j, &l) : json_none(j);
	else if (field_is_multi(f) && !f->info->get)
		json_as_text(f, ctx, j);
	else if (get_printed(f, ctx, &v))
		value_json(j, &v);
	else
		json_none(j);
}
