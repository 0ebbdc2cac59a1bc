/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proc.*: the process of the event. Rows are found by field_lookup(); most are plain members or
 * small getters of this file, texts and ancestors are in field_proc_text.c and field_proc_tree.c.
 * Values are views into the state tables or texts in the scratch arena.
 */
#include "engine/field/field_class.h"
#include "engine/field/field_fd.h"
#include "engine/field/field_proc.h"

static struct thread *parent_of(struct event_ctx *ctx)
{
	return ctx->thread ? thread_ancestor(ctx->thread, 1) : NULL;
}

static const struct istr *stored_member(const struct field_ref *f, struct event_ctx *ctx)
{
	return member_stored(f, ctx->thread);
}

static const struct istr *stored_of_parent(const struct field_ref *f, struct event_ctx *ctx)
{
	return member_stored(f, parent_of(ctx));
}

static bool get_pid(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	if (!ctx->thread || !field_pid_valid(ctx->thread->pid))
		return false;
	*ret = value_i64(PT_INT64, ctx->thread->pid);
	return true;
}

static bool get_ppid(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct thread *p = parent_of(ctx);

	if (!p || !field_pid_valid(p->pid))
		return false;
	*ret = value_i64(PT_INT64, p->pid);
	return true;
}

/* Of the entry that started it, which may be a thread that is not a leader. */
static bool get_pvpid(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct thread *p = ctx->thread ? thread_parent(ctx->thread) : NULL;

	if (!p)
		return false;
	*ret = value_i64(PT_INT64, p->vpid);
	return true;
}

static bool age_of(const struct thread *t, struct event_ctx *ctx, struct value *ret)
{
	if (!t || !t->clone_ts || ctx->ev->ts < t->clone_ts)
		return false;
	*ret = value_u64(PT_RELTIME, ctx->ev->ts - t->clone_ts);
	return true;
}

static bool get_duration(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return age_of(ctx->thread, ctx, ret);
}

static bool get_pduration(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	return age_of(parent_of(ctx), ctx, ret);
}

/* Of the entry that started it: a thread that forks may be younger than its process. */
static bool get_pstart(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct thread *p = ctx->thread ? thread_parent(ctx->thread) : NULL;

	if (!p)
		return false;
	*ret = value_u64(PT_RELTIME, p->clone_ts);
	return true;
}

/* Two ids of the thread are equal; -1 is equal to -1. */
#define LEADER_GETTER(name, a, b)                                                             \
	static bool name(const struct field_ref *f, struct event_ctx *ctx, struct value *ret) \
	{                                                                                     \
		if (!ctx->thread)                                                             \
			return false;                                                         \
		*ret = value_bool(ctx->thread->a == ctx->thread->b);                          \
		return true;                                                                  \
	}
LEADER_GETTER(get_is_sid_leader, sid, vpid)
LEADER_GETTER(get_is_vpgid_leader, vpgid, vpid)
LEADER_GETTER(get_is_pgid_leader, pgid, pid)

/* A stand-in for an unknown process has no table of its own to speak of. */
static uint32_t fd_count(const struct thread *t)
{
	return t->state_flags & THREAD_FAKE ? 0 : thread_fd_count(t);
}

static bool get_fdlimit(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	const struct thread *t = ctx->thread;

	if (!t)
		return false;
	*ret = value_i64(PT_INT64, t->state_flags & THREAD_FAKE ? 0 :
				   thread_main(ctx->thread)->fdlimit);
	return true;
}

#define COUNT_GETTER(name, count)                                                             \
	static bool name(const struct field_ref *f, struct event_ctx *ctx, struct value *ret) \
	{                                                                                     \
		if (!ctx->thread)                                                             \
			return false;                                                         \
		*ret = value_u64(PT_UINT64, count(ctx->thread));                              \
		return true;                                                                  \
	}
COUNT_GETTER(get_fdopencount, fd_count)
COUNT_GETTER(get_nthreads, thread_group_size)
COUNT_GETTER(get_nchilds, thread_child_count)

static bool get_fdusage(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	int64_t limit;

	if (!ctx->thread)
		return false;
	limit = thread_main(ctx->thread)->fdlimit;
	*ret = (struct value){ .type = PT_DOUBLE };
	if (limit > 0)
		ret->d = 100.0 * fd_count(ctx->thread) / (double)limit;
	return true;
}

/* The row's offset is the number of the standard fd. */
static struct fdinfo *stdio_of(const struct field_ref *f, struct event_ctx *ctx)
{
	return ctx->thread ? thread_fd(ctx->thread, f->info->offset) : NULL;
}

static bool get_stdio_name(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct fdinfo *fd = stdio_of(f, ctx);

	if (!fd)
		return false;
	*ret = value_str(istr_str(fd->name));
	return true;
}

static bool get_stdio_type(const struct field_ref *f, struct event_ctx *ctx, struct value *ret)
{
	struct fdinfo *fd = stdio_of(f, ctx);

	if (!fd)
		return false;
	*ret = value_str(fd_type_name(fd));
	return true;
}

