/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time fields of events. Called through the rows of field_evt.c.
 */
#include "engine/field/field_evt.h"
#include "engine/field/time_text.h"

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000ULL

bool field_evt_time_text(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	unsigned parts = f->info->offset;
	int32_t tz = parts & TIME_TEXT_ISO ? 0 : ctx->tz_offset_s;
	char *text = arena_alloc(ctx->scratch, TIME_TEXT_MAX);

	if (!text)
		return false;
	*ret = value_str((struct str){ text, time_text(text, ctx->ev->ts, tz, parts) });
	return true;
}

static bool time_part(const struct field_ref *f, uint64_t ns, struct value *ret)
{
	unsigned part = f->info->offset;

	if (part == EVT_TIME_S)
		ns /= NS_PER_S;
	else if (part == EVT_TIME_NS)
		ns %= NS_PER_S;
	*ret = value_u64((enum param_type)f->info->type, ns);
	ret->fmt = f->info->fmt;
	return true;
}

bool field_evt_rawtime(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return time_part(f, ctx->ev->ts, ret);
}

/* Events of different CPUs may come out of order: the distance is never negative. */
static uint64_t since(uint64_t ts, uint64_t from)
{
	return ts > from ? ts - from : 0;
}

bool field_evt_reltime(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return time_part(f, since(ctx->ev->ts, ctx->first_ts), ret);
}

bool field_evt_deltatime(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return time_part(f, ctx->prev_ts ? since(ctx->ev->ts, ctx->prev_ts) : 0, ret);
}

/* Times between entry and exit of a call: there are no entry events any more. */
bool field_evt_zero_time(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return time_part(f, 0, ret);
}

bool field_evt_zero_text(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	*ret = value_str(STR("0ns"));
	return true;
}

/* Distance from the given time in ms, rounded up: see MULTI_WITHIN. */
bool field_evt_around(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	uint64_t ts = ctx->ev->ts, at = (uint64_t)f->index;
	uint64_t distance = ts > at ? ts - at : at - ts;

	*ret = value_u64(PT_UINT64, distance / NS_PER_MS + (distance % NS_PER_MS != 0));
	return true;
}
