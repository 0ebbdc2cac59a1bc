/* SPDX-License-Identifier: Apache-2.0 */
/*
 * user.*: the account of the process. Rows are found by field_lookup(); values are views into the
 * user tables. Unknown accounts have the text <NA>, root has built-in answers.
 */
#include "engine/field/field_class.h"
#include "engine/field/field_member.h"

#define NOT_KNOWN STR("<NA>")
#define NO_LOGIN UINT32_MAX

static const struct user_entry *user_of(const struct event_ctx *ctx, uint32_t uid)
{
	return state_user(ctx->state, ctx->thread->container, uid);
}

/* A container event speaks about the container's configured user. */
static struct str container_user(struct event_ctx *ctx)
{
	const struct container *c = ctx->thread->container;

	if (likely(ctx->ev->type != EV_ASYNCEVENT_E) || !c)
		return STR_NONE;
	if (!str_is(event_get_text(ctx->ev, ASYNCEVENT_E_name), "container"))
		return STR_NONE;
	return istr_str(c->user);
}

static struct str name_of(const struct event_ctx *ctx, uint32_t uid)
{
	const struct user_entry *u = user_of(ctx, uid);

	if (u)
		return istr_str(u->name);
	return uid == 0 ? STR("root") : NOT_KNOWN;
}

static bool get_name(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct str own;

	if (!ctx->thread)
		return false;
	own = container_user(ctx);
	*ret = value_str(own.len ? own : name_of(ctx, ctx->thread->uid));
	return true;
}

static bool get_loginname(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	if (!ctx->thread)
		return false;
	*ret = value_str(name_of(ctx, ctx->thread->loginuid));
	return true;
}

static bool get_homedir(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct user_entry *u;

	if (!ctx->thread)
		return false;
	u = user_of(ctx, ctx->thread->uid);
	if (u)
		*ret = value_str(istr_str(u->home));
	else
		*ret = value_str(ctx->thread->uid == 0 ? STR("/root") : NOT_KNOWN);
	return true;
}

static bool get_shell(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct user_entry *u;

	if (!ctx->thread)
		return false;
	u = user_of(ctx, ctx->thread->uid);
	*ret = value_str(u ? istr_str(u->shell) : NOT_KNOWN);
	return true;
}

static bool get_loginuid(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	if (!ctx->thread)
		return false;
	*ret = value_i64(PT_INT64, ctx->thread->loginuid == NO_LOGIN ? -1 :
				   (int64_t)ctx->thread->loginuid);
	return true;
}

static const struct field_info fields[] = {
	FIELD_MEMBER(thread, , "user.uid", UINT32, uid, "user id"),
	FIELD_ROW("user.name", CHARBUF, get_name, "user name, <NA> if unknown"),
	FIELD_ROW("user.homedir", CHARBUF, get_homedir, "home directory, <NA> if unknown"),
	FIELD_ROW("user.shell", CHARBUF, get_shell, "login shell, <NA> if unknown"),
	FIELD_ROW("user.loginuid", INT64, get_loginuid, "audit user id, -1 if not set"),
	FIELD_ROW("user.loginname", CHARBUF, get_loginname, "name of the audit user id"),
};

const struct field_class field_class_user = {
	.name = "user",
	.desc = "the account that runs the process",
	.fields = fields,
	.count = ARRAY_SIZE(fields),
};