#define MEMBER(name, type, member, help, ...) \
	FIELD_MEMBER(thread, , name, type, member, help, __VA_ARGS__)
#define PARENT(name, type, member, help, ...) \
	FIELD_MEMBER(parent, , name, type, member, help, __VA_ARGS__)
#define TEXT(name, member, help) \
	MEMBER(name, CHARBUF, member, help, .stored = stored_member)
#define PARENT_TEXT(name, member, help) \
	PARENT(name, CHARBUF, member, help, .stored = stored_of_parent)
#define NONZERO(name, type, member, help) \
	FIELD_MEMBER(thread, _nonzero, name, type, member, help)
#define AT(member) .offset = offsetof(struct thread, member)
#define ROW FIELD_ROW
#define NO_WRAP (FIELD_NO_TRANSFORMER | FIELD_NO_RHS)
#define ANCESTOR(name, type, what, help, ...)                                              \
	FIELD_ROW(name, type, proc_get_ancestor_##what, help, .arg = ARG_INDEX,            \
		  .multi = MULTI_ANY, .flags = NO_WRAP, .get_all = proc_all_ancestors_##what, \
		  __VA_ARGS__)

static const struct field_info fields[] = {
	TEXT("proc.exe", exe, "first argument of the process (argv[0])"),
	PARENT_TEXT("proc.pexe", exe, "first argument of the parent"),
	ANCESTOR("proc.aexe", CHARBUF, istr,
		 "first argument of an ancestor; without index any of them", AT(exe),
		 .stored = proc_stored_ancestor),
	TEXT("proc.exepath", exepath, "full path of the executable"),
	PARENT_TEXT("proc.pexepath", exepath, "full path of the parent's executable"),
	ANCESTOR("proc.aexepath", CHARBUF, istr,
		 "executable path of an ancestor; without index any of them", AT(exepath),
		 .stored = proc_stored_ancestor),
	TEXT("proc.name", comm, "command name, at most 15 bytes"),
	PARENT_TEXT("proc.pname", comm, "command name of the parent"),
	ANCESTOR("proc.aname", CHARBUF, istr,
		 "command name of an ancestor; without index any of them", AT(comm),
		 .stored = proc_stored_ancestor),
	ROW("proc.args", CHARBUF, proc_get_args,
	    "arguments after the first, joined by blanks; [N] one of them", .arg = ARG_INDEX,
	    .stored = proc_stored_args),
	ROW("proc.aargs", CHARBUF, proc_get_ancestor_args,
	    "arguments of an ancestor; without index those of all, as one text",
	    .arg = ARG_INDEX),
	ROW("proc.cmdline", CHARBUF, proc_get_cmdline, "command name and arguments",
	    .stored = proc_stored_cmdline),
	ROW("proc.pcmdline", CHARBUF, proc_get_pcmdline,
	    "command name and arguments of the parent", .stored = proc_stored_pcmdline),
	ANCESTOR("proc.acmdline", CHARBUF, cmdline,
		 "command line of an ancestor; without index any of them"),
	ROW("proc.cmdnargs", UINT64, proc_get_cmdnargs, "number of arguments after the first"),
	ROW("proc.cmdlenargs", UINT64, proc_get_cmdlenargs,
	    "bytes of all arguments after the first, without blanks"),
	ROW("proc.exeline", CHARBUF, proc_get_exeline, "first argument and the others"),
	ROW("proc.env", CHARBUF, proc_get_env,
	    "environment joined by blanks; [NAME] one variable, empty if not set",
	    .arg = ARG_KEY, .stored = proc_stored_env),
	ROW("proc.aenv", CHARBUF, proc_get_ancestor_env,
	    "environment of ancestors; [N] of one, [NAME] first one that sets the variable",
	    .arg = ARG_INDEX_OR_KEY, .multi = MULTI_ANY, .flags = NO_WRAP,
	    .get_all = proc_all_ancestors_env),
	ROW("proc.cwd", CHARBUF, proc_get_cwd, "current directory, ends in /",
	    .stored = proc_stored_cwd),
	ROW("proc.loginshellid", INT64, proc_get_loginshellid,
	    "pid of the oldest shell among the process and its ancestors"),
	MEMBER("proc.tty", UINT32, tty, "controlling terminal as device number, 0 if none"),
	ROW("proc.pid", INT64, get_pid, "process id on the host"),
	ROW("proc.ppid", INT64, get_ppid, "process id of the parent"),
	ANCESTOR("proc.apid", INT64, pid, "process id of an ancestor; without index any of them"),
	FIELD_MEMBER(thread, _known, "proc.vpid", INT64, vpid,
		     "process id in its own pid namespace"),
	ROW("proc.pvpid", INT64, get_pvpid, "process id of the parent in its pid namespace"),
	MEMBER("proc.sid", INT64, sid, "session id in the pid namespace"),
	ROW("proc.sname", CHARBUF, proc_get_sid_leader, "command name of the session leader",
	    AT(comm)),
	ROW("proc.sid.exe", CHARBUF, proc_get_sid_leader, "first argument of the session leader",
	    AT(exe)),
	ROW("proc.sid.exepath", CHARBUF, proc_get_sid_leader,
	    "executable path of the session leader", AT(exepath)),
	MEMBER("proc.vpgid", INT64, vpgid, "process group id in the pid namespace"),
	ROW("proc.vpgid.name", CHARBUF, proc_get_vpgid_leader,
	    "command name of the process group leader", AT(comm)),
	ROW("proc.vpgid.exe", CHARBUF, proc_get_vpgid_leader,
	    "first argument of the process group leader", AT(exe)),
	ROW("proc.vpgid.exepath", CHARBUF, proc_get_vpgid_leader,
	    "executable path of the process group leader", AT(exepath)),
	ROW("proc.duration", RELTIME, get_duration, "age of the process in ns"),
	ROW("proc.ppid.duration", RELTIME, get_pduration, "age of the parent in ns"),
	NONZERO("proc.pid.ts", RELTIME, clone_ts, "start of the process, ns since the epoch"),
	ROW("proc.ppid.ts", RELTIME, get_pstart, "start of the parent, ns since the epoch"),
	MEMBER("proc.is_exe_writable", BOOL, exe_writable,
	       "the user who runs the executable may write it"),
	MEMBER("proc.is_exe_upper_layer", BOOL, exe_upper_layer,
	       "executable is in the upper layer of an overlay file system"),
	MEMBER("proc.is_exe_lower_layer", BOOL, exe_lower_layer,
	       "executable is in the lower layer of an overlay file system"),
	MEMBER("proc.is_exe_from_memfd", BOOL, exe_from_memfd, "executable is a memfd"),
	ROW("proc.is_sid_leader", BOOL, get_is_sid_leader, "process leads its session"),
	ROW("proc.is_vpgid_leader", BOOL, get_is_vpgid_leader,
	    "process leads its process group (pid namespace)"),
	ROW("proc.is_pgid_leader", BOOL, get_is_pgid_leader,
	    "process leads its process group (host)"),
	NONZERO("proc.exe_ino", INT64, exe_ino, "inode of the executable"),
	NONZERO("proc.exe_ino.ctime", ABSTIME, exe_ino_ctime,
		"last change of the executable's inode, ns since the epoch"),
	NONZERO("proc.exe_ino.mtime", ABSTIME, exe_ino_mtime,
		"last modification of the executable, ns since the epoch"),
	NONZERO("proc.exe_ino.ctime_duration_proc_start", ABSTIME,
		exe_ino_ctime_duration_clone_ts,
		"ns from the change of the executable's inode to the start of the process"),
	NONZERO("proc.exe_ino.ctime_duration_pidns_start", ABSTIME,
		exe_ino_ctime_duration_pidns_start,
		"ns from the start of the pid namespace to the change of the executable's inode"),
	NONZERO("proc.pidns_init_start_ts", UINT64, pidns_init_start_ts,
		"start of the pid namespace, ns since the epoch"),
	ROW("proc.fdopencount", UINT64, get_fdopencount, "number of open fds"),
	ROW("proc.fdlimit", INT64, get_fdlimit, "limit of open fds"),
	ROW("proc.fdusage", DOUBLE, get_fdusage, "open fds in percent of the limit"),
	MEMBER("proc.vmsize", UINT64, vmsize_kb, "virtual memory in kB"),
	MEMBER("proc.vmrss", UINT64, vmrss_kb, "resident memory in kB"),
	MEMBER("proc.vmswap", UINT64, vmswap_kb, "swapped memory in kB"),
	ROW("proc.nthreads", UINT64, get_nthreads, "number of threads, the leader included"),
	ROW("proc.nchilds", UINT64, get_nchilds, "number of threads besides the leader"),
	ROW("proc.stdin.type", CHARBUF, get_stdio_type, "type of fd 0", .offset = 0),
	ROW("proc.stdout.type", CHARBUF, get_stdio_type, "type of fd 1", .offset = 1),
	ROW("proc.stderr.type", CHARBUF, get_stdio_type, "type of fd 2", .offset = 2),
	ROW("proc.stdin.name", CHARBUF, get_stdio_name, "name of fd 0", .offset = 0),
	ROW("proc.stdout.name", CHARBUF, get_stdio_name, "name of fd 1", .offset = 1),
	ROW("proc.stderr.name", CHARBUF, get_stdio_name, "name of fd 2", .offset = 2),
	MEMBER("proc.pgid", INT64, pgid, "process group id on the host"),
	ROW("proc.pgid.name", CHARBUF, proc_get_pgid_leader,
	    "command name of the process group leader (host)", AT(comm)),
	ROW("proc.pgid.exe", CHARBUF, proc_get_pgid_leader,
	    "first argument of the process group leader (host)", AT(exe)),
	ROW("proc.pgid.exepath", CHARBUF, proc_get_pgid_leader,
	    "executable path of the process group leader (host)", AT(exepath)),
};

const struct field_class field_class_proc = {
	.name = "process",
	.desc = "the process that made the event, its ancestors and leaders",
	.fields = fields,
	.count = ARRAY_SIZE(fields),
};
