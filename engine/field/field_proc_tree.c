/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc.*: ancestors and the leaders of sessions and process groups. Called through the rows of
 * field_proc.c; lists and joined texts live in the scratch arena.
 */
#include "engine/field/field_proc.h"
#include "engine/field/field_text.h"
#include "engine/field/field_walk.h"

#define AENV_LEVELS 20	/* how far proc.aenv[NAME] looks up */

/*
 * No honest chain is longer than the table; a loop would be followed for ever. A stand-in for an
 * unknown process has no place in any chain, not even its own.
 */
static struct thread *ancestor(const struct field_ref *f, struct event_ctx *ctx)
{
	if (!ctx->thread || (ctx->thread->state_flags & THREAD_FAKE) || f->index < 0 ||
	    (uint64_t)f->index > state_stats(ctx->state)->threads)
		return NULL;
	return thread_ancestor(ctx->thread, (unsigned)f->index);
}

const struct istr *proc_stored_ancestor(const struct field_ref *f, struct event_ctx *ctx)
{
	return f->has_index ? member_stored(f, ancestor(f, ctx)) : NULL;
}

static bool of_pid(const struct field_ref *f, struct event_ctx *ctx, struct thread *t,
		   struct value *ret)
{
	*ret = value_i64(PT_INT64, t->pid);
	return field_pid_valid(t->pid);
}

/* All ancestors, the parent first, the process itself not among them. */
static bool all_of(const struct field_ref *f, struct event_ctx *ctx, proc_of_fn of,
		   struct value_list *ret)
{
	struct value_list l = { 0 };
	uint32_t cap = 0;
	struct walk w;

	if (!ctx->thread)
		return false;
	w = walk_from(ctx->thread);
	for (struct thread *t = walk_up(&w); t; t = walk_up(&w)) {
		struct value *v = arena_grow(ctx->scratch, l.v, &cap, l.n + 1, sizeof(*v));

		if (!v)
			return false;
		l.v = v;
		if (of(f, ctx, t, &l.v[l.n]))
			l.n++;
	}
	*ret = l;
	return l.n > 0;
}

static bool joined(const struct field_ref *f, struct event_ctx *ctx, proc_of_fn of,
		   struct value *ret)
{
	struct value_list l;
	struct str s;

	if (!all_of(f, ctx, of, &l))
		return false;
	s = text_join(ctx->scratch, &l);
	return s.len && text_value(s, ret);
}

static bool indexed_or_joined(const struct field_ref *f, struct event_ctx *ctx, proc_of_fn of,
			      struct value *ret)
{
	struct thread *t;

	if (!f->has_index)
		return joined(f, ctx, of, ret);
	t = ancestor(f, ctx);
	return t && of(f, ctx, t, ret);
}

#define ANCESTOR_GETTER(name, of)                                                         \
	bool name(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)    \
	{                                                                                 \
		return indexed_or_joined(f, ctx, of, ret);                                \
	}
#define ANCESTOR_LISTER(name, of)                                                           \
	bool name(const struct field_ref *f, struct event_ctx *ctx, struct value_list *ret) \
	{                                                                                   \
		return all_of(f, ctx, of, ret);                                             \
	}

ANCESTOR_GETTER(proc_get_ancestor_istr, proc_of_istr)
ANCESTOR_LISTER(proc_all_ancestors_istr, proc_of_istr)
ANCESTOR_GETTER(proc_get_ancestor_cmdline, proc_of_cmdline)
ANCESTOR_LISTER(proc_all_ancestors_cmdline, proc_of_cmdline)
ANCESTOR_GETTER(proc_get_ancestor_args, proc_of_args)
ANCESTOR_LISTER(proc_all_ancestors_env, proc_of_env)
ANCESTOR_LISTER(proc_all_ancestors_pid, of_pid)

/* Without index the own pid is printed, as users know it. */
bool proc_get_ancestor_pid(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct thread *t = f->has_index ? ancestor(f, ctx) : ctx->thread;

	return t && !(t->state_flags & THREAD_FAKE) && of_pid(f, ctx, t, ret);
}

/* The first ancestor whose variable is not empty. */
static struct str ancestor_var(struct thread *t, struct str name)
{
	struct walk w = walk_from(t);
	struct str v;

	for (unsigned i = 0; i < AENV_LEVELS; i++) {
		t = walk_up(&w);
		if (!t)
			break;
		v = proc_env_var(t, name);
		if (v.len)
			return v;
	}
	return STR("");
}

/*
 * proc.aenv prints the own environment without argument; a stand-in entry has an empty one on
 * every level.
 */
bool proc_get_ancestor_env(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct thread *t = ctx->thread;

	if (!t)
		return false;
	if (f->has_key)
		return text_value(ancestor_var(t, f->key), ret);
	if (f->has_index && !(t->state_flags & THREAD_FAKE))
		t = ancestor(f, ctx);
	return t && proc_of_env(f, ctx, t, ret);
}

/* The topmost process of the chain, the own one included, that is called like a shell. */
bool proc_get_loginshellid(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct thread *shell = NULL;
	struct walk w;

	if (!ctx->thread)
		return false;
	w = walk_from(ctx->thread);
	for (struct thread *t = w.at; t; t = walk_up(&w)) {
		if (str_ends(istr_str(t->comm), STR("sh")))
			shell = t;
	}
	if (!shell)
		return false;
	*ret = value_i64(PT_INT64, shell->pid);
	return true;
}

static int64_t id_at(const struct thread *t, size_t offset)
{
	return *(const int64_t *)((const char *)t + offset);
}

/*
 * Who has the id: its entry when ids are those of the host, else (or when that one is gone) the
 * oldest of the unbroken line of ancestors with the same id.
 */
static bool leader_text(const struct field_ref *f, struct event_ctx *ctx, size_t offset,
			bool host_id, struct value *ret)
{
	struct thread *leader = NULL, *t = ctx->thread;
	struct walk w;
	int64_t id;

	if (!t)
		return false;
	id = id_at(t, offset);
	if (id != -1 && (host_id || !thread_in_pidns(t)))
		leader = state_thread(ctx->state, id);
	if (id != -1 && !leader) {
		w = walk_from(t);
		for (t = walk_up(&w); t && id_at(t, offset) == id; t = walk_up(&w))
			leader = t;
	}
	if (leader)
		return proc_of_istr(f, ctx, leader, ret);
	*ret = value_str(STR(""));
	return true;
}

bool proc_get_sid_leader(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return leader_text(f, ctx, offsetof(struct thread, sid), false, ret);
}

bool proc_get_vpgid_leader(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return leader_text(f, ctx, offsetof(struct thread, vpgid), false, ret);
}

bool proc_get_pgid_leader(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return leader_text(f, ctx, offsetof(struct thread, pgid), true, ret);
}
