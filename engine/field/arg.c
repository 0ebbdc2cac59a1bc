/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event parameters as text and as typed values. Called by the evt.* getters; one row per wire type
 * says how it prints (end of arg_print.c). Texts go to the reused buffers of struct field_cache,
 * values to the scratch arena of the event.
 */
#include "engine/base/map.h"
#include "engine/field/arg_type.h"

struct field_cache *field_cache_new(void)
{
	return calloc(1, sizeof(struct field_cache));
}

void field_cache_free(struct field_cache *c)
{
	if (!c)
		return;
	buf_done(&c->text);
	buf_done(&c->part);
	buf_done(&c->base);
	free(c);
}

struct buf *arg_scratch(struct event_ctx *ctx, struct buf *local)
{
	struct field_cache *c = ctx->field_cache;

	*local = BUF_INIT;
	if (!c)
		return local;
	buf_clear(&c->text);
	return &c->text;
}

bool arg_scratch_done(struct event_ctx *ctx, struct buf *b, struct buf *local, struct value *ret)
{
	struct str s = STR_NONE;

	if (!b->err)
		s = arena_str(ctx->scratch, buf_str(b));
	buf_done(local);
	if (!s.p)
		return false;
	*ret = value_str(s);
	return true;
}

/* The first byte of a dynamic parameter says which variant follows. */
static void pick_variant(struct arg *a)
{
	const struct dyn_info *dyn;
	uint8_t which;

	if (a->type != PT_DYN || a->info->ref_kind != REF_DYN || a->p.len == 0)
		return;
	dyn = &dyn_infos[a->info->ref];
	which = (uint8_t)a->p.p[0];
	if (which >= dyn->count)
		return;
	a->type = (uint8_t)dyn->variants[which].type;
	a->fmt = (uint8_t)dyn->variants[which].fmt;
	a->p = str_sub(a->p, 1, a->p.len);
}

bool arg_init(struct arg *a, struct event_ctx *ctx, unsigned index)
{
	struct event *ev = ctx->ev;

	if (index >= ev->info->nparams || index >= ev->nparams)
		return false;
	a->ctx = ctx;
	a->info = &ev->info->params[index];
	a->index = index;
	a->p = event_param(ev, index);
	a->type = a->info->type;
	a->fmt = a->info->fmt;
	if (!a->p.p)
		return false;
	pick_variant(a);
	return true;
}

static const struct arg_type *type_of(const struct arg *a)
{
	return &arg_types[a->type < PT_COUNT ? a->type : PT_NONE];
}

/* Not collected, or cut short: there is nothing to interpret. */
static bool is_null(const struct arg *a)
{
	return a->p.len == 0 || a->p.len < param_type_size((enum param_type)a->type);
}

static void arg_print_raw(const struct arg *a, struct buf *out)
{
	const struct arg_type *t = type_of(a);

	if (is_null(a))
		buf_add_c(out, t->null_text ? t->null_text : "<NA>");
	else if (t->raw)
		t->raw(a, out);
}

/* False, nothing written: no resolved form. */
static bool arg_print_resolved(const struct arg *a, struct buf *out)
{
	const struct arg_type *t = type_of(a);
	size_t before = out->len;

	return t->resolved && !is_null(a) && t->resolved(a, out) && out->len > before;
}

void arg_print_all(struct event_ctx *ctx, struct buf *out)
{
	struct field_cache *c = ctx->field_cache;
	struct buf local = BUF_INIT, *part = c ? &c->part : &local;
	struct arg a;

	if (ctx->ev->type == EV_GENERIC_X || ctx->ev->type == EV_GENERIC_E)
		return;
	for (unsigned i = 0; arg_init(&a, ctx, i); i++) {
		if (i)
			buf_add_char(out, ' ');
		buf_add_c(out, a.info->name);
		buf_add_char(out, '=');
		arg_print_raw(&a, out);
		buf_clear(part);
		if (!arg_print_resolved(&a, part))
			continue;
		buf_add_char(out, '(');
		buf_add_str(out, buf_str(part));
		buf_add_char(out, ')');
	}
	buf_done(&local);
}

