/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of a test that repeat a process: execve and clone. Their parameters come from what the
 * test says about the process, unless it sets them itself.
 */
#include "agent/ruletest_build.h"

static void num(struct build_event *e, const char *param, int64_t v)
{
	int i = build_param_index(e->p.type, param);

	if (i >= 0 && !e->p.set[i])
		build_param_num(e->b, &e->p, (unsigned)i, v);
}

static void text(struct build_event *e, const char *param, struct str s)
{
	int i = build_param_index(e->p.type, param);

	if (i >= 0 && !e->p.set[i] && s.p)
		build_param_text(e->b, &e->p, (unsigned)i, s);
}

static void bytes(struct build_event *e, const char *param, struct str s)
{
	int i = build_param_index(e->p.type, param);

	if (i >= 0 && !e->p.set[i] && s.p)
		build_param_bytes(e->b, &e->p, (unsigned)i, s);
}

/* Members that both kinds of events have. */
static void common(struct build_event *e, const struct build_proc *p)
{
	text(e, "exe", p->exe);
	bytes(e, "args", p->args);
	num(e, "tid", e->proc->pid);
	num(e, "pid", e->proc->pid);
	num(e, "ptid", e->proc->parent ? e->proc->parent->pid : 0);
	num(e, "fdlimit", p->fdlimit);
	text(e, "comm", p->comm);
	text(e, "cgroups", build_cgroups(e->b, e->proc->container));
	num(e, "uid", p->uid);
	num(e, "gid", p->gid);
}

void build_clone_params(struct build_event *e)
{
	common(e, e->proc);
	num(e, "vtid", e->proc->vpid);
	num(e, "vpid", e->proc->vpid);
}

static void remember_image(struct build_proc *p, const struct build_proc *image)
{
	p->comm = image->comm;
	p->exe = image->exe;
	p->exepath = image->exepath;
	p->args = image->args;
}

void build_exec_params(struct build_event *e, struct build_proc *image)
{
	int64_t flags = (image->exe_writable ? WX_WRITABLE : 0) |
			(image->exe_upper ? WX_UPPER_LAYER : 0) |
			(image->exe_lower ? WX_LOWER_LAYER : 0) |
			(image->exe_memfd ? WX_FROM_MEMFD : 0);

	common(e, image);
	bytes(e, "env", image->env);
	num(e, "tty", image->tty);
	num(e, "vpgid", e->proc->vpgid);
	num(e, "pgid", e->proc->pgid);
	num(e, "loginuid", image->loginuid);
	num(e, "flags", flags);
	num(e, "cap_inheritable", (int64_t)image->caps[0]);
	num(e, "cap_permitted", (int64_t)image->caps[1]);
	num(e, "cap_effective", (int64_t)image->caps[2]);
	num(e, "exe_ino", image->exe_ino);
	num(e, "exe_ino_ctime", image->exe_ctime);
	num(e, "exe_ino_mtime", image->exe_mtime);
	text(e, "trusted_exepath", image->exepath);
	text(e, "filename", image->exepath);
	if (e->res == UNSET || e->res >= 0)
		remember_image(e->proc, image);
}
