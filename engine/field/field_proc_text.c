/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc.*: arguments, environment and the texts made of them. Called through the rows of
 * field_proc.c and by the ancestor getters. Views into the state tables where nothing has to be
 * joined, else texts in the scratch arena.
 */
#include "engine/field/field_proc.h"
#include "engine/field/field_text.h"

#define GET_OF_THREAD(name, of)                                                               \
	bool name(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)        \
	{                                                                                     \
		return ctx->thread && of(f, ctx, ctx->thread, ret);                           \
	}

bool proc_of_istr(const struct field_ref *f, struct event_ctx *ctx, struct thread *t,
		  struct value *ret)
{
	member_istr(f, t, ret);
	return ret->s.p;
}

/* The arguments are the rest of the command line, which is joined once and kept. */
bool proc_of_args(const struct field_ref *f, struct event_ctx *ctx, struct thread *t,
		  struct value *ret)
{
	struct str line = thread_cmdline(ctx->state, t);
	uint32_t from = istr_str(t->comm).len + 1;

	*ret = value_str(t->nargs && line.len >= from ? str_sub(line, from, line.len) : STR(""));
	return true;
}

bool proc_of_cmdline(const struct field_ref *f, struct event_ctx *ctx, struct thread *t,
		     struct value *ret)
{
	return text_value(thread_cmdline(ctx->state, t), ret);
}

bool proc_of_env(const struct field_ref *f, struct event_ctx *ctx, struct thread *t,
		 struct value *ret)
{
	struct str env = thread_env(t);

	if (env.len && env.p[env.len - 1] == '\0')
		env.len--;
	return text_value(text_from_nuls(ctx->scratch, env), ret);
}

struct str proc_env_var(const struct thread *t, struct str name)
{
	struct str env = thread_env(t);
	uint32_t at = 0;

	while (at < env.len) {
		uint32_t end = at + (uint32_t)strnlen(env.p + at, env.len - at);
		struct str one = str_sub(env, at, end);

		if (one.len > name.len && one.p[name.len] == '=' && str_starts(one, name))
			return str_trim(str_sub(one, name.len + 1, one.len));
		at = end + 1;
	}
	return STR_NONE;
}

/* proc.args[N] out of range is an empty text, not a missing value. */
bool proc_get_args(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct str arg = STR_NONE;

	if (!ctx->thread)
		return false;
	if (!f->has_index)
		return proc_of_args(f, ctx, ctx->thread, ret);
	if (f->index >= 0 && f->index < UINT32_MAX)
		arg = thread_arg(ctx->thread, (uint32_t)f->index);
	return text_value(arg.p ? arg : STR(""), ret);
}

bool proc_get_env(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct str v;

	if (!ctx->thread)
		return false;
	if (!f->has_key)
		return proc_of_env(f, ctx, ctx->thread, ret);
	v = proc_env_var(ctx->thread, f->key);
	return text_value(v.p ? v : STR(""), ret);
}

GET_OF_THREAD(proc_get_cmdline, proc_of_cmdline)

bool proc_get_pcmdline(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct thread *p = ctx->thread ? thread_ancestor(ctx->thread, 1) : NULL;

	return p && proc_of_cmdline(f, ctx, p, ret);
}

/* The line is joined and kept by thread_cmdline(). */
static const struct istr *kept_cmdline(struct event_ctx *ctx, struct thread *t)
{
	if (!t)
		return NULL;
	thread_cmdline(ctx->state, t);
	return t->cmdline_cache;
}

const struct istr *proc_stored_cmdline(const struct field_ref *f, struct event_ctx *ctx)
{
	return kept_cmdline(ctx, ctx->thread);
}

const struct istr *proc_stored_pcmdline(const struct field_ref *f, struct event_ctx *ctx)
{
	return ctx->thread ? kept_cmdline(ctx, thread_ancestor(ctx->thread, 1)) : NULL;
}

const struct istr *proc_stored_cwd(const struct field_ref *f, struct event_ctx *ctx)
{
	const struct group *g = ctx->thread ? ctx->thread->group : NULL;

	return g && g->leader ? g->cwd : NULL;
}

/* One of the arguments, or all of them. */
const struct istr *proc_stored_args(const struct field_ref *f, struct event_ctx *ctx)
{
	return ctx->thread ? ctx->thread->args : NULL;
}

/* The whole environment, or a variable. */
const struct istr *proc_stored_env(const struct field_ref *f, struct event_ctx *ctx)
{
	return ctx->thread && ctx->thread->group ? ctx->thread->group->env : NULL;
}

/* The blank after the first argument is there even when nothing follows. */
bool proc_get_exeline(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct thread *t = ctx->thread;

	if (!t)
		return false;
	if (!t->nargs)
		return text_value(text_concat(ctx->scratch, istr_str(t->exe), STR(" "), STR("")),
				  ret);
	return text_value(thread_exeline(ctx->state, t), ret);
}

bool proc_get_cmdnargs(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	if (!ctx->thread)
		return false;
	*ret = value_u64(PT_UINT64, ctx->thread->nargs);
	return true;
}

/* Separators do not count. */
bool proc_get_cmdlenargs(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct thread *t = ctx->thread;

	if (!t)
		return false;
	*ret = value_u64(PT_UINT64, t->nargs ? istr_str(t->args).len - (t->nargs - 1) : 0);
	return true;
}

bool proc_get_cwd(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return ctx->thread && text_value(thread_cwd(ctx->thread), ret);
}