bool arg_is_by_number(const struct field_ref *f)
{
	bool any = false;

	for (unsigned type = 0; f->param_of && type < EVENT_TYPE_COUNT; type++) {
		unsigned i = f->param_of[type];

		if (i == FIELD_NO_PARAM)
			continue;
		any = arg_types[event_infos[type].params[i].type].by_number;
		if (!any)
			return false;
	}
	return any;
}

static void arg_print(const struct arg *a, struct buf *out)
{
	if (!arg_print_resolved(a, out))
		arg_print_raw(a, out);
}

/*
 * The same few flags come again and again. False: it does not fit, or its place has a text that the
 * event has a value of already.
 */
static bool number_value_text(const struct arg *a, struct field_cache *c, struct str *ret)
{
	uint64_t number = arg_unsigned(a), event = a->ctx->ev->num;
	uint64_t hash = hash_u64(number ^ (uintptr_t)a->info);
	struct number_text *n = &c->numbers[hash % NUMBER_TEXTS];

	if (n->info != a->info || n->number != number) {
		if (n->info && n->event == event)
			return false;
		buf_clear(&c->text);
		arg_print(a, &c->text);
		if (c->text.err || c->text.len > sizeof(n->text))
			return false;
		n->info = a->info;
		n->number = number;
		n->len = (uint32_t)c->text.len;
		memcpy(n->text, c->text.p, n->len);
	}
	n->event = event;
	*ret = (struct str){ n->text, n->len };
	return true;
}

bool arg_value(struct event_ctx *ctx, unsigned index, struct value *ret)
{
	const struct arg_type *t;
	struct buf local, *b;
	struct arg a;
	struct str s;

	if (!arg_init(&a, ctx, index))
		return false;
	t = type_of(&a);
	if (is_null(&a)) {
		*ret = value_str(str_from(t->null_text ? t->null_text : "<NA>"));
		return true;
	}
	if ((t->view && t->view(&a, &s)) ||
	    (t->by_number && ctx->field_cache && number_value_text(&a, ctx->field_cache, &s))) {
		*ret = value_str(s);
		return true;
	}
	b = arg_scratch(ctx, &local);
	arg_print(&a, b);
	return arg_scratch_done(ctx, b, &local, ret);
}

static bool number_value(const struct arg *a, struct value *ret)
{
	if (value_class_of((enum param_type)a->type) == VC_SIGNED)
		ret->i = arg_signed(a);
	else
		ret->u = arg_unsigned(a);
	return true;
}

static bool address_value(const struct arg *a, struct value *ret)
{
	uint32_t n = a->p.len;

	if (n != 4 && n != 16)
		return false;
	ret->ip = (struct ip_value){ .v6 = n == 16, .prefix = (uint8_t)(n * 8) };
	memcpy(ret->ip.addr, a->p.p, n);
	return true;
}

bool arg_raw_value(struct event_ctx *ctx, unsigned index, struct value *ret)
{
	struct value v;
	struct arg a;
	bool ok;

	if (!arg_init(&a, ctx, index))
		return false;
	v = (struct value){ .type = a.type, .fmt = a.fmt };
	switch (value_class_of((enum param_type)a.type)) {
	case VC_STRING:
		v.s = arg_cstr(&a);
		if (!v.s.p)
			v.s = STR("<NA>");
		ok = true;
		break;
	case VC_BYTES:
		v.s = a.p;
		ok = a.p.len > 0;
		break;
	case VC_SIGNED:
	case VC_UNSIGNED:
		ok = !is_null(&a) && number_value(&a, &v);
		break;
	case VC_BOOL:
		v.u = !is_null(&a) && arg_unsigned(&a) != 0;
		ok = !is_null(&a);
		break;
	case VC_IPADDR:
		ok = address_value(&a, &v);
		break;
	default:
		v.s = a.p;
		ok = !is_null(&a);
	}
	if (ok)
		*ret = v;
	return ok;
}
