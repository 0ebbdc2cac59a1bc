/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose event it is: the process that the keys and fields of a test's event mean, known or new, in
 * its container, with what it inherits. Called by ruletest_event.c.
 */
#include "agent/ruletest_build.h"

static struct build_container *named_container(struct build_event *e, const struct yaml_node *n,
					       bool *ret_host)
{
	struct build_container *c;
	struct diag *g;
	struct str name;

	*ret_host = false;
	if (!n || !ruletest_text(e->b->file, n, "container", &name))
		return NULL;
	*ret_host = str_is(name, "host");
	if (*ret_host)
		return NULL;
	c = build_container_find(e->b, name);
	if (!c) {
		g = ruletest_report_node(e->b->file, n, "no container '%.*s'", STR_ARG(name));
		diag_hint(&e->b->file->diags, g, "name it under 'given: containers:', or give "
						 "container.* and k8s.* fields");
	}
	return c;
}

/* Where the process is, or its parent. */
static struct build_container *container_so_far(const struct build_event *e)
{
	if (e->proc->in_world)
		return e->proc->container;
	return e->proc->parent ? e->proc->parent->container : NULL;
}

/* The container that the fields describe; *ret_said: they say something. */
static struct build_container *read_container(struct build_event *e, const struct yaml_node *key,
					      bool *ret_said)
{
	struct build_container *named = named_container(e, key, ret_said), *c;
	const struct yaml_node *at = key;

	c = build_container_new(e->b);
	if (!c)
		return NULL;
	if (named) {
		c->id = named->id;
		*ret_said = true;
	}
	for (uint32_t i = 0; i < e->nfields; i++) {
		struct build_field *f = &e->fields[i];

		f->used = build_container_field(e->b, c, f);
		if (f->used && f->text.p) {
			*ret_said = true;
			at = f->value;
		}
	}
	if (!*ret_said || !at || (!named && at == key))
		return NULL;
	return build_container_settle(e->b, c, container_so_far(e), at);
}

static void link_parent(struct build_event *e, const struct yaml_node *n)
{
	struct str name;

	if (!n || !ruletest_text(e->b->file, n, "parent", &name))
		return;
	if (e->proc->in_world) {
		ruletest_report_node(e->b->file, n, "the process has a parent already");
		return;
	}
	e->proc->parent = build_proc_find(e->b, name);
	if (!e->proc->parent)
		ruletest_report_node(e->b->file, n, "no process '%.*s' was named before",
				     STR_ARG(name));
}

/* proc.ppid: N of a process that exists is a link, too. */
static void link_by_pid(struct build_event *e)
{
	int64_t pid;

	for (uint32_t i = 0; i < e->nfields; i++) {
		const struct build_field *f = &e->fields[i];

		if (!str_is(f->ref.plain, "proc.ppid") || !f->text.p || e->proc->parent ||
		    str_to_i64(f->text, &pid) < 0)
			continue;
		e->proc->parent = build_proc_by_pid(e->b, pid);
	}
}

static void take_proc_fields(struct build_event *e, struct build_proc *p)
{
	for (uint32_t i = 0; i < e->nfields; i++)
		if (!e->fields[i].used)
			e->fields[i].used = build_proc_field(e->b, p, &e->fields[i]);
}

bool build_is_exec(enum event_type type)
{
	return type == EV_EXECVE_19_X || type == EV_EXECVEAT_X;
}

bool build_is_clone(enum event_type type)
{
	return type == EV_CLONE_20_X || type == EV_FORK_20_X || type == EV_VFORK_20_X ||
	       type == EV_CLONE3_X;
}

/* What a process has from its parent, and a new program from the one before. */
static void inherit(struct build_proc *p, const struct build_proc *from)
{
	if (p->uid == UNSET && !p->user_name.p)
		p->uid = from->uid;
	if (p->gid == UNSET && !p->group_name.p)
		p->gid = from->gid;
	if (p->loginuid == UNSET && !p->login_name.p)
		p->loginuid = from->loginuid;
	if (p->tty == UNSET)
		p->tty = from->tty;
	if (!p->env.p)
		p->env = from->env;
	if (!p->cwd.p)
		p->cwd = from->cwd;
}

/* What an execve of a known process starts: its own texts, everything else as it was. */
static struct build_proc *new_image(struct build_event *e)
{
	struct build_proc *old = e->proc, *p = build_proc_new(e->b);

	if (!p)
		return NULL;
	e->b->procs = p->next;	/* not a process of its own */
	p->parent = old->parent;
	p->container = old->container;
	take_proc_fields(e, p);
	build_proc_texts(e->b, p);
	inherit(p, old);
	p->start_ts = old->start_ts;
	p->pid = old->pid;
	p->vpid = old->vpid;
	p->vpgid = old->vpgid;
	p->pgid = old->pgid;
	build_proc_defaults(e->b, p);
	return p;
}

static void find_process(struct build_event *e, const struct build_event_keys *keys)
{
	struct str alias = STR_NONE;
	int64_t pid;

	if (keys->proc && ruletest_text(e->b->file, keys->proc, "proc", &alias))
		e->proc = build_proc_find(e->b, alias);
	for (uint32_t i = 0; i < e->nfields && !e->proc; i++)
		if (str_is(e->fields[i].ref.plain, "proc.pid") &&
		    str_to_i64(e->fields[i].text, &pid) == 0)
			e->proc = build_proc_by_pid(e->b, pid);
	if (e->proc)
		return;
	e->proc = build_proc_new(e->b);
	if (e->proc)
		e->proc->alias = alias;
}

/* The process of the event; returns the image that an execve starts, if it is one. */
struct build_proc *build_event_actor(struct build_event *e, const struct build_event_keys *keys)
{
	bool exec = build_is_exec(e->p.type), said = false;
	struct build_container *c;

	find_process(e, keys);
	if (!e->proc)
		return NULL;
	link_parent(e, keys->parent);
	c = read_container(e, keys->container, &said);
	if (e->proc->in_world)
		return exec ? new_image(e) : e->proc;
	if (!said && e->proc->parent && e->proc->parent->in_world)
		c = e->proc->parent->container;
	e->proc->container = c;
	e->proc->container_known = true;
	link_by_pid(e);
	take_proc_fields(e, e->proc);
	if (e->proc->parent && e->proc->parent->in_world && e->proc->parent != e->b->init)
		inherit(e->proc, e->proc->parent);
	build_proc_texts(e->b, e->proc);
	build_check_comm(e->b, e->proc);
	build_proc_enter(e->b, e->proc, exec && !(e->res < 0 && e->res != UNSET));
	return e->proc;
}

void build_event_process(struct build_event *e, struct str alias, const struct yaml_node *fields)
{
	struct build_event_keys keys = { 0 };

	e->b->at = e->node;
	if (yaml_deref(fields)->kind != YNODE_MAP) {
		ruletest_report_node(e->b->file, fields, "a process is a map: {proc.name: sh}");
		return;
	}
	build_event_keys(e, yaml_deref(fields), &keys);
	if (build_event_actor(e, &keys))
		e->proc->alias = alias;
	for (uint32_t i = 0; i < e->nfields; i++)
		if (!e->fields[i].used)
			ruletest_report_node(e->b->file, e->fields[i].key,
					     "'%.*s' cannot be given for a process",
					     STR_ARG(e->fields[i].key->s));
}
