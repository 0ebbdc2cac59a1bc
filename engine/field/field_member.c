/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Getters of plain members, shared by the rows of field_<ns>.c. They return views into the state
 * tables and own nothing.
 */
#include "engine/field/field_member.h"

static const void *obj_thread(struct event_ctx *ctx)
{
	return ctx->thread;
}

static const void *obj_parent(struct event_ctx *ctx)
{
	return ctx->thread ? thread_ancestor(ctx->thread, 1) : NULL;
}

static const void *obj_fd(struct event_ctx *ctx)
{
	return field_fd(ctx);
}

#define GETTER(obj, suffix, load, present)                                               \
	bool member_##obj##_##suffix(const struct field_ref *f, struct event_ctx *ctx,   \
				     struct value *ret)                                  \
	{                                                                                \
		const void *o = obj_##obj(ctx);                                          \
		struct value v;                                                          \
                                                                                         \
		if (!o)                                                                  \
			return false;                                                    \
		load(f, o, &v);                                                          \
		if (!(present))                                                          \
			return false;                                                    \
		*ret = v;                                                                \
		return true;                                                             \
	}

static void member_u32(const struct field_ref *f, const void *obj, struct value *ret)
{
	*ret = value_u64(f->info->type, *(const uint32_t *)((const char *)obj + f->info->offset));
}

static void member_bool(const struct field_ref *f, const void *obj, struct value *ret)
{
	*ret = value_bool(*(const bool *)((const char *)obj + f->info->offset));
}

#define GETTERS(obj)                                  \
	GETTER(obj, istr, member_istr, v.s.p)         \
	GETTER(obj, i64, member_i64, true)            \
	GETTER(obj, i64_nonzero, member_i64, v.i != 0) \
	GETTER(obj, i64_known, member_i64, v.i != -1) \
	GETTER(obj, u32, member_u32, true)            \
	GETTER(obj, bool, member_bool, true)

GETTERS(thread)
GETTERS(parent)
GETTERS(fd)
