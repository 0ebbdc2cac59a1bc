/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows without code: a field that is a plain member of a thread, of its parent, of an fd or of a
 * container names the member, and one of the getters below reads it by offset. Used by the files
 * field_<ns>.c only. Texts built for one event live in ctx->scratch.
 */
#ifndef TIERCEL_FIELD_MEMBER_H
#define TIERCEL_FIELD_MEMBER_H

#include "engine/field/field.h"

/* A row with a getter; further members (.arg, .flags ...) may follow. */
#define FIELD_ROW(name_, type_, get_, help_, ...) \
	{ .name = name_, .type = PT_##type_, .get = get_, .help = help_, __VA_ARGS__ }

/* `suffix` chooses what happens to the value "unknown": nothing, _nonzero or _known (not -1). */
#define FIELD_MEMBER(obj, suffix, name_, type_, member, help_, ...)                       \
	{ .name = name_, .type = PT_##type_,                                              \
	  .get = _Generic(((struct FIELD_OBJECT_##obj *)0)->member,                       \
			  struct istr * : member_##obj##_istr,                            \
			  int64_t : member_##obj##_i64##suffix,                           \
			  uint64_t : member_##obj##_i64##suffix, uint32_t : member_##obj##_u32, \
			  bool : member_##obj##_bool),                                    \
	  .offset = offsetof(struct FIELD_OBJECT_##obj, member), .help = help_, __VA_ARGS__ }

#define FIELD_OBJECT_thread thread
#define FIELD_OBJECT_parent thread
#define FIELD_OBJECT_fd fdinfo

#define FIELD_MEMBER_GETTERS(obj)                                                                  \
	bool member_##obj##_istr(const struct field_ref *f, struct event_ctx *ctx,                 \
				 struct value *ret);                                               \
	bool member_##obj##_i64(const struct field_ref *f, struct event_ctx *ctx,                  \
				struct value *ret);                                                \
	bool member_##obj##_i64_nonzero(const struct field_ref *f, struct event_ctx *ctx,          \
					struct value *ret);                                        \
	bool member_##obj##_i64_known(const struct field_ref *f, struct event_ctx *ctx,            \
				      struct value *ret);                                          \
	bool member_##obj##_u32(const struct field_ref *f, struct event_ctx *ctx,                  \
				struct value *ret);                                                \
	bool member_##obj##_bool(const struct field_ref *f, struct event_ctx *ctx,                 \
				 struct value *ret);
FIELD_MEMBER_GETTERS(thread)	/* the thread of the event */
FIELD_MEMBER_GETTERS(parent)	/* the leader of the group of its parent */
FIELD_MEMBER_GETTERS(fd)	/* the fd of the event */

/* The member that the row names, of any object of that kind. */
static inline void member_istr(const struct field_ref *f, const void *obj, struct value *ret)
{
	*ret = value_str(istr_str(*(struct istr *const *)((const char *)obj + f->info->offset)));
}

static inline void member_i64(const struct field_ref *f, const void *obj, struct value *ret)
{
	*ret = value_i64(f->info->type, *(const int64_t *)((const char *)obj + f->info->offset));
}

/* The same as a text of the state tables. */
static inline const struct istr *member_stored(const struct field_ref *f, const void *obj)
{
	return obj ? *(struct istr *const *)((const char *)obj + f->info->offset) : NULL;
}

/* The fd of the event if its fields exist at all: the type works on an fd and a thread is known. */
static inline struct fdinfo *field_fd(const struct event_ctx *ctx)
{
	return ctx->has_fd && ctx->thread ? ctx->fd : NULL;
}

/* Pids are shown when they are possible ones. */
static inline bool field_pid_valid(int64_t pid)
{
	return pid >= -1 && pid <= UINT32_MAX;
}

#endif
